"""Dissociation by a scale: highest scores per session, with what they depend on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, number, number_range, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, of_total, patients

__all__ = ["DissociationResult"]

# Sessions whose change from session 1 is said in words; the table has the others.
_SHOWN = (2, 6, 12)
_KINDS = ("sessions", "minutes", "dose")


@dataclass(frozen=True, eq=False, repr=False)
class DissociationResult(Result):
    """Highest score of each session, by session number.

    `.table` has a row per group of session numbers (and level of `by`): `session_group`, `n` (sessions with
    a score during or after), `n_missing` (sessions without), `n_patients`, `median`, `p25`, `p75`,
    `estimate` (mean, points) with limits, `n_events` (sessions beyond the threshold), `share` with limits,
    `assessments` (median per session), `minute` (median of the assessments).

    Attributes
    ----------
    by_dose : DataFrame
        The same by dose within each route: `rule` ("bands" or "quartiles"), `route`, `dose` (words),
        `dose_low`, `dose_high` (mg/kg).
    course : DataFrame
        Mean score by minute: `session_group`, `time` (nominal minute, 0 before the session),
        `mean_minute`, `estimate` with limits, `n` (scores), `n_sessions`, `n_patients`. Empty with fewer
        than two nominal minutes.
    return_times : DataFrame
        Share of the sessions beyond the threshold that are back: `time` (minutes), `estimate` and
        `estimate_high` (bounds), `conf_low`, `conf_high`, `n` (sessions), `n_patients`, `n_returned`,
        `n_right_censored`. Missing where a return cannot be seen.
    model : DataFrame
        Coefficients of the mean, in points: `term`, `estimate`, limits, `std_error`, `df`, `statistic`,
        `p_value` (missing below 20 patients), `n`, `n_patients`, `method`. Empty where there is none.
    stayers : DataFrame
        Within patients with both: `session`, `n`, `first` and `later` (means at session 1 and at it),
        `estimate` (change) with limits, `n_others` and `first_of_others` (mean at session 1 of those
        without a score at it).
    against_recorded : DataFrame
        Sessions with a score and a record of side effects: `ascertainment`, `both`, `only_scale`,
        `only_recorded`, `neither`, `n`, `n_patients`.
    instrument : str
    threshold : float
        Points.
    comparison : {"above", "at_least"}
    is_convention : bool
        Whether the threshold is a cut-off of the catalogue, and not the user's.
    by : str or None
    level : float
    shows : str
        What is drawn; written above the picture.
    """

    by_dose: pd.DataFrame
    course: pd.DataFrame
    return_times: pd.DataFrame
    model: pd.DataFrame
    stayers: pd.DataFrame
    against_recorded: pd.DataFrame
    instrument: str
    threshold: float
    comparison: str
    is_convention: bool
    by: str | None
    level: float
    shows: str

    @property
    def threshold_words(self) -> str:
        """``"above 4"``."""
        return f"{self.comparison.replace('_', ' ')} {self.threshold:g}"

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Quartiles, mean, share and how often it was assessed, as text."""
        table = self.table
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        out["session"] = [str(value) for value in table["session_group"]]
        words = tuple(out)
        limits = confidence(self.level)
        out["median"] = [number(value) for value in table["median"]]
        out["quartiles"] = _ranges(table, "p25", "p75")
        out["mean"] = [number(value) for value in table["estimate"]]
        out[limits] = _ranges(table, "conf_low", "conf_high")
        out[f"% {self.threshold_words}"] = [percent(value) for value in table["share"]]
        out["n/N"] = [of_total(x, n) for x, n in zip(table["n_events"], table["n"], strict=True)]
        out[f"{limits} "] = [
            percent_range(row.share_low, row.share_high, like=row.share) for row in table.itertuples()
        ]
        out["patients"] = [count(value) for value in table["n_patients"]]
        out["not scored"] = [count(value) for value in table["n_missing"]]
        out["per session"] = [number(value, 0 if value == round(value) else 1) for value in _filled(table)]
        out["minute"] = [number(value, 0) for value in table["minute"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """The change of those who stayed, the model's slopes, and the return, one line each."""
        lines = [""]
        shown = self.stayers["session"].isin(_SHOWN)
        for row in self.stayers[shown].to_dict("records"):
            lines.append(f"  {self._head(row)}{_change_words(row, self.level)}")
        for row in self.model.to_dict("records"):
            if "patients" in row["term"]:
                lines.append(f"  {_slope_words(row, self.level)}")
        known = self.return_times[self.return_times["estimate"].notna()]
        for rows in _by_level(known, self.by):
            words = _return_words(rows, self.threshold_words, self.level)
            lines.append(f"  {self._head(rows[0])}{words}")
        return lines if len(lines) > 1 else []

    def plot(self, ax=None, *, kind: str = "sessions", title=None):
        """Highest scores by session number, mean scores by minute, or highest scores by dose.

        Parameters
        ----------
        ax : Axes, optional
        kind : {"sessions", "minutes", "dose"}
        title : str, optional
            Written in bold above; what is drawn stands below it in any case.

        Raises
        ------
        DataError
            If `kind` is not known.
        """
        if kind not in _KINDS:
            raise DataError(f"kind is {' or '.join(_KINDS)}")
        how = {"threshold": self.threshold, "is_convention": self.is_convention, "title": title}
        if kind == "sessions":
            from ketaoutcomes.draw.dissociation import peaks_by_session

            how |= {"by": self.by, "comparison": self.comparison}
            return peaks_by_session(self.table, ax, shows=self.shows, **how)
        if kind == "minutes":
            from ketaoutcomes.draw.dissociation_minutes import scores_by_minute

            return scores_by_minute(
                self.course, ax, by=self.by, instrument=self.instrument, level=self.level, **how
            )
        from ketaoutcomes.draw.dissociation_dose import peaks_by_dose

        shows = f"Highest {self.instrument} score of each session, by dose"
        return peaks_by_dose(self.by_dose, ax, shows=shows, comparison=self.comparison, **how)

    def _head(self, row: dict) -> str:
        return "" if self.by is None else f"{row[self.by]}: "


def _filled(table: pd.DataFrame) -> list[float]:
    """Assessments per session; 0 stands for none, since the row has no session."""
    return [0.0 if pd.isna(value) else value for value in table["assessments"]]


def _ranges(table: pd.DataFrame, low: str, high: str) -> list[str]:
    return [number_range(a, b) for a, b in zip(table[low], table[high], strict=True)]


def _change_words(row: dict, level: float) -> str:
    limits = number_range(row["conf_low"], row["conf_high"])
    interval = "" if limits == DASH else f" ({confidence(level)} {limits})"
    others = ""
    if row["n_others"]:
        others = (
            f"; {count(row['n_others'])} others without a score at session {row['session']} had a mean of "
            f"{number(row['first_of_others'])} at session 1"
        )
    means = f"mean {number(row['first'])} to {number(row['later'])}, change {number(row['estimate'])}"
    who = f"{patients(row['n'])} with both"
    return f"Session {row['session']} against session 1 in {who}: {means}{interval}{others}."


def _slope_words(row: dict, level: float) -> str:
    limits = number_range(row["conf_low"], row["conf_high"])
    what = "session number" if "session" in row["term"] else "dose"
    where = row["term"].partition(", ")[2]
    return (
        f"Twice the {what}, {where}: {number(row['estimate'])} points ({confidence(level)} {limits}; "
        f"{count(row['n'])} sessions of {patients(row['n_patients'])})."
    )


def _by_level(table: pd.DataFrame, by: str | None) -> list[list[dict]]:
    """The rows of each level of `by`, in their order; all together without it."""
    if not len(table):
        return []
    if by is None:
        return [table.to_dict("records")]
    return [part.to_dict("records") for _, part in table.groupby(by, sort=False, observed=True)]


def _return_words(rows: list[dict], threshold: str, level: float) -> str:
    """The times at which something is known, in one line; that nothing is, once."""
    first = rows[0]
    who = (
        f"{count(first['n'])} sessions of {patients(first['n_patients'])}, "
        f"{count(first['n_right_censored'])} not seen back"
    )
    shown = [row for row in rows if row["estimate"] > 0 or row["estimate_high"] < 1]
    if not shown:
        minutes = f"{rows[0]['time']:g} to {rows[-1]['time']:g}"
        return f"How many are no longer {threshold} by minute {minutes} cannot be told ({who})."
    parts = []
    for row in shown:
        limits = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
        share = bounds(row["estimate"], row["estimate_high"])
        parts.append(f"minute {row['time']:g}: {share} ({confidence(level)} {limits})")
    return f"No longer {threshold} by {'; by '.join(parts)}; {who}."
