"""Side effects and vital signs to their sessions, where an export does not number sessions.

A row belongs to a session by its number; else to the session that was made of
the same row of the export; else by its time: a side effect to the last session
begun by then. A reading of vital signs belongs to the session begun in the
`SAME_HOURS` before it; else to the one that begins within `BEFORE_HOURS`, as its
baseline; else to the one begun in the `AFTER_HOURS` before.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import read_dates
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.readers.export import Made

__all__ = ["AFTER_HOURS", "BEFORE_HOURS", "SAME_HOURS", "link_sessions"]

MOMENT = "moment"
SAME_HOURS, BEFORE_HOURS, AFTER_HOURS = 12.0, 4.0, 24.0
HOURS_PER_DAY, MINUTES_PER_HOUR = 24.0, 60.0
MOST_ONSET_HOURS = 7 * HOURS_PER_DAY


def link_sessions(
    tables: dict[str, pd.DataFrame], made: dict[str, Made], settings: Settings
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give rows of side effects and vital signs the number of their session, and take `moment` away.

    Sessions are numbered by their times where a number is needed and they have none.

    Parameters
    ----------
    tables, made : dict
        `tables` is changed in place.

    Returns
    -------
    dict of str to pair of arrays
        By table, rows without a session and the rule by which each is set aside.
    """
    lost: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    needing = {name: _unnumbered(tables[name]) for name in ("side_effects", "vitals") if name in tables}
    if any(rows.any() for rows in needing.values()) and "sessions" in tables:
        sessions = _Sessions(tables, made, settings)
        for name, rows in needing.items():
            if rows.any():
                lost[name] = sessions.link(name, np.flatnonzero(rows))
    for name in needing:
        if MOMENT in tables[name].columns:
            tables[name] = tables[name].drop(columns=MOMENT)
    return lost


def _unnumbered(frame: pd.DataFrame) -> np.ndarray:
    if "session" not in frame.columns:
        return np.ones(len(frame), dtype=bool)
    return frame["session"].isna().to_numpy()


