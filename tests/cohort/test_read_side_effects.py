"""No session becomes free of side effects because a row of it could not be used."""

from __future__ import annotations

import pandas as pd
import pytest

from ketaoutcomes.cohort.read import load_cohort

IDS = [f"X{number}" for number in range(1, 7)]
PATIENTS = "patient_id\n" + "\n".join(IDS) + "\n"
ASKED = "patient_id,hour,session,route,side_effects_recorded\n" + "".join(
    f"{name},{48 * place},{place + 1},IV,yes\n" for name in IDS for place in range(5)
)


def aside(cohort, table="side_effects") -> dict[str, int]:
    found = cohort.quarantine[cohort.quarantine["table"] == table]
    return dict(zip(found["rule"], found["n_rows"], strict=True))


def recorded(cohort) -> list:
    """Yes, no or None per session."""
    return [
        None if flag is None else bool(flag)
        for flag in cohort.sessions["side_effects_recorded"].astype(object).where(lambda x: x.notna(), None)
    ]


def effects(cohort, *columns) -> list:
    return cohort.side_effects[["patient_id", "session", "effect", *columns]].astype(object).values.tolist()


def one_patient(
    clinic, rows: str, *, asked: str = "yes", n_sessions: int = 2, header: str = "patient_id,session,effect"
):
    sessions = "patient_id,hour,session,route,side_effects_recorded\n" + "".join(
        f"A1,{48 * place},{place + 1},IV,{asked}\n" for place in range(n_sessions)
    )
    folder = clinic(
        patients="patient_id\nA1\n", sessions=sessions, scores=None, side_effects=f"{header}\n{rows}"
    )
    return load_cohort(folder)


def test_one_effect_noted_twice_in_a_session_is_one_effect_and_not_none(clinic):
    # Session 1 of each of six patients: nausea, mild and then moderate. Sessions 2 to 5: none.
    rows = "".join(
        f"{name},1,nausea,mild,checklist\n{name},1,nausea,moderate,checklist\n"
        + "".join(f"{name},{session},none,,checklist\n" for session in range(2, 6))
        for name in IDS
    )
    header = "patient_id,session,effect,severity,ascertainment\n"
    cohort = load_cohort(clinic(patients=PATIENTS, sessions=ASKED, scores=None, side_effects=header + rows))
    assert aside(cohort) == {"merged_effect": 6}
    nausea = cohort.side_effects[cohort.side_effects["effect"] == "nausea"]
    assert nausea["severity"].tolist() == ["moderate"] * 6
    assert (len(nausea), len(cohort.side_effects), len(cohort.sessions)) == (6, 30, 30)
    assert recorded(cohort) == [True] * 30


def test_a_merged_effect_is_the_worst_from_the_first_onset_to_the_last_end(clinic):
    header = "patient_id,session,effect,severity,serious,onset_minutes,duration_minutes,action,ascertainment"
    rows = (
        "A1,1,Nausea,mild,yes,10,15,,checklist\n"
        "A1,1,nausea.,severe,no,40,20,,checklist\n"
        "A1,1,nausea,,,30,90,ondansetron,checklist\n"
        "A1,1,nausea,severe,no,40,20,,checklist\n"  # a copy of the second but for the point
        "A1,1,nausea,mild,no,5,5,,spontaneous\n"  # asked in another way: another record
    )
    cohort = one_patient(clinic, rows, header=header)
    assert aside(cohort) == {"merged_effect": 2, "duplicate_copy": 1}
    columns = ("severity", "serious", "onset_minutes", "duration_minutes", "action", "ascertainment")
    found = effects(cohort, *columns)
    # From 10 to the end of the third row, 30 + 90.
    assert found[0] == ["A1", 1, "nausea", "severe", True, 10.0, 110.0, "ondansetron", "checklist"]
    assert found[1][3:7] == ["mild", False, 5.0, 5.0]
    assert len(found) == 2


