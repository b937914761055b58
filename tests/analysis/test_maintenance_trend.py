"""The trend of gaps where patients' slopes differ, and with a gap of an hour."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.maintenance import maintenance_intervals
from ketaoutcomes.analysis.maintenance_tables import trend

DAY = 24.0


def clinic_with_slopes(seed, spread, *, n_patients=40, n_gaps=10):
    """Gaps whose logarithms rise by each patient's own slope, 0 on average."""
    rng = np.random.default_rng(seed)
    middle, slope = rng.normal(2.7, 0.3, n_patients), rng.normal(0, spread, n_patients)
    place = np.arange(n_gaps) - (n_gaps - 1) / 2
    logs = middle[:, None] + slope[:, None] * place + rng.normal(0, 0.25, (n_patients, n_gaps))
    return pd.DataFrame(
        {
            "patient_id": pd.Categorical(np.repeat([f"P{k:02d}" for k in range(n_patients)], n_gaps)),
            "number": np.tile(np.arange(1, n_gaps + 1), n_patients),
            "days": np.maximum(np.floor(np.exp(logs).ravel() + 0.5), 1),
            "closed": True,
        }
    )


@pytest.mark.parametrize("spread", [0.06, 0.0])
def test_limits_of_the_trend_hold_it_as_often_as_they_say(spread):
    """With one slope for all, limits held 0 in 0.68 of clinics whose patients' slopes have an SD of 0.06."""
    n = 600 if os.environ.get("KETA_FULL") else 60
    rows = [trend(clinic_with_slopes(seed, spread), level=0.95)[0] for seed in range(n)]
    holds = [row["conf_low"] <= 0 <= row["conf_high"] for row in rows]
    # 4 Monte-Carlo standard errors of a share of 0.95.
    assert abs(np.mean(holds) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n)


def test_slopes_of_patients_own_widen_the_limits_and_need_no_note():
    frame = clinic_with_slopes(3, 0.06)
    row, words = trend(frame, level=0.95)
    assert words == ""
    # With 10 gaps of each the mean of the patients' own least-squares slopes is the estimate, and
    # Student's limits of that mean are the exact ones.
    place = np.arange(10) - 4.5
    slopes = np.log(frame["days"].to_numpy()).reshape(40, 10) @ place / (place @ place)
    error = slopes.std(ddof=1) / np.sqrt(40)
    expected = np.expm1([slopes.mean(), *(slopes.mean() + np.array([-1, 1]) * 2.0226909 * error)])
    np.testing.assert_allclose(
        [row["estimate"], row["conf_low"], row["conf_high"]], expected, rtol=1e-5, atol=1e-7
    )


def test_a_session_an_hour_later_hardly_moves_the_trend(make):
    rng = np.random.default_rng(1)
    sessions = []
    for k in range(12):
        days = np.concatenate([[0], np.cumsum(rng.integers(7, 20, 7))])
        sessions += [(f"P{k:02d}", float(day) * DAY) for day in days]
    scores = [(f"P{k:02d}", -DAY, 20) for k in range(12)]
    before, after = (
        maintenance_intervals(make(sessions + extra, scores), from_session=1, n_replicates=0)
        for extra in ([], [("P00", 1.0)])
    )
    # A gap of an hour counts as a day: log(1) against log(1/24), which made 0.2 % into 6.1 %.
    assert abs(after.trend["estimate"].item() - before.trend["estimate"].item()) < 0.04
    assert after.gaps_by_session["p10"].min() >= 1
