# ruff: noqa: E501
# fmt: off
"""The corpus of spreadsheets, continued: folders, packages that are unsafe or damaged, pickles, statistical files."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
from readers.spreadsheet_case import ALL_SCORES, fine, refused, scores
from readers.spreadsheet_files import (
    CANARY,
    HEADER,
    MAPPING,
    ROWS,
    SCORES,
    SESSIONS,
    Write,
    bomb,
    book,
    chain,
    csv_text,
    doctype,
    encrypted_flag,
    good_book,
    lying_size,
    of_sheets,
    ole,
    overlapping,
    part,
    parts_of,
    raw,
    rows_with,
    shared_strings,
    sheet_xml,
    with_part,
    zipped,
)


def folder(**files: str) -> Write:
    """A folder of CSV files by stem."""

    def write(path: Path) -> Path:
        for stem, text in files.items():
            (path / f"{stem}.csv").write_text(text, encoding="utf-8")
        return path

    return write


def linked(path: Path) -> Path:
    (path / "real.xlsx").write_bytes(good_book())
    (path / "clinic.xlsx").symlink_to(path / "real.xlsx")
    return path / "clinic.xlsx"


def folder_like_a_file(path: Path) -> Path:
    (path / "clinic.xlsx").mkdir()
    return path / "clinic.xlsx"


FOLDERS = [
    fine("a folder of CSV files", folder(visits=csv_text(ROWS[::3]), forms=csv_text(ROWS)), of_sheets("visits", "forms"), rows=(8, 6, 0, 2)),
    refused("a folder without tables", folder(), "unknown_kind"),
    refused("a link", linked, "not_regular_file"),
    refused("a folder named as a workbook", folder_like_a_file, "not_regular_file"),
    refused("a file of an unknown kind", raw("clinic.docx", b"PK\x03\x04 something"), "unknown_kind"),
    refused("a file that is not there", lambda path: path / "clinic.xlsx", "unreadable"),
]


def many_entries() -> bytes:
    return zipped(parts_of(good_book()) | {f"xl/media/{n}.bin": b"" for n in range(1_100)})


def nested_bomb() -> bytes:
    return zipped({"inner.zip": zipped({"a.bin": bytes(20_000_000)})})


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """A byte of the sheet's compressed XML turned over, as a bad disk does."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
    place = entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


# Two parts in a hundred random and the rest zeros: a ratio of less than a hundred, and more than 100 MB.
MIXED = np.random.default_rng(1).bytes(2_000) + bytes(98_000)
DECLARED = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else CANARY}">' for n in range(9))

