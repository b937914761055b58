"""The pictures of vital signs: what is drawn is in the tables, with names and numbers; nothing collides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from ketaoutcomes.catalog.vital_rules import VITAL_RULES
from ketaoutcomes.draw import theme
from ketaoutcomes.draw.excursions import excursions
from ketaoutcomes.draw.vital_course import vital_course, vital_peaks

MINUTES = np.array([10.0, 20.0, 40.0, 60.0, 90.0])
GROUPS = ("session 1", "sessions 2–3", "sessions 4–6", "sessions 7+")


def course(groups=GROUPS[:1], *, side=1.0):
    parts = []
    for number, name in enumerate(groups):
        mean = side * (10.0 - number) * np.exp(-(((MINUTES - 35.0) / 30.0) ** 2))
        parts.append(
            pd.DataFrame(
                {"group": name, "minute": MINUTES, "estimate": mean, "conf_low": mean - 1.0,
                 "conf_high": mean + 1.0, "n": 100 * (number + 1) + np.arange(5)}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def shares(groups=(None,), n_rules=19):
    rules = list(VITAL_RULES.values())[:n_rules]
    rows = []
    for place, group in enumerate(groups):
        for number, rule in enumerate(rules):
            n_events = (7 * number * (place + 1)) % 100
            share = n_events / 1500
            rows.append(
                {"label": rule.label, "n_events": n_events, "n": 1500, "estimate": share,
                 "conf_low": 0.7 * share, "conf_high": 1.4 * share + 0.002}
                | ({} if group is None else {"by": group})
            )  # fmt: skip
    return pd.DataFrame(rows)


def on_page(draw, table, **options):
    _, ax = theme.new_figure()
    return draw(table, ax, **options)


# ---- the course over minutes


def test_line_and_band_of_the_course_are_those_of_the_table(artists):
    table = course()
    read = artists(on_page(vital_course, table, by="group", name="Systolic blood pressure", unit="mmHg"))
    assert read.points("mean").tolist() == table[["minute", "estimate"]].to_numpy().tolist()
    band = read.named("band")[0].get_paths()[0].vertices[:, 1]
    assert {*table["conf_low"].round(9), *table["conf_high"].round(9)} <= set(band.round(9))
    assert read.texts("numbers") == [f"{n}" for n in table["n"]]
    assert " ".join(reversed(read.texts("unit"))) == (
        "Systolic blood pressure, mean change from baseline (mmHg), with 95% CI of the model"
    )
    assert read.texts("time") == ["Minutes from the start of the session"]


def test_the_baseline_is_a_line_at_0_and_the_mean_farthest_from_it_is_in_figures(artists):
    for side, words in ((1.0, "9.7"), (-1.0, "−9.7")):
        read = artists(on_page(vital_course, course(side=side), by="group"))
        assert read.named("zero")[0].get_ydata() == [0.0, 0.0]
        assert "baseline" in read.texts("note")
        # 10 exp(-(5/30)^2) = 9.726
        assert read.texts("mean-text") == [words]
        assert min(read.ax.get_ylim()) <= -10.7 * (side < 0)


def test_two_or_three_groups_share_a_panel_and_four_have_one_each(artists):
    together = artists(on_page(vital_course, course(GROUPS[:3]), by="group"))
    assert together.texts("group")[:3] != []
    assert len(together.named("mean")) == 3
    ax = on_page(vital_course, course(GROUPS), by="group")
    small = [artists(child) for child in ax.child_axes]
    assert [panel.texts("group") for panel in small] == [[name] for name in GROUPS]
    assert small[0].texts("size") == ["n 100–104"]


def test_a_mean_without_limits_is_drawn_without_a_band(artists):
    table = course().assign(conf_low=np.nan, conf_high=np.nan)
    read = artists(on_page(vital_course, table, by="group"))
    assert len(read.points("mean")) == 5
    assert all(len(path.vertices) == 0 for path in read.named("band")[0].get_paths())


# ---- peaks by readings


def test_peaks_stand_over_their_number_of_readings_with_their_intervals(artists):
    table = pd.DataFrame(
        {"readings": [2, 3, 6], "estimate": [8.0, 10.0, 13.0], "conf_low": [5.0, 9.0, np.nan],
         "conf_high": [11.0, 11.0, np.nan], "n": [20, 400, 5]}
    )  # fmt: skip
    read = artists(on_page(vital_peaks, table, name="Systolic blood pressure", unit="mmHg"))
    assert read.points("mean").tolist() == [[2, 8], [3, 10], [6, 13]]
    assert read.segments("interval")[:, :, 1].tolist() == [[5, 11], [9, 11]]
    assert read.texts("numbers") == ["20", "400", "5"]
    assert read.texts("time") == ["Readings after baseline in the session"]
    assert read.texts("x-label") == ["2", "3", "4", "5", "6"]


# ---- excursions


def test_each_rule_has_a_row_with_its_share_interval_and_counts(artists):
    table = shares()
    read = artists(on_page(excursions, table, heading="Sessions with an excursion recorded"))
    assert read.texts("row") == table["label"].tolist()
    assert read.texts("counts")[1] == "7/1,500"
    assert read.texts("number")[1] == "0.5%"
    assert read.texts("interval-text")[1] == "0.3–0.9"
    drawn = read.points("estimate")
    assert sorted(drawn[:, 0].round(9)) == sorted(table["estimate"].round(9))


def test_what_was_not_found_is_hollow_with_its_upper_limit(artists):
    read = artists(on_page(excursions, shares(), heading="Sessions"))
    filled, hollow = read.named("estimate")
    assert hollow.get_xdata().tolist() == [0.0]
    assert hollow.get_markerfacecolor() == theme.PALETTE["paper"]
    assert filled.get_markerfacecolor() != theme.PALETTE["paper"]
    assert read.texts("interval-text")[0] == "0–0.2"
    assert "hollow: none recorded" in " ".join(reversed(read.texts("unit")))


def test_groups_up_to_three_share_the_panel_and_more_stand_side_by_side(artists):
    together = artists(on_page(excursions, shares(("IV", "IM")), by="by"))
    assert together.texts("series") == ["IV", "IM"]
    ax = on_page(excursions, shares(("IV", "IM", "IN", "SL")), by="by")
    assert [artists(child).texts("panel") for child in ax.child_axes] == [["IV"], ["IM"], ["IN"], ["SL"]]


def test_a_hidden_row_says_so_and_shows_no_number(artists):
    table = shares(n_rules=2).astype({"n_events": object})
    table.loc[1, ["n_events", "estimate", "conf_low", "conf_high"]] = ["1–10", np.nan, np.nan, np.nan]
    table["suppressed"] = ["", "count 1 to 10"]
    read = artists(on_page(excursions, table))
    assert "1–10" in read.texts("number")
    assert "not shown" in read.texts("interval-text")
    assert "7/1,500" not in read.texts("counts")


def own(width, table, height=5.0, **options):
    """A picture in axes of one's own, of so many inches."""
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    return excursions(table, figure.subplots(), **options)


