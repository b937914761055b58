"""How long each patient was followed, and whether a planned window had closed by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes

__all__ = ["FollowUp", "follow_up"]

# Words of `disposition.status` for patients who are still with the clinic.
_ONGOING = ("ongoing", "active", "in treatment", "continuing", "in follow-up")


@dataclass(frozen=True)
class FollowUp:
    """Per patient, in the order of `cohort.patients`; hours since session 1.

    Attributes
    ----------
    last_hour : (n,) float array
        Last hour at which anything was recorded; missing if nothing was.
    ongoing : (n,) bool array
        The last disposition says that the patient is still with the clinic.
    left : (n,) bool array
        The last disposition says otherwise: completed, stopped, lost.
    cut_low, cut_high : (n,) float array
        Between which hours the data cut fell for this patient; missing when the
        cohort has no data cut. They are equal where `patients` has the hours to
        the data cut, and else a range, from the months of the records.
    cut_known : bool
    """

    last_hour: np.ndarray
    ongoing: np.ndarray
    left: np.ndarray
    cut_low: np.ndarray
    cut_high: np.ndarray
    cut_known: bool

    def still_open(self, closes: np.ndarray) -> np.ndarray:
        """Marks patients for whom a window that closes at hour `closes` had not surely closed; bool.

        With a data cut the calendar decides, and neither what was recorded nor
        whether the patient left: whoever stopped coming is due once the window
        would have closed. Without one a window is open past the date at which
        the clinic still called the patient its own, and else counts as closed: a
        patient who left must not pass for one who is not yet due.
        """
        with np.errstate(invalid="ignore"):
            # Anything recorded after the window's end shows that it had closed.
            recorded_later = self.last_hour >= closes
            open_at_cut = self.cut_low < closes
        beyond = np.where(np.isfinite(self.cut_low), open_at_cut, self.ongoing)
        return beyond & ~recorded_later & np.isfinite(closes)


def follow_up(cohort: Cohort) -> FollowUp:
    """When records of each patient end, and when the data cut fell for them."""
    n_patients = len(cohort.patients)
    last = np.full(n_patients, -np.inf)
    for table in (cohort.sessions, cohort.scores, cohort.disposition):
        if len(table):
            hour = table["hour"].to_numpy(float)
            known = np.isfinite(hour)
            np.maximum.at(last, patient_codes(table)[known], hour[known])
    last[np.isneginf(last)] = np.nan
    cut_low, cut_high = _cut(cohort, n_patients)
    if "hours_to_data_cut" in cohort.patients.columns:
        exact = cohort.patients["hours_to_data_cut"].to_numpy(float, na_value=np.nan)
        known = np.isfinite(exact)
        cut_low, cut_high = np.where(known, exact, cut_low), np.where(known, exact, cut_high)
    ongoing, left = _status(cohort, n_patients)
    return FollowUp(last, ongoing, left, cut_low, cut_high, bool(np.isfinite(cut_low).any()))


def _status(cohort: Cohort, n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Who the disposition says is still with the clinic, and who it says is not."""
    table = cohort.disposition
    ongoing, left = np.zeros(n_patients, dtype=bool), np.zeros(n_patients, dtype=bool)
    if len(table) and "status" in table.columns:
        words = table["status"].astype("str").str.strip().str.lower()
        known = table["status"].notna().to_numpy()
        here = words.isin(_ONGOING).to_numpy()
        codes = patient_codes(table)
        ongoing[codes[known & here]] = True
        left[codes[known & ~here]] = True
    return ongoing, left


def _cut(cohort: Cohort, n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Range of the data cut in each patient's hours, from the months of the records."""
    missing = np.full(n_patients, np.nan)
    if not cohort.settings.data_cut:
        return missing, missing
    start_low, start_high = np.full(n_patients, -np.inf), np.full(n_patients, np.inf)
    for table in (cohort.sessions, cohort.scores):
        if not len(table) or "month" not in table.columns:
            continue
        known = table["month"].notna().to_numpy()
        code = patient_codes(table)[known]
        hour = table["hour"].to_numpy(float)[known]
        month = np.array(table["month"].to_numpy()[known], dtype="datetime64[M]")
        opens = month.astype("datetime64[h]").astype(np.int64).astype(float)
        closes = (month + 1).astype("datetime64[h]").astype(np.int64).astype(float)
        # Each record says in which month the patient's clock could have started.
        np.maximum.at(start_low, code, opens - hour)
        np.minimum.at(start_high, code, closes - hour)
    cut = (pd.Timestamp(cohort.settings.data_cut) + pd.Timedelta(days=1)).to_numpy()
    cut = float(cut.astype("datetime64[h]").astype(np.int64))
    low, high = cut - start_high, cut - start_low
    none = ~np.isfinite(start_low) | ~np.isfinite(start_high)
    low[none], high[none] = np.nan, np.nan
    return low, high
