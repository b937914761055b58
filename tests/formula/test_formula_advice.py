"""What a first attempt gets wrong is answered with the way to do it, and what is odd about data is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.cautions import alike
from ketaoutcomes.formula.frame import model_frame
from ketaoutcomes.formula.plan import plan_of

N = 600


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(20240611)
    return pd.DataFrame(
        {
            "patient_id": np.repeat([f"P{number:03d}" for number in range(60)], 10),
            "clinic": np.repeat(list("abcdef"), 100),
            "site": np.repeat(np.arange(6), 100),
            "score": rng.normal(15, 5, N),
            "day": np.tile(np.arange(10.0), 60),
            "route": np.resize(["IV", "IM", "SC"], N),
        }
    )


def refusal(formula: str, data) -> str:
    with pytest.raises(FormulaError) as caught:
        model_frame(formula, data)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def text_of(count: int, pattern: str = "{}") -> list[str]:
    return [pattern.format(1000 + number % count) for number in range(N)]


@pytest.mark.parametrize(
    "values, words",
    [
        (text_of(300), "'odd' is text with 300 levels that look like numbers; turn it into numbers, e.g. "
         "pd.to_numeric(data['odd'])"),
        (text_of(300, "{},5"), "pd.to_numeric(data['odd'].str.replace(',', '.'))"),
        (text_of(300, " -{}.5e2 "), "300 levels that look like numbers"),
        (["n/a", "?", *text_of(300)[2:]], "of which 300 look like numbers; turn it into numbers, e.g. "
         "pd.to_numeric(data['odd'], errors='coerce')"),
        (text_of(300, "{}-03-01"), "300 levels that look like dates; turn it into numbers, e.g. days since"),
        (text_of(300, "1.3.{}"), "300 levels that look like dates"),
        (text_of(13), "'odd' is text with 13 levels that look like numbers"),
        (text_of(13, "{},5"), "or write C(odd) to take it as a factor"),
        (text_of(13, "{}/03/01"), "13 levels that look like dates"),
        (["", *text_of(13)[1:]], "of which 13 look like numbers; turn it into numbers, e.g. "
         "pd.to_numeric(data['odd'], errors='coerce')"),
        (text_of(201, "x{}"), "odd has 201 levels, each of which would be a column; as a group"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["str", object])
def test_text_that_looks_like_numbers_or_dates_is_not_made_into_dummies(values, words, kind, data):
    said = refusal("score ~ odd + (1 | patient_id)", data.assign(odd=pd.Series(values, dtype=kind)))
    assert words in said
    assert not any(value.strip() in said for value in values if value.strip() not in ("", "?"))


def test_the_advice_for_decimal_commas_and_gaps_is_one_that_works():
    column = pd.Series(["1,8", " -3,25", "n/a", ""])
    made = pd.to_numeric(column.str.replace(",", "."), errors="coerce")
    np.testing.assert_array_equal(made, [1.8, -3.25, np.nan, np.nan])


@pytest.mark.parametrize(
    "right, values, n_columns",
    [
        ("odd", text_of(12), 12),
        ("odd", text_of(200, "x{}"), 200),
        ("odd", ["x", *text_of(13)[1:]], 14),
        ("odd", pd.Categorical(text_of(13)), 13),
        ("C(odd)", text_of(13), 13),
        ("C(odd)", text_of(200), 200),
    ],
)
def test_few_levels_and_those_that_are_meant_stay_a_factor(right, values, n_columns, data):
    frame = model_frame(f"score ~ {right} + (1 | patient_id)", data.assign(odd=values))
    assert frame.x.shape[1] == n_columns


def test_many_numbers_in_c_are_refused_with_another_word_than_ids(data):
    said = refusal("score ~ C(odd) + (1 | patient_id)", data.assign(odd=np.arange(N)))
    assert said.startswith("C(odd) has 600 levels")
    assert said.endswith("as numbers it is odd without C()")


def test_a_response_and_a_function_of_text_that_looks_like_numbers_are_told_so(data):
    data["odd"] = text_of(50, "{},5")
    said = refusal("odd ~ day + (1 | patient_id)", data)
    assert "the response 'odd' is not a number" in said
    assert "pd.to_numeric(data['odd'].str.replace(',', '.'))" in said
    assert "pd.to_numeric" in refusal("score ~ log(odd) + (1 | patient_id)", data)


@pytest.mark.parametrize(
    "formula",
    [
        "score ~ patient_id + (1 | patient_id)",
        "score ~ patient_id * day + (1 | clinic)",
        "score ~ C(patient_id) + (1 | clinic)",
        "score ~ scale(patient_id) + (1 | clinic)",
        "score ~ day + (patient_id | clinic)",
    ],
)
@pytest.mark.parametrize("numeric", [True, False])
def test_a_patient_s_id_is_no_term(formula, numeric, data):
    if numeric:
        data["patient_id"] = data["patient_id"].str[1:].astype(int)
    assert "patient_id is an identifier: its levels would be printed" in refusal(formula, data)


@pytest.mark.parametrize(
    "formula, name",
    [
        ("score ~ clinic + (1 | clinic)", "clinic"),
        ("score ~ day:clinic + (1 | clinic)", "clinic"),
        ("score ~ C(clinic, Sum) + (1 | clinic/patient_id)", "clinic"),
        ("score ~ C(site) + (1 | site)", "site"),
    ],
)
def test_a_factor_that_is_a_group_of_its_own_is_no_fixed_term(formula, name, data):
    said = refusal(formula, data)
    assert said.startswith(f"{name} is the group of a random term: its levels would be printed")


@pytest.mark.parametrize(
    "formula",
    [
        "score ~ clinic + (1 | clinic:patient_id)",
        "score ~ route + (1 | patient_id/route)",
        "score ~ site + (1 | site)",
    ],
)
def test_split_plots_and_a_trend_over_numbered_groups_are_fitted(formula, data):
    assert model_frame(formula, data).warnings == ()


def test_a_column_in_the_index_is_found_there(data):
    for frame in (data.set_index("day"), data.set_index(["patient_id", "day"])):
        said = refusal("score ~ day + (1 | clinic)", frame)
        assert "'day' is in the index" in said
        assert "data.reset_index()" in said


@pytest.mark.parametrize(
    "odd, words",
    [
        (["n/a", "<5", "7"], "text stands in 3 rows of 600, and in 2 of them it cannot be read as a number; "
         "pd.to_numeric(data['odd'], errors='coerce') makes these missing"),
        ([None, "unknown"], "text stands in 1 row of 599, and in 1 of them it cannot be read as a number"),
        ([b"a", b"b"], "'odd' holds bytes in 2 rows"),
        ([[1, 2], (3,), {4: 5}], "'odd' holds lists or the like in 3 rows"),
    ],
)  # fmt: skip
def test_what_is_mixed_among_numbers_is_counted(odd, words, data):
    data["odd"] = pd.Series([*odd, *[1.5] * (N - len(odd))], dtype=object)
    said = refusal("score ~ odd + (1 | patient_id)", data)
    assert words in said
    assert "unknown" not in said
    assert "<5" not in said


class Frames:
    """Like a polars frame."""

    def to_pandas(self):
        raise AssertionError("the advice is given, not taken")


@pytest.mark.parametrize(
    "given, words",
    [
        ({"score": [1.0]}, "dict; pass pd.DataFrame(data)"),
        ([{"score": 1.0}], "list; pass pd.DataFrame(data)"),
        (np.ones((3, 2)), "ndarray; pass pd.DataFrame(data), with the names of its columns"),
        (pa.table({"score": [1.0]}), "Table; pass data.to_pandas()"),
        (Frames(), "Frames; pass data.to_pandas()"),
        (object.__new__(Cohort), "Cohort; one frame of it is made by ko.change_from_baseline(cohort, "),
        (pd.Series([1.0]), "Series; pass the frame"),
        ("scores.csv", "str; pass a table with one row for each measurement"),
        (None, "NoneType; pass a table"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_tables_are_answered_with_their_conversion(given, words):
    assert words in refusal("score ~ day + (1 | patient_id)", given)


@pytest.mark.parametrize(
    "formula, words",
    [
        ("y ~ dose mg + (1 | g)", "a name with blanks stands in backticks, `dose mg`"),
        ("y ~ a * dose mg + (1 | g)", "`dose mg`"),
        ("y ~ log(dose mg) + (1 | g)", "`dose mg`"),
        ("dose mg ~ a + (1 | g)", "`dose mg`"),
        ("y ~ a + (1 | my group)", "a name with blanks or signs stands in backticks"),
        ("y ~ Q('dose mg') + (1 | g)", "put the name in backticks, such as `dose mg`"),
        ("y ~ np.log(day) + (1 | g)", "; write log(day)"),
        ("y ~ numpy.sqrt(`dose mg` + 1) + (1 | g)", "; write sqrt(`dose mg` + 1)"),
        ("math.log(y) ~ a + (1 | g)", "; write log(y)"),
        ("y ~ np.where(day) + (1 | g)", "where is not known, known are abs, "),
        ("y ~ a + (1 + day patient_id)", "has no bar, as a random term has: (1 + day | patient_id)"),
        ("y ~ a + (1 g)", "has no bar, as a random term has: (1 | g)"),
        ("y ~ a + (1 | g) + (1 + day clinic)", "has no bar, as a random term has: (1 + day | clinic)"),
        ("y ~ a + (1 + day, patient_id)", "has no bar, as a random term has: (1 | patient_id)"),
        ("y ~ a (1 | g)", "'a (1 | g)': a + is missing before the bracket"),
        ("y ~ a + (1 | g) (1 | h)", "join random terms by +"),
        ('y ~ level == "IV" + (1 | g)', 'a comparison is written inside, such as I(level == "IV")'),
        ("y ~ a * (level != 'IV') + (1 | g)", "such as I(route == 'IV')"),
        ("y ~ a + (level == 'IV' | g)", "such as I(route == 'IV')"),
        ("y ~ level = 'IV' + (1 | g)", "such as I(route == 'IV')"),
        ("y ~ a >= 3 + (1 | g)", "such as I(a >= 3)"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(formula, words):
    with pytest.raises(FormulaError) as caught:
        plan_of(formula)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "term", ["__import__('os').system('x')", "__import__('os')", "log(a", "log(a b)", "a.b(", "exec('a b')"]
)
def test_no_message_speaks_of_a_line_in_an_unknown_file(term):
    for formula in (f"y ~ {term} + (1 | g)", f"{term} ~ a + (1 | g)"):
        with pytest.raises(FormulaError) as caught:
            plan_of(formula)
        assert "unknown>" not in str(caught.value)


def test_blanks_where_they_belong_are_read():
    plan = plan_of(
        "log(`my score` + 1) ~ ( `dose mg` + a )^2 + C( route , levels = ['I V', 'I M'] ) + ( 1 | g )"
    )
    assert plan.variables == ("my score", "dose mg", "a", "route", "g")


def test_levels_that_differ_in_blanks_or_capitals_are_counted(data):
    data["route"] = np.resize(["IV", "iv ", "IM", "Im"], N)
    data["patient_id"] = data["patient_id"].where(np.arange(N) % 20 != 0, data["patient_id"].str.lower())
    data["sex"] = np.resize(["f", "m"], N)
    frame = model_frame("score ~ day * route + sex + (1 | patient_id)", data)
    assert frame.warnings == (
        "route has levels that differ only in blanks or capitals (2 pairs)",
        "patient_id has groups that differ only in blanks or capitals (30 pairs)",
    )


@pytest.mark.parametrize("kind", ["str", object, "category"])
def test_empty_text_is_counted(kind, data):
    data["route"] = pd.Series(np.resize(["IV", "IM", "", "SC", " "], N)).astype(kind)
    frame = model_frame("score ~ route + (1 | patient_id)", data)
    assert frame.warnings == (
        "route has levels that differ only in blanks or capitals (1 pair)",
        "route is empty text in 240 rows, which counts as one of its levels",
    )


def test_labels_of_rows_that_are_not_used_give_no_warning(data):
    data["route"] = np.where(np.arange(N) < 5, "iv", data["route"])
    data.loc[:4, "score"] = np.nan
    assert model_frame("score ~ route + (1 | patient_id)", data).warnings == ()
    data["route"] = pd.Categorical(data["route"], categories=["IV", "IM", "SC", "iv", "Sc", ""])
    assert model_frame("score ~ route + (1 | patient_id)", data).warnings == ()


@pytest.mark.parametrize(
    "labels, expected",
    [
        ([], (0, False)),
        (["IV", "IM"], (0, False)),
        (["IV", "IM", "iv"], (1, False)),
        (["Pat_1", "Pat_2"], (0, False)),
        (["Pat_1", "pat_1", "PAT_1"], (2, False)),
        (["a b", "ab"], (0, False)),
        (["IV", "IV\t"], (1, False)),
        (["IV", "\u2003IV"], (1, False)),
        (["IV\n", "IV"], (1, False)),
        (["a\nb", "b"], (0, False)),
        (["STRASSE", "straße"], (1, False)),
        (["ü", "Ü"], (1, False)),
        ([""], (0, True)),
        (["a", ""], (0, True)),
        (["", "  ", "a b c"], (1, True)),
        ([1, 2], (0, False)),
        (["a", 1], (0, False)),
        ([False, True], (0, False)),
    ],
)
def test_labels_are_compared_without_blanks_around_them_and_capitals(labels, expected):
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    assert alike(array) == expected


@pytest.mark.parametrize(
    "values, warned",
    [
        (np.resize([0, 1], N), True),
        (np.resize([2.0, 5.0], N), True),
        (np.where(np.arange(N) < 150, 0, 1), True),
        (np.arange(N) % 3, False),
        (np.where(np.arange(N) < 599, np.arange(N) % 2, 7), False),
    ],
)
def test_a_response_of_two_values_is_pointed_out(values, warned, data):
    frame = model_frame("event ~ day + (1 | patient_id)", data.assign(event=values))
    words = "the response has two values; a logistic model fits them better"
    assert frame.warnings == ((words,) if warned else ())
