"""Ids and clinics as the source spells them, and whether a text repeats one of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["Originals", "names_clinic", "names_patient"]

SHORTEST_NUMBER = 6
# A clinic whose one word is shorter may be any word, such as "north".
SHORTEST_NAME = 6
# Longer cells are free text, and go as such.
MOST_SIGNS = 5_000
WORD = re.compile(r"[^\W_]+")
LETTERS = re.compile(r"[^\W\d_]+")
# What a clinic is called that has no name: these words stand in other cells with their plain meaning.
# fmt: off
PLAIN = frozenset([
    "clinic", "klinik", "clinique", "clinica", "site", "center", "centre", "location", "practice",
    "praxis", "standort", "hospital", "station", "office", "main", "home", "remote", "telehealth",
    "outpatient", "inpatient", "ward", "room", "unit", "other", "unknown",
])
# fmt: on


@dataclass(frozen=True, repr=False)
class Originals:
    """Ids and clinics, which no other cell may repeat; each as its words in lower case, joined by blanks.

    Parameters
    ----------
    patients : frozenset of str
        Short numbers and single short words are left out, since any cell may equal them.
    clinics : frozenset of str
        All but mere numbers.
    named_clinics, telling_clinics : frozenset of str
        Those that are names and not plain codes, and of these the long ones.
    n_words : int
        Of the longest.
    """

    patients: frozenset[str]
    clinics: frozenset[str] = frozenset()
    named_clinics: frozenset[str] = frozenset()
    telling_clinics: frozenset[str] = frozenset()
    n_words: int = 1

    @classmethod
    def of(cls, patients: Collection[str], clinics: Collection[str]) -> Originals:
        """Return the ids and clinics that can be told from other words."""
        telling = {_joined(one) for one in patients if _is_telling(one)} - {""}
        sites = {_joined(one) for one in clinics if not one.replace(".", "").isdigit()} - {""}
        named = {one for one in sites if _is_name(one)}
        known = {one for one in named if " " in one or len(one) >= SHORTEST_NAME}
        n_words = max((one.count(" ") + 1 for one in telling | sites), default=1)
        return cls(frozenset(telling), frozenset(sites), frozenset(named), frozenset(known), n_words)


def names_patient(cell: str, originals: Originals) -> bool:
    """Whether an id stands in a text, in any case and with any signs between its words."""
    return _holds(cell, originals.patients, originals.n_words)


def names_clinic(cell: str, clinics: frozenset[str], *, whole: bool = False) -> bool:
    """Whether a clinic stands in a text, or is all of it."""
    if whole:
        return _joined(cell) in clinics
    return _holds(cell, clinics, max((one.count(" ") + 1 for one in clinics), default=1))


def _holds(cell: str, known: frozenset[str], n_words: int) -> bool:
    if not known:
        return False
    words = _words(cell)
    return any(
        " ".join(words[start : start + n]) in known
        for n in range(1, min(n_words, len(words)) + 1)
        for start in range(len(words) - n + 1)
    )


def _words(text: str) -> list[str]:
    return WORD.findall(unicodedata.normalize("NFKC", text[:MOST_SIGNS]).casefold())


def _joined(text: str) -> str:
    return " ".join(_words(text))


def _is_telling(code: str) -> bool:
    letters = any(sign.isalpha() for sign in code)
    if letters and (any(sign.isdigit() for sign in code) or len(WORD.findall(code)) > 1):
        return True
    return sum(sign.isalnum() for sign in code) >= SHORTEST_NUMBER


def _is_name(site: str) -> bool:
    """Whether a word is left when generic ones, numbers and words of one or two signs are taken away."""
    return any(word not in PLAIN and len(word) > 2 and LETTERS.search(word) for word in site.split())
