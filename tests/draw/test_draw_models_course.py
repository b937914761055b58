from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.curve_band import model_course
from ketaoutcomes.draw.svg import to_svg

ROUTES = ("IV", "IM", "Intranasal esketamine", "Sublingual", "Oral")
DAYS = np.array([0.0, 3.0, 7.0, 11.0, 14.0, 18.0, 21.0, 28.0])


def mean(day, number=0):
    return 10.0 + 1.1 * number + 8.0 * np.exp(-day / (9.0 + number))


def simulated(n_groups=1, n_patients=240):
    """A falling curve with its band, and observed means that scatter around it."""
    random = np.random.default_rng(7)
    curves, observed = [], []
    for number in range(n_groups):
        grid = np.linspace(0.0, 28.0, 57)
        half = 2 * 5.5 / np.sqrt(n_patients / n_groups) * (1 + grid / 70)
        curves.append(
            pd.DataFrame(
                {"day": grid, "estimate": mean(grid, number), "conf_low": mean(grid, number) - half,
                 "conf_high": mean(grid, number) + half, "route": ROUTES[number]}
            )
        )  # fmt: skip
        n = (n_patients / n_groups * 0.98 ** np.arange(8)).astype(int)
        observed.append(
            pd.DataFrame(
                {"day": DAYS, "n": n, "estimate": mean(DAYS, number) + random.normal(size=8) * 5.5 / n**0.5,
                 "p10": mean(DAYS, number) - 7, "p90": mean(DAYS, number) + 7.5, "route": ROUTES[number]}
            )
        )  # fmt: skip
    return pd.concat(curves, ignore_index=True), pd.concat(observed, ignore_index=True)


def drawn(tables, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    options = {"minimum": 0, "maximum": 27, "instrument": "PHQ-9", "higher_is": "worse"} | options
    return model_course(*tables, ax, **options)


def test_line_band_points_and_bars_are_those_of_the_tables(artists):
    curve, observed = simulated()
    read = artists(drawn((curve, observed)))
    assert read.points("model").tolist() == curve[["day", "estimate"]].to_numpy().tolist()
    assert read.points("observed").tolist() == observed[["day", "estimate"]].to_numpy().tolist()
    assert read.segments("spread")[:, :, 1].tolist() == observed[["p10", "p90"]].to_numpy().tolist()
    band = read.named("band")[0].get_paths()[0].vertices[:, 1]
    assert set(curve["conf_low"]) | set(curve["conf_high"]) <= set(band)


def test_words_say_what_each_mark_is(artists, collisions):
    ax = drawn(simulated(), level=0.9, title="PHQ-9 fell from 18 to 10")
    read = artists(ax)
    assert read.texts("note") == [
        "10th–90th percentile", "of observed scores", "observed mean", "model mean, 90% CI",
    ]  # fmt: skip
    assert read.texts("unit") == ["PHQ-9 score, 0–27 (higher is worse)"]
    assert read.texts("time") == ["Days after session 1"]
    assert read.texts("title") == ["PHQ-9 fell from 18 to 10"]
    assert collisions(ax) == ([], [])


def test_the_models_first_and_last_mean_are_written(artists):
    # 10 + 8 exp(-28 / 9) = 10.36
    assert sorted(artists(drawn(simulated())).texts("mean-text")) == ["10.4", "18.0"]


def test_n_stands_below_each_observed_time_and_nowhere_else(artists):
    curve, observed = simulated()
    cells = artists(drawn((curve, observed))).named("numbers")
    assert [(cell.get_position()[0], cell.get_text()) for cell in cells] == [
        (day, f"{n:,}") for day, n in zip(DAYS, observed["n"], strict=True)
    ]


def test_the_curve_stops_where_it_is_missing_and_the_band_with_it(artists):
    curve, observed = simulated()
    curve.loc[curve["day"] > 21, ["estimate", "conf_low", "conf_high"]] = np.nan
    ax = drawn((curve, observed))
    read = artists(ax)
    points = read.points("model")
    assert points[np.isfinite(points[:, 1]), 0].max() == 21
    assert max(path.vertices[:, 0].max() for path in read.named("band")[0].get_paths()) == 21
    assert read.points("observed")[:, 0].max() == 28
    assert sorted(read.texts("mean-text")) == [f"{mean(21):.1f}", "18.0"]


def test_a_hidden_mean_has_no_point_and_keeps_its_place_in_the_numbers(artists):
    curve, observed = simulated()
    observed = observed.astype({"n": "Int64"})
    observed.loc[2, ["n", "estimate", "p10", "p90"]] = pd.NA
    read = artists(drawn((curve, observed)))
    assert 7.0 not in read.points("observed")[:, 0]
    assert read.texts("numbers")[2] == "–"


def test_the_curves_time_may_be_called_time(artists):
    curve, observed = simulated()
    renamed = artists(drawn((curve.rename(columns={"day": "time"}), observed))).points("model")
    assert renamed.tolist() == curve[["day", "estimate"]].to_numpy().tolist()


@pytest.mark.parametrize("n_patients", [30, 240, 20_000])
@pytest.mark.parametrize("n_groups", [2, 3])
def test_groups_share_a_panel_up_to_three(artists, collisions, n_groups, n_patients):
    ax = drawn(simulated(n_groups, n_patients), by="route")
    read = artists(ax)
    assert len({str(line.get_linestyle()) + line.get_color() for line in read.named("model")}) == n_groups
    assert len({line.get_marker() for line in read.named("observed")}) == n_groups
    assert len(read.texts("group")) == n_groups
    assert read.segments("spread").size == 0
    assert read.texts("numbers-label")[:2] == ["n IV", "n IM"]
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("n_patients", [30, 240, 20_000])
@pytest.mark.parametrize("n_groups", [4, 5])
def test_more_groups_get_a_panel_each_on_the_same_axis(artists, collisions, n_groups, n_patients):
    ax = drawn(simulated(n_groups, n_patients), by="route")
    assert [artists(panel).texts("group") for panel in ax.child_axes] == [[r] for r in ROUTES[:n_groups]]
    assert {panel.get_ylim() for panel in ax.child_axes} == {(0, 27)}
    assert " ".join(artists(ax).texts("unit")[::-1]).endswith(
        "line and band: model mean, 95% CI; hollow: observed mean"
    )
    assert collisions(ax) == ([], [])


def test_a_group_without_observed_means_still_has_its_curve(artists):
    curve, observed = simulated(2)
    read = artists(drawn((curve, observed[observed["route"] == "IV"]), by="route"))
    assert len(read.named("model")) == 2
    assert read.points("observed").shape == (8, 2)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_empty_and_single_rows_are_drawn(artists, collisions, n_rows):
    curve, observed = simulated()
    ax = drawn((curve.iloc[:n_rows], observed.iloc[:n_rows]), minimum=None, maximum=None)
    assert artists(ax).points("observed").shape == (n_rows, 2)
    assert collisions(ax) == ([], [])


def test_without_a_range_the_axis_starts_at_nought_and_holds_all():
    curve, observed = simulated()
    low, high = drawn((curve, observed), minimum=None, maximum=None).get_ylim()
    assert low == 0
    assert high == observed["p90"].max()


def test_the_same_tables_give_the_same_bytes_and_no_small_text():
    first, second = (
        to_svg(drawn(simulated(3), by="route").figure, prefix="a", title="t", description="d") for _ in "ab"
    )
    assert first == second
    # matplotlib's SVG counts in points: 9.6 px are 7.2 points.
    assert min(float(size) for size in re.findall(r"font-size: ([0-9.]+)px", first)) >= 7.2
