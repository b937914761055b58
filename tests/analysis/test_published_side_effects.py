"""Published rates of side effects beside the clinic's: theirs as in the catalogue, ours counted by hand."""

from __future__ import annotations

import csv
import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

import ketaoutcomes
from ketaoutcomes.analysis.published import published_comparison
from ketaoutcomes.analysis.published_effect_rates import COUNTINGS, WINDOWS
from ketaoutcomes.analysis.published_prediction import prediction_of
from ketaoutcomes.analysis.published_side_effects import published_side_effects
from ketaoutcomes.catalog.benchmarks import BENCHMARKS, benchmarks
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.engine.random_effects_meta import random_effects_logit
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.published import PublishedResult

DAY = 24.0
JUDGING = re.compile(
    r"\b(better|worse|superior|inferior|outperform\w*|beats?|fails?|significant\w*|safe|best)\b",
    re.IGNORECASE,
)


def clinic(effects, days, *, recorded=None):
    """A cohort from effects (patient, session, effect, ascertainment) and the days of the sessions."""
    sessions = pd.DataFrame(
        [{"patient_id": name, "hour": DAY * day, "route": "IV"} for name, own in days.items() for day in own]
    )
    if recorded is not None:
        sessions["side_effects_recorded"] = recorded
    frames = {"patients": pd.DataFrame({"patient_id": list(days)}), "sessions": sessions}
    if effects is not None:
        columns = ["patient_id", "session", "effect", "ascertainment"]
        frames["side_effects"] = pd.DataFrame(effects, columns=columns)
    return assemble(frames)


DAYS = {"A": (0, 3, 27, 28), "B": (0, 3), "C": (0, 7), "D": (0,)}
EFFECTS = [
    # A: nausea only on day 28; B: dizzy at session 1; C: nausea on day 7, session 1 without a record;
    # D: never recorded.
    ("A", 1, "none", "spontaneous"), ("A", 2, "none", "spontaneous"), ("A", 3, "none", "spontaneous"),
    ("A", 4, "nausea", "spontaneous"), ("B", 1, "dizzy", "checklist"), ("B", 2, "none", "checklist"),
    ("C", 2, "nauseous", "spontaneous"), ("A", 2, "dizziness", "checklist"),
]  # fmt: skip


@pytest.fixture(scope="module")
def found(sample):
    return published_comparison(ketaoutcomes.load_cohort(sample), "side_effects")


@pytest.fixture(scope="module")
def small():
    return published_side_effects(clinic(EFFECTS, DAYS), placebo=True).table


def pick(table, name, way):
    rows = table[(table["name"] == name) & (table["asked_here"] == way)]
    assert len(rows) == 1
    return rows.iloc[0]


# ---------------------------------------------------------------- theirs


def test_every_published_number_is_that_of_the_catalogue(found, small):
    for table in (found.table, small):
        for cells in table.to_dict("records"):
            known = BENCHMARKS[cells["name"]]
            assert cells["published"] == known.estimate / 100
            assert cells["published_to"] == (known.estimate_high or known.estimate) / 100
            for column in ("study", "arm", "definition", "window", "denominator", "source", "verified"):
                assert cells[column] == getattr(known, column)
            assert cells["asked_there"] == known.ascertainment


def test_the_numbers_are_those_of_the_list_of_facts(found, shared):
    with open(shared / "constants.csv", encoding="utf-8", newline="") as file:
        facts = {(row[0], row[1]): row[2] for row in csv.reader(file)}
    said = re.findall(r"(\w+) (\d+\.\d)", facts["benchmark", "Rodrigues 2020 AEs"])
    own = found.table[found.table["study"].str.startswith("Rodrigues")].drop_duplicates("name")
    assert dict(zip(own["effect"].replace("somnolence", "drowsiness"), own["published"], strict=True)) == {
        effect: pytest.approx(float(share) / 100) for effect, share in said
    }
    # Effect, count (percentage) with the drug / count with placebo.
    said = re.findall(r"(\w+) (\d+)(?: \(\d+\))?/(\d+)", facts["esketamine label", "table"])
    assert len(said) == 5
    for effect, with_drug, with_placebo in said:
        assert BENCHMARKS[f"esketamine_{effect}"].n_events == int(with_drug)
        assert BENCHMARKS[f"esketamine_{effect}_placebo"].n_events == int(with_placebo)


def test_each_published_window_has_a_counterpart():
    asked = [known for known in benchmarks("side_effect") if known.ascertainment != "measured"]
    assert all(known.window in WINDOWS for known in asked)
    assert set(WINDOWS.values()) == set(COUNTINGS)


