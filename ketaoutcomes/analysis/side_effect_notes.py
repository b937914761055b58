"""What stands below a table of side-effect rates: the denominator, what is not in it, how it was asked."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.analysis.notes import group_notes, selection_notes
from ketaoutcomes.analysis.side_effect_estimates import BETA_BINOMIAL, CLUSTER_ROBUST, NEGATIVE_BINOMIAL
from ketaoutcomes.analysis.side_effect_question import Question
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.side_effects import SEVERITIES, Recorded
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.text import patients

__all__ = ["denominator_notes", "rate_definitions", "rate_notes", "word_notes"]

FEWEST_FOR_MODEL = 20

_RATIO = (
    "the interval allows for several sessions per patient (ratio estimator with the CR2 variance, never "
    "below that of independent sessions and averaged with half a patient whose sessions correlate at 0.5, "
    "and Bell and McCaffrey's degrees of freedom; with fewer than 10 patients with the effect by Wilson's "
    "formula, with none exact)"
)
_COUNTS = (
    "the interval allows for several sessions per patient (ratio estimator with the CR2 variance, never "
    "below that of independent effects, and Bell and McCaffrey's degrees of freedom; with fewer than 10 "
    "patients with the effect by the score of a Poisson count over its design effect; made for 15 patients "
    "and more)"
)
_RATES = {
    "session": (
        "Rate per session",
        f"Sessions with the effect, of sessions whose side effects were recorded; {_RATIO}",
        "Cochran 1977, Sampling Techniques, chapter 6; Bell and McCaffrey 2002, Survey Methodology 28, 169",
    ),
    "patient": (
        "Rate per patient",
        "Patients with the effect in at least one recorded session, of patients with at least one recorded "
        "session; exact (Clopper-Pearson) interval. It grows with the number of sessions that a patient has",
        "Clopper and Pearson 1934, Biometrika 26, 404",
    ),
    "100_sessions": (
        "Rate per 100 sessions",
        "Effects found, per 100 sessions whose side effects were recorded; one effect counts once per "
        f"session, and any side effect counts every effect; {_COUNTS}; with none the limit with patients "
        "as n",
        "Cochran 1977, Sampling Techniques, chapter 6; Garwood 1936, Biometrika 28, 437",
    ),
    "patient_year": (
        "Rate per patient-year",
        "Effects found per year on treatment; each session whose side effects were recorded carries the "
        "time to the next session, at least an hour and at most {days:g} days, and a session without a "
        f"record none; {_COUNTS}; with none the exact Poisson limit, as if effects were independent",
        "Cochran 1977, Sampling Techniques, chapter 6; Garwood 1936, Biometrika 28, 437; time at risk is a "
        "rule of this library",
    ),
}
_MODELS = {
    BETA_BINOMIAL: (
        "Beta-binomial model",
        "Patients differ in their own rate, which follows a beta distribution; the estimate is the mean of "
        "patients' rates, rho the correlation of two sessions of a patient; limits by profile likelihood",
        "Skellam 1948, J. R. Stat. Soc. B 10, 257",
    ),
    NEGATIVE_BINOMIAL: (
        "Negative binomial model",
        "Patients differ in their own rate, which follows a gamma distribution; counts have the variance "
        "mu + mu^2/theta",
        "Venables and Ripley 2002, Modern Applied Statistics with S, 7.4",
    ),
}
_SEVERITY = (
    "Severity",
    "As the clinic recorded it: mild, moderate or severe; of several records in a session the worst",
    "Rule of this library",
)


def rate_definitions(asked: Question) -> tuple[tuple[str, str, str], ...]:
    """The definitions used, each with its source."""
    name, text, source = _RATES[asked.per]
    found = [(name, text.replace("{days:g}", f"{asked.at_risk_days:g}"), source)]
    if asked.model in _MODELS:
        found.append(_MODELS[asked.model])
    if asked.severity is not None:
        found.append(_SEVERITY)
    return tuple(found)


def rate_notes(cohort: Cohort, asked: Question) -> list[str]:
    """The notes of `side_effect_rates`."""
    found = asked.found
    if not found.session_row.size:
        return [*denominator_notes(cohort, found), *selection_notes(cohort), UNCONTROLLED]
    notes = denominator_notes(cohort, found)
    if asked.first_sessions is not None:
        kept = asked.session_in
        recorded = np.unique(found.session_row[kept[found.session_row]]).size
        notes.append(
            f"Only sessions 1 to {asked.first_sessions:,} of each patient: {recorded:,} of "
            f"{int(kept.sum()):,} such sessions have a record."
        )
    if len(asked.ways_used) < np.unique(found.way).size:
        notes.append(f"Asked in one way only: {', '.join(asked.ways_used) or 'no record of it'}.")
    n_missing = int((asked.level_of < 0).sum())
    if n_missing:
        noun = "record" if n_missing == 1 else "records"
        notes.append(f"{n_missing:,} {noun} left out: '{asked.by}' is missing.")
    if asked.per == "patient":
        notes += group_notes(asked.grouping, 0, 0, 0)
    notes += _severity_notes(asked)
    notes += word_notes(found, as_recorded=asked.as_recorded)
    if asked.model != CLUSTER_ROBUST and np.unique(asked.owner).size < FEWEST_FOR_MODEL:
        notes.append(
            f"{patients(np.unique(asked.owner).size)}: with fewer than {FEWEST_FOR_MODEL} the model's limits "
            "are too short; the cluster-robust ones hold."
        )
    if asked.reference is not None:
        notes.append(
            "P values are given for 20 patients or more, at least 5 in each group, and per session where 10 "
            "or more patients of each group had the effect; elsewhere the interval stands alone."
        )
        notes.append(
            "Groups were not drawn by lot. Of many comparisons some differ by chance: p_adjusted holds the "
            "expected share of such among those named (Benjamini and Hochberg, within a group and way)."
        )
    return [*notes, *selection_notes(cohort), UNCONTROLLED]


def _severity_notes(asked: Question) -> list[str]:
    if not asked.leaves_open:
        return []
    notes = []
    open_ = {
        "a severity": np.zeros(0) if asked.severity is None else asked.found.severity == 0,
        "a word on whether they were serious": ~asked.found.serious_stated if asked.serious else np.zeros(0),
    }
    for what, without in open_.items():
        if without.any() and (what != "a severity" or asked.severity != SEVERITIES[0]):
            notes.append(
                f"{int(without.sum()):,} effects were recorded without {what}: the estimate counts none of "
                "them, estimate_high all, and the interval spans both; n_unknown counts the sessions, "
                "patients or effects in between."
            )
    return notes


def word_notes(found: Recorded, *, as_recorded: bool = False) -> list[str]:
    """Under which names the effects stand."""
    if not found.n_words:
        return []
    noun = "word" if found.n_words == 1 else "words"
    text = f"{found.n_words:,} different {noun} for effects were recorded"
    if as_recorded:
        return [f"{text} and stand as recorded."]
    if found.n_words_unknown:
        text += f"; {found.n_words_unknown:,} of them have no preferred name in the table of synonyms and "
        text += "stand as recorded (.words lists them; synonyms= or cohort.toml takes the clinic's own words)"
    notes = [f"{text}; words with one preferred name are one effect."]
    if found.n_words_joined:
        notes.append(
            f"{found.n_words_joined:,} of these words name an effect beside others that are in no table: "
            "each stands as an effect of its own, and the rate of the one that is known leaves it out and is "
            "too low. Write each effect in a row of its own, or bring the others under a name."
        )
    if found.n_own_unused:
        notes.append(
            f"{found.n_own_unused:,} of the clinic's own synonyms are in no row; look at their spelling."
        )
    return notes


def denominator_notes(cohort: Cohort, found: Recorded) -> list[str]:
    """How many sessions have a record, and how these were asked."""
    n_sessions = len(cohort.sessions)
    if not found.session_row.size:
        why = "no session says whether there were any"
        if "side_effects" not in cohort.present:
            why = (
                "there is no table of side effects, and a session's mark in 'side_effects_recorded' does not "
                "say what was found"
            )
        return [f"Side effects are not recorded: {why}, so no rate can be given; it is not zero."]
    n_recorded = np.unique(found.session_row).size
    owner = cohort.sessions["patient_id"].cat.codes.to_numpy()[found.session_row]
    share = 100.0 * n_recorded / n_sessions
    notes = [
        f"{n_recorded:,} of {n_sessions:,} sessions ({share:.0f}%) have side effects recorded "
        f"({patients(np.unique(owner).size)}); {n_sessions - n_recorded:,} without a record are left out, "
        "not counted as none."
    ]
    n_ways = np.unique(found.way).size
    if n_ways > 1:
        notes.append("How one asks decides the rate: the ways of asking are given apart and never pooled.")
        both = found.session_row.size - n_recorded
        if both:
            notes.append(
                f"{both:,} records are of sessions asked in more than one way; such a session is in each."
            )
    if found.n_assumed:
        notes.append(
            f"{found.n_assumed:,} sessions are marked as recorded but have no row: no effect. How they were "
            "asked is taken from the patient's other sessions, or else the clinic's, where these were all "
            "asked in one way."
        )
    if found.n_silent_unknown and n_ways > 1:
        notes.append(
            f"{found.n_silent_unknown:,} sessions are marked as recorded, have no row, and nothing says how "
            "they were asked: the rates of the other ways leave them out and are too high. Enter an "
            "explicit none."
        )
    elif found.n_not_stated:
        notes.append(
            f"{found.n_not_stated:,} sessions do not say how side effects were asked for; a column "
            "ascertainment in side_effects says it (checklist, spontaneous or scale)."
        )
    return notes
