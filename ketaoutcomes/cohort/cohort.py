"""The frozen cohort: a clinic's tables, checked and on one clock."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from types import MappingProxyType

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import INSTRUMENTS, find_instrument
from ketaoutcomes.cohort.fingerprint import fingerprint
from ketaoutcomes.cohort.import_record import SOURCES, UNMAPPED, nothing
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem

__all__ = ["Cohort"]

HOURS_PER_DAY = 24.0
# More levels than this are not listed in a message.
MOST_LEVELS = 30
# Nobody is chosen by these: each patient has their own.
PER_PATIENT = frozenset({"patient_id", "hour_low", "hour_high", "hours_to_data_cut"})
STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px"
CELL = "padding:2px 12px 2px 0;border-top:1px solid #DDE2E6"


@dataclass(frozen=True, repr=False, eq=False)
class Cohort:
    """A clinic's patients, sessions, scores, side effects, vitals and disposition.

    Made by `load_cohort`. All times are hours since the start of the patient's
    first session. In every table `patient_id` is a categorical whose categories
    are `patients.patient_id`, so that its codes are row numbers of `patients`.
    The frames that are handed out are copies on write: changing one changes
    nothing in the cohort.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Every table, perhaps without rows.
    present : frozenset of str
        Tables that were supplied.
    settings : Settings
    counts : DataFrame
        table, n_read, n_kept, n_quarantined: of the whole cohort, also after `select`.
    quarantine : DataFrame
        table, rule, reason, n_rows, first_row: rows set aside when reading.
    blanked : DataFrame
        table, column, rule, reason, n_cells: cells set to missing when reading.
    fingerprint : str
        SHA-256 of the content.
    source : str
        Name of the folder.
    selection : tuple of str
        What `select` was asked for, in words.
    notes : tuple of str
        What else was found when reading.
    sources : DataFrame
        source, n_read, n_kept, n_quarantined, n_unmapped: rows of the export that
        the tables were made from, if they were; n_read is always the sum of the rest.
    unmapped : DataFrame
        source, column, n_filled: the export's columns that went nowhere.
    """

    tables: Mapping[str, pd.DataFrame]
    present: frozenset[str]
    settings: Settings
    counts: pd.DataFrame
    quarantine: pd.DataFrame
    blanked: pd.DataFrame
    fingerprint: str
    source: str = "frames"
    selection: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    sources: pd.DataFrame = field(default_factory=lambda: nothing(SOURCES))
    unmapped: pd.DataFrame = field(default_factory=lambda: nothing(UNMAPPED))

    def __post_init__(self):
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def patients(self) -> pd.DataFrame:
        """One row per patient, by patient_id."""
        return self.tables["patients"].copy(deep=False)

    @property
    def sessions(self) -> pd.DataFrame:
        """One row per treatment session, by patient and time."""
        return self.tables["sessions"].copy(deep=False)

    @property
    def scores(self) -> pd.DataFrame:
        """One row per assessment, by patient, instrument and time."""
        return self.tables["scores"].copy(deep=False)

    @property
    def side_effects(self) -> pd.DataFrame:
        """One row per side effect in a session, or the word "none"."""
        return self.tables["side_effects"].copy(deep=False)

    @property
    def vitals(self) -> pd.DataFrame:
        """One row per reading, by patient, session and minute."""
        return self.tables["vitals"].copy(deep=False)

    @property
    def disposition(self) -> pd.DataFrame:
        """At most one row per patient."""
        return self.tables["disposition"].copy(deep=False)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.tables["patients"])

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of the instruments with scores, the most used first."""
        counts = self.tables["scores"]["instrument"].value_counts()
        return tuple(str(name) for name in counts.index[counts > 0])

    def select(self, **conditions) -> Cohort:
        """Return the patients that meet all conditions, with their whole history.

        Parameters
        ----------
        **conditions
            A column of `patients` with one level or a list of levels: the
            patients who have one of them. Of numbers also a range, as a tuple
            (low, high) with both ends included: `age=(18, 40)`. A column of
            `sessions`: the patients all of whose sessions have one of them; a
            history is never cut. If both tables have the column, that of
            `patients` counts. `instrument=`: only these instruments' scores are
            kept, and all patients.

        Raises
        ------
        DataError
            If a column or a level is not known; the message lists the choices.
        """
        if not conditions:
            return self
        keep = np.ones(self.n_patients, dtype=bool)
        words, wanted_instruments = list(self.selection), None
        for name, wanted in conditions.items():
            levels = _as_list(name, wanted)
            if name == "instrument":
                wanted_instruments = self._known_instruments(levels)
                words.append(f"instrument: {_listed(wanted_instruments)}")
                continue
            match = self._patients_with(name, levels, wanted)
            dropped = int((keep & ~match).sum())
            keep &= match
            patients = "patient" if dropped == 1 else "patients"
            chosen = f"{levels[0]} to {levels[1]}" if self._is_range(name, wanted) else _listed(levels)
            words.append(f"{name}: {chosen} ({dropped} {patients} left out)")
        return self._of(keep, wanted_instruments, tuple(words))

    def _known_instruments(self, names: list) -> list[str]:
        """Return the canonical names of instruments that have scores."""
        known, out = self.instruments, []
        for name in names:
            if name in known:
                out.append(name)
                continue
            found = find_instrument(str(name)).name
            if found not in known:
                raise DataError(
                    f"no scores of {found}; the instruments with scores are {_listed(known) or 'none'}"
                )
            out.append(found)
        return out

    def _patients_with(self, name: str, levels: list, wanted) -> np.ndarray:
        """Return which patients have one of the levels; bool, in the order of `patients`."""
        patients, sessions = self.tables["patients"], self.tables["sessions"]
        matches = _within if self._is_range(name, wanted) else _matches
        if name in patients.columns and name not in PER_PATIENT - {"patient_id"}:
            return matches(patients[name], "patients", name, levels)
        if name in sessions.columns:
            match = matches(sessions[name], "sessions", name, levels)
            codes = sessions["patient_id"].cat.codes.to_numpy()
            n = np.bincount(codes, minlength=self.n_patients)
            return (np.bincount(codes[match], minlength=self.n_patients) == n) & (n > 0)
        choices = sorted({*patients.columns, *sessions.columns, "instrument"} - PER_PATIENT)
        raise DataError(f"no column '{name}' in patients or sessions; choose from {', '.join(choices)}")

    def _is_range(self, name: str, wanted) -> bool:
        """Whether a condition is a range: a tuple of two numbers, for a column of numbers."""
        if not (isinstance(wanted, tuple) and len(wanted) == 2 and all(map(_is_number, wanted))):
            return False
        tables = (self.tables["patients"], self.tables["sessions"])
        column = next((frame[name] for frame in tables if name in frame.columns), None)
        return column is not None and _holds_numbers(column)

    def _of(self, keep: np.ndarray, instruments: list[str] | None, words: tuple[str, ...]) -> Cohort:
        """Return the cohort of some patients and some instruments."""
        tables = dict(self.tables)
        if instruments is not None:
            scores = tables["scores"]
            tables["scores"] = scores[scores["instrument"].isin(instruments)].reset_index(drop=True)
        if not keep.all():
            patients = tables["patients"][keep].reset_index(drop=True)
            kind = pd.CategoricalDtype(pd.Index(patients["patient_id"]))
            place = np.where(keep, np.cumsum(keep) - 1, -1)
            for name, frame in tables.items():
                codes = place[frame["patient_id"].cat.codes.to_numpy()] if name != "patients" else None
                tables[name] = patients if codes is None else _recoded(frame, codes, kind)
        return replace(
            self, tables=tables, fingerprint=fingerprint(tables, (self.fingerprint,)), selection=words
        )

    def __repr__(self) -> str:
        lines = [f"Cohort {self.source!r}: {self._sizes()}"]
        lines += [f"  {name:<12} {value}" for name, value in self._facts()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="{CELL};color:#47545F">{escape(name)}</td>'
            f'<td style="{CELL}">{escape(value)}</td></tr>'
            for name, value in self._facts()
        )
        head = f"<b>Cohort {escape(self.source)}</b>: {escape(self._sizes())}"
        return f'<div>{head}<table style="{STYLE}">{rows}</table></div>'

    def _sizes(self) -> str:
        sizes = {
            name.replace("_", " "): len(frame) for name, frame in self.tables.items() if name in self.present
        }
        return ", ".join(f"{n:,} {name.removesuffix('s') if n == 1 else name}" for name, n in sizes.items())

    def _facts(self) -> list[tuple[str, str]]:
        """Return what the printed form says: nothing of any one patient."""
        counts = self.tables["scores"]["instrument"].value_counts()
        used = [f"{name} ({n:,})" for name, n in counts.items() if n and name in INSTRUMENTS]
        # A name that is not in the catalogue is a cell's text.
        others = [n for name, n in counts.items() if n and name not in INSTRUMENTS]
        used += [f"{len(others)} not in the catalogue ({sum(others):,})"] if others else []
        facts = [("instruments", ", ".join(used) or "none")]
        hours = np.concatenate([self.tables[name]["hour"].to_numpy(float) for name in ("sessions", "scores")])
        if hours.size:
            days = hours / HOURS_PER_DAY
            facts.append(
                ("span", f"day {days.min():,.0f} to day {days.max():,.0f}, counted from each first session")
            )
        aside, read = int(self.counts["n_quarantined"].sum()), int(self.counts["n_read"].sum())
        cells = int(self.blanked["n_cells"].sum()) if len(self.blanked) else 0
        facts.append(
            ("set aside", f"{aside:,} of {read:,} rows read; {cells:,} implausible cells set to missing")
        )
        if len(self.sources):
            kept, n_read = int(self.sources["n_kept"].sum()), int(self.sources["n_read"].sum())
            unmapped = int(self.sources["n_unmapped"].sum())
            facts.append(
                ("export", f"{n_read:,} rows read; {kept:,} kept in part or whole, {unmapped:,} not mapped")
            )
        level = self.settings.deidentification.replace("-", " ")
        facts.append(("privacy", f"{level}{', synthetic' if self.settings.synthetic else ''}"))
        facts += [("selected", words) for words in self.selection]
        return [*facts, ("fingerprint", self.fingerprint[:16])]


