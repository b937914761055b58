"""Drafts of all tables to a cohort: the order in which tables are checked against each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import each_once
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.columns import prepare, scanned
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.events import place_disposition, place_vitals
from ketaoutcomes.cohort.fingerprint import fingerprint
from ketaoutcomes.cohort.follow_up import hours_to_data_cut
from ketaoutcomes.cohort.memory import release
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.scores import place_scores
from ketaoutcomes.cohort.sessions import Clock, link_patients, place_patients, place_sessions
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.side_effects import place_side_effects, recorded
from ketaoutcomes.errors import Problem

__all__ = ["Build", "build"]

SEVERITIES = ("mild", "moderate", "severe")


@dataclass(frozen=True)
class Build:
    """What came of a set of tables.

    Parameters
    ----------
    cohort : Cohort or None
        None if there are problems.
    problems, notes : tuple of Problem
        For which the cohort is refused, and which change nothing.
    counts, quarantine, blanked : DataFrame
        As in `Cohort`; of the tables that could be read.
    settings : Settings
    row_rules : mapping of str to (n,) int8 array
        Of each table's rows, as they came, the place in `draft.RULE_NAMES` of the rule that sets it
        aside; 0 for those kept.
    origin : (n_patients,) float array or None
        When each patient's first session started, in hours since 1970 (UTC), in the order of
        `cohort.patients`; missing without a session. None unless the sessions are dated.
    """

    cohort: Cohort | None
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    counts: pd.DataFrame
    quarantine: pd.DataFrame
    blanked: pd.DataFrame
    settings: Settings
    row_rules: Mapping[str, np.ndarray]
    origin: np.ndarray | None = None


def build(
    raws: dict[str, RawTable],
    settings: Settings,
    *,
    source: str,
    covariates: Collection[str] | None = None,
    problems: Iterable[Problem] = (),
    notes: Iterable[Problem] = (),
    present: frozenset[str] | None = None,
) -> Build:
    """Check tables one by one and against each other, and make a cohort if nothing forbids it.

    `raws` is emptied on the way, so that no table's cells are kept longer than they are needed.
    """
    drafts = {
        name: prepare(TABLES[name], raws.pop(name), settings, covariates) for name in TABLES if name in raws
    }
    _days_beside_offsets(drafts, settings)
    problems = list(problems)
    tables: dict[str, pd.DataFrame] = {}
    origin = None
    linked = not problems and not any(draft.problems for draft in drafts.values())
    # Tables are held against each other only if each is sound by itself: else every row would be an orphan.
    if linked:
        tables, origin = _linked(drafts, settings)
        release()
    problems += [problem for draft in drafts.values() for problem in draft.problems]
    notes = [*notes, *(note for draft in drafts.values() for note in draft.notes)]
    counts, quarantine, blanked = _tallies(drafts)
    for name in ("patients", "sessions"):
        if linked and (name not in tables or tables[name].empty):
            problems.append(Problem(_nothing_left(quarantine, name), name, rule="nothing_left"))
            break
    cohort = None
    if not problems:
        made_of = [f"deidentification {settings.deidentification}", f"same_time {settings.same_time}"]
        if settings.side_effect_names is not None:
            made_of.append(f"side_effect_names {settings.side_effect_names}")
        if settings.dates_shifted:
            made_of.append("dates_shifted")
        aside = sorted(line for draft in drafts.values() for line in draft.aside)
        cohort = Cohort(
            tables=tables,
            present=frozenset(drafts) if present is None else present,
            settings=settings,
            counts=counts,
            quarantine=quarantine,
            blanked=blanked,
            fingerprint=fingerprint(tables, [*made_of, *aside]),
            source=source,
            notes=tuple(str(note) for note in notes),
        )
    row_rules = {name: draft.rule for name, draft in drafts.items()}
    told = (tuple(problems), tuple(notes))
    return Build(cohort, *told, counts, quarantine, blanked, settings, row_rules, origin)


def _days_beside_offsets(drafts: dict[str, Draft], settings: Settings) -> None:
    """Refuse days beside clock times with an offset: without a time zone no day has a known start."""
    times = {name: draft.times for name, draft in drafts.items() if draft.times is not None}
    if settings.timezone is not None or not any(one.offset for one in times.values()):
        return
    for name, one in times.items():
        if one.days is not None and one.days.any():
            drafts[name].fail("days_and_offsets", drafts[name].table.date, rows=one.days)


def _linked(
    drafts: dict[str, Draft], settings: Settings
) -> tuple[dict[str, pd.DataFrame], np.ndarray | None]:
    """Return all tables, each row on its patient's clock, and when dated clocks start; none without patients.

    Drafts may gain problems on the way.
    """
    patients = drafts["patients"]
    ids, patient_rows = place_patients(patients, settings)
    if ids.empty:
        return {}, None
    kind = pd.CategoricalDtype(ids)
    linked = {name: link_patients(draft, ids) for name, draft in drafts.items() if name != "patients"}
    for name, codes in linked.items():
        # Ids that are not among the patients were not looked at there.
        if (codes == -1).any():
            drafts[name].problems += scanned(drafts[name], ["patient_id"], settings)
        elif not (codes < 0).any():
            # From here on a patient's place says as much as the id, in a quarter of the room.
            drafts[name].frame["patient_id"] = _ids(codes, kind)
    release()
    session_rows, clock = place_sessions(drafts["sessions"], linked["sessions"], ids, settings)
    tables = {name: _empty(name, kind) for name in TABLES}
    with_effects = unsure = None
    # The largest first: each table's cells are let go of as it is made.
    if "vitals" in drafts:
        tables["vitals"] = _vitals(drafts["vitals"], linked.pop("vitals"), clock, kind)
    if "scores" in drafts:
        tables["scores"] = _scores(drafts["scores"], linked, clock, kind, settings)
    if "side_effects" in drafts:
        codes = linked.pop("side_effects")
        tables["side_effects"], with_effects, unsure = _effects(drafts["side_effects"], codes, clock, kind)
    if "disposition" in drafts:
        draft, codes = drafts["disposition"], linked["disposition"]
        rows, placed = place_disposition(draft, codes, clock, settings)
        lead = {"patient_id": _ids(codes[rows], kind), **_clocked(placed, rows)}
        tables["disposition"] = _frame(draft, rows, lead)
    told = recorded(drafts["sessions"], session_rows, with_effects, unsure)
    tables["sessions"] = _sessions(drafts["sessions"], session_rows, linked.pop("sessions"), clock, kind)
    tables["sessions"]["side_effects_recorded"] = told
    hours = hours_to_data_cut(drafts, clock, settings)
    if hours is not None:
        patients.numbers["hours_to_data_cut"] = np.full(patients.n, np.nan)
        patients.numbers["hours_to_data_cut"][patient_rows] = hours
    tables["patients"] = _frame(patients, patient_rows, {"patient_id": pd.Series(ids, name=None)})
    return tables, clock.origin if clock.dated else None


def _sessions(draft: Draft, rows, codes, clock: Clock, kind) -> pd.DataFrame:
    rows = draft.places(rows)
    owner = codes[rows]
    number = np.arange(1, owner.size + 1)
    number -= clock.starts[owner]
    lead = {
        "patient_id": _ids(owner, kind),
        "session": pd.Series(number, dtype="int64", copy=False),
        **_hours(clock.hour, clock.low, clock.high),
        "clock_known": pd.Series(clock.exact, copy=False),
    }
    for name in ("dose_mg_per_kg", "duration_minutes"):
        if name not in draft.numbers:
            draft.numbers[name] = np.full(draft.n, np.nan)
    return _frame(draft, rows, lead)


def _scores(draft: Draft, linked, clock: Clock, kind, settings: Settings) -> pd.DataFrame:
    codes = linked.pop("scores")
    rows, placed = place_scores(draft, codes, clock, settings)
    rows = draft.places(rows)
    found = draft.words["instrument"].take(rows)
    names = pd.CategoricalDtype(pd.Index(found.levels, dtype="str"))
    lead = {
        "patient_id": _ids(codes[rows], kind),
        "instrument": pd.Series(pd.Categorical.from_codes(found.codes, dtype=names)),
        **_clocked(placed, rows),
    }
    # They are in the table's own columns now.
    del codes, placed, found
    return _frame(draft, rows, lead)


def _vitals(draft: Draft, codes, clock: Clock, kind) -> pd.DataFrame:
    rows, session = place_vitals(draft, codes, clock)
    return _of_sessions(draft, rows, codes, session, clock, kind)


def _effects(draft: Draft, codes, clock: Clock, kind) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the table of side effects, and which sessions have a row in it and which a doubtful record."""
    rows, session, unsure = place_side_effects(draft, codes, clock)
    with_effects = np.bincount(session[rows], minlength=clock.hour.size) > 0
    return _of_sessions(draft, rows, codes, session, clock, kind), with_effects, unsure


