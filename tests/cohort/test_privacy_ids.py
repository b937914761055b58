"""Ids that are names or are made from birth dates are refused, and codes are not."""

from __future__ import annotations

import uuid

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.privacy import scan_values
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import PrivacyError


def _found(ids) -> set[str]:
    """Rules that a column of ids breaks."""
    return {problem.rule for problem in scan_values("patients", pd.DataFrame({"patient_id": ids}))}


@pytest.mark.parametrize(
    "name", ["John S", "J. Smith", "John", "jsmith", "Müller", "SMITH", "John 3", "O'Brien", "李小明"]
)
def test_one_name_among_codes_is_refused(name):
    assert _found(["P0001", "P0002", name]) == {"identifier:A"}


@pytest.mark.parametrize(
    "ids",
    [
        ["JS1975", "MK1980"],
        ["P0001", "P0002", "JS1975"],
        ["JS-03041975", "AB-12111960"],
        ["J.S. 03.04.1975", "P0002"],
        ["19750304", "19811224", "19660101"],
        ["04031975", "24121981", "01011966"],
        ["03041975", "12241981", "01011966", "99999999"],
    ],
)
def test_ids_made_from_birth_dates_are_refused(ids):
    assert _found(ids) == {"identifier:C"}


@pytest.mark.parametrize(
    "ids",
    [
        ["A", "B", "C"],
        ["AB", "CD"],
        ["007", "008"],
        ["MOA101", "MOA102"],
        ["01-701-1015", "01-701-1023"],
        ["sub-MOA101", "sub-MOA102"],
        ["Patient 1", "Patient 2"],
        ["KETA 001", "KETA 002"],
        ["KET2001", "KET2002", "KET2003"],
        [f"P{number}" for number in range(1900, 2100)],
        [f"{site}{number}" for site in ("NY", "BO") for number in range(2001, 2021)],
        [str(uuid.UUID(int=number * 7919**20 % 2**128)) for number in range(1, 40)],
        # Site and number: eight digits of which some are dates.
        [f"{2024}{number:04d}" for number in range(1, 301)],
    ],
)
def test_codes_are_not_refused(ids):
    assert _found(ids) == set()


@pytest.mark.parametrize("digits", [6, 7, 8])
def test_random_study_numbers_are_not_refused(digits):
    # 2000 numbers of eight digits hold about 3 dates (1 in 700): too few to be all made from dates.
    draw = np.random.default_rng(20260101).integers(10 ** (digits - 1), 10**digits, 2000)
    assert _found([str(number) for number in draw]) == set()


def test_the_message_says_what_to_use_and_no_id(clinic):
    folder = clinic(
        patients="patient_id\nQxsmith\nA2\n", sessions="patient_id,hour,route\nQxsmith,0,IV\nA2,0,IM\n"
    )
    with pytest.raises(PrivacyError) as refused:
        load_cohort(folder)
    assert "looks like names or birth dates; use codes such as P0001" in str(refused.value)
    assert "qxsmith" not in str(refused.value).lower()
