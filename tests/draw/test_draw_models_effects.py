from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from models.lmm_cases import fitted

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.effects import effects as effects_forest
from ketaoutcomes.draw.effects import p_words
from ketaoutcomes.draw.labels import text_width
from ketaoutcomes.draw.names import name_lines
from ketaoutcomes.draw.scale import round_ticks, tick_names, two_digits
from ketaoutcomes.draw.svg import to_svg
from ketaoutcomes.draw.theme import TABLE
from ketaoutcomes.results.mixed_words import p_text


@pytest.fixture
def terms():
    return pd.DataFrame(
        {
            "term": ["(Intercept)", "day", "routeIM", "day:routeIM"],
            "estimate": [18.12, -0.3127, 0.42, -0.0151],
            "std_error": [0.31, 0.0123, 0.48, 0.0171],
            "df": [212.4, 598.2, 41.73, np.inf],
            "p_value": [1e-40, 1e-16, 0.0123, 0.38],
            "conf_low": [17.51, -0.3368, -0.52, -0.0486],
            "conf_high": [18.73, -0.2886, 1.36, 0.0184],
        }
    )


def drawn(table, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return effects_forest(table, ax, **options)


def test_each_dot_and_line_is_the_tables_estimate_and_interval(terms, artists):
    read = artists(drawn(terms))
    assert read.points("estimate").tolist() == [[-0.3127, 0], [0.42, 1], [-0.0151, 2]]
    assert read.segments("interval")[:, :, 0].tolist() == (
        terms.loc[1:, ["conf_low", "conf_high"]].to_numpy().tolist()
    )
    assert read.named("zero")[0].get_xdata() == [0.0, 0.0]


def test_the_intercept_is_left_out_unless_asked_for(terms, artists):
    assert artists(drawn(terms)).texts("term") == ["day", "routeIM", "day × routeIM"]
    kept = drawn(terms, drop_intercept=False)
    assert artists(kept).texts("term")[0] == "(Intercept)"
    low, high = kept.get_xlim()
    assert low < -0.52
    assert high > 18.73


def test_numbers_have_the_decimals_that_their_error_warrants(terms, artists):
    read = artists(drawn(terms, level=0.9))
    assert read.texts("head") == ["Estimate (90% CI)"]
    assert read.texts("number") == ["−0.313", "0.42", "−0.015"]
    assert read.texts("interval-text") == ["−0.337 to −0.289", "−0.52 to 1.36", "−0.049 to 0.018"]
    assert read.texts("test") == ["df 598, p <0.001", "df 41.7, p = 0.012", "df ∞, p = 0.380"]


def test_a_term_that_was_not_estimated_keeps_its_place_and_has_no_dot(terms, artists):
    terms.loc[2, ["estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]] = np.nan
    read = artists(drawn(terms))
    assert read.points("estimate")[:, 1].tolist() == [0, 2]
    assert read.texts("number")[1] == "–"
    assert read.texts("test")[1] == "not estimated"


def test_only_the_estimate_and_interval_are_needed(terms, artists):
    read = artists(drawn(terms[["term", "estimate", "conf_low", "conf_high"]]))
    assert read.texts("number") == ["−0.313", "0.42", "−0.015"]
    assert read.texts("test") == ["", "", ""]


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.0123, "0.012"), (0.00099, "<0.001"), (0.001, "0.001"), (0.38, "0.380"), (0.9996, "1.000")],
)
def test_p_is_printed_as_in_the_tables(p, words):
    assert p_text(p) == words
    assert p_words(p).removeprefix("p ").removeprefix("= ") == words
    assert p_words(np.nan) == ""


def test_numbers_are_those_of_the_table_of_the_fit(artists):
    fit = fitted("sleepstudy")
    table, _ = fit.readable()
    read = artists(drawn(fit.table, drop_intercept=False))
    assert read.texts("number") == table["estimate"].tolist()
    assert read.texts("interval-text") == table["95% CI"].tolist()


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({}, "Change per unit of the term"),
        ({"response": "PHQ-9"}, "Change in PHQ-9 per unit of the term"),
        ({"response": "PHQ-9", "unit": "points"}, "points of PHQ-9 per unit of the term"),
        ({"unit": "points"}, "points"),
    ],
)
def test_the_axis_says_what_it_counts(terms, artists, options, label):
    assert artists(drawn(terms, **options)).texts("unit") == [label]


def test_a_long_response_is_cut_in_the_middle_of_the_label(terms, artists, collisions):
    ax = drawn(terms, response="log(" + "a_very_long_name_of_a_score_" * 4 + ")")
    (label,) = artists(ax).texts("unit")
    assert label.startswith("Change in log(a_very")
    assert label.endswith("per unit of the term")
    assert collisions(ax) == ([], [])


def test_a_model_of_the_intercept_alone_shows_the_intercept(terms, artists):
    ax = drawn(terms.iloc[:1], response="PHQ-9")
    read = artists(ax)
    assert read.points("estimate").tolist() == [[18.12, 0.0]]
    assert read.texts("unit") == ["Mean of PHQ-9"]
    # A level is not compared with 0, which would squeeze its interval.
    assert read.named("zero") == []
    assert ax.get_xlim()[0] > 17.0


def in_own_figure(table, size, columns=1, **options):
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for ax in axes:
        effects_forest(table, ax, **options)
    return axes


