"""Names of terms and levels in the room that they have; different names stay different."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ketaoutcomes.draw.labels import clean, text_width
from ketaoutcomes.draw.theme import TABLE

__all__ = ["name_lines", "shorten_middle"]

BREAKS = re.compile(r"(?<=[\s_.×…])")
CUT = "…"
# Shares of what is kept that stand before the cut; the first that keeps all names apart is taken.
SHARES = (0.6, 0.5, 0.7, 0.4, 0.8, 0.3, 0.9, 0.2, 0.1, 0.0)


def name_lines(
    names: Sequence[object], width: float, *, size: float = TABLE, most: int = 2
) -> list[list[str]]:
    """Each name in at most `most` lines of `width` px, cut in the middle where it is longer.

    Lines break after a space, "_", "." or "×". All names are cut at the same share of their length, at
    which names that differ still differ if there is one: "side_effect_rec…IV" and "side_effect_rec…IM".

    Parameters
    ----------
    names : sequence
    width : float
        In px.
    size : float
        Of the type, in px.
    most : int
        Lines per name.

    Returns
    -------
    list of list of str
        The lines of each name.
    """
    texts = [clean(name) for name in names]
    n_different = len(set(texts))
    made = []
    for share in SHARES:
        made.append([_cut(text, share, width, size, most) for text in texts])
        if len({tuple(lines) for lines in made[-1]}) == n_different:
            return made[-1]
    return made[0]


def shorten_middle(text: object, width: float, size: float) -> str:
    """The text on one line of `width` px, cut in the middle where it is longer."""
    return _cut(clean(text), SHARES[0], width, size, 1)[0]


def _cut(text: str, share: float, width: float, size: float, most: int) -> list[str]:
    lines = _broken(text, width, size, most)
    kept = len(text)
    while kept > 1 and any(text_width(line, size) > width for line in lines):
        kept -= 1
        before = round(share * kept)
        shorter = text[:before].rstrip() + CUT + text[len(text) - (kept - before) :].lstrip()
        lines = _broken(shorter, width, size, most)
    return lines


def _broken(text: str, width: float, size: float, most: int) -> list[str]:
    """The text in at most `most` lines; the last may be too long."""
    lines = [""]
    for piece in BREAKS.split(text):
        longer = lines[-1] + piece
        if len(lines) < most and lines[-1] and text_width(longer.rstrip(), size) > width:
            lines.append(piece)
        else:
            lines[-1] = longer
    return [line.strip() for line in lines]
