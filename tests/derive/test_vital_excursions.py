"""Excursions of single sessions against closed forms: what counts as read, as met, as confirmed; minutes."""

from __future__ import annotations

import pytest
from derive.session_readings import BEFORE, NAN, ONE, WINDOW, made

from ketaoutcomes.catalog.vital_rules import VITAL_RULES, vital_rules
from ketaoutcomes.derive.vital_excursions import excursions, is_recorded
from ketaoutcomes.derive.vitals import Readings, baselines


def base_of(found, window=BEFORE):
    return {sign: baselines(found, sign, window) for sign in found.values}


def excursion(rule, *sessions, confirmed=False, window=WINDOW):
    found = made(*sessions)
    (rule,) = vital_rules(rule)
    frame = excursions(found, rule, base_of(found), window, confirmed=confirmed)
    return {int(row["session"]): row for row in frame.to_dict("records") if not row["unknown"]}


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


def test_minutes_are_cut_where_the_rule_and_the_window_end():
    # From 120 at 60 to 180 at 120: 40 above baseline from minute 100, 20 above from minute 80.
    session = [(0, 120), (60, 120), (120, 180)]
    late = {"rise": {"sign": "sbp", "at_least": 20, "change": True, "within": 90}}
    row = excursion(late, session)[0]
    assert (row["minutes_above"], row["minutes_observed"]) == (pytest.approx(10), 90)
    # A line from before the start, 100 at -20 to 160 at 40, is at 140 from minute 20.
    row = excursion({"high": {"sign": "sbp", "at_least": 140}}, [(-20, 100), (40, 160)], window=(0, 30))
    assert row == {}
    row = excursion(
        {"high": {"sign": "sbp", "at_least": 140}}, [(-20, 100), (25, 145), (40, 160)], window=(0, 30)
    )[0]
    assert (row["minutes_above"], row["minutes_observed"]) == (pytest.approx(10), 30)


def test_a_line_that_lies_on_the_threshold_is_not_above_it_where_it_is_cut():
    flat = [(0, 150), (60, 150), (120, 150)]
    for comparison, minutes in (("above", 0), ("at_least", 90)):
        rule = {"x": {"sign": "sbp", comparison: 150, "within": 90}}
        assert excursion(rule, flat)[0]["minutes_above"] == minutes


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
    again = [(0, 120), (10, 150), (20, 148), (30, 130)]
    single = [(0, 120), (10, 130)]
    found = excursion(SBP_145, apart, again, single, confirmed=True)
    # A single reading after the start can never be confirmed: it is not known.
    assert {number: row["event"] for number, row in found.items()} == {0: False, 1: True}
    assert all(row["event"] for row in list(excursion(SBP_145, apart, again).values()))


def confirmed(*session):
    (row,) = excursion("bp_180_110", session, confirmed=True).values() or ({"event": None},)
    return row["event"]


def test_a_reading_that_contradicts_stands_between_two_even_if_it_is_incomplete():
    end = (40, 120, 75), (50, 120, 75)
    assert not confirmed((0, 120, 75), (10, 182), (20, 150), (30, 183, 80), *end)
    # A diastolic reading says nothing on the systolic one.
    assert confirmed((0, 120, 75), (10, 182), (20, NAN, 80), (30, 183, 80), *end)
    assert confirmed((0, 120, 75), (10, 182), (20, NAN, 112), (40, 120, 75), *end)


def test_readings_of_one_minute_or_more_than_30_minutes_apart_do_not_confirm_each_other():
    assert not confirmed((0, 120, 75), (10, 182, 80), (10, 184, 80), (20, 120, 75), (30, 120, 75))
    assert not confirmed((0, 120, 75), (10, 182, 80), (10.5, 184, 80), (20, 120, 75), (30, 120, 75))
    assert confirmed((0, 120, 75), (10, 182, 80), (40, 184, 80), (50, 120, 75))
    assert not confirmed((0, 120, 75), (10, 182, 80), (41, 184, 80), (50, 120, 75))


