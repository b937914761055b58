"""Numbers and words as figures print them; nothing here depends on the locale or on a font file.

A cell that is already text, such as ``"1–10"`` for a hidden count, is printed as it stands.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping

__all__ = [
    "DASH",
    "HIDDEN_COUNT",
    "HIDDEN_ESTIMATE",
    "MINUS",
    "TURNING",
    "clean",
    "count",
    "few_words",
    "hidden",
    "is_hidden",
    "missing",
    "month",
    "number",
    "number_range",
    "percent",
    "percent_range",
    "shorten",
    "text_width",
    "wrap",
]

DASH = "–"
MINUS = "−"
HIDDEN_COUNT = "1–10"
HIDDEN_ESTIMATE = "not shown"
FEW = re.compile(r"(\d+)-(\d+)")
# Marks that turn the direction of the words after them (Unicode Standard Annex 9); a name with one
# would be read, and make others be read, as what is not written there.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Advance widths of Helvetica, Arial and Liberation Sans in thousandths of the type size.
# Source: Adobe Font Metrics, Helvetica.afm and Helvetica-Bold.afm. Others count as a digit.
_NARROW = {
    **dict.fromkeys("ijl", 222), **dict.fromkeys(" ,./:;It!f", 278), **dict.fromkeys("()r-|", 333),
    **dict.fromkeys("ckvxyszJ", 500), **dict.fromkeys("TZFL", 611), **dict.fromkeys("ABEKPSVXY&", 667),
    **dict.fromkeys("CDHNRUw", 722), **dict.fromkeys("GOQ", 778), **dict.fromkeys("mM", 833),
    **dict.fromkeys("+<=>−≥≤", 584), "%": 889, "W": 944, "…": 1000,
}  # fmt: skip
_DIGIT = 556
_BOLD = 1.10


def missing(value) -> bool:
    """Whether there is no number to print: None, NaN, pandas' NA."""
    if value is None:
        return True
    try:
        return math.isnan(float(value))
    except (TypeError, ValueError):
        return True


def count(value) -> str:
    """Whole number with thousands separated, e.g. ``"3,033"``; a dash when missing."""
    if isinstance(value, str):
        return clean(value)
    if missing(value):
        return DASH
    return f"{int(value):,}"


def number(value, decimals: int = 1) -> str:
    """Number with a true minus sign, e.g. ``"−8.1"``; "−0.0" is printed without its sign."""
    if isinstance(value, str):
        return clean(value)
    if missing(value):
        return DASH
    text = f"{abs(float(value)):,.{decimals}f}"
    return MINUS + text if float(value) < 0 and text.strip("0.,") else text


def number_range(low, high, decimals: int = 1) -> str:
    """``"4.1–6.0"``, or ``"−9.7 to −6.5"`` when a minus sign is in it."""
    if missing(low) or missing(high):
        return DASH
    first, last = number(low, decimals), number(high, decimals)
    return f"{first} to {last}" if MINUS in first + last else f"{first}{DASH}{last}"


def percent(share, *, decimals: int | None = None, sign: bool = True) -> str:
    """Share in per cent: whole, one decimal below 10%.

    A share that would round to 0 or to 100 without being it reads ``"<0.1%"`` or ``">99%"``.
    """
    if isinstance(share, str):
        return clean(share)
    if missing(share):
        return DASH
    value = 100.0 * float(share)
    if decimals is None:
        decimals = _percent_decimals(share)
    if value <= 0.0:
        text = "0"
    elif value >= 100.0:
        text = "100"
    else:
        text = f"{value:.{decimals}f}"
        if float(text) >= 100.0:
            text = ">99"
        elif float(text) <= 0.0:
            text = "<0.1" if decimals else "<1"
    return f"{text}%" if sign else text


def percent_range(low, high, *, like=None) -> str:
    """``"50–54"``: no repeated sign, decimals as the estimate `like` is printed with."""
    if missing(low) or missing(high):
        return DASH
    decimals = _percent_decimals(low if missing(like) else like)
    first = percent(low, decimals=decimals, sign=False)
    last = percent(high, decimals=decimals, sign=False)
    return f"{first}{DASH}{last}"


def month(text: str, *, year: bool = True) -> str:
    """``"2025-08"`` as ``"Aug 25"``, or ``"Aug"``; any other text as it stands."""
    parts = str(text).split("-")
    if len(parts) != 2 or not all(part.isdigit() for part in parts) or not 1 <= int(parts[1]) <= 12:
        return clean(text)
    name = MONTHS[int(parts[1]) - 1]
    return f"{name} {parts[0][-2:]}" if year else name


def few_words(reason) -> str:
    """``"1–7"`` for the reason ``"count 1-7"``; ``"1–10"`` where the reason gives no numbers."""
    found = FEW.search(str(reason))
    return f"{found[1]}{DASH}{found[2]}" if found else HIDDEN_COUNT


def hidden(reason) -> tuple[str, str]:
    """What stands for a hidden row's count or estimate, and for its interval.

    Parameters
    ----------
    reason : str or bool
        The row's `suppressed` cell. A reason that starts with "count" says that the count itself
        is small, and how large a small one may be; any other reason leaves the count open.
    """
    is_count = reason is True or str(reason).lower().startswith("count")
    return (few_words(reason) if is_count else DASH), HIDDEN_ESTIMATE


def is_hidden(cells: Mapping) -> bool:
    """Whether a row was hidden on its way out: it gives a reason, or words instead of a number."""
    reason = cells.get("suppressed")
    return (
        reason is True or (isinstance(reason, str) and reason != "") or isinstance(cells.get("n_events"), str)
    )


def clean(text) -> str:
    """`text` on one line without control characters, which XML does not allow, and without turning marks."""
    characters = (" " if c in "\n\r\t" else c for c in str(text) if c not in TURNING)
    return "".join(c for c in characters if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width in px of a line of text whose type size is `size` px, without asking a font."""
    units = sum(_NARROW.get(character, _DIGIT) for character in text)
    return units * size / 1000.0 * (_BOLD if bold else 1.0)


def shorten(text, width: float, size: float, *, bold: bool = False) -> str:
    """`text`, cut with "…" where it would be wider than `width` px."""
    text = clean(text)
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(text + "…", size, bold=bold) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text, width: float, size: float, *, max_lines: int = 2) -> list[str]:
    """`text` in lines no wider than `width` px, the last one cut where lines run out."""
    lines: list[str] = []
    for word in clean(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (len(lines) == max_lines or text_width(longer, size) <= width):
            lines[-1] = longer
        else:
            lines.append(word)
    return [shorten(line, width, size) for line in lines]


def _percent_decimals(share) -> int:
    return 1 if 100.0 * float(share) < 9.95 else 0
