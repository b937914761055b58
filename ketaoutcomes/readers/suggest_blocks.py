"""Parts of the blocks of a suggestion that several tables share."""

from __future__ import annotations

from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.suggest_plan import Draft, Plan
from ketaoutcomes.readers.suggest_reading import Reading
from ketaoutcomes.readers.suggest_times import pick_date
from ketaoutcomes.readers.suggest_values import recodes

__all__ = ["draft_of", "number_sessions", "tie_to_session"]

CLOCKS = {"sessions": ("hour", "day"), "disposition": ("hour", "day")}
RESTARTS = (
    "the numbers of instances begin anew in each event and number no sessions; these are numbered by time"
)
SAME_ROW = "each row belongs to the session of the same row"
WITH_SESSIONS = "the block of sessions of the same rows"
NO_SESSION = "which session a row belongs to: a column with its number as session, or its date as moment"


def draft_of(table: str, reading: Reading, *names: str) -> Draft:
    """Return a block with those columns of a table that the group has; all but the clock without names."""
    draft = Draft(table, reading.group)
    for target, (column, one) in reading.targets.get(table, {}).items():
        if (names and target not in names) or target in CLOCKS.get(table, ()):
            continue
        draft.columns[target] = (column,)
        found = {} if "/" in target else recodes(column, TABLES[table][target])
        if found:
            draft.values[target] = found
        if one.factor != 1.0:
            draft.multiply[target] = one.factor
        if not one.exact:
            draft.notes.append(f"{target} is given by a column of a similar name; look whether it is meant")
    return draft


def number_sessions(draft: Draft, reading: Reading) -> None:
    """Number the sessions by REDCap's own column where there is no other number."""
    group = reading.group
    if "session" not in draft.columns and group.session is not None:
        draft.columns["session"] = (group.special[group.session],)
        if group.session_values:
            draft.values["session"] = dict(group.session_values)
    elif "session" not in draft.columns and group.restarts:
        draft.notes.append(RESTARTS)


def tie_to_session(draft: Draft, reading: Reading, plan: Plan, sessions: Draft | None) -> None:
    """Tell which session the rows of a block belong to."""
    if "session" in draft.columns:
        return
    if sessions is not None:
        draft.notes.append(SAME_ROW)
        if sessions.lacking:
            draft.lacking = "; ".join(one for one in (draft.lacking, WITH_SESSIONS) if one)
        return
    if sessions is None and reading.main in ("side_effects", "vitals"):
        dates = [column for column in reading.dates if plan.is_open(column)]
        found = pick_date(reading.group, dates, reading.main)
        if found:
            draft.columns["moment"] = tuple(found)
            return
    if not reading.group.alone:
        number_sessions(draft, reading)
    if "session" not in draft.columns:
        draft.lacking = "; ".join(one for one in (draft.lacking, NO_SESSION) if one)
        draft.blanks = (*draft.blanks, ("columns", "session"))
