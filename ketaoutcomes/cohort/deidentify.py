"""An export that identifies people to a folder that does not, with the key kept apart."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.build import Build, build
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.date_shift import changes_clocks, wall_clock
from ketaoutcomes.cohort.deidentify_clean import Act, Plan, clean, look_again
from ketaoutcomes.cohort.deidentify_files import folder_files, hold_to_check, out_settings, paths, place
from ketaoutcomes.cohort.deidentify_key import Key, extend, kept_key, read_key
from ketaoutcomes.cohort.deidentify_originals import Originals
from ketaoutcomes.cohort.deidentify_result import Deidentified, audit_of, columns_of
from ketaoutcomes.cohort.deidentify_scan import class_of_header
from ketaoutcomes.cohort.deidentify_source import Source, all_ids, open_source
from ketaoutcomes.cohort.deidentify_tables import tables_to_write
from ketaoutcomes.cohort.read import raise_problems
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.cohort.uniqueness import uniqueness
from ketaoutcomes.cohort.values import MISSING
from ketaoutcomes.errors import ConfigError, DataError, Problem

__all__ = ["deidentify"]

CHOICES = {
    "level": ("safe-harbor", "limited-data-set"),
    "dates": ("hours", "shift"),
    "clinics": ("recode", "drop"),
}
# Each look at the tables drops columns or cells, of which there are not many.
MOST_LOOKS = 25


@dataclass(frozen=True, repr=False)
class _Settled:
    """A cohort in whose tables nothing is found any more, and what was done; `read` has wall-clock hours."""

    made: Build
    read: dict[str, pd.DataFrame]
    tables: dict[str, pd.DataFrame]
    acts: list[Act]


def deidentify(
    source: str | Path | Cohort,
    out: str | Path,
    *,
    level: str = "safe-harbor",
    key: str | Path | None = None,
    dates: str = "hours",
    keep_text: Collection[str] = (),
    clinics: str = "recode",
    min_group: int = 5,
    day_step: int = 1,
) -> Deidentified:
    """Write a cohort's folder anew without what identifies people, and the key to a file of its own.

    Patients and clinics get random codes, dates become hours since each first
    session, ages above 89 become 90, ZIP codes keep three digits, and columns and
    cells that `load_cohort` would refuse are dropped or blanked. What is written
    are the rows that the cohort keeps; it passes `check` with nothing set aside,
    or nothing is written.

    Times are wall-clock hours, the differences of local clock times: a day always has
    24, and a gap over a change of clocks may differ by an hour from the time that went
    by. Hours that went by would tell the night on which clocks changed, and so the date.

    Removing identifiers of a known form is what rules can do. They cannot see
    names in prose, nor what somebody knows otherwise: the days of all sessions of
    a long course are a quasi-identifier, and fit one patient only as a rule. See
    `.uniqueness`, and release with it in mind.

    Parameters
    ----------
    source : str, Path or Cohort
        A folder of tables with its `cohort.toml`, however much in it identifies. A cohort
        only where no clocks were changed: it knows the hours that went by, and no dates.
    out : str or Path
        A folder that does not exist yet, or an earlier output, which is replaced.
    level : {"safe-harbor", "limited-data-set"}
        What is written; in a limited data set calendar months, or moved dates, may stay.
    key : str or Path, optional
        File of the key; ``<out>-key.csv`` beside `out` when absent. If there is
        one it is read and extended, so that the same patients get the same codes.
    dates : {"hours", "shift"}
        Hours since the first session, or, in a limited data set only, dates moved by
        1 to 52 whole weeks either way, the same for all dates of a patient. Moved dates
        are local ones, without a zone: `timezone = "UTC"` has them read as they stand.
    keep_text : collection of str
        Further columns ("patients.notes") that stay although they are free text,
        because somebody has read them; cells with identifiers of a known form are blanked.
    clinics : {"recode", "drop"}
    min_group : int
        In `.uniqueness`, groups of fewer patients are small.
    day_step : int
        In `.uniqueness`, days of sessions are rounded down to multiples of it.

    Returns
    -------
    Deidentified

    Raises
    ------
    ConfigError
        If an option, or the source's `cohort.toml`, cannot be used.
    DataError
        If the source cannot be read, or a place cannot be written to.
    PrivacyError
        If something that identifies is left after all; nothing is written then.
    """
    keep_text = (keep_text,) if isinstance(keep_text, str) else tuple(dict.fromkeys(keep_text))
    _check_options({"level": level, "dates": dates, "clinics": clinics})
    found = open_source(source)
    _check_source(found, dates, keep_text)
    target, key_path = paths(out, key, found.folder)
    earlier = read_key(key_path)
    ids = all_ids(found, "patient_id")
    sites = all_ids(found, "clinic_id")
    sites = sites[~sites.str.lower().isin(MISSING)]
    codes = extend(earlier, ids, sites if clinics == "recode" else (), shift=dates == "shift")
    plan = Plan(frozenset(keep_text), clinics, Originals.of(ids, sites))
    settled = _settle(found, codes, plan, level=level, dates=dates)
    unique = uniqueness(
        _released(settled.read, settled.tables),
        min_group=min_group,
        day_step=day_step,
        leave=[name.partition(".")[2] for name in keep_text],
    )
    result = Deidentified(
        folder=target,
        key=key_path,
        level=level,
        dates=dates,
        counts=settled.made.counts,
        quarantine=settled.made.quarantine.drop(columns="first_row"),
        columns=columns_of(found, settled.acts, settled.tables, dates=dates),
        uniqueness=unique,
        kept_text=keep_text,
        key_state=_state(earlier, codes),
        key_given=_as_given(out, key, key_path),
    )
    shifted = dates == "shift"
    settings, n_words_dropped = out_settings(
        found.settings,
        settled.tables,
        level=level,
        shifted=shifted,
        kept_text=keep_text,
        originals=plan.originals,
    )
    audit = audit_of(result, settled.acts, settled.tables, n_words_dropped=n_words_dropped)
    files = folder_files(settled.tables, settings, audit, unique, result.counts, parquet=found.parquet)
    hold_to_check(target, files, settled.tables)
    with kept_key(key_path, codes):
        place(target, files)
    return result


def _as_given(out: str | Path, key: str | Path | None, key_path: Path) -> str:
    """Return the key's path in the words in which the places were given."""
    if key is not None:
        return str(key)
    beside = Path(out).parent / key_path.name
    return str(beside if os.path.abspath(beside) == os.path.abspath(key_path) else key_path)


