"""Limits of published numbers, and the distance of the clinic's from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ketaoutcomes.analysis.published_numbers import Number
from ketaoutcomes.catalog.benchmarks import Benchmark
from ketaoutcomes.engine.newcombe import newcombe
from ketaoutcomes.engine.rates import wilson

__all__ = [
    "METHODS",
    "Limits",
    "difference_of",
    "implied_count",
    "overlap_of",
    "published_limits",
    "terms_unsure",
]

METHODS = (
    ("Interval of a proportion", "Wilson", "Wilson 1927, J. Am. Stat. Assoc. 22, 209"),
    (
        "Interval of a difference of proportions",
        "Newcombe's hybrid score, where both numbers are plain proportions",
        "Newcombe 1998, Stat. Med. 17, 873",
    ),
)


@dataclass(frozen=True)
class Limits:
    """Limits of a published number, where they come from, and its count."""

    low: float = np.nan
    high: float = np.nan
    method: str = "none"
    n_events: int | None = None


def published_limits(known: Benchmark, level: float) -> Limits:
    """As published, or ours from the published count; none where the count is not known."""
    scale = 100.0 if known.unit == "percent" else 1.0
    if known.conf_low is not None:
        return Limits(known.conf_low / scale, known.conf_high / scale, "as published (95 %)", known.n_events)
    n_events, follows = known.n_events, ""
    if n_events is None:
        n_events, follows = implied_count(known), "; the count follows from the percentage"
    if n_events is None:
        return Limits()
    low, high = wilson(n_events, known.n, level=level)
    method = f"ours: Wilson, from {n_events} of {known.n}{follows}"
    return Limits(float(low), float(high), method, n_events)


def implied_count(known: Benchmark) -> int | None:
    """The one count out of the published n that gives the percentage as printed; None if there is not one.

    The catalogue keeps the decimals that were printed: 14.0 (a float) is rounded to one, 14 (an int) to none.
    """
    if known.unit != "percent" or known.n is None or known.estimate_high is not None:
        return None
    half = 0.5 * 10.0 ** -len(str(known.estimate).partition(".")[2])
    counts = np.arange(known.n + 1)
    found = np.flatnonzero(np.abs(100.0 * counts / known.n - known.estimate) <= half + 1e-9)
    return int(found[0]) if found.size == 1 else None


def difference_of(published: float, limits: Limits, known: Benchmark, ours: Number, level: float) -> dict:
    """Clinic minus published; with an interval where both are plain proportions of the same terms."""
    cells = {
        "difference": ours.estimate - published,
        "difference_high": ours.estimate_high - published,
        "difference_conf_low": np.nan,
        "difference_conf_high": np.nan,
        "difference_method": "",
    }
    if ours.is_plain and ours.n and limits.n_events is not None and not terms_unsure(known):
        _, low, high = newcombe(ours.n_events, ours.n, limits.n_events, known.n, level=level)
        cells |= {"difference_conf_low": float(low), "difference_conf_high": float(high)}
        cells["difference_method"] = "Newcombe"
    return cells


def terms_unsure(known: Benchmark) -> bool:
    """Whether the number counts several terms together, and which ones was not checked."""
    return bool(known.combines) and not known.combines_verified


def overlap_of(limits: Limits, ours: Number) -> bool | None:
    """Whether the two intervals overlap; None where one is missing."""
    if np.isnan([limits.low, limits.high, ours.conf_low, ours.conf_high]).any():
        return None
    return bool(ours.conf_low <= limits.high and limits.low <= ours.conf_high)
