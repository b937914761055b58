"""How the catalogue's files become frozen records: reading, checking, and what a citation says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from ketaoutcomes.errors import DataError, Problem

__all__ = ["Catalog", "Sourced", "closest", "make", "read_toml", "stop_if", "without_punctuation"]

_KINDS = {"str": str, "bool": bool, "int": int, "float": (int, float)}


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """A value of the field together with where it comes from.

    Parameters
    ----------
    source : str
        The paper, form or record that gives the value.
    verified : bool
        Whether the value was checked against that source.
    conflicting : bool
        Whether other sources publish another value for the same thing.
    """

    source: str
    verified: bool = False
    conflicting: bool = False

    @property
    def citation(self) -> str:
        """The source as it must be printed: says so when unverified or one of several."""
        remarks = []
        if not self.verified:
            remarks.append("unverified")
        if self.conflicting:
            remarks.append("one of several published")
        return f"{self.source} ({'; '.join(remarks)})" if remarks else self.source


class Catalog(Mapping):
    """Read-only mapping from name to record; its file is parsed at first use.

    Parameters
    ----------
    build : callable
        Takes nothing, returns the records by name. Called once.
    what : str
        What the records are, for the repr.
    finder : str, optional
        Name of the function that takes other spellings too, for the message.
    """

    def __init__(self, build: Callable[[], Mapping[str, Any]], what: str, *, finder: str = ""):
        self._records = cache(build)
        self._what = what
        self._finder = finder

    def __getitem__(self, name: str) -> Any:
        records = self._records()
        if name in records:
            return records[name]
        plain = {without_punctuation(known): known for known in records}
        near = closest(without_punctuation(str(name)), plain)
        hint = f"; did you mean {' or '.join(repr(known) for known in near)}?" if near else ""
        other = f" {self._finder}(name) takes any spelling." if self._finder else ""
        raise KeyError(f"{name!r} is none of the {len(records)} {self._what}{hint or '.'}{other}")

    # Mapping's own two ask for the item first, and would look for close matches each time.
    def __contains__(self, name: object) -> bool:
        return name in self._records()

    def get(self, name: str, default: Any = None) -> Any:
        """The record of that name, or `default`."""
        return self._records().get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._records())

    def __len__(self) -> int:
        return len(self._records())

    def __repr__(self) -> str:
        return f"<{len(self)} {self._what}: {', '.join(self)}>"


def read_toml(file_name: str) -> dict[str, Any]:
    """Content of a catalogue file that ships beside this module."""
    # Wanted only at first use; importing it late keeps the catalogue cheap to import.
    import tomllib

    with Path(__file__).with_name(file_name).open("rb") as file:
        return tomllib.load(file)


def make(cls: type, values: Mapping[str, Any], where: str, problems: list[Problem]) -> Any:
    """A frozen record from a table of the file; None, and problems noted, if it does not fit.

    Lists become tuples. Keys that the record does not know, keys that it needs, values of the
    wrong type and empty sources are problems.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    values : mapping
        Field values.
    where : str
        Name of the entry, for the message.
    problems : list of Problem
        Added to, so that one run shows them all.
    """
    known = {field.name: field for field in fields(cls)}
    faults = [f"unknown key '{key}'" for key in values if key not in known]
    for name, field in known.items():
        if name not in values:
            if field.default is MISSING and field.default_factory is MISSING:
                faults.append(f"key '{name}' is missing")
            continue
        kind = _KINDS.get(str(field.type).removesuffix(" | None"))
        value = values[name]
        if value is None or kind is None:
            continue
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            faults.append(f"key '{name}' must be {field.type}")
    if issubclass(cls, Sourced) and not str(values.get("source", "")).strip():
        faults.append("key 'source' is empty")
    if faults:
        problems += [Problem(f"{where}: {fault}", rule="catalogue") for fault in faults]
        return None
    return cls(**{name: _frozen(value) for name, value in values.items()})


def closest(name: str, choices: Mapping[str, str]) -> tuple[str, ...]:
    """Up to three of the values of `choices` whose keys look most like `name`."""
    # difflib is wanted only for an error message; importing it late keeps the catalogue cheap.
    from difflib import get_close_matches

    keys = get_close_matches(name, list(choices), n=6, cutoff=0.5)
    return tuple(dict.fromkeys(choices[key] for key in keys))[:3]


def without_punctuation(name: str) -> str:
    """Lower-case letters, digits and plus signs of a name, which is how names are compared."""
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == "+")


def stop_if(problems: list[Problem]) -> None:
    """Raise DataError with every problem noted; nothing if there is none."""
    if problems:
        raise DataError(problems)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