def test_a_published_interval_is_wilsons_where_there_is_a_count_and_else_none(found):
    cells = pick(found.table, "esketamine_dissociation", "checklist")
    expected = proportion_confint(142, 346, method="wilson")
    np.testing.assert_allclose([cells["published_low"], cells["published_high"]], expected, atol=1e-12)
    # 29.5 % of 95 is 28 and no other count.
    cells = pick(found.table, "stoker_2019_any", "checklist")
    assert (cells["published_n_events"], cells["published_n"]) == (28, 95)
    assert "follows" in cells["published_interval"]
    for name in ("rodrigues_2020_nausea", "mathai_2024_side_effects"):
        cells = pick(found.table, name, "checklist")
        assert np.isnan(cells["published_low"])
        assert np.isnan(cells["difference_conf_low"])
    # A range is no number to take from.
    assert np.isnan(pick(found.table, "mathai_2024_side_effects", "checklist")["difference"])


# ---------------------------------------------------------------- ours


def test_patients_are_counted_over_the_time_of_the_study_by_hand(small):
    week = pick(small, "esketamine_week_1_nausea", "spontaneous")
    # Day 0 to 6, asked spontaneously: A only; C has a session then but no record, nor has D.
    assert (week["n_events"], week["n"], week["n_unknown"]) == (0, 1, 2)
    label = pick(small, "esketamine_nausea", "spontaneous")
    # Day 0 to 27: A, whose nausea came on day 28, and C, on day 7.
    assert (label["n_events"], label["n"], label["n_unknown"]) == (1, 2, 1)
    ever = pick(small, "rodrigues_2020_nausea", "spontaneous")
    assert (ever["n_events"], ever["n"], ever["n_unknown"]) == (2, 2, 1)
    first = pick(small, "stoker_2019_any", "checklist")
    # Session 1 by checklist: B, dizzy.
    assert (first["n_events"], first["n"], first["n_unknown"]) == (1, 1, 2)
    np.testing.assert_allclose(
        [label["conf_low"], label["conf_high"]], proportion_confint(1, 2, method="wilson"), atol=1e-12
    )


def test_a_difference_has_newcombes_limits(small):
    label = pick(small, "esketamine_nausea", "spontaneous")
    expected = confint_proportions_2indep(1, 2, 98, 346, method="newcomb", compare="diff")
    got = (label["difference_conf_low"], label["difference_conf_high"])
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert label["difference"] == pytest.approx(0.5 - 0.28)


def test_ways_of_asking_are_apart_and_each_row_says_if_it_is_the_same(small):
    dizzy = small[small["name"] == "esketamine_dizziness"].set_index("asked_here")
    assert dizzy["asked"].to_dict() == {"checklist": "differs", "spontaneous": "same"}
    assert dizzy.loc["checklist", ["n_events", "n"]].tolist() == [2, 2]
    assert dizzy.loc["spontaneous", ["n_events", "n"]].tolist() == [0, 2]
    assert "never recorded here by spontaneous" in dizzy.loc["spontaneous", "differs_in"]
    ever = small[small["name"] == "rodrigues_2020_dizziness"]
    assert set(ever["asked"]) == {"not stated"}
    one = published_side_effects(clinic(EFFECTS, DAYS), ascertainment="checklist").table
    assert set(one["asked_here"]) == {"checklist"}


def test_words_of_the_study_and_of_the_clinic_have_one_name(small):
    # "dizzy" and "nauseous" here; "any adverse drug event" there.
    assert set(small["effect"]) == {"any side effect", "dizziness", "nausea"}
    assert set(small.loc[small["effect"] == "any side effect", "study"]) == {
        "Stoker 2019", "Mathai 2024", "Gutierrez (public clinic)",
    }  # fmt: skip
    renamed = published_side_effects(clinic(EFFECTS, DAYS), synonyms={"queasiness": ["nausea", "nauseous"]})
    assert "queasiness" in set(renamed.table["effect"])
    as_recorded = published_side_effects(clinic(EFFECTS, DAYS), synonyms=False).table
    assert pick(as_recorded, "esketamine_dizziness", "checklist")["n_events"] == 1


def test_a_session_marked_as_recorded_without_a_row_counts_as_none():
    effects = [("A", 1, "nausea", "checklist"), ("B", 1, "none", "checklist")]
    table = published_side_effects(clinic(effects, {"A": (0,), "B": (0,), "C": (0,)}, recorded="yes")).table
    assert pick(table, "esketamine_nausea", "checklist")[["n_events", "n", "n_unknown"]].tolist() == [1, 3, 0]


# ---------------------------------------------------------------- what is said


