"""R17: what is missing, and how patients with and without a score in the window differ at baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.analysis.window_change import window_change
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.draw.labels import count, missing, number, percent
from ketaoutcomes.engine.effect_size import standardised_difference
from ketaoutcomes.report.paper.cells import NOT_SHOWN, capital
from ketaoutcomes.report.paper.characteristics import characteristics
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.sections.part import gathered
from ketaoutcomes.report.words import plural

__all__ = ["missing_data"]

PLACE = "R17"
MOST_ROWS = 25
LARGE = 0.1
# Single items stand beside a total and the parts of a dose beside the dose.
ALTERNATIVES = r"i\d+|n_missing_items|dose_mg|weight_kg"


def missing_data(scope: PaperScope, section_number: int) -> PaperPart:
    """Rows set aside, missing cells, sessions with a record, and those scored beside those not scored."""
    gate, name = scope.gate, None if scope.instrument is None else scope.instrument.name
    result = data_quality(scope.cohort, name, at=scope.window.name, baseline=BASELINE)
    released = {
        "rows": gate.files("rows_by_table", result.rows, size="n_kept", place=PLACE),
        "rules": gate.files("rows_set_aside", result.rules, size="n_rows", place=PLACE),
        "blanked": gate.files("cells_set_to_missing", result.blanked, size="n_cells", place=PLACE),
        "missing": gate.files("missing_cells", result.missing, size="n_rows", place=PLACE),
        "recording": gate.rates("recording", result.recording, place=PLACE),
    }
    tables, notes = [], []
    compared = _compared(scope)
    if compared is not None and len(compared):
        released["compared"] = gate.differences("scored_and_not", compared, place=PLACE)
        tables.append(_compared_table(released["compared"].frame))
    else:
        notes.append("Nobody scored and nobody not scored to set side by side.")
    tables += [
        _missing_table(released["missing"].frame),
        _recording_table(released["recording"].frame),
        _rows_table(released["rows"].frame, released["blanked"].frame),
    ]
    printed, hidden = gathered(list(released.values()))
    section = Section(
        number=section_number,
        question="R17 Missing data",
        reading=(
            "Scores are missing for reasons that may depend on how patients were. Means of those scored hold "
            "for all only if they do not; the bounds in R4 count each unknown as no response.",
        ),
        terms=(
            ("Set aside:", "a row that breaks a rule is kept apart and counted; read = kept + set aside."),
        ),
        tables=tuple(table for table in tables if table.rows),
        notes=tuple(notes),
    )
    return PaperPart(section, printed, hidden, (result,))


def _compared(scope: PaperScope) -> pd.DataFrame | None:
    """Characteristics of those scored and not scored, of those with a valid baseline and due."""
    if scope.instrument is None:
        return None
    seen = window_change(scope.cohort, scope.instrument, scope.window, baseline_rule(BASELINE))
    first, second = seen.scored, seen.eligible & ~seen.scored
    if first.sum() < 2 or second.sum() < 2:
        return None
    found = characteristics(scope)
    rows = []
    for name, values in found.numbers.items():
        rows.append(_row(name, "mean", values[first], values[second], ""))
    for name, values in found.levels.items():
        known = values.notna().to_numpy()
        words = values.astype("str").to_numpy(dtype=object)
        # Levels that nobody in either group has tell nothing.
        levels = ["yes"] if name in found.flags else list(values[known].value_counts().index)
        for level in levels:
            share = np.where(known, words == str(level), np.nan).astype(float)
            rows.append(_row(name, "share", share[first], share[second], str(level)))
    return pd.DataFrame([row for row in rows if row is not None])


def _row(name: str, kind: str, first: np.ndarray, second: np.ndarray, level: str) -> dict | None:
    groups = [values[np.isfinite(values)] for values in (first, second)]
    if min(values.size for values in groups) < 2 or (kind == "share" and not np.r_[tuple(groups)].any()):
        return None
    cells: dict[str, object] = {"characteristic": name, "level": level, "kind": kind}
    for label, values in zip(("first", "second"), groups, strict=True):
        cells |= {label: values.mean(), f"sd_{label}": values.std(ddof=1), f"n_{label}": values.size}
    return cells | {"estimate": standardised_difference(*groups)}


def _compared_table(frame: pd.DataFrame) -> Table:
    has_sizes = bool(frame["n_first"].notna().any())
    rows = []
    for row in frame.to_dict("records"):
        name = f"{row['characteristic']}: {row['level']}" if row["level"] else row["characteristic"]
        if row["suppressed"]:
            rows.append((name, *(NOT_SHOWN,) * (5 if has_sizes else 3)))
            continue
        cells = []
        for label in ("first", "second"):
            cells += [count(row[f"n_{label}"])] if has_sizes else []
            cells.append(_cell(row, label))
        difference = "–" if missing(row["estimate"]) else number(row["estimate"], 2)
        rows.append((name, *cells, difference))
    large = (frame["estimate"].abs() > LARGE).sum()
    sized = (Column("n"),) if has_sizes else ()
    columns = (
        Column("At baseline", True), *sized, Column("Scored"), *sized, Column("Not scored"),
        Column("Standardised difference"),
    )  # fmt: skip
    notes = (
        "Of patients with a valid baseline whose window had closed. n: those with a record of it. Mean (SD) "
        "or %. Difference of means or shares over the root of the mean of both variances (Austin 2009, "
        f"Stat. Med. 28, 3083), without interval or test; beyond {LARGE:g} in {count(large)} of "
        f"{count(len(frame))} rows.",
    )
    return Table("Table R17a. Those scored in the window and those not", columns, tuple(rows), notes,
                 is_wide=True)  # fmt: skip


def _cell(row: dict, label: str) -> str:
    if row["kind"] == "share":
        return percent(row[label])
    return f"{number(row[label])} ({number(row[f'sd_{label}'])})"


def _missing_table(frame: pd.DataFrame) -> Table:
    counted = (frame["n_missing"].fillna(1) > 0) & ~frame["column"].str.fullmatch(ALTERNATIVES)
    worst = frame[counted].sort_values(["share", "table", "column"], ascending=[False, True, True])
    rows = tuple(
        (f"{row['table']}: {row['column']}", *(
            (NOT_SHOWN, NOT_SHOWN, NOT_SHOWN) if row["suppressed"]
            else (percent(row["share"]), count(row["n_missing"]), count(row["n_rows"]))
        ))
        for row in worst.head(MOST_ROWS).to_dict("records")
    )  # fmt: skip
    rest = len(worst) - len(rows)
    notes = ("Cells of rows that were kept. Columns without a missing cell are left out.",)
    if rest > 0:
        notes += (f"{plural(rest, 'further column')} in the table file.",)
    columns = (Column("Table: column", True), Column("Missing"), Column("n"), Column("Rows"))
    return Table("Table R17b. Missing cells", columns, rows, notes, is_wide=True)


def _recording_table(frame: pd.DataFrame) -> Table:
    rows = tuple(
        (capital(str(row["measure"])), NOT_SHOWN, NOT_SHOWN)
        if row["suppressed"]
        else (
            capital(str(row["measure"])),
            percent(row["estimate"]),
            f"{count(row['n_events'])}/{count(row['n'])}",
        )
        for row in frame.to_dict("records")
    )
    columns = (Column("Sessions with", True), Column("Share"), Column("n/N"))
    return Table("Table R17c. Sessions with a record", columns, rows, is_wide=True)


def _rows_table(frame: pd.DataFrame, blanked: pd.DataFrame) -> Table:
    rows = tuple(
        (capital(str(row["table"]).replace("_", " ")), *(
            (NOT_SHOWN,) * 3 if row["suppressed"]
            else tuple(count(row[name]) for name in ("n_read", "n_kept", "n_quarantined"))
        ))
        for row in frame.to_dict("records")
    )  # fmt: skip
    cells = int(blanked["n_cells"].fillna(0).sum()) if len(blanked) else 0
    notes = (f"{plural(cells, 'implausible cell')} set to missing; the rows are kept.",) if cells else ()
    columns = (Column("Table", True), Column("Read"), Column("Kept"), Column("Set aside"))
    return Table("Table R17d. Rows read, kept and set aside", columns, rows, notes, is_wide=True)
