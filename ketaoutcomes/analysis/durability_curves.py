"""From episodes to the curves of durability: incidence, cause-specific curve, bounds, counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.derive.durability_rows import CAUSES, LOSS, NEXT, STOP, DurabilityRows
from ketaoutcomes.engine.competing_bootstrap import incidence_bootstrap
from ketaoutcomes.engine.competing_interval import incidence_at, interval_incidence
from ketaoutcomes.engine.delayed import at_risk, delayed_npmle, survival_bounds
from ketaoutcomes.engine.delayed_bootstrap import delayed_bootstrap
from ketaoutcomes.engine.rates import cluster_ratio, wilson
from ketaoutcomes.engine.survival import kaplan_meier
from ketaoutcomes.errors import ConvergenceError

__all__ = ["STILL", "CurveSettings", "group_curves"]

# Fewer patients than this under observation tell too little to draw a curve through.
FEWEST_AT_RISK = 5
STILL = "still responding"
SHARES = (*CAUSES, STILL)


@dataclass(frozen=True)
class CurveSettings:
    """How the curves are made.

    Attributes
    ----------
    marks : (k,) float array
        Days of the landmarks.
    end : float
        Last day of the curves.
    level : float
    n_replicates, seed : int
    """

    marks: np.ndarray
    end: float
    level: float
    n_replicates: int
    seed: int


def group_curves(rows: DurabilityRows, how: CurveSettings) -> dict[str, pd.DataFrame]:
    """The frames of one group's curves, by name.

    Raises
    ------
    ConvergenceError
        If the maximum of a likelihood was not reached.
    """
    days = np.arange(0.0, how.end + 1)
    # The shares at whole days; between them a row of the table holds.
    times = np.unique(np.concatenate([days, how.marks]))
    incidence, quality = _incidence(rows, times, how)
    own, own_quality = _cause_specific(rows, times, how)
    counts = _counts(rows, how.marks)
    landmarks = _landmarks(rows, incidence, counts, how)
    naive = kaplan_meier(
        np.where(np.isfinite(rows.right), rows.right, rows.left), np.isfinite(rows.right), level=how.level
    )
    medians = _median(own) | {"naive": naive.median, "n": len(rows), "n_patients": rows.n_patients}
    medians |= {"n_events": int((rows.cause == LOSS).sum())}
    shown = naive.time <= how.end
    return {
        "incidence": incidence,
        "cause_specific": own,
        "bounds": _worst_and_best(rows, incidence, own),
        "landmarks": landmarks,
        "medians": pd.DataFrame([medians]),
        "naive": pd.DataFrame(
            {
                "time": naive.time[shown],
                "estimate": naive.survival[shown],
                "n_at_risk": np.rint(naive.n_at_risk[shown]).astype(np.int64),
            }
        ),
        "fits": pd.DataFrame([quality, own_quality]),
    }


def _incidence(rows: DurabilityRows, times, how: CurveSettings):
    """Incidence of each end of an episode with limits, tidy, and how well it was fitted."""
    left, right, cause = rows.competing()
    fit = interval_incidence(left, right, cause, n_causes=len(CAUSES))
    _check(fit.converged, len(rows), fit.gap)
    low = np.array([incidence_at(fit, k, times)[0] for k in range(len(CAUSES))])
    high = np.array([incidence_at(fit, k, times)[1] for k in range(len(CAUSES))])
    still = np.clip(1.0 - np.array([high.sum(axis=0), low.sum(axis=0)]), 0.0, 1.0)
    low, high = np.vstack([low, still[:1]]), np.vstack([high, still[1:]])
    conf_low, conf_high, failed = np.full(low.shape, np.nan), np.full(low.shape, np.nan), 0
    if how.n_replicates and rows.n_patients > 1:
        band = incidence_bootstrap(
            left, right, cause, times, n_causes=len(CAUSES), clusters=rows.patient,
            n_replicates=how.n_replicates, seed=how.seed, level=how.level,
        )  # fmt: skip
        conf_low, conf_high, failed = band.conf_low, band.conf_high, band.n_failed
    # Beyond the last day on which anyone was seen nothing is known.
    beyond = times > _last_known(rows)
    parts = []
    for place, name in enumerate(SHARES):
        part = pd.DataFrame({"event": name, "time": times})
        values = (low[place], high[place], conf_low[place], conf_high[place])
        for column, value in zip(("estimate", "estimate_high", "conf_low", "conf_high"), values, strict=True):
            part[column] = np.where(beyond, np.nan, value)
        parts.append(part)
    quality = {"curve": "incidence", "log_likelihood": fit.log_likelihood, "gap": fit.gap}
    quality |= {"converged": fit.converged, "unique": fit.unique}
    quality |= {"n_replicates": how.n_replicates, "n_failed": failed}
    return pd.concat(parts, ignore_index=True), quality


def _cause_specific(rows: DurabilityRows, times, how: CurveSettings):
    """Share still responding if nobody were treated again, where that can be told."""
    left, right, entry = rows.cause_specific()
    fit = delayed_npmle(left, right, entry)
    _check(fit.converged, len(rows), fit.gap)
    low, high = survival_bounds(fit, times)
    watched = _patients_watched(rows, times)
    known_to = times[watched >= FEWEST_AT_RISK].max(initial=0.0)
    identified = times <= known_to
    conf_low, conf_high, failed = np.full(times.size, np.nan), np.full(times.size, np.nan), 0
    if how.n_replicates and rows.n_patients > 1:
        band = delayed_bootstrap(
            left, right, entry, times, clusters=rows.patient,
            n_replicates=how.n_replicates, seed=how.seed, level=how.level,
        )  # fmt: skip
        conf_low, conf_high, failed = band.conf_low, band.conf_high, band.n_failed
    table = pd.DataFrame({"time": times})
    values = {"estimate": low, "estimate_high": high, "conf_low": conf_low, "conf_high": conf_high}
    for column, value in values.items():
        table[column] = np.where(identified, value, np.nan)
    table["n_at_risk"] = np.rint(at_risk(left, right, entry, times)).astype(np.int64)
    table["n_patients"] = watched
    table["identified"] = identified
    quality = {"curve": "cause-specific", "log_likelihood": fit.log_likelihood, "gap": fit.gap}
    quality |= {"converged": fit.converged, "unique": fit.unique}
    quality |= {"n_replicates": how.n_replicates, "n_failed": failed}
    return table, quality


def _worst_and_best(rows: DurabilityRows, incidence: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Share that would respond at the worst and at the best that those treated again might have done.

    At worst each of them would have lost it the same day, at best none by then (Peterson's bounds).
    With delayed entry the shares of all episodes are no bounds: who entered late could not be lost before.
    """
    if (rows.entry > 0).any():
        incidence = incidence.assign(estimate=np.nan)
    known = incidence[incidence["event"] == STILL]
    lost = incidence[incidence["event"] == CAUSES[LOSS]]
    worst, best = known["estimate"].to_numpy(), 1.0 - lost["estimate"].to_numpy()
    # The two maxima may put a loss on different days of its interval; the bounds are of both.
    if not np.isnan(worst).all():
        worst, best = np.fmin(worst, own["estimate"]), np.fmax(best, own["estimate_high"])
    return pd.DataFrame({"time": known["time"].to_numpy(), "worst": worst, "best": best})


