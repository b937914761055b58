"""Severity of side effects: shares by severity, and the odds of a higher one."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, missing, number, number_range, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence

__all__ = ["SideEffectSeverity", "model_lines"]


@dataclass(frozen=True, eq=False, repr=False)
class SideEffectSeverity(Result):
    """Shares of each side effect by severity.

    Attributes
    ----------
    model : DataFrame
        Odds ratios of a higher severity among the effects found; no row where there is no model.
    by : str or None
    level : float
    shows : str
        What is drawn; written above the picture.
    """

    model: pd.DataFrame
    by: str | None
    level: float
    shows: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """A row per effect: sessions, patients, and the share of each severity with its interval."""
        keys = ["effect", "ascertainment", *([] if self.by is None else [self.by])]
        names = list(dict.fromkeys(self.table["severity"]))
        cells = self.table.to_dict("records")
        rows = [cells[start : start + len(names)] for start in range(0, len(cells), max(len(names), 1))]
        heads = {"effect": "side effect", "ascertainment": "asked by"}
        out = {heads.get(key, key): [str(row[0][key]) for row in rows] for key in keys}
        words = tuple(out)
        out["sessions"] = [count(row[0]["n"]) for row in rows]
        out["patients"] = [count(row[0]["n_patients"]) for row in rows]
        for place, name in enumerate(names):
            out[f"{name} ({confidence(self.level)})"] = [_share(row[place]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The odds ratios of the model."""
        return model_lines(self.model, self.level)

    def plot(self, ax=None, *, title=None):
        """Stacked bars of severity, one per effect; a panel per group, or per way of asking.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.severity import severity

        return severity(self.table, ax, by=self.by, heading=self.shows, title=title)


def model_lines(model: pd.DataFrame, level: float) -> list[str]:
    """One line per odds ratio of a higher severity."""
    shown = model[model["estimate"].notna()]
    if not len(shown):
        return []
    first = shown.iloc[0]
    lines = [
        "",
        f"  Odds of a higher severity, among {count(first['n'])} effects found in "
        f"{count(first['n_sessions'])} sessions of {count(first['n_patients'])} patients",
    ]
    for row in shown.to_dict("records"):
        against = f" against {row['reference']}" if row["reference"] else ""
        words = (
            f"  {row['term']}{against}: ratio {number(row['estimate'], 2)} ({confidence(level)} "
            f"{number_range(row['conf_low'], row['conf_high'], 2)}{_p(', p', row['p_value'])}"
        )
        lines.append(f"{words}{_p('; check of proportional odds, p', row['check_p_value'])})")
    return lines


def _share(row: dict) -> str:
    """``"65% (58–72)"``."""
    estimate = percent(row["estimate"])
    if missing(row["conf_low"]):
        return estimate
    return f"{estimate} ({percent_range(row['conf_low'], row['conf_high'], like=row['estimate'])})"


def _p(words: str, value: float) -> str:
    if missing(value):
        return ""
    return f"{words} <0.001" if value < 0.001 else f"{words} {number(value, 2 if value >= 0.01 else 3)}"
