"""The report of the sample clinic: months, numbers, what is said and what is not."""

import re

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.monthly import monthly_report
from ketaoutcomes.report.words import UNCONTROLLED

# Words that claim a cause, a verdict or a rank; from the mock-up's list.
FORBIDDEN = (
    "effective", "effectiveness", "works", "success", "successful", "improved", "improvement", "significant",
    "significantly", "trend", "no difference", "no side effects", "safe", "best", "top", "failed", "failure",
    "non-compliant", "locf", "cure", "efficacy", "proven", "winner",
)  # fmt: skip


def text_of(html):
    """What a reader sees, figures' text and alternatives included."""
    body = html.split("</style>", 1)[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def printed(report, measure):
    """The cells of one row of the first page's table."""
    start = report.html.index(f'role="rowheader">{measure}')
    return text_of("</style>" + report.html[start : report.html.index("</tr>", start)])


def test_the_sample_is_reported_for_its_last_complete_month(shown):
    # The data end on 8 October 2026: September is complete; inductions that ended in August are
    # due (31 August + 32 days = 2 October), those of September are not.
    assert shown.month == "2026-09"
    assert shown.manifest["settings"]["outcome_month"] == "2026-08"
    assert "September 2026" in shown.html


def test_the_report_has_nine_numbered_questions(shown):
    assert [section.number for section in shown.sections] == list(range(1, 16))


@pytest.mark.parametrize("name", ["shown", "suppressed"])
def test_no_word_claims_an_effect_or_gives_a_verdict(name, request):
    text = text_of(request.getfixturevalue(name).html).lower().replace("safe harbor", "")
    found = [word for word in FORBIDDEN if re.search(rf"\b{re.escape(word)}\b", text)]
    assert found == []


def test_every_report_says_that_it_is_uncontrolled(shown, suppressed):
    for report in (shown, suppressed):
        assert UNCONTROLLED in report.html
        assert "associated with" in report.html


def test_synthetic_data_are_named_on_the_page_and_small_counts_shown(shown):
    assert "Synthetic data: no patient is described" in shown.html
    assert shown.manifest["settings"]["small_cells"] == "show"


def test_months_of_outcomes_add_up_to_the_analysis_of_the_whole_cohort(sample_cohort, shown):
    # Every complete induction of the data ends in one of the months between the first and the last.
    table = monthly_report(sample_cohort, month="2026-09").tables["response"]
    whole = response_rates(sample_cohort, "PHQ-9").table
    scored = whole[whole["denominator"] == "scored"].iloc[0]
    counted = table[table["month"] != "previous 12 months"]
    assert counted["n"].sum() <= scored["n"]
    early = monthly_report(sample_cohort, month="2025-09").tables["response"]
    earlier = early[~early["month"].isin([*table["month"], "previous 12 months"])]
    assert counted["n"].sum() + earlier["n"].sum() == scored["n"]
    assert counted["n_events"].sum() + earlier["n_events"].sum() == scored["n_events"]


def test_the_months_side_effects_equal_the_public_analysis(sample_cohort, shown):
    table = shown.tables["any_side_effect_checklist"]
    rates = side_effect_rates(sample_cohort, by="month", effects=[]).table
    rates = rates[rates["ascertainment"] == "checklist"].set_index("month")
    months = table[table["month"] != "previous 12 months"].set_index("month")
    expected = rates.loc[months.index]
    for column in ("n_events", "n", "n_patients", "estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(months[column].to_numpy(float), expected[column].to_numpy(float))


def test_the_page_prints_the_numbers_of_its_tables(shown):
    row = shown.tables["response"].set_index("month").loc["2026-08"]
    cells = printed(shown, "Response")
    assert f"{row['n_events']}/{row['n']}" in cells
    assert f"{100 * row['estimate']:.0f}%" in cells
    assert f"{row['n_missing']} of {row['n'] + row['n_missing']} not scored" in cells
    least = row["n_events"] / (row["n"] + row["n_missing"])
    assert f"if none of them responded: {100 * least:.0f}%" in cells


def test_blood_pressure_counts_sessions_with_a_reading_at_or_above_the_limits(sample_cohort, shown):
    vitals = sample_cohort.vitals.merge(sample_cohort.sessions[["patient_id", "session", "month"]])
    vitals = vitals[vitals["month"] == "2026-09"]
    vitals = vitals[vitals["minute"] >= 0]
    high = (vitals["sbp"] >= 165) | (vitals["dbp"] >= 100)
    known = vitals["sbp"].notna() | vitals["dbp"].notna()
    row = shown.tables["blood_pressure"].set_index("month").loc["2026-09"]
    sessions = ["patient_id", "session"]
    assert row["n"] == len(vitals.loc[known, sessions].drop_duplicates())
    assert row["n_events"] == len(vitals.loc[high, sessions].drop_duplicates())


def test_an_open_month_is_provisional_and_has_no_number_on_the_first_page(shown):
    table = shown.tables["response"]
    assert table.loc[table["provisional"], "month"].tolist() == ["2026-09"]
    assert "provisional" in shown.html


def test_an_earlier_month_can_be_asked_for(sample_cohort):
    report = monthly_report(sample_cohort, month="2026-03")
    assert report.manifest["settings"]["outcome_month"] == "2026-03"
    assert "12 months to March 2026" in report.html


@pytest.mark.parametrize(
    ("month", "message"),
    [("2031-01", "no session in that month"), ("2026-13", "YYYY-MM"), ("May", "YYYY-MM")],
)
def test_a_month_that_is_not_in_the_data_is_refused(sample_cohort, month, message):
    with pytest.raises(ConfigError, match=message):
        monthly_report(sample_cohort, month=month)


def test_a_level_outside_zero_to_one_is_refused(sample_cohort):
    with pytest.raises(ConfigError, match="level"):
        monthly_report(sample_cohort, level=95)


def test_an_unknown_instrument_is_refused(sample_cohort):
    with pytest.raises(DataError, match="no instrument of that name"):
        monthly_report(sample_cohort, instrument="PHQ-99")


def test_another_main_instrument_can_be_chosen(sample_cohort):
    report = monthly_report(sample_cohort, instrument="GAD-7")
    assert report.manifest["settings"]["instrument"] == "GAD-7"
    assert "GAD-7 at least 50% below baseline" in report.html


def test_another_level_reaches_every_interval(sample_cohort):
    report = monthly_report(sample_cohort, level=0.8)
    assert "80% CI" in report.html
    # What others published has the level at which they did.
    assert "95% CI" not in report.html.replace("Published (95% CI)", "")


def test_the_manifest_names_versions_definitions_settings_and_seed(shown):
    manifest = shown.manifest
    assert {"ketaoutcomes", "python", "pandas", "numpy"} <= set(manifest["versions"])
    assert len(manifest["cohort"]["fingerprint"]) == 64
    assert manifest["seed"] == [20260101]
    names = {definition["name"] for definition in manifest["definitions"]}
    assert {"response_50", "remission_phq9_lt5", "end_of_induction", "last_14_days"} <= names
    assert all(definition["source"] for definition in manifest["definitions"])
    # Which files there are, and their hashes, is known when the report is saved.
    assert "files" not in manifest


def test_a_report_in_a_notebook_is_a_sandboxed_frame(shown):
    html = shown._repr_html_()
    assert html.startswith("<iframe sandbox ")
    assert "<section" not in html
    assert "September 2026" in html


def test_no_table_has_a_row_per_patient(shown, suppressed):
    for report in (shown, suppressed):
        for name, table in report.tables.items():
            assert "patient_id" not in table.columns
            assert "by_patient" not in name


def test_no_patient_id_reaches_the_page_or_the_tables(sample_cohort, shown):
    ids = set(sample_cohort.patients["patient_id"])
    content = shown.html + "".join(table.to_csv() for table in shown.tables.values())
    assert not ids & set(re.findall(r"\w+", content))


def test_the_callers_cohort_is_not_changed(sample_cohort):
    before = {name: table.copy() for name, table in sample_cohort.tables.items()}
    monthly_report(sample_cohort, small_cells="suppress")
    for name, table in sample_cohort.tables.items():
        pd.testing.assert_frame_equal(table, before[name])
