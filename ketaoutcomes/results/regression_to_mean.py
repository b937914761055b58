"""Expected regression to the mean beside the observed change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, patients

__all__ = ["RegressionResult", "points"]

LEAST_SHOWN = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class RegressionResult(Result):
    """How much of an observed mean change would be expected without any treatment.

    Attributes
    ----------
    level : float
        Confidence level.
    instrument : str
    higher_is : {"worse", "better"}
    cut : float
        Baseline from which patients were taken on.
    population : DataFrame
        One row: `mean`, `sd`, `mean_low`, `mean_high` (points), `low_end_mean` to `high_end_sd` (mean and SD
        at the limits of the standardised cut-off), `n` (baselines beyond the cut-off), `origin`,
        `identified`.
    """

    level: float
    instrument: str
    higher_is: str
    cut: float
    population: pd.DataFrame

    @property
    def sentence(self) -> str:
        """``"Of the observed mean fall of 9.8 points (n 161), up to 2.2 points (22% of it) would ..."``."""
        table = self.table
        observed, n = float(table["observed"].iloc[0]), int(table["n"].iloc[0])
        good = "fall" if self.higher_is == "worse" else "rise"
        if not np.isfinite(observed):
            return "Nobody beyond the cut-off was scored, so there is no change to compare with."
        if table["estimate"].isna().all():
            return (
                f"How much of the observed mean {good} of {number(observed)} points (n {count(n)}) would be "
                "expected from regression to the mean is not known: the baselines do not tell the population "
                "that patients come from."
            )
        most = table.loc[table["estimate"].idxmax()]
        share = percent(most["share_of_observed"])
        of_it = f" ({share} of it)" if share != DASH else ""
        r = table["reliability"]
        span = f"{r.min():g}" if r.nunique() == 1 else f"{r.min():g} to {r.max():g}"
        return (
            f"Of the observed mean {good} of {number(observed)} points (n {count(n)}), "
            f"{points(most['estimate'])}{of_it} would be expected from regression to the mean after "
            f"selection at a cut-off of {self.cut:g}, for a reliability of {span}."
        )

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Points expected at each reliability, and their share of the observed change."""
        rows = self.table.to_dict("records")
        out = {
            "reliability": [f"{row['reliability']:g}" for row in rows],
            "points expected": [number(row["estimate"]) for row in rows],
            confidence(self.level): [_limits(row) for row in rows],
            "of the observed change": [percent(row["share_of_observed"]) for row in rows],
            "observed, points": [number(row["observed"]) for row in rows],
            "n": [count(row["n"]) for row in rows],
            "not known": [count(row["n_missing"]) for row in rows],
        }
        return pd.DataFrame(out), ()

    def sentences(self) -> list[str]:
        """The finding, and what was taken for the population."""
        chosen = self.population.iloc[0]
        words = f"  Population before selection, {chosen['origin']}: "
        if not chosen["identified"]:
            return ["", f"  {self.sentence}", f"{words}not told by {patients(int(chosen['n']))}"]
        words += f"mean {number(chosen['mean'])}, SD {number(chosen['sd'])} points"
        if not missing(chosen["mean_low"]):
            ends = "open" if not np.isfinite([chosen["mean_low"], chosen["mean_high"]]).all() else None
            limits = ends or number_range(chosen["mean_low"], chosen["mean_high"])
            words += f" ({confidence(self.level)} of the mean {limits}; n {count(chosen['n'])})"
        return ["", f"  {self.sentence}", words]

    def plot(self, ax=None, *, title=None):
        """The observed change as a bar, divided at what would be expected; `title` in bold above."""
        from ketaoutcomes.draw.regression_to_mean import regression_bar

        return regression_bar(
            self.table, ax, instrument=self.instrument, higher_is=self.higher_is, title=title
        )


def points(value: float) -> str:
    """``"up to 2.2 points"``; ``"less than 0.1 points"`` for what would print as 0.0."""
    return "less than 0.1 points" if abs(value) < LEAST_SHOWN else f"up to {number(value)} points"


def _limits(row: dict) -> str:
    low, high = row["conf_low"], row["conf_high"]
    if missing(low):
        return DASH
    return f"{number(low)} to open" if np.isinf(high) else number_range(low, high)
