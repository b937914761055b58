"""What a formula's text says: its parts, its random terms, its terms in order; and what is refused."""

from __future__ import annotations

import pytest

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import read_expression
from ketaoutcomes.formula.parse import parse_formula
from ketaoutcomes.formula.plan import plan_of
from ketaoutcomes.formula.terms import expand


def random_of(text: str) -> list[tuple]:
    return [(term.expression, term.factors, term.correlated) for term in parse_formula(text).random]


def names(text: str) -> list[str]:
    return [":".join(piece.name for piece in term) for term in expand(text).terms]


def test_a_formula_is_split_into_response_fixed_part_and_random_terms():
    parsed = parse_formula("y ~ a*b + poly(t, 2) + (1 + t | patient_id) + bs(t, df=4) + (1|clinic_id)")
    assert parsed.response == "y"
    assert parsed.fixed == "a*b + poly(t, 2) + bs(t, df=4)"
    assert [(term.expression, term.factors) for term in parsed.random] == [
        ("1 + t", ("patient_id",)),
        ("1", ("clinic_id",)),
    ]


def test_a_formula_of_random_terms_alone_has_a_mean():
    assert parse_formula("y ~ (1 | g)").fixed == "1"


@pytest.mark.parametrize(
    "group, expected",
    [
        ("a/b", [("a",), ("a", "b")]),
        ("a/b/c", [("a",), ("a", "b"), ("a", "b", "c")]),
        ("a:b", [("a", "b")]),
        ("a/b:c", [("a",), ("a", "b", "c")]),
        ("`my clinic`/p.id", [("my clinic",), ("my clinic", "p.id")]),
        ("`a/b`", [("a/b",)]),
    ],
)
def test_nested_groups_are_written_out(group, expected):
    assert [factors for _, factors, _ in random_of(f"y ~ t + (1 | {group})")] == expected


def test_two_bars_mean_effects_without_correlation():
    assert random_of("y ~ (1 + t || g)") == [("1 + t", ("g",), False)]


@pytest.mark.parametrize(
    "expression, blocks",
    [
        ("1 + t", ["1", "t"]),
        ("t", ["1", "t"]),
        ("0 + t", ["t"]),
        ("t * r", ["1", "t", "r", "t:r"]),
    ],
)
def test_each_term_before_two_bars_is_a_block_of_its_own(expression, blocks):
    (group,) = plan_of(f"y ~ 1 + ({expression} || g)").groups
    found = [
        "1" if block.intercept else ":".join(piece.name for piece in block.terms[0]) for block in group.blocks
    ]
    assert found == blocks


def test_terms_on_one_grouping_factor_are_one_group_whatever_the_order_of_its_columns():
    plan = plan_of("y ~ 1 + (1 | a:b) + (1 | c) + (0 + t | b:a)")
    assert [(group.factors, len(group.blocks)) for group in plan.groups] == [(("a", "b"), 2), (("c",), 1)]


def test_a_bar_inside_a_quoted_level_is_text():
    parsed = parse_formula("y ~ C(route, Treatment('IV | drip')) + (1 | g)")
    assert parsed.fixed == "C(route, Treatment('IV | drip'))"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a*b", ["a", "b", "a:b"]),
        ("a:b + a", ["a", "a:b"]),
        ("b + a:b", ["b", "b:a"]),
        ("(a + b + c)^2 - a:b", ["a", "b", "c", "a:c", "b:c"]),
        ("(a + b)**2", ["a", "b", "a:b"]),
        ("a/b", ["a", "a:b"]),
        ("a*b*c - a:b:c", ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("a + a + b:a + a:b", ["a", "a:b"]),
        ("`PHQ-9` * t", ["PHQ-9", "t", "PHQ-9:t"]),
        ("log( t )+I(t **2)", ["log(t)", "I(t ** 2)"]),
        ("1", []),
    ],
)
def test_terms_stand_in_the_order_of_r(text, expected):
    # R 4.2.2: attr(terms(~ ...), "term.labels"), but for the spacing inside functions.
    assert names(text) == expected
    assert expand(text).intercept


@pytest.mark.parametrize("text", ["0 + a", "a - 1", "-1 + a", "a + 0", "a + -1"])
def test_the_intercept_is_taken_away(text):
    assert not expand(text).intercept
    assert names(text) == ["a"]


