"""Whether one odds ratio serves all splits of ordered categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.clustered import cluster_codes, summed
from ketaoutcomes.engine.logistic import LogisticFit, logistic, probability
from ketaoutcomes.engine.ordinal import checked_rows
from ketaoutcomes.engine.wald import f_p_value

__all__ = ["OddsCheck", "check_proportional_odds"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OddsCheck:
    """Separate log odds ratios for each split of the categories, and a test that they are equal.

    Parameters
    ----------
    separate : (K - 1, p) float
        Log odds ratio of a category above each split; NaN where its logit is separated.
    statistic, df, p_value : float
        Wald chi-squared of all columns together; with clusters the p is that of Hotelling's F.
    column_statistic, column_p_value : (p,) float
        The same for each column by itself, with K - 2 degrees of freedom; NaN for a dropped column.
    dropped : (p,) bool
        Columns that are constant or combinations of those before them.
    code : str
        Why there is no test: "TWO_CATEGORIES", "SEPARATED", "TOO_FEW_CLUSTERS"; empty otherwise.
    """

    separate: Array
    statistic: float
    df: int
    p_value: float
    column_statistic: Array
    column_p_value: Array
    dropped: NDArray[np.bool_]
    code: str


def check_proportional_odds(x: ArrayLike, y: ArrayLike, *, clusters: ArrayLike | None = None) -> OddsCheck:
    """Compare the log odds ratios of separate logits of Y > c, one for each split c.

    Parameters
    ----------
    x, y, clusters
        As for `proportional_odds`. With clusters the joint covariance is the sandwich of the
        clusters' scores times m / (m - 1), without them that of independent multinomial rows.

    Raises
    ------
    DataError
        As `proportional_odds`.

    Source
    ------
    Brant (1990), Biometrics 46, 1171. Checked: tests/reference/ordinal.R.
    """
    x, place, categories, kept = checked_rows(x, y)
    n_cuts, n_columns = len(categories) - 1, int(kept.sum())
    whole = np.column_stack([np.ones(len(x)), x[:, kept]])
    fits = [logistic(whole, place > cut) for cut in range(n_cuts)]
    separate = np.full((n_cuts, x.shape[1]), np.nan)
    for cut, fit in enumerate(fits):
        if fit.converged:
            separate[cut, kept] = fit.params[1:]
    codes = None if clusters is None else cluster_codes(clusters, len(x))
    n_clusters = None if codes is None else int(codes.max()) + 1
    df = (n_cuts - 1) * n_columns
    code = ""
    if n_cuts < 2 or not n_columns:
        code = "TWO_CATEGORIES"
    elif not all(fit.converged for fit in fits):
        code = "SEPARATED"
    elif n_clusters is not None and n_clusters <= df:
        code = "TOO_FEW_CLUSTERS"
    by_column = np.full((2, x.shape[1]), np.nan)
    if code:
        return OddsCheck(separate, np.nan, df, np.nan, *by_column, ~kept, code)
    cov = _joint(whole, fits) if codes is None else _robust(whole, place, fits, codes)
    # Columns of the joint covariance: split by split, the constant first in each.
    cells = np.arange(n_cuts * (n_columns + 1)).reshape(n_cuts, n_columns + 1)[:, 1:]
    tests = [
        _wald(separate[:, kept], cov, cells, chosen, n_clusters)
        for chosen in ([*range(n_columns)], *([column] for column in range(n_columns)))
    ]
    by_column[:, kept] = np.array(tests[1:]).T
    return OddsCheck(separate, tests[0][0], df, tests[0][1], *by_column, ~kept, "")


def _wald(separate, cov, cells, chosen: list[int], n_clusters: int | None) -> tuple[float, float]:
    """Test that the later splits' ratios equal the first one's."""
    differences = (separate[1:, chosen] - separate[0, chosen]).ravel()
    n_cuts, width = len(separate), len(chosen)
    contrast = np.kron(np.column_stack([-np.ones(n_cuts - 1), np.eye(n_cuts - 1)]), np.eye(width))
    at = cells[:, chosen].ravel()
    spread = contrast @ cov[np.ix_(at, at)] @ contrast.T
    statistic = float(differences @ np.linalg.solve(spread, differences))
    df = len(differences)
    if n_clusters is None:
        return statistic, f_p_value(statistic / df, df, np.inf)
    den_df = n_clusters - df
    return statistic, f_p_value(statistic * den_df / (df * (n_clusters - 1)), df, den_df)


def _joint(whole: Array, fits: list[LogisticFit]) -> Array:
    """Covariance of the separate fits when rows are independent: that of nested indicators."""
    chances = [probability(fit, whole) for fit in fits]
    blocks = []
    for c, first in enumerate(fits):
        row = []
        for d, second in enumerate(fits):
            # Whoever is above the later split is above both.
            spread = chances[max(c, d)] - chances[c] * chances[d]
            row.append(first.cov @ ((whole * spread[:, None]).T @ whole) @ second.cov)
        blocks.append(row)
    return np.block(blocks)


def _robust(whole: Array, place, fits: list[LogisticFit], codes) -> Array:
    """Covariance of the separate fits from the clusters' influence on each."""
    influence = np.concatenate(
        [
            summed(whole * ((place > cut) - probability(fit, whole))[:, None], codes) @ fit.cov
            for cut, fit in enumerate(fits)
        ],
        axis=1,
    )
    m = len(influence)
    return m / (m - 1) * influence.T @ influence
