"""Reliable change by source, and tables of how many changed by which rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.change_rules import (
    ChangeRule,
    ReliableRule,
    band_rules,
    check_direction,
    default_outcome_of,
    is_reliable,
    meaningful_rules,
    reliable_rules,
)
from ketaoutcomes.analysis.notes import cited
from ketaoutcomes.analysis.window_change import WindowChange, window_change
from ketaoutcomes.catalog.definitions import OUTCOMES, Outcome, baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_flag, check_level
from ketaoutcomes.derive.outcomes import met
from ketaoutcomes.derive.windows import find_window
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.reliable_change import ReliableChangeResult, ResponderTable

__all__ = ["categories_of", "reliable_change", "responder_table"]

DICHOTOMISED = (
    "A rule that divides patients into those who meet it and those who do not throws away how far each one "
    "changed: read the mean change and the cumulative distribution beside it."
)
ERROR_ONLY = (
    "Reliable means larger than error of measurement would seldom give; natural recovery, expectation and "
    "regression to the mean make reliable changes too."
)


def reliable_change(
    cohort: Cohort,
    instrument: str,
    *,
    at: str | float = "end_of_induction",
    sd: float | None = None,
    reliability: float | None = None,
    by: str | None = None,
    baseline: str = "last_14_days",
    level: float = 0.95,
    corrected: bool = False,
    mean: float | None = None,
) -> ReliableChangeResult:
    """How many patients changed by more than error of measurement, by each source of a threshold.

    Without `sd` the thresholds are those that the catalogue has as published reliable changes. With
    `sd` they are computed (Jacobson and Truax: 1.96 sqrt(2) SD sqrt(1 - r)) for the reliability given,
    or for each that the catalogue has, with its kind: alpha is named alpha, since it knows one occasion
    only. Nothing is taken from the clinic's own scores: their spread is narrowed by selection.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`; higher may be worse or better.
    at : str or float
        Window of the later score, as in `response_rates`.
    sd : float, optional
        Standard deviation between people before treatment, points, from a published sample.
    reliability : float, optional
        Correlation of two scores of a person who has not changed.
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1).
    baseline : str
        Name of the baseline rule.
    level : float
        Confidence level of the intervals.
    corrected : bool
        Hold the score against the one that the baseline predicts, r (Y0 - M) + M, with the standard error
        of that prediction (Gulliksen, Lord and Novick). Needs `sd` and `mean`.
    mean : float, optional
        M, the population's mean, points.

    Returns
    -------
    ReliableChangeResult
        `.table`: the `by` column, `source`, `kind`, `category` (for a fall that is good: "fewer_symptoms",
        "no_reliable_change", "more_symptoms" and, of the first, "fewer_symptoms_and_below_cutoff";
        for a rise: "higher_scores", ..., "lower_scores", "higher_scores_and_beyond_cutoff"),
        `denominator`, `n_events`, `n`, `n_missing`, `n_not_due`, `estimate`, `conf_low`, `conf_high`,
        `threshold` (points), `comparison`. `.change`: the mean change with its t interval. `.cumulative`:
        `change`, share at least. `.sources`: one row per source.

    Raises
    ------
    DataError
        If there is no score, a name is not known, or no threshold follows from what is given and published;
        the message says what to give.

    Source
    ------
    Jacobson & Truax (1991), J. Consult. Clin. Psychol. 59, 12; Hsu (1989), Behav. Assess. 11, 459.
    """
    check_cohort(cohort)
    check_level(level)
    check_flag("corrected", corrected, "whether the baseline's regression to the mean is taken out")
    known, window, rule = find_instrument(instrument), find_window(at), baseline_rule(baseline)
    rules = reliable_rules(known, sd=sd, reliability=reliability, mean=mean, corrected=corrected)
    change = window_change(cohort, known, window, rule, by=by)
    remission = default_outcome_of(known, "remission")
    frames = [_block(change, found, remission, level) for found in rules]
    pairs = pd.DataFrame({"baseline": change.baseline, "score": change.score, "level": change.level_of})
    return ReliableChangeResult(
        title=f"Reliable change, {known.name}, {window.label}",
        table=pd.concat(frames, ignore_index=True),
        notes=(*change.notes(cohort), *_remission_notes(change, remission), DICHOTOMISED, ERROR_ONLY,
               UNCONTROLLED),
        definitions=(*_defined(rules), *_cut_off(remission), *change.definitions()),
        provenance=provenance_of(
            "reliable_change", cohort.fingerprint,
            {"instrument": known.name, "at": window.name, "sd": sd, "reliability": reliability, "by": by,
             "baseline": rule.name, "level": level, "corrected": corrected, "mean": mean},
        ),
        level=level,
        by=by,
        instrument=known.name,
        higher_is=known.higher_is,
        span=(known.minimum, known.maximum),
        cut_off=_line(remission),
        sources=_sources(rules),
        change=change.mean_change(level=level),
        cumulative=change.cumulative(level=level),
        pairs_by_patient=pairs[change.scored].reset_index(drop=True),
        levels=change.grouped.levels,
    )  # fmt: skip


def categories_of(higher_is: str) -> tuple[str, str, str, str]:
    """Names of the categories of an instrument: good direction, none, the other one, beyond the cut-off."""
    if higher_is == "better":
        return "higher_scores", "no_reliable_change", "lower_scores", "higher_scores_and_beyond_cutoff"
    return "fewer_symptoms", "no_reliable_change", "more_symptoms", "fewer_symptoms_and_below_cutoff"


def _block(change: WindowChange, rule: ReliableRule, remission: Outcome | None, level: float) -> pd.DataFrame:
    """The categories of one source over the three denominators."""
    gain = rule.gain(change)
    with np.errstate(invalid="ignore"):
        good, bad = rule.beyond(gain), rule.beyond(-gain)
    names = categories_of(change.instrument.higher_is)
    marks = [(names[0], good), (names[1], ~good & ~bad), (names[2], bad)]
    if remission is not None:
        # Who starts below the cut-off cannot come to lie below it.
        before = met(remission, change.instrument, change.baseline, change.baseline)
        after = met(remission, change.instrument, change.score, change.baseline)
        marks.append((names[3], good & after & ~before))
    frames = []
    for name, holds in marks:
        rows = change.rows(holds, level=level)
        at = 0 if change.grouped.by is None else 1
        rows.insert(at, "source", rule.label)
        rows.insert(at + 1, "kind", rule.kind)
        rows.insert(at + 2, "category", name)
        rows["threshold"] = rule.threshold
        rows["comparison"] = "at_least" if rule.at_least else "above"
        frames.append(rows)
    return pd.concat(frames, ignore_index=True)


def _sources(rules: tuple[ReliableRule, ...]) -> pd.DataFrame:
    columns = ("label", "kind", "threshold", "at_least", "sd", "reliability", "mean", "source", "verified")
    rows = [tuple(getattr(rule, column) for column in columns) for rule in rules]
    return pd.DataFrame(rows, columns=["source", *columns[1:7], "citation", "verified"])


def _defined(rules: tuple[ReliableRule, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((f"Reliable change, {rule.label}", rule.text, rule.source) for rule in rules)


def _cut_off(remission: Outcome | None) -> tuple[tuple[str, str, str], ...]:
    return () if remission is None else (cited(remission),)


def _line(remission: Outcome | None) -> tuple[float, str] | None:
    """Where the cut-off is drawn, and how it is printed."""
    if remission is None or remission.max_score is None:
        return None
    return float(remission.max_score), remission.threshold


def _remission_notes(change: WindowChange, remission: Outcome | None) -> list[str]:
    if remission is None:
        return [f"No default remission is published for {change.instrument.name}: no cut-off is applied."]
    before = met(remission, change.instrument, change.baseline, change.baseline) & change.scored
    if not before.any():
        return []
    return [
        f"{int(before.sum())} of {int(change.scored.sum())} scored began below the remission cut-off; they "
        "count as not having come to lie below it."
    ]


def responder_table(
    cohort: Cohort,
    instrument: str,
    *,
    at: str | float = "end_of_induction",
    sd: float | None = None,
    reliability: float | None = None,
    by: str | None = None,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> ResponderTable:
    """How many changed, by which rule: response, partial response, published changes, deterioration.

    Each rule stands with its definition and source; none is the default. Where the catalogue publishes
    several meaningful changes of an instrument, each has its row.

    Parameters
    ----------
    cohort, instrument, at, by, baseline, level
        As in `reliable_change`.
    sd, reliability : float, optional
        As in `reliable_change`: thresholds of reliable change beside the published ones.

    Returns
    -------
    ResponderTable
        `.table`: the `by` column, `rule`, `kind`, `label`, `direction` ("good", "bad"), `unit`, `value`,
        `denominator`, `n_events`, `n`, `n_missing`, `n_not_due`, `estimate`, `conf_low`, `conf_high`,
        `definition`, `source`, `verified`. `.change` and `.cumulative` as in `reliable_change`.

    Raises
    ------
    DataError
        If there is no score, or a name is not known.
    """
    check_cohort(cohort)
    check_level(level)
    known, window, start = find_instrument(instrument), find_window(at), baseline_rule(baseline)
    check_direction(known)
    change = window_change(cohort, known, window, start, by=by)
    rules = [*band_rules(change), *meaningful_rules(change), *_reliable(change, sd, reliability)]
    frames = [_rule_rows(change, rule, level) for rule in rules]
    return ResponderTable(
        title=f"How many changed, by which rule, {known.name}, {window.label}",
        table=pd.concat(frames, ignore_index=True),
        notes=(*change.notes(cohort), DICHOTOMISED, UNCONTROLLED),
        definitions=(*(_told(rule) for rule in rules), *change.definitions()),
        provenance=provenance_of(
            "responder_table", cohort.fingerprint,
            {"instrument": known.name, "at": window.name, "sd": sd, "reliability": reliability, "by": by,
             "baseline": start.name, "level": level},
        ),
        level=level,
        by=by,
        instrument=known.name,
        higher_is=known.higher_is,
        change=change.mean_change(level=level),
        cumulative=change.cumulative(level=level),
        overlap=_overlap(change, rules),
    )  # fmt: skip


def _overlap(change: WindowChange, rules: list[ChangeRule]) -> np.ndarray:
    """How many of those scored meet both of two rules."""
    met_by = np.array([rule.holds[change.scored & (change.level_of >= 0)] for rule in rules], dtype=np.int64)
    return met_by @ met_by.T


def _told(rule: ChangeRule) -> tuple[str, str, str]:
    """A rule as a definition; under the catalogue's name where it is one of its outcomes."""
    if rule.name in OUTCOMES:
        return rule.name, rule.text, rule.source
    if rule.kind == "meaningful_change":
        unit = "points" if rule.unit == "points" else "% of the baseline score"
        text = f"A change of at least {rule.value:g} {unit} in the good direction, which its source calls so."
        return f"Meaningful change, {rule.label[:1].lower()}{rule.label[1:]}", text, rule.source
    return rule.label, rule.text, rule.source


