"""Forty patients, made by hand: four sessions from 3 to 13 August 2026, an assessment on day 21."""

import re

import pandas as pd

N, N_WITH_BASELINE = 40, 15
SETTINGS = {
    "name": "Forty",
    "deidentification": "limited-data-set",
    "timezone": "America/New_York",
    "data_cut": "2026-10-08",
    "synthetic": False,
}
STARTS = ("2026-08-03 10:00", "2026-08-06 10:00", "2026-08-10 10:00", "2026-08-13 10:00")
IDS = [f"P{number:04d}" for number in range(1, N + 1)]


def sessions(**columns):
    rows = [(patient, start) for patient in IDS for start in STARTS]
    frame = pd.DataFrame(rows, columns=["patient_id", "start"])
    return frame.assign(route="IV", phase="induction", **columns)


def scores(n_with_baseline=N_WITH_BASELINE, n_followed=N):
    before = [(patient, "2026-08-01 09:00", 18) for patient in IDS[:n_with_baseline]]
    after = [(patient, "2026-09-03 09:00", 6) for patient in IDS[:n_followed]]
    frame = pd.DataFrame([*before, *after], columns=["patient_id", "taken", "score"])
    return frame.assign(instrument="PHQ-9")


def side_effects(serious):
    """One effect in the first session of thirty patients; `serious` has their cells."""
    return pd.DataFrame(
        {
            "patient_id": IDS[:30],
            "session": 1,
            "effect": "nausea",
            "ascertainment": "checklist",
            "serious": serious,
        }
    )


def vitals(*readings):
    """Readings as (patient's number, session, minute, systolic, diastolic)."""
    frame = pd.DataFrame(readings, columns=["patient", "session", "minute", "sbp", "dbp"])
    frame.insert(0, "patient_id", [IDS[number] for number in frame.pop("patient")])
    return frame.assign(heart_rate=80)


def tables(**more):
    return {"patients": pd.DataFrame({"patient_id": IDS}), "sessions": sessions(), "scores": scores(), **more}


def text(report):
    body = re.sub(r"<[^>]+>", " ", report.html.split("</style>", 1)[1])
    return re.sub(r"\s+", " ", body)


def printed(report, measure):
    """The cells of one row of the first page's table."""
    start = report.html.index(f'role="rowheader">{measure}')
    row = re.sub(r"<[^>]+>", " ", report.html[start : report.html.index("</tr>", start)])
    return re.sub(r"\s+", " ", row)