def test_placebo_arms_are_left_out_unless_asked_for(found, small):
    assert "placebo" not in set(found.table["arm"])
    assert any("placebo=True" in note for note in found.notes)
    assert "placebo" in set(small["arm"])


def test_measured_pressure_is_left_to_vital_signs_and_the_rest_is_named(found):
    assert "measured" not in set(found.table["asked_there"])
    notes = " ".join(found.notes)
    assert "vital_signs gives the clinic's: Rodrigues 2020 (CRTCE safety)" in notes
    assert "never recorded here, so without a number: sedation, vertigo, dysgeusia" in notes
    assert "dissociation (Esketamine course, week 1)" in notes


def test_every_number_comes_with_its_definition_and_what_differs(found):
    assert all(source for _, _, source in found.definitions)
    assert (found.table["here"] != "").all()
    assert found.table["differs_in"].str.startswith("there: ").all()
    assert any("recorded sessions, asked by" in words for words in found.table["differs_in"])


def test_nothing_is_judged_and_no_patient_is_named(found, sample):
    said = [found.title, *found.notes, *found.sentences(), *found.table["words"], *found.table["differs_in"]]
    assert [words for words in said if JUDGING.search(words)] == []
    names = set(ketaoutcomes.load_cohort(sample).patients["patient_id"])
    text = repr(found) + found._repr_html_()
    assert not any(name in text for name in names)


def test_it_is_a_published_comparison_and_needs_no_score():
    cohort = clinic(EFFECTS, DAYS)
    result = published_comparison(cohort, "side_effects")
    assert isinstance(result, PublishedResult)
    pd.testing.assert_frame_equal(result.table, published_side_effects(cohort).table)
    with pytest.raises(DataError, match="scores"):
        published_comparison(cohort, "response")


def test_not_recorded_is_an_empty_table_with_a_note():
    result = published_side_effects(clinic(None, {"A": (0, 7)}))
    assert result.table.empty
    assert "not zero" in result.notes[0]
    assert "No rows." in result.summary()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"effects": "hiccups"}, "never recorded"),
        ({"ascertainment": "phone"}, "ascertainment"),
        ({"placebo": "no"}, "placebo"),
        ({"level": 95}, "level"),
    ],
)
def test_malformed_arguments_are_refused(wrong, said):
    with pytest.raises(DataError, match=said):
        published_side_effects(clinic(EFFECTS, DAYS), **wrong)


# ---------------------------------------------------------------- prediction


def sources(*rows):
    """Made-up published rows: (study, way, n_events, n)."""
    return pd.DataFrame(
        [
            {"name": f"row {place}", "study": study, "effect": "nausea", "asked_there": way, "arm": "",
             "counting": "first 4 weeks", "published_n_events": events, "published_n": n}
            for place, (study, way, events, n) in enumerate(rows)
        ]
    ).astype({"published_n_events": "Int64", "published_n": "Int64"})  # fmt: skip


def test_three_sources_that_asked_and_counted_alike_give_a_prediction_interval():
    table = sources(
        ("One", "checklist", 20, 100), ("Two", "checklist", 45, 150), ("Three", "checklist", 9, 80),
        ("Four", "spontaneous", 3, 90), ("Five", "checklist", pd.NA, pd.NA),
    )  # fmt: skip
    made = prediction_of(table, level=0.95)
    assert made["n_sources"].tolist() == [3, 1]
    direct = random_effects_logit([20, 45, 9], [100, 150, 80], level=0.95, at_least_wald=True)
    row = made.iloc[0]
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (
        direct.estimate,
        direct.conf_low,
        direct.conf_high,
    )
    assert (row["predicted_low"], row["predicted_high"]) == (direct.predict_low, direct.predict_high)
    assert row["predicted_low"] < row["conf_low"] < row["conf_high"] < row["predicted_high"]
    assert np.isnan(made.iloc[1]["estimate"])
    assert "fewer than 3" in made.iloc[1]["words"]


def test_a_study_counts_once_and_unstated_ways_are_not_pooled():
    twice = sources(("One", "scale", 20, 100), ("One", "scale", 21, 100), ("Two", "scale", 5, 50))
    assert prediction_of(twice, level=0.95)["n_sources"].tolist() == [2]
    unstated = sources(*((name, "not stated", 10, 50) for name in ("One", "Two", "Three")))
    assert prediction_of(unstated, level=0.95).empty


def test_the_catalogue_has_too_few_sources_and_it_is_said(found):
    assert found.prediction["estimate"].isna().all()
    assert (found.prediction["n_sources"] < 3).all()
    assert any("nothing is pooled" in note for note in found.notes)
