"""The TOML file of a scheduled report: which data, which month, where to, and what the report is told."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from ketaoutcomes.cohort.settings_text import parse_toml
from ketaoutcomes.errors import ConfigError, Problem
from ketaoutcomes.report.settings import ReportSettings, Thresholds

__all__ = [
    "AUTO",
    "KINDS",
    "LAST",
    "PLACE",
    "SMALL_CELLS",
    "ReportConfig",
    "check_formats",
    "read_config",
    "read_report_settings",
]

MOST_BYTES = 500_000
KINDS = ("monthly", "cohort")
SMALL_CELLS = ("suppress", "round", "show")
LAST, AUTO, PLACE = "last", "auto", "{month}"
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
MOST_WORDS = 80
TABLES = ("changes", "thresholds")


@dataclass(frozen=True)
class ReportConfig:
    """What a report's TOML file says, checked; None where it says nothing.

    Parameters
    ----------
    data, out : Path, optional
        Folder of the cohort, and of the report; `out` may hold ``{month}``.
    month : str, optional
        "YYYY-MM"; None for the last complete one.
    instrument, small_cells, level, formats
        As `monthly_report` and `Report.save` take them.
    kind : {"monthly", "cohort"}
    previous : Path or "auto", optional
        Folder of the last release, or the newest one of an earlier month in `releases`.
    releases : Path, optional
        Folder that holds the folders of releases; the one that `out` is in when absent.
    replace : bool
        Whether a different report that stands at `out` may be replaced.
    settings : ReportSettings
    """

    data: Path | None = None
    out: Path | None = None
    month: str | None = None
    instrument: str | None = None
    small_cells: str | None = None
    level: float = 0.95
    formats: tuple[str, ...] | None = None
    kind: str = "monthly"
    previous: Path | str | None = None
    releases: Path | None = None
    replace: bool = False
    settings: ReportSettings = field(default_factory=ReportSettings)


def read_config(path: str | os.PathLike) -> ReportConfig:
    """Return what a report's TOML file says; relative paths are relative to the file.

    Raises
    ------
    ConfigError
        If it is not TOML, or with all unknown keys and unusable values together.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    content = parse_toml(_bytes_of(path), path.name)
    problems: list[str] = []
    values = _checked("", content, TOP, problems)
    for table in TABLES:
        if table in content and not isinstance(content[table], Mapping):
            problems.append(f"{table} must be a table: [{table}]")
    changes = _changes(_table(content, "changes"), problems)
    thresholds = _checked("[thresholds]: ", _table(content, "thresholds"), THRESHOLDS, problems)
    if problems:
        raise ConfigError([Problem(f"{path.name}: {one}", rule="config") for one in problems])
    settings = ReportSettings(
        baseline=values.pop("baseline", None),
        changes=changes,
        by=values.pop("by", ()),
        thresholds=Thresholds(**thresholds),
    )
    values = {name: value for name, value in values.items() if name not in TABLES}
    base = Path(os.path.abspath(path)).parent
    for name in ("data", "out", "previous", "releases"):
        if name in values and not (name == "previous" and values[name] == AUTO):
            values[name] = base / values[name]
    if values.get("month") == LAST:
        del values["month"]
    return ReportConfig(**values, settings=settings)


