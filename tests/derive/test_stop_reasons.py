"""What the words for the end of a treatment are taken to say."""

from __future__ import annotations

import pandas as pd
import pytest

from ketaoutcomes.catalog.effect_terms import effect_terms
from ketaoutcomes.derive.stop_reasons import (
    DEATH_WORDS,
    HOSPITAL_WORDS,
    Said,
    is_clause_of,
    said,
    status_words,
)

TERMS = effect_terms()


def read(reason):
    return said(words(reason), TERMS)[0]


def words(text):
    return status_words(pd.DataFrame({"reason": [text]}), "reason")


@pytest.mark.parametrize(
    "reason",
    [
        "no AEs, moved away", "side effects resolved", "side effects have all resolved", "side effects: none",
        "side effects - none", "side effects, none", "never had side effects", "not because of side effects",
        "not due to AE", "denies side effects", "free of side effects", "worried about side effects",
        "fear of side-effects", "not intolerant", "no toxicity", "no tolerability issues", "w/o side effects",
        "no significant side effects; cost", "no side effects/no benefit",
    ],
)  # fmt: skip
def test_a_denied_side_effect_is_no_reason(reason):
    assert read(reason) == Said.DENIED


@pytest.mark.parametrize(
    "reason",
    [
        "Side effects", "no benefit, side effects", "not effective, side effects",
        "no benefit but side effects", "no benefit - side effects", "no benefit/side effects",
        "no benefit and side effects", "side-effects",
        "Side effects. No benefit", "poorly tolerated", "not well tolerated", "unable to tolerate",
        "couldn't tolerate it", "could not tolerate / intolerance", "tolerability", "adverse drug reaction",
        "adverse event: hypertension", "ADR", "TEAE", "SAE", "A.E.", "side effects not tolerated",
    ],
)  # fmt: skip
def test_a_side_effect_in_general_words_is_a_reason_in_whichever_clause(reason):
    assert read(reason) == Said.IN_GENERAL


@pytest.mark.parametrize(
    "reason",
    [
        "nausea and vomiting", "Nausea/vomiting", "cost; high blood pressure", "stopped: nausea",
        "due to nausea", "because of nausea", "owing to severe nausea and vomiting", "for dizziness",
        "from the nausea", "severe nausea", "severe nausea and bad headache", "too much dissociation",
        "dissociation was too strong", "unbearable headache", "persistent nausea after the infusions",
        "panic attack during infusion", "nausea and vomiting after treatment", "because of bad dreams",
        "no benefit, due to nausea", "pins and needles after sessions", "nausea, suicidal ideation",
    ],
)  # fmt: skip
def test_a_side_effect_by_name_is_a_reason_if_it_is_the_whole_clause(reason):
    assert read(reason) == Said.NAMED


@pytest.mark.parametrize(
    "reason",
    [
        "patient choice due to nausea", "blood pressure too high", "tolerated poorly", "nausea from travel",
        "felt unwell after infusions", "tolerated less and less", "tolerated not so well", "mild nausea",
        "no benefit and nausea", "nausea and cost", "cost, some nausea", "possibly nausea", "nausea?",
        "well tolerated except nausea", "anxiety about travelling", "feels well/unwell",
    ],
)  # fmt: skip
def test_a_side_effect_among_other_words_is_no_known_reason(reason):
    assert read(reason) == Said.UNCLEAR


@pytest.mark.parametrize(
    "reason",
    [
        "minimal side effects", "few side effects", "mild side effects", "few, mild side effects",
        "side effects were mild", "only mild and transient side effects", "manageable adverse effects",
        "side effects from other medication", "side effects of another drug", "intolerance to SSRIs",
        "other medication's side effects", "cost, mild side effects",
    ],
)  # fmt: skip
def test_slight_side_effects_and_those_of_another_medication_are_no_known_reason(reason):
    assert read(reason) == Said.UNCLEAR


