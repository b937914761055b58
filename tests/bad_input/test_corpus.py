"""Every bad folder gives the outcome that a researcher should get, and no message repeats a cell."""

from __future__ import annotations

import contextlib
import csv
import io
import subprocess
import sys
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from bad_input.corpus import CANARY, CASES, NUMBER, Case
from bad_input.folders import IDS, good, write

from ketaoutcomes.cli import main
from ketaoutcomes.cohort.check import CheckResult, check
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import KetaError

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """What loading and checking one bad folder gave."""

    case: Case
    folder: Path
    cohort: Cohort | None
    error: KetaError | None
    check: CheckResult
    exit_code: int
    printed: str


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory) -> Outcome:
    """Each case, written, loaded and checked once."""
    made = good()
    for change in request.param.changes:
        change(made)
    folder = write(made, tmp_path_factory.mktemp("case") / "clinic")
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        cohort, error = _load(folder)
        found = check(folder)
        exit_code = main(["check", str(folder), "--json"])
    printed = out.getvalue() + "".join(str(warning.message) for warning in warned)
    return Outcome(request.param, folder, cohort, error, found, exit_code, printed)


def _load(folder):
    """The cohort, or the error."""
    try:
        return load_cohort(folder), None
    except KetaError as error:
        return None, error


def _named(problems) -> set[str]:
    """Rules of problems, with and without their table."""
    pairs = [(problem.table, problem.rule) for problem in problems]
    return {rule for _, rule in pairs} | {f"{table}:{rule}" for table, rule in pairs}


def test_a_bad_folder_gives_the_outcome_that_it_should(outcome):
    case, cohort, error = outcome.case, outcome.cohort, outcome.error
    if case.raises:
        assert error is not None, "loading should have been refused"
        assert type(error).__name__ == case.raises
        assert set(case.rules) <= _named(error.problems)
        return
    assert error is None, str(error)
    set_aside = {(row.table, row.rule): row.n_rows for row in cohort.quarantine.itertuples()}
    blanked = {(row.table, row.column, row.rule): row.n_cells for row in cohort.blanked.itertuples()}
    assert set_aside == dict(case.rows)
    assert blanked == dict(case.cells)
    assert case.then is None or case.then(cohort)


def test_check_tells_what_loading_does(outcome):
    case, found = outcome.case, outcome.check
    assert found.ok == (case.raises is None)
    by_severity = dict(list(found.problems.groupby("severity")))
    if case.raises:
        told = set(found.problems["rule"]) | set(found.problems["table"] + ":" + found.problems["rule"])
        assert set(case.rules) <= told
        assert (
            found.exit_code
            == outcome.exit_code
            == {"DataError": 10, "PrivacyError": 11, "ConfigError": 2}[case.raises]
        )
        return
    assert found.exit_code == outcome.exit_code == 0
    rows, cells = by_severity.get("row"), by_severity.get("cell")
    set_aside = {} if rows is None else {(row.table, row.rule): row.n_rows for row in rows.itertuples()}
    blanked = (
        {} if cells is None else {(row.table, row.column, row.rule): row.n_rows for row in cells.itertuples()}
    )
    assert set_aside == dict(case.rows)
    assert blanked == dict(case.cells)
    assert set(case.notes) <= set(found.problems.loc[found.problems["severity"] == "note", "rule"])


def test_every_row_that_is_read_is_kept_or_set_aside(outcome):
    cohort = outcome.cohort
    counts = outcome.check.counts if cohort is None else cohort.counts
    assert (counts["n_read"] == counts["n_kept"] + counts["n_quarantined"]).all()
    if cohort is None:
        return
    counts = counts.set_index("table")
    for table in cohort.present:
        assert counts.loc[table, "n_kept"] == len(cohort.tables[table])
        aside = cohort.quarantine.loc[cohort.quarantine["table"] == table, "n_rows"].sum()
        assert counts.loc[table, "n_quarantined"] == aside
        if (outcome.folder / f"{table}.csv").exists():
            assert counts.loc[table, "n_read"] == _records(outcome.folder / f"{table}.csv") - 1


def _records(path: Path) -> int:
    """Records of a CSV file that are not blank, by the standard library's reader."""
    text = path.read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    return sum(1 for cells in csv.reader(io.StringIO(text)) if "".join(cells).strip())


def test_no_message_repeats_a_cell_or_a_patient_id(outcome):
    cohort, error, found = outcome.cohort, outcome.error, outcome.check
    told = [
        outcome.printed,
        found.summary(),
        repr(found),
        found._repr_html_(),
        found.problems.to_csv(),
        found.counts.to_csv(),
    ]
    if cohort is not None:
        told += [
            repr(cohort),
            cohort._repr_html_(),
            cohort.quarantine.to_csv(),
            cohort.blanked.to_csv(),
            *cohort.notes,
        ]
    if error is not None:
        # The traceback follows __cause__ and __context__: nothing of the data may hang on the error either.
        told += [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
        told += [str(one) for one in (error.__cause__, error.__context__) if one is not None]
    text = "\n".join(told).lower()
    assert CANARY not in text
    assert NUMBER not in text
    assert not [one for one in IDS if one.lower() in text]


def test_the_good_folder_loads_whole(tmp_path):
    cohort = load_cohort(write(good(), tmp_path / "clinic"))
    assert cohort.counts["n_kept"].tolist() == [4, 6, 8, 4, 4, 3]
    assert len(cohort.quarantine) == len(cohort.blanked) == 0


def test_the_corpus_is_large_and_its_names_are_distinct():
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)


def test_loading_a_folder_that_is_not_there_says_so(tmp_path):
    cohort, error = _load(tmp_path / "nowhere")
    assert cohort is None
    assert "no_folder" in _named(error.problems)
    assert not check(tmp_path / "nowhere").ok


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        ("a PHQ-9 of 28", 0),
        ("the same header twice", 10),
        ("an e-mail address in a covariate", 11),
        ("broken syntax", 2),
    ],
)
def test_the_command_line_ends_with_the_code_of_the_error(name, exit_code, tmp_path):
    case = next(case for case in CASES if case.name == name)
    made = good()
    for change in case.changes:
        change(made)
    folder = write(made, tmp_path / "clinic")
    command = [sys.executable, "-m", "ketaoutcomes", "check", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert ended.returncode == exit_code
    assert "Traceback" not in ended.stderr
    assert CANARY not in ended.stdout + ended.stderr
