"""What an expression inside a formula may hold, checked before anything is computed.

The expression is never handed to Python: `functions` walks its tree, and knows only what is listed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.parse import blank_advice

__all__ = ["BINARY", "COMPARE", "CONTRASTS", "PLAIN", "STATEFUL", "UNARY", "Expression", "read_expression"]

PLAIN = MappingProxyType(
    {
        "log": np.log,
        "log2": np.log2,
        "log10": np.log10,
        "log1p": np.log1p,
        "exp": np.exp,
        "expm1": np.expm1,
        "sqrt": np.sqrt,
        "abs": np.abs,
        "I": np.asarray,
    }
)
"""Functions of one number each."""

STATEFUL = frozenset({"poly", "bs", "cs", "cr", "center", "scale", "standardize"})
"""formulaic's functions that learn from the data; what they learned is kept for new data."""

CONTRASTS = MappingProxyType(
    {
        "contr.treatment": "TreatmentContrasts",
        "contr.SAS": "SASContrasts",
        "contr.sum": "SumContrasts",
        "contr.helmert": "HelmertContrasts",
        "contr.diff": "DiffContrasts",
        "contr.poly": "PolyContrasts",
        "Treatment": "TreatmentContrasts",
        "Sum": "SumContrasts",
        "Helmert": "HelmertContrasts",
        "Diff": "DiffContrasts",
        "Poly": "PolyContrasts",
    }
)
"""Contrasts that ``C(column, ...)`` takes -> their class in formulaic."""

BINARY: MappingProxyType[type, Callable] = MappingProxyType(
    {
        ast.Add: np.add,
        ast.Sub: np.subtract,
        ast.Mult: np.multiply,
        ast.Div: np.true_divide,
        ast.Pow: np.power,
        ast.Mod: np.mod,
        ast.FloorDiv: np.floor_divide,
    }
)
UNARY: MappingProxyType[type, Callable] = MappingProxyType({ast.UAdd: np.positive, ast.USub: np.negative})
COMPARE: MappingProxyType[type, Callable] = MappingProxyType(
    {
        ast.Eq: np.equal,
        ast.NotEq: np.not_equal,
        ast.Lt: np.less,
        ast.LtE: np.less_equal,
        ast.Gt: np.greater,
        ast.GtE: np.greater_equal,
    }
)

KNOWN = ", ".join(sorted([*PLAIN, *STATEFUL, "C"], key=str.lower))
HINTS = {
    "offset": "offset() is not supported; take it off the response instead: I(score - expected) ~ ...",
    "factor": "factor() is written C() here: C(visit)",
    "Q": "Q() is not needed here; put the name in backticks, such as `dose mg`",
    "ns": "ns() is not known; cr(day, df=4, constraints='center') is a natural cubic spline",
}


