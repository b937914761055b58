"""Methods and limits of a cohort report, written from the settings of the run."""

from __future__ import annotations

from collections.abc import Sequence

from ketaoutcomes.analysis.notes import same_time_note
from ketaoutcomes.catalog.definitions import PHASE_RULES, baseline_rule
from ketaoutcomes.derive.sessions import DEFAULT_PHASE_RULE
from ketaoutcomes.report.disclosure import Hidden
from ketaoutcomes.report.paper.predictors import EVENTS_PER_COEFFICIENT
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Section, Text
from ketaoutcomes.report.sections.methods import methods as monthly_methods
from ketaoutcomes.report.versions import versions
from ketaoutcomes.report.wording import (
    baseline_words,
    defined,
    induction_words,
    instrument_words,
    outcome_words,
    window_words,
)
from ketaoutcomes.report.words import UNCONTROLLED, ci, joined
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.course import CourseResult
from ketaoutcomes.results.curve import CurveResult

__all__ = ["definitions_part", "limits_section", "methods_section"]

SMALL_COUNTS = "Small counts"
LIMITS = (
    "No comparison group. Natural recovery, expectation, regression to the mean and other treatment are in "
    "every number; patients knew what they were given.",
    "Patients start when they feel at their worst, so a later score tends to be lower whatever is done.",
    "Records of routine care, not collected for this question: who was assessed, when and by whom followed "
    "the course of care.",
    "Those without a score may differ from those with one (R17); the wider denominators of R4 count each of "
    "them as not responding, and models hold where missing scores depend only on what was recorded.",
    "Doses, intervals, routes and the number of sessions followed how patients did; they are associated with "
    "outcomes and are not shown to change them.",
    "Side effects depend on how they were asked for; a record that is missing is not an absence.",
    "Patients were treated in the clinics of these files and may differ from patients elsewhere (R18).",
    "Several outcomes and groups are described. Only the predictors of R16 have p adjusted for their number.",
)


def methods_section(scope: PaperScope, results: Sequence[Result], number: int) -> Section:
    """What was done, from the settings and the results of this run."""
    left = [
        Text("Design and data", _design(scope)),
        Text("Outcomes", _outcomes(scope)),
    ]
    right = [Text("Statistical methods", _statistics(scope, results)), Text("Software", _software())]
    return Section(
        number=number,
        question="Methods",
        reading=("Written from the settings of this run. What only the authors know is in the checklist.",),
        texts=(tuple(left), tuple(right)),
    )


def limits_section(scope: PaperScope, number: int, small_counts: Text | None) -> Section:
    """What these data cannot say, and what is not shown."""
    left = (Text("Limits", (UNCONTROLLED,), LIMITS),)
    right = () if small_counts is None else (small_counts,)
    return Section(
        number=number,
        question="Limits",
        reading=("General limits of such data; the authors add those of their own.",),
        texts=(left, right) if right else (left,),
    )


def definitions_part(
    scope: PaperScope, results: Sequence[Result], hidden: Sequence[Hidden]
) -> tuple[PaperPart, Text | None]:
    """Tables of definitions and of what is not shown, as in every report; the words on small counts."""
    made = monthly_methods(scope, results, hidden, ())
    texts = [text for column in made.section.texts for text in column]
    return PaperPart(made.section, made.tables), next(
        (text for text in texts if text.heading == SMALL_COUNTS), None
    )


def _design(scope: PaperScope) -> tuple[str, ...]:
    cohort = scope.cohort
    name = cohort.settings.name or cohort.source
    kind = cohort.settings.deidentification.replace("-", " ")
    words = [
        f"Cohort of {scope.starters_counted('patient')} with a first session, {name}; records of routine "
        f"care without identifiers ({kind}). Time is counted from the first session. Follow-up ends at "
        "the data cut, or with the last record of who left; there is no comparison group."
    ]
    if cohort.settings.synthetic:
        words.append("The data are synthetic: no patient is described.")
    if cohort.selection:
        words.append(f"Selection: {'; '.join(cohort.selection)}.")
    words.append(
        f"Induction: {induction_words(PHASE_RULES[DEFAULT_PHASE_RULE])}, phase as the clinic gave it or by "
        "this rule. Rows that break a rule of the tables were set aside and counted (R17)."
    )
    return tuple(words)


def _outcomes(scope: PaperScope) -> tuple[str, ...]:
    if scope.instrument is None:
        return (f"No outcome is given: {scope.why_no_instrument}.",)
    instrument = scope.instrument
    words = [
        f"Primary instrument: {instrument_words(instrument)}. Baseline: "
        f"{baseline_words(baseline_rule(BASELINE), instrument)}; one at the end of the range is not valid. "
        f"Outcome: {window_words(scope.window)}, the nearest score and never the lowest."
    ]
    kinds = {"response": "Response", "remission": "Remission"}
    found = {label: defined(instrument, kind) for kind, label in kinds.items()}
    said = [f"{label}: {outcome_words(one, instrument)}." for label, one in found.items() if one is not None]
    worse = defined(instrument, "deterioration")
    if worse is not None:
        said.append(f"Worsening: {worse.text[:1].lower()}{worse.text[1:]}")
    if said:
        words.append(" ".join(said))
    words.append(same_time_note(scope.cohort))
    return tuple(words)


def _statistics(scope: PaperScope, results: Sequence[Result]) -> tuple[str, ...]:
    words = [
        f"Intervals: {ci(scope.level)}. Shares by Wilson over three denominators: all who started, those "
        "with a valid baseline (in both a patient who was not scored counts as not meeting the "
        "definition), those scored. Patients whose window had not closed at the data cut are in none. Mean "
        "change by Student’s t. Effect sizes of the change within patients: d_z, mean change over the SD of "
        "the change, limits by the noncentral t distribution; d_av, over the root of the mean of both "
        "variances, and d_baseline, over the SD before, limits by the variance of Bonett (2008); Hedges’ "
        "factor with n − 1 degrees of freedom.",
        "Missing scores are not filled in, and the last one is not carried forward.",
    ]
    curves = [result for result in results if isinstance(result, CurveResult)]
    if curves:
        arguments = curves[0].provenance["arguments"]
        words.append(
            "Time to response: nonparametric maximum likelihood for interval-censored times (Turnbull), "
            f"intervals by bootstrap over patients ({arguments['n_replicates']} samples, seed "
            f"{arguments['seed']}). Durability: competing events, a further session being neither a loss nor "
            "a censoring."
        )
    if any(isinstance(result, CourseResult) and result.model is not None for result in results):
        words.append(
            "Course: linear mixed model by REML with random effects of patients chosen by AIC, valid where "
            "missing scores depend only on what was recorded (missing at random)."
        )
    words.append(
        "Rates per session: ratio estimator on the logit scale with patients as clusters; per patient: "
        "exact. Predictors: one logistic model, terms fixed beforehand, made only with "
        f"{EVENTS_PER_COEFFICIENT} patients with the rarer outcome per coefficient; p by Wald, adjusted by "
        "Benjamini and Hochberg; exploratory. No stepwise selection. No test compares those scored with "
        "those not."
    )
    return tuple(words)


def _software() -> tuple[str, ...]:
    found = versions()
    others = joined(f"{name} {version}" for name, version in found.items() if name != "ketaoutcomes")
    return (f"ketaoutcomes {found['ketaoutcomes']}; {others}.",)
