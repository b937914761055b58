"""SDTM demographics (DM) and disposition (DS) to patients and to how their treatment ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.readers.sdtm_dates import read_date_text
from ketaoutcomes.readers.sdtm_files import Domain, by_level

__all__ = ["DM_TARGETS", "DS_TARGETS", "dispositions", "patients"]

DM_TARGETS = {
    "USUBJID": "patients.patient_id",
    "SEX": "patients.sex",
    "AGE": "patients.age",
    "AGEU": "patients.age",
    "SITEID": "patients.clinic_id",
    "RACE": "patients.race",
    "ETHNIC": "patients.ethnic",
    "ARM": "patients.arm",
}
DS_TARGETS = {
    "USUBJID": "disposition.patient_id",
    "DSDECOD": "disposition.status",
    "DSCAT": "disposition.status",
    "DSSTDTC": "disposition.when",
}
SEXES = {"F": "female", "M": "male", "FEMALE": "female", "MALE": "male"}
NO_SEX = ("U", "UN", "UNK", "UNKNOWN", "UNDIFFERENTIATED")
YEARS = {
    "YEARS": 1.0,
    "YEAR": 1.0,
    "MONTHS": 1 / 12,
    "WEEKS": 7 / 365.25,
    "DAYS": 1 / 365.25,
    "HOURS": 1 / 8766,
}
DISPOSITION = "DISPOSITION EVENT"
COMPLETED = ("COMPLETED",)
BEFORE_TREATMENT = r"SCREEN|RUN[ -]?IN|LEAD[ -]?IN|PRE[ -]?TREATMENT"
LOST = ("LOST TO FOLLOW-UP", "LOST TO FOLLOW UP")


def patients(domain: Domain, rows: np.ndarray) -> tuple[pd.DataFrame, int]:
    """Return the rows of the cohort's patients, and how many ages are in a unit that is not known."""
    sex = domain.cells("SEX").str.upper()
    sex = by_level(sex, lambda cell: None if cell in NO_SEX else SEXES.get(cell, cell.lower()))
    age, n_unknown = _ages(domain)
    arm = domain.cells("ARM" if domain.has("ARM") else "ACTARM")
    columns = {
        "patient_id": domain.cells("USUBJID"),
        "sex": sex,
        "age": age,
        "clinic_id": domain.cells("SITEID"),
        "race": domain.cells("RACE"),
        "ethnic": domain.cells("ETHNIC"),
        "arm": arm,
    }
    frame = pd.DataFrame({name: cells.to_numpy(dtype=object) for name, cells in columns.items()}).astype(
        "str"
    )
    frame = frame.iloc[rows].reset_index(drop=True)
    filled = [name for name in frame.columns if name == "patient_id" or (frame[name].fillna("") != "").any()]
    return frame[filled], n_unknown


def _ages(domain: Domain) -> tuple[pd.Series, int]:
    """Return ages in years as text; of other units, the whole years that are over."""
    age, unit = domain.cells("AGE"), domain.cells("AGEU").str.upper()
    factor = unit.where(unit != "", "YEARS").map(YEARS).to_numpy(float)
    years = pd.to_numeric(age, errors="coerce").to_numpy(float) * factor
    # A few units in the last place must not take a year away: 480 months are 40 years.
    whole = np.floor(years + 1e-9)
    other = (factor != 1.0) & ~np.isnan(whole)
    out = age.mask(np.isnan(factor)).to_numpy(dtype=object)
    out[other] = [f"{value:.0f}" for value in whole[other]]
    return pd.Series(pd.array(out, dtype="str")), int((np.isnan(factor) & (age != "").to_numpy(bool)).sum())


def dispositions(domain: Domain, usable: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, int]:
    """Return the rows of the cohort's disposition, and the rows of the domain that they were made of.

    These are the disposition events. Those of screening and of a run-in, by EPOCH, DSSCAT or DSDECOD,
    are left out, and their number is returned last: who completed screening has completed no
    treatment. Of a subject with several others, the one of the treatment counts, if the epoch or the
    subcategory tells it.
    """
    decoded = domain.cells("DSDECOD").str.upper()
    events = usable & (decoded != "").to_numpy(bool)
    if domain.has("DSCAT"):
        events &= (domain.cells("DSCAT").str.upper() == DISPOSITION).to_numpy(bool)
    else:
        events &= ~decoded.str.contains("INFORMED CONSENT|RANDOMI[SZ]ED|ENROLLED", regex=True).to_numpy(bool)
    early = np.zeros(events.size, dtype=bool)
    for name in ("EPOCH", "DSSCAT", "DSDECOD"):
        early |= domain.cells(name).str.upper().str.contains(BEFORE_TREATMENT, regex=True).to_numpy(bool)
    n_before = int((events & early).sum())
    events &= ~early
    subject = domain.cells("USUBJID")
    of_treatment = np.zeros(events.size, dtype=bool)
    for name in ("EPOCH", "DSSCAT"):
        words = domain.cells(name).str.upper()
        named = words.str.contains("TREATMENT", regex=False) & ~words.str.contains(
            "POST|PRE|FOLLOW", regex=True
        )
        of_treatment |= named.to_numpy(bool)
    n_of_treatment = pd.Series(events & of_treatment).groupby(subject).transform("sum").to_numpy()
    rows = np.flatnonzero(events & (of_treatment | (n_of_treatment == 0)))
    word = decoded.iloc[rows]
    status = np.select(
        [word.isin(COMPLETED).to_numpy(bool), word.isin(LOST).to_numpy(bool)],
        ["completed", "lost to follow-up"],
        "stopped",
    )
    reason = word.str.lower().where(pd.Series(status == "stopped", index=word.index))
    frame = pd.DataFrame(
        {
            "patient_id": subject.iloc[rows].to_numpy(dtype=object),
            "status": status.astype(object),
            "reason": reason.to_numpy(dtype=object),
        }
    )
    if domain.has("DSSTDTC"):
        frame["when"] = read_date_text(domain.cells("DSSTDTC").iloc[rows]).to_numpy(dtype=object)
    return frame.astype("str"), rows, n_before
