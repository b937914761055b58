"""What a clinic did not record is said to be not recorded; it is never a crash and never a zero."""

import re

import pytest


def without(tables, *names):
    return {name: table for name, table in tables.items() if name not in names}


def with_scores(tables, keep):
    return {**tables, "scores": tables["scores"][keep(tables["scores"]["instrument"])]}


def text(report):
    return re.sub(r"<[^>]+>", " ", report.html.split("</style>", 1)[1])


@pytest.fixture(params=["clinic", "undated"])
def raw(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_without_vital_signs_blood_pressure_is_not_recorded(raw, report_of, small_cells):
    tables, settings = raw
    report = report_of(without(tables, "vitals"), settings, small_cells=small_cells)
    assert "BP ≥165/100: not recorded." in report.html
    assert "blood_pressure" not in report.tables


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_without_side_effects_none_are_claimed(raw, report_of, small_cells):
    tables, settings = raw
    report = report_of(without(tables, "side_effects"), settings, small_cells=small_cells)
    assert "Side effects: not recorded" in report.html
    assert "this is not zero" in report.html
    assert not [name for name in report.tables if "side_effect" in name]


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_without_an_instrument_that_asks_about_now_nothing_is_said_in_hours(raw, report_of, small_cells):
    tables, settings = raw
    report = report_of(
        with_scores(tables, lambda name: name != "Mood-NRS"), settings, small_cells=small_cells
    )
    assert "Response in hours: not recorded." in report.html
    assert not [name for name in report.tables if "hours" in name]


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_with_a_mood_rating_alone_nothing_is_said_in_days(raw, report_of, small_cells):
    tables, settings = raw
    report = report_of(
        with_scores(tables, lambda name: name == "Mood-NRS"), settings, small_cells=small_cells
    )
    assert "Response in days: not recorded." in report.html


def test_dissociation_scores_are_no_outcome(raw, report_of):
    tables, settings = raw
    report = report_of(with_scores(tables, lambda name: name == "CADSS"), settings)
    assert report.manifest["settings"]["instrument"] is None
    assert "no outcome is reported" in text(report)


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_patients_and_sessions_alone_are_enough_for_a_report(raw, report_of, small_cells):
    tables, settings = raw
    report = report_of(
        {name: tables[name] for name in ("patients", "sessions")}, settings, small_cells=small_cells
    )
    assert len(report.sections) == 15
    assert "No scores are recorded, so no outcome is reported." in text(report)


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_one_patient_is_enough_for_a_report(raw, report_of, small_cells):
    tables, settings = raw
    one = tables["patients"]["patient_id"].iloc[0]
    report = report_of(
        {name: table[table["patient_id"] == one] for name, table in tables.items()},
        settings,
        small_cells=small_cells,
    )
    assert len(report.sections) == 15
    assert not re.search(r"\b(nan|inf|None|<NA>|NaT)\b", text(report))


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_one_session_per_patient_is_enough_for_a_report(raw, report_of, small_cells):
    tables, settings = raw
    first = {
        **tables,
        "sessions": tables["sessions"].groupby("patient_id").head(1),
        "side_effects": tables["side_effects"][tables["side_effects"]["session"] == 1],
        "vitals": tables["vitals"][tables["vitals"]["session"] == 1],
    }
    report = report_of(first, settings, small_cells=small_cells)
    assert not re.search(r"\b(nan|inf|None|<NA>|NaT)\b", text(report))


def test_a_way_of_asking_that_is_not_stated_is_called_so(raw, report_of):
    tables, settings = raw
    side_effects = tables["side_effects"].drop(columns="ascertainment")
    report = report_of({**tables, "side_effects": side_effects}, settings, small_cells="show")
    assert "asked in a way that is not stated" in report.html


def test_under_safe_harbor_nothing_is_shown_by_month_and_the_page_says_why(undated, report_of):
    report = report_of(*undated)
    assert report.month is None
    assert "No months are kept under Safe Harbor" in report.html
    assert "Month by month" not in report.html
    assert set(report.tables["response"]["month"]) == {"all"}


def test_without_a_data_cut_the_last_month_may_be_incomplete(clinic, report_of):
    tables, settings = clinic
    report = report_of(tables, {key: value for key, value in settings.items() if key != "data_cut"})
    # Records go on to 8 October, and October may be incomplete. Windows are counted to the last
    # record: those of August have closed by 2 October (31 August + 32 days), those of September not.
    assert report.month == "2026-09"
    assert report.manifest["settings"]["outcome_month"] == "2026-08"
    assert "not stated" in report.html


def test_the_first_month_has_no_year_before_it(clinic, report_of):
    tables, settings = clinic
    first = sorted(tables["sessions"]["start"].astype("str").str[:7])[0]
    report = report_of(tables, settings, month=first, small_cells="show")
    assert report.month == first
    assert "previous 12 months" not in set(report.tables["any_side_effect_checklist"]["month"])


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_an_instrument_that_the_catalogue_does_not_know_is_left_out_and_said_so(raw, report_of, small_cells):
    tables, settings = raw
    scores = tables["scores"].copy()
    scores["instrument"] = scores["instrument"].where(scores["instrument"] != "GAD-7", "House scale")
    report = report_of({**tables, "scores": scores}, settings, small_cells=small_cells)
    assert "Scores of 1 instrument that is not in the catalogue" in report.html
    assert "House scale" not in report.html
