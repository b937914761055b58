"""Sentences that several analyses add to their results, with counts and no cell values."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, Window
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.sessions import Induction
from ketaoutcomes.results.text import patients

__all__ = [
    "cited",
    "dropped_notes",
    "group_notes",
    "outcome_words",
    "phase_notes",
    "same_time_note",
    "selection_notes",
    "split_words",
    "told_synonyms",
]


def cited(definition: Outcome | Window | BaselineRule) -> tuple[str, str, str]:
    """Name, text and source of a definition; the source says if it is unverified or one of several."""
    return definition.name, definition.text, definition.citation


def outcome_words(definition: Outcome, instrument: Instrument) -> tuple[str, str]:
    """What is reached and by which rule: ``("Response", "PHQ-9 at least 50% below baseline")``."""
    head, _, rule = definition.label.partition(" (")
    rule = rule.removesuffix(")").replace(" %", "%")
    if definition.kind in ("remission", "end_state") and definition.threshold:
        # The label may name the instrument in a shorter way.
        sign, _, limit = definition.threshold.partition(" ")
        rule = {"<": f"below {limit}", "≤": f"of {limit} or less", "≥": f"of {limit} or more"}[sign]
        if definition.min_baseline is not None:
            rule += f", from {definition.min_baseline:g} or more"
    return head, f"{instrument.name} {rule}".rstrip()


def split_words(by: str | None) -> str:
    """The end of a heading that says what the rows are split by."""
    return "" if by is None else f", by {by}"


def dropped_notes(dropped: pd.DataFrame, n_starters: int) -> list[str]:
    """How many of the treated patients were left out, by reason."""
    total = int(dropped["n_patients"].sum())
    if not total:
        return [f"All {patients(n_starters)} with a session are in."]
    reasons = "; ".join(f"{row.reason} {row.n_patients}" for row in dropped.itertuples())
    return [f"{total} of {patients(n_starters)} with a session left out: {reasons}."]


def group_notes(groups: Groups, n_missing: int, n_small: int, n_in_small: int) -> list[str]:
    """What became of missing levels and of groups with a single patient."""
    notes = []
    if groups.by is None:
        return notes
    if groups.source == "sessions":
        notes.append(f"Groups: '{groups.by}' at session 1.")
    if n_missing:
        notes.append(f"{patients(n_missing)} left out: '{groups.by}' is missing.")
    if n_small:
        noun = "1 group" if n_small == 1 else f"{n_small} groups"
        notes.append(f"{noun} of '{groups.by}' with fewer than 2 patients left out ({patients(n_in_small)}).")
    return notes


def phase_notes(found: Induction) -> list[str]:
    """How many sessions have a phase in words that are not known."""
    if not found.n_unknown:
        return []
    noun = "session has" if found.n_unknown == 1 else "sessions have"
    return [
        f"{found.n_unknown:,} {noun} a phase in words that are not known; they count as not given and are "
        "filled from the sessions around them."
    ]


def same_time_note(cohort: Cohort) -> str:
    """How a score at a session's own time was placed."""
    if cohort.settings.same_time == "after":
        side, unless = "after", 'its timing is "pre"'
    else:
        side, unless = "before", "its timing says otherwise"
    return (
        f"A score at a session's own time, or on its day without a time, counts as {side} it unless {unless}."
    )


def selection_notes(cohort: Cohort) -> list[str]:
    """What the cohort was narrowed to."""
    return [f"Selection: {words}." for words in cohort.selection]


def told_synonyms(synonyms: object) -> object:
    """What a result's provenance says of `synonyms`: a clinic's own words may be anything, so not they."""
    return synonyms if synonyms is None or isinstance(synonyms, bool) else "the clinic's own"
