"""What pictures of incidence share: stairs, axes, names in areas and at their ends, the numbers below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import clean, count, percent, percent_range, shorten, text_width
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, TABLE
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = [
    "Area",
    "apart",
    "end_width",
    "label_areas",
    "label_ends",
    "last_time",
    "number_lines",
    "share_axis",
    "stairs",
    "time_words",
    "too_thin",
]

GAP = 8.0
END_PITCH = 12.0
TALL = 12.0  # px that a name needs from top to bottom
TRIED = 48
# A name that fits nowhere whole is cut to so many px.
CUT_NAMES = (130.0, 100.0, 70.0)
# A name wider than so many px has seldom room inside its area.
LONG_NAME = 150.0
OPEN_NOTE = ("hatched: somewhere between", "two assessments")
COUNTS = {"n_at_risk": "At risk", "n_unknown": "Not yet known"}


@dataclass(frozen=True)
class Area:
    """One area between two stairs.

    Parameters
    ----------
    name : str
    x, low, high : (m,) float
        Corners.
    fill, ink : str
        Colour of the area and of words on it.
    is_open : bool
        Not determined: patients in it have had the event, or none yet.
    is_light : bool
        Words beside other areas may stand on it.
    """

    name: str
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fill: str
    ink: str
    is_open: bool
    is_light: bool


def stairs(curves: Sequence[tuple[np.ndarray, ...]], end: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Corners of step curves on all their times together, from 0 to `end`.

    Parameters
    ----------
    curves : sequence of (times, values, values, ...)
        Each value holds from its time to the next one's. Before the first time it is 0. A value that
        starts at `end` is the last corner.

    Returns
    -------
    x : (m,) float
    values : list of (m,) float
        One array for each values array, in their order.
    """
    times = np.unique(np.concatenate([[0.0], *(curve[0] for curve in curves)]))
    times = times[times <= end]
    x = np.repeat(np.append(times, end), 2)[1:-1]
    out = []
    for time, *columns in curves:
        order = np.argsort(time, kind="stable")
        place = np.searchsorted(time[order], times, side="right")
        for column in columns:
            out.append(np.repeat(np.append(0.0, column[order])[place], 2))
    return x, out


def last_time(table: pd.DataFrame, landmarks: pd.DataFrame | None) -> float:
    """The last landmark with an estimate, else the last time of the table; 1 when there is nothing."""
    for frame in (landmarks, table):
        if frame is None or not len(frame):
            continue
        times = floats(frame, "time")
        if "estimate" in frame.columns:
            times = times[np.isfinite(floats(frame, "estimate"))]
        times = times[np.isfinite(times)]
        if times.size and times.max() > 0:
            return float(times.max())
    return 1.0


def share_axis(
    sheet: Sheet,
    unit: str,
    end: float,
    marks: Sequence[float],
    *,
    top: float = 1.0,
    small: bool = False,
    grid: bool = True,
    draw: bool = True,
) -> tuple[float, ...]:
    """Limits, scale and ticks of both axes; returns the times at which the scale changes.

    With `draw` False only the limits and the scale are set, for what must be measured on them.
    """
    ax = sheet.ax
    ax.set_ylim(0.0, top)
    if not draw:
        before = list(ax.get_children())
        set_time_axis(sheet, unit=unit, horizon=end, marks=marks)
        for artist in [child for child in ax.get_children() if child not in before]:
            artist.remove()
        return ()
    parts = (0.0, 0.5, 1.0) if small else (0.0, 0.25, 0.5, 0.75, 1.0)
    ticks = [part * top for part in parts]
    # 12.5 and 37.5 are not whole.
    decimals = 0 if top == 1.0 or small else 1
    names = [percent(tick, decimals=decimals if tick else 0, sign=tick == top) for tick in ticks]
    y_ticks(sheet, ticks, names)
    if not grid:
        for artist in ax.get_children():
            if artist.get_gid() == "y-grid":
                artist.remove()
    breaks = set_time_axis(sheet, unit=unit, horizon=end, marks=marks)
    for time in breaks:
        sheet.rule(
            (("data", time), ("data", time)), (("bottom", 0), ("top", 0)), color=PALETTE["axis"],
            style=(0, (1, 2)), gid="scale-change", zorder=3.0,
        )  # fmt: skip
    return breaks


