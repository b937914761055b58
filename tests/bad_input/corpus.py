# ruff: noqa: E501
# fmt: off
"""The corpus of bad folders: each a small change of a good one, with what a researcher should be told.

A case says either the error and its rules, or exactly which rows are set aside
and which cells are set to missing: what is not listed must not happen.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd
from bad_input.folders import (
    Change,
    Folder,
    act,
    cell,
    column,
    file,
    header,
    recoded,
    row,
    style,
    toml,
    without,
    without_column,
    without_rows,
)

CANARY = "zqxcanary"  # stands in every wrong cell that can hold text
NUMBER = "987654"  # and this in every wrong cell that can hold a number only


@dataclass(frozen=True)
class Case:
    """One bad folder.

    Parameters
    ----------
    name : str
    changes : tuple of Change
        What differs from the good folder.
    raises : str, optional
        Class of the error that loading raises.
    rules : tuple of str
        Rules that the error must name, as "table:rule" or "rule".
    rows : mapping of (table, rule) to int
        Rows set aside.
    cells : mapping of (table, column, rule) to int
        Cells set to missing.
    notes : tuple of str
        Rules that must be told for information.
    then : callable, optional
        Told the cohort, says whether it holds what it should.
    """

    name: str
    changes: tuple[Change, ...]
    raises: str | None = None
    rules: tuple[str, ...] = ()
    rows: Mapping[tuple[str, str], int] = field(default_factory=dict)
    cells: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    then: Callable | None = None


def fine(name: str, *changes: Change, notes: tuple[str, ...] = (), then: Callable | None = None) -> Case:
    """A folder that loads whole."""
    return Case(name, changes, notes=notes, then=then)


def refused(name: str, *changes: Change, rules: str, raises: str = "DataError") -> Case:
    """A folder that cannot be loaded."""
    return Case(name, changes, raises=raises, rules=tuple(rules.split()))


def private(name: str, *changes: Change, rules: str) -> Case:
    """A folder that identifies people."""
    return refused(name, *changes, rules=rules, raises="PrivacyError")


def misconfigured(name: str, *changes: Change) -> Case:
    """A folder whose cohort.toml is wrong."""
    return refused(name, *changes, rules="config", raises="ConfigError")


def aside(name: str, *changes: Change, then: Callable | None = None, **rows: int) -> Case:
    """A folder some of whose rows are set aside; keywords are table__rule=n."""
    return Case(name, changes, rows={tuple(key.split("__")): n for key, n in rows.items()}, then=then)


def blank(name: str, *changes: Change, then: Callable | None = None, **cells: int) -> Case:
    """A folder some of whose cells are set to missing; keywords are table__column__rule=n."""
    return Case(name, changes, cells={tuple(key.split("__")): n for key, n in cells.items()}, then=then)


START = datetime(2026, 2, 2, 9, 0)
LIMITED = 'deidentification = "limited-data-set"\ntimezone = "America/New_York"\n'


def dated(form: str = "%Y-%m-%d %H:%M", settings: str = LIMITED) -> Change:
    """All times as dates, in a limited data set; hour 0 of everybody is 2 February 2026, 9:00."""

    def change(folder: Folder) -> None:
        for table, old, new in (("sessions", "hour", "start"), ("scores", "hour", "taken"), ("disposition", "day", "when")):
            place = folder.tables[table][0].index(old)
            folder.tables[table][0][place] = new
            step = timedelta(days=1) if old == "day" else timedelta(hours=1)
            for cells in folder.tables[table][1:]:
                cells[place] = (START + float(cells[place]) * step).strftime(form)
        toml(settings)(folder)

    return change


def parquet(table: str, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame, *, cut: int | None = None) -> Change:
    """A table stored as Parquet with its numbers as numbers, perhaps cut short."""

    def apply(folder: Folder) -> None:
        frame = pd.read_csv(io.StringIO(folder.text(table)))
        buffer = io.BytesIO()
        change(frame).to_parquet(buffer, index=False)
        without(table)(folder)
        folder.files[f"{table}.parquet"] = buffer.getvalue()[:cut]

    return apply


def _symlink(path) -> None:
    (path / "real.csv").write_bytes((path / "scores.csv").read_bytes())
    (path / "scores.csv").unlink()
    (path / "scores.csv").symlink_to(path / "real.csv")


def _linked_toml(path) -> None:
    (path / "real.toml").write_text("")
    (path / "cohort.toml").symlink_to(path / "real.toml")


ACCENT = "Dépression " + CANARY

ENCODINGS = [
    refused("latin-1, not declared", cell("patients", 2, "diagnosis", ACCENT), recoded("patients", lambda text: text.encode("latin-1")), rules="patients:encoding"),
    fine("latin-1, declared", cell("patients", 2, "diagnosis", ACCENT), recoded("patients", lambda text: text.encode("latin-1")), toml('encoding = "latin-1"'), then=lambda cohort: cohort.patients["diagnosis"].iloc[0] == ACCENT),
    refused("cp1252 quotation marks, not declared", cell("patients", 2, "diagnosis", "patient’s " + CANARY), recoded("patients", lambda text: text.encode("cp1252")), rules="patients:encoding"),
    fine("cp1252, declared", cell("patients", 2, "diagnosis", "Crohn’s, ".strip(", ")), recoded("patients", lambda text: text.encode("cp1252")), toml('encoding = "cp1252"'), then=lambda cohort: cohort.patients["diagnosis"].iloc[0] == "Crohn’s"),
    refused("UTF-16 with its mark", cell("patients", 2, "diagnosis", CANARY), recoded("patients", lambda text: text.encode("utf-16")), rules="patients:not_text"),
    refused("UTF-16 without its mark", cell("patients", 2, "diagnosis", CANARY), recoded("patients", lambda text: text.encode("utf-16-le")), rules="patients:not_text"),
    fine("UTF-8 with its mark", recoded("patients", lambda text: text.encode("utf-8-sig"))),
    fine("UTF-8 with its mark, encoding declared", recoded("patients", lambda text: text.encode("utf-8-sig")), toml('encoding = "utf-8"')),
    refused("NUL in a cell", cell("scores", 3, "score", f"{CANARY}\0"), rules="scores:not_text"),
    refused("UTF-8 cut in the middle of a letter", recoded("patients", lambda text: text.encode() + b"QX7705,female,40,d\xc3"), rules="patients:encoding"),
    misconfigured("encoding that is not known", toml(f'encoding = "{CANARY}"')),
    misconfigured("cohort.toml that is not UTF-8", file("cohort.toml", f'name = "caf\xe9 {CANARY}"'.encode("latin-1"))),
]

LAYOUT = [
    aside("a row with a cell too many", row("scores", f"QX7701,PHQ-9,200,8,remote,{CANARY}"), scores__too_many_cells=1),
    aside("a row with a cell too few", row("scores", f"QX7701,PHQ-9,200,{CANARY}"), scores__too_few_cells=1),
    aside("long and short rows among good ones", row("scores", f"QX7701,PHQ-9,200,8,remote,{CANARY}", at=3), row("scores", CANARY, at=5), scores__too_many_cells=1, scores__too_few_cells=1),
    refused("the same header twice", column("scores", "score2", [NUMBER]), header("scores", "score2", "score"), rules="scores:duplicate_header"),
    refused("headers that differ in case alone", column("scores", "score2", [NUMBER]), header("scores", "score2", "Score"), rules="scores:duplicate_header"),
    refused("an empty file", file("scores.csv", b""), rules="scores:empty_file"),
    refused("a file of blanks", file("scores.csv", b" \n\n  \n"), rules="scores:empty_file"),
    refused("patients with a header only", without_rows("patients"), rules="patients:nothing_left"),
    refused("sessions with a header only", without_rows("sessions"), rules="sessions:nothing_left"),
    fine("scores with a header only", without_rows("scores"), then=lambda cohort: len(cohort.scores) == 0 and "scores" in cohort.present),
    fine("all optional tables with a header only", *(without_rows(table) for table in ("scores", "side_effects", "vitals", "disposition"))),
    fine("one row in each table", *(without_rows(table, *range(3, 12)) for table in ("patients", "sessions", "scores", "side_effects", "vitals", "disposition")), then=lambda cohort: cohort.n_patients == 1),
    fine("blank lines in between", row("scores", "", at=3), row("scores", "  ", at=6), notes=("blank_lines",), then=lambda cohort: len(cohort.scores) == 8),
    fine("rows of separators alone", row("scores", ",,,,", at=3), row("scores", ",,", at=6), row("scores", " , ,,, "), notes=("blank_lines",), then=lambda cohort: len(cohort.scores) == 8),
    fine("blank lines at the end", recoded("scores", lambda text: text.encode() + b"\n\n\n"), then=lambda cohort: len(cohort.scores) == 8),
    fine("blank lines before the header", recoded("scores", lambda text: b"\n\n" + text.encode()), then=lambda cohort: len(cohort.scores) == 8),
    fine("no newline at the end", recoded("scores", lambda text: text.encode().rstrip(b"\n")), then=lambda cohort: len(cohort.scores) == 8),
    fine("semicolons", style(separator=";")),
    fine("tabs", style(separator="\t")),
    fine("bars, declared", style(separator="|"), toml('separator = "|"')),
    fine("carriage returns as line ends", style(newline="\r")),
    fine("Windows line ends", style(newline="\r\n")),
    fine("mixed line ends", recoded("scores", lambda text: text.replace("\n", "\r\n", 3).encode())),
    fine("headers in capitals with blanks around", recoded("scores", lambda text: text.replace("patient_id,instrument", " Patient ID , INSTRUMENT").encode())),
    refused("a quotation mark that is never closed", cell("patients", 3, "diagnosis", f'"{CANARY}'), rules="patients:quotes"),
    refused("a quotation mark inside a cell", cell("patients", 3, "diagnosis", f'5" {CANARY}'), rules="patients:quotes"),
    fine("a separator inside quotation marks", cell("patients", 3, "diagnosis", '"MDD, GAD"'), then=lambda cohort: cohort.patients["diagnosis"].iloc[1] == "MDD, GAD"),
    fine("doubled quotation marks", cell("patients", 3, "diagnosis", '"so-called ""TRD"""'), then=lambda cohort: cohort.patients["diagnosis"].iloc[1] == 'so-called "TRD"'),
    refused("no header", without_rows("scores", 1), row("scores", f"QX7701,PHQ-9,-24,20,{CANARY}", at=1), rules="scores:missing_column"),
    refused("a line that names the separator above the header", row("scores", "sep=;", at=1), rules="scores:missing_column"),
    fine("row numbers of a spreadsheet in a column", column("scores", "Unnamed: 0", ["0", "1", "2", "3", "4", "5", "6", "7"]), notes=("unknown_column",)),
    refused("a title above the header", row("scores", f"Export of {CANARY}", at=1), rules="scores:missing_column"),
    refused("a column without a name", column("scores", "extra", [CANARY]), header("scores", "extra", ""), rules="scores:unnamed_column"),
    fine("a separator at the end of every line", column("scores", "extra", [""]), header("scores", "extra", ""), notes=("unnamed_column",)),
    private("a very long cell in a score", cell("scores", 3, "score", CANARY * 40_000), rules="scores:identifier:free_text"),
    private("a very long cell in a covariate", column("patients", "motive", ["x", CANARY * 40_000]), rules="patients:identifier:free_text"),
    aside("a formula in a score", cell("scores", 3, "score", f"=cmd|'/c {CANARY}'!A1"), scores__not_a_number=1),
    fine("a formula in a word", cell("patients", 3, "diagnosis", f"=cmd|'/c {CANARY}'!A1")),
    private("a formula with a web address", cell("patients", 3, "diagnosis", f'"=HYPERLINK(""https://{CANARY}.example/x"")"'), rules="patients:identifier:N"),
    aside("letters and a script in an instrument's time", cell("scores", 3, "hour", f"<script>{CANARY}</script>"), scores__not_a_time=1),
]