@pytest.mark.parametrize(
    "reason",
    [
        "side effects and little benefit", "little benefit and side effects", "too many side effects",
        "side effects of ketamine", "switched to another treatment because of side effects",
        "adverse event of hypertension", "mild benefit, side effects", "intolerable nausea",
    ],
)  # fmt: skip
def test_words_for_other_things_do_not_make_side_effects_slight(reason):
    assert read(reason) == Said.IN_GENERAL


@pytest.mark.parametrize(
    "reason",
    ["nausea, no side effects", "no AEs; nausea", "nausea and no side effects", "no SAE, severe nausea"],
)
def test_a_side_effect_by_name_beside_a_denial_is_no_known_reason(reason):
    assert read(reason) == Said.UNCLEAR


@pytest.mark.parametrize(
    "reason",
    [
        "suicide attempt", "Suicidal ideation", "attempted suicide", "suicide, attempted",
        "suicidal thoughts", "due to suicidal ideation", "suicide attempt and suicidal ideation",
        "became suicidal", "suicide attempt, cost",
    ],
)  # fmt: skip
def test_a_suicide_attempt_or_suicidal_ideation_is_no_stop_for_a_side_effect(reason):
    assert read(reason) == Said.UNCLEAR


def test_a_clinics_own_word_for_suicidal_ideation_is_read_as_such():
    own = effect_terms({"suicidal ideation": ["si"], "feeling odd": ["floaty"]})
    assert said(words("SI"), own)[0] == Said.UNCLEAR
    assert said(words("very floaty feelings"), own)[0] == Said.UNCLEAR
    assert said(words("too floaty"), own)[0] == Said.UNCLEAR
    assert said(words("due to floaty"), own)[0] == Said.NAMED


@pytest.mark.parametrize(
    "reason",
    [
        "no contact", "no contact since spring", "unreachable", "lost to follow-up", "lost to f/u", "LTFU",
        "no show", "No-show", "other", "unknown", "not stated", "n/a", "n.a.", "?", "--", None,
        "side effects?", "lost, no contact", "patient decision", "died",
    ],
)  # fmt: skip
def test_reasons_that_say_nothing_of_why_are_not_known(reason):
    assert read(reason) == Said.NOTHING


@pytest.mark.parametrize(
    "reason",
    [
        "feels well", "cost", "care elsewhere", "no benefit felt", "moved", "no contact, cost",
        "lack of effect", "no nausea & vomiting", "treatment was well tolerated", "good tolerability",
        "lost insurance", "no nausea", "not due to nausea", "denies nausea or vomiting", "nausea resolved",
        "tolerated treatment well", "never felt unwell", "no suicidal ideation",
        "without high blood pressure",
    ],
)  # fmt: skip
def test_other_reasons_are_known(reason):
    assert read(reason) == Said.OTHER


def test_deaths_are_whole_clauses_of_the_patient():
    yes = ["died", "Death", "deceased; unrelated", "passed away", "suicide (completed)"]
    no = [
        "near-death experience", "ego death", "father died", "fear of death", "not dead", "suicide attempt",
        "suicide, attempted", "death / father", "no longer dead-tired", None,
    ]  # fmt: skip
    found = [bool(is_clause_of(words(text), DEATH_WORDS)[0]) for text in yes + no]
    assert found == [True] * len(yes) + [False] * len(no)


def test_admissions_are_whole_clauses_of_the_patient():
    yes = ["Hospitalised", "hospitalized", "admitted to hospital", "cost; psychiatric admission"]
    no = [
        "not admitted", "admitted to using cannabis", "inpatient ECT planned", "hospitalised partner",
        "not hospitalised",
    ]  # fmt: skip
    found = [bool(is_clause_of(words(text), HOSPITAL_WORDS)[0]) for text in yes + no]
    assert found == [True] * len(yes) + [False] * len(no)


def test_no_row_and_no_column_say_nothing():
    nobody = pd.DataFrame({"reason": pd.Series([], dtype="str")})
    assert said(status_words(nobody, "reason"), TERMS).tolist() == []
    assert said(status_words(pd.DataFrame({"status": ["stopped"]}), "reason"), TERMS).tolist() == [0]
