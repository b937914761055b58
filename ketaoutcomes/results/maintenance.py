"""Gaps between sessions: how long they are, whether they change, and how long a response lasts in them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import MINUS, count, number, number_range, percent
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, patients

__all__ = ["MaintenanceResult"]

_SPREAD = "spread within a patient"


@dataclass(frozen=True, eq=False, repr=False)
class MaintenanceResult(Result):
    """Gaps between sessions after induction, in days.

    `.table` has per group three rows by `measure`: "closed gaps" (ended by a next session), "open gaps
    counted" (Kaplan-Meier, the gap after the last session being open) and "spread within a patient" (the
    distance of a patient's own quartiles). `estimate` is the median, `conf_low` and `conf_high` its
    limits, `p25` and `p75` the quartiles, `n` the gaps, `n_events` the closed ones, `n_patients`.

    Attributes
    ----------
    gaps_by_session : DataFrame
        Closed gaps by their place in the patient's order: `number`, `n`, `n_open`, `estimate` (median),
        `p25`, `p75`, `p10`, `p90`; only places with at least 5 gaps.
    trend : DataFrame
        Change from one gap to the next within patients: `estimate` (share; 0.05 is 5 % longer),
        `conf_low`, `conf_high`, `df`, `p_value` (missing below 20 patients), `n`, `n_patients`,
        `direction` ("lengthening", "shortening", "no clear trend"; empty if not estimable).
    longest : DataFrame
        The longest gap at whose end the share still responding is surely high enough: `estimate` (days),
        `identified`, `share` and `share_low` (its lower limit) and `n_at_risk` on that day, `n`
        (episodes), `n_events` (losses), `n_patients`, `last_day`. Empty without an instrument.
    still : DataFrame
        Share still responding by whole day: `time`, `estimate`, `estimate_high` (bounds), `conf_low`,
        `conf_high`, `n_at_risk`. Empty without an instrument.
    by : str or None
    level : float
    keep : float
        Share still responding that `longest` asks for.
    shows : str
        What is drawn; written above the picture.
    order : str
        What the number of a gap counts; written below the picture.
    """

    gaps_by_session: pd.DataFrame
    trend: pd.DataFrame
    longest: pd.DataFrame
    still: pd.DataFrame
    by: str | None
    level: float
    keep: float
    shows: str
    order: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Median, limits and quartiles as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        out["days"] = [str(value) for value in table["measure"]]
        words = tuple(out)
        out["median"] = [_days(value) for value in table["estimate"]]
        out[confidence(self.level)] = _ranges(table["conf_low"], table["conf_high"])
        out["quartiles"] = _ranges(table["p25"], table["p75"])
        out["gaps"] = [count(value) for value in table["n"]]
        out["of them closed"] = [count(value) for value in table["n_events"]]
        out["patients"] = [count(value) for value in table["n_patients"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The trend, and the longest gap that keeps the response, one line each per group."""
        lines = [""]
        for row in self.trend.to_dict("records"):
            lines.append(f"  {self._head(row)}{_trend_words(row, self.level)}")
        for row in self.longest.to_dict("records"):
            lines.append(f"  {self._head(row)}{_longest_words(row, self.keep, self.level)}")
        return lines

    def plot(self, ax=None, *, title=None):
        """Boxes of the closed gaps by their place in the patient's order, with the number of gaps below.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.gaps import gaps

        overall = self.table[self.table["measure"] != _SPREAD]
        return gaps(
            self.gaps_by_session,
            ax,
            overall=overall,
            by=self.by,
            unit_line=self.shows,
            order=self.order,
            title=title,
        )

    def _head(self, row: dict) -> str:
        return "" if self.by is None else f"{row[self.by]}: "


def _days(value) -> str:
    """Days with a decimal only where there is one; "not reached" for infinity."""
    if value == float("inf"):
        return "not reached"
    return number(value, 0 if pd.isna(value) or float(value).is_integer() else 1)


def _ranges(low: pd.Series, high: pd.Series) -> list[str]:
    pairs = zip(low, high, strict=True)
    return ["–" if pd.isna(a) or pd.isna(b) else f"{_days(a)}–{_days(b)}" for a, b in pairs]


def _trend_words(row: dict, level: float) -> str:
    if not row["direction"]:
        return "Trend: not estimable."
    values = [100 * row[name] for name in ("estimate", "conf_low", "conf_high")]
    more = "longer" if values[0] >= 0 else "shorter"
    limits = number_range(values[1], values[2], 1).replace(f"{MINUS}0.0", "0.0")
    return (
        f"Trend within patients: each further gap {number(abs(values[0]), 1)}% {more} "
        f"({confidence(level)} {limits}%; {count(row['n'])} gaps of {patients(int(row['n_patients']))}): "
        f"{row['direction']}."
    )


def _longest_words(row: dict, keep: float, level: float) -> str:
    """The longest gap in words that do not advise it."""
    wanted = f"at least {percent(keep)} still responding (lower limit of the {confidence(level)})"
    of = f"{count(row['n'])} episodes of {patients(int(row['n_patients']))}, {count(row['n_events'])} losses"
    if pd.isna(row["estimate"]):
        if not row["identified"]:
            return f"Longest gap with {wanted}: not identified ({of})."
        return f"Longest gap with {wanted}: none, the limit is lower from the first day on ({of})."
    where = (
        f"{percent(row['share'])} on that day, lower limit {percent(row['share_low'])}, "
        f"{count(row['n_at_risk'])} under observation; {of}"
    )
    day = _days(row["estimate"])
    if row["identified"]:
        return f"Longest gap with {wanted}: {day} days ({where})."
    return (
        f"Longest gap with {wanted}: at least {day} days, beyond which it is not identified, as nobody is "
        f"known of for longer without a session ({where})."
    )
