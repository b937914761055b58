"""The report for programs: valid JSON, numbers that are numbers, and nothing that the tables do not have."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.report.machine import SCHEMA, document, json_text
from ketaoutcomes.report.values import cell_value, records

TOP = {
    "schema", "kind", "title", "month", "banners", "lead", "lead_text", "versions", "cohort", "settings",
    "seed", "definitions", "analyses", "headline", "key_numbers", "signals", "sections", "hidden", "tables",
}  # fmt: skip


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


@pytest.fixture(scope="module", params=["shown", "suppressed"])
def report(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def content(report):
    return json.loads(report.json, parse_constant=refuse)


def test_it_is_valid_sorted_and_names_its_schema(report, content):
    assert set(content) >= TOP
    assert content["schema"] == SCHEMA == "ketaoutcomes.report/1"
    assert content["kind"] == "ketaoutcomes report"
    assert list(content) == sorted(content)
    assert list(content["tables"]) == sorted(report.tables)
    assert report.json.endswith("}\n")


def test_every_table_is_there_with_the_values_of_its_frame(report, content):
    for name, table in report.tables.items():
        found = content["tables"][name]
        assert found["columns"] == list(table.columns)
        assert len(found["rows"]) == len(table)
        for column in table.columns:
            for value, row in zip(table[column].tolist(), found["rows"], strict=True):
                if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
                    assert row[column] is None
                elif isinstance(value, float) and not math.isinf(value):
                    assert row[column] == pytest.approx(value, rel=1e-9)
                elif not isinstance(value, float):
                    assert row[column] == value


def test_each_row_of_the_first_page_has_the_numbers_that_are_printed_there(report, content):
    rows = [row for group in report.page.headline for row in group.rows]
    assert len(content["headline"]) == len(rows) >= 6
    for row, found in zip(rows, content["headline"], strict=True):
        assert found["measure"] == row.measure
        assert found["month"] in (
            report.manifest["settings"]["month"],
            report.manifest["settings"]["outcome_month"],
        )
        table = report.tables[found["table"]]
        released = table[table["month"] == found["month"]].iloc[0]
        assert found["numbers"]["n"] == cell_value(released["n"])
        assert found["previous"]["month"] == "previous 12 months"
        if row.value.endswith("%") and not row.is_hidden and found["numbers"]["estimate"] is not None:
            decimals = len(row.value.rstrip("%").partition(".")[2])
            assert float(row.value.rstrip("%").lstrip("<>")) == pytest.approx(
                100 * found["numbers"]["estimate"], abs=0.5 * 10.0**-decimals + 1e-9
            )


def test_a_hidden_row_has_no_estimate(suppressed):
    content = json.loads(suppressed.json)
    hidden = [row for row in content["headline"] if row["numbers"] and row["numbers"]["suppressed"]]
    assert hidden
    assert all(row["numbers"]["estimate"] is None and row["numbers"]["n_events"] is None
               for row in hidden if "n_events" in row["numbers"])  # fmt: skip


def test_key_numbers_name_their_section_and_give_the_rows_behind(report, content):
    assert [item["question"] for item in content["key_numbers"]] == [
        item.question for item in report.page.questions
    ]
    numbers = {name: rows for item in content["key_numbers"] for name, rows in item["numbers"].items()}
    assert {"onset_days_landmarks", "durability_days", "side_effects_per_session", "attrition"} <= set(
        numbers
    )
    assert {row["effect"] for row in numbers["side_effects_per_session"]} == {"any side effect"}
    for name, rows in numbers.items():
        assert all(row in content["tables"][name]["rows"] for row in rows)


def test_sections_hidden_entries_and_signals_are_listed(report, content):
    assert [section["number"] for section in content["sections"]] == [s.number for s in report.sections]
    assert content["hidden"] == records(report.tables["not_shown"])
    signals = report.tables.get("signals")
    assert content["signals"] == ([] if signals is None else records(signals))


def test_signals_come_from_a_table_of_that_name(shown):
    signals = pd.DataFrame({"measure": ["response"], "n": [11], "suppressed": [""]})
    made = document(
        title="t", month=None, page=shown.page, tables={"signals": signals}, manifest=dict(shown.manifest)
    )
    assert made["signals"] == [{"measure": "response", "n": 11, "suppressed": ""}]


def test_cells_become_plain_values():
    assert cell_value(np.float64(1) / 3) == 0.3333333333
    assert cell_value(np.int64(3)) == 3
    assert cell_value(np.bool_(True)) is True
    assert cell_value(float("inf")) == "inf"
    assert cell_value(-np.inf) == "-inf"
    for missing in (None, np.nan, pd.NA, pd.NaT):
        assert cell_value(missing) is None


def test_a_value_that_json_has_no_word_for_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        json_text({"x": float("nan")})


def test_no_patient_and_no_path_is_in_it(report, sample_cohort):
    ids = [str(name) for name in sample_cohort.patients["patient_id"].astype(str)]
    found = set(re.findall(r"\bP\d{4}\b", report.json))
    assert not found & set(ids)
    assert "/tmp" not in report.json
    assert "/home" not in report.json


def test_the_guide_names_every_key(root, content):
    guide = (root / "docs" / "report_json.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", guide))
    assert set(content) <= named
    assert SCHEMA in guide
    for part in ("headline", "key_numbers", "sections"):
        assert set(content[part][0]) <= named
