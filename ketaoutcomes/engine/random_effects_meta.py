"""Random-effects meta-analysis of published shares, with a prediction interval for one more source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, expit, logit

from ketaoutcomes.engine.count_design import checked_level
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError, Problem

__all__ = ["PooledShare", "random_effects_logit"]

Array = NDArray[np.float64]

FEWEST = 3
# Values of tau2, in units of the sources' own variances, between which the maximum is looked for.
GRID = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, 241)])


@dataclass(frozen=True)
class PooledShare:
    """The mean over sources on the scale of log odds, turned back into a share.

    Parameters
    ----------
    estimate, conf_low, conf_high : float
        Share at the mean log odds, with Hartung-Knapp-Sidik-Jonkman limits, t with k - 1 df.
    predict_low, predict_high : float
        Where the true share of one more source like these would lie; t with k - 2 df.
    log_odds, std_error : float
        The mean and its Hartung-Knapp-Sidik-Jonkman standard error.
    std_error_wald : float
        1 / root of the sum of weights.
    is_narrower : bool
        Whether `std_error` is below `std_error_wald`: sources agree more than their sizes and tau2 let
        expect, so that the limits may be too short.
    tau2, tau2_dl : float
        Variance between sources by REML, and by DerSimonian and Laird for comparison.
    i2 : float
        Share of the variance that is between sources, 0 to 1.
    q, q_p_value : float
        Cochran's test of equal shares.
    weights : (k,) float
        Of the sources in the mean; their sum is 1.
    corrected : (k,) bool
        Sources with no event or nothing but events, to which 0.5 was added on both sides.
    df : float
        k - 1.
    n_sources : int
    level : float
    """

    estimate: float
    conf_low: float
    conf_high: float
    predict_low: float
    predict_high: float
    log_odds: float
    std_error: float
    std_error_wald: float
    is_narrower: bool
    tau2: float
    tau2_dl: float
    i2: float
    q: float
    q_p_value: float
    weights: Array
    corrected: NDArray[np.bool_]
    df: float
    n_sources: int
    level: float


def random_effects_logit(
    n_events: ArrayLike, n: ArrayLike, *, level: float = 0.95, at_least_wald: bool = False
) -> PooledShare:
    """Mean log odds of three or more sources by REML.

    Parameters
    ----------
    n_events, n : (k,) array_like of int
        Events and patients of each source, k at least 3.
    level : float
    at_least_wald : bool
        Do not let the standard error fall below 1 / root of the sum of weights.

    Returns
    -------
    PooledShare

    Raises
    ------
    DataError
        If there are fewer than 3 sources, a count is not a whole number of 0 or more, a source has no
        patients, or events exceed patients.

    Notes
    -----
    The prediction interval is mean -/+ t(k - 2) root(tau2 + se^2) with the standard error above. metafor
    takes k - 1 degrees of freedom with this standard error; k - 2 is wider.

    Source
    ------
    Viechtbauer (2005), J. Educ. Behav. Stat. 30, 261 (REML); Hartung and Knapp (2001), Stat. Med. 20, 3875;
    Sidik and Jonkman (2002), Stat. Med. 21, 3153; Roever, Knapp and Friede (2015), BMC Med. Res. Methodol.
    15, 99 (`at_least_wald`); Higgins and Thompson (2002), Stat. Med. 21, 1539 (I2); Higgins, Thompson and
    Spiegelhalter (2009), J. R. Stat. Soc. A 172, 137 (prediction).
    Checked: tests/reference/count_models.R (metafor).
    """
    level = checked_level(level)
    y, v, corrected = _log_odds(n_events, n)
    k = len(y)
    fixed = 1.0 / v
    q = _spread(y, fixed)
    scale = fixed.sum() - np.square(fixed).sum() / fixed.sum()
    tau2_dl = max(0.0, (q - (k - 1)) / scale)
    tau2 = _reml(y, v)
    w = 1.0 / (v + tau2)
    mean, wald = float(w @ y / w.sum()), float(1.0 / np.sqrt(w.sum()))
    hartung = float(np.sqrt(_spread(y, w) / (k - 1))) * wald
    std_error = max(hartung, wald) if at_least_wald else hartung
    reach = float(t_limit(k - 1.0, level)) * std_error
    ahead = float(t_limit(k - 2.0, level)) * float(np.sqrt(tau2 + std_error**2))
    typical = (k - 1) / scale
    return PooledShare(
        estimate=float(expit(mean)),
        conf_low=float(expit(mean - reach)),
        conf_high=float(expit(mean + reach)),
        predict_low=float(expit(mean - ahead)),
        predict_high=float(expit(mean + ahead)),
        log_odds=mean,
        std_error=std_error,
        std_error_wald=wald,
        is_narrower=std_error < wald,
        tau2=tau2,
        tau2_dl=float(tau2_dl),
        i2=float(tau2 / (tau2 + typical)),
        q=q,
        q_p_value=float(chdtrc(k - 1, q)),
        weights=w / w.sum(),
        corrected=corrected,
        df=k - 1.0,
        n_sources=k,
        level=level,
    )


def _log_odds(n_events: ArrayLike, n: ArrayLike) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Log odds, their variances, and which sources had to be corrected."""
    x, n = np.asarray(n_events, float), np.asarray(n, float)
    if x.ndim != 1 or x.shape != n.shape:
        raise DataError("n_events and n must be two lists of the same length, one value per source")
    if len(x) < FEWEST:
        raise DataError(
            f"{FEWEST} sources or more are needed to tell how sources differ, not {len(x)}; "
            "compare with each of them alone"
        )
    whole = np.isfinite(x) & np.isfinite(n) & (x == np.rint(x)) & (n == np.rint(n))
    for bad, message in (
        (~whole, "events and patients of a source must be whole numbers"),
        (whole & (n <= 0), "a source has no patients"),
        (whole & ((x < 0) | (x > n)), "a source has more events than patients, or fewer than 0"),
    ):
        if bad.any():
            raise DataError(Problem(message, n_rows=int(bad.sum())))
    corrected = (x == 0) | (x == n)
    x, other = np.where(corrected, x + 0.5, x), np.where(corrected, n - x + 0.5, n - x)
    return logit(x / (x + other)), 1.0 / x + 1.0 / other, corrected


def _spread(y: Array, w: Array) -> float:
    return float(w @ np.square(y - w @ y / w.sum()))


def _reml(y: Array, v: Array) -> float:
    """The variance between sources where the restricted likelihood is highest."""

    def slope(tau2: float) -> float:
        w = 1.0 / (v + tau2)
        rest = y - w @ y / w.sum()
        return float(np.square(w) @ np.square(rest) - w.sum() + np.square(w).sum() / w.sum()) / 2.0

    def value(tau2: float) -> float:
        w = 1.0 / (v + tau2)
        return float(np.log(w).sum() - np.log(w.sum()) - _spread(y, w)) / 2.0

    tried = GRID * v.mean()
    best = int(np.argmax([value(tau2) for tau2 in tried]))
    if best == 0:
        # The highest point may lie between 0 and the first value tried.
        if slope(0.0) <= 0.0:
            return 0.0
        return float(brentq(slope, 0.0, tried[1], xtol=1e-16, rtol=1e-14))
    low, high = tried[best - 1], tried[min(best + 1, len(tried) - 1)]
    return float(brentq(slope, low, high, xtol=1e-16, rtol=1e-14))
