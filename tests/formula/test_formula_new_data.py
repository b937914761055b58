"""New data are coded as the rows fitted were."""

from __future__ import annotations

import itertools

import formulaic
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.frame import model_frame

FORMULA = (
    "score ~ poly(day, 2) * route + flag + C(visit) + scale(dose) + I(dose > 2) + bs(day, df=4)"
    " + (1 + day + flag | patient_id) + (1 | clinic:patient_id)"
)


def frame_of(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "patient_id": rng.integers(0, rows // 5, rows).astype(str),
            "clinic": rng.integers(0, 3, rows),
            "score": rng.normal(size=rows),
            "day": rng.permutation(np.linspace(0, 28, rows)),
            "route": rng.permutation(np.resize(["IV", "IM", "SC"], rows)),
            "flag": rng.permutation(np.resize([True, False], rows)),
            "visit": rng.permutation(np.resize([1, 2, 4], rows)),
            "dose": rng.permutation(np.linspace(1, 3, rows)),
            "a": rng.permutation(np.resize(list("pqr"), rows)),
            "b": rng.permutation(np.resize(list("uv"), rows)),
            "c": rng.permutation(np.resize(list("ijk"), rows)),
            "x": rng.normal(size=rows),
            "z": rng.normal(size=rows),
        }
    )


@pytest.fixture
def data() -> pd.DataFrame:
    return frame_of(60, 3)


@pytest.fixture
def fitted(data):
    return model_frame(FORMULA, data)


def test_the_rows_fitted_are_coded_again_to_the_same_numbers(fitted, data):
    np.testing.assert_array_equal(fitted.design.matrix(data), fitted.x)
    for again, grouping in zip(fitted.design.random_columns(data), fitted.groupings, strict=True):
        for columns, block in zip(again, grouping.blocks, strict=True):
            expected = [np.ones(60) if column is None else column for column in block.columns]
            np.testing.assert_array_equal(columns, np.column_stack(expected))
    for codes, grouping in zip(fitted.design.group_codes(data), fitted.groupings, strict=True):
        np.testing.assert_array_equal(codes, grouping.codes)


@pytest.mark.parametrize("row", [0, 17, 59])
def test_one_row_alone_is_coded_as_it_was_among_the_others(row, fitted, data):
    one = data.iloc[[row]]
    np.testing.assert_allclose(fitted.design.matrix(one), fitted.x[[row]], rtol=0, atol=1e-15)
    assert [codes.tolist() for codes in fitted.design.group_codes(one)] == [
        [grouping.codes[row]] for grouping in fitted.groupings
    ]


def test_a_grid_of_plain_values_with_the_fixed_columns_alone_is_coded(fitted, data):
    row = data.iloc[4]
    grid = pd.DataFrame(
        {
            "day": [float(row["day"])],
            "route": np.array([str(row["route"])], dtype=object),
            "flag": [bool(row["flag"])],
            "visit": [float(row["visit"])],
            "dose": [float(row["dose"])],
        }
    )
    np.testing.assert_allclose(fitted.design.matrix(grid), fitted.x[[4]], rtol=0, atol=1e-15)
    objects = grid.astype(object)
    np.testing.assert_allclose(fitted.design.matrix(objects), fitted.x[[4]], rtol=0, atol=1e-15)
    categories = grid.assign(route=pd.Categorical(grid["route"], categories=["XX", "SC", "IM", "IV"]))
    np.testing.assert_allclose(fitted.design.matrix(categories), fitted.x[[4]], rtol=0, atol=1e-15)


def test_no_rows_give_a_matrix_without_rows(fitted, data):
    assert fitted.design.matrix(data.iloc[:0]).shape == (0, fitted.x.shape[1])
    assert [codes.shape for codes in fitted.design.group_codes(data.iloc[:0])] == [(0,), (0,)]
    assert [[block.shape for block in blocks] for blocks in fitted.design.random_columns(data.iloc[:0])] == [
        [(0, 3)],
        [(0, 1)],
    ]


