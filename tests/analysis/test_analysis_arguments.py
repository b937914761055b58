"""Arguments that cannot be used are refused in one sentence that says what to give instead."""

from __future__ import annotations

import pandas as pd
import pytest

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.derive.change import change_from_baseline
from ketaoutcomes.derive.events import response_events
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.sessions import session_table
from ketaoutcomes.errors import DataError

WITH_INSTRUMENT = (
    response_rates, time_to_response, trajectory, scores, response_events, change_from_baseline,
)  # fmt: skip


@pytest.fixture(scope="module")
def simulation():
    return simulate_cohort("community", 40)


@pytest.fixture(scope="module")
def cohort(simulation):
    return simulation.cohort


@pytest.mark.parametrize("given", ["data/sample", None, pd.DataFrame()])
def test_what_is_no_cohort_is_refused_with_the_way_to_make_one(given):
    for function in WITH_INSTRUMENT:
        with pytest.raises(DataError, match=r"give a Cohort; load_cohort\(folder\) makes one"):
            function(given, "PHQ-9")
    for function in (data_quality, side_effect_rates, session_table):
        with pytest.raises(DataError, match=r"give a Cohort; load_cohort\(folder\) makes one"):
            function(given)


def test_a_simulation_is_told_apart_from_its_cohort(simulation):
    with pytest.raises(DataError, match=r"give its \.cohort"):
        trajectory(simulation, "PHQ-9")


def test_one_landmark_may_be_given_as_a_number(cohort):
    one = time_to_response(cohort, "PHQ-9", at=14, n_replicates=0)
    assert one.landmarks["time"].tolist() == [14.0]
    assert trajectory(cohort, "PHQ-9", at=14).table["day"].tolist() == [14.0]


@pytest.mark.parametrize("function", [time_to_response, trajectory])
@pytest.mark.parametrize("at", ["end_of_induction", (7, "x"), -1, float("nan"), [[7], [7, 14]]])
def test_landmarks_that_are_no_times_are_refused(cohort, function, at):
    with pytest.raises(DataError, match=r"at takes planned days since session 1.*at=\(7, 14, 28\)"):
        function(cohort, "PHQ-9", at=at)


def test_a_landmark_after_the_last_assessment_is_named_in_the_notes(cohort):
    found = time_to_response(cohort, "PHQ-9", at=(14, 9000), n_replicates=0)
    assert found.landmarks["time"].tolist() == [14.0]
    assert any("No landmark is given at 9000 days" in note for note in found.notes)


def test_by_takes_the_name_of_one_column(cohort):
    for function in (response_rates, time_to_response, trajectory):
        with pytest.raises(DataError, match="by takes one column's name"):
            function(cohort, "PHQ-9", by=["sex", "route"])
    for per in ("session", "patient"):
        with pytest.raises(DataError, match="by takes one column's name"):
            side_effect_rates(cohort, per=per, by=["sex", "route"])


@pytest.mark.parametrize("level", [95, 0, 1, "0.95", None, True])
def test_level_is_a_share(cohort, level):
    for function in (response_rates, time_to_response, trajectory):
        with pytest.raises(DataError, match=r"level is a share between 0 and 1, e\.g\. 0\.95"):
            function(cohort, "PHQ-9", level=level)


@pytest.mark.parametrize("name", ["n_replicates", "seed"])
@pytest.mark.parametrize("value", [-1, 1.5, "100", None])
def test_replicates_and_seed_are_whole_numbers(cohort, name, value):
    with pytest.raises(DataError, match=f"{name} must be a whole number of at least 0"):
        time_to_response(cohort, "PHQ-9", **{name: value})


def test_a_unit_or_a_way_of_counting_that_is_nearly_right_is_suggested(cohort):
    with pytest.raises(DataError, match=r'did you mean "days"'):
        time_to_response(cohort, "PHQ-9", unit="day")
    with pytest.raises(DataError, match=r'did you mean "session"'):
        side_effect_rates(cohort, per="sessions")


@pytest.mark.parametrize("horizon", [0, -3, "28"])
def test_the_horizon_is_one_number_above_0(cohort, horizon):
    with pytest.raises(DataError, match="horizon must be one number above 0"):
        time_to_response(cohort, "PHQ-9", horizon=horizon)


@pytest.mark.parametrize("word", ["response", "remission", "remission_phq9_le5", None])
def test_both_analyses_take_the_same_words_for_an_outcome(cohort, word):
    rate = response_rates(cohort, "PHQ-9", outcome=word)
    curve = time_to_response(cohort, "PHQ-9", definition=word, n_replicates=0)
    assert rate.definitions[0] == curve.definitions[0]


def test_a_misspelt_outcome_brings_the_kind_first(cohort):
    for call in (
        lambda: response_rates(cohort, "PHQ-9", outcome="remision"),
        lambda: time_to_response(cohort, "PHQ-9", definition="remision"),
    ):
        with pytest.raises(DataError, match=r'did you mean remission or.*Choose "response" or "remission"'):
            call()


def test_a_number_of_days_is_the_window_named_for_that_day(cohort):
    assert response_rates(cohort, "PHQ-9", at=28).provenance["arguments"]["at"] == "day_28"
    assert response_rates(cohort, "PHQ-9", at=42).provenance["arguments"]["at"] == "week_6"
    assert data_quality(cohort, "PHQ-9", at=14).provenance["arguments"]["at"] == "day_14"


def test_a_day_without_a_window_is_refused_with_those_that_have_one(cohort):
    with pytest.raises(DataError, match=r"no window is named for day 30; days with one: 1, 2, .*28.*end_of"):
        response_rates(cohort, "PHQ-9", at=30)
