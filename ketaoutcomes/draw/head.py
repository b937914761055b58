"""The lines above a picture: a title in bold, and below it what is drawn and in which unit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matplotlib.axes import Axes

from ketaoutcomes.draw.labels import wrap
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE, PX_PER_INCH, Layout, ModuleFigure

__all__ = ["Head", "head_of"]

TITLE_SIZE = 13.0
TITLE_PITCH, LINE_PITCH = 17.0, 14.0
MOST_LINES = 3
MARGIN = 4.0
SLACK, BOLD_SLACK = 1.05, 1.1


@dataclass(frozen=True)
class Head:
    """Lines above a picture.

    Parameters
    ----------
    title, lines : tuple of str
    start : float
        Distance in px of their left end from the left edge of the axes.
    """

    title: tuple[str, ...]
    lines: tuple[str, ...]
    start: float

    @property
    def height(self) -> float:
        """Room in px above the baseline of a single unit line that all lines need."""
        below = LINE_PITCH * max(len(self.lines) - 1, 0)
        return below + (TITLE_PITCH * len(self.title) + 3.0 if self.title else 0.0)

    def raised(self, layout: Layout, *, line: float = 0.0) -> Layout:
        """The layout with room for the lines, of which `line` px are for the first unit line."""
        more = self.height + (line if self.lines else 0.0)
        return replace(layout, height=layout.height + more, top=layout.top + more)

    def write(self, sheet: Sheet, up: float) -> None:
        """Write the lines, the last unit line with its baseline `up` px above the axes."""
        for number, words in enumerate(reversed(self.lines)):
            sheet.write(
                words, ("left", -self.start), ("top", up + LINE_PITCH * number), size=BASE,
                color=PALETTE["secondary"], gid="unit",
            )  # fmt: skip
        up += LINE_PITCH * max(len(self.lines) - 1, 0) + (LINE_PITCH + 5.0 if self.lines else 0.0)
        for number, words in enumerate(reversed(self.title)):
            sheet.write(
                words, ("left", -self.start), ("top", up + TITLE_PITCH * number), size=TITLE_SIZE, bold=True,
                gid="title",
            )  # fmt: skip


def head_of(
    ax: Axes | None, layout: Layout, words: str, *, title: str | None = None, start: float | None = None
) -> Head:
    """The lines above a picture, as wide as the picture, or as there is room right of `ax`'s left end.

    Parameters
    ----------
    ax : Axes or None
        As the drawing function was given it.
    layout : Layout
        What the drawing asks for without the lines.
    words : str
        What is drawn and its unit; may be empty.
    title : str, optional
    start : float, optional
        Distance in px from the left edge of the axes; the layout's `left` if left out.
    """
    start = layout.left if start is None else start
    width = layout.width
    if ax is not None:
        figure = ax.figure
        asked = figure.open_lengths if isinstance(figure, ModuleFigure) else None
        if asked is not None and figure.axes == [ax]:
            width = asked["width"] or layout.width
        else:
            # Axes of one's own keep their place: the lines may reach over the figure's left part.
            unit = PX_PER_INCH / figure.dpi
            before = ax.bbox.x0 * unit
            start = min(start, max(before - MARGIN, 0.0))
            width = _right_end(ax) * unit - (before - start)
    # Widths are estimates: fonts that are hinted for a screen run a little wider.
    room = (width - MARGIN) / SLACK
    return Head(
        tuple(wrap(title, room / BOLD_SLACK, TITLE_SIZE, max_lines=MOST_LINES)) if title else (),
        tuple(wrap(words, room, BASE, max_lines=MOST_LINES)) if words else (),
        start,
    )


def _right_end(ax: Axes) -> float:
    """Dots from the figure's left edge where lines must end: its right edge, or before a neighbour."""
    box, figure = ax.bbox, ax.figure
    others = [other.bbox for other in figure.axes if other is not ax and other not in ax.child_axes]
    beside = [other.x0 for other in others if other.x0 >= box.x1 and other.y0 < box.y1 and other.y1 > box.y0]
    # The neighbour's own names reach into the gap, so that the lines end with the axes.
    return box.x1 if beside else figure.bbox.width
