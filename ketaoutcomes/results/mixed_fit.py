"""What a fitted linear mixed model estimates: coefficients with degrees of freedom, and variances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.effects import Effects
from ketaoutcomes.engine.lmm import Estimate
from ketaoutcomes.engine.small_sample import KenwardRoger, Normal, Satterthwaite
from ketaoutcomes.engine.wald import f_p_value, t_limit, t_p_value
from ketaoutcomes.errors import DataError
from ketaoutcomes.formula.frame import ModelFrame
from ketaoutcomes.results.base import Result

__all__ = ["DF_METHODS", "MixedFit", "checked_level", "small_sample", "tested"]

DF_METHODS = {"satterthwaite": Satterthwaite, "kenward-roger": KenwardRoger, "normal": None}


def small_sample(estimate: Estimate, method: str):
    """The small-sample method by name."""
    made = DF_METHODS[method]
    return Normal(estimate.covariance) if made is None else made(estimate)


def tested(inference, beta: NDArray, rows: NDArray, level: float) -> dict[str, NDArray]:
    """Estimates, standard errors, t tests and limits of rows @ beta, each (k,)."""
    estimate = rows @ beta
    variance = np.einsum("ki,ij,kj->k", rows, inference.covariance, rows)
    std_error = np.sqrt(np.maximum(variance, 0.0))
    df = inference.df(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(std_error > 0, estimate / std_error, np.nan)
    half = t_limit(df, level) * std_error
    return {
        "estimate": estimate,
        "std_error": std_error,
        "statistic": statistic,
        "df": df,
        "p_value": t_p_value(statistic, df),
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }


@dataclass(frozen=True, eq=False, repr=False)
class MixedFit(Result):
    """Coefficients, variances and criterion of a linear mixed model.

    `.table` has one row per coefficient: `term`, `estimate`, `std_error`, `statistic` (t), `df`, `p_value`,
    `conf_low`, `conf_high`.

    Attributes
    ----------
    formula : str
    df_method : {"satterthwaite", "kenward-roger", "normal"}
    level : float
        Confidence level of the limits in `.table`.
    frame : ModelFrame
        Rows used, groups and the design that codes new data.
    engine : Estimate
        The fit as arrays.
    index : Index
        Of the rows used, in the data's own labels.
    rows_x, rows_y : (n, p), (n,) float
        X and y as the engine holds them: centred, scaled, weighted.
    """

    formula: str
    df_method: str
    level: float
    frame: ModelFrame
    engine: Estimate
    index: pd.Index
    rows_x: NDArray[np.float64]
    rows_y: NDArray[np.float64]
    inference: Satterthwaite | KenwardRoger | Normal

    # ---- coefficients

    @property
    def design(self):
        """How columns of a frame become columns of the model; `.matrix(new)` codes new rows."""
        return self.frame.design

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(p_full,) columns that are not combinations of columns before them."""
        return self.engine.sums.kept

    @property
    def terms(self) -> pd.Index:
        return pd.Index(self.table["term"], name=None)

    def _series(self, column: str) -> pd.Series:
        return pd.Series(self.table[column].to_numpy(), index=self.terms, name=column)

    @property
    def params(self) -> pd.Series:
        """Coefficients of the fixed effects."""
        return self._series("estimate")

    @property
    def bse(self) -> pd.Series:
        """Standard errors."""
        return self._series("std_error")

    @property
    def tvalues(self) -> pd.Series:
        return self._series("statistic")

    @property
    def pvalues(self) -> pd.Series:
        return self._series("p_value")

    @property
    def df(self) -> pd.Series:
        """Degrees of freedom of each coefficient."""
        return self._series("df")

    def conf_int(self, level: float | None = None) -> pd.DataFrame:
        """Limits of each coefficient."""
        half = t_limit(self.df.to_numpy(), checked_level(self.level if level is None else level))
        half = half * self.bse.to_numpy()
        estimate = self.params.to_numpy()
        return pd.DataFrame({"conf_low": estimate - half, "conf_high": estimate + half}, index=self.terms)

    def cov_params(self) -> pd.DataFrame:
        """Covariance of the coefficients; adjusted where `df_method` is Kenward-Roger."""
        return pd.DataFrame(self.inference.covariance, index=self.terms, columns=self.terms)

    def estimate(self, rows: ArrayLike, *, level: float | None = None) -> pd.DataFrame:
        """Combinations of the coefficients with t tests.

        Parameters
        ----------
        rows : (k, p) array_like
            Weights of the coefficients, in the order of `.params`.
        level : float, optional
        """
        rows = self._rows(rows)
        return pd.DataFrame(
            tested(
                self.inference, self.engine.beta, rows, checked_level(self.level if level is None else level)
            )
        )

    def joint(self, rows: ArrayLike) -> dict[str, float | str]:
        """F test that all of rows @ coefficients are zero: statistic, num_df, den_df, p_value, note."""
        test = self.inference.test(self._rows(rows), self.engine.beta)
        p_value = f_p_value(test.statistic, test.num_df, test.den_df)
        return {
            "statistic": test.statistic, "num_df": test.num_df, "den_df": test.den_df, "p_value": p_value,
            "note": test.note,
        }  # fmt: skip

    def estimable(self, full_rows: ArrayLike) -> NDArray[np.bool_]:
        """Which rows over all columns of the design (dropped ones too) the data can tell, (k,)."""
        rows = np.atleast_2d(np.asarray(full_rows, float))
        if self.kept.all():
            return np.ones(len(rows), bool)
        dropped = self.dropped_combinations
        left, right = rows[:, ~self.kept], rows[:, self.kept] @ dropped
        # Each combination is judged by its own terms: a large column that has no part in it must not count.
        size = np.abs(left) + np.abs(rows[:, self.kept]) @ np.abs(dropped)
        return (np.abs(left - right) <= 1e-8 * size).all(axis=1)

    @cached_property
    def dropped_combinations(self) -> NDArray[np.float64]:
        """(p, n_dropped): each dropped column as a combination of the kept ones."""
        return self.engine.sums.combinations

    def _rows(self, rows: ArrayLike) -> NDArray[np.float64]:
        rows = np.atleast_2d(np.asarray(rows, float))
        if rows.shape[1] != len(self.engine.beta):
            raise DataError(
                f"rows has {rows.shape[1]} columns; it needs one for each of the {len(self.engine.beta)} "
                "coefficients in .params"
            )
        return rows

    # ---- the fit

    @property
    def n_obs(self) -> int:
        return self.engine.sums.n

    @property
    def n_groups(self) -> Mapping[str, int]:
        return {grouping.name: grouping.n_groups for grouping in self.frame.groupings}

    @property
    def reml(self) -> bool:
        return self.engine.reml

    @property
    def sigma(self) -> float:
        """Residual standard deviation (of a row of weight 1)."""
        return self.engine.sigma

    @property
    def deviance(self) -> float:
        """Minus twice the log-likelihood; restricted if `reml`."""
        return self.engine.deviance

    @property
    def llf(self) -> float:
        return -self.engine.deviance / 2.0

    @property
    def n_parameters(self) -> int:
        """Coefficients, variances and covariances, and the residual variance."""
        return len(self.engine.beta) + self.engine.n_covariances + 1

    @property
    def aic(self) -> float:
        return self.deviance + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        """With the number of rows, as lme4."""
        return self.deviance + np.log(self.n_obs) * self.n_parameters

    @property
    def theta(self) -> NDArray[np.float64]:
        """Relative Cholesky factors, lower triangles column by column, in the blocks' order."""
        return self.engine.theta()

    @property
    def converged(self) -> bool:
        return self.engine.converged

    @property
    def singular(self) -> bool:
        """Whether some direction of the random effects has no variance; `.notes` says which."""
        return any(directions.size for directions in self.engine.singular)

    @property
    def gradient_norm(self) -> float:
        return self.engine.gradient_norm

    @cached_property
    def variance_components(self) -> pd.DataFrame:
        """`group`, `term_1`, `term_2`, `variance` (or covariance), `sd_or_corr`."""
        rows = []
        for piece, block in zip(self.engine.sums.pieces, self.engine.blocks, strict=True):
            grouping = self.frame.groupings[piece.grouping]
            names = grouping.blocks[piece.block].names
            sd = np.sqrt(np.diag(block))
            rows += [(grouping.name, name, None, block[i, i], sd[i]) for i, name in enumerate(names)]
            for j in range(len(names)):
                for i in range(j + 1, len(names)):
                    both = sd[i] * sd[j]
                    correlation = block[i, j] / both if both > 0 else np.nan
                    rows.append((grouping.name, names[j], names[i], block[i, j], correlation))
        rows.append(("Residual", None, None, self.sigma**2, self.sigma))
        return pd.DataFrame(rows, columns=["group", "term_1", "term_2", "variance", "sd_or_corr"])

    @cached_property
    def effects(self) -> Effects:
        """The predicted random effects as arrays."""
        return Effects(self.engine)


def checked_level(level: float) -> float:
    """The level as a number between 0 and 1."""
    if not (isinstance(level, (int, float)) and 0 < level < 1):
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    return float(level)
