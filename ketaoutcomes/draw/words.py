"""A line of text that need not be measured where it stays text."""

from __future__ import annotations

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.text import Text

__all__ = ["Words"]


class Words(Text):
    """One level line of text on its baseline, never read as mathematics.

    In an SVG whose text stays text, the reader's program does the measuring. Asking this machine's
    fonts as well would cost most of a figure's time, and bytes would depend on the fonts found.
    """

    def __init__(self, x: float, y: float, text: str, **options):
        super().__init__(
            x, y, text, verticalalignment="baseline", parse_math=False, clip_on=False, **options
        )  # fmt: skip

    def draw(self, renderer) -> None:
        """Draw on `renderer`."""
        canvas = getattr(self.figure, "canvas", None)
        stays_text = isinstance(canvas, FigureCanvasSVG) and matplotlib.rcParams["svg.fonttype"] == "none"
        if not stays_text:
            super().draw(renderer)
            return
        if self.get_visible() and self.get_text():
            x, y = self.get_transform().transform(self.get_unitless_position())
            context = renderer.new_gc()
            context.set_foreground(self.get_color())
            _, height = renderer.get_canvas_width_height()
            renderer.draw_text(
                context,
                x,
                height - y,
                self.get_text(),
                self.get_fontproperties(),
                0.0,
                ismath=False,
                mtext=self,
            )
            context.restore()
        self.stale = False