DECIMALS = [
    blank("a decimal comma between commas, in quotation marks", cell("sessions", 2, "dose_mg_per_kg", '"0,5"'), sessions__dose_mg_per_kg__decimal_comma=1),
    fine("decimal commas between semicolons throughout", style(separator=";"), column("sessions", "dose_mg_per_kg", ["0,5"]), then=lambda cohort: cohort.sessions["dose_mg_per_kg"].eq(0.5).all()),
    fine("decimal commas, declared", style(separator=";"), column("sessions", "dose_mg_per_kg", ["0,5", "0,75"]), toml('decimal = ","\nseparator = ";"'), then=lambda cohort: set(cohort.sessions["dose_mg_per_kg"]) == {0.5, 0.75}),
    blank("decimal commas and points in one column", style(separator=";"), column("sessions", "dose_mg_per_kg", ["0,5", "0.5"]), sessions__dose_mg_per_kg__decimal_comma=3),
    aside("a decimal comma that splits the cell", cell("scores", 3, "score", "9,5"), scores__too_many_cells=1),
    aside("a decimal comma in a score", cell("scores", 3, "score", '"9,5"'), scores__decimal_comma=1),
    aside("a thousands mark in a time", cell("scores", 3, "hour", '"1,008"'), scores__decimal_comma=1),
    blank("a number with its unit", cell("sessions", 2, "dose_mg_per_kg", f"0.5 {CANARY}"), sessions__dose_mg_per_kg__not_a_number=1),
    aside("the letters NaN in a score", cell("scores", 3, "score", "NaN"), scores__missing_required=1),
    aside("infinity in a score", cell("scores", 3, "score", "inf"), scores__not_a_number=1),
    aside("a number too large for any computer in a score", cell("scores", 3, "score", "1e999"), scores__not_a_number=1),
    aside("infinity as a time", cell("scores", 3, "hour", "-Infinity"), scores__not_a_time=1),
    fine("scientific notation", cell("scores", 3, "score", "9e0"), cell("scores", 3, "hour", "1.68E2"), then=lambda cohort: cohort.scores.query("instrument == 'PHQ-9'")["score"].tolist()[1] == 9.0),
    fine("a plus sign and blanks around a number", cell("scores", 3, "score", " +9 "), then=lambda cohort: 9.0 in cohort.scores["score"].tolist()),
    aside("hexadecimal and underscores are no numbers", cell("scores", 3, "score", "0x9"), cell("scores", 6, "score", "1_2"), scores__not_a_number=2),
    aside("digits of another script in a score", cell("scores", 3, "score", "٩"), scores__not_a_number=1),
    blank("an infinite weight", column("sessions", "weight_kg", ["80", "inf"]), sessions__weight_kg__not_a_number=3),
]

