"""Section 7: blood pressure, other vital signs and dissociation in the hours of a session."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from ketaoutcomes.analysis.dissociation import dissociation
from ketaoutcomes.analysis.vital_signs import vital_signs
from ketaoutcomes.draw.dissociation import peaks_by_session
from ketaoutcomes.draw.excursions import excursions
from ketaoutcomes.draw.labels import count, missing, number, number_range, percent
from ketaoutcomes.draw.vital_course import vital_course
from ketaoutcomes.errors import ConvergenceError, DataError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.nobody import is_empty
from ketaoutcomes.report.numbering import DURING
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.words import ci, rate_words
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.dissociation import DissociationResult
from ketaoutcomes.results.vital_signs import VitalSigns

__all__ = ["during_sessions"]

RULES = (
    "bp_165_100", "bp_180_110", "rise_20_percent", "rise_40_25", "hr_above_120", "spo2_below_94",
    "spo2_below_92",
)  # fmt: skip
# Who meets the second rule of a pair meets the first.
WITHIN = (("bp_165_100", "bp_180_110"), ("spo2_below_94", "spo2_below_92"))
SIGN = "sbp"
REPLICATES = 100
FIRST_GROUP = "session 1"
SCALES = ("CADSS", "CADSS-6")
EXCURSION_COLUMNS = (
    "rule", "label", "text", "n_events", "n", "n_patients", "n_patients_with", "n_unknown", "estimate",
    "estimate_high", "conf_low", "conf_high", "method", "readings",
)  # fmt: skip
PEAK_COLUMNS = (
    "session_group", "n", "n_patients", "n_events", "median", "p25", "p75", "estimate", "conf_low",
    "conf_high", "share", "share_low", "share_high", "assessments",
)  # fmt: skip


@dataclass(frozen=True)
class _Made:
    """What the parts add up to."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def letter(self) -> str:
        """Letter of the next figure."""
        return "abcdefgh"[len(self.figures)]


def during_sessions(scope: Scope) -> Part:
    """The course of blood pressure, excursions by rule, and dissociation by session number."""
    made = _Made()
    _add_vital_signs(scope, made)
    _add_dissociation(scope, made)
    found, hidden = gathered(made.released)
    section = Section(
        number=DURING,
        question="What happens during sessions?",
        reading=(
            "A highest value is the highest of what was read: it grows with the number of readings. Rules "
            "describe what was recorded and say nothing on treatment.",
        ),
        terms=(
            (
                "Change",
                "from the last reading up to the start, or else the first up to five minutes after it.",
            ),
            ("Recorded at or above", "at least one reading; a session without readings is left out."),
        ),
        figures=tuple(made.figures),
        tables=tuple(made.tables),
        notes=tuple(made.notes),
    )
    return Part(section, found, hidden, tuple(made.results))


def _add_vital_signs(scope: Scope, made: _Made) -> None:
    if not len(scope.recent.vitals):
        made.notes.append("Vital signs are not recorded.")
        return
    try:
        result = vital_signs(scope.recent, signs=SIGN, rules=RULES, level=scope.level)
    except (DataError, ConvergenceError):
        made.notes.append("Vital signs cannot be given.")
        return
    made.results.append(result)
    minutes = result.course.drop(columns="minute_mean", errors="ignore")
    course = scope.gate.shares(
        "blood_pressure_course", minutes, place="Section 7, blood pressure", decimals=1
    )
    rules = result.excursions[[name for name in EXCURSION_COLUMNS if name in result.excursions]]
    given = scope.gate.excursions("excursions", rules, place="Section 7, excursions", within=WITHIN)
    made.released.extend([course, given])
    if course.frame["estimate"].notna().any():
        made.figures.append(_course_figure(scope, result, course.frame, made.letter))
    read = given.frame[~given.frame["n"].map(is_empty).astype(bool)]
    if (read["suppressed"] == "").any():
        made.figures.append(_excursion_figure(scope, result, given.frame, made.letter))
    elif len(given.frame):
        made.notes.append(f"Excursions of vital signs cannot be shown{too_small(scope)}.")


def _course_figure(scope: Scope, result: VitalSigns, frame: pd.DataFrame, letter: str) -> Figure:
    shown = frame[frame["estimate"].notna()]
    title = "Systolic pressure over the minutes of a session"
    first = shown[shown["group"] == FIRST_GROUP]
    if len(first):
        top = first.loc[first["estimate"].idxmax()]
        title = (
            f"In session 1, systolic pressure was highest at minute {top['minute']:g}: on average "
            f"{number(top['estimate'], 0)} mmHg above baseline"
        )
    told = " ".join(
        f"{row['group']}, minute {row['minute']:g}: {number(row['estimate'])} mmHg ({ci(scope.level)} "
        f"{number_range(row['conf_low'], row['conf_high'])})."
        for row in shown.to_dict("records")
    )
    svg = drawn(
        vital_course, frame, prefix=f"figure-7{letter}", title=title, description=told, by="group",
        name="Systolic blood pressure", unit="mmHg", level=scope.level,
    )  # fmt: skip
    note = "Mixed model of the change from baseline; sessions of one patient belong together."
    return Figure(f"Fig. 7{letter}", title, _population(scope, result), svg, (note,))


