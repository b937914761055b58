from __future__ import annotations

import logging
import subprocess
import sys

import matplotlib
import pytest

from ketaoutcomes.draw import theme


def in_px(ax):
    """Left, bottom, right, top of axes in px."""
    width, height = (96 * side for side in ax.figure.get_size_inches())
    box = ax.get_position()
    return [
        pytest.approx(value, abs=0.01)
        for value in (box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height)
    ]


def test_axes_stand_where_the_pixels_say():
    figure, ax = theme.new_figure(300, left=100, right=20, top=30, bottom=50)
    assert tuple(figure.get_size_inches() * 96) == (400, 300)
    assert in_px(ax) == [100, 50, 380, 270]


def test_what_is_drawn_chooses_the_lengths_left_open_and_no_other():
    figure, ax = theme.new_figure(left=77)
    with theme.context():
        theme.prepare(ax, theme.Layout(200, left=10, right=20, top=30, bottom=40))
    assert tuple(figure.get_size_inches() * 96) == (400, 200)
    assert in_px(ax) == [77, 40, 380, 170]


def test_axes_of_ones_own_keep_their_place():
    from matplotlib.figure import Figure

    figure = Figure((5, 5))
    first, _ = figure.subplots(1, 2)
    before = first.get_position().bounds
    theme.prepare(first, theme.Layout(200))
    assert first.get_position().bounds == before
    assert tuple(figure.get_size_inches()) == (5, 5)


def test_settings_do_not_outlive_their_context():
    before = dict(matplotlib.rcParams)
    theme.new_figure(200)
    with theme.context():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
    assert dict(matplotlib.rcParams) == before


def test_only_the_houses_settings_are_put_back():
    before = matplotlib.rcParams["interactive"]
    try:
        with theme.context():
            # What the first import of pyplot does in a notebook.
            matplotlib.interactive(not before)
        assert matplotlib.rcParams["interactive"] is not before
    finally:
        matplotlib.interactive(before)


def test_settings_are_put_back_after_an_error():
    before = dict(matplotlib.rcParams)

    def fail():
        with theme.context():
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    assert dict(matplotlib.rcParams) == before


def test_a_font_that_is_not_there_is_not_asked_for(caplog):
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    assert set(theme.rc()["font.family"]) <= installed
    with caplog.at_level(logging.WARNING):
        figure, ax = theme.new_figure(100)
        ax.set_title("words")
        figure.canvas.draw()
    assert caplog.records == []


def test_a_figure_for_a_page_is_drawn_without_pyplot():
    code = (
        "import sys\n"
        "import pandas as pd\n"
        "from ketaoutcomes.draw import theme\n"
        "from ketaoutcomes.draw.flow import flow\n"
        "from ketaoutcomes.draw.svg import to_svg\n"
        "figure, ax = theme.new_figure()\n"
        "flow(pd.DataFrame({'step': ['a', 'b'], 'n': [20, 15], 'reason': ['', 'c']}), ax)\n"
        "to_svg(figure, prefix='f', title='t', description='d')\n"
        "assert not {'matplotlib.pyplot', 'seaborn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_axes_pyplot_holds_the_figure_so_that_a_notebook_shows_it(effects, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot

    from ketaoutcomes.draw.forest import forest

    pyplot.switch_backend("agg")
    ax = forest(effects)
    try:
        assert pyplot.fignum_exists(ax.figure.number)
        assert ax.figure.get_size_inches()[0] * 96 == pytest.approx(400)
    finally:
        pyplot.close(ax.figure)


def test_the_three_groups_differ_in_more_than_colour():
    looks = {(str(style.line), style.marker, style.fill == style.color) for style in theme.GROUPS}
    assert len(looks) == 3
