"""The page on cohort.toml says all keys, and what it shows can be used."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from datetime import datetime

import pytest

from ketaoutcomes.cohort.settings import CHOICES, Settings, make_settings
from ketaoutcomes.cohort.settings_page import DATE_FORMATS, EXAMPLE, settings_page
from ketaoutcomes.errors import ConfigError

KEYS = [field.name for field in fields(Settings)]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_row_and_stands_in_the_example(key):
    assert f"| `{key}` |" in settings_page()
    assert key in tomllib.loads(EXAMPLE)


def test_every_choice_is_named():
    page = settings_page()
    for choices in CHOICES.values():
        for choice in choices:
            assert f'`"{choice}"`'.replace("\t", "\\t").replace("|", "\\|") in page


def test_the_example_can_be_used():
    assert make_settings(tomllib.loads(EXAMPLE)).dates_allowed


@pytest.mark.parametrize(("written", "form"), [entry[:2] for entry in DATE_FORMATS])
def test_the_formats_of_dates_read_what_they_say_and_are_accepted(written, form):
    # All examples are 14 March 2026, at 14:30 if they have a clock time.
    read = datetime.strptime(written, form)
    assert read.date() == datetime(2026, 3, 14).date()
    assert (read.hour, read.minute) == ((14, 30) if "30" in written else (0, 0))
    assert make_settings({"date_format": form}).date_format == form


@pytest.mark.parametrize("form", ["%d/%m", "%m/%Y", "%d/%m/%Y %I:%M"])
def test_a_format_that_leaves_the_time_open_is_refused(form):
    with pytest.raises(ConfigError):
        make_settings({"date_format": form})


@pytest.mark.parametrize("wrong", ["nausea", {"nausea": "sick"}, {"nausea": [3]}, {"a": ["x"], "b": ["x"]}])
def test_names_of_side_effects_that_are_no_table_of_lists_are_refused(wrong):
    with pytest.raises(ConfigError, match="'side_effect_names'"):
        make_settings({"side_effect_names": wrong})


def test_names_of_side_effects_are_kept_and_given_as_synonyms_take_them():
    settings = make_settings({"side_effect_names": {"dissociation": ["spacey"]}})
    assert settings.effect_words == {"dissociation": ["spacey"]}
    assert make_settings(settings) == settings
    assert hash(settings) is not None
