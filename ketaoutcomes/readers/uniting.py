"""One row per patient out of several: exports repeat what they know of a patient, or spread it over rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.errors import Problem
from ketaoutcomes.readers.export import Made

__all__ = ["unite_patients"]


def unite_patients(
    tables: dict[str, pd.DataFrame], made: dict[str, Made], *, only_listed: bool
) -> list[Problem]:
    """Make one row per patient in `tables["patients"]`, and return notes on cells that disagreed.

    Cells of several rows of one patient are united; where two differ, neither
    counts. Rows without an id stay as they are. Patients of whom only sessions,
    scores and the like are known get a row too, unless `only_listed`.

    Parameters
    ----------
    tables, made : dict
        Changed in place.
    """
    patients = tables.get("patients")
    notes: list[Problem] = []
    if patients is not None and "patient_id" in patients.columns:
        tables["patients"], made["patients"], notes = _united(patients, made["patients"])
    if patients is None or not only_listed:
        _add_others(tables, made)
    return notes


def _united(patients: pd.DataFrame, made: Made) -> tuple[pd.DataFrame, Made, list[Problem]]:
    ids = patients["patient_id"].str.strip()
    codes, found = pd.factorize(ids)
    nobody = codes < 0
    codes = codes.copy()
    codes[nobody] = len(found) + np.arange(int(nobody.sum()))
    n = int(codes.max()) + 1 if codes.size else 0
    notes = []
    if n == len(patients):
        return patients, made, notes
    first = np.full(n, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    out = {}
    for name in patients.columns:
        if name == "patient_id":
            out[name] = patients[name].iloc[first].reset_index(drop=True)
            continue
        cells = pd.Series(patients[name].array)
        groups = cells.str.strip().str.lower().groupby(codes, sort=True)
        different = (groups.nunique() > 1).to_numpy()
        known = cells.groupby(codes, sort=True).first().reindex(range(n))
        out[name] = known.mask(pd.Series(different, index=known.index)).astype("str").reset_index(drop=True)
        if different.any():
            message = (
                "has different cells in several rows of one patient; which of them counts is not known, so "
                "the cell is missing for these patients; name one row by `when` in the mapping, or leave the "
                "column out"
            )
            shown = name if name.isidentifier() else None
            notes.append(Problem(message, "patients", shown, "patients_disagree", int(different.sum())))
    return pd.DataFrame(out), Made(codes[made.row], made.source, made.position), notes


def _add_others(tables: dict[str, pd.DataFrame], made: dict[str, Made]) -> None:
    """Add patients of whom there is no row, in the order in which they appear."""
    ids = [
        frame["patient_id"].str.strip()
        for name, frame in tables.items()
        if name != "patients" and "patient_id" in frame.columns
    ]
    seen = pd.Series(pd.concat(ids, ignore_index=True).dropna().unique(), dtype="str") if ids else None
    if seen is None or seen.empty:
        return
    patients = tables.get("patients")
    if patients is not None and "patient_id" in patients.columns:
        seen = seen[~seen.isin(patients["patient_id"].str.strip())]
        frames = [patients, pd.DataFrame({"patient_id": seen})]
        tables["patients"] = pd.concat(frames, ignore_index=True).astype("str")
        return
    tables["patients"] = pd.DataFrame({"patient_id": seen})
    nothing = np.zeros(0, dtype=np.int64)
    made["patients"] = Made(nothing, nothing, nothing)
