"""Compute checked expressions of columns. Functions that learn from the data keep what they learned."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import BINARY, COMPARE, CONTRASTS, PLAIN, STATEFUL, UNARY, Expression
from ketaoutcomes.formula.coding import level_text

__all__ = ["category_settings", "contrast_matrix", "evaluate"]

State = dict[str, dict]


def evaluate(
    expression: Expression, values: Callable[[str], NDArray], *, state: State, tree: ast.expr | None = None
) -> NDArray:
    """Value of an expression on complete rows.

    Parameters
    ----------
    expression : Expression
    values : callable
        Column's name -> (n,) float, bool or object array without missing values.
    state : dict
        What stateful functions learned, by their text. Filled where empty, used where filled.
    tree : ast.expr, optional
        A part of the expression, if only that part is wanted.

    Returns
    -------
    (n,) or (n, k) array
        Bool from a comparison, object from a text column, else float.

    Raises
    ------
    FormulaError
        A text is used as a number, a function refuses its settings, or the value is not finite.
    """
    root = expression.tree if tree is None else tree
    # Not finite values are looked for below, once, and counted.
    with np.errstate(all="ignore"):
        found = np.asarray(walk(root, expression, values, state))
    if found.dtype.kind == "f":
        wrong = ~np.isfinite(found)
        if wrong.any():
            rows = int(wrong.reshape(len(wrong), -1).any(axis=1).sum())
            raise FormulaError(
                f"'{expression.text}' has no finite value in {rows} {'row' if rows == 1 else 'rows'}"
                " (a logarithm of zero, a division by zero or the like); leave these rows out first"
            )
    return found


def walk(node: ast.AST, expression: Expression, values: Callable, state: State):
    """One node of the tree."""
    match node:
        case ast.Name(id=name):
            return values(expression.names[name])
        case ast.Constant(value=value):
            # As float64 a tower of powers ends at inf; as Python's int it would never end.
            return value if isinstance(value, str) else np.float64(value)
        case ast.BinOp(left=left, op=op, right=right):
            first = number(walk(left, expression, values, state), expression)
            return BINARY[type(op)](first, number(walk(right, expression, values, state), expression))
        case ast.UnaryOp(op=op, operand=operand):
            return UNARY[type(op)](number(walk(operand, expression, values, state), expression))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return compare(
                op, walk(left, expression, values, state), walk(right, expression, values, state), expression
            )
        case ast.Call(func=ast.Name(id="I"), args=[inner]):
            return walk(inner, expression, values, state)
        case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in PLAIN:
            return PLAIN[name](number(walk(inner, expression, values, state), expression))
        case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in STATEFUL:
            return learn(node, number(walk(inner, expression, values, state), expression), expression, state)
    raise FormulaError(f"'{expression.text}' holds something that is not allowed in a formula")


def number(value, expression: Expression):
    """A value to reckon with; true is 1."""
    kind = np.asarray(value).dtype.kind
    if kind not in "fbiu":
        raise FormulaError(
            f"'{expression.text}' reckons with text; only == and != take text,"
            " and pd.to_numeric(...) makes numbers of it"
        )
    return np.asarray(value, dtype=np.float64)


def compare(op: ast.cmpop, left, right, expression: Expression) -> NDArray[np.bool_]:
    """A comparison; texts only for equality."""
    texts = [np.asarray(side).dtype.kind in "OUT" for side in (left, right)]
    if any(texts) and (not all(texts) or not isinstance(op, ast.Eq | ast.NotEq)):
        raise FormulaError(f"'{expression.text}' compares text with a number, or asks which text is larger")
    return np.asarray(COMPARE[type(op)](left, right), dtype=bool)


def settings(node: ast.Call) -> tuple[list, dict]:
    """Arguments after the first, as values."""
    positional = [ast.literal_eval(argument) for argument in node.args[1:]]
    return positional, {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}


def learn(node: ast.Call, value: NDArray, expression: Expression, state: State) -> NDArray[np.float64]:
    """Apply one of formulaic's functions that learn from the data."""
    from formulaic.transforms import TRANSFORMS

    name = node.func.id
    key = ast.unparse(node)
    if value.ndim != 1:
        raise FormulaError(f"'{expression.text}': {name}() takes one column of numbers")
    positional, named = settings(node)
    seen = key in state
    if not seen:
        refuse_too_few(name, value, positional, named, expression)
    try:
        found = TRANSFORMS[name](value, *positional, _state=state.setdefault(key, {}), **named)
    except Exception as error:  # each function has its own kinds; all mean that it refuses
        state.pop(key, None) if not seen else None
        raise FormulaError(refusal(name, value, error, expression, state.get(key, {}))) from error
    found = getattr(found, "__wrapped__", found)
    if isinstance(found, dict):
        found = np.column_stack(
            [column for field, column in found.items() if not str(field).startswith("__")]
        )
    return np.asarray(found, dtype=np.float64)


