"""SDTM questionnaires (QS, RS) to assessments: the items and the total of one time are one row."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.values import numbers
from ketaoutcomes.readers.sdtm_dates import read_date_text
from ketaoutcomes.readers.sdtm_files import Domain, by_level
from ketaoutcomes.readers.sdtm_roles import Role, Test, roles_of

__all__ = ["Scores", "read_scores", "score_targets"]

# What makes rows one assessment, beside the subject and the instrument.
SAME_TIME = ("DTC", "TPTNUM", "TPT", "ELTM")
DOSE = r"(?:dos(?:e|es|ing)|infusion|injection|treatment|session)"
PRE = re.compile(rf"\bpre[- ]?{DOSE}\b|\b(?:before|prior to) (?:the )?{DOSE}\b")
POST = re.compile(rf"\bpost[- ]?{DOSE}\b|\bafter (?:the )?{DOSE}\b")
DURING = re.compile(rf"\bduring (?:the )?{DOSE}\b")


@dataclass(frozen=True)
class Scores:
    """Assessments, the rows of the domain that each was made of, and the rows that were set aside.

    Parameters
    ----------
    frame : DataFrame
    parts : pair of int arrays
        Row of `frame`, and row of the domain.
    aside : dict of str to int array
        Rows by rule.
    unread : dict of str to int
        Rows of tests that are not read, by the reason.
    n_derived : int
        Rows kept that the sponsor derived.
    """

    frame: pd.DataFrame
    parts: tuple[np.ndarray, np.ndarray]
    aside: dict[str, np.ndarray]
    unread: dict[str, int]
    n_derived: int


def score_targets(domain: str) -> dict[str, str]:
    """Return where the columns of a questionnaire domain go."""
    own = {
        "TESTCD": "instrument", "TEST": "instrument", "CAT": "instrument", "SCAT": "instrument",
        "STRESN": "score", "STRESC": "score", "DTC": "taken", "TPT": "timing",
    }  # fmt: skip
    return {"USUBJID": "scores.patient_id"} | {
        domain + name: f"scores.{column}" for name, column in own.items()
    }


def read_scores(domain: Domain, usable: np.ndarray) -> Scores:
    """Return the assessments of a domain of questionnaires (QS) or of clinicians' ratings (RS).

    Of RS, which also holds tumour responses, only instruments of the catalogue are read.

    Parameters
    ----------
    usable : (n,) bool array
        Rows of treated subjects that were done.
    """
    test, roles = _tests(domain)
    column = np.array([role.column or "" for role in roles] + [""], dtype=object)[test]
    read = usable & (column != "")
    value, why = _values(domain)
    aside = {rule: np.flatnonzero(read & (why == rule)) for rule in ("no_result", "not_a_number")}
    rows = np.flatnonzero(read & (why == ""))
    instrument = np.array([role.instrument for role in roles] + [""], dtype=object)[test]
    way = np.array([role.way for role in roles] + [0])[test]
    rows, made = _assessments(domain, rows, instrument, column, way)
    frame = _frame(domain, rows, made, instrument, column, value)
    derived = (domain.cells(f"{domain.name}DRVFL").str.upper() == "Y").to_numpy(bool)
    unread: dict[str, int] = {}
    for number in np.unique(test[usable & (column == "")]):
        unread[roles[number].why] = unread.get(roles[number].why, 0) + int((usable & (test == number)).sum())
    return Scores(frame, (made, rows), aside, unread, int(derived[rows].sum()))


def _tests(domain: Domain) -> tuple[np.ndarray, list[Role]]:
    """Return the test of each row as a number, and what each test is."""
    names = [f"{domain.name}{one}" for one in ("TESTCD", "TEST", "CAT", "SCAT")]
    cells = pd.concat([domain.cells(name) for name in names], axis=1, keys=names)
    cells.iloc[:, 0] = cells.iloc[:, 0].str.upper()
    groups = cells.groupby(names, sort=True)
    code = groups.ngroup().to_numpy()
    tests = [Test(*map(str, key)) for key in groups.size().index]
    roles = roles_of(tests, only_known=domain.name == "RS")
    return code, [roles[test] for test in tests]


def _values(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's number as text, and by which rule it has none."""
    standard, character = domain.cells(f"{domain.name}STRESN"), domain.cells(f"{domain.name}STRESC")
    value = standard.where(standard != "", character)
    found = numbers(value, decimal=".")
    original = domain.cells(f"{domain.name}ORRES")
    nothing = np.isnan(found.values) & ~found.bad
    why = np.full(len(value), "", dtype=object)
    why[found.bad] = "not_a_number"
    why[nothing] = "no_result"
    why[nothing & (original != "").to_numpy(bool)] = "not_a_number"
    return value.to_numpy(dtype=object), why


def _assessments(domain: Domain, rows, instrument, column, way) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are read and the assessment of each, as a number from 0."""
    names = [f"{domain.name}{one}" for one in SAME_TIME]
    visit = domain.cells("VISITNUM")
    # Where only some rows tell the visit, it would part items from their total.
    names += ["VISITNUM"] if (visit.iloc[rows] != "").all() else []
    key = pd.DataFrame({"subject": domain.cells("USUBJID").iloc[rows], "instrument": instrument[rows]})
    for name in names:
        key[name] = domain.cells(name).iloc[rows]
    time = key.groupby(list(key.columns), sort=False).ngroup().to_numpy()
    held = pd.DataFrame({"time": time, "column": column[rows], "way": way[rows]})
    first_way = held.groupby(["time", "column"], sort=False)["way"].transform("min")
    # An item's second way of rating counts only where the first is missing.
    chosen = (held["way"] == first_way).to_numpy(bool)
    rows, held = rows[chosen], held[chosen]
    # The same test twice at one time makes two assessments, which the cohort judges.
    again = held.groupby(["time", "column"], sort=False).cumcount()
    made = held.assign(again=again).groupby(["time", "again"], sort=False).ngroup().to_numpy()
    return rows, made


def _frame(domain: Domain, rows, made, instrument, column, value) -> pd.DataFrame:
    """Return the rows of the cohort's scores."""
    n = int(made.max()) + 1 if made.size else 0
    first = np.full(n, -1, dtype=np.int64)
    first[made[::-1]] = rows[::-1]
    out = {
        "patient_id": domain.cells("USUBJID").iloc[first].to_numpy(dtype=object),
        "instrument": instrument[first],
        "taken": read_date_text(domain.cells(f"{domain.name}DTC").iloc[first]).to_numpy(dtype=object),
        "timing": by_level(domain.cells(f"{domain.name}TPT").iloc[first], _timing).to_numpy(),
    }
    used = sorted(
        set(column[rows]) | {"score"},
        key=lambda name: (name != "score", int(name[1:]) if name != "score" else 0),
    )
    for name in used:
        cells = np.full(n, None, dtype=object)
        of_column = column[rows] == name
        cells[made[of_column]] = value[rows[of_column]]
        out[name] = cells
    return pd.DataFrame(out).astype("str")


def _timing(cell: str) -> str | None:
    """Return what a time point says of the session, where it clearly says so."""
    text = cell.lower()
    said = [name for name, form in (("pre", PRE), ("post", POST), ("during", DURING)) if form.search(text)]
    return said[0] if len(said) == 1 else None
