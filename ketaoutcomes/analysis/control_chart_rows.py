"""The rows of a control chart: names of the points, numbers, baseline, parts and provisional points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.frame_columns import check_columns, read_named
from ketaoutcomes.engine.control_limits import PER_SIZE, estimates
from ketaoutcomes.errors import DataError
from ketaoutcomes.formula.looks import rows_text
from ketaoutcomes.formula.plan import IDENTIFIER

__all__ = ["MONTH", "Rows", "read_rows", "several"]

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
COUNTS = ("p", "u", "p_prime", "u_prime", "c", "g")


@dataclass(frozen=True)
class Rows:
    """Points in time order.

    Attributes
    ----------
    names : list of str
        Months as "YYYY-MM".
    value, size, estimate : (n,) float
        `size` is NaN where none was given.
    part : (n,) int
        From 1.
    is_baseline, is_provisional, is_hidden : (n,) bool
        `is_hidden`: the row was hidden before it came here.
    is_frozen : bool
    change : list of str
    n_other_changes : int
        Changes at times that are not among the rows.
    """

    names: list[str]
    value: NDArray[np.float64]
    size: NDArray[np.float64]
    estimate: NDArray[np.float64]
    part: NDArray[np.int64]
    is_baseline: NDArray[np.bool_]
    is_provisional: NDArray[np.bool_]
    is_hidden: NDArray[np.bool_]
    is_frozen: bool
    change: list[str]
    n_other_changes: int

    @property
    def is_monthly(self) -> bool:
        return all(MONTH.fullmatch(name) for name in self.names)

    @property
    def noun(self) -> str:
        """What a point is, in the plural."""
        return "months" if self.is_monthly else "points"

    @property
    def is_shown(self) -> NDArray[np.bool_]:
        return np.isfinite(self.estimate)

    @property
    def is_tested(self) -> NDArray[np.bool_]:
        return self.is_shown & ~self.is_provisional


def read_rows(
    data: pd.DataFrame,
    *,
    value: str,
    size: str | None,
    by_time: str | None,
    kind: str,
    freeze: Any,
    parts: Sequence,
    changes: Mapping | None,
    provisional: Sequence,
) -> Rows:
    """Read and check the columns and the names of points that arguments give.

    Raises
    ------
    DataError
        If a column is absent or no number, a count is negative, broken or above its size, times repeat or
        run backwards, or an argument names no row.
    """
    check_columns(data, {"value": value, "size": size, "by_time": by_time}, needed=("value",))
    is_hidden = _hidden(data)
    names = _names(data, by_time)
    values = _numbers(data, value, is_hidden)
    sizes = np.full(len(data), np.nan) if size is None else _numbers(data, size, is_hidden)
    _check_values(kind, value, values, size, sizes)
    is_provisional = np.zeros(len(names), dtype=bool)
    for label in several(provisional):
        is_provisional[_position("provisional", label, names)] = True
    starts = sorted({_start(label, names) for label in several(parts)})
    part = 1 + np.searchsorted(starts, np.arange(len(names)), side="right")
    is_baseline = ~is_provisional
    if freeze is not None:
        n_baseline = _n_baseline(freeze, names)
        if starts and n_baseline > starts[0]:
            raise DataError("freeze reaches into the second part; it ends the baseline of the first one")
        is_baseline &= (np.arange(len(names)) < n_baseline) | (part > 1)
    change, n_other = _changes(changes, names)
    return Rows(
        names=names,
        value=values,
        size=sizes,
        estimate=estimates(kind, values, sizes),
        part=part.astype(np.int64),
        is_baseline=is_baseline,
        is_provisional=is_provisional,
        is_hidden=is_hidden,
        is_frozen=freeze is not None,
        change=change,
        n_other_changes=n_other,
    )


def several(labels: Any) -> list:
    """One label, or several, as a list."""
    if labels is None:
        return []
    is_one = isinstance(labels, str) or not isinstance(labels, Iterable)
    return [labels] if is_one else list(labels)


def _hidden(data: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows whose numbers were hidden before: their `suppressed` cell gives a reason."""
    if "suppressed" not in data.columns:
        return np.zeros(len(data), dtype=bool)
    reasons = data["suppressed"].astype(object)
    return np.array([cell is True or (isinstance(cell, str) and cell != "") for cell in reasons], dtype=bool)