DATES = [
    private("dates under safe harbor", dated(settings=""), rules="sessions:identifier:C scores:identifier:C disposition:identifier:C"),
    private("dates in a covariate under safe harbor", column("patients", "referred", ["2026-01-05"]), rules="patients:identifier:C"),
    private("calendar months under safe harbor", column("sessions", "month", ["2026-02"]), rules="sessions:identifier:C"),
    fine("dates in a limited data set", dated(), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0] and cohort.sessions["month"].eq("2026-02").all()),
    fine("dates with T and seconds", dated("%Y-%m-%dT%H:%M:%S")),
    refused("clock times without a time zone", dated(settings='deidentification = "limited-data-set"'), rules="sessions:no_timezone"),
    fine("offsets from UTC without a time zone", dated("%Y-%m-%d %H:%M-05:00", 'deidentification = "limited-data-set"'), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0]),
    fine("days only, without a time zone", dated("%Y-%m-%d", 'deidentification = "limited-data-set"'), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0]),
    refused("clock times with AM and PM, not declared", dated("%Y-%m-%d %I:%M %p"), rules="sessions:am_pm"),
    fine("clock times with AM and PM after a declared date", dated("%m/%d/%Y %I:%M %p", LIMITED + 'date_format = "%m/%d/%Y"'), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0]),
    refused("month first and no time zone, neither declared", dated("%m/%d/%Y %H:%M", 'deidentification = "limited-data-set"'), rules="sessions:ambiguous_date sessions:no_timezone"),
    fine("days only", dated("%Y-%m-%d"), then=lambda cohort: (cohort.scores["hour_high"] > cohort.scores["hour_low"]).any()),
    refused("day first, not declared", dated("%d/%m/%Y %H:%M"), rules="sessions:ambiguous_date"),
    refused("two-digit years, not declared", dated("%m/%d/%y"), rules="sessions:ambiguous_date"),
    refused("names of months, not declared", dated("%d-%b-%Y"), rules="sessions:ambiguous_date"),
    fine("day first, declared", dated("%d/%m/%Y %H:%M", LIMITED + 'date_format = "%d/%m/%Y %H:%M"'), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0]),
    fine("day first, declared without its clock time", dated("%d/%m/%Y %H:%M", LIMITED + 'date_format = "%d/%m/%Y"'), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0]),
    aside("a date that the declared format does not fit", dated("%d/%m/%Y", LIMITED + 'date_format = "%d/%m/%Y"'), cell("scores", 3, "taken", "02/13/2026"), scores__not_a_time=1),
    refused("two ways of writing dates", dated(), cell("sessions", 3, "start", "05/02/2026 09:00"), rules="sessions:mixed_dates"),
    aside("a day that does not exist", dated(), cell("scores", 3, "taken", "2026-02-30 09:00"), scores__not_a_time=1),
    aside("a month that does not exist", dated(), cell("scores", 3, "taken", "2026-13-01"), scores__not_a_time=1),
    aside("a date of the year 9999", dated(), cell("scores", 3, "taken", "9999-12-31 10:00"), scores__not_a_time=1),
    aside("words for a date", dated(), cell("scores", 3, "taken", CANARY), scores__not_a_time=1),
    aside("a date without its day", dated(), cell("scores", 3, "taken", "2026-02"), scores__partial_date=1),
    aside("no date", dated(), cell("scores", 3, "taken", ""), scores__missing_required=1),
    aside("a clock time that was skipped in spring", dated(), cell("scores", 3, "taken", "2026-03-08 02:30"), scores__time_skipped=1),
    aside("a clock time that came twice in autumn", dated(), cell("scores", 3, "taken", "2026-11-01 01:30"), scores__time_twice=1),
    fine("a clock time that came twice, with its offset", dated(), cell("scores", 3, "taken", "2026-11-01 01:30-05:00")),
    fine("noon to noon over the spring change is 23 hours", dated(), cell("sessions", 2, "start", "2026-03-07 12:00"), cell("sessions", 3, "start", "2026-03-08 12:00"), cell("scores", 2, "taken", "2026-03-07"), then=lambda cohort: cohort.sessions["hour"].iloc[1] == 23.0),
    refused("spreadsheet serial numbers, counted from 1900", dated(), column("scores", "taken", ["46055", "46062.375"]), rules="scores:excel_date"),
    refused("spreadsheet serial numbers, counted from 1904", dated(), column("scores", "taken", ["44593", "44600.375"]), rules="scores:excel_date"),
    refused("one spreadsheet serial number among dates", dated(), cell("scores", 3, "taken", "46062.375"), rules="scores:excel_date"),
    refused("dated scores and sessions in hours", dated(), header("sessions", "start", "hour"), column("sessions", "hour", ["0", "72", "0", "96", "0", "0"]), rules="scores:mixed_clocks"),
    aside("a score after the data cut", dated(settings=LIMITED + 'data_cut = "2026-02-08"'), scores__after_data_cut=3, disposition__after_data_cut=2),
    misconfigured("a data cut under safe harbor", toml('data_cut = "2026-02-08"')),
    misconfigured("a data cut that is no date", toml(LIMITED + f'data_cut = "{CANARY}"')),
    misconfigured("a time zone that is not known", toml(f'timezone = "{CANARY}"')),
    misconfigured("a date format without a month", toml(LIMITED + 'date_format = "%d"')),
    private("an identifier in a limited data set", dated(), column("patients", "contact", [f"{CANARY}@example.org"]), rules="patients:identifier:F"),
    private("dates of birth in a limited data set", dated(), column("patients", "dob", ["1980-04-12"]), rules="patients:identifier:C"),
    aside("the hour 24", dated(), cell("scores", 3, "taken", "2026-02-09 24:00"), scores__not_a_time=1),
    fine("times with and without their offset", dated(), cell("scores", 3, "taken", "2026-02-09T14:00:00Z"), then=lambda cohort: 168.0 in cohort.scores["hour"].tolist()),
    fine("times in tenths of a second", dated(), cell("scores", 3, "taken", "2026-02-09 09:00:00.0")),
    fine("further dates of a limited data set are not kept", dated(), column("patients", "referral_date", ["2026-01-05"]), column("sessions", "seen", ["2026-01-05", "2026-01-06"]), notes=("date_column",), then=lambda cohort: not {"referral_date"} & set(cohort.patients) and "seen" not in cohort.sessions),
    aside("a date 80 years off", dated(), cell("scores", 3, "taken", "1946-02-09 09:00"), scores__time_range=1),
]

