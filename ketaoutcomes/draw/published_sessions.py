"""Response after each session: the clinic's shares, with published ones beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, percent
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.published import THERE
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["response_by_session"]

LEFT, RIGHT, TOP, PLOT, BELOW = 104.0, 16.0, 34.0, 216.0, 42.0
APART, FIRST_APART = 9.0, 11.0
COUNTS = {"n_events": "Responding", "n": "Scored after it", "n_reached": "Had the session"}
HERE_NOTE = ("here, responding", "after that session")
EVER_NOTE = ("grey: responded at", "least once by then")


def response_by_session(
    sessions: pd.DataFrame,
    ax: Axes | None = None,
    *,
    published: pd.DataFrame | None = None,
    ever: pd.DataFrame | None = None,
    level: float = 0.95,
    title: str | None = None,
    unit_line: str | None = None,
) -> Axes:
    """Share responding after session 1, 2, …, with published shares of the same definition as diamonds.

    Parameters
    ----------
    sessions : DataFrame
        session, estimate, conf_low, conf_high, and n_events, n, n_reached, which are written below.
        Sessions after which nobody was scored stay empty.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    published : DataFrame, optional
        time (number of the session), published, published_low, published_high, study.
    ever : DataFrame, optional
        time, estimate, estimate_high: share who responded at least once by then, in steps behind.
    level : float
        Confidence level, for the line above.
    title, unit_line : str, optional

    Returns
    -------
    Axes
    """
    words = unit_line or (
        f"Responding after each session, % of those scored after it, {100 * level:g}% CI; "
        "diamonds: published, under the same definition"
    )
    with theme.context():
        # Where nobody was scored, none responding is no number.
        known = sessions.assign(n_events=sessions["n_events"].where(sessions["n"] > 0))
        lines = [Line(label, tuple(map(count, known[column]))) for column, label in COUNTS.items()]
        below = BELOW + table_height(len(lines))
        layout = Layout(TOP + PLOT + below, left=LEFT, right=RIGHT, top=TOP, bottom=below)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        numbers = sessions["session"].to_numpy(float)
        _axes(sheet, numbers)
        room = Room(*sheet.size)
        parts = _draw_ever(sheet, room, ever, numbers[-1]) if ever is not None and len(ever) else None
        shown = sessions[np.isfinite(floats(sessions, "estimate"))]
        values = (floats(shown, name) for name in ("session", "estimate", "conf_low", "conf_high"))
        _draw(sheet, room, *values, GROUPS[0], 0.0)
        points = _spread(published)
        for row, shift in points:
            one = (np.array([row[name]]) for name in ("time", "published", "published_low", "published_high"))
            _draw(sheet, room, *one, THERE, shift)
        _say(sheet, room, shown, points, parts)
        head.write(sheet, 20.0)
        sheet.write(
            "Number of the session", ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"],
            gid="time",
        )  # fmt: skip
        write_numbers(sheet, numbers, lines, left=LEFT, top=BELOW)
        return ax


def _axes(sheet: Sheet, numbers: np.ndarray) -> None:
    sheet.ax.set_ylim(0.0, 1.0)
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == 1.0) for tick in ticks])
    sheet.ax.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.7)
    x_ticks(sheet, numbers, [f"{number:g}" for number in numbers])


def _spread(published: pd.DataFrame | None) -> list[tuple[dict, float]]:
    """Each published point with its shift in px to the right, so that those of one session stand apart."""
    if published is None:
        return []
    found, used = [], {}
    for row in published.to_dict("records"):
        place = used.get(row["time"], 0)
        used[row["time"]] = place + 1
        found.append((row, FIRST_APART + APART * place))
    return found


def _draw_ever(sheet: Sheet, room: Room, ever: pd.DataFrame, last: float) -> tuple[float, float]:
    """Steps between both bounds of the share that responded by each session; a point for the note."""
    table = ever[floats(ever, "time") <= last].sort_values("time", kind="stable")
    time = floats(table, "time")
    until = np.append(time[1:], last + 0.7)
    x = np.column_stack([time, until]).ravel()
    low, high = (np.repeat(floats(table, name), 2) for name in ("estimate", "estimate_high"))
    sheet.ax.fill_between(x, low, high, color=PALETTE["competing"], linewidth=0, zorder=1, gid="ever")
    for edge in (low, high):
        sheet.ax.plot(x, edge, color=PALETTE["axis"], linewidth=0.8, zorder=1.5, gid="ever-edge")
        room.take_line(sheet.pixels(x, edge), margin=2)
    at = min(last, 4.5)
    place = max(int(np.searchsorted(time, at, side="right")) - 1, 0)
    return tuple(sheet.pixels(at, floats(table, "estimate_high")[place])[0])


def _draw(sheet: Sheet, room: Room, x, share, low, high, style: GroupStyle, shift: float) -> None:
    """Markers with their intervals, `shift` px to the right."""
    transform = sheet.shifted(shift)
    has_line = np.isfinite(low) & np.isfinite(high)
    ends = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)
    published = style is THERE
    sheet.ax.add_artist(
        LineCollection(
            ends[has_line], colors=style.color, linewidths=1.2, transform=transform, zorder=4,
            gid="published-interval" if published else "interval",
        )
    )  # fmt: skip
    sheet.ax.plot(
        x, share, linestyle="none", marker=style.marker, markersize=5.0, color=style.color,
        markerfacecolor=style.fill, markeredgewidth=1.1, transform=transform, zorder=5,
        gid="published" if published else "estimate",
    )  # fmt: skip
    for place, middle, first, last in zip(x, share, np.fmin(low, share), np.fmax(high, share), strict=True):
        (across, bottom), (_, top) = sheet.pixels((place, place), (first, last))
        middle = sheet.pixels(place, middle)[0, 1]
        room.take(across + shift - 4, across + shift + 4, min(bottom, middle - 4), max(top, middle + 4))


def _say(sheet: Sheet, room: Room, shown: pd.DataFrame, points, parts) -> None:
    """Names of the studies beside their diamonds, and what the dots and the steps are."""
    for row, shift in points:
        across, up = sheet.pixels(row["time"], row["published"])[0]
        name = clean(row["study"]).partition(" (")[0]
        place_note(sheet, room, (f"{name}, {percent(row['published'])}",), (across + shift, up))
    if len(shown):
        first = shown.iloc[len(shown) // 3]
        target = tuple(sheet.pixels(first["session"], first["estimate"])[0])
        place_note(sheet, room, HERE_NOTE, target, color=PALETTE["main"])
    if parts is not None:
        place_note(sheet, room, EVER_NOTE, parts)
