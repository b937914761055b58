"""Columns of a frame, each read once: numbers as an array, categories as codes with their labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.coding import codes_of_array, codes_of_text, level_order, used_only
from ketaoutcomes.formula.looks import mixed_objects, rows_text

__all__ = ["Column", "check_frame", "read_column", "read_columns"]

FALSE_TRUE = np.array([False, True], dtype=object)


@dataclass(frozen=True)
class Column:
    """One column's rows.

    Parameters
    ----------
    name : str
    values : (n,) array
        Numbers (integers or float64, NaN where missing), or codes into `labels` (-1 where missing).
    labels : (k,) object array or None
        None for numbers.
    missing : (n,) bool array or None
        None if no row is missing.
    ordered : bool
        The labels stand in the order that the data give them (a categorical's, or false before true).
    is_bool : bool
    all_used : bool
        Every label is known to occur.
    """

    name: str
    values: NDArray
    labels: NDArray | None = None
    missing: NDArray[np.bool_] | None = None
    ordered: bool = False
    is_bool: bool = False
    all_used: bool = False

    @property
    def is_number(self) -> bool:
        """Numbers, to be used as they are."""
        return self.labels is None

    @property
    def n_missing(self) -> int:
        """Rows without a value."""
        return 0 if self.missing is None else int(self.missing.sum())

    def take(self, rows: NDArray[np.intp]) -> Column:
        """Some rows, none of them missing."""
        return replace(self, values=self.values[rows], missing=None, all_used=False)

    def plain(self) -> NDArray:
        """Values to compute with: float64, bool, or objects for text."""
        if self.labels is None:
            return self.values.astype(np.float64, copy=False)
        if self.is_bool:
            return self.values == 1
        return self.labels[self.values]

    def factor(self) -> tuple[NDArray, tuple]:
        """Codes and levels as a factor: only levels that occur, in the factor's order.

        Returns
        -------
        codes : (n,) integer array of the smallest type that holds the levels; -1 where missing
        levels : tuple
            Alphabetical for text (by code point), ascending for numbers, the data's order for a categorical.
        """
        codes, labels = self.dense()
        return level_order(codes, labels, given=self.ordered)

    def dense(self) -> tuple[NDArray[np.intp], NDArray]:
        """Codes in order of first appearance and the label of each; every label occurs, -1 is missing."""
        if self.labels is None:
            return codes_of_array(self.values)
        if self.all_used:
            return self.values, self.labels
        return used_only(self.values, self.labels)


def check_frame(data) -> None:
    """Refuse what is not a frame with plain column names."""
    if not isinstance(data, pd.DataFrame):
        kind = type(data).__name__
        raise FormulaError(f"the data are not a pandas DataFrame but {kind}; {conversion(data)}")
    if data.columns.nlevels > 1:
        raise FormulaError("the data's column names have several levels; give each column one name")


def conversion(data) -> str:
    """How something else becomes a frame."""
    from ketaoutcomes.cohort.cohort import Cohort

    if isinstance(data, Cohort):
        return "one frame of it is made by ko.change_from_baseline(cohort, instrument), for instance"
    if isinstance(data, pd.Series):
        return "pass the frame that it comes from"
    if callable(getattr(data, "to_pandas", None)):
        return "pass data.to_pandas()"
    if isinstance(data, Mapping | Sequence | np.ndarray) and not isinstance(data, str | bytes):
        return "pass pd.DataFrame(data), with the names of its columns"
    return "pass a table with one row for each measurement, such as pd.read_csv(path) gives"


def read_columns(data: pd.DataFrame, names: Iterable[str]) -> dict[str, Column]:
    """Read each named column once."""
    return {name: read_column(data, name) for name in dict.fromkeys(names)}


def read_column(data: pd.DataFrame, name: str) -> Column:
    """One column of a frame.

    Raises
    ------
    FormulaError
        It is absent or there twice; holds times, infinite numbers, or numbers mixed with text.
    """
    try:
        series = data[name]
    except KeyError:
        raise FormulaError(unknown(name, data)) from None
    if isinstance(series, pd.DataFrame):
        raise FormulaError(
            f"the data have {series.shape[1]} columns named '{name}'; give them different names"
        )
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return of_numpy(name, series)
    if isinstance(dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
        labels = np.empty(len(dtype.categories), dtype=object)
        labels[:] = list(dtype.categories)
        return of_codes(name, codes, labels, ordered=True)
    if isinstance(dtype, pd.StringDtype) or is_arrow_text(dtype):
        return of_codes(name, *codes_of_text(series), all_used=True)
    kind = getattr(dtype, "kind", "O")
    if kind in "mM" or isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
        raise FormulaError(times(name))
    if kind == "b":
        return of_bool(name, series.to_numpy(dtype=object, na_value=None))
    if kind in "iuf":
        return of_numbers(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    return of_objects(name, series.astype(object))


def is_arrow_text(dtype) -> bool:
    """Text in an Arrow column."""
    return isinstance(dtype, pd.ArrowDtype) and dtype.type is str


def unknown(name: str, data: pd.DataFrame) -> str:
    """The sentence for a column that is not there."""
    if name in data.index.names:
        return f"'{name}' is in the index of the data, not among their columns; use data.reset_index()"
    near = get_close_matches(name, [str(column) for column in data.columns], n=3)
    hint = f"; close to it: {', '.join(near)}" if near else ""
    return f"the data have no column '{name}'{hint}"


def times(name: str) -> str:
    """The sentence for a column of times."""
    return (
        f"'{name}' holds dates, times or durations; turn it into a number first, such as days:"
        f" (data['{name}'] - start) / pd.Timedelta(days=1)"
    )


def of_numpy(name: str, series: pd.Series) -> Column:
    """A column that numpy holds."""
    values = series.to_numpy()
    match values.dtype.kind:
        case "f":
            return of_numbers(name, values)
        case "i" | "u":
            return Column(name, values)
        case "b":
            return of_codes(name, values.view(np.int8), FALSE_TRUE, ordered=True, is_bool=True)
        case "m" | "M":
            raise FormulaError(times(name))
        case "O":
            return of_objects(name, series)
    raise FormulaError(f"'{name}' holds {values.dtype}, which is neither numbers, text nor true and false")


def of_numbers(name: str, values: NDArray[np.floating]) -> Column:
    """Floats; NaN is missing, infinity an error."""
    missing = None
    if not np.isfinite(values).all():
        infinite = int(np.isinf(values).sum())
        if infinite:
            raise FormulaError(f"'{name}' is infinite in {rows_text(infinite)}; a model needs finite numbers")
        missing = np.isnan(values)
    return Column(name, values.astype(np.float64, copy=False), None, missing)


def of_codes(name: str, codes: NDArray, labels: NDArray, **known: bool) -> Column:
    """Codes with -1 where missing; `known` are further fields of the column."""
    missing = codes < 0 if len(codes) and codes.min() < 0 else None
    return Column(name, codes, labels, missing, **known)


def of_bool(name: str, values: NDArray) -> Column:
    """True, false and missing as objects."""
    missing = pd.isna(values)
    codes = np.full(len(values), -1, dtype=np.int8)
    codes[~missing] = values[~missing].astype(bool)
    return of_codes(name, codes, FALSE_TRUE, ordered=True, is_bool=True)


def of_objects(name: str, series: pd.Series) -> Column:
    """Python objects: text, numbers, true and false, or nothing at all."""
    kind = pd.api.types.infer_dtype(series, skipna=True)
    values = series.to_numpy()
    if kind == "string":
        return of_codes(name, *codes_of_array(values), all_used=True)
    if kind == "boolean":
        return of_bool(name, values)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        numbers = pd.to_numeric(series.where(series.notna(), np.nan), errors="coerce")
        return of_numbers(name, numbers.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind == "empty":
        return of_numbers(name, np.full(len(values), np.nan))
    if kind in ("datetime", "datetime64", "date", "time", "timedelta", "timedelta64", "period"):
        raise FormulaError(times(name))
    raise FormulaError(mixed_objects(name, series))