PARQUET = [
    fine("every table as Parquet", *(parquet(table) for table in ("patients", "sessions", "scores", "side_effects", "vitals", "disposition")), then=lambda cohort: len(cohort.scores) == 8),
    refused("Parquet cut short", parquet("scores", cut=-40), rules="scores:bad_parquet"),
    refused("Parquet that is text", without("scores"), file("scores.parquet", b"patient_id,score\n" + CANARY.encode()), rules="scores:bad_parquet"),
    refused("an empty Parquet file", without("scores"), file("scores.parquet", b""), rules="scores:bad_parquet"),
    private("Parquet with dates under safe harbor", parquet("sessions", lambda frame: frame.drop(columns="hour").assign(start=pd.Timestamp("2026-02-02 09:00"))), rules="sessions:identifier:C"),
    private("Parquet with dates in a covariate", parquet("patients", lambda frame: frame.assign(seen=pd.Timestamp("2026-02-02"))), rules="patients:identifier:C"),
    refused("Parquet with lists in cells", parquet("scores", lambda frame: frame.assign(extra=[[CANARY]] * len(frame))), rules="scores:column_type"),
    refused("a table twice, as CSV and as Parquet", lambda folder: (parquet("scores")(folder), folder.files.update({"scores.csv": b"patient_id\n"}))[0], rules="scores:two_files"),
    fine("ids as whole numbers", *(column(table, "patient_id", ["7"]) for table in ("patients",)), without_rows("patients", 3, 4, 5), parquet("patients"), column("sessions", "patient_id", ["7"]), without_rows("sessions", 4, 5, 6, 7), without("scores", "side_effects", "vitals", "disposition"), then=lambda cohort: cohort.patients["patient_id"].tolist() == ["7"]),
    refused("a truth value where a score should be, in all rows", parquet("scores", lambda frame: frame.drop(columns="score")), rules="scores:missing_column"),
]

