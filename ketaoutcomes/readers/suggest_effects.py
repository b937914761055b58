"""Blocks of side effects and of vital signs."""

from __future__ import annotations

import re

from ketaoutcomes.catalog.effect_terms import effect_terms
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.checkboxes import EMPTY, SEVERITIES, TICKED
from ketaoutcomes.readers.suggest_blocks import draft_of, tie_to_session
from ketaoutcomes.readers.suggest_cells import PRESSURES
from ketaoutcomes.readers.suggest_columns import Column
from ketaoutcomes.readers.suggest_instruments import When
from ketaoutcomes.readers.suggest_names import stripped
from ketaoutcomes.readers.suggest_plan import Draft, Plan
from ketaoutcomes.readers.suggest_reading import Reading
from ketaoutcomes.readers.suggest_values import choice_label, recodes

__all__ = ["place_side_effects", "place_vitals"]

TWICE = (
    "a choice: the words of side effects or the ticks of the same ones, which are placed; keep one of the "
    "two blocks, or each effect is counted twice"
)
JOINTS = re.compile(r"[,;/+&\n]|\band\b")


def place_side_effects(reading: Reading, plan: Plan, sessions: Draft | None) -> None:
    names = [one.name for one in TABLES["side_effects"].columns]
    if reading.has("side_effects", "effect"):
        if reading.main != "side_effects":
            # "se_sev" beside a side effect is its severity; a bare "severity" may be of anything.
            names = ["session", "effect", *_named_so(reading)]
        draft = draft_of("side_effects", reading, *names)
        if _again(reading):
            draft.lacking = TWICE
        tie_to_session(draft, reading, plan, sessions)
        plan.drafts.append(draft)
    else:
        given = reading.targets.get("side_effects", {})
        plan.refuse(
            [column for target, (column, _) in given.items() if target != "session"],
            "it tells of a side effect, and no column beside it tells of which",
        )
    boxes = _checkbox_fields(reading, plan)
    ticked = {column: effect for column, effect in reading.effects.items() if not column.choices}
    for column, effect in reading.effects.items():
        if column.choices and _yes_no_choices(column):
            ticked[column] = effect
        elif column.choices:
            _graded(column, effect, reading, plan, sessions)
    for found in [*boxes, *([ticked] if ticked else [])]:
        draft = (
            draft_of("side_effects", reading, "session")
            if reading.main == "side_effects"
            else Draft("side_effects", reading.group)
        )
        draft.boxes = found
        tie_to_session(draft, reading, plan, sessions)
        _asked(draft, reading, sessions, ticks=found is ticked)
        plan.drafts.append(draft)


def _again(reading: Reading) -> bool:
    """Whether a column of words tells of side effects that columns of ticks tell of too."""
    column = reading.targets["side_effects"]["effect"][0]
    ticked = set(reading.effects.values()) - {"none"}
    if reading.main == "side_effects" or not ticked:
        return False
    terms = effect_terms()
    return any(
        terms.name(part.strip()) in ticked for text in column.cells.texts for part in JOINTS.split(text)
    )


def _named_so(reading: Reading) -> list[str]:
    """Return the columns of side effects that are given by columns named as such."""
    given = reading.targets["side_effects"].items()
    return [name for name, (column, _) in given if stripped(column.words, reading.group)[1] == "side_effects"]


def _yes_no_choices(column: Column) -> bool:
    return {code for code, _ in column.choices} <= TICKED | EMPTY and len(column.choices) == 2


def _graded(column: Column, effect: str, reading: Reading, plan: Plan, sessions: Draft | None) -> None:
    """Add a block for one side effect that a field grades: 0, None | 1, Mild | 2, Moderate."""
    found = recodes(column, TABLES["side_effects"]["severity"])
    if not set(found.values()) & SEVERITIES:
        plan.refuse([column], "its choices are neither yes and no nor mild, moderate and severe")
        return
    draft = (
        draft_of("side_effects", reading, "session")
        if reading.main == "side_effects"
        else Draft("side_effects", reading.group)
    )
    draft.columns["severity"] = (column,)
    draft.values["severity"] = found
    draft.constants["effect"], draft.needs = effect, ("severity",)
    tie_to_session(draft, reading, plan, sessions)
    plan.drafts.append(draft)


