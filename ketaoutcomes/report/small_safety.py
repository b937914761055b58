"""Small counts in tables of side effects, rare events, vital signs and dissociation.

Rates rest on sessions and are hidden by patients as well. Numbers of patients decide what is shown and
are not shown themselves: with and without an effect they add up to sizes that the report prints elsewhere.
What stays of a table without its sizes is rounded as the page prints it, since a share of many digits
tells both of its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.report.released import ESTIMATES, rate_reason
from ketaoutcomes.report.small_counts import SECONDARY, SmallCounts, blank

__all__ = [
    "without_small_effects",
    "without_small_excursions",
    "without_small_peaks",
    "without_small_rare_events",
    "without_small_shares",
]

FEWEST_FOR_QUARTILES = 20
PATIENTS = ("n_patients", "n_patients_with", "n_patients_with_event", "n_unknown")
ALL_ESTIMATES = (*ESTIMATES, "conf_high_sessions")


def _with_patients(frame: pd.DataFrame, also: Sequence[str], few: SmallCounts) -> pd.Series:
    """Why each row is hidden: as any rate, or since few patients are with it, or without it."""
    reason = rate_reason(frame, tuple(also), few)
    for column in also:
        if column != "n_unknown":
            rest = few.small(frame["n_patients"] - frame[column]) & (reason == "").to_numpy()
            reason[rest] = few.rest
    return reason


def _hidden(frame: pd.DataFrame, reason: pd.Series, few: SmallCounts) -> pd.DataFrame:
    """`frame` without what the reasons hide; numbers of patients go in all rows."""
    frame["suppressed"] = reason
    rows = (reason != "").to_numpy()
    frame = blank(frame, rows, [*ALL_ESTIMATES, "n_events"])
    if "method" in frame:
        # Which method was used tells how many patients had the effect.
        frame["method"] = frame["method"].mask(rows, "")
    frame = blank(frame, few.small(frame["n"]), ["n"])
    return frame.drop(columns=[name for name in PATIENTS if name in frame])


def without_small_effects(frame: pd.DataFrame, few: SmallCounts, whole: str) -> pd.DataFrame:
    """Rates of side effects; `whole` is any of them, of which the others are parts.

    A single effect is hidden where all but a few of the sessions, or patients, with any effect have it.
    """
    reason = _with_patients(frame, ("n_patients_with_event",), few)
    for way in frame["ascertainment"].unique():
        rows = frame.index[(frame["ascertainment"] == way).to_numpy()]
        total = frame.loc[rows][frame.loc[rows, "effect"] == whole]
        if len(total) != 1 or reason.at[total.index[0]] != "":
            continue
        for row in rows.drop(total.index):
            apart = [
                total.iloc[0][column] - frame.at[row, column]
                for column in ("n_events", "n_patients_with_event")
            ]
            if reason.at[row] == "" and few.small(np.array(apart, dtype=float)).any():
                reason.at[row] = SECONDARY
    return _hidden(frame, reason, few)


def without_small_rare_events(frame: pd.DataFrame, few: SmallCounts, sizes: Sequence[float]) -> pd.DataFrame:
    """Rare events per session and per patient; `sizes` are numbers of patients printed elsewhere.

    Of patients, those of whom it is not known are all the others: their number goes with the event's.
    """
    reason = _with_patients(frame, ("n_patients_with", "n_unknown"), few)
    of_patients = (frame["per"] == "patient").to_numpy()
    apart = np.zeros(len(frame), dtype=bool)
    for size in sizes:
        apart |= few.small(np.abs(frame["n"].astype("Float64") - size))
    reason[of_patients & apart & (reason == "").to_numpy()] = SECONDARY
    frame = _hidden(frame, reason, few)
    return blank(frame, of_patients & (reason != "").to_numpy(), ["n"])


def without_small_excursions(
    frame: pd.DataFrame, few: SmallCounts, within: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Rates by rule, without those that a wider rule or another rule's sessions would give away."""
    also = ("n_patients_with", *(("n_unknown",) if "n_unknown" in frame else ()))
    reason = _with_patients(frame, also, few)
    for wider, narrower in within:
        pair = [frame.index[frame["rule"] == rule] for rule in (wider, narrower)]
        if any(len(rows) != 1 or reason.at[rows[0]] != "" for rows in pair):
            continue
        counts = ["n_events", "n_patients_with"]
        apart = frame.loc[pair[0][0], counts] - frame.loc[pair[1][0], counts]
        if few.small(apart.to_numpy(dtype=float, na_value=np.nan)).any():
            reason.at[pair[1][0]] = SECONDARY
    # Sessions of which a rule is not known are those of the widest rule less its own.
    most = frame["n"].max() if len(frame) else 0
    close = few.small(most - frame["n"])
    reason[close & (reason == "").to_numpy()] = SECONDARY
    frame = _hidden(frame, reason, few)
    return blank(frame, close, ["n"])


def without_small_peaks(frame: pd.DataFrame, few: SmallCounts) -> pd.DataFrame:
    """Highest scores by group of sessions, without those of few patients or with a small count.

    Quartiles need 20 patients. Sizes differ by a few from those that the report prints elsewhere, so only
    the estimates stay, rounded.
    """
    rest = frame["n"] - frame["n_events"]
    frame.loc[few.small(frame["n_events"]) | few.small(rest), "suppressed"] = few.count
    frame.loc[few.small(frame["n_patients"]), "suppressed"] = few.total
    hidden = (frame["suppressed"] != "").to_numpy()
    shares = ["share", "share_low", "share_high"]
    frame = blank(frame, hidden, [*ESTIMATES, *shares, "median", "p25", "p75"])
    too_few = (frame["n_patients"] < FEWEST_FOR_QUARTILES).fillna(True).to_numpy(bool)
    frame = blank(frame, too_few, ["p25", "p75"])
    frame = blank(frame, np.ones(len(frame), bool), ["n", "n_patients", "n_events", "std_error", "df"])
    frame[shares] = frame[shares].round(2)
    points = ["estimate", "conf_low", "conf_high"]
    frame[points] = frame[points].round(1)
    return frame


def without_small_shares(frame: pd.DataFrame, few: SmallCounts, decimals: int) -> pd.DataFrame:
    """Shares or times of groups of `n_patients`, rounded and without sizes."""
    hidden = few.small(frame["n_patients"])
    if "n_events" in frame:
        hidden |= few.small(frame["n_events"]) | few.small(frame["n"] - frame["n_events"])
    frame.loc[hidden, "suppressed"] = few.total
    frame = blank(frame, hidden, ESTIMATES)
    numbers = [name for name in ESTIMATES if name in frame]
    frame[numbers] = frame[numbers].astype(float).round(decimals)
    sizes = ["n", "n_events", "n_patients", "std_error", "df"]
    return blank(frame, np.ones(len(frame), bool), sizes)
