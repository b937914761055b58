"""Rare events: serious and severe side effects, early ends, rescue medication, stops for a side effect."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import NamedTuple

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import split_words, told_synonyms
from ketaoutcomes.analysis.safety_event_notes import definitions, safety_notes
from ketaoutcomes.analysis.safety_published import against_published
from ketaoutcomes.analysis.side_effect_question import WAYS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_flag, check_level
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.groups import Groups, groups, session_groups
from ketaoutcomes.derive.safety_events import Event, session_events, status_events
from ketaoutcomes.derive.side_effects import recorded_side_effects, terms_of
from ketaoutcomes.engine.rates import clopper_pearson, cluster_ratio_by, rule_of_three_upper
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.safety_events import NOT_RECORDED, SafetyEvents

__all__ = ["safety_events"]

# With fewer expected at the published share, one patient more or less makes any ratio.
_FEWEST_EXPECTED = 1.0
_COUNTS = ("n_events", "n", "n_patients", "n_patients_with", "n_unknown", "n_not_recorded")
_LIMITS = (
    "estimate", "estimate_low", "estimate_high", "conf_low", "conf_high",
    "upper_patients", "upper_sessions", "conf_high_sessions",
)  # fmt: skip


def safety_events(
    cohort: Cohort,
    *,
    by: str | None = None,
    ascertainment: str | None = None,
    synonyms: Mapping | str | PathLike | bool | None = None,
    level: float = 0.95,
    published: bool = True,
) -> SafetyEvents:
    """How often rare events are recorded, and how often they may occur where none is.

    Each event has its own denominator. That of serious and severe side effects is every session with side
    effects recorded; where an effect is recorded without saying if it was severe, the share lies between two
    bounds. For a stop it is the patients of whom it is known why treatment went on or ended; the bounds count
    the others as well. Where a cohort says of early stops, or of rescue medication, only yes and never no,
    every session is in the denominator, and an empty cell may be either. Side effects are given by the way of
    asking and never pooled. With no event the upper limit is given with patients as n, which holds however
    alike the sessions of one patient are, and with sessions as n, which holds if they are independent.

    Parameters
    ----------
    cohort : Cohort
    by : str, optional
        Column of `sessions` or `patients`. Per session it is the session's own value, per patient the
        value at session 1.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        Side effects found in this way only; other events are no matter of asking.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, as in `side_effect_rates`.
    level : float
        Confidence level.
    published : bool
        Compare the stops for a side effect with the published share.

    Returns
    -------
    SafetyEvents
        `.table`: `event`, `ascertainment` (empty where nobody is asked), `per` ("session" or "patient"),
        the `by` column, `n_events`, `n` (sessions or patients with that record), `n_patients`,
        `n_patients_with`, `n_unknown` (which may have had it: of patients' ends not in `n`, else in
        `n`), `n_not_recorded` (the others without a record), `estimate` (`n_events` of `n`),
        `estimate_low` and `estimate_high` (bounds: none, or all, of the unknown had it), `conf_low` of the
        lower and `conf_high` of the upper bound, and with no event `conf_high_sessions` (exact two-sided
        limit with sessions as n) and, where nothing is unknown, `upper_patients` and `upper_sessions`
        (exact one-sided, the rule of three); `method`. What is not recorded has a row without numbers.
        `.published`: stops for a side effect beside the published share; no ratio and no P where fewer than
        one is expected at that share.

    Raises
    ------
    DataError
        If an argument is malformed.

    Source
    ------
    Hanley and Lippman-Hand (1983), JAMA 249, 1743; Clopper and Pearson (1934), Biometrika 26, 404.
    Checked: tests/analysis/test_safety_events.py.
    """
    check_cohort(cohort)
    check_level(level)
    check_flag("published", published, "whether the stops are compared with the published share")
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    if by in ("event", "per", *_COUNTS, *_LIMITS):
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    found = recorded_side_effects(cohort, terms_of(cohort, synonyms))
    used = np.unique(found.way)
    ways = tuple(int(way) for way in used if ascertainment in (None, found.ways[way]))
    # Reasons may name an effect, whatever words the table of effects keeps.
    ended = status_events(cohort, terms_of(cohort, None if synonyms is False else synonyms))
    of_sessions, of_patients = session_events(cohort, found, ways), list(ended.events)
    per_session, per_patient = session_groups(cohort, by), groups(cohort, by)
    table = _table(cohort, of_sessions, of_patients, per_session, per_patient, level)
    compared = _where_expected(against_published(table, by, level)) if published else None
    return SafetyEvents(
        title="Rare events of safety",
        table=table,
        notes=safety_notes(
            cohort, found, table, ended, per_session, per_patient, compared, of_sessions=of_sessions
        ),
        definitions=definitions(table, compared),
        provenance=provenance_of(
            "safety_events",
            cohort.fingerprint,
            {
                "by": by,
                "ascertainment": ascertainment,
                "synonyms": told_synonyms(synonyms),
                "level": level,
                "published": published,
            },
        ),
        level=level,
        by=by,
        shows=f"Rare events, % of sessions and of patients with a record{split_words(by)}",
        published=compared,
    )


def _table(
    cohort: Cohort,
    of_sessions: list[Event],
    of_patients: list[Event],
    per_session: Groups,
    per_patient: Groups,
    level: float,
) -> pd.DataFrame:
    """Events per session, then the same and those of the patient per patient; groups within an event."""
    owner = patient_codes(cohort.sessions)
    treated = np.bincount(owner, minlength=len(cohort.patients)) > 0
    rows = []
    for per, events in (("session", of_sessions), ("patient", [*of_sessions, *of_patients])):
        grouped = per_session if per == "session" else per_patient
        everyone = grouped.code if per == "session" else grouped.code[treated]
        # The group of a session's patient, where patients are counted.
        code_of_session = per_session.code if per == "session" else per_patient.code[owner]
        for event in events:
            code = per_patient.code[event.row] if event.of_patient else code_of_session[event.row]
            for number, value in enumerate(grouped.levels):
                cells = {"event": event.name, "ascertainment": event.ascertainment, "per": per}
                cells |= {} if grouped.by is None else {grouped.by: value}
                inside = (event.counted | event.unknown) & (code == number)
                who = event.row[inside] if event.of_patient else owner[event.row[inside]]
                counted = _counted(event, inside, who, per, level)
                n_all = int((everyone == number).sum())
                if counted["n"]:
                    # The unknown of patients' ends are not in n, and those of sessions are.
                    outside = counted["n_unknown"] if event.of_patient else 0
                    counted["n_not_recorded"] = n_all - counted["n"] - outside
                else:
                    # Where nothing is known there is no count either, not even of none.
                    counted = {"method": NOT_RECORDED}
                    counted |= {"n_not_recorded": n_all} if event.is_recorded else {}
                rows.append(cells | counted)
    names = ["event", "ascertainment", "per", *([] if per_patient.by is None else [per_patient.by])]
    table = pd.DataFrame(rows, columns=[*names, *_COUNTS, *_LIMITS, "method"])
    # Counts of what is not recorded are missing, and not zero.
    return table.astype({**dict.fromkeys(_COUNTS, "Int64"), **dict.fromkeys(_LIMITS, "float64")})


def _where_expected(compared: pd.DataFrame) -> pd.DataFrame:
    """Ratio, its limits and P missing where fewer patients are expected than a ratio can stand on."""
    names = ["ratio", "conf_low", "conf_high", "p_value", "mid_p"]
    return compared.assign(**compared[names].where(compared["expected"] >= _FEWEST_EXPECTED))


def _counted(event: Event, inside: np.ndarray, who: np.ndarray, per: str, level: float) -> dict:
    """Counts and limits of one event in one group, from its sessions' patients."""
    people, person = np.unique(who, return_inverse=True)
    in_n, happened, unknown = (
        np.bincount(person[flag[inside]], minlength=people.size)
        for flag in (event.counted, event.happened, event.unknown)
    )
    ever = happened > 0
    cells = {"n_patients": int((in_n > 0).sum()), "n_patients_with": int(ever.sum())}
    if per == "session":
        low = _of_sessions(happened, in_n, level)
        high = low if not unknown.any() else _of_sessions(happened + unknown, in_n, level)
        n, n_events, n_unknown = int(in_n.sum()), int(happened.sum()), int(unknown.sum())
    else:
        open_ = ~ever & (unknown > 0)
        n, n_events, n_unknown = cells["n_patients"], int(ever.sum()), int(open_.sum())
        low = _of_patients(n_events, people.size, level)
        high = low if not n_unknown else _of_patients(n_events + n_unknown, people.size, level)
    cells |= {"n_events": n_events, "n": n, "n_unknown": n_unknown, "method": low.method}
    cells |= {"estimate": n_events / n if n else np.nan, "estimate_low": low.estimate}
    cells |= {"estimate_high": high.estimate, "conf_low": low.conf_low, "conf_high": high.conf_high}
    if n_unknown:
        # What is not known cannot make an interval shorter, as one event instead of none may.
        cells["conf_low"] = min(low.conf_low, high.conf_low)
        cells["conf_high"] = max(low.conf_high, high.conf_high)
        if high.method != low.method:
            cells["method"] = f"{low.method}; upper bound: {high.method}"
    if n and not n_events:
        cells |= _of_none(n_unknown, n, people.size, per, level)
    return cells