def _state(earlier: Key, codes: Key) -> str:
    """Return what becomes of the key's file."""
    if earlier.content is None:
        return "made"
    same = all(
        len(getattr(earlier, name)) == len(getattr(codes, name)) for name in ("patients", "clinics", "shifts")
    )
    return "used" if same else "extended"


def _check_options(options: dict[str, str]) -> None:
    problems = []
    for name, value in options.items():
        if value not in CHOICES[name]:
            problems.append(f"{name} must be one of {', '.join(map(repr, CHOICES[name]))}")
    if not problems and options["dates"] == "shift" and options["level"] == "safe-harbor":
        problems.append(
            'dates="shift" keeps dates, and Safe Harbor allows no part of a date but the year, moved or not; '
            'set level="limited-data-set", or dates="hours"'
        )
    if problems:
        raise ConfigError([Problem(message) for message in problems])


def _check_source(found: Source, dates: str, keep_text: tuple[str, ...]) -> None:
    """Refuse what is asked of columns that the source does not have, and hours that tell dates."""
    problems = []
    if found.from_dates and changes_clocks(found.settings.timezone):
        problems.append(
            "the cohort's hours tell on which night clocks were changed, and so the dates; "
            "give the folder that it was read from"
        )
    if dates == "shift" and not _dated(found):
        problems.append('dates="shift" needs a folder whose sessions are dated (column start)')
    for entry in keep_text:
        table, _, column = str(entry).partition(".")
        named = f"keep_text: {entry!r}" if table in TABLES else "keep_text"
        if table not in TABLES or not column:
            problems.append(f'{named} must be a column as "table.column", e.g. "patients.notes"')
        elif column in TABLES[table].names or (table == "scores" and ITEM.fullmatch(column)):
            problems.append(f"{named} is a column of the data dictionary; only further columns are free text")
        elif table not in found.tables or column not in found.tables[table].headers:
            problems.append(f"{named} is not in the source")
        else:
            letter = class_of_header(table, found.tables[table].headers[column][0], column)
            if letter not in (None, "free_text"):
                problems.append(
                    f"{named} is named as identifiers (class {letter}) and cannot be kept as text"
                )
    if problems:
        raise ConfigError([Problem(message) for message in problems])


def _dated(found: Source) -> frozenset[str]:
    """Return the tables whose times are dates."""
    return frozenset(name for name, table in found.tables.items() if TABLES[name].date in table.headers)


def _settle(found: Source, key: Key, plan: Plan, *, level: str, dates: str) -> _Settled:
    """Clean, build and look again, until nothing is found in the tables as they would be written."""
    settings = replace(
        found.settings,
        deidentification="limited-data-set",
        covariates=None,
        reviewed_text=tuple(sorted(plan.keep_text)) or None,
    )
    days_of = {code: key.shifts.get(original, 0) for original, code in key.patients.items()}
    for _ in range(MOST_LOOKS):
        raws, acts = clean(found, key, plan)
        made = build(raws, settings, source="source")
        raise_problems(made)
        patients = made.cohort.tables["patients"]["patient_id"].astype("str")
        shift_days = np.array([days_of[code] for code in patients]) if dates == "shift" else None
        read = {name: frame for name, frame in made.cohort.tables.items() if name in found.tables}
        origin = made.origin
        if origin is not None:
            read, origin = wall_clock(read, origin, dated=_dated(found), timezone=settings.timezone)
        tables = tables_to_write(
            read,
            months=level == "limited-data-set" and dates == "hours",
            dated=_dated(found),
            origin=origin,
            shift_days=shift_days,
        )
        if not look_again(plan, tables):
            return _Settled(made, read, tables, acts)
    raise DataError(
        "the tables do not come to rest: what is dropped makes other cells rare; drop those columns"
    )


def _released(tables, written: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the cohort's tables with the columns that are written, and hours whatever is written."""
    return {
        name: frame[[column for column in frame.columns if column in (*written[name].columns, "hour")]]
        for name, frame in tables.items()
        if name in ("patients", "sessions")
    }
