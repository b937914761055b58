"""How severe side effects are, as recorded, and whether that differs by session number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import selection_notes, split_words, told_synonyms
from ketaoutcomes.analysis.severity_model import FEWEST_FOR_P, MODEL, severity_model
from ketaoutcomes.analysis.side_effect_notes import denominator_notes, word_notes
from ketaoutcomes.analysis.side_effect_question import WAYS, chosen_effects
from ketaoutcomes.analysis.side_effect_units import cells_in_order
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_level
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.groups import session_groups
from ketaoutcomes.derive.side_effects import NOT_STATED, SEVERITIES, Recorded, recorded_side_effects, terms_of
from ketaoutcomes.engine.rates import cluster_ratio_by
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.side_effect_severity import SideEffectSeverity
from ketaoutcomes.results.text import patients

__all__ = ["side_effect_severity"]

# As ranked in the records: 0 is not stated.
RANKS = (*enumerate(SEVERITIES, start=1), (0, NOT_STATED))
NAMES = ["severity", "n_events", "n", "n_patients", "estimate", "conf_low", "conf_high", "method"]
COLUMNS = frozenset(("effect", "ascertainment", *NAMES))
_DEFINITION = (
    "Severity",
    "As the clinic recorded it, of the sessions in which the effect was found: mild, moderate or severe; of "
    "several records of one effect in a session the worst stated. Of any side effect the worst of the "
    "session's effects; where the severity of one is not stated, it is not stated, unless another is severe. "
    "Cluster-robust limits",
    "Rule of this library; limits: Cochran 1977, Sampling Techniques, chapter 6",
)


def side_effect_severity(
    cohort: Cohort,
    effects: str | Sequence[str] | None = None,
    *,
    by: str | None = None,
    ascertainment: str | None = None,
    synonyms: Mapping | str | PathLike | bool | None = None,
    level: float = 0.95,
) -> SideEffectSeverity:
    """Share of each side effect that was mild, moderate, severe, or of no stated severity.

    The model is of the effects that were found, not of sessions without them: the odds of a higher
    severity with the session number doubled, and by group, for one and the same effect.

    Parameters
    ----------
    cohort : Cohort
    effects : str or sequence of str, optional
        Which effects to give, besides "any side effect"; all by default.
    by : str, optional
        Column of `sessions` or `patients`, a level per session.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        One way of asking only; by default each apart, and a factor of the model.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, on top of the library's table; False keeps the words as recorded.
    level : float
        Confidence level.

    Returns
    -------
    SideEffectSeverity
        `.table`: `effect`, `ascertainment`, the `by` column, `severity`, `n_events`, `n` (sessions with
        the effect), `n_patients`, `estimate` (share), `conf_low`, `conf_high`, `method`. `.model`: `term`,
        `reference`, `estimate` (odds ratio of a higher severity), `conf_low`, `conf_high`, `std_error` (of
        its logarithm), `statistic`, `df`, `p_value`, `check_p_value` (of one ratio for all severities), `n`,
        `n_sessions`, `n_patients`, `method`. Without any record they have no row, and a note says so.

    Raises
    ------
    DataError
        If an argument is malformed, or an effect in `effects` was never recorded.

    Source
    ------
    McCullagh (1980), J. R. Stat. Soc. B 42, 109; Brant (1990), Biometrics 46, 1171. Checked:
    tests/engine/test_ordinal.py.
    """
    check_cohort(cohort)
    check_level(level)
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    if by in COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    terms = terms_of(cohort, synonyms)
    grouped = session_groups(cohort, by)
    found = recorded_side_effects(cohort, terms)
    columns, named = chosen_effects(found, effects, terms)
    worst = _any_effect(found)
    record = np.concatenate([np.flatnonzero(worst >= 0), found.record])
    column = np.concatenate([np.zeros(int((worst >= 0).sum()), dtype=np.int64), found.effect + 1])
    severity = np.concatenate([worst[worst >= 0], found.severity])
    cells, cell = cells_in_order(found, grouped, record, column, columns, ascertainment)
    patient = patient_codes(cohort.sessions)[found.session_row[record]]
    rows = [
        cells[number].columns(by) | row
        for number in range(len(cells))
        for row in _shares(severity[cell == number], patient[cell == number], level)
    ]
    chosen = (cell >= 0) & (column > 0) & (severity > 0)
    model, model_notes = severity_model(
        cohort, found, grouped, record[chosen], column[chosen] - 1, severity[chosen], level=level
    )
    return SideEffectSeverity(
        title="Severity of side effects",
        table=_framed(rows, by),
        notes=tuple(_notes(cohort, found, severity, column, cell, patient, model_notes)),
        definitions=(_DEFINITION, MODEL) if len(model) else (_DEFINITION,),
        provenance=provenance_of(
            "side_effect_severity",
            cohort.fingerprint,
            {
                "effects": named, "by": by, "ascertainment": ascertainment,
                "synonyms": told_synonyms(synonyms),
                "level": level,
            },
        ),
        model=model,
        by=by,
        level=level,
        shows=f"Severity of side effects, % of sessions with the effect{split_words(by)}",
    )  # fmt: skip


def _any_effect(found: Recorded) -> np.ndarray:
    """Worst severity of each record's effects; -1 for a record without any.

    An effect of which the severity is not stated may be the worst one, unless another is severe.
    """
    worst = np.full(found.session_row.size, -1, dtype=np.int8)
    np.maximum.at(worst, found.record, found.severity)
    unsure = np.zeros(worst.size, dtype=bool)
    unsure[found.record[found.severity == 0]] = True
    return np.where(unsure & (worst < len(SEVERITIES)), np.int8(0), worst)


def _shares(severity: np.ndarray, patient: np.ndarray, level: float) -> list[dict]:
    """A row per severity: how many, of how many, with cluster-robust limits."""
    people, person = np.unique(patient, return_inverse=True)
    ranks = np.array([rank for rank, _ in RANKS])
    events = np.zeros((people.size, ranks.size))
    np.add.at(events, person, severity[:, None] == ranks)
    trials = np.bincount(person, minlength=people.size)[:, None]
    rate = cluster_ratio_by(events, trials, level=level)
    return [
        {
            "severity": name,
            "n_events": int(rate.n_events[place]),
            "n": severity.size,
            "n_patients": people.size,
            "estimate": float(rate.estimate[place]),
            "conf_low": float(rate.conf_low[place]),
            "conf_high": float(rate.conf_high[place]),
            "method": str(rate.method[place]),
        }
        for place, (_, name) in enumerate(RANKS)
    ]


def _framed(rows: list[dict], by: str | None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["effect", "ascertainment", *([] if by is None else [by]), *NAMES])
    if rows:
        return table
    types = dict.fromkeys(("estimate", "conf_low", "conf_high"), "float64")
    return table.astype(types | dict.fromkeys(("n_events", "n", "n_patients"), "int64"))


def _notes(cohort: Cohort, found: Recorded, severity, column, cell, patient, model_notes) -> list[str]:
    """The denominator, what has no severity, and what the model is of."""
    notes = denominator_notes(cohort, found)
    inside = (cell >= 0) & (column > 0)
    if found.session_row.size and not inside.any():
        notes.append("No such side effect was found in a recorded session, so there is no severity.")
    if inside.any():
        n, n_people = int(inside.sum()), np.unique(patient[inside]).size
        n_open = int((inside & (severity == 0)).sum())
        notes.append(
            f"{n:,} effects of {patients(n_people)}; {n_open:,} without a severity stand as {NOT_STATED}, "
            "are not taken for mild and are not in the model."
        )
        if n_people < FEWEST_FOR_P:
            notes.append(f"Fewer than {FEWEST_FOR_P} patients: no p-values are given.")
        notes += model_notes
        notes += word_notes(found)
    return [*notes, *selection_notes(cohort), UNCONTROLLED]
