"""Tables of wearing off: quantities and curves of all groups, tests, and what was observed when."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.wearing_model import WearingModel
from ketaoutcomes.analysis.wearing_quantities import curve_of, quantities
from ketaoutcomes.derive.clock import HOURS_PER_DAY, whole_days

__all__ = ["COLUMNS", "FIRST_DAY", "observed_of", "tables", "tests_of"]

FIRST_DAY = 1.0
COLUMNS = (
    "group", "quantity", "from_day", "day", "estimate", "conf_low", "conf_high", "std_error", "df", "unit",
    "code", "n", "n_patients",
)  # fmt: skip
# Whole days at which the table of what was observed begins a new row.
EDGES = np.array([1.0, 4.0, 8.0, 15.0, 29.0, 57.0, np.inf])
SHOWN = 5  # patients; the mean of fewer is not given
FEW_FOR_P = 20


def tables(
    model: WearingModel, by: str | None, peak_day: float, days: NDArray, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The quantities and the curves, one after the other."""
    tables, lines = [], []
    for one in model.curves(peak_day):
        named = {"group": one.group, "n": one.n, "n_patients": one.n_patients}
        named |= {} if by is None else {by: one.level}
        found = quantities(model, one, peak_day=peak_day, at=days, level=level)
        tables.append(found.assign(**named))
        lines.append(curve_of(model, one, start=FIRST_DAY, level=level).assign(**named))
    columns = ["group", "day", "estimate", "conf_low", "conf_high", "n", "n_patients"]
    own = [] if by is None else [by]
    table = pd.concat(tables, ignore_index=True)[[*own, *COLUMNS]]
    curve = pd.concat([line for line in lines if len(line)] or lines[:1], ignore_index=True)
    return table, curve[[*own, *columns]]


def tests_of(model: WearingModel, by: str | None) -> pd.DataFrame:
    """Whether curves differ in course between groups, and whether a line in log2(1 + day) is enough."""
    found = []
    for name, what in (
        ("group", "all groups of sessions wear off alike"),
        ("level", f"all levels of '{by}' wear off alike"),
    ):
        test = model.interaction(name)
        if test is not None:
            found.append((what, test["statistic"], test["num_df"], test["den_df"], test["p_value"]))
    straight = model.straightness()
    if straight is not None:
        found.append(
            (
                "the course is straight in log2(1 + day)",
                straight["statistic"],
                straight["df"],
                np.nan,
                straight["p_value"],
            )
        )
    tests = pd.DataFrame(found, columns=["hypothesis", "statistic", "num_df", "den_df", "p_value"])
    if model.frame["patient_id"].nunique() < FEW_FOR_P:
        tests["p_value"] = np.nan
    return tests


def observed_of(model: WearingModel, gaps: pd.DataFrame, by: str | None) -> pd.DataFrame:
    """Assessments by time since the session, and how many sessions were still the last one by then.

    Parameters
    ----------
    gaps : DataFrame
        Sessions of the patients of the model, as `WearingRows.gaps`, with the column `level` if there is
        `by`.

    Returns
    -------
    DataFrame
        The `by` column, or `group`; `from_day`, `to_day` (whole days, both included), `day` (mean),
        `estimate` (mean benefit, points), `sd`, `n`, `n_patients`, `n_sessions` (with no further session
        before `from_day`). Means of fewer than 5 patients are not given.
    """
    column, names = ("group", model.groups) if by is None else ("level", model.levels)
    frame = model.frame
    place = np.searchsorted(EDGES, whole_days(frame["day"].to_numpy() * HOURS_PER_DAY), side="right") - 1
    cells = frame.groupby([pd.Categorical(frame[column], categories=names), place], observed=True)
    found = cells.agg(
        day=("day", "mean"), estimate=("benefit", "mean"), sd=("benefit", "std"), n=("benefit", "size"),
        n_patients=("patient_id", "nunique"),
    )  # fmt: skip
    every = pd.MultiIndex.from_product([names, range(place.max() + 1)])
    found = found.reindex(every)
    found[["n", "n_patients"]] = found[["n", "n_patients"]].fillna(0).astype(int)
    found.loc[found["n_patients"] < SHOWN, ["day", "estimate", "sd"]] = np.nan
    which = found.index.get_level_values(1).to_numpy()
    following = whole_days(gaps["next_day"].to_numpy() * HOURS_PER_DAY)
    own = gaps[column].astype("str").to_numpy()
    open_by = [
        int((following[own == name] > EDGES[number]).sum())
        for name, number in zip(found.index.get_level_values(0), which, strict=True)
    ]
    table = found.reset_index(drop=True).assign(
        from_day=EDGES[which], to_day=EDGES[which + 1] - 1.0, n_sessions=open_by
    )
    table.insert(0, by or "group", found.index.get_level_values(0).astype("str"))
    return table[
        [by or "group", "from_day", "to_day", "day", "estimate", "sd", "n", "n_patients", "n_sessions"]
    ]
