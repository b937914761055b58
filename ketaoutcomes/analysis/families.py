"""Families of contrasts: their p-values and limits, adjusted for how many they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.multiplicity import STEPWISE_METHODS, simultaneous

__all__ = ["adjusted"]

Array = NDArray[np.float64]

METHODS = {
    "holm": "Holm's method",
    "hochberg": "Hochberg's method",
    "bh": "Benjamini and Hochberg's method (false discovery rate)",
    "by": "Benjamini and Yekutieli's method (false discovery rate)",
    "bonferroni": "Bonferroni's method",
    "sidak": "Šidák's method",
    "tukey": "Tukey's method",
    "dunnett": "Dunnett's method (multivariate t with the correlation of the estimates)",
    "mvt": "the multivariate t distribution with the correlation of the estimates",
}
SMALL_ERROR = 1.5e-5


def adjusted(
    fit: Any,
    estimates: pd.DataFrame,
    rows: Array,
    family: NDArray[np.intp],
    pairs: list[tuple[int, int]],
    adjust: str,
    level: float,
) -> tuple[pd.DataFrame, str]:
    """The estimates with adjusted p-values and limits, and a sentence that says how.

    Parameters
    ----------
    fit
        For `cov_params`.
    estimates : DataFrame
        One row per contrast; missing rows belong to no family.
    rows : (k, p) float
        The contrasts over the columns kept.
    family : (k,) int
        Contrasts of one family share a number; each family has all `pairs`.
    pairs : list of (int, int)
        The two levels of each contrast of a family.
    adjust : str
    level : float
    """
    out = estimates.copy()
    if adjust == "none":
        return out, "p-values and limits are not adjusted for the number of contrasts."
    known = np.isfinite(estimates["statistic"].to_numpy()) & (estimates["df"].to_numpy() > 0)
    levels = np.array(pairs)
    sizes, error = set(), 0.0
    for number in np.unique(family):
        members = np.flatnonzero(known & (family == number))
        if not members.size:
            continue
        compared = levels[members - np.flatnonzero(family == number)[0]]
        found = simultaneous(
            estimates["statistic"].to_numpy()[members], estimates["df"].to_numpy()[members], adjust,
            level=level, correlation=_correlation(fit, rows[members], adjust),
            n_means=len(np.unique(compared)),
        )  # fmt: skip
        half = found.critical * estimates["std_error"].to_numpy()[members]
        out.loc[members, "p_value"] = found.p_values
        out.loc[members, "conf_low"] = estimates["estimate"].to_numpy()[members] - half
        out.loc[members, "conf_high"] = estimates["estimate"].to_numpy()[members] + half
        sizes.add(members.size)
        error = max(error, found.error)
    return out, _words(adjust, sizes, error, several=len(np.unique(family)) > 1)


def _correlation(fit: Any, rows: Array, adjust: str) -> Array | None:
    """Correlation of the estimates, where the method asks for it."""
    if adjust not in ("dunnett", "mvt"):
        return None
    covariance = rows @ np.asarray(fit.cov_params(), dtype=float) @ rows.T
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def _words(adjust: str, sizes: set[int], error: float, *, several: bool) -> str:
    """How p-values and limits were adjusted."""
    if not sizes:
        return "No contrast can be told from the data, so nothing was adjusted."
    if max(sizes) == 1:
        return "One contrast, so nothing is adjusted."
    count = f"{min(sizes)}" if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"
    families = " of each family" if several else ""
    sentence = f"p-values and limits are adjusted for the {count} contrasts{families} by {METHODS[adjust]}"
    if adjust in STEPWISE_METHODS:
        sentence = (
            f"p-values are adjusted for the {count} contrasts{families} by {METHODS[adjust]}, which has no "
            "simultaneous limits: those shown are Bonferroni's"
        )
    if error > SMALL_ERROR:
        sentence += f"; simulated, p-values near 0.05 to within {error:.0e}"
    return f"{sentence}."
