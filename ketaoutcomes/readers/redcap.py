"""REDCap's flat CSV export to a cohort: classic, longitudinal and repeating projects, raw or with labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.privacy import CLOCK_COLUMNS, scan_columns
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings, make_settings
from ketaoutcomes.errors import PrivacyError, Problem
from ketaoutcomes.readers.apply import apply_mapping, hold_to_sheets
from ketaoutcomes.readers.coding import coded_cohort
from ketaoutcomes.readers.decimals import decimal_points
from ketaoutcomes.readers.export import Export
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.mapping import TableMapping, parse_mapping
from ketaoutcomes.readers.redcap_dictionary import Dictionary, read_dictionary
from ketaoutcomes.readers.redcap_file import read_csv_file
from ketaoutcomes.readers.redcap_headers import SPECIAL, field_names, unite_columns
from ketaoutcomes.readers.redcap_labels import codes_for_labels, form_states, names_for_labels

__all__ = ["RedcapTable", "read_redcap", "redcap_export", "redcap_table"]

WHAT = "the export"
MARKED = (
    "is marked as an identifier in the data dictionary; take it out of the mapping; a marked date may only "
    "be a time of sessions, scores or the end of treatment, in a limited data set"
)
CHECKED = (
    "is a field for e-mail addresses, telephone, record or identity numbers or ZIP codes; take it out of the "
    "mapping"
)
# Text fields that REDCap itself holds to such a form, whether or not they are marked.
PERSONAL = re.compile(r"email|phone|ssn|zipcode|postalcode|mrn|vmrn")
CODE_OF_PATIENT = re.compile(
    r"(?:patient|pt|subject|participant|client)[ _-]?(?:id|no|nr|num|number|code)", re.I
)


@dataclass(frozen=True)
class RedcapTable:
    """An export under field names, each once, cells as text.

    Parameters
    ----------
    frame : (n, k) DataFrame
        The rows that could be put into columns.
    raw : RawTable
        The file's cells as read, with its ragged rows.
    dictionary : Dictionary or None
    notes : tuple of Problem
    """

    frame: pd.DataFrame
    raw: RawTable
    dictionary: Dictionary | None
    notes: tuple[Problem, ...]


def read_redcap(
    csv: str | Path,
    dictionary: str | Path | Dictionary | None = None,
    mapping: str | Path | Mapping | TableMapping | None = None,
    *,
    timezone: str | None = None,
    key: str | Path | None = None,
) -> Cohort:
    """Return the cohort in a REDCap export, under the same checks as a folder's files.

    Parameters
    ----------
    csv : str or Path
        The flat export, raw or with labels: "CSV / Microsoft Excel".
    dictionary : str, Path or Dictionary, optional
        The project's data dictionary as CSV. With it an export with labels reads
        as a raw one does, and fields marked as identifiers are refused.
    mapping : str, Path or mapping, optional
        Which columns become which columns of the cohort's tables. The suggested
        one when absent.
    timezone : str, optional
        IANA zone of the clock times, in place of the mapping's own.
    key : str or Path, optional
        File in which random codes for the patients are kept, readable by its owner
        alone; it is made, or extended, and the codes stand in place of the
        export's ids, which may then be record numbers.

    Returns
    -------
    Cohort
        `.sources` says what became of every row, `.unmapped` which columns were left out.

    Raises
    ------
    PrivacyError
        If the mapping takes in what identifies people.
    ConfigError
        If the mapping cannot be used, or names columns that are not there.
    DataError
        If a file cannot be read, or a table that is needed stays empty.
    """
    export = redcap_export(csv, dictionary, mapping, timezone=timezone, coded=key is not None)
    return coded_cohort(export, key)


def redcap_export(
    csv: str | Path,
    dictionary: str | Path | Dictionary | None = None,
    mapping: str | Path | Mapping | TableMapping | None = None,
    *,
    timezone: str | None = None,
    coded: bool = False,
) -> Export:
    """Return what a mapping takes from a REDCap export, and what became of each row and column.

    Parameters and errors are those of `read_redcap`; the cohort's own checks come later.
    With `coded` the ids will be replaced, so that they may say who somebody is.
    """
    chosen = None if mapping is None else parse_mapping(mapping)
    table = redcap_table(csv, dictionary, chosen)
    notes = list(table.notes)
    if chosen is None:
        chosen, told = _suggested(table, timezone)
        notes += told
    settings = chosen.settings if timezone is None else _with_timezone(chosen.settings, timezone)
    hold_to_sheets(chosen, {None: table.frame.columns})
    _refuse_identifiers(chosen, table.dictionary, coded=coded)
    intake = Intake(settings, only_listed=chosen.only_listed)
    for note in notes:
        intake.note(note.message, column=note.column, n_rows=note.n_rows, rule=note.rule)
    source = _open(intake, csv, table.raw)
    _set_aside_nobodys(intake, source, table, chosen)
    apply_mapping(chosen, intake, source, table.frame)
    return intake.finish()


def redcap_table(
    csv: str | Path,
    dictionary: str | Path | Dictionary | None = None,
    mapping: TableMapping | None = None,
) -> RedcapTable:
    """Return an export under field names, choices as codes; the mapping says which names it needs as written.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    settings = Settings() if mapping is None else mapping.settings
    raw, commas = decimal_points(read_csv_file(csv, WHAT, settings), settings, WHAT)
    known = None if dictionary is None else read_dictionary(dictionary, settings)
    wanted = {} if mapping is None else _asked_for(mapping)
    headers = [str(name) for name in raw.frame.columns]
    found = field_names(headers, known, () if mapping is None else _named(mapping))
    frame, notes = unite_columns(raw.frame, found.names)
    if known is not None:
        frame, told = codes_for_labels(frame, known, labelled=found.labelled)
        notes += told + _strangers(frame, known)
    frame = names_for_labels(frame, known, wanted)
    if found.n_unsure:
        message = (
            f"{found.n_unsure} headers are labels that several fields of the data dictionary have, and which "
            "of them is meant is not sure; they stay as written; export with 'raw' headers to name them"
        )
        notes.append(Problem(message, rule="label_unsure"))
    if raw.n_blank:
        notes.append(Problem(f"{RULES['blank_lines'].reason}: {raw.n_blank}", rule="blank_lines"))
    return RedcapTable(frame, raw, known, (*commas, *notes, *form_states(frame)))


