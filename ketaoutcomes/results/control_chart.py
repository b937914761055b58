"""A control chart: points over time with centre, limits and what the rules say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import count, number, percent
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result

__all__ = ["FEWEST_DRAWN", "ControlChartResult"]

FEWEST_DRAWN = 8
NO_SIGNAL, NOT_TESTED = "No signal", "Not tested"


@dataclass(frozen=True, eq=False, repr=False)
class ControlChartResult(Result):
    """A control chart.

    Attributes
    ----------
    table : DataFrame
        One row per point in time order: time, value, size, estimate, centre, limit_low, limit_high, part,
        is_baseline, is_provisional, outside, in_shift, change.
    rules : DataFrame
        One row per part: part, n_useful (points off the line), longest_run, longest_allowed, crossings,
        fewest_crossings, shift, few_crossings, n_outside. What was not tested is NaN or False.
    signals : DataFrame
        kind ("outside the limits", "shift", "few crossings"), first, last, words.
    kind : str
    unit : str
        Written above the picture's axis.
    as_percent : bool
        Whether the estimates are shares, printed as per cents.
    """

    rules: pd.DataFrame
    signals: pd.DataFrame
    kind: str
    unit: str
    as_percent: bool

    @property
    def has_chart(self) -> bool:
        """Whether there are points enough for a chart: at least eight."""
        return int(np.isfinite(self.table["estimate"].to_numpy(float)).sum()) >= FEWEST_DRAWN

    @property
    def is_tested(self) -> bool:
        """Whether any rule could be applied."""
        has_limits = np.isfinite(self.table["limit_high"].to_numpy(float)).any()
        return bool(has_limits or self.rules["longest_allowed"].notna().any())

    @property
    def signal(self) -> str:
        """What the rules say in one sentence; where nothing could be tested, the notes say why."""
        if len(self.signals):
            return "; ".join(self.signals["words"])
        return NO_SIGNAL if self.is_tested else NOT_TESTED

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Points with their limits as text."""
        table = self.table
        out = {"time": table["time"].astype("str")}
        if table["size"].notna().any():
            out["n"] = [count(size) for size in table["size"]]
        own = self.unit if self.unit not in ("time", "n", "centre", "lower", "upper", "rules") else "estimate"
        names = {"estimate": own, "centre": "centre", "limit_low": "lower", "limit_high": "upper"}
        for column, name in names.items():
            if column == "estimate" or table[column].notna().any():
                out[name] = [self._text(value) for value in table[column]]
        out["rules"] = [_mark(cells) for cells in table.to_dict("records")]
        return pd.DataFrame(out), ("time", "rules")

    def sentences(self) -> list[str]:
        """The signals, a line each."""
        words = list(self.signals["words"]) or [self.signal]
        return ["", *(f"  {line}." for line in words)]

    def plot(self, ax=None, *, title=None):
        """Draw the chart: ring outside the limits, orange run with bracket, hollow where provisional.

        Raises
        ------
        DataError
            With fewer than eight points: read `.table`.
        """
        from ketaoutcomes.draw.control_chart import control_chart

        if not self.has_chart:
            raise DataError(
                f"a control chart needs {FEWEST_DRAWN} points at least; read .table, or take longer periods"
            )
        return control_chart(
            self.table, ax, unit_line=self.unit, as_percent=self.as_percent, title=title or self.title
        )

    def _text(self, value: float) -> str:
        if self.as_percent:
            return percent(value)
        return number(value, 0 if float(value).is_integer() else 2)


def _mark(cells: dict) -> str:
    words = [cells["change"]] if cells["change"] else []
    if cells["is_provisional"]:
        words.append("provisional")
    if cells["outside"]:
        words.append("outside the limits")
    if cells["in_shift"]:
        words.append("shift")
    return "; ".join(words)
