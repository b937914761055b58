"""Cells that say a choice's label to the choice's code, so that one mapping serves both kinds of export."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from ketaoutcomes.errors import Problem
from ketaoutcomes.readers.redcap_dictionary import Dictionary, label_key

__all__ = ["codes_for_labels", "form_states", "names_for_labels"]

EVENT, INSTRUMENT = "redcap_event_name", "redcap_repeat_instrument"
ARM = re.compile(r"(.*)_arm_([0-9]+)[a-z]?")
NAMED_ARM = re.compile(r"(.*\S)\s*\(Arm ([0-9]+)(?::.*)?\)")
# REDCap makes the name of an event from so many signs of its label.
LONGEST_EVENT = 18


def codes_for_labels(
    frame: pd.DataFrame, dictionary: Dictionary, *, labelled: bool
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the frame with the codes of choices in place of their labels, and notes.

    Parameters
    ----------
    frame : DataFrame
        Text cells under field names.
    dictionary : Dictionary
    labelled : bool
        The file's headers are labels. Whether its cells are too is seen from
        those that can be only one of the two; `labelled` decides if there is none.
    """
    known = {name: choices for name in frame.columns if (choices := dictionary.choices_of(str(name)))}
    cells = {name: frame[name].str.strip() for name in known}
    votes = Counter[str]()
    for name, choices in known.items():
        found = {label_key(cell) for cell in cells[name].unique()} - {""}
        codes, labels = {code for code, _ in choices}, {label_key(label) for _, label in choices}
        votes["label"] += bool(found & labels - codes)
        votes["code"] += bool(found & codes - labels)
    are_labels = labelled if votes["label"] == votes["code"] else votes["label"] > votes["code"]
    out, notes = {}, []
    for name, choices in known.items():
        recode, doubtful = _recode(choices, are_labels)
        keys = cells[name].map({cell: label_key(cell) for cell in cells[name].unique()}).astype("str")
        out[name] = keys.map(recode).astype("str").where(keys.isin(list(recode)), frame[name])
        if keys.isin(list(doubtful)).any():
            message = "two choices of this field have the same label, so that its cells stay labels"
            n_rows = int(keys.isin(list(doubtful)).sum())
            notes.append(Problem(message, rule="same_labels", column=str(name), n_rows=n_rows))
    return _replaced(frame, out), notes


def _recode(choices: Iterable[tuple[str, str]], are_labels: bool) -> tuple[dict[str, str], set[str]]:
    """Return the code of each label that stands for one, and the labels that stand for several."""
    codes = {code for code, _ in choices}
    by_label: dict[str, set[str]] = {}
    for code, label in choices:
        by_label.setdefault(label_key(label), set()).add(code)
    doubtful = {label for label, several in by_label.items() if len(several) > 1}
    recode = {
        label: next(iter(several))
        for label, several in by_label.items()
        if label not in doubtful and label and (are_labels or label not in codes)
    }
    return recode, doubtful


def names_for_labels(
    frame: pd.DataFrame, dictionary: Dictionary | None, wanted: Mapping[str, Iterable[str]]
) -> pd.DataFrame:
    """Return the frame with names of forms and events in place of their labels.

    Parameters
    ----------
    frame : DataFrame
    dictionary : Dictionary or None
        Its forms are known names.
    wanted : mapping of str to names
        Names that the mapping asks for, by column. A label becomes the one name
        that REDCap would make of it; others stay.
    """
    forms = set() if dictionary is None else set(dictionary.forms)
    out = {}
    for column, squeeze in ((INSTRUMENT, _form_key), (EVENT, _event_key)):
        if column not in frame.columns:
            continue
        names = set(wanted.get(column, ())) | (forms if column == INSTRUMENT else set())
        by_key: dict[object, set[str]] = {}
        for name in names - {""}:
            for key in squeeze(name):
                by_key.setdefault(key, set()).add(name)
        cells = frame[column].str.strip()
        recode = {}
        for cell in set(cells.unique()) - names - {""}:
            if ARM.fullmatch(cell):
                # A name already, of an event that nobody asked for.
                continue
            found = set().union(*(by_key.get(key, set()) for key in squeeze(cell)))
            if len(found) == 1:
                recode[cell] = found.pop()
        if recode:
            out[column] = cells.map(recode).astype("str").where(cells.isin(list(recode)), frame[column])
    return _replaced(frame, out)


def _replaced(frame: pd.DataFrame, columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return the frame with other columns in place of those of the same names."""
    return pd.DataFrame({name: columns.get(name, frame[name]) for name in frame.columns}, index=frame.index)


def _form_key(text: str) -> list[object]:
    return [re.sub("[^a-z0-9]", "", text.lower())]


def _event_key(text: str) -> list[object]:
    """Return how an event may be called: by its name alone, and by its name and arm."""
    arm = None
    named, labelled = ARM.fullmatch(text), NAMED_ARM.fullmatch(text)
    if named or labelled:
        text, arm = (named or labelled).groups()
    words = re.sub("[^a-z0-9_]", "", "_".join(text.lower().split()))[:LONGEST_EVENT]
    plain = words.replace("_", "")
    return [(plain, arm)] if labelled else [plain, (plain, arm)]


def form_states(frame: pd.DataFrame) -> list[Problem]:
    """Return notes on forms that are not marked as complete; their rows are read all the same."""
    notes = []
    words = {**{code: label.lower() for code, label in (("0", "Incomplete"), ("1", "Unverified"))}}
    words |= {word: word for word in list(words.values())}
    for name in frame.columns:
        form = str(name).removesuffix("_complete")
        if form == name or not form.isidentifier():
            continue
        states = frame[name].str.strip().str.lower()
        if not states.isin(["", "0", "1", "2", "incomplete", "unverified", "complete"]).all():
            continue
        counts = Counter(states.map(words).dropna())
        if counts:
            told = " and ".join(f"{n:,} {state}" for state, n in sorted(counts.items()))
            message = (
                f"the form '{form}' is not marked complete in some rows ({told}); they are read all the same"
            )
            notes.append(
                Problem(message, rule="form_not_complete", column=str(name), n_rows=sum(counts.values()))
            )
    return notes
