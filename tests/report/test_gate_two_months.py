"""Two reports in a row of clinics that pass for real ones: what a reader of both can work out."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.report.calendar import months_before
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.monthly import monthly_report
from ketaoutcomes.report.solvable import Total, remaining

LARGEST, TOP = 10, 10**6
SUM = "previous 12 months"
REMARKS = ("suppressed", "method", "reason", "direction", "code", "provisional", "text", "label", "change")


def numbers(column):
    return pd.to_numeric(column, errors="coerce").astype("Float64").astype(float)


def is_few(values):
    values = np.abs(np.asarray(values, dtype=float))
    return (values >= 1) & (values <= LARGEST)


def without(tables, patients, scores=()):
    """Raw tables before some patients came and some scores were entered."""
    kept = {name: table[~table["patient_id"].isin(patients)] for name, table in tables.items()}
    return kept | {"scores": kept["scores"].drop(index=list(scores))}


@pytest.fixture(scope="module", params=[60, 240])
def pair(request, tmp_path_factory):
    """August as it was released and September after it, each with the counts that came to its gate."""
    simulation = simulate_cohort(n_patients=request.param, deidentification="limited-data-set")
    tables, settings = dict(simulation.tables), {**simulation.settings, "synthetic": False}
    first = tables["sessions"].groupby("patient_id")["start"].min().astype(str)
    newest = first[first < "2026-09"].sort_values().index[-3:]
    scores = tables["scores"]
    is_late = (scores["instrument"] == "PHQ-9") & scores["taken"].astype(str).str.startswith("2026-08")
    early = assemble(without(tables, newest, scores.index[is_late][-4:]), settings)
    late = assemble(tables, settings)
    folder = tmp_path_factory.mktemp("release") / "august"
    truths, parts = ({}, {}), Gate.parts
    with pytest.MonkeyPatch.context() as patch:

        def kept(gate, name, table, **options):
            truths[gate.previous is not None][name] = table.copy()
            return parts(gate, name, table, **options)

        patch.setattr(Gate, "parts", kept)
        august = monthly_report(early, month="2026-08")
        august.save(folder, formats=["csv"])
        september = monthly_report(late, month="2026-09", previous=folder)
    return (august, september), truths


def known(row, truth):
    """Bounds of events, rest and size: what the row shows, or what its reason says where it does not."""
    low, high = np.zeros(3, int), np.full(3, TOP)
    why = row["suppressed"]
    # Of sessions the reason is about their patients.
    if why.startswith("total") and truth[2] <= LARGEST:
        low[2], high[:] = 1, LARGEST
    elif why and not why.startswith(("differs", "too few")):
        low[2] = min(truth[2], LARGEST + 1)
        if why.startswith("count"):
            low[0], high[0] = 1, LARGEST
        elif why.startswith("all but"):
            low[1], high[1] = 1, LARGEST
        elif why.startswith("with or without"):
            low[:2] = 1
        else:
            # Neither is small: a reader who guesses none right knows more than one who does not.
            low[:2] = np.where(truth[:2] == 0, 0, LARGEST + 1)
            high[:2] = np.where(truth[:2] == 0, 0, TOP)
    for place, name in ((0, "n_events"), (2, "n")):
        if not pd.isna(row[name]):
            low[place] = high[place] = int(row[name])
    return low, high


def told(reports, truths, name):
    """Small hidden counts of a table of months that both reports together give away."""
    rows, totals = {}, []
    for report, truth in zip(reports, truths, strict=True):
        shown, true = (table.set_index("month") for table in (report.tables[name], truth[name]))
        counts = pd.DataFrame({column: numbers(true[column]) for column in ("n_events", "n")})
        counts = counts.fillna(0).astype(int)
        at = [report.manifest["settings"][which] for which in ("outcome_month", "month")]
        sums = [months_before(one, 12) for one in at]
        within = next(
            (one for one in sums if (counts.reindex(one, fill_value=0).sum() == counts.loc[SUM]).all()), None
        )
        assert within is not None, name
        chosen = set()
        for month, row in shown.iterrows():
            events, size = counts.loc[month]
            key = (month, int(events), int(size)) if month != SUM else (SUM, len(totals))
            values = np.array([events, size - events, size])
            low, high = known(row, values)
            if month in within:
                chosen.add(key)
            if month == SUM:
                ends = low, high
            elif key in rows:
                before = rows[key]
                rows[key] = (np.maximum(before[0], low), np.minimum(before[1], high), values)
            else:
                rows[key] = (low, high, values)
        totals.append((chosen, ends))
    keys = list(rows)
    low, high, values = (np.array([rows[key][place] for key in keys]) for place in range(3))
    told_of = [Total(np.array([key in chosen for key in keys]), *ends) for chosen, ends in totals]
    (least, most), _ = remaining(low, high, told_of)
    assert ((least <= values) & (values <= most)).all()
    # What each report shows of a row by itself is no secret.
    return [keys[row][0] for row in np.flatnonzero((is_few(values) & (low < high) & (least == most)).any(1))]


def test_no_hidden_count_of_a_month_follows_from_two_reports(pair):
    reports, truths = pair
    names = [
        name
        for name, table in reports[1].tables.items()
        if {"month", "n_events", "n"} <= set(table) and SUM in set(table["month"])
        and name in reports[0].tables
    ]  # fmt: skip
    assert len(names) >= 5
    assert {name: found for name in names if (found := told(reports, truths, name))} == {}


def paired(first, second):
    """Rows of two releases that are about the same, by all their words."""
    if first.empty or second.empty:
        return None
    words = [
        column
        for column in second.columns
        if column not in REMARKS
        and not column.startswith("n_")
        and column != "n"
        and (not pd.api.types.is_numeric_dtype(second[column].dtype) or column in ("day", "time", "minute"))
    ]
    first, second = (
        table.set_axis(["|".join(map(str, row)) for row in table[words].to_numpy(dtype=object)])
        for table in (first, second)
    )
    if first.index.duplicated().any() or second.index.duplicated().any():
        return None
    return first.reindex(second.index), second


def differences(reports, *, months_only):
    """Counts that both releases show and that differ by a few: table, row, column."""
    found, n_compared = [], 0
    for name in reports[1].tables.keys() & reports[0].tables.keys():
        both = paired(reports[0].tables[name], reports[1].tables[name])
        if both is None or (months_only and "month" not in both[1]):
            continue
        then, now = both
        for column in now.columns:
            if (column == "n" or column.startswith("n_")) and column in then:
                apart = numbers(now[column]) - numbers(then[column])
                close = is_few(apart) & (now["month"] != SUM if "month" in now else True)
                if "table" in now:
                    # Rows and cells of files are of patients in these two only.
                    close &= now["table"].isin(["patients", "disposition"])
                found += [(name, row, column) for row in now.index[close]]
                n_compared += int(apart.notna().sum())
    return found, n_compared


def test_no_month_that_both_reports_show_differs_by_a_few(pair):
    found, n_compared = differences(pair[0], months_only=True)
    assert found == []
    assert n_compared > 50


def test_under_safe_harbor_three_new_patients_change_no_count_that_is_printed(tmp_path):
    simulation = simulate_cohort(n_patients=60)
    tables, settings = dict(simulation.tables), {**simulation.settings, "synthetic": False}
    names = tables["patients"]["patient_id"]
    then = monthly_report(assemble(without(tables, names[-3:]), settings))
    then.save(tmp_path / "then", formats=["csv"])
    now = monthly_report(assemble(tables, settings), previous=tmp_path / "then")
    found, n_compared = differences((then, now), months_only=False)
    assert found == []
    assert n_compared > 20
    assert now.manifest["cohort"]["n_patients"] is None
    assert not re.search(r"\b60 (patients|starters)", now.html)
    assert "57 starters" in then.html