def read_report_settings(path: str | os.PathLike) -> ReportSettings:
    """Return what `monthly_report` takes as `settings` from the TOML file of a scheduled report.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    return read_config(path).settings


def check_formats(names: Sequence[str]) -> tuple[str, ...]:
    """Return the formats' names as a tuple.

    Raises
    ------
    ConfigError
        If one is not known.
    """
    complaint = _formats(list(names))
    if complaint:
        raise ConfigError(Problem(f"formats {complaint}", rule="config"))
    return tuple(names)


def _bytes_of(path: Path) -> bytes:
    """Content of a plain file, which is not a pipe or a device that would never end."""
    if path.is_dir():
        raise ConfigError(Problem(f"{path.name or path}: is a folder; name the TOML file", rule="config"))
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ConfigError(Problem(f"{path.name}: is not a file of text", rule="config"))
        return file.read(MOST_BYTES + 1)


def _table(content: Mapping, key: str) -> Mapping:
    found = content.get(key, {})
    return found if isinstance(found, Mapping) else {}


def _checked(where: str, given: Mapping, known: Mapping, problems: list[str]) -> dict[str, object]:
    """Return the values that can be used, lists as tuples, and note what is wrong with the others."""
    values = {}
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(str(key), list(known), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
            if where and key in TOP:
                hint = "it belongs above the first line in [ ]"
            problems.append(f"{where}unknown key '{key}'; {hint}")
            continue
        complaint = known[key](value)
        if complaint:
            problems.append(f"{where}'{key}' {complaint}")
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return values


def _changes(given: Mapping, problems: list[str]) -> Mapping[str, str]:
    """Months and a few words each; problems are noted."""
    for month, words in given.items():
        if month in TOP:
            problems.append(f"[changes]: unknown key '{month}'; it belongs above the first line in [ ]")
            continue
        if not MONTH.fullmatch(month):
            problems.append(f"[changes]: '{month}' must be a month in quotes, \"YYYY-MM\"")
        good = isinstance(words, str) and words.strip() and len(words) <= MOST_WORDS and words.isprintable()
        if not good:
            problems.append(
                f"[changes]: the words for '{month}' must be 1 to {MOST_WORDS} letters in quotes, in one line"
            )
    return MappingProxyType({month: str(given[month]).strip() for month in sorted(given)})


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be text in quotes"


def _path(value: object) -> str | None:
    """What is wrong with a path; nothing in it is filled in, so that it means one place."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        return 'must be a path in quotes, e.g. "/srv/clinic"'
    if value.startswith("~") or "$" in value:
        return "must be written out; ~ and $ are not filled in"
    return None


def _out(value: object) -> str | None:
    complaint = _path(value)
    if complaint is None and re.search(r"[{}]", str(value).replace(PLACE, "")):
        return f'can be filled in with {PLACE} only, e.g. "reports/clinic-{PLACE}"'
    return complaint


def _month(value: object) -> str | None:
    good = value == LAST or (isinstance(value, str) and MONTH.fullmatch(value))
    return None if good else f'must be "{LAST}" or a month in quotes, "YYYY-MM"'


def _choice(*choices: str) -> Callable[[object], str | None]:
    def complaint(value: object) -> str | None:
        if value in choices:
            return None
        near = get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"must be one of {', '.join(choices)}{hint}"

    return complaint


def _formats(value: object) -> str | None:
    # Only here: a file without formats need not load what writes them.
    from ketaoutcomes.report.report import FORMATS

    if not isinstance(value, list) or not value:
        return f"must be a list of {', '.join(FORMATS)}"
    complaints = [one for one in map(_choice(*FORMATS), value) if one]
    return complaints[0] if complaints else None


def _baseline(value: object) -> str | None:
    good = isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value)
    if not good or not all(MONTH.fullmatch(one) for one in value):
        return 'must be the first and the last month, e.g. ["2025-01", "2025-12"]'
    return None if value[0] <= value[1] else "must begin before it ends"


def _names(value: object) -> str | None:
    good = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    return None if good else 'must be a list of columns, e.g. ["sex", "route"]'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _level(value: object) -> str | None:
    return None if _is_number(value) and 0 < value < 1 else "must lie between 0 and 1, e.g. 0.95"


def _per_cent(value: object) -> str | None:
    return None if _is_number(value) and 0 <= value <= 100 else "must be a per cent, 0 to 100"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _anything(value: object) -> None:
    """Tables, which are looked at by themselves."""


TOP: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "data": _path,
        "out": _out,
        "month": _month,
        "instrument": _text,
        "small_cells": _choice(*SMALL_CELLS),
        "level": _level,
        "formats": _formats,
        "kind": _choice(*KINDS),
        "baseline": _baseline,
        "by": _names,
        "previous": _path,
        "releases": _path,
        "replace": _switch,
        "changes": _anything,
        "thresholds": _anything,
    }
)
THRESHOLDS = MappingProxyType({one.name: _per_cent for one in fields(Thresholds)})
