"""What all resources that are written have in common: times, numbers, codes, and what is left of a row."""

from __future__ import annotations

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.readers.fhir_codes import COLUMN, TABLE

__all__ = [
    "ID",
    "LOCAL_TIME",
    "Row",
    "Written",
    "coded",
    "json_number",
    "quantity_of",
    "resource_of",
    "subject_of",
    "taken_number",
]

UCUM = "http://unitsofmeasure.org"
ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?")
Row = dict[str, str]


class Written:
    """What the rows written so far have fixed: ids of patients, and when sessions were."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self.patients: dict[str, str] = {}
        self.sessions: dict[tuple[str | None, str | None], tuple[str, str | None]] = {}
        # Days written as midnights are days, which an offset would turn into clock times.
        self.midnights = False

    def time(self, cell: str | None) -> str | None:
        """Return a time as FHIR writes it, None where only the cell's own text says it."""
        if cell is None or self.settings.date_format:
            return None
        if DAY.fullmatch(cell) or INSTANT.fullmatch(cell):
            return cell
        if self.zone is None or self.midnights or not LOCAL_TIME.fullmatch(cell):
            return None
        try:
            local = datetime.fromisoformat(re.sub(r"[T ]([0-9]):", r"T0\1:", cell))
        except ValueError:
            return None
        first, second = (local.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        # The two differ where clocks change: the time happened twice, or not at all.
        return first.isoformat(timespec="seconds") if first.utcoffset() == second.utcoffset() else None


def resource_of(kind: str, name: str, left: Row, table: str | None = None, **elements: object) -> dict:
    """Return a resource with what is left of the row in extensions."""
    extensions: list[dict] = [
        {"url": f"{COLUMN}{column}", "valueString": cell} for column, cell in left.items()
    ]
    if table:
        extensions.append({"url": TABLE, "valueCode": table})
    out = {"resourceType": kind, "id": name}
    if extensions:
        out["extension"] = extensions
    return out | {element: value for element, value in elements.items() if value is not None}


def subject_of(row: Row, written: Written) -> dict | None:
    """Take the patient out of a row, as a reference; a code that no id may be stays in the row."""
    code = row.get("patient_id")
    if code is None:
        return None
    name = written.patients.get(code, code)
    if not ID.fullmatch(name):
        return None
    del row["patient_id"]
    return {"reference": f"Patient/{name}"}


def json_number(cell: str | None) -> int | float | None:
    """Return a cell as a JSON number, None where that would change how it is written."""
    try:
        value = json.loads(cell) if cell and len(cell) < 16 else None
    except ValueError:
        return None
    plain = isinstance(value, int | float) and not isinstance(value, bool) and json.dumps(value) == cell
    return value if plain else None


def taken_number(row: Row, name: str) -> int | float | None:
    """Take a number out of a row; a cell that is none stays."""
    value = json_number(row.get(name))
    if value is not None:
        del row[name]
    return value


def quantity_of(value: float, code: str) -> dict:
    return {"value": value, "unit": code, "system": UCUM, "code": code}


def coded(system: str, code: str, words: str | None = None) -> dict:
    out: dict = {"coding": [{"system": system, "code": code}]}
    return out | {"text": words} if words else out
