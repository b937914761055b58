"""Published rates of side effects and the clinic's: a group of rows per effect and way of counting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.bounds import draw_bounds
from ketaoutcomes.draw.dots import draw_dots, set_share_axis
from ketaoutcomes.draw.labels import count, missing, percent, percent_range, shorten
from ketaoutcomes.draw.own_axes import place_of
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.published import HERE, THERE
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, TABLE, Layout

__all__ = ["published_effects"]

WIDTH, TOP, BOTTOM = 560.0, 40.0, 42.0
ROW, HEAD_ROW, AIR = 14.0, 17.0, 7.0
ESTIMATE_RIGHT, INTERVAL_RIGHT, RATIO_RIGHT = 46.0, 96.0, 148.0
MARGIN, HEAD_OVER = 4.0, 110.0


@dataclass(frozen=True)
class _Room:
    """Px for the words at the left, of which `study` for whose number it is, and at the right."""

    left: float = 236.0
    study: float = 160.0
    right: float = RATIO_RIGHT + MARGIN

    @property
    def has_ratio(self) -> bool:
        """Whether there is room for the counts."""
        return self.right >= RATIO_RIGHT


NARROW = _Room(172.0, 108.0, INTERVAL_RIGHT + MARGIN)
NARROW_BELOW = 520.0


@dataclass(frozen=True)
class _Line:
    """One row: a published number or the clinic's."""

    name: str
    asked: str
    here: bool
    value: float
    last: float
    low: float
    high: float
    n_events: object
    n: object


def published_effects(
    table: pd.DataFrame, ax: Axes | None = None, *, level: float = 0.95, title: str | None = None
) -> Axes:
    """Shares of patients with an effect, here (filled) and published (hollow), by how they counted.

    Each group of rows is an effect over one time (session 1, the first weeks, all sessions), alone or as
    the terms that a study combines under its name. The clinic has
    a row per way of asking; the way stands beside every row. A published range is a bar, the clinic's
    bounds a hollow one.

    Parameters
    ----------
    table : DataFrame
        effect, counting, study, arm, verified, asked_there, asked_here, published, published_to,
        published_low, published_high, published_n_events, published_n, estimate, conf_low, conf_high,
        n_events, n, in the order of the groups; combines, where a study counts several terms as one.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    level : float
        Confidence level of the intervals.
    title : str, optional

    Returns
    -------
    Axes
    """
    keys = ["effect", "counting", *(["combines"] if "combines" in table else [])]
    groups = [(_head(*cells), _lines(rows)) for cells, rows in table.groupby(keys, sort=False)]
    body = sum(HEAD_ROW + ROW * len(lines) + AIR for _, lines in groups)
    heading = (
        "Patients with the effect, %: here (filled) and published (hollow), counted over the same time as "
        "far as it is stated"
    )
    if not groups:
        return nothing(ax, heading, title=title, width=WIDTH)
    room = _room(ax)
    with theme.context():
        layout = Layout(TOP + max(body, ROW) + BOTTOM, WIDTH, room.left, room.right, TOP, BOTTOM)
        ax, head = placed(ax, layout, heading, title=title)
        sheet = Sheet(ax)
        head.write(sheet, 24.0)
        ax.yaxis.set_visible(False)
        ax.set_ylim(max(sheet.size[1], 1.0), 0.0)
        columns = ("estimate", "estimate_high", "conf_high", "published_to", "published_high")
        largest = max(float(np.nanmax(floats(table, name), initial=0.02)) for name in columns)
        set_share_axis(sheet, largest)
        _write_column_heads(sheet, room, level)
        scale = sheet.size[1] / body
        down = 0.0
        for words, lines in groups:
            _draw_group(sheet, room, words, lines, down, scale)
            down += (HEAD_ROW + ROW * len(lines) + AIR) * scale
        sheet.write(
            "% of patients",
            ("left", 0),
            ("bottom", -34),
            size=BASE,
            color=PALETTE["secondary"],
            gid="unit-name",
        )
        return ax


def _room(ax: Axes | None) -> _Room:
    """Less words where the figure is as narrow as a report's module."""
    asked = ax.figure.open_lengths if ax is not None and isinstance(ax.figure, theme.ModuleFigure) else None
    place = place_of(ax)
    width = place.width if place else (asked or {}).get("width") or WIDTH
    is_narrow = width < NARROW_BELOW
    return NARROW if is_narrow else _Room()


def _head(effect: str, counting: str, combines: str = "") -> str:
    words = f"{effect[:1].upper()}{effect[1:]}, {counting}"
    return f"{words}, combined terms" if combines else words


def _lines(rows: pd.DataFrame) -> list[_Line]:
    """The clinic's rows, one per way of asking, then the published ones."""
    lines = [
        _Line("Here", row["asked_here"], True, row["estimate"], _upper(row), row["conf_low"],
              row["conf_high"], row["n_events"], row["n"])
        for row in rows.drop_duplicates("asked_here").to_dict("records")
    ]  # fmt: skip
    for row in rows.drop_duplicates("name").to_dict("records"):
        lines.append(
            _Line(_study(row), row["asked_there"], False, row["published"], row["published_to"],
                  row["published_low"], row["published_high"], row["published_n_events"], row["published_n"])
        )  # fmt: skip
    return lines


