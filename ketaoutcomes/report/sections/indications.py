"""Section 9: the patients of each indication, on the instruments of that indication."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import OUTCOMES, WINDOWS
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.catalog.packs import Measure
from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.numbering import INDICATIONS
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.group_counts import rates_of
from ketaoutcomes.report.sections.indication_rows import (
    OTHER,
    Indications,
    indications_of,
    measured,
    primaries_of,
    scored_with,
)
from ketaoutcomes.report.sections.part import Part, gathered
from ketaoutcomes.report.wording import defined, outcome_words, window_words
from ketaoutcomes.report.words import ci, joined, rate_words

__all__ = ["indications"]

PLACE = "Section 9"
NO_DIAGNOSIS = "Not recorded: no patient has a diagnosis, so indications cannot be told apart."


def indications(scope: Scope) -> Part:
    """Baseline, change and response by indication, then the companion instruments."""
    groups = indications_of(scope.recent)
    if groups is None:
        return Part(_section(notes=(NO_DIAGNOSIS,)), {})
    chosen = primaries_of(scope.recent, groups)
    found = scored_with(scope.recent, _instruments(scope, groups, chosen), at=WINDOW)
    made = {
        name: measured(people, groups, _rules(scope, name, groups, chosen), level=scope.level)
        for name, people in found.items()
    }
    released = _all_released(scope, groups, made)
    further = _further(scope, groups, chosen, found, released)
    started = _started(scope, groups, made)
    tables = [_primary_table(scope, groups, chosen, released, started, further)]
    companions = _companion_table(scope, groups, chosen, released)
    if companions is not None:
        tables.append(companions)
    printed, hidden = gathered([started, *released.values(), *further.values()])
    return Part(_section(tables=tuple(tables), notes=_notes(groups)), printed, hidden)


def _section(*, tables=(), notes=()) -> Section:
    return Section(
        number=INDICATIONS,
        question="How do patients of each indication do?",
        reading=(
            "Each indication on its own instruments and by its own rule, so the rows do not compare "
            "indications with each other.",
            "Of those with a valid baseline who were scored after induction.",
        ),
        terms=(("After:", f"{window_words(WINDOWS[WINDOW])}."),),
        tables=tables,
        notes=notes,
    )


def _instruments(scope: Scope, groups: Indications, chosen) -> list[str]:
    """Primary instruments and companions that have scores."""
    if not len(scope.recent.scores):
        return []
    wanted = [one.instrument for one in chosen if one is not None]
    wanted += [name for pack in groups.packs if pack is not None for name in pack.companions]
    recorded = {str(name) for name in scope.recent.scores["instrument"].unique()}
    return [name for name in dict.fromkeys(wanted) if name in recorded]


def _rules(scope: Scope, name: str, groups: Indications, chosen) -> list[str]:
    """The rule of response where the instrument is the primary one; of the main instrument everywhere.

    Section 10 gives response on the main instrument in all groups: both tables must hide the same.
    """
    rules = [one.response if one is not None and one.instrument == name else "" for one in chosen]
    if scope.instrument is not None and name == scope.instrument.name:
        usual = defined(scope.instrument, "response")
        if usual is not None and set(rules) <= {"", usual.name}:
            return [usual.name] * len(rules)
    return rules


def _all_released(scope: Scope, groups: Indications, made: dict[str, pd.DataFrame]) -> dict[str, Released]:
    """All instruments through the gate, the main one first, since its sizes are those of section 3."""
    main = None if scope.instrument is None else scope.instrument.name
    released, printed = {}, np.empty((0, len(groups.labels)))
    for name in sorted(made, key=lambda name: name != main):
        released[name] = _released(scope, name, made[name], printed, is_main=name == main)
        sizes = released[name].frame.set_index("indication")["n"].astype("Float64")
        row = sizes.reindex(groups.labels).to_numpy(dtype=float, na_value=np.nan)
        printed = np.vstack([printed, row])
    return released


def _released(
    scope: Scope, name: str, table: pd.DataFrame, printed: np.ndarray, *, is_main: bool
) -> Released:
    """One instrument's rows; those of the main instrument add up to the size of section 3.

    Sizes of another instrument go where they differ by few from one in `printed`, (instruments,
    indications), of the same indication; nothing is printed that they add up to, so the estimates stay,
    rounded.
    """
    slug = "".join(letter for letter in name.lower() if letter.isalnum())
    place = f"{PLACE}, {name}"
    kept = table[table["n"] + table["n_missing"] > 0]
    others = printed[:, kept.index]
    kept = kept.reset_index(drop=True)
    rates = kept.drop(columns=["baseline_mean", "change", "change_low", "change_high"])
    adds_up = np.full(len(kept), is_main)
    given = scope.gate.parts(f"indications_{slug}", rates, place=place, total=adds_up)
    means = kept.rename(columns={"estimate": "share", "change": "estimate", "baseline_mean": "observed"})
    means = means[["n", "estimate", "observed"]].assign(
        conf_low=kept["change_low"], conf_high=kept["change_high"]
    )
    near = np.zeros(len(kept), bool)
    if scope.gate.suppresses:
        near = scope.gate.few.small(np.abs(kept["n"].to_numpy(float) - others)).any(axis=0)
    # The gate takes the size and the interval out of a row near a size printed elsewhere.
    sizes = kept["n"][near].astype(float) + 1.0
    shown = scope.gate.means(
        f"indications_{slug}", means, place=place, without=given.frame["n"].isna().to_numpy(bool),
        beside=sizes.tolist(),
    )  # fmt: skip
    frame = given.frame.assign(
        baseline_mean=shown.frame["observed"], change=shown.frame["estimate"],
        change_low=shown.frame["conf_low"], change_high=shown.frame["conf_high"],
    )  # fmt: skip
    return Released(given.name, _without_sizes(frame, near, kept["rule"]), given.hidden)


def _without_sizes(frame: pd.DataFrame, near: np.ndarray, rules: pd.Series) -> pd.DataFrame:
    """`frame` without the sizes in `near`, and without events where no rule counts any."""
    frame.loc[near, ["n", "n_events", "n_missing"]] = pd.NA
    frame.loc[near, ["conf_low", "conf_high", "change_low", "change_high"]] = np.nan
    frame.loc[near, "estimate"] = frame.loc[near, "estimate"].round(2)
    if frame["n_missing"].isna().any():
        # One of several that add up to a number printed elsewhere would follow from the others.
        frame["n_missing"] = pd.NA
    if not any(rules):
        return frame.drop(columns=["n_events", "estimate", "conf_low", "conf_high", "rule"])
    frame.loc[(rules == "").to_numpy(), "n_events"] = pd.NA
    return frame


def _started(scope: Scope, groups: Indications, made) -> Released:
    """Patients who started, by indication; hidden where few of them are in none of the tables below."""
    n = groups.n_started
    table = pd.DataFrame({"indication": groups.labels, "n": n, "n_events": n})
    beside = [one["n"].to_numpy() for one in made.values()]
    beside += [(one["n"] + one["n_missing"]).to_numpy() for one in made.values()]
    given = scope.gate.parts("indications_started", table, place=f"{PLACE}, starters", beside=beside)
    frame = given.frame.drop(columns="n_events")
    frame.loc[(frame["suppressed"] != "").to_numpy(), "n"] = pd.NA
    return Released(given.name, frame, given.hidden)


def _further(scope: Scope, groups: Indications, chosen, found, released) -> dict[str, Released]:
    """Further rules of response, by indication and rule; who meets the stricter one meets the first."""
    out = {}
    for place, (label, one) in enumerate(zip(groups.labels, chosen, strict=True)):
        first = None if one is None else _row_of(released, one.instrument, label)
        if first is None or missing(first["n"]):
            continue
        people = found[one.instrument]
        own = groups.code[people.code] == place
        n_first = int((people.meets(OUTCOMES[one.response]) & own).sum())
        for rule in one.further:
            events = int((people.meets(OUTCOMES[rule]) & own).sum())
            row = rates_of([events], [int((people.scored & own).sum())], level=scope.level)
            row = row.assign(n_between=abs(n_first - events))
            row.insert(0, "indication", label)
            given = scope.gate.rates(
                f"indications_{rule}", row, place=f"{PLACE}, {label}", also=("n_between",)
            )
            kept = given.frame.drop(columns="n_between")
            out[rule] = Released(given.name, kept, given.hidden)
    return out


def _row_of(released, name: str, label: str) -> dict | None:
    frame = released[name].frame
    found = frame[frame["indication"] == label]
    return None if found.empty else found.iloc[0].to_dict()


def _size(value) -> str:
    return "not shown" if missing(value) else count(value)


def _mean_words(row: dict) -> tuple[str, str, str]:
    """Baseline mean, mean change and its interval."""
    if not missing(row["n"]) and row["n"] == 0:
        return DASH, DASH, DASH
    if missing(row["change"]):
        return "not shown", "not shown", "not shown"
    limits = "not shown" if missing(row["n"]) else DASH
    if not missing(row["change_low"]):
        limits = number_range(row["change_low"], row["change_high"])
    return number(row["baseline_mean"]), number(row["change"]), limits


def _response_words(row: dict) -> tuple[str, str, str]:
    """Response as estimate, n/N and interval; where only the size is hidden the estimate stays."""
    if not row["suppressed"] and missing(row["n"]):
        return percent(row["estimate"]), "not shown", "not shown"
    return rate_words(row)


def _primary_table(
    scope: Scope, groups: Indications, chosen, released, started: Released, further: dict[str, Released]
) -> Table:
    rows = []
    sizes = dict(zip(started.frame["indication"], started.frame["n"], strict=True))
    for label, pack, one in zip(groups.labels, groups.packs, chosen, strict=True):
        size = _size(sizes[label])
        row = None if one is None else _row_of(released, one.instrument, label)
        if row is None:
            rows.append((f"{label}: {_lacking(pack, one)}", size, *([DASH] * 7)))
            continue
        response = (DASH, DASH, DASH)
        if one.response:
            response = _response_words(row)
        unknown = _size(row["n_missing"])
        rows.append((f"{label}, {one.instrument}", size, *_mean_words(row), *response, unknown))
        for rule in one.further:
            if rule in further:
                words = rate_words(further[rule].frame.iloc[0])
                name = f"{label}, {outcome_words(OUTCOMES[rule], INSTRUMENTS[one.instrument])}"
                rows.append((name, *([DASH] * 4), *words, DASH))
    columns = (
        Column("Indication", True), Column("Started"), Column("Baseline, mean"),
        Column("Mean change, points"), Column(ci(scope.level)), Column("Response"), Column("n/N"),
        Column(ci(scope.level)), Column("Not known"),
    )  # fmt: skip
    notes = (
        "Mean baseline and change are of those scored after induction, response too. Not known: with a valid "
        "baseline and a closed window, but not scored. Wilson and t intervals.",
        f"Response: {'; '.join(_rule_words(chosen))}.",
        *(f"{pack.label}: {pack.caveat}" for pack in _used(groups, chosen) if pack.caveat),
    )
    return Table("Primary instrument of each indication", columns, tuple(rows), notes, is_wide=True)


def _lacking(pack, one: Measure | None) -> str:
    if pack is None:
        return "no pack of instruments"
    if one is None:
        return f"no {joined([measure.instrument for measure in pack.primary], 'or')} scores recorded"
    return f"{one.instrument}: nobody with a valid baseline whose window has closed"


def _companion_table(scope: Scope, groups: Indications, chosen, released) -> Table | None:
    rows, absent, rising = [], [], []
    for label, pack, one in zip(groups.labels, groups.packs, chosen, strict=True):
        names = pack.companions if pack is not None else ()
        lacking = [name for name in names if name not in released]
        if lacking:
            absent.append(f"{label}: no {joined(lacking, 'or')} scores recorded")
        for name in names:
            if name not in released or (one is not None and one.instrument == name):
                continue
            row = _row_of(released, name, label)
            if row is not None:
                rows.append((f"{label}, {name}", _size(row["n"]), *_mean_words(row)))
                rising += [name] * (INSTRUMENTS[name].higher_is == "better")
    notes = [f"{name}: a higher score is a lighter burden." for name in dict.fromkeys(rising)]
    notes += [f"{'. '.join(absent)}."] if absent else []
    if not rows and not notes:
        return None
    columns = (
        Column("Indication", True), Column("Scored"), Column("Baseline, mean"),
        Column("Mean change, points"), Column(ci(scope.level)),
    )  # fmt: skip
    return Table("Companion instruments", columns, tuple(rows), tuple(notes), is_wide=True)


def _used(groups: Indications, chosen) -> list:
    """Packs whose patients have a primary instrument."""
    return [pack for pack, one in zip(groups.packs, chosen, strict=True) if one is not None]


def _rule_words(chosen) -> list[str]:
    """The rule of response of each primary instrument, with its source."""
    used = {one.instrument: one.response for one in chosen if one is not None}
    words = []
    for name, rule in used.items():
        if rule:
            known = OUTCOMES[rule]
            words.append(f"{outcome_words(known, INSTRUMENTS[name])} ({known.citation})")
        else:
            words.append(f"{name}: no rule is published")
    return words


def _notes(groups: Indications) -> tuple[str, ...]:
    notes = [
        f"Choice of instruments, {pack.label.lower()}: {pack.citation}."
        for pack in groups.packs
        if pack is not None and not pack.verified
    ]
    if OTHER in groups.labels:
        notes.append(f"{OTHER}: a diagnosis that is in no pack of instruments.")
    return tuple(notes)
