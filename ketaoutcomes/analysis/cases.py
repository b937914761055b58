"""One row per case of a cohort: what happened, and what was known before."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.clock import CLOCK_COLUMNS
from ketaoutcomes.derive.effect_sessions import effect_sessions
from ketaoutcomes.derive.outcomes import find_outcome, ineligible_reason, met
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.side_effects import ANY, recorded_side_effects, terms_of
from ketaoutcomes.derive.windows import NOT_DUE, SCORED, find_window, windowed_of
from ketaoutcomes.errors import DataError

__all__ = ["cases_of"]

KINDS = ("response", "follow_up", "side_effects")


def cases_of(
    cohort: Cohort,
    what: str,
    *,
    instrument: str | None = None,
    at: str | float = "end_of_induction",
    outcome: str = "response",
    baseline: str = "last_14_days",
    effect: str | None = None,
    ascertainment: str | None = None,
) -> pd.DataFrame:
    """Cases with `event` (0 or 1) and every column of their patient and session.

    A response or a follow-up is a case of a patient, a side effect of a session with a record. What is
    not known is no case: a patient without a score has no response row, and a session without a record of
    side effects has no row.

    Parameters
    ----------
    cohort : Cohort
    what : {"response", "follow_up", "side_effects"}
        "response": patients scored in the window, 1 where the outcome is met. "follow_up": patients with a
        valid baseline whose window has closed, 1 where scored. "side_effects": sessions with a record, 1
        where the effect was found.
    instrument : str, optional
        Needed but for side effects.
    at, outcome, baseline : str
        Window, outcome and baseline rule, as of `response_rates`.
    effect : str, optional
        A side effect; any by default.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        Needed where sessions were asked in several ways, which are never pooled.

    Returns
    -------
    DataFrame
        `patient_id`, `event`, `baseline` (points, not for side effects), then the columns of `patients` and
        of `sessions`: those of session 1, of the session itself for side effects. In the order of patients.

    Raises
    ------
    DataError
        If an argument does not fit, or there is no such record.

    Examples
    --------
    >>> cases = cases_of(cohort, "side_effects", effect="nausea", ascertainment="checklist")
    >>> sequential_chart(cases, event="event", expected="~ dose_mg_per_kg", order="month", baseline=300)
    """
    check_cohort(cohort)
    check_choice("what", what, KINDS)
    if what == "side_effects":
        if instrument is not None:
            raise DataError("instrument goes with response and follow_up; side effects take effect=")
        return _side_effects(cohort, effect, ascertainment)
    if effect is not None or ascertainment is not None:
        raise DataError("effect and ascertainment go with side_effects")
    if instrument is None:
        raise DataError(f'{what} needs an instrument, e.g. instrument="PHQ-9"')
    return _outcomes(cohort, what, instrument, at, outcome, baseline)


def _outcomes(cohort: Cohort, what: str, instrument: str, at, outcome: str, baseline: str) -> pd.DataFrame:
    known, window = find_instrument(instrument), find_window(at)
    definition = find_outcome(outcome, known)
    placed = scores(cohort, known.name)
    start = baseline_of(cohort, placed, known, baseline_rule(baseline))
    seen = windowed_of(cohort, placed, window)
    points = start["baseline"].to_numpy(float)
    why = ineligible_reason(definition, known, points, start["reason"].to_numpy(dtype=object))
    status = seen["status"].to_numpy(dtype=object)
    is_scored = status == SCORED
    is_case = (why == "") & (status != NOT_DUE)
    event = is_scored
    if what == "response":
        is_case &= is_scored
        event = met(definition, known, seen["score"].to_numpy(float), points)
    codes = patient_codes(start)[is_case]
    first = segment_starts(patient_codes(cohort.sessions), cohort.n_patients)[codes]
    frame = pd.DataFrame(
        {
            "patient_id": start["patient_id"].to_numpy()[is_case],
            "event": event[is_case].astype(np.int64),
            "baseline": points[is_case],
        }
    )
    return _with_columns(cohort, frame, codes, first)


def _side_effects(cohort: Cohort, effect: str | None, ascertainment: str | None) -> pd.DataFrame:
    terms = terms_of(cohort)
    found = recorded_side_effects(cohort, terms)
    used = sorted({found.ways[way] for way in np.unique(found.way)})
    if not used:
        raise DataError("no session says whether there were side effects; that is not the same as none")
    if ascertainment is None and len(used) > 1:
        raise DataError(
            f"side effects were asked in {len(used)} ways, which are never pooled; give ascertainment=, one "
            f"of: {', '.join(used)}"
        )
    way = used[0] if ascertainment is None else ascertainment
    check_choice("ascertainment", way, tuple(used))
    rows = effect_sessions(cohort, found, ascertainment=way)
    column = 0
    if effect is not None and effect != ANY:
        names = terms.names(str(effect).strip().lower())
        if len(names) != 1 or names[0] not in found.effects:
            raise DataError(
                "this effect was never recorded, or the word names several; side_effect_rates lists them"
            )
        column = 1 + found.effects.index(names[0])
    event = rows.outcomes(np.array([column]))[:, 0]
    frame = pd.DataFrame(
        {
            "patient_id": cohort.sessions["patient_id"].to_numpy()[rows.session_row],
            "event": event.astype(np.int64),
        }
    )
    return _with_columns(cohort, frame, rows.patient, rows.session_row)


def _with_columns(cohort: Cohort, frame: pd.DataFrame, person, session_row) -> pd.DataFrame:
    """`frame` with the columns of each case's patient and session; of two of one name the patient's."""
    taken = {*frame.columns, *CLOCK_COLUMNS}
    own = [name for name in cohort.patients.columns if name not in taken]
    theirs = [name for name in cohort.sessions.columns if name not in taken and name not in own]
    parts = [
        frame,
        cohort.patients[own].iloc[person].reset_index(drop=True),
        cohort.sessions[theirs].iloc[session_row].reset_index(drop=True),
    ]
    return pd.concat(parts, axis=1)
