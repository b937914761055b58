"""A REDCap export's columns by form, and which of its rows each form's cells are in."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.readers.redcap_dictionary import Dictionary, Field, split_choices
from ketaoutcomes.readers.redcap_headers import SPECIAL
from ketaoutcomes.readers.suggest_cells import MOSTLY, Cells
from ketaoutcomes.readers.suggest_columns import Column, Group, words_of
from ketaoutcomes.readers.suggest_instruments import read_when

__all__ = ["EVENT", "dictionary_of", "redcap_columns", "redcap_groups"]

EVENT, INSTRUMENT, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
TICKED = frozenset({"1", "checked", "yes", "x", "true"})
NUMBERED = re.compile(r"(?:session|infusion|treatment|visit|dose|tx|inf)_?([0-9]{1,3})(?:_arm_[0-9]+[a-z]?)?")
ARM = re.compile(r"_arm_[0-9]+[a-z]?$")


@dataclass(frozen=True)
class _Form:
    name: str
    columns: tuple[Column, ...]
    status: Column | None


def dictionary_of(given: pd.DataFrame | Dictionary | None) -> Dictionary | None:
    """Return a dictionary, made of a frame with a row per field where it is one."""
    if given is None or isinstance(given, Dictionary):
        return given
    texts = given.astype("str").fillna("")
    fixed = {"yesno": (("1", "Yes"), ("0", "No")), "truefalse": (("1", "True"), ("0", "False"))}
    fields = []
    for row in texts.to_dict("records"):
        kind = row.get("field_type", "").strip().lower()
        coded = kind in ("radio", "dropdown", "select", "checkbox")
        fields.append(
            Field(
                row["field_name"].strip(),
                row.get("form_name", "").strip(),
                kind,
                row.get("field_label", "").strip(),
                split_choices(row.get("choices", "")) if coded else fixed.get(kind, ()),
                row.get("validation", "").strip().lower(),
                row.get("identifier", "").strip().lower() in ("y", "yes", "1"),
            )
        )
    return Dictionary(tuple(fields)) if fields else None


def redcap_columns(frame: pd.DataFrame, dictionary: Dictionary | None) -> list[Column]:
    """Return the export's columns with what the data dictionary says of each."""
    out = []
    for number, name in enumerate(map(str, frame.columns), 1):
        cells = Cells.of(frame.iloc[:, number - 1])
        known = None if dictionary is None else dictionary.field_of(name)
        if known is None:
            out.append(Column(None, name, number, cells, form=_form_of(name, dictionary)))
            continue
        label, choices = known.label, known.choices
        if known.kind == "checkbox":
            # A box is called as its choice is, and says checked or not.
            place = known.columns.index(name) if name in known.columns else None
            label, choices = ("", ()) if place is None else (known.choices[place][1], ())
        out.append(
            Column(
                None,
                name,
                number,
                cells,
                known.form,
                known.kind,
                label,
                known.validation,
                choices,
                known.identifier,
            )
        )
    return out


def _form_of(name: str, dictionary: Dictionary | None) -> str:
    """Return the form of a column that REDCap adds to it, "" if it adds none."""
    forms = () if dictionary is None else dictionary.forms
    for end in ("_complete", "_timestamp"):
        if name.endswith(end) and name.removesuffix(end) in forms:
            return name.removesuffix(end)
    return ""


def redcap_groups(frame: pd.DataFrame, columns: list[Column], patient: Column) -> list[Group]:
    """Return the forms of an export, each with the rows that its cells are in."""
    special = {column.name: column for column in columns if column.name in SPECIAL}
    own = [column for column in columns if column.name not in SPECIAL and column.key != patient.key]
    forms = _told_forms(own) if any(column.form for column in own) else _forms_in_order(own)
    return [_group(form, frame, patient, special) for form in forms]


