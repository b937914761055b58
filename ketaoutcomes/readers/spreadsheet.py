"""Spreadsheets, workbooks and statistical files to a cohort, by a mapping of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.privacy import scan_columns
from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings, make_settings
from ketaoutcomes.errors import ConfigError, DataError, PrivacyError, Problem
from ketaoutcomes.readers.apply import apply_mapping, hold_to_sheets
from ketaoutcomes.readers.coding import coded_cohort
from ketaoutcomes.readers.export import Export
from ketaoutcomes.readers.grids import Grid, read_grids
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.mapping import TableMapping, parse_mapping

__all__ = ["is_shown", "read_spreadsheet", "sheet_frame", "spreadsheet_export", "unique_names"]

# Settings that change how a file's cells are read.
OF_CELLS = ("encoding", "separator", "decimal", "date_format")
KNOWN = frozenset(name for table in TABLES.values() for name in table.names)
SUGGESTED = (
    "no mapping was given, so that the suggested one was used; look at it with `ketaoutcomes import "
    "--suggest` before the numbers are"
)
HIDDEN = "the sheet is hidden, and is not read unless the mapping names it (sheet = ...)"

NO_HEADER = "no row of the sheet looks like a header; give the row of the header (header=)"


def read_spreadsheet(
    file: str | Path,
    mapping: str | Path | Mapping | TableMapping | None = None,
    *,
    timezone: str | None = None,
    header: int | Mapping[str, int] | None = None,
    key: str | Path | None = None,
) -> Cohort:
    """Return the cohort in a spreadsheet, under the same checks as a folder's files.

    Parameters
    ----------
    file : str or Path
        CSV (.csv, .tsv, .txt), a workbook (.xlsx, .xlsm), a folder of CSV or Parquet
        files, each a sheet by the name of its file, SPSS (.sav, .zsav, .por), SAS
        (.sas7bdat, .xpt), Stata (.dta) or Parquet.
    mapping : str, Path or mapping, optional
        Which columns become which columns of the cohort's tables. What it does not
        name does not enter. The suggested one when absent.
    timezone : str, optional
        IANA zone of the clock times, in place of the mapping's own.
    header : int or mapping of str to int, optional
        Row of the header in a workbook's sheets, where it is not the one of the first
        ten rows that has the most filled cells, all of them text and none twice.
    key : str or Path, optional
        File in which random codes for the patients are kept, readable by its owner
        alone; it is made, or extended, and the codes stand in place of the file's
        ids, which may then be record numbers.

    Returns
    -------
    Cohort
        `.sources` says what became of every row, `.unmapped` which columns were left out.

    Raises
    ------
    PrivacyError
        If the mapping takes in what identifies people.
    ConfigError
        If the mapping cannot be used, or names sheets or columns that are not there.
    DataError
        If the file cannot be read, or a table that is needed stays empty.
    """
    coded = key is not None
    export = spreadsheet_export(file, mapping, timezone=timezone, header=header, coded=coded)
    return coded_cohort(export, key)


def spreadsheet_export(
    file: str | Path,
    mapping: str | Path | Mapping | TableMapping | None = None,
    *,
    timezone: str | None = None,
    header: int | Mapping[str, int] | None = None,
    coded: bool = False,
) -> Export:
    """Return what a mapping takes from a spreadsheet, and what became of each row and column.

    Parameters and errors are those of `read_spreadsheet`; the cohort's own checks come later.
    With `coded` the ids will be replaced, so that they may say who somebody is.
    """
    chosen = None if mapping is None else parse_mapping(mapping)
    settings = Settings() if chosen is None else chosen.settings
    grids, notes = read_grids(file, settings, header=header)
    if chosen is None:
        chosen = _suggested(grids, timezone)
        notes = (*notes, Problem(SUGGESTED, rule="suggested_mapping"))
        if any(getattr(chosen.settings, name) != getattr(settings, name) for name in OF_CELLS):
            grids, _ = read_grids(file, chosen.settings, header=header)
    if timezone is not None:
        chosen = replace(chosen, settings=_with_timezone(chosen.settings, timezone))
    names = {grid: unique_names(grid) for grid in grids}
    used = [grid for grid in grids if _is_used(grid, chosen)]
    _refuse_repeated(used, chosen)
    _hold_to_sheets(grids, used, names, chosen)
    _refuse_identifiers(chosen, coded=coded)
    intake = Intake(chosen.settings, only_listed=chosen.only_listed)
    for note in notes:
        _tell(intake, note)
    for grid in grids:
        source = _open(intake, grid)
        for note in (*grid.notes, *_about_names(grid)):
            _tell(intake, note)
        frame = sheet_frame(grid, names[grid])
        if grid in used:
            for place, note in grid.of_columns:
                if _folded(names[grid][place] or "") in _named(chosen, grid):
                    _tell(intake, note)
            apply_mapping(chosen, intake, source, frame, sheet=grid.name)
        else:
            _pass_over(intake, source, grid, frame)
    return intake.finish()


def _suggested(grids: Sequence[Grid], timezone: str | None) -> TableMapping:
    """Return the mapping that the headers and cells of what is not hidden suggest."""
    from ketaoutcomes.readers.suggest import suggest

    shown = {grid.name: sheet_frame(grid, unique_names(grid)) for grid in grids if is_shown(grid)}
    if not shown:
        raise DataError(
            "no sheet has a header and is not hidden, so that no mapping can be suggested; give one"
        )
    frames = next(iter(shown.values())) if None in shown else shown
    return parse_mapping(suggest(frames, kind="spreadsheet", timezone=timezone).mapping)


def _with_timezone(settings: Settings, timezone: str) -> Settings:
    known = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    return make_settings(known | {"timezone": timezone})


def is_shown(grid: Grid) -> bool:
    return not grid.hidden and not grid.headless


def _is_used(grid: Grid, mapping: TableMapping) -> bool:
    """Whether the mapping is put to work on a table: a hidden sheet only if it is named."""
    named = any(block.sheet == grid.name for block in mapping.blocks)
    return not grid.headless and (not grid.hidden or named)


def _named(mapping: TableMapping, grid: Grid) -> set[str]:
    """Return the columns that the mapping may take from a table, whatever their case."""
    blocks = [block for block in mapping.blocks if grid.name is None or block.sheet in (None, grid.name)]
    return {_folded(mapping.patient_id), *(_folded(name) for block in blocks for name in block.named)}


def unique_names(grid: Grid) -> list[str | None]:
    """Return a name for each column, each once: by its number where the header has none, or repeats one.

    None for columns without a name and without cells.
    """
    seen: set[str] = set()
    out: list[str | None] = []
    for place, header in enumerate(map(str, grid.frame.columns)):
        name = header or f"column number {place + 1}"
        if header == "" and not _has_cells(grid.frame.iloc[:, place]):
            out.append(None)
            continue
        while name in seen:
            name = f"{name} (column number {place + 1})"
        seen.add(name)
        out.append(name)
    return out


def _has_cells(column: pd.Series) -> bool:
    return bool((column.notna() & (column.str.strip() != "")).any())


def sheet_frame(grid: Grid, names: list[str | None]) -> pd.DataFrame:
    """Return the columns that have a name or cells, under names of their own."""
    kept = [place for place, name in enumerate(names) if name is not None]
    return grid.frame.iloc[:, kept].set_axis([names[place] for place in kept], axis=1)


def _repeated(grid: Grid) -> dict[str, list[int]]:
    """Return the numbers of the columns of each name that more than one has."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(map(str, grid.frame.columns), 1):
        if name:
            places.setdefault(name, []).append(place)
    return {name: numbers for name, numbers in places.items() if len(numbers) > 1}


