"""Factors of a side effect as columns of a model matrix, with names that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.effect_sessions import EffectSessions, dose_parts
from ketaoutcomes.derive.groups import session_groups
from ketaoutcomes.derive.landmark import known_only_after
from ketaoutcomes.errors import DataError, Problem

__all__ = ["DOSE", "ROUTE", "WAY", "Design", "Level", "Term", "checked_factors", "design_of"]

Array = NDArray[np.float64]

DOSE, ROUTE, SESSION, WAY = "dose", "route", "session", "ascertainment"
_COLUMN = {DOSE: "dose_mg_per_kg"}
_ALIASES = {"dose_mg_per_kg": DOSE}
PER_DOSE = 0.1
_BETWEEN = {
    "first": "First dose of the patient, per 0.1 mg/kg",
    "mean": "Mean dose of the patient, per 0.1 mg/kg",
}
_WITHIN = {
    "first": "Change from the first dose, per 0.1 mg/kg",
    "mean": "Deviation from the mean dose, per 0.1 mg/kg",
}


@dataclass(frozen=True)
class Term:
    """One column of the model.

    Attributes
    ----------
    name, label, factor : str
    values : (n,) float array
        Of each row; missing where the factor is.
    """

    name: str
    label: str
    factor: str
    values: Array


@dataclass(frozen=True)
class Level:
    """A level of a factor of words that has a column of its own, or is the reference."""

    factor: str
    words: str
    is_in: NDArray[np.bool_]
    term: str | None


@dataclass(frozen=True)
class Design:
    """The columns of all factors, for every record looked at.

    Attributes
    ----------
    terms : tuple of Term
    levels : tuple of Level
        Of the factors of words.
    references : mapping of str to str
        Reference level of each factor of words.
    dose : (n,) float array
        mg/kg; missing where not known, and everywhere if dose is no factor.
    route : (n,) int array
    routes : tuple of str
    left_out : tuple of str
        Why a factor has no term.
    unused : tuple of (str, int)
        Levels of words none of whose records can be used, with their records.
    n_missing : mapping of str to int
        Rows in which each factor is missing.
    after : tuple of str
        Factors that a session produces itself.
    """

    terms: tuple[Term, ...]
    levels: tuple[Level, ...]
    references: dict[str, str]
    dose: Array
    route: NDArray[np.int64]
    routes: tuple[str, ...]
    left_out: tuple[str, ...]
    unused: tuple[tuple[str, int], ...]
    n_missing: dict[str, int]
    after: tuple[str, ...]

    def matrix(self, rows: NDArray[np.int64], names: Sequence[str]) -> Array:
        """A column of ones and those of the terms `names`, of `rows`; (n, p)."""
        chosen = [term.values[rows] for term in self.terms if term.name in names]
        return np.column_stack([np.ones(rows.size), *chosen])

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Rows in which no factor is missing."""
        out = np.ones(self.dose.size, dtype=bool)
        for term in self.terms:
            out &= np.isfinite(term.values)
        return out


def checked_factors(cohort: Cohort, factors: Sequence[str] | str) -> tuple[str, ...]:
    """Names of factors, each once; refused where one is no column, or is known only after treatment began."""
    if isinstance(factors, str):
        factors = (factors,)
    if not isinstance(factors, Sequence) or not all(isinstance(name, str) for name in factors) or not factors:
        raise DataError(
            'factors takes "dose", "route", "session" and names of columns of sessions or patients'
        )
    named = tuple(dict.fromkeys(_ALIASES.get(name, name) for name in factors))
    for name in named:
        why = known_only_after(cohort, name) if name in cohort.patients.columns else ""
        if why and name not in cohort.sessions.columns:
            raise DataError(
                Problem(
                    f"is known only after the first session ({why}): sessions would be sorted by what came "
                    "later. If it is known when treatment begins, add "
                    f'known_at_start = ["{name}"] to cohort.toml',
                    table="patients",
                    column=name,
                    rule="known_after_start",
                )
            )
    return named


