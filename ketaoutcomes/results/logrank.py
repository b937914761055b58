"""A log-rank test of groups of interval-censored times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import count, number
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed_words import p_text
from ketaoutcomes.results.survival_curve import SurvivalResult

__all__ = ["LogRankResult"]

METHODS = {
    "asymptotic": "permutation test, normal limit",
    "exact": "permutation test, all {n} relabelings",
    "monte-carlo": "permutation test, {n} random relabelings",
}


@dataclass(frozen=True, eq=False, repr=False)
class LogRankResult(Result):
    """Whether groups differ in when the event comes; made by `interval_logrank`.

    `.table` has a row per group: the group, `n` (rows), `n_patients` where a column names them, `n_events`,
    and `observed_minus_expected` (the sum of its scores; below 0: fewer or later events than
    if all groups had one curve).

    Attributes
    ----------
    test : DataFrame
        One row: `score`, `method` ("asymptotic", "exact", "monte-carlo"), `statistic` (chi-squared), `df`,
        `p_value`, `z` (two groups: of the first), `conf_low`, `conf_high` (Monte Carlo limits of the p-value,
        95 %; missing otherwise), `n_permutations`, `n` (rows), `n_patients`, `n_groups`.
    schedule_free : DataFrame
        One row: `statistic`, `df`, `p_value`, `z` of the test that does not assume equal assessment
        schedules; `n_effective` and `part`, by which it is seen whether there is enough for it. Missing
        where there is not.
    schedules : DataFrame
        One row: `statistic` (Kolmogorov-Smirnov distance of the widths of the intervals), `p_value` of equal
        schedules, `group_1`, `group_2` (furthest apart), `differ`.
    curve : SurvivalResult
        The groups' curves, without a band.
    by : str
    """

    test: pd.DataFrame
    schedule_free: pd.DataFrame
    schedules: pd.DataFrame
    curve: SurvivalResult
    by: str

    @property
    def p_value(self) -> float:
        """Of the permutation test."""
        return float(self.test["p_value"].iloc[0])

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The groups as text."""
        out = {self.by: [str(value) for value in self.table[self.by]]}
        for column, name in (("n", "n"), ("n_patients", "patients"), ("n_events", "events")):
            if column in self.table:
                out[name] = [count(value) for value in self.table[column]]
        out["observed − expected"] = [number(value, 2) for value in self.table["observed_minus_expected"]]
        return pd.DataFrame(out), (self.by,)

    def sentences(self) -> list[str]:
        """The tests in words."""
        row = self.test.iloc[0]
        if not np.isfinite(row["statistic"]):
            return ["", f"  No test ({_of(row)})."]
        how = METHODS[row["method"]].format(n=count(row["n_permutations"]))
        lines = ["", f"  {_test_words(row)} ({how}; {_of(row)})."]
        if np.isfinite(row["conf_low"]):
            limits = f"{p_text(row['conf_low'])} to {p_text(row['conf_high'])}"
            lines.append(f"  With more relabelings p would lie in {limits} (95% Monte Carlo limits).")
        if self.schedules["differ"].iloc[0]:
            free = self.schedule_free.iloc[0]
            words = (
                _test_words(free) if np.isfinite(free["statistic"]) else "Not given, too little to compare"
            )
            lines.append(f"  Without assuming equal assessment schedules: {words[:1].lower()}{words[1:]}.")
        return lines

    def plot(self, ax=None, *, title=None):
        """The groups' curves."""
        return self.curve.plot(ax, title=title)


def _test_words(row) -> str:
    """``"Chi-squared 7.12, df 1, p = 0.008"``."""
    text = p_text(row["p_value"])
    p = f"p {text}" if text.startswith("<") else f"p = {text}"
    if not np.isfinite(row["p_value"]):
        p = "no p-value"
    return f"Chi-squared {number(row['statistic'], 2)}, df {count(row['df'])}, {p}"


def _of(row) -> str:
    groups = "1 group" if row["n_groups"] == 1 else f"{count(row['n_groups'])} groups"
    words = f"{count(row['n_patients'])} patients in {groups}"
    return words if row["n"] == row["n_patients"] else f"{count(row['n'])} rows of {words}"
