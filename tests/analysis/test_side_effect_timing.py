"""Onset, end and severity of side effects: closed forms, bounds, ways of asking, what is not recorded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.side_effect_severity import side_effect_severity
from ketaoutcomes.analysis.side_effect_timing import side_effect_timing
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED

NAMES = [
    "patient_id", "session", "effect", "onset_minutes", "duration_minutes", "resolved", "severity",
    "ascertainment",
]  # fmt: skip
# Lengths of nausea in ten patients; None was still there after 100 minutes, "?" is not known.
LENGTHS = (20, 30, 30, 45, 60, 90, None, None, 150, "?")


def cohort_of(rows, *, patients=None, monitored=120, n_sessions=1, recorded=None, vitals=None):
    """A cohort from rows as in NAMES."""
    frame = pd.DataFrame(rows, columns=NAMES)
    if patients is None:
        patients = pd.DataFrame({"patient_id": sorted(set(frame["patient_id"]))})
    sessions = pd.DataFrame(
        [
            {"patient_id": name, "hour": 48.0 * k, "route": "IV"}
            for name in patients["patient_id"]
            for k in range(n_sessions)
        ]
    )
    if monitored is not None:
        sessions["monitored_minutes"] = monitored
    if recorded is not None:
        sessions["side_effects_recorded"] = recorded
    frames = {"patients": patients, "sessions": sessions, "side_effects": frame}
    return assemble(frames | ({} if vitals is None else {"vitals": vitals}))


def nausea(lengths=LENGTHS, *, effect="nausea", way="checklist", first=0, severity="mild"):
    rows = []
    for number, length in enumerate(lengths, start=first):
        resolved = "no" if length is None else "yes"
        minutes, resolved = (np.nan, None) if length == "?" else (100 if length is None else length, resolved)
        rows.append((f"P{number:02d}", 1, effect, 10, minutes, resolved, severity, way))
    return rows


def row_of(result, quantity, time=None, effect="nausea", **cells):
    table = result.table
    chosen = (table["effect"] == effect) & (table["quantity"] == quantity)
    if time is not None:
        chosen &= table["time"] == time
    for name, value in cells.items():
        chosen &= table[name] == value
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


def test_exact_and_right_censored_times_give_kaplan_meier():
    result = side_effect_timing(cohort_of(nausea(LENGTHS * 5)), checks=None, horizons=(60, 120, 240))
    # Of nine fifths known: gone by 60 are five, then one of four at 90, two censored at 100, the last at 150.
    assert row_of(result, "gone_by", 60)["estimate"] == pytest.approx(5 / 9)
    assert row_of(result, "gone_by", 120)["estimate"] == pytest.approx(1 - 4 / 9 * 3 / 4)
    median = row_of(result, "median_resolution")
    assert (median["estimate"], median["low"], median["high"]) == (60, 60, 60)
    counts = ["n", "n_events", "n_patients", "n_unresolved", "n_unknown", "n_followed"]
    # At 60 minutes ends the fifth of nine: it and four more were followed to then.
    assert median[counts].tolist() == [50, 45, 45, 10, 5, 25]
    assert row_of(result, "median_onset")["estimate"] == 10


def test_what_is_not_known_is_left_out_and_its_bounds_are_given():
    row = row_of(side_effect_timing(cohort_of(nausea()), checks=None, horizons=60), "gone_by", 60)
    assert row["bound_low"] == pytest.approx(5 / 10)
    assert row["bound_high"] == pytest.approx(6 / 10)


def test_gone_by_discharge_counts_what_is_known_and_bounds_the_rest():
    result = side_effect_timing(cohort_of(nausea()), checks=None)
    # Watched for 120 minutes: ends at 10 + length; six are gone, the one of 160 minutes is not; of the two
    # still there at 110 it is not known, nor of one without a length.
    row = row_of(result, "gone_by_discharge")
    assert row["estimate"] == pytest.approx(6 / 7)
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((6 / 10, 9 / 10))
    assert row[["n", "n_events", "n_unresolved", "n_unknown"]].tolist() == [10, 7, 0, 3]
    assert any("2 effects were still there when last seen, before the discharge" in n for n in result.notes)
    # A check at 110 is the last before the discharge: they are not gone by then.
    result = side_effect_timing(cohort_of(nausea()), checks=(30, 60, 110))
    row = row_of(result, "gone_by_discharge")
    assert row["estimate"] == pytest.approx(6 / 9)
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((6 / 10, 7 / 10))
    assert row[["n", "n_events", "n_unresolved", "n_unknown"]].tolist() == [10, 9, 2, 1]
    assert not any("before the discharge and the last check" in note for note in result.notes)


def test_the_clock_of_the_session_counts_from_its_start():
    result = side_effect_timing(cohort_of(nausea()), checks=None, clock="session", horizons=(60, 100))
    # Ends at 30, 40, 40, 55, 70, 100 and 160.
    assert row_of(result, "gone_by", 60)["estimate"] == pytest.approx(4 / 9)
    assert row_of(result, "gone_by", 100)["estimate"] == pytest.approx(6 / 9)
    assert row_of(result, "median_resolution")["estimate"] == 70


def test_between_checks_the_share_is_known_only_at_them():
    result = side_effect_timing(
        cohort_of(nausea()), checks=(10, 40, 70, 110), clock="session", horizons=(40, 50, 70)
    )
    # Ends 30, 40, 40 lie in (10, 40], 55 and 70 in (40, 70].
    assert row_of(result, "gone_by", 40)[["low", "high"]].tolist() == pytest.approx([3 / 9, 3 / 9])
    assert row_of(result, "gone_by", 50)[["low", "high"]].tolist() == pytest.approx([3 / 9, 5 / 9])
    assert row_of(result, "gone_by", 70)[["low", "high"]].tolist() == pytest.approx([5 / 9, 5 / 9])
    median = row_of(result, "median_resolution")
    assert (median["low"], median["high"], median["estimate"]) == (40, 70, 55)


def test_readings_of_vital_signs_are_the_checks_by_default():
    vitals = pd.DataFrame(
        [
            {"patient_id": f"P{k:02d}", "session": 1, "minute": minute, "sbp": 120}
            for k in range(10)
            for minute in (10, 40, 70, 110)
        ]
    )
    by_vitals = side_effect_timing(cohort_of(nausea(), vitals=vitals))
    given = side_effect_timing(cohort_of(nausea(), vitals=vitals), checks=(10, 40, 70, 110))
    pd.testing.assert_frame_equal(by_vitals.table, given.table)
    exact = side_effect_timing(cohort_of(nausea()))
    pd.testing.assert_frame_equal(exact.table, side_effect_timing(cohort_of(nausea()), checks=None).table)
    assert any("of sessions without a check" in note for note in exact.notes)
    assert any("checks: readings of vital signs" in text for _, text, _ in by_vitals.definitions)


def test_ways_of_asking_stand_apart_and_one_can_be_chosen():
    rows = nausea() + nausea((20, 40, 60, 80, 100), way="spontaneous", first=10)
    result = side_effect_timing(cohort_of(rows), checks=None)
    assert row_of(result, "median_resolution", ascertainment="checklist")["n"] == 10
    assert row_of(result, "median_resolution", ascertainment="spontaneous")["estimate"] == 60
    one = side_effect_timing(cohort_of(rows), checks=None, ascertainment="spontaneous")
    assert set(one.table["ascertainment"]) == {"spontaneous"}
    # A session in which an effect was found in both ways is in each.
    both = nausea((20,) * 6) + nausea((90,) * 6, way="spontaneous")
    result = side_effect_timing(cohort_of(both), checks=None)
    assert row_of(result, "median_resolution", ascertainment="checklist")["estimate"] == 20
    assert row_of(result, "median_resolution", ascertainment="spontaneous")["estimate"] == 90


def test_groups_stand_apart_and_rows_without_one_are_counted():
    patients = pd.DataFrame(
        {"patient_id": [f"P{k:02d}" for k in range(10)], "sex": ["f"] * 5 + ["m"] * 4 + [None]}
    )
    result = side_effect_timing(cohort_of(nausea(), patients=patients), checks=None, by="sex")
    assert row_of(result, "median_resolution", sex="f")["estimate"] == 30
    assert row_of(result, "median_resolution", sex="f")["n"] == 5
    assert any("1 effect is left out: 'sex' is missing" in note for note in result.notes)
    assert list(result.readable()[0].columns[:3]) == ["side effect", "asked by", "sex"]


def test_any_side_effect_comes_first_and_the_others_by_number():
    rows = nausea() + nausea((20, 30), effect="vomiting") + nausea((5, 5, 5, 200), effect="dizziness")
    result = side_effect_timing(cohort_of(rows), checks=None)
    assert list(dict.fromkeys(result.table["effect"])) == [
        "any side effect",
        "nausea",
        "dizziness",
        "vomiting",
    ]
    named = side_effect_timing(cohort_of(rows), "Vomiting", checks=None)
    assert list(dict.fromkeys(named.table["effect"])) == ["any side effect", "vomiting"]
    # In the session of the fourth patient dizziness, 200 minutes, is the last to end.
    assert row_of(result, "gone_by", 120, effect="any side effect")["n"] == 10


def test_fewer_than_five_effects_have_no_limits_and_a_note():
    result = side_effect_timing(cohort_of(nausea((20, 30, 40, 50))), checks=None)
    row = row_of(result, "median_resolution")
    assert row["estimate"] == 30
    assert np.isnan([row["conf_low"], row["conf_high"]]).all()
    assert np.isnan(row_of(result, "gone_by_discharge")["conf_low"])
    assert any("no limits are given" in note for note in result.notes)


def test_effects_without_any_time_have_rows_without_estimates():
    result = side_effect_timing(cohort_of(nausea(("?",) * 6)))
    row = row_of(result, "gone_by", 120)
    assert np.isnan(row["estimate"])
    assert row[["n", "n_events", "n_unknown"]].tolist() == [6, 0, 6]
    assert row[["bound_low", "bound_high"]].tolist() == [0, 1]
    assert row_of(result, "median_onset")["n_events"] == 6
    assert not len(result.curves)
    assert "–" in result.summary()


def test_a_median_that_is_not_reached_is_missing_and_lies_after_the_last_minute_followed():
    result = side_effect_timing(cohort_of(nausea((20, 30, None, None, None, None))), checks=None)
    row = row_of(result, "median_resolution")
    # The four were last seen 100 minutes after the onset; until then no effect was lost.
    assert np.isnan([row["estimate"], row["conf_low"], row["conf_high"]]).all()
    assert (row["low"], row["high"], row["n_unresolved"]) == (100, np.inf, 4)
    assert "not known, after 100" in result.summary()


def test_nothing_recorded_gives_no_rows_and_a_note():
    patients = pd.DataFrame({"patient_id": ["A"]})
    sessions = pd.DataFrame({"patient_id": ["A"], "hour": [0.0], "route": ["IV"]})
    cohort = assemble({"patients": patients, "sessions": sessions})
    for result in (side_effect_timing(cohort), side_effect_severity(cohort)):
        assert not len(result.table)
        assert "Side effects are not recorded" in result.notes[0]
        assert result.notes[-1] == UNCONTROLLED
        assert "No rows" in result.summary()
        assert result.plot() is not None
    none = pd.DataFrame([("A", 1, "none", np.nan, np.nan, None, None, "checklist")], columns=NAMES)
    result = side_effect_timing(assemble({"patients": patients, "sessions": sessions, "side_effects": none}))
    assert any("No such side effect was found" in note for note in result.notes)


def test_the_table_does_not_depend_on_names_or_order_and_limits_repeat_with_the_seed():
    rows = nausea()
    other = [(f"Q{99 - int(row[0][1:]):02d}", *row[1:]) for row in reversed(rows)]
    first = side_effect_timing(cohort_of(rows), checks=None)
    pd.testing.assert_frame_equal(first.table, side_effect_timing(cohort_of(other), checks=None).table)
    moved = side_effect_timing(cohort_of(rows), checks=None, seed=5)
    assert moved.table["estimate"].equals(first.table["estimate"])
    assert first.provenance["arguments"]["seed"] == 20260101


def test_many_effects_of_one_patient_have_no_limits():
    rows = [("A", k + 1, "nausea", 10, 20 + k, "yes", "mild", "checklist") for k in range(8)]
    row = row_of(side_effect_timing(cohort_of(rows, n_sessions=8), checks=None), "gone_by", 120)
    assert (row["n_events"], row["n_patients"]) == (8, 1)
    assert np.isnan(row["conf_low"])


def test_no_bootstrap_is_said():
    result = side_effect_timing(cohort_of(nausea()), n_replicates=0)
    assert any("n_replicates=0" in note for note in result.notes)
    assert result.table.loc[result.table["quantity"] == "gone_by", "conf_low"].isna().all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clock": "onsets"}, 'did you mean "onset"'),
        ({"checks": "vital"}, "checks takes"),
        ({"horizons": (0, 60)}, "horizons takes"),
        ({"horizons": "soon"}, "horizons takes"),
        ({"ascertainment": "asked"}, "ascertainment"),
        ({"effects": ["hiccups"]}, "never recorded"),
        ({"level": 95}, "level is a share"),
        ({"n_replicates": -1}, "n_replicates"),
        ({"by": "severity"}, "also the name of a column"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(options, words):
    with pytest.raises(DataError, match=words):
        side_effect_timing(cohort_of(nausea()), **options)


def graded(severities, *, n_patients=30, seed=1, way="checklist"):
    """Rows of dissociation in three sessions of each patient, of the shares given by session."""
    stream = np.random.default_rng(seed)
    rows = []
    for number in range(n_patients):
        for session, shares in enumerate(severities, start=1):
            word = stream.choice(["mild", "moderate", "severe", None], p=shares)
            rows.append((f"P{number:02d}", session, "dissociation", 10, 40, "yes", word, way))
    return rows


def test_severities_are_shares_of_the_sessions_with_the_effect_and_add_up_to_the_whole():
    rows = [
        ("A", 1, "nausea", 10, 20, "yes", "mild", "checklist"),
        ("A", 2, "nausea", 10, 20, "yes", "severe", "checklist"),
        ("A", 2, "vomiting", 10, 20, "yes", "mild", "checklist"),
        ("B", 1, "nausea", 10, 20, "yes", None, "checklist"),
        ("B", 2, "none", np.nan, np.nan, None, None, "checklist"),
    ]
    table = side_effect_severity(cohort_of(rows, n_sessions=2)).table
    own = table[table["effect"] == "nausea"].set_index("severity")
    assert own["n_events"].to_dict() == {"mild": 1, "moderate": 0, "severe": 1, "not stated": 1}
    assert own["estimate"].tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    assert set(own["n"]) == {3}
    assert set(own["n_patients"]) == {2}
    # Of any side effect the worst of the session counts.
    any_effect = table[table["effect"] == "any side effect"].set_index("severity")
    assert any_effect["n_events"].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("second", "expected"),
    [(None, "not stated"), ("severe", "severe"), ("mild", "mild"), ("moderate", "moderate")],
)
def test_any_side_effect_is_not_stated_where_one_effect_is_unless_another_is_severe(second, expected):
    rows = [(f"P{k:02d}", 1, "nausea", 10, 20, "yes", "mild", "checklist") for k in range(6)]
    rows += [(f"P{k:02d}", 1, "dizziness", 10, 20, "yes", second, "checklist") for k in range(6)]
    # Severe is the worst, whatever is not stated.
    if second == "severe":
        rows += [(f"P{k:02d}", 1, "headache", 10, 20, "yes", None, "checklist") for k in range(6)]
    result = side_effect_severity(cohort_of(rows))
    own = result.table[result.table["effect"] == "any side effect"].set_index("severity")["n_events"]
    assert own[own > 0].to_dict() == {expected: 6}
    assert any("it is not stated, unless another is severe" in text for _, text, _ in result.definitions)


def test_the_model_gives_the_odds_of_a_higher_severity_and_its_check():
    # Shares of mild, moderate and severe in sessions 1, 2 and 4 times as many: log odds -1 per doubling.
    shares = []
    for doubling in (0.0, 1.0, np.log2(3)):
        above = [1 / (1 + np.exp(-(cut - doubling))) for cut in (1.0, -0.5)]
        shares.append([1 - above[0], above[0] - above[1], above[1], 0.0])
    result = side_effect_severity(cohort_of(graded(shares, n_patients=400), n_sessions=3))
    assert result.model["term"].tolist() == ["session number doubled"]
    row = result.model.iloc[0]
    assert row["conf_low"] < np.exp(-1) < row["conf_high"]
    # The model is true: the check rejects it in one of a thousand samples.
    assert row["check_p_value"] > 0.001
    assert row[["n", "n_sessions", "n_patients"]].tolist() == [1200, 1200, 400]
    assert np.log(row["estimate"]) / row["std_error"] == pytest.approx(row["statistic"])
    assert any("those of patients who went on" in note for note in result.notes)
    assert "session number doubled: ratio" in result.summary()


def test_few_patients_have_no_p_and_fewer_no_model():
    shares = [[0.4, 0.4, 0.2, 0.0]] * 3
    few = side_effect_severity(cohort_of(graded(shares, n_patients=15), n_sessions=3))
    assert few.model["estimate"].notna().all()
    assert few.model[["p_value", "check_p_value"]].isna().all().all()
    assert any("no p-values" in note for note in few.notes)
    fewer = side_effect_severity(cohort_of(graded(shares, n_patients=9), n_sessions=3))
    assert not len(fewer.model)
    assert any("No model of severity" in note for note in fewer.notes)


def test_one_severity_only_gives_no_model_and_way_of_asking_is_a_term_of_it():
    one = side_effect_severity(cohort_of(graded([[1.0, 0, 0, 0]] * 3), n_sessions=3))
    assert not len(one.model)
    rows = graded([[0.6, 0.3, 0.1, 0.0]] * 3)
    rows += [(row[0].replace("P", "S"), *row[1:7], "spontaneous") for row in graded([[0.2, 0.4, 0.4, 0]] * 3)]
    both = side_effect_severity(cohort_of(rows, n_sessions=3)).model
    assert both["term"].tolist() == ["session number doubled", "spontaneous"]
    assert both["reference"].tolist() == ["", "checklist"]
    # True log odds ratio of moderate or severe: logit(0.8) - logit(0.4) = 1.79.
    assert both["conf_low"].iloc[1] < np.exp(1.79) < both["conf_high"].iloc[1]


def test_severity_stands_in_the_result_of_times_too():
    cohort = cohort_of(graded([[0.4, 0.4, 0.2, 0.0]] * 3), n_sessions=3)
    timing, severity = side_effect_timing(cohort, n_replicates=0), side_effect_severity(cohort)
    pd.testing.assert_frame_equal(timing.severity, severity.table)
    pd.testing.assert_frame_equal(timing.severity_model, severity.model)


def test_every_note_and_definition_is_in_the_words_of_the_house():
    rows = graded([[0.4, 0.3, 0.2, 0.1]] * 3) + nausea((20, None, "?", 30, 200))
    cohort = cohort_of(rows, n_sessions=3)
    for result in (side_effect_timing(cohort, n_replicates=20), side_effect_severity(cohort)):
        words = result.summary().lower()
        for banned in (" trend", " best", " safe", "improve", "significant", "better", "worse ", "adverse"):
            assert banned not in words, banned
        assert all(source for _, _, source in result.definitions)
        assert not any(name in words for name in ("p00", "p01", "patient_id"))
        assert "<table" in result._repr_html_()