def _upper(row: Mapping) -> float:
    """The upper bound of the clinic's share; the share where there is but one."""
    high = row.get("estimate_high")
    return row["estimate"] if missing(high) else high


def _study(row: Mapping) -> str:
    words = f"Placebo: {row['study']}" if row["arm"] == "placebo" else str(row["study"])
    return words if row["verified"] else f"{words} *"


def _printed(line: _Line) -> str:
    """The share; whole per cent of a study stay whole."""
    is_whole = not line.here and abs(100.0 * line.value - round(100.0 * line.value)) < 1e-9
    return percent(line.value, decimals=0 if is_whole else None)


def _write_column_heads(sheet: Sheet, room: _Room, level: float) -> None:
    heads = [(f"{100 * level:g}% CI", INTERVAL_RIGHT), ("n/N", RATIO_RIGHT)]
    for words, right in heads if room.has_ratio else heads[:1]:
        sheet.write(words, ("right", right), ("top", 6), size=NOTE, color=PALETTE["secondary"], align="right",
                    gid="column")  # fmt: skip
    sheet.write(
        "Asked",
        ("left", -room.left + room.study),
        ("top", 6),
        size=NOTE,
        color=PALETTE["secondary"],
        gid="column",
    )
    sheet.write(
        "* not checked against its source", ("left", -room.left), ("bottom", -34), size=NOTE,
        color=PALETTE["secondary"], gid="unverified",
    )  # fmt: skip


def _draw_group(sheet: Sheet, room: _Room, words: str, lines: list[_Line], down: float, scale: float) -> None:
    """Head and rows of one effect over one time."""
    # No dot stands beside a head, so that it may run on over the axis.
    words = shorten(words, room.left + HEAD_OVER, TABLE, bold=True)
    sheet.write(words, ("left", -room.left), ("data", down + 11.0 * scale), bold=True, gid="group")
    places = down + (HEAD_ROW + ROW * (np.arange(len(lines)) + 0.5)) * scale
    for here, style in ((False, THERE), (True, HERE)):
        own = [number for number, line in enumerate(lines) if line.here == here]
        chosen = [lines[number] for number in own]
        is_range = np.array([line.last > line.value for line in chosen], dtype=bool)
        values, low, high = (
            np.array(
                [float("nan") if missing(getattr(line, name)) else getattr(line, name) for line in chosen]
            )
            for name in ("value", "low", "high")
        )
        draw_dots(sheet, places[own], np.where(is_range, np.nan, values), low, high, style)
        if here and is_range.any():
            ends = values, np.array([line.last for line in chosen])
            bars = [tuple(one[is_range] for one in pair) for pair in (ends, (low, high))]
            draw_bounds(sheet, places[own][is_range], *bars, style)
            continue
        for place, line in zip(places[own], chosen, strict=True):
            if line.last > line.value:
                sheet.ax.plot(
                    [line.value, line.last], [place, place], color=style.color, linewidth=4.0, alpha=0.55,
                    solid_capstyle="butt", zorder=3.5, gid="range",
                )  # fmt: skip
    for place, line in zip(places, lines, strict=True):
        _write_line(sheet, room, place, line)


def _write_line(sheet: Sheet, room: _Room, place: float, line: _Line) -> None:
    """Whose number it is, how it was asked, and the number."""
    at, down = ("data", place), (0.0, -3.5)
    color = HERE.color if line.here else THERE.color
    name = shorten(line.name, room.study - 14, TABLE)
    sheet.write(name, ("left", -room.left + 8), at, shift=down, color=color, gid="row")
    asked = shorten(line.asked, room.left - room.study - 8, NOTE)
    sheet.write(asked, ("left", -room.left + room.study), at, shift=down, size=NOTE, color=color, gid="asked")
    words = f"{percent_range(line.value, line.last)}%" if line.last > line.value else _printed(line)
    sheet.write(words, ("right", ESTIMATE_RIGHT), at, shift=down, bold=True, color=color, align="right",
                gid="number")  # fmt: skip
    # Where the study has no interval of its own count, that is said; a number not known has nothing.
    limits = "no CI" if missing(line.low) else percent_range(line.low, line.high, like=line.value)
    secondary = {"shift": down, "color": PALETTE["secondary"], "align": "right"}
    sheet.write(limits, ("right", INTERVAL_RIGHT), at, gid="interval-text", **secondary)
    if room.has_ratio and not (missing(line.n) or missing(line.n_events)) and line.n:
        ratio = f"{count(line.n_events)}/{count(line.n)}"
        sheet.write(ratio, ("right", RATIO_RIGHT), at, size=NOTE, gid="ratio", **secondary)
