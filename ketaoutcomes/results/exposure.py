"""How much treatment patients have had, and what screens show by then."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total, patients

__all__ = ["ExposureResult"]

_DECIMALS = {"sessions": 0, "mg": 0, "mg/kg": 1, "years": 2}


@dataclass(frozen=True, eq=False, repr=False)
class ExposureResult(Result):
    """Exposure to treatment, over patients.

    Attributes
    ----------
    level : float
        Confidence level of the intervals.
    by : str or None
        Column that the rows are split by.
    shows : str
        Written above the picture.
    bands : DataFrame
        Patients by cumulative sessions: `band`, the `by` column or none, `n_events` (patients in the
        band), `n` (all treated), `n_sessions` (their sessions), `estimate`, `conf_low`, `conf_high`.
    rates : DataFrame
        Sessions per patient-year: `quantity`, the `by` column or none, `n_events` (sessions),
        `patient_years`, `n_patients`, `n_without_time`, `estimate`, `conf_low`, `conf_high`, `method`.
    screens : DataFrame
        Screens by the sessions had by then: `screen`, `instrument`, `band`, the `by` column or none, `n`
        (scores), `n_patients` (each counted by the last score in the band), `estimate` (mean score),
        `conf_low`, `conf_high`, `sd`, `cutoff`, `n_events` (positive), `share`, `share_low`, `share_high`.
        No row where no screen is recorded.
    """

    level: float
    by: str | None
    shows: str
    bands: pd.DataFrame
    rates: pd.DataFrame
    screens: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Quantiles of each quantity, and of how many patients it is known, as text."""
        rows = self.table.to_dict("records")
        out: dict[str, list[str]] = {"per patient": [_named(row) for row in rows]}
        if self.by is not None:
            out[self.by] = [str(row[self.by]) for row in rows]
        words = tuple(out)
        out["median"] = [_amount(row, "median") for row in rows]
        out["quartiles"] = [number_range(row["q1"], row["q3"], _DECIMALS[row["unit"]]) for row in rows]
        out["90th percentile"] = [_amount(row, "p90") for row in rows]
        out["sum"] = [_amount(row, "total") for row in rows]
        out["known of"] = [of_total(row["n"], row["n_patients"]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """Rates per patient-year, bands of sessions, and screens."""
        lines = [""]
        for row in self.rates.to_dict("records"):
            limits = number_range(row["conf_low"], row["conf_high"])
            name = row["quantity"][:1].upper() + row["quantity"][1:]
            lines.append(
                f"  {name}{self._group(row)}: {number(row['estimate'])} ({confidence(self.level)} {limits}; "
                f"{count(row['n_events'])} sessions in {number(row['patient_years'])} years, "
                f"{patients(row['n_patients'])})"
            )
        lines += ["", "  Patients by sessions had in all"]
        for row in self.bands.to_dict("records"):
            lines.append(
                f"  {row['band']} sessions{self._group(row)}: {of_total(row['n_events'], row['n'])} patients"
            )
        for (screen, instrument), part in self.screens.groupby(["screen", "instrument"], sort=False):
            cutoff = part["cutoff"].iloc[0]
            lines += [
                "",
                f"  Screen for {screen}, {instrument} (positive: {cutoff}), by sessions had by then",
            ]
            lines += [self._screened(row) for row in part.to_dict("records") if row["n_patients"]]
        return lines

    def _screened(self, row: dict) -> str:
        limits = number_range(row["conf_low"], row["conf_high"])
        words = "" if limits == DASH else f" ({confidence(self.level)} {limits})"
        return (
            f"  {row['band']}{self._group(row)}: mean {number(row['estimate'])}{words}, "
            f"positive {of_total(row['n_events'], row['n_patients'])} patients ({count(row['n'])} scores)"
        )

    def _group(self, row: dict) -> str:
        return "" if self.by is None else f", {row[self.by]}"

    def plot(self, ax=None, *, title=None):
        """Patients by cumulative sessions, and below them the mean of each screen by sessions had by then.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.exposure import exposure

        return exposure(
            self.bands, self.screens, ax, by=self.by, level=self.level, heading=self.shows, title=title
        )


def _named(row: dict) -> str:
    """A quantity with its unit, which sessions do not need."""
    return row["quantity"] if row["unit"] == row["quantity"] else f"{row['quantity']}, {row['unit']}"


def _amount(row: dict, name: str) -> str:
    return DASH if missing(row[name]) else number(row[name], _DECIMALS[row["unit"]])
