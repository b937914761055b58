"""Likelihood ratio tests of nested mixed models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.engine.likelihood_ratio import Reference, chi_squared, random_reference, spans
from ketaoutcomes.engine.lmm import Estimate, refit
from ketaoutcomes.engine.resample import SAME, LrtReplicates, Rows, bootstrap_lrt
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.comparison import ComparisonResult
from ketaoutcomes.results.mixed import LmmResult

__all__ = ["compare"]


def compare(
    small: LmmResult, large: LmmResult, *, method: str = "chi2", n_replicates: int = 1000, seed: int = 1
) -> ComparisonResult:
    """Likelihood ratio test of two nested linear mixed models.

    If the fixed effects differ, both are fitted again by maximum likelihood, because restricted likelihoods
    of different fixed effects cannot be compared. If only the random terms differ, the criteria they were
    fitted by are compared. A variance is tested at its boundary with the mixture of chi-squared distributions
    that belongs there.

    Parameters
    ----------
    small, large : LmmResult
        Fitted to the same rows; `small` is a special case of `large`.
    method : {"chi2", "bootstrap"}
        "bootstrap" draws responses from `small` and fits both models to each.
    n_replicates, seed : int
        Of the bootstrap.

    Returns
    -------
    ComparisonResult
        `.table`: `model`, `n_parameters`, `log_likelihood`, `deviance`, `aic`, `bic`, `statistic`, `df`,
        `p_value`.

    Raises
    ------
    DataError
        If the models were fitted to different rows, or are not nested.
    ConvergenceError
        If a fit by maximum likelihood is not reached.

    Notes
    -----
    Source: Self, Liang 1987, J. Am. Stat. Assoc. 82: 605; Stram, Lee 1994, Biometrics 50: 1171.
    """
    if method not in ("chi2", "bootstrap"):
        raise DataError(f"method must be 'chi2' or 'bootstrap', not {method!r}")
    if not (isinstance(small, LmmResult) and isinstance(large, LmmResult)):
        raise DataError("compare takes two models fitted by lmm, the smaller first")
    if method == "bootstrap" and not n_replicates >= 1:
        raise DataError(f"n_replicates must be at least 1, not {n_replicates!r}")
    _check_rows(small, large)
    same_fixed = _check_fixed(small, large)
    reference = _reference(small, large, same_fixed)
    pair = _fitted_alike(small, large, same_fixed)
    statistic = pair.small.deviance - pair.large.deviance
    # At 0 the p-value of a mixture jumps, so that what rounding leaves must be 0.
    statistic = statistic if statistic > SAME else 0.0
    df = large.n_parameters - small.n_parameters
    drawn = _bootstrapped(small, large, pair, n_replicates, seed) if method == "bootstrap" else None
    p_value = reference.p_value(statistic) if drawn is None else drawn.p_value
    plain = chi_squared(df, "").p_value(statistic)
    return ComparisonResult(
        title=f"Likelihood ratio test of two models of {small.design.response}",
        table=_table(small, large, pair, statistic, df, p_value),
        notes=_notes(reference, pair, plain, drawn),
        definitions=(),
        provenance=provenance_of(
            "compare", "",
            {"small": small.formula, "large": large.formula, "method": method, "n_replicates": n_replicates,
             "seed": seed},
        ),
        statistic=statistic,
        df=df,
        p_value=p_value,
        p_value_chi2=plain,
        reference=str(reference) if drawn is None else "bootstrap",
        conservative=reference.conservative and drawn is None,
        reml=pair.small.reml,
        n_replicates=0 if drawn is None else n_replicates,
        n_failed=0 if drawn is None else drawn.n_failed,
    )  # fmt: skip


def _check_rows(small: LmmResult, large: LmmResult) -> None:
    """Both models must describe the same numbers."""
    if small.n_obs != large.n_obs or not np.array_equal(small.frame.rows, large.frame.rows):
        raise DataError(
            f"the models were fitted to different rows ({small.n_obs} and {large.n_obs}): fit both to the "
            "rows that are complete in the columns of the larger model"
        )
    one, two = small.frame.weights, large.frame.weights
    if (one is None) != (two is None) or (one is not None and not np.array_equal(one, two)):
        raise DataError("the models were fitted with different weights; use the same for both")
    root = 1.0 if one is None else np.sqrt(one)
    responses = [
        fit.rows_y * fit.engine.sums.scale.y_scale + fit.engine.sums.scale.y_centre * root
        for fit in (small, large)
    ]
    if not np.allclose(*responses, rtol=1e-9, atol=1e-9 * np.abs(responses[0]).max()):
        raise DataError("the models have different responses; compare models of the same response")


def _check_fixed(small: LmmResult, large: LmmResult) -> bool:
    """Whether the fixed effects span the same space; those of `small` must lie within those of `large`."""
    if not spans(large.rows_x, small.rows_x):
        raise DataError(
            "the models are not nested: some fixed effect of the first is no combination of those of the "
            "second; give the smaller model first"
        )
    return small.rows_x.shape[1] == large.rows_x.shape[1]


def _reference(small: LmmResult, large: LmmResult, same_fixed: bool) -> Reference:
    """What the statistic is compared with."""
    n_fixed = large.rows_x.shape[1] - small.rows_x.shape[1]
    n_random = large.engine.n_covariances - small.engine.n_covariances
    added = random_reference(small.frame.groupings, large.frame.groupings)
    if added is None:
        raise DataError(
            "the models are not nested: some random term of the first is not part of the second; "
            "give the smaller model first"
        )
    if n_random == 0:
        if same_fixed:
            raise DataError("the two models are the same; there is nothing to compare")
        return chi_squared(n_fixed, "one coefficient" if n_fixed == 1 else f"{n_fixed} coefficients")
    if same_fixed:
        return added
    return chi_squared(n_fixed + n_random, "coefficients and random terms together", conservative=True)


@dataclass(frozen=True)
class _Pair:
    """Both models by the same criterion, and why one was fitted again."""

    small: Estimate
    large: Estimate
    refitted: str = ""


def _fitted_alike(small: LmmResult, large: LmmResult, same_fixed: bool) -> _Pair:
    one, two = small.engine, large.engine
    if one.reml and two.reml and same_fixed and _same_columns(small, large):
        return _Pair(one, two)
    if not (one.reml or two.reml):
        return _Pair(one, two)
    if not same_fixed:
        reason = "the fixed effects differ"
    elif one.reml != two.reml:
        reason = "one of the models was fitted by it"
    else:
        reason = "their fixed effects are coded differently"
    one, two = (fit if not fit.reml else refit(fit.sums, reml=False) for fit in (one, two))
    return _Pair(one, two, reason)


def _same_columns(small: LmmResult, large: LmmResult) -> bool:
    """Whether X is the same, so that restricted likelihoods have the same constant."""
    one, two = small.engine.sums.scale, large.engine.sums.scale
    return np.allclose(one.scale, two.scale, rtol=1e-12) and np.allclose(
        small.rows_x, large.rows_x, atol=1e-9
    )


def _bootstrapped(
    small: LmmResult, large: LmmResult, pair: _Pair, n_replicates: int, seed: int
) -> LrtReplicates:
    rows = [
        Rows(fit.engine.sums, fit.frame.groupings, fit.rows_x, fit.frame.weights) for fit in (small, large)
    ]
    return bootstrap_lrt(pair.small, rows[0], pair.large, rows[1], n_replicates=n_replicates, seed=seed)


def _table(
    small: LmmResult, large: LmmResult, pair: _Pair, statistic: float, df: int, p_value: float
) -> pd.DataFrame:
    rows = []
    for fit, estimate in ((small, pair.small), (large, pair.large)):
        count = fit.n_parameters
        rows.append(
            {
                "model": fit.formula,
                "n_parameters": count,
                "log_likelihood": -estimate.deviance / 2.0,
                "deviance": estimate.deviance,
                "aic": estimate.deviance + 2.0 * count,
                "bic": estimate.deviance + np.log(fit.n_obs) * count,
            }
        )
    table = pd.DataFrame(rows)
    for name, value in (("statistic", statistic), ("df", float(df)), ("p_value", p_value)):
        table[name] = [np.nan, value]
    return table


def _notes(reference: Reference, pair: _Pair, plain: float, drawn: LrtReplicates | None) -> tuple[str, ...]:
    """Which criterion, which reference distribution, and what to beware of."""
    if pair.refitted:
        notes = [f"Refitted by maximum likelihood for this comparison, because {pair.refitted}."]
    elif pair.small.reml:
        notes = ["Restricted likelihoods (REML) compared: the fixed effects are the same."]
    else:
        notes = ["Both models were fitted by maximum likelihood."]
    notes.append(f"The larger model adds: {reference.tested}.")
    at_boundary = any(directions.size for directions in pair.small.singular)
    if drawn is not None:
        known = len(drawn.statistics) - drawn.n_failed
        notes.append(
            f"p from {known:,} responses drawn from the smaller model: (1 + number with a statistic as "
            f"large) / ({known:,} + 1)."
        )
        if drawn.n_failed:
            notes.append(f"{drawn.n_failed:,} further responses could not be fitted and are not counted.")
        return tuple(notes)
    notes.append(f"Reference distribution: {reference}.")
    if len(reference.dfs) > 1:
        notes.append(
            "A variance cannot be negative, hence the mixture; plain chi-squared would give the larger p = "
            f"{plain:.3g}."
        )
    if reference.conservative:
        notes.append(
            "Conservative: variances are tested at their boundary, so that the true p is smaller; "
            "method='bootstrap' gives it."
        )
    if at_boundary:
        notes.append(
            "The smaller model is itself a boundary fit, for which the reference distribution is "
            "approximate; method='bootstrap' avoids it."
        )
    if reference.tested.endswith(("coefficient", "coefficients")):
        notes.append(
            "Chi-squared p-values of coefficients are too small where groups are few; the F tests of "
            ".anova(), or method='bootstrap', are better there."
        )
    return tuple(notes)
