"""A symptom course as two straight lines with random effects by patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.course_model import (
    STILL_SCORED,
    ModelRows,
    best_fit,
    boundary_notes,
    end_of,
    model_rows,
    reach,
)
from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.analysis.notes import cited, same_time_note, selection_notes
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level, planned_times
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.groups import groups
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.course_lines import LinesResult
from ketaoutcomes.results.mixed import LmmResult

__all__ = ["course_lines"]

_DAYS = (0.0, 7.0, 14.0, 21.0, 28.0, 42.0, 56.0, 84.0)
TURNS = (3.0, 7.0, 14.0)
LEAST_PER_ROUTE = 11
OTHER = "other route"


def course_lines(
    cohort: Cohort,
    instrument: str,
    *,
    at: float | tuple[float, ...] = _DAYS,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> LinesResult:
    """Change soon after session 1 and change per week later, of a linear mixed model.

    All scores from the baseline (day 0) up to the last planned day that 10 patients reach are described by
    two straight lines: `early` goes from the baseline to day 3, 7 or 14, and `later` goes on from there.
    Where the lines meet is the day with the largest likelihood (ML) of those by which 10 patients were
    scored; 14 if there is none. Patients have random effects; which ones, see `best_fit`. The route of
    session 1 is in the model, with an early change of its own, where two routes or more have 11 patients.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
    at : float or tuple of float
        Planned days; they say how far scores are used.
    baseline : str
        Name of the baseline rule.
    level : float

    Returns
    -------
    LinesResult
        `.table`: the fixed effects, in points.

    Raises
    ------
    DataError
        If fewer than 10 patients have a baseline, or scores at two times.
    FormulaError, ConvergenceError
        If the rows cannot tell the model's parameters apart, or no optimum is found.
    """
    check_cohort(cohort)
    check_level(level)
    known = find_instrument(instrument)
    rule = baseline_rule(baseline)
    placed = scores(cohort, known.name)
    days = planned_times("at", at, unit="days")
    rows = model_rows(cohort, placed, baseline_of(cohort, placed, known, rule), reach(days))
    _refuse_few(rows)
    until = _until(rows.frame, days)
    kept = rows.frame[rows.frame["day"] < until].reset_index(drop=True)
    turn = _turn(kept)
    frame = _with_lines(kept, turn)
    routes = _routes(cohort, frame)
    fixed = "score ~ early + later"
    if routes:
        frame = frame.assign(route=_route_column(cohort, frame, routes))
        fixed = "score ~ early + later + route + early:route"
    parts = [("early", "later"), ("early",), ("later",), ()]
    fit, random = best_fit(fixed, frame, parts, df=rows.df_method, clinics=rows.has_clinics)
    return LinesResult(
        title=f"Course of {known.name} in two straight lines (linear mixed model)",
        table=_table(fit, turn, routes, level),
        notes=(
            f"Linear mixed model by REML: one line from the baseline to day {turn:g}, one from there to day "
            f"{until:g}; {random} (random effects).",
            f"{fit.n_obs:,} scores of {fit.n_groups['patient_id']:,} patients; the lines meet at the day of "
            f"{', '.join(f'{one:g}' for one in TURNS)} with the largest likelihood.",
            "Valid where missing scores depend only on what was recorded (missing at random).",
            *boundary_notes(fit),
            same_time_note(cohort),
            *selection_notes(cohort),
            UNCONTROLLED,
        ),
        definitions=(cited(rule), *fit.definitions),
        provenance=provenance_of(
            "course_lines",
            cohort.fingerprint,
            {"instrument": known.name, "formula": fit.formula, "baseline": rule.name, "level": level},
        ),
        instrument=known.name,
        minimum=known.minimum,
        maximum=known.maximum,
        higher_is=known.higher_is,
        fit=fit,
        turn=turn,
        until=until,
        routes=routes,
        random=random,
        level=level,
    )


def _refuse_few(rows: ModelRows) -> None:
    begun = int((rows.frame["after"] == 0.0).sum())
    if begun < STILL_SCORED:
        raise DataError(f"{begun} patients have a baseline score; the model takes {STILL_SCORED} or more")


def _until(frame: pd.DataFrame, days: np.ndarray) -> float:
    """End of the last planned day at or after which 10 patients have a score."""
    last = np.sort(frame.groupby("patient_id")["day"].max().to_numpy())[::-1]
    reached = days[days <= last[min(STILL_SCORED, last.size) - 1]]
    return end_of(days, float(reached.max()) if reached.size else 0.0)


def _with_lines(frame: pd.DataFrame, turn: float) -> pd.DataFrame:
    """`early` rises from 0 to 1 at day `turn`; `later` counts the weeks after it."""
    day = frame["day"].to_numpy()
    return frame.assign(early=np.minimum(day, turn) / turn, later=np.maximum(day - turn, 0.0) / 7.0)


def _turn(frame: pd.DataFrame) -> float:
    """The day at which the lines meet."""
    after = frame[frame["after"] == 1.0]
    possible = [
        turn
        for turn in TURNS
        if after.loc[after["day"] <= turn, "patient_id"].nunique() >= STILL_SCORED
        and after.loc[after["day"] > turn, "patient_id"].nunique() >= STILL_SCORED
    ]
    if len(possible) < 2:
        return possible[0] if possible else TURNS[-1]
    formula = "score ~ early + later + (1 | patient_id)"
    deviance = [lmm(formula, _with_lines(frame, turn), reml=False, df="normal").deviance for turn in possible]
    return possible[int(np.argmin(deviance))]


def _routes(cohort: Cohort, frame: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Routes of session 1 with their patients, the commonest first and rare ones together; () if not two."""
    if "route" not in cohort.sessions.columns or not cohort.sessions["route"].notna().any():
        return ()
    found = groups(cohort, "route")
    codes = found.code[frame["patient_id"].unique()]
    sizes = np.bincount(codes + 1, minlength=len(found.levels) + 1)
    missing, known = int(sizes[0]), sizes[1:]
    large = [number for number in np.argsort(-known, kind="stable") if known[number] >= LEAST_PER_ROUTE]
    if len(large) < 2:
        return ()
    rest = int(known.sum() + missing - known[large].sum())
    named = [(str(found.levels[number]), int(known[number])) for number in large]
    return (*named, *([(OTHER, rest)] if rest else []))


