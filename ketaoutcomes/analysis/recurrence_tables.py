"""Rates of loss and mean cumulative counts, per group."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.recurrence_rows import CountRows, RiskRows
from ketaoutcomes.engine.recurrent import event_rate, mean_count
from ketaoutcomes.errors import DataError

__all__ = ["FEWEST_FOR_LIMITS", "PER_DAYS", "check_group_name", "count_table", "loss_rates"]

# Days of responding that a rate is of.
PER_DAYS = 30.0
_SMALLEST_GROUP = 2
# With fewer patients the differences between them say nothing of a variance.
FEWEST_FOR_LIMITS = 5
# A standard error of less than this share of the mean is rounding: all patients are alike.
_NO_SPREAD = 1e-9
# Columns of the results of recurrent events and of assessments: a group of that name would hide one.
_TAKEN = frozenset(
    ("term", "model", "method", "kind", "order", "week_from", "week_to", "patient_days", "patient_weeks")
)
_TAKEN |= {"std_error", "statistic", "df", "p_value", "score_low", "score_high", "mean_score"}
_TAKEN |= {"p25", "median", "p75", "mean", "minimum", "maximum", "largest_raw", "effective_n", "n_truncated"}


def check_group_name(by: str | None) -> None:
    """Refuse a group whose name is that of a column of the results."""
    if by in _TAKEN:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )


def loss_rates(risk: RiskRows, grouped: Groups, level: float) -> pd.DataFrame:
    """Losses per 30 days of responding, per group, with limits robust by patient.

    Without a loss the limits are those of a Poisson count, exact; with losses of fewer than 5 patients
    there are none.
    """
    code = patient_codes(risk.frame)
    days = (risk.frame["stop"] - risk.frame["start"]).to_numpy(float) / HOURS_PER_DAY
    loss = risk.frame["loss"].to_numpy(float)
    parts = []
    for number, _ in enumerate(grouped.levels):
        own = grouped.code[code] == number
        if not own.any():
            continue
        name, place = np.unique(code[own], return_inverse=True)
        exposure, events = np.bincount(place, days[own]) / PER_DAYS, np.bincount(place, loss[own])
        estimate, low, high = event_rate(events, exposure, level=level)
        if events.any() and len(name) < FEWEST_FOR_LIMITS:
            low = high = np.nan
        cells = {
            "estimate": estimate, "conf_low": low, "conf_high": high, "n_events": int(events.sum()),
            "n_patients": len(name), "patient_days": exposure.sum() * PER_DAYS,
        }  # fmt: skip
        parts.append(pd.DataFrame({**grouped.columns(number, 1), **{k: [v] for k, v in cells.items()}}))
    return pd.concat(parts, ignore_index=True)


def count_table(rows: CountRows, grouped: Groups, level: float) -> pd.DataFrame:
    """Mean cumulative count per group, at 0 and at each loss, in days since the origin.

    The last row of a group is the end of its follow-up, to which the last count holds. There are no limits
    where fewer than 5 patients are under observation, nor where all have had as many losses.
    """
    level_of = grouped.code[rows.code]
    parts = []
    for number, _ in enumerate(grouped.levels):
        own = level_of == number
        if np.unique(rows.code[own]).size < (_SMALLEST_GROUP if grouped.by is not None else 1):
            continue
        start, stop = rows.start[own] / HOURS_PER_DAY, rows.stop[own] / HOURS_PER_DAY
        times = np.unique(np.concatenate([[0.0], stop[rows.loss[own]], [stop.max()]]))
        found = mean_count(stop, rows.loss[own], rows.code[own], start=start, times=times, level=level)
        # Of two patients at risk the loss of one looks like a difference until the other's, a day later.
        known = (found.n_at_risk >= FEWEST_FOR_LIMITS) & (found.std_error > _NO_SPREAD * found.estimate)
        parts.append(
            pd.DataFrame(
                {
                    **grouped.columns(number, len(times)),
                    "time": found.time,
                    "estimate": found.estimate,
                    "conf_low": np.where(known, found.conf_low, np.nan),
                    "conf_high": np.where(known, found.conf_high, np.nan),
                    "std_error": found.std_error,
                    "n_events": found.n_events,
                    "n_at_risk": found.n_at_risk.astype(np.int64),
                }
            )
        )
    if not parts:
        columns = ("time", "estimate", "conf_low", "conf_high", "std_error", "n_events", "n_at_risk")
        return pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
    return pd.concat(parts, ignore_index=True)
