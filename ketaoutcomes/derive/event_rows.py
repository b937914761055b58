"""From rows of scores to intervals: which rows are looked at, and where the first run that counts lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import segment_starts
from ketaoutcomes.derive.clock import CLOCK_COLUMNS, HOURS_PER_DAY, day_only
from ketaoutcomes.derive.runs import RunRule, first_runs

__all__ = [
    "BETWEEN",
    "CENSORED",
    "CENSORED_HORIZON",
    "FIRST",
    "KINDS",
    "UNCONFIRMED",
    "Followed",
    "Found",
    "find_runs",
    "followed",
    "gaps_between",
    "run_rule",
    "tally",
    "with_patients",
    "without_clock",
]

KINDS = ("first", "sustained", "confirmed")
FIRST = "met at the first assessment after session 1"
BETWEEN = "met between two assessments"
CENSORED = "not met at the last assessment"
CENSORED_HORIZON = "not met at the last assessment looked at, the first after the horizon"
UNCONFIRMED = "met at the last assessment, not confirmed"


def run_rule(kind: str, *, window_days: float, apart_hours: float, by_clock: bool = False) -> RunRule:
    """How long the outcome must hold for it to count.

    Whole days are counted in days, to the nearest; any other length by the clock, and with `by_clock`
    whole days too.
    """
    if kind not in ("sustained", "confirmed"):
        return RunRule()
    days = float(window_days if kind == "sustained" else apart_hours / HOURS_PER_DAY)
    exact = by_clock or days != round(days)
    if kind == "sustained":
        return RunRule(throughout_days=days, by_clock=exact)
    return RunRule(again_after_days=days, by_clock=exact)


@dataclass(frozen=True)
class Followed:
    """The assessments that are looked at, as segments of one observation each.

    Attributes
    ----------
    rows : DataFrame
        Placed scores, by segment and time.
    hour : (n,) float
        Hours since the segment's origin, never negative.
    starts : (g + 1,) int
        Segment k is the rows starts[k] to starts[k + 1] - 1.
    last : (g,) int
        Last row that is looked at, the first after the horizon; starts[k] - 1 in an empty segment.
    """

    rows: pd.DataFrame
    hour: np.ndarray
    starts: np.ndarray
    last: np.ndarray

    @property
    def n_rows(self) -> np.ndarray:
        """Rows looked at per segment; (g,) int."""
        return self.last - self.starts[:-1] + 1

    @property
    def last_hour(self) -> np.ndarray:
        """Hour of the last row looked at, 0 in an empty segment; (g,) float."""
        return np.where(self.n_rows > 0, _at(self.hour, self.last), 0.0)

    @property
    def looked_at(self) -> np.ndarray:
        """Marks the rows that are looked at; (n,) bool."""
        return np.arange(self.hour.size) <= np.repeat(self.last, np.diff(self.starts))


def followed(
    rows: pd.DataFrame,
    segment: np.ndarray,
    hour: np.ndarray,
    n_segments: int,
    *,
    until: float = np.inf,
    measure: np.ndarray | None = None,
) -> Followed:
    """Rows of segments that rise, each looked at up to the first row after `until`.

    `until` is compared with `measure`, which rises within a segment: `hour` if it is left out.
    """
    starts = segment_starts(segment, n_segments)
    inside = np.concatenate([[0], np.cumsum((hour if measure is None else measure) <= until)])
    n_inside = inside[starts[1:]] - inside[starts[:-1]]
    last = np.minimum(starts[:-1] + n_inside, starts[1:] - 1)
    # A time known only to the day may lie nominally before the session that it follows.
    return Followed(rows, np.maximum(hour, 0.0), starts, last)


@dataclass(frozen=True)
class Found:
    """Where the outcome lies in each segment.

    Attributes
    ----------
    before : (g,) int
        Last row looked at before the outcome at which it is not met; -1 where there is none.
    row : (g,) int
        First row of the run that counts; -1 where there is none.
    unconfirmed : (g,) bool
        No run counts, and the last row looked at meets the outcome.
    known : (g,) float
        Hour at which the run is known to count; inf where there is none.
    """

    before: np.ndarray
    row: np.ndarray
    unconfirmed: np.ndarray
    known: np.ndarray

    @property
    def event(self) -> np.ndarray:
        """Whether the outcome was seen; (g,) bool."""
        return self.row >= 0

    @property
    def tells_nothing(self) -> np.ndarray:
        """Marks segments of which it is only known that the time is above 0; (g,) bool."""
        return ~self.event & (self.before < 0)

    def ends(self, seen: Followed) -> tuple[np.ndarray, np.ndarray]:
        """Ends of each segment's interval in hours since its origin; right is inf without an event."""
        left = np.where(self.before >= 0, _at(seen.hour, self.before), 0.0)
        return left, np.where(self.event, _at(seen.hour, self.row), np.inf)

    def sessions(self, seen: Followed) -> tuple[np.ndarray, np.ndarray]:
        """The same ends as numbers of sessions; equal where the number is known.

        The outcome seen after session k and before k + 1 took k sessions; not met at the last
        assessment after session j, it took more than j. Between two neighbouring numbers there is
        nothing, so (k - 1, k] is exactly k.
        """
        number = seen.rows["session"].to_numpy(float)
        left = np.where(self.before >= 0, _at(number, self.before), 0.0)
        right = np.where(self.event, _at(number, self.row), np.inf)
        left = np.where(right - left <= 1.0, right, left)
        return left, right

    def reasons(self, *, has_horizon: bool) -> np.ndarray:
        """Why each segment's interval ends as it does; (g,) object."""
        why = np.full(self.row.size, CENSORED_HORIZON if has_horizon else CENSORED, dtype=object)
        why[self.unconfirmed] = UNCONFIRMED
        why[self.event & (self.before >= 0)] = BETWEEN
        why[self.event & (self.before < 0)] = FIRST
        return why


