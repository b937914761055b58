"""Gaps between sessions in words: medians, trend and longest gap, each with its n and interval."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.maintenance import maintenance_intervals
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.results.maintenance import MaintenanceResult

INF = np.inf


MEASURES = ("closed gaps", "open gaps counted", "spread within a patient")
ROW = {"estimate": 21.0, "conf_low": 14.0, "conf_high": 28.5, "p25": 10.0, "p75": 35.0, "n": 1200}
ROW |= {"n_events": 900, "n_patients": 80}
TREND = {"estimate": 0.052, "conf_low": -0.001, "conf_high": 0.1, "df": 30.0, "p_value": 0.05, "n": 230}
TREND |= {"n_patients": 33, "direction": "no clear trend"}


def made(*, by=None, trend=None, longest=None, **changes):
    """A result with given rows."""
    head = {} if by is None else {by: "IV"}
    return MaintenanceResult(
        title="Days between sessions after induction",
        table=pd.DataFrame([head | {"measure": name} | ROW | changes for name in MEASURES]),
        notes=("A note.",),
        definitions=(),
        provenance={},
        gaps_by_session=pd.DataFrame(),
        trend=pd.DataFrame([head | TREND | (trend or {})]),
        longest=pd.DataFrame() if longest is None else pd.DataFrame([head | longest]),
        still=pd.DataFrame(),
        by=by,
        level=0.95,
        keep=0.8,
        shows="",
        order="",
    )


LONGEST = {
    "estimate": 19.0, "identified": True, "share": 0.92, "share_low": 0.861, "n_at_risk": 92, "n": 100,
    "n_events": 38, "n_patients": 60, "last_day": 30.0,
}  # fmt: skip


def test_the_table_gives_medians_limits_and_quartiles_in_days():
    text, words = made().readable()
    assert words == ("days",)
    assert text["days"].tolist() == ["closed gaps", "open gaps counted", "spread within a patient"]
    assert text.loc[0].tolist()[1:] == ["21", "14–28.5", "10–35", "1,200", "900", "80"]


def test_a_limit_that_is_not_reached_says_so():
    text, _ = made(conf_high=INF, p75=INF, estimate=INF).readable()
    assert text.loc[0, "median"] == "not reached"
    assert text.loc[0, "95% CI"] == "14–not reached"


def test_a_missing_limit_is_a_dash():
    text, _ = made(conf_high=np.nan).readable()
    assert text.loc[0, "95% CI"] == "–"


def test_the_trend_is_per_cent_from_gap_to_gap():
    assert made().sentences()[1].strip() == (
        "Trend within patients: each further gap 5.2% longer (95% CI −0.1 to 10.0%; 230 gaps of 33 "
        "patients): no clear trend."
    )
    shorter = made(
        trend={"estimate": -0.03, "conf_low": -0.05, "conf_high": -0.01, "direction": "shortening"}
    )
    assert "each further gap 3.0% shorter (95% CI −5.0 to −1.0%" in shorter.sentences()[1]
    assert shorter.sentences()[1].endswith("shortening.")


def test_a_trend_that_is_not_estimable_says_so():
    assert made(trend={"estimate": np.nan, "direction": ""}).sentences()[1].strip() == "Trend: not estimable."


def test_the_longest_gap_has_its_share_its_limit_and_its_counts():
    line = made(longest=LONGEST).sentences()[2].strip()
    assert line == (
        "Longest gap with at least 80% still responding (lower limit of the 95% CI): 19 days (92% on that "
        "day, lower limit 86%, 92 under observation; 100 episodes of 60 patients, 38 losses)."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identified": False}, "at least 19 days, beyond which it is not identified"),
        ({"estimate": np.nan, "identified": True}, "none, the limit is lower from the first day on"),
        ({"estimate": np.nan, "identified": False}, "not identified (100 episodes"),
    ],
)
def test_a_longest_gap_that_is_not_known_says_how_far_it_is(changes, words):
    assert words in made(longest=LONGEST | changes).sentences()[2]


def test_groups_are_named_in_every_line():
    result = made(by="route", longest=LONGEST)
    text, words = result.readable()
    assert words == ("route", "days")
    assert text["route"].tolist() == ["IV"] * 3
    assert all(line.startswith("  IV: ") for line in result.sentences()[1:])


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort("community", 60).cohort


@pytest.fixture(scope="module")
def result(cohort):
    return maintenance_intervals(cohort, "PHQ-9", by="clinic_id", n_replicates=20)


def test_a_result_cannot_be_changed(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.title = "another"


def test_no_table_has_a_row_or_a_name_of_a_patient(result, cohort):
    text = result.summary() + result._repr_html_() + repr(result)
    assert not [one for one in cohort.patients["patient_id"].tolist() if one in text]
    frames = [value for value in vars(result).values() if isinstance(value, pd.DataFrame)]
    assert len(frames) == 5
    assert all("patient_id" not in frame.columns for frame in frames)
    assert (result.gaps_by_session["n"] >= 5).all()


def test_a_result_survives_pickling(result):
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.table, result.table)


def test_provenance_has_all_arguments(result, cohort):
    assert result.provenance["function"] == "maintenance_intervals"
    assert result.provenance["cohort"] == cohort.fingerprint
    assert set(result.provenance["arguments"]) == {
        "instrument", "by", "from_session", "keep", "response", "loss", "level", "n_replicates", "seed",
    }  # fmt: skip
