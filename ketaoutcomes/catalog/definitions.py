"""Named definitions: outcomes, windows, phase rules and baseline rules, each with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from ketaoutcomes.catalog.entries import (
    Catalog,
    Sourced,
    closest,
    make,
    read_toml,
    stop_if,
)
from ketaoutcomes.catalog.instruments import INSTRUMENTS, find_instrument
from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "BASELINE_RULES",
    "OUTCOMES",
    "PHASE_RULES",
    "WINDOWS",
    "BaselineRule",
    "Outcome",
    "PhaseRule",
    "Window",
    "baseline_rule",
    "default_outcome",
    "outcome",
    "outcomes_for",
    "phase_rule",
    "window",
]

KINDS = (
    "response",
    "partial_response",
    "no_meaningful_benefit",
    "remission",
    "sustained_response",
    "sustained_remission",
    "end_state",
    "deterioration",
    "loss_of_response",
    "relapse",
    "safety_resolved",
    "safety_worse",
)
_ANCHORS = ("first_session", "last_induction_session")


@dataclass(frozen=True)
class Outcome(Sourced):
    """A named outcome. Several published ones may exist side by side for an instrument.

    All conditions that are given must hold. Improvement is measured in the instrument's good
    direction, as points or as a fraction of the baseline score.

    Parameters
    ----------
    name, kind, label : str
        `kind` is one of "response", "remission", "partial_response", "no_meaningful_benefit",
        "deterioration", "loss_of_response", "relapse", "sustained_response",
        "sustained_remission", "end_state", "safety_resolved", "safety_worse".
    text : str
        The full definition in words.
    instruments : tuple of str
        The instruments that it is meant for.
    default_for : tuple of str
        The instruments for which it is the default of its kind.
    min_fraction, max_fraction : float, optional
        Least improvement (reached or exceeded), and bound that the improvement stays below or, with
        `max_fraction_included`, does not exceed, as fractions of the baseline score.
    min_points : float, optional
        Least improvement in points; for "deterioration" and "safety_worse", least worsening.
    max_score : float, optional
        Highest score that still meets it. For "< 5" it is the largest number below 5, so that
        `score <= max_score` is right for fractional scores too; print `threshold` instead.
    min_score : float, optional
        Lowest score that meets it (relapse).
    threshold : str
        The score condition as printed, e.g. "< 5"; empty without one.
    min_baseline : float, optional
        Least baseline score of those to whom the outcome applies.
    consecutive : int
        Assessments in a row at which the condition must hold.
    min_days_apart, max_days_apart : float, optional
        Days between those assessments.
    item : int, optional
        The item that the condition is about, where it is not the score.
    needs_more : bool
        Whether the definition has clauses that scores alone cannot show (admission, another scale).
    """

    name: str
    kind: str
    label: str
    text: str
    instruments: tuple[str, ...]
    default_for: tuple[str, ...] = ()
    min_fraction: float | None = None
    max_fraction: float | None = None
    max_fraction_included: bool = False
    min_points: float | None = None
    max_score: float | None = None
    min_score: float | None = None
    threshold: str = ""
    min_baseline: float | None = None
    consecutive: int = 1
    min_days_apart: float | None = None
    max_days_apart: float | None = None
    item: int | None = None
    needs_more: bool = False

    @property
    def instrument(self) -> str | None:
        """The one instrument that it is meant for; None when it is meant for several."""
        return self.instruments[0] if len(self.instruments) == 1 else None


@dataclass(frozen=True)
class Window(Sourced):
    """Hours after an anchor in which one score is taken: the nearest to the target, ties earlier.

    Parameters
    ----------
    anchor : {"first_session", "last_induction_session"}
        The session from whose start the hours count.
    low_hours, high_hours : float
        Half-open: low <= hours < high.
    target_hours : float
    """

    name: str
    label: str
    anchor: str
    low_hours: float
    high_hours: float
    target_hours: float
    text: str


@dataclass(frozen=True)
class PhaseRule(Sourced):
    """What counts as an induction where the data do not say.

    The induction is the run of sessions from the first one that stays within `max_days` of it, has
    no gap longer than `max_gap_days`, and at most `max_sessions` sessions; it is complete with
    `min_sessions` over at least `min_days`. None is no limit.
    """

    name: str
    label: str
    min_sessions: int
    text: str
    max_sessions: int | None = None
    min_days: float | None = None
    max_days: float | None = None
    max_gap_days: float | None = None


@dataclass(frozen=True)
class BaselineRule(Sourced):
    """Which score before the first session is the baseline.

    Hours from the first session's start, from `low_hours` to `high_hours`, both included; a score at
    the session's own time counts only when it was taken before it. `which` is "last".
    """

    name: str
    label: str
    low_hours: float
    high_hours: float
    which: str
    text: str


_Record = TypeVar("_Record")


def outcome(name: str) -> Outcome:
    """The outcome of that name; DataError with the closest names if there is none."""
    return _named(OUTCOMES, name, "outcome")


def window(name: str) -> Window:
    """The window of that name; DataError with all names if there is none."""
    return _named(WINDOWS, name, "window")


def phase_rule(name: str) -> PhaseRule:
    """The phase rule of that name; DataError with all names if there is none."""
    return _named(PHASE_RULES, name, "phase rule")


def baseline_rule(name: str) -> BaselineRule:
    """The baseline rule of that name; DataError with all names if there is none."""
    return _named(BASELINE_RULES, name, "baseline rule")


def outcomes_for(instrument_name: str, kind: str | None = None) -> tuple[Outcome, ...]:
    """Outcomes that are meant for an instrument, the default of each kind first.

    Parameters
    ----------
    instrument_name : str
        A name or alias.
    kind : str, optional
        Only those of this kind.
    """
    name = find_instrument(instrument_name).name
    if kind is not None and kind not in KINDS:
        raise DataError(f"no outcome of kind '{kind}'; known kinds: {', '.join(KINDS)}.")
    fitting = [
        known for known in OUTCOMES.values() if name in known.instruments and kind in (None, known.kind)
    ]
    return tuple(sorted(fitting, key=lambda known: name not in known.default_for))


def default_outcome(instrument_name: str, kind: str = "response") -> Outcome:
    """The outcome that is used when none is named.

    Parameters
    ----------
    instrument_name : str
        A name or alias.
    kind : str
        "response", "remission", ...

    Raises
    ------
    DataError
        If the catalogue has no default of that kind for the instrument. The message names those
        that can be asked for.
    """
    name = find_instrument(instrument_name).name
    fitting = outcomes_for(name, kind)
    if fitting and name in fitting[0].default_for:
        return fitting[0]
    choices = fitting or outcomes_for(name)
    offer = f"name one of: {', '.join(known.name for known in choices)}" if choices else "none is known"
    raise DataError(f"no default {kind} is published for {name}; {offer}.")


def _named(catalog: Mapping[str, _Record], name: str, what: str) -> _Record:
    if isinstance(name, str) and name in catalog:
        return catalog[name]
    near = closest(str(name), {known: known for known in catalog})
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise DataError(f"no {what} is called '{name}'; {hint}Known: {', '.join(catalog)}.")


@cache
def _definitions() -> dict[str, dict[str, Any]]:
    return definitions_from(read_toml("definitions.toml"))


def definitions_from(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Definitions by section and name from the parsed content of a catalogue file.

    Raises
    ------
    DataError
        Lists everything in the file that is inconsistent.
    """
    problems: list[Problem] = []
    sections = {"outcome": Outcome, "window": Window, "phase_rule": PhaseRule}
    sections["baseline_rule"] = BaselineRule
    found: dict[str, dict[str, Any]] = {}
    for section, cls in sections.items():
        made = {}
        for name, table in content[section].items():
            values = {"name": name} | table
            if cls is Outcome:
                values = _with_threshold(values)
            made[name] = make(cls, values, f"{section} '{name}'", problems)
        found[section] = {name: record for name, record in made.items() if record is not None}
    faults = _outcome_faults(found["outcome"]) + _time_faults(found)
    problems += [Problem(fault, rule="catalogue") for fault in faults]
    stop_if(problems)
    return found


