"""Section 13: published results, and this cohort's number under each study's own definition."""

from __future__ import annotations

import re
from string import ascii_uppercase

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.published import published_comparison
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.draw.forest import forest
from ketaoutcomes.draw.labels import DASH, count, missing, number, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.numbering import PUBLISHED
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered
from ketaoutcomes.report.wording import defined
from ketaoutcomes.report.words import asked, bounds, ci, rate_words
from ketaoutcomes.results.base import Result

__all__ = ["published"]

PLACE = "Section 13"
KEPT = [
    "name", "study", "quantity", "instrument", "definition", "window", "denominator", "unit", "published",
    "published_low", "published_high", "published_interval", "published_n", "verified", "here", "n_events",
    "n", "estimate", "estimate_high", "conf_low", "conf_high", "method",
]  # fmt: skip
EFFECT_COLUMNS = [
    "name", "study", "effect", "counting", "asked_here", "published", "published_to", "published_low",
    "published_high", "published_n", "verified", "n_events", "n", "estimate", "conf_low", "conf_high",
]  # fmt: skip
MOST_EFFECTS = 12
RANGE = re.compile(r"(?<=\d)-(?=\d)")
THERE, HERE = "published", "here"


def published(scope: Scope) -> Part:
    """Response beside published numbers, then side effects asked for in the same way."""
    released, results, tables, figures, notes = [], [], [], [], []
    response = _response(scope)
    if response is None:
        notes.append(f"Response: not recorded, since {scope.why_no_instrument}.")
    else:
        result, given = response
        results.append(result)
        released.append(given)
        rows = _lettered(given.frame)
        figure = _figure(scope, rows)
        figures += [] if figure is None else [figure]
        tables.append(_table(scope, rows))
    effects = _effects(scope)
    if effects is None:
        notes.append("Side effects: nothing is recorded that a study asked for in the same way.")
    else:
        results.append(effects[0])
        released.append(effects[1])
        tables.append(_effects_table(scope, effects[1].frame))
    found, hidden = gathered(released)
    section = Section(
        number=PUBLISHED,
        question="How do published results compare?",
        reading=(
            "Each row recomputes this cohort's number under that study's definition. Published rates differ "
            "mostly because definitions differ; patients, doses, raters and follow-up differ too.",
            "No verdict is given, and none follows from overlap.",
        ),
        terms=(("Published", "(open)."), ("Here", "(filled): the same definition, as far as recorded.")),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=tuple(notes),
    )
    return Part(section, found, hidden, tuple(results))


def _response(scope: Scope) -> tuple[Result, Released] | None:
    """The comparison of response through the gate; limits of curves would need a bootstrap."""
    try:
        result = published_comparison(scope.recent, "response", level=scope.level, n_replicates=0)
    except DataError:
        return None
    table = result.table[KEPT]
    place = f"{PLACE}, response"
    is_plain = table["n"].eq(0) | (table["unit"].eq("share") & table["method"].eq("Wilson"))
    plain = scope.gate.denominators(
        "published_response", table[is_plain], place=place, by="instrument", beside=_sizes(scope)
    )
    if is_plain.all():
        return result, plain
    # A number read from a curve is not made of two counts; its sizes lie near those of other sections.
    read = table[~is_plain].assign(n_patients=table.loc[~is_plain, "n"])
    curves = scope.gate.shares("published_response", read, place=place, decimals=2)
    frame = pd.concat([plain.frame, curves.frame.drop(columns="n_patients")], ignore_index=True)
    order = {name: number for number, name in enumerate(table["name"])}
    frame = frame.sort_values("name", key=lambda names: names.map(order)).reset_index(drop=True)
    return result, Released("published_response", frame, (*plain.hidden, *curves.hidden))


def _sizes(scope: Scope) -> list[float]:
    """Numbers of patients that the sections above print."""
    sizes = [float(size) for size in scope.sizes]
    if scope.instrument is None or defined(scope.instrument, "response") is None:
        return sizes
    try:
        table = response_rates(scope.recent, scope.instrument.name, at=WINDOW, level=scope.level).table
    except DataError:
        return sizes
    given = scope.gate.denominators("response_rates", table, place=PLACE, beside=sizes)
    return [*sizes, *given.frame["n"].dropna().astype(float)]


