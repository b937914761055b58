"""Gaps between sessions: medians by hand, open gaps, the trend within patients, the longest gap."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.maintenance import maintenance_intervals
from ketaoutcomes.analysis.maintenance_tables import _quantiles, gap_table, trend
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.derive.sessions import session_table
from ketaoutcomes.engine.survival import kaplan_meier
from ketaoutcomes.errors import DataError

DAY = 24.0
HOW = {"level": 0.95, "n_replicates": 200, "seed": 7}


def gap_frame(rows):
    """Gaps as `gap_set` gives them, from (patient, days, closed)."""
    frame = pd.DataFrame(rows, columns=["patient_id", "exact_days", "closed"])
    frame = frame.assign(days=np.maximum(np.floor(frame["exact_days"] + 0.5), 1))
    frame["number"] = frame.groupby("patient_id").cumcount() + 1
    return frame.assign(patient_id=frame["patient_id"].astype("category"))


def by_measure(table):
    return table.set_index("measure")


def one_patient_per_gap(days, closed):
    return gap_frame([(f"P{k:03d}", day, end) for k, (day, end) in enumerate(zip(days, closed, strict=True))])


# ---------------------------------------------------------------- length


def test_open_gaps_count_as_censored():
    table = by_measure(
        gap_table(one_patient_per_gap([7, 14, 21, 10, 30], [True, True, True, False, False]), **HOW)
    )
    # Of 5, one is closed at day 7 (4/5 left), one of 3 at day 14 (8/15), one of 2 at day 21 (4/15).
    assert table.loc["closed gaps", "estimate"] == 14
    assert table.loc["open gaps counted", "estimate"] == 21
    assert table.loc["open gaps counted", ["p25", "p75"]].tolist() == [14, np.inf]
    assert table.loc["closed gaps", ["n", "n_events", "n_patients"]].tolist() == [3, 3, 3]
    assert table.loc["open gaps counted", ["n", "n_events", "n_patients"]].tolist() == [5, 3, 5]


def test_without_open_gaps_both_medians_are_the_ordinary_one():
    days = np.random.default_rng(1).integers(3, 60, 40)
    table = by_measure(gap_table(one_patient_per_gap(days, [True] * 40), **HOW))
    assert table.loc["closed gaps", "estimate"] == np.median(days)
    assert table.loc["open gaps counted", "estimate"] == np.median(days)


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_with_open_gaps_are_those_of_the_kaplan_meier_curve(seed):
    # The engine's curve and median are checked against R in tests/engine.
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 30, 60).astype(float), rng.random(60) < 0.6
    weights = np.vstack([np.ones(60), rng.integers(0, 3, (20, 60))]).astype(float)
    found = _quantiles(time, event, weights, (0.25, 0.5))
    for row, weight in zip(found, weights, strict=True):
        used = weight > 0
        curve = kaplan_meier(time[used], event[used], weights=weight[used])
        assert row[1] == curve.median
        below = np.flatnonzero(curve.survival < 0.75 + 1e-9)
        if abs(curve.survival[below[0]] - 0.75) > 1e-9:
            assert row[0] == curve.time[below[0]]


def test_limits_hold_the_median_and_are_those_of_patients_not_of_gaps():
    rng = np.random.default_rng(3)
    own = rng.integers(7, 60, 30)
    # Ten equal gaps each: as single gaps they would be 300 witnesses, and are 30.
    table = by_measure(
        gap_table(gap_frame([(f"P{k:02d}", own[k], True) for k in range(30) for _ in range(10)]), **HOW)
    )
    alone = by_measure(gap_table(one_patient_per_gap(own, [True] * 30), **HOW))
    row, single = table.loc["closed gaps"], alone.loc["closed gaps"]
    assert row["conf_low"] <= row["estimate"] <= row["conf_high"]
    assert row["conf_high"] - row["conf_low"] == single["conf_high"] - single["conf_low"]


def test_a_single_patient_has_no_limits():
    table = gap_table(gap_frame([("A", 7, True), ("A", 14, True)]), **HOW)
    assert table["conf_low"].isna().all()
    assert table["estimate"].iloc[0] == 10.5


def test_an_upper_limit_that_is_not_reached_is_infinite():
    closed = [True] * 12 + [False] * 10
    table = by_measure(gap_table(one_patient_per_gap([7] * 12 + [60] * 10, closed), **HOW))
    assert table.loc["open gaps counted", "estimate"] == 7
    assert table.loc["open gaps counted", "conf_high"] == np.inf


def test_spread_within_patients_is_the_median_of_their_own_quartile_distances():
    gaps = {"A": [7, 7, 14, 21, 28], "B": [10, 10, 10, 10], "C": [7, 90, 7]}
    table = by_measure(gap_table(gap_frame([(k, d, True) for k, days in gaps.items() for d in days]), **HOW))
    own = [np.subtract(*np.quantile(gaps[name], (0.75, 0.25))) for name in "AB"]
    # C has too few gaps for quartiles of its own.
    assert table.loc["spread within a patient", "estimate"] == np.median(own) == 7
    assert table.loc["spread within a patient", ["n", "n_patients"]].tolist() == [9, 2]


def test_the_seed_and_nothing_else_decides_the_limits(sample):
    cohort = load_cohort(sample)
    once = maintenance_intervals(cohort, n_replicates=50)
    again = maintenance_intervals(cohort, n_replicates=50)
    other = maintenance_intervals(cohort, n_replicates=50, seed=5)
    pd.testing.assert_frame_equal(once.table, again.table)
    assert not once.table["conf_low"].equals(other.table["conf_low"])
    assert maintenance_intervals(cohort, n_replicates=0).table["conf_low"].isna().all()


# ---------------------------------------------------------------- trend


def test_the_trend_is_the_slope_within_patients():
    rng = np.random.default_rng(11)
    rows = [
        (f"P{k:02d}", float(np.exp(rng.normal(3, 0.4))), True)
        for k in range(25)
        for _ in range(rng.integers(1, 9))
    ]
    frame = gap_frame(rows)
    row, reason = trend(frame, level=0.95)
    # No slopes of patients' own are drawn here, and none is seen. A covariate that adds up to 0 in each
    # patient is orthogonal to the random intercept: least squares within patients gives the same slope.
    log_gap = np.log(frame["days"])
    names = frame["patient_id"].astype(str)
    own = frame["number"] - frame.groupby(names)["number"].transform("mean")
    slope = (own * log_gap).sum() / (own**2).sum()
    assert reason == "one slope for all patients, as none of their own is seen in these gaps"
    np.testing.assert_allclose(row["estimate"], np.expm1(slope), rtol=1e-7)
    several = frame.groupby(names)["number"].transform("size") > 1
    assert row["n"] == several.sum()
    assert row["n_patients"] == names[several].nunique()
    assert row["direction"] == "no clear trend"


def test_gaps_that_grow_by_a_tenth_are_lengthening():
    rng = np.random.default_rng(2)
    rows = [
        (f"P{k:02d}", 1000 * 1.1**j * np.exp(rng.normal(0, 0.05)), True) for k in range(30) for j in range(6)
    ]
    row, _ = trend(gap_frame(rows), level=0.95)
    assert row["direction"] == "lengthening"
    assert row["conf_low"] < 0.1 < row["conf_high"]
    assert 0 <= row["p_value"] < 1e-6
    shorter, _ = trend(gap_frame([(a, 1e6 / b, c) for a, b, c in rows]), level=0.95)
    assert shorter["direction"] == "shortening"
    # The inverse but for rounding by half a day in 1,000 and in 550 at least: with places -2.5 to 2.5 that
    # moves no patient's slope by more than 9 (0.0005 + 0.0009) / 17.5.
    np.testing.assert_allclose(np.log1p(shorter["estimate"]), -np.log1p(row["estimate"]), atol=0.00073)


def test_patients_with_short_gaps_who_have_more_of_them_are_no_shortening():
    """Without any trend the slope over all gaps of a year is below 0, and that within patients is not."""
    rng = np.random.default_rng(5)
    within, pooled = [], []
    for _ in range(40):
        rows = []
        for k in range(60):
            middle = np.exp(rng.normal(np.log(21), 0.6))
            ends = np.cumsum(middle * np.exp(rng.normal(0, 0.3, 200)))
            days = np.diff(ends[ends < 365], prepend=0)
            rows += [(f"P{k:02d}", day, True) for day in days]
        frame = gap_frame(rows)
        within.append(np.log1p(trend(frame, level=0.95)[0]["estimate"]))
        pooled.append(np.polyfit(frame["number"], np.log(frame["exact_days"]), 1)[0])
    error = np.std(within, ddof=1) / np.sqrt(len(within))
    assert abs(np.mean(within)) < 4 * error
    assert np.mean(pooled) < -0.02


def test_names_of_patients_do_not_move_the_limits(sample, tmp_path):
    names = pd.read_csv(sample / "patients.csv")["patient_id"].tolist()
    renamed = dict(zip(names, [f"Q{k:04d}" for k in reversed(range(len(names)))], strict=True))
    for file in sample.glob("*"):
        shutil.copy(file, tmp_path / file.name)
    for file in tmp_path.glob("*.csv"):
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
        if "patient_id" in rows:
            rows["patient_id"] = rows["patient_id"].map(renamed)
            rows.iloc[::-1].to_csv(file, index=False)
    once, again = (
        maintenance_intervals(load_cohort(folder), "PHQ-9", by="clinic_id", n_replicates=40)
        for folder in (sample, tmp_path)
    )
    for name in ("table", "longest", "still"):
        pd.testing.assert_frame_equal(getattr(once, name), getattr(again, name))
    pd.testing.assert_frame_equal(once.trend, again.trend, rtol=1e-6)


def test_a_column_in_place_of_the_instrument_is_pointed_to_by(sample):
    with pytest.raises(DataError, match='use by="clinic_id"'):
        maintenance_intervals(load_cohort(sample), "clinic_id")
    with pytest.raises(DataError, match="no instrument of that name"):
        maintenance_intervals(load_cohort(sample), "shoe size")


def test_a_trend_needs_two_patients_with_two_gaps():
    row, reason = trend(gap_frame([("A", 7, True), ("A", 9, True), ("B", 14, True)]), level=0.95)
    assert np.isnan(row["estimate"])
    assert row["direction"] == ""
    assert "fewer than 2 patients" in reason


def test_gaps_that_are_all_alike_have_no_trend_and_no_error():
    row, reason = trend(gap_frame([(name, 7.0, True) for name in "ABC" for _ in range(4)]), level=0.95)
    assert np.isnan(row["estimate"])
    assert reason == "the gaps do not vary enough for a model of them"


def test_fewer_than_20_patients_give_no_p_value():
    rng = np.random.default_rng(8)
    rows = [(f"P{k:02d}", np.exp(rng.normal(3, 0.3)), True) for k in range(19) for _ in range(4)]
    assert np.isnan(trend(gap_frame(rows), level=0.95)[0]["p_value"])


# ---------------------------------------------------------------- longest gap


def responders(make, n, losses, last_day):
    """`n` patients with sessions on days 0 and 400, assessed daily from day 1 to `last_day` on.

    losses: how many are first found lost on a day.
    """
    lost_on = [day for day, number in losses.items() for _ in range(number)]
    lost_on += [np.inf] * (n - len(lost_on))
    sessions, scores = [], []
    for k, lost in enumerate(lost_on):
        name = f"P{k:03d}"
        sessions += [
            (name, {"hour": 0, "phase": "induction"}),
            (name, {"hour": 400 * DAY, "phase": "maintenance"}),
        ]
        scores.append((name, -1, 20))
        scores += [(name, day * DAY, 15 if day >= lost else 5) for day in range(1, last_day + 1)]
    return make(sessions, scores)


def test_the_longest_gap_is_the_last_day_before_the_limit_falls_below_the_share(make):
    cohort = responders(make, 100, {10: 8, 20: 30}, 30)
    result = maintenance_intervals(cohort, "PHQ-9", n_replicates=200)
    row = result.longest.iloc[0]
    # 92 of 100 keep the response from day 10 on (lower limit about 0.86), 62 of them from day 20 on.
    assert row["estimate"] == 19
    assert row["identified"]
    np.testing.assert_allclose(row["share"], 0.92)
    assert 0.8 < row["share_low"] < 0.92
    assert row[["n", "n_events", "n_patients"]].tolist() == [100, 38, 100]
    curve = result.still.set_index("time")["estimate"]
    np.testing.assert_allclose(curve.loc[[9, 10, 19, 20]], [1, 0.92, 0.92, 0.62])


def test_a_higher_share_makes_the_longest_gap_shorter(make):
    cohort = responders(make, 100, {10: 8, 20: 30}, 30)
    assert maintenance_intervals(cohort, "PHQ-9", keep=0.9, n_replicates=200).longest["estimate"].item() == 9


def test_beyond_what_anybody_is_followed_the_longest_gap_is_not_identified(make):
    result = maintenance_intervals(responders(make, 40, {}, 30), "PHQ-9", n_replicates=50)
    row = result.longest.iloc[0]
    # Without a loss among 40 the exact lower limit is .025^(1/40) = 0.912.
    assert row["estimate"] == 30
    assert not row["identified"]
    np.testing.assert_allclose(row["share_low"], 0.025 ** (1 / 40))
    assert "beyond which it is not identified" in result.summary()


def test_too_few_patients_for_the_limit_have_no_longest_gap(make):
    result = maintenance_intervals(responders(make, 10, {}, 30), "PHQ-9", n_replicates=50)
    # .025^(1/10) = 0.69: ten of ten are too few to be sure of 80 %.
    assert np.isnan(result.longest["estimate"].item())
    assert "none, the limit is lower from the first day on" in result.summary()


def test_without_limits_there_is_no_longest_gap(make):
    result = maintenance_intervals(responders(make, 40, {}, 30), "PHQ-9", n_replicates=0)
    assert np.isnan(result.longest["estimate"].item())
    assert "not identified" in result.summary()
    assert any("needs the lower limit" in note for note in result.notes)


# ---------------------------------------------------------------- the whole result


def test_medians_of_the_sample_clinic_are_those_of_pandas(sample):
    cohort = load_cohort(sample)
    table = session_table(cohort)
    names = table["patient_id"].astype(str)
    last = table[table["last_induction"]].assign(name=names)[["name", "session"]].set_index("name")["session"]
    gap = -table.groupby(names)["hour"].diff(-1) / DAY
    kept = gap[(table["session"] >= names.map(last)) & gap.notna()]
    days = np.floor(kept + 0.5)
    result = maintenance_intervals(cohort, n_replicates=20)
    row = by_measure(result.table).loc["closed gaps"]
    assert row["estimate"] == days.median()
    assert row["n"] == len(days)
    order = days.groupby(names[kept.index]).cumcount() + 1
    expected = days.groupby(order).agg(["size", "median"])
    shown = result.gaps_by_session.set_index("number")
    assert shown["n"].tolist() == expected.loc[expected["size"] >= 5, "size"].tolist()
    assert shown["estimate"].tolist() == expected.loc[expected["size"] >= 5, "median"].tolist()


def test_each_clinic_is_as_it_would_be_alone(sample):
    cohort = load_cohort(sample)
    split = maintenance_intervals(cohort, by="clinic_id", n_replicates=20)
    whole = maintenance_intervals(cohort, n_replicates=20)
    closed = split.table[split.table["measure"] == "closed gaps"]
    assert closed["clinic_id"].is_unique
    assert closed["n"].sum() == by_measure(whole.table).loc["closed gaps", "n"]
    assert split.trend["n"].sum() == whole.trend["n"].sum()


def test_open_gaps_and_what_closed_them_are_in_the_notes(make):
    disposition = pd.DataFrame([{"patient_id": "A", "hour": 300, "status": "stopped"}])
    cohort = make(
        [("A", 0), ("A", 168), ("B", 0), ("B", 168)], [("A", 0, 20), ("B", 400, 5)], disposition=disposition
    )
    notes = " ".join(maintenance_intervals(cohort, from_session=1, n_replicates=20).notes)
    assert "2 open gaps: 1 still open where the records end, 1 ended by a stop." in notes


def test_words_do_not_claim_a_cause(sample):
    text = maintenance_intervals(load_cohort(sample), "PHQ-9", n_replicates=20).summary()
    assert not [word for word in ("effect", "because of", "leads to", "recommend", "should") if word in text]
    assert "Uncontrolled: associated with, not caused by." in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": 80}, "keep is the share"),
        ({"keep": True}, "keep is the share"),
        ({"level": 95}, "level is a share"),
        ({"n_replicates": -1}, "n_replicates"),
        ({"from_session": 0}, "from_session"),
        ({"by": "colour"}, "no column"),
        ({"by": "number"}, "name of a column of the result"),
        ({"by": "shoe"}, "leaves no group of at least 2 patients"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(make, options, words):
    people = pd.DataFrame({"patient_id": ["A", "B"], "shoe": ["left", "right"]})
    sessions = [("A", 0), ("A", 168), ("B", 0), ("B", 168)]
    cohort = make(sessions, [("A", 0, 20)], patients=people)
    with pytest.raises(DataError, match=words):
        maintenance_intervals(cohort, **({"from_session": 1} | options))
