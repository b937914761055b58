"""The largest of several correlated |t|: what simultaneous tests and intervals are judged by.

T_i = Z_i / s, with Z normal of unit variance and correlation R, and df·s² chi-squared on df. Three ways
to the distribution of max |T_i|:

* all pairs of equally precise means: the studentised range.
* R with R_ij = a_i a_j off its diagonal (many treatments against one control): given one normal
  factor and s the Z_i are independent, so the probability is a double integral, here by quadrature.
* any R, also singular: Z = A y with y standard normal in r dimensions. By length and direction,
  max |Z_i| = |y| h(u) with h(u) = max |A_i u|, so P(max |T| > c) = E_u[ P(r F > c² / h(u)²) ] with F on
  r and df degrees of freedom. Only the direction u is sampled, the same for every c and df: the tail
  is a smooth, falling function of c. Two dimensions are an even grid on the circle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc, chdtrc, fdtrc, ndtr, stdtr

from ketaoutcomes.engine.studentized_range import LARGEST_DF, range_tail, scale_grid, t_quantile

__all__ = ["LargestT", "balanced_pairs", "largest_t", "single_factor"]

Array = NDArray[np.float64]

SAME = 1e-9
RANK_TOLERANCE = 1e-10
LARGEST_LOADING = 0.999
REACH, STEP, LARGEST_CUT = 9.0, 0.15, 38.0
CIRCLE = 1 << 15
N_SHIFTS = 8
FIRST_POINTS, MOST_POINTS = 1 << 13, 1 << 17
ANGLES, CHUNK = 4097, 1 << 12
# Hickernell, Kritzer, Kuo & Nuyens (2011), Numer. Algorithms 59, 161: good up to 2^20 points.
GENERATOR = np.array([1, 364981, 245389, 97823, 488939, 62609, 400749, 385317, 21281, 223487], dtype=float)
ERROR = 1e-5
BINS = 1024
SEED = 20260930


class _Tail(Protocol):
    error: float

    def tail(self, c: float, df: float) -> float: ...


@dataclass(frozen=True)
class LargestT:
    """Distribution of the largest |t| of a family.

    Attributes
    ----------
    n : int
        Number of t in the family.
    error : float
        Three standard errors of a tail probability around 0.05; 0 for quadrature.
    """

    n: int
    error: float
    _by: _Tail

    def tail(self, c: float, df: float = np.inf) -> float:
        """P(max |T| > c), never below one test's p nor above Šidák's bound."""
        if not np.isfinite(c) or not df > 0:
            return np.nan if np.isnan(c) or not df > 0 else 0.0
        c = abs(c)
        single = float(2 * (ndtr(-c) if df > LARGEST_DF else stdtr(df, -c)))
        most = -np.expm1(self.n * np.log1p(-single)) if single < 1 else 1.0
        return float(np.clip(self._by.tail(c, df), single, most))

    def quantile(self, level: float, df: float = np.inf) -> float:
        """The c with P(max |T| > c) = 1 − level."""
        if not df > 0:
            return np.nan
        alpha = 1.0 - level
        low = t_quantile(alpha / 2, df)
        high = t_quantile(-np.expm1(np.log1p(-alpha) / self.n) / 2, df)
        if high - low < 1e-12 * high:
            return low
        return float(brentq(lambda c: self.tail(c, df) - alpha, 0.999 * low, 1.001 * high, xtol=1e-10))


def largest_t(correlation: Array, *, error: float = ERROR) -> LargestT:
    """Distribution of max |T_i| for the correlation of the estimates.

    Parameters
    ----------
    correlation : (m, m) float
        Positive semidefinite with unit diagonal; may be singular.
    error : float
        Three standard errors that sampled directions may leave in a tail probability near 0.05.

    Source
    ------
    Genz & Bretz (2009), Computation of Multivariate Normal and t Probabilities, Springer, ch. 4.
    Checked: tests/reference/multiplicity.R.
    """
    m = len(correlation)
    n_means = balanced_pairs(correlation)
    if n_means is not None:
        return LargestT(m, 0.0, _Range(n_means))
    loadings = single_factor(correlation)
    if m > 2 and loadings is not None:
        return LargestT(m, 0.0, _OneFactor(loadings))
    values, vectors = np.linalg.eigh(correlation)
    kept = values > RANK_TOLERANCE * values[-1]
    rows = vectors[:, kept] * np.sqrt(values[kept])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    by = _directions(rows, error)
    return LargestT(m, by.error, by)


def balanced_pairs(correlation: Array) -> int | None:
    """Number of means whose pairwise differences, in order, have this correlation under equal variances.

    Their largest |t| is the studentised range. None for any other correlation.
    """
    m = len(correlation)
    n_means = round((1 + np.sqrt(1 + 8 * m)) / 2)
    if m < 3 or n_means * (n_means - 1) // 2 != m:
        return None
    first, second = np.triu_indices(n_means, 1)
    rows = (np.eye(n_means)[first] - np.eye(n_means)[second]) / np.sqrt(2.0)
    return n_means if np.abs(rows @ rows.T - correlation).max() < SAME else None


def single_factor(correlation: Array) -> Array | None:
    """Loadings a with R_ij = a_i a_j off the diagonal, or None if R has no such structure.

    Parameters
    ----------
    correlation : (m, m) float
    """
    r = correlation - np.diag(np.diag(correlation))
    size = np.abs(r)
    if size.max(initial=0.0) < SAME:
        return np.zeros(len(r))
    if len(r) < 3:
        return None
    first = int(np.argmax((size**2).sum(axis=1)))
    second = int(np.argmax(size[first]))
    both = size[first] * size[second]
    third = int(np.argmax(both))
    if both[third] > SAME:
        squared = r[first, second] * r[first, third] / r[second, third]
    else:
        squared = size[first, second]
    if not 0 < squared <= LARGEST_LOADING**2:
        return None
    loadings = r[first] / np.sqrt(squared)
    loadings[first] = np.sqrt(squared)
    outer = np.outer(loadings, loadings)
    np.fill_diagonal(outer, 0.0)
    fits = np.abs(outer - r).max() < SAME and np.abs(loadings).max() <= LARGEST_LOADING
    return loadings if fits else None


@dataclass(frozen=True)
class _Range:
    """All pairwise differences of equally precise means."""

    n_means: int
    error: float = 0.0

    def tail(self, c: float, df: float) -> float:
        return range_tail(np.sqrt(2.0) * c, self.n_means, df)


@dataclass(frozen=True)
class _OneFactor:
    """Given the factor y and s the Z_i = a_i y + √(1 − a_i²) e_i are independent."""

    loadings: Array
    error: float = 0.0

    def tail(self, c: float, df: float) -> float:
        scale, weight = scale_grid(df, c)
        largest = float(np.abs(self.loadings).max())
        # Steps that resolve how sharply the Z_i of the largest loading cross their limit.
        step = min(STEP, 0.5 * np.sqrt(1 - largest**2) / max(largest, 0.5))
        missed = [self._any_outside(cut, largest, step) for cut in c * scale]
        return float(weight @ np.array(missed))

    def _any_outside(self, cut: float, largest: float, step: float) -> float:
        """P(any |Z_i| > cut), over the factor's positive half: the other is its mirror image."""
        own = np.sqrt(1 - self.loadings**2)
        # Far out the factor that carries the largest Z_i beyond the limit decides.
        y = np.arange(0.0, REACH + largest * min(cut, LARGEST_CUT), step)
        shared = y[:, None] * self.loadings
        outside = ndtr((shared - cut) / own) + ndtr((-shared - cut) / own)
        with np.errstate(divide="ignore"):
            inside = np.log1p(-np.minimum(outside, 1.0)).sum(axis=1)
        values = -np.expm1(inside) * np.exp(-0.5 * y**2)
        return float(step * np.sqrt(2 / np.pi) * (values.sum() - 0.5 * values[0]))


