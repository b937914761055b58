"""Result objects: frozen, readable, drawn from their own table."""

from __future__ import annotations

import dataclasses
import pickle

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.cohort.simulate import simulate_cohort


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort("community", 60, messy=True, deidentification="limited-data-set").cohort


@pytest.fixture(scope="module")
def results(cohort):
    return {
        "timing": time_to_response(cohort, "PHQ-9", n_replicates=30),
        "by_route": time_to_response(cohort, "PHQ-9", by="route", n_replicates=30),
        "response": response_rates(cohort, "PHQ-9", by="sex"),
        "course": trajectory(cohort, "PHQ-9"),
        "session": side_effect_rates(cohort),
        "patient": side_effect_rates(cohort, per="patient"),
        "quality": data_quality(cohort),
    }


NAMES = ("timing", "by_route", "response", "course", "session", "patient", "quality")


@pytest.mark.parametrize("name", NAMES)
def test_a_result_cannot_be_changed(results, name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        results[name].title = "another"


@pytest.mark.parametrize("name", NAMES)
def test_no_table_has_a_row_or_a_name_of_a_patient(results, cohort, name):
    result = results[name]
    text = result.summary() + result._repr_html_() + repr(result)
    ids = cohort.patients["patient_id"].tolist()
    assert not [one for one in ids if one in text]
    frames = [value for value in vars(result).values() if isinstance(value, pd.DataFrame)]
    assert frames
    assert all("patient_id" not in frame.columns for frame in frames)


@pytest.mark.parametrize("name", NAMES)
def test_provenance_names_function_arguments_and_cohort(results, cohort, name):
    provenance = results[name].provenance
    assert provenance["cohort"] == cohort.fingerprint
    assert provenance["function"]
    assert isinstance(provenance["arguments"], dict)
    assert set(provenance) == {"function", "arguments", "cohort", "ketaoutcomes"}


def test_curve_keeps_its_seed(results):
    assert results["timing"].provenance["arguments"]["seed"] == 20260101


@pytest.mark.parametrize("name", NAMES)
def test_summary_has_definitions_and_notes(results, name):
    text = results[name].summary()
    assert text.startswith(results[name].title)
    assert "\nDefinitions\n" in text
    assert "\nNotes\n" in text
    if name != "quality":
        assert "Uncontrolled: associated with, not caused by." in text


def test_summary_says_n_and_interval_beside_every_share(results):
    text = results["response"].summary()
    row = results["response"].table.iloc[0]
    assert f"{row['n_events']}/{row['n']}" in text
    assert "95% CI" in text
    assert "lower bound" in text


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_tidy_with_a_plain_index(results, name):
    table = results[name].table
    assert isinstance(table.index, pd.RangeIndex)
    assert table.columns.is_unique


@pytest.mark.parametrize("name", NAMES)
def test_results_survive_pickling(results, name):
    again = pickle.loads(pickle.dumps(results[name]))
    pd.testing.assert_frame_equal(again.table, results[name].table)
    assert again.notes == results[name].notes


@pytest.mark.parametrize("name", NAMES)
def test_every_result_can_be_drawn(results, name):
    axes = results[name].plot()
    assert axes.figure is not None
    plt.close(axes.figure)


def test_html_escapes_what_the_data_say(cohort):
    result = response_rates(cohort, "PHQ-9", by="sex")
    hostile = dataclasses.replace(result, table=result.table.assign(sex="<img src=x onerror=alert(1)>"))
    assert "<img" not in hostile._repr_html_()
