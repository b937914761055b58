"""A preliminary Observation gives way to the final one of the same patient, code and time."""

from __future__ import annotations

import pytest
from readers.fhir_parts import accounts_of, amount, good, observation, phq9, pressure, response, rules, score

TIME = "2026-02-10T10:00:00Z"  # 188 hours after 2 February, 14:00
FIRST = "2026-02-02T14:30:00Z"  # 30 minutes into the first session
ASIDE = {("Observation", "preliminary"): 1}


@pytest.fixture
def read(tmp_path):
    """A function that reads the good export with resources added, and returns the accounts."""
    return lambda *added: accounts_of(tmp_path, [*good().values(), *added])


def phq(accounts) -> list[float]:
    """Scores of PHQ-9 at `TIME`."""
    frame = accounts.cohort.scores
    return frame.loc[(frame["hour"] == 188.0) & (frame["instrument"] == "PHQ-9"), "score"].tolist()


def early(key: str, value: float, time: str = TIME, code: str = "44261-6", **elements) -> dict:
    return score(key, "kx-71", code, time, value, status="preliminary", **elements)


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
@pytest.mark.parametrize("value", [12, 14])
def test_the_final_score_counts(read, status, value):
    accounts = read(early("x", value), score("y", "kx-71", "44261-6", TIME, 14, status=status))
    assert phq(accounts) == [14.0]
    assert rules(accounts) == ASIDE


def test_the_same_instant_may_be_written_in_another_time_zone(read):
    accounts = read(early("x", 12, "2026-02-10T05:00:00-05:00"), score("y", "kx-71", "44261-6", TIME, 14))
    assert phq(accounts) == [14.0]
    assert rules(accounts) == ASIDE


def test_a_preliminary_score_without_a_final_one_counts(read):
    others = [
        score("a", "kx-72", "44261-6", TIME, 14),
        score("b", "kx-71", "70274-6", TIME, 14),
        score("c", "kx-71", "44261-6", "2026-02-10T11:00:00Z", 14),
        score("d", "kx-71", "44261-6", TIME, 14, status="cancelled"),
    ]
    accounts = read(early("x", 12), *others)
    assert phq(accounts) == [12.0]
    assert rules(accounts) == {("Observation", "resource_status"): 1}


def test_two_final_scores_that_differ_still_set_each_other_aside(read):
    accounts = read(early("x", 12), *(score(f"y{n}", "kx-71", "44261-6", TIME, n) for n in (13, 14)))
    assert phq(accounts) == []
    assert rules(accounts) == ASIDE | {("Observation", "duplicate_conflict"): 2}


def test_a_preliminary_total_does_not_contradict_the_response_of_the_final_one(read):
    link = {"derivedFrom": [{"reference": "QuestionnaireResponse/qr"}]}
    answers = response("qr", "kx-71", TIME, phq9([1] * 9) | {"/44261-6": 9})
    accounts = read(answers, early("x", 8, **link), score("y", "kx-71", "44261-6", TIME, 9, **link))
    assert phq(accounts) == [9.0]
    assert rules(accounts) == ASIDE | {("Observation", "same_as_response"): 1}


def test_the_final_readings_count(read):
    accounts = read(
        pressure("x", "kx-71", FIRST, 150, 95) | {"status": "preliminary"},
        observation("y", "kx-71", "8867-4", FIRST, amount(71, "/min"), status="preliminary"),
        pressure("z", "kx-71", FIRST, 140, 90),
    )
    vitals = accounts.cohort.vitals
    found = vitals.loc[vitals["minute"] == 30, ["sbp", "dbp", "heart_rate"]]
    assert found.values.tolist() == [[140.0, 90.0, 71.0]]
    assert rules(accounts) == ASIDE


def test_the_final_weight_counts(read):
    weigh = [
        observation("x", "kx-71", "29463-7", FIRST, amount(82, "kg"), status="preliminary"),
        observation("y", "kx-71", "29463-7", FIRST, amount(80, "kg")),
    ]
    accounts = read(*weigh)
    assert accounts.cohort.sessions["weight_kg"].dropna().tolist() == [80.0]
    assert rules(accounts) == ASIDE