def _landmarks(rows: DurabilityRows, incidence: pd.DataFrame, counts: pd.DataFrame, how: CurveSettings):
    """Shares and counts at the planned days; a plain proportion has the interval of a proportion."""
    table = incidence[incidence["event"] == CAUSES[LOSS]].set_index("time").loc[how.marks].reset_index()
    table = table.drop(columns="event").assign(method="bootstrap of patients")
    for name, column in zip(SHARES[1:], ("next_session", "stopped", "still_responding"), strict=True):
        of_event = incidence[incidence["event"] == name].set_index("time").loc[how.marks]
        table[column] = of_event["estimate"].to_numpy()
        table[f"{column}_high"] = of_event["estimate_high"].to_numpy()
    table = pd.concat([table, counts], axis=1)
    for place in np.flatnonzero(counts["n_unknown"].to_numpy() == 0):
        lost = (rows.right <= how.marks[place]).astype(float)
        if rows.n_patients == len(rows):
            low, high = wilson(lost.sum(), len(rows), level=how.level)
            method = "Wilson, every patient's state is known"
        else:
            _, patient = np.unique(rows.patient, return_inverse=True)
            by_patient = np.bincount(patient, lost), np.bincount(patient)
            rate = cluster_ratio(*by_patient, level=how.level)
            low, high, method = (
                rate.conf_low,
                rate.conf_high,
                f"every episode's state is known; {rate.method}",
            )
        table.loc[place, ["conf_low", "conf_high"]] = float(low), float(high)
        table.loc[place, "method"] = method
    return table


