"""Side effects over the sessions of a course: by session number, and among those who stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import group_notes, selection_notes, split_words, told_synonyms
from ketaoutcomes.analysis.side_effect_course_tables import CourseRows, by_number, first_against_later
from ketaoutcomes.analysis.side_effect_habituation import MODELS_SOURCE, habituation
from ketaoutcomes.analysis.side_effect_question import WAYS, chosen_effects
from ketaoutcomes.catalog.effect_terms import EFFECT_GROUPS, EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_count, check_level
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.effect_sessions_by_number import SessionBand, outcomes_of_severity, session_bands
from ketaoutcomes.derive.groups import groups as patient_groups
from ketaoutcomes.derive.side_effects import ANY, NONE, SEVERITIES, recorded_side_effects, terms_of
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.side_effect_course import SideEffectCourse
from ketaoutcomes.results.text import patients

__all__ = ["side_effect_course"]

# Columns of the strip of single sessions; the last holds all from there on.
STRIP_SESSIONS = 12
RULE = "Rule of this library"
OWN_COLUMNS = ("session_group", "from_session", "to_session", "patients", "quantity", "model")


def side_effect_course(
    cohort: Cohort,
    effects: str | Sequence[str] | None = None,
    *,
    groups: Sequence = (1, 2, 3, (4, 6), (7, None)),
    by: str | None = None,
    ascertainment: str | None = None,
    severity: str | None = None,
    stayed: int = 6,
    synonyms: Mapping | str | PathLike | bool | None = None,
    level: float = 0.95,
) -> SideEffectCourse:
    """Rates of side effects by session number, session 1 against later ones, and habituation.

    Only sessions with a record count, and ways of asking are never pooled. Whoever had a bad session
    may come less often, so that rates fall with the session number even if nobody gets used to anything:
    `.habituation` looks at patients who stayed, and within each of them.

    Parameters
    ----------
    cohort : Cohort
    effects : str or sequence of str, optional
        Which effects to give, besides "any side effect"; all by default.
    groups : sequence of int or (int, int or None)
        Session numbers and ranges of them, in rising order; None is an open end.
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1).
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        One way of asking only.
    severity : {"mild", "moderate", "severe"}, optional
        Count effects of at least this severity. One without a severity is at least mild; from moderate on
        rates are bounds, and comparisons leave out the sessions of which it is not known.
    stayed : int
        Recorded sessions that a patient must have to count as having stayed, at least 3; of these
        patients the first so many are looked at.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, as for `side_effect_rates`.
    level : float
        Confidence level.

    Returns
    -------
    SideEffectCourse
        `.table`: the `by` column, `effect`, `ascertainment`, `session_group`, `from_session`,
        `to_session`, `n_events`, `n_unknown` (sessions whose effect has no severity), `n` (sessions
        recorded), `n_patients`, `n_not_recorded` (sessions without any record), `estimate` (counts none
        unknown), `estimate_high` (all), `conf_low`, `conf_high`, `method`. `.by_session`, the same
        for each session number; `.first_against_later`; `.habituation`. Without any record they
        have no row, and a note says so.

    Raises
    ------
    DataError
        If an argument is malformed, or an effect in `effects` was never recorded.

    Source
    ------
    Cochran (1977), Sampling Techniques, ch. 6; Bell and McCaffrey (2002), Surv. Methodol. 28, 169;
    Liang and Zeger (1986), Biometrika 73, 13; Breslow and Day (1980), IARC Sci. Publ. 32, ch. 7.
    Checked: tests/analysis/test_side_effect_course.py, tests/simulation/test_habituation.py.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("stayed", stayed, least=3)
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    if severity is not None:
        check_choice("severity", severity, SEVERITIES)
    if by in OWN_COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    bands = session_bands(groups)
    terms = terms_of(cohort, synonyms)
    rows = _rows(cohort, effects, terms, by, ascertainment, severity, level)
    single = [SessionBand(number, number) for number in range(1, STRIP_SESSIONS)]
    single.append(SessionBand(STRIP_SESSIONS, np.inf))
    arguments = {
        "effects": effects if effects is None or isinstance(effects, str) else tuple(effects),
        "groups": tuple(band.label for band in bands), "by": by, "ascertainment": ascertainment,
        "severity": severity, "stayed": stayed, "synonyms": told_synonyms(synonyms), "level": level,
    }  # fmt: skip
    held = habituation(rows, stayed)
    which = (
        "" if severity is None else f" of severity {severity}" + (" or more" if severity != "severe" else "")
    )
    return SideEffectCourse(
        title=f"Side effects{which} by session number",
        table=by_number(rows, bands),
        notes=tuple(_notes(cohort, rows, severity, stayed, held)),
        definitions=_definitions(stayed),
        provenance=provenance_of("side_effect_course", cohort.fingerprint, arguments),
        level=level,
        by=by,
        stayed=stayed,
        shows=f"Side effects{which}, % of sessions with a record{split_words(by)}",
        by_session=by_number(rows, tuple(single)),
        first_against_later=first_against_later(rows),
        habituation=held,
        effect_groups={
            name: words
            for group, words in EFFECT_GROUPS.items()
            for name in rows.names
            if name != ANY and terms.group_of(name) == group
        },
        records_by_patient=_records_by_patient(cohort, rows),
    )


