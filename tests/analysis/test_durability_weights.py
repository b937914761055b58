"""The weighted curve of durability: what its weights are made of, and when it is withheld."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.durability import durability
from ketaoutcomes.cohort.simulate import simulate_cohort

DAY = 24.0
OPTIONS = {"estimand": "ipcw", "sessions": "all", "n_replicates": 0}


def drawn(stream, n, booked):
    """Sessions and scores of patients who respond from day 1 on and are scored every third day.

    Half of them have a mild score and seldom lose the response; `booked` are the chances per day of a
    session of the mild and of the others. A score is taken before each session.
    """
    sessions, scores, lasting = [], [], []
    for number in range(n):
        name, mild = f"P{number:04d}", bool(number % 2)
        sessions.append((name, 0.0))
        scores += [(name, -DAY, 20), (name, DAY, 3 if mild else 8)]
        loss = 1 + stream.exponential(60 if mild else 10)
        session = 1 + stream.geometric(booked[0] if mild else booked[1])
        lasting.append(loss)
        end = min(session, 31)
        for day in sorted({*range(4, end, 3), *([session] if session <= 30 else [])}):
            scores.append((name, day * DAY, (3 if mild else 8) if day < loss else 18, "pre"))
            if day >= loss:
                break
        if session <= 30:
            sessions.append((name, session * DAY + 1.0))
    return sessions, scores, np.array(lasting)


def at(result, name, day):
    table = getattr(result, name).set_index("time")
    return table.loc[day, "estimate"]


def test_whoever_is_treated_sooner_is_stood_for_by_those_like_them(make):
    # S(15) = (exp(-15 / 60) + exp(-15 / 10)) / 2 = 0.50097.
    true = (np.exp(-15 / 60) + np.exp(-15 / 10)) / 2
    sessions, scores, lasting = drawn(np.random.default_rng(1), 1500, (0.01, 0.10))
    # 1,500 patients: the standard error of a half is 0.013.
    assert np.mean(lasting > 16) == pytest.approx(true, abs=0.02)
    result = durability(make(sessions, scores), "PHQ-9", **OPTIONS, horizon=20)
    # First sessions alone begin an episode of which more than a day is known; those of 1,500 patients have a
    # standard error of 0.02 with half of them treated again.
    assert at(result, "cause_specific", 15.0) > true + 0.04
    assert at(result, "weighted", 15.0) == pytest.approx(true, abs=0.04)


def test_where_sessions_have_nothing_to_do_with_scores_weights_change_little(make):
    sessions, scores, _ = drawn(np.random.default_rng(2), 600, (0.04, 0.04))
    result = durability(make(sessions, scores), "PHQ-9", **OPTIONS, horizon=20)
    weights = result.weights.iloc[0]
    assert weights["usable"]
    # 0.95 to 1.05 is what is asked of stabilised weights; the curves differ by chance in 600 patients alone.
    assert weights["mean"] == pytest.approx(1.0, abs=0.05)
    assert weights["effective_n"] > 0.9 * (weights["n_days"] - weights["n_events"])
    assert at(result, "weighted", 15.0) == pytest.approx(at(result, "cause_specific", 15.0), abs=0.02)


def test_the_order_of_patients_does_not_matter(make):
    sessions, scores, _ = drawn(np.random.default_rng(3), 120, (0.03, 0.08))
    renamed = {f"P{number:04d}": f"Q{(7 * number) % 120:04d}" for number in range(120)}
    one = durability(make(sessions, scores), "PHQ-9", **OPTIONS, horizon=20)
    sessions, scores = ([(renamed[row[0]], *row[1:]) for row in rows] for rows in (sessions, scores))
    other = durability(make(sessions, scores), "PHQ-9", **OPTIONS, horizon=20)
    # Both fits stop within a tolerance of the same maximum.
    pd.testing.assert_frame_equal(one.weighted, other.weighted, check_exact=False, atol=1e-5)
    pd.testing.assert_frame_equal(one.weights, other.weights, check_exact=False, rtol=1e-5)


def test_with_limits_the_curve_lies_inside_them():
    result = durability(
        simulate_cohort("community", 120, seed=4).cohort,
        "PHQ-9",
        estimand="ipcw",
        n_replicates=60,
        horizon=40,
    )
    known = result.weighted[result.weighted["identified"]]
    assert len(known) > 20
    assert (known["conf_low"] <= known["estimate"] + 1e-9).all()
    assert (known["estimate_high"] <= known["conf_high"] + 1e-9).all()
    hidden = result.weighted[~result.weighted["identified"]]
    assert hidden[["estimate", "estimate_high", "conf_low", "conf_high"]].isna().all(axis=None)
