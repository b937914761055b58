"""Cumulative incidence of competing events, from any frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.covariates import covariate_frame
from ketaoutcomes.analysis.frame_columns import check_word, landmark_times
from ketaoutcomes.analysis.incidence_notes import (
    FEWEST_FOR_P,
    SMALLEST_GROUP,
    emptied_notes,
    incidence_notes,
    landmark_notes,
    listed,
    model_notes,
)
from ketaoutcomes.analysis.incidence_rows import EventRows, event_rows, group_codes
from ketaoutcomes.derive.arguments import check_level
from ketaoutcomes.engine.competing import AalenJohansen, aalen_johansen, incidence_at, one_minus_km
from ketaoutcomes.engine.fine_gray import fine_gray
from ketaoutcomes.engine.gray import gray_test
from ketaoutcomes.engine.survival import weight_from
from ketaoutcomes.engine.wald import t_limit, t_p_value
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.incidence import IncidenceResult, SubdistributionResult

__all__ = ["cumulative_incidence", "subdistribution_hazards"]

TABLES = ("table", "landmarks", "naive", "totals", "emptied")
COLUMNS = (
    "event", "time", "estimate", "conf_low", "conf_high", "std_error", "n_at_risk", "n_events", "event_free",
    "incidence", "gap", "statistic", "df", "p_value", "n_patients", "n",
)  # fmt: skip
# Landmarks if none are asked for: the last of these that the follow-up reaches.
PLANNED = {
    "days": (1, 2, 4, 7, 14, 28, 56, 91, 182, 364, 728, 1092, 1456, 1820, 3640, 5460, 7280),
    "hours": (1, 2, 4, 8, 24, 48, 72, 168, 336, 672),
}
MOST_LANDMARKS = 5
LIMITS = ["conf_low", "conf_high"]
AALEN = (
    "Cumulative incidence",
    "Share of patients who have had the event by a time, when other events can come first: the sum over "
    "times of the share still without any event, times the hazard of this event (Aalen–Johansen). The "
    "shares of all events and the share without any add up to 1",
    "Aalen and Johansen 1978, Scand. J. Stat. 5, 141",
)
NAIVE = (
    "1 − Kaplan–Meier",
    "The other events counted as censored: the share that would have the event if the others did not exist "
    "and were unrelated to it. It is above the share that has it",
    "Gooley et al. 1999, Stat. Med. 18, 695",
)
GRAY = (
    "Gray's test",
    "Whether the groups have the same cumulative incidence of an event (rho = 0)",
    "Gray 1988, Ann. Stat. 16, 1141",
)
FINE_GRAY = (
    "Subdistribution hazard ratio",
    "Ratio of the hazards of the event where patients with another event stay in the risk set: above 1 the "
    "cumulative incidence is higher. It is no ratio of rates among patients still without any event",
    "Fine and Gray 1999, J. Am. Stat. Assoc. 94, 496",
)


def cumulative_incidence(
    data: pd.DataFrame,
    *,
    time: str,
    event: str,
    censored: object = "censored",
    by: str | None = None,
    entry: str | None = None,
    clusters: str | None = None,
    level: float = 0.95,
    at: float | Sequence[float] | None = None,
    unit: str = "days",
) -> IncidenceResult:
    """Share of patients with each of several events, against time.

    Events compete: a patient who stops treatment cannot respond any more. Counting the others as
    censored (1 - Kaplan-Meier) overstates each event; that curve is given beside, with the gap.
    Events at one time share the risk set, so no order of tied events is assumed; a censoring at the
    time of an event counts as after it.

    Parameters
    ----------
    data : DataFrame
        One row per patient, or per episode with `clusters`.
    time : str
        Column of the time of the event or of censoring, a number not below 0.
    event : str
        Column that says what happened: words, categories (also such as nobody had), numbers, or true
        and false.
    censored : str, number, bool or None
        The value that means that nothing was seen to happen: by default the word "censored", 0 in a
        column of numbers, False in one of true and false. None: a missing event means censored;
        otherwise missing events are refused.
    by : str, optional
        Column of groups; a set of curves per group, and Gray's test for each event.
    entry : str, optional
        Column of the time from which a row is under observation; without it all are from time 0.
    clusters : str, optional
        Column that names the patient where patients have several rows; limits then allow for
        dependence within patients.
    level : float
        Confidence level.
    at : float or sequence of float, optional
        Times of the landmarks, in `unit`.
    unit : {"days", "hours"}
        Of all times.

    Returns
    -------
    IncidenceResult
        `.table`, `.landmarks`, `.naive`, `.gray`, `.totals`, `.plot(kind="stacked" or "lines")`.

    Raises
    ------
    DataError
        If a column is absent or holds what it should not, an event or a time is missing, or patients
        have several rows and `clusters` is not given.

    Source
    ------
    Aalen and Johansen (1978), Scand. J. Stat. 5, 141; Gray (1988), Ann. Stat. 16, 1141. Checked:
    tests/reference/competing.R.
    """
    check_word("unit", unit, tuple(PLANNED))
    check_level(level)
    rows = event_rows(data, time=time, event=event, censored=censored, entry=entry, clusters=clusters)
    group, levels = group_codes(data, by, taken=COLUMNS)
    sizes = np.bincount(group[group >= 0], minlength=len(levels))
    shown = np.flatnonzero(sizes >= (SMALLEST_GROUP if by is not None else 1))
    if not len(shown):
        raise DataError(f"by='{by}' leaves no group of at least {SMALLEST_GROUP} rows")
    marks = _marks(at, float(rows.time.max()), unit)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for number in shown:
        for name, frame in _tables(rows.taken(group == number), marks, level).items():
            if by is not None:
                frame.insert(0, by, [levels[number]] * len(frame))
            parts[name].append(frame)
    tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    emptied = emptied_notes(tables.pop("emptied"), unit=unit, by=by)
    used = np.isin(group, shown)
    compared = rows.taken(used)
    gray, gray_notes = _gray(compared, np.searchsorted(shown, group[used]), by, len(shown))
    arguments = {
        "time": time, "event": event, "censored": censored, "by": by, "entry": entry, "clusters": clusters,
        "level": level, "at": tuple(marks.tolist()), "unit": unit,
    }  # fmt: skip
    notes = incidence_notes(
        compared,
        group[used],
        by=by,
        entry=entry,
        clusters=clusters,
        n_without=int((group < 0).sum()),
        sizes=sizes,
    )
    split = "" if by is None else f", by {by}"
    return IncidenceResult(
        title=f"Cumulative incidence of {listed(rows.causes)}{split} ({unit})",
        notes=(
            *notes,
            *emptied,
            *landmark_notes(tables["landmarks"], tables["table"], unit, by),
            *gray_notes,
            UNCONTROLLED,
        ),
        definitions=(AALEN, NAIVE, GRAY) if len(gray) else (AALEN, NAIVE),
        provenance=provenance_of("cumulative_incidence", "", arguments),
        gray=gray,
        events=rows.causes,
        unit=unit,
        by=by,
        level=level,
        rows="patients" if rows.patient is None else "episodes",
        **tables,
    )


def subdistribution_hazards(
    formula: str,
    data: pd.DataFrame,
    *,
    time: str,
    event: str,
    cause: str,
    censored: object = "censored",
    clusters: str | None = None,
    level: float = 0.95,
) -> SubdistributionResult:
    """Fine and Gray's model: how covariates go with the cumulative incidence of one event.

    Parameters
    ----------
    formula : str
        Right-hand side, ``"~ age + sex"``; factors as in `lmm`.
    data : DataFrame
        Rows with a missing covariate are left out and counted.
    time, event, censored, clusters, level
        As in `cumulative_incidence`.
    cause : str
        The event that is modelled, in the words of `cumulative_incidence(...).events`.

    Returns
    -------
    SubdistributionResult
        `.table` with robust standard errors, of patients or of `clusters`.

    Raises
    ------
    FormulaError
        If the formula cannot be read or its columns cannot be told apart.
    DataError
        If a column cannot be used, or nobody had the event.
    ConvergenceError
        If the likelihood has no maximum.

    Source
    ------
    Fine and Gray (1999), J. Am. Stat. Assoc. 94, 496. Checked: tests/reference/competing.R.
    """
    check_level(level)
    rows = event_rows(data, time=time, event=event, censored=censored, clusters=clusters)
    check_word("cause", cause, rows.causes)
    frame = covariate_frame(formula, data)
    terms = frame.design.columns[1:]
    if not terms:
        raise DataError("the formula has no covariate; cumulative_incidence gives the curve without any")
    used = rows.taken(frame.kept)
    code = rows.causes.index(cause) + 1
    fit = fine_gray(frame.x[:, 1:], used.time, used.code, cause=code, clusters=used.patient)
    std_error = np.sqrt(np.diag(fit.robust_cov))
    half = float(t_limit(np.inf, level)) * std_error
    p_value = t_p_value(fit.params / std_error, np.inf)
    table = pd.DataFrame(
        {
            "term": terms,
            "estimate": fit.params,
            "std_error": std_error,
            "statistic": fit.params / std_error,
            "p_value": p_value if fit.n_clusters >= FEWEST_FOR_P else np.nan,
            "conf_low": fit.params - half,
            "conf_high": fit.params + half,
        }
    )
    for name, source in (("ratio", "estimate"), ("ratio_low", "conf_low"), ("ratio_high", "conf_high")):
        table[name] = np.exp(table[source])
    arguments = {
        "formula": formula, "time": time, "event": event, "cause": cause, "censored": censored,
        "clusters": clusters, "level": level,
    }  # fmt: skip
    return SubdistributionResult(
        title=f"Subdistribution hazards of {cause}",
        table=table,
        notes=model_notes(frame, fit.n_clusters, clusters),
        definitions=(FINE_GRAY,),
        provenance=provenance_of("subdistribution_hazards", "", arguments),
        formula=formula,
        cause=cause,
        level=level,
        n_patients=fit.n_clusters,
        n_rows=fit.n,
        n_events=fit.n_events,
        n_competing=fit.n_competing,
        cov=pd.DataFrame(fit.robust_cov, columns=terms).assign(term=terms)[["term", *terms]],
        log_likelihood=fit.loglik,
        log_likelihood_null=fit.loglik_null,
    )


def _marks(at, last: float, unit: str) -> NDArray[np.float64]:
    """Times of the landmarks; the last observation where no planned time is reached."""
    if at is not None:
        return landmark_times(at, end=last, unit=unit)
    reached = [float(when) for when in PLANNED[unit] if when <= last]
    return np.array(reached[-MOST_LANDMARKS:] or [last])


def _tables(rows: EventRows, marks: NDArray, level: float) -> dict[str, pd.DataFrame]:
    """The tables of one set of curves."""
    n_causes = len(rows.causes)
    curve = aalen_johansen(
        rows.time, rows.code, entry=rows.entry, clusters=rows.patient, n_causes=n_causes, level=level
    )
    happened = curve.time[curve.n_events.sum(axis=0) > 0]
    times = np.unique(np.concatenate([[0.0], happened, curve.time[-1:]]))
    landmarks, table = _read_at(curve, rows, marks), _read_at(curve, rows, times)
    if rows.patient is not None and rows.n_patients == 1:
        for frame in (landmarks, table):
            frame[[*LIMITS, "std_error"]] = np.nan
    landmarks["event_free"] = np.tile(incidence_at(curve, marks)["event_free"], n_causes)
    naive = []
    for code, name in enumerate(rows.causes, 1):
        found = one_minus_km(rows.time, rows.code, code, entry=rows.entry, level=level)
        frame = pd.DataFrame({"event": name, **vars(found)})[np.isin(found.time, times)]
        frame.loc[frame["time"] > curve.emptied_at, ["estimate", *LIMITS, "incidence", "gap"]] = np.nan
        if rows.patient is not None:
            # The limits of 1 - Kaplan-Meier take rows as independent.
            frame[LIMITS] = np.nan
        naive.append(frame)
    counts = np.bincount(rows.code, minlength=n_causes + 1)
    totals = {
        "event": [*rows.causes, "censored"],
        "n": [*counts[1:], counts[0]],
        "n_patients": rows.n_patients,
    }
    return {
        "table": table,
        "landmarks": landmarks,
        "naive": pd.concat(naive, ignore_index=True),
        "totals": pd.DataFrame(totals),
        "emptied": pd.DataFrame(
            {"time": [curve.emptied_at], "n_later": [int((rows.time > curve.emptied_at).sum())]}
        ),
    }


def _read_at(curve: AalenJohansen, rows: EventRows, times: NDArray) -> pd.DataFrame:
    """The curves at some times, one event after the other."""
    read = incidence_at(curve, times)
    ones = np.ones(len(rows.time))
    n_at_risk = weight_from(rows.time, ones, times)
    if rows.entry is not None:
        # At time 0 those who entered then are counted, afterwards those who entered before.
        n_at_risk -= weight_from(rows.entry, ones, np.where(times == 0, np.nextafter(0.0, 1.0), times))
    n_causes = len(rows.causes)
    return pd.DataFrame(
        {
            "event": np.repeat(rows.causes, len(times)),
            "time": np.tile(times, n_causes),
            "estimate": read["incidence"].ravel(),
            "conf_low": read["conf_low"].ravel(),
            "conf_high": read["conf_high"].ravel(),
            "std_error": read["std_error"].ravel(),
            "n_at_risk": np.tile(np.rint(n_at_risk).astype(np.int64), n_causes),
            "n_events": np.rint(read["n_events"]).astype(np.int64).ravel(),
        }
    )


def _gray(rows: EventRows, group: NDArray, by: str | None, n_groups: int) -> tuple[pd.DataFrame, list[str]]:
    """Gray's test of each event, or why there is none."""
    columns = ["event", "statistic", "df", "p_value", "n_patients", "n_events"]
    if by is None:
        return pd.DataFrame(columns=columns), []
    reason = None
    if n_groups < 2:
        reason = "there is one group"
    elif rows.entry is not None:
        reason = "it does not take late entries"
    elif rows.patient is not None:
        reason = "it takes rows as independent, and patients have several"
    if reason is not None:
        return pd.DataFrame(columns=columns), [f"No test of the groups: {reason}."]
    records = []
    for code, name in enumerate(rows.causes, 1):
        test = gray_test(rows.time, rows.code, group, cause=code)
        records.append(
            (name, test.statistic, test.df, test.p_value, len(rows.time), int(test.n_events.sum()))
        )
    table = pd.DataFrame.from_records(records, columns=columns)
    notes = []
    if len(rows.time) < FEWEST_FOR_P:
        table["p_value"] = np.nan
        notes.append(f"No p-values: fewer than {FEWEST_FOR_P} patients.")
    if table["statistic"].isna().any():
        notes.append("Where no statistic is given the groups have too few events to be compared.")
    return table, notes
