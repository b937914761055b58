"""A formula and a frame: kinds of columns, missing rows, weights, groups, and what is refused."""

from __future__ import annotations

import datetime
import decimal
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.frame import model_frame

N = 24


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(20240501)
    return pd.DataFrame(
        {
            "patient_id": np.repeat(["p3", "p1", "p4", "p2"], 6),
            "clinic": np.repeat([7, 5], 12),
            "score": rng.normal(15, 5, N),
            "day": np.tile(np.arange(6.0), 4),
            "route": np.tile(["IV", "IM", "SC"], 8),
            "flag": np.tile([True, False], 12),
            "one": "x",
        }
    )


def columns_of(right: str, data: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    frame = model_frame(f"score ~ {right} + (1 | patient_id)", data)
    return list(frame.design.columns), frame.x


ROUTES = np.tile(["IV", "IM", "SC"], 8)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(ROUTES),
        pd.Series(ROUTES, dtype=object),
        pd.Series(ROUTES, dtype="string"),
        pd.Series(ROUTES, dtype=pd.StringDtype("python")),
        pd.Series(ROUTES, dtype=pd.ArrowDtype(pa.string())),
        pd.Series(ROUTES, dtype="str").astype(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        pd.Series(pd.Categorical(ROUTES)),
        pd.Series(pd.Categorical(ROUTES, ordered=True)),
        pd.Series(pd.Categorical(ROUTES, categories=["IM", "IV", "PO", "SC", "XX"])),
        pd.concat([pd.Series(ROUTES[:5]), pd.Series(ROUTES[5:])], ignore_index=True),
    ],
    ids=lambda values: str(values.dtype),
)
def test_text_of_any_kind_gives_the_same_columns(values, data):
    names, x = columns_of("text", data.assign(text=values))
    assert names == ["(Intercept)", "textIV", "textSC"]
    np.testing.assert_array_equal(x, np.column_stack([np.ones(N), ROUTES == "IV", ROUTES == "SC"]))


def test_a_categorical_keeps_its_order_and_drops_what_no_row_has(data):
    data["text"] = pd.Categorical(ROUTES, categories=["SC", "none", "IV", "IM"])
    frame = model_frame("score ~ text + (1 | patient_id)", data)
    assert frame.design.columns == ("(Intercept)", "textIV", "textIM")
    assert frame.design.variables["text"].levels == ("SC", "IV", "IM")


NUMBERS = np.tile([1, 2, 5], 8)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(NUMBERS),
        pd.Series(NUMBERS, dtype="int8"),
        pd.Series(NUMBERS, dtype="uint16"),
        pd.Series(NUMBERS, dtype="float32"),
        pd.Series(NUMBERS, dtype="Int64"),
        pd.Series(NUMBERS, dtype="Float64"),
        pd.Series(NUMBERS, dtype="int64[pyarrow]"),
        pd.Series(NUMBERS, dtype="double[pyarrow]"),
        pd.Series(NUMBERS, dtype=object),
        pd.Series([decimal.Decimal(int(number)) for number in NUMBERS], dtype=object),
        pd.Series([1, 2.0, 5] * 8, dtype=object),
        pd.Series(pd.arrays.SparseArray(NUMBERS)),
    ],
    ids=lambda values: str(values.dtype),
)
def test_numbers_of_any_kind_give_the_same_column(values, data):
    names, x = columns_of("number", data.assign(number=values))
    assert names == ["(Intercept)", "number"]
    np.testing.assert_array_equal(x[:, 1], NUMBERS)


@pytest.mark.parametrize("kind", [bool, object, "boolean", "bool[pyarrow]"])
def test_true_and_false_are_a_factor(kind, data):
    names, x = columns_of("flag", data.assign(flag=data["flag"].astype(kind)))
    assert names == ["(Intercept)", "flagTRUE"]
    np.testing.assert_array_equal(x[:, 1], data["flag"])


