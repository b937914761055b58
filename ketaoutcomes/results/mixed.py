"""A fitted linear mixed model with all that can be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ketaoutcomes.results.anova import type_three
from ketaoutcomes.results.diagnostics import DiagnosticsResult, diagnostics
from ketaoutcomes.results.mixed_fit import MixedFit, checked_level
from ketaoutcomes.results.mixed_words import model_sentences, readable_effects
from ketaoutcomes.results.prediction import predicted, residuals
from ketaoutcomes.results.profile import BootstrapResult, ProfileResult, bootstrap_of, profile_of
from ketaoutcomes.results.random_effects import random_effects
from ketaoutcomes.results.shares import explained, intraclass

__all__ = ["LmmResult"]


@dataclass(frozen=True, eq=False, repr=False)
class LmmResult(MixedFit):
    """A linear mixed model fitted by `lmm`.

    `.table` has one row per coefficient: `term`, `estimate`, `std_error`, `statistic` (t), `df`, `p_value`,
    `conf_low`, `conf_high`. See `MixedFit` for the attributes.
    """

    def anova(self) -> pd.DataFrame:
        """Type III F tests of each term: `term`, `num_df`, `den_df`, `statistic`, `p_value`."""
        return type_three(self)

    @cached_property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """For each grouping factor one row per group: its label(s), and each effect (BLUP).

        A row may be a patient: not for release.
        """
        return random_effects(self, variances=False)

    @cached_property
    def random_effects_by_patient(self) -> dict[str, pd.DataFrame]:
        """As `random_effects`, with the conditional standard error of each effect beside it."""
        return random_effects(self, variances=True)

    def predict(
        self, new: pd.DataFrame | None = None, *, random: bool = True, interval: str | None = None,
        level: float | None = None,
    ) -> pd.Series | pd.DataFrame:  # fmt: skip
        """Predicted response of the rows used, or of new rows.

        Parameters
        ----------
        new : DataFrame, optional
            New rows; without it the rows of the fit.
        random : bool
            With the predicted random effects. A group that the fit has not seen has an effect of 0.
            False gives the mean of all groups.
        interval : {None, "confidence", "prediction"}
            "confidence": of the mean (of this group, if `random`). "prediction": of one further row
            (of weight 1); if not `random`, of a row of a new group, with Satterthwaite's degrees of
            freedom of its whole variance.
        level : float, optional

        Returns
        -------
        Series, or DataFrame with `estimate`, `std_error`, `conf_low`, `conf_high`
            Indexed as the rows. Rows with missing values are NaN. With random effects the limits are
            normal and take the variances as known: for a group's own mean they are too narrow in small
            studies (92 per cent instead of 95 with 40 patients of 6 scores).
        """
        return predicted(self, new, random=random, interval=interval, level=level)

    @property
    def fittedvalues(self) -> pd.Series:
        """Fitted response of each row used, with the random effects."""
        return self.predict()

    @property
    def resid(self) -> pd.Series:
        """Response less `fittedvalues`."""
        return residuals(self)

    def diagnostics(self, group: str | None = None) -> DiagnosticsResult:
        """Residuals, leverage, and what leaving out each group would change, as tables and a 2x2 picture."""
        return diagnostics(self, group)

    def profile(self, *, level: float | None = None) -> ProfileResult:
        """Profile-likelihood intervals (by ML) of coefficients, standard deviations and correlations."""
        return profile_of(self, checked_level(level or self.level))

    def bootstrap(
        self, *, n_replicates: int = 1000, seed: int = 1, level: float | None = None
    ) -> BootstrapResult:
        """Parametric-bootstrap intervals."""
        return bootstrap_of(self, n_replicates, seed, checked_level(level or self.level))

    def icc(self, *, at: Mapping[str, float] | None = None) -> pd.DataFrame:
        """Share of the variance at each grouping level.

        Parameters
        ----------
        at : mapping, optional
            Values of the columns with random slopes; needed where there are any, since the shares
            then depend on them.

        Returns
        -------
        DataFrame
            `group`, `variance`, `share` (of the total), `icc` (correlation of two rows of that group).
        """
        return intraclass(self, at)

    def r_squared(self) -> dict[str, float]:
        """`marginal` (fixed effects) and `conditional` (fixed and random) R2 of Nakagawa and Johnson.

        Raises
        ------
        FormulaError
            For weighted fits and fits without an intercept, where it is not well defined.
        """
        return explained(self)

    # ---- how it reads

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The coefficients as text."""
        return readable_effects(self.table, self.level)

    def sentences(self) -> list[str]:
        """Variance components, size and criterion."""
        return model_sentences(self)

    def plot(self, ax=None, *, title=None):
        """Forest of the fixed effects; `title` in bold above."""
        from ketaoutcomes.draw.effects import effects

        return effects(self.table, ax, title=title, response=self.design.response, level=self.level)
