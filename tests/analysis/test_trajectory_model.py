"""The curve of a symptom course against means that are known: identities, and simulations with dropout."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.cohort.read import assemble

DAY = 24.0
DAYS = (0, 7, 14, 28, 56, 84)


def cohort_of(points, days, *, patients=None, instrument="MADRS"):
    """A cohort from scores (patients, days); missing ones were not taken. Day 0 is before session 1."""
    names = [f"P{number:04d}" for number in range(len(points))]
    rows, columns = np.nonzero(np.isfinite(points))
    scores = pd.DataFrame(
        {
            "patient_id": np.array(names)[rows],
            "instrument": instrument,
            "hour": np.asarray(days, float)[columns] * DAY,
            "score": points[rows, columns],
            "timing": np.where(np.asarray(days)[columns] == 0, "pre", "remote"),
        }
    )
    sessions = pd.DataFrame({"patient_id": names, "hour": 0.0, "route": "IV"})
    patients = pd.DataFrame({"patient_id": names}) if patients is None else patients.assign(patient_id=names)
    return assemble({"patients": patients, "sessions": sessions, "scores": scores}, {})


def simulated(seed, n, days=DAYS, slope=-2.0):
    """Whole scores around 32 + slope log2(1 + day), with a level and a slope of each patient's own."""
    generator = np.random.default_rng(seed)
    time = np.log2(1.0 + np.asarray(days, float))
    level, own = generator.normal(0, 4.0, n), generator.normal(0, 0.8, n)
    mean = 32.0 + slope * time
    noise = generator.normal(0, 2.5, (n, time.size))
    points = mean + level[:, None] + own[:, None] * time + noise
    return np.clip(np.round(points), 1, 60), mean, generator


@pytest.mark.parametrize("n", [14, 60])
def test_with_complete_scores_at_planned_days_the_models_means_are_the_observed_ones(n):
    # All patients have the same rows, so generalised and ordinary least squares are the same whatever the
    # random effects; a curve with as many parameters as days passes through the means.
    points, _, _ = simulated(5, n)
    for days in (DAYS[:2], DAYS[:4], DAYS):
        found = trajectory(cohort_of(points[:, : len(days)], days), "MADRS", at=days)
        assert found.model is not None
        np.testing.assert_allclose(found.table["estimate"], points[:, : len(days)].mean(axis=0), atol=1e-7)
        np.testing.assert_allclose(found.table["observed"], points[:, : len(days)].mean(axis=0), atol=1e-12)


def test_complete_scores_give_the_same_identity_in_each_group():
    points, _, _ = simulated(8, 40)
    sex = np.where(np.arange(40) < 18, "F", "M")
    found = trajectory(
        cohort_of(points, DAYS, patients=pd.DataFrame({"sex": sex})), "MADRS", at=DAYS, by="sex"
    )
    means = [points[sex == one].mean(axis=0) for one in ("F", "M")]
    np.testing.assert_allclose(found.table["estimate"], np.concatenate(means), atol=1e-6)
    assert set(found.curve["sex"]) == {"F", "M"}


def test_dropout_by_the_last_score_biases_observed_means_and_not_the_models():
    # After each visit a patient stays away for good with a chance that falls with that visit's score: those
    # who feel well stop coming. That is missing at random: it depends on a score that was recorded.
    apart, observed, half = [], [], []
    for seed in range(6):
        points, mean, generator = simulated(100 + seed, 250)
        for visit in range(1, points.shape[1]):
            last = points[:, visit - 1]
            leaves = generator.random(len(points)) < 1.0 / (1.0 + np.exp((last - 18.0) / 2.0))
            points[leaves | ~np.isfinite(last), visit:] = np.nan
        found = trajectory(cohort_of(points, DAYS), "MADRS", at=DAYS).table.iloc[-1]
        apart.append(found["estimate"] - mean[-1])
        observed.append(found["observed"] - mean[-1])
        half.append((found["conf_high"] - found["conf_low"]) / 2.0)
    assert np.mean(observed) > 2.0
    # Four standard errors of a mean of six, each standard error half the half-width of its interval.
    assert abs(np.mean(apart)) < 4.0 * np.mean(half) / 1.96 / np.sqrt(6)
    assert np.mean(np.abs(apart) < half) >= 4 / 6


