"""Mean cumulative number of events per patient, with limits robust to events of one patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ketaoutcomes.engine.rates import poisson_exact
from ketaoutcomes.engine.risk_sets import risk_sets
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError

__all__ = ["MeanCount", "event_rate", "mean_count"]

Array = NDArray[np.float64]
# Numbers in the array of one block of patients.
BLOCK_SIZE = 4_000_000


@dataclass(frozen=True)
class MeanCount:
    """Mean cumulative number of events per patient.

    Parameters
    ----------
    time : (t,) float
        0 and the event times, or those asked for.
    estimate : (t,) float
        Events per patient up to and including the time, had all stayed at risk.
    std_error : (t,) float
        Robust; NaN with a single patient.
    conf_low, conf_high : (t,) float
        Limits of the logarithm; NaN where the estimate is 0 or there is a single patient.
    n_events : (t,) int
        Events up to and including the time.
    n_at_risk : (t,) float
        Patients at risk just before and at the time.
    level : float
    n_patients : int
    """

    time: Array
    estimate: Array
    std_error: Array
    conf_low: Array
    conf_high: Array
    n_events: NDArray[np.int64]
    n_at_risk: Array
    level: float
    n_patients: int


def mean_count(
    stop: ArrayLike,
    event: ArrayLike,
    clusters: ArrayLike,
    *,
    start: ArrayLike | None = None,
    times: ArrayLike | None = None,
    level: float = 0.95,
) -> MeanCount:
    """Nelson's estimate of the mean number of events, with Lawless and Nadeau's variance.

    At each event time the estimate rises by events / patients at risk. Its variance is the sum over
    patients of the squared sum of (own events - own exposure * rise) / patients at risk, which
    holds whatever the dependence of one patient's events.

    Parameters
    ----------
    stop, event, start : (n,) array_like
        Rows at risk in (start, stop], with an event at `stop` or none.
    clusters : (n,) array_like
        Patient of each row.
    times : (t,) array_like of float, optional
        Where to give the estimate; the event times by default.
    level : float

    Returns
    -------
    MeanCount

    Raises
    ------
    DataError
        If a row does not start before it stops or a time is missing.

    Source
    ------
    Nelson (1988); Lawless and Nadeau (1995), Technometrics 37, 158. Checked:
    tests/reference/recurrent.R and by hand in tests/engine/test_recurrent.py.
    """
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    stop, event = np.asarray(stop, float), np.asarray(event)
    names, code = np.unique(np.asarray(clusters), return_inverse=True)
    begins = np.zeros(len(stop)) if start is None else np.asarray(start, float)
    if not event.any():
        return _no_events(stop, begins, code, len(names), times, level)
    sets = risk_sets(stop, event, start=start, ties="breslow")
    n_at_risk = sets.at_risk(np.ones(len(stop)))
    n_events = np.bincount(sets.event_time, minlength=sets.n_times)
    rise = n_events / n_at_risk
    grid = np.concatenate([[0.0], sets.time]) if times is None else np.asarray(times, float)
    place = np.searchsorted(sets.time, grid, side="right")
    estimate = _running(rise)[place]
    std_error = np.full(len(grid), np.nan)
    if len(names) > 1:
        std_error = np.sqrt(_variance(sets, n_at_risk, rise, place, code.reshape(-1), len(names)))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.exp(ndtri(0.5 + level / 2) * std_error / estimate)
        low, high = estimate / reach, estimate * reach
    return MeanCount(
        time=grid,
        estimate=estimate,
        std_error=std_error,
        conf_low=np.where(estimate > 0, low, np.nan),
        conf_high=np.where(estimate > 0, high, np.nan),
        n_events=np.concatenate([[0], np.cumsum(n_events)])[place],
        n_at_risk=_at_risk(stop, begins, grid),
        level=level,
        n_patients=len(names),
    )


def event_rate(events: ArrayLike, exposure: ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Events per unit of exposure, with limits robust to events of one patient.

    With r = sum x_i / sum t_i the variance is m/(m-1) sum (x_i - r t_i)^2 / (sum t_i)^2, but not
    below Poisson's: patients who are alike by chance must not make the limits shorter. Limits are
    those of the logarithm, by t with m - 1 degrees of freedom; without an event they are Poisson's.

    Parameters
    ----------
    events, exposure : (m,) array_like of float
        Of each patient.
    level : float

    Returns
    -------
    estimate, conf_low, conf_high : float
        Limits are NaN with a single patient who has events.
    """
    events, exposure = np.asarray(events, float), np.asarray(exposure, float)
    m, total, time = len(events), events.sum(), exposure.sum()
    if time <= 0:
        return np.nan, np.nan, np.nan
    estimate = total / time
    if total == 0:
        low, high = poisson_exact(0, time, level=level)
        return 0.0, float(low), float(high)
    if m < 2:
        return estimate, np.nan, np.nan
    variance = m / (m - 1) * ((events - estimate * exposure) ** 2).sum() / time**2
    error = np.sqrt(max(variance, total / time**2)) / estimate
    reach = np.exp(float(t_limit(m - 1, level)) * error)
    return estimate, estimate / reach, estimate * reach


def _variance(sets, n_at_risk: Array, rise: Array, place, code, n_patients: int) -> Array:
    """Sum over patients of their squared influence at each place of the grid."""
    pull = _running(rise / n_at_risk)
    own = np.zeros(len(code))
    own[sets.event_rows] = 1.0 / n_at_risk[sets.event_time]
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(n_patients + 1))
    total = np.zeros(len(place))
    size = max(1, int(BLOCK_SIZE / len(place) / max(len(code) / n_patients, 1.0)))
    for first in range(0, n_patients, size):
        last = min(first + size, n_patients)
        rows = order[starts[first] : starts[last]]
        until = np.minimum(sets.closes[rows, None], place)
        influence = pull[np.minimum(sets.opens[rows, None], until)] - pull[until]
        # A row's event is at its last event time.
        influence += own[rows, None] * (sets.closes[rows, None] <= place)
        total += (np.add.reduceat(influence, starts[first:last] - starts[first], axis=0) ** 2).sum(axis=0)
    return total


def _running(values: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(values)])


def _at_risk(stop: Array, begins: Array, grid: Array) -> Array:
    """Rows with start < time <= stop; at the very beginning those that start then."""
    begun = np.searchsorted(np.sort(begins), grid, side="left")
    begun = np.where(grid <= 0, (begins <= 0).sum(), begun)
    return (begun - np.searchsorted(np.sort(stop), grid, side="left")).astype(float)


def _no_events(stop, begins, code, n_patients: int, times, level: float) -> MeanCount:
    """A mean of 0 without limits."""
    grid = np.zeros(1) if times is None else np.asarray(times, float)
    nothing = np.full(len(grid), np.nan)
    return MeanCount(
        time=grid,
        estimate=np.zeros(len(grid)),
        std_error=np.zeros(len(grid)) if n_patients > 1 else nothing,
        conf_low=nothing,
        conf_high=nothing,
        n_events=np.zeros(len(grid), np.int64),
        n_at_risk=_at_risk(stop, begins, grid),
        level=level,
        n_patients=n_patients,
    )
