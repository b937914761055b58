"""Proportional odds of the severity of the effects that were found, by session number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.side_effects import Recorded
from ketaoutcomes.engine.ordinal import OrdinalFit, proportional_odds
from ketaoutcomes.engine.ordinal_check import check_proportional_odds

__all__ = ["FEWEST_FOR_P", "MODEL", "SESSION_TERM", "severity_model"]

FEWEST_FOR_P = 20
# With fewer patients, or effects of a level, nothing is fitted.
FEWEST_PATIENTS, FEWEST_PER_LEVEL = 10, 10
SESSION_TERM = "session number doubled"
NAMES = [
    "term", "reference", "estimate", "conf_low", "conf_high", "std_error", "statistic", "df", "p_value",
    "check_p_value", "n", "n_sessions", "n_patients", "method",
]  # fmt: skip
METHOD = "proportional odds, cluster-robust"
_TOO_FEW = f"No model of severity: it needs {FEWEST_PATIENTS} patients and effects of two severities."
_WHY = {
    "TWO_CATEGORIES": "only two severities were recorded, so there is one split",
    "SEPARATED": "in one split some effect, group or way of asking is all on one side",
    "TOO_FEW_CLUSTERS": "there are too few patients for the number of columns",
}
MODEL = (
    "Odds of a higher severity",
    "Of the effects found with a stated severity: proportional odds of mild, moderate and severe by log2 of "
    "the session number, the group, the way of asking and the effect; sandwich variance by patient (CR2), t "
    "with patients less parameters degrees of freedom. The check compares separate logits of the two splits",
    "McCullagh 1980, J. R. Stat. Soc. B 42, 109; check: Brant 1990, Biometrics 46, 1171",
)


@dataclass(frozen=True)
class _Design:
    """Columns of the model; the terms of the first ones, the others are the effects.

    `rows` are the effects in the model, `codes` the group, way of asking and effect of each of them.
    """

    x: np.ndarray
    terms: list[tuple[str, str]]
    rows: np.ndarray
    codes: tuple[np.ndarray, ...]
    n_left_out: int


def severity_model(
    cohort: Cohort,
    found: Recorded,
    grouped: Groups,
    record: np.ndarray,
    effect: np.ndarray,
    severity: np.ndarray,
    *,
    level: float,
) -> tuple[pd.DataFrame, list[str]]:
    """Odds ratios of a higher severity, and notes on what was fitted.

    Parameters
    ----------
    record, effect, severity : (n,) int arrays
        Record, effect and severity (1 to 3) of each effect found.
    """
    session = found.session_row[record]
    patient = patient_codes(cohort.sessions)[session]
    number = cohort.sessions["session"].to_numpy(dtype=float)[session]
    if np.unique(severity).size < 2 or np.unique(patient).size < FEWEST_PATIENTS:
        return _framed([]), [_TOO_FEW] if record.size else []
    design = _design(np.log2(number), grouped, session, found, record, effect, severity)
    y, who = severity[design.rows], patient[design.rows]
    n_people = np.unique(who).size
    if n_people < FEWEST_PATIENTS or np.unique(y).size < 2:
        return _framed([]), [_TOO_FEW]
    fit = proportional_odds(design.x, y, clusters=who, level=level)
    sizes = {"n": y.size, "n_sessions": np.unique(session[design.rows]).size, "n_patients": n_people}
    notes = [
        f"Model of severity: {y.size:,} effects of {n_people:,} patients, of sessions with the effect only; "
        "later sessions are those of patients who went on."
    ]
    if design.n_left_out:
        notes.append(
            f"{design.n_left_out:,} effects are not in the model: of a group or way of asking with fewer "
            f"than {FEWEST_PER_LEVEL}, or without a group."
        )
    if fit.separated or not fit.converged:
        notes.append(
            "The model of severity has no finite estimate: some group or way of asking has one severity only."
        )
    checked, why = _check(design, y, who, fit, n_people)
    notes += why
    return _framed(_rows(design, fit, checked, sizes)), notes


def _design(log_number, grouped: Groups, session, found: Recorded, record, effect, severity) -> _Design:
    """The columns, without rows of levels too small."""
    group, way = grouped.code[session], found.way[record]
    kept = _enough(group) & _enough(way)
    columns, terms = [log_number[kept]], [(SESSION_TERM, "")]
    for code, names in ((group[kept], grouped.levels), (way[kept], found.ways)):
        used = np.unique(code)
        if used.size > 1:
            # Groups are compared with the first one, ways of asking with the most used.
            first = used[0] if names is grouped.levels else np.bincount(code).argmax()
            for one in used[used != first]:
                columns.append((code == one).astype(float))
                terms.append((str(names[one]), str(names[first])))
    own = _own_effects(effect[kept], severity[kept])
    columns += [(effect[kept] == one).astype(float) for one in own]
    codes = (group[kept], way[kept], effect[kept])
    return _Design(np.column_stack(columns), terms, np.flatnonzero(kept), codes, int((~kept).sum()))


def _enough(code: np.ndarray) -> np.ndarray:
    """Whether each row's level has rows enough; -1 is no level."""
    size = np.bincount(code[code >= 0], minlength=1)
    return (code >= 0) & (size[np.maximum(code, 0)] >= min(FEWEST_PER_LEVEL, code.size))


