"""The picture of rare events: shares on a square-root axis, limits where there is none, what is absent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.safety_events import safety_events

ROWS = [
    ("serious side effect", "checklist", "session", 0, 684, 0.0, 0.0, 0.054, 0.0054),
    ("session stopped early", "", "session", 6, 600, 0.01, 0.0025, 0.04, np.nan),
    ("rescue medication given", "", "session", None, None, np.nan, np.nan, np.nan, np.nan),
    ("serious side effect", "checklist", "patient", 0, 66, 0.0, 0.0, 0.054, np.nan),
    ("session stopped early", "", "patient", 4, 100, 0.04, 0.01, 0.1, np.nan),
]
COLUMNS = [
    "event", "ascertainment", "per", "n_events", "n", "estimate", "conf_low", "conf_high",
    "conf_high_sessions",
]  # fmt: skip


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_events": "Int64", "n": "Int64"})


def drawn(data, **options):
    return safety_events(data, theme.new_figure()[1], **options)


def test_places_are_square_roots_of_shares(artists):
    found = artists(drawn(table()))
    assert np.sort(found.points("estimate")[:, 0]).tolist() == pytest.approx([0.0, 0.0, 0.1, 0.2])
    ends = found.segments("interval")[:, :, 0]
    ends = ends[np.lexsort(ends.T[::-1])]
    limit = np.sqrt(0.054)
    np.testing.assert_allclose(ends, [[0, limit], [0, limit], [0.05, 0.2], [0.1, np.sqrt(0.1)]], atol=1e-12)


def test_where_there_is_no_event_both_limits_are_ticked_and_written(artists):
    found = artists(drawn(table()))
    ticks = np.sort(np.unique(found.segments("limit")[:, 0, 0].round(9)))
    assert ticks.tolist() == pytest.approx([np.sqrt(0.0054), np.sqrt(0.054)], abs=1e-8)
    assert found.texts("count") == ["0 of 684", "6 of 600", "", "0 of 66", "4 of 100"]
    assert found.texts("interval-text") == [
        "at most 0.5–5.4%", "1.0% (0.2–4.0)", "not recorded", "at most 5.4%", "4.0% (1.0–10.0)",
    ]  # fmt: skip


def test_sections_and_events_are_named_with_the_way_of_asking(artists):
    found = artists(drawn(table(), heading="Rare events", title="Safety"))
    assert found.texts("row") == [
        "Per session", "Serious side effect, checklist", "Session stopped early", "Rescue medication given",
        "Per patient", "Serious side effect, checklist", "Session stopped early",
    ]  # fmt: skip
    assert found.texts("title") == ["Safety"]
    assert any("square-root axis" in words for words in found.texts("unit"))


def test_without_a_zero_nothing_is_said_of_upper_limits(artists):
    found = artists(drawn(table([ROWS[1]])))
    assert not any("upper limit" in words for words in found.texts("unit"))
    assert len(found.segments("limit")) == 0


def test_groups_stand_below_their_event_and_one_that_does_not_ask_in_this_way_is_left_out(artists):
    nothing = (*ROWS[0][:3], None, None, np.nan, np.nan, np.nan, np.nan)
    data = table([ROWS[0], nothing, ROWS[1], ROWS[2]]).assign(clinic=["a", "b", "a", "b"])
    data.loc[3, "event"] = "session stopped early"
    found = artists(drawn(data, by="clinic"))
    assert found.texts("row") == [
        "Per session", "Serious side effect, checklist", "a", "Session stopped early", "a", "b",
    ]  # fmt: skip
    assert found.texts("interval-text")[-1] == "not recorded"


def test_bounds_are_a_hollow_bar_and_two_numbers_and_the_key_says_so(artists):
    data = table([ROWS[1], ROWS[0]]).assign(estimate_low=[0.01, 0.0], estimate_high=[0.0225, 0.04])
    found = artists(drawn(data))
    ends = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in found.named("bounds"))
    np.testing.assert_allclose(ends, [[0.0, 0.2], [0.1, 0.15]])
    assert len(found.points("estimate")) == 1  # the hollow dot of none recorded; bounds have no dot
    assert found.texts("interval-text") == ["1.0–2.2% (0.2–4.0)", "at most 0.5–5.4%"]
    assert [words[:10] for words in found.texts("unit")] == ["% of sessi", "Hollow bar", "No event: "]
    alike = artists(drawn(table([ROWS[1]]).assign(estimate_low=0.01, estimate_high=0.01)))
    assert alike.named("bounds") == []
    assert not any("Hollow" in words for words in alike.texts("unit"))


def test_hidden_rows_say_so_and_have_no_dot(artists):
    data = table([ROWS[1]]).astype({"n_events": "object"})
    data.loc[0, ["n_events", "estimate", "conf_low", "conf_high"]] = ["1–10", np.nan, np.nan, np.nan]
    found = artists(drawn(data.assign(suppressed="count below 11")))
    assert (found.texts("count"), found.texts("interval-text")) == (["1–10"], ["not shown"])
    assert len(found.points("estimate")) == 0


@pytest.mark.parametrize("rows", [[], [ROWS[2]]])
def test_nothing_recorded_is_a_picture_without_dots(rows, artists):
    found = artists(drawn(table(rows)))
    assert len(found.points("estimate")) == 0


def test_ticks_do_not_crowd_and_end_within_the_axis(artists):
    for largest in (0.012, 0.054, 0.3, 1.0):
        row = (*ROWS[1][:7], largest, np.nan)
        ax = drawn(table([row]))
        places = np.sort(ax.get_xticks())
        assert places[0] == 0
        assert places[-1] <= ax.get_xlim()[1] + 1e-12
        width = ax.bbox.width * theme.PX_PER_INCH / ax.figure.dpi
        assert np.diff(places).min() / ax.get_xlim()[1] * width >= 29.9


def test_numbers_of_rare_events_never_touch_and_the_last_tick_holds_the_data(artists, collisions):
    rows = [("severe side effect", "spontaneous", "session", 2, 1184, 0.024, 0.004, 0.22, np.nan)]
    data = table(rows).assign(estimate_low=0.024, estimate_high=0.036)
    ax = drawn(data, heading="Rare events, % of sessions and of patients with a record")
    assert artists(ax).texts("interval-text") == ["2.4–3.6% (0.4–22.0)"]
    assert collisions(ax) == ([], [])
    # 22% lies below the tick at 30%, whose place on the axis is its square root.
    assert ax.get_xticks()[-1] == pytest.approx(np.sqrt(0.3))
    assert ax.get_xlim()[1] == pytest.approx(np.sqrt(0.3))
