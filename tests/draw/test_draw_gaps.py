"""The picture of gaps between sessions, read back from what was drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.gaps import CLOSED, OPEN_COUNTED, gaps


@pytest.fixture
def by_session():
    return pd.DataFrame(
        {
            "number": [1, 2, 3],
            "n": [1107, 91, 12],
            "n_open": [130, 14, 0],
            "estimate": [14.0, 18.0, 21.0],
            "p25": [10.0, 11.0, 14.0],
            "p75": [22.5, 27.0, 40.0],
            "p10": [8.6, 9.0, 10.0],
            "p90": [38.0, 42.0, 60.0],
        }
    )


@pytest.fixture
def overall():
    return pd.DataFrame(
        {
            "measure": [CLOSED, OPEN_COUNTED],
            "estimate": [17.0, 21.5],
            "p25": [11.0, 12.0],
            "p75": [31.0, np.inf],
            "n": [605, 835],
        }
    )


def by_clinic(overall, names):
    return pd.concat([overall.assign(clinic=name) for name in names], ignore_index=True)


def drawn(*args, **options):
    _, ax = theme.new_figure()
    return gaps(args[0], ax, **options)


def test_boxes_run_from_quartile_to_quartile_at_their_place(by_session, overall, artists):
    boxes = artists(drawn(by_session, overall=overall)).rectangles("box")
    assert [(low, high) for _, _, low, high in boxes] == [(10, 22.5), (11, 27), (14, 40)]
    np.testing.assert_allclose([(left + right) / 2 for left, right, _, _ in boxes], [1, 2, 3])


def test_lines_are_the_median_and_the_10th_to_the_90th_percentile(by_session, overall, artists):
    read = artists(drawn(by_session, overall=overall))
    assert read.segments("median")[:, :, 1].tolist() == [[14, 14], [18, 18], [21, 21]]
    assert read.segments("spread").tolist() == [[[1, 8.6], [1, 38]], [[2, 9], [2, 42]], [[3, 10], [3, 60]]]


def test_the_numbers_of_gaps_stand_below(by_session, overall, artists):
    texts = artists(drawn(by_session, overall=overall)).texts("numbers")
    assert texts == ["1,107", "91", "12", "130", "14", "0"]


def test_the_medians_of_all_gaps_are_written_and_ruled(by_session, overall, artists):
    read = artists(drawn(by_session, overall=overall))
    assert read.texts("overall-name") == ["closed gaps", "median 17", "open counted", "median 21.5"]
    assert [line.get_ydata()[0] for line in read.named("overall")] == [17, 21.5]


def test_a_median_that_is_not_reached_has_words_and_no_rule(by_session, overall, artists):
    overall.loc[1, "estimate"] = np.inf
    read = artists(drawn(by_session, overall=overall))
    assert read.texts("overall-name")[-1] == "not reached"
    assert len(read.named("overall")) == 1


def test_many_places_are_cut_and_that_is_said(by_session, overall, artists):
    many = pd.concat([by_session.iloc[[0]]] * 14, ignore_index=True).assign(number=range(1, 15), n=107)
    read = artists(drawn(many, overall=overall))
    assert len(read.rectangles("box")) == 10
    assert read.texts("order") == ["Gap, counted after induction (first 10 of 14)"]
    # Numbers below 1,000 all have room.
    assert read.texts("numbers") == ["107"] * 10 + ["130"] * 10


def test_no_place_with_enough_gaps_is_said(by_session, overall, artists):
    assert artists(drawn(by_session.iloc[:0], overall=overall)).texts("empty") == ["Too few gaps for a box"]


def test_a_group_is_a_row_with_its_box_and_both_medians(by_session, overall, artists):
    read = artists(drawn(by_session, overall=by_clinic(overall, ["north", "south"]), by="clinic"))
    boxes = read.rectangles("box")
    assert [(left, right) for left, right, _, _ in boxes] == [(11, 31), (11, 31)]
    assert read.points("median").tolist() == [[17, 0], [17, 1]]
    assert read.points("median-open").tolist() == [[21.5, 0], [21.5, 1]]
    assert read.texts("group") == ["north", "south"]
    assert read.texts("cell") == ["17", "605", "17", "605"]


def test_a_hidden_row_shows_no_median_in_words(by_session, overall, artists):
    table = (
        by_clinic(overall, ["north"])
        .assign(suppressed="count below 11")
        .astype({"estimate": object, "n": object})
    )
    table.loc[:, ["estimate", "p25", "p75"]] = np.nan
    table.loc[:, "n"] = "1–10"
    read = artists(drawn(by_session, overall=table, by="clinic"))
    assert read.texts("cell") == ["–", "1–10"]
    assert read.rectangles("box") == []


@pytest.mark.parametrize("by", [None, "clinic"])
def test_words_neither_overlap_nor_leave_the_picture(by_session, overall, collisions, by):
    table = by_clinic(overall, ["north", "south", "a clinic with a rather long name"]) if by else overall
    ax = drawn(by_session, overall=table, by=by, title="Days between sessions of this clinic after induction")
    pairs, cut = collisions(ax)
    assert pairs == []
    assert cut == []


def test_medians_that_coincide_are_written_apart(by_session, overall, collisions):
    overall["estimate"] = 17.0
    assert collisions(drawn(by_session, overall=overall))[0] == []


def test_medians_near_zero_are_written_inside_the_picture(by_session, overall, collisions):
    overall["estimate"] = 0.0
    assert collisions(drawn(by_session, overall=overall)) == ([], [])
