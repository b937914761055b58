"""What looks wrong in an export is told before anything is made of it."""

from __future__ import annotations

import pandas as pd
import pytest
from readers.small_exports import sheet, taken_in

from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.readers.export import account, to_cohort
from ketaoutcomes.readers.looks import like_record_numbers

SESSIONS = {"table": "sessions", "columns": {"start": "date", "route": "route"}}


def test_codes_where_words_belong_are_refused_and_never_counted_as_side_effects():
    cells = sheet("pid,date,route,effect", "A,2026-01-05,IV,11", "A,2026-01-08,IV,5", "B,2026-01-05,IV,0")
    effects = {"table": "side_effects", "columns": {"effect": "effect"}}
    with pytest.raises(DataError, match="--dictionary") as caught:
        to_cohort(taken_in(cells, SESSIONS, effects))
    assert [(one.table, one.column, one.n_rows) for one in caught.value.problems] == [
        ("side_effects", "effect", 2)
    ]
    named = {**effects, "values": {"effect": {"11": "none", "5": "nausea"}}}
    assert sorted(to_cohort(taken_in(cells, SESSIONS, named)).side_effects["effect"]) == [
        "nausea",
        "none",
        "none",
    ]


@pytest.mark.parametrize(
    ("numbers", "like"),
    [
        (["4471923", "8842130", "1290334", "7734001", "5521987"], True),
        (["100001", "100002", "100003", "100004", "100005"], False),
        (["1", "2", "3", "4", "5", "6"], False),
        (["P4471923", "P8842130", "P1290334", "P7734001", "P5521987"], False),
    ],
)
def test_long_numbers_that_do_not_count_up_look_like_record_numbers(numbers, like):
    assert like_record_numbers(pd.Series(numbers, dtype="str")) is like
    lines = [f"{number},2026-01-05,IV" for number in numbers]
    rules = [note.rule for note in taken_in(sheet("pid,date,route", *lines), SESSIONS).notes]
    assert rules == (["record_numbers"] if like else [])


@pytest.mark.parametrize(
    ("table", "columns", "words"),
    [
        ("vitals", {"spb": "x", "minute": "m"}, "'spb' is no column of vitals; did you mean 'sbp'"),
        ("scores", {"score": "x", "sbp": "m"}, "'sbp' is a column of vitals and not of scores"),
        ("sessions", {"start": "x", "durration_minutes": "m"}, "did you mean 'duration_minutes'"),
    ],
)
def test_a_column_that_is_misspelt_or_another_table_s_is_refused(table, columns, words):
    cells = sheet("pid,x,m", "A,1,2")
    with pytest.raises(ConfigError, match=words):
        taken_in(cells, {"table": table, "columns": columns})


def test_a_further_column_keeps_its_own_name():
    cells = sheet("pid,date,route,second,arm", "A,2026-01-05,IV,PTSD,x")
    people = {"table": "patients", "columns": {"diagnosis_2": "second", "arm": "arm"}}
    patients = to_cohort(taken_in(cells, SESSIONS, people)).patients
    assert {"diagnosis_2", "arm"} <= set(patients.columns)


def test_a_written_no_says_that_somebody_asked_and_an_empty_box_does_not():
    boxes = {"table": "side_effects", "checkboxes": {"naus": "nausea"}}
    rows = ("A,2026-01-05,IV,Y", "A,2026-01-08,IV,N", "A,2026-01-12,IV,")
    cohort = to_cohort(taken_in(sheet("pid,date,route,naus", *rows), SESSIONS, boxes))
    assert cohort.sessions["side_effects_recorded"].tolist() == [True, True, False]
    assert cohort.side_effects["effect"].tolist() == ["nausea", "none"]
    export = taken_in(sheet("pid,date,route,naus", "A,2026-01-05,IV,1", "A,2026-01-08,IV,0"), SESSIONS, boxes)
    assert ["so sessions without a tick count" in note.message for note in export.notes] == [True]


def test_a_mapping_of_another_export_says_so_in_a_few_lines():
    block = {
        "table": "scores",
        "columns": {f"i{n}": f"phq9_{n}" for n in range(1, 16)},
        "constants": {"instrument": "x"},
    }
    with pytest.raises(ConfigError) as caught:
        taken_in(sheet("a,b", "1,2"), block)
    assert len(caught.value.problems) == 9
    assert "is it the mapping of this export" in str(caught.value)


def test_decimal_commas_beside_semicolons_are_read_in_a_redcap_export_too(tmp_path):
    from ketaoutcomes.readers.redcap import redcap_export

    path = tmp_path / "export.csv"
    path.write_text("record_id;date;route;dose\n1;2026-01-05;IV;0,5\n2;2026-01-05;IV;0,75\n")
    mapping = {
        "cohort": {"deidentification": "limited-data-set"},
        "patient": {"id": "record_id"},
        "rows": [
            {"table": "sessions", "columns": {"start": "date", "route": "route", "dose_mg_per_kg": "dose"}}
        ],
    }
    accounts = account(redcap_export(path, None, mapping))
    assert accounts.cohort.sessions["dose_mg_per_kg"].tolist() == [0.5, 0.75]
