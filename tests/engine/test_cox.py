"""Cox models of (start, stop] data against R, closed forms and what must not matter."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.engine.cox import baseline_hazard, cox, refitted, score_residuals
from ketaoutcomes.engine.proportional import proportionality
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def reference(root):
    """R 4.2.2, survival 3.5-3: tests/reference/recurrent.R."""
    return json.loads((root / "tests/reference/recurrent.json").read_text())


@pytest.fixture(scope="module")
def bladder(root):
    return pd.read_csv(root / "tests/reference/bladder2.csv")


def columns(bladder):
    return bladder[["rx", "size", "number"]].to_numpy(float)


def errors(cov):
    return np.sqrt(np.diag(cov))


MODELS = {
    "andersen_gill": {},
    "breslow": {"ties": "breslow"},
    "pwp_calendar": {"strata": "enum"},
    "pwp_calendar_breslow": {"strata": "enum", "ties": "breslow"},
    "pwp_gap": {"strata": "enum", "gap": True},
    "weighted": {"weights": True},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_cox_model_agrees_with_r(name, reference, bladder):
    how = MODELS[name]
    strata = bladder["enum"] if "strata" in how else None
    gap = how.get("gap", False)
    fit = cox(
        columns(bladder),
        bladder["stop"] - bladder["start"] if gap else bladder["stop"],
        bladder["event"],
        start=None if gap else bladder["start"],
        strata=strata,
        clusters=bladder["id"],
        ties=how.get("ties", "efron"),
        weights=1 + (np.arange(1, len(bladder) + 1) % 3) / 2 if "weights" in how else None,
    )
    expected = reference[name]
    assert fit.params == pytest.approx(expected["params"], abs=1e-9)
    assert errors(fit.cov) == pytest.approx(expected["std_error"], rel=1e-9)
    assert errors(fit.robust_cov) == pytest.approx(expected["robust"], rel=1e-9)
    assert [fit.loglik_null, fit.loglik] == pytest.approx(expected["loglik"], rel=1e-12)


def test_the_bladder_estimates_are_the_published_ones(bladder):
    # Printed by survival's own documentation of bladder2, Efron's ties.
    fit = cox(
        columns(bladder), bladder["stop"], bladder["event"], start=bladder["start"], clusters=bladder["id"]
    )
    assert fit.params == pytest.approx([-0.4646870, -0.0436603, 0.1749604], abs=5e-8)
    assert errors(fit.robust_cov) == pytest.approx([0.2655608, 0.0776161, 0.0630405], abs=5e-8)


def test_score_residuals_agree_with_r(reference, bladder):
    fit = cox(columns(bladder), bladder["stop"], bladder["event"], start=bladder["start"])
    residuals = score_residuals(fit, columns(bladder))
    assert residuals[:20] == pytest.approx(np.array(reference["score_residuals"]), abs=1e-9)
    assert residuals.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)


def test_the_baseline_hazard_agrees_with_r(reference, bladder):
    fit = cox(columns(bladder), bladder["stop"], bladder["event"], start=bladder["start"])
    time, _, hazard = baseline_hazard(fit)
    # R gives it at covariates 0, ours is at their means; and R has rows at censoring times too.
    at_zero = hazard / np.exp(fit.params @ fit.centre)
    expected = pd.Series(reference["baseline"]["hazard"], reference["baseline"]["time"])
    assert at_zero == pytest.approx(expected.loc[time].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("transform", ["rank", "identity"])
def test_the_test_of_proportional_hazards_agrees_with_r(transform, reference, bladder):
    x = columns(bladder)
    fit = cox(x, bladder["stop"], bladder["event"], start=bladder["start"])
    test = proportionality(fit, x, transform=transform)
    expected = reference[f"zph_{transform}"]
    assert [*test.statistic, test.joint_statistic] == pytest.approx(expected, rel=1e-7)
    assert test.df == 3


def test_the_test_of_proportional_hazards_agrees_with_r_in_strata(reference, bladder):
    x = bladder[["rx", "size"]].to_numpy(float)
    fit = cox(x, bladder["stop"], bladder["event"], start=bladder["start"], strata=bladder["enum"])
    test = proportionality(fit, x)
    assert [*test.statistic, test.joint_statistic] == pytest.approx(reference["zph_strata"], rel=1e-7)


def test_the_robust_test_of_proportional_hazards_keeps_its_size_where_rows_are_copies():
    # Each row ten times over: independent rows would count tenfold, patients do not.
    stream = np.random.default_rng(3)
    n, rejected = 60, 0
    n_tried = 100
    for _ in range(n_tried):
        x = stream.normal(size=(n, 1))
        time = stream.exponential(np.exp(-0.5 * x[:, 0]))
        patient = np.repeat(np.arange(n), 10)
        fit = cox(x[patient], time[patient], np.ones(10 * n), ties="breslow")
        rejected += proportionality(fit, x[patient], clusters=patient).joint_p_value < 0.05
    # 5 % within 4 Monte-Carlo standard errors; taken as independent, most tests reject.
    assert rejected <= n_tried * 0.05 + 4 * np.sqrt(n_tried * 0.05 * 0.95)


def test_two_groups_without_ties_have_the_closed_form_likelihood():
    # Risk sets {1, 0, 1}, {0, 1}, {1} with events of groups 1, 0, 1: score 0 gives e^2b = 1/2 ...
    # loglik = b - log(2e^b + 1) + 0 - log(1 + e^b); its derivative is 0 at e^b = 1 / sqrt(2).
    fit = cox([[1.0], [0.0], [1.0]], [1.0, 2.0, 3.0], [1, 1, 1])
    assert fit.params[0] == pytest.approx(-0.5 * np.log(2), abs=1e-9)


def test_without_covariates_the_null_likelihood_is_minus_the_log_of_the_risk_sets():
    fit = cox(np.empty((4, 0)), [1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])
    assert fit.loglik == pytest.approx(-np.log(4) - np.log(2) - np.log(1))


def test_cutting_a_row_in_two_changes_nothing(bladder):
    whole = cox(
        columns(bladder), bladder["stop"], bladder["event"], start=bladder["start"], clusters=bladder["id"]
    )
    first = bladder.assign(stop=(bladder["start"] + bladder["stop"]) / 2, event=0)
    cut = pd.concat([first, bladder.assign(start=first["stop"])])
    fit = cox(columns(cut), cut["stop"], cut["event"], start=cut["start"], clusters=cut["id"])
    assert fit.params == pytest.approx(whole.params, abs=1e-10)
    assert fit.robust_cov == pytest.approx(whole.robust_cov, rel=1e-9)


def test_order_unit_and_origin_do_not_matter(bladder):
    fit = cox(
        columns(bladder), bladder["stop"], bladder["event"], start=bladder["start"], clusters=bladder["id"]
    )
    mixed = bladder.sample(frac=1, random_state=1)
    other = cox(
        columns(mixed) * [1, 1000, 1] + [0, 1e5, 7],
        mixed["stop"] / 24,
        mixed["event"],
        start=mixed["start"] / 24,
        clusters=mixed["id"],
    )
    assert other.params * [1, 1000, 1] == pytest.approx(fit.params, abs=1e-9)
    assert errors(other.robust_cov) * [1, 1000, 1] == pytest.approx(errors(fit.robust_cov), rel=1e-8)


def test_breslow_weights_are_copies_and_weight_zero_is_absence(bladder):
    times = np.arange(len(bladder)) % 3
    copies = bladder.loc[np.repeat(bladder.index, times)]
    weighted = cox(
        columns(bladder),
        bladder["stop"],
        bladder["event"],
        start=bladder["start"],
        weights=times,
        ties="breslow",
    )
    copied = cox(columns(copies), copies["stop"], copies["event"], start=copies["start"], ties="breslow")
    assert weighted.params == pytest.approx(copied.params, abs=1e-9)
    assert weighted.loglik == pytest.approx(copied.loglik, rel=1e-12)


def test_one_row_per_cluster_gives_the_robust_covariance_of_lin_and_wei():
    stream = np.random.default_rng(5)
    x, time = stream.normal(size=(200, 2)), stream.exponential(size=200)
    fit = cox(x, time, time < 1.5, clusters=np.arange(200))
    residuals = score_residuals(fit, x)
    assert fit.robust_cov == pytest.approx(fit.cov @ residuals.T @ residuals @ fit.cov, rel=1e-10)


def test_a_row_that_does_not_start_before_it_stops_is_refused_with_a_count():
    with pytest.raises(DataError, match=r"start is not before stop.*\(2 rows\)"):
        cox(np.ones((3, 1)), [1.0, 2.0, 3.0], [1, 0, 1], start=[1.0, 2.5, 0.0])


def test_times_that_differ_by_rounding_are_tied():
    days = np.array([0.1 + 0.2, 0.3, 0.5, 0.7])
    exact = cox([[1.0], [0.0], [1.0], [0.0]], [0.3, 0.3, 0.5, 0.7], [1, 1, 1, 0])
    assert cox([[1.0], [0.0], [1.0], [0.0]], days, [1, 1, 1, 0]).params == pytest.approx(exact.params)


def test_a_group_in_which_all_events_lie_has_an_infinite_ratio():
    x = np.array([1.0, 1, 1, 0, 0, 0])[:, None]
    noise = np.array([0.3, -1.0, 0.5, 0.2, 0.9, -0.4])
    fit = cox(np.column_stack([x[:, 0], noise]), [1.0, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0])
    assert fit.infinite.tolist() == [True, False]
    assert not fit.converged


def test_a_combination_of_other_columns_is_left_out():
    stream = np.random.default_rng(7)
    x, time = stream.normal(size=(80, 2)), stream.exponential(size=80)
    fit = cox(np.column_stack([x, x.sum(axis=1), np.ones(80)]), time, np.ones(80))
    assert fit.aliased.tolist() == [False, False, True, True]
    assert fit.params[:2] == pytest.approx(cox(x, time, np.ones(80)).params, abs=1e-9)
    assert np.isnan(fit.params[2:]).all()


def test_a_column_that_is_the_same_for_all_at_risk_is_left_out():
    # The second column is 1 before time 1 and 0 after it, for everybody: the baseline hazard holds it.
    stream = np.random.default_rng(8)
    time, z = stream.exponential(size=300), stream.normal(size=300)
    early = np.minimum(time, 1.0)
    late = time > 1
    x = np.column_stack([np.append(z, z[late]), np.append(np.ones(300), np.zeros(late.sum()))])
    stop, start = np.append(early, time[late]), np.append(np.zeros(300), np.ones(late.sum()))
    event = np.append(time <= 1, np.ones(late.sum()))
    fit = cox(x, stop, event, start=start)
    assert fit.aliased.tolist() == [False, True]
    assert fit.params[0] == pytest.approx(cox(z[:, None], time, np.ones(300)).params[0], abs=1e-9)


def test_a_single_cluster_has_no_robust_covariance(bladder):
    fit = cox(columns(bladder), bladder["stop"], bladder["event"], clusters=np.zeros(len(bladder)))
    assert np.isnan(fit.robust_cov).all()


def test_no_event_is_refused():
    with pytest.raises(DataError, match="no row has an event"):
        cox(np.ones((2, 1)), [1.0, 2.0], [0, 0])


def test_a_missing_covariate_is_refused_with_a_count():
    with pytest.raises(DataError, match="missing or infinite in 1 rows"):
        cox([[np.nan], [1.0]], [1.0, 2.0], [1, 1])


@pytest.mark.parametrize("seed", range(6))
def test_a_bootstrap_sample_refitted_is_the_model_of_its_copied_rows(bladder, seed):
    x, patient = columns(bladder), np.unique(bladder["id"], return_inverse=True)[1]
    times = {"start": bladder["start"].to_numpy(float), "stop": bladder["stop"].to_numpy(float)}
    fit = cox(x, times["stop"], bladder["event"], start=times["start"], ties="breslow")
    n = patient.max() + 1
    drawn = np.bincount(np.random.default_rng(seed).integers(0, n, n), minlength=n)[patient]
    # One sample far from all rows as well: only three patients in ten.
    drawn = drawn if seed < 5 else 5 * (patient % 10 < 3)
    copies = np.repeat(np.arange(len(x)), drawn)
    again = cox(
        x[copies], times["stop"][copies], bladder["event"].to_numpy()[copies], start=times["start"][copies],
        ties="breslow",
    )  # fmt: skip
    np.testing.assert_allclose(refitted(fit, x, drawn), again.params, rtol=1e-5, atol=1e-6)


def test_a_bootstrap_sample_without_a_maximum_has_no_estimate(bladder):
    x = np.column_stack([columns(bladder)[:, 1], bladder["id"].to_numpy() < 10])
    fit = cox(x, bladder["stop"], bladder["event"], start=bladder["start"], ties="breslow")
    # Nobody of the second group is drawn who has an event.
    drawn = np.where((x[:, 1] == 1) & (bladder["event"] == 1), 0.0, 1.0)
    assert np.isnan(refitted(fit, x, drawn)).all()
