"""Curves and log-rank tests of intervals in any frame: values, what is left out, words, pictures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.any_frame import interval_logrank, interval_survival
from ketaoutcomes.engine.interval import cumulative, npmle
from ketaoutcomes.engine.logrank import interval_logrank as permutation_test
from ketaoutcomes.errors import DataError

INF = np.inf
ENDS = {"left": "seen_without", "right": "seen_with"}
WEEKLY, MONTHLY = np.arange(7.0, 85, 7), np.arange(28.0, 85, 28)


def clinic(n=60, seed=1, *, ratio=1.0, visits=(WEEKLY, WEEKLY)):
    """Two arms of n patients; exponential with mean 40 days; the second arm's hazard times `ratio`."""
    stream = np.random.default_rng([41, seed])
    frames = []
    for arm, own, hazard in zip(("A", "B"), visits, (1.0, ratio), strict=True):
        event = stream.exponential(40 / hazard, n)[:, None]
        left = np.max(np.where(own < event, own, 0.0), axis=1)
        right = np.min(np.where(own >= event, own, INF), axis=1)
        frames.append(pd.DataFrame({"seen_without": left, "seen_with": right, "arm": arm}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def cosmesis(shared):
    return pd.read_csv(shared / "data" / "interval_censored" / "bcos.csv")


# --- curves


def test_breast_cosmesis_has_the_published_survival_and_medians(cosmesis):
    found = interval_survival(
        cosmesis, left="left", right="right", by="treatment", at=(19, 20, 46), n_replicates=0
    )
    # Finkelstein & Wolfe (1985) data; an EM run to a certificate of 1e-11 (see tests/engine).
    at = found.landmarks.set_index(["treatment", "time"])["estimate"]
    assert at["RadChem", 19] == pytest.approx(0.55774, abs=5e-6)
    assert at["RadChem", 20] == pytest.approx(0.44199, abs=5e-6)
    assert at["Rad", 46] == pytest.approx(0.46555814, abs=1e-6)
    medians = found.medians.set_index("treatment")
    assert medians.loc["Rad", ["low", "high"]].tolist() == [38, 40]
    assert medians.loc["RadChem", ["low", "high"]].tolist() == [19, 20]
    assert found.log_likelihood == pytest.approx(-58.06002195 - 65.63696491, abs=1e-6)


def test_the_table_is_one_minus_the_bounds_of_the_engine():
    data = clinic()
    found = interval_survival(data, **ENDS, at=(10, 28, 50), n_replicates=50)
    low, high = cumulative(npmle(data["seen_without"], data["seen_with"]), [10, 28, 50])
    np.testing.assert_allclose(found.landmarks["estimate"], 1 - high, atol=1e-9)
    np.testing.assert_allclose(found.landmarks["estimate_high"], 1 - low, atol=1e-9)
    for table in (found.table, found.landmarks):
        assert (table["estimate"] <= table["estimate_high"] + 1e-12).all()
        assert (table["conf_low"] <= table["estimate"] + 1e-9).all()
        assert (table["conf_high"] >= table["estimate_high"] - 1e-9).all()
    assert (found.landmarks["n"] == 120).all()
    known = found.landmarks[["n_events", "n_unknown", "n_not_yet"]].sum(axis=1)
    assert (known == 120).all()
    happened = [(data["seen_with"] <= time).sum() for time in (10, 28, 50)]
    assert found.landmarks["n_events"].tolist() == happened


def test_missing_ends_are_filled_and_counted():
    data = pd.DataFrame({"seen_without": [2, None, 5, None, 0], "seen_with": [4, 3, None, None, INF]})
    found = interval_survival(data, **ENDS, n_replicates=0)
    assert "3 patients analysed." in found.notes
    assert "1 row without 'seen_without' counts from 0: the event came by 'seen_with'." in found.notes
    assert "1 row without 'seen_with' is taken as right-censored after 'seen_without'." in found.notes
    assert "2 rows left out: nothing is known of the event, from 0 to without end." in found.notes
    plain = interval_survival(
        pd.DataFrame({"seen_without": [2, 0, 5], "seen_with": [4, 3, INF]}), **ENDS, n_replicates=0
    )
    pd.testing.assert_frame_equal(found.table, plain.table)


def test_rows_without_a_group_and_groups_of_one_are_left_out_and_counted():
    data = clinic(10)
    data.loc[:2, "arm"] = None
    data.loc[3, "arm"] = "C"
    found = interval_survival(data, **ENDS, by="arm", n_replicates=0)
    assert found.medians["arm"].tolist() == ["A", "B"]
    assert found.medians["n_patients"].tolist() == [6, 10]
    assert "3 rows left out: 'arm' is missing." in found.notes
    assert "1 group of 'arm' with fewer than 2 patients left out (1 patient)." in found.notes


def test_patients_of_several_rows_are_drawn_whole():
    data = clinic(40)
    thrice = pd.concat([data.assign(who=range(80))] * 3, ignore_index=True)
    once = interval_survival(data, **ENDS, at=28)
    known = interval_survival(thrice, **ENDS, at=28, clusters="who")
    ignored = interval_survival(thrice, **ENDS, at=28)

    def width(found):
        return (found.landmarks["conf_high"] - found.landmarks["conf_low"]).iloc[0]

    # Widths of 400 replicates: 10 % for the Monte Carlo error of two percentiles.
    assert width(known) == pytest.approx(width(once), rel=0.1)
    assert width(ignored) == pytest.approx(width(once) / 3**0.5, rel=0.1)
    assert (known.medians["n_patients"][0], known.medians["n_rows"][0]) == (80, 240)
    assert "240 rows of 80 patients analysed." in known.notes
    assert "rows of 80 patients)" in known.summary()


def test_order_of_rows_and_names_of_patients_do_not_matter():
    data = pd.concat([clinic(20).assign(who=[f"p{i}" for i in range(40)])] * 2, ignore_index=True)
    other = data.sample(frac=1, random_state=1).assign(who=lambda frame: "x" + frame["who"].str[::-1])
    how = {"by": "arm", "clusters": "who", "n_replicates": 40}
    one, two = interval_survival(data, **ENDS, **how), interval_survival(other, **ENDS, **how)
    pd.testing.assert_frame_equal(one.table, two.table)


def test_m_out_of_n_is_wider_and_says_what_it_is():
    data = clinic(60)
    usual = interval_survival(data, **ENDS, at=28, n_replicates=200)
    found = interval_survival(data, **ENDS, at=28, n_replicates=200, resample="m-out-of-n")
    width = {
        name: (one.landmarks["conf_high"] - one.landmarks["conf_low"]).iloc[0]
        for name, one in (("usual", usual), ("m", found))
    }
    # On a fixed schedule it is too wide, by (n/m)^(1/6) = (120/25)^(1/6) = 1.30; 15 % is bootstrap error.
    assert width["m"] / width["usual"] == pytest.approx(1.30, rel=0.15)
    assert any("m out of n" in note for note in found.notes)
    assert not any("m out of n" in note for note in usual.notes)


def test_hours_and_days_are_words_only():
    data = clinic(20)
    days = interval_survival(data, **ENDS, n_replicates=0)
    hours = interval_survival(data, **ENDS, n_replicates=0, unit="hours")
    pd.testing.assert_frame_equal(days.table, hours.table)
    assert " h " in hours.summary()
    assert "day 20" in days.summary()


def test_a_median_that_is_not_reached_says_so():
    data = pd.DataFrame({"seen_without": [0, 7, 7, 7], "seen_with": [7, INF, INF, INF]})
    found = interval_survival(data, **ENDS, n_replicates=0)
    assert "Half is not reached" in found.summary()
    assert found.medians["estimate"][0] == INF


@pytest.mark.parametrize("by", [None, "arm"])
def test_the_picture_shows_the_numbers_of_the_table(by):
    found = interval_survival(clinic(30), **ENDS, by=by, at=(14, 28, 56), n_replicates=50)
    ax = found.plot(title="Without relapse")
    dots = [line for line in ax.get_lines() if line.get_gid() == "landmark"]
    drawn = np.sort(np.concatenate([line.get_ydata() for line in dots]))
    exact = found.landmarks[found.landmarks["estimate_high"] - found.landmarks["estimate"] < 1e-9]
    np.testing.assert_allclose(drawn, np.sort(exact["estimate"]), atol=1e-9)
    assert "Without relapse" in [text.get_text() for text in ax.texts]
    # Nothing is drawn up from 0 at time 0.
    jumps = [one.get_segments() for one in ax.collections if one.get_gid() == "jump"]
    assert not any(segment[:, 0].max() == 0 for segments in jumps for segment in segments)
    assert "box" in {one.get_gid() for one in ax.collections}
    plt.close("all")


# --- tests


def test_breast_cosmesis_has_the_published_log_rank_test(cosmesis):
    found = interval_logrank(cosmesis, left="left", right="right", by="treatment")
    # Fay & Shaw (2010), J. Stat. Softw. 36(2): Z = -2.6684, p = 0.007622.
    test = found.test.iloc[0]
    assert test["z"] == pytest.approx(-2.668387, abs=1e-6)
    assert found.p_value == pytest.approx(0.0076216, abs=1e-7)
    assert (test["n_patients"], test["df"], test["method"]) == (94, 1, "asymptotic")
    assert found.table["observed_minus_expected"].tolist() == pytest.approx([-9.141846, 9.141846], abs=1e-6)
    assert found.table["n_events"].tolist() == [21, 35]
    assert "Chi-squared 7.12, df 1, p = 0.008" in found.summary()


def test_options_reach_the_engine():
    data = clinic(20, ratio=0.5).assign(site=np.arange(40) % 3)
    found = interval_logrank(
        data,
        **ENDS,
        by="arm",
        score="wilcoxon",
        strata="site",
        method="monte-carlo",
        n_permutations=199,
        seed=4,
    )
    engine = permutation_test(
        data["seen_without"], data["seen_with"], data["arm"],
        score="wilcoxon", strata=data["site"], method="monte-carlo", n_permutations=199, seed=4,
    )  # fmt: skip
    test = found.test.iloc[0]
    assert (test["p_value"], test["statistic"]) == (engine.p_value, engine.statistic)
    assert (test["conf_low"], test["conf_high"]) == (engine.p_low, engine.p_high)
    assert "199 random relabelings" in found.summary()
    assert "Monte Carlo limits" in found.summary()
    assert any("within 'site'" in note for note in found.notes)


def test_fewer_than_20_patients_get_a_p_value_only_when_asked():
    data = clinic(8, ratio=0.3)
    silent = interval_logrank(data, **ENDS, by="arm")
    assert np.isnan(silent.p_value)
    assert np.isnan(silent.schedule_free["p_value"]).all()
    assert "no p-value" in silent.summary()
    asked = interval_logrank(data, **ENDS, by="arm", method="exact")
    assert 0 < asked.p_value <= 1
    assert asked.test["n_permutations"][0] == 12_870


def test_schedules_that_differ_are_warned_of_and_a_second_test_is_given():
    apart = interval_logrank(clinic(100, visits=(WEEKLY, MONTHLY)), **ENDS, by="arm")
    assert apart.schedules["differ"][0]
    assert any(note.startswith("Warning: the groups seem not to have been assessed") for note in apart.notes)
    assert "Without assuming equal assessment schedules: chi-squared" in apart.summary()
    assert np.isfinite(apart.schedule_free["p_value"][0])
    alike = interval_logrank(clinic(100, ratio=0.5), **ENDS, by="arm")
    assert not alike.schedules["differ"][0]
    assert not any("Warning" in note for note in alike.notes)
    assert alike.p_value < 0.05


def test_patients_of_several_rows_count_once_in_the_test():
    data = clinic(30, ratio=0.5)
    twice = pd.concat([data.assign(who=range(60))] * 2, ignore_index=True)
    found = interval_logrank(twice, **ENDS, by="arm", clusters="who")
    once = interval_logrank(data, **ENDS, by="arm")
    assert found.test["statistic"][0] == pytest.approx(once.test["statistic"][0], rel=1e-8)
    assert found.table[["n", "n_patients"]].to_numpy().tolist() == [[60, 30], [60, 30]]
    assert "120 rows of 60 patients in 2 groups" in found.summary()


def test_one_group_gives_no_test_and_says_why():
    found = interval_logrank(clinic(30).query("arm == 'A'"), **ENDS, by="arm")
    assert np.isnan(found.p_value)
    assert "There is only one group, so there is nothing to compare." in found.notes
    assert "No test" in found.summary()


def test_groups_are_in_the_order_of_a_categorical():
    data = clinic(15)
    data["arm"] = pd.Categorical(data["arm"], ["B", "A", "never"])
    found = interval_logrank(data, **ENDS, by="arm")
    assert found.table["arm"].tolist() == ["B", "A"]
    engine = permutation_test(data["seen_without"], data["seen_with"], (data["arm"] == "A").astype(int))
    assert found.test["z"][0] == pytest.approx(engine.z)


def test_the_test_draws_the_curves_of_the_groups():
    found = interval_logrank(clinic(30, ratio=0.5), **ENDS, by="arm")
    ax = found.plot()
    assert {"A", "B"} <= {text.get_text() for text in ax.texts}
    pd.testing.assert_frame_equal(
        found.curve.masses, interval_survival(clinic(30, ratio=0.5), **ENDS, by="arm", n_replicates=0).masses
    )
    plt.close("all")


# --- refusals


def refuse(data, message, **options):
    for function in (interval_survival, interval_logrank):
        with pytest.raises(DataError, match=message) as caught:
            function(data, **({**ENDS, "by": "arm"} | options))
        # No cell's value stands in a message.
        assert "8717" not in str(caught.value)


def test_wrong_ends_are_refused_with_counts_and_no_values():
    data = clinic(10)
    data.loc[:1, "seen_without"] = -8717.0
    refuse(data, r"column 'seen_without' is negative; time starts at 0 \(2 rows, first at row 1\)")
    data = clinic(10)
    data.loc[4, ["seen_without", "seen_with"]] = [8717.0, 3.0]
    refuse(data, r"column 'seen_with' is before 'seen_without' \(1 row, first at row 5\)")
    data = clinic(10)
    data.loc[0, "seen_without"] = INF
    refuse(data, "is infinite; every interval starts somewhere")


def test_wrong_columns_are_refused():
    data = clinic(10)
    refuse(data, "no column 'seen_wth'; close to it: seen_with", right="seen_wth")
    refuse(data.assign(seen_with="8717 days"), "holds text or true and false")
    refuse(data.assign(seen_with=pd.Timestamp("2024-08-17")), "holds dates, times or durations")
    refuse(data, "named for two purposes", right="seen_without")
    refuse(data.rename(columns={"arm": "time"}), "also the name of a column of the result", by="time")
    refuse(data.assign(arm=np.arange(20) + 8717), "20 levels, too many")
    refuse(data.assign(arm=None), "has no value")
    refuse([1, 2], "not a pandas DataFrame but list")
    refuse(data.iloc[:0], "no rows")
    refuse(data.assign(seen_without=0, seen_with=INF), "no row is left")
    refuse(data, "by takes one column's name", by=["arm"])


def test_wrong_options_are_refused():
    data = clinic(10)
    with pytest.raises(DataError, match="at takes days since time 0, a number or several"):
        interval_survival(data, **ENDS, at=(-1, 5))
    with pytest.raises(DataError, match='resample="rows" is not known'):
        interval_survival(data, **ENDS, resample="rows")
    with pytest.raises(DataError, match="more than one group"):
        interval_logrank(data.assign(who=[0, 1] * 10), **ENDS, by="arm", clusters="who")
    with pytest.raises(DataError, match="by names the column"):
        interval_logrank(data, **ENDS, by=None)


def test_times_beyond_the_last_assessment_are_noted():
    found = interval_survival(clinic(10), **ENDS, at=(28, 500), n_replicates=0)
    assert found.landmarks["time"].tolist() == [28]
    assert "Nothing is given at 500 days: follow-up ends at 84 days." in found.notes


def test_no_table_has_a_row_per_patient():
    data = clinic(40).assign(who=[f"secret{i}" for i in range(80)])
    found = interval_survival(data, **ENDS, clusters="who", n_replicates=20)
    assert "secret" not in found.summary() + str(found.provenance)
    assert max(len(frame) for frame in (found.table, found.landmarks, found.masses)) < 40
