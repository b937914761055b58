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
from ketaoutcomes.analysis.published_limits import implied_count
from ketaoutcomes.analysis.published_side_effects import published_side_effects
from ketaoutcomes.catalog.benchmarks import BENCHMARKS, benchmarks
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.draw import theme
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.published import PublishedResult, difference_words

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
    # 14.0 % of 928, printed to one decimal, is 130 and no other count.
    assert implied_count(BENCHMARKS["esketamine_week_1_nausea"]) == 130
    # Printed as 71 % and 29 % of 17, to none: 12 and 5.
    assert implied_count(BENCHMARKS["zarate_2006_response"]) == 12
    assert implied_count(BENCHMARKS["zarate_2006_remission"]) == 5
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
    assert "never recorded here in this time, asked spontaneously" in dizzy.loc["spontaneous", "differs_in"]
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


# ---------------------------------------------------------------- several terms under one name

TERMS = [
    # A: dissociation and blurred vision in two sessions; B: blurred vision alone; C: sleepy; D: nothing.
    ("A", 1, "dissociation", "spontaneous"), ("A", 2, "blurred vision", "spontaneous"),
    ("B", 1, "blurred vision", "spontaneous"), ("C", 1, "sleepy", "spontaneous"),
    ("D", 1, "none", "spontaneous"),
]  # fmt: skip
TERM_DAYS = {"A": (0, 3), "B": (0,), "C": (0,), "D": (0,)}


@pytest.fixture(scope="module")
def combined():
    return published_side_effects(clinic(TERMS, TERM_DAYS))


def test_a_combined_number_stands_beside_patients_with_any_of_its_terms(combined):
    cells = pick(combined.table, "esketamine_dissociation", "spontaneous")
    # A once, though with two of the terms, and B.
    assert (cells["n_events"], cells["n"]) == (2, 4)
    assert "any of dissociation, vision blurred" in cells["here"]
    assert set(BENCHMARKS["esketamine_dissociation"].combines) == set(cells["combines"].split("; "))
    # The first dose counts dissociation alone: A.
    alone = pick(combined.table, "esketamine_first_dose_dissociation", "spontaneous")
    assert (alone["n_events"], alone["n"], alone["combines"]) == (1, 4, "")
    # Sedation was never recorded here, somnolence was, which the label counts with it.
    sedation = pick(combined.table, "esketamine_sedation", "spontaneous")
    assert (sedation["effect"], sedation["n_events"], sedation["n"]) == ("sedation", 1, 4)
    assert "patients with somnolence" in sedation["here"]
    assert not (combined.table["name"] == "esketamine_sedation_moaas_2021").any()


def test_an_unverified_combination_has_no_interval_of_the_difference_and_says_so(combined):
    cells = pick(combined.table, "esketamine_dissociation", "spontaneous")
    assert cells["difference"] == pytest.approx(2 / 4 - 0.41)
    assert np.isnan([cells["difference_conf_low"], cells["difference_conf_high"]]).all()
    assert pd.isna(cells["overlap"])
    assert "not checked, so the difference has no interval" in cells["words"]
    assert "combines dissociation, delusional perception" in cells["differs_in"]
    assert "(unverified list), of which are recorded here dissociation, vision blurred" in cells["differs_in"]
    note = next(note for note in combined.notes if "several terms under one name" in note)
    assert "Esketamine label, safety table" in note
    assert "unverified" in note
    # A single term keeps its interval.
    alone = pick(combined.table, "esketamine_first_dose_dissociation", "spontaneous")
    assert np.isfinite(alone["difference_conf_low"])


def test_combined_and_single_terms_have_a_group_each_in_table_and_picture(combined):
    rows, _ = combined.readable()
    of_label = rows[rows["study"] == "Esketamine label, safety table"]
    assert set(of_label["counted"]) == {"first 4 weeks, combined terms"}
    # The scale's sedation and the label's are counted over the same weeks, of other terms.
    both = [*TERMS, ("D", 1, "sedation", "spontaneous")]
    found = published_side_effects(clinic(both, TERM_DAYS))
    _, ax = theme.new_figure()
    found.plot(ax, effects="sedation")
    heads = [words.get_text() for words in ax.texts if words.get_gid() == "group"]
    assert sum("first 4" in words for words in heads) == 2
    here = found.table[found.table["effect"] == "sedation"].groupby("combines")["n_events"].unique()
    assert {tuple(values) for values in here} == {(1,), (2,)}


def test_an_effect_can_be_chosen_by_a_name_of_which_other_terms_were_recorded():
    cohort = clinic(TERMS, TERM_DAYS)
    table = published_side_effects(cohort, effects=["sedation"]).table
    assert set(table["effect"]) == {"any side effect", "sedation"}
    renamed = published_side_effects(cohort, synonyms={"dozing": ["somnolence", "sleepy"]}).table
    assert "patients with dozing" in pick(renamed, "esketamine_sedation", "spontaneous")["here"]


# ---------------------------------------------------------------- end of the data


