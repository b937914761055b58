"""Parquet cells, as small as they can be kept: nothing is lost, and every way to keep a cell reads alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ketaoutcomes.cohort import duplicates, fingerprint, ids, parquet_cells, placing, totals
from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.files import read_table
from ketaoutcomes.cohort.parquet_cells import OF_COHORT, OF_EXPORT, ParquetLimits, read_parquet
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.errors import DataError


@pytest.fixture
def stored(tmp_path):
    """A function that writes columns to a Parquet file of few rows per group and returns what is read."""

    def write(columns: dict, table: str = "scores", group: int = 2) -> pd.DataFrame:
        pq.write_table(pa.table(columns), tmp_path / "file.parquet", row_group_size=group)
        with open(tmp_path / "file.parquet", "rb") as file:
            return read_parquet(file, table).frame

    return write


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 27], "uint8"),
        ([-99, 27, 120], "int8"),
        ([-1, 200, 3], "int16"),
        ([0, 2**40, 5], "uint64"),
        ([-(2**62), 0, 2**62], "int64"),
    ],
)
def test_whole_numbers_take_the_bytes_that_their_range_needs(stored, values, kind):
    column = stored({"score": pa.array(values, pa.int64())})["score"]
    assert column.tolist() == values
    assert column.dtype == kind


@pytest.mark.parametrize(
    ("most", "kind"), [(2**24, "float32"), (2**24 + 1, "float64"), (2**53, "float64"), (2**53 + 1, "str")]
)
def test_whole_numbers_beside_empty_cells_keep_every_digit(stored, most, kind):
    column = stored({"score": pa.array([most, None, -7], pa.int64())})["score"]
    assert column.dtype == kind
    assert [int(cell) for cell in column.dropna()] == [most, -7]
    assert column.isna().tolist() == [False, True, False]


def test_a_whole_number_beyond_64_bits_with_sign_is_kept(stored):
    values = pa.array([0, 2**64 - 1], pa.uint64())
    assert stored({"score": values})["score"].tolist() == [0, 2**64 - 1]


def test_words_of_the_data_dictionary_are_codes_and_ids_and_other_columns_are_text(stored):
    words = pa.array(["PHQ-9", "phq-9", None, " PHQ-9", ""])
    frame = stored({"Instrument": words, "patient_id": words, "colour": words})
    assert [str(kind) for kind in frame.dtypes] == ["category", "str", "str"]
    for name in frame:
        cells = frame[name].astype(object)
        assert cells.where(cells.notna(), None).tolist() == words.to_pylist()


def test_columns_whose_names_are_the_beginning_of_another_are_not_confused(stored):
    frame = stored({"a.b": pa.array([1, 2]), "a": pa.array([3, 4]), "a.b.c": pa.array([5, 6])})
    assert frame.iloc[0].to_dict() == {"a.b": 1, "a": 3, "a.b.c": 5}


@pytest.fixture(scope="module")
def messy():
    """A simulated clinic with gaps, slips and one bad row of each kind, as text of a CSV would have it."""
    made = simulate_cohort(n_patients=60, seed=3, messy=True, deidentification="limited-data-set")
    return made.tables, made.settings


def written(folder, tables, settings, ending):
    folder.mkdir()
    lines = [f"{key} = {'true' if value is True else repr(value)}" for key, value in settings.items()]
    (folder / "cohort.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, frame in tables.items():
        if ending == "csv":
            frame.to_csv(folder / f"{name}.csv", index=False)
        else:
            frame.to_parquet(folder / f"{name}.parquet", index=False, row_group_size=97)
    return folder


def numbers_as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers as whole numbers with gaps or as floats, as a statistics program writes them."""
    out = frame.copy()
    for name in out.columns[1:]:
        values = pd.to_numeric(out[name], errors="coerce")
        if (values.notna() == out[name].notna()).all() and values.notna().any():
            out[name] = values.astype("Int64") if (values.dropna() % 1 == 0).all() else values
    return out


