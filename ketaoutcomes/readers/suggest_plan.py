"""What a suggestion has decided so far: blocks of the mapping, and why columns are in none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from ketaoutcomes.readers.suggest_columns import Column, Group, shown_name

__all__ = ["Draft", "Plan"]


@dataclass(eq=False)
class Draft:
    """One `[[rows]]` of the mapping while it is made.

    Parameters
    ----------
    table : str
    group : Group
        Whose rows they are.
    columns : dict of str to tuple of Column
    constants, values, multiply, needs, boxes, asked
        As in the mapping; `boxes` by column.
    notes : list of str
        What the reader of the mapping should know.
    lacking : str
        What is needed before the block can be used, "" if nothing; until then it is commented out.
    blanks : tuple of (str, str)
        What is to be filled in by hand: "columns" or "constants", and the table's column.
    when : mapping, optional
        Which rows of the export, where not all of the group's.
    """

    table: str
    group: Group
    columns: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    multiply: dict[str, float] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    boxes: dict[Column, str] = field(default_factory=dict)
    asked: Column | None = None
    notes: list[str] = field(default_factory=list)
    lacking: str = ""
    blanks: tuple[tuple[str, str], ...] = ()
    when: Mapping[str, tuple[str, ...]] | None = None

    @property
    def chosen(self) -> Mapping[str, tuple[str, ...]]:
        """Which rows of the export the block takes."""
        return self.group.when if self.when is None else self.when

    def named(self) -> Iterable[tuple[Column, str]]:
        """Yield every column that the block names, with what it becomes."""
        for target, columns in self.columns.items():
            for column in columns:
                yield column, f"{self.table}.{target}"
        for column in self.boxes:
            yield column, "side_effects.effect"
        if self.asked is not None:
            yield self.asked, "side_effects.effect"
        for name in self.chosen:
            yield self.group.special[name], "chooses rows"


@dataclass(eq=False)
class Plan:
    """All columns of an export, the blocks made of them, and why the others are in none."""

    columns: list[Column]
    drafts: list[Draft] = field(default_factory=list)
    reasons: dict[tuple[str | None, str], str] = field(default_factory=dict)
    identifiers: dict[tuple[str | None, str], str] = field(default_factory=dict)

    def refuse(self, columns: Iterable[Column], reason: str) -> None:
        """Tell why columns are in no block; the first reason stays."""
        for column in columns:
            self.reasons.setdefault(column.key, reason)

    def is_open(self, column: Column) -> bool:
        """Whether nothing was decided against a column."""
        return column.key not in self.reasons

    @property
    def live(self) -> list[Draft]:
        """Blocks that can be used as they are."""
        return [draft for draft in self.drafts if not draft.lacking]

    def targets(self) -> dict[tuple[str | None, str], list[str]]:
        """Return what every placed column becomes."""
        out: dict[tuple[str | None, str], list[str]] = {}
        for draft in self.live:
            for column, target in draft.named():
                found = out.setdefault(column.key, [])
                if target not in found:
                    found.append(target)
        return out

    def tables(self, patient: Column | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the columns placed and those that are not, each column in one of the two once."""
        targets = self.targets()
        if patient is not None:
            own = [one.key for one in self.columns if one.name == patient.name and self.is_open(one)]
            targets |= {key: ["patient_id"] for key in own}
        lacking = {
            column.key: f"its block is commented out: {draft.lacking}"
            for draft in reversed(self.drafts)
            if draft.lacking
            for column, _ in draft.named()
        }
        placed, left = [], []
        names = list(dict.fromkeys(column.sheet for column in self.columns))
        shown = {
            name: "" if name is None else shown_name(name, n, "sheet") for n, name in enumerate(names, 1)
        }
        for column in self.columns:
            sheet = shown[column.sheet]
            if column.key in targets:
                found = targets[column.key]
                told = [one for one in found if one != "chooses rows"] or found
                placed.append((sheet, column.shown, ", ".join(told)))
            else:
                reason = (
                    self.reasons.get(column.key)
                    or lacking.get(column.key)
                    or "no column of the cohort's tables"
                )
                left.append((sheet, column.shown, column.cells.n_filled, reason))
        texts = {"sheet": "str", "column": "str"}
        return (
            pd.DataFrame(placed, columns=["sheet", "column", "target"]).astype(texts | {"target": "str"}),
            pd.DataFrame(left, columns=["sheet", "column", "n_filled", "reason"]).astype(
                texts | {"n_filled": "int64", "reason": "str"}
            ),
        )
