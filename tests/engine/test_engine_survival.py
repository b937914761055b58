"""Kaplan-Meier curves against R's survival, closed forms and each other."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.survival import kaplan_meier, survival_at
from ketaoutcomes.errors import DataError

R_CURVES = json.loads((Path(__file__).resolve().parents[1] / "reference" / "kaplan_meier.json").read_text())

# Acute myelogenous leukaemia, weeks in remission and whether it ended; Miller (1997), Survival Analysis.
MAINTAINED = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
NOT_MAINTAINED = ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])

CASES = {
    "aml_maintained": (*MAINTAINED, None),
    "aml_nonmaintained": (*NOT_MAINTAINED, None),
    "flat_at_half": ([1, 2, 3, 4], [1, 1, 1, 1], None),
    "tied": ([2, 2, 2, 3, 3, 5, 5, 6], [1, 0, 1, 1, 0, 0, 1, 0], None),
    "weighted": ([1, 2, 4, 4, 7], [1, 0, 1, 0, 1], [3, 1, 2, 2, 4]),
    "no_events": ([1, 2, 3], [0, 0, 0], None),
}
COLUMNS = ("time", "n_at_risk", "n_events", "n_censored", "survival", "std_error", "conf_low", "conf_high")


@pytest.mark.parametrize("name", CASES)
def test_curve_equals_that_of_r(name):
    # tests/reference/kaplan_meier.R: survfit with log-log limits.
    time, event, weights = CASES[name]
    curve, expected = kaplan_meier(time, event, weights=weights), R_CURVES[name]
    for column in COLUMNS:
        wanted = np.array([np.nan if value is None else value for value in expected[column]], float)
        np.testing.assert_allclose(getattr(curve, column), wanted, atol=1e-9, err_msg=column)
    for column in ("median", "median_low", "median_high"):
        wanted = np.inf if expected[column] is None else expected[column]
        assert getattr(curve, column) == wanted, column


def test_medians_of_the_leukaemia_trial_are_31_and_23_weeks():
    # R survival::aml, as in every textbook.
    assert kaplan_meier(*MAINTAINED).median == 31
    assert kaplan_meier(*NOT_MAINTAINED).median == 23


def test_lung_curves_by_sex_equal_those_of_r(shared):
    with (shared / "reference" / "lung.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    answer = json.loads((shared / "reference" / "lung.json").read_text())
    expected = answer["km_sex_log-log"]
    names = {
        "surv": "survival",
        "std.err": "std_error",
        "lower": "conf_low",
        "upper": "conf_high",
        "n.risk": "n_at_risk",
        "time": "time",
    }
    found = {column: [] for column in names}
    medians = []
    for sex in ("1", "2"):
        group = [row for row in rows if row["sex"] == sex]
        curve = kaplan_meier([float(row["time"]) for row in group], [row["status"] == "2" for row in group])
        for column, name in names.items():
            # R's summary lists the times of events only.
            found[column].extend(getattr(curve, name)[curve.n_events > 0])
        medians.append((curve.median, curve.median_low, curve.median_high))
    for column, values in found.items():
        wanted = [row.get(column) if row.get(column) is not None else np.nan for row in expected]
        np.testing.assert_allclose(values, np.array(wanted, float), atol=1e-9, err_msg=column)
    wanted = [(row["median"], row["0.95LCL"], row["0.95UCL"]) for row in answer["median_loglog"]]
    assert medians == wanted


def test_survival_of_lung_at_half_a_year(shared):
    # R survival::lung, both sexes: S(180) = 0.72167 (se 0.029812), median 310.
    with (shared / "reference" / "lung.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    curve = kaplan_meier([float(row["time"]) for row in rows], [row["status"] == "2" for row in rows])
    place = np.searchsorted(curve.time, 180, side="right") - 1
    assert curve.survival[place] == pytest.approx(0.72167, abs=5e-6)
    assert curve.std_error[place] == pytest.approx(0.029812, abs=5e-7)
    assert curve.median == 310


def test_without_censoring_the_curve_is_the_share_still_waiting():
    curve = kaplan_meier([3, 1, 2, 2, 5], [1] * 5)
    assert curve.survival == pytest.approx([0.8, 0.4, 0.2, 0], abs=1e-15)


def test_weights_are_repeated_rows():
    time, event = np.array(MAINTAINED)
    times = np.arange(len(time)) % 3 + 1
    weighted = kaplan_meier(time, event, weights=times)
    repeated = kaplan_meier(np.repeat(time, times), np.repeat(event, times))
    np.testing.assert_allclose(weighted.survival, repeated.survival, atol=1e-15)
    np.testing.assert_allclose(weighted.conf_low, repeated.conf_low, atol=1e-15)


def test_order_of_rows_does_not_matter():
    time, event = np.array(NOT_MAINTAINED)
    order = np.random.default_rng(3).permutation(len(time))
    assert np.array_equal(
        kaplan_meier(time, event).survival, kaplan_meier(time[order], event[order]).survival
    )


def test_survival_at_a_time_is_read_after_the_step_and_unknown_beyond_follow_up():
    curve = kaplan_meier([1, 2, 4], [1, 1, 0])
    read = survival_at(curve, [0, 0.5, 1, 3, 4, 5])
    assert read[:5] == pytest.approx([1, 1, 2 / 3, 1 / 3, 1 / 3], abs=1e-15)
    assert np.isnan(read[5])
    assert survival_at(kaplan_meier([1, 2], [1, 1]), [9])[0] == 0


@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([], [], "no rows"),
        ([1, np.nan], [1, 1], "missing or infinite"),
        ([1, -2], [1, 1], "negative"),
        ([1, 2], [1, 2], "neither true nor false"),
        ([1, 2], [1], "same length"),
    ],
)
def test_malformed_times_are_refused(time, event, message):
    with pytest.raises(DataError, match=message):
        kaplan_meier(time, event)


def test_all_problems_are_told_at_once():
    with pytest.raises(DataError) as caught:
        kaplan_meier([np.nan, -1, 1], [1, 1, 3])
    assert len(caught.value.problems) == 3
