"""When simulated patients are discharged, what is known of lasting side effects, and their screens."""

import numpy as np
import pytest

from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.cohort.simulation.discharge import draw_monitored, learnt_lasting
from ketaoutcomes.cohort.simulation.observed import INSTRUMENTS
from ketaoutcomes.cohort.simulation.screens import SCREENS


@pytest.fixture(scope="module")
def tables():
    return simulate_cohort("community", 600, seed=7, instruments=("PHQ-9", *SCREENS)).tables


@pytest.fixture(scope="module")
def ended(tables):
    """Side effects with times, beside the minute of discharge where it was noted."""
    sessions = tables["sessions"][["patient_id", "session", "monitored_minutes"]]
    joined = tables["side_effects"].merge(sessions, on=["patient_id", "session"], validate="many_to_one")
    return joined.dropna(subset=["duration_minutes", "monitored_minutes"]).astype(
        {"onset_minutes": float, "duration_minutes": float, "monitored_minutes": float}
    )


def test_patients_are_watched_for_90_to_150_minutes_and_a_few_discharges_are_not_noted():
    minutes, noted = draw_monitored(20_000, np.random.default_rng(1))
    assert (minutes.min(), minutes.max()) == (90.0, 150.0)
    # 90 + 60 x 1.6 / (1.6 + 1.9) = 117.43; its standard error is .10, that of the share .0014.
    assert minutes.mean() == pytest.approx(90 + 60 * 1.6 / 3.5, abs=0.4)
    assert noted.mean() == pytest.approx(0.96, abs=4 * 0.0014)


def test_nobody_is_discharged_before_the_session_and_its_readings_end(tables):
    sessions, vitals = tables["sessions"], tables["vitals"]
    assert (sessions["monitored_minutes"] > sessions["duration_minutes"]).dropna().all()
    assert vitals["minute"].max() <= 90


def test_what_outlasts_the_watch_is_cut_at_discharge_unless_the_call_tells_its_end():
    onset = np.array([10.0, 10.0, 100.0])
    lasting = np.array([50.0, 200.0, 60.0])
    monitored = np.full(3, 90.0)
    rng = np.random.default_rng(3)
    seen = [learnt_lasting(onset, lasting, monitored, rng) for _ in range(2_000)]
    duration, resolved = (np.array(parts) for parts in zip(*seen, strict=True))
    # Over by minute 60; begun after discharge and so known from the call only.
    assert resolved[:, [0, 2]].all()
    assert (duration[:, [0, 2]] == [50.0, 60.0]).all()
    assert set(map(tuple, np.column_stack([duration[:, 1], resolved[:, 1]]))) == {(200.0, 1.0), (80.0, 0.0)}
    # One in four is told on the phone; four standard errors of 2,000 draws are .039.
    assert resolved[:, 1].mean() == pytest.approx(0.25, abs=0.039)


def test_an_unresolved_side_effect_lasts_until_the_minute_of_discharge(ended):
    unresolved = ended[ended["resolved"] == "no"]
    assert len(unresolved) > 300
    end = unresolved["onset_minutes"] + unresolved["duration_minutes"]
    assert (end == unresolved["monitored_minutes"]).all()
    assert (unresolved["duration_minutes"] > 0).all()
    later = ended["onset_minutes"] + ended["duration_minutes"] > ended["monitored_minutes"]
    assert (ended.loc[later, "resolved"] == "yes").all()


def test_whether_it_had_gone_is_known_where_its_times_are(tables):
    effects = tables["side_effects"]
    assert (effects["resolved"].isna() == effects["duration_minutes"].isna()).all()
    assert effects.loc[effects["effect"] == "none", "resolved"].isna().all()


def test_screens_are_of_the_first_clinics_maintenance_patients_before_their_sessions(tables):
    scores, sessions = tables["scores"], tables["sessions"]
    screens = scores[scores["instrument"].isin(SCREENS)]
    clinic = tables["patients"].set_index("patient_id")["clinic_id"]
    assert set(screens["patient_id"].map(clinic)) == {"clinic-1"}
    kept = set(sessions.loc[sessions["phase"] == "maintenance", "patient_id"])
    # One may have left before the first maintenance session that was planned.
    assert len(set(screens["patient_id"]) - kept) < 0.15 * screens["patient_id"].nunique()
    joined = screens.merge(
        sessions.loc[sessions["session"].isin((1, 7, 13, 19, 25)), ["patient_id", "hour"]],
        on="patient_id",
        suffixes=("", "_session"),
    )
    ahead = joined["hour_session"] - joined["hour"]
    assert (ahead.between(0.24, 1.0)).groupby([joined["patient_id"], joined["hour"]]).any().all()
    assert screens["instrument"].value_counts().nunique() == 1


def test_screens_are_simulated_only_when_asked_for():
    plain = simulate_cohort("community", 60)
    assert set(plain.tables["scores"]["instrument"]) <= set(INSTRUMENTS)
    one = simulate_cohort("community", 60, instruments=("PHQ-9", "MoCA"))
    assert set(one.tables["scores"]["instrument"]) == {"PHQ-9", "MoCA"}
    # The rows of the other instruments are the same with and without screens.
    without = simulate_cohort("community", 60, instruments=("PHQ-9",)).tables["scores"]
    assert one.tables["scores"].iloc[: len(without)].astype("str").equals(without.astype("str"))
