"""One test for every statistic that could tell a number that is hidden. Numbers by hand."""

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.errors import PrivacyError
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.small_counts import grid

SUPPRESS, ROUND = Gate("suppress"), Gate("round")


@pytest.mark.parametrize("column", ["subject", "patient_no", "MRN", "usubjid", "participant_id", "case_id"])
@pytest.mark.parametrize("gate", [SUPPRESS, ROUND, Gate("show")])
def test_rows_that_are_patients_are_refused_under_any_name(gate, column):
    with pytest.raises(PrivacyError, match="row per patient"):
        gate.plain("t", pd.DataFrame({column: [1, 2], "change": [-3.0, -9.0]}))
    with pytest.raises(PrivacyError, match="row per patient"):
        gate.plain("t", pd.DataFrame({"change": [-3.0]}, index=pd.Index([1], name=column)))


@pytest.mark.parametrize(
    "name", ["onset_days_curve", "onset_days_masses", "onset_kaplan_meier", "paths", "residuals"]
)
def test_steps_of_curves_paths_and_points_are_refused_where_small_counts_go(name):
    table = pd.DataFrame({"time": [1.0], "estimate": [0.5]})
    for gate in (SUPPRESS, ROUND):
        with pytest.raises(PrivacyError, match="steps, paths or extremes"):
            gate.plain(name, table)
    assert len(Gate("show").plain(name, table).frame) == 1


def test_extremes_are_refused_since_each_is_a_patients():
    with pytest.raises(PrivacyError, match="extremes"):
        SUPPRESS.plain("scores", pd.DataFrame({"instrument": ["PHQ-9"], "maximum": [27]}))


def fitting(share, sizes, half):
    """Sizes with a whole number of events whose share is this one, to `half` a step."""
    return [n for n in sizes if np.min(np.abs(np.arange(n + 1) / n - share)) <= half]


@pytest.mark.parametrize("n", [172, 90, 40, 24])
def test_shares_of_a_curve_do_not_tell_how_many_patients_it_has(n):
    # 181 started; a share of many digits is a fraction whose denominator is the hidden size.
    rng = np.random.default_rng(n)
    shares = pd.Series(rng.integers(1, n, 6) / n)
    sizes = range(n - 9, n + 10)
    exact = set.intersection(*({*fitting(share, sizes, 1e-9)} for share in shares))
    assert exact == {n}
    table = pd.DataFrame({"time": np.arange(6.0), "estimate": shares, "estimate_high": shares, "n": n})
    table = table.assign(n_responded=0, n_unknown=0, n_not_yet=0)
    frame = SUPPRESS.landmarks("t", table, place="here", beside=(n + 9,)).frame
    assert frame["n"].isna().all()
    step = max(0.01, min(width for width in (0.01, 0.02, 0.05, 0.1) if width >= 1 / (n - 10) or width == 0.1))
    told = [{*fitting(share, sizes, step / 2 + 1e-9)} for share in frame["estimate"]]
    assert len(set.intersection(*told)) > 10


def test_the_grid_is_never_finer_than_one_patient_of_the_smallest_size_in_question():
    shares = pd.Series([0.123456, 0.123456, 0.123456])
    assert grid(shares, [200, 60, 25], 10).tolist() == [0.12, 0.12, 0.1]


def test_a_mean_does_not_tell_the_size_that_is_hidden_beside_it():
    # -139/15 is -9.2667: of sizes up to 24 only 15 makes it.
    table = pd.DataFrame({"n": [172], "estimate": [-1594 / 172], "sd": 5.43, "p10": 2.1, "p90": 17.9})
    row = SUPPRESS.means("t", table, place="here", beside=(181,)).frame.iloc[0]
    assert row[["n", "sd"]].isna().all()
    assert row["estimate"] == -9.3
    # A percentile between two scores lies at a place that follows from the size.
    assert row["p10"] == 2.0
    assert row["p90"] == 18.0


def test_a_limit_of_no_event_does_not_tell_the_number_of_patients():
    # 1 - 0.025 ** (1/28) is 0.1234: exact, with patients as n.
    table = pd.DataFrame(
        {"n_events": [0], "n": [93], "estimate": [0.0], "conf_low": 0.0, "conf_high": 0.123436}
    )
    table = table.assign(n_patients=28, n_patients_with_event=0)
    frame = SUPPRESS.parts("t", table, place="here", also=("n_patients_with_event",)).frame
    assert frame["conf_high"].item() == 0.12
    assert frame[["n_patients", "n_patients_with_event"]].isna().all(axis=None)


def test_patients_with_an_event_do_not_tell_those_without_one():
    table = pd.DataFrame({"n_events": [36], "n": [59], "estimate": [36 / 59], "n_patients": 21})
    frame = SUPPRESS.parts(
        "t", table.assign(n_patients_with_event=17), place="here", also=("n_patients_with_event",)
    ).frame
    assert frame["n_events"].item() == 36
    assert frame[["n_patients", "n_patients_with_event"]].isna().all(axis=None)


def test_one_less_than_all_of_twelve_is_not_told_by_its_reason():
    # "all but 1-10" of 12, and not 1 to 10 itself, can only be 11.
    table = pd.DataFrame({"n_events": [11, 3], "n": [12, 12], "estimate": [11 / 12, 0.25]})
    frame = SUPPRESS.rates("t", table, place="here").frame
    assert frame["suppressed"].nunique() == 1


def test_a_median_is_not_given_to_the_minute():
    table = pd.DataFrame({"estimate": [6.993056], "low": 6.981944, "high": 7.004167, "n_patients": 121})
    frame = SUPPRESS.medians("t", table.assign(n_events=60), place="here").frame
    assert frame.loc[0, ["estimate", "low", "high"]].tolist() == [7.0, 7.0, 7.0]


def test_degrees_of_freedom_and_standard_errors_go_with_a_hidden_size():
    table = pd.DataFrame({"term": ["a"], "n": [None], "estimate": [1.0], "std_error": 0.3, "df": 170.2})
    table = table.assign(statistic=3.3, p_value=0.00123)
    row = SUPPRESS.model("t", table, place="here", n_patients=172, beside=(181,)).frame.iloc[0]
    assert row[["std_error", "df", "statistic"]].isna().all()
    assert row["p_value"] == 0.0012


def test_the_rules_of_the_patients_table_do_not_add_up_to_what_is_set_aside():
    table = pd.DataFrame(
        {"table": ["patients", "patients", "scores"], "rule": ["a", "b", "a"], "n_rows": [3, 20, 4]}
    )
    frame = SUPPRESS.files("rows_set_aside", table, size="n_rows", place="here").frame
    assert frame["n_rows"].isna().tolist() == [True, True, False]


def test_hidden_rows_of_one_total_are_not_themselves_a_few():
    # 2 and 5 hidden: their sum, 7 of 67, would be a small count.
    table = pd.DataFrame({"n_events": [2, 5, 25, 35], "n": [60, 60, 60, 70]})
    table["estimate"] = table["n_events"] / table["n"]
    frame = SUPPRESS.parts("t", table, place="here").frame
    assert frame["n_events"].isna().tolist() == [True, True, True, False]
