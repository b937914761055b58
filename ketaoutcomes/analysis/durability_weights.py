"""Durability as if no session had ended an episode, by weighting those that went on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.turnbull import Settings
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.durability_rows import DurabilityRows
from ketaoutcomes.derive.episodes import EpisodeSet
from ketaoutcomes.derive.untreated_days import untreated_days
from ketaoutcomes.engine.censoring_weights import FEWEST_EFFECTIVE, person_periods
from ketaoutcomes.engine.delayed import survival_bounds
from ketaoutcomes.engine.weighted_durability import assessment_rows, weighted_durability

__all__ = ["weighted_curves"]

# Refitting both models for each replicate is what takes the time.
MOST_REPLICATES = 200
# Percentiles to which weights are cut. Cut at the 1st and 99th they left a third of the bias of a strong
# dependence (tests/simulation/test_informative_booking_truth.py).
TRUNCATED = (0.1, 99.9)


def weighted_curves(
    cohort: Cohort,
    found: EpisodeSet,
    rows: DurabilityRows,
    chosen: np.ndarray,
    own: pd.DataFrame,
    how: Settings,
) -> dict[str, pd.DataFrame]:
    """The weighted curve of some of the episodes, and diagnostics of the weights.

    Parameters
    ----------
    chosen : (n_episodes,) bool array
    own : DataFrame
        The cause-specific curve of the same episodes: its times, and where it is identified.

    Returns
    -------
    dict
        "weighted" (as the cause-specific curve; missing where it is no estimate) and "weights".
    """
    days = untreated_days(cohort, found, rows, chosen)
    periods = person_periods(
        days.episode, days.patient, bin=days.day, history=days.history, numerator=days.numerator,
        event=days.event, tied=True,
    )  # fmt: skip
    # Episodes that were over before anyone was treated again have no day: they weigh 1.
    names = np.unique(days.episode)
    place = np.minimum(np.searchsorted(names, days.assessed_episode), names.size - 1)
    code = np.where(names[place] == days.assessed_episode, place, -1 - days.assessed_episode)
    seen = assessment_rows(code, days.assessed_day, lost=days.lost, entry=days.entry)
    patient = rows.patient[np.where(seen.episode < 0, -1 - seen.episode, names[np.maximum(seen.episode, 0)])]
    seen = replace(seen, episode=np.maximum(seen.episode, -1))
    times = own["time"].to_numpy(float)
    fit = weighted_durability(
        seen, periods, times, bin_width=1.0, patient=patient, seed=how.seed, level=how.level,
        truncate=TRUNCATED,
        n_replicates=min(how.n_replicates, MOST_REPLICATES),
    )  # fmt: skip
    weights = fit.weights
    low, high = survival_bounds(fit.curve, times)
    few = weights.bins[weights.effective_n_by_bin < FEWEST_EFFECTIVE]
    until = few.min() if few.size else np.inf
    identified = own["identified"].to_numpy(bool) & (times < until) & weights.usable
    values = {"estimate": low, "estimate_high": high}
    values["conf_low"] = np.full(times.size, np.nan) if fit.band is None else fit.band.conf_low
    values["conf_high"] = np.full(times.size, np.nan) if fit.band is None else fit.band.conf_high
    table = pd.DataFrame({"time": times})
    for name, value in values.items():
        table[name] = np.where(identified, value, np.nan)
    table["n_at_risk"], table["n_patients"] = own["n_at_risk"].to_numpy(), own["n_patients"].to_numpy()
    table["identified"] = identified
    diagnostics = {
        "n": int(chosen.sum()), "n_days": int(days.day.size), "n_events": int(days.event.sum()),
        "mean": weights.mean, "low": weights.low, "high": weights.high,
        "high_before_truncation": weights.largest_before_truncation, "effective_n": weights.effective_n,
        "share_hardly_any": weights.share_hardly_any, "positivity_fails": weights.positivity_fails,
        "separated": weights.separated, "converged": weights.converged, "usable": weights.usable,
        "n_replicates": 0 if fit.band is None else fit.band.n_replicates,
        "n_failed": 0 if fit.band is None else fit.band.n_failed,
    }  # fmt: skip
    return {"weighted": table, "weights": pd.DataFrame([diagnostics])}
