"""The sessions that an analysis of vital signs rests on, and what it was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.catalog.vital_rules import VITAL_SIGNS, VitalRule, VitalSign, vital_rules
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_flag, check_level, is_number
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.groups import Groups, session_groups
from ketaoutcomes.derive.vitals import (
    NEAR_MINUTES,
    Baselines,
    Readings,
    at_nominal,
    baselines,
    peaks,
    readings,
)
from ketaoutcomes.errors import DataError

__all__ = ["LEAST_READINGS", "Ask", "VitalRows", "ask_of", "tolerance", "vital_rows", "within_words"]

LEAST_READINGS = 2
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
# Columns of the result's tables: a group of the same name would hide one of them.
# fmt: off
COLUMNS = frozenset((
    "sign", "unit", "extreme", "rule", "text", "label", "quantity", "term", "group", "minute", "readings",
    "readings_min", "readings_max", "baseline_mean", "baseline_sd", "peak_mean", "peak_sd", "change",
    "longest_gap", "n_without", "n_no_baseline", "n_few", "n_already", "n_not_raised", "n_readings",
    "patient_share", "patient_low", "patient_high", "n_patients_with", "upper_sessions", "upper_patients",
    "share_of_time", "minutes_observed", "std_error", "after_start", "n_unknown", "estimate_high",
    "patient_share_high", "minute_mean",
))
# fmt: on


@dataclass(frozen=True)
class Ask:
    """Arguments of `vital_signs`, checked.

    Attributes
    ----------
    rules : tuple of VitalRule
    signs : tuple of str
        Vital signs to give tables and models of; rules use whichever they need.
    by : str or None
    baseline_minutes, window : (float, float)
    nominal : (k,) float array or None
    confirmed : bool
    level : float
    within : mapping of str to (float, str)
        By sign: how near to baseline is back, and "percent" or "unit".
    own_within : bool
        Whether the caller gave that.
    """

    rules: tuple[VitalRule, ...]
    signs: tuple[str, ...]
    by: str | None
    baseline_minutes: tuple[float, float]
    window: tuple[float, float]
    nominal: NDArray[np.float64] | None
    confirmed: bool
    level: float
    within: Mapping[str, tuple[float, str]]
    own_within: bool


@dataclass(frozen=True)
class VitalRows:
    """Readings, baselines and peaks of all sessions.

    Attributes
    ----------
    found : Readings
        All.
    looked : Readings
        Those that peaks and rules are looked for in: all, or those near the nominal minutes.
    signs : tuple of VitalSign
        Those asked for that have readings.
    base : mapping of str to Baselines
        By sign, and "map".
    peak : mapping of str to DataFrame
        By sign: `peaks` of the sessions with a baseline and at least 2 later readings.
    n_later : mapping of str to (n_sessions,) int
        By sign: readings after baseline in the window.
    owner, number : (n_sessions,) int
        Patient and session number.
    grouped : Groups
        Of each session.
    """

    found: Readings
    looked: Readings
    signs: tuple[VitalSign, ...]
    base: Mapping[str, Baselines]
    peak: Mapping[str, pd.DataFrame]
    n_later: Mapping[str, NDArray[np.int64]]
    owner: NDArray[np.int64]
    number: NDArray[np.int64]
    grouped: Groups

    def in_level(self, frame: pd.DataFrame, level: int) -> pd.DataFrame:
        """The rows of a frame with `session` whose session is of a level of `by`."""
        return frame[self.grouped.code[frame["session"].to_numpy()] == level]


def ask_of(
    cohort: Cohort, *, rules, signs, by, baseline_minutes, window, nominal_minutes, confirmed, level,
    return_within,
) -> Ask:  # fmt: skip
    """The arguments, checked.

    Raises
    ------
    DataError
        If one of them cannot be used.
    """
    check_cohort(cohort)
    check_level(level)
    check_flag("confirmed", confirmed, "whether only two readings in a row are an excursion")
    if by in COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    first, last = _pair("baseline_minutes", baseline_minutes, "(-60, 5)")
    if not first <= 0 <= last:
        raise DataError(
            "baseline_minutes begins at or before minute 0 and ends at or after it, e.g. (-60, 5)"
        )
    start, end = _pair("window", window, "(0, 120)")
    if start < 0:
        raise DataError("window begins at minute 0 of the session or later, e.g. window=(0, 120)")
    return Ask(
        rules=vital_rules(rules),
        signs=_signs(signs),
        by=by,
        baseline_minutes=(first, last),
        window=(start, end),
        nominal=_nominal(nominal_minutes, end),
        confirmed=bool(confirmed),
        level=level,
        within=_within(return_within),
        own_within=return_within is not None,
    )


def _signs(signs: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of vital signs, checked; all by default."""
    if signs is None:
        return tuple(VITAL_SIGNS)
    wanted = (signs,) if isinstance(signs, str) else tuple(signs)
    if not wanted or not set(wanted) <= set(VITAL_SIGNS):
        raise DataError(f"signs are some of: {', '.join(VITAL_SIGNS)}")
    return wanted


