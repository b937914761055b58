"""How far apart the sessions after induction are, and how long a response lasts between them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.maintenance_tables import (
    FEWEST_GAPS,
    FEWEST_OWN_GAPS,
    by_session,
    gap_table,
    longest_gap,
    still_responding,
    trend,
)
from ketaoutcomes.analysis.notes import cited, phase_notes, same_time_note, selection_notes, split_words
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_count, check_level, is_number
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.durability_rows import durability_rows
from ketaoutcomes.derive.episode_rows import COMPLETED, LAST_SEEN, STOPPED
from ketaoutcomes.derive.episodes import EpisodeSet, episode_set
from ketaoutcomes.derive.gaps import GapSet, gap_set
from ketaoutcomes.derive.groups import Groups, session_groups
from ketaoutcomes.derive.sessions import induction
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.maintenance import MaintenanceResult
from ketaoutcomes.results.text import patients

__all__ = ["maintenance_intervals"]

_SMALLEST_GROUP = 2
# Columns of the tables below that a column of the data must not hide.
_TAKEN = frozenset(
    ("measure", "number", "n_open", "p25", "p75", "direction", "identified", "share", "share_low", "last_day")
)
_GAP = (
    "Gap",
    "Days from one session to the next, to the nearest whole day and at least 1. The gap after the last "
    "session is open: no next session is known by the data cut (or the last record), by a stop or planned "
    "end, or by the loss of contact",
    "Rule of this library",
)
_OPEN = (
    "Open gaps counted",
    "Kaplan-Meier quantiles of the time to the next session, with open gaps as right-censored; to leave them "
    "out makes gaps look shorter",
    "Kaplan and Meier 1958, J. Am. Stat. Assoc. 53, 457",
)
_TREND = (
    "Change of gaps",
    "Linear mixed model of log gap by its number in the patient's order, counted from the patient's own mean "
    "number, with a random intercept and slope by patient (without the slope where it has no variance; a "
    "note says so); per cent change from one closed gap to the next",
    "Rule of this library",
)
_LONGEST = (
    "Longest gap",
    "The last whole day up to which the lower limit of the share still responding is at least what is asked "
    "for; interval-censored curve with delayed entry, limits from a bootstrap over patients",
    "Turnbull 1976, J. R. Stat. Soc. B 38, 290",
)


def maintenance_intervals(
    cohort: Cohort,
    instrument: str | None = None,
    *,
    by: str | None = None,
    from_session: int | None = None,
    keep: float = 0.8,
    response: str | None = None,
    loss: str | None = None,
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
) -> MaintenanceResult:
    """Days between sessions after induction, their trend, and how long a response lasts in them.

    Parameters
    ----------
    cohort : Cohort
    instrument : str, optional
        With a name in `INSTRUMENTS`, also the longest gap up to which the share of episodes still
        responding is surely at least `keep`, from `episodes` after induction.
    by : str, optional
        Column of `sessions`, or of `patients`, e.g. "clinic_id"; a gap has the value of the session that
        it follows.
    from_session : int, optional
        Count gaps that follow this session or a later one; by default the last session of the first
        induction and all later ones.
    keep : float
        Share still responding that the longest gap asks for.
    response, loss : str, optional
        What a response is and how it is lost, as in `episodes`.
    level : float
        Confidence level.
    n_replicates : int
        Bootstrap replicates; 0 for no limits, and then no longest gap.
    seed : int

    Returns
    -------
    MaintenanceResult
        `.table`, `.gaps_by_session`, `.trend`, `.longest`, `.still`.

    Raises
    ------
    DataError
        If no gap is closed by a next session, or, with an instrument, there is no episode.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Notes
    -----
    A gap is the clinic's and the patient's choice: that responses last until day 21 among those who were
    not treated before it says nothing of those who were. The curve takes the next session as unrelated to
    a loss that is about to come.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("n_replicates", n_replicates, meaning=", which is for no limits")
    check_count("seed", seed)
    if not is_number(keep) or not 0 < keep < 1:
        raise DataError("keep is the share still responding, between 0 and 1, e.g. keep=0.8")
    if by in _TAKEN:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    _check_instrument(cohort, instrument)
    how = {"level": level, "n_replicates": n_replicates, "seed": seed}
    found = gap_set(cohort, from_session=from_session)
    grouped = session_groups(cohort, by)
    tables, notes = _gap_tables(found, grouped, how)
    notes = [*_gap_notes(cohort, found), *notes]
    definitions = [_GAP, _OPEN, _TREND]
    longest = still = pd.DataFrame()
    known = None
    if instrument is not None:
        episodes = episode_set(cohort, instrument, response=response, loss=loss)
        known = episodes.instrument
        longest, still = _longest(cohort, episodes, grouped, keep, how)
        notes += _longest_notes(cohort, episodes, n_replicates)
        definitions += [
            _LONGEST,
            cited(episodes.definition),
            cited(episodes.loss.definition),
            cited(episodes.baseline),
        ]
    arguments = {"instrument": None if known is None else known.name, "by": by, "from_session": from_session}
    arguments |= {"keep": keep, "response": response, "loss": loss} | how
    since = "after induction" if from_session is None else f"from session {from_session} on"
    return MaintenanceResult(
        title=f"Days between sessions {since}",
        notes=(*notes, *selection_notes(cohort), UNCONTROLLED),
        definitions=tuple(definitions),
        provenance=provenance_of("maintenance_intervals", cohort.fingerprint, arguments),
        longest=longest,
        still=still,
        by=by,
        level=level,
        keep=keep,
        shows=f"Days to the next session, {since}{split_words(by)}",
        order="after induction" if from_session is None else f"from session {from_session} on",
        **tables,
    )


