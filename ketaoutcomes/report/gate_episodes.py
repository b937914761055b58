"""The part of the gate that tables of episodes and of days between sessions pass."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.report.gate_parts import PartsGate
from ketaoutcomes.report.released import Released, opened
from ketaoutcomes.report.small_episodes import (
    without_small_curve,
    without_small_episodes,
    without_small_gaps,
    without_small_quantities,
)

__all__ = ["EpisodeGate"]


class EpisodeGate(PartsGate):
    """Methods of `disclosure.Gate`."""

    def episodes(
        self, name: str, table: pd.DataFrame, *, place: str, by: str | None = None, beside=()
    ) -> Released:
        """What became of episodes by day, with counts of episodes and `fewest_patients` behind them."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_episodes(frame, self.few, by=by, beside=beside)
        return self.out(name, frame, place, "shares at that day", decimals=2)

    def watched(self, name: str, table: pd.DataFrame, *, place: str, marks) -> Released:
        """A curve with `n_patients` watched at each time; only its planned days where small counts go."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_curve(frame, self.few, marks)
        return self.out(name, frame, place, "curve at that day", decimals=2)

    def quantities(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Quantities of a model for groups of `n` assessments of `n_patients`."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_quantities(frame, self.few)
        return self.out(name, frame, place, "quantity", decimals=2)

    def gaps(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Quantiles or trend of `n` gaps between sessions of `n_patients`."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_gaps(frame, self.few)
        return self.out(name, frame, place, "gaps", decimals=2)