def test_a_missing_value_stays_missing_in_the_columns_that_need_it(fitted, data):
    new = data.copy()
    new.loc[0, "day"] = np.nan
    new.loc[1, "route"] = None
    new["flag"] = new["flag"].astype("boolean")
    new.loc[2, "flag"] = pd.NA
    new["visit"] = new["visit"].astype("Int64")
    new.loc[3, "visit"] = pd.NA
    new.loc[4, "dose"] = np.nan
    got = fitted.design.matrix(new)
    needs = np.zeros((len(new), len(fitted.design.columns)), dtype=bool)
    for row, variable in enumerate(["day", "route", "flag", "visit", "dose"]):
        for term in fitted.design.terms:
            needs[row, list(term.columns)] = variable in term.variables
    np.testing.assert_array_equal(np.isnan(got), needs)
    np.testing.assert_allclose(got[~needs], fitted.x[~needs], rtol=0, atol=1e-15)
    (first,), (second,) = fitted.design.random_columns(new)
    assert np.isnan(first[:3]).tolist() == [[False, True, False], [False] * 3, [False, False, True]]
    assert not np.isnan(second).any()


def test_rows_that_miss_everything_are_missing_everywhere_but_in_the_intercept(fitted, data):
    new = data.iloc[:2].assign(day=np.nan, route=None, flag=None, visit=np.nan, dose=None)
    got = fitted.design.matrix(new)
    assert (got[:, 0] == 1).all()
    assert np.isnan(got[:, 1:]).all()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"route": "PO"}, "'route' has a level in 2 rows of the new data that no row fitted has"),
        ({"route": 7}, "'route' has a level in 2 rows"),
        ({"visit": 3}, r"'C\(visit\)' has a level in 2 rows"),
        ({"flag": "yes"}, "'flag' has a level in 2 rows"),
        ({"day": "later"}, r"'poly\(day, 2\)' reckons with text"),
        ({"dose": np.inf}, "'dose' is infinite in 2 rows"),
        ({"day": 29.0}, r"'bs\(day, df=4\)' reaches from 0 to 28, and 2 rows lie beyond"),
        ({"day": pd.Timestamp("2024-01-01")}, "dates, times or durations"),
    ],
)
def test_new_values_that_the_fit_cannot_code_are_refused(change, words, fitted, data):
    with pytest.raises(FormulaError, match=words) as caught:
        fitted.design.matrix(data.iloc[:2].assign(**change))
    assert "PO" not in str(caught.value)


def test_text_for_a_plain_number_is_refused(data):
    design = model_frame("score ~ dose + (1 | patient_id)", data).design
    with pytest.raises(
        FormulaError, match="'dose' holds numbers in the rows fitted, but not in the new data"
    ):
        design.matrix(pd.DataFrame({"dose": ["high"]}))


