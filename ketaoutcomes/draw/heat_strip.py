"""Heat strips: effects against session numbers, and patients against their sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_rgb
from matplotlib.patches import Rectangle

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import share_ticks
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import (
    DASH,
    clean,
    count,
    hidden,
    is_hidden,
    missing,
    percent,
    shorten,
    text_width,
)
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.session_rates import short_count
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, TABLE, Layout

__all__ = ["RAMP", "heat_strip", "patient_strips"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 480.0, 150.0, 12.0, 76.0, 26.0
ROW, GROUP_ROW, BLOCK_GAP, BLOCK_HEAD = 17.0, 19.0, 64.0, 18.0
WIDEST_NAMES = 180.0
ANY = "any side effect"
# One hue from light to dark: order and contrast do not depend on seeing colours.
RAMP = LinearSegmentedColormap.from_list(
    "share", [PALETTE["limits"], PALETTE["box"], PALETTE["band"], PALETTE["main"], "#003350"]
)
# Contrast that small type needs on its ground (WCAG 2.1, 1.4.3).
ENOUGH = 4.5
HATCH = "////"
SEVERITY_WORDS = ("none", "mild", "moderate", "severe", "severity not stated", "not recorded")
SEVERITY_COLORS = ("#E4E7EA", "#A9CCE2", "#3E8DBF", "#00304B", "#DDB47F", "#FFFFFF")
NO_RECORD = 5
STRIP_WIDTH, STRIP_LEFT, STRIP_TOP, STRIP_BOTTOM = 480.0, 44.0, 46.0, 44.0
MOST_HEIGHT, MOST_PITCH, LEAST_PITCH, MOST_PATIENTS = 640.0, 14.0, 1.5, 400
WIDEST_CELL, DOT_FROM = 30.0, 4.0


def heat_strip(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    blocks: Sequence[str] = ("ascertainment",),
    effect_groups: Mapping[str, str] | None = None,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Share of the recorded sessions with each effect, by session number, as colour and number.

    Parameters
    ----------
    table : DataFrame
        effect, session_group (in order), estimate (share), n, the columns `blocks`, and perhaps n_events
        and suppressed. A cell with n 0 is hatched: not recorded.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    blocks : sequence of str
        Columns whose levels are drawn below each other.
    effect_groups : mapping of str to str, optional
        Group of each effect, in words, in which the rows are gathered.
    heading, title : str, optional

    Returns
    -------
    Axes
    """
    if not len(table):
        return nothing(ax, heading, title=title, width=WIDTH)
    bands = list(dict.fromkeys(table["session_group"]))
    pieces = [(name, rows) for name, rows in table.groupby(list(blocks), sort=False, dropna=False)]
    lines = [_lines(rows, effect_groups or {}) for _, rows in pieces]
    heights = [_height(own) for own in lines]
    names = [", ".join(clean(part) for part in name) for name, _ in pieces]
    has_names = len(pieces) > 1
    body = sum(heights) + BLOCK_GAP * max(len(pieces) - 1, 0) + (BLOCK_HEAD if has_names else 0.0)
    largest = float(np.nanmax(floats(table, "estimate"), initial=0.02))
    ticks = share_ticks(largest, most=4)
    with theme.context():
        left = _names_px(table)
        layout = Layout(TOP + max(body, ROW) + BOTTOM, WIDTH, left, RIGHT, TOP, BOTTOM)
        ax, head = placed(ax, layout, heading, title=title)
        ax.set_axis_off()
        sheet = Sheet(ax)
        ax.set_xlim(0, max(len(bands), 1))
        # Lower axes of one's own: all rows shrink alike, so that none runs out of them.
        ax.set_ylim(max(sheet.size[1], body, 1.0), 0.0)
        head.write(sheet, 60.0)
        reasons = [row.get("suppressed", True) for row in table.to_dict("records") if is_hidden(row)]
        _write_ramp(sheet, ticks, left, reasons=reasons)
        down = BLOCK_HEAD if has_names else 0.0
        for name, (_, rows), own, height in zip(names, pieces, lines, heights, strict=True):
            if has_names:
                words = name[:1].upper() + name[1:]
                sheet.write(words, ("left", -left), ("data", down - 18.0), bold=True, gid="block")
            _draw_block(sheet, rows, own, bands, down, ticks[-1], left)
            down += height + BLOCK_GAP
        return ax


