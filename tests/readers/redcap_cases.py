# ruff: noqa: E501
# fmt: off
"""The corpus of tricky REDCap exports: each a small change of a good one, with what a researcher should be told.

A case says either the error and its rules, or exactly what becomes of the rows:
what is not listed must not happen. The good project has ten rows, of which
2 patients, 4 sessions, 4 scores and 4 side effects are made.
"""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from readers.redcap_project import (
    DICTIONARY,
    EXPORT,
    Change,
    act,
    block,
    cell,
    column,
    dictionary,
    entry,
    header,
    labels,
    row,
    style,
    top,
    without,
)

CANARY = "zqxcanary"  # stands in every wrong cell that can hold text


@dataclass(frozen=True)
class Case:
    """One export.

    Parameters
    ----------
    name : str
    changes : tuple of Change
    raises : str, optional
        Class of the error.
    rules : tuple of str
        Rules that the error names.
    made : mapping of str to int
        Rows of the cohort's tables, where they are not the good project's.
    kept, unmapped : int
        Rows of the export.
    aside : mapping of str to int
        Rows of the export set aside, by rule.
    notes : tuple of str
        Rules of what is told for information; no others may be.
    then : callable, optional
        Told the cohort, says whether it holds what it should.
    """

    name: str
    changes: tuple[Change, ...]
    raises: str | None = None
    rules: tuple[str, ...] = ()
    made: Mapping[str, int] = field(default_factory=dict)
    kept: int = 10
    unmapped: int = 0
    aside: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    then: Callable | None = None


def fine(name: str, *changes: Change, **expected: object) -> Case:
    """An export that can be read."""
    return Case(name, changes, **expected)


def refused(name: str, *changes: Change, rules: str, raises: str = "DataError") -> Case:
    """An export that cannot be used."""
    return Case(name, changes, raises=raises, rules=tuple(rules.split()))


def private(name: str, *changes: Change, rules: str) -> Case:
    """An export of which the mapping takes in what identifies people."""
    return refused(name, *changes, rules=rules, raises="PrivacyError")


def misconfigured(name: str, *changes: Change) -> Case:
    """A mapping that cannot be used."""
    return refused(name, *changes, rules="config", raises="ConfigError")


def as_text(table: str, name: str) -> Callable:
    """The cells of a column of the cohort, as text, in order."""
    return lambda cohort: cohort.tables[table][name].astype("str").tolist()


def holds(table: str, name: str, *cells: str) -> Callable:
    """Whether a column of the cohort holds just these cells, in order; missing is "nan"."""
    return lambda cohort: [str(one) for one in cohort.tables[table][name].tolist()] == list(cells)


LATIN = "Dépression"
EVENTS = ["baseline_arm_1", "treatment_arm_1", "treatment_arm_1", "baseline_arm_1", "follow_up_arm_1"] * 2
NAMED_EVENTS = ["Baseline", "Treatment", "Treatment", "Baseline", "Follow up"] * 2
BY_EVENT = [block(0, when={"redcap_event_name": "baseline_arm_1"}, needs=["age"]), block(1, when={"redcap_event_name": "treatment_arm_1"}), block(2, when={"redcap_event_name": "treatment_arm_1"})]
REPEATING_EVENTS = [column("redcap_event_name", EVENTS, 1)] + [cell(number, "redcap_repeat_instrument", "") for number in (3, 4, 8, 9)]
GROUPS = ["clinic_one"] * 5 + ["clinic_two"] * 5
API_DICTIONARY = "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations,field_note,text_validation_type_or_show_slider_number,text_validation_min,text_validation_max,identifier\n" + DICTIONARY.split("\n", 1)[1]
SPANISH = "Nombre de la variable,Nombre del formulario,Encabezado,Tipo de campo,Etiqueta,Opciones,Nota,Validacion,Min,Max,Identificador\n" + DICTIONARY.split("\n", 1)[1]
SUBSET = without("demographics_complete", "session_complete", "phq9_complete", "inf_route", "inf_mgkg", "phq9_total", "phq9_note", "inf_date", "se___1", "se___2", "se____1")
BIG = "x" * 10_000_000
LINES = EXPORT.split("\n")
# Classic: one row per patient; a session and an assessment are further columns.
CLASSIC = "record_id,sex,age,inf_date,inf_route,inf_mgkg,se___1,se___2,se____1,phq9_date,phq9_total\nQX7701,2,34,2026-02-02 09:00,1,0.5,1,0,0,2026-02-01 10:00,20\nQX7702,1,45,2026-02-03 09:00,2,0.6,0,0,0,2026-02-02 10:00,18\n"
ALL_ROWS = [block(number, when={}) for number in range(4)]
NO_NUMBER = [block(1, columns={"start": "inf_date", "route": "inf_route", "dose_mg_per_kg": "inf_mgkg"}), block(2, columns={"moment": "inf_date"})]