def _counts(rows: DurabilityRows, marks) -> pd.DataFrame:
    """How many episodes are surely lost, treated again, stopped or still responding at each day."""
    lost = (rows.right[:, None] <= marks).sum(axis=0)
    again = ((rows.cause == NEXT)[:, None] & (rows.end[:, None] <= marks)).sum(axis=0)
    stopped = ((rows.cause == STOP)[:, None] & (rows.end[:, None] <= marks)).sum(axis=0)
    seen_until = np.where(rows.cause > LOSS, rows.end, rows.left)
    still = ((seen_until[:, None] >= marks) & (rows.right[:, None] > marks)).sum(axis=0)
    still -= ((rows.cause > LOSS)[:, None] & (rows.end[:, None] == marks)).sum(axis=0)
    n = len(rows)
    ended = (rows.end[:, None] <= marks) & (rows.cause > LOSS)[:, None]
    behind = [
        _patients_of(rows, part)
        for part in (
            rows.right[:, None] <= marks,
            ended & (rows.cause == NEXT)[:, None],
            ended & (rows.cause == STOP)[:, None],
            (seen_until[:, None] >= marks) & (rows.right[:, None] > marks) & ~ended,
        )
    ]
    # Nobody is nobody; a count of episodes may be of fewer patients.
    fewest = np.array([[size if size else np.inf for size in part] for part in behind]).min(axis=0)
    return pd.DataFrame(
        {
            "n": np.full(marks.size, n),
            "fewest_patients": np.where(np.isfinite(fewest), fewest, 0).astype(np.int64),
            "n_patients": np.full(marks.size, rows.n_patients),
            "n_lost": lost,
            "n_next_session": again,
            "n_stopped": stopped,
            "n_still": still,
            "n_unknown": n - lost - again - stopped - still,
        }
    )


def _patients_of(rows: DurabilityRows, marked: np.ndarray) -> np.ndarray:
    """Distinct patients with a marked row, per column of an (n, k) mask."""
    _, patient = np.unique(rows.patient, return_inverse=True)
    seen = np.zeros((int(patient.max()) + 1, marked.shape[1]), bool)
    np.logical_or.at(seen, patient, marked)
    return seen.sum(axis=0)


def _median(own: pd.DataFrame) -> dict[str, float]:
    """Days by which half have lost the response, with the limits at which the band crosses one half."""
    known = own[own["identified"]]

    def first(column):
        below = known.loc[known[column] <= 0.5 + 1e-9, "time"]
        return float(below.iloc[0]) if len(below) else np.inf

    low, high = first("estimate"), first("estimate_high")
    middle = (low + high) / 2 if np.isfinite(high) else np.inf
    limits = first("conf_low"), first("conf_high")
    if not known["conf_low"].notna().any():
        limits = np.nan, np.nan
    return {"estimate": middle, "low": low, "high": high, "conf_low": limits[0], "conf_high": limits[1]}


def _patients_watched(rows: DurabilityRows, times) -> np.ndarray:
    """Distinct patients with an episode that is known to be going on at each time."""
    until = np.where(np.isfinite(rows.right), np.maximum(rows.right - 1, rows.left), rows.left)
    watched = (rows.entry[:, None] <= times) & (until[:, None] >= times)
    return _patients_of(rows, watched)


def _last_known(rows: DurabilityRows) -> float:
    """Last day on which anything is known of an episode that may still go on."""
    finite = [part[np.isfinite(part)] for part in (rows.left, rows.right, rows.end)]
    return float(np.concatenate(finite).max(initial=0.0))


def _check(converged: bool, n: int, gap: float) -> None:
    if not converged:
        raise ConvergenceError(
            f"a durability curve of {n:,} episodes was not reached: its log-likelihood may still be "
            f"{gap:.0e} below the maximum, so no curve is given; split the cohort with by="
        )
