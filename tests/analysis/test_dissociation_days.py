"""Dissociation in a clinic that knows its sessions only to the day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.dissociation import dissociation
from ketaoutcomes.cohort.read import assemble


def by_day(n=6, *, minutes=(40, 90)):
    """Sessions on days 0, 3 and 7 without a clock time; scores by the hour of the first two of them."""
    patients = [f"P{i}" for i in range(n)]
    scores = [
        (p, 24 * day + minute / 60, 10 + i)
        for i, p in enumerate(patients)
        for day in (0, 3)
        for minute in minutes
    ]
    frames = {
        "patients": pd.DataFrame({"patient_id": patients}),
        "sessions": pd.DataFrame(
            [(p, d) for p in patients for d in (0, 3, 7)], columns=["patient_id", "day"]
        ),
        "scores": pd.DataFrame(scores, columns=["patient_id", "hour", "score"]).assign(instrument="CADSS"),
    }
    return assemble(frames | {"sessions": frames["sessions"].assign(route="IV")}, {})


def test_scores_at_sessions_known_to_the_day_count_and_a_note_up_front_says_how_many():
    found = dissociation(by_day())
    assert found.table.set_index("session_group").loc[["1", "2", "3", "all"], "n"].tolist() == [6, 6, 0, 12]
    second = found.table.set_index("session_group").loc["2"]
    assert second[["n_events", "share"]].tolist() == [6, 1.0]
    assert np.isnan(second["minute"])
    assert found.notes[1].startswith("12 of 24 scores counted, of 6 sessions, have no minute")
    assert "12 of them say no timing and count as during the session" in found.notes[1]
    # Nobody is drawn at minute 0, which stands for scores before a session.
    assert set(found.course["time"]) == {40.0, 90.0}
    assert set(found.course["session_group"]) == {"1", "all"}
    assert not any("counts as before" in note for note in found.notes)
    highest = next(text for name, text, _ in found.definitions if name == "Highest score of a session")
    assert "is during it unless its timing says 'pre', whatever `same_time` says" in highest


def test_without_any_known_minute_no_minute_is_spoken_of():
    cohort = by_day(minutes=(600,))
    found = dissociation(cohort)
    assert found.table.set_index("session_group").loc["all", "n"] == 12
    assert found.course.empty
    assert "No minute of an assessment is known: there is no course over minutes." in found.notes