def _numbers(data: pd.DataFrame, name: str, is_hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A column of numbers; hidden rows, which may hold words, are missing."""
    if is_hidden.any() and name in data.columns:
        shown = data[name].astype(object).mask(is_hidden, np.nan).infer_objects()
        data = pd.DataFrame({name: shown})
    found = read_named(data, name)
    if not found.is_number:
        raise DataError(
            f"the column '{name}' holds no numbers; a control chart needs a number for each point"
        )
    return np.where(is_hidden, np.nan, found.plain())


def _names(data: pd.DataFrame, by_time: str | None) -> list[str]:
    """The points' names; without a column their numbers from 1."""
    if by_time is None:
        return [str(number) for number in range(1, len(data) + 1)]
    if list(data.columns).count(by_time) != 1:
        raise DataError(f"by_time='{by_time}' is not one column of the data; give the column of the times")
    if by_time == IDENTIFIER:
        raise DataError(f"{IDENTIFIER} is an identifier and names no point; give a column of times")
    column = data[by_time]
    if column.isna().any():
        raise DataError(
            f"the column '{by_time}' is missing in {rows_text(int(column.isna().sum()))}; name each point"
        )
    names = [_name(cell) for cell in column]
    if all(DAY.fullmatch(name) and name.endswith("-01") for name in names):
        names = [name[:7] for name in names]
    n_again = len(names) - len(set(names))
    if n_again:
        raise DataError(
            f"the column '{by_time}' repeats a time in {rows_text(n_again)}; give one row for each point"
        )
    sortable = column.to_numpy(float) if pd.api.types.is_numeric_dtype(column) else names
    is_dated = all(MONTH.fullmatch(name) for name in names) or all(DAY.fullmatch(name) for name in names)
    if (is_dated or sortable is not names) and list(sortable) != sorted(sortable):
        raise DataError(f"the rows are not in the order of '{by_time}'; sort the data by it first")
    return names


def _name(cell: Any) -> str:
    """A time as it is printed: a day "2025-10-01", a month "2025-10", or the cell's own text."""
    if hasattr(cell, "strftime") and not isinstance(cell, pd.Period):
        return cell.strftime("%Y-%m-%d")
    return str(cell)


def _check_values(kind: str, value: str, values: NDArray, size: str | None, sizes: NDArray) -> None:
    """Refuse what the kind of chart cannot hold."""
    if kind in PER_SIZE and size is None:
        raise DataError(f'kind="{kind}" divides events by a size; name its column: size="n"')
    known = np.isfinite(values)
    if kind in COUNTS:
        wrong = known & ((values < 0) | (values != np.round(values)))
        _refuse(wrong, value, "is no whole number from 0 on", "give counts, not shares")
    if kind == "t":
        hint = 'give times above 0; events of one day are charted by kind="g"'
        _refuse(known & (values <= 0), value, "is 0 or below", hint)
    if size is not None:
        _refuse(sizes < 0, size, "is negative", "correct the sizes")
    if kind in ("p", "p_prime"):
        _refuse(
            known & (values > sizes) & (sizes > 0), value, f"is above '{size}'", 'give kind="u" for rates'
        )


def _refuse(wrong: NDArray[np.bool_], column: str, what: str, hint: str) -> None:
    if wrong.any():
        raise DataError(f"the column '{column}' {what} in {rows_text(int(wrong.sum()))}; {hint}")


def _position(role: str, label: Any, names: list[str]) -> int:
    """Row of a point that an argument names."""
    name = _name(label)
    for candidate in (name, name[:7]):
        if candidate in names:
            return names.index(candidate)
    raise DataError(f"{role} names a point that is not among the {len(names)} rows; name it as by_time does")


def _start(label: Any, names: list[str]) -> int:
    """Row at which a part begins."""
    if isinstance(label, Integral) and not isinstance(label, bool):
        if not 0 < label < len(names):
            raise DataError(f"parts begins a part after {label} points; choose 1 to {len(names) - 1}")
        return int(label)
    start = _position("parts", label, names)
    if start == 0:
        raise DataError("parts names the first point; a new part begins later")
    return start


def _n_baseline(freeze: Any, names: list[str]) -> int:
    """How many of the first points make the baseline."""
    if isinstance(freeze, Integral) and not isinstance(freeze, bool):
        if not 0 < freeze <= len(names):
            raise DataError(
                f"freeze takes the first so many points, 1 to {len(names)}, or the last one's name"
            )
        return int(freeze)
    name = _name(freeze)
    for form in (MONTH, DAY):
        # A month that has no row of its own still ends the baseline.
        if form.fullmatch(name) and all(form.fullmatch(other) for other in names):
            if name > names[-1]:
                raise DataError("freeze lies after the last point; name the last point of the baseline")
            n_baseline = sum(other <= name for other in names)
            if n_baseline:
                return n_baseline
            raise DataError("freeze lies before the first point; name the last point of the baseline")
    return 1 + _position("freeze", freeze, names)


def _changes(changes: Mapping | None, names: list[str]) -> tuple[list[str], int]:
    """Words for each row, and how many changes lie at times without a row."""
    if changes is not None and not isinstance(changes, Mapping):
        raise DataError('changes maps points to words, such as {"2025-10": "reminders began"}')
    words, n_other = [""] * len(names), 0
    for label, text in (changes or {}).items():
        name = _name(label)
        at = next((candidate for candidate in (name, name[:7]) if candidate in names), None)
        if at is None:
            n_other += 1
        else:
            words[names.index(at)] = str(text)
    return words, n_other
