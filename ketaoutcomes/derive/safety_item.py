"""One item of an instrument before session 1 and in a window, as it was answered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.windows import SCORED, find_window, windowed_of
from ketaoutcomes.errors import DataError

__all__ = ["item_before_and_after", "safety_item_number"]


def safety_item_number(instrument: Instrument) -> int | None:
    """The one item that the catalogue flags; None without one, or where it takes several to tell."""
    flagged = instrument.safety_item
    return flagged.items[0] if flagged is not None and len(flagged.items) == 1 else None


def item_before_and_after(
    cohort: Cohort,
    instrument: str,
    item: int,
    *,
    window: str | float = "end_of_induction",
    rule: str = "last_14_days",
) -> pd.DataFrame:
    """The item at the baseline assessment and at the one in the window, one row per treated patient.

    The assessments are those from which response is told: the last before session 1 and the one nearest
    to the window's target. An item that was left blank there is missing, also where the total was made
    up from the other items; no other assessment is looked up for it.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    item : int
        Number of the item, from 1.
    window : str or float
        Name of a window, or a number of days that a window is named for.
    rule : str
        Name of the baseline rule.

    Returns
    -------
    DataFrame
        `patient_id`; `before`, `after` (the item's code, missing where it was not recorded);
        `has_baseline` (bool: the total is a valid baseline); `status` (of the window, as `windowed`).

    Raises
    ------
    DataError
        If the instrument is not known or has no score, or its items are not recorded.
    """
    known = find_instrument(instrument)
    placed = scores(cohort, known.name)
    column = f"i{item}"
    if column not in placed.columns or not placed[column].notna().any():
        raise DataError(f"scores: item {item} of {known.name} is not recorded, so nothing is known of it")
    total = baseline_of(cohort, placed, known, baseline_rule(rule))
    answers = placed.assign(score=placed[column].to_numpy(float))
    before = baseline_of(cohort, answers, known, baseline_rule(rule))
    after = windowed_of(cohort, answers, find_window(window))
    scored = (after["status"] == SCORED).to_numpy(bool)
    return pd.DataFrame(
        {
            "patient_id": total["patient_id"],
            "before": before["baseline"].to_numpy(float),
            "after": np.where(scored, after["score"].to_numpy(float), np.nan),
            "has_baseline": (total["reason"] == VALID).to_numpy(bool),
            "status": after["status"],
        }
    )