def design_of(
    cohort: Cohort, rows: EffectSessions, factors: tuple[str, ...], outcomes: Array, *, dose_split: str
) -> Design:
    """Columns of the factors, and of the ways of asking where there are several.

    The reference of a factor of words is the level with most records that can be used: those in which no
    factor is missing and the outcome is known, counted over the effects.

    Parameters
    ----------
    factors : tuple of str
        From `checked_factors`.
    outcomes : (n, k) float
        1, 0 or missing, of every record and effect.
    dose_split : {"first", "mean"}
        How the dose is split between and within patients.
    """
    dose, route, routes = _dose_and_route(cohort)
    named = [name for name in factors if name != WAY]
    found = [_part(cohort, rows, factor, dose, route, dose_split) for factor in named]
    found.append(_Words(WAY, rows.way, rows.found.ways))
    weight = _n_usable(found, outcomes)
    parts = [_word_part(one, weight) if isinstance(one, _Words) else one for one in found]
    if not parts[-1].terms:
        # One way of asking is no factor that anybody asked for; what is left out is still named.
        parts[-1] = _Part(unused=parts[-1].unused)
    own = rows.session_row
    return Design(
        terms=tuple(term for part in parts for term in part.terms),
        levels=tuple(level for part in parts for level in part.levels),
        references={part.terms[0].factor: part.reference for part in parts if part.levels},
        dose=dose[own] if DOSE in named else np.full(own.size, np.nan),
        route=route[own],
        routes=routes,
        left_out=tuple(part.left_out for part in parts if part.left_out),
        unused=tuple(level for part in parts for level in part.unused),
        n_missing={
            name: part.n_missing for name, part in zip((*named, WAY), parts, strict=True) if part.n_missing
        },
        after=tuple(
            name for name in named if name in cohort.sessions.columns and known_only_after(cohort, name)
        ),
    )


@dataclass(frozen=True)
class _Part:
    """What one factor adds."""

    terms: tuple[Term, ...] = ()
    levels: tuple[Level, ...] = ()
    reference: str = ""
    left_out: str = ""
    n_missing: int = 0
    unused: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Words:
    """A factor of words before its reference is chosen: the place of each record's level, -1 if missing."""

    factor: str
    code: NDArray[np.int64]
    words: tuple[str, ...]


def _n_usable(found: Sequence[_Part | _Words], outcomes: Array) -> Array:
    """For how many effects each record can be used: its outcome is known and no factor is missing; (n,)."""
    known = np.isfinite(outcomes).sum(axis=1) if outcomes.shape[1] else np.ones(len(outcomes))
    complete = np.ones(len(outcomes), dtype=bool)
    for one in found:
        if isinstance(one, _Words):
            complete &= one.code >= 0
            continue
        for term in one.terms:
            complete &= np.isfinite(term.values)
    weight = np.where(complete, known, 0).astype(float)
    alike = [one for one in found if isinstance(one, _Words) and np.unique(one.code[weight > 0]).size < 2]
    if not alike:
        return weight
    # A factor with one level is in no model, so that no record is left out because it is missing.
    return _n_usable([one for one in found if one is not alike[0]], outcomes)


def _part(cohort: Cohort, rows: EffectSessions, factor: str, dose, route, split: str) -> _Part | _Words:
    """The columns of one factor."""
    column = _COLUMN.get(factor, factor)
    if factor == SESSION:
        doubling = Term("log2_session", "Each doubling of the session number", factor, np.log2(rows.number))
        return _Part((doubling,))
    if factor in (DOSE, ROUTE) and _is_empty(cohort, column):
        return _Part(left_out=f"'{column}' is not recorded")
    if factor == DOSE:
        terms = _dose_terms(cohort, rows, dose, route, split)
        return _Part(terms, n_missing=int((~np.isfinite(terms[0].values)).sum()))
    numbers = _numbers(cohort, column, rows)
    if numbers is not None:
        term = Term(column, f"{_plain(column)}, per {_unit(column)}", factor, numbers)
        return _Part((term,), n_missing=int((~np.isfinite(numbers)).sum()))
    grouped = session_groups(cohort, column)
    words = tuple(str(level) for level in grouped.levels)
    return _Words(factor, grouped.code[rows.session_row], words)


