"""How long side effects last, against a truth that is known.

Lengths are log-normal with a median of 70 minutes, seen at checks only, in patients who were watched for a
while. Every effect of one cohort is a replicate. What records often do, ending at discharge what was still
there, is not near the truth: that is tested too.
"""

from __future__ import annotations

import os
from math import erf, log, sqrt

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.side_effect_timing import side_effect_timing
from ketaoutcomes.cohort.read import assemble

FULL = os.environ.get("KETA_FULL") == "1"
N_REPLICATES = 1000 if FULL else 200
# Monte-Carlo standard errors that a mean or a coverage may be off by.
N_ERRORS = 3.0 if FULL else 4.0
N_PATIENTS, N_SESSIONS = 40, 3
MEDIAN, SPREAD, BETWEEN = 70.0, 0.5, 0.3
QUARTERS = np.arange(15.0, 121.0, 15.0)
CLOSE = np.array([10.0, 20, 30, 40, 50, 60, 75, 90, 105, 120, 150, 180])


def truth(minutes):
    """Share gone by some minutes after the onset."""
    return 0.5 * (1 + erf(log(minutes / MEDIAN) / SPREAD / sqrt(2)))


def clinic(seed, checks, *, late_onset=False, ended_at_discharge=False, called=0.0):
    """A cohort of effects e0000, e0001, ...: each is in every session, and seen at the checks only.

    Of those still there at discharge, the share `called` is asked at home: their end is exact.
    """
    stream = np.random.default_rng(seed)
    n = N_PATIENTS * N_SESSIONS
    patient = np.repeat(np.arange(N_PATIENTS), N_SESSIONS)
    names = np.array([f"P{k:03d}" for k in range(N_PATIENTS)])[patient]
    session = np.tile(np.arange(1, N_SESSIONS + 1), N_PATIENTS)
    # Nurses are some minutes early or late; the discharge is on time.
    minutes = checks + stream.integers(-3, 4, (n, checks.size)) * (checks < checks[-1]) * late_onset
    minutes = np.column_stack([np.zeros(n), minutes])
    own = stream.normal(0, BETWEEN, (N_REPLICATES, N_PATIENTS))[:, patient]
    rest = stream.normal(0, np.sqrt(SPREAD**2 - BETWEEN**2), (N_REPLICATES, n))
    length = MEDIAN * np.exp(own + rest)
    onset = stream.gamma(4.0, 5.0, (N_REPLICATES, n)) if late_onset else np.zeros((N_REPLICATES, n))
    seen_first, seen_gone = (
        np.argmax(minutes[None] >= t[:, :, None], axis=2) for t in (onset, onset + length)
    )
    still = onset + length > minutes[:, -1]
    seen_gone[still] = checks.size
    at = np.arange(n)
    noted_onset, noted_end = minutes[at, seen_first], minutes[at, seen_gone]
    asked = still & (np.random.default_rng([seed, 1]).random(still.shape) < called)
    noted_end = np.where(asked, onset + length, noted_end)
    still &= ~asked
    # An onset first noted at the last check, or gone again by then, was never seen.
    seen = (noted_end > noted_onset) & (onset <= minutes[:, -1])
    effect, row = np.nonzero(seen)
    frame = pd.DataFrame({"patient_id": names[row], "session": session[row]})
    frame["effect"] = [f"e{number:04d}" for number in effect]
    frame["onset_minutes"] = noted_onset[seen]
    frame["duration_minutes"] = (noted_end - noted_onset)[seen]
    frame["resolved"] = np.where(still[seen] & (not ended_at_discharge), "no", "yes")
    frame["ascertainment"] = "checklist"
    sessions = pd.DataFrame({"patient_id": names, "hour": 72.0 * (session - 1), "route": "IV"})
    sessions["monitored_minutes"] = minutes[:, -1]
    vitals = pd.DataFrame(
        {
            "patient_id": np.repeat(names, minutes.shape[1]),
            "session": np.repeat(session, minutes.shape[1]),
            "minute": minutes.ravel(),
            "sbp": 120.0,
        }
    )
    patients = pd.DataFrame({"patient_id": np.unique(names)})
    return assemble({"patients": patients, "sessions": sessions, "side_effects": frame, "vitals": vitals})


