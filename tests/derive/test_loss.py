"""Which definition of loss is used, what it asks for, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.catalog.definitions import OUTCOMES, default_outcome
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.derive.loss import find_loss
from ketaoutcomes.derive.outcomes import met
from ketaoutcomes.derive.runs import RunRule
from ketaoutcomes.errors import DataError

MADRS, PHQ9 = find_instrument("MADRS"), find_instrument("PHQ-9")
MADRS_RESPONSE, PHQ9_RESPONSE = default_outcome("MADRS"), default_outcome("PHQ-9")


def lost(rule, instrument, scores, baseline):
    return rule.lost(instrument, np.array(scores, float), np.full(len(scores), float(baseline))).tolist()


def test_the_default_is_the_instrument_s_loss_of_response():
    rule = find_loss(PHQ9_RESPONSE, PHQ9)
    assert rule.definition.name == "loss_of_response_50"
    assert rule.run == RunRule()
    # Half of 21 is 10.5: 10 is kept, 11 is lost.
    assert lost(rule, PHQ9, [10, 11], 21) == [False, True]


def test_the_default_loss_begins_where_the_default_response_ends():
    rule = find_loss(MADRS_RESPONSE, MADRS)
    scores, baseline = np.arange(61.0), np.full(61, 37.0)
    assert (rule.lost(MADRS, scores, baseline) == ~met(MADRS_RESPONSE, MADRS, scores, baseline)).all()


def test_another_response_is_lost_where_it_is_no_longer_met():
    remission = default_outcome("PHQ-9", "remission")
    rule = find_loss(remission, PHQ9)
    assert rule.complement
    assert rule.definition.name == f"loss_of_{remission.name}"
    # Remission is below 5 points; 9 is still half of 20.
    assert lost(rule, PHQ9, [4, 5, 9], 20) == [False, True, True]


def test_keep_sets_a_lower_share_of_improvement():
    rule = find_loss(PHQ9_RESPONSE, PHQ9, keep=0.25)
    # From 20, a quarter of the way down is 15.
    assert lost(rule, PHQ9, [11, 15, 16], 20) == [False, False, True]
    assert rule.definition.text.startswith("After a response, the score is no longer at least 25 %")


def test_keep_counts_from_the_instrument_s_minimum():
    bprs = find_instrument("BPRS")
    rule = find_loss(OUTCOMES["response_50"], bprs, keep=0.25)
    # BPRS runs from 18: from 50 a quarter of the way is 42.
    assert lost(rule, bprs, [42, 43], 50) == [False, True]


def test_sustain_1_asks_for_22_points_twice_5_to_15_days_apart():
    rule = find_loss(MADRS_RESPONSE, MADRS, loss="relapse_sustain1")
    assert rule.run == RunRule(again_after_days=5, again_within_days=15)
    assert lost(rule, MADRS, [21, 22], 30) == [False, True]
    assert rule.confirmed
    assert rule.scores_only
    assert "only its part about scores is used" in rule.note


@pytest.mark.parametrize("name", ["relapse_murrough", "relapse_aanhetrot"])
def test_two_visits_in_a_row_need_no_days_between_them(name):
    rule = find_loss(MADRS_RESPONSE, MADRS, loss=name)
    assert rule.run == RunRule(again_after_days=0.0)
    assert rule.note == ""


def test_the_hamd_relapse_asks_for_18_points_twice_7_to_14_days_apart():
    instrument = find_instrument("HAM-D17")
    rule = find_loss(default_outcome("HAM-D17"), instrument, loss="relapse_hamd_18")
    assert rule.run == RunRule(again_after_days=7, again_within_days=14)
    assert lost(rule, instrument, [17, 18], 30) == [False, True]


def test_a_kind_stands_for_the_instrument_s_default_of_it():
    assert find_loss(MADRS_RESPONSE, MADRS, loss="relapse").definition.name == "relapse_sustain1"
    assert find_loss(MADRS_RESPONSE, MADRS, loss="loss_of_response").definition.name == "loss_of_response_50"


def test_confirmed_is_said_in_the_definition():
    rule = find_loss(PHQ9_RESPONSE, PHQ9, confirmed=True)
    assert rule.run == RunRule(again_after_days=0.0)
    assert rule.definition.text.endswith("Confirmed at the next assessment.")


def test_confirmed_leaves_the_days_of_a_definition_as_they_are():
    rule = find_loss(MADRS_RESPONSE, MADRS, loss="relapse_sustain1", confirmed=True)
    assert rule.run == RunRule(again_after_days=5, again_within_days=15)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "relapse_murrough", "keep": 0.25}, "either loss"),
        ({"keep": 0.6}, r"lies above the 0\.5"),
        ({"keep": 25}, "share of improvement"),
        ({"keep": True}, "share of improvement"),
        ({"loss": "response_50"}, "no definition of loss"),
        ({"loss": "relapse_sustian1"}, "did you mean relapse_sustain1"),
        ({"loss": ["relapse"]}, "no definition of loss"),
        ({"loss": "relapse_hamd_18"}, "made for HAM-D17, not for MADRS"),
        ({"confirmed": 2}, "True or False"),
    ],
)
def test_what_cannot_be_a_loss_is_refused(options, words):
    with pytest.raises(DataError, match=words):
        find_loss(MADRS_RESPONSE, MADRS, **options)


def test_keep_is_refused_where_lower_scores_are_not_better():
    who5 = find_instrument("WHO-5")
    with pytest.raises(DataError, match="lower scores are not better"):
        find_loss(MADRS_RESPONSE, who5, keep=0.25)