class _Share(NamedTuple):
    """A share with its limits and how they are made."""

    estimate: float
    conf_low: float
    conf_high: float
    method: str


def _of_sessions(events: np.ndarray, trials: np.ndarray, level: float) -> _Share:
    """Share of sessions, from the counts of their patients."""
    rate = cluster_ratio_by(events[:, None], trials[:, None], level=level)
    limits = (float(value[0]) for value in (rate.estimate, rate.conf_low, rate.conf_high))
    return _Share(*limits, str(rate.method[0]))


def _of_patients(n_events: int, n: int, level: float) -> _Share:
    """Share of patients, with exact limits."""
    low, high = clopper_pearson(n_events, n, level=level)
    return _Share(n_events / n if n else np.nan, float(low), float(high), "exact")


def _of_none(n_unknown: int, n: int, n_patients: int, per: str, level: float) -> dict:
    """Upper limits where no event is recorded: one-sided only if every record tells."""
    cells = {}
    if per == "session":
        cells["conf_high_sessions"] = float(clopper_pearson(n_unknown, n, level=level)[1])
    if n_unknown:
        return cells
    cells["upper_patients"] = float(rule_of_three_upper(n_patients, level=level))
    if per == "session":
        cells["upper_sessions"] = float(rule_of_three_upper(n, level=level))
    return cells
