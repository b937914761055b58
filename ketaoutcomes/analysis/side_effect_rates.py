"""How often side effects are recorded: per session, per patient, per 100 sessions, per patient-year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import split_words, told_synonyms
from ketaoutcomes.analysis.side_effect_comparisons import comparisons
from ketaoutcomes.analysis.side_effect_estimates import MODELS, check_model, estimates
from ketaoutcomes.analysis.side_effect_notes import rate_definitions, rate_notes
from ketaoutcomes.analysis.side_effect_question import (
    EACH,
    PER,
    Question,
    SeverityRule,
    question_of,
)
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_level
from ketaoutcomes.derive.effect_counts import count_effects
from ketaoutcomes.derive.side_effects import ANY, recorded_words, terms_of
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.side_effects import SideEffectRates

__all__ = ["side_effect_rates"]


def side_effect_rates(
    cohort: Cohort,
    *,
    per: str = "session",
    by: str | None = None,
    effects: str | Sequence[str] | None = None,
    severity: str | None = None,
    serious: bool = False,
    ascertainment: str | None = None,
    first_sessions: int | None = None,
    reference: object = None,
    model: str = "cluster-robust",
    synonyms: Mapping | str | PathLike | bool | None = None,
    at_risk_days: float = 30.0,
    level: float = 0.95,
) -> SideEffectRates:
    """Rate of every side effect, by the way it was asked for.

    Only sessions with a record count: an explicit "none" is a record, an absent
    one is not. How one asks decides the rate, so checklist, spontaneous and
    scale are never pooled; a session asked in two ways is in both.

    Parameters
    ----------
    cohort : Cohort
    per : {"session", "patient", "100_sessions", "patient_year"}
        Share of sessions with the effect; share of patients who ever had it; effects found
        per 100 sessions; effects found per year on treatment, in which each recorded session
        carries the time to the next one, at most `at_risk_days`.
    by : str, optional
        Column of `sessions` or `patients`. It is the session's own value, but per patient the
        value at session 1.
    effects : str or sequence of str, optional
        Which effects to give, besides "any side effect"; all by default.
    severity : {"mild", "moderate", "severe", "each"}, optional
        Count effects of at least this severity; "each" gives every severity apart (the worst
        of a session, for any side effect). Where effects have no stated severity there are bounds: the
        estimate counts none of them, `estimate_high` all, and the limits span both.
    serious : bool
        Count serious effects only; of effects of which nobody says so, bounds as with `severity`.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        One way of asking only.
    first_sessions : int, optional
        Only the first so many sessions of each patient.
    reference : optional
        Level of `by` with which the others are compared, in `.comparisons`.
    model : {"cluster-robust", "beta-binomial", "negative-binomial"}
        How sessions of one patient depend on each other: by a robust variance, or by a model;
        the beta-binomial goes with `per="session"`, the negative binomial with counts.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, ``{preferred name: [words]}`` or a TOML file of that
        form, on top of those of `cohort.toml` and of the library's table; False keeps the words as
        recorded.
    at_risk_days : float
        Longest time at risk after a session, for `per="patient_year"`.
    level : float
        Confidence level.

    Returns
    -------
    SideEffectRates
        `.table`: `effect` ("any side effect" first, then by size), `severity` if each,
        `ascertainment`, the `by` column, `n_events`, `n` (sessions or patients), `n_patients`,
        `patient_years`, `n_patients_with_event`, `n_unknown`, `estimate` (and `estimate_high` where only
        bounds are known), `conf_low`, `conf_high`, `conf_high_sessions` (with no event, the exact upper
        limit if sessions were independent), `method`. `.records`: sessions, and sessions with a record,
        by group. `.words`: each word recorded, and the effect under which it stands. `.comparisons`:
        differences from the reference. Without any record they have no row, and a note says so.

    Raises
    ------
    DataError
        If an argument is malformed, or an effect in `effects` was never recorded.

    Source
    ------
    Cochran (1977), Sampling Techniques, ch. 6; Bell and McCaffrey (2002), Survey Methodology
    28, 169; Clopper and Pearson (1934), Biometrika 26, 404. Checked:
    tests/simulation/test_side_effects_truth.py, tests/analysis/test_published_tables.py.
    """
    check_cohort(cohort)
    check_level(level)
    check_choice("per", per, tuple(PER))
    check_choice("model", model, MODELS)
    check_model(per, model)
    terms = terms_of(cohort, synonyms)
    asked = question_of(
        cohort, per=per, by=by, effects=effects, severity=severity, serious=serious, model=model,
        ascertainment=ascertainment, first_sessions=first_sessions, reference=reference,
        terms=terms, at_risk_days=at_risk_days, level=level,
    )  # fmt: skip
    arguments = {
        "per": per, "by": by, "effects": None if effects is None else asked.named, "severity": severity,
        "serious": serious, "ascertainment": ascertainment, "first_sessions": first_sessions,
        "reference": reference, "model": model, "synonyms": told_synonyms(synonyms),
        "at_risk_days": at_risk_days, "level": level,
    }  # fmt: skip
    table = _table(asked)
    return SideEffectRates(
        title=f"Side effects {PER[per].title}",
        table=table,
        notes=tuple(rate_notes(cohort, asked)),
        definitions=rate_definitions(asked),
        provenance=provenance_of("side_effect_rates", cohort.fingerprint, arguments),
        level=level,
        by=by,
        per=per,
        shows=f"Side effects{asked.which}, {PER[per].unit}{split_words(by)}",
        records=_records(cohort, asked),
        words=recorded_words(cohort, terms),
        comparisons=comparisons(asked, order=tuple(dict.fromkeys(table["effect"]))),
    )


def _table(asked: Question) -> pd.DataFrame:
    """Rows in order: groups and ways within an effect; any effect first, then by number of events."""
    names = np.array([ANY, *asked.found.effects], dtype=object)[asked.columns]
    parts = []
    for number, way, inside in asked.cells():
        for rank, rule in enumerate(asked.severities):
            part = estimates(asked, inside, rule)
            part.insert(0, "effect", names)
            if asked.severity == EACH:
                part.insert(1, "severity", rule.name)
            part.insert(part.columns.get_loc("n_events"), "ascertainment", asked.found.ways[way])
            if asked.by is not None:
                part.insert(part.columns.get_loc("n_events"), asked.by, [asked.levels[number]] * len(part))
            parts.append(part.assign(order=asked.columns, way=way, level=number, rank=rank))
    if not parts:
        return _empty(asked)
    table = pd.concat(parts, ignore_index=True)
    size = table.groupby("order")["n_events"].transform("sum").where(table["order"] > 0, np.inf)
    keys = (table["rank"], table["level"], table["way"], table["order"], -size)
    table = table.iloc[np.lexsort([key.to_numpy() for key in keys])]
    return table.drop(columns=["order", "way", "level", "rank"]).reset_index(drop=True)


def _empty(asked: Question) -> pd.DataFrame:
    """No row, with the columns of a table that has some."""
    nobody = estimates(asked, np.zeros(asked.found.session_row.size, dtype=bool), SeverityRule("", 0, 3))
    table = nobody.iloc[:0]
    place = 0
    for name in ("effect", *(("severity",) if asked.severity == EACH else ()), "ascertainment"):
        table.insert(place, name, pd.Series(dtype="str"))
        place += 1
    if asked.by is not None:
        table.insert(place, asked.by, pd.Series(dtype="object"))
    return table.reset_index(drop=True)


def _records(cohort: Cohort, asked: Question) -> pd.DataFrame:
    """How many sessions of each group have a record, in any way and in each."""
    wanted = asked.session_in
    owner_in = asked.session_level
    found = asked.found
    recorded = np.zeros(len(cohort.sessions), dtype=bool)
    recorded[found.session_row] = True
    rows = []
    for number in range(len(asked.levels)):
        chosen = wanted & (owner_in == number)
        cells = {} if asked.by is None else {asked.by: asked.levels[number]}
        n, n_recorded = int(chosen.sum()), int((chosen & recorded).sum())
        cells |= {"n_sessions": n, "n_recorded": n_recorded, "n_not_recorded": n - n_recorded}
        cells["recorded"] = n_recorded / n if n else np.nan
        for way, name in enumerate(found.ways):
            inside = (found.way == way) & chosen[found.session_row]
            if name in asked.ways_used:
                cells[f"n_{name.replace(' ', '_')}"] = int(inside.sum())
        cells["n_patients"] = int(count_effects(found, asked.owner, chosen[found.session_row]).person.size)
        rows.append(cells)
    return pd.DataFrame(rows)
