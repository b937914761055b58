"""A report for patients: no count of 1 to 10 on the page, in the figures or in the files."""

import re

import pandas as pd
import pytest

from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.report.files import csv_text

COUNTS_OF_FILES = {"rows_by_table", "rows_set_aside", "cells_set_to_missing", "missing_cells", "recording"}
# Sessions without a record, and so on, describe files.
NOT_PATIENTS = {"n_sessions", "n_no_record", "n_not_due"}


def small(values):
    return values.notna() & (values >= 1) & (values <= 10)


def test_no_table_holds_a_count_of_one_to_ten_or_its_complement(suppressed):
    n_checked = 0
    for name, table in suppressed.tables.items():
        if name in COUNTS_OF_FILES:
            continue
        counts = [column for column in table if column == "n" or column.startswith("n_")]
        for column in set(counts) - NOT_PATIENTS:
            assert not small(table[column].astype("Float64")).any(), (name, column)
            n_checked += len(table)
        if {"n", "n_events"} <= set(counts):
            assert not small((table["n"] - table["n_events"]).astype("Float64")).any(), name
    assert n_checked > 300


def test_a_hidden_row_has_neither_estimate_nor_interval(suppressed):
    n_hidden = 0
    for table in suppressed.tables.values():
        hidden = table[table["suppressed"] != ""]
        n_hidden += len(hidden)
        for column in ("estimate", "estimate_high", "conf_low", "conf_high", "n_events", "p10", "p90"):
            if column in table:
                assert hidden[column].isna().all()
    assert n_hidden > 20


def test_files_carry_the_same_masking_as_the_page(suppressed):
    lines = csv_text(suppressed.tables["response"]).splitlines()
    assert lines[0].split(",")[-1] == "suppressed"
    assert any(line.endswith(("count 1-10", "total 1-10")) for line in lines)


def test_no_pair_on_the_page_shows_a_hidden_count(suppressed):
    # n/N as printed in tables and figures; sessions with a record are counts of rows.
    body = suppressed.html.split('id="section-6"')[0]
    for events, total in re.findall(r"\b([\d,]+)/([\d,]+)\b", re.sub(r"BP ≥165/100", "", body)):
        events, total = int(events.replace(",", "")), int(total.replace(",", ""))
        assert events == 0 or events > 10
        assert total - events == 0 or total - events > 10


def test_curves_are_given_at_planned_times_only(suppressed, shown):
    assert "onset_days_curve" in shown.tables
    for name in suppressed.tables:
        assert not re.search("curve|masses|kaplan", name)
    assert "for comparison only" not in suppressed.html


def test_what_is_hidden_is_listed_and_what_the_gate_cannot_do_is_said(suppressed):
    assert "Not shown, and why" in suppressed.html
    assert "Not compared with an earlier report" in suppressed.html
    assert len(suppressed.tables["not_shown"]) > 5


def test_patients_counts_are_hidden_by_default(clinic, report_of):
    report = report_of(*clinic)
    assert report.manifest["settings"]["small_cells"] == "suppress"
    assert "Synthetic" not in report.html


def test_showing_them_is_written_on_the_page(clinic, report_of):
    report = report_of(*clinic, small_cells="show")
    assert report.html.count("Internal use: small counts are shown") >= 2


def test_where_counts_are_shown_the_sessions_without_a_record_are_too(shown):
    tables = [table for name, table in shown.tables.items() if name.startswith("any_side_effect")]
    counts = pd.concat(tables)["n_no_record"]
    assert counts.notna().all()
    assert counts.between(1, 10).any()


def test_a_month_total_and_its_months_do_not_give_a_hidden_month_away(suppressed):
    for name in ("response", "remission", "follow_up", "blood_pressure", "any_side_effect_spontaneous"):
        table = suppressed.tables[name]
        total = table[table["month"] == "previous 12 months"].iloc[0]
        # The twelve months of the total stand before the month in the row; charts go further back.
        months = table[(table["month"] != "previous 12 months") & ~table["provisional"]].iloc[-13:-1]
        if total["suppressed"] == "":
            assert months["n_events"].isna().sum() != 1, name
            assert months["n"].isna().sum() != 1, name


