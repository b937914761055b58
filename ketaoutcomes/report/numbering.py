"""The order of the report's sections: each has one number, which words and links take from here."""

from __future__ import annotations

__all__ = [
    "CLINICS",
    "COMPLETENESS",
    "COURSE",
    "DURABILITY",
    "DURING",
    "INDICATIONS",
    "METHODS",
    "MIXED",
    "MONTHS",
    "PUBLISHED",
    "RESPONDERS",
    "SAFETY_ITEM",
    "SIDE_EFFECTS",
    "STRATA",
    "TIMING",
]

TIMING, DURABILITY, RESPONDERS, COURSE, MIXED, SIDE_EFFECTS, DURING = range(1, 8)
SAFETY_ITEM, INDICATIONS, STRATA, CLINICS, MONTHS, PUBLISHED, COMPLETENESS, METHODS = range(8, 16)
