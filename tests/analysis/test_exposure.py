"""Exposure over patients: distribution, bands of sessions, rates per patient-year, and screens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.exposure import exposure
from ketaoutcomes.analysis.exposure_tables import SCREENS
from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.errors import DataError

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "safety_events.json").read_text(encoding="utf-8")
)
DAY = 24.0


def clinic(n_sessions, *, scores=(), **patients):
    """Patients A, B, ... with so many sessions each, weekly; scores (patient, day, instrument, score)."""
    names = [chr(65 + place) for place in range(len(n_sessions))]
    rows = [
        {"patient_id": name, "hour": 7 * DAY * k, "route": "IV", "dose_mg_per_kg": 0.5}
        for name, n in zip(names, n_sessions, strict=True)
        for k in range(n)
    ]
    frames = {"patients": pd.DataFrame({"patient_id": names, **patients}), "sessions": pd.DataFrame(rows)}
    if scores:
        found = pd.DataFrame(scores, columns=["patient_id", "day", "instrument", "score"])
        frames["scores"] = found.assign(hour=DAY * found.pop("day"))
    return assemble(frames)


def quantity(result, name):
    table = result.table[result.table["quantity"] == name]
    assert len(table) == 1
    return table.iloc[0]


def test_quantiles_of_the_cumulative_dose_are_those_of_r():
    doses = REFERENCE["quantiles"]["values"]
    names = [f"P{place}" for place in range(len(doses))]
    cohort = assemble(
        {
            "patients": pd.DataFrame({"patient_id": names}),
            "sessions": pd.DataFrame(
                {"patient_id": names, "hour": 0.0, "route": "IV", "dose_mg_per_kg": doses}
            ),
        }
    )
    found = quantity(exposure(cohort), "cumulative dose by weight")
    np.testing.assert_allclose(
        found[["q1", "median", "q3", "p90"]].astype(float), REFERENCE["quantiles"]["type_7"], rtol=1e-12
    )
    assert found["total"] == pytest.approx(sum(doses))
    assert found["mean"] == pytest.approx(sum(doses) / 5)


def test_a_patient_with_an_unknown_dose_is_counted_and_not_filled_in():
    sessions = pd.DataFrame(
        {
            "patient_id": ["A", "A", "B", "B"],
            "hour": [0.0, 48.0, 0.0, 48.0],
            "route": "IV",
            "dose_mg": [40.0, 50.0, 40.0, None],
        }
    )
    result = exposure(assemble({"patients": pd.DataFrame({"patient_id": ["A", "B"]}), "sessions": sessions}))
    found = quantity(result, "cumulative dose")
    assert found[["n", "n_unknown", "n_patients", "total", "median"]].tolist() == [1, 1, 2, 90, 90]
    by_weight = quantity(result, "cumulative dose by weight")
    assert by_weight[["n", "n_unknown"]].tolist() == [0, 2]
    assert np.isnan(by_weight["median"])
    assert any("not known of 1 sessions; 1 patient with such a session" in note for note in result.notes)
    assert not any("by different routes" in note for note in result.notes)


def test_bands_hold_all_treated_patients_once():
    result = exposure(clinic([1, 6, 7, 12, 13, 24, 25, 40, 0]))
    bands = result.bands
    assert bands["band"].tolist() == ["1–6", "7–12", "13–24", "25+"]
    assert bands["n_events"].tolist() == [2, 2, 2, 2]
    assert bands["n_sessions"].tolist() == [7, 19, 37, 65]
    assert (bands["n"] == 8).all()
    assert (bands["estimate"] == 0.25).all()


def test_sessions_per_patient_year_are_sessions_over_the_time_that_they_carry():
    # Ten patients of four sessions a week apart: 3 x 7 + 30 = 51 days on treatment, 21 days followed.
    result = exposure(clinic([4] * 10))
    treated, followed = result.rates.to_dict("records")
    assert (treated["n_events"], treated["n_patients"]) == (40, 10)
    assert treated["patient_years"] == pytest.approx(10 * 51 / 365.25)
    assert treated["estimate"] == pytest.approx(4 / (51 / 365.25))
    assert treated["conf_low"] < treated["estimate"] < treated["conf_high"]
    assert followed["estimate"] == pytest.approx(4 / (21 / 365.25))
    shorter = exposure(clinic([4] * 10), at_risk_days=7).rates
    assert shorter["patient_years"].iloc[0] == pytest.approx(10 * 28 / 365.25)


def test_a_patient_who_was_never_seen_again_has_no_time_and_no_rate():
    followed = exposure(clinic([1, 3, 3])).rates.iloc[1]
    assert followed[["n_events", "n_patients", "n_without_time"]].tolist() == [6, 2, 1]


SCREENED = [
    ("A", -1, "BPIC-SS", 2), ("B", -1, "BPIC-SS", 4), ("C", -1, "BPIC-SS", 4), ("D", -1, "BPIC-SS", 7),
    ("E", -1, "BPIC-SS", 9),
    ("A", 15, "BPIC-SS", 38), ("A", 30, "BPIC-SS", 19),  # both after sessions 1 to 6: the last one counts
    ("B", 43, "BPIC-SS", 18),  # after session 7
]  # fmt: skip


def test_a_screen_is_placed_by_the_sessions_had_by_then_and_counts_once_per_patient():
    result = exposure(clinic([8] * 5, scores=SCREENED))
    screens = result.screens.set_index("band")
    assert set(result.screens["instrument"]) == {"BPIC-SS"}
    before = screens.loc["before session 1"]
    # Mean of 2, 4, 4, 7, 9 with its t limits: R's t.test.
    np.testing.assert_allclose(
        before[["estimate", "conf_low", "conf_high"]].astype(float),
        [REFERENCE["mean"]["estimate"], *REFERENCE["mean"]["limits"]],
        rtol=1e-9,
    )
    assert before[["n", "n_patients", "n_events"]].tolist() == [5, 5, 0]
    first = screens.loc["1–6"]
    assert first[["n", "n_patients", "estimate", "n_events"]].tolist() == [2, 1, 19, 1]  # 19 is positive
    assert np.isnan(first["conf_low"])  # no interval of a mean of one
    assert screens.loc["7–12", ["n_patients", "estimate", "n_events"]].tolist() == [1, 18, 0]
    assert screens.loc["25+", "n_patients"] == 0
    assert any(note.startswith("Not recorded: screens for cognition (MoCA)") for note in result.notes)


@pytest.mark.parametrize(
    ("instrument", "scores", "positive"),
    [("BPIC-SS", [18, 19, 38], [False, True, True]), ("MoCA", [25, 26, 30], [True, False, False])],
)
def test_a_positive_screen_is_on_the_side_of_the_cutoff_that_asks_for_a_look(instrument, scores, positive):
    # BPIC-SS: relevant bladder symptoms from 19 (Humphrey 2012); MoCA: normal from 26 (Nasreddine 2005).
    screen = next(one for one in SCREENS if one.instrument == instrument)
    assert screen.is_positive(np.array(scores)).tolist() == positive


def test_without_a_screen_nothing_is_said_of_what_it_would_have_shown():
    result = exposure(clinic([3, 3]))
    assert len(result.screens) == 0
    note = next(note for note in result.notes if note.startswith("Not recorded"))
    assert "bladder symptoms (BPIC-SS) and cognition (MoCA)" in note
    assert "no evidence of absence" in note
    assert "positive" not in result.summary()


def test_groups_add_up_to_everybody():
    cohort = clinic([2, 8, 14, 30], scores=SCREENED[:4], sex=["f", "f", "m", None])
    one, all_ = exposure(cohort, by="sex"), exposure(cohort)
    assert one.bands["n_events"].sum() == 3
    sums = one.table[one.table["quantity"] == "sessions"]
    assert sums["total"].tolist() == [10, 14]
    assert quantity(all_, "sessions")["total"] == 54
    assert any("1 patient left out: 'sex' is missing" in note for note in one.notes)
    assert one.screens.groupby("sex")["n_patients"].sum().to_dict() == {"f": 2, "m": 1}


def test_malformed_arguments_are_refused():
    cohort = clinic([2, 2])
    for options in ({"level": 0}, {"at_risk_days": 0}, {"at_risk_days": "30"}, {"by": "band"}, {"by": "x"}):
        with pytest.raises(DataError):
            exposure(cohort, **options)


def test_the_sample_has_screens_of_its_first_clinic(sample):
    result = exposure(load_cohort(sample), by="clinic_id")
    seen = result.screens[result.screens["n_patients"] > 0]
    assert set(seen["clinic_id"]) == {"clinic-1"}
    assert set(seen["instrument"]) == {"BPIC-SS", "MoCA"}
    assert result.bands.groupby("clinic_id")["n_events"].sum().sum() == 240
    assert "Practice raises repeated scores" in result.summary()


def test_time_on_treatment_above_the_time_followed_is_said_with_its_reason():
    # Four sessions a week apart: 21 + 30 days on treatment, 21 days followed; C is followed to day 100.
    result = exposure(clinic([4, 4, 4], scores=[("C", 100, "PHQ-9", 5)]))
    assert quantity(result, "time on treatment")["median"] > quantity(result, "time followed")["median"]
    note = next(note for note in result.notes if note.startswith("Time on treatment"))
    assert "above the time followed in 2 of 3 patients: each last session carries up to 30 days" in note
    (words,) = [text for name, text, _ in result.definitions if name == "Time on treatment"]
    assert "The last session carries up to 30 days as well" in words
    longer = exposure(clinic([4], scores=[("A", 100, "PHQ-9", 5)]))
    assert not any(note.startswith("Time on treatment") for note in longer.notes)


@pytest.mark.parametrize(
    ("routes", "is_said"), [(["IV", "IV", "IM", "IM"], 0), (["IV", "IV", "IV", "IM"], 1)]
)
def test_mixed_routes_are_noted_only_where_a_patient_had_several(routes, is_said):
    sessions = pd.DataFrame({"patient_id": list("AABB"), "hour": [0.0, 48.0] * 2, "route": routes})
    result = exposure(assemble({"patients": pd.DataFrame({"patient_id": ["A", "B"]}), "sessions": sessions}))
    said = [note for note in result.notes if "by different routes" in note]
    assert len(said) == is_said
    assert all("1 patient had sessions by more than one route" in note for note in said)
