"""Early stops and rescue medication written only where they were, and what too few patients allow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.safety_events import safety_events
from ketaoutcomes.cohort.read import assemble

COUNTS = ["n_events", "n", "n_unknown", "n_not_recorded"]
BOUNDS = ["estimate", "estimate_low", "estimate_high"]
RESCUE, STOPPED_EARLY = "rescue medication given", "session stopped early"
ONLY_YES = {
    "rescue_medication": (RESCUE, "empty cells may mean none: enter no where none was given"),
    "stopped_early": (STOPPED_EARLY, "empty cells may mean that it was not: enter no where it was not"),
}


def clinic(n_patients, n_sessions=1, *, status=None, **sessions):
    """Patients P00, P01, ... with `n_sessions` each, and columns of sessions in that order."""
    names = [f"P{number:02d}" for number in range(n_patients)]
    frames = {
        "patients": pd.DataFrame({"patient_id": names}),
        "sessions": pd.DataFrame(
            {
                "patient_id": np.repeat(names, n_sessions),
                "hour": np.tile(72.0 * np.arange(n_sessions), n_patients),
                "route": "IV",
                **sessions,
            }
        ),
    }
    if status is not None:
        frames["disposition"] = pd.DataFrame(status).assign(patient_id=names, hour=900.0)
    return assemble(frames)


def row(result, event, per="session", **wanted):
    table = result.table[(result.table["event"] == event) & (result.table["per"] == per)]
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("column", ONLY_YES)
def test_with_no_no_in_the_cohort_an_empty_cell_may_be_one_and_all_sessions_are_counted(column):
    event, advice = ONLY_YES[column]
    # Patients 0 to 9 had three sessions each, with yes in the first of patients 0 to 5.
    cells = [["yes" if who < 6 else None, None, None] for who in range(10)]
    result = safety_events(clinic(10, 3, **{column: np.concatenate(cells)}))
    found = row(result, event)
    assert found[COUNTS].tolist() == [6, 30, 24, 0]
    assert found[BOUNDS].tolist() == [6 / 30, 6 / 30, 1.0]
    assert found["conf_low"] < 6 / 30
    assert found["conf_high"] == 1.0
    per_patient = row(result, event, "patient")
    assert per_patient[COUNTS].tolist() == [6, 10, 4, 0]
    assert per_patient[BOUNDS].tolist() == [0.6, 0.6, 1.0]
    # Clopper and Pearson of 6 of 10: qbeta(.025, 6, 5) in R.
    assert per_patient["conf_low"] == pytest.approx(0.2623781, abs=1e-7)
    note = next(note for note in result.notes if advice in note)
    assert note.endswith("All sessions are in n, and 24 of 30 are not known.")
    assert "20–100%" in result.summary()


def test_a_word_that_says_nothing_is_no_answer_and_a_medicine_by_name_is_a_yes():
    result = safety_events(clinic(4, rescue_medication=["ondansetron", "unknown", "", None]))
    assert row(result, RESCUE)[COUNTS].tolist() == [1, 4, 3, 0]


def test_a_group_without_a_yes_lies_between_none_and_all():
    cells = ["yes", None, None, None]
    cohort = clinic(4, rescue_medication=cells, setting=["a", "a", "b", "b"])
    found = row(safety_events(cohort, by="setting"), RESCUE, setting="b")
    assert found[COUNTS].tolist() == [0, 2, 2, 0]
    assert found[BOUNDS].tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(found["upper_patients"])


def test_with_yes_in_every_session_nothing_is_unknown_and_with_no_cell_filled_nothing_is_recorded():
    full = safety_events(clinic(3, rescue_medication=["yes"] * 3))
    assert row(full, RESCUE)[COUNTS].tolist() == [3, 3, 0, 0]
    assert not any("no session says" in note for note in full.notes)
    empty = safety_events(clinic(3, rescue_medication=["unknown", None, None]))
    assert row(empty, RESCUE)["method"] == "not recorded"


@pytest.mark.parametrize("column", ONLY_YES)
@pytest.mark.parametrize(("n_no", "is_said"), [(1, True), (2, False)])
def test_with_some_no_the_known_are_counted_and_fewer_than_half_of_them_are_said(column, n_no, is_said):
    event, _ = ONLY_YES[column]
    cells = ["yes", "yes", *["no"] * n_no, *[None] * (6 - n_no)]
    result = safety_events(clinic(8, **{column: cells}))
    assert row(result, event)[COUNTS].tolist() == [2, 2 + n_no, 0, 6 - n_no]
    said = [note for note in result.notes if "fewer than half" in note]
    assert len(said) == is_said
    assert all(f"known of {2 + n_no} of 8 sessions" in note for note in said)
    assert not any("no session says" in note for note in result.notes)


def stops(n, n_events):
    return [{"status": "stopped", "reason": "side effects" if who < n_events else "cost"} for who in range(n)]


@pytest.mark.parametrize(("n", "is_given"), [(3, False), (141, False), (142, True)])
def test_a_ratio_to_the_published_share_needs_one_expected_patient(n, is_given):
    # 47 of 6630 are published: one is expected of 141.06 patients.
    result = safety_events(clinic(n, status=stops(n, 1)))
    found = result.published.iloc[0]
    assert found["expected"] == pytest.approx(n * 47 / 6630)
    names = ["ratio", "conf_low", "conf_high", "p_value", "mid_p"]
    assert (found[names].notna() == is_given).all()
    words = result.summary()
    assert ("Recorded over expected 0.99 (95% CI" in words) == is_given
    assert ("here: too few were treated for a comparison." in words) != is_given
    assert any(note.startswith("Recorded over expected and P are given only") for note in result.notes) != (
        is_given
    )


def test_beside_bounds_out_of_all_treated_stands_how_many_of_them_are_known():
    status = [*stops(15, 3), *[{"status": "stopped", "reason": None}] * 10]
    result = safety_events(clinic(25, status=status))
    found = row(result, "stopped for a side effect", "patient")
    assert found[BOUNDS].tolist() == [3 / 15, 3 / 25, 13 / 25]
    frame, _ = result.readable()
    assert frame.loc[frame["event"] == "stopped for a side effect", ["%", "n/N"]].values.tolist() == [
        ["12–52%", "3/15 known of 25"]
    ]
    known = safety_events(clinic(15, status=stops(15, 3))).readable()[0]
    assert known.loc[known["event"] == "stopped for a side effect", "n/N"].tolist() == ["3/15"]


def test_limits_that_are_printed_alike_are_printed_once():
    # One session per patient: patients as n and sessions as n are the same.
    lines = safety_events(clinic(3, stopped_early=["no"] * 3)).sentences()
    (line,) = [line for line in lines if "Session stopped early" in line]
    # 1 - .025^(1/3) = 70.8 %, and one-sided 1 - .05^(1/3) = 63.2 %.
    assert line.endswith("At most 71% (exact, 95% CI); one-sided, by the rule of three: 63%.")
    lines = safety_events(clinic(3, 2, stopped_early=["no"] * 6)).sentences()
    (line,) = [line for line in lines if "Session stopped early" in line]
    # With six sessions 1 - .025^(1/6) = 45.9 % and 1 - .05^(1/6) = 39.3 %.
    assert "At most 71% with patients as n, 46% if sessions were independent (exact" in line
    assert line.endswith("63% and 39%.")
