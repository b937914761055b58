"""What the gate lets through. Counts are written by hand; the rule is "no count of 1 to 10"."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.errors import ConfigError, PrivacyError
from ketaoutcomes.report.disclosure import Gate, choose_small_cells

SUPPRESS, SHOW = Gate("suppress"), Gate("show")


def rates(*pairs):
    table = pd.DataFrame(pairs, columns=["n_events", "n"])
    return table.assign(estimate=table["n_events"] / table["n"].clip(lower=1), conf_low=0.1, conf_high=0.9)


def test_small_counts_are_hidden_unless_the_cohort_is_synthetic():
    assert choose_small_cells(None, synthetic=False) == "suppress"
    assert choose_small_cells(None, synthetic=True) == "show"
    assert choose_small_cells("show", synthetic=False) == "show"
    with pytest.raises(ConfigError, match="show"):
        choose_small_cells("hide", synthetic=False)


@pytest.mark.parametrize(
    ("n_events", "n"), [(1, 100), (10, 100), (90, 100), (99, 100), (3, 7), (0, 7), (7, 7)]
)
def test_a_count_its_complement_or_a_group_of_one_to_ten_is_not_shown(n_events, n):
    frame = SUPPRESS.rates("t", rates((n_events, n)), place="here").frame
    assert frame[["n_events", "estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert frame["suppressed"].item() != ""
    assert pd.isna(frame["n"].item()) == (n <= 10)


@pytest.mark.parametrize(("n_events", "n"), [(0, 100), (11, 100), (89, 100), (100, 100)])
def test_zero_all_and_larger_counts_are_shown(n_events, n):
    frame = SUPPRESS.rates("t", rates((n_events, n)), place="here").frame
    assert frame["n_events"].item() == n_events
    assert frame["suppressed"].item() == ""


def test_show_changes_no_number_and_keeps_the_same_columns():
    table = rates((1, 100), (99, 100))
    shown, masked = SHOW.rates("t", table, place="here"), SUPPRESS.rates("t", table, place="here")
    assert shown.frame["n_events"].tolist() == [1, 99]
    assert list(shown.frame.columns) == list(masked.frame.columns)
    assert shown.hidden == ()


def test_what_was_hidden_is_listed_with_its_reason():
    hidden = SUPPRESS.rates("t", rates((1, 100), (2, 100), (95, 100)), place="Section 4").hidden
    assert [(entry.place, entry.what, entry.why) for entry in hidden] == [
        ("Section 4", "count, % and interval: 2 rows", "a count of 1–10"),
        ("Section 4", "count, % and interval: 1 row", "all but 1–10"),
    ]


@pytest.mark.parametrize("gate", [SUPPRESS, SHOW])
def test_a_table_with_a_row_per_patient_is_refused(gate):
    with pytest.raises(PrivacyError, match="row per patient"):
        gate.plain("change_by_patient", pd.DataFrame({"change": [1.0]}))
    with pytest.raises(PrivacyError, match="row per patient"):
        gate.rates("t", rates((20, 40)).assign(patient_id="x"), place="here")


def test_the_refusal_names_the_table_and_no_value():
    with pytest.raises(PrivacyError) as caught:
        SUPPRESS.plain("t", pd.DataFrame({"patient_id": ["SECRET"]}))
    assert "t: " in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_rate_is_hidden_when_few_patients_make_up_its_many_sessions():
    table = rates((30, 200)).assign(n_patients_with_event=3)
    frame = SUPPRESS.rates("t", table, place="here", also=("n_patients_with_event",)).frame
    # 30 sessions of 3 patients: "1–10" would be untrue of the sessions.
    assert frame["suppressed"].item() == "patients 1-10"
    assert pd.isna(frame["n_patients_with_event"].item())


def test_denominators_that_differ_by_few_patients_are_not_shown_side_by_side():
    table = rates((31, 58), (31, 64), (31, 90)).assign(n_missing=[0, 6, 32])
    frame = SUPPRESS.denominators("t", table, place="here").frame
    assert frame["suppressed"].tolist() == ["", "would reveal another count", ""]
    assert pd.isna(frame["n"][1])
    assert pd.isna(frame["n_missing"][1])
    assert frame["n"][2] == 90


def test_a_landmark_with_a_small_count_or_a_small_step_is_not_shown():
    table = pd.DataFrame(
        {
            "time": [7.0, 10.0, 14.0, 28.0],
            "estimate": [0.2, 0.22, 0.4, 0.5],
            "estimate_high": [0.3, 0.3, 0.5, 0.6],
            "n": 200,
            "n_responded": [40, 44, 80, 100],
            "n_unknown": [20, 20, 5, 20],
            "n_not_yet": [140, 136, 115, 80],
        }
    )
    frame = SUPPRESS.landmarks("t", table, place="here").frame
    assert frame["suppressed"].tolist() == ["", "would reveal another count", "count 1-10", ""]
    assert frame["estimate_high"].isna().tolist() == [False, True, True, False]


def test_percentiles_need_twenty_patients_and_means_more_than_ten():
    table = pd.DataFrame({"n": [8, 15, 20], "estimate": 9.0, "p10": 3.0, "p90": 17.0})
    frame = SUPPRESS.means("t", table, place="here").frame
    assert frame["estimate"].isna().tolist() == [True, False, False]
    assert frame["p10"].isna().tolist() == [True, True, False]
    assert frame["n"].isna().tolist() == [True, False, False]


def test_a_step_that_lost_few_patients_is_not_shown_and_neither_is_its_loss():
    table = pd.DataFrame({"step": list("abcd"), "n": [100, 95, 60, 60], "n_lost": [0, 5, 35, 0]})
    frame = SUPPRESS.flow("t", table, place="here").frame
    assert frame["n"].isna().tolist() == [False, True, False, False]
    assert frame["n_lost"].isna().tolist() == [False, True, True, False]


def possible(hidden_counts, total):
    """Every way to fill hidden counts of 1 to 10 that adds up to `total`."""
    return [fill for fill in itertools.product(range(1, 11), repeat=hidden_counts) if sum(fill) == total]


def test_no_hidden_month_follows_from_the_total_of_the_year():
    generator = np.random.default_rng(1)
    for _ in range(60):
        n = generator.integers(12, 60, 6)
        events = np.minimum(generator.integers(0, 30, 6), n)
        table = pd.DataFrame({"n_events": events, "n": n, "estimate": events / n})
        frame = SUPPRESS.parts("t", table, place="here").frame
        hidden = frame["n_events"].isna().to_numpy()
        if not hidden.any():
            continue
        small = hidden & (events >= 1) & (events <= 10)
        if small.sum() == hidden.sum():
            fills = np.array(possible(int(hidden.sum()), int(events[hidden].sum())))
            assert all(len(set(column)) > 1 for column in fills.T)
        assert hidden.sum() >= 2


def test_a_single_hidden_month_takes_the_smallest_shown_one_with_it():
    frame = SUPPRESS.parts("t", rates((5, 40), (20, 50), (25, 45)), place="here").frame
    assert frame["suppressed"].tolist() == ["count 1-10", "", "would reveal another count"]


def test_the_size_of_a_small_group_does_not_follow_from_the_others():
    frame = SUPPRESS.parts("t", rates((2, 8), (30, 60), (20, 45)), place="here").frame
    assert frame["n"].isna().tolist() == [True, False, True]


def test_months_outside_the_total_are_judged_alone():
    frame = SUPPRESS.parts(
        "t", rates((5, 40), (20, 50), (25, 45)), place="here", total=[False, True, True]
    ).frame
    assert frame["suppressed"].tolist() == ["count 1-10", "", ""]


def test_the_callers_table_is_not_changed():
    table = rates((1, 100))
    before = table.copy()
    SUPPRESS.rates("t", table, place="here")
    pd.testing.assert_frame_equal(table, before)


def test_a_single_month_without_a_few_scores_does_not_follow_from_the_totals():
    # Eligible 60, 47, 55; scored 45, 40, 35: in the second month 7 are not scored. Its size and that
    # of another month are hidden, since the totals 162 and 120 would give 47 away.
    frame = SUPPRESS.parts(
        "t", rates((45, 60), (25, 47), (35, 55)), place="here", beside=[np.array([45.0, 40.0, 35.0])]
    ).frame
    assert frame["n"].isna().tolist() == [False, True, True]


def test_a_curve_of_nearly_all_patients_keeps_its_estimates_but_not_their_number():
    table = pd.DataFrame({"time": [7.0], "estimate": 0.4, "estimate_high": 0.5, "n": 172})
    table = table.assign(n_responded=80, n_unknown=32, n_not_yet=60)
    frame = SUPPRESS.landmarks("t", table, place="here", beside=(181,)).frame
    assert frame["estimate"].item() == 0.4
    assert frame[["n", "n_responded", "n_unknown", "n_not_yet"]].isna().all(axis=None)


def test_the_number_of_rows_of_a_patient_table_is_hidden_with_its_gaps():
    table = pd.DataFrame(
        {
            "table": ["patients", "patients", "scores"],
            "column": ["sex", "age", "score"],
            "n_rows": [3, 40, 9],
            "n_missing": [0, 4, 4],
            "share": [0.0, 0.1, 4 / 9],
        }
    )
    frame = SUPPRESS.files("missing_cells", table, size="n_rows", place="here").frame
    # 3 patients; 4 of 40 patients; 9 scores are not patients.
    assert list(frame["suppressed"] != "") == [True, True, False]
    assert frame.loc[:1, ["n_rows", "n_missing", "share"]].isna().all(axis=None)
    assert frame.loc[2, "n_rows"] == 9


def test_a_patient_table_that_lacks_all_but_a_few_values_is_hidden_too():
    table = pd.DataFrame(
        {"table": ["patients"], "column": ["age"], "n_rows": [40], "n_missing": [36], "share": [0.9]}
    )
    assert SUPPRESS.files("missing_cells", table, size="n_rows", place="here").frame["suppressed"].iloc[0]
