"""Section 3's table of changes by rule, what the gate hides in it, and regression to the mean."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.reliable_change import responder_table
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.sections.change_parts import regression_sentence

SHOW, SUPPRESS = Gate("show"), Gate("suppress")
CAPTION = "How many changed, by which rule"


def section_of(report, number=3):
    return next(part for part in report.sections if part.number == number)


def released(gate, gain, thresholds, *, bands=(10.0, 5.0, 0.0), known=(), beside=(), fixed=()):
    """Patients' gains through the gate: four bands that add up, and rules of at least so many points."""
    ends = [np.inf, *bands, -np.inf]
    marks = [(gain >= low) & (gain < high) for high, low in pairwise(ends)]
    names, roles = [f"band {number}" for number in range(4)], ["part"] * 4
    for value in thresholds:
        marks.append(gain >= value if value > 0 else gain <= value)
        names.append(f"{value}")
        roles.append("good" if value > 0 else "bad")
    met = np.array(marks, dtype=int)
    frame = pd.DataFrame({"rule": names, "role": roles, "n_events": met.sum(axis=1), "n": gain.size})
    frame["estimate"] = frame["conf_low"] = frame["conf_high"] = frame["n_events"] / gain.size
    return gate.change_rules(
        "change_by_rule", frame, place="here", overlap=met @ met.T, known=known, beside=beside,
        fixed=fixed,
    )  # fmt: skip


def gains(*counts):
    """`counts` patients with a gain in the middle of each band, then a loss."""
    return np.repeat([12.0, 7.0, 2.0, -3.0], counts)


def test_the_section_has_a_row_per_rule_with_its_source_and_the_mean_beside(shown):
    table = next(table for table in section_of(shown).tables if table.caption == CAPTION)
    rows = {row[0]: row[1:] for row in table.rows}
    data = shown.tables["change_by_rule"].set_index("rule")
    at = data.loc["lowe_2004"]
    printed = next(cells for name, cells in rows.items() if "Löwe 2004" in name)
    assert printed[1] == f"{at['n_events']}/{at['n']}"
    parts = data[data["role"] == "part"]
    assert parts["n_events"].sum() == at["n"]
    assert any("IAPT Manual (unverified)" in name for name in rows)
    mean = shown.tables["change_after_induction"].iloc[0]
    assert f"Mean change of the same patients: −{abs(mean['estimate']):.1f} points" in table.notes[0]
    assert mean["n"] == at["n"]


def test_the_numbers_are_those_of_the_analysis(shown, sample_cohort):
    data = shown.tables["change_by_rule"]
    everybody = responder_table(sample_cohort, "PHQ-9").table
    everybody = everybody[everybody["denominator"] == "scored"]
    # Sections describe those who started in the last 12 months: fewer than the cohort, by the same rules.
    assert data["rule"].tolist() == everybody["rule"].tolist()
    assert (data["n"].to_numpy() < everybody["n"].to_numpy()).all()
    response = shown.tables["response_rates"].set_index("denominator")
    assert data.set_index("rule").at["response_50", "n_events"] == response.at["scored", "n_events"]


def test_regression_to_the_mean_stands_in_a_sentence_with_its_range(shown):
    told = [note for note in section_of(shown).notes if note.startswith("Regression to the mean")]
    assert len(told) == 1
    assert "reliability 0.9 to 0.5" in told[0]
    assert "is not known" in told[0]
    assert not re.search(r"\b(caused?|effective|improve\w*|significant)\b", told[0])


def test_nothing_small_is_shown_for_patients(suppressed):
    data = suppressed.tables["change_by_rule"]
    kept = data[data["suppressed"] == ""]
    for column in (kept["n_events"], kept["n"] - kept["n_events"]):
        assert not ((column >= 1) & (column <= 10)).any()
    gone = data[data["suppressed"] != ""]
    assert len(gone)
    assert gone[["n_events", "estimate", "conf_low", "conf_high"]].isna().all().all()
    assert "Section 3, change by rule" in suppressed.tables["not_shown"]["place"].tolist()


def test_rules_that_differ_by_a_few_patients_are_not_both_shown():
    # 30 gained 12, 40 gained 7, 5 gained 6.5: "at least 6" and "at least 7" differ by 5.
    gain = np.concatenate([gains(30, 40, 20, 15), np.full(5, 6.5)])
    given = released(SUPPRESS, gain, [6.0, 7.0]).frame.set_index("rule")
    shown_rules = given.loc[["6.0", "7.0"]]
    assert (shown_rules["suppressed"] == "").sum() == 1
    assert (released(SHOW, gain, [6.0, 7.0]).frame["suppressed"] == "").all()


