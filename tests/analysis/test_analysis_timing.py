"""Time to first response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.analysis.turnbull import Settings, curves
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.events import response_events
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.engine.interval import npmle
from ketaoutcomes.errors import ConvergenceError, DataError

INF = np.inf
DAY = 24.0


def weekly(make, first_response_week, *, patients=None, skipped=(), instrument="PHQ-9", points=(20, 18, 8)):
    """Patients scored 20 at baseline and weekly to week 4; 18 before and 8 from the week of response on."""
    start, before, after = points
    names = [f"P{k}" for k in range(len(first_response_week))]
    rows = [(name, 0, start) for name in names]
    for name, week in zip(names, first_response_week, strict=True):
        rows += [
            (name, 7 * DAY * k, after if k >= week else before)
            for k in (1, 2, 3, 4)
            if (name, k) not in skipped
        ]
    return make([(name, 0) for name in names], rows, patients=patients, instrument=instrument)


def test_common_schedule_gives_the_shares_seen(make):
    # Ten patients: 2 respond in week 1, 3 in week 2, 1 in week 4, 4 never.
    result = time_to_response(weekly(make, [1, 1, 2, 2, 2, 4, 9, 9, 9, 9]), "PHQ-9", at=(7, 14, 21, 28))
    marks = result.landmarks
    np.testing.assert_allclose(marks["estimate"], [0.2, 0.5, 0.5, 0.6], atol=1e-9)
    np.testing.assert_allclose(marks["estimate_high"], marks["estimate"], atol=1e-9)
    assert marks["n_responded"].tolist() == [2, 5, 5, 6]
    assert marks["n_not_yet"].tolist() == [8, 5, 5, 4]
    assert marks["n_unknown"].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(result.masses["mass"], [0.2, 0.3, 0.1, 0.4], atol=1e-9)
    assert result.masses["right"].tolist()[-1] == INF
    assert result.gap < 1e-8
    # The multinomial log-likelihood of these counts: 2 ln .2 + 3 ln .3 + ln .1 + 4 ln .4.
    expected = 2 * np.log(0.2) + 3 * np.log(0.3) + np.log(0.1) + 4 * np.log(0.4)
    assert result.log_likelihood == pytest.approx(expected, abs=1e-8)


def test_table_says_between_which_bounds_the_curve_passes(make):
    result = time_to_response(weekly(make, [1, 1, 2, 9]), "PHQ-9", n_replicates=0)
    rows = result.table.set_index("time")
    assert rows.index.tolist() == [0, 7, 14, 28]
    # From 0 up to day 7 anything between 0 and one half is possible; at day 7 it is one half.
    np.testing.assert_allclose(rows["estimate"], [0, 0.5, 0.75, 0.75])
    np.testing.assert_allclose(rows["estimate_high"], [0.5, 0.75, 0.75, 0.75])
    assert rows["determined"].tolist() == [False, False, True, True]


def test_days_give_the_same_curve_as_their_hours(make):
    # Forty patients scored on days 7, 14 and 28: 14 respond by day 7, 5 more by day 14, 8 more by day 28.
    week = [7] * 14 + [14] * 5 + [28] * 8 + [99] * 13
    results = []
    for unit, length in (("day", 1), ("hour", 24)):
        names = [f"P{k:02d}" for k in range(40)]
        rows = [(name, -length, 18) for name in names]
        rows += [
            (name, length * day, 5 if day >= first else 15)
            for name, first in zip(names, week, strict=True)
            for day in (7, 14, 28)
        ]
        cohort = make([(name, 0) for name in names], rows, time=unit)
        results.append(time_to_response(cohort, "PHQ-9", at=(7, 14, 28), n_replicates=100))
    by_day, by_hour = results
    for name in ("table", "landmarks", "medians", "masses", "naive", "fits"):
        pd.testing.assert_frame_equal(getattr(by_day, name), getattr(by_hour, name))
    np.testing.assert_allclose(by_day.landmarks["estimate"], [0.35, 0.475, 0.675], atol=1e-9)
    np.testing.assert_allclose(by_day.landmarks["estimate_high"], [0.35, 0.475, 0.675], atol=1e-9)
    assert any("120 of 120 assessments are known only to the day" in note for note in by_day.notes)
    assert not any("known only to the day" in note for note in by_hour.notes)


def test_hours_leave_out_what_is_known_only_to_the_day_and_say_so(make):
    # Whole days are days; day 2.5 is a time: 60 h.
    rows = [(name, *row) for name in "AB" for row in ((-1, 9), (1, 8), (2.5, 3))]
    cohort = make([("A", 0.0), ("B", 0.0)], rows, instrument="Mood-NRS", time="day")
    known = cohort.sessions.assign(clock_known=True)
    cohort = replace(cohort, tables={**cohort.tables, "sessions": known})
    result = time_to_response(cohort, "Mood-NRS", unit="hours", n_replicates=0)
    assert result.masses[["left", "right"]].to_numpy().tolist() == [[0, 60]]
    assert any(
        "2 assessments after session 1 known only to the day were left out" in note for note in result.notes
    )
    unknown = cohort.sessions.assign(clock_known=False)
    cohort = replace(cohort, tables={**cohort.tables, "sessions": unknown})
    with pytest.raises(DataError, match='unit="days"'):
        time_to_response(cohort, "Mood-NRS", unit="hours", n_replicates=0)


def test_a_curve_that_was_not_reached_is_an_error_and_no_number(make, monkeypatch):
    def unfinished(left, right):
        return replace(npmle(left, right), converged=False, gap=0.5)

    monkeypatch.setattr("ketaoutcomes.analysis.turnbull.npmle", unfinished)
    with pytest.raises(
        ConvergenceError, match=r"curve of 3 patients was not reached.* 5e-01 below the maximum"
    ):
        time_to_response(weekly(make, [1, 2, 9]), "PHQ-9", n_replicates=0)


def test_where_all_have_responded_the_limit_is_that_of_28_of_28(make):
    result = time_to_response(weekly(make, [1] * 10 + [2] * 9 + [4] * 9), "PHQ-9", at=(28,), n_replicates=100)
    # R 4.2.2 binom.test(28, 28): 0.8765639 to 1; by hand 0.025^(1/28).
    mark = result.landmarks.iloc[0]
    assert mark["estimate"] == 1
    np.testing.assert_allclose([mark["conf_low"], mark["conf_high"]], [0.8765639, 1], atol=1e-7)
    assert "88–100" in result.summary()


def test_median_is_an_interval_and_the_naive_one_is_its_late_end(make):
    result = time_to_response(weekly(make, [1, 1, 2, 2, 2, 9, 9, 9]), "PHQ-9", n_replicates=50)
    median = result.medians.iloc[0]
    assert (median["low"], median["high"], median["estimate"]) == (7, 14, 10.5)
    assert median["naive"] == 14
    assert (median["n_patients"], median["n_events"]) == (8, 5)


def test_median_is_not_reached_when_fewer_than_half_respond(make):
    result = time_to_response(weekly(make, [1, 9, 9, 9]), "PHQ-9", n_replicates=20)
    assert result.medians["estimate"].tolist() == [INF]
    assert "fewer than half are known to have responded; the median lies after day 28" in result.summary()


def test_missed_assessment_widens_and_leaves_bounds(make):
    # P1 misses weeks 1 and 2 and is found responding in week 3: somewhere in (0, 21].
    cohort = weekly(make, [1, 1, 3, 9], skipped={("P1", 1), ("P1", 2)})
    result = time_to_response(cohort, "PHQ-9", at=(14,), n_replicates=0)
    assert result.landmarks[["n_responded", "n_unknown", "n_not_yet"]].to_numpy().tolist() == [[1, 1, 2]]


def test_exactly_known_times_give_kaplan_meier():
    # Events at 1, 3 and 4, a censoring at 2. By hand S = 3/4, then 3/4 * 1/2, then 0.
    left, right = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, INF, 3.0, 4.0])
    how = Settings(np.array([1.0, 2.0, 3.0, 3.5, 4.0]), 4.0, 0.95, 0, 1)
    one = Groups(None, (None,), np.zeros(4, dtype=int), "patients")
    tables = curves(left, right, np.zeros(4, dtype=int), one, np.array([True]), how)
    np.testing.assert_allclose(tables["landmarks"]["estimate"], [0.25, 0.25, 0.625, 0.625, 1.0], atol=1e-9)
    naive = tables["naive"].set_index("time")["estimate"]
    np.testing.assert_allclose(naive.loc[[1, 3, 4]], [0.25, 0.625, 1.0], atol=1e-12)


def test_band_and_curve_do_not_depend_on_row_order_or_on_the_names_of_patients(make):
    rng = np.random.default_rng(2)
    weeks = rng.integers(1, 7, 60)
    skipped = {(f"P{k}", int(w)) for k in range(60) for w in rng.integers(1, 5, 2)}
    cohort = weekly(make, weeks, skipped=skipped)
    once = time_to_response(cohort, "PHQ-9", n_replicates=60)

    renamed = {name: f"Q{rng.integers(10**9):09d}" for name in cohort.patients["patient_id"]}
    frames = {}
    for table in ("patients", "sessions", "scores"):
        frame = getattr(cohort, table)[
            [
                c
                for c in getattr(cohort, table).columns
                if c in ("patient_id", "hour", "route", "instrument", "score")
            ]
        ]
        frame = frame.assign(patient_id=frame["patient_id"].astype(str).map(renamed))
        frames[table] = frame.sample(frac=1, random_state=3)
    again = time_to_response(assemble(frames), "PHQ-9", n_replicates=60)
    for name in ("table", "landmarks", "medians", "masses", "naive"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(once, name))


def test_hours_and_days_are_the_same_curve(make):
    cohort = weekly(make, [1, 1, 2, 2, 4, 9, 9], instrument="Mood-NRS", points=(9, 8, 3))
    days = time_to_response(cohort, "Mood-NRS", at=(7, 14), n_replicates=30)
    hours = time_to_response(cohort, "Mood-NRS", unit="hours", at=(168, 336), n_replicates=30)
    np.testing.assert_allclose(hours.landmarks["time"], days.landmarks["time"] * 24)
    np.testing.assert_allclose(
        hours.landmarks.drop(columns="time").to_numpy(float),
        days.landmarks.drop(columns="time").to_numpy(float),
    )


def test_hours_from_an_instrument_with_a_long_recall_are_refused_with_the_reason(make):
    cohort = weekly(make, [1, 2, 9])
    with pytest.raises(
        DataError, match="PHQ-9 asks about the past 14 days, so a change within hours cannot be seen"
    ):
        time_to_response(cohort, "PHQ-9", unit="hours")
    with pytest.raises(DataError, match='choose "hours" or "days"'):
        time_to_response(cohort, "PHQ-9", unit="weeks")


def test_part_of_the_curve_inside_the_recall_is_pointed_out(make):
    notes = time_to_response(weekly(make, [1, 2, 9]), "PHQ-9", n_replicates=0).notes
    assert any("first 14 days of the curve" in note for note in notes)


def test_horizon_cuts_the_curve_and_the_landmarks(make):
    result = time_to_response(weekly(make, [1, 1, 2, 4, 9]), "PHQ-9", horizon=15, n_replicates=0)
    assert result.landmarks["time"].tolist() == [7, 14]
    assert result.table["time"].max() <= 15
    assert result.medians["n_events"].tolist() == [3]


def test_whoever_is_first_seen_after_the_horizon_without_a_response_counts_as_not_yet(make):
    # Two patients respond at 23.5 h; two are seen at 24.5 h, one responding and one not.
    scores = [(p, 0, 8) for p in "ABCD"]
    scores += [("A", 23.5, 3), ("B", 23.5, 4), ("C", 24.5, 2), ("D", 24.5, 7)]
    cohort = make([(p, 0) for p in "ABCD"], scores, instrument="Mood-NRS")
    marks = time_to_response(cohort, "Mood-NRS", unit="hours", horizon=24, n_replicates=0).landmarks
    assert marks["time"].tolist()[-1] == 24
    assert marks.iloc[-1][["n_responded", "n_unknown", "n_not_yet"]].tolist() == [2, 1, 1]


def test_groups_have_curves_of_their_own_and_small_ones_are_reported(make):
    names = [f"P{k}" for k in range(8)]
    patients = pd.DataFrame({"patient_id": names, "sex": ["F"] * 3 + ["M"] * 3 + ["other", None]})
    result = time_to_response(
        weekly(make, [1, 1, 9, 2, 9, 9, 1, 1], patients=patients), "PHQ-9", by="sex", n_replicates=20
    )
    assert result.medians["sex"].tolist() == ["F", "M"]
    assert result.landmarks.query("time == 7")["n_responded"].tolist() == [2, 0]
    notes = " ".join(result.notes)
    assert "1 patient left out: 'sex' is missing" in notes
    assert "1 group of 'sex' with fewer than 2 patients left out (1 patient)" in notes


def test_a_column_of_the_result_cannot_be_a_group(make):
    patients = pd.DataFrame({"patient_id": ["P0", "P1"], "method": ["a", "b"]})
    with pytest.raises(DataError, match="rename the column"):
        time_to_response(weekly(make, [1, 2], patients=patients), "PHQ-9", by="method")


def mixture_weibull_cohort(seed, n=400):
    """Response at T: 65 % ever respond, Weibull of scale 36 h and shape 0.9; visits +-0.1 h, 15 % missed."""
    rng = np.random.default_rng(seed)
    responds = rng.random(n) < 0.65
    time = np.where(responds, 36.0 * rng.weibull(0.9, n), INF)
    visits = np.array([4.0, 24, 48, 96, 168, 336]) + rng.normal(0, 0.1, (n, 6))
    kept = rng.random((n, 6)) >= 0.15
    names = np.array([f"P{k:04d}" for k in range(n)])
    who, when = np.nonzero(kept)
    hour = visits[who, when]
    score = np.where(hour >= time[who], 3, 8)
    scores = pd.DataFrame(
        {
            "patient_id": np.r_[names, names[who]],
            "hour": np.r_[np.full(n, -1.0), hour],
            "score": np.r_[np.full(n, 8), score],
        }
    )
    sessions = pd.DataFrame({"patient_id": names, "hour": 0.0, "route": "IV"})
    return assemble(
        {
            "patients": sessions[["patient_id"]],
            "sessions": sessions,
            "scores": scores.assign(instrument="Mood-NRS"),
        }
    )


def true_share(hours):
    return 0.65 * (1 - np.exp(-((np.asarray(hours) / 36.0) ** 0.9)))


def test_simulated_truth_in_closed_form_lies_in_the_band_at_the_planned_times():
    at = (4.0, 24.0, 48.0, 96.0, 168.0)
    result = time_to_response(
        mixture_weibull_cohort(20260101), "Mood-NRS", unit="hours", at=at, n_replicates=200
    )
    marks = result.landmarks
    assert ((marks["conf_low"] <= true_share(at)) & (true_share(at) <= marks["conf_high"])).all()
    # Halfway between visits Kaplan-Meier at detection lags: at 36 h the truth is .65 (1 - 1/e) = .411.
    naive = result.naive
    assert naive.loc[naive["time"] <= 36, "estimate"].iloc[-1] < 0.38


def test_planned_times_are_unbiased_over_thirty_simulated_cohorts():
    # Bias at most 3.3 standard errors of the mean of 30 (acceptance rule of the methods), or 0.02.
    at = np.array([4.0, 24.0, 48.0, 96.0, 168.0])
    one = Groups(None, (None,), np.zeros(1, dtype=int), "patients")
    found = []
    for seed in range(30):
        events = response_events(mixture_weibull_cohort(seed, n=150), "Mood-NRS")
        left, right = events["left"].to_numpy(), events["right"].to_numpy()
        how = Settings(at, 336.0, 0.95, 0, 1)
        tables = curves(left, right, np.zeros(left.size, dtype=int), one, np.array([True]), how)
        found.append(tables["landmarks"][["estimate", "estimate_high"]].mean(axis=1))
    found = np.array(found)
    bias = found.mean(axis=0) - true_share(at)
    assert (np.abs(bias) < np.maximum(3.3 * found.std(axis=0, ddof=1) / np.sqrt(30), 0.02)).all()


def test_community_preset_follows_the_truth_of_the_simulator():
    from ketaoutcomes.cohort.simulate import population_truth, simulate_cohort

    simulation = simulate_cohort(
        "community", 600, n_clinics=60, score_triggered=False, dropout="none", indications={"MDD": 1.0}
    )
    # The planned days of the fourth, fifth and sixth session, and a week after the last.
    result = time_to_response(simulation.cohort, "PHQ-9", by="route", at=(7, 9, 11, 18), n_replicates=200)
    marks = result.landmarks[result.landmarks["route"] == "IV"]
    truth = population_truth("community", n=10_000)
    observed = [truth.value("first_response", "PHQ-9", hour) for hour in (167.5, 215.5, 263.5, 432.0)]
    assert ((marks["conf_low"] <= observed) & (observed <= marks["conf_high"])).all()