FILES = [
    refused("no table of patients", without("patients"), rules="patients:missing_table"),
    refused("no table of sessions", without("sessions"), rules="sessions:missing_table"),
    refused("an empty folder", without("patients", "sessions", "scores", "side_effects", "vitals", "disposition"), rules="patients:missing_table sessions:missing_table"),
    fine("patients and sessions only", without("scores", "side_effects", "vitals", "disposition"), then=lambda cohort: len(cohort.scores) == 0 and "scores" not in cohort.present),
    fine("a table that is not known", file("labs.csv", f"patient_id,sodium\nQX7701,{CANARY}\n".encode()), notes=("unknown_file",)),
    fine("a table whose name is misspelt", file("score.csv", b"patient_id\n"), notes=("unknown_file",)),
    fine("an unknown file named after a person", file(f"John Doe {CANARY}.csv", b"patient_id\n"), notes=("unknown_file",)),
    refused("a spreadsheet", without("scores"), file("scores.xlsx", b"PK\x03\x04"), rules="scores:spreadsheet_file"),
    refused("a pickle", without("scores"), file("scores.pkl", pickle.dumps({"score": [CANARY]})), rules="scores:unsafe_file"),
    refused("a pickle named as a CSV file", file("scores.csv", pickle.dumps({"score": [CANARY, 9.5, 2**70]})), rules="scores:not_text"),
    refused("a link to a table", act(_symlink), rules="scores:not_regular_file"),
    refused("a folder named as a table", without("scores"), act(lambda path: (path / "scores.csv").mkdir()), rules="scores:not_regular_file"),
]

COLUMNS = [
    refused("scores without patients", without_column("scores", "patient_id"), rules="scores:missing_column"),
    refused("sessions without a route", without_column("sessions", "route"), rules="sessions:missing_column"),
    refused("sessions without a time", without_column("sessions", "hour"), rules="sessions:no_clock"),
    refused("scores without a time", without_column("scores", "hour"), rules="scores:no_clock"),
    refused("sessions with two times", column("sessions", "day", ["0"]), rules="sessions:two_clocks"),
    refused("one column per instrument", without_column("scores", "instrument"), header("scores", "score", "PHQ9_total"), rules="scores:missing_column"),
    refused("a misspelt column", header("scores", "score", "scoer"), rules="scores:missing_column"),
    refused("side effects without their name", without_column("side_effects", "effect"), rules="side_effects:missing_column"),
    fine("vital signs without their minute", without_column("vitals", "minute"), then=lambda cohort: len(cohort.vitals) == 4),
    refused("several tables wrong at once", without_column("scores", "instrument"), without_column("vitals", "session"), without_column("sessions", "hour"), rules="scores:missing_column vitals:missing_column sessions:no_clock"),
    fine("a misspelt optional column is a covariate", header("sessions", "dose_mg_per_kg", "dose_mg_kg"), notes=("unknown_column",)),
    fine("a covariate", column("patients", "employment", ["full-time", "retired"]), notes=("unknown_column",), then=lambda cohort: cohort.patients["employment"].tolist() == ["full-time", "retired"] * 2),
    fine("no disposition time", without_column("disposition", "day")),
]

SCORES = [
    aside("a PHQ-9 of 28", cell("scores", 3, "score", "28"), scores__score_range=1),
    aside("a PHQ-9 of -1", cell("scores", 3, "score", "-1"), scores__score_range=1),
    aside("a GAD-7 of 22", cell("scores", 4, "score", "22"), scores__score_range=1),
    aside("a MADRS of 61", cell("scores", 8, "score", "61"), scores__score_range=1),
    aside("an absurd score", cell("scores", 3, "score", NUMBER), scores__score_range=1),
    fine("the largest scores there are", cell("scores", 2, "score", "27"), cell("scores", 4, "score", "21"), cell("scores", 8, "score", "60")),
    aside("words in a score", cell("scores", 3, "score", CANARY), scores__not_a_number=1),
    aside("an empty score", cell("scores", 3, "score", ""), scores__missing_required=1),
    aside("an empty instrument", cell("scores", 3, "instrument", ""), scores__missing_required=1),
    aside("an empty time", cell("scores", 3, "hour", ""), scores__missing_required=1),
    aside("words for a time", cell("scores", 3, "hour", CANARY), scores__not_a_time=1),
    aside("a time far off", cell("scores", 3, "hour", NUMBER), scores__time_range=1),
    fine("an instrument that is not known", cell("scores", 3, "instrument", CANARY), notes=("unknown_instrument",)),
    fine("other spellings of an instrument", cell("scores", 2, "instrument", "phq9"), cell("scores", 3, "instrument", "PHQ 9"), then=lambda cohort: cohort.instruments[0] == "PHQ-9" and len(cohort.instruments) == 3),
    blank("a timing that is not known", cell("scores", 3, "timing", CANARY), scores__timing__unknown_word=1),
    fine("scores before the first session only", without_rows("scores", 3, 6, 9)),
    aside("items that do not add up to the score", *(column("scores", f"i{n}", ["", "1", ""] if n < 9 else ["", "2", ""]) for n in range(1, 10)), without_rows("scores", 4, 5, 6, 7, 8, 9), cell("scores", 3, "score", "9"), scores__items_total=1),
    fine("items that add up to the score", *(column("scores", f"i{n}", ["", "1", ""]) for n in range(1, 10)), without_rows("scores", 4, 5, 6, 7, 8, 9)),
    aside("an item out of its range", *(column("scores", f"i{n}", ["", "1" if n < 9 else "4", ""]) for n in range(1, 10)), without_rows("scores", 4, 5, 6, 7, 8, 9), scores__item_range=1),
    fine("a score computed from its items", *(column("scores", f"i{n}", ["2"]) for n in range(1, 10)), without_rows("scores", 4, 7, 8, 9), without_column("scores", "score"), then=lambda cohort: cohort.scores["score"].eq(18).all()),
    aside("too few items to compute a score", *(column("scores", f"i{n}", ["2", "2" if n < 4 else ""]) for n in range(1, 10)), without_rows("scores", 4, 5, 6, 7, 8, 9), without_column("scores", "score"), scores__items_missing=1),
    blank("words in an item", *(column("scores", f"i{n}", ["", "1" if n < 9 else CANARY]) for n in range(1, 10)), without_rows("scores", 4, 5, 6, 7, 8, 9), scores__i9__not_a_number=1),
]