def test_rules_that_are_not_within_each_other_may_differ_by_a_few():
    met = np.array([[20, 0], [0, 23]])
    frame = pd.DataFrame({"rule": ["a", "b"], "role": "good", "n_events": [20, 23], "n": 100})
    given = SUPPRESS.change_rules("change_by_rule", frame, place="here", overlap=met)
    assert (given.frame["suppressed"] == "").all()


def test_rules_that_leave_a_few_patients_between_them_are_not_both_shown():
    # 45 fell, 50 rose, 5 did neither.
    met = np.array([[45, 0], [0, 50]])
    frame = pd.DataFrame({"rule": ["a", "b"], "role": ["good", "bad"], "n_events": [45, 50], "n": 100})
    given = SUPPRESS.change_rules("change_by_rule", frame, place="here", overlap=met)
    assert (given.frame["suppressed"] == "").tolist() == [True, False]


def test_one_small_part_takes_another_with_it_but_never_the_one_printed_elsewhere():
    given = released(SUPPRESS, gains(20, 30, 40, 4), [], fixed=["band 0"]).frame
    assert (given["suppressed"] == "").tolist() == [True, False, True, False]
    # Without the figure above it, the smallest is the response itself.
    given = released(SUPPRESS, gains(20, 30, 40, 4), []).frame
    assert (given["suppressed"] == "").tolist() == [False, True, True, False]


def test_two_small_parts_are_not_left_as_the_rest_of_a_small_group():
    # 65 and 19 of 92: the other 8 gained less, whichever of the two small parts they are in.
    given = released(SUPPRESS, gains(65, 19, 6, 2), (), fixed=("band 0",)).frame
    assert given["n_events"].isna().tolist() == [False, True, True, True]


def test_a_count_printed_elsewhere_is_not_approached():
    gain = gains(30, 40, 20, 15)
    assert released(SUPPRESS, gain, [10.0], known=[33.0]).frame["suppressed"].iloc[-1] != ""
    assert released(SUPPRESS, gain, [10.0], known=[50.0]).frame["suppressed"].iloc[-1] == ""


def test_nothing_is_shown_where_the_size_is_near_one_that_is_printed():
    given = released(SUPPRESS, gains(30, 40, 20, 15), [5.0], beside=[110.0]).frame
    assert given["n"].isna().all()
    assert given["estimate"].isna().all()
    assert (given["suppressed"] != "").all()


@pytest.mark.parametrize("seed", range(60))
def test_no_group_of_a_few_follows_from_two_shown_numbers(seed):
    """Every pair of shown rules, and each with n, counted on patients drawn at random."""
    rng = np.random.default_rng(seed)
    gain = np.round(rng.normal(5, 6, rng.integers(15, 160)))
    thresholds = [1.0, 3.0, 4.0, 6.0, 9.0, -1.0, -4.0]
    frame = released(SUPPRESS, gain, thresholds).frame
    bands = [(10.0, np.inf), (5.0, 10.0), (0.0, 5.0), (-np.inf, 0.0)]
    marks = [(gain >= low) & (gain < high) for low, high in bands]
    marks += [gain >= value if value > 0 else gain <= value for value in thresholds]
    shown_sets = [mark for mark, why in zip(marks, frame["suppressed"], strict=True) if why == ""]
    shown_sets += [np.ones(gain.size, bool)]
    for a in shown_sets:
        for b in shown_sets:
            if (a & ~b).sum() == 0:  # a lies within b
                assert not 1 <= (b & ~a).sum() <= 10
    parts = frame["suppressed"].to_numpy()[:4] != ""
    hidden = [int(mark.sum()) for mark, gone in zip(marks[:4], parts, strict=True) if gone]
    if len(hidden) == 1:
        assert not 1 <= hidden[0] <= 10


def test_the_sentence_is_there_for_other_sections(sample_cohort):
    from ketaoutcomes.report.scope import make_scope
    from ketaoutcomes.report.settings import ReportSettings

    scope = make_scope(
        sample_cohort, month=None, instrument="MADRS", gate=SHOW, level=0.95, settings=ReportSettings()
    )
    told = regression_sentence(scope)
    # No published cut-off of the MADRS is one that nearly all patients meet: nothing is made up.
    assert told.startswith("Regression to the mean is in every change.")
    # Of a passing fluctuation about a person's own mean all comes back, whatever the reliability is.
    assert "up to the whole point comes back by itself" in told
    assert "0.5 points" not in told
