"""From the ends of patients' intervals to the tables of one Turnbull curve per group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.engine.bootstrap import npmle_bootstrap
from ketaoutcomes.engine.interval import Npmle, cumulative, npmle, quantile_interval
from ketaoutcomes.engine.survival import KaplanMeier, kaplan_meier
from ketaoutcomes.errors import ConvergenceError

__all__ = ["LEAST_MASS", "Settings", "curves", "median_row", "naive_frame", "numbered_by_content", "pieces"]

# What is less than this is rounding of an estimate that is 0.
LEAST_MASS = 1e-10
TABLES = ("table", "landmarks", "medians", "masses", "naive", "fits")


@dataclass(frozen=True)
class Settings:
    """How the curves are made.

    Attributes
    ----------
    marks : (k,) float array
        Times of the landmarks.
    end : float
        Last time of the table.
    level : float
    n_replicates : int
        Bootstrap replicates; 0 for no band.
    seed : int
    resample : {"patients", "m-out-of-n"}
    """

    marks: np.ndarray
    end: float
    level: float
    n_replicates: int
    seed: int
    resample: str = "patients"


def curves(
    left: np.ndarray,
    right: np.ndarray,
    level_of: np.ndarray,
    grouped: Groups,
    shown: np.ndarray,
    how: Settings,
    *,
    patient: np.ndarray | None = None,
) -> dict[str, pd.DataFrame]:
    """Tables of all curves, one after the other, labelled with their group.

    Parameters
    ----------
    left, right : (n,) float
        Ends of (left, right]; right is inf without an event.
    level_of : (n,) int
        Group of each row; -1 is left out.
    grouped : Groups
    shown : (g,) bool
        Groups to estimate.
    how : Settings
    patient : (n,) int, optional
        Patient of each row, where rows are sessions.

    Returns
    -------
    dict
        The frames of a `CurveResult` by name.

    Raises
    ------
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for number in np.flatnonzero(shown):
        rows = level_of == number
        whose = None if patient is None else patient[rows]
        for name, frame in _curve(left[rows], right[rows], whose, how).items():
            if grouped.by is not None:
                frame.insert(0, grouped.by, [grouped.levels[number]] * len(frame))
            parts[name].append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def _curve(left: np.ndarray, right: np.ndarray, patient, how: Settings) -> dict[str, pd.DataFrame]:
    """The tables of one curve."""
    fit = npmle(left, right)
    if not fit.converged:
        raise ConvergenceError(
            f"the curve of {left.size:,} patients was not reached: after {fit.n_iterations} steps its "
            f"log-likelihood may still be {fit.gap:.0e} below the maximum, so no curve is given; round the "
            "times of the assessments (to the hour, or to the day), or split the cohort with by="
        )
    times, inside = _steps(fit, how.end)
    wanted = np.concatenate([inside, how.marks])
    bounds, median_conf, n_failed = _bounds(fit, left, right, patient, wanted, how)
    steps = bounds.iloc[: times.size].reset_index(drop=True)
    steps.insert(0, "time", times)
    steps.insert(3, "determined", steps["estimate_high"] - steps["estimate"] < 1e-12)

    event = np.isfinite(right)
    naive = kaplan_meier(np.where(event, right, left), event, level=how.level)
    low, high = quantile_interval(fit, 0.5)
    sizes = n_rows(patient, left.size) | {"n_events": int((right <= how.end).sum())}
    median = median_row(low, high, median_conf, naive.median)
    quality = {"log_likelihood": fit.log_likelihood, "gap": fit.gap, "converged": fit.converged}
    quality |= {"unique": fit.unique, "n_replicates": how.n_replicates, "n_failed": n_failed}
    used = fit.mass > LEAST_MASS
    return {
        "table": steps,
        "landmarks": _landmarks(
            left, right, patient, how.marks, bounds.iloc[times.size :].reset_index(drop=True)
        ),
        "medians": pd.DataFrame([median | sizes]),
        "masses": pd.DataFrame({"left": fit.left[used], "right": fit.right[used], "mass": fit.mass[used]}),
        "naive": naive_frame(naive, how.end),
        "fits": pd.DataFrame([sizes | quality]),
    }