@dataclass(frozen=True)
class Expression:
    """An expression that was found to hold nothing but what is allowed.

    Parameters
    ----------
    text : str
        As the formula has it.
    tree : ast.expr
    names : mapping of str to str
        Name in the tree -> column; they differ where the formula has backticks.
    """

    text: str
    tree: ast.expr = field(repr=False, compare=False)
    names: dict[str, str] = field(repr=False, compare=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that it needs, in order of appearance."""
        return tuple(dict.fromkeys(self.names.values()))


def read_expression(text: str) -> Expression:
    """Read an expression and check it.

    Parameters
    ----------
    text : str
        ``"log(score + 1)"``.

    Raises
    ------
    FormulaError
        It is no expression, or holds a function, attribute or operator that is not on the list.
    """
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match) -> str:
        name = f"quoted_{len(quoted)}_"
        while name in text:
            name += "_"
        quoted[name] = match.group(1)
        return name

    plain = re.sub(r"`([^`]+)`", stand_in, text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"'{text}' cannot be read as arithmetic of columns{blank_advice(text)}") from error
    names: dict[str, str] = {}
    Check(text, quoted, names).top(tree)
    if not names:
        raise FormulaError(f"'{text}' uses no column of the data")
    return Expression(text, tree, names)


@dataclass
class Check:
    """Walks a tree; `names` collects the columns."""

    text: str
    quoted: dict[str, str]
    names: dict[str, str]

    def refuse(self, why: str):
        raise FormulaError(f"'{self.text}': {why}")

    def top(self, node: ast.AST) -> None:
        """C() stands only outermost: a category cannot be reckoned with."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "C":
            self.category(node)
        else:
            self.data(node)

    def data(self, node: ast.AST) -> None:
        """Something computed from columns."""
        match node:
            case ast.Name(id=name):
                self.names[name] = self.quoted.get(name, name)
            case ast.Constant(value=value):
                if isinstance(value, bool) or not isinstance(value, int | float | str):
                    self.refuse("a constant in a formula is a number or a text in quotes")
            case ast.BinOp(left=left, op=op, right=right):
                if isinstance(op, ast.BitXor):
                    self.refuse("a power is written ** here, such as I(day ** 2)")
                if type(op) not in BINARY:
                    self.refuse("only + - * / ** % and comparisons are known")
                self.data(left)
                self.data(right)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
                self.data(operand)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
                self.data(left)
                self.data(right)
            case ast.Call():
                self.call(node)
            case ast.Attribute():
                self.refuse("a name with a dot inside brackets needs backticks, such as log(`a.b`)")
            case _:
                self.refuse("only columns, numbers, + - * / ** %, single comparisons and functions are known")

    def call(self, node: ast.Call) -> None:
        if not isinstance(node.func, ast.Name):
            self.refuse(f"a function is called by its name alone{self.without_module(node.func)}")
        name = node.func.id
        if name == "C":
            self.refuse("C() cannot stand inside another expression")
        if name not in PLAIN and name not in STATEFUL:
            self.refuse(HINTS.get(name, f"the function {name} is not known; known are {KNOWN}"))
        if not node.args:
            self.refuse(f"{name}() needs a column")
        self.data(node.args[0])
        if name in PLAIN and (len(node.args) > 1 or node.keywords):
            self.refuse(f"{name}() takes one argument")
        for argument in [*node.args[1:], *(keyword.value for keyword in node.keywords)]:
            self.constant(argument)
        if any(keyword.arg is None or keyword.arg.startswith("_") for keyword in node.keywords):
            self.refuse(f"{name}() has an argument that it does not take")

    def without_module(self, function: ast.expr) -> str:
        """np.log(day) is written log(day)."""
        match function:
            case ast.Attribute(value=ast.Name(id="np" | "numpy" | "math" as module), attr=name):
                if name in PLAIN:
                    return f"; write {self.text.replace(f'{module}.{name}(', f'{name}(')}"
                return f"; {name} is not known, known are {KNOWN}"
        return ""

    def category(self, node: ast.Call) -> None:
        """``C(column, contrasts, levels=[...])``."""
        if not node.args or len(node.args) > 2:
            self.refuse("C() takes a column and, if wanted, contrasts: C(route, contr.sum)")
        self.data(node.args[0])
        given = list(node.args[1:])
        for keyword in node.keywords:
            if keyword.arg == "contrasts" and not given:
                given.append(keyword.value)
            elif keyword.arg == "levels":
                self.constant(keyword.value)
            else:
                self.refuse("C() takes contrasts and levels=[...] besides its column")
        for contrast in given:
            call = contrast if isinstance(contrast, ast.Call) else None
            name = ast.unparse(call.func if call else contrast)
            if name not in CONTRASTS:
                known = ", ".join(CONTRASTS)
                self.refuse(f"the contrasts '{name}' are not known; known are {known}")
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)] if call else []:
                self.constant(argument)

    def constant(self, node: ast.AST) -> None:
        """A setting of a function: a number, a text, True, False, None or a list of these."""
        match node:
            case ast.Constant(value=value) if value is None or isinstance(value, bool | int | float | str):
                return
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float())):
                return
            case ast.List(elts=items) | ast.Tuple(elts=items):
                for item in items:
                    self.constant(item)
            case _:
                self.refuse("a function's settings are plain numbers, texts or lists, such as df=4")
