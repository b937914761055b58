"""How long response lasts between sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import count, number, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, episodes, patients, time_point, time_range

__all__ = ["ESTIMANDS", "STACKED", "DurabilityResult", "counts_by_event", "first_half"]

# What each estimand says, in the words of titles and pictures.
ESTIMANDS = {
    "cumulative-incidence": "lost before the next session, in the clinic's own schedule",
    "cause-specific": "still responding had no further session been given, if sessions were booked at random",
    "ipcw": "still responding had no further session been given, booking reweighted by what was recorded",
    "bounds": "still responding had no further session been given, at worst and at best",
}
# From the bottom of the picture upwards, above those still responding.
STACKED = ("lost", "next session", "stopped")
COUNTS = {"lost": "n_lost", "next session": "n_next_session", "stopped": "n_stopped"}


@dataclass(frozen=True, eq=False, repr=False)
class DurabilityResult(Result):
    """Loss of response between sessions, by the estimand asked for, with the others beside it.

    `.table` is the curve of the estimand: `incidence` for "cumulative-incidence", `cause_specific`,
    `weighted` for "ipcw", or `bounds`.

    Attributes
    ----------
    estimand : str
    incidence : DataFrame
        What became of the episodes: `event` ("lost", "next session", "stopped", "still responding"),
        `time`, `estimate`, `estimate_high` (bounds of the share), `conf_low`, `conf_high`.
    cause_specific : DataFrame
        Share still responding if nobody were treated again: `time`, `estimate`, `estimate_high`,
        `conf_low`, `conf_high`, `n_at_risk` (episodes under observation), `n_patients` (theirs),
        `identified`; missing where it is not identified.
    bounds : DataFrame
        `time`, `worst` (all treated again while responding had lost it that day), `best` (none would
        have); missing on the clock of the session.
    weighted : DataFrame
        As `cause_specific`, reweighted; empty unless asked for.
    landmarks : DataFrame
        At planned days: `estimate` to `conf_high` of the share lost, `method` of the interval;
        `next_session`, `stopped`, `still_responding` (shares, each with `_high`); counts of episodes:
        `n`, `n_lost`, `n_next_session`, `n_stopped`, `n_still`, `n_unknown`; `n_patients`, and
        `fewest_patients` (patients behind the smallest of the counts that is not 0).
    medians : DataFrame
        Days until half have lost the response if nobody were treated again: `estimate`, `low`, `high`,
        `conf_low`, `conf_high` (inf if not reached), `naive` (Kaplan-Meier at detection), `n`,
        `n_patients`, `n_events`.
    naive : DataFrame
        Kaplan-Meier at detection from the session on, for comparison only.
    fits, weights : DataFrame
        How well each curve was fitted; diagnostics of the weights (empty unless asked for).
    by : str or None
    level : float
    origin : str
        What day 0 is, in words.
    rule : str
        The rule of loss in words.
    """

    estimand: str
    incidence: pd.DataFrame
    cause_specific: pd.DataFrame
    bounds: pd.DataFrame
    weighted: pd.DataFrame
    landmarks: pd.DataFrame
    medians: pd.DataFrame
    naive: pd.DataFrame
    fits: pd.DataFrame
    weights: pd.DataFrame
    by: str | None
    level: float
    origin: str
    rule: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The estimand at the landmarks as text."""
        if self.estimand == "cumulative-incidence":
            return self._became()
        marks = self.landmarks["time"].unique()
        table = self.table[self.table["time"].isin(marks)]
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["since"] = [time_point(value, "days") for value in table["time"]]
        if self.estimand == "bounds":
            out["still responding, at least"] = [bounds(value, value) for value in table["worst"]]
            out["at most"] = [bounds(value, value) for value in table["best"]]
            return pd.DataFrame(out), words
        out["still responding"] = _shares(table, "estimate")
        out[confidence(self.level)] = _limits(table)
        out["episodes watched"] = [count(value) for value in table["n_at_risk"]]
        out["patients"] = [count(value) for value in table["n_patients"]]
        return pd.DataFrame(out), words

    def _became(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """What became of the episodes at the landmarks."""
        table = self.landmarks
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        words = tuple(out)
        out["since"] = [time_point(value, "days") for value in table["time"]]
        out["lost"] = _shares(table, "estimate")
        out[confidence(self.level)] = _limits(table)
        for column, label in (
            ("next_session", "treated again"),
            ("stopped", "stopped"),
            ("still_responding", "still responding"),
        ):
            out[label] = _shares(table, column)
        out["episodes"] = [count(value) for value in table["n"]]
        out["surely lost"] = [count(value) for value in table["n_lost"]]
        out["not known"] = [count(value) for value in table["n_unknown"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """What the curve without further sessions says in one line per group."""
        if self.estimand == "bounds":
            return []
        lines = [""]
        for row in self.medians.to_dict("records"):
            head = "" if self.by is None else f"{row[self.by]}: "
            lines.append(f"  {head}{self._median_words(row)}")
        return lines

    def _median_words(self, row: dict) -> str:
        own = self._group(self.weighted if self.estimand == "ipcw" else self.cause_specific, row)
        known = own[own["identified"]]
        seen = f"{episodes(int(row['n']))} of {patients(int(row['n_patients']))}, {row['n_events']:,} lost"
        how = "reweighted" if self.estimand == "ipcw" else "and were sessions booked at random"
        head = f"Had no further session been given, {how},"
        if known.empty or known["time"].max() < 1:
            return f"{head} nothing can be told: too few are watched ({seen})."
        low, high, first, last = (
            first_half(known, column) for column in ("estimate", "estimate_high", "conf_low", "conf_high")
        )
        if not np.isfinite(high):
            said = f"half is not reached in the {number(known['time'].max(), 0)} days in which it can be told"
        else:
            where = time_point(high, "days")
            if low < high:
                where = f"day {time_range(low, high, 'days')}"
            said = f"half would have lost it by {where}"
            if known["conf_low"].notna().any():
                said += f" ({confidence(self.level)} {time_range(first, last, 'days')})"
        return f"{head} {said} ({seen})." + self._between(row)

    def _between(self, row: dict) -> str:
        """The bounds at the last landmark at which the cause-specific curve is known."""
        own = self._group(self.weighted if self.estimand == "ipcw" else self.cause_specific, row)
        ends = self._group(self.bounds, row)
        marks = self._group(self.landmarks, row)["time"]
        known = own[own["identified"] & own["time"].isin(marks)]
        if known.empty or ends["worst"].isna().all():
            return ""
        last = known.iloc[-1]
        both = ends[ends["time"] == last["time"]].iloc[0]
        would = bounds(last["estimate"], last["estimate_high"])
        worst, best = bounds(both["worst"], both["worst"]), bounds(both["best"], both["best"])
        return (
            f" At {time_point(last['time'], 'days')} {would} would respond, but anything from {worst} to "
            f"{best} is possible, since those treated again were not seen without."
        )

    def _sizes(self) -> np.ndarray:
        """Episodes of each row's group."""
        if self.by is None:
            return np.full(len(self.incidence), self.medians["n"].iloc[0])
        return self.incidence[self.by].map(self.medians.set_index(self.by)["n"]).to_numpy(float)

    def _group(self, frame: pd.DataFrame, row: dict) -> pd.DataFrame:
        return frame if self.by is None else frame[frame[self.by] == row[self.by]]

    def plot(self, ax=None, *, title=None, kind=None):
        """Draw the estimand; `kind` names another: "incidence" or "cause-specific".

        The incidence is drawn as what became of the episodes by each day; the cause-specific curve
        with its band between the bounds, as far as it is identified.
        """
        from ketaoutcomes.draw.durability import held_response
        from ketaoutcomes.draw.incidence import stacked

        kind = kind or ("incidence" if self.estimand == "cumulative-incidence" else "cause-specific")
        if kind == "incidence":
            table = self.incidence.assign(n_at_risk=self._sizes())
            return stacked(
                table, ax, causes=STACKED, landmarks=counts_by_event(self.landmarks, self.by),
                by=self.by, title=title, unit="days", origin=self.origin, event_free="still responding",
                free_at="bottom",
                at_risk="Known to respond", unit_line=f"Episodes of response, % ({self.rule})",
            )  # fmt: skip
        table, what = self.cause_specific, "had no further session been given"
        if self.estimand == "ipcw":
            table, what = self.weighted, f"{what}, reweighted"
        if self.estimand == "bounds":
            table, what = table.assign(identified=False), f"{what}: all that is possible"
            for column in ("estimate", "estimate_high", "conf_low", "conf_high"):
                table[column] = np.nan
        return held_response(
            table, ax, bounds=self.bounds, by=self.by, title=title, origin=self.origin, level=self.level,
            naive=self.naive if self.estimand == "cause-specific" else None,
            only_bounds=self.estimand == "bounds", unit_line=f"Still responding {what}, % ({self.rule})",
        )  # fmt: skip


def first_half(curve: pd.DataFrame, column: str) -> float:
    """First time at which a curve of the share still responding is at or below one half; inf if never."""
    below = curve.loc[curve[column] <= 0.5 + 1e-9, "time"]
    return float(below.iloc[0]) if len(below) else np.inf


def _limits(table: pd.DataFrame) -> list[str]:
    return [
        percent_range(low, high, like=estimate)
        for low, high, estimate in zip(table["conf_low"], table["conf_high"], table["estimate"], strict=True)
    ]


def counts_by_event(landmarks: pd.DataFrame, by: str | None) -> pd.DataFrame:
    """The counts at the landmarks with a row per event, as the stacked picture takes them."""
    parts = []
    for event, column in COUNTS.items():
        part = landmarks[[*([by] if by else []), "time", "n_still", "n_unknown", column]]
        names = {"n_still": "n_at_risk", column: "n_events"}
        parts.append(part.rename(columns=names).assign(event=event))
    return pd.concat(parts, ignore_index=True)


def _shares(table: pd.DataFrame, column: str) -> list[str]:
    return [bounds(*pair) for pair in zip(table[column], table[_high(column)], strict=True)]


def _high(column: str) -> str:
    return "estimate_high" if column == "estimate" else f"{column}_high"
