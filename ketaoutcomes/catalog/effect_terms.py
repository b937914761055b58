"""Preferred names of side effects, and the words that clinics write for them; names only, no codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from ketaoutcomes.catalog.entries import read_toml
from ketaoutcomes.errors import DataError

__all__ = ["EFFECT_GROUPS", "EffectTerms", "effect_terms", "plain"]

_OWN_FILE = "effect_terms.toml"
_SOURCE = "source"
# In the order in which pictures show them.
EFFECT_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "psychiatric_and_nervous_system": "Mind and nervous system",
        "gastrointestinal": "Stomach and gut",
        "heart_and_breathing": "Heart, circulation and breathing",
        "urinary": "Urinary",
        "other": "Other",
    }
)
_OTHER = "other"
_JOINTS = re.compile(r"\band\b|\bwith\b|[&/+,;]")
_BLANKS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class EffectTerms:
    """A table of synonyms of side effects.

    Attributes
    ----------
    preferred : mapping of str to str
        From the plain spelling of a word to the preferred name.
    group : mapping of str to str
        From a preferred name to its group, a key of `EFFECT_GROUPS`.
    clinic : frozenset of str
        Plain spellings of the words that the clinic brought itself.
    """

    preferred: Mapping[str, str]
    group: Mapping[str, str]
    clinic: frozenset[str] = frozenset()

    def name(self, word: str) -> str:
        """Preferred name of a word as recorded; the word itself, in lower case, where there is none."""
        return self.preferred.get(plain(word), " ".join(str(word).lower().split()))

    def knows(self, word: str) -> bool:
        """Whether the word is in the table."""
        return plain(word) in self.preferred

    def names(self, word: str) -> tuple[str, ...]:
        """Preferred names of the effects that a word stands for: two of "nausea and vomiting"."""
        base = self.name(word)
        parts = _parts(base)
        if len(parts) < 2 or not all(self.knows(part) for part in parts):
            return (base,)
        return tuple(dict.fromkeys(self.name(part) for part in parts))

    def is_unsplit(self, word: str) -> bool:
        """Whether a word names an effect that is in the table beside others that are not."""
        parts = _parts(self.name(word))
        return not self.knows(word) and len(self.names(word)) == 1 and any(self.knows(part) for part in parts)

    def group_of(self, name: str) -> str:
        """Group of a preferred name; "other" where it is not in the table."""
        return self.group.get(name, _OTHER)


def _parts(word: str) -> list[str]:
    """What stands between the joints of a word, if it has any."""
    parts = [part for part in _JOINTS.split(word) if plain(part)]
    return parts if len(parts) > 1 else []


def plain(word: str) -> str:
    """A word in lower case, with one blank for whatever stands between its parts."""
    return _BLANKS.sub(" ", str(word).lower()).strip()


def effect_terms(
    synonyms: Mapping[str, str | Iterable[str]] | str | PathLike | bool | None = None,
    *,
    base: EffectTerms | None = None,
) -> EffectTerms:
    """The library's table of synonyms, with the clinic's own on top.

    Parameters
    ----------
    synonyms : mapping, path or bool, optional
        ``{preferred name: [words]}`` or ``{word: preferred name}``, or the path of a TOML
        file of the first form. They are added to the library's table and win over it.
        False: no table, effects keep the words that were recorded. None or True: the library's.
    base : EffectTerms, optional
        What `synonyms` is put on top of, in place of the library's table.

    Raises
    ------
    DataError
        If it is none of these, the file cannot be read, or one word has two preferred names.
    """
    if synonyms is False:
        return EffectTerms(MappingProxyType({}), _own().group)
    if synonyms is None or synonyms is True:
        return _own()
    given = _read(synonyms) if isinstance(synonyms, str | PathLike) else synonyms
    added = _pairs(given)
    own = _own() if base is None else base
    # A name that the clinic writes another way takes along the words of the library's name.
    renamed = {word: added.get(plain(name), name) for word, name in own.preferred.items()}
    group = dict(own.group)
    for old, new in added.items():
        former = own.preferred.get(old)
        if former is not None:
            group.setdefault(new, own.group_of(former))
    clinic = own.clinic | frozenset(added) - {plain(name) for name in added.values()}
    return EffectTerms(MappingProxyType(renamed | added), MappingProxyType(group), clinic)


@cache
def _own() -> EffectTerms:
    preferred: dict[str, str] = {}
    group: dict[str, str] = {}
    content = read_toml(_OWN_FILE)
    for section in EFFECT_GROUPS:
        preferred |= _pairs(content[section], preferred)
        group |= dict.fromkeys(content[section], section)
    return EffectTerms(MappingProxyType(preferred), MappingProxyType(group))


def _pairs(given: object, already: Mapping[str, str] | None = None) -> dict[str, str]:
    """From plain word to name; {name: [words]} and {word: name} both serve."""
    if not isinstance(given, Mapping):
        raise DataError(
            'synonyms takes a table such as {"somnolence": ["drowsy", "sleepy"]}, the path of a TOML file '
            "that holds one, or False for the words as they were recorded"
        )
    pairs: dict[str, str] = {}
    n_twice = 0
    for key, value in given.items():
        if isinstance(value, str):
            _check_direction(key, value)
            name, words = value, [key]
        elif isinstance(value, Iterable) and not isinstance(value, Mapping):
            name, words = key, [key, *value]
        else:
            raise DataError("synonyms: each name takes a list of words, each word one name")
        if not isinstance(name, str) or not all(isinstance(word, str) and plain(word) for word in words):
            raise DataError("synonyms: names and words are text, and none is empty")
        name = " ".join(name.lower().split())
        for word in {plain(word): None for word in [*words, name]}:
            former = pairs.get(word, (already or {}).get(word, name))
            n_twice += former != name
            pairs[word] = name
    if n_twice:
        raise DataError(f"synonyms: {n_twice} words stand under two names; leave each under one")
    return pairs


def _check_direction(word: object, name: str) -> None:
    """Refuse {preferred name: "word"}, which reads as {word: preferred name}."""
    own = _own().preferred
    if (
        isinstance(word, str)
        and own.get(plain(word)) == plain(word)
        and plain(own.get(plain(name), "")) != plain(name)
    ):
        raise DataError(
            "synonyms: a text is the preferred name of its key; to bring words under a name, give them as a "
            'list: {"nausea": ["queasy feeling"]}'
        )


def _read(path: str | PathLike) -> dict:
    """Content of a TOML file of synonyms, all its sections together."""
    # Wanted for a clinic's own file alone.
    import tomllib

    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("synonyms: the file cannot be read; give the path of a TOML file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            'synonyms: the file is not TOML; write lines such as "somnolence" = ["drowsy", "sleepy"]'
        ) from error
    flat: dict = {}
    for key, value in content.items():
        if key == _SOURCE and isinstance(value, str):
            continue
        flat |= value if isinstance(value, Mapping) else {key: value}
    return flat