@dataclass(frozen=True)
class _Directions:
    """The reach h(u) of directions u, gathered in bins: (shifts, bins) means and shares."""

    rank: int
    reach: Array
    share: Array
    error: float

    def tails(self, c: float, df: float) -> Array:
        """The tail by each shift of the points."""
        with np.errstate(divide="ignore"):
            squared = (c / self.reach) ** 2
        if df > LARGEST_DF:
            beyond = chdtrc(self.rank, squared)
        else:
            beyond = fdtrc(self.rank, df, squared / self.rank)
        return (beyond * self.share).sum(axis=1)

    def tail(self, c: float, df: float) -> float:
        return float(self.tails(c, df).mean())


def _directions(rows: Array, error: float) -> _Directions:
    """Enough directions for the error asked for; the (m, r) rows are unit vectors."""
    rank = rows.shape[1]
    if rank == 1:
        return _Directions(1, np.ones((1, 1)), np.ones((1, 1)), 0.0)
    if rank == 2:
        angle = (np.arange(CIRCLE) + 0.5) * np.pi / CIRCLE
        reach = np.abs(rows @ np.stack([np.cos(angle), np.sin(angle)])).max(axis=0)
        return _Directions(2, *_binned(reach[None]), 0.0)
    shifts = np.random.default_rng(SEED).random((N_SHIFTS, rank - 1))
    n_points = FIRST_POINTS
    while True:
        steps = _lattice_steps(rank - 1, n_points)
        reach = np.stack([_reach(rows, n_points, steps, shift) for shift in shifts])
        found = _Directions(rank, *_binned(reach), 0.0)
        tails = found.tails(t_quantile(0.025 / len(rows), np.inf), np.inf)
        spread = 3 * float(tails.std(ddof=1)) / np.sqrt(N_SHIFTS)
        if spread <= error or n_points >= MOST_POINTS:
            return replace(found, error=spread)
        n_points *= 4