def _rows(cohort, effects, terms: EffectTerms, by, ascertainment, severity, level) -> CourseRows:
    """Which records count, which effects they hold, and in which group they are."""
    found = recorded_side_effects(cohort, terms)
    columns, _ = chosen_effects(found, effects, terms)
    least = 0 if severity is None else SEVERITIES.index(severity) + 1
    outcome, perhaps = outcomes_of_severity(found, columns, least)
    if effects is None:
        # Any effect first, then by size.
        order = np.lexsort((columns, -outcome.sum(axis=0), columns > 0))
        columns, outcome, perhaps = columns[order], outcome[:, order], perhaps[:, order]
    grouped = patient_groups(cohort, by)
    sessions = cohort.sessions
    owner = patient_codes(sessions)
    number = sessions["session"].to_numpy(dtype=np.int64)
    recorded = np.zeros(len(sessions), dtype=bool)
    recorded[found.session_row] = True
    used = tuple(
        name
        for way, name in enumerate(found.ways)
        if ascertainment in (None, name) and (found.way == way).any()
    )
    return CourseRows(
        found=found,
        outcome=outcome,
        perhaps=perhaps,
        names=tuple(ANY if column == 0 else found.effects[column - 1] for column in columns),
        owner=owner[found.session_row],
        number=number[found.session_row],
        level_of=grouped.code[owner[found.session_row]],
        session_number=number,
        session_level=grouped.code[owner],
        session_recorded=recorded,
        ways_used=used,
        grouped=grouped,
        level=level,
    )


def _records_by_patient(cohort: Cohort, rows: CourseRows) -> pd.DataFrame:
    """What was found in every session, patients with the most sessions first and without their ids.

    One row per effect found; a session with a record and no effect has the effect "none", one
    without a record has no way of asking and no effect. Severity: 1 to 3, 0 not stated.
    """
    found, sessions = rows.found, cohort.sessions
    owner = patient_codes(sessions)
    n_sessions = np.bincount(owner, minlength=len(cohort.patients))
    rank = np.empty(n_sessions.size, dtype=np.int64)
    rank[np.argsort(-n_sessions, kind="stable")] = np.arange(n_sessions.size)
    used = np.isin(np.array(found.ways, dtype=object)[found.way].astype(str), rows.ways_used)
    silent = used.copy()
    silent[found.record] = False
    pair = used[found.record]
    blank = np.flatnonzero(~rows.session_recorded)
    record = np.concatenate([found.record[pair], np.flatnonzero(silent)])
    session_row = np.concatenate([found.session_row[record], blank])
    ways = np.array(found.ways, dtype=object)[found.way[record]]
    effects = np.array([*found.effects, NONE], dtype=object)
    effect = effects[np.r_[found.effect[pair], np.full(int(silent.sum()), len(found.effects), np.int64)]]
    missing = np.full(blank.size, None, dtype=object)
    severity = np.r_[found.severity[pair], np.zeros(int(silent.sum()) + blank.size, np.int8)]
    frame = pd.DataFrame(
        {
            "patient": rank[owner[session_row]] + 1,
            "session": rows.session_number[session_row],
            "ascertainment": np.concatenate([ways, missing]),
            "effect": np.concatenate([effect, missing]),
            "severity": severity.astype(np.int64),
        }
    )
    return frame.sort_values(["patient", "session"], kind="stable", ignore_index=True)


