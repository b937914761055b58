"""Vital signs, and rules for readings that are out of the ordinary: the library's and the clinic's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ketaoutcomes.catalog.entries import (
    Catalog,
    Sourced,
    closest,
    make,
    read_toml,
    stop_if,
    without_punctuation,
)
from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "COMPARISONS",
    "MEAN_PRESSURE",
    "VITAL_RULES",
    "VITAL_SIGNS",
    "Condition",
    "VitalRule",
    "VitalSign",
    "rules_from",
    "signs_from",
    "vital_rules",
]

COMPARISONS = {"at_least": "≥", "above": ">", "below": "<", "at_most": "≤"}
OF = ("value", "change", "percent")
MEAN_PRESSURE = "map"
_FILE = "vital_rules.toml"
_OWN_SOURCE = "Given by the caller"
_SHORT = {
    "sbp": "SBP", "dbp": "DBP", MEAN_PRESSURE: "MAP", "heart_rate": "Heart rate",
    "spo2": "Oxygen saturation", "respiratory_rate": "Breathing rate",
}  # fmt: skip
_UNITS = {"sbp": " mmHg", "dbp": " mmHg", MEAN_PRESSURE: " mmHg", "spo2": "%"}
_LONGEST_NAME, _LONGEST_LABEL = 40, 26
_CONDITION_KEYS = ("sign", *COMPARISONS, "change", "percent")
_RULE_KEYS = ("within", "label", "text", "source")
# Other words for signs and comparisons, for the hints of error messages.
_SIGN_WORDS = {
    "systolic": "sbp", "systolicbloodpressure": "sbp", "sys": "sbp", "diastolic": "dbp", "dia": "dbp",
    "diastolicbloodpressure": "dbp", "meanarterialpressure": MEAN_PRESSURE, "meanpressure": MEAN_PRESSURE,
    "pulse": "heart_rate", "hr": "heart_rate", "heartrate": "heart_rate", "oxygen": "spo2",
    "saturation": "spo2", "oxygensaturation": "spo2", "o2": "spo2", "sao2": "spo2",
    "rr": "respiratory_rate", "breathing": "respiratory_rate", "breathingrate": "respiratory_rate",
    "resprate": "respiratory_rate", "respiration": "respiratory_rate",
}  # fmt: skip
_KEY_WORDS = {
    ">=": "at_least", "=>": "at_least", "≥": "at_least", "gte": "at_least", "ge": "at_least",
    "minimum": "at_least", ">": "above", "gt": "above", "over": "above", "morethan": "above",
    "greaterthan": "above", "<": "below", "lt": "below", "under": "below", "lessthan": "below",
    "<=": "at_most", "=<": "at_most", "≤": "at_most", "lte": "at_most", "le": "at_most",
    "maximum": "at_most", "rise": "change", "delta": "change", "minutes": "within", "name": "label",
}  # fmt: skip
_EXAMPLE = (
    'give names of VITAL_RULES, e.g. rules=("bp_165_100", "spo2_below_92"), or own ones, e.g. '
    'rules={"sbp_150": {"sign": "sbp", "at_least": 150}, "rise_35": {"sign": "sbp", "at_least": 35, '
    '"change": True}}'
)


@dataclass(frozen=True)
class VitalSign(Sourced):
    """A vital sign as a column of `vitals`; `source` is that of the return rule.

    Parameters
    ----------
    name, label, unit : str
    extreme : {"highest", "lowest"}
        Which reading of a session is looked at as its peak.
    return_within : float
        How near to baseline a reading is back.
    return_unit : {"percent", "unit"}
        Whether that is in per cent of the baseline or in the sign's unit.
    """

    name: str
    label: str
    unit: str
    extreme: str
    return_within: float
    return_unit: str


@dataclass(frozen=True)
class Condition:
    """One comparison of a reading.

    Parameters
    ----------
    sign : str
        A vital sign, or "map": mean arterial pressure, (systolic + 2 diastolic) / 3 of one reading.
    comparison : {"at_least", "above", "below", "at_most"}
    value : float
    of : {"value", "change", "percent"}
        The reading itself, its difference from baseline, or that in per cent of the baseline.
    """

    sign: str
    comparison: str
    value: float
    of: str = "value"

    @property
    def words(self) -> str:
        """E.g. ``"SBP ≥150 mmHg"``, ``"SBP change ≥35 mmHg"``."""
        number = f"{self.value:g}".replace("-", "−")
        unit = "%" if self.of == "percent" else _UNITS.get(self.sign, "")
        change = "" if self.of == "value" else " change"
        return f"{_SHORT[self.sign]}{change} {COMPARISONS[self.comparison]}{number}{unit}"


@dataclass(frozen=True)
class VitalRule(Sourced):
    """A named rule; a reading meets it if any of its conditions holds.

    Parameters
    ----------
    name, label, text : str
        `label` is short, for pictures; `text` is the full definition.
    any : tuple of Condition
    within : float, optional
        Last minute of the session that counts.
    note : str
        What must be known to read its rate.
    """

    name: str
    label: str
    text: str
    any: tuple[Condition, ...]
    within: float | None = None
    note: str = ""

    @property
    def signs(self) -> tuple[str, ...]:
        """Its vital signs, each once, in the order of its conditions."""
        return tuple(dict.fromkeys(condition.sign for condition in self.any))

    @property
    def is_change(self) -> bool:
        """Whether any condition needs a baseline."""
        return any(condition.of != "value" for condition in self.any)


def signs_from(content: Mapping[str, Any]) -> dict[str, VitalSign]:
    """Vital signs by name from the parsed content of a catalogue file.

    Raises
    ------
    DataError
        Lists everything that is inconsistent.
    """
    problems: list[Problem] = []
    found = {}
    for row in content["sign"]:
        where = f"vital sign '{row.get('name', '?')}'"
        sign = make(VitalSign, row, where, problems)
        if sign is None:
            continue
        if sign.extreme not in ("highest", "lowest") or sign.return_unit not in ("percent", "unit"):
            problems.append(Problem(f"{where}: extreme or return_unit is no known word", rule="catalogue"))
        found[sign.name] = sign
    stop_if(problems)
    return found


def rules_from(content: Mapping[str, Any]) -> dict[str, VitalRule]:
    """Rules by name from the parsed content of a catalogue file.

    Raises
    ------
    DataError
        Lists everything that is inconsistent.
    """
    problems: list[Problem] = []
    found: dict[str, VitalRule] = {}
    for row in content["rule"]:
        where = f"vital rule '{row.get('name', '?')}'"
        conditions = [make(Condition, values, where, problems) for values in row.get("any", ())]
        if not conditions or None in conditions:
            problems.append(Problem(f"{where}: it needs conditions", rule="catalogue"))
            continue
        rule = make(VitalRule, row | {"any": conditions}, where, problems)
        if rule is None:
            continue
        faults = [fault for condition in rule.any for fault in _faults(condition)]
        faults += ["the name is used twice"] if rule.name in found else []
        problems += [Problem(f"{where}: {fault}", rule="catalogue") for fault in faults]
        found[rule.name] = rule
    stop_if(problems)
    return found


def _faults(condition: Condition) -> list[str]:
    faults = []
    if condition.sign not in _SHORT:
        faults.append(f"sign must be one of {', '.join(_SHORT)}")
    if condition.comparison not in COMPARISONS:
        faults.append(f"comparison must be one of {', '.join(COMPARISONS)}")
    if condition.of not in OF:
        faults.append(f"of must be one of {', '.join(OF)}")
    return faults


def vital_rules(
    rules: str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None = None,
) -> tuple[VitalRule, ...]:
    """Rules by name, and rules of the caller's own.

    Parameters
    ----------
    rules : str, sequence or mapping, optional
        Names in `VITAL_RULES`; or a mapping from a name to ``{"sign": "sbp", "at_least": 150}``: exactly one
        of "at_least", "above", "below", "at_most", and perhaps ``"change": True`` (against baseline),
        ``"percent": True`` (change in per cent), "within" (last minute), "label", "text", "source". Several
        conditions of which one is enough stand in a list under "any". A sequence may hold both kinds.
        All of the library's by default.

    Raises
    ------
    DataError
        If a name is not known, is used twice, or an own rule cannot be read.
    """
    if rules is None:
        return tuple(VITAL_RULES.values())
    parts = [rules] if isinstance(rules, str | Mapping) else rules
    if not isinstance(parts, Sequence) or not parts:
        raise DataError(f"rules is no name of a rule and no rule; {_EXAMPLE}")
    found: list[VitalRule] = []
    for part in parts:
        if isinstance(part, Mapping):
            found += [_own(name, given) for name, given in part.items()]
        else:
            found.append(_known(part))
    names = [rule.name for rule in found]
    if not names or len(set(names)) < len(names):
        raise DataError(f"rules holds no rule, or the same name twice; {_EXAMPLE}")
    return tuple(found)


def _known(name: object) -> VitalRule:
    if isinstance(name, str) and name in VITAL_RULES:
        return VITAL_RULES[name]
    near = closest(name, {known: known for known in VITAL_RULES}) if isinstance(name, str) else ()
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise DataError(f"rules names a rule that is not in VITAL_RULES; {hint}{_EXAMPLE}")


def _own(name: object, given: object) -> VitalRule:
    """A rule of the caller's own."""
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise DataError(f"the name of an own rule is a short text of one line; {_EXAMPLE}")
    if name in VITAL_RULES:
        raise DataError(f"rules: '{name}' is a rule of the library; give yours another name")
    if not isinstance(given, Mapping):
        raise DataError(f"rules: '{name}' needs a mapping; {_EXAMPLE}")
    inside = {key: value for key, value in given.items() if key not in (*_RULE_KEYS, "any")}
    if "any" in given and inside:
        raise DataError(f"rules: '{name}': conditions stand either in the list under any or beside the name")
    several = given.get("any", [inside])
    if not isinstance(several, Sequence) or isinstance(several, str) or not several:
        raise DataError(f"rules: '{name}': any takes a list of conditions; {_EXAMPLE}")
    conditions = tuple(_condition(name, one) for one in several)
    within = given.get("within")
    if within is not None and not (_is_number(within) and within > 0):
        raise DataError(f"rules: '{name}': within is the last minute that counts, a number above 0")
    words = " or ".join(condition.words for condition in conditions)
    if within is not None:
        words += f" in {within:g} min"
    texts = {key: str(given.get(key) or "").strip() for key in ("label", "text", "source")}
    return VitalRule(
        name=name,
        label=texts["label"] or (words if len(words) <= _LONGEST_LABEL else name),
        text=texts["text"] or f"A reading with {words}",
        any=conditions,
        within=None if within is None else float(within),
        source=texts["source"] or _OWN_SOURCE,
        verified=True,
    )


