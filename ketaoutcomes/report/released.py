"""What the gate gives back: a masked table and what was taken out of it, with the reasons in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.errors import PrivacyError, Problem
from ketaoutcomes.report.small_counts import CHANGED, SECONDARY, TOGETHER, SmallCounts, blank

__all__ = [
    "ESTIMATES",
    "Hidden",
    "Released",
    "blank_rates",
    "hidden_in",
    "opened",
    "rate_reason",
    "refuse_steps",
]

ESTIMATES = (
    "estimate", "estimate_low", "estimate_high", "conf_low", "conf_high", "std_error", "sd", "p10", "p90",
    "observed",
)  # fmt: skip
# A column that tells patients apart, under the names that clinics and statisticians give it.
WHO = re.compile(r"(patient|subject|person|participant|client|case|record)(_?(id|no|nr|number|code|key))|mrn")
BARE = frozenset({"patient", "patients", "subject", "subjects", "person", "participant", "client", "usubjid"})
STEPS = re.compile(
    r"(_|^)(curve|masses|steps|kaplan_meier|paths|trajectories|spaghetti|points|residuals)(_|$)"
)
EXTREMES = frozenset({"min", "max", "minimum", "maximum", "lowest", "highest", "smallest", "largest"})


@dataclass(frozen=True)
class Hidden:
    """One place of the report where something is not shown, and why."""

    place: str
    what: str
    why: str


@dataclass(frozen=True)
class Released:
    """A table as it may be printed, and what was taken out of it."""

    name: str
    frame: pd.DataFrame
    hidden: tuple[Hidden, ...] = ()


def opened(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A copy with an empty `suppressed` column; a table with a row per patient is refused.

    Raises
    ------
    PrivacyError
        If the table's name or a column, or the index, says that its rows are patients.
    """
    names = [str(label) for label in (*table.columns, *table.index.names) if label is not None]
    if "by_patient" in name or any(_tells_patients_apart(label) for label in names):
        raise PrivacyError(
            Problem(
                "has a row per patient and cannot be part of a report; summarise it first",
                table=name,
                rule="by_patient",
            )
        )
    frame = table.reset_index(drop=True).copy()
    for column in frame.columns:
        if column == "n" or column.startswith("n_"):
            frame[column] = frame[column].astype("Int64")
    frame["suppressed"] = pd.Series("", index=frame.index, dtype="str")
    return frame


def refuse_steps(name: str, table: pd.DataFrame) -> None:
    """Refuse a curve's steps, paths of patients and extremes, for tables that are given out unmasked.

    Each step of a curve is a patient's time, and an extreme is a patient's value.

    Raises
    ------
    PrivacyError
        If the table's name or a column says so.
    """
    if STEPS.search(name) or EXTREMES & {str(column) for column in table.columns}:
        raise PrivacyError(
            Problem(
                "holds a curve's steps, paths or extremes, each of which is a patient's; give planned times "
                "and percentiles instead",
                table=name,
                rule="steps",
            )
        )


def _tells_patients_apart(label: str) -> bool:
    label = label.strip().lower()
    return label in BARE or WHO.fullmatch(label) is not None


def rate_reason(frame: pd.DataFrame, also: tuple[str, ...], few: SmallCounts) -> pd.Series:
    """Why each row with `n_events` of `n` is hidden; "" where it is shown."""
    total, events = (frame[name].to_numpy(dtype=float, na_value=np.nan) for name in ("n", "n_events"))
    reason = np.full(len(frame), "", dtype=object)
    for column in also:
        reason[few.small(frame[column])] = few.patients
    if "n_patients" in frame:
        reason[few.small(frame["n_patients"])] = few.total
    reason[few.small(total - events)] = few.rest
    reason[few.small(events)] = few.count
    # One more than the largest small count with the event, and one without: "all but a few" would be 1.
    edge = total == few.largest + 2
    reason[edge & (few.small(events) | few.small(total - events))] = few.either
    reason[few.small(total)] = few.total
    return pd.Series(reason, index=frame.index, dtype="str")


def blank_rates(frame: pd.DataFrame, also: tuple[str, ...], few: SmallCounts) -> pd.DataFrame:
    """`frame` with the hidden rows' counts and estimates missing."""
    hidden = (frame["suppressed"] != "").to_numpy()
    frame = blank(frame, hidden, [*ESTIMATES, "n_events", *also])
    return few.without_small(frame, ("n", "n_missing", "n_patients"))


def hidden_in(frame: pd.DataFrame, place: str, what: str, few: SmallCounts) -> tuple[Hidden, ...]:
    """One entry per reason found in the table."""
    reasons = frame["suppressed"].to_numpy(dtype=object)
    if not (reasons != "").any():
        return ()
    words = {
        few.count: f"a count of {few.words}",
        few.patients: f"{few.words} patients make up the count",
        few.total: f"{few.words} in all",
        few.rest: f"all but {few.words}",
        few.either: f"{few.words} with it, or without",
        TOGETHER: "all rows together are too few to be told apart",
        SECONDARY: f"it would reveal a count of {few.words} by subtraction",
        CHANGED: f"differs by {few.words} from the last release, or would tell what that hid",
    }
    entries = []
    for reason, why in words.items():
        n_rows = int((reasons == reason).sum())
        if n_rows:
            rows = "1 row" if n_rows == 1 else f"{n_rows} rows"
            entries.append(Hidden(place, f"{what}: {rows}", why))
    return tuple(entries)