def _told_forms(columns: list[Column]) -> list[_Form]:
    """Return the forms as the data dictionary tells them; columns it does not know stand apart."""
    by_form: dict[str, list[Column]] = {}
    for column in columns:
        by_form.setdefault(column.form, []).append(column)
    out = []
    for name, found in by_form.items():
        status = next((column for column in found if name and column.name == f"{name}_complete"), None)
        out.append(_Form(name, tuple(column for column in found if column is not status), status))
    return out


def _forms_in_order(columns: list[Column]) -> list[_Form]:
    """Return the forms by their columns of status, of which each stands last on its form."""
    out: list[_Form] = []
    found: list[Column] = []
    for column in columns:
        if column.name.endswith("_complete"):
            out.append(_Form(column.name.removesuffix("_complete"), tuple(found), column))
            found = []
        else:
            found.append(column)
    return [*out, _Form("", tuple(found), None)] if found else out


def _group(form: _Form, frame: pd.DataFrame, patient: Column, special: dict[str, Column]) -> Group:
    """Return a form's columns with the rows that they are in, as REDCap's own columns tell them."""
    rows = _rows(form, frame)
    inside = frame[rows].reset_index(drop=True)
    when: dict[str, tuple[str, ...]] = {}
    for name in (INSTRUMENT, EVENT):
        if name not in special or inside.empty:
            continue
        cells, everywhere = _texts(inside, name), _texts(frame, name)
        found = tuple(dict.fromkeys(cells))
        if set(found) < set(everywhere) and not any(
            one and class_of_name(one, "safe-harbor") for one in found
        ):
            when[name] = found
    alone = (
        INSTRUMENT in special
        and not inside.empty
        and bool((_texts(inside, INSTRUMENT) != "").mean() > MOSTLY)
    )
    session, values, days = None, {}, {}
    if EVENT in special and not inside.empty:
        events = list(dict.fromkeys(_texts(inside, EVENT)))
        numbered = {event: NUMBERED.fullmatch(event) for event in events}
        if len(events) > 1 and all(numbered.values()):
            session, values = EVENT, {event: str(int(found[1])) for event, found in numbered.items()}
        days = _days(events)
    restarts = False
    if session is None and INSTANCE in special and not inside.empty:
        filled = bool((_texts(inside, INSTANCE) != "").mean() > MOSTLY)
        restarts = filled and _restarts(inside, patient)
        session = INSTANCE if filled and not restarts else None
    if form.status is not None:
        special = {**special, "status": form.status}
    if days and EVENT not in when:
        when = {**when, EVENT: tuple(events)}
    return Group(
        form.name,
        None,
        form.columns,
        inside,
        patient.name,
        when,
        special,
        session,
        values,
        alone and (restarts or session == INSTANCE),
        days,
        restarts,
    )


def _restarts(frame: pd.DataFrame, patient: Column) -> bool:
    """Whether a patient has an instance of one number twice, as where each event counts its own."""
    pairs = pd.DataFrame({"patient": _texts(frame, patient.name), "instance": _texts(frame, INSTANCE)})
    return bool(pairs[pairs["instance"] != ""].duplicated().any())


def _texts(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name].astype("str").fillna("").str.strip()


def _rows(form: _Form, frame: pd.DataFrame) -> np.ndarray:
    """Mark the rows in which a form has a cell; a box counts where it is ticked."""
    out = np.zeros(len(frame), dtype=bool)
    for column in form.columns:
        cells = _texts(frame, column.name)
        box = column.kind == "checkbox" or "___" in column.name
        out |= (cells.str.lower().isin(TICKED) if box else cells != "").to_numpy(bool)
    if form.status is not None:
        # A form that was filled in with nothing ticked is a form all the same.
        out |= (
            _texts(frame, form.status.name)
            .str.lower()
            .isin(["1", "2", "unverified", "complete"])
            .to_numpy(bool)
        )
    return out


def _days(events: list[str]) -> dict[str, str]:
    """Return the day of each event whose name tells it: week_2_arm_1 is day 14."""
    out = {}
    for event in events:
        words = words_of(ARM.sub("", event))
        found = read_when(words, 0) if words else None
        if found is not None and found[1] == len(words) and found[0].kind == "day":
            out[event] = found[0].text
    return out
