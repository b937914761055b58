"""Rows of the first page's table, printed from released tables."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent
from ketaoutcomes.report.by_month import PREVIOUS
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.parts import HeadlineRow
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.headline_months import Frame
from ketaoutcomes.report.words import asked, rate_words

__all__ = ["follow_up_row", "mean_row", "outcome_row", "rate_row", "session_row", "side_effect_row"]

PAST = {"Response": "responded", "Remission": "remitted"}


def rate_row(
    scope: Scope, released: Released, frame: Frame, *, measure: str, detail: str, letter: str
) -> HeadlineRow | None:
    """One measure's row; None where neither the month nor the twelve before have anybody."""
    counts, before = _at(released.frame, frame.at), _at(released.frame, PREVIOUS)
    if counts is None and before is None:
        return None
    row = HeadlineRow(
        measure=measure, detail=detail, letter=letter, value=DASH, value_detail="none", interval=DASH,
        not_known=DASH, previous=DASH,
        table=released.name, month=frame.at,
    )  # fmt: skip
    if counts is not None:
        value, of_total, interval = rate_words(counts)
        is_hidden = bool(counts["suppressed"])
        row = replace(row, value=value, value_detail=of_total, interval=interval, is_hidden=is_hidden)
    if before is not None:
        estimate, of_year, _ = rate_words(before)
        row = replace(row, previous=estimate, previous_detail=of_year)
    return row


def outcome_row(
    scope: Scope, measure: str, detail: str, released: Released, frame: Frame
) -> HeadlineRow | None:
    """Response or remission, with what it would be if nobody unscored had it."""
    row = rate_row(scope, released, frame, measure=measure, detail=detail, letter="a")
    counts = _at(released.frame, frame.at)
    if row is None or counts is None:
        return row
    not_known, words = _not_known(counts)
    if not (missing(counts["n_missing"]) or missing(counts["n_events"])) and counts["n_missing"]:
        least = int(counts["n_events"]) / int(counts["n"] + counts["n_missing"])
        words.append(f"if none of them {PAST[measure]}: {percent(least)}")
    return replace(row, not_known=not_known, not_known_detail="; ".join(words))


def follow_up_row(scope: Scope, released: Released, frame: Frame, *, detail: str) -> HeadlineRow | None:
    """Who was scored, of those with a valid baseline; with how many have none."""
    row = rate_row(scope, released, frame, measure="Follow-up scored", detail=detail, letter="a")
    counts = _at(released.frame, frame.at)
    if row is None or counts is None or missing(counts["n"]) or missing(counts["n_no_baseline"]):
        return row
    none = count(counts["n_no_baseline"])
    return replace(
        row, not_known=f"{none} of {count(counts['n'] + counts['n_no_baseline'])} no valid baseline"
    )


def mean_row(scope: Scope, released: Released, frame: Frame) -> HeadlineRow | None:
    """Mean change in points; None where neither the month nor the twelve before have anybody."""
    counts, before = _at(released.frame, frame.at), _at(released.frame, PREVIOUS)
    if counts is None and before is None:
        return None
    row = HeadlineRow(
        measure="Mean change", detail=f"{scope.instrument.name} points from baseline; minus is a fall",
        letter="a", value=DASH, value_detail="none", interval=DASH, not_known=DASH, previous=DASH,
        table=released.name, month=frame.at,
    )  # fmt: skip
    if counts is not None and counts["suppressed"]:
        row = replace(row, value="not shown", value_detail="", interval="not shown", is_hidden=True)
    elif counts is not None:
        span = number_range(counts["conf_low"], counts["conf_high"])
        row = replace(
            row, value=number(counts["estimate"]), value_detail=f"n={count(counts['n'])}", interval=span
        )
    if counts is not None:
        not_known, words = _not_known(counts)
        row = replace(row, not_known=not_known, not_known_detail="; ".join(words))
    if before is not None:
        size = "" if missing(before["n"]) else f"n={count(before['n'])}"
        row = replace(row, previous=number(before["estimate"]), previous_detail=size)
    return row


def _not_known(counts: pd.Series) -> tuple[str, list[str]]:
    """Patients of the month whose outcome is not known and why, as far as that may be said.

    One reason stands with the number; where there are two they are told apart below it.
    """
    due = []
    if not missing(counts.get("n_not_due")) and counts["n_not_due"]:
        due.append(f"{count(counts['n_not_due'])} not due yet, not counted")
    if missing(counts["n_missing"]):
        return "not shown", due
    number_of = count(counts["n_missing"])
    if not missing(counts["n"]):
        number_of += f" of {count(counts['n'] + counts['n_missing'])}"
    if missing(counts["n_no_baseline"]):
        return number_of, due
    reasons = {"no valid baseline": counts["n_no_baseline"], "not scored": counts["n_not_scored"]}
    found = {reason: n for reason, n in reasons.items() if n}
    if len(found) > 1:
        return number_of, [", ".join(f"{count(n)} {reason}" for reason, n in found.items()), *due]
    return f"{number_of} {next(iter(found), 'not scored')}", due


def side_effect_row(scope: Scope, way: str, released: Released, frame: Frame) -> HeadlineRow | None:
    """Any side effect per session, for one way of asking; with the sessions that have no such record."""
    detail = f"per session, {asked(way)}"
    row = rate_row(scope, released, frame, measure="Any side effect", detail=detail, letter="b")
    counts = _at(released.frame, frame.at)
    if row is None or counts is None or missing(counts["n"]):
        return row
    if missing(counts["n_no_record"]):
        return replace(row, not_known="not shown")
    silent, total = int(counts["n_no_record"]), int(counts["n_sessions"])
    other = total - silent - int(counts["n"])
    return replace(
        row,
        not_known=f"{count(silent)} of {count(total)} no record",
        not_known_detail=f"{count(other)} asked in another way" if other > 0 else "",
    )


def session_row(
    scope: Scope, released: Released, frame: Frame, measure: str, detail: str, unknown: str
) -> HeadlineRow | None:
    """Something that a session has or not, with the sessions where it is not known."""
    row = rate_row(scope, released, frame, measure=measure, detail=detail, letter="b")
    counts = _at(released.frame, frame.at)
    if row is None or counts is None or missing(counts["n"]):
        return row
    n_unknown = int(counts["n_sessions"]) - int(counts["n"])
    return replace(row, not_known=f"{count(n_unknown)} of {count(counts['n_sessions'])} {unknown}")


def _at(table: pd.DataFrame, month: str) -> pd.Series | None:
    rows = table[table["month"] == month]
    if rows.empty or (rows.iloc[0]["n"] is not pd.NA and rows.iloc[0]["n"] == 0):
        return None
    return rows.iloc[0]
