"""Episodes as rows on a clock of whole days: intervals of loss, and what else ended them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import whole_days

__all__ = ["CAUSES", "LOSS", "NEXT", "STOP", "DurabilityRows", "durability_rows"]

LOSS, NEXT, STOP = range(3)
CAUSES = ("lost", "next session", "stopped")
_ENDS = {"next session": NEXT, "stopped": STOP}


@dataclass(frozen=True)
class DurabilityRows:
    """One row per episode, in whole days on its clock.

    Attributes
    ----------
    left, right : (n,) float array
        Loss came after `left` and by `right`; `right` is inf where no loss was seen.
    entry : (n,) float array
        Day from which the patient is known to respond.
    end : (n,) float array
        Day of the next session or the stop; inf where there was neither.
    cause : (n,) int array
        LOSS, NEXT, STOP, or -1 where the episode was still going when it was last seen.
    known : (n,) bool array
        Whether the patient was seen on the day on which the episode ended.
    patient : (n,) int array
        Row of `cohort.patients`.
    """

    left: np.ndarray
    right: np.ndarray
    entry: np.ndarray
    end: np.ndarray
    cause: np.ndarray
    known: np.ndarray
    patient: np.ndarray

    def __len__(self) -> int:
        return self.left.size

    def take(self, rows: np.ndarray) -> DurabilityRows:
        """Some of the rows."""
        return DurabilityRows(*(part[rows] for part in vars(self).values()))

    @property
    def n_patients(self) -> int:
        """Patients with a row."""
        return int(np.unique(self.patient).size)

    def competing(self, unknown: str = "missing") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """left, right and cause for an incidence of competing causes.

        Parameters
        ----------
        unknown : {"missing", "lost", "kept"}
            What is taken of episodes that ended with a session on a day without a score: they count up to
            their last score, or as lost the day after it, or as kept to the end. Who stops is seldom scored
            that day, so a stop counts as one unless "lost" is asked for.
        """
        ended = self.cause > LOSS
        vague = ended & ~self.known
        if unknown == "missing":
            vague &= self.cause == NEXT
        elif unknown == "kept":
            vague = np.zeros(len(self), dtype=bool)
        sure = ended & ~vague
        left, right = np.where(sure, self.end, self.left), np.where(sure, self.end, self.right)
        cause = np.where(vague, -1, self.cause)
        if unknown == "lost":
            cause, right = np.where(vague, LOSS, cause), np.where(vague, self.left + 1, right)
        return left, right, cause

    def cause_specific(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """left, right and entry for the loss alone; whoever is treated again was last seen responding."""
        return self.left, self.right, self.entry


def durability_rows(episodes: pd.DataFrame) -> DurabilityRows:
    """The rows of `derive.episodes.episodes`, with times counted to the nearest whole day.

    A session on day 7 and the score before it are both of day 7, at whatever hour.
    """
    left, entry = whole_days(episodes["left"]), whole_days(episodes["entry"])
    right = np.where(np.isfinite(episodes["right"]), whole_days(episodes["right"]), np.inf)
    reason = episodes["end_reason"].astype("str")
    lost = np.isfinite(right)
    cause = np.where(lost, LOSS, reason.map(_ENDS).fillna(-1).to_numpy(dtype=np.int64))
    end = np.where(cause > LOSS, whole_days(episodes["end"]), np.inf)
    # Lost on the day on which the episode begins: by the next, or nobody else would be at risk with it.
    right = np.where(lost, np.maximum(right, entry + 1.0), right)
    left = np.minimum(left, right)
    end = np.maximum(end, left)
    entry = np.minimum(entry, left)
    known = lost | (end <= left) | episodes["state_known_at_end"].to_numpy(dtype=bool)
    return DurabilityRows(left, right, entry, end, cause, known, patient_codes(episodes))
