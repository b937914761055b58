"""Response and remission over three denominators; the observed course."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.errors import DataError

DAY = 24.0


@pytest.fixture
def cohort(make):
    """A responds, B does not, C is not scored, D has no baseline, E starts at the minimum, F is not due."""
    sessions = [(name, 0) for name in "ABCDEF"]
    scores = [
        ("A", 0, 20), ("A", 28 * DAY, 9),
        ("B", 0, 20), ("B", 28 * DAY, 11),
        ("C", 0, 20), ("C", 7 * DAY, 2),
        ("D", 28 * DAY, 3),
        ("E", 0, 0), ("E", 28 * DAY, 0),
        ("F", 0, 20),
    ]  # fmt: skip
    disposition = pd.DataFrame(
        {"patient_id": ["F", "C"], "hour": [200.0, 300.0], "status": ["ongoing", "stopped"]}
    )
    patients = pd.DataFrame({"patient_id": list("ABCDEF"), "sex": ["F", "F", "M", "M", "M", None]})
    return make(sessions, scores, patients=patients, disposition=disposition)


def test_three_denominators_and_what_is_not_known_in_each(cohort):
    table = response_rates(cohort, "PHQ-9", at="day_28").table.set_index("denominator")
    assert table.index.tolist() == ["starters", "baseline_eligible", "scored"]
    # F's window is open, so five started; C is eligible and not scored; D has no baseline, E none that
    # can fall.
    assert table["n_events"].tolist() == [1, 1, 1]
    assert table["n"].tolist() == [5, 3, 2]
    assert table["n_missing"].tolist() == [3, 1, 0]
    assert table["n_not_due"].tolist() == [1, 1, 1]
    np.testing.assert_allclose(table["estimate"], [0.2, 1 / 3, 0.5])
    # R 4.2.2 prop.test(1, 5, correct = FALSE) and prop.test(1, 2, correct = FALSE).
    np.testing.assert_allclose(
        table.loc["starters", ["conf_low", "conf_high"]].astype(float), [0.03622411, 0.62446542], atol=1e-7
    )
    np.testing.assert_allclose(
        table.loc["scored", ["conf_low", "conf_high"]].astype(float), [0.09453121, 0.90546879], atol=1e-7
    )


def test_notes_say_who_is_not_in_and_why(cohort):
    result = response_rates(cohort, "PHQ-9", at="day_28")
    notes = " ".join(result.notes)
    assert "1 patient not yet due" in notes
    assert "2 of 5 patients who started without a valid baseline" in notes
    assert "1 of 3 patients with a valid baseline not scored: no score in the window 1" in notes
    assert "lower bounds" in notes
    assert "Uncontrolled: associated with, not caused by." in notes
    names = [name for name, _, _ in result.definitions]
    assert names == ["response_50", "day_28", "last_14_days"]


def test_without_a_data_cut_those_who_left_and_those_not_due_are_said_to_be_mixed(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 28 * DAY, 9), ("B", 0, 20), ("B", 48, 15)])
    result = response_rates(cohort, "PHQ-9", at="day_28")
    assert result.table["n_not_due"].tolist() == [0, 0, 0]
    assert any("1 patient of those not scored have no record after" in note for note in result.notes)


def test_unknown_words_for_a_phase_are_counted_in_a_note(make):
    phases = ["induction", "induction", "other", "induction"]
    sessions = [("A", {"hour": 72.0 * k, "phase": phase}) for k, phase in enumerate(phases)]
    result = response_rates(make(sessions, [("A", 0, 20), ("A", 216 + 504, 9)]), "PHQ-9")
    # The third session is filled as induction: 4 sessions in 9 days, scored 21 days later.
    assert result.table["n_events"].tolist() == [1, 1, 1]
    assert any("1 session has a phase in words that are not known" in note for note in result.notes)
    assert any("1 cell without it filled" in text for _, text, _ in result.definitions)


def test_remission_leaves_out_who_began_in_remission(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 28 * DAY, 4), ("B", 0, 4), ("B", 28 * DAY, 1)])
    result = response_rates(cohort, "PHQ-9", at="day_28", outcome="remission")
    assert result.table["n"].tolist() == [2, 1, 1]
    assert result.provenance["arguments"]["outcome"] == "remission_phq9_lt5"


def test_rating_of_change_needs_no_baseline(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 7 * DAY, 2), ("B", 7 * DAY, 4)], instrument="CGI-I")
    table = response_rates(cohort, "CGI-I", at="day_7").table
    assert table["n_events"].tolist() == [1, 1, 1]
    assert table["n"].tolist() == [2, 2, 2]


def test_groups_have_three_rows_each_and_missing_levels_are_counted(cohort):
    result = response_rates(cohort, "PHQ-9", at="day_28", by="sex")
    assert result.table["sex"].tolist() == ["F"] * 3 + ["M"] * 3
    assert result.table["n"].tolist() == [2, 2, 2, 3, 1, 0]
    assert any("1 patient left out: 'sex' is missing" in note for note in result.notes)


def test_unknown_window_lists_the_choices(cohort):
    with pytest.raises(DataError, match="end_of_induction"):
        response_rates(cohort, "PHQ-9", at="whenever")
    with pytest.raises(DataError, match="level is a share between 0 and 1"):
        response_rates(cohort, "PHQ-9", at="day_28", level=95)


def test_course_takes_the_nearest_score_between_midpoints(make):
    cohort = make(
        [(name, 0) for name in "ABC"],
        [
            ("A", 0, 20), ("A", 6 * DAY, 14), ("A", 9 * DAY, 3), ("A", 13 * DAY, 10),
            ("B", 0, 22), ("B", 3 * DAY, 9), ("B", 10.5 * DAY, 12),
            ("C", 7 * DAY, 16),
        ],
    )  # fmt: skip
    table = trajectory(cohort, "PHQ-9", at=(0, 7, 14)).table
    # Day 7 reaches from 3.5 to under 10.5: A's day 6 beats day 9, B's day 3 is too early; day 14 from
    # 10.5 to 17.5.
    assert table["day"].tolist() == [0, 7, 14]
    assert table["n"].tolist() == [2, 2, 2]
    np.testing.assert_allclose(table["estimate"], [21, 15, 11])
    # Two values a and b: SD |a - b| / sqrt 2; t(0.975, 1 df) = 12.7062.
    np.testing.assert_allclose(table["sd"], np.sqrt(2))
    np.testing.assert_allclose(table["conf_high"] - table["estimate"], 12.7062047, atol=1e-6)
    # Linear percentiles of 14 and 16.
    np.testing.assert_allclose(table.loc[1, ["p10", "p90"]].astype(float), [14.2, 15.8])


def test_course_of_whole_days_is_that_of_their_hours(make):
    # Day 35 lies midway between 28 and 42 and belongs to the later; day 10.5 has no whole-day twin.
    rows = [
        ("A", -1, 20),
        ("A", 7, 14),
        ("A", 17, 9),
        ("A", 35, 3),
        ("B", -1, 22),
        ("B", 10, 9),
        ("B", 36, 5),
    ]
    sessions = [("A", 0), ("B", 0)]
    by_day = trajectory(make(sessions, rows, time="day"), "PHQ-9", at=(0, 7, 14, 28, 42)).table
    by_hour = trajectory(
        make(sessions, [(n, d * DAY, s) for n, d, s in rows]), "PHQ-9", at=(0, 7, 14, 28, 42)
    ).table
    pd.testing.assert_frame_equal(by_day, by_hour)
    assert by_day[["day", "n"]].to_numpy().tolist() == [[0, 2], [7, 2], [14, 1], [42, 2]]
    np.testing.assert_allclose(by_day["estimate"], [21, 11.5, 9, 4])


def test_course_by_group_and_days_without_scores(make):
    patients = pd.DataFrame({"patient_id": ["A", "B"], "sex": ["F", "M"]})
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("B", 0, 10), ("B", 7 * DAY, 5)], patients=patients)
    table = trajectory(cohort, "PHQ-9", at=(0, 7, 14), by="sex").table
    assert table[["sex", "day", "n"]].to_numpy().tolist() == [["F", 0, 1], ["M", 0, 1], ["M", 7, 1]]
    assert np.isnan(table["conf_low"]).all()
    with pytest.raises(DataError, match="none of them negative"):
        trajectory(cohort, "PHQ-9", at=(-7, 0))


def test_a_definition_that_is_one_of_several_published_says_so_where_it_is_printed(make):
    cohort = make([("P1", h) for h in (0, 72, 168, 240)], [("P1", -24, 18), ("P1", 750, 4)])
    printed = response_rates(cohort, "PHQ-9", outcome="remission").summary()
    # PHQ-9 remission is below 5 in McInnes 2022 and at most 5 in Pfeiffer 2024.
    assert "(one of several published)" in " ".join(printed.split())


def test_a_data_cut_that_is_not_stated_is_said_to_be_inferred(make):
    settings = {"deidentification": "limited-data-set", "timezone": "UTC"}
    days = ["2026-01-05 10:00", "2026-01-08 10:00", "2026-01-12 10:00", "2026-01-15 10:00"]
    cohort = make(
        [("P1", {"start": day}) for day in days],
        [("P1", "2026-01-04 10:00", 18), ("P1", "2026-01-16 10:00", 5)],
        settings=settings,
        time="taken",
    )
    notes = " ".join(response_rates(cohort, "PHQ-9").notes)
    assert "1 patient not yet due" in notes
    assert "states no data_cut, so the last record of anybody stands for it" in notes
    stated = make(
        [("P1", {"start": day}) for day in days],
        [("P1", "2026-01-04 10:00", 18), ("P1", "2026-01-16 10:00", 5)],
        settings={**settings, "data_cut": "2026-03-31"},
        time="taken",
    )
    # The window closed on 15 February: due, and not scored.
    assert response_rates(stated, "PHQ-9").table["n"].tolist() == [1, 1, 0]
