"""A simulated cohort: shape, mechanisms, calibration, and one door for its tables."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.cohort.simulation.observed import draw_items
from ketaoutcomes.cohort.simulation.parameters import preset_parameters
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def clinic():
    return simulate_cohort("community", 240)


@pytest.fixture(scope="module")
def many():
    """Enough patients and clinics that shares are known to about two points."""
    return simulate_cohort("community", 3_000, seed=5, responder_share=0.58, n_clinics=200)


def scores(simulation, instrument):
    frame = simulation.tables["scores"]
    frame = frame[frame["instrument"] == instrument]
    return frame.assign(score=frame["score"].astype(float))


def effects_by_session(simulation, *, checklist):
    """One row per session in which side effects were asked for, one column per effect."""
    tables = simulation.tables
    sessions = tables["sessions"].merge(
        tables["patients"][["patient_id", "clinic_id"]], on="patient_id", validate="many_to_one"
    )
    # Of every four clinics the first two ask by checklist.
    number = sessions["clinic_id"].str.removeprefix("clinic-").astype(int)
    asked = ((number - 1) % 4 < 2) == checklist
    asked &= sessions["side_effects_recorded"] == "yes"
    index = pd.MultiIndex.from_frame(sessions.loc[asked, ["patient_id", "session"]])
    effects = tables["side_effects"]
    table = pd.crosstab([effects["patient_id"], effects["session"]], effects["effect"])
    return table.reindex(index, fill_value=0) > 0


def test_all_tables_are_present_and_pass_the_door_whole(clinic):
    assert set(clinic.tables) == set(TABLES)
    assert clinic.cohort.n_patients == 240
    assert clinic.cohort.counts["n_quarantined"].sum() == 0
    assert len(clinic.cohort.blanked) == 0


def test_the_columns_are_those_of_the_schema_and_one_covariate(clinic):
    for name, frame in clinic.tables.items():
        further = {column for column in frame.columns if column not in TABLES[name].names}
        further = {column for column in further if not (name == "scores" and column.startswith("i"))}
        assert further == ({"hypertension"} if name == "patients" else set())


def test_the_same_seed_gives_the_same_tables_and_another_seed_does_not(clinic):
    again = simulate_cohort("community", 240)
    other = simulate_cohort("community", 240, seed=1)
    for name, frame in clinic.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name])
    assert not clinic.tables["patients"].equals(other.tables["patients"])


def test_one_option_leaves_the_other_parts_as_they_were(clinic):
    changed = simulate_cohort("community", 240, booking="fixed", dropout="none", score_triggered=False)
    pd.testing.assert_frame_equal(clinic.tables["patients"], changed.tables["patients"])
    latent = ["severity", "responder", "max_benefit", "half_life_hours"]
    pd.testing.assert_frame_equal(clinic.truth.patients[latent], changed.truth.patients[latent])


def test_sessions_are_numbered_in_time_order_from_hour_zero(clinic):
    sessions = clinic.tables["sessions"]
    first = sessions[sessions["session"] == 1]
    assert (first["hour"] == 0.0).all()
    assert len(first) == 240
    gaps = sessions.groupby("patient_id")["hour"].diff().dropna()
    steps = sessions.groupby("patient_id")["session"].diff().dropna()
    assert gaps.min() > 12.0
    assert (steps == 1).all()


def test_sessions_fall_on_weekdays_in_the_daytime():
    simulation = simulate_cohort(n_patients=60, deidentification="limited-data-set")
    start = pd.to_datetime(simulation.tables["sessions"]["start"])
    assert start.dt.day_of_week.max() <= 4
    assert start.dt.hour.between(7, 18).all()


def test_phq9_totals_are_the_sums_of_their_items(clinic):
    phq = scores(clinic, "PHQ-9")
    items = phq[[f"i{place}" for place in range(1, 10)]].astype(float)
    assert (items.sum(axis=1) == phq["score"]).all()
    assert items.min(axis=None) == 0
    assert items.max(axis=None) == 3


@pytest.mark.parametrize("total", [0, 1, 13, 24, 26, 27])
def test_items_can_be_drawn_for_every_total(total):
    items = draw_items(np.full(500, float(total)), np.random.default_rng(0))
    assert (items.sum(axis=1) == total).all()
    assert items.min() >= 0
    assert items.max() <= 3


def test_scores_stay_in_the_range_of_their_instrument(clinic):
    highest = {
        "PHQ-9": 27,
        "GAD-7": 21,
        "MADRS": 60,
        "PCL-5": 80,
        "NRS-pain": 10,
        "Mood-NRS": 10,
        "CADSS": 92,
    }
    for instrument, maximum in highest.items():
        found = scores(clinic, instrument)["score"]
        assert found.between(0, maximum).all()
        assert len(found) > 0


def test_companion_instruments_follow_the_indication(clinic):
    diagnosis = clinic.tables["patients"].set_index("patient_id")["diagnosis"]
    assert set(scores(clinic, "PCL-5")["patient_id"].map(diagnosis)) == {"PTSD"}
    assert set(scores(clinic, "NRS-pain")["patient_id"].map(diagnosis)) == {"chronic pain"}


def test_a_mood_rating_within_hours_of_the_first_session_exists(clinic):
    mood = scores(clinic, "Mood-NRS")
    for hour in (1, 2, 4, 24):
        near = mood[(mood["hour"] > 0.85 * hour) & (mood["hour"] < 1.25 * hour)]
        assert near["patient_id"].nunique() > 0.4 * 240


def test_nothing_is_known_after_a_patient_stopped(clinic):
    stop = clinic.truth.patients.set_index("patient_id")["stop_hour"]
    for name in ("sessions", "scores"):
        frame = clinic.tables[name]
        assert (frame["hour"] <= frame["patient_id"].map(stop) + 0.02).all()


def test_without_dropout_everybody_stays_to_the_end_of_follow_up():
    truth = simulate_cohort(n_patients=200, dropout="none").truth.patients
    assert set(truth["stop"]) <= {"ongoing", "completed"}


def test_dropout_at_random_has_the_stated_rate():
    # .5 % a day: 1 - exp(-.005 x 90) = .362 have stopped by day 90; severe side effects add about a point.
    truth = simulate_cohort(n_patients=5_000, dropout="mcar", booking="random", instruments=("PHQ-9",)).truth
    course = truth.course
    early = truth.patients["stop_hour"].to_numpy() < 90 * 24.0
    # Patients who could be followed for 90 days: none of the administrative ends comes before.
    able = (truth.patients["stop"] != "ongoing") | ~early
    assert early[able].mean() == pytest.approx(0.362, abs=0.035)
    assert (course.stop_hour > 0).all()


def test_stopping_depends_on_the_last_score_only_when_told_so():
    def median_days(dropout):
        simulation = simulate_cohort(n_patients=2_500, dropout=dropout, seed=11, instruments=("PHQ-9",))
        truth = simulation.truth.patients
        lost = truth[truth["stop"] == "lost"]
        return lost.groupby("responder")["stop_hour"].median() / 24.0

    dependent, independent = median_days("mar"), median_days("mcar")
    assert dependent[True] / dependent[False] > 1.3
    assert independent[True] / independent[False] == pytest.approx(1.0, abs=0.15)


def test_worse_scores_bring_the_next_session_sooner_only_when_booking_is_informative():
    def slope(booking):
        course = simulate_cohort(
            n_patients=1_500, booking=booking, dropout="none", seed=2, instruments=("PHQ-9",)
        ).truth
        sessions = course.sessions
        after = sessions["session"] > 6
        gap = sessions.groupby("patient_id")["hour"].shift(-1) - sessions["hour"]
        seen = after & gap.notna()
        return np.corrcoef(sessions.loc[seen, "severity_before"], np.log(gap[seen]))[0, 1]

    assert slope("informative") < -0.2
    assert abs(slope("random")) < 0.06


def test_fixed_booking_keeps_gaps_between_14_and_31_days():
    sessions = simulate_cohort(n_patients=200, booking="fixed").tables["sessions"]
    gap = sessions.groupby("patient_id")["hour"].diff() / 24.0
    gap = gap[sessions["phase"] == "maintenance"]
    # The plan is 14 to 28 days; a weekend moves an appointment by up to two days and the hour of the day.
    assert gap.min() > 13.5
    assert gap.max() < 31.0


def test_the_trial_preset_has_six_sessions_and_no_maintenance():
    simulation = simulate_cohort("trial", 100)
    assert simulation.tables["sessions"]["session"].max() == 6
    assert set(simulation.tables["sessions"]["route"]) == {"IV"}
    assert set(simulation.tables["patients"]["diagnosis"]) == {"MDD"}


def test_end_of_induction_looks_like_mcinnes_2022(many):
    # McInnes 2022: response .536, remission .289, worse .084 on the PHQ-9, 14 to 31 days after the last
    # induction session; a fifth without a score. The brackets leave room for 3,000 patients and four clinics.
    phq = scores(many, "PHQ-9")
    before = (
        phq[(phq["hour"] <= 0) & (phq["hour"] >= -14 * 24)]
        .sort_values("hour")
        .groupby("patient_id")["score"]
        .last()
    )
    sessions = many.tables["sessions"]
    induction = sessions[sessions["phase"] == "induction"].groupby("patient_id")["hour"].agg(["size", "max"])
    completed = induction[induction["size"] >= 4]
    after = phq.merge(completed, left_on="patient_id", right_index=True, validate="many_to_one")
    days = (after["hour"] - after["max"]) / 24.0
    after = after.assign(miss=(days - 21.0).abs())[(days >= 14) & (days < 31)]
    end = after.sort_values("miss").groupby("patient_id")["score"].first()
    start = before.reindex(end.index)
    assert (end <= 0.5 * start)[start.notna()].mean() == pytest.approx(0.536, abs=0.06)
    assert (end < 5).mean() == pytest.approx(0.289, abs=0.06)
    assert (end > start).mean() == pytest.approx(0.084, abs=0.03)
    assert 1.0 - len(end) / len(completed) == pytest.approx(0.20, abs=0.05)
    # Pfeiffer 2024: 18.6.
    assert before.mean() == pytest.approx(18.6, abs=0.5)


def test_side_effects_look_like_the_literature_and_asking_doubles_them(many):
    asked, told = (effects_by_session(many, checklist=value) for value in (True, False))
    assert 0.20 <= asked["dissociation"].mean() <= 0.35
    # Of patients: 36 % (Rodrigues 2020, four infusions) to 60 %.
    assert 0.36 <= asked["dissociation"].groupby(level="patient_id").any().mean() <= 0.62
    # Asking doubles the rate: sedation 23 % as reported, 49 to 61 % by scale (esketamine label).
    assert told["dissociation"].mean() / asked["dissociation"].mean() == pytest.approx(0.5, abs=0.12)
    assert (many.tables["sessions"]["stopped_early"] == "yes").mean() == pytest.approx(0.0065, abs=0.0035)


def test_blood_pressure_rises_by_about_ten_and_has_a_heavy_tail(many):
    vitals = many.tables["vitals"].astype({"sbp": float, "dbp": float, "minute": float})
    reading = vitals.pivot_table(index=["patient_id", "session"], columns="minute", values="sbp")
    rise = (reading[40.0] - reading[0.0]).dropna()
    # Between +3 (Riva-Posse 2018) and +16 mmHg (Yale, seven years) at 30 to 40 minutes.
    assert rise.mean() == pytest.approx(10.5, abs=1.5)
    assert rise.skew() > 0.5
    high = vitals[(vitals["sbp"] >= 165) | (vitals["dbp"] >= 100)]["patient_id"].nunique()
    # 44 % of patients in Rodrigues 2020.
    assert high / vitals["patient_id"].nunique() == pytest.approx(0.44, abs=0.08)


def test_maintenance_intervals_grow_from_two_weeks_towards_four(many):
    sessions = many.tables["sessions"]
    gap = sessions.groupby("patient_id")["hour"].diff() / 24.0
    maintenance = sessions["phase"] == "maintenance"
    median = gap[maintenance].groupby(sessions.loc[maintenance, "session"] - 6).median()
    assert median[1] == pytest.approx(14.0, abs=2.0)
    assert median[10] == pytest.approx(25.0, abs=4.0)


def test_the_truth_of_a_cohort_has_one_row_per_patient_and_session(clinic):
    truth = clinic.truth
    assert truth.patients["patient_id"].tolist() == clinic.tables["patients"]["patient_id"].tolist()
    assert len(truth.sessions) == len(clinic.tables["sessions"])
    crossed = truth.patients["first_response_hour"]
    assert (crossed[truth.patients["response_after_induction"]] < np.inf).all()
    assert truth.patients.loc[~truth.patients["response_after_induction"], "loss_hour"].isna().all()


def test_side_effects_occur_at_their_true_probability(many):
    # Mean of the true probabilities against the share drawn, four standard errors of 25,000 sessions.
    truth = many.truth
    share = (truth.course.session["severity"] > 0).mean(axis=0)
    expected = truth.sessions[["dissociation", "drowsiness", "dizziness", "nausea"]].mean().to_numpy()
    assert share[:4] == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(len(truth.sessions)))


def test_dated_and_undated_cohorts_tell_the_same_hours():
    hours = simulate_cohort(n_patients=40).cohort.sessions["hour"]
    dated = simulate_cohort(n_patients=40, deidentification="limited-data-set").cohort.sessions["hour"]
    # Daylight saving is undone by the reader; what is left is rounding of hours to four digits.
    np.testing.assert_allclose(dated, hours, atol=1e-3)


def test_messy_tables_show_one_of_each_kind_of_problem():
    cohort = simulate_cohort(messy=True, deidentification="limited-data-set").cohort
    expected = {
        "duplicate_copy",
        "duplicate_conflict",
        "orphan_patient",
        "orphan_session",
        "score_range",
        "not_a_number",
        "items_total",
        "items_missing",
        "missing_required",
        "not_a_time",
        "time_skipped",
        "after_data_cut",
        "none_and_effect",
        "unclear_effect",
    }
    assert set(cohort.quarantine["rule"]) == expected
    assert {
        "dose_unit",
        "duration",
        "weight_range",
        "vital_range",
        "pressure_order",
        "unknown_word",
        "not_a_number",
    } == set(cohort.blanked["rule"])
    assert (cohort.counts["n_read"] == cohort.counts["n_kept"] + cohort.counts["n_quarantined"]).all()
    day_only = cohort.scores["hour_high"] > cohort.scores["hour_low"]
    assert 0.005 < day_only.mean() < 0.2


def test_messy_hours_pass_the_door_too():
    cohort = simulate_cohort(messy=True).cohort
    assert cohort.n_patients == 240
    assert "duplicate_copy" in set(cohort.quarantine["rule"])


def test_ids_are_wide_enough_and_tell_nothing_of_the_order_in_time():
    simulation = simulate_cohort(n_patients=400, deidentification="limited-data-set")
    first = simulation.tables["sessions"].groupby("patient_id")["start"].first()
    order = pd.to_datetime(first).rank().to_numpy()
    # Correlation of 400 independent ranks: four standard errors are .2.
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 0.2
    assert first.index.str.fullmatch(r"P\d{4}").all()


def test_shares_of_indications_are_taken_as_given():
    simulation = simulate_cohort(n_patients=50, indications={"PTSD": 1.0})
    assert set(simulation.tables["patients"]["diagnosis"]) == {"PTSD"}


def test_only_the_asked_instruments_are_simulated():
    simulation = simulate_cohort(n_patients=30, instruments=("PHQ-9",))
    assert set(simulation.tables["scores"]["instrument"]) == {"PHQ-9"}


def test_own_parameters_are_used():
    calm = dataclasses.replace(preset_parameters("community"), maintenance_share=0.0)
    assert "maintenance" not in set(
        simulate_cohort(n_patients=40, parameters=calm).tables["sessions"]["phase"]
    )


def test_all_unusable_options_are_told_at_once():
    with pytest.raises(DataError) as caught:
        simulate_cohort(n_patients=0, booking="weekly", dropout="mixed", responder_share=1.2)
    for word in ("booking", "dropout", "n_patients", "responder_share"):
        assert word in str(caught.value)


def test_one_patient_and_one_clinic_can_be_simulated():
    assert simulate_cohort(n_patients=1, n_clinics=1).cohort.n_patients == 1


def test_the_repr_holds_counts_and_no_patient(clinic):
    assert "sessions" in repr(clinic)
    assert "P0001" not in repr(clinic) + repr(clinic.truth)