PACKAGES = [
    refused("a ZIP bomb by its ratio", raw("clinic.xlsx", lambda: bomb(30_000_000, b"\0")), "unsafe_workbook"),
    refused("a ZIP bomb by its size", raw("clinic.xlsx", lambda: bomb(101_000_000, MIXED)), "unsafe_workbook"),
    refused("a ZIP bomb by its entries", raw("clinic.xlsx", many_entries), "unsafe_workbook"),
    refused("a ZIP bomb that hides its size", raw("clinic.xlsx", lambda: lying_size(bomb(30_000_000, b"\0"))), "bad_workbook"),
    refused("a ZIP bomb inside a ZIP file", raw("clinic.xlsx", nested_bomb), "not_workbook"),
    refused("overlapping entries", book(then=overlapping), "unsafe_workbook"),
    refused("an encrypted entry", book(then=encrypted_flag), "unsafe_workbook"),
    refused("an entry that points upwards", book(then=with_part("../../evil.xml", b"<a/>")), "unsafe_workbook"),
    refused("an entry with an absolute name", book(then=with_part("/etc/evil.xml", b"<a/>")), "unsafe_workbook"),
    refused("two entries that differ in case alone", book(then=with_part("xl/Workbook.xml", b"<a/>")), "unsafe_workbook"),
    refused("entities in the sheet", book(then=doctype("xl/worksheets/sheet1.xml", DECLARED)), "unsafe_workbook"),
    refused("entities in the shared strings", book(then=chain(shared_strings, doctype("xl/sharedStrings.xml", DECLARED))), "unsafe_workbook"),
    refused("an external entity", book(then=doctype("xl/workbook.xml", '<!ENTITY x SYSTEM "file:///etc/passwd">')), "unsafe_workbook"),
    refused("a document type after much white space", book(then=part("xl/styles.xml", lambda xml: b" " * 200_000 + b"<!DOCTYPE x []>" + xml[xml.index(b"?>") + 2 :] if b"?>" in xml else b" " * 200_000 + b"<!DOCTYPE x []>" + xml)), "unsafe_workbook"),
    refused("a document type in UTF-16", book(then=with_part("customXml/item1.xml", '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x []><x/>'.encode("utf-16"))), "unsafe_workbook"),
    refused("a truncated workbook", book(then=half), "bad_workbook"),
    refused("a flipped byte", book(then=flipped), "bad_workbook"),
    refused("a sheet that ends in the middle", book(then=part("xl/worksheets/sheet1.xml", half)), "bad_workbook"),
    refused("rows out of order", book(then=sheet_xml('<row r="3"', '<row r="9"')), "bad_workbook"),
    refused("a row beyond the sheet", book(then=sheet_xml('<row r="7"', '<row r="1048577"')), "bad_workbook"),
    refused("a cell in another row than it says", book(then=sheet_xml('r="A3"', 'r="A4"')), "bad_workbook"),
    refused("a string that is not there", book(then=chain(shared_strings, part("xl/sharedStrings.xml", lambda xml: xml[: xml.index(b"<si>")] + b"</sst>"))), "bad_workbook"),
    refused("a cell of 40,000 signs", book(rows=rows_with(2, "remark", "x"), then=part("xl/worksheets/sheet1.xml", lambda xml: xml.replace(b">x<", b">" + b"zqxcanary " * 4_000 + b"<"))), "cell_too_long"),
    refused("a workbook with a password", raw("clinic.xlsx", ole("Root Entry", "EncryptionInfo", "EncryptedPackage")), "not_workbook"),
    refused("an old workbook by the name of a new one", raw("clinic.xlsx", ole("Root Entry", "Workbook")), "not_workbook"),
    refused("an old workbook", raw("clinic.xls", ole("Root Entry", "Workbook")), "unknown_kind"),
    refused("an OpenDocument sheet", raw("clinic.ods", zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"})), "unknown_kind"),
    refused("an OpenDocument sheet by the name of a workbook", raw("clinic.xlsx", zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"})), "not_workbook"),
    refused("a binary workbook", raw("clinic.xlsx", zipped({"[Content_Types].xml": b"<a/>", "xl/workbook.bin": b"x"})), "not_workbook"),
    refused("text by the name of a workbook", raw("clinic.xlsx", b"record_id,hour\nQX7701,0\n"), "not_workbook"),
    refused("an empty workbook file", raw("clinic.xlsx", b""), "empty_file"),
]

PICKLED = pickle.dumps({"record_id": [CANARY]}, protocol=4)

UNSAFE = [
    refused("a pickle by the name of CSV", raw("clinic.csv", PICKLED), "unsafe_file"),
    refused("a pickle by the name of a workbook", raw("clinic.xlsx", PICKLED), "unsafe_file"),
    refused("a pickle by the name of SPSS", raw("clinic.sav", PICKLED), "unsafe_file"),
    refused("a pickle by its name", raw("clinic.pkl", PICKLED), "unsafe_file"),
    refused("a joblib file by its name", raw("clinic.joblib", b"x"), "unsafe_file"),
    refused("a compressed joblib file by the name of CSV", raw("clinic.csv", zlib.compress(PICKLED)), "unsafe_file"),
    refused("an array by the name of CSV", raw("clinic.csv", b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}"), "unsafe_file"),
    refused("an R file by its name", raw("clinic.rds", b"\x1f\x8b\x08x"), "unsafe_file"),
    refused("an R file by the name of text", raw("clinic.txt", b"RDX3\nX\n"), "unsafe_file"),
]


def frame() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([row[place] for row in ROWS], dtype="str" if name in ("record_id", "route", "remark") else "float64") for place, name in enumerate(HEADER)})


def statistical(name: str, write: Callable, **options) -> Write:
    def make(folder: Path) -> Path:
        write(frame().fillna({"route": "", "remark": ""}), str(folder / name), **options)
        return folder / name

    return make


def parquet(path: Path) -> Path:
    frame().to_parquet(path / "clinic.parquet")
    return path / "clinic.parquet"


def cut(write: Write, *, at: int | None = None) -> Write:
    """A file that ends early."""

    def make(folder: Path) -> Path:
        path = write(folder)
        data = path.read_bytes()
        path.write_bytes(data[: at or len(data) // 2])
        return path

    return make


UPPER = {"patient": {"id": "RECORD_ID"}, "rows": [SESSIONS | {"columns": {"hour": "HOUR", "route": "ROUTE"}}, SCORES | {"columns": {"hour": "HOUR", "score": "PHQ9_TOT"}}]}
SPSS = statistical("clinic.sav", pyreadstat.write_sav, missing_ranges={"phq9_total": [18]}, variable_value_labels={"phq9_total": {20: "many"}})


def sas(folder: Path) -> Path:
    short = frame().fillna({"route": "", "remark": ""}).rename(columns={"phq9_total": "phq9_tot", "record_id": "id"})
    pyreadstat.write_xport(short, str(folder / "clinic.xpt"), file_format_version=5)
    return folder / "clinic.xpt"


STATISTICAL = [
    fine("SPSS, one score declared as missing", SPSS, rows=(6, 5, 0, 1), notes="user_missing value_labels", then=lambda cohort: scores(cohort) == [9, 12, 20]),
    fine("SPSS, compressed", statistical("clinic.zsav", pyreadstat.write_sav, compress=True)),
    fine("SPSS, portable", statistical("clinic.por", lambda frame, path: pyreadstat.write_por(frame.rename(columns={"record_id": "RECORD_I", "phq9_total": "PHQ9_TOT"}), path)), {**UPPER, "patient": {"id": "RECORD_I"}}),
    fine("SAS transport", sas, {**MAPPING, "patient": {"id": "id"}, "rows": [SESSIONS, SCORES | {"columns": {"hour": "hour", "score": "phq9_tot"}}]}),
    fine("Stata", statistical("clinic.dta", pyreadstat.write_dta), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("Parquet", parquet, then=lambda cohort: scores(cohort) == ALL_SCORES),
    refused("SPSS, cut short", cut(SPSS, at=300), "bad_statistical_file"),
    refused("Stata, cut short", cut(statistical("clinic.dta", pyreadstat.write_dta)), "bad_statistical_file"),
    refused("SAS, cut short", cut(sas, at=100), "bad_statistical_file"),
    refused("Parquet, cut short", cut(parquet), "bad_parquet"),
    refused("text by the name of SPSS", raw("clinic.sav", b"record_id,hour\n"), "bad_statistical_file"),
    refused("text by the name of SAS", raw("clinic.sas7bdat", b"record_id,hour\n"), "bad_statistical_file"),
]

FILE_CASES = (*FOLDERS, *PACKAGES, *UNSAFE, *STATISTICAL)
