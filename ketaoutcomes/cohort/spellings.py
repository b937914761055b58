"""Words that look like spellings of one another, and the routes by which ketamine is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.values import Words

__all__ = ["name_routes", "tell_spellings"]

# With more levels a column is no list of a few words.
MOST_LEVELS = 60
SYNONYMS = {
    "IV": "iv intravenous intravenously ivinfusion intravenousinfusion",
    "IM": "im intramuscular intramuscularly iminjection intramuscularinjection",
    "SC": "sc subcutaneous subcutaneously sq subq subcut scinjection",
    "IN": "in intranasal intranasally nasal nasally nasalspray intranasalspray nas",
    "SL": "sl sublingual sublingually",
    "oral": "oral orally po bymouth",
}
# Without case, blanks and punctuation.
ROUTES: Mapping[str, str] = MappingProxyType(
    {word: route for route, words in SYNONYMS.items() for word in words.split()}
)
PRODUCTS = frozenset({"spravato", "ketalar", "ketanest", "ketaject"})


def name_routes(draft: Draft) -> None:
    """Give routes their usual names, and tell which names stand for several spellings."""
    found = draft.words["route"]
    named = {level: ROUTES.get(_plain(level), level) for level in found.levels}
    spelled: dict[str, int] = {}
    for level in found.levels:
        spelled[named[level]] = spelled.get(named[level], 0) + 1 + (level in found.merged)
    draft.words["route"] = found.map(named.get)
    merged = [route for route in SYNONYMS if spelled.get(route, 0) > 1]
    if merged:
        message = f"{RULES['spellings_merged'].reason}: {', '.join(merged)}"
        draft.note("spellings_merged", "route", message=message)
    products = found.where(lambda level: _plain(level) in PRODUCTS)
    if products.any():
        draft.note("product_route", "route", rows=products)


def tell_spellings(draft: Draft, name: str, found: Words) -> None:
    """Note words of a column that were read as one, and those that were not and look as if they should."""
    if len(found.levels) > MOST_LEVELS:
        return
    if found.merged:
        n = len(found.merged)
        message = f"{RULES['spellings_merged'].reason}: {n} {'word' if n == 1 else 'words'}"
        draft.note("spellings_merged", name, message=message)
    alike: dict[str, list[str]] = {}
    for level in found.levels:
        alike.setdefault(_plain(level), []).append(level)
    # Numbers and marks differ by their punctuation: 1-2 is not 12.
    groups = [levels for plain, levels in alike.items() if len(levels) > 1 and re.search(r"[^\W\d_]", plain)]
    if groups:
        several = {level for levels in groups for level in levels}
        draft.note("spellings", name, rows=found.where(several.__contains__))


def _plain(level: str) -> str:
    return "".join(re.findall(r"[^\W_]+", level.lower()))