def _refuse_repeated(used: Sequence[Grid], mapping: TableMapping) -> None:
    """Refuse a column that the mapping names and that is there twice: which is meant is not known."""
    problems = []
    for grid in used:
        for name, numbers in _repeated(grid).items():
            if _folded(name) in _named(mapping, grid):
                where = " and ".join(map(str, numbers))
                message = (
                    f"{len(numbers)} columns have this name (columns number {where}); rename all but one"
                )
                shown = None if class_of_name(name, "limited-data-set") else name
                problems.append(Problem(message, grid.label, shown, "duplicate_header"))
    if problems:
        raise DataError(problems)


def _hold_to_sheets(
    grids: Sequence[Grid],
    used: Sequence[Grid],
    names: Mapping[Grid, list[str | None]],
    mapping: TableMapping,
) -> None:
    """Refuse a mapping that names what is not there, and say which sheets were not looked at."""
    passed_over = [
        Problem(NO_HEADER if grid.headless else HIDDEN, grid.label, None, _why_not(grid))
        for grid in grids
        if grid not in used
    ]
    if not used:
        raise DataError(passed_over or "the workbook has no sheet with cells")
    try:
        hold_to_sheets(mapping, {grid.name: [name for name in names[grid] if name] for grid in used})
    except ConfigError as error:
        raise ConfigError([*error.problems, *passed_over]) from None


