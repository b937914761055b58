"""The package from outside: its public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import ketaoutcomes as ko


def test_every_public_name_can_be_had():
    for name in ko.__all__:
        assert getattr(ko, name) is not None


def test_there_are_at_most_45_public_names():
    assert len(ko.__all__) <= 45


def test_unknown_name_is_an_attribute_error_that_names_it():
    try:
        ko.no_such_name  # noqa: B018 - the look-up is the test
    except AttributeError as error:
        assert "no_such_name" in str(error)
    else:
        raise AssertionError("an unknown name was found")


def test_import_loads_nothing_heavier_than_pandas():
    code = (
        "import sys, ketaoutcomes;"
        "print([m for m in ('scipy', 'matplotlib', 'seaborn', 'statsmodels', 'formulaic', 'jinja2', 'pyarrow') "
        "if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
