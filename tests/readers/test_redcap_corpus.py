"""Every tricky REDCap export gives the outcome that a researcher should get, and no row is lost."""

from __future__ import annotations

import contextlib
import csv
import io
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from readers.redcap_cases import CANARY, CASES, Case
from readers.redcap_project import IDS, good, write

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.read import raise_problems
from ketaoutcomes.errors import KetaError
from ketaoutcomes.readers.export import Accounts, Export, account
from ketaoutcomes.readers.redcap import redcap_export

MADE = {"patients": 2, "sessions": 4, "scores": 4, "side_effects": 4}
LONGEST_CELL = 20_000_000


@dataclass
class Outcome:
    """What reading one export gave."""

    case: Case
    n_records: int | None
    export: Export | None
    accounts: Accounts | None
    cohort: Cohort | None
    error: KetaError | None
    printed: str


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory) -> Outcome:
    """Each case, written and read once."""
    project = good()
    for change in request.param.changes:
        change(project)
    export, dictionary, mapping = write(project, tmp_path_factory.mktemp("case") / "project")
    out = io.StringIO()
    found = accounts = cohort = error = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            found = redcap_export(export, dictionary, mapping, timezone=project.timezone)
            accounts = account(found)
            # As `to_cohort` does, without checking everything a second time.
            raise_problems(accounts.build)
            cohort = accounts.cohort
        except KetaError as raised:
            error = raised
    printed = out.getvalue() + "".join(str(warning.message) for warning in warned)
    n_records = None if found is None else _records(export, project.encoding, project.separator)
    return Outcome(request.param, n_records, found, accounts, cohort, error, printed)


def _records(path: Path, encoding: str, separator: str) -> int:
    """Records of a CSV file that are not blank, without the header, by the standard library."""
    text = path.read_bytes().decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    old = csv.field_size_limit(LONGEST_CELL)
    try:
        return (
            sum(bool("".join(cells).strip()) for cells in csv.reader(io.StringIO(text), delimiter=separator))
            - 1
        )
    finally:
        csv.field_size_limit(old)


def test_an_export_gives_the_outcome_that_it_should(outcome):
    case, error = outcome.case, outcome.error
    if case.raises:
        assert error is not None, "it should have been refused"
        assert type(error).__name__ == case.raises
        assert set(case.rules) <= {problem.rule for problem in error.problems}
        return
    assert error is None, str(error)
    source = outcome.accounts.sources.iloc[0]
    aside = dict(zip(outcome.accounts.rules["rule"], outcome.accounts.rules["n_rows"], strict=True))
    assert aside == dict(case.aside)
    assert (source["n_kept"], source["n_unmapped"]) == (case.kept, case.unmapped)
    made = {name: len(outcome.cohort.tables[name]) for name in MADE}
    assert made == MADE | dict(case.made)
    assert case.then is None or case.then(outcome.cohort)


def test_what_is_told_for_information_is_what_should_be(outcome):
    if outcome.export is not None and not outcome.case.raises:
        assert sorted(note.rule for note in outcome.export.notes) == sorted(outcome.case.notes)


def test_every_row_is_kept_or_set_aside_or_unmapped(outcome):
    if outcome.accounts is None:
        assert outcome.error is not None
        return
    sources = outcome.accounts.sources
    assert sources["n_read"].tolist() == [outcome.n_records]
    assert (sources["n_read"] == sources["n_kept"] + sources["n_quarantined"] + sources["n_unmapped"]).all()
    assert outcome.accounts.rules["n_rows"].sum() == sources["n_quarantined"].sum()


def test_every_column_is_told(outcome):
    if outcome.export is not None:
        assert outcome.export.columns["column"].is_unique
        assert len(outcome.export.columns) > 0


def test_nothing_is_printed_and_no_warning_is_raised(outcome):
    assert outcome.printed == ""


def test_no_message_repeats_a_cell_or_a_patient_id(outcome):
    cohort, error, export = outcome.cohort, outcome.error, outcome.export
    told = [outcome.printed]
    if export is not None:
        told += [repr(export), export.columns.to_csv(), *(str(note) for note in export.notes)]
        told += [outcome.accounts.sources.to_csv(), outcome.accounts.rules.to_csv()]
        told += [str(one) for one in outcome.accounts.build.problems]
    if cohort is not None:
        told += [repr(cohort), cohort._repr_html_(), cohort.quarantine.to_csv(), cohort.blanked.to_csv()]
        told += [*cohort.notes, cohort.sources.to_csv(), cohort.unmapped.to_csv()]
    if error is not None:
        # The traceback follows __cause__ and __context__: nothing of the data may hang on the error either.
        told += [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
        told += [str(one) for one in (error.__cause__, error.__context__) if one is not None]
    text = "\n".join(told).lower()
    assert CANARY not in text
    assert not [one for one in IDS if one.lower() in text]


def test_the_corpus_is_large_and_its_names_are_distinct():
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)
