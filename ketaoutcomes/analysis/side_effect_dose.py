"""Share of sessions with a side effect by dose: a standardised curve, and the shares that were observed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from ketaoutcomes.analysis.side_effect_design import DOSE, ROUTE, WAY, Design
from ketaoutcomes.analysis.side_effect_models import too_little, usable_rows
from ketaoutcomes.engine.gee import GeeFit, gee
from ketaoutcomes.engine.natural_spline import natural_spline
from ketaoutcomes.engine.rates import cluster_ratio_by
from ketaoutcomes.engine.wald import t_limit

__all__ = ["BAND_COLUMNS", "CURVE_COLUMNS", "dose_tables"]

Array = NDArray[np.float64]

LINEAR, SPLINE = "linear on the logit", "natural spline, 3 degrees of freedom"
GRID = 41
OUTER = (0.05, 0.95)
# A spline wants so many different doses (to 0.01 mg/kg), and so many events for each of its three parameters.
FEWEST_DOSES, EVENTS_PER_PARAMETER = 6, 10
MOST_BANDS, SESSIONS_PER_BAND = 5, 20
_CELL = {"effect": "str", "route": "str", "ascertainment": "str"}
_NUMBERS = {
    "estimate": "float64",
    "conf_low": "float64",
    "conf_high": "float64",
    "std_error": "float64",
    "df": "float64",
    "n": "int64",
    "n_events": "int64",
    "n_patients": "int64",
    "method": "str",
}
CURVE_COLUMNS = _CELL | {"dose": "float64"} | _NUMBERS
BAND_COLUMNS = _CELL | {"dose_low": "float64", "dose_high": "float64", "dose": "float64"} | _NUMBERS


def dose_tables(
    effect: str,
    design: Design,
    outcome: Array,
    patient: NDArray[np.int64],
    way: NDArray[np.int64],
    ways: tuple[str, ...],
    *,
    correlation: str,
    level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The curve and the observed shares, for each route and way of asking, the commonest first.

    The curve's model has the dose of the session as it was, not split, and the factors but route and way of
    asking. With an exchangeable correlation it need not go through the observed shares: where doses are
    lowered after a side effect, patients who have many of them are found at low doses.

    Returns
    -------
    curve, bands : DataFrame
        `CURVE_COLUMNS` and `BAND_COLUMNS`; no rows where the dose does not vary.
    """
    curves, bands = [], []
    for head, inside in _cells(design, outcome, way, ways):
        head = {"effect": effect} | head
        observed = np.flatnonzero(inside & np.isfinite(outcome))
        bands.append(
            _bands(design.dose[observed], outcome[observed], patient[observed], level).assign(**head)
        )
        curves.append(_curve(design, outcome, patient, inside, correlation, level).assign(**head))
    return _joined(curves, CURVE_COLUMNS), _joined(bands, BAND_COLUMNS)


