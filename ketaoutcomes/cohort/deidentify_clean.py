"""The source's tables without what identifies: ids recoded, columns dropped, cells blanked, all noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.columns import wants
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.deidentify_key import Key, spelled_alike
from ketaoutcomes.cohort.deidentify_originals import Originals
from ketaoutcomes.cohort.deidentify_recode import ZIP3, is_age, is_zip, recode_ages, recode_zips
from ketaoutcomes.cohort.deidentify_scan import (
    class_of_column,
    class_of_header,
    words_of,
    words_that_identify,
)
from ketaoutcomes.cohort.deidentify_source import Source, TableAsRead
from ketaoutcomes.cohort.ids import id_text
from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.cohort.values import MISSING, text

__all__ = ["Act", "Plan", "clean", "look_again", "n_filled"]

IDS = ("patient_id", "clinic_id")
# Times become hours or shifted dates, and months are kept or not, when the tables are written.
TIMES = frozenset({"date", "month"})


@dataclass(frozen=True)
class Act:
    """One thing done to a column.

    Parameters
    ----------
    table : str
    column : str
        Its name, or "column number 5" where the name itself may identify.
    action : {"recoded", "dropped", "blanked"}
    reason : str
        A class of identifiers by its letter, "free_text", or in words.
    n_cells : int
        Filled cells that changed or went.
    further : bool
        The column is not one of the data dictionary.
    position : int
        Of the column in the file, from 1.
    """

    table: str
    column: str
    action: str
    reason: str
    n_cells: int
    further: bool
    position: int


@dataclass
class Plan:
    """What is to be done, and what looks at the tables that would be written have added to it.

    Parameters
    ----------
    keep_text : frozenset of str
        Columns of text to keep, as "table.column".
    clinics : {"recode", "drop"}
    originals : Originals
    columns : dict of (str, str) to str
        Further columns to drop, with the class.
    words : dict of (str, str) to dict of str to str
        Cells to blank, with the class.
    """

    keep_text: frozenset[str]
    clinics: str
    originals: Originals
    columns: dict[tuple[str, str], str] = field(default_factory=dict)
    words: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)


def clean(source: Source, key: Key, plan: Plan) -> tuple[dict[str, RawTable], list[Act]]:
    """Return the tables with codes for ids and nothing in them that identifies, save their times."""
    raws, acts = {}, []
    covariates = source.settings.covariates
    for name, table in source.tables.items():
        cleaner = _Cleaner(name, table, key, plan)
        kept = {}
        for column in table.raw.frame.columns:
            if wants(column, TABLES[name], covariates):
                kept |= cleaner.column(column)
            else:
                cleaner.act(column, "dropped", "not asked for, or derived anew")
        frame = pd.DataFrame(kept, index=table.raw.frame.index, copy=False)
        if table.n_unnamed:
            acts.append(Act(name, "columns without a name", "dropped", "unnamed", 0, True, 0))
        raws[name] = replace(table.raw, frame=frame, lost=_lost(table, key, frame))
        acts += cleaner.acts
    return raws, acts


def look_again(plan: Plan, tables: Mapping[str, pd.DataFrame]) -> bool:
    """Add to the plan what identifies in the tables as they would be written; whether there is anything."""
    found = False
    for name, frame in tables.items():
        for column in frame.columns.difference(IDS):
            is_text = f"{name}.{column}" in plan.keep_text
            if not is_text and not _known(name, column):
                letter = class_of_column(frame[column], frame["patient_id"], plan.originals)
                if letter and not is_zip(column):
                    plan.columns[name, column], found = letter, True
                continue
            if column in TABLES[name].names and TABLES[name][column].kind in TIMES:
                continue
            for letter, rows in words_that_identify(
                name,
                frame[column],
                is_text=is_text,
                patients=frame["patient_id"],
                originals=plan.originals,
            ).items():
                cells = words_of(frame[column][rows]).unique()
                plan.words.setdefault((name, column), {}).update(dict.fromkeys(cells, letter))
                found = True
    return found


def n_filled(column: pd.Series) -> int:
    """Return how many cells hold something."""
    return int((~text(column).fillna("").str.lower().isin(MISSING)).sum())


def _known(table: str, column: str) -> bool:
    return column in TABLES[table].names or (table == "scores" and ITEM.fullmatch(column) is not None)


def _lost(table: TableAsRead, key: Key, frame: pd.DataFrame) -> tuple[str, ...]:
    """Return rows that could not be put into columns as their patient's code in its place."""
    if "patient_id" not in frame.columns:
        return ()
    lead = (table.raw.separator or ",") * list(frame.columns).index("patient_id")
    return tuple(f"{lead}{key.patients[one]}" for one in table.lost_ids if one in key.patients)


