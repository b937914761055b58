"""An SDTM folder's files: which domain each holds, and their cells as text."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.files import folder_path, read_table
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.opening import shown_name
from ketaoutcomes.readers.sdtm_xpt import read_xpt

__all__ = ["DOMAINS", "Domain", "Folder", "by_level", "read_folder"]

# The domains that are read, in the order in which they are told, and what each cannot do without.
DOMAINS = {
    "DM": ("USUBJID",),
    "EX": ("USUBJID", "EXSTDTC"),
    "QS": ("USUBJID", "QSTESTCD", "QSDTC"),
    "RS": ("USUBJID", "RSTESTCD", "RSDTC"),
    "VS": ("USUBJID", "VSTESTCD", "VSDTC"),
    "AE": ("USUBJID", "AESTDTC"),
    "DS": ("USUBJID", "DSDECOD"),
}
ENDINGS = (".csv", ".xpt")
UNSAFE = (".pkl", ".pickle", ".joblib", ".npy", ".npz", ".rds", ".rdata", ".rda")
# Columns of analysis data (ADaM), which may carry SDTM's DOMAIN along.
ANALYSIS = frozenset(
    ("PARAMCD", "AVAL", "AVALC", "TRTA", "TRTP", "TRT01A", "TRT01P", "TRTEMFL", "TRTSDT", "SAFFL", "ITTFL")
)
CODE = re.compile(r"[A-Z][A-Z0-9]")


@dataclass(frozen=True)
class Domain:
    """One domain, or one file that is none of those that are read.

    Parameters
    ----------
    name : str
        Its code, e.g. "QS"; of other files the code or the file's name.
    frame : DataFrame
        Cells as text without surrounding blanks, "" where empty, under names in upper case.
    row_numbers : (n,) int array
        Numbers of the rows in the file, the header being row 1; a second file of the domain counts on.
    ragged : (n,) object array
        Rule by which a row could not be put into columns, "" for the others.
    n_files : int
    """

    name: str
    frame: pd.DataFrame
    row_numbers: np.ndarray
    ragged: np.ndarray
    n_files: int = 1

    def has(self, column: str) -> bool:
        """Whether the column is there and holds something."""
        return column in self.frame.columns and bool((self.frame[column] != "").any())

    def cells(self, column: str) -> pd.Series:
        """Return a column, empty cells where it is not there."""
        if column in self.frame.columns:
            return self.frame[column]
        return pd.Series(pd.array([""] * len(self.frame), dtype="str"))

    def number(self, column: str) -> np.ndarray:
        """Return a column as numbers; missing where there is none."""
        return pd.to_numeric(self.cells(column), errors="coerce").to_numpy(float)


@dataclass(frozen=True)
class Folder:
    """What an SDTM folder holds: the domains that are read, the other tables, and what is to be told."""

    domains: dict[str, Domain]
    others: tuple[Domain, ...]
    notes: tuple[str, ...]


def by_level(cells: pd.Series, function: Callable[[str], object]) -> pd.Series:
    """Return what a function says of each cell, asked once for each distinct one."""
    codes, levels = pd.factorize(cells)
    said = np.array([function(str(level)) for level in levels] + [None], dtype=object)
    return pd.Series(said[codes], index=cells.index, dtype=object)


def read_folder(folder: str | Path, settings: Settings) -> Folder:
    """Return the domains in a folder of CSV and XPT files.

    Raises
    ------
    DataError
        If the folder or a file in it cannot be read, a column is missing that a domain needs,
        or nobody's exposure is told; all that is wrong at once.
    """
    path = folder_path(folder)
    if not path.is_dir():
        raise DataError(RULES["not_folder" if path.exists() else "no_folder"].reason)
    files, problems, n_beside = _files(path)
    domains: dict[str, list[Domain]] = {}
    others: list[Domain] = []
    for file, label in files:
        try:
            raw = (
                read_xpt(file, label, settings)
                if file.suffix.lower() == ".xpt"
                else read_table(file, label, settings)
            )
            found = _domain(raw, file, label)
        except DataError as error:
            problems += error.problems
            continue
        if found.name in DOMAINS and found.n_files:
            domains.setdefault(found.name, []).append(found)
        else:
            others.append(found)
    if not problems and "EX" not in domains:
        problems.append(
            Problem(
                "no file of exposures (EX) is in the folder; sessions are made of it",
                "EX",
                rule="missing_table",
            )
        )
    if problems:
        raise DataError(problems)
    notes = [
        f"{name}: {len(parts)} files were read as one; the rows of the later ones are numbered on"
        for name, parts in domains.items()
        if len(parts) > 1
    ]
    if n_beside:
        beside = "file or folder is" if n_beside == 1 else "files or folders are"
        notes.append(f"{n_beside} {beside} neither CSV nor XPT, and not read")
    return Folder(
        {name: _united(domains[name]) for name in DOMAINS if name in domains}, tuple(others), tuple(notes)
    )


def _files(path: Path) -> tuple[list[tuple[Path, str]], list[Problem], int]:
    """Return the CSV and XPT files with the name by which each is told, and how many others there are."""
    files, problems, n_beside = [], [], 0
    try:
        entries = sorted(path.iterdir(), key=lambda one: one.name)
    except OSError:
        return [], [Problem(RULES["unreadable"].reason, rule="unreadable")], 0
    for number, entry in enumerate(entries, 1):
        ending = entry.suffix.lower()
        label = shown_name(entry, f"file number {number}")
        if ending in UNSAFE and _by_name(entry.stem):
            problems.append(Problem(RULES["unsafe_file"].reason, label, rule="unsafe_file"))
        elif ending not in ENDINGS:
            n_beside += not entry.name.startswith(".")
        elif not stat.S_ISREG(entry.lstat().st_mode):
            problems.append(Problem(RULES["not_regular_file"].reason, label, rule="not_regular_file"))
        else:
            files.append((entry, label))
    return files, problems, n_beside


def _domain(raw: RawTable, file: Path, label: str) -> Domain:
    """Return a file's cells with the domain it holds; `n_files` is 0 if it is none that is read."""
    names = [str(name).strip().upper() for name in raw.frame.columns]
    if len(set(names)) < len(names):
        raise DataError(Problem(RULES["duplicate_header"].reason, label, rule="duplicate_header"))
    columns = {name: _cells(raw.frame.iloc[:, place]) for place, name in enumerate(names)}
    frame = pd.DataFrame(columns, index=range(len(raw.frame)), dtype="str")
    given = sorted(set(frame["DOMAIN"].str.upper()) - {""}) if "DOMAIN" in frame.columns else []
    if ANALYSIS & set(names) or "RDOMAIN" in names:
        return _with_ragged(label, frame, raw, n_files=0)
    if len(given) > 1:
        message = f"the column DOMAIN names {len(given)} domains; write each into a file of its own"
        raise DataError(Problem(message, label, "DOMAIN", "several_domains"))
    code = given[0] if given else _by_name(file.stem)
    if code not in DOMAINS:
        shown = code if code and CODE.fullmatch(code) else label
        return _with_ragged(shown, frame, raw, n_files=0)
    lacking = [name for name in DOMAINS[code] if name not in names]
    if code == "AE" and not {"AEDECOD", "AETERM"} & set(names):
        lacking.append("AEDECOD")
    if lacking:
        raise DataError(
            [Problem(RULES["missing_column"].reason, label, name, "missing_column") for name in lacking]
        )
    return _with_ragged(code, frame, raw, n_files=1)


