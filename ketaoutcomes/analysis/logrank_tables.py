"""The tables and the words of a log-rank test of intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.engine.logrank import LogRank
from ketaoutcomes.engine.schedules import ScheduleFreeTest, SchedulesDiffer
from ketaoutcomes.results.mixed_words import p_text

__all__ = ["FEWEST_FOR_A_P_VALUE", "free_frame", "group_table", "schedule_frame", "test_frame", "test_notes"]

FEWEST_FOR_A_P_VALUE = 20
# Schedules whose equality is this unlikely are said to differ.
DIFFER = 0.05


def group_table(by: str, levels: list, found: LogRank, n_events, *, clustered: bool) -> pd.DataFrame:
    """A row per group: sizes, events and the sum of the scores."""
    columns = {by: levels, "n": found.n}
    if clustered:
        columns["n_patients"] = found.n_units
    columns["n_events"] = n_events
    columns["observed_minus_expected"] = found.u
    return pd.DataFrame(columns)


def test_frame(found: LogRank, score: str, named: bool) -> pd.DataFrame:
    """The permutation test in one row; `named` is whether its p-value is given."""
    named = named and not found.no_information
    drawn = found.method == "monte-carlo" and named
    return pd.DataFrame(
        [
            {
                "score": score,
                "method": found.method,
                "statistic": np.nan if found.no_information else found.statistic,
                "df": found.df,
                "p_value": found.p_value if named else np.nan,
                "z": np.nan if found.no_information else found.z,
                "conf_low": found.p_low if drawn else np.nan,
                "conf_high": found.p_high if drawn else np.nan,
                "n_permutations": found.n_permutations,
                "n": int(found.n.sum()),
                "n_patients": int(found.n_units.sum()),
                "n_groups": found.n_groups,
            }
        ]
    )


def free_frame(free: ScheduleFreeTest, named: bool) -> pd.DataFrame:
    """The test that does not assume equal schedules, in one row."""
    names = ("statistic", "df", "p_value", "z", "n_effective", "part")
    row = {name: getattr(free, name) for name in names}
    return pd.DataFrame([row if named else row | {"p_value": np.nan}])


def schedule_frame(check: SchedulesDiffer, levels: list) -> pd.DataFrame:
    """What was found of the groups' schedules, in one row."""
    known = np.isfinite(check.statistic)
    pair = [levels[number] if known else None for number in check.pair]
    row = {"statistic": check.statistic, "p_value": check.p_value, "group_1": pair[0], "group_2": pair[1]}
    return pd.DataFrame([row | {"differ": bool(check.p_value < DIFFER)}])


def test_notes(
    found: LogRank, free, check, levels: list, named: bool, strata: str | None, n_events: int
) -> list[str]:
    """What was assumed, what was found of it, and what is not given."""
    notes = []
    if strata is not None:
        notes.append(f"Groups are compared within '{strata}', each level with a pooled curve of its own.")
    if found.n_groups < 2:
        return [*notes, "There is only one group, so there is nothing to compare."]
    if found.no_information:
        return [*notes, _no_test(found, strata, n_events)]
    if not named:
        notes.append(
            f"Fewer than {FEWEST_FOR_A_P_VALUE} patients: no p-value unless it is asked for, with "
            'method="exact" or "monte-carlo".'
        )
    if not np.isfinite(check.p_value):
        return [*notes, "Too few events to tell whether the groups were assessed on the same schedule."]
    p = p_text(check.p_value)
    if check.p_value >= DIFFER:
        return [*notes, f"The intervals do not speak against equal assessment schedules (p {p})."]
    far = ""
    if np.isfinite(check.statistic):
        far = f", {levels[check.pair[0]]} and {levels[check.pair[1]]}: distance {check.statistic:.2f}"
    notes.append(
        "Warning: the groups seem not to have been assessed on the same schedule (widths of intervals"
        f"{far}; length of follow-up; p {p}). The permutation test assumes that they were, and tends to miss "
        "differences where they were not: prefer the test that does not assume it."
    )
    if not np.isfinite(free.statistic):
        notes.append("That test is not given: the schedules leave too little to compare.")
    return notes


def _no_test(found: LogRank, strata: str | None, n_events: int) -> str:
    """Why nothing can be compared."""
    if not n_events:
        return "No test: every row is censored, nobody is known to have had the event."
    if strata is not None:
        return (
            f"No test: within no level of '{strata}' do groups differ in what is known of the event; levels "
            "with one row, or with one group, compare nothing. Merge levels, or leave strata out."
        )
    return "No test: the intervals of all rows overlap, so that none tells an early event from a late one."
