"""From episodes to the curves of durability: incidence, cause-specific curve, bounds, counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.turnbull import Settings
from ketaoutcomes.derive.durability_rows import CAUSES, LOSS, NEXT, STOP, DurabilityRows
from ketaoutcomes.engine.competing_bootstrap import incidence_bootstrap
from ketaoutcomes.engine.competing_interval import incidence_at, interval_incidence
from ketaoutcomes.engine.delayed import delayed_npmle, survival_bounds
from ketaoutcomes.engine.delayed_bootstrap import delayed_bootstrap
from ketaoutcomes.engine.rates import cluster_ratio, wilson
from ketaoutcomes.engine.survival import kaplan_meier
from ketaoutcomes.errors import ConvergenceError
from ketaoutcomes.results.durability import first_half

__all__ = ["STILL", "group_curves"]

# Fewer patients than this under observation tell too little to draw a curve through.
FEWEST_AT_RISK = 5
STILL = "still responding"
SHARES = (*CAUSES, STILL)


def group_curves(rows: DurabilityRows, how: Settings) -> dict[str, pd.DataFrame]:
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
        "bounds": _worst_and_best(rows, times, own),
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


def _incidence(rows: DurabilityRows, times, how: Settings):
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


def _cause_specific(rows: DurabilityRows, times, how: Settings):
    """Share still responding if nobody were treated again, where that can be told."""
    left, right, entry = rows.cause_specific()
    at_risk = _at_risk(rows, times)
    watched = _patients_of(rows, at_risk)
    enough = np.flatnonzero(watched >= FEWEST_AT_RISK)
    # Before enough patients are watched one loss would decide the curve, which therefore begins later.
    begins = max(times[enough[0]] - 1, 0.0) if enough.size else 0.0
    gaps = np.flatnonzero(np.diff(enough) > 1)
    last = enough[gaps[0]] if gaps.size else enough[-1] if enough.size else 0
    fit = delayed_npmle(left, right, entry, given=begins)
    _check(fit.converged, len(rows), fit.gap)
    low, high = survival_bounds(fit, times)
    identified = (times >= begins) & (times <= times[last])
    conf_low, conf_high, failed = np.full(times.size, np.nan), np.full(times.size, np.nan), 0
    if how.n_replicates and rows.n_patients > 1:
        band = delayed_bootstrap(
            left, right, entry, times, clusters=rows.patient, given=begins,
            n_replicates=how.n_replicates, seed=how.seed, level=how.level,
        )  # fmt: skip
        conf_low, conf_high, failed = band.conf_low, band.conf_high, band.n_failed
    table = pd.DataFrame({"time": times})
    values = {"estimate": low, "estimate_high": high, "conf_low": conf_low, "conf_high": conf_high}
    for column, value in values.items():
        table[column] = np.where(identified, value, np.nan)
    table["n_at_risk"] = at_risk.sum(axis=0)
    table["n_patients"] = watched
    table["identified"] = identified
    quality = {"curve": "cause-specific", "log_likelihood": fit.log_likelihood, "gap": fit.gap}
    quality |= {"converged": fit.converged, "unique": fit.unique}
    quality |= {"n_replicates": how.n_replicates, "n_failed": failed}
    return table, quality


def _worst_and_best(rows: DurabilityRows, times, own: pd.DataFrame) -> pd.DataFrame:
    """Share that would respond at the worst and at the best that those treated again might have done.

    At worst each of them would have lost it the same day, at best none by then (Peterson's bounds), and
    so would those whose state at that session is not known. With delayed entry the shares of all
    episodes are no bounds: who entered late could not be lost before.
    """
    missing = np.full(times.size, np.nan)
    if (rows.entry > 0).any():
        return pd.DataFrame({"time": times, "worst": missing, "best": missing})
    worst = 1.0 - sum(incidence_at(_fitted(rows, "lost"), cause, times)[1] for cause in range(len(CAUSES)))
    best = 1.0 - incidence_at(_fitted(rows, "kept"), LOSS, times)[0]
    beyond = times > _last_known(rows)
    # The maxima may put a loss on different days of its interval; the bounds are of all of them.
    worst, best = np.fmin(worst, own["estimate"]), np.fmax(best, own["estimate_high"])
    return pd.DataFrame(
        {
            "time": times,
            "worst": np.where(beyond, np.nan, np.clip(worst, 0.0, 1.0)),
            "best": np.where(beyond, np.nan, np.clip(best, 0.0, 1.0)),
        }
    )


def _fitted(rows: DurabilityRows, unknown: str):
    left, right, cause = rows.competing(unknown)
    fit = interval_incidence(left, right, cause, n_causes=len(CAUSES))
    _check(fit.converged, len(rows), fit.gap)
    return fit


def _landmarks(rows: DurabilityRows, incidence: pd.DataFrame, counts: pd.DataFrame, how: Settings):
    """Shares and counts at the planned days; a plain proportion has the interval of a proportion."""
    table = incidence[incidence["event"] == CAUSES[LOSS]].set_index("time").loc[how.marks].reset_index()
    table = table.drop(columns="event").assign(method="bootstrap of patients")
    for name, column in zip(SHARES[1:], ("next_session", "stopped", "still_responding"), strict=True):
        of_event = incidence[incidence["event"] == name].set_index("time").loc[how.marks]
        table[column] = of_event["estimate"].to_numpy()
        table[f"{column}_high"] = of_event["estimate_high"].to_numpy()
    table = pd.concat([table, counts], axis=1)
    # A patient who stopped without a score that day counts as stopped, but how the patient was is not known.
    unseen = ((rows.cause == STOP) & ~rows.known)[:, None] & (rows.end[:, None] <= how.marks)
    for place in np.flatnonzero((counts["n_unknown"].to_numpy() == 0) & ~unseen.any(axis=0)):
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
    """How many episodes are surely lost, treated again, stopped or still responding at each day.

    An episode that a session ended on a day without a score is not known of after its last one.
    """
    sure = (rows.cause == STOP) | ((rows.cause == NEXT) & rows.known)
    ended = (rows.end[:, None] <= marks) & sure[:, None]
    lost = rows.right[:, None] <= marks
    again, stopped = (ended & (rows.cause == cause)[:, None] for cause in (NEXT, STOP))
    until = np.where((rows.cause > LOSS) & rows.known, rows.end, rows.left)
    still = (until[:, None] >= marks) & ~lost & ~ended
    unknown = ~(lost | again | stopped | still)
    behind = [_patients_of(rows, part) for part in (lost, again, stopped, still, unknown)]
    # Nobody is nobody; a count of episodes may be of fewer patients.
    fewest = np.array([[size if size else np.inf for size in part] for part in behind]).min(axis=0)
    return pd.DataFrame(
        {
            "n": np.full(marks.size, len(rows)),
            "fewest_patients": np.where(np.isfinite(fewest), fewest, 0).astype(np.int64),
            "n_patients": np.full(marks.size, rows.n_patients),
            "n_lost": lost.sum(axis=0),
            "n_next_session": again.sum(axis=0),
            "n_stopped": stopped.sum(axis=0),
            "n_still": still.sum(axis=0),
            "n_unknown": unknown.sum(axis=0),
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
    low, high = first_half(known, "estimate"), first_half(known, "estimate_high")
    middle = (low + high) / 2 if np.isfinite(high) else np.inf
    limits = first_half(known, "conf_low"), first_half(known, "conf_high")
    if not known["conf_low"].notna().any():
        limits = np.nan, np.nan
    return {"estimate": middle, "low": low, "high": high, "conf_low": limits[0], "conf_high": limits[1]}


def _at_risk(rows: DurabilityRows, times) -> np.ndarray:
    """Marks the episodes that may be lost at each time: watched until then, and not lost before; (n, t)."""
    until = np.where(np.isfinite(rows.right), rows.right, rows.left)
    return ((rows.entry[:, None] < times) | (rows.entry[:, None] == 0)) & (until[:, None] >= times)


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
