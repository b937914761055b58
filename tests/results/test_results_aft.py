"""The result of an accelerated failure time model: frozen, readable, drawn over the nonparametric curve."""

from __future__ import annotations

import dataclasses
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.aft import interval_aft
from ketaoutcomes.draw import theme
from ketaoutcomes.errors import DataError

ENDS = {"left": "left", "right": "right", "unit": "hours"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(20260101)
    n, visits = 90, np.array([0, 4, 24, 48, 96, 168.0])
    route = np.array(["IM", "IV", "oral"])[np.arange(n) % 3]
    times = np.where(
        rng.uniform(size=n) < 0.7, 30 * np.where(route == "IV", 0.6, 1) * rng.weibull(1, n), np.inf
    )
    place = np.searchsorted(visits, times) - 1
    right = np.append(visits, np.inf)[place + 1]
    return pd.DataFrame(
        {"left": visits[place], "right": right, "route": route, "age": rng.integers(20, 70, n)}
    )


@pytest.fixture(scope="module")
def result(data):
    return interval_aft("~ route + age", data, **ENDS)


def test_the_result_cannot_be_changed_and_can_be_stored(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.title = "another"
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.table, result.table)


def test_provenance_says_how_to_make_it_again(result, data):
    arguments = dict(result.provenance["arguments"])
    again = interval_aft(arguments.pop("formula"), data, **arguments)
    pd.testing.assert_frame_equal(again.table, result.table)


def test_text_and_page_hold_ratios_limits_and_counts(result):
    text, page = result.summary(), result._repr_html_()
    row = result.table.set_index("term").loc["routeIV"]
    for words in (f"{row['time_ratio']:.2f}", "time ratio", "95% CI", "90 rows", "route IV", "AIC"):
        assert words in text
        if words not in ("AIC", "90 rows"):
            assert words in page
    assert f"{row['time_ratio_low']:.2f} to {row['time_ratio_high']:.2f}" in text


def test_only_the_field_named_by_patient_holds_rows_of_patients(result):
    frames = {name: value for name, value in vars(result).items() if isinstance(value, pd.DataFrame)}
    assert all(len(frame) < 10 for frame in frames.values())
    assert len(result.rows_by_patient.left) == 90


def test_the_fitted_curve_averages_the_rows_of_each_level(result, data):
    fitted, masses = result.curves()
    at = fitted[fitted["route"] == "IV"].iloc[40]
    rows = result.predict(data[data["route"] == "IV"], at=float(at["time"]))
    assert at["estimate"] == pytest.approx(rows["estimate"].mean(), abs=1e-12)
    assert masses.groupby("route")["mass"].sum().to_numpy() == pytest.approx([1, 1, 1], abs=1e-6)


def test_a_curve_by_what_is_no_factor_is_refused(result):
    with pytest.raises(DataError, match=r"a factor of the formula \(route\)"):
        result.curves("age")


@pytest.mark.parametrize("formula", ["~ 1", "~ age", "~ route"])
@pytest.mark.parametrize("plateau", [False, True])
def test_the_picture_draws_curve_band_and_boxes_of_every_level(data, formula, plateau):
    result = interval_aft(formula, data, **ENDS, plateau=plateau)
    axes = result.plot(title="Response")
    try:
        panels = axes.child_axes or [axes]
        assert len(panels) == (3 if formula == "~ route" else 1)
        drawn, fitted = [], result.curves()[0]
        for panel in panels:
            line = next(line for line in panel.lines if line.get_gid() == "model")
            drawn += line.get_ydata().tolist()
            assert {"band", "box"} <= {part.get_gid() for part in panel.collections}
        assert drawn == pytest.approx(fitted["estimate"].tolist(), abs=1e-12)
        words = " ".join(text.get_text() for text in axes.figure.findobj(plt.Text))
        assert "Weibull model" in words
        assert "Response" in words
        assert ("with plateau" in words) == plateau
    finally:
        plt.close(axes.figure)


def test_all_words_stay_inside_the_figure(data):
    with theme.context():
        axes = interval_aft("~ 1", data, **ENDS, plateau=True).plot(title="Time to response after session 1")
        try:
            axes.figure.canvas.draw()
            width, height = axes.figure.canvas.get_width_height()
            for text in axes.texts:
                box = text.get_window_extent()
                assert min(box.x0, box.y0) >= -1
                assert box.x1 <= width + 1
                assert box.y1 <= height + 1
        finally:
            plt.close(axes.figure)


def test_a_median_beyond_the_plateau_is_told_as_never_reached():
    visits = np.tile([1.0, 2, 4, 6, 9, 14], 5)
    later = {1.0: 2.0, 2.0: 4.0, 4.0: 6.0, 6.0: 9.0, 9.0: 14.0, 14.0: 20.0}
    left = np.concatenate([visits, np.full(70, 5000.0)])
    right = np.concatenate([[later[time] for time in visits], np.full(70, np.inf)])
    result = interval_aft("~ 1", pd.DataFrame({"left": left, "right": right}), **ENDS, plateau=True)
    assert np.isinf(result.medians["estimate"].iloc[0])
    assert "All: half is never reached; seen in 30/100 rows" in result.summary()
    assert "Ever have the event: 30%" in result.summary()
