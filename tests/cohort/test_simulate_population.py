"""The simulator's population against closed forms and the published calibration table."""

import dataclasses

import numpy as np
import pytest

from ketaoutcomes.cohort.simulation.latent import Exposure, amplitude, draw_latent, effect_of, relief, state
from ketaoutcomes.cohort.simulation.parameters import preset_parameters
from ketaoutcomes.cohort.simulation.population import population_truth
from ketaoutcomes.cohort.simulation.streams import STREAMS, streams
from ketaoutcomes.errors import DataError

N = 20_000


@pytest.fixture(scope="module")
def trial():
    return population_truth("trial", n=N, seed=7)


@pytest.fixture(scope="module")
def community():
    return population_truth("community", n=N, seed=7)


@pytest.fixture(scope="module")
def latent():
    return draw_latent(N, preset_parameters("community"), streams(3), n_clinics=None)


@pytest.fixture(scope="module")
def unlinked():
    """Both presets with states that are independent from day to day."""
    return {
        preset: population_truth(
            preset, n=N, seed=7, parameters=dataclasses.replace(preset_parameters(preset), state_hours=1e-6)
        )
        for preset in ("trial", "community")
    }


SPECIFIED = [
    ("trial", "response", 24.0, 0.187),
    ("trial", "response", 288.0, 0.598),
    ("trial", "remission", 288.0, 0.352),
    ("community", "response", 24.0, 0.289),
    ("community", "response", 288.0, 0.635),
    ("community", "remission", 288.0, 0.437),
]
# Monte Carlo error of both programs: 4 x sqrt(.25/20000 + .25/40000).
BOTH_ERRORS = 0.017


# Reference: the model's specification, checked there with 40,000 patients by another program. Its first
# three columns are MADRS scores with error against a scored baseline, 24 h after the first and the sixth
# session, drawn with states that are independent from day to day.
@pytest.mark.parametrize(("preset", "estimand", "hour", "expected"), SPECIFIED)
def test_response_and_remission_match_the_specified_model(unlinked, preset, estimand, hour, expected):
    assert unlinked[preset].value(estimand, "MADRS", hour) == pytest.approx(expected, abs=BOTH_ERRORS)


# With a state that lasts three days the baseline and the score a day later share it, so that fewer differ
# by half; after twelve days nothing is left of it.
@pytest.mark.parametrize(
    ("preset", "estimand", "hour", "expected"), [row for row in SPECIFIED if row[2] == 288.0]
)
def test_a_lasting_state_changes_nothing_after_twelve_days(request, preset, estimand, hour, expected):
    truth = request.getfixturevalue(preset)
    assert truth.value(estimand, "MADRS", hour) == pytest.approx(expected, abs=BOTH_ERRORS)


def test_a_lasting_state_makes_a_response_after_one_day_rarer(trial, unlinked):
    assert trial.value("response", "MADRS", 24.0) < unlinked["trial"].value("response", "MADRS", 24.0)


# Same table, latent columns: still responding 28 and 56 days after the last induction session.
@pytest.mark.parametrize(
    ("preset", "day", "expected"),
    [("trial", 28, 0.157), ("trial", 56, 0.006), ("community", 28, 0.808), ("community", 56, 0.624)],
)
def test_durability_matches_the_specified_model(request, preset, day, expected):
    truth = request.getfixturevalue(preset)
    assert truth.value("still_responding", "MADRS", 24.0 * day, kind="latent") == pytest.approx(
        expected, abs=0.022
    )


def test_regression_to_the_mean_matches_the_truncated_normal_formula(trial):
    # Total variance 1.5^2 + 4.5^2 + 3^2 + 2.5^2 = 37.75, of which 15.25 is not the patient's own; a score
    # that rounds to 28 or more is above 27.5, so a = -.89517, H = phi(a) / Phi(-a) = .26724 / .81465 = .32804
    # and the expected excess is 15.25 / sqrt(37.75) x .32804 = .8142. Four standard errors of 20,000: .107.
    row = trial.table[trial.table["estimand"] == "regression_to_the_mean"].iloc[0]
    assert row["truth_latent"] == pytest.approx(0.8142, abs=0.11)