KEYS = [
    aside("a score of an unknown patient", row("scores", f"{CANARY}1,PHQ-9,24,12,remote"), scores__orphan_patient=1),
    aside("a session of an unknown patient", row("sessions", f"{CANARY}1,0,1,IV,0.5,40,no"), sessions__orphan_patient=1),
    aside("a side effect of an unknown patient", row("side_effects", f"{CANARY}1,1,nausea,mild,no,1,2,checklist"), side_effects__orphan_patient=1),
    aside("a side effect of an unknown session", cell("side_effects", 2, "session", NUMBER), side_effects__orphan_session=1),
    aside("vital signs of an unknown patient", cell("vitals", 2, "patient_id", CANARY + "1"), vitals__orphan_patient=1),
    aside("vital signs of an unknown session", cell("vitals", 2, "session", "9"), vitals__orphan_session=1),
    aside("a disposition of an unknown patient", cell("disposition", 2, "patient_id", CANARY + "1"), disposition__orphan_patient=1),
    aside("a patient without an id", cell("patients", 5, "patient_id", ""), patients__missing_required=1, sessions__orphan_patient=1, scores__orphan_patient=2),
    aside("a session without a patient", cell("sessions", 5, "patient_id", " "), sessions__missing_required=1),
    aside("a copy of a patient", row("patients", "QX7701,female,34,MDD,clinic-1,no"), patients__duplicate_copy=1),
    aside("a copy of a session", row("sessions", "QX7701,72,2,IV,0.5,40,no"), sessions__duplicate_copy=1),
    aside("a copy of a score", row("scores", "QX7701,PHQ-9,168,9,remote"), scores__duplicate_copy=1),
    aside("a copy of a score, written otherwise", row("scores", "QX7701,phq9,168.0,9.0,Remote"), scores__duplicate_copy=1),
    aside("a copy of a side effect", row("side_effects", "QX7701,1,nausea,mild,no,20,30,checklist"), side_effects__duplicate_copy=1),
    aside("a copy of vital signs", row("vitals", "QX7701,1,0,120,80,70,98"), vitals__duplicate_copy=1),
    aside("a copy of a disposition", row("disposition", "QX7701,30,completed,"), disposition__duplicate_copy=1),
    aside("a patient twice, differing", row("patients", "QX7704,male,62,MDD,clinic-2,no"), patients__duplicate_conflict=2, sessions__orphan_patient=1, scores__orphan_patient=2),
    aside("a session twice, differing", row("sessions", "QX7701,72,2,IV,0.7,40,no"), sessions__duplicate_conflict=2, side_effects__orphan_session=1),
    aside("a score twice, differing", row("scores", "QX7701,PHQ-9,168,11,remote"), scores__duplicate_conflict=2),
    aside("a side effect twice, differing", row("side_effects", "QX7701,1,nausea,severe,no,20,30,checklist"), side_effects__merged_effect=1),
    fine("vital signs twice, differing", row("vitals", "QX7701,1,0,130,80,70,98"), then=lambda cohort: len(cohort.vitals) == 5),
    aside("a disposition twice, differing", row("disposition", "QX7701,31,completed,"), disposition__duplicate_conflict=2),
    aside("a score twice, the first kept", row("scores", "QX7701,PHQ-9,168,11,remote"), toml('duplicates = "first"'), scores__duplicate_conflict=1, then=lambda cohort: 9.0 in cohort.scores["score"].tolist()),
    aside("a score twice, the last kept", row("scores", "QX7701,PHQ-9,168,11,remote"), toml('duplicates = "last"'), scores__duplicate_conflict=1, then=lambda cohort: 11.0 in cohort.scores["score"].tolist()),
    aside("a score twice, the mean kept", row("scores", "QX7701,PHQ-9,168,11,remote"), toml('duplicates = "mean"'), scores__duplicate_conflict=1, then=lambda cohort: 10.0 in cohort.scores["score"].tolist()),
    fine("ids 007 and 7 are two patients", cell("patients", 2, "patient_id", "007"), cell("patients", 3, "patient_id", "7"), *(cell("sessions", n, "patient_id", "007") for n in (2, 3)), *(cell("sessions", n, "patient_id", "7") for n in (4, 5)), without_rows("scores", 2, 3, 4, 5, 6), without_rows("side_effects", 2, 3, 4), without_rows("vitals", 2, 3, 4), without_rows("disposition", 2, 3), then=lambda cohort: set(cohort.patients["patient_id"]) == {"007", "7", "QX7703", "QX7704"} and cohort.sessions.groupby("patient_id").size()["007"] == 2),
    aside("an invisible sign in an id", cell("scores", 3, "patient_id", "QX7701\u200b"), scores__orphan_patient=1),
    aside("ids that differ in blanks alone are one patient", row("patients", " QX7704,male,61,MDD,clinic-2,no"), patients__duplicate_copy=1),
    fine("blanks around ids", cell("scores", 3, "patient_id", " QX7701  "), cell("patients", 2, "patient_id", "QX7701 ")),
    aside("ids that differ in case are two patients", cell("scores", 3, "patient_id", "qx7701"), scores__orphan_patient=1),
    refused("every patient without an id", column("patients", "patient_id", [""]), rules="patients:nothing_left"),
]

