"""The mapping file: which columns of an export are which columns of the cohort's tables.

It is a list of what may enter. What it does not name stays outside.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.cohort.settings import Settings, make_settings
from ketaoutcomes.cohort.settings_text import parse_toml
from ketaoutcomes.errors import ConfigError, Problem

__all__ = ["Block", "TableMapping", "parse_mapping"]

MOST_BYTES = 5_000_000
MOMENT = "moment"
# Columns that say which table a block is meant to make.
OWN = {
    **dict.fromkeys(("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate", "minute"), "vitals"),
    **dict.fromkeys(("effect", "severity", "onset_minutes"), "side_effects"),
    **dict.fromkeys(("instrument", "score", "taken"), "scores"),
    **dict.fromkeys(("route", "dose_mg", "dose_mg_per_kg", "start"), "sessions"),
}
TOP = ("cohort", "patient", "missing", "rows")
PATIENT = ("id", "only_listed")


@dataclass(frozen=True)
class Block:
    """One `[[rows]]`: how rows of the export become rows of one table.

    Parameters
    ----------
    table : str
    columns : mapping of str to tuple of str
        Columns of the table, and the export's columns that give each; several are
        joined by a blank. A name such as "sbp/dbp" splits a cell at the slash.
    constants : mapping of str to str
        Columns of the table that are the same in all rows.
    values : mapping of str to mapping
        Recodes of cells by column of the table.
    multiply : mapping of str to float
        Factors by column of the table.
    when : mapping of str to tuple of str
        Columns of the export, and the cells one of which a row must have.
    needs : tuple of str
        Columns of the table of which at least one must have a cell.
    checkboxes : mapping of str to str
        Columns of the export that are ticked or not, and the side effect that each stands for.
    asked : str, optional
        Column of the export that says whether side effects were asked for.
    sheet : str, optional
    """

    table: str
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    multiply: Mapping[str, float] = field(default_factory=dict)
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    checkboxes: Mapping[str, str] = field(default_factory=dict)
    asked: str | None = None
    sheet: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The export's columns that the block names, each once."""
        found = [name for names in self.columns.values() for name in names]
        found += [*self.when, *self.checkboxes, *([self.asked] if self.asked else [])]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class TableMapping:
    """A mapping file, checked.

    Parameters
    ----------
    patient_id : str
        Column of the patient's code.
    blocks : tuple of Block
    missing : frozenset of str
        Cells that stand for "missing" in every mapped column.
    only_listed : bool
        Patients are only those with a row of the table `patients`.
    settings : Settings
    """

    patient_id: str
    blocks: tuple[Block, ...]
    missing: frozenset[str]
    only_listed: bool
    settings: Settings


def parse_mapping(source: str | os.PathLike | Mapping | TableMapping) -> TableMapping:
    """Return a checked mapping from a TOML file or what such a file holds.

    Raises
    ------
    ConfigError
        All that is wrong with it together.
    """
    if isinstance(source, TableMapping):
        return source
    content = source if isinstance(source, Mapping) else _read(source)
    problems: list[str] = _unknown("", content, TOP)
    settings = Settings()
    try:
        settings = make_settings(content.get("cohort", {}) if _is_table(content, "cohort", problems) else {})
    except ConfigError as error:
        problems += [one.message.replace("cohort.toml:", "[cohort]:") for one in error.problems]
    patient = content.get("patient", {}) if _is_table(content, "patient", problems) else {}
    problems += _unknown("[patient]: ", patient, PATIENT)
    patient_id = patient.get("id")
    if not isinstance(patient_id, str) or not patient_id.strip():
        problems.append('[patient]: id is needed, e.g. id = "record_id": the column of the patient\'s code')
    only_listed = patient.get("only_listed", False)
    if not isinstance(only_listed, bool):
        problems.append("[patient]: only_listed must be true or false")
    missing = content.get("missing", [])
    if not isinstance(missing, list | tuple) or not all(
        isinstance(one, str | int | float) for one in missing
    ):
        problems.append('missing must be a list of cells, e.g. missing = ["-99"]')
        missing = []
    entries = content.get("rows", [])
    if not isinstance(entries, list | tuple) or not entries:
        problems.append("at least one [[rows]] is needed: it says which columns make which table")
        entries = []
    blocks = [_block(number, entry, problems) for number, entry in enumerate(entries, 1)]
    if problems:
        raise ConfigError([Problem(f"mapping: {one}", rule="config") for one in problems])
    return TableMapping(
        patient_id.strip(), tuple(blocks), frozenset(map(_text, missing)), only_listed, settings
    )


def _read(path: str | os.PathLike) -> Mapping:
    """Return what a TOML file holds; it must be a plain file and not a link."""
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(_problem("must be the path of a TOML file, or a dict"))
    try:
        descriptor = os.open(Path(path), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_BYTES:
                raise ConfigError(_problem("is not a plain file of text"))
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError):
        raise ConfigError(_problem("there is no such file, or it is a link or cannot be opened")) from None
    how = '; text stands in straight quotes ("), = follows a key, and each block begins with [[rows]]'
    return parse_toml(data, "mapping:", how=how)


