"""Durability between sessions: against counts by hand, a trial's raw table, and what holds of any curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.durability import durability
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.derive.episodes import episodes
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.errors import DataError

DAY = 24.0
FAST = {"n_replicates": 50}


@pytest.fixture(scope="module")
def clinic(sample):
    return load_cohort(sample)


def single_session(make, lost_by, n, *, seen=(2, 10, 20)):
    """Patients with one session, all responding on day 2; `lost_by[day]` of them have lost it by that day."""
    sessions = [(f"P{k:02d}", 0.0) for k in range(n)]
    rows = []
    for k in range(n):
        rows.append((f"P{k:02d}", -24.0, 20))
        for day in seen:
            rows.append((f"P{k:02d}", day * DAY, 20 if k < lost_by.get(day, 0) else 5))
    return make(sessions, rows)


def test_where_every_state_is_known_the_share_lost_is_a_plain_proportion_with_its_interval(make):
    cohort = single_session(make, {10: 3, 20: 7}, 12)
    row = durability(cohort, "PHQ-9", at=10, clock="session", **FAST).landmarks.iloc[0]
    assert (row["n"], row["n_lost"], row["n_still"], row["n_unknown"]) == (12, 3, 9, 0)
    assert row["estimate"] == pytest.approx(3 / 12, abs=1e-9)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(tuple(map(float, wilson(3, 12))))
    assert row["method"].startswith("Wilson")
    assert row["still_responding"] == pytest.approx(9 / 12, abs=1e-9)


def test_between_two_assessments_the_share_is_only_bounded(make):
    cohort = single_session(make, {10: 3, 20: 7}, 12)
    row = durability(cohort, "PHQ-9", at=15, clock="session", **FAST).landmarks.iloc[0]
    assert (row["estimate"], row["estimate_high"]) == pytest.approx((3 / 12, 7 / 12), abs=1e-8)
    assert row["n_unknown"] == 4


def test_those_treated_again_while_responding_are_neither_lost_nor_still_under_observation(make):
    # Eight patients respond on day 2. On day 7 three have lost it; on day 14 the other five come for the next
    # session, still responding, and of these nobody is seen again.
    sessions, rows = [], []
    for k in range(8):
        name = f"P{k}"
        sessions += [(name, 0.0)] + ([(name, 14 * DAY)] if k >= 3 else [])
        rows += [(name, -24.0, 20), (name, 2 * DAY, 4), (name, 7 * DAY, 18 if k < 3 else 6)]
        if k >= 3:
            rows.append((name, 14 * DAY, 5, "pre"))
    found = durability(make(sessions, rows), "PHQ-9", sessions="all", at=(5, 12), **FAST)
    first = found.landmarks.iloc[0]
    # Each of the five begins a second episode, of which nothing is known after its first day.
    assert first["n"] == 13
    begun = episodes(make(sessions, rows), "PHQ-9", sessions="all")
    assert (begun["end_reason"] == "next session").sum() == 5
    assert found.landmarks.iloc[1]["n_next_session"] == 5
    assert found.landmarks.iloc[1]["n_lost"] == 3


def test_the_cause_specific_curve_lies_between_its_bounds_and_ends_where_it_is_not_identified(clinic):
    found = durability(clinic, "PHQ-9", **FAST)
    both = found.cause_specific.merge(found.bounds, on="time")
    known = both[both["identified"]]
    assert len(known) > 30
    # Masses are good to the root of the certificate.
    assert (known["worst"] <= known["estimate"] + 1e-6).all()
    assert (known["estimate_high"] <= known["best"] + 1e-6).all()
    beyond = both[~both["identified"]]
    assert len(beyond)
    assert beyond[["estimate", "estimate_high", "conf_low", "conf_high"]].isna().all(axis=None)
    assert (beyond["n_patients"] < 5).all()


def test_a_fixed_schedule_identifies_nothing_beyond_its_gap(make):
    sessions, rows = [], []
    for k in range(12):
        name = f"P{k:02d}"
        rows.append((name, -24.0, 20))
        for number in range(5):
            sessions.append((name, number * 7 * DAY))
            rows += [(name, number * 7 * DAY + 48.0, 5), (name, (number + 1) * 7 * DAY, 6, "pre")]
    own = durability(make(sessions, rows), "PHQ-9", sessions="all", **FAST).cause_specific
    # The last episode of each is open, but seen no longer than the day on which a session would have come.
    assert own.loc[own["identified"], "time"].max() == 7
    assert own.loc[~own["identified"], "estimate"].isna().all()


def test_shares_of_what_became_of_the_episodes_add_up_to_one(clinic):
    table = durability(clinic, "PHQ-9", n_replicates=0).incidence
    low = table.pivot_table(index="time", columns="event", values="estimate")
    high = table.pivot_table(index="time", columns="event", values="estimate_high")
    assert (low.drop(columns="still responding").sum(axis=1) <= 1 + 1e-9).all()
    total = low.drop(columns="still responding").sum(axis=1) + high["still responding"]
    np.testing.assert_allclose(total, 1.0, atol=1e-9)


def test_the_sample_clinics_counts_are_those_of_its_episodes(clinic):
    row = durability(clinic, "PHQ-9", at=28, n_replicates=0).landmarks.iloc[0]
    begun = episodes(clinic, "PHQ-9", clock="response")
    day = np.floor(begun[["left", "right", "end"]] / DAY + 0.5)
    lost = day["right"] <= 28
    # Whoever has no score on the day of the next session is not known of after the last one.
    seen = begun["state_known_at_end"] | (day["end"] <= day["left"])
    again = (begun["end_reason"] == "next session") & (day["end"] <= 28) & seen
    assert (row["n"], row["n_patients"]) == (len(begun), begun["patient_id"].nunique())
    assert row["n_lost"] == lost.sum()
    assert row["n_next_session"] == again.sum()
    assert row["n_lost"] + row["n_next_session"] + row["n_stopped"] + row["n_still"] + row[
        "n_unknown"
    ] == len(begun)


def test_order_of_rows_and_names_of_patients_do_not_matter(sample, tmp_path):
    tables = {}
    for path in sample.glob("*.csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.name != "disposition.csv":
            frame["patient_id"] = "X" + frame["patient_id"].str[::-1]
            frame.sample(frac=1, random_state=3).to_csv(tmp_path / path.name, index=False)
        else:
            frame["patient_id"] = "X" + frame["patient_id"].str[::-1]
            frame.to_csv(tmp_path / path.name, index=False)
        tables[path.stem] = len(frame)
    (tmp_path / "cohort.toml").write_text((sample / "cohort.toml").read_text())
    one = durability(load_cohort(sample), "PHQ-9", **FAST)
    other = durability(load_cohort(tmp_path), "PHQ-9", **FAST)
    for name in ("incidence", "cause_specific", "landmarks", "medians"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=False, atol=1e-5)


def test_a_group_that_forms_after_the_session_is_refused(clinic):
    with pytest.raises(DataError, match="stopped_early"):
        durability(clinic, "PHQ-9", by="stopped_early")


def test_groups_are_those_of_each_episodes_own_session(clinic):
    found = durability(clinic, "PHQ-9", by="phase", at=14, n_replicates=0)
    sizes = found.landmarks.set_index("phase")["n"]
    begun = episodes(clinic, "PHQ-9")
    assert sizes.sum() == begun["phase"].notna().sum()
    assert {"induction", "maintenance"} <= set(sizes.index)


def test_day_2_responders_of_a_trial_who_still_respond_on_day_10(shared, tmp_path):
    # NIMH ketamine mechanism of action, OpenNeuro ds005917 (CC0): MDD, ketamine, MADRS against b0.
    folder = shared / "data" / "nimh_ketamine_moa_ds005917"
    people = pd.read_csv(folder / "participants.tsv", sep="\t", na_values="n/a", keep_default_na=False)
    seen = pd.read_csv(folder / "phenotype.tsv", sep="\t", na_values="n/a", keep_default_na=False)
    wide = seen.pivot_table(index="participant_id", columns="session_id", values="MADRS_Total")
    wide = wide.loc[wide.index.intersection(people.loc[people["group"] == "MDD", "participant_id"])]
    wide = wide[wide["ses-b0"].notna() & wide["ses-d2"].notna()]
    responders = wide[wide["ses-d2"] <= wide["ses-b0"] / 2]
    kept = int((responders["ses-d10"] <= responders["ses-b0"] / 2).sum())
    n = int(responders["ses-d10"].notna().sum())
    assert n == len(responders)

    ids = {name: f"N{place:03d}" for place, name in enumerate(wide.index)}
    hours = {"ses-b0": -48, "ses-d2": 48, "ses-d10": 240}
    long = wide[list(hours)].rename(index=ids).stack().reset_index()
    long.columns = ["patient_id", "hour", "score"]
    long.assign(hour=long["hour"].map(hours), instrument="MADRS").to_csv(tmp_path / "scores.csv", index=False)
    pd.DataFrame({"patient_id": list(ids.values())}).to_csv(tmp_path / "patients.csv", index=False)
    pd.DataFrame({"patient_id": list(ids.values()), "hour": 0, "route": "IV"}).to_csv(
        tmp_path / "sessions.csv", index=False
    )
    row = durability(load_cohort(tmp_path), "MADRS", at=10, clock="session").landmarks.iloc[0]
    assert (row["n"], row["n_still"], row["n_unknown"]) == (n, kept, 0)
    assert row["still_responding"] == pytest.approx(kept / n, abs=1e-9)
    low, high = map(float, wilson(n - kept, n))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((low, high))


def test_a_state_that_nobody_saw_at_the_next_session_is_not_counted_as_response(make):
    # Thirty patients are seen on day 1 only; the next session is on day 30 and nobody is scored there.
    sessions, rows = [], []
    for k in range(30):
        name = f"P{k:02d}"
        sessions += [(name, 0.0), (name, 30 * DAY)]
        rows += [(name, -24.0, 20), (name, DAY, 5)]
    found = durability(make(sessions, rows), "PHQ-9", sessions="all", at=(7, 28), **FAST)
    assert found.landmarks["n_unknown"].tolist() == [30, 30]
    assert (found.landmarks["method"] == "bootstrap of patients").all()
    assert (found.bounds.loc[found.bounds["time"] > 1, "worst"].dropna() < 1e-6).all()


def test_a_stop_that_nobody_scored_is_no_known_state(make):
    # Ten respond on day 2 and are seen on day 9; two of them stop on day 12 without a score.
    sessions = [(f"P{k:02d}", 0.0) for k in range(10)]
    rows = []
    for k in range(10):
        rows += [
            (f"P{k:02d}", -24.0, 20),
            (f"P{k:02d}", 2 * DAY, 5),
            (f"P{k:02d}", 9 * DAY, 6 if k > 3 else 18),
        ]
        rows += [] if k >= 8 else [(f"P{k:02d}", 30 * DAY, 6 if k > 3 else 18)]
    stops = pd.DataFrame({"patient_id": ["P08", "P09"], "hour": [12 * DAY] * 2, "status": ["stopped"] * 2})
    found = durability(make(sessions, rows, disposition=stops), "PHQ-9", at=(7, 20), **FAST).landmarks
    assert found["n_stopped"].tolist() == [0, 2]
    assert found["method"].tolist()[0].startswith("Wilson")
    assert found["method"].tolist()[1] == "bootstrap of patients"


def test_a_group_named_as_a_column_of_the_result_is_refused(make):
    patients = pd.DataFrame({"patient_id": ["P00", "P01"], "event": ["a", "b"]})
    cohort = make([("P00", 0.0), ("P01", 0.0)], [("P00", -24.0, 20), ("P00", 48.0, 5)], patients=patients)
    with pytest.raises(DataError, match="rename the column"):
        durability(cohort, "PHQ-9", by="event")


def test_a_steep_fall_is_identified_by_those_at_risk_before_it(make):
    # On day 14 after the response 28 of 30 are found to have lost it; two are still watched after it.
    cohort = single_session(make, {16: 28}, 30, seen=(2, 9, 16, 23))
    found = durability(cohort, "PHQ-9", **FAST)
    row = found.medians.iloc[0]
    assert (row["low"], row["high"]) == (8, 14)  # whole days of (7, 14]
    assert found.cause_specific.set_index("time").loc[14, "identified"]


def test_one_early_loss_among_few_does_not_decide_the_curve_on_the_clock_of_the_session(make):
    # Thirty patients are seen to respond on day 3; one of them has lost it eight hours later.
    sessions = [(f"P{k:02d}", 0.0) for k in range(30)]
    rows = []
    for k in range(30):
        rows += [(f"P{k:02d}", -24.0, 20), (f"P{k:02d}", 3 * DAY, 5)]
        rows += [(f"P{k:02d}", 3 * DAY + 8, 18)] if k == 0 else [(f"P{k:02d}", 10 * DAY, 6)]
    own = durability(make(sessions, rows), "PHQ-9", clock="session", **FAST).cause_specific
    at = own.set_index("time").loc[10]
    assert at["estimate"] == pytest.approx(29 / 30, abs=1e-6)


@pytest.mark.parametrize("estimand", ["cause-specific", "ipcw", "bounds"])
def test_each_estimand_prints_its_own_numbers(clinic, estimand):
    found = durability(clinic, "PHQ-9", estimand=estimand, at=28, n_replicates=0)
    row = found.table[found.table["time"] == 28].iloc[0]
    value = row["worst" if estimand == "bounds" else "estimate"]
    assert f"{100 * value:.0f}%" in found.summary()


def test_losses_before_anyone_is_treated_again_stay_in_the_reweighted_curve(make):
    # Booking has nothing to do with the state and begins on day 14: both curves must agree.
    stream = np.random.default_rng(3)
    sessions, rows = [], []
    for k in range(150):
        name, loss, again = f"P{k:03d}", stream.exponential(25.0), int(stream.integers(14, 40))
        sessions += [(name, 0.0), (name, again * DAY)]
        rows += [(name, -24.0, 20), (name, DAY, int(stream.integers(3, 9)))]
        for day in range(4, again, 4):
            lost = day - 1 >= loss
            rows.append((name, day * DAY, 20 if lost else int(stream.integers(2, 10))))
            if lost:
                break
        else:
            rows.append((name, again * DAY, 5 if again - 1 < loss else 20, "pre"))
    found = durability(make(sessions, rows), "PHQ-9", sessions="all", estimand="ipcw", n_replicates=0)
    both = found.cause_specific.merge(found.weighted, on="time", suffixes=("", "_weighted"))
    at = both[both["time"].isin([3, 7, 11, 19, 27])]
    # The weights differ from 1 only by what 150 patients show by chance.
    assert (at["estimate"] - at["estimate_weighted"]).abs().max() < 0.05
    assert at.set_index("time").loc[11, "estimate_weighted"] < 0.8


def test_limits_from_a_handful_of_replicates_are_refused(clinic):
    with pytest.raises(DataError, match="at least 40"):
        durability(clinic, "PHQ-9", n_replicates=1)


def test_malformed_questions_are_refused_with_what_to_ask_instead(clinic):
    with pytest.raises(DataError, match="cumulative-incidence"):
        durability(clinic, "PHQ-9", estimand="survival")
    with pytest.raises(DataError, match="planned days"):
        durability(clinic, "PHQ-9", at=-1)


def test_what_is_assumed_and_left_out_is_said(clinic):
    found = durability(clinic, "PHQ-9", **FAST)
    text = found.summary()
    for words in (
        "in this clinic's own schedule",
        "booked because symptoms return",
        "after that fewer than 5 patients are watched",
        "begin no episode",
        "Uncontrolled",
    ):
        assert words in text.replace("\n  ", " "), words
