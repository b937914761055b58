"""Reliable change: how large a person's change must be to exceed the error of measurement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError

__all__ = ["Z_RELIABLE", "ReliableThreshold", "expected_retest", "reliable_threshold"]

# The published rule is "beyond 1.96", not beyond the normal quantile's further digits.
Z_RELIABLE = 1.96


@dataclass(frozen=True)
class ReliableThreshold:
    """What a standard deviation and a reliability say about one person's change.

    Attributes
    ----------
    sem : float
        Standard error of measurement, points.
    std_error : float
        Of the difference that the change is held against, points: of two scores, or of the prediction of
        the second from the first.
    threshold : float
        1.96 times `std_error`, points; a change is reliable when it is larger.
    """

    sem: float
    std_error: float
    threshold: float


def reliable_threshold(sd: float, reliability: float, *, corrected: bool = False) -> ReliableThreshold:
    """The smallest change of one person that error of measurement would seldom give.

    Parameters
    ----------
    sd : float
        Standard deviation of scores between people before treatment, points, above 0.
    reliability : float
        At least 0 and below 1; retest is to be preferred to alpha, which knows one occasion only.
    corrected : bool
        False: Jacobson and Truax, SD sqrt(2 (1 - r)), for the plain change. True: Gulliksen, Lord and
        Novick, SD sqrt(1 - r^2), for the change from the score that the first one predicts
        (`expected_retest`).

    Raises
    ------
    DataError
        If `sd` or `reliability` is not of the range.

    Source
    ------
    Jacobson & Truax (1991), J. Consult. Clin. Psychol. 59, 12; Hsu (1989), Behav. Assess. 11, 459, after
    Gulliksen (1950) and Lord & Novick (1968).
    """
    if not np.isfinite(sd) or sd <= 0:
        raise DataError("sd must be one number above 0, in points of the instrument")
    if not 0 <= reliability < 1:
        raise DataError("reliability must be at least 0 and below 1, e.g. 0.84")
    sem = float(sd * np.sqrt(1.0 - reliability))
    std_error = float(sd * np.sqrt(1.0 - reliability**2)) if corrected else float(np.sqrt(2.0) * sem)
    return ReliableThreshold(sem, std_error, Z_RELIABLE * std_error)


def expected_retest(baseline: ArrayLike, mean: float, reliability: float) -> NDArray[np.float64]:
    """The second score that the first one predicts if nothing changed: r (Y0 - M) + M; (n,) points.

    Parameters
    ----------
    baseline : (n,) float
    mean : float
        Of the population that the people come from, points.
    reliability : float
    """
    return reliability * (np.asarray(baseline, dtype=float) - mean) + mean