class _Cleaner:
    """One table's columns, one at a time; `acts` says what was done.

    Parameters
    ----------
    name : str
    table : TableAsRead
    key : Key
    plan : Plan
    """

    def __init__(self, name: str, table: TableAsRead, key: Key, plan: Plan):
        self.name, self.table, self.key, self.plan = name, table, key, plan
        self.acts: list[Act] = []
        self.frame = table.raw.frame
        self.patients = None
        if "patient_id" in self.frame.columns:
            self.patients = _codes(id_text(self.frame["patient_id"]).str.strip(), key.patients)

    def column(self, column: str) -> dict[str, pd.Series]:
        """Return what becomes of one column: itself under its name, or nothing."""
        cells, known = self.frame[column], _known(self.name, column)
        if known and column in IDS:
            return self._ids(column)
        if known and self._kind(column) in TIMES:
            return {column: cells}
        is_text = f"{self.name}.{column}" in self.plan.keep_text
        if known or is_text:
            return {column: self._blanked(column, self._ages(column), is_text=is_text)}
        if is_zip(column):
            return self._zips(column)
        written = self.table.headers[column][0]
        letter = self.plan.columns.get((self.name, column)) or class_of_header(self.name, written, column)
        if letter is None:
            cells = self._ages(column)
            letter = class_of_column(cells, self.patients, self.plan.originals)
        if letter is None:
            return {column: cells}
        self.acts = [act for act in self.acts if act.position != self.table.headers[column][1]]
        self.act(column, "dropped", letter)
        return {}

    def act(self, column: str, action: str, reason: str, n_cells: int | None = None) -> None:
        """Note what was done to a column, to all of its filled cells if no number is given."""
        written, position = self.table.headers[column]
        known = _known(self.name, column)
        if n_cells is None:
            n_cells = n_filled(self.frame[column])
        hidden = not known and any(class_of_name(one, "safe-harbor") for one in (written, column))
        shown = f"column number {position}" if hidden else column
        self.acts.append(Act(self.name, shown, action, reason, n_cells, not known, position))

    def _kind(self, column: str) -> str:
        return TABLES[self.name][column].kind if column in TABLES[self.name].names else "number"

    def _ids(self, column: str) -> dict[str, pd.Series]:
        if column == "patient_id":
            self.act(column, "recoded", "ids")
            return {column: self.patients}
        if self.plan.clinics == "drop":
            self.act(column, "dropped", "clinic")
            return {}
        self.act(column, "recoded", "clinic")
        alike = {spelled_alike(name): code for name, code in self.key.clinics.items()}
        cells = words_of(self.frame[column])
        return {column: _codes(cells.where(~cells.isin(MISSING)), alike)}

    def _ages(self, column: str) -> pd.Series:
        """Return the column, with no age above 89 in it if it is named as one of ages."""
        cells = self.frame[column]
        if not is_age(column) or pd.api.types.is_bool_dtype(cells.dtype):
            return cells
        if pd.api.types.is_datetime64_any_dtype(cells.dtype):
            return cells
        out, n_cells = recode_ages(cells, numeric=column == "age")
        if n_cells == 0:
            return cells
        self.act(column, "recoded", "ages above 89", n_cells)
        return out.set_axis(cells.index)

    def _zips(self, column: str) -> dict[str, pd.Series]:
        recoded, n_recoded, n_dropped = recode_zips(self.frame[column])
        if not recoded.notna().any():
            self.act(column, "dropped", "B")
            return {}
        self.act(column, "recoded", "ZIP codes to three digits", n_recoded)
        if n_dropped:
            self.act(column, "blanked", "B", n_dropped)
        others = [one for one in self.frame.columns if is_zip(one)]
        place = others.index(column)
        name = ZIP3 if place == 0 else f"{ZIP3}_{place + 1}"
        return {name: recoded.set_axis(self.frame.index)}

    def _blanked(self, column: str, cells: pd.Series, *, is_text: bool) -> pd.Series:
        """Return a column without the cells that identify."""
        found = words_that_identify(
            self.name, cells, is_text=is_text, patients=self.patients, originals=self.plan.originals
        )
        added = self.plan.words.get((self.name, column), {})
        if added:
            letters = words_of(cells).map(added)
            for letter in sorted(set(added.values())):
                rows = (letters == letter).fillna(False).to_numpy(bool)
                found[letter] = found.get(letter, np.zeros(len(cells), dtype=bool)) | rows
        for letter, rows in found.items():
            if rows.any():
                self.act(column, "blanked", letter, int(rows.sum()))
                cells = cells.mask(pd.Series(rows, index=cells.index))
        return cells


def _codes(cells: pd.Series, codes: Mapping[str, str]) -> pd.Series:
    """Return each cell's code; missing where the cell is empty."""
    return pd.Series(pd.array(cells.map(codes).tolist(), dtype="str"), index=cells.index)
