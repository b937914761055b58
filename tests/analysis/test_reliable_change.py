"""Reliable change and the table of responders on a clinic whose patients can be counted by hand."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.reliable_change import reliable_change, responder_table
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.errors import DataError

matplotlib.use("Agg")
DAY = 24.0
AT = "day_28"
# Baseline and score after: falls of 16, 10, 6, 5, 4, 1, 0, a rise of 7; one not scored.
PAIRS = {
    "A": (20, 4), "B": (20, 10), "C": (20, 14), "D": (20, 15), "E": (20, 16), "F": (20, 19), "G": (20, 20),
    "H": (14, 21), "I": (20, None),
}  # fmt: skip


def clinic(make, pairs=PAIRS, instrument="PHQ-9", **tables):
    scores = [(name, 0, before) for name, (before, _) in pairs.items()]
    scores += [(name, 28 * DAY, after) for name, (_, after) in pairs.items() if after is not None]
    left = pd.DataFrame({"patient_id": ["I"], "hour": [30 * DAY], "status": ["stopped"]})
    tables = {"disposition": left} | tables if "I" in pairs else tables
    return make([(name, 0) for name in pairs], sorted(scores), instrument=instrument, **tables)


@pytest.fixture
def cohort(make):
    return clinic(make)


def scored(table, **chosen):
    rows = table[table["denominator"] == "scored"]
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    return rows


def test_published_thresholds_are_counted_from_their_own_number_on(cohort):
    # IAPT: 6 or more. Falls of 16, 10 and 6; a rise of 7; four in between.
    result = reliable_change(cohort, "PHQ-9", at=AT)
    counts = scored(result.table).set_index("category")["n_events"]
    assert counts.to_dict() == {
        "fewer_symptoms": 3, "no_reliable_change": 4, "more_symptoms": 1,
        "fewer_symptoms_and_below_cutoff": 1,
    }  # fmt: skip
    assert set(result.table["threshold"]) == {6.0}
    assert set(result.table["comparison"]) == {"at_least"}


def test_categories_add_up_to_those_scored_in_every_denominator(cohort):
    table = reliable_change(cohort, "PHQ-9", at=AT, sd=5).table
    for (_, denominator), rows in table.groupby(["source", "denominator"]):
        apart = rows[rows["category"] != "fewer_symptoms_and_below_cutoff"]
        assert apart["n_events"].sum() == 8
        assert set(rows["n"]) == {{"starters": 9, "baseline_eligible": 9, "scored": 8}[denominator]}
        assert set(rows["n_missing"]) == {{"starters": 1, "baseline_eligible": 1, "scored": 0}[denominator]}


def test_intervals_are_wilsons(cohort):
    row = scored(reliable_change(cohort, "PHQ-9", at=AT).table, category="fewer_symptoms").iloc[0]
    # R 4.2.2: prop.test(3, 8, correct = FALSE)$conf.int
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((0.1368443, 0.6942577), abs=1e-6)


def test_a_standard_deviation_gives_a_block_per_published_reliability_and_alpha_is_called_so(cohort):
    # 1.96 sqrt(2) 5 sqrt(1 - r) for r = .84, .737 and alpha .89, by hand: 5.54, 7.11, 4.60.
    sources = reliable_change(cohort, "PHQ-9", at=AT, sd=5).sources
    assert sources["threshold"].round(2).tolist() == [5.54, 7.11, 4.60]
    assert sources["kind"].tolist() == ["retest", "retest", "alpha"]
    assert "alpha" in sources["source"].iloc[2]
    assert not sources["verified"].any()
    assert sources["citation"].str.contains("unverified").all()


def test_a_computed_threshold_must_be_exceeded(make):
    # SD sqrt(2) 1.96 sqrt(.5) = 1.96 SD; SD 10 / 1.96 makes the threshold 10 but for rounding: B fell by 10.
    result = reliable_change(clinic(make), "PHQ-9", at=AT, sd=10 / 1.96, reliability=0.5)
    assert result.sources["threshold"].iloc[0] == pytest.approx(10, abs=1e-12)
    assert scored(result.table, category="fewer_symptoms")["n_events"].tolist() == [1]


def test_the_cut_off_asks_for_a_start_above_it(make):
    # A starts at 4 and cannot come to lie below 5; B comes from 20 to 3.
    cohort = clinic(make, {"A": (4, 0), "B": (20, 3), "C": (20, 12)})
    result = reliable_change(cohort, "PHQ-9", at=AT, sd=1, reliability=0.5)
    assert scored(result.table, category="fewer_symptoms")["n_events"].tolist() == [3]
    assert scored(result.table, category="fewer_symptoms_and_below_cutoff")["n_events"].tolist() == [1]
    assert any("1 of 3 scored began below the remission cut-off" in note for note in result.notes)


def test_the_corrected_change_is_held_against_the_predicted_score(make):
    # M 14, r .5: 20 predicts 17, so a score of 12 is 5 below; SD 3 sqrt(1 - .25) 1.96 = 5.09. Plain change 8.
    cohort = clinic(make, {"A": (20, 12), "B": (20, 11)})
    result = reliable_change(cohort, "PHQ-9", at=AT, sd=3, reliability=0.5, mean=14, corrected=True)
    assert result.sources["threshold"].iloc[0] == pytest.approx(1.96 * 3 * np.sqrt(0.75))
    assert scored(result.table, category="fewer_symptoms")["n_events"].tolist() == [1]
    assert "that the baseline predicts" in result.definitions[0][1]


def test_higher_scores_are_the_good_direction_of_well_being(make):
    cohort = clinic(make, {"A": (20, 60), "B": (40, 44), "C": (60, 40)}, instrument="WHO-5")
    result = reliable_change(cohort, "WHO-5", at=AT, sd=10, reliability=0.8)
    counts = scored(result.table).set_index("category")["n_events"]
    assert counts.to_dict() == {"higher_scores": 1, "no_reliable_change": 1, "lower_scores": 1}
    table = scored(responder_table(cohort, "WHO-5", at=AT).table).set_index("kind")["n_events"]
    assert table.to_dict() == {"deterioration": 1, "meaningful_change": 1}
    assert result.cumulative.set_index("change")["n_events"][[-20, 0, 4, 40]].tolist() == [3, 2, 2, 1]


def test_the_mean_change_stands_beside_with_its_interval(cohort):
    change = reliable_change(cohort, "PHQ-9", at=AT).change.iloc[0]
    assert change["estimate"] == -4.375
    # R 4.2.2: t.test(c(-16, -10, -6, -5, -4, -1, 0, 7))$conf.int
    assert (change["conf_low"], change["conf_high"]) == pytest.approx((-10.114087, 1.364087), abs=1e-6)
    assert change["n_missing"] == 1


def test_the_cumulative_distribution_counts_at_least_so_many_points(cohort):
    found = reliable_change(cohort, "PHQ-9", at=AT).cumulative.set_index("change")
    assert found["n_events"][[-7, 0, 1, 5, 6, 10, 16]].tolist() == [8, 7, 6, 4, 3, 2, 1]
    assert (np.diff(found["n_events"]) <= 0).all()


def test_bands_of_response_add_up_and_each_published_change_has_its_row(cohort):
    table = scored(responder_table(cohort, "PHQ-9", at=AT).table)
    parts = ["response", "partial_response", "less_than_partial", "deterioration"]
    # 80% and 50%; 30% and 25%; 20%, 5% and 0%; one rise.
    assert [table.set_index("kind").at[kind, "n_events"] for kind in parts] == [2, 2, 3, 1]
    changes = table[table["kind"] == "meaningful_change"].set_index("rule")
    assert changes["n_events"].to_dict() == {
        "kounali_2022_percent": 4, "kounali_2022_points": 5, "lowe_2004": 4, "transform_trd": 3,
    }  # fmt: skip
    reliable = table[table["kind"] == "reliable_change"]
    assert reliable["n_events"].tolist() == [3, 1]
    assert not reliable["verified"].any()
    assert (table["source"] != "").all()


def test_the_overlap_of_rules_is_counted_among_those_scored(cohort):
    result = responder_table(cohort, "PHQ-9", at=AT)
    n = scored(result.table)["n_events"].to_numpy()
    np.testing.assert_array_equal(np.diag(result.overlap), n)
    assert (result.overlap <= np.minimum.outer(n, n)).all()


def test_published_reliable_changes_are_those_that_their_source_calls_so():
    from ketaoutcomes.analysis.change_rules import is_reliable

    found = {
        (name, entry.name)
        for name, known in INSTRUMENTS.items()
        for entry in known.changes
        if is_reliable(entry)
    }
    assert found == {
        ("PHQ-9", "nhs_reliable_change"), ("GAD-7", "nhs_reliable_change"), ("GAD-7", "bischoff_2020"),
        ("PCL-5", "marx_2022_15"), ("PCL-5", "marx_2022_18"), ("PCL-5", "older_guidance_5"),
        ("CAPS-5", "marx_2022_13"), ("CAPS-5", "marx_2022_12"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"reliability": 0.8}, "reliability needs sd with it"),
        ({"corrected": True, "sd": 5}, "corrected=True needs mean and sd"),
        ({"mean": 14, "sd": 5}, "mean is only used with corrected=True"),
        ({"sd": "5"}, "sd must be one number"),
        ({"sd": -5}, "sd must be one number above 0"),
        ({"sd": 5, "reliability": 1}, "reliability must be at least 0 and below 1"),
        ({"level": 95}, "level is a share"),
    ],
)
def test_what_does_not_make_a_threshold_is_refused_with_what_to_give(cohort, words, message):
    with pytest.raises(DataError, match=message):
        reliable_change(cohort, "PHQ-9", at=AT, **words)


def test_an_instrument_without_published_numbers_says_what_to_give(make):
    cohort = clinic(make, {"A": (30, 10), "B": (30, 20)}, instrument="MADRS")
    with pytest.raises(DataError, match=r"no reliable change is published for MADRS.*give sd=.*alpha"):
        reliable_change(cohort, "MADRS", at=AT)
    with pytest.raises(DataError, match="no reliability of BDI-II is in the catalogue; give reliability="):
        reliable_change(clinic(make, {"A": (30, 10)}, instrument="BDI-II"), "BDI-II", at=AT, sd=10)


def test_groups_have_their_own_rows(make):
    patients = pd.DataFrame({"patient_id": list("ABCDEFGHI"), "sex": [*"FFFFMMMM", None]})
    result = reliable_change(clinic(make, patients=patients), "PHQ-9", at=AT, by="sex")
    rows = scored(result.table, category="fewer_symptoms").set_index("sex")
    assert rows["n_events"].to_dict() == {"F": 3, "M": 0}
    assert result.change.set_index("sex")["n"].to_dict() == {"F": 4, "M": 4}


def test_no_patient_stands_in_words_and_none_is_called_significant(cohort):
    text = (
        reliable_change(cohort, "PHQ-9", at=AT).summary() + responder_table(cohort, "PHQ-9", at=AT).summary()
    )
    assert "reliable change and below the remission cut-off" in text
    assert "Uncontrolled: associated with, not caused by." in text
    for word in ("significant", "improve", "effective", "success"):
        assert word not in text.lower()


def test_the_scatter_shows_every_pair_and_the_band_its_threshold(cohort):
    result = reliable_change(cohort, "PHQ-9", at=AT)
    ax = result.plot()
    marks = next(found for found in ax.collections if found.get_gid() == "pairs")
    assert {tuple(pair) for pair in marks.get_offsets().tolist()} == {
        pair for pair in PAIRS.values() if pair[1] is not None
    }
    band = next(patch for patch in ax.patches if patch.get_gid() == "band")
    np.testing.assert_allclose(sorted(band.get_xy()[:4, 1] - band.get_xy()[:4, 0]), [-6, -6, 6, 6])


def test_the_curve_is_the_table_and_planned_changes_are_marked(cohort):
    result = responder_table(cohort, "PHQ-9", at=AT)
    ax = result.plot()
    line = next(found for found in ax.lines if found.get_gid() == "share")
    np.testing.assert_allclose(line.get_ydata(), result.cumulative["estimate"])
    dots = next(found for found in ax.lines if found.get_gid() == "planned")
    # 1.7 points stand at 2, since scores are whole.
    np.testing.assert_allclose(sorted(set(dots.get_xdata())), [2, 5, 6])
    np.testing.assert_allclose(sorted(dots.get_ydata(), reverse=True)[0], 5 / 8)
