"""Time that sessions carry, doses that follow from others, and what patients have had in all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.derive.exposure import patient_exposure, session_doses, time_at_risk_hours

DAY = 24.0


def test_a_session_carries_the_time_to_the_next_one_and_at_most_thirty_days(make):
    cohort = make([("A", 0), ("A", 3 * DAY), ("A", 50 * DAY), ("B", 0)], [("A", -1, 20)])
    assert time_at_risk_hours(cohort).tolist() == [3 * DAY, 30 * DAY, 30 * DAY, 30 * DAY]
    assert time_at_risk_hours(cohort, 10).tolist() == [3 * DAY, 10 * DAY, 10 * DAY, 10 * DAY]
    assert time_at_risk_hours(cohort, 60).tolist() == [3 * DAY, 47 * DAY, 60 * DAY, 60 * DAY]


def test_no_time_is_carried_beyond_the_data_cut():
    sessions = pd.DataFrame(
        {"patient_id": "A", "start": ["2026-01-01 12:00", "2026-01-10 12:00"], "route": "IV"}
    )
    settings = {"deidentification": "limited-data-set", "timezone": "UTC", "data_cut": "2026-01-20"}
    cohort = assemble({"patients": pd.DataFrame({"patient_id": ["A"]}), "sessions": sessions}, settings)
    # The data end with the 20th: from noon of the 10th that is 10.5 days.
    np.testing.assert_allclose(time_at_risk_hours(cohort), [9 * DAY, 10.5 * DAY])
    np.testing.assert_allclose(time_at_risk_hours(cohort, 5), [5 * DAY, 5 * DAY])


def test_milligrams_and_milligrams_by_weight_follow_from_each_other_where_the_weight_is_known():
    cohort = assemble(
        {
            "patients": pd.DataFrame({"patient_id": ["A"]}),
            "sessions": pd.DataFrame(
                {
                    "patient_id": "A",
                    "hour": [0.0, 72.0, 144.0, 216.0],
                    "route": "IV",
                    "dose_mg": [40.0, None, None, None],
                    "dose_mg_per_kg": [None, 0.6, 0.7, None],
                    "weight_kg": [80.0, 75.0, None, 80.0],
                }
            ),
        }
    )
    mg, mg_per_kg = session_doses(cohort)
    np.testing.assert_allclose(mg, [40, 45, np.nan, np.nan])
    np.testing.assert_allclose(mg_per_kg, [0.5, 0.6, 0.7, np.nan])
    found = patient_exposure(cohort)
    assert (found.unknown_mg.tolist(), found.unknown_mg_per_kg.tolist()) == ([2], [1])
    # One unknown dose leaves the sum unknown: nothing is filled in.
    assert np.isnan([found.mg[0], found.mg_per_kg[0]]).all()


def test_a_patient_has_sessions_doses_times_and_routes(make):
    sessions = [
        ("A", {"hour": 0.0, "dose_mg_per_kg": 0.5, "route": "IV"}),
        ("A", {"hour": 2 * DAY, "dose_mg_per_kg": 0.75, "route": "IM"}),
        ("B", {"hour": 0.0, "dose_mg_per_kg": 0.5, "route": "IV"}),
    ]
    patients = pd.DataFrame({"patient_id": ["A", "B", "C"]})
    cohort = make(sessions, [("A", 40 * DAY, 8), ("C", -5, 20)], patients=patients)
    found = patient_exposure(cohort)
    assert found.sessions.tolist() == [2, 1, 0]
    assert found.mg_per_kg.tolist() == [1.25, 0.5, 0.0]
    assert found.hours_on_treatment.tolist() == [32 * DAY, 30 * DAY, 0.0]
    assert found.hours_followed.tolist() == [40 * DAY, 0.0, 0.0]
    assert found.n_routes.tolist() == [2, 1, 0]


def test_the_sample_s_time_on_treatment_is_that_of_a_loop_over_patients(sample):
    cohort = load_cohort(sample)
    cut = cohort.patients.set_index("patient_id")["hours_to_data_cut"]
    expected = 0.0
    for name, rows in cohort.sessions.groupby("patient_id", observed=True):
        hours = sorted(rows["hour"])
        for hour, following in zip(hours, [*hours[1:], np.inf], strict=True):
            expected += max(min(following - hour, 30 * DAY, cut[name] - hour), 0.0)
    np.testing.assert_allclose(time_at_risk_hours(cohort).sum(), expected, rtol=1e-9)