def _by_name(stem: str) -> str | None:
    """Return the domain that a file's name tells: sdtm_qs_phq is QS, adam_adae and suppae are none."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", stem.upper()) if word]
    words = words[1:] if words[:1] == ["SDTM"] else words
    return words[0] if words and words[0] in DOMAINS else None


def _cells(column: pd.Series) -> pd.Series:
    return column.astype("str").str.strip().fillna("").reset_index(drop=True)


def _with_ragged(name: str, frame: pd.DataFrame, raw: RawTable, *, n_files: int) -> Domain:
    """Return the cells, with a row for each that could not be put into columns, of the subject at most."""
    numbers = np.arange(2, len(frame) + 2) if raw.row_numbers is None else np.asarray(raw.row_numbers)
    ragged = np.full(len(frame), "", dtype=object)
    if raw.unplaced:
        lost = np.concatenate([rows for _, rows in raw.unplaced])
        rules = np.concatenate([np.full(rows.size, rule, dtype=object) for rule, rows in raw.unplaced])
        order = np.argsort(lost, kind="stable")
        more = pd.DataFrame({"USUBJID": _lost_subjects(raw, frame)}, dtype="str")
        frame = (
            pd.concat([frame, more], ignore_index=True)
            .reindex(columns=frame.columns)
            .fillna("")
            .astype("str")
        )
        numbers, ragged = np.concatenate([numbers, lost[order]]), np.concatenate([ragged, rules[order]])
    return Domain(name, frame, numbers, ragged, n_files)


def _lost_subjects(raw: RawTable, frame: pd.DataFrame) -> list[str]:
    """Return the subject of each row that has too many or too few cells, as far as its place tells."""
    place = list(frame.columns).index("USUBJID") if "USUBJID" in frame.columns else None
    rows = [line.split(raw.separator) for line in raw.lost]
    return [row[place].strip().strip('"') if place is not None and len(row) > place else "" for row in rows]


def _united(parts: Iterable[Domain]) -> Domain:
    """Return several files of one domain as one."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    frame = pd.concat([part.frame for part in parts], ignore_index=True).fillna("").astype("str")
    numbers, last = [], 1
    for part in parts:
        numbers.append(part.row_numbers + last - 1)
        last = int(numbers[-1].max(initial=last))
    ragged = np.concatenate([part.ragged for part in parts])
    return Domain(parts[0].name, frame, np.concatenate(numbers), ragged, len(parts))
