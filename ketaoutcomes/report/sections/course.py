"""Section 3: the observed symptom course."""

from __future__ import annotations

from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument
from ketaoutcomes.draw.course import course as draw_course
from ketaoutcomes.draw.labels import count, missing, number, number_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.words import ci, plural
from ketaoutcomes.results.course import CourseResult

__all__ = ["course"]

DAYS = (0.0, 7.0, 14.0, 21.0, 28.0, 42.0, 56.0, 84.0)
AT_MOST = 2


def course(scope: Scope) -> Part:
    """Mean score at planned days, on the main instrument and on the next most used one."""
    figures, tables, released, results, notes = [], [], [], [], []
    for instrument in _instruments(scope):
        result = _course(scope, instrument)
        if result is None:
            continue
        slug = instrument.name.lower().replace("-", "").replace("/", "").replace("+", "plus")
        given = scope.gate.means(
            f"course_{slug}", result.table, place=f"Section 3, {instrument.name}", beside=scope.sizes
        )
        released.append(given)
        if (given.frame["suppressed"] == "").any():
            figures.append(_figure(scope, instrument, given, "ab"[len(figures)]))
            tables.append(_table(scope, instrument, given))
        else:
            notes.append(f"{instrument.name} cannot be shown{too_small(scope)}.")
        results.append(result)
    found, hidden = gathered(released)
    if not results:
        notes.append("Not recorded: no symptom instrument has scores.")
    if figures:
        hidden = (Hidden("Section 3", "individual lines", "a line is a patient"), *hidden)
    section = Section(
        number=3,
        question="What is the symptom course?",
        reading=(
            "Observed means of those who were scored at each time. Who is still scored is not a random "
            "sample: some have left, others have not reached that day yet.",
        ),
        terms=(("Grey bars:", "10th–90th percentile. Individual lines are not shown: a line is a patient."),),
        figures=tuple(figures),
        tables=tuple(tables[:1]),
        notes=tuple(notes),
        starts_page=True,
    )
    return Part(section, found, hidden, tuple(results))


def _instruments(scope: Scope) -> list[Instrument]:
    """The main instrument, and of the others that look back over days the one scored in most patients."""
    if scope.instrument is None:
        return []
    scores = scope.recent.scores
    sizes = scores.groupby("instrument", observed=True)["patient_id"].nunique() if len(scores) else {}
    others = [
        (-int(size), str(name))
        for name, size in dict(sizes).items()
        if str(name) != scope.instrument.name
        and name in INSTRUMENTS
        and INSTRUMENTS[str(name)].higher_is == "worse"
        and INSTRUMENTS[str(name)].recall_days > 1.0
    ]
    return [scope.instrument, *(INSTRUMENTS[name] for _, name in sorted(others))][:AT_MOST]


def _course(scope: Scope, instrument: Instrument) -> CourseResult | None:
    try:
        result = trajectory(scope.recent, instrument.name, at=DAYS, level=scope.level)
    except DataError:
        return None
    return result if len(result.table) else None


def _figure(scope: Scope, instrument: Instrument, given: Released, letter: str) -> Figure:
    shown = given.frame[given.frame["suppressed"] == ""]
    title = f"{instrument.name} by day"
    if len(shown) > 1:
        first, last = shown.iloc[0], shown.iloc[-1]
        sizes = (_size(first), _size(last))
        sizes = sizes if all(sizes) else ("", "")
        title = (
            f"Mean {instrument.name} was {number(first['estimate'])} on day {first['day']:g}{sizes[0]} "
            f"and {number(last['estimate'])} on day {last['day']:g}{sizes[1]}"
        )
    told = [
        f"Day {row['day']:g}: mean {number(row['estimate'])} ({ci(scope.level)} "
        f"{number_range(row['conf_low'], row['conf_high'])}){_size(row)}."
        for row in shown.to_dict("records")
    ]
    told.append(
        f"{len(given.frame) - len(shown)} days are not shown." if len(shown) < len(given.frame) else ""
    )
    svg = drawn(
        draw_course, given.frame, prefix=f"figure-3{letter}", title=title, description=" ".join(told).strip(),
        minimum=instrument.minimum, maximum=instrument.maximum, instrument=instrument.name,
        higher_is=instrument.higher_is, level=scope.level,
    )  # fmt: skip
    return Figure(f"Fig. 3{letter}", title, f"Observed means; n scored at each day{_of(scope)}", svg)


def _size(row) -> str:
    """``" (n=181)"``: the two means of a title are of different numbers of patients."""
    return "" if missing(row["n"]) else f" (n={count(row['n'])})"


def _of(scope: Scope) -> str:
    """``", of 181 starters, 12 months to September 2026"``."""
    starters = plural(scope.n_starters, "starter") if scope.n_starters in scope.sizes else "starters"
    return f", of {starters}{scope.during}"


def _table(scope: Scope, instrument: Instrument, given: Released) -> Table:
    rows = []
    for row in given.frame.to_dict("records"):
        if row["suppressed"]:
            rows.append((f"{row['day']:g}", "1–10", "not shown", "not shown", "not shown"))
            continue
        spread = "not shown" if missing(row["p10"]) else number_range(row["p10"], row["p90"])
        interval = number_range(row["conf_low"], row["conf_high"])
        if missing(row["n"]):
            interval = "not shown"
        n = "not shown" if missing(row["n"]) else count(row["n"])
        rows.append((f"{row['day']:g}", n, number(row["estimate"]), interval, spread))
    columns = (
        Column("Day", True),
        Column("n"),
        Column("Mean"),
        Column(ci(scope.level)),
        Column("10th–90th percentile"),
    )
    note = "Day 0 is the baseline. One score per patient and day: the nearest, ties to the earlier."
    return Table(f"{instrument.name} by day since session 1", columns, tuple(rows), (note,))