@pytest.mark.parametrize(
    "column, words",
    [
        (pd.Timestamp("2024-03-01"), r"dates, times or durations; .* pd.Timedelta\(days=1\)"),
        (pd.Timestamp("2024-03-01", tz="Europe/Berlin"), "dates, times"),
        (pd.Timedelta(days=2), "dates, times"),
        ([datetime.date(2024, 3, 1)] * N, "dates, times"),
        (pd.period_range("2024-01", periods=N, freq="M"), "dates, times"),
        (pd.Series([pd.Timestamp("2024-03-01")] * N, dtype="timestamp[us][pyarrow]"), "dates, times"),
        ([1, "a"] * 12, "mixes numbers and text: text stands in 12 rows of 24, and in 12 of them it cannot"),
        ([1, True] * 12, "mixes numbers, text or other things"),
        (1j * np.arange(N), "complex128"),
        (np.where(np.arange(N) < 3, np.inf, 1.0), "'odd' is infinite in 3 rows"),
        (np.where(np.arange(N) < 1, -np.inf, 1.0), "'odd' is infinite in 1 row;"),
        ("same", "odd has one level in the rows used"),
        (True, "odd has one level in the rows used"),
        (None, "no row has all that the formula needs; of 24 rows these lack: odd in 24"),
        (np.nan, "no row has all"),
    ],
)
def test_a_column_that_no_model_can_use_is_refused(column, words, data):
    data["odd"] = column
    with pytest.raises(FormulaError, match=words):
        columns_of("odd", data)


@pytest.mark.parametrize(
    "formula, words",
    [
        ("score ~ rote + (1 | patient_id)", "no column 'rote'; close to it: route"),
        ("score ~ day + (1 | patient)", "no column 'patient'; close to it: patient_id"),
        ("score ~ log(dya) + (1 | patient_id)", "no column 'dya'; close to it: day"),
        ("zzz ~ day + (1 | patient_id)", "no column 'zzz'$"),
        ("route ~ day + (1 | patient_id)", "response 'route' is not a number"),
        ("flag ~ day + (1 | patient_id)", r"write I\(flag \* 1\)"),
        ("poly(score, 2) ~ day + (1 | patient_id)", "has 2 columns"),
        ("I(score > 10) ~ day + (1 | patient_id)", "is not a number"),
        ("C(score) ~ day + (1 | patient_id)", "not allowed"),
        ("score ~ day + (1 | one)", "one has one group in the rows used"),
        ("score ~ day + (one | patient_id)", "one has one level in the rows used"),
        (
            "score ~ day + (1 | patient_id) + (1 + day | patient_id)",
            r"\(Intercept\) stands 2 times for patient_id",
        ),
        ("score ~ day + (day | patient_id) + (0 + day | patient_id)", "random effect day stands 2 times"),
        ("score ~ log(route) + (1 | patient_id)", "reckons with text"),
        ("score ~ I(route > 'IM') + (1 | patient_id)", "which text is larger"),
        ("score ~ I(route == 3) + (1 | patient_id)", "compares text with a number"),
        ("score ~ log(day) + (1 | patient_id)", r"'log\(day\)' has no finite value in 4 rows"),
        ("log(day) ~ route + (1 | patient_id)", r"'log\(day\)' has no finite value in 4 rows"),
        ("score ~ I(9**9**9**9**9 * day) + (1 | patient_id)", "no finite value"),
        (
            "score ~ poly(day, 6) + (1 | patient_id)",
            "needs more than 6 different values; the rows used have 6",
        ),
        ("score ~ poly(day, 0) + (1 | patient_id)", "a whole number from 1"),
        ("score ~ poly(day, 2.5) + (1 | patient_id)", "a whole number from 1"),
        ("score ~ poly(poly(day, 2), 2) + (1 | patient_id)", "takes one column"),
        ("score ~ bs(day, df=2) + (1 | patient_id)", "cannot be computed"),
        ("score ~ bs(day, 4, [1]) + (1 | patient_id)", "cannot be computed"),
        ("score ~ scale(day, sideways=True) + (1 | patient_id)", "cannot be computed"),
        ("score ~ C(route, Treatment('XX')) + (1 | patient_id)", "the reference level is not among"),
        ("score ~ C(route, levels=['IV', 'IM']) + (1 | patient_id)", "leaves out a level that 8 rows"),
    ],
)
def test_a_formula_that_the_data_cannot_serve_is_refused(formula, words, data):
    with pytest.raises(FormulaError, match=words) as caught:
        model_frame(formula, data)
    assert len(caught.value.problems) == 1
    assert "p1" not in str(caught.value)


