"""How the variance of a response divides among groups, fixed effects and residual.

Everything is read from the cross-products; there is no pass over the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.factors import unpacked
from ketaoutcomes.engine.groups import Grouping
from ketaoutcomes.engine.lmm import Estimate
from ketaoutcomes.engine.nesting import parent_of
from ketaoutcomes.errors import FormulaError

__all__ = ["RSquared", "Share", "intraclass", "mean_random_variance", "r_squared"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """One grouping's part of the variance of a row about its fixed effects.

    Parameters
    ----------
    group : str
        Name of the grouping; "Residual" for the residual.
    variance : float
    share : float
        Of the total.
    icc : float
        Correlation of two rows of the same group, which share the groups around it too (a patient's clinic).
        NaN for the residual.
    """

    group: str
    variance: float
    share: float
    icc: float


def intraclass(
    estimate: Estimate, groupings: Sequence[Grouping], z: Sequence[Sequence[Array]] | None = None
) -> tuple[Share, ...]:
    """Intraclass correlations.

    Parameters
    ----------
    estimate : Estimate
    groupings : sequence of Grouping
        As given to the fit.
    z : sequence of sequence of (q,) float, optional
        For each grouping and block the values of its columns, at which the variances are taken. Needed
        where there are random slopes, because the variance then depends on them.

    Returns
    -------
    tuple of Share
        One for each grouping, in the given order, then the residual (of a row of weight 1).

    Raises
    ------
    FormulaError
        If there are random slopes and `z` is not given.
    """
    variances = np.zeros(len(groupings))
    for piece, covariance in zip(estimate.sums.pieces, estimate.blocks, strict=True):
        block = groupings[piece.grouping].blocks[piece.block]
        if z is None:
            slopes = [
                name for name, column in zip(block.names, block.columns, strict=True) if column is not None
            ]
            if slopes:
                raise FormulaError(
                    f"the variance by {groupings[piece.grouping].name} depends on {', '.join(slopes)}: "
                    "say at which values the intraclass correlation is wanted"
                )
        at = np.ones(1) if z is None else np.asarray(z[piece.grouping][piece.block], float)
        variances[piece.grouping] += at @ covariance @ at
    residual = estimate.sigma**2
    total = float(variances.sum() + residual)
    shares = []
    for own, variance in zip(groupings, variances, strict=True):
        around = [
            other is own or parent_of(own.codes, own.n_groups, other.codes) is not None for other in groupings
        ]
        common = float(variances[around].sum())
        shares.append(Share(own.name, float(variance), float(variance) / total, common / total))
    return (*shares, Share("Residual", residual, residual / total, float("nan")))


def mean_random_variance(estimate: Estimate) -> float:
    """Mean over the rows of z'Gz, the variance of their random effects (times their weight, if any)."""
    sums, point = estimate.sums, estimate.optimum.point
    matrices = unpacked(estimate.optimum.factors, point.theta)
    total = 0.0
    for piece, half in zip(sums.pieces, matrices, strict=True):
        q, start, k = piece.q, piece.start, piece.repeat
        if k == 1:
            own = slice(start, start + q)
            cross = sums.levels[piece.level].rows[own, own].sum(axis=2)
        else:
            # Crossed factors lie effect by effect; the same group of two effects is one diagonal.
            own = sums.cross[start : start + q * k, start : start + q * k].reshape(q, k, q, k)
            cross = np.einsum("akbk->ab", own)
        total += float(np.einsum("ab,ab->", half @ half.T, cross))
    return total / sums.n * point.variance * sums.scale.y_scale**2


@dataclass(frozen=True)
class RSquared:
    """Share of the variance explained by the fixed effects, and by fixed and random effects.

    Parameters
    ----------
    marginal, conditional : float
    """

    marginal: float
    conditional: float


def r_squared(estimate: Estimate, *, weighted: bool) -> RSquared:
    """R squared of Nakagawa and Schielzeth, with Johnson's mean random variance for random slopes.

    The variance of the fixed part is that of X b over the rows with n - 1 below the line, as MuMIn.

    Parameters
    ----------
    estimate : Estimate
    weighted : bool
        Whether the fit has prior weights.

    Raises
    ------
    FormulaError
        For weighted fits, whose rows have no common residual variance, and for fits without an intercept,
        where the variance about the mean is not what the model divides up.

    Notes
    -----
    Source: Nakagawa, Schielzeth 2013, Methods Ecol. Evol. 4: 133; Johnson 2014, Methods Ecol. Evol. 5: 944.
    """
    sums, point = estimate.sums, estimate.optimum.point
    if weighted:
        raise FormulaError(
            "R squared is not defined for a weighted fit: its rows have no common residual variance; "
            "fit without weights, or report the variances"
        )
    intercept = sums.scale.intercept
    if intercept is None:
        raise FormulaError(
            "R squared is not defined for a model without an intercept, which has no mean to explain from; "
            "leave out '0 +' or '- 1'"
        )
    beta = point.beta.copy()
    # The other columns are centred, so that without the intercept X b has mean 0.
    beta[intercept] = 0.0
    fixed = sums.cross[sums.n_dense : -1, sums.n_dense : -1]
    of_fixed = float(beta @ fixed @ beta) / (sums.n - 1) * sums.scale.y_scale**2
    of_random = mean_random_variance(estimate)
    total = of_fixed + of_random + estimate.sigma**2
    return RSquared(of_fixed / total, (of_fixed + of_random) / total)
