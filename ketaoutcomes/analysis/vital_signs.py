"""Vital signs around a session: peaks, excursions, return to baseline, and their models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ketaoutcomes.analysis.vital_course import course_table, peak_model_table
from ketaoutcomes.analysis.vital_notes import definitions, nothing_notes, vital_notes
from ketaoutcomes.analysis.vital_rates import excursion_tables
from ketaoutcomes.analysis.vital_rows import Ask, ask_of, vital_rows
from ketaoutcomes.analysis.vital_tables import peaks_table, returned_table, summary_table
from ketaoutcomes.catalog.vital_rules import VITAL_RULES
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.vital_signs import VitalSigns

__all__ = ["vital_signs"]


def vital_signs(
    cohort: Cohort,
    *,
    rules: str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None = None,
    signs: str | Sequence[str] | None = None,
    by: str | None = None,
    baseline_minutes: tuple[float, float] = (-60, 5),
    window: tuple[float, float] = (0, 120),
    nominal_minutes: Sequence[float] | None = None,
    confirmed: bool = False,
    return_within: float | str | Mapping[str, float | str] | None = None,
    level: float = 0.95,
) -> VitalSigns:
    """Blood pressure, heart rate, oxygen saturation and breathing rate in the sessions.

    Values of one session and minute are one reading. The baseline is the last reading up to minute 0, else
    the first one after it, within `baseline_minutes`. The peak is the highest reading after it in the
    window, the lowest of oxygen saturation and breathing rate; sessions need two such readings. A peak is
    what was seen: it grows with the number of readings, which stands beside it. Excursions are looked for
    after minute 0, and after the baseline where a rule is on a change. A rule that one of its signs meets
    is met; where what was read did not meet it and not every sign was read, there are bounds.

    Parameters
    ----------
    cohort : Cohort
    rules : str, sequence or mapping, optional
        Names in `VITAL_RULES`, or own rules such as ``{"sbp_150": {"sign": "sbp", "at_least": 150}}`` and
        ``{"rise_35": {"sign": "sbp", "at_least": 35, "change": True}}``; all of the library's by default.
    signs : str or sequence of str, optional
        Vital signs to give tables and models of, e.g. "sbp"; all by default. Excursions are of `rules`.
    by : str, optional
        Column of `sessions` or `patients`; each session's own value.
    baseline_minutes : (float, float)
        First and last minute of a baseline, from the start of the session.
    window : (float, float)
        Minutes in which peaks and excursions are looked for.
    nominal_minutes : sequence of float, optional
        Only the reading of a sign nearest to each of these minutes, within 5 of it, counts for peaks and
        excursions: so that sessions read often and sessions read seldom can stand side by side. Baselines
        and the return to baseline use all readings.
    confirmed : bool
        An excursion needs two readings in a row, 1 to 30 minutes apart.
    return_within : float, str or mapping, optional
        How near to baseline is back: in the sign's unit, or as "10%", or by sign. By default 10% for blood
        pressure and heart rate, 1 percentage point for oxygen saturation, 2 per minute for breathing rate.
    level : float
        Confidence level.

    Returns
    -------
    VitalSigns
        `.table`, a row per vital sign: sessions, baseline, peak, change, minute of the peak, readings.
        `.excursions`, a row per rule; `.time_above`; `.returned`; `.peaks`; `.peak_model`; `.course`.

    Raises
    ------
    DataError
        If an argument cannot be used.

    Source
    ------
    Intervals: Cochran 1977, ch. 6; Bell and McCaffrey 2002, Surv. Methodol. 28, 169; Turnbull 1976, J. R.
    Stat. Soc. B 38, 290.
    """
    ask = ask_of(
        cohort, rules=rules, signs=signs, by=by, baseline_minutes=baseline_minutes, window=window,
        nominal_minutes=nominal_minutes, confirmed=confirmed, level=level, return_within=return_within,
    )  # fmt: skip
    rows = vital_rows(cohort, ask)
    excursions, time_above, unread = excursion_tables(rows, ask)
    peak_model, peak_notes = peak_model_table(rows, ask)
    course, course_notes = course_table(rows, ask)
    table = summary_table(rows, ask)
    notes = (
        vital_notes(cohort, rows, ask, table, excursions, unread, course, [*peak_notes, *course_notes])
        if rows.signs
        else nothing_notes(cohort)
    )
    return VitalSigns(
        title="Vital signs in the sessions",
        table=table,
        notes=tuple(notes),
        definitions=definitions(ask, rows) if rows.signs else (),
        provenance=provenance_of("vital_signs", cohort.fingerprint, _arguments(ask)),
        level=level,
        by=by,
        confirmed=ask.confirmed,
        excursions=excursions,
        time_above=time_above,
        returned=returned_table(rows, ask),
        peaks=peaks_table(rows, ask),
        peak_model=peak_model,
        course=course,
    )


def _arguments(ask: Ask) -> dict[str, Any]:
    """The arguments as they are needed to make the result again."""
    return {
        "rules": tuple(rule.name for rule in ask.rules),
        "own_rules": {
            rule.name: (rule.any, rule.within) for rule in ask.rules if rule.name not in VITAL_RULES
        },
        "signs": ask.signs,
        "by": ask.by,
        "baseline_minutes": ask.baseline_minutes,
        "window": ask.window,
        "nominal_minutes": None if ask.nominal is None else tuple(np.asarray(ask.nominal).tolist()),
        "confirmed": ask.confirmed,
        "return_within": dict(ask.within) if ask.own_within else None,
        "level": ask.level,
    }
