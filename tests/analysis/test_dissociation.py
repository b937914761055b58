"""Dissociation by session: closed forms, what is said and refused, the sample by pandas alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis.dissociation_clinic import clinic, row_of

from ketaoutcomes.analysis.dissociation import dissociation
from ketaoutcomes.analysis.dissociation_model import DOSE, NUMBER, WITHIN
from ketaoutcomes.analysis.dissociation_notes import ONE_EACH
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED

# 97.5 % points of Student's t with 1, 3 and 4 degrees of freedom (tables).
T1, T3, T4 = 12.706204736, 3.182446305, 2.776445105


def once(peaks):
    """Patients (rows of `peaks`) with one score at minute 40 of each session; None is not scored."""
    return clinic([(f"P{i}", k, 40, s) for i, own in enumerate(peaks) for k, s in enumerate(own)])


# ---- closed forms


def test_quartiles_mean_and_share_of_a_group_of_sessions():
    found = dissociation(once([[0, 10], [4, 20], [5, None], [11, 2]])).table
    first = row_of(found, session_group="1")
    # Scores 0, 4, 5, 11: type 7 quartiles 3, 4.5, 6.5; mean 5; s = sqrt((25 + 1 + 0 + 36) / 3).
    assert first[["n", "n_missing", "n_patients", "n_events"]].tolist() == [4, 0, 4, 2]
    assert first[["p25", "median", "p75", "estimate", "share"]].tolist() == [3.0, 4.5, 6.5, 5.0, 0.5]
    half = T3 * np.sqrt(62 / 3) / 2
    assert first["df"] == pytest.approx(3.0)
    assert first["conf_high"] == pytest.approx(5.0 + half)
    # A score cannot be below 0, whatever the t limit says.
    assert 5.0 - half < 0
    assert first["conf_low"] == 0.0
    second = row_of(found, session_group="2")
    assert second[["n", "n_missing", "n_events", "median"]].tolist() == [3, 1, 2, 10.0]
    assert second[["assessments", "minute"]].tolist() == [1.0, 40.0]


def test_with_as_many_sessions_each_the_mean_has_the_limits_of_the_patients_means():
    # CR2 with an intercept alone and equal clusters: variance of the cluster means over m, df m - 1.
    found = row_of(
        dissociation(once([[10, 14], [20, 22], [30, 28], [17, 19], [40, 44]])).table, session_group="all"
    )
    means = np.array([12.0, 21.0, 29.0, 18.0, 42.0])
    half = T4 * means.std(ddof=1) / np.sqrt(5)
    assert found["estimate"] == pytest.approx(means.mean())
    assert found["df"] == pytest.approx(4.0)
    np.testing.assert_allclose(
        found[["conf_low", "conf_high"]].astype(float), [means.mean() - half, means.mean() + half]
    )


def test_sessions_are_grouped_by_their_number():
    found = dissociation(once([[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8]])).table
    assert found["session_group"].tolist() == ["1", "2", "3", "4–6", "7+", "all"]
    np.testing.assert_allclose(found["estimate"], [1.0, 2.0, 3.0, 5.0, 7.5, 4.5])
    # Values that are all equal say nothing of how far they may be from the truth.
    assert found.loc[0, ["conf_low", "conf_high", "std_error"]].isna().all()


def test_bands_of_dose_begin_at_their_edge_and_are_within_a_route():
    doses = [("IV", 0.39), ("IV", 0.4), ("IV", 0.59), ("IV", 0.6), ("oral", 0.5), ("oral", 2.0)]
    rows = [(f"P{i}", 0, 40, i, {"route": r, "dose_mg_per_kg": d}) for i, (r, d) in enumerate(doses)]
    rows += [("P6", 0, 40, None, {"route": "IV", "dose_mg_per_kg": 0.5})]
    found = dissociation(clinic(rows)).by_dose
    bands = found[found["rule"] == "bands"]
    assert bands[["route", "dose", "n", "n_missing", "estimate"]].to_numpy(object).tolist() == [
        ["IV", "<0.4", 1, 0, 0.0],
        ["IV", "0.4 to <0.6", 2, 1, 1.5],
        ["IV", "0.6 to <0.8", 1, 0, 3.0],
        ["oral", "0.4 to <0.6", 1, 0, 4.0],
        ["oral", "2 or more", 1, 0, 5.0],
    ]
    quarters = found[(found["rule"] == "quartiles") & (found["route"] == "IV")]
    assert quarters["n"].tolist() == [1, 1, 1, 1]


def test_a_dose_from_milligrams_and_weight_is_in_the_band_that_it_equals():
    rows = [("P0", 0, 40, 3, {"dose_mg": 42.0, "weight_kg": 70.0})]
    found = dissociation(clinic(rows)).by_dose
    assert found["dose"].tolist()[0] == "0.6 to <0.8"


def test_shares_back_are_plain_shares_where_all_sessions_are_assessed_at_the_same_minutes():
    # Ten patients above 4 at minute 40: four are back at 60, three at 90, two at 120, one is not.
    back = [60] * 4 + [90] * 3 + [120] * 2 + [999]
    rows = [
        (f"P{i}", 0, minute, 10 if minute < end else 1)
        for i, end in enumerate(back)
        for minute in (40, 60, 90, 120)
    ]
    found = dissociation(clinic(rows)).return_times
    np.testing.assert_allclose(found["estimate"], [0.4, 0.7, 0.9], atol=1e-6)
    np.testing.assert_array_equal(found["estimate"], found["estimate_high"])
    assert found.loc[0, ["n", "n_patients", "n_returned", "n_right_censored"]].tolist() == [10, 10, 9, 1]
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["conf_high"] > found["estimate"]).all()


def test_one_assessment_per_session_shows_no_return_and_says_so():
    found = dissociation(once([[10, 14], [20, 3]]))
    assert found.return_times[["estimate", "estimate_high", "conf_low", "conf_high"]].isna().all().all()
    assert found.return_times["n_right_censored"].tolist() == [3, 3, 3]
    assert ONE_EACH in found.notes
    assert found.course.empty
    assert any("no course over minutes" in note for note in found.notes)


def test_the_course_is_the_mean_at_each_nominal_minute():
    rows = [("A", 0, -10, 0), ("A", 0, 38, 10), ("A", 0, 95, 2), ("B", 0, 45, 20), ("B", 0, 85, 6)]
    found = dissociation(clinic(rows)).course
    first = found[found["session_group"] == "1"]
    assert first[["time", "mean_minute", "estimate", "n"]].to_numpy().tolist() == [
        [0.0, -10.0, 0.0, 1],
        [40.0, 41.5, 15.0, 2],
        [90.0, 90.0, 4.0, 2],
    ]
    # Two patients: the limits of 10 and 20, t with 1 degree of freedom, cut at the scale's least score.
    assert row_of(first, time=40.0)["conf_high"] == pytest.approx(min(15 + T1 * 5, 92))


def test_who_stayed_is_compared_with_themselves():
    peaks = [[10, 4], [12, 8], [8, 8], [20, 10], [6, 1], [40, None]]
    found = dissociation(once(peaks)).stayers
    # Changes -6, -4, 0, -10, -5: mean -5, s = sqrt((1 + 1 + 25 + 25 + 0) / 4).
    assert found[["session", "n", "first", "later", "estimate"]].to_numpy().tolist() == [
        [2, 5, 11.2, 6.2, -5.0]
    ]
    assert found[["n_others", "first_of_others"]].to_numpy().tolist() == [[1, 40.0]]
    half = T4 * np.sqrt(52 / 4) / np.sqrt(5)
    np.testing.assert_allclose(found[["conf_low", "conf_high"]].iloc[0], [-5 - half, -5 + half])


def test_scale_and_record_are_counted_session_by_session_and_by_way_of_asking():
    cohort = clinic(
        [(f"P{i}", 0, 40, score) for i, score in enumerate((10, 10, 2, 2, 10, None))],
        side_effects=pd.DataFrame(
            {
                "patient_id": ["P0", "P1", "P2", "P3", "P4", "P5"],
                "session": 1,
                # "dissociated" is a word for dissociation; "none" was asked for and not there.
                "effect": ["dissociated", "nausea", "dissociation", "none", "dissociation", "dissociation"],
                "ascertainment": ["checklist"] * 4 + ["spontaneous"] * 2,
            }
        ),
    )
    found = dissociation(cohort).against_recorded
    assert found.to_numpy(object).tolist() == [
        ["checklist", 1, 1, 1, 1, 4, 4],
        ["spontaneous", 1, 0, 0, 0, 1, 1],
    ]


def test_the_clinics_own_words_for_dissociation_count_in_the_record():
    cohort = clinic(
        [("P0", 0, 40, 10), ("P1", 0, 40, 2)],
        side_effects=pd.DataFrame(
            {"patient_id": ["P0", "P1"], "session": 1, "effect": ["xyzzy", "dissociated"]}
        ).assign(ascertainment="checklist"),
    )
    counts = ["both", "only_scale", "only_recorded", "neither"]

    def counted(synonyms):
        return dissociation(cohort, synonyms=synonyms).against_recorded[counts].to_numpy().tolist()

    assert counted(None) == [[0, 1, 1, 0]]
    assert counted({"xyzzy": "dissociation"}) == [[1, 0, 1, 0]]
    # Words as recorded: neither of the two is "dissociation".
    assert counted(False) == [[0, 1, 0, 1]]
    own = dissociation(cohort, synonyms={"xyzzy": "dissociation"})
    assert "xyzzy" not in str(own.provenance)


def test_without_records_of_side_effects_nothing_is_compared():
    found = dissociation(once([[10, 2], [3, 4]]))
    assert found.against_recorded.empty
    assert "No session has both a score and a record of side effects." in found.notes


# ---- what is said once


def test_times_by_the_clock_need_no_note_on_the_day():
    assert not any("no minute" in note for note in dissociation(once([[10, 14], [20, 3]])).notes)


def test_that_the_threshold_is_a_convention_stands_once():
    found = dissociation(once([[10, 14], [20, 3]]))
    assert found.summary().count("convention") == 1
    assert sum("convention" in note for note in found.notes) == 1


def test_what_is_known_of_the_return_is_one_line():
    # Assessed at 40 and 170 only: above 4, then not. Nothing is known of minutes 60, 90 and 120.
    rows = [(f"P{i}", 0, minute, score) for i in range(4) for minute, score in ((40, 10), (170, 0))]
    unknown = [line for line in dissociation(clinic(rows)).sentences() if "no longer" in line.lower()]
    assert unknown == [
        "  How many are no longer above 4 by minute 60 to 120 cannot be told (4 sessions of 4 patients, 0 "
        "not seen back)."
    ]
    rows = [(f"P{i}", 0, minute, score) for i in range(4) for minute, score in ((40, 10), (80, 0))]
    known = [line for line in dissociation(clinic(rows)).sentences() if "no longer" in line.lower()]
    assert len(known) == 1
    assert "minute 60" not in known[0]
    assert "by minute 90: 100%" in known[0]
    assert "by minute 120: 100%" in known[0]


# ---- the model


def noisy(n=12, seed=5):
    generator = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        for k in range(2 + i % 4):
            dose = float(generator.choice([0.25, 0.5, 1.0]))
            rows.append((f"P{i:02d}", k, 40, int(generator.integers(0, 40)), {"dose_mg_per_kg": dose}))
    return rows


def test_slopes_within_patients_are_those_of_deviations_from_patients_means():
    rows = noisy()
    found = dissociation(clinic(rows)).model.set_index("term")["estimate"]
    frame = pd.DataFrame([{"p": r[0], "k": np.log2(r[1] + 1), "y": r[3]} | r[4] for r in rows])
    frame["d"] = np.log2(frame["dose_mg_per_kg"])
    deviation = frame[["k", "d", "y"]] - frame.groupby("p")[["k", "d", "y"]].transform("mean")
    # Mundlak: beside the patients' means the slopes are those of least squares within patients.
    slopes = np.linalg.lstsq(deviation[["k", "d"]].to_numpy(), deviation["y"].to_numpy(), rcond=None)[0]
    terms = [f"{name}, {WITHIN}" for name in (NUMBER, DOSE)]
    np.testing.assert_allclose(found[terms], slopes, atol=1e-10)
    assert found["(mean of all sessions)"] == pytest.approx(frame["y"].mean())


def by_two_routes(oral_factor):
    """Every other patient by mouth, with `oral_factor` times the dose."""
    rows = []
    for name, k, minute, score, cells in noisy():
        oral = int(name[1:]) % 2 == 0
        dose = cells["dose_mg_per_kg"] * (oral_factor if oral else 1)
        rows.append((name, k, minute, score, {"dose_mg_per_kg": dose, "route": "oral" if oral else "IV"}))
    return dissociation(clinic(rows))


def test_twice_the_dose_has_the_same_slope_whatever_share_of_it_a_route_lets_through():
    one, four = by_two_routes(1), by_two_routes(4)
    slopes = one.model["term"].str.startswith("log2")
    assert slopes.sum() == 4
    np.testing.assert_allclose(one.model["estimate"][slopes], four.model["estimate"][slopes], atol=1e-9)
    assert any("One slope of dose for all routes" in note for note in four.notes)


def test_terms_that_do_not_vary_are_named_and_left_out():
    rows = [(name, k, m, s, {"dose_mg_per_kg": 0.5}) for name, k, m, s, _ in noisy()]
    found = dissociation(clinic(rows))
    assert not found.model["term"].str.contains("dose").any()
    assert any("do not vary by themselves" in note and "dose" in note for note in found.notes)
    assert not any(note.startswith("Titration") for note in found.notes)


def test_no_p_value_below_20_patients_and_no_model_below_10():
    few = dissociation(clinic(noisy(n=12)))
    assert few.model["p_value"].isna().all()
    enough = dissociation(clinic(noisy(n=24)))
    assert enough.model["p_value"].iloc[1:].notna().all()
    none = dissociation(clinic(noisy(n=9)))
    assert none.model.empty
    assert any(note.startswith("No model: fewer than 10 patients") for note in none.notes)


# ---- what is not recorded, and what is refused


def test_a_cohort_without_the_scale_has_empty_tables_and_says_not_recorded(make):
    found = dissociation(make([("A", 0.0)], [("A", 0.5, 12)]))
    tables = (
        found.table, found.by_dose, found.course, found.return_times, found.model, found.stayers,
        found.against_recorded,
    )  # fmt: skip
    assert all(table.empty for table in tables)
    assert "not recorded" in found.notes[0]
    assert "It is not zero" in found.notes[0]
    assert found.notes[-1] == UNCONTROLLED
    assert "No rows." in found.summary()


def test_scores_far_from_every_session_are_counted_and_nothing_is_given(make):
    found = dissociation(make([("A", 0.0)], [("A", 30.0, 12)], instrument="CADSS"))
    assert found.table.empty
    assert "CADSS scores left out: outside the minutes around a session 1." in found.notes


def test_the_short_scale_needs_a_threshold_of_ones_own(make):
    cohort = make([("A", 0.0), ("B", 0.0)], [("A", 0.5, 3), ("B", 0.5, 1)], instrument="CADSS-6")
    with pytest.raises(DataError, match="no cut-off of CADSS-6"):
        dissociation(cohort, "CADSS-6")
    found = dissociation(cohort, "cadss6", threshold=2)
    assert row_of(found.table, session_group="1")[["n", "n_events"]].tolist() == [2, 1]
    assert any("chosen by the user" in note for note in found.notes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"instrument": "PHQ-9"}, "CADSS or CADSS-6"),
        ({"window_minutes": (10, 180)}, "window_minutes"),
        ({"window_minutes": 180}, "window_minutes"),
        ({"by": "no such column"}, "is no column"),
        ({"n_replicates": 0}, "n_replicates"),
        ({"level": 95}, "level"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments, words):
    with pytest.raises(DataError, match=words):
        dissociation(once([[1, 2], [3, 4]]), **arguments)


def test_a_column_named_as_a_column_of_the_result_is_refused():
    patients = pd.DataFrame({"patient_id": ["P0", "P1"], "share": ["a", "b"]})
    cohort = clinic([("P0", 0, 40, 1), ("P1", 0, 40, 2)], patients=patients)
    with pytest.raises(DataError, match="also the name of a column"):
        dissociation(cohort, by="share")


def test_sessions_without_a_level_are_left_out_and_counted():
    patients = pd.DataFrame({"patient_id": ["P0", "P1", "P2"], "arm": ["a", "b", None]})
    cohort = clinic([("P0", 0, 40, 1), ("P1", 0, 40, 9), ("P2", 0, 40, 2)], patients=patients)
    found = dissociation(cohort, by="arm")
    assert found.table.groupby("arm")["n"].max().to_dict() == {"a": 1, "b": 1}
    assert "1 scored session with no 'arm' and left out." in found.notes


def test_with_several_assessments_the_notes_say_that_more_of_them_find_a_higher_one():
    rows = [("A", 0, 20, 3), ("A", 0, 40, 9), ("B", 0, 40, 5)]
    notes = dissociation(clinic(rows)).notes
    assert any("The highest of more assessments is higher" in note for note in notes)


# ---- the sample, by pandas alone


@pytest.fixture(scope="module")
def by_hand(sample):
    """Session number, dose and CADSS score of each scored session, from the files."""
    sessions = pd.read_csv(sample / "sessions.csv")
    sessions["start"] = pd.to_datetime(sessions["start"], format="mixed")
    sessions = sessions.sort_values(["patient_id", "start"])
    sessions["number"] = sessions.groupby("patient_id").cumcount() + 1
    scores = pd.read_csv(sample / "scores.csv")
    scores = scores[scores["instrument"] == "CADSS"]
    scores["taken"] = pd.to_datetime(scores["taken"], format="mixed")
    both = scores.merge(sessions[["patient_id", "start", "number"]], on="patient_id")
    both["minute"] = (both["taken"] - both["start"]).dt.total_seconds() / 60
    both = both[(both["minute"] > 0) & (both["minute"] <= 180)]
    both["score"] = pd.to_numeric(both["score"])
    return both.groupby(["patient_id", "number"], as_index=False)[["score", "minute"]].max()


def test_the_samples_table_is_what_pandas_makes_of_the_files(sample, by_hand):
    cohort, scored = load_cohort(sample), by_hand
    found = dissociation(cohort)
    for group, low, high in (("1", 1, 1), ("3", 3, 3), ("4–6", 4, 6), ("7+", 7, 999), ("all", 1, 999)):
        own = scored[scored["number"].between(low, high)]
        row = row_of(found.table, session_group=group)
        assert row["n"] == len(own)
        assert row["n_patients"] == own["patient_id"].nunique()
        assert row["n_events"] == (own["score"] > 4).sum()
        expected = [*own["score"].quantile([0.25, 0.5, 0.75]), own["score"].mean(), own["minute"].median()]
        names = ["p25", "median", "p75", "estimate", "minute"]
        np.testing.assert_allclose(row[names].astype(float), expected)
    assert row["n_missing"] == len(cohort.sessions) - len(scored)
    # A single session each: the mean has Student's limits.
    first = scored[scored["number"] == 1]["score"]
    assert row_of(found.table, session_group="1")["std_error"] == pytest.approx(first.sem())


def test_the_sample_has_one_assessment_per_session(sample):
    found = dissociation(load_cohort(sample))
    assert ONE_EACH in found.notes
    assert found.course.empty
