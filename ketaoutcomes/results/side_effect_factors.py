"""Odds ratios of side effects, and their share of sessions by dose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.catalog.ways_of_asking import asked_words
from ketaoutcomes.draw.labels import DASH, count, missing, number, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total, patients

__all__ = ["SideEffectFactors"]

KINDS = ("odds", "dose")
NOT_ESTIMATED = "not estimated"


@dataclass(frozen=True, eq=False, repr=False)
class SideEffectFactors(Result):
    """Odds ratios of one or several side effects.

    Attributes
    ----------
    level : float
        Confidence level of the intervals.
    shows : str
        What is drawn; written above the picture.
    dose_curve : DataFrame
        Share of sessions with the effect expected at a dose: `effect`, `route`, `ascertainment`, `dose`
        (mg/kg), `estimate`, `conf_low`, `conf_high`, `std_error`, `df`, `n` (sessions), `n_events`,
        `n_patients`, `method`. A curve per route and way of asking, the commonest first.
    dose_bands : DataFrame
        The observed shares: `effect`, `route`, `ascertainment`, `dose_low`, `dose_high`, `dose` (mean of
        the band), then as in `dose_curve`.
    references : mapping of str to str
        Reference level of each factor of words.
    """

    level: float
    shows: str
    dose_curve: pd.DataFrame
    dose_bands: pd.DataFrame
    references: Mapping[str, str]

    @property
    def effects(self) -> tuple[str, ...]:
        """Effects with a model, in order."""
        return tuple(dict.fromkeys(self.table["effect"]))

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Odds ratio, interval, p, sessions and patients, as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if "p_adjusted" in table.columns:
            out["side effect"] = [str(value) for value in table["effect"]]
        out["factor"] = [str(value) for value in table["label"]]
        words = tuple(out)
        out["odds ratio"] = [ratio_words(value) for value in table["estimate"]]
        out[confidence(self.level)] = [
            range_words(low, high) for low, high in zip(table["conf_low"], table["conf_high"], strict=True)
        ]
        for name, head in (("p_value", "p"), ("p_adjusted", "adjusted p")):
            if name in table.columns and table[name].notna().any():
                out[head] = [_p_words(value) for value in table[name]]
        out["sessions with it"] = [of_total(x, n) for x, n in zip(table["n_events"], table["n"], strict=True)]
        out["patients"] = [count(value) for value in table["n_patients"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The observed shares by dose, of the commonest route and way of asking of the first effect."""
        if not len(self.dose_bands):
            return []
        bands = self._cell(self.dose_bands, self.effects[0], None, None)
        first = bands.iloc[0]
        where = ", ".join(word for word in (first["route"], asked_words(first["ascertainment"])) if word)
        lines = ["", f"  Observed by dose ({self.effects[0]}, {where})"]
        for row in bands.to_dict("records"):
            limits = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
            lines.append(
                f"  {band_words(row)} mg/kg: {percent(row['estimate'])} ({confidence(self.level)} {limits}), "
                f"{of_total(row['n_events'], row['n'])} sessions, {patients(row['n_patients'])}"
            )
        return lines

    def plot(
        self, ax=None, *, kind="odds", effect=None, term=None, route=None, ascertainment=None, title=None
    ):
        """Odds ratios on a logarithmic axis, or the share of sessions by dose.

        Parameters
        ----------
        ax : Axes, optional
        kind : {"odds", "dose"}
        effect : str, optional
            One of `.effects`. For "dose" the first one if not given.
        term : str, optional
            For "odds": one of the table's `term`.
        route, ascertainment : str, optional
            For "dose": those with most sessions if not given.
        title : str, optional
            Written in bold above.

        Raises
        ------
        DataError
            If what is asked for is not in the tables.
        """
        if kind not in KINDS:
            raise DataError('kind must be "odds" or "dose"')
        if kind == "odds":
            return self._plot_odds(ax, effect, term, title)
        if not len(self.dose_bands):
            raise DataError("there are no shares by dose: dose is no factor, or it does not vary")
        effect = self.effects[0] if effect is None else effect
        bands = self._cell(self.dose_bands, effect, route, ascertainment)
        if not len(bands):
            raise DataError(
                "no shares by dose for this effect, route and way of asking; .dose_bands lists those there "
                "are"
            )
        first = bands.iloc[0]
        curve = self._cell(self.dose_curve, effect, first["route"], first["ascertainment"])
        from ketaoutcomes.draw.dose_curve import dose_curve

        where = ", ".join(word for word in (first["route"], asked_words(first["ascertainment"])) if word)
        heading = f"{effect[:1].upper()}{effect[1:]}, % of sessions ({where})"
        return dose_curve(curve, bands, ax, level=self.level, heading=heading, title=title)

    def _plot_odds(self, ax, effect, term, title):
        table = self.table
        for column, wanted in (("effect", effect), ("term", term)):
            if wanted is None:
                continue
            table = table[table[column] == wanted]
            if not len(table):
                raise DataError(f"{column} is none of those in .table")
        by = "label" if table["effect"].nunique() > 1 else None
        if by:
            order = {name: place for place, name in enumerate(dict.fromkeys(table["term"]))}
            table = table.iloc[table["term"].map(order).argsort(kind="stable")]
        from ketaoutcomes.draw.odds import odds

        heading = self.shows
        if effect is not None and "p_adjusted" in self.table.columns:
            heading = f"{effect[:1].upper()}{effect[1:]}: odds ratio per session"
        return odds(
            table,
            ax,
            label="effect" if by else "label",
            by=by,
            level=self.level,
            heading=heading,
            title=title,
        )

    @staticmethod
    def _cell(table: pd.DataFrame, effect, route, ascertainment) -> pd.DataFrame:
        """Rows of one effect, route and way of asking; the first ones where these are not given."""
        rows = table[table["effect"] == effect]
        for column, wanted in (("route", route), ("ascertainment", ascertainment)):
            if len(rows):
                rows = rows[rows[column] == (rows[column].iloc[0] if wanted is None else wanted)]
        return rows.reset_index(drop=True)


def ratio_words(value) -> str:
    """An odds ratio with two decimals, or one from 10 on."""
    return NOT_ESTIMATED if missing(value) else _ratio(value)


def range_words(low, high) -> str:
    """``"0.84–1.31"``."""
    return DASH if missing(low) or missing(high) else f"{_ratio(low)}{DASH}{_ratio(high)}"


def band_words(row: Mapping) -> str:
    """A band of doses: ``"0.45–0.52"``, or ``"0.50"``."""
    low, high = number(row["dose_low"], 2), number(row["dose_high"], 2)
    return low if low == high else f"{low}{DASH}{high}"


def _ratio(value: float) -> str:
    if value >= 1000:
        return ">999"
    if 0 < value < 0.005:
        return "<0.01"
    return number(value, 2 if value < 10 else 1 if value < 100 else 0)


def _p_words(value) -> str:
    if missing(value):
        return DASH
    return "<0.001" if value < 0.001 else f"{value:.3f}"