def _checkbox_fields(reading: Reading, plan: Plan) -> list[dict[Column, str]]:
    """Return the boxes of each of REDCap's checkbox fields that asks for side effects."""
    fields: dict[str, list[Column]] = {}
    for column in list(reading.rest):
        if "___" in column.name:
            fields.setdefault(column.name.partition("___")[0], []).append(column)
    out = []
    for columns in fields.values():
        labels = {column: choice_label(column.label) for column in columns}
        known = [
            effect_terms().knows(label) or label.lower() in ("none", "other") for label in labels.values()
        ]
        if reading.main not in ("side_effects", "sessions") or sum(known) * 2 < len(known):
            continue
        boxes = {column: label.lower() for column, label in labels.items() if label}
        plan.refuse(
            [column for column in columns if column not in boxes], "the label of its choice is no short word"
        )
        reading.rest = [column for column in reading.rest if column not in columns]
        out.append(boxes)
    return out


def _asked(draft: Draft, reading: Reading, sessions: Draft | None, *, ticks: bool) -> None:
    """Tell where side effects were asked for and there were none."""
    if "none" in draft.boxes.values():
        return
    group = reading.group
    if ticks and sessions is not None and "side_effects_recorded" not in sessions.columns:
        column = max(draft.boxes, key=lambda one: one.cells.n_filled)
        words = {word: "yes" for word in TICKED | EMPTY | SEVERITIES if word.isascii()}
        found = column.cells.known(words) | (
            {"yes": "yes", "no": "yes"} if not column.choices else {"1": "yes", "0": "yes"}
        )
        sessions.columns["side_effects_recorded"] = (column,)
        sessions.values["side_effects_recorded"] = dict(sorted(found.items()))
        sessions.notes.append("side effects were recorded where one of their columns has a cell, yes or no")
    elif ticks and "session" in draft.columns and group.filled(draft.columns["session"]).any():
        session = draft.columns["session"][0]
        if group.filled(draft.boxes)[group.filled([session])].all():
            draft.asked = session
            draft.notes.append("every row has a yes or no, so that a row without a yes is taken as none")
    elif not ticks and "status" in group.special and reading.main == "side_effects":
        draft.asked = group.special["status"]
        draft.notes.append("a form that was filled in without a tick is taken as none")
    if draft.asked is None and "side_effects_recorded" not in (sessions.columns if sessions else ()):
        draft.notes.append(
            'asked = "..." may name a column that says side effects were asked for, even if none was ticked'
        )


def place_vitals(reading: Reading, plan: Plan, sessions: Draft | None) -> None:
    if any(
        reading.has("vitals", one)
        for one in ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate", "sbp/dbp")
    ):
        draft = draft_of("vitals", reading)
        tie_to_session(draft, reading, plan, sessions)
        if "minute" not in draft.columns and "moment" not in draft.columns:
            minute = "the minute of the reading, counted from the start of the session"
            draft.lacking = "; ".join(one for one in (draft.lacking, minute) if one)
            draft.blanks = (*draft.blanks, ("constants", "minute"))
        plan.drafts.append(draft)
    numbers = {int(when.text) for _, when in reading.readings.values() if when.kind == "number"}
    counted = bool(numbers) and 0 not in numbers and max(numbers) < 10
    moments: dict[When, dict[str, list[Column]]] = {}
    for column, (target, when) in reading.readings.items():
        if target == "sbp/dbp" and column.cells.n_filled and not column.cells.share(PRESSURES):
            plan.refuse([column], "named as blood pressure, and its cells are not like systolic/diastolic")
            continue
        sure = when.kind == "minute" or (when.kind == "number" and not counted)
        key = When("minute", when.text) if sure else When("unknown", when.text)
        moments.setdefault(key, {}).setdefault(target, []).append(column)
    for when, found in moments.items():
        draft = Draft("vitals", reading.group)
        for target, columns in found.items():
            if len(columns) > 1:
                names = " or ".join(column.shown for column in columns)
                plan.refuse(columns, f"several may be {target} of one reading: {names}; keep one")
            else:
                draft.columns[target] = (columns[0],)
        if not draft.columns:
            continue
        if when.kind == "minute":
            draft.constants["minute"] = when.text
        else:
            draft.lacking = f'the minute of "{when.text}", counted from the start of the session'
            draft.blanks = (("constants", "minute"),)
        if reading.main == "vitals" and reading.has("vitals", "session"):
            draft.columns["session"] = (reading.targets["vitals"]["session"][0],)
        tie_to_session(draft, reading, plan, sessions)
        plan.drafts.append(draft)
