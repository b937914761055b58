"""Pictures of odds ratios and of shares by dose: what is drawn where, and that words do not collide."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dose_curve import dose_curve
from ketaoutcomes.draw.odds import odds


def ratios(n=3, **more):
    values = np.array([1.2, 0.5, np.nan, *np.full(max(n - 3, 0), 0.9)])[:n]
    return pd.DataFrame(
        {
            "label": [f"Factor number {place}, per 0.1 mg/kg" for place in range(n)],
            "estimate": values,
            "conf_low": values * 0.6,
            "conf_high": values * 1.8,
            "n": 120,
            "n_events": 31,
            "n_patients": 12,
        }
        | more
    )


def bands(n=3):
    dose = 0.5 + 0.01 * np.arange(n)
    return pd.DataFrame(
        {
            "dose": dose,
            "dose_low": dose - 0.004,
            "dose_high": dose + 0.004,
            "estimate": np.linspace(0.2, 0.5, n),
            "conf_low": np.linspace(0.1, 0.3, n),
            "conf_high": np.linspace(0.4, 0.8, n),
            "n": 30 + np.arange(n),
            "n_events": 10 + np.arange(n),
            "n_patients": 9 + np.arange(n),
        }
    )


def curve():
    dose = np.linspace(0.45, 0.6, 41)
    mean = 0.2 + dose / 3
    return pd.DataFrame({"dose": dose, "estimate": mean, "conf_low": mean - 0.1, "conf_high": mean + 0.1})


def test_dots_stand_at_the_logarithm_of_the_estimate(artists):
    _, ax = theme.new_figure()
    drawn = artists(odds(ratios(), ax))
    assert drawn.points("estimate") == pytest.approx(np.array([[np.log10(1.2), 0.0], [np.log10(0.5), 1.0]]))
    ends = drawn.segments("interval")[0][:, 0]
    assert 10**ends == pytest.approx([0.72, 2.16])
    assert drawn.points("one")[:, 0].tolist() == [0.0, 0.0]


def test_a_term_without_an_estimate_keeps_its_place_and_says_so(artists):
    _, ax = theme.new_figure()
    drawn = artists(odds(ratios(), ax))
    assert drawn.texts("number") == ["1.20", "0.50", "not estimated"]
    assert drawn.texts("interval-text") == ["0.72–2.16", "0.30–0.90", ""]
    assert drawn.texts("n") == ["With the effect: 31 of 120 sessions (12 patients)"]


def test_an_interval_beyond_the_axis_ends_in_an_arrow(artists):
    _, ax = theme.new_figure()
    table = pd.DataFrame(
        {"label": ["a", "b"], "estimate": [40.0, 1.0], "conf_low": [3.0, 0.001], "conf_high": [900.0, 1.5],
         "n": 9, "n_events": 4}
    )  # fmt: skip
    drawn = artists(odds(table, ax))
    assert 10 ** drawn.points("beyond")[:, 0] == pytest.approx([1 / 20, 20.0])
    assert drawn.points("estimate")[:, 1].tolist() == [1.0]
    assert drawn.texts("number") == ["40.0", "1.00"]
    assert drawn.texts("interval-text") == ["3.00–900", "<0.01–1.50"]


def test_groups_stand_below_headings_with_their_counts(artists):
    _, ax = theme.new_figure()
    table = pd.concat([ratios(term="Dose"), ratios(term="Session", n_events=7)])
    drawn = artists(odds(table, ax, by="term"))
    assert drawn.texts("group") == ["Dose", "Session"]
    assert drawn.texts("count") == ["31/120"] * 3 + ["7/120"] * 3
    assert drawn.points("estimate")[:, 1].tolist() == [1.0, 2.0, 5.0, 6.0]


def test_a_hidden_row_shows_no_number(artists):
    _, ax = theme.new_figure()
    table = ratios(1, suppressed=True).astype({"estimate": object})
    table["estimate"] = "not shown"
    drawn = artists(odds(table, ax))
    assert drawn.texts("number") == ["not shown"]
    assert len(drawn.points("estimate")) == 0


@pytest.mark.parametrize("n", [0, 1, 8, 25])
@pytest.mark.parametrize("by", [None, "term"])
def test_words_do_not_touch_whatever_the_number_of_rows(n, by, collisions):
    _, ax = theme.new_figure()
    odds(
        ratios(n, term="Each doubling of the session number"),
        ax,
        by=by,
        heading="Nausea: odds ratio",
        title="T",
    )
    assert collisions(ax) == ([], [])


def test_odds_fit_into_axes_of_ones_own(collisions):
    figure, ax = plt.subplots(figsize=(5, 3))
    odds(ratios(), ax, heading="Nausea: odds ratio per session", title="Title")
    assert collisions(ax) == ([], [])
    plt.close(figure)


def test_dots_stand_at_the_mean_dose_with_their_intervals(artists):
    _, ax = theme.new_figure()
    table = bands()
    drawn = artists(dose_curve(curve(), table, ax))
    assert drawn.points("observed") == pytest.approx(table[["dose", "estimate"]].to_numpy())
    assert drawn.segments("interval")[:, :, 1] == pytest.approx(table[["conf_low", "conf_high"]].to_numpy())
    assert drawn.points("model") == pytest.approx(curve()[["dose", "estimate"]].to_numpy())
    assert len(drawn.named("band")) == 1


def test_every_band_has_its_numbers_even_where_dots_are_close(artists):
    _, ax = theme.new_figure()
    texts = artists(dose_curve(curve(), bands(5), ax)).texts("numbers")
    assert texts[:5] == ["0.50", "0.51", "0.52", "0.53", "0.54"]
    assert texts[5:10] == ["10", "11", "12", "13", "14"]
    assert texts[10:15] == ["30", "31", "32", "33", "34"]
    assert texts[15:] == ["9", "10", "11", "12", "13"]


def test_without_a_curve_only_the_observed_shares_are_drawn(artists):
    _, ax = theme.new_figure()
    drawn = artists(dose_curve(curve().iloc[:0], bands(), ax))
    assert not drawn.named("model")
    assert len(drawn.points("observed")) == 3
    assert drawn.texts("note") == ["observed, 95% CI"]


def test_a_band_without_an_interval_has_a_dot_alone(artists):
    _, ax = theme.new_figure()
    table = bands()
    table.loc[1, ["conf_low", "conf_high"]] = np.nan
    drawn = artists(dose_curve(curve(), table, ax))
    assert len(drawn.points("observed")) == 3
    assert len(drawn.segments("interval")) == 2


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_words_do_not_touch_whatever_the_number_of_bands(n, collisions):
    _, ax = theme.new_figure()
    dose_curve(curve(), bands(n), ax, heading="Nausea, % of sessions (IV, checklist)", title="Nausea by dose")
    assert collisions(ax) == ([], [])


def test_the_dose_picture_fits_into_axes_of_ones_own(collisions):
    figure, ax = plt.subplots(figsize=(4, 3))
    dose_curve(curve(), bands(), ax, heading="Nausea", title="Nausea by dose")
    assert collisions(ax) == ([], [])
    plt.close(figure)
