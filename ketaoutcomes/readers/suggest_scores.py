"""Blocks of scores: one per instrument and time, or one for a table with a row per score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.readers.suggest_columns import Column
from ketaoutcomes.readers.suggest_instruments import HOURS_PER_DAY, When
from ketaoutcomes.readers.suggest_plan import Draft, Plan
from ketaoutcomes.readers.suggest_reading import Reading
from ketaoutcomes.readers.suggest_times import Found, clock_for, pick_date
from ketaoutcomes.readers.suggest_values import fits, fits_range, recodes

__all__ = ["agree_on_clock", "place_scores"]

SCORES = TABLES["scores"]
CLOCKS = ("taken", "day", "hour")
NO_TIME = "when the scores were taken; name a column as taken (a date), day or hour"
OF_THE_ROW = (
    "a column of its date as taken: {} {}s are counted from the session of the row where a patient has "
    "several, and a mapping cannot add them to its start"
)
RIVALS = "the instrument, which may be {} or {} a session, and a column of its date as taken"
NO_DAY = 'the day of "{}", counted from the first session: write it as day'


@dataclass(eq=False)
class _Slot:
    """Columns of one instrument at one time."""

    instrument: Instrument
    when: When | None
    columns: dict[str, list[Column]] = field(default_factory=dict)
    rival: str = ""


def place_scores(reading: Reading, plan: Plan, start: Found) -> None:
    """Add the blocks of scores that a group's columns make.

    Parameters
    ----------
    start : Found
        Date of the session that a row of the group is, if it is one.
    """
    _place_long(reading, plan)
    slots: dict[tuple[str, When | None], _Slot] = {}
    for column, part in reading.parts.items():
        if part.instrument is None or part.kind == "unclear":
            plan.refuse([column], part.reason)
            continue
        key = (part.instrument.name, part.when)
        slot = slots.setdefault(key, _Slot(part.instrument, part.when))
        slot.rival = slot.rival or part.rival
        name = f"i{part.item}" if part.kind == "item" else part.kind
        slot.columns.setdefault(name, []).append(column)
    for slot in slots.values():
        _place_slot(slot, slots, reading, plan, start)


def _place_long(reading: Reading, plan: Plan) -> None:
    """Add the block of a table with columns for instrument and score."""
    if reading.main != "scores" or not reading.has("scores", "instrument"):
        return
    draft = Draft("scores", reading.group)
    for target, (column, one) in reading.targets["scores"].items():
        if target not in CLOCKS:
            _give(draft, target, column, one.factor)
    for column in list(reading.rest):
        if ITEM.fullmatch(column.name.strip().lower()) and fits(column, "number"):
            draft.columns[column.name.strip().lower()] = (column,)
            reading.rest.remove(column)
    _time(draft, reading, plan, Found.of())
    if not (reading.has("scores", "score") or any(ITEM.fullmatch(name) for name in draft.columns)):
        draft.lacking = "a column of scores"
    plan.drafts.append(draft)


def _give(draft: Draft, target: str, column: Column, factor: float = 1.0) -> None:
    """Put a column into a block, with its recodes."""
    draft.columns[target] = (column,)
    found = recodes(column, SCORES[target] if target in SCORES.names else None)
    if found and not ITEM.fullmatch(target):
        draft.values[target] = found
    if factor != 1.0:
        draft.multiply[target] = factor


def _place_slot(slot: _Slot, slots: dict, reading: Reading, plan: Plan, start: Found) -> None:
    """Add the block of one instrument at one time."""
    name = slot.instrument.name
    draft = Draft("scores", reading.group, constants={"instrument": name})
    items = sorted((one for one in slot.columns if ITEM.fullmatch(one)), key=lambda one: int(one[1:]))
    for target in ("score", *items):
        column = _only(slot.columns.get(target, []), f"{name}, {target}", plan)
        if column is None:
            continue
        low, high = _range(slot.instrument, target)
        if not fits(column, "number"):
            plan.refuse([column], f"named as {name}, {target}, and its cells are not numbers")
        elif not fits_range(column, low, high) and column.choices:
            plan.refuse(
                [column],
                f"the codes of its choices are not those of {name}, which run from {low:g} to {high:g}",
            )
        else:
            _give(draft, target, column)
    beside = [slot.columns, slots[(name, None)].columns if slot.when and (name, None) in slots else {}]
    for target in ("timing", "mode"):
        given = next((found[target] for found in beside if target in found), [])
        column = _only(given, f"{name}, {target}", plan)
        if column is not None and fits(column, "word"):
            _give(draft, target, column)
    clock = [column for given in beside for column in given.get("clock", [])]
    if clock and all(not column.is_clock for column in clock):
        plan.refuse(clock, "named as a time, and its cells are not clock times")
    clock = [column for column in clock if column.is_clock]
    if not any(target == "score" or ITEM.fullmatch(target) for target in draft.columns):
        return
    own = _own_date(slot, reading, plan, clock)
    number = next((name for name in ("hour", "day") if not own and slot.columns.get(name)), None)
    column = _only(slot.columns[number], f"{name}, {number}", plan) if number else None
    if own:
        draft.columns["taken"] = tuple(own)
    elif number and column is not None and fits(column, "number"):
        draft.columns[number] = (column,)
    else:
        _time_of_slot(draft, slot.when, reading, plan, start)
    if slot.rival:
        _leave_open(draft, slot, dated=bool(own))
    plan.drafts += _by_event(draft) if draft.lacking == NO_TIME else [draft]


def _leave_open(draft: Draft, slot: _Slot, *, dated: bool) -> None:
    """Comment a block out whose columns may be of another instrument at another time."""
    draft.lacking, draft.blanks = RIVALS.format(slot.instrument.name, slot.rival), ()
    gone = ("instrument", *(() if dated else (*CLOCKS, "timing")))
    draft.constants = {name: text for name, text in draft.constants.items() if name not in gone}
    if not dated:
        draft.columns = {name: found for name, found in draft.columns.items() if name not in CLOCKS}
        draft.blanks = (("columns", "taken"),)
    draft.blanks = (("constants", "instrument"), *draft.blanks)


def _by_event(draft: Draft) -> list[Draft]:
    """Return a block for each event of REDCap whose name tells the day; the others still lack it."""
    days, name = draft.group.days, "redcap_event_name"
    out = [
        replace(
            draft,
            constants={**draft.constants, "day": day},
            lacking="",
            blanks=(),
            when={**draft.chosen, name: (event,)},
        )
        for event, day in days.items()
    ]
    others = tuple(event for event in draft.chosen.get(name, ()) if event not in days)
    return [*out, replace(draft, when={**draft.chosen, name: others})] if days and others else out or [draft]


def _only(columns: Sequence[Column], what: str, plan: Plan) -> Column | None:
    """Return the one column that there is for something, or tell that there are several."""
    if len(columns) > 1:
        names = " or ".join(column.shown for column in columns)
        plan.refuse(columns, f"several may be {what}: {names}; keep one")
    return columns[0] if len(columns) == 1 else None


def _range(instrument: Instrument, target: str) -> tuple[float, float]:
    if target == "score" or not instrument.item_ranges:
        return instrument.minimum, instrument.maximum
    return instrument.item_ranges[int(target[1:]) - 1]


def _own_date(slot: _Slot, reading: Reading, plan: Plan, clock: Sequence[Column]) -> Found:
    """Return the instrument's own date; one that REDCap stamped on a survey only if there is no other."""
    dates = [column for column in slot.columns.get("date", []) if column.is_date]
    plan.refuse(
        [c for c in slot.columns.get("date", []) if not c.is_date], "named as a date, and its cells are not"
    )
    stamps = [column for column in dates if column.words[-1] == "timestamp"]
    rest = [column for column in dates if column not in stamps]
    if rest:
        plan.refuse(stamps, "there is a date that somebody gave; this is when the form was sent")
    column = _only(rest or stamps, f"the date of {slot.instrument.name}", plan)
    return Found.of() if column is None else clock_for(reading.group, column, [column, *clock], "scores")


