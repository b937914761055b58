"""What `deidentify` did, in counts and names of columns, without any value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.deidentify_clean import Act, n_filled
from ketaoutcomes.cohort.deidentify_source import Source
from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.schema import TABLES

__all__ = ["Deidentified", "audit_of", "columns_of"]

KINDS = {"table": "str", "column": "str", "action": "str", "reason": "str", "n_cells": "int64"}
NAMES = "not looked for: rules cannot find them"
LETTERS = frozenset("ABCDEFGHIJKLMNOPQR")


@dataclass(frozen=True, repr=False, eq=False)
class Deidentified:
    """What was written, and what was done to get there. Its printed form holds no value.

    Parameters
    ----------
    folder, key : Path
        The de-identified folder, and the file of the key, which is not to be passed on.
    level : {"safe-harbor", "limited-data-set"}
    dates : {"hours", "shift"}
    counts : DataFrame
        table, n_read, n_kept, n_quarantined: read is always the sum of the others; what
        is kept was written.
    quarantine : DataFrame
        table, rule, reason, n_rows.
    columns : DataFrame
        table, column, action ("kept", "recoded", "dropped", "blanked"), reason, n_cells.
        A reason such as "identifier:F" is a class of 45 CFR 164.514(b)(2)(i).
    uniqueness : DataFrame
        As from `uniqueness`.
    kept_text : tuple of str
        Columns of free text that stayed; names in prose were not looked for.
    key_state : {"made", "extended", "used"}
    key_given : str
        The key's path as it was asked for.
    """

    folder: Path
    key: Path
    level: str
    dates: str
    counts: pd.DataFrame
    quarantine: pd.DataFrame
    columns: pd.DataFrame
    uniqueness: pd.DataFrame
    kept_text: tuple[str, ...]
    key_state: str
    key_given: str = ""

    def summary(self) -> str:
        """Return the result as text: rows, what went, the key, what is left to consider."""
        name = "folder" if scan_name("folder", self.folder.name) else self.folder.name
        lines = [f"{name}: {self.level.replace('-', ' ')}, written and checked"]
        for row in self.counts.itertuples():
            lines.append(
                f"  {row.table:<13} {row.n_read:>9,} rows read, {row.n_kept:,} written, "
                f"{row.n_quarantined:,} set aside"
            )
        lines += [f"    {row.table}: {row.reason} ({row.n_rows:,})" for row in self.quarantine.itertuples()]
        for action in ("recoded", "dropped", "blanked"):
            rows = self.columns[self.columns["action"] == action]
            if len(rows):
                lines.append(f"{action.capitalize()}:")
                lines += [
                    f"  - {row.table}.{row.column}: {_words(row.reason)} ({row.n_cells:,} cells)"
                    for row in rows.itertuples()
                ]
        key = f"Key {self.key_state}: {self.key_given or self.key.name}."
        lines.append(f"{key} Keep it apart from the folder, and pass it on to nobody.")
        if self.dates == "shift":
            lines.append("Dates were moved by whole weeks of each patient's own; no month is the true one.")
        if self.kept_text:
            lines.append(
                f"Kept text: {', '.join(self.kept_text)}. Rules cannot find names in prose; somebody has to "
                "have read every cell of these columns."
            )
        of_days = self.uniqueness["quasi_identifiers"].str.endswith("of all sessions")
        pattern = self.uniqueness[of_days].iloc[0]
        lines.append(
            f"By the {pattern['quasi_identifiers']}, {pattern['n_unique']:,} of "
            f"{pattern['n_patients']:,} patients are unique. A long exact pattern of sessions is a "
            "quasi-identifier; see uniqueness.csv."
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()


def columns_of(
    source: Source, acts: list[Act], tables: Mapping[str, pd.DataFrame], *, dates: str
) -> pd.DataFrame:
    """Return what was done to every column of the source, and which new ones there are."""
    rows = []
    for name, table in source.tables.items():
        own = [act for act in acts if act.table == name]
        touched = {act.position for act in own}
        rows += [(name, act.column, act.action, _reason(act.reason), act.n_cells) for act in own]
        for column, (_, position) in table.headers.items():
            if position in touched:
                continue
            n_cells = n_filled(table.raw.frame[column])
            if column in tables[name].columns and column != TABLES[name].date:
                rows.append((name, column, "kept", "", n_cells))
            elif column == TABLES[name].date:
                what = "moved by whole weeks" if dates == "shift" else "dates to hours"
                rows.append((name, column, "recoded", what, n_cells))
            elif column in TABLES[name].times:
                rows.append((name, column, "recoded", "time to hours", n_cells))
            else:
                rows.append((name, column, "dropped", _reason("C"), n_cells))
    return pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)


def audit_of(
    result: Deidentified, acts: list[Act], tables: Mapping[str, pd.DataFrame], *, n_words_dropped: int = 0
) -> dict[str, object]:
    """Return what `deidentification.json` says; of columns that are gone the place, not the name."""
    columns = []
    for row, act in _with_acts(result.columns, acts):
        gone = act is not None and act.further and row.column not in tables[row.table].columns
        shown = f"column number {act.position}" if gone else row.column
        columns.append(
            {
                "table": row.table,
                "column": shown,
                "action": row.action,
                "reason": row.reason,
                "cells": int(row.n_cells),
            }
        )
    by_class = {action: _totals(result.columns, action) for action in ("blanked", "dropped")}
    aged = result.columns["reason"] == "ages above 89"
    return {
        "level": result.level,
        "dates": result.dates,
        "key": result.key_state,
        "tables": [
            {
                "table": row.table,
                "rows_read": int(row.n_read),
                "rows_written": int(row.n_kept),
                "rows_set_aside": int(row.n_quarantined),
                "by_rule": _by_rule(result.quarantine, row.table),
            }
            for row in result.counts.itertuples()
        ],
        "patients": len(tables["patients"]),
        "ages_recoded": int(result.columns.loc[aged, "n_cells"].sum()),
        "cells_blanked": {reason: cells for reason, (_, cells) in by_class["blanked"].items()},
        "columns_dropped": {reason: n for reason, (n, _) in by_class["dropped"].items()},
        "side_effect_names_dropped": n_words_dropped,
        "columns": columns,
        "kept_text": list(result.kept_text),
        "names_in_kept_text": NAMES if result.kept_text else "no text is kept",
    }


def _by_rule(quarantine: pd.DataFrame, table: str) -> dict[str, int]:
    rows = quarantine[quarantine["table"] == table]
    return {str(rule): int(n) for rule, n in zip(rows["rule"], rows["n_rows"], strict=True)}


def _with_acts(columns: pd.DataFrame, acts: list[Act]):
    """Yield each row with the act it tells of, or None for what was left as it is."""
    left = list(acts)
    for row in columns.itertuples():
        found = next(
            (
                act
                for act in left
                if (act.table, act.column, act.action, _reason(act.reason))
                == (row.table, row.column, row.action, row.reason)
            ),
            None,
        )
        if found is not None:
            left.remove(found)
        yield row, found


def _totals(columns: pd.DataFrame, action: str) -> dict[str, tuple[int, int]]:
    """Return number of columns and of cells by reason."""
    rows = columns[columns["action"] == action].groupby("reason")["n_cells"]
    return {str(reason): (int(n), int(cells)) for reason, (n, cells) in rows.agg(["size", "sum"]).T.items()}


def _reason(reason: str) -> str:
    return f"identifier:{reason}" if reason in LETTERS or reason == "free_text" else reason


def _words(reason: str) -> str:
    letter = reason.removeprefix("identifier:")
    if letter == "free_text":
        return load_rules().free_text.words
    return load_rules().by_letter[letter].words if letter in LETTERS else reason
