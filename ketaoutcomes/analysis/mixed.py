"""Linear mixed models from a formula and a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.lmm import fit_lmm
from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.frame import model_frame
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.mixed import LmmResult
from ketaoutcomes.results.mixed_fit import DF_METHODS, small_sample, tested
from ketaoutcomes.results.mixed_words import METHOD_WORDS, model_notes

__all__ = ["lmm"]

LEVEL = 0.95


def lmm(
    formula: str,
    data: pd.DataFrame,
    *,
    reml: bool = True,
    df: str = "satterthwaite",
    weights: str | Sequence[float] | NDArray | None = None,
) -> LmmResult:
    """Fit a linear mixed model.

    Parameters
    ----------
    formula : str
        ``"score ~ day * route + (1 + day | patient_id)"``: fixed effects, then random terms in brackets.
        ``(1 + t | g)`` intercept and slope by group, correlated; ``(1 + t || g)`` uncorrelated;
        ``(1 | clinic/patient)`` patients nested in clinics; several terms may be nested or crossed.
    data : DataFrame
        Rows with a missing value in a column of the formula are left out and counted.
    reml : bool
        Restricted maximum likelihood (default) or maximum likelihood.
    df : {"satterthwaite", "kenward-roger", "normal"}
        How degrees of freedom are found. Kenward-Roger needs `reml`.
    weights : str or (n,) array_like, optional
        Prior weights, a column of `data` or one number per row: the residual variance of a row is
        sigma^2 / weight.

    Returns
    -------
    LmmResult
        `.table` (coefficients), `.variance_components`, `.summary()`, `.plot()`, `.predict()`, `.anova()`,
        `.diagnostics()`, `.profile()`, `.bootstrap()`, `.icc()`, `.r_squared()`, `.notes`.

    Raises
    ------
    FormulaError
        If the formula cannot be read, or the data cannot tell its parameters apart.
    DataError
        If the response does not vary or is fitted exactly.
    ConvergenceError
        If no optimum is found; no number is given instead.

    Notes
    -----
    The optimum does not depend on the unit or origin of time or of a covariate. A fit at a boundary
    (a variance of 0, a correlation of 1) is exact, `.singular`, and explained in `.notes`.
    Source: Bates, Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1).
    """
    if df not in DF_METHODS:
        raise FormulaError(f"df must be one of {', '.join(DF_METHODS)}, not {df!r}")
    if df == "kenward-roger" and not reml:
        raise FormulaError("Kenward-Roger is defined for REML fits: set reml=True, or df='satterthwaite'")
    frame = model_frame(formula, data, weights=weights)
    intercept = 0 if frame.design.has_intercept else None
    estimate, x = fit_lmm(
        frame.x, frame.y, frame.groupings, weights=frame.weights, intercept=intercept, reml=reml
    )
    inference = small_sample(estimate, df)
    kept = estimate.sums.kept
    terms = [name for name, stays in zip(frame.design.columns, kept, strict=True) if stays]
    columns = tested(inference, estimate.beta, np.eye(len(terms)), LEVEL)
    name, text, source = METHOD_WORDS[df]
    return LmmResult(
        title=f"Linear mixed model of {frame.design.response}",
        table=pd.DataFrame({"term": terms, **columns}),
        notes=model_notes(frame, estimate, df, formula, _named(weights)),
        definitions=((f"Degrees of freedom: {name}", text, source),),
        provenance=provenance_of(
            "lmm", "", {"formula": formula, "reml": reml, "df": df, "weights": _named(weights)}
        ),
        formula=formula,
        df_method=df,
        level=LEVEL,
        frame=frame,
        engine=estimate,
        index=data.index if frame.kept is None else data.index[frame.kept],
        rows_x=x,
        rows_y=frame.y,
        inference=inference,
    )


def _named(weights) -> str | None:
    """The weights as they stand in the provenance."""
    if weights is None or isinstance(weights, str):
        return weights
    name = getattr(weights, "name", None)
    return str(name) if name is not None else "given as numbers"
