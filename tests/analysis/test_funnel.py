"""Funnel plots of any frame: against R on open data, closed forms, and simulated units."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ketaoutcomes.analysis.funnel import funnel, letters
from ketaoutcomes.errors import DataError

LIMITS = ["limit_low_95", "limit_high_95", "limit_low_99_8", "limit_high_99_8"]


@pytest.fixture(scope="module")
def medpar(shared):
    """Length of stay of 1,495 patients of 54 hospitals (R package COUNT), as in FunnelPlotR's README."""
    return pd.read_csv(shared / "data" / "spc_funnel" / "medpar.csv", dtype={"provnum": str})


@pytest.fixture(scope="module")
def r(root):
    return json.loads((root / "tests" / "reference" / "funnel.json").read_text())


@pytest.fixture
def clinics():
    """Six clinics; F's 40 of 80 lie far below the 80% of all."""
    return pd.DataFrame(
        {"clinic": list("FACBED"), "x": [40, 170, 85, 130, 75, 140], "n": [80, 200, 100, 160, 90, 170]}
    )


def test_the_dispersion_of_the_example_is_reproduced(medpar, r):
    # FunnelPlotR's README: sum(mod$weights * mod$residuals^2) / mod$df.residual is 6.2405: Pearson's
    # chi-square of the patients over its degrees of freedom. It is not the dispersion between hospitals.
    result = funnel(medpar, group="provnum", events="los", adjust="~ hmo + died + age80 + type2 + type3")
    assert round(r["pearson_dispersion"], 4) == 6.2405
    assert any("vary 6.24 times as much" in note for note in result.notes)
    # Between hospitals: mean squared z = (O - E) / sqrt(E) after winsorising 10% at each end (R 4.2.2).
    found = result.dispersion.iloc[0]
    assert found["phi"] == pytest.approx(r["phi"], rel=1e-6)
    assert found["tau2"] == pytest.approx(r["tau2"], rel=1e-6)
    assert found["applied"] == "additive"
    assert result.table["expected"].to_numpy() == pytest.approx(r["expected_stay"], rel=1e-6)


def test_deaths_are_expected_as_by_r(medpar, r):
    result = funnel(medpar, group="provnum", events="died", adjust=["age80", "type2", "type3"])
    assert result.kind == "ratio of cases"
    assert result.table["expected"].to_numpy() == pytest.approx(r["expected_deaths"], rel=1e-6)
    assert result.table["expected"].sum() == pytest.approx(medpar["died"].sum())


def test_limits_are_exact_and_only_the_outer_ones_a_signal(clinics):
    result = funnel(clinics, group="clinic", events="x", size="n")
    table = result.table.set_index("clinic")
    assert result.target == pytest.approx(640 / 800)
    for clinic, n in zip(clinics["clinic"], clinics["n"], strict=True):
        chance = stats.binom(n, 0.8)
        for name, p in zip(LIMITS, (0.025, 0.975, 0.001, 0.999), strict=True):
            r = chance.ppf(p)
            part = (chance.cdf(r) - p) / chance.pmf(r)
            assert table.at[clinic, name] == pytest.approx((r - part) / n, abs=1e-9)
    assert table.at["F", "position"] == "outside 99.8%"
    assert result.signal == "1 of 6 units lies outside the 99.8% limits: F"
    # (.5 - .8) / sqrt(.8 * .2 / 80)
    assert table.at["F", "z"] == pytest.approx(-0.3 / np.sqrt(0.002))


def test_rows_stand_in_alphabetical_order_and_nothing_is_a_rank(clinics):
    result = funnel(clinics, group="clinic", events="x", size="n")
    assert result.table["clinic"].tolist() == list("ABCDEF")
    assert result.table["letter"].tolist() == list("ABCDEF")
    assert not [name for name in result.table.columns if "rank" in name]
    turned = funnel(clinics.iloc[::-1], group="clinic", events="x", size="n")
    pd.testing.assert_frame_equal(result.table, turned.table)


def test_a_row_per_case_is_the_same_as_counts(clinics):
    cases = pd.DataFrame(
        {
            "clinic": np.repeat(clinics["clinic"], clinics["n"]),
            "event": np.concatenate(
                [np.arange(n) < x for x, n in zip(clinics["x"], clinics["n"], strict=True)]
            ),
        }
    )
    got = funnel(cases.sample(frac=1, random_state=1), group="clinic", events="event").table
    pd.testing.assert_frame_equal(got, funnel(clinics, group="clinic", events="x", size="n").table)


def test_fewer_than_ten_units_say_that_dispersion_cannot_be_estimated(clinics):
    result = funnel(clinics, group="clinic", events="x", size="n", overdispersion="additive")
    assert any("6 units the dispersion between them cannot be estimated" in note for note in result.notes)
    assert result.dispersion.at[0, "applied"] == "none"


