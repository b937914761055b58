"""When a response counts as lost: the definition, and how it must be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ketaoutcomes.catalog.definitions import OUTCOMES, Outcome, default_outcome, outcomes_for
from ketaoutcomes.catalog.entries import closest
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.derive.outcomes import met
from ketaoutcomes.derive.runs import RunRule
from ketaoutcomes.errors import DataError

__all__ = ["LOSS_KINDS", "LossRule", "find_loss"]

LOSS_KINDS = ("loss_of_response", "relapse")

_OWN = "Rule of this library"


@dataclass(frozen=True)
class LossRule:
    """How the loss of a response is told.

    Attributes
    ----------
    definition : Outcome
        What a score must be to count as lost; made here for `keep`, or where the catalogue has none.
    response : Outcome
        The response that is lost.
    complement : bool
        A score is lost where it does not meet `response`; the definition has no limits of its own.
    run : RunRule
        How often, and how far apart, it must be seen.
    confirmed : bool
        More than one assessment is asked for.
    scores_only : bool
        The definition has further clauses (an admission, an attempt) that scores cannot show.
    """

    definition: Outcome
    response: Outcome
    complement: bool
    run: RunRule
    confirmed: bool
    scores_only: bool

    def lost(self, instrument: Instrument, score: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        """Marks the scores at which the response is not kept; (n,) bool."""
        if self.complement:
            return ~met(self.response, instrument, score, baseline)
        return met(self.definition, instrument, score, baseline)

    @property
    def note(self) -> str:
        """What of the definition was left out; empty if nothing was."""
        if not self.scores_only:
            return ""
        return (
            f"{self.definition.label}: only its part about scores is used; admissions and other events that "
            "it also counts cannot be seen from scores."
        )


def find_loss(
    response: Outcome,
    instrument: Instrument,
    *,
    loss: str | None = None,
    keep: float | None = None,
    confirmed: bool = False,
) -> LossRule:
    """The rule by which a response is lost.

    Parameters
    ----------
    response : Outcome
        What makes a patient a responder.
    instrument : Instrument
    loss : str, optional
        Name of a definition of loss of response or relapse, or one of these two kinds. By default the
        instrument's loss of response; where `response` is not its default response, or none is known,
        a score is lost as soon as it no longer meets `response`.
    keep : float, optional
        Lost only below this share of improvement, e.g. 0.25; then `loss` must be left out.
    confirmed : bool
        Two assessments in a row. A definition that asks for two anyway keeps its own days between them.

    Raises
    ------
    DataError
        If both `loss` and `keep` are given, or one does not suit the instrument or the response.
    """
    if not isinstance(confirmed, bool | np.bool_):
        raise DataError("confirmed is True or False: whether a loss must be seen at two assessments in a row")
    if keep is not None:
        if loss is not None:
            raise DataError("give either loss, a definition, or keep, a share of improvement; not both")
        definition, complement = _kept(keep, response, instrument), False
    elif loss is None:
        definition, complement = _default(response, instrument)
    else:
        definition, complement = _named(loss, instrument), False
    twice = definition.consecutive > 1
    run = RunRule()
    if twice:
        within = definition.max_days_apart
        run = RunRule(definition.min_days_apart or 0.0, np.inf if within is None else within)
    elif confirmed:
        run = RunRule(again_after_days=0.0)
        definition = replace(definition, text=f"{definition.text} Confirmed at the next assessment.")
    return LossRule(
        definition, response, complement, run, twice or bool(confirmed), bool(definition.needs_more)
    )


def _default(response: Outcome, instrument: Instrument) -> tuple[Outcome, bool]:
    """The instrument's loss of response if `response` is its default; else the response no longer met."""
    known = [one for one in outcomes_for(instrument.name, "loss_of_response") if _is_default(one, instrument)]
    if known and response.kind == "response" and _is_default(response, instrument):
        return known[0], False
    words = response.label[:1].lower() + response.label[1:]
    made = Outcome(
        name=f"loss_of_{response.name}",
        kind="loss_of_response",
        label=f"No longer {words}",
        text=f"The score no longer meets the definition {response.name}, at any one assessment.",
        instruments=(instrument.name,),
        source=_OWN,
    )
    return made, True


def _is_default(definition: Outcome, instrument: Instrument) -> bool:
    return instrument.name in definition.default_for


def _kept(keep: float, response: Outcome, instrument: Instrument) -> Outcome:
    """A loss only below a share of improvement that is lower than that of the response."""
    if not is_number(keep) or not 0 <= keep < 1:
        raise DataError("keep is a share of improvement from 0 up to below 1, e.g. keep=0.25")
    if instrument.higher_is != "worse":
        raise DataError(
            f"keep is a share of the way down from baseline, but on {instrument.name} lower scores are not "
            "better; name a definition with loss="
        )
    if response.min_fraction is not None and keep > response.min_fraction:
        raise DataError(
            f"keep={keep:g} lies above the {response.min_fraction:g} that the response asks for, so a "
            "response would be lost while it lasts"
        )
    share = f"{100 * keep:g} %"
    return Outcome(
        name=f"loss_of_response_below_{100 * keep:g}".replace(".", "_"),
        kind="loss_of_response",
        label=f"Loss of response (less than {share} below baseline)",
        text=f"After a response, the score is no longer at least {share} below the baseline score.",
        instruments=(instrument.name,),
        max_fraction=keep,
        source=_OWN,
    )


def _named(loss: str, instrument: Instrument) -> Outcome:
    if loss in LOSS_KINDS:
        return _usable(default_outcome(instrument.name, loss), instrument)
    if not isinstance(loss, str) or loss not in OUTCOMES or OUTCOMES[loss].kind not in LOSS_KINDS:
        choices = {one.name: one.name for one in _offered(instrument)} | {kind: kind for kind in LOSS_KINDS}
        near = closest(str(loss).strip().lower().replace(" ", "_"), choices)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise DataError(
            f'loss="{loss}" is no definition of loss of response or relapse; {hint}{_offer(instrument)}'
        )
    return _usable(OUTCOMES[loss], instrument)


def _usable(definition: Outcome, instrument: Instrument) -> Outcome:
    """The definition, if scores of this instrument can show it."""
    if instrument.name not in definition.instruments:
        raise DataError(
            f'loss="{definition.name}" is made for {", ".join(definition.instruments)}, not for '
            f"{instrument.name}; {_offer(instrument)}"
        )
    if definition.item or definition.consecutive > 2:
        raise DataError(f'loss="{definition.name}" is not decided by one or two scores; {_offer(instrument)}')
    return definition


def _offered(instrument: Instrument) -> list[Outcome]:
    return [one for one in outcomes_for(instrument.name) if one.kind in LOSS_KINDS and not one.item]


def _offer(instrument: Instrument) -> str:
    names = ", ".join(one.name for one in _offered(instrument)) or "none"
    return f"made for {instrument.name}: {names}; keep=0.25 sets a share of improvement instead"
