"""An intake accounts for every row that a reader opens, whatever is made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.import_record import read_record
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.readers.export import account, to_cohort
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.write import write_export

DATED = {"deidentification": "limited-data-set"}


def text(**columns) -> pd.DataFrame:
    return pd.DataFrame({name: pd.array(cells, dtype="str") for name, cells in columns.items()})


def started(intake: Intake, name: str = "export.csv", n_rows: int = 6) -> int:
    """A source of six rows: two sessions each of two patients, and two rows more."""
    source = intake.open(name, n_rows)
    days = ["2024-01-02", "2024-01-09", "2024-02-01", "2024-02-08"]
    frame = text(patient_id=["a1", "a1", "b2", "b2"], start=days, route=["IV"] * 4)
    intake.add(source, "sessions", frame, np.arange(4))
    return source


def test_rows_of_which_nothing_is_made_are_unmapped_without_being_told():
    intake = Intake(DATED)
    source = started(intake)
    intake.set_aside(source, [4], "no_patient")
    counts = account(intake.finish()).sources.iloc[0]
    assert counts.tolist() == ["export.csv", 6, 4, 1, 1]


def test_a_row_all_of_whose_rows_the_cohort_sets_aside_is_quarantined_by_that_rule():
    intake = Intake(DATED)
    source = started(intake)
    scores = text(
        patient_id=["a1", "a1"],
        instrument=["PHQ-9"] * 2,
        taken=["2024-01-03", "2024-01-04"],
        score=["12", "28"],
    )
    intake.add(source, "scores", scores, [4, 5])
    accounts = account(intake.finish())
    assert accounts.sources.iloc[0].tolist() == ["export.csv", 6, 5, 1, 0]
    assert accounts.rules[["rule", "n_rows"]].to_numpy().tolist() == [["score_range", 1]]


def test_a_row_is_kept_if_one_of_the_rows_made_of_it_is():
    intake = Intake(DATED)
    source = started(intake, n_rows=4)
    scores = text(patient_id=["a1"], instrument=["PHQ-9"], taken=["2024-01-03"], score=["28"])
    intake.add(source, "scores", scores, [0])
    assert account(intake.finish()).sources.iloc[0].tolist() == ["export.csv", 4, 4, 0, 0]


def test_several_rows_of_a_source_may_make_one_row():
    intake = Intake(DATED)
    started(intake)
    source = intake.open("QS", 3)
    scores = text(patient_id=["a1"], instrument=["PHQ-9"], taken=["2024-01-03"], score=["12"])
    intake.add(source, "scores", scores, parts=(np.array([0, 0]), np.array([0, 2])))
    assert account(intake.finish()).sources.iloc[1].tolist() == ["QS", 3, 2, 0, 1]


def test_messages_name_the_row_of_the_export_and_not_of_the_table():
    intake = Intake(DATED)
    source = intake.open("export.csv", 5, np.array([11, 12, 13, 14, 15]))
    days = ["2024-01-02", "2024-02-30"]
    frame = text(patient_id=["a1", "b2"], start=days, route=["IV", "IV"])
    intake.add(source, "sessions", frame, [1, 3])
    made = account(intake.finish()).build
    assert made.quarantine[["rule", "first_row"]].to_numpy().tolist() == [["not_a_time", 14]]


def test_everybody_with_a_row_is_a_patient_unless_only_those_listed_are():
    for only_listed, expected in ((False, ["a1", "b2"]), (True, ["a1"])):
        intake = Intake(DATED, only_listed=only_listed)
        source = started(intake)
        intake.add(source, "patients", text(patient_id=["a1"], sex=["female"]), [4])
        cohort = to_cohort(intake.finish())
        assert cohort.patients["patient_id"].astype(str).tolist() == expected


def test_rows_of_one_patient_are_united_and_cells_that_disagree_are_missing_and_told():
    intake = Intake(DATED)
    source = started(intake, n_rows=4)
    frame = text(
        patient_id=["a1", "a1", "b2"], sex=["female", "Female", None], diagnosis=["MDD", "PTSD", "MDD"]
    )
    intake.add(source, "patients", frame, [0, 1, 2])
    export = intake.finish()
    patients = to_cohort(export).patients.set_index("patient_id")
    assert patients["sex"].isna().tolist() == [False, True]
    assert patients["diagnosis"].isna().tolist() == [True, False]
    assert [(one.column, one.n_rows) for one in export.notes] == [("diagnosis", 1)]


def test_a_source_whose_name_may_name_somebody_is_told_by_its_number():
    intake = Intake(DATED)
    started(intake, "jane.doe@example.org.csv")
    intake.column(0, "078-05-1120", 3, None)
    accounts = account(intake.finish())
    assert accounts.sources["source"].tolist() == ["source number 1"]
    assert accounts.unmapped.to_numpy().tolist() == [["source number 1", "column number 1", 3]]


def test_side_effects_and_readings_find_their_session_by_time():
    intake = Intake({**DATED, "timezone": "UTC"})
    source = intake.open("export.csv", 10)
    starts = ["2024-01-02 10:00", "2024-01-09 10:00"]
    intake.add(source, "sessions", text(patient_id=["a1"] * 2, start=starts, route=["IV"] * 2), [0, 1])
    moments = ["2024-01-02 10:40", "2024-01-05", "2024-01-09", "2024-01-01 23:00"]
    effects = text(
        patient_id=["a1"] * 4, effect=["nausea", "headache", "dizziness", "fatigue"], moment=moments
    )
    intake.add(source, "side_effects", effects, [2, 3, 4, 5])
    moments = ["2024-01-02 09:30", "2024-01-09 10:25", "2024-01-09", "2024-01-05 10:00"]
    vitals = text(patient_id=["a1"] * 4, sbp=["120", "140", "130", "125"], moment=moments)
    intake.add(source, "vitals", vitals, [6, 7, 8, 9])
    export = intake.finish()
    cohort, accounts = to_cohort(export), account(export)
    found = cohort.side_effects[["session", "effect", "onset_minutes"]].sort_values("effect")
    # A day without a clock time may be after the session of that day: it counts as begun by then.
    assert found["effect"].tolist() == ["dizziness", "headache", "nausea"]
    assert found["session"].tolist() == [2, 1, 1]
    assert np.array_equal(found["onset_minutes"].to_numpy(float), [np.nan, np.nan, 40.0], equal_nan=True)
    readings = cohort.vitals[["session", "minute", "sbp"]].sort_values("sbp")
    assert readings["session"].tolist() == [1, 2, 2]
    assert np.array_equal(readings["minute"].to_numpy(float), [-30.0, np.nan, 25.0], equal_nan=True)
    # Before the first session there is none that had begun, and three days after one is not its day.
    assert accounts.rules[["rule", "n_rows"]].to_numpy().tolist() == [["no_session_then", 2]]
    assert accounts.sources.iloc[0].tolist() == ["export.csv", 10, 8, 2, 0]


def test_side_effects_in_a_session_s_own_row_belong_to_it():
    intake = Intake(DATED)
    source = started(intake, n_rows=4)
    intake.add(source, "side_effects", text(patient_id=["b2"], effect=["nausea"]), [3])
    effects = to_cohort(intake.finish()).side_effects
    assert effects[["patient_id", "session"]].astype(str).to_numpy().tolist() == [["b2", "2"]]


def test_what_an_import_wrote_is_the_same_cohort_with_the_same_accounts(tmp_path):
    intake = Intake({**DATED, "encoding": "cp1252"})
    source = started(intake)
    intake.column(source, "extra", 3, None)
    intake.add(source, "side_effects", text(patient_id=["b2"], session=["1"], effect=["=SUM(1)"]), [4])
    export = intake.finish()
    accounts = account(export)
    folder = write_export(export, accounts, tmp_path / "clinic")
    loaded = load_cohort(folder)
    for name in ("patients", "sessions"):
        pd.testing.assert_frame_equal(loaded.tables[name], accounts.cohort.tables[name])
    pd.testing.assert_frame_equal(loaded.sources, accounts.sources)
    pd.testing.assert_frame_equal(loaded.unmapped, accounts.unmapped)
    assert (folder / "side_effects.csv").read_text().splitlines()[1] == "b2,1,'=SUM(1)"
    # A second import of the same export replaces it; another folder is left alone.
    write_export(export, accounts, folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not a cohort"):
        write_export(export, accounts, tmp_path / "other")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"sources": [{"source": "x", "n_read": 5}], "unmapped": []}', "{" * 9]
)
def test_a_record_that_cannot_be_read_or_does_not_add_up_says_nothing(tmp_path, content):
    (tmp_path / "import.json").write_text(content)
    sources, unmapped = read_record(tmp_path)
    assert len(sources) == len(unmapped) == 0
