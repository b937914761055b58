"""Case by case: a risk-adjusted CUSUM, and cumulative expected less observed events (VLAD)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.covariates import covariate_frame
from ketaoutcomes.analysis.frame_columns import check_columns, check_word, read_named
from ketaoutcomes.analysis.funnel_units import numbers_of
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.draw.labels import count, number
from ketaoutcomes.engine.sequential import (
    HIGHEST,
    LOWEST,
    clipped,
    cusum_limit,
    cusum_path,
    cusum_scores,
    in_control_length_of,
    vlad,
)
from ketaoutcomes.engine.standardise import chances_by, expected_events
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.formula.plan import IDENTIFIER
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.sequential import SequentialResult

__all__ = ["sequential_chart"]

KINDS = ("cusum", "vlad")
COLUMNS = ("case", "event", "expected", "score", "cusum", "vlad", "signal")
FEWEST_BASELINE_EVENTS = 10
SOURCE = "Steiner, Cook, Farewell and Treasure 2000, Biostatistics 1, 441"


@dataclass(frozen=True)
class _Cases:
    """Monitored cases in order, and what the expected probabilities come from."""

    event: np.ndarray
    risk: np.ndarray
    label: np.ndarray | None
    reference: np.ndarray
    notes: tuple[str, ...]


def sequential_chart(
    data: pd.DataFrame,
    *,
    event: str,
    expected: str | None = None,
    order: str | None = None,
    baseline: int | str | None = None,
    kind: str = "cusum",
    odds_ratio: float = 2.0,
    limit: float | None = None,
    in_control_length: float = 10_000.0,
    title: str | None = None,
) -> SequentialResult:
    """Cases one after the other, each beside the probability that was expected of it.

    The CUSUM rises with each event that was not expected and falls back to 0 otherwise; at its limit
    it gives a signal and begins anew. The VLAD is the running sum of expected less observed events. A
    signal says that the odds of the event may have changed, not why. No clinic is compared.

    Parameters
    ----------
    data : DataFrame
        One row per case, e.g. of `cases_of`.
    event : str
        Column of 0 and 1, or true and false.
    expected : str, optional
        Column of each case's expected probability; or a formula such as "~ age + dose_mg_per_kg", fitted
        by logistic regression to the baseline. Without it every case is expected to be as the baseline's
        share.
    order : str, optional
        Column by which cases follow each other (a date, a month, a number); ties stay as they are. By
        default the order of rows.
    baseline : int or str, optional
        The first so many cases, or a column of true and false that marks them. They are what is expected
        and are not monitored. Needed unless `expected` is a column of probabilities.
    kind : {"cusum", "vlad"}
        What is drawn; the table has both.
    odds_ratio : float
        The change to look for: 2 for odds doubled (side effects), 0.5 for odds halved (response).
    limit : float, optional
        Of the CUSUM; by default the one that gives `in_control_length`.
    in_control_length : float
        Cases between false signals, on average.
    title : str, optional

    Returns
    -------
    SequentialResult
        `.table`, one row per monitored case: `case` (1, 2, …), the `order` column, `event`, `expected`,
        `score` (log likelihood ratio), `cusum`, `vlad` (expected less observed so far), `signal`. `.signals`:
        one row per signal. `.limit`, `.in_control_length`, `.signal` (one sentence).

    Raises
    ------
    DataError
        If a column is absent or cannot be used, or no case is left to monitor.
    ConvergenceError
        If the model of the baseline has no finite maximum, or no limit gives the length asked for.

    Source
    ------
    Steiner et al. (2000), Biostatistics 1, 441; VLAD: Lovegrove et al. (1997), Lancet 350, 1128. Checked:
    tests/engine/test_sequential.py, tests/analysis/test_sequential_chart.py.

    Examples
    --------
    Nausea by session, against the first 300 sessions with a record, given their dose; and response by
    patient, looking for its odds to halve::

        cases = cases_of(cohort, "side_effects", effect="nausea", ascertainment="checklist")
        sequential_chart(cases, event="event", expected="~ dose_mg_per_kg", order="month", baseline=300)

        cases = cases_of(cohort, "response", instrument="PHQ-9")
        sequential_chart(
            cases, event="event", expected="~ baseline", order="month", baseline=80, odds_ratio=0.5
        )
    """
    check_word("kind", kind, KINDS)
    is_formula = isinstance(expected, str) and "~" in expected
    marked = baseline if isinstance(baseline, str) else None
    names = {"event": event, "expected": None if is_formula else expected, "order": order, "baseline": marked}
    check_columns(data, names, needed=("event",), once=False)
    _check_names(names, order, title)
    _check_numbers(baseline, odds_ratio, limit, in_control_length)
    if baseline is None and (expected is None or is_formula):
        raise DataError(
            "give baseline=, the first so many cases or a column that marks them, from which to expect; or "
            "expected=, a column of probabilities"
        )
    cases = _cases(data, event, expected, is_formula, order, baseline)
    asked = float(in_control_length)
    if limit is None:
        limit = cusum_limit(cases.reference, odds_ratio, asked)
    else:
        asked = in_control_length_of(cases.reference, odds_ratio, limit)
    scores = cusum_scores(cases.event, cases.risk, odds_ratio)
    path, signal = cusum_path(scores, limit)
    columns = {"case": np.arange(1, scores.size + 1)}
    if order is not None:
        columns[order] = cases.label
    table = pd.DataFrame(
        {
            **columns, "event": cases.event.astype(np.int64), "expected": cases.risk, "score": scores,
            "cusum": path, "vlad": vlad(cases.event, cases.risk), "signal": signal,
        }
    )  # fmt: skip
    arguments = {
        "event": event, "expected": expected, "order": order, "baseline": baseline, "kind": kind,
        "odds_ratio": odds_ratio, "limit": limit, "in_control_length": in_control_length,
    }  # fmt: skip
    return SequentialResult(
        title=title or f"{event}, case by case",
        table=table,
        notes=(*cases.notes, *_notes(table, asked, odds_ratio), UNCONTROLLED),
        definitions=_definitions(odds_ratio, limit, asked),
        provenance=provenance_of("sequential_chart", "", arguments),
        kind=kind,
        order=order,
        odds_ratio=float(odds_ratio),
        limit=float(limit),
        in_control_length=float(asked),
    )


def _check_names(names: dict, order, title) -> None:
    if order is not None and order == names["event"]:
        raise DataError("order and event name the same column; order is a date, a month or a number")
    if order == IDENTIFIER:
        raise DataError(
            f"{IDENTIFIER} is an identifier and stands in no table; give a date, a month or a number"
        )
    if order in COLUMNS:
        raise DataError(f"order='{order}' is a column of the result; give yours another name")
    if title is not None and not isinstance(title, str):
        raise DataError("title is a text, or left out")


def _check_numbers(baseline, odds_ratio, limit, in_control_length) -> None:
    if not is_number(odds_ratio) or not np.isfinite(odds_ratio) or odds_ratio <= 0 or odds_ratio == 1:
        raise DataError(
            "odds_ratio is a number above 0 other than 1: 2 for odds doubled, 0.5 for odds halved"
        )
    if limit is not None and not (is_number(limit) and 0 < limit < np.inf):
        raise DataError("limit is a number above 0; without it it follows from in_control_length")
    if not is_number(in_control_length) or not 2 <= in_control_length <= 1e7:
        raise DataError("in_control_length is a number of cases between 2 and 10,000,000, e.g. 10_000")
    is_whole = isinstance(baseline, int | np.integer) and not isinstance(baseline, bool)
    if baseline is not None and not isinstance(baseline, str) and (not is_whole or baseline < 2):
        raise DataError("baseline is the number of first cases, 2 or more, or a column of true and false")


def _cases(data: pd.DataFrame, event: str, expected, is_formula: bool, order, baseline) -> _Cases:
    """Complete cases in order, those of the baseline apart, with what is expected of each."""
    happened = numbers_of(data, event)
    keep, notes = np.isfinite(happened), []
    if not np.isin(happened[keep], (0.0, 1.0)).all():
        n_bad = int((~np.isin(happened[keep], (0.0, 1.0))).sum())
        raise DataError(Problem("must be 0 or 1", table="data", column=event, n_rows=n_bad))
    lost = {event: int((~keep).sum())}
    rows = _ordered(data, order)
    if order is not None:
        lost[order] = len(data) - rows.size
    rows = rows[keep[rows]]
    if is_formula:
        design = covariate_frame(expected, data.iloc[rows])
        lost |= dict(design.dropped)
        rows, x = rows[design.kept], design.x
    elif expected is not None:
        known = numbers_of(data, expected)
        lost[expected] = int((~np.isfinite(known[rows])).sum())
        rows = rows[np.isfinite(known[rows])]
    notes += [
        f"{count(n)} {'case' if n == 1 else 'cases'} left out: '{name}' is missing."
        for name, n in lost.items()
        if n
    ]
    if not rows.size:
        names = ", ".join(f"'{name}' in {count(n)}" for name, n in lost.items() if n)
        raise DataError(f"no case is left of {count(len(data))}; missing: {names}")
    first = _baseline_of(data, rows, baseline)
    y = happened[rows]
    if expected is None or is_formula:
        x = x if is_formula else np.ones((rows.size, 1))
        new = _first_seen(x, first)
        if new.any():
            notes.append(
                f"{count(new.sum())} monitored cases left out: no baseline case has their level of a "
                "covariate."
            )
            rows, x, y, first = rows[~new], x[~new], y[~new], first[~new]
        risk, words = _expected_of(x, y, first, expected)
        notes.append(words)
    else:
        risk = known[rows]
    risk = clipped(risk)
    if first.all():
        raise DataError("no case is left to monitor after the baseline; give a shorter baseline")
    notes += _dependence(data, rows[~first])
    label = None if order is None else data[order].to_numpy()[rows][~first]
    reference = risk[first] if first.any() else risk
    return _Cases(y[~first] == 1.0, risk[~first], label, reference, tuple(notes))


def _ordered(data: pd.DataFrame, order: str | None) -> np.ndarray:
    """Positions of the rows in order; rows without a place in it are left out."""
    if order is None:
        return np.arange(len(data))
    if list(data.columns).count(order) != 1:
        read_named(data, order)  # which says what is absent, or there twice
    values = data[order].reset_index(drop=True)
    known = values[values.notna()]
    try:
        return known.sort_values(kind="stable").index.to_numpy()
    except TypeError:
        raise DataError(
            Problem("mixes kinds that have no common order", table="data", column=order)
        ) from None


def _baseline_of(data: pd.DataFrame, rows: np.ndarray, baseline) -> np.ndarray:
    """Marks the baseline among the ordered rows."""
    if baseline is None:
        return np.zeros(rows.size, bool)
    if not isinstance(baseline, str):
        return np.arange(rows.size) < baseline
    column = read_named(data, baseline)
    marked = numbers_of(data, baseline) if column.is_bool or column.is_number else None
    if marked is None or not np.isin(marked[np.isfinite(marked)], (0.0, 1.0)).all():
        raise DataError(Problem("marks the baseline by true and false", table="data", column=baseline))
    first = marked[rows] == 1.0
    if not first.any():
        raise DataError(Problem("marks no case that can be used", table="data", column=baseline))
    return first


def _first_seen(x: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Marks monitored cases with a column that is the same in all baseline cases and another in them."""
    if not first.any():
        return np.zeros(len(x), bool)
    base = x[first]
    fixed = (base == base[0]).all(axis=0)
    return (x[:, fixed] != base[0, fixed]).any(axis=1)


