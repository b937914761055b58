"""Which reader an export needs, told by its name and its first line."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["kind_of"]

REDCAP_HEADERS = (
    b"redcap_event_name",
    b"redcap_repeat_instrument",
    b"redcap_repeat_instance",
    b"redcap_data_access_group",
    b"redcap_survey_identifier",
    b"Repeat Instrument",
    b"record_id",
    b"Record ID",
    b"_complete",
)
HEAD_BYTES = 200_000


def kind_of(path: str | os.PathLike) -> str:
    """Return "redcap", "spreadsheet", "fhir" or "sdtm"; "spreadsheet" where nothing else fits.

    A folder is SDTM if it holds a file of demographics (dm.csv, dm.xpt), FHIR if
    it holds NDJSON, and else a folder of sheets.
    """
    path = Path(path)
    if path.is_dir():
        names = [entry.name.lower() for entry in path.iterdir()]
        if any(name.endswith((".ndjson", ".jsonl")) for name in names):
            return "fhir"
        parts = [name.rpartition(".")[0].replace("-", "_").split("_") for name in names]
        return "sdtm" if any(part in (["dm"], ["sdtm", "dm"]) for part in parts) else "spreadsheet"
    ending = path.suffix.lower()
    if ending in (".json", ".ndjson", ".jsonl"):
        return "fhir"
    if ending in (".csv", ".tsv", ".txt") and path.is_file() and not path.is_symlink():
        with open(path, "rb") as file:
            header = file.read(HEAD_BYTES).partition(b"\n")[0]
        if any(name in header for name in REDCAP_HEADERS):
            return "redcap"
    return "spreadsheet"