def _check_instrument(cohort: Cohort, instrument: object) -> None:
    """Refuse the name of a column in the instrument's place, and say where it belongs."""
    if not isinstance(instrument, str) or instrument in INSTRUMENTS:
        return
    for table in ("patients", "sessions"):
        if instrument in getattr(cohort, table).columns:
            raise DataError(f'"{instrument}" is a column of {table} and no instrument; use by="{instrument}"')


def _gap_tables(found: GapSet, grouped: Groups, how: dict) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The tables of the gaps of each group, and notes on groups and trends that are not there."""
    code = grouped.code[found.frame["row"].to_numpy()]
    parts: dict[str, list[pd.DataFrame]] = {"table": [], "gaps_by_session": [], "trend": []}
    notes, n_small = [], 0
    for number, level in enumerate(grouped.levels):
        gaps = found.frame[code == number]
        n_patients = gaps.loc[gaps["closed"], "patient_id"].nunique()
        if n_patients < (_SMALLEST_GROUP if grouped.by is not None else 1):
            n_small += len(gaps) > 0
            continue
        row, reason = trend(gaps, level=how["level"])
        frames = {"table": gap_table(gaps, **how), "gaps_by_session": by_session(gaps)}
        frames["trend"] = pd.DataFrame([row])
        for name, frame in frames.items():
            head = pd.DataFrame(grouped.columns(number, len(frame)))
            parts[name].append(pd.concat([head, frame], axis=1))
        if reason:
            of = "" if grouped.by is None else f" of {grouped.by} {level}"
            said = reason if row["direction"] else f"not estimable, {reason}"
            notes.append(f"Trend{of}: {said}.")
    if not parts["table"]:
        raise DataError(f"by='{grouped.by}' leaves no group of at least 2 patients with a closed gap")
    if grouped.by is not None:
        place = "each gap's own session" if grouped.source == "sessions" else "the patient"
        notes.append(f"Groups: '{grouped.by}' of {place}.")
        if (code < 0).any():
            notes.append(f"{int((code < 0).sum()):,} gaps left out: '{grouped.by}' is missing.")
        if n_small:
            noun = "1 group" if n_small == 1 else f"{n_small} groups"
            notes.append(f"{noun} of '{grouped.by}' with fewer than 2 patients with a closed gap left out.")
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}, notes


def _longest(cohort: Cohort, found: EpisodeSet, grouped: Groups, keep: float, how: dict):
    """The longest gap of each group, and the curve that it is read from."""
    rows = durability_rows(found.frame)
    first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    code = grouped.code[first[rows.patient] + found.frame["session"].to_numpy() - 1]
    longest, still = [], []
    for number, _ in enumerate(grouped.levels):
        chosen = rows.take(np.flatnonzero(code == number))
        if not len(chosen):
            continue
        curve = still_responding(chosen, **how)
        row = longest_gap(curve, chosen, keep)
        for frames, frame in ((longest, pd.DataFrame([row])), (still, curve)):
            frames.append(pd.concat([pd.DataFrame(grouped.columns(number, len(frame))), frame], axis=1))
    if not longest:
        raise DataError(f"by='{grouped.by}' is missing for every episode of response")
    return pd.concat(longest, ignore_index=True), pd.concat(still, ignore_index=True)


def _gap_notes(cohort: Cohort, found: GapSet) -> list[str]:
    """What was counted, what is open and why, and what the order of gaps can hide."""
    gaps = found.frame
    closed = int(gaps["closed"].sum())
    of = gaps.loc[gaps["closed"], "patient_id"].nunique()
    notes = [f"{closed:,} closed gaps of {patients(int(of))}; {patients(found.n_patients)} had a session."]
    open_by = gaps.loc[~gaps["closed"], "reason"].astype(str).value_counts()
    words = {LAST_SEEN: "still open where the records end", STOPPED: "ended by a stop"}
    words[COMPLETED] = "ended by a planned end"
    parts = [f"{open_by[reason]:,} {text}" for reason, text in words.items() if reason in open_by.index]
    if parts:
        notes.append(
            f"{int((~gaps['closed']).sum()):,} open gaps: {', '.join(parts)}. Open gaps count as if "
            "those patients would come again as the others do; whoever left without a word is among them."
        )
    if found.from_session is None:
        found_induction = induction(cohort)
        if found_induction.derived:
            notes.append(f"Induction as no phase was given: {found_induction.rule.text}")
        notes += phase_notes(found_induction)
    if found.n_without:
        notes.append(f"{patients(found.n_without)} had no session that such a gap could follow.")
    if found.n_day_only:
        notes.append(f"{found.n_day_only:,} gaps have an end known only to the day.")
    notes.append(
        f"By place in the order: only places with at least {FEWEST_GAPS} closed gaps. Later places hold ever "
        "fewer patients, those with short gaps. Spread within a patient: patients with at least "
        f"{FEWEST_OWN_GAPS} closed gaps."
    )
    notes.append("The trend is that of closed gaps; a gap that is lengthening and still open is not in it.")
    return notes


def _longest_notes(cohort: Cohort, found: EpisodeSet, n_replicates: int) -> list[str]:
    """What the longest gap rests on."""
    notes = [
        f"Still responding: {len(found.frame):,} episodes of response after induction by "
        f"{found.instrument.name}, {int(found.frame['carried'].sum()):,} of them carried in from before the "
        f"session; {int(found.dropped['n_episodes'].sum()):,} sessions begin none (not responding, or not "
        "assessed in time).",
        same_time_note(cohort),
        "An episode that a next session ended while responding counts as still responding until then, and as "
        "unknown later. Sessions are given sooner to those whose response is fading, so the share still "
        "responding among those not yet treated again may be too high; a longest gap is no advice.",
    ]
    notes.append(
        "A loss lies somewhere between two assessments: between the days on which most patients are assessed "
        "it is not well known when the share falls, nor then the longest gap."
    )
    if found.loss.note:
        notes.append(found.loss.note)
    if not n_replicates:
        notes.append("No longest gap: it needs the lower limit, so n_replicates above 0.")
    else:
        notes.append(f"Limits: percentiles of {n_replicates} bootstrap samples of patients.")
    return notes