def _dose_and_route(cohort: Cohort) -> tuple[Array, NDArray[np.int64], tuple[str, ...]]:
    """Dose and route of all sessions; a missing route is -1."""
    sessions = cohort.sessions
    dose = np.full(len(sessions), np.nan)
    if not _is_empty(cohort, "dose_mg_per_kg"):
        dose = sessions["dose_mg_per_kg"].to_numpy(dtype=float, na_value=np.nan)
    if _is_empty(cohort, "route"):
        return dose, np.zeros(len(sessions), dtype=np.int64), ("",)
    code, found = pd.factorize(sessions["route"], sort=True)
    return dose, code.astype(np.int64), tuple(str(word) for word in found)


def _dose_terms(cohort: Cohort, rows: EffectSessions, dose, route, split: str) -> tuple[Term, ...]:
    between, within = dose_parts(
        patient_codes(cohort.sessions),
        route,
        cohort.sessions["session"].to_numpy(dtype=np.int64),
        dose,
        rows.session_row,
        split=split,
    )
    return (
        Term("dose_between", _BETWEEN[split], DOSE, between / PER_DOSE),
        Term("dose_within", _WITHIN[split], DOSE, within / PER_DOSE),
    )


def _is_empty(cohort: Cohort, column: str) -> bool:
    return column not in cohort.sessions.columns or bool(cohort.sessions[column].isna().all())


def _numbers(cohort: Cohort, column: str, rows: EffectSessions) -> Array | None:
    """A column of numbers, for each record; None if it holds none."""
    for table, place in ((cohort.sessions, rows.session_row), (cohort.patients, rows.patient)):
        if column in table.columns:
            kind = table[column].dtype
            if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
                return table[column].to_numpy(dtype=float, na_value=np.nan)[place]
            return None
    return None


def _word_part(found: _Words, weight: Array) -> _Part:
    """A column per level but the commonest of the records that can be used, which is the reference."""
    factor, code = found.factor, found.code
    words = tuple(_shown(word) for word in found.words)
    known = code >= 0
    n_missing = int((~known).sum())
    sizes = np.bincount(code[known], minlength=len(words))
    usable = np.bincount(code[known], weight[known], minlength=len(words))
    empty = np.flatnonzero((sizes > 0) & (usable == 0))
    unused = tuple((f"{_heading(factor)} {words[number]}", int(sizes[number])) for number in empty)
    if (usable > 0).sum() < 2:
        why = f"'{factor}' is the same in all sessions" if sizes.any() else f"'{factor}' is not recorded"
        return _Part(left_out=f"{why} that can be used" if unused else why, unused=unused)
    common = int(usable.argmax())
    terms, levels = [], []
    for number in np.flatnonzero(sizes):
        is_in = code == number
        name = None if number == common else f"{factor}={found.words[number]}"
        levels.append(Level(factor, words[number], is_in, name))
        if name is not None:
            label = f"{_heading(factor)} {words[number]} (reference {words[common]})"
            terms.append(Term(name, label, factor, np.where(known, is_in, np.nan)))
    return _Part(tuple(terms), tuple(levels), words[common], n_missing=n_missing, unused=unused)


def _unit(column: str) -> str:
    """One unit of a column of numbers: "unit (years)", or "unit"."""
    units = {own.name: own.unit for table in ("patients", "sessions") for own in TABLES[table].columns}
    return f"unit ({units[column]})" if units.get(column) else "unit"


def _heading(factor: str) -> str:
    return {ROUTE: "Route", WAY: "Way of asking:"}.get(factor, f"{_plain(factor)}:")


def _plain(column: str) -> str:
    """A column's name as words, with a capital."""
    words = column.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _shown(word: str) -> str:
    return {"True": "yes", "False": "no"}.get(word, word)
