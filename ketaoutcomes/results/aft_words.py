"""An accelerated failure time model in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, percent, percent_range
from ketaoutcomes.results.mixed_words import p_text, significant
from ketaoutcomes.results.text import confidence, of_total, patients, time_point, time_range

__all__ = ["aft_sentences", "readable_ratios"]


def readable_ratios(table: pd.DataFrame, level: float) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The coefficients as text: what multiplies the time, and the logarithm behind it."""
    rows = []
    for row in table.to_dict("records"):
        has_ratio = np.isfinite(row["time_ratio"])
        limits = f"{_ratio(row['time_ratio_low'])} to {_ratio(row['time_ratio_high'])}" if has_ratio else DASH
        rows.append(
            (
                row["term"],
                _ratio(row["time_ratio"]) if has_ratio else DASH,
                limits,
                p_text(row["p_value"]),
                significant(row["estimate"], 3),
                significant(row["std_error"], 2),
            )
        )
    columns = ["term", "time ratio", confidence(level), "p", "log", "std. error"]
    return pd.DataFrame(rows, columns=columns), ("term",)


def aft_sentences(
    medians: pd.DataFrame, plateau: pd.DataFrame, fit, *, unit: str, level: float, n_patients: int
) -> list[str]:
    """Medians, plateau, size and criterion, as lines."""
    lines = ["", f"Half have the event by ({unit}, {confidence(level)})"]
    for row in medians.to_dict("records"):
        head = "All" if row["variable"] == "(all)" else f"{row['variable']} {row['level']}"
        seen = f"seen in {of_total(row['n_events'], row['n'])} rows"
        if np.isinf(row["estimate"]):
            from_time = "" if np.isinf(row["conf_low"]) else f", from {time_point(row['conf_low'], unit)}"
            lines.append(f"  {head}: half is never reached{from_time}; {seen}")
            continue
        interval = time_range(row["conf_low"], row["conf_high"], unit)
        lines.append(f"  {head}: {time_point(row['estimate'], unit)} ({interval}); {seen}")
    lines += _plateau_lines(plateau, level)
    size = f"{count(fit.n)} rows, {count(fit.n_events)} with the event, {patients(n_patients)}"
    n_parameters = len(fit.params) + 1 + len(plateau)
    aic = 2 * n_parameters - 2 * fit.log_likelihood
    return [*lines, "", f"{size}; log-likelihood {fit.log_likelihood:.3f}; AIC {aic:.3f}"]


def _plateau_lines(plateau: pd.DataFrame, level: float) -> list[str]:
    """The share that ever has the event, with what is known of its limits."""
    lines = []
    for row in plateau.to_dict("records"):
        limits = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
        if row["code"]:
            low = percent(row["conf_low"])
            lines.append(
                f"Ever have the event: at least {low} ({confidence(level)} {limits}); that all do "
                "in the end is not excluded by these rows"
            )
        else:
            lines.append(f"Ever have the event: {percent(row['estimate'])} ({confidence(level)} {limits})")
    return ["", *lines] if lines else []


def _ratio(value: float) -> str:
    """A ratio with three digits, or two decimals from 1 on."""
    if not np.isfinite(value):
        return DASH
    return f"{value:,.2f}" if value >= 1 else significant(value, 2)