def _condition(name: str, given: object) -> Condition:
    if not isinstance(given, Mapping):
        raise DataError(f"rules: '{name}': each condition is a mapping; {_EXAMPLE}")
    unknown = [key for key in given if key not in _CONDITION_KEYS]
    if unknown:
        known = ", ".join((*_CONDITION_KEYS, *_RULE_KEYS, "any"))
        keys = ", ".join(_hint(key) for key in unknown)
        word = "a key that is" if len(unknown) == 1 else "keys that are"
        raise DataError(f"rules: '{name}' has {word} not known: {keys}; known are {known}")
    sign = given.get("sign")
    if not isinstance(sign, str) or sign not in _SHORT:
        near = _meant(sign, _SIGN_WORDS, tuple(_SHORT))
        hint = f", not {_quoted(sign)}: did you mean {near}?" if near else ""
        raise DataError(f"rules: '{name}': sign is one of {', '.join(_SHORT)}{hint}")
    used = [key for key in COMPARISONS if key in given]
    if len(used) != 1:
        raise DataError(f"rules: '{name}' needs exactly one of {', '.join(COMPARISONS)}; it has {len(used)}")
    value = given[used[0]]
    if not _is_number(value):
        raise DataError(f"rules: '{name}': {used[0]} takes one finite number")
    flags = {key: given.get(key, False) for key in ("change", "percent")}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise DataError(f"rules: '{name}': change and percent are True or False")
    of = "percent" if flags["percent"] else "change" if flags["change"] else "value"
    return Condition(sign, used[0], float(value), of)


