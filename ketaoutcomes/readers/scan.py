"""What in a file that is not yet a cohort looks like an identifier: `ketaoutcomes check FILE`."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ketaoutcomes.cohort.csv_text import RawTable, read_csv
from ketaoutcomes.cohort.notebook_code import text_cells
from ketaoutcomes.cohort.notebook_scan import scan_notebook
from ketaoutcomes.cohort.privacy import scan_columns, scan_name, scan_values
from ketaoutcomes.cohort.privacy_cells import all_classes_of_texts, class_of_name
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.scan_result import ScanResult, scan_result
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.cell_text import CellWriter, column_text
from ketaoutcomes.readers.opening import export_path, read_plain_file, shown_name
from ketaoutcomes.readers.scan_parquet import beside_cells, read_whole
from ketaoutcomes.readers.scan_workbook import Part, workbook_parts
from ketaoutcomes.readers.statistical_files import ENDINGS as STATISTICAL
from ketaoutcomes.readers.statistical_files import read_statistical_file

__all__ = ["scan_file"]

TEXT, WORKBOOKS = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm")
KINDS = "CSV, TSV, .xlsx, .xlsm, .sav, .zsav, .por, .sas7bdat, .xpt, .dta, .parquet and .ipynb"
# Codes that mean a missing answer: 99, 999999998, -8888.
DECLARED = re.compile(r"-?(?:7+|8+|9+)[0-9]?")
READ_BY = {
    ".sav": "read_sav",
    ".zsav": "read_sav",
    ".por": "read_por",
    ".sas7bdat": "read_sas7bdat",
    ".xpt": "read_xport",
    ".dta": "read_dta",
}
NAMES_UNTOLD = "Names within prose are not looked for."
WHAT_TO_DO = (
    "What to do: leave these columns out of the mapping (`ketaoutcomes import` reads only what the mapping "
    "names), or make a de-identified copy with `ketaoutcomes deidentify`."
)
NOTHING_TO_DO = (
    "A scan finds what has a form or a telling name; whoever shares the file must still have read it."
)


def scan_file(path: str | Path, *, level: str = "safe-harbor") -> ScanResult:
    """Return what in a file looks like an identifier, by class, column and count, and never a value.

    Looked at are the file's name, all headers, labels and cells of every sheet,
    hidden ones too, comments, and what a workbook tells of who made it.

    Parameters
    ----------
    path : str or Path
        A CSV, TSV, Excel, SPSS, SAS, Stata or Parquet file, or a notebook.
    level : {"safe-harbor", "limited-data-set"}
        At the first, dates are told as class C; a limited data set may hold them.

    Returns
    -------
    ScanResult
        `.ok`, `.exit_code`, `.problems`, `.summary()`. A file that cannot be read
        is a problem of severity "error".

    Raises
    ------
    DataError
        If `path` is not a path, or there is no such file.
    """
    path = export_path(path)
    if path.suffix.lower() == ".ipynb":
        return scan_notebook(path, level=level)
    shown = shown_name(path)
    told = [("privacy", one) for one in scan_name("file", path.name) if _counts(one, level)]
    counts: list[tuple[str, int, int]] = []
    try:
        for part in _parts(path, shown):
            told += part.told
            told += _texts(part, level)
            if part.frame is not None:
                counts.append((part.label, len(part.frame), part.frame.shape[1]))
                told += [("privacy", one) for one in _table(part, path, level)]
    except DataError as error:
        told += [("error", one) for one in error.problems]
    found = any(severity == "privacy" for severity, _ in told)
    closing = (NAMES_UNTOLD, WHAT_TO_DO if found else NOTHING_TO_DO)
    return scan_result(shown, told, counts, closing=closing)


def _counts(problem: Problem, level: str) -> bool:
    """Whether a problem is one at this level."""
    return level == "safe-harbor" or problem.rule != "identifier:C"


def _parts(path: Path, shown: str) -> Iterable[Part]:
    """Return the tables of a file with what is told of each."""
    ending = path.suffix.lower()
    if ending in TEXT:
        return _csv(read_plain_file(path), shown)
    if ending in WORKBOOKS:
        return workbook_parts(path, shown)
    if ending in STATISTICAL:
        return _statistical(path, shown)
    if ending == ".parquet":
        return _parquet(path, shown)
    if path.is_dir():
        raise DataError(Problem("this is a folder; check it as a cohort, or name one file of it", shown))
    message = f"files of this kind are not looked at; those are {KINDS}"
    raise DataError(Problem(message, shown, None, "unknown_file"))


def _csv(data: bytes, shown: str) -> list[Part]:
    """Return the table of a CSV file in whatever encoding; rows that do not fit are looked at as text."""
    told = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            data = data.decode("utf-16").encode("utf-8")
            told.append(_note("is written in UTF-16; save it as 'CSV UTF-8'", shown))
        except UnicodeDecodeError:
            pass
    settings = Settings()
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        settings = Settings(encoding="latin-1")
        told.append(_note("is not in UTF-8, and was looked at as Latin letters", shown))
    try:
        raw = read_csv(data, settings, table=shown)
    except DataError as error:
        told += [("error", one) for one in error.problems]
        lines = data.decode("utf-8" if settings.encoding is None else "latin-1", "replace").splitlines()
        return [Part(shown, told=told, texts=lines, what="lines")]
    if raw.lost:
        told.append(_note("has rows of too many or too few cells, looked at as text", shown, len(raw.lost)))
    return [_of_raw(raw, shown, told)]


def _of_raw(raw: RawTable, shown: str, told: list) -> Part:
    return Part(
        shown, raw.frame, raw.row_numbers, told=told, texts=list(raw.lost), what="rows that do not fit"
    )


def _statistical(path: Path, shown: str) -> list[Part]:
    """Return the table of an SPSS, SAS or Stata file, and its labels and notes."""
    found = read_statistical_file(path)
    frame = found.frame
    import pyreadstat

    data = io.BytesIO(read_plain_file(path))
    read = getattr(pyreadstat, READ_BY[path.suffix.lower()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _, about = read(data, metadataonly=True)
            if found.n_user_missing:
                data.seek(0)
                whole, _ = read(data, user_missing=True)
                frame = _with_declared(frame, whole, found.n_user_missing)
        except Exception:
            message = "the labels of the file could not be read"
            return [Part(shown, frame, told=[("error", Problem(message, shown))])]
    labels = [str(label or "") for label in about.column_labels or []]
    by_column = (about.variable_value_labels or {}).values()
    values = [text for one in by_column for pair in one.items() for text in map(_plain, pair)]
    ranges = [one for several in (about.missing_ranges or {}).values() for one in several]
    ends = [one.values() if isinstance(one, dict) else [one] for one in ranges]
    values += [text for pair in ends for text in map(_plain, pair) if not DECLARED.fullmatch(text)]
    notes = [str(note) for note in about.notes or []] if isinstance(about.notes, list) else []
    told = []
    if notes:
        message = "has notes, which are free text; delete them"
        told.append(("privacy", Problem(message, shown, None, "identifier:free_text", len(notes))))
    texts = [*labels, *values, *notes, str(about.file_label or "")]
    part = Part(shown, frame, told=told, texts=[text for text in texts if text], what="labels and notes")
    return [part if len(labels) != frame.shape[1] else part.labelled(labels)]


def _plain(value: object) -> str:
    """Return a label or a code as text, whole numbers with all their digits."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e19
    return f"{value:.0f}" if whole else str(value)


