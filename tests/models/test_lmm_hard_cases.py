"""Cases in which mixed models have been known to give a plausible wrong number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.margins import marginal_means
from ketaoutcomes.analysis.mixed import lmm

# Made up: group, time, response.
LOCAL = [
    (0, 3.0, -9.144144545023886),
    (1, 3.0, -5.435821564220136),
    (2, 4.0, 0.6798597644190612),
    (3, 1.0, 1.0305265104449668),
    (3, 2.0, 1.910517912745389),
    (4, 0.0, 2.3612555328656137),
    (4, 0.0, 0.4840483312282946),
    (5, 2.0, -1.6647751955857357),
    (5, 3.0, -1.07256281966217),
    (6, 1.0, -3.3916961659532876),
    (6, 2.0, -1.7317227950242884),
    (6, 4.0, 2.117833072337686),
    (7, 0.0, -1.6794646872111414),
    (7, 4.0, 3.971071240384145),
    (7, 2.0, 2.184247033015927),
]


def with_an_empty_cell(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(30), 5)
    arm = np.array(["A", "B", "C"])[patient % 3]
    visit = np.where(random.random(150) < 0.5, "x", "y")
    visit[arm == "C"] = "x"
    day = random.integers(0, 60, 150).astype(float)
    score = 15 + random.normal(0, 2, 30)[patient] + random.normal(size=150)
    return pd.DataFrame({"id": patient, "arm": arm, "visit": visit, "day": day, "score": score})


@pytest.mark.parametrize("scale", [1.0, 86_400.0])
@pytest.mark.parametrize("origin", [0.0, 1.6e9])
def test_a_cell_without_rows_has_no_mean_however_large_another_column_is(scale, origin):
    data = with_an_empty_cell(1)
    data["day"] = origin + scale * data["day"]
    fit = lmm("score ~ arm * visit + day + (1 | id)", data)
    means = marginal_means(fit, ["arm", "visit"]).table.set_index(["arm", "visit"])["estimate"]
    assert means.isna().tolist() == [False, False, False, False, False, True]
    tests = fit.anova().set_index("term")["statistic"]
    # With an empty cell no main effect is averaged over both visits; the day's is still known.
    assert tests.isna().tolist() == [True, True, False, True]


def test_an_interaction_without_main_effects_is_tested_without_the_intercept():
    data = with_an_empty_cell(2)
    data["score"] += 50
    data = data[data["arm"] != "C"]
    fit = lmm("score ~ arm:visit + (1 | id)", data)
    rows = fit.anova()
    # Four cells, three differences. The scores are far from 0, which must not count.
    assert rows["num_df"].tolist() == [3]
    same = lmm("score ~ arm * visit + (1 | id)", data)
    joint = same.joint(np.eye(4)[1:])
    assert rows["statistic"][0] == pytest.approx(joint["statistic"], rel=1e-6)
    assert rows["statistic"][0] < 10


def test_of_two_minima_the_lower_one_is_found():
    # 15 rows of 8 groups; lme4 1.1-31 (R 4.2.2) with its default optimiser finds the REML criterion 65.0328,
    # with bobyqa the higher minimum 66.8358.
    data = pd.DataFrame(LOCAL, columns=["id", "t", "y"])
    fit = lmm("y ~ t + (1 + t | id)", data)
    assert fit.deviance == pytest.approx(65.0328, abs=1e-4)


def test_weights_are_named_wherever_the_fit_is_described():
    data = with_an_empty_cell(3).assign(w=2.0)
    fit = lmm("score ~ day + (1 | id)", data, weights="w")
    assert fit.provenance["arguments"]["weights"] == "w"
    assert "Weighted by w" in fit.summary()
    assert "with one variance" not in fit.summary()
    assert "Weighted" not in lmm("score ~ day + (1 | id)", data).summary()


def test_limits_for_a_row_of_a_new_patient_are_wider_in_a_small_study():
    random = np.random.default_rng(4)
    patient = np.repeat(np.arange(10), 6)
    data = pd.DataFrame({"id": patient, "score": random.normal(0, 2, 10)[patient] + random.normal(size=60)})
    new = pd.DataFrame({"id": [99]})
    fit, plain = (lmm("score ~ 1 + (1 | id)", data, df=df) for df in ("satterthwaite", "normal"))
    one, two = (each.predict(new, random=False, interval="prediction").iloc[0] for each in (fit, plain))
    # Balanced: the variance of a new row is M_between (1 + 1/m) / n + M_within (1 - 1/n), and its df are
    # Satterthwaite's for a sum of independent mean squares.
    n, m = 6, 10
    means = data.groupby("id")["score"].mean()
    between = n * means.var()
    within = data.groupby("id")["score"].var().mean()
    parts = np.array([between * (1 + 1 / m) / n, within * (1 - 1 / n)])
    df = parts.sum() ** 2 / (parts**2 / [m - 1, m * (n - 1)]).sum()
    assert one["std_error"] ** 2 == pytest.approx(parts.sum(), rel=1e-6)
    from scipy.special import stdtrit

    assert (one["conf_high"] - one["estimate"]) / one["std_error"] == pytest.approx(
        stdtrit(df, 0.975), rel=1e-5
    )
    assert (two["conf_high"] - two["estimate"]) / two["std_error"] == pytest.approx(1.959964, abs=1e-6)


def test_what_is_odd_about_the_data_stands_in_the_notes():
    data = with_an_empty_cell(5)
    data["yes"] = (data["score"] > 15) * 1
    fit = lmm("yes ~ day + (1 | id)", data)
    assert "Beware: the response has two values; a logistic model fits them better." in fit.notes
