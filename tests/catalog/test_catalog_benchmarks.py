"""Published results carry their definition, and their counts agree with their percentages."""

from __future__ import annotations

import pytest

from ketaoutcomes.catalog.benchmarks import BENCHMARKS, benchmarks, benchmarks_from
from ketaoutcomes.errors import DataError


def test_every_benchmark_says_what_was_counted_when_and_out_of_whom():
    for known in BENCHMARKS.values():
        assert known.definition
        assert known.window
        assert known.denominator
        assert known.design
        assert known.source
        assert known.verified or "unverified" in known.citation


def test_exact_counts_give_the_published_percentage():
    checked = 0
    for known in BENCHMARKS.values():
        if known.n_events is not None and known.unit == "percent":
            # Published to whole percent or one decimal.
            tolerance = 0.5 if float(known.estimate).is_integer() or known.estimate == 0.5 else 0.05
            assert abs(100 * known.n_events / known.n - known.estimate) <= tolerance + 1e-9, known.name
            checked += 1
    assert checked > 40


def test_a_percentage_out_of_n_is_possible_for_some_count():
    for known in BENCHMARKS.values():
        if known.unit != "percent" or known.n is None or known.n > 1000:
            continue
        decimals = 0 if float(known.estimate).is_integer() and "." not in str(known.estimate) else 1
        shares = {round(100 * count / known.n, decimals) for count in range(known.n + 1)}
        assert known.estimate in shares, known.name


@pytest.mark.parametrize(
    ("name", "estimate", "events", "n"),
    [
        ("mcinnes_2022_response", 53.6, None, 537),
        ("mcinnes_2022_remission", 28.9, None, 537),
        ("mcintyre_2020_response", 27, None, None),
        ("sakurai_2020_response", 18.3, 15, 82),
        ("pfeiffer_2024_remission", 15, None, None),
        ("zarate_2006_response", 71, None, 17),
        ("mathew_2010_24_hours", 65, 17, 26),
        ("murrough_2013_response", 70.8, 17, 24),
        ("murrough_2013_relapse_days", 18, None, None),
        ("zheng_2019_response_last", 67.5, None, 77),
        ("zheng_2018_response", 68.0, None, 97),
        ("sustain1_remitters_esketamine", 26.7, 24, 90),
        ("sustain1_responders_placebo", 57.6, 34, 59),
        ("sustain3_response_madrs", 71.9, 23, 32),
        ("sustain3_response_phq9", 46.9, 15, 32),
        ("esketamine_dissociation", 41, 142, 346),
        ("esketamine_dissociation_placebo", 9, 21, 222),
        ("esketamine_first_dose_dissociation", 14.3, 109, 764),
    ],
)
def test_published_numbers(name, estimate, events, n):
    known = BENCHMARKS[name]
    assert (known.estimate, known.n_events, known.n) == (estimate, events, n)
    assert known.verified


def test_alnefeesi_half_widths_became_confidence_limits():
    # 45 +- 10, 30 +- 5.9, 1.44 +- 0.609; the +- are half-widths of 95 % intervals.
    response, remission, size = (
        BENCHMARKS[f"alnefeesi_2022_{what}"] for what in ("response", "remission", "effect_size")
    )
    assert (response.conf_low, response.conf_high) == (35, 55)
    assert (remission.conf_low, remission.conf_high) == (24.1, 35.9)
    assert (size.conf_low, size.conf_high) == (0.831, 2.049)


def test_the_two_blood_pressure_cohorts_say_that_the_other_differs():
    for name in ("riva_posse_2018_systolic", "yale_2024_systolic"):
        assert "one of several published" in BENCHMARKS[name].citation


def test_side_effects_carry_how_they_were_asked_about():
    for known in benchmarks("side_effect"):
        assert known.effect
        assert known.ascertainment


def test_benchmarks_are_chosen_by_quantity_and_instrument():
    chosen = benchmarks("response", "phq9")
    assert {"mcinnes_2022_response", "hull_2022_phq9_response"} <= {known.name for known in chosen}
    assert all(known.instrument == "PHQ-9" for known in chosen)
    sure = benchmarks("response", "PHQ-9", verified_only=True)
    assert "hull_2022_phq9_response" not in {known.name for known in sure}


def test_an_unknown_quantity_names_the_choices():
    with pytest.raises(DataError, match=r"known: .*remission"):
        benchmarks("cure")


def test_combined_terms_of_the_label_are_unverified_and_named():
    combined = {known.effect for known in BENCHMARKS.values() if known.combines}
    # With an asterisk in the label's table; vertigo, nausea, vomiting, insomnia, pollakiuria have none.
    assert combined == {
        "anxiety", "blood pressure increased", "dissociation", "dizziness", "dysarthria", "dysgeusia",
        "headache", "hypoaesthesia", "lethargy", "sedation", "tachycardia",
    }  # fmt: skip
    for known in BENCHMARKS.values():
        assert bool(known.combines) == (
            known.study == "Esketamine label, safety table" and known.effect in combined
        )
        assert not known.combines_verified
        if known.combines:
            assert known.effect in known.combines
            assert "not re-read (unverified)" in known.note
    assert BENCHMARKS["esketamine_lethargy_placebo"].combines == ("lethargy", "fatigue")


def test_the_provider_survey_says_no_more_than_is_known_of_it():
    known = BENCHMARKS["provider_survey_2020_stopped"]
    assert (known.n_events, known.n, known.estimate) == (47, 6630, 0.7)
    assert not known.verified
    # Neither where nor over which time nor by which route was in what was read.
    assert (known.setting, known.window, known.route) == ("not stated here", "not stated here", "")
    assert "not stated" in known.denominator
    assert known.note == ""


def study(**changes):
    row = {"name": "a", "quantity": "response", "definition": "d", "estimate": 50, "unit": "percent", "n": 10}
    base = {"label": "S", "design": "d", "setting": "s", "window": "w", "denominator": "d", "source": "p"}
    return {"study": [base | {"result": [row | changes]}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": " "}, "window is empty"),
        ({"unit": "%"}, "unit must be one of"),
        ({"estimate": 101}, "outside 0 to 100"),
        ({"conf_low": 1}, "go together"),
        ({"conf_low": 51, "conf_high": 60}, "outside its confidence limits"),
        ({"n_events": 11}, "n_events needs an n"),
        ({"instrument": "PHQ99"}, "not in the catalogue"),
        ({"quantity": "side_effect"}, "how it was asked about"),
        ({"effect": "nausea", "combines": ["nausea"]}, "combines needs two or more"),
        ({"effect": "nausea", "combines": ["vomiting", "retching"]}, "combines needs two or more"),
        ({"effect": "nausea", "combines": "nausea, vomiting"}, "combines needs two or more"),
        ({"combines_verified": True}, "needs the terms"),
        ({"source": ""}, "'source' is empty"),
        ({"colour": 1}, "unknown key 'colour'"),
    ],
)
def test_an_inconsistent_benchmark_is_refused_with_the_reason(changes, message):
    with pytest.raises(DataError, match=message):
        benchmarks_from(study(**changes))


def test_combined_terms_of_a_study_go_to_its_results_on_that_effect():
    content = study(effect="nausea")
    content["study"][0]["combined_terms"] = {"nausea": ["nausea", "retching"]}
    assert benchmarks_from(content)["a"].combines == ("nausea", "retching")
    content["study"][0]["combined_terms"] = {"vertigo": ["vertigo", "spinning"]}
    with pytest.raises(DataError, match="of an effect without a result"):
        benchmarks_from(content)
