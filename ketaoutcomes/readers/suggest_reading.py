"""What the columns of a sheet or form may be, and which table the sheet is mainly of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ketaoutcomes.catalog.effect_terms import effect_terms
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.suggest_cells import MOSTLY, PRESSURES
from ketaoutcomes.readers.suggest_columns import Column, Group, squeezed, words_in, words_of
from ketaoutcomes.readers.suggest_instruments import (
    Part,
    When,
    instrument_of,
    read_part,
    read_when,
    series_of,
)
from ketaoutcomes.readers.suggest_items import settle_numbers
from ketaoutcomes.readers.suggest_names import VITALS, Meaning, hinted_table, meanings, stripped
from ketaoutcomes.readers.suggest_plan import Plan
from ketaoutcomes.readers.suggest_times import pick_date
from ketaoutcomes.readers.suggest_values import fits, fits_range

__all__ = ["Reading", "effect_of", "read_group"]

OWN_TO_SESSIONS = words_in(
    "route dose_mg dose_mg_per_kg phase stopped_early monitored_minutes side_effects_recorded"
)
MEASURED = frozenset(VITALS.values())
NO_EFFECT = frozenset({"none", "no side effects", "no effects", "nothing"})
SIDE_EFFECTS = "side_effects"
# Words of columns that are about all side effects and not about one of them.
ABOUT_ALL = words_in("any asked other complete yn present")
NO_NAME = "it tells of side effects, and its name is none that is known; if it is one, write it in checkboxes"
ONGOING = (
    "a side effect that is ongoing has not resolved; if that is meant, write it as resolved, "
    "with yes and no exchanged in values"
)


@dataclass(eq=False)
class Reading:
    """What was read in the names and cells of one group.

    Parameters
    ----------
    group : Group
    main : str or None
        The table of which a row of the group is a row.
    parts : dict of Column to Part
        Columns named after instruments.
    targets : dict of str to dict of str to (Column, Meaning)
        Columns of the tables, and what gives them.
    readings : dict of Column to (str, When or None)
        Vital signs whose name tells the time of the reading.
    effects : dict of Column to str
        Columns of yes and no for one side effect each.
    dates : list of Column
        Dates and clock times.
    rest : list of Column
        All others.
    """

    group: Group
    main: str | None = None
    parts: dict[Column, Part] = field(default_factory=dict)
    targets: dict[str, dict[str, tuple[Column, Meaning]]] = field(default_factory=dict)
    readings: dict[Column, tuple[str, When | None]] = field(default_factory=dict)
    effects: dict[Column, str] = field(default_factory=dict)
    dates: list[Column] = field(default_factory=list)
    rest: list[Column] = field(default_factory=list)

    def has(self, table: str, *names: str) -> bool:
        """Whether some column gives one of a table's columns."""
        return any(name in self.targets.get(table, {}) for name in names)


def read_group(group: Group, plan: Plan) -> Reading:
    """Return what a group's columns may be; tell the plan of those that can be nothing."""
    reading = Reading(group)
    open_columns = [column for column in group.columns if plan.is_open(column)]
    series = series_of(column.words for column in open_columns)
    own = instrument_of(group.name) if group.name else None
    if own is not None:
        series |= series_of((*words_of(own.name), *column.words) for column in open_columns)
    found: dict[Column, tuple[Meaning, ...]] = {}
    for column in open_columns:
        part = _part(column, series, own)
        if part is not None:
            reading.parts[column] = part
        elif column.is_clock or (
            column.is_date and (column.named_date or column.named_time or column.cells.n_filled)
        ):
            reading.dates.append(column)
        elif column.cells.serials and column.named_date:
            plan.refuse([column], "the dates are numbers of a spreadsheet; write them as YYYY-MM-DD")
        else:
            found[column], lacking = meanings(column, group)
            timed = _timed_vital(column, group)
            if not found[column] and timed is not None:
                reading.readings[column] = timed
                del found[column]
            elif lacking:
                plan.refuse([column], lacking)
                del found[column]
    settle_numbers(reading.parts)
    reading.main = _main(reading, found)
    _choose(reading, found, plan)
    return reading


