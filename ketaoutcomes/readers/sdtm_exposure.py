"""SDTM exposures (EX) to sessions, and which exposure a moment belongs to.

An exposure of those that `sdtm_treatments` chooses is a session, and a record of
repeated dosing that spans days is one session at its start. On the day of an exposure,
where the clock time of either is not known, what happens counts as happening after it
has begun.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.sdtm_dates import Moments, read_moments
from ketaoutcomes.readers.sdtm_files import Domain, by_level
from ketaoutcomes.readers.sdtm_treatments import ROUTES

__all__ = ["EX_TARGETS", "Exposures", "exposures", "tell_exposures", "unit_word"]

EX_TARGETS = {
    "USUBJID": "sessions.patient_id",
    "EXTRT": "sessions.treatment",
    "EXDOSE": "sessions.dose_mg",
    "EXDOSU": "sessions.dose_mg",
    "EXROUTE": "sessions.route",
    "EXSTDTC": "sessions.start",
    "EXENDTC": "sessions.duration_minutes",
}
# Units of EXDOSU without case and blanks: the column, and what to multiply by.
UNITS = {
    "mg": ("dose_mg", 1.0),
    "g": ("dose_mg", 1000.0),
    "ug": ("dose_mg", 0.001),
    "mcg": ("dose_mg", 0.001),
    "μg": ("dose_mg", 0.001),
    "mg/kg": ("dose_mg_per_kg", 1.0),
    "ug/kg": ("dose_mg_per_kg", 0.001),
    "mcg/kg": ("dose_mg_per_kg", 0.001),
    "μg/kg": ("dose_mg_per_kg", 0.001),
}
MINUTES_PER_HOUR, MINUTES_PER_DAY = 60.0, 1440.0


@dataclass(frozen=True)
class Exposures:
    """Everybody's exposures by subject and time; (n,) arrays.

    Parameters
    ----------
    ids : Index of str
        Subjects with an exposure.
    starts : (n_ids + 1,) int array
        Where each subject's exposures begin.
    position : (n,) int array
        Rows of the domain.
    hour : float
        Start in hours since 1970 (UTC), missing if not known to the clock time.
    first_day, last_day : float
        Local days since 1970 between which it began; infinite if it is not known.
    end_day : float
        Last day of it, its first where the end is not told.
    minutes : float
        How long it was, where that is known.
    number : float
        Number of the session; missing where another exposure may have begun before or after.
    shares_day : bool
        Another exposure of the subject began on that day, at another or an unknown time.
    """

    ids: pd.Index
    starts: np.ndarray
    position: np.ndarray
    hour: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    end_day: np.ndarray
    minutes: np.ndarray
    number: np.ndarray
    shares_day: np.ndarray

    def treated(self, subjects: pd.Series) -> np.ndarray:
        """Mark the rows of subjects with an exposure; bool."""
        return self.ids.get_indexer(subjects) >= 0

    def pairs(self, subjects: pd.Series, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return every row with each of its subject's exposures, in their order: (row, exposure)."""
        code = self.ids.get_indexer(subjects.iloc[rows])
        rows, code = rows[code >= 0], code[code >= 0]
        n = self.starts[code + 1] - self.starts[code]
        row = np.repeat(rows, n)
        before = np.repeat(np.cumsum(n) - n, n)
        return row, np.arange(row.size) - before + np.repeat(self.starts[code], n)


def exposures(domain: Domain, usable: np.ndarray, settings: Settings) -> tuple[Exposures, pd.DataFrame]:
    """Return the exposures, and the sessions made of them in the same order.

    Parameters
    ----------
    usable : (n,) bool array
        Rows of the domain that tell an exposure.
    """
    position = np.flatnonzero(usable)
    frame = domain.frame.iloc[position].reset_index(drop=True)
    start = read_moments(frame["EXSTDTC"], settings)
    ending = domain.cells("EXENDTC").iloc[position].reset_index(drop=True)
    end = read_moments(ending, settings)
    code, ids = pd.factorize(frame["USUBJID"], sort=True)
    first, last = np.nan_to_num(start.first_day, nan=-np.inf), np.nan_to_num(start.last_day, nan=np.inf)
    order = np.lexsort((*_ties(domain, frame, position), _clock_order(start), last, first, code))
    code, first, last, hour = code[order], first[order], last[order], start.hour[order]
    end_day = np.where(np.isnan(end.first_day), start.first_day, end.first_day)[order]
    minutes = _minutes(start, end)[order]
    number = _numbers(code, first, last, frame.iloc[order].duplicated().to_numpy(bool))
    found = Exposures(
        pd.Index(ids, dtype="str"),
        np.searchsorted(code, np.arange(len(ids) + 1)),
        position[order],
        hour,
        first,
        last,
        np.maximum(np.nan_to_num(end_day, nan=-np.inf), first),
        minutes,
        number,
        _shares_day(code, first, last, hour),
    )
    sessions = _sessions(frame.iloc[order].reset_index(drop=True), start.text.iloc[order], minutes, number)
    return found, sessions


