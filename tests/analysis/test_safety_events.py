"""Rare events: each with its own denominator, exact limits where there is none, and the published share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.safety_events import safety_events
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.catalog.benchmarks import benchmarks
from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.errors import DataError

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "safety_events.json").read_text(encoding="utf-8")
)


def clinic(n_patients, n_sessions, *, effects=None, sessions=None, status=None, **patients):
    """Patients P00, P01, ... with `n_sessions` each; effects as rows (patient number, session, dict)."""
    names = [f"P{number:02d}" for number in range(n_patients)]
    table = pd.DataFrame(
        {
            "patient_id": np.repeat(names, n_sessions),
            "hour": np.tile(72.0 * np.arange(n_sessions), n_patients),
            "route": "IV",
        }
    )
    frames = {
        "patients": pd.DataFrame({"patient_id": names, **patients}),
        "sessions": table.assign(**(sessions or {})),
    }
    if effects is not None:
        rows = [{"patient_id": names[who], "session": session} | cells for who, session, cells in effects]
        frames["side_effects"] = pd.DataFrame(rows)
    if status is not None:
        rows = [{"patient_id": names[who], "hour": 900.0} | cells for who, cells in status]
        frames["disposition"] = pd.DataFrame(rows)
    return assemble(frames)


def nothing_found(n_patients, n_sessions):
    """Every session asked by checklist, and none had a side effect."""
    cells = {"effect": "none", "serious": None, "severity": None, "ascertainment": "checklist"}
    mild = {"effect": "nausea", "serious": "no", "severity": "mild", "ascertainment": "checklist"}
    rows = [(who, k + 1, cells) for who in range(n_patients) for k in range(n_sessions)]
    rows[0] = (0, 1, mild)
    return rows


def row(result, event, per="session", **wanted):
    table = result.table[(result.table["event"] == event) & (result.table["per"] == per)]
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_with_no_event_both_exact_limits_are_given_with_patients_and_with_sessions():
    result = safety_events(clinic(12, 57, effects=nothing_found(12, 57)))
    found = row(result, "serious side effect")
    by_patient, _, by_session = REFERENCE["none"]
    assert (by_patient["n"], by_session["n"]) == (12, 684)
    assert (found["n_events"], found["n"], found["n_patients"], found["n_patients_with"]) == (0, 684, 12, 0)
    assert found["estimate"] == 0
    assert found["conf_low"] == 0
    np.testing.assert_allclose(
        found[["conf_high", "upper_patients", "conf_high_sessions", "upper_sessions"]].astype(float),
        [by_patient["two_sided"], by_patient["one_sided"], by_session["two_sided"], by_session["one_sided"]],
        rtol=1e-9,
    )
    # 0 of 684 infusions: at most .44 % by the rule of three, one-sided, and .54 % two-sided.
    assert round(100 * found["upper_sessions"], 2) == 0.44
    assert round(100 * found["conf_high_sessions"], 2) == 0.54
    words = result.summary()
    assert "0 of 684 sessions (12 patients)" in words
    assert "At most 26% with patients as n, 0.5% if sessions were independent" in words
    per_patient = row(result, "serious side effect", "patient")
    assert (per_patient["n"], per_patient["conf_high"]) == (12, found["conf_high"])
    assert np.isnan(per_patient["conf_high_sessions"])


def test_a_share_of_patients_has_exact_limits():
    effects = nothing_found(24, 1)
    severe = {"effect": "nausea", "serious": "no", "severity": "severe", "ascertainment": "checklist"}
    for who in (2, 5, 7):
        effects[who] = (who, 1, severe)
    found = row(safety_events(clinic(24, 1, effects=effects)), "severe side effect", "patient")
    assert (found["n_events"], found["n"]) == (3, 24)
    np.testing.assert_allclose(
        [found["conf_low"], found["conf_high"]], REFERENCE["some"]["limits"], rtol=1e-9
    )
    assert np.isnan(found["upper_patients"])


COUNTS = ["n_events", "n", "n_unknown", "n_not_recorded"]
BOUNDS = ["estimate", "estimate_low", "estimate_high"]


def test_what_is_not_said_of_a_side_effect_is_between_two_bounds_and_what_is_not_recorded_has_no_number():
    effects = [
        (0, 1, {"effect": "nausea", "severity": "severe"}),
        (0, 2, {"effect": "nausea", "severity": None}),  # perhaps severe
        (0, 3, {"effect": "none", "severity": None}),
        (1, 1, {"effect": "nausea", "severity": "mild"}),
        (1, 1, {"effect": "headache", "severity": None}),  # perhaps severe
        (1, 2, {"effect": "nausea", "severity": None}),
        (1, 2, {"effect": "headache", "severity": "severe"}),  # severe, whatever the nausea was
    ]
    result = safety_events(
        clinic(2, 4, effects=[(w, s, c | {"ascertainment": "scale"}) for w, s, c in effects])
    )
    severe = row(result, "severe side effect", ascertainment="scale")
    # Of eight sessions five are recorded: A1 and B2 yes, A3 no, A2 and B1 perhaps.
    assert severe[COUNTS].tolist() == [2, 5, 2, 3]
    assert severe[BOUNDS].tolist() == [0.4, 0.4, 0.8]
    per_patient = row(result, "severe side effect", "patient", ascertainment="scale")
    assert per_patient[COUNTS].tolist() == [2, 2, 0, 0]
    for event in ("serious side effect", "session stopped early", "rescue medication given"):
        for per in ("session", "patient"):
            empty = row(result, event, per)
            assert empty["method"] == "not recorded"
            assert empty[["n_events", "n", "estimate", "conf_high", "upper_patients"]].isna().all()
    assert row(result, "stopped for a side effect", "patient")["method"] == "not recorded"
    assert any(
        note.startswith("Not recorded: serious side effect, session stopped early") for note in result.notes
    )
    assert len(result.published) == 0


def test_serious_side_effects_are_given_by_the_way_of_asking():
    effects = [
        (0, 1, {"effect": "syncope", "serious": "yes", "ascertainment": "spontaneous"}),
        (0, 1, {"effect": "none", "serious": None, "ascertainment": "checklist"}),
        (0, 2, {"effect": "nausea", "serious": "no", "ascertainment": "checklist"}),
        (1, 1, {"effect": "nausea", "serious": None, "ascertainment": "checklist"}),
        (1, 2, {"effect": "none", "serious": None, "ascertainment": "spontaneous"}),
    ]
    cohort = clinic(2, 2, effects=effects)
    result = safety_events(cohort)
    assert row(result, "serious side effect", ascertainment="checklist")[COUNTS].tolist() == [0, 3, 1, 1]
    assert row(result, "serious side effect", ascertainment="spontaneous")[COUNTS].tolist() == [1, 2, 0, 2]
    only = safety_events(cohort, ascertainment="checklist").table
    assert set(only["ascertainment"]) == {"checklist", ""}
    none = row(safety_events(cohort, ascertainment="scale"), "serious side effect")
    assert none["method"] == "not recorded"


def test_serious_ticked_only_when_yes_is_a_lower_bound_and_not_all_of_those_ticked():
    # 30 sessions with nausea, two of them ticked as serious, and nothing said of the others.
    effects = [(who, 1, {"effect": "nausea", "serious": "yes" if who < 2 else None}) for who in range(30)]
    result = safety_events(clinic(30, 1, effects=effects))
    for per in ("session", "patient"):
        found = row(result, "serious side effect", per)
        assert found[COUNTS].tolist() == [2, 30, 28, 0]
        assert found[BOUNDS].tolist() == [2 / 30, 2 / 30, 1.0]
        assert found["conf_low"] < 2 / 30
        assert found["conf_high"] == 1.0
    # Clopper and Pearson of 2 of 30: qbeta(.025, 2, 29) in R.
    assert row(result, "serious side effect", "patient")["conf_low"] == pytest.approx(0.00817813, abs=1e-8)
    assert "6.7–100%" in result.summary()
    assert any(note.startswith("Where a record does not tell, two bounds") for note in result.notes)


def test_without_the_column_a_session_with_none_tells_nothing_of_severe_ones():
    effects = [(who, 1, {"effect": "none"}) for who in range(4)]
    result = safety_events(clinic(4, 1, effects=effects))
    for event in ("serious side effect", "severe side effect"):
        assert row(result, event)["method"] == "not recorded"
        assert row(result, event)[COUNTS].isna().all()


def test_what_is_not_known_never_makes_the_interval_shorter():
    # None in 40 patients with 25 sessions: the exact limit with patients as n is above that of one event.
    rows = nothing_found(40, 25)
    without = row(safety_events(clinic(40, 25, effects=rows)), "severe side effect")
    rows[0] = (0, 1, rows[0][2] | {"severity": None})
    found = row(safety_events(clinic(40, 25, effects=rows)), "severe side effect")
    assert found[COUNTS].tolist() == [0, 1000, 1, 0]
    assert found[BOUNDS].tolist() == [0.0, 0.0, 0.001]
    assert found["conf_high"] >= without["conf_high"]
    assert found["conf_high_sessions"] > without["conf_high_sessions"]
    assert np.isnan(found["upper_sessions"])
    words = safety_events(clinic(40, 25, effects=rows)).summary()
    assert "0 of 1,000 sessions (40 patients), not known of 1. If all of these had it, at most" in words


@pytest.mark.parametrize(
    ("given", "n_events", "n"),
    [
        (["0 mg", "0.0", "0,0 mg", "ondansetron 0 mg"], 0, 4),
        (["no ondansetron", "not needed", "nothing given", "patient declined"], 0, 4),
        (["refused", "without", "nil", "None."], 0, 4),
        (["--", "unk", "missing", "NK"], 0, 0),
        (["not documented", "not applicable", "n/a", "no"], 0, 1),
        (["0.5 mg lorazepam", "ondansetron 4.0 mg", "normal saline", "nitroglycerin"], 4, 4),
        (["yes", "no", None, "no"], 1, 3),
        (["no", "ondansetron", "labetalol", None], 2, 3),
        (["none", "Ondansetron 4 mg", "unknown", "nil"], 1, 3),
        ([0, 1, 2, None], 2, 3),
    ],
)
def test_rescue_medication_is_yes_or_no_a_word_or_a_number(given, n_events, n):
    found = row(safety_events(clinic(4, 1, sessions={"rescue_medication": given})), "rescue medication given")
    if not n:
        assert found["method"] == "not recorded"
        return
    assert (found["n_events"], found["n"], found["n_not_recorded"]) == (n_events, n, 4 - n)


def test_words_that_are_taken_as_a_medication_are_counted():
    given = ["yes", "ondansetron", "labetalol", "no"]
    result = safety_events(clinic(4, 1, sessions={"rescue_medication": given}))
    assert any("in 2 sessions a word other than yes" in note for note in result.notes)


def test_sessions_stopped_early_are_out_of_those_with_a_flag():
    flags = ["yes", "no", None, "no", "no", "yes"]
    result = safety_events(clinic(3, 2, sessions={"stopped_early": flags}))
    found = row(result, "session stopped early")
    assert found[["n_events", "n", "n_patients", "n_patients_with", "n_not_recorded"]].tolist() == [
        2,
        5,
        3,
        2,
        1,
    ]
    assert found["estimate"] == pytest.approx(0.4)


STATUS = [
    (0, {"status": "ongoing", "reason": None}),
    (1, {"status": "stopped", "reason": "Side effects"}),
    (2, {"status": "stopped", "reason": None}),  # why is not known
    (3, {"status": "completed", "reason": None}),
    (4, {"status": "lost to follow-up", "reason": "cost"}),
    (5, {"status": "stopped", "reason": "adverse event: hypertension"}),
    (6, {"status": "stopped", "reason": "no side effects, no benefit"}),
    (7, {"status": "withdrawn", "reason": "could not tolerate / intolerance"}),
]


def test_stops_for_a_side_effect_are_found_by_their_words_out_of_those_whose_reason_is_known():
    # Patient 8 has no row at all.
    result = safety_events(clinic(9, 1, status=STATUS))
    found = row(result, "stopped for a side effect", "patient")
    assert found[COUNTS].tolist() == [3, 7, 2, 0]
    # Lower bound 3 of all 9, upper bound 5 of 9; the share is of the seven who are known.
    assert found[BOUNDS].tolist() == [3 / 7, 3 / 9, 5 / 9]
    # Clopper and Pearson of 3/9 and 5/9: qbeta(.025, 3, 7), qbeta(.975, 6, 4) in R.
    limits = [0.07485463, 0.86300434]
    np.testing.assert_allclose(found[["conf_low", "conf_high"]].astype(float), limits, atol=1e-8)
    assert set(result.table["event"]).isdisjoint({"death", "hospital admission"})
    assert any(
        note.startswith("2 patients without a status, or gone without a reason") for note in result.notes
    )


def test_reasons_that_say_nothing_are_unknown_and_those_in_treatment_or_at_a_planned_end_did_not_stop():
    status = [
        (0, {"status": "ongoing", "reason": "side effects"}),
        (1, {"status": "completed", "reason": "side effects"}),
        (2, {"status": "lost to follow-up", "reason": "no contact"}),
        (3, {"status": "stopped", "reason": "other"}),
        (4, {"status": "stopped", "reason": "moved"}),
        (5, {"status": "stopped", "reason": "no benefit, side effects"}),
        (6, {"status": "stopped", "reason": "nausea and vomiting"}),
        (7, {"status": "stopped", "reason": "no AEs, moved away"}),
        (8, {"status": None, "reason": "side effects"}),  # whether treatment stopped is not known
    ]
    cohort = clinic(9, 1, status=status)
    for synonyms in (None, False):
        result = safety_events(cohort, synonyms=synonyms)
        assert row(result, "stopped for a side effect", "patient")[COUNTS].tolist() == [2, 6, 3, 0]
    words = " ".join(result.notes)
    assert "6 patients who stopped have a reason in words: 1 with words for side effects, 1 with" in words
    assert "1 with words for side effects that are denied, 2 that say nothing" in words
    assert "1 patient without a status, or gone without a reason" in words
    assert "nausea" not in words


def test_deaths_and_admissions_have_a_row_only_where_there_is_such_a_word():
    status = [
        *STATUS[:4],
        (4, {"status": "died", "reason": None}),
        (5, {"status": "stopped", "reason": "Hospitalised"}),
    ]
    result = safety_events(clinic(6, 1, status=status))
    assert row(result, "death", "patient")[["n_events", "n"]].tolist() == [1, 5]
    # Of the one who died it is not known why treatment ended.
    assert row(result, "hospital admission", "patient")[["n_events", "n"]].tolist() == [1, 4]
    assert row(result, "stopped for a side effect", "patient")[["n_events", "n"]].tolist() == [1, 4]


@pytest.mark.parametrize("place", range(3))
def test_stops_beside_the_published_share_are_those_of_r(place):
    expected = REFERENCE["beside"][place]
    n, x = expected["n"], expected["n_events"]
    names = [f"P{number:03d}" for number in range(n)]
    reasons = ["side effects" if number < x else "cost" for number in range(n)]
    cohort = assemble(
        {
            "patients": pd.DataFrame({"patient_id": names}),
            "sessions": pd.DataFrame({"patient_id": names, "hour": 0.0, "route": "IV"}),
            "disposition": pd.DataFrame(
                {"patient_id": names, "hour": 900.0, "status": "stopped", "reason": reasons}
            ),
        }
    )
    result = safety_events(cohort)
    found = result.published.iloc[0]
    assert (found["n_events"], found["n"], found["published_events"], found["published_n"]) == (
        x,
        n,
        47,
        6630,
    )
    names = ["p_value", "mid_p", "difference", "difference_conf_low", "difference_conf_high"]
    wanted = np.array([expected[key] for key in ("p_value", "mid_p", "difference", "low", "high")])
    wanted[:2] = np.where(n * 47 / 6630 >= 1, wanted[:2], np.nan)
    np.testing.assert_allclose(found[names].astype(float), wanted, rtol=1e-6)
    # Byar (Breslow and Day 1987): x (1 - 1/(9x) -+ z / (3 sqrt x))^3, with x + 1 above; over the expected.
    z, mean = 1.959963984540054, n * 47 / 6630
    low = x * (1 - 1 / (9 * x) - z / (3 * np.sqrt(x))) ** 3 if x else 0.0
    high = (x + 1) * (1 - 1 / (9 * (x + 1)) + z / (3 * np.sqrt(x + 1))) ** 3
    ratio = found[["expected", "ratio", "conf_low", "conf_high"]].astype(float)
    # With fewer than one expected there is no ratio and no P.
    is_given = np.array([True] + [mean >= 1] * 3)
    wanted = np.where(is_given, [mean, x / mean, low / mean, high / mean], np.nan)
    np.testing.assert_allclose(ratio, wanted, rtol=1e-9)
    assert "(unverified)" in result.summary() or benchmarks("stopped_for_side_effects")[0].verified
    assert safety_events(cohort, published=False).published is None


def test_groups_are_the_session_s_own_per_session_and_those_of_session_1_per_patient():
    flags = ["yes", "no", "no", "no"]
    cohort = clinic(2, 2, sessions={"stopped_early": flags, "setting": ["a", "b", "b", None]})
    result = safety_events(cohort, by="setting")
    counts = ["n_events", "n"]
    event = "session stopped early"
    assert row(result, event, setting="a")[counts].tolist() == [1, 1]
    assert row(result, event, setting="b")[counts].tolist() == [0, 2]
    assert row(result, event, "patient", setting="a")[counts].tolist() == [1, 1]
    assert row(result, event, "patient", setting="b")[counts].tolist() == [0, 1]
    assert any("1 sessions left out: 'setting' is missing" in note for note in result.notes)
    alone = safety_events(cohort).table
    assert alone.loc[alone["event"] == event, "n_events"].tolist() == [1, 1]


def test_a_cohort_without_any_record_has_no_number_at_all():
    result = safety_events(clinic(3, 2))
    assert (result.table["method"] == "not recorded").all()
    assert result.table[["n_events", "n", "estimate"]].isna().all(axis=None)
    assert "not zero" in result.summary()


def test_malformed_arguments_are_refused():
    cohort = clinic(2, 1)
    for options in ({"level": 95}, {"ascertainment": "asked"}, {"published": 1}, {"by": "per"}, {"by": "x"}):
        with pytest.raises(DataError):
            safety_events(cohort, **options)


@pytest.mark.parametrize("per", ["session", "patient"])
@pytest.mark.parametrize(
    ("event", "asked"),
    [("severe side effect", {"severity": "severe"}), ("serious side effect", {"serious": True})],
)
def test_severe_and_serious_ones_are_counted_as_side_effect_rates_counts_them(sample, per, event, asked):
    cohort = load_cohort(sample)
    rates = side_effect_rates(cohort, per=per, **asked).table
    rates = rates[rates["effect"] == "any side effect"].set_index("ascertainment").sort_index()
    table = safety_events(cohort).table
    ours = table[(table["event"] == event) & (table["per"] == per)].set_index("ascertainment").sort_index()
    names = ["n_events", "n", "n_unknown", "estimate", "estimate_high", "conf_low"]
    pd.testing.assert_frame_equal(
        ours[names].astype(float), rates[names].astype(float), check_names=False, check_index_type=False
    )


def test_the_sample_is_within_what_it_holds(sample):
    cohort = load_cohort(sample)
    table = safety_events(cohort).table
    per_session = table[(table["per"] == "session") & (table["method"] != "not recorded")]
    assert (per_session["n"] + per_session["n_not_recorded"] == len(cohort.sessions)).all()
    assert ((per_session["conf_low"] <= per_session["estimate"])
            & (per_session["estimate"] <= per_session["conf_high"])).all()  # fmt: skip
    raw = pd.read_csv(sample / "sessions.csv")["stopped_early"].eq("yes").sum()
    stopped = per_session.loc[per_session["event"] == "session stopped early", "n_events"].item()
    # One session of the file is a copy, and one is of an unknown patient.
    assert raw - 2 <= stopped <= raw