def test_the_curve_ends_with_the_last_planned_day_at_which_ten_were_scored():
    points, _, _ = simulated(3, 30)
    points[9:, 5] = np.nan  # nine scored at day 84
    points[10:, 4] = np.nan  # ten at day 56
    found = trajectory(cohort_of(points, DAYS), "MADRS", at=DAYS)
    assert found.table["n"].tolist() == [30, 30, 30, 30, 10, 9]
    assert found.table["estimate"].isna().tolist() == [False] * 5 + [True]
    drawn = found.curve.dropna()
    assert drawn["day"].max() == 56
    assert found.curve["day"].max() == 84
    # The observed mean stays where there is no line.
    assert np.isclose(found.table["observed"].iloc[-1], points[:9, 5].mean())


def test_a_group_with_few_patients_has_observed_means_only_and_the_notes_say_so():
    points, _, _ = simulated(4, 40)
    clinic = pd.DataFrame({"sex": np.where(np.arange(40) < 6, "F", "M")})
    found = trajectory(cohort_of(points, DAYS, patients=clinic), "MADRS", at=DAYS, by="sex")
    women = found.table[found.table["sex"] == "F"]
    assert women["estimate"].isna().all()
    assert women["observed"].notna().all()
    assert found.table.loc[found.table["sex"] == "M", "estimate"].notna().all()
    assert any("1 group of 'sex' not in the model" in note for note in found.notes)


@pytest.mark.parametrize(
    ("points", "days"),
    [
        (np.array([[30.0, 20.0, 12.0]]), (0, 7, 14)),
        (np.array([[30.0, 20.0, 12.0], [25.0, 26.0, np.nan]]), (0, 7, 14)),
        (np.full((15, 1), 20.0) + np.arange(15)[:, None], (7,)),
        (np.full((15, 1), 20.0) + np.arange(15)[:, None], (0,)),
    ],
    ids=["one patient", "two patients", "all on one day", "baselines only"],
)
def test_without_scores_enough_observed_means_stand_in_and_title_and_notes_say_so(points, days):
    found = trajectory(cohort_of(points, days), "MADRS", at=(0, 7, 14))
    assert found.model is None
    assert not len(found.curve)
    assert found.title.startswith("Observed course (no model)")
    assert any(note.startswith("No model: ") for note in found.notes)
    assert "observed mean" in found.summary()
    assert "model mean" not in found.summary()
    np.testing.assert_array_equal(found.table["estimate"], found.table["observed"])
    np.testing.assert_allclose(found.table["observed"], np.nanmean(points, axis=0))


def test_scores_that_do_not_vary_have_no_model():
    found = trajectory(cohort_of(np.full((20, 3), 20.0), (0, 7, 14)), "MADRS", at=(0, 7, 14))
    assert found.model is None
    assert (found.table["estimate"] == 20.0).all()


def test_small_studies_get_kenward_roger_and_large_ones_satterthwaite():
    points, _, _ = simulated(6, 50)
    methods = [trajectory(cohort_of(points[:n], DAYS), "MADRS", at=DAYS).model.df_method for n in (49, 50)]
    assert methods == ["kenward-roger", "satterthwaite"]


def test_scores_within_the_first_day_give_the_baseline_a_mean_of_its_own():
    # Mood falls from 7 to 3 within the hour and stays: a smooth curve of log2(1 + day) cannot.
    generator = np.random.default_rng(2)
    hours = np.array([0.0, 1.0, 4.0, 24.0, 48.0, 168.0])
    mean = np.array([7.0, 3.0, 3.0, 3.0, 3.0, 3.0])
    points = mean + generator.normal(0, 0.4, (40, 1)) + generator.normal(0, 0.4, (40, 6))
    cohort = cohort_of(points.round().clip(0, 10), hours / DAY, instrument="Mood-NRS")
    found = trajectory(cohort, "Mood-NRS", at=(0, 1, 2, 7))
    assert any("the baseline has a mean of its own" in note for note in found.notes)
    # A mean of 40 readings has a standard error of 0.06 about the patients' own levels; four of them.
    np.testing.assert_allclose(found.table["estimate"], found.table["observed"], atol=0.25)
    # The level of the first hours, not one between it and the baseline. A mean of 40 patients has a standard
    # error of 0.09; three of them, and what rounding to whole points adds.
    first = found.curve[(found.curve["day"] > 0) & (found.curve["day"] < 0.2)]
    np.testing.assert_allclose(first["estimate"], 3.0, atol=0.3)


