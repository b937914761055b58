"""TOML that is written to stop the program: it is refused at once, in one error that says where."""

from __future__ import annotations

import time

import pytest

from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.settings_text import parse_toml
from ketaoutcomes.errors import ConfigError
from ketaoutcomes.readers.mapping import parse_mapping

HOSTILE = {
    "a key of 100,000 parts": ("\n" + "a." * 100_000 + "a = 1\n", "line 2"),
    "the same between quotes of many lines": (
        'x = { y = """\n""", ' + "a." * 5_000 + 'a = 1, z = "" }\n',
        "line 2",
    ),
    "5,000 brackets": ("a = 1\n\nb = " + "[" * 5_000 + "\n", "line 3"),
    "a number of 5,000 digits": ("a = " + "1" * 5_000 + "\n", "line 1"),
    "a number of 5,000 digits of 16": ("a = 1\nb = 0x" + "f" * 5_000 + "\n", "line 2"),
    "a date that is none": ("a = 2026-02-31\n", "line 1"),
    "half a megabyte": ("# " + "x" * 500_000 + "\n", "500 kB"),
    "no TOML": ("a = 1\nb =\n", "line 2"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_toml_is_one_error_at_once_in_both_files(tmp_path, clinic, case):
    text, told = HOSTILE[case]
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(text, encoding="utf-8")
    folder = clinic(settings=text)
    began = time.process_time()
    for kind, read in (("mapping", lambda: parse_mapping(mapping)), ("cohort", lambda: load_cohort(folder))):
        with pytest.raises(ConfigError, match=told) as error:
            read()
        assert len(error.value.problems) == 1
        assert str(error.value).startswith(kind)
        assert len(str(error.value)) < 300
    assert time.process_time() - began < 2


def test_dots_in_quotes_and_comments_are_no_keys():
    names = [f"item.{n}" for n in range(300)]
    text = f"a = {names}  # {'.' * 300}\nb = 0.5\n".replace("'", '"')
    assert parse_toml(text.encode(), "cohort.toml") == {"a": names, "b": 0.5}


def test_the_most_that_is_let_through_is_read_in_seconds():
    line = "a." * 99 + "{} = 1\n"
    text = "".join(line.format(f"b{n}") for n in range(490_000 // 210))
    began = time.process_time()
    parse_toml(text.encode(), "cohort.toml")
    assert time.process_time() - began < 10
