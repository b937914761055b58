"""Any frame as units of a funnel plot: sizes, events, estimates and what chance allows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.covariates import covariate_frame
from ketaoutcomes.analysis.frame_columns import read_named
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.engine.rates import poisson_exact, wilson
from ketaoutcomes.engine.standardise import Expected, expected_events
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError, Problem

__all__ = ["CASES", "MEAN", "PROPORTION", "RATIO", "Units", "numbers_of", "read_units", "right_side_of"]

PROPORTION, RATIO, CASES, MEAN = "proportion", "ratio", "ratio of cases", "mean"
FEWEST = 2
MOST = 2000


@dataclass(frozen=True)
class Units:
    """Units in alphabetical order.

    Parameters
    ----------
    labels : tuple
    kind : str
        "proportion", "ratio", "ratio of cases" (expected per case) or "mean".
    n : (m,) float
        Cases of each unit; NaN where only expected events or means are given.
    n_events, expected : (m,) float or None
    estimate : (m,) float
    conf : (2, m) float
    spread : (m,) float
        Standard error under the target.
    target : float
    chances : list of (n_i,) float
        Expected probability of each case of each unit, for "ratio of cases".
    dropped : mapping of str to int
        Column -> rows left out, as it is missing.
    model : Expected or None
        What the expected events come from.
    """

    labels: tuple
    kind: str
    n: np.ndarray
    n_events: np.ndarray | None
    expected: np.ndarray | None
    estimate: np.ndarray
    conf: np.ndarray
    spread: np.ndarray
    target: float
    chances: tuple[np.ndarray, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    model: Expected | None = None
    formula: str | None = None

    @property
    def size(self) -> int:
        """How many units."""
        return len(self.labels)

    @property
    def z(self) -> np.ndarray:
        """(estimate - target) / standard error under the target; (m,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.spread > 0, (self.estimate - self.target) / self.spread, np.nan)

    @property
    def across(self) -> np.ndarray:
        """What stands on the x axis: cases, expected events, or 1 over the standard error; (m,)."""
        if self.kind == PROPORTION:
            return self.n
        return 1.0 / self.spread if self.kind == MEAN else self.expected


def read_units(
    data: pd.DataFrame, *, group, events, size, value, std_error, expected, adjust, target, level
) -> Units:
    """The units of `funnel`'s arguments.

    Raises
    ------
    DataError
        If a column holds what it should not, or there are fewer than 2 units.
    """
    named = {"events": events, "size": size, "value": value, "std_error": std_error, "expected": expected}
    columns = {role: numbers_of(data, name) for role, name in named.items() if name is not None}
    code, labels = read_named(data, group).factor()
    code = np.asarray(code, np.int64)
    dropped = {group: int((code < 0).sum())}
    keep = code >= 0
    for role, values in columns.items():
        dropped[named[role]] = int((~np.isfinite(values) & (code >= 0)).sum())
        keep &= np.isfinite(values)
    design = None
    if adjust is not None:
        rows = np.flatnonzero(keep)
        design = covariate_frame(right_side_of(adjust), data.iloc[rows])
        dropped |= dict(design.dropped)
        keep = np.zeros(len(data), bool)
        keep[rows[design.kept]] = True
    used, code = np.unique(code[keep], return_inverse=True)
    labels = tuple(labels[place] for place in used)
    if not FEWEST <= len(labels) <= MOST:
        say = "a funnel plot compares 2 or more" if len(labels) < FEWEST else f"at most {MOST:,} are drawn"
        units = "unit" if len(labels) == 1 else "units"
        raise DataError(f"'{group}' has {len(labels):,} {units} with all that is needed; {say}")
    columns = {role: values[keep] for role, values in columns.items()}
    lost = {name: n for name, n in dropped.items() if n}
    if value is not None:
        return _means(labels, code, columns, target, level, lost)
    _check_counts(columns)
    if size is not None:
        return _proportions(labels, code, columns["events"], columns["size"], target, level, lost)
    if expected is None and adjust is None:
        _check_cases(columns["events"])
        n = np.ones(code.size)
        return _proportions(labels, code, columns["events"], n, target, level, lost)
    if adjust is None:
        return _ratios(labels, code, columns["events"], columns["expected"], level, lost)
    model = expected_events(design.x, columns["events"])
    found = _ratios(labels, code, columns["events"], model.expected, level, lost)
    return Units(**{**vars(found), "model": model, "formula": right_side_of(adjust)})


def check_adjust(adjust: Any, group: str) -> None:
    """Refuse covariates that are no text, and the units themselves: nothing would be left to compare."""
    if adjust is None:
        return
    is_several = isinstance(adjust, list | tuple) and len(adjust) > 0
    if not isinstance(adjust, str) and not (is_several and all(isinstance(one, str) for one in adjust)):
        raise DataError('adjust is a formula such as "~ baseline + age", or the names of columns')
    names = re.findall(r"[^\W\d]\w*", adjust) if isinstance(adjust, str) else adjust
    if group in names:
        raise DataError(f"adjust names '{group}', the units that are compared; leave it out")


