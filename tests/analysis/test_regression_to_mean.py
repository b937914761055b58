"""Expected regression to the mean: worked values, and untreated people who show just that."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from ketaoutcomes.analysis.regression_to_mean import expected_regression
from ketaoutcomes.errors import DataError

matplotlib.use("Agg")
DAY = 24.0
AT = "day_28"


def clinic(make, before, after, instrument="PHQ-9"):
    names = [f"P{number:05d}" for number in range(len(before))]
    scores = []
    for name, first, second in zip(names, before, after, strict=True):
        scores += [(name, 0, float(first)), (name, 28 * DAY, float(second))]
    return make([(name, 0) for name in names], scores, instrument=instrument)


@pytest.fixture
def untreated(make):
    """600 people taken on at 31 or more on the PCL-5, nothing done: mean 40, SD 12, reliability .7."""
    rng = np.random.default_rng(17)
    true = rng.normal(40, 12 * np.sqrt(0.7), 2000)
    before, after = (
        np.clip(np.round(true + rng.normal(0, 12 * np.sqrt(0.3), 2000)), 0, 80) for _ in range(2)
    )
    chosen = np.flatnonzero(before >= 31)[:600]
    return clinic(make, before[chosen], after[chosen], instrument="PCL-5")


def test_a_given_population_gives_the_worked_value(make):
    # Mean 14, SD 6, r .74, cut 15: 1.4 points; .5: 6 (1 - .5) .9069273 = 2.72.
    cohort = clinic(make, [15, 20, 12, 18], [10, 11, 12, 9])
    found = expected_regression(
        cohort, "PHQ-9", cut=15, population_mean=14, population_sd=6, reliability=(0.74, 0.5), at=AT
    )
    table = found.table.set_index("reliability")
    assert table["estimate"].round(2).to_dict() == {0.5: 2.72, 0.74: 1.41}
    # Falls of 5, 9 and 9 of those at 15 or above; 12 is below and is left out.
    assert table["observed"].iloc[0] == pytest.approx(23 / 3)
    assert table["n"].tolist() == [3, 3]
    assert table["n_not_selected"].tolist() == [1, 1]
    assert table["share_of_observed"].iloc[0] == pytest.approx(table["estimate"].iloc[0] / (23 / 3))
    assert "up to 2.7 points (35% of it)" in found.sentence
    assert "reliability of 0.5 to 0.74" in found.sentence


def test_untreated_people_fall_by_what_is_expected(untreated):
    found = expected_regression(untreated, "PCL-5", cut=31, reliability=0.7, at=AT)
    row = found.table.iloc[0]
    # Truth: SD (1 - r) H((31 - 40) / 12), by hand 12 * .3 * .3011374 / .7733726 = 1.4018.
    assert row["conf_low"] <= 1.4018 <= row["conf_high"]
    # Four standard errors: whole scores put the cut at 30.5, which takes a little off.
    std_error = (row["observed_high"] - row["observed_low"]) / (2 * 1.96)
    assert row["observed"] == pytest.approx(1.4018, abs=4 * std_error)
    assert std_error < 0.5
    assert found.population["mean_low"].iloc[0] <= 40 <= found.population["mean_high"].iloc[0]


def test_a_given_population_has_no_limits_and_says_where_it_comes_from(untreated):
    found = expected_regression(
        untreated, "PCL-5", cut=31, population_mean=40, population_sd=12, population_source="A norm", at=AT
    )
    assert found.table["conf_low"].isna().all()
    assert ("Population before selection", "Given: mean 40.0, standard deviation 12.0 points.", "A norm") in (
        found.definitions
    )


def test_the_default_is_a_range_of_reliabilities(untreated):
    found = expected_regression(untreated, "PCL-5", cut=31, at=AT)
    assert found.table["reliability"].tolist() == [0.5, 0.9]
    assert found.table["estimate"].is_monotonic_decreasing
    notes = " ".join(found.notes)
    assert "is not taken from it" in notes
    assert "Had the mean of two baselines" in notes
    assert "Uncontrolled" in notes


def test_baselines_that_tell_little_say_so(make):
    rng = np.random.default_rng(4)
    before = 15 + np.floor(rng.exponential(3.2, 60)).clip(0, 12)
    found = expected_regression(clinic(make, before, before - 2), "PHQ-9", cut=15, at=AT)
    chosen = found.population.iloc[0]
    weak = not chosen["identified"] or any("only weakly" in note for note in found.notes)
    assert weak
    if chosen["identified"]:
        assert np.isinf(found.table["conf_high"].iloc[0]) or found.table["conf_high"].iloc[0] > 2


def test_a_population_that_is_not_told_is_said_to_be_not_known(make):
    before = np.array([15] * 40 + [27] * 3)
    found = expected_regression(clinic(make, before, before - 2), "PHQ-9", cut=15, at=AT)
    assert found.table["estimate"].isna().all()
    assert "is not known" in found.sentence
    assert len(found.plot().patches) == 0


def test_well_being_rises_back_to_the_mean(make):
    rng = np.random.default_rng(8)
    before = 4 * np.round(rng.normal(10, 3, 200)).clip(0, 12)
    cohort = clinic(make, before, before + 8, instrument="WHO-5")
    found = expected_regression(
        cohort, "WHO-5", cut=48, population_mean=55, population_sd=18, reliability=0.5, at=AT
    )
    # SD (1 - r) H((55 - 48) / 18): 9 * phi(.3889) / (1 - Phi(.3889)) = 9 * .3698826 / .3486824, R 4.2.2.
    assert found.table["estimate"].iloc[0] == pytest.approx(9.547, abs=2e-3)
    assert "mean rise of 8.0 points" in found.sentence


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"cut": "10"}, "cut is one number"),
        ({"cut": float("nan")}, "cut is one number"),
        ({"cut": 10, "population_mean": 14, "population_sd": float("inf")}, "are numbers in points"),
        ({"cut": 10, "population_mean": 14}, "give population_mean and population_sd together"),
        ({"cut": 10, "reliability": ()}, "reliability takes one number or several"),
        ({"cut": 10, "reliability": 1.2}, "reliability takes one number or several"),
        ({"cut": 10, "n_baselines": 0}, "n_baselines must be"),
        ({"cut": 26}, "give population_mean and population_sd from a published sample"),
    ],
)
def test_what_cannot_be_used_is_refused(make, words, message):
    cohort = clinic(make, [15, 20, 12, 18], [10, 11, 12, 9])
    with pytest.raises(DataError, match=message):
        expected_regression(cohort, "PHQ-9", at=AT, **words)


def test_the_bar_is_divided_at_what_is_expected(untreated):
    found = expected_regression(
        untreated, "PCL-5", cut=31, population_mean=40, population_sd=12, reliability=(0.9, 0.95), at=AT
    )
    parts = {patch.get_gid(): patch for patch in found.plot().patches}
    least, most = sorted(found.table["estimate"])
    assert parts["expected-least"].get_width() == pytest.approx(least)
    assert parts["expected-range"].get_x() + parts["expected-range"].get_width() == pytest.approx(most)
    end = parts["rest"].get_x() + parts["rest"].get_width()
    assert end == pytest.approx(found.table["observed"].iloc[0])
