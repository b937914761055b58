"""Section 4: the symptom course, of a mixed model and as it was observed."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.course_model import STILL_SCORED
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument
from ketaoutcomes.draw.course import course as draw_course
from ketaoutcomes.draw.curve_band import model_course
from ketaoutcomes.draw.labels import count, few_words, missing, number, number_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.numbering import COURSE
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.words import ci, plural
from ketaoutcomes.results.course import CourseResult

__all__ = ["DAYS", "course", "draw_model", "observed_of", "released_means", "slug_of"]

DAYS = (0.0, 7.0, 14.0, 21.0, 28.0, 42.0, 56.0, 84.0)
AT_MOST = 2


def course(scope: Scope) -> Part:
    """Mean score at planned days, on the main instrument and on the next most used one."""
    figures, tables, released, results, notes = [], [], [], [], []
    for instrument in _instruments(scope):
        result = _course(scope, instrument)
        if result is None:
            continue
        place = f"Section 4, {instrument.name}"
        given = released_means(scope, result, place=place)
        released.append(given)
        curve = None
        if result.model is not None:
            name = f"course_{slug_of(instrument)}_model"
            curve = scope.gate.curve(name, result.curve, place=place, means=given.frame)
            released.append(curve)
        if (given.frame["suppressed"] == "").any():
            figures.append(_figure(scope, instrument, given, curve, "ab"[len(figures)]))
            tables.append(_table(scope, instrument, given, is_model=curve is not None))
            if curve is None:
                notes.append(f"{instrument.name}: too few scores for a model; observed means only.")
        else:
            notes.append(f"{instrument.name} cannot be shown{too_small(scope)}.")
        results.append(result)
    found, hidden = gathered(released)
    if not results:
        notes.append(f"Not recorded: {scope.why_no_instrument}.")
    if figures:
        hidden = (Hidden("Section 4", "individual lines", "a line is a patient"), *hidden)
    section = Section(
        number=COURSE,
        question="What is the symptom course?",
        reading=(
            "Line: mean of a mixed model, of all who have a score. It holds if missing scores depend only on "
            "what was recorded. Hollow: means of those scored at each time, who are not a random sample: "
            "some have left, others have not reached that day yet.",
        ),
        terms=(
            ("Grey bars:", "10th–90th percentile. Individual lines are not shown: a line is a patient."),
            (
                "Model:",
                "a smooth curve of log2(1 + day); patients differ by random effects. Drawn as far as "
                f"{STILL_SCORED} patients or more were scored.",
            ),
        ),
        figures=tuple(figures),
        tables=tuple(tables[:1]),
        notes=tuple(notes),
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


def slug_of(instrument: Instrument) -> str:
    """The instrument's name as part of a file's name."""
    return instrument.name.lower().replace("-", "").replace("/", "").replace("+", "plus")


def released_means(scope: Scope, result: CourseResult, *, place: str) -> Released:
    """The means at planned days through the gate."""
    return scope.gate.means(
        f"course_{slug_of(INSTRUMENTS[result.instrument])}",
        result.table,
        place=place,
        beside=scope.sizes,
        by_model=result.model is not None,
    )


def observed_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The observed means of a table of the course, as the drawing of a model takes them."""
    return frame.drop(columns=["estimate", "conf_low", "conf_high"]).rename(columns={"observed": "estimate"})


def draw_model(curve: pd.DataFrame, axes, *, observed: pd.DataFrame, **options):
    """`model_course` with the axes second, as figures of the report are drawn."""
    return model_course(curve, observed, axes, **options)


def _figure(
    scope: Scope, instrument: Instrument, given: Released, curve: Released | None, letter: str
) -> Figure:
    shown = given.frame[(given.frame["suppressed"] == "") & given.frame["estimate"].notna()]
    title = f"{instrument.name} by day"
    whose = "Mean" if curve is None else "Model mean of"
    if len(shown) > 1:
        first, last = shown.iloc[0], shown.iloc[-1]
        sizes = (_size(first), _size(last))
        sizes = sizes if all(sizes) and curve is None else ("", "")
        title = (
            f"{whose} {instrument.name} was {number(first['estimate'])} on day {first['day']:g}{sizes[0]} "
            f"and {number(last['estimate'])} on day {last['day']:g}{sizes[1]}"
        )
    told = _told(scope, given.frame, is_model=curve is not None)
    options = {
        "minimum": instrument.minimum, "maximum": instrument.maximum, "instrument": instrument.name,
        "higher_is": instrument.higher_is, "level": scope.level,
    }  # fmt: skip
    named = {"prefix": f"figure-4{letter}", "title": title, "description": told}
    if curve is None:
        svg = drawn(draw_course, given.frame, **named, **options)
        population = f"No model: observed means; n scored at each day{_of(scope)}"
    else:
        svg = drawn(draw_model, curve.frame, **named, observed=observed_of(given.frame), **options)
        population = f"Mixed model and observed means; n scored at each day{_of(scope)}"
    return Figure(f"Fig. 4{letter}", title, population, svg)


def _told(scope: Scope, frame: pd.DataFrame, *, is_model: bool) -> str:
    """The figure's numbers in words."""
    shown = frame[frame["suppressed"] == ""]
    told = []
    for row in shown.to_dict("records"):
        words = f"Day {row['day']:g}: "
        if missing(row["estimate"]):
            words += "no model mean"
        else:
            kind = "model mean" if is_model else "mean"
            words += f"{kind} {number(row['estimate'])} ({ci(scope.level)} {_interval(row)})"
        observed = f", observed {number(row['observed'])}" if is_model else ""
        told.append(f"{words}{observed}{_size(row)}.")
    if len(shown) < len(frame):
        n_hidden = len(frame) - len(shown)
        told.append(f"{plural(n_hidden, 'day')} {'is' if n_hidden == 1 else 'are'} not shown.")
    return " ".join(told)


def _interval(row) -> str:
    return number_range(row["conf_low"], row["conf_high"])


def _size(row) -> str:
    """``" (n=181)"``: the two means of a title are of different numbers of patients."""
    return "" if missing(row["n"]) else f" (n={count(row['n'])})"


def _of(scope: Scope) -> str:
    """``", of 181 starters, 12 months to September 2026"``."""
    return f", of {scope.starters_counted()}{scope.during}"


def _table(scope: Scope, instrument: Instrument, given: Released, *, is_model: bool) -> Table:
    rows = []
    for row in given.frame.to_dict("records"):
        if row["suppressed"]:
            cells = [few_words(row["suppressed"]), *["not shown"] * (4 if is_model else 3)]
        else:
            interval = "not shown" if missing(row["n"]) and not is_model else _interval(row)
            spread = "not shown" if missing(row["p10"]) else number_range(row["p10"], row["p90"])
            n = "not shown" if missing(row["n"]) else count(row["n"])
            observed = [number(row["observed"])] if is_model else []
            cells = [n, number(row["estimate"]), interval, *observed, spread]
        rows.append((f"{row['day']:g}", *cells))
    columns = (
        Column("Day", True),
        Column("n"),
        Column("Model mean" if is_model else "Mean"),
        Column(ci(scope.level)),
        *((Column("Observed mean"),) if is_model else ()),
        Column("10th–90th percentile"),
    )
    note = "Day 0 is the baseline. Observed: one score per patient and day, the nearest, ties to the earlier."
    return Table(f"{instrument.name} by day since session 1", columns, tuple(rows), (note,))
