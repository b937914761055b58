"""Rules by which a change is reliable, meaningful, partial or a deterioration, each with its source."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.analysis.window_change import ROUNDING, WindowChange
from ketaoutcomes.catalog.definitions import Outcome, outcomes_for
from ketaoutcomes.catalog.instruments import Change, Instrument
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.derive.outcomes import improvement, met
from ketaoutcomes.engine.reliable_change import expected_retest, reliable_threshold
from ketaoutcomes.errors import DataError

__all__ = [
    "GIVEN",
    "ChangeRule",
    "ReliableRule",
    "band_rules",
    "check_direction",
    "default_outcome_of",
    "is_reliable",
    "meaningful_rules",
    "reliable_rules",
]

GIVEN = "Given by the caller"
LIBRARY = "Rule of this library"
JACOBSON = "Jacobson & Truax 1991 J Consult Clin Psychol 59:12"
GULLIKSEN = "Hsu 1989 Behav Assess 11:459, after Gulliksen 1950 and Lord & Novick 1968"
KINDS = {"retest": "retest", "icc": "intraclass correlation", "alpha": "alpha (internal consistency)"}
# "unreliable" is another word.
_RELIABLE = re.compile(r"\breliable\b")


@dataclass(frozen=True)
class ReliableRule:
    """One source of a threshold for reliable change.

    Attributes
    ----------
    name, label : str
        `label` says in short what the threshold rests on, e.g. "retest .84, SD 5".
    kind : str
        "published" for a threshold that was printed, else what the reliability is: "retest", "icc",
        "alpha" or "given".
    threshold : float
        Points.
    at_least : bool
        Whether a change of just the threshold counts; a computed one must be exceeded.
    sd, reliability, mean : float
        NaN where the rule does not use them; `mean` makes it Gulliksen, Lord and Novick's.
    source : str
        As it must be printed.
    verified : bool
    """

    name: str
    label: str
    kind: str
    threshold: float
    at_least: bool
    source: str
    verified: bool
    sd: float = np.nan
    reliability: float = np.nan
    mean: float = np.nan

    @property
    def text(self) -> str:
        """The rule in words."""
        if self.at_least:
            return f"A change of at least {self.threshold:g} points from baseline."
        of = "from baseline"
        if np.isfinite(self.mean):
            of = f"from the score that the baseline predicts (population mean {self.mean:g})"
        return (
            f"A change of more than {self.threshold:.2f} points {of}: 1.96 standard errors, from a standard "
            f"deviation of {self.sd:g} points and a reliability of {self.reliability:g} ({self.label})."
        )

    def gain(self, change: WindowChange) -> np.ndarray:
        """Points in the good direction that the rule looks at; (n,) float."""
        if not np.isfinite(self.mean):
            return change.gain
        fall = expected_retest(change.baseline, self.mean, self.reliability) - change.score
        return -fall if change.instrument.higher_is == "better" else fall

    def beyond(self, points: np.ndarray) -> np.ndarray:
        """Marks gains that are reliable; losses by their negative."""
        slack = -ROUNDING if self.at_least else ROUNDING
        return points > self.threshold + slack


def check_direction(instrument: Instrument) -> None:
    """Refuse an instrument of which neither direction is the good one."""
    if instrument.higher_is not in ("worse", "better"):
        raise DataError(f"on {instrument.name} neither direction of change is a good one; no rule applies")


def reliable_rules(
    known: Instrument,
    *,
    sd: float | None,
    reliability: float | None,
    mean: float | None,
    corrected: bool,
) -> tuple[ReliableRule, ...]:
    """A rule for each source: the published thresholds, or those that a standard deviation gives.

    Raises
    ------
    DataError
        If what is given and published does not make a threshold; the message says what to give.
    """
    check_direction(known)
    for name, value in (("sd", sd), ("reliability", reliability), ("mean", mean)):
        if value is not None and not is_number(value):
            raise DataError(f"{name} must be one number")
    if corrected and (mean is None or sd is None):
        raise DataError(
            "corrected=True needs mean and sd: of the scores of the population that the patients come from, "
            "before treatment, from a published sample"
        )
    if mean is not None and not corrected:
        raise DataError("mean is only used with corrected=True")
    if sd is None:
        return _published(known, reliability)
    if reliability is not None:
        return (_computed(GIVEN, "given", float(reliability), sd, mean, source="", verified=True),)
    found = []
    for entry in known.reliability:
        if entry.kind not in KINDS:
            continue
        ends = (entry.value,) if entry.value_high is None else (entry.value, entry.value_high)
        for value in ends:
            label = f"{KINDS[entry.kind]} {value:g}, {entry.detail}"
            found.append(
                _computed(label, entry.kind, value, sd, mean, source=entry.citation, verified=entry.verified)
            )
    if not found:
        raise DataError(
            f"no reliability of {known.name} is in the catalogue; give reliability=, the correlation of two "
            "scores of a person who has not changed, from a published retest"
        )
    return tuple(found)


def _published(known: Instrument, reliability: float | None) -> tuple[ReliableRule, ...]:
    rules = tuple(
        ReliableRule(
            name=entry.name,
            label=_plain(entry.source),
            kind="published",
            threshold=float(value),
            at_least=True,
            source=entry.citation,
            verified=entry.verified,
        )
        for entry in known.changes
        if is_reliable(entry)
        for value in _ends(entry)
    )
    if reliability is not None:
        raise DataError(
            "reliability needs sd with it: the standard deviation of scores before treatment, from a "
            "published sample; that of a clinic's own patients, who were chosen for high scores, is too small"
        )
    if not rules:
        r = [f"{KINDS[entry.kind]} {entry.value:g}" for entry in known.reliability if entry.kind in KINDS]
        rest = f"; the catalogue has {', '.join(r)}" if r else " and reliability=, of a published retest"
        raise DataError(
            f"no reliable change is published for {known.name} in the catalogue; give sd=, the standard "
            f"deviation of scores before treatment in a published sample{rest}"
        )
    return rules


def is_reliable(entry: Change) -> bool:
    """Whether a published change is one that exceeds error of measurement."""
    return entry.kind == "points" and _RELIABLE.search(entry.meaning) is not None


def _ends(entry: Change) -> tuple[float, ...]:
    return (entry.value,) if entry.value_high is None else (entry.value, entry.value_high)


def _plain(source: str) -> str:
    """The first words of a source: author and year, or who printed it."""
    words = source.split(",")[0].split()
    for number, word in enumerate(words):
        if re.fullmatch(r"(19|20)\d\d", word):
            return " ".join(words[: number + 1])
    return " ".join(words)


def _computed(
    label: str, kind: str, r: float, sd: float, mean: float | None, *, source: str, verified: bool
) -> ReliableRule:
    made = reliable_threshold(float(sd), float(r), corrected=mean is not None)
    rule = GULLIKSEN if mean is not None else JACOBSON
    return ReliableRule(
        name=f"reliable_change_{kind}_{r:g}".replace("_given", ""),
        label=label,
        kind=kind,
        threshold=made.threshold,
        at_least=False,
        source=f"{rule}; reliability: {source}" if source else rule,
        verified=verified,
        sd=float(sd),
        reliability=float(r),
        mean=np.nan if mean is None else float(mean),
    )


@dataclass(frozen=True)
class ChangeRule:
    """One row of a table of responders.

    Attributes
    ----------
    name, label, text, source : str
    kind : str
        "response", "partial_response", "less_than_partial", "deterioration", "meaningful_change" or
        "reliable_change".
    direction : {"good", "bad"}
    unit : {"points", "percent"}
    value : float
        NaN where the rule is no single number.
    holds : (n,) bool
        Patients of whom it is true; of those without a score nothing is said.
    """

    name: str
    label: str
    kind: str
    direction: str
    unit: str
    value: float
    text: str
    source: str
    verified: bool
    holds: np.ndarray


def default_outcome_of(known: Instrument, kind: str) -> Outcome | None:
    """The catalogue's default outcome of a kind for an instrument, if it can be decided by two scores."""
    for entry in outcomes_for(known.name, kind):
        if known.name in entry.default_for:
            return None if entry.consecutive > 1 or entry.item or entry.needs_more else entry
    return None


