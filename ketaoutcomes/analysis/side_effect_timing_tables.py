"""From intervals of onsets and ends to medians, shares gone by some minutes, and curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.side_effect_units import Units
from ketaoutcomes.analysis.turnbull import Settings, curves
from ketaoutcomes.derive.effect_times import STILL_THERE
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.engine.rates import cluster_ratio_by
from ketaoutcomes.errors import ConvergenceError

__all__ = ["CLOCKS", "COLUMNS", "FEWEST", "Asked", "timing_tables"]

CLOCKS = {"onset": "the onset", "session": "the start of the session"}
# With fewer effects, limits are not given; with fewer still followed, nothing is.
FEWEST = 5
MINUTES_PER_DAY = 1440.0
BOOTSTRAP = "interval-censored, bootstrap of patients"
TOO_FEW = f"not known: fewer than {FEWEST} followed"
VALUES = ("estimate", "low", "high", "conf_low", "conf_high")
COUNTS = ("n", "n_events", "n_patients", "n_unresolved", "n_unknown", "n_followed")
KEYS = ("effect", "ascertainment", "quantity", "time", "unit")
OTHERS = ("bound_low", "bound_high", "method", "severity", "estimate_high", "determined", "cell")
COLUMNS = frozenset((*KEYS, *VALUES, *COUNTS, *OTHERS))


@dataclass(frozen=True)
class Asked:
    """How times are estimated.

    Attributes
    ----------
    clock : {"onset", "session"}
    marks : (k,) float array
        Minutes at which the share gone is given.
    level : float
    n_replicates, seed : int
    """

    clock: str
    marks: np.ndarray
    level: float
    n_replicates: int
    seed: int

    @property
    def end(self) -> float:
        """Last minute of the curves."""
        return float(max(self.marks[-1], MINUTES_PER_DAY))


def timing_tables(units: Units, asked: Asked) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of quantities and the curves, labelled with effect, way of asking and group."""
    times = units.times
    if asked.clock == "onset":
        low, high = times.length_low, times.length_high
        span = times.span_low, times.span_high
    else:
        low, high = span = times.end_low, times.end_high
    # A missing end is a missing interval; one that is still open has an infinite end.
    ends = _estimated(units, np.where(np.isnan(high), np.nan, low), high, asked)
    onsets = _estimated(units, times.onset_low, times.onset_high, asked)
    rows = [
        row
        for number in range(len(units.cells))
        for row in (
            _median(units, number, onsets, "median_onset"),
            _median(units, number, ends, "median_resolution"),
            _discharge(units, number, asked.level),
            *_shares(units, number, ends, span),
        )
    ]
    return _framed(rows, units), _curves(ends, units, asked.end)


@dataclass(frozen=True)
class _Estimated:
    """Curves of the cells that have a unit with a known time, by the number of the cell.

    `low`, `high` are the intervals of all units, and `known` whether a unit has one.
    """

    known: np.ndarray
    low: np.ndarray
    high: np.ndarray
    marks: np.ndarray
    frames: dict[str, pd.DataFrame]
    numbers: dict[int, dict]

    def rows(self, name: str, number: int) -> pd.DataFrame:
        frame = self.frames[name]
        return frame[frame["cell"] == number]


@dataclass(frozen=True)
class _Followed:
    """How long the known units of a cell were followed.

    Attributes
    ----------
    last : (k,) float array, rising
        Minute to which each was followed: at which it was found gone, or was last seen.
    until : float
        Last minute to which `FEWEST` were followed, or before which none was right-censored; inf where
        none was.
    """

    last: np.ndarray
    until: float

    def count(self, minutes: np.ndarray) -> np.ndarray:
        """Units not found gone, and not last seen, before each minute."""
        return self.last.size - np.searchsorted(self.last, minutes, side="left")


def _followed(units: Units, number: int, found: _Estimated) -> _Followed:
    """How long the units of a cell were followed on the clock of `found`."""
    used = (units.cell == number) & found.known
    low, high = found.low[used], found.high[used]
    censored = np.isinf(high)
    last = np.sort(np.where(censored, low, high))
    first_censored = low[censored].min() if censored.any() else np.inf
    enough = last[-FEWEST] if last.size >= FEWEST else -np.inf
    return _Followed(last, float(max(enough, first_censored)))


