"""Side-effect rates per session and per patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.errors import DataError


def clinic(effects, *, n_sessions, recorded=None, patients=None, routes=None):
    """A cohort from effects (patient, session, effect[, ascertainment]) and sessions per patient."""
    sessions = pd.DataFrame(
        [
            {"patient_id": name, "hour": 48.0 * k, "route": "IV"}
            for name, n in n_sessions.items()
            for k in range(n)
        ]
    )
    if recorded is not None:
        sessions["side_effects_recorded"] = recorded
    if routes is not None:
        sessions["route"] = routes
    if patients is None:
        patients = pd.DataFrame({"patient_id": list(n_sessions)})
    frames = {"patients": patients, "sessions": sessions}
    if effects is not None:
        columns = ["patient_id", "session", "effect", "ascertainment"]
        rows = [row if len(row) == 4 else (*row, "checklist") for row in effects]
        frames["side_effects"] = pd.DataFrame(rows, columns=columns)
    return assemble(frames)


EFFECTS = [
    ("A", 1, "Nausea "), ("A", 1, "dizziness"), ("A", 2, "none"), ("A", 3, "nausea"),
    ("B", 1, "none"), ("B", 2, "none"),
    ("C", 1, "dizziness"),
]  # fmt: skip


def test_sessions_without_a_record_are_in_no_denominator():
    # Six sessions have rows, C's second has none.
    table = side_effect_rates(clinic(EFFECTS, n_sessions={"A": 3, "B": 2, "C": 2})).table
    assert table["effect"].tolist() == ["any side effect", "dizziness", "nausea"]
    assert table["n_events"].tolist() == [3, 2, 2]
    assert (table["n"] == 6).all()
    assert (table["n_patients"] == 3).all()
    np.testing.assert_allclose(table["estimate"], [0.5, 1 / 3, 1 / 3])


def test_interval_per_session_is_the_cluster_robust_one():
    # 24 patients of two sessions: 12 with nausea once, 6 twice, 6 never. With equal numbers of sessions CR2
    # is the variance of the patients' own shares over 24, and the degrees of freedom are 23. The design
    # effect is averaged over the 18 with nausea and half a patient whose sessions correlate at 0.5.
    times = [1] * 12 + [2] * 6 + [0] * 6
    names = [f"P{k:02d}" for k in range(24)]
    rows = [
        (name, session, "nausea" if session <= n else "none")
        for name, n in zip(names, times, strict=True)
        for session in (1, 2)
    ]
    table = side_effect_rates(clinic(rows, n_sessions=dict.fromkeys(names, 2))).table
    binomial = 0.25 / 48
    design = (6 * 0.25 + 6 * 0.25) / 23 / 24 / binomial
    std_error = np.sqrt(binomial * (18 * design + 0.5 * 1.5) / 18.5)
    half = 2.0686576 * std_error / 0.25  # t(0.975, 23), R 4.2.2 qt
    expected = 1 / (1 + np.exp([half, -half]))
    row = table[table["effect"] == "nausea"].iloc[0]
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], expected, atol=1e-6)
    assert row["method"] == "cluster-robust logit"
    assert row["n_patients_with_event"] == 18


def test_rate_per_patient_is_ever_and_exact():
    result = side_effect_rates(clinic(EFFECTS, n_sessions={"A": 3, "B": 2, "C": 2}), per="patient")
    row = result.table.iloc[0]
    assert (row["n_events"], row["n"], row["method"]) == (2, 3, "exact")
    # R 4.2.2 binom.test(2, 3).
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], [0.09429932, 0.99159624], atol=1e-7)


def test_ways_of_asking_are_never_pooled():
    effects = [
        ("A", 1, "nausea", "checklist"),
        ("A", 2, "nausea", "spontaneous"),
        ("B", 1, "none", "checklist"),
    ]
    result = side_effect_rates(clinic(effects, n_sessions={"A": 2, "B": 1}))
    assert result.table[["effect", "ascertainment", "n_events", "n"]].to_numpy().tolist() == [
        ["any side effect", "checklist", 1, 2],
        ["any side effect", "spontaneous", 1, 1],
        ["nausea", "checklist", 1, 2],
        ["nausea", "spontaneous", 1, 1],
    ]
    assert any("never pooled" in note for note in result.notes)


def test_recorded_session_without_a_row_counts_as_none_under_its_clinic_s_way_of_asking():
    patients = pd.DataFrame({"patient_id": ["A", "B", "C", "D"], "clinic_id": ["c1", "c1", "c2", "c2"]})
    effects = [
        ("A", 1, "nausea", "spontaneous"),
        ("C", 1, "nausea", "checklist"),
        ("D", 1, "none", "checklist"),
    ]
    cohort = clinic(effects, n_sessions={"A": 2, "B": 1, "C": 1, "D": 1}, recorded="yes", patients=patients)
    result = side_effect_rates(cohort)
    rows = result.table.set_index(["effect", "ascertainment"])
    # A's second session and B's first are marked as recorded: asked spontaneously, like the rest of clinic 1.
    assert rows.loc[("any side effect", "spontaneous"), ["n_events", "n"]].tolist() == [1, 3]
    assert rows.loc[("any side effect", "checklist"), ["n_events", "n"]].tolist() == [1, 2]
    assert any("2 sessions are marked as recorded but have no row" in note for note in result.notes)


def test_recorded_session_whose_way_of_asking_nobody_knows_is_apart_and_warned_about():
    effects = [("A", 1, "nausea", "spontaneous"), ("B", 1, "nausea", "checklist")]
    result = side_effect_rates(clinic(effects, n_sessions={"A": 1, "B": 1, "C": 1}, recorded="yes"))
    assert "not stated" in result.table["ascertainment"].tolist()
    assert any("are too high" in note for note in result.notes)


def test_not_recorded_is_not_zero():
    result = side_effect_rates(clinic(None, n_sessions={"A": 2}))
    assert len(result.table) == 0
    assert "not recorded" in result.notes[0]
    assert "not zero" in result.notes[0]
    assert "No rows." in result.summary()


def test_recorded_by_a_flag_alone_is_not_zero_either():
    # 30 sessions of 6 patients, all marked as recorded, and no table of side effects: not 0/30.
    cohort = clinic(None, n_sessions={f"P{k}": 5 for k in range(6)})
    sessions = cohort.sessions.assign(side_effects_recorded=pd.array([True] * 30, dtype="boolean"))
    cohort = replace(cohort, tables={**cohort.tables, "sessions": sessions})
    for per in ("session", "patient"):
        result = side_effect_rates(cohort, per=per)
        assert len(result.table) == 0
        assert "not recorded: there is no table of side effects" in result.notes[0]
        assert "'side_effects_recorded' does not say what was found" in result.notes[0]


def test_nothing_seen_has_an_upper_limit_with_patients_as_n():
    effects = [("A", 1, "none"), ("A", 2, "none"), ("B", 1, "none")]
    row = side_effect_rates(clinic(effects, n_sessions={"A": 2, "B": 1})).table.iloc[0]
    # 1 - 0.025^(1/2) with two patients, not three sessions: 0.8418861.
    assert (row["estimate"], row["n"]) == (0, 3)
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], [0, 0.8418861], atol=1e-6)
    assert row["method"] == "exact, patients as n"


def test_per_session_groups_by_the_session_s_own_value_and_per_patient_by_the_first():
    effects = [("A", 1, "none"), ("A", 2, "nausea"), ("B", 1, "none")]
    cohort = clinic(effects, n_sessions={"A": 2, "B": 1}, routes=["IM", "IV", "IV"])
    per_session = side_effect_rates(cohort, by="route").table.query("effect == 'nausea'")
    assert per_session[["route", "n_events", "n"]].to_numpy().tolist() == [["IM", 0, 1], ["IV", 1, 2]]
    per_patient = side_effect_rates(cohort, per="patient", by="route").table.query("effect == 'nausea'")
    assert per_patient[["route", "n_events", "n"]].to_numpy().tolist() == [["IM", 1, 1], ["IV", 0, 1]]


def test_chosen_effects_and_those_never_recorded():
    cohort = clinic(EFFECTS, n_sessions={"A": 3, "B": 2, "C": 2})
    table = side_effect_rates(cohort, effects=["NAUSEA"]).table
    assert table["effect"].tolist() == ["any side effect", "nausea"]
    assert table["n_events"].tolist() == [3, 2]
    with pytest.raises(DataError, match="1 of the effects asked for were never recorded"):
        side_effect_rates(cohort, effects=["nausea", "headache"])
    with pytest.raises(DataError, match='choose "session" or "patient"'):
        side_effect_rates(cohort, per="visit")


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(4)
    n = {f"P{k:02d}": int(rng.integers(1, 7)) for k in range(30)}
    words = ["nausea", "dizziness", "headache", "none"]
    effects = [
        (name, session, str(rng.choice(words)))
        for name, count in n.items()
        for session in range(1, count + 1)
    ]
    once = side_effect_rates(clinic(effects, n_sessions=n)).table
    shuffled = [effects[k] for k in rng.permutation(len(effects))]
    pd.testing.assert_frame_equal(side_effect_rates(clinic(shuffled, n_sessions=n)).table, once)


def test_another_clinic_s_way_of_asking_is_never_taken():
    patients = pd.DataFrame({"patient_id": ["A", "B", "X"], "clinic_id": ["c1", "c1", "c2"]})
    effects = [("A", 1, "nausea", "checklist"), ("B", 1, "none", "checklist")]
    table = side_effect_rates(
        clinic(effects, n_sessions={"A": 1, "B": 1, "X": 3}, recorded="yes", patients=patients)
    ).table
    first = table[table["effect"] == "any side effect"].set_index("ascertainment")
    # Clinic 2 has only sessions without a row: nothing tells how they were asked.
    assert first["n"].to_dict() == {"checklist": 2, "not stated": 3}
    assert first["n_events"].to_dict() == {"checklist": 1, "not stated": 0}
