"""interval_aft: what it reads, what it leaves out, what it says and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.aft import interval_aft
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "aft.json").read_text())
ENDS = {"left": "left", "right": "right"}


@pytest.fixture(scope="module")
def cosmesis():
    data = pd.DataFrame(REFERENCE["bcos"]).astype(float)
    data["treatment"] = np.where(data["chem"] == 1, "RadChem", "Rad")
    return data.drop(columns="chem")


@pytest.fixture(scope="module")
def courses():
    data = pd.DataFrame(REFERENCE["mixed"])
    return data.assign(right=data["right"].astype(float)).rename(columns={"patient": "patient_id"})


# --- the numbers


def test_the_table_holds_the_estimates_of_survreg_and_their_ratios(cosmesis):
    # R survival 3.5-3: tests/reference/aft.R.
    result = interval_aft("~ treatment", cosmesis, **ENDS)
    table = result.table.set_index("term")
    assert list(table.index) == ["(Intercept)", "treatmentRadChem", "log(scale)"]
    assert table["estimate"].to_numpy() == pytest.approx([3.89927623, -0.56755054, -0.47910136], abs=1e-8)
    row = table.loc["treatmentRadChem"]
    assert row["std_error"] == pytest.approx(0.17572956, abs=1e-8)
    assert row["statistic"] == pytest.approx(-0.56755054 / 0.17572956, abs=1e-6)
    # Two-sided normal p of z = -3.2297.
    assert row["p_value"] == pytest.approx(0.00123932, abs=1e-6)
    assert row["time_ratio"] == pytest.approx(np.exp(-0.56755054), abs=1e-8)
    half = 1.959963984540054 * 0.17572956
    assert np.log([row["time_ratio_low"], row["time_ratio_high"]]) == pytest.approx(
        [-0.56755054 - half, -0.56755054 + half], abs=1e-7
    )


def test_the_intercept_and_the_scale_have_no_ratio_and_no_test(cosmesis):
    # Whether the log of a time is 0 depends on its unit.
    table = interval_aft("~ treatment", cosmesis, **ENDS).table.set_index("term")
    empty = table.loc[
        ["(Intercept)", "log(scale)"], ["statistic", "p_value", "time_ratio", "time_ratio_high"]
    ]
    assert empty.isna().all(axis=None)
    assert table[["conf_low", "conf_high"]].notna().all(axis=None)


def test_medians_by_level_are_those_of_the_closed_form(cosmesis):
    medians = interval_aft("~ treatment", cosmesis, **ENDS).medians
    scale = np.exp(-0.47910136)
    # exp(x'beta) (log 2)^s.
    expected = np.exp([3.89927623, 3.89927623 - 0.56755054]) * np.log(2) ** scale
    assert medians["level"].tolist() == ["Rad", "RadChem"]
    assert medians["estimate"].to_numpy() == pytest.approx(expected, rel=1e-7)
    assert medians[["n", "n_events", "n_patients"]].to_numpy().tolist() == [[46, 21, 46], [48, 35, 48]]


def test_a_number_is_held_at_its_mean_and_said_so(courses):
    result = interval_aft("~ age + route", courses, **ENDS, clusters="patient_id", unit="hours")
    beta = result.table.set_index("term")["estimate"]
    center = beta["(Intercept)"] + beta["age"] * courses["age"].mean()
    log_factor = np.exp(beta["log(scale)"]) * np.log(np.log(2))
    at = result.medians.set_index("level")["estimate"]
    assert np.log(at["IM"]) == pytest.approx(center + log_factor, abs=1e-10)
    assert np.log(at["oral"] / at["IM"]) == pytest.approx(beta["routeoral"], abs=1e-10)
    assert f"age {courses['age'].mean():.1f}" in " ".join(result.notes)


def test_without_covariates_there_is_one_median(cosmesis):
    result = interval_aft("~ 1", cosmesis, **ENDS)
    assert result.medians[["variable", "level"]].to_numpy().tolist() == [["(all)", "(all)"]]
    assert result.table["term"].tolist() == ["(Intercept)", "log(scale)"]


def test_predictions_at_times_and_at_quantiles_are_each_others_inverse(cosmesis):
    result = interval_aft("~ treatment", cosmesis, **ENDS)
    new = pd.DataFrame({"treatment": ["RadChem", None, "Rad"]})
    half = result.predict(new, quantiles=0.5)
    assert half["row"].tolist() == [1, 2, 3]
    assert half["estimate"].isna().tolist() == [False, True, False]
    share = result.predict(new, at=half["estimate"].iloc[0])
    for found in (half.loc[[0, 2]], share.loc[[0, 2]]):
        assert (found["conf_low"] < found["estimate"]).all()
        assert (found["estimate"] < found["conf_high"]).all()
    assert share["estimate"].iloc[0] == pytest.approx(0.5, abs=1e-12)
    assert result.predict()["estimate"].tolist() == result.medians["estimate"].tolist()


def test_the_unit_of_time_moves_the_intercept_only(cosmesis):
    days = interval_aft("~ treatment", cosmesis, **ENDS)
    hours = interval_aft(
        "~ treatment",
        cosmesis.assign(left=cosmesis["left"] * 24, right=cosmesis["right"] * 24),
        **ENDS,
        unit="hours",
    )
    assert hours.table["time_ratio"].to_numpy() == pytest.approx(
        days.table["time_ratio"].to_numpy(), abs=1e-10, nan_ok=True
    )
    assert hours.medians["estimate"].to_numpy() == pytest.approx(
        24 * days.medians["estimate"].to_numpy(), rel=1e-10
    )


def test_families_are_compared_by_aic(cosmesis):
    compared = interval_aft("~ treatment", cosmesis, **ENDS).compare_families()
    assert compared["family"].tolist() == ["weibull", "loglogistic", "lognormal"]
    # 2 * 3 - 2 logL with the log-likelihoods of survreg.
    expected = 6 - 2 * np.array([-143.32082711, -145.58506217, -146.62233197])
    assert compared["aic"].to_numpy() == pytest.approx(expected, abs=1e-6)
    assert compared["difference"].iloc[0] == 0


# --- clusters


def test_clusters_widen_the_limits_by_the_sandwich_and_t(courses):
    apart = interval_aft("~ route", courses.drop(columns="patient_id"), **ENDS)
    result = interval_aft("~ route", courses, **ENDS, clusters="patient_id")
    assert result.table["estimate"].tolist() == apart.table["estimate"].tolist()
    assert (result.table["df"] == 40 - 3).all()
    assert result.n_patients == 40
    assert result.medians["n_patients"].sum() > 40  # a patient may have several routes
    assert any("Rows of 40 patients (patient_id)" in note for note in result.notes)


def test_several_rows_of_a_patient_need_clusters(courses):
    with pytest.raises(DataError, match=r"80 rows repeat a patient_id.*clusters='patient_id'"):
        interval_aft("~ route", courses, **ENDS)


def test_names_of_patients_are_nowhere(courses):
    secret = courses.assign(patient_id="zz" + courses["patient_id"].astype(str))
    result = interval_aft("~ route", secret, **ENDS, clusters="patient_id")
    frames = [result.table, result.medians, result.plateau, result.compare_families(), *result.curves()]
    text = result.summary() + result._repr_html_() + repr(result) + "".join(map(str, frames))
    assert "zz" not in text


# --- plateau


def test_a_plateau_has_its_share_with_profile_limits():
    data = pd.DataFrame(REFERENCE["plateau"])
    data["right"] = data["right"].astype(float)
    result = interval_aft("~ arm", data, **ENDS, plateau=True, unit="hours")
    row = result.plateau.iloc[0]
    # R: 1 / (1 + exp(-par[4])) in tests/reference/aft.json.
    assert row["estimate"] == pytest.approx(
        1 / (1 + np.exp(-REFERENCE["mixture"]["weibull"]["par"][3])), abs=1e-8
    )
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert row["code"] == ""
    assert np.isinf(result.predict(quantiles=0.9)["estimate"]).all()
    assert "Ever have the event: 70%" in result.summary()


def test_a_plateau_that_is_not_told_says_so_and_has_no_upper_limit(cosmesis):
    result = interval_aft("~ treatment", cosmesis, **ENDS, plateau=True)
    row = result.plateau.iloc[0]
    assert row["code"] == "PLATEAU_UNIDENTIFIED"
    assert row["conf_high"] == 1
    assert row["drop"] < 1.92
    assert any(note.startswith("PLATEAU_UNIDENTIFIED") for note in result.notes)
    assert "in the end is not excluded by these rows" in result.summary()


# --- rows that are left out


def test_missing_ends_mean_censored_or_from_the_start(cosmesis):
    gaps = cosmesis.copy()
    gaps["right"] = gaps["right"].replace(np.inf, np.nan)
    gaps["left"] = gaps["left"].replace(0.0, np.nan)
    whole = interval_aft("~ treatment", cosmesis.fillna({"right": np.inf}), **ENDS)
    assert (
        interval_aft("~ treatment", gaps, **ENDS).table["estimate"].tolist()
        == whole.table["estimate"].tolist()
    )


def test_rows_left_out_are_counted_with_the_reason(cosmesis):
    more = cosmesis.copy()
    more.loc[[0, 1, 2], "treatment"] = None
    more.loc[[3, 4], ["left", "right"]] = np.nan
    more.loc[5, ["left", "right"]] = 0.0, np.inf
    notes = " ".join(interval_aft("~ treatment", more, **ENDS).notes)
    assert "3 of 94 rows left out: no time after 0 is known of them." in notes
    assert "3 of 91 rows left out: a covariate is missing (treatment in 3)." in notes


def test_below_20_patients_there_is_no_p_value(cosmesis):
    few = pd.concat([cosmesis.iloc[:9], cosmesis.iloc[46:56]])
    result = interval_aft("~ treatment", few, **ENDS)
    assert result.table["p_value"].isna().all()
    assert "No p-values: there are fewer than 20 patients." in result.notes
    one_more = pd.concat([few, cosmesis.iloc[60:61]])
    assert interval_aft("~ treatment", one_more, **ENDS).table["p_value"].notna().sum() == 1


def test_fewer_than_5_events_are_pointed_out(cosmesis):
    censored = cosmesis[~np.isfinite(cosmesis["right"])]
    few = pd.concat([cosmesis[np.isfinite(cosmesis["right"])].iloc[:4], censored])
    notes = interval_aft("~ 1", few, **ENDS).notes
    assert any("Only 4 rows have the event" in note for note in notes)


def test_association_is_not_called_an_effect(cosmesis):
    text = interval_aft("~ treatment", cosmesis, **ENDS).summary()
    assert "associated with, not caused" in " ".join(text.split())
    assert "effect of" not in text


# --- what is refused


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("time ~ treatment", "nothing stands before ~"),
        ("treatment", "right-hand side with one ~"),
        ("~ treatment + (1 | clinic)", "random term"),
        ("~ 0 + treatment", "keep the intercept"),
        ("~ nothing", "nothing"),
        (3, "a formula is text"),
    ],
)
def test_a_formula_that_cannot_be_used_is_refused(cosmesis, formula, words):
    with pytest.raises(FormulaError, match=words):
        interval_aft(formula, cosmesis, **ENDS)


def test_a_patient_as_a_covariate_is_refused(courses):
    with pytest.raises(FormulaError, match="patient_id is an identifier"):
        interval_aft("~ patient_id", courses, **ENDS, clusters="patient_id")


def test_columns_that_cannot_be_told_apart_are_named(cosmesis):
    doubled = cosmesis.assign(chemo=cosmesis["treatment"] == "RadChem")
    with pytest.raises(FormulaError, match="combinations of the others: chemoTRUE"):
        interval_aft("~ treatment + chemo", doubled, **ENDS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"left": -1.0}, r"negative; time starts at 0 \(94 rows, first at row 1\)"),
        ({"left": 70.0}, r"column 'right' is before 'left' \(56 rows, first at row \d+\)"),
        ({"left": np.inf}, "column 'left' is infinite"),
        ({"right": "late"}, "'right' holds text .* pd.to_numeric"),
        ({"right": np.nan}, "all rows are right-censored"),
    ],
)
def test_times_that_cannot_be_are_refused(cosmesis, change, words):
    with pytest.raises(DataError, match=words):
        interval_aft("~ treatment", cosmesis.assign(**change), **ENDS)


def test_a_column_that_is_not_there_is_refused(cosmesis):
    with pytest.raises(DataError, match="no column 'until'"):
        interval_aft("~ treatment", cosmesis, left="left", right="until")
    with pytest.raises(DataError, match="no column 'who'"):
        interval_aft("~ treatment", cosmesis, **ENDS, clusters="who")


def test_an_unknown_family_or_unit_is_refused(cosmesis):
    with pytest.raises(DataError, match='did you mean "weibull"'):
        interval_aft("~ treatment", cosmesis, **ENDS, family="weibul")
    with pytest.raises(DataError, match="unit"):
        interval_aft("~ treatment", cosmesis, **ENDS, unit="weeks")


def test_a_level_at_which_nobody_has_the_event_is_named(cosmesis):
    never = cosmesis.copy()
    never.loc[never["treatment"] == "Rad", "right"] = np.nan
    with pytest.raises(ConvergenceError, match="nobody has the event at treatment = Rad"):
        interval_aft("~ treatment", never, **ENDS)


def test_times_that_all_may_be_the_same_have_no_scale():
    data = pd.DataFrame({"left": [1.0, 2, 3], "right": [9.0, 8, 7]})
    with pytest.raises(ConvergenceError, match="the scale has no estimate"):
        interval_aft("~ 1", data, **ENDS)


def test_times_and_shares_are_not_asked_for_at_once(cosmesis):
    result = interval_aft("~ treatment", cosmesis, **ENDS)
    with pytest.raises(DataError, match="not both"):
        result.predict(at=3, quantiles=0.5)
    with pytest.raises(DataError, match="between 0 and 1"):
        result.predict(quantiles=1.0)
    with pytest.raises(FormulaError, match="treatment"):
        result.predict(pd.DataFrame({"treatment": ["other"]}))


def test_times_are_read_as_by_the_other_functions(cosmesis):
    plain = interval_aft("~ treatment", cosmesis, **ENDS)
    objects = interval_aft("~ treatment", cosmesis.astype({"left": object, "right": object}), **ENDS)
    pd.testing.assert_frame_equal(objects.table, plain.table)
    for right, words in (
        (pd.Timestamp("2024-01-01"), "dates, times or durations; turn it into a number"),
        (1 + 2j, "complex128"),
        (True, "text or true and false"),
    ):
        with pytest.raises(DataError, match=words):
            interval_aft("~ treatment", cosmesis.assign(right=right), **ENDS)


def test_a_column_in_place_of_a_word_is_refused_and_not_printed(courses):
    secret = courses.assign(patient_id="zz" + courses["patient_id"].astype(str))
    for given in (secret["patient_id"], secret["patient_id"].to_numpy(), secret, "zz" * 30):
        for name in ("left", "right", "family", "clusters", "unit", "plateau", "level"):
            with pytest.raises(DataError) as caught:
                interval_aft("~ route", secret, **(ENDS | {"clusters": "patient_id"} | {name: given}))
            assert "zz" not in str(caught.value)


def test_a_plateau_is_true_or_false(cosmesis):
    with pytest.raises(DataError, match="plateau must be True or False"):
        interval_aft("~ treatment", cosmesis, **ENDS, plateau="yes")


def test_one_patient_has_no_limits(cosmesis):
    result = interval_aft("~ 1", cosmesis.assign(who="a"), **ENDS, clusters="who")
    assert result.table[["conf_low", "conf_high"]].isna().all(axis=None)
    assert "no standard errors and no limits" in " ".join(result.summary().split())
    assert "1 patients" not in result.summary()
