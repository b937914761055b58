"""Side effects of sessions: what the words say, and which sessions have a record that can be used.

A row that is set aside never leaves its session free of side effects: the
session's record is then unknown, unless it is a copy or another effect is kept.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.duplicates import marked, neighbours, set_aside_copies
from ketaoutcomes.cohort.ids import look_up, time_order
from ketaoutcomes.cohort.placing import session_rows
from ketaoutcomes.cohort.sessions import Clock

__all__ = ["NONE", "place_side_effects", "recorded"]

NONE = "none"
WORST_LAST = ("mild", "moderate", "severe")
TERM = r"((side|adverse|undesired|unwanted) (effects?|events?|reactions?)|effects?|aes?|a es?|a e s)"
SEEN = r"( (were |was )?(reported|noted|observed|seen|recorded|present))?"
# Words in lower case with single blanks for all punctuation.
SAYS_NONE = re.compile(
    rf"(none|nothing|nil){SEEN}|no|0|0 0|neg|negative|denies|denied"
    rf"|(no|nil|denies|denied|without|negative for)( (any|all|known|reported|noted|observed))* {TERM}{SEEN}"
)
# These may deny one effect, or all, or say that nobody asked.
DENIES = re.compile(r"(no|not|none|nil|denies|denied|without|negative for) .*|(denying|without)( .*)?")
# These may mean "not applicable, so none" or "not available", which are opposites.
UNCLEAR = frozenset({"na", "n/a", "nan", "null", ".", "#n/a", "<na>", "nat", "missing", "unknown", "?"})
# Rows that take nothing away from their session's record when they are set aside.
HARMLESS = ("duplicate_copy", "merged_effect", "none_and_effect")


def place_side_effects(
    draft: Draft, codes: np.ndarray, clock: Clock
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the kept side effects' rows by session and name, each row's session, and unsure sessions.

    Unsure are the sessions to which a row that was set aside belongs, or may
    belong, save copies and rows merged into another.
    """
    session = session_rows(draft, codes, clock)
    effects = draft.words["effect"]
    detailed = _details(draft)
    denies = effects.where(
        lambda level: DENIES.fullmatch(_plain(level)) is not None and not _says_none(level)
    )
    draft.quarantine(denies | effects.where(_unclear), "unclear_effect")
    effects = effects.map(lambda level: NONE if _says_none(level) else level.lower().strip(" .,;:!") or level)
    draft.words["effect"] = effects
    is_none = effects.where(lambda level: level == NONE)
    draft.quarantine(is_none & _grave(draft), "unclear_effect")
    way = draft.words["ascertainment"].codes if "ascertainment" in draft.words else np.full(draft.n, -1)
    rows = np.flatnonzero(draft.kept)
    order = time_order(session[rows], effects.codes[rows].astype(float), way[rows])
    rows = rows if order is None else rows[order]
    _merge(draft, rows, [session, effects.codes, way])
    rows = rows[draft.kept[rows]]
    # An effect without a name, or a denial that may hold one, contradicts "none" as well.
    nameless = ~draft.kept & (denies | (is_none & _grave(draft)) | ((effects.codes < 0) & detailed))
    doubted = marked(session[nameless], clock.hour.size)
    _none_against_effects(draft, rows, is_none, session, way, doubted)
    return rows[draft.kept[rows]], session, _unsure(draft, codes, session, clock)


def recorded(
    sessions: Draft, rows: np.ndarray, with_effects: np.ndarray | None, unsure: np.ndarray | None
) -> pd.Series:
    """Return whether side effects were recorded in each kept session.

    It is yes wherever a side effect (or "none") is kept, and else what the
    clinic says; if the clinic has no column that says, no record is no. It is
    not known where a row that was set aside is, or may be, all that the session
    has. Without a table of side effects the clinic's word is all there is,
    and says nothing about whether there were any.

    Parameters
    ----------
    with_effects : (m,) bool array or None
        Kept sessions with a row of side effects; None without such a table.
    unsure : (m,) bool array or None
        Kept sessions with a row that was set aside.
    """
    given = sessions.flags.get("side_effects_recorded")
    unsaid = -1 if with_effects is None or given is not None else 0
    codes = np.full(rows.size, unsaid, dtype=np.int8) if given is None else given[rows].copy()
    if with_effects is not None:
        codes[unsure] = -1
        codes[with_effects] = 1
    return pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0))


