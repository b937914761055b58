"""Mean dissociation scores against the minutes of a session."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dissociation import draw_threshold, threshold_words, top_of
from ketaoutcomes.draw.labels import clean
from ketaoutcomes.draw.means import (
    close_panel,
    name_groups,
    number_lines,
    open_panel,
    set_axes,
    small_panels,
)
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of
from ketaoutcomes.draw.placed import nothing
from ketaoutcomes.draw.scale import round_ticks
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import GROUPS

__all__ = ["scores_by_minute"]

ALL_SESSIONS = "all"
TIME_LINE = "Minutes since the start of the session (nominal; 0: before it)"
NOTHING = "No course over minutes: not recorded, or at one time of assessment only"
DODGE = 5.0


def scores_by_minute(
    course: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    threshold: float,
    is_convention: bool = True,
    instrument: str = "Score",
    level: float = 0.95,
    title: str | None = None,
) -> Axes:
    """Mean score at each nominal minute with its limits: by session number, or of all sessions by group.

    Up to three groups share the axes; more become small pictures.

    Parameters
    ----------
    course : DataFrame
        session_group, time (minutes), estimate, conf_low, conf_high, n, and the column `by`.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Groups of all sessions; without it the groups are those of session numbers.
    threshold : float
        Where a line is drawn.
    is_convention : bool
        Whether the line is named a convention; else by its number alone.
    instrument : str
    level : float
        Confidence level of the limits.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    is_all = course["session_group"] == ALL_SESSIONS
    table = course[~is_all] if by is None else course[is_all]
    column = "session_group" if by is None else by
    if by is None:
        table = table.assign(session_group=_named(table["session_group"]))
    groups = levels(table, column)
    words = (
        f"{clean(instrument)} score, mean of the sessions assessed then, {100 * level:g}% CI; dashed line "
    )
    words += f"at {threshold_words(threshold, is_convention)}"
    with theme.context():
        if not groups:
            return nothing(ax, words, title=title, reason=NOTHING)
        top = _round_end(top_of(table, threshold, columns=("estimate", "conf_high")))
        times = sorted({float(time) for time in table["time"]})
        if len(groups) > MOST_PER_PANEL:
            ax, sheets = small_panels(ax, groups, words=words, title=title, time_line=TIME_LINE)
            for level_of, sheet in zip(groups, sheets, strict=True):
                set_axes(sheet, (0.0, top), times, "minutes", small=True)
                _draw(sheet, rows_of(table, column, level_of), 0, 0.0)
                draw_threshold(sheet, threshold)
            return ax
        lines = number_lines(table, column, groups, times, "time")
        panel = open_panel(ax, groups, n_lines=len(lines), words=words, title=title)
        set_axes(panel.sheet, (0.0, top), times, "minutes")
        draw_threshold(panel.sheet, threshold)
        for place, level_of in enumerate(groups):
            shift = DODGE * (place - (len(groups) - 1) / 2)
            _draw(panel.sheet, rows_of(table, column, level_of), place, shift)
        if len(groups) > 1:
            name_groups(panel.sheet, table, column, groups, "time", panel.names_px)
        close_panel(panel, time_line=TIME_LINE, times=times, lines=lines)
        return panel.sheet.ax


def _round_end(top: float) -> float:
    """The tick at or above the end of the axis."""
    ticks = round_ticks(0.0, top, most=5)
    step = ticks[1] - ticks[0]
    return float(step * np.ceil(top / step - 1e-9))


def _named(group: pd.Series) -> list[Hashable]:
    """``"session 1"``, ``"sessions 4–6"``."""
    return [f"session{'' if name.isdigit() else 's'} {name}" for name in group]


def _draw(sheet: Sheet, rows: pd.DataFrame, place: int, shift: float) -> None:
    """Line, dots and limits of one group, `shift` px to the right."""
    style = GROUPS[place]
    time, mean = floats(rows, "time"), floats(rows, "estimate")
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    moved = sheet.shifted(shift)
    limited = np.isfinite(low) & np.isfinite(high)
    ends = np.stack([np.column_stack([time, low]), np.column_stack([time, high])], axis=1)
    sheet.ax.add_artist(
        LineCollection(
            ends[limited], colors=style.color, linewidths=1.1, transform=moved, clip_on=False, zorder=3,
            gid="interval",
        )
    )  # fmt: skip
    sheet.ax.plot(
        time, mean, linestyle=style.line, linewidth=1.6, color=style.color, transform=moved, zorder=3.5,
        gid="mean-line",
    )  # fmt: skip
    sheet.ax.plot(
        time, mean, linestyle="none", marker=style.marker, markersize=4.6, color=style.color,
        markerfacecolor=style.fill, markeredgewidth=1.1, transform=moved, clip_on=False, zorder=4, gid="mean",
    )  # fmt: skip