def _estimated(units: Units, low: np.ndarray, high: np.ndarray, asked: Asked) -> _Estimated:
    """Curves of times in (low, high]; without limits where there are few."""
    known = np.isfinite(low) & (units.cell >= 0)
    n_cells = len(units.cells)
    size = np.bincount(units.cell[known], minlength=n_cells)
    grouped = Groups("cell", tuple(range(n_cells)), units.cell[known], "sessions")
    frames: dict[str, list[pd.DataFrame]] = {"table": [], "landmarks": [], "medians": []}
    for shown, n_replicates in ((size >= FEWEST, asked.n_replicates), ((size > 0) & (size < FEWEST), 0)):
        if not shown.any():
            continue
        how = Settings(asked.marks, asked.end, asked.level, n_replicates, asked.seed)
        try:
            made = curves(
                low[known], high[known], grouped.code, grouped, shown, how, patient=units.patient[known]
            )
        except ConvergenceError as error:
            raise ConvergenceError(
                "the curve of a side effect was not reached: its log-likelihood may still be below the "
                "maximum, so no curve is given; round the minutes of the checks to 5, or give checks="
            ) from error
        for name, parts in frames.items():
            parts.append(made[name])
    empty = pd.DataFrame({"cell": pd.Series(dtype=np.int64)})
    whole = {name: pd.concat(parts) if parts else empty for name, parts in frames.items()}
    numbers = {int(row["cell"]): row for row in whole["medians"].to_dict("records")}
    return _Estimated(known, low, high, asked.marks, whole, numbers)


def _counts(units: Units, number: int, known: np.ndarray) -> dict:
    """Effects found, those with a known time, their patients, those still there, those not known.

    As many as have a known time were followed, if nothing else is said.
    """
    inside = units.cell == number
    used = inside & known
    return {
        "n": int(inside.sum()),
        "n_events": int(used.sum()),
        "n_patients": int(np.unique(units.patient[used]).size),
        "n_unresolved": int((used & (units.times.state == STILL_THERE)).sum()),
        "n_unknown": int((inside & ~known).sum()),
        "n_followed": int(used.sum()),
    }


def _nothing(quantity: str, unit: str, time: float = np.nan) -> dict:
    values = dict.fromkeys((*VALUES, "bound_low", "bound_high"), np.nan)
    return {"quantity": quantity, "time": time, "unit": unit} | values | {"method": "not estimable"}


def _median(units: Units, number: int, found: _Estimated, quantity: str) -> dict:
    """Median minute with the interval in which it lies.

    Where too few were followed to it, or the curve does not reach one half, all that is known is that it
    lies after the last minute at which there were enough.
    """
    counts = _counts(units, number, found.known)
    row = _nothing(quantity, "minutes")
    median = found.numbers.get(number)
    if median is None:
        return row | counts
    followed = _followed(units, number, found)
    reached = np.isfinite(median["high"])
    n_followed = int(followed.count(median["high"])) if reached else pd.NA
    if followed.until < median["high"]:
        row |= {"low": followed.until, "high": np.inf, "method": TOO_FEW}
        return row | counts | {"n_followed": n_followed}
    row |= {name: float(median[name]) for name in VALUES} | {"method": BOOTSTRAP}
    for name in ("conf_low", "conf_high"):
        # A limit to which too few were followed is not known to be reached.
        row[name] = np.inf if row[name] > followed.until else row[name]
    return row | counts | {"n_followed": n_followed}


