"""Section 8: what is printed of the item, and that what is not printed does not follow."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.gate_transitions import outcome_marks
from ketaoutcomes.report.scope import make_scope
from ketaoutcomes.report.sections.safety_item import safety_item
from ketaoutcomes.report.settings import ReportSettings
from ketaoutcomes.report.small_transitions import (
    atoms_of,
    best_cells,
    gives_away,
    groups_of_patients,
    marks_of,
)

CUTS, HIGHEST = (0, 1, 2), 3
FEW = Gate("suppress").few


def coded(table, unscored=(0, 0, 0, 0)):
    """Rows of codes 0 to 3 before by codes 0 to 3 after, and who was not scored."""
    rows = [
        {"before": float(b), "after": float(a), "status": "recorded", "n": n}
        for b, counts in enumerate(table)
        for a, n in enumerate(counts)
    ]
    rows += [
        {"before": float(b), "after": np.nan, "status": "not scored", "n": n} for b, n in enumerate(unscored)
    ]
    return pd.DataFrame(rows)


def outcomes_of(table):
    atoms = atoms_of(table, CUTS, HIGHEST)
    rows = []
    for name in ("si_resolved", "si_reduced", "si_worse"):
        counted, met = outcome_marks(atoms, name)
        x, n = int(atoms.n[met].sum()), int(atoms.n[counted].sum())
        rows.append(
            {"outcome": name, "n_events": x, "n": n, "estimate": x / n, "conf_low": 0.1, "conf_high": 0.9}
        )
    return pd.DataFrame(rows)


def passed(table, how="suppress", **options):
    return Gate(how).transitions(
        "safety_item",
        outcomes_of(table),
        table,
        place="here",
        cuts=CUTS,
        highest=HIGHEST,
        **options,
    )


def scope_of(cohort, how):
    return make_scope(
        cohort, month=None, instrument=None, gate=Gate(how), level=0.95, settings=ReportSettings()
    )


def test_outcomes_count_as_they_are_defined():
    # By hand: 30 + 20 + 25 of the 100 + 60 + 50 above 0 scored 0 after, 12 + 2 + 3 + 1 + 4 of 310 rose.
    table = coded([[88, 12, 0, 0], [30, 65, 2, 3], [20, 19, 20, 1], [25, 10, 11, 4]])
    found = outcomes_of(table).set_index("outcome")
    assert found.loc["si_resolved", ["n_events", "n"]].tolist() == [75, 210]
    assert found.loc["si_reduced", ["n_events", "n"]].tolist() == [75 + 19 + 10 + 11, 210]
    assert found.loc["si_worse", ["n_events", "n"]].tolist() == [12 + 2 + 3 + 1, 310]


def test_large_counts_are_all_shown():
    table = coded([[80, 20, 11, 12], [60, 40, 15, 11], [50, 30, 12, 13], [40, 20, 14, 12]], (30, 20, 11, 11))
    outcomes, cells = passed(table)
    assert (outcomes.frame["suppressed"] == "").all()
    assert len(cells.frame) == 12
    assert not cells.hidden
    assert cells.frame["n"].sum() == table["n"].sum()


def test_a_row_with_a_small_count_is_merged_and_the_report_says_so():
    # As in the mock-up: 0 before, 18 above 0 after, of which one of the two groups is 1 to 10.
    table = coded([[283, 14, 3, 1], [119, 43, 12, 4], [60, 40, 20, 5], [24, 12, 4, 8]], (60, 50, 30, 26))
    _, cells = passed(table)
    first = cells.frame[cells.frame["before"] == "0"]
    assert dict(zip(first["after"], first["n"], strict=True))["1–3"] == 18
    assert "1" not in first["after"].tolist()
    assert any("merged" in entry.what for entry in cells.hidden)


def test_a_hidden_outcome_does_not_return_by_the_table():
    # 8 of 208 rose: every cell above the diagonal must be out of reach.
    table = coded([[90, 4, 2, 0], [60, 20, 2, 0], [20, 5, 3, 0], [1, 1, 0, 0]])
    outcomes, cells = passed(table)
    worse = outcomes.frame.set_index("outcome").loc["si_worse"]
    assert worse["suppressed"] == "count 1-10"
    assert pd.isna(worse["n_events"])
    first = cells.frame[cells.frame["before"] == "0"]
    assert "0" not in first["after"].tolist()


def test_who_reduced_without_resolving_does_not_follow_from_two_outcomes():
    # 58 of 78 resolved and 65 reduced: the 7 in between fell, but not to 0.
    outcomes, _ = passed(coded([[14, 0, 0, 0], [30, 9, 0, 0], [20, 4, 4, 0], [8, 3, 0, 0]], (11, 18, 0, 0)))
    shown = outcomes.frame.set_index("outcome").loc[["si_resolved", "si_reduced"], "n_events"]
    assert shown.notna().sum() == 1
    assert shown["si_resolved"] == 58


def test_those_without_the_item_before_do_not_follow_from_all_who_were_scored():
    # 30 were scored and 22 of them above 0 before: 8 were not.
    outcomes, cells = passed(coded([[8, 0, 0, 0], [11, 11, 0, 0], [0] * 4, [0] * 4], (5, 6, 0, 0)))
    above = outcomes.frame.set_index("outcome").loc["si_resolved", "n"]
    assert pd.isna(above)
    assert not (cells.frame["n"] == 22).any()


def small_tables(total):
    """All tables of 2 by 2 codes with this total, as printed margins leave them open."""
    for a, b, c in product(range(total + 1), repeat=3):
        if a + b + c <= total:
            yield np.array([a, b, c, total - a - b - c])


@pytest.mark.parametrize("seed", range(12))
def test_by_enumeration_no_small_cell_has_one_value_only(seed):
    """Each table of two bands that agrees with what is printed; a small cell keeps two values or more."""
    rng = np.random.default_rng(seed)
    counts = rng.choice([0, 2, 5, 9, 11, 13, 16], size=4)
    rows = [
        {"before": float(b), "after": float(a), "status": "recorded", "n": int(n)}
        for (b, a), n in zip(product((0, 1), repeat=2), counts, strict=True)
    ]
    atoms = atoms_of(pd.DataFrame(rows), (0, 1), 1)
    groups = groups_of_patients(atoms, [])
    # The size of all is printed elsewhere.
    printed = np.ones((1, atoms.n.size), bool)
    allowed = gives_away(atoms, printed, groups, FEW).any()
    cells = best_cells(atoms, printed, groups, FEW)
    sums = np.vstack([printed, marks_of(atoms, cells)])
    # Places of the four cells among the atoms; a move within a band is always "same" with two codes.
    place = [
        int(np.flatnonzero(atoms.marks([b], [a]) & ((atoms.move == "same") | (b != a)))[0])
        for b, a in product(("0", "1"), repeat=2)
    ]
    coefficients = sums[:, place].astype(int)
    told = coefficients @ counts
    fitting = np.array([t for t in small_tables(int(counts.sum())) if (coefficients @ t == told).all()])
    for number in np.flatnonzero((counts >= 1) & (counts <= 10)):
        assert allowed or np.unique(fitting[:, number]).size > 1


def test_sizes_of_section_3_count_as_printed():
    # 7 were not scored: with both sizes printed that follows from them, without a cell of this table.
    table = coded([[40, 30, 0, 0], [30, 30, 0, 0], [0] * 4, [0] * 4], (7, 0, 0, 0))
    _, with_sizes = passed(table)
    _, without = passed(table, eligible_printed=False, scored_printed=False)
    assert "not known" not in with_sizes.frame.loc[with_sizes.frame["before"] == "0", "after"].tolist()
    assert "not known" not in without.frame.loc[without.frame["before"] == "0", "after"].tolist()


def test_the_sample_prints_what_pandas_counts(sample_cohort):
    part = safety_item(scope_of(sample_cohort, "show"))
    cells = part.tables["safety_item_phq9_transitions"]
    row = part.tables["safety_item_phq9"].set_index("outcome").loc["si_resolved"]
    known = cells[cells["after"] != "not known"]
    above = known[known["before"] != "0"]
    assert row["n"] == above["n"].sum()
    assert row["n_events"] == above.loc[above["after"] == "0", "n"].sum()
    (figure,) = part.section.figures
    assert f"{row['n_events']} of {row['n']} patients above 0 scored 0 after" in figure.title
    assert "not an alert" in " ".join(part.section.reading)


def test_where_no_item_is_recorded_one_sentence_says_so(make):
    cohort = make([("A", 0.0), ("A", 1440.0)], [("A", -24.0, 12), ("A", 672.0, 3)])
    part = safety_item(scope_of(cohort, "show"))
    assert part.section.notes == ("Not recorded: of PHQ-9 there are totals without the item.",)
    assert not part.section.figures
    assert not part.tables
