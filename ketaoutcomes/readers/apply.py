"""A mapping put to work on one sheet of text: rows of the cohort's tables, and where each column went."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.cohort.schema import ITEM
from ketaoutcomes.errors import ConfigError, Problem
from ketaoutcomes.readers.checkboxes import ticked_effects
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.mapping import Block, TableMapping

__all__ = ["apply_mapping", "hold_to_sheets"]

READINGS = ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate")
CHOOSES = "chooses rows"
NUMBER = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{0,15})?")
PATIENT = "patient_id"
MOST_TOLD = 8
NEVER_NONE = (
    "no row says that side effects were asked for and that there were none, so sessions without a tick count "
    "as not recorded, and the rates are of sessions with a tick; name the column that says so as `asked`"
)


def hold_to_sheets(mapping: TableMapping, sheets: Mapping[str | None, Iterable[str]]) -> None:
    """Refuse a mapping that names sheets or columns that are not there.

    Parameters
    ----------
    sheets : mapping
        Columns by name of the sheet; the name is None where the export is one table.

    Raises
    ------
    ConfigError
        All of them together.
    """
    known = {sheet: list(columns) for sheet, columns in sheets.items()}
    problems = []
    for number, block in enumerate(mapping.blocks, 1):
        where = f"mapping: [[rows]] number {number} ({block.table}): "
        wanted = (mapping.patient_id, *block.named)
        if block.sheet is not None and None not in known:
            if block.sheet not in known:
                problems.append(f"{where}there is no sheet '{block.sheet}'{_near(block.sheet, known)}")
                continue
            lacking = _lacking(wanted, known[block.sheet])
        else:
            # A block without a sheet fits the sheets that have all its columns; one is enough.
            lacking = min((_lacking(wanted, columns) for columns in known.values()), key=len, default=[])
        columns = known.get(block.sheet) or [name for names in known.values() for name in names]
        problems += [f"{where}there is no column '{name}'{_near(name, columns)}" for name in lacking]
    problems = list(dict.fromkeys(problems))
    n_named = len({name for block in mapping.blocks for name in block.named})
    if len(problems) > MOST_TOLD and len(problems) >= n_named / 2:
        message = (
            f"mapping: {len(problems)} of its columns are not in the export; is it the mapping of this "
            "export, and this the right file? The first:"
        )
        problems = [message, *problems[:MOST_TOLD]]
    if problems:
        raise ConfigError([Problem(one, rule="config") for one in problems])


def apply_mapping(
    mapping: TableMapping, intake: Intake, source: int, frame: pd.DataFrame, *, sheet: str | None = None
) -> None:
    """Add what a mapping makes of one sheet, and tell where each of its columns went.

    Parameters
    ----------
    source : int
        Handle of the sheet, whose rows are those of `frame`.
    frame : (n, k) DataFrame
        Text under unique names. `hold_to_sheets` has been asked.
    sheet : str, optional
        Name of the sheet, where there are several.
    """
    cells = _Cells(frame, mapping.missing)
    went: dict[str, list[str]] = {}
    for block in mapping.blocks:
        elsewhere = sheet is not None and block.sheet is not None and block.sheet != sheet
        if elsewhere or _lacking((mapping.patient_id, *block.named), frame.columns):
            continue
        _apply(block, mapping, intake, source, cells)
        went.setdefault(cells.name(mapping.patient_id), []).append(PATIENT)
        for target, names in block.columns.items():
            for name in names:
                went.setdefault(cells.name(name), []).append(f"{block.table}.{target}")
        for name in block.checkboxes:
            went.setdefault(cells.name(name), []).append("side_effects.effect")
        for name in (*block.when, *([block.asked] if block.asked else [])):
            went.setdefault(cells.name(name), []).append(CHOOSES)
    for name in frame.columns:
        targets = [one for one in dict.fromkeys(went.get(name, [])) if one != CHOOSES] or went.get(name, [])[
            :1
        ]
        intake.column(source, name, cells.n_filled(name), ", ".join(targets) if targets else None)


class _Cells:
    """A sheet's cells: blanks and the mapping's words for "missing" are missing."""

    def __init__(self, frame: pd.DataFrame, missing: frozenset[str]):
        self.frame, self.missing = frame, missing
        self.n = len(frame)
        self._places = {str(name).strip(): name for name in reversed(frame.columns)}
        self._folded: dict[str, list[str]] = {}
        for name in frame.columns:
            self._folded.setdefault(_folded(name), []).append(name)

    def name(self, wanted: str) -> str:
        """Return the name under which a column stands in the frame."""
        return self._places.get(wanted.strip()) or self._folded[_folded(wanted)][0]

    def get(self, wanted: str, *, missing: bool = True) -> pd.Series:
        """Return a column without blanks around its cells; without `missing`, as if no word meant missing."""
        found = self.frame[self.name(wanted)].astype("str").str.strip().reset_index(drop=True)
        gone = found.isna() | (found == "")
        if missing and self.missing:
            gone |= is_one_of(found, self.missing)
        return found.mask(gone)

    def n_filled(self, name: str) -> int:
        """Return how many cells of a column are not blank."""
        found = self.frame[name].astype("str").str.strip()
        return int((found.notna() & (found != "")).sum())


def _apply(block: Block, mapping: TableMapping, intake: Intake, source: int, cells: _Cells) -> None:
    """Add the rows that one block makes of a sheet."""
    chosen = np.ones(cells.n, dtype=bool)
    for name, wanted in block.when.items():
        chosen &= is_one_of(cells.get(name).fillna(""), wanted).to_numpy(bool)
    made = _columns(block, cells, mapping.settings.decimal)
    filled = {name: column.notna().to_numpy() for name, column in made.items()}
    patient = cells.get(mapping.patient_id)
    if block.checkboxes:
        frame, rows = _ticked(block, cells, made, chosen)
    else:
        needed = _needed(block, made)
        enough = np.any([filled[name] for name in needed], axis=0) if needed else np.ones(cells.n, dtype=bool)
        rows = np.flatnonzero(chosen & enough)
        frame = pd.DataFrame(made, index=range(cells.n)).iloc[rows].reset_index(drop=True)
    owner = patient.iloc[rows].reset_index(drop=True)
    nobody = owner.isna().to_numpy()
    intake.set_aside(source, rows[nobody], "no_patient")
    for name, value in block.constants.items():
        frame[name] = value
    frame.insert(0, "patient_id", owner)
    if block.checkboxes and len(frame) and not (frame["effect"].str.lower() == "none").any():
        intake.note(NEVER_NONE, table="side_effects", rule="never_none")
    intake.add(source, block.table, frame[~nobody], rows[~nobody])


def _ticked(
    block: Block, cells: _Cells, made: dict[str, pd.Series], chosen: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a row for each ticked box, and the row of the sheet that it was made of."""
    # A cell that means "missing" leaves the box neither ticked nor empty.
    boxes = {effect: cells.get(box, missing=False) for box, effect in _boxes(block)}
    ticks = ticked_effects(boxes, _asked(block, cells), made.get("effect"))
    left = chosen[ticks.rows]
    if block.needs:
        needed = [name for name in block.needs if name in made]
        left &= (
            np.any([made[name].notna().to_numpy()[ticks.rows] for name in needed], axis=0) if needed else True
        )
    rows, effects = ticks.rows[left], ticks.frame[left].reset_index(drop=True)
    if "effect" in block.values:
        effects["effect"] = _recoded(effects["effect"], block.values["effect"])
    own = pd.DataFrame({name: made[name] for name in made if name != "effect"}, index=range(cells.n))
    own = own.iloc[rows].reset_index(drop=True)
    if "severity" in own.columns:
        effects["severity"] = effects["severity"].where(effects["severity"].notna(), own.pop("severity"))
    elif effects["severity"].isna().all():
        effects = effects.drop(columns="severity")
    return pd.concat([own, effects], axis=1), rows