@pytest.mark.parametrize("size", [(4, 3), (3, 2.5), (10, 6)])
@pytest.mark.parametrize("n_terms", [1, 4, 7])
def test_words_stay_within_a_small_figure_of_ones_own(size, n_terms, collisions):
    (ax,) = in_own_figure(many_terms(n_terms), size, title="Fixed effects", response="score")
    assert collisions(ax) == ([], [])
    assert ax.get_window_extent().width > 40


def test_axes_side_by_side_keep_to_their_own_places(terms, collisions):
    left, right = in_own_figure(terms, (8, 3), columns=2, response="score")
    for ax in (left, right):
        assert collisions(ax) == ([], [])
    ends = [text.get_window_extent().x1 for text in left.texts if text.get_text()]
    assert max(ends) < min(text.get_window_extent().x0 for text in right.texts if text.get_text())


def test_axes_with_room_around_them_stay_where_they_are(terms):
    figure = Figure(figsize=(10, 5))
    ax = figure.add_axes((0.4, 0.3, 0.2, 0.4))
    effects_forest(terms, ax)
    assert ax.get_position().bounds == pytest.approx((0.4, 0.3, 0.2, 0.4))


@pytest.mark.parametrize("most", [1, 2])
def test_long_names_that_share_their_beginning_stay_different(most):
    names = [f"side_effect_recorded_by_the_clinic_at_session_{end}" for end in ("IV", "IM", "oral", "SL")]
    lines = name_lines(names, 90.0, most=most)
    assert len({tuple(each) for each in lines}) == 4
    assert [each[-1][-2:] for each in lines] == ["IV", "IM", "al", "SL"]
    assert all("…" in "".join(each) and len(each) <= most for each in lines)
    assert all(text_width(line, TABLE) <= 90.0 for each in lines for line in each)


def test_names_that_share_both_ends_are_cut_elsewhere():
    names = [f"side_effect_{which}_recorded_by_the_clinic_at_any_session" for which in ("nausea", "headache")]
    first, second = name_lines(names, 90.0, most=1)
    assert first != second


LONG = [
    "day:routeIntranasal esketamine", "poly(day, 2)1", "I(baseline_score - 18)",
    "concomitant_benzodiazepineyes", "sessions_before_this_one_in_the_induction_course_and_more",
    "diagnosisbipolar disorder, depressed", "averyveryverylongnamewithoutanyplacetobreakit",
]  # fmt: skip


def many_terms(n_terms, scale=1.0):
    random = np.random.default_rng(2)
    estimate, error = scale * random.normal(-0.5, 1, n_terms), scale * random.uniform(0.05, 0.8, n_terms)
    return pd.DataFrame(
        {
            "term": (LONG + [f"clinic_id{n}" for n in range(n_terms)])[:n_terms],
            "estimate": estimate,
            "std_error": error,
            "df": random.uniform(4, 40_000, n_terms),
            "p_value": random.uniform(0, 0.4, n_terms) ** 3,
            "conf_low": estimate - 2 * error,
            "conf_high": estimate + 2 * error,
        }
    )


@pytest.mark.parametrize("n_terms", [0, 1, 2, 7, 12, 13, 25])
@pytest.mark.parametrize("scale", [0.001, 1.0, 1000.0])
def test_any_number_of_terms_of_any_size_stays_readable(n_terms, scale, collisions, artists):
    ax = drawn(many_terms(n_terms, scale), title="What the model says", unit="PHQ-9 points per unit")
    assert collisions(ax) == ([], [])
    assert artists(ax).points("estimate").shape == (n_terms, 2)
    assert ax.get_window_extent().width > 80


def test_the_same_table_gives_the_same_bytes_and_no_small_text(terms):
    first, second = (to_svg(drawn(terms).figure, prefix="a", title="t", description="d") for _ in range(2))
    assert first == second
    # matplotlib's SVG counts in points: 9.6 px are 7.2 points.
    assert min(float(size) for size in re.findall(r"font-size: ([0-9.]+)px", first)) >= 7.2


def test_round_ticks_are_multiples_within_the_ends():
    assert round_ticks(0.0, 1.0, most=6).tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert round_ticks(-0.31, 0.19, most=5).tolist() == pytest.approx([-0.3, -0.2, -0.1, 0.0, 0.1])
    assert round_ticks(3.0, 27.0, most=5).tolist() == [5, 10, 15, 20, 25]
    with pytest.raises(ValueError, match="upper one above"):
        round_ticks(1.0, 1.0)


@pytest.mark.parametrize("most", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("high", [1e-6, 0.037, 1.0, 9.99, 1.2e6])
def test_round_ticks_are_at_least_one_and_never_too_many(most, high):
    assert 1 <= round_ticks(-0.4 * high, high, most=most).size <= most


def test_tick_names_have_the_decimals_of_their_step():
    assert tick_names([-0.5, 0.0, 0.5]) == ["−0.5", "0.0", "0.5"]
    assert tick_names([0, 5000, 10000]) == ["0", "5,000", "10,000"]
    assert tick_names([0, 2e-5, 4e-5]) == ["0", "2e−5", "4e−5"]
    assert tick_names([]) == []


def test_two_digits_that_count():
    assert [two_digits(x) for x in (4 / 240, 4.0, 0.571, 4 / 150_000)] == ["0.017", "4.0", "0.57", "2.7e−5"]
