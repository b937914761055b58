"""Odds ratios of side effects for dose, route and session number, and shares by dose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis.dosed_clinic import by_hand, clinic, first_dose
from scipy.stats import t

from ketaoutcomes.analysis.side_effect_factors import side_effect_factors
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.effect_sessions import dose_parts
from ketaoutcomes.errors import DataError

FORBIDDEN = (
    "trend",
    "best",
    "safe",
    "improve",
    "significant",
    "success",
    "works",
    "failed",
    "better",
    "caused ",
)


def test_odds_ratios_are_those_of_a_model_made_by_hand():
    tables = clinic()
    result = side_effect_factors(assemble(tables), "nausea")
    columns = (
        lambda rows: first_dose(rows) / 0.1,
        lambda rows: (rows["dose_mg_per_kg"] - first_dose(rows)) / 0.1,
        lambda rows: rows["route"] == "IM",
        lambda rows: np.log2(rows["number"]),
    )
    expected, m = by_hand(tables, columns)
    table = result.table
    assert table["term"].tolist() == ["dose_between", "dose_within", "route=IM", "log2_session"]
    # Centring the first dose within its route moves the route's coefficient and no other.
    kept = [0, 1, 3]
    assert table["log_odds_ratio"].to_numpy()[kept] == pytest.approx(expected.params[[1, 2, 4]], abs=1e-6)
    assert table["std_error"].to_numpy()[kept] == pytest.approx(expected.bse[[1, 2, 4]], rel=1e-5)
    half = t.ppf(0.975, m - 5) * expected.bse[2]
    within = table.iloc[1]
    assert within["conf_low"] == pytest.approx(np.exp(expected.params[2] - half), rel=1e-5)
    assert within["conf_high"] == pytest.approx(np.exp(expected.params[2] + half), rel=1e-5)
    assert within["estimate"] == pytest.approx(np.exp(within["log_odds_ratio"]))
    assert within["p_value"] == pytest.approx(
        2 * t.sf(abs(expected.params[2] / expected.bse[2]), m - 5), rel=1e-4
    )
    n_events = int((tables["side_effects"]["effect"] == "nausea").sum())
    assert (table[["n", "n_events", "n_patients", "n_missing"]] == [240, n_events, 40, 0]).all(axis=None)


def test_a_route_is_compared_at_its_own_usual_dose():
    tables = clinic()
    table = side_effect_factors(assemble(tables), "nausea").table.set_index("term")

    def centred(rows):
        first = first_dose(rows)
        return (first - first.groupby(rows["route"]).transform("mean")) / 0.1

    columns = (
        centred,
        lambda rows: (rows["dose_mg_per_kg"] - first_dose(rows)) / 0.1,
        lambda rows: rows["route"] == "IM",
        lambda rows: np.log2(rows["number"]),
    )
    expected, _ = by_hand(tables, columns)
    assert table.loc["route=IM", "log_odds_ratio"] == pytest.approx(expected.params[3], abs=1e-6)
    assert table.loc["route=IM", "label"] == "Route IM (reference IV)"


def test_dose_is_split_within_patient_and_route():
    # Patient 0: 0.5 and 0.7 by route 0, then 2.0 and 1.6 by route 1; patient 1: 0.6 by route 0, one unknown.
    patient, route = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0, 0])
    number, dose = np.array([1, 2, 3, 4, 1, 2]), np.array([0.5, 0.7, 2.0, 1.6, np.nan, 0.6])
    rows = np.arange(6)
    between, within = dose_parts(patient, route, number, dose, rows, split="first")
    # Route 0: first doses .5, .5, .6, mean .5333; route 1: 2.0.
    assert between == pytest.approx([-1 / 30, -1 / 30, 0, 0, np.nan, 2 / 30], nan_ok=True)
    assert within == pytest.approx([0, 0.2, 0, -0.4, np.nan, 0], nan_ok=True)
    between, within = dose_parts(patient, route, number, dose, rows, split="mean")
    # Means .6, 1.8 and .6.
    assert between == pytest.approx([0, 0, 0, 0, np.nan, 0], nan_ok=True, abs=1e-12)
    assert within == pytest.approx([-0.1, 0.1, 0.2, -0.2, np.nan, 0], nan_ok=True)


def test_the_first_dose_is_that_of_the_first_session_even_without_a_record():
    patient, number = np.zeros(3, int), np.array([1, 2, 3])
    _, within = dose_parts(
        patient, np.zeros(3, int), number, np.array([0.5, 0.6, 0.8]), np.array([1, 2]), split="first"
    )
    assert within == pytest.approx([0.1, 0.3])


def test_the_way_of_asking_is_a_factor_where_there_are_two():
    cohort = assemble(clinic(ways=("checklist", "spontaneous")))
    result = side_effect_factors(cohort, "nausea", factors="session")
    assert result.table["term"].tolist() == ["log2_session", "ascertainment=spontaneous"]
    assert any("way of asking is a factor" in note for note in result.notes)
    one = side_effect_factors(cohort, "nausea", factors="session", ascertainment="checklist")
    assert one.table["term"].tolist() == ["log2_session"]
    assert one.table["n"].tolist() == [120]


def test_further_columns_are_numbers_or_levels():
    tables = clinic(n_patients=60)
    tables["patients"]["sex"] = ["female", "female", "male"] * 20
    table = side_effect_factors(assemble(tables), "nausea", factors=["session", "age", "sex"]).table
    assert table["label"].tolist() == [
        "Each doubling of the session number",
        "Age, per unit (years)",
        "Sex: male (reference female)",
    ]
    assert table["estimate"].notna().all()


def test_records_without_a_factor_are_left_out_and_counted():
    tables = clinic()
    tables["sessions"].loc[[3, 50, 51], "dose_mg_per_kg"] = np.nan
    result = side_effect_factors(assemble(tables), "nausea")
    assert (result.table["n_missing"] == 3).all()
    assert (result.table["n"] == 237).all()
    assert "3 of 240 records left out: 'dose' is missing." in result.notes


def test_one_route_alone_has_no_odds_ratio_of_route():
    cohort = assemble(clinic())
    result = side_effect_factors(cohort, "nausea", route="IM")
    assert result.table["term"].tolist() == ["dose_between", "dose_within", "log2_session"]
    assert (result.table["n"] == 78).all()
    assert set(result.dose_bands["route"]) == {"IM"}


def test_a_level_without_an_event_is_not_estimated_and_leaves_the_others_as_without_it():
    tables = clinic(n_patients=45, routes=("IV", "IV", "IM", "SL"))
    by_sl = (tables["sessions"]["route"] == "SL").to_numpy()
    tables["side_effects"].loc[by_sl, "effect"] = "none"
    result = side_effect_factors(assemble(tables), "nausea", factors=("route", "session"))
    table = result.table.set_index("term")
    assert np.isnan(table.loc["route=SL", "estimate"])
    assert "no session with the effect" in table.loc["route=SL", "code"]
    rest = {name: frame[~by_sl] if name != "patients" else frame for name, frame in tables.items()}
    rest["patients"] = tables["patients"][
        tables["patients"]["patient_id"].isin(rest["sessions"]["patient_id"])
    ]
    expected = side_effect_factors(assemble(rest), "nausea", factors=("route", "session")).table
    found = table.loc[["route=IM", "log2_session"], "estimate"].to_numpy()
    assert found == pytest.approx(expected["estimate"].to_numpy(), abs=1e-8)
    # 11 of 45 patients have the third route.
    assert (table["n"] == 34 * 6).all()
    assert any("has no finite odds ratio" in note for note in result.notes)


def test_a_reference_without_an_event_leaves_its_factor_without_odds_ratios():
    tables = clinic(n_patients=45, routes=("IV", "IM", "SL", "IV"))
    by_iv = (tables["sessions"]["route"] == "IV").to_numpy()
    tables["side_effects"].loc[by_iv, "effect"] = "none"
    table = side_effect_factors(assemble(tables), "nausea", factors=("route", "session")).table.set_index(
        "term"
    )
    assert table.loc[["route=IM", "route=SL"], "estimate"].isna().all()
    assert np.isfinite(table.loc["log2_session", "estimate"])


def test_a_constant_dose_has_no_change_to_compare():
    tables = clinic()
    tables["sessions"]["dose_mg_per_kg"] = first_dose(tables["sessions"])
    result = side_effect_factors(assemble(tables), "nausea")
    table = result.table.set_index("term")
    assert np.isnan(table.loc["dose_within", "estimate"])
    assert np.isfinite(table.loc["dose_between", "estimate"])
    assert any("does not vary" in note for note in result.notes)


def test_fewer_events_than_parameters_are_not_fitted():
    tables = clinic()
    tables["side_effects"]["effect"] = "none"
    tables["side_effects"].loc[[4, 40, 90], "effect"] = "nausea"
    result = side_effect_factors(assemble(tables), "nausea")
    assert result.table["estimate"].isna().all()
    assert (result.table["n_events"] == 3).all()
    assert any("not more sessions with the effect" in note for note in result.notes)
    assert "not estimated" in result.summary()


def test_few_events_per_parameter_are_said():
    tables = clinic()
    tables["side_effects"]["effect"] = "none"
    tables["side_effects"].loc[np.arange(0, 240, 16), "effect"] = "nausea"
    notes = side_effect_factors(assemble(tables), "nausea", factors=("session", "age")).notes
    # 15 events for two slopes.
    assert any("fewer than 10 sessions with the effect" in note and "(7.5)" in note for note in notes)


def test_there_is_no_p_value_in_fewer_than_twenty_patients():
    result = side_effect_factors(assemble(clinic(n_patients=16)), "nausea", factors=("session",))
    assert result.table["p_value"].isna().all()
    assert result.table["conf_low"].notna().all()
    assert "No p-value: fewer than 20 patients." in result.notes


def test_severity_counts_what_is_at_least_so_severe_and_leaves_out_what_may_be():
    tables = clinic()
    effects = tables["side_effects"]
    sick = np.flatnonzero(effects["effect"] == "nausea")
    effects["severity"] = pd.Series(np.where(effects["effect"] == "nausea", "mild", None), dtype=object)
    effects.loc[sick[::2], "severity"] = "severe"
    effects.loc[sick[1:6:2], "severity"] = None
    result = side_effect_factors(assemble(tables), "nausea", severity="moderate", factors=("session",))
    assert (result.table["n_events"] == sick[::2].size).all()
    assert (result.table["n"] == 237).all()
    assert any(note.startswith("3 records left out of a model") for note in result.notes)


def test_several_effects_have_adjusted_p_values_within_each_term():
    tables = clinic(n_patients=60)
    stream = np.random.default_rng(4)
    extra = tables["side_effects"].assign(effect=np.where(stream.random(360) < 0.3, "headache", "dizziness"))
    tables["side_effects"] = pd.concat([tables["side_effects"], extra], ignore_index=True)
    result = side_effect_factors(assemble(tables), None, factors=("dose", "session"))
    often = tables["side_effects"]["effect"].value_counts().drop("none")
    assert result.effects == tuple(often.index)
    within = result.table[result.table["term"] == "dose_within"]
    p = within["p_value"].to_numpy()
    order = np.argsort(p)
    # Benjamini and Hochberg of three by hand.
    a, b, c = p[order]
    expected = np.empty(3)
    expected[order] = [min(3 * a, 1.5 * b, c), min(1.5 * b, c), c]
    assert within["p_adjusted"].to_numpy() == pytest.approx(expected)
    named = side_effect_factors(assemble(tables), ["nausea", "Headache"], factors=("session",))
    assert named.effects == ("nausea", "headache")


def test_nothing_recorded_is_said_and_not_zero():
    tables = clinic()
    del tables["side_effects"]
    result = side_effect_factors(assemble(tables))
    assert len(result.table) == 0
    assert any("not recorded" in note for note in result.notes)
    assert "No rows." in result.summary()
    with pytest.raises(DataError, match="no shares by dose"):
        result.plot(kind="dose")


def test_a_way_that_was_never_used_leaves_no_row():
    result = side_effect_factors(assemble(clinic()), "nausea", ascertainment="scale")
    assert len(result.table) == 0


def test_dose_and_route_that_were_not_recorded_are_left_out_with_a_note():
    tables = clinic()
    tables["sessions"] = tables["sessions"].drop(columns="dose_mg_per_kg")
    result = side_effect_factors(assemble(tables), "nausea")
    assert result.table["term"].tolist() == ["route=IM", "log2_session"]
    assert "No odds ratio of a factor: 'dose_mg_per_kg' is not recorded." in result.notes


def test_what_the_session_produced_is_named_as_such():
    tables = clinic()
    tables["sessions"]["stopped_early"] = ["yes", "no", "no"] * 80
    notes = side_effect_factors(assemble(tables), "nausea", factors=("session", "stopped_early")).notes
    assert any("known only after the session" in note for note in notes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"effect": "sneezing"}, "never recorded"),
        ({"effect": []}, "effect takes one name or several"),
        ({"factors": ()}, "factors takes"),
        ({"factors": ("dose", "moon")}, "no column of patients or sessions"),
        ({"route": "SL"}, "choose"),
        ({"correlation": "ar1"}, "exchangeable"),
        ({"dose_split": "median"}, "first"),
        ({"severity": "awful"}, "mild"),
        ({"ascertainment": "phone"}, "checklist"),
        ({"level": 95}, "level"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, words):
    with pytest.raises(DataError, match=words):
        side_effect_factors(assemble(clinic()), **({"effect": "nausea"} | arguments))


def test_a_patients_column_of_what_came_later_is_refused():
    tables = clinic()
    tables["patients"]["responder"] = ["yes", "no"] * 20
    with pytest.raises(DataError, match="known only after the first session"):
        side_effect_factors(assemble(tables), "nausea", factors=("session", "responder"))


def test_words_are_plain_and_every_definition_has_a_source(sample):
    from ketaoutcomes.cohort.read import load_cohort

    cohort = load_cohort(sample)
    for result in (
        side_effect_factors(cohort),
        side_effect_factors(cohort, None, dose_split="mean", severity="moderate"),
    ):
        text = result.summary().replace(result.notes[-1], "").lower()
        assert not [word for word in FORBIDDEN if word in text]
        assert all(source for _, _, source in result.definitions)
        assert result.notes[-1] == "Uncontrolled: associated with, not caused by."
        assert "patient_id" not in result.table.columns
        assert len(result.readable()[0]) == len(result.table)


def test_both_pictures_are_drawn_from_the_tables(sample):
    from ketaoutcomes.cohort.read import load_cohort
    from ketaoutcomes.draw.theme import new_figure

    result = side_effect_factors(load_cohort(sample), ["nausea", "headache"])
    for arguments in (
        {},
        {"effect": "nausea"},
        {"term": "dose_within"},
        {"kind": "dose"},
        {"kind": "dose", "effect": "headache", "route": "IM"},
    ):
        _, ax = new_figure()
        assert result.plot(ax, **arguments) is ax
    for arguments in ({"kind": "pie"}, {"effect": "x"}, {"term": "x"}, {"kind": "dose", "route": "rectal"}):
        with pytest.raises(DataError):
            result.plot(**arguments)
