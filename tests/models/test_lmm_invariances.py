"""What must not change a mixed model: order, names, units, origins, and how rows are written down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.engine.criterion import at_theta
from ketaoutcomes.engine.sums import cross_products
from ketaoutcomes.formula.frame import model_frame

FORMULA = "score ~ day * arm + (1 + day | patient_id)"
NESTED = "score ~ day * arm + (1 + day | patient_id) + (1 | clinic_id)"
SLOW = settings(max_examples=25, deadline=None)

seeds = st.integers(0, 10_000)


def clinic(seed: int, n_patients: int = 24) -> pd.DataFrame:
    """Unbalanced scores of patients in clinics, with real variation of every kind."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(3, 8, n_patients))
    n = len(patient)
    day = random.integers(0, 60, n).astype(float)
    arm = np.where(np.arange(n_patients) % 2 == 0, "IV", "IM")
    site = np.arange(n_patients) % 6
    score = 22 - 0.1 * day + random.normal(0, 4, n_patients)[patient] + random.normal(0, 2, 6)[site[patient]]
    score += random.normal(0, 0.1, n_patients)[patient] * day + random.normal(0, 2, n)
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in patient],
            "clinic_id": [f"C{i}" for i in site[patient]],
            "day": day,
            "arm": arm[patient],
            "score": score,
        }
    )


def same(one, two, *, table=1e-6, deviance=0.0):
    assert two.deviance == pytest.approx(one.deviance + deviance, abs=1e-7)
    np.testing.assert_allclose(two.params, one.params, rtol=table, atol=table)
    np.testing.assert_allclose(two.bse, one.bse, rtol=table, atol=1e-9)
    # df are the least smooth of all numbers; near a boundary they move most.
    np.testing.assert_allclose(two.df, one.df, rtol=1e-4)


@pytest.mark.parametrize("formula", [FORMULA, NESTED])
@SLOW
@given(seed=seeds)
def test_order_of_rows_does_not_matter(formula, seed):
    data = clinic(seed)
    shuffled = data.sample(frac=1.0, random_state=seed)
    one, two = lmm(formula, data), lmm(formula, shuffled)
    same(one, two)
    fitted = pd.Series(two.predict().to_numpy(), index=shuffled.index).sort_index()
    np.testing.assert_allclose(fitted, one.predict(), atol=1e-7)


@SLOW
@given(seed=seeds)
def test_names_and_order_of_patients_do_not_matter(seed):
    data = clinic(seed)
    random = np.random.default_rng(seed)
    names = pd.unique(data["patient_id"])
    new = dict(zip(names, random.permutation(len(names)) * 7 + 1000, strict=True))
    same(lmm(FORMULA, data), lmm(FORMULA, data.assign(patient_id=data["patient_id"].map(new))))


