"""Columns of times, events, groups and patients of any frame, checked and coded for competing risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.frame_columns import (
    check_columns,
    patient_codes,
    read_named,
    refuse_repeats,
    shown,
)
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.errors import DataError
from ketaoutcomes.formula.coding import level_text
from ketaoutcomes.formula.looks import rows_text
from ketaoutcomes.formula.plan import IDENTIFIER

__all__ = ["EventRows", "event_rows", "group_codes"]

DEFAULT = "censored"
MOST_CAUSES, MOST_NUMBERS, MOST_GROUPS = 12, 10, 60
# Words that say that nothing happened: none of them is a cause unless `censored` names another word.
NOTHING = frozenset(
    ("0", "alive", "censor", "censored", "event-free", "false", "no", "no event", "none", "nothing")
)


@dataclass(frozen=True)
class EventRows:
    """Rows ready for the engine.

    Parameters
    ----------
    time : (n,) float
    code : (n,) int
        0 for censored, 1 to K for the cause.
    causes : tuple of str
        Words of the K causes, in the order of their codes.
    entry : (n,) float or None
    patient : (n,) int or None
        Codes of the clusters; None where each row is a patient of its own.
    """

    time: NDArray[np.float64]
    code: NDArray[np.int64]
    causes: tuple[str, ...]
    entry: NDArray[np.float64] | None
    patient: NDArray[np.int64] | None

    def taken(self, rows: NDArray) -> EventRows:
        """Some of the rows."""
        entry = None if self.entry is None else self.entry[rows]
        patient = None if self.patient is None else self.patient[rows]
        return EventRows(self.time[rows], self.code[rows], self.causes, entry, patient)

    @property
    def n_patients(self) -> int:
        return len(self.time) if self.patient is None else len(np.unique(self.patient))


def event_rows(
    data: pd.DataFrame,
    *,
    time: str,
    event: str,
    censored: object = DEFAULT,
    entry: str | None = None,
    clusters: str | None = None,
) -> EventRows:
    """Read and check the columns.

    Raises
    ------
    DataError
        A column is absent or of the wrong kind; a time, an event or a cluster is missing; patients have
        several rows and `clusters` is not given.
    """
    names = {"time": time, "event": event, "entry": entry, "clusters": clusters}
    check_columns(data, names, needed=("time", "event"))
    times = _times(data, time)
    code, causes = _causes(data, event, censored)
    starts = None if entry is None else _times(data, entry)
    if starts is not None and (starts >= times).any():
        n_late = int((starts >= times).sum())
        raise DataError(
            f"'{entry}' is not before '{time}' in {rows_text(n_late)}; a row must be under observation for "
            "some time: leave such rows out or correct them"
        )
    return EventRows(times, code, causes, starts, _patients(data, clusters))


def group_codes(
    data: pd.DataFrame, by: str | None, *, taken: Sequence[str]
) -> tuple[NDArray[np.int64], tuple]:
    """Group of each row, -1 where it is missing, and the levels.

    Parameters
    ----------
    taken : sequence of str
        Columns of the result, whose names a group cannot have.
    """
    if by is None:
        return np.zeros(len(data), np.int64), (None,)
    check_columns(data, {"by": by})
    if by in taken:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    if by == IDENTIFIER:
        raise DataError(f"{IDENTIFIER} is an identifier and makes no groups")
    column = read_named(data, by)
    codes, levels = column.factor()
    most = MOST_NUMBERS if column.is_number else MOST_GROUPS
    if len(levels) > most:
        advice = "cut it into bands first" if column.is_number else "merge its levels first"
        raise DataError(f"'{by}' has {len(levels)} levels, too many for one curve each; {advice}")
    if not levels:
        raise DataError(f"'{by}' has no value, so it makes no groups")
    return np.asarray(codes, np.int64), levels


def _times(data: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column of times without gaps."""
    column = read_named(data, name)
    if not column.is_number:
        raise DataError(f"'{name}' holds no numbers; times are numbers of days or hours since a start")
    for n_wrong, words in (
        (column.n_missing, "is missing"),
        (int((column.values < 0).sum()), "is negative"),
    ):
        if n_wrong:
            raise DataError(f"'{name}' {words} in {rows_text(n_wrong)}; correct them or leave them out")
    return column.values.astype(float)


