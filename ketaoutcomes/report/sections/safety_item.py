"""Section 8: what became of the item about thoughts of death, from before session 1 to after induction."""

from __future__ import annotations

from dataclasses import dataclass

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.safety_item import safety_item_outcomes
from ketaoutcomes.catalog.definitions import WINDOWS
from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument
from ketaoutcomes.derive.safety_item import safety_item_number
from ketaoutcomes.draw.labels import count, missing
from ketaoutcomes.draw.transitions import transitions
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.numbering import RESPONDERS, SAFETY_ITEM
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.wording import defined, window_days
from ketaoutcomes.report.words import ci, plural, rate_words
from ketaoutcomes.results.safety_item import SafetyItemResult

__all__ = ["safety_item"]

BASELINE = "last_14_days"
MOST_FIGURES = 2
PLACE = "Section 8"
WORDS = {
    "si_resolved": "0 after, of those with 1 or more before",
    "si_reduced": "lower after, of those with 1 or more before",
    "si_worse": "higher after, of all with both",
}


@dataclass(frozen=True)
class _Found:
    """An instrument's item with what may be printed of it."""

    result: SafetyItemResult
    known: Instrument
    outcomes: Released
    cells: Released
    letter: str

    @property
    def name(self) -> str:
        """``"item 9 of the PHQ-9"``."""
        return f"item {self.result.item} of the {self.known.name}"


def safety_item(scope: Scope) -> Part:
    """Transitions of the flagged item, and the shares in whom it fell to 0, fell, or rose."""
    instruments = _flagged(scope)
    if not instruments:
        return Part(_section(notes=(_why_none(scope),)), {})
    found, notes = [], []
    for known in instruments:
        one = _found(scope, known, "abcdefgh"[len(found)])
        if one is None:
            notes.append(
                f"Item {safety_item_number(known)} of the {known.name}: no patient has it recorded before "
                "session 1 and after induction."
            )
        else:
            found.append(one)
    figures = []
    for one in found[:MOST_FIGURES]:
        if one.cells.frame["n"].notna().any():
            figures.append(_figure(scope, one))
        else:
            notes.append(f"Scores of {one.name} before and after cannot be shown{too_small(scope)}.")
    tables, hidden = gathered([item for one in found for item in (one.outcomes, one.cells)])
    section = _section(
        figures=tuple(figures),
        tables=(_table(scope, found),) if found else (),
        notes=tuple(notes),
    )
    return Part(section, tables, hidden, tuple(one.result for one in found))


def _section(*, figures=(), tables=(), notes=()) -> Section:
    return Section(
        number=SAFETY_ITEM,
        question="What became of the item about thoughts of death?",
        reading=(
            "Item 9 of the PHQ-9, and such items of other scales, are screening items, not an outcome of "
            "suicide.",
            "This report is not an alert: a positive item is followed up in the clinic on the day.",
        ),
        terms=(
            ("Before:", "at the baseline assessment."),
            (
                "After:",
                f"at the assessment of section {RESPONDERS}, {window_days(WINDOWS[WINDOW])} after induction.",
            ),
            ("Not known:", "an item left blank is never counted as 0, also where the total was made up."),
        ),
        figures=figures,
        tables=tables,
        notes=notes,
    )  # fmt: skip


def _flagged(scope: Scope) -> list[Instrument]:
    """Instruments with one flagged item that is recorded, the main instrument first."""
    scores = scope.recent.scores
    if not len(scores):
        return []
    found = []
    for name in (str(name) for name in scores["instrument"].unique()):
        known = INSTRUMENTS.get(name)
        item = None if known is None else safety_item_number(known)
        column = f"i{item}"
        if item is None or column not in scores.columns:
            continue
        if scores.loc[scores["instrument"] == name, column].notna().any():
            found.append(known)
    order = list(INSTRUMENTS)
    return sorted(found, key=lambda known: (known != scope.instrument, order.index(known.name)))


def _why_none(scope: Scope) -> str:
    """Why there is no item: totals only, or no instrument that has one."""
    names = (
        (str(name) for name in scope.recent.scores["instrument"].unique()) if len(scope.recent.scores) else ()
    )
    has_item = [name for name in names if name in INSTRUMENTS and INSTRUMENTS[name].safety_item is not None]
    if has_item:
        return f"Not recorded: of {', '.join(sorted(has_item))} there are totals without the item."
    return "Not recorded: no instrument here has an item about thoughts of death."


