"""Side effects over the sessions of a course."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total

__all__ = ["SideEffectCourse"]

ANY = "any side effect"
KINDS = ("lines", "heat")
MOST_EFFECTS, MOST_SERIES = 6, 3
NOT_STATED_SEVERITY, NO_RECORD = 4, 5


@dataclass(frozen=True, eq=False, repr=False)
class SideEffectCourse(Result):
    """Rates of side effects by session number, session 1 against later ones, and habituation.

    `.table` has a row per effect, way of asking, group and range of session numbers: the `by` column or none,
    `effect`, `ascertainment`, `session_group`, `from_session`, `to_session` (inf for an open end),
    `n_events`, `n` (sessions recorded), `n_patients`, `n_not_recorded` (sessions without any record),
    `estimate`, `conf_low`, `conf_high`, `method`.

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
        ratio), `n_events`, `n` (sessions), `n_patients`, `method`.
    habituation : DataFrame
        The `by` column or none, `effect`, `ascertainment`, `model` ("all patients", "stayed", "within
        patient", "within patient, before the last"), `estimate` (odds ratio per doubling of the session
        number), `conf_low`, `conf_high`, `std_error` and `statistic` (of its logarithm), `df`, `p_value`,
        `n_events`, `n` (sessions), `n_patients`, `n_without_information` (patients all of whose sessions are
        alike), `method`, `code` (why there is no estimate, or nothing).
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
        out["%"] = [percent(row["estimate"]) for row in rows]
        out["n/N"] = [of_total(row["n_events"], row["n"]) for row in rows]
        out[confidence(self.level)] = [
            percent_range(row["conf_low"], row["conf_high"], like=row["estimate"]) for row in rows
        ]
        out["patients"] = [count(row["n_patients"]) for row in rows]
        out["not recorded"] = [count(row["n_not_recorded"]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """Session 1 against later ones, and habituation; of effects with an estimate."""
        lines: list[str] = []
        pairs = self.first_against_later
        keys = [*([] if self.by is None else [self.by]), "ascertainment", "effect"]
        for cells, rows in pairs[pairs["patients"] == "with both"].groupby(keys, sort=False):
            lines += self._against(", ".join(map(str, cells)), rows.set_index("quantity"))
        if lines:
            lines = ["", "  Session 1 against later sessions, patients with both", *lines]
        slopes = []
        for row in self.habituation[self.habituation["estimate"].notna()].to_dict("records"):
            who = ", ".join(str(row[key]) for key in keys)
            slopes.append(
                f"  {who}, {row['model']}: {_ratio(row)}; {of_total(row['n_events'], row['n'])} sessions, "
                f"{count(row['n_patients'])} patients, {count(row['n_without_information'])} without a change"
            )
        if slopes:
            slopes = ["", "  Odds ratio per doubling of the session number", *slopes]
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
        return f"{heading}; asked by: {ways[0]}" if len(ways) == 1 else heading

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
            heading += f", asked by: {ascertainment}"
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


def _ratio(row: dict) -> str:
    """``"0.82 (0.71–0.95)"``."""
    if missing(row["conf_low"]):
        return f"{number(row['estimate'], 2)} ({DASH})"
    return f"{number(row['estimate'], 2)} ({number_range(row['conf_low'], row['conf_high'], 2)})"
