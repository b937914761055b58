"""Cumulative incidence of response beside treatment stop, and the comparison of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.turnbull import LEAST_MASS, Settings, median_row, pieces
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.engine.competing import aalen_johansen
from ketaoutcomes.engine.competing_bootstrap import incidence_bootstrap
from ketaoutcomes.engine.competing_interval import IntervalIncidence, incidence_at, interval_incidence
from ketaoutcomes.engine.logrank import interval_logrank
from ketaoutcomes.engine.schedules import schedule_difference, schedule_free_test
from ketaoutcomes.errors import ConvergenceError

__all__ = ["FEWEST_FOR_TEST", "SCHEDULES_DIFFER", "Compared", "Stopping", "compared", "competing_curves"]

TABLES = ("table", "landmarks", "medians", "masses", "naive", "fits", "competing")
RESPONSE, STOP = 0, 1
# "Right after an assessment", as a share of its time (of 1 before time 1): less than a clock can show.
RIGHT_AFTER = 1e-9
# A sum of masses this close to one half has reached it.
MASS_ROUNDING = 1e-9
FEWEST_FOR_TEST = 20
# Schedules whose equality is this unlikely are said to differ.
SCHEDULES_DIFFER = 0.05


@dataclass(frozen=True)
class Stopping:
    """Intervals of response with treatment stop as a competing event; arrays of one group.

    Attributes
    ----------
    left, right : (n,) float
        Response in (left, right]; right is inf if none was seen.
    stop : (n,) float
        When treatment stopped, inf where that is not known.
    responded : bool
        Whether whoever was not assessed at the stop is taken to have responded before it, as early as
        can be: right after the last assessment.
    whole : bool
        Times are numbers of sessions: the earliest after k is k + 1.
    """

    left: np.ndarray
    right: np.ndarray
    stop: np.ndarray
    responded: bool
    whole: bool = False

    @property
    def event(self) -> np.ndarray:
        """Whether a response was seen; (n,) bool."""
        return np.isfinite(self.right)

    @property
    def stopped(self) -> np.ndarray:
        """Whether treatment stopped before a response was seen; (n,) bool."""
        return ~self.event & np.isfinite(self.stop)

    def coded(self) -> dict[str, np.ndarray | int | None]:
        """Arguments of `interval_incidence`: a stop is known to the time, a response between two."""
        unseen = self.stopped & (self.left < self.stop) & self.responded
        stopped, event = self.stopped & ~unseen, self.event | unseen
        # Spread over the time until the stop the curve would be no upper end before that time.
        after = 1.0 if self.whole else RIGHT_AFTER * np.maximum(self.left, 1.0)
        earliest = np.minimum(self.left + after, self.stop)
        until = np.where(unseen, earliest, self.right)
        return {
            "left": np.where(stopped, self.stop, np.where(unseen, earliest, self.left)),
            "right": np.where(event, until, np.where(stopped, self.stop, self.left)),
            "cause": np.where(event, RESPONSE, np.where(stopped, STOP, -1)),
            "n_causes": 2,
        }


def competing_curves(
    rows: Stopping, level_of: np.ndarray, grouped: Groups, shown: np.ndarray, how: Settings
) -> dict[str, pd.DataFrame]:
    """Tables of all curves as `turnbull.curves` gives them, and `competing`, the incidence of stopping.

    Raises
    ------
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for number in np.flatnonzero(shown):
        own = level_of == number
        group = Stopping(rows.left[own], rows.right[own], rows.stop[own], rows.responded, rows.whole)
        for name, frame in _curve(group, how).items():
            if grouped.by is not None:
                frame.insert(0, grouped.by, [grouped.levels[number]] * len(frame))
            parts[name].append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def _curve(rows: Stopping, how: Settings) -> dict[str, pd.DataFrame]:
    """The tables of one curve."""
    coded = rows.coded()
    fit = interval_incidence(**coded)
    if not fit.converged:
        raise ConvergenceError(
            f"the incidence of {rows.left.size:,} patients was not reached: its log-likelihood may still be "
            f"{fit.gap:.0e} below the maximum, so no curve is given; round the times of the assessments (to "
            "the hour, or to the day), or split the cohort with by="
        )
    times, inside = pieces(*_ends(fit, RESPONSE), how.end)
    stops, inside_stops = pieces(*_ends(fit, STOP), how.end)
    wanted = np.concatenate([inside, how.marks, inside_stops])
    low_limits, high_limits, n_failed = _limits(coded, wanted, how)

    def bounds(cause: int, places: slice) -> pd.DataFrame:
        low, high = incidence_at(fit, cause, wanted[places])
        return pd.DataFrame(
            {
                "estimate": low,
                "estimate_high": high,
                "conf_low": low_limits[cause, places],
                "conf_high": high_limits[cause, places],
            }
        )

    first, last = times.size, times.size + how.marks.size
    steps = bounds(RESPONSE, slice(0, first))
    steps.insert(0, "time", times)
    steps.insert(3, "determined", steps["estimate_high"] - steps["estimate"] < 1e-12)
    stopping = bounds(STOP, slice(last, wanted.size))
    stopping.insert(0, "time", stops)
    naive, naive_median = _at_detection(rows, how)
    sizes = {"n_patients": rows.left.size, "n_events": int((rows.right <= how.end).sum())}
    sizes["n_stopped"] = int((rows.stopped & (rows.stop <= how.end)).sum())
    quality = {"log_likelihood": fit.log_likelihood, "gap": fit.gap, "converged": fit.converged}
    quality |= {"unique": fit.unique, "n_replicates": how.n_replicates, "n_failed": n_failed}
    own = (fit.cause == RESPONSE) & (fit.mass > LEAST_MASS)
    return {
        "table": steps,
        "landmarks": _landmarks(rows, how.marks, bounds(RESPONSE, slice(first, last))),
        "medians": pd.DataFrame([_median(fit, steps, naive_median, comparable=not rows.responded) | sizes]),
        "masses": pd.DataFrame({"left": fit.left[own], "right": fit.right[own], "mass": fit.mass[own]}),
        "naive": naive,
        "fits": pd.DataFrame([sizes | quality]),
        "competing": stopping,
    }


