"""The page on paper: one PDF, set by typst from a fixed template and the page's parts as data."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import typst

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.parts import Page
from ketaoutcomes.report.typst_text import page_data

__all__ = ["render_pdf"]

TEMPLATES = Path(__file__).resolve().parent / "templates"
FAMILIES = ("Source Sans Pro", "DejaVu Sans")
FONT_PACKAGE = "font_source_sans_pro"
FONT_FILES = ("SourceSansPro-Regular.ttf", "SourceSansPro-Bold.ttf")
# For letters that the first family lacks.
FURTHER_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")


def render_pdf(page: Page) -> bytes:
    """The report's page as a tagged PDF of A4 sheets, the same bytes for the same page.

    Words and drawings reach the template as data, so that nothing in them is read as markup. The
    compiler sees one folder that holds the template, the data and four font files, and is told to
    use no other font, no package and no clock.

    Raises
    ------
    ConfigError
        If the fonts' package is not installed.
    """
    fonts = _font_files()
    with tempfile.TemporaryDirectory(prefix="ketaoutcomes-") as name:
        root = Path(name)
        (root / "fonts").mkdir()
        for font in fonts:
            shutil.copyfile(font, root / "fonts" / font.name)
        for template in sorted(TEMPLATES.glob("*.typ")):
            shutil.copyfile(template, root / template.name)
        data = json.dumps(page_data(page, fonts=FAMILIES), ensure_ascii=False)
        (root / "page.json").write_text(data, encoding="utf-8")
        content, _ = typst.compile_with_warnings(
            root / "report.typ",
            root=root,
            font_paths=typst.Fonts(
                include_system_fonts=False, include_embedded_fonts=False, font_paths=[root / "fonts"]
            ),
            format="pdf",
            package_path=root / "packages",
            package_cache_path=root / "packages",
        )
    return content


def _font_files() -> list[Path]:
    """The font files that come with two of the project's dependencies."""
    package = find_spec(FONT_PACKAGE)
    if package is None:
        raise ConfigError(
            "the PDF needs the fonts of the package font-source-sans-pro: install it with pip, or leave "
            '"pdf" out of the formats'
        )
    folder = Path(package.origin).parent / "files"
    further = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [*(folder / name for name in FONT_FILES), *(further / name for name in FURTHER_FILES)]
