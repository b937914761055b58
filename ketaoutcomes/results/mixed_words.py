"""A mixed model in words: its coefficients as text, its variances, and what was assumed or left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count
from ketaoutcomes.engine.lmm import Estimate
from ketaoutcomes.formula.frame import ModelFrame
from ketaoutcomes.formula.parts import level_text
from ketaoutcomes.results.mixed_fit import MixedFit
from ketaoutcomes.results.text import confidence

__all__ = [
    "boundary_words",
    "df_text",
    "model_notes",
    "model_sentences",
    "p_text",
    "readable_effects",
    "significant",
]

FEW_GROUPS = 5
METHOD_WORDS = {
    "satterthwaite": (
        "Satterthwaite",
        "t tests with degrees of freedom that match the variance of each estimated variance.",
        "Satterthwaite 1946; as lmerTest (Kuznetsova, Brockhoff, Christensen 2017)",
    ),
    "kenward-roger": (
        "Kenward–Roger",
        "Standard errors enlarged for the estimation of the variances; degrees of freedom by moments.",
        "Kenward, Roger 1997; as pbkrtest (Halekoh, Højsgaard 2014)",
    ),
    "normal": ("normal", "z tests without small-sample correction: too narrow in small studies.", ""),
}


def significant(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, without exponent where it is readable."""
    if value is None or not np.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    size = int(np.floor(np.log10(abs(value))))
    if size < -5 or size > 8:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:.{max(0, digits - 1 - size)}f}".replace("-", "−")


def p_text(value: float) -> str:
    """``"0.012"``, ``"<0.001"``."""
    if not np.isfinite(value):
        return DASH
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def df_text(value: float) -> str:
    """``"17.0"``, ``"1,204"``, ``"∞"``."""
    if np.isinf(value):
        return "∞"
    return f"{value:.1f}" if value < 100 else count(round(value))


def _together(values: list[float], std_error: float) -> list[str]:
    """Numbers of one coefficient with as many decimals as its standard error warrants."""
    if not (np.isfinite(std_error) and std_error > 0):
        return [significant(value) for value in values]
    decimals = max(0, 1 - int(np.floor(np.log10(std_error))))
    if decimals > 6:
        return [significant(value, 3) for value in values]
    return [f"{value:,.{decimals}f}".replace("-", "−") if np.isfinite(value) else DASH for value in values]


