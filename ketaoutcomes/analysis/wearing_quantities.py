"""What a model of wearing off says: benefit, its loss, the share retained, its half-life, with limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from ketaoutcomes.analysis.wearing_model import Curve, WearingModel
from ketaoutcomes.engine.fieller import FIELLER_UNBOUNDED, fieller
from ketaoutcomes.engine.wald import t_limit

__all__ = ["CODES", "curve_of", "quantities"]

DAYS_PER_WEEK = 7.0
OUT_OF_REACH, NO_PEAK, NO_BENEFIT, NOT_REACHED = "OUT_OF_REACH", "NO_PEAK", "NO_BENEFIT", "NOT_REACHED"
CODES = {
    OUT_OF_REACH: "the day lies outside the days with assessments enough",
    NO_PEAK: "no assessments enough at the peak day, from which it counts",
    NO_BENEFIT: "no benefit at the peak day, so nothing that could wear off",
    NOT_REACHED: "half is not lost within the days with assessments enough",
    FIELLER_UNBOUNDED: "the benefit at the peak day is not told from 0: no finite limits have the level",
}
UNITS = {
    "benefit": "points",
    "loss_per_week": "points per week",
    "retained": "share",
    "half_life": "days",
}
NUMBERS = ("estimate", "conf_low", "conf_high", "std_error", "df")
GRID, STEPS = 96, 400


@dataclass(frozen=True)
class _Line:
    """Rows over the coefficients on a fine grid of log2(1 + day), straight in between.

    A model that is straight in log2(1 + day) is met exactly; a spline of two inner knots to 1e-5 of its
    value.
    """

    model: WearingModel
    time: NDArray[np.float64]
    rows: NDArray[np.float64]

    def at(self, time: float) -> NDArray[np.float64]:
        """The rows at one time, (1, p)."""
        place = np.clip(np.searchsorted(self.time, time) - 1, 0, self.time.size - 2)
        part = (time - self.time[place]) / (self.time[place + 1] - self.time[place])
        return ((1.0 - part) * self.rows[place] + part * self.rows[place + 1])[None]

    def root(self, column: str, first: int, found: pd.DataFrame, level: float) -> float:
        """Day before grid point `first` at which an estimate or a limit of it is 0; inf if `first` is 0."""
        if first == 0:
            return np.inf
        if found[column].iloc[first] == 0:
            return float(2.0 ** self.time[first] - 1.0)

        def value(time: float) -> float:
            return float(self.model.fit.estimate(self.at(time), level=level)[column].iloc[0])

        time = brentq(value, self.time[first - 1], self.time[first], xtol=1e-12, rtol=1e-12)
        return float(2.0**time - 1.0)


def quantities(
    model: WearingModel, curve: Curve, *, peak_day: float, at: NDArray[np.float64], level: float
) -> pd.DataFrame:
    """The quantities of one curve, a row each.

    Parameters
    ----------
    model : WearingModel
    curve : Curve
    peak_day : float
        Day after the session at which the benefit counts as whole.
    at : (k,) float
        Later days, ascending.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `quantity`, `from_day`, `day`, `estimate`, `conf_low`, `conf_high`, `std_error`, `df`, `unit`, `code`:
        "benefit" (mean points better than baseline), "loss_per_week" (mean loss from `from_day` to `day`),
        "retained" (benefit at `day` over that at the peak day, limits by Fieller), "half_life" (day at which
        half of the benefit at the peak day is lost; inf where that lies after `day`, the last day within
        reach).
    """
    days = np.concatenate([[peak_day], at])
    rows = model.rows(curve, days)
    reached = curve.holds(days)
    loss = (rows[:-1] - rows[1:]) * (DAYS_PER_WEEK / np.diff(days))[:, None]
    peak = np.full(at.size, float(peak_day))
    parts = {
        "benefit": (np.full(days.size, np.nan), days, _linear(model, rows, reached, level)),
        "loss_per_week": (days[:-1], at, _linear(model, loss, reached[:-1] & reached[1:], level)),
        "retained": (peak, at, _retained(model, rows, reached, level)),
        "half_life": (
            np.array([float(peak_day)]),
            np.array([curve.high]),
            _half_life(model, curve, peak_day, level),
        ),
    }
    n_rows = [until.size for _, until, _ in parts.values()]
    table = {
        "quantity": np.repeat(list(parts), n_rows),
        "from_day": np.concatenate([start for start, _, _ in parts.values()]),
        "day": np.concatenate([until for _, until, _ in parts.values()]),
    }
    for name in NUMBERS:
        table[name] = np.concatenate([numbers[name] for _, _, numbers in parts.values()])
    table["unit"] = np.repeat([UNITS[name] for name in parts], n_rows)
    table["code"] = np.concatenate([numbers["code"] for _, _, numbers in parts.values()])
    return pd.DataFrame(table)


def curve_of(model: WearingModel, curve: Curve, *, start: float, level: float) -> pd.DataFrame:
    """The mean against time on a dense grid within reach: `day`, `estimate`, `conf_low`, `conf_high`."""
    low, high = max(curve.low, start), curve.high
    if not low < high:
        return pd.DataFrame({name: [] for name in ("day", "estimate", "conf_low", "conf_high")}, dtype=float)
    dense = 2.0 ** np.linspace(np.log2(1.0 + low), np.log2(1.0 + high), GRID) - 1.0
    # Rounded, so that no two days all but coincide.
    days = np.concatenate([dense, np.linspace(low, high, GRID)]).round(2)
    days = np.unique(np.clip(days, low, high))
    found = model.fit.estimate(model.rows(curve, days), level=level)
    return found[["estimate", "conf_low", "conf_high"]].assign(day=days)[
        ["day", "estimate", "conf_low", "conf_high"]
    ]


def _linear(model: WearingModel, rows: NDArray, reached: NDArray, level: float) -> dict[str, NDArray]:
    """Combinations of coefficients; blank where they are out of reach."""
    numbers = {name: np.full(len(rows), np.nan) for name in NUMBERS}
    if reached.any():
        found = model.fit.estimate(rows[reached], level=level)
        for name in NUMBERS:
            numbers[name][reached] = found[name].to_numpy()
    return numbers | {"code": np.where(reached, "", OUT_OF_REACH)}


def _retained(model: WearingModel, rows: NDArray, reached: NDArray, level: float) -> dict[str, NDArray]:
    """Benefit at each later day over that at the peak day.

    The degrees of freedom are those of a - r b at r = a / b, the contrast whose zero is looked for: at the
    limits of r it hardly differs, while those of a and b alone belong to other contrasts.
    """
    beta, covariance = model.fit.params.to_numpy(), model.fit.cov_params().to_numpy()
    value = rows @ beta
    spread = rows @ covariance @ rows.T
    peak, later = value[0], value[1:]
    ratio = later / peak if peak != 0 else np.full(later.size, np.nan)
    df = np.full(later.size, np.nan)
    seen = np.flatnonzero(reached[1:] & reached[0] & np.isfinite(ratio))
    if seen.size:
        df[seen] = model.fit.estimate(rows[1 + seen] - ratio[seen, None] * rows[0])["df"].to_numpy()
    found = fieller(later, peak, np.diag(spread)[1:], spread[1:, 0], spread[0, 0], t_limit(df, level))
    code = np.select(
        [np.full(later.size, not reached[0]), ~reached[1:], np.full(later.size, peak <= 0), found.unbounded],
        [NO_PEAK, OUT_OF_REACH, NO_BENEFIT, FIELLER_UNBOUNDED],
        "",
    )
    blank = np.full(later.size, np.nan)
    numbers = dict(zip(NUMBERS, (found.estimate, found.low, found.high, blank, df), strict=True))
    given = np.isin(code, ["", FIELLER_UNBOUNDED])
    return {name: np.where(given, value, np.nan) for name, value in numbers.items()} | {"code": code}


def _half_life(model: WearingModel, curve: Curve, peak_day: float, level: float) -> dict[str, NDArray]:
    """Day at which the mean is half of that at the peak day, and the days at which it may be.

    The limits are the first and the last day within reach at which mean(day) - mean(peak) / 2 does not differ
    from 0: for a line in log2(1 + day) Fieller's limits of a ratio, with the degrees of freedom of each day.
    """
    if not curve.holds(peak_day) or not peak_day < curve.high:
        return _one(NO_PEAK)
    time = np.linspace(np.log2(1.0 + peak_day), np.log2(1.0 + curve.high), STEPS)
    rows = model.rows(curve, 2.0**time - 1.0)
    if not float(rows[0] @ model.fit.params.to_numpy()) > 0:
        return _one(NO_BENEFIT)
    line = _Line(model, time, rows - rows[0] / 2.0)
    above = model.fit.estimate(line.rows, level=level)
    if above["conf_low"].iloc[0] <= 0:
        return _one(FIELLER_UNBOUNDED)
    # The first day that may be it, the first that is, and the last that may be.
    last = int(np.flatnonzero(above["conf_high"] >= 0)[-1])
    first = {
        "conf_low": int(np.argmax(above["conf_low"] <= 0)),
        "estimate": int(np.argmax(above["estimate"] <= 0)),
        "conf_high": (last + 1) % STEPS,
    }
    found = {name: line.root(name, place, above, level) for name, place in first.items()}
    return _one("" if np.isfinite(found["estimate"]) else NOT_REACHED, **found)


def _one(code: str, **numbers: float) -> dict[str, NDArray]:
    """One row; what is not given is NaN."""
    return {name: np.array([numbers.get(name, np.nan)]) for name in NUMBERS} | {"code": np.array([code])}
