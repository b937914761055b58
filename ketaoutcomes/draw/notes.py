"""Short notes inside a picture, in free room, with a thin line to what they name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ketaoutcomes.draw.labels import text_width
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import NOTE, PALETTE

__all__ = ["place_note"]

SPACING = 12.0


def place_note(
    sheet: Sheet,
    room: Room,
    words: Sequence[str],
    target: tuple[float, float],
    *,
    color: str = PALETTE["secondary"],
) -> bool:
    """Write lines of words near `target` (px from the lower left corner); False if nothing is free."""
    width = max(text_width(line, NOTE) for line in words) + 8
    height = SPACING * len(words) + 6
    found = room.nearest(width, height, target)
    if found is None:
        return False
    (left, bottom), start = found
    room.take(left, left + width, bottom, bottom + height, words=True)
    for number, line in enumerate(words):
        up = bottom + height - 11 - SPACING * number
        sheet.write(line, ("left", left + 4), ("bottom", up), size=NOTE, color=color, gid="note")
    room.take_line(np.array([start, target]), words=True)
    sheet.leader(start, target)
    return True
