"""Which sessions have a record of side effects, how it was asked for, and which effects it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.effect_terms import EffectTerms, effect_terms, plain
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, session_rows

__all__ = [
    "ANY",
    "NONE",
    "NOT_STATED",
    "SEVERITIES",
    "Recorded",
    "effect_rows",
    "recorded_side_effects",
    "recorded_words",
    "terms_of",
]

ANY = "any side effect"
NONE = "none"
NOT_STATED = "not stated"
SEVERITIES = ("mild", "moderate", "severe")


@dataclass(frozen=True)
class Recorded:
    """Records of side effects: one per session and way of asking.

    Attributes
    ----------
    session_row : (r,) int array
        Row of `cohort.sessions` that each record belongs to.
    way : (r,) int array
        Place in `ways` of how it was asked.
    ways : tuple of str
        "checklist", "spontaneous", "scale" as they occur, and "not stated" last.
    effects : tuple of str
        Preferred names of the effects, or the words as recorded where these are in no table of
        synonyms; without "none".
    record, effect : (e,) int arrays
        Each distinct pair of a record and an effect found in it.
    severity : (e,) int8 array
        Worst severity of the pair's rows: 1 mild, 2 moderate, 3 severe, 0 where none states it.
    serious, serious_stated : (e,) bool array
        Whether any of the pair's rows says that it was serious, and whether any says if it was.
    n_words, n_words_unknown, n_words_joined : int
        Different words recorded for effects, those of them in no table of synonyms, and those of these that
        name an effect beside others that are in no table.
    n_own_unused : int
        The clinic's own synonyms that no row has.
    n_assumed : int
        Sessions with a record but no row, whose way of asking is taken from other rows.
    n_not_stated : int
        Records that do not say how they were asked.
    n_silent_unknown : int
        Of these, the sessions without a row.
    """

    session_row: np.ndarray
    way: np.ndarray
    ways: tuple[str, ...]
    effects: tuple[str, ...]
    record: np.ndarray
    effect: np.ndarray
    severity: np.ndarray
    serious: np.ndarray
    serious_stated: np.ndarray
    n_words: int
    n_words_unknown: int
    n_words_joined: int
    n_own_unused: int
    n_assumed: int
    n_not_stated: int
    n_silent_unknown: int


def terms_of(cohort: Cohort, synonyms: Mapping | str | PathLike | bool | None = None) -> EffectTerms:
    """The library's synonyms, those of the settings on them, and `synonyms` on top; False for none."""
    if synonyms is False:
        return effect_terms(False)
    terms = effect_terms(cohort.settings.effect_words)
    return terms if synonyms is None or synonyms is True else effect_terms(synonyms, base=terms)


