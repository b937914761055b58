"""A mapping suggested for a file: REDCap's export or a spreadsheet, known by its headers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.grids import ABOVE, TEXT, read_grids
from ketaoutcomes.readers.redcap import redcap_table
from ketaoutcomes.readers.redcap_dictionary import Dictionary
from ketaoutcomes.readers.redcap_headers import SPECIAL
from ketaoutcomes.readers.spreadsheet import is_shown, sheet_frame, unique_names
from ketaoutcomes.readers.suggest import Suggestion, suggest
from ketaoutcomes.readers.suggest_zone import hold_to_zones

__all__ = ["is_redcap", "suggest_file"]


def suggest_file(
    path: str | Path, *, dictionary: str | Path | Dictionary | None = None, timezone: str | None = None
) -> Suggestion:
    """Return a mapping suggested for an export.

    Parameters
    ----------
    path : str or Path
        REDCap's flat CSV export, or anything that `read_spreadsheet` reads.
    dictionary : str, Path or Dictionary, optional
        REDCap's data dictionary; with it the file is taken as REDCap's.
    timezone : str, optional
        IANA zone of the clock times.

    Raises
    ------
    ConfigError
        If the zone is none.
    DataError
        If the file cannot be read, or no sheet has a header.
    """
    hold_to_zones(timezone)
    if dictionary is not None:
        return _of_redcap(path, dictionary, timezone)
    grids, _ = read_grids(path, Settings())
    headers = [str(name) for grid in grids for name in grid.frame.columns]
    if len(grids) == 1 and Path(path).suffix.lower() in TEXT and is_redcap(headers):
        return _of_redcap(path, None, timezone)
    # Named as the reader names them, so that what is suggested can be applied.
    shown = {grid.name: sheet_frame(grid, unique_names(grid)) for grid in grids if is_shown(grid)}
    if not shown:
        raise DataError("no sheet has a header and is not hidden, so that no mapping can be suggested")
    notes = [str(note) for grid in grids if is_shown(grid) for note in grid.notes if note.rule == ABOVE]
    return suggest(next(iter(shown.values())) if None in shown else shown, timezone=timezone, notes=notes)


def is_redcap(headers: Iterable[str]) -> bool:
    """Whether headers are those of a REDCap export, raw or with labels."""
    names = {" ".join(str(name).split()).lower() for name in headers}
    own = {*SPECIAL, *(label.lower() for label in SPECIAL.values())}
    statuses = [name for name in names if name.endswith("_complete") or name == "complete?"]
    first = {"record_id", "record id", "study_id"} & names
    return bool(names & set(SPECIAL)) or len(names & own) >= 2 or bool(statuses and first)


def _of_redcap(
    path: str | Path, dictionary: str | Path | Dictionary | None, timezone: str | None
) -> Suggestion:
    table = redcap_table(path, dictionary)
    return suggest(table.frame, kind="redcap", dictionary=table.dictionary, timezone=timezone)
