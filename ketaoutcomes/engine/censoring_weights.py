"""Inverse probability of censoring weights: durability as if no session had ended an episode.

Follow-up is cut into bins. Where sessions are booked because of what was seen in the
history H, episodes that go on without one are a selection; each counts by the inverse of
its probability of having gone on. Needs every shared cause of session and loss in H.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.logistic import LogisticFit, logistic, logistic_replicates
from ketaoutcomes.errors import DataError

__all__ = ["CensoringWeights", "PersonPeriods", "censoring_weights", "person_periods", "replicate_weights"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# A probability of no session below this, in more than that share of bins: nobody is left to stand for
# the others.
HARDLY_ANY = 0.02
TOO_OFTEN = 0.05
# Below this effective number of episodes no interval is given.
FEWEST_EFFECTIVE = 10.0


@dataclass(frozen=True)
class PersonPeriods:
    """One row per episode and bin in which it was at risk of ending by a session.

    Parameters
    ----------
    episode, patient : (n,) int
        Codes 0, 1, ...; an episode belongs to one patient.
    bin : (n,) int
        Number of the bin; 0 is the first after the start of the clock.
    history, numerator : (n, p), (n, q) float
        Columns of the two models with their intercepts: what is known at the start of the
        bin, and the part of it that is fixed at the start of the clock, with the time.
    event : (n,) bool
        Whether the session came in this bin.
    order : (n,) int
        Rows by episode and bin.
    patient_names : (m,)
        Names of the patients, by code.
    tied : bool
        Whether an assessment in the bin of a session was made because of the session. Then it is a selection
        as the session is, and its weight ends with P(session | V) / P(session | H).
    """

    episode: Index
    patient: Index
    bin: Index
    history: Array
    numerator: Array
    event: NDArray[np.bool_]
    order: Index
    patient_names: NDArray
    tied: bool = False


@dataclass(frozen=True)
class CensoringWeights:
    """Stabilised weights and whether they can be trusted.

    Parameters
    ----------
    weight : (n,) float
        Of each person-period: product of P(no session | V) / P(no session | H) up to and
        with its bin, truncated.
    no_session : (n,) float
        P(no session | H) in the bin.
    mean, low, high : float
        Mean, smallest and largest weight of the person-periods without a session. The mean
        lies near 1 unless sessions select strongly: in a late bin it is then about the weighted
        share still responding over the unweighted one.
    largest_before_truncation : float
    effective_n : float
        (sum w)^2 / sum w^2 of the same rows.
    bins : (k,) int
        The bins.
    effective_n_by_bin : (k,) float
        The same of each bin: effective number of episodes.
    share_hardly_any : float
        Share of bins with P(no session | H) below 2 %.
    positivity_fails : bool
        Whether that share is above 5 %: some histories always bring a session, and nobody
        is left to stand for them. The curve is then not an estimate.
    separated, converged : bool
        Of the two logistic models: any separated, both converged.
    history_fit, numerator_fit : LogisticFit
    """

    weight: Array
    no_session: Array
    mean: float
    low: float
    high: float
    largest_before_truncation: float
    effective_n: float
    bins: Index
    effective_n_by_bin: Array
    share_hardly_any: float
    positivity_fails: bool
    separated: bool
    converged: bool
    history_fit: LogisticFit
    numerator_fit: LogisticFit

    @property
    def usable(self) -> bool:
        """Whether the weights may be used for an estimate with an interval."""
        return (
            self.converged
            and not self.separated
            and not self.positivity_fails
            and self.effective_n >= FEWEST_EFFECTIVE
        )


def person_periods(
    episode: ArrayLike,
    patient: ArrayLike,
    *,
    bin: ArrayLike,
    history: ArrayLike,
    numerator: ArrayLike,
    event: ArrayLike,
    tied: bool = False,
) -> PersonPeriods:
    """Checked person-periods.

    Parameters
    ----------
    episode, patient : (n,) array_like
        Any names.
    bin : (n,) array_like of int
    history, numerator : (n, p), (n, q) array_like of float
    event : (n,) array_like of bool
    tied : bool

    Returns
    -------
    PersonPeriods

    Raises
    ------
    DataError
        If shapes differ, an episode has two patients, a bin twice, or goes on after its session.
    """
    episode_names, episode = np.unique(np.asarray(episode), return_inverse=True)
    patient_names, patient = np.unique(np.asarray(patient), return_inverse=True)
    bin, event = np.asarray(bin, np.int64), np.asarray(event, bool)
    history, numerator = np.asarray(history, float), np.asarray(numerator, float)
    n = len(episode)
    if n == 0:
        raise DataError("there are no person-periods to estimate weights from")
    if any(len(column) != n for column in (patient, bin, history, numerator, event)):
        raise DataError("person-periods: all columns must have one value per row")
    order = np.lexsort((bin, episode))
    same = episode[order][1:] == episode[order][:-1]
    for bad, message in (
        (same & (bin[order][1:] == bin[order][:-1]), "person-periods: an episode has the same bin twice"),
        (same & (patient[order][1:] != patient[order][:-1]), "person-periods: an episode has two patients"),
        (same & event[order][:-1], "person-periods: an episode goes on after its session"),
    ):
        if bad.any():
            raise DataError(f"{message} ({int(bad.sum())} of {len(episode_names)} episodes)")
    return PersonPeriods(episode, patient, bin, history, numerator, event, order, patient_names, tied)


def censoring_weights(
    periods: PersonPeriods,
    *,
    multiplicity: ArrayLike | None = None,
    truncate: tuple[float, float] = (1.0, 99.0),
) -> CensoringWeights:
    """Stabilised weights from two pooled logistic models.

    Parameters
    ----------
    periods : PersonPeriods
    multiplicity : (n,) array_like of int, optional
        How often each row counts (0 leaves it out of fits and diagnostics).
    truncate : (float, float)
        Percentiles to which the weights are cut; (0, 100) leaves them.

    Returns
    -------
    CensoringWeights

    Raises
    ------
    DataError
        If a covariate is missing, or the percentiles are out of order.

    Source
    ------
    Robins and Finkelstein (2000), Biometrics 56, 779; stabilised and truncated as in
    Cole and Hernan (2008), Am. J. Epidemiol. 168, 656. Checked: tests/engine/test_censoring_weights.py.
    """
    if not 0 <= truncate[0] < truncate[1] <= 100:
        raise DataError("truncate must be two rising percentiles; (1, 99) is usual, (0, 100) cuts nothing")
    counts = np.ones(len(periods.event), np.int64) if multiplicity is None else np.asarray(multiplicity)
    history = logistic(periods.history, periods.event, weights=counts)
    numerator = logistic(periods.numerator, periods.event, weights=counts)
    log_weight, log_no_session = _stabilised(periods, history.params[None], numerator.params[None])
    weight, no_session = np.exp(log_weight[0]), np.exp(log_no_session[0])
    largest = float(weight[counts > 0].max())
    limits = np.percentile(np.repeat(weight, counts), truncate)
    weight = np.clip(weight, *limits)
    hardly_any = float(counts @ (no_session < HARDLY_ANY) / counts.sum())
    goes_on = (counts > 0) & ~periods.event
    bins, place = np.unique(periods.bin, return_inverse=True)
    kept, w = np.where(goes_on, counts, 0), weight
    total = np.bincount(place, kept * w, len(bins))
    squares = np.bincount(place, kept * w**2, len(bins))
    with np.errstate(invalid="ignore", divide="ignore"):
        by_bin = np.where(squares > 0, total**2 / squares, 0.0)
        effective = total.sum() ** 2 / squares.sum() if goes_on.any() else 0.0
    return CensoringWeights(
        weight=weight,
        no_session=no_session,
        mean=float(total.sum() / kept.sum()) if goes_on.any() else np.nan,
        low=float(weight[goes_on].min()) if goes_on.any() else np.nan,
        high=float(weight[goes_on].max()) if goes_on.any() else np.nan,
        largest_before_truncation=largest,
        effective_n=float(effective),
        bins=bins,
        effective_n_by_bin=by_bin,
        share_hardly_any=hardly_any,
        positivity_fails=hardly_any > TOO_OFTEN,
        separated=history.separated or numerator.separated,
        converged=history.converged and numerator.converged,
        history_fit=history,
        numerator_fit=numerator,
    )


def replicate_weights(
    periods: PersonPeriods,
    multiplicity: NDArray[np.int64],
    start: CensoringWeights,
    *,
    truncate: tuple[float, float] = (1.0, 99.0),
):
    """Weights of many replicates, both models refitted in each.

    Parameters
    ----------
    periods : PersonPeriods
    multiplicity : (B, n) int
    start : CensoringWeights
        Of all rows once.
    truncate : (float, float)

    Returns
    -------
    weight : (B, n) float
        As `CensoringWeights.weight`.
    good : (B,) bool
        Whether both models converged without separation.
    """
    counts = multiplicity.astype(float)
    history, good = logistic_replicates(start.history_fit, periods.history, periods.event, counts)
    numerator, also = logistic_replicates(start.numerator_fit, periods.numerator, periods.event, counts)
    # A replicate without convergence may have any coefficients; it is marked and not used.
    weight = np.exp(np.clip(_stabilised(periods, history, numerator)[0], -700.0, 700.0))
    for row, times in zip(weight, multiplicity, strict=True):
        np.clip(row, *np.percentile(np.repeat(row, times), truncate), out=row)
    return weight, good & also


def _stabilised(periods: PersonPeriods, history, numerator):
    """Logs of the weights up to and with each bin, not truncated, and of P(no session | H), (B, n) each."""
    # log(1 - p) for log odds z is -log(1 + exp(z)); beyond 700 that is -z, and the weight is lost anyway.
    odds, numerator_odds = history @ periods.history.T, numerator @ periods.numerator.T
    log_no_session = -np.log1p(np.exp(np.minimum(odds, 700.0)))
    log_ratio = -np.log1p(np.exp(np.minimum(numerator_odds, 700.0))) - log_no_session
    if periods.tied:
        # log p is the log odds more than log(1 - p).
        log_ratio = log_ratio + np.where(periods.event, numerator_odds - odds, 0.0)
    order = periods.order
    total = np.cumsum(log_ratio[:, order], axis=1)
    episode = periods.episode[order]
    opens = np.flatnonzero(np.concatenate(([True], episode[1:] != episode[:-1])))
    before = np.column_stack([np.zeros(len(total)), total])[:, opens]
    log_weight = np.empty_like(total)
    log_weight[:, order] = total - np.repeat(before, np.diff(np.append(opens, len(order))), axis=1)
    return log_weight, log_no_session
