"""Share without the event against time, for intervals of any frame."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, patients, time_point, time_range

__all__ = ["SurvivalResult"]


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalResult(Result):
    """Share without the event against time; made by `interval_survival`.

    `.table` has a row per time at which the curve may change: `estimate` and `estimate_high` are the
    lower and the upper bound of the share without the event, from that time up to the next row's;
    `determined` says whether they agree; `conf_low` and `conf_high` run from the interval of the lower to
    that of the upper bound.

    Attributes
    ----------
    landmarks : DataFrame
        The curve at chosen times: `time`, `estimate`, `estimate_high`, `conf_low`, `conf_high`,
        `n` (rows), `n_events` (event surely by then), `n_unknown`, `n_not_yet` (surely no event by then).
    medians : DataFrame
        `estimate` (middle of the median interval; inf if not reached), `low`, `high` (the median
        interval), `conf_low`, `conf_high`, `n_patients`, `n_events`; with patients of several
        rows also `n_rows`, of which `n_events` counts those with the event.
    masses : DataFrame
        Innermost intervals (left, right] with their probability `mass`.
    fits : DataFrame
        Per curve: sizes as in `medians`, `log_likelihood`, `gap` (bound on what the log-likelihood is
        below its maximum), `converged`, `unique`, `n_replicates`, `n_failed`.
    unit : {"hours", "days"}
    by : str or None
    level : float
    """

    landmarks: pd.DataFrame
    medians: pd.DataFrame
    masses: pd.DataFrame
    fits: pd.DataFrame
    unit: str
    by: str | None
    level: float

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood, summed over the curves."""
        return float(self.fits["log_likelihood"].sum())

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The landmarks as text."""
        table = self.landmarks
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["time"] = [time_point(value, self.unit) for value in table["time"]]
        pairs = zip(table["estimate"], table["estimate_high"], strict=True)
        out["without event"] = [bounds(*pair) for pair in pairs]
        limits = zip(table["conf_low"], table["conf_high"], table["conf_high"], strict=True)
        out[confidence(self.level)] = [percent_range(low, high, like=like) for low, high, like in limits]
        out["n"] = [count(value) for value in table["n"]]
        out["event by then"] = [count(value) for value in table["n_events"]]
        out["not yet known"] = [count(value) for value in table["n_unknown"]]
        out["known: not yet"] = [count(value) for value in table["n_not_yet"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The medians, one line per curve."""
        lines = [""]
        for row in self.medians.to_dict("records"):
            head = "" if self.by is None else f"{row[self.by]}: "
            lines.append(f"  {head}{_median_words(row, self.unit, self.level)}")
        return lines

    def plot(self, ax=None, *, title=None):
        """Steps where the curve is determined, boxes where it is not, and the chosen times with their limits.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.onset import onset

        split = "" if self.by is None else f", by {self.by}"
        # A row of no length at time 0, where nothing is known: else the share would seem to jump from 0.
        begin = self.table.groupby(self.by, sort=False).head(1) if self.by else self.table.head(1)
        begin = begin.assign(time=0.0, estimate=0.0, estimate_high=1.0)
        return onset(
            pd.concat([begin, self.table], ignore_index=True),
            ax,
            landmarks=self.landmarks.rename(columns={"n_events": "n_responded"}),
            by=self.by,
            unit=self.unit,
            unit_line=f"Without the event, %{split}",
            origin="time 0",
            title=title,
            verb="Event",
        )


def _median_words(row: dict, unit: str, level: float) -> str:
    """One curve's median with its interval."""
    of = patients(int(row["n_patients"]))
    if "n_rows" in row:
        of = f"{count(row['n_rows'])} rows of {of}"
    seen = f"event seen in {count(row['n_events'])} of {of}"
    if row["high"] == float("inf"):
        after = (
            "" if row["low"] == float("inf") else f"; the median lies after {time_point(row['low'], unit)}"
        )
        return f"Half is not reached: fewer than half are known to have had the event{after} ({seen})."
    limits = ""
    if row["conf_low"] == row["conf_low"]:
        interval = f"{time_range(row['conf_low'], row['conf_high'], unit)} {unit}"
        if row["conf_high"] == float("inf"):
            interval = f"from {time_point(row['conf_low'], unit)}, upper limit not reached"
        limits = f"{confidence(level)} {interval}; "
    low, high = time_point(row["low"], unit), time_point(row["high"], unit)
    where = f"by {high}" if low == high else f"between {low} and {high}"
    return f"Half had had the event {where} ({limits}{seen})."
