"""Recodes that a suggestion writes: codes of choices to the words of the cohort's tables.

Keys are codes and labels of the data dictionary, and words of the lists below
where they stand in the cells; no other cell is ever a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.cohort.schema import Column as SchemaColumn
from ketaoutcomes.cohort.spellings import ROUTES
from ketaoutcomes.cohort.values import NO, YES
from ketaoutcomes.readers.suggest_cells import MOSTLY
from ketaoutcomes.readers.suggest_columns import NONE_WORDS, Column, squeezed, words_in, words_of

__all__ = ["choice_label", "fits", "fits_range", "missing_codes", "recodes", "yes_or_no"]

TIMINGS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(words_in("before pre-session presession predose pre-dose vor vorher antes"), "pre"),
        **dict.fromkeys(words_in("intra in-session waehrend während durante"), "during"),
        **dict.fromkeys(
            words_in("after post-session postsession postdose post-dose nach nachher despues después"), "post"
        ),
        **dict.fromkeys(["home", "online", "telehealth"], "remote"),
    }
)
SEVERITIES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(["leicht", "leve", "minor"], "mild"),
        **dict.fromkeys(words_in("mittel mässig mäßig moderado moderada"), "moderate"),
        **dict.fromkeys(words_in("schwer stark grave severo severa major"), "severe"),
    }
)
FOREIGN: Mapping[str, str] = MappingProxyType(
    {"ja": "yes", "nein": "no", "si": "yes", "sí": "yes", "oui": "yes", "non": "no"}
)
WAYS = {"timing": TIMINGS, "severity": SEVERITIES, "ascertainment": {}}
NO_ANSWER = re.compile(
    r"(?i)(missing|unknown|refused|declined|not (done|asked|known|available|applicable|recorded)|n/?a"
    r"|no answer|prefer not.*|don.?t know)"
)
# A code that is no score and no measurement.
NO_VALUE = re.compile(r"-[0-9]{1,4}|([7-9])\1{2,3}")
LONGEST = 60
UNCLEAR = "unclear"


def choice_label(text: str) -> str:
    """Return a choice's label without markup, "" where it is too long for a word or tells of somebody."""
    plain = " ".join(re.sub(r"</?[A-Za-z][^<>]*>", "", text).split())
    if not plain.isprintable() or len(plain) > LONGEST or class_of_name(plain, "safe-harbor"):
        return ""
    return plain


def yes_or_no(word: str) -> str | None:
    """Return yes or no for a word that says one of them."""
    low = word.strip().lower()
    if low in FOREIGN:
        return FOREIGN[low]
    first = low.replace(",", " ").split()[0] if low.replace(",", " ").split() else ""
    if low in YES or (first == "yes" and len(low) < LONGEST):
        return "yes"
    return "no" if low in NO or (first == "no" and len(low) < LONGEST) else None


def fits(column: Column, kind: str) -> bool:
    """Whether a column's cells can be of a kind of the data dictionary's."""
    cells = column.cells
    if kind in ("number", "integer", "hour", "day"):
        return not column.is_date and cells.fits(cells.share(r"[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)"))
    if kind == "flag":
        if column.choices:
            return sum(yes_or_no(label) is not None for _, label in column.choices) >= 2
        return cells.fits(cells.share_in(YES | NO | set(FOREIGN)))
    return not column.is_date and not column.is_clock


def recodes(column: Column, target: SchemaColumn | None) -> dict[str, str]:
    """Return the recodes of a column's cells for a column of the data dictionary, or for a covariate."""
    kind = "any" if target is None else target.kind
    name = "" if target is None else target.name
    if kind in ("number", "integer", "hour", "day"):
        numbers = all(re.fullmatch(r"-?[0-9]+([.][0-9]+)?", label) for _, label in column.choices)
        return {code: label for code, label in column.choices if code != label} if numbers else {}
    if kind in ("date", "month", "id"):
        return {}
    if column.choices and set(column.choices) <= {("1", "Yes"), ("0", "No"), ("1", "True"), ("0", "False")}:
        return {code: "yes" if code == "1" else "no" for code, _ in column.choices}
    if column.choices:
        return _of_choices(column, kind, name)
    if kind == "flag":
        return column.cells.known(FOREIGN)
    return column.cells.known(WAYS.get(name, {}))


def _of_choices(column: Column, kind: str, name: str) -> dict[str, str]:
    out: dict[str, str] = {}
    yes_no = kind == "flag" or (kind == "any" and _says_yes_or_no(column))
    for code, label in column.choices:
        plain = choice_label(label)
        word = plain
        if yes_no:
            # "Unknown" must not stay the code 1, which says yes.
            word = yes_or_no(label) or plain or UNCLEAR
        elif name == "route":
            word = ROUTES.get(squeezed(words_of(plain)), plain)
        elif name in WAYS:
            word = _way(plain, name)
            if word is None:
                word = "" if plain.lower() in NONE_WORDS else plain or UNCLEAR
        if word == "" and name not in WAYS:
            continue
        if code.strip() and code.lower() != word.lower():
            out[code] = word
        if plain and name in ("route", *WAYS) and plain.lower() not in (word.lower(), code.lower()):
            out[plain] = word
    return out


def _says_yes_or_no(column: Column) -> bool:
    words = [yes_or_no(label) for _, label in column.choices if not NO_ANSWER.fullmatch(label.strip())]
    return len(words) >= 2 and None not in words


def _way(label: str, name: str) -> str | None:
    """Return the word of timing, severity or ascertainment that a label says."""
    known = {
        "timing": ("pre", "during", "post", "remote"),
        "severity": ("mild", "moderate", "severe"),
        "ascertainment": ("checklist", "spontaneous", "scale"),
    }[name]
    found = {word for word in words_of(label) if word in known}
    found |= {WAYS[name][word] for word in (label.lower(), *words_of(label)) if word in WAYS[name]}
    return found.pop() if len(found) == 1 else None


def missing_codes(column: Column) -> list[str]:
    """Return codes of choices that say there is no answer, and that cannot be a value."""
    return [
        code
        for code, label in column.choices
        if NO_VALUE.fullmatch(code) and NO_ANSWER.fullmatch(label.strip())
    ]


def fits_range(column: Column, low: float, high: float) -> bool:
    """Whether most of a column's numbers lie in a range, and the codes of its choices too."""
    codes = [float(code) for code, _ in column.choices if re.fullmatch(r"-?[0-9]+", code)]
    gone = {float(code) for code in missing_codes(column)}
    if any(not low <= code <= high for code in codes if code not in gone):
        return False
    values = column.cells.values()
    with_number = values == values
    if not with_number.any():
        return column.cells.n_filled == 0
    inside = with_number & (values >= low) & (values <= high)
    total = column.cells.counts[with_number].sum()
    return bool(column.cells.counts[inside].sum() >= MOSTLY * total)