def _of_sessions(draft: Draft, rows, codes, session, clock: Clock, kind) -> pd.DataFrame:
    """Return a table whose rows belong to sessions, under the cohort's own session numbers.

    `session` is used up: the numbers may take its place.
    """
    at = draft.places(rows)
    number = session[at]
    number -= clock.starts[codes[at]]
    number += 1
    lead = {"patient_id": _ids(codes[at], kind), "session": pd.Series(number, dtype="int64", copy=False)}
    severity = draft.words.get("severity")
    frame = _frame(draft, rows, lead)
    if severity is not None:
        rank = np.array([SEVERITIES.index(level) for level in severity.levels] + [-1], dtype=np.int8)
        degrees = pd.CategoricalDtype(list(SEVERITIES), ordered=True)
        frame["severity"] = pd.Categorical.from_codes(rank[severity.codes[at]], dtype=degrees)
    return frame


def _ids(codes: np.ndarray, kind: pd.CategoricalDtype) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(codes, dtype=kind), copy=False)


def _clocked(placed, rows: np.ndarray | slice) -> dict[str, pd.Series]:
    return _hours(*each_once(lambda hour: hour[rows], placed.hour, placed.low, placed.high))


def _hours(*columns: np.ndarray) -> dict[str, pd.Series]:
    """Return time and bounds; where they are one array they stay one, until somebody changes one of them."""
    names = ("hour", "hour_low", "hour_high")
    made = each_once(lambda hour: pd.Series(hour, copy=False), *columns)
    return dict(zip(names, made, strict=True))


