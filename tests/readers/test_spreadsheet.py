"""Spreadsheets to a cohort: real data with counts by the standard library, folders, suggestions, settings."""

from __future__ import annotations

import csv
import statistics

import openpyxl
import pytest
from readers.spreadsheet_files import (
    HEADER,
    MAPPING,
    ROWS,
    SCORES,
    SESSIONS,
    book,
    csv_file,
    csv_text,
    fill,
    of_sheets,
    raw,
    saved,
)

from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.readers.export import account
from ketaoutcomes.readers.spreadsheet import read_spreadsheet, spreadsheet_export


def score(column, hour, when=None, instrument="MADRS", timing=None):
    """A block of scores at one time."""
    block = {
        "table": "scores",
        "columns": {"score": column},
        "constants": {"instrument": instrument, "hour": str(hour)},
    }
    return block | ({"when": when} if when else {})


def test_the_esketamine_data_read_whole_in_latin_1(shared):
    path = shared / "data" / "ket_esk_adolescents" / "Dataset.csv"
    mapping = {
        "cohort": {"encoding": "latin-1"},
        "patient": {"id": "Id"},
        "rows": [
            {"table": "patients", "columns": {"age": "Age"}},
            {"table": "sessions", "constants": {"hour": "0", "route": "IV", "dose_mg_per_kg": "0.5"}},
            score("MADRS_Baseline", -1),
            score("MADRS_Post", 24),
            {
                "table": "side_effects",
                "checkboxes": {"Dissociation": "dissociation"},
                "constants": {"session": "1"},
            },
        ],
    }
    with open(path, encoding="latin-1", newline="") as file:
        rows = list(csv.DictReader(file))
    cohort = read_spreadsheet(path, mapping)
    assert cohort.sources.iloc[0].tolist() == ["Dataset.csv", len(rows), len(rows), 0, 0]
    at = cohort.scores.groupby("hour")["score"].sum()
    assert at.loc[-1] == sum(int(row["MADRS_Baseline"]) for row in rows)
    assert at.loc[24] == sum(int(row["MADRS_Post"]) for row in rows)
    assert len(cohort.side_effects) == sum(row["Dissociation"] == "1" for row in rows)
    with pytest.raises(DataError, match="encoding"):
        read_spreadsheet(path, mapping | {"cohort": {}})


