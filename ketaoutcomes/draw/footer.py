"""Lines below a picture and its numbers."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.axes import Axes

from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.numbers import PITCH
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import PALETTE, Layout

__all__ = ["footer_lines", "with_footer", "write_footer"]

GAP = 8.0


def footer_lines(ax: Axes | None, layout: Layout, footer: tuple[str, ...]) -> tuple[str, ...]:
    """The lines, broken to the width of the picture."""
    return tuple(line for words in footer for line in head_of(ax, layout, words).lines)


def with_footer(layout: Layout, lines: tuple[str, ...]) -> Layout:
    """The layout with room for the lines."""
    more = PITCH * len(lines)
    return replace(layout, height=layout.height + more, bottom=layout.bottom + more)


def write_footer(sheet: Sheet, lines: tuple[str, ...], layout: Layout) -> None:
    """Write the lines below what `layout`, without them, has room for."""
    for number, words in enumerate(lines):
        up = ("bottom", -layout.bottom - PITCH * number - GAP)
        sheet.write(words, ("left", -layout.left), up, color=PALETTE["secondary"], gid="footer")
