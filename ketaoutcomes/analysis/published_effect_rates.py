"""The clinic's rates of side effects, counted as published studies counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from ketaoutcomes.analysis.published_numbers import Number
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import whole_days
from ketaoutcomes.derive.effect_counts import EffectCounts, count_effects
from ketaoutcomes.derive.side_effects import ANY, recorded_side_effects
from ketaoutcomes.engine.rates import wilson

__all__ = ["COUNTINGS", "RULE", "WINDOWS", "Counting", "EffectRates"]

RULE = "Rule of this library"


@dataclass(frozen=True)
class Counting:
    """Over which sessions of a patient an effect counts.

    Attributes
    ----------
    name : str
    here : str
        How the clinic's number is made.
    sessions, days : float
        Last session number, and last whole day since session 1.
    """

    name: str
    here: str
    sessions: float = np.inf
    days: float = np.inf


def _ever(name: str, words: str, **limits: float) -> Counting:
    return Counting(
        name, f"patients with the effect at least once {words}, of patients with a record there", **limits
    )


COUNTINGS: Mapping[str, Counting] = MappingProxyType(
    {
        one.name: one
        for one in (
            _ever("session 1", "at session 1", sessions=1),
            _ever("first week", "in sessions of day 0 to 6 after session 1", days=6),
            _ever("first 4 weeks", "in sessions of day 0 to 27 after session 1", days=27),
            _ever("all sessions", "in all their sessions"),
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

    def number(self, effect: str, way: str, counting: Counting) -> Number:
        """Share of patients with the effect at least once, of those with a record in the window."""
        in_window = (self._number <= counting.sessions) & (self._day <= counting.days)
        counts = self._counted(way, counting, in_window)
        column = 0 if effect == ANY else self.found.effects.index(effect) + 1
        events, n = int((counts.with_effect[:, column] > 0).sum()), counts.person.size
        silent = np.setdiff1d(self._owner[in_window], self._owner[in_window & self._recorded])
        unknown = silent.size
        partly = np.intersect1d(counts.person, self._owner[in_window & ~self._recorded]).size
        remarks = []
        if n and counting.sessions > 1:
            remarks.append(
                f"here a median of {np.median(counts.sessions):g} recorded sessions, asked by {way}"
            )
        if partly:
            remarks.append(f"{partly:,} of these {n:,} patients have sessions without a record in this time")
        if not events and effect != ANY:
            remarks.append(f"never recorded here by {way} in this time, and it may not have been asked for")
        if not n:
            return Number(n_unknown=unknown, remark="; ".join(remarks))
        low, high = wilson(events, n, level=self._level)
        share = events / n
        return Number(
            share, share, float(low), float(high), n, events, unknown, "Wilson", True, "; ".join(remarks)
        )  # fmt: skip

    def _counted(self, way: str, counting: Counting, in_window: np.ndarray) -> EffectCounts:
        key = (way, counting.name)
        if key not in self._counts:
            found = self.found
            inside = in_window[found.session_row] & (found.way == found.ways.index(way))
            self._counts[key] = count_effects(found, self._owner[found.session_row], inside)
        return self._counts[key]
