"""Side effects, vital signs and disposition: rows that belong to a session or a patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.duplicates import neighbours, set_aside_duplicates
from ketaoutcomes.cohort.ids import time_order
from ketaoutcomes.cohort.placing import Placed, place_times, session_rows
from ketaoutcomes.cohort.sessions import Clock
from ketaoutcomes.cohort.settings import Settings

__all__ = ["NONE", "place_disposition", "place_side_effects", "place_vitals", "recorded"]

NONE = "none"
SAYS_NONE = frozenset(
    {"none", "no", "nil", "no side effect", "no side effects", "none reported", "no effects"}
)
# These may mean "not applicable, so none" or "not available", which are opposites.
UNCLEAR = frozenset({"na", "n/a", "nan", "null", ".", "-", "#n/a", "<na>", "nat", "missing", "unknown", "?"})


def place_side_effects(
    draft: Draft, codes: np.ndarray, clock: Clock, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the kept side effects' rows by session and name, each row's session, and unsure sessions.

    Unsure are the sessions with a row that names no side effect and does not say "none" either.
    """
    session = session_rows(draft, codes, clock)
    effects = draft.words["effect"]
    unclear = effects.where(lambda level: level.lower() in UNCLEAR)
    draft.quarantine(unclear, "unclear_effect")
    unsure = _marked(session[unclear | (effects.codes < 0)], clock.hour.size)
    effects = effects.map(lambda level: NONE if level.lower() in SAYS_NONE else level.lower())
    draft.words["effect"] = effects
    rows = _sorted(draft, session, effects.codes.astype(float), settings)
    is_none = effects.where(lambda level: level == NONE)
    with_effect = _marked(session[rows[~is_none[rows]]], clock.hour.size)
    both = np.zeros(draft.n, dtype=bool)
    both[rows[is_none[rows] & with_effect[session[rows]]]] = True
    draft.quarantine(both, "none_and_effect")
    return rows[draft.kept[rows]], session, unsure


def place_vitals(
    draft: Draft, codes: np.ndarray, clock: Clock, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kept readings' rows by session and minute, and each row's session."""
    numbers = draft.numbers
    if "sbp" in numbers and "dbp" in numbers:
        with np.errstate(invalid="ignore"):
            crossed = numbers["dbp"] >= numbers["sbp"]
        draft.blank("sbp", crossed, "pressure_order")
        draft.blank("dbp", crossed, "pressure_order")
    session = session_rows(draft, codes, clock)
    return _sorted(draft, session, numbers["minute"], settings), session


def place_disposition(
    draft: Draft, codes: np.ndarray, clock: Clock, settings: Settings
) -> tuple[np.ndarray, Placed]:
    """Return the kept rows by patient, and all rows' times (missing where none is given)."""
    gone = np.full(draft.n, np.nan)
    placed = Placed(gone, gone, gone) if draft.times is None else place_times(draft, codes, clock)
    rows = np.flatnonzero(draft.kept)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    set_aside_duplicates(draft, neighbours(rows, codes), [codes], settings.duplicates)
    return rows[draft.kept[rows]], placed


def recorded(
    sessions: Draft, rows: np.ndarray, with_effects: np.ndarray | None, unsure: np.ndarray | None
) -> pd.Series:
    """Return whether side effects were recorded in each kept session.

    It is what the clinic says, and yes wherever a side effect (or "none") is
    recorded. If the clinic does not say, no record is no. Without a table of
    side effects and without a word from the clinic it is not known, and neither
    is it where the only record is unclear.

    Parameters
    ----------
    with_effects : (m,) bool array or None
        Kept sessions with a row of side effects; None without such a table.
    unsure : (m,) bool array or None
        Kept sessions with an unclear row.
    """
    given = sessions.flags.get("side_effects_recorded")
    unsaid = -1 if with_effects is None or given is not None else 0
    codes = np.full(rows.size, unsaid, dtype=np.int8) if given is None else given[rows].copy()
    if with_effects is not None:
        if given is None:
            codes[unsure] = -1
        codes[with_effects] = 1
    return pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0))


def _marked(sessions: np.ndarray, n: int) -> np.ndarray:
    """Return which of n sessions occur among those given, where -1 is none; bool."""
    marked = np.zeros(n + 1, dtype=bool)
    marked[sessions] = True
    return marked[:n]


def _sorted(draft: Draft, session: np.ndarray, key: np.ndarray, settings: Settings) -> np.ndarray:
    """Return kept rows by session and a further key, those that share both set aside."""
    rows = np.flatnonzero(draft.kept)
    order = time_order(session[rows], key[rows])
    rows = rows if order is None else rows[order]
    shared = neighbours(rows, session, key)
    set_aside_duplicates(draft, shared, [session, key], settings.duplicates)
    return rows[draft.kept[rows]]
