"""A course in two straight lines, against scores that were made from two straight lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.course_lines import course_lines
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.errors import DataError

DAYS = (0, 2, 4, 7, 14, 28, 42, 56, 84)
DROP, SLOPE, SPREAD = 16.0, 0.5, (3.0, 4.0, 0.3)


def lines_cohort(seed, n, *, turn, routes=None, route_drop=0.0):
    """MADRS from 34 down by 16 to day `turn`, then up by 0.5 per week; patients deviate from both."""
    generator = np.random.default_rng(seed)
    day = np.asarray(DAYS, float)
    early, later = np.minimum(day, turn) / turn, np.maximum(day - turn, 0) / 7
    level, first, second = (generator.normal(0, sd, (n, 1)) for sd in SPREAD)
    routes = np.array(["IV"] * n) if routes is None else routes
    extra = np.where(routes == "IM", route_drop, 0.0)[:, None]
    mean = 34.0 + level + (extra + first - DROP) * early + (SLOPE + second) * later
    points = np.clip(np.round(mean + generator.normal(0, 2.0, mean.shape)), 1, 60)
    names = np.array([f"P{number:04d}" for number in range(n)])
    scores = pd.DataFrame(
        {
            "patient_id": np.repeat(names, day.size),
            "instrument": "MADRS",
            "hour": np.tile(day * 24.0, n),
            "score": points.ravel(),
            "timing": np.tile(np.where(day == 0, "pre", "remote"), n),
        }
    )
    sessions = pd.DataFrame({"patient_id": names, "hour": 0.0, "route": routes})
    patients = pd.DataFrame({"patient_id": names})
    return assemble({"patients": patients, "sessions": sessions, "scores": scores}, {})


@pytest.mark.parametrize("turn", [7.0, 14.0])
def test_the_lines_meet_where_they_were_made_to_meet_and_the_changes_are_found(turn):
    found = course_lines(lines_cohort(1, 150, turn=turn), "MADRS")
    assert found.turn == turn
    for name, truth in (("early", -DROP), ("later", SLOPE)):
        row = found.row(name)
        # Four standard errors: a chance of 1 in 16,000 for a fixed seed.
        assert abs(row["estimate"] - truth) < 4 * row["std_error"]
        assert row["std_error"] < 0.5


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    hits = 0
    for seed in range(40):
        row = course_lines(lines_cohort(seed, 25, turn=7.0), "MADRS").row("early")
        hits += row["conf_low"] <= -DROP <= row["conf_high"]
    # Binomial(40, 0.95): below 34 has probability 0.003.
    assert hits >= 34


def test_the_standard_deviations_of_patients_are_found():
    found = course_lines(lines_cohort(3, 400, turn=7.0), "MADRS").fit.variance_components
    sd = found[found["term_2"].isna()].set_index("term_1")["sd_or_corr"]
    # The relative error of an SD from 400 patients is about 1 / sqrt(800) = 4%; four of them.
    np.testing.assert_allclose(sd[["(Intercept)", "early"]], SPREAD[:2], rtol=0.16)


def test_routes_with_eleven_patients_have_terms_and_rarer_ones_are_together():
    routes = np.array(["IV"] * 60 + ["IM"] * 30 + ["SL"] * 6 + ["IN"] * 4)
    found = course_lines(lines_cohort(4, 100, turn=7.0, routes=routes, route_drop=5.0), "MADRS")
    assert found.routes == (("IV", 60), ("IM", 30), ("other route", 10))
    row = found.row("early:routeIM")
    assert abs(row["estimate"] - 5.0) < 4 * row["std_error"]
    assert row["n"] == 30
    assert row["term"] == "Change to day 7, IM less IV"


def test_one_common_route_is_no_term():
    routes = np.array(["IV"] * 90 + ["IM"] * 10)
    found = course_lines(lines_cohort(5, 100, turn=7.0, routes=routes), "MADRS")
    assert found.routes == ()
    assert list(found.fit.params.index) == ["(Intercept)", "early", "later"]


def test_the_lines_are_the_mean_of_the_routes_by_their_patients():
    routes = np.array(["IV"] * 60 + ["IM"] * 40)
    found = course_lines(lines_cohort(6, 100, turn=7.0, routes=routes, route_drop=5.0), "MADRS")
    start, fixed = found.lines().iloc[0], found.fit.params
    assert np.isclose(start["estimate"], fixed["(Intercept)"] + 0.4 * fixed["routeIM"])


def test_too_few_patients_are_refused_without_a_value():
    with pytest.raises(DataError, match="9 patients have a baseline score; the model takes 10 or more"):
        course_lines(lines_cohort(7, 9, turn=7.0), "MADRS")
