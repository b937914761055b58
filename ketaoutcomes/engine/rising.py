"""Logarithm of a rising factorial, which likelihoods of overdispersed counts are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["log_rising"]

Array = NDArray[np.float64]

# From here on Stirling's series with these terms holds to the last digit.
LARGE = 16.0
STEPS = 16
BLOCK = 2048  # values worked on at once, so that they stay in the cache


def log_rising(a: ArrayLike, n: ArrayLike) -> tuple[Array, Array, Array]:
    """log(Gamma(a + n) / Gamma(a)) = log(a (a + 1) ... (a + n - 1)), with two derivatives by a.

    Differences of log-gamma, digamma and trigamma functions lose all digits where `a` is large beside `n`,
    which is where a model comes close to having no overdispersion. There Stirling's series are taken away
    from each other term by term.

    Parameters
    ----------
    a : array_like of float
        Above 0.
    n : array_like of float
        0 or more, broadcast against `a`.

    Returns
    -------
    value, first, second : ndarray of float

    Source
    ------
    Abramowitz and Stegun (1964), 6.1.41, 6.3.5, 6.3.18 and 6.4.12.
    """
    a, n = np.broadcast_arrays(np.asarray(a, float), np.asarray(n, float))
    flat_a, flat_n = a.ravel(), n.ravel()
    out = np.zeros((3, flat_a.size))
    large, some = flat_a >= LARGE, flat_n > 0
    for part, terms in ((some & large, _by_series), (some & ~large, _by_steps)):
        place = np.flatnonzero(part)
        for low in range(0, place.size, BLOCK):
            here = place[low : low + BLOCK]
            out[:, here] = terms(flat_a[here], flat_n[here])
    return tuple(out.reshape(3, *a.shape))


def _by_steps(a: Array, n: Array):
    """Up to where the series hold, factor by factor; differences are written without cancellation."""
    value, first, second = _by_series(a + STEPS, n)
    steps = a + np.arange(STEPS)[:, None]
    near, far = 1.0 / steps, 1.0 / (steps + n)
    apart = n * near * far
    value += np.log(np.multiply.reduce(far) / np.multiply.reduce(near))
    return value, first + apart.sum(axis=0), second - (apart * (near + far)).sum(axis=0)


def _by_series(a: Array, n: Array):
    end = a + n
    ratio = np.log1p(n / a)
    value = (a - 0.5) * ratio + n * np.log(end) - n + _tail(end) - _tail(a)
    first = ratio - 0.5 / end + 0.5 / a + _tail_slope(end) - _tail_slope(a)
    second = -n / (a * end) + 0.5 / end**2 - 0.5 / a**2 + _tail_bend(end) - _tail_bend(a)
    return value, first, second


def _tail(z: Array) -> Array:
    r = 1.0 / (z * z)
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / z


def _tail_slope(z: Array) -> Array:
    r = 1.0 / (z * z)
    return -r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))


def _tail_bend(z: Array) -> Array:
    r = 1.0 / (z * z)
    return r / z * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * 5 / 66))))