@pytest.mark.parametrize(
    "formula, words",
    [
        (3, "a formula is text"),
        (["y ~ x"], "a formula is text"),
        (None, "a formula is text"),
        ("y", "has no ~"),
        ("", "has no ~"),
        ("~ a + (1 | g)", "no response before ~"),
        ("y ~ a ~ b", "2 times ~"),
        ("y ~", "nothing stands after ~"),
        ("y ~ a +", r"ends with '\+'"),
        ("y ~ (a + b", r"before a closing '\)'"),
        ("y ~ a) + (1 | g)", r"a '\)' at position 6 that closes no bracket"),
        ("y ~ log(a", r"before a closing '\)'"),
        ("y ~ `a + (1 | g)", "inside a quotation"),
        ("y ~ 1 + t | g", r"brackets: \(1 \+ day \| patient_id\)"),
        ("y | g ~ t", "before ~"),
        ("y ~ a * (1 | g)", "mixes a random term with others"),
        ("y ~ a - (1 | g)", "cannot be taken away"),
        ("y ~ ((1 | g))", "more than one random term"),
        ("y ~ (1 | g | h)", "more than one random term"),
        ("y ~ (1 | )", "no group after the bar"),
        ("y ~ ( | g)", "nothing before the bar"),
        ("y ~ (1 | C(g))", "names of columns"),
        ("y ~ (1 | g + h)", "names of columns"),
        ("y ~ {a} + (1 | g)", "a brace"),
        ("y ~ a %in% b + (1 | g)", "write a:b for b within a"),
        ("y ~ " + "a + " * 2000 + "(1 | g)", "characters"),
        ("y ~ a", "no random term; lmm needs one such as .* statsmodels' ols"),
        ("y ~ 0 + (1 | g)", "the fixed part is empty"),
        ("y ~ a + (0 | g)", "no random effect"),
        ("y ~ y + (1 | g)", "'y' stands on the right"),
        ("y ~ . + (1 | g)", "name the columns"),
        ("y ~ a b + (1 | g)", "cannot be read"),
        ("y ~ a + + b + * c + (1 | g)", "cannot be read"),
        ("y ~ 2 * a + (1 | g)", "holds a number"),
        ("y ~ 2:a + (1 | g)", "holds a number"),
        ("y ~ a + 3 + (1 | g)", "holds a number"),
        ("y ~ 'a' + (1 | g)", "cannot be read"),
        ("y ~ a^2 + (1 | g)", r"a square is written I\(day \*\* 2\)"),
        ("y ~ log(a)**2 + (1 | g)", r"a square is written I\(day \*\* 2\)"),
        ("y ~ (a + b)^40 + (1 | g)", "6 is the highest"),
        ("y ~ a@b + (1 | g)", "cannot be read"),
        ("y ~ a > 3 + (1 | g)", r"such as I\(a > 3\)$"),
        ("y ~ a + offset(b) + (1 | g)", r"offset\(\) is not supported"),
    ],
)
def test_a_formula_that_cannot_be_read_is_refused_in_one_sentence(formula, words):
    with pytest.raises(FormulaError, match=words) as caught:
        plan_of(formula)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "expression, columns",
    [
        ("log(score + 1)", ("score",)),
        ("I(score - baseline)", ("score", "baseline")),
        ("log(`PHQ-9`) * `a.b`", ("PHQ-9", "a.b")),
        ("poly(log(day), degree=2)", ("day",)),
        ("bs(day, knots=[3, -7.5], extrapolation='extend')", ("day",)),
        ("C(route, contr.treatment(base='IM'), levels=['IV', 'IM'])", ("route",)),
        ("I(route == 'IV')", ("route",)),
        ("-day % 7 // 2", ("day",)),
    ],
)
def test_an_expression_knows_its_columns(expression, columns):
    assert read_expression(expression).variables == columns


@pytest.mark.parametrize(
    "expression, words",
    [
        ("__import__('os').system('x')", "called by its name"),
        ("__import__(a)", "the function __import__ is not known"),
        ("eval(a)", "the function eval is not known"),
        ("open(a)", "the function open is not known"),
        ("lag(a)", "the function lag is not known; known are abs, bs, C,"),
        ("a.__class__", "needs backticks"),
        ("log(a.real)", "needs backticks"),
        ("a.mean()", "called by its name"),
        ("log(a)(b)", "called by its name"),
        ("np.log(a)", "called by its name"),
        ("a[0]", "only columns"),
        ("I([x for x in a])", "only columns"),
        ("I(lambda: a)", "only columns"),
        ("I((b := a))", "only columns"),
        ("I(a if b else a)", "only columns"),
        ("I(a and b)", "only columns"),
        ("I(not a)", "only columns"),
        ("I(0 < a < 3)", "single comparisons"),
        ("I(a in b)", "only columns"),
        ("I(f'{a}')", "only columns"),
        ("I(a, b)", "takes one argument"),
        ("I(*a)", "only columns"),
        ("log(a, where=b)", "takes one argument"),
        ("log()", "needs a column"),
        ("I(a ^ 2)", r"written \*\* here"),
        ("I(a | b)", "only \\+ - "),
        ("I(a @ b)", "only \\+ - "),
        ("I(a << 2)", "only \\+ - "),
        ("I(True)", "a number or a text"),
        ("I(a * 1j)", "a number or a text"),
        ("I(1)", "uses no column"),
        ("poly(a, b)", "plain numbers"),
        ("poly(a, eval('2'))", "plain numbers"),
        ("bs(a, **b)", "plain numbers"),
        ("bs(a, _state=1)", "does not take"),
        ("C(a, contr.custom([1, 2]))", "contrasts 'contr.custom' are not known"),
        ("C(a, contr.__class__)", "are not known"),
        ("C(a, contr.sum(b))", "plain numbers"),
        ("C(a, spans_intercept=False)", "besides its column"),
        ("log(C(a))", "cannot stand inside"),
        ("poly(C(a), 2)", "cannot stand inside"),
        ("factor(a)", r"written C\(\)"),
        ("I(a", "cannot be read"),
        ("I(a) b", "cannot be read"),
        ("import os", "cannot be read"),
        ("(" * 300 + "a" + ")" * 300, "cannot be read"),
    ],
)
def test_an_expression_with_anything_else_is_refused(expression, words):
    with pytest.raises(FormulaError, match=words):
        read_expression(expression)