def _with_threshold(values: dict[str, Any]) -> dict[str, Any]:
    """`below_score = 5` becomes the largest number below 5, so that "at most" is enough.

    Likewise `above_points = 0` becomes the smallest number of points above 0.
    """
    values = dict(values)
    above = values.pop("above_points", None)
    if above is not None:
        values["min_points"] = math.nextafter(above, math.inf)
    below = values.pop("below_score", None)
    if below is not None:
        return values | {"max_score": math.nextafter(below, -math.inf), "threshold": f"< {below}"}
    if "max_score" in values:
        return values | {"threshold": f"≤ {values['max_score']}"}
    if "min_score" in values:
        return values | {"threshold": f"≥ {values['min_score']}"}
    return values


def _outcome_faults(outcomes: Mapping[str, Outcome]) -> list[str]:
    faults = []
    defaults: dict[tuple[str, str], str] = {}
    for name, known in outcomes.items():
        if known.kind not in KINDS:
            faults.append(f"outcome '{name}': unknown kind '{known.kind}'")
        unknown = [instrument for instrument in known.instruments if instrument not in INSTRUMENTS]
        faults += [f"outcome '{name}': '{instrument}' is not an instrument" for instrument in unknown]
        if not set(known.default_for) <= set(known.instruments):
            faults.append(f"outcome '{name}': a default for an instrument that it is not meant for")
        for instrument in known.default_for:
            other = defaults.setdefault((instrument, known.kind), name)
            if other != name:
                faults.append(f"'{name}' and '{other}' are both the default {known.kind} of {instrument}")
        for fraction in (known.min_fraction, known.max_fraction):
            if fraction is not None and not 0 < fraction <= 1:
                faults.append(f"outcome '{name}': a fraction must be above 0 and at most 1")
    return faults


def _time_faults(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    faults = []
    for name, known in found["window"].items():
        if known.anchor not in _ANCHORS:
            faults.append(f"window '{name}': unknown anchor")
        if not known.low_hours <= known.target_hours < known.high_hours:
            faults.append(f"window '{name}': the target is not inside")
    for name, rule in found["baseline_rule"].items():
        if not rule.low_hours < rule.high_hours <= 0 or rule.which != "last":
            faults.append(f"baseline rule '{name}': must end at or before the first session")
    for name, rule in found["phase_rule"].items():
        if rule.max_sessions is not None and rule.max_sessions < rule.min_sessions:
            faults.append(f"phase rule '{name}': fewer sessions at most than at least")
    return faults


OUTCOMES: Mapping[str, Outcome] = Catalog(lambda: _definitions()["outcome"], "outcomes")
WINDOWS: Mapping[str, Window] = Catalog(lambda: _definitions()["window"], "windows")
PHASE_RULES: Mapping[str, PhaseRule] = Catalog(lambda: _definitions()["phase_rule"], "phase rules")
BASELINE_RULES: Mapping[str, BaselineRule] = Catalog(
    lambda: _definitions()["baseline_rule"], "baseline rules"
)
