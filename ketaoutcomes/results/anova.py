"""Type III tests: each term with the others averaged over, whatever coding of factors was used."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.design import Design
from ketaoutcomes.formula.parts import FactorPart
from ketaoutcomes.results.mixed_fit import MixedFit

__all__ = ["type_three"]

SEED = 20240229  # of rows that only have to be many and different


def type_three(fit: MixedFit) -> pd.DataFrame:
    """F tests of all terms but the intercept.

    A main effect within an interaction is averaged over the other factor's levels with equal
    weights; a number's effect over the levels of the factors that it interacts with, a factor's
    effect where the number is 0. A term that the rows cannot tell from others is NaN. Where a formula
    has an interaction without its main effects, each term is tested as it was coded.

    Source: for formulas with their main effects as lmerTest's type III (Kuznetsova, Brockhoff,
    Christensen 2017, J. Stat. Softw. 82(13)).
    """
    hypotheses = _hypotheses(fit.design)
    rows = []
    for term in fit.design.terms:
        columns = np.array(term.columns, dtype=int)
        # Without a coding to compare with, the coefficients themselves are tested: those that are there.
        own = columns[fit.kept[columns]]
        full = np.eye(len(fit.kept))[own] if hypotheses is None else hypotheses[columns]
        if not len(full) or (hypotheses is not None and not fit.estimable(full).all()):
            rows.append((term.name, np.nan, np.nan, np.nan, np.nan))
            continue
        test = fit.joint(full[:, fit.kept])
        rows.append((term.name, test["num_df"], test["den_df"], test["statistic"], test["p_value"]))
    return pd.DataFrame(rows, columns=["term", "num_df", "den_df", "statistic", "p_value"])


def _hypotheses(design: Design) -> NDArray[np.float64] | None:
    """(p, p): row j gives the j-th coefficient under centred contrasts.

    None where the columns are combinations of each other whatever the rows are, as with an interaction
    without its main effects: no coding of the factors is then another coding of the same columns.
    """
    parts = {
        name: replace(part, contrasts=_centred(len(part.levels)))
        if isinstance(part, FactorPart) and part.contrasts.shape == (len(part.levels), len(part.levels) - 1)
        else part
        for name, part in design.parts.items()
    }
    grid = _rows(design)
    x = design.matrix(grid)
    summed = replace(design, parts=MappingProxyType(parts)).matrix(grid)
    size = np.maximum(np.abs(x).max(axis=0), np.finfo(float).tiny)
    if np.linalg.matrix_rank(x / size) < x.shape[1]:
        return None
    turn = np.linalg.lstsq(x / size, summed, rcond=None)[0] / size[:, None]
    if np.abs(x @ turn - summed).max(initial=0.0) > 1e-6 * max(1.0, np.abs(summed).max(initial=0.0)):
        raise FormulaError(
            "type III tests are not defined for this formula: with other contrasts it would be another "
            "model; keep every main effect that stands in an interaction"
        )
    # x b = summed b_sum with summed = x turn, hence b_sum = turn^-1 b.
    inverse = np.linalg.pinv(turn)
    inverse[np.abs(inverse) < 1e-10] = 0.0
    return inverse


def _centred(n_levels: int) -> NDArray[np.float64]:
    """Treatment contrasts about their mean: the coefficients are differences from the first level, and
    every other effect is then averaged over the levels."""
    return np.vstack([np.zeros(n_levels - 1), np.eye(n_levels - 1)]) - 1.0 / n_levels


def _rows(design: Design) -> pd.DataFrame:
    """Rows that spread over all levels and ranges, enough to tell all columns apart."""
    random = np.random.default_rng(SEED)
    levels = [len(v.levels) for v in design.variables.values() if v.kind == "factor"]
    n = 20 * len(design.columns) + 20 * int(np.prod(levels, dtype=float).clip(max=500))
    columns = {}
    for name, variable in design.variables.items():
        if variable.kind == "factor":
            chosen = random.integers(0, len(variable.levels), n)
            columns[name] = pd.Series([variable.levels[i] for i in chosen])
        else:
            columns[name] = random.uniform(variable.minimum, variable.maximum, n)
    return pd.DataFrame(columns, index=range(n))
