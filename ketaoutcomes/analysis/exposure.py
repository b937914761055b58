"""How much treatment patients have had over time, and what screens for its lasting harms show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.exposure_tables import (
    FEWEST,
    SCREENS,
    band_table,
    distribution,
    rate_table,
    screen_table,
)
from ketaoutcomes.analysis.notes import group_notes, same_time_note, selection_notes, split_words
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level, is_number
from ketaoutcomes.derive.exposure import Exposure, patient_exposure
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.draw.labels import count
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.exposure import ExposureResult
from ketaoutcomes.results.text import patients

__all__ = ["exposure"]

_OWN = "Rule of this library"
# Columns of the result tables, which a group of the same name would hide.
# fmt: off
_COLUMNS = frozenset((
    "quantity", "unit", "n_unknown", "total", "mean", "median", "q1", "q3", "band", "n_sessions",
    "patient_years", "n_without_time", "screen", "instrument", "cutoff", "share", "share_low", "share_high",
))
# fmt: on


def exposure(
    cohort: Cohort, *, by: str | None = None, at_risk_days: float = 30.0, level: float = 0.95
) -> ExposureResult:
    """Cumulative sessions and doses, time on treatment, and screens for bladder symptoms and cognition.

    Doses that are not known are counted and never filled in: a patient with one such session has no
    cumulative dose. Where no screen is recorded nothing is said of what it would have shown.

    Parameters
    ----------
    cohort : Cohort
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1).
    at_risk_days : float
        Longest time on treatment that a session carries, if no other session follows sooner.
    level : float
        Confidence level.

    Returns
    -------
    ExposureResult
        `.table`: `quantity`, `unit`, the `by` column, `n` (patients of whom it is known), `n_unknown`,
        `n_patients`, `total` (over the n), `mean`, `q1`, `median`, `q3`, `p90`. `.bands`: patients by
        cumulative sessions. `.rates`: sessions per patient-year. `.screens`: mean score and positive
        screens by the sessions that the patient had had by then; no row without a screen.

    Raises
    ------
    DataError
        If an argument is malformed.

    Source
    ------
    Cochran (1977), Sampling Techniques, ch. 6. Checked: tests/analysis/test_exposure.py.
    """
    check_cohort(cohort)
    check_level(level)
    if not is_number(at_risk_days) or not 0 < at_risk_days < np.inf:
        raise DataError("at_risk_days must be a number of days above 0, e.g. 30")
    if by in _COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    grouped = groups(cohort, by)
    found = patient_exposure(cohort, at_risk_days=at_risk_days)
    table = distribution(found, grouped)
    screens = screen_table(cohort, found, grouped, level)
    return ExposureResult(
        title="Exposure",
        table=table,
        notes=_notes(cohort, found, grouped, screens, at_risk_days),
        definitions=_definitions(at_risk_days, screens),
        provenance=provenance_of(
            "exposure", cohort.fingerprint, {"by": by, "at_risk_days": float(at_risk_days), "level": level}
        ),
        level=level,
        by=by,
        shows=f"Patients by sessions had in all{split_words(by)}",
        bands=band_table(found, grouped, level),
        rates=rate_table(found, grouped, level),
        screens=screens,
    )


def _definitions(at_risk_days: float, screens: pd.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """Time on treatment and followed, and the cutoffs of the screens that are there."""
    found = [
        (
            "Time on treatment",
            f"Each session carries the time to the patient's next one, at most {at_risk_days:g} days, and "
            "none beyond the data cut; the sum over sessions. The last session carries up to "
            f"{at_risk_days:g} days as well, followed or not, so that the sum may be above the time followed",
            _OWN,
        ),
        ("Time followed", "From session 1 to the last hour at which anything is recorded", _OWN),
        (
            "Cumulative dose",
            "Sum of the doses of all sessions, in mg and in mg/kg; one follows from the other where the body "
            "weight of the session is known. Missing where a session's dose is not known",
            _OWN,
        ),
        (
            "Sessions per patient-year",
            "Sessions over years, all patients together; the interval allows for patients who differ (ratio "
            "with a bias-reduced variance on the log scale)",
            "Cochran 1977, Sampling Techniques, chapter 6; Bell and McCaffrey 2002, Surv. Methodol. 28, 169",
        ),
    ]
    for screen in SCREENS:
        if (screens["instrument"] == screen.instrument).any():
            limit = screen.limit
            found.append(
                (
                    f"Positive screen, {screen.instrument}",
                    f"{screen.rule} ({limit.comparison.replace('_', ' ')} {limit.value:g}: {limit.meaning}); "
                    "each patient counts once in a band, by the last score in it",
                    limit.citation,
                )
            )
    return tuple(found)


def _notes(
    cohort: Cohort, found: Exposure, grouped: Groups, screens: pd.DataFrame, at_risk_days: float
) -> tuple[str, ...]:
    """Who is in, which doses are not known, and what is not recorded."""
    treated = found.sessions > 0
    notes = [f"{patients(int(treated.sum()))} with at least one session."]
    unknown = (found.unknown_mg > 0) & treated, (found.unknown_mg_per_kg > 0) & treated
    for lost, counts, unit in zip(
        unknown, (found.unknown_mg, found.unknown_mg_per_kg), ("mg", "mg/kg"), strict=True
    ):
        if lost.any():
            notes.append(
                f"The dose in {unit} is not known of {count(counts.sum())} sessions; "
                f"{patients(int(lost.sum()))} with such a session have no cumulative dose and are not in its "
                "figures. Nothing is filled in."
            )
    n_longer = int((found.hours_on_treatment > found.hours_followed)[treated].sum())
    if n_longer:
        notes.append(
            f"Time on treatment is above the time followed in {count(n_longer)} of "
            f"{patients(int(treated.sum()))}: each last session carries up to {at_risk_days:g} days, even "
            "if nobody was followed in them."
        )
    n_mixed = int((found.n_routes > 1).sum())
    if n_mixed:
        notes.append(
            "Doses by different routes are not the same exposure: less of a dose taken by mouth or nose "
            f"reaches the blood. {patients(n_mixed)} had sessions by more than one route; doses are summed "
            'as given. by="route" gives the routes apart, by that of session 1.'
        )
    absent = [screen for screen in SCREENS if not (screens["instrument"] == screen.instrument).any()]
    if absent:
        names = " and ".join(f"{screen.name} ({screen.instrument})" for screen in absent)
        notes.append(f"Not recorded: screens for {names}. An absent record is no evidence of absence.")
    if len(screens):
        notes += [
            "Screens are of the patients who were screened, and those in later bands are the ones who went "
            "on with treatment: bands hold different patients.",
            same_time_note(cohort),
        ]
        if ((screens["n_patients"] > 0) & (screens["n_patients"] < FEWEST)).any():
            notes.append(f"A mean of fewer than {FEWEST} patients has no interval here.")
        notes += [
            f"{screen.instrument}: {words}"
            for screen in SCREENS
            if screen not in absent
            for words in INSTRUMENTS[screen.instrument].notes
        ]
    notes += group_notes(grouped, grouped.n_missing, 0, 0)
    return (*notes, *selection_notes(cohort), UNCONTROLLED)