def _named(mapping: TableMapping) -> set[str]:
    return {mapping.patient_id, *(name for block in mapping.blocks for name in block.named)}


def _asked_for(mapping: TableMapping) -> dict[str, set[str]]:
    """Return the cells by which the mapping chooses rows, by column."""
    out: dict[str, set[str]] = {}
    for block in mapping.blocks:
        for name, cells in block.when.items():
            out.setdefault(name.strip().lower(), set()).update(cells)
    return out


def _strangers(frame: pd.DataFrame, dictionary: Dictionary) -> list[Problem]:
    """Note that the dictionary does not fit the export, as one of another project or an older one."""
    statuses = {f"{form}_{end}" for form in dictionary.forms for end in ("complete", "timestamp")}
    known = [dictionary.field_of(str(name)) is not None or name in statuses for name in frame.columns]
    strange = sum(not one and name not in SPECIAL for one, name in zip(known, frame.columns, strict=True))
    if not strange:
        return []
    message = f"{strange} columns are not in the data dictionary; is it this project's, and up to date?"
    return [Problem(message, rule="not_in_dictionary")]


def _suggested(table: RedcapTable, timezone: str | None) -> tuple[TableMapping, list[Problem]]:
    """Return the mapping that headers and dictionary suggest, and a note that it is a suggestion."""
    from ketaoutcomes.readers.suggest import suggest

    found = suggest(table.frame, kind="redcap", dictionary=table.dictionary, timezone=timezone)
    message = (
        "no mapping was given, so that the suggested one was used; read it with `ketaoutcomes import "
        "--suggest` before you use any number"
    )
    return parse_mapping(found.mapping), [Problem(message, rule="suggested_mapping")]


def _with_timezone(settings: Settings, timezone: str) -> Settings:
    known = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    return make_settings(known | {"timezone": timezone})


def _refuse_identifiers(mapping: TableMapping, dictionary: Dictionary | None, *, coded: bool) -> None:
    """Refuse a mapping that takes in what is named, marked or checked by REDCap as identifying people."""
    id_name = mapping.patient_id.strip()
    problems = []
    named = [one for one in scan_columns(WHAT, [id_name], allowed=()) if one.rule != "identifier:R"]
    if named and not coded and not CODE_OF_PATIENT.fullmatch(id_name):
        message = (
            "the column that the mapping gives as the patient's code is named as if it identified people; "
            "give the project's own record id, made from nothing about them, or have new codes made (--key)"
        )
        problems.append(Problem(message, WHAT, rule=named[0].rule))
    taken = {*([] if coded else [id_name]), *(name for block in mapping.blocks for name in block.checkboxes)}
    taken |= {name.strip() for block in mapping.blocks for names in block.columns.values() for name in names}
    clocks = _dates_that_may_stand(mapping, dictionary)
    found = {dictionary.field_of(name) or dictionary.field_of(name.lower()) for name in taken if dictionary}
    for field in sorted(found - {None}, key=lambda one: one.name):
        personal = PERSONAL.match(field.validation)
        # The record's id may be marked, as it is a code that stays with a person.
        marked = field.identifier and field.name != dictionary.record_id and field.name not in clocks
        if marked or personal:
            problems.append(Problem(MARKED if marked else CHECKED, WHAT, field.name, "identifier:dictionary"))
    if problems:
        raise PrivacyError(problems)


def _dates_that_may_stand(mapping: TableMapping, dictionary: Dictionary | None) -> set[str]:
    """Return the date fields that give nothing but times, in a limited data set, in which dates may stand."""
    if dictionary is None or not mapping.settings.dates_allowed:
        return set()
    targets: dict[str, set[bool]] = {}
    for block in mapping.blocks:
        for target, names in block.columns.items():
            for name in names:
                targets.setdefault(name.strip().lower(), set()).add(target in CLOCK_COLUMNS | {"moment"})
    return {
        field.name
        for field in dictionary.fields
        if field.validation.startswith(("date_", "datetime_")) and targets.get(field.name) == {True}
    }


def _open(intake: Intake, csv: str | Path, raw: RawTable) -> int:
    """Register the export as a source: the rows in columns first, then the ragged ones, set aside."""
    n = len(raw.frame)
    numbers = np.arange(2, n + 2) if raw.row_numbers is None else np.asarray(raw.row_numbers)
    ragged = [rows for _, rows in raw.unplaced]
    numbers = np.concatenate([numbers, *ragged])
    source = intake.open(Path(csv).name, numbers.size, numbers)
    start = n
    for rule, rows in raw.unplaced:
        intake.set_aside(source, np.arange(start, start + rows.size), rule)
        start += rows.size
    return source


def _set_aside_nobodys(intake: Intake, source: int, table: RedcapTable, mapping: TableMapping) -> None:
    """Set aside rows without the record's id, which REDCap writes into every row."""
    folded = {str(name).strip().casefold(): name for name in reversed(table.frame.columns)}
    ids = table.frame[folded[mapping.patient_id.strip().casefold()]].str.strip()
    intake.set_aside(source, np.flatnonzero((ids == "").to_numpy(bool)), "no_record_id")
