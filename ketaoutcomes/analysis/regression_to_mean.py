"""How much of an observed mean change regression to the mean alone would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.change_rules import check_direction
from ketaoutcomes.analysis.window_change import WindowChange, window_change
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_count, check_level, is_number
from ketaoutcomes.derive.baseline import VALID
from ketaoutcomes.derive.windows import find_window
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.engine.regression_to_mean import FEWEST, regression_to_the_mean, truncated_normal
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.regression_to_mean import RegressionResult
from ketaoutcomes.results.text import patients

__all__ = ["expected_regression"]

GIVEN, ESTIMATED = "given", "estimated from the baselines beyond the cut-off"
POPULATION = [
    "mean", "sd", "mean_low", "mean_high", "low_end_mean", "low_end_sd", "high_end_mean", "high_end_sd", "n",
    "origin", "identified",
]  # fmt: skip
NOT_SUBTRACTED = (
    "The expected part is set beside the observed change and is not taken from it: without a comparison "
    "group nobody knows how much of the change it is."
)
FLARE = (
    "Patients who come when they feel at their worst are selected more sharply than by a cut-off. Of each "
    "point by which the mean baseline lies beyond the patients' own usual mean, (1 - autocorrelation) comes "
    "back, up to the whole point; neither their number nor the autocorrelation is known here."
)


def expected_regression(
    cohort: Cohort,
    instrument: str,
    *,
    cut: float,
    population_mean: float | None = None,
    population_sd: float | None = None,
    population_source: str | None = None,
    reliability: float | Sequence[float] = (0.5, 0.9),
    at: str | float = "end_of_induction",
    baseline: str = "last_14_days",
    n_baselines: int = 1,
    level: float = 0.95,
) -> RegressionResult:
    """Of the observed mean change, how much would be expected if nothing had been done.

    People chosen for a score beyond a cut-off have, on average, a score nearer to the population's
    mean the next time. How much nearer depends on the population before selection and on the
    reliability, of which neither is known exactly: the answer is a range over `reliability`.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    cut : float
        Patients were taken on for a baseline at or beyond it: above, or below where higher is better.
        Those on its other side are left out and counted.
    population_mean, population_sd : float, optional
        Of scores in the population that patients come from, before selection, from a published norm.
        Without them both are estimated from the clinic's own baselines beyond the cut-off, as a
        truncated normal distribution; the profile limits say how weakly these tell it.
    population_source : str, optional
        Where the two come from; printed.
    reliability : float or sequence of float
        Correlation of two scores of an untreated person as far apart as baseline and window, 0 to 1.
    at : str or float
        Window of the later score.
    baseline : str
        Name of the baseline rule.
    n_baselines : int
        How many scores the baseline by which patients were chosen is the mean of.
    level : float
        Confidence level.

    Returns
    -------
    RegressionResult
        `.table`, one row per reliability: `reliability`, `estimate` (points expected in the good direction),
        `conf_low`, `conf_high` (from the profile likelihood of the standardised cut-off; missing where the
        population was given), `observed` (mean change of those scored, points in the good direction),
        `observed_low`, `observed_high`, `share_of_observed`, `n` (scored), `n_missing` (beyond the
        cut-off and not scored), `n_not_selected`. `.population`: what is taken for the population.
        `.sentence` in words.

    Raises
    ------
    DataError
        If there is no score, a number is not of its range, or fewer than 20 patients have a baseline beyond
        the cut-off and no population is given.

    Source
    ------
    Davis (1976), Am. J. Epidemiol. 104, 493; James (1973), Biometrics 29, 121; Cohen (1950), Ann. Math.
    Stat. 21, 557.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("n_baselines", n_baselines, least=1)
    known, window, rule = find_instrument(instrument), find_window(at), baseline_rule(baseline)
    check_direction(known)
    range_of = _reliabilities(reliability)
    _check_numbers(cut, population_mean, population_sd)
    change = window_change(cohort, known, window, rule)
    beyond = _beyond(known, change.baseline, cut) & (change.reason == VALID)
    population = _population(change, beyond, cut, population_mean, population_sd, level)
    table = _table(change, beyond, cut, population, range_of, n_baselines, level)
    return RegressionResult(
        title=f"Expected regression to the mean, {known.name}, {window.label}",
        table=table,
        notes=(
            *_notes(change, beyond, population, cut), *_two_baselines(known, population, range_of, cut),
            FLARE, NOT_SUBTRACTED, UNCONTROLLED,
        ),
        definitions=(*_definitions(known, population, population_source), *change.definitions()),
        provenance=provenance_of(
            "expected_regression", cohort.fingerprint,
            {"instrument": known.name, "cut": cut, "population_mean": population_mean,
             "population_sd": population_sd, "population_source": population_source,
             "reliability": list(range_of), "at": window.name, "baseline": rule.name,
             "n_baselines": n_baselines, "level": level},
        ),
        level=level,
        instrument=known.name,
        higher_is=known.higher_is,
        cut=float(cut),
        population=population,
    )  # fmt: skip


