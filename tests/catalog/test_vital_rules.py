"""Rules on vital signs: the numbers are those of the checked facts, own rules are read, faults are named."""

from __future__ import annotations

import csv
import re

import pytest

from ketaoutcomes.catalog.vital_rules import VITAL_RULES, VITAL_SIGNS, rules_from, signs_from, vital_rules
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def facts(shared):
    with (shared / "constants.csv").open(encoding="utf-8", newline="") as file:
        return {(row["topic"], row["item"]): row for row in csv.DictReader(file)}


def limits(name):
    """(sign, comparison, number) of each condition."""
    return [(one.sign, one.comparison, one.value) for one in VITAL_RULES[name].any]


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


# ---- the library's rules


def test_ctcae_grades_begin_where_the_table_of_facts_says(facts):
    row = facts["CTCAE v5 hypertension", "grades"]
    assert row["status"] == "confirmed"
    grades = row["value"].split(";")[:3]
    for grade, text in enumerate(grades, start=1):
        systolic, diastolic = (numbers(part)[0] for part in text.split("/"))
        name = f"ctcae_hypertension_{grade}"
        assert limits(name) == [("sbp", "at_least", systolic), ("dbp", "at_least", diastolic)]
        assert VITAL_RULES[name].verified


def test_the_second_ctcae_grade_names_the_clause_that_is_not_applied(facts):
    assert "previously normal" in facts["CTCAE v5 hypertension", "grades"]["quote_free_note"]
    assert (
        'clause "if previously within normal limits" not applied' in VITAL_RULES["ctcae_hypertension_2"].text
    )
    assert "symptoms and medication are not applied" in VITAL_RULES["ctcae_hypertension_2"].note


def test_the_third_ctcae_grade_is_one_of_several_as_its_boundary_is_conflicting(facts):
    assert facts["CTCAE v5 hypertension", "grade 3 boundary"]["status"] == "conflicting"
    assert VITAL_RULES["ctcae_hypertension_3"].conflicting
    assert "one of several published" in VITAL_RULES["ctcae_hypertension_3"].citation
    assert not VITAL_RULES["ctcae_hypertension_2"].conflicting


def test_the_esketamine_rule_is_that_of_the_label(facts):
    row = facts["esketamine label", "BP rise rule"]
    systolic, diastolic, hours = numbers(row["value"])[:3]
    rule = VITAL_RULES["rise_40_25"]
    assert row["status"] == "confirmed"
    assert limits("rise_40_25") == [("sbp", "at_least", systolic), ("dbp", "at_least", diastolic)]
    assert rule.within == 60 * hours
    assert rule.is_change
    assert rule.verified


def test_the_exaggerated_response_is_that_of_the_heart_association(facts):
    row = facts["BP thresholds", "exaggerated response"]
    systolic, mean = numbers(row["value"])
    assert row["status"] == "confirmed"
    assert limits("aha_exaggerated") == [("sbp", "above", systolic), ("map", "above", mean)]
    assert VITAL_RULES["aha_exaggerated"].verified


def test_thresholds_that_no_source_was_checked_for_say_unverified(facts):
    assert facts["APA consensus 2017", "vital thresholds"]["status"] == "not found"
    verified = {name for name, rule in VITAL_RULES.items() if rule.verified}
    assert verified == {
        "bp_165_100", "aha_exaggerated", "rise_40_25",
        "ctcae_hypertension_1", "ctcae_hypertension_2", "ctcae_hypertension_3",
    }  # fmt: skip
    for name, rule in VITAL_RULES.items():
        assert ("unverified" in rule.citation) == (name not in verified)
        assert "Sanacora" not in rule.source


@pytest.mark.parametrize("name", VITAL_RULES)
def test_the_name_of_a_rule_its_label_and_its_text_say_its_numbers(name):
    rule = VITAL_RULES[name]
    for condition in rule.any:
        assert f"{condition.value:g}" in rule.text
    if "ctcae" not in name:
        assert any(f"{condition.value:g}" in rule.label for condition in rule.any)


@pytest.mark.parametrize("name", VITAL_RULES)
def test_no_rule_says_what_to_do(name):
    words = f"{VITAL_RULES[name].text} {VITAL_RULES[name].note}".lower()
    assert not re.search(r"\b(treat|stop|hold|give|withhold|should|must|alert|urgent)", words)


def test_the_extreme_of_saturation_and_breathing_is_the_lowest():
    assert {name for name, sign in VITAL_SIGNS.items() if sign.extreme == "lowest"} == {
        "spo2", "respiratory_rate",
    }  # fmt: skip


# ---- own rules


def test_all_rules_are_taken_by_default_and_those_named_otherwise():
    assert [rule.name for rule in vital_rules()] == list(VITAL_RULES)
    assert [rule.name for rule in vital_rules("bp_165_100")] == ["bp_165_100"]
    assert [rule.name for rule in vital_rules(("hr_below_50", "bp_165_100"))] == ["hr_below_50", "bp_165_100"]