@pytest.mark.parametrize("form", [lambda frame: frame, numbers_as_numbers])
def test_a_messy_clinic_is_the_same_cohort_from_csv_and_from_parquet(messy, tmp_path, form):
    tables, settings = messy
    first = load_cohort(written(tmp_path / "csv", tables, settings, "csv"))
    folder = written(
        tmp_path / "parquet", {name: form(frame) for name, frame in tables.items()}, settings, "parquet"
    )
    second = load_cohort(folder)
    assert first.counts["n_quarantined"].sum() > 0
    assert len(first.blanked) > 0
    assert second.fingerprint == first.fingerprint
    pd.testing.assert_frame_equal(second.quarantine, first.quarantine)
    pd.testing.assert_frame_equal(second.blanked, first.blanked)
    for name, frame in first.tables.items():
        pd.testing.assert_frame_equal(second.tables[name], frame)


def test_what_is_done_in_parts_does_not_depend_on_the_size_of_the_parts(messy, tmp_path, monkeypatch):
    tables, settings = messy
    folder = written(tmp_path / "parquet", tables, settings, "parquet")
    whole = load_cohort(folder)
    for module in (duplicates, fingerprint, ids, placing, totals):
        monkeypatch.setattr(module, "BLOCK", 7)
    parts = load_cohort(folder)
    assert parts.fingerprint == whole.fingerprint
    for name, frame in whole.tables.items():
        pd.testing.assert_frame_equal(parts.tables[name], frame)


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_neighbours_and_order_are_found_across_the_ends_of_parts(monkeypatch, block):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    monkeypatch.setattr(ids, "BLOCK", block)
    group, hour = np.array([0, 0, 0, 1, 1, 1]), np.array([1.0, 2.0, 2.0, 2.0, 5.0, 5.0])
    # By hand: rows 1 and 2 share both keys, and rows 4 and 5 do.
    assert duplicates.neighbours(np.arange(6), group, hour).tolist() == [1, 2, 4, 5]
    later = np.array([1.0, 2.0, 3.0, 2.0, 5.0, 6.0])
    assert ids.time_order(group, later) is None
    assert ids.time_order(group[::-1].copy(), later).tolist() == [3, 4, 5, 0, 1, 2]
    assert ids.time_order(group, hour, np.array([0, 1, 0, 0, 1, 0])).tolist() == [0, 2, 1, 3, 5, 4]


def test_a_change_in_a_row_that_was_set_aside_changes_the_fingerprint(clinic):
    marks = []
    for number, score in enumerate((99, 98)):
        folder = clinic(scores=None)
        scores = pd.DataFrame({"patient_id": ["A1", "A1"], "hour": [-24, 96], "score": [20, score]})
        scores.assign(instrument="PHQ-9").to_parquet(folder / "scores.parquet")
        cohort = load_cohort(folder)
        assert cohort.scores["score"].tolist() == [20.0], number
        marks.append(cohort.fingerprint)
    assert marks[0] != marks[1]


def test_time_and_bounds_can_be_changed_one_without_the_others(clinic):
    cohort = load_cohort(clinic())
    scores = cohort.scores
    scores.loc[0, "hour_low"] = -30.0
    assert scores.loc[0, ["hour", "hour_low", "hour_high"]].tolist() == [-24.0, -30.0, -24.0]
    assert cohort.scores.loc[0, "hour_low"] == -24.0


def test_a_session_number_below_one_belongs_to_no_session_of_another_patient(clinic):
    effects = "patient_id,session,effect\nA1,1,none\nA2,-1,nausea\n"
    result = check(clinic(side_effects=effects))
    assert result.ok
    recorded = load_cohort(clinic(side_effects=effects)).sessions["side_effects_recorded"]
    # A1 has a record of session 1 and none of session 2; of which session A2's row tells is not known.
    assert recorded.astype(object).where(recorded.notna(), None).tolist() == [True, False, None, None]


