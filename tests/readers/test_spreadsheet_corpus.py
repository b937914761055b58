"""Every spreadsheet of the corpus gives the outcome that it should, loses no row and repeats no cell."""

from __future__ import annotations

import traceback
import warnings
from dataclasses import dataclass

import pytest
from readers.spreadsheet_case import Case
from readers.spreadsheet_cases import CASES
from readers.spreadsheet_counts import count_rows
from readers.spreadsheet_files import CANARY, IDS, NUMBER

from ketaoutcomes.errors import KetaError
from ketaoutcomes.readers.export import Accounts, Export, account, to_cohort
from ketaoutcomes.readers.spreadsheet import spreadsheet_export


@dataclass
class Outcome:
    """What reading one file gave."""

    case: Case
    path: object
    export: Export | None
    accounts: Accounts | None
    cohort: object
    error: KetaError | None
    printed: str


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory) -> Outcome:
    """Each case, written and read once; whatever is printed, by C too, is caught."""
    case = request.param
    path = case.write(tmp_path_factory.mktemp("clinic"))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    capture.read_global_capture()
    export = accounts = cohort = error = None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            export = spreadsheet_export(path, case.mapping)
            accounts = account(export)
            cohort = to_cohort(export)
        except KetaError as raised:
            error = raised
    out, err = capture.read_global_capture()
    printed = out + err + "".join(str(one.message) for one in warned)
    return Outcome(case, path, export, accounts, cohort, error, printed)


def test_a_file_gives_the_outcome_that_it_should(outcome):
    case, error = outcome.case, outcome.error
    if case.raises:
        assert error is not None, "it should have been refused"
        assert type(error).__name__ == case.raises, str(error)
        assert set(case.rules) <= {problem.rule for problem in error.problems}, str(error)
        return
    assert error is None, str(error)
    columns = ["n_read", "n_kept", "n_quarantined", "n_unmapped"]
    assert tuple(outcome.accounts.sources[columns].sum()) == case.rows
    assert dict(outcome.accounts.rules.groupby("rule")["n_rows"].sum()) == dict(case.why)
    assert set(case.notes) <= {note.rule for note in outcome.export.notes}
    assert case.then is None or case.then(outcome.cohort)


def test_every_row_is_kept_set_aside_or_not_mapped(outcome):
    if outcome.accounts is None:
        return
    sources = outcome.accounts.sources
    parts = sources["n_kept"] + sources["n_quarantined"] + sources["n_unmapped"]
    assert (sources["n_read"] == parts).all()
    assert sources["n_read"].sum() == count_rows(outcome.path, outcome.case.header_rows)


def test_nothing_is_printed_and_no_message_repeats_a_cell(outcome):
    assert outcome.printed == ""
    told = [str(outcome.path.name)] if outcome.error is None else []
    if outcome.export is not None:
        told += [str(note) for note in outcome.export.notes]
        told += [repr(outcome.export), outcome.export.columns.to_csv()]
    if outcome.accounts is not None:
        told += [outcome.accounts.sources.to_csv(), outcome.accounts.rules.to_csv()]
    if outcome.cohort is not None:
        told += [repr(outcome.cohort), *outcome.cohort.notes, outcome.cohort.quarantine.to_csv()]
    if outcome.error is not None:
        error = outcome.error
        told += [str(error), repr(error), *traceback.format_exception(error)]
        told += [str(one) for one in (error.__cause__, error.__context__) if one is not None]
    text = "\n".join(told).lower()
    assert CANARY not in text
    assert NUMBER not in text
    assert "smith" not in text
    assert not [one for one in IDS if one.lower() in text]


def test_an_error_says_what_to_do_in_one_piece(outcome):
    error = outcome.error
    if error is None:
        return
    assert error.__cause__ is None
    assert all(10 < len(problem.message) < 500 for problem in error.problems)


def test_the_corpus_is_large_and_its_names_are_distinct():
    assert len(CASES) >= 110
    assert len({case.name for case in CASES}) == len(CASES)
