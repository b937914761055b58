"""Curves of events that are known only to lie between two assessments."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, patients, time_point, time_range

__all__ = ["PAST_TENSE", "CurveResult"]

# What patients have done once an outcome of that kind is reached.
PAST_TENSE = {"response": "Responded", "remission": "Remitted"}
SEEN = {"response": "seen to respond", "remission": "seen in remission"}


@dataclass(frozen=True, eq=False, repr=False)
class CurveResult(Result):
    """Share with the event against time, as far as the assessments determine it.

    `.table` has a row per time at which the curve may change: `estimate` and
    `estimate_high` are the lower and the upper bound of the share from that time
    up to the next row's, `determined` says whether they agree, and `conf_low` and
    `conf_high` run from the interval of the lower to that of the upper bound.

    Attributes
    ----------
    landmarks : DataFrame
        The curve at planned times: `time`, `estimate`, `estimate_high`,
        `conf_low`, `conf_high`, `n`, `n_responded` (event surely by then),
        `n_unknown`, `n_not_yet` (surely no event by then).
    medians : DataFrame
        `estimate` (middle of the median interval; inf if not reached), `low`,
        `high` (the median interval), `conf_low`, `conf_high`, `naive` (the
        Kaplan-Meier median at detection), `n_patients`, `n_events`.
    masses : DataFrame
        Innermost intervals (left, right] with their probability `mass`.
    naive : DataFrame
        Kaplan-Meier at the time of detection, for comparison only: `time`,
        `estimate` (share with the event), `n_at_risk`.
    fits : DataFrame
        Per curve: `n_patients`, `n_events`, `log_likelihood`, `gap` (bound on
        what the log-likelihood is below its maximum), `converged`, `unique`,
        `n_replicates`, `n_failed`.
    unit : {"hours", "days"}
    by : str or None
    level : float
    recall_days : float
        The instrument's recall in days; a score taken before it has passed
        still looks back to before the origin.
    kind : {"response", "remission"}
        Of the outcome.
    shows : str
        What is drawn, with the outcome's rule; written above the picture.
    """

    landmarks: pd.DataFrame
    medians: pd.DataFrame
    masses: pd.DataFrame
    naive: pd.DataFrame
    fits: pd.DataFrame
    unit: str
    by: str | None
    level: float
    recall_days: float
    kind: str
    shows: str

    @property
    def gap(self) -> float:
        """Largest optimality gap of the curves."""
        return float(self.fits["gap"].max())

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood, summed over the curves."""
        return float(self.fits["log_likelihood"].sum())

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The landmarks as text."""
        table, verb = self.landmarks, PAST_TENSE[self.kind].lower()
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["time"] = [time_point(value, self.unit) for value in table["time"]]
        out[verb] = [bounds(*pair) for pair in zip(table["estimate"], table["estimate_high"], strict=True)]
        out[confidence(self.level)] = [
            percent_range(low, high, like=estimate)
            for low, high, estimate in zip(
                table["conf_low"], table["conf_high"], table["estimate"], strict=True
            )
        ]
        out["n"] = [count(value) for value in table["n"]]
        out[f"{verb} by then"] = [count(value) for value in table["n_responded"]]
        out["not yet known"] = [count(value) for value in table["n_unknown"]]
        out["known: not yet"] = [count(value) for value in table["n_not_yet"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The medians, one line per curve."""
        lines = [""]
        for row in self.medians.to_dict("records"):
            head = "" if self.by is None else f"{row[self.by]}: "
            lines.append(f"  {head}{_median_words(row, self.unit, self.level, self.kind)}")
        return lines

    def plot(self, ax=None, *, title=None):
        """Steps where the curve is determined, boxes where it is not, landmarks, and the naive curve.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.onset import onset

        return onset(
            self.table,
            ax,
            masses=self.masses,
            landmarks=self.landmarks,
            naive=self.naive,
            by=self.by,
            unit=self.unit,
            recall_days=self.recall_days,
            unit_line=self.shows,
            title=title,
            verb=PAST_TENSE[self.kind],
        )


def _median_words(row: dict, unit: str, level: float, kind: str) -> str:
    """One curve's median with its interval and the naive one."""
    done = PAST_TENSE[kind].lower()
    seen = f"{count(row['n_events'])} of {patients(int(row['n_patients']))} {SEEN[kind]}"
    per = "days" if unit == "days" else "hours"
    if row["high"] == float("inf"):
        where = (
            "" if row["low"] == float("inf") else f"; the median lies after {time_point(row['low'], unit)}"
        )
        return f"Half is not reached: fewer than half are known to have {done}{where} ({seen})."
    interval = f"{time_range(row['conf_low'], row['conf_high'], unit)} {per}"
    if row["conf_high"] == float("inf"):
        interval = f"from {time_point(row['conf_low'], unit)}, upper limit not reached"
    if time_point(row["low"], unit) == time_point(row["high"], unit):
        where = f"Half had {done} by {time_point(row['high'], unit)}"
    else:
        where = f"Half had {done} between {time_point(row['low'], unit)} and {time_point(row['high'], unit)}"
    naive = time_point(row["naive"], unit)
    return (
        f"{where} ({confidence(level)} {interval}; {seen}). "
        f"Kaplan–Meier at detection, for comparison only: {naive}."
    )
