"""Which column of the data dictionary a header may mean, and tables with one column per score."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.schema import ITEM, Table
from ketaoutcomes.errors import DataError

__all__ = ["LONG_FORMAT", "meant", "normal_name", "wide_scores"]

LONG_FORMAT = (
    "give one row per assessment, with the columns patient_id, instrument, score "
    "and one of hour, day, taken for its time"
)
CLOSE = 0.82
# What exports call the columns, without case, blanks and punctuation.
OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "patient_id": "patient patientnumber patientno patientcode pid ptid pt id subject subjectid "
        "usubjid subjid "
        "participant participantid client clientid",
        "age_band": "agegroup ageband",
        "sex": "gender",
        "diagnosis": "dx primarydiagnosis",
        "clinic_id": "clinic site siteid",
        "hour": "hours time hrs",
        "day": "days studyday",
        "start": "date sessiondate starttime startdate datetime visitdate treatmentdate infusiondate",
        "taken": "date scoredate assessmentdate datetime visitdate timestamp",
        "when": "date stopdate enddate datetime",
        "session": "sessionnumber sessionno sessionid sessionnr visit infusion infusionnumber treatment",
        "route": "routeofadministration administration",
        "dose_mg_per_kg": "dose dosemgkg mgkg mgperkg ketaminedose",
        "dose_mg": "totaldose totaldosemg",
        "weight_kg": "weight bodyweight kg",
        "duration_minutes": "duration durationmin minutes",
        "instrument": "instrumentname scale scalename measure questionnaire test assessment",
        "score": "total totalscore value result sum",
        "timing": "timepoint",
        "effect": "sideeffect sideeffects adverseevent adverseeffect ae event symptom",
        "onset_minutes": "onset",
        "minute": "minutes min time",
        "sbp": "systolic systolicbp",
        "dbp": "diastolic diastolicbp",
        "heart_rate": "hr pulse heartrate",
        "spo2": "saturation o2sat oxygensaturation",
        "respiratory_rate": "rr resprate",
        "status": "disposition outcome",
    }
)


def normal_name(name: str) -> str:
    """Return a header in its normal form: "Patient ID " is patient_id."""
    return re.sub(r"[\s\-.]+", "_", str(name).strip().lower()).strip("_")


def meant(header: str, table: Table) -> tuple[str, ...]:
    """Return the columns of a table that a header that is none of them may mean, the likeliest first."""
    plain = _plain(header)
    names = [column.name for column in table.columns if not column.derived]
    squeezed = {_plain(name): name for name in names}
    if plain in squeezed:
        return (squeezed[plain],)
    called = tuple(name for name in names if plain in OTHER_NAMES.get(name, "").split())
    if called:
        return called
    near = difflib.get_close_matches(plain, list(squeezed), n=1, cutoff=CLOSE)
    return tuple(squeezed[name] for name in near)


def wide_scores(headers: Iterable[str]) -> int:
    """Return how many headers are named after an instrument, as where each score has its own column."""
    return sum(_names_instrument(header) for header in headers if not ITEM.fullmatch(header.strip().lower()))


def _names_instrument(header: str) -> bool:
    """Whether a header begins with an instrument: PHQ9, phq9_total, PHQ-9 (week 4)."""
    words = [word for word in re.split(r"[^a-z0-9]+", header.strip().lower()) if word]
    return any(_is_instrument("".join(words[:n])) for n in range(1, min(len(words), 4) + 1))


def _is_instrument(name: str) -> bool:
    # A name without its number, such as "mood", may be a column of its own.
    try:
        find_instrument(name)
    except DataError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
