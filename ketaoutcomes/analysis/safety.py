"""How often side effects occur, per session and per patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import group_notes, selection_notes, split_words
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_level
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.groups import Groups, groups, session_groups
from ketaoutcomes.derive.side_effects import ANY, Recorded, recorded_side_effects
from ketaoutcomes.engine.rates import clopper_pearson, cluster_ratio_by
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.rates import RateResult
from ketaoutcomes.results.text import patients

__all__ = ["side_effect_rates"]

_METHODS = {
    "session": (
        "Rate per session",
        "Sessions with the effect, of sessions whose side effects were recorded; the interval allows for "
        "several sessions per patient (ratio estimator on the logit scale, t with patients - 1 degrees of "
        "freedom)",
        "Cochran 1977, Sampling Techniques, chapter 6",
    ),
    "patient": (
        "Rate per patient",
        "Patients with the effect in at least one recorded session, of patients with at least one recorded "
        "session; exact (Clopper-Pearson) interval. It grows with the number of sessions that a patient has",
        "Clopper and Pearson 1934, Biometrika 26, 404",
    ),
}

_COUNTED = {"session": "sessions with a record", "patient": "patients with a recorded session"}


def side_effect_rates(
    cohort: Cohort,
    *,
    per: str = "session",
    by: str | None = None,
    effects: Sequence[str] | None = None,
    level: float = 0.95,
) -> RateResult:
    """Rate of every side effect, per session or per patient, by the way it was asked for.

    Only sessions with a record count: an explicit "none" is a record, an absent
    one is not. How one asks decides the rate, so checklist, spontaneous and
    scale are never pooled; a session asked in two ways is in both.

    Parameters
    ----------
    cohort : Cohort
    per : {"session", "patient"}
    by : str, optional
        Column of `sessions` or `patients`. Per session it is the session's own
        value, per patient the value at session 1.
    effects : sequence of str, optional
        Which effects to give, besides "any side effect"; all by default.
    level : float
        Confidence level.

    Returns
    -------
    RateResult
        `.table`: `effect` ("any side effect" first, then by size),
        `ascertainment`, the `by` column, `n_events`, `n` (sessions or
        patients), `n_patients`, `estimate`, `conf_low`, `conf_high`, `method`.
        Without any record it has no row, and a note says so.

    Raises
    ------
    DataError
        If `per` is not known, or an effect in `effects` was never recorded.
    """
    check_cohort(cohort)
    check_level(level)
    check_choice("per", per, tuple(_METHODS))
    grouped = session_groups(cohort, by) if per == "session" else groups(cohort, by)
    found = recorded_side_effects(cohort)
    chosen = _chosen(found, effects)
    owner = patient_codes(cohort.sessions)[found.session_row]
    level_of = grouped.code[found.session_row if per == "session" else owner]
    cells = _Cells(found, owner, level_of, len(grouped.levels), len(cohort.patients))
    table = _table(cells, found, grouped, chosen, per, level)
    return RateResult(
        title=f"Side effects per {per}",
        table=table,
        notes=tuple(_notes(cohort, found, grouped, level_of, owner, per)),
        definitions=(_METHODS[per],),
        provenance=provenance_of(
            "side_effect_rates",
            cohort.fingerprint,
            {"per": per, "by": by, "effects": None if effects is None else tuple(effects), "level": level},
        ),
        level=level,
        by=by,
        per=per,
        shows=f"Side effects, % of {_COUNTED[per]}{split_words(by)}",
    )


@dataclass(frozen=True)
class _Cells:
    """Records counted per patient, for one way of asking and one group at a time."""

    found: Recorded
    owner: np.ndarray
    level_of: np.ndarray
    n_levels: int
    n_patients: int

    def counts(self, way: int, level: int) -> tuple[np.ndarray, np.ndarray]:
        """Sessions with each effect (m, k + 1), the first column any effect, and sessions (m, 1)."""
        found = self.found
        n_effects = len(found.effects)
        inside = (found.way == way) & (self.level_of == level)
        people, person = np.unique(self.owner[inside], return_inverse=True)
        trials = np.bincount(person, minlength=people.size)
        place = np.full(inside.size, -1, dtype=np.int64)
        place[inside] = person

        kept = inside[found.record]
        row, column = place[found.record[kept]], found.effect[kept] + 1
        width = n_effects + 1
        events = np.bincount(row * width + column, minlength=people.size * width).reshape(people.size, width)
        with_any = np.unique(found.record[kept])
        events[:, 0] = np.bincount(place[with_any], minlength=people.size)
        return events, trials[:, None]


def _chosen(found: Recorded, effects: Sequence[str] | None) -> np.ndarray:
    """Columns of the effects to give, after "any"; all of them by default."""
    if effects is None:
        return np.arange(len(found.effects))
    if isinstance(effects, str):
        effects = [effects]
    wanted = [str(name).strip().lower() for name in effects]
    wanted = [name for name in wanted if name != ANY]
    unknown = [name for name in wanted if name not in found.effects]
    if unknown and found.session_row.size:
        raise DataError(
            f"{len(unknown)} of the effects asked for were never recorded, and nobody may have asked for "
            "them, so their rate is not known; side_effect_rates(cohort).table['effect'] lists those "
            "recorded"
        )
    return np.array([found.effects.index(name) for name in wanted if name in found.effects], dtype=np.int64)


def _table(
    cells: _Cells, found: Recorded, grouped: Groups, chosen: np.ndarray, per: str, level: float
) -> pd.DataFrame:
    """Rows in order: any effect, then by number of events; within an effect by way and group."""
    names = np.array([ANY, *found.effects], dtype=object)
    columns = np.concatenate([[0], chosen + 1]).astype(np.int64)
    parts = []
    for way in range(len(found.ways)):
        for number in range(len(grouped.levels)):
            events, trials = cells.counts(way, number)
            if not trials.size:
                continue
            part = _rates(events[:, columns], trials, per, level)
            part.insert(0, "effect", names[columns])
            part.insert(1, "ascertainment", found.ways[way])
            if grouped.by is not None:
                part.insert(2, grouped.by, [grouped.levels[number]] * len(part))
            parts.append(part.assign(order=columns, way=way, level=number))
    if not parts:
        return _empty(grouped.by)
    table = pd.concat(parts, ignore_index=True)
    size = table.groupby("order")["n_events"].transform("sum").where(table["order"] > 0, np.inf)
    keys = (table["level"], table["way"], table["order"], -size)
    table = table.iloc[np.lexsort([key.to_numpy() for key in keys])]
    return table.drop(columns=["order", "way", "level"]).reset_index(drop=True)


def _rates(events: np.ndarray, trials: np.ndarray, per: str, level: float) -> pd.DataFrame:
    """Estimates of all columns of (m, k) events over (m, 1) trials."""
    n_patients = trials.size
    if per == "session":
        rate = cluster_ratio_by(events, trials, level=level)
        return pd.DataFrame(
            {
                "n_events": rate.n_events,
                "n": rate.n_trials,
                "n_patients": rate.n_clusters,
                "estimate": rate.estimate,
                "conf_low": rate.conf_low,
                "conf_high": rate.conf_high,
                "method": rate.method.astype(object),
            }
        )
    ever = (events > 0).sum(axis=0)
    low, high = clopper_pearson(ever, n_patients, level=level)
    return pd.DataFrame(
        {
            "n_events": ever,
            "n": n_patients,
            "n_patients": n_patients,
            "estimate": ever / n_patients,
            "conf_low": low,
            "conf_high": high,
            "method": "exact",
        }
    )


def _empty(by: str | None) -> pd.DataFrame:
    types = {"effect": "str", "ascertainment": "str"}
    types |= {} if by is None else {by: "object"}
    types |= dict.fromkeys(("n_events", "n", "n_patients"), "int64")
    types |= dict.fromkeys(("estimate", "conf_low", "conf_high"), "float64") | {"method": "str"}
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})


def _notes(
    cohort: Cohort, found: Recorded, grouped: Groups, level_of: np.ndarray, owner: np.ndarray, per: str
) -> list[str]:
    """The denominator, what is not in it, and how it was asked."""
    n_sessions = len(cohort.sessions)
    if not found.session_row.size:
        why = "no session says whether there were any"
        if "side_effects" not in cohort.present:
            why = (
                "there is no table of side effects, and a session's mark in 'side_effects_recorded' does not "
                "say what was found"
            )
        return [
            f"Side effects are not recorded: {why}, so no rate can be given; it is not zero.",
            *selection_notes(cohort),
            UNCONTROLLED,
        ]
    n_recorded = np.unique(found.session_row).size
    notes = [
        f"{n_recorded:,} of {n_sessions:,} sessions have side effects recorded "
        f"({patients(np.unique(owner).size)}); {n_sessions - n_recorded:,} without a record are left out, "
        "not counted as none."
    ]
    n_ways = np.unique(found.way).size
    if n_ways > 1:
        notes.append("How one asks decides the rate: the ways of asking are given apart and never pooled.")
        both = found.session_row.size - n_recorded
        if both:
            notes.append(
                f"{both:,} records are of sessions asked in more than one way; such a session is in each."
            )
    if found.n_assumed:
        notes.append(
            f"{found.n_assumed:,} sessions are marked as recorded but have no row: no effect. How they were "
            "asked is taken from the patient's other sessions, or else the clinic's, where these were all "
            "asked in one way."
        )
    if found.n_silent_unknown and n_ways > 1:
        notes.append(
            f"{found.n_silent_unknown:,} sessions are marked as recorded, have no row, and nothing says how "
            "they were asked: the rates of the other ways leave them out and are too high. Enter an "
            "explicit none."
        )
    elif found.n_not_stated:
        notes.append(f"{found.n_not_stated:,} records do not say how the effects were asked for.")
    n_missing = int((level_of < 0).sum())
    if n_missing:
        noun = "record" if n_missing == 1 else "records"
        notes.append(f"{n_missing:,} {noun} left out: '{grouped.by}' is missing.")
    if per == "patient":
        notes += group_notes(grouped, 0, 0, 0)
    notes += ["Effects are named as the clinic recorded them.", *selection_notes(cohort), UNCONTROLLED]
    return notes
