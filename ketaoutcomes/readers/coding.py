"""Random codes in place of an export's own patient ids, before anything of them is written or loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.deidentify_key import Key, extend, kept_key, read_key
from ketaoutcomes.readers.export import Export, to_cohort

__all__ = ["code_patients", "coded_cohort"]


def code_patients(export: Export, path: Path) -> tuple[Export, Key]:
    """Return the export under random codes, and the key with a code for everybody in it.

    The key in the file, if there is one, is extended, so that the same patient has
    the same code in every import. It is for the caller to keep it, with `kept_key`.

    Raises
    ------
    DataError
        If the file is no key, or can be read by others than its owner.
    """
    ids = [frame["patient_id"].str.strip().dropna() for frame in export.tables.values()]
    key = extend(read_key(path), pd.concat(ids).unique() if ids else (), (), shift=False)
    tables = {
        name: frame.assign(patient_id=frame["patient_id"].str.strip().map(key.patients).astype("str"))
        for name, frame in export.tables.items()
    }
    notes = tuple(note for note in export.notes if note.rule != "record_numbers")
    return replace(export, tables=tables, notes=notes), key


def coded_cohort(export: Export, key: str | Path | None) -> Cohort:
    """Return the cohort of an export, under random codes that are kept in `key` if one is named."""
    if key is None:
        return to_cohort(export)
    coded, codes = code_patients(export, Path(key))
    # The key is written only if there is a cohort to which it is the key.
    with kept_key(Path(key), codes):
        return to_cohort(coded)