def simulated(n_units, n_cases, spread, seed):
    """Units with chances of their cases from .2 to .8 and a log odds ratio of their own."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_units), n_cases)
    severity = rng.normal(size=unit.size)
    shift = rng.normal(0, spread, n_units)[unit]
    event = rng.random(unit.size) < 1 / (1 + np.exp(-(severity + shift)))
    return pd.DataFrame({"unit": unit, "severity": severity, "event": event})


def test_units_that_differ_by_chance_lie_outside_as_often_as_stated():
    cases = simulated(600, 60, 0.0, 2)
    table = funnel(cases, group="unit", events="event", adjust="~ severity", overdispersion="none").table
    # 5% of 600 with a standard error of .9%; Poisson's limits would leave about .5% outside.
    assert 0.025 < (table["position"] != "inside").mean() < 0.075


def test_units_that_truly_differ_widen_the_limits():
    cases = simulated(60, 200, 0.5, 3)
    options = {"group": "unit", "events": "event", "adjust": "~ severity"}
    narrow, wide = funnel(cases, overdispersion="none", **options), funnel(cases, **options)
    assert wide.dispersion.at[0, "applied"] == "additive"
    assert (narrow.table["position"] == "outside 99.8%").sum() > 5
    assert (wide.table["position"] == "outside 99.8%").sum() <= 1
    times = funnel(cases, overdispersion="multiplicative", **options)
    assert (times.table["limit_high_95"] > narrow.table["limit_high_95"]).all()


def test_means_have_normal_limits_around_the_weighted_mean():
    units = pd.DataFrame({"unit": ["a", "b", "c"], "mean": [10.0, 12.0, 20.0], "se": [1.0, 2.0, 1.0]})
    result = funnel(units, group="unit", value="mean", std_error="se")
    # Weights 1, 1/4, 1: (10 + 3 + 20) / 2.25.
    assert result.target == pytest.approx(33 / 2.25)
    assert result.table["limit_high_95"].iloc[1] == pytest.approx(33 / 2.25 + 2 * 1.959964, abs=1e-5)
    assert result.table["position"].tolist() == ["outside 99.8%", "inside", "outside 99.8%"]


def test_curves_pass_through_the_limits_of_the_units(clinics):
    result = funnel(clinics, group="clinic", events="x", size="n")
    at = result.curves.set_index("size")
    for row in result.table.to_dict("records"):
        if row["n"] in at.index:
            assert at.loc[row["n"], LIMITS].tolist() == pytest.approx([row[name] for name in LIMITS])


def test_rows_without_what_is_needed_are_counted(clinics):
    clinics.loc[1, "x"] = np.nan
    notes = funnel(clinics.astype({"x": float}), group="clinic", events="x", size="n").notes
    assert "1 row left out: 'x' is missing." in notes


def test_letters_go_on_after_z():
    assert letters(54)[25:29] == ["Z", "AA", "AB", "AC"]
    assert letters(54)[-1] == "BB"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"events": "x"}, "0 or 1"),
        ({"events": "n", "size": "x"}, "more events than cases"),
        ({"events": "x", "size": "n", "expected": "n"}, "two purposes|one of size"),
        ({"events": "x", "value": "n"}, "either events"),
        ({"value": "x"}, "std_error"),
        ({"events": "x", "size": "n", "target": 1.5}, "between 0 and 1"),
        ({"events": "x", "size": "n", "levels": (0.998, 0.95)}, "inner limits first"),
        ({"events": "town", "size": "n"}, "must hold numbers"),
        ({"events": "x", "size": "n", "overdispersion": "yes"}, "choose"),
        ({"events": "x", "size": "n", "title": 3}, "title is a text"),
        ({"events": "x", "adjust": 3}, "adjust is a formula"),
        ({"events": "x", "adjust": [3]}, "adjust is a formula"),
        ({"events": "x", "adjust": "~ x + clinic"}, "the units that are compared"),
        ({"events": "x", "size": "nobody"}, "units without a case"),
    ],
)
def test_what_cannot_be_drawn_is_refused(clinics, options, words):
    with pytest.raises(DataError, match=words):
        funnel(
            clinics.assign(
                town="Here",
                nobody=clinics["x"].where(clinics.index > 0, 0),
                x=clinics["x"].where(clinics.index > 0, 0),
            ),
            group="clinic",
            **options,
        )


def test_patients_are_no_units(clinics):
    with pytest.raises(DataError, match="identifier"):
        funnel(clinics.rename(columns={"clinic": "patient_id"}), group="patient_id", events="x", size="n")


def test_the_summary_says_what_it_is(clinics):
    words = funnel(clinics, group="clinic", events="x", size="n").summary()
    assert "Units are not ranked" in words
    assert "Uncontrolled: associated with, not caused by." in words
    assert "Spiegelhalter 2005" in words
    assert "40/80" in words
