"""One case of the corpus of spreadsheets: a file, a mapping, and the outcome that a clinic should get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from readers.spreadsheet_files import MAPPING, Write


@dataclass(frozen=True)
class Case:
    """One file.

    Parameters
    ----------
    name : str
    write : callable
        Told a folder, writes the file into it and returns its path.
    mapping : mapping
    raises : str, optional
        Class of the error.
    rules : tuple of str
        Rules that the error names.
    rows : (int, int, int, int)
        Rows read, kept, set aside, not mapped, over all sources.
    why : mapping of str to int
        Rows set aside by rule.
    notes : tuple of str
        Rules that are told.
    header_rows : int or mapping
        For the independent count.
    then : callable, optional
        Told the cohort, says whether it holds what it should.
    """

    name: str
    write: Write
    mapping: Mapping
    raises: str | None = None
    rules: tuple[str, ...] = ()
    rows: tuple[int, int, int, int] = (6, 6, 0, 0)
    why: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    header_rows: int | Mapping[str, int] = 1
    then: Callable | None = None


def fine(name: str, write: Write, mapping: Mapping = MAPPING, *, notes: str = "", **more) -> Case:
    """A file that is read."""
    return Case(name, write, mapping, notes=tuple(notes.split()), **more)


def refused(
    name: str, write: Write, rules: str, mapping: Mapping = MAPPING, *, raises: str = "DataError"
) -> Case:
    """A file, or a mapping of it, that is refused."""
    return Case(name, write, mapping, raises=raises, rules=tuple(rules.split()))


def scores(cohort) -> list[float]:
    """All scores of a cohort, in order."""
    return sorted(cohort.scores["score"])


ALL_SCORES = [9, 12, 18, 20]