class _Sessions:
    """The sessions of an export: whose, when, and under which number."""

    def __init__(self, tables: dict[str, pd.DataFrame], made: dict[str, Made], settings: Settings):
        self.tables, self.made, self.settings = tables, made, settings
        frame = tables["sessions"]
        self.patient = frame["patient_id"].str.strip() if "patient_id" in frame.columns else None
        self.date_name = next((name for name in ("start", "hour", "day") if name in frame.columns), None)
        times = _times(frame, self.date_name, settings)
        self.hour, self.low, self.high = times
        self.number = self._numbers(frame)
        # Numbers that nobody needs are left to the cohort, which counts by time as well.
        tables["sessions"] = frame.assign(session=self.number)

    def _numbers(self, frame: pd.DataFrame) -> pd.Series:
        """Return the sessions' numbers: the clinic's own, or the order in time of those who have none at all.

        Rows of one time share a number, so that copies stay copies. A patient one of whose sessions has no
        readable time has no numbers, since that session may be the first.
        """
        own = frame["session"] if "session" in frame.columns else _empty(len(frame))
        patients = pd.DataFrame(
            {"patient": self.patient, "low": self.low, "own": own.notna(), "timed": ~np.isnan(self.low)}
        )
        by_patient = patients.groupby("patient", dropna=False)
        countable = ~by_patient["own"].transform("any") & by_patient["timed"].transform("all")
        rank = by_patient["low"].rank(method="dense")
        counted = rank.map(lambda number: f"{number:.0f}", na_action="ignore").astype("str")
        return own.where(~countable.to_numpy(bool), counted).astype("str")

    def link(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number the rows of one table; return those without a session, and why."""
        frame = self.tables[name]
        session = self._of_same_row(name, rows)
        left = np.flatnonzero(session < 0)
        why = np.full(rows.size, "session_time_unknown", dtype=object)
        minutes = np.full(rows.size, np.nan)
        if left.size and MOMENT in frame.columns and self.date_name is not None:
            found, timed, minute = self._of_moment(name, frame.iloc[rows[left]])
            session[left], minutes[left] = found, minute
            why[left[timed]] = "no_session_then"
        numbers = frame["session"].copy() if "session" in frame.columns else _empty(len(frame))
        found = session >= 0
        good = found.copy()
        good[found] = self.number.iloc[session[found]].notna().to_numpy()
        why[found & ~good] = "session_without_number"
        numbers.iloc[rows[good]] = self.number.iloc[session[good]].to_numpy(dtype=object)
        frame = frame.assign(session=numbers.astype("str"))
        column = "minute" if name == "vitals" else "onset_minutes"
        known = good & ~np.isnan(minutes)
        if known.any():
            cells = frame[column].copy() if column in frame.columns else _empty(len(frame))
            blank = known & cells.iloc[rows].isna().to_numpy()
            cells.iloc[rows[blank]] = [f"{value:.6g}" for value in minutes[blank]]
            frame = frame.assign(**{column: cells.astype("str")})
        self.tables[name] = frame
        return rows[~good], why[~good]

    def _of_same_row(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Return the session made of the same row of the export, -1 where there is none or are several."""
        own, theirs = self.made["sessions"], self.made[name]
        sessions = pd.DataFrame({"source": own.source, "position": own.position, "session": own.row})
        sessions = sessions.drop_duplicates(["source", "position"], keep=False)
        parts = pd.DataFrame({"row": theirs.row, "source": theirs.source, "position": theirs.position})
        found = parts.merge(sessions, on=["source", "position"], how="inner", validate="many_to_one")
        place = np.full(len(self.tables[name]), -1, dtype=np.int64)
        place[found["row"].to_numpy()] = found["session"].to_numpy()
        return place[rows]

    def _of_moment(self, name: str, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's session by its time (-1 for none), whether it has a time, and its minute."""
        kind = self.date_name
        hour, low, high = _times(frame[[MOMENT]].set_axis([kind], axis=1), kind, self.settings)
        patients = pd.Index(self.patient.dropna().unique())
        owner = patients.get_indexer(frame["patient_id"].str.strip())
        codes = patients.get_indexer(self.patient)
        timed = ~np.isnan(hour)
        # A time that is known only to the day may be any of its day.
        latest = np.where(high > low, np.nextafter(high, -np.inf), low)
        session = self._nearest(codes, owner, latest, timed, "backward")
        if name == "vitals":
            since = np.where(session >= 0, low - self.high[session], np.inf)
            ahead = self._nearest(codes, owner, latest, timed & (since >= SAME_HOURS), "forward")
            ahead[(ahead >= 0) & (self.low[ahead] - latest > BEFORE_HOURS)] = -1
            session = np.where(ahead >= 0, ahead, np.where(since < AFTER_HOURS, session, -1))
        exact = timed & (session >= 0) & (high <= low) & (self.high[session] <= self.low[session])
        away = np.where(exact, hour - self.hour[session], np.nan)
        if name == "side_effects":
            away[~(away <= MOST_ONSET_HOURS)] = np.nan
        return session, timed, away * MINUTES_PER_HOUR

    def _nearest(self, codes, owner, moment, wanted, direction: str) -> np.ndarray:
        """Return the patient's last session begun by a moment, or the first after it; -1 for none."""
        usable = np.flatnonzero((codes >= 0) & ~np.isnan(self.low))
        usable = usable[np.argsort(self.low[usable], kind="stable")]
        rows = np.flatnonzero(wanted & (owner >= 0))
        rows = rows[np.argsort(moment[rows], kind="stable")]
        left = pd.DataFrame({"moment": moment[rows], "patient": owner[rows]})
        right = pd.DataFrame({"moment": self.low[usable], "patient": codes[usable], "session": usable})
        exactly = direction == "backward"
        found = pd.merge_asof(
            left, right, on="moment", by="patient", direction=direction, allow_exact_matches=exactly
        )
        out = np.full(owner.size, -1, dtype=np.int64)
        out[rows] = found["session"].fillna(-1).to_numpy(dtype=np.int64)
        return out


def _empty(n: int) -> pd.Series:
    return pd.Series(pd.array([None] * n, dtype="str"))


def _times(
    frame: pd.DataFrame, name: str | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hour, low and high of a time column: dates, hours, or days (whole ones last a day)."""
    if name is None:
        gone = np.full(len(frame), np.nan)
        return gone, gone, gone
    if name == "start":
        times = read_dates(frame[name], settings)
        return times.hour, times.low, times.high
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
    if name == "hour":
        return values, values, values
    low = values * HOURS_PER_DAY
    return low, low, np.where(values == np.floor(values), low + HOURS_PER_DAY, low)
