"""A mapping says which columns may enter; what is wrong with it is told all at once."""

from __future__ import annotations

import pandas as pd
import pytest

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.readers.apply import apply_mapping, hold_to_sheets
from ketaoutcomes.readers.export import account, to_cohort
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.mapping import parse_mapping

TOP = {"cohort": {"deidentification": "limited-data-set"}, "patient": {"id": "record_id"}}
SESSIONS = {"table": "sessions", "columns": {"start": "date", "route": "route"}}


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({name: pd.array(cells, dtype="str") for name, cells in columns.items()})


def taken_in(cells: pd.DataFrame, *blocks: dict, **top):
    """The export that a mapping makes of one sheet."""
    mapping = parse_mapping({**TOP, **top, "rows": [*blocks]})
    hold_to_sheets(mapping, {None: cells.columns})
    intake = Intake(mapping.settings, only_listed=mapping.only_listed)
    source = intake.open("export.csv", len(cells))
    apply_mapping(mapping, intake, source, cells)
    return intake.finish()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, ["id is needed", "at least one [[rows]]"]),
        ({**TOP, "row": []}, ["unknown key 'row'; did you mean 'rows'?"]),
        ({**TOP, "rows": [{"table": "session", "columns": {"start": "x"}}]}, ["did you mean 'sessions'?"]),
        ({**TOP, "rows": [{**SESSIONS, "colums": {}}]}, ["unknown key 'colums'; did you mean 'columns'?"]),
        ({**TOP, "rows": [{"table": "scores"}]}, ["columns is needed"]),
        ({**TOP, "rows": [{**SESSIONS, "constants": {"route": "IV"}}]}, ["in columns and in constants"]),
        ({**TOP, "rows": [{**SESSIONS, "values": {"dose": {"1": "x"}}}]}, ["values names 'dose'"]),
        ({**TOP, "rows": [{**SESSIONS, "multiply": {"start": "x"}}]}, ["must be a number"]),
        ({**TOP, "rows": [{**SESSIONS, "checkboxes": {"a": "b"}}]}, ["are for the table side_effects"]),
        ({**TOP, "rows": [{"table": "sessions", "columns": {"patient_id": "x"}}]}, ["given once, as id"]),
        ({**TOP, "rows": [{"table": "sessions", "columns": {"clock_known": "x"}}]}, ["is derived"]),
        ({**TOP, "cohort": {"timezon": "UTC"}, "rows": [SESSIONS]}, ["[cohort]: unknown key 'timezon'"]),
        ({**TOP, "missing": "x", "rows": [SESSIONS]}, ["missing must be a list"]),
        ({**TOP, "patient": {"id": "a", "only_listed": 1}, "rows": [SESSIONS]}, ["true or false"]),
        ({**TOP, "rows": ["x"]}, ["must be a table of keys"]),
        ({**TOP, "rows": [{"table": "sessions", "columns": {"start": 5}}]}, ["must be text in quotes"]),
    ],
)
def test_what_is_wrong_with_a_mapping_is_told(content, words):
    with pytest.raises(ConfigError) as caught:
        parse_mapping(content)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_mapping_file_must_be_a_plain_toml_file(tmp_path):
    (tmp_path / "broken.toml").write_text("[patient\n")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    (tmp_path / "link.toml").symlink_to(tmp_path / "broken.toml")
    for name, words in (
        ("broken.toml", "not valid TOML"),
        ("latin.toml", "UTF-8"),
        ("link.toml", "link"),
        ("absent.toml", "no such file"),
        (".", "link or cannot"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse_mapping(tmp_path / name)
    with pytest.raises(ConfigError, match="path of a TOML file"):
        parse_mapping(5)


def test_columns_that_are_not_there_are_named_with_the_nearest_one():
    mapping = parse_mapping({**TOP, "rows": [{"table": "sessions", "columns": {"start": "dat"}}]})
    with pytest.raises(ConfigError, match="no column 'dat'; did you mean 'date'"):
        hold_to_sheets(mapping, {None: ["record_id", "date"]})
    with pytest.raises(ConfigError, match="no column 'record_id'"):
        hold_to_sheets(mapping, {None: ["record", "dat"]})
    sheets = {"Visits": ["record_id", "date"], "Scores": ["record_id", "dat"]}
    hold_to_sheets(mapping, sheets)
    named = parse_mapping({**TOP, "rows": [{**SESSIONS, "sheet": "Visit"}]})
    with pytest.raises(ConfigError, match="no sheet 'Visit'; did you mean 'Visits'"):
        hold_to_sheets(named, sheets)


def test_date_and_clock_time_of_two_columns_are_one_and_a_time_alone_is_none():
    cells = frame(
        record_id=["1", "1", "2"],
        date=["2024-01-02", "2024-01-09", None],
        time=["10:00", None, "09:00"],
        route=["1", "2", "1"],
    )
    block = {
        "table": "sessions",
        "columns": {"start": ["date", "time"], "route": "route"},
        "values": {"route": {"1": "IV", "2": "IM"}},
    }
    table = taken_in(cells, block).tables["sessions"]
    assert table["start"].fillna("").tolist() == ["2024-01-02 10:00", "2024-01-09", ""]
    assert table["route"].tolist() == ["IV", "IM", "IV"]


def test_cells_that_mean_missing_are_missing_in_mapped_columns_and_pounds_become_kilograms():
    cells = frame(
        record_id=["1", "1"], date=["2024-01-02", "2024-01-09"], lb=["154", "-99"], route=["IV", "IV"]
    )
    block = {
        **SESSIONS,
        "columns": {**SESSIONS["columns"], "weight_kg": "lb"},
        "multiply": {"weight_kg": 0.45359237},
    }
    table = taken_in(cells, block, missing=["-99"]).tables["sessions"]
    # 154 lb are 69.85322498 kg by the definition of the pound.
    assert table["weight_kg"].fillna("").tolist() == ["69.85322498", ""]


def test_a_blood_pressure_written_as_one_cell_becomes_two():
    cells = frame(record_id=["1"], date=["2024-01-02"], route=["IV"], bp=["128/ 76"])
    vitals = {"table": "vitals", "columns": {"sbp/dbp": "bp"}, "constants": {"minute": 0}}
    table = to_cohort(taken_in(cells, SESSIONS, vitals)).vitals
    assert table[["session", "minute", "sbp", "dbp"]].to_numpy(float).tolist() == [[1.0, 0.0, 128.0, 76.0]]


def test_ticked_boxes_are_side_effects_and_none_only_where_it_was_asked():
    cells = frame(
        record_id=["1"] * 5,
        date=["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-06"],
        route=["IV"] * 5,
        se___1=["1", "0", "0", "severe", "0"],
        se___2=["Checked", "0", "0", "0", "maybe"],
        asked=["yes", "yes", "no", None, "yes"],
    )
    effects = {
        "table": "side_effects",
        "checkboxes": {"se___1": "nausea", "se___2": "headache"},
        "asked": "asked",
    }
    cohort = to_cohort(taken_in(cells, SESSIONS, effects))
    table = cohort.side_effects[["session", "effect", "severity"]].astype("str").fillna("")
    assert table.to_numpy().tolist() == [
        ["1", "headache", ""],
        ["1", "nausea", ""],
        ["2", "none", ""],
        ["4", "nausea", "severe"],
    ]
    # Nobody asked in session 3; in session 5 a box holds a word that may be anything.
    assert cohort.sessions["side_effects_recorded"].fillna(False).tolist() == [True, True, False, True, False]
    assert cohort.sessions["side_effects_recorded"].isna().tolist() == [False] * 4 + [True]


def test_rows_are_chosen_by_the_cells_of_another_column_whatever_their_case():
    cells = frame(
        record_id=["1"] * 3, form=["Visit", "phq", ""], date=["2024-01-02"] * 3, route=["IV", None, None]
    )
    export = taken_in(cells, {**SESSIONS, "when": {"form": ["visit", "other"]}})
    assert len(export.tables["sessions"]) == 1
    assert account(export).sources.iloc[0].tolist() == ["export.csv", 3, 1, 0, 2]
    blank = taken_in(cells, {**SESSIONS, "when": {"form": ""}, "needs": ["start"]})
    assert account(blank).sources.iloc[0].tolist()[1:] == [3, 0, 1, 2]


def test_a_row_without_a_patient_is_set_aside_and_every_column_is_accounted_for():
    cells = frame(
        record_id=["1", ""], date=["2024-01-02"] * 2, route=["IV"] * 2, mrn=["004", "005"], empty=["", ""]
    )
    export = taken_in(cells, SESSIONS)
    accounts = account(export)
    assert accounts.rules[["rule", "n_rows"]].to_numpy().tolist() == [["no_patient", 1]]
    assert accounts.columns.fillna("").to_numpy().tolist() == [
        ["export.csv", "record_id", 1, "patient_id"],
        ["export.csv", "date", 2, "sessions.start"],
        ["export.csv", "route", 2, "sessions.route"],
        ["export.csv", "mrn", 2, ""],
        ["export.csv", "empty", 0, ""],
    ]
    assert accounts.unmapped["column"].tolist() == ["mrn"]
