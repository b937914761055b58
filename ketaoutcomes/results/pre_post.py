"""Change of the same patients between a baseline and a planned window."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, number, number_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence

__all__ = ["PrePostResult"]


@dataclass(frozen=True, eq=False, repr=False)
class PrePostResult(Result):
    """Means before and after, the mean change, and effect sizes with their divisor named.

    Attributes
    ----------
    level : float
        Confidence level.
    by : str or None
        Name of the column of groups.
    effect_sizes : DataFrame
        `effect_size` ("d_z", "d_av", "d_baseline"), `formula`, `estimate`, `corrected` (of Hedges),
        `conf_low`, `conf_high`, `n`, `method`. No row where none is defined, and none by group.
    """

    level: float
    by: str | None
    effect_sizes: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Means, SDs and the change with its interval, as text."""
        rows = self.table.to_dict("records")
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(row[self.by]) for row in rows]
        words = tuple(out)
        out["n"] = [count(row["n"]) for row in rows]
        for when in ("before", "after"):
            out[f"{when} (SD)"] = [
                f"{number(row[f'mean_{when}'])} ({number(row[f'sd_{when}'])})" for row in rows
            ]
        out["change"] = [number(row["estimate"]) for row in rows]
        out[confidence(self.level)] = [number_range(row["conf_low"], row["conf_high"]) for row in rows]
        out["not known"] = [count(row["n_missing"]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """One line per effect size."""
        lines = []
        for row in self.effect_sizes.to_dict("records"):
            limits = number_range(row["conf_low"], row["conf_high"], 2)
            lines.append(
                f"  {row['effect_size']} ({row['formula']}): {number(row['estimate'], 2)} "
                f"({confidence(self.level)} {limits})"
            )
        return ["", *lines] if lines else []
