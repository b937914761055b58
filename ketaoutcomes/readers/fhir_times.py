"""Times as FHIR writes them: how far apart two are, and on which day one is."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ketaoutcomes.readers.fhir_json import word

__all__ = ["day_of", "is_clocked", "minutes_between", "period", "seconds", "time_text", "years_between"]

CLOCKED = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
CLOCK = r"[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
# Years such as 0001 and 9999 stand for "not known" in many systems.
TIME = re.compile(rf"(19|20|21)[0-9]{{2}}(-[0-9]{{2}}(-[0-9]{{2}}({CLOCK})?)?)?")
UNREADABLE = "unreadable"
DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
SECONDS_PER_MINUTE = 60.0
MOST_YEARS = 125


def time_text(value: object) -> str | None:
    """Return a time as the cohort is to read it: FHIR's own forms, and one word for anything else.

    A single date that is written in another way would make the whole column
    ambiguous; so it is one time that cannot be read.
    """
    text = word(value)
    return text if text is None or TIME.fullmatch(text.strip()) else UNREADABLE


def moment(text: str | None) -> datetime | None:
    """Return an instant or local clock time, None for anything else."""
    if not text or not CLOCKED.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def is_clocked(text: str | None) -> bool:
    """Whether a time has a clock time."""
    return moment(text) is not None


def seconds(text: str | None) -> float:
    """Return an instant as seconds since 1970, minus infinity where there is none."""
    found = moment(text)
    if found is None or found.tzinfo is None:
        return -float("inf")
    return (found - datetime.fromisoformat("1970-01-01T00:00:00+00:00")).total_seconds()


def minutes_between(start: str | None, end: str | None) -> float | None:
    """Return the minutes from one time to another, if both have clock times written in the same way."""
    first, last = moment(start), moment(end)
    if first is None or last is None or (first.tzinfo is None) != (last.tzinfo is None):
        return None
    return (last - first).total_seconds() / SECONDS_PER_MINUTE


def day_of(text: str | None, timezone: str | None) -> str | None:
    """Return the calendar day of a time, YYYY-MM-DD: in the time zone, or as it is written without one."""
    if not text:
        return None
    found = moment(text)
    if found is not None and found.tzinfo is not None and timezone:
        try:
            return found.astimezone(ZoneInfo(timezone)).date().isoformat()
        except OverflowError:
            return None
    day = text[:10]
    return day if _whole_day(day) else None


def period(value: object) -> tuple[str | None, str | None]:
    """Return start and end of a FHIR period."""
    if not isinstance(value, dict):
        return None, None
    return time_text(value.get("start")), time_text(value.get("end"))


def years_between(birth: str, day: str) -> tuple[int, int] | None:
    """Return the least and the most whole years between a birth date and a day; None if one is unreadable.

    Parameters
    ----------
    birth : str
        YYYY-MM-DD, YYYY-MM or YYYY.
    day : str
        YYYY-MM-DD.
    """
    parts = DAY.fullmatch(birth)
    then = _whole_day(day)
    if parts is None or then is None:
        return None
    year, month, of_month = (int(part) if part else None for part in parts.groups())
    if (month is not None and not 1 <= month <= 12) or (of_month is not None and _whole_day(birth) is None):
        return None
    first, last = (month or 1, of_month or 1), (month or 12, of_month or 31)
    now = (then.month, then.day)
    low, high = then.year - year - (now < last), then.year - year - (now < first)
    return (low, high) if low >= 0 and high <= MOST_YEARS else None


def _whole_day(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
