"""The clinic's rates of side effects, counted as published studies counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from ketaoutcomes.analysis.published_numbers import Number
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.catalog.ways_of_asking import asked_words
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY, whole_days
from ketaoutcomes.derive.effect_counts import EffectCounts, count_effects
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.side_effects import ANY, recorded_side_effects
from ketaoutcomes.engine.rates import wilson

__all__ = ["COUNTINGS", "RULE", "WINDOWS", "Counting", "EffectRates"]

RULE = "Rule of this library"


@dataclass(frozen=True)
class Counting:
    """Over which sessions of a patient an effect counts.

    Attributes
    ----------
    name, words : str
        Which sessions, in words.
    sessions, days : float
        Last session number, and last whole day since session 1.
    """

    name: str
    words: str
    sessions: float = np.inf
    days: float = np.inf

    @property
    def closes_hours(self) -> float:
        """Hours after session 1 from which no session belongs to the window any more."""
        return (self.days + 0.5) * HOURS_PER_DAY

    def here(self, what: str = "the effect") -> str:
        """How the clinic's number is made, of the effect or of `what`."""
        end = "" if np.isinf(self.days) else " for whom these days had passed by the end of the data"
        return f"patients with {what} at least once {self.words}, of patients with a record there{end}"


COUNTINGS: Mapping[str, Counting] = MappingProxyType(
    {
        one.name: one
        for one in (
            Counting("session 1", "at session 1", sessions=1),
            Counting("first week", "in sessions of day 0 to 6 after session 1", days=6),
            Counting("first 4 weeks", "in sessions of day 0 to 27 after session 1", days=27),
            Counting("all sessions", "in all their sessions"),
        )
    }
)
# How each window in which a study counted patients is matched.
WINDOWS: Mapping[str, str] = MappingProxyType(
    {
        "after the first dose; CADSS at 40 minutes": "session 1",
        "during the infusion": "session 1",
        "week 1, per patient; lower afterwards": "first week",
        "4-week treatment phase, per patient": "first 4 weeks",
        "treatment phase, per patient": "first 4 weeks",
        "over the course of infusions, per patient": "all sessions",
        "not stated here": "all sessions",
    }
)


class EffectRates:
    """Shares of patients with an effect, by how it was asked and over which sessions.

    Parameters
    ----------
    cohort : Cohort
    terms : EffectTerms
    ascertainment : str or None
        One way of asking only.
    level : float
    """

    def __init__(self, cohort: Cohort, terms: EffectTerms, *, ascertainment: str | None, level: float):
        self.found = recorded_side_effects(cohort, terms)
        self._level = level
        self._owner = patient_codes(cohort.sessions)
        self._number = cohort.sessions["session"].to_numpy(dtype=np.int64)
        self._day = whole_days(cohort.sessions["hour"].to_numpy(float))
        self._recorded = np.zeros(len(cohort.sessions), dtype=bool)
        self._recorded[self.found.session_row] = True
        self._follow_up = follow_up(cohort)
        self._n_patients = len(cohort.patients)
        self.ways = tuple(
            name
            for way, name in enumerate(self.found.ways)
            if ascertainment in (None, name) and (self.found.way == way).any()
        )
        self._counts: dict[tuple[str, str], EffectCounts] = {}

    @cached_property
    def by_size(self) -> tuple[str, ...]:
        """Any effect, then the effects by how many records hold them."""
        size = np.bincount(self.found.effect, minlength=len(self.found.effects))
        order = np.argsort(-size[: len(self.found.effects)], kind="stable")
        return (ANY, *(self.found.effects[place] for place in order))

    def records(self, effect: str) -> bool:
        """Whether the effect was ever recorded here."""
        return bool(self.found.session_row.size) and effect in self.by_size

    def number(self, effects: Sequence[str], way: str, counting: Counting) -> Number:
        """Share of patients with any of the effects at least once, of those with a record in the window.

        A patient whose window had not closed at the end of the data is not known, with or without the
        effect: those with it alone would make the share too large.
        """
        in_window = (self._number <= counting.sessions) & (self._day <= counting.days)
        counts = self._counted(way, counting, in_window)
        columns = [0 if name == ANY else self.found.effects.index(name) + 1 for name in effects]
        closed = ~self._open(counting)[counts.person]
        found = (counts.with_effect[:, columns] > 0).any(axis=1)
        events, n = int((found & closed).sum()), int(closed.sum())
        silent = np.setdiff1d(self._owner[in_window], self._owner[in_window & self._recorded])
        unknown = silent.size + counts.person.size - n
        remarks = self._remarks(counts, closed, in_window, way, counting)
        if n and not events and ANY not in effects:
            remarks.append(
                f"never recorded here in this time, {asked_words(way)}, and it may not have been asked for"
            )
        if not n:
            return Number(n_unknown=unknown, remark="; ".join(remarks))
        low, high = wilson(events, n, level=self._level)
        share = events / n
        return Number(
            share, share, float(low), float(high), n, events, unknown, "Wilson", True, "; ".join(remarks)
        )  # fmt: skip

    def _remarks(self, counts, closed, in_window, way: str, counting: Counting) -> list[str]:
        """How many sessions the patients had, and of whom something is not known."""
        n, remarks = int(closed.sum()), []
        if n and counting.sessions > 1:
            median = np.median(counts.sessions[closed])
            remarks.append(f"here a median of {median:g} recorded sessions, {asked_words(way)}")
        silent = self._owner[in_window & ~self._recorded]
        partly = np.intersect1d(counts.person[closed], silent).size
        if partly:
            remarks.append(f"{partly:,} of these {n:,} patients have sessions without a record in this time")
        if n < closed.size:
            remarks.append(
                f"not known of {closed.size - n:,} more: at the end of the data, fewer than "
                f"{counting.days + 1:g} days had passed since their session 1"
            )
        return remarks

    def _open(self, counting: Counting) -> np.ndarray:
        """Patients whose window had not surely closed at the end of the data; bool."""
        return self._follow_up.still_open(np.full(self._n_patients, counting.closes_hours))

    def _counted(self, way: str, counting: Counting, in_window: np.ndarray) -> EffectCounts:
        key = (way, counting.name)
        if key not in self._counts:
            found = self.found
            inside = in_window[found.session_row] & (found.way == found.ways.index(way))
            self._counts[key] = count_effects(found, self._owner[found.session_row], inside)
        return self._counts[key]
