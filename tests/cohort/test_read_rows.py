"""Which rows and cells are set aside, by which rule, and that none is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.errors import DataError


def aside(cohort, table) -> dict[str, int]:
    found = cohort.quarantine[cohort.quarantine["table"] == table]
    return dict(zip(found["rule"], found["n_rows"], strict=True))


def blanked(cohort) -> dict[tuple[str, str], int]:
    found = cohort.blanked
    columns = found["table"] + "." + found["column"]
    return dict(zip(zip(columns, found["rule"], strict=True), found["n_cells"], strict=True))


def test_scores_outside_the_instruments_range_are_set_aside(clinic):
    # PHQ-9 0 to 27, GAD-7 0 to 21, MADRS 0 to 60.
    scores = "patient_id,instrument,hour,score\n" + "".join(
        f"A1,{name},{hour},{score}\n"
        for name, low, high in (("PHQ-9", 0, 27), ("GAD-7", 0, 21), ("MADRS", 0, 60))
        for hour, score in enumerate((low - 1, low, high, high + 1))
    )
    cohort = load_cohort(clinic(scores=scores))
    assert aside(cohort, "scores") == {"score_range": 6}
    assert sorted(cohort.scores["score"]) == [0, 0, 0, 21, 27, 60]
    assert any('is outside 0 to 21 for "GAD-7"' in note and "2 rows" in note for note in cohort.notes)


def test_an_unknown_instrument_is_kept_and_told(clinic):
    cohort = load_cohort(clinic(scores="patient_id,instrument,hour,score\nA1,House scale,0,999\n"))
    assert cohort.scores["instrument"].tolist() == ["House scale"]
    assert any("not in the catalogue" in note for note in cohort.notes)


def test_instruments_are_known_by_any_usual_spelling(clinic):
    cohort = load_cohort(
        clinic(scores="patient_id,instrument,hour,score\nA1,phq9,0,9\nA1,PHQ 9,1,8\nA1,Phq-9,2,7\n")
    )
    assert cohort.instruments == ("PHQ-9",)


def test_a_score_is_computed_from_items_and_a_wrong_total_is_set_aside(clinic):
    header = "patient_id,instrument,hour,score," + ",".join(f"i{item}" for item in range(1, 10))
    rows = [
        "A1,PHQ-9,0,," + ",".join("2" * 9),  # 18
        "A1,PHQ-9,1,9," + ",".join("1" * 9),  # 9, as given
        "A1,PHQ-9,2,10," + ",".join("1" * 9),  # 9, not 10
        "A1,PHQ-9,3,," + ",".join("4" + "1" * 8),  # an item above 3
        "A1,PHQ-9,4,,1,1,,,,,,,",  # seven of nine items missing
        "A1,PHQ-9,5,,,,,,,,,,",  # nothing at all
        "A2,PHQ-9,0,12,,,,,,,,,",  # a total without items
    ]
    cohort = load_cohort(clinic(scores="\n".join([header, *rows]) + "\n"))
    assert cohort.scores["score"].tolist() == [18.0, 9.0, 12.0]
    assert aside(cohort, "scores") == {
        "items_total": 1,
        "item_range": 1,
        "items_missing": 1,
        "missing_required": 1,
    }
    assert cohort.scores["n_missing_items"].fillna(-1).tolist() == [0, 0, -1]


def test_rows_of_unknown_patients_and_sessions_are_set_aside(clinic):
    folder = clinic(
        scores="patient_id,instrument,hour,score\nA9,PHQ-9,0,5\n,PHQ-9,0,5\nA1,PHQ-9,0,5\n",
        side_effects="patient_id,session,effect\nA1,1,nausea\nA1,7,nausea\nA9,1,nausea\n",
        vitals="patient_id,session,minute,sbp\nA1,2,0,120\nA1,3,0,120\n",
    )
    cohort = load_cohort(folder)
    assert aside(cohort, "scores") == {"orphan_patient": 1, "missing_required": 1}
    assert aside(cohort, "side_effects") == {"orphan_patient": 1, "orphan_session": 1}
    assert aside(cohort, "vitals") == {"orphan_session": 1}


def test_an_exact_copy_is_set_aside_once_and_contradictions_both(clinic):
    scores = "patient_id,instrument,hour,score\nA1,PHQ-9,0,5\nA1,phq9,0.0,5.0\nA2,PHQ-9,0,5\nA2,PHQ-9,0,6\n"
    cohort = load_cohort(clinic(scores=scores))
    assert aside(cohort, "scores") == {"duplicate_copy": 1, "duplicate_conflict": 2}
    assert cohort.scores["patient_id"].tolist() == ["A1"]


@pytest.mark.parametrize(("policy", "score"), [("first", 5.0), ("last", 8.0), ("mean", 6.5)])
def test_contradictions_are_settled_as_declared(clinic, policy, score):
    scores = "patient_id,instrument,hour,score\nA1,PHQ-9,0,5\nA1,PHQ-9,0,8\n"
    cohort = load_cohort(clinic(f'duplicates = "{policy}"', scores=scores))
    assert cohort.scores["score"].tolist() == [score]
    assert aside(cohort, "scores") == {"duplicate_conflict": 1}


def test_a_score_before_and_one_after_a_session_at_one_time_are_no_duplicates(clinic):
    scores = "patient_id,instrument,hour,score,timing\nA1,PHQ-9,48,20,post\nA1,PHQ-9,48,22,pre\n"
    assert len(load_cohort(clinic(scores=scores)).scores) == 2


def test_a_patient_listed_twice_with_contradictions_is_set_aside_with_all_rows(clinic):
    cohort = load_cohort(clinic(patients="patient_id,sex\nA1,F\nA1,M\nA2,M\nA2,M\n"))
    assert cohort.patients["patient_id"].tolist() == ["A2"]
    assert aside(cohort, "patients") == {"duplicate_conflict": 2, "duplicate_copy": 1}
    assert aside(cohort, "sessions") == {"orphan_patient": 2}


def test_a_patient_without_a_session_at_hour_0_has_no_clock(clinic):
    folder = clinic(
        sessions="patient_id,hour,route\nA1,3,IV\nA1,48,IV\nA2,0,IV\n",
        scores="patient_id,instrument,hour,score\nA1,PHQ-9,0,5\nA2,PHQ-9,0,5\n",
    )
    cohort = load_cohort(folder)
    assert cohort.n_patients == 2
    assert aside(cohort, "sessions") == {"no_origin": 2}
    assert aside(cohort, "scores") == {"no_origin": 1}


def test_scores_of_a_patient_who_never_had_a_session_are_set_aside(clinic):
    cohort = load_cohort(
        clinic(patients="patient_id\nA1\nA2\nA3\n", scores="patient_id,instrument,hour,score\nA3,PHQ-9,0,5\n")
    )
    assert cohort.n_patients == 3
    assert aside(cohort, "scores") == {"no_session": 1}


def test_a_session_before_the_first_is_set_aside(clinic):
    cohort = load_cohort(clinic(sessions="patient_id,hour,route\nA1,-48,IV\nA1,0,IV\nA2,0,IV\n"))
    assert aside(cohort, "sessions") == {"session_before_origin": 1}
    assert cohort.sessions["session"].tolist() == [1, 1]


def test_sessions_whose_numbers_contradict_their_times_are_set_aside(clinic):
    sessions = "patient_id,hour,session,route\nA1,0,1,IV\nA1,48,3,IV\nA1,96,2,IV\nA1,144,4,IV\nA2,0,1,IV\n"
    cohort = load_cohort(clinic(sessions=sessions))
    assert aside(cohort, "sessions") == {"session_order": 2}
    assert cohort.sessions["hour"].tolist() == [0.0, 144.0, 0.0]


def test_side_effects_follow_the_clinics_own_session_numbers(clinic):
    folder = clinic(
        sessions="patient_id,hour,session,route\nA1,0,1,IV\nA1,96,4,IV\nA2,0,1,IV\n",
        side_effects="patient_id,session,effect\nA1,4,nausea\n",
    )
    cohort = load_cohort(folder)
    # Session 4 is the second session that is there.
    assert cohort.side_effects[["patient_id", "session"]].values.tolist() == [["A1", 2]]
    assert cohort.sessions["side_effects_recorded"].tolist() == [False, True, False]


def test_none_stays_a_word_and_na_is_not_taken_for_none(clinic):
    folder = clinic(
        side_effects="patient_id,session,effect\nA1,1,None\nA1,2,NA\nA2,1,Nausea\nA2,1,none\nA2,2,\n"
    )
    cohort = load_cohort(folder)
    assert cohort.side_effects["effect"].tolist() == ["none", "nausea"]
    assert aside(cohort, "side_effects") == {"unclear_effect": 1, "none_and_effect": 1, "missing_required": 1}
    # Sessions with nothing but an unclear row are neither recorded nor unrecorded.
    assert cohort.sessions["side_effects_recorded"].isna().tolist() == [False, True, False, True]


def test_whether_side_effects_were_recorded_is_unknown_without_a_table(clinic):
    assert load_cohort(clinic()).sessions["side_effects_recorded"].isna().all()


def test_what_the_clinic_says_was_recorded_counts(clinic):
    folder = clinic(
        sessions="patient_id,hour,route,side_effects_recorded\nA1,0,IV,no\nA1,48,IV,yes\nA2,0,IM,\nA2,72,IM,no\n",
        side_effects="patient_id,session,effect\nA2,2,nausea\n",
    )
    flags = load_cohort(folder).sessions["side_effects_recorded"]
    assert flags.tolist()[:2] == [False, True]
    assert flags.isna().tolist() == [False, False, True, False]
    assert flags.tolist()[3] is True


def test_implausible_cells_are_blanked_and_their_rows_kept(clinic):
    folder = clinic(
        patients="patient_id,age\nA1,-4\nA2,90\n",
        sessions="patient_id,hour,route,dose_mg_per_kg,duration_minutes,weight_kg,stopped_early\n"
        "A1,0,IV,40,0,700,maybe\nA1,48,IV,0.001,-5,80,yes\nA2,0,IM,0.5,1441,80,no\nA2,72,IM,0.5,1440,80,no\n",
        vitals="patient_id,session,minute,sbp,dbp,heart_rate,spo2,respiratory_rate\n"
        "A1,1,0,1200,80,70,98,14\nA1,1,5,120,8,400,198,140\nA1,1,9,80,120,70,98,14\nA1,1,9999,120,80,70,98,14\n",
        side_effects="patient_id,session,effect,severity,duration_minutes\nA1,1,nausea,dreadful,-3\n",
    )
    cohort = load_cohort(folder)
    assert blanked(cohort) == {
        ("patients.age", "out_of_range"): 1,
        ("sessions.dose_mg_per_kg", "dose_unit"): 1,
        ("sessions.dose_mg_per_kg", "dose_range"): 1,
        ("sessions.duration_minutes", "duration"): 3,
        ("sessions.weight_kg", "weight_range"): 1,
        ("sessions.stopped_early", "not_yes_or_no"): 1,
        ("side_effects.severity", "unknown_word"): 1,
        ("side_effects.duration_minutes", "duration"): 1,
        ("vitals.sbp", "vital_range"): 1,
        ("vitals.dbp", "vital_range"): 1,
        ("vitals.heart_rate", "vital_range"): 1,
        ("vitals.spo2", "vital_range"): 1,
        ("vitals.respiratory_rate", "vital_range"): 1,
        ("vitals.sbp", "pressure_order"): 1,
        ("vitals.dbp", "pressure_order"): 1,
    }
    assert cohort.sessions["duration_minutes"].isna().tolist() == [True, True, True, False]
    assert cohort.side_effects["duration_minutes"].isna().all()
    assert aside(cohort, "vitals") == {"minute_range": 1}
    assert len(cohort.sessions) == 4


def test_how_long_a_patient_was_watched_is_at_most_two_days(clinic):
    folder = clinic(
        sessions="patient_id,hour,route,monitored_minutes\nA1,0,IV,120\nA1,48,IV,-1\nA2,0,IM,2881\nA2,72,IM,2880\n",
        side_effects="patient_id,session,effect,resolved\nA1,1,nausea,perhaps\nA2,1,nausea,no\nA2,2,nausea,Yes\n",
    )
    cohort = load_cohort(folder)
    assert blanked(cohort) == {
        ("sessions.monitored_minutes", "out_of_range"): 2,
        ("side_effects.resolved", "not_yes_or_no"): 1,
    }
    assert cohort.sessions["monitored_minutes"].fillna(-9).tolist() == [120, -9, -9, 2880]
    assert cohort.side_effects["resolved"].tolist() == [pd.NA, False, True]


def test_the_dose_by_weight_is_derived_and_a_weight_in_pounds_is_told(clinic):
    sessions = (
        "patient_id,hour,route,dose_mg,weight_kg,dose_mg_per_kg\n"
        "A1,0,IV,40,80,\nA1,48,IV,40,176.4,0.5\nA2,0,IM,40,80,0.5\nA2,72,IM,60,80,0.5\n"
    )
    cohort = load_cohort(clinic(sessions=sessions))
    assert cohort.sessions["dose_mg_per_kg"].tolist() == [0.5, 0.5, 0.5, 0.5]
    # 80 kg are 176.4 lb; 60 mg over 80 kg is 0.75 mg/kg and not 0.5.
    assert blanked(cohort) == {
        ("sessions.weight_kg", "weight_pounds"): 1,
        ("sessions.dose_mg", "dose_mismatch"): 1,
    }


def test_routes_have_their_usual_names(clinic):
    cohort = load_cohort(
        clinic(sessions="patient_id,hour,route\nA1,0,intravenous\nA1,48,iv\nA2,0,Nasal\nA2,72,rectal\n")
    )
    assert cohort.sessions["route"].tolist() == ["IV", "IV", "IN", "rectal"]


def test_spellings_that_differ_in_case_are_one_level(clinic):
    cohort = load_cohort(clinic(patients="patient_id,diagnosis\nA1,mdd\nA2,MDD\nA3,MDD\n"))
    assert cohort.patients["diagnosis"].unique().tolist() == ["MDD"]


def test_codes_with_leading_zeros_stay_text_among_covariates(clinic):
    cohort = load_cohort(clinic(patients="patient_id,site,ect,trials_failed\nA1,01,yes,2\nA2,02,no,\n"))
    assert cohort.patients["site"].tolist() == ["01", "02"]
    assert cohort.patients["ect"].tolist() == [True, False]
    assert cohort.patients["trials_failed"].tolist()[0] == 2.0


def test_when_no_row_is_left_the_reason_is_told(clinic):
    with pytest.raises(DataError, match=r"no row is left .* 2 rows: the patient has no session at hour 0"):
        load_cohort(clinic(sessions="patient_id,hour,route\nA1,3,IV\nA2,3,IV\n", scores=None))


def test_empty_tables_are_read(clinic):
    folder = clinic(
        scores="patient_id,instrument,hour,score\n",
        side_effects="patient_id,session,effect\n",
        vitals="patient_id,session,minute\n",
        disposition="patient_id,status\n",
    )
    cohort = load_cohort(folder)
    assert cohort.counts["n_read"].tolist() == [2, 4, 0, 0, 0, 0]
    assert cohort.instruments == ()


def test_disposition_needs_no_time(clinic):
    cohort = load_cohort(clinic(disposition="patient_id,day,status\nA1,30,completed\nA2,,declined\n"))
    assert cohort.disposition["hour"].fillna(-1).tolist() == [720.0, -1.0]


def test_read_is_kept_and_set_aside_for_any_mess():
    rng = np.random.default_rng(20260101)
    ids = np.array([f"P{number}" for number in range(40)], dtype=object)
    junk = np.array(["", "NA", "x", "-99", "1,5", "1e9", " 7 ", "0"], dtype=object)

    def column(values, share=0.15):
        values = values.astype(object)
        at = rng.random(values.size) < share
        values[at] = rng.choice(junk, at.sum())
        return values

    for _ in range(25):
        n = 300
        frames = {
            "patients": pd.DataFrame(
                {
                    "patient_id": column(rng.choice(ids, 60)),
                    "age": column(rng.integers(18, 80, 60).astype(str)),
                }
            ),
            "sessions": pd.DataFrame(
                {
                    "patient_id": column(rng.choice(ids, n)),
                    "hour": column(rng.choice(["0", "48", "96.5"], n)),
                    "session": column(rng.choice(["1", "2", "3"], n)),
                    "route": column(rng.choice(["IV", "IM"], n)),
                }
            ),
            "scores": pd.DataFrame(
                {
                    "patient_id": column(rng.choice(ids, n)),
                    "instrument": column(rng.choice(["PHQ-9", "GAD-7"], n)),
                    "day": column(rng.integers(-3, 9, n).astype(str)),
                    "score": column(rng.integers(0, 30, n).astype(str)),
                }
            ),
            "side_effects": pd.DataFrame(
                {
                    "patient_id": column(rng.choice(ids, n)),
                    "session": column(rng.choice(["1", "2", "9"], n)),
                    "effect": column(rng.choice(["nausea", "none"], n)),
                }
            ),
        }
        frames["patients"] = pd.concat(
            [frames["patients"], pd.DataFrame({"patient_id": ["Q1"], "age": ["40"]})]
        )
        frames["sessions"] = pd.concat(
            [
                frames["sessions"],
                pd.DataFrame({"patient_id": ["Q1"], "hour": ["0"], "session": ["1"], "route": ["IV"]}),
            ]
        )
        cohort = assemble(frames)
        counts = cohort.counts.set_index("table")
        aside_rows = cohort.quarantine.groupby("table")["n_rows"].sum()
        for name, frame in frames.items():
            assert counts.loc[name, "n_read"] == len(frame)
            assert counts.loc[name, "n_kept"] == len(cohort.tables[name])
            assert counts.loc[name, "n_read"] == counts.loc[name, "n_kept"] + aside_rows.get(name, 0)
