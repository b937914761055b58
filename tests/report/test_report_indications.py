"""Section 9: each indication on its own instrument, and what is hidden of it."""

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.scope import make_scope
from ketaoutcomes.report.sections.indications import indications
from ketaoutcomes.report.settings import ReportSettings


def part_of(cohort, how="show"):
    scope = make_scope(
        cohort, month=None, instrument=None, gate=Gate(how), level=0.95, settings=ReportSettings()
    )
    return indications(scope), scope


@pytest.fixture(scope="module")
def shown_part(sample_cohort):
    return part_of(sample_cohort)


@pytest.fixture(scope="module")
def suppressed_part(sample_cohort):
    return part_of(sample_cohort, "suppress")


def test_response_is_that_of_the_analysis_in_the_same_patients(shown_part):
    part, scope = shown_part
    table = response_rates(scope.recent, "PCL-5", by="diagnosis", outcome="response_pcl5_15").table
    expected = table[(table["denominator"] == "scored") & (table["diagnosis"] == "PTSD")].iloc[0]
    found = part.tables["indications_pcl5"].set_index("indication").loc["PTSD"]
    columns = ["n_events", "n", "estimate", "conf_low", "conf_high"]
    assert [float(found[name]) for name in columns] == pytest.approx(
        [float(expected[name]) for name in columns]
    )


def test_indications_add_up_to_all_who_started(shown_part):
    part, scope = shown_part
    assert part.tables["indications_started"]["n"].sum() == scope.n_starters


def test_each_indication_has_the_first_instrument_of_its_pack_that_is_used(shown_part):
    part, _ = shown_part
    named = [row[0] for row in part.section.tables[0].rows]
    assert named == [
        "Depression, PHQ-9", "Bipolar depression, PHQ-9", "PTSD, PCL-5", "Anxiety, GAD-7",
        "Chronic pain, NRS-pain", "Chronic pain, NRS-pain at least 50% below baseline",
    ]  # fmt: skip


def test_change_is_the_mean_of_those_scored(make):
    # Two patients, 20 to 10 and 16 to 12: mean baseline 18, mean change -7, t limits with 1 df:
    # -7 +- 12.7062 * sqrt(18) / sqrt(2) = -45.12 to 31.12; one of two has responded.
    sessions = [(name, 24.0 * day) for name in "AB" for day in (0, 4, 8, 12)]
    scores = [
        ("A", -24.0, 20), ("A", 24.0 * 33, 10), ("B", -24.0, 16), ("B", 24.0 * 33, 12),
    ]  # fmt: skip
    patients = pd.DataFrame(
        {"patient_id": ["A", "B"], "diagnosis": ["MDD", "F33.1"], "hours_to_data_cut": [5000.0, 5000.0]}
    )
    part, _ = part_of(make(sessions, scores, patients=patients))
    row = part.tables["indications_phq9"].iloc[0]
    assert (row["indication"], row["n"], row["n_events"]) == ("Depression", 2, 1)
    assert (row["baseline_mean"], row["change"]) == (18.0, -7.0)
    assert [row["change_low"], row["change_high"]] == pytest.approx([-45.1186, 31.1186], abs=1e-3)


def test_what_an_indication_lacks_is_said(make):
    patients = pd.DataFrame({"patient_id": ["A"], "diagnosis": ["PTSD"]})
    part, _ = part_of(make([("A", 0.0)], [("A", -24.0, 20)], patients=patients))
    said = " ".join(cell for table in part.section.tables for row in table.rows for cell in row)
    assert "no PCL-5 or CAPS-5 scores recorded" in said


def test_without_a_diagnosis_one_sentence_says_so(make):
    part, _ = part_of(make([("A", 0.0)], [("A", -24.0, 20)]))
    assert part.section.notes == (
        "Not recorded: no patient has a diagnosis, so indications cannot be told apart.",
    )
    assert not part.tables


def test_no_count_of_a_few_is_in_a_suppressed_table(suppressed_part):
    part, _ = suppressed_part
    for table in part.tables.values():
        for column in table.columns:
            if column == "n" or column.startswith("n_"):
                values = table[column].dropna().astype(int)
                assert not values.between(1, 10).any()


def test_sizes_of_two_instruments_never_differ_by_a_few(suppressed_part):
    part, _ = suppressed_part
    sizes = {}
    for name, table in part.tables.items():
        for label, n in zip(table["indication"], table["n"], strict=True):
            if not pd.isna(n):
                sizes.setdefault(label, []).append((name, int(n)))
    apart = [
        abs(first - second)
        for found in sizes.values()
        for place, (_, first) in enumerate(found)
        for _, second in found[:place]
    ]
    assert not any(1 <= one <= 10 for one in apart)


def test_a_mean_without_its_size_has_one_decimal_and_no_interval(suppressed_part):
    part, _ = suppressed_part
    table = part.tables["indications_gad7"]
    rows = table[table["n"].isna() & table["change"].notna()]
    assert len(rows)
    assert rows["change_low"].isna().all()
    assert np.allclose(rows["change"], rows["change"].round(1))


def test_pain_is_given_by_both_published_rules(shown_part):
    # IMMPACT: 30 % is moderate, 50 % substantial; who meets the second meets the first.
    part, scope = shown_part
    table = response_rates(scope.recent, "NRS-pain", by="diagnosis", outcome="response_pain_50").table
    expected = table[(table["denominator"] == "scored") & (table["diagnosis"] == "chronic pain")].iloc[0]
    found = part.tables["indications_response_pain_50"].iloc[0]
    assert (found["n_events"], found["n"]) == (expected["n_events"], expected["n"])
    assert (
        found["n_events"]
        <= part.tables["indications_nrspain"].set_index("indication").loc["Chronic pain", "n_events"]
    )
