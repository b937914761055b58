"""Records of side effects by the number of their session, and what each found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from ketaoutcomes.derive.arrays import first_of_segment
from ketaoutcomes.derive.side_effects import Recorded
from ketaoutcomes.errors import DataError

__all__ = ["SessionBand", "first_records", "outcomes_of_severity", "record_outcomes", "session_bands"]


@dataclass(frozen=True)
class SessionBand:
    """Sessions from number `first` to number `last`, which is infinite for an open end."""

    first: int
    last: float

    @property
    def label(self) -> str:
        """``"1"``, ``"4–6"``, ``"7+"``."""
        if np.isinf(self.last):
            return f"{self.first}+"
        return f"{self.first}" if self.first == self.last else f"{self.first}–{int(self.last)}"

    def holds(self, number: np.ndarray) -> np.ndarray:
        """Whether each session number lies in the band; bool."""
        return (number >= self.first) & (number <= self.last)


def session_bands(groups: Sequence) -> tuple[SessionBand, ...]:
    """Bands of session numbers from numbers and pairs of them, in rising order.

    Parameters
    ----------
    groups : sequence of int or (int, int or None)
        A number is that session alone; (4, 6) is sessions 4 to 6, (7, None) all from 7 on.

    Raises
    ------
    DataError
        If one is neither, or they overlap or do not rise.
    """
    say = DataError(
        "groups takes numbers of sessions and ranges of them in rising order, without overlap: "
        "groups=(1, 2, 3, (4, 6), (7, None))"
    )
    if isinstance(groups, str | bytes) or not isinstance(groups, Sequence) or not len(groups):
        raise say
    bands = []
    for given in groups:
        pair = tuple(given) if isinstance(given, list | tuple) else (given, given)
        if len(pair) != 2 or not _is_number(pair[0]) or not (pair[1] is None or _is_number(pair[1])):
            raise say
        last = np.inf if pair[1] is None else float(pair[1])
        if last < pair[0] or (bands and pair[0] <= bands[-1].last):
            raise say
        bands.append(SessionBand(int(pair[0]), last))
    return tuple(bands)


def record_outcomes(found: Recorded, columns: np.ndarray, pairs: np.ndarray | None = None) -> np.ndarray:
    """Whether each record holds each effect; (r, k) bool.

    Parameters
    ----------
    found : Recorded
    columns : (k,) int array
        0 is any effect, 1 the first of `found.effects`, and so on.
    pairs : (e,) bool array, optional
        Pairs of a record and an effect that count; all if not given.
    """
    record, effect = found.record, found.effect
    if pairs is not None:
        record, effect = record[pairs], effect[pairs]
    place = np.full(len(found.effects) + 1, -1, dtype=np.int64)
    place[columns] = np.arange(columns.size)
    out = np.zeros((found.session_row.size, columns.size), dtype=bool)
    if place[0] >= 0:
        out[record, place[0]] = True
    wanted = place[effect + 1] >= 0
    out[record[wanted], place[effect[wanted] + 1]] = True
    return out


def outcomes_of_severity(found: Recorded, columns: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each record holds each effect of at least a severity, and whether that is not known.

    An effect that was recorded is at least mild, so that from rank 1 on all count; from rank 2 on a record
    whose only such effects have no stated severity may hold one.

    Parameters
    ----------
    found : Recorded
    columns : (k,) int array
        As in `record_outcomes`.
    least : int
        Rank of the severity: 0 for all effects, 1 mild, 2 moderate, 3 severe.

    Returns
    -------
    surely, perhaps : (r, k) bool
        Never both.
    """
    if least <= 1:
        surely = record_outcomes(found, columns)
        return surely, np.zeros_like(surely)
    surely = record_outcomes(found, columns, found.severity >= least)
    return surely, record_outcomes(found, columns, found.severity == 0) & ~surely


def first_records(owner: np.ndarray, number: np.ndarray, inside: np.ndarray, n_first: int) -> np.ndarray:
    """Marks the first `n_first` of each patient's records, of patients who have so many; (r,) bool.

    Parameters
    ----------
    owner, number : (r,) int arrays
        Patient and session number of each record.
    inside : (r,) bool array
        Records looked at; of one way of asking, so that a session is in it once.
    """
    rows = np.flatnonzero(inside)
    rows = rows[np.lexsort((number[rows], owner[rows]))]
    marked = np.zeros(inside.size, dtype=bool)
    if not rows.size:
        return marked
    starts = np.flatnonzero(first_of_segment(owner[rows]))
    length = np.diff(np.append(starts, rows.size))
    rank = np.arange(rows.size) - np.repeat(starts, length)
    marked[rows[(rank < n_first) & (np.repeat(length, length) >= n_first)]] = True
    return marked


def _is_number(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
