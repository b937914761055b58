"""Scores from items: worked by hand from each instrument's published rule."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.catalog.scoring import (
    REASONS,
    pcl5_provisional,
    safety_flag,
    score_from_parent,
    score_items,
    subscale_scores,
)
from ketaoutcomes.errors import DataError

NAN = float("nan")
SCORED_BY_ITEM = [name for name, entry in INSTRUMENTS.items() if entry.scoring != "total"]


def one(instrument, items, **more):
    scored = score_items(instrument, [items], **more)
    return scored.score[0], REASONS[scored.reason[0]]


@pytest.mark.parametrize("name", SCORED_BY_ITEM)
def test_lowest_items_give_the_minimum_and_highest_the_maximum(name):
    entry = INSTRUMENTS[name]
    lowest, highest = np.array(entry.item_ranges, dtype=float).T
    scored = score_items(entry, [lowest, highest])
    assert list(scored.score) == [entry.minimum, entry.maximum]
    assert list(scored.reason_names) == ["scored", "scored"]


@pytest.mark.parametrize("name", SCORED_BY_ITEM)
def test_an_item_above_its_range_gives_no_score(name):
    entry = INSTRUMENTS[name]
    items = np.array(entry.item_ranges, dtype=float)[:, 0]
    column = (entry.rule.items or range(1, entry.n_items + 1))[-1] - 1
    items[column] = entry.item_ranges[column][1] + (4 if entry.rule.not_assessed else 1)
    score, reason = one(entry, items)
    assert np.isnan(score)
    assert reason == "item_out_of_range"


@pytest.mark.parametrize("name", SCORED_BY_ITEM)
def test_no_items_at_all_give_no_score(name):
    score, reason = one(name, [NAN] * INSTRUMENTS[name].n_items)
    assert np.isnan(score)
    assert reason == "no_items"


# PHQ-9: NHS Data Dictionary, one or two missing items are the mean of the others.
def test_phq9_with_two_missing_items_takes_their_mean():
    # Seven items, sum 14, mean 2, times 9.
    assert one("PHQ-9", [2, 2, 2, 2, 2, 2, 2, NAN, NAN]) == (18.0, "filled_in")


def test_phq9_filled_in_is_not_rounded():
    # Eight items, sum 4: 4 / 8 x 9 = 4.5, below 5 but above 4.
    assert one("PHQ-9", [1, 1, 1, 1, 0, 0, 0, 0, NAN]) == (4.5, "filled_in")


def test_phq9_with_three_missing_items_has_no_score():
    score, reason = one("PHQ-9", [2, 2, 2, 2, 2, 2, NAN, NAN, NAN])
    assert np.isnan(score)
    assert reason == "missing_items"


def test_phq9_missing_safety_item_is_unknown_although_the_score_is_filled_in():
    items = [0, 0, 0, 0, 0, 0, 0, 0, NAN]
    assert one("PHQ-9", items) == (0.0, "filled_in")
    assert np.isnan(safety_flag("PHQ-9", [items])[0])


def test_phq9_item_9_of_1_raises_the_flag_and_0_does_not():
    flags = safety_flag("PHQ-9", [[0] * 8 + [1], [3] * 8 + [0], [0] * 8 + [7]])
    assert flags[0] == 1
    assert flags[1] == 0
    assert np.isnan(flags[2])


@pytest.mark.parametrize("name", ["GAD-7", "MADRS", "PCL-5", "BDI-II", "WHO-5", "ISI", "AUDIT-C"])
def test_instruments_without_a_confirmed_rule_are_not_filled_in(name):
    entry = INSTRUMENTS[name]
    items = [float(low) for low, _ in entry.item_ranges]
    items[0] = NAN
    score, reason = one(name, items)
    assert np.isnan(score)
    assert reason == "missing_items"


def test_half_a_point_is_not_an_item_code():
    assert one("GAD-7", [0.5, 0, 0, 0, 0, 0, 0])[1] == "item_out_of_range"


def test_half_points_are_allowed_on_the_ymrs():
    # Young 1978 lets raters score between the anchors.
    assert one("YMRS", [0.5] + [0] * 10) == (0.5, "scored")


# QIDS-SR16: max(1-4) + 5 + max(6-9) + 10 + 11 + 12 + 13 + 14 + max(15, 16).
QIDS = [1, 3, 0, 2, 2, NAN, 1, NAN, 2, 3, 1, 0, 2, 1, 0, 3]


def test_qids_worked_example():
    # max(1,3,0,2)=3; item 5 = 2; max(-,1,-,2)=2; 3+1+0+2+1=7; max(0,3)=3. Total 17, not the sum of 16.
    assert one("QIDS-SR16", QIDS) == (17.0, "scored")


def test_qids_needs_one_of_items_6_and_7():
    items = list(QIDS)
    items[6] = NAN
    assert one("QIDS-SR16", items)[1] == "missing_items"


def test_qids_needs_every_sleep_item_since_the_highest_counts():
    items = list(QIDS)
    items[3] = NAN
    assert one("QIDS-SR16", items)[1] == "missing_items"


def test_qids_safety_item_is_item_12():
    items = list(QIDS)
    items[11] = 2
    assert list(safety_flag("QIDS-SR16", [QIDS, items])) == [0, 1]


def test_ids_scores_28_of_30_items():
    # All 1 with one of each pair blank: 28 x 1.
    items = [1.0] * 30
    items[10] = NAN
    items[13] = NAN
    assert one("IDS-SR30", items) == (28.0, "scored")
    assert INSTRUMENTS["IDS-SR30"].maximum == 84


# HAM-D17: CamCOPS hamd.py; items 4-6, 12-14, 16, 17 run 0-2, the others 0-4.
def test_hamd17_code_3_on_item_16_means_not_assessed_and_adds_nothing():
    items = [1.0] * 17
    items[15] = 3
    assert one("HAM-D17", items) == (16.0, "scored")


def test_hamd17_code_3_on_item_17_is_out_of_range():
    items = [1.0] * 17
    items[16] = 3
    assert one("HAM-D17", items)[1] == "item_out_of_range"


def test_hamd17_mixed_item_maxima_give_52():
    assert one("HAM-D17", [4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 2, 2])[0] == 52


def test_hamd6_comes_from_items_1_2_7_8_10_13():
    items = np.zeros(17)
    items[[0, 1, 6, 7, 9, 12]] = [4, 3, 2, 1, 4, 2]
    assert score_from_parent("HAM-D6", [items]).score[0] == 16


# YMRS: seven items 0-4, four (5, 6, 8, 9) 0-8; 7 x 4 + 4 x 8 = 60.
def test_ymrs_maximum_is_60_with_four_items_of_double_weight():
    assert one("YMRS", [4, 4, 4, 4, 8, 8, 4, 8, 8, 4, 4])[0] == 60
    assert one("YMRS", [0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0])[1] == "item_out_of_range"


# PCL-5: clusters B 1-5, C 6-7, D 8-14, E 15-20, maxima 20, 8, 28, 24.
def test_pcl5_cluster_maxima_are_20_8_28_24():
    parts = subscale_scores("PCL-5", [[4] * 20])
    assert {name: values[0] for name, values in parts.items()} == {"B": 20, "C": 8, "D": 28, "E": 24}


def test_pcl5_provisional_rule_needs_one_b_one_c_two_d_two_e():
    meets = np.zeros(20)
    meets[[0, 5, 7, 8, 14, 15]] = 2
    one_d_short = meets.copy()
    one_d_short[8] = 1
    no_c = meets.copy()
    no_c[5] = 1
    assert list(pcl5_provisional([meets, one_d_short, no_c])) == [1, 0, 0]


def test_pcl5_provisional_rule_with_missing_items_answers_only_when_certain():
    certain_yes = np.full(20, 2.0)
    certain_yes[19] = NAN
    certain_no = np.zeros(20)
    certain_no[0] = NAN
    open_question = np.full(20, 2.0)
    open_question[[5, 6]] = [0, NAN]
    answers = pcl5_provisional([certain_yes, certain_no, open_question])
    assert answers[0] == 1
    assert answers[1] == 0
    assert np.isnan(answers[2])


def test_iesr_and_ybocs_subscale_maxima():
    # CamCOPS: avoidance 32, intrusion 28, hyperarousal 28; obsessions 20, compulsions 20.
    parts = subscale_scores("IES-R", [[4] * 22])
    assert [parts[name][0] for name in ("avoidance", "intrusion", "hyperarousal")] == [32, 28, 28]
    assert [part[0] for part in subscale_scores("Y-BOCS", [[4] * 10]).values()] == [20, 20]


# CADSS-6 is items 1, 2, 6, 7, 15, 22 of the 23 (Rodrigues 2021).
def test_cadss6_from_the_23_items():
    items = np.full(23, 4.0)
    items[[0, 1, 5, 6, 14, 21]] = [0, 1, 2, 3, 1, 0]
    assert score_from_parent("CADSS-6", [items]).score[0] == 7
    assert one("CADSS", items)[0] == 7 + 17 * 4


@pytest.mark.parametrize(
    ("short", "parent_items", "expected"),
    [
        ("PHQ-2", [3, 2, 0, 0, 0, 0, 0, 0, 1], 5),
        ("PHQ-8", [1, 1, 1, 1, 1, 1, 1, 1, 3], 8),
        ("AUDIT-C", [4, 3, 2, 1, 1, 1, 1, 1, 2, 4], 9),
        ("BPRS+", [1, 1, 1, 5, 1, 1, 1, 1, 1, 1, 6, 7, 1, 1, 4, 1, 1, 1], 22),
    ],
)
def test_short_forms_from_their_parent(short, parent_items, expected):
    assert score_from_parent(short, [parent_items]).score[0] == expected


# Q-LES-Q-SF: (raw - 14) / 56 x 100 over items 1-14.
@pytest.mark.parametrize(("item", "percent"), [(1, 0), (3, 50), (5, 100)])
def test_qlesq_raw_14_is_0_and_raw_70_is_100_percent(item, percent):
    assert one("Q-LES-Q-SF", [item] * 14 + [NAN, NAN]) == (percent, "scored")


# FIQR: function / 3 + overall + symptoms / 2 (authors' scoring page).
def test_fiqr_of_all_tens_is_100_with_parts_30_20_50():
    assert one("FIQR", [10] * 21)[0] == 100
    assert one("FIQR", [10] * 9 + [0] * 12)[0] == 30
    assert one("FIQR", [0] * 9 + [10, 10] + [0] * 10)[0] == 20
    assert one("FIQR", [0] * 11 + [10] * 10)[0] == 50


def test_who5_is_four_times_the_raw_sum():
    assert one("WHO-5", [3, 2, 4, 1, 3])[0] == 52


# BPI user guide: mean of the items answered, if at least four of seven.
def test_bpi_interference_is_valid_with_four_of_seven():
    assert one("BPI-interference", [4, 6, 8, 2, NAN, NAN, NAN]) == (5.0, "filled_in")
    assert one("BPI-interference", [4, 6, 8, NAN, NAN, NAN, NAN])[1] == "missing_items"


def test_bpi_severity_is_the_mean_of_four():
    assert one("BPI-severity", [8, 2, 5, 6])[0] == 5.25
    assert one("BPI-severity", [8, 2, 5, NAN])[1] == "missing_items"


# WSAS, CamCOPS wsas.py: work not applicable drops item 1 and the maximum is 32.
def test_wsas_without_work_sums_items_2_to_5_out_of_32():
    scored = score_items("WSAS", [[NAN, 8, 8, 8, 8], [5, 1, 1, 1, 1]], not_applicable=[True, False])
    assert list(scored.score) == [32, 9]
    assert list(scored.maximum) == [32, 40]
    assert list(scored.reason_names) == ["item_does_not_apply", "scored"]


def test_wsas_blank_work_item_is_missing_unless_it_is_said_not_to_apply():
    score, reason = one("WSAS", [NAN, 8, 8, 8, 8])
    assert np.isnan(score)
    assert reason == "missing_items"


def test_sds_without_work_is_out_of_20():
    scored = score_items("SDS", [[NAN, 10, 7]], not_applicable=[True])
    assert scored.score[0] == 17
    assert scored.maximum[0] == 20


def test_not_applicable_is_refused_where_every_item_applies():
    with pytest.raises(DataError, match="no item that may not apply"):
        score_items("PHQ-9", [[0] * 9], not_applicable=[True])


# AUDIT form: 0 on item 1 skips items 2-8; items 9 and 10 are coded 0, 2, 4.
def test_audit_skipped_items_count_as_0():
    assert one("AUDIT", [0] + [NAN] * 7 + [0, 2]) == (2.0, "scored")
    assert one("AUDIT", [1, 0, 0] + [NAN] * 5 + [0, 4]) == (5.0, "scored")
    assert one("AUDIT", [1, 1, 0] + [NAN] * 5 + [0, 4])[1] == "missing_items"


def test_audit_items_9_and_10_take_0_2_4_only():
    assert one("AUDIT", [1, 1, 1, 1, 1, 1, 1, 1, 1, 0])[1] == "item_out_of_range"


# C-SSRS: the most severe ideation endorsed; the form skips 3-5 after no on 2.
@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([1, 1, 1, 0, 0], 3),
        ([1, 0, NAN, NAN, NAN], 1),
        ([0, 0, NAN, NAN, NAN], 0),
        ([NAN, 1, NAN, NAN, 1], 5),
    ],
)
def test_cssrs_is_the_highest_ideation_endorsed(items, expected):
    assert one("C-SSRS", items) == (expected, "scored")


def test_cssrs_with_a_blank_above_the_highest_is_missing():
    assert one("C-SSRS", [1, 1, 1, NAN, 0])[1] == "missing_items"


def test_cssrs_flag_is_raised_by_4_or_5_even_when_the_score_is_unknown():
    flags = safety_flag("C-SSRS", [[1, 1, 1, 1, NAN], [1, 1, 1, 0, 0], [1, 1, 1, NAN, 0]])
    assert flags[0] == 1
    assert flags[1] == 0
    assert np.isnan(flags[2])


def test_shaps_counts_one_point_per_disagreement():
    assert one("SHAPS", [1, 0] * 7)[0] == 7
    assert one("SHAPS", [4, 1] * 7)[1] == "item_out_of_range"


def test_prise_counts_distressing_systems_and_fibser_is_its_burden_item():
    assert one("PRISE", [2, 1, 0, 2, 1, 0, 0, 2, 1])[0] == 3
    assert one("FIBSER", [NAN, 5, 4]) == (4.0, "scored")


def test_bprs_item_of_0_is_refused_since_it_means_not_assessed_on_the_1_to_7_form():
    assert one("BPRS", [0] + [1] * 17)[1] == "item_out_of_range"


def test_scores_are_computed_for_whole_arrays_in_row_order():
    scored = score_items("PHQ-2", [[0, 1], [NAN, 1], [3, 3], [9, 0]])
    assert list(scored.n_missing) == [0, 1, 0, 0]
    assert list(scored.reason_names) == ["scored", "missing_items", "scored", "item_out_of_range"]
    np.testing.assert_array_equal(scored.score, [1, NAN, 6, NAN])


def test_the_items_that_are_given_are_not_changed():
    items = np.array([[0.0] + [NAN] * 7 + [0, 0]])
    score_items("AUDIT", items)
    assert np.isnan(items[0, 1:8]).all()


def test_a_wrong_number_of_columns_is_refused():
    with pytest.raises(DataError, match=r"PHQ-9 has 9 items: give an array of shape \(n, 9\)"):
        score_items("PHQ-9", [[1, 2, 3]])


def test_an_instrument_known_by_its_total_only_is_refused():
    with pytest.raises(DataError, match="scored as a total only"):
        score_items("MoCA", [[26.0]])


def test_no_rows_give_no_scores():
    assert score_items("PHQ-9", np.empty((0, 9))).score.shape == (0,)
