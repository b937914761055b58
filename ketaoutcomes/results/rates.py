"""Rates: n events of n, with interval."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total

__all__ = ["DENOMINATORS", "RateResult"]

DENOMINATORS = {
    "starters": "all who started (lower bound: not known counts as no)",
    "baseline_eligible": "with a valid baseline (lower bound: not known counts as no)",
    "scored": "scored in the window",
}


@dataclass(frozen=True, eq=False, repr=False)
class RateResult(Result):
    """Rates with their intervals.

    Attributes
    ----------
    level : float
        Confidence level of the intervals.
    by : str or None
        Column that the rows are split by.
    per : {"patient", "session"}
        What one trial is.
    shows : str
        What the rates are; written above the picture.
    """

    level: float
    by: str | None
    per: str
    shows: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Rate, n/N, interval and what is not known, as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        out["of"] = [DENOMINATORS[value] for value in table["denominator"]]
        words = tuple(out)
        out["%"] = [percent(value) for value in table["estimate"]]
        out["n/N"] = [of_total(x, n) for x, n in zip(table["n_events"], table["n"], strict=True)]
        out[confidence(self.level)] = [
            percent_range(low, high, like=estimate)
            for low, high, estimate in zip(
                table["conf_low"], table["conf_high"], table["estimate"], strict=True
            )
        ]
        out["not known"] = [count(value) for value in table["n_missing"]]
        return pd.DataFrame(out), words

    def plot(self, ax=None, *, title=None):
        """Dots with intervals: the rate over its denominators.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.rates import rates

        return rates(self.table, ax, by=self.by, level=self.level, heading=self.shows, title=title)
