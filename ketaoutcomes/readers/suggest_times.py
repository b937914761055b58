"""Which column of dates, and of clock times beside it, says when something was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.suggest_columns import NAMED_DATE, Column, Group, words_in

__all__ = ["Found", "clock_for", "pick_date"]

FILLERS = NAMED_DATE | words_in("time clock zeit uhrzeit hora tm on at of de del la the")
# Words of a name that say what the date is of.
PURPOSES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "sessions": words_in(
            "session sessions sess ses infusion infusions inf treatment treatments tx dose dosing "
            "dosed ketamine ket esketamine administration admin administered procedure start "
            "started begin beginning given sitzung behandlung sesion tratamiento sessiondate "
            "startdate treatmentdate infusiondate"
        ),
        "scores": words_in(
            "score scored assessment assessed assess survey test tested questionnaire completed "
            "completion taken rating rated measure scale response submitted form evaluacion "
            "befragung scoredate assessmentdate"
        ),
        "side_effects": words_in("onset event effect ae se reported started side adverse"),
        "vitals": words_in("reading measured measurement vitals vital vs bp taken recorded"),
        "disposition": words_in(
            "status disposition stop stopped end ended discharge discharged withdrawal withdrawn "
            "completion completed exit last contact dropout discontinued discontinuation left "
            "disp enddate stopdate"
        ),
    }
)
VISIT = words_in("visit visitdate encounter service appointment contact")
EXACT = {"side_effects": "moment", "vitals": "moment"}
BEST_IS_ENOUGH = 4
# The date of a patient's first session is that of a row where nothing else is, and the patient has no other.
LAST = 5
FIRST = words_in("first 1 st initial")
BEGINNING = words_in("start started begin beginning")
OF_SESSIONS = words_in(
    "session sessions sess infusion infusions inf treatment treatments tx dose dosing ketamine ket "
    "esketamine administration"
)


class Found(tuple):
    """Columns that are joined to one time, and `rivals` where several may be meant."""

    rivals: tuple[Column, ...] = ()

    @classmethod
    def of(cls, columns: Collection[Column] = (), rivals: Collection[Column] = ()) -> Found:
        """Return the columns found, or the rivals of which none is chosen."""
        found = cls(columns)
        found.rivals = tuple(rivals)
        return found


def _rank(column: Column, table: str, own: Collection[str]) -> int | None:
    """Return how well a name says that it is the table's time, 0 the best; None if it does not."""
    if normal_name(column.name) == EXACT.get(table, TABLES[table].date):
        return 0
    rest = set(column.words) - FILLERS
    if table == "sessions" and _is_first(rest):
        return LAST
    if rest and rest <= PURPOSES[table]:
        return 1
    rest -= set(own)
    if not rest:
        return BEST_IS_ENOUGH if column.words[-1:] == ("timestamp",) else 2
    return 3 if rest <= VISIT else None


def _is_first(words: set[str]) -> bool:
    """Whether words say the first session or the start of all: "first infusion", "start of treatment"."""
    rest = words - FIRST - BEGINNING
    if rest & OF_SESSIONS != rest or not rest:
        return False
    return bool(words & FIRST) or bool(words & BEGINNING and rest == {"treatment"})


def pick_date(group: Group, columns: Collection[Column], table: str) -> Found:
    """Return the column that says when, with the clock times beside it, for rows of a table.

    Parameters
    ----------
    columns : collection of Column
        Those that may be chosen.
    """
    ranked: dict[int, list[Column]] = {}
    for column in columns:
        rank = _rank(column, table, (*group.words, group.lead)) if column.is_date else None
        if rank is not None and not (rank == LAST and group.repeats):
            ranked.setdefault(rank, []).append(column)
    if not ranked:
        return Found.of()
    best = ranked[min(ranked)]
    if len(best) > 1:
        # Of two that are named alike, an empty one says nothing.
        filled = [column for column in best if column.cells.n_filled]
        if len(filled) != 1:
            return Found.of((), best)
        best = filled
    return clock_for(group, best[0], columns, table)


def clock_for(group: Group, date: Column, columns: Collection[Column], table: str) -> Found:
    """Return a column of dates with the one of clock times that belongs to it, if the dates have none."""
    if date.cells.with_clock:
        return Found.of((date,))
    own = set(date.words) - FILLERS
    near: dict[int, list[Column]] = {}
    for column in columns:
        if not column.is_clock:
            continue
        rest = set(column.words) - FILLERS
        if rest == own:
            near.setdefault(0, []).append(column)
        elif not rest or rest <= PURPOSES[table] | {*group.words, group.lead}:
            near.setdefault(1 if rest else 2, []).append(column)
    if not near:
        return Found.of((date,))
    best = near[min(near)]
    return Found.of((date, *best)) if len(best) == 1 else Found.of((date,), best)
