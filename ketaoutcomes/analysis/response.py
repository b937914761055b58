"""How many respond by a planned time, over three denominators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import (
    cited,
    group_notes,
    outcome_words,
    phase_notes,
    same_time_note,
    selection_notes,
    split_words,
)
from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, Window, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.outcomes import find_outcome, ineligible_reason, met
from ketaoutcomes.derive.scores import HOURS_PER_DAY, scores
from ketaoutcomes.derive.sessions import induction
from ketaoutcomes.derive.windows import NOT_DUE, SCORED, find_window, windowed_of
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.rates import RateResult
from ketaoutcomes.results.text import patients

__all__ = ["response_rates"]


@dataclass(frozen=True)
class _Patients:
    """One entry per treated patient."""

    codes: np.ndarray
    why_not_eligible: np.ndarray
    status: np.ndarray
    meets: np.ndarray

    @property
    def due(self) -> np.ndarray:
        return self.status != NOT_DUE

    @property
    def eligible(self) -> np.ndarray:
        return self.due & (self.why_not_eligible == "")

    @property
    def scored(self) -> np.ndarray:
        return self.eligible & (self.status == SCORED)


def response_rates(
    cohort: Cohort,
    instrument: str,
    *,
    at: str | float = "end_of_induction",
    outcome: str | None = "response",
    by: str | None = None,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> RateResult:
    """Share of patients who meet a definition in a window, over three denominators.

    The score is the one nearest to the window's target, ties to the earlier,
    never the best. Over all who started, and over those with a valid baseline, a
    patient without a score in the window counts as not responding: these are
    lower bounds. Over those scored nothing is assumed. Patients whose window had
    not closed at the data cut are in no denominator, scored already or not, and
    are counted apart.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    at : str or float
        Name of a window, e.g. "end_of_induction", "24_hours", "day_28"; or a number of days
        that a window is named for: 28 is "day_28". Other days are refused.
    outcome : str
        "response", "remission" (the instrument's default of that kind), or the
        name of a definition; the words that `time_to_response` takes as `definition`.
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1).
    baseline : str
        Name of the baseline rule.
    level : float
        Confidence level of the Wilson intervals.

    Returns
    -------
    RateResult
        `.table`: the `by` column, `denominator` ("starters",
        "baseline_eligible", "scored"), `n_events`, `n`, `n_missing` (patients
        of the denominator whose outcome is not known), `n_not_due` (patients
        left out because their window had not closed), `estimate`, `conf_low`,
        `conf_high`.

    Raises
    ------
    DataError
        If the instrument has no score, or a name is not known.

    Source
    ------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209.
    """
    check_cohort(cohort)
    check_level(level)
    known = find_instrument(instrument)
    definition, window, rule = find_outcome(outcome, known), find_window(at), baseline_rule(baseline)
    people = _patients(cohort, known, definition, window, rule)
    grouped = groups(cohort, by)
    level_of = grouped.code[people.codes]
    table = _table(people, grouped, level_of, level)
    n_missing_level = int((level_of < 0).sum())
    return RateResult(
        title=f"{definition.label}, {known.name}, {window.label}",
        table=table,
        notes=(
            *_notes(cohort, people, known, definition, window),
            *group_notes(grouped, n_missing_level, 0, 0),
            *selection_notes(cohort),
            UNCONTROLLED,
        ),
        definitions=_definitions(cohort, definition, window, rule),
        provenance=provenance_of(
            "response_rates",
            cohort.fingerprint,
            {
                "instrument": known.name,
                "at": window.name,
                "outcome": definition.name,
                "by": by,
                "baseline": rule.name,
                "level": level,
            },
        ),
        level=level,
        by=by,
        per="patient",
        shows=_shows(definition, known, window, by),
    )


def _shows(definition: Outcome, known: Instrument, window: Window, by: str | None) -> str:
    """``"Response at end of induction, % of patients counted (PHQ-9 at least 50% below baseline)"``."""
    head, rule = outcome_words(definition, known)
    when = window.label.partition(" (")[0]
    when = when[:1].lower() + when[1:]
    return f"{head} at {when}, % of patients counted ({rule}){split_words(by)}"


def _patients(
    cohort: Cohort, instrument: Instrument, definition: Outcome, window: Window, rule: BaselineRule
) -> _Patients:
    placed = scores(cohort, instrument.name)
    start = baseline_of(cohort, placed, instrument, rule)
    seen = windowed_of(cohort, placed, window)
    points = start["baseline"].to_numpy(float)
    why = ineligible_reason(definition, instrument, points, start["reason"].to_numpy(dtype=object))
    meets = met(definition, instrument, seen["score"].to_numpy(float), points)
    return _Patients(patient_codes(start), why, seen["status"].to_numpy(dtype=object), meets)


def _table(people: _Patients, grouped: Groups, level_of: np.ndarray, level: float) -> pd.DataFrame:
    """Three rows per group; an empty group (all its patients not yet due) has n 0."""
    n_levels = len(grouped.levels)

    def per_level(mask: np.ndarray) -> np.ndarray:
        return np.bincount(level_of[mask & (level_of >= 0)], minlength=n_levels)

    events = per_level(people.scored & people.meets)
    known = per_level(people.scored)
    not_due = per_level(~people.due)
    sizes = {
        "starters": per_level(people.due),
        "baseline_eligible": per_level(people.eligible),
        "scored": known,
    }
    columns = {} if grouped.by is None else {grouped.by: np.repeat(np.array(grouped.levels, dtype=object), 3)}
    n = np.column_stack(list(sizes.values())).ravel()
    x = np.repeat(events, 3)
    low, high = wilson(x, n, level=level)
    frame = pd.DataFrame(
        {
            **columns,
            "denominator": list(sizes) * n_levels,
            "n_events": x,
            "n": n,
            "n_missing": n - np.repeat(known, 3),
            "n_not_due": np.repeat(not_due, 3),
            "estimate": np.divide(x, n, out=np.full(x.size, np.nan), where=n > 0),
            "conf_low": low,
            "conf_high": high,
        }
    )
    if grouped.by is None:
        return frame
    used = np.repeat(sizes["starters"] + not_due > 0, 3)
    frame[grouped.by] = frame[grouped.by].infer_objects()
    return frame[used].reset_index(drop=True)


def _notes(
    cohort: Cohort, people: _Patients, known: Instrument, definition: Outcome, window: Window
) -> list[str]:
    """Who is in which denominator, and why."""
    n_due = int(people.due.sum())
    notes = [
        "'starters' and 'baseline_eligible' count a patient without a score in the window as not meeting the "
        "definition: lower bounds. 'scored' leaves them out."
    ]
    n_open = int((~people.due).sum())
    if n_open:
        notes.append(
            f"{patients(n_open)} not yet due: the window had not closed at the data cut; in no denominator."
        )
        if cohort.settings.data_cut is None and "hours_to_data_cut" in cohort.patients.columns:
            notes.append(
                "cohort.toml states no data_cut, so the last record of anybody stands for it; if the export "
                "was made later, some of these windows had closed: state data_cut to count them."
            )
    notes += _tallied(
        f"of {patients(n_due)} who started without a valid baseline", people.why_not_eligible[people.due]
    )
    eligible = people.status[people.eligible]
    without = f"of {patients(eligible.size)} with a valid baseline not scored"
    notes += _tallied(without, np.where(eligible == SCORED, "", eligible))
    notes += _open_notes(cohort, people, window)
    if window.anchor == "last_induction_session":
        notes += phase_notes(induction(cohort))
    notes.append(same_time_note(cohort))
    if window.anchor == "first_session" and window.target_hours < known.recall_days * HOURS_PER_DAY:
        notes.append(
            f"{known.name} asks about the past {known.recall_days:g} days: in this window a score still "
            "looks back to before session 1."
        )
    if definition.kind == "remission":
        notes.append("Remission at one assessment, not sustained remission.")
    return notes


def _open_notes(cohort: Cohort, people: _Patients, window: Window) -> list[str]:
    """Warn where those who left cannot be told from those whose window is still open."""
    followed = follow_up(cohort)
    if followed.cut_known:
        return []
    unscored = people.codes[people.due & (people.status != SCORED)]
    unscored = unscored[~followed.left[unscored]]
    anchor = 0.0 if window.anchor == "first_session" else np.nan_to_num(induction(cohort).last_hour[unscored])
    with np.errstate(invalid="ignore"):
        ends_early = ~(followed.last_hour[unscored] >= anchor + window.high_hours)
    n_early = int(ends_early.sum())
    if not n_early:
        return []
    return [
        f"{patients(n_early)} of those not scored have no record after the window's end, and neither a data "
        "cut nor a disposition tells whether they left or are not yet due; they count as not scored."
    ]


def _tallied(head: str, reasons: np.ndarray) -> list[str]:
    found, counts = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    if not found.size:
        return []
    order = np.lexsort((found, -counts))
    parts = "; ".join(f"{found[k]} {counts[k]}" for k in order)
    return [f"{counts.sum()} {head}: {parts}."]


def _definitions(cohort: Cohort, definition: Outcome, window: Window, rule: BaselineRule):
    found = [cited(definition), cited(window), cited(rule)]
    if window.anchor == "last_induction_session":
        ended = induction(cohort)
        name, text, source = ended.rule.name, ended.rule.text, ended.rule.source
        where = "phase derived by this rule"
        if not ended.derived:
            where = "phase as the clinic gave it; complete by this rule"
        if ended.n_filled:
            cells = "1 cell" if ended.n_filled == 1 else f"{ended.n_filled:,} cells"
            where += f"; {cells} without it filled from the sessions around them"
        found.append((name, f"{text.rstrip('.')} ({where})", source))
    return tuple(found)