ORDER = [
    aside("a dated course that begins with session 4", dated(), cell("sessions", 2, "session", "4"), cell("sessions", 3, "session", "5"), sessions__origin_unknown=2, scores__origin_unknown=3, side_effects__orphan_session=2, vitals__orphan_session=2, disposition__origin_unknown=1),
    aside("a session before the first one", row("sessions", "QX7701,-48,0,IV,0.5,40,no"), cell("sessions", 8, "session", ""), sessions__session_before_origin=1),
    aside("a first session that is not at hour 0", cell("sessions", 6, "hour", "24"), sessions__no_origin=1, scores__no_origin=1, side_effects__orphan_session=1, vitals__orphan_session=1, disposition__no_origin=1),
    aside("numbers and times of sessions disagree", cell("sessions", 2, "session", "2"), cell("sessions", 3, "session", "1"), sessions__session_order=2, scores__no_origin=3, side_effects__orphan_session=2, vitals__orphan_session=2, disposition__no_origin=1),
    aside("a patient without a session", without_rows("sessions", 7), scores__no_session=2),
    aside("a session without a time", cell("sessions", 3, "hour", ""), sessions__missing_required=1, side_effects__orphan_session=1),
    aside("a session without a route", cell("sessions", 3, "route", ""), sessions__missing_required=1, side_effects__orphan_session=1),
    fine("sessions in any order", lambda folder: folder.tables["sessions"].__setitem__(slice(1, None), folder.tables["sessions"][:0:-1]), then=lambda cohort: cohort.sessions["hour"].tolist() == [0, 72, 0, 96, 0, 0]),
    fine("session numbers derived from the times", without_column("sessions", "session"), then=lambda cohort: cohort.sessions["session"].tolist() == [1, 2, 1, 2, 1, 1]),
    blank("a session number that is no number", column("sessions", "session", ["1", "2", "1", CANARY, "1", "1"]), sessions__session__not_a_number=1),
]

UNITS = [
    blank("milligrams in the column for mg/kg", cell("sessions", 2, "dose_mg_per_kg", "40"), sessions__dose_mg_per_kg__dose_unit=1),
    blank("an absurd dose", cell("sessions", 2, "dose_mg_per_kg", NUMBER), sessions__dose_mg_per_kg__dose_unit=1),
    blank("a negative dose and none", cell("sessions", 2, "dose_mg_per_kg", "-0.5"), cell("sessions", 4, "dose_mg_per_kg", "0"), sessions__dose_mg_per_kg__dose_range=2),
    blank("a dose that is not the milligrams by the weight", column("sessions", "dose_mg", ["40"]), column("sessions", "weight_kg", ["80", "80", "80", "66.7", "50", "60"]), sessions__dose_mg__dose_mismatch=1),
    blank("a weight in pounds", column("sessions", "dose_mg", ["40"]), column("sessions", "weight_kg", ["80", "80", "176.4", "66.7", "50", "50"]), sessions__weight_kg__weight_pounds=1),
    blank("absurd weights", column("sessions", "weight_kg", ["80", NUMBER, "80", "3", "80", "80"]), sessions__weight_kg__weight_range=2),
    fine("a dose derived from milligrams and weight", without_column("sessions", "dose_mg_per_kg"), column("sessions", "dose_mg", ["40"]), column("sessions", "weight_kg", ["80"]), then=lambda cohort: cohort.sessions["dose_mg_per_kg"].eq(0.5).all()),
    blank("durations of zero, below zero and over a day", cell("sessions", 2, "duration_minutes", "0"), cell("sessions", 3, "duration_minutes", "-5"), cell("sessions", 4, "duration_minutes", NUMBER), sessions__duration_minutes__duration=3),
    blank("words for a duration", cell("sessions", 2, "duration_minutes", CANARY), sessions__duration_minutes__not_a_number=1),
    blank("neither yes nor no", cell("sessions", 2, "stopped_early", CANARY), sessions__stopped_early__not_yes_or_no=1),
    blank("words and absurd numbers for an age", cell("patients", 2, "age", CANARY), cell("patients", 3, "age", "-3"), patients__age__not_a_number=1, patients__age__out_of_range=1),
    blank("a flag that is neither yes nor no", cell("patients", 2, "cardiac_condition", CANARY), patients__cardiac_condition__not_yes_or_no=1),
]

EVENTS = [
    blank("implausible vital signs", cell("vitals", 2, "sbp", NUMBER), cell("vitals", 3, "spo2", "20"), cell("vitals", 4, "heart_rate", "0"), vitals__sbp__vital_range=1, vitals__spo2__vital_range=1, vitals__heart_rate__vital_range=1),
    blank("a diastolic pressure above the systolic", cell("vitals", 2, "dbp", "140"), vitals__sbp__pressure_order=1, vitals__dbp__pressure_order=1),
    blank("words in a heart rate", cell("vitals", 2, "heart_rate", CANARY), vitals__heart_rate__not_a_number=1),
    fine("a reading without its minute", cell("vitals", 2, "minute", ""), then=lambda cohort: cohort.vitals["minute"].isna().sum() == 1),
    aside("a reading far from its session", cell("vitals", 2, "minute", NUMBER), vitals__minute_range=1),
    aside("words for a session number", cell("vitals", 2, "session", CANARY), vitals__not_a_number=1),
    aside("half a session", cell("side_effects", 2, "session", "1.5"), side_effects__not_a_whole_number=1),
    fine("the word none, in any spelling", cell("side_effects", 3, "effect", "None"), then=lambda cohort: (cohort.side_effects["effect"] == "none").sum() == 1 and bool(cohort.sessions["side_effects_recorded"].iloc[1])),
    aside("NA as a side effect", cell("side_effects", 3, "effect", "NA"), side_effects__unclear_effect=1, then=lambda cohort: pd.isna(cohort.sessions["side_effects_recorded"].iloc[1])),
    aside("a dash as a side effect", cell("side_effects", 3, "effect", "-"), side_effects__unclear_effect=1, then=lambda cohort: pd.isna(cohort.sessions["side_effects_recorded"].iloc[1])),
    aside("an empty side effect", cell("side_effects", 3, "effect", ""), side_effects__missing_required=1, then=lambda cohort: pd.isna(cohort.sessions["side_effects_recorded"].iloc[1])),
    aside("none beside a side effect", row("side_effects", "QX7701,1,none,,no,,,checklist"), side_effects__none_and_effect=1),
    blank("a severity that is not known", cell("side_effects", 2, "severity", CANARY), side_effects__severity__unknown_word=1),
    blank("an ascertainment that is not known", cell("side_effects", 2, "ascertainment", CANARY), side_effects__ascertainment__unknown_word=1),
    blank("perhaps serious", cell("side_effects", 2, "serious", CANARY), side_effects__serious__not_yes_or_no=1),
    blank("an onset before the session", cell("side_effects", 2, "onset_minutes", "-10"), side_effects__onset_minutes__out_of_range=1),
    blank("a side effect that lasted no time", cell("side_effects", 2, "duration_minutes", "0"), side_effects__duration_minutes__duration=1),
    fine("no table of side effects: whether they were recorded is not known", without("side_effects"), then=lambda cohort: cohort.sessions["side_effects_recorded"].isna().all()),
]