def test_a_merged_effect_is_not_resolved_if_any_of_its_rows_says_so(clinic):
    header = "patient_id,session,effect,severity,onset_minutes,duration_minutes,resolved"
    rows = (
        "A1,1,nausea,severe,10,45,yes\nA1,1,nausea,mild,10,60,no\nA1,1,nausea,mild,10,30,\n"
        "A1,2,nausea,severe,10,60,\nA1,2,nausea,mild,10,45,yes\n"
        "A1,3,nausea,severe,10,60,\nA1,3,nausea,mild,10,45,\n"
        "A1,4,nausea,severe,10,60,no\n"
    )
    cohort = one_patient(clinic, rows, header=header, n_sessions=4)
    assert aside(cohort) == {"merged_effect": 4}
    assert cohort.side_effects["resolved"].tolist() == [False, True, pd.NA, False]
    assert cohort.side_effects["duration_minutes"].tolist() == [60.0] * 4


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((("15", "5", "yes"), ("70", "30", "yes")), (15, 85, True)),
        ((("15", "5.3", ""), ("70.1", "30", "")), (15, 85.1, None)),
        # The first to begin is the last to end.
        ((("15.7", "80.3", "yes"), ("20", "10", "yes")), (15.7, 80.3, True)),
        # The end of the second is not known: it may be the last.
        ((("15", "5", "yes"), ("70", "", "")), (15, None, True)),
        ((("15", "5", "yes"), ("", "30", "yes")), (15, None, True)),
        ((("", "60", "yes"), ("", "45", "yes")), (None, None, True)),
        # Still there when last seen at 120; what is not known of the other does not matter.
        ((("15", "", ""), ("70", "50", "no")), (15, 105, False)),
        # Still there, but when it was last seen is not said.
        ((("15", "5", "yes"), ("70", "", "no")), (15, None, False)),
        # Last seen at 30, still there, but another ended at 100: whether it had gone by then is not known.
        ((("10", "20", "no"), ("50", "50", "yes")), (10, None, None)),
        ((("10", "20", "no"), ("50", "50", "")), (10, None, None)),
        ((("10", "90", "no"), ("50", "50", "yes")), (10, 90, False)),
        # Still there 20 minutes after an onset that is missing: when it was last seen is not known.
        ((("", "20", "no"), ("50", "50", "yes")), (50, None, None)),
        ((("", "20", "no"), ("50", "50", "no")), (50, 50, False)),
        # More than a week is no length that the table could hold.
        ((("0", "5", "yes"), ("10000", "200", "yes")), (0, None, True)),
    ],
)  # fmt: skip
def test_two_episodes_of_an_effect_last_from_the_first_onset_to_the_last_end(clinic, rows, expected):
    header = "patient_id,session,effect,severity,onset_minutes,duration_minutes,resolved"
    words = [
        f"A1,2,nausea,{grade},{','.join(row)}\n" for grade, row in zip(("mild", "severe"), rows, strict=True)
    ]
    # Another session's pair stands before it, and a session without a second row in between.
    others = "A1,1,nausea,mild,1,2,yes\nA1,1,nausea,severe,5,2,yes\nA1,1,headache,mild,1,2,yes\n"
    cohort = one_patient(clinic, others + "".join(words), header=header)
    table = cohort.side_effects[cohort.side_effects["session"] == 2]
    found = table[["onset_minutes", "duration_minutes", "resolved"]].astype(object).iloc[0]
    found = tuple(None if pd.isna(value) else value for value in found)
    assert found == pytest.approx(expected, abs=1e-12)
    assert cohort.side_effects["duration_minutes"].tolist()[:2] == [2.0, 6.0]


def test_merging_does_not_depend_on_the_order_of_the_rows(clinic):
    header = "patient_id,session,effect,severity,onset_minutes"
    rows = ["A1,1,nausea,mild,10\n", "A1,1,nausea,severe,40\n", "A1,2,none,,\n"]
    forwards, backwards = (
        one_patient(clinic, "".join(rows), header=header),
        one_patient(clinic, "".join(rows[::-1]), header=header),
    )
    assert forwards.side_effects.equals(backwards.side_effects)


@pytest.mark.parametrize("policy", ["first", "last", "mean"])
def test_side_effects_are_merged_whatever_is_kept_of_other_duplicates(clinic, policy):
    rows = "patient_id,session,effect,severity\nA1,1,nausea,severe\nA1,1,nausea,mild\n"
    cohort = load_cohort(clinic(f'duplicates = "{policy}"', side_effects=rows))
    assert cohort.side_effects["severity"].tolist() == ["severe"]


