"""REDCap's data dictionary: the fields of each form, their labels, and the codes of their choices."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.opening import shown_name
from ketaoutcomes.readers.redcap_file import read_csv_file

__all__ = ["COMPLETE", "TICKED", "Dictionary", "Field", "label_key", "read_dictionary", "split_choices"]

# The columns that count, by place in a dictionary: REDCap writes the same order in every language.
PLACES: Mapping[str, int] = {
    "field_name": 0,
    "form_name": 1,
    "field_type": 3,
    "field_label": 4,
    "choices": 5,
    "validation": 7,
    "identifier": 10,
}
HEADERS: Mapping[str, tuple[str, ...]] = {
    "field_name": ("variable / field name", "field_name"),
    "form_name": ("form name", "form_name"),
    "field_type": ("field type", "field_type"),
    "field_label": ("field label", "field_label"),
    "choices": (
        "choices, calculations, or slider labels",
        "choices or calculations",
        "select_choices_or_calculations",
    ),
    "validation": (
        "text validation type or show slider number",
        "text validation type",
        "text_validation_type_or_show_slider_number",
    ),
    "identifier": ("identifier?", "identifier"),
}
WRITTEN = ("text", "notes", "textarea", "calc", "file", "slider", "descriptive", "sql")
TYPES = frozenset({*WRITTEN, "radio", "dropdown", "select", "checkbox", "yesno", "truefalse"})
CODED = frozenset({"radio", "dropdown", "select", "checkbox"})
FIXED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "yesno": (("1", "Yes"), ("0", "No")),
    "truefalse": (("1", "True"), ("0", "False")),
}
COMPLETE = (("0", "Incomplete"), ("1", "Unverified"), ("2", "Complete"))
TICKED = (("1", "Checked"), ("0", "Unchecked"))
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
WHAT = "the data dictionary"


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    name, form : str
    kind : str
        REDCap's field type, e.g. "text", "radio", "checkbox".
    label : str
        As the form shows it, without markup.
    choices : tuple of (str, str)
        Code and label of each choice; empty where there are none.
    validation : str
        E.g. "date_mdy", "number"; "" where there is none.
    identifier : bool
        Marked in REDCap as identifying people.
    """

    name: str
    form: str
    kind: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()
    validation: str = ""
    identifier: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns in an export: one, or one per box of a checkbox field."""
        if self.kind == "descriptive":
            return ()
        if self.kind == "checkbox":
            return tuple(f"{self.name}___{box_code(code)}" for code, _ in self.choices)
        return (self.name,)

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers of its columns in an export with labels."""
        if self.kind == "checkbox":
            return tuple(f"{self.label} (choice={label})" for _, label in self.choices)
        return (self.label,) * len(self.columns)


@dataclass(frozen=True)
class Dictionary:
    """A project's fields, in the order of the dictionary."""

    fields: tuple[Field, ...]

    @property
    def record_id(self) -> str:
        """Name of the field that holds the record's id, which is always the first."""
        return self.fields[0].name

    @property
    def forms(self) -> tuple[str, ...]:
        """Names of the forms, in order."""
        return tuple(dict.fromkeys(field.form for field in self.fields))

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Fields by name."""
        return {field.name: field for field in self.fields}

    def field_of(self, column: str) -> Field | None:
        """Return the field that a column of an export belongs to, one box of a checkbox field too."""
        return self.by_name.get(column) or self.by_name.get(column.partition("___")[0])

    def choices_of(self, column: str) -> tuple[tuple[str, str], ...]:
        """Return code and label of everything that a column's cells may say, if that is fixed."""
        field = self.by_name.get(column)
        if field is not None:
            return field.choices
        if column.endswith("_complete") and column.removesuffix("_complete") in self.forms:
            return COMPLETE
        field = self.by_name.get(column.partition("___")[0])
        if field is None or field.kind != "checkbox" or column not in field.columns:
            return ()
        # A ticked box may also be written as the label of its choice.
        own = field.choices[field.columns.index(column)][1]
        return (*TICKED, ("1", own))


def box_code(code: str) -> str:
    """Return the code of a choice as a checkbox field's column has it: -1 is _1."""
    return re.sub(r"[^a-z0-9_]", "", re.sub(r"[-.]", "_", code.lower()))


def label_key(label: str) -> str:
    """Return a label without markup, quotation marks and further blanks, to compare labels by."""
    plain = html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", html.unescape(label)))
    return " ".join(re.sub("[\"'\u2018\u2019\u201c\u201d]", "", plain).split())


