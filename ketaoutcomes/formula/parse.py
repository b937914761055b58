"""Take a mixed-model formula apart: response, fixed part, random terms. Only text is looked at here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ketaoutcomes.errors import FormulaError

__all__ = ["LONGEST", "ParsedFormula", "RandomTerm", "blank_advice", "parse_formula", "scan"]

LONGEST = 5000
"""Characters of a formula; a longer one is a mistake, and its reading would be slow."""

OPENERS = {"(": ")", "[": "]"}
NAME = r"(?:`[^`]+`|[^\W\d][\w.]*|\.[\w.]*[^\W\d][\w.]*)"
WORDS = frozenset(["and", "as", "else", "for", "from", "if", "import", "in", "is", "lambda", "not", "or"])
QUOTED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"")
APART = re.compile(r"(?<![\w.`])[\w.]+(?:[ \t]+[\w.]+)+(?![\w.(\[])")
COMPARISONS = "<>=!"
UNJOINED = re.compile(r"[\w.)\]]\s+\([^()]*\|")
GROUP = re.compile(rf"\s*{NAME}\s*(?:[:/]\s*{NAME}\s*)*")


@dataclass(frozen=True)
class RandomTerm:
    """One random term after nesting is written out.

    Parameters
    ----------
    text : str
        The term as written, ``"(1 + day | clinic/patient)"``.
    expression : str
        What stands before the bar, ``"1 + day"``.
    factors : tuple of str
        Columns whose combinations are the groups, ``("clinic", "patient")``.
    correlated : bool
        False for ``||``.
    """

    text: str
    expression: str
    factors: tuple[str, ...]
    correlated: bool


@dataclass(frozen=True)
class ParsedFormula:
    """The three parts of a formula.

    Parameters
    ----------
    response, fixed : str
        Text before ``~``, and after it without the random terms (``"1"`` if nothing is left).
    random : tuple of RandomTerm
    """

    response: str
    fixed: str
    random: tuple[RandomTerm, ...]


@dataclass(frozen=True)
class Mark:
    """One character of the formula that is neither inside quotes nor inside a function's brackets."""

    at: int
    char: str
    depth: int


def scan(text: str) -> list[Mark]:
    """Characters that matter for the structure, with the number of open brackets around each.

    Quoted text and what stands in the brackets of a function call are passed over.

    Raises
    ------
    FormulaError
        A bracket or a quote is left open or closed twice; a brace or a ``%`` operator.
    """
    marks: list[Mark] = []
    stack: list[tuple[str, bool]] = []
    quote = None
    before = ""
    for at, char in enumerate(text):
        if quote:
            quote = None if char == quote else quote
            before = char if not char.isspace() else before
            continue
        in_call = any(call for _, call in stack)
        if char in "`'\"":
            quote = char
        elif char in OPENERS:
            call = in_call or char == "[" or before.isalnum() or before in ("_", ".", "`", ")", "]")
            if not call:
                marks.append(Mark(at, char, len(stack)))
            stack.append((OPENERS[char], call))
        elif char in ")]":
            if not stack or stack[-1][0] != char:
                raise FormulaError(f"the formula has a '{char}' at position {at + 1} that closes no bracket")
            _, call = stack.pop()
            if not call:
                marks.append(Mark(at, char, len(stack)))
        elif char in "{}":
            raise FormulaError("the formula has a brace; write arithmetic inside I( ), such as I(2 * dose)")
        elif not in_call and not char.isspace():
            if char == "%":
                raise FormulaError("%in% and %% are not read in a formula; write a:b for b within a")
            marks.append(Mark(at, char, len(stack)))
        before = char if not char.isspace() else before
    if quote:
        raise FormulaError(f"the formula ends inside a quotation; a closing {quote} is missing")
    if stack:
        raise FormulaError(f"the formula ends before a closing '{stack[-1][0]}'")
    return marks


def blank_advice(text: str) -> str:
    """What follows "cannot be read" where blanks alone keep names apart, as in ``dose mg``; or ``""``."""
    names = apart(text)
    return f": a name with blanks stands in backticks, `{names}`, and + joins terms" if names else ""


def apart(text: str) -> str:
    """The first words that only blanks keep apart, outside quotes and without Python's own; or ``""``."""
    plain = QUOTED.sub(lambda match: "+" * len(match.group()), text)
    for match in APART.finditer(plain):
        if WORDS.isdisjoint(match.group().split()):
            return match.group()
    return ""


def parse_formula(text: str) -> ParsedFormula:
    """Split a formula with lme4's group syntax into its parts.

    ``(1 | a/b)`` becomes the terms ``(1 | a)`` and ``(1 | a:b)``.

    Parameters
    ----------
    text : str

    Raises
    ------
    FormulaError
        The formula is no text, has no ``~`` or no response, unbalanced brackets, a bar outside brackets,
        a random term without a group or one that is not joined by ``+``.
    """
    if not isinstance(text, str):
        raise FormulaError(
            f"a formula is text such as 'score ~ day + (1 | patient_id)', not {type(text).__name__}"
        )
    if len(text) > LONGEST:
        raise FormulaError(f"the formula has {len(text)} characters; {LONGEST} are read at most")
    return split(text)


@lru_cache(maxsize=256)
def split(text: str) -> ParsedFormula:
    """`parse_formula` of what is known to be text; a formula is often fitted many times."""
    marks = scan(text)
    tildes = [mark.at for mark in marks if mark.char == "~"]
    if not tildes:
        raise FormulaError(
            "the formula has no ~; write response ~ terms, such as score ~ day + (1 | patient_id)"
        )
    if len(tildes) > 1:
        raise FormulaError(f"the formula has {len(tildes)} times ~, where one is meant")
    response = text[: tildes[0]].strip()
    if not response:
        raise FormulaError("the formula has no response before ~")
    bars = [mark.at for mark in marks if mark.char == "|"]
    if bars and bars[0] < tildes[0]:
        raise FormulaError("the formula has a | before ~; random terms stand after it")
    fixed, random = right_side(text[tildes[0] + 1 :])
    return ParsedFormula(response, fixed, random)


