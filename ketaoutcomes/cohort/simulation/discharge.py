"""How long the simulated patients are watched, and what is known of a side effect that outlasts that."""

from __future__ import annotations

import numpy as np

__all__ = ["draw_monitored", "learnt_lasting"]

_SHORTEST, _LONGEST = 90.0, 150.0
_NOTED = 0.96
# Share of the patients with a lasting side effect who tell its end on the phone the next day.
_CALLED = 0.25


def draw_monitored(n_sessions: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Minutes from the start of each session to discharge, and whether the clinic noted them.

    The time does not depend on the side effects, so that discharge says nothing of how much
    longer a side effect lasts.

    Returns
    -------
    minutes : (s,) float
        90 to 150, in steps of five, 115 to 120 on average.
    noted : (s,) bool
    """
    minutes = _SHORTEST + (_LONGEST - _SHORTEST) * rng.beta(1.6, 1.9, n_sessions)
    return 5.0 * np.round(minutes / 5.0), rng.random(n_sessions) < _NOTED


def learnt_lasting(
    onset: np.ndarray, lasting: np.ndarray, monitored: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """How long each side effect is known to have lasted, and whether it is known to have gone.

    One that outlasts the watch is cut at discharge, unless its end is told the next day. One that
    began after discharge is known from that call alone, and so is its end.

    Parameters
    ----------
    onset, lasting : (r,) float
        Minutes from the start of the session to the side effect, and from there to its end.
    monitored : (r,) float
        Minutes from the start of the session to discharge.
    rng : numpy.random.Generator

    Returns
    -------
    lasting : (r,) float
    resolved : (r,) bool
    """
    told = rng.random(len(onset)) < _CALLED
    resolved = (onset + lasting <= monitored) | (onset >= monitored) | told
    return np.where(resolved, lasting, monitored - onset), resolved
