"""Differences of side-effect rates between groups, each from one reference group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtr

from ketaoutcomes.analysis.side_effect_question import PER, Question
from ketaoutcomes.derive.effect_counts import count_effects
from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.engine.cluster_counts import cluster_rate_by
from ketaoutcomes.engine.cluster_regression import cluster_regression
from ketaoutcomes.engine.fisher import fisher_exact
from ketaoutcomes.engine.multiplicity import adjust_p_values
from ketaoutcomes.engine.newcombe import newcombe
from ketaoutcomes.engine.rates import cluster_ratio_by
from ketaoutcomes.errors import DataError

__all__ = ["FEWEST_FOR_P", "comparisons"]

FEWEST_FOR_P, FEWEST_IN_GROUP = 20, 5
NOT_KNOWN = "not known: effects without severity, or without a word on whether they were serious"
# Ways of making a rate's interval that rest on the patients' own spread.
WELL_KNOWN = ("cluster-robust logit", "cluster-robust log")
_COLUMNS = (
    "n_events", "n", "n_patients", "reference_n_events", "reference_n", "reference_n_patients", "difference",
    "std_error", "df", "conf_low", "conf_high", "p_value", "p_adjusted", "method",
)  # fmt: skip


def comparisons(asked: Question, *, order: tuple[str, ...] = ()) -> pd.DataFrame:
    """Difference of each group's rate from the reference's, a row per effect, way of asking and group.

    Patients are counted once, so that their groups are independent: Newcombe's limits and
    Fisher's exact test. Sessions of one patient are not: least squares with the CR2 variance and
    Bell and McCaffrey's degrees of freedom, patients as clusters, or where few patients of a group had
    the effect, the limits of the two rates by square-and-add, without a p value. P values are adjusted
    over the single effects of a group and way of asking (Benjamini and Hochberg), and not given for
    fewer than 20 patients, or 5 in a group. Where an effect of the two groups may have been such, but
    nobody says so, their rates are only known to lie between bounds, and no difference is given.

    Parameters
    ----------
    asked : Question
    order : tuple of str
        Effects in the order of the rows.

    Returns
    -------
    DataFrame
        No row without a reference.
    """
    if asked.reference is None:
        return pd.DataFrame(columns=["effect", "ascertainment", "group", "reference", *_COLUMNS])
    if asked.per == "patient_year" or len(asked.severities) > 1 or asked.model != "cluster-robust":
        raise DataError(
            'reference goes with per="session", "patient" or "100_sessions", the cluster-robust model and '
            "one severity; for other rates compare the intervals of the table"
        )
    compare = _patients_compared if asked.per == "patient" else _sessions_compared
    names = np.array([ANY, *asked.found.effects], dtype=object)[asked.columns]
    parts = []
    for way, name in enumerate(asked.found.ways):
        inside = asked.session_in[asked.found.session_row] & (asked.found.way == way) & (asked.level_of >= 0)
        base = asked.levels.index(asked.reference)
        if name not in asked.ways_used or not (inside & (asked.level_of == base)).any():
            continue
        for number, level in enumerate(asked.levels):
            if number == base or not (inside & (asked.level_of == number)).any():
                continue
            both = inside & np.isin(asked.level_of, (base, number))
            part = compare(asked, both, number)
            part.insert(0, "effect", names)
            part.insert(1, "ascertainment", name)
            part.insert(2, asked.by, [level] * len(part))
            part.insert(3, "reference", [asked.reference] * len(part))
            parts.append(part)
    if not parts:
        return pd.DataFrame(columns=["effect", "ascertainment", asked.by, "reference", *_COLUMNS])
    table = pd.concat(parts, ignore_index=True)
    place = {name: number for number, name in enumerate(order)}
    table = table[[*table.columns[:4], *_COLUMNS]]
    return table.sort_values("effect", key=lambda names: names.map(place), kind="stable", ignore_index=True)


def _open(asked: Question, both: np.ndarray) -> np.ndarray:
    """Effects of which bounds are all that is known in one of the groups; (k,) bool."""
    if not asked.leaves_open:
        return np.zeros(asked.columns.size, dtype=bool)
    rule = asked.severities[0]
    at_most, counted = asked.counts_at_most(both, rule), asked.counts(both, rule)
    return (at_most.found != counted.found).any(axis=0)[asked.columns]


def _finished(asked: Question, both: np.ndarray, table: pd.DataFrame, p_value: np.ndarray) -> pd.DataFrame:
    """`table` with p values, and with nothing where only bounds are known of a rate."""
    n_patients = np.unique(asked.owner[both]).size
    fewest = table[["n_patients", "reference_n_patients"]].min(axis=None)
    is_open = _open(asked, both)
    given = ~is_open & (n_patients >= FEWEST_FOR_P) & (fewest >= FEWEST_IN_GROUP)
    table["p_value"] = np.where(given, p_value, np.nan)
    # Any effect holds the others and stands apart from their family.
    single = table["p_value"].notna().to_numpy() & (asked.columns != 0)
    p_adjusted = np.full(len(table), np.nan)
    if single.any():
        p_adjusted[single] = adjust_p_values(table["p_value"].to_numpy()[single], "bh")
    table["p_adjusted"] = p_adjusted
    table.loc[is_open, ["difference", "std_error", "df", "conf_low", "conf_high"]] = np.nan
    table.loc[is_open, "method"] = NOT_KNOWN
    return table


def _patients_compared(asked: Question, both: np.ndarray, number: int) -> pd.DataFrame:
    rule = asked.severities[0]
    mine = asked.counts(both & (asked.level_of == number), rule)
    other = asked.counts(both & (asked.level_of != number), rule)
    ever = (mine.with_effect > 0).sum(axis=0)[asked.columns]
    ever_other = (other.with_effect > 0).sum(axis=0)[asked.columns]
    n, n_other = mine.person.size, other.person.size
    table = pd.DataFrame({"n_events": ever, "n": n, "n_patients": n, "reference_n_events": ever_other})
    table = table.assign(reference_n=n_other, reference_n_patients=n_other)
    difference, low, high = newcombe(ever, n, ever_other, n_other, level=asked.level)
    table = table.assign(difference=difference, std_error=np.nan, df=np.nan, conf_low=low, conf_high=high)
    table["method"] = "Newcombe; Fisher's exact test"
    return _finished(asked, both, table, fisher_exact(ever, n, ever_other, n_other))


def _sessions_compared(asked: Question, both: np.ndarray, number: int) -> pd.DataFrame:
    rule = asked.severities[0]
    scale = PER[asked.per].scale
    kind = "with_effect" if asked.per == "session" else "found"
    mine = asked.counts(both & (asked.level_of == number), rule)
    other = asked.counts(both & (asked.level_of != number), rule)
    counts, counts_other = (getattr(one, kind)[:, asked.columns] for one in (mine, other))
    table = pd.DataFrame({"n_events": counts.sum(axis=0), "n": mine.sessions.sum()})
    table = table.assign(n_patients=mine.person.size, reference_n_events=counts_other.sum(axis=0))
    table = table.assign(reference_n=other.sessions.sum(), reference_n_patients=other.person.size)
    fit = cluster_regression(
        np.column_stack([np.ones(int(both.sum())), asked.level_of[both] == number]),
        _outcomes(asked, both, kind),
        asked.owner[both],
    )
    found = fit.contrast(np.array([0.0, 1.0]), level=asked.level)
    rates = [_limits(asked, one, each.sessions) for one, each in ((counts, mine), (counts_other, other))]
    difference = rates[0].estimate - rates[1].estimate
    # With few patients who had the effect, or none, their spread is not known well enough for t.
    few = ~np.logical_and(*(np.isin(rate.method, WELL_KNOWN) for rate in rates))
    low = np.where(few, difference - _apart(rates[0], rates[1]), found.low)
    high = np.where(few, difference + _apart(rates[1], rates[0]), found.high)
    table["difference"] = scale * difference
    table["std_error"] = scale * np.where(few, np.nan, found.std_error)
    table["df"] = np.where(few, np.nan, found.df)
    table["conf_low"], table["conf_high"] = scale * low, scale * high
    p_value = np.where(few, np.nan, 2 * stdtr(found.df, -np.abs(found.estimate / found.std_error)))
    table["method"] = np.where(few, "square-and-add", "CR2, t").astype(object)
    return _finished(asked, both, table, p_value)


def _limits(asked: Question, counts: np.ndarray, sessions: np.ndarray):
    make = cluster_ratio_by if asked.per == "session" else cluster_rate_by
    return make(counts, sessions[:, None], level=asked.level)


def _apart(rate, other) -> np.ndarray:
    """How far below the difference its lower limit lies, by square-and-add of two rates' limits."""
    return np.hypot(rate.estimate - rate.conf_low, other.conf_high - other.estimate)


def _outcomes(asked: Question, both: np.ndarray, kind: str) -> np.ndarray:
    """What was found in each record of `both`; (n, k) float."""
    each_apart = count_effects(
        asked.found, np.arange(both.size), both, asked.pairs_counted(asked.severities[0])
    )
    return getattr(each_apart, kind)[:, asked.columns].astype(float)
