"""Likelihood ratio tests of nested mixed models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.derive.arguments import check_count
from ketaoutcomes.engine.likelihood_ratio import Reference, chi_squared, random_reference, spans
from ketaoutcomes.engine.lmm import Estimate, refit
from ketaoutcomes.engine.resample import SAME, LrtReplicates, Rows, bootstrap_lrt
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.comparison import ComparisonResult
from ketaoutcomes.results.mixed import LmmResult

__all__ = ["compare"]


TOGETHER = "coefficients and random terms together"


def compare(
    small: LmmResult,
    large: LmmResult,
    *larger: LmmResult,
    method: str = "chi2",
    n_replicates: int = 1000,
    seed: int = 1,
) -> ComparisonResult:
    """Likelihood ratio tests of nested linear mixed models.

    If the fixed effects differ, all are fitted again by maximum likelihood, because restricted likelihoods
    of different fixed effects cannot be compared. If only the random terms differ, the criteria they were
    fitted by are compared. A variance is tested at its boundary with the mixture of chi-squared distributions
    that belongs there.

    Parameters
    ----------
    small, large : LmmResult
        Fitted to the same rows; `small` is a special case of `large`.
    *larger : LmmResult
        Further models, each a special case of the next; each is tested against the one before it.
    method : {"chi2", "bootstrap"}
        "bootstrap" draws responses from the smaller model and fits both models to each.
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

    Examples
    --------
    ::

        straight = lmm("phq9 ~ day + (1 | patient_id)", scores)
        slopes = lmm("phq9 ~ day + (1 + day | patient_id)", scores)
        routes = lmm("phq9 ~ day * route + (1 + day | patient_id)", scores)
        compare(straight, slopes, routes)
    """
    fits = (small, large, *larger)
    if not all(isinstance(fit, LmmResult) for fit in fits):
        raise DataError("compare takes two or more models fitted by lmm, the smallest first")
    if method not in ("chi2", "bootstrap"):
        raise DataError(f"method must be 'chi2' or 'bootstrap', not {method!r}")
    check_count("n_replicates", n_replicates, least=1)
    check_count("seed", seed)
    for one, two in pairwise(fits):
        _check_rows(one, two)
    same_fixed = [_check_nested(one, two) for one, two in pairwise(fits)]
    references = [_reference(*pair, same) for pair, same in zip(pairwise(fits), same_fixed, strict=True)]
    alike = _fitted_alike(fits, all(same_fixed))
    steps = [
        _step(*pair, *estimates, reference, (n_replicates, seed) if method == "bootstrap" else None)
        for pair, estimates, reference in zip(
            pairwise(fits), pairwise(alike.estimates), references, strict=True
        )
    ]
    title = (
        "Likelihood ratio test of two models"
        if len(fits) == 2
        else (f"Likelihood ratio tests of {len(fits)} nested models")
    )
    last, drawn = steps[-1], [step.drawn for step in steps if step.drawn is not None]
    return ComparisonResult(
        title=f"{title} of {small.design.response}",
        table=_table(fits, alike, steps),
        notes=_notes(alike, steps),
        definitions=(),
        provenance=provenance_of(
            "compare", "",
            {"models": [fit.formula for fit in fits], "method": method, "n_replicates": n_replicates,
             "seed": seed},
        ),
        statistic=last.statistic,
        df=last.df,
        p_value=last.p_value,
        p_value_chi2=last.plain,
        reference=last.distribution,
        conservative=last.reference.conservative and last.drawn is None,
        reml=alike.estimates[0].reml,
        n_replicates=n_replicates if drawn else 0,
        n_failed=sum(replicates.n_failed for replicates in drawn),
    )  # fmt: skip


def _check_rows(small: LmmResult, large: LmmResult) -> None:
    """Both models must describe the same numbers."""
    one, two = small.frame.weights, large.frame.weights
    responses = [_response(fit) for fit in (small, large)]
    if small.n_obs == large.n_obs and _reordered(*responses):
        raise DataError(
            "the rows are in another order in the second model's data: fit both models to the same frame, or "
            "sort both frames alike first"
        )
    if small.n_obs != large.n_obs or not np.array_equal(small.frame.rows, large.frame.rows):
        raise DataError(
            f"the models were fitted to different rows ({small.n_obs} and {large.n_obs}): fit both to the "
            "rows that are complete in the columns of the larger model"
        )
    if (one is None) != (two is None) or (one is not None and not np.array_equal(one, two)):
        raise DataError("the models were fitted with different weights; use the same for both")
    if not _agree(*responses):
        raise DataError("the models have different responses; compare models of the same response")


def _response(fit: LmmResult) -> NDArray[np.float64]:
    """The response in its own unit, (n,)."""
    weights, scale = fit.frame.weights, fit.engine.sums.scale
    root = 1.0 if weights is None else np.sqrt(weights)
    return fit.rows_y * scale.y_scale / root + scale.y_centre


def _agree(one: NDArray, two: NDArray) -> bool:
    return np.allclose(one, two, rtol=1e-9, atol=1e-9 * np.abs(one).max())


def _reordered(one: NDArray, two: NDArray) -> bool:
    """Whether the same values stand in another order."""
    return not _agree(one, two) and _agree(np.sort(one), np.sort(two))


def _check_nested(small: LmmResult, large: LmmResult) -> bool:
    """Whether the fixed effects span the same space; `small` must be a special case of `large`."""
    is_fixed_within = spans(large.rows_x, small.rows_x)
    if not is_fixed_within or random_reference(small.frame.groupings, large.frame.groupings) is None:
        if spans(small.rows_x, large.rows_x) and (
            random_reference(large.frame.groupings, small.frame.groupings) is not None
        ):
            raise DataError(
                "the models are in the wrong order: the first holds the second; give the smaller model first"
            )
        part = "random term" if is_fixed_within else "fixed effect"
        raise DataError(
            f"the models are not nested, neither model holds the other: some {part} of the first is no part "
            "of the second. A likelihood ratio test needs nested models; .aic and .bic of fits by maximum "
            "likelihood (reml=False) can be compared"
        )
    return small.rows_x.shape[1] == large.rows_x.shape[1]


def _reference(small: LmmResult, large: LmmResult, same_fixed: bool) -> Reference:
    """What the statistic is compared with."""
    n_fixed = large.rows_x.shape[1] - small.rows_x.shape[1]
    n_random = large.engine.n_covariances - small.engine.n_covariances
    if n_random == 0:
        if same_fixed:
            raise DataError("the two models are the same; there is nothing to compare")
        return chi_squared(n_fixed, "one coefficient" if n_fixed == 1 else f"{n_fixed} coefficients")
    if same_fixed:
        return random_reference(small.frame.groupings, large.frame.groupings)
    return chi_squared(n_fixed + n_random, TOGETHER)


@dataclass(frozen=True)
class _Alike:
    """All models by the same criterion, and why one was fitted again."""

    estimates: tuple[Estimate, ...]
    refitted: str = ""


def _fitted_alike(fits: Sequence[LmmResult], same_fixed: bool) -> _Alike:
    given = tuple(fit.engine for fit in fits)
    restricted = [estimate.reml for estimate in given]
    if not any(restricted):
        return _Alike(given)
    if not same_fixed:
        reason = "the fixed effects differ"
    elif not all(restricted):
        reason = "not all of the models were fitted by restricted maximum likelihood"
    elif not all(_same_columns(fits[0], fit) for fit in fits[1:]):
        reason = "their fixed effects are coded differently"
    else:
        return _Alike(given)
    return _Alike(tuple(fit if not fit.reml else refit(fit.sums, reml=False) for fit in given), reason)


def _same_columns(small: LmmResult, large: LmmResult) -> bool:
    """Whether X is the same, so that restricted likelihoods have the same constant."""
    one, two = small.engine.sums.scale, large.engine.sums.scale
    return np.allclose(one.scale, two.scale, rtol=1e-12) and np.allclose(
        small.rows_x, large.rows_x, atol=1e-9
    )


@dataclass(frozen=True)
class _Step:
    """The test of one model against the one before it."""

    small: Estimate
    reference: Reference
    statistic: float
    df: int
    drawn: LrtReplicates | None

    @property
    def p_value(self) -> float:
        return self.reference.p_value(self.statistic) if self.drawn is None else self.drawn.p_value

    @property
    def plain(self) -> float:
        return chi_squared(self.df, "").p_value(self.statistic)

    @property
    def distribution(self) -> str:
        return str(self.reference) if self.drawn is None else "bootstrap"


def _step(
    small: LmmResult, large: LmmResult, one: Estimate, two: Estimate, reference: Reference,
    replicates: tuple[int, int] | None,
) -> _Step:  # fmt: skip
    statistic = one.deviance - two.deviance
    drawn = None if replicates is None else _bootstrapped(small, large, one, two, *replicates)
    # At 0 the p-value of a mixture jumps, so that what rounding leaves must be 0.
    return _Step(
        one, reference, statistic if statistic > SAME else 0.0, large.n_parameters - small.n_parameters, drawn
    )


def _bootstrapped(
    small: LmmResult, large: LmmResult, one: Estimate, two: Estimate, n_replicates: int, seed: int
) -> LrtReplicates:
    rows = [
        Rows(fit.engine.sums, fit.frame.groupings, fit.rows_x, fit.frame.weights) for fit in (small, large)
    ]
    return bootstrap_lrt(one, rows[0], two, rows[1], n_replicates=n_replicates, seed=seed)


def _table(fits: Sequence[LmmResult], alike: _Alike, steps: Sequence[_Step]) -> pd.DataFrame:
    rows = []
    for fit, estimate in zip(fits, alike.estimates, strict=True):
        count = fit.n_parameters
        rows.append(
            {
                "model": " ".join(fit.formula.split()),
                "n_parameters": count,
                "log_likelihood": -estimate.deviance / 2.0,
                "deviance": estimate.deviance,
                "aic": estimate.deviance + 2.0 * count,
                "bic": estimate.deviance + np.log(fit.n_obs) * count,
            }
        )
    table = pd.DataFrame(rows)
    for name in ("statistic", "df", "p_value"):
        table[name] = [np.nan, *(float(getattr(step, name)) for step in steps)]
    return table


def _notes(alike: _Alike, steps: Sequence[_Step]) -> tuple[str, ...]:
    """Which criterion, which reference distributions, and what to beware of."""
    if alike.refitted:
        notes = [f"Refitted by maximum likelihood for this comparison, because {alike.refitted}."]
    elif alike.estimates[0].reml:
        notes = ["Restricted likelihoods (REML) compared: the fixed effects are the same."]
    else:
        notes = [f"{'Both' if len(steps) == 1 else 'All'} models were fitted by maximum likelihood."]
    if len(steps) == 1:
        return (*notes, *_step_notes(steps[0]))
    said: dict[str, list[str]] = {}
    for number, step in enumerate(steps, start=2):
        for note in _step_notes(step):
            said.setdefault(note, []).append(str(number))
    for note, numbers in said.items():
        notes.append(f"{'Model' if len(numbers) == 1 else 'Models'} {' and '.join(numbers)}: {note}")
    return tuple(notes)


def _step_notes(step: _Step) -> list[str]:
    reference, drawn = step.reference, step.drawn
    notes = [f"The larger model adds: {reference.tested}."]
    if drawn is not None:
        known = len(drawn.statistics) - drawn.n_failed
        notes.append(
            f"p from {known:,} responses drawn from the smaller model: (1 + number with a statistic as "
            f"large) / ({known:,} + 1)."
        )
        if drawn.n_failed:
            notes.append(f"{drawn.n_failed:,} further responses could not be fitted and are not counted.")
        return notes
    notes.append(f"Reference distribution: {reference}.")
    if len(reference.dfs) > 1:
        notes.append(
            "A variance cannot be negative, hence the mixture; plain chi-squared would give the larger p = "
            f"{step.plain:.3g}."
        )
    if reference.conservative:
        notes.append(
            "Conservative: variances are tested at their boundary, so that the true p is smaller; "
            "method='bootstrap' gives it."
        )
    if any(directions.size for directions in step.small.singular):
        notes.append(
            "The smaller model is itself a boundary fit, for which the reference distribution is "
            "approximate; method='bootstrap' avoids it."
        )
    if reference.tested == TOGETHER:
        notes.append(
            "Coefficients and variances are tested together: the boundary makes plain chi-squared too large "
            "a p, few groups too small a one; method='bootstrap' is right."
        )
    elif reference.tested.endswith(("coefficient", "coefficients")):
        notes.append(
            "Chi-squared p-values of coefficients are too small where groups are few; the F tests of "
            ".anova(), or method='bootstrap', are better there."
        )
    return notes