def _route_column(cohort: Cohort, frame: pd.DataFrame, routes: tuple[tuple[str, int], ...]) -> pd.Categorical:
    """Route of each row's patient, coded with the commonest as the reference."""
    found = groups(cohort, "route")
    names = [name for name, _ in routes]
    of_level = [str(level) if str(level) in names else OTHER for level in found.levels]
    codes = found.code[frame["patient_id"].to_numpy()]
    labels = [OTHER if code < 0 else of_level[code] for code in codes]
    return pd.Categorical(labels, categories=names)


def _table(fit: LmmResult, turn: float, routes: tuple[tuple[str, int], ...], level: float) -> pd.DataFrame:
    """The fixed effects with what they mean as their names."""
    table = fit.table.copy()
    limits = fit.conf_int(level)
    table["conf_low"], table["conf_high"] = limits["conf_low"].to_numpy(), limits["conf_high"].to_numpy()
    words, sizes = _meanings(turn, routes)
    table.insert(1, "n", pd.array([sizes.get(term, pd.NA) for term in table["term"]], dtype="Int64"))
    table["term"] = [words[term] for term in table["term"]]
    return table


def _meanings(turn: float, routes: tuple[tuple[str, int], ...]) -> tuple[dict[str, str], dict[str, int]]:
    """Each coefficient in words, and the patients of the group that it is about."""
    first = f" ({routes[0][0]})" if routes else ""
    words = {
        "(Intercept)": f"Baseline{first}",
        "early": f"Change to day {turn:g}{first}",
        "later": f"Per week after day {turn:g}",
    }
    sizes = dict.fromkeys(("(Intercept)", "early"), routes[0][1]) if routes else {}
    for name, n in routes[1:]:
        words[f"route{name}"] = f"Baseline, {name} less {routes[0][0]}"
        words[f"early:route{name}"] = f"Change to day {turn:g}, {name} less {routes[0][0]}"
        sizes |= dict.fromkeys((f"route{name}", f"early:route{name}"), n)
    return words, sizes
