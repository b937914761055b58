"""Side effects over the sessions of a course."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.ways_of_asking import asked_words
from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, of_total

__all__ = ["SideEffectCourse"]

ANY = "any side effect"
KINDS = ("lines", "heat")
MOST_EFFECTS, MOST_SERIES, MOST_IN_WORDS = 6, 3, 5
WORDED = {
    "all patients": "all patients",
    "within patient, before the last": "within the patient before the last",
}
NOT_STATED_SEVERITY, NO_RECORD = 4, 5


@dataclass(frozen=True, eq=False, repr=False)
class SideEffectCourse(Result):
    """Rates of side effects by session number, session 1 against later ones, and habituation.

    `.table` has a row per effect, way of asking, group and range of session numbers: the `by` column or none,
    `effect`, `ascertainment`, `session_group`, `from_session`, `to_session` (inf for an open end),
    `n_events`, `n_unknown` (sessions whose effect has no severity), `n` (sessions recorded), `n_patients`,
    `n_not_recorded` (sessions without any record), `estimate` (counts none of the unknown), `estimate_high`
    (counts all), `conf_low` (of the former), `conf_high` (of the latter), `method`.

    Attributes
    ----------
    level : float
    by : str or None
    stayed : int
        Recorded sessions after which a patient counts as having stayed.
    shows : str
        What the rates are; written above the picture.
    by_session : DataFrame
        As `.table`, for each single session number; the last row holds all from there on.
    first_against_later : DataFrame
        The `by` column or none, `effect`, `ascertainment`, `patients` ("all", or "with both": with a record
        of session 1 and of a later one), `quantity` ("session 1", "later sessions", "difference", "odds
        ratio": session 1 to later), `estimate`, `conf_low`, `conf_high`, `std_error`, `df` (of the log odds
        ratio), `n_events`, `n_unknown` (left out), `n` (sessions), `n_patients`, `method`.
    habituation : DataFrame
        The `by` column or none, `effect`, `ascertainment`, `model` ("all patients", "stayed", "within
        patient", "within patient, before the last", and the latter "from session 3"), `estimate` (odds ratio
        per doubling of the session number), `conf_low`, `conf_high`, `std_error` and `statistic` (of its
        logarithm), `df`, `p_value`, `p_adjusted` (over the single effects of a model and way of asking),
        `n_events`, `n_unknown` (left out), `n` (sessions), `n_patients`, `n_without_information` (patients
        all of whose sessions are alike), `method`, `code` (why there is no estimate, or nothing).
    effect_groups : mapping of str to str
        Group of each effect, in words.
    records_by_patient : DataFrame
        What was found in every session, patients numbered from the one with the most sessions on, without
        ids: `patient`, `session`, `ascertainment`, `effect`, `severity`. Not for release.
    """

    level: float
    by: str | None
    stayed: int
    shows: str
    by_session: pd.DataFrame
    first_against_later: pd.DataFrame
    habituation: pd.DataFrame
    effect_groups: Mapping[str, str]
    records_by_patient: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Rates by session number with n/N and interval, as text."""
        rows = self.table.to_dict("records")
        out: dict[str, list[str]] = {}
        if self.by is not None:
            out[self.by] = [str(row[self.by]) for row in rows]
        out["side effect"] = [str(row["effect"]) for row in rows]
        out["asked by"] = [str(row["ascertainment"]) for row in rows]
        out["session"] = [str(row["session_group"]) for row in rows]
        words = tuple(out)
        out["%"] = [bounds(row["estimate"], row["estimate_high"]) for row in rows]
        out["n/N"] = [of_total(row["n_events"], row["n"]) for row in rows]
        out[confidence(self.level)] = [
            percent_range(row["conf_low"], row["conf_high"], like=row["estimate"]) for row in rows
        ]
        out["patients"] = [count(row["n_patients"]) for row in rows]
        if self.table["n_unknown"].any():
            out["not known"] = [count(row["n_unknown"]) for row in rows]
        out["not recorded"] = [count(row["n_not_recorded"]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """Session 1 against later ones, and habituation, of the effects found most often."""
        size = self.table.groupby("effect", sort=False)["n_events"].sum()
        shown = size.sort_values(ascending=False, kind="stable").index[:MOST_IN_WORDS]
        keys = [*([] if self.by is None else [self.by]), "ascertainment", "effect"]
        pairs = self.first_against_later
        lines: list[str] = []
        for cells, rows in pairs[pairs["patients"] == "with both"].groupby(keys, sort=False):
            if cells[-1] in shown:
                lines += self._against(_who(cells), rows.set_index("quantity"))
        if lines:
            lines = ["", "  Session 1 against later sessions, patients with both", *lines]
        slopes: list[str] = []
        for cells, rows in self.habituation.groupby(keys, sort=False):
            if cells[-1] in shown:
                slopes += _slopes(_who(cells), rows)
        if slopes:
            slopes = ["", "  Odds ratio per doubling of the session number", *slopes]
        if (lines or slopes) and len(size) > len(shown):
            n_more = len(size) - len(shown)
            others = "1 other" if n_more == 1 else f"{n_more} others"
            slopes += [
                "",
                f"  Only the {len(shown)} found most often; .first_against_later and .habituation hold the "
                f"{others}, and every model.",
            ]
        return [*lines, *slopes]

    def _against(self, who: str, rows: pd.DataFrame) -> list[str]:
        """One line; none where there is nobody with both."""
        first, later, gap = (rows.loc[name] for name in ("session 1", "later sessions", "difference"))
        if missing(gap["estimate"]):
            return []
        points = number(100 * gap["estimate"], 0)
        limits = number_range(100 * gap["conf_low"], 100 * gap["conf_high"], 0)
        return [
            f"  {who}: {percent(first['estimate'])} ({of_total(first['n_events'], first['n'])}) and "
            f"{percent(later['estimate'])} ({of_total(later['n_events'], later['n'])}), difference {points} "
            f"({limits}) points; {count(gap['n_patients'])} patients"
        ]

    def plot(self, ax=None, *, title=None, kind="lines", effects=None, ascertainment=None):
        """Draw the rates by session number.

        Parameters
        ----------
        kind : {"lines", "heat"}
            Small pictures with intervals, of up to six effects; or a strip of all effects by single session
            numbers, coloured by the share.
        effects : str or sequence of str, optional
            Effects to draw, by their preferred names.
        ascertainment : str, optional
            One way of asking. With groups the lines are of one way: the one with the most sessions, if none
            is chosen here.

        Raises
        ------
        DataError
            If there is no such kind, effect or way of asking.
        """
        if kind not in KINDS:
            raise DataError(f'kind="{kind}" is not known; choose "lines" or "heat"')
        table = self._chosen(self.table if kind == "lines" else self.by_session, effects, ascertainment)
        if kind == "heat":
            from ketaoutcomes.draw.heat_strip import heat_strip

            blocks = [*([] if self.by is None else [self.by]), "ascertainment"]
            heading = self._asked(table, self.shows)
            return heat_strip(
                table, ax, blocks=blocks, effect_groups=self.effect_groups, heading=heading, title=title
            )
        from ketaoutcomes.draw.session_rates import session_rates

        panel, series, table, heading = self._panels(table)
        return session_rates(
            table, ax, panel=panel, series=series, level=self.level, heading=heading, title=title
        )

    def _panels(self, table: pd.DataFrame) -> tuple[str, str, pd.DataFrame, str]:
        """What is a picture, what is a series, their rows, and the words above."""
        shown = list(dict.fromkeys(table["effect"]))[:MOST_EFFECTS]
        if self.by is None:
            table = table[table["effect"].isin(shown)]
            return "effect", "ascertainment", table, self._asked(table, self.shows)
        if table[self.by].nunique() > MOST_SERIES:
            table = table[table["effect"].isin(shown[:1])]
            heading = f"{self.shows}: {shown[0]}" if shown else self.shows
            return self.by, "ascertainment", table, self._asked(table, heading)
        sessions = table.drop_duplicates([self.by, "ascertainment", "session_group"])
        most = sessions.groupby("ascertainment", sort=False)["n"].sum()
        table = table[table["effect"].isin(shown)]
        if len(most):
            table = table[table["ascertainment"] == most.idxmax()]
        return "effect", self.by, table, self._asked(table, self.shows)

    def _asked(self, table: pd.DataFrame, heading: str) -> str:
        """The heading, with the way of asking where there is only one."""
        ways = list(dict.fromkeys(table["ascertainment"]))
        heading += f"; {asked_words(ways[0])}" if len(ways) == 1 else ""
        return f"{heading}; lower bounds, severity not always known" if table["n_unknown"].any() else heading

    def _chosen(self, table: pd.DataFrame, effects, ascertainment) -> pd.DataFrame:
        """Rows of the effects and the way of asking to draw."""
        if ascertainment is not None:
            _check_known("ascertainment", [ascertainment], table["ascertainment"])
            table = table[table["ascertainment"] == ascertainment]
        if effects is None:
            return table
        wanted = [effects] if isinstance(effects, str) else list(effects)
        _check_known("effects", wanted, table["effect"])
        order = {name: place for place, name in enumerate(wanted)}
        table = table[table["effect"].isin(wanted)]
        return table.sort_values("effect", key=lambda names: names.map(order), kind="stable")

    def plot_by_patient(self, ax=None, *, effect=ANY, ascertainment=None, title=None):
        """A row per patient and a column per session, coloured by the worst severity of an effect.

        It shows each patient's course and is not for release.

        Parameters
        ----------
        effect : str
            Preferred name, or "any side effect".
        ascertainment : str, optional
            One way of asking; sessions asked in another way then count as not recorded.

        Raises
        ------
        DataError
            If there is no such effect or way of asking.
        """
        from ketaoutcomes.draw.heat_strip import patient_strips

        frame = self.records_by_patient
        if effect != ANY:
            _check_known("effect", [effect], frame["effect"])
        if ascertainment is not None:
            _check_known("ascertainment", [ascertainment], frame["ascertainment"])
        heading = f"{effect[:1].upper()}{effect[1:]}: worst severity in each session"
        if ascertainment is not None:
            heading += f", {asked_words(ascertainment)}"
        return patient_strips(_strips(frame, effect, ascertainment), ax, heading=heading, title=title)


def _strips(frame: pd.DataFrame, effect: str, ascertainment: str | None) -> np.ndarray:
    """Worst severity of each patient's sessions as `draw.heat_strip.patient_strips` takes it."""
    if frame.empty:
        return np.full((1, 1), np.nan)
    row, column = frame["patient"].to_numpy() - 1, frame["session"].to_numpy() - 1
    recorded = frame["ascertainment"].notna().to_numpy()
    if ascertainment is not None:
        recorded = (frame["ascertainment"] == ascertainment).to_numpy(dtype=bool, na_value=False)
    found = recorded & (frame["effect"] != "none").to_numpy(dtype=bool, na_value=False)
    if effect != ANY:
        found = recorded & (frame["effect"] == effect).to_numpy(dtype=bool, na_value=False)
    out = np.full((row.max() + 1, column.max() + 1), np.nan)
    out[row, column] = NO_RECORD
    out[row[recorded], column[recorded]] = 0.0
    stated = frame["severity"].to_numpy()
    unstated = found & (stated == 0)
    out[row[unstated], column[unstated]] = NOT_STATED_SEVERITY
    for severity in (1, 2, 3):
        # A stated severity wins over one that is not, and a higher one over a lower.
        own = found & (stated == severity)
        out[row[own], column[own]] = severity
    return out


def _check_known(name: str, wanted: list, column: pd.Series) -> None:
    """Refuse what is not in the column; what there is, is offered."""
    known = list(dict.fromkeys(column.dropna()))
    if any(word not in known for word in wanted):
        offered = ", ".join(f'"{word}"' for word in known[:30]) or "none, as nothing is recorded"
        raise DataError(f"{name} must be among those of the result: {offered}")


def _who(cells: tuple) -> str:
    """``"female, nausea, asked by checklist"``."""
    *group, way, effect = cells
    return ", ".join([*map(str, group), str(effect), asked_words(way)])


def _slopes(who: str, rows: pd.DataFrame) -> list[str]:
    """One line with the odds ratios of an effect; none where there is none."""
    found = {row["model"]: row for row in rows.to_dict("records") if not missing(row["estimate"])}
    words = [f"{name} {_ratio(found[model])}" for model, name in WORDED.items() if model in found]
    if not words:
        return []
    row = next(found[model] for model in reversed(WORDED) if model in found)
    counts = f"{of_total(row['n_events'], row['n'])} sessions, {count(row['n_patients'])} patients"
    return [f"  {who}: {'; '.join(words)}; {counts}"]


def _ratio(row: dict) -> str:
    """``"0.82 (0.71–0.95)"``."""
    if missing(row["conf_low"]):
        return f"{number(row['estimate'], 2)} ({DASH})"
    return f"{number(row['estimate'], 2)} ({number_range(row['conf_low'], row['conf_high'], 2)})"
