"""Vital signs: readings that are incomplete, in rows of their own, beside a monitor, or late."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis.vital_clinic import clinic, grid
from matplotlib.text import Text
from scipy.stats import beta

from ketaoutcomes.analysis.vital_signs import vital_signs
from ketaoutcomes.draw import theme
from ketaoutcomes.engine.rates import cluster_ratio

COMPOSITE = ("bp_180_110", "aha_exaggerated", "rise_40_25")


def half_read(n_met=41, n=400):
    """Sessions of which `n_met` pass every systolic rule; the second half has no diastolic pressure."""
    rows = grid(n, 1, (0, 20, 40, 60))
    # Met in every ninth of the first 9 * n_met sessions: on both sides of the half.
    met = (rows["patient"] % 9 == 0) & (rows["patient"] < 9 * n_met)
    rows["sbp"] = np.where(met & (rows["minute"] == 40), 205.0, 120.0)
    rows["dbp"] = np.where(rows["patient"] < n // 2, 75.0, np.nan)
    return rows


def test_what_one_sign_shows_is_counted_and_the_rest_of_what_was_read_in_part_gives_bounds():
    rows = half_read()
    found = vital_signs(clinic(rows), rules=COMPOSITE)
    # Of sessions 0, 9, ..., 360 are 23 below 200 and 18 above: 182 of these 200 are not known.
    for row in found.excursions.to_dict("records"):
        assert (row["n_events"], row["n"], row["n_unknown"], row["n_without"]) == (41, 400, 182, 0)
        assert (row["estimate"], row["estimate_high"]) == (41 / 400, 223 / 400)
        assert (row["n_patients"], row["n_patients_with"]) == (400, 41)
        assert (row["patient_share"], row["patient_share_high"]) == (41 / 400, 223 / 400)
    (note,) = (note for note in found.notes if "n_unknown" in note)
    assert "bp_180_110: 182, 10% to 56%" in note
    assert "not known  readings" in found.summary()
    whole = vital_signs(clinic(rows.assign(dbp=75.0)), rules=COMPOSITE)
    assert whole.excursions["n_unknown"].eq(0).all()
    assert whole.excursions["n_events"].tolist() == [41] * 3
    assert not any("n_unknown" in note for note in whole.notes)
    assert "not known  readings" not in whole.summary()


def test_the_interval_begins_with_the_lower_bound_and_ends_with_the_upper_one():
    row = vital_signs(clinic(half_read()), rules="bp_180_110").excursions.iloc[0]
    low, high = (
        cluster_ratio([1] * 41 + [0] * 359, [1] * 400),
        cluster_ratio([1] * 223 + [0] * 177, [1] * 400),
    )
    assert (row["conf_low"], row["conf_high"]) == (low.conf_low, high.conf_high)
    # Exact limits as quantiles of the beta distribution (Clopper and Pearson 1934).
    exact = beta.ppf(0.025, 41, 360), beta.ppf(0.975, 224, 177)
    assert (row["patient_low"], row["patient_high"]) == pytest.approx(exact, rel=1e-9)


def test_with_none_recorded_and_some_not_known_there_is_no_sentence_of_none():
    # 129 sessions of 43 patients at 120, most without a diastolic pressure.
    rows = grid(43, 3, (0, 20, 40)).assign(sbp=120.0, dbp=np.nan)
    rows.loc[rows["patient"] < 12, "dbp"] = 75.0
    found = vital_signs(clinic(rows, n_sessions=3), rules=("bp_180_110", "rise_30_mmhg"))
    table = found.excursions.set_index("rule")
    assert table.loc["bp_180_110", ["n_events", "n", "n_unknown"]].tolist() == [0, 129, 93]
    assert table.loc["bp_180_110", ["upper_sessions", "upper_patients"]].isna().all()
    assert table.loc["bp_180_110", "estimate_high"] == 93 / 129
    assert table.loc["bp_180_110", "conf_high"] > 93 / 129
    said = [line for line in found.summary().splitlines() if "none in" in line]
    assert len(said) == 1
    assert "SBP rise ≥30 mmHg: none in 129 sessions of 43 patients" in said[0]


@pytest.mark.parametrize("n_read", [0, 1, 5, 43])
@pytest.mark.parametrize("n_met", [0, 1, 20, 43])
def test_bounds_hold_the_truth_and_the_interval_holds_the_bounds(n_read, n_met):
    # 43 patients of three sessions; the first n_met pass 205 in their first session, a few more by
    # diastolic pressure alone; diastolic pressure is on record for the first n_read patients.
    rows = grid(43, 3, (0, 20, 40)).assign(sbp=120.0, dbp=75.0)
    peak = (rows["minute"] == 20) & (rows["session"] == 1)
    rows.loc[peak & (rows["patient"] < n_met), "sbp"] = 205.0
    rows.loc[peak & (rows["patient"] >= 40), "dbp"] = 115.0
    truth = (n_met + 3 - max(n_met - 40, 0)) / 129
    rows.loc[rows["patient"] >= n_read, "dbp"] = np.nan
    row = vital_signs(clinic(rows, n_sessions=3), rules="bp_180_110").excursions.iloc[0]
    assert row["n"] == 129
    assert row["conf_low"] <= row["estimate"] <= truth <= row["estimate_high"] <= row["conf_high"]
    assert row["patient_low"] <= row["patient_share"] <= row["patient_share_high"] <= row["patient_high"]
    assert row["estimate_high"] == (row["n_events"] + row["n_unknown"]) / 129


def test_a_reading_that_cannot_be_confirmed_is_not_known_with_confirmed():
    # Of 30 sessions 10 have one reading after the start, 10 two of 190, 10 two of 120.
    rows = grid(30, 1, (0, 20, 40))
    rows["sbp"] = np.where((rows["patient"] < 10) & (rows["minute"] > 0), 190.0, 120.0)
    rows = rows[(rows["patient"] < 20) | (rows["minute"] < 40)]
    row = vital_signs(clinic(rows), rules="rise_30_mmhg", confirmed=True).excursions.iloc[0]
    assert (row["n_events"], row["n"], row["n_unknown"]) == (10, 30, 10)
    assert (row["estimate"], row["estimate_high"]) == (1 / 3, 2 / 3)


def test_pressures_in_rows_of_their_own_are_one_reading():
    rows = grid(100, 1, (0, 20, 40, 60))
    rows["sbp"] = np.where((rows["patient"] < 10) & (rows["minute"] == 40), 185.0, 120.0)
    apart = pd.concat([rows, rows.drop(columns="sbp").assign(dbp=75.0)], ignore_index=True)
    found = vital_signs(clinic(apart), rules=("bp_180_110", "aha_exaggerated", "rise_40_25")).excursions
    assert found[["n_events", "n", "n_patients"]].to_numpy().tolist() == [[10, 100, 100]] * 3


def test_the_change_beside_a_rule_is_to_the_extreme_on_its_side():
    rows = grid(20, 1, (0, 10, 20, 40))
    at = rows["minute"].map({0: 0, 10: -25, 20: 30, 40: 2})
    rows = rows.assign(heart_rate=70.0 + at, sbp=120.0 + at)
    rules = ["hr_below_50", {"low": {"sign": "sbp", "below": 100}, "high": {"sign": "sbp", "above": 140}}]
    assert vital_signs(clinic(rows), rules=rules).excursions["change"].tolist() == [-25, -25, 30]


def test_the_course_says_when_its_readings_were_taken():
    rng = np.random.default_rng(3)
    rows = grid(20, 1, (0, 20, 40))
    rows["sbp"] = 120 + rng.normal(0, 5, len(rows))
    late = (rows["patient"] < 5) & (rows["minute"] == 40)
    course = vital_signs(clinic(rows.assign(minute=rows["minute"] + 4 * late)), rules="rise_30_mmhg").course
    assert course["minute"].tolist() == [20, 40]
    # A fourth of them is 4 minutes late.
    assert course["minute_mean"].tolist() == [20, 41]


def test_pressure_beside_a_monitor_that_reads_every_minute_is_at_its_nominal_minutes():
    rng = np.random.default_rng(5)
    rows = grid(60, 1, range(71)).assign(spo2=98.0, sbp=np.nan)
    rows["spo2"] -= rows["minute"] % 2
    shift = rng.integers(-2, 4, 60)[rows["patient"]]
    for minute in (0, 20, 40, 60):
        read = rows["minute"] == (minute + shift if minute else 0)
        rows.loc[read, "sbp"] = np.round(120 + 20 * (minute == 40) + rng.normal(0, 3, int(read.sum())))
    bound = vital_signs(clinic(rows), rules="rise_30_mmhg", nominal_minutes=(0, 20, 40, 60))
    table = bound.table.set_index("sign")
    assert (table.loc["sbp", "n"], table.loc["sbp", "readings_min"]) == (60, 3)
    assert bound.excursions["n"].tolist() == [60]
    for course in (bound.course, vital_signs(clinic(rows), rules="rise_30_mmhg").course):
        own = course[course["sign"] == "sbp"]
        assert own["n"].tolist() == [60, 60, 60]
        assert np.abs(own["minute"] - [20, 40, 60]).max() <= 1


def test_the_return_with_nominal_minutes_starts_at_a_minute_that_was_read():
    # Two readings are equally near minute 10, and nothing is read after them.
    rows = pd.concat(
        [
            grid(12, 1, [minute]).assign(sbp=value)
            for minute, value in ((0, 100), (8, 150), (12, 105), (12.5, 140))
        ]
    )
    found = vital_signs(
        clinic(rows), rules={"x": {"sign": "sbp", "above": 180}}, nominal_minutes=(0, 10, 20), window=(0, 120)
    ).returned  # fmt: skip
    assert found["n"].tolist() == [0] * 4
    rows = pd.concat([rows, grid(12, 1, [21]).assign(sbp=130)])
    back = vital_signs(
        clinic(rows), rules={"x": {"sign": "sbp", "above": 180}}, nominal_minutes=(0, 10, 20)
    ).returned  # fmt: skip
    median = back[back["quantity"] == "median"].iloc[0]
    assert (median["estimate"], median["estimate_high"], median["n"]) == (8, 12, 12)


def test_the_picture_says_none_recorded_only_where_all_is_known():
    rows = grid(20, 1, (0, 20, 40)).assign(sbp=120.0, dbp=75.0)
    for dbp, said in ((rows["dbp"], True), (rows["dbp"].where(rows["patient"] < 5), False)):
        _, ax = theme.new_figure()
        found = vital_signs(clinic(rows.assign(dbp=dbp)), rules="bp_180_110")
        words = [text.get_text() for text in found.plot(ax, kind="excursions").figure.findobj(Text)]
        assert any("none recorded" in text for text in words) is said
