"""Headers of a REDCap export to field names, each name once.

An export with labels says "Date" and "Complete?" once per form. The data
dictionary gives the order of fields and forms, by which such headers are told
apart; where that leaves a doubt, nothing is guessed and the header stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.errors import Problem
from ketaoutcomes.readers.redcap_dictionary import Dictionary, label_key

__all__ = ["SPECIAL", "Named", "field_names", "unite_columns"]

# Columns that REDCap adds, and how an export with labels calls them.
SPECIAL = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "redcap_data_access_group": "Data Access Group",
    "redcap_survey_identifier": "Survey Identifier",
}
STATUS, TIMESTAMP = "Complete?", "Survey Timestamp"


@dataclass(frozen=True)
class Named:
    """The columns' names.

    Parameters
    ----------
    names : tuple of str
        One per column of the file; some may be equal.
    labelled : bool
        The headers were labels.
    n_unsure : int
        Headers that may be one of several fields and stay as written.
    """

    names: tuple[str, ...]
    labelled: bool
    n_unsure: int


def field_names(headers: Sequence[str], dictionary: Dictionary | None, named: Collection[str] = ()) -> Named:
    """Return the name of each column: the field's if the dictionary tells it, else as written.

    Parameters
    ----------
    headers : sequence of str
        As they stand in the file.
    dictionary : Dictionary or None
    named : collection of str
        Headers that the mapping names; they stay as written.
    """
    headers = [" ".join(str(header).split()) or f"column number {n}" for n, header in enumerate(headers, 1)]
    expected = [] if dictionary is None else _expected(dictionary)
    raw = {name for name, _ in expected} | set(SPECIAL)
    labels = {key for _, key in expected} | set(SPECIAL.values())
    n_raw = sum(header in raw for header in headers)
    n_labels = sum(label_key(header) in labels for header in headers)
    if n_raw >= n_labels:
        return Named(tuple(headers), False, 0)
    # "sex" in the mapping is the field, though a label may read "Sex".
    kept = {name.strip().casefold() for name in named if name.strip() not in raw}
    names: list[str | None] = [header if header.casefold() in kept else None for header in headers]
    keys = [label_key(header) for header in headers]
    for name, label in SPECIAL.items():
        # REDCap's own columns stand before the fields, so that the first of the name is meant.
        if label in keys and names[keys.index(label)] is None and name not in headers:
            names[keys.index(label)] = name
    unsure = _place(keys, names, expected)
    settled = tuple(header if name is None else name for header, name in zip(headers, names, strict=True))
    return Named(settled, True, unsure)


def _expected(dictionary: Dictionary) -> list[tuple[str, str]]:
    """Return name and label of every column that an export may have, in the dictionary's order."""
    out = []
    for form in dictionary.forms:
        fields = [field for field in dictionary.fields if field.form == form]
        columns = [pair for field in fields for pair in zip(field.columns, field.headers, strict=True)]
        columns.append((f"{form}_complete", STATUS))
        place = 1 if fields[0].name == dictionary.record_id else 0
        columns.insert(place, (f"{form}_timestamp", TIMESTAMP))
        out += [(name, label_key(label)) for name, label in columns]
    return out


def _place(keys: list[str], names: list[str | None], expected: list[tuple[str, str]]) -> int:
    """Fill in the names of headers that can be only one field, and count those that may be several.

    Labels that occur once on both sides are sure. The others are sure if, between two
    sure neighbours, the file has as many headers of a label as the dictionary has fields.
    """
    open_places = [place for place, name in enumerate(names) if name is None]
    in_file = Counter(keys[place] for place in open_places)
    in_dictionary = Counter(key for _, key in expected)
    where = {key: place for place, (_, key) in enumerate(expected)}
    sure = {
        place: where[keys[place]]
        for place in open_places
        if in_file[keys[place]] == in_dictionary[keys[place]] == 1
    }
    for place, found in sure.items():
        names[place] = expected[found][0]
    anchors = np.array(sorted(sure), dtype=np.int64)
    targets = np.array([sure[place] for place in anchors.tolist()], dtype=np.int64)
    in_order = bool((np.diff(targets) > 0).all())
    groups: dict[tuple[str, int], list[int]] = {}
    for place in open_places:
        if place not in sure and in_dictionary[keys[place]]:
            groups.setdefault((keys[place], int(np.searchsorted(anchors, place))), []).append(place)
    unsure = 0
    for (key, gap), places in groups.items():
        low = targets[gap - 1] + 1 if gap else 0
        high = targets[gap] if gap < targets.size else len(expected)
        candidates = [name for name, one in expected[low:high] if one == key] if in_order else []
        if len(candidates) == len(places):
            for place, name in zip(places, candidates, strict=True):
                names[place] = name
        else:
            unsure += len(places)
    return unsure


def unite_columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the frame under the given names, columns of one name united, and notes on them.

    Where two columns of one name hold different cells in a row, neither counts
    and the cell is blank.
    """
    where: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        where.setdefault(name, []).append(place)
    columns: dict[str, pd.Series] = {}
    notes = []
    for name, places in where.items():
        if len(places) == 1:
            columns[name] = frame.iloc[:, places[0]]
            continue
        columns[name], differ = _united([frame.iloc[:, number] for number in places])
        shown = name if class_of_name(name, "limited-data-set") is None else None
        called = f"'{shown}'" if shown else f"number {places[0] + 1}"
        message = f"{len(places)} columns have the same name as column {called} and were read as one"
        notes.append(Problem(message, rule="columns_united", column=shown))
        if differ.any():
            message = (
                f"the columns called as column {called} is hold different cells in the same row; which of "
                "them counts is not known, so the cell was read as blank; export with unique names"
            )
            notes.append(Problem(message, rule="columns_disagree", column=shown, n_rows=int(differ.sum())))
    return pd.DataFrame(columns, index=frame.index), notes


def _united(columns: list[pd.Series]) -> tuple[pd.Series, np.ndarray]:
    """Return several columns as one, and the rows in which they differ; bool."""
    known = columns[0].str.strip()
    differ = np.zeros(len(known), dtype=bool)
    for column in columns[1:]:
        cells = column.str.strip()
        differ |= ((known != "") & (cells != "") & (known != cells)).to_numpy(bool)
        known = known.where(known != "", cells)
    return known.mask(differ, ""), differ
