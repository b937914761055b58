"""What a section hands back, and how its figures are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from markupsafe import Markup

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.svg import to_svg
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.parts import Section
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.results.base import Result

__all__ = ["Part", "drawn", "gathered", "too_small"]


@dataclass(frozen=True)
class Part:
    """A section with what stands behind it.

    Attributes
    ----------
    section : Section
    tables : mapping of str to DataFrame
        Released tables by name.
    hidden : tuple of Hidden
    results : tuple of Result
        The analyses behind it, for their definitions and settings; their tables and notes are not
        released and must not be printed.
    """

    section: Section
    tables: Mapping[str, pd.DataFrame]
    hidden: tuple[Hidden, ...] = ()
    results: tuple[Result, ...] = field(default_factory=tuple)


def gathered(released: list[Released]) -> tuple[dict[str, pd.DataFrame], tuple[Hidden, ...]]:
    """Tables by name, and everything hidden in them."""
    tables = {item.name: item.frame for item in released}
    return tables, tuple(entry for item in released for entry in item.hidden)


def too_small(scope: Scope) -> str:
    """Why nothing can be shown, to end a sentence; "" where the gate hides nothing."""
    return "; the counts are too small" if scope.gate.suppresses else ""


def drawn(
    function: Callable,
    table: pd.DataFrame,
    *,
    prefix: str,
    title: str,
    description: str,
    size: Mapping[str, float] | None = None,
    **options,
) -> Markup:
    """A drawing of a released table as SVG text with its text alternative.

    `to_svg` escapes every word of the data, so its text may stand in the page as it is.
    """
    figure, axes = theme.new_figure(**(size or {}))
    # The page is the paper: a white ground of its own would cover the rules of a table.
    figure.patch.set_visible(False)
    function(table, axes, **options)
    return Markup(to_svg(figure, prefix=prefix, title=title, description=description))