@pytest.mark.parametrize("formula", [FORMULA, NESTED])
@SLOW
@given(seed=seeds, shift=st.sampled_from([0.0, -3.0, 1e4]), scale=st.sampled_from([1e-3, 1.0, 86_400.0]))
def test_unit_and_origin_of_time_only_change_the_units_of_its_coefficients(formula, seed, shift, scale):
    data = clinic(seed)
    one = lmm(formula, data)
    two = lmm(formula, data.assign(day=(data["day"] - shift) / scale))
    # REML's log |X'V^-1X| holds each of the two columns with time in them twice.
    assert two.deviance == pytest.approx(one.deviance - 4 * np.log(scale), abs=1e-6)
    names = ["day", next(name for name in one.params.index if name.startswith("day:"))]
    np.testing.assert_allclose(two.params[names], one.params[names] * scale, rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_allclose(two.bse[names], one.bse[names] * scale, rtol=1e-5)
    np.testing.assert_allclose(two.predict(), one.predict(), atol=1e-5)
    assert two.sigma == pytest.approx(one.sigma, rel=1e-6)


@pytest.mark.parametrize("formula", [FORMULA, NESTED])
@SLOW
@given(seed=seeds, shift=st.sampled_from([0.0, 1e5]), scale=st.sampled_from([1e-4, 1.0, 1e4]))
def test_unit_and_origin_of_the_response_only_change_units(formula, seed, shift, scale):
    data = clinic(seed)
    one = lmm(formula, data)
    two = lmm(formula, data.assign(score=shift + scale * data["score"]))
    df = one.n_obs - len(one.params)
    # A response of 1e5 has lost five digits before it reaches the fit.
    near = 1e-5 if shift else 1e-6
    assert two.deviance == pytest.approx(one.deviance + 2 * df * np.log(scale), abs=1e-3 if shift else 1e-6)
    np.testing.assert_allclose(two.params.iloc[1:], one.params.iloc[1:] * scale, rtol=near, atol=near * scale)
    np.testing.assert_allclose(two.bse, one.bse * scale, rtol=10 * near)


@pytest.mark.parametrize("formula", [FORMULA, NESTED])
@SLOW
@given(seed=seeds)
def test_a_row_written_twice_with_half_the_weight_is_one_row_at_any_variances(formula, seed):
    data = clinic(seed)
    one = lmm(formula, data)
    frame = model_frame(formula, pd.concat([data, data]).assign(w=0.5), weights="w")
    twice, _ = cross_products(frame.x, frame.y, frame.groupings, weights=frame.weights, intercept=0)
    found = one.engine.optimum
    point = at_theta(twice, found.factors, found.point.theta, reml=True, order=2)
    # The mean of two rows of variance 2 sigma^2 is one row of variance sigma^2: only the count differs.
    np.testing.assert_allclose(point.beta, found.point.beta, atol=1e-9)
    for key in ((), (0,), (0, 0)):
        np.testing.assert_allclose(
            point.parts.cross.part(key), found.point.parts.cross.part(key), rtol=1e-8, atol=1e-8
        )
        np.testing.assert_allclose(
            point.parts.log_determinant.part(key), found.point.parts.log_determinant.part(key), rtol=1e-8
        )


@SLOW
@given(seed=seeds, factor=st.sampled_from([0.01, 3.0, 1e3]))
def test_weights_times_a_constant_change_sigma_alone(seed, factor):
    data = clinic(seed)
    data["w"] = np.random.default_rng(seed).uniform(0.5, 2, len(data))
    one, two = lmm(FORMULA, data, weights="w"), lmm(FORMULA, data.assign(w=data["w"] * factor), weights="w")
    same(one, two)
    assert two.sigma == pytest.approx(one.sigma * np.sqrt(factor), rel=1e-6)
    np.testing.assert_allclose(
        two.variance_components["variance"][:2], one.variance_components["variance"][:2], rtol=1e-4, atol=1e-7
    )


@SLOW
@given(seed=seeds)
def test_reference_level_changes_coefficients_but_not_the_model(seed):
    data = clinic(seed)
    other = data.assign(arm=pd.Categorical(data["arm"], categories=["IV", "IM"]))
    one, two = lmm(FORMULA, data), lmm(FORMULA, other)
    assert two.deviance == pytest.approx(one.deviance, abs=1e-7)
    np.testing.assert_allclose(two.predict(), one.predict(), atol=1e-6)
    assert two.params["day"] == pytest.approx(one.params["day"] + one.params["day:armIV"], abs=1e-7)
    tests = [fit.anova().set_index("term")["statistic"] for fit in (one, two)]
    np.testing.assert_allclose(tests[0], tests[1], rtol=1e-6)


@SLOW
@given(seed=seeds)
def test_a_nested_name_and_a_unique_name_give_the_same_model(seed):
    data = clinic(seed)
    # Patients numbered anew within each clinic.
    number = data.groupby("clinic_id")["patient_id"].transform(lambda ids: pd.factorize(ids)[0])
    nested = data.assign(number=number)
    one = lmm("score ~ day + (1 | clinic_id) + (1 | patient_id)", nested)
    two = lmm("score ~ day + (1 | clinic_id / number)", nested)
    same(one, two)


def test_balanced_complete_data_have_least_squares_coefficients():
    random = np.random.default_rng(3)
    data = pd.DataFrame({"patient_id": np.repeat(np.arange(20), 5), "day": np.tile(np.arange(5.0), 20)})
    data["arm"] = np.where(data["patient_id"] % 2 == 0, "IV", "IM")
    data["score"] = random.normal(size=100) + random.normal(size=20)[data["patient_id"]] + data["day"]
    fit = lmm("score ~ day * arm + (1 + day | patient_id)", data)
    x = fit.design.matrix(data)
    np.testing.assert_allclose(fit.params, np.linalg.lstsq(x, data["score"], rcond=None)[0], rtol=1e-8)


@pytest.mark.parametrize("origin", [1e4, 1e6, 1e7])
def test_days_counted_from_far_away_lose_no_digits(origin):
    # The interaction is then a multiple of the arm in all but its last digits.
    data = clinic(5)
    one = lmm(FORMULA, data)
    two = lmm(FORMULA, data.assign(day=data["day"] + origin))
    assert two.kept.all()
    assert two.deviance == pytest.approx(one.deviance, abs=1e-6)
    assert two.params["day"] == pytest.approx(one.params["day"], rel=1e-7)
    np.testing.assert_allclose(two.predict(), one.predict(), atol=1e-7)
    np.testing.assert_allclose(two.df[["day"]], one.df[["day"]], rtol=1e-5)


def test_a_column_that_is_a_combination_up_to_rounding_is_left_out():
    data = clinic(6)
    data["week"] = (data["day"] + 3) / 7
    fit = lmm("score ~ day + week + (1 | patient_id)", data)
    assert fit.kept.tolist() == [True, True, False]
    assert "week" in " ".join(fit.notes)