def _lettered(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with a letter that the figure and the table share, those with a number here first."""
    rows = frame.assign(absent=(frame["here"] == "").to_numpy()).sort_values("absent", kind="stable")
    rows = rows.reset_index(drop=True)
    letters = [ascii_uppercase[number % 26] for number in range(len(rows))]
    return rows.assign(
        row=[f"{letter}  {study}" for letter, study in zip(letters, rows["study"], strict=True)]
    )


def _figure(scope: Scope, rows: pd.DataFrame) -> Figure | None:
    """Published and own share of each row; rows in other units are in the table only."""
    shown = rows[(rows["unit"] == "share") & ~rows["absent"]]
    if shown.empty or not shown["estimate"].notna().any():
        return None
    there = pd.DataFrame(
        {
            "row": shown["row"], "whose": THERE, "estimate": shown["published"],
            "conf_low": shown["published_low"], "conf_high": shown["published_high"], "suppressed": "",
        }
    )  # fmt: skip
    here = shown[["row", "estimate", "conf_low", "conf_high", "suppressed"]].assign(whose=HERE)
    pairs = pd.concat([here, there]).sort_values("row", kind="stable").reset_index(drop=True)
    told = [
        f"{row['row']}: published {percent(row['published'])}, here {_own_words(row)[0]}."
        for row in shown.to_dict("records")
    ]
    title = "Response, published and here"
    svg = drawn(
        forest, pairs, prefix="figure-13a", title=title, description=" ".join(told), by="whose", label="row",
        unit_line="% of patients, each row by its study's definition", level=scope.level,
    )  # fmt: skip
    note = "Lines: 95% as published, or Wilson from the published count; none where neither is known."
    return Figure("Fig. 13a", title, f"Rows A, B, … are those of the table{scope.during}", svg, (note,))


def _table(scope: Scope, rows: pd.DataFrame) -> Table:
    printed = []
    for row in rows.to_dict("records"):
        estimate, of_total, interval = _own_words(row)
        mark = "" if row["verified"] else " (not checked against its source)"
        what = f"{row['row']}: {_typeset(row['definition'])}; {_typeset(row['window'])}{mark}"
        there = _amount(row["published"], row["published"], row["unit"]) + _published_limits(row)
        printed.append((what, there, count(row["published_n"]), estimate, interval, of_total))
    columns = (
        Column("Study and definition", True), Column("Published (95% CI)"), Column("n"), Column("Here"),
        Column(ci(scope.level)), Column("n/N"),
    )  # fmt: skip
    notes = ["Published intervals as printed there, or Wilson from the published count."]
    if (rows["method"] == "bootstrap of patients").any() or (rows["unit"] != "share").any():
        notes.append("Numbers read from a curve have no interval here.")
    return Table(
        "Published response, and the same definition applied here", columns, tuple(printed),
        (" ".join(notes),), is_wide=True,
    )  # fmt: skip


def _typeset(words: str) -> str:
    """`words` of a source with the signs of this report: "50%", "4–8"."""
    return RANGE.sub("–", words.replace(" %", "%"))


def _amount(low, high, unit: str) -> str:
    """A share in per cent, or sessions or days; both bounds where they differ."""
    if missing(low):
        return DASH
    if unit == "share":
        return bounds(low, high)
    if np.isinf(high):
        return f"{number(low, 0)} or more {unit}"
    words = number(low, 0) if low == high else f"{number(low, 0)}–{number(high, 0)}"
    return f"{words} {unit}"


def _published_limits(row: dict) -> str:
    """``" (49–58)"``; nothing where neither an interval nor a count was published."""
    if missing(row["published_low"]) or row["unit"] != "share":
        return ""
    return f" ({percent_range(row['published_low'], row['published_high'], like=row['published'])})"


def _own_words(row: dict) -> tuple[str, str, str]:
    """This cohort's number, n/N and interval, or why there is none."""
    if row["absent"]:
        return f"{row['instrument']} not recorded", DASH, DASH
    if row["suppressed"]:
        return rate_words(row)
    if missing(row["estimate"]):
        return "nobody to count", DASH, DASH
    of_total = DASH if missing(row["n"]) else f"{count(row['n_events'])}/{count(row['n'])}"
    interval = DASH
    if not missing(row["conf_low"]) and row["unit"] == "share":
        interval = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
    return _amount(row["estimate"], row["estimate_high"], row["unit"]), of_total, interval


def _effects(scope: Scope) -> tuple[Result, Released] | None:
    """Side effects of patients, as far as a study asked in the same way as here."""
    if "side_effects" not in scope.recent.present:
        return None
    result = published_comparison(scope.recent, "side_effects", level=scope.level)
    table = result.table[(result.table["asked"] == "same") & result.table["n"].gt(0)]
    if table.empty:
        return None
    table = table.sort_values("published", ascending=False, kind="stable").head(MOST_EFFECTS)
    table = table[EFFECT_COLUMNS].reset_index(drop=True)
    # Windows lie within each other, so sizes are not given out: their differences may be small.
    rows = table.assign(n_patients=table["n"])
    given = scope.gate.shares("published_side_effects", rows, place=f"{PLACE}, side effects", decimals=2)
    return result, Released(given.name, given.frame.drop(columns="n_patients"), given.hidden)


def _effects_table(scope: Scope, frame: pd.DataFrame) -> Table:
    printed = []
    for row in frame.to_dict("records"):
        mark = "" if row["verified"] else " (not checked against its source)"
        there = bounds(row["published"], row["published_to"])
        estimate, interval = "not shown", "not shown"
        if not row["suppressed"] and not missing(row["estimate"]):
            estimate = percent(row["estimate"])
            interval = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
        way = asked(row["asked_here"])
        name = f"{str(row['effect']).capitalize()}, {row['counting']}, {way}: {row['study']}{mark}"
        printed.append((name, there, count(row["published_n"]), estimate, interval))
    columns = (
        Column("Effect, counted in, study", True), Column("Published, % of patients"), Column("n"),
        Column("Here, % of patients"), Column(ci(scope.level)),
    )  # fmt: skip
    note = "Patients with the effect at least once in that time, of patients with a record in it."
    return Table(
        "Published side effects, asked for in the same way", columns, tuple(printed), (note,), is_wide=True
    )