def _expected_of(x: np.ndarray, y: np.ndarray, first: np.ndarray, formula) -> tuple[np.ndarray, str]:
    """Each case's probability by a logistic model of the baseline cases, and the sentence that says so."""
    n, n_events = int(first.sum()), int(y[first].sum())
    if min(n_events, n - n_events) < FEWEST_BASELINE_EVENTS:
        raise DataError(
            f"the baseline of {count(n)} cases has {count(min(n_events, n - n_events))} with the rarer "
            f"outcome; {FEWEST_BASELINE_EVENTS} are needed to say what is expected"
        )
    model = expected_events(x[first], y[first])
    what = "their share of events" if formula is None else f"a logistic model {formula}"
    words = (
        f"Expected: {what}, from {count(n)} baseline cases with {count(n_events)} events, which are not "
        "monitored. It is taken as known; with a short baseline false signals come more often."
    )
    return chances_by(model, x), words


def _dependence(data: pd.DataFrame, rows: np.ndarray) -> list[str]:
    """A note where patients have several cases."""
    if IDENTIFIER not in data.columns:
        return []
    n_patients = data[IDENTIFIER].iloc[rows].nunique()
    if n_patients == rows.size:
        return []
    return [
        f"The {count(rows.size)} cases are of {count(n_patients)} patients. Cases of one patient are alike, "
        "so that false signals come more often than the limit says."
    ]


