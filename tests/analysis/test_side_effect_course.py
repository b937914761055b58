"""Side effects over the sessions: hand counts, closed forms, statsmodels, and what must not be shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.discrete.conditional_models import ConditionalLogit

import ketaoutcomes
from ketaoutcomes.analysis.side_effect_course import side_effect_course
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.engine.rates import cluster_ratio
from ketaoutcomes.errors import DataError, PrivacyError
from ketaoutcomes.report.released import opened


def clinic(effects, *, n_sessions, patients=None, recorded=None):
    """A cohort from effects (patient, session, effect[, way[, severity]]) and sessions per patient."""
    sessions = pd.DataFrame(
        [
            {"patient_id": name, "hour": 72.0 * k, "route": "IV"}
            for name, n in n_sessions.items()
            for k in range(n)
        ]
    )
    if recorded is not None:
        sessions["side_effects_recorded"] = recorded
    if patients is None:
        patients = pd.DataFrame({"patient_id": list(n_sessions)})
    frames = {"patients": patients, "sessions": sessions}
    if effects is not None:
        usual = ("", 0, "", "checklist", None)
        rows = [(*row, *usual[len(row) :]) for row in effects]
        columns = ["patient_id", "session", "effect", "ascertainment", "severity"]
        frames["side_effects"] = pd.DataFrame(rows, columns=columns)
    return assemble(frames)


def balanced(n_patients, n_sessions, seed=5, slope=-0.4):
    """Everybody with as many recorded sessions: effects (rows), and the outcome (patients, sessions)."""
    rng = np.random.default_rng(seed)
    prone = rng.normal(0, 1, n_patients)[:, None]
    log_odds = 0.2 + prone + slope * np.log2(np.arange(1, n_sessions + 1))
    had = rng.random((n_patients, n_sessions)) < 1 / (1 + np.exp(-log_odds))
    names = [f"P{number:03d}" for number in range(n_patients)]
    effects = [
        (name, session + 1, "nausea" if had[place, session] else "none")
        for place, name in enumerate(names)
        for session in range(n_sessions)
    ]
    return clinic(effects, n_sessions=dict.fromkeys(names, n_sessions)), had.astype(float)


EFFECTS = [
    ("A", 1, "nausea"), ("A", 1, "dizziness"), ("A", 2, "none"), ("A", 3, "nausea"),
    ("B", 1, "none"), ("B", 2, "dizziness"),
    ("C", 2, "nausea"),
]  # fmt: skip
SESSIONS = {"A": 4, "B": 2, "C": 2}


@pytest.fixture(scope="module")
def sampled(sample):
    cohort = ketaoutcomes.load_cohort(sample)
    return cohort, side_effect_course(cohort)


def pick(table, **cells):
    for column, value in cells.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


# ---------------------------------------------------------------- by number


def test_rates_by_number_are_counted_by_hand():
    table = side_effect_course(clinic(EFFECTS, n_sessions=SESSIONS), groups=(1, (2, 3), (4, None))).table
    first = pick(table, effect="nausea", session_group="1")
    assert (first["n_events"], first["n"], first["n_patients"], first["n_not_recorded"]) == (1, 2, 2, 1)
    # Sessions 2 and 3: A none and nausea, B dizziness, C nausea.
    later = pick(table, effect="nausea", session_group="2–3")
    assert (later["n_events"], later["n"], later["n_patients"], later["n_not_recorded"]) == (2, 4, 3, 0)
    assert (later["from_session"], later["to_session"]) == (2, 3)
    assert pick(table, effect="any side effect", session_group="2–3")["n_events"] == 3
    # A's fourth session has no record: no rate, and not 0.
    last = pick(table, effect="nausea", session_group="4+")
    assert (last["n"], last["n_not_recorded"], last["method"]) == (0, 1, "no trials")
    assert np.isnan(last["estimate"])
    assert np.isinf(last["to_session"])


def test_limits_by_number_are_the_cluster_robust_ones():
    cohort, had = balanced(30, 5)
    row = pick(
        side_effect_course(cohort, groups=((1, 2), (3, 5))).table, effect="nausea", session_group="3–5"
    )
    direct = cluster_ratio(had[:, 2:].sum(axis=1), np.full(30, 3.0))
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (
        direct.estimate,
        direct.conf_low,
        direct.conf_high,
    )


def test_the_sums_over_groups_are_those_of_all_sessions(sampled):
    cohort, result = sampled
    rates = ketaoutcomes.side_effect_rates(cohort).table
    both = result.table.groupby(["effect", "ascertainment"])[["n_events", "n"]].sum()
    expected = rates.set_index(["effect", "ascertainment"])[["n_events", "n"]].sort_index()
    pd.testing.assert_frame_equal(both.sort_index(), expected, check_dtype=False)
    single = result.by_session.groupby(["effect", "ascertainment"])[["n_events", "n"]].sum()
    pd.testing.assert_frame_equal(single.sort_index(), expected, check_dtype=False)
    way = result.table[(result.table["ascertainment"] == "checklist") & (result.table["effect"] == "nausea")]
    recorded = set(zip(cohort.side_effects["patient_id"], cohort.side_effects["session"], strict=True))
    assert way["n_not_recorded"].sum() <= len(cohort.sessions) - len(recorded)


def test_ways_of_asking_are_never_pooled_and_one_can_be_chosen():
    effects = [
        ("A", 1, "nausea", "checklist"),
        ("A", 1, "nausea", "spontaneous"),
        ("B", 1, "none", "checklist"),
    ]
    cohort = clinic(effects, n_sessions={"A": 1, "B": 1})
    table = side_effect_course(cohort, groups=(1,)).table
    assert table[["effect", "ascertainment", "n_events", "n"]].to_numpy().tolist() == [
        ["any side effect", "checklist", 1, 2],
        ["nausea", "checklist", 1, 2],
        ["any side effect", "spontaneous", 1, 1],
        ["nausea", "spontaneous", 1, 1],
    ]
    one = side_effect_course(cohort, groups=(1,), ascertainment="spontaneous")
    assert set(one.table["ascertainment"]) == {"spontaneous"}
    none = side_effect_course(cohort, ascertainment="scale")
    assert none.table.empty
    assert any("not zero" in note for note in none.notes)


def test_a_severity_counts_what_is_at_least_so_bad():
    effects = [
        ("A", 1, "nausea", "checklist", "mild"), ("A", 2, "nausea", "checklist", "severe"),
        ("B", 1, "nausea", "checklist", "moderate"), ("B", 2, "nausea"),
    ]  # fmt: skip
    result = side_effect_course(
        clinic(effects, n_sessions={"A": 2, "B": 2}), groups=(1, 2), severity="moderate"
    )
    nausea = result.table[result.table["effect"] == "nausea"]
    assert nausea["n_events"].tolist() == [1, 1]
    assert nausea["n"].tolist() == [2, 2]


def test_groups_of_patients_are_apart():
    patients = pd.DataFrame({"patient_id": ["A", "B", "C"], "sex": ["f", "m", "f"]})
    result = side_effect_course(
        clinic(EFFECTS, n_sessions=SESSIONS, patients=patients), by="sex", groups=((1, None),)
    )
    nausea = result.table[result.table["effect"] == "nausea"]
    assert nausea[["sex", "n_events", "n"]].to_numpy().tolist() == [["f", 3, 4], ["m", 0, 2]]
    for table in (result.first_against_later, result.habituation, result.by_session):
        assert "sex" in table.columns


def test_the_clinic_s_own_words_are_one_effect():
    effects = [("A", 1, "queasy"), ("A", 2, "nauseous"), ("B", 1, "wobbly")]
    cohort = clinic(effects, n_sessions={"A": 2, "B": 1})
    result = side_effect_course(cohort, "queasy", groups=((1, None),), synonyms={"dizziness": ["wobbly"]})
    assert set(result.table["effect"]) == {"any side effect", "nausea"}
    assert pick(result.table, effect="nausea")["n_events"] == 2


# ---------------------------------------------------------------- first against later


def test_with_as_many_sessions_each_the_difference_is_that_of_paired_means():
    cohort, had = balanced(40, 4)
    row = pick(
        side_effect_course(cohort, "nausea").first_against_later,
        effect="nausea",
        patients="all",
        quantity="difference",
    )
    each = had[:, 0] - had[:, 1:].mean(axis=1)
    # With one design in all clusters CR2 is the variance of the mean of cluster differences, df = m - 1.
    error = each.std(ddof=1) / np.sqrt(40)
    half = 2.0226909 * error  # t(0.975, 39), R 4.2.2 qt(0.975, 39)
    assert row["estimate"] == pytest.approx(each.mean(), abs=1e-12)
    assert row["std_error"] == pytest.approx(error, rel=1e-9)
    assert row["df"] == pytest.approx(39, rel=1e-9)
    np.testing.assert_allclose(
        [row["conf_low"], row["conf_high"]], [each.mean() - half, each.mean() + half], atol=1e-7
    )


def test_the_odds_ratio_has_the_limits_of_its_logarithm_by_the_delta_method():
    cohort, had = balanced(40, 4)
    row = pick(
        side_effect_course(cohort, "nausea").first_against_later,
        effect="nausea",
        patients="all",
        quantity="odds ratio",
    )
    p, q = had[:, 0].mean(), had[:, 1:].mean()
    log_ratio = np.log(p / (1 - p)) - np.log(q / (1 - q))
    # Again one design in all clusters: the variance of the mean of each patient's linearised log odds ratio.
    each = (had[:, 0] - p) / (p * (1 - p)) - (had[:, 1:].mean(axis=1) - q) / (q * (1 - q))
    error = each.std(ddof=1) / np.sqrt(40)
    assert row["estimate"] == pytest.approx(np.exp(log_ratio), rel=1e-12)
    assert row["std_error"] == pytest.approx(error, rel=1e-9)
    limits = np.exp(log_ratio + 2.0226909 * error * np.array([-1, 1]))
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], limits, rtol=1e-6)


def test_only_patients_with_both_are_in_the_pairs():
    effects = [
        ("A", 1, "nausea"), ("A", 2, "none"), ("B", 1, "nausea"), ("C", 2, "nausea"), ("C", 3, "none"),
        ("D", 1, "none"), ("D", 3, "nausea"),
    ]  # fmt: skip
    table = side_effect_course(
        clinic(effects, n_sessions=dict.fromkeys("ABCD", 3)), "nausea"
    ).first_against_later
    table = table[table["effect"] == "nausea"].set_index(["patients", "quantity"])
    # B has no later record, C none of session 1.
    assert table.loc[("all", "session 1"), ["n_events", "n", "n_patients"]].tolist() == [2, 3, 3]
    assert table.loc[("all", "later sessions"), ["n_events", "n", "n_patients"]].tolist() == [2, 4, 3]
    assert table.loc[("all", "difference"), "n_patients"] == 4
    assert table.loc[("with both", "session 1"), ["n_events", "n", "n_patients"]].tolist() == [1, 2, 2]
    assert table.loc[("with both", "later sessions"), ["n_events", "n", "n_patients"]].tolist() == [1, 2, 2]


def test_with_few_events_the_limits_join_those_of_both_rates():
    effects = [(name, session, "none") for name in "ABCDEFGH" for session in (1, 2)]
    effects[0] = ("A", 1, "nausea")
    table = side_effect_course(
        clinic(effects, n_sessions=dict.fromkeys("ABCDEFGH", 2)), "nausea"
    ).first_against_later
    own = table[(table["effect"] == "nausea") & (table["patients"] == "all")].set_index("quantity")
    first, later, gap = (own.loc[name] for name in ("session 1", "later sessions", "difference"))
    # Zou and Donner (2008): d - root((p - l)^2 + (u' - p')^2), d + root((u - p)^2 + (p' - l')^2); p' = 0.
    assert gap["estimate"] == pytest.approx(1 / 8)
    low = 1 / 8 - np.hypot(1 / 8 - first["conf_low"], later["conf_high"])
    high = 1 / 8 + (first["conf_high"] - 1 / 8)
    np.testing.assert_allclose([gap["conf_low"], gap["conf_high"]], [low, high], atol=1e-12)
    assert gap["method"] == "from the limits of both rates"
    ratio = own.loc["odds ratio"]
    assert np.isnan(ratio["estimate"])
    assert ratio["method"] == "not estimable"


# ---------------------------------------------------------------- habituation


@pytest.mark.filterwarnings("ignore:Dropped .* groups")
def test_the_slope_within_patients_is_that_of_statsmodels():
    cohort, had = balanced(60, 6)
    table = side_effect_course(cohort, "nausea", stayed=6).habituation
    row = pick(table, effect="nausea", model="within patient")
    doubling = np.tile(np.log2(np.arange(1, 7)), 60)
    fit = ConditionalLogit(had.ravel(), doubling[:, None], groups=np.repeat(np.arange(60), 6)).fit(disp=False)
    # Its optimiser stops at a gradient of 1e-3 for all rows together: 1e-4 is a thousandth of the error.
    assert np.log(row["estimate"]) == pytest.approx(fit.params[0], abs=1e-4)
    assert row["std_error"] == pytest.approx(fit.bse[0], rel=1e-4)
    alike = np.isin(had.sum(axis=1), (0, 6)).sum()
    assert row["n_without_information"] == alike > 0
    limits = np.exp(fit.params[0] + 1.9599640 * fit.bse[0] * np.array([-1, 1]))
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], limits, rtol=3e-4)


def test_the_marginal_slope_is_that_of_statsmodels():
    cohort, had = balanced(60, 6)
    row = pick(side_effect_course(cohort, "nausea").habituation, effect="nausea", model="all patients")
    design = sm.add_constant(np.tile(np.log2(np.arange(1, 7)), 60))
    model = sm.GEE(had.ravel(), design, groups=np.repeat(np.arange(60), 6), family=sm.families.Binomial())
    fit = model.fit(cov_type="bias_reduced")
    assert np.log(row["estimate"]) == pytest.approx(fit.params[1], abs=1e-6)
    # statsmodels' scale and iteration leave the sixth digit open.
    assert row["std_error"] == pytest.approx(fit.bse[1], rel=1e-5)
    assert (row["n_events"], row["n"], row["n_patients"], row["df"]) == (had.sum(), 360, 60, 58)


def test_only_the_first_recorded_sessions_of_those_who_stayed_are_in():
    effects = [
        (f"P{n:02d}", k, "nausea" if (n + k) % 3 == 0 else "none") for n in range(24) for k in (1, 2, 4, 5)
    ]
    # The second half has two records only, and everybody a third session without one.
    effects = [row for row in effects if row[0] < "P12" or row[1] < 3]
    n_sessions = {f"P{n:02d}": 5 for n in range(24)}
    table = side_effect_course(clinic(effects, n_sessions=n_sessions), "nausea", stayed=3).habituation
    table = table[table["effect"] == "nausea"].set_index("model")
    assert table["n"].to_dict() == {
        "all patients": 72, "stayed": 36, "within patient": 36, "within patient, before the last": 24,
        "within patient, before the last, from session 3": 0,
    }  # fmt: skip
    assert table["n_patients"].tolist() == [24, 12, 12, 12, 0]
    # Sessions 1, 2 and 4 of twelve patients: (n + k) divisible by 3.
    assert table.loc["stayed", "n_events"] == sum((n + k) % 3 == 0 for n in range(12) for k in (1, 2, 4))


def test_what_cannot_be_estimated_says_why_and_p_values_need_twenty_patients():
    result = side_effect_course(clinic(EFFECTS, n_sessions=SESSIONS))
    assert result.habituation["estimate"].isna().all()
    assert (result.habituation["code"] != "").all()
    assert any("without an estimate" in note for note in result.notes)
    cohort, _ = balanced(15, 6)
    small = side_effect_course(cohort, "nausea").habituation
    assert small["estimate"].notna().any()
    assert small["p_value"].isna().all()
    cohort, _ = balanced(40, 6)
    assert side_effect_course(cohort, "nausea").habituation["p_value"].notna().any()


# ---------------------------------------------------------------- nothing recorded, nobody shown


def test_not_recorded_is_an_empty_table_with_a_note():
    result = side_effect_course(clinic(None, n_sessions={"A": 2}))
    for table in (result.table, result.by_session, result.first_against_later, result.habituation):
        assert table.empty
    assert "not recorded" in result.notes[0]
    assert "not zero" in result.notes[0]
    assert "No rows." in result.summary()


def test_no_patient_id_is_in_any_table_or_word_and_the_gate_refuses_the_patients_frame(sampled):
    cohort, result = sampled
    names = set(cohort.patients["patient_id"])
    frame = result.records_by_patient
    assert "patient_id" not in frame.columns
    assert not set(frame["patient"].astype(str)) & names
    words = repr(result) + result._repr_html_() + " ".join(result.notes)
    assert not any(name in words for name in names)
    with pytest.raises(PrivacyError):
        opened("records_by_patient", frame)


def test_the_patients_frame_holds_every_session_once_or_per_effect(sampled):
    cohort, result = sampled
    frame = result.records_by_patient
    assert frame.drop_duplicates(["patient", "session"]).shape[0] == len(cohort.sessions)
    last = frame.groupby("patient")["session"].max()
    assert (last.diff().dropna() <= 0).all()
    unrecorded = frame[frame["ascertainment"].isna()]
    assert unrecorded["effect"].isna().all()
    assert len(unrecorded) == len(cohort.sessions) - int(
        frame.dropna(subset=["ascertainment"]).drop_duplicates(["patient", "session"]).shape[0]
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"groups": (1, 1)}, "rising order"),
        ({"groups": ((3, 2),)}, "rising order"),
        ({"groups": (0,)}, "rising order"),
        ({"groups": ((1, None), 4)}, "rising order"),
        ({"groups": "123"}, "rising order"),
        ({"groups": ()}, "rising order"),
        ({"stayed": 2}, "stayed"),
        ({"severity": "dreadful"}, "severity"),
        ({"ascertainment": "phone"}, "ascertainment"),
        ({"effects": "hiccups"}, "never recorded"),
        ({"by": "session_group"}, "column of the result"),
        ({"level": 95}, "level"),
    ],
)
def test_malformed_arguments_are_refused(wrong, said):
    with pytest.raises(DataError, match=said):
        side_effect_course(clinic(EFFECTS, n_sessions=SESSIONS), **wrong)


def test_results_are_the_same_whatever_the_order_of_rows():
    first = side_effect_course(clinic(EFFECTS, n_sessions=SESSIONS))
    again = side_effect_course(clinic(EFFECTS[::-1], n_sessions=SESSIONS))
    pd.testing.assert_frame_equal(first.table, again.table)
    pd.testing.assert_frame_equal(first.first_against_later, again.first_against_later)