def _reliabilities(reliability: Any) -> tuple[float, ...]:
    values = (reliability,) if is_number(reliability) else reliability
    say = "reliability takes one number or several, each from 0 to 1, e.g. reliability=(0.5, 0.9)"
    if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray) or not len(values):
        raise DataError(say)
    if not all(is_number(value) and 0 <= value <= 1 for value in values):
        raise DataError(say)
    return tuple(sorted({float(value) for value in values}))


def _check_numbers(cut: Any, mean: Any, sd: Any) -> None:
    if not is_number(cut) or not np.isfinite(cut):
        raise DataError("cut is one number: the baseline from which patients were taken on")
    if (mean is None) != (sd is None):
        raise DataError("give population_mean and population_sd together, from one published sample")
    if mean is not None and not (is_number(mean) and np.isfinite(mean) and is_number(sd) and 0 < sd < np.inf):
        raise DataError("population_mean and population_sd are numbers in points, the SD above 0")


def _beyond(known: Instrument, score: np.ndarray, cut: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return score <= cut if known.higher_is == "better" else score >= cut


def _population(
    change: WindowChange, beyond: np.ndarray, cut: float, mean: float | None, sd: float | None, level: float
) -> pd.DataFrame:
    """One row: what is taken for the population, its limits, and where it comes from."""
    n = int(beyond.sum())
    unknown = (np.nan,) * 4
    if mean is not None:
        row = (float(mean), float(sd), np.nan, np.nan, *unknown, n, GIVEN, True)
    else:
        if n < FEWEST:
            raise DataError(
                f"{patients(n)} with a baseline beyond the cut-off; at least {FEWEST} are needed to estimate "
                "the population's mean and SD: give population_mean and population_sd from a published sample"
            )
        below = change.instrument.higher_is == "better"
        found = truncated_normal(change.baseline[beyond], cut, level=level, below=below)
        limits = (found.mean_low, found.mean_high, *found.ends[0], *found.ends[1])
        row = (found.mean, found.sd, *limits, n, ESTIMATED, found.identified)
    return pd.DataFrame([row], columns=POPULATION)


def _table(
    change: WindowChange,
    beyond: np.ndarray,
    cut: float,
    population: pd.DataFrame,
    range_of: tuple[float, ...],
    n_baselines: int,
    level: float,
) -> pd.DataFrame:
    seen = change.scored & beyond
    observed = mean_interval(change.gain[seen], level=level)
    chosen = population.iloc[0]

    def expected(mean: float, sd: float, r: float) -> tuple[float, float]:
        if not np.isfinite([mean, sd]).all():
            return np.nan, np.nan
        made = regression_to_the_mean(
            mean=mean, sd=sd, reliability=r, cut=cut, below=change.instrument.higher_is == "better",
            observed=float(observed.mean[0]), n_baselines=n_baselines,
        )  # fmt: skip
        return made.expected, made.share_of_observed

    rows = []
    for r in range_of:
        middle, share = expected(chosen["mean"], chosen["sd"], r)
        low, _ = expected(chosen["low_end_mean"], chosen["low_end_sd"], r)
        high, _ = expected(chosen["high_end_mean"], chosen["high_end_sd"], r)
        if chosen["origin"] == ESTIMATED and np.isfinite(middle) and not np.isfinite(high):
            high = 0.0 if r == 1 else np.inf
        rows.append((r, middle, low, high, share))
    table = pd.DataFrame(
        rows, columns=["reliability", "estimate", "conf_low", "conf_high", "share_of_observed"]
    )
    table.insert(4, "observed", float(observed.mean[0]))
    table.insert(5, "observed_low", float(observed.conf_low[0]))
    table.insert(6, "observed_high", float(observed.conf_high[0]))
    table["n"] = int(seen.sum())
    table["n_missing"] = int((beyond & change.due & ~change.scored).sum())
    table["n_not_selected"] = int(((change.reason == VALID) & ~beyond).sum())
    return table


def _notes(change: WindowChange, beyond: np.ndarray, population: pd.DataFrame, cut: float) -> list[str]:
    valid = change.reason == VALID
    side = "at or below" if change.instrument.higher_is == "better" else "at or above"
    notes = [f"{int(beyond.sum())} of {patients(int(valid.sum()))} with a valid baseline {side} {cut:g}."]
    chosen = population.iloc[0]
    if chosen["origin"] == GIVEN:
        return notes
    notes.append(
        "The population before selection is taken as normal and estimated from the baselines beyond the "
        "cut-off only. It tells of selection by this cut-off and of nothing else."
    )
    if not chosen["identified"]:
        notes.append(
            "These baselines do not tell the population's mean and SD: they spread as an exponential tail "
            "would, or more. Give population_mean and population_sd."
        )
    elif not np.isfinite([chosen["mean_low"], chosen["mean_high"]]).all() or (
        chosen["mean_high"] - chosen["mean_low"] > chosen["sd"]
    ):
        notes.append(
            "The baselines tell the population's mean only weakly: its limits are more than one standard "
            "deviation apart."
        )
    return notes


def _two_baselines(
    known: Instrument, population: pd.DataFrame, range_of: tuple[float, ...], cut: float
) -> list[str]:
    """What a second baseline would spare."""
    chosen = population.iloc[0]
    if not chosen["identified"]:
        return []
    made = [
        regression_to_the_mean(
            mean=chosen["mean"], sd=chosen["sd"], reliability=r, cut=cut, n_baselines=2,
            below=known.higher_is == "better",
        ).expected
        for r in range_of
    ]  # fmt: skip
    return [
        "Had the mean of two baselines been the one beyond the cut-off, "
        f"{min(made):.1f} to {max(made):.1f} points would be expected: a second baseline makes it smaller."
    ]


def _definitions(known: Instrument, population: pd.DataFrame, source: str | None):
    chosen = population.iloc[0]
    where = source or "Given by the caller"
    if chosen["origin"] == ESTIMATED:
        where = "This clinic; Cohen (1950), Ann. Math. Stat. 21, 557"
    amount = "not told by the scores"
    if chosen["identified"]:
        amount = f"mean {chosen['mean']:.1f}, standard deviation {chosen['sd']:.1f} points"
    published = "; ".join(
        f"{entry.kind} {entry.value:g}, {entry.detail}: {entry.citation}" for entry in known.reliability
    )
    text = (
        "Points by which the mean of a second score lies nearer to the population's mean, in people chosen "
        "for a score beyond the cut-off and not treated: SD (1 - reliability) phi(a) / (1 - Phi(a)), where "
        "a = (cut - mean) / SD."
    )
    return (
        ("Expected regression to the mean", text, "Davis (1976), Am. J. Epidemiol. 104, 493"),
        ("Population before selection", f"{chosen['origin'].capitalize()}: {amount}.", where),
        (
            "Reliability", "Correlation of two scores of an untreated person. Published: "
            f"{published or 'none in the catalogue'}.", "Range chosen by the caller",
        ),
    )  # fmt: skip
