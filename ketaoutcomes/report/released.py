"""What the gate gives back: a masked table and what was taken out of it, with the reasons in words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.errors import PrivacyError, Problem
from ketaoutcomes.report.small_counts import SECONDARY, blank, small, without_small

__all__ = [
    "COUNT",
    "ESTIMATES",
    "FEW",
    "REST",
    "TOTAL",
    "Hidden",
    "Released",
    "blank_rates",
    "hidden_in",
    "opened",
    "rate_reason",
]

ESTIMATES = (
    "estimate", "estimate_low", "estimate_high", "conf_low", "conf_high", "std_error", "sd", "p10", "p90",
    "observed",
)  # fmt: skip
COUNT, TOTAL, REST = "count 1-10", "total 1-10", "all but 1-10"
# The count may be larger, e.g. of sessions, so that it must not be printed as 1 to 10.
FEW = "patients 1-10"


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
    """A copy with an empty `suppressed` column; a table with a row per patient is refused."""
    if "by_patient" in name or "patient_id" in table.columns:
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


def rate_reason(frame: pd.DataFrame, also: tuple[str, ...]) -> pd.Series:
    """Why each row with `n_events` of `n` is hidden; "" where it is shown."""
    reason = pd.Series("", index=frame.index, dtype="str")
    total, events = frame["n"], frame["n_events"]
    for column in also:
        reason[small(frame[column])] = FEW
    if "n_patients" in frame:
        reason[small(frame["n_patients"])] = TOTAL
    reason[small(total - events)] = REST
    reason[small(events)] = COUNT
    reason[small(total)] = TOTAL
    return reason


def blank_rates(frame: pd.DataFrame, also: tuple[str, ...]) -> pd.DataFrame:
    """`frame` with the hidden rows' counts and estimates missing."""
    hidden = (frame["suppressed"] != "").to_numpy()
    frame = blank(frame, hidden, [*ESTIMATES, "n_events", *also])
    return without_small(frame, ("n", "n_missing", "n_patients"))


def hidden_in(frame: pd.DataFrame, place: str, what: str) -> tuple[Hidden, ...]:
    """One entry per reason found in the table."""
    reasons = frame["suppressed"]
    words = {
        COUNT: "a count of 1–10",
        FEW: "1–10 patients make up the count",
        TOTAL: "1–10 in all",
        REST: "all but 1–10",
        SECONDARY: "it would reveal a count of 1–10 by subtraction",
    }
    entries = []
    for reason, why in words.items():
        n_rows = int((reasons == reason).sum())
        if n_rows:
            rows = "1 row" if n_rows == 1 else f"{n_rows} rows"
            entries.append(Hidden(place, f"{what}: {rows}", why))
    return tuple(entries)
