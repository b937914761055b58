"""Curves of events that are known only to lie between two assessments."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.curve_words import PAST_TENSE, comparison_words, median_words, moment, naive_name
from ketaoutcomes.results.text import bounds, confidence

__all__ = ["PAST_TENSE", "CurveResult"]


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
        `n_unknown`, `n_not_yet` (surely no event by then). Where each session is an
        origin they count sessions, and there is `n_patients`. With a competing event
        also `n_stopped` (stopped by then, and no event seen before).
    medians : DataFrame
        `estimate` (middle of the median interval; inf if not reached), `low`,
        `high` (the median interval), `conf_low`, `conf_high`, `naive` (the
        Kaplan-Meier median at detection), `late_low`, `late_high` (how much later that
        is than the median: naive - high to naive - low; missing where the two are not the
        same quantity), `n_patients`, `n_events`, and
        where each session is an origin `n_sessions`.
    masses : DataFrame
        Innermost intervals (left, right] with their probability `mass`.
    naive : DataFrame
        Kaplan-Meier at the time of detection, for comparison only: `time`,
        `estimate` (share with the event), `n_at_risk`. With a competing event it is the
        Aalen-Johansen incidence at detection.
    fits : DataFrame
        Per curve: `n_patients`, `n_events`, `log_likelihood`, `gap` (bound on
        what the log-likelihood is below its maximum), `converged`, `unique`,
        `n_replicates`, `n_failed`.
    unit : {"hours", "days", "sessions"}
    by : str or None
    level : float
    recall_days : float
        The instrument's recall in days; a score taken before it has passed
        still looks back to before the origin.
    kind : {"response", "remission"}
        Of the outcome.
    shows : str
        What is drawn, with the outcome's rule; written above the picture.
    origin : str
        What time 0 is, in words.
    comparison : DataFrame or None
        Test of equal curves: `score`, `statistic`, `df`, `p_value`, `method`, `n` (patients, or
        sessions), `n_patients`, `schedule_p_value` (of equal assessment schedules; where it is below
        0.05 a second row does not assume them).
    competing : DataFrame or None
        Share whose treatment stopped before the event: `time`, `estimate`, `estimate_high`,
        `conf_low`, `conf_high`.
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
    origin: str = "session 1"
    comparison: pd.DataFrame | None = None
    competing: pd.DataFrame | None = None

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
        out["time"] = [moment(value, self.unit) for value in table["time"]]
        out[verb] = [bounds(*pair) for pair in zip(table["estimate"], table["estimate_high"], strict=True)]
        out[confidence(self.level)] = [
            percent_range(low, high, like=estimate)
            for low, high, estimate in zip(
                table["conf_low"], table["conf_high"], table["estimate"], strict=True
            )
        ]
        sizes = {"n": "n"}
        if "n_patients" in table.columns:
            sizes = {"n": "sessions", "n_patients": "patients"}
        out |= {label: [count(value) for value in table[name]] for name, label in sizes.items()}
        out[f"{verb} by then"] = [count(value) for value in table["n_responded"]]
        out["not yet known"] = [count(value) for value in table["n_unknown"]]
        out["known: not yet"] = [count(value) for value in table["n_not_yet"]]
        if "n_stopped" in table.columns:
            out["stopped before"] = [count(value) for value in table["n_stopped"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The medians, one line per curve, and the test of the groups."""
        lines = [""]
        for row in self.medians.to_dict("records"):
            head = "" if self.by is None else f"{row[self.by]}: "
            words = median_words(
                row, self.unit, self.level, self.kind, marks=self.landmarks["time"].astype(float).unique()
            )
            lines.append(f"  {head}{words}")
        return lines + [f"  {line}." for line in comparison_words(self.comparison)]

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
            # On the clock of sessions the two curves are the same wherever no assessment was missed.
            naive=None if self.unit == "sessions" else self.naive,
            by=self.by,
            unit=self.unit,
            recall_days=self.recall_days,
            unit_line=self.shows,
            origin=self.origin,
            title=title,
            verb=PAST_TENSE[self.kind],
            footer=tuple(comparison_words(self.comparison)),
            stopped=self.competing,
            naive_name=naive_name(self.competing is not None),
        )