def _minutes(start: Moments, end: Moments) -> np.ndarray:
    """Return minutes from start to end where both are known to the clock time, and within a day."""
    minutes = (end.hour - start.hour) * MINUTES_PER_HOUR
    with np.errstate(invalid="ignore"):
        return np.where((minutes > 0) & (minutes <= MINUTES_PER_DAY), minutes, np.nan)


def _ties(domain: Domain, frame: pd.DataFrame, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what orders exposures of one time: their sequence, then what is in them, so that copies meet."""
    content = frame.groupby(list(frame.columns), sort=False).ngroup().to_numpy()
    return content, np.nan_to_num(domain.number("EXSEQ")[position], nan=np.inf)


def _clock_order(start: Moments) -> np.ndarray:
    """Rank starts of one day: the cohort takes one that is known only to the day to be at noon."""
    clock = start.text.str.slice(10)
    return pd.factorize(clock.where(clock != "", "T12:00"), sort=True)[0]


def _numbers(code, first, last, copy: np.ndarray) -> np.ndarray:
    """Number each subject's exposures; missing where one of an unknown day may lie on either side.

    Copies share a number, so that the cohort knows them as such.
    """
    opens = np.diff(code, prepend=-1) != 0
    place = np.cumsum(~copy)
    number = (place - np.maximum.accumulate(np.where(opens, place - 1, 0))).astype(float)
    starts = np.append(np.flatnonzero(opens), code.size)
    for row in np.flatnonzero(first != last):
        subject = np.searchsorted(starts, row, side="right")
        own = np.arange(starts[subject - 1], starts[subject])
        touching = own[(own != row) & (first[own] <= last[row]) & (last[own] >= first[row])]
        if touching.size:
            number[touching] = number[row] = np.nan
    return number


def _shares_day(code, first, last, hour) -> np.ndarray:
    """Mark exposures that began on one day with another of the subject, unless at the same instant; bool."""
    group = pd.DataFrame({"code": code, "day": first, "hour": hour}).groupby(["code", "day"], sort=False)[
        "hour"
    ]
    n, n_clocked, n_hours = (group.transform(name).to_numpy() for name in ("size", "count", "nunique"))
    return (first == last) & (n > 1) & ~((n_clocked == n) & (n_hours == 1))


def _sessions(frame: pd.DataFrame, start: pd.Series, minutes: np.ndarray, number: np.ndarray) -> pd.DataFrame:
    """Return the rows of the cohort's sessions."""
    out = {"patient_id": frame["USUBJID"], "session": _text(number), "start": start.to_numpy(dtype=object)}
    route = (
        frame["EXROUTE"]
        if "EXROUTE" in frame.columns
        else pd.Series(pd.array([""] * len(frame), dtype="str"))
    )
    out["route"] = by_level(route, lambda cell: ROUTES.get(cell.lower(), cell))
    out |= _doses(frame)
    out["duration_minutes"] = _text(minutes)
    if "EXTRT" in frame.columns:
        out["treatment"] = frame["EXTRT"]
    return pd.DataFrame({name: np.asarray(cells, dtype=object) for name, cells in out.items()}).astype("str")


def _doses(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return doses in mg and in mg/kg; a dose of 0 is none."""
    n = len(frame)
    out = {name: np.full(n, np.nan) for name in ("dose_mg", "dose_mg_per_kg")}
    if not {"EXDOSE", "EXDOSU"} <= set(frame.columns):
        return {}
    dose = pd.to_numeric(frame["EXDOSE"], errors="coerce").to_numpy(float)
    unit = by_level(frame["EXDOSU"], unit_word)
    for word, (name, factor) in UNITS.items():
        rows = (unit == word).to_numpy(bool) & (dose != 0)
        out[name][rows] = np.round(dose[rows] * factor, 9)
    return {name: _text(values) for name, values in out.items() if not np.isnan(values).all()}


def unit_word(cell: str) -> str:
    """Return a unit without case and blanks, with one sign for micro."""
    return re.sub(r"\s+", "", cell.lower()).replace("µ", "μ")


def _text(values: np.ndarray) -> np.ndarray:
    """Return numbers as text, missing where there is none."""
    return np.array([None if np.isnan(value) else f"{value:.10g}" for value in values.tolist()], dtype=object)


def tell_exposures(intake: Intake, domain: Domain, found: Exposures) -> None:
    """Tell what became of exposures that are not one dose at one time."""
    unit = by_level(domain.cells("EXDOSU").iloc[found.position], unit_word)
    dose = domain.number("EXDOSE")[found.position]
    other = ~unit.isin(list(UNITS)).to_numpy(bool) & (dose != 0) & ~np.isnan(dose)
    spans = (found.end_day > found.first_day) & np.isfinite(found.first_day)
    told = (
        (
            spans,
            "records of exposure span several days (repeated dosing) and are one session each, at the start",
        ),
        (dose == 0, "records of exposure have a dose of 0, as a placebo has; their sessions have no dose"),
        (other, "doses are in a unit that is none of mg, g, ug and these per kg, and were not read"),
        (
            found.shares_day,
            "records of exposure share their day with another of the subject; each is a session",
        ),
    )
    for rows, message in told:
        if rows.any():
            intake.note(message, table="sessions", n_rows=int(rows.sum()), rule="sdtm_exposure")
