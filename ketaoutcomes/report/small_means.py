"""Small counts in tables of means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.report.released import ESTIMATES
from ketaoutcomes.report.small_counts import SECONDARY, SmallCounts, blank

__all__ = ["hidden_means"]

SMALLEST_PERCENTILE_GROUP = 20
SUM = "previous 12 months"
MEANS = ("estimate", "observed", "conf_low", "conf_high")


def hidden_means(
    frame: pd.DataFrame,
    few: SmallCounts,
    *,
    without,
    beside: Sequence[float],
    by_model: bool,
    total=None,
    then_total: Sequence[str] = (),
    earlier: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Means of `n` patients without those of few, and without what tells a size that is hidden.

    A mean of whole points and its size give each other away, so where the size goes and the mean stays it
    is given to one decimal, the percentiles in whole points.

    Parameters
    ----------
    frame : DataFrame
        With an empty `suppressed`.
    few : SmallCounts
    without : (m,) bool array, optional
        Rows whose `n` another table hides.
    beside : sequence of float
        Sizes printed elsewhere.
    by_model : bool
        Whether the limits are a model's and stay where `n` goes.
    total : (m,) bool array, optional
        The rows that make up the row of the sum.
    then_total : sequence of str
        The months that did in the last release.
    earlier : DataFrame, optional
        The last release's table.
    """
    few_patients = few.small(frame["n"])
    if without is not None:
        frame.loc[np.asarray(without, bool), "suppressed"] = SECONDARY
        few_patients = few_patients | np.asarray(without, bool)
    frame.loc[few.small(frame["n"]), "suppressed"] = few.total
    if earlier is not None and total is not None and "month" in frame and "month" in earlier:
        told = _told_by_difference(frame, few_patients & np.asarray(total, bool), earlier, then_total)
        frame.loc[told & ~few_patients, "suppressed"] = SECONDARY
        few_patients = few_patients | told
    frame = blank(frame, few_patients, ESTIMATES)
    close = few.near(frame["n"], beside)
    too_few = (frame["n"] < SMALLEST_PERCENTILE_GROUP).fillna(True).to_numpy(bool)
    frame = blank(frame, too_few, ("p10", "p90"))
    frame = blank(frame, few_patients | close, ["n"])
    frame = blank(frame, close, ["sd"] if by_model else ["conf_low", "conf_high", "sd", "std_error"])
    sizeless = close & ~few_patients
    for columns, decimals in ((MEANS, 1), (("p10", "p90"), 0)):
        for column in columns:
            if column in frame and sizeless.any():
                frame.loc[sizeless, column] = frame.loc[sizeless, column].astype(float).round(decimals)
    return few.without_unknown(frame, few_patients)


def _told_by_difference(
    frame: pd.DataFrame, hidden: np.ndarray, earlier: pd.DataFrame, then_total: Sequence[str]
) -> np.ndarray:
    """Marks the row of the sum, where its difference to the last one is the mean of hidden months alone.

    The sum of points now less the sum then is that of the months that entered less that of those that
    left. Where hidden months are on one side only, their mean follows.
    """
    months = frame["month"].astype(str).to_numpy()
    is_sum = months == SUM
    old = earlier.set_index("month")["suppressed"]
    if not is_sum.any() or old.get(SUM, SECONDARY) != "":
        return np.zeros(len(frame), bool)
    entered = {month for month in months[hidden] if month not in then_total and old.get(month, "-") != ""}
    left = {month for month in then_total if old.get(month, "") != "" and month not in months}
    return is_sum & (bool(entered) != bool(left))
