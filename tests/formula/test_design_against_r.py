"""Model matrices, random columns and groups against R: tests/reference/design.R (R 4.2.2, lme4 1.1-31)."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.formula.frame import model_frame

# R's spelling -> the spelling here, where they differ.
SPELLING = {
    "degree = ": "degree=",
    "df = ": "df=",
    "knots = c(3, 8)": "knots=[3, 8]",
    "raw = TRUE": "raw=True",
}

# QR (R's poly) and the three-term recurrence (formulaic's), and two B-spline routines, agree to rounding.
CLOSE = {"rtol": 0, "atol": 1e-12}


def spelled(text: str) -> str:
    for theirs, ours in SPELLING.items():
        text = text.replace(theirs, ours)
    return text


@pytest.fixture(scope="module")
def reference(root) -> dict:
    return json.loads((root / "tests" / "reference" / "design.json").read_text())


@pytest.fixture(scope="module")
def data(reference) -> pd.DataFrame:
    return pd.DataFrame(reference["data"])


@pytest.fixture(scope="module")
def matrices(reference) -> dict:
    return {case["formula"]: case for case in reference["fixed"]}


def framed(right: str, data: pd.DataFrame):
    return model_frame(f"score {spelled(right)} + (1 | clinic)", data)


FORMULAS = [
    "~ route * sex",
    "~ day * route + dose + sex",
    "~ 0 + route",
    "~ 0 + route + sex",
    "~ sex + route - 1",
    "~ route:day",
    "~ day:route + sex",
    "~ route:sex",
    "~ 0 + route:sex",
    "~ sex + sex:route",
    "~ sex/route",
    "~ flag * day",
    "~ 0 + flag",
    "~ 0 + day + route:day",
    "~ day + route:day",
    "~ route * sex * day",
    "~ route:sex:day",
    "~ (route + sex + flag)^2",
    "~ (route + sex + flag)^2 - sex:flag",
    "~ sex:route + route",
    "~ dose + flag:day + day:route",
    "~ route * flag * sex - route:flag:sex",
    "~ day:dose + route",
    "~ 1",
    "~ poly(day, 3)",
    "~ poly(day, 2):route + sex",
    "~ route * poly(day, 2)",
    "~ poly(day, 1)",
    "~ poly(day, 2, raw = TRUE)",
    "~ bs(day, df = 4)",
    "~ bs(day, df = 5, degree = 2)",
    "~ bs(day, knots = c(3, 8))",
    "~ log(day + 1) * sex",
    "~ sqrt(day) + exp(-dose) + abs(day - 5)",
    "~ I(day > 4) + sex",
    "~ scale(day) + sex",
    "~ I(day * dose) + log2(dose) + log10(dose) + log1p(day) + expm1(dose)",
]


def test_every_matrix_of_the_reference_is_compared(matrices):
    assert sorted(matrices) == sorted(FORMULAS)


@pytest.mark.parametrize("formula", FORMULAS)
def test_matrix_names_and_terms_are_those_of_model_matrix(formula, matrices, data):
    case = matrices[formula]
    frame = framed(formula, data)
    assert list(frame.design.columns) == [spelled(name) for name in case["names"]]
    np.testing.assert_allclose(frame.x, np.array(case["x"], dtype=float), **CLOSE)
    assign = np.zeros(len(case["names"]), dtype=int)
    for number, term in enumerate(frame.design.terms, 1):
        assign[list(term.columns)] = number
    assert assign.tolist() == case["assign"]


@pytest.mark.parametrize(
    "name, formula",
    [
        ("sum", "C(route, contr.sum)"),
        ("sum", "C(route, Sum)"),
        ("helmert", "C(route, contr.helmert)"),
        ("poly", "C(route, contr.poly)"),
        ("second", "C(route, Treatment('IV'))"),
        ("second", "C(route, contr.treatment(base='IV'))"),
        ("second", "C(route, levels=['IV', 'IM', 'SC'])"),
        ("sum_by_day", "C(route, contr.sum) * day"),
    ],
)
def test_named_contrasts_are_those_of_r(name, formula, reference, data):
    np.testing.assert_allclose(
        framed(f"~ {formula}", data).x, np.array(reference["contrasts"][name]), **CLOSE
    )


@pytest.mark.parametrize(
    "name, formula",
    [("poly", "poly(day, 3)"), ("bs", "bs(day, df=4)"), ("scale", "scale(day)"), ("product", "route * day")],
)
def test_new_rows_are_coded_as_r_codes_them(name, formula, reference, data):
    design = framed(f"~ {formula}", data).design
    new = pd.DataFrame(reference["new"])
    np.testing.assert_allclose(design.matrix(new), np.array(reference["coded"][name]), **CLOSE)


@pytest.fixture(scope="module")
def random(reference) -> dict:
    return {case["formula"]: case for case in reference["random"]}


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two codings split the rows into the same groups."""
    pairs = len(set(zip(one.tolist(), other.tolist(), strict=True)))
    return pairs == len(set(one.tolist())) == len(set(other.tolist()))


def test_nested_groups_are_those_of_lme4(random, data):
    case = random["score ~ 1 + (1 | clinic/patient)"]
    theirs = {group["name"]: np.array(group["codes"]) for group in case["groups"]}
    clinic, patient = model_frame("score ~ 1 + (1 | clinic/patient)", data).groupings
    assert (clinic.name, patient.name) == ("clinic", "clinic:patient")
    assert same_partition(clinic.codes, theirs["clinic"])
    assert same_partition(patient.codes, theirs["patient:clinic"])
    assert patient.n_groups == 6  # three patients in each of two clinics, whose numbers repeat


def dense_columns(frame) -> np.ndarray:
    """Every column of lme4's Z: each effect of each group."""
    found = []
    for grouping in frame.groupings:
        for block in grouping.blocks:
            for column in block.columns:
                values = np.ones(len(frame.y)) if column is None else column
                found += [values * (grouping.codes == group) for group in range(grouping.n_groups)]
    return np.column_stack(found)


@pytest.mark.parametrize(
    "formula, widths",
    [
        ("score ~ 1 + (1 | clinic/patient)", [[1], [1]]),
        ("score ~ 1 + (1 + day | patient)", [[2]]),
        ("score ~ 1 + (day || patient)", [[1, 1]]),
        ("score ~ 1 + (0 + day | patient)", [[1]]),
        ("score ~ 1 + (sex | clinic)", [[2]]),
        ("score ~ 1 + (0 + route | clinic)", [[3]]),
        ("score ~ 1 + (1 | clinic:patient) + (0 + dose | clinic:patient)", [[1, 1]]),
        ("score ~ 1 + (1 | clinic) + (1 | route)", [[1], [1]]),
    ],
)
def test_random_columns_are_those_of_lme4(formula, widths, random, data):
    case = random[formula]
    frame = model_frame(formula, data)
    assert [[len(block.names) for block in grouping.blocks] for grouping in frame.groupings] == widths
    names = sorted(tuple([name] if isinstance(name, str) else name) for name in case["effects"])
    assert sorted(block.names for grouping in frame.groupings for block in grouping.blocks) == names
    # lme4 orders groups in its own way, so the columns are compared as sets.
    ours, theirs = dense_columns(frame), np.array(case["z"], dtype=float)
    assert ours.shape == theirs.shape
    assert sorted(map(tuple, ours.T.tolist())) == sorted(map(tuple, theirs.T.tolist()))
