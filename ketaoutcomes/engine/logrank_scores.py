"""Scores of a log-rank type test for times known only to lie in intervals (L, R]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.interval import npmle
from ketaoutcomes.engine.support import checked_intervals, innermost_intervals
from ketaoutcomes.errors import ConvergenceError, DataError

__all__ = ["SCORES", "PooledScores", "interval_logrank_scores", "pooled_scores"]

SCORES = ("sun", "finkelstein", "wilcoxon")
# The scores add up to 0 at the maximum and to about this, times their size, this far below it.
TOLERANCE = 1e-11
# An estimate whose log-likelihood may be further than this below its maximum has failed.
LARGEST_GAP = 1e-6


@dataclass(frozen=True)
class PooledScores:
    """Scores of the rows under the curve of all rows together.

    Parameters
    ----------
    score : (n,) float
    first, stop : (n,) int
        Row i covers the innermost intervals first_i .. stop_i - 1.
    mass : (m,) float
        Their probabilities.
    probability : (n,) float
        Of each row's interval.
    """

    score: NDArray[np.float64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    mass: NDArray[np.float64]
    probability: NDArray[np.float64]


def interval_logrank_scores(left: ArrayLike, right: ArrayLike, score: str = "sun") -> NDArray[np.float64]:
    """Each row's score under the curve of all rows together: above 0 for an event earlier than expected.

    With S the pooled curve, a row (L, R] has the score

    - "sun": (S(L) lam(L) - S(R) lam(R)) / (S(L) - S(R)), where -lam(t) sums p_j / S(q_j)
      over the innermost intervals (q_j, p_j] up to t. For exact and right-censored times this is
      the ordinary log-rank's score, 1 - H(t) for an event and -H(t) without, H being Nelson-Aalen's estimate.
    - "finkelstein": (S(L) log S(L) - S(R) log S(R)) / (S(L) - S(R)), of grouped proportional hazards.
    - "wilcoxon": S(L) + S(R) - 1, of proportional odds; it weighs early times more.

    Where inside its innermost interval a mass lies does not matter. Only order
    matters, so ties need no jitter.

    Parameters
    ----------
    left, right : (n,) array_like of float
        Intervals (left, right] as for `npmle`; equal ends are an exact time.
    score : {"sun", "finkelstein", "wilcoxon"}

    Returns
    -------
    (n,) ndarray of float
        Their sum is 0.

    Raises
    ------
    DataError
        If an interval is malformed or the score is not known.
    ConvergenceError
        If the pooled curve was not reached.

    Source
    ------
    Sun (1996), Stat. Med. 15, 1387; Finkelstein (1986), Biometrics 42, 845; Fay and Shaw
    (2010), J. Stat. Softw. 36(2). Checked: tests/engine/test_logrank.py.
    """
    return pooled_scores(left, right, score).score


def pooled_scores(left: ArrayLike, right: ArrayLike, score: str = "sun") -> PooledScores:
    """`interval_logrank_scores` with the curve that they come from.

    Parameters
    ----------
    left, right : (n,) array_like of float
    score : {"sun", "finkelstein", "wilcoxon"}

    Returns
    -------
    PooledScores
    """
    if score not in SCORES:
        offered = ", ".join(f'"{name}"' for name in SCORES)
        raise DataError(f"score={score!r} is not known; choose one of {offered}")
    left, right, _ = checked_intervals(left, right)
    support = innermost_intervals(left, right)
    fit = npmle(left, right, tolerance=TOLERANCE)
    if not fit.gap < LARGEST_GAP:
        raise ConvergenceError(
            f"the curve of all {left.size:,} rows was not reached: after {fit.n_iterations} steps its "
            f"log-likelihood may still be {fit.gap:.0e} below the maximum, so there is no test; round the "
            "times of the assessments (to the hour, or to the day)"
        )
    first, stop, mass = support.first, support.stop, fit.mass
    inside = _ranges(mass, first, stop)
    survival = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
    before, after = survival[first], survival[stop]
    if score == "sun":
        # The score is the mean, over the row's own interval, of what an exact time in it would score.
        hazard = np.divide(mass, survival[:-1], out=np.zeros_like(mass), where=mass > 0)
        values = _ranges(mass * (1.0 - np.cumsum(hazard)), first, stop) / inside
    elif score == "finkelstein":
        # log1p keeps the digits of an interval whose probability is small.
        with np.errstate(divide="ignore", invalid="ignore"):
            shrinks = after / inside * np.log1p(-inside / before)
        values = np.log(before) - np.where(after > 0, shrinks, 0.0)
    else:
        values = before + after - survival[0]
    return PooledScores(values, first, stop, mass, inside)


def _ranges(values, first, stop):
    """Sums of the values first_i .. stop_i - 1."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    return total[stop] - total[first]
