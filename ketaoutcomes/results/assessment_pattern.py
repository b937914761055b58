"""When patients are assessed, and mean scores with that undone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, number, percent
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence

__all__ = ["AssessmentPattern"]


@dataclass(frozen=True, eq=False, repr=False)
class AssessmentPattern(Result):
    """Intensity of assessments, and mean scores as observed and weighted.

    `.table` has hazard ratios of the next assessment: `model` ("last score alone", "all on record"),
    `term`, `estimate`, `conf_low`, `conf_high`, `std_error` (of the logarithm), `statistic`, `df`,
    `p_value`, `n_events` (assessments), `n_patients`.

    Attributes
    ----------
    rates : DataFrame
        Assessments per patient-week: `estimate`, `conf_low`, `conf_high`, `n_events`, `n_patients`,
        `patient_weeks`.
    gaps : DataFrame
        Days between assessments: `p10`, `p25`, `median`, `p75`, `p90`, `mean`, `n`.
    kinds : DataFrame
        `kind` ("at a session", "between sessions", "not said"), `n`, `estimate` (share).
    by_score : DataFrame
        As `rates`, while the last score was between `score_low` and `score_high` (`mean_score`).
    course : DataFrame
        Mean score by `method` ("unweighted", "weighted", "mixed model", "only ..."), `time` (weeks
        since session 1, the middle of `week_from` to `week_to`): `estimate`, `conf_low`,
        `conf_high`, `n` (assessments), `n_patients`.
    differences : DataFrame
        Weighted less unweighted mean: `time`, `estimate`, `conf_low`, `conf_high`.
    weights : DataFrame
        `n`, `minimum`, `maximum`, `largest_raw` (before they were pulled in; all in multiples of
        their mean), `effective_n`, `n_truncated`.
    by : str or None
    level : float
    instrument : str
    higher_is : {"worse", "better"}
    minimum, maximum : float
        The instrument's range.
    """

    rates: pd.DataFrame
    gaps: pd.DataFrame
    kinds: pd.DataFrame
    by_score: pd.DataFrame
    course: pd.DataFrame
    differences: pd.DataFrame
    weights: pd.DataFrame
    by: str | None
    level: float
    instrument: str
    higher_is: str
    minimum: float
    maximum: float

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Mean scores by period, one column per method, and what the weights change."""
        keys = ["week_from", "week_to"] if self.by is None else [self.by, "week_from", "week_to"]
        methods = list(dict.fromkeys(self.course["method"]))
        table = self.differences[keys].copy()
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["weeks"] = [
            f"{low:g}–{high:g}" for low, high in zip(table["week_from"], table["week_to"], strict=True)
        ]
        for method in methods:
            rows = table.merge(self.course[self.course["method"] == method], on=keys, how="left")
            out[method] = [number(value) if np.isfinite(value) else DASH for value in rows["estimate"]]
            if method == "unweighted":
                n = [count(value) for value in rows["n"]]
        out["weighted less unweighted"] = [
            _signed(*values) for values in self.differences[["estimate", "conf_low", "conf_high"]].to_numpy()
        ]
        out["assessments"] = n
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """How often, how far apart, of which kind, and the hazard ratio of the last score."""
        lines = [""]
        groups = [None] if self.by is None else list(dict.fromkeys(self.table[self.by]))
        for group in groups:
            head = "" if group is None else f"{group}: "
            rate, gap, weight = (
                self._of(table, group).iloc[0] for table in (self.rates, self.gaps, self.weights)
            )
            kinds = self._of(self.kinds, group)
            shares = ", ".join(f"{percent(row.estimate)} {row.kind}" for row in kinds.itertuples())
            lines.append(
                f"  {head}{number(rate['estimate'], 2)} assessments per patient-week "
                f"({confidence(self.level)} {number(rate['conf_low'], 2)} to {number(rate['conf_high'], 2)}; "
                f"{count(rate['n_events'])} of {count(rate['n_patients'])} patients): {shares}."
            )
            lines.append(
                f"  {head}Half of the gaps are of {number(gap['median'])} days or less, one in ten of "
                f"{number(gap['p90'])} days or more."
            )
            lines.append(f"  {head}{self._ratio_words(self._of(self.table, group))}")
            lines.append(
                f"  {head}Weights from {number(weight['minimum'], 2)} to {number(weight['maximum'], 2)} "
                f"of their mean; {count(weight['n'])} assessments count as "
                f"{count(round(weight['effective_n']))}."
            )
        return lines

    def _of(self, table: pd.DataFrame, group) -> pd.DataFrame:
        return table if group is None else table[table[self.by] == group]

    def _ratio_words(self, rows: pd.DataFrame) -> str:
        row = rows[rows["model"] == "last score alone"].iloc[0]
        if pd.isna(row["estimate"]):
            return "No hazard ratio of the last score."
        return (
            "After a score 5 points higher the next assessment comes at "
            f"{number(row['estimate'], 2)} times the rate ({confidence(self.level)} "
            f"{number(row['conf_low'], 2)} to {number(row['conf_high'], 2)})."
        )

    def plot(self, ax=None, *, title=None):
        """Assessments per week against the last score, and the mean course as observed and weighted."""
        from ketaoutcomes.draw.assessment_pattern import assessment_panels

        return assessment_panels(
            self.by_score,
            self.course,
            ax,
            by=self.by,
            level=self.level,
            instrument=self.instrument,
            higher_is=self.higher_is,
            title=title,
        )


def _signed(estimate: float, low: float, high: float) -> str:
    """``"-0.4 (-0.9 to 0.1)"``."""
    if pd.isna(estimate):
        return DASH
    words = f"{estimate:+.1f}".replace("-", "−")
    if pd.isna(low) or pd.isna(high):
        return words
    return f"{words} ({low:+.1f} to {high:+.1f})".replace("-", "−")
