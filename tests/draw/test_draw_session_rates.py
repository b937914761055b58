"""Side effects over the sessions as pictures: what stands where, what is hatched, and nothing is cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from ketaoutcomes.catalog.effect_terms import EFFECT_GROUPS, effect_terms
from ketaoutcomes.draw import theme
from ketaoutcomes.draw.heat_strip import RAMP, _ink, heat_strip, patient_strips
from ketaoutcomes.draw.session_rates import session_rates

BANDS = [*map(str, range(1, 12)), "12+"]


def rows(effects, bands, ways=("checklist",), empty=()):
    """Made-up shares with as many sessions; no session was recorded in the bands `empty`."""
    made = []
    for place, effect in enumerate(effects):
        for way in ways:
            for number, band in enumerate(bands):
                n = 0 if band in empty else 900 // (number + 1)
                share = 0.6 / (1 + place) * 0.95**number if n else np.nan
                made.append(
                    {"effect": effect, "ascertainment": way, "session_group": band, "n": n,
                     "n_events": n // 3, "estimate": share, "conf_low": share * 0.8,
                     "conf_high": min(share * 1.3, 1.0)}
                )  # fmt: skip
    return pd.DataFrame(made)


@pytest.fixture
def many():
    """25 effects and their groups."""
    group = effect_terms().group
    names = ["any side effect", *list(group)[::2][:24]]
    return rows(names, BANDS, empty=("9",)), {name: EFFECT_GROUPS[group[name]] for name in names[1:]}


# ---------------------------------------------------------------- lines


def test_each_effect_has_a_picture_with_its_estimates_and_intervals(artists):
    table = rows(["any side effect", "nausea", "headache"], ["1", "2", "3+"], ("checklist", "spontaneous"))
    _, ax = theme.new_figure()
    session_rates(table, ax, heading="Side effects")
    assert [artists(panel).texts("panel")[0] for panel in ax.child_axes] == [
        "Any side effect", "Nausea", "Headache",
    ]  # fmt: skip
    nausea = artists(ax.child_axes[1])
    own = table[table["effect"] == "nausea"]
    drawn = nausea.named("estimate")
    assert [line.get_marker() for line in drawn] == ["o", "o"]
    assert drawn[0].get_markerfacecolor() != drawn[1].get_markerfacecolor()
    for line, way in zip(drawn, ("checklist", "spontaneous"), strict=True):
        np.testing.assert_allclose(line.get_ydata(), own.loc[own["ascertainment"] == way, "estimate"])
    ends = nausea.segments("interval")[:, :, 1]
    np.testing.assert_allclose(ends, own[["conf_low", "conf_high"]])
    assert nausea.texts("n") == ["900", "450", "300"] * 2
    assert artists(ax).texts("series") == ["checklist", "spontaneous"]


def test_where_nothing_was_recorded_there_is_no_dot_and_a_dash(artists):
    _, ax = theme.new_figure()
    session_rates(rows(["nausea"], ["1", "2", "3+"], empty=("2",)), ax)
    panel = artists(ax.child_axes[0])
    assert np.isnan(panel.named("estimate")[0].get_ydata()[1])
    assert panel.texts("n") == ["900", "–", "300"]
    assert len(panel.segments("interval")) == 2


def test_an_interval_beyond_the_axis_ends_in_an_arrow(artists):
    table = rows(["nausea"], ["1", "2"]).assign(estimate=[0.05, 0.05], conf_low=0.01, conf_high=[0.1, 0.9])
    _, ax = theme.new_figure()
    session_rates(table, ax)
    panel = artists(ax.child_axes[0])
    assert panel.points("beyond")[:, 0].tolist() == [1.0]
    top = ax.child_axes[0].get_ylim()[1]
    assert panel.segments("interval")[1, 1, 1] == top < 0.9


@pytest.mark.parametrize("n_panels", [1, 2, 6, 8])
@pytest.mark.parametrize("ways", [("checklist",), ("checklist", "spontaneous", "not stated")])
def test_no_words_touch_or_are_cut_in_lines(collisions, n_panels, ways):
    table = rows([f"effect {number} with a very long name of its own" for number in range(n_panels)],
                 ["1", "2", "3", "4–6", "7+"], ways)  # fmt: skip
    _, ax = theme.new_figure()
    session_rates(table, ax, heading="Side effects, % of sessions with a record", title="A title")
    assert collisions(ax) == ([], [])


# ---------------------------------------------------------------- heat


def test_every_cell_has_its_share_as_number_and_colour(artists):
    table = rows(["any side effect", "nausea"], ["1", "2", "3+"])
    _, ax = theme.new_figure()
    heat_strip(table, ax)
    drawn = artists(ax)
    expected = [f"{100 * share:.0f}" for share in table["estimate"]]
    assert drawn.texts("number") == expected
    colors = drawn.named("cell")[0].get_facecolor()
    # The ramp ends at the round share above the largest, 60 %.
    # One of the ramp's 256 steps, as a share may lie on the edge of two.
    np.testing.assert_allclose(colors, [RAMP(share / 0.6) for share in table["estimate"]], atol=0.01)
    assert drawn.texts("n") == ["900", "450", "300"]
    assert drawn.texts("session") == ["1", "2", "3+"]
    assert drawn.texts("ramp-tick")[-1] == "60%"


def test_a_session_without_a_record_is_hatched_and_has_no_number(artists):
    table = rows(["any side effect", "nausea"], ["1", "2", "3+"], empty=("2",))
    _, ax = theme.new_figure()
    heat_strip(table, ax)
    drawn = artists(ax)
    assert len(drawn.texts("number")) == 4
    assert [box[:2] for box in drawn.rectangles("not-recorded")] == [(1, 2), (1, 2)]
    assert drawn.named("not-recorded")[0].get_hatch()
    assert "not recorded" in drawn.texts("key")


def test_a_hidden_cell_has_no_colour_and_no_share(artists):
    table = rows(["any side effect", "nausea"], ["1", "2"]).astype({"n_events": object})
    table["suppressed"] = ["", "", "count 1-10", ""]
    table.loc[2, ["n_events", "estimate"]] = ["1–10", np.nan]
    _, ax = theme.new_figure()
    heat_strip(table, ax)
    assert artists(ax).texts("number")[2] == "1–10"
    np.testing.assert_allclose(artists(ax).named("cell")[0].get_facecolor()[2][:3], 1.0)


def test_25_effects_stand_under_their_groups_and_can_be_read(many, artists, collisions):
    table, groups = many
    _, ax = theme.new_figure()
    heat_strip(table, ax, effect_groups=groups, heading="Side effects, % of sessions", title="A title")
    drawn = artists(ax)
    assert len(drawn.texts("row")) == 25
    assert drawn.texts("row")[0] == "Any side effect"
    assert drawn.texts("group") == list(dict.fromkeys(groups.values()))
    assert collisions(ax) == ([], [])


def test_ways_of_asking_are_blocks_and_nothing_touches_on_a_narrow_page(collisions, artists):
    table = rows(["any side effect", "nausea"], BANDS, ("checklist", "spontaneous"))
    _, ax = theme.new_figure(width_px=400)
    heat_strip(table, ax, heading="Side effects, % of sessions with a record")
    assert artists(ax).texts("block") == ["Checklist", "Spontaneous"]
    assert collisions(ax) == ([], [])


def test_numbers_can_be_read_on_every_colour_of_the_ramp():
    def luminance(color):
        parts = np.array(to_rgb(color))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    shades = [RAMP(share) for share in np.linspace(0, 1, 101)]
    light = np.array([luminance(shade[:3]) for shade in shades])
    # From light to dark without a turn, so that it reads in grey and in any colour vision.
    assert (np.diff(light) < 0).all()
    ink = np.array([luminance(_ink(shade)) for shade in shades])
    contrast = (np.maximum(light, ink) + 0.05) / (np.minimum(light, ink) + 0.05)
    # WCAG 2.1, success criterion 1.4.3.
    assert contrast.min() >= 4.5


# ---------------------------------------------------------------- by patient


def test_strips_of_patients_have_a_dot_where_nothing_was_recorded(artists, collisions):
    severity = np.array([[0, 1, 5, 3], [4, 5, np.nan, np.nan]])
    _, ax = theme.new_figure()
    patient_strips(severity, ax, heading="Nausea: worst severity in each session")
    drawn = artists(ax)
    mesh = drawn.named("strips")[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(mesh, np.nan).reshape(2, 4), severity)
    assert drawn.points("not-recorded").tolist() == [[3.0, 0.5], [2.0, 1.5]]
    assert drawn.texts("rows")[0].startswith("2 patients, one per row")
    assert collisions(ax) == ([], [])


def test_of_very_many_patients_some_are_drawn_and_it_is_said(artists, collisions):
    severity = np.full((1000, 40), np.nan)
    for place in range(1000):
        severity[place, : 40 - place // 26] = place % 5
    _, ax = theme.new_figure()
    patient_strips(severity, ax, heading="Nausea")
    assert any("400 of 1,000 patients, evenly spread" in words for words in artists(ax).texts("unit"))
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("draw", [session_rates, heat_strip])
def test_nothing_recorded_is_said(draw, artists):
    _, ax = theme.new_figure()
    draw(rows(["nausea"], ["1"]).iloc[:0], ax)
    assert artists(ax).texts("empty") == ["not recorded"]
    _, ax = theme.new_figure()
    patient_strips(np.full((1, 1), np.nan), ax)
    assert artists(ax).texts("empty") == ["not recorded"]


def test_names_of_groups_stand_as_recorded_and_bounds_are_bars(artists):
    table = rows(["nausea"], ["1", "2"]).assign(
        clinic_id="clinic-1", estimate=[0.1, 0.2], estimate_high=[0.3, 0.2], conf_low=0.05, conf_high=0.4
    )
    ax = session_rates(table, theme.new_figure()[1], panel="clinic_id")
    panel = artists(ax.child_axes[0])
    assert panel.texts("panel") == ["clinic-1"]
    bars = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in panel.named("bounds")]
    np.testing.assert_allclose(bars, [(0.1, 0.3)])
    assert any("Hollow bar" in words for words in artists(ax).texts("unit"))
