"""Days on which a patient might have been treated again, against a plain loop over the records."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.derive.durability_rows import LOSS, durability_rows
from ketaoutcomes.derive.episodes import episode_set, episodes
from ketaoutcomes.derive.untreated_days import untreated_days
from ketaoutcomes.errors import DataError

DAY = 24.0
N_SCORES = 7  # score, its square, improvement, change, days since, number, carried: the last columns


def days_of(cohort, **options):
    found = episode_set(cohort, "PHQ-9", **{"clock": "response"} | options)
    rows = durability_rows(found.frame)
    return found, rows, untreated_days(cohort, found, rows, np.ones(len(rows), bool))


def nearest(hours):
    return np.floor(np.asarray(hours, float) / DAY + 0.5)


def by_loop(cohort, found, rows):
    """(episode, day, history without the days, event), one episode at a time; nobody stops."""
    # On the clock of the session the entry is the hour at which the other clock begins.
    zero = episodes(cohort, "PHQ-9", clock="session")["entry"] * (found.clock == "response")
    plan = []
    for number, row in enumerate(found.frame.itertuples()):
        again = nearest(row.next_session_hour - row.session_hour - zero[number])
        last = rows.left[number]
        if rows.cause[number] == LOSS:
            last = rows.right[number]
        elif np.isfinite(rows.end[number]):
            last = rows.end[number]
        treated = np.isfinite(rows.end[number]) or (rows.cause[number] == LOSS and again <= last)
        plan.append((number, row, last, treated))
    first_event = min(last for _, _, last, treated in plan if treated)
    out = []
    for number, row, last, treated in plan:
        entry = rows.entry[number]
        seen = found.assessments[found.assessments["episode"] == number]
        known = {entry: row.score_before if row.carried else None}
        for hour, score in zip(seen["hour"], seen["score"], strict=True):
            day = nearest(hour)
            if day > entry or not row.carried:
                known[max(day, entry)] = score
        for day in range(int(max(entry + 1, first_event)), int(last) + 1):
            before = sorted(when for when in known if when < day)
            gain = [(row.baseline - known[when]) / row.baseline for when in before]
            history = [
                known[before[-1]] / 27, (known[before[-1]] / 27) ** 2,
                gain[-1], gain[-1] - gain[-2] if len(gain) > 1 else 0.0,
                np.log(1 + day - before[-1]), np.log2(row.session), float(row.carried),
            ]  # fmt: skip
            out.append((number, day, history, treated and day == last))
    return out


@pytest.mark.parametrize("clock", ["response", "session"])
@pytest.mark.parametrize("seed", range(4))
def test_days_history_and_sessions_are_those_of_a_plain_loop(seed, clock):
    cohort = simulate_cohort("community", 40, seed=seed, dropout="none").cohort
    found, rows, days = days_of(cohort, clock=clock)
    plain = by_loop(cohort, found, rows)
    assert len(plain) > 500
    assert list(zip(days.episode, days.day, strict=True)) == [row[:2] for row in plain]
    np.testing.assert_allclose(days.history[:, -N_SCORES:], [row[2] for row in plain], atol=1e-12)
    assert list(days.event) == [row[3] for row in plain]
    # Some of the losses were found by the score before a session.
    assert days.event.sum() > (rows.cause > LOSS).sum()


def test_the_numerator_knows_the_day_and_nothing_else():
    _, _, days = days_of(simulate_cohort("community", 40, seed=1).cohort)
    periods = days.history[:, :-N_SCORES]
    np.testing.assert_array_equal(days.numerator, periods)
    assert (periods.sum(axis=1) == 1).all()
    assert set(np.unique(periods)) == {0.0, 1.0}
    # No period without a session: its probability would be 0.
    assert (periods[days.event].sum(axis=0) > 0).all()
    same_day = [np.unique(days.numerator[days.day == day], axis=0) for day in np.unique(days.day)]
    assert {len(rows) for rows in same_day} == {1}


def clinic(make, late, *, extra=()):
    """Three patients who respond from day 2 on; the first is scored `late` on day 14 and 21."""
    sessions = [("A", 0.0), ("B", 0.0), ("B", 10 * DAY), ("C", 0.0)]
    scores = [(name, -DAY, 20) for name in "ABC"] + [(name, 2 * DAY, 5) for name in "ABC"]
    scores += [("A", 7 * DAY, 6), ("A", 14 * DAY, late), ("A", 21 * DAY, late), ("B", 10 * DAY, 6, "pre")]
    scores += [("C", 25 * DAY, 7), *extra]
    return make(sessions, scores)


def test_a_score_of_a_day_or_later_never_changes_what_is_known_on_it(make):
    one, other = (days_of(clinic(make, late), sessions="all")[2] for late in (4, 9))
    np.testing.assert_array_equal(one.day, other.day)
    differs = (one.history != other.history).any(axis=1)
    # Hours since the response on day 2: the score of day 14 is of day 12.
    assert one.day[differs].min() == 13
    assert set(one.episode[differs]) == {0}
    assert not differs[(one.episode == 0) & (one.day <= 12)].any()
    np.testing.assert_array_equal(one.event, other.event)


def test_a_session_at_which_the_loss_is_found_was_booked_all_the_same(make):
    sessions = [
        ("A", 0.0),
        ("A", 7 * DAY),
        ("B", 0.0),
        ("C", 0.0),
        ("C", 9 * DAY),
        ("D", 0.0),
        ("D", 7 * DAY),
    ]
    scores = [(name, -DAY, 20) for name in "ABCD"] + [(name, DAY, 5) for name in "ABCD"]
    scores += [
        ("A", 7 * DAY - 1, 15, "pre"),
        ("B", 7 * DAY, 15),
        ("C", 7 * DAY, 15),
        ("D", 7 * DAY - 1, 5, "pre"),
    ]
    found, rows, days = days_of(make(sessions, scores), sessions="all")
    first = np.array([np.flatnonzero(found.frame["patient_id"] == name)[0] for name in "ABCD"])
    assert list(rows.cause[first]) == [LOSS, LOSS, LOSS, 1]
    ends = [days.event[(days.episode == number) & (days.day == 6)] for number in first]
    # On the clock of the response of day 1: day 6 is the session's day of A and D, but not of B and C.
    assert [bool(part[0]) for part in ends] == [True, False, False, True]


def test_without_a_session_while_responding_there_is_nothing_to_model(make):
    scores = [("A", -DAY, 20), ("A", 2 * DAY, 5), ("A", 9 * DAY, 5)]
    with pytest.raises(DataError, match="nothing to reweight"):
        days_of(make([("A", 0.0)], scores), sessions="all")