def _block(number: int, entry: object, problems: list[str]) -> Block | None:
    """Return one block, and note what is wrong with it."""
    where = f"[[rows]] number {number}: "
    if not isinstance(entry, Mapping):
        problems.append(f"{where}must be a table of keys")
        return None
    known = [one.name for one in fields(Block)]
    faults = _unknown(where, entry, known)
    table = entry.get("table")
    if table not in TABLES:
        near = difflib.get_close_matches(str(table), list(TABLES), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        faults.append(f"{where}table must be one of {', '.join(TABLES)}{hint}")
    made: dict[str, object] = {"table": table}
    for key in ("columns", "when"):
        made[key] = _lists(where, key, entry.get(key, {}), faults)
    made["constants"] = _words(where, "constants", entry.get("constants", {}), faults)
    made["checkboxes"] = _words(where, "checkboxes", entry.get("checkboxes", {}), faults)
    values = entry.get("values", {})
    if not isinstance(values, Mapping):
        faults.append(f"{where}values must be a table of tables, e.g. values = {{ route = {{ 1 = 'IV' }} }}")
        values = {}
    made["values"] = {name: _words(where, f"values.{name}", inner, faults) for name, inner in values.items()}
    made["multiply"] = _factors(where, entry.get("multiply", {}), faults)
    needs = entry.get("needs", [])
    if not isinstance(needs, list | tuple) or not all(isinstance(one, str) for one in needs):
        faults.append(f"{where}needs must be a list of the table's columns")
        needs = []
    made["needs"] = tuple(needs)
    for key in ("asked", "sheet"):
        if entry.get(key) is not None and not isinstance(entry[key], str):
            faults.append(f"{where}{key} must be text in quotes")
        made[key] = entry.get(key)
    faults += _about_columns(where, made) if not faults else []
    problems += faults
    return None if faults else Block(**made)


def _about_columns(where: str, made: dict) -> list[str]:
    """Return what does not fit together in a block."""
    table, faults = made["table"], []
    targets = _targets(made)
    if not targets and not made["checkboxes"]:
        faults.append(f"{where}columns is needed: the table's columns and the export's that give them")
    if (made["checkboxes"] or made["asked"]) and table != "side_effects":
        faults.append(f"{where}checkboxes and asked are for the table side_effects")
    both = sorted({*_split(made["columns"])} & set(made["constants"]))
    faults += [f"{where}'{name}' stands in columns and in constants; keep one" for name in both]
    if "patient_id" in targets:
        faults.append(f"{where}patient_id is given once, as id under [patient]")
    faults += _strangers(where, table, targets)
    derived = [column.name for column in TABLES[table].columns if column.derived and column.name in targets]
    faults += [f"{where}'{name}' is derived and cannot be given" for name in derived]
    for key in ("values", "multiply", "needs"):
        allowed = [*targets, *(["effect"] if made["checkboxes"] else [])]
        strangers = [name for name in made[key] if name not in allowed]
        faults += [
            f"{where}{key} names '{name}', which is not among the block's columns" for name in strangers
        ]
    return faults


def _strangers(where: str, table: str, targets: list[str]) -> list[str]:
    """Return what is said of columns that look misspelt, or are another table's; others are covariates."""
    known = [column.name for column in TABLES[table].columns]
    out = []
    for name in targets:
        if name in known or name == MOMENT or (table == "scores" and ITEM.fullmatch(name)):
            continue
        free = [one for one in known if one not in targets and re.sub(r"_?[0-9]+$", "", name) != one]
        near = difflib.get_close_matches(name, free, n=1, cutoff=0.85)
        near = near or [one for one in free if sorted(one) == sorted(name)]
        if name in OWN and OWN[name] != table:
            out.append(f"{where}'{name}' is a column of {OWN[name]} and not of {table}")
        elif near:
            out.append(
                f"{where}'{name}' is no column of {table}; did you mean '{near[0]}'? A further column of "
                "your own needs a name less like it"
            )
    return out


def _targets(made: Mapping) -> list[str]:
    return [*_split(made["columns"]), *made["constants"]]


def _split(columns: Mapping) -> list[str]:
    return [part.strip() for name in columns for part in name.split("/")]


def _lists(where: str, key: str, given: object, faults: list[str]) -> dict[str, tuple[str, ...]]:
    """Return a table of names with one text or a list of texts each."""
    if not isinstance(given, Mapping):
        faults.append(f'{where}{key} must be a table, e.g. {key} = {{ score = "phq9_total" }}')
        return {}
    out = {}
    for name, value in given.items():
        texts = value if isinstance(value, list | tuple) else [value]
        plain = all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in texts)
        if (
            not texts
            or not plain
            or (key == "columns" and not all(isinstance(one, str) and one for one in texts))
        ):
            faults.append(f"{where}{key}.{name} must be text in quotes, or a list of such")
        else:
            out[name] = tuple(_text(one) for one in texts)
    return out


def _words(where: str, key: str, given: object, faults: list[str]) -> dict[str, str]:
    """Return a table of names with one text each; whole numbers are taken as written."""
    if not isinstance(given, Mapping):
        faults.append(f"{where}{key} must be a table")
        return {}
    bad = [name for name, value in given.items() if not isinstance(value, str | int | float)]
    faults += [f"{where}{key}.{name} must be text in quotes" for name in bad]
    return {str(name): _text(value) for name, value in given.items() if name not in bad}


def _factors(where: str, given: object, faults: list[str]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        faults.append(f"{where}multiply must be a table, e.g. multiply = {{ weight_kg = 0.45359237 }}")
        return {}
    out = {}
    for name, value in given.items():
        good = (
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < abs(value) < float("inf")
        )
        if good:
            out[name] = float(value)
        else:
            faults.append(f"{where}multiply.{name} must be a number other than 0")
    return out


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        value.strip() if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _is_table(content: Mapping, key: str, problems: list[str]) -> bool:
    if isinstance(content.get(key, {}), Mapping):
        return True
    problems.append(f"{key} must be a table: [{key}]")
    return False


def _unknown(where: str, given: Mapping, known) -> list[str]:
    out = []
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), list(known), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
            out.append(f"{where}unknown key '{key}'; {hint}")
    return out


def _problem(message: str) -> Problem:
    return Problem(f"mapping: {message}", rule="config")
