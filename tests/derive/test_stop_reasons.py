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
    "reason", ["nausea and vomiting", "Nausea/vomiting", "cost; high blood pressure", "stopped: nausea"]
)
def test_a_side_effect_by_name_is_a_reason_if_it_is_the_whole_clause(reason):
    assert read(reason) == Said.NAMED


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
        "lost insurance",
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
