"""Random-effects meta-analysis of shares against metafor, closed forms and simulated truth."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from ketaoutcomes.engine.random_effects_meta import random_effects_logit
from ketaoutcomes.errors import DataError

R = json.loads((Path(__file__).resolve().parents[1] / "reference" / "count_models.json").read_text())["meta"]
FULL = os.environ.get("KETA_FULL") == "1"


@pytest.mark.parametrize(
    "row", R, ids=lambda row: f"{len(row['x'])}_{row['test']}_{row['level']}_{sum(row['x'])}"
)
def test_pooled_shares_are_metafors(row):
    # tests/reference/count_models.R: metafor 3.8-1, rma(measure = "PLO", method = "REML", test = "knha" or
    # "adhoc"); the prediction interval with k - 2 degrees of freedom from its estimates.
    found = random_effects_logit(row["x"], row["n"], level=row["level"], at_least_wald=row["test"] == "adhoc")
    same = {name: name for name in ("std_error", "tau2", "tau2_dl", "i2", "q")}
    pairs = {"log_odds": "estimate", "q_p_value": "q_p"} | same
    for name, theirs in pairs.items():
        assert getattr(found, name) == pytest.approx(row[theirs], rel=1e-9, abs=1e-10), name
    assert found.estimate == pytest.approx(expit(row["estimate"]), rel=1e-9)
    assert [found.conf_low, found.conf_high] == pytest.approx(expit([row["low"], row["high"]]), rel=1e-9)
    assert [found.predict_low, found.predict_high] == pytest.approx(expit(np.array(row["pi_k2"])), rel=1e-9)
    # metafor's own interval, with k - 1, lies within.
    narrower = expit(np.array(row["pi_k1"]))
    assert found.predict_low < narrower[0] < narrower[1] < found.predict_high


def test_sources_of_one_size_have_closed_forms():
    # Equal variances v: REML is the variance of the log odds less v, and the mean has t limits.
    n_events, n = np.array([20, 80]), np.array([100, 100])
    found = random_effects_logit(np.append(n_events, [20, 80]), np.append(n, [100, 100]))
    y = np.tile(logit([0.2, 0.8]), 2)
    v = 1 / 20 + 1 / 80
    assert found.tau2 == pytest.approx(y.var(ddof=1) - v, rel=1e-10)
    assert found.log_odds == pytest.approx(0, abs=1e-14)
    assert found.std_error == pytest.approx(np.sqrt(y.var(ddof=1) / 4), rel=1e-12)
    assert found.conf_high == pytest.approx(expit(3.182446305 * found.std_error), rel=1e-9)
    ahead = 4.302652730 * np.sqrt(found.tau2 + found.std_error**2)
    assert found.predict_high == pytest.approx(expit(ahead), rel=1e-9)
    assert found.i2 == pytest.approx(found.tau2 / (found.tau2 + v), rel=1e-10)
    np.testing.assert_allclose(found.weights, 0.25)


def test_sources_that_agree_by_chance_are_said_to():
    found = random_effects_logit([10, 10, 10], [100, 100, 100])
    assert (found.tau2, found.is_narrower, found.estimate) == (0, True, pytest.approx(0.1))
    wide = random_effects_logit([10, 10, 10], [100, 100, 100], at_least_wald=True)
    assert wide.std_error == wide.std_error_wald == pytest.approx((1 / 10 + 1 / 90) ** 0.5 / 3**0.5)
    assert not wide.is_narrower


def test_a_source_without_events_is_corrected_and_said_to_be():
    found = random_effects_logit([0, 5, 9, 12], [20, 50, 60, 12])
    assert found.corrected.tolist() == [True, False, False, True]
    # 0.5 is added on both sides of those two sources only, in the log odds and in their variances.
    events, others = np.array([0.5, 5, 9, 12.5]), np.array([20.5, 45, 51, 0.5])
    w = 1 / (1 / events + 1 / others + found.tau2)
    np.testing.assert_allclose(found.weights, w / w.sum(), rtol=1e-12)
    assert found.log_odds == pytest.approx(found.weights @ np.log(events / others), rel=1e-12)
    assert 0 < found.conf_low < found.estimate < found.conf_high < 1


def test_events_and_their_absence_mirror_each_other():
    x, n = np.array([0, 4, 11, 30]), np.array([25, 60, 66, 140])
    found, other = random_effects_logit(x, n), random_effects_logit(n - x, n)
    assert found.conf_low == pytest.approx(1 - other.conf_high, rel=1e-12)
    assert found.tau2 == pytest.approx(other.tau2, rel=1e-10)


@pytest.mark.parametrize(
    "n_events, n, message",
    [
        ([1, 2], [10, 20], "3 sources or more"),
        ([1, 2, 3], [10, 20], "same length"),
        ([1, 2, 3], [10, 20, 0], "no patients"),
        ([1, 2, 30], [10, 20, 20], "more events than patients"),
        ([1, 2.5, 3], [10, 20, 30], "whole numbers"),
        ([1, np.nan, 3], [10, 20, 30], "whole numbers"),
    ],
)
def test_malformed_sources_are_refused(n_events, n, message):
    with pytest.raises(DataError, match=message):
        random_effects_logit(n_events, n)


def test_intervals_hold_the_simulated_truth():
    # 8 sources of 300 to 2,000 patients, log odds -1.5 with a standard deviation of 0.5; one more source.
    generator, replicates = np.random.default_rng(31), 4000 if FULL else 200
    held = np.zeros(2)
    for _ in range(replicates):
        n, log_odds = generator.integers(300, 2000, 8), generator.normal(-1.5, 0.5, 9)
        found = random_effects_logit(generator.binomial(n, expit(log_odds[:8])), n)
        held += [
            found.conf_low <= expit(-1.5) <= found.conf_high,
            found.predict_low <= expit(log_odds[8]) <= found.predict_high,
        ]
    # Four Monte-Carlo standard errors, and 0.01 for k - 2 degrees of freedom, which are a convention.
    assert (np.abs(held / replicates - 0.95) < 0.01 + 4 * np.sqrt(0.95 * 0.05 / replicates)).all()
