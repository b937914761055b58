"""Sentences that go with cumulative incidences: what was used, left out and assumed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.covariates import CovariateFrame
from ketaoutcomes.analysis.incidence_rows import EventRows
from ketaoutcomes.formula.looks import rows_text
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.text import patients

__all__ = [
    "FEWEST_FOR_P",
    "SMALLEST_GROUP",
    "emptied_notes",
    "incidence_notes",
    "landmark_notes",
    "listed",
    "model_notes",
]

SMALLEST_GROUP = 2
FEWEST_FOR_P = 20


def incidence_notes(
    compared: EventRows,
    group: NDArray,
    *,
    by: str | None,
    entry: str | None,
    clusters: str | None,
    n_without: int,
    sizes: NDArray,
) -> list[str]:
    """What was used, left out and assumed.

    Parameters
    ----------
    compared : EventRows
        The rows used.
    group : (n,) int
        Of each of them.
    n_without : int
        Rows without a group.
    sizes : (g,) int
        Rows of each group.
    """
    what = patients(compared.n_patients)
    if compared.patient is not None:
        what = f"{rows_text(len(compared.time))} of {what} (clusters: {clusters})"
    notes = [f"{what} analysed; {int((compared.code == 0).sum())} censored."]
    if n_without:
        notes.append(f"{rows_text(n_without)} left out: '{by}' is missing.")
    small = sizes[(sizes > 0) & (sizes < SMALLEST_GROUP)]
    if by is not None and len(small):
        noun = "1 group" if len(small) == 1 else f"{len(small)} groups"
        notes.append(f"{noun} of '{by}' with a single row left out.")
    if compared.patient is not None:
        pairs = np.unique(np.column_stack([group, compared.patient]), axis=0)
        n_alone = int((np.unique(pairs[:, 0], return_counts=True)[1] == 1).sum())
        if n_alone:
            where = "" if by is None else f" in {n_alone} of the groups of '{by}'"
            notes.append(f"No limits{where}: rows of one patient say nothing of how patients differ.")
    never = [name for code, name in enumerate(compared.causes, 1) if not (compared.code == code).any()]
    if never:
        notes.append(f"Nobody had {listed(never)}: the upper limit is the exact binomial one.")
    if not (compared.code == 0).any():
        notes.append("No row is censored: every row has an event.")
    if entry is not None:
        notes.append(f"Rows are at risk from '{entry}'; what happened before it is not in the curves.")
    units = ", with patients as independent units" if compared.patient is not None else ""
    notes.append(
        "Censored patients are taken to be like those still followed. Limits are symmetric in log(−log) of "
        f"the share{units}."
    )
    return notes


def landmark_notes(landmarks: pd.DataFrame, table: pd.DataFrame, unit: str, by: str | None) -> list[str]:
    """Landmarks after the last observation."""
    ends = table["time"].max() if by is None else landmarks[by].map(table.groupby(by)["time"].max())
    beyond = sorted(set(landmarks.loc[landmarks["estimate"].isna() & (landmarks["time"] > ends), "time"]))
    if not beyond:
        return []
    words = ", ".join(f"{when:g}" for when in beyond)
    last = f"{table['time'].max():g} {unit}"
    if by is None:
        return [f"Not given at {words} {unit}: follow-up ends at {last}."]
    return [f"Not given at {words} {unit} in groups whose follow-up ends earlier; the last ends at {last}."]


def emptied_notes(emptied: pd.DataFrame, *, unit: str, by: str | None) -> list[str]:
    """Times after which nobody was at risk although others entered later.

    Parameters
    ----------
    emptied : DataFrame
        A row per set of curves: the `by` column or none, `time` (NaN if there is none), `n_later`.
    """
    return [
        f"After {row['time']:g} {unit} nobody{'' if by is None else f' of {row[by]}'} is at risk, though "
        f"{rows_text(row['n_later'])} entered later: no shares are given from then on, and those rows count "
        "for nothing. Count time from a later start, or leave such early rows out."
        for row in emptied.to_dict("records")
        if row["time"] == row["time"]
    ]


def model_notes(frame: CovariateFrame, n_clusters: int, clusters: str | None) -> tuple[str, ...]:
    """What was left out and how the standard errors were made."""
    notes = []
    if frame.dropped:
        gaps = "; ".join(f"{name} in {rows_text(n)}" for name, n in frame.dropped.items() if n)
        notes.append(f"Rows left out because a covariate is missing: {gaps}.")
    notes += [f"{words}." for words in frame.warnings]
    unit = "patients" if clusters is None else f"'{clusters}'"
    notes.append(
        f"Robust standard errors with {n_clusters:,} {unit} as independent units; the weights that stand for "
        "censoring are taken as known, and patients are censored alike whatever their covariates."
    )
    if n_clusters < FEWEST_FOR_P:
        notes.append(f"No p-values: fewer than {FEWEST_FOR_P} independent units.")
    return (*notes, UNCONTROLLED)


def listed(names: Sequence[str]) -> str:
    """``"a, b and c"``."""
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