def test_an_own_rule_has_its_sign_number_and_words():
    (rule,) = vital_rules({"sbp_150": {"sign": "sbp", "at_least": 150}})
    assert (rule.any[0].sign, rule.any[0].comparison, rule.any[0].value) == ("sbp", "at_least", 150.0)
    assert rule.label == "SBP ≥150 mmHg"
    assert rule.citation == "Given by the caller"
    assert not rule.is_change


def test_own_rules_may_be_changes_in_per_cent_within_minutes_and_of_several_conditions():
    change, percent, several = vital_rules(
        {
            "rise": {"sign": "sbp", "above": 35, "change": True, "within": 60},
            "percent": {"sign": "heart_rate", "at_least": 20, "percent": True},
            "both": {"any": [{"sign": "sbp", "at_least": 150}, {"sign": "dbp", "at_least": 95}]},
        }
    )
    assert (change.any[0].of, change.within) == ("change", 60.0)
    assert percent.any[0].of == "percent"
    assert several.signs == ("sbp", "dbp")
    assert change.is_change
    assert percent.is_change
    assert not several.is_change


def test_names_and_own_rules_stand_side_by_side():
    found = vital_rules(("bp_165_100", {"mine": {"sign": "spo2", "below": 93, "source": "House rule 7"}}))
    assert [rule.name for rule in found] == ["bp_165_100", "mine"]
    assert found[1].source == "House rule 7"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("bp_165_10", "did you mean bp_165_100"),
        ((), "no rule"),
        (7, "no name of a rule"),
        (("bp_165_100", "bp_165_100"), "same name twice"),
        ({"bp_165_100": {"sign": "sbp", "at_least": 1}}, "is a rule of the library"),
        ({"x": 150}, "needs a mapping"),
        ({"x": {"sign": "pulse", "at_least": 1}}, "sign is one of"),
        ({"x": {"sign": "sbp"}}, "exactly one of"),
        ({"x": {"sign": "sbp", "at_least": 1, "below": 2}}, "exactly one of"),
        ({"x": {"sign": "sbp", "at_least": "150"}}, "one finite number"),
        ({"x": {"sign": "sbp", "at_least": float("nan")}}, "one finite number"),
        ({"x": {"sign": "sbp", "at_least": 1, "change": "yes"}}, "True or False"),
        ({"x": {"sign": "sbp", "at_least": 1, "within": 0}}, "within"),
        ({"x": {"sign": "sbp", "at_least": 1, "unit": "mmHg"}}, "a key that is not known: 'unit';"),
        ({"x": {"sign": "sbp", ">=": 1}}, r"not known: '>=' \(did you mean at_least\?\)"),
        ({"x": {"sign": "sbp", "<": 1}}, r"not known: '<' \(did you mean below\?\)"),
        ({"x": {"sign": "sbp", "atleast": 1}}, r"not known: 'atleast' \(did you mean at_least\?\)"),
        ({"x": {"systolic": 150}}, r"'systolic' \(did you mean \"sign\": \"sbp\"\?\)"),
        ({"x": {"sign": "sbp", "=": 1, 7: 2}}, "keys that are not known: '=', '7';"),
        ({"x": {"sign": "sbp", "a\n" * 50: 1}}, "not known: '(a ){19}a…';"),
        ({"x": {"sign": "systolic", "at_least": 1}}, r"not 'systolic': did you mean sbp\?"),
        ({"x": {"sign": "Heart rate", "at_least": 1}}, r"did you mean heart_rate\?"),
        ({"x": {"sign": None, "at_least": 1}}, "sign is one of sbp, dbp"),
        ({"x": {"any": []}}, "list of conditions"),
        ({"x": {"any": [{"sign": "sbp", "at_least": 1}], "sign": "sbp"}}, "either in the list"),
        ({"a\nb": {"sign": "sbp", "at_least": 1}}, "short text of one line"),
    ],
)
def test_what_is_no_rule_is_refused_with_what_to_write(given, words):
    with pytest.raises(DataError, match=words):
        vital_rules(given)


def test_faults_of_a_catalogue_file_are_all_listed():
    row = {"name": "a", "label": "a", "text": "a", "source": "s"}
    bad = [
        row | {"any": [{"sign": "pulse", "comparison": "over", "value": 1.0, "of": "rise"}]},
        row | {"name": "b", "any": []},
        row | {"name": "c", "source": " ", "any": [{"sign": "sbp", "comparison": "above", "value": 1.0}]},
    ]
    with pytest.raises(DataError) as found:
        rules_from({"rule": bad})
    for words in (
        "sign must be",
        "comparison must be",
        "of must be",
        "needs conditions",
        "'source' is empty",
    ):
        assert words in str(found.value)
    with pytest.raises(DataError, match="no known word"):
        signs_from({"sign": [{"name": "x", "label": "x", "unit": "x", "extreme": "middle",
                              "return_within": 1, "return_unit": "unit", "source": "s"}]})  # fmt: skip
