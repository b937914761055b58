"""A suggested mapping as TOML that people can read and correct."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pandas as pd

from ketaoutcomes.readers.suggest_plan import Draft, Plan

__all__ = ["write_toml"]

HEAD = """\
# Which columns of the export become which columns of the cohort's tables: a suggestion, made from the
# names of the columns and the kinds of their cells. Read it and correct it, then run
#   ketaoutcomes import FILE --mapping THIS_FILE --out FOLDER
# What is not named here stays outside. A line that begins with # is not used."""
BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
WIDTH = 110
TO_FILL = '"..."'


def write_toml(plan: Plan, patient: str | None, facts: Mapping[str, object], left: pd.DataFrame) -> str:
    """Return the text of a mapping file.

    Parameters
    ----------
    plan : Plan
    patient : str or None
        Column of the patient's code.
    facts : mapping
        `settings` (dict), `wanted` (lines for [cohort] to be completed), `missing` (list of codes),
        `notes` and `patient_note` (lists of remarks).
    left : DataFrame
        Columns that are not placed: sheet, column, n_filled, reason.
    """
    lines = [HEAD, *(f"# Note: {_plain(note)}" for note in facts["notes"]), ""]
    missing = facts["missing"]
    if missing:
        lines.append(f"missing = {_list(missing)}  # codes that the data dictionary gives for no answer")
    else:
        lines.append(
            '# missing = ["-99", "999"]  # cells that mean "missing" wherever they stand, if there are any'
        )
    lines += ["", "[cohort]"]
    lines += [f"{key} = {_text(value)}" for key, value in facts["settings"].items()]
    lines += [f"# {line}" for line in facts["wanted"]]
    lines += ["", "[patient]"]
    if patient is None:
        lines.append(
            '# id = "..."  # needed: the column of the patient\'s code, which must be in every sheet'
        )
    else:
        lines.append(f"id = {_text(patient)}")
    lines += [f"# Note: {_plain(note)}" for note in facts["patient_note"]]
    lines += [line for draft in plan.live for line in ("", *_block(draft))]
    if not any(draft.table == "sessions" for draft in plan.live):
        lines += [
            "",
            "# needed: the sessions, without which there is no cohort: when each was, and by which route",
        ]
    waiting = [draft for draft in plan.drafts if draft.lacking]
    if waiting:
        lines += ["", "# Not used until something is added:"]
        for draft in waiting:
            lines += ["#", f"# needs {_plain(draft.lacking)}"]
            lines += [f"# {line}" for line in _block(draft, notes=False)]
    return "\n".join([*lines, *_left(plan, left), ""])


def _left(plan: Plan, left: pd.DataFrame) -> list[str]:
    """Return the list of the columns that are not placed, identifiers first."""
    hidden = set(plan.identifiers.values())
    lines: list[str] = []
    for title, wanted in (
        ("Left out because they identify people or are free text:", True),
        ("Not placed:", False),
    ):
        rows = left[left["reason"].isin(list(hidden)) == wanted]
        if len(rows):
            lines += ["", f"# {title}"]
            for row in rows.itertuples(index=False):
                where = f"{_plain(row.sheet)}: " if row.sheet else ""
                lines.append(f"#   {where}{_plain(row.column)} ({row.n_filled} filled): {_plain(row.reason)}")
    return lines


def _block(draft: Draft, *, notes: bool = True) -> list[str]:
    """Return the lines of one block."""
    where = f" from {_plain(draft.group.name)}" if draft.group.name else ""
    lines = [f"# {draft.table}{where}"]
    if notes:
        lines += [f"# {_plain(note)}" for note in dict.fromkeys(draft.notes)]
    lines += ["[[rows]]", f"table = {_text(draft.table)}"]
    if draft.group.sheet is not None:
        lines.append(f"sheet = {_text(draft.group.sheet)}")
    if draft.chosen:
        lines.append(f"when = {_table({name: _one_or_list(cells) for name, cells in draft.chosen.items()})}")
    columns = {
        target: _one_or_list([column.name for column in found]) for target, found in draft.columns.items()
    }
    constants = {name: _text(value) for name, value in draft.constants.items()}
    if draft.lacking:
        columns |= {name: TO_FILL for kind, name in draft.blanks if kind == "columns"}
        constants |= {name: TO_FILL for kind, name in draft.blanks if kind == "constants"}
    if columns:
        lines += _long("columns", columns)
    if constants:
        lines.append(f"constants = {_table(constants)}")
    for name, recodes in draft.values.items():
        inner = {key: _text(value) for key, value in recodes.items()}
        lines.append(f"values.{_key(name)} = {_table(inner)}")
    if draft.multiply:
        lines.append(f"multiply = {_table({name: repr(factor) for name, factor in draft.multiply.items()})}")
    if draft.boxes:
        lines += _long("checkboxes", {column.name: _text(effect) for column, effect in draft.boxes.items()})
    if draft.asked is not None:
        lines.append(f"asked = {_text(draft.asked.name)}")
    if draft.needs:
        lines.append(f"needs = {_list(draft.needs)}")
    return lines


def _long(key: str, pairs: Mapping[str, str]) -> list[str]:
    """Return a table in one line, or in one line per entry where it is long."""
    line = f"{key} = {_table(pairs)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{key}.{_key(name)} = {value}" for name, value in pairs.items()]


def _one_or_list(names: Iterable[str]) -> str:
    names = list(names)
    return _text(names[0]) if len(names) == 1 else _list(names)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(_text(one) for one in texts)}]"


def _table(pairs: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_key(name)} = {value}" for name, value in pairs.items()) + " }"


def _key(name: str) -> str:
    return name if name and set(name) <= BARE else _text(name)


def _text(value: str) -> str:
    """Return a text as a TOML string; JSON's escapes are TOML's, save for the sign DEL."""
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(text: str) -> str:
    """Return a text that can stand in a comment."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))
