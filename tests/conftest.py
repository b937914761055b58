"""Fixtures that several test folders use."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ketaoutcomes.cohort.read import assemble

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of openly available data that may stand beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of open data sets is not beside this checkout (../shared)")
    return folder


@pytest.fixture(scope="session")
def sample(root: Path) -> Path:
    """The sample clinic's folder."""
    return root / "data" / "sample"


@pytest.fixture
def make():
    """A function that makes a cohort from lists of rows.

    sessions: (patient, hour or a dict of columns); scores: (patient, hour, score) or with timing.
    """

    def make(sessions, scores, *, instrument="PHQ-9", patients=None, settings=None, time="hour", **tables):
        session_rows = [
            {"patient_id": patient, "route": "IV"} | (when if isinstance(when, dict) else {time: when})
            for patient, when in sessions
        ]
        score_rows = [
            {"patient_id": row[0], "instrument": instrument, time: row[1], "score": row[2]}
            | ({"timing": row[3]} if len(row) > 3 else {"timing": None})
            for row in scores
        ]
        if patients is None:
            names = sorted({row["patient_id"] for row in session_rows})
            patients = pd.DataFrame({"patient_id": names})
        frames = {
            "patients": patients,
            "sessions": pd.DataFrame(session_rows),
            "scores": pd.DataFrame(score_rows),
        }
        return assemble(frames | tables, settings or {})

    return make
