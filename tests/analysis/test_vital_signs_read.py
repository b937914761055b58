"""Vital signs: readings that are incomplete, in rows of their own, beside a monitor, or late."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.vital_signs import vital_signs
from ketaoutcomes.cohort.read import assemble


def clinic(vitals, *, n_sessions=1, **patients):
    """A cohort of readings, rows with `patient` (number), `session` and `minute`."""
    vitals = pd.DataFrame(vitals)
    names = [f"P{number:04d}" for number in sorted(vitals["patient"].unique())]
    sessions = [(name, 72.0 * place) for name in names for place in range(n_sessions)]
    frames = {
        "patients": pd.DataFrame({"patient_id": names} | patients),
        "sessions": pd.DataFrame(sessions, columns=["patient_id", "hour"]).assign(route="IV"),
        "scores": pd.DataFrame(
            {"patient_id": names[:1], "hour": [0.0], "instrument": ["PHQ-9"], "score": [10.0]}
        ).assign(timing="pre"),
        "vitals": vitals.assign(patient_id=vitals["patient"].map("P{:04d}".format)).drop(columns="patient"),
    }
    return assemble(frames, {})


def grid(n_patients, n_sessions, minutes):
    """A row for each patient, session and minute."""
    index = pd.MultiIndex.from_product(
        [range(n_patients), range(1, n_sessions + 1), minutes], names=["patient", "session", "minute"]
    )
    return index.to_frame(index=False)


def test_sessions_read_in_part_are_in_no_rate_and_give_bounds():
    # Of 400 sessions every tenth reaches 185; only the first 200 have a diastolic pressure.
    rows = grid(400, 1, (0, 20, 40, 60))
    rows["sbp"] = np.where((rows["patient"] % 10 == 0) & (rows["minute"] == 40), 185.0, 120.0)
    rows["dbp"] = np.where(rows["patient"] < 200, 75.0, np.nan)
    rules = ("bp_180_110", "aha_exaggerated", "rise_40_25")
    found = vital_signs(clinic(rows), rules=rules)
    for row in found.excursions.to_dict("records"):
        assert (row["n_events"], row["n"], row["estimate"]) == (20, 200, 0.1)
        assert (row["n_without"], row["n_partly"], row["n_met_unknown"]) == (200, 200, 20)
        # 40 of 400 are known to have met it; 180 might have.
        assert (row["bound_low"], row["bound_high"]) == (0.1, 0.55)
    (note,) = (note for note in found.notes if "only a part" in note)
    assert "bp_180_110: 200, of which 20 met it; 10% to 55%" in note
    assert "partly read" in found.summary()
    whole = vital_signs(clinic(rows.assign(dbp=75.0)), rules=rules)
    assert whole.excursions["n_partly"].eq(0).all()
    assert not any("only a part" in note for note in whole.notes)
    assert "partly read" not in whole.summary()


def test_pressures_in_rows_of_their_own_are_one_reading():
    rows = grid(100, 1, (0, 20, 40, 60))
    rows["sbp"] = np.where((rows["patient"] < 10) & (rows["minute"] == 40), 185.0, 120.0)
    apart = pd.concat([rows, rows.drop(columns="sbp").assign(dbp=75.0)], ignore_index=True)
    found = vital_signs(clinic(apart), rules=("bp_180_110", "aha_exaggerated", "rise_40_25")).excursions
    assert found[["n_events", "n", "n_patients"]].to_numpy().tolist() == [[10, 100, 100]] * 3


def test_the_change_beside_a_rule_is_to_the_extreme_on_its_side():
    rows = grid(20, 1, (0, 10, 20, 40))
    at = rows["minute"].map({0: 0, 10: -25, 20: 30, 40: 2})
    rows = rows.assign(heart_rate=70.0 + at, sbp=120.0 + at)
    rules = ["hr_below_50", {"low": {"sign": "sbp", "below": 100}, "high": {"sign": "sbp", "above": 140}}]
    assert vital_signs(clinic(rows), rules=rules).excursions["change"].tolist() == [-25, -25, 30]


def test_the_course_says_when_its_readings_were_taken():
    rng = np.random.default_rng(3)
    rows = grid(20, 1, (0, 20, 40))
    rows["sbp"] = 120 + rng.normal(0, 5, len(rows))
    late = (rows["patient"] < 5) & (rows["minute"] == 40)
    course = vital_signs(clinic(rows.assign(minute=rows["minute"] + 4 * late)), rules="rise_30_mmhg").course
    assert course["minute"].tolist() == [20, 40]
    # A fourth of them is 4 minutes late.
    assert course["minute_mean"].tolist() == [20, 41]


def test_pressure_beside_a_monitor_that_reads_every_minute_is_at_its_nominal_minutes():
    rng = np.random.default_rng(5)
    rows = grid(60, 1, range(71)).assign(spo2=98.0, sbp=np.nan)
    rows["spo2"] -= rows["minute"] % 2
    shift = rng.integers(-2, 4, 60)[rows["patient"]]
    for minute in (0, 20, 40, 60):
        read = rows["minute"] == (minute + shift if minute else 0)
        rows.loc[read, "sbp"] = np.round(120 + 20 * (minute == 40) + rng.normal(0, 3, int(read.sum())))
    bound = vital_signs(clinic(rows), rules="rise_30_mmhg", nominal_minutes=(0, 20, 40, 60))
    table = bound.table.set_index("sign")
    assert (table.loc["sbp", "n"], table.loc["sbp", "readings_min"]) == (60, 3)
    assert bound.excursions["n"].tolist() == [60]
    for course in (bound.course, vital_signs(clinic(rows), rules="rise_30_mmhg").course):
        own = course[course["sign"] == "sbp"]
        assert own["n"].tolist() == [60, 60, 60]
        assert np.abs(own["minute"] - [20, 40, 60]).max() <= 1


def test_the_return_with_nominal_minutes_starts_at_a_minute_that_was_read():
    # Two readings are equally near minute 10, and nothing is read after them.
    rows = pd.concat(
        [
            grid(12, 1, [minute]).assign(sbp=value)
            for minute, value in ((0, 100), (8, 150), (12, 105), (12.5, 140))
        ]
    )
    found = vital_signs(
        clinic(rows), rules={"x": {"sign": "sbp", "above": 180}}, nominal_minutes=(0, 10, 20), window=(0, 120)
    ).returned  # fmt: skip
    assert found["n"].tolist() == [0] * 4
    rows = pd.concat([rows, grid(12, 1, [21]).assign(sbp=130)])
    back = vital_signs(
        clinic(rows), rules={"x": {"sign": "sbp", "above": 180}}, nominal_minutes=(0, 10, 20)
    ).returned  # fmt: skip
    median = back[back["quantity"] == "median"].iloc[0]
    assert (median["estimate"], median["estimate_high"], median["n"]) == (8, 12, 12)
