"""A cohort whose scores are all of instruments that the catalogue does not know is reported without them."""

import re

import pytest
from report.forty import SETTINGS, scores, side_effects, tables, text

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.quality import main_instrument
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.numbering import COMPLETENESS

REASON = "no scores of an instrument that is in the catalogue"
OWN = "House scale"


def raw(**more):
    return tables(scores=scores().assign(instrument=OWN), side_effects=side_effects(["no"] * 30), **more)


@pytest.fixture(scope="module", params=["show", "suppress"])
def report(request, report_of):
    return report_of(raw(), SETTINGS, month="2026-08", small_cells=request.param)


def test_there_is_a_report_with_every_section(report):
    assert [section.number for section in report.sections] == list(range(1, 16))
    assert report.manifest["settings"]["instrument"] is None


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, COMPLETENESS])
def test_each_section_that_needs_a_range_and_a_direction_says_why_it_has_none(report, number):
    section = next(section for section in report.sections if section.number == number)
    assert REASON in " ".join(section.notes).lower()
    assert number == COMPLETENESS or not section.figures


def test_the_first_page_says_why_there_is_no_outcome(report):
    words = text(report)
    assert "No scores of an instrument that is in the catalogue, so no outcome is reported." in words
    first = words.split("1 How fast do patients respond?")[0]
    assert "no score recorded" not in first
    assert f"{REASON}" in first.split("How complete are the data?")[1].split("Section 14")[0]
    assert "Scores of 1 instrument that is not in the catalogue" in words


def test_its_name_is_nowhere_and_its_scores_are_counted_among_the_rows(report):
    # 15 scores before and 40 after.
    assert OWN not in report.html
    rows = report.tables["rows_by_table"].set_index("table")
    assert rows.loc["scores", "n_kept"] == 55
    assert not [name for name in report.tables if re.match("response|remission|course|onset|model", name)]


def test_safety_is_reported_all_the_same(report):
    assert report.tables["any_side_effect_checklist"]["n"].tolist() == [30]


def test_without_any_score_the_sections_say_no_more_than_that(report_of):
    bare = {name: table for name, table in raw().items() if name != "scores"}
    words = text(report_of(bare, SETTINGS, month="2026-08", small_cells="show"))
    assert REASON not in words.lower()
    assert "No scores are recorded, so no outcome is reported." in words


def test_an_instrument_asked_for_that_the_catalogue_does_not_know_names_those_that_it_does(report_of):
    with pytest.raises(DataError) as caught:
        report_of(raw(), SETTINGS, month="2026-08", instrument=OWN)
    message = str(caught.value)
    assert message.startswith("no instrument of that name is in the catalogue")
    assert "the 1 instrument with scores in this cohort none is in the catalogue" in message
    assert OWN not in message


def test_the_instruments_with_scores_that_are_in_the_catalogue_are_counted_and_named(report_of):
    mixed = scores()
    mixed.loc[:9, "instrument"] = OWN
    mixed.loc[10:19, "instrument"] = "GAD-7"
    with pytest.raises(DataError) as caught:
        report_of(tables(scores=mixed), SETTINGS, month="2026-08", instrument=OWN)
    message = str(caught.value)
    assert "the 3 instruments with scores in this cohort 2 are in the catalogue: PHQ-9, GAD-7" in message
    assert OWN not in message


def test_an_instrument_of_the_catalogue_without_scores_is_refused_with_those_that_have_some(report_of):
    with pytest.raises(DataError) as caught:
        report_of(tables(), SETTINGS, month="2026-08", instrument="MADRS")
    message = str(caught.value)
    assert message.startswith("this cohort has no scores of MADRS")
    assert "the 1 instrument with scores in this cohort is in the catalogue: PHQ-9" in message


def test_a_name_that_nearly_is_one_is_still_guessed(report_of):
    with pytest.raises(DataError, match=r"did you mean .*PHQ-9"):
        report_of(tables(), SETTINGS, month="2026-08", instrument="PHQ-99")


def test_data_quality_follows_an_instrument_of_the_catalogue_only():
    cohort = assemble(raw(), SETTINGS)
    assert main_instrument(cohort) is None
    result = data_quality(cohort)
    assert result.instrument is None
    assert len(result.flow) == 0
    assert f"No attrition: {REASON}." in result.notes
    # 40 uncatalogued scores against 15 of the catalogue: the one that can be followed is followed.
    both = scores()
    both.loc[15:, "instrument"] = OWN
    assert main_instrument(assemble(tables(scores=both), SETTINGS)) == "PHQ-9"


def test_the_boxes_of_speed_and_duration_give_the_reason_too(report):
    first = text(report).split("Which side effects?")[0]
    assert f"Response in hours: not recorded: {REASON}." in first
    assert f"No episode of response can be followed: {REASON}." in first
