"""What every analysis gives back: a table with its title, definitions, notes and origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from ketaoutcomes.results.text import html_list, html_table, paragraphs, plain_table

__all__ = ["UNCONTROLLED", "Result", "provenance_of"]

UNCONTROLLED = "Uncontrolled: associated with, not caused by."


def provenance_of(function: str, fingerprint: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Where a result comes from, so that it can be made again.

    Parameters
    ----------
    function : str
        Name of the analysis.
    fingerprint : str
        The cohort's.
    arguments : mapping
        All arguments but the cohort.
    """
    return {
        "function": function,
        "arguments": dict(arguments),
        "cohort": fingerprint,
        "ketaoutcomes": _installed(),
    }


@cache
def _installed() -> str:
    """The package's version; its record is a file that need not be read for each result."""
    try:
        return version("ketaoutcomes")
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Base of all results.

    Attributes
    ----------
    title : str
        What the result is, in one line.
    table : DataFrame
        Tidy: no index, one unit per column, numbers unformatted.
    notes : tuple of str
        What was assumed, what was left out and why.
    definitions : tuple of (name, text, source)
        The definitions used.
    provenance : mapping
        Function, arguments, the cohort's fingerprint, version, seed.
    """

    title: str
    table: pd.DataFrame
    notes: tuple[str, ...]
    definitions: tuple[tuple[str, str, str], ...]
    provenance: Mapping[str, Any]

    def summary(self) -> str:
        """The result in plain text: numbers with n and interval, definitions, notes."""
        readable, words = self.readable()
        lines = [self.title, ""]
        lines += plain_table(readable, words=words) if len(readable) else ["  No rows."]
        lines += self.sentences()
        if self.definitions:
            lines += ["", "Definitions"]
            lines += paragraphs(_sourced(*definition) for definition in self.definitions)
        if self.notes:
            lines += ["", "Notes"]
            lines += paragraphs(self.notes)
        return "\n".join(lines)

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The main numbers as text, and which columns are words; overridden by each result."""
        return self.table.astype("str"), ()

    def sentences(self) -> list[str]:
        """Lines between the table and the definitions; none unless overridden."""
        return []

    def plot(self, ax=None, *, title=None):
        """Draw the result on `ax`, or on a new figure, with `title` in bold above; returns the axes."""
        raise NotImplementedError(f"{type(self).__name__} has no picture")

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        readable, words = self.readable()
        parts = [f"<p><strong>{escape(self.title)}</strong></p>"]
        parts.append(html_table(readable, words=words) if len(readable) else "<p>No rows.</p>")
        parts.append(html_list(line.strip() for line in self.sentences() if line.strip()))
        parts.append(html_list(_sourced(*definition) for definition in self.definitions))
        parts.append(html_list(self.notes))
        return f"<div>{''.join(parts)}</div>"


def _sourced(name: str, text: str, source: str) -> str:
    words = f"{name}: {text}"
    if not source:
        return words
    return f"{words.rstrip('.')}. Source: {source}"