def _boxes(block: Block) -> list[tuple[str, str]]:
    """Return the boxes, each under its effect; boxes of one effect are told apart by a blank more."""
    seen: dict[str, int] = {}
    out = []
    for box, effect in block.checkboxes.items():
        out.append((box, effect + " " * seen.get(effect, 0)))
        seen[effect] = seen.get(effect, 0) + 1
    return out


def _asked(block: Block, cells: _Cells) -> pd.Series | None:
    return cells.get(block.asked) if block.asked else None


def _columns(block: Block, cells: _Cells, decimal: str | None) -> dict[str, pd.Series]:
    """Return the block's columns of the table: joined, split, recoded and multiplied."""
    out: dict[str, pd.Series] = {}
    for target, names in block.columns.items():
        column = cells.get(names[0])
        for name in names[1:]:
            part = cells.get(name)
            # A clock time without its date says nothing; a date without its clock time is a date.
            column = column.where(part.isna() | column.isna(), column + " " + part)
        parts = [one.strip() for one in target.split("/")]
        if len(parts) == 1:
            out[target] = column
            continue
        pieces = column.str.split("/", n=len(parts) - 1, expand=True).reindex(columns=range(len(parts)))
        for place, part in enumerate(parts):
            out[part] = pieces[place].astype("str").str.strip()
    for name, recodes in block.values.items():
        if name in out:
            out[name] = _recoded(out[name], recodes)
    for name, factor in block.multiply.items():
        if name in out:
            text = out[name].str.replace(",", ".") if decimal == "," else out[name]
            number = pd.to_numeric(text, errors="coerce") * factor
            written = number.map(lambda value: f"{value:.10g}", na_action="ignore").astype("str")
            written = written.str.replace(".", ",") if decimal == "," else written
            out[name] = out[name].where(number.isna(), written)
    return out