def unset(number: int, key: str) -> Change:
    """A block of the mapping without one of its keys."""
    def change(project) -> None:
        del project.mapping["rows"][number][key]
    return change


def replaced(number: int, **keys: object) -> Change:
    """A block of the mapping with other keys, none added to what is there."""
    def change(project) -> None:
        project.mapping["rows"][number] |= keys
    return change


def link(folder) -> None:
    """The export behind a link."""
    os.rename(folder / "export.csv", folder / "real.csv")
    (folder / "export.csv").symlink_to(folder / "real.csv")


def linked_dictionary(folder) -> None:
    """The dictionary behind a link."""
    os.rename(folder / "dictionary.csv", folder / "real.csv")
    (folder / "dictionary.csv").symlink_to(folder / "real.csv")


def pipe(folder) -> None:
    """A pipe that nobody writes to, in place of the export."""
    (folder / "export.csv").unlink()
    os.mkfifo(folder / "export.csv")


def a_folder(folder) -> None:
    """A folder in place of the export."""
    (folder / "export.csv").unlink()
    (folder / "export.csv").mkdir()


def gone(folder) -> None:
    """Nothing in place of the export."""
    (folder / "export.csv").unlink()


def mapping_file(text: str, name: str = "mapping.toml", *, linked: bool = False) -> tuple[Change, Change]:
    """The mapping as a file, or a link to one."""
    def make(folder) -> None:
        (folder / "real.toml" if linked else folder / "mapping.toml").write_text(text, encoding="utf-8")
        if linked:
            (folder / "mapping.toml").symlink_to(folder / "real.toml")
    return style(mapping=name), act(make)