def _own_effects(effect: np.ndarray, severity: np.ndarray) -> np.ndarray:
    """Effects with a column of their own: enough of them, and of more than one severity.

    The others together are one effect; without them the constant stands for the most frequent one.
    """
    found, code = np.unique(effect, return_inverse=True)
    size = np.bincount(code)
    own = (size >= FEWEST_PER_LEVEL) & _both_sides(code, severity, np.unique(severity)[1:2])
    if own.all() and own.size:
        own[size.argmax()] = False
    return found[own]


def _both_sides(code: np.ndarray, severity: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Whether each level has rows below and above every split."""
    size = np.bincount(code)
    above = np.array([np.bincount(code, severity >= split, minlength=size.size) for split in splits])
    return ((above > 0) & (above < size)).all(axis=0)


def _check(design: _Design, y, who, fit: OrdinalFit, n_people: int) -> tuple[np.ndarray, list[str]]:
    """p of the check for each column; none in few patients, or where it cannot be made."""
    nothing = np.full(design.x.shape[1], np.nan)
    if n_people < FEWEST_FOR_P or not fit.converged:
        return nothing, []
    # A level that is all on one side of a split has no finite ratio there, and tells nothing of the others.
    kept = np.ones(y.size, dtype=bool)
    for level in design.codes:
        code = np.unique(level, return_inverse=True)[1]
        kept &= _both_sides(code, y, np.unique(y)[1:])[code]
    if np.unique(y[kept]).size < np.unique(y).size:
        return nothing, [f"Proportional odds were not checked: {_WHY['SEPARATED']}."]
    check = check_proportional_odds(design.x[kept], y[kept], clusters=who[kept])
    if check.code:
        return nothing, [f"Proportional odds were not checked: {_WHY[check.code]}."]
    left_out = int((~kept).sum())
    if not left_out:
        return check.column_p_value, []
    return check.column_p_value, [
        f"The check of proportional odds is of {int(kept.sum()):,} effects: {left_out:,} of an effect, group "
        "or way of asking without each severity are not in it."
    ]


def _rows(design: _Design, fit: OrdinalFit, checked: np.ndarray, sizes: dict) -> list[dict]:
    with_p = sizes["n_patients"] >= FEWEST_FOR_P
    known = fit.converged & ~fit.dropped
    rows = []
    for place, (term, reference) in enumerate(design.terms):
        value, error = float(fit.params[place]), float(fit.std_error[place])
        here = bool(known[place])
        row = {
            "term": term,
            "reference": reference,
            "estimate": float(np.exp(value)) if here else np.nan,
            "conf_low": float(np.exp(fit.conf_low[place])) if here else np.nan,
            "conf_high": float(np.exp(fit.conf_high[place])) if here else np.nan,
            "std_error": error,
            "statistic": value / error if here else np.nan,
            "df": fit.df,
            "p_value": float(fit.p_value[place]) if here and with_p else np.nan,
            "check_p_value": float(checked[place]),
            "method": METHOD,
        }
        rows.append(row | sizes)
    return rows


def _framed(rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=NAMES)
