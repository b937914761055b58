"""Arguments that name columns, words or times of any frame; what they hold is never repeated."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.derive.arguments import check_choice, is_number
from ketaoutcomes.errors import DataError, FormulaError
from ketaoutcomes.formula.columns import Column, check_frame, read_column
from ketaoutcomes.formula.looks import rows_text
from ketaoutcomes.formula.plan import IDENTIFIER

__all__ = [
    "check_columns",
    "check_truth",
    "check_word",
    "landmark_times",
    "patient_codes",
    "read_named",
    "refuse_repeats",
    "shown",
]

LONGEST_SHOWN = 40


def shown(value: Any) -> bool:
    """Whether a message may repeat a value: short plain text, which no column of a frame is."""
    return type(value) is str and len(value) <= LONGEST_SHOWN


def check_word(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse what is none of the choices; a column given by mistake is not printed."""
    if isinstance(value, str) and value in choices:
        return
    listable = all(shown(choice) for choice in choices)
    if shown(value) and listable:
        check_choice(name, value, tuple(choices))
    offered = " or ".join(f'"{choice}"' for choice in choices) if listable else f"one of {len(choices)} words"
    raise DataError(f"{name} takes a word, not {_kind(value)}; choose {offered}")


def check_truth(name: str, value: Any) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise DataError(f"{name} must be True or False")


def check_columns(
    data: Any, names: Mapping[str, Any], *, needed: Collection[str] = (), once: bool = True
) -> None:
    """Refuse what is no frame with rows, and arguments that name none of its columns.

    Parameters
    ----------
    names : mapping of str to str or None
        Argument -> column.
    needed : collection of str
        Arguments that must be given.
    once : bool
        Each argument needs a column of its own.
    """
    try:
        check_frame(data)
    except FormulaError as error:
        raise DataError(error.problems) from None
    if not len(data):
        raise DataError("the data have no rows")
    for role, name in names.items():
        if name is None and role not in needed:
            continue
        if not isinstance(name, str):
            raise DataError(
                f"{role} takes one column's name, not {_kind(name)}; give the column's name, such as "
                f'{role}="{role}"'
            )
        if not shown(name) and name not in data.columns:
            raise DataError(f"{role} names no column of the data; give the column's name")
    given = [name for name in names.values() if name is not None]
    twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
    if once and twice:
        raise DataError(f"the column '{twice[0]}' is named for two purposes; each needs a column of its own")


def read_named(data: pd.DataFrame, name: str) -> Column:
    """One column; what is wrong with it is the data's fault here, not a formula's."""
    try:
        return read_column(data, name)
    except FormulaError as error:
        raise DataError(error.problems) from None


def patient_codes(data: pd.DataFrame, clusters: str | None) -> NDArray[np.int64] | None:
    """Code of each row's patient, -1 where the name is missing; None where each row is a patient."""
    if clusters is None:
        return None
    return np.asarray(read_named(data, clusters).factor()[0], np.int64)


def refuse_repeats(data: pd.DataFrame, clusters: str | None, rows: NDArray | slice = slice(None)) -> None:
    """Refuse rows that repeat a patient where no argument says that they belong together.

    Parameters
    ----------
    rows : (n,) bool or (m,) int, optional
        Rows that are used.
    """
    if clusters is not None or IDENTIFIER not in data.columns:
        return
    code = patient_codes(data, IDENTIFIER)[rows]
    code = code[code >= 0]
    n_more = len(code) - len(np.unique(code))
    if n_more:
        verb = "repeats" if n_more == 1 else "repeat"
        raise DataError(
            f"patients have several rows ({rows_text(n_more)} {verb} a {IDENTIFIER}), which are not "
            f"independent; give clusters='{IDENTIFIER}'"
        )


def landmark_times(at: Any, *, end: float, unit: str) -> NDArray[np.float64]:
    """Times since time 0, sorted, each once; a single number is one of them.

    Parameters
    ----------
    at : float or sequence of float
    end : float
        End of the follow-up, for the message where there is no time.
    unit : str
    """
    values = np.atleast_1d(np.asarray(at, dtype=object)).ravel()
    if not values.size:
        raise DataError(
            f"at names no time; follow-up ends at {end:g} {unit}: give times up to there, or leave at out"
        )
    times = np.array([float(value) if is_number(value) else np.nan for value in values])
    if not np.isfinite(times).all() or (times < 0).any():
        raise DataError(
            f"at takes {unit} since time 0, a number or several, none of them negative: at=14, or "
            "at=(7, 14, 28)"
        )
    return np.unique(times)


def _kind(value: Any) -> str:
    """What was given instead, by its type alone."""
    if value is None:
        return "None"
    return "a long text" if isinstance(value, str) else f"a {type(value).__name__}"
