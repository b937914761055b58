"""Whether patients are assessed more often when they are worse, and what that does to mean scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.assessment_tables import by_last_score, gap_table, kind_table, rate_table
from ketaoutcomes.analysis.assessment_weights import (
    TRUNCATED,
    Rows,
    course_tables,
    mixed_course,
    observed_course,
)
from ketaoutcomes.analysis.notes import same_time_note, selection_notes, split_words
from ketaoutcomes.analysis.recurrence_model import FEW_CLUSTERS, FEWEST_FOR_P
from ketaoutcomes.analysis.recurrence_tables import check_group_name
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import (
    check_choice,
    check_cohort,
    check_count,
    check_flag,
    check_level,
    planned_times,
)
from ketaoutcomes.derive.assessments import SESSION_BANDS, AssessmentSet, assessment_set
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.landmark import check_known_at_start
from ketaoutcomes.engine.cox import CoxFit, cox
from ketaoutcomes.engine.wald import t_limit, t_p_value
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.assessment_pattern import AssessmentPattern
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.text import patients

__all__ = ["assessment_pattern"]

WEEKS = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 26.0)
POINTS = 5.0
FEWEST_ASSESSMENTS = 50
FEWEST_IN_BAND = 10
# A hazard ratio per 5 points beyond this, or its inverse, is flagged if its limits exclude 1.
NOTABLE = 1.2
_REFERENCE_BAND = 1
_HOURS_PER_WEEK = 7 * HOURS_PER_DAY
_METHODS = (
    (
        "Assessment intensity",
        "Andersen–Gill model of the next assessment on the last score, its change against the one before and "
        "the days since the last session, on the clock since session 1; limits robust by patient",
        "Lin, Scharfstein and Rosenheck 2004, J. R. Stat. Soc. B 66, 791",
    ),
    (
        "Inverse-intensity weights",
        "Each assessment weighs the inverse of its relative intensity, pulled in to the 1st and 99th "
        "percentile; mean scores by generalised estimating equations under independence",
        "Bůžková and Lumley 2007, Can. J. Stat. 35, 485",
    ),
)
_KINDS = ("at a session", "between sessions")


def assessment_pattern(
    cohort: Cohort,
    instrument: str,
    *,
    by: str | None = None,
    weeks: tuple[float, ...] = WEEKS,
    planned: str | None = None,
    mixed: bool = True,
    level: float = 0.95,
    n_replicates: int = 200,
    seed: int = 20260101,
) -> AssessmentPattern:
    """How often patients are assessed, whether the last score matters, and mean scores with that undone.

    If patients who are worse are assessed more often, the plain mean of all scores is too high. The
    intensity of the next assessment is modelled on what is on record; weighting each assessment by
    the inverse of its intensity gives the mean that equally frequent assessments would have shown,
    provided that nothing but the record matters.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`, e.g. "PHQ-9".
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1); all is done per level.
    weeks : tuple of float
        Ends of the periods of the mean course, in weeks since session 1; the last is the horizon of
        everything else as well.
    planned : {"at a session", "between sessions"}, optional
        Assessments that are planned whatever the score: their plain mean is put beside the others.
    mixed : bool
        Also the means of a linear mixed model.
    level : float
        Confidence level.
    n_replicates, seed : int
        Bootstrap samples of patients, with intensities and means made anew in each; 0 for limits
        that take the weights as known.

    Returns
    -------
    AssessmentPattern
        `.table` (hazard ratios), `.rates`, `.gaps`, `.kinds`, `.by_score`, `.course`,
        `.differences`, `.weights`.

    Raises
    ------
    DataError
        If there are fewer than 50 assessments after session 1.

    Source
    ------
    Lin, Scharfstein and Rosenheck (2004), J. R. Stat. Soc. B 66, 791; Buzkova and Lumley (2007),
    Can. J. Stat. 35, 485. Checked by simulation: tests/simulation/test_visits_truth.py.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("n_replicates", n_replicates, meaning=", which takes the weights as known")
    check_count("seed", seed)
    check_flag("mixed", mixed, "whether means of a linear mixed model are given as well")
    if planned is not None:
        check_choice("planned", planned, _KINDS)
    edges = planned_times("weeks", weeks, unit="weeks")
    if edges.size < 2:
        raise DataError("weeks takes at least two ends of periods, e.g. weeks=(0, 4, 12)")
    check_known_at_start(cohort, by)
    check_group_name(by)
    grouped = groups(cohort, by)
    found = assessment_set(cohort, instrument, horizon_hours=float(edges[-1]) * _HOURS_PER_WEEK)
    how = _How(edges, planned, mixed, level, n_replicates, seed)
    parts, notes, small = [], [], []
    for number, name in enumerate(grouped.levels):
        own = grouped.code == number
        if own[found.assessments["code"]].sum() < FEWEST_ASSESSMENTS:
            small.append(number)
            continue
        tables, said = _of_group(found, own, how)
        head = "" if by is None else f"{name}: "
        notes += [f"{head}{sentence}" for sentence in said]
        for frame in tables.values():
            if by is not None:
                frame.insert(0, by, [name] * len(frame))
        parts.append(tables)
    if not parts:
        raise DataError(
            f"there are fewer than {FEWEST_ASSESSMENTS} assessments of {found.instrument.name} after "
            f"session 1{split_words(by)}; how they are spread cannot be modelled"
        )
    tables = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    arguments = {"instrument": found.instrument.name, "by": by, "weeks": tuple(edges.tolist())}
    arguments |= {"planned": planned, "mixed": mixed, "level": level}
    arguments |= {"n_replicates": n_replicates, "seed": seed}
    all_notes = [*_notes(found, how), *_group_notes(grouped, found, small), *notes, same_time_note(cohort)]
    return AssessmentPattern(
        title=f"When {found.instrument.name} is assessed{split_words(by)}: "
        f"weeks {edges[0]:g} to {edges[-1]:g}",
        notes=(*all_notes, *selection_notes(cohort), UNCONTROLLED),
        definitions=_METHODS,
        provenance=provenance_of("assessment_pattern", cohort.fingerprint, arguments),
        by=by,
        level=level,
        instrument=found.instrument.name,
        higher_is=found.instrument.higher_is,
        minimum=float(found.instrument.minimum),
        maximum=float(found.instrument.maximum),
        **tables,
    )


@dataclass(frozen=True)
class _How:
    """What was asked for."""

    edges: np.ndarray
    planned: str | None
    mixed: bool
    level: float
    n_replicates: int
    seed: int


def _of_group(found: AssessmentSet, own: np.ndarray, how: _How) -> tuple[dict, list[str]]:
    """All tables of one group's patients."""
    rows = found.rows[own[found.rows["code"]]]
    assessments = found.assessments[own[found.assessments["code"]]]
    x, names = _columns(rows, found.bands)
    clock = {"stop": rows["stop"], "event": rows["assessed"], "start": rows["start"]}
    clock |= {"clusters": rows["code"], "ties": "breslow"}
    alone, full = cox(x[:, :1], **clock), cox(x, **clock)
    table = pd.concat(
        [
            _ratios("last score alone", names[:1], alone, how.level),
            _ratios("all on record", names, full, how.level),
        ],
        ignore_index=True,
    )
    owner = np.unique(rows["code"], return_inverse=True)[1]
    tables = {
        "table": table,
        "rates": rate_table(rows, how.level),
        "gaps": gap_table(assessments),
        "kinds": kind_table(assessments),
        "by_score": by_last_score(rows, how.level),
    }
    notes = _flags(table, full, names)
    place = np.searchsorted(rows.index.to_numpy(), assessments["row"].to_numpy())
    seen = _rows(assessments, x[place], owner[place], how.edges)
    course = course_tables(
        seen, full, x, owner, level=how.level, n_replicates=how.n_replicates, seed=how.seed
    )
    courses = [course.course]
    if how.planned is not None:
        only = (assessments["kind"] == how.planned).to_numpy()
        if only.any():
            chosen = _rows(assessments[only], x[place][only], owner[place][only], how.edges)
            courses.append(observed_course(chosen, how.level, method=f"only {how.planned}"))
    if how.mixed and (model := mixed_course(seen, how.level)) is not None:
        courses.append(model)
    tables |= {
        "course": pd.concat(courses, ignore_index=True),
        "differences": course.differences,
        "weights": course.weights,
    }
    return tables, [*notes, *course.notes]


def _columns(rows: pd.DataFrame, bands: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """What is on record at the start of each row, and the names of its columns."""
    band, words = _merged(rows["band"].to_numpy(), rows["assessed"].to_numpy(bool), bands)
    others = [number for number in np.unique(band) if number != _REFERENCE_BAND]
    columns = [rows["last_score"].to_numpy(float) / POINTS, rows["last_change"].to_numpy(float) / POINTS]
    names = [f"last score, per {POINTS:g} points", f"its change, per {POINTS:g} points"]
    for number in others:
        columns.append((band == number).astype(float))
        names.append(f"{words[number]} since the last session, against {words[_REFERENCE_BAND]}")
    return np.column_stack(columns), names


def _merged(band: np.ndarray, assessed: np.ndarray, bands: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Bands with few assessments joined to the next one towards the reference, and their names."""
    band, opens, closes = band.copy(), list(range(len(bands))), list(range(len(bands)))
    after = range(len(bands) - 1, _REFERENCE_BAND, -1)
    for number, towards in (*((n, n + 1) for n in range(_REFERENCE_BAND)), *((n, n - 1) for n in after)):
        if (assessed & (band == number)).sum() < FEWEST_IN_BAND:
            band[band == number] = towards
            opens[towards] = min(opens[towards], opens[number])
            closes[towards] = max(closes[towards], closes[number])
    return band, [_band_words(low, high, bands) for low, high in zip(opens, closes, strict=True)]


def _band_words(low: int, high: int, bands: tuple[str, ...]) -> str:
    """``"1 to 14 days"`` for the second and third band together."""
    if low == high:
        return bands[low]
    last = high == len(bands) - 1
    if low == 0:
        return "any time" if last else f"under {SESSION_BANDS[high][0]:g} days"
    begins = f"{SESSION_BANDS[low - 1][0]:g}"
    return f"over {begins} days" if last else f"{begins} to {SESSION_BANDS[high][0]:g} days"


def _ratios(model: str, names, fit: CoxFit, level: float) -> pd.DataFrame:
    """Hazard ratios of the next assessment, with limits robust by patient."""
    m, p = fit.n_clusters, len(fit.params)
    df = float(max(m - p, 1)) if m < FEW_CLUSTERS else np.inf
    factor = m / max(m - 1, 1) if m < FEW_CLUSTERS else 1.0
    known = ~(fit.aliased | fit.infinite)
    with np.errstate(invalid="ignore"):
        error = np.where(known, np.sqrt(factor * np.diag(fit.robust_cov)), np.nan)
    params = np.where(known, fit.params, np.nan)
    statistic, reach = params / error, t_limit(df, level) * error
    p_value = t_p_value(statistic, df) if m >= FEWEST_FOR_P else np.full(p, np.nan)
    with np.errstate(over="ignore"):
        return pd.DataFrame(
            {
                "model": pd.array([model] * p, dtype="str"),
                "term": pd.array(list(names), dtype="str"),
                "estimate": np.exp(params),
                "conf_low": np.exp(params - reach),
                "conf_high": np.exp(params + reach),
                "std_error": error,
                "statistic": statistic,
                "df": np.full(p, df),
                "p_value": p_value,
                "n_events": np.full(p, fit.n_events),
                "n_patients": np.full(p, m),
            }
        )


def _rows(assessments: pd.DataFrame, x: np.ndarray, owner: np.ndarray, edges: np.ndarray) -> Rows:
    """The assessments by period; periods without one are left out."""
    week = assessments["hour"].to_numpy(float) / _HOURS_PER_WEEK
    period = np.clip(np.searchsorted(edges, week, side="left") - 1, 0, len(edges) - 2)
    inside = week >= edges[0]
    used, number = np.unique(period[inside], return_inverse=True)
    return Rows(
        x=x[inside],
        score=assessments["score"].to_numpy(float)[inside],
        period=number,
        patient=owner[inside],
        edges=np.column_stack([edges[used], edges[used + 1]]),
    )


def _flags(table: pd.DataFrame, fit: CoxFit, names: list[str]) -> list[str]:
    """What is said of a notable or an infinite hazard ratio."""
    first = table.iloc[0]
    ratio, excludes = first["estimate"], first["conf_low"] > 1 or first["conf_high"] < 1
    if excludes and (ratio > NOTABLE or ratio < 1 / NOTABLE):
        more = "more" if ratio > 1 else "less"
        notes = [
            f"Look here: after a score {POINTS:g} points higher, patients are assessed {more} often (hazard "
            f"ratio {ratio:.2f}). Plain means of scores are not those of the patients."
        ]
    else:
        notes = []
    for which, why in (
        (fit.infinite, "no assessment, or each one, fell there, so that weights cannot undo it"),
        (fit.aliased, "at each time since session 1 it is the same for all patients"),
    ):
        if which.any():
            lost = "; ".join(name for name, one in zip(names, which, strict=True) if one)
            notes.append(f"No hazard ratio for: {lost}; {why}.")
    if fit.n_clusters < FEW_CLUSTERS:
        notes.append(
            f"Only {fit.n_clusters} patients: limits use the t distribution and may still be too narrow."
        )
    return notes


def _notes(found: AssessmentSet, how: _How) -> list[str]:
    """Who is in, what the weights need, and how limits were made."""
    notes = [
        f"{patients(found.n_patients)} with {len(found.assessments):,} assessments in "
        f"{found.patient_weeks.sum():,.0f} patient-weeks, from session 1 (or the first score after it) until "
        "the records close."
    ]
    if found.n_unscored:
        notes.append(f"{patients(found.n_unscored)} with a session but without a score left out.")
    if found.n_same_time:
        notes.append(f"{found.n_same_time:,} assessments at the time of another one left out.")
    notes.append(
        "Weights undo what is on record: the last score, its change and the days since the last session. If "
        "patients come because of how they feel at that moment, or differ in ways that no score shows, the "
        "weighted mean is still off; only assessments planned in advance (planned=) tell."
    )
    notes.append(
        "Means are of patients still under observation; who has left is not made up for. Time at risk of an "
        "assessment runs until the records close, also for patients who had silently gone."
    )
    if how.n_replicates:
        notes.append(
            f"Limits of weighted means and differences: percentiles of {how.n_replicates} bootstrap samples "
            f"of patients, with intensities estimated anew; weights pulled in to {100 * TRUNCATED:g}% and "
            f"{100 * (1 - TRUNCATED):g}%."
        )
    else:
        notes.append("Limits of weighted means take the weights as known; differences have none.")
    if how.mixed:
        notes.append(
            "Mixed model: an intercept of each patient. It allows for assessments that depend on earlier "
            "scores, in another way than weights, and it also carries patients who have left forward, which "
            "weights do not: late differences from it are mostly of who has left."
        )
    return notes


def _group_notes(grouped: Groups, found: AssessmentSet, small: list[int]) -> list[str]:
    if grouped.by is None:
        return []
    notes = [f"Groups: '{grouped.by}' at session 1."] if grouped.source == "sessions" else []
    missing = int((grouped.code[found.patient_weeks > 0] < 0).sum())
    if missing:
        notes.append(f"{patients(missing)} left out: '{grouped.by}' is missing.")
    if small:
        names = ", ".join(str(grouped.levels[number]) for number in small)
        notes.append(f"Fewer than {FEWEST_ASSESSMENTS} assessments, left out: {names}.")
    return notes
