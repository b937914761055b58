"""TOML: settings as the text of a `cohort.toml`, and such text read with care."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping

from ketaoutcomes.errors import ConfigError, Problem

__all__ = ["parse_toml", "settings_text"]

MOST_BYTES = 500_000
# A key such as a.b.c takes time by the square of its parts.
MOST_DOTS, MOST_DOTS_IN_KEYS = 1_000, 100
QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|#.*")
LONG_NUMBER = re.compile(r"[0-9A-Fa-f_]{1001}")


def parse_toml(data: bytes, what: str, *, how: str = "") -> dict[str, object]:
    """Return what the bytes of a TOML file hold; nothing of it stands in an error.

    Parameters
    ----------
    data : bytes
    what : str
        What errors call the file.
    how : str
        What the error of a file that is no TOML ends in.

    Raises
    ------
    ConfigError
        If it is not TOML in UTF-8, or so large or so nested that reading it would not end.
    """
    if len(data) > MOST_BYTES:
        raise _refused(f"{what} is larger than the {MOST_BYTES // 1_000} kB that such a file may have")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(f"{what} is not UTF-8 text") from None
    lines = text.split("\n")
    dotted = _first(lines, _has_endless_key)
    if dotted:
        raise _refused(f"{what} has a key of too many parts (at line {dotted}); take it out")
    long = _first(lines, LONG_NUMBER.search)
    if long:
        raise _refused(f"{what} has a number of more than 1,000 digits (at line {long}); take it out")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The parser's message ends in "(at line 3, column 5)" and holds nothing of the line before that.
        where = str(error).rpartition("(")[2].rstrip(")")
        raise _refused(f"{what} is not valid TOML ({where}){how}") from None
    except RecursionError:
        depths = [line.count("[") + line.count("{") for line in lines]
        where = depths.index(max(depths)) + 1
        raise _refused(f"{what} is nested too deeply (at line {where}); take some brackets out") from None
    except (ValueError, OverflowError):
        raise _refused(f"{what} holds a date or a number that cannot be; correct it") from None


def _first(lines: list[str], is_bad: Callable[[str], object]) -> int | None:
    """Return the number of the first bad line, from 1."""
    return next((number for number, line in enumerate(lines, 1) if is_bad(line)), None)


def _has_endless_key(line: str) -> bool:
    n_dots = line.count(".")
    return n_dots > MOST_DOTS or (
        n_dots > MOST_DOTS_IN_KEYS and QUOTED.sub("", line).count(".") > MOST_DOTS_IN_KEYS
    )


def _refused(message: str) -> ConfigError:
    return ConfigError(Problem(message, rule="config"))


def settings_text(values: Mapping[str, object], *, head: str = "") -> str:
    """Return keys and values as TOML that `read_settings` reads; what is None is left out.

    Parameters
    ----------
    values : mapping of str to bool, str, sequence of str, or mapping of str to sequence of str
        A mapping becomes a table, which stands after all other keys.
    head : str
        A comment for the first line.
    """
    lines = [f"# {head}"] if head else []
    given = {key: value for key, value in values.items() if value is not None}
    lines += [f"{key} = {_value(one)}" for key, one in given.items() if not isinstance(one, Mapping)]
    for key, table in given.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{key}]", *(f"{_value(name)} = {_value(one)}" for name, one in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # A string of JSON is a basic string of TOML, save for the sign DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
