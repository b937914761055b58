"""Nested models side by side, with their likelihood ratio tests."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import DASH
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed_words import p_text

__all__ = ["ComparisonResult"]


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult(Result):
    """Likelihood ratio tests of nested models; made by `compare`.

    `.table` has one row per model, the smallest first: `model` (its formula), `n_parameters`,
    `log_likelihood`, `deviance`, `aic`, `bic`, and `statistic`, `df`, `p_value` of the test against the model
    of the row before. With more than two models the attributes below, but for `reml`, `n_replicates` and
    `n_failed`, are those of the last test.

    Attributes
    ----------
    statistic, df, p_value : float
    p_value_chi2 : float
        From the plain chi-squared distribution, as lme4's `anova`.
    reference : str
        What the statistic was compared with: ``"0.5 chi2(1) + 0.5 chi2(2)"``, ``"bootstrap"``.
    conservative : bool
        Whether the p-value is known to be too large.
    reml : bool
        Whether restricted likelihoods were compared.
    n_replicates, n_failed : int
        Of the bootstrap, if any.
    """

    statistic: float
    df: int
    p_value: float
    p_value_chi2: float
    reference: str
    conservative: bool
    reml: bool
    n_replicates: int = 0
    n_failed: int = 0

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The table as text."""
        rows = []
        for place, row in enumerate(self.table.to_dict("records"), start=1):
            tested = not pd.isna(row["df"])
            rows.append(
                (
                    str(place),
                    str(row["n_parameters"]),
                    f"{row['deviance']:.3f}",
                    f"{row['aic']:.2f}",
                    f"{row['bic']:.2f}",
                    f"{row['statistic']:.3f}" if tested else DASH,
                    f"{row['df']:.0f}" if tested else DASH,
                    p_text(row["p_value"]) if tested else DASH,
                )
            )
        kind = "−2 restricted logL" if self.reml else "−2 logL"
        return pd.DataFrame(rows, columns=["model", "parameters", kind, "AIC", "BIC", "LR", "df", "p"]), (
            "model",
        )

    def sentences(self) -> list[str]:
        """The formula of each model; in the table it would push the numbers off the page."""
        formulas = [
            f"  Model {place}: {formula}" for place, formula in enumerate(self.table["model"], start=1)
        ]
        return ["", *formulas]