def _plain(level: str) -> str:
    """Return the words alone: lower case, with one blank for whatever stands between them."""
    return " ".join(re.findall(r"\w+", level.lower()))


def _says_none(level: str) -> bool:
    return level.lower() not in UNCLEAR and SAYS_NONE.fullmatch(_plain(level)) is not None


def _unclear(level: str) -> bool:
    # A dash or other marks alone say "none" in one clinic and "not asked" in the next.
    return level.lower() in UNCLEAR or _plain(level) in UNCLEAR or not _plain(level)


def _grave(draft: Draft) -> np.ndarray:
    """Mark rows with a severity, or serious ones; bool."""
    out = np.zeros(draft.n, dtype=bool)
    if "severity" in draft.words:
        out |= draft.words["severity"].codes >= 0
    if "serious" in draft.flags:
        out |= draft.flags["serious"] == 1
    return out


def _details(draft: Draft) -> np.ndarray:
    """Mark rows that describe an effect, named or not; bool."""
    out = _grave(draft)
    for name in ("onset_minutes", "duration_minutes"):
        if name in draft.numbers:
            out |= ~np.isnan(draft.numbers[name])
    return out


def _merge(draft: Draft, rows: np.ndarray, keys: list[np.ndarray]) -> None:
    """Keep one row of those that name one effect of one session, found in one way.

    It is the first of the severest, and says the earliest onset, how long it was from there to the
    last end, serious if any row does, and not resolved if any row says so, unless a row that had ended is
    later than those still there (see `_first_to_last`): then neither is known.
    """
    rows, group = set_aside_copies(draft, neighbours(rows, *keys), keys)
    if rows.size == 0:
        return
    severity = np.full(rows.size, -1)
    if "severity" in draft.words:
        found = draft.words["severity"]
        rank = np.array([WORST_LAST.index(level) for level in found.levels] + [-1])
        severity = rank[found.codes[rows]]
    order = np.lexsort((rows, -severity, group))
    keep = rows[order[np.flatnonzero(np.diff(group[order], prepend=-1))]]
    onset, duration, overtaken = _first_to_last(draft, rows, group)
    for name, values in (("onset_minutes", onset), ("duration_minutes", duration)):
        if name in draft.numbers:
            draft.numbers[name][keep] = values
    if "serious" in draft.flags:
        draft.flags["serious"][keep] = pd.Series(draft.flags["serious"][rows]).groupby(group).max().to_numpy()
    if "resolved" in draft.flags:
        resolved = pd.Series(draft.flags["resolved"][rows])
        # The least of the answers given; -1 is none.
        known = resolved.where(lambda codes: codes >= 0).groupby(group).min().where(~overtaken).fillna(-1)
        draft.flags["resolved"][keep] = known.to_numpy(dtype=draft.flags["resolved"].dtype)
    if "action" in draft.words:
        action = draft.words["action"].codes
        known = pd.Series(action[rows[order]]).where(lambda codes: codes >= 0)
        # In the order of severity, the first row that says what was done.
        action[keep] = known.groupby(group[order]).first().fillna(-1).to_numpy(dtype=action.dtype)
    merged = np.zeros(draft.n, dtype=bool)
    merged[rows] = True
    merged[keep] = False
    draft.quarantine(merged, "merged_effect")


