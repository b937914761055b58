"""Denominators, severities, words, exposure and comparisons of side-effect rates, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.safety_events import safety_events
from ketaoutcomes.analysis.side_effect_course import side_effect_course
from ketaoutcomes.analysis.side_effect_factors import side_effect_factors
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.analysis.side_effect_timing import side_effect_timing
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.errors import DataError


def clinic(effects, n_sessions, *, days_apart=2.0, recorded=None, patients=None):
    """A cohort from rows (patient, session, effect, severity) and the number of sessions of each patient."""
    sessions = pd.DataFrame(
        [
            {"patient_id": name, "hour": 24.0 * days_apart * k, "route": "IV", "part": "a" if k == 0 else "b"}
            for name, n in n_sessions.items()
            for k in range(n)
        ]
    )
    if recorded is not None:
        sessions["side_effects_recorded"] = recorded
    found = pd.DataFrame(effects, columns=["patient_id", "session", "effect", "severity"])
    found["ascertainment"] = "checklist"
    people = pd.DataFrame({"patient_id": list(n_sessions)}) if patients is None else patients
    return assemble({"patients": people, "sessions": sessions, "side_effects": found})


def row_of(table, effect, **chosen):
    for name, value in {"effect": effect, **chosen}.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


# A: three sessions, all recorded. B: two, of which one has a record. C: one without.
FOUND = [
    ("A", 1, "drowsy", "severe"), ("A", 1, "nausea", "mild"), ("A", 2, "sleepy", "mild"),
    ("A", 2, "drowsiness", "moderate"), ("A", 3, "none", None),
    ("B", 1, "nausea", None),
]  # fmt: skip
SESSIONS = {"A": 3, "B": 2, "C": 1}


def test_half_of_the_sessions_recorded_is_half_of_the_denominator():
    # 40 patients of 4 sessions; the first two of each have a record, a quarter of these with nausea.
    names = [f"P{k:02d}" for k in range(40)]
    rows = [(name, 1, "nausea" if k % 2 else "none", None) for k, name in enumerate(names)]
    rows += [(name, 2, "none", None) for name in names]
    result = side_effect_rates(clinic(rows, dict.fromkeys(names, 4)))
    nausea = row_of(result.table, "nausea")
    assert (nausea["n_events"], nausea["n"], nausea["n_patients"]) == (20, 80, 40)
    assert nausea["estimate"] == 0.25
    assert result.records[["n_sessions", "n_recorded", "n_not_recorded", "recorded"]].iloc[0].tolist() == [
        160, 80, 80, 0.5,
    ]  # fmt: skip
    assert "80 of 160 sessions (50%) have side effects recorded" in result.notes[0]
    assert "80 without a record are left out, not counted as none" in result.notes[0]


def test_words_with_one_preferred_name_are_one_effect_of_a_session():
    result = side_effect_rates(clinic(FOUND, SESSIONS))
    drowsy = row_of(result.table, "somnolence")
    # "sleepy" and "drowsiness" of session 2 are one; of the four recorded sessions two have it.
    assert (drowsy["n_events"], drowsy["n"], drowsy["n_patients_with_event"]) == (2, 4, 1)
    assert "4 different words for effects were recorded" in " ".join(result.notes)
    as_recorded = side_effect_rates(clinic(FOUND, SESSIONS), synonyms=False).table
    assert set(as_recorded["effect"]) == {"any side effect", "drowsy", "drowsiness", "sleepy", "nausea"}
    own = side_effect_rates(clinic(FOUND, SESSIONS), synonyms={"sedation": ["drowsy"]}).table
    assert row_of(own, "sedation")["n_events"] == 1
    assert row_of(own, "somnolence")["n_events"] == 1


def test_at_least_a_severity_with_bounds_where_it_is_not_stated():
    table = side_effect_rates(clinic(FOUND, SESSIONS), severity="moderate").table
    # The worst of session 2's two words is moderate. B's nausea has no severity.
    columns = ["n_events", "n", "n_unknown", "estimate", "estimate_high"]
    assert row_of(table, "somnolence")[columns].tolist() == [2, 4, 0, 0.5, 0.5]
    assert row_of(table, "nausea")[columns].tolist() == [0, 4, 1, 0.0, 0.25]
    assert row_of(table, "any side effect")[columns].tolist() == [2, 4, 1, 0.5, 0.75]
    per_patient = side_effect_rates(clinic(FOUND, SESSIONS), per="patient", severity="severe").table
    assert row_of(per_patient, "any side effect")[columns].tolist() == [1, 2, 1, 0.5, 1.0]
    per_100 = side_effect_rates(clinic(FOUND, SESSIONS), per="100_sessions", severity="moderate").table
    assert row_of(per_100, "nausea")[columns].tolist() == [0, 4, 1, 0.0, 25.0]


def test_an_effect_that_was_recorded_is_at_least_mild():
    of_any, mild = (side_effect_rates(clinic(FOUND, SESSIONS), severity=s).table for s in (None, "mild"))
    assert mild["n_events"].tolist() == of_any["n_events"].tolist()
    assert (mild["n_unknown"] == 0).all()
    assert (mild["estimate"] == mild["estimate_high"]).all()


def test_a_severity_ticked_only_when_severe_gives_bounds_and_not_100_per_cent():
    # 30 patients with nausea each; severity stated for the three severe ones alone.
    rows = [(f"P{k:02d}", 1, "nausea", "severe" if k < 3 else None) for k in range(30)]
    result = side_effect_rates(clinic(rows, {f"P{k:02d}": 1 for k in range(30)}), severity="severe")
    nausea = row_of(result.table, "nausea")
    columns = ["n_events", "n", "n_unknown", "estimate", "estimate_high"]
    assert nausea[columns].tolist() == [3, 30, 27, 0.1, 1.0]
    assert nausea["conf_low"] < 0.1
    assert nausea["conf_high"] == 1
    assert any("27 effects were recorded without a severity" in note for note in result.notes)
    assert "10–100%" in result.summary()


def test_no_difference_is_given_where_a_group_has_bounds_only():
    names = [f"P{k:02d}" for k in range(60)]
    people = pd.DataFrame({"patient_id": names, "sex": ["f"] * 30 + ["m"] * 30})
    rows = [(name, 1, "nausea", "severe" if k < 40 else None) for k, name in enumerate(names)]
    rows += [(name, 1, "vomiting", "severe" if k % 2 else "mild") for k, name in enumerate(names)]
    cohort = clinic(rows, dict.fromkeys(names, 1), patients=people)
    for per in ("patient", "session"):
        found = side_effect_rates(cohort, per=per, by="sex", reference="f", severity="severe").comparisons
        assert np.isnan(row_of(found, "nausea")["difference"])
        assert row_of(found, "nausea")["method"].startswith("not known")
        assert row_of(found, "vomiting")["difference"] == 0


def test_two_sessions_at_one_hour_do_not_stop_a_rate_per_patient_year():
    found = pd.DataFrame(
        {"patient_id": ["A", "A", "B"], "session": [1, 2, 1], "effect": ["nausea", "nausea", "none"]}
    ).assign(ascertainment=["checklist", "spontaneous", "checklist"])
    sessions = pd.DataFrame({"patient_id": ["A", "A", "B"], "hour": [0.0, 0.0, 0.0], "session": [1, 2, 1]})
    people = pd.DataFrame({"patient_id": ["A", "B"]})
    cohort = assemble({"patients": people, "sessions": sessions.assign(route="IV"), "side_effects": found})
    table = side_effect_rates(cohort, per="patient_year").table
    assert table["estimate"].notna().all()


def test_a_model_says_when_patients_are_too_few_for_it_and_gives_no_bounds():
    few = side_effect_rates(clinic(FOUND, SESSIONS), model="beta-binomial")
    assert any("fewer than 20 the model's limits are too short" in note for note in few.notes)
    with pytest.raises(DataError, match="there are only bounds"):
        side_effect_rates(clinic(FOUND, SESSIONS), model="beta-binomial", severity="severe")


def test_each_severity_counts_a_session_once_under_its_worst():
    table = side_effect_rates(clinic(FOUND, SESSIONS), severity="each").table
    worst = table[table["effect"] == "any side effect"].set_index("severity")["n_events"]
    assert worst.to_dict() == {"mild": 0, "moderate": 1, "severe": 1, "not stated": 1}
    nausea = table[table["effect"] == "nausea"].set_index("severity")["n_events"]
    assert nausea.to_dict() == {"mild": 1, "moderate": 0, "severe": 0, "not stated": 1}
    per_patient = side_effect_rates(clinic(FOUND, SESSIONS), severity="each", per="patient").table
    drowsy = per_patient[per_patient["effect"] == "somnolence"].set_index("severity")["n_events"]
    assert drowsy.to_dict() == {"mild": 0, "moderate": 0, "severe": 1, "not stated": 0}


def test_per_100_sessions_counts_every_effect_of_a_session():
    table = side_effect_rates(clinic(FOUND, SESSIONS), per="100_sessions").table
    # Somnolence and nausea in A's first session, somnolence in the second, nausea in B's: 4 in 4 sessions.
    total = row_of(table, "any side effect")
    assert (total["n_events"], total["n"], total["estimate"]) == (4, 4, 100.0)
    assert row_of(table, "nausea")["estimate"] == 50.0


def test_patient_years_are_those_that_recorded_sessions_carry():
    # A's sessions carry 2, 2 and (the last one) 30 days; B's recorded one 2 days; the rest nothing.
    table = side_effect_rates(clinic(FOUND, SESSIONS), per="patient_year").table
    total = row_of(table, "any side effect")
    np.testing.assert_allclose(total["patient_years"], 36 / 365.25, rtol=1e-12)
    np.testing.assert_allclose(total["estimate"], 4 / (36 / 365.25), rtol=1e-12)
    shorter = side_effect_rates(clinic(FOUND, SESSIONS), per="patient_year", at_risk_days=1).table
    np.testing.assert_allclose(row_of(shorter, "any side effect")["patient_years"], 4 / 365.25, rtol=1e-12)


def test_only_the_first_sessions_of_each_patient():
    result = side_effect_rates(clinic(FOUND, SESSIONS), first_sessions=1)
    total = row_of(result.table, "any side effect")
    assert (total["n_events"], total["n"]) == (2, 2)
    assert any("sessions 1 to 1 of each patient: 2 of 3" in note for note in result.notes)


def test_nothing_in_20_sessions_has_both_limits():
    names = [f"P{k}" for k in range(10)]
    rows = [(name, session, "none", None) for name in names for session in (1, 2)]
    result = side_effect_rates(clinic(rows, dict.fromkeys(names, 2)))
    none = row_of(result.table, "any side effect")
    # 1 - 0.025^(1/10) and 1 - 0.025^(1/20): R 4.2.2 binom.test(0, 20) has 0.1684335.
    np.testing.assert_allclose(none["conf_high"], 1 - 0.025 ** (1 / 10), rtol=1e-12)
    np.testing.assert_allclose(none["conf_high_sessions"], 0.168433471, atol=1e-9)
    assert "none in 20 sessions of 10 patients" in result.summary()
    assert "if sessions were independent" in result.summary()


def test_differences_of_patients_are_newcombe_s_and_fisher_s():
    names = [f"P{k:02d}" for k in range(40)]
    people = pd.DataFrame({"patient_id": names, "sex": ["f"] * 20 + ["m"] * 20})
    rows = [(name, 1, "nausea" if k < 8 or k in (20, 21) else "none", None) for k, name in enumerate(names)]
    cohort = clinic(rows, dict.fromkeys(names, 1), patients=people)
    found = side_effect_rates(cohort, per="patient", by="sex", reference="m").comparisons
    nausea = row_of(found, "nausea", sex="f")
    assert nausea[["n_events", "n", "reference_n_events", "reference_n"]].tolist() == [8, 20, 2, 20]
    np.testing.assert_allclose(nausea["difference"], 0.3)
    # R 4.2.2: fisher.test(matrix(c(8, 12, 2, 18), 2))$p.value. Newcombe's method 10 by its formula.
    np.testing.assert_allclose(nausea["p_value"], 0.06483316, atol=1e-7)
    low, high = newcombe_by_hand(8, 20, 2, 20)
    np.testing.assert_allclose([nausea["conf_low"], nausea["conf_high"]], [low, high], atol=1e-9)


def newcombe_by_hand(a, n, b, m):
    z = 1.959963984540054

    def wilson(x, k):
        centre, half = x + z * z / 2, z * np.sqrt(x * (k - x) / k + z * z / 4)
        return (centre - half) / (k + z * z), (centre + half) / (k + z * z)

    (l1, u1), (l2, u2), p, q = wilson(a, n), wilson(b, m), a / n, b / m
    low = p - q - np.sqrt((p - l1) ** 2 + (u2 - q) ** 2)
    return low, p - q + np.sqrt((u1 - p) ** 2 + (q - l2) ** 2)


def test_differences_of_sessions_allow_for_patients():
    # Two sessions each; a patient's sessions are always alike, so 80 patients carry the information of 80.
    names = [f"P{k:02d}" for k in range(80)]
    people = pd.DataFrame({"patient_id": names, "sex": ["f"] * 40 + ["m"] * 40})
    sick = {name for k, name in enumerate(names) if k < 22 or 40 <= k < 50}
    rows = [(name, s, "nausea" if name in sick else "none", None) for name in names for s in (1, 2)]
    cohort = clinic(rows, dict.fromkeys(names, 2), patients=people)
    found = side_effect_rates(cohort, by="sex", reference="m").comparisons
    nausea = row_of(found, "nausea", sex="f")
    # CR2 with equal clusters is the standard error of Welch's t on the patients' means, here 22 ones of 40
    # and 10 of 40: sqrt(.55 * .45 / 39 + .25 * .75 / 39).
    np.testing.assert_allclose(nausea["difference"], 0.3)
    np.testing.assert_allclose(nausea["std_error"], np.sqrt((0.2475 + 0.1875) / 39), rtol=1e-10)
    assert nausea["n"] == 80
    assert nausea["method"] == "CR2, t"


def test_a_group_without_an_event_is_compared_by_square_and_add():
    names = [f"P{k:02d}" for k in range(30)]
    people = pd.DataFrame({"patient_id": names, "sex": ["f"] * 15 + ["m"] * 15})
    rows = [(name, 1, "nausea" if k < 5 else "none", None) for k, name in enumerate(names)]
    cohort = clinic(rows, dict.fromkeys(names, 1), patients=people)
    nausea = row_of(side_effect_rates(cohort, by="sex", reference="m").comparisons, "nausea", sex="f")
    assert nausea["method"] == "square-and-add"
    assert np.isnan(nausea["p_value"])
    assert nausea["conf_low"] < nausea["difference"] < nausea["conf_high"]


def test_fewer_than_20_patients_have_no_p_value():
    names = [f"P{k}" for k in range(8)]
    people = pd.DataFrame({"patient_id": names, "sex": ["f"] * 4 + ["m"] * 4})
    rows = [(name, 1, "nausea" if k % 3 else "none", None) for k, name in enumerate(names)]
    cohort = clinic(rows, dict.fromkeys(names, 1), patients=people)
    for per in ("session", "patient"):
        found = side_effect_rates(cohort, per=per, by="sex", reference="m").comparisons
        assert found["p_value"].isna().all()
        assert found["difference"].notna().all()


def test_models_stand_in_for_the_robust_interval_and_say_so():
    rng = np.random.default_rng(8)
    names = [f"P{k:02d}" for k in range(60)]
    risk = rng.beta(0.5, 1.5, 60)
    rows = [
        (name, s, "nausea" if rng.random() < p else "none", None)
        for name, p in zip(names, risk, strict=True)
        for s in (1, 2, 3, 4)
    ]
    cohort = clinic(rows, dict.fromkeys(names, 4))
    beta = row_of(side_effect_rates(cohort, model="beta-binomial").table, "nausea")
    robust = row_of(side_effect_rates(cohort).table, "nausea")
    assert beta["method"] == "beta-binomial mean of patients' rates, profile likelihood"
    assert abs(beta["estimate"] - robust["estimate"]) < 0.05  # two estimators of one mean, equal sizes
    assert 0 < beta["rho"] < 1
    counts = row_of(
        side_effect_rates(cohort, per="100_sessions", model="negative-binomial").table, "nausea"
    )
    assert counts["method"] == "negative binomial"
    # With equal exposure the maximum-likelihood rate of the negative binomial is events over sessions.
    np.testing.assert_allclose(counts["estimate"], 100 * robust["estimate"], rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"severity": "grave"}, "severity"),
        ({"ascertainment": "guess"}, "ascertainment"),
        ({"serious": 2}, "serious"),
        ({"first_sessions": 0}, "first_sessions"),
        ({"reference": "IV"}, "by is needed"),
        ({"by": "route", "reference": "oral"}, "must be one of the levels of 'route': IV"),
        ({"model": "beta-binomial", "per": "patient"}, 'goes with per="session"'),
        ({"model": "negative-binomial"}, 'goes with per="100_sessions" or per="patient_year"'),
        ({"model": "poisson"}, "model"),
        ({"at_risk_days": 0}, "at_risk_days"),
        ({"effects": [3]}, "names of side effects"),
        ({"per": "patient_year", "by": "part", "reference": "a"}, "reference goes with"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(DataError, match=message):
        side_effect_rates(clinic(FOUND, SESSIONS), **wrong)


def test_every_question_of_a_cohort_without_a_record_has_no_row():
    people = pd.DataFrame({"patient_id": ["A"]})
    sessions = pd.DataFrame({"patient_id": ["A"], "hour": [0.0], "route": ["IV"]})
    cohort = assemble({"patients": people, "sessions": sessions})
    for options in (
        {"per": "session"}, {"per": "patient"}, {"per": "100_sessions"}, {"per": "patient_year"},
        {"severity": "each"}, {"severity": "mild", "by": "route"}, {"model": "beta-binomial"},
        {"by": "route", "reference": "IV"},
    ):  # fmt: skip
        result = side_effect_rates(cohort, **options)
        assert len(result.table) == 0
        assert "not recorded" in result.notes[0]
        assert result.records["n_recorded"].sum() == 0
        assert "No rows." in result.summary()


def test_by_month_or_any_group_the_columns_are_the_same_with_and_without_rows():
    full = side_effect_rates(clinic(FOUND, SESSIONS), by="part", severity="each").table
    people = pd.DataFrame({"patient_id": ["A"]})
    sessions = pd.DataFrame({"patient_id": ["A"], "hour": [0.0], "route": ["IV"], "part": ["a"]})
    empty = side_effect_rates(
        assemble({"patients": people, "sessions": sessions}), by="part", severity="each"
    ).table
    assert list(full.columns) == list(empty.columns)


def test_a_name_that_was_never_recorded_is_named_with_what_may_be_meant():
    with pytest.raises(DataError, match=r"'nausia' \(did you mean 'nausea'\?\)"):
        side_effect_rates(clinic(FOUND, SESSIONS), effects="nausia")


def test_a_way_of_asking_that_nobody_used_is_refused_with_those_used():
    with pytest.raises(DataError, match="no record was asked for in that way; there are: checklist"):
        side_effect_rates(clinic(FOUND, SESSIONS), ascertainment="scale")


def test_words_are_listed_with_the_effect_under_which_they_stand():
    words = side_effect_rates(clinic(FOUND, SESSIONS)).words
    assert words.to_dict("list") == {
        "word": ["nausea", "drowsiness", "drowsy", "sleepy"],
        "effect": ["nausea", "somnolence", "somnolence", "somnolence"],
        "in_table": [True] * 4,
        "n": [2, 1, 1, 1],
    }


def test_a_word_that_joins_effects_counts_as_each_of_them_in_one_session():
    rows = [
        ("A", 1, "Nausea & vomiting", "severe"), ("B", 1, "N/V", None), ("C", 1, "nausea", "mild"),
        ("C", 2, "none", None),
    ]  # fmt: skip
    cohort = clinic(rows, {"A": 1, "B": 1, "C": 2})
    result = side_effect_rates(cohort)
    assert row_of(result.table, "nausea")[["n_events", "n"]].tolist() == [3, 4]
    assert row_of(result.table, "vomiting")[["n_events", "n"]].tolist() == [2, 4]
    assert row_of(result.table, "any side effect")["n_events"] == 3
    severe = side_effect_rates(cohort, severity="severe").table
    assert row_of(severe, "vomiting")[["n_events", "n_unknown"]].tolist() == [1, 1]
    assert result.words.query("word == 'n/v'")["effect"].tolist() == ["nausea, vomiting"]
    timing = side_effect_timing(cohort, "vomiting", checks=None, n_replicates=40).table
    assert (timing.loc[timing["effect"] == "vomiting", "n"] == 2).all()


def test_words_beside_unknown_ones_and_own_words_that_nobody_wrote_are_counted_in_a_note():
    rows = [("A", 1, "nausea and spots", None), ("B", 1, "cuts and bruises", None)]
    cohort = clinic(rows, {"A": 1, "B": 1})
    notes = " ".join(side_effect_rates(cohort, synonyms={"nausea": ["barfing"]}).notes)
    assert "1 of these words name an effect beside others that are in no table" in notes
    assert "1 of the clinic's own synonyms are in no row" in notes
    assert "no preferred name" not in " ".join(side_effect_rates(cohort, synonyms=False).notes)


def test_the_clinic_s_settings_bring_its_words_everywhere():
    frames = {
        "patients": pd.DataFrame({"patient_id": ["A", "B"]}),
        "sessions": pd.DataFrame({"patient_id": ["A", "B"], "hour": [0.0, 0.0], "route": ["IV", "IV"]}),
        "side_effects": pd.DataFrame(
            {"patient_id": ["A", "B"], "session": [1, 1], "effect": ["spacey", "none"]}
        ),
    }
    cohort = assemble(frames, {"side_effect_names": {"dissociation": ["spacey", "floaty"]}})
    assert row_of(side_effect_rates(cohort).table, "dissociation")["n_events"] == 1
    assert row_of(side_effect_rates(cohort, synonyms=False).table, "spacey")["n_events"] == 1
    own = side_effect_rates(cohort, synonyms={"feeling odd": ["spacey"]}).table
    assert row_of(own, "feeling odd")["n_events"] == 1
    assert cohort.fingerprint != assemble(frames).fingerprint


def test_provenance_says_that_own_words_were_used_and_not_which():
    cohort = clinic(FOUND, SESSIONS)
    own = {"sedation": ["drowsy"]}
    for function in (side_effect_rates, side_effect_course, side_effect_factors, safety_events):
        for synonyms, told in ((own, "the clinic's own"), (None, None), (False, False)):
            found = function(cohort, synonyms=synonyms).provenance["arguments"]["synonyms"]
            assert found == told
