"""The look of every figure: colours, type, line weights and the 400-px module.

Lengths are CSS pixels (96 to the inch) so that a figure and the page around it share one unit.
Settings live in `context()`; matplotlib's global ones are never changed. Figures for a page come
from `new_figure`, which does without pyplot; a drawing function that gets no axes uses pyplot, so
that a notebook shows the picture.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = [
    "FONTS",
    "GROUPS",
    "PALETTE",
    "GroupStyle",
    "Layout",
    "ModuleFigure",
    "context",
    "new_figure",
    "plain",
    "prepare",
    "rc",
]

PALETTE: Mapping[str, str] = MappingProxyType(
    {
        "text": "#1F2A33",  # text, rules, this month
        "secondary": "#47545F",  # secondary text, Kaplan-Meier, thresholds, published values
        "axis": "#75828D",  # axes, centre lines
        "spread": "#C3CBD2",
        "grid": "#DDE2E6",
        "limits": "#F3F5F6",
        "main": "#0067A3",  # the main estimate
        "band": "#7FB2D3",  # its band
        "box": "#D6E6F1",  # where it is not determined
        "lost": "#DDB47F",  # response lost (areas only)
        "competing": "#E4E7EA",  # competing event
        "signal": "#C8550B",  # look here; nothing else
        "status": "#FBF1DE",
        "paper": "#FFFFFF",
    }
)

FONTS = ("Liberation Sans", "Arial", "DejaVu Sans")

PX_PER_INCH = 96.0
POINTS_PER_PX = 0.75
BASE, NOTE, TABLE = 11.0, 9.6, 10.0  # type sizes in px; nothing is smaller than a note
SCREEN_DPI = 110


@dataclass(frozen=True)
class GroupStyle:
    """How one group of a panel is drawn: colour never works alone, dash and marker repeat it."""

    color: str
    light: str
    line: str | tuple
    marker: str
    fill: str


GROUPS: tuple[GroupStyle, ...] = (
    GroupStyle(PALETTE["main"], PALETTE["box"], "solid", "o", PALETTE["main"]),
    GroupStyle(PALETTE["text"], PALETTE["spread"], (0, (4.0, 2.0)), "o", PALETTE["paper"]),
    GroupStyle(PALETTE["axis"], PALETTE["competing"], (0, (1.0, 1.6)), "s", PALETTE["axis"]),
)


@dataclass(frozen=True)
class Layout:
    """Size of a figure and the distances of its axes from the four edges, in px."""

    height: float
    width: float = 400.0
    left: float = 44.0
    right: float = 14.0
    top: float = 34.0
    bottom: float = 44.0


class ModuleFigure(Figure):
    """A figure whose drawing may still choose the lengths that `new_figure` left open (None)."""

    open_lengths: Mapping[str, float | None] | None = None


@functools.cache
def _rc() -> Mapping[str, object]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    # matplotlib warns about each missing font at each text; only those installed are asked for.
    families = [name for name in FONTS if name in installed] or ["DejaVu Sans"]
    return MappingProxyType(
        {
            "font.family": families,
            "font.size": BASE * POINTS_PER_PX,
            "axes.labelsize": BASE * POINTS_PER_PX,
            "axes.titlesize": BASE * POINTS_PER_PX,
            "xtick.labelsize": BASE * POINTS_PER_PX,
            "ytick.labelsize": BASE * POINTS_PER_PX,
            "text.color": PALETTE["text"],
            "text.parse_math": False,
            "text.usetex": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.spines.left": False,
            "axes.edgecolor": PALETTE["axis"],
            "axes.linewidth": 0.6,
            "axes.facecolor": "none",
            "axes.labelcolor": PALETTE["secondary"],
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "axes.unicode_minus": True,
            "axes.xmargin": 0.0,
            "axes.ymargin": 0.0,
            "grid.color": PALETTE["grid"],
            "grid.linewidth": 0.5,
            "xtick.color": PALETTE["axis"],
            "ytick.color": PALETTE["axis"],
            "xtick.labelcolor": PALETTE["secondary"],
            "ytick.labelcolor": PALETTE["secondary"],
            "xtick.major.size": 3.0,
            "xtick.major.width": 0.6,
            "ytick.major.size": 0.0,
            "lines.linewidth": 1.6,
            "lines.solid_capstyle": "butt",
            "patch.linewidth": 0.6,
            "hatch.linewidth": 0.5,
            "hatch.color": PALETTE["axis"],
            "figure.facecolor": PALETTE["paper"],
            "figure.dpi": SCREEN_DPI,
            "figure.autolayout": False,
            "figure.constrained_layout.use": False,
            "path.simplify": False,
            "svg.fonttype": "none",
            "svg.hashsalt": "ketaoutcomes",
            "svg.id": None,
        }
    )


def rc() -> dict[str, object]:
    """The settings of the house as a fresh dictionary, for `matplotlib.rc_context` or seaborn."""
    return dict(_rc())


@contextmanager
def context() -> Iterator[None]:
    """A context in which figures are made with the house's settings; none of them outlives it.

    Only these settings are put back. `matplotlib.rc_context` puts back all, also that a notebook
    shows its figures, which the first import of pyplot sets wherever it happens.
    """
    before = {name: matplotlib.rcParams[name] for name in _rc()}
    matplotlib.rcParams.update(_rc())
    try:
        yield
    finally:
        matplotlib.rcParams.update(before)


def new_figure(
    height_px: float | None = None,
    width_px: float | None = None,
    *,
    left: float | None = None,
    right: float | None = None,
    top: float | None = None,
    bottom: float | None = None,
) -> tuple[ModuleFigure, Axes]:
    """A figure for a page, with axes placed in pixels and without pyplot.

    Parameters
    ----------
    height_px : float, optional
        Height; if left out, the function that draws into the axes chooses what its table needs.
    width_px : float, optional
        Width; if left out, 400, the module of a report, or what a smaller drawing asks for.
    left, right, top, bottom : float, optional
        Distance of the axes from each edge; those left out are chosen by what is drawn.

    Returns
    -------
    (ModuleFigure, Axes)
    """
    with context():
        figure = ModuleFigure()
        FigureCanvasAgg(figure)
        wanted = {
            "height": height_px,
            "width": width_px,
            "left": left,
            "right": right,
            "top": top,
            "bottom": bottom,
        }
        return figure, _placed_axes(figure, Layout(250.0), wanted)


def _placed_axes(figure: ModuleFigure, layout: Layout, wanted: Mapping[str, float | None]) -> Axes:
    """New axes in `figure`, which remembers what was asked for and what is still open."""
    figure.open_lengths = MappingProxyType(dict(wanted))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _place(axes, _completed(wanted, layout))
    return axes


def prepare(ax: Axes | None, layout: Layout) -> Axes:
    """The axes to draw into, of the size that `layout` asks for where that is still open.

    Axes of one's own keep their size and place. Call it inside `context()`.

    Parameters
    ----------
    ax : Axes or None
        None makes a figure with pyplot, so that a notebook shows it.
    layout : Layout
        What the drawing needs.
    """
    if ax is None:
        # Only here: a report never imports pyplot, and a notebook has it already.
        from matplotlib import pyplot

        figure = pyplot.figure(FigureClass=ModuleFigure)
        ax = _placed_axes(figure, layout, dict.fromkeys(vars(layout)))
    figure = ax.figure
    if isinstance(figure, ModuleFigure) and figure.open_lengths is not None and figure.axes == [ax]:
        _place(ax, _completed(figure.open_lengths, layout))
    plain(ax)
    return ax


def _completed(lengths: Mapping[str, float | None], layout: Layout) -> Layout:
    """The lengths asked for, with the layout's where nothing was asked."""
    return Layout(
        **{name: getattr(layout, name) if value is None else value for name, value in lengths.items()}
    )


def _place(axes: Axes, layout: Layout) -> None:
    """Give the figure its size and put the axes at their distances from its edges."""
    width, height = layout.width, layout.height
    axes.figure.set_size_inches(width / PX_PER_INCH, height / PX_PER_INCH)
    inner_width = max(width - layout.left - layout.right, 1.0)
    inner_height = max(height - layout.top - layout.bottom, 1.0)
    axes.set_position(
        (layout.left / width, layout.bottom / height, inner_width / width, inner_height / height)
    )


def plain(ax: Axes) -> None:
    """Bring axes that were made outside `context()` to the house's look."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set(edgecolor=PALETTE["axis"], linewidth=0.6)
    ax.grid(False)
    ax.set_axisbelow(True)
