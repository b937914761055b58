"""Windows, phases, groups and follow-up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.groups import groups, session_groups
from ketaoutcomes.derive.sessions import induction, session_table
from ketaoutcomes.derive.windows import INCOMPLETE, NO_SCORE_IN_WINDOW, NOT_DUE, SCORED, windowed
from ketaoutcomes.errors import DataError

DAY = 24.0


def induction_sessions(name, days=(0, 3, 7, 10)):
    return [(name, day * DAY) for day in days]


def test_nearest_to_the_target_wins_and_a_tie_goes_to_the_earlier_never_to_the_best(make):
    # 24_hours: 18 to under 36 h, target 24.
    cohort = make(
        [("A", 0), ("B", 0), ("C", 0), ("D", 0)],
        [
            ("A", 0, 20), ("A", 20, 15), ("A", 28, 3),  # 4 h either side: the earlier
            ("B", 0, 20), ("B", 19, 2), ("B", 25, 12),
            ("C", 0, 20), ("C", 17.9, 2), ("C", 36, 12),  # both just outside
            ("D", 0, 20), ("D", 18, 2),
        ],
    )  # fmt: skip
    found = windowed(cohort, "PHQ-9", "24_hours")
    np.testing.assert_allclose(found["score"], [15, 12, np.nan, 2])
    assert found["status"].tolist() == [SCORED, SCORED, NO_SCORE_IN_WINDOW, SCORED]


def test_window_after_induction_counts_from_its_last_session_and_needs_a_complete_one(make):
    # Last induction session on day 10: the window is day 24 to 41, its target day 31.
    cohort = make(
        induction_sessions("A") + induction_sessions("B", (0, 3)),
        [
            ("A", 0, 20),
            ("A", 23 * DAY, 1),
            ("A", 25 * DAY, 9),
            ("A", 33 * DAY, 8),
            ("B", 0, 20),
            ("B", 20 * DAY, 5),
        ],
    )
    found = windowed(cohort, "PHQ-9", "end_of_induction")
    assert found["score"].tolist()[0] == 8
    assert found["hours_from_anchor"].tolist()[0] == 23 * DAY
    assert found["status"].tolist() == [SCORED, INCOMPLETE]


def test_phase_is_derived_by_the_named_rule_when_the_clinic_gives_none(make):
    cohort = make(induction_sessions("A", (0, 3, 7, 10, 27, 40, 60)), [("A", 0, 20)])
    table = session_table(cohort)
    assert table["phase"].tolist() == ["induction"] * 5 + ["maintenance"] * 2
    assert table["last_induction"].tolist() == [False] * 4 + [True] + [False] * 2
    assert table["phase_derived"].all()
    np.testing.assert_allclose(table["hours_since_previous"], np.array([np.nan, 3, 4, 3, 17, 13, 20]) * DAY)


def test_phase_as_given_stands_and_a_later_induction_is_another_course(make):
    phases = ["Induction", "induction", "induction", "induction", "maintenance", "induction"]
    sessions = [
        ("A", {"hour": day * DAY, "phase": phase})
        for day, phase in zip((0, 3, 7, 10, 30, 200), phases, strict=True)
    ]
    found = induction(make(sessions, [("A", 0, 20)]))
    assert found.n_sessions.tolist() == [4]
    assert found.last_hour.tolist() == [240]
    assert found.complete.tolist() == [True]
    assert not found.derived


def test_an_empty_phase_takes_that_of_its_neighbours_and_else_the_rule_s(make):
    given = {
        "A": [
            "induction",
            None,
            "induction",
            "induction",
            None,
            "maintenance",
        ],  # days 20 and before: by the rule
        "B": ["induction", "induction", "induction", "induction", "maintenance", None],
        "C": [None, "induction", "induction", "induction", "maintenance", "maintenance"],
    }
    days = (0, 3, 7, 10, 20, 40)
    sessions = [
        (name, {"hour": day * DAY, "phase": phase})
        for name, phases in given.items()
        for day, phase in zip(days, phases, strict=True)
    ]
    cohort = make(sessions, [("A", 0, 20)])
    assert session_table(cohort)["phase"].tolist() == (
        ["induction"] * 5 + ["maintenance"] + (["induction"] * 4 + ["maintenance"] * 2) * 2
    )
    found = induction(cohort)
    assert found.n_sessions.tolist() == [5, 4, 4]
    assert (found.n_filled, found.derived) == (4, False)


def test_induction_is_complete_with_4_to_8_sessions_in_7_to_28_days(make):
    days = {"A": (0, 2, 4, 7), "B": (0, 2, 4, 6), "C": (0, 10, 20), "D": (0, 9, 18, 28)}
    sessions = [row for name, when in days.items() for row in induction_sessions(name, when)]
    found = induction(make(sessions, [("A", 0, 20)]))
    # B lasted 6 days, C had three sessions.
    assert found.complete.tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("last", "complete"),
    [(155.5, False), (156, True), (167.5, True), (673, True), (683.5, True), (684, False)],
)
def test_days_of_an_induction_are_counted_to_the_nearest_whole_day(make, last, complete):
    # 7 days are 6.5 to under 7.5 (156 h on), 28 days 27.5 to under 28.5 (up to 684 h).
    hours = (0, 48, 120, last)
    for phase in (None, "induction"):
        sessions = [("A", {"hour": hour, "phase": phase}) for hour in hours]
        cohort = make(sessions, [("A", -1, 18), ("A", last + 504, 8)])
        assert induction(cohort).complete.tolist() == [complete]
        assert windowed(cohort, "PHQ-9", "end_of_induction")["status"].tolist() == (
            [SCORED] if complete else [INCOMPLETE]
        )


def test_a_gap_of_a_phase_rule_is_counted_in_whole_days_too(make, monkeypatch):
    from ketaoutcomes.catalog.definitions import PhaseRule
    from ketaoutcomes.derive import sessions as module

    rule = PhaseRule(
        name="gap", label="gap", source="", verified=False, min_sessions=2, text="", max_gap_days=7.0
    )
    monkeypatch.setattr(module, "phase_rule", lambda name: rule)
    # 179 h are 7.46 days, 181 h are 7.54.
    cohort = make([("A", 0), ("A", 179), ("B", 0), ("B", 181)], [("A", 0, 20)])
    assert induction(cohort).n_sessions.tolist() == [2, 1]


@pytest.mark.parametrize(("day", "inside"), [(13.49, False), (13.5, True), (31.49, True), (31.5, False)])
def test_days_after_induction_are_counted_to_the_nearest_whole_day(make, day, inside):
    cohort = make(induction_sessions("A"), [("A", 0, 20), ("A", (10 + day) * DAY, 9)])
    assert (windowed(cohort, "PHQ-9", "end_of_induction")["status"] == SCORED).tolist() == [inside]


def phased(make, words):
    """One patient with a session a week per word, the first at hour 0."""
    sessions = [("A", {"hour": 168.0 * k, "phase": word}) for k, word in enumerate(words)]
    return make(sessions, [("A", -1, 20)])


@pytest.mark.parametrize(
    "words",
    [
        ["Acute phase"] * 4 + ["Continuation phase"] * 2,
        ["ACUTE"] * 4 + ["Booster"] * 2,
        ["Loading"] * 4 + ["maintenance phase"] * 2,
        ["initial_phase"] * 4 + [" Maintenance "] * 2,
    ],
)
def test_usual_words_for_the_phases_are_understood(make, words):
    cohort = phased(make, words)
    assert session_table(cohort)["phase"].tolist() == ["induction"] * 4 + ["maintenance"] * 2
    found = induction(cohort)
    assert (found.n_sessions.tolist(), found.complete.tolist(), found.n_unknown) == ([4], [True], 0)


def test_phases_in_words_of_which_none_is_known_are_refused_without_repeating_them(make):
    cohort = phased(make, ["Stage X"] * 5 + [None])
    with pytest.raises(DataError, match=r"sessions: column 'phase' .*induction, acute.*\(5 rows\)") as caught:
        induction(cohort)
    assert "stage" not in str(caught.value).lower()
    with pytest.raises(DataError, match="no word for a phase"):
        session_table(cohort)


def test_single_unknown_words_count_as_not_given_and_are_counted(make):
    # Days 0, 7, 14, 21, 28, 35. The unknown word lies between two of induction, the other after maintenance.
    cohort = phased(make, ["induction", "taper?", "induction", "induction", "maintenance", "extra"])
    assert session_table(cohort)["phase"].tolist() == ["induction"] * 4 + ["maintenance"] * 2
    found = induction(cohort)
    assert (found.n_unknown, found.n_filled, found.derived) == (2, 2, False)


def test_window_still_open_at_the_last_contact_of_an_ongoing_patient_is_not_due(make):
    disposition = pd.DataFrame(
        {
            "patient_id": ["A", "B", "C"],
            "hour": [200.0, 200.0, 900.0],
            "status": ["ongoing", "lost to follow-up", "ongoing"],
        }
    )
    cohort = make([(name, 0) for name in "ABC"], [(name, 0, 20) for name in "ABC"], disposition=disposition)
    # day_28 ends at hour 756: A is still treated but not so far on; B left; C passed it without a score.
    assert windowed(cohort, "PHQ-9", "day_28")["status"].tolist() == [
        NOT_DUE,
        NO_SCORE_IN_WINDOW,
        NO_SCORE_IN_WINDOW,
    ]


def test_data_cut_tells_whose_window_is_open(make):
    patients = pd.DataFrame({"patient_id": ["A", "B"]})
    sessions = pd.DataFrame(
        {"patient_id": ["A", "B"], "start": ["2026-06-10 09:00", "2026-09-10 09:00"], "route": "IV"}
    )
    scores = pd.DataFrame(
        {
            "patient_id": ["A", "B"],
            "instrument": "PHQ-9",
            "score": 20,
            "taken": ["2026-06-09 09:00", "2026-09-09 09:00"],
        }
    )
    settings = {
        "deidentification": "limited-data-set",
        "timezone": "America/New_York",
        "data_cut": "2026-09-30",
    }
    from ketaoutcomes.cohort.read import assemble

    cohort = assemble({"patients": patients, "sessions": sessions, "scores": scores}, settings)
    assert windowed(cohort, "PHQ-9", "day_28")["status"].tolist() == [NO_SCORE_IN_WINDOW, NOT_DUE]
    followed = follow_up(cohort)
    # 10 September 09:00 to the end of 30 September is 495 h; only the month is kept, so a range holds it.
    assert followed.cut_low[1] <= 495 <= followed.cut_high[1]


def test_groups_take_the_value_at_session_1_from_sessions(make):
    sessions = [
        ("A", {"hour": 0, "route": "IM"}),
        ("A", {"hour": 48, "route": "IV"}),
        ("B", {"hour": 0, "route": "IV"}),
    ]
    cohort = make(sessions, [("A", 0, 20)])
    found = groups(cohort, "route")
    assert found.levels == ("IM", "IV")
    assert found.code.tolist() == [0, 1]
    # Each session's own value where sessions are the rows.
    assert session_groups(cohort, "route").code.tolist() == [0, 1, 1]


def test_unknown_group_column_lists_the_choices(make):
    patients = pd.DataFrame({"patient_id": ["A"], "sex": ["F"]})
    cohort = make([("A", 0)], [("A", 0, 20)], patients=patients)
    with pytest.raises(DataError, match=r"by=\"colour\" is no column .* route.* sex"):
        groups(cohort, "colour")


def test_numeric_column_with_many_levels_is_refused_with_advice(make):
    names = [f"P{k:02d}" for k in range(12)]
    patients = pd.DataFrame({"patient_id": names, "age": range(30, 42)})
    cohort = make([(name, 0) for name in names], [("P00", 0, 20)], patients=patients)
    with pytest.raises(DataError, match=r"12 levels, too many .* cut it into bands"):
        groups(cohort, "age")


def test_missing_level_has_no_group(make):
    patients = pd.DataFrame({"patient_id": ["A", "B"], "sex": ["F", None]})
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20)], patients=patients)
    found = groups(cohort, "sex")
    assert found.code.tolist() == [0, -1]
    assert found.n_missing == 1
