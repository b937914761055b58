"""Estimates with intervals from counts of side effects by patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.side_effect_question import HOURS_PER_YEAR, PER, Question, SeverityRule
from ketaoutcomes.derive.effect_counts import EffectCounts
from ketaoutcomes.engine.beta_binomial import beta_binomial
from ketaoutcomes.engine.cluster_counts import cluster_rate_by
from ketaoutcomes.engine.negative_binomial import negative_binomial
from ketaoutcomes.engine.rates import EXACT_METHOD, clopper_pearson, cluster_ratio_by
from ketaoutcomes.errors import DataError

__all__ = ["BETA_BINOMIAL", "CLUSTER_ROBUST", "MODELS", "NEGATIVE_BINOMIAL", "check_model", "estimates"]

CLUSTER_ROBUST, BETA_BINOMIAL, NEGATIVE_BINOMIAL = "cluster-robust", "beta-binomial", "negative-binomial"
MODELS = (CLUSTER_ROBUST, BETA_BINOMIAL, NEGATIVE_BINOMIAL)
_GOES_WITH = {BETA_BINOMIAL: ("session",), NEGATIVE_BINOMIAL: ("100_sessions", "patient_year")}


def check_model(per: str, model: str) -> None:
    """Refuse a model that does not go with what the rate is per."""
    fitting = _GOES_WITH.get(model, tuple(PER))
    if per not in fitting:
        words = " or ".join(f'per="{name}"' for name in fitting)
        raise DataError(f'model="{model}" goes with {words}; leave the model out for per="{per}"')


def estimates(asked: Question, inside: np.ndarray, rule: SeverityRule) -> pd.DataFrame:
    """Rates of all columns asked for, over the records `inside`; a row per column.

    Where effects are recorded without what the question is about, the estimate counts none of them and
    `estimate_high` all: the truth lies between, and the interval spans both.

    Parameters
    ----------
    inside : (r,) bool array
    rule : SeverityRule

    Returns
    -------
    DataFrame
        `n_events`, `n`, `n_patients`, `n_patients_with_event`, `n_unknown`, `estimate` and its limits.
    """
    counts = asked.counts(inside, rule)
    table = _rates(asked, counts, inside)
    with_event = (counts.with_effect > 0)[:, asked.columns]
    place = table.columns.get_loc("estimate")
    table.insert(place, "n_patients_with_event", with_event.sum(axis=0))
    if not asked.leaves_open:
        return table
    at_most = asked.counts_at_most(inside, rule)
    upper = _rates(asked, at_most, inside)
    if asked.per == "patient":
        n_unknown = ((at_most.with_effect > 0)[:, asked.columns] & ~with_event).sum(axis=0)
    elif asked.per == "session":
        n_unknown = (at_most.with_effect - counts.with_effect).sum(axis=0)[asked.columns]
    else:
        n_unknown = (at_most.found - counts.found).sum(axis=0)[asked.columns]
    if asked.model != CLUSTER_ROBUST and n_unknown.any():
        raise DataError(
            f"{int(n_unknown.max()):,} effects are without their severity, or without a word on whether they "
            "were serious, so there are only bounds, which a model does not give; use "
            'model="cluster-robust"'
        )
    table.insert(place + 1, "n_unknown", n_unknown)
    table.insert(table.columns.get_loc("estimate") + 1, "estimate_high", upper["estimate"])
    # With no event the exact limit may lie above that of one event, which rests on how patients differ.
    table["conf_high"] = np.fmax(table["conf_high"], upper["conf_high"])
    if "conf_high_sessions" in table:
        table["conf_high_sessions"] = upper["conf_high_sessions"]
    return table


def _rates(asked: Question, counts: EffectCounts, inside: np.ndarray) -> pd.DataFrame:
    if asked.per == "patient":
        return _per_patient(asked, counts)
    return _per_session(asked, counts) if asked.per == "session" else _per_exposure(asked, counts, inside)


def _per_session(asked: Question, counts: EffectCounts) -> pd.DataFrame:
    """Share of sessions with the effect."""
    events, trials = counts.with_effect[:, asked.columns], counts.sessions
    rate = cluster_ratio_by(events, trials[:, None], level=asked.level)
    table = pd.DataFrame(
        {
            "n_events": rate.n_events,
            "n": rate.n_trials,
            "n_patients": rate.n_clusters,
            "estimate": rate.estimate,
            "conf_low": rate.conf_low,
            "conf_high": rate.conf_high,
            "conf_high_sessions": np.where(rate.n_events == 0, rate.conf_high_sessions, np.nan),
            "method": rate.method.astype(object),
        }
    )
    if asked.model == BETA_BINOMIAL:
        _beta_binomial(table, events, trials, asked.level)
    return table


def _beta_binomial(table: pd.DataFrame, events: np.ndarray, trials: np.ndarray, level: float) -> None:
    """Put the model's estimates in place of the robust ones, where events are some but not all."""
    table["rho"] = np.nan
    for column in range(events.shape[1]):
        if not 0 < events[:, column].sum() < trials.sum() or len(trials) < 2:
            continue
        fit = beta_binomial(events[:, column], trials, level=level)
        row = table.index[column]
        table.loc[row, ["estimate", "conf_low", "conf_high"]] = [fit.rate, fit.rate_low, fit.rate_high]
        table.loc[row, "rho"] = fit.rho
        table.loc[row, "method"] = "beta-binomial mean of patients' rates, profile likelihood"


