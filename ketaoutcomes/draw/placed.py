"""Axes with their head in place: a figure of the size asked for, or room made in axes of one's own."""

from __future__ import annotations

from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import Head, head_of
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE, Layout

__all__ = ["NOT_RECORDED", "nothing", "placed"]

NOT_RECORDED = "not recorded"
MARGIN, TOP, BOTTOM, ABOVE = 0.0, 24.0, 30.0, 8.0


def placed(
    ax: Axes | None, layout: Layout, words: str, *, title: str | None = None, line: float = 0.0
) -> tuple[Axes, Head]:
    """Axes of the size that `layout` asks for with room for the head, which is still to be written.

    Axes of one's own become smaller until names, numbers and head lie within their place. Call it inside
    `theme.context()`.

    Parameters
    ----------
    ax : Axes or None
        As the drawing function was given it.
    layout : Layout
        What the drawing asks for without the head.
    words : str
        What is drawn and its unit; may be empty.
    title : str, optional
    line : float
        Room in px for the first unit line.
    """
    place = place_of(ax)
    if place:
        make_room(ax, place, layout)
    head = head_of(ax, layout, words, title=title)
    raised = head.raised(layout, line=line)
    if place:
        make_room(ax, place, raised)
    return theme.prepare(ax, raised), head


def nothing(
    ax: Axes | None, words: str, *, title: str | None = None, reason: str = NOT_RECORDED, width: float = 400.0
) -> Axes:
    """A picture without data: its head, and in words why there is nothing, never an empty scale."""
    with theme.context():
        layout = Layout(TOP + BOTTOM, width, left=MARGIN, right=MARGIN, top=TOP, bottom=BOTTOM)
        ax, head = placed(ax, layout, words, title=title)
        ax.set_axis_off()
        sheet = Sheet(ax)
        head.write(sheet, ABOVE)
        up = ("top", -14.0)
        sheet.write(reason, ("left", 0.0), up, size=BASE, color=PALETTE["secondary"], gid="empty")
        return ax
