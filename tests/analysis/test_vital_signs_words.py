"""Vital signs: arguments that are refused, what the result says and shows, and what it never says."""

from __future__ import annotations

import re

import pytest

from ketaoutcomes.analysis.vital_signs import vital_signs
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.draw import theme
from ketaoutcomes.errors import DataError

RULES = ("bp_165_100", "rise_30_mmhg", "rise_40_25", "spo2_below_92", "hr_above_120", "ctcae_hypertension_2")


@pytest.fixture(scope="module")
def cohort(sample):
    return load_cohort(sample)


@pytest.fixture(scope="module")
def found(cohort):
    return vital_signs(cohort, rules=RULES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window": (0,)}, "window takes two minutes"),
        ({"window": (60, 0)}, "window takes two minutes"),
        ({"window": (-10, 60)}, "begins at minute 0"),
        ({"baseline_minutes": (-60, -5)}, "baseline_minutes begins"),
        ({"baseline_minutes": "early"}, "baseline_minutes takes two"),
        ({"nominal_minutes": (20,)}, "nominal_minutes takes two or more"),
        ({"nominal_minutes": (0, 5, 10)}, "nominal_minutes takes two or more"),
        ({"nominal_minutes": (0, 300)}, "nominal_minutes takes two or more"),
        ({"nominal_minutes": "often"}, "nominal_minutes takes two or more"),
        ({"confirmed": "yes"}, "confirmed is True or False"),
        ({"return_within": -1}, "return_within takes a number"),
        ({"return_within": "near"}, "return_within takes a number"),
        ({"return_within": {"pulse": 5}}, "by vital sign"),
        ({"level": 95}, "level is a share"),
        ({"by": "rule"}, "name of a column of the result"),
        ({"by": "no_such_column"}, "no column of patients or sessions"),
        ({"rules": "bp_1"}, "not in VITAL_RULES"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(cohort, arguments, words):
    with pytest.raises(DataError, match=words):
        vital_signs(cohort, **arguments)


def test_what_is_no_cohort_is_refused():
    with pytest.raises(DataError, match="no Cohort"):
        vital_signs("data/sample")


# ---- words


def test_words_are_those_of_the_house_and_name_no_patient(found, cohort):
    text = found.summary() + found._repr_html_()
    assert not re.search(
        r"\b(best|safe|improve\w*|significant|success|failed|trend|infusions? given)\b", text
    )
    assert "Uncontrolled: associated with, not caused by." in found.notes
    assert not any(name in text for name in cohort.patients["patient_id"].astype(str))
    assert all(source for _, _, source in found.definitions)


def test_the_rule_stands_in_every_row_with_its_source_among_the_definitions(found):
    assert found.excursions["rule"].tolist() == list(RULES)
    assert set(RULES) <= {name for name, _, _ in found.definitions}
    sources = {name: source for name, _, source in found.definitions}
    assert "unverified" in sources["rise_30_mmhg"]


def test_own_rules_can_be_made_again_from_the_provenance(cohort):
    rule = {"sbp_150": {"sign": "sbp", "at_least": 150}}
    arguments = vital_signs(cohort, rules=rule).provenance["arguments"]
    assert arguments["rules"] == ("sbp_150",)
    (condition,), within = arguments["own_rules"]["sbp_150"]
    assert (condition.sign, condition.comparison, condition.value, within) == ("sbp", "at_least", 150.0, None)


@pytest.mark.parametrize("kind", ["course", "excursions", "peaks"])
def test_each_kind_is_drawn_also_without_rows(kind, found, make):
    for result in (found, vital_signs(make([("A", 0.0)], [("A", 0.0, 10, "pre")]))):
        _, ax = theme.new_figure()
        assert result.plot(ax, kind=kind) is ax


def test_a_picture_that_there_is_not_is_refused(found):
    with pytest.raises(DataError, match="kind must be one of"):
        found.plot(kind="spaghetti")
    with pytest.raises(DataError, match="sign must be one of"):
        found.plot(sign="pulse")


def test_the_summary_shows_excursions_returns_and_the_model_by_group(cohort):
    text = vital_signs(cohort, rules=RULES, by="sex").summary()
    for words in ("Excursions recorded", "Back near baseline", "Change to the peak, mixed model", "female"):
        assert words in text
    # The rule that nobody met has its upper limits in words.
    assert re.search(
        r"Heart rate >120: none in [\d,]+ sessions of \d+ patients; at most \d\.\d% with patients as n, "
        r"0\.\d% if",
        text,
    )


def test_a_note_keeps_means_of_peaks_apart_from_means_at_a_minute(found):
    assert any("Published rises are of either kind" in note for note in found.notes)
    assert any("grows with the number of readings" in note for note in found.notes)
