"""How long it takes, by covariates: accelerated failure time models of interval-censored times."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.aft_notes import aft_notes
from ketaoutcomes.analysis.covariates import CovariateFrame, covariate_frame
from ketaoutcomes.analysis.frame_columns import (
    check_columns,
    check_truth,
    check_word,
    patient_codes,
    refuse_repeats,
)
from ketaoutcomes.analysis.interval_columns import interval_ends
from ketaoutcomes.derive.arguments import check_level
from ketaoutcomes.engine.aft_families import FAMILIES
from ketaoutcomes.engine.parametric import AftFit
from ketaoutcomes.engine.plateau import PLATEAU_UNIDENTIFIED, PlateauFit
from ketaoutcomes.errors import ConvergenceError, DataError
from ketaoutcomes.formula.looks import rows_text
from ketaoutcomes.results.aft import AftResult, FittedRows, coefficient_table, median_table, plateau_table
from ketaoutcomes.results.base import provenance_of

__all__ = ["interval_aft"]

UNITS = ("days", "hours")
DEFINITIONS = (
    (
        "Time ratio",
        "By what the time to the event is multiplied, at every share of patients, for one more unit of the "
        "term or beside the reference level",
        "Kalbfleisch and Prentice 2002, The Statistical Analysis of Failure Time Data, ch. 7",
    ),
)
PLATEAU_DEFINITION = (
    "Share that ever has the event",
    "pi in S(t) = 1 - pi + pi S0(t); the others never have it, however long they are followed",
    "Farewell 1982, Biometrics 38, 1041",
)


def interval_aft(
    formula: str,
    data: pd.DataFrame,
    *,
    left: str,
    right: str,
    family: str = "weibull",
    clusters: str | None = None,
    plateau: bool = False,
    level: float = 0.95,
    unit: str = "days",
) -> AftResult:
    """Time ratios of an event known only to lie between two assessments.

    log T = x'beta + s W, where W is Weibull's, logistic or normal. A row's event came after `left` and
    not after `right`. The unit of time moves only the intercept.

    Parameters
    ----------
    formula : str
        Right-hand side, ``"~ treatment + age"``; ``"~ 1"`` for no covariates. Factors as in `lmm`.
    data : DataFrame
        Rows with a missing covariate are left out and counted.
    left, right : str
        Columns with the ends of the intervals. A missing or infinite `right` is right-censored, a missing
        `left` with a known `right` is 0, equal ends are an exact time.
    family : {"weibull", "loglogistic", "lognormal"}
    clusters : str, optional
        Column that names the patient where patients have several rows. Standard errors then allow for
        dependence within patients (sandwich), and limits are those of t with as many degrees of freedom as
        patients less columns. Those of log(scale) are too narrow with few patients (90 % instead of 95 with
        20 patients of 4 rows).
    plateau : bool
        Add a share that never has the event.
    level : float
        Confidence level.
    unit : {"days", "hours"}
        Of the times in the data and in the result.

    Returns
    -------
    AftResult
        `.table`, `.medians`, `.plateau`, `.predict()`, `.compare_families()`, `.plot()`.

    Raises
    ------
    FormulaError
        If the formula cannot be read or its columns cannot be told apart.
    DataError
        If a column of times is absent, no number, negative or out of order; if nobody has the event; if
        patients have several rows and `clusters` is not given.
    ConvergenceError
        If the likelihood has no maximum: at one level nobody has the event, say.

    Source
    ------
    Kalbfleisch and Prentice (2002), ch. 3 and 7; Farewell (1982), Biometrics 38, 1041. Checked against
    R survival::survreg (tests/engine/test_parametric.py) and by simulation
    (tests/simulation/test_aft_truth.py).
    """
    check_word("family", family, tuple(FAMILIES))
    check_word("unit", unit, UNITS)
    check_truth("plateau", plateau)
    check_level(level)
    names = {"left": left, "right": right, "clusters": clusters}
    check_columns(data, names, needed=("left", "right"), once=False)
    lower, upper, known = _times(data, left, right)
    patients = _patients(data, clusters, known)
    frame = covariate_frame(formula, data.iloc[known])
    lower, upper = lower[known][frame.kept], upper[known][frame.kept]
    codes = None if patients is None else np.unique(patients[frame.kept], return_inverse=True)[1]
    rows = FittedRows(frame.x, lower, upper, codes, frame.factors)
    fit = rows.fit(family, plateau=plateau, level=level)
    _refuse_no_maximum(fit, frame, upper)
    arguments = {
        "formula": formula, "left": left, "right": right, "family": family, "clusters": clusters,
        "plateau": plateau, "level": level, "unit": unit,
    }  # fmt: skip
    n_patients = fit.n if codes is None else fit.n_clusters
    return AftResult(
        title=f"Accelerated failure time model, {FAMILIES[family].words}" + (", with plateau" * plateau),
        table=coefficient_table(fit, frame.design.columns, level, n_patients=n_patients),
        notes=aft_notes(fit, frame, formula, n_given=len(data), n_known=len(known), clusters=clusters),
        definitions=(*DEFINITIONS, PLATEAU_DEFINITION) if plateau else DEFINITIONS,
        provenance=provenance_of("interval_aft", "", arguments),
        medians=median_table(fit, rows, frame.design, level),
        plateau=plateau_table(fit, n_patients),
        fit=fit,
        design=frame.design,
        family=family,
        unit=unit,
        level=level,
        n_patients=n_patients,
        rows_by_patient=rows,
    )


def _times(data: pd.DataFrame, left: str, right: str) -> tuple[NDArray, NDArray, NDArray[np.intp]]:
    """Ends of all rows, and the positions of the rows that tell something."""
    lower, upper, *_ = interval_ends(data, left, right)
    known = np.flatnonzero((lower > 0) | np.isfinite(upper))
    if not len(known):
        raise DataError(f"no row has a time above 0 in '{left}' or '{right}'")
    return lower, upper, known


def _patients(data: pd.DataFrame, clusters: str | None, known: NDArray[np.intp]) -> NDArray | None:
    """Code of each known row's patient; None where each row is a patient of its own."""
    refuse_repeats(data, clusters, known)
    if clusters is None:
        return None
    codes = patient_codes(data, clusters)[known]
    n_missing = int((codes < 0).sum())
    if n_missing:
        raise DataError(f"'{clusters}' is missing in {rows_text(n_missing)}; leave them out or fill them in")
    return codes


def _refuse_no_maximum(fit: AftFit | PlateauFit, frame: CovariateFrame, upper: NDArray) -> None:
    """Say why the likelihood has no maximum."""
    if fit.code in ("", PLATEAU_UNIDENTIFIED) and fit.converged:
        return
    if fit.code == "SCALE_AT_LIMIT":
        raise ConvergenceError(
            "the scale has no estimate: the intervals allow a single time for all rows, or do not tell early "
            "from late times; assessments are too few or too wide for this model"
        )
    events = np.isfinite(upper)
    empty = [
        f"{name} = {level}"
        for name, (codes, levels) in frame.factors.items()
        for place, level in enumerate(levels)
        if not events[codes == place].any()
    ]
    if empty:
        raise ConvergenceError(
            f"nobody has the event at {', '.join(empty)}, so that its time ratio has no upper limit and no "
            "estimate; leave that level out or join it with another"
        )
    raise ConvergenceError(
        "the likelihood has no maximum: some combination of the terms separates rows with the event from "
        f"rows without ({int(events.sum())} of {len(events)} rows have it); use fewer terms"
    )
