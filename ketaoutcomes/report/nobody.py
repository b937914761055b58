"""What a report says where nobody was scored: a share of nobody is not printed, drawn or written."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.windows import SCORED, windowed
from ketaoutcomes.draw.labels import missing
from ketaoutcomes.report.scope import WINDOW, Scope

__all__ = ["first_empty_step", "is_empty", "unscored"]

# Steps of the attrition, with what it means that nobody is left there.
EMPTY = {
    "valid baseline": "no patient has a valid baseline",
    "window closed at the data cut": "no window after induction had closed",
    "induction complete": "no patient completed an induction",
}


def is_empty(size) -> bool:
    """Whether a count is known to be 0; a hidden one is not."""
    return not missing(size) and int(size) == 0


def unscored(cohort: Cohort, instrument: str, among=None) -> str:
    """What to say where no patient is in a share of those scored.

    Without a baseline a score leads to no outcome, so that patients may have been scored all the same.

    Parameters
    ----------
    among : (n_patients,) bool array, optional
        The patients that are spoken of, in the order of `cohort.patients`; all by default.
    """
    seen = windowed(cohort, instrument, WINDOW)
    scored = (seen["status"] == SCORED).to_numpy(bool)
    if among is not None:
        scored = scored & among[patient_codes(seen)]
    whose = " with a valid baseline" if scored.any() else ""
    return f"no patient{whose} was scored after induction"


def first_empty_step(scope: Scope, steps: pd.DataFrame) -> str:
    """What to say of a released attrition that ends with nobody; "" where somebody is left."""
    empty = [str(row["step"]) for row in steps.to_dict("records") if is_empty(row["n"])]
    if not empty:
        return ""
    return EMPTY.get(empty[0]) or unscored(scope.recent, scope.instrument.name)
