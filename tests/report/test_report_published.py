"""Section 13: published numbers as they were published, this cohort's as the analyses give them."""

import re

import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.catalog.benchmarks import BENCHMARKS
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.scope import make_scope
from ketaoutcomes.report.sections.published import published
from ketaoutcomes.report.settings import ReportSettings


def part_of(cohort, how="show"):
    scope = make_scope(
        cohort, month=None, instrument=None, gate=Gate(how), level=0.95, settings=ReportSettings()
    )
    return published(scope), scope


@pytest.fixture(scope="module")
def shown_part(sample_cohort):
    return part_of(sample_cohort)


@pytest.fixture(scope="module")
def suppressed_part(sample_cohort):
    return part_of(sample_cohort, "suppress")


def row_of(part, study):
    return next(row for row in part.section.tables[0].rows if study in row[0])


def test_the_published_numbers_are_those_of_the_papers(shown_part):
    # McInnes 2022: 53.6 % of 537; Pfeiffer 2024: 26 % of 215 (printed in the abstracts).
    part, _ = shown_part
    assert BENCHMARKS["mcinnes_2022_response"].estimate == 53.6
    # Its interval by Wilson: 288 of 537 is the one count that rounds to 53.6 %; 49.4 to 57.8 %.
    assert row_of(part, "McInnes 2022")[1:3] == ("54% (49–58)", "537")
    assert row_of(part, "Pfeiffer 2024")[1] == "26%"


def test_the_own_number_is_made_under_the_study_s_definition(shown_part):
    part, scope = shown_part
    table = response_rates(scope.recent, "PHQ-9", at="week_6").table.set_index("denominator")
    expected = table.loc["scored"]
    assert row_of(part, "Pfeiffer 2024")[5] == f"{expected['n_events']:.0f}/{expected['n']:.0f}"


def test_a_row_that_cannot_be_computed_says_why(shown_part):
    part, _ = shown_part
    assert row_of(part, "McIntyre 2020")[3] == "QIDS-SR16 not recorded"
    assert row_of(part, "McIntyre 2020")[4:] == ("–", "–")


def test_there_is_no_verdict(shown_part):
    part, _ = shown_part
    assert "No verdict is given, and none follows from overlap." in part.section.reading
    for table in part.tables.values():
        assert not {"words", "overlap", "difference", "differs_in", "n_unknown"} & set(table.columns)


def test_every_row_of_the_figure_is_in_the_table_under_the_same_letter(shown_part):
    part, _ = shown_part
    (figure,) = part.section.figures
    for row in part.section.tables[0].rows:
        name = row[0].partition(":")[0]
        if "not recorded" not in row[3] and "sessions" not in row[1]:
            assert name in figure.svg, name


def test_unverified_numbers_are_marked(shown_part):
    part, _ = shown_part
    frame = part.tables["published_side_effects"]
    marked = [row for row in part.section.tables[1].rows if "not checked against its source" in row[0]]
    assert len(marked) == int((~frame["verified"].astype(bool)).sum())


def test_no_count_of_a_few_and_no_size_near_another_is_printed(suppressed_part):
    part, scope = suppressed_part
    frame = part.tables["published_response"]
    for column in ("n", "n_events"):
        assert not frame[column].dropna().between(1, 10).any()
    sizes = {int(n) for n in frame["n"].dropna()} - {0}
    for size in sizes:
        assert not any(1 <= abs(size - other) <= 10 for other in scope.sizes)
    effects = part.tables["published_side_effects"]
    assert effects["n"].isna().all()


def test_a_number_read_from_a_curve_is_rounded_and_without_its_size(suppressed_part):
    part, _ = suppressed_part
    row = part.tables["published_response"].set_index("name").loc["oliver_2022_response_6_weeks"]
    assert row["estimate"] == round(row["estimate"], 2)
    assert pd.isna(row["n"])
    assert pd.isna(row["n_events"])


def test_without_a_symptom_score_every_row_says_what_is_not_recorded(make):
    cohort = make([("A", 0.0)], [("A", -24.0, 5)], instrument="CADSS")
    part, _ = part_of(cohort)
    assert not part.section.figures
    assert all(row[3].endswith("not recorded") for row in part.section.tables[0].rows)
    assert any(note.startswith("Side effects: nothing is recorded") for note in part.section.notes)


def test_definitions_of_studies_are_set_in_the_signs_of_the_report(shown_part):
    part, _ = shown_part
    words = " ".join(row[0] for row in part.section.tables[0].rows)
    assert "50% below baseline" in words
    assert "14–31 days" in words
    assert " %" not in words


def test_letters_of_the_figure_are_those_of_the_table(shown_part):
    part, _ = shown_part
    drawn = re.findall(r">([A-Z])\s+(\w+)[^<]*</text>", str(part.section.figures[0].svg))
    listed = [tuple(row[0].split()[:2]) for row in part.section.tables[0].rows]
    assert len(drawn) > 3
    assert set(drawn) <= set(listed)
