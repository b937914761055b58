"""Fisher's exact test against R, a published table and sums over all tables."""

from __future__ import annotations

import json
import re
import time
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketaoutcomes.engine.fisher import fisher_exact
from ketaoutcomes.errors import DataError

R = np.array(
    json.loads((Path(__file__).resolve().parents[1] / "reference" / "count_models.json").read_text())[
        "fisher"
    ]
)
# Patients of the three groups of the CDISC pilot study.
PLACEBO, LOW, HIGH = 86, 84, 84


def test_many_tables_have_rs_p_values():
    # tests/reference/count_models.R: fisher.test of 307 tables, five of them of 100,000 patients, where
    # a log-gamma function has 1e-10 of rounding.
    np.testing.assert_allclose(fisher_exact(*R[:, :4].T), R[:, 4], rtol=2e-10)
    small = R[:, 1] + R[:, 3] < 2000
    np.testing.assert_allclose(fisher_exact(*R[small, :4].T), R[small, 4], rtol=1e-11)


def _printed(cell: str) -> str:
    return cell.strip().rstrip("*").strip()


def test_every_p_value_of_a_published_table_is_met(shared):
    # CDISC SDTM/ADaM pilot project, table 14-5.01: n (%) and [events] of placebo, low and high dose, p of low
    # and of high dose against placebo. A row without an event in both groups is printed without p, and
    # p below 0.15 carry an asterisk.
    path = shared / "data" / "cdisc_pilot" / "published_tables" / "14-5.01.txt"
    rows = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines() if line.strip("| \n")]
    counts = np.array(
        [[int(re.match(r"\s*(\d+)", row[column]).group(1)) for column in (1, 3, 5)] for row in rows]
    )
    n_compared = 0
    for group, size, cell in ((1, LOW, 7), (2, HIGH, 8)):
        p = fisher_exact(counts[:, group], size, counts[:, 0], PLACEBO)
        nobody = (counts[:, 0] == 0) & (counts[:, group] == 0)
        for value, empty, row in zip(p, nobody, rows, strict=True):
            printed = _printed(row[cell])
            assert printed == ("" if empty else ">.99" if value > 0.99 else f"{value:.3f}"), row[0].strip()
            assert ("*" in row[cell]) == (not empty and value < 0.15), row[0].strip()
            n_compared += not empty
    assert n_compared > 350


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_p_is_the_sum_over_tables_that_are_no_more_probable(n_a, n_b, data):
    a, b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    ways = np.array(
        [comb(n_a, k) * comb(n_b, a + b - k) if k <= a + b else 0 for k in range(n_a + 1)], dtype=object
    )
    p = float(sum(w for w in ways if w <= ways[a])) / comb(n_a + n_b, a + b)
    assert fisher_exact(a, n_a, b, n_b) == pytest.approx(p, rel=1e-11)
    assert fisher_exact(b, n_b, a, n_a) == pytest.approx(p, rel=1e-11)
    assert fisher_exact(n_a - a, n_a, n_b - b, n_b) == pytest.approx(p, rel=1e-11)


def test_fishers_tea():
    # Fisher (1935), The Design of Experiments: 3 of 4 cups told right, 34 / 70 on two sides.
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(34 / 70, rel=1e-13)


def test_nobody_or_everybody_gives_one_and_an_empty_group_none():
    p = fisher_exact([0, 10, 0, 3], [10, 10, 0, 7], [0, 12, 3, 0], [12, 12, 9, 0])
    np.testing.assert_array_equal(p, [1, 1, np.nan, np.nan])


def test_arrays_broadcast_and_no_tables_give_no_p():
    assert fisher_exact(np.zeros((2, 1)), 5, [1, 2, 3], 6).shape == (2, 3)
    assert fisher_exact([], [], [], []).shape == (0,)


def test_many_large_tables_are_quick():
    generator = np.random.default_rng(1)
    a, b = generator.integers(0, 50_000, (2, 40))
    start = time.perf_counter()
    p = fisher_exact(a, 50_000, b, 50_000)
    # 40 tables of up to 50,000 terms take 0.3 s on an idle core.
    assert time.perf_counter() - start < 10
    assert ((p >= 0) & (p <= 1)).all()


@pytest.mark.parametrize(
    "table, message", [((3, 2, 0, 4), "more events"), ((0.5, 2, 0, 4), "whole"), ((1, 2, -1, 4), "whole")]
)
def test_malformed_tables_are_refused(table, message):
    with pytest.raises(DataError, match=message):
        fisher_exact(*table)