def _per_patient(asked: Question, counts: EffectCounts) -> pd.DataFrame:
    """Share of patients who ever had the effect."""
    ever, n = (counts.with_effect > 0).sum(axis=0)[asked.columns], counts.person.size
    low, high = clopper_pearson(ever, n, level=asked.level)
    return pd.DataFrame(
        {
            "n_events": ever,
            "n": n,
            "n_patients": n,
            "estimate": ever / n if n else np.nan,
            "conf_low": low,
            "conf_high": high,
            "method": "exact",
        }
    )


def _per_exposure(asked: Question, counts: EffectCounts, inside: np.ndarray) -> pd.DataFrame:
    """Effects found per 100 sessions or per patient-year."""
    scale = PER[asked.per].scale
    exposure = counts.sessions.astype(float)
    if asked.per == "patient_year":
        place = np.searchsorted(counts.person, asked.owner[inside])
        exposure = np.bincount(place, asked.hours[inside], minlength=counts.person.size) / HOURS_PER_YEAR
    found = counts.found[:, asked.columns]
    rate = cluster_rate_by(found, exposure[:, None], level=asked.level)
    table = pd.DataFrame(
        {
            "n_events": rate.n_events,
            "n": counts.sessions.sum(),
            "n_patients": rate.n_clusters,
            "estimate": scale * rate.estimate,
            "conf_low": scale * rate.conf_low,
            "conf_high": scale * rate.conf_high,
            "method": rate.method.astype(object),
        }
    )
    if asked.per == "patient_year":
        table.insert(3, "patient_years", exposure.sum())
    else:
        _sessions_without_event(table, scale, asked.level)
    if asked.model == NEGATIVE_BINOMIAL:
        _negative_binomial(table, found, exposure, scale, asked.level)
    return table


def _sessions_without_event(table: pd.DataFrame, scale: float, level: float) -> None:
    """Where nothing was found: the limit with patients as n, and the Poisson one beside it."""
    none = ((table["n_events"] == 0) & table["conf_high"].notna()).to_numpy()
    by_patient = scale * clopper_pearson(0, table["n_patients"], level=level)[1]
    table.insert(table.columns.get_loc("method"), "conf_high_sessions", table["conf_high"].where(none))
    table["conf_high"] = table["conf_high"].mask(none, by_patient)
    table["method"] = table["method"].mask(none, EXACT_METHOD)


def _negative_binomial(
    table: pd.DataFrame, found: np.ndarray, exposure: np.ndarray, scale: float, level: float
) -> None:
    """Put the model's rates in place of the robust ones, where there is an event."""
    ones = np.ones((len(exposure), 1))
    for column in range(found.shape[1]):
        if found[:, column].sum() == 0 or len(exposure) < 2:
            continue
        fit = negative_binomial(found[:, column], ones, exposure=exposure, level=level)
        row = table.index[column]
        limits = [scale * value for value in (fit.rate, fit.rate_low, fit.rate_high)]
        table.loc[row, ["estimate", "conf_low", "conf_high"]] = limits
        table.loc[row, "method"] = "negative binomial"