def test_the_severity_of_side_effects_is_ordered_and_blank_where_none_is_given(clinic):
    effects = "patient_id,session,effect,severity\nA1,1,nausea,severe\nA1,2,headache,\nA2,1,nausea,Mild\n"
    severity = load_cohort(clinic(side_effects=effects)).side_effects["severity"]
    assert severity.cat.categories.tolist() == ["mild", "moderate", "severe"]
    assert severity.cat.ordered
    assert severity.cat.codes.tolist() == [2, -1, 0]


def bomb(path, *, n_rows, word, coding="dictionary"):
    """A file of one column that holds one word n_rows times, and nearly nothing as stored."""
    codes = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_rows, np.int32)), pa.array([word]))
    options = {"use_dictionary": True, "compression": "zstd"}
    if coding == "delta":
        codes = codes.cast(pa.string())
        options |= {"use_dictionary": False, "column_encoding": {"grp": "DELTA_BYTE_ARRAY"}}
    elif coding == "plain":
        codes, options["use_dictionary"] = codes.cast(pa.string()), False
    pq.write_table(pa.table({"grp": codes}), path, store_schema=coding == "kept", **options)
    return path


@pytest.mark.parametrize("coding", ["dictionary", "kept", "delta", "plain"])
def test_text_that_unpacks_to_more_than_the_limit_is_refused_before_it_is_unpacked(tmp_path, coding):
    # 2,000 rows of 1,000 signs are 2 MB.
    path = bomb(tmp_path / "bomb.parquet", n_rows=2_000, word="a " * 500, coding=coding)
    assert path.stat().st_size < 20_000
    with open(path, "rb") as file:
        assert len(read_parquet(file, "scores", limits=limited(text_bytes=2_100_000)).frame) == 2_000
        before = pa.total_allocated_bytes()
        with pytest.raises(DataError) as refused:
            read_parquet(file, "scores", limits=limited(text_bytes=1_900_000))
    assert [problem.rule for problem in refused.value.problems] == ["too_large"]
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_one_long_text_among_many_short_ones_is_no_reason_to_refuse(tmp_path):
    words = ["a" * 1_000, *["b"] * 9_999]
    pq.write_table(pa.table({"grp": words}), tmp_path / "one.parquet")
    with open(tmp_path / "one.parquet", "rb") as file:
        # 1,000 + 9,999 bytes of cells.
        assert len(read_parquet(file, "scores", limits=limited(text_bytes=11_000)).frame) == 10_000
        with pytest.raises(DataError, match="can be read safely"):
            read_parquet(file, "scores", limits=limited(text_bytes=10_998))


@pytest.mark.parametrize("limits", [{"rows": 9}, {"cells": 19}])
def test_rows_and_cells_are_counted_before_any_is_read(tmp_path, limits):
    pq.write_table(pa.table({"grp": ["a"] * 10, "score": [1] * 10}), tmp_path / "ten.parquet")
    with open(tmp_path / "ten.parquet", "rb") as file:
        assert read_parquet(file, "scores", limits=limited(rows=10, cells=20)).frame.shape == (10, 2)
        with pytest.raises(DataError, match="can be read safely"):
            read_parquet(file, "scores", limits=limited(**limits))


def test_a_hundred_million_rows_of_a_cohort_and_fifty_million_cells_of_an_export_are_the_most(tmp_path):
    assert OF_COHORT.rows == 100_000_000
    assert OF_COHORT.cells == 2_000_000_000
    path = bomb(tmp_path / "export.parquet", n_rows=20_000, word="a" * 60_000)
    # 1.2 GB: too much for an export, and no more than a cohort's table may have.
    with pytest.raises(DataError, match="can be read safely"):
        read_table(path, "scores", Settings())
    assert OF_EXPORT.text_bytes < 1_200_000_000 < OF_COHORT.text_bytes


def test_memory_that_is_not_there_is_one_clear_error(stored, monkeypatch):
    def none_left(column):
        raise MemoryError

    monkeypatch.setattr(parquet_cells, "_series", none_left)
    with pytest.raises(DataError, match="can be read safely"):
        stored({"score": [1, 2]})


def limited(**limits) -> ParquetLimits:
    return replace(OF_COHORT, **limits)
