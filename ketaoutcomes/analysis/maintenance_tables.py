"""Tables of one group's gaps between sessions: how long, in which order, and with which trend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.durability_rows import DurabilityRows
from ketaoutcomes.engine.bootstrap import patient_weights
from ketaoutcomes.engine.clusters import numbered_clusters
from ketaoutcomes.engine.delayed import at_risk, delayed_npmle, survival_bounds
from ketaoutcomes.engine.delayed_bootstrap import delayed_bootstrap
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError
from ketaoutcomes.results.mixed import LmmResult

__all__ = [
    "CLOSED",
    "FEWEST_GAPS",
    "FEWEST_OWN_GAPS",
    "OPEN_COUNTED",
    "WITHIN",
    "by_session",
    "gap_table",
    "longest_gap",
    "still_responding",
    "trend",
]

CLOSED, OPEN_COUNTED = "closed gaps", "open gaps counted"
WITHIN = "spread within a patient"
# Fewer gaps than this at one place in the order would show single patients.
FEWEST_GAPS = 5
# Quartiles of a patient's own gaps need at least this many.
FEWEST_OWN_GAPS = 4
# From this many patients on Satterthwaite and Kenward-Roger agree.
_LARGE = 50
# Fewer patients than this give no p-value.
_FEWEST_FOR_P = 20
_ROUNDING = 1e-9
_QUARTERS = (0.25, 0.5, 0.75)
# Random parts of the trend with a slope of each patient; the first without a variance of 0 is taken.
_OWN_SLOPES = ("(1 + number | patient_id)", "(1 + number || patient_id)", "(0 + number | patient_id)")
_COMMON_SLOPE = "(1 | patient_id)"


def gap_table(gaps: pd.DataFrame, *, level: float, n_replicates: int, seed: int) -> pd.DataFrame:
    """Median and quartiles of the gaps in days: of closed ones, with the open ones, and within patients.

    With open gaps the quantiles are those of the Kaplan-Meier curve of the time to the next session, inf
    where it is not reached. Limits are percentiles of a bootstrap over patients.

    Parameters
    ----------
    gaps : DataFrame
        Rows of `gap_set`.
    """
    days, closed = gaps["days"].to_numpy(float), gaps["closed"].to_numpy(dtype=bool)
    # Patients are numbered by their gaps, so that limits do not depend on their names.
    _, content = np.unique(np.column_stack([days, closed]), axis=0, return_inverse=True)
    patient = numbered_clusters(content.reshape(-1), patient_codes(gaps))
    n_patients = int(patient.max(initial=-1)) + 1
    own, owner, n_own = _own_spread(days[closed], patient[closed])
    parts = (
        (CLOSED, days[closed], closed[closed], patient[closed], int(closed.sum())),
        (OPEN_COUNTED, days, closed, patient, int(closed.sum())),
        (WITHIN, own, np.ones(own.size, dtype=bool), owner, n_own),
    )
    drawn = patient_weights(n_patients, n_replicates, seed) if n_replicates else np.empty((0, n_patients))
    rows = []
    for measure, time, event, whose, n_events in parts:
        low, median, high = _quantiles(time, event, np.ones((1, time.size)), _QUARTERS)[0]
        limits = _limits(time, event, whose, drawn, level)
        counts = {"n": n_own if measure == WITHIN else time.size, "n_events": n_events}
        counts |= {"n_patients": np.unique(whose).size}
        spread = {"conf_low": limits[0], "conf_high": limits[1], "p25": low, "p75": high}
        rows.append({"measure": measure, "estimate": median} | spread | counts)
    return pd.DataFrame(rows)


def by_session(gaps: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of the closed gaps in days by their place in the patient's order, where there are enough."""
    closed = gaps[gaps["closed"]]
    counts = closed["number"].value_counts().sort_index()
    kept = counts.index[(counts >= FEWEST_GAPS).to_numpy()]
    n_open = gaps.loc[~gaps["closed"], "number"].value_counts()
    rows = []
    for number in kept:
        days = closed.loc[closed["number"] == number, "days"].to_numpy(float)
        p10, p25, median, p75, p90 = np.quantile(days, (0.1, 0.25, 0.5, 0.75, 0.9))
        spread = {"estimate": median, "p25": p25, "p75": p75, "p10": p10, "p90": p90}
        rows.append({"number": int(number), "n": days.size, "n_open": int(n_open.get(number, 0))} | spread)
    columns = ["number", "n", "n_open", "estimate", "p25", "p75", "p10", "p90"]
    return pd.DataFrame(rows, columns=columns)


