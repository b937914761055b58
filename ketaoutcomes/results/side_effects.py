"""Rates of side effects, with their denominators."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, of_total

__all__ = ["SideEffectRates"]

_UNITS = {
    "session": "% of sessions",
    "patient": "% of patients",
    "100_sessions": "per 100 sessions",
    "patient_year": "per patient-year",
}


@dataclass(frozen=True, eq=False, repr=False)
class SideEffectRates(Result):
    """Rates of side effects with their intervals.

    Attributes
    ----------
    level : float
        Confidence level of the intervals.
    by : str or None
        Column that the rows are split by.
    per : {"session", "patient", "100_sessions", "patient_year"}
        What the rates are per.
    shows : str
        What the rates are; written above the picture.
    records : DataFrame
        Sessions of each group, and how many of them have side effects recorded.
    words : DataFrame
        Each `word` recorded, the `effect` under which it stands, whether it is `in_table`, and `n` rows. For
        those who may see the data: a word is a cell.
    comparisons : DataFrame
        Differences of the groups from the reference; no row without one.
    """

    level: float
    by: str | None
    per: str
    shows: str
    records: pd.DataFrame
    words: pd.DataFrame
    comparisons: pd.DataFrame

    @property
    def is_share(self) -> bool:
        """Whether the rates are shares, not counts per exposure."""
        return self.per in ("session", "patient")

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Rate, n/N, interval, patients, as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        out["side effect"] = [str(value) for value in table["effect"]]
        if "severity" in table.columns:
            out["severity"] = [str(value) for value in table["severity"]]
        out["asked by"] = [str(value) for value in table["ascertainment"]]
        words = tuple(out)
        if self.is_share:
            out["%"] = [bounds(*ends) for ends in self._ends()]
            out["n/N"] = [of_total(x, n) for x, n in zip(table["n_events"], table["n"], strict=True)]
        else:
            out[_UNITS[self.per]] = [
                _amount(low) if low == high else f"{_amount(low)}{DASH}{_amount(high)}"
                for low, high in self._ends()
            ]
            out["effects"] = [count(value) for value in table["n_events"]]
            out["sessions"] = [count(value) for value in table["n"]]
        out[confidence(self.level)] = [self._interval(row) for row in table.to_dict("records")]
        if self.per != "patient":
            out["patients with it"] = [
                of_total(x, n)
                for x, n in zip(table["n_patients_with_event"], table["n_patients"], strict=True)
            ]
        if "n_unknown" in table.columns:
            out["not known"] = [count(value) for value in table["n_unknown"]]
        return pd.DataFrame(out), words

    def _ends(self) -> list[tuple[float, float]]:
        """The estimate of each row, or the bounds between which it lies."""
        high = self.table["estimate_high"] if "estimate_high" in self.table else self.table["estimate"]
        return list(zip(self.table["estimate"], high, strict=True))

    def _interval(self, row: dict) -> str:
        low, high = row["conf_low"], row["conf_high"]
        if missing(low) or missing(high):
            return DASH
        if not self.is_share:
            return f"{_amount(low)}{DASH}{_amount(high)}"
        return percent_range(low, high, like=row["estimate"])

    def sentences(self) -> list[str]:
        """What the zeros allow, and the differences from the reference."""
        lines = []
        table = self.table
        if "conf_high_sessions" in table.columns and self.is_share:
            zero = table[(table["n_events"] == 0) & (table["n"] > 0) & table["conf_high_sessions"].notna()]
            if "n_unknown" in zero:
                zero = zero[zero["n_unknown"] == 0]
            if len(zero):
                lines.append("")
            for row in zero.to_dict("records"):
                group = "" if self.by is None else f"{row[self.by]}, "
                lines.append(
                    f"  {group}{row['effect']}, {row['ascertainment']}: none in {count(row['n'])} sessions "
                    f"of {count(row['n_patients'])} patients. At {100 * self.level:g}% confidence at most "
                    f"{percent(row['conf_high'])} with patients as n, "
                    f"{percent(row['conf_high_sessions'])} if sessions were independent."
                )
        return [*lines, *self._differences()]

    def _differences(self) -> list[str]:
        lines = []
        scale, unit = (100.0, " points") if self.is_share else (1.0, "")
        for row in self.comparisons.to_dict("records"):
            if missing(row["difference"]):
                continue
            if not lines:
                lines += ["", "  Differences from the reference"]
            lines.append(
                f"  {row['effect']}, {row['ascertainment']}: {row[self.by]} minus {row['reference']} "
                f"{number(scale * row['difference'], 1)}{unit} ({confidence(self.level)} "
                f"{number(scale * row['conf_low'], 1)} to {number(scale * row['conf_high'], 1)})"
            )
        return lines

    def plot(self, ax=None, *, title=None):
        """Forest of dots with intervals, one row per effect.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.forest import forest

        table, by = self.table, self.by
        if "severity" in table.columns:
            table, by = self._severity_as_group(), "severity"
        return forest(
            table, ax, by=by, unit_line=_UNITS[self.per], level=self.level, heading=self.shows, title=title,
            is_share=self.is_share,
        )  # fmt: skip

    def _severity_as_group(self) -> pd.DataFrame:
        """Severities as the groups of the picture; other groups stay in the effect's name."""
        table = self.table
        if self.by is None:
            return table
        name = [f"{effect}, {level}" for effect, level in zip(table["effect"], table[self.by], strict=True)]
        return table.assign(effect=name)


def _amount(value: float) -> str:
    """A rate with two digits after the point when small."""
    if missing(value):
        return DASH
    return number(value, 2 if abs(value) < 1 else 1)