def _why_not(grid: Grid) -> str:
    return "no_header" if grid.headless else "hidden_sheet"


def _refuse_identifiers(mapping: TableMapping, *, coded: bool) -> None:
    """Refuse columns named as what identifies people: record numbers, names, addresses, dates of birth."""
    taken = []
    for block in mapping.blocks:
        taken += [*block.checkboxes, *(name for names in block.columns.values() for name in names)]
    found = scan_columns("mapping", list(dict.fromkeys(taken)), level="limited-data-set", allowed=KNOWN)
    # What is free text, or a code of its own for everybody, is told by the cells, not by a name.
    found = [problem for problem in found if problem.rule not in ("identifier:R", "identifier:free_text")]
    of_id = scan_columns("mapping", [mapping.patient_id], level="limited-data-set", allowed=KNOWN)
    if not coded and any(problem.rule != "identifier:R" for problem in of_id):
        message = (
            "the column given as the patient's code is named as if it identified people; give one that is "
            "made from nothing about them, or have new codes made (--key)"
        )
        found.append(Problem(message, "mapping", rule=of_id[0].rule))
    if found:
        raise PrivacyError(found)


def _open(intake: Intake, grid: Grid) -> int:
    """Register a table as a source: the rows in columns first, then the ragged ones, which are set aside."""
    n = len(grid.frame)
    numbers = np.concatenate([grid.row_numbers, *(rows for _, rows in grid.unplaced)])
    source = intake.open(grid.label, numbers.size, numbers)
    for rule, rows in grid.unplaced:
        intake.set_aside(source, np.arange(n, n + rows.size), rule)
        n += rows.size
    return source


def _about_names(grid: Grid) -> list[Problem]:
    """Return notes on columns that repeat a name, none of which is mapped."""
    n = sum(len(numbers) - 1 for numbers in _repeated(grid).values())
    if not n:
        return []
    message = f"columns that repeat the name of another and are not mapped, told by their number: {n}"
    return [Problem(message, grid.label, rule="duplicate_header")]


def _pass_over(intake: Intake, source: int, grid: Grid, frame: pd.DataFrame) -> None:
    """Account for a table that is not used: its columns went nowhere."""
    if grid.hidden:
        intake.note(HIDDEN, table=grid.label, n_rows=len(frame) or None, rule="hidden_sheet")
    for name in frame.columns:
        filled = frame[name].notna() & (frame[name].str.strip() != "")
        intake.column(source, name, int(filled.sum()), None)


def _tell(intake: Intake, note: Problem) -> None:
    column = note.column
    if column is not None and class_of_name(column, "limited-data-set"):
        column = None
    intake.note(note.message, table=note.table, column=column, n_rows=note.n_rows, rule=note.rule or "import")


def _folded(name: str) -> str:
    return name.strip().casefold()
