"""SDTM vital signs (VS) to readings of the exposure on whose day, or within which, they were taken."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.readers.sdtm_dates import Moments, minutes_of, read_moments
from ketaoutcomes.readers.sdtm_exposure import Exposures, unit_word
from ketaoutcomes.readers.sdtm_files import Domain, by_level

__all__ = ["VS_TARGETS", "Readings", "place_readings", "weights"]

VS_TARGETS = {
    "USUBJID": "vitals.patient_id",
    "VSTESTCD": "vitals.sbp",
    "VSSTRESN": "vitals.sbp",
    "VSSTRESC": "vitals.sbp",
    "VSSTRESU": "vitals.sbp",
    "VSDTC": "vitals.session",
    "VSELTM": "vitals.minute",
    "VSTPTREF": "vitals.minute",
    "VSPOS": "vitals.position",
    "VSTPTNUM": "vitals.time_point",
    "VISITNUM": "vitals.visit_number",
}
# Test: column of the cohort, and the units in which it may be given (without case and blanks).
PER_MINUTE = ("beats/min", "bpm", "/min", "1/min", "perminute", "beatsperminute")
TESTS = {
    "SYSBP": ("sbp", ("mmhg", "mm[hg]")),
    "DIABP": ("dbp", ("mmhg", "mm[hg]")),
    "HR": ("heart_rate", PER_MINUTE),
    "PULSE": ("heart_rate", PER_MINUTE),
    "OXYSAT": ("spo2", ("%", "percent")),
    "RESP": ("respiratory_rate", ("breaths/min", "brpm", "/min", "1/min", "perminute", "breathsperminute")),
}
KILOGRAMS = {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "lbs": 0.45359237}
# What makes rows one reading, beside the subject.
SAME_TIME = ("VSDTC", "VISITNUM", "VSTPTNUM", "VSTPT", "VSELTM", "VSTPTREF", "VSPOS", "VSREPNUM")
DOSING = re.compile(
    r"\b(?:dos(?:e|es|ing)|infusion|injection|administration|treatment|exposure|session|study drug)\b"
)
ITS_END = re.compile(r"\b(?:end|stop|completion|finish|last)\b")
MINUTES_PER_HOUR, MINUTES_PER_DAY = 60.0, 1440.0


@dataclass(frozen=True)
class Readings:
    """Readings, the rows of the domain that each was made of, and the rows that were set aside.

    Parameters
    ----------
    frame : DataFrame
    parts : pair of int arrays
        Row of `frame`, and row of the domain.
    aside : dict of str to int array
        Rows by rule.
    n_without_reference : int
        Rows with an elapsed time that is not said to count from a dose.
    """

    frame: pd.DataFrame
    parts: tuple[np.ndarray, np.ndarray]
    aside: dict[str, np.ndarray]
    n_without_reference: int


def place_readings(domain: Domain, usable: np.ndarray, found: Exposures, settings: Settings) -> Readings:
    """Return the readings of a domain of vital signs.

    Parameters
    ----------
    usable : (n,) bool array
        Rows of treated subjects with a result; tests that are no vital sign of the cohort are passed over.
    """
    test = domain.cells("VSTESTCD").str.upper()
    usable = usable & test.isin(list(TESTS)).to_numpy(bool)
    wrong = usable & ~_unit_fits(domain, test)
    moment = read_moments(domain.cells("VSDTC"), settings)
    aside = {
        "vital_unit": np.flatnonzero(wrong),
        "no_start_date": np.flatnonzero(usable & moment.missing),
        "not_a_time": np.flatnonzero(usable & moment.unreadable),
        "partial_date": np.flatnonzero(usable & moment.partial),
    }
    rows = np.flatnonzero(usable & ~wrong & moment.whole)
    elapsed, referred = _elapsed(domain)
    session, why = _session(found, domain.cells("USUBJID"), rows, moment, elapsed)
    for rule in ("before_first_session", "no_session_then", "session_uncertain"):
        aside[rule] = rows[why == rule]
    good = session >= 0
    rows, session = rows[good], session[good]
    frame, made = _frame(domain, test, rows, session, found, moment, np.where(referred, elapsed, np.nan))
    n_loose = int((~np.isnan(elapsed[rows]) & ~referred[rows]).sum())
    return Readings(frame, (made, rows), aside, n_loose)


def weights(domain: Domain, found: Exposures, settings: Settings) -> tuple[np.ndarray, int]:
    """Return the weight in kg of each exposure that was measured on its day, and how many rows tell a weight.

    A weight counts only for the one exposure of its day, and only if it is the only one of that day.
    """
    weight = np.full(found.position.size, np.nan)
    is_weight = (domain.cells("VSTESTCD").str.upper() == "WEIGHT").to_numpy(bool)
    if not is_weight.any():
        return weight, 0
    factor = by_level(domain.cells("VSSTRESU"), lambda cell: KILOGRAMS.get(unit_word(cell), np.nan))
    value = domain.number("VSSTRESN") * factor.to_numpy(float)
    moment = read_moments(domain.cells("VSDTC"), settings)
    rows = np.flatnonzero(is_weight & ~np.isnan(value) & moment.whole)
    row, exposure = found.pairs(domain.cells("USUBJID"), rows)
    day = (found.first_day[exposure] == moment.first_day[row]) & (
        found.last_day[exposure] == moment.first_day[row]
    )
    row, exposure = row[day], exposure[day]
    several = pd.Series(value[row]).groupby(exposure).transform("nunique").to_numpy() > 1
    several |= pd.Series(exposure).groupby(row).transform("size").to_numpy() > 1
    weight[exposure[~several]] = np.round(value[row[~several]], 4)
    return weight, int(is_weight.sum())


def _unit_fits(domain: Domain, test: pd.Series) -> np.ndarray:
    """Mark the rows whose unit is one in which the test may be given; all, where no unit is told anywhere."""
    if not domain.has("VSSTRESU"):
        return np.ones(len(test), dtype=bool)
    unit = by_level(domain.cells("VSSTRESU"), unit_word)
    fits = np.zeros(len(test), dtype=bool)
    for name, (_, units) in TESTS.items():
        fits |= (test == name).to_numpy(bool) & unit.isin(units).to_numpy(bool)
    return fits


def _elapsed(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Return planned minutes since the reference point, and whether that is said to be a dose's start."""
    reference = domain.cells("VSTPTREF")
    reference = reference.where(reference != "", domain.cells("VSTPT")).str.lower()
    codes, levels = pd.factorize(reference)
    plain = [bool(DOSING.search(str(one))) and not ITS_END.search(str(one)) for one in levels]
    return minutes_of(domain.cells("VSELTM")), np.array([*plain, False], dtype=bool)[codes]


