"""Hours that are known only to lie between two others: the columns hour_low and hour_high."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ketaoutcomes.cohort.clock import to_seconds
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.values import numbers

__all__ = ["BOUNDS", "MOST_HOURS_WIDE", "hold_to_bounds"]

BOUNDS = ("hour_low", "hour_high")
# A day on which clocks change has 25 hours; twice a day's length leaves room for a night between two days.
MOST_HOURS_WIDE = 48.0


def hold_to_bounds(draft: Draft, settings: Settings, separator: str | None) -> None:
    """Take the bounds that stand beside `hour` into the draft's times; set aside rows whose bounds are none.

    Blank bounds leave the hour exact. Bounds count as they stand, to the second.
    """
    given = [name for name in BOUNDS if name in draft.frame.columns]
    if not given:
        return
    if len(given) < len(BOUNDS) or "hour" not in draft.frame.columns or draft.times is None:
        message = "hour_low and hour_high stand beside 'hour' and are given together, or not at all"
        draft.fail("time_bounds", given[0], message=message)
        return
    read = [numbers(draft.frame[name], decimal=settings.decimal, separator=separator) for name in BOUNDS]
    draft.unread |= {name for name, found in zip(BOUNDS, read, strict=True) if found.bad.any()}
    low, high = (to_seconds(found.values) for found in read)
    blank = np.isnan(low) & np.isnan(high) & ~read[0].bad & ~read[1].bad
    hour = draft.times.hour
    with np.errstate(invalid="ignore"):
        good = (low <= hour) & (hour <= high) & (high - low <= MOST_HOURS_WIDE)
    draft.quarantine(~blank & ~good, "time_bounds")
    draft.times = replace(draft.times, low=np.where(good, low, hour), high=np.where(good, high, hour))
