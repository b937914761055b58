"""How soon side effects begin and how long they last, with those still there counted as still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np

from ketaoutcomes.analysis.notes import split_words, told_synonyms
from ketaoutcomes.analysis.side_effect_question import WAYS
from ketaoutcomes.analysis.side_effect_severity import side_effect_severity
from ketaoutcomes.analysis.side_effect_timing_notes import timing_definitions, timing_notes
from ketaoutcomes.analysis.side_effect_timing_tables import CLOCKS, COLUMNS, Asked, timing_tables
from ketaoutcomes.analysis.side_effect_units import effect_units
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_count, check_level
from ketaoutcomes.derive.effect_checks import VITALS, session_checks
from ketaoutcomes.derive.effect_times import effect_times
from ketaoutcomes.derive.groups import session_groups
from ketaoutcomes.derive.side_effects import recorded_side_effects, terms_of
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.side_effect_timing import SideEffectTiming

__all__ = ["side_effect_timing"]


def side_effect_timing(
    cohort: Cohort,
    effects: str | Sequence[str] | None = None,
    *,
    clock: str = "onset",
    checks: str | Sequence[float] | None = VITALS,
    by: str | None = None,
    horizons: Sequence[float] = (120.0, 240.0, 1440.0),
    ascertainment: str | None = None,
    synonyms: Mapping | str | PathLike | bool | None = None,
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
) -> SideEffectTiming:
    """Onset of each side effect, and the share gone by discharge and by 2, 4 and 24 hours.

    Nurses see an effect at their checks: a recorded time lies after the check before it and not after
    the first check at or after it, so curves are interval-censored (Turnbull). An effect still there when
    last seen is right-censored there and never counts as gone at discharge. An effect without a length, of
    which nothing says that it was still there, is left out of the curve and counted; bounds say what it,
    and those no longer followed, could change. Where fewer than five were followed no share is given.

    Parameters
    ----------
    cohort : Cohort
    effects : str or sequence of str, optional
        Which effects to give, besides "any side effect" (of a session: from the first onset to the last
        end); all by default.
    clock : {"onset", "session"}
        Minutes from the onset (the middle of its interval), or from the start of the session.
    checks : "vitals", sequence of float or None
        The minutes at which patients were looked at: those of the session's readings of vital signs, the
        same minutes in all sessions, or none: then times are exact as recorded. Times after the last check
        (reported from home), and all times of sessions without a reading, are exact in any case.
    by : str, optional
        Column of `sessions` or `patients`, a level per session.
    horizons : sequence of float
        Minutes on the clock at which the share gone is given.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        One way of asking only; by default each apart.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, on top of the library's table; False keeps the words as recorded.
    level : float
        Confidence level.
    n_replicates, seed : int
        Of the bootstrap of patients; 0 replicates give no limits of curves.

    Returns
    -------
    SideEffectTiming
        `.table`: `effect`, `ascertainment`, the `by` column, `quantity` ("median_onset",
        "median_resolution", "gone_by_discharge", "gone_by"), `time` (minutes), `unit`, `estimate`, `low`,
        `high`, `conf_low`, `conf_high`, `n`, `n_events`, `n_patients`, `n_unresolved`, `n_unknown`,
        `n_followed`, `bound_low`, `bound_high`, `method`. `.curves`, `.severity`, `.severity_model`. Without
        any record they have no row, and a note says so.

    Raises
    ------
    DataError
        If an argument is malformed, or an effect in `effects` was never recorded.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290. Checked: tests/simulation/test_effect_times_truth.py.
    """
    check_cohort(cohort)
    check_level(level)
    check_choice("clock", clock, tuple(CLOCKS))
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    check_count("n_replicates", n_replicates)
    check_count("seed", seed)
    if by in COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    marks = _marks(horizons)
    terms = terms_of(cohort, synonyms)
    grouped = session_groups(cohort, by)
    found = recorded_side_effects(cohort, terms)
    looked = session_checks(cohort, checks)
    told = effect_times(cohort, found, looked, terms=terms)
    units = effect_units(cohort, found, told, looked, grouped, terms, effects, ascertainment)
    asked = Asked(clock, marks, level, n_replicates, seed)
    table, curves = timing_tables(units, asked)
    severity = side_effect_severity(
        cohort, effects, by=by, ascertainment=ascertainment, synonyms=synonyms, level=level
    )
    return SideEffectTiming(
        title=f"Side effects: onset and end, minutes from {CLOCKS[clock]}",
        table=table,
        notes=_together(timing_notes(cohort, units, told, looked, table, asked, checks), severity.notes),
        definitions=(*timing_definitions(asked, checks), *severity.definitions),
        provenance=provenance_of(
            "side_effect_timing",
            cohort.fingerprint,
            {
                "effects": units.named, "clock": clock,
                "checks": checks if checks is None or isinstance(checks, str) else tuple(map(float, checks)),
                "by": by, "horizons": tuple(marks.tolist()), "ascertainment": ascertainment,
                "synonyms": told_synonyms(synonyms),
                "level": level, "n_replicates": n_replicates, "seed": seed,
            },
        ),
        curves=curves,
        severity=severity.table,
        severity_model=severity.model,
        clock=clock,
        by=by,
        level=level,
        shows=f"Side effects still there, % of those with a known time{split_words(by)}",
    )  # fmt: skip


def _together(notes: list[str], more: tuple[str, ...]) -> tuple[str, ...]:
    """The notes of times and of severity, each once, with the last one last."""
    return (*dict.fromkeys((*notes[:-1], *more[:-1])), notes[-1])


def _marks(horizons: object) -> np.ndarray:
    """The horizons in minutes, rising, each once."""
    say = "horizons takes minutes above 0 and of at most a week, e.g. horizons=(120, 240, 1440)"
    try:
        marks = np.unique(np.atleast_1d(np.asarray(horizons, dtype=float)).ravel())
    except (TypeError, ValueError):
        raise DataError(say) from None
    if not marks.size or not np.isfinite(marks).all() or marks[0] <= 0 or marks[-1] > 7 * 1440:
        raise DataError(say)
    return marks