def _reliable(change: WindowChange, sd: float | None, reliability: float | None) -> list[ChangeRule]:
    """Reliable change in both directions, by each source that there is."""
    known = change.instrument
    rules: tuple[ReliableRule, ...] = ()
    if any(is_reliable(entry) for entry in known.changes):
        rules = reliable_rules(known, sd=None, reliability=None, mean=None, corrected=False)
    if sd is not None or reliability is not None:
        rules += reliable_rules(known, sd=sd, reliability=reliability, mean=None, corrected=False)
    good, bad = ("higher scores", "lower scores")
    if known.higher_is == "worse":
        good, bad = "fewer symptoms", "more symptoms"
    rows = []
    for rule in rules:
        gain = rule.gain(change)
        with np.errstate(invalid="ignore"):
            sides = (("good", good, rule.beyond(gain)), ("bad", bad, rule.beyond(-gain)))
        size = f"at least {rule.threshold:g}" if rule.at_least else f"more than {rule.threshold:.1f}"
        for side, words, holds in sides:
            rows.append(
                ChangeRule(
                    rule.name, f"Reliable change towards {words}, {size} points: {rule.label}",
                    "reliable_change", side, "points", rule.threshold, rule.text, rule.source, rule.verified,
                    holds,
                )
            )  # fmt: skip
    return rows


def _rule_rows(change: WindowChange, rule: ChangeRule, level: float) -> pd.DataFrame:
    rows = change.rows(rule.holds, level=level)
    at = 0 if change.grouped.by is None else 1
    for number, name in enumerate(("rule", "kind", "label", "direction", "unit", "value")):
        rows.insert(at + number, name, rule.name if name == "rule" else getattr(rule, name))
    rows["definition"], rows["source"], rows["verified"] = rule.text, rule.source, rule.verified
    return rows
