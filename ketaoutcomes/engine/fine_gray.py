"""Fine and Gray's regression: proportional hazards of the subdistribution of one cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.competing import checked_causes
from ketaoutcomes.errors import ConvergenceError, DataError, Problem

__all__ = ["FineGrayFit", "fine_gray"]

Array = NDArray[np.float64]
MOST_STEPS = 50
MOST_HALVINGS = 30
# The maximum is reached where a Newton step raises the log-likelihood by less than this share, and moves
# no coefficient (of a covariate with standard deviation 1) by more than the second number.
TOLERANCE, SMALL_STEP = 1e-12, 1e-7
# A linear predictor that spans more has run away: its maximum lies at infinity.
WIDEST = 50.0


@dataclass(frozen=True)
class FineGrayFit:
    """A fitted subdistribution hazards model.

    Parameters
    ----------
    params : (p,) float
        Log subdistribution hazard ratios.
    cov : (p, p) float
        Inverse information; it takes the censoring weights for whole patients. Use `robust_cov`.
    robust_cov : (p, p) float
        Sandwich with rows, or clusters, as independent units.
    loglik, loglik_null : float
        Weighted log partial likelihood at `params`, and at 0.
    n, n_events, n_competing, n_censored : int
    n_clusters : int
        Independent units of `robust_cov`.
    n_iterations : int
    """

    params: Array
    cov: Array
    robust_cov: Array
    loglik: float
    loglik_null: float
    n: int
    n_events: int
    n_competing: int
    n_censored: int
    n_clusters: int
    n_iterations: int


@dataclass(frozen=True)
class _Data:
    """Rows in order of time, and the distinct times of the cause.

    x : (n, p) centred and scaled
    first : (m,) first row whose time is not before that of event m
    own : rows with an event of the cause
    place : (n,) how many of the m times lie at or before the row's time
    inverse : (n,) 1 / G(T-) of rows with another cause, else 0
    left : (m,) G(t-)
    deaths : (m,) events of the cause
    fraction, step_of : (sum of deaths,) Efron's l/d of each event, and its time
    """

    x: Array
    first: NDArray[np.int64]
    own: NDArray[np.int64]
    place: NDArray[np.int64]
    inverse: Array
    left: Array
    deaths: Array
    fraction: Array
    step_of: NDArray[np.int64]


def fine_gray(
    x: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    cause: int = 1,
    clusters: ArrayLike | None = None,
    ties: str = "efron",
) -> FineGrayFit:
    """Maximise the weighted partial likelihood of the subdistribution hazard of one cause.

    A row with an event of another cause stays at risk after it, at time t with the weight
    G(t-) / G(T-), where G is the Kaplan-Meier curve of the censoring times (an event at the
    time of a censoring counts as before it). The variance is a sandwich over rows, or over
    `clusters`; it takes G as known.

    R's `coxph` of `finegray` data gives the same coefficients. Without `cluster=` it takes the
    pieces into which `finegray` cuts a patient's time as independent patients, which is another
    standard error; with `cluster = id` it is the one given here.

    Parameters
    ----------
    x : (n, p) array_like of float
        Covariates, without a constant.
    time : (n,) array_like of float
        Time of event or censoring, not negative.
    event : (n,) array_like of int
        0 for a censoring, 1 to K for the cause of an event.
    cause : int
        Code of the cause that is modelled.
    clusters : (n,) array_like, optional
        Rows of one cluster, such as a clinic, are not independent.
    ties : {"efron", "breslow"}

    Returns
    -------
    FineGrayFit

    Raises
    ------
    DataError
        If the input cannot be used, there is no event of the cause, or the covariates cannot be
        told apart.
    ConvergenceError
        If the maximum is not reached, or lies at infinity.

    Source
    ------
    Fine and Gray (1999), J. Am. Stat. Assoc. 94, 496; Geskus (2011), Biometrics 67, 39.
    Checked: tests/reference/competing.R (survival::finegray with coxph).
    """
    x, time, event, clusters = _checked(x, time, event, cause, clusters, ties)
    spread = x.std(axis=0)
    scale = np.where(spread > 1e-12 * np.abs(x).max(axis=0), spread, 1.0)
    order = np.argsort(time, kind="stable")
    data = _prepared(((x - x.mean(axis=0)) / scale)[order], time[order], event[order], cause, ties)
    beta = np.zeros(x.shape[1])
    loglik_null = loglik = _likelihood(beta, data)
    n_steps, moving = 0, True
    while moving and n_steps < MOST_STEPS:
        score, information = _derivatives(beta, data)
        if n_steps == 0:
            _check_apart(information)
        if np.ptp(data.x @ beta) > WIDEST or not (np.diag(information) > 0).all():
            raise ConvergenceError(
                "a coefficient of the Fine-Gray model grows without end: some covariate tells all events of "
                "the cause apart; leave it out, or merge its levels"
            )
        step = np.linalg.solve(information, score)
        beta, loglik, gain = _climbed(beta, step, loglik, data)
        n_steps += 1
        # Where the maximum lies at infinity the gain vanishes too, but not the step.
        moving = gain > TOLERANCE * max(abs(loglik), 1.0) or np.abs(step).max() > SMALL_STEP
    if moving:
        raise ConvergenceError(
            f"the Fine-Gray model was not fitted in {MOST_STEPS} steps; no number is given"
        )
    _, information = _derivatives(beta, data)
    cov = np.linalg.inv(information)
    residuals = _score_residuals(beta, data)
    if clusters is not None:
        codes = np.unique(clusters[order], return_inverse=True)[1]
        summed = np.zeros((codes.max() + 1, x.shape[1]))
        np.add.at(summed, codes, residuals)
        residuals = summed
    meat = residuals.T @ residuals
    back = np.outer(1.0 / scale, 1.0 / scale)
    return FineGrayFit(
        params=beta / scale,
        cov=cov * back,
        robust_cov=cov @ meat @ cov * back,
        loglik=loglik,
        loglik_null=loglik_null,
        n=len(time),
        n_events=int((event == cause).sum()),
        n_competing=int(((event > 0) & (event != cause)).sum()),
        n_censored=int((event == 0).sum()),
        n_clusters=len(residuals),
        n_iterations=n_steps,
    )


def _checked(x, time, event, cause, clusters, ties):
    time, event, _ = checked_causes(time, event, None)
    x = np.asarray(x, float)
    if x.ndim != 2 or len(x) != len(time) or x.shape[1] == 0:
        raise DataError("x must have one row per time and one column per covariate")
    if ties not in ("efron", "breslow"):
        raise DataError(f"ties must be 'efron' or 'breslow', not {ties!r}")
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise DataError(Problem("covariates are missing or infinite", n_rows=int(bad.sum())))
    if not (event == cause).any():
        raise DataError("no row has an event of the cause that is modelled")
    if clusters is not None:
        clusters = np.asarray(clusters)
        if clusters.shape != time.shape:
            raise DataError("clusters must be one value per row")
    return x, time, event, clusters


def _prepared(x, time, event, cause, ties) -> _Data:
    """What does not change with the coefficients; rows come in order of time."""
    own = np.flatnonzero(event == cause)
    times, deaths = np.unique(time[own], return_counts=True)
    censored, n_censored = np.unique(time[event == 0], return_counts=True)
    at_risk = len(time) - np.searchsorted(time, censored, side="left")
    sorted_events = time[event > 0]
    events_then = np.searchsorted(sorted_events, censored, side="right")
    events_then -= np.searchsorted(sorted_events, censored, side="left")
    # Events leave before censorings at the same time: they are not at risk of being censored.
    staying = np.append(1.0, np.cumprod(1.0 - n_censored / (at_risk - events_then)))

    def just_before(when):
        return staying[np.searchsorted(censored, when, side="left")]

    other = (event > 0) & (event != cause)
    inverse = np.zeros(len(time))
    inverse[other] = 1.0 / just_before(time[other])
    starts = np.cumsum(deaths) - deaths
    step_of = np.repeat(np.arange(len(times)), deaths)
    fraction = (np.arange(deaths.sum()) - starts[step_of]) / deaths[step_of]
    if ties == "breslow":
        fraction = np.zeros_like(fraction)
    return _Data(
        x=x,
        first=np.searchsorted(time, times, side="left"),
        own=own,
        place=np.searchsorted(times, time, side="right"),
        inverse=inverse,
        left=just_before(times),
        deaths=deaths.astype(float),
        fraction=fraction,
        step_of=step_of,
    )


def _sums(values: Array, data: _Data) -> tuple[Array, Array]:
    """Sum of (n, ...) values over those at risk at each of the m times, and over the events then.

    Rows at risk by their own time weigh 1, those with an earlier event of another cause G(t-) / G(T-).
    """
    flat = values.reshape(len(values), -1)
    later = np.vstack([np.cumsum(flat[::-1], axis=0)[::-1], np.zeros((1, flat.shape[1]))])[data.first]
    earlier = np.vstack([np.zeros((1, flat.shape[1])), np.cumsum(flat * data.inverse[:, None], axis=0)])
    total = later + data.left[:, None] * earlier[data.first]
    ends = np.cumsum(data.deaths).astype(int)
    tied = np.add.reduceat(flat[data.own], ends - data.deaths.astype(int), axis=0)
    shape = (len(data.deaths), *values.shape[1:])
    return total.reshape(shape), tied.reshape(shape)


def _efron(sums: tuple[Array, Array], data: _Data) -> Array:
    """(number of events, ...) sum at risk for each event: tied ones leave one l/d-th after the other."""
    total, tied = sums
    fraction = data.fraction.reshape(-1, *[1] * (total.ndim - 1))
    return total[data.step_of] - fraction * tied[data.step_of]


def _predictor(beta: Array, data: _Data) -> tuple[Array, Array]:
    """Linear predictor less its largest value, and its exponential."""
    eta = data.x @ beta
    eta = eta - eta.max()
    return eta, np.exp(eta)


def _likelihood(beta: Array, data: _Data) -> float:
    eta, risk = _predictor(beta, data)
    return float(eta[data.own].sum() - np.log(_efron(_sums(risk, data), data)).sum())


def _derivatives(beta: Array, data: _Data) -> tuple[Array, Array]:
    """Score (p,) and information (p, p)."""
    _, risk = _predictor(beta, data)
    weighted = risk[:, None] * data.x
    total = _efron(_sums(risk, data), data)
    mean = _efron(_sums(weighted, data), data) / total[:, None]
    square = _efron(_sums(weighted[:, :, None] * data.x[:, None, :], data), data) / total[:, None, None]
    score = data.x[data.own].sum(axis=0) - mean.sum(axis=0)
    return score, square.sum(axis=0) - mean.T @ mean


def _check_apart(information: Array) -> None:
    """Refuse covariates of which one is constant or follows from the others."""
    size = np.sqrt(np.diag(information))
    if (size > 0).all():
        values = np.linalg.eigvalsh(information / np.outer(size, size))
        if values[0] > 1e-10 * values[-1]:
            return
    raise DataError(
        "the covariates cannot be told apart among the rows at risk: one is constant, or follows from the "
        "others; leave it out"
    )


def _climbed(beta, step, loglik, data) -> tuple[Array, float, float]:
    """The step, halved until the likelihood does not fall; and what it gained."""
    for halving in range(MOST_HALVINGS):
        moved = beta + step * 0.5**halving
        reached = _likelihood(moved, data)
        if reached >= loglik - TOLERANCE * max(abs(loglik), 1.0):
            return moved, reached, reached - loglik
    return beta, loglik, 0.0


def _score_residuals(beta: Array, data: _Data) -> Array:
    """(n, p) each row's part of the score; the parts add up to it."""
    _, risk = _predictor(beta, data)
    total = _efron(_sums(risk, data), data)
    mean = _efron(_sums(risk[:, None] * data.x, data), data) / total[:, None]
    m, p = len(data.deaths), data.x.shape[1]
    # Hazard steps, and the mean covariate times them: 1 + p columns summed over each time's events.
    steps = np.column_stack([1.0 / total, mean / total[:, None]])
    at_times = np.zeros((m, 1 + p))
    np.add.at(at_times, data.step_of, steps)
    so_far = np.vstack([np.zeros((1, 1 + p)), np.cumsum(at_times, axis=0)])
    weighted = np.vstack([np.zeros((1, 1 + p)), np.cumsum(at_times * data.left[:, None], axis=0)])
    felt = so_far[data.place] + data.inverse[:, None] * (weighted[-1] - weighted[data.place])
    # Efron: a tied event is at risk with 1 - l/d of its weight at the l-th of them.
    lost = np.zeros((m, 1 + p))
    np.add.at(lost, data.step_of, steps * data.fraction[:, None])
    own_time = data.place[data.own] - 1
    felt[data.own] -= lost[own_time]
    residuals = -risk[:, None] * (data.x * felt[:, :1] - felt[:, 1:])
    averages = np.zeros((m, p))
    np.add.at(averages, data.step_of, mean)
    residuals[data.own] += data.x[data.own] - (averages / data.deaths[:, None])[own_time]
    return residuals
