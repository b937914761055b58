"""Values against the quantiles of the normal distribution, with what normal samples would show."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import PALETTE, GroupStyle

__all__ = ["draw_envelope", "draw_quantiles", "envelope", "normal_scores", "thinned"]

NORMAL = NormalDist()
MOST_POINTS = 240
ENDS = 30


def normal_scores(n: int, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Normal quantiles at which the values of rank `places` (0 to n - 1) of n are drawn.

    Source
    ------
    Probabilities as R's `ppoints`: (i - a) / (n + 1 - 2a), a = 3/8 up to 10 values, else 1/2.
    """
    a = 0.375 if n <= 10 else 0.5
    return np.array([NORMAL.inv_cdf(p) for p in ((places + 1 - a) / (n + 1 - 2 * a)).tolist()])


def thinned(n: int, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Ranks that draw n values well: all at both ends, between them evenly spaced normal scores."""
    if n <= most:
        return np.arange(n)
    ends = np.arange(ENDS)
    last = NORMAL.inv_cdf(1.0 - 0.5 / n)
    shares = [NORMAL.cdf(z) for z in np.linspace(-last, last, most - 2 * ENDS).tolist()]
    between = np.clip(np.round(np.array(shares) * n - 0.5).astype(int), 0, n - 1)
    return np.unique(np.concatenate([ends, between, n - 1 - ends]))


def envelope(n: int, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half width of the range that holds 95% of normal samples of n, at each score by itself.

    The standard error of an order statistic: sqrt(p (1 - p) / n) / density, times 1.96.

    Source
    ------
    Fox (2016), Applied Regression Analysis and Generalized Linear Models, section 3.1.3.
    """
    p = np.array([NORMAL.cdf(-abs(z)) for z in scores.tolist()])
    density = np.exp(-0.5 * scores**2) / np.sqrt(2.0 * np.pi)
    return NORMAL.inv_cdf(0.975) * np.sqrt(p * (1.0 - p) / n) / density


def draw_envelope(sheet: Sheet, n: int) -> None:
    """The line of equality and the envelope around it, for n values."""
    last = float(normal_scores(n, np.array([n - 1]))[0])
    scores = np.linspace(-last, last, 61) if last > 0 else np.zeros(1)
    half = envelope(n, scores)
    sheet.ax.fill_between(
        scores, scores - half, scores + half, color=PALETTE["competing"], linewidth=0, zorder=1.5,
        gid="envelope",
    )  # fmt: skip
    draw_equality(sheet, last)


def draw_equality(sheet: Sheet, last: float) -> None:
    """The line on which normal values lie, from -`last` to `last`."""
    sheet.ax.plot([-last, last], [-last, last], color=PALETTE["axis"], linewidth=0.9, zorder=2, gid="equal")


def draw_quantiles(sheet: Sheet, values: NDArray[np.float64], style: GroupStyle) -> None:
    """The sorted values against their normal scores, thinned where they are many."""
    places = thinned(values.size)
    sheet.ax.plot(
        normal_scores(values.size, places), values[places], linestyle="none", marker=style.marker,
        markersize=3.0, color=style.color, markerfacecolor=style.fill, markeredgewidth=0.7, zorder=3,
        clip_on=False, gid="quantile",
    )  # fmt: skip
