"""Gray's test: do groups have the same cumulative incidence of one cause?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from ketaoutcomes.engine.competing import checked_causes
from ketaoutcomes.engine.survival import checked_codes, weight_from
from ketaoutcomes.errors import DataError

__all__ = ["GrayTest", "gray_test"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GrayTest:
    """Gray's test of one cause.

    Parameters
    ----------
    statistic : float
        Chi-squared; NaN if the groups cannot be compared.
    df : int
    p_value : float
    n, n_events : (g,) int
        Rows of each group, and those with an event of the cause.
    """

    statistic: float
    df: int
    p_value: float
    n: NDArray[np.int64]
    n_events: NDArray[np.int64]


@dataclass(frozen=True)
class _Stratum:
    """One stratum at its k times with events, g groups; all but `pooled` (k, g).

    at_risk, own, other : rows at risk, events of the cause, events of other causes
    free, free_after : event-free share just before and just after each time
    incidence : incidence of the cause just before
    pooled, pooled_after : (k,) incidence of the cause if all groups had the same
    """

    at_risk: Array
    own: Array
    other: Array
    free: Array
    free_after: Array
    incidence: Array
    pooled: Array
    pooled_after: Array


def gray_test(
    time: ArrayLike,
    event: ArrayLike,
    group_codes: ArrayLike,
    *,
    cause: int = 1,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> GrayTest:
    """Gray's test of whether the cumulative incidence of one cause is the same in all groups.

    The weighted differences of the groups' subdistribution hazards from the pooled one are
    summed over time; the weight is (1 - F(t-))^rho with F the pooled incidence. Where the test
    is right about the null hypothesis the statistic is chi-squared with one df less than groups.

    Parameters
    ----------
    time : (n,) array_like of float
        Time of event or censoring, not negative.
    event : (n,) array_like of int
        0 for a censoring, 1 to K for the cause of an event.
    group_codes : (n,) array_like of int
        Groups numbered from 0.
    cause : int
        Code of the cause that is compared.
    strata : (n,) array_like, optional
        Groups are compared only within a stratum.
    rho : float

    Returns
    -------
    GrayTest

    Raises
    ------
    DataError
        If a time or a code cannot be used.

    Source
    ------
    Gray (1988), Ann. Stat. 16, 1141. Checked: tests/reference/competing.R (cmprsk::cuminc).
    """
    time, event, _ = checked_causes(time, event, None)
    group, n_groups = checked_codes(group_codes, len(time), "group_codes")
    stratum = np.zeros(len(time), int) if strata is None else np.unique(strata, return_inverse=True)[1]
    if len(stratum) != len(time):
        raise DataError("strata must be one value per row")
    sizes = np.bincount(group, minlength=n_groups)
    n_events = np.bincount(group[event == cause], minlength=n_groups)
    present = np.flatnonzero(sizes)
    group = np.searchsorted(present, group)
    k = len(present)
    score, variance = np.zeros(k), np.zeros((k, k))
    for number in range(stratum.max() + 1):
        rows = stratum == number
        table = _table(time[rows], event[rows], group[rows], cause, k)
        if table is not None:
            own_score, own_variance = _score(table, rho)
            score, variance = score + own_score, variance + own_variance
    statistic = p_value = np.nan
    kept = variance[:-1, :-1]
    if k > 1 and np.linalg.matrix_rank(kept, hermitian=True) == k - 1:
        statistic = float(score[:-1] @ np.linalg.solve(kept, score[:-1]))
        p_value = float(chdtrc(k - 1, statistic))
    return GrayTest(statistic, k - 1, p_value, sizes, n_events)


def _table(time, event, group, cause, n_groups) -> _Stratum | None:
    """Counts and curves of each group at the times with events; None without any."""
    times = np.unique(time[event > 0])
    if not len(times):
        return None
    at_risk, own, other = np.zeros((3, len(times), n_groups))
    for number in range(n_groups):
        at_risk[:, number] = weight_from(time[group == number], np.ones((group == number).sum()), times)
    for counts, rows in ((own, event == cause), (other, (event > 0) & (event != cause))):
        np.add.at(counts, (np.searchsorted(times, time[rows]), group[rows]), 1.0)
    size = np.maximum(at_risk, 1.0)
    staying = (at_risk - own - other) / size
    free_after = np.cumprod(np.where(at_risk > 0, staying, 1.0), axis=0)
    free = np.vstack([np.ones(n_groups), free_after[:-1]])
    rise = np.cumsum(free * own / size, axis=0)
    incidence = np.vstack([np.zeros(n_groups), rise[:-1]])
    # A group at risk has patients left, so its event-free share is above 0.
    weighted = np.where(at_risk > 0, at_risk / np.where(at_risk > 0, free, 1.0), 0.0)
    pooled_after = np.cumsum(own.sum(axis=1) / weighted.sum(axis=1))
    pooled = np.append(0.0, pooled_after[:-1])
    return _Stratum(at_risk, own, other, free, free_after, incidence, pooled, pooled_after)


def _score(s: _Stratum, rho: float) -> tuple[Array, Array]:
    """Sum of the weighted differences of one stratum, (g,), and its covariance, (g, g); Gray's eq. 3.4."""
    has = s.at_risk > 0
    safe_free = np.where(has, s.free, 1.0)
    weighted = np.where(has, s.at_risk / safe_free, 0.0)
    total = weighted.sum(axis=1)
    n_own = s.own.sum(axis=1)
    weight = (1.0 - s.pooled) ** rho
    at_risk_of_cause = weighted * (1.0 - s.incidence)
    expected = n_own[:, None] * at_risk_of_cause / at_risk_of_cause.sum(axis=1)[:, None]
    score = (weight[:, None] * (s.own - expected)).sum(axis=0)

    # Gray's a_ij(t), and c_ij(t), its integral over the pooled subdistribution hazard up to t.
    share = weighted / total[:, None]
    eye = np.eye(share.shape[1])
    a = weight[:, None, None] * weighted[:, :, None] * (eye - share[:, None, :])
    c = np.cumsum(a * (n_own / (total * (1.0 - s.pooled)))[:, None, None], axis=0)

    after = s.free_after > 0
    ratio = np.where(after, (1.0 - s.pooled_after)[:, None] / np.where(after, s.free_after, 1.0), 0.0)
    own_part = 1.0 - ratio
    # Ties: without replacement, as in the hypergeometric variance of the log-rank test.
    with np.errstate(divide="ignore", invalid="ignore"):
        tied = np.where(
            n_own[:, None] > 1, 1.0 - (n_own[:, None] - 1.0) / (total[:, None] * safe_free - 1.0), 1.0
        )
        tied_other = np.where(s.other > 1, 1.0 - (s.other - 1.0) / (s.at_risk - 1.0), 1.0)
    size = np.where(has, s.at_risk, 1.0)
    jump = np.where(has, tied * s.free * n_own[:, None] / (total[:, None] * size), 0.0)
    jump_other = np.where(after & (s.other > 0), tied_other * s.free**2 * s.other / size**2, 0.0)
    # Influence of group k's events of the cause, and of other causes, on the score of group i: [t, i, k].
    last = c[-1]
    of_own = a - own_part[:, None, :] * c + own_part[:, None, :] * last
    of_other = ratio[:, None, :] * (c - last)
    variance = np.einsum("tik,tjk,tk->ij", of_own, of_own, jump)
    variance += np.einsum("tik,tjk,tk->ij", of_other, of_other, jump_other)
    return score, variance
