"""Onset of side effects, how long they last, and how many are gone by discharge and some hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.side_effect_severity import model_lines
from ketaoutcomes.results.text import bounds, confidence

__all__ = ["SideEffectTiming", "clock_time"]

NOT_REACHED = "not reached"
NOT_KNOWN = "not known"


@dataclass(frozen=True, eq=False, repr=False)
class SideEffectTiming(Result):
    """Times of side effects.

    `.table` has a row per effect, way of asking, group and quantity: "median_onset" (minutes after the
    start of the session), "median_resolution" (minutes on the clock), "gone_by_discharge" and "gone_by"
    (share, by `time` minutes on the clock). Where checks do not tell more than that a number lies between
    two others, `low` and `high` are these, and `estimate` is the middle of a median's and the lower
    of a share's; where they do, all three are one. A limit to which too few were followed is inf.
    `n` effects were found, `n_events` have a known time, of `n_patients`; `n_unresolved` of them were still
    there when last seen; `n_unknown` are left out. `n_followed` were followed to the minute (of a median, to
    it): not found gone, and not last seen, before. Where these are fewer than five and one was last seen
    before, `estimate` is missing, as is a median that the curve does not reach; a median then lies after
    `low`, the last minute to which there were five. `bound_low`, `bound_high` are the
    share of all found, had none of those not known, or last seen before the minute, gone by it, or all, with
    onset and end anywhere between their checks.

    Attributes
    ----------
    curves : DataFrame
        `effect`, `ascertainment`, the `by` column, `time` (minutes), `estimate` and `estimate_high` (bounds
        of the share gone from that time to the next row's), `determined`, `conf_low`, `conf_high`,
        `n_followed`. A last row without a share is where too few were followed further.
    severity, severity_model : DataFrame
        As `.table` and `.model` of `side_effect_severity`.
    clock : {"onset", "session"}
    by : str or None
    level : float
    shows : str
        What is drawn; written above the picture.
    """

    curves: pd.DataFrame
    severity: pd.DataFrame
    severity_model: pd.DataFrame
    clock: str
    by: str | None
    level: float
    shows: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """A row per effect: counts, medians in minutes and shares gone, each with its interval."""
        keys = ["effect", "ascertainment", *([] if self.by is None else [self.by])]
        names = list(dict.fromkeys(zip(self.table["quantity"], self.table["time"].fillna(-1.0), strict=True)))
        cells = self.table.to_dict("records")
        rows = [cells[start : start + len(names)] for start in range(0, len(cells), max(len(names), 1))]
        heads = {"effect": "side effect", "ascertainment": "asked by"}
        out = {heads.get(key, key): [str(row[0][key]) for row in rows] for key in keys}
        words = tuple(out)
        timed = [next(cell for cell in row if cell["quantity"] == "median_resolution") for row in rows]
        out["found"] = [count(row["n"]) for row in timed]
        out["timed"] = [count(row["n_events"]) for row in timed]
        out["patients"] = [count(row["n_patients"]) for row in timed]
        out["still there"] = [count(row["n_unresolved"]) for row in timed]
        out["not known"] = [count(row["n_unknown"]) for row in timed]
        for place, (quantity, time) in enumerate(names):
            out[_head(quantity, time)] = [_cell(row[place]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """How to read the cells, and the odds ratios of the model of severity."""
        if not len(self.table):
            return []
        start = "the onset" if self.clock == "onset" else "the start of the session"
        lines = [
            "",
            f"  Medians in minutes: onset after the start of the session, end after {start}. In brackets the "
            f"{confidence(self.level)};",
            "  a range before it is where the number lies as far as the checks tell. Shares are of effects "
            "with a known time;",
            "  not known: too few were followed so long; behind it the bounds, or the minute after which a "
            "median lies.",
        ]
        return lines + model_lines(self.severity_model, self.level)

    def plot(self, ax=None, *, title=None):
        """Share of effects still there against minutes, the six most frequent as small pictures.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.effect_times import effect_times

        resolution = self.table[self.table["quantity"] == "median_resolution"]
        return effect_times(
            self.curves,
            resolution,
            ax,
            by=self.by,
            clock=self.clock,
            level=self.level,
            heading=self.shows,
            title=title,
        )

    def plot_severity(self, ax=None, *, title=None):
        """Stacked bars of severity, one per effect."""
        from ketaoutcomes.draw.severity import severity

        heading = "Severity of side effects, % of sessions with the effect"
        return severity(self.severity, ax, by=self.by, heading=heading, title=title)


def clock_time(minutes: float) -> str:
    """``"90 min"``, ``"2 h"``."""
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes / 60:g} h"
    return f"{minutes:g} min"


def _head(quantity: str, time: float) -> str:
    heads = {"median_onset": "onset", "median_resolution": "end", "gone_by_discharge": "gone by discharge"}
    return heads[quantity] if quantity in heads else f"by {clock_time(time)}"


def _cell(row: dict) -> str:
    """An estimate, or the range in which it lies, with its interval; bounds where it is not known."""
    if missing(row["estimate"]):
        return _not_known(row)
    if row["unit"] == "share":
        value = bounds(row["low"], row["high"])
        if missing(row["conf_low"]):
            return value
        return f"{value} ({percent_range(row['conf_low'], row['conf_high'], like=row['estimate'])})"
    value = _minutes(row["low"], row["high"])
    return value if missing(row["conf_low"]) else f"{value} ({_minutes(row['conf_low'], row['conf_high'])})"


def _not_known(row: dict) -> str:
    """``"not known, 22–98%"``, ``"not known, after 95"``, or a dash where nothing is known."""
    if not row["n_events"]:
        return DASH
    if row["unit"] == "share":
        return (
            DASH
            if missing(row["bound_low"])
            else f"{NOT_KNOWN}, {bounds(row['bound_low'], row['bound_high'])}"
        )
    return DASH if missing(row["low"]) else f"{NOT_KNOWN}, after {number(row['low'], 0)}"


def _minutes(low: float, high: float) -> str:
    """``"60–75"``, ``"70"``, ``"150–not reached"``."""
    if missing(low):
        return DASH
    if np.isinf(low):
        return NOT_REACHED
    last = NOT_REACHED if np.isinf(high) else number(high, 0)
    first = number(low, 0)
    return first if first == last else f"{first}{DASH}{last}"
