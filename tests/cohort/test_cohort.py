"""The frozen cohort: selecting, printing, and that nothing changes it."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.errors import ConfigError, DataError, PrivacyError

PATIENTS = "patient_id,diagnosis,clinic_id\nA1,MDD,X\nA2,PTSD,X\nA3,MDD,Y\n"
SESSIONS = "patient_id,hour,route\nA1,0,IV\nA1,48,IM\nA2,0,IM\nA3,0,IV\nA3,72,IV\n"
SCORES = "patient_id,instrument,hour,score\nA1,PHQ-9,-1,20\nA3,PHQ-9,-1,18\nA3,GAD-7,-1,12\nA2,GAD-7,-1,9\n"
EFFECTS = "patient_id,session,effect\nA3,2,nausea\n"


@pytest.fixture
def cohort(clinic):
    return load_cohort(clinic(patients=PATIENTS, sessions=SESSIONS, scores=SCORES, side_effects=EFFECTS))


def test_every_table_is_there_and_codes_are_rows_of_patients(cohort):
    assert set(cohort.tables) == {"patients", "sessions", "scores", "side_effects", "vitals", "disposition"}
    assert cohort.present == {"patients", "sessions", "scores", "side_effects"}
    for name in ("sessions", "scores", "side_effects", "vitals", "disposition"):
        frame = cohort.tables[name]
        assert frame["patient_id"].cat.categories.tolist() == cohort.patients["patient_id"].tolist()
        assert frame.index.tolist() == list(range(len(frame)))


def test_tables_are_sorted_by_patient_instrument_and_time(cohort):
    found = cohort.scores[["patient_id", "instrument", "score"]].values.tolist()
    assert found == [["A1", "PHQ-9", 20], ["A2", "GAD-7", 9], ["A3", "GAD-7", 12], ["A3", "PHQ-9", 18]]


def test_changing_a_frame_does_not_change_the_cohort(cohort):
    frame = cohort.scores
    frame.loc[0, "score"] = -1.0
    frame["new"] = 1
    assert cohort.scores["score"].tolist()[0] == 20.0
    assert "new" not in cohort.scores.columns
    with pytest.raises(dataclasses.FrozenInstanceError):
        cohort.source = "other"
    with pytest.raises(TypeError):
        cohort.tables["scores"] = frame


def test_selecting_by_a_column_of_patients_keeps_their_whole_history(cohort):
    some = cohort.select(diagnosis="MDD")
    assert some.patients["patient_id"].tolist() == ["A1", "A3"]
    assert len(some.sessions) == 4
    assert some.side_effects[["patient_id", "session"]].values.tolist() == [["A3", 2]]
    assert some.sessions["patient_id"].cat.categories.tolist() == ["A1", "A3"]
    assert some.selection == ("diagnosis: MDD (1 patient left out)",)
    assert cohort.n_patients == 3


def test_selecting_by_a_column_of_sessions_keeps_patients_all_of_whose_sessions_match(cohort):
    assert cohort.select(route="IV").patients["patient_id"].tolist() == ["A3"]
    assert cohort.select(route=["IV", "IM"]).n_patients == 3


def test_selecting_an_instrument_keeps_only_its_scores_and_all_patients(cohort):
    some = cohort.select(instrument="phq9")
    assert some.instruments == ("PHQ-9",)
    assert (some.n_patients, len(some.scores)) == (3, 2)


def test_conditions_are_met_together_and_the_words_add_up(cohort):
    some = cohort.select(diagnosis="MDD", clinic_id="Y").select(instrument="GAD-7")
    assert some.patients["patient_id"].tolist() == ["A3"]
    assert some.selection == (
        "diagnosis: MDD (1 patient left out)",
        "clinic_id: Y (1 patient left out)",
        "instrument: GAD-7",
    )


def test_the_choices_are_told_for_an_unknown_name_or_level(cohort):
    with pytest.raises(DataError, match=r"no column 'colour'.*clinic_id, clock_known, diagnosis"):
        cohort.select(colour="blue")
    with pytest.raises(DataError, match="choose from MDD, PTSD"):
        cohort.select(diagnosis="depression")
    with pytest.raises(DataError, match=r"GAD-7, PHQ-9|PHQ-9, GAD-7"):
        cohort.select(instrument="MADRS")
    with pytest.raises(DataError, match="not by patient_id"):
        cohort.select(patient_id="A1")


def test_selecting_nobody_gives_an_empty_cohort(cohort):
    none = cohort.select(route="IM").select(clinic_id="X").select(diagnosis="PTSD")
    assert none.n_patients == 1
    assert "1 patient" in repr(none)


def test_the_fingerprint_follows_the_content(clinic):
    first = load_cohort(clinic())
    assert load_cohort(clinic()).fingerprint == first.fingerprint
    assert len(first.fingerprint) == 64
    changed = "patient_id,instrument,hour,score\nA1,PHQ-9,-24,20\nA1,PHQ-9,96,8\nA2,PHQ-9,-1,16\n"
    assert load_cohort(clinic(scores=changed)).fingerprint != first.fingerprint
    # A row that is set aside counts too, and so does what stands in it.
    one, other = (f"patient_id,instrument,hour,score\nA1,PHQ-9,-24,{score}\n" for score in (98, 99))
    assert load_cohort(clinic(scores=one)).fingerprint != load_cohort(clinic(scores=other)).fingerprint
    assert first.select(diagnosis="MDD").fingerprint != first.fingerprint


def test_the_printed_form_has_counts_and_neither_ids_nor_rows(cohort):
    for text in (repr(cohort), cohort._repr_html_()):
        assert "3 patients, 5 sessions, 4 scores, 1 side effect" in text
        assert "GAD-7 (2)" in text
        assert cohort.fingerprint[:16] in text
        assert not any(patient in text for patient in ("A1", "A2", "A3"))


def test_names_are_escaped_in_html(clinic):
    cohort = load_cohort(clinic(patients="patient_id,arm\nA1,<b>x\nA2,y\n")).select(arm="<b>x")
    text = cohort._repr_html_()
    assert "<b>x" not in text
    assert "&lt;b&gt;x" in text


def test_frames_and_files_pass_the_same_door(clinic):
    frames = {
        "patients": pd.DataFrame(
            {"patient_id": ["A1", "A2"], "sex": ["F", "M"], "diagnosis": ["MDD", "PTSD"]}
        ),
        "sessions": pd.DataFrame(
            {
                "patient_id": ["A1", "A1", "A2", "A2"],
                "hour": [0, 48, 0, 72],
                "route": ["IV", "IV", "IM", "IM"],
                "dose_mg_per_kg": [0.5, 0.5, 0.75, 0.75],
            }
        ),
        "scores": pd.DataFrame(
            {
                "patient_id": pd.Categorical(["A1", "A1", "A2"]),
                "instrument": "PHQ-9",
                "hour": [-24.0, 96, -1],
                "score": [20, 8, 15],
            }
        ),
    }
    before = {name: frame.copy() for name, frame in frames.items()}
    made = assemble(frames, {"name": "test"}, source="frames")
    assert made.fingerprint == load_cohort(clinic()).fingerprint
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[name])
    with pytest.raises(PrivacyError):
        assemble({**frames, "patients": frames["patients"].assign(email="someone@example.org")})
    with pytest.raises(DataError, match="unknown tables"):
        assemble({"patient": frames["patients"]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('timezon = "UTC"', "did you mean 'timezone'"),
        ('deidentification = "none"', "must be one of"),
        ('timezone = "Mars/Olympus"', "is not an IANA time zone"),
        ('synthetic = "yes"', "must be true or false"),
        ('date_format = "%Y"', "must hold %d, %m"),
        ("data_cut = 2026-06-30", "needs deidentification"),
        ("name = [", "not valid TOML"),
    ],
)
def test_settings_that_are_wrong_are_refused_with_exit_code_2(clinic, text, words):
    with pytest.raises(ConfigError, match=words.replace("[", r"\[")) as error:
        load_cohort(clinic(text))
    assert error.value.exit_code == 2


def test_settings_are_kept(clinic):
    cohort = load_cohort(clinic('name = "North"\nsynthetic = true\nsame_time = "after"\n'))
    assert (cohort.settings.name, cohort.settings.synthetic, cohort.settings.same_time) == (
        "North",
        True,
        "after",
    )


AGES = "patient_id,age\nA1,18\nA2,30\nA3,40\nA4,41\n"
ONE_EACH = "patient_id,hour,route\nA1,0,IV\nA2,0,IV\nA3,0,IM\nA4,0,IM\n"


def test_a_tuple_of_two_numbers_is_a_range_with_both_ends(clinic):
    cohort = load_cohort(clinic(patients=AGES, sessions=ONE_EACH, scores=None))
    young = cohort.select(age=(18, 40))
    assert young.patients["age"].tolist() == [18.0, 30.0, 40.0]
    assert young.selection == ("age: 18 to 40 (1 patient left out)",)
    assert cohort.select(age=(29.5, float("inf"))).n_patients == 3


def test_a_list_of_two_numbers_is_two_values(clinic):
    cohort = load_cohort(clinic(patients=AGES, sessions=ONE_EACH, scores=None))
    assert cohort.select(age=[18, 40]).patients["age"].tolist() == [18.0, 40.0]


@pytest.mark.parametrize("wanted", [lambda age: age > 30, None, {"low": 18}, range(18, 40), slice(18, 40)])
def test_a_condition_of_another_kind_is_refused_with_what_is_accepted(clinic, wanted):
    cohort = load_cohort(clinic(patients=AGES, sessions=ONE_EACH, scores=None))
    with pytest.raises(DataError, match=r"a tuple \(low, high\)"):
        cohort.select(age=wanted)


@pytest.mark.parametrize("wanted", [(40, 18), (90, 99), (float("nan"), 40)])
def test_a_range_that_is_reversed_or_holds_nobody_is_refused(clinic, wanted):
    cohort = load_cohort(clinic(patients=AGES, sessions=ONE_EACH, scores=None))
    with pytest.raises(DataError, match="range"):
        cohort.select(age=wanted)


def test_selecting_nothing_gives_the_same_cohort(clinic):
    cohort = load_cohort(clinic())
    assert cohort.select().fingerprint == cohort.fingerprint
