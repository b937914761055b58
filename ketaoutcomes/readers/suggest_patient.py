"""Which column of a spreadsheet is the patient's code."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ketaoutcomes.cohort.header_hints import OTHER_NAMES
from ketaoutcomes.cohort.privacy import scan_columns
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.suggest_cells import MOSTLY
from ketaoutcomes.readers.suggest_columns import Column, squeezed
from ketaoutcomes.readers.suggest_instruments import read_part
from ketaoutcomes.readers.suggest_names import FURTHER

__all__ = ["patient_column"]

# In the order in which one is chosen where there are several; "id" alone may be a row's.
NAMES = (
    "patientid recordid studyid subjectid participantid clientid usubjid subjid "
    + OTHER_NAMES["patient_id"]
    + " patid pat subjectno subjectnumber participantno participantcode subjectcode patientkey idpatient "
    "patientencode patientenid patientennr pacienteid idpaciente codigopaciente codigodepaciente "
    "probandennummer codepatient"
).split()
LAST = "id"
CODE = r"[A-Za-z]{0,6}[-_ ]?[0-9]{1,7}"
TRACEABLE = "identifier:R"


def patient_column(frames: Mapping[str | None, pd.DataFrame], columns: list[Column]) -> Column | None:
    """Return the column of the patient's code, the one of a name that most sheets have; None without any."""
    named: dict[str, list[Column]] = {}
    for column in columns:
        if column.nameable and squeezed(column.words) in NAMES and not _named_for_people(column):
            named.setdefault(column.name, []).append(column)
    if named:
        return max(named.items(), key=lambda pair: (len(pair[1]), -_rank(pair[0], pair[1])))[1][0]
    codes: dict[str, list[Column]] = {}
    for name in frames:
        first = next((column for column in columns if column.sheet == name), None)
        if first is not None and _is_code(first):
            codes.setdefault(first.name, []).append(first)
    return max(codes.values(), key=len)[0] if codes else None


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
