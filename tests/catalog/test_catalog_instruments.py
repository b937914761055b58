"""Every instrument's entry is complete and consistent, and says where it comes from."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument, find_instrument, instruments_from
from ketaoutcomes.errors import DataError

NAMES = [
    "PHQ-9",
    "PHQ-2",
    "PHQ-8",
    "GAD-7",
    "MADRS",
    "MADRS-24h",
    "MADRS-S",
    "HAM-D17",
    "HAM-D6",
    "QIDS-SR16",
    "IDS-SR30",
    "BDI-II",
    "PCL-5",
    "CAPS-5",
    "IES-R",
    "Y-BOCS",
    "HAM-A",
    "LSAS",
    "BAI",
    "C-SSRS",
    "BSS",
    "CADSS",
    "CADSS-6",
    "BPRS",
    "BPRS+",
    "YMRS",
    "MOAA/S",
    "PRISE",
    "FIBSER",
    "BPIC-SS",
    "WHO-5",
    "SDS",
    "WSAS",
    "Q-LES-Q-SF",
    "CGI-S",
    "CGI-I",
    "PGIC",
    "NRS-pain",
    "VAS-pain",
    "BPI-severity",
    "BPI-interference",
    "FIQR",
    "AUDIT",
    "AUDIT-C",
    "DAST-10",
    "ISI",
    "SHAPS",
    "PROMIS-D4a",
    "EQ-5D-VAS",
    "MoCA",
    "Mood-NRS",
]


def sourced(entry: Instrument):
    yield entry
    yield entry.rule
    for chosen in entry.band_sets:
        yield chosen
        yield from chosen.bands
    for part in (entry.changes, entry.cutoffs, entry.reliability, entry.subscales):
        yield from part
    yield from filter(None, (entry.safety_item, entry.parent))


def test_the_named_instruments_are_all_there():
    assert sorted(INSTRUMENTS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_source_and_an_unverified_one_says_so(name):
    entry = INSTRUMENTS[name]
    assert entry.name == name
    assert entry.label
    assert entry.licence
    assert entry.recall_label
    for value in sourced(entry):
        assert value.source.strip()
        assert value.verified or "unverified" in value.citation
        assert not value.conflicting or "one of several published" in value.citation
    assert entry.recall_verified or "unverified" in entry.recall_citation


@pytest.mark.parametrize("name", NAMES)
def test_bands_tile_the_range_without_gap_or_overlap(name):
    entry = INSTRUMENTS[name]
    for chosen in entry.band_sets:
        bands = chosen.bands
        assert bands[0].low == entry.minimum
        assert bands[-1].high == entry.maximum
        for lower, upper in itertools.pairwise(bands):
            assert upper.low == lower.high + 1
        for score in range(int(entry.minimum), int(entry.maximum) + 1):
            inside = [band for band in bands if band.low <= score <= band.high]
            assert inside == [entry.band(score, band_set=chosen.name)]


@pytest.mark.parametrize("name", NAMES)
def test_recall_is_present_and_not_negative(name):
    assert INSTRUMENTS[name].recall_days >= 0
    assert INSTRUMENTS[name].recall_source.strip()


# Recall in days decides which outcomes may be timed in hours.
@pytest.mark.parametrize(
    ("name", "days"),
    [("PHQ-9", 14), ("GAD-7", 14), ("MADRS", 7), ("MADRS-24h", 1), ("QIDS-SR16", 7), ("PCL-5", 30),
     ("WHO-5", 14), ("CADSS", 0), ("Mood-NRS", 0), ("BPI-severity", 1), ("AUDIT", 365)],
)  # fmt: skip
def test_recall_of_the_instruments_that_matter(name, days):
    assert INSTRUMENTS[name].recall_days == days


@pytest.mark.parametrize(
    ("name", "low", "high", "direction"),
    [("PHQ-9", 0, 27, "worse"), ("GAD-7", 0, 21, "worse"), ("MADRS", 0, 60, "worse"),
     ("HAM-D17", 0, 52, "worse"), ("HAM-D6", 0, 22, "worse"), ("QIDS-SR16", 0, 27, "worse"),
     ("IDS-SR30", 0, 84, "worse"), ("BDI-II", 0, 63, "worse"), ("PCL-5", 0, 80, "worse"),
     ("IES-R", 0, 88, "worse"), ("Y-BOCS", 0, 40, "worse"), ("HAM-A", 0, 56, "worse"),
     ("LSAS", 0, 144, "worse"), ("CADSS", 0, 92, "worse"), ("CADSS-6", 0, 24, "worse"),
     ("BPRS", 18, 126, "worse"), ("YMRS", 0, 60, "worse"), ("MOAA/S", 0, 5, "better"),
     ("WHO-5", 0, 100, "better"), ("Q-LES-Q-SF", 0, 100, "better"), ("EQ-5D-VAS", 0, 100, "better"),
     ("MoCA", 0, 30, "better"), ("FIQR", 0, 100, "worse"), ("AUDIT", 0, 40, "worse"),
     ("SHAPS", 0, 14, "worse"), ("BPIC-SS", 0, 38, "worse"), ("C-SSRS", 0, 5, "worse"),
     ("PROMIS-D4a", 4, 20, "worse"), ("Mood-NRS", 0, 10, "worse")],
)  # fmt: skip
def test_ranges_and_directions(name, low, high, direction):
    entry = INSTRUMENTS[name]
    assert (entry.minimum, entry.maximum, entry.higher_is) == (low, high, direction)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("phq9", "PHQ-9"), ("PHQ 9", "PHQ-9"), ("phq_9", "PHQ-9"), ("Phq-9", "PHQ-9"), ("QIDS", "QIDS-SR16"),
     ("HDRS-17", "HAM-D17"), ("ybocs", "Y-BOCS"), ("MADRS 24h", "MADRS-24h"), ("cadss23", "CADSS"),
     ("bprs", "BPRS"), ("bprs+", "BPRS+"), ("moaas", "MOAA/S"), ("c-ssrs", "C-SSRS"),
     ("Q-LES-Q-SF", "Q-LES-Q-SF"), ("pain nrs", "NRS-pain"), ("WHO 5", "WHO-5")],
)  # fmt: skip
def test_instruments_are_found_in_any_spelling(spelling, name):
    assert find_instrument(spelling).name == name


def test_an_unknown_instrument_names_the_closest_and_not_what_was_asked_for():
    with pytest.raises(DataError, match="did you mean HAM-D17") as caught:
        find_instrument("HAMD71")
    assert "HAMD71" not in str(caught.value)


def test_an_ambiguous_name_is_not_guessed():
    # 17, 21 and 24 items are different forms, and PCL has four.
    for name in ("HAM-D", "PCL", "NRS", "CAPS", "CGI"):
        with pytest.raises(DataError):
            find_instrument(name)


def test_a_score_between_two_whole_numbers_is_in_the_lower_band():
    # A prorated PHQ-9 of 4.5 is below the cut of 5.
    assert INSTRUMENTS["PHQ-9"].band(4.5).name == "minimal"
    assert INSTRUMENTS["FIQR"].band(82.5).name == "severe"


def test_a_missing_or_impossible_score_has_no_band():
    assert INSTRUMENTS["PHQ-9"].band(float("nan")) is None
    assert INSTRUMENTS["PHQ-9"].band(28) is None
    assert INSTRUMENTS["PCL-5"].band(40) is None


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError):
        INSTRUMENTS["PHQ-9"] = None
    with pytest.raises(AttributeError):
        INSTRUMENTS["PHQ-9"].maximum = 30
    with pytest.raises(TypeError):
        INSTRUMENTS["HAM-D17"].alternative_bands["new"] = ()


def test_importing_the_catalogue_loads_neither_numpy_nor_pandas_and_parses_nothing():
    code = (
        "import sys, ketaoutcomes.catalog.instruments, ketaoutcomes.catalog.definitions, "
        "ketaoutcomes.catalog.benchmarks; "
        "print([m for m in ('numpy', 'pandas', 'tomllib', 'difflib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def table(**changes):
    base = {
        "label": "Test", "n_items": 2, "item_range": [0, 3], "minimum": 0, "maximum": 6,
        "higher_is": "worse", "recall_days": 7, "recall_label": "week", "recall_source": "form",
        "licence": "free", "source": "paper",
        "band_set": [{"name": "a", "source": "paper", "bands": [["low", 0, 2], ["high", 3, 6]]}],
    }  # fmt: skip
    return base | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"higher_is": "up"}, "higher_is must be one of"),
        ({"source": " "}, "'source' is empty"),
        ({"recall_source": ""}, "recall_source is empty"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"minimum": 6}, "minimum is not below maximum"),
        ({"n_items": "two"}, "'n_items' must be int"),
        ({"verified": 1}, "'verified' must be bool"),
        ({"scoring": {"algorithm": "guess"}}, "scoring must be one of"),
        ({"scoring": {"algorithm": "weighted_sum"}}, "lacks its parameters"),
        ({"scoring": {"algorithm": "sum", "items": [3]}}, "names an item that the form does not have"),
        ({"band_set": [{"name": "a", "source": "p", "bands": [["x", 0, 2], ["y", 4, 6]]}]}, "gap or overlap"),
        ({"band_set": [{"name": "a", "source": "p", "bands": [["x", 0, 5]]}]}, "does not run from"),
        ({"change": [{"name": "c", "kind": "steps", "value": 1, "meaning": "m", "source": "p"}]}, "kind of"),
        ({"cutoff": [{"comparison": "above", "value": 9, "meaning": "m", "source": "p"}]}, "is missing"),
        (
            {"cutoff": [{"name": "c", "comparison": "above", "value": 9, "meaning": "m", "source": "p"}]},
            "outside the range",
        ),
        ({"aliases": ["Other"]}, "already belongs to"),
    ],
)  # fmt: skip
def test_an_inconsistent_entry_is_refused_with_the_reason(changes, message):
    content = {"Other": table(), "Test": table(**changes)}
    with pytest.raises(DataError, match=message):
        instruments_from(content)


def test_all_faults_are_named_at_once():
    content = {"A": table(higher_is="up"), "B": table(minimum=9)}
    with pytest.raises(DataError) as caught:
        instruments_from(content)
    assert "A: higher_is" in str(caught.value)
    assert "B: minimum" in str(caught.value)


def test_a_consistent_entry_is_accepted():
    assert instruments_from({"Test": table()})["Test"].band(3).name == "high"


@pytest.mark.parametrize(
    ("name", "candidates"),
    [("PHQ", "PHQ-9, PHQ-2, PHQ-8"), ("ham-d", "HAM-D17, HAM-D6"), ("CGI", "CGI-S, CGI-I")],
)
def test_a_name_that_begins_several_is_refused_with_the_candidates(name, candidates):
    with pytest.raises(DataError, match=f"may mean {candidates}; give the full name"):
        find_instrument(name)


def test_a_strict_lookup_names_close_matches_and_the_function_that_takes_any_spelling():
    with pytest.raises(KeyError, match=r"'phq9' is none of the .* instruments; did you mean 'PHQ-9'.*find"):
        INSTRUMENTS["phq9"]
    assert "phq9" not in INSTRUMENTS
    assert INSTRUMENTS.get("phq9") is None
