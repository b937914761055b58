"""Charts of page 1: months where nothing can be tested, two runs, a baseline that is not over."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from ketaoutcomes.report.calendar import Calendar
from ketaoutcomes.report.sections.charted import Kind, baseline_words, charted, signal_rows
from ketaoutcomes.report.sections.headline_months import frame_of
from ketaoutcomes.report.sections.months import months

KIND = Kind("Response", "Responded, % of patients scored", "p")


def named(place: int) -> str:
    return f"{2024 + place // 12}-{place % 12 + 1:02d}"


def chart_of(events, *, n=50, at=None, outcome=None, baseline=None, hidden=()):
    """A chart of months of `n` patients each, in a report on the month `at`; with its scope."""
    known = tuple(named(place) for place in range(len(events)))
    at = at or known[-1]
    calendar = Calendar(at, outcome or at, None, (), known)
    events = np.array(events, dtype=float)
    released = pd.DataFrame(
        {"month": known, "n_events": events, "n": float(n), "estimate": events / n, "suppressed": ""}
    )
    gone = released["month"].isin(hidden)
    released.loc[gone, ["n_events", "n", "estimate"]] = np.nan
    released.loc[gone, "suppressed"] = "count 1-10"
    scope = SimpleNamespace(calendar=calendar, settings=SimpleNamespace(baseline=baseline, changes={}))
    frame = frame_of(outcome or at, calendar)
    return charted(scope, "response", released, frame, KIND), scope


def reading_of(chart, scope) -> str:
    scope.gate = SimpleNamespace(plain=lambda name, frame: SimpleNamespace(frame=frame))
    section = months(scope, [chart]).section
    return " ".join([*section.reading, *(note for figure in section.figures for note in figure.notes)])


def test_two_long_runs_with_one_month_on_the_other_side_between_them_are_two_shifts():
    chart, _ = chart_of([25, 24, 26] * 4 + [30] * 10 + [20] + [31] * 10 + [20])
    shifts = [row["words"] for row in signal_rows(chart) if row["kind"] == "shift"]
    # Counted by hand: December 2024 (26) and the ten 30s, then the ten 31s; the 20s lie below 25.
    assert shifts == [
        "Shift: 11 months above the line from December 2024 to October 2025",
        "Shift: 10 months above the line from December 2025 to September 2026",
    ]


def test_a_chart_whose_baseline_allows_no_rule_does_not_say_that_there_is_no_signal():
    few, scope = chart_of([24, 26] * 12, baseline=(named(0), named(4)))
    assert few.result is not None
    assert few.signal == "Not tested"
    text = reading_of(few, scope)
    assert "No rule is applied" in text
    assert "they need 8 months in the baseline; 5 have a value" in text
    assert "preliminary" not in text
    assert "Three rules" not in text
    same, _ = chart_of([50] * 24)
    assert same.signal == "Not tested"


def test_limits_of_a_baseline_that_is_not_over_are_said_to_move():
    events = [24, 26] * 12
    young, scope = chart_of(events, at=named(8))
    assert baseline_words(scope).startswith("the first 12 months of the data, January 2024 to December 2024")
    assert "never moved" not in reading_of(young, scope)
    assert "moves the line" in reading_of(young, scope)
    # The month of the report ends the baseline, but outcomes are known up to the month before only.
    late, scope = chart_of(events, at=named(11), outcome=named(10))
    assert "moves the line" in reading_of(late, scope)
    old, scope = chart_of(events, at=named(12))
    assert "never moved" in reading_of(old, scope)


def test_a_hidden_month_of_the_baseline_is_said_to_be_in_no_limit_and_to_come_in_where_it_is_shown():
    events = [24, 26] * 12
    some, scope = chart_of(events, hidden=(named(2),))
    told = reading_of(some, scope)
    assert "never moved" not in told
    assert "where another report shows one of them, its limits are others" in told
    whole, _ = chart_of(events)
    # 276 of 550 without March 2024, 300 of 600 with it.
    assert some.table["centre"].iloc[0] == 276 / 550
    assert whole.table["centre"].iloc[0] == 0.5
    later, scope = chart_of(events, hidden=(named(20),))
    assert "never moved" in reading_of(later, scope)


def test_line_and_limits_of_a_month_are_the_same_in_the_next_months_report():
    events = [20, 26, 23, 25, 22, 27, 24, 21, 26, 25, 23, 24, 30, 35, 28, 33, 24, 20]
    earlier, _ = chart_of(events, at=named(15), outcome=named(14))
    later, _ = chart_of(events, at=named(16), outcome=named(15))
    columns = ["month", "centre", "limit_low", "limit_high"]
    pd.testing.assert_frame_equal(earlier.table[columns], later.table[columns].iloc[: len(earlier.table)])
    # 286 of 600 in the first year: the centre of a p chart; 3 sqrt(p (1 - p) / 50) about it.
    share = 286 / 600
    assert np.allclose(later.table["centre"], share)
    assert np.allclose(later.table["limit_high"], share + 3 * np.sqrt(share * (1 - share) / 50))


def test_a_month_whose_windows_are_open_is_in_no_rule():
    events = [24, 26] * 6 + [25, 49]
    chart, _ = chart_of(events, at=named(13), outcome=named(12))
    last = chart.table.iloc[-1]
    assert last["month"] == named(13)
    assert last["is_provisional"]
    assert not last["outside"]
    assert last["estimate"] > last["limit_high"]
    assert chart.signal == "No signal"
    closed, _ = chart_of(events, at=named(13))
    assert closed.signal == "February 2025: above the limits"
