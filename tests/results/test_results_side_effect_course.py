"""The result of side effects over the sessions: words, pictures and the strips of patients."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import ketaoutcomes
from ketaoutcomes.analysis.published_side_effects import published_side_effects
from ketaoutcomes.analysis.side_effect_course import side_effect_course
from ketaoutcomes.draw import theme
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.side_effect_course import _strips


@pytest.fixture(scope="module")
def clinic(sample):
    return ketaoutcomes.load_cohort(sample)


@pytest.fixture(scope="module")
def result(clinic):
    return side_effect_course(clinic)


@pytest.fixture(scope="module")
def by_sex(clinic):
    return side_effect_course(clinic, ["nausea", "dissociation"], by="sex")


@pytest.fixture(autouse=True)
def close():
    yield
    pyplot.close("all")


def named(ax, gid):
    axes = [ax, *ax.child_axes]
    return [text.get_text() for one in axes for text in one.get_children() if text.get_gid() == gid]


def test_the_readable_table_has_a_line_per_row_and_no_raw_number(result):
    readable, words = result.readable()
    assert len(readable) == len(result.table)
    assert words == ("side effect", "asked by", "session")
    assert readable["%"].str.match(r"^([<>]?\d+(\.\d)?%|–)$").all()
    assert "95% CI" in readable.columns


def test_the_summary_has_both_comparisons_with_their_counts(result):
    text = result.summary()
    assert "Session 1 against later sessions, patients with both" in text
    assert "Odds ratio per doubling of the session number" in text
    assert "dissociation, asked by checklist: all patients " in text
    assert text == repr(result)


def test_results_can_be_pickled(result, clinic):
    for one in (result, published_side_effects(clinic)):
        again = pickle.loads(pickle.dumps(one))
        pd.testing.assert_frame_equal(again.table, one.table)


def test_the_lines_are_of_six_effects_at_most(result, by_sex):
    _, ax = theme.new_figure()
    result.plot(ax)
    assert named(ax, "panel")[0] == "Any side effect"
    assert len(named(ax, "panel")) == 6
    assert named(ax, "series") == ["checklist", "spontaneous"]
    _, ax = theme.new_figure()
    result.plot(ax, effects=["nausea", "anxiety"], ascertainment="spontaneous")
    assert named(ax, "panel") == ["Nausea", "Anxiety"]
    assert "asked spontaneously" in " ".join(named(ax, "unit"))
    # By groups it is one way of asking, and the heading says which.
    _, ax = theme.new_figure()
    by_sex.plot(ax)
    assert named(ax, "series") == ["female", "male"]
    assert "asked by checklist" in " ".join(named(ax, "unit"))


def test_more_than_three_groups_have_a_picture_each(clinic):
    many = side_effect_course(clinic, by="diagnosis")
    assert many.table["diagnosis"].nunique() > 3
    _, ax = theme.new_figure()
    many.plot(ax, effects="nausea")
    assert len(named(ax, "panel")) == many.table["diagnosis"].nunique()
    assert "nausea" in " ".join(named(ax, "unit"))


def test_the_strip_has_all_effects_and_a_block_per_way_and_group(result, by_sex):
    _, ax = theme.new_figure()
    result.plot(ax, kind="heat")
    assert named(ax, "block") == ["Checklist", "Spontaneous"]
    assert len(named(ax, "row")) == 2 * result.table["effect"].nunique()
    _, ax = theme.new_figure()
    by_sex.plot(ax, kind="heat")
    assert named(ax, "block")[:2] == ["Female, checklist", "Female, spontaneous"]


def test_strips_of_patients_hold_the_worst_severity():
    frame = pd.DataFrame(
        [
            (1, 1, "checklist", "nausea", 1), (1, 1, "checklist", "anxiety", 3),
            (1, 2, "checklist", "none", 0), (1, 3, None, None, 0), (1, 4, "spontaneous", "nausea", 0),
            (2, 1, "checklist", "nausea", 0),
            (2, 1, "spontaneous", "nausea", 2),
        ],
        columns=["patient", "session", "ascertainment", "effect", "severity"],
    )  # fmt: skip
    nan = np.nan
    np.testing.assert_array_equal(_strips(frame, "any side effect", None), [[3, 0, 5, 4], [2, nan, nan, nan]])
    np.testing.assert_array_equal(_strips(frame, "nausea", None), [[1, 0, 5, 4], [2, nan, nan, nan]])
    # A session asked in another way has no record of this one.
    np.testing.assert_array_equal(_strips(frame, "nausea", "checklist"), [[1, 0, 5, 5], [4, nan, nan, nan]])


def test_pictures_of_patients_are_drawn_without_ids(result, clinic):
    ax = result.plot_by_patient(effect="nausea", ascertainment="checklist")
    words = " ".join(text.get_text() for text in ax.texts)
    assert "Nausea: worst severity in each session, asked by checklist" in words
    assert not any(name in words for name in clinic.patients["patient_id"])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"kind": "pie"}, "kind"),
        ({"effects": "hiccups"}, "effects"),
        ({"ascertainment": "phone"}, "ascertainment"),
    ],
)
def test_what_is_not_there_cannot_be_drawn(result, how, said):
    with pytest.raises(DataError, match=said):
        result.plot(**how)
    with pytest.raises(DataError, match="effect"):
        result.plot_by_patient(effect="hiccups")


def test_without_a_record_pictures_say_so(clinic):
    empty = side_effect_course(clinic, ascertainment="scale")
    for kind in ("lines", "heat"):
        _, ax = theme.new_figure()
        empty.plot(ax, kind=kind)
        assert named(ax, "empty") == ["not recorded"]


def test_published_and_here_can_be_drawn_for_some_effects(clinic):
    found = published_side_effects(clinic)
    _, ax = theme.new_figure()
    found.plot(ax, effects="nausea")
    assert {words.partition(",")[0] for words in named(ax, "group")} == {"Nausea"}
    readable, _ = found.readable()
    assert len(readable) == len(found.table)
    label = readable[(readable["side effect"] == "vomiting") & (readable["asked here"] == "checklist")]
    # 9 % as printed, and not 9.0 %.
    assert label["published"].tolist() == ["9%"]
