"""When side effects began and went: between which checks, what is still open, what is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.catalog.effect_terms import effect_terms
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.effect_checks import STRIDE, Checks, session_checks
from ketaoutcomes.derive.effect_times import ENDED, OPEN, STILL_THERE, effect_times, gone_by_discharge
from ketaoutcomes.derive.side_effects import recorded_side_effects
from ketaoutcomes.errors import DataError

NAMES = ["patient_id", "session", "effect", "onset_minutes", "duration_minutes", "resolved", "ascertainment"]
READINGS = (0, 15, 30, 60, 90)


def clinic(rows, *, readings=READINGS, monitored=None, n_sessions=1, n_patients=1):
    """A cohort of rows (session, effect, onset, duration, resolved[, way]) of patient A."""
    names = [chr(ord("A") + k) for k in range(n_patients)]
    sessions = pd.DataFrame(
        [{"patient_id": name, "hour": 48.0 * k, "route": "IV"} for name in names for k in range(n_sessions)]
    )
    if monitored is not None:
        sessions["monitored_minutes"] = monitored
    filled = [("A", *row) if len(row) == 6 else ("A", *row, "checklist") for row in rows]
    frames = {
        "patients": pd.DataFrame({"patient_id": names}),
        "sessions": sessions,
        "side_effects": pd.DataFrame(filled, columns=NAMES),
    }
    if readings is not None:
        frames["vitals"] = pd.DataFrame(
            [
                {"patient_id": name, "session": k + 1, "minute": minute, "sbp": 120}
                for name in names
                for k in range(n_sessions)
                for minute in readings
            ]
        )
    return assemble(frames)


def times_of(cohort, checks="vitals"):
    """Records, checks and times of a cohort."""
    found = recorded_side_effects(cohort)
    looked = session_checks(cohort, checks)
    return found, looked, effect_times(cohort, found, looked)


def told_once(cohort, name, checks="vitals"):
    """How many rows were treated in some way."""
    return int(times_of(cohort, checks)[2].counts[name].sum())


def only(times):
    """The one effect as a dict of numbers."""
    assert times.state.size == 1
    return {name: values[0] for name, values in vars(times).items()}


def test_a_time_lies_after_the_check_before_it_and_not_after_the_one_at_or_after_it():
    # Onset noted at the check of minute 30; the end, 30 + 40, lies between two checks.
    _, _, told = times_of(clinic([(1, "nausea", 30, 40, "yes")]))
    row = only(told.of_effect)
    assert (row["onset_low"], row["onset_high"]) == (15, 30)
    assert (row["end_low"], row["end_high"]) == (60, 90)
    # From the middle of the onset's interval, 22.5.
    assert (row["length_low"], row["length_high"]) == (37.5, 67.5)
    # From 60 - 30 to 90 - 15.
    assert (row["span_low"], row["span_high"]) == (30, 75)
    assert row["state"] == ENDED


def test_the_same_times_are_exact_without_checks_and_follow_the_minutes_that_are_given():
    cohort = clinic([(1, "nausea", 30, 40, "yes")])
    row = only(times_of(cohort, None)[2].of_effect)
    assert (row["onset_low"], row["end_high"], row["length_low"], row["length_high"]) == (30, 70, 40, 40)
    row = only(times_of(cohort, (20, 45, 80))[2].of_effect)
    assert (row["onset_low"], row["onset_high"], row["end_low"], row["end_high"]) == (20, 45, 45, 80)


def test_times_after_the_last_check_are_exact_and_so_are_those_of_sessions_without_a_reading():
    cohort_late = clinic([(1, "fatigue", 60, 300, "yes")])
    row = only(times_of(cohort_late)[2].of_effect)
    assert (row["end_low"], row["end_high"]) == (360, 360)
    # Onset in (30, 60]: the recorded 300 is the shortest.
    assert (row["length_low"], row["length_high"]) == (300, 330)
    # An onset at minute 60 itself makes it 300, which has to be inside.
    assert 300 - 1e-6 < row["span_low"] < 300
    assert row["span_high"] == 330
    assert told_once(cohort_late, "exact_end") == 1
    cohort = clinic([(1, "fatigue", 20, 50, "yes")], readings=None)
    told = times_of(cohort)[2]
    row = only(told.of_effect)
    assert (row["onset_low"], row["length_low"], row["length_high"]) == (20, 50, 50)
    assert told.counts["no_checks"].tolist() == [1]


def test_the_discharge_is_a_check_and_minute_0_is_exact():
    row = only(times_of(clinic([(1, "nausea", 0, 110, "yes")], monitored=[120]))[2].of_effect)
    assert (row["onset_low"], row["onset_high"], row["end_low"], row["end_high"]) == (0, 0, 90, 120)


def test_an_effect_that_came_and_went_between_two_checks_lasted_from_nothing_to_their_distance():
    cohort = clinic([(1, "vertigo", 61, 12, "yes")])
    row = only(times_of(cohort)[2].of_effect)
    assert (row["length_low"], row["length_high"]) == (0, 15)
    assert told_once(cohort, "widened") == 0
    # Half the distance is less than what was recorded: the interval goes as far as that.
    cohort = clinic([(1, "vertigo", 61, 20, "yes")])
    row = only(times_of(cohort)[2].of_effect)
    assert (row["length_low"], row["length_high"]) == (0, 20)
    assert told_once(cohort, "widened") == 1


def test_a_recorded_length_lies_in_its_interval():
    stream = np.random.default_rng(3)
    rows = [
        (1, f"e{number:03d}", onset, length, "yes")
        for number, (onset, length) in enumerate(
            zip(stream.integers(0, 100, 300).tolist(), stream.integers(1, 150, 300).tolist(), strict=True)
        )
    ]
    cohort = clinic(rows, monitored=[120])
    lengths = cohort.side_effects.sort_values("effect")["duration_minutes"].to_numpy(float)
    for checks in ("vitals", (20, 45, 80, 200), None):
        times = times_of(cohort, checks)[2].of_effect
        assert (times.length_low <= lengths + 1e-9).all()
        assert (lengths <= times.length_high + 1e-9).all()
        # Never beyond what onset and end between their checks allow.
        assert (times.length_low >= np.maximum(times.end_low - times.onset_high, 0) - 1e-9).all()
        assert (times.length_high <= times.end_high - times.onset_low + 1e-9).all()
        assert (times.span_low <= times.length_low).all()
        assert (times.span_high >= times.length_high).all()


def test_planned_checks_after_a_stated_discharge_never_came():
    rows = [(1, "nausea", 130, 60, "yes")]
    row = only(times_of(clinic(rows, monitored=[120], readings=None), (15, 30, 60, 180))[2].of_effect)
    assert (row["onset_low"], row["onset_high"], row["end_low"], row["end_high"]) == (130, 130, 190, 190)
    assert (row["length_low"], row["length_high"]) == (60, 60)
    # Without a stated discharge they may have come.
    row = only(times_of(clinic(rows, readings=None), (15, 30, 60, 180))[2].of_effect)
    assert (row["onset_low"], row["onset_high"]) == (60, 180)
    # Where all of them are later, the discharge is the only one.
    early = clinic([(1, "nausea", 5, 2, "yes")], monitored=[10], readings=None)
    row = only(times_of(early, (15, 30))[2].of_effect)
    assert (row["onset_low"], row["onset_high"]) == (0, 10)


def test_what_was_still_there_when_last_seen_ended_later():
    row = only(times_of(clinic([(1, "fatigue", 30, 60, "no")]))[2].of_effect)
    assert (row["end_low"], row["end_high"], row["state"]) == (90, np.inf, STILL_THERE)
    # Seen at minute 90, onset in (15, 30].
    assert (row["length_low"], row["length_high"]) == (67.5, np.inf)
    assert (row["span_low"], row["span_high"], row["seen"]) == (60, np.inf, 90)


def test_what_was_still_there_after_some_minutes_from_an_onset_that_is_missing_was_not_seen_at_discharge():
    found, looked, told = times_of(clinic([(1, "fatigue", np.nan, 5, "no")], monitored=[120]))
    row = only(told.of_effect)
    assert (row["length_low"], row["length_high"], row["state"]) == (5, np.inf, STILL_THERE)
    assert np.isnan([row["seen"], row["end_low"]]).all()
    gone, _ = gone_by_discharge(told.of_effect, looked.discharge[found.session_row[found.record]])
    assert np.isnan(gone).all()


@pytest.mark.parametrize(("monitored", "last"), [([120], 120), (None, 90)])
def test_without_a_length_the_effect_was_last_seen_at_discharge(monitored, last):
    row = only(times_of(clinic([(1, "fatigue", 30, np.nan, "no")], monitored=monitored))[2].of_effect)
    assert (row["end_low"], row["end_high"], row["state"]) == (last, np.inf, STILL_THERE)


def test_an_effect_without_a_length_of_which_nothing_is_said_is_not_known_and_never_ended_at_discharge():
    for resolved in (None, "yes"):
        cohort = clinic([(1, "fatigue", 30, np.nan, resolved)], monitored=[120])
        found, looked, told = times_of(cohort)
        row = only(told.of_effect)
        assert row["state"] == OPEN
        assert np.isnan([row["length_low"], row["length_high"], row["end_high"]]).all()
        gone, _ = gone_by_discharge(told.of_effect, looked.discharge[found.session_row[found.record]])
        assert np.isnan(gone).all()
        assert told.counts["resolved_when"].sum() == (resolved == "yes")


def test_without_the_column_resolved_a_length_is_a_length_and_one_that_ends_at_discharge_is_counted():
    cohort = clinic([(1, "fatigue", 30, 90, None), (1, "nausea", 30, 20, None)], monitored=[120])
    told = times_of(cohort)[2]
    assert (told.of_effect.state == ENDED).all()
    # In the order of the effects: fatigue, nausea.
    assert told.counts["at_last"].tolist() == [1, 0]


def test_a_length_without_an_onset_is_taken_as_recorded_and_has_no_place_in_the_session():
    told = times_of(clinic([(1, "nausea", np.nan, 40, "yes")]))[2]
    row = only(told.of_effect)
    assert (row["length_low"], row["length_high"], row["state"]) == (40, 40, ENDED)
    assert np.isnan([row["onset_low"], row["end_low"], row["end_high"]]).all()
    assert told.counts["onset_missing"].tolist() == [1]


def test_any_side_effect_runs_from_the_first_onset_to_the_last_end():
    rows = [(1, "nausea", 30, 25, "yes"), (1, "dizziness", 15, 20, "yes"), (1, "headache", 60, 200, "yes")]
    row = only(times_of(clinic(rows))[2].of_any)
    # Dizziness began in (0, 15]; the headache ended at 260, told from home.
    assert (row["onset_low"], row["onset_high"]) == (0, 15)
    assert (row["end_low"], row["end_high"]) == (260, 260)
    assert (row["length_low"], row["length_high"]) == (245, 260)


def test_any_side_effect_is_still_there_if_one_is_and_not_known_if_one_is_not():
    ended, still, nothing = (
        (1, "nausea", 30, 25, "yes"),
        (1, "fatigue", 30, 60, "no"),
        (1, "headache", 30, np.nan, None),
    )
    row = only(times_of(clinic([ended, nothing, still]))[2].of_any)
    assert (row["state"], row["end_low"], row["end_high"]) == (STILL_THERE, 90, np.inf)
    row = only(times_of(clinic([ended, nothing]))[2].of_any)
    assert row["state"] == OPEN
    assert np.isnan(row["length_low"])
    # Two lengths of which one has no onset: when the last one ended is not known.
    row = only(times_of(clinic([ended, (1, "headache", np.nan, 30, "yes")]))[2].of_any)
    assert row["state"] == OPEN


def test_two_words_for_one_effect_are_one_effect_and_two_ways_of_asking_are_two():
    terms = effect_terms({"somnolence": ["sleepy"]})
    rows = [(1, "somnolence", 30, 25, "yes"), (1, "sleepy", 60, 60, "yes")]
    cohort = clinic(rows)
    found = recorded_side_effects(cohort, terms)
    told = effect_times(cohort, found, session_checks(cohort, "vitals"), terms=terms)
    row = only(told.of_effect)
    assert (row["onset_high"], row["end_low"], row["end_high"]) == (30, 120, 120)
    twice = [(1, "nausea", 30, 25, "yes", "checklist"), (1, "nausea", 15, 100, "no", "spontaneous")]
    found, _, told = times_of(clinic(twice))
    assert found.ways[:2] == ("checklist", "spontaneous")
    assert told.of_effect.state.tolist() == [ENDED, STILL_THERE]
    assert told.record.tolist() == [0, 1]


def test_every_row_is_timed_by_the_checks_of_its_own_session():
    rows = [(2, "nausea", 40, 30, "yes"), (1, "nausea", 40, 30, "yes"), (1, "none", np.nan, np.nan, None)]
    cohort = clinic(rows, n_sessions=2, n_patients=2)
    vitals = cohort.vitals
    moved = vitals["minute"].where(vitals["session"] == 1, vitals["minute"] + 5.5)
    frames = {name: getattr(cohort, name) for name in ("patients", "sessions", "side_effects")}
    cohort = assemble(frames | {"vitals": vitals.assign(minute=moved)})
    found, _, told = times_of(cohort)
    assert found.session_row[found.record].tolist() == [0, 1]
    assert told.of_effect.onset_high.tolist() == [60, 65.5]
    assert told.of_effect.onset_low.tolist() == [30, 35.5]


def test_gone_by_discharge_is_yes_no_or_not_known():
    rows = [
        (1, "a", 15, 15, "yes"),  # ended in (15, 30]
        (1, "b", 15, 200, "yes"),  # ended at 215
        (1, "c", 15, 105, "no"),  # seen at the discharge
        (1, "d", 15, np.nan, None),
        (1, "e", 15, 90, "yes"),  # ended in (90, 120]: gone by 120
        (1, "f", 130, 30, "yes"),  # began after the discharge
    ]
    found, looked, told = times_of(clinic(rows, monitored=[120]))
    gone, later = gone_by_discharge(told.of_effect, looked.discharge[found.session_row[found.record]])
    np.testing.assert_array_equal(gone, [1, 0, 0, np.nan, 1, np.nan])
    assert later.tolist() == [False, False, False, False, False, True]
    # A discharge between two checks of the clinic leaves open what ended between them.
    gone, _ = gone_by_discharge(told.of_effect, np.full(6, 100.0))
    np.testing.assert_array_equal(gone[:5], [1, 0, 0, np.nan, np.nan])
    gone, _ = gone_by_discharge(told.of_effect, np.full(6, np.nan))
    assert np.isnan(gone).all()


def test_what_is_recorded_as_gone_exactly_at_discharge_had_gone_by_then():
    # Without readings times are exact: the end is 10 + 110.
    rows = [(1, "nausea", 10, 110, "yes"), (1, "vertigo", 10, 111, "yes")]
    found, looked, told = times_of(clinic(rows, monitored=[120], readings=None))
    gone, _ = gone_by_discharge(told.of_effect, looked.discharge[found.session_row[found.record]])
    assert gone.tolist() == [1, 0]


def test_after_the_last_reading_without_a_stated_discharge_nothing_is_known():
    rows = [
        (1, "a", 15, 15, "yes"),
        (1, "b", 15, 75, "yes"),  # ended at the last reading, 90
        (1, "c", 15, 80, "yes"),  # ended at 95: before or after the discharge
        (1, "d", 95, 10, "yes"),  # began after the last reading
        (1, "e", 15, 75, "no"),  # seen at the last reading
        (1, "f", 15, 60, "no"),
    ]
    for monitored, expected, began_later in (
        (None, [1, 1, np.nan, np.nan, 0, np.nan], False),
        ([90], [1, 1, 0, np.nan, 0, np.nan], True),
    ):
        found, looked, told = times_of(clinic(rows, monitored=monitored))
        session = found.session_row[found.record]
        gone, later = gone_by_discharge(
            told.of_effect, looked.discharge[session], is_stated=looked.is_stated[session]
        )
        np.testing.assert_array_equal(gone, expected)
        assert later[3] == began_later


@pytest.mark.parametrize(
    ("lasted", "expected"), [(5, np.nan), (74, np.nan), (75, 0), (100, 0), (105, 0), (130, 0)]
)
def test_still_there_when_last_seen_is_not_gone_by_discharge_only_from_the_last_check_before_it(
    lasted, expected
):
    # Onset at 15, watched to 120; the last check before is at minute 90.
    found, looked, told = times_of(clinic([(1, "nausea", 15, lasted, "no")], monitored=[120]))
    session = found.session_row[found.record]
    discharge = looked.discharge[session]
    before = looked.before(session, discharge)
    assert before.tolist() == [90]
    gone, _ = gone_by_discharge(told.of_effect, discharge, last_check=before)
    np.testing.assert_array_equal(gone, [expected])
    # Without checks it has to be the discharge itself.
    bare = session_checks(clinic([(1, "nausea", 15, lasted, "no")], monitored=[120]), None)
    assert np.isnan(bare.before(session, discharge)).all()
    gone, _ = gone_by_discharge(told.of_effect, discharge)
    np.testing.assert_array_equal(gone, [0 if lasted >= 105 else np.nan])


def test_the_check_before_a_minute_is_of_the_same_session_and_not_its_start():
    looked = session_checks(clinic([(1, "nausea", 15, 5, "yes")], n_sessions=2), "vitals")
    session, minute = np.array([0, 0, 0, 1, 1, 1]), np.array([90.0, 15.0, 16.0, 0.0, 500.0, np.nan])
    np.testing.assert_array_equal(looked.before(session, minute), [60, np.nan, 15, np.nan, 90, np.nan])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        # Of what was last seen at 30, nothing is known at 120, whatever another effect did until 100.
        ((1, "nausea", 15, 85, "yes"), np.nan),
        ((1, "nausea", 15, 200, "yes"), 0),
        ((1, "nausea", 15, 105, "no"), 0),
        ((1, "nausea", 15, 20, "no"), np.nan),
    ],
)
def test_any_side_effect_is_not_gone_by_discharge_if_one_effect_is_known_not_to_be(other, expected):
    cohort = clinic([(1, "fatigue", 15, 15, "no"), other], monitored=[120])
    found, looked, told = times_of(cohort)
    session = found.session_row[told.record]
    gone, _ = gone_by_discharge(
        told.of_any,
        looked.discharge[session],
        last_check=looked.before(session, looked.discharge[session]),
        is_stated=looked.is_stated[session],
    )
    np.testing.assert_array_equal(gone, [expected])


def test_minutes_of_a_late_session_are_not_rounded():
    session = 3_000_000
    minute = np.array([0.0, 10.1, 20.3])
    checks = Checks(
        session * STRIDE + minute, minute, np.full(session + 1, np.nan), np.zeros(session + 1, bool),
        np.ones(session + 1, bool),
    )  # fmt: skip
    low, high = checks.around(np.array([session, session]), np.array([20.3, 15.0]))
    assert low.tolist() == [10.1, 10.1]
    assert high.tolist() == [20.3, 20.3]


def test_no_table_of_side_effects_gives_no_times():
    cohort = assemble(
        {
            "patients": pd.DataFrame({"patient_id": ["A"]}),
            "sessions": pd.DataFrame({"patient_id": ["A"], "hour": [0.0], "route": ["IV"]}),
        }
    )
    _, looked, told = times_of(cohort)
    assert told.of_effect.state.size == told.of_any.state.size == 0
    assert np.isnan(looked.discharge).all()


@pytest.mark.parametrize("checks", ["readings", (-5, 10), (), ("soon",), (np.nan,), (2e6,)])
def test_checks_that_cannot_be_used_are_refused(checks):
    with pytest.raises(DataError, match="checks takes"):
        session_checks(clinic([(1, "nausea", 30, 40, "yes")]), checks)