def find_runs(seen: Followed, holds: np.ndarray, rule: RunRule) -> Found:
    """Where the first run that counts begins; it may be confirmed by rows after the horizon.

    Parameters
    ----------
    seen : Followed
    holds : (n,) bool
        Whether each row meets the outcome.
    rule : RunRule
    """
    run = first_runs(holds, seen.hour, seen.starts, rule)
    found = (run.row >= 0) & (run.row <= seen.last)
    some = seen.n_rows > 0
    failed = np.maximum.accumulate(np.where(holds, -1, np.arange(holds.size)))
    last_failed = np.where(some, _at(failed, seen.last), -1)
    last_failed = np.where(last_failed >= seen.starts[:-1], last_failed, -1)
    return Found(
        before=np.where(found, run.before, last_failed),
        row=np.where(found, run.row, -1),
        unconfirmed=~found & some & _at(holds, seen.last).astype(bool),
        known=np.where(found, run.known, np.inf),
    )


def gaps_between(seen: Followed, start: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Hours from each assessment looked at to the one before it, or to `start`, and its segment.

    Only assessments after `start` (hours since the origin), unless it is 0.

    Returns
    -------
    gap, segment : (m,) float, (m,) int
    """
    before = np.concatenate([[0.0], seen.hour[:-1]]) if seen.hour.size else seen.hour
    before[seen.starts[:-1][np.diff(seen.starts) > 0]] = 0.0
    segment = np.repeat(np.arange(seen.last.size), np.diff(seen.starts))
    used = seen.looked_at & ((seen.hour > start) | (start == 0.0))
    return (seen.hour - np.maximum(before, start))[used], segment[used]


def without_clock(
    placed: pd.DataFrame, keep: np.ndarray, segment: np.ndarray, hour: np.ndarray, size: int, until: float
):
    """`keep` without the rows known only to the day, and how many up to `until` each segment loses."""
    whole_day = day_only(placed)
    lost = np.bincount(segment[keep & whole_day & (hour <= until)], minlength=size)
    return keep & ~whole_day, lost


def with_patients(cohort: Cohort, table: pd.DataFrame, codes: np.ndarray, dtype) -> pd.DataFrame:
    """`table` with the patient of each row before it and the patient's columns after it."""
    frame = table.reset_index(drop=True)
    frame.insert(0, "patient_id", pd.Categorical.from_codes(codes, dtype=dtype))
    taken = {*frame.columns, *CLOCK_COLUMNS}
    covariates = [column for column in cohort.patients.columns if column not in taken]
    return pd.concat([frame, cohort.patients[covariates].iloc[codes].reset_index(drop=True)], axis=1)


def tally(reasons: np.ndarray, what: str = "n_patients") -> pd.DataFrame:
    """Counts of the reasons that are not empty, largest first."""
    found, counts = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    order = np.lexsort((found, -counts))
    return pd.DataFrame({"reason": pd.array(found[order], dtype="str"), what: counts[order]})


def _at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """`values[place]`, with any value where the place is none."""
    return values[np.maximum(place, 0)] if values.size else np.zeros(place.size)
