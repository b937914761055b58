"""A course as two straight lines: what changed soon after session 1, and what changed per week later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed import LmmResult
from ketaoutcomes.results.mixed_words import model_sentences, readable_effects

__all__ = ["LinesResult"]


@dataclass(frozen=True, eq=False, repr=False)
class LinesResult(Result):
    """A linear mixed model of a course in two straight lines.

    `.table` has a row per fixed effect: `term` (in words), `n` (patients of the group that it is about;
    missing where it is about all), `estimate`, `std_error`, `statistic`, `df`, `p_value`, `conf_low`,
    `conf_high`.

    Attributes
    ----------
    instrument : str
    minimum, maximum : float
    higher_is : {"worse", "better", "none"}
    fit : LmmResult
        Its rows are patients': not for release.
    turn : float
        Day at which the first line ends.
    until : float
        Day at which the second line ends.
    routes : tuple of (name, patients)
        Routes in the model, the reference first; empty where route is not in it.
    random : str
        Random effects in words.
    level : float
    """

    instrument: str
    minimum: float
    maximum: float
    higher_is: str
    fit: LmmResult
    turn: float
    until: float
    routes: tuple[tuple[str, int], ...]
    random: str
    level: float

    @property
    def n_patients(self) -> int:
        return self.fit.n_groups["patient_id"]

    def row(self, name: str) -> dict:
        """The row of one column of the model: "early", "later", ..."""
        return self.table.iloc[list(self.fit.params.index).index(name)].to_dict()

    def lines(self) -> pd.DataFrame:
        """Mean of all patients against `day`: estimate and limits; routes weigh as many as their patients."""
        soon, late = np.linspace(0.0, self.turn, 9), np.linspace(self.turn, self.until, 33)
        day = np.unique(np.concatenate([soon, late]))
        weights = np.array([n for _, n in self.routes] or [1.0])
        rows = 0.0
        for (name, _), share in zip(self.routes or (("", 1),), weights / weights.sum(), strict=True):
            new = pd.DataFrame({"early": np.minimum(day, self.turn) / self.turn})
            new["later"] = np.maximum(day - self.turn, 0.0) / 7.0
            if self.routes:
                new["route"] = name
            rows = rows + share * self.fit.design.matrix(new)[:, self.fit.kept]
        found = self.fit.estimate(rows, level=self.level)
        return pd.concat([pd.DataFrame({"day": day}), found[["estimate", "conf_low", "conf_high"]]], axis=1)

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The fixed effects as text."""
        return readable_effects(self.table, self.level)

    def sentences(self) -> list[str]:
        """Variance components, size and criterion."""
        return model_sentences(self.fit)

    def plot(self, ax=None, *, title=None):
        """Forest of the fixed effects; `title` in bold above."""
        from ketaoutcomes.draw.effects import effects

        return effects(self.table, ax, title=title, unit="points", level=self.level)
