"""Losses of response that come again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, number
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, patients

__all__ = ["RecurrenceResult"]


@dataclass(frozen=True, eq=False, repr=False)
class RecurrenceResult(Result):
    """Hazard ratios of recurrent losses, and how many losses a patient has on average.

    `.table` has a row per term: `estimate` (hazard ratio), `conf_low`, `conf_high`, `std_error` (of
    its logarithm), `statistic`, `df`, `p_value`, `n` (pieces of time at risk), `n_events`,
    `n_patients`. It has no row where nothing is compared.

    Attributes
    ----------
    midpoint : DataFrame
        As `table`, with each loss halfway between the assessments that enclose it.
    rates : DataFrame
        Losses per 30 days of responding: `estimate`, `conf_low`, `conf_high` (missing for losses of
        fewer than 5 patients), `n_events`, `n_patients`, `patient_days`.
    mean_count : DataFrame
        `time` (days since the origin), `estimate` (losses per patient by then), `conf_low`,
        `conf_high` (missing with fewer than 5 patients under observation), `std_error`, `n_events` (by
        then), `n_at_risk` (patients under observation).
    orders : DataFrame
        `order` (1 for the first loss), `n_patients` (at risk of it), `n_events`.
    theta : DataFrame
        Variance of the frailty with profile limits and the p-value of none; a row for the model
        "frailty" only.
    proportionality : DataFrame
        Tests of hazard ratios that change with time: `term`, `statistic`, `df`, `p_value`.
    model : str
    by : str or None
    level : float
    since : str
        What the mean count's time counts from, in words.
    rule : str
        The loss, in words.
    """

    midpoint: pd.DataFrame
    rates: pd.DataFrame
    mean_count: pd.DataFrame
    orders: pd.DataFrame
    theta: pd.DataFrame
    proportionality: pd.DataFrame
    model: str
    by: str | None
    level: float
    since: str
    rule: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The hazard ratios with those of halfway dating beside them, or the rates if there are none."""
        if not len(self.table):
            return self._rates()
        table, middle = self.table, self.midpoint
        out = {
            "term": [str(value) for value in table["term"]],
            "hazard ratio": [_ratio(value) for value in table["estimate"]],
            confidence(self.level): _ranges(table),
            "p": [DASH if pd.isna(value) else _p_value(value) for value in table["p_value"]],
            "losses halfway": [
                f"{_ratio(value)} ({limits})" if np.isfinite(value) else DASH
                for value, limits in zip(middle["estimate"], _ranges(middle), strict=True)
            ],
            "losses": [count(value) for value in table["n_events"]],
            "patients": [count(value) for value in table["n_patients"]],
        }
        return pd.DataFrame(out), ("term",)

    def _rates(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in self.rates[self.by]]
        words = tuple(out)
        out["losses per 30 days responding"] = [number(value, 2) for value in self.rates["estimate"]]
        out[confidence(self.level)] = _ranges(self.rates)
        out["losses"] = [count(value) for value in self.rates["n_events"]]
        out["patients"] = [count(value) for value in self.rates["n_patients"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The mean count at its end, the rates where the table is of ratios, and the frailty."""
        lines = [""]
        groups = [None] if self.by is None else list(dict.fromkeys(self.mean_count[self.by]))
        for group in groups:
            rows = self.mean_count if group is None else self.mean_count[self.mean_count[self.by] == group]
            if len(rows):
                lines.append(f"  {'' if group is None else f'{group}: '}{self._count_words(rows)}")
        if len(self.table):
            for row in self.rates.to_dict("records"):
                head = "" if self.by is None else f"{row[self.by]}: "
                limits = _ranges(pd.DataFrame([row]))[0]
                lines.append(
                    f"  {head}{number(row['estimate'], 2)} losses per 30 days of responding "
                    f"({confidence(self.level)} {limits}; {count(row['n_events'])} losses)."
                )
        for row in self.theta.to_dict("records") if "conf_low" in self.theta else ():
            high = "not found" if np.isinf(row["conf_high"]) else number(row["conf_high"], 2)
            p_value = "" if pd.isna(row["p_value"]) else f"; p of no frailty {_p_value(row['p_value'])}"
            lines.append(
                f"  Variance of the frailty {number(row['estimate'], 2)} ({confidence(self.level)} "
                f"{number(row['conf_low'], 2)} to {high}{p_value})."
            )
        changing = (
            self.proportionality[self.proportionality["p_value"] < 0.05] if len(self.proportionality) else ()
        )
        if len(changing):
            terms = ", ".join(changing["term"])
            lines.append(f"  Hazard ratios seem to change with time: {terms}; read them as averages.")
        return lines

    def _count_words(self, rows: pd.DataFrame) -> str:
        """The mean count at the last time at which a fair part of the patients is still watched."""
        first = rows["n_at_risk"].iloc[0]
        at = rows[rows["n_at_risk"] >= max(0.2 * first, min(first, 2))].iloc[-1]
        limits = ""
        if np.isfinite(at["conf_low"]):
            limits = (
                f" ({confidence(self.level)} {number(at['conf_low'], 2)} to {number(at['conf_high'], 2)})"
            )
        return (
            f"By day {number(at['time'], 0)} after {self.since} a patient has lost the response "
            f"{number(at['estimate'], 2)} times on average{limits}; {count(at['n_at_risk'])} of "
            f"{patients(int(first))} {'is' if at['n_at_risk'] == 1 else 'are'} still watched."
        )

    def plot(self, ax=None, *, title=None):
        """Mean number of losses per patient against time, with its band and the patients still watched."""
        from ketaoutcomes.draw.recurrence import mean_losses

        return mean_losses(
            self.mean_count,
            ax,
            by=self.by,
            level=self.level,
            title=title,
            unit_line=f"Losses of response per patient, mean ({self.rule})",
            origin=self.since,
        )


def _ratio(value) -> str:
    """A ratio with two decimals, or three figures where it is large."""
    if pd.isna(value):
        return DASH
    return number(value, 2) if value < 10 else f"{value:.3g}"


def _ranges(table: pd.DataFrame) -> list[str]:
    """``"0.61 to 1.32"``; a dash where there are no limits."""
    return [
        DASH if pd.isna(low) or pd.isna(high) else f"{_ratio(low)} to {_ratio(high)}"
        for low, high in zip(table["conf_low"], table["conf_high"], strict=True)
    ]


def _p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