def _first_to_last(
    draft: Draft, rows: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Earliest onset of each group of rows, minutes from it to the last end, and whether overtaken; (g,).

    The minutes are missing where the last end is not known: a row that has no onset or no duration, and is
    not said to be still there, may be the last to end. Where a row is still there when last seen, the
    others cannot be; only when that row was last seen has to be known.

    A group is overtaken where a row ended after the last minute at which another was seen, still there:
    whether that one had gone by then is not known, nor is the last end. The minutes are missing, and so is
    whether it was resolved: "no" without minutes would say that it was there until the discharge.
    """
    group = np.unique(group, return_inverse=True)[1]
    nothing = np.full(rows.size, np.nan)
    onset, duration = (
        draft.numbers[name][rows] if name in draft.numbers else nothing
        for name in ("onset_minutes", "duration_minutes")
    )
    still = draft.flags["resolved"][rows] == 0 if "resolved" in draft.flags else np.zeros(rows.size, bool)
    first = pd.Series(onset).groupby(group).min().to_numpy()
    # The first row's share of the sum is 0, so that its own duration is not rounded.
    end = (onset - first[group]) + duration
    any_still = pd.Series(still).groupby(group).any().to_numpy()
    unknown = np.isnan(end) & np.where(still, np.isnan(duration), ~any_still[group])
    lasted = pd.Series(end).groupby(group).max().to_numpy(copy=True)
    longest = next(column.high for column in draft.table.columns if column.name == "duration_minutes")
    lasted[pd.Series(unknown).groupby(group).any().to_numpy() | (lasted > longest)] = np.nan
    # A row still there without a duration was seen until the discharge, as far as is known.
    placed = np.where(np.isnan(end), -np.inf, end)
    seen = pd.Series(np.where(still & np.isnan(duration), np.inf, np.where(still, placed, np.nan)))
    ended = pd.Series(np.where(still, np.nan, end))
    last_seen = seen.groupby(group).max().to_numpy()
    overtaken = (ended.groupby(group).max().to_numpy() > last_seen) | np.isneginf(last_seen)
    lasted[overtaken] = np.nan
    return first, lasted, overtaken


def _none_against_effects(draft: Draft, rows, is_none, session, way, doubted: np.ndarray) -> None:
    """Set aside "none" where the session has an effect that was, or may have been, found in the same way."""
    n_ways = int(way.max(initial=-1)) + 2
    place = session * n_ways + way + 1
    effect = rows[~is_none[rows]]
    in_way = marked(place[effect], (int(session.max(initial=-1)) + 1) * n_ways)
    in_session = marked(session[effect], doubted.size)
    none = rows[is_none[rows]]
    against = in_way[place[none]] | in_way[session[none] * n_ways] | doubted[session[none]]
    against |= (way[none] < 0) & in_session[session[none]]
    both = np.zeros(draft.n, dtype=bool)
    both[none[against]] = True
    draft.quarantine(both, "none_and_effect")


def _unsure(draft: Draft, codes: np.ndarray, session: np.ndarray, clock: Clock) -> np.ndarray:
    """Return the sessions to which a row that was set aside belongs, or may belong; bool."""
    lost = ~draft.kept
    for rule in HARMLESS:
        lost &= ~draft.set_aside_by(rule)
    number = draft.numbers["session"]
    with np.errstate(invalid="ignore"):
        readable = (number >= 1) & (number == np.floor(number))
    n_patients, n = clock.starts.size - 1, clock.hour.size
    owner = np.repeat(np.arange(n_patients), np.diff(clock.starts))
    # A row of no session that can be told may be of any; one of an unknown number, of any without a number.
    adrift = lost & (codes >= 0) & (~readable | draft.set_aside_by("session_number_unsure"))
    of_any = marked(codes[adrift], n_patients)
    torn = look_up(pd.Series(draft.lost_ids, dtype="str"), clock.ids)
    of_any[torn[torn >= 0]] = True
    of_unnumbered = marked(codes[lost & (codes >= 0) & draft.set_aside_by("orphan_session")], n_patients)
    return marked(session[lost], n) | of_any[owner] | (of_unnumbered[owner] & np.isnan(clock.given))