def _frame(draft: Draft, rows: np.ndarray, lead: dict[str, pd.Series]) -> pd.DataFrame:
    """Return the table's final frame: key and clock first, then the columns in the dictionary's order."""
    return pd.DataFrame({**lead, **draft.finish(rows, leave=tuple(lead))}, copy=False)


def _empty(name: str, kind: pd.CategoricalDtype) -> pd.DataFrame:
    """Return a table that was not supplied: its columns without rows."""
    columns = {"patient_id": pd.Series(pd.Categorical([], dtype=kind))}
    for column in TABLES[name].columns:
        if column.kind in ("hour", "day"):
            columns |= {clock: pd.Series([], dtype=float) for clock in ("hour", "hour_low", "hour_high")}
        elif column.name == "instrument":
            columns["instrument"] = pd.Series(
                pd.Categorical([], dtype=pd.CategoricalDtype(pd.Index([], dtype="str")))
            )
        elif column.name == "severity":
            columns["severity"] = pd.Series(pd.Categorical([], categories=list(SEVERITIES), ordered=True))
        elif column.kind != "date" and column.name != "patient_id":
            kinds = {"integer": "int64", "number": "float64", "flag": "boolean"}
            columns[column.name] = pd.Series([], dtype=kinds.get(column.kind, "str"))
    return pd.DataFrame(columns)


def _tallies(drafts: dict[str, Draft]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return what was read, kept, set aside and set to missing. Read is kept and set aside, always."""
    counts, aside, blanked = [], [], []
    for name, draft in drafts.items():
        rules = draft.quarantined()
        n_aside = sum(n for _, n, _ in rules)
        n_kept = int(draft.kept.sum())
        if draft.n_read != n_kept + n_aside:
            raise AssertionError(f"{name}: {draft.n_read} rows read, {n_kept} kept, {n_aside} set aside")
        counts.append((name, draft.n_read, n_kept, n_aside))
        aside += [(name, rule, RULES[rule].reason, n, first) for rule, n, first in rules]
        blanked += [
            (name, column, rule, RULES[rule].reason, n, first) for column, rule, n, first in draft.blanked()
        ]
    return (
        _table(counts, {"table": "str", "n_read": "int64", "n_kept": "int64", "n_quarantined": "int64"}),
        _table(
            aside, {"table": "str", "rule": "str", "reason": "str", "n_rows": "int64", "first_row": "int64"}
        ),
        _table(
            blanked,
            {
                "table": "str",
                "column": "str",
                "rule": "str",
                "reason": "str",
                "n_cells": "int64",
                "first_row": "int64",
            },
        ),
    )


def _table(rows: list[tuple], kinds: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def _nothing_left(quarantine: pd.DataFrame, name: str) -> str:
    rules = quarantine[quarantine["table"] == name]
    if rules.empty:
        return "the table has no rows"
    why = "; ".join(
        f"{n:,} rows: {reason}" for n, reason in zip(rules["n_rows"], rules["reason"], strict=True)
    )
    return f"no row is left after rows that break a rule were set aside: {why}"
