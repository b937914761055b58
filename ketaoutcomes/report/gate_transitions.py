"""The part of the gate that tables of a score before and after pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.report.gate_base import GateBase
from ketaoutcomes.report.released import ESTIMATES, Hidden, Released, opened, rate_reason
from ketaoutcomes.report.small_counts import SECONDARY, SmallCounts, blank
from ketaoutcomes.report.small_transitions import (
    NOT_KNOWN,
    NOT_SCORED,
    Atoms,
    Cell,
    atoms_of,
    best_cells,
    gives_away,
    groups_of_patients,
    marks_of,
)

__all__ = ["TransitionGate", "outcome_marks"]


class TransitionGate(GateBase):
    """Methods of `disclosure.Gate`."""

    def transitions(
        self,
        name: str,
        outcomes: pd.DataFrame,
        table: pd.DataFrame,
        *,
        place: str,
        cuts: Sequence[float],
        highest: float,
        eligible_printed: bool = True,
        scored_printed: bool = True,
    ) -> tuple[Released, Released]:
        """Outcomes of a score before and after, and the table of patients by both.

        Cells are merged, or left out, until neither they nor the outcomes nor the sizes of section 3
        give away a group of few patients.

        Parameters
        ----------
        outcomes : DataFrame
            `outcome` ("si_resolved", "si_reduced", "si_worse"), `n_events`, `n` and estimates.
        table : DataFrame
            `before`, `after`, `status`, `n`, as `atoms_of` takes them.
        cuts : sequence of float
            Lowest code of each band, the first 0.
        highest : float
            Highest code.
        eligible_printed, scored_printed : bool
            Whether the report prints how many patients there are in all, and with a score after.

        Returns
        -------
        (Released, Released)
            `name`: the outcomes. `name` with "_transitions": `before`, `after` (bands), `n`; bands
            that are printed together are one.
        """
        atoms = atoms_of(table, cuts, highest)
        frame = opened(name, outcomes)
        events = {one: outcome_marks(atoms, one) for one in frame["outcome"]}
        groups = groups_of_patients(atoms, [marks for _, marks in events.values()])
        printed = _sizes(atoms, eligible_printed, scored_printed)
        cells = _all_cells(atoms)
        if self.suppresses:
            frame, printed = _without_small_outcomes(frame, atoms, events, printed, groups, self.few)
            cells = best_cells(atoms, printed, groups, self.few)
        given = self.out(name, frame, place, "count, % and interval", is_rate=True)
        shown = self.out(f"{name}_transitions", _cell_frame(name, atoms, cells), place, "count")
        hidden = shown.hidden
        if len(cells) < len(_all_cells(atoms)):
            why = f"one of the counts is {self.few.words}, or would follow from the sums beside it"
            hidden = (*hidden, Hidden(place, "scores before and after: merged or left out", why))
        return given, Released(shown.name, shown.frame, hidden)


def outcome_marks(atoms: Atoms, outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Atoms that an outcome counts, and those in which it happened; two (m,) bool arrays."""
    known = atoms.marks(atoms.bands, atoms.bands)
    above = atoms.marks(atoms.bands[1:], atoms.bands)
    if outcome == "si_resolved":
        return above, atoms.marks(atoms.bands[1:], atoms.bands[:1])
    if outcome == "si_reduced":
        return above, above & (atoms.move == "fell")
    return known, known & (atoms.move == "rose")


def _sizes(atoms: Atoms, eligible_printed: bool, scored_printed: bool) -> np.ndarray:
    """What section 3 prints, as sums of atoms."""
    rows = []
    if eligible_printed:
        rows.append(np.ones(atoms.n.size, bool))
    if scored_printed:
        rows.append(atoms.after != NOT_SCORED)
    return np.array(rows, dtype=bool).reshape(-1, atoms.n.size)


def _without_small_outcomes(
    frame: pd.DataFrame, atoms: Atoms, events, printed, groups, few: SmallCounts
) -> tuple[pd.DataFrame, np.ndarray]:
    """Outcomes that are small, or would give a small group away, go; their sizes stay where they may."""
    reason = rate_reason(frame, (), few)
    without_n = few.small(frame["n"])
    allowed = gives_away(atoms, printed, groups, few)
    for place, outcome in enumerate(frame["outcome"]):
        counted, met = events[outcome]
        with_n = np.vstack([printed, counted])
        with_both = np.vstack([with_n, met])
        if (gives_away(atoms, with_n, groups, few) & ~allowed).any():
            without_n[place] = True
            reason.iloc[place] = reason.iloc[place] or SECONDARY
        elif reason.iloc[place]:
            printed = with_n
        elif (gives_away(atoms, with_both, groups, few) & ~allowed).any():
            reason.iloc[place] = SECONDARY
            printed = with_n
        else:
            printed = with_both
    frame["suppressed"] = reason
    frame = blank(frame, reason != "", [*ESTIMATES, "n_events"])
    return blank(frame, without_n, ["n"]), printed


def _all_cells(atoms: Atoms) -> tuple[Cell, ...]:
    """Every band apart, those not known after together."""
    columns = [*((band,) for band in atoms.bands), (NOT_KNOWN, NOT_SCORED)]
    return tuple(Cell((row,), column) for row in atoms.bands for column in columns)


def _cell_frame(name: str, atoms: Atoms, cells: Sequence[Cell]) -> pd.DataFrame:
    """The cells as a table; `after` is "not known" where the score after is not."""
    rows = {
        "before": [_band_words(cell.before) for cell in cells],
        "after": [_after_words(cell.after, atoms.bands) for cell in cells],
        "n": marks_of(atoms, cells) @ atoms.n,
    }
    return opened(name, pd.DataFrame(rows)).astype({"before": "str", "after": "str"})


def _after_words(bands: tuple[str, ...], known: tuple[str, ...]) -> str:
    return _band_words(bands) if bands[0] in known else "not known"


def _band_words(bands: tuple[str, ...]) -> str:
    """``"1–3"`` for the bands 1 and 2–3."""
    if len(bands) == 1:
        return bands[0]
    return f"{bands[0].partition('–')[0]}–{bands[-1].rpartition('–')[2]}"