def band_rules(change: WindowChange) -> list[ChangeRule]:
    """Response, partial response, less than that, and deterioration; the four add up where all exist."""
    known = change.instrument
    response, partial = (default_outcome_of(known, kind) for kind in ("response", "partial_response"))
    rules = []
    rise = change.gain < -ROUNDING
    for entry in (response, partial):
        if entry is not None:
            rules.append(_from_outcome(entry, met(entry, known, change.score, change.baseline)))
    if response is not None and partial is not None:
        most = f"{100 * partial.min_fraction:g}"
        rules.append(
            ChangeRule(
                "less_than_partial", f"Less than {most}% below baseline, and not above it",
                "less_than_partial", "good", "percent", np.nan,
                f"The score is not above the baseline score and less than {most} % below it.",
                f"{LIBRARY}: what is left between partial response and deterioration", False,
                ~(rules[0].holds | rules[1].holds | rise),
            )
        )  # fmt: skip
    worse = default_outcome_of(known, "deterioration")
    side = "Below" if known.higher_is == "better" else "Above"
    name = f"{side.lower()}_baseline" if worse is None else worse.name
    rules.append(
        ChangeRule(
            name, f"{side} baseline by any amount (deterioration)", "deterioration", "bad", "points", np.nan,
            f"The score is {side.lower()} the baseline score by any amount.",
            f"{LIBRARY}, after McInnes 2022 J Affect Disord" if worse is None else worse.citation,
            worse is not None and worse.verified, rise,
        )
    )  # fmt: skip
    return rules


