"""What is asked of a time-to-response analysis: its arguments, checked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ketaoutcomes.catalog.definitions import outcomes_for
from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import (
    check_choice,
    check_cohort,
    check_count,
    check_horizon,
    check_level,
    is_number,
    planned_times,
)
from ketaoutcomes.derive.event_rows import KINDS
from ketaoutcomes.derive.event_setup import ORIGINS
from ketaoutcomes.derive.scores import HOURS_PER_DAY
from ketaoutcomes.engine.bootstrap import RESAMPLES
from ketaoutcomes.engine.logrank_scores import SCORES
from ketaoutcomes.errors import DataError

__all__ = ["STOP_STATES", "Ask", "checked"]

LANDMARKS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "hours": (1.0, 2.0, 4.0, 24.0, 72.0),
        "days": (7.0, 14.0, 21.0, 28.0, 42.0),
        "sessions": tuple(float(number) for number in range(1, 9)),
    }
)
STOP_STATES = ("nonresponse", "response")
_LONGEST_RECALL_FOR_HOURS = 1.0


@dataclass(frozen=True)
class Ask:
    """The arguments of `time_to_response`, checked, with the instrument and the planned times.

    Attributes
    ----------
    instrument : Instrument
    marks : (k,) float array
        Planned times, in `unit`.
    """

    instrument: Instrument
    marks: np.ndarray
    by: str | None
    kind: str
    origin: str
    unit: str
    definition: str | None
    competing: str | None
    stop_state: str
    landmark: float | None
    window_days: float
    apart_hours: float
    resample: str
    test: str | None
    level: float
    n_replicates: int
    seed: int
    horizon: float | None
    at: Any

    @property
    def hours(self) -> float:
        """Hours in a unit of time; 1 where sessions are counted."""
        return HOURS_PER_DAY if self.unit == "days" else 1.0

    @property
    def clock(self) -> str:
        """The clock on which events are coded."""
        return "sessions" if self.unit == "sessions" else "hours"

    @property
    def landmark_hours(self) -> float | None:
        """The landmark in hours since session 1."""
        return None if self.landmark is None else self.landmark * self.hours

    @property
    def horizon_hours(self) -> float | None:
        """The horizon on the clock of the events."""
        return None if self.horizon is None else self.horizon * self.hours


def checked(cohort: Cohort, instrument: str, **arguments: Any) -> Ask:
    """The arguments of `time_to_response`, checked.

    Raises
    ------
    DataError
        If one cannot be used, or two of them do not go together.
    """
    check_cohort(cohort)
    check_level(arguments["level"])
    check_count("n_replicates", arguments["n_replicates"], meaning=", which is for no band")
    check_count("seed", arguments["seed"])
    check_horizon(arguments["horizon"])
    unit, at = arguments["unit"], arguments["at"]
    check_choice("unit", unit, tuple(LANDMARKS))
    check_choice("kind", arguments["kind"], KINDS)
    check_choice("origin", arguments["origin"], ORIGINS)
    check_choice("stop_state", arguments["stop_state"], STOP_STATES)
    check_choice("resample", arguments["resample"], RESAMPLES)
    if arguments["test"] is not None:
        check_choice("test", arguments["test"], SCORES)
    if arguments["competing"] is not None:
        check_choice("competing", arguments["competing"], ("stop",))
        if arguments["resample"] != "patients":
            raise DataError('with a competing event the band is made with resample="patients" alone')
    marks = planned_times("at", LANDMARKS[unit] if at is None else at, unit=unit)
    if unit == "sessions" and ((marks != np.round(marks)) | (marks < 1)).any():
        raise DataError("at takes numbers of sessions, whole and at least 1: at=3, or at=(1, 3, 6)")
    landmark = arguments["landmark"]
    if landmark is not None and not (is_number(landmark) and 0 < landmark < np.inf):
        raise DataError(f"the landmark must be one number above 0, {unit} since session 1")
    known = find_instrument(instrument)
    _check_unit(unit, known, cohort)
    return Ask(known, marks, **arguments)


def _check_unit(unit: str, instrument: Instrument, cohort: Cohort) -> None:
    """Refuse hours from an instrument whose question looks back further than a day."""
    if unit != "hours" or instrument.recall_days <= _LONGEST_RECALL_FOR_HOURS:
        return
    recorded = {str(name) for name in cohort.scores["instrument"].unique()}
    short = [
        name
        for name in sorted(recorded)
        if INSTRUMENTS[name].recall_days <= _LONGEST_RECALL_FOR_HOURS and outcomes_for(name, "response")
    ]
    recorded_here = f" (this cohort has {', '.join(short)})" if short else ""
    raise DataError(
        f"{instrument.name} asks about the past {instrument.recall_days:g} days, so a change within hours "
        'cannot be seen with it; use unit="days", or an instrument with a recall of hours such as '
        f"Mood-NRS{recorded_here}"
    )