def test_what_is_no_frame_is_refused(data):
    formula = "score ~ day + (1 | patient_id)"
    with pytest.raises(FormulaError, match="not a pandas DataFrame but list"):
        model_frame(formula, [1, 2])
    with pytest.raises(FormulaError, match="the data have no rows"):
        model_frame(formula, data.iloc[:0])
    with pytest.raises(FormulaError, match="2 columns named 'day'"):
        model_frame(formula, pd.concat([data, data[["day"]]], axis=1))
    with pytest.raises(FormulaError, match="several levels"):
        model_frame(formula, pd.concat({"a": data}, axis=1))
    twice = pd.concat([data, data[["route"]]], axis=1)
    assert model_frame(formula, twice).design.columns == ("(Intercept)", "day")


def test_an_id_among_the_fixed_terms_is_pointed_out():
    ids = [f"p{number:05d}" for number in range(3000)]
    data = pd.DataFrame({"id": ids, "score": np.arange(3000.0), "clinic": np.arange(3000) % 3})
    with pytest.raises(FormulaError, match=r"id has 3000 levels.*\(1 \| id\)") as caught:
        model_frame("score ~ id + (1 | clinic)", data)
    assert "p00" not in str(caught.value)


def test_rows_with_a_gap_anywhere_are_left_out_and_counted(data):
    data["weight"] = 1.0
    data["dose"] = pd.Series(np.ones(N), dtype="Float64")
    data["flag"] = data["flag"].astype("boolean")
    data["clinic"] = pd.Categorical(data["clinic"])
    for row, column in [
        (0, "score"), (1, "day"), (2, "route"), (3, "patient_id"), (4, "flag"), (5, "dose"), (6, "weight"),
        (7, "clinic"), (8, "score"), (8, "day"),
    ]:  # fmt: skip
        data.loc[row, column] = None
    frame = model_frame(
        "score ~ route + (1 + day | patient_id) + (0 + flag | clinic) + (0 + dose | clinic)",
        data,
        weights="weight",
    )
    assert frame.dropped == {
        "score": 2, "route": 1, "day": 2, "flag": 1, "dose": 1, "patient_id": 1, "clinic": 1, "weight": 1,
    }  # fmt: skip
    assert frame.n_dropped == 9
    assert frame.rows.tolist() == list(range(9, N))
    np.testing.assert_array_equal(frame.y, data["score"].iloc[9:])
    assert len(frame.x) == len(frame.weights) == len(frame.groupings[0].codes) == N - 9
    whole = model_frame("score ~ route + (1 | patient_id)", data.iloc[9:])
    np.testing.assert_array_equal(frame.x, whole.x)


def test_columns_that_the_formula_does_not_use_may_have_gaps(data):
    data["other"] = np.nan
    frame = model_frame("score ~ day + (1 | patient_id)", data)
    assert (frame.n_dropped, frame.dropped, frame.kept) == (0, {}, None)
    assert frame.rows.tolist() == list(range(N))


def test_a_level_and_a_group_whose_rows_are_left_out_are_gone(data):
    data.loc[data["route"] == "IM", "score"] = np.nan
    data.loc[data["patient_id"] == "p3", "score"] = np.nan
    frame = model_frame("score ~ route + (1 | patient_id)", data)
    assert frame.design.columns == ("(Intercept)", "routeSC")
    assert frame.labels[0].tolist() == ["p1", "p4", "p2"]
    assert np.unique(frame.groupings[0].codes).tolist() == [0, 1, 2]
    data.loc[data["route"] == "SC", "score"] = np.nan
    with pytest.raises(FormulaError, match="route has one level in the rows used"):
        model_frame("score ~ route + (1 | patient_id)", data)


