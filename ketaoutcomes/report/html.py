"""The page as one HTML text: every value escaped, nothing fetched, no script."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ketaoutcomes.draw.labels import TURNING
from ketaoutcomes.report.parts import Page

__all__ = ["render"]

TEMPLATES = Path(__file__).resolve().parent / "templates"


def render(page: Page) -> str:
    """The report's page as a self-contained HTML document."""
    template = _environment().get_template("page.html.j2")
    return template.render(page=page, css=_style())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_straight,
    )
    environment.filters["css_string"] = _css_string
    return environment


@cache
def _style() -> Markup:
    """The style sheet; it is ours, so it goes in as it is."""
    return Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))


def _straight(value: object) -> object:
    """Words without marks that turn the direction of what follows; drawings are without them already."""
    if isinstance(value, str) and not isinstance(value, Markup) and not TURNING.isdisjoint(value):
        return "".join(sign for sign in value if sign not in TURNING)
    return value


def _css_string(value: str) -> Markup:
    """`value` as a quoted CSS string: all but letters and digits as code points (a space would end one)."""
    return Markup('"{}"').format(
        Markup(re.sub(r"[^A-Za-z0-9]", lambda match: f"\\{ord(match.group()):06x}", value))
    )
