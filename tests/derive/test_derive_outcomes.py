"""Whether a score meets a definition."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.catalog.definitions import outcome
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.derive.outcomes import find_outcome, improvement, met
from ketaoutcomes.errors import DataError


@pytest.mark.parametrize(
    ("score", "expected"),
    [(16.5, True), (16.0, True), (17.0, False)],
)
def test_half_of_baseline_is_a_response(score, expected):
    instrument = find_instrument("MADRS")
    assert met(outcome("response_50"), instrument, [score], [33.0]).tolist() == [expected]


def test_below_5_excludes_5_and_at_most_5_includes_it():
    instrument = find_instrument("PHQ-9")
    scores, base = [4.0, 4.9, 5.0], [20.0, 20.0, 20.0]
    assert met(outcome("remission_phq9_lt5"), instrument, scores, base).tolist() == [True, True, False]
    assert met(outcome("remission_phq9_le5"), instrument, scores, base).tolist() == [True, True, True]


def test_partial_response_ends_where_response_begins():
    instrument = find_instrument("PHQ-9")
    # From 20: 15 is 25 % lower, 10 is 50 % lower.
    assert met(outcome("partial_25"), instrument, [16, 15, 11, 10], [20] * 4).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_deterioration_counts_points_the_other_way():
    instrument = find_instrument("PHQ-9")
    assert met(outcome("deterioration_any"), instrument, [20, 21, 19], [20] * 3).tolist() == [
        False,
        True,
        False,
    ]


def test_missing_scores_meet_nothing():
    instrument = find_instrument("PHQ-9")
    assert met(outcome("response_50"), instrument, [np.nan, 5], [20, np.nan]).tolist() == [False, False]


def test_improvement_is_a_share_of_the_way_to_the_minimum():
    np.testing.assert_allclose(improvement(find_instrument("CGI-S"), [3, 1], [5, 5]), [0.5, 1.0])
    assert np.isnan(improvement(find_instrument("PHQ-9"), [3], [0])).all()
    assert np.isnan(improvement(find_instrument("WHO-5"), [30], [50])).all()


def test_default_definitions_follow_the_instrument():
    assert find_outcome("remission", find_instrument("PHQ-9")).name == "remission_phq9_lt5"
    assert find_outcome(None, find_instrument("NRS-pain")).min_fraction == pytest.approx(0.3)
    with pytest.raises(DataError, match="no outcome is called"):
        find_outcome("cured", find_instrument("PHQ-9"))
