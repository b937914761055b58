"""Patients and sessions: who is there, when the clock of each starts, and the sessions' order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import each_once, to_seconds
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.duplicates import marked, neighbours, set_aside_duplicates
from ketaoutcomes.cohort.ids import id_text, look_up, repeated, time_order
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.spellings import name_routes

__all__ = ["Clock", "link_patients", "place_patients", "place_sessions"]

POUNDS_PER_KG = 2.20462
WITHIN = 0.05


@dataclass(frozen=True)
class Clock:
    """Each patient's clock and sessions, in the order of `ids`.

    Parameters
    ----------
    ids : Index of str
        Patients kept, sorted.
    dated : bool
        The sessions are dated, so `origin` is hours since 1970 (UTC).
    origin : (n_patients,) float array
        When the first session started; missing without a clock.
    why : (n_patients,) str array
        Rule by which a patient has no clock; "" with one.
    starts : (n_patients + 1,) int array
        Where each patient's sessions begin among the kept and sorted ones.
    hour, low, high : (n_sessions,) float arrays
        Hours since the patient's first session.
    given : (n_sessions,) float array
        Number of each session as the clinic counts.
    exact : (n_sessions,) bool array
        The clock time of the start is known, and not only its day.
    unsure : (n_patients,) bool array
        The clinic gives no numbers, and a session that was set aside may have
        counted, so that later ones may have other numbers than here.
    """

    ids: pd.Index
    dated: bool
    origin: np.ndarray
    why: np.ndarray
    starts: np.ndarray
    hour: np.ndarray
    low: np.ndarray
    high: np.ndarray
    given: np.ndarray
    exact: np.ndarray
    unsure: np.ndarray


def place_patients(draft: Draft, settings: Settings) -> tuple[pd.Index, np.ndarray]:
    """Return the ids of the kept patients, sorted, and their rows."""
    ids = id_text(draft.frame["patient_id"]).str.strip()
    draft.quarantine((ids.isna() | (ids == "")).to_numpy(bool), "missing_required")
    codes = pd.factorize(ids)[0].astype(np.int64)
    rows = np.flatnonzero(draft.kept)
    _, shared = repeated(codes[rows])
    set_aside_duplicates(draft, rows[shared], [codes], settings.duplicates)
    rows = np.flatnonzero(draft.kept)
    names = ids.iloc[rows].to_numpy(dtype=object)
    order = np.argsort(names, kind="stable")
    return pd.Index(names[order], dtype="str", name="patient_id"), rows[order]


def link_patients(draft: Draft, ids: pd.Index) -> np.ndarray:
    """Return each row's patient as a place in `ids`; set aside rows without one."""
    codes = look_up(id_text(draft.frame["patient_id"]), ids)
    draft.quarantine(codes == -2, "missing_required")
    draft.quarantine(codes == -1, "orphan_patient")
    return codes


def place_sessions(
    draft: Draft, codes: np.ndarray, ids: pd.Index, settings: Settings
) -> tuple[np.ndarray, Clock]:
    """Return the kept sessions' rows in order, and the clocks they start.

    Parameters
    ----------
    codes : (n,) int array
        Patient of each row, from `link_patients`.
    """
    _routes_and_doses(draft)
    times = draft.times
    given = draft.numbers.get("session", np.full(draft.n, np.nan))
    rows = np.flatnonzero(draft.kept)
    order = time_order(codes[rows], times.hour[rows], np.nan_to_num(given[rows], nan=np.inf))
    rows = rows if order is None else rows[order]
    number = np.nan_to_num(given, nan=-1.0)
    keys = [codes, times.hour, number]
    set_aside_duplicates(draft, neighbours(rows, *keys), keys, settings.duplicates)
    if not times.dated:
        draft.quarantine(times.hour < 0, "session_before_origin")
    _order_against_numbers(draft, rows[draft.kept[rows]], codes, number, settings)
    rows = rows[draft.kept[rows]]
    origin, why = _origins(draft, rows, codes, given, ids)
    for rule in ("no_origin", "origin_unknown"):
        draft.quarantine((codes >= 0) & (why[codes] == rule), rule)
    rows = rows[draft.kept[rows]]
    owner = codes[rows]
    starts = np.searchsorted(owner, np.arange(len(ids) + 1)).astype(np.int64)
    hour, low, high = each_once(
        lambda moment: to_seconds(moment[rows] - origin[owner]), times.hour, times.low, times.high
    )
    exact = times.high[rows] <= times.low[rows]
    # The clock starts with the first session, so its own time is known exactly: 0.
    first = starts[:-1][np.diff(starts) > 0]
    hour[first] = low[first] = high[first] = 0.0
    number = np.arange(rows.size) - starts[owner] + 1.0
    counted, unsure = given[rows], np.zeros(len(ids), dtype=bool)
    if "session" not in draft.numbers:
        counted, unsure = number, _may_be_miscounted(draft, rows, codes, ids, settings)
    return rows, Clock(ids, times.dated, origin, why, starts, hour, low, high, counted, exact, unsure)


