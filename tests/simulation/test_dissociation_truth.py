"""Dissociation by session: limits and slopes where the truth is known."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from analysis.dissociation_clinic import clinic, row_of

from ketaoutcomes.analysis.dissociation import dissociation
from ketaoutcomes.analysis.dissociation_model import BETWEEN, NUMBER, WITHIN, fit_peaks

FULL = os.environ.get("KETA_FULL") == "1"


def simulated(generator, level, n=30):
    """Poisson scores about a patient's own gamma-distributed mean, 1 to 6 sessions each: skewed, alike."""
    own = generator.gamma(2.0, 3.0, n)
    rows = []
    for i, mean in enumerate(own):
        scores = generator.poisson(mean, generator.integers(1, 7))
        rows += [(f"L{level:02d}P{i:02d}", k, 40, int(score)) for k, score in enumerate(scores)]
    return rows


def test_limits_of_mean_and_share_hold_the_truth():
    # Truth: mean 6; a Poisson about a gamma(2, 3) is negative binomial with r = 2, p = 1/4, and
    # P(X > 4) = 1 - sum of (x + 1) (1/4)^2 (3/4)^x over x = 0..4 = 0.5339.
    x = np.arange(5)
    truth = {"estimate": 6.0, "share": 1 - ((x + 1) * 0.25**2 * 0.75**x).sum()}
    generator = np.random.default_rng(np.random.SeedSequence(20260101))
    blocks, levels = (40 if FULL else 4), 50
    held = {name: [] for name in truth}
    for _ in range(blocks):
        rows = [row for level in range(levels) for row in simulated(generator, level)]
        names = sorted({row[0] for row in rows})
        patients = pd.DataFrame({"patient_id": names, "replicate": [name[:3] for name in names]})
        found = dissociation(clinic(rows, patients=patients), by="replicate").table
        found = found[found["session_group"] == "all"]
        limits = {"estimate": ("conf_low", "conf_high"), "share": ("share_low", "share_high")}
        for name, (low, high) in limits.items():
            held[name] += ((found[low] <= truth[name]) & (truth[name] <= found[high])).tolist()
    for name, inside in held.items():
        error = np.sqrt(0.95 * 0.05 / len(inside))
        # Means of 30 skewed patient means: Student's limits hold the truth a little less often.
        assert np.mean(inside) == pytest.approx(0.945, abs=4 * error), name


def leaving(generator, n=40):
    """Those whose scores are high leave after session 2; within a patient, -1 point per doubling."""
    own = 4.0 + generator.gamma(1.5, 4.0, n)
    n_sessions = np.where(own > 10, 2, 8)
    patient = np.repeat(np.arange(n), n_sessions)
    number = np.arange(patient.size) - np.repeat(np.cumsum(n_sessions) - n_sessions, n_sessions) + 1.0
    peak = generator.poisson(own[patient] - np.log2(number)).astype(float)
    return pd.DataFrame({"peak": peak, "patient": patient, "number": number, "dose": np.nan, "route": "IV"})


def test_the_slope_within_patients_is_right_although_those_with_high_scores_leave():
    generator = np.random.default_rng(np.random.SeedSequence(20260102))
    held, naive = [], []
    for _ in range(2000 if FULL else 200):
        frame = leaving(generator)
        table = fit_peaks(frame, level=0.95).table
        slope = row_of(table, term=f"{NUMBER}, {WITHIN}")
        held.append(slope["conf_low"] <= -1.0 <= slope["conf_high"])
        naive.append(np.polyfit(np.log2(frame["number"]), frame["peak"], 1)[0])
    error = np.sqrt(0.95 * 0.05 / len(held))
    assert np.mean(held) == pytest.approx(0.95, abs=4 * error)
    # What a slope through all sessions would have said.
    assert np.mean(naive) < -1.5
    assert row_of(table, term=f"{NUMBER}, {BETWEEN}")["estimate"] < -1.0
