"""Readings of single sessions, and one session that several tests read."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.derive.vitals import readings_of

WINDOW = (0.0, 120.0)
BEFORE = (-60.0, 5.0)
NAN = float("nan")


def made(*sessions):
    """Readings of sessions, each a list of (minute, sbp) or (minute, sbp, dbp)."""
    rows = [
        (number, row[0], row[1], row[2] if len(row) > 2 else NAN)
        for number, session in enumerate(sessions)
        for row in session
    ]
    session, minute, sbp, dbp = (np.array(column, float) for column in zip(*rows, strict=True))
    values = {"sbp": sbp, "dbp": dbp}
    return readings_of(session.astype(int), minute, values, len(sessions))


ONE = [(-10, 118), (0, 120), (10, 130), (20, 150), (40, 140), (60, 124), (90, 118)]
