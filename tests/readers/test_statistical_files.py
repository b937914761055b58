"""SPSS, SAS and Stata files as text: codes, dates, user-missing values, and damaged files."""

from __future__ import annotations

import random
import sys
from datetime import date, datetime, time

import pandas as pd
import pyreadstat
import pytest

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.statistical_files import ENDINGS, read_statistical_file

FRAME = pd.DataFrame(
    {
        "ID": pd.Series(["007", "008", ""], dtype="str"),
        "SCORE": [20.0, 99.0, 2.5],
        "SEX": [1.0, 2.0, None],
        "DAY": [date(2026, 3, 1), None, date(2026, 3, 3)],
        "MOMENT": [datetime(2026, 3, 1, 9, 30), None, datetime(2026, 3, 3)],
    }
)
WRITERS = {
    ".sav": pyreadstat.write_sav,
    ".zsav": lambda frame, path: pyreadstat.write_sav(frame, path, compress=True),
    ".por": pyreadstat.write_por,
    ".xpt": pyreadstat.write_xport,
    ".dta": pyreadstat.write_dta,
}


def written(folder, ending, frame=FRAME, **options):
    path = folder / f"clinic{ending}"
    WRITERS[ending](frame, str(path), **options)
    return path


@pytest.mark.parametrize("ending", WRITERS)
def test_cells_are_read_as_text(tmp_path, ending):
    found = read_statistical_file(written(tmp_path, ending))
    assert found.frame.columns.tolist() == list(FRAME.columns)
    assert (found.frame.dtypes == "str").all()
    rows = found.frame.astype(object).where(found.frame.notna(), None).to_numpy().tolist()
    assert rows == [
        ["007", "20", "1", "2026-03-01", "2026-03-01 09:30:00"],
        ["008", "99", "2", None, None],
        [None, "2.5", None, "2026-03-03", "2026-03-03 00:00:00"],
    ]
    assert found.n_user_missing == {}


def test_every_ending_but_the_one_that_cannot_be_written_is_tested():
    assert set(ENDINGS) == {*WRITERS, ".sas7bdat"}


def test_times_of_day_are_written_with_seconds(tmp_path):
    frame = pd.DataFrame({"ID": ["a", "b"], "AT": [time(9, 5), time(23, 59, 1)]})
    assert read_statistical_file(written(tmp_path, ".sav", frame)).frame["AT"].tolist() == [
        "09:05:00",
        "23:59:01",
    ]


def test_user_missing_values_of_spss_are_missing_and_counted(tmp_path):
    frame = pd.DataFrame(
        {"ID": ["a", "b", "c", "d"], "SCORE": [5.0, 98.0, 99.0, -1.0], "WHY": ["x", "NV", "y", ""]}
    )
    ranges = {"SCORE": [{"lo": 90, "hi": 99}, -1], "WHY": ["NV"]}
    found = read_statistical_file(written(tmp_path, ".sav", frame, missing_ranges=ranges))
    # 98 and 99 are in the range and -1 is named; of WHY one cell is named and one is blank by itself.
    assert found.n_user_missing == {"SCORE": 3, "WHY": 1}
    assert found.frame["SCORE"].fillna("").tolist() == ["5", "", "", ""]
    assert found.frame["WHY"].fillna("").tolist() == ["x", "", "y", ""]


def test_extended_missing_values_of_stata_are_missing_and_counted(tmp_path):
    frame = pd.DataFrame({"ID": ["a", "b", "c"], "SCORE": pd.Series([5.0, "a", "b"], dtype=object)})
    path = written(tmp_path, ".dta", frame, missing_user_values={"SCORE": ["a", "b"]})
    found = read_statistical_file(path)
    assert found.n_user_missing == {"SCORE": 2}
    assert found.frame["SCORE"].fillna("").tolist() == ["5", "", ""]


def test_codes_with_labels_stay_codes_and_are_told(tmp_path):
    found = read_statistical_file(
        written(tmp_path, ".sav", variable_value_labels={"SEX": {1: "male", 2: "female"}})
    )
    assert found.labelled == ("SEX",)
    assert found.frame["SEX"].fillna("").tolist() == ["1", "2", ""]


def test_numbers_and_dates_are_written_as_the_cohort_declares_them(tmp_path):
    declared = Settings(decimal=",", date_format="%d.%m.%Y", deidentification="limited-data-set")
    frame = read_statistical_file(written(tmp_path, ".sav"), settings=declared).frame
    assert frame["SCORE"].tolist() == ["20", "99", "2,5"]
    assert frame["DAY"].iloc[0] == "01.03.2026"
    assert frame["MOMENT"].iloc[0] == "01.03.2026 09:30:00"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_another_kind_is_one_clear_error(tmp_path, ending):
    path = tmp_path / f"clinic{ending}"
    path.write_bytes(b"record_id,score\nzqxcanary,3\n")
    with pytest.raises(DataError) as caught:
        read_statistical_file(path)
    assert [problem.rule for problem in caught.value.problems] == ["bad_statistical_file"]
    assert caught.value.__cause__ is None
    assert "zqxcanary" not in str(caught.value)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_damaged_file_is_read_or_is_one_clear_error(tmp_path, ending, capfd):
    """Sixty files each with up to six bytes changed or cut short, from one seed."""
    path = written(tmp_path, ending)
    whole, random_ = path.read_bytes(), random.Random(20261122)
    rules = []
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(random_.randint(1, 6)):
            data[random_.randrange(len(data))] = random_.randrange(256)
        path.write_bytes(data[: random_.randint(1, len(data))] if random_.random() < 0.3 else data)
        rules += _rules(path)
    assert set(rules) <= {"bad_statistical_file", "unsafe_file", "empty_file"}
    assert len(rules) > 10
    assert capfd.readouterr() == ("", "")


def _rules(path) -> list[str | None]:
    """The rules of the error, if there is one."""
    try:
        read_statistical_file(path)
    except DataError as error:
        return [problem.rule for problem in error.problems]
    return []


def test_without_pyreadstat_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = written(tmp_path, ".sav")
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(DataError, match=r'pip install "ketaoutcomes\[readers\]"') as caught:
        read_statistical_file(path)
    assert caught.value.__cause__ is None


def test_a_link_is_refused(tmp_path):
    (tmp_path / "link.sav").symlink_to(written(tmp_path, ".sav"))
    with pytest.raises(DataError, match="this is a link"):
        read_statistical_file(tmp_path / "link.sav")