def test_first_response_only_grows_and_stays_below_one(community):
    table = community.table[community.table["estimand"] == "first_response"]
    for _, part in table.groupby("instrument"):
        assert (part.sort_values("hour")[["truth_latent", "truth_observed"]].diff().dropna() >= 0).all(
            axis=None
        )
        assert part["truth_observed"].max() < 1.0


def test_noise_makes_the_observed_first_response_more_frequent_than_the_latent_one(community):
    # A score crosses its threshold by chance at one of many assessments; the severity behind it does not.
    assert community.value("first_response", "Mood-NRS", 24.0) > community.value(
        "first_response", "Mood-NRS", 24.0, kind="latent"
    )


def test_side_effects_habituate_and_are_noted_less_when_nobody_asks(community):
    table = community.side_effects.set_index(["effect", "session"])
    assert (table.xs(6, level="session")["truth"] < table.xs(1, level="session")["truth"]).all()
    assert (table["noted_if_not_asked"] < table["truth"]).all()


def test_the_state_has_the_covariance_of_an_ornstein_uhlenbeck_process(latent):
    # 9 exp(-lag / 72): 9 at lag 0 and 9 / e = 3.311 at lag 72 h. The screening selects high states, but
    # hour 1000 is long after it.
    rows = np.arange(latent.n)
    now, later = (state(latent, rows, np.full(latent.n, hour)) for hour in (1000.0, 1072.0))
    assert now.var() == pytest.approx(9.0, abs=0.4)
    assert np.mean(now * later) == pytest.approx(3.311, abs=0.4)
    assert abs(now.mean()) < 0.1


def test_one_session_peaks_at_its_sensitivity_and_falls_with_the_half_life(latent):
    rows = np.arange(50)
    size = amplitude(latent, rows, np.zeros(50, int), np.full(50, 0.5))
    first_hour = np.full((latent.n, 5), np.inf)
    first_amplitude = np.zeros((latent.n, 5))
    first_hour[rows, 0], first_amplitude[rows, 0] = 0.0, size
    exposure = Exposure(first_hour, first_amplitude, np.zeros(50), size, np.zeros(50))
    fall = latent.fall_hours[rows, 0]
    peak = np.log(fall / 1.2) * fall * 1.2 / (fall - 1.2)
    assert effect_of(latent, rows, peak, exposure) == pytest.approx(latent.sensitivity[rows])
    # Past the rise, one half-life halves the effect.
    late = effect_of(latent, rows, np.full(50, 60.0), exposure)
    assert effect_of(latent, rows, 60.0 + fall * np.log(2.0), exposure) == pytest.approx(late / 2.0)


def test_nothing_is_relieved_before_the_first_session(latent):
    rows = np.arange(20)
    none = Exposure(
        np.full((latent.n, 5), np.inf), np.zeros((latent.n, 5)), *(np.zeros(20) for _ in range(3))
    )
    assert (relief(latent, rows, np.full(20, -5.0), none) == 1.0).all()


def test_every_admitting_score_reaches_the_entry_score(latent):
    assert latent.screen_score.min() == 28


def test_parameters_can_replace_the_preset():
    nobody = dataclasses.replace(
        preset_parameters("trial"), sensitivity_responder=0.0, sensitivity_other=0.0, expectancy=0.0
    )
    truth = population_truth(parameters=nobody, n=2_000)
    assert truth.value("response", "MADRS", 288.0, kind="latent") == 0.0


def test_each_stream_is_its_own():
    first = {name: rng.random() for name, rng in streams(1).items()}
    assert len(set(first.values())) == len(STREAMS)


def test_an_unknown_preset_is_refused_with_the_choices():
    with pytest.raises(DataError, match="choose one of community, trial"):
        preset_parameters("hospital")
