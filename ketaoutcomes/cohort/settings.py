"""What `cohort.toml` may say, checked and frozen."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from ketaoutcomes.catalog.effect_terms import effect_terms
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings_text import parse_toml
from ketaoutcomes.errors import ConfigError, DataError, Problem

__all__ = ["FILE_NAME", "Settings", "make_settings", "read_settings"]

FILE_NAME = "cohort.toml"
CHOICES = {
    "deidentification": ("safe-harbor", "limited-data-set"),
    "same_time": ("before", "after"),
    "duplicates": ("quarantine", "first", "last", "mean"),
    "decimal": (".", ","),
    "separator": (",", ";", "\t", "|"),
    "encoding": ("utf-8", "cp1252", "latin-1", "iso-8859-15", "cp1250", "mac-roman"),
}
EFFECT_NAMES = "side_effect_names"
COLUMN_LISTS = ("covariates", "known_at_start", "known_after_start")
SWITCHES = ("synthetic", "dates_shifted")


@dataclass(frozen=True)
class Settings:
    """How a clinic's files are to be read.

    Parameters
    ----------
    name : str, optional
        Name of the clinic or cohort, for the head of a report.
    deidentification : {"safe-harbor", "limited-data-set"}
        Whether dates are refused, or turned into hours at the door.
    timezone : str, optional
        IANA name of the zone in which clock times are written. Needed as soon
        as a clock time is written without its offset from UTC.
    date_format : str, optional
        Format of all dates when they are not YYYY-MM-DD, in the codes of
        `datetime.strptime`, e.g. "%m/%d/%Y" or "%d/%m/%Y %H:%M". A clock time
        may follow a format without one.
    same_time : {"before", "after"}
        Whether a score at a session's own time counts as before or after it.
    duplicates : {"quarantine", "first", "last", "mean"}
        What is kept of rows that share a key and disagree. "mean" averages
        scores; in the other tables it sets all of them aside. It says nothing of
        side effects, of which one row each is made, nor of vital signs, which
        are all kept.
    synthetic : bool
        The data are simulated, so that small counts hide nobody.
    data_cut : str, optional
        Last day of the export, YYYY-MM-DD; later rows are set aside. Only for
        a limited data set.
    decimal : {".", ","}, optional
    separator : {",", ";", "\\t", "|"}, optional
        Found from the header when absent.
    encoding : str, optional
        UTF-8 when absent.
    covariates : tuple of str, optional
        Which further columns to keep; all when absent.
    known_at_start, known_after_start : tuple of str, optional
        Columns that are known when the first session begins, or only later, where the
        name says otherwise. Patients are not grouped by what is known only later.
    side_effect_names : tuple of (str, tuple of str), optional
        The clinic's own words for side effects by preferred name; in the file a table
        ``[side_effect_names]`` of lines such as ``"dissociation" = ["spacey", "floaty"]``.
    dates_shifted : bool
        Every patient's dates were moved by a time of their own, so that gaps are true
        and the calendar is not: no month is kept, and nobody's time to the end of the
        data. Only for a limited data set.
    reviewed_text : tuple of str, optional
        Further columns ("table.column") of free text that somebody has read and cleared
        of names; they are not refused as free text, and identifiers of a known form are
        still looked for in them.
    """

    name: str | None = None
    deidentification: str = "safe-harbor"
    timezone: str | None = None
    date_format: str | None = None
    same_time: str = "before"
    duplicates: str = "quarantine"
    synthetic: bool = False
    data_cut: str | None = None
    decimal: str | None = None
    separator: str | None = None
    encoding: str | None = None
    covariates: tuple[str, ...] | None = None
    known_at_start: tuple[str, ...] | None = None
    known_after_start: tuple[str, ...] | None = None
    side_effect_names: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    dates_shifted: bool = False
    reviewed_text: tuple[str, ...] | None = None

    @property
    def effect_words(self) -> dict[str, list[str]] | None:
        """`side_effect_names` as `synonyms=` takes it; None where the clinic has none."""
        if self.side_effect_names is None:
            return None
        return {name: list(words) for name, words in self.side_effect_names}

    @property
    def dates_allowed(self) -> bool:
        """Whether the cohort is a limited data set, in which dates may stand."""
        return self.deidentification == "limited-data-set"

    @property
    def months_kept(self) -> bool:
        """Whether calendar months may be kept: dates are allowed, and are the true ones."""
        return self.dates_allowed and not self.dates_shifted

    def reviewed_columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table that `reviewed_text` names."""
        names = (entry.partition(".") for entry in self.reviewed_text or ())
        return frozenset(column for owner, _, column in names if owner == table)


def read_settings(folder: Path) -> Settings:
    """Return the settings in a folder's `cohort.toml`, or the defaults without one.

    Raises
    ------
    ConfigError
        If the file is not TOML, or holds a key or value that is not known.
    """
    path = folder / FILE_NAME
    if not path.exists() and not path.is_symlink():
        return Settings()
    if path.is_symlink() or not path.is_file():
        raise ConfigError(
            _problem("cohort.toml is a link or not a file; put the file itself into the folder")
        )
    try:
        data = path.read_bytes()
    except OSError:
        raise ConfigError(_problem("cohort.toml cannot be opened")) from None
    return make_settings(parse_toml(data, "cohort.toml"))


