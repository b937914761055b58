"""Wearing off against a truth that is known: coverage with planned gaps, with gaps that depend on recorded
scores (where the model holds), and with gaps that depend on what was not recorded (where it does not)."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.wearing_model import fit_wearing
from ketaoutcomes.analysis.wearing_quantities import quantities

FULL = os.environ.get("KETA_FULL") == "1"
N_REPLICATES = 2000 if FULL else 200
# Monte-Carlo standard errors that the coverage may be off by: the acceptance rule at full size, and looser in
# the short run.
N_ERRORS = 3.0 if FULL else 4.0
DAYS = np.array([1.0, 4.0, 7.0, 14.0, 21.0, 28.0])
LEVEL, SLOPE = 12.0, -1.2
N_PATIENTS, N_SESSIONS = 40, 4
TRUTH = {
    "retained": (LEVEL + SLOPE * np.log2(15.0)) / (LEVEL + SLOPE),
    "benefit": LEVEL + SLOPE * np.log2(15.0),
    # From day 1 to day 14 in points a week.
    "loss_per_week": -SLOPE * (np.log2(15.0) - 1.0) * 7.0 / 13.0,
}


def simulated(seed: int, gaps: str) -> pd.DataFrame:
    """Benefit = (12 + a_i + w_ik) + (-1.2 + b_i) log2(1 + day) + e, with gaps cut short or not.

    "planned": all six assessments. "recorded": the next session follows as soon as a recorded benefit is
    under 6 points. "felt": the next session follows when the benefit is under 6 points, before it is
    recorded.
    """
    generator = np.random.default_rng(seed)
    time = np.log2(1.0 + DAYS)
    both = generator.multivariate_normal([0.0, 0.0], [[9.0, -0.6], [-0.6, 0.5]], N_PATIENTS)
    shape = (N_PATIENTS, N_SESSIONS, DAYS.size)
    latent = LEVEL + both[:, :1, None] + (SLOPE + both[:, 1:, None]) * time
    latent = latent + generator.normal(0.0, 1.5, (N_PATIENTS, N_SESSIONS, 1))
    seen = latent + generator.normal(0.0, 2.0, shape)
    low = seen < 6.0
    before = np.cumsum(low, axis=2) - low
    whole = np.ones(shape, dtype=bool)
    kept = {"planned": whole, "recorded": before == 0, "felt": np.cumsum(low, axis=2) == 0}[gaps]
    patient, session, day = np.nonzero(kept)
    return pd.DataFrame(
        {
            "patient_id": patient,
            "session": session + 7,
            "group": pd.Categorical(["maintenance"] * patient.size),
            "day": DAYS[day],
            "benefit": seen[kept],
            "baseline": 18.0,
        }
    )


def estimated(seed: int, gaps: str) -> pd.DataFrame:
    """Estimates and limits at day 14 of one data set, by quantity."""
    model = fit_wearing(simulated(seed, gaps))
    found = quantities(model, model.curves(1.0)[0], peak_day=1.0, at=np.array([14.0]), level=0.95)
    found = found[found["day"].eq(14.0) & found["quantity"].isin(TRUTH)]
    return found.set_index("quantity")[["estimate", "conf_low", "conf_high"]]


def many(gaps: str, n_replicates: int) -> dict[str, np.ndarray]:
    """(n_replicates, 3) per quantity: estimate, conf_low, conf_high."""
    runs = [estimated(20260101 + number, gaps) for number in range(n_replicates)]
    return {name: np.array([run.loc[name].to_numpy(float) for run in runs]) for name in TRUTH}


@pytest.mark.parametrize("gaps", ["planned", "recorded"])
def test_limits_cover_the_truth_where_gaps_are_planned_or_follow_from_recorded_scores(gaps):
    found = many(gaps, N_REPLICATES)
    for name, truth in TRUTH.items():
        estimate, low, high = found[name].T
        assert np.isfinite(found[name]).all()
        error = np.sqrt(0.95 * 0.05 / N_REPLICATES)
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=N_ERRORS * error), name
        spread = estimate.std(ddof=1)
        off = abs(estimate.mean() - truth)
        # A ratio of estimates has a small bias of its own, hence the second way to pass.
        assert off < 3.3 * spread / np.sqrt(N_REPLICATES) or off < 0.05 * spread, name


def test_gaps_that_follow_from_what_was_not_recorded_make_benefit_seem_to_last():
    # The score that would show the loss is never taken: no model of the recorded scores can know of it.
    found = many("felt", 30)
    for name, sign in (("retained", 1.0), ("benefit", 1.0), ("loss_per_week", -1.0)):
        estimate = found[name][:, 0]
        off = sign * (estimate.mean() - TRUTH[name])
        assert off > 1.0 * estimate.std(ddof=1), name
    low, high = found["retained"][:, 1:].T
    assert np.mean((low <= TRUTH["retained"]) & (TRUTH["retained"] <= high)) < 0.5


def test_means_of_those_seen_flatten_out_where_the_model_does_not():
    # Recorded scores cut the gaps short: late means are of those whose benefit lasts.
    frames = [simulated(number, "recorded") for number in range(20)]
    late = np.mean([frame.loc[frame["day"] == 28.0, "benefit"].mean() for frame in frames])
    truth = LEVEL + SLOPE * np.log2(29.0)
    models = [fit_wearing(frame) for frame in frames]
    fitted = np.mean([float(m.rows(m.curves(1.0)[0], np.array([28.0]))[0] @ m.fit.params) for m in models])
    spread = 0.6  # standard error of one fit's mean at day 28, about 3.3 / sqrt(40); of 20 fits 0.13
    assert late > truth + 2.0
    assert fitted == pytest.approx(truth, abs=4 * spread / np.sqrt(20))
