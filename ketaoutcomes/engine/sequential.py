"""Case-by-case monitoring: the risk-adjusted CUSUM, its limit, and cumulative expected less observed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import ConvergenceError, DataError

__all__ = [
    "clipped",
    "cusum_limit",
    "cusum_path",
    "cusum_scores",
    "in_control_length_of",
    "simulated_run_lengths",
    "vlad",
]

Array = NDArray[np.float64]

LOWEST, HIGHEST = 0.005, 0.995
MOST_RISKS = 200
N_STATES = 400
CLOSE_ENOUGH = 1e-4
MOST_BISECTIONS = 60
FARTHEST = 60.0


def clipped(risk: ArrayLike) -> Array:
    """Expected probabilities kept within .005 and .995, where a single case cannot decide a chart; (n,).

    Raises
    ------
    DataError
        If one is missing or lies outside 0 to 1.
    """
    risk = np.asarray(risk, float)
    n_bad = int((~(np.isfinite(risk) & (risk >= 0) & (risk <= 1))).sum())
    if n_bad:
        raise DataError(f"the expected probability is missing or outside 0 to 1 in {n_bad} cases")
    return np.clip(risk, LOWEST, HIGHEST)


def cusum_scores(event: ArrayLike, risk: ArrayLike, odds_ratio: float) -> Array:
    """Log likelihood ratio of each case: odds of the event multiplied, against odds as expected; (n,).

    y log(OR) - log(1 - p + OR p).

    Parameters
    ----------
    event : (n,) array_like of bool
    risk : (n,) array_like of float
        Expected probabilities, clipped.
    odds_ratio : float
        Above 1 looks for more events than expected, below 1 for fewer.

    Source
    ------
    Steiner, Cook, Farewell and Treasure (2000), Biostatistics 1, 441.
    """
    if not (np.isfinite(odds_ratio) and odds_ratio > 0 and odds_ratio != 1):
        raise DataError("the odds ratio to look for is a number above 0 other than 1, e.g. 2 or 0.5")
    risk = np.asarray(risk, float)
    return np.asarray(event, float) * np.log(odds_ratio) - np.log1p((odds_ratio - 1.0) * risk)


def cusum_path(scores: ArrayLike, limit: float) -> tuple[Array, NDArray[np.bool_]]:
    """C = max(0, C + W), begun at 0 and begun anew after each signal.

    Returns
    -------
    cusum : (n,) float
        After each case; a signal's own value is kept, the next case begins at 0.
    signal : (n,) bool
        Where it reaches `limit`.
    """
    scores = np.asarray(scores, float)
    path, signal = np.zeros(scores.size), np.zeros(scores.size, bool)
    start = 0
    while start < scores.size:
        summed = np.cumsum(scores[start:])
        risen = summed - np.minimum(np.minimum.accumulate(summed), 0.0)
        over = np.flatnonzero(risen >= limit)
        end = scores.size if not over.size else start + int(over[0]) + 1
        path[start:end] = risen[: end - start]
        if over.size:
            signal[end - 1] = True
        start = end
    return path, signal


def vlad(event: ArrayLike, risk: ArrayLike) -> Array:
    """Cumulative expected less observed events, (n,): it falls where there are more than expected."""
    return np.cumsum(np.asarray(risk, float) - np.asarray(event, float))


def cusum_limit(risk: ArrayLike, odds_ratio: float, in_control_length: float) -> float:
    """The limit that a chart of cases as expected reaches once in so many cases on average.

    Bisection on `in_control_length_of`; where lengths jump, the lowest limit whose length is at least
    the one asked for.

    Parameters
    ----------
    risk : (n,) array_like of float
        Expected probabilities of cases as they come, e.g. of the baseline.
    odds_ratio : float
    in_control_length : float
        Cases, above 1.

    Raises
    ------
    ConvergenceError
        If no limit of up to 60 has this length.
    """
    low, high = 0.0, 2.0
    while in_control_length_of(risk, odds_ratio, high) < in_control_length:
        low, high = high, 1.5 * high
        if high > FARTHEST:
            raise ConvergenceError("no limit gives so long a time between false signals; ask for fewer cases")
    for _ in range(MOST_BISECTIONS):
        if high - low <= CLOSE_ENOUGH:
            break
        middle = (low + high) / 2.0
        if in_control_length_of(risk, odds_ratio, middle) < in_control_length:
            low = middle
        else:
            high = middle
    return high


def in_control_length_of(risk: ArrayLike, odds_ratio: float, limit: float) -> float:
    """Mean number of cases until a chart of cases as expected reaches `limit`.

    A Markov chain on 400 places between 0 and the limit: a sum that falls between two places goes to
    both in proportion to its nearness.

    Parameters
    ----------
    risk : (n,) array_like of float
        Cases' risks are drawn from these; of more than 200 the means of 200 equal parts are taken.
    odds_ratio, limit : float

    Source
    ------
    Brook and Evans (1972), Biometrika 59, 539. Checked: simulation and an exact chain in
    tests/engine/test_sequential.py.
    """
    risk, share = _risks(risk)
    scores = np.concatenate([cusum_scores(np.full(risk.size, y), risk, odds_ratio) for y in (0, 1)])
    chance = np.concatenate([share * (1.0 - risk), share * risk])
    places = np.linspace(0.0, limit, N_STATES, endpoint=False)
    width = limit / N_STATES
    summed = np.maximum(places[:, None] + scores[None, :], 0.0)
    inside = summed < limit
    at = np.minimum(summed / width, N_STATES - 1.0)
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, N_STATES - 1)
    weight = np.where(inside, chance[None, :], 0.0)
    row = np.broadcast_to(np.arange(N_STATES)[:, None], below.shape)
    size = N_STATES**2
    moves = np.bincount((row * N_STATES + below).ravel(), (weight * (1 - (at - below))).ravel(), size)
    moves += np.bincount((row * N_STATES + above).ravel(), (weight * (at - below)).ravel(), size)
    lengths = np.linalg.solve(np.eye(N_STATES) - moves.reshape(N_STATES, N_STATES), np.ones(N_STATES))
    return float(lengths[0]) if lengths[0] > 0 else np.inf


def simulated_run_lengths(
    risk: ArrayLike, odds_ratio: float, limit: float, *, n_charts: int, seed: int, effect: float = 1.0
) -> Array:
    """Cases until each of many simulated charts reaches `limit`, (n_charts,).

    Parameters
    ----------
    risk : (n,) array_like of float
        Each case's risk is drawn from these.
    odds_ratio, limit : float
    n_charts : int
    seed : int
    effect : float
        What the odds of the event are truly multiplied by; 1 for cases as expected.
    """
    rng = np.random.default_rng(seed)
    risk = clipped(risk)
    gain, loss = cusum_scores(np.ones(risk.size), risk, odds_ratio), cusum_scores(0 * risk, risk, odds_ratio)
    true = effect * risk / (1.0 - risk + effect * risk)
    lengths, value, chart = np.zeros(n_charts), np.zeros(n_charts), np.arange(n_charts)
    while chart.size:
        lengths[chart] += 1
        case = rng.integers(risk.size, size=chart.size)
        value = np.maximum(value + np.where(rng.random(chart.size) < true[case], gain[case], loss[case]), 0.0)
        running = value < limit
        value, chart = value[running], chart[running]
    return lengths


def _risks(risk: ArrayLike) -> tuple[Array, Array]:
    """Distinct risks with their shares; many are joined into means of equal parts."""
    risk = np.sort(clipped(risk))
    if not risk.size:
        raise DataError("there are no cases to compute the chart's limit from")
    values, counts = np.unique(risk, return_counts=True)
    if values.size > MOST_RISKS:
        parts = np.array_split(risk, MOST_RISKS)
        values, counts = np.array([part.mean() for part in parts]), np.array([part.size for part in parts])
    return values, counts / counts.sum()
