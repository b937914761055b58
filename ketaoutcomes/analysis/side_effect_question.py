"""What is asked of the side effects: which sessions, ways of asking, groups, effects and severities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_count, check_flag, is_number
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.effect_counts import EffectCounts, count_effects, pairs_of_severity
from ketaoutcomes.derive.exposure import time_at_risk_hours
from ketaoutcomes.derive.groups import Groups, groups, session_groups
from ketaoutcomes.derive.side_effects import ANY, NOT_STATED, SEVERITIES, Recorded, recorded_side_effects
from ketaoutcomes.errors import DataError

__all__ = ["EACH", "PER", "WAYS", "Per", "Question", "SeverityRule", "chosen_effects", "question_of"]

EACH = "each"
LONGEST_SHOWN = 40
WAYS = ("checklist", "spontaneous", "scale", NOT_STATED)
HOURS_PER_YEAR = 24.0 * 365.25
SHORTEST_HOURS = 1.0


@dataclass(frozen=True)
class Per:
    """What a rate is per: words for the title and the unit, and by how much it is multiplied."""

    title: str
    unit: str
    scale: float
    is_share: bool


PER = {
    "session": Per("per session", "% of sessions with a record", 1.0, True),
    "patient": Per("per patient", "% of patients with a recorded session", 1.0, True),
    "100_sessions": Per("per 100 sessions", "recorded per 100 sessions with a record", 100.0, False),
    "patient_year": Per("per patient-year", "recorded per patient-year on treatment", 1.0, False),
}


@dataclass(frozen=True)
class SeverityRule:
    """Effects whose severity has a rank between two; rank 0 is "not stated"."""

    name: str
    lowest: int
    highest: int


@dataclass(frozen=True)
class Question:
    """One question, ready to be counted.

    Attributes
    ----------
    found : Recorded
    owner : (r,) int array
        Patient of each record.
    level_of : (r,) int array
        Group of each record, -1 where it is missing.
    levels, by : tuple, str or None
    grouping : Groups
        What `levels` and `by` are of.
    columns : (k,) int array
        Columns of the counts to give: 0 is any effect.
    named : tuple of str
        Effects asked for by name; empty for all.
    session_in : (s,) bool array
        Sessions looked at; `session_level` is their group.
    ways_used : tuple of str
    severities : tuple of SeverityRule
    hours : (r,) float array
        Time at risk of each record's session.
    """

    found: Recorded
    owner: np.ndarray
    level_of: np.ndarray
    levels: tuple
    by: str | None
    grouping: Groups
    columns: np.ndarray
    named: tuple[str, ...]
    session_in: np.ndarray
    session_level: np.ndarray
    ways_used: tuple[str, ...]
    severity: str | None
    severities: tuple[SeverityRule, ...]
    serious: bool
    first_sessions: int | None
    reference: object
    model: str
    at_risk_days: float
    hours: np.ndarray
    per: str
    level: float
    as_recorded: bool

    def cells(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Group, way of asking and records (bool) of each cell that has a record."""
        looked_at = self.session_in[self.found.session_row]
        for way, name in enumerate(self.found.ways):
            if name not in self.ways_used:
                continue
            for number in range(len(self.levels)):
                inside = looked_at & (self.found.way == way) & (self.level_of == number)
                if inside.any():
                    yield number, way, inside

    def counts(self, inside: np.ndarray, rule: SeverityRule) -> EffectCounts:
        """Counts of the records `inside` (bool), of effects whose severity is as the rule says."""
        if self.severity != EACH:
            return count_effects(self.found, self.owner, inside, self.pairs_counted(rule))
        severity = np.where(inside[self.found.record], self.found.severity, -1)
        if self.serious:
            severity = np.where(self.found.serious, severity, -1)
        chosen = severity == rule.lowest
        if not PER[self.per].is_share:
            return count_effects(self.found, self.owner, inside, chosen)
        # Each session, or patient, is in one severity of an effect: its worst.
        record = self.found.record
        unit = self.owner[record] if self.per == "patient" else record
        width = len(self.found.effects) + 1
        of_effect = chosen & _is_worst(severity, unit * width + self.found.effect)
        of_any = chosen & _is_worst(severity, unit)
        counted = count_effects(self.found, self.owner, inside, of_effect)
        counted.with_effect[:, 0] = count_effects(self.found, self.owner, inside, of_any).with_effect[:, 0]
        return counted

    def counts_at_most(self, inside: np.ndarray, rule: SeverityRule) -> EffectCounts:
        """As `counts`, with every effect counted that may be such, since nobody says that it is not."""
        found = self.found
        may_be = np.ones(found.record.size, dtype=bool)
        if self.severity is not None:
            may_be &= pairs_of_severity(found, rule.lowest, rule.highest) | (found.severity == 0)
        if self.serious:
            may_be &= found.serious | ~found.serious_stated
        return count_effects(found, self.owner, inside, may_be)

    @property
    def leaves_open(self) -> bool:
        """Whether effects may be recorded without what the question is about."""
        return self.severity != EACH and (self.severity is not None or self.serious)

    def pairs_counted(self, rule: SeverityRule) -> np.ndarray | None:
        """Pairs of a record and an effect that count as found; None for all."""
        if self.severity is None:
            return self.found.serious if self.serious else None
        chosen = pairs_of_severity(self.found, rule.lowest, rule.highest)
        return chosen & self.found.serious if self.serious else chosen

    @property
    def which(self) -> str:
        """What of the effects is counted, in words for a heading."""
        words = ""
        if self.severity is not None and self.severity != EACH:
            words += f" of severity {self.severity}" + (" or more" if self.severity != SEVERITIES[-1] else "")
        if self.serious:
            words += " that were serious"
        if self.first_sessions is not None:
            words += f" in the first {self.first_sessions:,} sessions"
        return words


