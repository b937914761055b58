"""Which cells of a before-and-after table may be printed beside its sums, so that no small one follows.

A patient is in one atom: the band before, the band after and, within one band, whether the score fell,
stayed or rose. Everything printed, here and elsewhere, is a sum of atoms. A group of patients is given
away when its number is a linear combination of what is printed; that is a rank question and is answered
exactly. Of all ways to merge cells the finest that gives away no group of few is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from ketaoutcomes.report.small_counts import SmallCounts

__all__ = ["Atoms", "Cell", "atoms_of", "best_cells", "gives_away", "groups_of_patients", "marks_of"]

NOT_KNOWN, NOT_SCORED = "not recorded", "not scored"
FELL, SAME, ROSE = "fell", "same", "rose"
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Atoms:
    """Patients by atom.

    Attributes
    ----------
    before, after, move : (m,) object arrays
        Band before ("not recorded" is one), band after ("not recorded", "not scored"), and "fell",
        "same", "rose" or "".
    n : (m,) int array
    bands : tuple of str
        Bands of the score in order.
    """

    before: np.ndarray
    after: np.ndarray
    move: np.ndarray
    n: np.ndarray
    bands: tuple[str, ...]

    def marks(self, before: Sequence[str], after: Sequence[str]) -> np.ndarray:
        """Marks the atoms with these bands; (m,) bool."""
        return np.isin(self.before, list(before)) & np.isin(self.after, list(after))


@dataclass(frozen=True)
class Cell:
    """One printed cell: bands before and after that are merged in it."""

    before: tuple[str, ...]
    after: tuple[str, ...]


def atoms_of(table: pd.DataFrame, cuts: Sequence[float], highest: float) -> Atoms:
    """Atoms of a table of codes.

    Parameters
    ----------
    table : DataFrame
        `before`, `after` (codes, missing if not recorded), `status` ("not scored" where there was no
        assessment after), `n`.
    cuts : sequence of float
        Lowest code of each band, ascending, the first 0.
    highest : float
        Highest code.
    """
    ends = [*(cut - 1 for cut in cuts[1:]), highest]
    bands = tuple(
        f"{low:g}" if low == high else f"{low:g}–{high:g}" for low, high in zip(cuts, ends, strict=True)
    )
    before, after = (table[name].to_numpy(float) for name in ("before", "after"))
    unscored = (table["status"] == NOT_SCORED).to_numpy(bool)
    start = _banded(before, cuts, bands)
    end = np.where(unscored, NOT_SCORED, _banded(after, cuts, bands))
    with np.errstate(invalid="ignore"):
        move = np.select([after < before, after == before, after > before], [FELL, SAME, ROSE], "")
    known = np.isfinite(before) & np.isfinite(after)
    frame = pd.DataFrame({"before": start, "after": end, "move": np.where(known, move, "")})
    frame["n"] = table["n"].to_numpy()
    found = frame.groupby(["before", "after", "move"], as_index=False, sort=False)["n"].sum()
    return _completed(found, bands)


def _banded(codes: np.ndarray, cuts: Sequence[float], bands: tuple[str, ...]) -> np.ndarray:
    place = np.searchsorted(np.asarray(cuts, float), np.nan_to_num(codes), side="right") - 1
    return np.where(np.isfinite(codes), np.array(bands, dtype=object)[place], NOT_KNOWN)


def _completed(found: pd.DataFrame, bands: tuple[str, ...]) -> Atoms:
    """All atoms that there could be, since nobody outside knows which are empty."""
    rank = {band: number for number, band in enumerate(bands)}
    keys = []
    for before, after in product((*bands, NOT_KNOWN), (*bands, NOT_KNOWN, NOT_SCORED)):
        if before not in rank or after not in rank:
            keys.append((before, after, ""))
        elif before != after:
            keys.append((before, after, FELL if rank[after] < rank[before] else ROSE))
        else:
            keys += [(before, after, move) for move in (FELL, SAME, ROSE)]
    n = {tuple(row[:3]): int(row[3]) for row in found.itertuples(index=False)}
    columns = (np.array(column, dtype=object) for column in zip(*keys, strict=True))
    return Atoms(*columns, np.array([n.get(key, 0) for key in keys]), bands)


def groups_of_patients(atoms: Atoms, events: Sequence[np.ndarray]) -> np.ndarray:
    """Groups that must not be given away when they are small: (k, m) float, a row of 0 and 1 each.

    All unions of bands before with unions of bands after; `events` with and without each of these, since who
    reduced a score but did not resolve it is a group too; and all the others, of all and of those scored.
    """
    rows, columns = (tuple(dict.fromkeys(side)) for side in (atoms.before, atoms.after))
    befores = _unions(atoms.before, rows)
    afters = _unions(atoms.after, columns)
    boxes = (befores[:, None, :] & afters[None, :, :]).reshape(-1, atoms.n.size)
    known = atoms.marks(atoms.bands, atoms.bands)
    scored = atoms.after != NOT_SCORED
    parts = [boxes]
    for event in events:
        parts += [boxes & event, boxes & known & ~event, scored & ~event]
    counted = np.unique(boxes & known, axis=0)
    parts += [~counted, scored & ~counted]
    groups = np.unique(np.vstack(parts), axis=0)
    return groups[groups.any(axis=1)].astype(float)


def _unions(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Every union of one or more names, as marks of the atoms; (2**k - 1, m) bool."""
    single = np.array([values == name for name in names])
    chosen = np.array(list(product((False, True), repeat=len(names)))[1:])
    return (chosen[:, :, None] & single[None, :, :]).any(axis=1)


