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
    left_open = asked.open_sessions(inside, rule)[:, asked.columns]
    with_event = (counts.with_effect > 0)[:, asked.columns]
    if asked.per == "patient":
        table, n_unknown = _per_patient(asked, with_event, left_open)
    elif asked.per == "session":
        table, n_unknown = _per_session(asked, counts, left_open), left_open.sum(axis=0)
    else:
        table, n_unknown = _per_exposure(asked, counts, inside, left_open), left_open.sum(axis=0)
    table.insert(table.columns.get_loc("estimate"), "n_patients_with_event", with_event.sum(axis=0))
    if asked.leaves_open:
        table.insert(table.columns.get_loc("estimate"), "n_unknown", n_unknown)
    return table


def _per_session(asked: Question, counts: EffectCounts, left_open: np.ndarray) -> pd.DataFrame:
    """Share of sessions with the effect, of those of which it is known."""
    events, trials = counts.with_effect[:, asked.columns], counts.sessions[:, None] - left_open
    rate = cluster_ratio_by(events, trials, level=asked.level)
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
        if not 0 < events[:, column].sum() < trials[:, column].sum() or len(trials) < 2:
            continue
        fit = beta_binomial(events[:, column], trials[:, column], level=level)
        row = table.index[column]
        table.loc[row, ["estimate", "conf_low", "conf_high"]] = [fit.rate, fit.rate_low, fit.rate_high]
        table.loc[row, "rho"] = fit.rho
        table.loc[row, "method"] = "beta-binomial, profile likelihood"


def _per_patient(asked: Question, with_event: np.ndarray, left_open: np.ndarray):
    """Share of patients who ever had the effect, and the number of whom it is not known."""
    n_unknown = ((left_open > 0) & ~with_event).sum(axis=0)
    ever, n = with_event.sum(axis=0), len(with_event) - n_unknown
    low, high = clopper_pearson(ever, n, level=asked.level)
    with np.errstate(invalid="ignore"):
        estimate = ever / n
    columns = {"n_events": ever, "n": n, "n_patients": n, "estimate": estimate}
    columns |= {"conf_low": low, "conf_high": high, "method": "exact"}
    return pd.DataFrame(columns), n_unknown


def _per_exposure(
    asked: Question, counts: EffectCounts, inside: np.ndarray, left_open: np.ndarray
) -> pd.DataFrame:
    """Effects found per 100 sessions or per patient-year."""
    scale = PER[asked.per].scale
    exposure = (counts.sessions[:, None] - left_open).astype(float)
    if asked.per == "patient_year":
        place = np.searchsorted(counts.person, asked.owner[inside])
        hours = np.bincount(place, asked.hours[inside], minlength=counts.person.size)
        exposure = np.repeat(hours[:, None] / HOURS_PER_YEAR, left_open.shape[1], axis=1)
    found = counts.found[:, asked.columns]
    rate = cluster_rate_by(found, exposure, level=asked.level)
    table = pd.DataFrame(
        {
            "n_events": rate.n_events,
            "n": (counts.sessions[:, None] - left_open).sum(axis=0),
            "n_patients": rate.n_clusters,
            "estimate": scale * rate.estimate,
            "conf_low": scale * rate.conf_low,
            "conf_high": scale * rate.conf_high,
            "method": rate.method.astype(object),
        }
    )
    if asked.per == "patient_year":
        table.insert(3, "patient_years", rate.exposure)
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
        fit = negative_binomial(found[:, column], ones, exposure=exposure[:, column], level=level)
        row = table.index[column]
        limits = [scale * value for value in (fit.rate, fit.rate_low, fit.rate_high)]
        table.loc[row, ["estimate", "conf_low", "conf_high"]] = limits
        table.loc[row, "method"] = "negative binomial"