def refuse_too_few(
    name: str, value: NDArray, positional: list, named: Mapping, expression: Expression
) -> None:
    """poly() of more degrees than there are values would be noise."""
    if name != "poly":
        return
    degree = named.get("degree", positional[0] if positional else 1)
    if not isinstance(degree, int) or degree < 1:
        raise FormulaError(f"'{expression.text}': the degree of poly() is a whole number from 1")
    distinct = len(np.unique(value))
    if distinct <= degree:
        raise FormulaError(
            f"'{expression.text}': a polynomial of degree {degree} needs more than {degree} different values;"
            f" the rows used have {distinct}"
        )


def refusal(name: str, value: NDArray, error: Exception, expression: Expression, learned: Mapping) -> str:
    """The sentence for a function's refusal."""
    low, high = learned.get("lower_bound"), learned.get("upper_bound")
    if low is not None and high is not None:
        beyond = int(((value < low) | (value > high)).sum())
        if beyond:
            lie = "row lies" if beyond == 1 else "rows lie"
            return (
                f"'{expression.text}' reaches from {low:g} to {high:g}, and {beyond} {lie} beyond;"
                f" {name}(..., extrapolation='extend') goes on there"
            )
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"'{expression.text}' cannot be computed: {reason}"


def category_settings(expression: Expression) -> tuple[ast.expr, ast.expr | None, list | None]:
    """Of ``C(column, contrasts, levels=[...])``: what is categorised, the contrasts, the levels."""
    call = expression.tree
    contrasts = call.args[1] if len(call.args) > 1 else None
    levels = None
    for keyword in call.keywords:
        if keyword.arg == "contrasts":
            contrasts = keyword.value
        else:
            levels = ast.literal_eval(keyword.value)
    return call.args[0], contrasts, list(levels) if levels is not None else None


def contrast_matrix(
    contrasts: ast.expr, levels: tuple, *, expression: Expression
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Coding of a factor's levels by named contrasts.

    Returns
    -------
    matrix : (n_levels, n_levels - 1)
    suffixes : tuple of str
        What follows the factor's name in the name of each column: the level itself for treatment
        contrasts, ``[S.IV]`` for the deviation of IV from the mean, ``.L`` for the linear trend.
    """
    from formulaic.transforms import contrasts as known

    call = contrasts if isinstance(contrasts, ast.Call) else None
    name = ast.unparse(call.func if call else contrasts)
    kind = getattr(known, CONTRASTS[name])
    try:
        positional = [ast.literal_eval(argument) for argument in call.args] if call else []
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords} if call else {}
        if name == "Treatment" and "reference" in named:
            named["base"] = named.pop("reference")
        made = kind(*positional, **named)
        coding = np.asarray(made.get_coding_matrix(list(levels), True), dtype=np.float64)
        fields = list(made.get_coding_column_names(list(levels), True))
    except Exception as error:
        text = f"'{expression.text}': the contrasts cannot be made"
        if "among the provided levels" in str(error):
            text = f"'{expression.text}': the reference level is not among the levels in the rows used"
        raise FormulaError(text) from error
    pattern = "{field}"
    if not isinstance(made, known.TreatmentContrasts | known.PolyContrasts):
        pattern = made.get_factor_format(list(levels), reduced_rank=True).replace("{name}", "")
    return coding, tuple(pattern.format(field=level_text(field)) for field in fields)
