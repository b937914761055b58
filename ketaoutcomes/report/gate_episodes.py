"""The part of the gate that tables of episodes and of days between sessions pass."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.report.released import Released, hidden_in, opened
from ketaoutcomes.report.small_episodes import (
    without_small_curve,
    without_small_episodes,
    without_small_gaps,
    without_small_quantities,
)

__all__ = ["EpisodeGate"]


class EpisodeGate:
    """Methods of `disclosure.Gate`, which says whether small counts are taken out (`suppresses`)."""

    suppresses: bool

    def episodes(
        self, name: str, table: pd.DataFrame, *, place: str, by: str | None = None, beside=()
    ) -> Released:
        """What became of episodes by day, with counts of episodes and `fewest_patients` behind them."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_episodes(frame, by=by, beside=beside)
        return Released(name, frame, hidden_in(frame, place, "shares at that day"))

    def watched(self, name: str, table: pd.DataFrame, *, place: str, marks) -> Released:
        """A curve with `n_patients` watched at each time; only its planned days where small counts go."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_curve(frame, marks)
        return Released(name, frame, hidden_in(frame, place, "curve at that day"))

    def quantities(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Quantities of a model for groups of `n` assessments of `n_patients`."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_quantities(frame)
        return Released(name, frame, hidden_in(frame, place, "quantity"))

    def gaps(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Quantiles or trend of `n` gaps between sessions of `n_patients`."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_gaps(frame)
        return Released(name, frame, hidden_in(frame, place, "gaps"))