def test_a_window_that_was_still_open_at_the_end_of_the_data_is_not_known():
    # The data end with 2024-02-01. A: 31 days of data, no effect; B: 12, none; C: 5, an effect.
    starts = {"A": ["2024-01-01", "2024-01-03"], "B": ["2024-01-20"], "C": ["2024-01-27", "2024-01-28"]}
    rows = [(name, f"{day} 09:00") for name, days in starts.items() for day in days]
    frames = {
        "patients": pd.DataFrame({"patient_id": list(starts)}),
        "sessions": pd.DataFrame(rows, columns=["patient_id", "start"]).assign(route="IV"),
        "side_effects": pd.DataFrame(
            [(name, 1, "nausea" if name == "C" else "none", "spontaneous") for name in starts],
            columns=["patient_id", "session", "effect", "ascertainment"],
        ),
    }
    settings = {"deidentification": "limited-data-set", "timezone": "UTC", "data_cut": "2024-02-01"}
    result = published_side_effects(assemble(frames, settings=settings))
    label = pick(result.table, "esketamine_nausea", "spontaneous")
    # Of C, though with nausea, no more than of B: with those who had it alone the share would be too large.
    assert (label["n_events"], label["n"], label["n_unknown"]) == (0, 1, 2)
    assert "not known of 2 more" in label["differs_in"]
    assert "fewer than 28 days" in label["differs_in"]
    week = pick(result.table, "esketamine_week_1_nausea", "spontaneous")
    assert (week["n_events"], week["n"], week["n_unknown"]) == (0, 2, 1)
    # Session 1 and all sessions have no end in days.
    ever = pick(result.table, "rodrigues_2020_nausea", "spontaneous")
    assert (ever["n_events"], ever["n"], ever["n_unknown"]) == (1, 3, 0)
    assert any("had not passed at the end of the data" in note for note in result.notes)


# ---------------------------------------------------------------- what is said


def test_placebo_arms_are_left_out_unless_asked_for(found, small):
    assert "placebo" not in set(found.table["arm"])
    assert any("placebo=True" in note for note in found.notes)
    assert "placebo" in set(small["arm"])


def test_measured_pressure_is_left_to_vital_signs_and_the_rest_is_named(found):
    assert "measured" not in set(found.table["asked_there"])
    notes = " ".join(found.notes)
    assert "vital_signs gives the clinic's: Rodrigues 2020 (CRTCE safety)" in notes
    # Sedation, lethargy: of the label's terms, somnolence and fatigue are recorded.
    absent = notes.partition("never recorded here, so without a number: ")[2].partition(".")[0]
    for words in ("vertigo", "dysgeusia", "sedation (Esketamine course, week 1)"):
        assert words in absent
    assert "lethargy" not in absent
    assert "dissociation (Esketamine course, week 1)" in notes


def test_every_number_comes_with_its_definition_and_what_differs(found):
    assert all(source for _, _, source in found.definitions)
    assert (found.table["here"] != "").all()
    assert found.table["differs_in"].str.startswith("there: ").all()
    assert any("recorded sessions, asked by checklist" in words for words in found.table["differs_in"])
    assert any("recorded sessions, asked spontaneously" in words for words in found.table["differs_in"])
    said = [*found.notes, *found.sentences(), *found.table["words"], *found.table["differs_in"]]
    assert not any("by spontaneous" in words for words in said)


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


def test_what_is_asked_of_side_effects_passes_through_the_comparison_and_belongs_to_it_alone():
    cohort = clinic(EFFECTS, DAYS)
    how = {"effects": "nausea", "ascertainment": "spontaneous", "placebo": True}
    direct = published_side_effects(cohort, **how).table
    pd.testing.assert_frame_equal(published_comparison(cohort, "side_effects", **how).table, direct)
    assert "placebo" in set(direct["arm"])
    for name, value in how.items():
        with pytest.raises(DataError, match='belong to topic="side_effects"'):
            published_comparison(cohort, "durability", **{name: value})


@pytest.mark.parametrize(
    ("unit", "difference", "limits", "said"),
    [
        ("share", 0.012, None, "1 point"),
        ("share", -0.009, None, "−1 point"),
        ("share", 0.02, None, "2 points"),
        ("share", 0.01, (-0.03, 0.05), "1 (−3–5) points"),
        ("days", 1.0, None, "1 day"),
        ("sessions", 3.0, None, "3 sessions"),
    ],
)
def test_one_point_is_no_plural(unit, difference, limits, said):
    low, high = limits or (np.nan, np.nan)
    row = {"unit": unit, "difference": difference, "difference_high": difference}
    words = difference_words(row | {"difference_conf_low": low, "difference_conf_high": high})
    assert words.replace("−3 to 5", "−3–5") == said


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


def test_the_catalogue_has_too_few_sources_and_it_is_said(found):
    assert found.prediction["estimate"].isna().all()
    assert (found.prediction["n_sources"] < 3).all()
    assert any("nothing is pooled" in note for note in found.notes)
