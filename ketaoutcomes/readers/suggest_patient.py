"""Which column of a spreadsheet is the patient's code."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from ketaoutcomes.cohort.header_hints import OTHER_NAMES
from ketaoutcomes.cohort.privacy import scan_columns
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.suggest_cells import MOSTLY
from ketaoutcomes.readers.suggest_columns import Column, squeezed, words_of
from ketaoutcomes.readers.suggest_instruments import read_part
from ketaoutcomes.readers.suggest_names import FURTHER

__all__ = ["SAME", "is_name_of_code", "patient_column", "same_in_all_rows", "told_of_patient", "usual_codes"]

# In the order in which one is chosen where there are several; "id" alone may be a row's.
NAMES = (
    "usubjid subjid patientid recordid subjectid participantid clientid studyid "
    + OTHER_NAMES["patient_id"]
    + " patid pat subjectno subjectnumber participantno participantcode subjectcode patientkey idpatient "
    "patientencode patientenid patientennr pacienteid idpaciente codigopaciente codigodepaciente "
    "probandennummer codepatient"
).split()
LAST = "id"
CODE = r"[A-Za-z]{0,6}[-_ ]?[0-9]{1,7}"
TRACEABLE = "identifier:R"
SAME = "its cells are the same in all rows, as a study's code is and a patient's is not"
KEY = (
    "the name is that of record numbers or the like: import with --key FILE, which makes codes in their place"
)


def patient_column(frames: Mapping[str | None, pd.DataFrame], columns: list[Column]) -> Column | None:
    """Return the column of the patient's code, the one of a name that most sheets have; None without any."""
    named: dict[str, list[Column]] = {}
    for column in columns:
        if column.nameable and squeezed(column.words) in NAMES and not _named_for_people(column):
            named.setdefault(column.name, []).append(column)
    for column in same_in_all_rows(columns):
        named.pop(column.name, None)
    if named:
        return max(named.items(), key=lambda pair: (len(pair[1]), -_rank(pair[0], pair[1])))[1][0]
    codes: dict[str, list[Column]] = {}
    for name in frames:
        first = next((column for column in columns if column.sheet == name), None)
        if first is not None and _is_code(first):
            codes.setdefault(first.name, []).append(first)
    return max(codes.values(), key=len)[0] if codes else None


def is_name_of_code(name: str) -> bool:
    """Whether a column's name is one of those of the patient's code."""
    return squeezed(words_of(name)) in NAMES


def same_in_all_rows(columns: list[Column]) -> list[Column]:
    """Return columns that are called as a patient's code, and have one cell throughout several rows."""
    named: dict[str, list[Column]] = {}
    for column in columns:
        if squeezed(column.words) in NAMES:
            named.setdefault(column.name, []).append(column)
    return [
        column
        for found in named.values()
        if sum(one.cells.n_filled for one in found) > 1
        and len({text for one in found for text in one.cells.texts}) == 1
        for column in found
    ]


def usual_codes(column: Column) -> tuple[str, ...] | None:
    """Return the distinct cells of the shape that most have, as letters before digits; None without one."""
    cells = column.cells
    shapes = [_shape(text) for text in cells.texts]
    n_rows = pd.Series(cells.counts, index=shapes, dtype="int64").groupby(level=0).sum()
    if not len(n_rows) or "9" not in n_rows.idxmax() or n_rows.max() < MOSTLY * cells.n_filled:
        return None
    return tuple(text for text, shape in zip(cells.texts, shapes, strict=True) if shape == n_rows.idxmax())


def told_of_patient(column: Column) -> list[str]:
    """Return what the reader of the mapping should know of the column of the patient's code."""
    told = [KEY] if _named_for_people(column) else []
    codes = usual_codes(column)
    if codes is not None and len(codes) < len(column.cells.texts):
        known = frozenset(codes)
        kept = [text in known for text in column.cells.texts]
        n_odd = column.cells.n_filled - int(column.cells.counts[kept].sum())
        told.append(
            f"{n_odd:,} of {column.cells.n_filled:,} cells of the patient's code are not written as the "
            "others; where they are no codes, as in a footer, take their rows out before the import"
        )
    return told


def _shape(text: str) -> str:
    """Return of what kinds of signs a code is made: "a9" for K001."""
    return re.sub(r"[0-9]+", "9", re.sub(r"[^\W0-9_]+", "a", text))


def _rank(name: str, found: list[Column]) -> int:
    plain = squeezed(found[0].words)
    return len(NAMES) if plain == LAST else NAMES.index(plain)


def _is_code(column: Column) -> bool:
    """Whether a column without such a name holds codes that come back in several rows."""
    cells = column.cells
    if not column.nameable or len(cells.texts) < 2 or cells.n_filled == len(cells.texts):
        return False
    known = {squeezed(name.split("_")) for table in TABLES.values() for name in table.names}
    known |= {word for names in OTHER_NAMES.values() for word in names.split()}
    known |= {word for table in FURTHER.values() for names in table.values() for word in names.split()}
    if squeezed(column.words) in known or read_part(column.words, {}) is not None or column.is_date:
        return False
    return not _named_for_people(column) and cells.share(CODE) >= MOSTLY


def _named_for_people(column: Column) -> bool:
    """Whether a name tells of record numbers, names and the like, and not of a study's own code."""
    return any(
        one.rule != TRACEABLE for one in scan_columns("the export", [column.name], allowed=("patient_id",))
    )
