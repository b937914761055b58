"""Funnel plots and charts case by case: what is drawn is what stands in the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.funnel import funnel
from ketaoutcomes.analysis.sequential_chart import sequential_chart


@pytest.fixture
def result():
    frame = pd.DataFrame(
        {"clinic": list("FACBED"), "x": [40, 170, 85, 130, 75, 140], "n": [80, 200, 100, 160, 90, 170]}
    )
    return funnel(frame, group="clinic", events="x", size="n")


def test_each_unit_is_a_dot_at_its_size(result, artists):
    drawn = artists(result.plot())
    table = result.table
    assert drawn.points("dot") == pytest.approx(
        np.column_stack([table["n"].astype(float), table["estimate"]])
    )
    assert sorted(drawn.texts("letter")) == list("ABCDEF")


def test_only_a_unit_outside_the_outer_limits_has_a_ring(result, artists):
    drawn = artists(result.plot())
    far = result.table[result.table["position"] == "outside 99.8%"]
    assert len(far) == 1
    assert drawn.points("signal").tolist() == [[80.0, 0.5]]


def test_limits_are_the_curves_and_are_named(result, artists):
    drawn = artists(result.plot())
    for name, column in (("inner_low", "limit_low_95"), ("outer_high", "limit_high_99_8")):
        assert drawn.points(name) == pytest.approx(result.curves[["size", column]].to_numpy())
    assert drawn.named("inner_low")[0].get_linestyle() == "--"
    assert drawn.named("outer_low")[0].get_linestyle() == "-"
    assert drawn.texts("target-label") == ["80%"]
    assert set(drawn.texts("limit-label")) <= {"95%", "99.8%"}


def test_many_units_are_named_only_where_there_is_a_signal(artists):
    rng = np.random.default_rng(4)
    n = rng.integers(40, 200, 40)
    x = rng.binomial(n, 0.4)
    x[7] = n[7]
    frame = pd.DataFrame({"unit": np.arange(40), "x": x, "n": n})
    found = funnel(frame, group="unit", events="x", size="n", overdispersion="none")
    assert artists(found.plot()).texts("letter") == ["H"]


def test_limits_of_each_units_own_cases_are_drawn_at_the_unit(artists):
    rng = np.random.default_rng(5)
    cases = pd.DataFrame({"unit": np.repeat(list("abc"), 80), "age": rng.normal(size=240)})
    cases["event"] = rng.random(240) < 1 / (1 + np.exp(-cases["age"]))
    found = funnel(cases, group="unit", events="event", adjust="~ age")
    assert found.curves is None
    drawn = artists(found.plot())
    heights = [line.get_ydata()[0] for line in drawn.named("outer_high")]
    assert heights == pytest.approx(found.table["limit_high_99_8"].tolist())


def test_a_cusum_begins_anew_after_its_signal(artists):
    cases = pd.DataFrame({"event": [1, 1, 1, 0, 1], "risk": 0.1})
    found = sequential_chart(cases, event="event", expected="risk", limit=1.5)
    # Each event adds log(2 / 1.1) = .598: the third reaches 1.79.
    assert found.table["signal"].tolist() == [False, False, True, False, False]
    drawn = artists(found.plot())
    assert drawn.points("signal") == pytest.approx(np.array([[3.0, 3 * np.log(2 / 1.1)]]))
    first, second = drawn.named("path")
    assert first.get_ydata()[-1] == pytest.approx(3 * np.log(2 / 1.1))
    assert second.get_xydata()[0].tolist() == [3.0, 0.0]
    assert drawn.texts("signal-case") == ["3"]


def test_a_vlad_is_drawn_with_the_same_signals(artists):
    cases = pd.DataFrame({"event": [1, 1, 1, 0, 1], "risk": 0.1})
    found = sequential_chart(cases, event="event", expected="risk", limit=1.5, kind="vlad")
    drawn = artists(found.plot())
    assert drawn.points("path")[1:, 1] == pytest.approx([-0.9, -1.8, -2.7, -2.6, -3.5])
    assert drawn.points("signal").tolist() == [[3.0, pytest.approx(-2.7)]]
