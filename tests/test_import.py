"""The package from outside: its public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ketaoutcomes as ko


def test_every_public_name_can_be_had():
    for name in ko.__all__:
        assert getattr(ko, name) is not None


def test_there_are_at_most_45_public_names():
    assert len(ko.__all__) <= 45


def test_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(ko, "no_such_name")  # noqa: B009 - a bare look-up would be a statement without effect


def test_import_loads_nothing_heavier_than_pandas():
    code = (
        "import sys, ketaoutcomes;"
        "heavy = 'scipy matplotlib seaborn statsmodels formulaic jinja2 pyarrow'.split();"
        "print([name for name in heavy if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
