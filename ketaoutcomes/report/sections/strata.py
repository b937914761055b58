"""Section 10: response, follow-up and side effects by groups of patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.forest import forest
from ketaoutcomes.draw.labels import DASH
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.numbering import INDICATIONS, STRATA
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.group_counts import (
    AskedSessions,
    ScoredPatients,
    asked_sessions,
    effects_by,
    rates_of,
    scored_patients,
)
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.sections.strata_groups import (
    FOLLOWED,
    SEVERITY,
    Grouping,
    groupings_of,
    severity_of,
)
from ketaoutcomes.report.wording import defined, outcome_words
from ketaoutcomes.report.words import asked, ci, plural, rate_words

__all__ = ["strata"]

PLACE = "Section 10"
COLUMN = "group"
MEASURES = ("response", "follow_up", "side_effects")
HEADS = {"response": "Responded", "follow_up": "Followed", "side_effects": "Sessions with a side effect"}
ASSOCIATED = "Groups differ in much else; differences are associated with the group, not its effect."

CLINIC = "clinic_id"


@dataclass(frozen=True)
class _Stratum:
    """One grouping with what may be printed of it, by measure."""

    grouping: Grouping
    released: dict[str, Released]


def strata(scope: Scope) -> Part:
    """Forests of response and of follow-up by group, and a table with side effects beside them."""
    hidden_up_to = scope.gate.few.largest if scope.gate.suppresses else 0
    # Clinics have the section after this one; two tables of them could be solved together.
    asked_for = tuple(name for name in scope.settings.by if name != CLINIC)
    chosen = groupings_of(scope.recent, asked_for, largest_hidden=hidden_up_to)
    people = _people(scope)
    severity = None if people is None else severity_of(scope.recent, people)
    chosen += [severity] if severity is not None else []
    sessions = asked_sessions(scope.recent)
    found = [_stratum(scope, one, people, sessions) for one in chosen]
    found = [one for one in found if one.released]
    if not found:
        return Part(_section(scope, notes=(_nothing(scope, chosen),)), {})
    figures, notes = [], []
    for measure in ("response", "follow_up"):
        rows = _rows(found, measure)
        if (rows["suppressed"] == "").any():
            figures.append(_figure(scope, measure, rows, "ab"[len(figures)]))
        elif len(rows):
            notes.append(f"{HEADS[measure]}: cannot be shown by group{too_small(scope)}.")
    tables, hidden = gathered([item for one in found for item in one.released.values()])
    table = _table(scope, found, None if sessions is None else sessions.way)
    section = _section(scope, figures=tuple(figures), tables=(table,), notes=(*notes, *_merged(found)))
    return Part(section, tables, hidden)


def _people(scope: Scope) -> ScoredPatients | None:
    """Who was scored with the main instrument; None without one that has a rule of response."""
    if scope.instrument is None or defined(scope.instrument, "response") is None:
        return None
    names = {str(name) for name in scope.recent.scores["instrument"].unique()}
    if scope.instrument.name not in names:
        return None
    return scored_patients(scope.recent, scope.instrument, at=WINDOW)


def _section(scope: Scope, *, figures=(), tables=(), notes=()) -> Section:
    terms = [
        ("Followed:", FOLLOWED),
        ("Indication:", f"as in section {INDICATIONS}."),
        ("Route:", "that of session 1; for side effects that of each session."),
    ]
    if scope.instrument is not None and defined(scope.instrument, "response") is not None:
        rule = outcome_words(defined(scope.instrument, "response"), scope.instrument)
        terms.insert(0, ("Response:", f"{rule}, of those scored in the window."))
    return Section(
        number=STRATA,
        question="Do groups of patients differ?",
        reading=(
            ASSOCIATED,
            f"Many groups: of intervals at {100 * scope.level:g}%, {100 * (1.0 - scope.level):g}% are "
            "expected not to hold the group’s own value, by chance alone.",
        ),
        terms=tuple(terms),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _nothing(scope: Scope, chosen: list[Grouping]) -> str:
    if not chosen:
        return "Not recorded: no column divides the patients into groups."
    return f"Not recorded: {scope.why_no_instrument}, and no session has a record of side effects."


def _stratum(
    scope: Scope, grouping: Grouping, people: ScoredPatients | None, sessions: AskedSessions | None
) -> _Stratum:
    released = {} if people is None else _outcomes(scope, grouping, people)
    if sessions is not None and grouping.name != SEVERITY:
        released["side_effects"] = _effects(scope, grouping, sessions)
    return _Stratum(grouping, {name: one for name, one in released.items() if len(one.frame)})


def _outcomes(scope: Scope, grouping: Grouping, people: ScoredPatients) -> dict[str, Released]:
    """Response of those scored, and those scored of those with a baseline, through the gate.

    Each grouping adds up to the sizes of section 3. Where those with a baseline and those scored differ
    by few in all, the latter is what section 3 prints, and the former is not given by group either.
    """
    code, n_groups = grouping.of_patients[people.code], len(grouping.levels)

    def per_group(marks: np.ndarray) -> np.ndarray:
        return np.bincount(code[marks & (code >= 0)], minlength=n_groups)

    meets = people.meets(defined(scope.instrument, "response"))
    eligible, scored = per_group(people.eligible), per_group(people.scored)
    kept, names = eligible > 0, np.array(grouping.levels, dtype=object)
    response = rates_of(per_group(meets)[kept], scored[kept], level=scope.level)
    follow_up = rates_of(scored[kept], eligible[kept], level=scope.level)
    for table in (response, follow_up):
        table.insert(0, COLUMN, names[kept].astype(str))
    place = f"{PLACE}, by {grouping.title}"
    found = {
        "response": scope.gate.parts(f"response_by_{grouping.name}", response, place=f"{place}, response")
    }
    if not scope.gate.suppresses or scope.gate.may_stand_beside(scored.sum(), eligible.sum()):
        found["follow_up"] = scope.gate.parts(
            f"follow_up_by_{grouping.name}", follow_up, place=f"{place}, follow-up",
            beside=[response["n"].to_numpy(float)],
        )  # fmt: skip
    return found


def _effects(scope: Scope, grouping: Grouping, sessions: AskedSessions) -> Released:
    """Sessions with any side effect; hidden by sessions and by patients, whose numbers are not printed."""
    rows = effects_by(sessions, grouping.of_sessions, len(grouping.levels), level=scope.level)
    rows.insert(0, COLUMN, np.array(grouping.levels, dtype=object).astype(str))
    rows.insert(1, "ascertainment", sessions.way)
    rows = rows[rows["n"] > 0].reset_index(drop=True)
    rows = rows.assign(n_patients_without=rows["n_patients"] - rows["n_patients_with_event"])
    given = scope.gate.parts(
        f"side_effects_by_{grouping.name}", rows, place=f"{PLACE}, by {grouping.title}, side effects",
        also=("n_patients_with_event", "n_patients_without"),
    )  # fmt: skip
    frame = given.frame
    if scope.gate.suppresses:
        frame = frame.drop(columns=["n_patients", "n_patients_with_event", "n_patients_without"])
    return Released(given.name, frame, given.hidden)


def _rows(found: list[_Stratum], measure: str) -> pd.DataFrame:
    """All groupings' rows of one measure, one below the other, each under its own name."""
    parts = []
    for one in found:
        given = one.released.get(measure)
        if given is not None:
            names = [f"{one.grouping.title}: {level}" for level in given.frame[COLUMN]]
            parts.append(given.frame.assign(**{COLUMN: names}))
    if not parts:
        return pd.DataFrame({COLUMN: [], "suppressed": []})
    return pd.concat(parts, ignore_index=True)


