"""Dissociation by a scale: how high it gets in a session, how often beyond a threshold, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.dissociation_course import COURSE_COLUMNS, course, return_times
from ketaoutcomes.analysis.dissociation_model import PeakModel, empty_model, peak_model
from ketaoutcomes.analysis.dissociation_notes import definitions, not_recorded, peak_notes
from ketaoutcomes.analysis.dissociation_tables import (
    TABLE_COLUMNS,
    against_recorded,
    by_dose,
    empty,
    of_session,
    stayers,
)
from ketaoutcomes.analysis.notes import split_words, told_synonyms
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_count, check_level, is_number
from ketaoutcomes.derive.dissociation import (
    SCALES,
    Returns,
    SessionPeaks,
    Threshold,
    returns,
    session_peaks,
    threshold_of,
)
from ketaoutcomes.derive.groups import Groups, session_groups
from ketaoutcomes.derive.side_effects import terms_of
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.dissociation import DissociationResult

__all__ = ["dissociation"]


def dissociation(
    cohort: Cohort,
    instrument: str = "CADSS",
    *,
    by: str | None = None,
    threshold: float | str | None = None,
    window_minutes: tuple[float, float] = (-60.0, 180.0),
    synonyms: Mapping | str | PathLike | bool | None = None,
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
) -> DissociationResult:
    """The highest dissociation score of each session, by session number and dose, and when it is back.

    A score counts for the nearest session that started before it within the window; its `timing` goes
    before the clock. A score that shares only the day with its session, or has the session's own time, is
    during it unless its timing is "pre": it counts for the highest score and has no minute. Only sessions
    with a score during or after them are counted: one without is not recorded, and not 0. The mean is that
    of sessions; its limits, and those of the share above the threshold, allow for several sessions per
    patient. A return lies between the last assessment above the threshold and the first one after it that
    is not (`interval_survival`'s estimate).

    No cut-off of CADSS told patients with a dissociation side effect from those without (esketamine,
    n = 764): a session above the threshold is no session with dissociation.

    Parameters
    ----------
    cohort : Cohort
    instrument : {"CADSS", "CADSS-6"}
    by : str, optional
        Column of `sessions` or `patients` by which the sessions are split; a session's own value.
    threshold : float or str, optional
        Points (scores above them are counted), or the name of a cut-off of `INSTRUMENTS`. By default the
        catalogue's: above 4 for CADSS. There is none for CADSS-6.
    window_minutes : (float, float)
        Minutes from the start of a session in which a score belongs to it: (-60, 180) from an hour before
        to three hours after.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, as for `side_effect_rates`; for `.against_recorded`.
    level : float
    n_replicates, seed : int
        Of the bootstrap of patients for `.return_times`.

    Returns
    -------
    DissociationResult
        `.table`: the `by` column or none, `session_group` ("1", "2", "3", "4–6", "7+", "all"), `n` (sessions
        with a score during or after), `n_missing` (sessions without), `n_patients`, `median`, `p25`, `p75`,
        `estimate` (mean, points) with `conf_low`, `conf_high`, `std_error`, `df`, `n_events` (above the
        threshold), `share` with `share_low`, `share_high`, `method`, `assessments` (median per session),
        `minute` (median). `.by_dose`, `.course`, `.return_times`, `.model`, `.stayers`,
        `.against_recorded`.

    Raises
    ------
    DataError
        If an argument cannot be used, or the instrument has no cut-off and none is given.

    Source
    ------
    CR2: Pustejovsky and Tipton 2018, J. Bus. Econ. Stat. 36, 672. The cut-off: Int J Neuropsychopharmacol
    2023;26:198.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("n_replicates", n_replicates, least=1)
    check_count("seed", seed)
    known = _scale(instrument)
    limit = threshold_of(known, threshold)
    window = _window(window_minutes)
    grouped = _grouped(cohort, by)
    terms = terms_of(cohort, synonyms)
    arguments = {
        "instrument": known.name, "by": by, "threshold": threshold, "window_minutes": window,
        "synonyms": told_synonyms(synonyms),
        "level": level, "n_replicates": n_replicates, "seed": seed,
    }  # fmt: skip
    found = session_peaks(cohort, known.name, window=window)
    tables = _tables(cohort, found, limit, grouped, terms, arguments)
    return DissociationResult(
        title=f"{known.name} during and after sessions: highest score of each session",
        table=tables.table,
        notes=tables.notes,
        definitions=definitions(known, limit, window),
        provenance=provenance_of("dissociation", cohort.fingerprint, arguments),
        by_dose=tables.by_dose,
        course=tables.course,
        return_times=tables.return_times,
        model=tables.model.table,
        stayers=tables.stayers,
        against_recorded=tables.against,
        instrument=known.name,
        threshold=limit.value,
        comparison=limit.comparison,
        is_convention=isinstance(threshold, str) or threshold is None,
        by=by,
        level=level,
        shows=f"Highest {known.name} score of each session{split_words(by)}",
    )


@dataclass(frozen=True)
class _Tables:
    """The tables of a result, and its notes."""

    table: pd.DataFrame
    by_dose: pd.DataFrame
    course: pd.DataFrame
    return_times: pd.DataFrame
    model: PeakModel
    stayers: pd.DataFrame
    against: pd.DataFrame
    notes: tuple[str, ...]


def _tables(
    cohort: Cohort,
    found: SessionPeaks,
    limit: Threshold,
    grouped: Groups,
    terms: EffectTerms,
    arguments: dict,
) -> _Tables:
    """All tables; without rows where no session has a score during or after it."""
    level = arguments["level"]
    back = returns(found, limit)
    bootstrap = {name: arguments[name] for name in ("level", "n_replicates", "seed")}
    if not np.isfinite(found.peak).any():
        none = Returns(back.row[:0], back.left[:0], back.right[:0], back.seen[:0], 0)
        return _Tables(
            table=empty(grouped, "session"),
            by_dose=empty(None, "dose"),
            course=course(cohort, found, grouped, level).iloc[:0],
            return_times=return_times(cohort, none, grouped, **bootstrap).iloc[:0],
            model=PeakModel(empty_model()),
            stayers=empty(grouped, "stayers"),
            against=empty(None, "recorded"),
            notes=not_recorded(cohort, found),
        )
    table = of_session(cohort, found, limit, grouped, level)
    model = peak_model(cohort, found, level)
    pairs = stayers(cohort, found, grouped, level)
    against = against_recorded(cohort, found, limit, terms)
    doses = by_dose(cohort, found, limit, level)
    notes = peak_notes(
        cohort, found, limit, back, grouped, model, pairs=pairs, against=against, arguments=arguments
    )
    return _Tables(
        table=table,
        by_dose=doses,
        course=course(cohort, found, grouped, level),
        return_times=return_times(cohort, back, grouped, **bootstrap),
        model=model,
        stayers=pairs,
        against=against,
        notes=notes,
    )


def _scale(instrument: object) -> Instrument:
    """The entry of the scale; refused where it is another instrument's."""
    known = find_instrument(instrument) if isinstance(instrument, str) else None
    if known is None or known.name not in SCALES:
        raise DataError(f"instrument is {' or '.join(SCALES)}: other instruments do not ask about a session")
    return known


def _window(window: object) -> tuple[float, float]:
    """Two minutes, the first not after the start of the session and the second after it."""
    good = isinstance(window, tuple | list) and len(window) == 2
    good = good and all(is_number(one) and np.isfinite(one) for one in window)
    if not good or not window[0] <= 0 < window[1]:
        raise DataError(
            "window_minutes takes two numbers of minutes from the start of the session, the first not above "
            "0 and the second above it: window_minutes=(-60, 180)"
        )
    return float(window[0]), float(window[1])


def _grouped(cohort: Cohort, by: str | None) -> Groups:
    if by in TABLE_COLUMNS | COURSE_COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    return session_groups(cohort, by)
