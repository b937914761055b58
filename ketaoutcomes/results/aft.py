"""Time ratios, medians, plateau and curves of an accelerated failure time model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.aft_curves import Limits, mean_survival, quantile, survival
from ketaoutcomes.engine.aft_families import FAMILIES
from ketaoutcomes.engine.interval import npmle
from ketaoutcomes.engine.parametric import AftFit, aft
from ketaoutcomes.engine.plateau import PLATEAU_UNIDENTIFIED, PlateauFit, plateau
from ketaoutcomes.engine.wald import t_limit, t_p_value
from ketaoutcomes.errors import DataError
from ketaoutcomes.formula.design import Design
from ketaoutcomes.results.aft_words import aft_sentences, readable_ratios
from ketaoutcomes.results.base import Result

__all__ = ["FEWEST_FOR_P", "AftResult", "FittedRows", "coefficient_table", "median_table", "plateau_table"]

FEWEST_FOR_P = 20
SCALE = "log(scale)"
INTERCEPT = "(Intercept)"
ALL = "(all)"
CURVE_POINTS = 161


@dataclass(frozen=True, repr=False)
class FittedRows:
    """The rows that a model was fitted to.

    Parameters
    ----------
    x : (n, p) float
    left, right : (n,) float
    clusters : (n,) int or None
    factors : mapping of str to (codes, levels)
    """

    x: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    clusters: NDArray[np.intp] | None
    factors: Mapping[str, tuple[NDArray[np.intp], tuple]]

    def fit(self, family: str, *, plateau: bool, level: float) -> AftFit | PlateauFit:
        """Fit a family to these rows."""
        if plateau:
            return _with_plateau(self, family, level)
        return aft(self.x, self.left, self.right, family=family, clusters=self.clusters)

    def counts(self, rows: NDArray[np.bool_]) -> tuple[int, int, int]:
        """Rows, rows with the event, patients."""
        n_patients = int(rows.sum()) if self.clusters is None else len(np.unique(self.clusters[rows]))
        return int(rows.sum()), int(np.isfinite(self.right[rows]).sum()), n_patients


def _with_plateau(rows: FittedRows, family: str, level: float) -> PlateauFit:
    return plateau(rows.x, rows.left, rows.right, family=family, clusters=rows.clusters, level=level)


@dataclass(frozen=True, eq=False, repr=False)
class AftResult(Result):
    """An accelerated failure time model fitted by `interval_aft`.

    `.table` has a row per coefficient and one for log(scale): `term`, `estimate` (log time ratio),
    `std_error`, `statistic`, `df`, `p_value`, `conf_low`, `conf_high`, and `time_ratio`, `time_ratio_low`,
    `time_ratio_high`. The intercept is the log of a time, so that it and the scale have no ratio and no test.

    Attributes
    ----------
    medians : DataFrame
        Time by which half have the event, at each level of each factor, the other factors at their first
        level and numbers at their mean: `variable`, `level`, `estimate`, `conf_low`, `conf_high`, `n`,
        `n_events`, `n_patients`. inf where half is never reached.
    plateau : DataFrame
        Share that ever has the event: `estimate`, `conf_low`, `conf_high`, `n`, `n_events`, `n_patients`,
        `drop`, `code`. No row without a plateau.
    fit : AftFit or PlateauFit
    design : Design
    family, unit : str
    level : float
    n_patients : int
    rows_by_patient : FittedRows
        What was fitted; not for release.
    """

    medians: pd.DataFrame
    plateau: pd.DataFrame
    fit: AftFit | PlateauFit
    design: Design
    family: str
    unit: str
    level: float
    n_patients: int
    rows_by_patient: FittedRows

    def predict(
        self,
        new: pd.DataFrame | None = None,
        *,
        at: Sequence[float] | float | None = None,
        quantiles: Sequence[float] | float | None = None,
    ) -> pd.DataFrame:
        """Share with the event by given times, or times by which given shares have it.

        Parameters
        ----------
        new : DataFrame, optional
            Has the columns of the formula; without it the patterns of `.medians`.
        at : float or sequence of float, optional
            Times.
        quantiles : float or sequence of float, optional
            Shares; 0.5 if neither is given.

        Returns
        -------
        DataFrame
            `variable` and `level`, or `row` (number of the row of `new`, from 1); `time` or `quantile`;
            `estimate`, `conf_low`, `conf_high`. NaN for rows with a missing covariate.

        Raises
        ------
        DataError
            If both are given, a time is negative, or a share is not between 0 and 1.
        FormulaError
            If `new` lacks a column or has a level that was not fitted.
        """
        if at is not None and quantiles is not None:
            raise DataError("give times (at=) or shares (quantiles=), not both")
        if new is None:
            names, x = patterns(self.design)
        else:
            x = self.design.matrix(new)
            names = pd.DataFrame({"row": np.arange(1, len(x) + 1)})
        complete = ~np.isnan(x).any(axis=1)
        x = np.where(complete[:, None], x, 0.0)
        if at is None:
            points, name = (
                np.atleast_1d(np.asarray(0.5 if quantiles is None else quantiles, float)),
                "quantile",
            )
            found = quantile(self.fit, x, points, level=self.level)
        else:
            points, name = np.atleast_1d(np.asarray(at, float)), "time"
            found = shares(survival(self.fit, x, points, level=self.level))
        table = names.loc[np.repeat(np.arange(len(x)), len(points))].reset_index(drop=True)
        table[name] = np.tile(points, len(x))
        for column, values in vars(found).items():
            table[column] = np.where(complete[:, None], values, np.nan).ravel()
        return table

    def compare_families(self) -> pd.DataFrame:
        """Each family's fit to the same rows, the smallest AIC first.

        Columns `family`, `log_likelihood`, `n_parameters`, `aic` and `difference` to the smallest. NaN where
        a family has no maximum.
        """
        has_plateau = isinstance(self.fit, PlateauFit)
        table = []
        for name in FAMILIES:
            own = name == self.family
            fit = self.fit if own else self.rows_by_patient.fit(name, plateau=has_plateau, level=self.level)
            n_parameters = len(fit.params) + 1 + has_plateau
            value = fit.log_likelihood if fit.converged else np.nan
            table.append((name, value, n_parameters, 2.0 * n_parameters - 2.0 * value))
        found = pd.DataFrame(table, columns=["family", "log_likelihood", "n_parameters", "aic"])
        found = found.sort_values("aic", kind="stable", ignore_index=True)
        found["difference"] = found["aic"] - found["aic"].min()
        return found

    def curves(self, by: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The fitted share averaged over the rows of each level, and the nonparametric estimate beside it.

        Parameters
        ----------
        by : str, optional
            A factor of the formula; the first by default. All rows together where there is none.

        Returns
        -------
        fitted : DataFrame
            `by`, `time`, `estimate`, `conf_low`, `conf_high`.
        masses : DataFrame
            `by`, `left`, `right`, `mass`: innermost intervals of the Turnbull estimate.
        """
        rows = self.rows_by_patient
        if by is not None and not isinstance(by, str):
            raise DataError("by takes the name of a factor of the formula")
        by = by or next(iter(rows.factors), None)
        if by is not None and by not in rows.factors:
            known = ", ".join(rows.factors) or "none"
            raise DataError(f"by names a factor of the formula ({known}); '{by}' is none")
        ends = np.concatenate([rows.left, rows.right])
        times = np.linspace(0.0, ends[np.isfinite(ends)].max(), CURVE_POINTS)
        groups = {ALL: np.ones(len(rows.left), bool)}
        if by is not None:
            codes, levels = rows.factors[by]
            groups = {level: codes == place for place, level in enumerate(levels)}
        fitted, masses = [], []
        for level, chosen in groups.items():
            found = shares(mean_survival(self.fit, rows.x[chosen], times, level=self.level))
            fitted.append(pd.DataFrame({by or "group": level, "time": times, **vars(found)}))
            free = npmle(rows.left[chosen], rows.right[chosen])
            held = free.mass > 1e-9
            pieces = {"left": free.left[held], "right": free.right[held], "mass": free.mass[held]}
            masses.append(pd.DataFrame({by or "group": level, **pieces}))
        return pd.concat(fitted, ignore_index=True), pd.concat(masses, ignore_index=True)

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The coefficients as text."""
        return readable_ratios(self.table, self.level)

    def sentences(self) -> list[str]:
        """Medians, plateau and criterion."""
        return aft_sentences(
            self.medians, self.plateau, self.fit, unit=self.unit, level=self.level, n_patients=self.n_patients
        )

    def plot(self, ax=None, *, by: str | None = None, title=None):
        """The fitted curve over the nonparametric estimate: where it leaves the boxes, the fit is poor.

        `by` is a factor of the formula, the first by default; `title` is written in bold above.
        """
        from ketaoutcomes.draw.aft import model_over_steps

        fitted, masses = self.curves(by)
        group = next(iter(fitted.columns))
        return model_over_steps(
            fitted,
            masses,
            ax,
            by=None if group == "group" and len(fitted) == CURVE_POINTS else group,
            unit=self.unit,
            model=FAMILIES[self.family].words + " model" + (" with plateau" if len(self.plateau) else ""),
            level=self.level,
            title=title,
        )


def shares(found: Limits) -> Limits:
    """Of P(T > t), P(T <= t)."""
    return Limits(1.0 - found.estimate, 1.0 - found.conf_high, 1.0 - found.conf_low)


def coefficient_table(
    fit: AftFit | PlateauFit, terms: Sequence[str], level: float, *, n_patients: int
) -> pd.DataFrame:
    """One row per coefficient and one for log(scale)."""
    size = len(terms) + 1
    names = [*terms, SCALE]
    estimate = np.append(fit.params, fit.log_scale)
    error = np.sqrt(np.diag(fit.best_cov)[:size])
    half = float(t_limit(fit.df, level)) * error
    is_ratio = np.array([name not in (INTERCEPT, SCALE) for name in names])
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(is_ratio, estimate / error, np.nan)
    tested = is_ratio & (n_patients >= FEWEST_FOR_P)
    table = {
        "term": names,
        "estimate": estimate,
        "std_error": error,
        "statistic": statistic,
        "df": np.full(size, fit.df),
        "p_value": np.where(tested, t_p_value(statistic, fit.df), np.nan),
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }
    ends = {"time_ratio": estimate, "time_ratio_low": estimate - half, "time_ratio_high": estimate + half}
    ratios = {name: np.where(is_ratio, np.exp(values), np.nan) for name, values in ends.items()}
    return pd.DataFrame({**table, **ratios})


def patterns(design: Design) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """A row per level of each factor, the others at their first level and numbers at their mean."""
    variables = design.variables
    middle = {name: one.levels[0] if one.kind == "factor" else one.mean for name, one in variables.items()}
    names, rows = [], []
    for name, one in variables.items():
        for level in one.levels if one.kind == "factor" else ():
            names.append((name, str(level)))
            rows.append(middle | {name: level})
    if not names:
        names, rows = [(ALL, ALL)], [middle]
    columns = {name: pd.Series([row[name] for row in rows]) for name in middle}
    new = pd.DataFrame(columns, index=range(len(rows)))
    return pd.DataFrame(names, columns=["variable", "level"]), design.matrix(new)


def median_table(fit: AftFit | PlateauFit, rows: FittedRows, design: Design, level: float) -> pd.DataFrame:
    """`.medians` of a fit."""
    table, x = patterns(design)
    found = quantile(fit, x, 0.5, level=level)
    for column, values in vars(found).items():
        table[column] = values[:, 0]
    chosen = [codes == place for codes, levels in rows.factors.values() for place in range(len(levels))] or [
        np.ones(len(rows.left), bool)
    ]
    counted = [rows.counts(mask) for mask in chosen]
    table[["n", "n_events", "n_patients"]] = counted
    return table


def plateau_table(fit: AftFit | PlateauFit, n_patients: int) -> pd.DataFrame:
    """`.plateau` of a fit; no row without a plateau."""
    columns = ["estimate", "conf_low", "conf_high", "n", "n_events", "n_patients", "drop", "code"]
    if not isinstance(fit, PlateauFit):
        return pd.DataFrame(columns=columns)
    code = fit.code if fit.code == PLATEAU_UNIDENTIFIED else ""
    row = (fit.pi, fit.pi_low, fit.pi_high, fit.n, fit.n_events, n_patients, fit.drop, code)
    return pd.DataFrame([row], columns=columns)
