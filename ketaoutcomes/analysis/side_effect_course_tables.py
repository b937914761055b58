"""Rates of side effects by session number, and the first session against later ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ketaoutcomes.derive.effect_sessions_by_number import SessionBand
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.side_effects import Recorded
from ketaoutcomes.engine.cluster_regression import cluster_regression
from ketaoutcomes.engine.rates import RatioEstimate, cluster_ratio_by

__all__ = ["CourseRows", "by_number", "first_against_later"]

FIRST, LATER, DIFFERENCE, ODDS_RATIO = "session 1", "later sessions", "difference", "odds ratio"
ALL, BOTH = "all", "with both"
ROBUST = "CR2, Bell-McCaffrey df"
FROM_RATES = "from the limits of both rates"
NOT_ESTIMABLE = "not estimable"
# With fewer sessions with the effect, or without it, a symmetric interval of a difference is too short on
# one side.
FEWEST = 5
COURSE_COLUMNS = {
    "effect": "str",
    "ascertainment": "str",
    "session_group": "str",
    "from_session": "int64",
    "to_session": "float64",
    "n_events": "int64",
    "n_unknown": "int64",
    "n": "int64",
    "n_patients": "int64",
    "n_not_recorded": "int64",
    "estimate": "float64",
    "estimate_high": "float64",
    "conf_low": "float64",
    "conf_high": "float64",
    "method": "str",
}
FIRST_COLUMNS = {
    "effect": "str",
    "ascertainment": "str",
    "patients": "str",
    "quantity": "str",
    "estimate": "float64",
    "conf_low": "float64",
    "conf_high": "float64",
    "std_error": "float64",
    "df": "float64",
    "n_events": "int64",
    "n_unknown": "int64",
    "n": "int64",
    "n_patients": "int64",
    "method": "str",
}


@dataclass(frozen=True)
class CourseRows:
    """Records and sessions that the tables are made of.

    Attributes
    ----------
    found : Recorded
    outcome : (r, k) bool array
        Whether each record surely holds each effect.
    perhaps : (r, k) bool array
        Whether it may hold it, since its severity is not known; never where it surely does.
    names : tuple of str
        The k effects.
    owner, number, level_of : (r,) int arrays
        Patient, session number and group (-1 missing) of each record.
    session_number, session_level : (s,) int arrays
        Of every session of the cohort.
    session_recorded : (s,) bool array
        Whether it has a record, asked in any way.
    ways_used : tuple of str
    grouped : Groups
        Of patients.
    level : float
        Confidence level.
    """

    found: Recorded
    outcome: np.ndarray
    perhaps: np.ndarray
    names: tuple[str, ...]
    owner: np.ndarray
    number: np.ndarray
    level_of: np.ndarray
    session_number: np.ndarray
    session_level: np.ndarray
    session_recorded: np.ndarray
    ways_used: tuple[str, ...]
    grouped: Groups
    level: float

    def cells(self) -> Iterator[tuple[int, str, np.ndarray]]:
        """Group, way of asking and records (bool) of each cell that has a record."""
        for number in range(len(self.grouped.levels)):
            for way, name in enumerate(self.found.ways):
                inside = (self.found.way == way) & (self.level_of == number)
                if name in self.ways_used and inside.any():
                    yield number, name, inside

    def head(self, number: int, way: str) -> dict[str, list]:
        """Columns that say which group, effect and way of asking the rows are of; a row per effect."""
        columns = self.grouped.columns(number, len(self.names))
        return columns | {"effect": list(self.names), "ascertainment": [way] * len(self.names)}

    def blocks(self, inside: np.ndarray) -> Iterator[tuple[CourseRows, np.ndarray]]:
        """Effects and those of the records `inside` (bool) of which each is known.

        Effects known of all records come together, each other one by itself.
        """
        is_open = self.perhaps[inside].any(axis=0)
        if not is_open.all():
            yield self._of(np.flatnonzero(~is_open)), inside
        for column in np.flatnonzero(is_open):
            yield self._of(np.array([column])), inside & ~self.perhaps[:, column]

    def _of(self, columns: np.ndarray) -> CourseRows:
        return replace(
            self,
            outcome=self.outcome[:, columns],
            perhaps=self.perhaps[:, columns],
            names=tuple(self.names[column] for column in columns),
        )

    def n_unknown(self, inside: np.ndarray) -> np.ndarray:
        """Records of which each effect is not known, of those chosen; (k,) int."""
        return self.perhaps[inside].sum(axis=0)

    def rates(self, inside: np.ndarray, *, at_most: bool = False) -> RatioEstimate:
        """Rate of each effect in the records chosen; (k,) arrays.

        `at_most` counts also what is not known.
        """
        people, person = np.unique(self.owner[inside], return_inverse=True)
        events = np.zeros((people.size, len(self.names)))
        had = self.outcome[inside]
        np.add.at(events, person, had | self.perhaps[inside] if at_most else had)
        trials = np.bincount(person, minlength=people.size)[:, None]
        return cluster_ratio_by(events, np.broadcast_to(trials, events.shape), level=self.level)


def by_number(rows: CourseRows, bands: tuple[SessionBand, ...]) -> pd.DataFrame:
    """Rate of each effect in each band of session numbers; columns `COURSE_COLUMNS`.

    A band in which no session was recorded has n 0 and no rate. Where an effect is not known of some
    sessions the rate lies between `estimate`, which counts none of them, and `estimate_high`, which counts
    all; the limits are the lower one of the former and the upper one of the latter.
    """
    parts = []
    for number, way, inside in rows.cells():
        of_level = rows.session_level == number
        for place, band in enumerate(bands):
            here = of_level & band.holds(rows.session_number)
            if not here.any():
                continue
            chosen = inside & band.holds(rows.number)
            rate, most = rows.rates(chosen), rows.rates(chosen, at_most=True)
            part = rows.head(number, way) | {
                "session_group": band.label,
                "from_session": band.first,
                "to_session": band.last,
                "n_events": rate.n_events,
                "n_unknown": rows.n_unknown(chosen),
                "n": rate.n_trials,
                "n_patients": rate.n_clusters,
                "n_not_recorded": int((here & ~rows.session_recorded).sum()),
                "estimate": rate.estimate,
                "estimate_high": most.estimate,
                "conf_low": rate.conf_low,
                "conf_high": np.fmax(rate.conf_high, most.conf_high),
                "method": _methods(rate, most),
            }
            parts.append(pd.DataFrame(part).assign(place=place))
    return _ordered(parts, rows, COURSE_COLUMNS)


def _methods(rate: RatioEstimate, most: RatioEstimate) -> np.ndarray:
    """Method of the lower limit, and that of the upper one where it is another."""
    low, high = rate.method.astype(object), most.method.astype(object)
    return np.where(low == high, low, low + "; upper limit: " + high)


def first_against_later(rows: CourseRows) -> pd.DataFrame:
    """Session 1 and later sessions: both rates, difference and odds ratio; columns `FIRST_COLUMNS`.

    Once of all patients, and once of those with a record of session 1 and of a later one. Of each effect
    only records of which it is known are in; `n_unknown` are left out.
    """
    parts = []
    for number, way, inside in rows.cells():
        for part, known in rows.blocks(inside):
            parts += _pairs(part, inside, known, part.head(number, way))
    return _ordered(parts, rows, FIRST_COLUMNS)


def _pairs(rows: CourseRows, inside: np.ndarray, known: np.ndarray, head: dict) -> list[pd.DataFrame]:
    """Both comparisons of effects known of the same records, out of the records `inside`."""
    parts = []
    is_first = rows.number == 1
    for order, who in enumerate((ALL, BOTH)):
        kept, looked_at = known, inside
        if who == BOTH:
            kept, looked_at = (one & _has_both(rows, one) for one in (known, inside))
        first, later = kept & is_first, kept & ~is_first
        unknown = (rows.n_unknown(looked_at & is_first), rows.n_unknown(looked_at & ~is_first))
        pair = (rows.rates(first), rows.rates(later))
        for place, (quantity, made) in enumerate(_quantities(rows, first, later, pair, unknown)):
            part = head | {"patients": who, "quantity": quantity} | made
            parts.append(pd.DataFrame(part).assign(place=10 * order + place))
    return parts


def _has_both(rows: CourseRows, inside: np.ndarray) -> np.ndarray:
    """Whether each record is of a patient with a record of session 1 and of a later one; (r,) bool."""
    first, later = inside & (rows.number == 1), inside & (rows.number > 1)
    return np.isin(rows.owner, np.intersect1d(rows.owner[first], rows.owner[later]))


def _quantities(rows: CourseRows, first, later, pair: tuple[RatioEstimate, RatioEstimate], unknown):
    """Name and columns of each quantity."""
    for name, rate, n_unknown in zip((FIRST, LATER), pair, unknown, strict=True):
        yield (
            name,
            {
                "estimate": rate.estimate,
                "conf_low": rate.conf_low,
                "conf_high": rate.conf_high,
                "std_error": rate.std_error,
                "df": rate.df,
                "n_events": rate.n_events,
                "n_unknown": n_unknown,
                "n": rate.n_trials,
                "n_patients": rate.n_clusters,
                "method": rate.method.astype(object),
            },
        )
    counts = {
        "n_events": pair[0].n_events + pair[1].n_events,
        "n_unknown": unknown[0] + unknown[1],
        "n": pair[0].n_trials + pair[1].n_trials,
        "n_patients": np.unique(rows.owner[first | later]).size,
    }
    compared = _compared(rows, first, later, pair)
    yield DIFFERENCE, compared[0] | counts
    yield ODDS_RATIO, compared[1] | counts


def _compared(rows: CourseRows, first, later, pair) -> tuple[dict, dict]:
    """Difference and odds ratio of session 1 to later sessions, with patients as clusters.

    A regression with a mean for each of both gives their covariance (CR2). The odds ratio's limits
    are those of the log odds ratio, by its derivatives at both rates. Where one rate rests on few events
    the limits of the difference join those of both rates instead, which leaves out that the same
    patients are in both.
    """
    p, q = pair[0].estimate, pair[1].estimate
    inner = (p > 0) & (p < 1) & (q > 0) & (q < 1)
    inside = first | later
    empty = {name: np.full(p.size, np.nan) for name in ("conf_low", "conf_high", "std_error", "df")}
    difference, ratio = {"estimate": p - q} | empty, {"estimate": np.full(p.size, np.nan)} | empty
    if inner.any():
        cells = np.column_stack([first[inside], later[inside]]).astype(float)
        outcome = rows.outcome[inside][:, inner].astype(float)
        fit = cluster_regression(cells, outcome, rows.owner[inside], level=rows.level)
        made = fit.contrast((1.0, -1.0))
        difference |= _spread_out(made.low, made.high, made.std_error, made.df, inner)
        p, q = p[inner], q[inner]
        log_ratio = np.log(p / (1 - p)) - np.log(q / (1 - q))
        made = fit.contrast(np.column_stack([1 / (p * (1 - p)), -1 / (q * (1 - q))]))
        error, half = np.diagonal(made.std_error), np.diagonal(made.high - made.low) / 2
        ratio |= _spread_out(
            np.exp(log_ratio - half), np.exp(log_ratio + half), error, made.df, inner, np.exp(log_ratio)
        )
    is_robust = np.isfinite(difference["conf_low"]) & ~_is_few(pair)
    for name, limit in zip(("conf_low", "conf_high"), _joined(pair), strict=True):
        difference[name] = np.clip(np.where(is_robust, difference[name], limit), -1.0, 1.0)
    has_limits = np.isfinite(difference["conf_low"])
    words = np.where(is_robust, ROBUST, np.where(has_limits, FROM_RATES, NOT_ESTIMABLE))
    difference["method"] = words.astype(object)
    ratio["method"] = np.where(np.isfinite(ratio["conf_low"]), ROBUST, NOT_ESTIMABLE).astype(object)
    return difference, ratio


def _is_few(pair: tuple[RatioEstimate, RatioEstimate]) -> np.ndarray:
    """Whether either rate rests on too few sessions with the effect, or without it; (k,) bool."""
    fewest = [np.minimum(rate.n_events, rate.n_trials - rate.n_events) for rate in pair]
    return np.minimum(*fewest) < FEWEST


def _spread_out(low, high, std_error, df, inner: np.ndarray, estimate=None) -> dict[str, np.ndarray]:
    """Columns of all effects from those of the effects with limits; NaN for the others."""
    columns = {"conf_low": low, "conf_high": high, "std_error": std_error, "df": df}
    if estimate is not None:
        columns["estimate"] = estimate
    out = {}
    for name, values in columns.items():
        out[name] = np.full(inner.size, np.nan)
        out[name][inner] = values
    return out


def _joined(pair) -> tuple[np.ndarray, np.ndarray]:
    """Limits of a difference from those of both rates."""
    first, later = pair
    difference = first.estimate - later.estimate
    return (
        difference - np.hypot(first.estimate - first.conf_low, later.conf_high - later.estimate),
        difference + np.hypot(first.conf_high - first.estimate, later.estimate - later.conf_low),
    )


def _ordered(parts: list[pd.DataFrame], rows: CourseRows, columns: dict[str, str]) -> pd.DataFrame:
    """One table: by group, way of asking, effect (any first, then by size) and place."""
    by = {} if rows.grouped.by is None else {rows.grouped.by: "object"}
    names = [*by, *columns]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in (by | columns).items()})
    table = pd.concat(parts, ignore_index=True)
    levels = {value: place for place, value in enumerate(rows.grouped.levels)}
    order = [levels[value] for value in table[rows.grouped.by]] if by else np.zeros(len(table))
    size = dict(zip(rows.names, range(len(rows.names)), strict=True))
    ways = {name: place for place, name in enumerate(rows.ways_used)}
    keys = (table["place"], table["effect"].map(size), table["ascertainment"].map(ways), order)
    table = table.iloc[np.lexsort([np.asarray(key) for key in keys])].reset_index(drop=True)
    return table[names].astype({name: kind for name, kind in columns.items() if kind != "str"})
