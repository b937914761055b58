"""What a likelihood ratio statistic is compared with, also where a variance is tested at its boundary.

A variance cannot be negative, so that under the null hypothesis its estimate is 0 half of the time and the
statistic is a mixture of chi-squared distributions. Plain chi-squared p-values are then too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.engine.nesting import parent_of

__all__ = ["Reference", "chi_squared", "random_reference", "spans"]

Array = NDArray[np.float64]

OUTSIDE = 1e-7  # share of a column's length that may lie outside a space it belongs to


@dataclass(frozen=True)
class Reference:
    """A mixture of chi-squared distributions.

    Parameters
    ----------
    weights : tuple of float
    dfs : tuple of int
    tested : str
        What the larger model adds, in words.
    conservative : bool
        Whether p-values are known to be too large.
    """

    weights: tuple[float, ...]
    dfs: tuple[int, ...]
    tested: str
    conservative: bool = False

    def p_value(self, statistic: float) -> float:
        """Probability of a statistic as large or larger."""
        if np.isnan(statistic):
            return float("nan")
        if statistic <= 0.0:
            return 1.0
        # Chi-squared with 0 df is 0 with certainty.
        return float(sum(w * chdtrc(df, statistic) for w, df in zip(self.weights, self.dfs) if df))

    def __str__(self) -> str:
        """``"0.5 chi2(1) + 0.5 chi2(2)"``."""
        if len(self.dfs) == 1:
            return f"chi2({self.dfs[0]})"
        return " + ".join(f"{w:g} chi2({df})" for w, df in zip(self.weights, self.dfs, strict=True))


def chi_squared(df: int, tested: str, *, conservative: bool = False) -> Reference:
    """One chi-squared distribution."""
    return Reference((1.0,), (df,), tested, conservative)


def spans(larger: Array, smaller: Array) -> bool:
    """Whether all columns of one matrix are combinations of those of another, (n, a) and (n, b)."""
    lengths = np.linalg.norm(smaller, axis=0)
    scaled = larger / np.maximum(np.linalg.norm(larger, axis=0), np.finfo(float).tiny)
    q, r = np.linalg.qr(scaled)
    used = np.abs(np.diag(r)) > 1e-12
    left = smaller - q[:, used] @ (q[:, used].T @ smaller)
    return bool((np.linalg.norm(left, axis=0) <= OUTSIDE * lengths).all())


def random_reference(small: Sequence[Grouping], large: Sequence[Grouping]) -> Reference | None:
    """The distribution for random terms that only the larger model has; None if they are not nested.

    It has 0 degrees of freedom if the random terms are the same. Terms are compared by their groups and
    columns, not by name. The fixed effects must be the same.

    Notes
    -----
    Source: Self, Liang 1987, J. Am. Stat. Assoc. 82: 605; Stram, Lee 1994, Biometrics 50: 1171.
    """
    homes: dict[tuple[int, int], list[Block]] = {
        (g, b): [] for g, grouping in enumerate(large) for b in range(len(grouping.blocks))
    }
    for grouping in small:
        for block in grouping.blocks:
            home = _home(grouping, block, large)
            if home is None:
                return None
            homes[home].append(block)
    changed, df = [], 0
    for (g, b), inside in homes.items():
        q = len(large[g].blocks[b].columns)
        sizes = [len(block.columns) for block in inside]
        added = _n_parameters(q) - sum(map(_n_parameters, sizes))
        if added:
            changed.append((g, b, q, sizes))
            df += added
    if not changed:
        return chi_squared(0, "nothing")
    return _classified(changed, df, large) if df > 0 else None


def _classified(changed: list, df: int, large: Sequence[Grouping]) -> Reference:
    if all(sum(sizes) == q for _, _, q, sizes in changed):
        # Zero is an ordinary value of a covariance.
        return chi_squared(df, "correlations of random effects")
    if len(changed) > 1:
        return chi_squared(df, "several random terms", conservative=True)
    g, b, q, sizes = changed[0]
    name = large[g].name
    if q == 1:
        effect = large[g].blocks[b].names[0]
        return Reference((0.5, 0.5), (0, 1), f"one variance ({effect} by {name})")
    if len(sizes) == 1 and sizes[0] == q - 1:
        added = "covariance" if q == 2 else f"{q - 1} covariances"
        return Reference((0.5, 0.5), (q - 1, q), f"one random effect by {name} with its {added}")
    return chi_squared(df, f"several variances by {name}", conservative=True)


def _n_parameters(q: int) -> int:
    return q * (q + 1) // 2


def _home(grouping: Grouping, block: Block, large: Sequence[Grouping]) -> tuple[int, int] | None:
    """The block of the larger model that has the groups and the columns of a block."""
    for g, other in enumerate(large):
        if other.n_groups != grouping.n_groups:
            continue
        if parent_of(grouping.codes, grouping.n_groups, other.codes) is None:
            continue
        for b, candidate in enumerate(other.blocks):
            if len(candidate.columns) >= len(block.columns) and _within(
                block, candidate, len(grouping.codes)
            ):
                return g, b
    return None


def _within(block: Block, candidate: Block, n: int) -> bool:
    """Whether a block's columns are combinations of another's."""
    centre = any(column is None for column in candidate.columns)

    def matrix(of: Block) -> Array:
        columns = []
        for column in of.columns:
            if column is None:
                columns.append(np.ones(n))
            else:
                # Beside a constant only what varies tells columns apart, wherever the origin lies.
                columns.append(column - column.mean() if centre else column)
        return np.column_stack(columns)

    return spans(matrix(candidate), matrix(block))
