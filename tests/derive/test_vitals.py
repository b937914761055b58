"""Vital signs of single sessions against closed forms: baseline, peak, area, time, return, minutes."""

from __future__ import annotations

import numpy as np
import pytest
from derive.session_readings import BEFORE, NAN, ONE, WINDOW, made

from ketaoutcomes.derive.vitals import (
    at_nominal,
    baselines,
    common_minutes,
    peaks,
    returns,
)

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
    found = made([(-5, 118, 80), (0, 120), (30, 150, 90)])
    base = {sign: baselines(found, sign, BEFORE) for sign in ("sbp", "dbp")}
    assert (base["sbp"].value[0], base["dbp"].value[0]) == (120.0, 80.0)
    assert base["dbp"].minute[0] == -5.0


def test_rows_of_one_minute_are_one_reading_with_the_mean_of_each_sign():
    found = made([(0, 120), (0, NAN, 78), (0, 124), (0, NAN, 80), (0, 122, NAN), (30, 150, 90)])
    assert found.minute.tolist() == [0, 30]
    assert found.values["sbp"].tolist() == [122, 150]
    assert found.values["dbp"].tolist() == [79, 90]
    # (122 + 2 * 79) / 3, though no row had both.
    assert found.values["map"].tolist() == pytest.approx([280 / 3, 110], rel=1e-14)


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


def test_a_peak_that_is_no_reading_of_the_session_never_reads_another_session():
    # Peaks at minute 10 as if two readings at 8 and 12 had been put together.
    found = made([(0, 100), (8, 150), (12, 105)], [(0, 100), (8, 150)], [(0, 100), (8, 150), (40, 101)])
    base = baselines(found, "sbp", BEFORE)
    peak = peaks(found, "sbp", base, WINDOW).assign(peak_minute=10.0)
    frame = returns(found, "sbp", base, peak, np.full(3, 10.0))
    assert frame.to_numpy().tolist() == [[0, 10, 12], [1, 10, np.inf], [2, 10, 40]]


# ---- nominal minutes


def test_each_nominal_minute_gets_the_nearest_reading_within_five():
    found = made([(0, 120), (17, 130), (21, 140), (26, 150), (46, 160)])
    picked, minute = at_nominal(found, np.array([0.0, 20.0, 40.0]))
    assert minute.tolist() == [0, 20]
    assert picked.values["sbp"].tolist() == [120, 140]


def test_of_readings_equally_near_a_nominal_minute_the_earlier_is_taken_at_its_own_minute():
    found = made([(18, 130), (22, 150), (40, 120), (40, 130)])
    picked, minute = at_nominal(found, np.array([20.0, 40.0]))
    assert picked.values["sbp"].tolist() == [130, 125]
    assert picked.minute.tolist() == [18, 40]
    assert minute.tolist() == [20, 40]
    assert np.isnan(picked.values["dbp"]).all()


def test_a_reading_half_way_between_two_nominal_minutes_is_of_neither():
    picked, minute = at_nominal(made([(15, 130), (25, 150), (31, 140)]), np.array([10.0, 20.0, 40.0]))
    # 25 is half-way between none: 5 from 20 and 15 from 40.
    assert (picked.values["sbp"].tolist(), minute.tolist()) == ([150], [20])


def test_a_sign_read_every_minute_does_not_hide_one_that_was_read_a_little_later():
    seldom = {22: 150, 37: 140}
    found = made([(minute, seldom.get(minute, NAN), 80 + minute) for minute in range(61)])
    picked, minute = at_nominal(found, np.array([20.0, 40.0]))
    for sign, values, at in (("sbp", [150, 140], [22, 37]), ("dbp", [100, 120], [20, 40])):
        session, when, value = picked.of(sign)
        assert (value.tolist(), when.tolist(), session.tolist()) == (values, at, [0, 0])
    assert minute.tolist() == [20, 20, 40, 40]


def test_common_minutes_are_those_at_which_sessions_are_read():
    often = [(minute, 120) for minute in (0, 10, 20, 30, 40, 60, 90)]
    seldom = [(minute, 120) for minute in (0, 20, 40, 90)]
    found = made(*[often] * 5, *[seldom] * 5, [(0, 120), (75, 120)])
    # 75 was read in one of eleven sessions, less than a tenth.
    assert common_minutes(found, "sbp", WINDOW).tolist() == [10, 20, 30, 40, 60, 90]


def test_a_common_15_beside_10_and_20_has_a_place_of_its_own():
    one = [(minute, 120) for minute in (0, 10, 20, 30)]
    other = [(minute, 120) for minute in (0, 15, 30)]
    assert common_minutes(made(*[one] * 6, *[other] * 4), "sbp", WINDOW).tolist() == [10, 15, 20, 30]
    # A reading every minute is no habit of single minutes: the places stay 10 apart.
    monitored = [(minute, 120) for minute in range(61)]
    assert np.diff(common_minutes(made(*[monitored] * 9), "sbp", WINDOW)).min() >= 10


def test_scattered_minutes_are_put_together():
    rng = np.random.default_rng(1)
    sessions = [
        [(0, 120), (30 + rng.integers(-2, 3), 120), (60 + rng.integers(-2, 3), 120)] for _ in range(200)
    ]
    found = common_minutes(made(*sessions), "sbp", WINDOW)
    assert len(found) == 2
    assert np.abs(found - [30, 60]).max() <= 1