def _definitions(stayed: int) -> tuple[tuple[str, str, str], ...]:
    return (
        (
            "Rate by session number",
            "Sessions with the effect, of sessions with a record, among the sessions of these numbers; the "
            "interval allows for several sessions per patient",
            "Cochran 1977, Sampling Techniques, chapter 6",
        ),
        (
            "Session 1 against later sessions",
            "Difference and odds ratio of the rate at session 1 to that of all later sessions with a record, "
            "of all patients and of those with a record of both; patients are clusters (CR2, Bell-McCaffrey "
            "degrees of freedom). Where a rate rests on fewer than 5 sessions with the effect, or without "
            "it, the limits of the difference join those of both rates",
            "Bell and McCaffrey 2002, Surv. Methodol. 28, 169; Zou and Donner 2008, Stat. Med. 27, 1693",
        ),
        (
            "Stayed",
            f"Patients with at least {stayed} recorded sessions (asked in the same way), their first "
            f"{stayed} of these",
            RULE,
        ),
        (
            "Habituation",
            "Odds ratio of the effect per doubling of the session number: marginal (GEE), and within the "
            "patient (conditional logistic regression)",
            MODELS_SOURCE,
        ),
        (
            "Before the last, and from session 3",
            "Of the sessions of those who stayed the last is left out, so that each was followed by another; "
            "the odds ratio is then unbiased if a session with the effect keeps a patient away equally at "
            "every session number. From session 3: sessions 1 and 2, which may differ from the others in "
            "this, are left out too",
            RULE,
        ),
        (
            "Adjusted p-value",
            "Expected share of chance findings among those named, over the single effects of a model and way "
            "of asking; any side effect stands apart",
            "Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289",
        ),
    )


def _notes(cohort: Cohort, rows: CourseRows, severity, stayed: int, held: pd.DataFrame) -> list[str]:
    """The denominator, what is not in it, and who is left at later sessions."""
    if not rows.found.session_row.size:
        return [
            "Side effects are not recorded, so no rate can be given; it is not zero.",
            *selection_notes(cohort),
            UNCONTROLLED,
        ]
    n_sessions, n_recorded = rows.session_recorded.size, int(rows.session_recorded.sum())
    notes = [
        f"{n_recorded:,} of {n_sessions:,} sessions have side effects recorded "
        f"({patients(np.unique(rows.owner).size)}); {n_sessions - n_recorded:,} without a record are left "
        "out, not counted as none."
    ]
    if len(rows.ways_used) > 1:
        notes.append("How one asks decides the rate: the ways of asking are given apart and never pooled.")
    if not len(rows.ways_used):
        notes.append("No session was asked in the way chosen, so no rate can be given; it is not zero.")
    notes += _severity_notes(rows, severity)
    n_missing = int((rows.level_of < 0).sum())
    notes += group_notes(rows.grouped, rows.grouped.n_missing, 0, 0)
    if n_missing:
        notes.append(f"{n_missing:,} records of these patients are left out.")
    notes += [
        "Whoever has a bad session may come less often, so the rates of later sessions are those of the "
        "patients who stayed: they may fall with the session number also if nobody gets used to anything.",
        f"Habituation among those who stayed (at least {stayed} recorded sessions) and within the patient "
        "does without those who left. Whether the last of these sessions went badly decided nothing about "
        'who is in; with it left out ("within patient, before the last") each counted session was followed '
        "by another one. This is unbiased only if a bad session keeps a patient away equally at every "
        "session number: where bad sessions 1 and 2 do so more than later ones, the odds ratio is too high, "
        'and "from session 3" leaves these two out as well.',
        "Of many odds ratios some differ from 1 by chance: p_adjusted holds the expected share of such among "
        "those named (Benjamini and Hochberg, over the single effects, within a model and way of asking).",
        *_habituation_notes(held),
        "Dose and other treatment may change with the session number; the odds ratio holds them in.",
        *selection_notes(cohort),
        UNCONTROLLED,
    ]
    return notes


def _severity_notes(rows: CourseRows, severity: str | None) -> list[str]:
    """What of the severity is not known, and what that does to rates and comparisons."""
    n_open = int((rows.found.severity == 0).sum())
    if severity is None or not n_open:
        return []
    if severity == SEVERITIES[0]:
        return [
            f"{n_open:,} effects were recorded without a severity; each is at least mild, so all are counted."
        ]
    return [
        f"{n_open:,} effects were recorded without a severity: the estimate counts none of them, "
        "estimate_high all, and the interval spans both; n_unknown counts the sessions in between.",
        "Session 1 against later ones and habituation leave these sessions out (n_unknown). That makes the "
        "effect look rarer where severity is ticked only for some sessions, commoner where it is ticked only "
        "for bad ones, and shifts what is compared where that changes with the session number.",
    ]


def _habituation_notes(held: pd.DataFrame) -> list[str]:
    """What could not be fitted, by reason."""
    reasons = held.loc[held["code"] != "", "code"].value_counts(sort=False)
    return [
        f"Habituation: {n} {'row' if n == 1 else 'rows'} without an estimate: {reason}."
        for reason, n in reasons.items()
    ]
