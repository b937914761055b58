"""Gray's test against cmprsk."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.gray import gray_test
from ketaoutcomes.errors import DataError

FOLDER = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((FOLDER / "competing.json").read_text())
with (FOLDER / "competing_mgus2.csv").open() as lines:
    ROWS = list(csv.DictReader(lines))
TIME = np.array([float(row["etime"]) for row in ROWS])
EVENT = np.array([int(row["event"]) for row in ROWS])
SITE = np.array([int(row["site"]) for row in ROWS])
SEX = np.array([int(row["sex"] == "M") for row in ROWS])
# Up to 60, 70, 80 years, older: as in the script.
AGE_GROUP = np.digitize([float(row["age"]) for row in ROWS], [60, 70, 80], right=True)

CASES = {
    "gray_sex": (SEX, {}),
    "gray_age": (AGE_GROUP, {}),
    "gray_sex_site": (SEX, {"strata": SITE}),
    "gray_age_rho": (AGE_GROUP, {"rho": 1}),
}


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_statistic_equals_that_of_cmprsk(name, cause):
    # tests/reference/competing.R: cuminc of cmprsk 2.2-11.
    group, options = CASES[name]
    test = gray_test(TIME, EVENT, group, cause=cause, **options)
    assert test.statistic == pytest.approx(R[name]["statistic"][cause - 1], rel=1e-11)
    assert test.p_value == pytest.approx(R[name]["p_value"][cause - 1], abs=1e-13)
    assert test.df == R[name]["df"][cause - 1]


def test_the_published_statistics_of_mgus2_by_sex():
    # cmprsk: progression 1.194508, p = .274422; death 11.651259, p = .000641591.
    progression, death = (gray_test(TIME, EVENT, SEX, cause=cause) for cause in (1, 2))
    assert (progression.statistic, progression.p_value) == pytest.approx((1.194508, 0.274422), abs=5e-7)
    assert (death.statistic, death.p_value) == pytest.approx((11.651259, 0.000641591), abs=5e-7)
    assert progression.n.tolist() == [631, 753]
    assert progression.n_events.sum() == 115


@pytest.mark.parametrize("cause", [1, 2])
def test_ties_and_a_group_that_ends_early_equal_those_of_cmprsk(cause):
    case = R["tied"]
    test = gray_test(case["time"], case["event"], case["group"], cause=cause)
    assert test.statistic == pytest.approx(case["gray"]["statistic"][cause - 1], rel=1e-11)


def test_names_and_order_of_groups_do_not_matter():
    one = gray_test(TIME, EVENT, AGE_GROUP)
    two = gray_test(TIME[::-1] / 12, EVENT[::-1], np.array([7, 0, 3, 1])[AGE_GROUP][::-1])
    # The statistic leaves out one group, another one here: the same but for rounding.
    assert two.statistic == pytest.approx(one.statistic, rel=1e-10)
    assert two.df == 3


@pytest.mark.parametrize(
    ("event", "group"), [([1, 1, 0], [0, 0, 0]), ([2, 2, 0], [0, 1, 0]), ([0, 0, 0], [0, 1, 1])]
)
def test_groups_that_cannot_be_compared_have_no_p_value(event, group):
    test = gray_test([1, 2, 3], event, group)
    assert np.isnan(test.statistic)
    assert np.isnan(test.p_value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_codes": [0, 1]}, "one value per row"),
        ({"group_codes": [0.5, 1, 0]}, "whole numbers from 0"),
        ({"group_codes": [-1, 1, 0]}, "whole numbers from 0"),
        ({"strata": [1]}, "strata must be"),
    ],
)
def test_codes_that_cannot_be_used_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        gray_test([1, 2, 3], [1, 1, 0], **({"group_codes": [0, 1, 1]} | options))
