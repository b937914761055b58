"""Finding room for a label in a picture: which places are taken, and the nearest free one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = ["Room"]

CELL = 3.0
MOST_TRIED = 1500


class Room:
    """The area of axes in cells of 3 px, each free or taken.

    Words are taken in a stronger sense: no line from a note to what it names may cross them.

    Parameters
    ----------
    width, height : float
        Size of the area in px; the origin is its lower left corner.
    """

    def __init__(self, width: float, height: float):
        shape = (max(int(height / CELL), 1), max(int(width / CELL), 1))
        self.taken = np.zeros(shape, dtype=bool)
        self.words = np.zeros(shape, dtype=bool)

    def take(
        self, x0: float, x1: float, y0: float, y1: float, *, margin: float = 0.0, words: bool = False
    ) -> None:
        """Mark a rectangle, in px and with its corners in any order, as taken."""
        low, high = sorted((y0, y1))
        left, right = sorted((x0, x1))
        rows = slice(*self._cells(low - margin, high + margin, self.taken.shape[0]))
        columns = slice(*self._cells(left - margin, right + margin, self.taken.shape[1]))
        self.taken[rows, columns] = True
        if words:
            self.words[rows, columns] = True

    def take_line(self, points: np.ndarray, *, margin: float = 0.0, words: bool = False) -> None:
        """Mark the straight pieces between (n, 2) points in px as taken."""
        for (x0, y0), (x1, y1) in pairwise(points.tolist()):
            slanted = x0 != x1 and y0 != y1
            n_parts = int(np.hypot(x1 - x0, y1 - y0) / (2 * CELL)) + 1 if slanted else 1
            xs, ys = np.linspace(x0, x1, n_parts + 1), np.linspace(y0, y1, n_parts + 1)
            for part in range(n_parts):
                self.take(xs[part], xs[part + 1], ys[part], ys[part + 1], margin=margin, words=words)

    def is_free(self, x0: float, x1: float, y0: float, y1: float) -> bool:
        """Whether nothing in the rectangle is taken."""
        rows = slice(*self._cells(y0, y1, self.taken.shape[0]))
        columns = slice(*self._cells(x0, x1, self.taken.shape[1]))
        return not self.taken[rows, columns].any()

    def has_words(self, x0: float, x1: float, y0: float, y1: float) -> bool:
        """Whether words stand in the rectangle."""
        rows = slice(*self._cells(y0, y1, self.taken.shape[0]))
        columns = slice(*self._cells(x0, x1, self.taken.shape[1]))
        return bool(self.words[rows, columns].any())

    def nearest(
        self, width: float, height: float, target: tuple[float, float]
    ) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The free rectangle nearest to `target` from which a line reaches it without crossing words.

        Returns
        -------
        (corner, start) or None
            Lower left corner of the rectangle and start of the line, in px.
        """
        n_up, n_across = int(np.ceil(height / CELL)), int(np.ceil(width / CELL))
        sums = np.pad(self.taken.astype(np.int32), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        if sums.shape[0] <= n_up or sums.shape[1] <= n_across:
            return None
        inside = (
            sums[n_up:, n_across:]
            - sums[:-n_up, n_across:]
            - sums[n_up:, :-n_across]
            + sums[:-n_up, :-n_across]
        )
        # Every other cell is enough, and neighbours of a hopeless place are hopeless too.
        rows, columns = (2 * cells for cells in np.nonzero(inside[::2, ::2] == 0))
        left, bottom = columns * CELL, rows * CELL
        distance = np.hypot(left + width / 2 - target[0], bottom + height / 2 - target[1])
        for index in np.argsort(distance, kind="stable")[:MOST_TRIED]:
            x, y = float(left[index]), float(bottom[index])
            is_above = y + height / 2 > target[1]
            start = (float(np.clip(target[0], x + 10, x + width - 10)), y if is_above else y + height)
            if self._clear(start, target):
                return (x, y), start
        return None

    def _clear(self, start: tuple[float, float], end: tuple[float, float]) -> bool:
        """Whether no words lie on the way; the target itself may lie at the edge of the area."""
        parts = np.linspace(0.0, 1.0, 40)
        rows = ((start[1] + parts * (end[1] - start[1])) / CELL).astype(int)
        columns = ((start[0] + parts * (end[0] - start[0])) / CELL).astype(int)
        n_rows, n_columns = self.words.shape
        return not self.words[np.clip(rows, 0, n_rows - 1), np.clip(columns, 0, n_columns - 1)].any()

    @staticmethod
    def _cells(low: float, high: float, n_cells: int) -> tuple[int, int]:
        first = int(np.clip(np.floor(low / CELL), 0, n_cells))
        return first, int(np.clip(np.ceil(high / CELL), first, n_cells))
