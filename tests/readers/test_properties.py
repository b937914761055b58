"""Generated exports: no crash, no lost row, and no cell in a message, whatever is in them."""

from __future__ import annotations

import csv
import io
import warnings

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketaoutcomes.errors import KetaError
from ketaoutcomes.readers.apply import apply_mapping
from ketaoutcomes.readers.export import Export, account
from ketaoutcomes.readers.fhir import fhir_export
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.redcap import redcap_export
from ketaoutcomes.readers.spreadsheet import spreadsheet_export

CANARY = "zqxcanary"
RELAXED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large)

ids = st.sampled_from(["p1", "p2", "p3", " p1", "", "007"])
days = st.dates(min_value=pd.Timestamp("2023-01-01").date(), max_value=pd.Timestamp("2024-12-31").date())
times = st.one_of(
    days.map(str),
    days.map(lambda day: f"{day} 10:30"),
    st.sampled_from(["", "2024-02-30", "2024-03-10 02:30", "2024", "45000", "03/04/2024", "NA", CANARY]),
)
numbers = st.one_of(
    st.integers(-5, 30).map(str), st.sampled_from(["", "NA", "1,5", "1e400", "nan", "-", f"12 {CANARY}", "٣"])
)
words = st.sampled_from(
    ["", "IV", "1", "none", "None", "=1+1", "severe", "nausea", "?", CANARY, "a\nb", '"', "\x1f"]
)
anything = st.text(max_size=12)
cell = st.one_of(times, numbers, words, anything.map(lambda text: text.replace("\x00", "")))
COLUMNS = {
    "id": st.one_of(ids, ids, ids, anything),
    "when": st.one_of(times, times, times, cell),
    "score": st.one_of(numbers, numbers, cell),
    "route": st.one_of(words, cell),
    "tick": st.one_of(words, cell),
    "bp": st.one_of(st.just("120/80"), cell),
    "form": st.sampled_from(["a", "b", ""]),
    "extra": cell,
}
tables = st.lists(st.fixed_dictionaries(COLUMNS), max_size=12)
levels = st.sampled_from(["limited-data-set", "safe-harbor"])
zones = st.sampled_from([None, "America/New_York"])


def mapping(level: str, zone: str | None, *, chosen: bool) -> dict:
    """A mapping that makes rows of every table, whether or not it can be right for the cells."""
    when = {"when": {"form": ["a", ""]}} if chosen else {}
    cohort = {"deidentification": level} | ({} if zone is None else {"timezone": zone})
    blocks = [
        {"table": "patients", "columns": {"sex": "extra"}},
        {"table": "sessions", "columns": {"start": "when", "route": "route"}, **when},
        {
            "table": "scores",
            "columns": {"taken": "when", "score": "score", "i1": "tick"},
            "constants": {"instrument": "PHQ-9"},
            "multiply": {"score": 2},
        },
        {"table": "vitals", "columns": {"sbp/dbp": "bp", "moment": "when"}},
        {
            "table": "side_effects",
            "checkboxes": {"tick": "nausea"},
            "columns": {"moment": "when"},
            "asked": "form",
        },
        {"table": "disposition", "columns": {"when": "when", "status": "extra"}},
    ]
    return {"missing": ["-5"], "cohort": cohort, "patient": {"id": "id"}, "rows": blocks}


def held(export, n_read: int) -> None:
    """Every row is accounted for, and no message holds a cell."""
    accounts = account(export)
    parts = accounts.sources[["n_kept", "n_quarantined", "n_unmapped"]]
    assert (accounts.sources["n_read"] == parts.sum(axis=1)).all()
    assert accounts.sources["n_read"].sum() == n_read
    assert accounts.rules.groupby("source")["n_rows"].sum().sum() == accounts.sources["n_quarantined"].sum()
    made = accounts.build
    assert (made.counts["n_read"] == made.counts["n_kept"] + made.counts["n_quarantined"]).all()
    told = [*map(str, made.problems), *map(str, made.notes), *map(str, export.notes), repr(export)]
    told += [accounts.sources.to_csv(), accounts.rules.to_csv(), accounts.columns.to_csv()]
    assert CANARY not in "".join(told)
    if accounts.cohort is not None:
        assert CANARY not in repr(accounts.cohort)


@settings(max_examples=500, deadline=None, suppress_health_check=RELAXED)
@given(tables, levels, zones, st.booleans())
def test_any_cells_under_a_mapping_are_kept_set_aside_or_not_mapped(rows, level, zone, chosen):
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype("str")
    found = parse_mapping(mapping(level, zone, chosen=chosen))
    intake = Intake(found.settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = intake.open("export.csv", len(frame))
        apply_mapping(found, intake, source, frame)
        held(intake.finish(), len(frame))


def read_or_refused(read) -> Export | None:
    """The export, or None after one clear error that carries nothing of the data."""
    error = None
    try:
        return read()
    except KetaError as caught:
        error = caught
    assert CANARY not in str(error)
    assert error.__cause__ is None
    return None


def written(rows: list[dict], separator: str, lost: list[str]) -> bytes:
    """The rows as CSV, with ragged lines between them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(list(COLUMNS))
    for number, row in enumerate(rows):
        writer.writerow(row.values())
        if number < len(lost):
            out.write(lost[number] + "\n")
    return out.getvalue().encode("utf-8", "surrogatepass")


def records(data: bytes, separator: str) -> int:
    """Records below the header that are not blank, by the standard library's reader."""
    text = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    blank = (" ", "\t", "\r", "")
    return sum(any(cell.strip(" \t\r\n") not in blank for cell in row) for row in rows) - 1


@settings(max_examples=400, deadline=None, suppress_health_check=RELAXED)
@given(
    tables,
    st.sampled_from([",", ";"]),
    st.lists(
        st.sampled_from(["p1", "p1,a,b,c;d;e;f", ",".join("123456789"), ";".join("123456789")]), max_size=3
    ),
    levels,
    st.sampled_from(["redcap", "spreadsheet"]),
)
def test_any_csv_file_is_read_whole_or_refused_in_one_clear_error(
    tmp_path_factory, rows, separator, lost, level, kind
):
    data = written(rows, separator, lost)
    path = tmp_path_factory.getbasetemp() / "generated.csv"
    path.write_bytes(data)
    reader = redcap_export if kind == "redcap" else spreadsheet_export
    given_mapping = mapping(level, "America/New_York", chosen=False)
    arguments = (path, None, given_mapping) if kind == "redcap" else (path, given_mapping)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export = read_or_refused(lambda: reader(*arguments))
        if export is not None:
            held(export, records(data, separator))


@settings(max_examples=200, deadline=None, suppress_health_check=RELAXED)
@given(
    st.binary(max_size=300),
    st.sampled_from(["csv", "xlsx", "sav", "dta", "xpt", "parquet", "json", "ndjson"]),
)
def test_any_bytes_under_any_name_are_refused_or_read_without_a_traceback(tmp_path_factory, data, ending):
    path = tmp_path_factory.getbasetemp() / f"bytes.{ending}"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if ending.endswith("json"):
            export = read_or_refused(lambda: fhir_export(path))
        else:
            chosen = mapping("limited-data-set", "UTC", chosen=True)
            export = read_or_refused(lambda: spreadsheet_export(path, chosen))
        if export is not None:
            held(export, int(account(export).sources["n_read"].sum()))
