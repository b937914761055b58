"""How side effects were asked about, as a phrase."""

from __future__ import annotations

__all__ = ["asked_words"]

_WORDS = {
    "checklist": "asked by checklist",
    "spontaneous": "asked spontaneously",
    "scale": "asked by a scale",
    "measured": "measured",
    "not stated": "how it was asked not stated",
}


def asked_words(way: str) -> str:
    """A way of asking as a phrase: ``"asked by checklist"``, ``"asked spontaneously"``; "" for none."""
    return _WORDS.get(way, f"asked by {way}" if way else "")
