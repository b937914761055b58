"""Charts case by case, from any frame and from a cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import Logit, add_constant

from ketaoutcomes.analysis.cases import cases_of
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.sequential_chart import sequential_chart
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def cohort(sample):
    return load_cohort(sample)


def simulated(change_at, n=4000, seed=2):
    """Cases whose odds of the event double after `change_at`."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    odds = np.exp(-1.5 + 0.8 * age) * np.where(np.arange(n) >= change_at, 2.0, 1.0)
    risk = np.exp(-1.5 + 0.8 * age) / (1 + np.exp(-1.5 + 0.8 * age))
    return pd.DataFrame({"event": rng.random(n) < odds / (1 + odds), "age": age, "risk": risk})


def test_a_doubling_of_the_odds_is_seen_after_it_came():
    result = sequential_chart(simulated(2000), event="event", expected="risk")
    assert result.signals["case"].min() > 2000
    assert result.signals["case"].min() < 2400
    assert result.table["vlad"].iloc[-1] < -100
    assert result.signal.startswith(f"{len(result.signals)} signals of more events than expected, at case 2,")


def test_cases_as_expected_seldom_give_a_signal():
    # One false signal in 10,000 cases: in 20 times 4,000 eight are expected, and more than 18 are not
    # (Poisson, probability .0004).
    limit = sequential_chart(simulated(9999), event="event", expected="risk").limit
    found = [
        sequential_chart(simulated(9999, seed=seed), event="event", expected="risk", limit=limit)
        for seed in range(20)
    ]
    assert 0 < sum(len(one.signals) for one in found) <= 18
    quiet = next(one for one in found if one.signals.empty)
    assert quiet.signal == "No signal of more events than expected in 4,000 cases"


def test_what_is_expected_comes_from_the_baseline_alone():
    cases = simulated(2000)
    result = sequential_chart(cases, event="event", expected="~ age", baseline=1500)
    fit = Logit(cases["event"][:1500].astype(float), add_constant(cases["age"][:1500])).fit(disp=0)
    wanted = fit.predict(add_constant(cases["age"][1500:]))
    assert len(result.table) == 2500
    assert result.table["expected"].to_numpy() == pytest.approx(wanted.to_numpy(), abs=1e-6)
    assert any("1,500 baseline cases" in note for note in result.notes)


def test_a_column_may_mark_the_baseline_and_its_share_be_expected():
    cases = simulated(9999).assign(before=np.arange(4000) % 2 == 0)
    result = sequential_chart(cases, event="event", baseline="before")
    share = cases["event"][cases["before"]].mean()
    assert result.table["expected"].to_numpy() == pytest.approx(np.full(2000, share))


def test_cases_follow_their_order_and_ties_stay():
    cases = pd.DataFrame(
        {"event": [1, 0, 0, 1, 0], "risk": [0.1, 0.2, 0.3, 0.4, 0.5], "month": ["b", "a", "b", "a", None]}
    )
    result = sequential_chart(cases, event="event", expected="risk", order="month", limit=3.0)
    assert result.table["expected"].tolist() == [0.2, 0.4, 0.1, 0.3]
    assert result.table["month"].tolist() == ["a", "a", "b", "b"]
    assert "1 case left out: 'month' is missing." in result.notes


def test_a_level_that_the_baseline_does_not_know_is_left_out_and_counted():
    cases = simulated(9999, n=600).assign(route=["IV"] * 500 + ["IM"] * 40 + ["IV"] * 60)
    result = sequential_chart(cases, event="event", expected="~ route", baseline=400)
    assert len(result.table) == 160
    assert any(note.startswith("40 monitored cases left out") for note in result.notes)


def test_response_needs_three_lines_from_a_cohort(cohort):
    cases = cases_of(cohort, "response", instrument="PHQ-9")
    result = sequential_chart(
        cases, event="event", expected="~ baseline", order="month", baseline=80, odds_ratio=0.5
    )
    scored = response_rates(cohort, "PHQ-9").table.set_index("denominator").loc["scored"]
    assert (len(cases), cases["event"].sum()) == (scored["n"], scored["n_events"])
    assert len(result.table) == len(cases) - 80
    assert "fewer events than expected" in result.signal
    assert result.table["month"].is_monotonic_increasing


def test_follow_up_is_scored_of_those_with_a_baseline(cohort):
    cases = cases_of(cohort, "follow_up", instrument="PHQ-9")
    rates = response_rates(cohort, "PHQ-9").table.set_index("denominator")["n"]
    assert (len(cases), cases["event"].sum()) == (rates["baseline_eligible"], rates["scored"])


def test_side_effects_are_cases_of_sessions_with_a_record(cohort):
    cases = cases_of(cohort, "side_effects", effect="nausea", ascertainment="checklist")
    rates = side_effect_rates(cohort, ascertainment="checklist").table.set_index("effect").loc["nausea"]
    assert (len(cases), cases["event"].sum()) == (rates["n"], rates["n_events"])
    result = sequential_chart(cases, event="event", expected="~ dose_mg_per_kg", order="month", baseline=300)
    assert any("Cases of one patient are alike" in note for note in result.notes)


def test_no_patient_is_named_in_a_result(cohort):
    cases = cases_of(cohort, "response", instrument="PHQ-9")
    result = sequential_chart(cases, event="event", expected="~ baseline", baseline=80)
    assert "patient_id" not in result.table
    assert not any(str(name) in result.summary() for name in cases["patient_id"])


def test_ways_of_asking_are_never_pooled(cohort):
    with pytest.raises(DataError, match="never pooled"):
        cases_of(cohort, "side_effects")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give baseline="),
        ({"expected": "~ age"}, "give baseline="),
        ({"expected": "age"}, "outside 0 to 1"),
        ({"expected": "risk", "odds_ratio": 1}, "other than 1"),
        ({"expected": "risk", "limit": -1}, "above 0"),
        ({"expected": "risk", "in_control_length": 1}, "number of cases"),
        ({"baseline": 20}, "rarer outcome"),
        ({"baseline": 600}, "no case is left"),
        ({"expected": "risk", "kind": "ewma"}, "choose"),
        ({"expected": "risk", "order": "mnth"}, "no column 'mnth'; close to it: month"),
        ({"expected": "risk", "order": "event"}, "the same column"),
        ({"expected": "risk", "order": "patient_id"}, "is an identifier"),
        ({"expected": "risk", "order": "case"}, "column of the result"),
        ({"expected": "risk", "order": "never"}, "no case is left of 600; missing: 'never' in 600"),
        ({"expected": "never"}, "no case is left of 600; missing: 'never' in 600"),
        ({"expected": "risk", "title": 3}, "title is a text"),
    ],
)
def test_what_cannot_be_monitored_is_refused(options, words):
    data = simulated(9999, n=600).assign(month=1, patient_id=range(600), case=1, never=np.nan)
    with pytest.raises(DataError, match=words):
        sequential_chart(data, event="event", **options)
