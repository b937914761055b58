"""The generated pages are those that the schema and the catalog give now."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def written(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run(
        [sys.executable, str(root / "tools" / "write_docs.py"), str(folder)], check=True, capture_output=True
    )
    return folder


@pytest.mark.parametrize("page", ["data.md", "definitions.md"])
def test_page_is_what_make_docs_writes(page, written, root):
    # The drawing is left out: its last digits may differ from one processor to the next.
    expected = (written / page).read_text(encoding="utf-8")
    assert (root / "docs" / page).read_text(encoding="utf-8") == expected, "run `make docs`"


@pytest.mark.parametrize("page", ["data.md", "definitions.md"])
def test_page_shows_no_raw_python_values(page, root):
    text = (root / "docs" / page).read_text(encoding="utf-8")
    for raw in ("None", " nan ", "inf ", "e-324", "0x", "<class"):
        assert raw not in text, raw
