"""What "suppress", "round" and "show" do to a table. Counts by hand; rules of CMS and OpenSAFELY."""

import pandas as pd
import pytest

from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.disclosure import SMALL_CELLS, Gate, choose_small_cells

SUPPRESS, ROUND, SHOW = Gate("suppress"), Gate("round"), Gate("show")


def rates(*pairs):
    table = pd.DataFrame(pairs, columns=["n_events", "n"])
    low, high = wilson(table["n_events"], table["n"])
    return table.assign(estimate=table["n_events"] / table["n"], conf_low=low, conf_high=high)


@pytest.mark.parametrize("setting", SMALL_CELLS)
def test_each_setting_is_taken_whatever_the_data_are(setting):
    assert choose_small_cells(setting, synthetic=True) == setting
    assert choose_small_cells(setting, synthetic=False) == setting


def test_any_other_setting_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match='"suppress", "round" or "show"'):
        choose_small_cells("none", synthetic=True)


@pytest.mark.parametrize(("count", "given"), [(0, 0), (8, 10), (12, 10), (13, 15), (17, 15), (18, 20)])
def test_counts_above_seven_are_rounded_to_the_nearest_five(count, given):
    frame = ROUND.rates("t", rates((count, 100)), place="here").frame
    assert frame["n_events"].item() == given
    assert frame["n"].item() == 100


@pytest.mark.parametrize("count", [1, 7, 93, 99])
def test_counts_up_to_seven_and_all_but_seven_are_hidden_where_others_are_rounded(count):
    frame = ROUND.rates("t", rates((count, 100)), place="here").frame
    assert frame[["n_events", "estimate", "conf_low", "conf_high"]].isna().all(axis=None)


def test_shares_and_intervals_are_those_of_the_rounded_counts():
    frame = ROUND.rates("t", rates((33, 72)), place="here").frame
    # 33 of 72 becomes 35 of 70, whose Wilson limits are 0.386 to 0.614 [closed form].
    assert frame["estimate"].item() == 0.5
    assert frame["conf_low"].item() == pytest.approx(0.3863, abs=5e-4)
    assert frame["conf_high"].item() == pytest.approx(0.6137, abs=5e-4)


def test_means_are_given_to_one_decimal_where_counts_are_rounded():
    table = pd.DataFrame({"n": [33], "estimate": [-9.266667], "sd": [5.430952], "p10": [2.3], "p90": [17.7]})
    frame = ROUND.means("t", table, place="here").frame
    assert frame.loc[0, ["n", "estimate", "sd"]].tolist() == [35, -9.3, 5.4]


def test_an_interval_of_sessions_is_given_in_whole_per_cents_around_the_rounded_share():
    table = rates((33, 72)).assign(n_patients=30, n_patients_with_event=20, conf_low=0.3512, conf_high=0.5678)
    frame = ROUND.parts("t", table, place="here", also=("n_patients_with_event",)).frame
    assert frame["conf_low"].item() == 0.35
    assert frame["conf_high"].item() == 0.57


@pytest.mark.parametrize(
    ("gate", "reason", "why"),
    [(SUPPRESS, "count 1-10", "a count of 1–10"), (ROUND, "count 1-7", "a count of 1–7")],
)
def test_reasons_say_which_counts_are_hidden(gate, reason, why):
    given = gate.rates("t", rates((3, 100)), place="here")
    assert given.frame["suppressed"].item() == reason
    assert given.hidden[0].why == why


def test_the_words_for_a_small_count_follow_the_setting():
    assert (SUPPRESS.few.words, ROUND.few.words) == ("1–10", "1–7")


@pytest.mark.parametrize(
    ("gate", "n", "printed"),
    [
        (SUPPRESS, 10, None),
        (SUPPRESS, 11, 11),
        (ROUND, 7, None),
        (ROUND, 8, 10),
        (ROUND, 181, 180),
        (SHOW, 3, 3),
    ],
)
def test_numbers_in_sentences_obey_the_setting_too(gate, n, printed):
    assert gate.printable("patients", n) == printed


def test_show_changes_nothing():
    table = rates((3, 100), (33, 72))
    frame = SHOW.rates("t", table, place="here").frame
    pd.testing.assert_frame_equal(frame[["estimate", "conf_low"]], table[["estimate", "conf_low"]])
    assert frame["n_events"].tolist() == [3, 33]


def test_rows_of_files_are_rounded_only_where_a_row_is_a_patient():
    table = pd.DataFrame({"table": ["patients", "scores"], "n_rows": [43, 1837], "n_missing": [0, 21]})
    frame = ROUND.files("missing_cells", table, size="n_rows", place="here").frame
    assert frame["n_rows"].tolist() == [45, 1837]
