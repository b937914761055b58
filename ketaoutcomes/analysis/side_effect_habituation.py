"""Whether side effects are recorded less often from session to session among patients who stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from ketaoutcomes.analysis.side_effect_course_tables import CourseRows
from ketaoutcomes.derive.effect_sessions_by_number import first_records
from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.engine.conditional_logit import ConditionalLogit, conditional_logit
from ketaoutcomes.engine.gee import GeeFit, gee
from ketaoutcomes.engine.multiplicity import adjust_p_values

__all__ = ["HABITUATION_COLUMNS", "MODELS_SOURCE", "habituation"]

EVERYONE, STAYED = "all patients", "stayed"
WITHIN, BEFORE_LAST = "within patient", "within patient, before the last"
FROM_THIRD = "within patient, before the last, from session 3"
THIRD = 3
MODELS_SOURCE = (
    "Liang and Zeger 1986, Biometrika 73, 13; Mancl and DeRouen 2001, Biometrics 57, 126; Breslow and Day "
    "1980, IARC Sci. Publ. 32, chapter 7"
)
METHODS = {
    EVERYONE: "GEE, independence, Mancl-DeRouen",
    STAYED: "GEE, exchangeable, Mancl-DeRouen",
    WITHIN: "conditional logistic",
    BEFORE_LAST: "conditional logistic",
    FROM_THIRD: "conditional logistic",
}
# Fewer say nothing of a slope.
FEWEST_EVENTS, FEWEST_PATIENTS, FEWEST_FOR_P = 10, 10, 20
FEW_EVENTS = f"fewer than {FEWEST_EVENTS} sessions with the effect, or without it"
FEW_PATIENTS = f"fewer than {FEWEST_PATIENTS} patients"
FEW_INFORMATIVE = f"fewer than {FEWEST_PATIENTS} patients with sessions that differ"
SEPARATED = "the likelihood has no maximum: the session number tells the effect without fail"
NO_SOLUTION = "no solution of the equations was found"
SAME_NUMBER = "the session number does not vary"
HABITUATION_COLUMNS = {
    "effect": "str",
    "ascertainment": "str",
    "model": "str",
    "estimate": "float64",
    "conf_low": "float64",
    "conf_high": "float64",
    "std_error": "float64",
    "statistic": "float64",
    "df": "float64",
    "p_value": "float64",
    "p_adjusted": "float64",
    "n_events": "int64",
    "n_unknown": "int64",
    "n": "int64",
    "n_patients": "int64",
    "n_without_information": "int64",
    "method": "str",
    "code": "str",
}


@dataclass(frozen=True)
class _Slope:
    """Slope of the log odds, or why there is none."""

    estimate: float = np.nan
    std_error: float = np.nan
    df: float = np.nan
    code: str = ""


def habituation(rows: CourseRows, stayed: int) -> pd.DataFrame:
    """Odds ratio per doubling of the session number, in five ways; columns `HABITUATION_COLUMNS`.

    "all patients" is the slope of all recorded sessions, which those who leave take part in;
    "stayed" that of the first `stayed` recorded sessions of patients who have so many; "within patient"
    conditions, in the same sessions, on how many of a patient's sessions had the effect. Whoever
    leaves after a bad session has none after it, so that among those who stayed bad sessions pile up at
    the last one, which nobody had to come back from; "before the last" leaves it out. Then each session was
    followed by another, and the odds ratio is unbiased if a bad session keeps a patient away equally at
    every number. Where it does so at sessions 1 and 2 alone, bad ones are missing there; "from session 3"
    leaves these out too, and tells less.

    Of each effect only records of which it is known are in; `n_unknown` are left out. `std_error` and
    `statistic` are of the log odds ratio. `n_without_information` counts patients all of whose sessions are
    alike, from whom nothing is learned within the patient. `p_adjusted` is over the single effects of a
    model and way of asking (Benjamini and Hochberg); any side effect stands apart.
    """
    cells = []
    for number, way, inside in rows.cells():
        long_enough = first_records(rows.owner, rows.number, inside, stayed)
        before_last = long_enough & first_records(rows.owner, rows.number, long_enough, stayed - 1)
        kept = {
            EVERYONE: inside,
            STAYED: long_enough,
            WITHIN: long_enough,
            BEFORE_LAST: before_last,
            FROM_THIRD: before_last & (rows.number >= THIRD),
        }
        for column, effect in enumerate(rows.names):
            head = {name: values[0] for name, values in rows.grouped.columns(number, 1).items()}
            head |= {"effect": effect, "ascertainment": way}
            cells += [head | _row(rows, column, model, chosen) for model, chosen in kept.items()]
    by = {} if rows.grouped.by is None else {rows.grouped.by: "object"}
    if not cells:
        columns = by | HABITUATION_COLUMNS
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    table = pd.DataFrame(cells)
    family = table["p_value"].where(table["effect"] != ANY)
    keys = [table[name] for name in (*by, "ascertainment", "model")]
    table["p_adjusted"] = family.groupby(keys, sort=False).transform(lambda p: adjust_p_values(p, "bh"))
    return table[[*by, *HABITUATION_COLUMNS]]


def _row(rows: CourseRows, column: int, model: str, looked_at: np.ndarray) -> dict[str, object]:
    """One model of one effect, of those of the records in which it is known."""
    chosen = looked_at & ~rows.perhaps[:, column]
    y = rows.outcome[chosen, column].astype(float)
    doubling = np.log2(rows.number[chosen])
    people, person = np.unique(rows.owner[chosen], return_inverse=True)
    events, trials = np.bincount(person, y, people.size), np.bincount(person, minlength=people.size)
    n_alike = int(((events == 0) | (events == trials)).sum())
    n, n_events = y.size, int(y.sum())
    if min(n_events, n - n_events) < FEWEST_EVENTS:
        slope = _Slope(code=FEW_EVENTS)
    elif people.size < FEWEST_PATIENTS:
        slope = _Slope(code=FEW_PATIENTS)
    elif model in (EVERYONE, STAYED):
        slope = _marginal(doubling, y, person, "exchangeable" if model == STAYED else "independence")
    elif people.size - n_alike < FEWEST_PATIENTS:
        slope = _Slope(code=FEW_INFORMATIVE)
    else:
        slope = _within(doubling, y, person)
    return _numbers(slope, people.size, rows.level) | {
        "model": model,
        "n_events": n_events,
        "n_unknown": int((looked_at & ~chosen).sum()),
        "n": n,
        "n_patients": people.size,
        "n_without_information": n_alike,
        "method": METHODS[model],
        "code": slope.code,
    }


def _marginal(doubling, y, person, correlation: str) -> _Slope:
    design = np.column_stack([np.ones(y.size), doubling])
    fit = gee(design, y, person, correlation=correlation, covariance="mancl-derouen")
    why = _why_none(fit)
    if why:
        return _Slope(code=why)
    return _Slope(float(fit.params[1]), float(fit.std_error[1]), float(fit.df))


def _within(doubling, y, person) -> _Slope:
    fit = conditional_logit(doubling[:, None], y, person)
    why = _why_none(fit)
    if why:
        return _Slope(code=why)
    return _Slope(float(fit.params[0]), float(np.sqrt(fit.cov[0, 0])), np.inf)


def _why_none(fit: GeeFit | ConditionalLogit) -> str:
    """Why a model has no slope; nothing if it has."""
    if fit.dropped.any():
        return SAME_NUMBER
    if fit.separated:
        return SEPARATED
    return "" if fit.converged else NO_SOLUTION


def _numbers(slope: _Slope, n_patients: int, level: float) -> dict[str, float]:
    """Odds ratio with its limits; a p-value only with patients enough."""
    upper = 0.5 + level / 2
    statistic = slope.estimate / slope.std_error
    is_normal = np.isinf(slope.df)
    half = (ndtri(upper) if is_normal else stdtrit(slope.df, upper)) * slope.std_error
    tail = ndtr(-abs(statistic)) if is_normal else stdtr(slope.df, -abs(statistic))
    return {
        "estimate": np.exp(slope.estimate),
        "conf_low": np.exp(slope.estimate - half),
        "conf_high": np.exp(slope.estimate + half),
        "std_error": slope.std_error,
        "statistic": statistic,
        "df": slope.df,
        "p_value": 2 * tail if n_patients >= FEWEST_FOR_P else np.nan,
    }
