"""Vital signs: an independent computation on the sample, known truths, small and split cohorts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from analysis.vital_clinic import clinic, grid

from ketaoutcomes.analysis.cluster_means import cluster_mean
from ketaoutcomes.analysis.vital_signs import vital_signs
from ketaoutcomes.catalog.vital_rules import VITAL_RULES
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import DataError

SIGNS = ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate")
RULES = ("bp_165_100", "rise_30_mmhg", "rise_40_25", "spo2_below_92", "hr_above_120", "ctcae_hypertension_2")


@pytest.fixture(scope="module")
def cohort(sample):
    return load_cohort(sample)


@pytest.fixture(scope="module")
def found(cohort):
    return vital_signs(cohort, rules=RULES)


@pytest.fixture(scope="module")
def plain(cohort):
    """Baseline, peak and change of each session of the sample by sign, with group-bys of pandas."""
    keys = ["patient_id", "session"]
    out = {}
    for sign in SIGNS:
        rows = cohort.vitals[[*keys, "minute", sign]].astype({"patient_id": str}).dropna()
        before = rows[rows["minute"].between(-60, 0)].sort_values("minute")
        after = rows[rows["minute"].between(0, 5, inclusive="right")].sort_values("minute")
        base = before.groupby(keys).last()
        late = after.groupby(keys).first()
        base = pd.concat([base, late[~late.index.isin(base.index)]])
        joined = rows.join(base.add_prefix("base_"), on=keys).dropna()
        later = joined[(joined["minute"] > joined["base_minute"]) & joined["minute"].between(0, 120)].copy()
        later["change"] = later[sign] - later[f"base_{sign}"]
        groups = later.groupby(keys)
        side = "min" if sign in ("spo2", "respiratory_rate") else "max"
        frame = groups.agg(
            peak=(sign, side), change=("change", side), n=("minute", "size"), base=(f"base_{sign}", "first")
        )
        out[sign] = frame[frame["n"] >= 2].reset_index()
    return out


# ---- the sample against pandas and statsmodels


@pytest.mark.parametrize("sign", SIGNS)
def test_the_table_of_the_sample_is_that_of_group_bys(sign, found, plain):
    row = found.table.set_index("sign").loc[sign]
    frame = plain[sign]
    assert row["n"] == len(frame)
    assert row["n_patients"] == frame["patient_id"].nunique()
    assert row["baseline_mean"] == pytest.approx(frame["base"].mean(), rel=1e-12)
    assert row["baseline_sd"] == pytest.approx(frame["base"].std(), rel=1e-12)
    assert row["peak_mean"] == pytest.approx(frame["peak"].mean(), rel=1e-12)
    assert row["estimate"] == pytest.approx(frame["change"].mean(), rel=1e-12)
    assert (row["readings_min"], row["readings_max"]) == (frame["n"].min(), frame["n"].max())


def test_the_interval_of_the_mean_change_is_the_closed_form_of_cr2_and_bell_mccaffrey(found, plain):
    frame = plain["sbp"]
    residual = (frame["change"] - frame["change"].mean()).groupby(frame["patient_id"]).sum()
    size, n = frame.groupby("patient_id").size(), len(frame)
    row = found.table.set_index("sign").loc["sbp"]
    assert row["std_error"] == pytest.approx(np.sqrt((residual**2 / (1 - size / n)).sum()) / n, rel=1e-10)
    q = size**2 / (1 - size / n)
    df = n**2 / ((size**2).sum() + (q.sum() ** 2 - (q**2).sum()) / n**2)
    assert row["df"] == pytest.approx(df, rel=1e-10)


def test_excursions_of_the_sample_are_those_of_group_bys(found, cohort, plain):
    rows = cohort.vitals.astype({"patient_id": str})
    rows = rows[rows["minute"].between(0, 120)]
    both = rows.dropna(subset=["sbp", "dbp"])
    both = both[both["minute"] > 0]
    counted = both[["patient_id", "session"]].drop_duplicates()
    above = both[(both["sbp"] >= 165) | (both["dbp"] >= 100)][["patient_id", "session"]].drop_duplicates()
    row = found.excursions.set_index("rule").loc["bp_165_100"]
    assert (row["n_events"], row["n"]) == (len(above), len(counted))
    assert row["n_patients_with"] == above["patient_id"].nunique()
    assert row["estimate"] == len(above) / len(counted)
    rise = plain["sbp"]["change"] >= 30
    row = found.excursions.set_index("rule").loc["rise_30_mmhg"]
    # The sample has no session with a baseline and a single later pressure.
    assert (row["n_events"], row["n"]) == (rise.sum(), rise.size)
    assert row["change"] == pytest.approx(plain["sbp"]["change"][rise].mean(), rel=1e-12)


def test_the_model_of_the_peak_is_that_of_statsmodels(found, plain):
    frame = plain["sbp"].assign(
        base=lambda rows: (rows["base"] - rows["base"].mean()) / 10,
        number=lambda rows: np.log2(rows["session"].astype(float)),
        size=lambda rows: rows["n"] - rows["n"].mean(),
    )
    # statsmodels' optimum is good to about four digits.
    fit = smf.mixedlm("change ~ base + number + size", frame, groups=frame["patient_id"]).fit(reml=True)
    own = found.peak_model[found.peak_model["sign"] == "sbp"]
    assert own["estimate"].to_numpy() == pytest.approx(fit.params.iloc[:4].to_numpy(), rel=2e-3, abs=2e-3)
    # Its standard errors are of another kind: those of generalised least squares at its variances.
    x, between, within = fit.model.exog, float(fit.cov_re.iloc[0, 0]), float(fit.scale)
    information = np.zeros((4, 4))
    for patient in frame["patient_id"].unique():
        rows = x[(frame["patient_id"] == patient).to_numpy()]
        covariance = within * np.eye(len(rows)) + between
        information += rows.T @ np.linalg.solve(covariance, rows)
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    assert own["std_error"].to_numpy() == pytest.approx(expected, rel=2e-3)


def test_every_session_is_in_or_not_in_for_one_reason(found, cohort):
    table = found.table
    total = table[["n", "n_without", "n_no_baseline", "n_few"]].sum(axis=1)
    assert (total == len(cohort.sessions)).all()
    known = found.excursions["n"] + found.excursions["n_without"]
    assert (known == len(cohort.sessions)).all()
    # All signs of a session were read together: nothing is left open.
    assert found.excursions["n_unknown"].eq(0).all()
    assert (found.excursions["estimate_high"] == found.excursions["estimate"]).all()


# ---- known truths


def test_a_balanced_course_has_the_means_of_its_cells():
    # Every session is read at every minute: generalised least squares gives the plain mean of each.
    rng = np.random.default_rng(5)
    rows = grid(30, 1, (0, 20, 40, 60))
    own = rng.normal(0, 6, 30)[rows["patient"]]
    rows["sbp"] = np.round(125 + own + 8 * (rows["minute"] == 40) + rng.normal(0, 4, len(rows)))
    found = vital_signs(clinic(rows)).course
    wide = rows.pivot(index="patient", columns="minute", values="sbp")
    expected = wide.sub(wide[0], axis=0).mean()
    assert found["minute"].tolist() == [20, 40, 60]
    assert found["group"].unique().tolist() == ["session 1"]
    # The optimum's own tolerance, not that of the mean, is what is left.
    assert found["estimate"].to_numpy() == pytest.approx(expected[[20, 40, 60]].to_numpy(), abs=1e-8)
    assert found["n"].tolist() == [30, 30, 30]


def test_the_peak_grows_with_the_readings_and_common_minutes_make_it_equal():
    # Expected maxima of 3 and of 9 standard normal values: 0.84628 and 1.48501 (Harter 1961, Biometrika
    # 48, 151). Baselines are exactly 120, readings 120 plus noise of sd 5.
    rng = np.random.default_rng(7)
    often, seldom = grid(600, 1, range(0, 91, 10)), grid(600, 1, (0, 30, 60, 90))
    seldom["patient"] += 600
    rows = pd.concat([often, seldom], ignore_index=True)
    rows["sbp"] = 120.0 + 5.0 * rng.standard_normal(len(rows)) * (rows["minute"] > 0)
    cohort = clinic(rows, often=["often"] * 600 + ["seldom"] * 600)
    free = vital_signs(cohort, by="often", rules="rise_30_mmhg").table.set_index("often")
    bound = vital_signs(
        cohort, by="often", rules="rise_30_mmhg", nominal_minutes=(0, 30, 60, 90)
    ).table.set_index("often")  # fmt: skip
    # Four standard errors of a mean of 600 maxima, whose sd is at most 0.748 * 5.
    slack = 4 * 0.748 * 5 / np.sqrt(600)
    assert free.loc["seldom", "estimate"] == pytest.approx(5 * 0.84628, abs=slack)
    assert free.loc["often", "estimate"] == pytest.approx(5 * 1.48501, abs=slack)
    assert bound.loc["seldom", "estimate"] == pytest.approx(5 * 0.84628, abs=slack)
    assert bound.loc["often", "estimate"] == pytest.approx(5 * 0.84628, abs=slack)
    assert (free.loc["often", "readings"], bound.loc["often", "readings"]) == (9, 3)


def test_shares_returned_are_those_of_the_known_times():
    # Pressure is 40 above baseline until a time that is uniform from 10 to 110 minutes, then at baseline.
    rng = np.random.default_rng(9)
    rows = grid(500, 1, range(0, 121, 10))
    until = rng.uniform(10, 110, 500)
    away = (rows["minute"] > 0) & (rows["minute"] <= until[rows["patient"]])
    rows["sbp"] = np.where(away, 160.0, 120.0)
    back = vital_signs(clinic(rows), rules="bp_165_100").returned
    shares = back[back["quantity"] == "share"].set_index("minute")
    for minute in (60.0, 90.0):
        # Readings stand at these minutes: the bounds meet, at the observed share.
        assert shares.loc[minute, "estimate"] == pytest.approx((until < minute).mean(), abs=1e-9)
        assert shares.loc[minute, "estimate_high"] == pytest.approx((until < minute).mean(), abs=1e-9)
        truth = (minute - 10) / 100
        assert abs(shares.loc[minute, "estimate"] - truth) < 4 * np.sqrt(truth * (1 - truth) / 500)
        assert shares.loc[minute, "conf_low"] < truth < shares.loc[minute, "conf_high"]
    median = back[back["quantity"] == "median"].iloc[0]
    assert median["estimate"] <= np.median(until) <= median["estimate_high"]
    assert back["n_not_raised"].eq(0).all()


def test_the_model_of_the_peak_finds_what_was_put_in():
    # Each session's rise is 10 + 2 log2(number) + a patient's own level; one noisy baseline, exact readings.
    rng = np.random.default_rng(11)
    rows = grid(120, 6, (0, 30, 60))
    rise = 10 + 2 * np.log2(rows["session"]) + rng.normal(0, 3, 120)[rows["patient"]]
    usual = rng.normal(120, 8, 720).repeat(3)
    rows["sbp"] = usual + (rise + rng.normal(0, 2, 720).repeat(3)) * (rows["minute"] == 30)
    model = vital_signs(clinic(rows, n_sessions=6), rules="bp_165_100").peak_model.set_index("term")
    number = model.loc["session number, per doubling"]
    assert abs(number["estimate"] - 2) < 4 * number["std_error"]
    assert abs(model.loc["baseline, per 10 mmHg more", "estimate"]) < 4 * model.loc[
        "baseline, per 10 mmHg more", "std_error"
    ]  # fmt: skip
    # All sessions have the same readings: their number tells nothing.
    assert "readings after baseline, per further one" not in model.index


def test_a_noisy_baseline_alone_gives_a_coefficient_below_0():
    # Reading noise as large as the spread of patients within sessions: the slope on change tends to -1.
    rng = np.random.default_rng(13)
    rows = grid(100, 3, (0, 30, 60))
    rows["sbp"] = 120 + rng.normal(0, 5, len(rows))
    model = vital_signs(clinic(rows, n_sessions=3), rules="bp_165_100").peak_model.set_index("term")
    base = model.loc["baseline, per 10 mmHg more"]
    # -1 mmHg per mmHg of baseline, in units of 10.
    assert abs(base["estimate"] + 10) < 4 * base["std_error"]


# ---- excursions and their limits


def test_where_nothing_was_found_exact_upper_limits_stand_by_sessions_and_by_patients(found):
    row = found.excursions.set_index("rule").loc["hr_above_120"]
    assert row["n_events"] == 0
    # Hanley and Lippman-Hand: 1 - 0.05^(1/n).
    assert row["upper_sessions"] == pytest.approx(1 - 0.05 ** (1 / row["n"]), rel=1e-12)
    assert row["upper_patients"] == pytest.approx(1 - 0.05 ** (1 / row["n_patients"]), rel=1e-12)
    assert (
        found.excursions.set_index("rule")
        .loc["bp_165_100", ["upper_sessions", "upper_patients"]]
        .isna()
        .all()
    )


def test_confirmed_excursions_are_among_the_others(cohort, found):
    twice = vital_signs(cohort, rules=RULES, confirmed=True)
    both = twice.excursions.set_index("rule")["n_events"], found.excursions.set_index("rule")["n_events"]
    assert (both[0] <= both[1]).all()
    assert both[0]["bp_165_100"] < both[1]["bp_165_100"]
    assert any("two readings in a row" in note for note in twice.notes)


def test_sessions_whose_baseline_met_the_rule_stand_beside_its_rate(found):
    table = found.excursions.set_index("rule")
    assert table.loc["ctcae_hypertension_2", "n_already"] > 0
    assert pd.isna(table.loc["rise_30_mmhg", "n_already"])
    assert any("CTCAE" in note for note in found.notes)


def test_minutes_above_have_a_share_of_the_minutes_observed():
    rows = grid(12, 1, (0, 20, 40))
    rows["sbp"] = np.where(rows["minute"] == 20, 140.0, 120.0)
    rule = {"above_130": {"sign": "sbp", "above": 130}}
    row = vital_signs(clinic(rows), rules=rule).time_above.iloc[0]
    # Up at minute 10, down at minute 30, in each session alike.
    assert (row["estimate"], row["minutes_observed"], row["share_of_time"]) == (20, 40, 0.5)


def test_a_mean_of_equal_values_of_one_patient_or_of_none_has_no_limits():
    assert np.isnan(cluster_mean([2.0, 2.0], [0, 1])["conf_low"])
    assert cluster_mean([2.0, 3.0], [0, 0])["method"] == "one patient"
    assert np.isnan(cluster_mean([], [])["estimate"])


# ---- groups, small cohorts, missing tables


def test_groups_split_the_sessions_and_stand_in_a_column_of_their_name(cohort):
    found = vital_signs(cohort, rules=RULES, by="sex")
    assert set(found.table["sex"]) == {"female", "male"}
    for table in (found.table, found.excursions, found.time_above, found.returned, found.peaks, found.course):
        assert "sex" in table.columns
    assert "sex: male against female" in set(found.peak_model["term"])
    whole = vital_signs(cohort, rules=RULES)
    missing = cohort.patients["sex"].isna()
    assert found.table.groupby("sign")["n"].sum()["sbp"] < whole.table.set_index("sign").loc["sbp", "n"]
    assert missing.any()
    assert any("'sex' is missing" in note for note in found.notes)


def test_without_vital_signs_tables_are_empty_and_a_note_says_so(make):
    found = vital_signs(make([("A", 0.0)], [("A", 0.0, 10, "pre")]))
    for table in (found.table, found.excursions, found.time_above, found.returned, found.peaks, found.course):
        assert table.empty
    assert found.peak_model.empty
    assert "not recorded" in found.notes[0]
    assert "estimate" in found.table.columns
    assert "No rows" in found.summary()


def test_signs_that_were_never_read_are_said_not_recorded_and_have_no_rate():
    rows = grid(12, 1, (0, 30, 60))
    rows["sbp"] = 120.0 + rows["patient"] + rows["minute"] / 10
    found = vital_signs(clinic(rows))
    assert found.table["sign"].tolist() == ["sbp"]
    # Rules of which a sign was read have bounds: what was not read might have met them.
    rules = found.excursions.set_index("rule")
    assert set(rules.index) == {name for name, rule in VITAL_RULES.items() if "sbp" in rule.signs}
    assert rules.loc["rise_20_percent", ["n_unknown", "estimate_high"]].tolist() == [0, 0]
    assert rules.loc["bp_180_110", ["n_events", "n", "n_unknown", "estimate_high"]].tolist() == [0, 12, 12, 1]
    assert any(note.startswith("Not recorded: Diastolic") for note in found.notes)
    assert any("spo2_below_92" in note and "not zero" in note for note in found.notes)


def test_few_patients_get_no_p_value_and_fewer_no_model():
    def of(n):
        rng = np.random.default_rng(3)
        rows = grid(n, 2, (0, 30, 60))
        rows["sbp"] = np.round(120 + rng.normal(0, 6, len(rows)))
        return vital_signs(clinic(rows, n_sessions=2), rules="bp_165_100" if n == 0 else "rise_30_mmhg")

    assert of(15).peak_model["p_value"].isna().all()
    assert of(25).peak_model["p_value"].notna().all()
    few = of(9)
    assert few.peak_model.empty
    assert few.course.empty
    assert sum("takes 10 patients or more" in note for note in few.notes) == 2
    assert few.table["n"].tolist() == [18]


def test_baselines_read_after_the_start_are_counted():
    rows = grid(12, 1, (4, 30, 60))
    rows["sbp"] = 120.0 + rows["minute"] % 7 + rows["patient"]
    found = vital_signs(clinic(rows), rules="rise_30_mmhg")
    assert found.table["after_start"].tolist() == [12]
    assert any("read after minute 0" in note for note in found.notes)
    none = vital_signs(clinic(rows), rules="rise_30_mmhg", baseline_minutes=(-60, 0))
    assert none.table[["n", "n_no_baseline"]].to_numpy().tolist() == [[0, 12]]
    assert none.excursions["n"].tolist() == [0]
    assert np.isnan(none.excursions["estimate"]).all()


def test_how_near_is_back_can_be_given_in_units_per_cent_and_by_sign(cohort):
    words = {
        5: ["within 5 mmHg of baseline"],
        "15%": ["within 15% of baseline"],
    }
    for given, rule in words.items():
        found = vital_signs(cohort, rules="bp_165_100", return_within=given).returned
        assert found.loc[found["sign"] == "sbp", "rule"].unique().tolist() == rule
    mixed = vital_signs(cohort, rules="bp_165_100", return_within={"dbp": 5}).returned
    assert mixed.loc[mixed["sign"] == "sbp", "rule"].iloc[0] == "within 10% of baseline"
    assert mixed.loc[mixed["sign"] == "dbp", "rule"].iloc[0] == "within 5 mmHg of baseline"


def test_only_the_vital_signs_asked_for_and_rules_of_any(sample):
    cohort = load_cohort(sample)
    whole = vital_signs(cohort, rules=["bp_165_100", "spo2_below_92"])
    part = vital_signs(cohort, rules=["bp_165_100", "spo2_below_92"], signs="sbp")
    assert part.table["sign"].tolist() == ["sbp"]
    pd.testing.assert_frame_equal(part.excursions, whole.excursions)
    for name in ("course", "peak_model", "returned", "peaks"):
        of_whole = getattr(whole, name)
        of_whole = of_whole[of_whole["sign"] == "sbp"].reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(part, name).reset_index(drop=True), of_whole)
    with pytest.raises(DataError, match="signs are some of: sbp, dbp"):
        vital_signs(cohort, signs=["pulse"])