def _part(column: Column, series: Mapping[str, int], own) -> Part | None:
    """Return the part of an instrument that a column is, by its name or by that of its sheet."""
    # The sign of BPRS+ is none of a name's words.
    exact = instrument_of(column.name) if "+" in column.name else None
    part = Part(exact, "score", bare=True) if exact is not None else read_part(column.words, dict(series))
    if part is None and own is not None:
        # On a sheet of one instrument, "q1" and "total" say enough.
        inner = read_part((*words_of(own.name), *column.words), dict(series))
        if (
            inner is not None
            and inner.kind in ("item", "number", "score", "timing", "mode")
            and inner.instrument is own
        ):
            part = inner
    if part is None or part.kind not in ("score", "item") or part.instrument is None:
        return part
    numbers = column.cells.n_filled == 0 or column.cells.numbers
    if part.bare and not (numbers and fits_range(column, part.instrument.minimum, part.instrument.maximum)):
        return None
    return part


def _timed_vital(column: Column, group: Group) -> tuple[str, When | None] | None:
    """Return the vital sign that a name tells beside a time: sbp_40, pre_hr, bp_post_40."""
    rest, told = stripped(column.words, group)
    for words in (column.words, rest) if told in (None, "vitals", "sessions") else (column.words,):
        for n in range(len(words) - 1, 0, -1):
            for name, other in ((words[:n], words[n:]), (words[-n:], words[:-n])):
                target = VITALS.get(squeezed(name))
                if target is not None and squeezed(name) not in ("ta", "sys", "dia"):
                    when = _minute(other)
                    if when is not None:
                        return target, when
    return None


def _minute(words: tuple[str, ...]) -> When | None:
    """Return the minute that words beside a vital sign tell, or the words where they tell none."""
    plain = tuple(word for word in words if word not in ("t", "min", "mins", "minute", "minutes", "at"))
    named = len(plain) < len(words)
    if len(plain) == 1 and plain[0].isdecimal() and len(plain[0]) <= 4:
        return When("minute" if named else "number", str(int(plain[0])))
    if len(plain) == 2 and plain[0] == "post" and plain[1].isdecimal():
        return When("minute", str(int(plain[1])))
    if plain == ("pre", "0"):
        return When("minute", "0")
    parsed = read_when(plain, 0) if plain else None
    if parsed is not None and parsed[1] == len(plain):
        hours = parsed[0].kind == "hour"
        return (
            When("minute", f"{float(parsed[0].text) * 60:g}") if hours else When("unknown", " ".join(words))
        )
    known = words_in("pre post baseline bl before after during peak max end mid discharge")
    return When("unknown", " ".join(words)) if plain and plain[0] in known else None


def _main(reading: Reading, found: dict[Column, tuple[Meaning, ...]]) -> str | None:
    """Return the table of which a row of the group is a row."""
    named = {
        (one.table, one.target) for means in found.values() for one in means if one.exact and not one.loose
    }
    loose = {(one.table, one.target) for means in found.values() for one in means if one.exact}
    hint = hinted_table(reading.group)

    def has(table: str, *names: str) -> bool:
        return any((table, name) in named for name in names)

    if ("scores", "instrument") in loose and ("scores", "score") in loose and _names_instruments(found):
        return "scores"
    dosed = has("sessions", "route", "dose_mg", "dose_mg_per_kg")
    if (
        ("side_effects", "effect") in loose
        and not dosed
        and (hint == SIDE_EFFECTS or has(SIDE_EFFECTS, "severity", "onset_minutes", "effect"))
    ):
        return SIDE_EFFECTS
    signs = any(one.table == "vitals" and one.target in MEASURED for means in found.values() for one in means)
    if signs and not dosed and (hint == "vitals" or ("vitals", "minute") in loose):
        return "vitals"
    if dosed:
        return "sessions"
    if hint is not None and hint != "scores":
        return hint
    if has("disposition", "reason") or (
        has("disposition", "status") and not has("patients", "sex", "age", "diagnosis")
    ):
        return "disposition"
    if any((("sessions"), name) in named for name in OWN_TO_SESSIONS | {"session"}):
        return "sessions"
    dates = [column for column in reading.dates if set(column.words) & {"session", "infusion", "treatment"}]
    if pick_date(reading.group, dates, "sessions"):
        return "sessions"
    if has("patients", "sex", "age", "age_band", "diagnosis", "prior_trials"):
        return "patients"
    return hint or ("scores" if reading.parts else None)


def _names_instruments(found: dict[Column, tuple[Meaning, ...]]) -> bool:
    """Whether the cells of the column of instruments name some, or there are none yet."""
    for column, means in found.items():
        if any((one.table, one.target) == ("scores", "instrument") for one in means):
            texts = [label for _, label in column.choices] or list(column.cells.texts)
            known = [instrument_of(text) is not None for text in texts[:200]]
            if not known or sum(known) >= len(known) / 2:
                return True
    return False


