"""Fixtures that several test folders use."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of openly available data that may stand beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of open data sets is not beside this checkout (../shared)")
    return folder


@pytest.fixture(scope="session")
def sample(root: Path) -> Path:
    """The sample clinic's folder."""
    return root / "data" / "sample"
