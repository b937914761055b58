"""Totals against their items and against the steps in which an instrument can be scored."""

from __future__ import annotations

import pytest

from ketaoutcomes.cohort.read import load_cohort

HEADER = "patient_id,instrument,hour,score," + ",".join(f"i{item}" for item in range(1, 10)) + "\n"
FULL = "A1,PHQ-9,-1,18,2,2,2,2,2,2,2,2,2\n"


def aside(cohort) -> dict[str, int]:
    found = cohort.quarantine[cohort.quarantine["table"] == "scores"]
    return dict(zip(found["rule"], found["n_rows"], strict=True))


def test_a_total_of_a_few_items_is_no_total_of_the_instrument(clinic):
    # Four of nine items, 2 each: their sum, 8, is no PHQ-9 of 8.
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,PHQ-9,744,8,2,2,2,2,,,,,\n"))
    assert cohort.scores["score"].tolist() == [18.0]
    assert aside(cohort) == {"items_missing": 1}


@pytest.mark.parametrize("given", ["14", "18", ""])
def test_where_the_rule_allows_it_the_score_comes_from_the_items_and_this_is_told(clinic, given):
    # Seven items of 2 are 14 in sum and 2 * 9 = 18 by the PHQ-9's rule, which allows two blanks.
    cohort = load_cohort(clinic(scores=HEADER + FULL + f"A1,PHQ-9,744,{given},2,2,2,2,2,2,2,,\n"))
    assert cohort.scores["score"].tolist() == [18.0, 18.0]
    assert cohort.scores["n_missing_items"].tolist() == [0, 2]
    assert any("computed from the items" in note for note in cohort.notes) == (given == "14")


def test_a_rounded_prorated_total_is_the_prorated_one(clinic):
    # 2+2+2+2+2+2+2+1 = 15 over eight items: 15 / 8 * 9 = 16.875, which a clinic rounds to 17.
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,PHQ-9,744,17,2,2,2,2,2,2,2,1,\n"))
    assert cohort.scores["score"].tolist() == [18.0, 16.875]


def test_a_total_that_is_neither_the_items_sum_nor_prorated_is_set_aside(clinic):
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,PHQ-9,744,10,2,2,2,2,2,2,2,,\n"))
    assert aside(cohort) == {"items_total": 1}


def test_totals_without_items_and_beside_the_safety_item_alone_are_accepted(clinic):
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,PHQ-9,744,8,,,,,,,,,\n"))
    assert cohort.scores["score"].tolist() == [18.0, 8.0]
    # Nobody has more than item 9: the file carries it for itself, and totals stand.
    only = "patient_id,instrument,hour,score,i9\nA1,PHQ-9,-1,18,2\nA1,PHQ-9,744,8,0\nA2,PHQ-9,-1,12,\n"
    cohort = load_cohort(clinic(scores=only))
    assert cohort.scores["score"].tolist() == [18.0, 8.0, 12.0]
    assert aside(cohort) == {}
    # With all items in use in the file, item 9 alone does not make a total.
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,PHQ-9,744,8,,,,,,,,,1\n"))
    assert aside(cohort) == {"items_missing": 1}


def test_a_safety_item_that_the_file_never_gives_leaves_totals_as_they_are_within_its_range(clinic):
    # Items 1 to 8 sum to 8; with item 9 (0 to 3) the total is 8 to 11.
    header = "patient_id,instrument,hour,score," + ",".join(f"i{item}" for item in range(1, 9)) + "\n"
    rows = "".join(f"A1,PHQ-9,{hour},{total},{','.join('1' * 8)}\n" for hour, total in enumerate((8, 11, 12)))
    cohort = load_cohort(clinic(scores=header + rows))
    assert cohort.scores["score"].tolist() == [8.0, 11.0]
    assert aside(cohort) == {"items_total": 1}


def test_items_in_use_are_decided_for_each_instrument_by_itself(clinic):
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,GAD-7,0,12,1,,,,,,,,\n"))
    assert sorted(cohort.scores["score"]) == [12.0, 18.0]


def test_an_item_between_two_codes_is_out_of_range(clinic):
    cohort = load_cohort(clinic(scores=HEADER + FULL + "A1,PHQ-9,744,17.5,2,2,2,2,2,2,2,2,1.5\n"))
    assert aside(cohort) == {"item_range": 1}


def test_raw_sums_where_percentages_belong_are_set_aside_with_advice(clinic):
    # WHO-5: 4 times a sum of 0 to 25. 13 and 25 are raw sums; then 16 and 8 are too.
    rows = "".join(f"A1,WHO-5,{hour},{score}\n" for hour, score in enumerate((13, 16, 8, 25)))
    cohort = load_cohort(clinic(scores="patient_id,instrument,hour,score\n" + rows + "A2,PHQ-9,0,13\n"))
    assert aside(cohort) == {"score_step": 4}
    assert cohort.instruments == ("PHQ-9",)
    told = [note for note in cohort.notes if "WHO-5" in note]
    assert len(told) == 1
    assert "multiplied by 4" in told[0]


def test_one_score_off_the_step_among_percentages_is_set_aside_alone(clinic):
    rows = "".join(f"A1,WHO-5,{hour},{score}\n" for hour, score in enumerate((52, 64, 8, 13)))
    cohort = load_cohort(clinic(scores="patient_id,instrument,hour,score\n" + rows))
    assert aside(cohort) == {"score_step": 1}
    assert cohort.scores["score"].tolist() == [52.0, 64.0, 8.0]


def test_the_mean_of_contradicting_scores_has_no_items_of_one_of_them(clinic):
    rows = FULL + "A1,PHQ-9,-1,9,1,1,1,1,1,1,1,1,1\n"
    cohort = load_cohort(clinic('duplicates = "mean"', scores=HEADER + rows))
    assert cohort.scores["score"].tolist() == [13.5]
    assert cohort.scores[["i1", "i9"]].isna().all(axis=None)
