"""Predictions of a mixed model for its own rows and for new ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.effects import row_terms
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.mixed_fit import MixedFit, checked_level

__all__ = ["fitted_values", "leverage_and_fit", "own_random_columns", "predicted", "residuals"]

Array = NDArray[np.float64]
INTERVALS = (None, "confidence", "prediction")


def predicted(
    fit: MixedFit, new: pd.DataFrame | None, *, random: bool, interval: str | None, level: float | None
) -> pd.Series | pd.DataFrame:
    """See `LmmResult.predict`."""
    if interval is None and level is not None:
        raise DataError("level is that of an interval: say interval='confidence' or 'prediction' too")
    if interval not in INTERVALS:
        raise DataError(f"interval must be None, 'confidence' or 'prediction', not {interval!r}")
    # Only what is asked for is read: a mean needs no group, and a column of random slopes is then not needed.
    rows = _own_rows(fit) if new is None else _new_rows(fit, new, random, random or interval == "prediction")
    mean = rows.x @ fit.engine.beta
    if random:
        mean = mean + _random_part(fit, rows)
    if interval is None:
        return pd.Series(mean, index=rows.index, name="predicted")
    variance, df = _variance(fit, rows, random=random, row=interval == "prediction")
    half = t_limit(df, checked_level(fit.level if level is None else level)) * np.sqrt(variance)
    return pd.DataFrame(
        {
            "estimate": mean,
            "std_error": np.sqrt(variance),
            "conf_low": mean - half,
            "conf_high": mean + half,
        },
        index=rows.index,
    )


class _Rows:
    """Columns of some rows in their own units."""

    def __init__(self, x: Array, z: list[list[Array]], codes: list[NDArray[np.intp]], index: pd.Index):
        self.x, self.z, self.codes, self.index = x, z, codes, index


def own_random_columns(fit: MixedFit) -> list[list[Array]]:
    """(n, q) columns of each block for the rows used."""
    return [
        [
            np.column_stack([np.ones(fit.n_obs) if column is None else column for column in block.columns])
            for block in grouping.blocks
        ]
        for grouping in fit.frame.groupings
    ]


def _own_rows(fit: MixedFit) -> _Rows:
    codes = [grouping.codes for grouping in fit.frame.groupings]
    return _Rows(_own_x(fit), own_random_columns(fit), codes, fit.index)


def _own_x(fit: MixedFit) -> Array:
    """X of the rows used, in its own units."""
    scale = fit.engine.sums.scale
    x = fit.rows_x
    if fit.frame.weights is not None:
        x = x / np.sqrt(fit.frame.weights)[:, None]
    return scale.own_units(x)


def _new_rows(fit: MixedFit, new: pd.DataFrame, groups: bool, columns: bool) -> _Rows:
    x = fit.design.matrix(new)[:, fit.kept]
    z = fit.design.random_columns(new) if columns else []
    return _Rows(x, z, fit.design.group_codes(new) if groups else [], new.index)


def _random_part(fit: MixedFit, rows: _Rows) -> Array:
    """z'u; 0 for groups that the fit has not seen."""
    total = np.zeros(len(rows.x))
    for number, piece in enumerate(fit.engine.sums.pieces):
        effects = fit.effects.of_block(number)
        codes = rows.codes[piece.grouping]
        own = np.einsum("nq,nq->n", rows.z[piece.grouping][piece.block], effects[np.maximum(codes, 0)])
        total += np.where(codes >= 0, own, 0.0)
    return total


def _variance(fit: MixedFit, rows: _Rows, *, random: bool, row: bool) -> tuple[Array, Array | float]:
    """Variance of the prediction error, and the degrees of freedom of its limits."""
    residual = fit.sigma**2 if row else 0.0
    if random:
        scale = fit.engine.sums.scale
        terms = row_terms(fit.effects, scale.forward(rows.x), rows.z, rows.codes)
        unit = fit.sigma**2
        inverse = fit.engine.optimum.point.inverse
        fixed = np.einsum("np,pq,nq->n", terms.x_left, inverse, terms.x_left)
        return unit * (terms.random_variance + fixed) + residual, np.inf
    variance = np.einsum("np,pq,nq->n", rows.x, fit.inference.covariance, rows.x)
    known = np.isfinite(rows.x).all(axis=1)
    df = np.full(len(rows.x), np.nan)
    if not row:
        df[known] = fit.inference.df(rows.x[known])
        return variance, df
    shares = []
    for piece, block in zip(fit.engine.sums.pieces, fit.engine.blocks, strict=True):
        z = rows.z[piece.grouping][piece.block]
        variance = variance + np.einsum("nq,qr,nr->n", z, block, z)
        moved = z @ piece.turn
        shares += [
            moved[:, a] * moved[:, b] * (1.0 if a == b else 2.0)
            for b in range(piece.q)
            for a in range(b, piece.q)
        ]
    known &= np.isfinite(variance)
    df[known] = fit.inference.prediction_df(rows.x[known], np.column_stack(shares)[known])
    return variance + residual, df


def fitted_values(fit: MixedFit, *, random: bool = True) -> Array:
    """(n,) fitted response of the rows used."""
    rows = _own_rows(fit)
    mean = rows.x @ fit.engine.beta
    return mean + _random_part(fit, rows) if random else mean


def residuals(fit: MixedFit) -> pd.Series:
    """Response less the fitted value, rows of the fit."""
    scale = fit.engine.sums.scale
    y = fit.rows_y if fit.frame.weights is None else fit.rows_y / np.sqrt(fit.frame.weights)
    observed = y * scale.y_scale + scale.y_centre
    return pd.Series(observed - fitted_values(fit), index=fit.index, name="resid")


def leverage_and_fit(fit: MixedFit) -> tuple[Array, Array]:
    """Leverage of each row used (how much its response moves its own fitted value), and fitted values."""
    weights = fit.frame.weights
    z = own_random_columns(fit)
    if weights is not None:
        root = np.sqrt(weights)[:, None]
        z = [[block * root for block in blocks] for blocks in z]
    codes = [grouping.codes for grouping in fit.frame.groupings]
    terms = row_terms(fit.effects, fit.rows_x, z, codes)
    inverse = fit.engine.optimum.point.inverse
    own = np.einsum("np,pq,nq->n", terms.x_left, inverse, terms.x_left)
    return terms.random_variance + own, fitted_values(fit)
