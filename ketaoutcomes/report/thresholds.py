"""Limits of data quality that a clinic has set itself, held against what the report releases.

Everything is computed from tables that have passed the gate, so that a message printed, mailed or
logged holds no count that the report hides. Where the report hides what is needed, bounds decide if
they can; if they cannot, the threshold is not known to be met or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, missing, percent
from ketaoutcomes.report.settings import Thresholds

__all__ = ["Breach", "check_thresholds"]

SCORED, DENOMINATOR = "scored in the window", "induction complete"
# Reasons for which a row is hidden that say how large its count is; others leave it open.
HIDDEN = re.compile(r"(count|all but) 1-(\d+)")
RECORDED = {
    "side_effects_recorded": ("Side effects recorded", "side effects recorded"),
    "vitals_recorded": ("Vital signs recorded", "vital signs recorded"),
}


@dataclass(frozen=True)
class Breach:
    """A threshold that is not met.

    Parameters
    ----------
    measure : str
        Name of the field of `Thresholds`.
    words : str
        One sentence, e.g. "Follow-up scored: 54% of 112, below the 60% asked for".
    share : float or None
        What was found, 0 to 1; None where it is hidden or nothing is recorded.
    n : int or None
        Of how many.
    limit : float
        What was asked for, per cent.
    """

    measure: str
    words: str
    share: float | None
    n: int | None
    limit: float


@dataclass(frozen=True)
class _Found:
    """A share of `n`, or the two bounds that released counts leave; `what` are the `n`."""

    low: float
    high: float
    n: float | None
    what: str = ""
    events: str = ""

    @property
    def share(self) -> float | None:
        return self.low if self.low == self.high else None


NOTHING = _Found(0.0, 0.0, None)
UNKNOWN = _Found(0.0, 1.0, None)


def check_thresholds(tables: Mapping[str, pd.DataFrame], thresholds: Thresholds) -> tuple[Breach, ...]:
    """Which thresholds are not met, from the released tables of a report.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        `Report.tables`: ``rows_by_table``, ``attrition`` and ``recording`` are read. Follow-up is that of
        the patients who started in the report's 12 months, have a valid baseline and a complete induction,
        and whose window has closed; records are of their sessions.
    thresholds : Thresholds

    Returns
    -------
    tuple of Breach
        In the order of the fields of `Thresholds`. A measure that nobody recorded is below any
        threshold; one of nobody, and one that is hidden, is not known and so no breach.
    """
    found = {
        "rows_set_aside": _set_aside(tables.get("rows_by_table")),
        "follow_up_scored": _follow_up(tables.get("attrition")),
        "side_effects_recorded": _recorded(tables.get("recording"), "side_effects_recorded"),
        "vitals_recorded": _recorded(tables.get("recording"), "vitals_recorded"),
    }
    breaches = []
    for measure, share in found.items():
        limit = getattr(thresholds, measure)
        if limit is None:
            continue
        if measure == "rows_set_aside":
            if share.low > limit / 100:
                breaches.append(_breach(measure, "Rows set aside", share, limit, "above", "allowed"))
        elif share.high < limit / 100:
            name = RECORDED[measure][0] if measure in RECORDED else "Follow-up scored"
            breaches.append(_breach(measure, name, share, limit, "below", "asked for"))
    return tuple(breaches)


def _breach(measure: str, name: str, found: _Found, limit: float, side: str, asked: str) -> Breach:
    """A breach in words; the share is printed with as many decimals as tell it from the limit."""
    if found.n is None:
        words = f"{name}: not recorded, {side} the {limit:g}% {asked}"
        return Breach(measure, words, None, None, limit)
    said = found.events
    if found.share is not None:
        said = percent(found.share)
        for decimals in range(1, 5):
            if float(said.strip("<>%")) != limit:
                break
            said = f"{100 * found.share:.{decimals}f}%"
    words = f"{name}: {said} of {count(found.n)}{found.what}, {side} the {limit:g}% {asked}"
    return Breach(measure, words, found.share, int(found.n), limit)


def _set_aside(table: pd.DataFrame | None) -> _Found:
    """Rows set aside of the rows read, over the tables whose counts are shown."""
    if table is None:
        return UNKNOWN
    shown = table[table["n_read"].notna() & table["n_quarantined"].notna()]
    read, aside = float(shown["n_read"].sum()), float(shown["n_quarantined"].sum())
    return _Found(aside / read, aside / read, read, " rows read") if read else UNKNOWN


def _follow_up(table: pd.DataFrame | None) -> _Found:
    """Those scored in the window after induction, of those who could have been."""
    if table is None:
        return NOTHING
    sizes = dict(zip(table["step"], table["n"], strict=True))
    scored, due = sizes.get(SCORED), sizes.get(DENOMINATOR)
    if missing(due) or missing(scored) or not due:
        return UNKNOWN
    share = float(scored) / float(due)
    return _Found(share, share, float(due))


def _recorded(table: pd.DataFrame | None, measure: str) -> _Found:
    """Sessions with a record, of the sessions."""
    rows = None if table is None else table[table["measure"] == RECORDED[measure][1]]
    if rows is None or rows.empty:
        return NOTHING
    row = rows.iloc[0]
    n, reason = row["n"], row["suppressed"]
    if missing(n) or not n:
        return UNKNOWN
    n, what = float(n), " sessions"
    if not reason:
        share = float(row["n_events"]) / n
        return _Found(share, share, n, what)
    bounded = HIDDEN.fullmatch(reason)
    if bounded is None:
        return UNKNOWN
    kind, most = bounded[1], int(bounded[2])
    if kind == "count":
        return _Found(1 / n, most / n, n, what, f"1–{most}")
    return _Found(1 - most / n, 1 - 1 / n, n, what, f"all but 1–{most}")
