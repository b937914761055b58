"""What the gate of a cohort report hides in groups that add up. Counts by hand."""

import pandas as pd

from ketaoutcomes.report.gate_paper import PaperGate

SUPPRESS = PaperGate("suppress")


def groups(*rows):
    table = pd.DataFrame(rows, columns=["group", "n", "n_missing"])
    return table.assign(mean_before=18.25, estimate=-8.125, conf_low=-9.0, conf_high=-7.0, sd=4.0)


def test_numbers_missing_of_groups_do_not_leave_a_small_one_to_be_worked_out():
    # 35 of all are missing, 16 and 15 of them in the large groups: 4 in the others.
    table = groups(("mild", 2, 0), ("moderate", 13, 4), ("high", 91, 16), ("severe", 80, 15))
    frame = SUPPRESS.bands("t", table, place="here").frame
    assert frame["n_missing"].isna().all()
    assert frame["n"].isna().tolist() == [True, True, False, False]


def test_hidden_groups_are_not_a_small_group_together():
    # 3 and 4 of 187: the other two sizes leave 7, which is small as well.
    table = groups(("mild", 3, 20), ("moderate", 4, 20), ("high", 100, 20), ("severe", 80, 20))
    frame = SUPPRESS.bands("t", table, place="here").frame
    assert frame["n"].isna().tolist() == [True, True, False, True]
    assert frame.loc[3, "suppressed"] == "would reveal another count"
    assert pd.isna(frame.loc[3, "estimate"])


def test_groups_that_are_all_large_stay():
    table = groups(("moderate", 40, 12), ("high", 91, 16), ("severe", 80, 15))
    assert SUPPRESS.bands("t", table, place="here").frame[["n", "n_missing"]].notna().all(axis=None)


def test_a_few_not_due_do_not_follow_from_all_who_have_a_baseline():
    # 91 have a baseline, which the characteristics print: 51 + 35 would leave 5 not due.
    table = groups(("MADRS", 51, 35)).assign(n_not_due=5)
    frame = SUPPRESS.spread("t", table, place="here").frame
    assert frame["n"].item() == 51
    assert pd.isna(frame["n_missing"].item())
    many = SUPPRESS.spread("t", table.assign(n_not_due=14), place="here").frame
    assert many["n_missing"].item() == 35