def vital_rows(cohort: Cohort, ask: Ask) -> VitalRows:
    """Readings, baselines, peaks and groups of all sessions of a cohort."""
    found = readings(cohort)
    looked = found if ask.nominal is None else at_nominal(found, ask.nominal)[0]
    base = {sign: baselines(found, sign, ask.baseline_minutes) for sign in found.values}
    signs = tuple(sign for sign in VITAL_SIGNS.values() if sign.name in found.values)
    peak, later = {}, {}
    for sign in signs:
        every = peaks(looked, sign.name, base[sign.name], ask.window, lowest=sign.extreme == "lowest")
        later[sign.name] = np.zeros(found.n_sessions, dtype=np.int64)
        later[sign.name][every["session"].to_numpy()] = every["n_readings"].to_numpy()
        peak[sign.name] = every[every["n_readings"] >= LEAST_READINGS].reset_index(drop=True)
    return VitalRows(
        found=found,
        looked=looked,
        signs=tuple(sign for sign in signs if sign.name in ask.signs),
        base=base,
        peak=peak,
        n_later=later,
        owner=patient_codes(cohort.sessions),
        number=cohort.sessions["session"].to_numpy(dtype=np.int64),
        grouped=session_groups(cohort, ask.by),
    )


def tolerance(rows: VitalRows, ask: Ask, sign: str) -> NDArray[np.float64]:
    """How near to baseline is back, in the sign's unit, for each session; (n_sessions,)."""
    amount, unit = ask.within[sign]
    usual = rows.base[sign].value
    return amount / 100.0 * usual if unit == "percent" else np.full(usual.size, amount)


def within_words(ask: Ask, sign: VitalSign) -> str:
    """``"within 10% of baseline"``, ``"within 5 mmHg of baseline"``."""
    amount, unit = ask.within[sign.name]
    words = f"{amount:g}%" if unit == "percent" else f"{amount:g} {sign.unit}"
    if unit == "unit" and sign.name == "spo2":
        words = f"{amount:g} percentage point{'' if amount == 1 else 's'}"
    return f"within {words} of baseline"


def _pair(name: str, value: object, example: str) -> tuple[float, float]:
    both = tuple(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else ()
    if len(both) != 2 or not all(is_number(one) and np.isfinite(one) for one in both) or both[0] >= both[1]:
        raise DataError(f"{name} takes two minutes of the session, the first before the last: {example}")
    return float(both[0]), float(both[1])


def _nominal(value: object, end: float) -> NDArray[np.float64] | None:
    if value is None:
        return None
    say = (
        "nominal_minutes takes two or more planned minutes of the session, none negative or after the "
        f"window, each {2 * NEAR_MINUTES:g} minutes or more from the next, e.g. "
        "nominal_minutes=(0, 20, 40, 90)"
    )
    try:
        minutes = np.unique(np.asarray(value, dtype=float).ravel())
    except (TypeError, ValueError):
        raise DataError(say) from None
    usable = minutes.size > 1 and np.isfinite(minutes).all() and minutes[0] >= 0 and minutes[-1] <= end
    if not usable or np.diff(minutes).min() < 2 * NEAR_MINUTES or isinstance(value, str):
        raise DataError(say)
    return minutes


def _within(value: object) -> dict[str, tuple[float, str]]:
    """How near to baseline is back, by sign."""
    usual = {name: (sign.return_within, sign.return_unit) for name, sign in VITAL_SIGNS.items()}
    if value is None:
        return usual
    if not isinstance(value, Mapping):
        return dict.fromkeys(usual, _amount(value))
    if not value or any(name not in usual for name in value):
        raise DataError(f"return_within is given by vital sign: {', '.join(usual)}")
    return usual | {name: _amount(one) for name, one in value.items()}


def _amount(value: object) -> tuple[float, str]:
    share = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if share:
        return float(share[1]), "percent"
    if is_number(value) and np.isfinite(value) and value >= 0:
        return float(value), "unit"
    raise DataError(
        'return_within takes a number in the unit of the sign, a text such as "10%", or one of them by sign: '
        'return_within={"sbp": 10, "dbp": "10%"}'
    )