def _hint(key: object) -> str:
    """An unknown key, and what was meant by it if that can be told."""
    near = _meant(key, _KEY_WORDS, (*_CONDITION_KEYS, *_RULE_KEYS, "any"))
    sign = _meant(key, _SIGN_WORDS, tuple(_SHORT))
    plain = without_punctuation(key) if isinstance(key, str) else ""
    if sign and (not near or plain in _SIGN_WORDS or plain in map(without_punctuation, _SHORT)):
        near = f'"sign": "{sign}"'
    return _quoted(key) + (f" (did you mean {near}?)" if near else "")


def _meant(word: object, others: Mapping[str, str], known: tuple[str, ...]) -> str:
    """Which of the known names a word stands for or looks like; empty if none."""
    if not isinstance(word, str):
        return ""
    choices = {without_punctuation(one): one for one in known} | dict(others)
    plain = without_punctuation(word) or word.strip()
    for exact in (word.strip(), plain):
        if exact in choices:
            return choices[exact]
    # A sign such as "=" looks like several, of which none is meant.
    near = closest(plain, choices) if any(letter.isalnum() for letter in plain) else ()
    return near[0] if near else ""


def _quoted(word: object) -> str:
    """A word of the caller's, short and on one line."""
    text = str(word) if isinstance(word, str | int | float) else type(word).__name__
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"'{text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + '…'}'"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


VITAL_SIGNS: Mapping[str, VitalSign] = Catalog(lambda: signs_from(read_toml(_FILE)), "vital signs")
VITAL_RULES: Mapping[str, VitalRule] = Catalog(lambda: rules_from(read_toml(_FILE)), "rules on vital signs")