def trend(gaps: pd.DataFrame, *, level: float) -> tuple[dict, str]:
    """Change of the gap from one session to the next within patients, as a share, and why there is none.

    The slope of log gap (whole days) by number of the gap, counted from the patient's own mean number:
    patients with short gaps have more of them, and would else pass for a shortening. Slopes differ between
    patients where the gaps can tell; a common one would make the limits too short.

    Returns
    -------
    row : dict
        estimate, conf_low, conf_high, df, p_value, n, n_patients, direction.
    words : str
        Why it is not estimable, or why its model is simpler than asked for; empty if neither.
    """
    closed = gaps[gaps["closed"]]
    code = patient_codes(closed)
    several = np.bincount(code)[code] > 1 if code.size else np.zeros(0, dtype=bool)
    n_patients = np.unique(code[several]).size
    row = dict.fromkeys(("estimate", "conf_low", "conf_high", "df", "p_value"), np.nan)
    row |= {"n": int(several.sum()), "n_patients": n_patients, "direction": ""}
    if n_patients < 2:
        return row, "fewer than 2 patients have two closed gaps"
    number = closed["number"].to_numpy(float)[several]
    owner = code[several]
    own_mean = np.bincount(owner, number)[owner] / np.bincount(owner)[owner]
    # Whole days: as a logarithm a gap of an hour would outweigh all others.
    log_gap = np.log(np.maximum(closed["days"].to_numpy(float)[several], 1.0))
    frame = pd.DataFrame({"log_gap": log_gap, "number": number - own_mean, "patient_id": owner})
    fit, words = _trend_model(frame, "kenward-roger" if n_patients < _LARGE else "satterthwaite")
    if fit is None:
        return row, words
    low, high = np.expm1(fit.conf_int(level).loc["number"].to_numpy())
    row |= {"estimate": np.expm1(fit.params["number"]), "conf_low": low, "conf_high": high}
    row["df"] = fit.df["number"]
    row["p_value"] = fit.pvalues["number"] if n_patients >= _FEWEST_FOR_P else np.nan
    row["direction"] = "lengthening" if low > 0 else "shortening" if high < 0 else "no clear trend"
    return row, words


def _trend_model(frame: pd.DataFrame, df: str) -> tuple[LmmResult | None, str]:
    """The mixed model with a slope of each patient, or with a common one where no such slope is seen."""
    for random in _OWN_SLOPES:
        try:
            fit = lmm(f"log_gap ~ number + {random}", frame, df=df)
        except (ConvergenceError, DataError, FormulaError):
            continue
        if not fit.singular:
            return fit, ""
    try:
        fit = lmm(f"log_gap ~ number + {_COMMON_SLOPE}", frame, df=df)
    except (ConvergenceError, DataError, FormulaError):
        return None, "the gaps do not vary enough for a model of them"
    return fit, "one slope for all patients, as none of their own is seen in these gaps"


def still_responding(rows: DurabilityRows, *, level: float, n_replicates: int, seed: int) -> pd.DataFrame:
    """Share still responding at each whole day since the session, as far as anyone is known of.

    Returns
    -------
    DataFrame
        `time` (days), `estimate` and `estimate_high` (bounds of the share), `conf_low`, `conf_high`,
        `n_at_risk` (episodes under observation).

    Raises
    ------
    ConvergenceError
        If the maximum of the likelihood was not reached.
    """
    left, right, entry = rows.cause_specific()
    last = float(np.max(np.where(np.isfinite(right), right, left), initial=0.0))
    days = np.arange(0.0, last + 1)
    fit = delayed_npmle(left, right, entry)
    if not fit.converged:
        raise ConvergenceError(
            f"the curve of {len(rows):,} episodes was not reached: its log-likelihood may still be "
            f"{fit.gap:.0e} below the maximum, so no longest gap is given; leave out the instrument"
        )
    low, high = survival_bounds(fit, days)
    conf_low = conf_high = np.full(days.size, np.nan)
    if n_replicates and rows.n_patients > 1:
        band = delayed_bootstrap(
            left, right, entry, days, clusters=rows.patient, n_replicates=n_replicates, seed=seed, level=level
        )
        conf_low, conf_high = band.conf_low, band.conf_high
    return pd.DataFrame(
        {
            "time": days,
            "estimate": low,
            "estimate_high": high,
            "conf_low": conf_low,
            "conf_high": conf_high,
            "n_at_risk": at_risk(left, right, entry, days).astype(np.int64),
        }
    )


