"""Cumulative incidence of competing events, and models of their subdistribution hazards."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, patients, time_point

__all__ = ["IncidenceResult", "SubdistributionResult", "p_words"]


@dataclass(frozen=True, eq=False, repr=False)
class IncidenceResult(Result):
    """Share of patients with each event, against time.

    `.table` has a row per event and time at which an event happened, from time 0 to the last
    observation: the `by` column or none, `event`, `time`, `estimate` (share with that event by
    then), `conf_low`, `conf_high`, `std_error`, `n_at_risk` (just before), `n_events` (with that
    event by then). A row holds until the next one's time. Shares are NaN after a time at which nobody
    is at risk though others enter later.

    Attributes
    ----------
    landmarks : DataFrame
        The same columns at planned times, with `event_free` (share without any event).
    naive : DataFrame
        1 - Kaplan-Meier of each event, for comparison only: `event`, `time`, `estimate`,
        `conf_low`, `conf_high`, `incidence` (of `.table`), `gap` (the difference).
    gray : DataFrame
        Gray's test of equal curves per event: `event`, `statistic`, `df`, `p_value`,
        `n_patients`, `n_events`; no rows without `by`.
    totals : DataFrame
        Rows with each event, and "censored": the `by` column or none, `event`, `n`,
        `n_patients`; over the whole follow-up.
    events : tuple of str
        Events in the order of the picture, from below.
    unit : {"days", "hours"}
    by : str or None
    level : float
    rows : str
        What a row of the data is: "patients", or "episodes" where patients have several.
    """

    landmarks: pd.DataFrame
    naive: pd.DataFrame
    gray: pd.DataFrame
    totals: pd.DataFrame
    events: tuple[str, ...]
    unit: str
    by: str | None
    level: float
    rows: str

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The landmarks as text."""
        table = self.landmarks
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(value) for value in table[self.by]]
        out["event"] = list(table["event"])
        words = tuple(out)
        out["time"] = [time_point(value, self.unit) for value in table["time"]]
        out["by then"] = [percent(value) for value in table["estimate"]]
        out[confidence(self.level)] = [
            percent_range(low, high, like=estimate)
            for low, high, estimate in zip(
                table["conf_low"], table["conf_high"], table["estimate"], strict=True
            )
        ]
        out["events"] = [count(value) for value in table["n_events"]]
        out["at risk"] = [count(value) for value in table["n_at_risk"]]
        out["no event yet"] = [percent(value) for value in table["event_free"]]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """Who had what, what 1 - Kaplan-Meier would say, and the tests, in words."""
        lines = [""]
        groups = [None] if self.by is None else list(dict.fromkeys(self.landmarks[self.by]))
        for group in groups:
            head = "" if group is None else f"{group}: "
            lines.append(f"  {head}{self._total_words(group)}")
            lines += [f"  {head}{words}" for words in self._gap_words(group)]
        for row in self.gray.to_dict("records"):
            found = f"chi-squared {number(row['statistic'], 2)} on {row['df']} df, {p_words(row['p_value'])}"
            had = f"{count(row['n_events'])} of {patients(row['n_patients'])}"
            lines.append(f"  Gray's test, {row['event']} by {self.by}: {found} ({had}).")
        return lines

    def plot(self, ax=None, *, kind: str | None = None, title=None, origin: str = "the start"):
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, optional
        kind : {"stacked", "lines"}, optional
            "stacked": the events as areas on each other, what is left is event-free. "lines": a line
            with its band for each event, or for each group. Stacked without `by`, lines with it.
        title : str, optional
            Written in bold above.
        origin : str
            What time 0 is, in words.
        """
        from ketaoutcomes.draw.incidence import stacked
        from ketaoutcomes.draw.incidence_lines import incidence_lines
        from ketaoutcomes.errors import DataError

        if kind is None:
            kind = "stacked" if self.by is None else "lines"
        if not isinstance(kind, str) or kind not in ("stacked", "lines"):
            raise DataError('kind is not known; choose "stacked" or "lines"')
        options = {"causes": self.events, "landmarks": self.landmarks, "unit": self.unit, "by": self.by}
        options |= {"title": title, "origin": origin}
        if kind == "stacked":
            return stacked(self.table, ax, unit_line=f"Cumulative incidence, % of {self.rows}", **options)
        line = f"Cumulative incidence, % of {self.rows} (band: {confidence(self.level)})"
        return incidence_lines(self.table, ax, unit_line=line, **options)

    def _total_words(self, group) -> str:
        """``"Of 120 patients 31 had response, 20 had stopped; 69 were censored."``"""
        rows = self.totals if group is None else self.totals[self.totals[self.by] == group]
        counts = dict(zip(rows["event"], rows["n"], strict=True))
        n_censored = counts.pop("censored")
        whole = sum(counts.values()) + n_censored
        had = ", ".join(f"{name} {count(n)}" for name, n in counts.items())
        of = f"{count(whole)} {self.rows}"
        if self.rows != "patients":
            of += f" of {patients(int(rows['n_patients'].iloc[0]))}"
        return f"Of {of}: {had}; censored {count(n_censored)}."

    def _gap_words(self, group) -> list[str]:
        """What 1 - Kaplan-Meier would say at the last landmark that is known."""
        rows = self.landmarks if group is None else self.landmarks[self.landmarks[self.by] == group]
        naive = self.naive if group is None else self.naive[self.naive[self.by] == group]
        lines = []
        for name in self.events:
            known = rows[(rows["event"] == name) & rows["estimate"].notna()]
            beside = naive[naive["event"] == name]
            if not len(known):
                continue
            last = known.iloc[-1]
            before = beside[beside["time"] <= last["time"]]
            if not len(before) or len(self.events) < 2:
                continue
            said = float(before["estimate"].iloc[-1])
            interval = percent_range(last["conf_low"], last["conf_high"], like=last["estimate"])
            points = 100 * (said - float(last["estimate"]))
            lines.append(
                f"{name} by {time_point(last['time'], self.unit)}: {percent(last['estimate'])} "
                f"({confidence(self.level)} {interval}). 1 − Kaplan–Meier would say {percent(said)}, "
                f"{number(points)} points more."
            )
        return lines


@dataclass(frozen=True, eq=False, repr=False)
class SubdistributionResult(Result):
    """Fine and Gray's model of one event among competing ones.

    `.table` has a row per coefficient: `term`, `estimate` (log subdistribution hazard ratio),
    `std_error` (robust), `statistic`, `p_value`, `conf_low`, `conf_high`, and `ratio`, `ratio_low`,
    `ratio_high` (their exponentials).

    Attributes
    ----------
    formula : str
    cause : str
        The event that is modelled.
    level : float
    n_patients, n_rows, n_events, n_competing : int
    cov : DataFrame
        Robust covariance of the coefficients, terms as columns.
    log_likelihood, log_likelihood_null : float
    """

    formula: str
    cause: str
    level: float
    n_patients: int
    n_rows: int
    n_events: int
    n_competing: int
    cov: pd.DataFrame
    log_likelihood: float
    log_likelihood_null: float

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Coefficients and ratios as text."""
        table = self.table
        ratios = [number(value, 2) for value in table["ratio"]]
        limits = [
            number_range(low, high, 2)
            for low, high in zip(table["ratio_low"], table["ratio_high"], strict=True)
        ]
        out = {
            "term": list(table["term"]),
            "subdistribution hazard ratio": ratios,
            confidence(self.level): limits,
            "coefficient": [number(value, 4) for value in table["estimate"]],
            "std. error": [number(value, 4) for value in table["std_error"]],
            "p": [p_words(value).removeprefix("p = ").removeprefix("p ") for value in table["p_value"]],
        }
        return pd.DataFrame(out), ("term",)

    def sentences(self) -> list[str]:
        """How many had the event, and another one before it."""
        rows = f"{count(self.n_rows)} rows of " if self.n_rows != self.n_patients else ""
        return [
            "",
            f"  {rows}{patients(self.n_patients)}: {count(self.n_events)} had {self.cause}, "
            f"{count(self.n_competing)} another event before it.",
        ]


def p_words(p_value: float) -> str:
    """``"p = 0.27"``, ``"p < 0.001"``."""
    if missing(p_value):
        return f"p {DASH}"
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {number(p_value, 3 if p_value < 0.1 else 2)}"