def _from_outcome(entry: Outcome, holds: np.ndarray) -> ChangeRule:
    is_share = entry.min_fraction is not None
    value = 100 * entry.min_fraction if is_share else entry.min_points
    return ChangeRule(
        entry.name, entry.label.replace(" %", "%"), entry.kind, "good", "percent" if is_share else "points",
        np.nan if value is None else float(value), entry.text, entry.citation, entry.verified, holds,
    )  # fmt: skip


def meaningful_rules(change: WindowChange) -> list[ChangeRule]:
    """Each change that a source calls meaningful, in the good direction, smallest first within its unit."""
    known = change.instrument
    side = "above" if known.higher_is == "better" else "below"
    rules = []
    for entry in known.changes:
        if is_reliable(entry):
            continue
        for value in _ends(entry):
            if entry.kind == "points":
                amount, unit = change.gain, "points"
            else:
                amount, unit = _percent(change), "%"
            span = "" if entry.value_high is None else f" (of {entry.value:g} to {entry.value_high:g})"
            with np.errstate(invalid="ignore"):
                holds = amount >= value - ROUNDING
            size = f"{value:g}{unit}" if unit == "%" else f"{value:g} {unit}"
            label = f"At least {size}{span} {side} baseline: {_plain(entry.source)}"
            rules.append(
                ChangeRule(
                    entry.name, label, "meaningful_change", "good", entry.kind, float(value), entry.meaning,
                    entry.citation, entry.verified, holds,
                )
            )  # fmt: skip
    return sorted(rules, key=lambda rule: (rule.unit, rule.value))


def _percent(change: WindowChange) -> np.ndarray:
    """Change in the good direction in per cent of the patient's own baseline."""
    if change.instrument.higher_is == "worse":
        return 100.0 * improvement(change.instrument, change.score, change.baseline)
    room = change.baseline > 0
    share = np.divide(change.gain, change.baseline, out=np.full(change.gain.shape, np.nan), where=room)
    return 100.0 * share
