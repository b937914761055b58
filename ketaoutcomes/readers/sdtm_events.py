"""SDTM adverse events (AE) to side effects of the session that had last begun when each started."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.readers.sdtm_dates import Moments, read_moments
from ketaoutcomes.readers.sdtm_exposure import Exposures
from ketaoutcomes.readers.sdtm_files import Domain

__all__ = ["AE_TARGETS", "Events", "Placing", "place_events"]

AE_TARGETS = {
    "USUBJID": "side_effects.patient_id",
    "AEDECOD": "side_effects.effect",
    "AETERM": "side_effects.effect",
    "AESEV": "side_effects.severity",
    "AESER": "side_effects.serious",
    "AEACN": "side_effects.action",
    "AEOUT": "side_effects.resolved",
    "AESTDTC": "side_effects.session",
    "AEENDTC": "side_effects.duration_minutes",
}
GONE, THERE = "yes", "no"
OUTCOMES = {
    "RECOVERED/RESOLVED": GONE,
    "RECOVERED/RESOLVED WITH SEQUELAE": GONE,
    "NOT RECOVERED/NOT RESOLVED": THERE,
    "RECOVERING/RESOLVING": THERE,
    "FATAL": THERE,
}
MINUTES_PER_HOUR, MINUTES_PER_DAY = 60.0, 1440.0


@dataclass(frozen=True)
class Placing:
    """Which exposure had last begun by a moment; (m,) arrays, -1 for none.

    Parameters
    ----------
    surely, perhaps : int arrays
        The last that had begun whenever the moment was within what its date leaves
        possible, and the last that may have.
    alone : bool array
        Both are the same one, and no other of that day can be meant.
    """

    surely: np.ndarray
    perhaps: np.ndarray
    alone: np.ndarray


@dataclass(frozen=True)
class Events:
    """Side effects, the rows of the domain that they were made of, and those that were set aside.

    Parameters
    ----------
    frame : DataFrame
    rows : (m,) int array
    aside : dict of str to int array
        Rows by rule.
    unsure : (n_exposures,) bool array
        Exposures of which it is not known what was recorded: to which an event belongs, or
        may belong, that could not be placed.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    aside: dict[str, np.ndarray]
    unsure: np.ndarray


def place_events(domain: Domain, usable: np.ndarray, found: Exposures, settings: Settings) -> Events:
    """Return the side effects of a domain of adverse events.

    Parameters
    ----------
    usable : (n,) bool array
        Rows of treated subjects that tell an event.
    """
    subjects = domain.cells("USUBJID")
    start = read_moments(domain.cells("AESTDTC"), settings)
    end = read_moments(domain.cells("AEENDTC"), settings)
    dated = usable & ~start.missing & ~start.unreadable
    rows = np.flatnonzero(dated)
    placing = last_begun(found, subjects, rows, start)
    session = placing.surely
    before = (placing.perhaps < 0) & placing.alone
    numbered = placing.alone & (session >= 0)
    numbered[numbered] = ~np.isnan(found.number[session[numbered]])
    aside = {
        "no_start_date": np.flatnonzero(usable & start.missing),
        "not_a_time": np.flatnonzero(usable & start.unreadable),
        "before_first_session": rows[before],
        "session_uncertain": rows[~numbered & ~before],
    }
    unsure = _possible(found, placing, ~numbered & ~before)
    lost = np.concatenate([aside["no_start_date"], aside["not_a_time"], np.flatnonzero(domain.ragged != "")])
    unsure[found.pairs(subjects, lost)[1]] = True
    kept, session = rows[numbered], session[numbered]
    return Events(_frame(domain, kept, session, found, start, end), kept, aside, unsure)


def last_begun(found: Exposures, subjects: pd.Series, rows: np.ndarray, moments: Moments) -> Placing:
    """Return the exposure that had last begun by each of some moments, as far as dates tell.

    An exposure of the moment's own day counts as begun, unless both are known to the clock time.
    """
    row, exposure = found.pairs(subjects, rows)
    both = moments.clocked[row] & ~np.isnan(found.hour[exposure])
    first, last = moments.first_day[row], moments.last_day[row]
    with np.errstate(invalid="ignore"):
        by_clock = found.hour[exposure] <= moments.hour[row]
    surely = np.where(both, by_clock, found.last_day[exposure] <= first)
    perhaps = np.where(both, by_clock, found.first_day[exposure] <= last)
    place = np.full(subjects.size, -1, dtype=np.int64)
    place[rows] = np.arange(rows.size)
    out = [np.full(rows.size, -1, dtype=np.int64) for _ in range(2)]
    for one, begun in zip(out, (surely, perhaps), strict=True):
        np.maximum.at(one, place[row[begun]], exposure[begun])
    chosen = out[0]
    alone = chosen == out[1]
    known = np.flatnonzero(chosen >= 0)
    one = chosen[known]
    same_day = found.shares_day[one] & (found.first_day[one] == moments.first_day[rows[known]])
    by_clock = moments.clocked[rows[known]] & ~np.isnan(found.hour[one])
    alone[known] &= ~(same_day & ~by_clock)
    return Placing(chosen, out[1], alone)


def _possible(found: Exposures, placing: Placing, rows: np.ndarray) -> np.ndarray:
    """Mark the exposures to which rows without a place may belong; bool."""
    n = found.position.size
    marks = np.zeros(n + 1, dtype=np.int64)
    subject = np.repeat(np.arange(found.ids.size), np.diff(found.starts))
    last = placing.perhaps[rows]
    low, last = placing.surely[rows][last >= 0], last[last >= 0]
    # Of several that began on one day any may be meant.
    low = np.where(low < 0, found.starts[subject[last]], low)
    low = np.where(found.shares_day[low], found.starts[subject[low]], low)
    np.add.at(marks, low, 1)
    np.subtract.at(marks, last + 1, 1)
    return np.cumsum(marks[:n]) > 0


def _frame(domain: Domain, rows, session, found: Exposures, start: Moments, end: Moments) -> pd.DataFrame:
    """Return the rows of the cohort's side effects."""
    term = domain.cells("AEDECOD")
    term = term.where(term != "", domain.cells("AETERM"))
    onset = (start.hour[rows] - found.hour[session]) * MINUTES_PER_HOUR
    lasted = (end.hour[rows] - start.hour[rows]) * MINUTES_PER_HOUR
    return pd.DataFrame(
        {
            "patient_id": domain.cells("USUBJID").iloc[rows].to_numpy(dtype=object),
            "session": [f"{number:.0f}" for number in found.number[session]],
            "effect": term.iloc[rows].str.lower().to_numpy(dtype=object),
            "severity": domain.cells("AESEV").iloc[rows].str.lower().to_numpy(dtype=object),
            "serious": domain.cells("AESER").iloc[rows].to_numpy(dtype=object),
            "action": domain.cells("AEACN").iloc[rows].str.lower().to_numpy(dtype=object),
            "resolved": domain.cells("AEOUT").iloc[rows].str.upper().map(OUTCOMES).to_numpy(dtype=object),
            "onset_minutes": _within_a_day(onset, 0.0),
            "duration_minutes": _within_a_day(lasted, np.nextafter(0.0, 1.0)),
        }
    ).astype("str")


def _within_a_day(minutes: np.ndarray, least: float) -> np.ndarray:
    """Return minutes as text, where they are known and within a day."""
    with np.errstate(invalid="ignore"):
        known = (minutes >= least) & (minutes <= MINUTES_PER_DAY)
    cells = [
        f"{one:.6g}" if good else None for one, good in zip(minutes.tolist(), known.tolist(), strict=True)
    ]
    return np.array(cells, dtype=object)
