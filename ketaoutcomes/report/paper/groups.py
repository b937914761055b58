"""R5: outcomes by severity of the baseline, and by a column that the reader asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.pre_post import BAND, pre_post
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import baseline
from ketaoutcomes.draw.labels import missing, number
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.paper.cells import capital, limits, mean_sd, size
from ketaoutcomes.report.paper.outcomes import KINDS, rate_result
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.scope import with_column
from ketaoutcomes.report.sections.part import gathered
from ketaoutcomes.report.words import ci, rate_words
from ketaoutcomes.results.rates import RateResult

__all__ = ["by_severity"]

PLACE = "R5"
SHOWN = ("response", "remission")


def by_severity(scope: PaperScope, section_number: int) -> PaperPart:
    """Change and rates in the catalogue's severity bands of the baseline."""
    why = _why_not(scope)
    if why:
        return PaperPart(_section(scope, section_number, notes=(why,)), {})
    result = pre_post(
        scope.cohort, scope.instrument.name, at=scope.window.name, by_severity=True, baseline=BASELINE,
        level=scope.level,
    )  # fmt: skip
    expected, retest = _regression(scope, result.table)
    given = scope.gate.bands(
        "pre_post_by_severity", result.table.assign(expected_regression=expected), place=PLACE,
        beside=scope.sizes,
    )  # fmt: skip
    frame = given.frame
    frame.loc[(frame["suppressed"] != "").to_numpy(), "expected_regression"] = np.nan
    released, results = [given], [result]
    tables = [_change_table(scope, frame, retest)]
    cohort = _with_bands(scope)
    split = _rates_by(scope, BAND, cohort, order=result.table[BAND].tolist())
    notes = []
    if scope.by is not None:
        own = _rates_by(scope, scope.by, scope.cohort)
        if own:
            tables.append(_rates_table(scope, own, scope.by, "R5c"))
            released += [item for item, _ in own.values()]
            results += [found for _, found in own.values()]
        else:
            notes.append(f"By {scope.by}: no rate can be given.")
    if split:
        tables.insert(1, _rates_table(scope, split, BAND, "R5b"))
        released += [item for item, _ in split.values()]
        results += [found for _, found in split.values()]
    printed, hidden = gathered(released)
    section = _section(scope, section_number, tables=tuple(tables), notes=tuple(notes))
    return PaperPart(section, printed, hidden, tuple(results))


def _why_not(scope: PaperScope) -> str:
    if scope.instrument is None:
        return f"Not recorded: {scope.why_no_instrument}."
    if not scope.instrument.bands:
        return f"{scope.instrument.name} has no published severity bands in the catalogue: not given."
    return ""


def _section(scope: PaperScope, section_number: int, *, tables=(), notes=()) -> Section:
    return Section(
        number=section_number,
        question="R5 By severity at baseline",
        reading=(
            "Patients chosen for a high baseline score lower later, whatever is done: differences between "
            "bands are in part regression to the mean, and are not read as who responds more.",
        ),
        terms=(("Baseline:", baseline_rule(BASELINE).text),),
        tables=tables,
        notes=notes,
    )


def _with_bands(scope: PaperScope) -> Cohort:
    """The cohort with the severity band of each valid baseline."""
    start = baseline(scope.cohort, scope.instrument.name, rule=BASELINE)
    value = np.full(len(scope.cohort.patients), np.nan)
    value[patient_codes(start)] = start["baseline"].to_numpy(float)
    bands = [scope.instrument.band(score) for score in value]
    names = [band.name for band in scope.instrument.bands]
    column = pd.Categorical([None if band is None else band.name for band in bands], names, ordered=True)
    return with_column(scope.cohort, "patients", BAND, column)


def _regression(scope: PaperScope, table: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Change expected between two measurements with nothing done, and the retest correlation behind it."""
    known = next((one for one in scope.instrument.reliability if one.kind == "retest"), None)
    if known is None:
        return np.full(len(table), np.nan), ""
    n, means = table["n"].to_numpy(float), table["mean_before"].to_numpy(float)
    whole = np.nansum(n * means) / max(n.sum(), 1.0)
    words = f"{known.value:g} ({known.detail}; {known.citation})"
    return (1.0 - known.value) * (whole - means), words


def _change_table(scope: PaperScope, frame: pd.DataFrame, retest: str) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        rows.append(
            (
                capital(row[BAND]), size(row["n"]), mean_sd(row, "mean_before", "sd_before"),
                mean_sd(row, "mean_after", "sd_after"), mean_sd(row, "estimate", "sd"), limits(row),
                "–" if missing(row["expected_regression"]) else number(row["expected_regression"]),
                size(row["n_missing"]),
            )
        )  # fmt: skip
    columns = (
        Column("Baseline", True), Column("n"), Column("Before, mean (SD)"), Column("After, mean (SD)"),
        Column("Change, mean (SD)"), Column(ci(scope.level)), Column("Regression to the mean"),
        Column("Not scored, n"),
    )  # fmt: skip
    notes = ["No effect sizes within bands: a band cuts the SD before short."]
    if retest:
        notes.append(
            "Regression to the mean: change of a band’s mean towards that of all bands to be expected "
            f"between two measurements with nothing done, at a retest correlation of {retest}; beyond this "
            "all bands share what the whole cohort regresses, which is not known."
        )
    name = scope.instrument.name
    return Table(f"Table R5a. {name} before and after, by severity at baseline", columns, tuple(rows),
                 tuple(notes), is_wide=True)  # fmt: skip


def _rates_by(
    scope: PaperScope, by: str, cohort: Cohort, order: list[str] | None = None
) -> dict[str, tuple[Released, RateResult]]:
    """Response and remission of those scored, by group; groups without anybody scored are left out."""
    out = {}
    for kind in SHOWN:
        try:
            found = rate_result(scope, kind, by, cohort)
        except DataError:
            found = None
        if found is None:
            continue
        table = found.table[found.table["denominator"] == "scored"].drop(columns=["denominator", "n_not_due"])
        table = table[table["n"] > 0]
        if order is not None:
            table = table.sort_values(by, key=lambda names: names.map(order.index), kind="stable")
        if len(table):
            name = "severity" if by == BAND else "group"
            out[kind] = scope.gate.parts(f"{kind}_by_{name}", table, place=PLACE), found
    return out


def _rates_table(
    scope: PaperScope, found: dict[str, tuple[Released, RateResult]], by: str, code: str
) -> Table:
    rows = []
    for kind, (given, _) in found.items():
        for place, row in enumerate(given.frame.to_dict("records")):
            estimate, of_total, interval = rate_words(row)
            rows.append(("" if place else KINDS[kind], capital(str(row[by])), estimate, of_total, interval))
    label = "severity at baseline" if by == BAND else by.replace("_", " ")
    columns = (
        Column("Outcome", True), Column(capital(label), True), Column("Patients"), Column("n/N"),
        Column(ci(scope.level)),
    )  # fmt: skip
    note = "Of those scored in the window; Wilson intervals. Groups are described, not compared."
    return Table(f"Table {code}. Response and remission by {label}", columns, tuple(rows), (note,),
                 is_wide=True)  # fmt: skip
