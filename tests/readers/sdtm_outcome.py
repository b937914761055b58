"""What reading one hand-made SDTM folder gives, and what must hold of it."""

from __future__ import annotations

import contextlib
import csv
import io
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from bad_input.folders import write
from readers.sdtm_cases import CANARY, Case
from readers.sdtm_trial import ASIDE, IDS, UNMAPPED, good

from ketaoutcomes.cohort.read import raise_problems
from ketaoutcomes.errors import KetaError
from ketaoutcomes.readers.export import Accounts, account
from ketaoutcomes.readers.sdtm import sdtm_export

ZONE = "America/New_York"


@dataclass
class Outcome:
    """What reading one folder gave."""

    case: Case
    folder: Path
    accounts: Accounts | None
    error: KetaError | None
    printed: str


def outcome_of(case: Case, path: Path) -> Outcome:
    """Write the folder of a case and read it."""
    made = good()
    for change in case.changes:
        change(made)
    folder = write(made, path / "trial")
    out = io.StringIO()
    accounts = error = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            accounts = account(sdtm_export(folder, timezone=ZONE))
            raise_problems(accounts.build)
        except KetaError as raised:
            error = raised
    return Outcome(
        case, folder, accounts, error, out.getvalue() + "".join(str(one.message) for one in warned)
    )


def expected(outcome: Outcome) -> None:
    """The rows are set aside, and the error raised, that the case says."""
    case, error = outcome.case, outcome.error
    if case.raises:
        assert error is not None, "reading should have been refused"
        assert type(error).__name__ == case.raises
        assert set(case.rules) <= {problem.rule for problem in error.problems}
        return
    assert error is None, str(error)
    rules = outcome.accounts.rules
    found = {(row.source, row.rule): row.n_rows for row in rules.itertuples()}
    assert found == {key: n for key, n in (ASIDE | dict(case.aside)).items() if n}
    sources = outcome.accounts.sources
    unmapped = dict(zip(sources["source"], sources["n_unmapped"], strict=True))
    assert {name: n for name, n in unmapped.items() if n} == UNMAPPED | dict(case.unmapped)
    told = {note.rule for note in outcome.accounts.build.notes}
    assert set(case.notes) <= told
    assert case.then is None or case.then(outcome.accounts.cohort)


def accounted(outcome: Outcome) -> None:
    """Every row of every file is kept, set aside or not mapped."""
    if outcome.accounts is None:
        return
    told = outcome.accounts.sources
    assert (told["n_read"] == told["n_kept"] + told["n_quarantined"] + told["n_unmapped"]).all()
    n_rows = 0
    for path in outcome.folder.glob("*.csv"):
        text = path.read_bytes().decode("utf-8-sig")
        csv.field_size_limit(20_000_000)
        n_rows += sum(1 for cells in csv.reader(io.StringIO(text)) if cells) - 1
    if not list(outcome.folder.glob("*.xpt")):
        assert told["n_read"].sum() == n_rows


def discreet(outcome: Outcome) -> None:
    """Nothing is printed, and no message repeats a cell or a subject."""
    assert outcome.printed == ""
    told = []
    if outcome.error is not None:
        told += [str(outcome.error), repr(outcome.error), *traceback.format_exception(outcome.error)]
    if outcome.accounts is not None:
        made = outcome.accounts
        told += [made.sources.to_csv(), made.rules.to_csv(), made.columns.to_csv()]
        told += [str(one) for one in (*made.build.notes, *made.build.problems)]
        if made.cohort is not None:
            told += [
                repr(made.cohort),
                made.cohort._repr_html_(),
                *made.cohort.notes,
                made.cohort.unmapped.to_csv(),
            ]
    text = "\n".join(told).lower()
    assert CANARY not in text
    assert not [one for one in IDS if one.lower() in text]
