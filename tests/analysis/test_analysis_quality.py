"""Data quality: what was read, what is missing, who leaves where."""

from __future__ import annotations

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
        ("A", 0, 20), ("A", 30 * DAY, 9), ("B", 0, 20), ("C", 0, 20), ("E", 0, 20), ("E", 2.9 * DAY, 18),
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
    # 7 days old at day 7. E's score of day 2.9 is 7.1 days old at day 10. So A, B: days 0, 3, 7; E: days
    # 0, 3, 7; C: day 0.
    assert share.loc["a PHQ-9 score in the 7 days before", ["n_events", "n"]].tolist() == [10, 17]
    assert share.loc["vital signs recorded", ["n_events", "n"]].tolist() == [2, 17]
    assert share.loc["side effects recorded", "n_events"] == 0


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
