"""Newcombe's hybrid score interval against the paper's own table and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from ketaoutcomes.engine.newcombe import newcombe
from ketaoutcomes.errors import DataError

# Newcombe (1998), Stat. Med. 17, 873, Table II, method 10: events, trials twice, and the printed limits.
PRINTED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize(("x", "n", "y", "m", "low", "high"), PRINTED)
def test_the_limits_are_those_of_the_paper(x, n, y, m, low, high):
    difference, got_low, got_high = newcombe(x, n, y, m)
    assert difference == pytest.approx(x / n - y / m, abs=1e-15)
    # Printed to four decimals.
    assert (round(float(got_low), 4), round(float(got_high), 4)) == (low, high)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_limits_agree_with_statsmodels(level):
    got = newcombe(35, 51, 17, 24, level=level)[1:]
    theirs = confint_proportions_2indep(35, 51, 17, 24, method="newcomb", compare="diff", alpha=1 - level)
    # Both are closed forms; what is left is rounding.
    assert np.allclose(got, theirs, rtol=0, atol=1e-12)


def test_swapping_the_proportions_turns_the_interval_around():
    difference, low, high = newcombe([5, 0], [56, 10], [0, 3], [29, 20])
    other, other_low, other_high = newcombe([0, 3], [29, 20], [5, 0], [56, 10])
    assert np.allclose([difference, low, high], [-other, -other_high, -other_low], rtol=0, atol=1e-15)


def test_no_trials_give_nothing_and_impossible_counts_are_refused():
    assert np.isnan(newcombe(0, 0, 3, 10)).all()
    with pytest.raises(DataError, match="more events than trials"):
        newcombe(3, 2, 1, 5)