def _time_of_slot(draft: Draft, when: When | None, reading: Reading, plan: Plan, start: Found) -> None:
    """Give a block its time, by the name of its columns or by another column of the group."""
    if when is None:
        _time(draft, reading, plan, start)
    elif when.kind in ("day", "hour") and reading.group.repeats:
        draft.lacking = OF_THE_ROW.format(when.text, when.kind)
        draft.blanks = (("columns", "taken"),)
    elif when.kind in ("day", "hour"):
        draft.constants[when.kind] = when.text
    elif when.kind == "around" and start and reading.group.repeats:
        draft.columns["taken"] = tuple(start)
        if "timing" not in draft.columns:
            draft.constants["timing"] = when.text
        draft.notes.append(f'"{when.text}" is taken to mean {when.text} the session of the row')
    else:
        draft.lacking = NO_DAY.format(when.text)
        draft.blanks = (("constants", "day"),)


def _time(draft: Draft, reading: Reading, plan: Plan, start: Found) -> None:
    """Give a block the date, day or hour that stands in a column of its own."""
    found = pick_date(reading.group, [column for column in reading.dates if plan.is_open(column)], "scores")
    if not found and not found.rivals:
        found = start
    if found:
        draft.columns["taken"] = tuple(found)
        return
    if found.rivals:
        names = " or ".join(column.shown for column in found.rivals)
        plan.refuse(found.rivals, f"several may say when: {names}; keep one")
    for table in ("scores", "sessions"):
        for clock in ("hour", "day"):
            if table == (reading.main or "scores") and reading.has(table, clock):
                draft.columns[clock] = (reading.targets[table][clock][0],)
                return
    draft.lacking = NO_TIME
    draft.blanks = (("columns", "taken"),)


def agree_on_clock(plan: Plan, *, dated_sessions: bool) -> None:
    """Leave one way of telling time in the blocks of scores, since a table has one clock.

    Dates stay if the sessions are dated. Hours beside days are written as days.
    """
    drafts = [draft for draft in plan.live if draft.table == "scores"]
    kinds = {
        clock: [one for one in drafts if clock in one.columns or clock in one.constants] for clock in CLOCKS
    }
    sizes = {clock: sum(len(list(one.named())) for one in found) for clock, found in kinds.items()}
    if sizes["taken"] and not dated_sessions and any(draft.table == "sessions" for draft in plan.live):
        sizes["taken"] = 0
    chosen = max(CLOCKS, key=lambda clock: sizes[clock])
    for clock, found in kinds.items():
        for draft in found:
            if clock == chosen:
                continue
            if clock == "hour" and chosen == "day" and "hour" in draft.constants:
                days = float(draft.constants.pop("hour")) / HOURS_PER_DAY
                draft.constants["day"] = f"{days:.8g}"
                draft.notes.append("hours are written as days, since the table's other times are days")
            else:
                draft.lacking = (
                    f"a table has one clock: the other scores are timed by {chosen}, these by {clock}"
                )
