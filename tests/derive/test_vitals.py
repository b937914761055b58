"""Vital signs of single sessions against closed forms: baseline, peak, area, time, return, minutes."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.catalog.vital_rules import VITAL_RULES, vital_rules
from ketaoutcomes.derive.vital_excursions import excursions, is_recorded
from ketaoutcomes.derive.vitals import Readings, at_nominal, baselines, common_minutes, peaks, returns

WINDOW = (0.0, 120.0)
BEFORE = (-60.0, 5.0)
NAN = float("nan")


def made(*sessions):
    """Readings of sessions, each a list of (minute, sbp) or (minute, sbp, dbp)."""
    rows = [
        (number, row[0], row[1], row[2] if len(row) > 2 else NAN)
        for number, session in enumerate(sessions)
        for row in session
    ]
    session, minute, sbp, dbp = (np.array(column, float) for column in zip(*rows, strict=True))
    values = {"sbp": sbp, "dbp": dbp, "map": (sbp + 2 * dbp) / 3}
    return Readings(session.astype(int), minute, values, len(sessions))


ONE = [(-10, 118), (0, 120), (10, 130), (20, 150), (40, 140), (60, 124), (90, 118)]


def base_of(found, window=BEFORE):
    return {sign: baselines(found, sign, window) for sign in found.values}


# ---- baseline


def test_the_baseline_is_the_last_reading_up_to_the_start():
    base = baselines(made(ONE), "sbp", BEFORE)
    assert (base.value[0], base.minute[0], base.after_start[0]) == (120.0, 0.0, False)


def test_without_a_reading_before_the_first_one_after_the_start_is_taken_and_named():
    base = baselines(made([(3, 121), (5, 125), (30, 150)]), "sbp", BEFORE)
    assert (base.value[0], base.minute[0], base.after_start[0]) == (121.0, 3.0, True)


def test_readings_outside_the_baseline_minutes_are_no_baseline():
    base = baselines(made([(-61, 121), (6, 125), (30, 150)]), "sbp", BEFORE)
    assert np.isnan(base.value[0])
    assert not base.after_start[0]


def test_several_readings_of_the_baseline_minute_count_by_their_mean():
    assert baselines(made([(0, 120), (0, 130), (30, 150)]), "sbp", BEFORE).value[0] == 125.0


def test_a_sign_that_was_not_read_at_the_start_has_an_earlier_baseline_of_its_own():
    base = base_of(made([(-5, 118, 80), (0, 120), (30, 150, 90)]))
    assert (base["sbp"].value[0], base["dbp"].value[0]) == (120.0, 80.0)
    assert base["dbp"].minute[0] == -5.0


# ---- peak


def test_peak_change_minute_gap_and_area_are_those_worked_out_by_hand():
    found = made(ONE)
    row = peaks(found, "sbp", baselines(found, "sbp", BEFORE), WINDOW).iloc[0]
    assert (row["peak"], row["peak_minute"], row["change"], row["n_readings"]) == (150, 20, 30, 5)
    assert row["longest_gap"] == 30
    # Trapezoids over baseline 120: 50 + 200 + 500 + 240 + 30 = 1020 mmHg min in 90 minutes.
    assert row["mean_change"] == pytest.approx(1020 / 90, rel=1e-14)


def test_the_baseline_is_never_the_peak_so_that_a_change_may_be_below_0():
    found = made([(0, 140), (20, 130), (40, 135)])
    row = peaks(found, "sbp", baselines(found, "sbp", BEFORE), WINDOW).iloc[0]
    assert (row["peak"], row["change"]) == (135, -5)


def test_the_lowest_reading_is_the_peak_of_saturation():
    found = made([(0, 98), (20, 93), (40, 93), (60, 97)])
    row = peaks(found, "sbp", baselines(found, "sbp", BEFORE), WINDOW, lowest=True).iloc[0]
    assert (row["peak"], row["peak_minute"], row["change"]) == (93, 20, -5)


def test_readings_outside_the_window_and_sessions_without_a_baseline_are_not_in():
    found = made([(0, 120), (30, 130), (130, 190)], [(30, 150), (60, 150)], [(0, 120)])
    frame = peaks(found, "sbp", baselines(found, "sbp", BEFORE), WINDOW)
    assert frame["session"].tolist() == [0]
    assert frame["peak"].tolist() == [130]


def test_without_any_later_reading_there_is_no_row():
    found = made([(0, 120)])
    frame = peaks(found, "sbp", baselines(found, "sbp", BEFORE), WINDOW)
    assert frame.empty
    assert "mean_change" in frame


# ---- return


def back_of(*sessions, within=10.0, lowest=False):
    found = made(*sessions)
    base = baselines(found, "sbp", BEFORE)
    peak = peaks(found, "sbp", base, WINDOW, lowest=lowest)
    frame = returns(found, "sbp", base, peak, np.full(len(sessions), within), lowest=lowest)
    return frame.to_numpy().tolist()


def test_the_return_lies_between_the_last_reading_away_and_the_first_one_near():
    # 140 is 20 above baseline, 124 only 4.
    assert back_of(ONE) == [[0, 40, 60]]
    assert back_of(ONE, within=20) == [[0, 20, 40]]


def test_a_session_not_seen_to_return_is_open_from_its_last_reading():
    assert back_of([(0, 120), (30, 150), (60, 140)]) == [[0, 60, np.inf]]


def test_readings_after_the_window_of_the_peak_still_show_the_return():
    assert back_of([(0, 120), (100, 150), (150, 121)]) == [[0, 100, 150]]


def test_a_session_whose_peak_stayed_near_baseline_has_nothing_to_return_from():
    assert back_of([(0, 120), (30, 130), (60, 121)], ONE) == [[1, 40, 60]]


def test_below_the_baseline_is_back_on_the_peaks_side():
    assert back_of([(0, 120), (30, 150), (60, 90)]) == [[0, 30, 60]]
    assert back_of([(0, 98), (30, 90), (60, 99)], within=1, lowest=True) == [[0, 30, 60]]


def test_the_return_is_that_after_the_peak_and_not_a_dip_before_it():
    assert back_of([(0, 120), (10, 140), (20, 121), (30, 160), (60, 120)]) == [[0, 30, 60]]


# ---- nominal minutes


def test_each_nominal_minute_gets_the_nearest_reading_within_five():
    found = made([(0, 120), (17, 130), (21, 140), (26, 150), (46, 160)])
    picked, minute = at_nominal(found, np.array([0.0, 20.0, 40.0]))
    assert minute.tolist() == [0, 20]
    assert picked.values["sbp"].tolist() == [120, 140]


def test_readings_equally_near_a_nominal_minute_count_by_their_mean():
    found = made([(18, 130), (22, 150), (40, 120), (40, 130)])
    picked, _ = at_nominal(found, np.array([20.0, 40.0]))
    assert picked.values["sbp"].tolist() == [140, 125]
    assert np.isnan(picked.values["dbp"]).all()


def test_common_minutes_are_those_at_which_sessions_are_read():
    often = [(minute, 120) for minute in (0, 10, 20, 30, 40, 60, 90)]
    seldom = [(minute, 120) for minute in (0, 20, 40, 90)]
    found = made(*[often] * 5, *[seldom] * 5, [(0, 120), (75, 120)])
    # 75 was read in one of eleven sessions, less than a tenth.
    assert common_minutes(found, "sbp", WINDOW).tolist() == [10, 20, 30, 40, 60, 90]


def test_scattered_minutes_are_put_together():
    rng = np.random.default_rng(1)
    sessions = [
        [(0, 120), (30 + rng.integers(-2, 3), 120), (60 + rng.integers(-2, 3), 120)] for _ in range(200)
    ]
    found = common_minutes(made(*sessions), "sbp", WINDOW)
    assert len(found) == 2
    assert np.abs(found - [30, 60]).max() <= 1


# ---- excursions


def excursion(rule, *sessions, confirmed=False, window=WINDOW):
    found = made(*sessions)
    (rule,) = vital_rules(rule)
    frame = excursions(found, rule, base_of(found), window, confirmed=confirmed)
    return {int(row["session"]): row for row in frame.to_dict("records")}


SBP_145 = {"sbp_145": {"sign": "sbp", "at_least": 145}}


def test_minutes_beyond_a_threshold_are_those_of_straight_lines_between_readings():
    row = excursion(SBP_145, ONE)[0]
    # 130 to 150 passes 145 at 17.5, 150 to 140 at 30.
    assert row["event"]
    assert row["minutes_above"] == pytest.approx(12.5, rel=1e-14)
    assert row["minutes_observed"] == 90


def test_minutes_of_either_of_two_signs_count_once():
    # Systolic at or above 145 from 17.5 to 30; diastolic at or above 90 from 25 to 40 and on to 50.
    session = [(0, 120, 80), (10, 130, 80), (20, 150, 80), (30, 145, 100), (40, 130, 90), (60, 130, 80)]
    rule = {"both": {"any": [{"sign": "sbp", "at_least": 145}, {"sign": "dbp", "at_least": 90}]}}
    assert excursion(rule, session)[0]["minutes_above"] == pytest.approx(22.5, rel=1e-14)


def test_minutes_of_opposite_lines_in_one_segment_add_up_and_are_all_where_they_meet():
    rule = {"both": {"any": [{"sign": "sbp", "at_least": 150}, {"sign": "dbp", "at_least": 90}]}}
    # Systolic is above for the first half, diastolic for the last fourth, or for the last half.
    apart = excursion(rule, [(0, 160, 60), (40, 140, 100)])[0]["minutes_above"]
    meeting = excursion(rule, [(0, 160, 80), (40, 140, 100)])[0]["minutes_above"]
    assert (apart, meeting) == (pytest.approx(30.0), pytest.approx(40.0))


def test_minutes_below_a_threshold_are_found_too():
    row = excursion({"low": {"sign": "sbp", "below": 100}}, [(0, 110), (10, 90), (30, 110)])[0]
    assert row["minutes_above"] == pytest.approx(15.0)


def test_at_or_above_includes_the_number_and_above_does_not():
    session = [(0, 120), (20, 150), (40, 120)]
    for comparison, event in (("at_least", True), ("above", False)):
        assert excursion({"x": {"sign": "sbp", comparison: 150}}, session)[0]["event"] is event


def test_a_rise_of_exactly_a_fifth_meets_the_rule_whatever_the_rounding():
    for usual in (95, 110, 115, 120, 135):
        assert excursion("rise_20_percent", [(0, usual), (30, usual * 6 / 5)])[0]["event"]


def test_mean_pressure_more_than_15_above_baseline_is_an_exaggerated_response():
    # Mean pressure 93.33 to 108.33 is exactly 15; one more diastolic point is beyond it.
    at = excursion("aha_exaggerated", [(0, 120, 80), (30, 125, 100)])[0]
    beyond = excursion("aha_exaggerated", [(0, 120, 80), (30, 125, 101)])[0]
    assert not at["event"]
    assert beyond["event"]


def test_the_label_rule_ends_after_90_minutes():
    late = [(0, 120, 80), (60, 130, 80), (91, 170, 80)]
    assert not excursion("rise_40_25", late)[0]["event"]
    assert excursion("rise_40_25", [(0, 120, 80), (60, 130, 80), (90, 160, 80)])[0]["event"]
    assert excursion("rise_40_25", [(0, 120, 80), (60, 130, 105)])[0]["event"]


def test_changes_need_a_baseline_and_readings_as_such_do_not():
    sessions = ([(30, 170, 80), (40, 170, 80)], [(0, 120, 80), (30, 170, 80)])
    assert set(excursion("rise_30_mmhg", *sessions)) == {1}
    assert set(excursion("bp_165_100", *sessions)) == {0, 1}


def test_two_readings_in_a_row_confirm_each_other():
    apart = [(0, 120), (10, 150), (20, 130), (30, 150)]
    again = [(0, 120), (10, 150), (10, 148), (30, 130)]
    single = [(0, 120), (10, 130)]
    found = excursion(SBP_145, apart, again, single, confirmed=True)
    assert {number: row["event"] for number, row in found.items()} == {0: False, 1: True, 2: False}
    assert all(row["event"] for row in list(excursion(SBP_145, apart, again).values()))


def test_a_reading_of_one_sign_tells_only_if_it_meets_the_rule():
    # Systolic alone: below 165 leaves the diastolic open, at 170 it does not matter.
    found = excursion(
        "bp_165_100", [(0, 120), (30, 130)], [(0, 120), (30, 170)], [(0, 120, 80), (30, 130, 85)]
    )
    assert {number: row["event"] for number, row in found.items()} == {1: True, 2: False}


def test_a_session_read_at_the_start_only_is_not_counted_as_free_of_excursions():
    assert excursion(SBP_145, [(0, 120)], [(-5, 120), (0, 121)]) == {}


def test_a_baseline_that_meets_the_rule_already_is_marked():
    found = excursion("bp_165_100", [(0, 170, 90), (30, 171, 90)], [(0, 120, 80), (30, 171, 90)])
    assert [row["already"] for row in found.values()] == [True, False]


def test_a_rule_whose_sign_was_never_read_is_known_as_such():
    found = made(ONE)
    only = Readings(found.session, found.minute, {"sbp": found.values["sbp"]}, 1)
    assert not is_recorded(VITAL_RULES["bp_165_100"], only)
    assert is_recorded(VITAL_RULES["rise_30_mmhg"], only)
