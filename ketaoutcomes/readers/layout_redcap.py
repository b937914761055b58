"""A cohort's tables laid out as a REDCap project would export them: one flat CSV and its data dictionary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.csv_text import read_csv
from ketaoutcomes.cohort.csv_write import csv_text
from ketaoutcomes.cohort.files import find_tables, folder_path, read_table
from ketaoutcomes.cohort.folder_write import replace_folder
from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.cohort.settings import Settings, read_settings
from ketaoutcomes.errors import DataError

__all__ = ["DICTIONARY_FILE", "EXPORT_FILE", "write_redcap"]

EXPORT_FILE, DICTIONARY_FILE = "export.csv", "dictionary.csv"
# Beginnings of the fields' names, and the forms they stand on; each instrument has a form of its own.
FORMS = {
    "patients": ("demographics", ""),
    "sessions": ("session", "session_"),
    "side_effects": ("side_effect", "se_"),
    "vitals": ("vitals", "vitals_"),
    "disposition": ("disposition", "disposition_"),
}
ONCE = ("demographics", "disposition")
NO_INSTRUMENT = "assessment"
LEAD = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
# A field has one of a few choices if so many different cells or fewer stand in it.
MOST_CHOICES = 20
NEARLY_ALL = 0.9
DATE, CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r" [0-9]{2}:[0-9]{2}"
WHOLE, DECIMAL = r"[+-]?[0-9]+", r"[+-]?[0-9]*\.?[0-9]+"
DICTIONARY_HEADER = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)


@dataclass(frozen=True)
class _Made:
    """One field: its line of the dictionary, and its cells as codes."""

    name: str
    kind: str
    label: str
    choices: str
    validation: str
    cells: pd.Series


@dataclass(frozen=True)
class _Form:
    """One form, and the records of its rows."""

    name: str
    fields: tuple[_Made, ...]
    record: pd.Series


def write_redcap(tables: str | Path | Mapping[str, pd.DataFrame], out: str | Path) -> Path:
    """Write a cohort's tables as a REDCap export and its data dictionary, and return the folder.

    Words become coded choices and yes or no becomes 1 or 0; all other cells stay
    as they stand. A patient's data stand in a first row, and each session, side
    effect, reading and assessment in a row of a repeating form.

    Parameters
    ----------
    tables : str, Path or mapping of str to DataFrame
        A cohort's folder, or its tables by name.
    out : str or Path
        A new or empty folder, for `export.csv` and `dictionary.csv`.

    Raises
    ------
    DataError
        If a table cannot be read, or `patients` is not there.
    FileExistsError
        If `out` holds anything: a real export may have these names.
    """
    frames = _texts(tables)
    if "patients" not in frames:
        raise DataError("the table 'patients' is needed to write a REDCap export")
    # Names that REDCap's own columns have, and those by which rows are put in order here.
    taken = {*LEAD, "record", "form", "nth", *(f"{form}_complete" for form, _ in FORMS.values())}
    forms = [_form(*FORMS["patients"], "patients", frames["patients"], taken)]
    if "sessions" in frames:
        forms.append(_form(*FORMS["sessions"], "sessions", frames["sessions"], taken))
    if "scores" in frames:
        forms += _instruments(frames["scores"], taken)
    forms += [
        _form(*FORMS[name], name, frames[name], taken)
        for name in ("side_effects", "vitals", "disposition")
        if name in frames
    ]
    files = {
        EXPORT_FILE: csv_text(_export(forms)).encode(),
        DICTIONARY_FILE: csv_text(_dictionary(forms)).encode(),
    }
    return replace_folder(out, files, is_own=lambda folder: False, what="REDCap export")


def _texts(tables: str | Path | Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables as text under normal names."""
    if isinstance(tables, Mapping):
        raws = {
            name: read_csv(csv_text(frame, digits=None).encode(), Settings(), table=name).frame
            for name, frame in tables.items()
            if name in TABLES
        }
    else:
        folder = folder_path(tables)
        contents = find_tables(folder)
        if contents.problems:
            raise DataError(list(contents.problems))
        settings = read_settings(folder)
        raws = {name: read_table(path, name, settings).frame for name, path in contents.paths.items()}
    out = {}
    for name, frame in raws.items():
        texts = frame.astype("str").fillna("").reset_index(drop=True)
        out[name] = texts.set_axis([normal_name(column) for column in texts.columns], axis=1)
        if "patient_id" not in out[name].columns:
            raise DataError(f"the table '{name}' has no column patient_id")
    return out


def _instruments(scores: pd.DataFrame, taken: set[str]) -> list[_Form]:
    """Return one form per instrument; spellings that differ in signs alone share it."""
    names = scores["instrument"] if "instrument" in scores.columns else pd.Series("", index=scores.index)
    slugs = names.str.lower().str.replace("[^a-z0-9]", "", regex=True)
    slugs = slugs.where(slugs.str.match("[a-z]"), "x" + slugs).mask(slugs == "", NO_INSTRUMENT)
    forms = []
    slugs = slugs.where(~slugs.isin([form for form, _ in FORMS.values()]), slugs + "_scale")
    taken |= {f"{slug}_complete" for slug in slugs.unique()}
    for slug in sorted(slugs.unique()):
        rows = (
            scores[(slugs == slug).to_numpy()]
            .reset_index(drop=True)
            .drop(columns="instrument", errors="ignore")
        )
        filled = [name for name in rows.columns if name == "score" or (rows[name].str.strip() != "").any()]
        forms.append(_form(slug, f"{slug}_", "scores", rows[filled], taken))
    return forms


