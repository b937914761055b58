"""Odds ratios of side effects: what is compared with what, what is left out, what is not advised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from ketaoutcomes.analysis import side_effect_models
from ketaoutcomes.analysis.side_effect_factors import side_effect_factors
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.errors import DataError


def clinic(route, chance, *, dose=None, way=None, severity=None, n_sessions=6, seed=3):
    """Tables of a clinic; `route`, `chance` and `way` of each patient, `dose` (n,) missing where unknown."""
    stream = np.random.default_rng(seed)
    n = len(route)
    names = np.array([f"P{one:03d}" for one in range(n)])
    patient = np.repeat(np.arange(n), n_sessions)
    session = np.tile(np.arange(n_sessions), n)
    if dose is None:
        dose = stream.choice([0.5, 0.75, 1.0], patient.size)
    log_odds = np.log(chance) - np.log1p(-np.asarray(chance))
    had = stream.random(patient.size) < expit(log_odds[patient] + stream.normal(0, 0.5, n)[patient])
    effects = pd.DataFrame(
        {
            "patient_id": names[patient],
            "session": session + 1,
            "effect": np.where(had, "nausea", "none"),
            "ascertainment": "checklist" if way is None else np.array(way)[patient],
        }
    )
    if severity is not None:
        effects["severity"] = severity(patient, had)
    return {
        "patients": pd.DataFrame({"patient_id": names}),
        "sessions": pd.DataFrame(
            {
                "patient_id": names[patient],
                "hour": 72.0 * session,
                "route": np.array(route)[patient],
                "dose_mg_per_kg": dose,
            }
        ),
        "side_effects": effects,
    }


def some(tables, kept):
    """The same tables with the patients marked only."""
    names = tables["patients"]["patient_id"][kept]
    return {name: table[table["patient_id"].isin(names)].copy() for name, table in tables.items()}


ROUTE = np.repeat(["IN", "IM", "IV"], [70, 40, 40])
CHANCE = np.repeat([0.15, 0.6, 0.3], [70, 40, 40])


def without_a_nasal_dose():
    """The commonest route has no dose in mg/kg."""
    tables = clinic(ROUTE, CHANCE)
    tables["sessions"].loc[tables["sessions"]["route"] == "IN", "dose_mg_per_kg"] = np.nan
    return tables


def test_the_reference_is_a_level_that_is_in_the_model():
    tables = without_a_nasal_dose()
    result = side_effect_factors(assemble(tables), "nausea")
    table = result.table.set_index("term")
    # IM and IV have as many records: the first in order.
    assert result.references == {"route": "IM"}
    assert table.loc["route=IV", "label"] == "Route IV (reference IM)"
    alone = side_effect_factors(assemble(some(tables, ROUTE != "IN")), "nausea").table.set_index("term")
    columns = ["estimate", "conf_low", "conf_high", "n", "n_events", "n_patients"]
    pd.testing.assert_frame_equal(table.loc[alone.index, columns], alone[columns], rtol=1e-9)
    assert np.isnan(table.loc["route=IN", "estimate"])
    assert table.loc["route=IN", "code"] == "no record at this level can be used"
    assert any(note.startswith("Route IN: none of the 420 records") for note in result.notes)
    # 60 % and 30 %: the odds ratio of IV to IM lies far below 1.
    assert table.loc["route=IV", "conf_high"] < 0.6


def test_only_a_route_with_doses_is_proposed():
    notes = side_effect_factors(assemble(without_a_nasal_dose()), "nausea").notes
    hints = [note for note in notes if 'route="' in note]
    assert len(hints) == 1
    assert 'route="IM"' in hints[0]
    assert "There are 2 routes with a dose" in hints[0]
    one = some(without_a_nasal_dose(), ROUTE != "IM")
    assert not [note for note in side_effect_factors(assemble(one), "nausea").notes if 'route="' in note]


def test_a_factor_with_one_usable_level_is_left_out_and_the_other_level_named():
    result = side_effect_factors(assemble(some(without_a_nasal_dose(), ROUTE != "IM")), "nausea")
    assert "route" not in result.references
    assert not result.table["term"].str.startswith("route").any()
    assert "No odds ratio of a factor: 'route' is the same in all sessions that can be used." in result.notes
    assert any(note.startswith("Route IN: none of the 420 records") for note in result.notes)


def test_the_way_of_asking_too_is_compared_with_one_that_is_in_the_model():
    # The commonest way belongs to the patients without a dose.
    way = np.repeat(["checklist", "spontaneous", "scale"], [70, 45, 35])
    tables = clinic(np.full(150, "IV"), CHANCE, way=way)
    tables["sessions"].loc[np.repeat(way == "checklist", 6), "dose_mg_per_kg"] = np.nan
    result = side_effect_factors(assemble(tables), "nausea", factors=("dose", "session"))
    table = result.table.set_index("term")
    assert result.references == {"ascertainment": "spontaneous"}
    assert table.loc["ascertainment=scale", "label"] == "Way of asking: scale (reference spontaneous)"
    alone = side_effect_factors(
        assemble(some(tables, way != "checklist")), "nausea", factors=("dose", "session")
    ).table.set_index("term")
    assert table.loc["ascertainment=scale", "estimate"] == pytest.approx(
        alone.loc["ascertainment=scale", "estimate"], rel=1e-9
    )
    assert np.isnan(table.loc["ascertainment=checklist", "estimate"])


def test_a_level_of_which_no_outcome_is_known_is_no_reference():
    # All sessions by IN have nausea without a severity: none of them is known to be moderate or not.
    tables = clinic(ROUTE, CHANCE, severity=lambda patient, had: np.where(had, "severe", None))
    by_in = (tables["sessions"]["route"] == "IN").to_numpy()
    tables["side_effects"].loc[by_in, ["effect", "severity"]] = ["nausea", None]
    result = side_effect_factors(
        assemble(tables), "nausea", factors=("route", "session"), severity="moderate"
    )
    assert result.references == {"route": "IM"}
    assert (result.table["n"] == 480).all()
    assert any("420 records left out of a model" in note for note in result.notes)


def test_a_reference_that_goes_with_another_level_leaves_no_odds_ratio_of_its_factor():
    # Without nausea by SL its sessions leave the model, and with them all of those asked by checklist.
    route = np.repeat(["SL", "IM", "IV"], [70, 40, 40])
    way = np.where(route == "SL", "checklist", np.tile(["scale", "spontaneous"], 75))
    tables = clinic(route, CHANCE, way=way)
    tables["side_effects"].loc[(tables["sessions"]["route"] == "SL").to_numpy(), "effect"] = "none"
    result = side_effect_factors(assemble(tables), "nausea", factors=("route", "session"))
    table = result.table.set_index("term")
    asked = table.index.str.startswith("ascertainment=")
    assert table.loc[asked, "estimate"].isna().all()
    assert table.loc[asked, "code"].str.contains("reference level").all()
    assert table.loc["log2_session", "code"] == ""


def test_the_estimate_lies_within_its_limits_and_its_logarithm_is_beside():
    table = side_effect_factors(assemble(clinic(ROUTE, CHANCE)), "nausea").table
    assert "odds_ratio" not in table.columns
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()
    np.testing.assert_allclose(np.exp(table["log_odds_ratio"]), table["estimate"])
    np.testing.assert_allclose(table["log_odds_ratio"] / table["std_error"], table["statistic"])


@pytest.mark.parametrize("n_events", [4, 5])
def test_as_many_events_as_parameters_are_not_enough(n_events):
    # Intercept, dose twice and session: four parameters.
    tables = clinic(np.full(40, "IV"), np.full(40, 0.5))
    tables["side_effects"]["effect"] = "none"
    tables["side_effects"].loc[np.array([4, 40, 90, 130, 201])[:n_events], "effect"] = "nausea"
    result = side_effect_factors(assemble(tables), "nausea", factors=("dose", "session"))
    few = result.table["code"].str.startswith("not more sessions")
    assert few.all() if n_events == 4 else not few.any()


def test_independence_is_warned_of_with_the_dose_and_never_advised_for_it(monkeypatch):
    cohort = assemble(clinic(ROUTE, CHANCE))
    asked = {"effect": "nausea", "correlation": "independence"}
    warned = [note for note in side_effect_factors(cohort, **asked).notes if "independence" in note]
    assert len(warned) == 1
    assert "far below 1 also if dose and effect have nothing to do" in warned[0]
    no_dose = side_effect_factors(cohort, factors=("route", "session"), **asked)
    assert not [note for note in no_dose.notes if "independence" in note]

    fitted = side_effect_models.gee
    monkeypatch.setattr(
        side_effect_models, "gee", lambda *args, **how: replace(fitted(*args, **how), converged=False)
    )
    notes = side_effect_factors(cohort, "nausea").notes
    assert any("have no solution that was found" in note for note in notes)
    assert not [note for note in notes if "independence" in note]
    notes = side_effect_factors(cohort, "nausea", factors=("route", "session")).notes
    assert any("independence" in note for note in notes)


def test_an_effect_of_no_stated_severity_is_at_least_mild():
    tables = clinic(ROUTE, CHANCE, severity=lambda patient, had: np.where(patient % 2 == 0, "severe", None))
    cohort = assemble(tables)
    asked = {"effect": "nausea", "factors": ("route", "session")}
    columns = ["estimate", "n", "n_events"]
    mild, every = (side_effect_factors(cohort, severity=one, **asked).table for one in ("mild", None))
    pd.testing.assert_frame_equal(mild[columns], every[columns])


def test_the_model_is_named_and_others_are_refused():
    cohort = assemble(clinic(ROUTE, CHANCE))
    result = side_effect_factors(cohort, "nausea")
    assert "gee" in str(result.provenance)
    assert result.table["method"].str.startswith("GEE").all()
    with pytest.raises(DataError, match="gee"):
        side_effect_factors(cohort, "nausea", model="probit")


def test_the_words_say_how_it_was_asked():
    way = np.full(150, "spontaneous")
    result = side_effect_factors(assemble(clinic(ROUTE, CHANCE, way=way)), "nausea")
    assert "asked spontaneously)" in result.summary()