def _causes(data: pd.DataFrame, name: str, censored: object) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Code of each row, 0 for censored, and the words of the causes."""
    column = read_named(data, name)
    missing = np.zeros(len(data), bool) if column.missing is None else column.missing
    if missing.any() and censored is not None:
        raise DataError(
            f"'{name}' is missing in {rows_text(int(missing.sum()))}: whether these had an event is not "
            "known. Fill them in, leave them out, or give censored=None if a missing event means censored"
        )
    if isinstance(data[name].dtype, pd.CategoricalDtype):
        # All categories, also those that no row has: a cause that nobody had is still a cause.
        codes, levels = column.values, tuple(column.labels)
    else:
        codes, levels = column.factor()
    codes = np.where(missing, -1, codes)
    _refuse_near_duplicates(name, levels)
    nothing = _censored_level(name, levels, censored)
    kept = [place for place in range(len(levels)) if place != nothing]
    if not kept:
        raise DataError(f"'{name}' says that all {rows_text(len(data))} are censored; there is no event")
    if len(kept) > MOST_CAUSES:
        raise DataError(
            f"'{name}' has {len(kept)} kinds of event, more than {MOST_CAUSES}; merge them, or give another "
            "column"
        )
    new = np.zeros(len(levels) + 1, np.int64)
    new[kept] = np.arange(1, len(kept) + 1)
    return new[codes], tuple(_word(name, levels[place], len(kept)) for place in kept)


def _refuse_near_duplicates(name: str, levels: tuple) -> None:
    """Refuse words that a reader would take for one event, or with spaces that nobody sees."""
    words = [level for level in levels if isinstance(level, str)]
    same: dict[str, list[str]] = {}
    for word in words:
        same.setdefault(word.strip().casefold(), []).append(word)
    alike = [word for group in same.values() if len(group) > 1 for word in group]
    showable = len(words) <= MOST_CAUSES and all(map(shown, words))
    tidy = f"data['{name}'] = data['{name}'].str.strip()"
    if alike:
        what = ", ".join(map(repr, alike)) if showable else f"{len(alike)} words"
        raise DataError(
            f"'{name}' has words that differ in spaces or capitals only ({what}) and would be events of "
            f"their own; write each event in one way: {tidy}.str.lower()"
        )
    spaced = [word for word in words if word != word.strip()]
    if spaced:
        what = ", ".join(map(repr, spaced)) if showable else f"{len(spaced)} words"
        raise DataError(
            f"'{name}' has words with spaces before or after them ({what}); take them off: {tidy}"
        )


def _censored_level(name: str, levels: tuple, censored: object) -> int | None:
    """Place of the level that means censored; None where no row has it."""
    if censored is None:
        return None
    if not (isinstance(censored, str | bool | np.bool_) or is_number(censored)):
        raise DataError("censored takes one value: a word, a number, True or False, or None")
    said = repr(censored) if shown(censored) or not isinstance(censored, str) else "that word"
    plain = not any(isinstance(level, str) for level in levels)
    wanted = 0 if plain and censored == DEFAULT else censored
    for place, level in enumerate(levels):
        if level == wanted and isinstance(level, str) == isinstance(wanted, str):
            return place
    if plain != (not isinstance(wanted, str)):
        kind = "numbers or true and false" if plain else "words"
        raise DataError(f"censored: {said} is no value of '{name}', which has {kind}")
    if plain and censored == DEFAULT and levels != (True,):
        raise DataError(
            f"'{name}' holds numbers and none of them is 0; say which one means censored, e.g. censored=1"
        )
    words = [str(level).strip().lower() for level in levels]
    near = get_close_matches(str(wanted).strip().lower(), words, n=1) if not plain else []
    alike = [level for level, word in zip(levels, words, strict=True) if word in (*near, *NOTHING)]
    if alike:
        is_short = not isinstance(alike[0], str) or shown(alike[0])
        near = f"{alike[0]!r}" if is_short else "a word near it"
        give = f"censored={alike[0]!r}" if is_short else "censored= that word"
        raise DataError(
            f"'{name}' has no {said}, but {near}: if that means censored, give {give}; else give the value "
            "that does"
        )
    return None


def _word(name: str, level: object, n_causes: int) -> str:
    """A cause in words: the text itself, else the column's name, with the number if there are several."""
    if isinstance(level, str):
        return level
    return name if n_causes == 1 else f"{name} {level_text(level)}"


def _patients(data: pd.DataFrame, clusters: str | None) -> NDArray[np.int64] | None:
    """Code of each row's patient; None where each row is a patient of its own."""
    refuse_repeats(data, clusters)
    codes = patient_codes(data, clusters)
    n_missing = 0 if codes is None else int((codes < 0).sum())
    if n_missing:
        raise DataError(f"'{clusters}' is missing in {rows_text(n_missing)}; leave them out or fill them in")
    return codes
