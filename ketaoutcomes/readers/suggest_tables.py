"""Blocks of all tables but scores: patients, sessions and disposition, and what hangs on sessions."""

from __future__ import annotations

from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.readers.suggest_blocks import draft_of, number_sessions
from ketaoutcomes.readers.suggest_columns import Column
from ketaoutcomes.readers.suggest_effects import place_side_effects, place_vitals
from ketaoutcomes.readers.suggest_plan import Draft, Plan
from ketaoutcomes.readers.suggest_reading import OWN_TO_SESSIONS, Reading
from ketaoutcomes.readers.suggest_times import Found, pick_date
from ketaoutcomes.readers.suggest_values import recodes

__all__ = ["place_tables", "start_of"]


def start_of(reading: Reading, plan: Plan) -> Found:
    """Return the date of the session that a row of the group is; nothing if it is none."""
    if reading.main != "sessions":
        return Found.of()
    dates = [column for column in reading.dates if plan.is_open(column)]
    found = pick_date(reading.group, dates, "sessions")
    if found.rivals:
        names = " or ".join(column.shown for column in found.rivals)
        plan.refuse(found.rivals, f"several may be sessions.start: {names}; keep one")
    return found


def place_tables(reading: Reading, plan: Plan, start: Found, shared: Draft | None = None) -> Draft | None:
    """Add the blocks of all tables but scores that a group's columns make; return that of sessions.

    Parameters
    ----------
    shared : Draft, optional
        Block of sessions made of the same rows of the export, from another form.
    """
    _disposition(reading, plan)
    sessions = _sessions(reading, plan, start)
    own, sessions = sessions, sessions or shared
    place_side_effects(reading, plan, sessions)
    place_vitals(reading, plan, sessions)
    _patients(reading, plan, own)
    return own


def _covariates(draft: Draft, reading: Reading, columns: list[Column]) -> None:
    """Add further columns under their own names."""
    table = TABLES[draft.table]
    for column in columns:
        name = normal_name(column.name)
        known = name in table.names or ITEM.fullmatch(name) or name in draft.columns or name == "moment"
        if (
            known
            or not name
            or "/" in name
            or column.cells.n_filled == 0
            or column.kind in ("file", "notes", "sql")
        ):
            continue
        draft.columns[name] = (column,)
        found = recodes(column, None)
        if found:
            draft.values[name] = found


def _patients(reading: Reading, plan: Plan, sessions: Draft | None) -> None:
    draft = draft_of("patients", reading)
    further: list[Column] = []
    if (
        reading.main == "patients"
        or (draft.columns and not reading.group.repeats and sessions is None)
        or (
            sessions is None
            and reading.main in (None, "scores")
            and reading.parts
            and not reading.group.repeats
        )
    ):
        further = reading.rest
    elif sessions is not None:
        further = [column for column in reading.rest if draft.columns and reading.group.steady(column)]
        _covariates(sessions, reading, [column for column in reading.rest if column not in further])
    _covariates(draft, reading, further)
    if draft.columns:
        plan.drafts.append(draft)


def _sessions(reading: Reading, plan: Plan, start: Found) -> Draft | None:
    """Add the block of sessions and return it, if a row of the group is a session."""
    if reading.main != "sessions":
        given = [pair[0] for pair in reading.targets.get("sessions", {}).values()]
        plan.refuse(given, "a column of sessions on a sheet or form that is of something else")
        return None
    draft = draft_of("sessions", reading)
    if not (start or reading.has("sessions", *OWN_TO_SESSIONS)):
        plan.refuse(
            [pair[0] for pair in reading.targets.get("sessions", {}).values()], "no session is told beside it"
        )
        return None
    number_sessions(draft, reading)
    draft.needs = tuple(name for name in draft.columns if name != "session" and name not in _split(draft))
    if start:
        draft.columns = {"start": tuple(start), **draft.columns}
        draft.needs = ("start",)
    elif not _number_clock(draft, reading):
        draft.lacking = "when the sessions were: a column as start (a date), day or hour"
        draft.blanks = (("columns", "start"),)
    if "route" not in draft.columns and not draft.lacking:
        draft.notes.append('needed: the route. If all sessions have the same: constants = { route = "IV" }')
    plan.drafts.append(draft)
    return draft


def _split(draft: Draft) -> tuple[str, ...]:
    return tuple(name for name in draft.columns if "/" in name)


def _number_clock(draft: Draft, reading: Reading) -> bool:
    """Give a block the hour or day that stands in a column of its own."""
    for clock in ("hour", "day"):
        if reading.has(draft.table, clock):
            draft.columns[clock] = (reading.targets[draft.table][clock][0],)
            if draft.table == "sessions":
                draft.needs = (clock,)
            return True
    return False


def _disposition(reading: Reading, plan: Plan) -> None:
    draft = draft_of("disposition", reading)
    if not draft.columns:
        return
    if reading.main not in ("disposition", "patients", None):
        plan.refuse(
            [pair[0] for pair in reading.targets["disposition"].values()], "no disposition is told beside it"
        )
        return
    dates = [column for column in reading.dates if plan.is_open(column)]
    starts = {"start", "started", "begin", "beginning", "birth"}
    found = pick_date(
        reading.group, [column for column in dates if not starts & set(column.words)], "disposition"
    )
    if found:
        draft.columns["when"] = tuple(found)
    elif reading.main == "disposition":
        _number_clock(draft, reading)
    draft.needs = tuple(name for name in ("status", "reason") if name in draft.columns)
    plan.drafts.append(draft)