def _joined(parts: list[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    return pd.concat(parts, ignore_index=True)[list(columns)].astype(columns)


def _cells(
    design: Design, outcome: Array, way: NDArray[np.int64], ways: tuple[str, ...]
) -> Iterator[tuple[dict[str, str], NDArray[np.bool_]]]:
    """Routes and ways of asking with a known dose, those with most rows first."""
    known = np.isfinite(design.dose) & (design.route >= 0) & np.isfinite(outcome)
    pairs = np.where(known, design.route * len(ways) + way, -1)
    names, sizes = np.unique(pairs[known], return_counts=True)
    for pair in names[np.argsort(-sizes, kind="stable")]:
        route, asked = divmod(int(pair), len(ways))
        yield {"route": design.routes[route], "ascertainment": ways[asked]}, pairs == pair


def _bands(dose: Array, y: Array, patient: NDArray[np.int64], level: float) -> pd.DataFrame:
    """Observed share by band of dose: each dose by itself if they are few, else parts of equal size."""
    rounded = np.round(dose, 2)
    if np.unique(rounded).size < 2:
        return pd.DataFrame()
    if np.unique(rounded).size <= MOST_BANDS:
        band = np.unique(rounded, return_inverse=True)[1]
    else:
        n_bands = int(np.clip(dose.size // SESSIONS_PER_BAND, 2, MOST_BANDS))
        edges = np.unique(np.quantile(rounded, np.arange(1, n_bands) / n_bands))
        band = np.unique(np.searchsorted(edges, rounded, side="right"), return_inverse=True)[1]
    person = np.unique(patient, return_inverse=True)[1]
    shape = (int(person.max()) + 1, int(band.max()) + 1)
    cell = person * shape[1] + band
    trials = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    events = np.bincount(cell, y, minlength=shape[0] * shape[1]).reshape(shape)
    found = cluster_ratio_by(events, trials, level=level)
    size = np.bincount(band)
    lowest, highest = np.full(shape[1], np.inf), np.full(shape[1], -np.inf)
    np.minimum.at(lowest, band, dose)
    np.maximum.at(highest, band, dose)
    return pd.DataFrame(
        {
            "dose_low": lowest,
            "dose_high": highest,
            "dose": np.bincount(band, dose) / size,
            "estimate": found.estimate,
            "conf_low": found.conf_low,
            "conf_high": found.conf_high,
            "std_error": found.std_error,
            "df": found.df,
            "n": found.n_trials,
            "n_events": found.n_events,
            "n_patients": found.n_clusters,
            "method": np.asarray(found.method).astype(object),
        }
    )


def _curve(
    design: Design,
    outcome: Array,
    patient: NDArray[np.int64],
    inside: NDArray[np.bool_],
    correlation: str,
    level: float,
) -> pd.DataFrame:
    """Share expected at each dose, averaged over the other factors of these sessions as they were."""
    others = [term for term in design.terms if term.factor not in (DOSE, ROUTE, WAY)]
    complete = inside.copy()
    for term in others:
        complete &= np.isfinite(term.values)
    usable = usable_rows(design, outcome, complete, tuple(term.name for term in others))
    rows, y = usable.rows, outcome[usable.rows]
    if not rows.size:
        return pd.DataFrame()
    dose = design.dose[rows]
    low, high = np.quantile(dose, OUTER)
    if not low < high:
        return pd.DataFrame()
    knots = _knots(dose, y)
    rest = design.matrix(rows, usable.names)
    people = patient[rows]
    n_patients = np.unique(people).size
    x = np.column_stack([_basis(dose, knots), rest])
    if too_little(y, n_patients, x.shape[1]):
        return pd.DataFrame()
    fit = gee(x, y, people, correlation=correlation, scale="estimated", covariance="mancl-derouen")
    if fit.separated or not fit.converged or not np.isfinite(fit.df):
        return pd.DataFrame()
    grid = np.linspace(low, high, GRID)
    numbers = _standardised(fit, grid, _basis(grid, knots), rest, level)
    return numbers.assign(
        n=rows.size, n_events=int(y.sum()), n_patients=n_patients, method=LINEAR if knots is None else SPLINE
    )


def _knots(dose: Array, y: Array) -> Array | None:
    """Ends and terciles for a spline; None for a straight line."""
    events = min(y.sum(), y.size - y.sum())
    if np.unique(np.round(dose, 2)).size < FEWEST_DOSES or events < 3 * EVENTS_PER_PARAMETER:
        return None
    knots = np.quantile(dose, [0.05, 1 / 3, 2 / 3, 0.95])
    # Knots in one place, as where most sessions have one dose, bend nothing.
    return knots if (np.diff(knots) > 0.01).all() else None


def _basis(dose: Array, knots: Array | None) -> Array:
    return dose[:, None] if knots is None else natural_spline(dose, knots)


def _standardised(fit: GeeFit, grid: Array, basis: Array, rest: Array, level: float) -> pd.DataFrame:
    """Mean probability over the rows of `rest` at each dose, with limits by the delta method on the logit."""
    k = basis.shape[1]
    kept = ~fit.dropped
    cov = fit.cov[np.ix_(kept, kept)]
    reach = float(t_limit(fit.df, level))
    own, dose_part = rest @ fit.params[k:], basis @ fit.params[:k]
    estimate, std_error = np.empty(grid.size), np.empty(grid.size)
    for place in range(grid.size):
        chance = expit(own + dose_part[place])
        slope = chance * (1.0 - chance)
        gradient = np.concatenate([slope.mean() * basis[place], slope @ rest / slope.size])[kept]
        estimate[place] = chance.mean()
        std_error[place] = np.sqrt(gradient @ cov @ gradient)
    half = reach * std_error / (estimate * (1.0 - estimate))
    return pd.DataFrame(
        {
            "dose": grid,
            "estimate": estimate,
            "conf_low": expit(logit(estimate) - half),
            "conf_high": expit(logit(estimate) + half),
            "std_error": std_error,
            "df": fit.df,
        }
    )
