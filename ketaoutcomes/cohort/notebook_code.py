"""What in the source of a notebook's cell can hold an identifier: its literals, comments and lines.

Code is cut into tokens and never run. A number that is compared with, given to
or kept under a name such as mrn is taken for what the name says.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from ketaoutcomes.cohort.privacy_cells import ID_COLUMNS
from ketaoutcomes.cohort.privacy_patterns import load_rules, normalise
from ketaoutcomes.cohort.schema import TABLES

__all__ = ["Pieces", "code_pieces", "markdown_pieces", "text_cells"]

# Between a name and the literals that are its own.
BRIDGES = frozenset({"]", ")", ".", "==", "!=", "=", ":", "(", "[", "{", ","})
BRIDGE_WORDS = frozenset(
    {"isin", "eq", "ne", "in", "not", "is", "str", "contains", "startswith", "Series", "array", "pd", "np"}
)
MOST_TOKENS = 400
NAMED = re.compile(r"[\w .#-]{2,40}")
CODE_LIKE = re.compile(r"(?=(?:\D*\d){4})[\w #/.-]{4,40}")
NAME_HEADER = re.compile(
    r"_(?:(?:first|last|full|maiden|middle|given|family|patient|pt|client)_?name|surname|patient|client)_"
)
NAME_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
LONGEST_NAMES, FEW_WORDS = 10_000, 5
STRING = re.compile(r"""^[A-Za-z]{0,2}('''|\"\"\"|'|")(.*)\1$""", re.S)
QUOTED = re.compile(r"""'([^'\n]*)'|"([^"\n]*)\"""")
FSTRING_MIDDLE = getattr(tokenize, "FSTRING_MIDDLE", None)
# What code writes without thinking of anybody: powers of two, and 123456789.
MACHINE_NUMBERS = frozenset(
    str(number)
    for number in (2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 123456789, 1234567890)
)
LETTERS_BY_NAME = "DEGHIJKLMPR"


@dataclass
class Pieces:
    """The pieces of one source.

    Parameters
    ----------
    data : list of list of str
        Literals and cells of tables; of each, the ways in which it can be read.
    prose : list of str
        Comments and lines of prose.
    named : list of str
        Class of each literal that a name tells of.
    """

    data: list[list[str]] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


def code_pieces(source: str) -> Pieces:
    """Return the pieces of a code cell; lines for the shell and magic lines are prose."""
    pieces, lines = Pieces(), []
    for line in source.splitlines():
        if line.lstrip()[:1] in ("%", "!", "?"):
            pieces.prose.append(line)
            line = ""
        lines.append(line)
    tokens, whole = [], True
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            tokens.append(token)
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        whole = False
    literals = [_literal(token) for token in tokens]
    for token, literal in zip(tokens, literals, strict=True):
        if token.type == tokenize.COMMENT:
            pieces.prose.append(token.string.lstrip("# "))
        elif token.type == tokenize.NUMBER:
            # Shorter ones are counts, seeds and the like; round ones are sizes.
            if len(literal) >= 9 and len(literal.rstrip("0")) > 4 and literal not in MACHINE_NUMBERS:
                pieces.data.append([literal])
        elif literal is not None:
            pieces.data.append(text_cells(literal))
    pieces.named += _named(tokens, literals)
    if not whole:
        # Not Python, or broken: what stands in quotation marks, and the lines themselves.
        pieces.data += [[single or double] for single, double in QUOTED.findall(source) if single or double]
        pieces.prose += [line for line in lines if line.strip()]
    return pieces


def markdown_pieces(source: str) -> Pieces:
    """Return the pieces of a Markdown or raw cell: rows of tables as data, all else as prose."""
    pieces = Pieces()
    for line in source.splitlines():
        if line.count("|") >= 2 and line.lstrip().startswith("|"):
            pieces.data += [[cell.strip()] for cell in line.split("|") if cell.strip(" :-")]
        elif line.strip():
            pieces.prose.append(line)
    return pieces


def text_cells(text: str) -> list[str]:
    """Return the ways to read a text: its lines, and the cells in which a separator cuts them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cells = [cell.strip(" '\"") for line in lines for cell in re.split(r"[,;\t|]|\s{2,}", line)]
    # A query such as "mrn == '00123456'" tells its number by a name.
    bare = [re.sub(r"['\"=]+", " ", line) for line in lines if "==" in line]
    return list(dict.fromkeys([*lines, *(cell for cell in cells if cell), *bare]))


def _literal(token: tokenize.TokenInfo) -> str | None:
    """Return the text of a string or the digits of a number."""
    if token.type == tokenize.NUMBER:
        return token.string.replace("_", "")
    if token.type == tokenize.STRING:
        try:
            value = ast.literal_eval(token.string)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = None
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            return value
        found = STRING.match(token.string)
        return found.group(2) if found else token.string
    return token.string if token.type == FSTRING_MIDDLE and FSTRING_MIDDLE is not None else None


def _named(tokens: list[tokenize.TokenInfo], literals: list[str | None]) -> Iterator[str]:
    """Yield the class of every literal that a name before it tells of."""
    told = set()
    for place, token in enumerate(tokens):
        name = token.string if token.type == tokenize.NAME else literals[place]
        if token.type == tokenize.NUMBER or name is None or not NAMED.fullmatch(name):
            continue
        letter = _class_of_name(name)
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        if letter is None or (token.type == tokenize.NAME and following and following.string == "("):
            continue
        for later in range(place + 1, min(place + MOST_TOKENS, len(tokens))):
            kind, text = tokens[later].type, literals[later]
            if text is not None:
                if later not in told and _fits(letter, text):
                    told.add(later)
                    yield letter
            elif not _bridges(tokens[later]) or kind == tokenize.NEWLINE:
                break


def _bridges(token: tokenize.TokenInfo) -> bool:
    if token.type == tokenize.NAME:
        return token.string in BRIDGE_WORDS
    return token.type in (tokenize.NL, tokenize.COMMENT) or token.string in BRIDGES


def _class_of_name(name: str) -> str | None:
    """Return the class of numbers that a name announces, "A" for one of a person's names, or None."""
    if name in ID_COLUMNS or any(name in table.names for table in TABLES.values()):
        return None
    if NAME_HEADER.fullmatch(normalise(name)):
        return "A"
    for one in load_rules().classes:
        if one.header(name):
            return one.letter if one.letter in LETTERS_BY_NAME else None
    return None


def _fits(letter: str, text: str) -> bool:
    if letter == "A":
        return _names_somebody(text)
    n_digits = sum(sign.isdigit() for sign in text)
    return CODE_LIKE.fullmatch(text) is not None and (letter not in "DE" or n_digits >= 7)


def _names_somebody(text: str) -> bool:
    """Whether a text is a few words that can be names, or more of them of which most have capitals."""
    # Word by word, as one pattern for all of them takes exponential time on a sentence that does not fit.
    words = re.split("[, ]+", text[: LONGEST_NAMES + 1].strip())
    if (
        len(text) > LONGEST_NAMES
        or len(words) < 2
        or not text[:1].isupper()
        or not all(map(NAME_WORD.fullmatch, words))
    ):
        return False
    return len(words) <= FEW_WORDS or 2 * sum(word[0].isupper() for word in words) > len(words)