def split_choices(text: str) -> tuple[tuple[str, str], ...]:
    """Return code and label of each choice in "1, Yes | 0, No"."""
    pairs = (part.partition(",") for part in text.split("|") if part.strip())
    return tuple((code.strip(), label.strip()) for code, _, label in pairs)


def read_dictionary(file: str | Path | Dictionary, settings: Settings | None = None) -> Dictionary:
    """Return REDCap's data dictionary from its CSV file.

    Parameters
    ----------
    file : str, Path or Dictionary
        As downloaded from the project or written by REDCap's interface for
        programs; the header may be in any language. A Dictionary stays as it is.
    settings : Settings, optional
        Of the export; its encoding is tried where the file is not UTF-8.

    Raises
    ------
    DataError
        If the file cannot be read, or is not a data dictionary.
    """
    if isinstance(file, Dictionary):
        return file
    try:
        raw = read_csv_file(file, WHAT, Settings())
    except DataError as error:
        if error.problems[0].rule != "encoding" or settings is None or settings.encoding is None:
            raise
        raw = read_csv_file(file, WHAT, replace(Settings(), encoding=settings.encoding))
    shown = shown_name(Path(file), WHAT)
    rows = _rows(raw.frame, shown)
    numbers = range(2, len(rows) + 2) if raw.row_numbers is None else raw.row_numbers.tolist()
    problems = [
        Problem(
            "rows of the data dictionary have more or fewer cells than its header; download it again",
            shown,
            rule=rule,
            n_rows=len(ragged),
            first_row=int(ragged[0]),
        )
        for rule, ragged in raw.unplaced
    ]
    problems += _faults(rows, list(numbers), shown)
    if problems:
        raise DataError(problems)
    return Dictionary(tuple(_field(row) for row in rows.to_dict("records")))


def _rows(frame: pd.DataFrame, shown: str) -> pd.DataFrame:
    """Return the columns that count under our names, found by header or else by place."""
    headers = [" ".join(str(name).lower().split()) for name in frame.columns]
    places = {
        name: next((headers.index(one) for one in known if one in headers), None)
        for name, known in HEADERS.items()
    }
    if places["field_name"] is None or places["field_type"] is None:
        places = {name: place if place < len(headers) else None for name, place in PLACES.items()}
    blank = pd.Series([""] * len(frame), index=frame.index, dtype="str")
    rows = {
        name: blank if place is None else frame.iloc[:, place].str.strip() for name, place in places.items()
    }
    if frame.empty or places["field_type"] is None:
        raise DataError(Problem(NOT_A_DICTIONARY, shown, None, "not_a_dictionary"))
    return pd.DataFrame(rows)


NOT_A_DICTIONARY = (
    "this is not a REDCap data dictionary; download it under 'Data Dictionary' as CSV, and leave its columns "
    "in their order"
)


def _faults(rows: pd.DataFrame, numbers: list[int], shown: str) -> list[Problem]:
    """Return what is wrong with the fields; a dictionary's cells may name people, so none is told."""
    names = rows["field_name"]
    unknown = ~rows["field_type"].str.lower().isin(TYPES).to_numpy(bool)
    unnamed = ~names.str.fullmatch(FIELD_NAME.pattern).to_numpy(bool)
    if unknown.mean() > 0.5 or unnamed.mean() > 0.5:
        return [Problem(NOT_A_DICTIONARY, shown, None, "not_a_dictionary")]
    checks = (
        (unknown, "fields have a type that REDCap does not have"),
        (unnamed, "fields have no name of small letters, digits and underscores"),
        (names.duplicated().to_numpy(bool) & ~unnamed, "fields have the same name as an earlier one"),
    )
    return [
        Problem(
            f"{message}; download the dictionary again",
            shown,
            rule="not_a_dictionary",
            n_rows=int(wrong.sum()),
            first_row=numbers[int(wrong.argmax())],
        )
        for wrong, message in checks
        if wrong.any()
    ]


def _field(row: Mapping[str, str]) -> Field:
    kind = row["field_type"].lower()
    choices = split_choices(row["choices"]) if kind in CODED else FIXED.get(kind, ())
    return Field(
        row["field_name"],
        row["form_name"],
        kind,
        row["field_label"],
        choices,
        row["validation"].lower(),
        row["identifier"].lower() in ("y", "yes", "1"),
    )