def _form(name: str, lead: str, table: str, rows: pd.DataFrame, taken: set[str]) -> _Form:
    columns = [column for column in rows.columns if column != "patient_id" and column]
    fields = tuple(_field(lead, table, column, rows[column], taken) for column in columns)
    return _Form(name, fields, rows["patient_id"])


def _field(lead: str, table: str, column: str, cells: pd.Series, taken: set[str]) -> _Made:
    """Return a field of the kind that its cells allow."""
    own = {"score": "total", "session": "number" if table == "sessions" else "session"}
    item = ITEM.fullmatch(column) if table == "scores" else None
    tail = item[1] if item else "date" if column == TABLES[table].date else own.get(column, column)
    name = re.sub("[^a-z0-9_]", "_", f"{lead}{tail}")
    name = name if re.match("[a-z]", name) else f"f_{name}"
    while name in taken:
        name += "_2"
    taken.add(name)
    label = f"Item {item[1]}" if item else tail.replace("_", " ").capitalize()
    texts = sorted(set(cells.unique()) - {""})
    if texts and set(texts) <= {"yes", "no"}:
        return _Made(name, "yesno", label, "", "", cells.replace({"yes": "1", "no": "0"}))
    is_code = any(one.name == column and one.kind == "id" for one in TABLES[table].columns)
    validation = "" if is_code else _validation(texts)
    if (
        texts
        and not validation
        and not is_code
        and len(texts) <= MOST_CHOICES
        and not any("|" in one or one != one.strip() for one in texts)
    ):
        codes = {text: str(number) for number, text in enumerate(texts, 1)}
        choices = " | ".join(f"{code}, {text}" for text, code in codes.items())
        return _Made(name, "radio", label, choices, "", cells.replace(codes))
    return _Made(name, "text", label, "", validation, cells)


def _validation(texts: list[str]) -> str:
    """Return the narrowest check of REDCap's that nearly all cells pass; import lets others through."""
    kinds = {"date_ymd": DATE, "datetime_ymd": f"{DATE}(?:{CLOCK})?", "integer": WHOLE, "number": DECIMAL}
    if not texts:
        return ""
    for kind, form in kinds.items():
        if sum(re.fullmatch(form, one) is not None for one in texts) >= NEARLY_ALL * len(texts):
            return kind
    return ""


def _export(forms: list[_Form]) -> pd.DataFrame:
    """Return the flat export: by record, first what stands once, then the forms' rows in order."""
    order = {record: place for place, record in enumerate(_records(forms))}
    once = [_rows(form) for form in forms if form.name in ONCE]
    # A second row of somebody's stays a row of its own, and rows of nobody are never joined.
    first = once[0]
    for number, other in enumerate(once[1:], 1):
        other["nth"] += np.where(other["record_id"] == "", 1_000_000 * number, 0)
        first = first.merge(other, on=["record_id", "nth"], how="outer")
    parts = [first.assign(form=0, redcap_repeat_instrument="", redcap_repeat_instance="")]
    for number, form in enumerate(forms, 1):
        if form.name not in ONCE:
            rows = _rows(form)
            instance = (rows["nth"] + 1).astype("str")
            parts.append(
                rows.assign(form=number, redcap_repeat_instrument=form.name, redcap_repeat_instance=instance)
            )
    whole = pd.concat(parts, ignore_index=True)
    whole["record"] = whole["record_id"].map(order)
    whole = whole.sort_values(["record", "form", "nth"], kind="stable", ignore_index=True)
    names = [name for form in forms for name in (*(one.name for one in form.fields), f"{form.name}_complete")]
    return whole[[*LEAD, *names]].fillna("")


def _records(forms: list[_Form]) -> pd.Index:
    """Return the records in the order in which they appear, nobody's rows last."""
    found = pd.Index(pd.concat([form.record for form in forms], ignore_index=True).unique())
    return found[found != ""].append(found[found == ""])


def _rows(form: _Form) -> pd.DataFrame:
    """Return a form's rows under the fields' names, with the number of each within its record."""
    frame = pd.DataFrame({"record_id": form.record} | {one.name: one.cells for one in form.fields})
    nth = form.record.groupby(form.record, sort=False).cumcount()
    return frame.assign(**{f"{form.name}_complete": "2", "nth": nth})


def _dictionary(forms: list[_Form]) -> pd.DataFrame:
    """Return the data dictionary, one row per field."""
    lines = [("record_id", forms[0].name, "text", "Record ID", "", "")]
    lines += [
        (one.name, form.name, one.kind, one.label, one.choices, one.validation)
        for form in forms
        for one in form.fields
    ]
    frame = pd.DataFrame(
        lines, columns=[DICTIONARY_HEADER[place] for place in (0, 1, 3, 4, 5, 7)], dtype="str"
    )
    return frame.reindex(columns=list(DICTIONARY_HEADER), fill_value="")
