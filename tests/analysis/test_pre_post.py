"""Change between baseline and window: numbers worked by hand, and who is not counted."""

import numpy as np
import pytest

from ketaoutcomes.analysis.pre_post import BAND, pre_post
from ketaoutcomes.errors import DataError

HOURS = 24.0
BEFORE = (20, 18, 16, 12, 22)
AFTER = (10, 12, 4, 11, None)


@pytest.fixture
def cohort(make):
    """Five patients with one session each; day 28 is scored in four of them."""
    names = [f"P{number}" for number in range(5)]
    sessions = [(name, 0.0) for name in names] + [("P0", 60 * HOURS)]
    scores = [(name, -HOURS, score) for name, score in zip(names, BEFORE, strict=True)]
    scores += [
        (name, 28 * HOURS, score) for name, score in zip(names, AFTER, strict=True) if score is not None
    ]
    return make(sessions, scores)


def test_means_and_change_are_those_worked_by_hand(cohort):
    # Pairs 20-10, 18-12, 16-4, 12-11: means 16.5 and 9.25, changes -10, -6, -12, -1.
    row = pre_post(cohort, "PHQ-9", at="day_28").table.iloc[0]
    assert (row["n"], row["n_missing"]) == (4, 1)
    assert (row["mean_before"], row["mean_after"], row["estimate"]) == (16.5, 9.25, -7.25)
    # Squares about -7.25: 7.5625, 1.5625, 22.5625, 39.0625, in all 70.75; over 3.
    assert row["sd"] == pytest.approx(np.sqrt(70.75 / 3))
    # t(0.975, 3 df) = 3.182446 [printed tables].
    half = 3.182446 * np.sqrt(70.75 / 3) / 2
    assert row["conf_low"] == pytest.approx(-7.25 - half, abs=1e-5)
    assert row["conf_high"] == pytest.approx(-7.25 + half, abs=1e-5)


def test_every_effect_size_names_its_formula_and_its_limits(cohort):
    result = pre_post(cohort, "PHQ-9", at="day_28")
    sizes = result.effect_sizes.set_index("effect_size")
    assert list(sizes.index) == ["d_z", "d_av", "d_baseline"]
    assert sizes.loc["d_z", "estimate"] == pytest.approx(-7.25 / np.sqrt(70.75 / 3))
    # Baselines 20, 18, 16, 12: squares about 16.5 add up to 35, over 3.
    assert sizes.loc["d_baseline", "estimate"] == pytest.approx(-7.25 / np.sqrt(35 / 3))
    assert sizes["formula"].str.startswith("mean change / ").all()
    assert (sizes["method"] != "").all()
    assert "d_z (mean change / SD of the change)" in result.summary()


def test_bands_of_severity_have_no_effect_sizes(cohort):
    # PHQ-9: moderate 10-14, moderately severe 15-19, severe 20-27 (Kroenke 2001).
    result = pre_post(cohort, "PHQ-9", at="day_28", by_severity=True)
    found = result.table.set_index(BAND)
    assert found["n"].to_dict() == {"moderate": 1, "moderately severe": 2, "severe": 1}
    assert found.loc["severe", "n_missing"] == 1
    assert found.loc["moderately severe", "estimate"] == -9.0
    assert result.effect_sizes.empty


def test_nobody_with_both_scores_gives_a_row_without_an_estimate(make):
    cohort = make([("P0", 0.0)], [("P0", -HOURS, 15)])
    row = pre_post(cohort, "PHQ-9", at="day_28").table.iloc[0]
    assert row["n"] == 0
    assert np.isnan(row["estimate"])


def test_an_instrument_without_scores_is_refused(cohort):
    with pytest.raises(DataError, match="no score"):
        pre_post(cohort, "GAD-7")