def test_clinics_get_a_random_intercept_where_there_are_five_with_five_patients():
    points, _, generator = simulated(9, 120)
    clinic = np.arange(120) % 6
    points = np.clip(points + generator.normal(0, 4.0, 6)[clinic][:, None].round(), 1, 60)
    names = pd.DataFrame({"clinic_id": [f"clinic-{one}" for one in clinic]})
    found = trajectory(cohort_of(points, DAYS, patients=names), "MADRS", at=DAYS)
    assert "(1 | clinic_id)" in found.model.formula
    assert found.model.n_groups["clinic_id"] == 6
    few = names.assign(clinic_id=np.where(clinic == 5, "clinic-4", names["clinic_id"]))
    few.loc[few["clinic_id"] == "clinic-3", "clinic_id"] = "clinic-2"
    found = trajectory(cohort_of(points, DAYS, patients=few), "MADRS", at=DAYS)
    assert "clinic_id" not in found.model.formula
    # Clinics that are compared are not random at the same time.
    found = trajectory(cohort_of(points, DAYS, patients=names), "MADRS", at=DAYS, by="clinic_id")
    assert "(1 | clinic_id)" not in found.model.formula


def test_no_patients_id_is_in_a_model_or_its_words():
    points, _, _ = simulated(7, 30)
    found = trajectory(cohort_of(points, DAYS), "MADRS", at=DAYS)
    assert "P00" not in found.summary() + found.model.summary() + str(found.model.random_effects)


def test_the_picture_draws_the_curve_of_the_table():
    import matplotlib.pyplot as plt

    points, _, _ = simulated(7, 30)
    found = trajectory(cohort_of(points, DAYS), "MADRS", at=DAYS)
    ax = found.plot()
    line = next(one for one in ax.lines if one.get_gid() == "model")
    np.testing.assert_allclose(line.get_ydata(), found.curve["estimate"])
    hollow = next(one for one in ax.lines if one.get_gid() == "observed")
    np.testing.assert_allclose(hollow.get_ydata(), found.table["observed"])
    plt.close(ax.figure)


def test_without_any_baseline_the_curve_begins_with_the_first_planned_day_that_was_scored():
    points, _, _ = simulated(11, 40)
    found = trajectory(cohort_of(points[:, 1:], DAYS[1:]), "MADRS", at=DAYS)
    assert found.curve.dropna()["day"].min() == 7
    np.testing.assert_allclose(found.table["estimate"], points[:, 1:].mean(axis=0), atol=1e-6)


def test_groups_may_have_a_name_of_the_models_and_any_kind_of_value():
    points, _, _ = simulated(12, 40)
    bands = pd.DataFrame({"age_band": np.where(np.arange(40) < 20, "18-39", "40 or over")})
    by_text = trajectory(cohort_of(points, DAYS, patients=bands), "MADRS", at=DAYS, by="age_band")
    flags = pd.DataFrame({"score": np.arange(40) >= 20})
    by_flag = trajectory(cohort_of(points, DAYS, patients=flags), "MADRS", at=DAYS, by="score")
    np.testing.assert_allclose(by_text.table["estimate"], by_flag.table["estimate"], atol=1e-6)


def test_one_planned_day_is_a_mean_of_the_model_too():
    points, _, _ = simulated(13, 40)
    found = trajectory(cohort_of(points[:, :3], DAYS[:3]), "MADRS", at=14)
    assert found.table["day"].tolist() == [14.0]
    assert found.model is not None
