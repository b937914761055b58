"""A randomised ketamine trial brought in as a clinic would, against R.

Data: NIMH ketamine mechanism of action, OpenNeuro ds005917 (CC0), MDD only, MADRS. Expected numbers:
R 4.2.2, tests/reference/nimh_madrs.R (prop.test without correction is the Wilson interval).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.cohort.read import load_cohort

# From b0, about two days before the first infusion; day 2 and day 10 after ketamine (d) and after placebo
# (p).
HOURS = {"b0": -48, "d2": 48, "d10": 240, "p2": 48, "p10": 240}


@pytest.fixture(scope="module")
def expected():
    return json.loads((Path(__file__).resolve().parents[1] / "reference" / "nimh_madrs.json").read_text())


@pytest.fixture(scope="module")
def mdd(shared):
    """People with MDD, and their scores; missing ones and the empty session are dropped."""
    folder = shared / "data" / "nimh_ketamine_moa_ds005917"
    people = pd.read_csv(folder / "participants.tsv", sep="\t", na_values="n/a", keep_default_na=False)
    seen = pd.read_csv(folder / "phenotype.tsv", sep="\t", na_values="n/a", keep_default_na=False)
    people = people[people["group"] == "MDD"]
    seen = seen[seen["participant_id"].isin(people["participant_id"])].dropna(
        subset=["session_id", "MADRS_Total"]
    )
    assert len(people) == 33
    return people, seen


def write(folder, people, seen, sessions):
    """The three tables of a clinic, as CSV files."""
    codes = {name: f"N{place:03d}" for place, name in enumerate(people["participant_id"], 1)}
    treated = people["participant_id"].map(codes)
    pd.DataFrame({"patient_id": treated, "sex": people["sex"]}).to_csv(folder / "patients.csv", index=False)
    pd.DataFrame({"patient_id": treated, "hour": 0, "route": "IV"}).to_csv(
        folder / "sessions.csv", index=False
    )
    rows = seen[seen["participant_id"].isin(people["participant_id"])].copy()
    rows["session"] = rows["session_id"].str.removeprefix("ses-")
    rows = rows[rows["session"].isin(sessions)]
    pd.DataFrame(
        {
            "patient_id": rows["participant_id"].map(codes),
            "instrument": "MADRS",
            "hour": rows["session"].map(HOURS),
            "score": rows["MADRS_Total"],
        }
    ).to_csv(folder / "scores.csv", index=False)
    return load_cohort(folder)


def arm(mdd, folder, letter):
    """One arm: who had that infusion in either period. Response is against b0."""
    people, seen = mdd
    had = (people["infusion_1"] == letter) | (people["infusion_2"] == letter)
    return write(folder, people[had], seen, ["b0", f"{letter}2", f"{letter}10"])


@pytest.mark.parametrize(
    ("letter", "day", "key", "n_events", "n"),
    [
        ("d", "day_2", "d2", 6, 27),
        ("d", "day_10", "d10", 3, 26),
        ("p", "day_2", "p2", 1, 26),
        ("p", "day_10", "p10", 0, 26),
    ],
)
def test_response_of_each_arm_is_that_of_r(mdd, expected, tmp_path, letter, day, key, n_events, n):
    cohort = arm(mdd, tmp_path, letter)
    table = response_rates(cohort, "MADRS", at=day).table.set_index("denominator")
    row = table.loc["scored"]
    assert (row["n_events"], row["n"], row["n_missing"]) == (n_events, n, 0)
    reference = expected[f"{key}_response_95"]
    assert (reference["x"], reference["n"]) == (n_events, n)
    np.testing.assert_allclose(
        [row["conf_low"], row["conf_high"]], [reference["low"], reference["high"]], atol=1e-9
    )
    # Those who started and have no score count as no response in the lower bound.
    assert table.loc["starters", "n_events"] == n_events
    assert table.loc["starters", "n"] == cohort.n_patients
    assert table.loc["starters", "n_missing"] == cohort.n_patients - n


def test_another_level_is_that_of_r(mdd, expected, tmp_path):
    table = response_rates(arm(mdd, tmp_path, "d"), "MADRS", at="day_2", level=0.9).table
    row = table[table["denominator"] == "scored"].iloc[0]
    reference = expected["d2_response_90"]
    np.testing.assert_allclose(
        [row["conf_low"], row["conf_high"]], [reference["low"], reference["high"]], atol=1e-9
    )


def test_observed_course_is_that_of_r(mdd, expected, tmp_path):
    people, seen = mdd
    # All 33, session 1 standing for entry into the trial; one has every score missing.
    course = trajectory(write(tmp_path, people, seen, ["b0", "d2", "d10"]), "MADRS", at=(0, 2, 10)).table
    assert course["n"].tolist() == [32, 27, 26]
    np.testing.assert_allclose(course["observed"], [33.375, 23.592592592593, 28.230769230769], atol=1e-9)
    np.testing.assert_allclose(course["sd"], [4.57024034097, 10.3152585234, 8.94117527983], atol=1e-8)
    assert [expected[f"{key}_mean"]["n"] for key in ("b0", "d2", "d10")] == [32, 27, 26]


def test_the_course_of_the_mixed_model_is_that_of_r(mdd, tmp_path):
    people, seen = mdd
    reference = json.loads(
        (Path(__file__).resolve().parents[1] / "reference" / "nimh_course.json").read_text()
    )
    course = trajectory(write(tmp_path, people, seen, ["b0", "d2", "d10"]), "MADRS", at=(0, 2, 10))
    # Two columns of a spline and the intercept pass through three means, as the days of R's model do; fewer
    # than 50 patients, so Kenward-Roger. lme4 reports the same boundary: a correlation of 1.
    assert course.model.formula.endswith("(1 + after | patient_id)")
    assert course.model.singular
    assert reference["singular"]
    assert any("correlation" in note and "+1" in note for note in course.notes)
    # lme4 stops where its criterion is flat, some 1e-6 of a standard deviation away.
    for ours, theirs in (("estimate", "emmean"), ("conf_low", "low"), ("conf_high", "high")):
        np.testing.assert_allclose(course.table[ours], reference[theirs], atol=2e-4)


def test_madrs_looks_back_a_week_which_the_result_says(mdd, tmp_path):
    result = response_rates(arm(mdd, tmp_path, "d"), "MADRS", at="day_2")
    assert any("asks about the past 7 days" in note for note in result.notes)


def test_first_response_by_day_10_counts_patients_seen_to_respond(mdd, tmp_path):
    # 6 of 27 scored respond at day 2 and 3 of 26 at day 10; whoever responded at day 2 has responded for
    # the first time then, so the curve cannot lie below the share at day 2.
    curve = time_to_response(arm(mdd, tmp_path, "d"), "MADRS", at=(2, 10), n_replicates=50)
    responded = curve.landmarks.set_index("time")["n_responded"]
    assert responded[2] == 6
    assert responded[10] >= 6
    assert curve.gap < 1e-8
