"""How long each patient could have been seen: from the first session to the end of the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import day_starts, to_seconds
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.sessions import Clock
from ketaoutcomes.cohort.settings import Settings

__all__ = ["hours_to_data_cut"]


def hours_to_data_cut(drafts: Mapping[str, Draft], clock: Clock, settings: Settings) -> np.ndarray | None:
    """Return the hours from each patient's first session to the end of the data, of finished drafts.

    The data end with the day of `data_cut`, in the cohort's time zone (UTC
    without one), or else with the last moment that any kept row records; a time
    known only to the day counts to the end of it.

    Returns
    -------
    (n_patients,) float array or None
        Missing without a first session. None if the cohort has no dates, or none that are true.
    """
    if not (settings.months_kept and clock.dated):
        return None
    if settings.data_cut is not None:
        day_after = pd.Series([pd.Timestamp(settings.data_cut) + pd.Timedelta(days=1)])
        end = day_starts(day_after, settings.timezone or "UTC")[0]
    else:
        end = max(draft.latest for draft in drafts.values())
    return to_seconds(end - clock.origin) if np.isfinite(end) else None
