"""Data quality: what was read, what is missing, who leaves where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.cohort.read import assemble

DAY = 24.0
INDUCTION = (0, 3, 7, 10)


@pytest.fixture
def result(make):
    """A scored; B not scored in the window; C stopped early; D without baseline; E still in the window."""
    sessions = [(name, day * DAY) for name in "ABDE" for day in INDUCTION] + [("C", 0)]
    scores = [
        ("A", 0, 20), ("A", 30 * DAY, 9), ("B", 0, 20), ("C", 0, 20), ("E", 0, 20), ("E", 2.4 * DAY, 18),
        ("D", 30 * DAY, 4),
    ]  # fmt: skip
    vitals = pd.DataFrame(
        {
            "patient_id": ["A", "A", "B"],
            "session": [1, 1, 2],
            "minute": [0, 40, 0],
            "sbp": [120, 130, 125],
            "dbp": [70, None, None],
        }
    )
    disposition = pd.DataFrame({"patient_id": ["E"], "hour": [12 * DAY], "status": ["ongoing"]})
    return data_quality(make(sessions, scores, vitals=vitals, disposition=disposition))


def test_attrition_counts_each_loss_once_with_its_reason(result):
    assert result.instrument == "PHQ-9"
    assert result.flow[["step", "n", "n_lost"]].to_numpy().tolist() == [
        ["started", 5, 0],
        ["valid baseline", 4, 1],
        ["window closed at the data cut", 3, 1],
        ["induction complete", 2, 1],
        ["scored in the window", 1, 1],
    ]
    assert result.losses["reason"].tolist() == [
        "no score before session 1",
        "window not closed at the data cut",
        "induction not complete",
        "no score in the window",
    ]
    assert result.losses["n_patients"].sum() == result.flow["n_lost"].sum()


def test_rows_read_are_rows_kept_and_rows_set_aside(result):
    rows = result.rows
    assert (rows["n_read"] == rows["n_kept"] + rows["n_quarantined"]).all()


def test_sessions_with_a_score_in_the_week_before(result):
    share = result.recording.set_index("measure")
    # 17 sessions. Score at hour 0 before session 1 of A, B, C and E; it is 72 h old at day 3 and exactly
    # 7 days old at day 7. E's score of day 2.4 is 7.6 days old at day 10, which is 8. So A, B: days 0, 3, 7;
    # E: days 0, 3, 7; C: day 0.
    assert share.loc["a PHQ-9 score in the 7 days before", ["n_events", "n"]].tolist() == [10, 17]
    assert share.loc["vital signs recorded", ["n_events", "n"]].tolist() == [2, 17]
    assert share.loc["side effects recorded", "n_events"] == 0


def test_a_row_of_vital_signs_without_a_value_is_no_reading(make):
    # Session 1 has two rows without a value, session 2 a heart rate only.
    vitals = pd.DataFrame(
        {
            "patient_id": "A",
            "session": [1, 1, 2],
            "minute": [0, 40, 0],
            "sbp": [None, None, None],
            "dbp": [None, None, None],
            "heart_rate": [None, None, 80],
        }
    )
    cohort = make([("A", 0), ("A", 72)], [("A", 0, 20)], vitals=vitals)
    share = data_quality(cohort).recording.set_index("measure")
    assert share.loc["vital signs recorded", ["n_events", "n"]].tolist() == [1, 2]


def test_a_score_seven_days_and_an_hour_old_is_seven_days_old(make):
    # Session 2 comes 169 h after the score: 7.04 days; session 3 comes 181 h after the next one: 7.54.
    cohort = make([("A", 0), ("A", 169), ("A", 351)], [("A", 0, 20), ("A", 170, 18)])
    share = data_quality(cohort).recording.set_index("measure")
    assert share.loc["a PHQ-9 score in the 7 days before", "n_events"] == 2


def test_side_effects_are_not_recorded_by_a_flag_without_their_table(make):
    cohort = make([("A", 0), ("A", 72)], [("A", 0, 20)])
    sessions = cohort.sessions.assign(side_effects_recorded=pd.array([True] * 2, dtype="boolean"))
    cohort = replace(cohort, tables={**cohort.tables, "sessions": sessions})
    share = data_quality(cohort).recording.set_index("measure")
    assert share.loc["side effects recorded", ["n_events", "n"]].tolist() == [0, 2]


def test_unknown_words_for_a_phase_are_counted_in_a_note(make):
    phases = ["induction", "induction", "other", "induction"]
    sessions = [("A", {"hour": 72.0 * k, "phase": phase}) for k, phase in enumerate(phases)]
    notes = data_quality(make(sessions, [("A", 0, 20)])).notes
    assert any("1 session has a phase in words that are not known" in note for note in notes)


def test_missing_cells_are_counted_per_column(result):
    missing = result.missing.set_index(["table", "column"])
    assert missing.loc[("vitals", "sbp"), ["n_rows", "n_missing"]].tolist() == [3, 0]
    assert missing.loc[("vitals", "dbp"), "share"] == pytest.approx(2 / 3)
    assert ("vitals", "patient_id") not in missing.index


def test_a_cohort_without_scores_has_no_flow():
    sessions = pd.DataFrame({"patient_id": ["A"], "hour": [0.0], "route": ["IV"]})
    frames = {"patients": sessions[["patient_id"]], "sessions": sessions}
    result = data_quality(assemble(frames))
    assert len(result.flow) == 0
    assert result.instrument is None
    assert "Tables not supplied" in " ".join(result.notes)
    assert np.isfinite(result.recording["estimate"]).all()
