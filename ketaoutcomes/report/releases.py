"""The last release: read back from its folder, and compared with what is about to leave.

Two reports that each hide their small counts may show one by their difference. A reader has both, so
the gate has the earlier one too and hides what the two would tell together.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.calendar import Calendar, months_before
from ketaoutcomes.report.files import KIND, MANIFEST, csv_text, sha256
from ketaoutcomes.report.small_counts import SmallCounts
from ketaoutcomes.report.words import month_name

__all__ = ["Release", "matched", "read_release", "rolls", "small_changes"]

TABLE = re.compile(r"tables/([A-Za-z0-9_]+)\.csv")
# Numbers that tell rows apart; all other numbers are results.
PLACES = ("time", "day", "from_day", "minute")
# Words that are not the same in every release of a row.
REMARKS = ("suppressed", "method", "reason", "direction", "code", "provisional", "text", "label", "change")
YEAR = 12


@dataclass(frozen=True)
class Release:
    """A report that left earlier.

    Attributes
    ----------
    month : str or None
        "YYYY-MM"; None where the cohort keeps no months.
    cohort : str
        The cohort's name.
    fingerprint : str
        SHA-256 of its input.
    settings : mapping
        As the report was made: `small_cells`, `instrument`, `level`, `outcome_month`.
    tables : mapping of str to DataFrame
        Its tables as written; all cells are text.
    n_patients : int, optional
        All patients of the cohort, as printed; None where they were not.
    """

    month: str | None
    cohort: str
    fingerprint: str
    settings: Mapping
    tables: Mapping[str, pd.DataFrame]
    n_patients: int | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of patients that stand in sentences: "patients" of the cohort, "starters" of the period."""
        found = {} if self.n_patients is None else {"patients": self.n_patients}
        rows, steps = self.tables.get("rows_by_table"), self.tables.get("attrition")
        if rows is not None and not found:
            found |= _whole(rows.loc[rows["table"] == "patients", "n_kept"], "patients")
        if steps is not None:
            found |= _whole(steps["n"].head(1), "starters")
        return found

    @property
    def words(self) -> str:
        """``"the report of August 2026, input 3f2a1b0c"``."""
        of = f" of {month_name(self.month)}" if self.month else ""
        return f"the report{of}, input {self.fingerprint[:8]}"

    def check(self, *, cohort: str, instrument: str | None) -> None:
        """Refuse to be compared with a report on something else.

        Raises
        ------
        ConfigError
            If the report is of another kind, the cohort has another name, the main instrument is another
            one, or small counts were shown.
        """
        if self.settings.get("report") == "cohort":
            raise ConfigError(
                "the last report is a cohort report, whose tables are others; name the last monthly one"
            )
        if self.settings.get("small_cells") == "show":
            raise ConfigError(
                "the last report shows small counts, so it is for internal use and has not been released; "
                "name the last one that was"
            )
        if self.cohort != cohort:
            raise ConfigError("the last report is about a cohort of another name; name one about this cohort")
        if self.settings.get("instrument") != instrument:
            raise ConfigError(
                f"the last report is about {self.settings.get('instrument') or 'no instrument'}, this one "
                f"about {instrument or 'none'}; compare reports on the same instrument"
            )