def _choose(reading: Reading, found: dict[Column, tuple[Meaning, ...]], plan: Plan) -> None:
    """Give every column one meaning, or tell the plan why it has none."""
    rivals: dict[tuple[str, str], list[tuple[Column, Meaning]]] = {}
    for column, means in found.items():
        effect = effect_of(column, reading)
        if effect is not None and not any(one.exact and one.table == reading.main for one in means):
            reading.effects[column] = effect
            continue
        usable = [one for one in means if not one.loose or one.table == reading.main]
        usable = [one for one in usable if one.table != "scores" or reading.main == "scores"]
        if reading.main != "sessions":
            usable = [one for one in usable if (one.table, one.target) != ("sessions", "clinic_id")]
        if not any(one.exact for one in means) and _says_of_effects(column, reading.group):
            plan.refuse([column], ONGOING if "ongoing" in column.words else NO_NAME)
            continue
        if any(one.target == "patient_id" for one in means):
            plan.refuse([column], "another code of the patient; one is enough")
            continue
        if any(one.target == "month" for one in usable):
            plan.refuse([column], "the month is made from the date")
            continue
        # Numbers of sessions and lengths of time belong to the table that the group is of.
        chosen = [one for one in usable if one.table == reading.main] or usable
        tables = {one.table for one in chosen}
        if not chosen:
            reading.rest.append(column)
        elif len(tables) > 1 or len({one.target for one in chosen}) > 1:
            names = " or ".join(f"{one.table}.{one.target}" for one in chosen)
            plan.refuse([column], f"it may be {names}")
        elif not _of_kind(column, chosen[0]):
            if chosen[0].exact:
                plan.refuse(
                    [column],
                    f"its name is that of {chosen[0].table}.{chosen[0].target}, and its cells are not",
                )
            else:
                reading.rest.append(column)
        else:
            rivals.setdefault((chosen[0].table, chosen[0].target), []).append((column, chosen[0]))
    for (table, target), given in rivals.items():
        exact = [one for one in given if one[1].exact] or given
        own = [one for one in exact if squeezed(one[0].words) == squeezed(target.split("_"))] or exact
        if len(own) > 1:
            names = " or ".join(column.shown for column, _ in own)
            plan.refuse([column for column, _ in own], f"several may be {table}.{target}: {names}; keep one")
        else:
            reading.targets.setdefault(table, {})[target] = own[0]
        reading.rest += [column for column, _ in given if column not in [one[0] for one in own]]


def _of_kind(column: Column, one: Meaning) -> bool:
    if one.target == "sbp/dbp":
        return column.cells.share(PRESSURES) >= MOSTLY
    if one.target == "session":
        return column.cells.fits(column.cells.share(r"[0-9]{1,4}([.]0)?"))
    given = TABLES[one.table][one.target]
    if one.target.endswith("_minutes") and column.cells.n_filled:
        # 72 under "observed_h" are no hours.
        return fits_range(column, given.low / one.factor, given.high / one.factor)
    return fits(column, given.kind)


def effect_of(column: Column, reading: Reading) -> str | None:
    """Return the known side effect that a column of yes and no is about, or None."""
    if not _ticked(column):
        return None
    rest, told = stripped(column.words, reading.group)
    marked = told == SIDE_EFFECTS and rest != column.words
    for words in dict.fromkeys(_without_answers(one) for one in (column.words, rest)):
        name = " ".join(words)
        if name in NO_EFFECT:
            return "none" if marked or reading.main == SIDE_EFFECTS else None
        if effect_terms().knows(name) and (marked or reading.main in ("sessions", SIDE_EFFECTS)):
            return effect_terms().name(name)
    return None


def _without_answers(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name's words without the answers that it asks for: "nausea Y/N"."""
    for answers in (("y", "n"), ("yes", "no"), ("yn",)):
        n = len(answers)
        if len(words) > n and words[-n:] == answers:
            return words[:-n]
        if len(words) > n and words[:n] == answers:
            return words[n:]
    return words


def _ticked(column: Column) -> bool:
    return "___" not in column.name and (
        column.cells.ticks or (bool(column.choices) and len(column.choices) <= 5)
    )


def _says_of_effects(column: Column, group: Group) -> bool:
    """Whether a column of yes and no is named as one of side effects: ae_related, se_ongoing."""
    rest, told = stripped(column.words, group)
    return _ticked(column) and told == SIDE_EFFECTS and rest != column.words and not ABOUT_ALL & set(rest)
