"""Units beside the limits that chance allows for their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import count, number, number_range, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total

__all__ = ["FunnelResult", "limit_names", "position_words"]

UNIT_LINES = {
    "proportion": ("% of cases", "Cases"),
    "ratio": ("Observed / expected events", "Expected events"),
    "ratio of cases": ("Observed / expected events", "Expected events"),
    "mean": ("Mean", "Precision (1 / standard error)"),
}


def limit_names(levels: tuple[float, float]) -> tuple[str, str, str, str]:
    """``("limit_low_95", "limit_high_95", "limit_low_99_8", "limit_high_99_8")``."""
    words = [f"{100 * level:g}".replace(".", "_") for level in levels]
    return tuple(f"limit_{side}_{word}" for word in words for side in ("low", "high"))


def position_words(levels: tuple[float, float]) -> tuple[str, str, str]:
    """``("inside", "outside 95%", "outside 99.8%")``."""
    return ("inside", *(f"outside {100 * level:g}%" for level in levels))


@dataclass(frozen=True, eq=False, repr=False)
class FunnelResult(Result):
    """Units beside their limits, in alphabetical order.

    Attributes
    ----------
    group : str
        Column that names the units.
    kind : {"proportion", "ratio", "ratio of cases", "mean"}
        What the estimates are.
    target : float
    levels : (float, float)
        Of the inner and the outer limits.
    curves : DataFrame or None
        Limits against `size` (cases, expected events or 1 over the standard error); None where they
        depend on each unit's own cases.
    dispersion : DataFrame
        One row: `n_units`, `phi`, `threshold`, `tau2`, `applied`.
    """

    group: str
    kind: str
    target: float
    levels: tuple[float, float]
    curves: pd.DataFrame | None
    dispersion: pd.DataFrame

    @property
    def signal(self) -> str:
        """One sentence: which units lie outside the outer limits, by letter, or that there is no signal."""
        outer = f"{100 * self.levels[1]:g}%"
        beyond = self.table[self.table["position"] == position_words(self.levels)[2]]
        n = len(self.table)
        if beyond.empty:
            return f"No signal: all {count(n)} units lie inside the {outer} limits"
        lie = "units lies" if len(beyond) == 1 else "units lie"
        names = ", ".join(beyond["letter"])
        return f"{count(len(beyond))} of {count(n)} {lie} outside the {outer} limits: {names}"

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Estimate, interval and limits as text."""
        table, low = self.table, limit_names(self.levels)
        out = {self.group: [str(value) for value in table[self.group]], "letter": list(table["letter"])}
        if self.kind == "proportion":
            out["n/N"] = [of_total(x, n) for x, n in zip(table["n_events"], table["n"], strict=True)]
            out["%"] = [percent(value) for value in table["estimate"]]
        elif self.kind == "mean":
            out["n"] = [count(n) for n in table["n"]]
            out["mean"] = [number(value, 2) for value in table["estimate"]]
        else:
            out["observed"] = [count(x) for x in table["n_events"]]
            out["expected"] = [number(value, 1) for value in table["expected"]]
            out["ratio"] = [number(value, 2) for value in table["estimate"]]
        pairs = {confidence(self.levels[0]): ("conf_low", "conf_high")}
        pairs |= {f"{100 * level:g}% limits": low[2 * i : 2 * i + 2] for i, level in enumerate(self.levels)}
        for name, (first, last) in pairs.items():
            spans = zip(table[first], table[last], table["estimate"], strict=True)
            out[name] = [self._range(*span) for span in spans]
        out["position"] = list(table["position"])
        return pd.DataFrame(out), (self.group, "letter", "position")

    def _range(self, low: float, high: float, estimate: float) -> str:
        if self.kind == "proportion":
            return percent_range(low, high, like=estimate)
        return number_range(low, high, 2)

    def sentences(self) -> list[str]:
        """The target and the signal."""
        target = percent(self.target) if self.kind == "proportion" else number(self.target, 2)
        return ["", f"  Target: {target}. {self.signal}."]

    def plot(self, ax=None, *, title=None, unit_line=None, size_line=None):
        """Dots with letters, limits dashed (inner) and solid (outer); a ring outside the outer ones.

        Parameters
        ----------
        ax : Axes, optional
        title : str, optional
        unit_line, size_line : str, optional
            Words above the y axis and below the x axis.
        """
        from ketaoutcomes.draw.funnel import funnel

        unit, across = UNIT_LINES[self.kind]
        return funnel(
            self.drawable(), ax, curves=self.drawable_curves(), target=self.target, levels=self.levels,
            as_percent=self.kind == "proportion", unit_line=unit_line or f"{self.title}, {unit}",
            size_line=size_line or across, title=title,
        )  # fmt: skip

    def drawable(self) -> pd.DataFrame:
        """Letter, estimate, limits under names without a level, and `size`: the place on the x axis."""
        if self.kind == "proportion":
            size = self.table["n"].astype(float)
        elif self.kind == "mean":
            size = 1.0 / self.table["std_error"]
        else:
            size = self.table["expected"]
        outside = self.table["position"] == position_words(self.levels)[2]
        table = self.table.rename(columns=self._drawn_names())
        return table.assign(size=np.asarray(size, float), is_outside=outside.to_numpy(bool))

    def drawable_curves(self) -> pd.DataFrame | None:
        """The curves under the same names."""
        return None if self.curves is None else self.curves.rename(columns=self._drawn_names())

    def _drawn_names(self) -> dict[str, str]:
        names = ("inner_low", "inner_high", "outer_low", "outer_high")
        return dict(zip(limit_names(self.levels), names, strict=True))