def _shares(units: Units, number: int, found: _Estimated, span: tuple[np.ndarray, np.ndarray]) -> list[dict]:
    """Share gone by each horizon, and the bounds if all not known to have gone had, or none.

    `span` are the shortest and the longest times of all units that their onsets and ends allow: the curve's
    intervals, from the middle of the onset's, are no bounds.
    """
    counts = _counts(units, number, found.known)
    followed = _followed(units, number, found)
    used = (units.cell == number) & found.known
    low, high = (ends[used] for ends in span)
    # Without any known time there is no curve, but there are bounds.
    cells = found.rows("landmarks", number).to_dict("records") if number in found.numbers else []
    rows = []
    for place, mark in enumerate(found.marks.tolist()):
        row = _nothing("gone_by", "share", mark) | counts | {"n_followed": int(followed.count(mark))}
        certain = int((high <= mark).sum())
        possible = int(((high <= mark) | (low < mark)).sum())
        row |= {"bound_low": certain / counts["n"]}
        row |= {"bound_high": (possible + counts["n_unknown"]) / counts["n"]}
        if cells and mark <= followed.until:
            curve = cells[place]
            row |= {"estimate": curve["estimate"], "low": curve["estimate"], "high": curve["estimate_high"]}
            row |= {name: curve[name] for name in ("conf_low", "conf_high")} | {"method": BOOTSTRAP}
        elif cells:
            row |= {"method": TOO_FEW}
        rows.append(row)
    return rows


def _discharge(units: Units, number: int, level: float) -> dict:
    """Share gone by discharge, of the effects of which that is known."""
    inside = (units.cell == number) & ~units.later
    known = inside & np.isfinite(units.gone)
    counts = _counts(units, number, known) | {
        "n": int(inside.sum()),
        "n_unknown": int((inside & ~known).sum()),
    }
    counts |= {"n_followed": counts["n_events"]}
    row = _nothing("gone_by_discharge", "share")
    if not known.any():
        return row | counts
    people, person = np.unique(units.patient[known], return_inverse=True)
    trials = np.bincount(person, minlength=people.size)[:, None]
    events = np.bincount(person, units.gone[known], minlength=people.size)[:, None]
    rate = cluster_ratio_by(events, trials, level=level)
    share, few = float(rate.estimate[0]), counts["n_events"] < FEWEST
    row |= dict.fromkeys(("estimate", "low", "high"), share)
    row |= {
        "conf_low": np.nan if few else float(rate.conf_low[0]),
        "conf_high": np.nan if few else float(rate.conf_high[0]),
        "bound_low": float(events.sum()) / counts["n"],
        "bound_high": (float(events.sum()) + counts["n_unknown"]) / counts["n"],
        "method": str(rate.method[0]),
    }
    return row | counts


def _framed(rows: list[dict], units: Units) -> pd.DataFrame:
    """The rows as a table, each with its effect, way and group."""
    by = units.grouped.by
    names = ["quantity", "time", "unit", *VALUES, *COUNTS, "bound_low", "bound_high", "method"]
    table = pd.DataFrame(rows, columns=names)
    n_per_cell = len(rows) // max(len(units.cells), 1)
    first = pd.DataFrame(
        [cell.columns(by) for cell in units.cells for _ in range(n_per_cell)],
        columns=["effect", "ascertainment", *([] if by is None else [by])],
    )
    table = pd.concat([first, table], axis=1)
    if not rows:
        types = dict.fromkeys(("time", *VALUES, "bound_low", "bound_high"), "float64")
        return table.astype(types | dict.fromkeys(COUNTS, "int64") | {"n_followed": "Int64"})
    return table.astype({"n_followed": "Int64"})


def _curves(found: _Estimated, units: Units, end: float) -> pd.DataFrame:
    """Share gone against minutes: a row holds from its time to the next one's.

    From the last minute to which enough were followed on there is one row without a share.
    """
    by = units.grouped.by
    names = ["effect", "ascertainment", *([] if by is None else [by]), "time"]
    names += ["estimate", "estimate_high", "determined", "conf_low", "conf_high", "n_followed"]
    if not found.numbers:
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in names})
    parts = []
    for number in sorted(found.numbers):
        followed = _followed(units, number, found)
        part = found.rows("table", number).sort_values("time", kind="stable")
        part = part[part["time"] <= followed.until]
        part = part.assign(n_followed=followed.count(part["time"].to_numpy()))
        if followed.until < end:
            stop = {"cell": number, "time": followed.until, "determined": False}
            # Just after that minute.
            stop["n_followed"] = int((followed.last > followed.until).sum())
            part = pd.concat([part, pd.DataFrame([stop])])
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    labels = pd.DataFrame([units.cells[number].columns(by) for number in frame["cell"]])
    return pd.concat([labels, frame.drop(columns="cell")], axis=1)[names]
