"""Whether hazard ratios change with time: the score test of covariates times time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from ketaoutcomes.engine.cox import CoxFit
from ketaoutcomes.errors import DataError

__all__ = ["ProportionalityTest", "proportionality"]

Array = NDArray[np.float64]
TRANSFORMS = ("rank", "identity")


@dataclass(frozen=True)
class ProportionalityTest:
    """Score tests of an interaction of each column, and of all, with a function of time.

    Parameters
    ----------
    statistic, p_value : (p,) float
        Chi-squared with 1 degree of freedom per column; NaN where aliased or infinite.
    joint_statistic, joint_p_value : float
        Of all tested columns together.
    df : int
        Of the joint test.
    """

    statistic: Array
    p_value: Array
    joint_statistic: float
    joint_p_value: float
    df: int


def proportionality(
    fit: CoxFit, x: ArrayLike, *, transform: str = "rank", clusters: ArrayLike | None = None
) -> ProportionalityTest:
    """Test whether log hazard ratios are constant in time.

    Parameters
    ----------
    fit : CoxFit
    x : (n, p) array_like
        The rows that were fitted.
    transform : {"rank", "identity"}
        Function of the event times that the log hazard ratios may follow.
    clusters : (n,) array_like, optional
        Patient of each row: the variance of the scores is then that of the sums by patient. Without
        it rows count as independent, as in R's cox.zph.

    Source
    ------
    Grambsch and Therneau (1994), Biometrika 81, 515; score form as in R survival 3. Checked:
    tests/reference/recurrent.R.
    """
    if transform not in TRANSFORMS:
        raise DataError(f'transform="{transform}" is not known; choose "rank" or "identity"')
    tested = ~(fit.aliased | fit.infinite)
    k = int(tested.sum())
    sets, moments = fit.sets, fit.moments
    x = np.asarray(x, float)[:, tested] - fit.centre[tested]
    time = _transformed(sets.time[sets.event_time], transform)
    blocks = [sets.information(moments, x, time**power) for power in (0, 1, 2)]
    information = np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])
    rows = np.hstack([sets.scores(moments, x), sets.scores(moments, x, time)])
    score = rows[:, k:].sum(axis=0)
    if clusters is not None:
        code = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
        rows = np.column_stack([np.bincount(code, column) for column in rows.T])

    def statistic(columns: NDArray[np.intp]) -> float:
        later = k + columns
        left = information[np.ix_(later, np.arange(k))]
        # What fitting the constant log hazard ratios takes off the scores.
        turn = np.linalg.solve(blocks[0], left.T)
        if clusters is None:
            variance = information[np.ix_(later, later)] - left @ turn
        else:
            own = rows[:, later] - rows[:, :k] @ turn
            variance = own.T @ own
        return float(score[columns] @ np.linalg.solve(variance, score[columns]))

    each = np.full(len(tested), np.nan)
    each[tested] = [statistic(np.array([column])) for column in range(k)]
    joint = statistic(np.arange(k)) if k else np.nan
    with np.errstate(invalid="ignore"):
        return ProportionalityTest(each, chdtrc(1, each), joint, float(chdtrc(max(k, 1), joint)), k)


def _transformed(time: Array, transform: str) -> Array:
    """The function of time at each draw, with mean 0."""
    if transform == "rank":
        _, place, n_tied = np.unique(time, return_inverse=True, return_counts=True)
        time = (np.cumsum(n_tied) - (n_tied - 1) / 2)[place]
    return time - time.mean()