def time_words(sheet: Sheet, unit: str, breaks: tuple[float, ...], origin: str) -> None:
    """What the time axis counts from."""
    words = f"{unit.capitalize()} after {clean(origin)}"
    if breaks:
        words += f" (scale changes at {' and '.join(f'{time:g} h' for time in breaks)})"
    sheet.write(words, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time")


def number_lines(
    landmarks: pd.DataFrame | None,
    causes: Sequence[str],
    marks: Sequence[float],
    *,
    heading: str = "",
    at_risk: str = COUNTS["n_at_risk"],
) -> list[Line]:
    """Patients at risk at the marks, and with each event by then; columns that are not there are left out."""
    if landmarks is None or not len(landmarks):
        return []
    lines = [Line(clean(heading))] if heading else []

    def line(label: str, rows: pd.DataFrame, column: str) -> Line:
        texts = {
            float(time): count(cell) for time, cell in zip(floats(rows, "time"), rows[column], strict=True)
        }
        return Line(clean(label), tuple(texts.get(mark, "") for mark in marks))

    first = landmarks[landmarks["event"] == causes[0]]
    for column, label in (COUNTS | {"n_at_risk": at_risk}).items():
        if column in landmarks.columns:
            lines.append(line(label, first, column))
    if "n_events" in landmarks.columns:
        for name in causes:
            label = str(name)[:1].upper() + str(name)[1:]
            lines.append(line(label, landmarks[landmarks["event"] == name], "n_events"))
    return lines


def end_width(parts: Sequence[Area]) -> float:
    """Room in px right of the axes for the shares at the end."""
    return 14.0 + max((text_width(text, TABLE, bold=True) for _, text, _ in _ends(parts)), default=0.0)


def label_ends(sheet: Sheet, parts: Sequence[Area]) -> None:
    """The share of each area at the end, right of the axes."""
    _, height = sheet.size
    ends = _ends(parts)
    places = apart([middle * height - 4.0 for middle, _, _ in ends], END_PITCH, height - 7.0)
    for up, (_, text, _) in zip(places, ends, strict=True):
        sheet.write(text, ("right", GAP), ("bottom", up), bold=True, gid="percent")


def _ends(parts: Sequence[Area]) -> list[tuple[float, str, str]]:
    """Height of the middle, share as text and name of each area at its end, from below upwards."""
    found = []
    for number, area in enumerate(parts):
        if area.is_open or not np.isfinite(area.high[-1] - area.low[-1]):
            continue
        share = float(area.high[-1] - area.low[-1])
        # What lies open beside an area may be part of it; beside the one without an event all of it.
        near = [part for part in parts if part.is_open and part.name == area.name]
        if not near and any(part.is_open for part in parts) and _is_free(parts, number):
            near = [part for part in parts if part.is_open]
        more = sum(float(part.high[-1] - part.low[-1]) for part in near)
        text = percent(share)
        if percent(share + more) != text:
            text = f"{percent_range(share, share + more)}%"
        found.append((float(area.high[-1] + area.low[-1]) / 2, text, area.name))
    return found


def _is_free(parts: Sequence[Area], number: int) -> bool:
    """Whether an area is the one without an event: the outermost one, with no open part of its own."""
    return number in (0, len(parts) - 1)


def apart(wanted: Sequence[float], pitch: float, highest: float) -> list[float]:
    """Heights at least `pitch` apart and not above `highest`, near the wanted ones, which rise."""
    places, floor = [], -4.0
    for up in wanted:
        places.append(max(up, floor))
        floor = places[-1] + pitch
    ceiling = highest
    for number in range(len(places) - 1, -1, -1):
        places[number] = min(places[number], ceiling)
        ceiling = places[number] - pitch
    return places


def too_thin(parts: Sequence[Area], plot_px: float) -> bool:
    """Whether two or more areas are too thin for a name inside, or a name is long: a key above is better."""
    if any(text_width(clean(area.name), TABLE, bold=True) > LONG_NAME for area in parts):
        return True
    shares = [np.nanmax(area.high - area.low, initial=0.0) for area in parts if not area.is_open]
    return sum(0 < share * plot_px < TALL for share in shares) > 1


def label_areas(sheet: Sheet, parts: Sequence[Area], *, small: bool = False, keyed: bool = False) -> None:
    """Each area's name inside it where it fits, else beside it with a thin line, on light ground.

    With `keyed` the names stand above the picture too, and those that fit nowhere inside are left out.
    """
    room = Room(*sheet.size)
    corners = [_pixels(sheet, area) for area in parts]
    for area, (x, low, high) in zip(parts, corners, strict=True):
        if not area.is_light:
            for left, right, bottom, top in zip(x[:-1:2], x[1::2], low[::2], high[::2], strict=False):
                if np.isfinite(top - bottom):
                    room.take(left, right, bottom, top)
    # Notes come first: a name has a whole area to choose its place from, a note only what is light.
    notes: dict[tuple[str, ...], int] = {}
    named, cut = [], []
    for number, area in enumerate(parts):
        _, low, high = corners[number]
        if not area.is_open and _inside(sheet, room, area, corners[number], small) is not None:
            named.append(number)
        elif keyed and not area.is_open:
            cut.append(number)
        elif np.nanmax(high - low, initial=0.0) >= 1.0:
            notes.setdefault(OPEN_NOTE if area.is_open else (area.name,), number)
    left_over = [
        (words, number)
        for words, number in ({} if small else notes).items()
        if not place_note(sheet, room, words, _first_tall(*corners[number]), color=PALETTE["text"])
    ]
    for number in named:
        area = parts[number]
        place = _inside(sheet, room, area, corners[number], small)
        if place is not None:
            _write_name(sheet, room, area, place, small)
        elif not place_note(sheet, room, (area.name,), _first_tall(*corners[number]), color=PALETTE["text"]):
            left_over.append(((area.name,), number))
    for number in cut:
        _write_cut(sheet, room, parts[number], corners[number], small)
    for words, number in left_over:
        if parts[number].is_open or not _write_cut(sheet, room, parts[number], corners[number], small):
            _write_anywhere(sheet, room, " ".join(words), _first_tall(*corners[number]))


def _write_cut(sheet: Sheet, room: Room, area: Area, corners, small: bool) -> bool:
    """An area's name inside it, cut as little as will do; False where no part of it fits."""
    for longest in CUT_NAMES:
        place = _inside(sheet, room, area, corners, small, longest)
        if place is not None:
            _write_name(sheet, room, area, place, small, longest)
            return True
    return False


def _write_name(
    sheet: Sheet, room: Room, area: Area, place: tuple[float, float], small: bool, longest: float = np.inf
) -> None:
    """An area's name inside it."""
    size = NOTE if small else TABLE
    name = shorten(area.name, min(sheet.size[0] - 16, longest), size, bold=True)
    across, up = place
    sheet.write(
        name, ("left", across), ("bottom", up), size=size, bold=True, color=area.ink, align="center",
        gid="area-name",
    )  # fmt: skip
    half = text_width(name, size, bold=True) / 2
    room.take(across - half - 4, across + half + 4, up - 4, up + 12, words=True)


def _write_anywhere(sheet: Sheet, room: Room, words: str, target: tuple[float, float]) -> None:
    """Words on white ground at the lowest line that has none yet, with a line to what they name.

    They are left out where there is no such line.
    """
    width, height = sheet.size
    words = shorten(words, width - 8, NOTE)
    long = text_width(words, NOTE)
    for up in np.arange(4.0, height - 12.0, 13.0):
        if not room.has_words(2, 4 + long, up - 2, up + 10):
            sheet.write(words, ("left", 3), ("bottom", up), size=NOTE, gid="area-name", on_white=True)
            room.take(2, 6 + long, up - 3, up + 10, words=True)
            across = float(np.clip(target[0], 4, 4 + long))
            sheet.leader((across, up + 10 if target[1] > up else up - 3), target)
            return


def _first_tall(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """A place in an area: the first where it is half as tall as it gets; light ground is near there."""
    tall = (high - low)[:-1]
    first = int(np.argmax(tall >= np.nanmax(tall) / 2))
    return float(x[first] + x[first + 1]) / 2, float(low[first] + high[first]) / 2


def _pixels(sheet: Sheet, area: Area) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners of an area in px from the lower left corner of the axes."""
    across = sheet.pixels(area.x, np.zeros(len(area.x)))[:, 0]
    return across, sheet.pixels(area.x, area.low)[:, 1], sheet.pixels(area.x, area.high)[:, 1]


def _inside(
    sheet: Sheet, room: Room, area: Area, corners, small: bool, longest: float = np.inf
) -> tuple[float, float] | None:
    """Middle and baseline of the roomiest place for a name inside its area; None where it does not fit."""
    size, width = NOTE if small else TABLE, sheet.size[0]
    x, low, high = corners
    name = shorten(area.name, min(width - 16, longest), size, bold=True)
    half = text_width(name, size, bold=True) / 2 + 5.0
    best = None
    for centre in np.linspace(half, width - half, TRIED) if width > 2 * half else ():
        covered = (x[:-1] < centre + half) & (x[1:] > centre - half)
        bottom, top = np.max(low[:-1][covered]), np.min(high[:-1][covered])
        for part in (0.5, 0.25, 0.75):
            up = bottom + part * (top - bottom) - 0.36 * size
            space = 2 * min(part, 1 - part) * (top - bottom)
            is_roomier = space >= (TALL if best is None else best[0] + 0.5)
            if is_roomier and not room.has_words(centre - half, centre + half, up - 6, up + 14):
                best = (space, centre, up)
    return None if best is None else best[1:]
