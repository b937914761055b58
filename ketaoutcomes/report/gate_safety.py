"""The part of the gate that tables of side effects, vital signs and dissociation pass."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ketaoutcomes.report.gate_episodes import EpisodeGate
from ketaoutcomes.report.released import Released, opened
from ketaoutcomes.report.small_safety import (
    without_small_effects,
    without_small_excursions,
    without_small_peaks,
    without_small_rare_events,
    without_small_shares,
)

__all__ = ["SafetyGate"]


class SafetyGate(EpisodeGate):
    """Methods of `disclosure.Gate`."""

    def effects(self, name: str, table: pd.DataFrame, *, place: str, whole: str) -> Released:
        """Rates of side effects by way of asking; `whole` names the row of which the others are parts."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_effects(frame, self.few, whole)
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

    def rare_events(self, name: str, table: pd.DataFrame, *, place: str, sizes: Sequence[float]) -> Released:
        """Rare events `per` session and patient; `sizes` are numbers of patients printed elsewhere."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_rare_events(frame, self.few, sizes)
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

    def excursions(
        self, name: str, table: pd.DataFrame, *, place: str, within: Sequence[tuple[str, str]]
    ) -> Released:
        """Sessions that met each `rule`, `n_events` of `n`, of `n_patients_with` patients.

        Parameters
        ----------
        within : sequence of (str, str)
            Pairs of rules, the wider first: who meets the second meets the first, so that two counts
            that differ by a few would show how many lie in between. The narrower is hidden then.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_excursions(frame, self.few, within)
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

    def peaks(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Highest scores of `n` sessions of `n_patients`, `n_events` of them beyond a threshold."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_peaks(frame, self.few)
        return self.out(name, frame, place, "highest scores")

    def shares(self, name: str, table: pd.DataFrame, *, place: str, decimals: int) -> Released:
        """Shares, times or means of groups of `n_patients`, of which only the rounded estimates stay."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_shares(frame, self.few, decimals)
        return self.out(name, frame, place, "estimate", decimals=decimals)
