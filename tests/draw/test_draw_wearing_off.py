"""The picture of wearing off: curves, bands, observed means, and shares with or without finite limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.wearing_off import wearing_off

DAYS = np.array([1.0, 7.0, 14.0, 28.0])
GROUPS = ("end of induction", "maintenance ≤12", "maintenance 13+")


def tables(groups):
    curve, observed, retained = [], [], []
    for number, name in enumerate(groups):
        mean = 11.0 - number - np.log2(1.0 + DAYS)
        curve.append(
            pd.DataFrame(
                {"group": name, "day": DAYS, "estimate": mean, "conf_low": mean - 1, "conf_high": mean + 1}
            )
        )
        observed.append(
            pd.DataFrame({"group": name, "from_day": [1.0, 8.0], "day": [4.0, 20.0],
                          "estimate": [9.0, 8.0 + number], "n": [1200, 40]})
        )  # fmt: skip
        retained.append(
            pd.DataFrame({"group": name, "day": [7.0, 28.0], "estimate": [0.8, 0.62],
                          "conf_low": [0.7, -np.inf], "conf_high": [0.9, np.inf]})
        )  # fmt: skip
    return [pd.concat(parts, ignore_index=True) for parts in (curve, observed, retained)]


def drawn(groups=GROUPS[:2], *, size=None, cut=None, **options):
    curve, observed, retained = tables(groups)
    _, ax = theme.new_figure(**(size or {}))
    return wearing_off(curve, observed, retained if cut is None else retained.iloc[:cut], ax, **options)


def parts(ax, artists):
    """Readers of the small axes inside, in the order in which they were made."""
    return [artists(child) for child in ax.child_axes]


def test_curve_band_and_observed_means_are_those_of_the_tables(artists):
    curve, observed, _ = tables(GROUPS[:2])
    upper, _ = parts(drawn(), artists)
    assert upper.points("model").tolist() == curve[["day", "estimate"]].to_numpy().tolist()
    assert upper.points("observed").tolist() == observed[["day", "estimate"]].to_numpy().tolist()
    band = upper.named("band")[1].get_paths()[0].vertices
    own = curve[curve["group"] == GROUPS[1]]
    assert {*own["conf_low"].round(9), *own["conf_high"].round(9)} <= set(band[:, 1].round(9))


def test_each_group_is_named_once_by_its_numbers_and_once_by_its_shares(artists):
    upper, lower = parts(drawn(), artists)
    assert upper.texts("group") == list(GROUPS[:2])
    assert lower.texts("group") == list(GROUPS[:2])
    assert upper.texts("numbers") == ["1,200", "40", "1,200", "40"]
    assert upper.texts("numbers-label")[0] == "Assessments"


def test_shares_have_their_limits_and_those_without_say_so(artists):
    _, lower = parts(drawn(), artists)
    assert lower.texts("row-label") == ["day 7", "day 28", "day 7", "day 28"]
    assert lower.texts("row-text") == ["80% (70–90)", "62% (not limited)"] * 2
    # One interval and two dots per group: what is not limited has no line.
    ends = lower.segments("interval")
    assert ends[:, :, 0].tolist() == [[0.7, 0.9], [0.7, 0.9]]
    assert lower.points("estimate")[:, 0].tolist() == [0.8, 0.62, 0.8, 0.62]


def test_words_say_what_is_drawn_its_unit_and_where_the_share_counts_from(artists):
    upper, lower = parts(drawn(instrument="PHQ-9", peak_day=7.0, level=0.9), artists)
    # Lines of the unit stand from the lowest to the highest.
    assert " ".join(reversed(upper.texts("unit"))) == (
        "PHQ-9, mean points below baseline (more is better); hollow: observed mean, only patients not yet "
        "treated again"
    )
    assert upper.texts("time") == ["Days since the last session"]
    assert lower.texts("unit") == ["Benefit retained, % of that at day 7 (90% CI by Fieller)"]
    assert "model mean, 90% CI" in upper.texts("note")


def test_points_above_baseline_are_a_benefit_where_higher_is_better(artists):
    upper, _ = parts(drawn(instrument="WHO-5", better="above"), artists)
    assert upper.texts("unit")[-1].startswith("WHO-5, mean points above baseline (more is better)")


def test_the_title_stands_above_all_else(artists):
    assert parts(drawn(title="Wearing off"), artists)[0].texts("title") == ["Wearing off"]


def test_without_shares_there_is_no_lower_panel_and_the_picture_is_shorter():
    with_shares, without = drawn(), drawn(cut=0)
    assert len(without.child_axes) == 1
    assert without.figure.get_size_inches()[1] < with_shares.figure.get_size_inches()[1]


def test_a_single_group_needs_no_names(artists):
    upper, lower = parts(drawn(GROUPS[:1]), artists)
    assert upper.texts("group") == []
    assert lower.texts("group") == []
    assert upper.texts("numbers-label") == ["n"]


def test_more_than_three_groups_become_small_pictures_with_a_name_each(artists):
    names = ("in induction", *GROUPS)
    ax = drawn(names)
    upper, lower = ax.child_axes
    small = [artists(child) for child in upper.child_axes]
    assert [panel.texts("group") for panel in small] == [[name] for name in names]
    assert all(len(panel.points("observed")) == 2 for panel in small)
    assert artists(lower).texts("group") == list(names)


def test_the_axis_starts_at_nought_and_goes_below_it_only_where_the_tables_do():
    assert drawn().child_axes[0].get_ylim() == (0.0, 11.0)
    curve, observed, retained = tables(GROUPS[:1])
    curve["conf_low"] -= 8.0
    ax = wearing_off(curve, observed, retained, theme.new_figure()[1])
    assert ax.child_axes[0].get_ylim()[0] == np.floor(curve["conf_low"].min())


@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("n_groups", [1, 3])
def test_all_words_stand_within_the_picture(width, n_groups):
    ax = drawn(GROUPS[:n_groups], size={"width_px": width}, title="How benefit wears off between sessions")
    figure = ax.figure
    figure.canvas.draw()
    texts = [one for panel in ax.child_axes for one in panel.get_children() if hasattr(one, "get_text")]
    texts = [one for one in texts if one.get_text()]
    assert len(texts) > 15
    for text in texts:
        box = text.get_window_extent()
        # Widths are estimated without asking a font; 2 px is what hinting may add.
        assert box.x0 >= -2.0, text.get_text()
        assert box.x1 <= figure.bbox.width + 2.0, text.get_text()
