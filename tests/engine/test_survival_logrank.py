"""The log-rank test, late entries and the five kinds of interval against R's survival."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.survival import INTERVALS, kaplan_meier, logrank
from ketaoutcomes.errors import DataError

R = json.loads((Path(__file__).resolve().parents[1] / "reference" / "competing.json").read_text())
LUNG, AML, LATE = R["lung"], R["aml"], R["late"]
SEX = np.array(LUNG["sex"]) - 1


def check(test, expected):
    assert test.statistic == pytest.approx(expected["statistic"], rel=1e-11)
    np.testing.assert_allclose(test.observed, expected["observed"], atol=1e-11)
    np.testing.assert_allclose(test.expected, expected["expected"], atol=1e-11)


def test_leukaemia_groups_equal_those_of_r():
    test = logrank(AML["time"], AML["event"], AML["group"])
    check(test, R["logrank_aml"])
    # As in every textbook: 3.3964, p .0653.
    assert (test.statistic, test.p_value) == pytest.approx((3.3964, 0.0653), abs=5e-5)
    assert test.df == 1
    assert test.n.tolist() == [11, 12]


@pytest.mark.parametrize(("name", "rho"), [("logrank_lung", 0), ("logrank_lung_rho", 1)])
def test_lung_by_sex_equals_that_of_r(name, rho):
    check(logrank(LUNG["time"], LUNG["event"], SEX, rho=rho), R[name])


def test_strata_equal_those_of_r():
    ecog = np.array(LUNG["ecog"], float)
    known = np.isfinite(ecog)
    test = logrank(
        np.array(LUNG["time"])[known], np.array(LUNG["event"])[known], SEX[known], strata=ecog[known] == 0
    )
    check(test, R["logrank_lung_strata"])


def test_late_entries_equal_the_score_test_of_a_cox_model():
    # R: coxph(Surv(entry, time, event) ~ group), distinct times, score test.
    test = logrank(LATE["time"], LATE["event"], LATE["group"], entry=LATE["entry"])
    assert test.statistic == pytest.approx(LATE["statistic"], rel=1e-9)
    assert test.p_value == pytest.approx(LATE["p_value"], rel=1e-9)
    assert test.df == 2


def test_observed_and_expected_add_up_to_the_events():
    test = logrank(LATE["time"], LATE["event"], LATE["group"], entry=LATE["entry"])
    assert test.observed.sum() == pytest.approx(test.expected.sum(), abs=1e-10)
    assert test.observed.sum() == sum(LATE["event"])


def test_a_group_that_leaves_before_the_first_event_is_not_compared():
    test = logrank([1, 5, 6, 7, 8], [0, 1, 1, 1, 1], [2, 0, 1, 0, 1])
    without = logrank([5, 6, 7, 8], [1, 1, 1, 1], [0, 1, 0, 1])
    assert test.statistic == pytest.approx(without.statistic, abs=1e-12)
    assert test.df == 1


def test_no_events_give_no_p_value():
    test = logrank([1, 2, 3], [0, 0, 0], [0, 1, 1])
    assert test.df == 0
    assert np.isnan(test.p_value)


def test_codes_of_groups_are_whole_numbers():
    with pytest.raises(DataError, match="whole numbers"):
        logrank([1, 2], [1, 1], [0.5, 1])


def test_late_entries_of_a_curve_equal_those_of_r():
    expected = LATE["km"]
    curve = kaplan_meier(LATE["time"], LATE["event"], entry=LATE["entry"])
    for column in ("time", "n_at_risk", "survival", "std_error", "conf_low", "conf_high"):
        wanted = np.array(expected[column], float)
        found = getattr(curve, column)
        inside = np.isfinite(wanted) & (curve.survival < 1)
        np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-12, err_msg=column)


def test_an_entry_at_the_time_of_an_event_is_not_at_risk_of_it():
    curve = kaplan_meier([2, 3, 4], [1, 1, 1], entry=[0, 2, 0])
    assert curve.n_at_risk.tolist() == [2, 2, 1]
    assert curve.survival == pytest.approx([1 / 2, 1 / 4, 0], abs=1e-15)


def test_an_entry_after_the_time_is_refused():
    with pytest.raises(DataError, match="not before the time"):
        kaplan_meier([2, 3], [1, 1], entry=[2, 0])


@pytest.mark.parametrize("interval", INTERVALS)
def test_limits_of_every_kind_equal_those_of_r(interval):
    expected = R["lung_km"]
    curve = kaplan_meier(LUNG["time"], LUNG["event"], interval=interval)
    np.testing.assert_allclose(curve.conf_low, expected[interval]["conf_low"], atol=1e-12)
    np.testing.assert_allclose(curve.conf_high, expected[interval]["conf_high"], atol=1e-12)
    found = (curve.median, curve.median_low, curve.median_high)
    assert found == tuple(expected[interval][name] for name in ("median", "median_low", "median_high"))


def test_the_median_of_lung_with_limits_on_the_log_scale():
    # R survival::lung, its default: 310 (285, 363).
    curve = kaplan_meier(LUNG["time"], LUNG["event"], interval="log")
    assert (curve.median, curve.median_low, curve.median_high) == (310, 285, 363)


@pytest.mark.parametrize("interval", INTERVALS)
def test_limits_of_lung_by_sex_equal_those_of_r(interval, shared):
    with (shared / "reference" / "lung.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    answer = json.loads((shared / "reference" / "lung.json").read_text())[f"km_sex_{interval}"]
    found = {"lower": [], "upper": []}
    for sex in ("1", "2"):
        group = [row for row in rows if row["sex"] == sex]
        curve = kaplan_meier(
            [float(row["time"]) for row in group],
            [row["status"] == "2" for row in group],
            interval=interval,
        )
        # R's summary lists the times of events only.
        found["lower"].extend(curve.conf_low[curve.n_events > 0])
        found["upper"].extend(curve.conf_high[curve.n_events > 0])
    for column, values in found.items():
        wanted = [row[column] if row.get(column) is not None else np.nan for row in answer]
        np.testing.assert_allclose(values, np.array(wanted, float), atol=1e-9, err_msg=column)


def test_an_interval_of_another_name_is_refused():
    with pytest.raises(DataError, match="interval must be one of"):
        kaplan_meier([1], [1], interval="wald")
