"""Cohorts of sessions with scores of dissociation."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.cohort.read import assemble

APART = 72.0


def clinic(rows, *, patients=None, **tables):
    """A cohort from (patient, session number, minute, score, {columns of the session})."""
    frame = pd.DataFrame(
        [row[:4] for row in rows], columns=["patient_id", "number", "minute", "score"]
    ).assign(hour=lambda f: f["number"] * APART + f["minute"] / 60)
    cells = [row[4] if len(row) > 4 else {} for row in rows]
    sessions = pd.concat([frame[["patient_id", "number"]], pd.DataFrame(cells, index=frame.index)], axis=1)
    sessions = sessions.drop_duplicates(["patient_id", "number"])
    sessions = sessions.assign(hour=sessions["number"] * APART).drop(columns="number")
    if "route" not in sessions:
        sessions["route"] = "IV"
    scores = frame.dropna(subset="score")[["patient_id", "hour", "score"]].assign(instrument="CADSS")
    if patients is None:
        patients = pd.DataFrame({"patient_id": sorted(frame["patient_id"].unique())})
    frames = {"patients": patients, "sessions": sessions, "scores": scores}
    return assemble({name: one for name, one in frames.items() if len(one)} | tables, {})


def row_of(table, **cells):
    for name, value in cells.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]