def _population(scope: Scope, result: VitalSigns) -> str:
    # Without a baseline nobody is in the course of changes, though there are readings.
    n = int(result.table["n_patients"].max()) if len(result.table) else 0
    n = n or None
    return f"Sessions, up to the data cut, of {scope.of_starters(n)}{scope.during}"


def _excursion_figure(scope: Scope, result: VitalSigns, frame: pd.DataFrame, letter: str) -> Figure:
    # A rule that no session has the readings for is no share, and is named below.
    unread = [str(label) for label, n in zip(frame["label"], frame["n"], strict=True) if is_empty(n)]
    frame = frame[~frame["label"].isin(unread)].reset_index(drop=True)
    first = frame[(frame["suppressed"] == "") & (frame["rule"] == RULES[0])]
    title = "Sessions with an excursion of a vital sign"
    if len(first):
        title = f"{percent(first.iloc[0]['estimate'])} of sessions had a reading at or above 165/100 mmHg"
    told = " ".join(
        "{}: {} ({}, {} {}).".format(row["text"], *rate_words(row)[:2], ci(scope.level), rate_words(row)[2])
        for row in frame.to_dict("records")
    )
    svg = drawn(
        excursions, frame, prefix=f"figure-7{letter}", title=title, description=told, level=scope.level,
    )  # fmt: skip
    readings = f"{frame['readings'].median():g} readings a session (median)"
    note = f"{readings}; more readings find more. The interval allows for several sessions per patient."
    if unread:
        note += f" Without a reading to go by, so not given: {', '.join(unread)}."
    return Figure(f"Fig. 7{letter}", title, _population(scope, result), svg, (note,))


def _add_dissociation(scope: Scope, made: _Made) -> None:
    scale = next((name for name in SCALES if name in scope.recent.instruments), None)
    if scale != SCALES[0]:
        # The short form has no threshold of its own, so nothing is counted on it here.
        made.notes.append("Dissociation by CADSS is not recorded.")
        return
    result = dissociation(scope.recent, scale, level=scope.level, n_replicates=REPLICATES)
    made.results.append(result)
    given = scope.gate.peaks(
        "dissociation_by_session", result.table[list(PEAK_COLUMNS)], place="Section 7, dissociation"
    )
    made.released.append(given)
    # Groups of sessions that nobody was scored in are no row.
    frame = given.frame[~given.frame["n"].map(is_empty).astype(bool)].reset_index(drop=True)
    if not (frame["suppressed"] == "").any() or frame["median"].isna().all():
        made.notes.append(f"Dissociation scores cannot be shown{too_small(scope)}.")
        return
    made.figures.append(_dissociation_figure(scope, result, frame, made.letter))
    made.tables.append(_dissociation_table(scope, result, frame))


def _dissociation_figure(
    scope: Scope, result: DissociationResult, frame: pd.DataFrame, letter: str
) -> Figure:
    everything = frame[(frame["session_group"] == "all") & (frame["suppressed"] == "")]
    title = "Dissociation by session number"
    beyond = f"{result.comparison.replace('_', ' ')} {result.threshold:g}"
    if len(everything):
        row = everything.iloc[0]
        title = f"{percent(row['share'])} of scored sessions were {beyond} on the {result.instrument}"
    told = " ".join(
        f"Session {row['session_group']}: median {number(row['median'], 0)} points, {percent(row['share'])} "
        f"{beyond}."
        for row in frame[frame["suppressed"] == ""].to_dict("records")
    )
    svg = drawn(
        peaks_by_session, frame, prefix=f"figure-7{letter}", title=title, description=told,
        threshold=result.threshold, comparison=result.comparison, is_convention=result.is_convention,
        shows=result.shows,
    )  # fmt: skip
    n = frame.loc[frame["session_group"] == "all", "n_patients"]
    n = None if not len(n) or missing(n.iloc[0]) else int(n.iloc[0])
    note = (
        f"{beyond[:1].upper() + beyond[1:]} points is a convention, not a detector. Later sessions are those "
        "of patients who went on."
    )
    return Figure(
        f"Fig. 7{letter}",
        title,
        f"Sessions, up to the data cut, of {scope.of_starters(n)}{scope.during}",
        svg,
        (note,),
    )


def _dissociation_table(scope: Scope, result: DissociationResult, frame: pd.DataFrame) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        if row["suppressed"]:
            rows.append((str(row["session_group"]), "not shown", "", "", "", ""))
            continue
        limits = number_range(row["conf_low"], row["conf_high"])
        share = number_range(100 * row["share_low"], 100 * row["share_high"], 0)
        rows.append(
            (
                str(row["session_group"]), number(row["estimate"]), limits, percent(row["share"]), share,
                count(row["n"]),
            )
        )  # fmt: skip
    beyond = f"{result.comparison.replace('_', ' ')} {result.threshold:g}"
    columns = (
        Column("Session", True), Column("Mean, points"), Column(ci(scope.level)), Column(f"% {beyond}"),
        Column(ci(scope.level)), Column("Sessions scored"),
    )  # fmt: skip
    return Table(f"Highest {result.instrument} score of a session", columns, tuple(rows))