def _recoded(column: pd.Series, recodes: Mapping[str, str]) -> pd.Series:
    """Return a column with the listed cells replaced, whatever their case; an empty word is missing."""
    new = column.copy()
    for key, value in recodes.items():
        new = new.mask(is_one_of(column, [key]), value if value else pd.NA)
    return new.astype("str")


def is_one_of(column: pd.Series, words: Iterable[str]) -> pd.Series:
    """Mark the cells that are one of the words, whatever their case; numbers are compared as numbers."""
    folded = [word.strip().lower() for word in words]
    numbers = [float(word) for word in folded if NUMBER.fullmatch(word)]
    found = column.str.lower().isin(folded)
    if numbers:
        plain = column.where(column.str.fullmatch(NUMBER.pattern).fillna(False).astype(bool))
        found |= pd.to_numeric(plain, errors="coerce").isin(numbers)
    return found.fillna(False).astype(bool)


def _needed(block: Block, made: Mapping[str, pd.Series]) -> list[str]:
    """Return the columns of which at least one must have a cell for a row to be made."""
    if block.needs:
        return [name for name in block.needs if name in made]
    names = list(made)
    wanted = {
        "scores": [name for name in names if name == "score" or ITEM.fullmatch(name)],
        "vitals": [name for name in names if name in READINGS],
        "side_effects": [name for name in names if name == "effect"],
    }
    return wanted.get(block.table) or names


def _lacking(wanted: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return the names that are not, whatever their case, the name of one column."""
    plain, folded = set(), {}
    for name in columns:
        plain.add(str(name).strip())
        folded[_folded(name)] = folded.get(_folded(name), 0) + 1
    return [name for name in wanted if name.strip() not in plain and folded.get(_folded(name)) != 1]


def _folded(name: object) -> str:
    return str(name).strip().casefold()


def _near(name: str, choices: Iterable) -> str:
    """Return a hint at a name like the one asked for; none that looks as if it named somebody."""
    harmless = [str(one) for one in choices if one and class_of_name(str(one), "limited-data-set") is None]
    found = difflib.get_close_matches(name, harmless, n=1)
    return f"; did you mean '{found[0]}'?" if found else ""