READ = (
    fine("as exported"),
    fine("with the dictionary", dictionary()),
    fine("labels for headers and cells", labels(), dictionary()),
    fine("labels for headers alone", labels(cells=False), dictionary()),
    fine("labels for cells alone", labels(headers=False), dictionary()),
    fine("labels with quotes about the choice", labels(), header("Side effects (choice=Nausea)", "Side effects (choice='Nausea')"), dictionary()),
    fine("labels in a table of a few fields", without("session_complete", "phq9_note"), labels(), dictionary(), unset(3, "when"), then=holds("scores", "score", "20.0", "9.0", "18.0", "12.0")),
    fine("labels without the dictionary, named as they stand", labels(cells=False), header("Total", "PHQ-9 total"), style(mapping={
        "cohort": {"deidentification": "limited-data-set", "timezone": "America/New_York"}, "patient": {"id": "Record ID"},
        "rows": [
            {"table": "sessions", "when": {"Repeat Instrument": "session"}, "columns": {"start": "Date", "route": "Route"}, "values": {"route": {"1": "IV", "2": "IM"}}},
            {"table": "side_effects", "when": {"Repeat Instrument": "session"}, "columns": {"session": "Repeat Instance"}, "checkboxes": {"Side effects (choice=Nausea)": "nausea"}},
            {"table": "scores", "columns": {"taken": "Date", "score": "PHQ-9 total"}, "constants": {"instrument": "PHQ-9"}},
        ]}), made={"side_effects": 2}, kept=8, unmapped=2, notes=("columns_united", "columns_united", "never_none")),
    fine("labels for REDCap's own columns, no dictionary", *[header(name, label) for name, label in (("redcap_repeat_instrument", "Repeat Instrument"), ("redcap_repeat_instance", "Repeat Instance"))]),
    fine("the dictionary of the programs' interface", labels(), dictionary(API_DICTIONARY)),
    fine("the dictionary in another language", labels(), dictionary(SPANISH)),
    fine("the dictionary of another project", dictionary(), entry("phq9_note", 0, "other_note"), notes=("not_in_dictionary",)),
    fine("a field marked as an identifier that nothing names", dictionary(), entry("phq9_note", 10, "y")),
    fine("the record id marked as an identifier", dictionary(), entry("record_id", 10, "y")),
    fine("two choices with the same label", labels(headers=False), cell(2, "sex", "Male"), dictionary(), entry("sex", 5, "1, Male | 2, Male"), block(0, values={"sex": {"Male": "male"}}), notes=("same_labels",), then=holds("patients", "sex", "male", "male")),
    fine("no mapping", dictionary(), style(mapping=None, timezone="America/New_York"), notes=("suggested_mapping",)),
    fine("no mapping and labels", labels(), dictionary(), style(mapping=None, timezone="America/New_York"), notes=("suggested_mapping",)),
    fine("no mapping and fields that identify people", dictionary(DICTIONARY + "\nmail,demographics,,text,E-mail,,,email,,,\nweight,session,,text,Weight (kg),,,number,,,y"), column("mail", f"{CANARY}@example.org"), column("weight", f"71{CANARY}"), style(mapping=None, timezone="America/New_York"), notes=("suggested_mapping",)),
    fine("a byte order mark", style(encoding="utf-8-sig")),
    fine("cp1252, declared", column("dx", LATIN), block(0, columns={"diagnosis": "dx"}), top(cohort={"encoding": "cp1252"}), style(encoding="cp1252"), then=holds("patients", "diagnosis", LATIN, LATIN)),
    fine("semicolons", style(separator=";")),
    fine("tabs", style(separator="\t")),
    fine("carriage returns and line feeds", style(newline="\r\n")),
    fine("carriage returns alone", style(newline="\r")),
    fine("quoted newlines in a column that nothing names", cell(5, "phq9_note", f"one\ntwo, \"{CANARY}\"\n\nthree")),
    fine("a cell of 10 MB in a column that nothing names", cell(5, "phq9_note", BIG)),
    fine("blank lines", style(raw=EXPORT.replace("\nQX7702,session,1", "\n\n  \n,,,\nQX7702,session,1").encode()), notes=("blank_lines",)),
    fine("capitals in a header", header("phq9_total", "PHQ9_Total")),
    fine("a column without a name", column("", CANARY)),
    fine("incomplete forms", cell(5, "phq9_complete", "0"), cell(6, "phq9_complete", "1"), cell(3, "session_complete", "0"), notes=("form_not_complete", "form_not_complete")),
    fine("incomplete forms with labels", labels(), cell(5, "Total", "20"), dictionary(), notes=()),
    fine("rows of all kinds shuffled", style(raw="\n".join([LINES[0], *LINES[:0:-1]]).encode())),
    fine("classic, one row per patient", style(raw=CLASSIC.encode()), *ALL_ROWS, *[replaced(n, when={}) for n in range(4)], replaced(1, columns={"start": "inf_date", "route": "inf_route"}), replaced(2, columns={}), made={"sessions": 2, "scores": 2, "side_effects": 1}, kept=2, notes=("never_none",)),
    fine("longitudinal", column("redcap_event_name", EVENTS, 1), without("redcap_repeat_instrument", "redcap_repeat_instance"), *[replaced(n, when={"redcap_event_name": ("baseline_arm_1", "treatment_arm_1", "treatment_arm_1")[n]}) for n in range(3)], replaced(1, columns={"start": "inf_date", "route": "inf_route"}), replaced(2, columns={"moment": "inf_date"}), unset(3, "when")),
    fine("repeating events with a blank instrument", *REPEATING_EVENTS, *[replaced(n, when={"redcap_event_name": ("baseline_arm_1", "treatment_arm_1", "treatment_arm_1")[n]}) for n in range(3)]),
    fine("events by their labels", column("Event Name", NAMED_EVENTS, 1), labels(), dictionary(), *[replaced(n, when={"redcap_event_name": ("baseline_arm_1", "treatment_arm_1", "treatment_arm_1")[n]}) for n in range(3)]),
    fine("events by their labels, with arms", column("Event Name", [f"{one} (Arm 1: Ketamine)" for one in NAMED_EVENTS], 1), labels(), dictionary(), *[replaced(n, when={"redcap_event_name": ("baseline_arm_1", "treatment_arm_1", "treatment_arm_1")[n]}) for n in range(3)]),
    fine("an event of another arm", column("redcap_event_name", ["baseline_arm_2", *EVENTS[1:]], 1), replaced(0, when={"redcap_event_name": "baseline_arm_1"}), kept=9, unmapped=1, then=holds("patients", "sex", "nan", "male")),
    fine("the data access group as the clinic", column("redcap_data_access_group", GROUPS, 3), block(0, columns={"clinic_id": "redcap_data_access_group"}), then=holds("patients", "clinic_id", "clinic_one", "clinic_two")),
    fine("survey columns that nothing names", column("redcap_survey_identifier", f"{CANARY}@example.org", 3), column("phq9_timestamp", "[not completed]", 4)),
    fine("a checkbox with a negative code", then=lambda cohort: as_text("side_effects", "effect")(cohort).count("none") == 1),
    fine("checkboxes ticked as their choice's label", cell(3, "se___1", "Nausea"), cell(3, "se___2", ""), cell(8, "se___1", "Nausea"), cell(8, "se___2", "Headache, mild"), dictionary()),
    fine("a row of an instrument that nothing names", row("QX7702,gad7,1,,,,,,,,,,,,,,"), unmapped=1),
    fine("a formula for a word", cell(3, "inf_route", f"=cmd|' /C {CANARY}'!A0"), then=lambda cohort: len(cohort.sessions) == 4),
    fine("codes for missing, declared", cell(5, "phq9_total", "-99"), cell(2, "age", "999"), top(missing=["-99", 999]), made={"scores": 3}, kept=9, unmapped=1, then=holds("patients", "age", "nan", "45.0")),
    fine("codes for missing, not declared", cell(5, "phq9_total", "-99"), cell(2, "age", "999"), made={"scores": 3}, kept=9, aside={"score_range": 1}, then=holds("patients", "age", "nan", "45.0")),
)