def _may_be_miscounted(draft: Draft, rows, codes, ids: pd.Index, settings: Settings) -> np.ndarray:
    """Return the patients with a lost session that may have had a number before one that is kept; bool.

    `rows` are the kept rows by patient and time.
    """
    hour = draft.times.hour
    last = np.full(len(ids), -np.inf)
    np.maximum.at(last, codes[rows], hour[rows])
    lost = ~draft.kept & (codes >= 0) & ~draft.set_aside_by("duplicate_copy")
    if settings.duplicates in ("first", "last"):
        lost &= ~draft.set_aside_by("duplicate_conflict")
    lost = np.flatnonzero(lost)
    lost = lost[~(hour[lost] > last[codes[lost]])]
    unsure = marked(codes[lost], len(ids))
    torn = look_up(pd.Series(draft.lost_ids, dtype="str"), ids)
    unsure[torn[torn >= 0]] = True
    return unsure


def _routes_and_doses(draft: Draft) -> None:
    """Give routes their usual names, and hold dose and weight against each other."""
    name_routes(draft)
    numbers = draft.numbers
    if "dose_mg" not in numbers or "weight_kg" not in numbers:
        return
    _hold_doses_together(draft)
    for name in ("dose_mg", "weight_kg"):
        draft.set_down(name)


def _hold_doses_together(draft: Draft) -> None:
    """Compute the dose per kg where it is not given, and hold it against dose and weight where it is."""
    numbers = draft.numbers
    with np.errstate(invalid="ignore", divide="ignore"):
        implied = numbers["dose_mg"] / numbers["weight_kg"]
        if "dose_mg_per_kg" not in numbers:
            numbers["dose_mg_per_kg"] = implied.copy()
            draft.blank("dose_mg_per_kg", (implied < 0.01) | (implied > 10), "dose_range")
            return
        ratio = numbers["dose_mg_per_kg"] / implied
        pounds = np.abs(ratio / POUNDS_PER_KG - 1) <= WITHIN
        off = (np.abs(ratio - 1) > WITHIN) & ~pounds
    draft.blank("weight_kg", pounds, "weight_pounds")
    draft.blank("dose_mg", off, "dose_mismatch")
    fill = np.isnan(numbers["dose_mg_per_kg"]) & (implied >= 0.01) & (implied <= 10)
    numbers["dose_mg_per_kg"][fill] = implied[fill]


def _order_against_numbers(draft: Draft, rows, codes, number, settings: Settings) -> None:
    """Set aside sessions that share a number, and those whose numbers and times disagree.

    The latter are all sessions on either side of a place where the two orders differ.

    Parameters
    ----------
    rows : (k,) int array
        Rows by patient and time.
    number : (n,) float array
        The clinic's own numbers, -1 where there is none.
    """
    rows = rows[number[rows] > 0]
    if rows.size < 2:
        return
    # One running maximum serves all patients: each patient's numbers lie above all earlier patients'.
    step = np.int64(number[rows].max()) + 1
    key = codes[rows] * step + number[rows].astype(np.int64)
    if (np.diff(key) > 0).all():
        return
    sharing = neighbours(rows[np.argsort(key, kind="stable")], codes, number)
    set_aside_duplicates(draft, sharing, [codes, number], settings.duplicates)
    left = draft.kept[rows]
    rows, key = rows[left], key[left]
    above = np.maximum.accumulate(key) > key
    below = np.minimum.accumulate(key[::-1])[::-1] < key
    broken = np.zeros(draft.n, dtype=bool)
    broken[rows[above | below]] = True
    draft.quarantine(broken, "session_order")


def _origins(draft: Draft, rows, codes, given, ids: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return when each patient's first session started, and why a patient has no clock.

    `rows` are the kept rows by patient and time.
    """
    times, n = draft.times, len(ids)
    owner = codes[rows]
    first = rows[np.flatnonzero(np.diff(owner, prepend=-1))]
    earliest = np.full(n, np.inf)
    earliest[codes[first]] = times.hour[first]
    known = np.isfinite(earliest)
    lost = np.flatnonzero(~draft.kept & (codes >= 0))
    why = np.full(n, "no_session", dtype="U16")
    why[known] = ""
    if not times.dated:
        why[known & (earliest != 0)] = "no_origin"
        why[codes[lost][~known[codes[lost]]]] = "no_origin"
        return np.where(why == "", 0.0, np.nan), why
    # A session that was set aside may have been the first, unless the earliest that is left is numbered 1.
    copies = draft.set_aside_by("duplicate_copy") | draft.set_aside_by("after_data_cut")
    lost = lost[~copies[lost]]
    with np.errstate(invalid="ignore"):
        maybe_first = lost[~(times.hour[lost] > earliest[codes[lost]])]
    unsure = np.zeros(n, dtype=bool)
    unsure[codes[maybe_first]] = True
    torn = look_up(pd.Series(draft.lost_ids, dtype="str"), ids)
    unsure[torn[torn >= 0]] = True
    unsure[codes[first[given[first] == 1]]] = False
    # An export that begins within a course lacks the sessions from which time would count.
    unsure[codes[first[given[first] > 1]]] = True
    why[unsure] = "origin_unknown"
    return np.where(why == "", earliest, np.nan), why