def _lattice_steps(n_dimensions: int, n_points: int) -> Array:
    """The step from one point of the unit cube to the next, for each dimension."""
    if n_dimensions <= len(GENERATOR):
        return GENERATOR[:n_dimensions] / n_points
    # Richtmyer's points: roots of primes never fall into step with each other.
    primes: list[int] = []
    candidate = 2
    while len(primes) < n_dimensions:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return np.sqrt(np.array(primes, dtype=float))


def _reach(rows: Array, n_points: int, steps: Array, shift: Array) -> Array:
    """h(u) of the directions u that the shifted points stand for.

    A direction in r dimensions is r − 2 angles from an axis and one around it.
    """
    rank = rows.shape[1]
    shares = [_directions_below(rank - axis) for axis in range(rank - 2)]
    return np.concatenate(
        [
            _reach_of(
                (np.arange(first, min(first + CHUNK, n_points))[:, None] * steps + shift) % 1.0, rows, shares
            )
            for first in range(0, n_points, CHUNK)
        ]
    )


def _reach_of(points: Array, rows: Array, shares: list[Array]) -> Array:
    """h(u) for (n, r − 1) points of the unit cube."""
    along = np.empty((rows.shape[1], len(points)))
    left = np.ones(len(points))
    angles = np.linspace(0.0, np.pi, ANGLES)
    for axis, below in enumerate(shares):
        # Folding makes the integrand periodic, which even points need to be better than random ones.
        angle = np.interp(np.abs(2 * points[:, axis] - 1), below, angles)
        along[axis] = left * np.cos(angle)
        left *= np.sin(angle)
    around = np.pi * points[:, -1]
    along[-2], along[-1] = left * np.cos(around), left * np.sin(around)
    return np.abs(rows @ along).max(axis=0)


def _directions_below(n_dimensions: int) -> Array:
    """The share of all directions that lie below each of the even angles from an axis."""
    angle = np.linspace(0.0, np.pi, ANGLES)
    below = 0.5 * betainc((n_dimensions - 1) / 2, 0.5, np.sin(angle) ** 2)
    return np.where(angle <= np.pi / 2, below, 1 - below)


def _binned(reach: Array) -> tuple[Array, Array]:
    """(shifts, bins) means of `reach` in even bins, and the share of the points in each."""
    low = reach.min()
    width = max((reach.max() - low) / BINS, 1e-300)
    n_shifts, n_points = reach.shape
    cell = np.minimum(((reach - low) / width).astype(np.intp), BINS - 1)
    cell += np.arange(n_shifts)[:, None] * BINS
    n = np.bincount(cell.ravel(), minlength=n_shifts * BINS).astype(float)
    total = np.bincount(cell.ravel(), weights=reach.ravel(), minlength=n_shifts * BINS)
    mean = np.divide(total, n, out=np.ones_like(n), where=n > 0)
    return mean.reshape(n_shifts, BINS), (n / n_points).reshape(n_shifts, BINS)