def test_functions_learn_from_the_rows_used_alone(data):
    data.loc[0, "route"] = None
    data.loc[0, "day"] = 1000.0
    _, x = columns_of("scale(day) + route", data)
    used = data["day"].iloc[1:]
    np.testing.assert_allclose(x[:, 1], (used - used.mean()) / used.std(ddof=1), rtol=1e-13)


@pytest.mark.parametrize(
    "weights, words",
    [
        ("zero", "'zero' are zero or less in 2 rows"),
        ("route", "'route' are not numbers"),
        ("absent", "no column 'absent'"),
        (np.ones(3), r"shape \(3,\)"),
        (2.0, r"shape \(\)"),
        (-np.ones(N), "zero or less in 24 rows"),
        (np.full(N, np.inf), "'weights' is infinite in 24 rows"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, words, data):
    data["zero"] = np.where(np.arange(N) < 2, 0.0, 1.0)
    with pytest.raises(FormulaError, match=words):
        model_frame("score ~ day + (1 | patient_id)", data, weights=weights)


def test_weights_come_from_a_column_or_an_array(data):
    given = np.linspace(1, 2, N)
    for weights in ("w", given, list(given), pd.Series(given)):
        frame = model_frame("score ~ day + (1 | patient_id)", data.assign(w=given), weights=weights)
        np.testing.assert_array_equal(frame.weights, given)
    with pytest.raises(FormulaError, match="another index"):
        model_frame("score ~ day + (1 | patient_id)", data, weights=pd.Series(given)[::-1])
    assert model_frame("score ~ day + (1 | patient_id)", data).weights is None


@pytest.mark.parametrize(
    "response, expected",
    [
        ("log(day + 1)", lambda data: np.log1p(data["day"])),
        ("I(score - baseline)", lambda data: data["score"] - data["baseline"]),
        ("score - baseline", lambda data: data["score"] - data["baseline"]),
        ("`PHQ-9`", lambda data: data["PHQ-9"]),
        ("I(flag * 1)", lambda data: data["flag"].astype(float)),
        ("center(score)", lambda data: data["score"] - data["score"].mean()),
    ],
)
def test_the_response_may_be_computed(response, expected, data):
    data["baseline"] = 20.0
    data["PHQ-9"] = data["score"] + 1
    frame = model_frame(f"{response} ~ route + (1 | patient_id)", data)
    np.testing.assert_allclose(frame.y, expected(data), rtol=1e-14)


def test_names_in_backticks_are_columns(data):
    data["PHQ-9"], data["a b"], data["p/q"] = data["score"], data["route"], data["patient_id"]
    frame = model_frame("`PHQ-9` ~ `a b` * day + log1p(`PHQ-9`) + (1 | `p/q`)", data)
    assert frame.design.columns == (
        "(Intercept)", "a bIV", "a bSC", "day", "log1p(`PHQ-9`)", "a bIV:day", "a bSC:day",
    )  # fmt: skip
    assert frame.groupings[0].name == "p/q"


def test_arrays_belong_to_the_frame_that_was_made(data):
    before = data.copy()
    frame = model_frame("score ~ day + (1 + day | patient_id) + (1 | clinic)", data)
    assert frame.x.flags.f_contiguous
    assert frame.x.dtype == np.float64
    for array in (frame.x, frame.y, frame.groupings[0].blocks[0].columns[1], frame.groupings[1].codes):
        assert array.flags.writeable
        array[:] = 0
    pd.testing.assert_frame_equal(data, before)
    assert frame.groupings[0].blocks[0].columns[0] is None


@pytest.mark.parametrize(
    "ids, labels",
    [
        (["b", "b", "a", "a", "b", "c"], ["b", "a", "c"]),
        ([30, 30, 10, 10, 30, 20], [30, 10, 20]),
        ([1.5, 1.5, 0.5, 0.5, 1.5, 2.5], [1.5, 0.5, 2.5]),
        ([True, True, False, False, True, True], [False, True]),
        (pd.Categorical(list("bbaabc"), categories=list("zcab")), ["c", "a", "b"]),
        (pd.array(list("bbaabc"), dtype="string"), ["b", "a", "c"]),
        (np.array(list("bbaabc"), dtype=object), ["b", "a", "c"]),
    ],
    ids=["text", "integers", "floats", "bool", "categorical", "string", "objects"],
)
def test_groups_stand_in_order_of_appearance_or_of_their_categories(ids, labels):
    data = pd.DataFrame({"y": np.arange(6.0), "g": ids})
    frame = model_frame("y ~ 1 + (1 | g)", data)
    (grouping,) = frame.groupings
    assert frame.labels[0].tolist() == labels
    assert frame.labels[0][grouping.codes].tolist() == list(ids)
    assert grouping.n_groups == len(labels)
    assert grouping.codes.dtype == np.int32


def test_combinations_that_occur_are_labelled_by_tuples(data):
    frame = model_frame("score ~ 1 + (1 | clinic/patient_id/route)", data)
    assert [grouping.name for grouping in frame.groupings] == [
        "clinic", "clinic:patient_id", "clinic:patient_id:route",
    ]  # fmt: skip
    assert frame.labels[1].tolist() == [(7, "p3"), (7, "p1"), (5, "p4"), (5, "p2")]
    rows = list(zip(data["clinic"], data["patient_id"], data["route"], strict=True))
    assert frame.labels[2][frame.groupings[2].codes].tolist() == rows
    assert frame.groupings[2].n_groups == 12


def test_a_factor_has_the_same_columns_with_one_bar_and_one_block_with_two(data):
    correlated = model_frame("score ~ 1 + (route | patient_id)", data).groupings[0]
    assert [block.names for block in correlated.blocks] == [("(Intercept)", "routeIV", "routeSC")]
    independent = model_frame("score ~ 1 + (route || patient_id)", data).groupings[0]
    assert [block.names for block in independent.blocks] == [
        ("(Intercept)",), ("routeIM", "routeIV", "routeSC"),
    ]  # fmt: skip


def test_variables_say_what_a_grid_needs(data):
    data = data.assign(visit=np.tile([1, 2, 4], 8), zero=np.tile([0, 1], 12))
    frame = model_frame("score ~ poly(day, 2) * route + flag + C(visit) + zero + (1 | patient_id)", data)
    variables = frame.design.variables
    assert list(variables) == ["day", "route", "flag", "visit", "zero"]
    day = variables["day"]
    assert (day.kind, day.mean, day.minimum, day.maximum, day.values) == ("number", 2.5, 0.0, 5.0, None)
    assert variables["route"].levels == ("IM", "IV", "SC")
    assert variables["flag"].levels == (False, True)
    assert (variables["visit"].kind, variables["visit"].levels) == ("factor", (1, 2, 4))
    assert variables["zero"].values == (0.0, 1.0)
    terms = {term.name: (term.columns, term.variables, term.order) for term in frame.design.terms}
    assert terms["poly(day, 2)"] == ((1, 2), ("day",), 1)
    assert terms["poly(day, 2):route"] == ((9, 10, 11, 12), ("day", "route"), 2)


def test_representations_show_no_id_and_survive_pickling(data):
    frame = model_frame("score ~ poly(day, 2) + C(route, Sum) + (1 | clinic/patient_id)", data)
    shown = repr(frame) + repr(frame.design) + repr(frame.design.groups)
    assert "24 rows, 5 columns" in shown
    assert not any(label in shown for label in data["patient_id"])
    again = pickle.loads(pickle.dumps(frame))
    np.testing.assert_array_equal(again.design.matrix(data), frame.x)
