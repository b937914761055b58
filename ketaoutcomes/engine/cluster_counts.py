"""Events per unit of exposure, several per unit allowed, with units within patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ketaoutcomes.engine.cluster_regression import cr2_ratio
from ketaoutcomes.engine.rates import FEW_CLUSTERS, poisson_exact
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError, Problem

__all__ = ["CountRate", "cluster_rate_by"]

LOG_METHOD = "cluster-robust log"
SCORE_METHOD = "design-effect score"
EXACT_METHOD = "exact Poisson, events as if independent"
ONE_CLUSTER_METHOD = "one cluster"
EMPTY_METHOD = "no exposure"


@dataclass(frozen=True)
class CountRate:
    """Rates of events over exposure, clusters (patients) together; each field has (k,) values.

    Parameters
    ----------
    estimate : float
        Events per unit of exposure.
    std_error : float
        Cluster-robust (CR2), at least the Poisson one; NaN if not estimable.
    df : float
        Bell and McCaffrey's degrees of freedom.
    conf_low, conf_high : float
        NaN with one cluster or no exposure.
    n_clusters, n_events : int
        Clusters with exposure, and events.
    exposure : float
    method : str
        "cluster-robust log", "design-effect score" (few patients with an event), "exact Poisson, events as if
        independent" (no event), "one cluster" or "no exposure".
    n_clusters_with_event : int
    design_effect : float
        CR2 variance over the Poisson one; NaN without events.
    """

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    df: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    n_clusters: NDArray[np.int64]
    n_events: NDArray[np.int64]
    exposure: NDArray[np.float64]
    method: NDArray[np.str_]
    n_clusters_with_event: NDArray[np.int64]
    design_effect: NDArray[np.float64]


def cluster_rate_by(counts: ArrayLike, exposure: ArrayLike, *, level: float = 0.95) -> CountRate:
    """Events per session or per patient-year, with several events in one session counted each.

    The estimate is r = sum c_i / sum e_i, with CR2 variance
    V = sum (c_i - r e_i)^2 / (1 - e_i / E) / E^2, E = sum e_i, and Bell-McCaffrey df. With t and z the
    quantiles of t(df) and the normal, a = max(t^2 V E / r, z^2), so that no interval is shorter than that of
    independent events:

    - "cluster-robust log": log(r) -/+ sqrt(a / (r E));
    - "design-effect score", where fewer than 10 clusters have an event: limits of the Poisson score test of
      r E z^2 / a events;
    - without an event, Garwood's limits, which are as if the events were independent: no data can show how
      alike one patient's sessions are, and no other limit is offered. Where patients differ with a frailty
      variance of 1 the upper one should be m (exp(3.69 / m) - 1) / E for m equal patients, not 3.69 / E:
      13 % more with 15, 4 % with 50.

    Coverage of 95 % limits in 4,000 simulated data sets in each of 220 settings (gamma frailty; rates 0.01 to
    3 per session and 0.05 to 3 per year; 15 to 200 patients): 0.927 to 0.974 with a frailty variance up to 1.
    With a variance of 2 it is 0.909 to 0.93 with 15 or 25 patients, who are then too few to show the seldom
    patient of many events, and 0.93 to 0.97 with more.

    Below 15 patients the limits can be too narrow, most of all with 2. In 4,000 data sets each, 2 to 12
    sessions per patient and a frailty variance of 2, coverage at 0.5 events per session is 0.85 with
    2 patients, 0.93 with 3, 0.92 with 5, 0.91 with 8; with a variance of 1 it is 0.93 to 0.97.

    Parameters
    ----------
    counts, exposure : (m, k) array_like
        One row per cluster, one column per rate; an (m, 1) `exposure` serves all columns.
    level : float

    Returns
    -------
    CountRate

    Raises
    ------
    DataError
        If a number is negative or missing, or a cluster without exposure has events.

    Source
    ------
    Bell and McCaffrey (2002), Surv. Methodol. 28, 169; Korn and Graubard (1998), Surv. Methodol. 24, 193
    (effective number with the t quantile); Garwood (1936), Biometrika 28, 437. The floor and the switch at 10
    are rules of this library. Checked: tests/simulation/test_side_effects_truth.py.
    """
    c, e = _checked(counts, exposure)
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    m, n_events, total, n_with = (e > 0).sum(axis=0), c.sum(axis=0), e.sum(axis=0), (c > 0).sum(axis=0)
    rate, variance, df = cr2_ratio(c, e)
    unknown, none = m < 2, n_events == 0
    told = ~(unknown | none)
    with np.errstate(invalid="ignore", divide="ignore"):
        poisson = rate / total
        design = np.where(told, variance / poisson, np.nan)
        std_error = np.where(told, np.sqrt(poisson * np.maximum(design, 1.0)), np.nan)
    z = ndtri(0.5 + level / 2)
    widening = np.maximum(np.square(t_limit(np.where(told, df, 1.0), level) / z) * design, 1.0)
    effective = np.where(told, n_events / widening, 1.0)
    few = n_with < FEW_CLUSTERS
    exact = none & ~unknown
    garwood = poisson_exact(np.zeros(rate.shape), total, level=level)
    limits = []
    for side, sign in enumerate((-1.0, 1.0)):
        by_log = np.exp(sign * z / np.sqrt(effective))
        by_score = (effective + z * z / 2 + sign * z * np.sqrt(effective + z * z / 4)) / effective
        wide = rate * np.where(few, by_score, by_log)
        limits.append(np.where(told, wide, np.where(exact, garwood[side], np.nan)))
    method = np.where(none, EXACT_METHOD, np.where(few, SCORE_METHOD, LOG_METHOD))
    method = np.where(m == 0, EMPTY_METHOD, np.where(unknown, ONE_CLUSTER_METHOD, method))
    return CountRate(
        estimate=rate,
        std_error=std_error,
        df=np.where(unknown, np.nan, df),
        conf_low=limits[0],
        conf_high=limits[1],
        n_clusters=m,
        n_events=np.rint(n_events).astype(np.int64),
        exposure=total,
        method=method,
        n_clusters_with_event=n_with,
        design_effect=design,
    )


def _checked(counts: ArrayLike, exposure: ArrayLike):
    c, e = np.broadcast_arrays(np.asarray(counts, float), np.asarray(exposure, float))
    if c.ndim != 2:
        raise DataError("counts and exposure must have one row per cluster and one column per rate")
    for bad, message in (
        (~(np.isfinite(c) & (c >= 0)), "a number of events is negative or missing"),
        (~(np.isfinite(e) & (e >= 0)), "an exposure is negative or missing"),
        ((e == 0) & (c > 0), "there are events without exposure"),
    ):
        if bad.any():
            raise DataError(Problem(message, n_rows=int(bad.any(axis=1).sum())))
    return c, e