@pytest.mark.parametrize("width", [2.6, 3.2, 4.2, 6.4])
def test_in_axes_of_ones_own_nothing_is_cut_and_counts_stay_before_the_interval(width, artists, collisions):
    pairs, cut = collisions(own(width, shares(), heading="Sessions with an excursion recorded"))
    assert not pairs
    assert not cut
    read = artists(own(width, shares()))
    assert len(read.texts("counts")) == (19 if width >= 3.2 else 0)
    assert len(read.texts("interval-text")) == (19 if width > 4 else 0)
    assert len(read.texts("number")) == 19


def test_words_of_a_hidden_row_keep_their_distance():
    table = shares(n_rules=2).astype({"n_events": object})
    table.loc[1, ["n_events", "estimate", "conf_low", "conf_high"]] = ["1–10", np.nan, np.nan, np.nan]
    table["suppressed"] = ["", "count 1 to 10"]
    ax = on_page(excursions, table)
    box = {text.get_text(): text.get_window_extent() for text in ax.figure.findobj(Text)}
    # A figure of the table's type is 5.6 px wide, a distance no narrower parts two columns.
    assert box["not shown"].x0 - box["1–10"].x1 > 5.6 * ax.figure.dpi / 96


@pytest.mark.parametrize(
    "picture",
    [
        lambda: on_page(excursions, shares(), heading="Sessions with an excursion", title="Excursions"),
        lambda: on_page(excursions, shares(n_rules=2)),
        lambda: on_page(excursions, shares(("IV", "IM", "IN")), by="by"),
        lambda: on_page(excursions, shares(tuple("ABCDEFGH")), by="by"),
        lambda: on_page(vital_course, course(), by="group", name="Heart rate", unit="per minute", title="T"),
        lambda: on_page(vital_course, course(GROUPS[:2]), by="group"),
        lambda: on_page(vital_course, course(GROUPS), by="group"),
        lambda: on_page(vital_course, course(GROUPS, side=-1.0), by="group"),
        lambda: on_page(vital_course, course(("a long name of a group", *"BCDEFGH")), by="group"),
    ],
    ids=["rules", "two rules", "three groups", "eight groups", "course", "two", "four", "down", "eight"],
)  # fmt: skip
def test_no_words_overlap_or_are_cut(picture, collisions):
    pairs, cut = collisions(picture())
    assert not pairs
    assert not cut


def test_bounds_of_an_excursion_are_a_hollow_bar_and_two_numbers(artists):
    table = shares(n_rules=2).assign(
        estimate=[0.1, 0.2],
        estimate_high=[0.3, 0.2],
        conf_low=[0.05, 0.15],
        conf_high=[0.4, 0.3],
        n_events=[5, 9],
    )
    read = artists(on_page(excursions, table))
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in read.named("bounds")] == [
        (0.1, pytest.approx(0.3))
    ]
    assert read.texts("number") == ["10–30%", "20%"]
    assert len(read.segments("interval")) == 2


@pytest.mark.parametrize("draw", [vital_course, vital_peaks, excursions])
def test_without_readings_there_is_no_scale(draw, artists):
    table = shares(n_rules=1) if draw is excursions else course()
    ax = on_page(draw, table.iloc[:0])
    assert artists(ax).texts("empty") == ["not recorded"]
    assert not ax.axison


def test_the_peak_of_a_sign_that_falls_is_named_the_lowest_reading(artists):
    table = course().rename(columns={"minute": "readings"})
    lowest = artists(on_page(vital_peaks, table, name="Oxygen saturation", extreme="lowest"))
    assert "to the lowest reading" in " ".join(reversed(lowest.texts("unit")))
