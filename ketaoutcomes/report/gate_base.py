"""What every method of the gate shares: how large a small count is, and the last step outwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.report.released import Released, hidden_in
from ketaoutcomes.report.releases import PLACES, Release, matched, small_changes
from ketaoutcomes.report.small_counts import CHANGED, LARGEST_HIDDEN, SmallCounts, blank
from ketaoutcomes.report.small_rounded import nearest, rounded

__all__ = ["GateBase"]

LARGEST_HIDDEN_WHERE_ROUNDED = 7
SUM = "previous 12 months"


@dataclass(frozen=True)
class GateBase:
    """What may leave: settings of the gate, and the comparison with the last release.

    Parameters
    ----------
    small_cells : {"suppress", "round", "show"}
        "suppress" hides counts of 1 to 10 and what gives them away; "round" hides counts of 1 to 7 and
        rounds all others to the nearest 5; "show" hides nothing.
    previous : Release, optional
        The last release, to be compared with.
    rolling : bool
        Whether many entered and many left the twelve months since then; then counts of twelve months are
        not compared one by one, since a difference is not a count.
    level : float
        Confidence level of intervals that are computed anew from rounded counts.
    """

    small_cells: str
    previous: Release | None = None
    rolling: bool = False
    level: float = 0.95

    @property
    def suppresses(self) -> bool:
        """Whether small counts are taken out."""
        return self.small_cells != "show"

    @property
    def rounds(self) -> bool:
        """Whether all other counts are rounded to the nearest 5."""
        return self.small_cells == "round"

    @property
    def few(self) -> SmallCounts:
        """Which counts are small."""
        return SmallCounts(LARGEST_HIDDEN_WHERE_ROUNDED if self.rounds else LARGEST_HIDDEN)

    def then(self, name: str, frame: pd.DataFrame) -> pd.DataFrame | None:
        """The last release's rows of this table, row by row; None where there is nothing to compare with."""
        if self.previous is None or not self.suppresses:
            return None
        return matched(frame, self.previous.tables.get(name))

    def out(
        self,
        name: str,
        frame: pd.DataFrame,
        place: str,
        what: str,
        *,
        decimals: int = 1,
        is_rate: bool = False,
        grows: bool = False,
    ) -> Released:
        """The last step of every table: compared with the last release, rounded if asked for.

        Parameters
        ----------
        decimals : int
            Where counts are rounded: decimals of means, 2 for shares that are not made of two counts.
        is_rate : bool
            Whether the estimate is `n_events` of `n`.
        grows : bool
            Whether the rows are about the whole cohort, whatever the twelve months are.
        """
        if self.suppresses and len(frame):
            frame = self._compared(name, frame, grows)
            if self.rounds:
                frame = rounded(frame, decimals=decimals, level=self.level, is_rate=is_rate)
        return Released(name, frame, hidden_in(frame, place, what, self.few))

    def printable(self, what: str, n: int) -> int | None:
        """A number of patients as it may stand in a sentence; None where it may not.

        Parameters
        ----------
        what : {"patients", "starters"}
            All patients of the cohort, or those who started in the twelve months.
        n : int
        """
        if not self.suppresses:
            return n
        if self.few.is_small(n):
            return None
        if self.rounds:
            return nearest(n)
        then = {} if self.previous is None else self.previous.sizes
        # Where nobody is left out, those who started are all patients, under either name.
        others = [] if what != "patients" and self.rolling else [*then.values()]
        return None if self.few.near([n], others).any() else n

    @property
    def compared_with(self) -> str:
        """Which release it was compared with, in words."""
        if self.previous is None:
            return "not compared with an earlier report"
        return f"compared with {self.previous.words}"

    def _compared(self, name: str, frame: pd.DataFrame, grows: bool) -> pd.DataFrame:
        """`frame` without rows whose counts differ by a few from those of the last release.

        A month is the same months in both. Other rows are compared unless the twelve months have rolled
        on; counts that were or are rounded are not, since their differences are not counts either.
        """
        then = None if self.rounds else self.then(name, frame)
        if then is None or self.previous.settings.get("small_cells") == "round":
            return frame
        same = np.full(len(frame), grows or not self.rolling)
        if "month" in frame:
            # Whether the sum of twelve months may stand is decided with its months.
            is_sum = (frame["month"] == SUM).to_numpy(bool)
            same = ~is_sum | (self.previous.month is None)
        changed = small_changes(frame, then, self.few) & same
        shown = (frame["suppressed"] == "").to_numpy()
        frame.loc[changed & shown, "suppressed"] = CHANGED
        numbers = [
            column
            for column in frame.columns
            if pd.api.types.is_numeric_dtype(frame[column].dtype)
            and not pd.api.types.is_bool_dtype(frame[column].dtype)
            and column not in PLACES
        ]
        # A row that is hidden for another reason may still show its size, which is a count as well.
        return blank(frame, changed, numbers)
