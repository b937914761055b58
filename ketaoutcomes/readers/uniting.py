"""One row per patient out of several: exports repeat what they know of a patient, or spread it over rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.values import MISSING
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
    return [*notes, *_ids_alike(tables)]


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
        cells = cells.mask(cells.str.strip().str.lower().isin(MISSING))
        different = (_alike(cells).groupby(codes, sort=True).nunique() > 1).to_numpy()
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


def _alike(cells: pd.Series) -> pd.Series:
    """Return cells in a form in which F and f, and 44 and 44.0, are the same."""
    plain = cells.str.strip().str.lower()
    number = pd.to_numeric(plain, errors="coerce")
    return plain.where(
        number.isna(), number.map(lambda value: f"{value:.12g}", na_action="ignore").astype("str")
    )


def _ids_alike(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Return a note if codes of patients differ in leading zeros, case or a trailing .0 alone."""
    if "patients" not in tables or "patient_id" not in tables["patients"].columns:
        return []
    ids = tables["patients"]["patient_id"].dropna().str.strip().drop_duplicates()
    folded = (
        ids.str.lower()
        .str.replace(r"\.0+$", "", regex=True)
        .str.replace(r"(?<![0-9])0+(?=[0-9])", "", regex=True)
    )
    n = int(folded.duplicated(keep=False).sum())
    if n == 0:
        return []
    message = (
        "differ from another patient's in leading zeros, case or a trailing .0 alone, and count as patients "
        "of their own; write the code of one patient in one way"
    )
    return [Problem(message, "patients", "patient_id", "ids_alike", n)]


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
