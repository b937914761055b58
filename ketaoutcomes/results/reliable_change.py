"""Reliable change and tables of responders: shares by rule, with the mean change beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, clean, count, number, number_range, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total

__all__ = ["CATEGORIES", "ReliableChangeResult", "ResponderTable"]

CATEGORIES = {
    "fewer_symptoms": "reliable change towards fewer symptoms",
    "higher_scores": "reliable change towards higher scores",
    "no_reliable_change": "no reliable change",
    "more_symptoms": "reliable change towards more symptoms",
    "lower_scores": "reliable change towards lower scores",
    "fewer_symptoms_and_below_cutoff": "reliable change and below the remission cut-off",
    "higher_scores_and_beyond_cutoff": "reliable change and beyond the remission cut-off",
}


@dataclass(frozen=True, eq=False, repr=False)
class _Changed(Result):
    """What both results have: the mean change and the cumulative distribution beside the shares.

    Attributes
    ----------
    level : float
        Confidence level of the intervals.
    by : str or None
        Column that the rows are split by.
    instrument : str
    higher_is : {"worse", "better"}
    change : DataFrame
        The `by` column, `estimate` (mean of score minus baseline, points), `std_error`, `conf_low`,
        `conf_high`, `sd`, `mean_baseline`, `sd_baseline`, `n`, `n_missing`.
    cumulative : DataFrame
        The `by` column, `change` (points in the good direction), `n_events`, `n`, `estimate` (share with
        at least that change, of those scored), `conf_low`, `conf_high`.
    """

    level: float
    by: str | None
    instrument: str
    higher_is: str
    change: pd.DataFrame
    cumulative: pd.DataFrame

    def _cells(self, rows: pd.DataFrame) -> dict[str, list[str]]:
        """Share, n/N and interval of each row as text."""
        return {
            "%": [percent(value) for value in rows["estimate"]],
            "n/N": [of_total(x, n) for x, n in zip(rows["n_events"], rows["n"], strict=True)],
            confidence(self.level): [
                percent_range(low, high, like=estimate)
                for low, high, estimate in zip(
                    rows["conf_low"], rows["conf_high"], rows["estimate"], strict=True
                )
            ],
        }

    def _of_starters(self, rows: pd.DataFrame) -> list[str]:
        """The same events over all who started."""
        return [
            DASH if not n else f"{percent(x / n)} of {count(n)}"
            for x, n in zip(rows["n_events"], rows["n"], strict=True)
        ]

    def sentences(self) -> list[str]:
        """The mean change, of which the shares are a coarser view."""
        lines = [""]
        for row in self.change.to_dict("records"):
            group = "" if self.by is None else f", {clean(row[self.by])}"
            limits = number_range(row["conf_low"], row["conf_high"])
            lines.append(
                f"  Mean change{group}: {number(row['estimate'])} points ({confidence(self.level)} {limits}; "
                f"n {count(row['n'])}, not known {count(row['n_missing'])}; from "
                f"{number(row['mean_baseline'])})"
            )
        return lines

    def _curve(self, ax, title, planned: tuple[float, ...]):
        from ketaoutcomes.draw.cumulative_change import cumulative_change

        return cumulative_change(
            self.cumulative, ax, by=self.by, level=self.level, higher_is=self.higher_is,
            instrument=self.instrument, planned=planned, title=title,
        )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class ReliableChangeResult(_Changed):
    """Patients whose change exceeds error of measurement, by source of the threshold.

    Attributes
    ----------
    span : (float, float)
        Lowest and highest score of the instrument.
    cut_off : (float, str) or None
        Score at which remission begins, and the cut-off as printed.
    sources : DataFrame
        One row per source: `source`, `kind`, `threshold` (points), `at_least`, `sd`, `reliability`, `mean`,
        `citation`, `verified`.
    pairs_by_patient : DataFrame
        `baseline`, `score` and `level` (number of the group, -1 if missing) of each patient scored, for the
        picture. It has a row per patient, so that no report may print or draw it.
    levels : tuple
        Names of the groups.
    """

    span: tuple[float, float]
    cut_off: tuple[float, str] | None
    sources: pd.DataFrame
    pairs_by_patient: pd.DataFrame
    levels: tuple

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Shares of those scored, and of all who started as a lower bound."""
        by_place = self.table["denominator"]
        rows = self.table[by_place == "scored"]
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [clean(value) for value in rows[self.by]]
        out["threshold"] = [_threshold(row) for row in rows.to_dict("records")]
        out["of those scored"] = [CATEGORIES[value] for value in rows["category"]]
        words = tuple(out)
        out |= self._cells(rows)
        out["at least, of all who started"] = self._of_starters(self.table[by_place == "starters"])
        return pd.DataFrame(out), words

    def plot(self, ax=None, *, kind: str = "scatter", source: int = 0, title=None):
        """Scores before and after with the band of no reliable change, or the distribution of change.

        Parameters
        ----------
        kind : {"scatter", "cumulative"}
            "scatter" draws a mark per pair of scores, which must not leave the clinic.
        source : int
            Row of `sources` whose band is drawn.
        title : str, optional
            Written in bold above; what is drawn stands below it in any case.
        """
        if kind == "cumulative":
            return self._curve(ax, title, tuple(self.sources["threshold"]))
        from ketaoutcomes.draw.reliable_change import reliable_scatter

        chosen = self.sources.iloc[source]
        mean, r = chosen["mean"], chosen["reliability"]
        return reliable_scatter(
            self.pairs_by_patient, ax, instrument=self.instrument, span=self.span, higher_is=self.higher_is,
            threshold=float(chosen["threshold"]), label=str(chosen["source"]),
            at_least=bool(chosen["at_least"]), cut_off=self.cut_off,
            predicted=None if pd.isna(mean) else (float(mean), float(r)), title=title,
        )  # fmt: skip


def _threshold(row: dict) -> str:
    if row["comparison"] == "at_least":
        return f"at least {row['threshold']:g} points ({row['source']})"
    return f"more than {number(row['threshold'], 2)} points ({row['source']})"


@dataclass(frozen=True, eq=False, repr=False)
class ResponderTable(_Changed):
    """Patients who meet each rule of response, partial response, published change or deterioration.

    Attributes
    ----------
    overlap : (k, k) int array
        Of those scored, how many meet both of two rules, in the order of the table's rules: which rules lie
        within each other decides what may be printed together.
    """

    overlap: np.ndarray

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Shares of those scored, and of all who started as a lower bound."""
        by_place = self.table["denominator"]
        rows = self.table[by_place == "scored"]
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [clean(value) for value in rows[self.by]]
        out["rule"] = [
            label if verified else f"{label} (unverified)"
            for label, verified in zip(rows["label"], rows["verified"], strict=True)
        ]
        words = tuple(out)
        out |= self._cells(rows)
        out["at least, of all who started"] = self._of_starters(self.table[by_place == "starters"])
        return pd.DataFrame(out), words

    def plot(self, ax=None, *, title=None):
        """The cumulative distribution of change, with the rules in points marked on it."""
        in_points = (self.table["unit"] == "points") & (self.table["direction"] == "good")
        planned = self.table.loc[in_points, "value"].dropna().unique()
        return self._curve(ax, title, tuple(sorted(float(value) for value in planned)))
