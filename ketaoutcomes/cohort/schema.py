"""Every table of a cohort as data: its columns, units, ranges and keys.

The reader checks against this, and `data_dictionary` writes the documentation
from it, so the two cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ITEM", "TABLES", "Column", "Table", "data_dictionary"]

# Columns of single items: i1, i2, ... They are further columns of `scores` of any number.
ITEM = re.compile(r"i([1-9][0-9]?)")

MINUTES_PER_DAY = 1440.0
NEED = True


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
    kind : str
        "id" (kept as text), "number", "integer", "flag" (yes or no), "word"
        (one of a few words), "any" (decided by the values: yes or no, number or
        word), "hour", "day", "date" (a time, one of three ways to give it),
        "month" (YYYY-MM).
    meaning : str
        What a cell says, in words.
    unit : str
    low, high : float, optional
        Range of plausible values; a value outside is set aside by `rule`.
    required : bool
        A row without it is set aside.
    words : tuple of str
        The words allowed; any word when empty.
    rule : str
        Rule by which a value outside the range is set aside.
    derived : bool
        Made here and never read from a file.
    """

    name: str
    kind: str
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    required: bool = False
    words: tuple[str, ...] = ()
    rule: str = "out_of_range"
    derived: bool = False


@dataclass(frozen=True)
class Table:
    """One table of a cohort.

    Parameters
    ----------
    name : str
    row : str
        What one row is.
    key : tuple of str
        Columns that no two rows share; "time" stands for whichever time column is given.
        Empty where only exact copies are set aside.
    columns : tuple of Column
    required : bool
        Whether a cohort without the table is refused.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = False

    @property
    def times(self) -> tuple[str, ...]:
        """The columns of which one gives the time."""
        return tuple(column.name for column in self.columns if column.kind in ("hour", "day", "date"))

    @property
    def date(self) -> str | None:
        """The column that may hold dates in a limited data set."""
        return next((column.name for column in self.columns if column.kind == "date"), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


PATIENT = Column(
    "patient_id", "id", "a code for the patient that is made from nothing about them", required=NEED
)
SESSION = Column("session", "integer", "number of the session, as in `sessions`", low=1, required=NEED)
MONTH = Column(
    "month", "month", "calendar month, YYYY-MM; only in a limited data set, where it is derived from the date"
)

IN_BOUNDS = (
    "the hour is not exact and lies from hour_low to hour_high, 48 hours apart at most; blank if exact"
)
BOUNDS = (Column("hour_low", "number", IN_BOUNDS, "hours"), Column("hour_high", "number", IN_BOUNDS, "hours"))


def _hour(what: str) -> Column:
    return Column(
        "hour",
        "hour",
        f"{what}, counted from the start of the patient's first session; negative before it",
        "hours",
        -438_300,
        438_300,
        rule="time_range",
    )


def _day(what: str) -> Column:
    return Column(
        "day",
        "day",
        f"{what}, as hours / 24; a whole number means some time in the 24 hours from then",
        "days",
        -18_262,
        18_262,
        rule="time_range",
    )


def _date(name: str, what: str) -> Column:
    return Column(
        name, "date", f"{what}; only in a limited data set, where it is turned into hours and dropped"
    )


PATIENTS = Table(
    "patients",
    "one patient",
    ("patient_id",),
    required=True,
    columns=(
        PATIENT,
        Column("sex", "word", "sex, as the clinic records it"),
        Column("age", "number", "age at the first session; 90 means 90 or over", "years", 0, 90),
        Column("age_band", "word", "age in bands, e.g. 40-49 or 90+"),
        Column("diagnosis", "word", "main diagnosis for which ketamine is given"),
        Column("clinic_id", "id", "a code for the clinic"),
        Column("prior_trials", "number", "number of earlier antidepressant trials", "", 0, 60),
        Column("uncontrolled_hypertension", "flag", "screening: blood pressure not under control"),
        Column("substance_use_history", "flag", "screening: history of substance use disorder"),
        Column("cardiac_condition", "flag", "screening: heart condition"),
        Column(
            "hours_to_data_cut",
            "number",
            "from the first session to the end of the day of data_cut, or without one to the last moment "
            "recorded of anybody; only in a limited data set with dates",
            "hours",
            derived=True,
        ),
    ),
)

SESSIONS = Table(
    "sessions",
    "one treatment session",
    ("patient_id", "time", "session"),
    required=True,
    columns=(
        PATIENT,
        _hour("start of the session"),
        *BOUNDS,
        _day("start of the session"),
        _date("start", "start of the session"),
        Column(
            "clock_known",
            "flag",
            "the start is known to the clock time; if no, only its day is, and hours since the first "
            "session, which is hour 0 all the same, are known to a day",
            derived=True,
        ),
        Column(
            "session",
            "integer",
            "number of the session, 1 for the first; derived from the times if absent",
            low=1,
        ),
        Column("route", "word", "IV, IM, SC, IN (nasal), SL or oral; other words are kept", required=NEED),
        Column(
            "dose_mg_per_kg",
            "number",
            "dose by body weight; derived from dose_mg and weight_kg if absent",
            "mg/kg",
            0.01,
            10,
            rule="dose_range",
        ),
        Column("dose_mg", "number", "dose", "mg", 0.5, 3500),
        Column("weight_kg", "number", "body weight", "kg", 20, 350, rule="weight_range"),
        Column(
            "duration_minutes",
            "number",
            "length of the infusion or of the session, above 0 and at most a day",
            "minutes",
            0,
            MINUTES_PER_DAY,
            rule="duration",
        ),
        Column(
            "monitored_minutes",
            "number",
            "from the start of the session until the patient was last watched (discharge)",
            "minutes",
            0,
            2 * MINUTES_PER_DAY,
        ),
        Column("phase", "word", "induction or maintenance; derived by a named rule if absent"),
        Column("stopped_early", "flag", "the session was ended before the planned dose was given"),
        Column("rescue_medication", "any", "medication given for a side effect: yes or no, or which"),
        Column("psychotherapy", "any", "psychotherapy on the same day: yes or no, or which"),
        Column("setting", "any", "where and how the session was held"),
        Column("escort", "flag", "the patient left with someone"),
        Column(
            "side_effects_recorded",
            "flag",
            "side effects were asked for or noted in this session, even if there were none",
        ),
        Column("clinic_id", "id", "a code for the clinic"),
        MONTH,
    ),
)

SCORES = Table(
    "scores",
    "one assessment with one instrument",
    ("patient_id", "instrument", "time", "timing"),
    columns=(
        PATIENT,
        Column(
            "instrument", "word", "name of the instrument; spelling and spacing do not matter", required=NEED
        ),
        _hour("time of the assessment"),
        *BOUNDS,
        _day("time of the assessment"),
        _date("taken", "time of the assessment"),
        Column(
            "score",
            "number",
            "total score; computed from the items i1, i2, ... if absent",
            "points",
            rule="score_range",
        ),
        Column(
            "timing",
            "word",
            "pre, during or post a session, or remote (taken away from the clinic)",
            words=("pre", "during", "post", "remote"),
        ),
        Column("mode", "word", "who scored it, e.g. self or clinician"),
        MONTH,
    ),
)

SIDE_EFFECTS = Table(
    "side_effects",
    "one side effect in one session, or the word none",
    ("patient_id", "session", "effect", "ascertainment"),
    columns=(
        PATIENT,
        SESSION,
        Column(
            "effect", "word", "name of the side effect; 'none' when asked and there was none", required=NEED
        ),
        Column("severity", "word", "mild, moderate or severe", words=("mild", "moderate", "severe")),
        Column(
            "onset_minutes",
            "number",
            "onset after the start of the session",
            "minutes",
            0,
            7 * MINUTES_PER_DAY,
        ),
        Column(
            "duration_minutes",
            "number",
            "how long it lasted, above 0 and at most a week",
            "minutes",
            0,
            7 * MINUTES_PER_DAY,
            rule="duration",
        ),
        Column(
            "resolved",
            "flag",
            "it had gone by onset_minutes + duration_minutes; if no, it was still there when last seen, and "
            "duration_minutes is how long it had lasted by then",
        ),
        Column("serious", "flag", "serious in the regulatory sense"),
        Column("action", "word", "what was done"),
        Column(
            "ascertainment",
            "word",
            "how it was found: checklist, spontaneous or scale",
            words=("checklist", "spontaneous", "scale"),
        ),
    ),
)

VITALS = Table(
    "vitals",
    "one reading; a minute may have several",
    (),
    columns=(
        PATIENT,
        SESSION,
        Column(
            "minute",
            "number",
            "time from the start of the session; negative before it; blank where only the session is known",
            "minutes",
            -MINUTES_PER_DAY,
            2 * MINUTES_PER_DAY,
            rule="minute_range",
        ),
        Column("sbp", "number", "systolic blood pressure", "mmHg", 40, 300, rule="vital_range"),
        Column("dbp", "number", "diastolic blood pressure", "mmHg", 20, 200, rule="vital_range"),
        Column("heart_rate", "number", "heart rate", "per minute", 20, 250, rule="vital_range"),
        Column("spo2", "number", "oxygen saturation", "%", 50, 100, rule="vital_range"),
        Column("respiratory_rate", "number", "breathing rate", "per minute", 2, 80, rule="vital_range"),
    ),
)

DISPOSITION = Table(
    "disposition",
    "one patient",
    ("patient_id",),
    columns=(
        PATIENT,
        _hour("when the status was reached"),
        *BOUNDS,
        _day("when the status was reached"),
        _date("when", "when the status was reached"),
        Column("status", "word", "e.g. completed, stopped, lost to follow-up, ongoing"),
        Column("reason", "word", "reason for the status, in a few fixed words"),
        MONTH,
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {table.name: table for table in (PATIENTS, SESSIONS, SCORES, SIDE_EFFECTS, VITALS, DISPOSITION)}
)


def data_dictionary() -> str:
    """Return the data dictionary as Markdown, one table of columns per table."""
    lines = []
    for table in TABLES.values():
        needed = "needed" if table.required else "optional"
        lines += [
            f"## `{table.name}` ({needed})",
            "",
            f"A row is {table.row}. Key: {', '.join(table.key) or 'none; only exact copies are set aside'}.",
            "",
        ]
        lines += ["| column | kind | unit | range | needed | meaning |", "|---|---|---|---|---|---|"]
        lines += [_line(table, column) for column in table.columns]
        if table.name == "scores":
            lines.append(
                "| `i1`, `i2`, … | number | points | the instrument's | "
                "| single items, in the instrument's order |"
            )
        lines += ["", "Further columns are kept as covariates unless they look like identifiers."]
        lines.append("")
    return "\n".join(lines)


def _line(table: Table, column: Column) -> str:
    span = " or ".join(column.words)
    if column.low is not None:
        span = f"{column.low:,g} and up" if column.high is None else f"{column.low:,g} to {column.high:,g}"
    needed = "derived" if column.derived else "yes" if column.required else ""
    if column.name in table.times and table.name != "disposition":
        needed = "one of " + ", ".join(table.times)
    return f"| `{column.name}` | {column.kind} | {column.unit} | {span} | {needed} | {column.meaning} |"
