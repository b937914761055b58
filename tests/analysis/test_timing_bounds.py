"""What a stop, a landmark, a confirmation and a handful of patients may and may not say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.events import event_set
from ketaoutcomes.errors import DataError

DAY = 24.0


def stopped_at(hours: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": list(hours), "hour": list(hours.values()), "status": "stopped"})


def test_at_most_so_many_responded_right_after_the_last_assessment(make):
    """10 of 20 were last assessed on day 7 and stopped on day 100: all may have responded on day 8."""
    names = [f"P{number:02d}" for number in range(20)]
    scores = [(name, -1, 20) for name in names] + [(name, 7 * DAY, 18) for name in names[:10]]
    for name in names[10:]:
        scores += [(name, 7 * DAY * week, 18 if week < 13 else 5) for week in range(1, 14)]
    cohort = make(
        [(name, 0) for name in names], scores, disposition=stopped_at(dict.fromkeys(names[:10], 2400.0))
    )
    found = time_to_response(
        cohort, "PHQ-9", competing="stop", stop_state="response", at=(7, 28, 84, 91, 100), n_replicates=0
    )
    np.testing.assert_allclose(found.landmarks["estimate"], [0, 0.5, 0.5, 1, 1], atol=1e-9)
    np.testing.assert_allclose(found.landmarks["estimate_high"], [0, 0.5, 0.5, 1, 1], atol=1e-9)
    assert any("at most so many responded" in note for note in found.notes)
    # Responses that nobody saw are in the curve and not in what was found: no difference is given.
    assert found.medians["late_low"].isna().all()
    assert not any("late by" in text or "later." in text for text in (*found.notes, *found.sentences()))


def test_a_score_on_the_day_of_a_stop_counts_as_before_it():
    """The stop is known only to the day, 10 March; all respond at 16:00 that day."""
    names = [f"P{number:02d}" for number in range(10)]
    scores = pd.DataFrame(
        [
            (name, taken, score)
            for name in names
            for taken, score in (
                ("2025-03-02 10:00", 20), ("2025-03-06 10:00", 18), ("2025-03-10 16:00", 5),
                ("2025-03-12 16:00", 18),
            )
        ],
        columns=["patient_id", "taken", "score"],
    )  # fmt: skip
    cohort = assemble(
        {
            "patients": pd.DataFrame({"patient_id": names}),
            "sessions": pd.DataFrame({"patient_id": names, "route": "IV", "start": "2025-03-03 10:00"}),
            "scores": scores.assign(instrument="PHQ-9"),
            "disposition": pd.DataFrame({"patient_id": names, "when": "2025-03-10", "status": "stopped"}),
        },
        {"deidentification": "limited-data-set", "timezone": "UTC"},
    )
    found = time_to_response(cohort, "PHQ-9", competing="stop", at=(3, 7.25), n_replicates=0)
    np.testing.assert_allclose(found.landmarks["estimate"], [0, 1], atol=1e-9)
    assert found.landmarks["n_stopped"].tolist() == [0, 0]
    assert "10 assessments after treatment had stopped were not looked at." in found.notes


@pytest.mark.parametrize(
    ("kind", "options", "gap", "n_events"),
    [
        ("confirmed", {"apart_hours": 35}, 12.5, 0),
        ("confirmed", {"apart_hours": 35}, 35.0, 5),
        ("confirmed", {"apart_hours": 24}, 12.5, 5),
        ("confirmed", {"apart_hours": 24, "unit": "hours"}, 12.5, 0),
        ("confirmed", {"apart_hours": 24, "unit": "hours"}, 24.0, 5),
        ("sustained", {"window_days": 0.25}, 3.0, 0),
        ("sustained", {"window_days": 0.25}, 5.5, 5),
        ("sustained", {"window_days": 0.25}, 17.0, 0),
        ("sustained", {"window_days": 1.0}, 17.0, 0),
    ],
)
def test_lengths_that_are_no_whole_days_are_counted_by_the_clock(make, kind, options, gap, n_events):
    """Met at 10 h and again `gap` later, and no longer an hour after that."""
    names = [f"P{number}" for number in range(5)]
    rows = ((-1, 8), (2, 7), (10, 2), (10 + gap, 2), (11 + gap, 8), (200, 8))
    scores = [(name, hour, score) for name in names for hour, score in rows]
    cohort = make([(name, 0) for name in names], scores, instrument="Mood-NRS")
    found = time_to_response(cohort, "Mood-NRS", kind=kind, n_replicates=0, **options)
    assert found.fits["n_events"].tolist() == [n_events]
    note = next(note for note in found.notes if note.startswith(kind.capitalize()))
    whole = options.get("apart_hours", 24) % 24 == 0 and options.get("window_days", 1) % 1 == 0
    by_clock = "unit" in options or not whole
    assert ("by the clock" in note, "nearest" in note) == (by_clock, not by_clock)


def test_who_is_at_risk_at_a_landmark_does_not_depend_on_what_came_later(make):
    """A and B both meet the outcome on day 5 alone by day 7; only A is later confirmed."""
    rows = {
        "A": ((3, 18), (5, 5), (10, 5), (20, 5)),
        "B": ((3, 18), (5, 5), (10, 18), (20, 18)),
        "C": ((1, 5), (4, 5), (10, 5), (20, 5)),
        "D": ((3, 18), (10, 18), (14, 5), (20, 5)),
    }
    scores = [(name, day * DAY, score) for name, own in rows.items() for day, score in ((0, 20), *own)]
    cohort = make([(name, 0) for name in rows], scores)
    found = event_set(cohort, "PHQ-9", kind="confirmed", landmark_hours=7 * DAY)
    table = found.frame.set_index("patient_id")
    # C was met twice by day 7, and that was known then.
    assert set(table.index) == {"A", "B", "D"}
    assert table.loc["A", ["left", "right"]].tolist() == [0, 3 * DAY]
    assert table.loc["D", ["left", "right"]].tolist() == [3 * DAY, 7 * DAY]
    assert np.isinf(table.loc["B", "right"])
    assert (found.n_pending, found.n_spanning) == (1, 0)
    assert found.dropped.values.tolist() == [["met by the landmark", 1]]
    notes = time_to_response(cohort, "PHQ-9", kind="confirmed", landmark=7, n_replicates=0).notes
    assert any(note.startswith("For 1 patient response was met before the landmark") for note in notes)


def test_one_patient_has_no_interval_of_the_median(make):
    cohort = make([("A", 0)], [("A", -1, 20), ("A", 7 * DAY, 18), ("A", 14 * DAY, 5)])
    found = time_to_response(cohort, "PHQ-9", n_replicates=20)
    assert found.medians[["conf_low", "conf_high"]].isna().all(axis=None)
    assert any("One patient alone" in note for note in found.notes)


def test_what_cannot_be_used_is_not_repeated_when_it_may_be_data(make):
    cohort = make([("SECRET1", 0)], [("SECRET1", -1, 20), ("SECRET1", 7 * DAY, 5)])
    ids = cohort.patients["patient_id"]
    for name in ("unit", "kind", "origin", "competing", "stop_state", "resample", "test", "by"):
        for value in (ids, list(ids), cohort.patients, "SECRET1 " * 8):
            with pytest.raises(DataError) as raised:
                time_to_response(cohort, "PHQ-9", **{name: value})
            assert "SECRET1" not in str(raised.value)
    with pytest.raises(DataError, match="no planned time"):
        time_to_response(cohort, "PHQ-9", at=[])
    assert any("No landmark is given at 900" in n for n in time_to_response(cohort, "PHQ-9", at=900).notes)


def test_a_disposition_without_status_is_told_so(make):
    table = pd.DataFrame({"patient_id": ["A"], "hour": [300.0]})
    cohort = make([("A", 0)], [("A", -1, 20), ("A", 7 * DAY, 5)], disposition=table)
    with pytest.raises(DataError, match="status"):
        time_to_response(cohort, "PHQ-9", competing="stop")


def test_a_group_column_is_offered_by_its_right_name_and_has_enough_patients(make):
    names = [f"P{number:03d}" for number in range(100)]
    people = pd.DataFrame({"patient_id": names, "sex": "female"})
    people["referrer"] = [f"doctor {number // 2:02d}" for number in range(100)]
    scores = [(name, hour, score) for name in names for hour, score in ((-1, 20), (7 * DAY, 5))]
    cohort = make([(name, 0) for name in names], scores, patients=people)
    with pytest.raises(DataError, match='did you mean "sex"'):
        time_to_response(cohort, "PHQ-9", by="Sex")
    with pytest.raises(DataError, match="50 levels for 100 patients, fewer than 3 each"):
        time_to_response(cohort, "PHQ-9", by="referrer")


def test_a_median_just_after_a_landmark_is_not_printed_as_the_landmark(make):
    """5 of 9 respond by day 7.03 and 4 of 9 by day 7: half is not reached on day 7."""
    names = [f"P{number}" for number in range(9)]
    scores = [(name, -1, 20) for name in names] + [(name, 5 * DAY, 5) for name in names[:4]]
    for name in names[4:]:
        scores += [(name, 7 * DAY, 18), (name, 7.03 * DAY, 5)]
    cohort = make([(name, 0) for name in names], scores)
    words = time_to_response(cohort, "PHQ-9", n_replicates=0).sentences()[1]
    assert "between day 7 and day 7.03" in words