def test_the_nimh_scores_agree_with_the_known_answers(shared):
    """Mean and n of MDD at b0, d2 and d10 as the data's README gives them (R 4.2.2); SD by `statistics`.

    The README's SD at d10 is 8.942; the standard library has 8.9412.
    """
    folder = shared / "data" / "nimh_ketamine_moa_ds005917"
    with open(folder / "participants.tsv", newline="") as file:
        people = list(csv.DictReader(file, delimiter="\t"))
    group = next(name for name, cell in people[0].items() if cell in ("MDD", "HV", "HC", "BD", "Healthy"))
    depressed = {row["participant_id"] for row in people if row[group] == "MDD"}
    with open(folder / "phenotype.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    hours = {"ses-b0": -1, "ses-d2": 48, "ses-d10": 240}
    mapping = {
        "patient": {"id": "participant_id"},
        "missing": ["n/a"],
        "rows": [
            {
                "table": "sessions",
                "when": {"session_id": "ses-b0"},
                "constants": {"hour": "0", "route": "IV"},
            },
            *(score("MADRS_Total", hour, {"session_id": name}) for name, hour in hours.items()),
        ],
    }
    cohort = read_spreadsheet(folder / "phenotype.tsv", mapping)
    used = [
        row
        for row in rows
        if row["session_id"] == "ses-b0" or (row["session_id"] in hours and row["MADRS_Total"] != "n/a")
    ]
    assert cohort.sources.iloc[0].tolist() == [
        "phenotype.tsv",
        len(rows),
        len(used),
        0,
        len(rows) - len(used),
    ]
    of_depressed = cohort.scores[cohort.scores["patient_id"].astype("str").isin(depressed)]
    found = of_depressed.groupby("hour")["score"].agg(["mean", "size"]).round(3)
    assert found.loc[[-1, 48, 240]].to_numpy().tolist() == [[33.375, 32], [23.593, 27], [28.231, 26]]
    for name, hour in hours.items():
        then = [row for row in used if row["session_id"] == name and row["participant_id"] in depressed]
        cells = [int(row["MADRS_Total"]) for row in then if row["MADRS_Total"] != "n/a"]
        spread = of_depressed.loc[of_depressed["hour"] == hour, "score"].std()
        assert spread == pytest.approx(statistics.stdev(cells), abs=1e-9)


def test_the_riesby_data_read_by_week(shared):
    path = shared / "data" / "riesby" / "riesby.csv"
    mapping = {
        "patient": {"id": "id"},
        "rows": [
            {"table": "sessions", "when": {"week": "0"}, "constants": {"day": "0", "route": "oral"}},
            {
                "table": "scores",
                "columns": {"score": "hamd", "day": "week"},
                "multiply": {"day": 7},
                "constants": {"instrument": "HAM-D17"},
            },
        ],
    }
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    present = [row for row in rows if row["hamd"] not in (".", "", "NA")]
    used = [row for row in rows if row in present or row["week"] == "0"]
    cohort = read_spreadsheet(path, mapping)
    assert len(cohort.patients) == len({row["id"] for row in rows}) == 66
    assert len(cohort.scores) == len(present)
    assert cohort.scores["score"].sum() == sum(int(row["hamd"]) for row in present)
    sources = cohort.sources.iloc[0]
    assert sources["n_read"] == len(rows)
    assert sources["n_kept"] == len(used)
    assert sources["n_quarantined"] + sources["n_unmapped"] == len(rows) - len(used)


def test_without_a_mapping_the_suggested_one_is_used_and_told(tmp_path):
    export = spreadsheet_export(book()(tmp_path))
    cohort = read_spreadsheet(book()(tmp_path))
    assert sorted(cohort.scores["score"]) == [9, 12, 18, 20]
    assert "suggested_mapping" in {note.rule for note in export.notes}


def test_every_column_is_told_with_where_it_went(tmp_path):
    columns = spreadsheet_export(book()(tmp_path), MAPPING).columns.set_index("column")
    # Filled cells counted in ROWS: six ids and hours, two routes, four scores, one remark.
    assert columns["n_filled"].to_dict() == dict(zip(HEADER, (6, 6, 2, 4, 1), strict=True))
    assert columns.loc["remark", "target"] is None or columns["target"].isna()["remark"]
    assert columns.loc["phq9_total", "target"] == "scores.score"


def test_a_workbook_and_the_same_rows_as_csv_give_one_cohort(tmp_path):
    of_book = read_spreadsheet(book()(tmp_path), MAPPING)
    of_csv = read_spreadsheet(csv_file(csv_text())(tmp_path), MAPPING)
    assert of_book.fingerprint == of_csv.fingerprint


def test_the_time_zone_given_takes_the_place_of_the_mappings(tmp_path):
    # Noon to noon over the night in which New York's clocks go forward: 23 hours; in UTC 24.
    rows = [["QX7701", "2026-03-07 12:00", "IV", None], ["QX7701", "2026-03-08 12:00", None, 9]]
    path = csv_file(csv_text(rows, ["record_id", "when", "route", "phq9_total"]))(tmp_path)
    mapping = {
        "cohort": {"deidentification": "limited-data-set", "timezone": "UTC"},
        "patient": {"id": "record_id"},
        "rows": [
            SESSIONS | {"columns": {"start": "when", "route": "route"}},
            SCORES | {"columns": {"taken": "when", "score": "phq9_total"}},
        ],
    }
    assert read_spreadsheet(path, mapping).scores["hour"].tolist() == [24]
    assert read_spreadsheet(path, mapping, timezone="America/New_York").scores["hour"].tolist() == [23]
    with pytest.raises(ConfigError, match="IANA"):
        read_spreadsheet(path, mapping, timezone="New York")


def test_the_row_of_the_header_can_be_given(tmp_path):
    workbook = openpyxl.Workbook()
    # A row of six words, which none of the next has.
    fill(workbook.active, [["Clinic", "confidential", *"abcd"], HEADER, *ROWS])
    path = raw("clinic.xlsx", saved(workbook))(tmp_path)
    with pytest.raises(ConfigError, match="there is no column 'record_id'"):
        read_spreadsheet(path, MAPPING)
    assert len(read_spreadsheet(path, MAPPING, header=2).scores) == 4


def test_all_that_is_wrong_with_a_folder_is_told_at_once(tmp_path):
    (tmp_path / "visits.csv").write_bytes(b"\xff\xfea\0")
    (tmp_path / "forms.csv").write_text('record_id\n"open\n')
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.txt")
    with pytest.raises(DataError) as caught:
        read_spreadsheet(tmp_path, MAPPING)
    told = {(problem.table, problem.rule) for problem in caught.value.problems}
    assert told == {("visits.csv", "not_text"), ("forms.csv", "quotes"), ("link.csv", "not_regular_file")}


def test_two_files_of_one_sheet_are_refused(tmp_path):
    for name in ("forms.csv", "forms.tsv"):
        (tmp_path / name).write_text(csv_text())
    with pytest.raises(DataError, match="two files give the same table"):
        read_spreadsheet(tmp_path, MAPPING)


def test_files_beside_the_tables_of_a_folder_are_counted(tmp_path):
    (tmp_path / "forms.csv").write_text(csv_text())
    (tmp_path / "John Miller.docx").write_text("x")
    notes = spreadsheet_export(tmp_path, MAPPING).notes
    assert any(note.rule == "unknown_file" and note.message.endswith(": 1") for note in notes)
    assert not any("Miller" in str(note) for note in notes)


def test_a_file_named_after_a_person_is_not_repeated(tmp_path):
    path = csv_file(csv_text(), name="John Miller.csv")(tmp_path)
    accounts = account(spreadsheet_export(path, MAPPING))
    assert "Miller" not in accounts.sources.to_csv() + repr(accounts.cohort)
    (tmp_path / "Maria Smith.csv").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        read_spreadsheet(tmp_path / "Maria Smith.csv", MAPPING)
    assert "Smith" not in str(caught.value)


def test_a_repeated_header_is_told_with_its_places(tmp_path):
    header = [*HEADER, "hour"]
    path = csv_file(csv_text([[*row, 1] for row in ROWS], header))(tmp_path)
    with pytest.raises(DataError, match=r"columns number 2 and 6") as caught:
        read_spreadsheet(path, MAPPING)
    assert caught.value.problems[0].column == "hour"


def test_ids_in_formulas_and_dates_in_other_sheets_do_not_enter(tmp_path):
    """A mapping is a list of what may enter: a second sheet of names and telephone numbers stays outside."""
    workbook = openpyxl.Workbook()
    workbook.active.title = "Data"
    fill(workbook.active, [HEADER, *ROWS])
    fill(workbook.create_sheet("Contacts"), [["name", "telephone"], ["Maria Smith", "212-555-0147"]])
    path = raw("clinic.xlsx", saved(workbook))(tmp_path)
    cohort = read_spreadsheet(path, of_sheets("Data", "Data"))
    assert cohort.sources.set_index("source").loc["Contacts"].tolist() == [1, 0, 0, 1]
    tables = "".join(frame.to_csv() for frame in cohort.tables.values())
    assert "Smith" not in tables + cohort.unmapped.to_csv()
    assert "555" not in tables