def _is_worst(severity: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Whether each pair has the highest severity of its unit; (e,) bool."""
    _, place = np.unique(unit, return_inverse=True)
    worst = np.full(place.max(initial=-1) + 1, -1, dtype=severity.dtype)
    np.maximum.at(worst, place, severity)
    return severity == worst[place]


def question_of(
    cohort: Cohort,
    *,
    per: str,
    by: str | None,
    effects: str | Sequence[str] | None,
    severity: str | None,
    serious: bool,
    model: str,
    ascertainment: str | None,
    first_sessions: int | None,
    reference: object,
    terms: EffectTerms,
    at_risk_days: float,
    level: float,
) -> Question:
    """Check the arguments and look up which records they choose."""
    check_flag("serious", serious, "to count serious effects only")
    if severity is not None:
        check_choice("severity", severity, (*SEVERITIES, EACH))
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    if first_sessions is not None:
        check_count("first_sessions", first_sessions, least=1)
    if not is_number(at_risk_days) or not 0 < at_risk_days < np.inf:
        raise DataError("at_risk_days must be a number of days above 0, e.g. 30")
    grouping = groups(cohort, by) if per == "patient" else session_groups(cohort, by)
    _check_reference(reference, by, grouping.levels)
    found = recorded_side_effects(cohort, terms)
    _check_way(found, ascertainment)
    columns, named = chosen_effects(found, effects, terms)
    owner_of_session = patient_codes(cohort.sessions)
    session_level = grouping.code[owner_of_session] if per == "patient" else grouping.code
    session_in = np.ones(len(cohort.sessions), dtype=bool)
    if first_sessions is not None:
        session_in = cohort.sessions["session"].to_numpy(dtype=np.int64) <= first_sessions
    hours = np.zeros(found.session_row.size)
    if per == "patient_year":
        # A session at the data cut, or before another of the same hour, lasted all the same.
        hours = np.maximum(time_at_risk_hours(cohort, at_risk_days)[found.session_row], SHORTEST_HOURS)
    looked_at = session_in[found.session_row]
    return Question(
        found=found,
        owner=owner_of_session[found.session_row],
        level_of=session_level[found.session_row],
        levels=grouping.levels,
        by=by,
        grouping=grouping,
        columns=columns,
        named=named,
        session_in=session_in,
        session_level=session_level,
        ways_used=tuple(
            name
            for way, name in enumerate(found.ways)
            if (ascertainment is None or name == ascertainment) and (looked_at & (found.way == way)).any()
        ),
        severity=severity,
        severities=_rules(severity),
        serious=serious,
        first_sessions=first_sessions,
        reference=reference,
        model=model,
        at_risk_days=float(at_risk_days),
        hours=hours,
        per=per,
        level=level,
        as_recorded=not terms.preferred,
    )


def _rules(severity: str | None) -> tuple[SeverityRule, ...]:
    if severity == EACH:
        ranked = [SeverityRule(name, rank, rank) for rank, name in enumerate(SEVERITIES, start=1)]
        return (*ranked, SeverityRule(NOT_STATED, 0, 0))
    # An effect that was recorded at all is at least mild, whether its severity is stated or not.
    lowest = 0 if severity in (None, SEVERITIES[0]) else SEVERITIES.index(severity) + 1
    return (SeverityRule("" if severity is None else severity, lowest, len(SEVERITIES)),)


def _check_reference(reference: object, by: str | None, levels: tuple) -> None:
    if reference is None:
        return
    if by is None:
        raise DataError("reference names a level of by, so by is needed")
    if reference not in levels:
        raise DataError(f"reference must be one of the levels of '{by}': {', '.join(map(str, levels))}")


def chosen_effects(
    found: Recorded, effects: str | Sequence[str] | None, terms: EffectTerms
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns of the effects to give, after any effect, and their names; all by default."""
    if effects is None:
        return np.arange(len(found.effects) + 1), ()
    if isinstance(effects, str):
        effects = [effects]
    if not all(isinstance(name, str) for name in effects):
        raise DataError('effects takes names of side effects, e.g. effects=["nausea", "dissociation"]')
    wanted = list(dict.fromkeys(terms.name(name) for name in effects))
    wanted = [name for name in wanted if name != ANY]
    unknown = [name for name in wanted if name not in found.effects]
    if unknown and found.session_row.size:
        raise DataError(_never_recorded(unknown, found.effects))
    kept = [name for name in wanted if name in found.effects]
    columns = np.array([0, *(found.effects.index(name) + 1 for name in kept)], dtype=np.int64)
    return columns, tuple(wanted)


def _never_recorded(unknown: Sequence[str], effects: Sequence[str]) -> str:
    """What is wrong with the names of effects that were asked for."""
    words = []
    for name in unknown:
        # A long text is no effect's name, and may be a cell.
        shown = f"'{name}'" if len(name) <= LONGEST_SHOWN and name.isprintable() else "a name"
        near = get_close_matches(name, effects, n=1)
        words.append(shown + (f" (did you mean '{near[0]}'?)" if near else ""))
    return (
        f"{len(unknown)} of the effects asked for were never recorded, and nobody may have asked for "
        f"them, so their rate is not known: {', '.join(words)}; "
        "side_effect_rates(cohort).table['effect'] lists those recorded"
    )


def _check_way(found: Recorded, ascertainment: str | None) -> None:
    """Refuse a way of asking that no record has, where there are records."""
    used = [found.ways[way] for way in np.unique(found.way)]
    if ascertainment is not None and used and ascertainment not in used:
        raise DataError(f"no record was asked for in that way; there are: {', '.join(used)}")
