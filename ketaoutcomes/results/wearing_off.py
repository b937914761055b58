"""How benefit wears off between sessions: mean curves, what is lost and what is retained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed import LmmResult
from ketaoutcomes.results.text import confidence

__all__ = ["WearingOff"]

NOT_LIMITED = "not limited"
UNIT_WORDS = {"points": "points", "points per week": "points a week", "share": "", "days": "days"}


@dataclass(frozen=True, eq=False, repr=False)
class WearingOff(Result):
    """Benefit against the time since the last session.

    `.table` has a row per curve and quantity: the `by` column or none, `group` (of sessions), `quantity`,
    `from_day`, `day`, `estimate`, `conf_low`, `conf_high`, `std_error`, `df`, `unit`, `code` (why something
    is not given, or has no finite limits), `n` (assessments), `n_patients`. Quantities: "benefit" (mean
    points better than baseline at `day`), "loss_per_week" (points lost per week from `from_day` to `day`),
    "retained" (benefit at `day` over that at `from_day`, a share), "half_life" (day at which half is lost;
    inf where that lies after `day`, the last day with assessments enough).

    Attributes
    ----------
    instrument : str
    better : {"below", "above"}
        Side of the baseline on which points are a benefit.
    by : str or None
    level : float
    peak_day : float
        Day at which the benefit counts as whole.
    curve : DataFrame
        The mean on a dense grid: the `by` column or none, `group`, `day`, `estimate`, `conf_low`,
        `conf_high`, `n`, `n_patients`.
    observed : DataFrame
        Assessments by time since the session: the `by` column or `group`, `from_day`, `to_day`, `day`,
        `estimate` (observed mean benefit), `sd`, `n`, `n_patients`, `n_sessions` (sessions without a further
        one before `from_day`).
    tests : DataFrame
        `hypothesis`, `statistic`, `num_df`, `den_df`, `p_value`.
    model : LmmResult
        The mixed model. Its rows are patients': not for release.
    """

    instrument: str
    better: str
    by: str | None
    level: float
    peak_day: float
    curve: pd.DataFrame
    observed: pd.DataFrame
    tests: pd.DataFrame
    model: LmmResult

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Quantities with their interval, as text; what is not given is left out here."""
        table = self.table[self.table["estimate"].notna()]
        rows = table.to_dict("records")
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(row[self.by]) for row in rows]
        if table["group"].nunique() > 1 or self.by is None:
            out["sessions"] = [row["group"] for row in rows]
        out["quantity"] = [_quantity(row) for row in rows]
        words = tuple(out)
        out["estimate"] = [_value(row) for row in rows]
        out[confidence(self.level)] = [_limits(row) for row in rows]
        out["unit"] = [UNIT_WORDS[row["unit"]] for row in rows]
        out["n"] = [count(row["n"]) for row in rows]
        out["patients"] = [count(row["n_patients"]) for row in rows]
        return pd.DataFrame(out), (*words, "unit")

    def sentences(self) -> list[str]:
        """When sessions were still the last ones, and when they were assessed."""
        lines = ["", "  Observed (by whole days since the session)"]
        name = self.by or "group"
        for row in self.observed[self.observed["n"] > 0].to_dict("records"):
            days = _span(row["from_day"], row["to_day"])
            mean = "" if missing(row["estimate"]) else f", mean {number(row['estimate'])} points"
            lines.append(
                f"  {row[name]}, {days}: {count(row['n'])} assessments, {count(row['n_patients'])} "
                f"patients{mean}; {count(row['n_sessions'])} sessions not yet followed by another"
            )
        return lines

    def plot(self, ax=None, *, title=None):
        """Mean curves with bands over observed means, and the shares retained with Fieller limits.

        A curve per group of sessions, or per level of `by`; `title` in bold above.
        """
        from ketaoutcomes.draw.wearing_off import wearing_off

        name = self.by or "group"
        table, curve = self.table, self.curve
        if self.by is None and table["group"].nunique() > 1:
            # The average of curves that are drawn themselves would only cover them.
            table, curve = (rows[rows["group"] != "all"] for rows in (table, curve))
        retained = table[table["quantity"] == "retained"]
        return wearing_off(
            curve,
            self.observed,
            retained,
            ax,
            by=name,
            instrument=self.instrument,
            better=self.better,
            peak_day=self.peak_day,
            level=self.level,
            title=title,
        )


def _quantity(row: dict) -> str:
    """One row's quantity in words."""
    if row["quantity"] == "benefit":
        return f"benefit at day {row['day']:g}"
    if row["quantity"] == "loss_per_week":
        return f"loss, day {row['from_day']:g} to {row['day']:g}"
    if row["quantity"] == "retained":
        return f"retained at day {row['day']:g} (of day {row['from_day']:g})"
    return f"half-life (of day {row['from_day']:g})"


def _value(row: dict) -> str:
    """One estimate as text."""
    if row["unit"] == "share":
        return f"{100.0 * row['estimate']:.0f}%".replace("-", "−")
    if np.isinf(row["estimate"]):
        return f"after {number(row['day'], 0)}"
    return number(row["estimate"], _decimals(row))


def _limits(row: dict) -> str:
    """One interval as text; an end that is not reached reads as beyond the last day."""
    low, high = row["conf_low"], row["conf_high"]
    if missing(low) or missing(high):
        return DASH
    if row["unit"] == "share":
        if not (np.isfinite(low) and np.isfinite(high)):
            return NOT_LIMITED
        return number_range(100.0 * low, 100.0 * high, 0)
    if np.isinf(low):
        return f"after {number(row['day'], 0)}"
    if np.isinf(high):
        return f"from {number(low, _decimals(row))}"
    return number_range(low, high, _decimals(row))


def _decimals(row: dict) -> int:
    return 2 if row["quantity"] == "loss_per_week" else 1


def _span(low: float, high: float) -> str:
    """``"day 4 to 7"``, ``"from day 57"``."""
    return f"from day {low:g}" if np.isinf(high) else f"day {low:g} to {high:g}"
