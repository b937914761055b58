"""Published numbers beside the clinic's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, number, number_range, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.durability import DurabilityResult
from ketaoutcomes.results.text import bounds, of_total, paragraphs

__all__ = ["PublishedResult", "difference_words"]

KINDS = ("curve", "list")


@dataclass(frozen=True, eq=False, repr=False)
class PublishedResult(Result):
    """Published numbers with the clinic's under the same definition; never a verdict.

    `.table` has a row per published number: `name` (of the benchmark), `study`, `quantity`,
    `instrument`; `definition`, `window`, `denominator` (theirs); `unit` ("share", "days", "sessions");
    `time` (where it stands on its curve: sessions or days; for days until a share relapsed, the share
    still well); `published`, `published_low`, `published_high`, `published_interval` (whose it is),
    `published_n`, `published_n_events`, `verified`; `here` (the clinic's definition), `estimate` to
    `estimate_high` (bounds where the assessments do not determine it), `conf_low`, `conf_high`, `n`,
    `n_events`, `n_unknown`, `method`; `difference` to `difference_high` (clinic minus published),
    `difference_conf_low`, `difference_conf_high`, `difference_method`; `overlap`, `words`,
    `differs_in`, `source`.

    Attributes
    ----------
    topic : {"response", "durability", "side_effects"}
    level : float
    curves : mapping of str to Result
        The clinic's full results, by the study under whose definition each was made.
    sessions : DataFrame
        Response after each session: `session`, `n_events`, `n`, `n_reached`, `n_eligible`, `estimate`,
        `conf_low`, `conf_high`; empty where no study counts sessions.
    """

    topic: str
    level: float
    curves: Mapping[str, Result]
    sessions: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """One line per published number, as text."""
        table = self.table
        out = {"study": [str(value) for value in table["study"]]}
        out["what"] = [str(value) for value in table["quantity"]]
        rows = table.to_dict("records")
        out["published"] = [_value(row, "published", "published") for row in rows]
        out["CI there"] = [_limits(row, "published_low", "published_high", "published") for row in rows]
        out["here"] = [_value(row, "estimate", "estimate_high") for row in rows]
        out["CI here"] = [_limits(row, "conf_low", "conf_high", "estimate") for row in rows]
        out["n/N"] = [of_total(row["n_events"], row["n"]) if row["n"] else DASH for row in rows]
        out["not known"] = [count(row["n_unknown"]) if row["n"] or row["n_unknown"] else DASH for row in rows]
        out["difference"] = [difference_words(row) for row in rows]
        out["says"] = [str(value) for value in table["words"]]
        return pd.DataFrame(out), ("study", "what", "says")

    def sentences(self) -> list[str]:
        """What each pair of numbers is, and what cannot be matched."""
        said = []
        for row in self.table.to_dict("records"):
            words = f"{row['study']}, {row['quantity'].lower()}: {row['definition']}; {row['window']}; "
            words += f"denominator: {row['denominator']}; interval: {row['published_interval']}."
            said.append(f"{words} Here: {row['here']}." if row["here"] else words)
        # What cannot be matched is mostly the same for all numbers of a study.
        used = self.table[self.table["here"] != ""]
        for study, rows in used.groupby("study", sort=False):
            parts = dict.fromkeys(part for words in rows["differs_in"] for part in words.split("; "))
            said.append(f"What differs, {study}: {'; '.join(parts)}.")
        return ["", "Under their definitions", *paragraphs(said)]

    def plot(self, ax=None, *, title=None, kind=None, study=None):
        """Draw the clinic's curve with published numbers as diamonds ("curve"), or all pairs ("list").

        Parameters
        ----------
        kind : {"curve", "list"}, optional
            By default the curve, where there is one with a published number on it.
        study : str, optional
            Key of `curves`: which curve of durability is drawn.

        Raises
        ------
        DataError
            If there is no such curve.
        """
        if kind is not None and kind not in KINDS:
            raise DataError(f'kind="{kind}" is not known; choose "curve" or "list"')
        drawable = self._drawable()
        if study is not None and study not in drawable:
            offered = ", ".join(f'"{name}"' for name in drawable) or "none"
            raise DataError(f"no curve with published numbers is called so here; there are: {offered}")
        if kind == "curve" and not drawable:
            raise DataError('no curve can be drawn here: no study of it has a number; use kind="list"')
        if kind == "list" or not drawable:
            from ketaoutcomes.draw.published import beside

            return beside(self.table, ax, level=self.level, title=title)
        name = study or drawable[0]
        if self.topic == "response":
            from ketaoutcomes.draw.published_sessions import response_by_session

            rows = self.table
            on_curve = rows[np.isfinite(rows["time"]) & (rows["instrument"] == "MADRS")]
            ever = self.curves.get("sessions to response")
            return response_by_session(
                self.sessions, ax, published=on_curve, ever=None if ever is None else ever.table,
                level=self.level, title=title,
            )  # fmt: skip
        return self._held(name, ax, title)

    def _drawable(self) -> list[str]:
        """Names of the curves on which published numbers can stand."""
        if self.topic == "response":
            return ["sessions to response"] if len(self.sessions) and self.sessions["n"].any() else []
        studies = set(self.table.loc[np.isfinite(self.table["time"]), "study"])
        return [
            name
            for name, result in self.curves.items()
            if name in studies and isinstance(result, DurabilityResult)
        ]

    def _held(self, name: str, ax, title):
        """The share still responding, with the published points of the same definition."""
        from ketaoutcomes.draw.durability import held_response

        result = self.curves[name]
        rows = self.table[(self.table["study"] == name) & self.table["verified"].astype(bool)]
        # A number that was not checked against its source stands in the list only.
        share = rows["unit"] == "share"
        points = pd.DataFrame(
            {
                "time": np.where(share, rows["time"], rows["published"]),
                "estimate": np.where(share, rows["published"], rows["time"]),
                "label": name.partition(" (")[0],
            }
        )
        finite = np.isfinite(result.bounds["worst"].to_numpy(float)).any() if len(result.bounds) else False
        return held_response(
            result.cause_specific, ax, bounds=result.bounds if finite else None, published=points,
            title=title, origin=result.origin, level=self.level,
            unit_line=f"Still responding had no further session been given, % ({result.rule}); "
            "diamonds: published, under the same definition",
        )  # fmt: skip


def _value(row: dict, low: str, high: str) -> str:
    """A share in per cent, or days or sessions; both bounds where they differ."""
    first, last = row[low], row[high]
    if pd.isna(first):
        return DASH
    if row["unit"] == "share":
        return bounds(first, last)
    if np.isinf(first):
        return "not reached"
    if first == last:
        return _amount(first)
    return f"{_amount(first)} or more" if np.isinf(last) else f"{_amount(first)}{DASH}{_amount(last)}"


def _limits(row: dict, low: str, high: str, like: str) -> str:
    first, last = row[low], row[high]
    if pd.isna(first) or pd.isna(last):
        return DASH
    if row["unit"] == "share":
        return percent_range(first, last, like=row[like])
    if np.isinf(first):
        return "not reached"
    return f"{_amount(first)}{DASH}{'not reached' if np.isinf(last) else _amount(last)}"


def difference_words(row: dict) -> str:
    """Clinic minus published, in points of per cent, days or sessions, with its interval."""
    first, last = row["difference"], row["difference_high"]
    if pd.isna(first) or not np.isfinite([first, last]).all():
        return DASH
    scale, unit = (100.0, "points") if row["unit"] == "share" else (1.0, str(row["unit"]))
    words = number(scale * first, 0)
    if number(scale * last, 0) != words:
        words = number_range(scale * first, scale * last, 0)
    if pd.notna(row["difference_conf_low"]):
        limits = number_range(scale * row["difference_conf_low"], scale * row["difference_conf_high"], 0)
        return f"{words} ({limits}) {unit}"
    is_one = words in (number(1.0, 0), number(-1.0, 0))
    return f"{words} {unit.removesuffix('s') if is_one else unit}"


def _amount(value: float) -> str:
    return number(value, 0 if value == round(value) else 1)
