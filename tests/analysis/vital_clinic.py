"""Cohorts of vital signs, and rows to make them of."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.cohort.read import assemble


def clinic(vitals, *, n_sessions=1, **patients):
    """A cohort of readings, rows with `patient` (number), `session` and `minute`."""
    vitals = pd.DataFrame(vitals)
    names = [f"P{number:04d}" for number in sorted(vitals["patient"].unique())]
    sessions = [(name, 72.0 * place) for name in names for place in range(n_sessions)]
    frames = {
        "patients": pd.DataFrame({"patient_id": names} | patients),
        "sessions": pd.DataFrame(sessions, columns=["patient_id", "hour"]).assign(route="IV"),
        "scores": pd.DataFrame(
            {"patient_id": names[:1], "hour": [0.0], "instrument": ["PHQ-9"], "score": [10.0]}
        ).assign(timing="pre"),
        "vitals": vitals.assign(patient_id=vitals["patient"].map("P{:04d}".format)).drop(columns="patient"),
    }
    return assemble(frames, {})


def grid(n_patients, n_sessions, minutes):
    """A row for each patient, session and minute."""
    index = pd.MultiIndex.from_product(
        [range(n_patients), range(1, n_sessions + 1), minutes], names=["patient", "session", "minute"]
    )
    return index.to_frame(index=False)
