"""R2: what patients were like at their first session."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.draw.labels import few_words, missing
from ketaoutcomes.report.paper.cells import NOT_SHOWN, capital, mean_sd, n_share, quartiles, size
from ketaoutcomes.report.paper.characteristics import Characteristics, characteristics
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.sections.part import gathered
from ketaoutcomes.report.words import plural

__all__ = ["table_one"]

PLACE = "R2"
UNKNOWN = "not recorded"


def table_one(scope: PaperScope, number: int) -> PaperPart:
    """Levels as n (%), numbers as mean (SD) and median (quartiles), each with how many are not recorded."""
    found = characteristics(scope)
    n = scope.n_starters
    levels = scope.gate.levels(
        "characteristics", _levels(found, n), place=PLACE, by="characteristic", whole=n
    )
    # A baseline that nearly all have is one of nearly all: its n is hidden beside that of the starters.
    spread = scope.gate.spread("characteristics_numbers", _numbers(found, n), place=PLACE, beside=scope.sizes)
    tables = [_levels_table(found, levels.frame, n)]
    if len(spread.frame):
        tables.append(_numbers_table(found, spread.frame, n))
    printed, hidden = gathered([levels, spread])
    section = Section(
        number=number,
        question="R2 Patients at their first session",
        reading=("Percentages are of all who started; not recorded is a level of its own.",),
        terms=(("Baseline score:", baseline_rule(BASELINE).text),),
        tables=tuple(tables),
        notes=_not_recorded(found),
    )
    return PaperPart(section, printed, hidden)


def _levels(found: Characteristics, n: int) -> pd.DataFrame:
    rows = []
    for name, values in found.levels.items():
        known = values[values.notna()]
        if isinstance(known.dtype, pd.CategoricalDtype):
            counts = known.value_counts(sort=False)
            counts = counts[counts > 0]
        elif name in found.flags:
            counts = known.value_counts().reindex(["yes", "no"], fill_value=0)
        else:
            counts = known.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        rows += [(name, str(level), int(size_of)) for level, size_of in counts.items()]
        if len(known) < n:
            rows.append((name, UNKNOWN, n - len(known)))
    frame = pd.DataFrame(rows, columns=["characteristic", "level", "n"])
    return frame.assign(estimate=frame["n"] / n if n else np.nan)


def _numbers(found: Characteristics, n: int) -> pd.DataFrame:
    rows = []
    for name, values in found.numbers.items():
        known = values[np.isfinite(values)]
        if not known.size:
            continue
        q1, median, q3 = np.quantile(known, (0.25, 0.5, 0.75))
        sd = known.std(ddof=1) if known.size > 1 else np.nan
        rows.append((name, known.size, n - known.size, known.mean(), sd, q1, median, q3))
    columns = ["characteristic", "n", "n_missing", "mean", "sd", "q1", "median", "q3"]
    return pd.DataFrame(rows, columns=columns)


def _levels_table(found: Characteristics, frame: pd.DataFrame, n: int) -> Table:
    rows = []
    for name, own in frame.groupby("characteristic", sort=False):
        levels = {row["level"]: row for row in own.to_dict("records")}
        unknown = _unknown(levels)
        if name in found.flags:
            rows.append((name, "Yes", n_share(levels["yes"]), unknown))
            continue
        for place, (level, row) in enumerate(
            (level, row) for level, row in levels.items() if level != UNKNOWN
        ):
            rows.append((name if not place else "", capital(level), n_share(row), "" if place else unknown))
    columns = (
        Column("Characteristic", True), Column("Level", True), Column("n (%)"), Column("Not recorded, n"),
    )  # fmt: skip
    caption = f"Table R2a. Patients at their first session, n = {size(n) if n else 0}"
    return Table(caption, columns, tuple(rows), is_wide=True)


def _unknown(levels: dict) -> str:
    row = levels.get(UNKNOWN)
    if row is None:
        # Where a level is hidden, that none is missing says nothing of it.
        return "0"
    if row["suppressed"] or missing(row["n"]):
        is_total = str(row["suppressed"]).startswith("total")
        return few_words(row["suppressed"]) if is_total else NOT_SHOWN
    return size(row["n"])


def _numbers_table(found: Characteristics, frame: pd.DataFrame, n: int) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        name = row["characteristic"]
        if name in found.instruments:
            known = INSTRUMENTS[name]
            name = f"{name} ({known.minimum:g}–{known.maximum:g})"
        rows.append((name, size(row["n"]), mean_sd(row), quartiles(row), size(row["n_missing"])))
    columns = (
        Column("Characteristic", True), Column("n"), Column("Mean (SD)"), Column("Median (quartiles)"),
        Column("Not recorded, n"),
    )  # fmt: skip
    notes = (
        "Scores: baseline; in brackets the range of the instrument. Not recorded counts patients without a "
        "valid baseline too: outside the days of the rule, or at the end of the range.",
    )
    return Table(f"Table R2b. Age, earlier trials and baseline scores, {plural(n, 'patient')}", columns,
                 tuple(rows), notes, is_wide=True)  # fmt: skip


def _not_recorded(found: Characteristics) -> tuple[str, ...]:
    """What a reader expects of a table of patients and these data do not have."""
    absent = [
        name
        for name in ("Sex", "Main diagnosis", "Age band", "Earlier antidepressant trials")
        if name not in found.levels
    ]
    words = ["Race and ethnicity, other medication, and length of the episode are not columns of these data"]
    if absent:
        words.append(f"not recorded here: {', '.join(absent).lower()}")
    return (f"{'; '.join(words)}.",)
