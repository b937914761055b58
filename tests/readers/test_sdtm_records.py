"""Hand-made SDTM folders: questionnaires, vital signs, adverse events and disposition."""

from __future__ import annotations

import pytest
from readers.sdtm_cases import RECORD_CASES
from readers.sdtm_outcome import accounted, discreet, expected, outcome_of


@pytest.fixture(scope="module", params=RECORD_CASES, ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory):
    """Each case, written and read once."""
    return outcome_of(request.param, tmp_path_factory.mktemp("case"))


def test_a_folder_gives_the_outcome_that_it_should(outcome):
    expected(outcome)


def test_every_row_of_every_file_is_accounted_for(outcome):
    accounted(outcome)


def test_nothing_is_printed_and_no_message_repeats_a_cell(outcome):
    discreet(outcome)