def _ends(fit: IntervalIncidence, cause: int) -> tuple[np.ndarray, np.ndarray]:
    used = (fit.cause == cause) & (fit.mass > LEAST_MASS)
    return fit.left[used], fit.right[used]


def _limits(coded, wanted: np.ndarray, how: Settings) -> tuple[np.ndarray, np.ndarray, int]:
    """Limits of each cause at the wanted times, (2, t) each, and the failed replicates."""
    if not how.n_replicates:
        nothing = np.full((2, wanted.size), np.nan)
        return nothing, nothing, 0
    band = incidence_bootstrap(
        **{name: value for name, value in coded.items() if name != "n_causes"},
        times=wanted, n_causes=coded["n_causes"], n_replicates=how.n_replicates, seed=how.seed,
        level=how.level,
    )  # fmt: skip
    return band.conf_low, band.conf_high, band.n_failed


def _at_detection(rows: Stopping, how: Settings) -> tuple[pd.DataFrame, float]:
    """Incidence of responses dated when they were found, before a stop, and where it reaches one half.

    Aalen-Johansen, since Kaplan-Meier would take those who stopped to respond later as the others do.
    """
    time = np.where(rows.event, rows.right, np.where(rows.stopped, rows.stop, rows.left))
    cause = np.where(rows.event, 1, np.where(rows.stopped, 2, 0))
    found = aalen_johansen(time, cause, n_causes=2, level=how.level)
    share, step = found.incidence[0], found.n_events[0] > 0
    half = np.flatnonzero(share >= 0.5 - MASS_ROUNDING)
    shown = step & (found.time <= how.end)
    frame = pd.DataFrame(
        {
            "time": found.time[shown],
            "estimate": share[shown],
            "n_at_risk": np.rint(found.n_at_risk[shown]).astype(np.int64),
        }
    )
    return frame, float(found.time[half[0]]) if half.size else np.inf


