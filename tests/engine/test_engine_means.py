"""Means with t intervals."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.errors import DataError


def test_student_s_sleep_data_give_the_published_interval():
    # R: t.test(extra ~ 1, data = sleep, subset = group == 2), mean 2.33, 0.8976775 to 3.7623225.
    sleep = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = mean_interval(sleep)
    assert found.mean[0] == pytest.approx(2.33, abs=1e-12)
    assert (found.conf_low[0], found.conf_high[0]) == pytest.approx((0.8976775, 3.7623225), abs=1e-7)
    assert (found.n[0], found.df[0]) == (10, 9)


def test_groups_are_independent_of_each_other_and_may_be_empty():
    found = mean_interval([1, 2, 3, 10, 20, np.nan], codes=[0, 0, 0, 2, 2, 2], n_groups=4)
    assert found.n.tolist() == [3, 0, 2, 0]
    assert found.mean[[0, 2]] == pytest.approx([2, 15], abs=1e-12)
    assert found.sd[[0, 2]] == pytest.approx([1, 50**0.5], abs=1e-12)
    assert np.isnan(found.mean[[1, 3]]).all()


def test_one_value_has_a_mean_and_no_interval():
    found = mean_interval([4.0])
    assert found.mean[0] == 4
    assert np.isnan([found.sd[0], found.conf_low[0], found.conf_high[0]]).all()


def test_a_large_common_level_does_not_spoil_the_standard_deviation():
    assert mean_interval(1e9 + np.array([1.0, 2.0, 3.0])).sd[0] == pytest.approx(1, abs=1e-6)


def test_negative_codes_are_left_out():
    assert mean_interval([1, 3, 99], codes=[0, 0, -1]).mean[0] == 2


@pytest.mark.parametrize(
    ("values", "codes", "n_groups", "message"),
    [
        ([1, np.inf], None, None, "infinite"),
        ([1, 2], [0], None, "same length"),
        ([1, 2], [0, 3], 2, "not below 2"),
    ],
)
def test_malformed_values_are_refused(values, codes, n_groups, message):
    with pytest.raises(DataError, match=message):
        mean_interval(values, codes=codes, n_groups=n_groups)
