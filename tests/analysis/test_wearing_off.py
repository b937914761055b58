"""Wearing off: identities on balanced data, R's contrasts and ratios, reach, refusals, what the notes say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.wearing_model import fit_wearing
from ketaoutcomes.analysis.wearing_off import wearing_off
from ketaoutcomes.analysis.wearing_quantities import quantities
from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.derive.wearing import wearing_rows
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError

DAY = 24.0
COURSE = (0, 2, 4, 7, 9, 11)
DAYS = (1, 4, 7, 14, 21, 28)
SLOPE = -1.0


def clinic(
    n=30,
    *,
    seed=3,
    days=DAYS,
    maintenance=(45,),
    level=12.0,
    noise=1.0,
    rotate=False,
    alike=False,
    spread=0.0,
    **patients,
):
    """A cohort whose scores are 20 - benefit, with benefit = level + slope log2(1 + day) after a session.

    With `rotate` a session is followed by one assessment only, on one of the days in turn.
    """
    generator = np.random.default_rng(seed)
    names = [f"P{number:03d}" for number in range(n)]
    sessions = [(name, hour) for name in names for hour in (*COURSE, *maintenance)]
    base = 20.0 + np.round(generator.normal(0, 1, n) * spread)
    rows = [(name, 0.0, start, "pre") for name, start in zip(names, base, strict=True)]
    size = 0.0 if alike else 1.0
    own, slope = generator.normal(0, 2, n) * size, generator.normal(0, 0.3, n) * size
    for number, name in enumerate(names):
        for place, start in enumerate((COURSE[-1], *maintenance)):
            here = generator.normal(0, 0.8) * size
            turn = (number + place) % len(days)
            for day in days[turn : turn + 1] if rotate else days:
                benefit = level + own[number] + here + (SLOPE + slope[number]) * np.log2(1 + day)
                # With a spread of baselines those who start higher gain more.
                score = base[number] - benefit - 0.5 * (base[number] - 20.0) - generator.normal(0, noise)
                rows.append((name, (start + day) * DAY, float(np.clip(score, 0, 27)), "remote"))
    frames = {
        "patients": pd.DataFrame({"patient_id": names} | patients),
        "sessions": pd.DataFrame(sessions, columns=["patient_id", "hour"]).assign(
            hour=lambda frame: frame["hour"] * DAY, route="IV"
        ),
        "scores": pd.DataFrame(rows, columns=["patient_id", "hour", "score", "timing"]).assign(
            instrument="PHQ-9", score=lambda frame: frame["score"].round()
        ),
    }
    return assemble(frames, {})


@pytest.fixture(scope="module")
def balanced():
    return clinic()


def picked(found, quantity, **cells):
    rows = found.table[found.table["quantity"] == quantity]
    for name, value in cells.items():
        rows = rows[rows[name] == value]
    return rows


# ---- identities


def test_on_balanced_data_the_models_coefficients_are_those_of_least_squares(balanced):
    # All patients have the same rows, and every random column is a combination of fixed ones: generalised and
    # ordinary least squares are then the same, whatever the variances.
    found = wearing_off(balanced, "PHQ-9")
    rows = wearing_rows(balanced, "PHQ-9", horizon=56.0).frame
    time, late = np.log2(1.0 + rows["day"]), (rows["group"] == "maintenance ≤12").astype(float)
    x = np.column_stack([np.ones(len(rows)), time, late, time * late])
    beta = np.linalg.lstsq(x, rows["benefit"].to_numpy(), rcond=None)[0]
    np.testing.assert_allclose(found.model.params, beta, atol=1e-8)


def test_quantities_are_those_functions_of_the_coefficients(balanced):
    found = wearing_off(balanced, "PHQ-9")
    b = found.model.params
    group = "end of induction"
    mean = {day: b["(Intercept)"] + b["time"] * np.log2(1 + day) for day in (1, 7, 14, 28)}
    for day, value in mean.items():
        assert picked(found, "benefit", group=group, day=day)["estimate"].item() == pytest.approx(value)
    for day in (7, 14, 28):
        row = picked(found, "retained", group=group, day=day)
        assert row["estimate"].item() == pytest.approx(mean[day] / mean[1])
        assert row["from_day"].item() == 1.0
    loss = picked(found, "loss_per_week", group=group, day=14)["estimate"].item()
    assert loss == pytest.approx(mean[7] - mean[14])
    loss = picked(found, "loss_per_week", group=group, day=28)["estimate"].item()
    assert loss == pytest.approx((mean[14] - mean[28]) / 2)


def test_the_average_has_each_groups_share_of_sessions_as_weight():
    found = wearing_off(clinic(maintenance=(45, 80, 120)), "PHQ-9")
    both = [picked(found, "benefit", group=name, day=14)["estimate"].item()
            for name in ("end of induction", "maintenance ≤12")]  # fmt: skip
    # One session of 30 patients ends induction and three are maintenance.
    average = picked(found, "benefit", group="all", day=14)["estimate"].item()
    assert average == pytest.approx(0.25 * both[0] + 0.75 * both[1])


def test_the_half_life_is_where_the_mean_is_half_and_its_limits_where_the_difference_is_at_its_limit():
    steep = clinic(level=8.0, noise=0.5)
    found = wearing_off(steep, "PHQ-9", split=None)
    model = found.model
    assert picked(found, "half_life")["estimate"].notna().all()
    for late, name in enumerate(("end of induction", "maintenance")):
        row = picked(found, "half_life", group=name).iloc[0]

        def contrast(day, late=late):
            at = np.log2(1.0 + np.array([day, 1.0]))
            rows = np.column_stack([np.ones(2), at, np.full(2, late), late * at])
            return rows[:1] - rows[1:] / 2

        middle = model.estimate(contrast(row["estimate"]))
        assert middle["estimate"].item() == pytest.approx(0.0, abs=1e-8)
        for end, side in (("conf_low", 1.0), ("conf_high", -1.0)):
            if np.isfinite(row[end]):
                tested = model.estimate(contrast(row[end]))
                limit = side * t_limit(tested["df"].to_numpy(), 0.95) * tested["std_error"]
                assert tested["estimate"].item() == pytest.approx(limit.item(), abs=1e-8)
        assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_the_half_life_of_a_spline_is_where_its_mean_is_half():
    rows = wearing_rows(clinic(level=7.0), "PHQ-9", split=None).frame
    model = fit_wearing(rows, shape="spline")
    for curve in model.curves(1.0):
        found = quantities(model, curve, peak_day=1.0, at=np.array([7.0]), level=0.95).iloc[-1]
        assert np.isfinite(found["estimate"])
        mean = model.rows(curve, np.array([found["estimate"], 1.0])) @ model.fit.params.to_numpy()
        # The spline is taken as straight between 400 points.
        assert mean[0] == pytest.approx(mean[1] / 2, rel=2e-5)


def test_a_spline_with_means_at_four_days_passes_through_them():
    # Four columns of the curve and four days: on balanced data the means are the observed ones.
    found = wearing_off(clinic(days=(1, 7, 14, 28)), "PHQ-9", shape="spline", at=(7, 14, 28))
    for name in ("end of induction", "maintenance ≤12"):
        means = picked(found, "benefit", group=name)["estimate"].to_numpy()
        observed = found.observed[(found.observed["group"] == name) & (found.observed["n"] > 0)]
        np.testing.assert_allclose(means, observed["estimate"], atol=1e-7)


# ---- reach, degenerate data


def test_days_beyond_the_reach_are_blank(balanced):
    found = wearing_off(balanced, "PHQ-9", at=(14, 35))
    late = found.table[found.table["day"] == 35]
    assert late["estimate"].isna().all()
    assert set(late["code"]) == {"OUT_OF_REACH"}
    # Six days, each as often: the 90th percentile is the last of them.
    assert found.curve["day"].max() == pytest.approx(28.0)


def test_without_assessments_near_the_peak_day_nothing_counts_from_it():
    found = wearing_off(clinic(days=(7, 14, 21, 28)), "PHQ-9")
    assert set(picked(found, "retained")["code"]) == {"NO_PEAK"}
    assert picked(found, "benefit", day=1.0)["estimate"].isna().all()
    assert picked(found, "benefit", day=14.0)["estimate"].notna().all()
    assert found.curve["day"].min() == pytest.approx(6.0)  # the day before the first
    assert any("from day 6 on: peak_day=6 would do" in note for note in found.notes)
    later = wearing_off(clinic(days=(7, 14, 21, 28)), "PHQ-9", peak_day=7)
    assert picked(later, "retained")["estimate"].notna().all()


def test_a_benefit_that_is_not_told_from_nought_has_no_finite_limits():
    found = wearing_off(clinic(level=1.3, noise=5.0, n=12, seed=4), "PHQ-9")
    rows = picked(found, "retained", group="maintenance ≤12")
    peak = picked(found, "benefit", group="maintenance ≤12", day=1.0)
    assert peak["conf_low"].item() < 0 < peak["conf_high"].item()
    assert peak["estimate"].item() > 0
    assert set(rows["code"]) == {"FIELLER_UNBOUNDED"}
    assert np.isinf(rows[["conf_low", "conf_high"]].to_numpy()).all()
    assert picked(found, "half_life", group="maintenance ≤12")["estimate"].isna().all()
    assert any(note.startswith("FIELLER_UNBOUNDED") for note in found.notes)
    assert "not limited" in found.summary()


def test_without_benefit_nothing_wears_off():
    found = wearing_off(clinic(level=-3.0, n=20), "PHQ-9")
    assert set(picked(found, "retained")["code"]) == {"NO_BENEFIT"}
    assert picked(found, "retained")["estimate"].isna().all()


def test_too_few_patients_assessments_or_days_are_refused_with_the_counts():
    with pytest.raises(DataError, match=r"10 patients or more with 3 assessments.*there are 9"):
        wearing_off(clinic(9), "PHQ-9")
    with pytest.raises(DataError, match="there are 0"):
        wearing_off(clinic(20, days=(7,), maintenance=()), "PHQ-9")
    with pytest.raises(DataError, match=r"span 6\.0 days"):
        wearing_off(clinic(days=(1, 3, 5, 7)), "PHQ-9")


def test_sessions_with_one_assessment_each_have_no_level_of_their_own():
    found = wearing_off(clinic(40, rotate=True, maintenance=(45, 80, 120, 160, 200)), "PHQ-9")
    assert set(found.model.n_groups) == {"patient_id"}
    assert any("fewer than 10 sessions are followed by two assessments" in note for note in found.notes)


def test_a_variance_that_vanishes_is_left_out_and_said():
    # Patients who do not differ at all: only rounding of scores is left between them.
    cohort = clinic(noise=2.0, alike=True)
    found = wearing_off(cohort, "PHQ-9")
    assert found.model.n_parameters < wearing_off(clinic(), "PHQ-9").model.n_parameters
    assert any("a variance vanished" in note for note in found.notes)


def test_a_small_group_of_late_sessions_is_put_together_with_the_rest_of_maintenance():
    days = (45, 80, 120, 160, 200, 240, 280)
    cohort = clinic(n=14, maintenance=days)
    assert "maintenance 13+" in set(wearing_off(cohort, "PHQ-9").table["group"])
    small = clinic(n=14, maintenance=days[:6])
    assert set(wearing_off(small, "PHQ-9", split=11).table["group"]) == {
        "all", "end of induction", "maintenance ≤11", "maintenance 12+",
    }  # fmt: skip
    is_early = small.sessions["session"] < 12
    sessions = small.sessions[is_early | (small.sessions["patient_id"].astype(str) < "P005")]
    scores = small.scores[["patient_id", "hour", "score", "timing", "instrument"]]
    narrowed = assemble(
        {
            "patients": small.patients[["patient_id"]].astype(str),
            "sessions": sessions[["patient_id", "hour", "route"]].astype({"patient_id": str}),
            "scores": scores.astype({"patient_id": str}),
        },
        {},
    )
    assert set(wearing_off(narrowed, "PHQ-9", split=11).table["group"]) == {
        "all",
        "end of induction",
        "maintenance",
    }


# ---- by, options


def test_levels_are_compared_with_the_same_weights_of_sessions():
    cohort = clinic(40, sex=["F", "M"] * 20)
    found = wearing_off(cohort, "PHQ-9", by="sex")
    assert list(found.table.columns[:2]) == ["sex", "group"]
    assert set(found.table["group"]) == {"all"}
    assert found.table.groupby("sex").size().tolist() == [11, 11]
    assert found.tests["hypothesis"].str.contains("levels of 'sex'").any()
    assert set(found.observed["sex"]) == {"F", "M"}
    counts = picked(found, "benefit", day=14.0).set_index("sex")["n_patients"]
    assert counts.to_dict() == {"F": 20, "M": 20}


def test_levels_of_few_patients_are_left_out_and_counted():
    cohort = clinic(40, sex=["F"] * 30 + ["M"] * 8 + [None] * 2)
    found = wearing_off(cohort, "PHQ-9", by="sex")
    assert set(found.table["sex"]) == {"F"}
    text = " ".join(found.notes)
    assert "1 level of the groups asked for with fewer than 10 patients left out (8 patients)" in text
    assert "2 patients left out: 'sex' is missing" in text


def test_a_group_that_is_known_only_later_is_refused(balanced):
    with pytest.raises(DataError, match="known only after the first session"):
        wearing_off(clinic(20, responder=["yes", "no"] * 10), "PHQ-9", by="responder")
    with pytest.raises(DataError, match="name of a column of the result"):
        wearing_off(balanced, "PHQ-9", by="unit")


def test_with_one_baseline_for_all_adjusting_for_it_changes_nothing(balanced):
    # The covariate is then 0 everywhere, and no column of the model.
    plain, adjusted = (wearing_off(balanced, "PHQ-9", adjust_baseline=value) for value in (False, True))
    pd.testing.assert_frame_equal(plain.table, adjusted.table)


def test_adjusting_for_baseline_keeps_the_means_of_balanced_data_and_narrows_their_limits():
    # The covariate is centred at the patients' mean, and on balanced data it has no part in the curve.
    cohort = clinic(40, spread=5.0, level=10.0)
    plain, adjusted = (wearing_off(cohort, "PHQ-9", adjust_baseline=value) for value in (False, True))
    for found in ("benefit", "loss_per_week", "retained"):
        one, other = picked(plain, found), picked(adjusted, found)
        np.testing.assert_allclose(one["estimate"], other["estimate"], rtol=1e-6)
    narrower = picked(adjusted, "benefit")["std_error"] / picked(plain, "benefit")["std_error"]
    # Baselines of SD 5 give benefit a further SD of 2.5 beside 2.2 between patients.
    assert (narrower < 0.9).all()


def test_levels_keep_the_type_of_their_column():
    found = wearing_off(clinic(24, arm=[1, 2] * 12), "PHQ-9", by="arm")
    assert found.table["arm"].unique().tolist() == [1, 2]
    assert found.curve["arm"].unique().tolist() == [1, 2]
    assert found.observed["arm"].unique().tolist() == [1, 2]


def test_responders_only_keeps_what_follows_a_response_and_warns(balanced):
    every, some = wearing_off(balanced, "PHQ-9"), wearing_off(balanced, "PHQ-9", responders_only=True)
    first = {"group": "end of induction", "day": 1.0}
    fewer, more = (picked(found, "benefit", **first).iloc[0] for found in (some, every))
    assert fewer["n"] < more["n"]
    assert fewer["estimate"] > more["estimate"]
    assert any("regression to the mean as well" in note for note in some.notes)
    assert any(note.startswith("All treated patients") for note in every.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": (1, 7)}, "later than peak_day"),
        ({"peak_day": 0.5}, "at least 1"),
        ({"shape": "line"}, '"log" or "spline"'),
        ({"level": 95}, "between 0 and 1"),
        ({"horizon": 0}, "above 0"),
        ({"responders_only": "no"}, "responders_only is True or False"),
        ({"adjust_baseline": 1}, "adjust_baseline is True or False"),
        ({"sessions": "last"}, '"after_induction" or "all"'),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(balanced, options, message):
    with pytest.raises(DataError, match=message):
        wearing_off(balanced, "PHQ-9", **options)


# ---- invariance, notes


def test_order_of_rows_and_names_of_patients_do_not_matter(balanced):
    shuffled = {}
    for name in ("patients", "sessions", "scores"):
        frame = getattr(balanced, name)
        columns = {"patients": ["patient_id"], "sessions": ["patient_id", "hour", "route"],
                   "scores": ["patient_id", "hour", "score", "timing", "instrument"]}[name]  # fmt: skip
        frame = frame[columns].astype({"patient_id": str}).sample(frac=1.0, random_state=1)
        renamed = frame["patient_id"].map(lambda text: f"Z{999 - int(text[1:])}")
        shuffled[name] = frame.assign(patient_id=renamed)
    first, second = wearing_off(balanced, "PHQ-9"), wearing_off(assemble(shuffled, {}), "PHQ-9")
    numbers = ["estimate", "conf_low", "conf_high", "std_error"]
    # Sums in another order differ in their last digits.
    np.testing.assert_allclose(first.table[numbers], second.table[numbers], rtol=1e-6)


def test_notes_say_who_is_seen_late_and_what_the_share_retained_is_not(balanced):
    text = " ".join(wearing_off(balanced, "PHQ-9").notes)
    assert "Informative visits" in text
    # Of 60 sessions, the end of induction is followed on day 34 and maintenance by none.
    assert "0% by day 7, 0% by day 14, 0% by day 28 after 60 sessions" in text
    assert "up to day 7 50%, day 8 to 14 17%, day 15 to 28 33%, after day 28 0%" in text
    assert "share of patients still responding is another quantity" in text
    assert "PHQ-9 asks about the past 14 days" in text


def test_what_was_observed_counts_assessments_patients_and_sessions_still_last(balanced):
    seen = wearing_off(balanced, "PHQ-9").observed
    own = seen[seen["group"] == "end of induction"]
    assert own["n"].tolist() == [30, 60, 30, 60]
    assert own["n_patients"].tolist() == [30, 30, 30, 30]
    assert own["n_sessions"].tolist() == [30, 30, 30, 30]
    assert own[["from_day", "to_day"]].to_numpy().tolist() == [[1, 3], [4, 7], [8, 14], [15, 28]]


def test_no_table_holds_a_patient(sample):
    cohort = load_cohort(sample)
    found = wearing_off(cohort, "PHQ-9", peak_day=7)
    ids = set(cohort.patients["patient_id"].astype(str))
    text = found.summary() + found.table.to_csv() + found.curve.to_csv() + found.observed.to_csv()
    assert not any(name in text for name in ids)
    # Means of fewer than five patients are not given.
    assert (found.observed.loc[found.observed["estimate"].notna(), "n_patients"] >= 5).all()
