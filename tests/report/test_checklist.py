"""The checklist of STROBE and RECORD: which items there are, and what is left to the authors."""

import re
from dataclasses import replace

import pytest

from ketaoutcomes.report.checklist import AUTHORS, Known, checklist_items, filled_checklist

SECTIONS = {f"R{number}": str(number + 1) for number in range(1, 19)} | {"limits": "19", "definitions": "21"}
# Benchimol 2015, PLoS Med 12, e1001885, table 1.
RECORD = [
    "1.1", "1.2", "1.3", "6.1", "6.2", "6.3", "7.1", "12.1", "12.2", "12.3", "13.1", "19.1", "22.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def known(sample_cohort):
    return Known(sample_cohort, "end of induction", "240 patients", SECTIONS, 9)


def test_strobe_has_22_items_and_record_adds_13():
    items = checklist_items()
    strobe = [item.number for item in items if item.list == "STROBE"]
    record = [item.number for item in items if item.list == "RECORD"]
    assert strobe == [str(number) for number in range(1, 23)]
    assert record == [f"RECORD {number}" for number in RECORD]


def test_what_record_adds_follows_its_strobe_item():
    main = [int(re.search(r"\d+", item.number)[0]) for item in checklist_items()]
    assert main == sorted(main)


def test_every_item_says_something_and_leaves_the_rest_to_the_authors(known):
    frame = filled_checklist(known)
    assert len(frame) == 35
    assert frame["filled"].str.contains(AUTHORS, case=False).all()
    assert frame["label"].str.len().between(5, 90).all()
    # Title, background, aims, key results, reading, funding, and two of access are nobody else's.
    alone = frame.loc[frame["filled"] == f"{AUTHORS[:1].upper()}{AUTHORS[1:]}.", "number"].tolist()
    assert alone == ["1", "2", "3", "RECORD 6.2", "RECORD 12.1", "18", "20", "22"]


def test_numbers_and_places_are_those_of_this_report(known):
    filled = filled_checklist(known).set_index("number")["filled"]
    assert filled["13"].startswith("Section 2.")
    assert "240 patients" in filled["10"]
    assert filled["7"].startswith("9 definitions with their sources. Section 21.")
    assert "2026-10-08" in filled["5"]


def test_a_cohort_without_months_names_no_years(known, sample_cohort):
    tables = {**sample_cohort.tables, "sessions": sample_cohort.sessions.drop(columns="month")}
    undated = replace(known, cohort=replace(sample_cohort, tables=tables))
    filled = filled_checklist(undated).set_index("number")["filled"]
    assert "Sessions of" not in filled["RECORD 1.2"]
    assert "Sessions of 2025 to 2026" in filled_checklist(known).set_index("number")["filled"]["RECORD 1.2"]
