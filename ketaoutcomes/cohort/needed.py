"""Columns that a table cannot do without, and which of its other columns may be meant for them."""

from __future__ import annotations

from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.header_hints import LONG_FORMAT, meant, normal_name, wide_scores
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import ITEM, Table

__all__ = ["hold_to_needed"]


def hold_to_needed(draft: Draft, headers: list[str]) -> None:
    """Note columns that a table cannot do without, and which columns may be meant for them."""
    table, names = draft.table, set(draft.frame.columns)
    guesses = _guesses(table, headers)
    missing = [column.name for column in table.columns if column.required and column.name not in names]
    if table.name == "scores":
        if "score" not in names and not any(ITEM.fullmatch(name) for name in names):
            missing.append("score")
        missing = _told_as_wide(draft, missing, headers)
    for name in missing:
        reason = RULES["missing_column"].reason
        if name == "score":
            reason = "is needed, or the items i1, i2, ... from which it is computed"
        draft.fail("missing_column", name, message=reason + guesses.get(name, ""))
    clocks = [name for name in table.times if name in names]
    if len(clocks) > 1:
        draft.fail("two_clocks", message=f"{RULES['two_clocks'].reason}: {', '.join(clocks)}")
    # A column of dates that is refused as such says already what to give instead.
    dated = any(problem.rule == "identifier:C" for problem in draft.problems)
    if table.times and not clocks and table.name != "disposition" and not dated:
        hint = next((guesses[name] for name in table.times if name in guesses), "")
        draft.fail("no_clock", message=f"{RULES['no_clock'].reason}: {', '.join(table.times)}{hint}")


def _told_as_wide(draft: Draft, missing: list[str], headers: list[str]) -> list[str]:
    """Tell how to turn columns of scores into rows, and return what else is missing."""
    lacking = [name for name in missing if name in ("instrument", "score")]
    n_wide = wide_scores(headers) if lacking else 0
    if n_wide == 0:
        return missing
    needed = f"{' and '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} needed"
    columns = "1 column is" if n_wide == 1 else f"{n_wide} columns are"
    draft.fail(
        "missing_column",
        lacking[0],
        message=f"{needed}, and {columns} named after instruments; {LONG_FORMAT}",
    )
    return [name for name in missing if name not in lacking]


def _guesses(table: Table, headers: list[str]) -> dict[str, str]:
    """Return a hint for each column that is not there and that another one may be meant for."""
    out: dict[str, str] = {}
    present = {normal_name(header) for header in headers}
    for place, header in enumerate(headers, 1):
        if normal_name(header) in table.names:
            continue
        for name in meant(header, table):
            if name not in present:
                # By its place: a header that is not known may be a cell.
                out.setdefault(name, f"; column number {place} looks like it: did you mean '{name}'?")
    return out