def test_the_section_and_the_first_page_do_not_give_a_month_away_by_their_difference(suppressed):
    # Section 6 covers October to September, the first page's total September to August.
    for name in ("any_side_effect_checklist", "any_side_effect_spontaneous"):
        table = suppressed.tables[name].set_index("month")
        first, last = table.loc["2025-09"], table.loc["2026-09"]
        assert pd.isna(first["n_events"]) == pd.isna(last["n_events"])
        assert pd.isna(first["n"]) == pd.isna(last["n"])


@pytest.mark.parametrize("n_patients", [1, 5, 12])
def test_a_few_patients_give_a_report_that_shows_none_of_their_counts(clinic, report_of, n_patients):
    tables, settings = clinic
    some = tables["patients"]["patient_id"].iloc[:n_patients]
    report = report_of(
        {name: table[table["patient_id"].isin(some)] for name, table in tables.items()}, settings
    )
    for name, table in report.tables.items():
        if name not in COUNTS_OF_FILES:
            for column in {"n", "n_events", "n_patients", "n_missing", "n_responded"} & set(table):
                assert not small(table[column].astype("Float64")).any(), (name, column)
    if n_patients <= 10:
        assert report.tables["rows_by_table"].set_index("table").loc["patients", "suppressed"] != ""


@pytest.fixture(scope="module", params=["dated", "undated"])
def patients(request, suppressed, report_of):
    """A report of 240 patients whose small counts are hidden; with months and without."""
    if request.param == "dated":
        return suppressed
    simulation = simulate_cohort(n_patients=240)
    return report_of(dict(simulation.tables), {**simulation.settings, "synthetic": False})


def shown_sizes(table, column="n"):
    return [int(size) for size in table[column].dropna()]


def test_groups_of_the_same_patients_do_not_differ_by_a_few(patients):
    # Each of these is a part of those who started; section 3's are parts of each other.
    tables = patients.tables
    started = shown_sizes(tables["attrition"])[0]
    groups = shown_sizes(tables["onset_days_medians"], "n_patients")
    groups += shown_sizes(tables["course_phq9"]) + shown_sizes(tables["course_gad7"])
    nested = shown_sizes(tables["attrition"]) + shown_sizes(tables["response_rates"])
    if patients.month is None:
        row = tables["response"].iloc[0]
        nested.append(int(row["n"] + row["n_missing"]))
    assert not [size for size in groups if 1 <= started - size <= 10]
    assert not [(a, b) for a in nested for b in nested if 1 <= a - b <= 10]


def test_those_not_due_do_not_give_a_hidden_denominator_away(patients):
    for kind in ("response_rates", "remission_rates"):
        table = patients.tables[kind]
        assert table["n"].notna().all() or table[["n_missing", "n_not_due"]].isna().all(axis=None)
    assert patients.tables["response"]["n_not_due"].isna().all()


def test_an_interval_whose_width_gives_a_hidden_size_away_is_hidden_with_it(patients):
    # A t interval and its standard deviation have n as their only unknown.
    table = patients.tables["mean_change"]
    assert table.loc[table["n"].isna(), ["conf_low", "conf_high", "sd"]].isna().all(axis=None)
    # A mixed model's limits follow from all scores of all patients, so only the SD goes with the size.
    for name in ("course_phq9", "course_gad7"):
        table = patients.tables[name]
        assert table.loc[table["n"].isna(), "sd"].isna().all()


def test_reasons_for_not_known_are_hidden_together(patients):
    for name in ("response", "remission", "mean_change"):
        table = patients.tables[name]
        assert (table["n_no_baseline"].isna() == table["n_not_scored"].isna()).all()
        total = table[table["month"] == "previous 12 months"]
        assert total[["n_missing", "n_no_baseline", "n_not_scored"]].isna().all(axis=None)
