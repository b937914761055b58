"""The part of the gate that tables of change by rule pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.report.gate_base import GateBase
from ketaoutcomes.report.released import Released, opened
from ketaoutcomes.report.small_change import without_small_rules

__all__ = ["ChangeGate"]


class ChangeGate(GateBase):
    """Methods of `disclosure.Gate`."""

    def change_rules(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        overlap: np.ndarray,
        known: Sequence[float] = (),
        beside: Sequence[float] = (),
        fixed: Sequence[str] = (),
    ) -> Released:
        """Rules applied to the same patients: `rule`, `role` ("part", "good", "bad"), `n_events`, `n`.

        Parameters
        ----------
        overlap : (m, m) int array
            How many patients meet both of two rows' rules.
        known : sequence of float
            Counts of these patients by other rules of the good direction that the report prints elsewhere.
        beside : sequence of float
            Sizes that the report prints elsewhere; where `n` is near one of them, nothing is shown.
        fixed : sequence of str
            Rules whose count is printed elsewhere.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = without_small_rules(
                frame, self.few, overlap=overlap, known=known, beside=beside, fixed=fixed
            )
        return self.out(name, frame, place, "count, % and interval", is_rate=True)
