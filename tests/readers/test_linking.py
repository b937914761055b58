"""Side effects and readings of an export without session numbers belong to the session that they were of."""

from __future__ import annotations

import pandas as pd
from readers.small_exports import sheet, taken_in

from ketaoutcomes.readers.export import account, to_cohort

SESSIONS = {"table": "sessions", "columns": {"start": "date", "route": "route", "dose_mg": "dose"}}
EFFECTS = {"table": "side_effects", "columns": {"effect": "effect"}}
VITALS = {"table": "vitals", "columns": {"sbp": "sbp", "moment": "read"}}
WHEN = "pid,date,route,dose,effect"


def rules(export) -> dict[str, int]:
    """Rules by which rows of the tables are set aside, with their rows."""
    aside = account(export).build.quarantine
    return dict(zip(aside["rule"], aside["n_rows"], strict=True))


def test_a_session_told_twice_stays_one_session():
    cells = sheet(
        WHEN,
        "A,2026-01-05 10:00,IV,40,nausea",
        "A,2026-01-05 10:00,IV,40,headache",
        "A,2026-01-08 10:00,IV,40,none",
    )
    export = taken_in(cells, SESSIONS, EFFECTS)
    cohort = to_cohort(export)
    assert cohort.sessions["hour"].tolist() == [0.0, 72.0]
    effects = cohort.side_effects[["session", "effect"]].sort_values(["session", "effect"])
    assert effects.to_numpy().tolist() == [[1, "headache"], [1, "nausea"], [2, "none"]]
    assert rules(export) == {"duplicate_copy": 1}


def test_sessions_that_disagree_are_set_aside_as_they_are_without_side_effects():
    rows = ("A,2026-01-05 10:00,IV,40,nausea", "A,2026-01-05 10:00,IV,45,", "B,2026-01-05 10:00,IV,40,none")
    for blocks in ((SESSIONS,), (SESSIONS, EFFECTS)):
        assert rules(taken_in(sheet(WHEN, *rows), *blocks))["duplicate_conflict"] == 2


def test_a_session_whose_time_cannot_be_read_leaves_its_patient_without_a_clock():
    rows = (
        "A,2026-13-05 10:00,IV,40,nausea",
        "A,2026-01-08 10:00,IV,40,none",
        "B,2026-01-05 10:00,IV,40,none",
    )
    export = taken_in(sheet(WHEN, *rows), SESSIONS, EFFECTS)
    assert rules(export) == {"not_a_time": 1, "origin_unknown": 1}
    assert account(export).rules[["rule", "n_rows"]].to_numpy().tolist() == [["session_without_number", 2]]
    assert to_cohort(export).sessions["patient_id"].astype(str).tolist() == ["B"]


def test_side_effects_of_a_session_without_a_number_among_numbered_ones_say_so():
    cells = sheet(
        "pid,date,route,number,effect",
        "A,2026-01-05,IV,1,",
        "A,2026-01-07,IV,,headache",
        "A,2026-01-09,IV,3,",
    )
    sessions = {"table": "sessions", "columns": {"start": "date", "route": "route", "session": "number"}}
    export = taken_in(cells, sessions, EFFECTS)
    assert len(export.tables["side_effects"]) == 0
    assert export.sources[0].rule.tolist() == ["", "session_without_number", ""]


def test_a_reading_just_before_a_session_is_its_baseline_and_not_yesterday_s_last():
    cells = sheet(
        "pid,date,route,dose,read,sbp",
        "A,2026-01-05 10:00,IV,40,,",
        "A,2026-01-06 10:00,IV,40,,",
        "A,2026-01-07 09:30,IV,40,,",
        "A,,,,2026-01-06 09:50,121",
        "A,,,,2026-01-07 09:25,122",
        "A,,,,2026-01-05 15:00,123",
        "A,,,,2026-01-07 22:00,124",
        "A,,,,2026-01-08 08:00,125",
        "A,,,,2026-01-09 08:00,126",
    )
    export = taken_in(cells, {**SESSIONS, "needs": ["start"]}, VITALS)
    readings = to_cohort(export).vitals.set_index("sbp")[["session", "minute"]]
    # By hand: 10 and 5 minutes before, five hours after, 12.5 and 22.5 hours after; the last has none.
    expected = {121: [2, -10], 122: [3, -5], 123: [1, 300], 124: [3, 750], 125: [3, 1350]}
    assert {int(sbp): row.tolist() for sbp, row in readings.iterrows()} == expected
    assert account(export).rules[["rule", "n_rows"]].to_numpy().tolist() == [["no_session_then", 1]]


def test_codes_that_differ_only_in_how_they_are_written_are_told():
    cells = sheet(
        WHEN, "1,2026-01-05,IV,40,", "01,2026-01-08,IV,40,", "a2,2026-01-05,IV,40,", "b3,2026-01-05,IV,40,"
    )
    notes = taken_in(cells, SESSIONS).notes
    assert [(one.rule, one.n_rows) for one in notes] == [("ids_alike", 2)]


def test_a_word_for_missing_and_another_way_to_write_a_number_contradict_nothing():
    cells = sheet("pid,date,route,sex,age", "1,2026-01-05,IV,F,44", "1,2026-01-08,IV,NA,44.0")
    people = {"table": "patients", "columns": {"sex": "sex", "age": "age"}}
    sessions = {"table": "sessions", "columns": {"start": "date", "route": "route"}}
    export = taken_in(cells, people, sessions)
    assert export.notes == ()
    assert export.tables["patients"][["sex", "age"]].to_numpy().tolist() == [["F", "44"]]
    assert isinstance(export.tables["patients"], pd.DataFrame)