def longest_gap(curve: pd.DataFrame, rows: DurabilityRows, keep: float) -> dict:
    """The last day up to which the lower limit of the share still responding is at least `keep`.

    Parameters
    ----------
    curve : DataFrame
        As `still_responding` returns.

    Returns
    -------
    dict
        `estimate` (days; missing if no day holds, or there are no limits), `identified` (the
        limit falls below `keep` on a day on which someone is known of), `share`, `share_low` and
        `n_at_risk` on that day, `n`, `n_events`, `n_patients`, `last_day`.
    """
    days = curve["time"].to_numpy(float)
    holds = np.minimum.accumulate(curve["conf_low"].to_numpy(float)) >= keep - _ROUNDING
    # On the day of the first entry all that are known of respond, whatever comes later.
    fits = np.flatnonzero(holds & (days > rows.entry.min()))
    found = {"estimate": np.nan, "identified": False, "share": np.nan, "share_low": np.nan, "n_at_risk": 0}
    if curve["conf_low"].notna().all():
        found["identified"] = not holds[-1]
    if fits.size:
        day = curve.iloc[fits[-1]]
        found |= {"estimate": float(day["time"]), "share": float(day["estimate"])}
        found |= {"share_low": float(day["conf_low"]), "n_at_risk": int(day["n_at_risk"])}
    n_events = int(np.isfinite(rows.right).sum())
    return found | {"n": len(rows), "n_events": n_events, "n_patients": rows.n_patients, "last_day": days[-1]}


def _own_spread(days: NDArray, patient: NDArray) -> tuple[NDArray, NDArray, int]:
    """Distance of the quartiles of each patient with enough gaps, that patient, and the gaps in it."""
    order = np.lexsort((days, patient))
    days, patient = days[order], patient[order]
    owner, start, n = np.unique(patient, return_index=True, return_counts=True)
    enough = n >= FEWEST_OWN_GAPS
    owner, start, n = owner[enough], start[enough], n[enough]
    ends = []
    for share in (0.25, 0.75):
        place = share * (n - 1)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, n - 1)
        ends.append(days[start + low] + (place - low) * (days[start + high] - days[start + low]))
    return ends[1] - ends[0], owner, int(n.sum())


def _limits(time, event, whose, drawn, level) -> tuple[float, float]:
    """Percentiles of the replicates' medians, which may be infinite; missing for a single patient."""
    if not len(drawn) or np.unique(whose).size < 2:
        return np.nan, np.nan
    # A replicate may have drawn none of the patients who have such a row.
    used = drawn[(drawn[:, np.unique(whose)] > 0).any(axis=1)]
    medians = np.sort(_quantiles(time, event, used[:, whose], (0.5,))[:, 0])
    last, tail = medians.size - 1, (1 - level) / 2
    return float(medians[int(np.floor(last * tail))]), float(medians[int(np.ceil(last * (1 - tail)))])


def _quantiles(time: NDArray, event: NDArray, weights: NDArray, shares: Sequence[float]) -> NDArray:
    """Kaplan-Meier quantiles under several sets of weights, as R's survfit gives them; (B, len(shares)).

    A curve that runs flat at exactly one of them gives the middle of the flat part; inf if not reached.
    Without open gaps these are ordinary medians and quartiles.
    """
    if not time.size:
        return np.full((len(weights), len(shares)), np.nan)
    days, place = np.unique(time, return_inverse=True)
    events, ends = np.zeros((2, len(weights), days.size))
    for row, weight in enumerate(weights):
        ends[row] = np.bincount(place, weight, days.size)
        events[row] = np.bincount(place, weight * event, days.size)
    risk = np.cumsum(ends[:, ::-1], axis=1)[:, ::-1]
    survival = np.cumprod(1.0 - events / np.maximum(risk, _ROUNDING), axis=1)
    found = np.full((len(weights), len(shares)), np.inf)
    for column, share in enumerate(shares):
        reached, past = (survival <= 1 - share + side for side in (_ROUNDING, -_ROUNDING))
        first = np.where(reached.any(axis=1), reached.argmax(axis=1), -1)
        beyond = np.where(past.any(axis=1), past.argmax(axis=1), days.size - 1)
        exact = first < np.where(past.any(axis=1), past.argmax(axis=1), days.size)
        middle = np.where(exact, (days[first] + days[beyond]) / 2, days[first])
        found[:, column] = np.where(first >= 0, middle, np.inf)
    return found
