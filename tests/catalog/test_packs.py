"""Outcome packs: each name leads to one pack, each rule belongs to its instrument."""

import copy

import pytest

from ketaoutcomes.catalog.definitions import OUTCOMES
from ketaoutcomes.catalog.entries import read_toml
from ketaoutcomes.catalog.packs import PACKS, pack_of, packs_from
from ketaoutcomes.errors import DataError


@pytest.mark.parametrize(
    ("written", "pack"),
    [
        ("MDD", "depression"),
        ("Treatment-Resistant Depression", "depression"),
        ("F33.2", "depression"),
        ("f341", "depression"),
        ("bipolar II", "bipolar_depression"),
        ("F31.81", "bipolar_depression"),
        ("PTSD", "ptsd"),
        ("F43.10", "ptsd"),
        ("OCD", "ocd"),
        ("GAD", "anxiety"),
        ("F41.1", "anxiety"),
        ("chronic pain", "pain"),
        ("G89.4", "pain"),
        ("M79.7", "pain"),
        ("alcohol use disorder", "substance_use"),
        ("F10.20", "substance_use"),
    ],
)
def test_spellings_and_codes_lead_to_their_pack(written, pack):
    assert pack_of(written).name == pack


@pytest.mark.parametrize(
    "written", ["", "no depression", "adjustment disorder", "F43.2", "F20.0", "E11.9", None, 3.0]
)
def test_other_words_and_codes_are_in_no_pack(written):
    # F43.2 is adjustment disorder, which shares its first letters with PTSD (F43.1).
    assert pack_of(written) is None


def test_the_rules_of_the_published_sources_are_used():
    # constants.csv: Farris 2013 35 %, Marx 2022 15 points, IMMPACT 30 % and 50 %, Feder 2021 30 %.
    rule = {
        measure.instrument: OUTCOMES[measure.response]
        for pack in PACKS.values()
        for measure in pack.primary
        if measure.response
    }
    assert rule["Y-BOCS"].min_fraction == 0.35
    assert rule["PCL-5"].min_points == 15
    assert rule["CAPS-5"].min_fraction == 0.30
    assert rule["NRS-pain"].min_fraction == 0.30
    assert OUTCOMES[PACKS["pain"].primary[0].further[0]].min_fraction == 0.50
    assert rule["GAD-7"].min_fraction == 0.50


def test_forms_about_the_past_year_count_no_response():
    pack = PACKS["substance_use"]
    assert all(not measure.response for measure in pack.primary)
    assert "12 months" in pack.caveat
    assert "unverified" in pack.citation


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"response": "response_ybocs_35"}, "is not meant for it"),
        ({"response": "remission_phq9_lt5"}, "is no response"),
        ({"response": "response_49"}, "no outcome is called"),
        ({"instrument": "PHQ-99"}, "is not an instrument"),
        ({"colour": "blue"}, "unknown key"),
    ],
)
def test_a_pack_that_does_not_fit_the_catalogue_is_refused(change, words):
    content = copy.deepcopy(read_toml("packs.toml"))
    content["pack"]["depression"]["primary"][0] |= change
    with pytest.raises(DataError, match=words):
        packs_from(content)


def test_a_diagnosis_in_two_packs_is_refused():
    content = copy.deepcopy(read_toml("packs.toml"))
    content["pack"]["pain"]["diagnoses"].append("m.d.d.")
    with pytest.raises(DataError, match="have the same diagnosis"):
        packs_from(content)
