"""The marks of the onset figure: steps, landmarks, the naive line, the recall bracket, the notes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.patches import Rectangle

from ketaoutcomes.draw.labels import (
    HIDDEN_ESTIMATE,
    clean,
    missing,
    percent,
    percent_range,
    shorten,
    text_width,
    wrap,
)
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.panels import floats, rows_of
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.steps import Steps
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, GroupStyle

__all__ = [
    "RIGHT",
    "draw_landmarks",
    "draw_naive",
    "draw_notes",
    "draw_recall",
    "draw_steps",
    "draw_stopped",
    "label_ends",
    "label_landmarks",
]

RIGHT = 14.0
NARROWEST_BAR = 5.0
STOPPED_NOTE = ("grey, from the top: treatment", "stopped before")
BOX_NOTE = ("shaded box: the curve passes", "somewhere inside, unknown where")


def draw_steps(sheet: Sheet, room: Room, parts: Steps, style: GroupStyle, *, alone: bool) -> None:
    """Boxes where the curve is not determined, lines where it is."""
    ax = sheet.ax
    edge = PALETTE["band"] if style is GROUPS[0] else style.color
    patches = [Rectangle((x0, y0), x1 - x0, y1 - y0) for x0, x1, y0, y1 in parts.boxes]
    if patches:
        ax.add_collection(
            PatchCollection(
                patches, facecolor=style.light, edgecolor=edge, linewidth=0.6, zorder=2,
                alpha=None if alone else 0.55, linestyle="solid" if alone else style.line, gid="box",
            ),
            autolim=False,
        )  # fmt: skip
    levels = [((x0, y), (x1, y)) for x0, x1, y in parts.levels]
    jumps = [((x, y0), (x, y1)) for x, y0, y1 in parts.jumps]
    for what, segments in (("level", levels), ("jump", jumps)):
        if segments:
            ax.add_collection(
                LineCollection(
                    segments, colors=style.color, linewidths=2.0 if alone else 1.6, linestyles=style.line,
                    capstyle="butt", zorder=3, gid=what,
                ),
                autolim=False,
            )  # fmt: skip
    corners = np.array([((x0, y0), (x1, y1)) for x0, x1, y0, y1 in parts.boxes] + levels + jumps).reshape(
        -1, 2
    )
    places = sheet.pixels(corners[:, 0], corners[:, 1]).reshape(-1, 2, 2)
    for (left, low), (right, high) in places.tolist():
        room.take(left, right, low, high, margin=2)


def draw_landmarks(
    sheet: Sheet, room: Room, landmarks: pd.DataFrame, style: GroupStyle, *, dodge: float, alone: bool
) -> None:
    """Dot and interval at each planned time; a thick bar for bounds where there is no one value."""
    color = PALETTE["text"] if alone else style.color
    transform = sheet.shifted(dodge)
    shown = landmarks[np.isfinite(floats(landmarks, "estimate"))]
    time, low = floats(shown, "time"), floats(shown, "estimate")
    high = np.fmax(floats(shown, "estimate_high"), low)
    exact = high - low <= 1e-9
    interval = np.column_stack([floats(shown, "conf_low"), floats(shown, "conf_high")])
    bounds = np.column_stack([low, high])
    drawn = {"interval": (np.isfinite(interval).all(axis=1), interval, 1.2), "bounds": (~exact, bounds, 4.0)}
    for what, (rows, ends, width) in drawn.items():
        segments = np.stack(
            [np.column_stack([time, ends[:, 0]]), np.column_stack([time, ends[:, 1]])], axis=1
        )
        sheet.ax.add_artist(
            LineCollection(
                segments[rows], colors=color, linewidths=width, transform=transform,
                clip_on=False, zorder=4, gid=f"landmark-{what}",
            )
        )  # fmt: skip
    sheet.ax.plot(
        time[exact], low[exact], linestyle="none", marker=style.marker, markersize=4.2, color=color,
        markerfacecolor=color if alone else style.fill, markeredgewidth=1.0, transform=transform,
        clip_on=False, zorder=5, gid="landmark",
    )  # fmt: skip
    # Bounds too close together to be seen as a bar get a hollow dot.
    narrow = ~exact & (high - low < NARROWEST_BAR / max(sheet.size[1], 1.0))
    if narrow.any():
        sheet.ax.plot(
            time[narrow], (low[narrow] + high[narrow]) / 2, linestyle="none", marker=style.marker,
            markersize=4.2, color=color, markerfacecolor=PALETTE["paper"], markeredgewidth=1.0,
            transform=transform, clip_on=False, zorder=5, gid="landmark-narrow",
        )  # fmt: skip
    bottoms, tops = np.fmin(interval[:, 0], low), np.fmax(interval[:, 1], high)
    for x, y0, y1 in zip(time, bottoms, tops, strict=True):
        (across, bottom), (_, top) = sheet.pixels((x, x), (y0, y1))
        room.take(across - 4, across + 4, bottom, top)


def draw_naive(sheet: Sheet, room: Room, naive: pd.DataFrame, end: float) -> None:
    """Kaplan-Meier as if the response happened when it was seen, dashed."""
    path = _naive_path(naive, end)
    sheet.ax.plot(
        path[:, 0], path[:, 1], color=PALETTE["secondary"], linewidth=1.2, linestyle=(0, (4.0, 2.0)),
        dash_capstyle="butt", zorder=3.5, gid="naive",
    )  # fmt: skip
    room.take_line(sheet.pixels(path[:, 0], path[:, 1]), margin=2)


def _naive_path(naive: pd.DataFrame, end: float) -> np.ndarray:
    """Corners of the step line from (0, 0) to the horizon."""
    rows = naive.dropna(subset=["time", "estimate"]).sort_values("time", kind="stable")
    rows = rows[rows["time"] <= end]
    time = np.concatenate([[0.0], rows["time"].to_numpy(float), [end]])
    share = np.concatenate([[0.0], rows["estimate"].to_numpy(float)])
    return np.column_stack([np.repeat(time, 2)[1:-1], np.repeat(share, 2)])


def draw_stopped(
    sheet: Sheet, stopped: pd.DataFrame, end: float, room: Room | None = None
) -> tuple[float, float]:
    """Share that left before the event, from the top down in grey; a point of the data inside the area."""
    path = _naive_path(stopped, end)
    time, share = path[:, 0], path[:, 1]
    sheet.ax.fill_between(
        time, 1.0 - share, 1.0, facecolor=PALETTE["grid"], edgecolor="none", zorder=0.5, gid="stopped"
    )
    sheet.ax.plot(
        time, 1.0 - share, color=PALETTE["secondary"], linewidth=0.9, zorder=1.5, gid="stopped-edge"
    )
    if room is not None:
        room.take_line(sheet.pixels(time, 1.0 - share), margin=2)
    return float(time[-1]) * 0.8, 1.0 - float(np.interp(time[-1] * 0.8, time, share)) / 2


def draw_recall(sheet: Sheet, room: Room, until: float, length: str, since: str = "session 1") -> None:
    """Bracket up to `until` in which the question still looks back to before the origin.

    `length` is the recall in words, e.g. "14 days".
    """
    width, height = sheet.size
    stop = sheet.pixels(until, 0.0)[0, 0]
    level = ("top", -9)
    sheet.rule(
        (("data", 0.0), ("data", until)), (level, level), color=PALETTE["axis"], width=0.9, gid="recall"
    )
    sheet.rule(
        (("data", until), ("data", until)), (("top", -14), ("top", -4)), color=PALETTE["axis"], width=0.9
    )
    words = f"first {length}: the question still looks back to before {since}"
    beside = width - stop > 130
    left, top = (stop + 6, -13) if beside else (2, -25)
    lines = wrap(words, width - left + 10, NOTE)
    for number, line in enumerate(lines):
        up = ("top", top - 12 * number)
        sheet.write(
            line, ("left", left), up, size=NOTE, color=PALETTE["secondary"], gid="recall-note", on_white=True
        )
    widest = max(text_width(line, NOTE) for line in lines)
    room.take(left, left + widest + 4, height + top - 12 * len(lines) + 6, height, words=True)
    room.take(0, stop, height - 16, height)


def label_landmarks(sheet: Sheet, room: Room, landmarks: pd.DataFrame) -> None:
    """Per cent above each landmark, or below it; left out where neither place is free."""
    width, height = sheet.size
    labels = Room(width + RIGHT, height + 16)
    places = []
    for row in landmarks.sort_values("time", kind="stable").itertuples():
        text, low, high = _landmark_text(row)
        (x, bottom), (_, top) = sheet.pixels((row.time, row.time), (low, high))
        places.append((text, x, bottom, top))
        labels.take(x - 3, x + 3, bottom, top)
    # The last landmark is the one that is quoted: it chooses its place first.
    for text, x, bottom, top in reversed(places):
        is_number = text != HIDDEN_ESTIMATE
        half = text_width(text, BASE if is_number else NOTE, bold=is_number) / 2
        across = min(x, width + RIGHT - half)
        # Clear of the curve if that can be had; over it, but never over words, if not.
        beside = [min(x + side * (half + 8), width + RIGHT - half) for side in (-1, 1)]
        ways = [(across, up, True) for up in (top + 5, bottom - 14, top + 17, bottom - 26)]
        ways += [(place, up, True) for up in (top - 8, bottom, (top + bottom) / 2 + 6) for place in beside]
        ways += [(place, up, True) for up in (bottom - 14, bottom - 26) for place in beside]
        ways += [(across, up, False) for up in (top + 5, bottom - 14)]
        for center, up, is_strict in ways:
            box = (center - half - 1, center + half + 1, up - 1, up + 9)
            is_blocked = room.has_words(*box) or (is_strict and not room.is_free(*box))
            is_outside = up < 2 or up + 9 > height + 14 or center - half < 2
            if is_outside or is_blocked or not labels.is_free(*box):
                continue
            sheet.write(
                text, ("left", center), ("bottom", up), size=BASE if is_number else NOTE, bold=is_number,
                color=PALETTE["text" if is_number else "secondary"], align="center", gid="percent",
                on_white=True,
            )  # fmt: skip
            labels.take(*box)
            room.take(*box, margin=1, words=True)
            break


def _landmark_text(row) -> tuple[str, float, float]:
    """What is written at a landmark, and the lower and upper end of what is drawn there."""
    if missing(row.estimate) or isinstance(row.estimate, str):
        return HIDDEN_ESTIMATE, 0.0, 0.0
    low = float(row.estimate)
    high = getattr(row, "estimate_high", low)
    high = low if missing(high) else float(high)
    ends = [low, high, *(float(v) for v in (row.conf_low, row.conf_high) if not missing(v))]
    text = percent(low)
    if percent(high) != text:
        text = percent_range(low, high) + "%"
    return text, min(ends), max(ends)


def label_ends(
    sheet: Sheet, landmarks: pd.DataFrame, by: str, groups: Sequence[Hashable], room_px: float
) -> None:
    """Name and last share of each group, right of the axes and clear of each other."""
    _, height = sheet.size
    wanted = []
    for number, level in enumerate(groups):
        rows = rows_of(landmarks, by, level).sort_values("time", kind="stable")
        if len(rows):
            text, low, high = _landmark_text(next(rows.iloc[[-1]].itertuples()))
            wanted.append([(low + high) / 2 * height, number, clean(level), text])
    wanted.sort(key=lambda item: item[0])
    floor = -2.0
    for item in wanted:
        item[0] = max(item[0], floor)
        floor = item[0] + 27.0
    too_high = max(floor - 27.0 - (height - 8), 0.0)
    for up, number, name, text in wanted:
        name = shorten(name, room_px, TABLE, bold=True)
        at = ("right", 14)
        sheet.write(
            name, at, ("bottom", up - too_high + 4), bold=True, color=GROUPS[number].color, gid="group"
        )
        sheet.write(text, at, ("bottom", up - too_high - 8), gid="percent")


def draw_notes(
    sheet: Sheet,
    room: Room,
    parts: Steps,
    naive: pd.DataFrame | None,
    end: float,
    *,
    stopped: tuple[float, float] | None = None,
    naive_name: str = "Kaplan–Meier",
) -> None:
    """What the dashed line, the boxes and the grey area are, beside them where there is room."""
    notes = []
    if len(parts.boxes):
        low = sheet.pixels(parts.boxes[:, 0], parts.boxes[:, 2])
        high = sheet.pixels(parts.boxes[:, 1], parts.boxes[:, 3])
        largest = np.argsort(-np.prod(high - low, axis=1), kind="stable")[:3]
        # Words may stand in the way to the middle of a box, or to all of it.
        inside = [(0.3, 0.7), (0.15, 0.9), (0.8, 0.9), (0.8, 0.1)]
        notes.append(
            (
                BOX_NOTE,
                [tuple(low[one] + part * (high[one] - low[one])) for one in largest for part in inside],
            )
        )
    if naive is not None and len(naive):
        path = _naive_path(naive, end)
        corners = sheet.pixels(path[:, 0], path[:, 1])
        steps = np.diff(corners, axis=0)
        widest = np.argsort(-steps[:, 0], kind="stable")[:4]
        # The widest step is the easiest to find, but another may be the one that a line can reach.
        places = [
            tuple(corners[one] + (share, 0.0) * steps[one]) for one in widest for share in (0.6, 0.9, 0.2)
        ]
        notes.append(((f"{naive_name} at detection,", "for comparison only"), places))
    if stopped is not None:
        # The area is large and easily reached: it comes last.
        notes.append((STOPPED_NOTE, [tuple(sheet.pixels(*stopped)[0])]))
    for words, targets in notes:
        if not any(place_note(sheet, room, words, target) for target in targets):
            _over_lines(sheet, room, words, targets)


def _over_lines(
    sheet: Sheet, room: Room, words: Sequence[str], targets: Sequence[tuple[float, float]]
) -> None:
    """A note on white over lines, clear of words; none where even that fails, since the notes say it too."""
    size = (max(text_width(line, NOTE) for line in words) + 8, 12.0 * len(words) + 6)
    bare = Room(*sheet.size)
    bare.taken = bare.words = room.words
    tried = ((target, bare.nearest(*size, target)) for target in targets)
    target, found = next((one for one in tried if one[1] is not None), (None, None))
    if found is None:
        return
    (left, bottom), start = found
    room.take(left, left + size[0], bottom, bottom + size[1], words=True)
    for number, line in enumerate(words):
        sheet.write(
            line, ("left", left + 4), ("bottom", bottom + size[1] - 11 - 12 * number), size=NOTE,
            color=PALETTE["secondary"], gid="note", on_white=True,
        )  # fmt: skip
    sheet.leader(start, target)