def _found(scope: Scope, known: Instrument, letter: str) -> _Found | None:
    result = safety_item_outcomes(scope.recent, known.name, at=WINDOW, baseline=BASELINE, level=scope.level)
    if not result.table["n"].max():
        return None
    item = safety_item_number(known)
    highest = known.item_ranges[item - 1][1] if known.item_ranges else 3.0
    # The catalogue's threshold parts the upper band; a threshold of 1 leaves the mildest answer apart.
    upper = max(known.safety_item.threshold, 2)
    eligible, scored = _printed_sizes(scope, known)
    table = result.table.drop(columns="label")
    outcomes, cells = scope.gate.transitions(
        f"safety_item_{_slug(known.name)}", table, result.transitions,
        place=f"{PLACE}, {known.name} item {item}", cuts=(0, 1, upper), highest=highest,
        eligible_printed=eligible, scored_printed=scored,
    )  # fmt: skip
    return _Found(result, known, outcomes, cells, letter)


def _slug(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _printed_sizes(scope: Scope, known: Instrument) -> tuple[bool, bool]:
    """Whether section 3 prints how many have a valid baseline, and how many of them were scored."""
    if known != scope.instrument or defined(known, "response") is None:
        return False, False
    table = response_rates(scope.recent, known.name, at=WINDOW, baseline=BASELINE, level=scope.level).table
    given = scope.gate.denominators("response_rates", table, place=PLACE, beside=list(scope.sizes)).frame
    sizes = given.set_index("denominator")["n"]
    return not missing(sizes["baseline_eligible"]), not missing(sizes["scored"])


def _figure(scope: Scope, one: _Found) -> Figure:
    cells = one.cells.frame
    known = cells[cells["after"] != "not known"].reset_index(drop=True)
    alone = ~known["before"].duplicated(keep=False)
    known["after"] = known["after"].mask(alone, "")
    title = _title(one)
    said = [
        f"{row['before']} before, {row['after']} after: {count(row['n'])}."
        for row in cells.to_dict("records")
    ]
    svg = drawn(
        transitions, known[["before", "after", "n"]], prefix=f"figure-8{one.letter}", title=title,
        description=" ".join(said), before=f"Item {one.result.item} before",
    )  # fmt: skip
    n = one.outcomes.frame.set_index("outcome")["n"]["si_worse"]
    size = "" if missing(n) else f"; {plural(n, 'patient')} with both"
    population = (
        f"{one.name[:1].upper()}{one.name[1:]}, before session 1 and after induction{size}{scope.during}"
    )
    return Figure(f"Fig. 8{one.letter}", title, population, svg, _figure_notes(scope, one))


def _title(one: _Found) -> str:
    """``"Item 9: 79 of 113 patients above 0 scored 0 after; 13 of 143 scored higher"``, as far as shown."""
    rows = one.outcomes.frame.set_index("outcome")
    parts = []
    for outcome, words in (
        ("si_resolved", "{x} of {n} patients above 0 scored 0 after"),
        ("si_worse", "{x} of {n} scored higher"),
    ):
        row = rows.loc[outcome]
        if not row["suppressed"] and row["n"]:
            parts.append(words.format(x=count(row["n_events"]), n=count(row["n"])))
    head = f"Item {one.result.item}"
    return f"{head}: {'; '.join(parts)}" if parts else f"{head} before and after induction"


def _figure_notes(scope: Scope, one: _Found) -> tuple[str, ...]:
    cells = one.cells.frame
    notes = []
    if one.cells.hidden:
        notes.append(
            f"Scores are merged, or left out, where a count is {scope.gate.few.words} or would show one by "
            "subtraction."
        )
    unknown = cells[cells["after"] == "not known"]
    if len(unknown):
        parts = [f"{count(row['n'])} with {row['before']} before" for row in unknown.to_dict("records")]
        notes.append(f"Not known after, and not assumed to be 0: {', '.join(parts)}.")
    if not scope.gate.suppresses:
        blank = one.result.transitions
        before = blank.loc[blank["before"].isna(), "n"].sum()
        after = blank.loc[blank["status"] == "item not recorded", "n"].sum()
        if before or after:
            notes.append(f"Scored, but item not recorded: {count(before)} before, {count(after)} after.")
    return (" ".join(notes),) if notes else ()


def _table(scope: Scope, found: list[_Found]) -> Table:
    rows = []
    for one in found:
        for row in one.outcomes.frame.to_dict("records"):
            estimate, of_total, interval = rate_words(row)
            name = f"{one.known.name} item {one.result.item}: {WORDS[row['outcome']]}"
            rows.append((name, estimate, of_total, interval))
    others = [one.known.name for one in found if one.known.name != "PHQ-9"]
    notes = ["Wilson intervals. Patients with a valid baseline whose window has closed."]
    if others:
        notes.append(f"{', '.join(others)}: the rules for item 9 of the PHQ-9, carried over.")
    return Table(
        caption="The item after induction",
        columns=(Column("Item", True), Column("Patients"), Column("n/N"), Column(ci(scope.level))),
        rows=tuple(rows),
        notes=(" ".join(notes),),
    )
