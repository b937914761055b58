"""How often response is lost again, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.covariates import CovariateFrame, covariate_frame
from ketaoutcomes.analysis.notes import cited, outcome_words, same_time_note, selection_notes, split_words
from ketaoutcomes.analysis.recurrence_model import FEWEST_FOR_P, Fitted, fit_model, strata_of
from ketaoutcomes.analysis.recurrence_tables import (
    FEWEST_FOR_LIMITS,
    check_group_name,
    count_table,
    loss_rates,
)
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_level
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.episodes import EpisodeSet, episode_set
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.landmark import check_known_at_start, known_only_after
from ketaoutcomes.derive.recurrence_rows import ORIGINS, CountRows, RiskRows, count_rows, risk_rows
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.recurrence import RecurrenceResult
from ketaoutcomes.results.text import patients

__all__ = ["recurrence"]

MODELS = {
    "andersen-gill": (
        "Andersen–Gill model",
        "Cox model of all losses with one baseline hazard on the clock since session 1; limits from the "
        "sums of score residuals by patient",
        "Andersen and Gill 1982, Ann. Stat. 10, 1100; Lin and Wei 1989, J. Am. Stat. Assoc. 84, 1074",
    ),
    "pwp-calendar": (
        "Prentice–Williams–Peterson model, calendar time",
        "Cox model with a baseline hazard of its own for the first, second and each later loss, on the clock "
        "since session 1; limits robust by patient",
        "Prentice, Williams and Peterson 1981, Biometrika 68, 373",
    ),
    "pwp-gap": (
        "Prentice–Williams–Peterson model, gap time",
        "Cox model with a baseline hazard of its own for the first, second and each later loss, on the clock "
        "since response was seen again; limits robust by patient",
        "Prentice, Williams and Peterson 1981, Biometrika 68, 373",
    ),
    "frailty": (
        "Shared gamma frailty model",
        "Cox model on the clock since session 1 whose hazard is multiplied by a gamma variable of each "
        "patient; its variance by the likelihood from which it is integrated out",
        "Therneau, Grambsch and Pankratz 2003, J. Comput. Graph. Stat. 12, 156",
    ),
}
_COUNT = (
    "Mean cumulative count",
    "Mean number of losses per patient by a time, had all stayed under observation (Nelson); limits robust "
    "to losses of one patient",
    "Lawless and Nadeau 1995, Technometrics 37, 158",
)
_FEWEST_AGAIN = 5


def recurrence(
    cohort: Cohort,
    instrument: str,
    *,
    model: str = "andersen-gill",
    formula: str | None = None,
    by: str | None = None,
    origin: str = "first_response",
    sessions: str = "after_induction",
    response: str | None = None,
    loss: str | None = None,
    keep: float | None = None,
    confirmed: bool = False,
    onset_hours: float = 72.0,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> RecurrenceResult:
    """How often patients lose their response again and again, and hazard ratios of it.

    A patient is at risk while responding and watched; a loss is dated at the assessment that found
    it, and a second table dates it halfway between that assessment and the one before. After a
    loss the patient is at risk again from the next session on that is followed by a response. The
    mean cumulative count is of all time under observation, responding or not.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`, e.g. "PHQ-9".
    model : {"andersen-gill", "pwp-calendar", "pwp-gap", "frailty"}
    formula : str, optional
        Right-hand side such as "~ diagnosis + age": columns of `patients` and of the session that
        an episode begins with.
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1): one mean count per level,
        and hazard ratios against the first level. Give `by` or `formula`.
    origin : {"first_response", "end_of_induction"}
        From when the mean count counts: the first response seen, of the patients who have one; or
        the last induction session, of all with a valid baseline.
    sessions, response, loss, keep, confirmed, onset_hours, baseline
        What an episode of response is and what its loss: as in `episodes`.
    level : float
        Confidence level.

    Returns
    -------
    RecurrenceResult
        `.table` (hazard ratios), `.midpoint`, `.rates`, `.mean_count`, `.orders`, `.theta`,
        `.proportionality`.

    Raises
    ------
    DataError
        If there is no episode with time at risk, or both `by` and `formula` are given.
    FormulaError
        If the formula cannot be read.

    Source
    ------
    Cook and Lawless (2007), The Statistical Analysis of Recurrent Events. Checked:
    tests/reference/recurrent.R.
    """
    check_cohort(cohort)
    check_level(level)
    check_choice("model", model, tuple(MODELS))
    check_choice("origin", origin, ORIGINS)
    if by is not None and formula is not None:
        raise DataError('give by, a column to compare, or formula, such as "~ diagnosis + age"; not both')
    check_known_at_start(cohort, by)
    check_group_name(by)
    found = episode_set(
        cohort, instrument, baseline=baseline, response=response, loss=loss, keep=keep,
        confirmed=confirmed, onset_hours=onset_hours, sessions=sessions,
    )  # fmt: skip
    risk = risk_rows(found)
    if not len(risk.frame):
        raise DataError("no episode has an assessment after the one that began it, so no loss could be seen")
    grouped = groups(cohort, by)
    counts = count_rows(cohort, found, risk, origin=origin)
    asked = _Asked(model, formula, by, level)
    rows, reduced = _first_only(risk.frame)
    fitted, midpoint, model_notes = _models(cohort, rows, grouped, asked, reduced)
    rates, mean_count = loss_rates(risk, grouped, level), count_table(counts, grouped, level)
    notes = [
        *_risk_notes(found, risk, counts, origin, rows),
        *_limit_notes(rates, mean_count),
        *reduced,
        *model_notes,
        *fitted.notes,
        *_group_notes(grouped, risk),
    ]
    arguments = {"instrument": found.instrument.name, "model": model, "formula": formula, "by": by}
    arguments |= {"origin": origin, "sessions": sessions, "response": found.definition.name, "loss": loss}
    arguments |= {"keep": keep, "confirmed": confirmed, "onset_hours": onset_hours, "baseline": baseline}
    arguments |= {"level": level}
    definitions = (cited(found.definition), cited(found.loss.definition), cited(found.baseline))
    since = "the first response" if origin == "first_response" else "the last induction session"
    return RecurrenceResult(
        title=f"Recurrent loss of response, {found.instrument.name}{split_words(by)}",
        table=fitted.table,
        notes=(*notes, same_time_note(cohort), *selection_notes(cohort), UNCONTROLLED),
        definitions=(*definitions, MODELS[model], _COUNT),
        provenance=provenance_of("recurrence", cohort.fingerprint, arguments),
        midpoint=midpoint,
        rates=rates,
        mean_count=mean_count,
        orders=_orders(risk.frame),
        theta=fitted.theta,
        proportionality=fitted.proportionality,
        model=model,
        by=by,
        level=level,
        since=since,
        rule=outcome_words(found.loss.definition, found.instrument)[1],
    )


@dataclass(frozen=True)
class _Asked:
    """What the models are to be."""

    model: str
    formula: str | None
    by: str | None
    level: float


def _first_only(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """All rows, or those up to the first loss where hardly anybody is at risk of a second."""
    again = np.unique(patient_codes(frame)[frame["order"].to_numpy() > 1]).size
    if again >= _FEWEST_AGAIN:
        return frame, []
    words = (
        f"Only {patients(again)} responded again after a loss, fewer than {_FEWEST_AGAIN}: the models are of "
        "the first loss alone."
    )
    return frame[frame["order"] == 1].reset_index(drop=True), [words]


def _models(cohort: Cohort, rows: pd.DataFrame, grouped: Groups, asked: _Asked, reduced):
    """Hazard ratios with losses at detection and halfway, and what is to be said of their columns."""
    data, formula = _with_group(rows, grouped, asked)
    if formula is None:
        blank = CovariateFrame(None, np.ones((0, 1)), np.empty(0, np.intp), {}, {}, ())
        return _nothing(blank), _nothing(blank).table, []
    covariates = covariate_frame(formula, data)
    late = [why for name in covariates.design.variables if (why := known_only_after(cohort, name))]
    if asked.formula is not None and late:
        raise DataError(
            "a column of the formula is known only after the time at risk has begun, so that the time until "
            f"then is lent to its groups: {late[0]}; leave it out"
        )
    kept = data.iloc[covariates.kept]
    start, stop, middle = _times(kept, asked.model)
    loss, patient = kept["loss"].to_numpy(bool), patient_codes(kept)
    strata = None
    if asked.model.startswith("pwp"):
        strata = strata_of(kept["order"].to_numpy(), loss)
    names = None
    if asked.by is not None:
        reference, *others = covariates.factors[asked.by][1]
        names = [f"{level} against {reference}" for level in others]
    how = {
        "names": names,
        "strata": strata,
        "frailty": asked.model == "frailty" and not reduced,
        "level": asked.level,
    }
    fitted = fit_model(covariates, start, stop, loss, patient, **how)
    midpoint = fit_model(covariates, start, np.where(loss, middle, stop), loss, patient, **how).table
    notes = [f"{sentence[:1].upper()}{sentence[1:]}." for sentence in covariates.warnings]
    if len(kept) < len(data):
        lost = ", ".join(f"{name} {n}" for name, n in covariates.dropped.items() if n)
        notes.append(f"{len(data) - len(kept)} of {len(data)} times at risk left out: missing {lost}.")
    if strata is not None:
        top = int(strata.max())
        notes.append(
            f"Baseline hazards of their own: losses 1 to {top}, the last with all later ones."
            if top > 1
            else "Too few second losses for a baseline hazard of their own: there is one for all."
        )
    return fitted, midpoint, notes


def _with_group(rows: pd.DataFrame, grouped: Groups, asked: _Asked) -> tuple[pd.DataFrame, str | None]:
    """The rows with the patient's group under the name of `by`, and the formula."""
    if asked.by is None:
        return rows, asked.formula
    code = grouped.code[patient_codes(rows)]
    named = np.unique(code[code >= 0])
    if named.size < 2:
        return rows, None
    levels = [str(grouped.levels[number]) for number in named]
    # A column of its own: `by` may be no name that a formula can hold.
    values = pd.Categorical.from_codes(np.where(code >= 0, np.searchsorted(named, code), -1), levels)
    return rows.assign(**{asked.by: values}), f"~ {_quoted(asked.by)}"


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _times(rows: pd.DataFrame, model: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, stop and halfway time in days on the model's clock."""
    zero = rows["spell_start"].to_numpy(float) if model == "pwp-gap" else 0.0
    return tuple((rows[name].to_numpy(float) - zero) / HOURS_PER_DAY for name in ("start", "stop", "middle"))


def _nothing(blank) -> Fitted:
    """No hazard ratios, because nothing is compared."""
    none = {name: pd.Series(dtype=float) for name in ("estimate", "conf_low", "conf_high", "std_error")}
    none |= {name: pd.Series(dtype=float) for name in ("statistic", "df", "p_value")}
    none |= {name: pd.Series(dtype="int64") for name in ("n", "n_events", "n_patients")}
    table = pd.DataFrame({"term": pd.Series(dtype="str"), **none})
    empty = pd.DataFrame({"estimate": pd.Series(dtype=float)})
    return Fitted(table, empty, empty, ())


def _orders(frame: pd.DataFrame) -> pd.DataFrame:
    """How many patients were at risk of, and had, a first, second and later loss."""
    order, code = frame["order"].to_numpy(), patient_codes(frame)
    top = int(order.max())
    pairs = np.unique(np.column_stack([order, code]), axis=0)[:, 0]
    return pd.DataFrame(
        {
            "order": np.arange(1, top + 1),
            "n_patients": np.bincount(pairs, minlength=top + 1)[1:],
            "n_events": np.bincount(order, frame["loss"], minlength=top + 1)[1:].astype(int),
        }
    )


def _risk_notes(found: EpisodeSet, risk: RiskRows, counts: CountRows, origin: str, rows) -> list[str]:
    """Who is in, from when to when, and how losses are dated."""
    n_patients = np.unique(patient_codes(risk.frame)).size
    notes = [
        f"{patients(n_patients)} with {risk.n_losses:,} losses; {len(found.frame):,} of {found.n_sessions:,} "
        "sessions begin an episode of response."
    ]
    if risk.n_without_time:
        notes.append(
            f"{risk.n_without_time:,} episodes have no assessment after the one that began them: no loss "
            "could be seen, so they are no time at risk."
        )
    notes.append(
        "A loss is dated at the assessment that found it, which is late by up to the gap between "
        "assessments; the second table dates it halfway. Where they differ, believe neither closely."
    )
    notes.append(
        "Without a loss, time at risk ends at the last assessment at which response was kept, unless it is "
        "carried into the next session. A further session ends no time at risk here: hazard ratios are of "
        "loss under the clinic's own schedule."
    )
    if origin == "first_response":
        notes.append("Mean count: patients who were seen to respond, from then to their last assessment.")
    else:
        notes.append(
            "Mean count: patients with a valid baseline and an induction, responding or not, from its last "
            "session to their last assessment."
        )
    if counts.n_without_time:
        notes.append(f"{patients(counts.n_without_time)} without a later assessment are not in it.")
    if np.unique(patient_codes(rows)).size < FEWEST_FOR_P:
        notes.append(f"No p-values: fewer than {FEWEST_FOR_P} patients.")
    if found.loss.note:
        notes.append(found.loss.note)
    return notes


def _limit_notes(rates: pd.DataFrame, mean_count: pd.DataFrame) -> list[str]:
    """Where rates and mean counts have no limits."""
    notes = []
    if (rates["conf_low"].isna() & rates["estimate"].notna()).any():
        notes.append(f"Rates of fewer than {FEWEST_FOR_LIMITS} patients have no limits.")
    if (mean_count["conf_low"].isna() & (mean_count["estimate"] > 0)).any():
        notes.append(
            f"The mean count has no limits where fewer than {FEWEST_FOR_LIMITS} patients are under "
            "observation or all have had as many losses: what differs between patients is then not known."
        )
    return notes


def _group_notes(grouped: Groups, risk: RiskRows) -> list[str]:
    """Missing levels, and levels with few losses or patients."""
    if grouped.by is None:
        return []
    code = patient_codes(risk.frame)
    level_of = grouped.code[code]
    notes = [f"Groups: '{grouped.by}' at session 1."] if grouped.source == "sessions" else []
    n_missing = np.unique(code[level_of < 0]).size
    if n_missing:
        notes.append(f"{patients(n_missing)} left out: '{grouped.by}' is missing.")
    losses = np.bincount(level_of[level_of >= 0], risk.frame["loss"][level_of >= 0], len(grouped.levels))
    few = [str(level) for level, n in zip(grouped.levels, losses, strict=True) if n < 5]
    if few:
        notes.append(f"Fewer than 5 losses, so that its hazard ratio says little: {', '.join(few)}.")
    return notes
