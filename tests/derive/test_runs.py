"""Where a condition first holds long enough: checked against a plain loop over each patient's rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ketaoutcomes.derive.runs import RunRule, first_runs

RULES = {
    "first": RunRule(),
    "again a day later": RunRule(again_after_days=1),
    "again, whenever": RunRule(again_after_days=0),
    "5 to 15 days later": RunRule(again_after_days=5, again_within_days=15),
    "throughout a week": RunRule(throughout_days=7),
}


def by_hand(holds, hour, rule):
    """Row of the run, last failing row before it, unconfirmed: one segment, as the definitions read."""
    n = len(holds)
    for row in range(n):
        if not holds[row]:
            continue
        if rule.again_after_days is not None:
            late = [k for k in range(row + 1, n) if (hour[k] - hour[row]) / 24 >= rule.again_after_days - 0.5]
            if not late or not all(holds[row : late[0] + 1]):
                continue
            if (hour[late[0]] - hour[row]) / 24 >= rule.again_within_days + 0.5:
                continue
        if rule.throughout_days is not None:
            within = [k for k in range(row + 1, n) if (hour[k] - hour[row]) / 24 < rule.throughout_days + 0.5]
            if not within or not all(holds[k] for k in within):
                continue
        failed = [k for k in range(row) if not holds[k]]
        return row, failed[-1] if failed else None, False
    failed = [k for k in range(n) if not holds[k]]
    return None, failed[-1] if failed else None, bool(n and holds[-1])


@pytest.mark.parametrize("name", RULES)
def test_runs_are_those_that_a_loop_over_the_definition_finds(name):
    stream = np.random.default_rng(7)
    for _ in range(60):
        sizes = stream.integers(0, 9, 12)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        hour = np.concatenate(
            [np.sort(stream.choice(np.arange(0, 480, 3.0), size, replace=False)) for size in sizes]
        )
        holds = stream.random(starts[-1]) < 0.6
        found = first_runs(holds, hour, starts, RULES[name])
        for k, (a, b) in enumerate(pairwise(starts)):
            row, before, unconfirmed = by_hand(list(holds[a:b]), list(hour[a:b]), RULES[name])
            assert found.row[k] == (-1 if row is None else a + row)
            assert found.before[k] == (-1 if before is None else a + before)
            assert found.unconfirmed[k] == unconfirmed


def test_no_rows_at_all_give_no_runs():
    found = first_runs(np.empty(0, bool), np.empty(0), np.zeros(4, int), RunRule(throughout_days=7))
    assert list(found.row) == [-1, -1, -1]
    assert not found.unconfirmed.any()


def test_a_week_later_counts_although_it_is_some_hours_short():
    rule = RunRule(again_after_days=7)
    holds = np.ones(2, bool)
    assert first_runs(holds, np.array([0.0, 160.0]), np.array([0, 2]), rule).row[0] == 0
    assert first_runs(holds, np.array([0.0, 150.0]), np.array([0, 2]), rule).row[0] == -1