def partly(rule, *sessions):
    found = made(*sessions)
    (rule,) = vital_rules(rule)
    columns = ["session", "complete", "event", "unknown"]
    return excursions(found, rule, base_of(found), WINDOW)[columns].to_numpy().tolist()


@pytest.mark.parametrize("rule", ["bp_165_100", "aha_exaggerated", "rise_40_25"])
def test_what_one_sign_shows_meets_a_rule_and_what_it_does_not_show_is_not_known(rule):
    # Systolic alone, once far above and once not; both signs, in one row and in two of one minute.
    found = partly(
        rule,
        [(0, 120), (30, 130)],
        [(0, 120), (30, 190)],
        [(0, 120, 80), (30, 130, 85)],
        [(0, 120), (0, NAN, 80), (30, 190), (30, NAN, 85)],
    )
    assert found == [
        [0, False, False, True], [1, False, True, False], [2, True, False, False], [3, True, True, False],
    ]  # fmt: skip


def test_signs_read_at_different_minutes_are_known_where_each_is_compared_alone():
    session = [(0, 120), (1, NAN, 80), (30, 190), (35, NAN, 85)]
    assert partly("bp_165_100", session) == [[0, True, True, False]]
    # Mean pressure needs both at one minute; the systolic rise alone is enough to meet the rule.
    assert partly("aha_exaggerated", session) == [[0, False, True, False]]
    flat = [(0, 120), (1, NAN, 80), (30, 125), (35, NAN, 85)]
    assert partly("aha_exaggerated", flat) == [[0, False, False, True]]


def test_what_was_read_before_the_start_is_no_excursion_at_minute_0_either():
    for minute in (0, -5):
        found = excursion("bp_165_100", [(minute, 182, 80), (20, 150, 80)])
        assert [row["event"] for row in found.values()] == [False]
        assert found[0]["already"]
    assert excursion("bp_165_100", [(3, 182, 80), (20, 150, 80)])[0]["event"]


def test_a_session_read_at_the_start_only_is_not_counted_as_free_of_excursions():
    assert excursion(SBP_145, [(0, 120)], [(-5, 120), (0, 121)]) == {}


def test_a_baseline_that_meets_the_rule_already_is_marked():
    found = excursion("bp_165_100", [(0, 170, 90), (30, 171, 90)], [(0, 120, 80), (30, 171, 90)])
    assert [row["already"] for row in found.values()] == [True, False]


def test_a_rule_none_of_whose_signs_was_ever_read_is_known_as_such():
    found = made(ONE)
    only = Readings(found.session, found.minute, {"sbp": found.values["sbp"]}, 1)
    assert not is_recorded(VITAL_RULES["spo2_below_92"], only)
    assert is_recorded(VITAL_RULES["bp_165_100"], only)
    assert is_recorded(VITAL_RULES["rise_30_mmhg"], only)


@pytest.mark.parametrize("rule", ["bp_165_100", "aha_exaggerated", "rise_40_25"])
def test_a_sign_that_nobody_read_is_as_one_that_was_not_read_in_the_session(rule):
    sessions = [(0, 120), (30, 130)], [(0, 120), (30, 190)]
    found = made(*sessions)
    only = Readings(found.session, found.minute, {"sbp": found.values["sbp"]}, 2)
    frame = excursions(only, VITAL_RULES[rule], base_of(only), WINDOW)
    assert frame[["event", "unknown"]].to_numpy().tolist() == [[False, True], [True, False]]
    assert frame["minutes_observed"].isna().all()


def test_two_readings_of_one_sign_confirm_each_other_where_the_other_was_not_read():
    met, once = [(0, 120), (10, 182), (20, 185)], [(0, 120), (10, 182), (20, 150)]
    (rule,) = vital_rules("bp_180_110")
    found = made(met, once)
    frame = excursions(found, rule, base_of(found), WINDOW, confirmed=True)
    assert frame[["event", "unknown"]].to_numpy().tolist() == [[True, False], [False, True]]
