"""Names of columns that begin with an instrument: which instrument, which part of it, and which time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from ketaoutcomes.catalog.entries import without_punctuation
from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument, find_instrument
from ketaoutcomes.readers.suggest_columns import squeezed, words_in

__all__ = ["Part", "When", "instrument_of", "read_part", "read_when", "series_of"]

SCORE = words_in("total score sum tot totalscore sumscore gesamt summe punktzahl puntaje puntuacion")
ITEM_WORDS = words_in("i q item items question frage pregunta")
DATE_WORDS = words_in("date dt datum fecha taken datetime timestamp")
CLOCK_WORDS = words_in("time clock zeit hora")
FILLERS = words_in("session visit the at")
DAYS = {**dict.fromkeys(("d", "day", "days", "tag", "dia"), 1)}
WEEKS = dict.fromkeys(("w", "wk", "wks", "week", "weeks", "woche", "semana"), 7)
HOURS = words_in("h hr hrs hour hours")
MINUTES = words_in("min mins minute minutes")
# Times whose day nobody can know from the name.
MONTHS = words_in("m mo month months monat mes")
VISITS = words_in("v visit s session sess inf infusion tx treatment t tp timepoint visita cycle")
AROUND = {
    **dict.fromkeys(("pre", "before", "vor", "antes", "prior"), "pre"),
    **dict.fromkeys(("post", "after", "nach", "despues"), "post"),
    **dict.fromkeys(("during", "intra"), "during"),
}
SOMETIME = words_in(
    "bl baseline base screening screen initial intake entry end eot eos final fu followup "
    "follow up discharge exit last first ltfu maintenance acute"
)
LONGEST = 8
MINUTES_PER_HOUR, HOURS_PER_DAY = 60, 24


@dataclass(frozen=True)
class When:
    """The time that a name tells.

    Parameters
    ----------
    kind : {"day", "hour", "around", "unknown"}
        A number of days or hours; "pre", "post" or "during"; or words from which no day is known.
    text : str
        The number, or the words.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Part:
    """What a column named after an instrument holds.

    Parameters
    ----------
    instrument : Instrument or None
        None where several may be meant.
    kind : {"score", "item", "number", "date", "clock", "hour", "day", "timing", "mode", "unclear"}
        A "number" stands alone behind the name: an item, or something else that is counted.
    item : int
        Number of the item, or the number that stands alone; 0 otherwise.
    when : When or None
    reason : str
        Why it is unclear.
    bare : bool
        The name is that of the instrument alone.
    rival : str
        What else the name may mean: MADRS-24h may be the MADRS, 24 hours after.
    """

    instrument: Instrument | None
    kind: str
    item: int = 0
    when: When | None = None
    reason: str = ""
    bare: bool = False
    rival: str = ""


@lru_cache(maxsize=4096)
def instrument_of(name: str) -> Instrument | None:
    """Return the instrument of exactly that name or alias, or None."""
    return find_instrument(name) if without_punctuation(name) in _spellings() else None


@lru_cache(maxsize=1)
def _spellings() -> frozenset[str]:
    # Looked up first, since an unknown name makes `find_instrument` look for close ones.
    return frozenset(
        without_punctuation(name) for one in INSTRUMENTS.values() for name in (one.name, *one.aliases)
    )