def test_a_spline_goes_on_where_it_was_told_to(data):
    design = model_frame("score ~ bs(day, df=4, extrapolation='extend') + (1 | patient_id)", data).design
    beyond = design.matrix(pd.DataFrame({"day": [-1.0, 0.0, 28.0, 30.0]}))
    # The B-splines and the one left out sum to 1, within and beyond the rows used; at 28 the last is 1.
    np.testing.assert_allclose(beyond[2], [1, 0, 0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(beyond[1], [1, 0, 0, 0, 0], atol=1e-12)
    assert abs(beyond[3, -1]) > 1


def test_new_data_without_a_column_are_refused(fitted, data):
    with pytest.raises(FormulaError, match="no column 'route'"):
        fitted.design.matrix(data.drop(columns="route"))
    with pytest.raises(FormulaError, match="no column 'patient_id'"):
        fitted.design.group_codes(data.drop(columns="patient_id"))
    with pytest.raises(FormulaError, match="not a pandas DataFrame"):
        fitted.design.matrix({"day": [1]})


def test_groups_that_were_not_fitted_are_marked(fitted, data):
    new = data.iloc[:4].copy()
    new.loc[0, "patient_id"] = "stranger"
    new.loc[1, "patient_id"] = None
    clinics = set(data.loc[data["patient_id"] == data["patient_id"][2], "clinic"])
    new.loc[2, "clinic"] = 99
    assert 99 not in clinics
    patients, pairs = fitted.design.group_codes(new)
    assert patients.tolist() == [-1, -1, *fitted.groupings[0].codes[2:4]]
    assert pairs.tolist() == [-1, -1, -1, fitted.groupings[1].codes[3]]


def test_a_pair_that_did_not_occur_is_no_group_though_both_its_columns_did():
    data = pd.DataFrame({"y": np.arange(4.0), "a": [1, 1, 2, 2], "b": ["u", "v", "u", "u"]})
    design = model_frame("y ~ 1 + (1 | a:b)", data).design
    new = pd.DataFrame({"a": [2, 2, 1], "b": ["v", "u", "v"]})
    assert design.group_codes(new)[0].tolist() == [-1, 2, 1]


def test_ids_of_another_kind_are_refused_rather_than_called_new(fitted, data):
    with pytest.raises(FormulaError, match="'patient_id' is text in the rows fitted or in the new data"):
        fitted.design.group_codes(data.assign(patient_id=data["patient_id"].astype(int)))


def test_levels_are_remembered_where_new_data_have_one(data):
    design = model_frame("score ~ route * day + (1 | patient_id)", data).design
    got = design.matrix(pd.DataFrame({"route": ["SC", "SC"], "day": [2, 3]}))
    assert design.columns == ("(Intercept)", "routeIV", "routeSC", "day", "routeIV:day", "routeSC:day")
    np.testing.assert_array_equal(got, [[1, 0, 1, 2, 0, 2], [1, 0, 1, 3, 0, 3]])


def test_a_change_of_the_data_afterwards_does_not_reach_the_design(data):
    data["route"] = pd.Categorical(data["route"])
    frame = model_frame("score ~ route * day + (1 | patient_id)", data)
    before = frame.x.copy()
    new = data.copy(deep=True)
    data["route"] = data["route"].cat.rename_categories({"IM": "a", "IV": "b", "SC": "c"})
    data.loc[:, "day"] = -1.0
    np.testing.assert_array_equal(frame.design.matrix(new), before)
    assert frame.design.variables["day"].minimum == 0.0


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(60)))
def test_permuted_rows_give_permuted_matrices(order):
    data = frame_of(60, 3)
    design = model_frame(FORMULA, data).design
    shuffled = data.iloc[list(order)]
    # numpy's vectorised loops round by position in the array, so the last digits may differ.
    np.testing.assert_allclose(design.matrix(shuffled), design.matrix(data)[list(order)], rtol=0, atol=1e-14)
    again = model_frame(FORMULA, shuffled)
    assert again.design.columns == design.columns
    # Sums over the rows in another order: orthogonal polynomials and means agree to rounding.
    np.testing.assert_allclose(again.x, design.matrix(shuffled), rtol=0, atol=1e-12)
    labels = [again.labels[0][code] for code in again.groupings[0].codes]
    assert labels == shuffled["patient_id"].tolist()


TERMS = [":".join(chosen) for size in (1, 2, 3) for chosen in itertools.combinations("abcxz", size)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(TERMS), min_size=1, max_size=5, unique=True), st.booleans())
def test_the_columns_span_what_formulaic_s_do(terms, intercept):
    data = frame_of(90, 11)
    right = ("" if intercept else "0 + ") + " + ".join(terms)
    ours = model_frame(f"score ~ {right} + (1 | clinic)", data).x
    theirs = formulaic.model_matrix(right, data).to_numpy(float)
    ranks = [np.linalg.matrix_rank(x) for x in (ours, theirs, np.hstack([ours, theirs]))]
    assert ranks[0] == ranks[1] == ranks[2]


def test_a_factor_that_r_loses_is_kept():
    # R 4.2.2: model.matrix(~ x + a:x + a:b) has 7 columns, (Intercept) x x:aq x:ar ap:bv aq:bv ar:bv, for a
    # with 3 levels and b with 2, though the terms span 9: it lets x:a stand for a.
    data = frame_of(90, 11)
    x = model_frame("score ~ x + a:x + a:b + (1 | clinic)", data).x
    assert np.linalg.matrix_rank(x) == 9
    dummies = pd.get_dummies(data["a"] + data["b"]).to_numpy(float)
    assert np.linalg.matrix_rank(np.hstack([x, dummies])) == np.linalg.matrix_rank(x)
