"""The report for programs: one JSON document, of released tables and printed words only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.report.by_month import PREVIOUS
from ketaoutcomes.report.parts import HeadlineGroup, HeadlineRow, KeyQuestion, Page, Section
from ketaoutcomes.report.values import records

__all__ = ["SCHEMA", "document", "json_text"]

SCHEMA = "ketaoutcomes.report/1"
SIGNALS, HIDDEN = "signals", "not_shown"
# The tables behind each of the answers at the head of a report, by the section that an answer points to.
BEHIND = {
    "How fast?": ("onset_hours_landmarks", "onset_days_landmarks"),
    "How long?": ("durability_days",),
    "Which side effects?": ("side_effects_per_session",),
    "How complete are the data?": ("rows_by_table", "attrition"),
}


def json_text(content: Mapping[str, Any]) -> str:
    """Strictly valid JSON with sorted keys, so that equal content is equal text."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def document(
    *,
    title: str,
    month: str | None,
    page: Page,
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the report as dicts, lists, texts, numbers, truths and None; docs/report_json.md names all keys.

    Parameters
    ----------
    title : str
    month : str or None
    page : Page
    tables : mapping of str to DataFrame
        Released tables by name.
    manifest : mapping
        Its versions, cohort, settings, seed, definitions and analyses are given as they stand.
    """
    rows = {name: records(table) for name, table in tables.items()}
    return {
        "schema": SCHEMA,
        **{key: manifest[key] for key in manifest if key not in ("files", "formats")},
        "title": title,
        "month": month,
        "banners": list(page.masthead.banners),
        "lead": page.lead,
        "lead_text": page.lead_text,
        "headline": [_headline(group, row, rows) for group in page.headline for row in group.rows],
        "key_numbers": [_key(item, rows) for item in page.questions],
        "signals": rows.get(SIGNALS, []),
        "sections": [_section(section) for section in page.sections],
        "hidden": rows.get(HIDDEN, []),
        "tables": {
            name: {"columns": [str(column) for column in table.columns], "rows": rows[name]}
            for name, table in tables.items()
        },
    }


def _headline(group: HeadlineGroup, row: HeadlineRow, rows: Mapping[str, list[dict]]) -> dict[str, Any]:
    """A row of the first page with the numbers of its month and of the twelve months before."""
    months = {entry["month"]: entry for entry in rows.get(row.table, []) if "month" in entry}
    return {
        "measure": row.measure,
        "detail": row.detail,
        "group": f"{group.before} {group.month}{group.after}".replace("  ", " ").strip(),
        "table": row.table,
        "month": row.month,
        "numbers": months.get(row.month),
        "previous": months.get(PREVIOUS),
        "signal": row.signal,
        "is_signal": row.is_signal,
        "is_hidden": row.is_hidden,
    }


def _key(item: KeyQuestion, rows: Mapping[str, list[dict]]) -> dict[str, Any]:
    """An answer in words, with the rows of the tables that it is drawn from."""
    behind = {name: rows[name] for name in BEHIND.get(item.question, ()) if name in rows}
    if "side_effects_per_session" in behind:
        behind = {name: [row for row in found if row["effect"] == ANY] for name, found in behind.items()}
    return {
        "question": item.question,
        "value": item.value,
        "unit": item.unit,
        "text": item.text,
        "section": item.section,
        "numbers": behind,
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "number": section.number,
        "question": section.question,
        "figures": [
            {"label": figure.label, "title": figure.title, "population": figure.population}
            for figure in section.figures
        ],
        "tables": [table.caption for table in section.tables],
        "notes": list(section.notes),
    }