def timed(cohort, **options):
    """The table of all replicates, without the row of any side effect."""
    table = side_effect_timing(cohort, horizons=(60.0, 120.0), **options).table
    return table[table["effect"] != "any side effect"]


def rows_of(table, quantity, time=None):
    rows = table[table["quantity"] == quantity]
    return rows if time is None else rows[rows["time"] == time]


def errors_off(values, expected):
    """How many Monte-Carlo standard errors the mean lies above what is expected."""
    values = np.asarray(values, float)
    return (values.mean() - expected) / (values.std(ddof=1) / np.sqrt(values.size))


@pytest.fixture(scope="module")
def from_start():
    return timed(clinic(1, QUARTERS), n_replicates=100)


@pytest.fixture(scope="module")
def late_clinic():
    return clinic(2, CLOSE, late_onset=True)


@pytest.fixture(scope="module")
def from_onset(late_clinic):
    return timed(late_clinic, n_replicates=0)


@pytest.mark.parametrize("minutes", [60.0, 120.0])
def test_shares_gone_are_the_truth_where_effects_begin_with_the_session(from_start, minutes):
    rows = rows_of(from_start, "gone_by", minutes)
    # Checks stand at these minutes: nothing is left open.
    assert (rows["low"] == rows["high"]).all()
    assert abs(errors_off(rows["estimate"], truth(minutes))) < N_ERRORS


def test_the_median_lies_between_the_checks_around_it(from_start):
    rows = rows_of(from_start, "median_resolution")
    # The share gone by 60 minutes is 0.38 and by 75 it is 0.56, with a standard error of 0.05: the median is
    # outside in 0.12 of the replicates.
    assert ((rows["low"] == 60) & (rows["high"] == 75)).mean() > 0.8


def test_what_is_ended_at_discharge_is_far_from_the_truth():
    naive = rows_of(timed(clinic(1, QUARTERS, ended_at_discharge=True), n_replicates=0), "gone_by", 120.0)
    assert truth(120.0) == pytest.approx(0.859, abs=0.001)
    assert (naive["estimate"] == 1.0).all()


@pytest.mark.parametrize("minutes", [60.0, 120.0])
def test_shares_gone_are_the_truth_where_onset_and_end_are_seen_at_checks(from_onset, minutes):
    rows = rows_of(from_onset, "gone_by", minutes)
    # Minutes of checks differ: what is left open at a mark is less than 0.01 on average.
    assert (rows["high"] - rows["low"]).mean() < 0.01
    assert abs(errors_off((rows["low"] + rows["high"]) / 2, truth(minutes))) < N_ERRORS


def test_the_median_is_the_truth_where_onset_and_end_are_seen_at_checks(from_onset):
    assert abs(errors_off(rows_of(from_onset, "median_resolution")["estimate"], MEDIAN)) < N_ERRORS


@pytest.mark.parametrize("minutes", [60.0, 120.0])
def test_shares_gone_are_the_truth_where_ends_after_the_discharge_are_told_exactly(minutes):
    # Watched to minute 105 only: a third is still there then, and four in five of these are asked at home.
    cohort = clinic(3, CLOSE[CLOSE <= 105], late_onset=True, called=0.8)
    rows = rows_of(timed(cohort, n_replicates=0), "gone_by", minutes)
    assert rows["estimate"].notna().all()
    assert abs(errors_off((rows["low"] + rows["high"]) / 2, truth(minutes))) < N_ERRORS


def test_times_at_which_things_were_noted_are_later_than_the_truth(late_clinic):
    noted = rows_of(timed(late_clinic, checks=None, n_replicates=0), "gone_by", 120.0)
    assert errors_off(noted["estimate"], truth(120.0)) < -3 * N_ERRORS


def test_limits_of_shares_hold_the_truth(from_start):
    error = np.sqrt(0.95 * 0.05 / N_REPLICATES)
    for quantity, minutes in (("gone_by", 60.0), ("gone_by_discharge", 120.0)):
        rows = rows_of(from_start, quantity, minutes if quantity == "gone_by" else None)
        expected = truth(minutes)
        held = ((rows["conf_low"] <= expected) & (expected <= rows["conf_high"])).mean()
        assert held > 0.95 - N_ERRORS * error, quantity