ASIDE = (
    fine("a row that is too long", row(f"QX7702,phq9,3,,,,,,,,,,,2026-02-12 10:00,9,,2,{CANARY}"), aside={"too_many_cells": 1}),
    fine("a row that is too short", row(f"QX7702,phq9,3,{CANARY}", 4), aside={"too_few_cells": 1}),
    fine("ragged rows of both kinds", row(f"QX7702,phq9,3,,,,,,,,,,,2026-02-12 10:00,9,,2,{CANARY}", 3), row(f"{CANARY}", 5), row("QX7701,x", 5), aside={"too_many_cells": 1, "too_few_cells": 2}),
    fine("rows without a record id", cell(5, "record_id", ""), cell(9, "record_id", "  "), made={"scores": 3, "sessions": 3}, kept=8, aside={"no_record_id": 2}),
    fine("a row without a record id of which nothing would be made", row(",,,,,,,,,,,,,,,,2"), aside={"no_record_id": 1}),
    fine("a record id that is a code for missing", cell(5, "record_id", "-99"), top(missing=["-99"]), made={"scores": 3}, kept=9, aside={"no_patient": 1}),
    fine("the same row twice", row(LINES[4]), made={"scores": 4}, aside={"duplicate_copy": 1}),
    fine("the same instance twice, with other cells", row(LINES[4].replace(",20,", ",21,")), made={"scores": 3}, kept=9, aside={"duplicate_conflict": 2}),
    fine("a session twice, with other cells", row(LINES[2].replace(",0.5,", ",0.7,")), made={"sessions": 2, "scores": 2, "side_effects": 2}, kept=6, aside={"duplicate_conflict": 2, "origin_unknown": 3}),
    fine("a score that is out of range", cell(5, "phq9_total", "28"), made={"scores": 3}, kept=9, aside={"score_range": 1}),
    fine("a date that is none", cell(5, "phq9_date", CANARY), made={"scores": 3}, kept=9, aside={"not_a_time": 1}),
    fine("two columns of one name, one cell in a row", column("phq9_total", ["", "", "", "20", "9", "", "", "", "", ""]), cell(5, "phq9_total", ""), cell(6, "phq9_total", ""), notes=("columns_united",), then=holds("scores", "score", "20.0", "9.0", "18.0", "12.0")),
    fine("two columns of one name that agree", column("phq9_total", ["", "", "", "20", "", "", "", "", "", ""]), notes=("columns_united",)),
    fine("two columns of one name that disagree", column("phq9_total", ["", "", "", CANARY, "9", "", "", "", "", ""]), made={"scores": 3}, kept=9, unmapped=1, notes=("columns_united", "columns_disagree")),
    fine("three columns of one name", column("age"), column("age", ["", "", "", "", "", "46", "", "", "", ""]), notes=("columns_united", "columns_disagree"), then=holds("patients", "age", "34.0", "nan")),
    fine("two record ids that disagree", column("record_id", [*[""] * 4, CANARY, *[""] * 5]), made={"scores": 3}, kept=9, aside={"no_record_id": 1}, notes=("columns_united", "columns_disagree")),
)