def n_rows(patient, n: int) -> dict[str, int]:
    """Number of patients, and of sessions where those are the rows."""
    if patient is None:
        return {"n_patients": n}
    return {"n_patients": np.unique(patient).size, "n_sessions": n}


def median_row(low: float, high: float, limits, naive: float) -> dict[str, float]:
    """A median's interval (low, high], its limits, and by how much the naive median is later."""
    reached = np.isfinite(high)
    late = (naive - high, naive - low) if reached else (np.nan, np.nan)
    return {
        "estimate": (low + high) / 2 if reached else np.inf,
        "low": low,
        "high": high,
        "conf_low": limits[0],
        "conf_high": limits[1],
        "naive": naive,
        "late_low": late[0],
        "late_high": late[1],
    }


def naive_frame(naive: KaplanMeier, end: float) -> pd.DataFrame:
    """Kaplan-Meier at detection up to the end of the curve."""
    seen = naive.time <= end
    return pd.DataFrame(
        {
            "time": naive.time[seen],
            "estimate": 1.0 - naive.survival[seen],
            "n_at_risk": np.rint(naive.n_at_risk[seen]).astype(np.int64),
        }
    )


def numbered_by_content(patient: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Number of each row's patient in an order that depends on their rows and not on their names."""
    _, code = np.unique(patient, return_inverse=True)
    order = np.lexsort((right, left, code))
    counts = np.bincount(code)
    place = np.arange(code.size) - np.repeat(np.cumsum(counts) - counts, counts)
    content = np.full((counts.size, 2 * counts.max()), -1.0)
    content[code[order], 2 * place], content[code[order], 2 * place + 1] = left[order], right[order]
    rank = np.empty(counts.size, dtype=np.int64)
    rank[np.lexsort(content.T)] = np.arange(counts.size)
    return rank[code]


def _bounds(fit: Npmle, left, right, patient, wanted: np.ndarray, how: Settings):
    """Bounds of the share at the wanted times with their limits; those of the median; failed replicates."""
    low, high = cumulative(fit, wanted)
    if not how.n_replicates:
        nothing = np.full(wanted.size, np.nan)
        columns = {"estimate": low, "estimate_high": high, "conf_low": nothing, "conf_high": nothing}
        return pd.DataFrame(columns), (np.nan, np.nan), 0
    band = npmle_bootstrap(
        left, right, wanted, n_replicates=how.n_replicates, seed=how.seed, level=how.level,
        clusters=None if patient is None else numbered_by_content(patient, left, right),
        resample=how.resample,
    )  # fmt: skip
    columns = {"estimate": low, "estimate_high": high, "conf_low": band.conf_low, "conf_high": band.conf_high}
    return pd.DataFrame(columns), (band.median_low, band.median_high), band.n_failed


def _landmarks(left, right, patient, marks: np.ndarray, bounds: pd.DataFrame) -> pd.DataFrame:
    """The curve at the landmarks, and how much is known of how many patients by then."""
    responded = (right[:, None] <= marks).sum(axis=0)
    not_yet = ((left[:, None] >= marks) & (right[:, None] > marks)).sum(axis=0)
    bounds.insert(0, "time", marks)
    marked = bounds.assign(
        n=left.size, n_responded=responded, n_unknown=left.size - responded - not_yet, n_not_yet=not_yet
    )
    # Where rows are sessions, n counts these.
    return marked if patient is None else marked.assign(n_patients=np.unique(patient).size)


def _steps(fit: Npmle, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Times at which the curve may change, and a time inside the piece that each of them begins."""
    used = fit.mass > LEAST_MASS
    return pieces(fit.left[used], fit.right[used], end)


def pieces(left: np.ndarray, right: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Times up to `end` at which a curve with mass in (left, right] may change, and one inside each piece."""
    ends = np.concatenate([[0.0], left, right])
    times = np.unique(ends[np.isfinite(ends) & (ends <= end)])
    # The last piece has no length when the curve ends on a jump; the curve is known at the jump.
    until = np.append(times[1:], max(end, times[-1]))
    return times, (times + until) / 2