def effect_rows(cohort: Cohort, terms: EffectTerms | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `cohort.side_effects` with the preferred names of their effects, "none" kept.

    Parameters
    ----------
    terms : EffectTerms, optional
        From `terms_of`; without `synonyms` if not given.

    Returns
    -------
    row : (e,) int array
        In order; a row whose word names several effects stands once for each.
    name : (e,) object array
    """
    terms = terms_of(cohort) if terms is None else terms
    code, words = pd.factorize(cohort.side_effects["effect"].astype("str").str.strip().str.lower())
    names = [(NONE,) if word == NONE else terms.names(word) for word in words]
    size = np.array([len(each) for each in names], dtype=np.int64)[code]
    row = np.repeat(np.arange(code.size), size)
    first = np.concatenate([[0], np.cumsum([len(each) for each in names])[:-1]]).astype(np.int64)
    within = np.arange(row.size) - np.repeat(np.cumsum(size) - size, size)
    flat = np.array([name for each in names for name in each] or [""], dtype=object)
    return row, flat[np.repeat(first[code], size) + within] if row.size else flat[:0]


def recorded_words(cohort: Cohort, terms: EffectTerms) -> pd.DataFrame:
    """Each word recorded for an effect, with `effect`, `in_table` and `n` rows, by effect."""
    words = cohort.side_effects["effect"].astype("str").str.strip().str.lower()
    counts = words[words != NONE].value_counts(sort=False)
    table = pd.DataFrame({"word": counts.index.astype("str"), "n": counts.to_numpy(dtype=np.int64)})
    table.insert(
        1, "effect", pd.Series([", ".join(terms.names(word)) for word in table["word"]], dtype="str")
    )
    table.insert(2, "in_table", pd.Series([_is_in_table(terms, word) for word in table["word"]], dtype=bool))
    return table.sort_values(["effect", "word"], ignore_index=True)


def _is_in_table(terms: EffectTerms, word: str) -> bool:
    return terms.knows(word) or len(terms.names(word)) > 1


def recorded_side_effects(cohort: Cohort, terms: EffectTerms | None = None) -> Recorded:
    """Every record of side effects; a session without a record is not among them.

    A session that was asked about in two ways has two records, so that the
    rates of the two ways are never mixed. A session with a record but no row had
    no effect. How it was asked is taken from the rows of the same patient if
    they were all asked for in one way, else from those of the same clinic (of
    all rows, if no clinics are given); where even these differ, or there are
    none, it is "not stated". Another clinic's way is never taken.

    Without a table of side effects nothing is recorded, whatever the sessions
    say: what was found is not here, and that is not "none".

    Two words with one preferred name are one effect of the session.

    Parameters
    ----------
    terms : EffectTerms, optional
        From `terms_of`; without `synonyms` if not given.
    """
    terms = terms_of(cohort) if terms is None else terms
    row, names = effect_rows(cohort, terms)
    table = cohort.side_effects.iloc[row]
    rows = session_rows(cohort.sessions, table, len(cohort.patients))
    way_names = _ways(table)
    ways = tuple(sorted(set(way_names), key=lambda word: (word == NOT_STATED, word)))
    if NOT_STATED not in ways:
        ways = (*ways, NOT_STATED)
    number = {word: place for place, word in enumerate(ways)}
    way_of_row = np.array([number[word] for word in way_names], dtype=np.int64)

    recorded = cohort.sessions["side_effects_recorded"].fillna(False).to_numpy(dtype=bool).copy()
    recorded[rows] = False
    if "side_effects" not in cohort.present:
        recorded[:] = False
    silent = np.flatnonzero(recorded)
    way_of_silent = _way_of_silent(cohort, silent, rows, way_of_row, number[NOT_STATED])

    key_of_row = rows * len(ways) + way_of_row
    keys = np.unique(np.concatenate([key_of_row, silent * len(ways) + way_of_silent]))
    real = names != NONE
    effects, effect_of_row = np.unique(names[real].astype(str), return_inverse=True)
    n_effects = max(effects.size, 1)
    pair_of_row = np.searchsorted(keys, key_of_row[real]) * n_effects + effect_of_row
    pairs, place = np.unique(pair_of_row, return_inverse=True)
    severity = np.zeros(pairs.size, dtype=np.int8)
    np.maximum.at(severity, place, _severities(table)[real])
    serious, serious_stated = (np.zeros(pairs.size, dtype=bool) for _ in range(2))
    if "serious" in table.columns:
        np.logical_or.at(serious, place, table["serious"].fillna(False).to_numpy(dtype=bool)[real])
        np.logical_or.at(serious_stated, place, table["serious"].notna().to_numpy(dtype=bool)[real])
    words = pd.unique(table["effect"].astype("str").str.strip().str.lower()[real])
    way = keys % len(ways)
    return Recorded(
        session_row=keys // len(ways),
        way=way,
        ways=ways,
        effects=tuple(effects.tolist()),
        record=pairs // n_effects,
        effect=pairs % n_effects,
        severity=severity,
        serious=serious,
        serious_stated=serious_stated,
        n_words=len(words),
        n_words_unknown=sum(not _is_in_table(terms, word) for word in words),
        n_words_joined=sum(terms.is_unsplit(word) for word in words),
        n_own_unused=len(terms.clinic - {plain(word) for word in words}),
        n_assumed=int((way_of_silent != number[NOT_STATED]).sum()),
        n_not_stated=int((way == number[NOT_STATED]).sum()),
        n_silent_unknown=int((way_of_silent == number[NOT_STATED]).sum()),
    )


def _way_of_silent(cohort: Cohort, silent, rows, way_of_row, not_stated: int) -> np.ndarray:
    """How each recorded session without a row was asked, as far as the other rows tell."""
    owner = patient_codes(cohort.sessions)
    clinic = _clinic_of_session(cohort, owner)
    way = np.full(silent.size, not_stated, dtype=np.int64)
    for group in (owner, clinic):
        only = _only_way(group[rows], way_of_row, int(group.max(initial=0)) + 1, not_stated)
        way = np.where(way == not_stated, only[group[silent]], way)
    return way


def _only_way(group_of_row, way_of_row, n_groups: int, not_stated: int) -> np.ndarray:
    """The one way in which all rows of each group were asked; `not_stated` if several, or none."""
    stated = way_of_row != not_stated
    lowest = np.full(n_groups, not_stated, dtype=np.int64)
    highest = np.full(n_groups, -1, dtype=np.int64)
    np.minimum.at(lowest, group_of_row[stated], way_of_row[stated])
    np.maximum.at(highest, group_of_row[stated], way_of_row[stated])
    return np.where(lowest == highest, lowest, not_stated)


def _clinic_of_session(cohort: Cohort, owner: np.ndarray) -> np.ndarray:
    """Number of each session's clinic, its own or its patient's; all of one number if none is known."""
    if "clinic_id" in cohort.sessions.columns:
        values = cohort.sessions["clinic_id"].to_numpy(dtype=object)
    elif "clinic_id" in cohort.patients.columns:
        values = cohort.patients["clinic_id"].to_numpy(dtype=object)[owner]
    else:
        return np.zeros(owner.size, dtype=np.int64)
    code, _ = pd.factorize(pd.Series(values), use_na_sentinel=False)
    return code.astype(np.int64)


def _severities(table: pd.DataFrame) -> np.ndarray:
    """Severity of each row: 1 mild, 2 moderate, 3 severe, 0 not stated; int8."""
    out = np.zeros(len(table), dtype=np.int8)
    if "severity" in table.columns:
        words = table["severity"].astype("object")
        for rank, word in enumerate(SEVERITIES, start=1):
            out[(words == word).to_numpy(dtype=bool, na_value=False)] = rank
    return out


def _ways(table) -> np.ndarray:
    """How each row was asked for, in lower case; "not stated" where missing."""
    if "ascertainment" not in table.columns:
        return np.full(len(table), NOT_STATED, dtype=object)
    words = table["ascertainment"].astype("object")
    words = words.where(words.notna(), NOT_STATED)
    return words.astype("str").str.strip().str.lower().to_numpy(dtype=object)
