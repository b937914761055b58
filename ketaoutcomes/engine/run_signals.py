"""Signs that points over time are not random about a line: a long run, few crossings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammaln, ndtr

__all__ = [
    "FEWEST_POINTS",
    "Run",
    "RunSignals",
    "chance_of_signal",
    "fewest_crossings",
    "longest_allowed",
    "outside",
    "run_signals",
]

Array = NDArray[np.float64]

FEWEST_POINTS = 10
SAME = 1e-12
CROSSING_LEVEL = 0.05
THREE_SIGMA = 2.0 * float(ndtr(-3.0))


@dataclass(frozen=True)
class Run:
    """Points in a row on one side of the line.

    Attributes
    ----------
    first, last : int
        Rows of its first and last point.
    n_points : int
        Points on that side; those on the line neither count nor end it.
    side : {1, -1}
        Above or below.
    """

    first: int
    last: int
    n_points: int
    side: int


@dataclass(frozen=True)
class RunSignals:
    """What the rules say of one series.

    Attributes
    ----------
    n_useful : int
        Points that do not lie on the line.
    longest_run, crossings : int
    longest_allowed, fewest_crossings : int or None
        A run longer than the one, or fewer crossings than the other, is a signal; None below ten points.
    shift, few_crossings : bool
    long_runs : tuple of Run
        The runs that are too long.
    """

    n_useful: int
    longest_run: int
    longest_allowed: int | None
    crossings: int
    fewest_crossings: int | None
    shift: bool
    few_crossings: bool
    long_runs: tuple[Run, ...]


def longest_allowed(n_useful: int) -> int:
    """Longest run expected of `n_useful` random points: round(log2 n) + 3; Anhøj and Olesen (2014)."""
    return round(float(np.log2(n_useful))) + 3


def fewest_crossings(n_useful: int) -> int:
    """Lower 5% point of the crossings of `n_useful` random points, binomial(n − 1, ½); Chen (2010)."""
    n_gaps = max(n_useful - 1, 0)
    # The small slack keeps a sum of exact halves from falling below the level by rounding.
    below = bdtr(np.arange(n_gaps + 1), n_gaps, 0.5) < CROSSING_LEVEL * (1 - 64 * np.finfo(float).eps)
    return int(below.sum())


def run_signals(values: Array, centre: Array) -> RunSignals:
    """The run rules for one series about its line.

    Parameters
    ----------
    values : (n,) float
        In time order; NaN is a gap, which is passed over: it neither crosses the line nor ends a run.
    centre : (n,) float
        The line at each point.

    Returns
    -------
    RunSignals
        With fewer than ten useful points nothing is tested. There is no rule for points that rise or fall in
        a row: it finds next to nothing (Anhøj and Olesen 2014).

    Source
    ------
    Anhøj and Olesen (2014), PLoS ONE 9(11), e113825; Anhøj (2015), PLoS ONE 10(3), e0121349; as qicharts2.
    Checked: tests/engine/test_run_signals.py.
    """
    values, centre = np.asarray(values, dtype=float), np.asarray(centre, dtype=float)
    apart = values - centre
    scale = np.maximum(np.abs(values), np.abs(centre))
    useful = np.flatnonzero(np.isfinite(apart) & (np.abs(apart) > SAME * scale))
    side = np.sign(apart[useful]).astype(int)
    starts = np.flatnonzero(np.r_[True, side[1:] != side[:-1]]) if useful.size else np.array([], dtype=int)
    ends = np.r_[starts[1:], useful.size] - 1 if useful.size else starts
    lengths = ends - starts + 1
    n_useful, n_crossings = int(useful.size), max(starts.size - 1, 0)
    longest = int(lengths.max(initial=0))
    if n_useful < FEWEST_POINTS:
        return RunSignals(n_useful, longest, None, n_crossings, None, False, False, ())
    most, fewest = longest_allowed(n_useful), fewest_crossings(n_useful)
    runs = tuple(
        Run(int(useful[starts[i]]), int(useful[ends[i]]), int(lengths[i]), int(side[starts[i]]))
        for i in np.flatnonzero(lengths > most)
    )
    return RunSignals(
        n_useful, longest, most, n_crossings, fewest, longest > most, n_crossings < fewest, runs
    )


def outside(values: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Which points lie outside their limits; a gap, or a point without limits, does not."""
    scale = SAME * np.maximum(np.abs(np.nan_to_num(high)), np.abs(np.nan_to_num(low)))
    with np.errstate(invalid="ignore"):
        return (values > high + scale) | (values < low - scale)


def chance_of_signal(n_useful: int, *, has_limits: bool, own_median: bool = False) -> float:
    """Chance that a chart of independent points without any change gives a signal.

    Parameters
    ----------
    n_useful : int
        Points off the line, each above or below it with a chance of one half.
    own_median : bool
        The line is the median of the same points, so that as many lie above as below; for an odd number, of
        which the median is one, as for a line that was given.
    has_limits : bool
        Whether the three-sigma rule is applied too, to normal points about known limits.

    Returns
    -------
    float
        Exact: series of two signs are counted by their number of runs, none of them longer than allowed (the
        joint distribution of crossings and longest run). NaN for no points.

    Source
    ------
    Anhøj and Wentzel-Larsen (2018), BMC Med. Res. Methodol. 18, 71. Checked by simulation and by counting all
    series: tests/engine/test_run_signals.py.
    """
    if n_useful < 1:
        return np.nan
    quiet = 1.0
    if n_useful >= FEWEST_POINTS:
        limits = longest_allowed(n_useful), fewest_crossings(n_useful)
        if own_median and n_useful % 2 == 0:
            quiet = _quiet_about_own_median(n_useful // 2, *limits)
        else:
            quiet = _quiet_about_given_line(n_useful, *limits)
    if has_limits:
        quiet *= (1.0 - THREE_SIGMA) ** n_useful
    return 1.0 - quiet


def _quiet_about_given_line(n: int, longest: int, fewest: int) -> float:
    """Share of the 2^n series with runs of at most `longest` and at least `fewest` crossings."""
    return float(2.0 * _whole_runs(n, longest)[fewest + 1 :].sum())


def _quiet_about_own_median(half: int, longest: int, fewest: int) -> float:
    """The same share of the series with `half` points on each side."""
    ways = _whole_runs(half, longest)
    # Runs above and below alternate: as many of each, or one more of either.
    equal, one_more = 2.0 * ways**2, 2.0 * ways[1:] * ways[:-1]
    n_runs = np.arange(half + 1)
    kept = equal[2 * n_runs - 1 >= fewest].sum() + one_more[2 * n_runs[:-1] >= fewest].sum()
    log_all = gammaln(2 * half + 1) - 2 * gammaln(half + 1) - 2 * half * np.log(2.0)
    return float(kept / np.exp(log_all))


def _whole_runs(n: int, longest: int) -> Array:
    """Ways to cut n points into k runs of at most `longest`, over 2^n; (n + 1,) by k."""
    ways = np.zeros((n + 1, n + 1))
    ways[0, 0] = 1.0
    for k in range(1, n + 1):
        for length in range(1, min(longest, n) + 1):
            ways[k, length:] += ways[k - 1, : n + 1 - length] * 0.5**length
    return ways[:, n]
