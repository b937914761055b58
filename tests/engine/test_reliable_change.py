"""Thresholds of reliable change against closed forms and worked values."""

import numpy as np
import pytest

from ketaoutcomes.engine.reliable_change import expected_retest, reliable_threshold
from ketaoutcomes.errors import DataError


def test_the_worked_example_of_jacobson_and_truax():
    # SD 7.5, r .88: SEM = 7.5 sqrt(.12), Sdiff = sqrt(2) SEM, threshold 1.96 Sdiff, computed by hand.
    found = reliable_threshold(7.5, 0.88)
    assert found.sem == pytest.approx(2.598076, abs=5e-7)
    assert found.std_error == pytest.approx(3.674235, abs=5e-7)
    assert found.threshold == pytest.approx(7.2015, abs=5e-5)


@pytest.mark.parametrize(
    ("instrument", "sd", "r", "printed"),
    [
        ("PHQ-9", 5, 0.84, 5.5), ("PHQ-9", 6, 0.84, 6.7), ("PHQ-9", 5, 0.737, 7.1), ("GAD-7", 5, 0.83, 5.7),
        ("MADRS-24h", 6.7, 0.91, 5.6), ("MADRS-24h", 6.7, 0.96, 3.7), ("PCL-5", 14, 0.82, 16.5),
        ("Y-BOCS", 6, 0.88, 5.8),
    ],
)  # fmt: skip
def test_worked_thresholds_agree_to_the_digit_that_is_printed(instrument, sd, r, printed):
    assert round(reliable_threshold(sd, r).threshold, 1) == printed, instrument


def test_a_person_without_change_exceeds_the_threshold_one_time_in_twenty():
    # Simulation with known truth: true scores with variance r SD^2, errors with (1 - r) SD^2 twice.
    rng = np.random.default_rng(20260911)
    n, sd, r, mean = 400_000, 5.0, 0.8, 14.0
    true = rng.normal(mean, sd * np.sqrt(r), n)
    first, second = true + rng.normal(0, sd * np.sqrt(1 - r), (2, n))
    plain = reliable_threshold(sd, r)
    assert np.mean(np.abs(second - first) > plain.threshold) == pytest.approx(0.05, abs=0.002)
    corrected = reliable_threshold(sd, r, corrected=True)
    residual = second - expected_retest(first, mean, r)
    assert np.mean(np.abs(residual) > corrected.threshold) == pytest.approx(0.05, abs=0.002)
    # Chosen for a high first score, the plain change finds too many falls and the corrected one does not.
    high = first > mean + sd
    assert np.mean(first[high] - second[high] > plain.threshold) > 0.04
    assert np.mean(-residual[high] > corrected.threshold) == pytest.approx(0.025, abs=0.004)


def test_the_predicted_retest_lies_nearer_to_the_mean():
    np.testing.assert_allclose(expected_retest([10.0, 20.0], 14.0, 0.5), [12.0, 17.0])


@pytest.mark.parametrize(("sd", "r"), [(0, 0.8), (-1, 0.8), (np.nan, 0.8), (5, 1.0), (5, -0.1), (5, np.nan)])
def test_impossible_numbers_are_refused(sd, r):
    with pytest.raises(DataError, match=r"sd must|reliability must"):
        reliable_threshold(sd, r)
