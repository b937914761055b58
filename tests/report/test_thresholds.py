"""Thresholds of data quality, worked out by hand from tables as the gate gives them."""

from __future__ import annotations

import pandas as pd
import pytest

from ketaoutcomes.report.settings import Thresholds
from ketaoutcomes.report.thresholds import check_thresholds


def rows(*counts):
    names = ["table", "n_read", "n_quarantined"]
    return pd.DataFrame(counts, columns=names).astype({"n_read": "Int64", "n_quarantined": "Int64"})


def flow(due, scored):
    steps = ["started", "valid baseline", "window closed at the data cut", "induction complete"]
    sizes = pd.array([200, 190, 180, due, scored], dtype="Int64")
    return pd.DataFrame({"step": [*steps, "scored in the window"], "n": sizes, "suppressed": ""})


def records(n_events, n, suppressed="", measure="side effects recorded"):
    table = {"measure": [measure], "n_events": [n_events], "n": [n], "suppressed": [suppressed]}
    return pd.DataFrame(table).astype({"n_events": "Int64", "n": "Int64"})


def words(tables, **asked):
    return [one.words for one in check_thresholds(tables, Thresholds(**asked))]


def test_nothing_asked_for_is_nothing_found():
    assert check_thresholds({}, Thresholds()) == ()


def test_follow_up_is_of_those_who_could_have_been_scored():
    tables = {"attrition": flow(112, 60)}
    # 60 / 112 = 53.6%.
    assert words(tables, follow_up_scored=60) == ["Follow-up scored: 54% of 112, below the 60% asked for"]
    assert words(tables, follow_up_scored=53) == []
    (breach,) = check_thresholds(tables, Thresholds(follow_up_scored=60))
    assert (breach.measure, breach.n, breach.limit) == ("follow_up_scored", 112, 60)
    assert breach.share == pytest.approx(60 / 112)


def test_rows_set_aside_are_of_all_rows_whose_counts_are_shown():
    tables = {"rows_by_table": rows(("patients", None, None), ("scores", 900, 60), ("vitals", 100, 15))}
    # (60 + 15) / 1,000 = 7.5%.
    assert words(tables, rows_set_aside=5) == [
        "Rows set aside: 7.5% of 1,000 rows read, above the 5% allowed"
    ]
    assert words(tables, rows_set_aside=7.5) == []


def test_a_share_just_beyond_the_limit_does_not_read_as_the_limit():
    assert words({"recording": records(7996, 10000)}, side_effects_recorded=80) == [
        "Side effects recorded: 79.96% of 10,000 sessions, below the 80% asked for"
    ]


def test_a_limit_that_is_just_met_is_met():
    assert words({"recording": records(80, 100)}, side_effects_recorded=80) == []
    assert words({"recording": records(0, 100)}, side_effects_recorded=0) == []


def test_what_nobody_recorded_is_below_any_threshold():
    assert words({}, follow_up_scored=60, vitals_recorded=80) == [
        "Follow-up scored: not recorded, below the 60% asked for",
        "Vital signs recorded: not recorded, below the 80% asked for",
    ]


def test_a_small_count_decides_by_its_bounds_and_is_not_printed():
    hidden = {"recording": records(None, 112, "count 1-10", "vital signs recorded")}
    # At most 10 of 112, 8.9%.
    assert words(hidden, vitals_recorded=9) == [
        "Vital signs recorded: 1–10 of 112 sessions, below the 9% asked for"
    ]
    assert words(hidden, vitals_recorded=8) == []
    nearly = {"recording": records(None, 20, "all but 1-7", "vital signs recorded")}
    # At most 19 of 20, 95%.
    assert words(nearly, vitals_recorded=96) == [
        "Vital signs recorded: all but 1–7 of 20 sessions, below the 96% asked for"
    ]
    assert words(nearly, vitals_recorded=95) == []


@pytest.mark.parametrize("reason", ["total 1-10", "patients 1-10", "would reveal another count"])
def test_what_is_hidden_otherwise_is_not_known_and_no_breach(reason):
    assert words({"recording": records(None, 500, reason)}, side_effects_recorded=99) == []
    assert words({"recording": records(None, None, reason)}, side_effects_recorded=99) == []


def test_a_hidden_or_an_empty_flow_is_not_known():
    for due, scored in ((None, 50), (100, None), (0, 0)):
        assert words({"attrition": flow(due, scored)}, follow_up_scored=99) == []


def test_the_tables_of_a_report_are_read(suppressed):
    flow = suppressed.tables["attrition"].set_index("step")["n"]
    recording = suppressed.tables["recording"].set_index("measure")
    found = check_thresholds(suppressed.tables, Thresholds(0, 100, 100, 100))
    assert [one.measure for one in found] == [
        "rows_set_aside",
        "follow_up_scored",
        "side_effects_recorded",
        "vitals_recorded",
    ]
    assert found[1].share == pytest.approx(flow["scored in the window"] / flow["induction complete"])
    assert found[2].n == recording["n"]["side effects recorded"]
    assert found[3].share == pytest.approx(recording["estimate"]["vital signs recorded"])