def read_release(folder: str | os.PathLike) -> Release:
    """Read an earlier report back from its folder.

    Parameters
    ----------
    folder : path
        As `Report.save` wrote it: the manifest and ``tables/*.csv``; the page is not needed.

    Returns
    -------
    Release

    Raises
    ------
    ConfigError
        If there is no such folder, or it holds no report, or one that was written without its tables.
    DataError
        If a table is missing or is not what the manifest says, by its SHA-256.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    hashes = {name: known for name, known in manifest["files"].items() if TABLE.fullmatch(name)}
    if not hashes:
        raise ConfigError(
            "the last report was written without its tables, so there is nothing to compare with; write "
            'reports that leave with the format "csv" too'
        )
    tables, wrong = {}, 0
    for name, known in hashes.items():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            content = None
        if content is None or sha256(content) != known:
            wrong += 1
            continue
        tables[TABLE.fullmatch(name).group(1)] = _read(content)
    if wrong:
        which = "1 table is" if wrong == 1 else f"{wrong} tables are"
        raise DataError(
            f"the last report cannot be compared with: {which} missing or not as the report was written; "
            "take the folder as it was released"
        )
    cohort, settings = manifest["cohort"], manifest["settings"]
    return Release(
        settings.get("month"),
        str(cohort.get("name")),
        str(cohort.get("fingerprint")),
        MappingProxyType(dict(settings)),
        MappingProxyType(tables),
        cohort.get("n_patients"),
    )


def _whole(cells: pd.Series, name: str) -> dict[str, int]:
    numbers = pd.to_numeric(cells, errors="coerce").dropna()
    return {name: int(numbers.iloc[0])} if len(numbers) else {}


def _manifest(folder: Path) -> dict:
    if not folder.is_dir():
        raise ConfigError("there is no folder of the last report at the place named")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    parts = ("cohort", "settings", "files")
    is_report = isinstance(manifest, dict) and manifest.get("kind") == KIND
    if not is_report or not all(isinstance(manifest.get(part), dict) for part in parts):
        raise ConfigError(f"the folder of the last report holds no report: no {MANIFEST} of one is in it")
    return manifest


def _read(content: bytes) -> pd.DataFrame:
    return pd.read_csv(BytesIO(content), dtype="str", keep_default_na=False, encoding="utf-8")


def rolls(release: Release, cohort: Cohort, calendar: Calendar | None, few: SmallCounts) -> bool:
    """Whether both patients who entered the twelve months since the release and who left are many.

    Then a difference of two twelve-month counts is that of two counts that neither report prints.
    Otherwise it is, but for a few, a count itself: of a cohort that only grew, of the same months.
    """
    if calendar is None or release.month is None:
        return False
    now, then = set(calendar.year), {*months_before(release.month, YEAR - 1), release.month}
    sessions = cohort.sessions
    first = sessions["month"].to_numpy(dtype=object)[first_of_segment(patient_codes(sessions))]
    entered, left = (int(np.isin(first, sorted(months)).sum()) for months in (now - then, then - now))
    return min(entered, left) > few.largest


def matched(frame: pd.DataFrame, earlier: pd.DataFrame | None) -> pd.DataFrame | None:
    """The earlier release's rows in the order of `frame`, numbers as numbers; missing where it has none.

    Rows belong together when all their words, and the days or times they are about, are the same. None
    where the release has no such table or its rows cannot be told apart.
    """
    if earlier is None or "suppressed" not in earlier:
        return None
    names = [
        column
        for column in frame.columns
        if column in PLACES or (column not in REMARKS and not _is_number(column, frame[column]))
    ]
    if not set(names) <= set(earlier.columns):
        return None
    now = _read(csv_text(frame[names]).encode()) if names else pd.DataFrame(index=frame.index)
    keys = [now[names].agg("\x1f".join, axis=1) if names else pd.Series("", index=now.index)]
    keys.append(earlier[names].agg("\x1f".join, axis=1) if names else pd.Series("", index=earlier.index))
    if any(key.duplicated().any() for key in keys):
        return None
    found = earlier.set_axis(keys[1]).reindex(keys[0]).set_axis(frame.index)
    numbers = [column for column in found.columns if column not in names and column not in REMARKS]
    for column in numbers:
        found[column] = pd.to_numeric(found[column], errors="coerce")
    return found


def _is_number(name: str, column: pd.Series) -> bool:
    """Whether a column is a result; a count is, also where all of it is missing."""
    return name == "n" or name.startswith("n_") or pd.api.types.is_numeric_dtype(column.dtype)


def small_changes(frame: pd.DataFrame, then: pd.DataFrame, few: SmallCounts) -> np.ndarray:
    """Rows of which a count that both releases show differs by a small number; (m,) bool."""
    changed = np.zeros(len(frame), bool)
    for column in frame.columns:
        if (column == "n" or column.startswith("n_")) and column in then.columns:
            now = frame[column].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            changed |= few.small(np.abs(now - then[column].to_numpy(float)))
    return changed