def right_side_of(adjust: str | Sequence[str]) -> str:
    """Covariates as a formula: text with ~ as it is, names of columns joined."""
    if isinstance(adjust, str):
        return adjust if "~" in adjust else f"~ {adjust}"
    return "~ " + " + ".join(str(name) for name in adjust)


def numbers_of(data: pd.DataFrame, name: str) -> np.ndarray:
    """A column of numbers, or of true and false, as floats; NaN where missing; (n,)."""
    column = read_named(data, name)
    if not (column.is_number or column.is_bool):
        raise DataError(Problem("must hold numbers", table="data", column=name))
    values = np.asarray(column.values, float).copy()
    if column.missing is not None:
        values[column.missing] = np.nan
    return values


def _check_counts(columns: Mapping[str, np.ndarray]) -> None:
    for role in ("events", "size"):
        if role in columns:
            bad = (columns[role] < 0) | (columns[role] != np.floor(columns[role]))
            if bad.any():
                raise DataError(Problem(f"{role} must be whole numbers of 0 or more", n_rows=int(bad.sum())))
    if "size" in columns and (columns["events"] > columns["size"]).any():
        n_bad = int((columns["events"] > columns["size"]).sum())
        raise DataError(
            Problem("there are more events than cases; for counts give expected events", n_rows=n_bad)
        )
    if "expected" in columns and (columns["expected"] < 0).any():
        n_bad = int((columns["expected"] < 0).sum())
        raise DataError(Problem("expected events are negative", n_rows=n_bad))


def _check_cases(events: np.ndarray) -> None:
    if not np.isin(events, (0.0, 1.0)).all():
        n_bad = int((~np.isin(events, (0.0, 1.0))).sum())
        raise DataError(
            Problem(
                "events without size are 0 or 1, a row per case; counts need size or expected", n_rows=n_bad
            )
        )


def _proportions(labels, code, events, cases, target, level, dropped) -> Units:
    n = np.bincount(code, cases, len(labels))
    found = np.bincount(code, events, len(labels))
    if not (n > 0).all():
        n_bad = int((n <= 0).sum())
        raise DataError(f"units without a case: {n_bad} of {len(labels)}; leave them out")
    share = float(found.sum() / n.sum()) if target is None else float(target)
    low, high = wilson(found.astype(int), n.astype(int), level=level)
    spread = np.sqrt(share * (1.0 - share) / n)
    return Units(
        labels, PROPORTION, n, found, None, found / n, np.array([low, high]), spread, share, dropped=dropped
    )


def _ratios(labels, code, events, expected, level, dropped) -> Units:
    """Observed over expected; of single cases with a probability each, by their own variance."""
    m = len(labels)
    found, sums = np.bincount(code, events, m), np.bincount(code, expected, m)
    if not (sums > 0).all():
        n_bad = int((sums <= 0).sum())
        raise DataError(f"units without an expected event: {n_bad} of {m}; leave them out")
    are_cases = code.size > m and np.isin(events, (0.0, 1.0)).all() and (expected <= 1.0).all()
    n = np.bincount(code, minlength=m).astype(float) if code.size > m else np.full(m, np.nan)
    variance = np.bincount(code, expected * (1.0 - expected), m) if are_cases else sums
    low, high = poisson_exact(found.astype(int), sums, level=level)
    if are_cases:
        # Poisson's interval would be too wide where events are common.
        low, high = (end * n / sums for end in wilson(found.astype(int), n.astype(int), level=level))
    order = np.argsort(code, kind="stable")
    chances = np.split(expected[order], np.cumsum(np.bincount(code, minlength=m))[:-1]) if are_cases else ()
    return Units(
        labels, CASES if are_cases else RATIO, n, found, sums, found / sums, np.array([low, high]),
        np.sqrt(variance) / sums, 1.0, tuple(chances), dropped,
    )  # fmt: skip


def _means(labels, code, columns, target, level, dropped) -> Units:
    """Means with their standard errors; of cases, with the standard deviation within units."""
    m, value = len(labels), columns["value"]
    n = np.bincount(code, minlength=m).astype(float)
    if "std_error" in columns:
        if code.size > m:
            raise DataError("with std_error each unit has one row; some have several")
        error = np.empty(m)
        mean = np.empty(m)
        mean[code], error[code] = value, columns["std_error"]
        if not (error > 0).all():
            raise DataError(Problem("std_error must be above 0", n_rows=int((error <= 0).sum())))
        n, df = np.full(m, np.nan), np.inf
    else:
        mean = np.bincount(code, value, m) / n
        df = code.size - m
        if df < 1:
            raise DataError("each unit has one row, so a standard error is needed; give std_error")
        sd = np.sqrt(np.sum((value - mean[code]) ** 2) / df)
        if not sd > 0:
            raise DataError("all values within units are the same, so that chance allows nothing")
        error = sd / np.sqrt(n)
    weight = 1.0 / error**2
    centre = float(target) if is_number(target) else float((weight * mean).sum() / weight.sum())
    half = t_limit(level, df) * error
    return Units(
        labels, MEAN, n, None, None, mean, np.array([mean - half, mean + half]), error, centre,
        dropped=dropped,
    )  # fmt: skip
