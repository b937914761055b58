"""Sorting patients by what came later lends them time; a landmark does not. Simulation with no effect."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.events import event_set
from ketaoutcomes.derive.landmark import landmark_groups
from ketaoutcomes.engine.cox import cox
from ketaoutcomes.engine.logrank import interval_logrank
from ketaoutcomes.errors import DataError

STUDIES = 500 if os.environ.get("KETA_FULL") == "1" else 200
N = 120
DAY = 24.0
LANDMARK = 35 * DAY
INDUCTION = DAY * np.array([0.0, 2, 4, 7, 9, 11])
WEEKS = 7 * DAY * np.arange(1, 13)


def simulated(seed: int, n: int):
    """Response after a time of mean 40 days, whatever is done; weekly scores to week 12.

    A maintenance session is booked for a day between 14 and 70, and held if there was no response by then.
    Returns the frames and who had one.
    """
    rng = np.random.default_rng(seed)
    names = np.array([f"P{k:06d}" for k in range(n)])
    response = rng.exponential(40 * DAY, n)
    booked = rng.uniform(14 * DAY, 70 * DAY, n)
    ever = booked < response
    hour = np.tile(WEEKS, (n, 1)) + rng.normal(0, 6.0, (n, WEEKS.size))
    scores = pd.DataFrame(
        {
            "patient_id": np.r_[names, np.repeat(names, WEEKS.size)],
            "hour": np.r_[np.full(n, -1.0), hour.ravel()],
            "score": np.r_[np.full(n, 8), np.where(hour >= response[:, None], 3, 7).ravel()],
        }
    ).assign(instrument="Mood-NRS")
    first = pd.DataFrame({"patient_id": np.repeat(names, 6), "hour": np.tile(INDUCTION, n)})
    later = pd.DataFrame({"patient_id": names[ever], "hour": booked[ever]})
    sessions = pd.concat([first.assign(phase="induction"), later.assign(phase="maintenance")])
    patients = pd.DataFrame({"patient_id": names, "maintenance": np.where(ever, "ever", "never")})
    return {"patients": patients, "sessions": sessions.assign(route="IV"), "scores": scores}


@pytest.fixture(scope="module")
def all_studies():
    return assemble(simulated(20260101, STUDIES * N), {"known_at_start": ["maintenance"]})


def rejections(left, right, group, study) -> np.ndarray:
    """Whether each study's test at 5 % rejects."""
    found = []
    for number in range(STUDIES):
        rows = (study == number) & (group >= 0)
        found.append(interval_logrank(left[rows], right[rows], group[rows]).p_value < 0.05)
    return np.array(found)


def test_patients_with_maintenance_later_seem_to_respond_more_slowly_although_nothing_differs(all_studies):
    frame = event_set(all_studies, "Mood-NRS").frame
    group = (frame["maintenance"] == "ever").to_numpy(int)
    study = patient_codes(frame) // N
    left, right = frame["left"].to_numpy(), frame["right"].to_numpy()
    assert rejections(left, right, group, study).mean() > 0.95
    event = np.isfinite(right)
    fit = cox(group[:, None].astype(float), np.where(event, right, left), event)
    # The true hazard ratio is 1.
    assert np.exp(fit.params[0]) < 0.6


def test_from_the_landmark_on_the_test_has_its_size(all_studies):
    frame = event_set(all_studies, "Mood-NRS", landmark_hours=LANDMARK).frame
    codes = patient_codes(frame)
    grouped = landmark_groups(all_studies, "maintenance_by_landmark", LANDMARK, "Mood-NRS")
    rate = rejections(
        frame["left"].to_numpy(), frame["right"].to_numpy(), grouped.code[codes], codes // N
    ).mean()
    # Four Monte Carlo standard errors around 5 %.
    assert abs(rate - 0.05) < 4 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_the_guard_refuses_the_first_and_offers_the_second():
    cohort = assemble(simulated(1, N))
    with pytest.raises(DataError, match=r'its name says "maintenance".*maintenance_by_landmark'):
        time_to_response(cohort, "Mood-NRS", by="maintenance", n_replicates=0)
    found = time_to_response(
        cohort, "Mood-NRS", by="maintenance_by_landmark", landmark=35, at=(7, 14, 28), n_replicates=0
    )
    assert found.medians["maintenance_by_landmark"].tolist() == ["no maintenance", "maintenance"]
    assert found.origin == "the landmark, day 35"
    assert found.comparison["n_patients"].tolist() == [found.medians["n_patients"].sum()]