def series_of(names: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """Return beginnings of names that are followed by 1, 2, 3 and so on, with the last number of the run."""
    numbers: dict[str, set[int]] = {}
    for words in names:
        for place in range(1, len(words)):
            if words[place].isdecimal() and len(words[place]) <= 2:
                lead = words[:place]
                lead = lead[:-1] if len(lead) > 1 and lead[-1] in ITEM_WORDS else lead
                numbers.setdefault(squeezed(lead), set()).add(int(words[place]))
    out = {}
    for lead, found in numbers.items():
        last = next((number for number in range(1, 100) if number + 1 not in found), 0)
        if {1, 2, 3} <= found:
            out[lead] = last
    return out


def read_part(words: tuple[str, ...], series: dict[str, int]) -> Part | None:
    """Return what a name says of an instrument, or None if it names none.

    Parameters
    ----------
    words : tuple of str
        From `words_of`.
    series : dict
        From `series_of` all names that stand together: the 2 of phq_2 is an item where phq_1 and phq_3
        are there too, and part of the instrument's name otherwise.
    """
    for start in range(min(3, len(words))):
        lead = tuple(word for word in words[:start] if word not in FILLERS)
        if start and lead and _parsed(lead) is None:
            continue
        found = _beginning(words[start:], series)
        if found is None:
            continue
        instrument, n, sure = found
        rest = (*lead, *words[start + n :])
        if instrument is None:
            return Part(None, "unclear", reason=sure)
        part = _parsed(rest)
        if part is None:
            weak = not _is_own_name(squeezed(words[start : start + n]), instrument)
            return (
                None
                if weak
                else Part(instrument, "unclear", reason=f"no part of {instrument.name} that is known")
            )
        if part.kind == "item" and part.item > instrument.n_items:
            reason = f"{instrument.name} has {instrument.n_items} items"
            return Part(instrument, "unclear", part.item, reason=reason)
        rival = _rival(words[start:], n, lead, instrument)
        return replace(part, instrument=instrument, bare=not rest, rival=rival)
    return None


def _rival(words: tuple[str, ...], n: int, lead: tuple[str, ...], instrument: Instrument) -> str:
    """Return another instrument at a time that words may name too, "" if they name none."""
    for m in range(n - 1, 0, -1):
        other = instrument_of(squeezed(words[:m]))
        if other is None or other is instrument:
            continue
        # The 24 h of MADRS-24h is a time as well; the 6 of cadss6_hour is none.
        time = read_when(words[:n], m)
        when = time[0] if time is not None and time[1] == n - m else None
        if when is not None and when.kind in ("hour", "day") and _parsed((*lead, *words[m:])) is not None:
            return f"{other.name} {when.text} {when.kind}s after"
    return ""


def _beginning(words: tuple[str, ...], series: dict[str, int]) -> tuple[Instrument | None, int, str] | None:
    """Return the instrument with which a name begins and how many of its words are the instrument's name."""
    for n in range(min(LONGEST, len(words)), 0, -1):
        key = squeezed(words[:n])
        if words[n - 1].isdecimal() and n > 1:
            lead = words[: n - 2] if n > 2 and words[n - 2] in ITEM_WORDS else words[: n - 1]
            run = series.get(squeezed(lead), 0)
            if int(words[n - 1]) <= run and instrument_of(key) is not None:
                # An item of the series, and no part of the instrument's name.
                return _of_series(squeezed(lead), run, len(lead))
        instrument = instrument_of(key)
        if instrument is not None:
            return instrument, n, ""
    for n in range(min(3, len(words) - 1), 0, -1):
        lead = squeezed(words[:n])
        numbered = words[n].isdecimal() or (words[n] in ITEM_WORDS and words[n + 1 :][:1])
        found = _of_series(lead, series[lead], n) if numbered and lead in series and len(lead) > 2 else None
        if found is not None:
            return found
    return None


def _of_series(lead: str, run: int, n: int) -> tuple[Instrument | None, int, str] | None:
    """Return the instrument of a series of items: by its name, or the only one with so many items."""
    instrument = instrument_of(lead)
    if instrument is not None:
        return instrument, n, ""
    longer = [
        one
        for one in INSTRUMENTS.values()
        if any(without_punctuation(name).startswith(lead) for name in (one.name, *one.aliases))
    ]
    fitting = [one for one in longer if one.n_items == run]
    if len(fitting) == 1:
        return fitting[0], n, ""
    names = " or ".join(one.name for one in longer)
    return (None, n, f"it may be an item of {names}") if longer else None


def _is_own_name(key: str, instrument: Instrument) -> bool:
    return key == without_punctuation(instrument.name) or any(sign.isdigit() for sign in key)


def _parsed(words: tuple[str, ...]) -> Part | None:
    """Return the part and the time that the words beside an instrument's name tell, or None if not all do."""
    kind, item, when, place = "", 0, None, 0
    while place < len(words):
        time = read_when(words, place)
        if time is not None:
            found, step = time
            if when is not None:
                joined = {when.kind, found.kind} == {"unknown"}
                found = When("unknown", f"{when.text} {found.text}") if joined else None
            if found is None:
                return None
            when, place = found, place + step
            continue
        step, told, number = _told(words, place)
        if not told or (kind and {kind, told} != {"date", "clock"}):
            return None
        kind, item, place = ("date" if kind else told), number or item, place + step
    return Part(None, kind or "score", item, when)


def _told(words: tuple[str, ...], place: int) -> tuple[int, str, int]:
    """Return how many words at a place tell a part, which, and the number of the item."""
    word = words[place]
    following = words[place + 1] if place + 1 < len(words) else ""
    if word in ITEM_WORDS and following.isdecimal():
        return 2, "item", int(following)
    if word.isdecimal() and len(word) <= 3:
        return 1, "number", int(word)
    if word in SCORE:
        return (2 if following in SCORE else 1), "score", 0
    if word in DATE_WORDS:
        return (2 if following in DATE_WORDS | CLOCK_WORDS else 1), "date", 0
    kinds = {"timing": "timing", "timepoint": "timing", "mode": "mode", "rater": "mode"}
    kinds |= {"hour": "hour", "hours": "hour", "day": "day", "days": "day"}
    if word in CLOCK_WORDS:
        return 1, "clock", 0
    return 1, kinds.get(word, ""), 0


def read_when(words: tuple[str, ...], place: int) -> tuple[When, int] | None:
    """Return the time that the words at a place tell, and how many words they are; None if none."""
    word = words[place]
    following = words[place + 1] if place + 1 < len(words) else ""
    number, unit = (following, word) if following.isdecimal() else (word, following)
    if number == word and words[place + 2 : place + 3] and words[place + 2].isdecimal():
        # The 1 of "1 d14" is an item, and the day 14.
        unit = ""
    if number.isdecimal() and len(number) <= 4 and unit:
        n = int(number)
        if unit in DAYS or unit in WEEKS:
            return When("day", str(n * {**DAYS, **WEEKS}[unit])), 2
        if unit in HOURS:
            return When("hour", str(n)), 2
        if unit in MINUTES:
            return When("hour", f"{n / MINUTES_PER_HOUR:.6g}"), 2
        if unit in MONTHS or (unit in VISITS and following.isdecimal()):
            return When("unknown", f"{unit} {n}"), 2
    if word in AROUND:
        return When("around", AROUND[word]), 1
    if word in SOMETIME:
        return When("unknown", word), 1
    return None