@pytest.mark.parametrize(
    "word",
    [
        "none",
        "None.",
        "NONE",
        "No AE",
        "no AEs",
        "no A.E.s",
        "denies",
        "Denied",
        "no adverse events",
        "No adverse effects",
        "no side effects",
        "No side-effects.",
        "nil",
        "0",
        "negative",
        "None noted",
        "none observed",
        "none reported",
        "no side effects reported",
        "denies any side effects",
        "without side effects",
        "Nothing reported",
    ],
)
def test_words_for_no_side_effect_are_none(clinic, word):
    cohort = one_patient(clinic, f"A1,1,{word}\n")
    assert effects(cohort) == [["A1", 1, "none"]]


@pytest.mark.parametrize(
    "word",
    [
        "no nausea",
        "No vomiting today",
        "denies nausea",
        "denied headache",
        "without dizziness",
        "negative for nausea",
        "no nausea but dizzy",
        "not assessed",
        "not asked",
        "none but tired",
        "n/a",
        "unknown",
        "?",
        "-",
        "--",
        "\u2013",
    ],
)
def test_what_may_be_none_or_not_is_set_aside_and_its_session_unknown(clinic, word):
    cohort = one_patient(clinic, f"A1,1,{word}\nA1,2,nausea\n")
    assert aside(cohort) == {"unclear_effect": 1}
    assert effects(cohort) == [["A1", 2, "nausea"]]
    assert recorded(cohort) == [None, True]


@pytest.mark.parametrize(
    "word", ["nosebleed", "numbness", "noise sensitivity", "nightmare", "nocturia", "nothingness"]
)
def test_effects_that_begin_like_a_denial_are_effects(clinic, word):
    assert effects(one_patient(clinic, f"A1,1,{word}\n")) == [["A1", 1, word]]


def test_a_session_said_to_be_recorded_is_unknown_when_its_only_row_was_set_aside(clinic):
    assert recorded(one_patient(clinic, "A1,1,\nA1,2,none\n")) == [None, True]
    assert recorded(one_patient(clinic, "A1,1,NA\n")) == [None, True]
    # The clinic's word that nothing was recorded is no better than the row that contradicts it.
    assert recorded(one_patient(clinic, "A1,1,NA\n", asked="no")) == [None, False]


def test_another_effect_that_is_kept_leaves_its_session_recorded(clinic):
    cohort = one_patient(clinic, "A1,1,\nA1,1,nausea\n")
    assert recorded(cohort) == [True, True]
    assert effects(cohort) == [["A1", 1, "nausea"]]


def test_none_does_not_stand_against_a_row_that_may_be_an_effect(clinic):
    # An unnamed severe effect, and a text that begins with "no ": the word none is not taken for an answer.
    cohort = one_patient(
        clinic,
        "A1,1,none,\nA1,1,,severe\nA1,2,none,\nA1,2,no nausea but dizzy,\n",
        header="patient_id,session,effect,severity",
    )
    assert aside(cohort) == {"none_and_effect": 2, "missing_required": 1, "unclear_effect": 1}
    assert recorded(cohort) == [None, None]
    # NA beside "none" says nothing against it.
    assert recorded(one_patient(clinic, "A1,1,none\nA1,1,NA\n")) == [True, True]


def test_none_that_is_severe_or_serious_is_unclear(clinic):
    cohort = one_patient(
        clinic, "A1,1,none,severe,\nA1,2,none,,yes\n", header="patient_id,session,effect,severity,serious"
    )
    assert aside(cohort) == {"unclear_effect": 2}
    assert recorded(cohort) == [None, None]


def test_none_on_a_checklist_stands_beside_an_effect_told_spontaneously(clinic):
    rows = "A1,1,none,checklist\nA1,1,nausea,spontaneous\nA1,2,none,\nA1,2,nausea,spontaneous\n"
    cohort = one_patient(clinic, rows, header="patient_id,session,effect,ascertainment")
    # In session 2 it is not said how "none" was found, so it contradicts the effect.
    assert effects(cohort) == [["A1", 1, "nausea"], ["A1", 1, "none"], ["A1", 2, "nausea"]]
    assert aside(cohort) == {"none_and_effect": 1}


