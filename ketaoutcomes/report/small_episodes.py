"""Small counts in tables of episodes, of which a patient may have several."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.report.released import ESTIMATES
from ketaoutcomes.report.small_counts import SECONDARY, SmallCounts, blank

__all__ = [
    "without_small_curve",
    "without_small_episodes",
    "without_small_gaps",
    "without_small_quantities",
]

COUNTS = ("n_lost", "n_next_session", "n_stopped", "n_still", "n_unknown")
SHARES = (
    "next_session", "next_session_high", "stopped", "stopped_high", "still_responding",
    "still_responding_high",
)  # fmt: skip


def without_small_episodes(frame: pd.DataFrame, few: SmallCounts, *, by: str | None, beside) -> pd.DataFrame:
    """Days of what became of episodes, without those that a few patients make.

    A day is hidden when one of its counts is 1 to 10 or is of few patients, or when the difference
    to the day shown before it is. The number of patients is hidden where it comes close to one in
    `beside`, which the report prints elsewhere.
    """
    frame = frame.copy()
    reason = frame["suppressed"].copy()
    groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
    for group in groups.unique():
        shown = None
        for row in frame.index[groups == group]:
            values = frame.loc[row, list(COUNTS)].to_numpy(float)
            patients = frame.loc[row, ["fewest_patients", "n_patients"]].to_numpy(float)
            if few.small(patients).any() or few.small(values).any():
                reason.at[row] = few.count
            elif shown is not None and few.small(np.abs(values - shown)).any():
                reason.at[row] = SECONDARY
            else:
                shown = values
    frame["suppressed"] = reason
    frame = blank(frame, reason != "", [*ESTIMATES, *SHARES, *COUNTS])
    # Hidden days must not follow from the total.
    frame = blank(frame, few.small(frame["n"]) | few.small(frame["n_patients"]), ["n"])
    frame.loc[few.small(frame["n_patients"]) | few.near(frame["n_patients"], beside), "n_patients"] = pd.NA
    return frame.drop(columns="fewest_patients")


def without_small_curve(frame: pd.DataFrame, few: SmallCounts, marks) -> pd.DataFrame:
    """A curve at some days only, where more than 10 patients are watched; counts are left out.

    The days are those at which what became of the episodes is shown: where few were lost, the share still
    responding would give their number away.
    """
    frame = frame[frame["time"].isin(list(marks))].reset_index(drop=True)
    hidden = few.small(frame["n_patients"]) | (frame["n_patients"].fillna(0) == 0).to_numpy(bool)
    frame.loc[hidden & frame["estimate"].notna().to_numpy(bool), "suppressed"] = few.total
    frame = blank(frame, hidden, ESTIMATES)
    return frame.drop(columns=["n_at_risk", "n_patients"])


def without_small_quantities(frame: pd.DataFrame, few: SmallCounts) -> pd.DataFrame:
    """A model's quantities by group, without those of groups of few patients; sizes are left out then.

    Sizes of groups, of all, and those that the report prints elsewhere differ by a few; degrees of freedom
    and standard errors come close to a size. None of them is shown.
    """
    hidden = few.small(frame["n_patients"])
    frame.loc[hidden, "suppressed"] = few.total
    frame = blank(frame, hidden, [*ESTIMATES])
    every = np.ones(len(frame), bool)
    return blank(frame, every, ["std_error", "df", "n", "n_patients"])


def without_small_gaps(frame: pd.DataFrame, few: SmallCounts) -> pd.DataFrame:
    """Quantiles or trends of gaps between sessions, without those of few patients.

    The numbers of open gaps and of patients without a next session follow from those of closed ones, and
    sizes differ by a few from those that the report prints elsewhere, so only the estimates stay.
    """
    hidden = few.small(frame["n_patients"]) | few.small(frame["n"])
    frame.loc[hidden, "suppressed"] = few.total
    frame = blank(frame, hidden, [*ESTIMATES, "p25", "p75", "p_value", "direction"])
    counts = [name for name in ("n", "n_events", "n_open", "n_patients", "df") if name in frame.columns]
    return blank(frame, np.ones(len(frame), bool), counts)
