"""Comparing groups of interval-censored times: generalised log-rank test by permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import pinvh
from scipy.special import chdtrc

from ketaoutcomes.engine.logrank_scores import interval_logrank_scores
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.engine.relabel import (
    MOST_RELABELINGS,
    all_group_sums,
    log_n_relabelings,
    random_group_sums,
)
from ketaoutcomes.engine.support import checked_intervals
from ketaoutcomes.errors import DataError

__all__ = [
    "METHODS",
    "LogRank",
    "Units",
    "chi_squared",
    "interval_logrank",
    "interval_logrank_scores",
    "units_of",
]

METHODS = ("auto", "asymptotic", "exact", "monte-carlo")
# Up to this many units the permutation distribution is used rather than its normal limit.
SMALL = 20
# A sum of squared scores below this is rounding: no row tells an early event from a late one.
NOTHING = 1e-12
# Relabelings whose statistic is this close to the observed one are ties.
ROUNDING = 1e-9
MONTE_CARLO_LEVEL = 0.95


@dataclass(frozen=True)
class LogRank:
    """A test that groups have the same curve.

    Parameters
    ----------
    statistic, df, p_value : float
        Chi-squared statistic U' V^- U and its degrees of freedom. NaN with a single group.
    z : float
        With two groups: U over its standard error, for the first group. NaN otherwise.
    u : (k,) float
        Per group the sum of its scores: events observed minus expected.
    variance : (k, k) float
        Of `u` under relabeling.
    method : str
        How the p-value was made: "asymptotic", "exact" or "monte-carlo".
    p_low, p_high : float
        Monte Carlo limits (95 %, Clopper-Pearson) of the p-value; equal to it otherwise.
    n_permutations : int
        Relabelings looked at; 0 for the normal limit.
    n, n_units : (k,) int
        Rows, and patients (or clusters) that were relabeled, per group.
    n_groups : int
    no_information : bool
        All scores are 0, or no stratum has two groups: nothing can differ, and the p-value is 1.
    """

    statistic: float
    df: int
    p_value: float
    z: float
    u: NDArray[np.float64]
    variance: NDArray[np.float64]
    method: str
    p_low: float
    p_high: float
    n_permutations: int
    n: NDArray[np.int64]
    n_units: NDArray[np.int64]
    n_groups: int
    no_information: bool


def interval_logrank(
    left: ArrayLike,
    right: ArrayLike,
    group_codes: ArrayLike,
    *,
    score: str = "sun",
    strata: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    method: str = "auto",
    n_permutations: int = 9999,
    seed: int = 20260101,
) -> LogRank:
    """Whether groups differ in when the event comes, by permutation of their labels.

    Scores come from the curve of all rows (of each stratum); U_g sums those of group g.
    Under relabeling U has the covariance sum (c - cbar)^2 / (n - 1) times
    (n_g [g = h] - n_g n_h / n), added up over strata.

    The test assumes that groups have the same assessment schedule; see
    `engine.schedules` for when they have not.

    Parameters
    ----------
    left, right : (n,) array_like of float
        Intervals (left, right] as for `npmle`.
    group_codes : (n,) array_like
        Group of each row, in any words; groups are ordered by them.
    score : {"sun", "finkelstein", "wilcoxon"}
        See `interval_logrank_scores`.
    strata : (n,) array_like, optional
        Labels are exchanged within strata only, and each has a pooled curve of its own.
    clusters : (n,) array_like, optional
        Patient of each row, when patients have several rows: scores are added up per
        patient, and patients are relabeled whole.
    method : {"auto", "asymptotic", "exact", "monte-carlo"}
        "auto" looks at every relabeling where there are no more than 200,000, at random ones
        where there are more but no more than 20 units, and takes the normal limit otherwise.
    n_permutations, seed : int
        Of the Monte Carlo; its p-value is (1 + as extreme) / (1 + looked at).

    Returns
    -------
    LogRank
        With a single group all of it is NaN.

    Raises
    ------
    DataError
        If an interval is malformed, lengths differ, a cluster lies in two groups or
        strata, or "exact" would need more than 200,000 relabelings.

    Source
    ------
    Fay and Shaw (2010), J. Stat. Softw. 36(2); Sun (1996), Stat. Med. 15, 1387.
    Checked: tests/engine/test_logrank.py.
    """
    if method not in METHODS:
        offered = ", ".join(f'"{name}"' for name in METHODS)
        raise DataError(f"method={method!r} is not known; choose one of {offered}")
    if n_permutations < 1:
        raise DataError("n_permutations must be at least 1; 9999 is usual")
    left, right, _ = checked_intervals(left, right)
    units = units_of(group_codes, strata, clusters, len(left))
    scores = np.empty(len(left))
    for code in range(units.n_strata):
        rows = units.row_stratum == code
        scores[rows] = interval_logrank_scores(left[rows], right[rows], score)
    values = np.bincount(units.of_row, scores, len(units.group))
    k = units.n_groups
    u, variance = np.bincount(units.group, values, k), _variance(values, units)
    sizes = {
        "n": np.bincount(units.group[units.of_row], minlength=k),
        "n_units": np.bincount(units.group, minlength=k),
        "n_groups": k,
    }
    used = _method(method, units)
    if k == 1:
        nothing = dict.fromkeys(("statistic", "p_value", "z", "p_low", "p_high"), np.nan)
        return LogRank(
            **nothing, df=0, u=u, variance=variance, method=used, n_permutations=0,
            no_information=True, **sizes,
        )  # fmt: skip
    statistic, df, z, inverse = chi_squared(u, variance)
    if df == 0:
        return LogRank(
            0.0, k - 1, 1.0, 0.0 if k == 2 else np.nan, u, variance, used, 1.0, 1.0, 0,
            no_information=True, **sizes,
        )  # fmt: skip
    p, p_low, p_high, looked_at = _p_value(statistic, df, inverse, values, units, used, n_permutations, seed)
    return LogRank(
        statistic, df, p, z, u, variance, used, p_low, p_high, looked_at, no_information=False, **sizes
    )


@dataclass(frozen=True)
class Units:
    """What is relabeled: rows, or patients with several rows.

    Parameters
    ----------
    of_row : (n,) int
        Unit of each row.
    row_stratum : (n,) int
    group, stratum : (u,) int
        Of each unit.
    n_groups, n_strata : int
    """

    of_row: NDArray[np.int64]
    row_stratum: NDArray[np.int64]
    group: NDArray[np.int64]
    stratum: NDArray[np.int64]
    n_groups: int
    n_strata: int


def units_of(group_codes, strata, clusters, n: int) -> Units:
    """Codes of groups and strata per unit.

    Parameters
    ----------
    group_codes, strata, clusters : (n,) array_like
        The latter two may be None.
    n : int
        Rows.

    Raises
    ------
    DataError
        If lengths differ, or a cluster lies in two groups or strata.
    """
    given = {"group_codes": group_codes, "strata": strata, "clusters": clusters}
    codes = {}
    for name, values in given.items():
        if values is None:
            continue
        values = np.asarray(values)
        if values.shape != (n,):
            raise DataError(f"{name} must be one value per interval")
        codes[name] = np.unique(values, return_inverse=True)[1]
    group, stratum = codes["group_codes"], codes.get("strata", np.zeros(n, np.int64))
    of_row = codes.get("clusters", np.arange(n))
    first = np.unique(of_row, return_index=True)[1]
    for name, code in (("group", group), ("stratum", stratum)):
        split = code != code[first][of_row]
        if split.any():
            n_split = len(np.unique(of_row[split]))
            raise DataError(
                f"{n_split:,} {'cluster lies' if n_split == 1 else 'clusters lie'} in more than one {name}; "
                f"every row of a patient must have the same {name}"
            )
    return Units(of_row, stratum, group[first], stratum[first], int(group.max()) + 1, int(stratum.max()) + 1)


def _variance(values, units: Units):
    """Covariance of the sums per group when labels are exchanged within strata."""
    total = np.zeros((units.n_groups, units.n_groups))
    for code in range(units.n_strata):
        rows = units.stratum == code
        total += relabeling_variance(values[rows], units.group[rows], units.n_groups)
    return total


def relabeling_variance(values, group, k: int):
    """Covariance, (k, k), of the sums of the values per group when the labels are exchanged.

    Parameters
    ----------
    values : (n,) float
    group : (n,) int
    k : int
        Groups.
    """
    n = len(values)
    if n < 2:
        return np.zeros((k, k))
    sizes = np.bincount(group, minlength=k).astype(float)
    spread = np.square(values - values.mean()).sum() / (n - 1)
    return spread * (np.diag(sizes) - np.outer(sizes, sizes) / n)


def chi_squared(u, variance):
    """U' V^- U with its rank; z of the first of two groups; V^-.

    Parameters
    ----------
    u : (k,) float
    variance : (k, k) float
        Its rows sum to 0.
    """
    if not np.trace(variance) > NOTHING:
        return 0.0, 0, np.nan, np.zeros_like(variance)
    inverse, df = pinvh(variance, rtol=1e-9, return_rank=True)
    z = float(u[0] / np.sqrt(variance[0, 0])) if len(u) == 2 else np.nan
    return float(u @ inverse @ u), int(df), z, inverse


def _method(method: str, units: Units) -> str:
    """The way to the p-value."""
    # Half a relabeling is added because the logarithm is rounded.
    few = log_n_relabelings(units.group, units.stratum, units.n_groups) <= np.log(MOST_RELABELINGS + 0.5)
    if method == "exact" and not few:
        raise DataError(
            f"an exact test of {len(units.group):,} patients would need more than {MOST_RELABELINGS:,} "
            'relabelings; use method="monte-carlo" for a random part of them'
        )
    if method != "auto":
        return method
    if few:
        return "exact"
    return "monte-carlo" if len(units.group) <= SMALL else "asymptotic"


def _p_value(statistic, df, inverse, values, units: Units, method, n_permutations, seed):
    """The p-value, its Monte Carlo limits and the number of relabelings looked at."""
    if method == "asymptotic":
        p = float(chdtrc(df, statistic))
        return p, p, p, 0
    k = units.n_groups
    if method == "exact":
        sums = all_group_sums(values, units.group, units.stratum, k)
    else:
        sums = random_group_sums(values, units.group, units.stratum, k, n_permutations, seed)
    others = np.einsum("pg,gh,ph->p", sums, inverse, sums)
    as_extreme = int((others >= statistic * (1 - ROUNDING) - ROUNDING).sum())
    if method == "exact":
        p = as_extreme / len(others)
        return p, p, p, len(others)
    low, high = clopper_pearson(as_extreme, n_permutations, level=MONTE_CARLO_LEVEL)
    return (1 + as_extreme) / (1 + n_permutations), float(low), float(high), n_permutations