IDENTIFIERS = [
    private("an e-mail address in a covariate", column("patients", "motive", ["work", f"{CANARY}@example.org"]), rules="patients:identifier:F"),
    private("a telephone number in a covariate", column("sessions", "room", ["a", "212-555-0187"]), rules="sessions:identifier:D"),
    private("a telephone number without signs", column("patients", "reference", ["1", "2125550187"]), rules="patients:identifier:D"),
    private("Social Security numbers as ids", cell("patients", 2, "patient_id", "078-05-1120"), rules="patients:identifier:G"),
    private("initials and birth dates as ids", cell("patients", 2, "patient_id", "ZQ19800412"), rules="patients:identifier:C"),
    private("a name among the ids", cell("patients", 2, "patient_id", CANARY), rules="patients:identifier:A"),
    private("an initial and a surname among the ids", cell("patients", 2, "patient_id", f"Q. {CANARY}"), rules="patients:identifier:A"),
    private("a name as the id of an unknown patient", row("scores", f"{CANARY},PHQ-9,24,12,remote"), rules="scores:identifier:A"),
    private("initials and a year among the ids", cell("patients", 2, "patient_id", "ZQ1975"), rules="patients:identifier:C"),
    private("an e-mail address as the id of an unknown patient", row("scores", f"{CANARY}@example.org,PHQ-9,24,12,remote"), rules="scores:identifier:F"),
    private("a column of names", column("patients", "last_name", [CANARY]), rules="patients:identifier:A"),
    private("a name in a word", cell("patients", 2, "diagnosis", f"Dr. {CANARY.capitalize()}"), rules="patients:identifier:A"),
    private("a column of notes", column("sessions", "clinical_notes", [CANARY]), rules="sessions:identifier:free_text"),
    private("sentences in the reason", cell("disposition", 2, "reason", f"she moved to {CANARY} with her husband and did not call"), rules="disposition:identifier:free_text"),
    fine("a line break inside a cell is a blank", cell("disposition", 2, "reason", '"moved\naway"'), then=lambda cohort: cohort.disposition["reason"].iloc[0] == "moved away"),
    private("several lines in a cell", cell("disposition", 2, "reason", f'"moved away.\nBack in spring with {CANARY}."'), rules="disposition:identifier:free_text"),
    private("record numbers", column("patients", "MRN", ["00123456"]), rules="patients:identifier:H"),
    private("ZIP codes", column("patients", "zip", ["02139"]), rules="patients:identifier:B"),
    private("web addresses", column("sessions", "room", ["a", f"https://{CANARY}.example/x"]), rules="sessions:identifier:N"),
    private("Internet addresses", column("scores", "origin", ["10.0.0.1"]), rules="scores:identifier:O"),
    private("photographs", column("patients", "attached", [f"{CANARY}.jpg"]), rules="patients:identifier:Q"),
    private("device serial numbers", column("vitals", "pump_serial", [CANARY]), rules="vitals:identifier:M"),
    private("record hashes", column("scores", "row_key", ["d41d8cd98f00b204e9800998ecf8427e"]), rules="scores:identifier:R"),
    private("a header that is a cell", column("patients", f"{CANARY}@example.org", ["1"]), rules="patients:identifier:F"),
    private("a band of ages over 90", column("patients", "age_band", ["30-39", "91-95"]), rules="patients:identifier:C"),
    blank("a code for a missing age", cell("patients", 2, "age", "999"), patients__age__out_of_range=1),
    private("an age of 93", cell("patients", 2, "age", "93"), rules="patients:identifier:C"),
    fine("ages of 89 and 90", cell("patients", 2, "age", "89"), cell("patients", 3, "age", "90"), then=lambda cohort: cohort.patients["age"].tolist()[:2] == [89.0, 90.0]),
    private("an e-mail address where a number should be", cell("scores", 3, "score", f"{CANARY}@example.org"), rules="scores:identifier:F"),
    private("an identifier beside a missing column", column("patients", "ssn", ["078-05-1120"]), without_column("scores", "instrument"), rules="patients:identifier:G scores:missing_column"),
]

SETTINGS = [
    misconfigured("an unknown key", toml('deidentifcation = "safe-harbor"')),
    misconfigured("a value of the wrong type", toml(f'synthetic = "{CANARY}"')),
    misconfigured("broken syntax", toml(f'name = "{CANARY}')),
    misconfigured("an unknown level", toml(f'deidentification = "{CANARY}"')),
    misconfigured("covariates that are no list", toml(f'covariates = "{CANARY}"')),
    misconfigured("several wrong keys at once", toml(f'sex = 1\nduplicates = "{CANARY}"\ndecimal = 5')),
    misconfigured("a link for cohort.toml", act(_linked_toml)),
    fine("an empty cohort.toml", toml("")),
    fine("comments only", toml("# nothing yet\n")),
    fine("covariates chosen", column("patients", "employment", ["a"]), column("patients", "smoker", ["b"]), toml('covariates = ["smoker"]'), then=lambda cohort: "smoker" in cohort.patients and "employment" not in cohort.patients),
]

CASES = (*ENCODINGS, *LAYOUT, *DECIMALS, *DATES, *PARQUET, *FILES, *COLUMNS, *SCORES, *KEYS, *ORDER, *UNITS, *EVENTS, *IDENTIFIERS, *SETTINGS)
