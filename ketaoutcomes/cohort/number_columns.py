"""A table's columns of numbers, of which those that say no more than their cells need no room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping

import numpy as np

__all__ = ["NumberColumns"]


class NumberColumns(MutableMapping):
    """Columns of floats by name: (n,) arrays, in the order in which they came.

    A column that is set down is made anew when it is next asked for, and is then
    one that can be changed in place like any other.
    """

    def __init__(self):
        self._made: dict[str, np.ndarray | None] = {}
        self._again: dict[str, Callable[[np.ndarray | slice], np.ndarray]] = {}

    def set_down(self, name: str, again: Callable[[np.ndarray | slice], np.ndarray]) -> None:
        """Let go of a column's array; `again` makes the same one at the rows that it is given."""
        self._made[name], self._again[name] = None, again

    def at(self, name: str, rows: np.ndarray | slice) -> np.ndarray:
        """Return a column at the given rows, to be read; a column that was set down stays so."""
        made = self._made[name]
        return self._again[name](rows) if made is None else made[rows]

    def __getitem__(self, name: str) -> np.ndarray:
        if self._made[name] is None:
            self._made[name] = self._again.pop(name)(slice(None))
        return self._made[name]

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        self._again.pop(name, None)
        self._made[name] = values

    def __delitem__(self, name: str) -> None:
        self._again.pop(name, None)
        del self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