def _notes(table: pd.DataFrame, length: float, odds_ratio: float) -> list[str]:
    notes = [
        f"Observed {count(table['event'].sum())} events, expected {number(table['expected'].sum(), 1)}, in "
        f"{count(len(table))} cases.",
        f"A false signal comes once in about {count(round(length))} cases as expected, on average; with "
        "several charts more often.",
    ]
    n_clipped = int(table["expected"].isin([LOWEST, HIGHEST]).sum())
    if n_clipped:
        notes.append(
            f"{count(n_clipped)} expected probabilities lie at the edge of {LOWEST}–{HIGHEST}, within which "
            "all are kept."
        )
    side = "more" if odds_ratio > 1 else "fewer"
    notes.append(f"The CUSUM looks for {side} events than expected only.")
    return notes


def _definitions(odds_ratio: float, limit: float, length: float) -> tuple[tuple[str, str, str], ...]:
    return (
        (
            "CUSUM",
            f"C = max(0, C + W), W = y log(OR) - log(1 - p + OR p), OR {odds_ratio:g}; signal at "
            f"{number(limit, 2)}, then anew from 0; the limit by a Markov chain for a mean of "
            f"{count(round(length))} cases between false signals",
            SOURCE,
        ),
        ("VLAD", "Cumulative expected less observed events", "Lovegrove et al. 1997, Lancet 350, 1128"),
    )