def gives_away(atoms: Atoms, printed: np.ndarray, groups: np.ndarray, few: SmallCounts) -> np.ndarray:
    """Marks the groups of few patients whose number follows from the sums printed; (k,) bool.

    Parameters
    ----------
    printed : (p, m) array
        A row of 0 and 1 per printed sum.
    groups : (k, m) array
    """
    small = few.small(groups @ atoms.n)
    found = np.zeros(len(groups), bool)
    printed = np.asarray(printed, float).reshape(-1, atoms.n.size)
    if not small.any() or not len(printed):
        return found
    # A sum of nobody says of each of its atoms that it is empty.
    empty = printed[printed @ atoms.n == 0].any(axis=0)
    printed = np.vstack([printed, np.eye(atoms.n.size)[empty]])
    _, singular, right = np.linalg.svd(printed, full_matrices=False)
    basis = right[singular > _TOLERANCE * max(printed.shape) * max(singular.max(), 1.0)]
    chosen = groups[small]
    rest = chosen - (chosen @ basis.T) @ basis
    found[small] = np.abs(rest).max(axis=1) < 1e-6
    return found


def marks_of(atoms: Atoms, cells: Sequence[Cell]) -> np.ndarray:
    """The cells as sums of atoms; (p, m) bool."""
    found = [atoms.marks(cell.before, cell.after) for cell in cells]
    return np.array(found, dtype=bool).reshape(-1, atoms.n.size)


def best_cells(atoms: Atoms, printed: np.ndarray, groups: np.ndarray, few: SmallCounts) -> tuple[Cell, ...]:
    """The finest cells that may be printed beside the sums in `printed`; none if nothing may.

    What those sums give away by themselves is no fault of the cells.
    """
    before = gives_away(atoms, printed, groups, few)
    for cells in _ways(atoms):
        marks = marks_of(atoms, cells)
        if few.small(marks @ atoms.n).any():
            continue
        if not (gives_away(atoms, np.vstack([printed, marks]), groups, few) & ~before).any():
            return cells
    return ()


def _ways(atoms: Atoms) -> list[tuple[Cell, ...]]:
    """Ways to merge the cells, the finest first; a row's last way is not to print it."""
    bands, unknown = atoms.bands, (NOT_KNOWN, NOT_SCORED)
    apart, merged = tuple((band,) for band in bands), (bands[:1], bands[1:])
    columns = [(*apart, unknown), (*merged, unknown), apart, merged, (bands, unknown), (bands,), ()]
    columns = list(dict.fromkeys(columns))
    found = []
    for rows in dict.fromkeys((apart, merged)):
        for chosen in product(columns, repeat=len(rows)):
            cells = tuple(
                Cell(row, after) for row, afters in zip(rows, chosen, strict=True) for after in afters
            )
            found.append((_fineness(cells, bands), cells))
    found.sort(key=lambda one: -one[0])
    return [cells for _, cells in found]


def _fineness(cells: Sequence[Cell], bands: tuple[str, ...]) -> int:
    """Cells that tell a score after count most, then the number of patients not known."""
    known = [cell for cell in cells if cell.after[0] in bands]
    telling = sum(cell.after != bands for cell in known)
    return 100 * telling + 3 * (len(cells) - len(known)) + len(known)
