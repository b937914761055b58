"""Section 2: how long response lasts, what the gate lets through of it, and what it keeps to itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.durability import durability
from ketaoutcomes.report.disclosure import Gate

SHOW, SUPPRESS = Gate("show"), Gate("suppress")


def days(*rows):
    """Landmarks of episodes: time, lost, treated again, stopped, still, unknown, fewest, patients."""
    names = [
        "time",
        "n_lost",
        "n_next_session",
        "n_stopped",
        "n_still",
        "n_unknown",
        "fewest_patients",
        "n_patients",
    ]
    frame = pd.DataFrame(rows, columns=names)
    frame["n"] = frame[["n_lost", "n_next_session", "n_stopped", "n_still", "n_unknown"]].sum(axis=1)
    for share in ("estimate", "estimate_high", "conf_low", "conf_high"):
        frame[share] = frame["n_lost"] / frame["n"]
    for share in ("next_session", "stopped", "still_responding"):
        frame[share] = frame[f"{share}_high"] = 0.3
    return frame


def test_section_two_is_about_durability(shown):
    section = next(part for part in shown.sections if part.number == 2)
    assert section.question == "How long does it last between sessions?"
    assert [figure.label for figure in section.figures] == ["Fig. 2a", "Fig. 2b", "Fig. 2c", "Fig. 2d"]


def test_its_numbers_are_those_of_the_analysis(shown):
    table = shown.tables["durability_days"]
    row = table[table["time"] == 28].iloc[0]
    assert row["n"] == row[["n_lost", "n_next_session", "n_stopped", "n_still", "n_unknown"]].sum()
    assert f"{100 * row['still_responding']:.0f}%" in shown.html
    curve = shown.tables["durability_curve"]
    at = curve[(curve["event"] == "lost") & (curve["time"] == 28)].iloc[0]
    assert at["estimate"] == pytest.approx(row["estimate"])


def test_where_small_counts_go_no_curve_leaves(suppressed):
    gone = {"durability_curve", "durability_bounds", "durability_kaplan_meier", "wearing_off_curve"}
    assert not gone & set(suppressed.tables)
    section = next(part for part in suppressed.sections if part.number == 2)
    assert section.figures == ()


def test_days_with_a_small_count_or_of_few_patients_are_hidden():
    table = days(
        (7, 20, 30, 15, 60, 25, 14, 80),
        (14, 35, 45, 8, 40, 22, 7, 80),
        (28, 50, 60, 15, 14, 11, 9, 80),
    )
    given = SUPPRESS.episodes("t", table, place="x")
    assert (given.frame["suppressed"] != "").tolist() == [False, True, True]
    assert given.frame.loc[1:, ["estimate", "n_lost", "still_responding"]].isna().all(axis=None)
    assert "fewest_patients" not in given.frame.columns


def test_a_day_that_differs_by_a_few_from_the_day_before_is_hidden():
    given = SUPPRESS.episodes(
        "t", days((7, 20, 30, 15, 60, 25, 14, 80), (14, 27, 45, 15, 40, 23, 14, 80)), place="x"
    )
    assert given.frame["suppressed"].tolist()[0] == ""
    assert given.frame["suppressed"].tolist()[1] != ""


def test_of_few_patients_nothing_is_shown():
    given = SUPPRESS.episodes("t", days((7, 20, 30, 15, 60, 25, 6, 9)), place="x")
    assert given.frame.loc[0, ["n", "n_patients"]].isna().all()
    assert given.frame["suppressed"].tolist() != [""]


def test_shown_a_table_is_what_it_was():
    table = days((7, 1, 2, 3, 4, 5, 1, 9))
    given = SHOW.episodes("t", table, place="x").frame.drop(columns="suppressed")
    np.testing.assert_array_equal(given.to_numpy(float), table.to_numpy(float))


def test_gaps_leave_with_their_quantiles_and_without_counts(suppressed):
    table = suppressed.tables["days_between_sessions"]
    assert table[["n", "n_events"]].isna().all(axis=None)
    assert table["estimate"].notna().any()


def test_the_first_page_asks_how_long(shown, suppressed):
    assert "How long?" in shown.html
    assert "How long?" in suppressed.html


def test_fewest_patients_counts_patients_and_not_episodes(sample_cohort):
    row = durability(sample_cohort, "PHQ-9", at=14, n_replicates=0).landmarks.iloc[0]
    assert 0 < row["fewest_patients"] <= row["n_patients"]