def readable_effects(table: pd.DataFrame, level: float) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of a table of estimates as text."""
    rows = []
    for row in table.to_dict("records"):
        estimate, low, high, error = _together(
            [row["estimate"], row["conf_low"], row["conf_high"], row["std_error"]], row["std_error"]
        )
        interval, statistic = f"{low} to {high}", significant(row["statistic"], 3)
        df, p_value = df_text(row["df"]), p_text(row["p_value"])
        rows.append((row["term"], estimate, interval, error, statistic, df, p_value))
    columns = ["term", "estimate", confidence(level), "std. error", "t", "df", "p"]
    return pd.DataFrame(rows, columns=columns), ("term",)


def model_sentences(fit: MixedFit) -> list[str]:
    """Variance components, size and criterion, as lines."""
    lines = ["", "Random effects"]
    for row in fit.variance_components.to_dict("records"):
        if row["group"] == "Residual":
            lines.append(f"  Residual: SD {significant(row['sd_or_corr'])}")
        elif row["term_2"] is None or pd.isna(row["term_2"]):
            lines.append(f"  {row['group']}, {row['term_1']}: SD {significant(row['sd_or_corr'])}")
        else:
            pair = f"{row['term_1']} and {row['term_2']}"
            lines.append(f"  {row['group']}, correlation of {pair}: {significant(row['sd_or_corr'], 2)}")
    groups = "; ".join(f"{name} {count(n)}" for name, n in fit.n_groups.items())
    kind = "−2 restricted log-likelihood" if fit.reml else "−2 log-likelihood"
    lines += [
        "",
        f"{count(fit.n_obs)} rows; groups: {groups}",
        f"{kind} {fit.deviance:.3f}; AIC {fit.aic:.3f}; BIC {fit.bic:.3f}",
    ]
    return lines


def model_notes(
    frame: ModelFrame, estimate: Estimate, method: str, formula: str, weights: str | None = None
) -> tuple[str, ...]:
    """What was fitted, what was left out and what to beware of."""
    fitted = "restricted maximum likelihood (REML)" if estimate.reml else "maximum likelihood"
    notes = [f"Linear mixed model {formula}, fitted by {fitted}."]
    if frame.n_dropped:
        gaps = ", ".join(f"{name} {count(n)}" for name, n in frame.dropped.items() if n)
        notes.append(
            f"{count(frame.n_dropped)} of {count(frame.n_data)} rows left out: a value is missing ({gaps})."
        )
    else:
        notes.append(f"All {count(frame.n_data)} rows used; none has a missing value.")
    spread = "one variance" if weights is None else "variance sigma²/weight"
    notes.append(
        "Valid where missing scores depend on what was observed and modelled (missing at random), and "
        f"residuals are independent and normal with {spread}."
    )
    if weights is not None:
        notes.append(f"Weighted by {weights}; the residual SD is that of a row of weight 1.")
    notes.append("Coefficients are associations, not effects, unless treatment was assigned at random.")
    notes += [f"Beware: {warning}." for warning in frame.warnings]
    notes += boundary_words(frame, estimate)
    kept = estimate.sums.kept
    if not kept.all():
        left_out = [name for name, stays in zip(frame.design.columns, kept, strict=True) if not stays]
        notes.append(
            f"Not estimated, because the rows cannot tell it from the other terms: {', '.join(left_out)}."
        )
    for grouping in frame.groupings:
        if grouping.n_groups < FEW_GROUPS:
            notes.append(
                f"{grouping.name} has {grouping.n_groups} groups only: its variance is poorly known and "
                "intervals that depend on it are approximate."
            )
    references = _references(frame)
    if references:
        notes.append(f"Reference levels: {', '.join(references)}.")
    if method == "normal":
        notes.append(
            "p-values and intervals use the normal distribution and are too optimistic in small studies."
        )
    return tuple(notes)


def _references(frame: ModelFrame) -> list[str]:
    """``"route = IM"`` for each factor that the columns compare with its first level."""
    pieces = {piece for name in frame.design.columns for piece in name.split(":")}
    found = []
    for part in frame.design.parts.values():
        if getattr(part, "levels", None) is None or part.expression is not None:
            continue
        names = [f"{part.name}{level_text(level)}" for level in part.levels]
        # A factor whose first level has a column too is not compared with it.
        if names[0] not in pieces and names[-1] in pieces:
            found.append(f"{part.name} = {level_text(part.levels[0])}")
    return found


def boundary_words(frame: ModelFrame, estimate: Estimate) -> list[str]:
    """One sentence for each direction of the random effects that has no variance."""
    sentences = []
    for piece, directions, block in zip(
        estimate.sums.pieces, estimate.singular, estimate.blocks, strict=True
    ):
        grouping = frame.groupings[piece.grouping]
        names = grouping.blocks[piece.block].names
        sentences += [
            f"Boundary fit: {_vanished(names, block)} by {grouping.name}. What has "
            "vanished takes no part in Satterthwaite's degrees of freedom; consider leaving it out."
            for j in range(directions.shape[1])
        ]
    return sentences


def _vanished(names: tuple[str, ...], block: np.ndarray) -> str:
    sd = np.sqrt(np.diag(block))
    # A share of the variance of each effect decides, not the size of the weight, which has a unit.
    gone = [i for i in range(len(names)) if sd[i] == 0.0]
    if len(names) == 1 or len(gone) == len(names):
        return f"no variance is left for {' and '.join(names)}"
    if gone:
        return f"no variance is left for {' and '.join(names[i] for i in gone)}"
    if len(names) == 2:
        sign = "+1" if block[0, 1] > 0 else "−1"
        return f"the correlation of {names[0]} and {names[1]} is estimated as {sign}"
    return f"no variance is left in one direction of {', '.join(names)} together"
