"""What can go wrong, and the exit code that the command line gives for it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "EXIT_CODES",
    "BusyError",
    "ConfigError",
    "ConvergenceError",
    "DataError",
    "FormulaError",
    "KetaError",
    "PrivacyError",
    "Problem",
    "printable",
]

# What the command line's exit codes say; no number is ever given another meaning.
EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "done",
        1: "unexpected error",
        2: "usage, or settings that cannot be used",
        3: "a data-quality threshold is not met; the report is written and says so",
        5: "files cannot be read or written",
        6: "another run is writing the same report",
        10: "data",
        11: "privacy: the data look as if they identify people; nothing is written",
        12: "formula",
        20: "no convergence",
        130: "interrupted",
        143: "terminated",
    }
)

# Blanks of other widths, which no terminal acts upon.
SHOWN = frozenset({"Zs"})
NEW_LINE = "\n"


def printable(text: str, *, keep: str = "") -> str:
    """Return text for a terminal or a log: a sign that is not seen, and may be acted upon, as its number.

    A name of a column or file may hold signs that set a terminal's title, clear its
    screen, or turn the order of letters round.

    Parameters
    ----------
    text : str
    keep : str
        Such signs that may stay, e.g. the end of a line.
    """
    if text.isprintable():
        return text
    return "".join(
        sign
        if sign.isprintable() or sign in keep or unicodedata.category(sign) in SHOWN
        else f"\\u{ord(sign):04x}"
        if ord(sign) < 0x10000
        else f"\\U{ord(sign):08x}"
        for sign in text
    )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input, in words that hold no cell's value.

    Parameters
    ----------
    message : str
        What is wrong and what to do about it.
    table, column : str, optional
        Where it is.
    rule : str, optional
        The short name of the rule that was broken, e.g. ``"out_of_range"``.
    n_rows : int, optional
        How many rows break the rule.
    first_row : int, optional
        Number of the first such row in the file; the header is row 1.
    """

    message: str
    table: str | None = None
    column: str | None = None
    rule: str | None = None
    n_rows: int | None = None
    first_row: int | None = None

    def __str__(self) -> str:
        where = ""
        if self.table:
            where = f"{printable(self.table)}: "
            if self.column:
                where += f"column '{printable(self.column)}' "
        count = ""
        if self.n_rows:
            rows = "row" if self.n_rows == 1 else "rows"
            count = f" ({self.n_rows} {rows}"
            count += f", first at row {self.first_row})" if self.first_row else ")"
        return f"{where}{printable(self.message, keep=NEW_LINE)}{count}"


class KetaError(Exception):
    """Base of every error that `ketaoutcomes` raises on purpose.

    Parameters
    ----------
    problems : str, Problem or sequence of Problem
        All problems found, so that one run shows them all.
    """

    exit_code = 1

    def __init__(self, problems: str | Problem | Sequence[Problem]):
        if isinstance(problems, str):
            problems = [Problem(problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        lines = [f"{len(self.problems)} problems:"]
        lines += [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        return "\n".join(lines)

    def __reduce__(self):
        # Exceptions are rebuilt from `args`, which hold the joined text; the problems must survive.
        return type(self), (self.problems,)


class DataError(KetaError):
    """The data cannot be used as they are."""

    exit_code = 10


class ConfigError(DataError):
    """A configuration file or an argument holds a key or value that is not known."""

    exit_code = 2


class BusyError(FileExistsError):
    """Another run is writing the same folder; it is an error of files, with an exit code of its own."""

    exit_code = 6


class PrivacyError(KetaError):
    """The data look as if they identify people."""

    exit_code = 11


class FormulaError(KetaError):
    """A model formula cannot be read or cannot be fitted to these data."""

    exit_code = 12


class ConvergenceError(KetaError):
    """An estimate was not reached; no number is given instead."""

    exit_code = 20
