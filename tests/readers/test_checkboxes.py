"""Boxes, and what stands beside them: a record is free of side effects only where somebody asked."""

from __future__ import annotations

import pytest
from readers.small_exports import sheet, taken_in

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.readers.export import to_cohort

SESSIONS = {"table": "sessions", "columns": {"start": "date", "route": "route"}}
BOXES = {"table": "side_effects", "checkboxes": {"naus": "nausea", "head": "headache"}, "asked": "asked"}


def effects(cohort) -> list[list[str]]:
    return cohort.side_effects[["session", "effect"]].astype("str").to_numpy().tolist()


def test_a_box_with_a_word_for_missing_leaves_the_record_unknown():
    cells = sheet("pid,date,route,naus,head,asked", "A,2026-01-05,IV,-99,-99,yes", "A,2026-01-08,IV,0,0,yes")
    cohort = to_cohort(taken_in(cells, SESSIONS, BOXES, missing=["-99"]))
    assert effects(cohort) == [["2", "none"]]
    assert cohort.sessions["side_effects_recorded"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("word", "asked"),
    [("yes", True), ("1", True), ("none", True), ("complete", True), ("no", False), ("0", False)]
    + [(word, False) for word in ("NA", "unknown", "refused", "-", "not done", "")],
)
def test_somebody_asked_only_where_the_cell_says_so(word, asked):
    cells = sheet("pid,date,route,naus,head,asked", f"A,2026-01-05,IV,,,{word}", "A,2026-01-08,IV,1,,yes")
    cohort = to_cohort(taken_in(cells, SESSIONS, BOXES))
    assert effects(cohort) == ([["1", "none"]] if asked else []) + [["2", "nausea"]]
    assert bool(cohort.sessions["side_effects_recorded"].iloc[0]) is asked


def test_a_named_side_effect_beside_the_boxes_counts():
    cells = sheet(
        "pid,date,route,naus,head,asked,other",
        "A,2026-01-05,IV,0,0,yes,panic attack",
        "A,2026-01-08,IV,1,0,yes,rash",
    )
    cohort = to_cohort(taken_in(cells, SESSIONS, {**BOXES, "columns": {"effect": "other"}}))
    assert effects(cohort) == [["1", "panic attack"], ["2", "nausea"], ["2", "rash"]]


def test_a_severity_beside_the_boxes_is_that_of_the_ticks_without_one():
    cells = sheet("pid,date,route,naus,head,asked,sev", "A,2026-01-05,IV,1,severe,yes,mild")
    cohort = to_cohort(taken_in(cells, SESSIONS, {**BOXES, "columns": {"severity": "sev"}}))
    found = cohort.side_effects.set_index("effect")["severity"].astype(str).to_dict()
    assert found == {"nausea": "mild", "headache": "severe"}
    needing = {**BOXES, "columns": {"severity": "sev"}, "needs": ["severity"]}
    bare = sheet(
        "pid,date,route,naus,head,asked,sev", "A,2026-01-05,IV,1,0,yes,", "A,2026-01-08,IV,1,0,yes,mild"
    )
    assert len(taken_in(bare, SESSIONS, needing).tables["side_effects"]) == 1


def test_numbers_are_compared_as_numbers():
    cells = sheet("pid,date,route,dose", "A,2026-01-05,1.0,999.0", "A,2026-01-08,2,40")
    sessions = {
        "table": "sessions",
        "columns": {"start": "date", "route": "route", "dose_mg": "dose"},
        "values": {"route": {1: "IV", "02": "IM"}},
    }
    table = taken_in(cells, sessions, missing=["999"]).tables["sessions"]
    assert table["route"].tolist() == ["IV", "IM"]
    assert table["dose_mg"].fillna("").tolist() == ["", "40"]


def test_a_factor_works_beside_a_decimal_comma():
    cells = sheet("pid;date;route;kg".replace(";", ","), "A,2026-01-05,IV,150")
    cells["kg"] = "150,5"
    sessions = {
        "table": "sessions",
        "columns": {"start": "date", "route": "route", "weight_kg": "kg"},
        "multiply": {"weight_kg": 0.4536},
    }
    cohort_settings = {"deidentification": "limited-data-set", "decimal": ","}
    # 150.5 lb times .4536 by hand.
    cohort = to_cohort(taken_in(cells, sessions, cohort=cohort_settings))
    assert cohort.sessions["weight_kg"].tolist() == [pytest.approx(68.2668, abs=1e-9)]


def test_boxes_are_for_side_effects_alone():
    with pytest.raises(ConfigError, match="are for the table side_effects"):
        taken_in(sheet("pid,naus", "A,1"), {"table": "scores", "checkboxes": {"naus": "nausea"}})