def _median(
    fit: IntervalIncidence, steps: pd.DataFrame, naive: float, *, comparable: bool
) -> dict[str, float]:
    """Where the incidence of response reaches one half; inf where it never does.

    Where responses that nobody saw are counted, those that were found are not the same quantity.
    """
    own = fit.cause == RESPONSE
    reached = np.flatnonzero(np.cumsum(fit.mass[own]) >= 0.5 - MASS_ROUNDING)
    low, high = np.inf, np.inf
    if reached.size:
        low, high = fit.left[own][reached[0]], fit.right[own][reached[0]]
    time = steps["time"].to_numpy(float)
    limits = [np.nan, np.nan]
    if np.isfinite(steps["conf_high"]).all():
        for place, bound in enumerate(("conf_high", "conf_low")):
            past = np.flatnonzero(steps[bound].to_numpy(float) >= 0.5 - MASS_ROUNDING)
            limits[place] = time[past[0]] if past.size else np.inf
    found = median_row(low, high, limits, naive)
    return found if comparable else found | {"late_low": np.nan, "late_high": np.nan}


def _landmarks(rows: Stopping, marks: np.ndarray, bounds: pd.DataFrame) -> pd.DataFrame:
    """The curve at the landmarks, and what is known of how many patients by then."""
    responded = (rows.right[:, None] <= marks).sum(axis=0)
    gone = rows.stopped[:, None] & (rows.stop[:, None] <= marks)
    known_until = rows.left if rows.responded else np.where(rows.stopped, rows.stop, rows.left)
    waiting = (known_until[:, None] >= marks) & (rows.right[:, None] > marks) & ~gone
    stopped, not_yet = gone.sum(axis=0), waiting.sum(axis=0)
    bounds.insert(0, "time", marks)
    n = rows.left.size
    unknown = n - responded - stopped - not_yet
    return bounds.assign(n=n, n_responded=responded, n_unknown=unknown, n_not_yet=not_yet, n_stopped=stopped)


@dataclass(frozen=True)
class Compared:
    """The test of equal curves, or why there is none.

    Attributes
    ----------
    table : DataFrame or None
        `score`, `statistic`, `df`, `p_value`, `method`, `n` (rows), `n_patients`,
        `schedule_p_value` (of the groups' assessment schedules being the same). With a second row,
        by a variance that does not assume the same schedule, where they differ.
    why_not : str
    """

    table: pd.DataFrame | None
    why_not: str = ""


def compared(
    left: np.ndarray,
    right: np.ndarray,
    group: np.ndarray,
    patient: np.ndarray,
    gaps: tuple[np.ndarray, np.ndarray],
    *,
    score: str,
    seed: int,
) -> Compared:
    """Generalised log-rank test of the groups, and whether they were assessed on the same schedule.

    Parameters
    ----------
    left, right : (n,) float
    group : (n,) int
        Group of each row; -1 is left out.
    patient : (n,) int
        Patient of each row.
    gaps : (hours, row)
        Hours between assessments and the row that each belongs to.
    score, seed
        As for `interval_logrank`.
    """
    used = group >= 0
    n_patients = np.unique(patient[used]).size
    if np.unique(group[used]).size < 2:
        return Compared(None)
    if n_patients < FEWEST_FOR_TEST:
        return Compared(None, f"No test of the groups: fewer than {FEWEST_FOR_TEST} patients.")
    pairs = np.unique(np.column_stack([patient[used], group[used]]), axis=0)
    if len(pairs) > n_patients:
        return Compared(None, "No test of the groups: some patients have sessions in more than one of them.")
    own = {"score": score, "clusters": patient[used]}
    found = interval_logrank(left[used], right[used], group[used], seed=seed, **own)
    if found.no_information:
        return Compared(None, "No test of the groups: nothing tells the patients' times apart.")
    hours, row = gaps
    inside = used[row]
    schedule = schedule_difference(
        hours[inside], group[row[inside]], clusters=patient[row[inside]], seed=seed
    ).p_value
    rows = [{"statistic": found.statistic, "df": found.df, "p_value": found.p_value, "method": found.method}]
    if schedule < SCHEDULES_DIFFER:
        free = schedule_free_test(left[used], right[used], group[used], **own)
        rows.append(
            {"statistic": free.statistic, "df": free.df, "p_value": free.p_value, "method": "schedule-free"}
        )
    table = pd.DataFrame(rows).assign(n=int(used.sum()), n_patients=n_patients, schedule_p_value=schedule)
    table.insert(0, "score", score)
    return Compared(table)
