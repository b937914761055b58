"""The symptom course: a model's mean against time, and observed means at planned days."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed import LmmResult
from ketaoutcomes.results.text import confidence

__all__ = ["CourseResult"]


@dataclass(frozen=True, eq=False, repr=False)
class CourseResult(Result):
    """Mean score against time.

    `.table` has a row per planned day: `day`, `n` (patients scored), `estimate`, `conf_low`, `conf_high`
    (of the model, or of the observed mean where there is no model), `observed`, `sd`, `p10`, `p90` (of
    those scored).

    Attributes
    ----------
    instrument : str
    minimum, maximum : float
        Range of the instrument.
    higher_is : {"worse", "better", "none"}
    by : str or None
    level : float
    curve : DataFrame
        The model's mean on a dense grid: `day`, `estimate`, `conf_low`, `conf_high`, and the `by` column;
        missing where it is not supported, without rows where there is no model.
    model : LmmResult or None
        The mixed model, or None where none could be fitted. Its rows are patients': not for release.
    """

    instrument: str
    minimum: float
    maximum: float
    higher_is: str
    by: str | None
    level: float
    curve: pd.DataFrame
    model: LmmResult | None

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Means, interval, spread and n, as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["day"] = [f"{value:g}" for value in table["day"]]
        if self.model is not None:
            out["model mean"] = [number(value) for value in table["estimate"]]
            out[confidence(self.level)] = _ranges(table, "conf_low", "conf_high")
        out["observed mean"] = [number(value) for value in table["observed"]]
        if self.model is None:
            out[confidence(self.level)] = _ranges(table, "conf_low", "conf_high")
        out["SD"] = [number(value) for value in table["sd"]]
        out["10th–90th percentile"] = _ranges(table, "p10", "p90")
        out["n"] = [count(value) for value in table["n"]]
        return pd.DataFrame(out), words

    def plot(self, ax=None, *, title=None):
        """The model's mean and band, observed means hollow, bars of the spread, n below.

        Without a model: observed means and their band. `title` in bold above.
        """
        shared = {
            "by": self.by,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "instrument": f"Mean {self.instrument}",
            "higher_is": self.higher_is if self.higher_is in ("worse", "better") else None,
            "level": self.level,
            "title": title,
        }
        if self.model is None:
            from ketaoutcomes.draw.course import course

            return course(self.table, ax, **shared)
        from ketaoutcomes.draw.curve_band import model_course

        observed = self.table.drop(columns=["estimate", "conf_low", "conf_high"])
        return model_course(self.curve, observed.rename(columns={"observed": "estimate"}), ax, **shared)


def _ranges(table: pd.DataFrame, low: str, high: str) -> list[str]:
    pairs = zip(table[low], table[high], strict=True)
    return [DASH if missing(a) and missing(b) else number_range(a, b) for a, b in pairs]
