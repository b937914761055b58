"""A clinic's numbers under the definitions of published studies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.any_frame import interval_survival
from ketaoutcomes.analysis.durability import durability
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.after_session import response_after_sessions
from ketaoutcomes.derive.clock import whole_days
from ketaoutcomes.derive.relapse import NEVER_AGAIN, TOO_FAR_APART, RelapseSet, relapse_rows
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.curve import CurveResult
from ketaoutcomes.results.durability import DurabilityResult
from ketaoutcomes.results.rates import RateResult

__all__ = ["NOBODY", "Clinic", "Number"]

# Nobody to count is no error here: the row says so.
NOTHING_TO_COUNT = ("no_episodes", "no_events")
NOBODY = "nobody here can be counted under this definition"
LONGEST_DAYS = 83.0
RESPONSE_WINDOW_HOURS = 31 * 24.0
RELAPSE_DAYS = (28.0, 56.0, 84.0, 112.0, 140.0, 168.0)
MOST_SESSIONS = 8
TWICE = "MADRS less than 50% below baseline twice in a row"


@dataclass(frozen=True)
class Number:
    """One number of the clinic.

    Attributes
    ----------
    estimate, estimate_high : float
        Equal unless the assessments determine it only between two bounds. A share, days or sessions.
    conf_low, conf_high : float
    n, n_events, n_unknown : int
        Patients, those with the event, and those of whom it is not known.
    method : str
        How the interval was made.
    is_plain : bool
        n_events / n, with the interval of a proportion.
    remark : str
        What differs in addition, in words.
    """

    estimate: float = np.nan
    estimate_high: float = np.nan
    conf_low: float = np.nan
    conf_high: float = np.nan
    n: int = 0
    n_events: int = 0
    n_unknown: int = 0
    method: str = ""
    is_plain: bool = False
    remark: str = ""


class Clinic:
    """A cohort under the definitions of the studies; each analysis is made once, when it is first needed.

    Parameters
    ----------
    cohort : Cohort
    level : float
    n_replicates, seed : int
        Of the bootstrap of patients.
    """

    def __init__(self, cohort: Cohort, *, level: float, n_replicates: int, seed: int):
        self.cohort = cohort
        self._how = {"level": level, "n_replicates": n_replicates, "seed": seed}
        self._level = level

    @cached_property
    def recorded(self) -> frozenset[str]:
        """Instruments with a score."""
        return frozenset(str(name) for name in self.cohort.scores["instrument"].unique())

    # ------------------------------------------------------------ response

    def sessions(self, instrument: str) -> pd.DataFrame:
        """Response after session 1, 2, … with Wilson limits, as `response_after_sessions`."""
        table = response_after_sessions(self.cohort, instrument, most=MOST_SESSIONS)
        low, high = wilson(table["n_events"], table["n"], level=self._level)
        share = np.divide(
            table["n_events"], table["n"], out=np.full(len(table), np.nan), where=table["n"] > 0
        )
        return table.assign(estimate=share, conf_low=low, conf_high=high)

    def after_session(self, instrument: str, session: int) -> Number:
        """Share responding after a session, of those scored after it."""
        row = self.sessions(instrument).iloc[session - 1]
        unseen = int(row["n_reached"] - row["n"])
        fewer = int(row["n_eligible"] - row["n_reached"])
        remark = f"here only patients scored within 7 days after session {session} count"
        if fewer:
            remark += f"; {fewer} who could be judged had not had session {session}"
        if unseen:
            remark += f"; {unseen} had session {session} and no score within 7 days"
        return self._proportion(row["n_events"], row["n"], unknown=fewer + unseen, remark=remark)

    @cached_property
    def madrs_by_session(self) -> CurveResult | None:
        """Sessions until the first response, MADRS."""
        return _or_none(lambda: time_to_response(self.cohort, "MADRS", unit="sessions", **self._how))

    def median_sessions(self) -> Number:
        """Sessions until half have responded."""
        found = self.madrs_by_session
        if found is None:
            return Number()
        row = found.medians.iloc[0]
        n, events = int(row["n_patients"]), int(row["n_events"])
        last = found.landmarks.iloc[-1]
        return Number(
            row["low"] + 1.0 if row["low"] < row["high"] else row["low"], row["high"], row["conf_low"],
            row["conf_high"], n, events, int(last["n_unknown"]), "bootstrap of patients",
            remark="here the median is of all patients, those who never respond included",
        )  # fmt: skip

    def in_window(self, instrument: str, window: str) -> Number:
        """Share responding in a window, of those scored in it."""
        found: RateResult = response_rates(self.cohort, instrument, at=window, level=self._level)
        rows = found.table.set_index("denominator")
        scored, starters = rows.loc["scored"], rows.loc["starters"]
        return self._proportion(scored["n_events"], scored["n"], unknown=int(starters["n_missing"]))

    def by_day(self, instrument: str, day: float) -> Number:
        """Share who have responded by a day, from the interval-censored curve."""
        found = _or_none(lambda: time_to_response(self.cohort, instrument, at=day, **self._how))
        if found is None or found.landmarks.empty:
            return Number()
        row = found.landmarks.iloc[0]
        return Number(
            row["estimate"], row["estimate_high"], row["conf_low"], row["conf_high"], int(row["n"]),
            int(row["n_responded"]), int(row["n_unknown"]), "bootstrap of patients",
            remark="here response is known only to lie between two assessments",
        )  # fmt: skip

    # ------------------------------------------------------------ durability

    @cached_property
    def phq9_held(self) -> DurabilityResult | None:
        """Share still responding after induction had no further session been given, PHQ-9."""
        return _or_none(
            lambda: durability(
                self.cohort, "PHQ-9", estimand="cause-specific", sessions="last_induction", clock="response",
                onset_hours=RESPONSE_WINDOW_HOURS, at=(28.0, 56.0), **self._how,
            )
        )  # fmt: skip

    @cached_property
    def madrs_held(self) -> DurabilityResult | None:
        """Share without relapse after the last induction session had no further one been given, MADRS."""
        found = _or_none(
            lambda: durability(
                self.cohort, "MADRS", estimand="cause-specific", sessions="last_induction", clock="session",
                loss="relapse_murrough", at=(LONGEST_DAYS,), horizon=LONGEST_DAYS, **self._how,
            )
        )  # fmt: skip
        return None if found is None else replace(found, rule=TWICE)

    def held_at(self, day: float) -> Number:
        """Share still responding at a day, PHQ-9."""
        found = self.phq9_held
        if found is None:
            return Number()
        own = found.cause_specific
        row = own[own["time"] == day]
        remark = "here a response carried into the last induction session counts from that session"
        if row.empty or not bool(row["identified"].iloc[0]):
            n = int(found.medians["n_patients"].iloc[0])
            remark += f"; after day {own.loc[own['identified'], 'time'].max():g} too few are watched to tell"
            return Number(n=n, n_unknown=n, remark=remark)
        row, mark = row.iloc[0], found.landmarks.set_index("time").loc[day]
        return Number(
            row["estimate"], row["estimate_high"], row["conf_low"], row["conf_high"], int(mark["n"]),
            int(mark["n_lost"]), int(mark["n"] - mark["n_lost"] - mark["n_still"]), "bootstrap of patients",
            remark=remark,
        )  # fmt: skip

    def days_until(self, share_lost: float) -> Number:
        """Days after the last induction session until a share of the responders has relapsed, MADRS."""
        found = self.madrs_held
        if found is None:
            return Number()
        own = found.cause_specific
        known = own[own["identified"]]

        def first(column: str) -> float:
            if known[column].isna().all():
                return np.nan
            below = known.loc[known[column] <= 1.0 - share_lost + 1e-9, "time"]
            return float(below.iloc[0]) if len(below) else np.inf

        counts = found.medians.iloc[0]
        n, events = int(counts["n_patients"]), int(counts["n_events"])
        return Number(
            first("estimate"), first("estimate_high"), first("conf_low"), first("conf_high"), n, events,
            n - events, "bootstrap of patients",
            remark="here a further session ends observation, and patients came back as they were booked",
        )  # fmt: skip

    # ------------------------------------------------------------ relapse

    @cached_property
    def remitters(self) -> RelapseSet:
        """MADRS remitters at the end of induction."""
        return self._relapse("remission_madrs_le12", None)

    @cached_property
    def responders(self) -> RelapseSet:
        """MADRS responders at the end of induction who are no remitters."""
        return self._relapse("response", "remission_madrs_le12")

    def _relapse(self, state: str, but_not: str | None) -> RelapseSet:
        return relapse_rows(self.cohort, "MADRS", state=state, but_not=but_not, loss="relapse_sustain1")

    def relapsed(self, found: RelapseSet, who: str) -> Number:
        """Share who relapsed by the end of their follow-up, whatever sessions followed."""
        unseen = found.dropped.set_index("reason")["n_patients"]
        apart, never = int(unseen.get(TOO_FAR_APART, 0)), int(unseen.get(NEVER_AGAIN, 0))
        parts = []
        if apart:
            parts.append(f"{apart} {who} here were never scored twice 5 to 15 days apart and are left out")
        if never:
            parts.append(f"{never} {who} here have no later score and are left out")
        if len(found.frame):
            days = np.median(_followed(found.frame) / 24.0)
            parts.append(f"follow-up of {who} here: median {days:.0f} days to relapse or the last score")
        n = len(found.frame)
        events = int(np.isfinite(found.frame["right"]).sum())
        return self._proportion(events, n, unknown=apart + never, remark="; ".join(parts))

    def relapse_curve(self, found: RelapseSet, who: str) -> Result | None:
        """Share without relapse against days since the state was seen; None for nobody."""
        if found.frame.empty:
            return None
        left, right = whole_days(found.frame["left"]), found.frame["right"].to_numpy(float)
        seen = np.isfinite(right)
        right = np.where(seen, np.maximum(whole_days(np.where(seen, right, 0.0)), 1.0), np.inf)
        rows = pd.DataFrame({"left": np.minimum(left, right), "right": right})
        if not ((rows["left"] > 0) | seen).any():
            return None
        end = max(rows["left"].max(), right[seen].max(initial=0.0))
        at = tuple(day for day in RELAPSE_DAYS if day <= end) or (end,)
        curve = interval_survival(rows, left="left", right="right", at=at, **self._how)
        return replace(curve, title=f"Share without relapse while treatment goes on, {who} (days)")

    def _proportion(self, n_events, n, *, unknown: int, remark: str = "") -> Number:
        n_events, n = int(n_events), int(n)
        if not n:
            return Number(n_unknown=unknown, remark=remark)
        low, high = wilson(n_events, n, level=self._level)
        share = n_events / n
        return Number(share, share, float(low), float(high), n, n_events, unknown, "Wilson", True, remark)


def _followed(frame: pd.DataFrame) -> np.ndarray:
    """Hours until relapse was seen, or until the last score that was none."""
    return np.where(np.isfinite(frame["right"]), frame["right"], frame["left"])


def _or_none(make: Callable[[], Result]) -> Result | None:
    """The result, or None where there is nobody to count."""
    try:
        return make()
    except DataError as error:
        if all(problem.rule in NOTHING_TO_COUNT for problem in error.problems):
            return None
        raise
