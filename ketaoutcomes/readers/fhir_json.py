"""JSON text to values without harm: numbers stay text, and what is wrong is named by a rule."""

from __future__ import annotations

import json
import re

import numpy as np

__all__ = ["DEEPEST", "Flaw", "Number", "Parser", "cell", "items", "number", "obj", "too_deep", "word"]

# FHIR resources nest about a dozen levels; a questionnaire's groups a few more.
DEEPEST = 100
# More signs than any measurement needs.
LONGEST_NUMBER = 40
CHUNK = 1 << 24
ESCAPED = re.compile(rb"\\.", re.DOTALL)
# Signs that no FHIR string may hold, and halves of signs that no file can hold.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
OPEN, CLOSE, QUOTE = b"[{", b"]}", ord('"')


class Flaw(Exception):
    """A line, entry or resource that cannot be used; `rule` says why, and nothing of it is kept."""

    def __init__(self, rule: str):
        super().__init__(rule)
        self.rule = rule


class Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


class Parser:
    """Reads JSON values from text, one after the other."""

    def __init__(self):
        self._flaw: str | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_float=Number,
            parse_int=Number,
            parse_constant=self._constant,
        )

    def at(self, text: str, start: int) -> tuple[object, int, str | None]:
        """Return the value that begins at a place, where it ends, and the rule that it breaks if any.

        Raises
        ------
        Flaw
            If no value begins there, so that its end is not known either.
        """
        self._flaw, rule = None, None
        try:
            value, end = self._decoder.raw_decode(text, start)
        except RecursionError:
            rule = "too_deep"
        except ValueError:
            rule = "not_json"
        if rule:
            # Raised out here, so that the decoder's own error, which holds the text, does not hang on.
            raise Flaw(rule)
        return value, end, self._flaw

    def whole(self, text: str) -> object:
        """Return the one value that a text holds.

        Raises
        ------
        Flaw
            If the text is anything else.
        """
        start = len(text) - len(text.lstrip(" \t\r\n"))
        value, end, flaw = self.at(text, start)
        if text[end:].strip(" \t\r\n"):
            raise Flaw("not_json")
        if flaw:
            raise Flaw(flaw)
        return value

    def _pairs(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        out = dict(pairs)
        if len(out) < len(pairs):
            self._flaw = "duplicate_keys"
        return out

    def _constant(self, _: str) -> None:
        self._flaw = "not_finite"


def too_deep(data: bytes) -> bool:
    """Whether brackets outside of strings nest deeper than `DEEPEST`; by whole-array arithmetic."""
    if data.count(b"{") + data.count(b"[") <= DEEPEST:
        return False
    start, inside, depth = 0, False, 0
    while start < len(data):
        end = min(start + CHUNK, len(data))
        while end < len(data) and data[end - 1 : end] == b"\\":
            end += 1
        raw = np.frombuffer(ESCAPED.sub(b"  ", data[start:end]), dtype=np.uint8)
        quoted = np.bitwise_xor.accumulate((raw == QUOTE).view(np.uint8)).astype(bool) ^ inside
        step = np.zeros(raw.size, dtype=np.int8)
        for signs, by in ((OPEN, 1), (CLOSE, -1)):
            for sign in signs:
                step[(raw == sign) & ~quoted] = by
        level = depth + np.cumsum(step[step != 0], dtype=np.int64)
        if level.size and level.max() > DEEPEST:
            return True
        inside, depth, start = bool(quoted[-1]), int(level[-1]) if level.size else depth, end
    return False


def obj(value: object) -> dict[str, object]:
    """Return a JSON object, empty for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """Return a JSON list, empty for anything else."""
    return value if isinstance(value, list) else []


def word(value: object) -> str | None:
    """Return a JSON string that says something, None for anything else.

    Raises
    ------
    Flaw
        If it holds signs that are no text.
    """
    if not isinstance(value, str) or isinstance(value, Number):
        return None
    if UNFIT.search(value):
        raise Flaw("bad_text")
    return value if value.strip() else None


def number(value: object) -> str | None:
    """Return a number as it was written, or a string that holds nothing else; None for anything else."""
    if not isinstance(value, str) or len(value) > LONGEST_NUMBER:
        return None
    text = value.strip()
    return str(text) if PLAIN_NUMBER.fullmatch(text) else None


def cell(value: object) -> str | None:
    """Return any plain JSON value as the text of a cell; yes and no for true and false."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, Number) else word(value)
