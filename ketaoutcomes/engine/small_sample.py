"""Degrees of freedom for the coefficients of a mixed model: Satterthwaite and Kenward-Roger.

Both come from the derivatives of the eliminated cross-products, so that their cost does not
depend on the number of rows and no n x n matrix is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.factors import unpacked
from ketaoutcomes.engine.information import expected_information
from ketaoutcomes.engine.lmm import Estimate

__all__ = ["FTest", "KenwardRoger", "Normal", "Satterthwaite"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FTest:
    """A joint test of several combinations of the coefficients.

    Parameters
    ----------
    statistic, num_df, den_df : float
    note : str
        Why an approximation was replaced; empty if it was not.
    """

    statistic: float
    num_df: float
    den_df: float
    note: str = ""


def _independent_rows(rows: Array, covariance: Array) -> Array:
    """The rows, or where they are redundant a basis of what they test.

    The rows are kept where they can be, because Satterthwaite's joint df depend on their scale.
    """
    scale = np.sqrt(np.diag(covariance))
    scaled = rows * scale
    _, sizes, right = np.linalg.svd(scaled, full_matrices=False)
    rank = int((sizes > 1e-8 * sizes.max(initial=0.0)).sum())
    return rows if rank == len(rows) else right[:rank] / scale


@dataclass(frozen=True)
class Normal:
    """No small-sample correction: infinite degrees of freedom."""

    covariance: Array

    def df(self, rows: Array) -> Array:
        return np.full(len(rows), np.inf)

    def prediction_df(self, rows: Array, shares: Array) -> Array:
        return np.full(len(rows), np.inf)

    def test(self, rows: Array, beta: Array) -> FTest:
        rows = _independent_rows(rows, self.covariance)
        value = rows @ beta
        statistic = value @ np.linalg.solve(rows @ self.covariance @ rows.T, value) / len(rows)
        return FTest(float(statistic), len(rows), np.inf)


class Satterthwaite:
    """df = 2 f^2 / var(f) for f = l' Cov(b) l, by the delta method on the variance parameters.

    The parameters are the free entries of the relative Cholesky factors and the log of the residual
    variance. Those that have vanished at a boundary are not among them.

    Source: Kuznetsova, Brockhoff, Christensen 2017, J. Stat. Softw. 82(13); multi-degree F tests as there.
    """

    def __init__(self, estimate: Estimate):
        point, sums = estimate.optimum.point, estimate.sums
        self.covariance = estimate.covariance
        n_df = sums.n - sums.p if estimate.reml else sums.n
        self.turn = sums.scale.back()[0]
        self.unit = point.variance * sums.scale.y_scale**2
        self.jacobian = point.jacobian
        matrices = unpacked(estimate.optimum.factors, point.theta)
        self.g = np.concatenate([(m @ m.T)[np.triu_indices(len(m))] for m in matrices])
        v = np.append(-point.beta, 1.0)
        d_rest = point.jacobian.T @ (point.parts.cross.first @ v @ v)
        covariance_theta = 2.0 * _inverse(point.hessian)
        # (theta, log sigma^2): the criterion is profiled over the second, which is put back here.
        mixed = -d_rest / point.variance
        edge = -covariance_theta @ mixed / n_df
        corner = 2.0 / n_df + mixed @ covariance_theta @ mixed / n_df**2
        self.parameters = np.block([[covariance_theta, edge[:, None]], [edge[None], np.array([[corner]])]])
        d_a = np.tensordot(point.jacobian.T, point.parts.cross.first[:, :-1, :-1], 1)
        self.slopes = np.concatenate(
            [-point.variance * point.inverse @ d_a @ point.inverse, point.variance * point.inverse[None]]
        )

    def df(self, rows: Array) -> Array:
        """Degrees of freedom of each row, (k, p) -> (k,)."""
        own = rows @ self.turn
        f = np.einsum("ki,ij,kj->k", own, self.slopes[-1], own)
        slope = np.einsum("ki,tij,kj->kt", own, self.slopes, own)
        spread = np.einsum("kt,ts,ks->k", slope, self.parameters, slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, 2.0 * f**2 / spread, np.where(f > 0, np.inf, np.nan))

    def prediction_df(self, rows: Array, shares: Array) -> Array:
        """Degrees of freedom of the variance of a new row of a new group.

        The variance is sigma^2 (l'A^-1 l + z'Gz + 1), whose last two parts are estimated as well.

        Parameters
        ----------
        rows : (k, p) float
        shares : (k, R) float
            Derivatives of z'Gz by the entries of G, in scaled columns.
        """
        own = rows @ self.turn
        unit = self.unit
        variance = np.einsum("ki,ij,kj->k", own, self.slopes[-1], own) + unit * (1.0 + shares @ self.g)
        slope = np.einsum("ki,tij,kj->kt", own, self.slopes[:-1], own) + unit * shares @ self.jacobian
        slope = np.column_stack([slope, variance])
        spread = np.einsum("kt,ts,ks->k", slope, self.parameters, slope)
        return 2.0 * variance**2 / spread

    def test(self, rows: Array, beta: Array) -> FTest:
        """F test of rows @ beta = 0."""
        rows = _independent_rows(rows, self.covariance)
        values, vectors = np.linalg.eigh(rows @ self.covariance @ rows.T)
        turned = vectors.T @ rows
        squares = (turned @ beta) ** 2 / values
        return FTest(float(squares.mean()), len(rows), _joint_df(self.df(turned)))


def _joint_df(df: Array) -> float:
    """Denominator of a joint test from those of its independent parts."""
    q = len(df)
    if q == 1:
        return float(df[0])
    if np.isinf(df).all():
        return np.inf
    if (df <= 2).any():
        return 2.0
    if np.ptp(df) < 1e-8:
        return float(df.mean())
    expected = float(np.where(np.isinf(df), 1.0, df / (df - 2.0)).sum())
    return 2.0 * expected / (expected - q)


def _inverse(hessian: Array) -> Array:
    """Inverse on the directions in which the criterion curves upwards."""
    if not len(hessian):
        return hessian
    values, vectors = np.linalg.eigh(hessian)
    used = values > 1e-9 * values.max()
    return (vectors[:, used] / values[used]) @ vectors[:, used].T


class KenwardRoger:
    """Adjusted covariance of the coefficients and F tests scaled to their first two moments.

    V is taken as linear in its variances and covariances, with their expected information, as in
    pbkrtest. All of them take part also at a boundary, where the information is still regular.

    Source: Kenward, Roger 1997, Biometrics 53: 983; Halekoh, Hojsgaard 2014, J. Stat. Softw. 59(9).
    """

    def __init__(self, estimate: Estimate):
        point, sums = estimate.optimum.point, estimate.sums
        matrices = unpacked(estimate.optimum.factors, point.theta)
        g = np.concatenate([(m @ m.T).T[np.triu_indices(len(m))] for m in matrices])
        information = expected_information(point.parts, g, point.inverse, sums.n)
        self.turn = sums.scale.back()[0]
        self.spread = 2.0 * _inverse(information.matrix)
        self.first = information.first
        self.inverse = point.inverse
        turned = np.einsum("rij,jk,tkl->rtil", information.first, point.inverse, information.first)
        middle = np.einsum("rt,rtij->ij", self.spread, information.second / 2.0 - turned)
        adjusted = point.inverse + 2.0 * point.inverse @ middle @ point.inverse
        adjusted = (adjusted + adjusted.T) / 2
        self.adjusted = adjusted
        self.variance = point.variance
        self.covariance = point.variance * self.turn @ adjusted @ self.turn.T
        self.fallback = Satterthwaite(estimate)

    def df(self, rows: Array) -> Array:
        """Degrees of freedom of each row, (k, p) -> (k,): for one row the scale of F is 1."""
        own = rows @ self.turn @ self.inverse
        f = np.einsum("ki,ki->k", own, rows @ self.turn)
        shares = np.einsum("ki,rij,kj->kr", own, self.first, own) / f[:, None]
        size = np.einsum("kr,rt,kt->k", shares, self.spread, shares)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(size > 0, 2.0 / size, np.where(f > 0, np.inf, np.nan))

    def prediction_df(self, rows: Array, shares: Array) -> Array:
        """As Satterthwaite's."""
        return self.fallback.prediction_df(rows, shares)

    def test(self, rows: Array, beta: Array) -> FTest:
        """F test of rows @ beta = 0 with its scale and denominator."""
        rows = _independent_rows(rows, self.covariance)
        count = len(rows)
        own = rows @ self.turn
        wald = float(
            (rows @ beta) @ np.linalg.solve(self.variance * own @ self.adjusted @ own.T, rows @ beta) / count
        )
        theta = own.T @ np.linalg.solve(own @ self.inverse @ own.T, own)
        pieces = theta @ self.inverse @ self.first @ self.inverse
        traces = np.trace(pieces, axis1=1, axis2=2)
        a1 = float(traces @ self.spread @ traces)
        a2 = float(np.einsum("rt,rij,tji->", self.spread, pieces, pieces))
        if not a2 > 0:
            return FTest(wald, count, np.inf)
        scale, den_df = _moments(count, a1, a2)
        if scale is None:
            plain = self.fallback.test(rows, beta)
            return FTest(
                plain.statistic, count, plain.den_df,
                "Kenward-Roger moments do not exist for this test; Satterthwaite instead",
            )  # fmt: skip
        return FTest(scale * wald, count, den_df)


def _moments(count: int, a1: float, a2: float) -> tuple[float | None, float]:
    """Scale and denominator so that an F distribution has the two moments of the statistic."""
    b = (a1 + 6.0 * a2) / (2.0 * count)
    g = ((count + 1.0) * a1 - (count + 4.0) * a2) / ((count + 2.0) * a2)
    base = 3.0 * count + 2.0 * (1.0 - g)
    c1, c2, c3 = g / base, (count - g) / base, (count + 2.0 - g) / base
    v0, v1, v2, left = 1.0 + c1 * b, 1.0 - c2 * b, 1.0 - c3 * b, 1.0 - a2 / count
    # Multiplied out, so that the exact F (Hotelling's) comes out also where its variance is infinite.
    below = v0 * left**2 - v1**2 * v2
    den_df = 4.0 + (count + 2.0) * v1**2 * v2 / below if below != 0 else np.inf
    if not (np.isfinite(den_df) and den_df > 0):
        return None, np.nan
    scale = 1.0 if abs(den_df - 2.0) < 1e-2 else den_df * left / (den_df - 2.0)
    return (scale, den_df) if scale > 0 else (None, np.nan)