def make_settings(content: Mapping[str, object] | Settings) -> Settings:
    """Return checked settings from a mapping of keys and values.

    Raises
    ------
    ConfigError
        All unknown keys and unusable values together.
    """
    if isinstance(content, Settings):
        content = {field.name: getattr(content, field.name) for field in fields(Settings)}
    known = [field.name for field in fields(Settings)]
    problems, values = [], {}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
            problems.append(_problem(f"cohort.toml: unknown key '{key}'; {hint}"))
        elif value is not None:
            complaint = _complaint(key, value)
            if complaint:
                problems.append(_problem(f"cohort.toml: '{key}' {complaint}"))
            if key == EFFECT_NAMES and not complaint:
                pairs = value.items() if isinstance(value, Mapping) else value
                value = tuple((name, tuple(words)) for name, words in pairs)
            values[key] = tuple(value) if isinstance(value, list) else value
    if isinstance(values.get("data_cut"), date):
        values["data_cut"] = values["data_cut"].isoformat()
    if not problems and values.get("data_cut") and values.get("deidentification") != "limited-data-set":
        problems.append(
            _problem("cohort.toml: 'data_cut' is a date, and needs deidentification = \"limited-data-set\"")
        )
    if not problems and values.get("dates_shifted"):
        problems += _against_shifted(values)
    if not problems:
        both = set(values.get("known_at_start", ())) & set(values.get("known_after_start", ()))
        problems += [
            _problem(f"cohort.toml: '{name}' is in 'known_at_start' and in 'known_after_start'; keep one")
            for name in sorted(both)
        ]
    if problems:
        raise ConfigError(problems)
    return Settings(**values)


def _complaint(key: str, value: object) -> str | None:
    """Return what is wrong with one value, or None."""
    if key in SWITCHES:
        return None if isinstance(value, bool) else "must be true or false"
    if key == "reviewed_text":
        good = isinstance(value, list | tuple) and all(map(_names_column, value))
        return None if good else 'must be a list of columns, each as "table.column", e.g. "patients.notes"'
    if key in COLUMN_LISTS:
        good = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
        return None if good else "must be a list of column names"
    if key == EFFECT_NAMES:
        return _complaint_of_names(value)
    if key == "data_cut" and isinstance(value, date):
        return None
    if not isinstance(value, str):
        return "must be text in quotes"
    if key in CHOICES and value not in CHOICES[key]:
        near = difflib.get_close_matches(value, CHOICES[key], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"must be one of {', '.join(repr(choice) for choice in CHOICES[key])}. {hint}".strip()
    if key == "timezone":
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return 'is not an IANA time zone, e.g. "America/New_York"'
    if key == "data_cut":
        try:
            date.fromisoformat(value)
        except ValueError:
            return "must be a date, YYYY-MM-DD"
    if key == "date_format":
        needed = (("%d",), ("%m", "%b", "%B"), ("%Y", "%y"))
        if not all(any(code in value for code in codes) for codes in needed):
            return 'must hold %d, %m (or %b, %B) and %Y (or %y), e.g. "%m/%d/%Y" or "%d/%m/%Y"'
        if "%I" in value and "%p" not in value:
            return "has hours up to 12 (%I) without AM or PM (%p); write %I:%M %p, or %H:%M up to 24"
    return None


def _names_column(entry: object) -> bool:
    table, dot, column = entry.partition(".") if isinstance(entry, str) else ("", "", "")
    return table in TABLES and bool(dot) and bool(column) and column not in TABLES[table].names


def _against_shifted(values: Mapping[str, object]) -> list[Problem]:
    """Return what cannot stand beside dates that are not the true ones."""
    problems = []
    if values.get("deidentification") != "limited-data-set":
        needs = "'dates_shifted' is about dates, and needs deidentification = \"limited-data-set\""
        problems.append(_problem(f"cohort.toml: {needs}"))
    if values.get("data_cut"):
        clash = "the dates are shifted, so that 'data_cut' says nothing of them; remove it"
        problems.append(_problem(f"cohort.toml: {clash}"))
    return problems


def _complaint_of_names(value: object) -> str | None:
    """What is wrong with the clinic's own words for side effects."""
    if isinstance(value, tuple):
        value = {name: list(words) for name, words in value}
    lists = isinstance(value, Mapping) and all(isinstance(words, list) for words in value.values())
    if not lists:
        return 'must be a table of lists: [side_effect_names], then "dissociation" = ["spacey", "floaty"]'
    try:
        effect_terms(value)
    except DataError as error:
        return f"cannot be used: {error.problems[0].message.removeprefix('synonyms: ')}"
    return None


def _problem(message: str) -> Problem:
    return Problem(message, rule="config")