def _recoded(frame: pd.DataFrame, codes: np.ndarray, kind: pd.CategoricalDtype) -> pd.DataFrame:
    """Return the rows with a code of zero or more, under the new patients."""
    rows = np.flatnonzero(codes >= 0)
    out = frame.iloc[rows].reset_index(drop=True)
    out["patient_id"] = pd.Categorical.from_codes(codes[rows], dtype=kind)
    return out


def _as_list(name: str, wanted) -> list:
    """Return the levels asked for, or say what a condition may be."""
    if isinstance(wanted, list | tuple | set | frozenset | pd.Series | np.ndarray | pd.Index):
        return list(wanted)
    if not isinstance(wanted, str | numbers.Number | bool | np.generic | pd.Timestamp):
        raise DataError(
            f"'{name}' is selected by one level, a list of levels, or for numbers a tuple (low, high) "
            f"with both ends included; not by a {type(wanted).__name__}"
        )
    return [wanted]


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _holds_numbers(column: pd.Series) -> bool:
    kind = column.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def _listed(levels) -> str:
    return ", ".join(str(level) for level in levels)


def _matches(column: pd.Series, table: str, name: str, levels: list) -> np.ndarray:
    """Return which rows have one of the levels, or say which levels there are."""
    if name == "patient_id":
        raise DataError("patients are selected by what they have in common, not by patient_id")
    known = column.dropna().unique()
    unknown = [level for level in levels if level not in set(known.tolist())]
    if unknown:
        choices = (
            f"choose from {_listed(sorted(known.tolist(), key=str))}"
            if len(known) <= MOST_LEVELS
            else f"it has {len(known)} levels"
        )
        choices += "; a tuple (low, high) asks for a range" if _holds_numbers(column) else ""
        levels_are = "1 level that is" if len(unknown) == 1 else f"{len(unknown)} levels that are"
        raise DataError(Problem(f"was asked for {levels_are} not in the data; {choices}", table, name))
    return column.isin(levels).fillna(False).to_numpy(bool)


def _within(column: pd.Series, table: str, name: str, ends: list) -> np.ndarray:
    """Return which rows are in a range, both ends included, or say that none is."""
    low, high = ends
    if not low <= high:
        raise DataError(Problem("the range is (low, high), and the first is not the lower", table, name))
    match = column.between(low, high).fillna(False).to_numpy(bool)
    if not match.any():
        raise DataError(Problem("no row is within the range asked for", table, name))
    return match
