"""The symptom course: observed means at planned days."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, number, number_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence

__all__ = ["CourseResult"]


@dataclass(frozen=True, eq=False, repr=False)
class CourseResult(Result):
    """Mean score at planned days, of those assessed then.

    Attributes
    ----------
    instrument : str
    minimum, maximum : float
        Range of the instrument.
    higher_is : {"worse", "better", "none"}
    by : str or None
    level : float
    """

    instrument: str
    minimum: float
    maximum: float
    higher_is: str
    by: str | None
    level: float

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Mean, interval, spread and n, as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["day"] = [f"{value:g}" for value in table["day"]]
        out["mean"] = [number(value) for value in table["estimate"]]
        pairs = zip(table["conf_low"], table["conf_high"], strict=True)
        out[confidence(self.level)] = [number_range(*pair) for pair in pairs]
        out["SD"] = [number(value) for value in table["sd"]]
        out["10th–90th percentile"] = [number_range(*p) for p in zip(table["p10"], table["p90"], strict=True)]
        out["n"] = [count(value) for value in table["n"]]
        return pd.DataFrame(out), words

    def plot(self, ax=None, *, title=None):
        """Mean and band over bars of the spread, with n below; `title` in bold above."""
        from ketaoutcomes.draw.course import course

        return course(
            self.table,
            ax,
            by=self.by,
            minimum=self.minimum,
            maximum=self.maximum,
            instrument=f"Mean {self.instrument}",
            higher_is=self.higher_is if self.higher_is in ("worse", "better") else None,
            level=self.level,
            title=title,
        )