REFUSED = (
    refused("the record id in the first row of each patient alone", *[cell(number, "record_id", "") for number in (3, 4, 5, 6, 8, 9, 10, 11)], rules="missing_table"),
    refused("an empty file", style(raw=b""), rules="empty_file"),
    refused("blank lines alone", style(raw=b"\n \n\r\n"), rules="empty_file"),
    refused("a header alone", style(raw=LINES[0].encode()), rules="missing_table"),
    refused("cp1252, not declared", column("dx", LATIN), style(encoding="cp1252"), rules="encoding"),
    refused("UTF-16", style(encoding="utf-16"), rules="not_text"),
    refused("zero bytes", cell(5, "phq9_note", f"{CANARY}\0"), rules="not_text"),
    refused("a quotation mark that is never closed", style(raw=EXPORT.replace(",20,,", f',"{CANARY},,').encode()), rules="quotes"),
    refused("a quotation mark inside a cell", style(raw=EXPORT.replace(",20,,", f',20,{CANARY} "a" b,').encode()), rules="quotes"),
    refused("a link", act(link), rules="not_regular_file"),
    refused("a pipe", act(pipe), rules="not_regular_file"),
    refused("a folder", act(a_folder), rules="not_regular_file"),
    refused("no file", act(gone), rules="unreadable"),
    refused("a pickled file renamed", style(raw=pickle.dumps([CANARY] * 9)), rules="unsafe_file"),
    refused("a pickled file", style(raw=pickle.dumps([CANARY] * 9), name="export.pkl"), rules="unsafe_file"),
    refused("a packed file renamed", style(raw=zlib.compress(EXPORT.encode())), rules="unsafe_file"),
    refused("a workbook renamed", style(raw=b"PK\x03\x04" + CANARY.encode() * 50), rules="spreadsheet_file"),
    refused("a workbook", style(name="export.xlsx"), rules="spreadsheet_file"),
    refused("a file named as Parquet", style(name="export.parquet"), rules="not_text"),
    refused("an export in place of the dictionary", dictionary(EXPORT), rules="not_a_dictionary"),
    refused("a dictionary without fields", dictionary(DICTIONARY.split("\n")[0]), rules="not_a_dictionary"),
    refused("a dictionary with a field twice", dictionary(DICTIONARY + f"\nage,phq9,,text,{CANARY},,,,,,"), rules="not_a_dictionary"),
    refused("a dictionary with an unknown type of field", dictionary(), entry("age", 3, CANARY), rules="not_a_dictionary"),
    refused("a dictionary with ragged rows", dictionary(DICTIONARY + f"\n{CANARY},phq9,text"), rules="too_few_cells"),
    refused("a dictionary behind a link", dictionary(), act(linked_dictionary), rules="not_regular_file"),
    refused("dates with the month first and no format", *[cell(number, "phq9_date", "02/01/2026 10:00") for number in (5, 6, 10, 11)], rules="ambiguous_date"),
    refused("no time zone", style(mapping={}), top(cohort={"deidentification": "limited-data-set"}, patient={"id": "record_id"}, rows=[{"table": "sessions", "columns": {"start": "inf_date", "route": "inf_route"}}, {"table": "patients", "columns": {"age": "age"}}]), rules="no_timezone"),
    private("the record id is an MRN", header("record_id", "mrn"), top(patient={"id": "mrn"}), rules="identifier:H"),
    private("the record id is an MRN by the dictionary", dictionary(), entry("record_id", 7, "mrn_10d"), rules="identifier:dictionary"),
    private("the record id is an e-mail address", *[cell(number, "record_id", f"{CANARY}{number}@example.org") for number in range(2, 12)], rules="identifier:F"),
    private("the record id is a name", *[cell(number, "record_id", "Zqxcanary Mary") for number in range(2, 12)], rules="identifier:A"),
    private("a field marked as an identifier", dictionary(), entry("age", 10, "y"), rules="identifier:dictionary"),
    fine("a date marked as an identifier, as the time of an assessment", dictionary(), entry("phq9_date", 10, "y")),
    private("a date marked as an identifier, as a further column", dictionary(), entry("phq9_date", 10, "y"), block(3, columns={"taken": "phq9_date", "seen": "phq9_date"}), rules="identifier:dictionary"),
    private("a box of a checkbox field marked as an identifier", dictionary(), entry("se", 10, "y"), rules="identifier:dictionary"),
    private("a field for e-mail addresses", column("mail", f"{CANARY}@example.org"), dictionary(DICTIONARY + "\nmail,phq9,,text,Mail,,,email,,,"), block(0, columns={"contact": "mail"}), rules="identifier:dictionary"),
    private("free text that the mapping takes in", *[cell(number, "phq9_note", f"She felt much calmer. The patient told {CANARY} so.") for number in (5, 6)], block(3, columns={"story": "phq9_note"}), rules="identifier:free_text"),
    private("a quoted newline that the mapping takes in", cell(5, "phq9_note", f"{CANARY}\nsecond line"), block(3, columns={"story": "phq9_note"}), rules="identifier:free_text"),
    private("a cell of 10 MB that the mapping takes in", cell(5, "phq9_note", BIG), block(3, columns={"story": "phq9_note"}), rules="identifier:free_text"),
    private("a formula with a web address", cell(5, "phq9_note", f'=HYPERLINK("https://{CANARY}.example.org")'), block(3, columns={"story": "phq9_note"}), rules="identifier:N"),
    private("dates in a safe-harbor cohort", top(cohort={"deidentification": "safe-harbor"}), rules="identifier:C"),
    misconfigured("a column that is not there", block(3, columns={"score": "phq9_totl"})),
    misconfigured("a column named like a path", block(3, columns={"score": "../../etc/passwd"})),
    misconfigured("a mapping file that is not there", *mapping_file("", "../mapping.toml")),
    misconfigured("a mapping file behind a link", *mapping_file("[patient]\nid = 'record_id'", linked=True)),
    misconfigured("a mapping file that is not TOML", *mapping_file(f"[patient\nid = {CANARY}")),
    misconfigured("a mapping that is nothing", *mapping_file("")),
    refused("no mapping and no time zone", dictionary(), style(mapping=None), rules="no_timezone"),
    misconfigured("an unknown key", top(row=[])),
    misconfigured("a label that several fields have", SUBSET, header("phq9_date", "Date"), header("record_id", "Record ID"), header("age", "Age"), header("sex", "Sex"), header("redcap_repeat_instrument", "Repeat Instrument"), header("redcap_repeat_instance", "Repeat Instance"), dictionary()),
)

CASES = (*READ, *ASIDE, *REFUSED)