def _with_declared(frame: pd.DataFrame, whole: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return the table with the cells that the file declares as missing, save for codes such as 999."""
    writer = CellWriter.of(Settings())
    cells = {
        name: column_text(whole[name], writer).mask(lambda one: one.str.fullmatch(DECLARED, na=False))
        for name in names
    }
    return frame.assign(**cells)


def _parquet(path: Path, shown: str) -> list[Part]:
    """Return the table of a Parquet file, an index of its own among the columns, and its metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_whole(io.BytesIO(read_plain_file(path)), shown)
            frame = found.to_pandas(ignore_metadata=True)
            texts = beside_cells(found)
        except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError, MemoryError):
            raise DataError(Problem(RULES["bad_parquet"].reason, shown, None, "bad_parquet")) from None
    return [Part(shown, frame, texts=texts, what="metadata and words that no row has")]


def _note(message: str, shown: str, n: int | None = None) -> tuple[str, Problem]:
    return "note", Problem(message, shown, None, "unknown_file", n)


def _table(part: Part, path: Path, level: str) -> list[Problem]:
    """Return the problems with the headers, labels and cells of a table, each class of a column once."""
    stem = path.stem.lower()
    known = frozenset(TABLES[stem].names) if stem in TABLES else frozenset({"patient_id"})
    names = [str(name) for name in part.frame.columns]
    problems = scan_columns(part.label, names, level=level, allowed=known)
    if part.labels:
        of_names = {problem.column for problem in problems}
        shown = [_column(name, place) for place, name in enumerate(names)]
        for problem in _of_labels(part, level):
            place = int(problem.column or 0)
            if names[place] not in of_names:
                problems.append(
                    Problem(problem.message, part.label, shown[place], problem.rule, problem.n_rows)
                )
    frame = part.frame.set_axis(_unique(names), axis=1)
    values = scan_values(part.label, frame, level=level, allowed=known, row_numbers=part.row_numbers)
    # A class that the header has told already is told with its number of rows instead.
    of_cells = {(problem.column, problem.rule) for problem in values if problem.column}
    return [one for one in problems if (one.column, one.rule) not in of_cells] + values


def _of_labels(part: Part, level: str) -> list[Problem]:
    """Return the problems with the labels of columns; `column` is the place."""
    found = []
    for place, label in enumerate(part.labels):
        for one in scan_columns(part.label, [label], level=level, allowed=()):
            message = f"has a label that reads as if it held {_words(one.rule)}"
            found.append(Problem(message, part.label, str(place), one.rule))
    return found


def _words(rule: str | None) -> str:
    rules, letter = load_rules(), (rule or "").rpartition(":")[2]
    return rules.by_letter[letter].words if letter in rules.by_letter else rules.free_text.words


def _unique(names: Sequence[str]) -> list[str]:
    """Return names of which none is twice."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def _column(name: str, place: int) -> str:
    """Return what to call a column."""
    return f"number {place + 1}" if class_of_name(name, "safe-harbor") else name


def _texts(part: Part, level: str) -> list[tuple[str, Problem]]:
    """Return the classes found in texts that are no cells, with the number of texts."""
    pieces = [(place, piece) for place, text in enumerate(part.texts) for piece in text_cells(text)]
    held = all_classes_of_texts([piece for _, piece in pieces], level) if pieces else []
    found = {(place, letter) for (place, _), several in zip(pieces, held, strict=True) for letter in several}
    rules = load_rules().by_letter
    counts = Counter(letter for _, letter in found)
    return [
        (
            "privacy",
            Problem(
                f"{part.what}: hold what looks like {rules[letter].words}; {rules[letter].advice}",
                part.label,
                None,
                f"identifier:{letter}",
                n,
            ),
        )
        for letter, n in sorted(counts.items())
    ]
