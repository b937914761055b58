"""Writing and ruling at distances in pixels from the edges of axes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import (
    Affine2D,
    ScaledTranslation,
    Transform,
    blended_transform_factory,
)

from ketaoutcomes.draw.labels import clean
from ketaoutcomes.draw.theme import PALETTE, POINTS_PER_PX, PX_PER_INCH, TABLE, GroupStyle
from ketaoutcomes.draw.words import Words

__all__ = ["Sheet"]

Place = tuple[str, float]


class Sheet:
    """Axes as a sheet of paper: every place is a kind and a number.

    Kinds across are "data", "left" and "right" (px from that edge, to the right); kinds up are
    "data", "bottom" and "top" (px from that edge, upwards). Text sits on its baseline, so that
    no font has to be measured and the same table gives the same bytes on every machine.
    """

    def __init__(self, ax: Axes):
        self.ax = ax
        self._scale = ax.figure.dpi_scale_trans
        inches = Affine2D().scale(1.0 / PX_PER_INCH) + self._scale
        corner = {
            kind: inches + ScaledTranslation(*at, ax.transAxes)
            for kind, at in {"left": (0, 0), "right": (1, 0), "bottom": (0, 0), "top": (0, 1)}.items()
        }
        self._kinds: dict[str, Transform] = {"data": ax.transData, **corner}
        self._blends: dict[tuple[str, str], Transform] = {}
        self._shifts: dict[tuple[str, str, tuple[float, float]], Transform] = {}

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the axes in px."""
        box = self.ax.bbox
        unit = PX_PER_INCH / self.ax.figure.dpi
        return box.width * unit, box.height * unit

    def pixels(self, x, y) -> np.ndarray:
        """Data points as (n, 2) px from the lower left corner of the axes."""
        points = self.ax.transData.transform(np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]))
        return (points - self.ax.bbox.min) * (PX_PER_INCH / self.ax.figure.dpi)

    def blend(self, across: str, up: str) -> Transform:
        """The transform of places whose kinds are `across` and `up`."""
        if (across, up) not in self._blends:
            self._blends[across, up] = blended_transform_factory(self._kinds[across], self._kinds[up])
        return self._blends[across, up]

    def _shifted_blend(self, across: str, up: str, shift: tuple[float, float]) -> Transform:
        key = (across, up, shift)
        if key not in self._shifts:
            dx, dy = (length / PX_PER_INCH for length in shift)
            moved = self.blend(across, up)
            self._shifts[key] = moved + ScaledTranslation(dx, dy, self._scale) if any(shift) else moved
        return self._shifts[key]

    def shifted(self, across: float, up: float = 0.0) -> Transform:
        """The transform of the data, `across` px to the right and `up` px upwards."""
        if not across and not up:
            return self.ax.transData
        return self.ax.transData + ScaledTranslation(across / PX_PER_INCH, up / PX_PER_INCH, self._scale)

    def write(
        self,
        text: str,
        x: Place,
        y: Place,
        *,
        size: float = TABLE,
        color: str = PALETTE["text"],
        bold: bool = False,
        align: str = "left",
        shift: tuple[float, float] = (0.0, 0.0),
        gid: str | None = None,
        on_white: bool = False,
    ) -> Words:
        """One line of text with its baseline at a place, `shift` px to the right and upwards.

        With `on_white` it stands on a white ground, for words that must cross a line.
        """
        words = Words(
            x[1], y[1], clean(text), transform=self._shifted_blend(x[0], y[0], shift),
            fontsize=size * POINTS_PER_PX, color=color, fontweight="bold" if bold else "normal",
            horizontalalignment=align, gid=gid,
        )  # fmt: skip
        if on_white:
            words.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85})
            words.set_zorder(6)
        return self.ax.add_artist(words)

    def rule(
        self,
        x: tuple[Place, Place],
        y: tuple[Place, Place],
        *,
        color: str = PALETTE["grid"],
        width: float = 0.6,
        style: object = "solid",
        gid: str | None = None,
        zorder: float = 2.0,
    ) -> Line2D:
        """A straight line; both ends' places have the same kinds."""
        line = Line2D(
            [x[0][1], x[1][1]], [y[0][1], y[1][1]], transform=self.blend(x[0][0], y[0][0]), color=color,
            linewidth=width, linestyle=style, clip_on=False, gid=gid, zorder=zorder, solid_capstyle="butt",
        )  # fmt: skip
        return self.ax.add_artist(line)

    def mark(self, style: GroupStyle, x: Place, y: Place, *, gid: str = "key") -> Line2D:
        """The marker of a group, beside its name."""
        line = Line2D(
            [x[1]], [y[1]], transform=self.blend(x[0], y[0]), linestyle="none", marker=style.marker,
            markersize=4.2, color=style.color, markerfacecolor=style.fill, markeredgewidth=1.0,
            clip_on=False, gid=gid,
        )  # fmt: skip
        return self.ax.add_artist(line)

    def leader(self, start: tuple[float, float], end: tuple[float, float]) -> Line2D:
        """A thin line from a note to what it names; both ends in px from the lower left corner."""
        return self.rule(
            (("left", start[0]), ("left", end[0])), (("bottom", start[1]), ("bottom", end[1])),
            color=PALETTE["axis"], width=0.6, gid="leader", zorder=6.0,
        )  # fmt: skip
