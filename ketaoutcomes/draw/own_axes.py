"""Axes that the user made: room inside their figure for the words around a picture.

Names at the left and numbers at the right would lie beyond the edge of a small figure. The axes give
way, as they do to a colour bar: they only ever become smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes

from ketaoutcomes.draw.theme import PX_PER_INCH, Layout, ModuleFigure

__all__ = ["Place", "make_room", "place_of"]

LEAST = 30.0  # px that axes keep whatever stands around them
MARGIN = 4.0  # px from the figure's edge, since widths of words are estimates


@dataclass(frozen=True)
class Place:
    """Where axes and all their words must stay, in px from the figure's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.top - self.bottom


def place_of(ax: Axes | None) -> Place | None:
    """The whole figure for axes that are alone in it, else the axes' own box.

    None where the drawing chooses the size of the figure.
    """
    if ax is None:
        return None
    figure = ax.figure
    is_alone = figure.axes == [ax]
    if isinstance(figure, ModuleFigure) and figure.open_lengths is not None and is_alone:
        return None
    unit = PX_PER_INCH / figure.dpi
    if is_alone:
        width, height = figure.bbox.width * unit, figure.bbox.height * unit
        return Place(MARGIN, MARGIN, width - MARGIN, height - MARGIN)
    left, bottom, right, top = (float(end) * unit for end in _within_figure(ax))
    return Place(left, bottom, right, top)


def make_room(ax: Axes, place: Place, layout: Layout) -> None:
    """Make axes smaller until the words that `layout` has around them lie within their place."""
    unit = PX_PER_INCH / ax.figure.dpi
    x0, y0, x1, y1 = (float(end) * unit for end in _within_figure(ax))
    x0, y0 = max(x0, place.left + layout.left), max(y0, place.bottom + layout.bottom)
    x1 = max(min(x1, place.right - layout.right), x0 + LEAST)
    y1 = max(min(y1, place.top - layout.top), y0 + LEAST)
    width, height = ax.figure.bbox.width * unit, ax.figure.bbox.height * unit
    ax.set_position((x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height))


def _within_figure(ax: Axes) -> tuple[float, float, float, float]:
    """Ends of the axes in dots from the figure's lower left corner."""
    box, figure = ax.bbox, ax.figure.bbox
    return box.x0 - figure.x0, box.y0 - figure.y0, box.x1 - figure.x0, box.y1 - figure.y0
