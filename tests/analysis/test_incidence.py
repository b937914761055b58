"""Cumulative incidence from a frame: what is read, refused, counted and said."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.incidence import cumulative_incidence, subdistribution_hazards
from ketaoutcomes.errors import DataError, FormulaError

FOLDER = Path(__file__).resolve().parents[1] / "reference"
WORDS = {0: "censored", 1: "progression", 2: "death"}


@pytest.fixture(scope="module")
def mgus():
    data = pd.read_csv(FOLDER / "competing_mgus2.csv")
    return data.assign(what=data["event"].map(WORDS))


@pytest.fixture
def few():
    return pd.DataFrame({"day": [1.0, 2, 3, 4, 5, 6], "end": ["a", "b", "censored", "a", "censored", "b"]})


def incidence(data, **options):
    return cumulative_incidence(data, **({"time": "day", "event": "end"} | options))


def test_landmarks_of_mgus2_have_the_published_values(mgus):
    # R survival, vignette "compete", to the digits it prints.
    found = cumulative_incidence(mgus, time="etime", event="what", at=(60, 120, 240)).landmarks
    progressed, died = (found[found["event"] == name]["estimate"] for name in ("progression", "death"))
    np.testing.assert_allclose(progressed, [0.034104, 0.063722, 0.099814], atol=5e-7)
    np.testing.assert_allclose(died, [0.32037, 0.53182, 0.72403], atol=5e-6)
    assert found["event_free"].iloc[0] == pytest.approx(0.64553, abs=5e-6)


def test_numbers_at_risk_and_events_are_counts_of_rows(mgus):
    found = cumulative_incidence(mgus, time="etime", event="what", at=(60, 240)).landmarks
    for row in found.itertuples():
        assert row.n_at_risk == (mgus["etime"] >= row.time).sum()
        assert row.n_events == ((mgus["etime"] <= row.time) & (mgus["what"] == row.event)).sum()


def test_grays_test_by_sex_is_that_of_cmprsk(mgus):
    result = cumulative_incidence(mgus, time="etime", event="what", by="sex")
    found = result.gray.set_index("event")
    # cmprsk: progression 1.194508, p = .274422; death 11.651259, p = .000641591.
    assert found.loc["progression", "statistic"] == pytest.approx(1.194508, abs=5e-7)
    assert found.loc["death", "p_value"] == pytest.approx(0.000641591, abs=5e-9)
    assert found["n_patients"].tolist() == [1384, 1384]
    assert "Gray's test, progression by sex: chi-squared 1.19 on 1 df, p = 0.27" in result.summary()


def test_shares_and_the_rest_add_up_to_one(mgus):
    result = cumulative_incidence(mgus, time="etime", event="what", by="sex", at=(30, 90))
    sums = result.landmarks.groupby(["sex", "time"])["estimate"].sum()
    free = result.landmarks.groupby(["sex", "time"])["event_free"].first()
    np.testing.assert_allclose(sums + free, 1.0, atol=1e-12)


def test_the_table_starts_at_nought_and_ends_with_the_last_observation(few):
    table = incidence(few).table
    assert table["time"].tolist() == [0, 1, 2, 4, 6] * 2
    assert table["estimate"].iloc[0] == 0
    assert table["n_at_risk"].tolist()[:5] == [6, 6, 5, 3, 1]
    # 1/6, then S = 4/6 with 3 at risk: + 4/6 * 1/3.
    assert table["estimate"].iloc[3] == pytest.approx(1 / 6 + 4 / 6 / 3, abs=1e-15)


def test_the_naive_curve_stands_beside_with_its_gap(few):
    naive = incidence(few).naive
    last = naive[naive["event"] == "b"].iloc[-1]
    # 1 - (1 - 1/5)(1 - 1/1) = 1; the incidence is 1/6 + S(5) = 1/6 + 4/6 * 2/3.
    assert (last["estimate"], last["incidence"]) == pytest.approx((1, 1 / 6 + 4 / 9), abs=1e-15)
    assert last["gap"] == pytest.approx(1 - 1 / 6 - 4 / 9, abs=1e-15)


def test_the_summary_says_who_had_what_and_what_the_naive_curve_would_say(mgus):
    words = cumulative_incidence(mgus, time="etime", event="what", at=240).summary()
    assert "Of 1,384 patients: death 860, progression 115; censored 409." in words
    assert (
        "progression by day 240: 10% (95% CI 8–12). 1 − Kaplan–Meier would say 21%, 11.0 points more."
        in words
    )


@pytest.mark.parametrize(
    ("ends", "options", "events"),
    [
        (["b", "a", "censored"], {}, ("a", "b")),
        (["b", "a", "lost"], {"censored": "lost"}, ("a", "b")),
        (pd.Categorical(["b", "a", "lost"], ["lost", "b", "a"]), {"censored": "lost"}, ("b", "a")),
        ([2, 1, 0], {}, ("end 1", "end 2")),
        ([1, 1, 0], {}, ("end",)),
        ([2, 1, 1], {"censored": 1}, ("end",)),
        ([True, True, False], {}, ("end",)),
        ([2.0, 1.0, np.nan], {"censored": None}, ("end 1", "end 2")),
        (["b", "a", None], {"censored": None}, ("a", "b")),
        (["b", "a", "a"], {"censored": None}, ("a", "b")),
    ],
)
def test_events_are_words_categories_numbers_or_true_and_false(ends, options, events):
    result = incidence(pd.DataFrame({"day": [1.0, 2, 3], "end": ends}), **options)
    assert result.events == events
    assert result.totals["n"].sum() == 3


def test_a_category_that_nobody_had_is_still_an_event():
    ends = pd.Categorical(["a", "censored", "a"], ["a", "died", "censored"])
    result = incidence(pd.DataFrame({"day": [1.0, 2, 3], "end": ends}), at=2)
    died = result.landmarks.set_index("event").loc["died"]
    assert died["estimate"] == 0
    # Known at day 2: all three rows. 1 - 0.025^(1/3), Clopper and Pearson.
    assert died["conf_high"] == pytest.approx(1 - 0.025 ** (1 / 3), abs=1e-12)
    assert "Nobody had died" in result.summary()


@pytest.mark.parametrize(
    ("ends", "options", "message"),
    [
        (["a", None, "b"], {}, r"'end' is missing in 1 row: .* censored=None"),
        (["a", "Censored", "b"], {}, "censored='Censored'"),
        (["a", "none", "b"], {}, "censored='none'"),
        ([2, 1, 1], {}, "none of them is 0; say which one"),
        ([2, 1, 0], {"censored": 9}, "censored=0"),
        ([2, 1, 0], {"censored": "lost"}, "is no value of 'end', which has numbers"),
        (["a", "b", "c"], {"censored": 0}, "is no value of 'end', which has words"),
        (["censored"] * 3, {}, "all 3 rows are censored"),
        ([False] * 3, {}, "all 3 rows are censored"),
        (pd.to_datetime(["2020-01-01"] * 3), {}, "dates"),
    ],
)
def test_events_that_cannot_be_read_are_refused(ends, options, message):
    with pytest.raises(DataError, match=message):
        incidence(pd.DataFrame({"day": [1.0, 2, 3], "end": ends}), **options)


def test_no_censored_row_is_allowed_and_said():
    result = incidence(pd.DataFrame({"day": [1.0, 2], "end": ["a", "b"]}))
    assert "No row is censored" in result.summary()


def test_too_many_kinds_of_event_are_refused():
    data = pd.DataFrame({"day": np.arange(1.0, 21), "end": [f"kind {n}" for n in range(20)]})
    with pytest.raises(DataError, match="20 kinds of event"):
        incidence(data)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"day": [1.0, np.nan, 3]}, {}, "'day' is missing in 1 row"),
        ({"day": [1.0, -1, 3]}, {}, "'day' is negative in 1 row"),
        ({"day": ["x", "y", "z"]}, {}, "no numbers"),
        ({}, {"time": "dya"}, "no column 'dya'; close to it: day"),
        ({"start": [0.0, 2, 0]}, {"entry": "start"}, "'start' is not before 'day' in 1 row"),
        ({}, {"clusters": "who"}, "no column 'who'"),
        ({"who": ["p", None, "q"]}, {"clusters": "who"}, "'who' is missing in 1 row"),
        ({"patient_id": ["p", "p", "q"]}, {}, "patients have several rows .* clusters='patient_id'"),
        ({"patient_id": ["p", "r", "q"]}, {"by": "patient_id"}, "identifier"),
        ({"time": ["p", "r", "q"]}, {"by": "time"}, "also the name of a column of the result"),
        ({"g": [1, 2, 3]}, {"by": "g"}, "no group of at least 2"),
        ({}, {"unit": "months"}, "unit"),
        ({}, {"level": 2}, "level"),
        ({}, {"at": -1}, "at takes days since time 0"),
    ],
)
def test_other_input_that_cannot_be_used_is_refused(change, options, message):
    data = pd.DataFrame({"day": [1.0, 2, 3], "end": ["a", "b", "censored"]} | change)
    with pytest.raises(DataError, match=message):
        incidence(data, **options)


def test_no_frame_and_no_rows_are_refused(few):
    with pytest.raises(DataError, match="not a pandas DataFrame"):
        incidence([1, 2])
    with pytest.raises(DataError, match="no rows"):
        incidence(few.iloc[:0])


def test_messages_hold_no_identifier():
    data = pd.DataFrame({"day": [1.0, 2], "end": ["a", "a"], "patient_id": ["SMITH", "SMITH"]})
    with pytest.raises(DataError) as caught:
        incidence(data)
    assert "SMITH" not in str(caught.value)


def test_rows_of_a_patient_are_clusters(mgus):
    data = mgus.rename(columns={"cluster": "patient_id"})
    options = {"time": "etime", "event": "what", "at": 120}
    result = cumulative_incidence(data, clusters="patient_id", **options)
    alone = cumulative_incidence(mgus, **options)
    np.testing.assert_array_equal(result.landmarks["estimate"], alone.landmarks["estimate"])
    assert (result.landmarks["std_error"] != alone.landmarks["std_error"]).all()
    assert "Of 1,384 episodes of 97 patients" in result.summary()
    assert result.naive["conf_low"].isna().all()


def test_no_test_of_groups_where_its_assumptions_fail(mgus):
    options = {"time": "etime", "event": "what", "by": "sex"}
    late = cumulative_incidence(mgus, entry="entry", **options)
    clustered = cumulative_incidence(mgus, clusters="cluster", **options)
    assert len(late.gray) == len(clustered.gray) == 0
    assert "No test of the groups: it does not take late entries." in late.summary().replace("\n  ", " ")
    assert "patients have several" in clustered.summary()


def test_fewer_than_twenty_patients_have_no_p_value(few):
    result = incidence(few.assign(group=["x", "x", "x", "y", "y", "y"]), by="group")
    assert result.gray["p_value"].isna().all()
    assert "No p-values: fewer than 20 patients." in result.summary()


def test_groups_that_are_missing_or_alone_are_left_out_and_counted(few):
    result = incidence(few.assign(group=["x", "x", None, "y", "x", None]), by="group")
    assert set(result.table["group"]) == {"x"}
    words = result.summary()
    assert "2 rows left out: 'group' is missing." in words
    assert "1 group of 'group' with a single row left out." in words
    assert "3 patients analysed" in words


def test_landmarks_beyond_the_last_observation_are_missing_and_said(few):
    data = few.assign(end=["a", "b", "censored", "a", "censored", "censored"])
    result = incidence(data, at=(5, 30))
    assert result.landmarks["estimate"].isna().tolist() == [False, True] * 2
    assert "Not given at 30 days" in result.summary()


def test_late_entries_are_not_at_risk_before(mgus):
    result = cumulative_incidence(mgus, time="etime", event="what", entry="entry", at=(5, 60))
    rows = result.landmarks.drop_duplicates("time").set_index("time")
    for time in (5, 60):
        assert rows.loc[time, "n_at_risk"] == ((mgus["etime"] >= time) & (mgus["entry"] < time)).sum()
    assert result.table["n_at_risk"].iloc[0] == (mgus["entry"] == 0).sum()


def test_order_of_rows_and_unit_of_time_do_not_matter(mgus):
    one = cumulative_incidence(mgus, time="etime", event="what", by="sex", at=120)
    moved = mgus.sample(frac=1, random_state=3).assign(etime=lambda rows: rows["etime"] * 24)
    two = cumulative_incidence(moved, time="etime", event="what", by="sex", at=120 * 24, unit="hours")
    columns = ["estimate", "std_error", "conf_low", "conf_high", "n_at_risk", "n_events"]
    np.testing.assert_allclose(two.landmarks[columns], one.landmarks[columns], atol=1e-12)


def test_the_subdistribution_model_of_mgus2_is_that_of_r(mgus):
    result = subdistribution_hazards("~ age + sex", mgus, time="etime", event="what", cause="progression")
    table = result.table.set_index("term")
    # R survival: -0.0173017 and -0.2597568; errors by patients .0057029 and .1856347 (coxph with cluster).
    np.testing.assert_allclose(table["estimate"], [-0.0173017, -0.2597568], atol=5e-8)
    np.testing.assert_allclose(table["std_error"], [0.0057029, 0.1856347], atol=5e-8)
    np.testing.assert_allclose(table["ratio"], np.exp(table["estimate"]))
    assert table.index.tolist() == ["age", "sexM"]
    assert "1,384 patients: 115 had progression, 860 another event before it." in result.summary()


def test_a_missing_covariate_leaves_its_row_out_of_the_model(mgus):
    data = mgus.assign(age=mgus["age"].where(mgus.index >= 10))
    options = {"time": "etime", "event": "what", "cause": "death"}
    result = subdistribution_hazards("~ age", data, **options)
    assert result.n_rows == 1374
    assert "age in 10 rows" in result.summary()
    same = subdistribution_hazards("~ age", data.iloc[10:], **options)
    assert same.table.equals(result.table)


@pytest.mark.parametrize(
    ("formula", "cause", "error", "message"),
    [
        ("~ 1", "death", DataError, "no covariate"),
        ("~ age", "deth", DataError, "death"),
        ("~ hight", "death", FormulaError, "no column 'hight'"),
        ("y ~ age", "death", FormulaError, "nothing stands before"),
    ],
)
def test_models_that_cannot_be_fitted_are_refused(mgus, formula, cause, error, message):
    with pytest.raises(error, match=message):
        subdistribution_hazards(formula, mgus, time="etime", event="what", cause=cause)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (["a", "censored ", "b"], r"spaces before or after them \('censored '\).*str.strip"),
        (["Loss", "loss", "censored"], r"capitals only \('Loss', 'loss'\)"),
        (["a", "censored", "Censored"], r"capitals only \('Censored', 'censored'\)"),
        (pd.Categorical(["a", "a", "a"], ["a", "A ", "censored"]), r"capitals only \('a', 'A '\)"),
        (["SMITH" * 9, "smith" * 9, "censored"], r"capitals only \(2 words\)"),
    ],
)
def test_words_that_look_like_one_event_are_refused(ends, message):
    with pytest.raises(DataError, match=message):
        incidence(pd.DataFrame({"day": [1.0, 2, 3], "end": ends}))


def test_another_word_for_censored_does_not_make_censored_an_event():
    with pytest.raises(DataError, match="has no 'lost', but 'censored'"):
        incidence(pd.DataFrame({"day": [1.0, 2], "end": ["a", "censored"]}), censored="lost")


def test_a_risk_set_that_empties_before_later_entries_ends_the_curves():
    late = pd.DataFrame({"day": [2.0, 10, 11, 12], "end": ["a", "b", "a", "censored"], "start": [0, 5, 5, 5]})
    result = incidence(late, entry="start", at=(1, 2, 10))
    known = result.landmarks["estimate"].notna().tolist()
    assert known == [True, True, False] * 2
    for table in (result.table, result.naive):
        assert table.loc[table["time"] > 2, ["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert any(
        note.startswith("After 2 days nobody is at risk, though 3 rows entered later")
        for note in result.notes
    )
    both = pd.concat([late.assign(arm="x"), late.assign(arm="y", start=0)])
    by = incidence(both, entry="start", by="arm", at=10)
    assert by.landmarks["estimate"].isna().tolist() == [True, True, False, False]
    assert sum("nobody of x is at risk" in note for note in by.notes) == 1
    assert not any("nobody of y" in note for note in by.notes)
    for kind in ("stacked", "lines"):
        plt.close(result.plot(kind=kind).figure)


def test_before_the_first_time_the_upper_limit_is_the_exact_one():
    data = pd.DataFrame({"day": [1.0, 9, 5, 9], "end": ["censored", "a", "a", "a"], "arm": list("xxyy")})
    at_3 = incidence(data, by="arm", at=3).landmarks.set_index("arm")
    # 1 - 0.025^(1/2), Clopper and Pearson, 0 of 2: x has a time before day 3, y has none.
    assert at_3["conf_high"].tolist() == pytest.approx([1 - 0.025**0.5] * 2, abs=1e-12)
    assert (at_3["conf_low"] == 0).all()


def test_no_test_is_spoken_of_where_there_are_no_groups(mgus):
    alone = cumulative_incidence(mgus, time="etime", event="what", clusters="cluster", at=60)
    assert "No test of the groups" not in alone.summary()


def test_rows_of_one_patient_have_no_limits(few):
    result = incidence(few.assign(who=1), clusters="who", at=(2, 4))
    assert result.landmarks[["conf_low", "conf_high", "std_error"]].isna().all(axis=None)
    assert "No limits: rows of one patient" in result.summary()


def test_a_column_in_place_of_its_name_is_refused_and_not_printed(few):
    data = few.assign(who="id8717", x=range(6))
    names = ["time", "event", "censored", "by", "entry", "clusters", "at", "unit", "level"]
    model = ["time", "event", "censored", "cause", "clusters", "level"]
    for given in (data["who"], data["who"].to_numpy(), ["id8717"], data):
        for name in names:
            with pytest.raises(DataError) as caught:
                incidence(data, **{name: given})
            assert "8717" not in str(caught.value)
        for name in model:
            options = {"time": "day", "event": "end", "cause": "a"} | {name: given}
            with pytest.raises(DataError) as caught:
                subdistribution_hazards("~ x", data, **options)
            assert "8717" not in str(caught.value)
