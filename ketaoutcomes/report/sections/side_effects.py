"""Section 6: side effects per session and per patient, by the way they were asked for."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.draw.forest import forest
from ketaoutcomes.draw.labels import few_words, missing, percent
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.numbering import SIDE_EFFECTS
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import PERIOD, Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.sections.safety import Extra, how_long, rare_events
from ketaoutcomes.report.words import asked, ci, plural, rate_words, way_name
from ketaoutcomes.results.side_effects import SideEffectRates

__all__ = ["side_effects"]

MOST_ROWS = 12
MOST_LASTING = 3
NOT_RECORDED = "Not recorded: no session says whether there were side effects. This is not zero."
WHOSE = {"session": "sessions in", "patient": "patients who started in"}
TITLES = {
    "session": "{way}, {share} of sessions had an effect",
    "patient": "{way}, {share} of patients had at least one",
}


def side_effects(scope: Scope) -> Part:
    """Forests per session and per patient, and the numbers behind them."""
    rare = rare_events(scope)
    if "side_effects" not in scope.cohort.present:
        return _without_rates(rare)
    results = {per: _rates(scope, per) for per in ("session", "patient")}
    tables = {per: _within(result) for per, result in results.items()}
    if tables["session"].empty:
        return _without_rates(rare)
    released = [
        _release(scope, "session", tables["session"]),
        _release(scope, "patient", tables["patient"]),
    ]
    figures, notes = [], []
    for per, given in zip(results, released, strict=True):
        if (given.frame["suppressed"] == "").any():
            figures.append(_figure(scope, per, given, "ab"[len(figures)]))
        else:
            notes.append(f"Per {per}, side effects cannot be shown{too_small(scope)}.")
    lasting = how_long(scope, _commonest(released[0].frame)) if figures else Extra()
    extras = (lasting, rare)
    found, hidden = gathered([*released, *(item for extra in extras for item in extra.released)])
    numbers = (_table(released[0].frame, scope),) if figures else ()
    section = _section(
        figures=tuple(figures),
        tables=(*numbers, *(table for extra in extras for table in extra.tables)),
        notes=(*notes, *(note for extra in extras for note in extra.notes)),
    )
    made = (*results.values(), *(result for extra in extras for result in extra.results))
    return Part(section, found, hidden, made)


def _without_rates(rare: Extra) -> Part:
    """The section of a cohort without a record of side effects; early stops may be recorded all the same."""
    found, hidden = gathered(list(rare.released))
    section = _section(tables=tuple(rare.tables), notes=(NOT_RECORDED, *rare.notes))
    return Part(section, found, hidden, tuple(rare.results))


def _commonest(frame: pd.DataFrame) -> list[str]:
    """The single effects that are shown and found most often."""
    shown = frame[(frame["suppressed"] == "") & (frame["effect"] != ANY)]
    return list(dict.fromkeys(shown["effect"]))[:MOST_LASTING]


def _section(*, figures=(), tables=(), notes=()) -> Section:
    return Section(
        number=SIDE_EFFECTS,
        question="Which side effects?",
        reading=(
            "Per session and per patient answer different questions: “how often does it happen?” and “how "
            "many ever have it?”.",
        ),
        terms=(
            ("Checklist", "(filled): every effect asked for."),
            ("Spontaneous", "(open): noted if mentioned."),
            (
                "",
                "How one asks decides the rate, so the two are never pooled. Sessions without a record are "
                "left out, never counted as “none”.",
            ),
        ),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _rates(scope: Scope, per: str) -> SideEffectRates:
    """Sessions of the twelve months; per patient, of those who had a session in them."""
    if scope.calendar is None:
        return side_effect_rates(scope.cohort, per=per, level=scope.level)
    if per == "session":
        return side_effect_rates(scope.cohort, per=per, by=PERIOD, level=scope.level)
    return side_effect_rates(scope.recent, per=per, level=scope.level)


def _within(result: SideEffectRates) -> pd.DataFrame:
    """The table without the column that only marked the period."""
    return result.table.drop(columns=PERIOD, errors="ignore")


def _release(scope: Scope, per: str, table: pd.DataFrame) -> Released:
    place = f"Section 6, per {per}"
    return scope.gate.effects(f"side_effects_per_{per}", table, place=place, whole=ANY)


def _figure(scope: Scope, per: str, given: Released, letter: str) -> Figure:
    frame = _top(given.frame)
    ways = list(dict.fromkeys(frame["ascertainment"]))
    totals = frame[frame["effect"] == ANY]
    title = f"Side effects per {per}"
    first = totals.iloc[0]
    if not first["suppressed"]:
        way = asked(first["ascertainment"]).capitalize()
        title = TITLES[per].format(way=way, share=percent(first["estimate"]))
    sizes = [f"{way_name(row['ascertainment'])}: {_size(row, per)}" for row in totals.to_dict("records")]
    svg = drawn(
        forest, frame, prefix=f"figure-6{letter}", title=title, description=_told(frame, scope),
        unit_line=f"% of {per}s", level=scope.level,
    )  # fmt: skip
    population = "; ".join(sizes).capitalize()
    if scope.has_recent:
        population += f"; {WHOSE[per]} the {scope.period}"
    note = "The interval allows for several sessions per patient."
    if per == "patient":
        note = "Exact intervals. The share grows with the number of sessions that a patient has."
    left_out = given.frame["effect"].nunique() - frame["effect"].nunique()
    are = "is" if left_out == 1 else "are"
    more = f" {plural(left_out, 'rarer effect')} {are} in the table file." if left_out else ""
    return Figure(f"Fig. 6{letter}", title, population, svg, (note + more,) if ways else ())


def _size(row, per: str) -> str:
    return few_words(row["suppressed"]) if missing(row["n"]) else f"{plural(row['n'], per)}"


def _top(frame: pd.DataFrame) -> pd.DataFrame:
    """ "Any side effect" and the effects that follow it in order of size, as many as a figure holds."""
    names = list(dict.fromkeys(frame["effect"]))[:MOST_ROWS]
    return frame[frame["effect"].isin(names)].reset_index(drop=True)


def _told(frame: pd.DataFrame, scope: Scope) -> str:
    sentences = []
    for row in frame.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        name = f"{row['effect']}, {asked(row['ascertainment'])}"
        sentences.append(f"{name}: {estimate} ({of_total}, {ci(scope.level)} {interval}).")
    return " ".join(sentences)


def _table(frame: pd.DataFrame, scope: Scope) -> Table:
    """Per session: one row per effect, n/N for each way of asking."""
    frame = _top(frame)
    ways = list(dict.fromkeys(frame["ascertainment"]))
    rows = []
    for effect in dict.fromkeys(frame["effect"]):
        cells = [effect[:1].upper() + effect[1:]]
        for way in ways:
            found = frame[(frame["effect"] == effect) & (frame["ascertainment"] == way)]
            words = rate_words(found.iloc[0]) if len(found) else ("–", "–", "–")
            cells += [words[0], words[1]]
        rows.append(tuple(cells))
    columns = [Column("Effect", True)]
    for way in ways:
        columns += [Column(f"{way_name(way).capitalize()}, % of sessions"), Column("n/N")]
    return Table("Side effects per session", tuple(columns), tuple(rows), is_wide=len(columns) > 3)