def _figure(scope: Scope, measure: str, rows: pd.DataFrame, letter: str) -> Figure:
    of = {"response": "scored after induction", "follow_up": "with a valid baseline"}[measure]
    title = {"response": "Response by group", "follow_up": "Followed after induction, by group"}[measure]
    told = []
    for row in rows.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        told.append(f"{row[COLUMN]}: {estimate} ({of_total}, {ci(scope.level)} {interval}).")
    svg = drawn(
        forest, rows, prefix=f"figure-10{letter}", title=title, description=" ".join(told), label=COLUMN,
        unit_line=f"% of patients {of}", level=scope.level,
    )  # fmt: skip
    name = f"{scope.instrument.name}; patients {of}{scope.during}"
    note = "Wilson intervals. In the order of the table, not ranked."
    return Figure(f"Fig. 10{letter}", title, name, svg, (note,))


def _table(scope: Scope, found: list[_Stratum], way: str | None) -> Table:
    rows = []
    used = [
        measure
        for measure in MEASURES
        if any(
            (one.released[measure].frame["suppressed"] == "").any()
            for one in found
            if measure in one.released
        )
    ]
    for one in found:
        frames = {name: given.frame.set_index(COLUMN) for name, given in one.released.items()}
        for level in one.grouping.levels:
            cells = []
            for measure in used:
                has_row = measure in frames and level in frames[measure].index
                words = rate_words(frames[measure].loc[level]) if has_row else (DASH, DASH)
                cells += [words[0], words[1]]
            if any(cell != DASH for cell in cells):
                rows.append((f"{one.grouping.title}: {level}", *cells))
    columns = [Column("Group", True)]
    for measure in used:
        columns += [Column(HEADS[measure]), Column("n/N")]
    notes = []
    if "side_effects" in used:
        notes.append(f"Side effects: {asked(way)}, sessions with a record.")
    elif way is not None:
        notes.append(f"Sessions with a side effect cannot be shown by group{too_small(scope)}.")
    return Table("Outcomes by group", tuple(columns), tuple(rows), tuple(notes), is_wide=True)


def _merged(found: list[_Stratum]) -> tuple[str, ...]:
    """Which groupings have levels merged into "other"."""
    merged = [one.grouping for one in found if one.grouping.n_merged]
    words = [f"{one.title}: {plural(one.n_merged, 'small group')} in “other”." for one in merged]
    return (" ".join(words),) if words else ()
