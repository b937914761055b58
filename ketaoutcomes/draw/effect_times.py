"""How long side effects last: the share still there against minutes, a small picture per effect."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, percent, shorten
from ketaoutcomes.draw.onset_marks import draw_steps
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, split
from ketaoutcomes.draw.placed import nothing
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.steps import Steps, steps_from_bounds
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["MOST_EFFECTS", "effect_times"]

MOST_EFFECTS = 6
# After this many minutes the scale changes: most side effects are over by then.
BREAK, END = 240.0, 1440.0
HORIZONS = (120.0, 240.0)
EARLY_SHARE = 0.80
TICKS = (0.0, 30.0, 60.0, 90.0, 120.0, 180.0, 240.0)
SMALL_TICKS = (0.0, 60.0, 120.0, 240.0)
PLOT, GAP, ACROSS = 96.0, 26.0, 40.0
LEFT, RIGHT, BELOW = 40.0, 22.0, 56.0
LINE, NAME = 12.0, 16.0
NUMBERS = "Numbers: effects with a known time (of them still there when last seen)"
CLOCKS = {"onset": "onset", "session": "the start of the session"}
VISIBLE = 1e-9


@dataclass(frozen=True)
class _Panel:
    """One small picture: its name, and per line its label, its curve and its row of counts."""

    name: str
    lines: tuple[tuple[str, pd.DataFrame, pd.DataFrame], ...]


def effect_times(
    curves: pd.DataFrame,
    counts: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    clock: str = "onset",
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Share of side effects still there, in steps where it is known and boxes where it is not.

    The first six effects of `counts` have a panel each. Up to three groups, or ways of asking, share a
    panel; where there are more groups, each has a panel of the first effect. A panel with one line has its
    band. Groups of several ways of asking are drawn for the way with the most effects. A curve ends at a row
    without a share: too few were followed further.

    Parameters
    ----------
    curves : DataFrame
        effect, ascertainment, time (minutes), estimate, estimate_high (share gone), conf_low, conf_high; a
        row holds until the next one's time.
    counts : DataFrame
        A row per curve: effect, ascertainment, n_events, n_unresolved.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups, in both.
    clock : {"onset", "session"}
        What minute 0 is.
    level : float
        Confidence level of the band.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    panels, more = _panels(curves, counts, by)
    if not panels:
        return nothing(ax, heading, title=title, reason="No times are recorded")
    n_lines = max((len(panel.lines) for panel in panels), default=1)
    end = _end(panels)
    columns = 1 if len(panels) == 1 else 2
    with theme.context():
        above = NAME + LINE * n_lines + 6.0
        n_rows = max(-(-len(panels) // columns), 1)
        tall = PLOT * (1.6 if columns == 1 else 1.0)
        height = n_rows * (tall + above) + (n_rows - 1) * GAP
        layout = Layout(height + BELOW + 24.0, left=LEFT, right=RIGHT, top=24.0, bottom=BELOW)
        head = head_of(
            ax, layout, _words(heading, more, level, n_lines, _ends_early(panels, end)), title=title
        )
        ax = theme.prepare(ax, head.raised(layout))
        outer = Sheet(ax)
        head.write(outer, 8.0)
        inner = split(ax, len(panels), columns=columns, across=ACROSS, up=GAP + above, below_top=above)
        for panel, axes in zip(panels, inner, strict=True):
            theme.plain(axes)
            _draw_panel(Sheet(axes), panel, end, is_small=columns > 1)
        words = f"Minutes after {CLOCKS[clock]}"
        if end > BREAK:
            words += f" (scale changes at {BREAK:g} min)"
        outer.write(words, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time")
        outer.write(
            NUMBERS, ("left", 0), ("bottom", -48), size=NOTE, color=PALETTE["secondary"], gid="numbers"
        )
        return ax


def _words(heading: str, more: str, level: float, n_lines: int, ends_early: bool) -> str:
    """What is drawn, and what boxes, band and ends of lines are."""
    parts = [part for part in (heading, more) if part]
    parts.append("box: not determined")
    if n_lines == 1:
        parts.append(f"grey: {100 * level:g}% CI")
    if ends_early:
        parts.append("a line ends where fewer than 5 were followed")
    return "; ".join(parts)


def _panels(curves: pd.DataFrame, counts: pd.DataFrame, by: str | None) -> tuple[list[_Panel], str]:
    """The panels, and what was chosen of more."""
    counts = counts[floats(counts, "n_events") > 0]
    more = []
    lines_by = "ascertainment" if by is None else by
    if by is not None and counts["ascertainment"].nunique() > 1:
        sizes = counts.assign(size=floats(counts, "n_events")).groupby("ascertainment", sort=False)["size"]
        way = sizes.sum().idxmax()
        counts, curves = (frame[frame["ascertainment"] == way] for frame in (counts, curves))
        more.append(f"asked by {clean(way)}")
    effects, groups = levels(counts, "effect"), levels(counts, lines_by)
    if len(groups) > MOST_PER_PANEL:
        more.append(clean(effects[0]))
        own = counts["effect"] == effects[0], curves["effect"] == effects[0]
        return [
            _Panel(clean(group), (_line("", curves[own[1]], counts[own[0]], lines_by, group),))
            for group in groups
            if (counts[own[0]][lines_by] == group).any()
        ], "; ".join(more)
    if len(effects) > MOST_EFFECTS:
        more.append(f"the {MOST_EFFECTS} most frequent of {len(effects)}")
        effects = effects[:MOST_EFFECTS]
    alone = len(groups) == 1
    panels = []
    for effect in effects:
        own, steps = counts[counts["effect"] == effect], curves[curves["effect"] == effect]
        lines = [_line("" if alone else clean(group), steps, own, lines_by, group) for group in groups]
        name = clean(effect)
        panels.append(_Panel(name[:1].upper() + name[1:], tuple(lines)))
    return panels, "; ".join(more)


def _line(label: str, curves, counts, column: str, group: Hashable):
    return label, curves[curves[column] == group], counts[counts[column] == group]


def _end(panels: list[_Panel]) -> float:
    """Last minute: a day where something is still there, or may be, after four hours."""
    for panel in panels:
        for _, curve, _ in panel.lines:
            before = curve[floats(curve, "time") <= BREAK]
            is_left = len(before) and floats(before, "estimate")[-1] < 1 - VISIBLE
            # A curve that stops before the break has nothing to show beyond it.
            if is_left and _stop(curve, END) > BREAK:
                return END
    return BREAK


def _stop(curve: pd.DataFrame, end: float) -> float:
    """Minute at which a curve stops: `end`, or before it where too few were followed further."""
    lost = np.isnan(floats(curve, "estimate"))
    return float(np.min(floats(curve, "time")[lost], initial=end))


def _ends_early(panels: list[_Panel], end: float) -> bool:
    return any(_stop(curve, end) < end for panel in panels for _, curve, _ in panel.lines)


def _draw_panel(sheet: Sheet, panel: _Panel, end: float, *, is_small: bool) -> None:
    """Axes, lines, name and counts of one panel."""
    _axes(sheet, end, is_small=is_small)
    alone = len(panel.lines) == 1
    width = sheet.size[0] + 20
    up = 7.0 + LINE * len(panel.lines)
    name = shorten(panel.name, width, BASE, bold=True)
    sheet.write(name, ("left", 0), ("top", up), size=BASE, bold=True, gid="panel")
    for place, (label, curve, own) in enumerate(panel.lines):
        style = GROUPS[place]
        stop = _stop(curve, end)
        if alone:
            _band(sheet, curve, stop)
        if len(curve):
            draw_steps(sheet, Room(*sheet.size), _still_there(curve, stop), style, alone=alone)
        words = _counted(label, own)
        at = ("top", 7.0 + LINE * (len(panel.lines) - 1 - place))
        color = PALETTE["secondary"] if alone else style.color
        if not alone:
            dash = (("left", 0), ("left", 14)), ((at[0], at[1] + 3), (at[0], at[1] + 3))
            sheet.rule(*dash, color=style.color, width=1.6, style=style.line, gid="key")
        start = 0 if alone else 18
        sheet.write(
            shorten(words, width - start, NOTE), ("left", start), at, size=NOTE, color=color, gid="counts"
        )


def _counted(label: str, own: pd.DataFrame) -> str:
    """``"checklist: 187 (29 still there)"``."""
    if not len(own):
        return f"{label}: none" if label else "none"
    row = own.iloc[0]
    words = f"{count(row['n_events'])} ({count(row['n_unresolved'])} still there)"
    return f"{label}: {words}" if label else words


def _still_there(curve: pd.DataFrame, end: float) -> Steps:
    """The pieces of the share gone, turned into those of the share still there."""
    gone = steps_from_bounds(curve, end)
    boxes, known, jumps = gone.boxes.copy(), gone.levels.copy(), gone.jumps.copy()
    boxes[:, 2], boxes[:, 3] = 1 - gone.boxes[:, 3], 1 - gone.boxes[:, 2]
    known[:, 2] = 1 - gone.levels[:, 2]
    jumps[:, 1], jumps[:, 2] = 1 - gone.jumps[:, 2], 1 - gone.jumps[:, 1]
    return Steps(boxes, known, jumps, 1 - gone.end)


def _band(sheet: Sheet, curve: pd.DataFrame, end: float) -> None:
    """The limits, as a band in steps."""
    time, low, high = (floats(curve, name) for name in ("time", "conf_low", "conf_high"))
    kept = np.isfinite(low) & np.isfinite(high) & (time <= end)
    if not kept.any():
        return
    edges = np.append(time[kept], end)
    lower, upper = 1 - np.append(high[kept], high[kept][-1]), 1 - np.append(low[kept], low[kept][-1])
    sheet.ax.fill_between(
        edges, lower, upper, step="post", color=PALETTE["competing"], linewidth=0, zorder=1.5, gid="band"
    )


def _axes(sheet: Sheet, end: float, *, is_small: bool) -> None:
    """Minutes across, with thin lines at two and four hours; per cent up."""
    ax = sheet.ax
    ax.set_ylim(0.0, 1.0)
    ticks = (0.0, 0.5, 1.0)
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == 1.0) for tick in ticks])
    places = list(SMALL_TICKS if is_small else TICKS)
    names = [f"{place:g}" for place in places]
    if end > BREAK:
        knots, shares = np.array([0.0, BREAK, end]), np.array([0.0, EARLY_SHARE, 1.0])
        ax.set_xscale(
            "function",
            functions=(lambda x: np.interp(x, knots, shares), lambda y: np.interp(y, shares, knots)),
        )
        places.append(end)
        names.append(f"{end / 60:g} h")
    ax.set_xlim(0.0, end)
    x_ticks(sheet, places, names)
    for minute in HORIZONS:
        sheet.rule(
            (("data", minute), ("data", minute)), (("data", 0.0), ("data", 1.0)), color=PALETTE["axis"],
            width=0.6, style=(0, (1, 2)), gid="horizon", zorder=1.0,
        )  # fmt: skip
