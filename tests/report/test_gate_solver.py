"""No hidden count follows from what is printed: tried out on random tables by `solver`."""

from __future__ import annotations

from itertools import product
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from report import solver

from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.files import csv_text
from ketaoutcomes.report.releases import Release, _read
from ketaoutcomes.report.solvable import System, Total, follows, interval, remaining, sum_intervals

MONTHS = [f"2025-{number:02d}" for number in range(1, 13)] + [f"2026-{number:02d}" for number in range(1, 13)]
N_TABLES, N_PAIRS = 520, 500


def counts_of(generator, n_rows):
    """Sizes and events with zeros, ties, small and large ones."""
    scale = generator.choice([4, 8, 13, 18])
    sizes = generator.poisson(scale, n_rows) * (generator.random(n_rows) > 0.1)
    share = generator.choice([0.0, 0.1, 0.5, 0.9, 1.0], n_rows, p=[0.1, 0.3, 0.3, 0.2, 0.1])
    return generator.binomial(sizes, share), sizes


def table_of(events, sizes, labels, key="month"):
    share = np.divide(events, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
    return pd.DataFrame({key: labels, "n_events": events, "n": sizes, "estimate": share})


def with_sum(events, sizes, labels, n_summed=None):
    """A table with the row of the sum of its first rows."""
    counts = [np.append(column, column[:n_summed].sum()) for column in (events, sizes)]
    return table_of(*counts, [*labels, solver.SUM])


def check(frame, table, printed, largest, rows, sizes=None):
    """Nothing small that is hidden in these rows has one possible value."""
    if not frame[["n_events", "n"]].iloc[rows].isna().to_numpy().any():
        return
    # A reader of rows without a total knows no end of them.
    top = int(table["n"].iloc[rows].sum()) + 12
    frames = frame.iloc[rows].reset_index(drop=True)
    truth = table.iloc[rows].reset_index(drop=True)
    pairs = [
        solver.pairs_of(row, top, largest, None if sizes is None else sizes[number])
        for number, row in enumerate(frames.to_dict("records"))
    ]
    for number, left in enumerate(solver.remaining(pairs, printed, top)):
        row, true = frames.iloc[number], truth.iloc[number]
        hidden = pd.isna(row["n_events"])
        assert not solver.told(
            left, int(true["n_events"]), int(true["n"]), largest,
            is_hidden=hidden, hides_size=pd.isna(row["n"]),
        )  # fmt: skip


def total_of(frame, row):
    events, size = frame["n_events"].iloc[row], frame["n"].iloc[row]
    return solver.Printed(None if pd.isna(events) else int(events), None if pd.isna(size) else int(size))


@pytest.mark.parametrize("small_cells", ["suppress", "round"])
def test_of_random_months_and_groups_of_one_total_no_hidden_count_follows(small_cells):
    generator = np.random.default_rng(20261122)
    # Rounded counts tell less; the attack is on what stands before they are rounded.
    gate = Gate(small_cells)
    n_hidden = 0
    # Months and groups: two tables at a time.
    for _ in range(N_TABLES // 2 if small_cells == "suppress" else 50):
        n_rows = int(generator.integers(2, 6))
        events, sizes = counts_of(generator, n_rows)
        table = with_sum(events, sizes, MONTHS[:n_rows])
        given = exact(gate, "response", table, total=table["month"] != solver.SUM, sum_row=n_rows)
        rows = list(range(n_rows))
        check(given, table, total_of(given, n_rows), gate.few.largest, rows)
        n_hidden += int(given["n_events"].isna().sum())
        # Groups of the same patients; their sum is the total that stands with the months.
        cut = np.sort(generator.integers(0, sizes.sum() + 1, 2))
        groups = np.diff([0, *cut, sizes.sum()])
        flags = np.r_[np.ones(events.sum(), bool), np.zeros(sizes.sum() - events.sum(), bool)]
        generator.shuffle(flags)
        parts = [int(part.sum()) for part in np.split(flags, cut)]
        by_group = table_of(np.array(parts), groups, list("abc"), "diagnosis")
        given = exact(gate, "response_by_diagnosis", by_group)
        # Elsewhere the total is a rate like any other.
        whole = gate.rates(
            "response_rates",
            table_of(events.sum(keepdims=True), sizes.sum(keepdims=True), ["all"]),
            place="here",
        )
        shows = exact_of(whole.frame, table.tail(1))
        printed = total_of(shows, 0)
        check(given, by_group, printed, gate.few.largest, [0, 1, 2])
    assert n_hidden > (N_TABLES / 5 if small_cells == "suppress" else 10)


def exact(gate, name, table, **options):
    """What the gate hides, before the counts that stay are rounded."""
    frame = gate.parts(name, table, place="here", **options).frame
    return exact_of(frame, table)


def exact_of(frame, table):
    for column in ("n_events", "n"):
        values = table[column].astype("Int64").reset_index(drop=True)
        frame[column] = values.mask(frame[column].isna())
    return frame


def release_of(frame, at):
    tables = {"response": _read(csv_text(frame).encode())}
    settings = {"small_cells": "suppress", "outcome_month": at, "instrument": "PHQ-9"}
    return Release(at, "clinic", "0" * 64, MappingProxyType(settings), MappingProxyType(tables))


def test_of_two_consecutive_months_no_hidden_count_follows():
    generator = np.random.default_rng(7)
    n_months, n_changed = 3, 0
    for number in range(N_PAIRS):
        events, sizes = counts_of(generator, n_months + 2)
        everything = table_of(events, sizes, MONTHS[: n_months + 2])
        first, second = (
            with_sum(events[rows], sizes[rows], MONTHS[rows], n_months)
            for rows in (slice(0, n_months + 1), slice(1, n_months + 2))
        )
        in_total = np.r_[np.ones(n_months, bool), False, False]
        then = Gate("suppress").parts(
            "response", first, place="here", total=in_total, sum_row=n_months + 1
        ).frame  # fmt: skip
        gate = Gate("suppress", release_of(then, MONTHS[n_months]))
        now = gate.parts(
            "response", second, place="here", total=in_total, sum_row=n_months + 1,
            then_total=MONTHS[:n_months],
        ).frame  # fmt: skip
        if number % 10 == 0:
            alone = (
                Gate("suppress")
                .parts("response", second, place="here", total=in_total, sum_row=n_months + 1)
                .frame
            )
            n_changed += int((now["suppressed"] != alone["suppressed"]).any())
        attack(everything, then, now, n_months)
    # The comparison hides something that one report by itself would show.
    assert n_changed > 5


def attack(everything, then, now, n_months):
    """Both releases together: months stay, the first leaves and the last but one enters."""
    top = int(everything["n"].sum())
    if not pd.concat([then, now])[["n_events", "n"]].isna().to_numpy().any():
        return
    rows = []
    for number in range(n_months + 2):
        pairs = np.ones((top + 1, top + 1), bool)
        if number <= n_months:
            pairs &= solver.pairs_of(then.iloc[number], top, 10)
        if number >= 1:
            pairs &= solver.pairs_of(now.iloc[number - 1], top, 10)
        rows.append(pairs)
    totals = total_of(then, n_months + 1), total_of(now, n_months + 1)
    left, stay, entered = rows[0], rows[1:n_months], rows[n_months]
    before, after = (solver.allowed(top, printed) for printed in totals)
    whole = solver.reached(stay, top)
    # Sums of those who stay that fit both totals, and what is left over for the others.
    both = whole & solver.left_over(before, left) & solver.left_over(after, entered)
    found = [left & solver.left_over(before, both)]
    fits = solver.left_over(before, left) & solver.left_over(after, entered)
    others = solver.without_each(stay, top)
    found += [pairs & solver.left_over(fits, other) for pairs, other in zip(stay, others, strict=True)]
    found += [entered & solver.left_over(after, both)]
    for number, pairs in enumerate(found):
        true = everything.iloc[number]
        shows = [frame.iloc[row] for frame, row in ((then, number), (now, number - 1)) if row >= 0]
        assert not solver.told(
            pairs, int(true["n_events"]), int(true["n"]), 10,
            is_hidden=all(pd.isna(row["n_events"]) for row in shows),
            hides_size=all(pd.isna(row["n"]) for row in shows),
        )  # fmt: skip


def test_one_hidden_month_of_two_totals_is_found():
    # 12 + x = 17 then and 12 + y = 20 now: x and y follow, whatever else is hidden.
    known = System(
        truth=np.array([5, 12, 8]), low=np.array([1, 12, 1]), high=np.array([10, 12, 10]),
        sums=np.array([[1, 1, 0], [0, 1, 1]]),
    )  # fmt: skip
    none = np.zeros((0, 3), int)
    assert follows(known, np.eye(3, dtype=int)[[0, 2]], np.eye(3, dtype=int), none).tolist() == [True, True]
    assert interval(known, np.array([1, 0, 0])) == (5, 5)


def test_two_hidden_numbers_of_one_sum_have_several_values():
    known = System(
        truth=np.array([5, 8]), low=np.array([1, 1]), high=np.array([10, 10]), sums=np.array([[1, 1]])
    )
    assert interval(known, np.array([1, 0])) == (3, 10)
    assert not follows(known, np.eye(2, dtype=int), np.eye(2, dtype=int), np.zeros((0, 2), int)).any()


@pytest.mark.parametrize(("total", "least"), [(2, 1), (20, 10)])
def test_at_the_ends_of_what_is_possible_both_follow(total, least):
    low, high = sum_intervals(np.array([1, 1]), np.array([10, 10]), total)
    assert low.tolist() == high.tolist() == [least, least]


def test_all_but_a_few_of_a_known_group_leave_a_hidden_month_no_room():
    # 10 of 60 and 39 of 40 hidden, their sum 49: the second has at most 39, so the first has 10.
    table = table_of(np.array([10, 39, 30]), np.array([60, 40, 70]), MONTHS[:3])
    frame = Gate("suppress").parts("t", table, place="here").frame
    assert frame["n_events"].isna().sum() == 3


def solutions(low, high, totals):
    """Every solution by trying all numbers; (k, m, 3)."""
    rows = []
    for least, most in zip(low, high, strict=True):
        pairs = product(range(least[0], most[0] + 1), range(least[1], most[1] + 1))
        rows.append([(e, r, e + r) for e, r in pairs if least[2] <= e + r <= most[2]])
    every = np.array(list(product(*rows)))
    fits = np.ones(len(every), bool)
    for total in totals:
        sums = every[:, total.rows].sum(axis=1)
        fits &= ((sums >= total.low) & (sums <= total.high)).all(axis=1)
    return every[fits]


def test_what_remains_possible_of_rows_of_two_totals_is_what_trying_all_numbers_leaves():
    generator = np.random.default_rng(1)
    n_told = 0
    for _ in range(150):
        n_rows = int(generator.integers(2, 5))
        truth = generator.integers(0, 4, (n_rows, 2))
        truth = np.column_stack([truth, truth.sum(axis=1)])
        low = np.maximum(truth - generator.integers(0, 3, truth.shape), 0)
        high = truth + generator.integers(0, 3, truth.shape)
        totals = []
        for _ in range(int(generator.integers(1, 3))):
            rows = generator.random(n_rows) < 0.6
            ends, play = truth[rows].sum(axis=0), generator.integers(0, 2, 3)
            totals.append(Total(rows, ends - play, ends + play))
        every = solutions(low, high, totals)
        (least, most), sums = remaining(low, high, totals)
        np.testing.assert_array_equal(least, every.min(axis=0))
        np.testing.assert_array_equal(most, every.max(axis=0))
        for number, total in enumerate(totals):
            found = every[:, total.rows].sum(axis=1)
            np.testing.assert_array_equal(sums[0][number], found.min(axis=0))
            np.testing.assert_array_equal(sums[1][number], found.max(axis=0))
        n_told += int((least == most).sum())
    assert n_told > 100
