"""Published rates of side effects beside the clinic's."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.catalog.ways_of_asking import asked_words
from ketaoutcomes.draw.labels import DASH, count, missing, percent, percent_range
from ketaoutcomes.results.published import PublishedResult, difference_words
from ketaoutcomes.results.text import of_total, paragraphs

__all__ = ["PublishedSideEffects"]


@dataclass(frozen=True, eq=False, repr=False)
class PublishedSideEffects(PublishedResult):
    """Published rates of side effects with the clinic's, counted in the same way; never a verdict.

    `.table` has a row per published number and way of asking here, with the columns of `PublishedResult` and:
    `arm`, `effect`, `counting` (over which sessions an effect counts), `combines` (terms counted together
    there, "; " between them; empty for one term alone), `published_to` (above `published`
    where the source prints a range), `asked_there`, `asked_here`, `asked` ("same", "differs", "not stated").
    `curves` and `sessions` are empty.

    Attributes
    ----------
    prediction : DataFrame
        Of the published counts alone, per `effect`, `combines`, `asked_there`, `counting` and `arm`:
        `n_sources`, `studies`, `n_events`, `n`, `estimate` (pooled), `conf_low`, `conf_high`,
        `predicted_low`, `predicted_high` (what a further study would find), `method`, `words`. With fewer
        than three sources no estimate.
    """

    prediction: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """One line per published number and way of asking here, as text."""
        rows = self.table.to_dict("records")
        out = {
            "side effect": [str(row["effect"]) for row in rows],
            "counted": [_counted(row) for row in rows],
            "study": [_study(row) for row in rows],
            "asked there": [str(row["asked_there"]) for row in rows],
            "published": [_published(row) for row in rows],
            "CI there": [_limits(row, "published_low", "published_high", "published") for row in rows],
            "asked here": [str(row["asked_here"]) for row in rows],
            "here": [percent(row["estimate"]) for row in rows],
            "CI here": [_limits(row, "conf_low", "conf_high", "estimate") for row in rows],
            "n/N": [of_total(row["n_events"], row["n"]) if row["n"] else DASH for row in rows],
            "not known": [count(row["n_unknown"]) for row in rows],
            "difference": [difference_words(row) for row in rows],
        }
        return pd.DataFrame(out), ("side effect", "counted", "study", "asked there", "asked here")

    def sentences(self) -> list[str]:
        """What each study counted, what cannot be matched, and what a further study would find."""
        table = self.table.drop_duplicates("name")
        said = []
        for cells, rows in table.groupby(["study", "window", "denominator"], sort=False):
            study, window, denominator = cells
            counted = ", ".join(dict.fromkeys(rows["definition"]))
            said.append(f"{study} ({window}; denominator: {denominator}): {counted}.")
        for study, rows in self.table.groupby("study", sort=False):
            parts = dict.fromkeys(part for words in rows["differs_in"] for part in words.split("; "))
            said.append(f"What differs, {study}: {'; '.join(parts)}.")
        lines = ["", "Under their definitions", *paragraphs(said)] if said else []
        known = self.prediction[self.prediction["estimate"].notna()].to_dict("records")
        if known:
            lines += ["", "What a further study of this kind would find", *paragraphs(map(_predicted, known))]
        return lines

    def plot(self, ax=None, *, title=None, effects=None):
        """A forest with an effect and a window per group: published (hollow) and here (filled).

        Parameters
        ----------
        effects : str or sequence of str, optional
            Effects to draw; all by default.
        """
        from ketaoutcomes.draw.published_effects import published_effects

        table = self.table
        if effects is not None:
            table = table[table["effect"].isin([effects] if isinstance(effects, str) else list(effects))]
        return published_effects(table, ax, level=self.level, title=title)


def _study(row: dict) -> str:
    """The study, with its arm where that is a placebo arm."""
    return f"{row['study']}, placebo arm" if row["arm"] == "placebo" else str(row["study"])


def _counted(row: dict) -> str:
    """Over which sessions, and whether several terms count as one."""
    return f"{row['counting']}, combined terms" if row["combines"] else str(row["counting"])


def _predicted(row: dict) -> str:
    limits = percent_range(row["predicted_low"], row["predicted_high"], like=row["estimate"])
    return (
        f"{row['effect']}, {_counted(row)}, {asked_words(row['asked_there'])}: {limits}% (pooled "
        f"{percent(row['estimate'])}, {row['n_sources']} sources)"
    )


def _published(row: dict) -> str:
    if row["published_to"] > row["published"]:
        return f"{percent_range(row['published'], row['published_to'])}%"
    # Whole per cent are printed as the study has them.
    is_whole = abs(100.0 * row["published"] - round(100.0 * row["published"])) < 1e-9
    return percent(row["published"], decimals=0 if is_whole else None)


def _limits(row: dict, low: str, high: str, like: str) -> str:
    if missing(row[low]):
        return DASH
    return percent_range(row[low], row[high], like=row[like])
