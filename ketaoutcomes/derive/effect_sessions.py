"""One row per recorded session and way of asking: whether the effect was found, and what it may go with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.effect_sessions_by_number import outcomes_of_severity
from ketaoutcomes.derive.side_effects import SEVERITIES, Recorded

__all__ = ["DOSE_SPLITS", "EffectSessions", "dose_parts", "effect_sessions"]

Array = NDArray[np.float64]

DOSE_SPLITS = ("first", "mean")


@dataclass(frozen=True)
class EffectSessions:
    """Records of side effects, of one way of asking or of all.

    Attributes
    ----------
    found : Recorded
        All records of the cohort.
    record : (n,) int array
        Which of them are looked at.
    session_row, patient, way : (n,) int arrays
        Row of `cohort.sessions`, row of `cohort.patients`, place in `found.ways`.
    number : (n,) int array
        Session number of the patient.
    least_severity : int
        Rank from which on an effect counts; 0 for all.
    """

    found: Recorded
    record: NDArray[np.int64]
    session_row: NDArray[np.int64]
    patient: NDArray[np.int64]
    way: NDArray[np.int64]
    number: NDArray[np.int64]
    least_severity: int

    def outcomes(self, columns: NDArray[np.int64]) -> Array:
        """Whether each effect was found in each record, 1 or 0; (n, k).

        Missing where an effect without a stated severity is all that could reach `least_severity`; each
        effect is at least mild.

        Parameters
        ----------
        columns : (k,) int array
            0 is any side effect, 1 the first of `found.effects`, and so on.
        """
        surely, perhaps = outcomes_of_severity(self.found, columns, self.least_severity)
        return np.where(perhaps, np.nan, surely)[self.record]


def effect_sessions(
    cohort: Cohort,
    found: Recorded,
    *,
    ascertainment: str | None = None,
    severity: str | None = None,
    route: str | None = None,
) -> EffectSessions:
    """Records of one way of asking, or of all, in the order of patients and sessions.

    Parameters
    ----------
    cohort : Cohort
    found : Recorded
        From `recorded_side_effects`.
    ascertainment : str, optional
        One of `found.ways`; where there is no such record none is left.
    severity : {"mild", "moderate", "severe"}, optional
        Only effects of at least this severity count.
    route : str, optional
        Only sessions by this route, spelled as in the data.
    """
    is_in = np.ones(found.way.size, dtype=bool)
    if route is not None:
        by_route = (cohort.sessions["route"].astype(object) == route).to_numpy(dtype=bool)
        is_in &= by_route[found.session_row]
    if ascertainment is not None:
        named = [place for place, way in enumerate(found.ways) if way == ascertainment]
        is_in &= np.isin(found.way, named)
    record = np.flatnonzero(is_in)
    session_row = found.session_row[record]
    return EffectSessions(
        found=found,
        record=record,
        session_row=session_row,
        patient=patient_codes(cohort.sessions)[session_row],
        way=found.way[record],
        number=cohort.sessions["session"].to_numpy(dtype=np.int64)[session_row],
        least_severity=0 if severity is None else SEVERITIES.index(severity) + 1,
    )


def dose_parts(
    patient: NDArray[np.int64],
    route: NDArray[np.int64],
    number: NDArray[np.int64],
    dose: Array,
    rows: NDArray[np.int64],
    *,
    split: str,
) -> tuple[Array, Array]:
    """Dose of each session as the patient's own level and the difference from it, in mg/kg; (n,) each.

    Milligrams per kilogram do not mean the same by each route, so both are taken within a route: the
    patient's level is that of his sessions by this route, less the mean level of the route's sessions in
    `rows`.

    Parameters
    ----------
    patient, route, number : (s,) int arrays
        Of all sessions of the cohort; -1 for a missing route, which is a route of its own.
    dose : (s,) float
        mg/kg, missing where not known.
    rows : (n,) int array
        Sessions that are looked at.
    split : {"first", "mean"}
        The patient's level is the dose at the first session with a dose (recorded or not), or the mean
        dose of the sessions in `rows`.

    Returns
    -------
    between, within : (n,) float
        Missing where the dose is.
    """
    n_routes = int(route.max(initial=-1)) + 2
    own = patient * n_routes + route + 1
    level = np.full(int(own.max(initial=-1)) + 1, np.nan)
    if split == "first":
        known = np.flatnonzero(np.isfinite(dose))
        order = known[np.lexsort((-number[known], own[known]))]
        # Later assignments win: the lowest number comes last.
        level[own[order]] = dose[order]
    else:
        used = rows[np.isfinite(dose[rows])]
        size = np.bincount(own[used], minlength=level.size)
        with np.errstate(invalid="ignore"):
            level = np.bincount(own[used], dose[used], minlength=level.size) / size
    mine = level[own[rows]]
    known = np.isfinite(dose[rows])
    by_route = route[rows[known]] + 1
    size = np.maximum(np.bincount(by_route, minlength=n_routes), 1)
    centre = np.bincount(by_route, mine[known], minlength=n_routes) / size
    between = np.where(known, mine - centre[route[rows] + 1], np.nan)
    return between, dose[rows] - mine
