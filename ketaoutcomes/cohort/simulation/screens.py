"""Screens for what long treatment may bring: bladder symptoms and cognition, in one clinic."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.cohort.simulation.latent import Latent
from ketaoutcomes.cohort.simulation.schedule import Course

__all__ = ["SCREENS", "draw_screens"]

SCREENS = ("BPIC-SS", "MoCA")
_CLINIC = 0
_SESSIONS = (1, 7, 13, 19, 25)
_HELD = 0.8
# Repeated tests of cognition rise by practice alone; the catalogue notes it of the MoCA.
_PRACTICE = 0.3


def draw_screens(
    latent: Latent, course: Course, instruments: tuple[str, ...], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Screens of the first clinic's maintenance patients before sessions 1, 7, 13, 19 and 25.

    Neither score depends on the number of sessions or on the dose: the truth is no association,
    but for practice on the test of cognition.

    Parameters
    ----------
    latent : Latent
    course : Course
    instruments : tuple of str
        Those of `SCREENS` that are wanted.
    rng : numpy.random.Generator

    Returns
    -------
    dict
        `patient`, `instrument` (index into `SCREENS`), `hour`, `score`; (r,) arrays.
    """
    session = course.session
    bladder = rng.gamma(1.2, 3.2, latent.n)
    cognition = rng.normal(26.6, 1.7, latent.n)
    held = rng.random(len(session["hour"])) < _HELD
    ahead = rng.integers(15, 60, len(held)) / 60.0
    noise = rng.normal(0.0, 1.0, (len(SCREENS), len(held)))
    screened = (latent.clinic == _CLINIC) & course.maintained
    rows = np.flatnonzero(held & screened[session["patient"]] & np.isin(session["number"], _SESSIONS))
    who = session["patient"][rows]
    repeat = np.searchsorted(_SESSIONS, session["number"][rows])
    scores = (
        np.clip(np.round(bladder[who] + 1.5 * noise[0, rows]), 0, 38),
        np.clip(np.round(cognition[who] + _PRACTICE * repeat + noise[1, rows]), 0, 30),
    )
    wanted = [place for place, name in enumerate(SCREENS) if name in instruments]
    return {
        "patient": np.tile(who, len(wanted)),
        "instrument": np.repeat(np.array(wanted, dtype=int), len(who)),
        "hour": np.tile(session["hour"][rows] - ahead[rows], len(wanted)),
        "score": np.concatenate([np.zeros(0), *(scores[place] for place in wanted)]),
    }