def _names_px(table: pd.DataFrame) -> float:
    """Room in px for the names of the effects."""
    widest = max((text_width(clean(name), TABLE) for name in set(table["effect"])), default=0.0)
    return min(max(1.05 * widest + 20.0, LEFT), WIDEST_NAMES)


def _lines(rows: pd.DataFrame, effect_groups: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Rows of a block: each effect, below the name (True) of its group where there are several."""
    effects = list(dict.fromkeys(rows["effect"]))
    first = [effect for effect in effects if effect == ANY]
    rest = [effect for effect in effects if effect != ANY]
    groups = [group for group in dict.fromkeys(effect_groups.values()) if group]
    known = [group for group in groups if any(effect_groups.get(effect) == group for effect in rest)]
    lines = [(effect, False) for effect in first]
    if len(known) < 2:
        return lines + [(effect, False) for effect in rest]
    for group in known:
        lines.append((group, True))
        lines += [(effect, False) for effect in rest if effect_groups.get(effect) == group]
    return lines + [(effect, False) for effect in rest if effect_groups.get(effect) not in known]


def _height(lines: list[tuple[str, bool]]) -> float:
    return sum(GROUP_ROW if is_group else ROW for _, is_group in lines)


def _draw_block(sheet: Sheet, rows: pd.DataFrame, lines, bands, down: float, end: float, left: float) -> None:
    """Cells of one way of asking, with the names at the left and the numbers below."""
    cells = {(row["effect"], row["session_group"]): row for row in rows.to_dict("records")}
    cell_width = sheet.size[0] / len(bands)
    boxes, colors, empty = [], [], []
    top = down
    for name, is_group in lines:
        if is_group:
            words = shorten(clean(name), left - 6, NOTE)
            sheet.write(words, ("left", -left), ("data", down + 13.5), size=NOTE, color=PALETTE["secondary"],
                        gid="group")  # fmt: skip
            down += GROUP_ROW
            continue
        is_any = name == ANY
        words = clean(name)
        words = shorten(words[:1].upper() + words[1:], left - 14, TABLE, bold=is_any)
        sheet.write(
            words, ("left", -left + (0 if is_any else 8)), ("data", down + 12.0), bold=is_any, gid="row"
        )
        for place, band in enumerate(bands):
            row = cells.get((name, band))
            box = Rectangle((place, down), 1.0, ROW)
            if row is None or (not missing(row["n"]) and not _number(row["n"])):
                empty.append(box)
                continue
            share = float("nan") if is_hidden(row) or missing(row["estimate"]) else float(row["estimate"])
            boxes.append(box)
            colors.append(RAMP(share / end) if np.isfinite(share) else PALETTE["paper"])
            _write_cell(sheet, row, share, place + 0.5, down + 12.0, end, cell_width)
        down += ROW
    edge = {"edgecolor": PALETTE["paper"], "linewidth": 1.0, "zorder": 1}
    sheet.ax.add_collection(
        PatchCollection(boxes, facecolor=colors or "none", gid="cell", **edge), autolim=False
    )
    sheet.ax.add_collection(
        PatchCollection(
            empty, facecolor=PALETTE["paper"], edgecolor=PALETTE["spread"], hatch=HATCH, linewidth=0.0,
            zorder=1, gid="not-recorded",
        ),
        autolim=False,
    )  # fmt: skip
    _write_columns(sheet, rows, bands, top, down, cell_width, left)


def _number(value) -> float:
    """A count as a number; a hidden one, which is a text, counts as some."""
    return 1.0 if isinstance(value, str) else float(value)


def _write_cell(sheet: Sheet, row: Mapping, share: float, x: float, y: float, end: float, width: float):
    if is_hidden(row):
        words, color = hidden(row.get("suppressed", True))[0], PALETTE["secondary"]
        words = words if text_width(words, NOTE) < width else DASH
    else:
        words = percent(share, decimals=0, sign=False)
        color = _ink(RAMP(share / end))
    sheet.write(words, ("data", x), ("data", y), size=NOTE, color=color, align="center", gid="number")


def _ink(ground) -> str:
    """Dark or white type, whichever can be read on the colour; black where the house's dark cannot."""
    light = _luminance(ground)
    for ink in (PALETTE["text"], PALETTE["paper"]):
        low, high = sorted((light, _luminance(to_rgb(ink))))
        if (high + 0.05) / (low + 0.05) >= ENOUGH:
            return ink
    return "#000000"


def _luminance(color) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.1)."""
    parts = np.asarray(color[:3], dtype=float)
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _write_columns(sheet: Sheet, rows, bands, top: float, down: float, cell_width: float, left: float):
    """Session numbers above the block, and below it how many sessions were recorded."""
    most = rows.groupby("session_group", sort=False)["n"].first()
    secondary = {"size": NOTE, "color": PALETTE["secondary"]}
    sheet.write("Session", ("left", -left + 8), ("data", top - 5.0), gid="session-label", **secondary)
    sheet.write("Recorded sessions", ("left", -left + 8), ("data", down + 14.0), gid="n-label", **secondary)
    for place, band in enumerate(bands):
        sheet.write(clean(band), ("data", place + 0.5), ("data", top - 5.0), align="center",
                    gid="session", **secondary)  # fmt: skip
        words = short_count(most.get(band, 0), cell_width - 2.0)
        sheet.write(words, ("data", place + 0.5), ("data", down + 14.0), align="center", gid="n", **secondary)


def _write_ramp(sheet: Sheet, ticks: np.ndarray, left: float, *, reasons: Sequence) -> None:
    """The ramp with its ends in per cent, and what hatching means."""
    up, height, width = 36.0, 10.0, 120.0
    n_steps = 60
    edges = np.linspace(0.0, width, n_steps + 1)
    for number in range(n_steps):
        _box(sheet, edges[number], up, width / n_steps + 0.4, height, RAMP(number / (n_steps - 1)), "ramp")
    for tick in ticks:
        at = width * tick / ticks[-1]
        words = percent(tick, decimals=0, sign=tick == ticks[-1])
        sheet.write(words, ("left", at), ("top", up - 10), size=NOTE, color=PALETTE["secondary"],
                    align="center", gid="ramp-tick")  # fmt: skip
    _box(sheet, width + 26, up, 16.0, height, PALETTE["paper"], "key-box", hatch=True)
    if reasons:
        few = "".join(f"  or {words}" for words in {hidden(why)[0] for why in reasons} - {DASH})
        sheet.write(f"{DASH}{few}: not shown", ("left", width + 31), ("top", up - 12), size=NOTE,
                    color=PALETTE["secondary"], gid="key")  # fmt: skip
    sheet.write("not recorded", ("left", width + 46), ("top", up + 1), size=NOTE, color=PALETTE["secondary"],
                gid="key")  # fmt: skip
    sheet.write("Of recorded sessions", ("left", -left + 8), ("top", up + 1), size=NOTE,
                color=PALETTE["secondary"], gid="key")  # fmt: skip


def _box(sheet: Sheet, x: float, up: float, width: float, height: float, color, gid: str, *, hatch=False):
    """A small box, `x` px from the left and `up` px above the top of the axes."""
    patch = Rectangle(
        (x, up), width, height, transform=sheet.blend("left", "top"), facecolor=color, clip_on=False, gid=gid,
        edgecolor=PALETTE["spread"] if hatch else "none", linewidth=0.6 if hatch else 0.0,
        hatch=HATCH if hatch else None,
    )  # fmt: skip
    sheet.ax.add_artist(patch)


def patient_strips(
    severity: np.ndarray,
    ax: Axes | None = None,
    *,
    n_patients: int | None = None,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """A row per patient and a column per session, coloured by the worst severity found.

    For use inside the clinic: it shows each patient's course, if not who it is.

    Parameters
    ----------
    severity : (m, s) array of float
        Of each patient's sessions: 0 none, 1 mild, 2 moderate, 3 severe, 4 severity not stated, 5 session
        without a record; NaN where there was no such session. Patients with the most sessions first.
    ax : Axes, optional
    n_patients : int, optional
        Patients in all, where not all are drawn.
    heading, title : str, optional

    Returns
    -------
    Axes
    """
    severity = np.atleast_2d(np.asarray(severity, dtype=float))
    m, n_sessions = severity.shape
    if m > MOST_PATIENTS:
        # Evenly spread over the order, so that the shape stays.
        severity = severity[np.linspace(0, m - 1, MOST_PATIENTS).round().astype(int)]
    shown = len(severity)
    total = m if n_patients is None else n_patients
    if shown < total:
        heading += f"; {count(shown)} of {count(total)} patients, evenly spread"
    pitch = float(np.clip(MOST_HEIGHT / max(shown, 1), LEAST_PITCH, MOST_PITCH))
    width = min(STRIP_WIDTH - STRIP_LEFT - RIGHT, WIDEST_CELL * max(n_sessions, 1))
    with theme.context():
        layout = Layout(
            STRIP_TOP + pitch * max(shown, 1) + STRIP_BOTTOM, STRIP_WIDTH, STRIP_LEFT,
            STRIP_WIDTH - STRIP_LEFT - width, STRIP_TOP, STRIP_BOTTOM,
        )  # fmt: skip
        head = head_of(ax, layout, heading, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        ax.set_axis_off()
        sheet = Sheet(ax)
        head.write(sheet, 32.0)
        if not severity.size or not np.isfinite(severity).any():
            sheet.write("not recorded", ("left", 0), ("top", -14), color=PALETTE["secondary"], gid="empty")
            return ax
        _write_severity_key(sheet)
        masked = np.ma.masked_invalid(severity)
        ax.pcolormesh(
            np.arange(n_sessions + 1) + 0.5, np.arange(shown + 1), masked,
            cmap=ListedColormap(SEVERITY_COLORS), vmin=-0.5, vmax=5.5,
            edgecolors=PALETTE["paper"] if pitch >= DOT_FROM else "none", linewidth=0.4, gid="strips",
        )  # fmt: skip
        ax.set_xlim(0.5, n_sessions + 0.5)
        ax.set_ylim(shown, 0)
        rows, columns = np.nonzero(severity == NO_RECORD)
        ax.plot(
            columns + 1, rows + 0.5, linestyle="none", marker="o", markersize=min(2.4, 0.35 * pitch),
            color=PALETTE["axis"], markeredgewidth=0.0, gid="not-recorded",
        )  # fmt: skip
        _write_strip_axis(sheet, n_sessions, shown)
        return ax


def _write_severity_key(sheet: Sheet) -> None:
    across, start = 0.0, -STRIP_LEFT + 8.0
    for words, color in zip(SEVERITY_WORDS, SEVERITY_COLORS, strict=True):
        _box(sheet, start + across, 10.0, 11.0, 10.0, color, "key-box")
        if words == SEVERITY_WORDS[NO_RECORD]:
            sheet.ax.plot(
                [start + across + 5.5], [15.0], transform=sheet.blend("left", "top"), marker="o",
                markersize=2.4, color=PALETTE["axis"], markeredgewidth=0.0, clip_on=False, gid="key-dot",
            )  # fmt: skip
        sheet.write(words, ("left", start + across + 15), ("top", 11), size=NOTE, color=PALETTE["secondary"],
                    gid="key")  # fmt: skip
        across += 15 + text_width(words, NOTE) + 13


def _write_strip_axis(sheet: Sheet, n_sessions: int, shown: int) -> None:
    """Every session number for which there is room, and what the rows are."""
    cell = sheet.size[0] / n_sessions
    step = int(np.ceil(18.0 / cell))
    for number in range(1, n_sessions + 1):
        if number == 1 or number % step == 0:
            sheet.write(f"{number}", ("data", number), ("bottom", -14), size=NOTE, color=PALETTE["secondary"],
                        align="center", gid="x-label")  # fmt: skip
    sheet.write(
        "Session", ("left", 0), ("bottom", -30), size=BASE, color=PALETTE["secondary"], gid="axis-name"
    )
    words = "1 patient"
    if shown > 1:
        words = f"{count(shown)} patients, one per row, those with the most sessions first"
    sheet.write(words, ("left", 56), ("bottom", -30), size=NOTE, color=PALETTE["secondary"], gid="rows")
