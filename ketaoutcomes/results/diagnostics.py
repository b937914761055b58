"""Whether a mixed model fits, and which groups carry it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import count
from ketaoutcomes.engine.influence import group_deletion
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed_fit import MixedFit
from ketaoutcomes.results.mixed_words import significant
from ketaoutcomes.results.prediction import fitted_values, leverage_and_fit, own_random_columns, residuals
from ketaoutcomes.results.random_effects import label_columns

__all__ = ["DiagnosticsResult", "diagnostics"]

LARGE_RESIDUAL = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class DiagnosticsResult(Result):
    """Residuals, leverage and influence of a mixed model.

    `.table` is a summary: `measure`, `value`, `n`. The frames below have a row per row or per group
    of the data: not for release.

    Attributes
    ----------
    rows_by_patient : DataFrame
        For each row used: `row` (position in the data), `fitted`, `residual`, `marginal_residual`,
        `scaled` (residual divided by its standard deviation sigma sqrt((1 - leverage) / weight)), `leverage`.
    groups_by_patient : DataFrame
        For each group: its label, `n_rows`, `cook`, and `without <term>`: the coefficient without it, with
        the variances held.
    effects_by_patient : DataFrame
        `effect`, `value`: predicted effects divided by their standard deviation.
    group : str
        Whose deletion it is.
    """

    rows_by_patient: pd.DataFrame
    groups_by_patient: pd.DataFrame
    effects_by_patient: pd.DataFrame
    group: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The summary as text."""
        table = self.table
        frame = pd.DataFrame(
            {
                "measure": table["measure"],
                "value": [
                    count(value) if name.startswith("groups of") else significant(value, 3)
                    for name, value in zip(table["measure"], table["value"], strict=True)
                ],
                "of": [count(n) for n in table["n"]],
            }
        )
        return frame, ("measure",)

    def plot(self, ax=None, *, title=None):
        """Four panels: residuals by fitted value, two normal quantile plots, and influence."""
        from ketaoutcomes.draw.diagnostics import diagnostics as draw

        plural = "patients" if self.group == "patient_id" else f"groups of {self.group}"
        return draw(
            self.rows_by_patient,
            self.groups_by_patient,
            self.effects_by_patient,
            ax,
            title=title,
            group=plural,
        )


def diagnostics(fit: MixedFit, group: str | None = None) -> DiagnosticsResult:
    """See `LmmResult.diagnostics`; `group` is the grouping factor to delete, the finest by default."""
    names = [grouping.name for grouping in fit.frame.groupings]
    if group is not None and group not in names:
        raise DataError(f"group must be one of {', '.join(names)}, not {group!r}")
    number = fit.engine.sums.tree.chain[0][0] if group is None else names.index(group)
    rows = _rows(fit)
    groups = _groups(fit, number)
    return DiagnosticsResult(
        title=f"Diagnostics of {fit.formula}",
        table=_summary(fit, rows, groups, names[number]),
        notes=(
            "Residuals are conditional: response less the fitted value with the random effects. Scaled ones "
            "are divided by their standard deviation.",
            f"Cook's distance and the coefficients without a group of {names[number]}: with the variances "
            "held, in closed form.",
            *(
                ()
                if groups["cook"].notna().any()
                else ("Deletion is not available for this crossed factor.",)
            ),
        ),
        definitions=(
            (
                "Cook's distance",
                "shift of all coefficients when a group is left out, in units of their covariance, "
                "per coefficient",
                "Cook 1977; Christensen, Pearson, Johnson 1992",
            ),
        ),
        provenance={**fit.provenance, "function": "diagnostics"},
        rows_by_patient=rows,
        groups_by_patient=groups,
        effects_by_patient=_effects(fit),
        group=names[number],
    )


def _rows(fit: MixedFit) -> pd.DataFrame:
    leverage, fitted = leverage_and_fit(fit)
    residual = residuals(fit).to_numpy()
    marginal = residual + fitted - fitted_values(fit, random=False)
    weights = 1.0 if fit.frame.weights is None else fit.frame.weights
    spread = fit.sigma * np.sqrt(np.maximum(1.0 - leverage, 0.0) / weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A row that the fit must pass through has no residual to judge.
        scaled = np.where(leverage < 1.0 - 1e-10, residual / spread, np.nan)
    return pd.DataFrame(
        {
            "row": fit.frame.rows,
            "fitted": fitted,
            "residual": residual,
            "marginal_residual": marginal,
            "scaled": scaled,
            "leverage": leverage,
        }
    )


def _groups(fit: MixedFit, number: int) -> pd.DataFrame:
    grouping = fit.frame.groupings[number]
    z = own_random_columns(fit)
    if fit.frame.weights is not None:
        root = np.sqrt(fit.frame.weights)[:, None]
        z = [[block * root for block in blocks] for blocks in z]
    codes = [each.codes for each in fit.frame.groupings]
    made = group_deletion(fit.effects, number, fit.rows_x, fit.rows_y, z, codes)
    frame = label_columns(grouping.name, fit.frame.labels[number])
    frame["n_rows"] = grouping.sizes()
    frame["cook"] = np.nan if made is None else made.cook
    for j, term in enumerate(fit.terms):
        frame[f"without {term}"] = np.nan if made is None else made.beta[:, j]
    return frame


def _effects(fit: MixedFit) -> pd.DataFrame:
    frames = []
    several = len(fit.frame.groupings) > 1
    for at, piece in enumerate(fit.engine.sums.pieces):
        grouping = fit.frame.groupings[piece.grouping]
        values = fit.effects.of_block(at)
        for j, name in enumerate(grouping.blocks[piece.block].names):
            spread = values[:, j].std(ddof=1)
            scaled = values[:, j] / spread if spread > 0 else np.full(len(values), np.nan)
            label = f"{name} by {grouping.name}" if several else name
            frames.append(pd.DataFrame({"effect": label, "value": scaled}))
    return pd.concat(frames, ignore_index=True)


def _summary(fit: MixedFit, rows: pd.DataFrame, groups: pd.DataFrame, name: str) -> pd.DataFrame:
    scaled = rows["scaled"].to_numpy()
    known = np.isfinite(scaled)
    cook = groups["cook"].to_numpy()
    some = np.isfinite(cook)
    threshold = 4.0 / len(groups)
    sizes = np.abs(scaled[known])
    n_rows, n_groups = int(known.sum()), int(some.sum())
    large = (sizes > LARGE_RESIDUAL).mean() if n_rows else np.nan
    lines = [
        (f"share of |scaled residuals| above {LARGE_RESIDUAL:g}", large, n_rows),
        ("largest |scaled residual|", sizes.max() if n_rows else np.nan, n_rows),
        ("largest leverage", rows["leverage"].max(), len(rows)),
        (f"largest Cook's distance of a group of {name}", cook[some].max() if n_groups else np.nan, n_groups),
        (
            f"groups of {name} with Cook's distance above 4/m = {threshold:.2g}",
            float((cook[some] > threshold).sum()) if n_groups else np.nan,
            n_groups,
        ),
        (
            "largest shift of a coefficient, in standard errors, when a group is left out",
            _largest_shift(fit, groups),
            n_groups,
        ),
    ]
    return pd.DataFrame(lines, columns=["measure", "value", "n"])


def _largest_shift(fit: MixedFit, groups: pd.DataFrame) -> float:
    columns = [f"without {term}" for term in fit.terms]
    shift = np.abs(groups[columns].to_numpy() - fit.engine.beta) / fit.bse.to_numpy()
    return float(np.nanmax(shift)) if np.isfinite(shift).any() else float("nan")
