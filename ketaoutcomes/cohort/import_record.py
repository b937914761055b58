"""What an import did with the rows of an export, kept beside the tables that it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

__all__ = ["RECORD", "SOURCES", "UNMAPPED", "nothing", "read_record", "record_text"]

RECORD = "import.json"
SOURCES = {"source": "str"} | dict.fromkeys(("n_read", "n_kept", "n_quarantined", "n_unmapped"), "int64")
UNMAPPED = {"source": "str", "column": "str", "n_filled": "int64"}
MOST_BYTES = 5_000_000


def nothing(kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame of no rows."""
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()})


def record_text(sources: pd.DataFrame, unmapped: pd.DataFrame) -> str:
    """Return the record as JSON: counts by source, and columns that went nowhere. No cell stands in it."""
    content = {
        "kind": "ketaoutcomes import",
        "sources": sources.to_dict(orient="records"),
        "unmapped": unmapped.to_dict(orient="records"),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_record(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sources and unmapped columns of the import that made a folder; empty if none did.

    A record that cannot be read, or does not add up, says nothing.
    """
    path = folder / RECORD
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            raise ValueError
        content = json.loads(path.read_text(encoding="utf-8"))
        sources = pd.DataFrame(content["sources"], columns=list(SOURCES)).astype(SOURCES)
        unmapped = pd.DataFrame(content["unmapped"], columns=list(UNMAPPED)).astype(UNMAPPED)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return nothing(SOURCES), nothing(UNMAPPED)
    parts = sources["n_kept"] + sources["n_quarantined"] + sources["n_unmapped"]
    if not (sources["n_read"] == parts).all():
        return nothing(SOURCES), nothing(UNMAPPED)
    return sources, unmapped
