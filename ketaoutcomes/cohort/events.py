"""Vital signs and disposition: rows that belong to a session or a patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.duplicates import neighbours, set_aside_copies, set_aside_duplicates
from ketaoutcomes.cohort.ids import time_order
from ketaoutcomes.cohort.placing import Placed, place_times, session_rows
from ketaoutcomes.cohort.sessions import Clock
from ketaoutcomes.cohort.settings import Settings

__all__ = ["place_disposition", "place_vitals"]


def place_vitals(draft: Draft, codes: np.ndarray, clock: Clock) -> tuple[np.ndarray | slice, np.ndarray]:
    """Return the kept readings' rows by session and minute (see `Draft.places`), and each row's session.

    Several readings may share a minute: a high blood pressure is measured again
    at once, and both readings count.
    """
    numbers = draft.numbers
    if "sbp" in numbers and "dbp" in numbers:
        with np.errstate(invalid="ignore"):
            crossed = numbers["dbp"] >= numbers["sbp"]
        draft.blank("sbp", crossed, "pressure_order")
        draft.blank("dbp", crossed, "pressure_order")
        for name in ("sbp", "dbp"):
            draft.set_down(name)
    session = session_rows(draft, codes, clock)
    rows = np.flatnonzero(draft.kept)
    at = draft.places(rows)
    # A reading without its minute is known by its session alone, and comes after the others.
    minute = numbers.setdefault("minute", np.full(draft.n, np.nan))
    if np.isnan(minute).any():
        minute = np.nan_to_num(minute, nan=np.inf)
    order = time_order(session[at], minute[at])
    rows = rows if order is None else rows[order]
    keys = [session, minute]
    shared = neighbours(rows, *keys)
    if shared.size:
        set_aside_copies(draft, shared, keys)
        rows = rows[draft.kept[rows]]
        rows = _by_content(draft, rows, neighbours(rows, *keys), keys)
    return draft.places(rows), session


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


def _by_content(draft: Draft, rows: np.ndarray, shared: np.ndarray, keys: list[np.ndarray]) -> np.ndarray:
    """Return rows with those that share their keys ordered by what is in them, whatever the file's order."""
    content = draft.rows(shared)
    for name in content.columns[~content.dtypes.map(pd.api.types.is_numeric_dtype)]:
        content[name] = pd.factorize(content[name].astype("str"), sort=True)[0]
    ties = [content[name].to_numpy(dtype=float, na_value=np.nan) for name in reversed(content.columns)]
    order = np.lexsort((*ties, *(key[shared] for key in reversed(keys))))
    out = rows.copy()
    # Rows that share their keys stand together already, so that they only change places with each other.
    out[np.isin(rows, shared, kind="table")] = shared[order]
    return out
