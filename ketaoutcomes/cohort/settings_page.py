"""The documentation of `cohort.toml`, made from the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from ketaoutcomes.cohort.settings import CHOICES, FILE_NAME, Settings

__all__ = ["EXAMPLE", "MEANINGS", "settings_page"]

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "name": "name of the clinic or cohort, for the head of a report",
        "deidentification": "safe-harbor refuses dates, so that times are given as hour or day; in a "
        "limited-data-set dates may stand in start, taken and when, and are turned into hours when "
        "they are read",
        "timezone": "zone in which clock times are written; needed as soon as a clock time is "
        "written without "
        "its offset from UTC, and not for days alone",
        "date_format": "how all dates are written when they are not YYYY-MM-DD; a clock time may "
        "follow a format "
        "without one (14:30, or 2:30 PM)",
        "same_time": "whether a score at a session's own time, or on its day when no clock time is "
        "known, counts "
        "as before or after that session; timing in the table of scores goes before this",
        "duplicates": "what is kept of rows that share a key and disagree: none of them "
        "(quarantine), the first, "
        "the last, or for scores their mean; exact copies are set aside in any case",
        "synthetic": "the data are simulated, so that small counts hide nobody",
        "data_cut": "last day of the export, only in a limited data set; later rows are set aside, "
        "and nobody is "
        "followed beyond it",
        "decimal": "decimal mark of all numbers",
        "separator": "what stands between the cells of a CSV file",
        "encoding": "how the letters of the files are written",
        "covariates": "which columns beyond those above to keep; the others are dropped unread",
        "known_at_start": "columns that are known when the first session begins although their name sounds "
        "as if they were not (response, remission, status, n_sessions, …); patients are grouped only by "
        "what is known at the start, or at a landmark",
        "known_after_start": "columns that are known only later, although their name does not say so",
        "side_effect_names": "the clinic's own words for side effects, by preferred name; used wherever side "
        "effects are counted, on top of the library's table of synonyms",
        "dates_shifted": "each patient's dates were moved by a time of their own: the time between two dates "
        "is true and the calendar is not, so that no month is kept; only in a limited data set, without "
        "data_cut",
        "reviewed_text": "further columns of free text that somebody has read and cleared of names; they are "
        "kept, and e-mail addresses, telephone numbers, dates and the like in them are still refused",
    }
)
VALUES: Mapping[str, str] = MappingProxyType(
    {
        "name": "text",
        "timezone": 'IANA name, e.g. `"America/New_York"`, `"Europe/Berlin"`',
        "date_format": "codes of `strptime` (see below)",
        "synthetic": "`true`, `false`",
        "data_cut": "`YYYY-MM-DD`",
        "covariates": 'list of names, e.g. `["smoker"]`',
        "known_at_start": 'list of names, e.g. `["employment_status"]`',
        "known_after_start": 'list of names, e.g. `["referred_on"]`',
        "side_effect_names": "table of lists, after all other keys (see the example)",
        "dates_shifted": "`true`, `false`",
        "reviewed_text": 'list of columns, e.g. `["patients.notes"]`',
    }
)
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "name": "none",
        "timezone": "none",
        "date_format": "YYYY-MM-DD, perhaps with a clock time",
        "data_cut": "none",
        "decimal": "a point; a comma where cells are separated by `;` and all numbers of a column fit",
        "separator": "found from the header",
        "encoding": "`utf-8`",
        "covariates": "all",
        "known_at_start": "judged by the name",
        "known_after_start": "judged by the name",
        "side_effect_names": "the library's names",
        "reviewed_text": "none: free text is refused",
    }
)
DATE_FORMATS = (
    ("03/14/2026", "%m/%d/%Y", "United States"),
    ("03/14/2026 14:30", "%m/%d/%Y %H:%M", "the same with a clock time of 24 hours"),
    ("3/14/26 2:30 PM", "%m/%d/%y %I:%M %p", "two-digit year, AM and PM"),
    ("14/03/2026", "%d/%m/%Y", "United Kingdom, France, Spain"),
    ("14.03.2026", "%d.%m.%Y", "Germany"),
    ("14-Mar-2026", "%d-%b-%Y", "month as a word"),
    ("20260314", "%Y%m%d", "digits alone"),
    ("2026-03-14 2:30 PM", "%Y-%m-%d %I:%M %p", "AM and PM"),
)
EXAMPLE = """\
name = "Example clinic"
deidentification = "limited-data-set"
timezone = "America/New_York"
date_format = "%m/%d/%Y"
same_time = "before"
duplicates = "quarantine"
synthetic = false
data_cut = "2026-06-30"
decimal = "."
separator = ","
encoding = "utf-8"
covariates = ["employment", "smoker", "response_status", "referred_on"]
known_at_start = ["response_status"]
known_after_start = ["referred_on"]
dates_shifted = false
reviewed_text = ["patients.notes"]

[side_effect_names]
"dissociation" = ["spacey", "floaty"]
"blood pressure increased" = ["BP up"]
"""


def settings_page() -> str:
    """Return the section on `cohort.toml` as Markdown."""
    lines = [
        f"## Settings: {FILE_NAME}",
        "",
        f"A file `{FILE_NAME}` in the cohort's folder says how its tables are to be read. Every key "
        f"may be left out.",
        "",
        "| key | values | default | meaning |",
        "|---|---|---|---|",
    ]
    for field in fields(Settings):
        lines.append(
            f"| `{field.name}` | {_values(field.name)} | {_default(field)} | {MEANINGS[field.name]} |"
        )
    lines += ["", "Formats of dates:", "", "| written as | `date_format` | where |", "|---|---|---|"]
    lines += [f'| {written} | `"{form}"` | {where} |' for written, form, where in DATE_FORMATS]
    lines += ["", "A complete example:", "", "```toml", EXAMPLE.rstrip("\n"), "```", ""]
    return "\n".join(lines)


def _values(name: str) -> str:
    if name not in CHOICES:
        return VALUES[name]
    shown = (repr(choice)[1:-1].replace("|", "\\|") for choice in CHOICES[name])
    return ", ".join(f'`"{choice}"`' for choice in shown)


def _default(field) -> str:
    if field.default is None:
        return DEFAULTS[field.name]
    return f"`{str(field.default).lower()}`" if isinstance(field.default, bool) else f'`"{field.default}"`'