def _session(
    found: Exposures, subjects: pd.Series, rows: np.ndarray, moment: Moments, elapsed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each reading's exposure (-1 for none), and by which rule it has none."""
    place = np.full(subjects.size, -1, dtype=np.int64)
    place[rows] = np.arange(rows.size)
    row, exposure = found.pairs(subjects, rows)
    day = moment.first_day[row]
    first, known = found.first_day[exposure], found.first_day[exposure] == found.last_day[exposure]
    opens = known & (first == day)
    around = known & (first < day) & (day <= found.end_day[exposure])
    vague = ~known & (first <= day) & (day <= np.maximum(found.last_day[exposure], found.end_day[exposure]))
    earlier = known & (first < day)

    def mark(pairs: np.ndarray) -> np.ndarray:
        return np.bincount(place[row[pairs]], minlength=rows.size) > 0

    last = np.full(rows.size, -1, dtype=np.int64)
    np.maximum.at(last, place[row[around]], exposure[around])
    own = np.full(rows.size, -1, dtype=np.int64)
    np.maximum.at(own, place[row[opens]], exposure[opens])
    session = np.where(own >= 0, own, last)
    several = np.flatnonzero((own >= 0) & found.shares_day[own])
    session[several] = _of_several(found, rows[several], own[several], moment, elapsed)
    why = np.full(rows.size, "", dtype=object)
    why[session < 0] = "no_session_then"
    why[(session < 0) & ~mark(earlier)] = "before_first_session"
    unsure = (own < 0) & mark(vague)
    unsure |= (session < 0) & (own >= 0)
    unsure |= (session >= 0) & np.isnan(found.number[session])
    why[unsure], session[unsure] = "session_uncertain", -1
    return session, why


def _of_several(found: Exposures, rows, own, moment: Moments, elapsed: np.ndarray) -> np.ndarray:
    """Return which of the exposures of one day each reading belongs to; -1 if clock times do not tell.

    It is the one nearest to the dose from which the planned time counts, else the last
    begun by then, else the first of the day.
    """
    out = np.full(rows.size, -1, dtype=np.int64)
    for number, (row, exposure) in enumerate(zip(rows.tolist(), own.tolist(), strict=True)):
        subject = np.searchsorted(found.starts, exposure, side="right") - 1
        choice = np.arange(found.starts[subject], exposure + 1)
        choice = choice[found.first_day[choice] == found.first_day[exposure]]
        hour = found.hour[choice]
        if np.isnan(hour).any() or np.isnan(moment.hour[row]):
            continue
        if not np.isnan(elapsed[row]):
            out[number] = choice[
                np.argmin(np.abs(hour - (moment.hour[row] - elapsed[row] / MINUTES_PER_HOUR)))
            ]
            continue
        begun = choice[hour <= moment.hour[row]]
        out[number] = begun[-1] if begun.size else choice[0]
    return out


def _frame(
    domain, test, rows, session, found: Exposures, moment: Moments, elapsed
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of the cohort's vitals, and to which of them each row of the domain went."""
    column = by_level(test.iloc[rows], lambda one: TESTS[one][0])
    keys = [domain.cells("USUBJID").iloc[rows], *(domain.cells(name).iloc[rows] for name in SAME_TIME)]
    together = pd.concat([key.reset_index(drop=True) for key in keys], axis=1, ignore_index=True)
    together["column"] = column.to_numpy(dtype=object)
    # The same test twice at one time makes two readings.
    together["again"] = together.groupby(list(together.columns), sort=False).cumcount()
    made = (
        together.groupby([name for name in together.columns if name != "column"], sort=False)
        .ngroup()
        .to_numpy()
    )
    n = int(made.max()) + 1 if made.size else 0
    first = np.full(n, -1, dtype=np.int64)
    first[made[::-1]] = np.arange(made.size)[::-1]
    lead, one = rows[first], session[first]
    minute = _minutes(found, one, lead, moment, elapsed)
    out = {
        "patient_id": domain.cells("USUBJID").iloc[lead].to_numpy(dtype=object),
        "session": np.array([f"{number:.0f}" for number in found.number[one]], dtype=object),
        "minute": np.array([None if np.isnan(value) else f"{value:.6g}" for value in minute], dtype=object),
    }
    value = _values(domain).iloc[rows].to_numpy(dtype=object)
    for name in dict.fromkeys(name for name, _ in TESTS.values()):
        cells = np.full(n, None, dtype=object)
        of_test = (column == name).to_numpy(bool)
        cells[made[of_test]] = value[of_test]
        if of_test.any():
            out[name] = cells
    for name, given in (("position", "VSPOS"), ("time_point", "VSTPTNUM"), ("visit_number", "VISITNUM")):
        if domain.has(given):
            out[name] = domain.cells(given).iloc[lead].to_numpy(dtype=object)
    # Readings of a long record of dosing share its session; this tells them apart.
    days = moment.first_day[lead] - found.first_day[one]
    out["days_since_session"] = np.array([f"{value:.0f}" for value in days], dtype=object)
    return pd.DataFrame(out).astype("str"), made


def _values(domain: Domain) -> pd.Series:
    number = domain.cells("VSSTRESN")
    return number.where(number != "", domain.cells("VSSTRESC"))


def _minutes(found: Exposures, session, rows, moment: Moments, elapsed) -> np.ndarray:
    """Return minutes since the session's start: by both clock times, else as planned on its own day."""
    minute = (moment.hour[rows] - found.hour[session]) * MINUTES_PER_HOUR
    minute[~(np.abs(minute) <= MINUTES_PER_DAY)] = np.nan
    planned = np.where(moment.first_day[rows] == found.first_day[session], elapsed[rows], np.nan)
    planned[~(np.abs(planned) <= MINUTES_PER_DAY)] = np.nan
    return np.where(np.isnan(minute), planned, minute)
