"""The table of synonyms of side effects."""

from __future__ import annotations

import pytest

from ketaoutcomes.catalog.effect_terms import EFFECT_GROUPS, effect_terms, plain
from ketaoutcomes.errors import DataError

# Preferred terms in use in the field (names only), as lists of effects of ketamine studies print them.
PREFERRED = (
    "dissociation", "anxiety", "panic attack", "agitation", "euphoric mood", "confusional state",
    "disorientation", "dizziness", "vertigo", "somnolence", "sedation", "fatigue", "lethargy",
    "headache", "paraesthesia", "hypoaesthesia", "dysgeusia", "dysarthria", "vision blurred", "diplopia",
    "nystagmus", "tremor", "memory impairment", "cognitive disorder", "feeling drunk",
    "feeling abnormal", "nightmare", "mania", "hypomania", "suicidal ideation", "suicide attempt",
    "nausea", "vomiting", "dry mouth", "salivary hypersecretion", "hypertension",
    "blood pressure increased", "tachycardia", "bradycardia", "hypotension", "chest pain",
    "palpitations", "syncope", "presyncope", "oxygen saturation decreased", "hypoventilation",
    "respiratory depression", "laryngospasm", "cystitis", "cystitis noninfective", "pollakiuria",
    "dysuria", "micturition urgency", "haematuria", "hyperhidrosis", "infusion site extravasation",
    "infusion site pain", "fall", "drug dependence", "drug abuse",
)  # fmt: skip


@pytest.mark.parametrize("name", PREFERRED)
def test_every_preferred_name_is_known_and_stands_for_itself(name):
    terms = effect_terms()
    assert terms.knows(name)
    assert terms.name(name.upper()) == name
    assert terms.group_of(name) in EFFECT_GROUPS


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Drowsiness", "somnolence"),
        ("light-headedness", "dizziness"),
        ("Blurred  vision", "vision blurred"),
        ("tingling", "paraesthesia"),
        ("slurred speech", "dysarthria"),
        ("elevated BP", "blood pressure increased"),
        ("Depersonalisation/derealisation disorder", "depersonalisation/derealisation"),
    ],
)
def test_words_of_clinics_have_a_preferred_name(word, name):
    assert effect_terms().name(word) == name


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("sedation", "somnolence"),
        ("hypertension", "blood pressure increased"),
        ("vertigo", "dizziness"),
        ("syncope", "presyncope"),
        ("mania", "hypomania"),
        ("hallucination", "dissociation"),
    ],
)
def test_neighbouring_effects_are_not_one(word, other):
    terms = effect_terms()
    assert terms.name(word) != terms.name(other)


def test_a_word_that_is_not_in_the_table_stays_as_recorded():
    terms = effect_terms()
    assert not terms.knows("Hiccups")
    assert terms.name(" Hiccups  today ") == "hiccups today"
    assert terms.group_of("hiccups today") == "other"


def test_a_clinic_s_own_words_win_over_the_library_s():
    terms = effect_terms({"feeling odd": ["spacey", "floaty"], "sedation": ["drowsy"]})
    assert terms.name("Spacey") == "feeling odd"
    assert terms.name("drowsy") == "sedation"
    assert terms.name("drowsiness") == "somnolence"
    assert effect_terms({"spacey": "dissociation"}).name("spacey") == "dissociation"


def test_a_file_of_synonyms_is_read(tmp_path):
    path = tmp_path / "words.toml"
    path.write_text('[mind]\n"dissociation" = ["floaty"]\n', encoding="utf-8")
    assert effect_terms(path).name("Floaty") == "dissociation"
    assert effect_terms(str(path)).name("nauseous") == "nausea"


def test_without_a_table_words_stay_as_recorded():
    terms = effect_terms(False)
    assert terms.name("Drowsiness") == "drowsiness"
    assert not terms.knows("nausea")


@pytest.mark.parametrize(
    "given",
    [["nausea"], {"nausea": 3}, {"": ["x"]}, {"nausea": [""]}, {"nausea": ["x"], "vomiting": ["X"]}, 7],
)
def test_a_table_that_says_nothing_or_two_things_is_refused(given):
    with pytest.raises(DataError, match="synonyms"):
        effect_terms(given)


def test_a_file_that_is_none_is_refused_without_its_content(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        effect_terms(tmp_path / "missing.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("canary = [", encoding="utf-8")
    with pytest.raises(DataError, match="not TOML") as error:
        effect_terms(bad)
    assert "canary" not in str(error.value)


def test_spelling_is_compared_without_case_and_punctuation():
    assert plain("  Light-Headed_ness ") == "light headed ness"


def test_a_name_with_one_word_in_place_of_a_list_is_refused():
    with pytest.raises(DataError, match="give them as a list"):
        effect_terms({"nausea": "N/V"})


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("Nausea & vomiting", ("nausea", "vomiting")),
        ("N/V", ("nausea", "vomiting")),
        ("drowsy, dizzy and nauseous", ("somnolence", "dizziness", "nausea")),
        ("depersonalisation/derealisation", ("depersonalisation/derealisation",)),
        ("hallucination, visual", ("hallucination, visual",)),
        ("pins and needles", ("paraesthesia",)),
        ("nausea and spots", ("nausea and spots",)),
        ("cuts and bruises", ("cuts and bruises",)),
    ],
)
def test_a_word_that_joins_known_effects_stands_for_each(word, names):
    assert effect_terms().names(word) == names
    assert effect_terms(False).names(word) == (" ".join(word.lower().split()),)


def test_a_known_effect_beside_an_unknown_one_is_told():
    terms = effect_terms()
    assert terms.is_unsplit("nausea and spots")
    assert not terms.is_unsplit("nausea and vomiting")
    assert not terms.is_unsplit("cuts and bruises")
