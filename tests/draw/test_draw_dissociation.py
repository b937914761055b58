"""Pictures of dissociation scores, read back from what was drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dissociation import peaks_by_session
from ketaoutcomes.draw.dissociation_dose import peaks_by_dose
from ketaoutcomes.draw.dissociation_minutes import scores_by_minute


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "session_group": ["1", "2", "3", "4–6", "7+", "all"],
            "n": [107, 102, 98, 287, 274, 868],
            "n_patients": [107, 102, 98, 111, 57, 121],
            "median": [4.0, 4.0, 4.0, 3.0, np.nan, 4.0],
            "p25": [2.0, 2.0, 2.0, 2.0, np.nan, 2.0],
            "p75": [8.5, 7.0, 6.0, 7.0, np.nan, 7.0],
            "n_events": [50, 44, 41, 107, 0, 335],
            "share": [0.47, 0.43, 0.42, 0.37, np.nan, 0.39],
        }
    )


@pytest.fixture
def by_dose(table):
    words = ["<0.4", "0.4 to <0.6", "0.6 to <0.8", "0.8 to <1.2", "1.2 to <2", "2 or more"]
    bands = table.assign(rule="bands", route=["IV"] * 4 + ["oral"] * 2, dose=words)
    return pd.concat([bands, bands.assign(rule="quartiles", dose="up to 0.5")], ignore_index=True)


@pytest.fixture
def course():
    parts = []
    for group in ("1", "2", "3", "4–6", "7+", "all"):
        mean = np.array([0.5, 9.0, 5.0, 1.0])
        part = {"session_group": group, "time": [0.0, 40.0, 60.0, 120.0], "estimate": mean, "n": 80}
        parts.append(pd.DataFrame(part | {"conf_low": mean - 0.4, "conf_high": mean + 0.4}))
    return pd.concat(parts, ignore_index=True)


def by_arm(frame, names):
    return pd.concat([frame.assign(arm=name) for name in names], ignore_index=True)


def drawn(draw, frame, **options):
    _, ax = theme.new_figure()
    return draw(frame, ax, threshold=4.0, **options)


def test_bars_run_from_quartile_to_quartile_with_a_dot_at_the_median(table, artists):
    read = artists(drawn(peaks_by_session, table))
    boxes = [(low, high) for _, _, low, high in read.rectangles("box")]
    assert boxes == [(2, 8.5), (2, 7), (2, 6), (2, 7), (2, 7)]
    shown = read.points("median")
    np.testing.assert_array_equal(shown[:, 1], table["median"])


def test_the_axis_starts_at_0_and_the_line_at_the_threshold_is_named_a_convention(table, artists):
    ax = drawn(peaks_by_session, table)
    read = artists(ax)
    assert ax.get_ylim()[0] == 0.0
    assert read.points("threshold")[:, 1].tolist() == [4.0, 4.0]
    assert read.texts("threshold-name") == ["4: convention,", "not a detector"]
    own = artists(drawn(peaks_by_session, table, is_convention=False))
    assert own.texts("threshold-name") == ["threshold 4"]


def test_below_stand_the_share_above_the_threshold_and_how_many_it_is_of(table, artists):
    read = artists(drawn(peaks_by_session, table))
    assert read.texts("numbers-label") == ["% above 4", "Sessions", "Patients"]
    texts = read.texts("numbers")
    assert texts[:6] == ["47%", "43%", "42%", "37%", "–", "39%"]
    assert texts[6:12] == ["107", "102", "98", "287", "274", "868"]


def test_a_hidden_row_shows_no_number(table, artists):
    # Tables on their way out hold words in the place of small counts.
    hidden = table.astype({"n_events": object, "share": object})
    hidden.loc[0, ["n_events", "share"]] = ["1–10", "not shown"]
    hidden["suppressed"] = ["count of 1 to 10", "", "", "", "", ""]
    texts = artists(drawn(peaks_by_session, hidden)).texts("numbers")
    assert texts[0] == "1–10"


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 8])
def test_words_stand_clear_of_each_other_however_many_groups(table, n_groups, collisions):
    names = ["chronic pain", "PTSD", "bipolar depression", "GAD", "OCD", "e", "f", "a group with a long name"]
    frame = table if n_groups == 1 else by_arm(table, names[:n_groups])
    ax = drawn(peaks_by_session, frame, by=None if n_groups == 1 else "arm", title="Dissociation")
    assert collisions(ax) == ([], [])


def test_a_group_without_scores_says_so(table, artists):
    empty = table.assign(median=np.nan, p25=np.nan, p75=np.nan, share=np.nan, n=0)
    frame = pd.concat([by_arm(table, ["a", "b", "c"]), empty.assign(arm="d")])
    panels = drawn(peaks_by_session, frame, by="arm").child_axes
    assert [artists(panel).texts("empty") for panel in panels] == [[], [], [], ["not recorded"]]


def test_an_empty_table_says_not_recorded(table, artists, collisions):
    ax = drawn(peaks_by_session, table.iloc[:0])
    assert artists(ax).texts("empty") == ["not recorded"]
    assert collisions(ax) == ([], [])


def test_doses_stand_under_their_route_with_their_numbers(by_dose, artists, collisions):
    ax = drawn(peaks_by_dose, by_dose)
    read = artists(ax)
    assert read.texts("route") == ["IV", "oral"]
    assert read.texts("dose") == by_dose["dose"].tolist()[:6]
    assert read.texts("cell")[:4] == ["4", "47%", "107", "107"]
    # A row of headings before each route: the first bar is on row 1.
    np.testing.assert_allclose(read.points("median")[0], [4.0, 1.0])
    assert collisions(ax) == ([], [])
    quarters = artists(drawn(peaks_by_dose, by_dose, rule="quartiles"))
    assert set(quarters.texts("dose")) == {"up to 0.5"}


def test_without_doses_the_picture_says_so(by_dose, artists):
    assert artists(drawn(peaks_by_dose, by_dose.iloc[:0])).texts("empty") == ["No score with a dose recorded"]


def test_the_course_by_session_number_is_in_small_pictures(course, artists, collisions):
    ax = drawn(scores_by_minute, course)
    names = [artists(panel).texts("group")[0] for panel in ax.child_axes]
    assert names == ["session 1", "session 2", "session 3", "sessions 4–6", "sessions 7+"]
    np.testing.assert_array_equal(artists(ax.child_axes[0]).points("mean")[:, 1], [0.5, 9.0, 5.0, 1.0])
    assert collisions(ax) == ([], [])


def test_the_course_by_group_is_of_all_sessions(course, artists, collisions):
    ax = drawn(scores_by_minute, by_arm(course, ["female", "male"]), by="arm")
    read = artists(ax)
    assert len(read.named("mean")) == 2
    assert read.segments("interval").shape == (8, 2, 2)
    assert collisions(ax) == ([], [])


def test_without_a_course_the_picture_says_why(course, artists, collisions):
    ax = drawn(scores_by_minute, course.iloc[:0])
    assert artists(ax).texts("empty") == [
        "No course over minutes: not recorded, or at one time of assessment only"
    ]
    assert collisions(ax) == ([], [])
