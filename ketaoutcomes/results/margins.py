"""Marginal means, contrasts and slopes of a fitted model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, MINUS, count, number
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed_words import df_text, p_text
from ketaoutcomes.results.text import confidence

__all__ = ["MarginsResult", "level_words"]

MOST_DECIMALS = 6
# From this many values of a number on, means are a line with a band.
LEAST_FOR_A_LINE = 4
ESTIMATES = {"means": "mean", "contrasts": "difference", "slopes": "slope"}
SHOWS = {"means": "Marginal mean", "contrasts": "Difference in mean", "slopes": "Slope"}


def level_words(value) -> str:
    """A level as it is printed: numbers without needless decimals."""
    is_number = isinstance(value, (float, np.floating)) and not isinstance(value, bool)
    return f"{value:.6g}" if is_number else str(value)


@dataclass(frozen=True, eq=False, repr=False)
class MarginsResult(Result):
    """What a model expects at the levels of its factors, with intervals.

    Attributes
    ----------
    kind : {"means", "contrasts", "slopes"}
    response : str
        As in the formula; every estimate is on its scale.
    factor, by : tuple of str
        Variables asked for, and those within whose levels.
    numeric : bool
        Whether `factor` is one number.
    level : float
    adjust : str
        How contrasts were adjusted for their number.
    """

    kind: str
    response: str
    factor: tuple[str, ...]
    by: tuple[str, ...]
    numeric: bool
    level: float
    adjust: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Estimate, interval, test and n as text."""
        table = self.table
        words = [*self.by, *self._label_columns]
        out = {name: [level_words(value) for value in table[name]] for name in words}
        decimals = _decimals(table["std_error"])
        columns = (table[name] for name in ("estimate", "conf_low", "conf_high", "std_error"))
        texts = [[number(value, decimals) for value in row] for row in zip(*columns, strict=True)]
        out[ESTIMATES[self.kind]] = [row[0] for row in texts]
        out[confidence(self.level)] = [DASH if DASH in row[1:3] else f"{row[1]} to {row[2]}" for row in texts]
        out["std. error"] = [row[3] for row in texts]
        if self.kind != "means":
            out["t"] = [number(value, 2) for value in table["statistic"]]
        out["df"] = [DASH if np.isnan(value) else df_text(value) for value in table["df"]]
        if self.kind != "means":
            name = "p" if self.adjust == "none" else f"p ({self.adjust})"
            out[name] = [p_text(value) for value in table["p_value"]]
        elif table["n"].notna().any():
            out["n"] = [count(value) for value in table["n"]]
        return pd.DataFrame(out), tuple(words)

    @property
    def _label_columns(self) -> list[str]:
        """Columns that name a row within a group."""
        if self.kind == "contrasts":
            return ["contrast"]
        return [*self.factor] if self.kind == "means" else [n for n in self.factor if n in self.table.columns]

    @property
    def heading(self) -> str:
        """What the picture shows."""
        words = f"{SHOWS[self.kind]} of {self.response}"
        if self.kind == "slopes":
            words += f" per unit of {self.factor[0]}"
        elif self.kind == "means":
            words += f", by {' and '.join(self.factor)}"
        if self.by:
            words += f"{' and ' if self.kind == 'means' else ', by '}{' and '.join(self.by)}"
        return words if self.adjust == "none" else f"{words}; {self.adjust}-adjusted"

    def plot(self, ax=None, *, title=None):
        """Dots with intervals, one row per level; a line with its band for four or more values of a number.

        Groups of `by` are told apart by colour and marker up to three, and are blocks of rows, or small
        panels, beyond. `title` is written in bold above.
        """
        from ketaoutcomes.draw.margin_lines import margin_lines
        from ketaoutcomes.draw.margins import margins

        table = self.table.copy()
        group = _joined(table, list(self.by))
        if self.by:
            table["group"] = group
        options = {
            "by": "group" if self.by else None, "level": self.level, "heading": self.heading, "title": title,
        }  # fmt: skip
        if self.kind == "means" and self.numeric and table[self.factor[0]].nunique() >= LEAST_FOR_A_LINE:
            return margin_lines(table, ax, x=self.factor[0], **options)
        labels = self._label_columns
        table["label"] = _joined(table, labels) if labels else self.factor[0]
        is_mean = self.kind == "means"
        unit = f"{self.response} per unit of {self.factor[0]}" if self.kind == "slopes" else self.response
        return margins(table, ax, zero=not is_mean, tests=not is_mean, unit=unit, **options)


def _joined(table: pd.DataFrame, names: list[str]) -> list[str]:
    """The levels of several columns as one text per row; a number stands behind its name."""
    texts = [
        [f"{name} {level_words(value)}" for value in table[name]]
        if pd.api.types.is_float_dtype(table[name])
        else [level_words(value).replace(" - ", f" {MINUS} ") for value in table[name]]
        for name in names
    ]
    return [", ".join(row) for row in zip(*texts, strict=True)]


def _decimals(std_error: pd.Series) -> int:
    """Decimals that show two digits of the middle standard error."""
    known = std_error[np.isfinite(std_error) & (std_error > 0)]
    return int(np.clip(1 - np.floor(np.log10(known.median())), 0, MOST_DECIMALS)) if len(known) else 2
