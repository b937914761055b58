"""Funnel plots: units beside the limits that chance allows for their size; nothing is ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.frame_columns import check_columns
from ketaoutcomes.analysis.funnel_notes import funnel_definitions, funnel_notes
from ketaoutcomes.analysis.funnel_units import CASES, MEAN, PROPORTION, Units, check_adjust, read_units
from ketaoutcomes.derive.arguments import check_choice, is_number
from ketaoutcomes.engine.funnel_limits import (
    ADJUSTMENTS,
    Dispersion,
    binomial_limits,
    dispersion,
    normal_limits,
    poisson_binomial_limits,
    poisson_limits,
)
from ketaoutcomes.errors import DataError
from ketaoutcomes.formula.plan import IDENTIFIER
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.funnel import FunnelResult, limit_names, position_words

__all__ = ["funnel"]

N_POINTS = 240
BEYOND = 1.12


def funnel(
    data: pd.DataFrame,
    *,
    group: str,
    events: str | None = None,
    size: str | None = None,
    value: str | None = None,
    std_error: str | None = None,
    expected: str | None = None,
    adjust: str | Sequence[str] | None = None,
    target: float | None = None,
    overdispersion: str = "auto",
    levels: tuple[float, float] = (0.95, 0.998),
    title: str | None = None,
) -> FunnelResult:
    """Each unit's result beside the limits that chance allows for its size.

    A unit inside its limits differs from the target no more than chance allows. Only one outside the
    outer limits is a signal, and that is a reason to look, not a finding. Rows stand in alphabetical
    order; there is no rank.

    Parameters
    ----------
    data : DataFrame
        One row per unit, or per case.
    group : str
        Column that names the unit, e.g. "clinic_id".
    events : str, optional
        Column of counts of events, or of 0 and 1 with a row per case.
    size : str, optional
        Column of how many cases the events are of; without it each row is one case.
    value, std_error : str, optional
        Columns of a mean and its standard error, a row per unit; a `value` alone has a row per case.
    expected : str, optional
        Column of expected events: the result is the ratio of observed to expected. Of rows that are
        single cases (events 0 or 1) it is each case's probability.
    adjust : str or sequence of str, optional
        A formula such as "~ baseline + age", or columns: expected events come from a model of all cases
        (logistic for 0 and 1, Poisson's for counts), which is indirect standardisation.
    target : float, optional
        What units are compared with; by default all units together. Not with expected events, whose
        target is 1.
    overdispersion : {"auto", "none", "multiplicative", "additive"}
        How limits are widened where units differ by more than chance. Never with fewer than 10 units.
    levels : (float, float)
        Of the inner and the outer limits.
    title : str, optional

    Returns
    -------
    FunnelResult
        `.table`: the group column, `letter`, `n`, `n_events`, `expected`, `estimate` (share, ratio or mean),
        `conf_low`, `conf_high` (at the inner level), `z`, `limit_low_95`, `limit_high_95`,
        `limit_low_99_8`, `limit_high_99_8`, `position` ("inside", "outside 95%", "outside 99.8%").
        `.dispersion`: `n_units`, `phi`, `threshold`, `tau2`, `applied`. `.curves`: limits against size.
        `.signal`: one sentence.

    Raises
    ------
    DataError
        If a column is absent or cannot be used, or there are fewer than 2 units.
    ConvergenceError
        If the model of expected events has no finite maximum.

    Source
    ------
    Spiegelhalter (2005), Stat. Med. 24, 1185. Checked: tests/analysis/test_funnel.py.

    Examples
    --------
    Response by clinic, as it is and with each patient's baseline taken into account::

        cases = cases_of(cohort, "response", instrument="PHQ-9")
        funnel(cases, group="clinic_id", events="event")
        funnel(cases, group="clinic_id", events="event", adjust="~ baseline")
    """
    _check(data, group, events, size, value, std_error, expected, adjust, target, title)
    check_choice("overdispersion", overdispersion, ADJUSTMENTS)
    inner, outer = _levels(levels)
    units = read_units(
        data, group=group, events=events, size=size, value=value, std_error=std_error, expected=expected,
        adjust=adjust, target=target, level=inner,
    )  # fmt: skip
    spread = _dispersion(units, overdispersion)
    probabilities = np.array([(1 - inner) / 2, (1 + inner) / 2, (1 - outer) / 2, (1 + outer) / 2])
    limits = _limits(units, spread, probabilities)
    table = _table(units, group, limits, (inner, outer))
    arguments = {
        "group": group, "events": events, "size": size, "value": value, "std_error": std_error,
        "expected": expected, "adjust": adjust if adjust is None or isinstance(adjust, str) else list(adjust),
        "target": target, "overdispersion": overdispersion, "levels": [inner, outer],
    }  # fmt: skip
    return FunnelResult(
        title=title or _title(units, group, events, value),
        table=table,
        notes=funnel_notes(units, spread, overdispersion, (inner, outer)),
        definitions=funnel_definitions(units, spread),
        provenance=provenance_of("funnel", "", arguments),
        group=group,
        kind=units.kind,
        target=units.target,
        levels=(inner, outer),
        curves=_curves(units, spread, probabilities, (inner, outer)),
        dispersion=pd.DataFrame([vars(spread)]),
    )


def _check(data, group, events, size, value, std_error, expected, adjust, target, title) -> None:
    """Refuse arguments that do not go together."""
    names = {
        "group": group, "events": events, "size": size, "value": value, "std_error": std_error,
        "expected": expected,
    }  # fmt: skip
    check_columns(data, names, needed=("group",))
    if title is not None and not isinstance(title, str):
        raise DataError("title is a text, or left out")
    if group == IDENTIFIER:
        raise DataError(f"{IDENTIFIER} is an identifier: each patient would be a unit; give e.g. a clinic")
    if (events is None) == (value is None):
        raise DataError('give either events= (counts, or 0 and 1 per case) or value= (means), e.g. "event"')
    if value is not None and (size is not None or expected is not None or adjust is not None):
        raise DataError("size, expected and adjust go with events; a value takes std_error")
    if value is None and std_error is not None:
        raise DataError("std_error goes with value; the limits of events follow from their number")
    if sum(given is not None for given in (size, expected, adjust)) > 1:
        raise DataError(
            "give one of size (a share of cases), expected (a ratio) and adjust (expected from a model)"
        )
    check_adjust(adjust, group)
    if target is not None:
        if not is_number(target) or not np.isfinite(target):
            raise DataError("target is one number, such as 0.5; without it all units together are taken")
        if expected is not None or adjust is not None:
            raise DataError("the target of observed over expected events is 1; leave target out")
        if value is None and not 0 < target < 1:
            raise DataError("the target of a share lies between 0 and 1, e.g. 0.5")


def _levels(levels: Any) -> tuple[float, float]:
    pair = tuple(levels) if isinstance(levels, Sequence) and not isinstance(levels, str) else ()
    if len(pair) != 2 or not all(is_number(one) and 0 < one < 1 for one in pair) or pair[0] >= pair[1]:
        raise DataError("levels are two shares, the inner limits first: levels=(0.95, 0.998)")
    return float(pair[0]), float(pair[1])


def _dispersion(units: Units, overdispersion: str) -> Dispersion:
    usable = units.spread > 0
    found = dispersion(units.z[usable], units.spread[usable], adjustment=overdispersion)
    return replace(found, applied="none") if overdispersion == "none" else found


def _widened(spread: Dispersion, std_error: np.ndarray) -> np.ndarray:
    """Standard errors with the dispersion between units in them."""
    if spread.applied == "multiplicative":
        return std_error * np.sqrt(spread.phi)
    return np.sqrt(std_error**2 + spread.tau2)


def _limits(units: Units, spread: Dispersion, probabilities: np.ndarray) -> np.ndarray:
    """Limits of each unit, (4, m), in the order of the probabilities."""
    if spread.applied != "none":
        return _kept(units, normal_limits(_widened(spread, units.spread), units.target, probabilities))
    if units.kind == MEAN:
        return normal_limits(units.spread, units.target, probabilities)
    if units.kind == PROPORTION:
        return binomial_limits(units.n, units.target, probabilities)
    if units.kind == CASES:
        return np.column_stack([poisson_binomial_limits(chances, probabilities) for chances in units.chances])
    return poisson_limits(units.expected, probabilities)


def _kept(units: Units, limits: np.ndarray) -> np.ndarray:
    """Limits within what the estimate can be."""
    if units.kind == MEAN:
        return limits
    return np.clip(limits, 0.0, 1.0 if units.kind == PROPORTION else np.inf)


def _table(units: Units, group: str, limits: np.ndarray, levels: tuple[float, float]) -> pd.DataFrame:
    inner, outer = (limits[:2], limits[2:])
    outside = [(units.estimate < low) | (units.estimate > high) for low, high in (inner, outer)]
    names = limit_names(levels)
    words = position_words(levels)
    position = np.where(outside[1], words[2], np.where(outside[0], words[1], words[0]))
    whole = np.round(units.n_events) if units.n_events is not None else np.full(units.size, np.nan)
    frame = pd.DataFrame(
        {
            group: pd.Series(list(units.labels)).infer_objects(),
            "letter": letters(units.size),
            "n": pd.array(units.n, dtype="Float64").astype("Int64"),
            "n_events": pd.array(whole, dtype="Float64").astype("Int64"),
            "expected": units.expected if units.expected is not None else np.nan,
            "estimate": units.estimate,
            "conf_low": units.conf[0],
            "conf_high": units.conf[1],
            "std_error": units.spread,
            "z": units.z,
            **dict(zip(names, limits, strict=True)),
            "position": pd.array(position, dtype="str"),
        }
    )
    return frame


def letters(n: int) -> list[str]:
    """A, B, … Z, AA, AB, …: names for units that a picture can print."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    out = []
    for number in range(n):
        word, rest = "", number + 1
        while rest:
            rest, place = divmod(rest - 1, 26)
            word = alphabet[place] + word
        out.append(word)
    return out


def _curves(units: Units, spread: Dispersion, probabilities, levels) -> pd.DataFrame | None:
    """Limits against size; None where they depend on each unit's cases and not on size alone."""
    if units.kind == CASES and spread.applied == "none":
        return None
    most = BEYOND * float(np.max(units.across))
    if units.kind == PROPORTION:
        across = np.unique(np.round(np.geomspace(1.0, max(most, 2.0), N_POINTS)))
    else:
        across = np.geomspace(most / 400.0, most, N_POINTS)
    shape = replace(units, n=across, expected=across, spread=_spread_at(units, across))
    limits = _limits(shape, spread, probabilities)
    return pd.DataFrame({"size": across, **dict(zip(limit_names(levels), limits, strict=True))})


def _spread_at(units: Units, across: np.ndarray) -> np.ndarray:
    """Standard error under the target of a unit of that size."""
    if units.kind == MEAN:
        return 1.0 / across
    if units.kind == PROPORTION:
        return np.sqrt(units.target * (1.0 - units.target) / across)
    if units.kind == CASES:
        # Cases alike: the variance that all of them together have for each expected event.
        share = np.sum(units.spread**2 * units.expected**2) / np.sum(units.expected)
        return np.sqrt(share / across)
    return 1.0 / np.sqrt(across)


def _title(units: Units, group: str, events: str | None, value: str | None) -> str:
    what = value if events is None else events
    if units.kind in (MEAN, PROPORTION):
        return f"{what} by {group}"
    return f"Observed over expected {what} by {group}"