def right_side(text: str) -> tuple[str, tuple[RandomTerm, ...]]:
    """The fixed part, and the random terms that stood among it."""
    marks = scan(text)
    for mark in marks:
        if mark.char == "|" and mark.depth == 0:
            raise FormulaError(
                "a | stands outside brackets; write a random term in brackets: (1 + day | patient_id)"
            )
    fixed, random = [], []
    for sign, start, end in pieces(text, marks):
        piece = text[start:end]
        inner = [mark for mark in marks if start <= mark.at < end]
        refuse_comparison(piece.strip(), inner)
        if not any(mark.char == "|" for mark in inner):
            refuse_lost_bar(piece.strip(), inner)
            fixed.append(f"{sign} {piece.strip()}")
            continue
        outer = [mark for mark in inner if mark.depth == 0]
        if len(outer) != 2 or outer[0].char != "(" or text[outer[-1].at + 1 : end].strip():
            raise FormulaError(f"'{piece.strip()}' mixes a random term with others; join random terms by +")
        if sign.strip() == "-":
            raise FormulaError(f"'- {piece.strip()}': a random term cannot be taken away")
        random += random_terms(piece.strip(), inner, text)
    kept = " ".join(fixed).strip()
    return kept.removeprefix("+").strip() or "1", tuple(random)


def refuse_comparison(piece: str, marks: list[Mark]) -> None:
    """``level == "IV"`` is a column only inside ``I()``."""
    if not any(mark.char in COMPARISONS for mark in marks):
        return
    alone = not any(mark.char not in COMPARISONS and mark.char in "()|*:/^" for mark in marks)
    assigned = "".join(mark.char for mark in marks if mark.char in COMPARISONS) == "="
    example = f"I({piece})" if alone and not assigned else "I(route == 'IV')"
    raise FormulaError(f"'{piece}' compares outside I( ); a comparison is written inside, such as {example}")


def refuse_lost_bar(piece: str, marks: list[Mark]) -> None:
    """A bracket with names apart by a blank or a comma, or without a sign before it, was a random term."""
    if not marks:
        return
    first, last = marks[0], marks[-1]
    bracket = first.char == "(" and last.char == ")" and piece[0] == "(" and piece[-1] == ")"
    names = apart(piece) if bracket else ""
    if names or (bracket and any(mark.char == "," for mark in marks)):
        words = names.split()
        meant = "(1 | patient_id)"
        if len(words) == 2:
            meant = piece.replace(names, f"{words[0]} | {words[1]}")
        raise FormulaError(
            f"'{piece}' has no bar, as a random term has: {meant}; a name with blanks stands in backticks"
        )
    if UNJOINED.search(QUOTED.sub("", piece)):
        raise FormulaError(f"'{piece}': a + is missing before the bracket of the random term")


def pieces(text: str, marks: list[Mark]) -> list[tuple[str, int, int]]:
    """Sign, start and end of each piece between the plus and minus signs that stand outside brackets."""
    cuts = [mark for mark in marks if mark.depth == 0 and mark.char in "+-"]
    starts = [("", 0)] + [(mark.char, mark.at + 1) for mark in cuts]
    ends = [mark.at for mark in cuts] + [len(text)]
    found = [(sign, start, end) for (sign, start), end in zip(starts, ends, strict=True)]
    if not found[0][0] and not text[found[0][1] : found[0][2]].strip():
        if len(found) == 1:
            raise FormulaError(
                "nothing stands after ~; write 1 for a mean alone, such as score ~ 1 + (1 | patient_id)"
            )
        found = found[1:]
    if not text[found[-1][1] : found[-1][2]].strip():
        raise FormulaError(f"the formula ends with '{found[-1][0]}'; a term is missing")
    return found


def random_terms(piece: str, inner: list[Mark], text: str) -> list[RandomTerm]:
    """The random terms that one bracket stands for."""
    bars = [mark.at for mark in inner if mark.char == "|"]
    doubled = len(bars) == 2 and bars[1] == bars[0] + 1
    deep = any(mark.char == "|" and mark.depth != 1 for mark in inner)
    if deep or (len(bars) != 1 and not doubled):
        raise FormulaError(f"'{piece}' has more than one random term in its brackets; give each its own")
    opened = next(mark.at for mark in inner if mark.char == "(")
    closed = [mark.at for mark in inner if mark.char == ")"][-1]
    expression = text[opened + 1 : bars[0]].strip()
    group = text[bars[-1] + 1 : closed]
    if not expression:
        raise FormulaError(
            f"'{piece}' has nothing before the bar; write (1 | group) for an intercept by group"
        )
    if not group.strip():
        raise FormulaError(f"'{piece}' has no group after the bar, such as (1 | patient_id)")
    if not GROUP.fullmatch(group):
        raise FormulaError(
            f"'{piece}': after the bar stand names of columns joined by : or /, such as clinic_id/patient_id;"
            " a name with blanks or signs stands in backticks"
        )
    levels = [
        [name.strip().strip("`") for name in re.findall(NAME, level)]
        for level in re.split(r"/(?=(?:[^`]*`[^`]*`)*[^`]*$)", group)
    ]
    terms = []
    factors: tuple[str, ...] = ()
    for level in levels:
        factors = tuple(dict.fromkeys([*factors, *level]))
        terms.append(RandomTerm(piece, expression, factors, not doubled))
    return terms
