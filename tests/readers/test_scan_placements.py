"""Planted identifiers of all classes are found wherever in a file they stand, and none is repeated."""

from __future__ import annotations

from collections import Counter

import pytest
from readers.scan_placements import file_names, write_notebook, write_table, write_workbook

from ketaoutcomes.readers.scan import scan_file

LETTERS = set("ABCDEFGHIJKLMNOPQR")
WRITERS = {"clinic.csv": write_table, "clinic.xlsx": write_workbook, "clinic.ipynb": write_notebook}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """Per file: what was planted, and what the scan says of it."""
    folder = tmp_path_factory.mktemp("planted")
    return {name: (write(folder / name), scan_file(folder / name)) for name, write in WRITERS.items()}


def _told(result) -> set[tuple]:
    found = result.problems
    return {
        (table if isinstance(table, str) else None, column if isinstance(column, str) else None, rule)
        for table, column, rule in zip(found["table"], found["column"], found["rule"], strict=True)
    }


@pytest.mark.parametrize("name", WRITERS)
def test_every_planted_identifier_is_told_at_its_place_under_its_class(scanned, name):
    placed, result = scanned[name]
    told = _told(result)
    assert [one for one in placed if (one.table, one.column, f"identifier:{one.letter}") not in told] == []
    assert result.exit_code == 11


@pytest.mark.parametrize("name", WRITERS)
def test_no_planted_cell_stands_in_what_is_told(scanned, name):
    placed, result = scanned[name]
    text = result.summary() + result.problems.to_csv() + repr(result) + result._repr_html_()
    # A column is called by its name, and a short value may be part of a word of ours.
    values = [
        one.text
        for one in placed
        if one.place != "notebook name" and one.column != one.text and len(one.text) > 5
    ]
    assert len(values) >= 70
    assert [value for value in values if value in text] == []
    assert "00123456" not in text


@pytest.mark.parametrize(("letter", "name"), file_names())
def test_a_file_named_after_a_person_is_told_and_not_repeated(tmp_path, letter, name):
    (tmp_path / name).write_text("side,arm\nleft,one\n", encoding="utf-8")
    result = scan_file(tmp_path / name)
    assert result.problems["rule"].tolist() == [f"identifier:{letter}"]
    assert name.removesuffix(".csv") not in result.summary()


def test_at_least_250_are_planted_over_all_places_and_every_class_in_most(scanned, record_property, capsys):
    counts = Counter((one.place, one.letter) for placed, _ in scanned.values() for one in placed)
    counts.update(("file name", letter) for letter, _ in file_names())
    places = sorted({place for place, _ in counts})
    with capsys.disabled():
        print("\nplanted, by place and class")
        for place in places:
            row = {letter: counts[place, letter] for letter in sorted(LETTERS) if counts[place, letter]}
            print(f"  {place:<18} {sum(row.values()):>4}  {row}")
    record_property("planted", sum(counts.values()))
    assert sum(counts.values()) >= 250
    assert {letter for _, letter in counts} == LETTERS
    for place in ("header", "cell", "hidden sheet", "hidden column", "notebook literal"):
        assert {letter for at, letter in counts if at == place} == LETTERS
    assert len(places) >= 8
