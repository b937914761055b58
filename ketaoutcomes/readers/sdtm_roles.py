"""What each test of a questionnaire domain is: an instrument's total, one of its items, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ketaoutcomes.catalog.entries import without_punctuation
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.errors import DataError

__all__ = ["Role", "Test", "roles_of"]

SCORE = "score"
# CDISC test codes that say what they are without their name; the tenth question is not scored.
CODES = {"PHQ0110": None, "PHQ0111": SCORE}
STEMS = {"PHQ01": "PHQ-9"}
TOTAL = re.compile(r"\btotal\b", re.IGNORECASE)
WHOLE_TOTAL = re.compile(r"total(?: score)?$", re.IGNORECASE)
TOTAL_CODE = re.compile(r"TOT(?:AL)?$")
# The number of an item stands at the end of its code; A and B are two ways of rating one item.
ITEM_CODE = re.compile(r"([0-9]+)(?P<way>[AB]?)$")
MOST_ITEMS = 99


@dataclass(frozen=True)
class Test:
    """One test: its code and name, and the category and subcategory under which it stands."""

    code: str
    name: str
    category: str
    subcategory: str


@dataclass(frozen=True)
class Role:
    """What a test is.

    Parameters
    ----------
    instrument : str
    column : str or None
        "score", "i1", ..., or None if it is not read.
    way : int
        0, or 1 for an item's second way of rating, which counts where the first is missing.
    why : str
        Why it is not read.
    """

    instrument: str
    column: str | None
    way: int = 0
    why: str = ""


def roles_of(tests: Iterable[Test], *, only_known: bool = False) -> dict[Test, Role]:
    """Return the role of each test of a domain.

    Parameters
    ----------
    only_known : bool
        Instruments that the catalogue does not have are not read.
    """
    groups: dict[tuple[str, str], list[Test]] = {}
    roles: dict[Test, Role] = {}
    for test in tests:
        single = None if _instrument(test) else _of_one_item(test)
        if single is not None:
            roles[test] = Role(single.name, SCORE)
            continue
        found = _instrument(test)
        name = found.name if found else test.category or test.subcategory or _stem(test.code)
        groups.setdefault((name, found.name if found else ""), []).append(test)
    for (name, known), members in groups.items():
        if known:
            roles |= _known(find_instrument(known), members)
        elif only_known:
            roles |= {
                test: Role(name, None, why="its instrument is not in the catalogue") for test in members
            }
        else:
            roles |= _unknown(name, members)
    return roles


def _known(instrument: Instrument, tests: list[Test]) -> dict[Test, Role]:
    total = _total(tests)
    if total is None and instrument.n_items == 1 and len(tests) == 1:
        total = tests[0]
    roles = {}
    for test in tests:
        item, way = _item(test)
        if test == total:
            roles[test] = Role(instrument.name, SCORE)
        elif test.code in CODES or _is_total(test):
            roles[test] = Role(instrument.name, None, why="it is no item and not the total of its instrument")
        elif instrument.rule.algorithm == "highest_endorsed":
            roles[test] = Role(
                instrument.name, None, why="single answers of its instrument are not read here"
            )
        elif item is not None and item <= (instrument.n_items or 0):
            roles[test] = Role(instrument.name, f"i{item}", way)
        else:
            roles[test] = Role(instrument.name, None, why="it is no item and not the total of its instrument")
    return _each_once(roles)


def _unknown(name: str, tests: list[Test]) -> dict[Test, Role]:
    total = tests[0] if len(tests) == 1 else _total(tests)
    if total is None:
        return {test: Role(name, None, why="its category names no total score") for test in tests}
    roles = {}
    for test in tests:
        item, way = _item(test)
        column = SCORE if test == total else None if item is None or _is_total(test) else f"i{item}"
        roles[test] = Role(name, column, way, "" if column else "it is no numbered item and not the total")
    return _each_once(roles)


def _each_once(roles: dict[Test, Role]) -> dict[Test, Role]:
    """Take away items that two tests claim to be: their numbers are then no items'."""
    held: dict[tuple[str | None, int], int] = {}
    for role in roles.values():
        held[(role.column, role.way)] = held.get((role.column, role.way), 0) + 1
    return {
        test: Role(role.instrument, None, why="several tests have the same item number")
        if role.column not in (None, SCORE) and held[(role.column, role.way)] > 1
        else role
        for test, role in roles.items()
    }


def _total(tests: list[Test]) -> Test | None:
    """Return the test that is the total of its category, None if there is none or it cannot be told."""
    found = [test for test in tests if _is_total(test)]
    if len(found) > 1:
        found = [test for test in found if WHOLE_TOTAL.search(test.name)]
    return found[0] if len(found) == 1 else None


def _is_total(test: Test) -> bool:
    if test.code in CODES:
        return CODES[test.code] == SCORE
    return TOTAL.search(test.name) is not None or TOTAL_CODE.search(test.code) is not None


def _item(test: Test) -> tuple[int | None, int]:
    """Return the number at the end of a test's code, and which way of rating it is."""
    found = ITEM_CODE.search(test.code)
    if found is None:
        return None, 0
    # The digits before the last two are the instrument's own, as in PHQ0103.
    number = int(found[1][-2:])
    return (number if 1 <= number <= MOST_ITEMS else None), int(found["way"] == "B")


def _stem(code: str) -> str:
    return re.sub(r"[0-9]{2}[AB]?$", "", code)


def _instrument(test: Test) -> Instrument | None:
    """Return the instrument of a test's category, as far as the catalogue has it."""
    both = f"{test.category} {test.subcategory}".strip()
    for name in (both, test.category):
        found = _find(name) if name else None
        if found is not None:
            return found
    found = _find(test.subcategory) if test.subcategory else None
    if found is not None and _is_named(found, test.subcategory):
        return found
    return _find(STEMS.get(_stem(test.code), "")) if _stem(test.code) in STEMS else None


def _of_one_item(test: Test) -> Instrument | None:
    """Return the instrument of one item that a test itself names: CGI Severity, EQ VAS."""
    own = test.name.partition("-")[2].strip() if "-" in test.name else ""
    for name, any_name in (
        (f"{test.category} {own}" if own else "", True),
        (test.code, False),
        (test.name, False),
    ):
        found = _find(name) if name else None
        if found is not None and found.n_items == 1 and (any_name or _is_named(found, name)):
            return found
    return None


def _is_named(instrument: Instrument, name: str) -> bool:
    """Whether a name is the instrument's own; an alias such as "MOOD" may be a part of another scale."""
    return without_punctuation(name) == without_punctuation(instrument.name)


def _find(name: str) -> Instrument | None:
    try:
        return find_instrument(name)
    except DataError:
        return None
