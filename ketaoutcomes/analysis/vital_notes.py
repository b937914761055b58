"""What an analysis of vital signs says beside its numbers: who is not in it, and what must be known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import selection_notes
from ketaoutcomes.analysis.vital_course import SESSION_GROUPS
from ketaoutcomes.analysis.vital_rows import LEAST_READINGS, Ask, VitalRows, within_words
from ketaoutcomes.catalog.vital_rules import VITAL_SIGNS, VitalRule
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.vital_excursions import CONFIRM_MINUTES, is_recorded
from ketaoutcomes.derive.vitals import NEAR_MINUTES
from ketaoutcomes.draw.labels import percent
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.text import patients

__all__ = ["definitions", "nothing_notes", "vital_notes"]

OWN = "Rule of this library"
_APART = f"{CONFIRM_MINUTES[0]:g} to {CONFIRM_MINUTES[1]:g} minutes apart"


def nothing_notes(cohort: Cohort) -> list[str]:
    """The notes where nothing was read."""
    why = "no reading has a value" if "vitals" in cohort.present else "there is no table of vital signs"
    return [f"Vital signs are not recorded: {why}.", *selection_notes(cohort), UNCONTROLLED]


def vital_notes(
    cohort: Cohort,
    rows: VitalRows,
    ask: Ask,
    table: pd.DataFrame,
    excursions: pd.DataFrame,
    unread: list[VitalRule],
    course: pd.DataFrame,
    models: list[str],
) -> list[str]:
    """All notes of a result with readings."""
    return [
        *_denominators(rows, ask, table),
        *_sampling(rows, ask, table, course),
        *_rules(ask, excursions, unread),
        "Change is peak less baseline: a baseline that is high by chance goes with a smaller rise "
        "(regression to the mean), so the coefficient of the baseline is below 0 without any association.",
        *models,
        *selection_notes(cohort),
        UNCONTROLLED,
    ]


def _denominators(rows: VitalRows, ask: Ask, table: pd.DataFrame) -> list[str]:
    """Which sessions are not in, by vital sign."""
    n_sessions = rows.found.n_sessions
    with_any = np.unique(rows.found.session)
    notes = [
        f"{with_any.size:,} of {n_sessions:,} sessions have vital signs recorded "
        f"({patients(np.unique(rows.owner[with_any]).size)}); {n_sessions - with_any.size:,} are not "
        "recorded."
    ]
    sums = table.groupby("sign")[["n", "n_without", "n_no_baseline", "n_few", "after_start"]].sum()
    parts, late = [], []
    for sign in rows.signs:
        row = sums.loc[sign.name]
        parts.append(
            f"{sign.label}: {row['n']:,} sessions, not in: {row['n_without']:,} without a reading, "
            f"{row['n_no_baseline']:,} without a baseline, {row['n_few']:,} with fewer than {LEAST_READINGS} "
            "readings after it"
        )
        if row["after_start"]:
            late.append(f"{sign.label} {row['after_start']:,}")
    notes.append("; ".join(parts) + ".")
    if late:
        notes.append(f"Baselines read after minute 0, for want of one before (sessions): {', '.join(late)}.")
    missing = [sign.label for name, sign in VITAL_SIGNS.items() if name not in rows.found.values]
    if missing:
        notes.append(f"Not recorded: {', '.join(missing)}.")
    n_missing = int((rows.grouped.code < 0).sum())
    if n_missing:
        notes.append(f"{n_missing:,} sessions left out: '{ask.by}' is missing.")
    if rows.found.n_without_minute:
        notes.append(f"{rows.found.n_without_minute:,} readings without a minute are left out.")
    return notes


def _sampling(rows: VitalRows, ask: Ask, table: pd.DataFrame, course: pd.DataFrame) -> list[str]:
    """That a peak grows with the number of readings, and at which minutes the course is given."""
    notes = []
    if ask.nominal is None:
        words = (
            "A peak is the highest of what was read and grows with the number of readings: compare only "
            "sessions that were read equally often."
        )
        shown = table[table["n"] > 0]
        if len(shown) and (shown["readings_max"] > shown["readings_min"]).any():
            words += " Sessions here differ in it; nominal_minutes= restricts them to common minutes."
        notes.append(words)
    else:
        minutes = ", ".join(f"{minute:g}" for minute in ask.nominal)
        notes.append(
            f"Peaks and excursions use the reading of each sign nearest to each of the minutes {minutes}, "
            f"within {NEAR_MINUTES:g}; sessions that miss one of them stay in."
        )
    notes.append(
        "The mean change to the peak takes each session's own peak and lies farther from baseline than the "
        "means of the course, each taken at one minute. Published rises are of either kind: the two are not "
        "compared."
    )
    sign = next((sign for sign in rows.signs if (course["sign"] == sign.name).any()), None)
    if ask.nominal is None and sign is not None:
        minutes = sorted(course.loc[course["sign"] == sign.name, "minute"].unique())
        notes.append(
            f"The course is given at the commonest minutes of {sign.label.lower()}: "
            f"{', '.join(f'{minute:g}' for minute in minutes)}. Where some sessions are read at other "
            "minutes, neighbouring minutes rest on different sessions."
        )
    return notes


def _rules(ask: Ask, excursions: pd.DataFrame, unread: list[VitalRule]) -> list[str]:
    notes = []
    if ask.confirmed:
        notes.append(f"An excursion needs two readings in a row that meet the rule, {_APART}.")
    notes += _unknown(excursions, confirmed=ask.confirmed)
    if excursions["n_already"].sum():
        notes.append(
            "Rules on the reading itself, CTCAE grades among them, are met by a high baseline without any "
            "rise: sessions whose baseline met the rule already, and the mean change, stand beside each rate."
        )
    if unread:
        names = ", ".join(rule.name for rule in unread)
        notes.append(f"Not recorded, so that there is no rate and it is not zero: {names}.")
    notes.append("A rule describes what was recorded; it does not say what was or should be done about it.")
    return notes


def _unknown(excursions: pd.DataFrame, *, confirmed: bool) -> list[str]:
    """Sessions in which what was read did not meet a rule, and not all that it needs was read."""
    sums = excursions.groupby("rule", sort=False)[["n_events", "n", "n_unknown"]].sum()
    sums = sums[sums["n_unknown"] > 0]
    if not len(sums):
        return []
    parts = [
        f"{name}: {row['n_unknown']:,}, {percent(row['n_events'] / row['n'])} to "
        f"{percent((row['n_events'] + row['n_unknown']) / row['n'])}"
        for name, row in sums.iterrows()
    ]
    each = " so that two readings could confirm each other" if confirmed else ""
    return [
        f"Sessions in which not every sign of a rule was read{each}, and what was read did not meet it: the "
        "estimate counts none of them, estimate_high all, and the interval spans both (n_unknown, bounds): "
        f"{'. '.join(parts)}."
    ]


def definitions(ask: Ask, rows: VitalRows) -> tuple[tuple[str, str, str], ...]:
    """Name, text and source of everything that a number rests on."""
    first, last = ask.baseline_minutes
    start, end = ask.window
    returned = "; ".join(f"{sign.label.lower()} {within_words(ask, sign)}" for sign in rows.signs)
    groups = ", ".join(name for name, _ in SESSION_GROUPS)
    hit = f"two readings in a row, {_APART}, that meet" if ask.confirmed else "a reading that meets"
    often = " so that two could confirm each other" if ask.confirmed else ""
    split = f"group of sessions ({groups})" if ask.by is None else f"level of '{ask.by}'"
    return (
        (
            "Baseline",
            f"Last reading from minute {first:g} to 0, else the first one up to minute {last:g}. Values of "
            "one session and minute are one reading, of several of one sign their mean",
            OWN,
        ),
        (
            "Peak",
            f"Highest reading after the baseline from minute {start:g} to {end:g}, lowest for oxygen "
            f"saturation and breathing rate; of sessions with {LEAST_READINGS} such readings or more. Its "
            "minute is the first at which it was read",
            OWN,
        ),
        (
            "Mean change to the peak",
            "Mean over sessions; interval for sessions within patients (CR2 variance, Bell-McCaffrey degrees "
            "of freedom)",
            "Bell and McCaffrey 2002, Surv. Methodol. 28, 169",
        ),
        (
            "Mean change over time",
            "Area between the readings and the baseline, by trapezoids from the baseline to the last reading "
            "in the window, over that time",
            OWN,
        ),
        (
            "Excursion per session",
            f"Sessions with {hit} the rule after minute 0, and after the baseline where the rule is on a "
            "change, of sessions with such a reading of a sign of the rule. What one sign shows meets the "
            f"rule. If what was read did not, and not every sign was read{often}, it is not known: the "
            "estimate counts none of these sessions, estimate_high all, and the interval spans both. What "
            "was read at minute 0 or before is never an excursion. The interval allows for several sessions "
            "per patient. With none, and all known, the upper limit at zero is one-sided and exact, by "
            "sessions and by patients",
            "Cochran 1977, Sampling Techniques, chapter 6; Hanley and Lippman-Hand 1983, JAMA 249, 1743",
        ),
        (
            "Excursion per patient",
            "Patients with such a session, of patients with a session read; patient_share_high also counts "
            "those with a session in which it is not known; exact interval that spans both. It grows with "
            "the number of sessions",
            "Clopper and Pearson 1934, Biometrika 26, 404",
        ),
        (
            "Minutes beyond the threshold",
            "Straight lines between neighbouring readings of all signs of the rule, from the baseline if "
            "there is one, cut where the window or the rule ends; nothing before the first and after the "
            "last",
            OWN,
        ),
        (
            "Mean change beside a rule",
            "From the baseline to the farthest reading on the rule's side, of the first sign of the rule, in "
            "the sessions that met it",
            OWN,
        ),
        (
            "Return to baseline",
            f"First reading after the peak that is back near baseline from the peak's side ({returned}); it "
            "came between that reading and the one before, or after the last one if not seen. Of sessions "
            "whose peak was farther away. A later reading may be away again",
            f"Turnbull 1976, J. R. Stat. Soc. B 38, 290; distance: "
            f"{'given by the caller' if ask.own_within else OWN}",
        ),
        (
            "Model of the peak",
            "Linear mixed model of the change to the peak on baseline, log2 of session number and readings, "
            "with a level of each patient",
            "Bates, Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1)",
        ),
        (
            "Course over minutes",
            f"Linear mixed model of the change from baseline in each minute and {split}, with levels of "
            "patients and, where readings can tell them apart, of sessions; the reading nearest to each "
            f"nominal minute, within {NEAR_MINUTES:g}, none that is half-way between two. minute_mean "
            "is when these were read",
            "Bates, Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1)",
        ),
        *(_rule(rule) for rule in ask.rules if is_recorded(rule, rows.found)),
    )


def _rule(rule: VitalRule) -> tuple[str, str, str]:
    text = f"{rule.text} ({rule.note})" if rule.note else rule.text
    return rule.name, text, rule.citation
