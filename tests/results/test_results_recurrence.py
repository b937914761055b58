"""What recurrence and the assessment pattern say and draw."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes import load_cohort
from ketaoutcomes.analysis.assessment_pattern import assessment_pattern
from ketaoutcomes.analysis.recurrence import recurrence
from ketaoutcomes.draw import theme
from ketaoutcomes.draw.recurrence import mean_losses

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def clinic(sample):
    return load_cohort(sample)


@pytest.fixture(scope="module")
def by_sex(clinic):
    return recurrence(clinic, "PHQ-9", by="sex")


@pytest.fixture(scope="module")
def pattern(clinic):
    return assessment_pattern(clinic, "PHQ-9", n_replicates=10)


def written(ax):
    axes = [ax, *ax.child_axes]
    return [text.get_text() for one in axes for text in one.findobj(matplotlib.text.Text) if text.get_text()]


def test_the_summary_says_how_losses_are_dated_and_what_was_compared(by_sex):
    text = by_sex.summary()
    assert "male against female" in text
    assert "losses halfway" in text
    assert "dated at the assessment that found it" in text.replace("\n  ", " ")
    assert "Uncontrolled: associated with, not caused by." in text
    assert "effect of" not in text


def test_without_a_comparison_the_rates_are_the_table_shown(clinic):
    found = recurrence(clinic, "PHQ-9")
    readable, _ = found.readable()
    assert not len(found.table)
    assert "losses per 30 days responding" in readable.columns


def test_results_are_shown_in_a_notebook_without_markup_from_the_data(by_sex, pattern):
    for found in (by_sex, pattern):
        html = found._repr_html_()
        assert html.startswith("<div>")
        assert "<table>" in html


def test_the_picture_counts_the_patients_still_watched(clinic):
    found = recurrence(clinic, "PHQ-9")
    texts = written(found.plot())
    assert "Patients watched" in texts
    assert f"{found.mean_count['n_at_risk'].iloc[0]:,}" in texts
    assert "Days after the first response" in texts


def test_the_curve_is_not_drawn_where_hardly_anybody_is_watched():
    table = pd.DataFrame(
        {
            "time": [0.0, 10, 20, 30],
            "estimate": [0, 0.1, 0.2, 1.2],
            "conf_low": [np.nan, 0.05, 0.1, 0.4],
            "conf_high": [np.nan, 0.2, 0.4, 3.6],
            "n_events": [0, 5, 10, 11],
            "n_at_risk": [50, 40, 20, 1],
        }
    )
    _, ax = theme.new_figure()
    mean_losses(table, ax)
    line = next(line for line in ax.lines if line.get_gid() == "curve")
    assert line.get_xdata().max() == 20


def test_more_than_three_groups_become_small_pictures(clinic):
    ax = recurrence(clinic, "PHQ-9", by="clinic_id").plot()
    assert len(ax.child_axes) == clinic.patients["clinic_id"].nunique()


def test_small_pictures_have_several_ticks_and_the_count_at_the_end_of_each_curve(clinic):
    ax = recurrence(clinic, "PHQ-9", by="clinic_id").plot()
    ax.figure.canvas.draw()
    for panel in ax.child_axes:
        assert len(panel.get_yticks()) >= 3
        line = next(line for line in panel.lines if line.get_gid() == "curve")
        end = panel.transData.transform([[line.get_xdata()[-1], line.get_ydata()[-1]]])[0]
        words = next(text for text in panel.findobj(matplotlib.text.Text) if text.get_gid() == "end")
        box = words.get_window_extent()
        assert 0 < box.x0 - end[0] < 15
        assert box.y0 - 15 < end[1] < box.y1 + 15


def test_a_curve_without_its_band_says_why():
    table = pd.DataFrame(
        {"time": [0.0, 10, 20, 30], "estimate": [0, 0.2, 0.4, 0.9], "n_events": [0, 1, 2, 3], "n_at_risk": 4}
    )
    _, ax = theme.new_figure()
    mean_losses(table.assign(conf_low=np.nan, conf_high=np.nan), ax)
    assert "fewer than 5 patients" in " ".join(written(ax))
    _, ax = theme.new_figure()
    low, high = np.array([np.nan, 0.1, 0.2, np.nan]), np.array([np.nan, 0.4, 0.8, np.nan])
    mean_losses(table.assign(conf_low=low, conf_high=high), ax)
    assert "no band" not in " ".join(written(ax))


def test_the_pattern_says_its_ratio_and_draws_both_panels(pattern):
    text = pattern.summary()
    assert "After a score 5 points higher" in text
    assert "weighted less unweighted" in text
    ax = pattern.plot(title="When are scores taken?")
    assert len(ax.child_axes) == 2
    texts = written(ax)
    assert "weighted" in texts
    assert "Assessments per patient-week" in texts
    assert "When are scores taken?" in texts