def test_a_row_whose_session_cannot_be_read_makes_the_patients_silent_sessions_unknown(clinic):
    cohort = one_patient(clinic, "A1,two,nausea\nA1,3,none\n", n_sessions=3)
    assert aside(cohort) == {"not_a_number": 1}
    assert recorded(cohort) == [None, None, True]
    # So does a row with a cell too many, and a session of which only the number is lost.
    assert recorded(one_patient(clinic, "A1,2,nausea,x\n")) == [None, None]
    sessions = "patient_id,hour,session,route,side_effects_recorded\nA1,0,1,IV,yes\nA1,48,x,IV,yes\n"
    folder = clinic(
        patients="patient_id\nA1\n",
        sessions=sessions,
        scores=None,
        side_effects="patient_id,session,effect\nA1,2,nausea\n",
    )
    assert recorded(load_cohort(folder)) == [True, None]


def test_when_numbers_may_have_moved_side_effects_and_vital_signs_are_set_aside(clinic):
    # The clinic's sessions 1, 2, 3 of A1; the time of the second cannot be read: its third would be 2.
    sessions = (
        "patient_id,hour,route,side_effects_recorded\n"
        "A1,0,IV,yes\nA1,soon,IV,yes\nA1,96,IV,yes\nA2,0,IV,yes\nA2,48,IV,yes\n"
    )
    folder = clinic(
        sessions=sessions,
        scores=None,
        side_effects="patient_id,session,effect\nA1,2,nausea\nA1,3,none\nA2,2,nausea\n",
        vitals="patient_id,session,minute,sbp\nA1,3,0,120\nA2,1,0,120\n",
    )
    cohort = load_cohort(folder)
    assert aside(cohort) == {"session_number_unsure": 2}
    assert aside(cohort, "vitals") == {"session_number_unsure": 1}
    assert effects(cohort) == [["A2", 2, "nausea"]]
    assert recorded(cohort) == [None, None, True, True]
    # With the clinic's own numbers they stay where they belong.
    numbered = "patient_id,hour,session,route\nA1,0,1,IV\nA1,soon,2,IV\nA1,96,3,IV\nA2,0,1,IV\nA2,48,2,IV\n"
    cohort = load_cohort(
        clinic(
            sessions=numbered,
            scores=None,
            side_effects="patient_id,session,effect\nA1,2,nausea\nA1,3,headache\n",
        )
    )
    assert aside(cohort) == {"orphan_session": 1}
    assert effects(cohort) == [["A1", 2, "headache"]]
    assert cohort.sessions["hour"].tolist() == [0, 96, 0, 48]


@pytest.mark.parametrize(
    ("settings", "lost", "unsure"),
    [
        ("", "A1,48,\n", 1),  # between the two that are kept, without a route
        ("", "A1,200,\n", 0),  # after them: no number moves
        ("", "A1,96,IV\n", 0),  # a copy
        ("", "A1,48,IV\nA1,48,IM\n", 1),  # two that contradict each other
        ('duplicates = "first"', "A1,48,IV\nA1,48,IM\n", 0),  # of which one is kept
        ('duplicates = "mean"', "A1,48,IV\nA1,48,IM\n", 1),
        ("", "A1,-48,IV\n", 1),  # before hour 0: the clinic may count it as its first
        ("", "A1,48,IV,x\n", 1),  # a ragged row
    ],
)
def test_which_sessions_that_are_set_aside_move_numbers(clinic, settings, lost, unsure):
    folder = clinic(
        settings,
        patients="patient_id\nA1\n",
        sessions=f"patient_id,hour,route\nA1,0,IV\nA1,96,IV\n{lost}",
        scores=None,
        side_effects="patient_id,session,effect\nA1,2,nausea\n",
    )
    assert aside(load_cohort(folder)).get("session_number_unsure", 0) == unsure


def test_repeated_readings_in_a_minute_are_all_kept(clinic):
    # Blood pressure of 185/105 at minute 40, repeated at once: 150/90. Both are readings.
    rows = [
        "A1,1,0,120,70\n",
        "A1,1,40,185,105\n",
        "A1,1,40,150,90\n",
        "A1,1,40,150,90\n",
        "A1,1,80,125,75\n",
    ]
    header = "patient_id,session,minute,sbp,dbp\n"
    cohort = load_cohort(clinic(vitals=header + "".join(rows)))
    assert aside(cohort, "vitals") == {"duplicate_copy": 1}
    assert cohort.vitals["minute"].tolist() == [0, 40, 40, 80]
    assert sorted(cohort.vitals["sbp"]) == [120, 125, 150, 185]
    # Neither the readings nor the fingerprint depend on the order of rows in the file.
    assert load_cohort(clinic(vitals=header + "".join(rows[::-1]))).fingerprint == cohort.fingerprint
