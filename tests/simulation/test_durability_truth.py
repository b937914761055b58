"""Durability of simulated clinics whose truth is known in closed form.

Each patient has a frailty Z, gamma with mean 1 and variance 0.5; each of the patient's
episodes lasts an exponential time of mean 20 / Z days. So S(t) = (1 + t / 40)^-2:
S(14) = 1.35^-2 = 0.548697, median 40 (sqrt 2 - 1) = 16.568542 days.

200 replicates within 4 Monte-Carlo standard errors; KETA_FULL=1 runs 500 for coverage.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from ketaoutcomes.engine.censoring_weights import person_periods
from ketaoutcomes.engine.delayed import delayed_npmle, quantile_interval, survival_bounds
from ketaoutcomes.engine.delayed_bootstrap import delayed_bootstrap
from ketaoutcomes.engine.weighted_durability import assessment_rows, weighted_durability

FULL = os.environ.get("KETA_FULL") == "1"
INF = np.inf
SURVIVAL_14 = 1.35**-2
MEDIAN = 40 * (np.sqrt(2) - 1)
LAST_DAY = 20


def stream_of(number):
    return np.random.default_rng(np.random.SeedSequence(20260101, spawn_key=(number,)))


def episodes(stream, n_patients, n_each=2):
    """Patient and frailty of each episode, and how long it lasts in days."""
    frailty = np.repeat(stream.gamma(2, 0.5, n_patients), n_each)
    return (
        np.repeat(np.arange(n_patients), n_each),
        frailty,
        20 * stream.exponential(1, len(frailty)) / frailty,
    )


def standard_errors_off(estimates, truth):
    estimates = np.asarray(estimates)
    return (estimates.mean() - truth) / (estimates.std(ddof=1) / np.sqrt(len(estimates)))


def check_coverage(covered, expected=0.95):
    """Within 4 Monte-Carlo standard errors, 3 in the full run."""
    covered = np.asarray(covered)
    reach = (3 if FULL else 4) * np.sqrt(expected * (1 - expected) / len(covered))
    assert abs(covered.mean() - expected) <= reach, covered.mean()


# --- delayed entry


def seen_late(stream, n_patients):
    """Rows of episodes first seen responding on day 0 to 6; those lost before are never seen so."""
    patient, _, lasts = episodes(stream, n_patients)
    n = len(lasts)
    entry = stream.choice([0.0, 1.0, 3.0, 6.0], n, p=[0.4, 0.2, 0.2, 0.2])
    days = np.arange(1.0, LAST_DAY + 1)
    # Two days of three; until a session that has nothing to do with the loss.
    seen = (stream.random((n, LAST_DAY)) < 2 / 3) & (days < stream.exponential(25, n)[:, None])
    seen &= days > entry[:, None]
    left = np.where(seen & (days < lasts[:, None]), days, 0.0).max(axis=1)
    right = np.where(seen & (days >= lasts[:, None]), days, INF).min(axis=1)
    kept = lasts > entry
    return np.maximum(left, entry)[kept], right[kept], entry[kept], patient[kept]


def test_delayed_entry_is_right_and_counting_from_the_session_is_biased_upwards():
    right_way, naive = [], []
    for number in range(200):
        left, right, entry, _ = seen_late(stream_of(number), 100)
        right_way.append(np.mean(survival_bounds(delayed_npmle(left, right, entry), 14)))
        naive.append(np.mean(survival_bounds(delayed_npmle(left, right, 0 * entry), 14)))
    assert abs(standard_errors_off(right_way, SURVIVAL_14)) < 4
    # The time before an episode is seen as responding cannot hold its loss: immortal.
    assert standard_errors_off(naive, SURVIVAL_14) > 4
    assert np.mean(naive) - SURVIVAL_14 > 0.03


def test_the_median_of_a_large_sample_lies_in_its_day():
    left, right, entry, _ = seen_late(stream_of(1), 60_000)
    fit = delayed_npmle(left, right, entry)
    assert fit.converged
    low, high = quantile_interval(fit, 0.5)
    assert low < MEDIAN <= high
    assert high - low == 1


def test_the_band_of_the_curve_with_delayed_entry_covers():
    covered = []
    for number in range(500 if FULL else 200):
        left, right, entry, patient = seen_late(stream_of(number), 60)
        band = delayed_bootstrap(
            left, right, entry, [14], clusters=patient, n_replicates=200 if FULL else 80, seed=number
        )
        covered.append(band.conf_low[0] <= SURVIVAL_14 <= band.conf_high[0])
    check_coverage(covered)


# --- sessions booked because of what was seen


def clinic(stream, n_patients, *, association, daily_score=True, day_of_all=None, every=1):
    """Assessments and person-periods of episodes that end when a session is booked.

    A score that follows the frailty is seen every day; the odds of a session that day are
    exp(0.5 score) times those of 0.08. Only the score links sessions and losses.
    """
    patient, frailty, lasts = episodes(stream, n_patients)
    n, days = len(lasts), np.arange(LAST_DAY + 1)
    noise = stream.normal(0, 0.7, (n, LAST_DAY + 1 if daily_score else 1))
    # log Z has mean -0.27 and standard deviation 0.8.
    score = association * 2 * (np.log(frailty) + 0.27)[:, None] / 0.8 + noise
    score = np.broadcast_to(score, (n, LAST_DAY + 1))
    chance = 1 / (1 + np.exp(-(np.log(0.08 / 0.92) + 0.5 * score)))
    booked = stream.random(chance.shape) < chance
    if day_of_all is not None:
        booked = np.broadcast_to(days >= day_of_all, chance.shape).copy()
    booked[:, LAST_DAY] = True
    session = booked.argmax(axis=1)
    time = np.tile(np.arange(1.0, LAST_DAY + 1), (n, 1))
    if every > 1:
        time = np.cumsum(stream.uniform(every - 0.5, every + 0.5, time.shape), axis=1)
    # The assessment of a day comes before its session, and is the last if it finds the loss.
    lost = time >= lasts[:, None]
    taken = (np.floor(time) <= session[:, None]) & (np.cumsum(lost, axis=1) <= 1)
    found = np.where(taken & lost, time, INF).min(axis=1)
    episode, place = np.nonzero(taken)
    rows = assessment_rows(
        episode,
        time[episode, place],
        lost=lost[episode, place],
        entry=np.zeros(len(episode)),
        resolution=None if every == 1 else 0.5,
    )
    at_risk = (days <= session[:, None]) & (days < found[:, None]) & (days < LAST_DAY)
    episode, bin = np.nonzero(at_risk)
    constant = np.ones(len(bin))
    periods = person_periods(
        episode,
        patient[episode],
        bin=bin,
        history=np.column_stack([constant, bin, score[episode, bin]]),
        numerator=np.column_stack([constant, bin]),
        event=bin == session[episode],
    )
    return rows, periods


def curves_at_14(n, n_patients, **options):
    """Weighted and unweighted S(14), mean of the bounds, of n clinics."""
    truncate = options.pop("truncate", (0, 100))
    found = []
    for number in range(n):
        rows, periods = clinic(stream_of(number), n_patients, **options)
        fit = weighted_durability(rows, periods, [14], bin_width=1, truncate=truncate, n_replicates=0)
        found.append([np.mean(survival_bounds(curve, 14)) for curve in (fit.curve, fit.unweighted)])
    return np.array(found).T


def test_the_simulated_score_is_linked_to_sessions_and_to_losses():
    stream = stream_of(0)
    rows, periods = clinic(stream, 3000, association=1.0)
    fit = weighted_durability(rows, periods, [14], bin_width=1, n_replicates=0)
    # The coefficient that the clinic was made with, within 4 standard errors.
    error = np.sqrt(fit.weights.history_fit.cov[2, 2])
    assert abs(fit.weights.history_fit.params[2] - 0.5) < 4 * error
    first_score = periods.history[periods.bin == 0, 2]
    lost = np.zeros(6000)
    lost[rows.episode[np.isfinite(rows.right)]] = 1
    quick = np.zeros(6000)
    quick[rows.episode[np.isfinite(rows.right) & (rows.left < 3)]] = 1
    assert np.corrcoef(first_score, quick[periods.episode[periods.bin == 0]])[0, 1] > 0.1


@pytest.mark.parametrize("daily_score", [True, False], ids=["score of the day", "fixed score"])
def test_weights_remove_the_bias_of_sessions_booked_by_score(daily_score):
    weighted, unweighted = curves_at_14(200, 120, association=1.0, daily_score=daily_score)
    assert standard_errors_off(unweighted, SURVIVAL_14) > 4
    assert unweighted.mean() - SURVIVAL_14 > 0.06
    assert abs(standard_errors_off(weighted, SURVIVAL_14)) < 4


def test_truncated_weights_leave_part_of_a_strong_bias():
    # Cutting at the 1st and 99th percentile trades bias for spread: stated, not hidden.
    whole, unweighted = curves_at_14(60, 400, association=1.0)
    cut, _ = curves_at_14(60, 400, association=1.0, truncate=(1, 99))
    assert cut.std() < whole.std()
    # Compared clinic by clinic; a third of the bias at most is left.
    assert standard_errors_off(cut - whole, 0) > 4
    assert cut.mean() - SURVIVAL_14 < (unweighted.mean() - SURVIVAL_14) / 3


def test_weights_work_when_assessments_are_two_to_three_days_apart():
    weighted, unweighted = curves_at_14(150, 150, association=1.0, daily_score=False, every=2.5)
    assert standard_errors_off(unweighted, SURVIVAL_14) > 4
    assert abs(standard_errors_off(weighted, SURVIVAL_14)) < 4


def test_the_weighted_band_covers():
    covered = []
    for number in range(500 if FULL else 200):
        rows, periods = clinic(stream_of(number), 100, association=0.6)
        fit = weighted_durability(
            rows, periods, [14], bin_width=1, n_replicates=200 if FULL else 80, seed=number
        )
        covered.append(fit.band.conf_low[0] <= SURVIVAL_14 <= fit.band.conf_high[0])
    check_coverage(covered)


def test_a_fixed_schedule_of_seven_days_is_not_called_an_estimate():
    rows, periods = clinic(stream_of(3), 100, association=1.0, day_of_all=7)
    fit = weighted_durability(rows, periods, [5, 14], bin_width=1, n_replicates=50)
    assert fit.weights.positivity_fails
    assert fit.weights.share_hardly_any > 0.05
    assert not fit.weights.usable
    assert fit.band is None
    # Nothing was seen beyond the seventh day.
    assert survival_bounds(fit.unweighted, 14)[0] == 0
