"""Arguments that several functions take, and what is said where one cannot be used."""

from __future__ import annotations

from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

import numpy as np

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.errors import DataError

__all__ = [
    "check_choice",
    "check_cohort",
    "check_count",
    "check_flag",
    "check_horizon",
    "check_level",
    "is_number",
    "planned_times",
]

# A longer text is no mistyped choice.
_LONGEST_SHOWN = 40


def check_cohort(cohort: Any) -> None:
    """Refuse a folder, a frame or anything else that is not a `Cohort`."""
    if isinstance(cohort, Cohort):
        return
    if isinstance(getattr(cohort, "cohort", None), Cohort):
        raise DataError("the first argument holds a Cohort but is none; give its .cohort")
    raise DataError("the first argument is no Cohort; give a Cohort; load_cohort(folder) makes one")


def check_level(level: Any) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not is_number(level) or not 0 < level < 1:
        raise DataError("level is a share between 0 and 1, e.g. 0.95")


def check_count(name: str, value: Any, *, least: int = 0, meaning: str = "") -> None:
    """Refuse what is no whole number of at least `least`; `meaning` says what the least one does."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise DataError(f"{name} must be a whole number of at least {least}{meaning}")


def check_flag(name: str, value: Any, meaning: str) -> None:
    """Refuse what is neither True nor False; `meaning` says what is asked, e.g. "whether ..."."""
    if not isinstance(value, bool | np.bool_):
        raise DataError(f"{name} is True or False: {meaning}")


def check_horizon(horizon: Any) -> None:
    """Refuse a last time that is no number above 0; None is no last time."""
    if horizon is not None and not (is_number(horizon) and horizon > 0):
        raise DataError("the horizon must be one number above 0, or None to look at all assessments")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices; the closest of them is offered."""
    if isinstance(value, str) and value in choices:
        return
    near = get_close_matches(value.strip().lower(), choices, n=1) if isinstance(value, str) else []
    hint = f'did you mean "{near[0]}"? ' if near else ""
    offered = " or ".join(f'"{choice}"' for choice in choices)
    raise DataError(f"{name}{_shown(value)}; {hint}choose {offered}")


def _shown(value: Any) -> str:
    """What was given, if it is a short word: a column or a frame may hold cells of the data."""
    if isinstance(value, str) and len(value) <= _LONGEST_SHOWN and value.isprintable():
        return f'="{value}" is not known'
    return " is no word that can be chosen"


def planned_times(name: str, value: Any, *, unit: str) -> np.ndarray:
    """Planned times since session 1, sorted, each once; a single number is one of them.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : float or sequence of float
        Times in `unit`.
    unit : str
        "days" or "hours", for the message.

    Returns
    -------
    (k,) float array

    Raises
    ------
    DataError
        If a time is no number, not finite or negative.
    """
    say = f"{name} takes planned {unit} since session 1, a number or several, none of them negative: "
    say += f"{name}=14, or {name}=(7, 14, 28)"
    if isinstance(value, str | bytes):
        raise DataError(say)
    try:
        times = np.unique(np.atleast_1d(np.asarray(value, dtype=float)).ravel())
    except (TypeError, ValueError):
        raise DataError(say) from None
    if not times.size:
        raise DataError(f"{name} holds no planned time; {say}")
    if not np.isfinite(times).all() or (times < 0).any():
        raise DataError(say)
    return times


def is_number(value: Any) -> bool:
    """Whether `value` is one real number, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)
