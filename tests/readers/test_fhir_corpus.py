"""Every FHIR export of the corpus gives the outcome that it should; no resource is lost, and none is told."""

from __future__ import annotations

import contextlib
import io
import json
import traceback
import warnings
from dataclasses import dataclass

import pytest
from readers.fhir_cases import CASES, Case
from readers.fhir_parts import CANARY, IDS, MADE, good, saved

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.read import raise_problems
from ketaoutcomes.errors import KetaError
from ketaoutcomes.readers.export import Accounts, Export, account
from ketaoutcomes.readers.fhir import fhir_export


@dataclass
class Outcome:
    """What reading one export gave, and how many resources it holds."""

    case: Case
    n_resources: int
    export: Export | None
    accounts: Accounts | None
    cohort: Cohort | None
    error: KetaError | None
    printed: str


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory) -> Outcome:
    """Each case, written and read once."""
    case = request.param
    folder = tmp_path_factory.mktemp("case")
    content = case.content(good())
    data = content if isinstance(content, bytes) else content.encode()
    path = case.place(folder, data) if case.place else saved(folder, data, case.file)
    out = io.StringIO()
    found = accounts = cohort = error = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            found = fhir_export(path, timezone="America/New_York")
            accounts = account(found)
            # What to_cohort does, without checking the tables a second time.
            raise_problems(accounts.build)
            cohort = accounts.cohort
        except KetaError as raised:
            error = raised
    printed = out.getvalue() + "".join(str(warning.message) for warning in warned)
    n_resources = 0 if case.raises else _resources(data)
    return Outcome(case, n_resources, found, accounts, cohort, error, printed)


def _resources(data: bytes) -> int:
    """Entries of a Bundle, or lines that are not blank, by the standard library."""
    text = data.decode("utf-8-sig", errors="replace")
    with contextlib.suppress(ValueError):
        return len(json.loads(text)["entry"])
    return sum(1 for line in text.split("\n") if line.strip())


def test_an_export_gives_the_outcome_that_it_should(outcome):
    case, error = outcome.case, outcome.error
    if case.raises:
        assert error is not None, "it should have been refused"
        assert type(error).__name__ == case.raises
        assert case.rule in {problem.rule for problem in error.problems}
        return
    assert error is None, str(error)
    rules = outcome.accounts.rules
    aside = {(row.source, row.rule): row.n_rows for row in rules.itertuples()}
    assert aside == dict(case.aside)
    sources = outcome.accounts.sources
    assert {row.source: row.n_unmapped for row in sources.itertuples() if row.n_unmapped} == dict(
        case.unmapped
    )
    made = {name: len(outcome.cohort.tables[name]) for name in MADE}
    assert made == {name: n + case.more.get(name, 0) for name, n in MADE.items()}


def test_every_resource_is_kept_or_set_aside_or_unmapped(outcome):
    if outcome.accounts is None or outcome.case.raises:
        assert outcome.error is not None
        return
    sources = outcome.accounts.sources
    assert sources["n_read"].sum() == outcome.n_resources
    assert (sources["n_read"] == sources["n_kept"] + sources["n_quarantined"] + sources["n_unmapped"]).all()
    assert outcome.accounts.rules["n_rows"].sum() == sources["n_quarantined"].sum()


def test_nothing_is_printed_and_no_warning_is_raised(outcome):
    assert outcome.printed == ""


def test_no_message_repeats_what_a_resource_holds(outcome):
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
        told += [str(vars(one)) for one in (error.__cause__, error.__context__) if one is not None]
    text = "\n".join(told).lower()
    assert CANARY not in text
    assert not [one for one in IDS if one in text]


def test_names_addresses_and_numbers_of_people_are_in_no_table(outcome):
    if outcome.cohort is not None:
        for table in outcome.cohort.tables.values():
            assert CANARY not in table.to_csv()


def test_the_corpus_is_large_and_its_names_are_distinct():
    assert len(CASES) >= 90
    assert len({case.name for case in CASES}) == len(CASES)
