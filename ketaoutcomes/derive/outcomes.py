"""Whether a score meets a named definition, and whether a patient can be judged by it."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.catalog.definitions import OUTCOMES, Outcome, default_outcome, outcomes_for
from ketaoutcomes.catalog.entries import closest
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.derive.baseline import VALID
from ketaoutcomes.errors import DataError

__all__ = ["find_outcome", "improvement", "ineligible_reason", "met", "needs_baseline"]

# A computed half of an odd baseline must not fail for the last bit of a float.
_TOLERANCE = 1e-9
# Kinds that one score and its baseline decide.
_BY_ONE_SCORE = (
    "response",
    "remission",
    "partial_response",
    "no_meaningful_benefit",
    "deterioration",
    "end_state",
)


def find_outcome(
    name: str | None, instrument: Instrument, *, kinds: tuple[str, ...] = _BY_ONE_SCORE
) -> Outcome:
    """The definition called `name`, or the instrument's default one of that kind.

    Parameters
    ----------
    name : str or None
        Name of a definition, or a kind ("response", "remission", …) for the
        instrument's default; None is the default response.
    kinds : tuple of str
        Kinds that the analysis can use.

    Raises
    ------
    DataError
        If the definition is made for another instrument, cannot be applied to
        this one, needs more than one score, or is not known.
    """
    if name is None or (isinstance(name, str) and name in _BY_ONE_SCORE):
        definition = default_outcome(instrument.name, name or "response")
    elif isinstance(name, str) and name in OUTCOMES:
        definition = OUTCOMES[name]
    else:
        raise DataError(_unknown(name, instrument, kinds))
    if definition.consecutive > 1 or definition.item or definition.needs_more:
        raise DataError(
            f'definition "{definition.name}" ({definition.kind}) is not decided by one score and its '
            f"baseline. {_offer(instrument, kinds)}"
        )
    if definition.kind not in kinds:
        raise DataError(
            f'definition "{definition.name}" ({definition.kind}) is no kind for this analysis. '
            f"{_offer(instrument, kinds)}"
        )
    _check_instrument(definition, instrument)
    _check_direction(definition, instrument)
    return definition


def met(definition: Outcome, instrument: Instrument, score: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Marks the scores that meet the definition, given their baselines; (n,) bool.

    All parts that the definition has must hold: the share of the way to the
    instrument's minimum, the points of change, the score itself.
    """
    score, baseline = np.asarray(score, float), np.asarray(baseline, float)
    holds = np.isfinite(score)
    if needs_baseline(definition):
        holds = holds & np.isfinite(baseline)
    with np.errstate(invalid="ignore"):
        gain = score - baseline if instrument.higher_is == "better" else baseline - score
        span = baseline - instrument.minimum
        if definition.min_fraction is not None:
            holds &= gain >= definition.min_fraction * span - _TOLERANCE
        if definition.max_fraction is not None:
            sign = 1.0 if definition.max_fraction_included else -1.0
            holds &= gain < definition.max_fraction * span + sign * _TOLERANCE
        if definition.min_points is not None:
            points = -gain if definition.kind == "deterioration" else gain
            # "More than 0" is written as the smallest number above 0, which a tolerance would undo.
            slack = _TOLERANCE if definition.min_points > 2 * _TOLERANCE else 0.0
            holds &= points >= definition.min_points - slack
        # Likewise "< 5" is the largest number below 5.
        if definition.max_score is not None:
            holds &= score <= definition.max_score
        if definition.min_score is not None:
            holds &= score >= definition.min_score
    return holds


def needs_baseline(definition: Outcome) -> bool:
    """Whether the definition looks at the baseline; a rating of change, such as CGI-I, needs none."""
    parts = (definition.min_fraction, definition.max_fraction, definition.min_points, definition.min_baseline)
    return definition.kind == "remission" or any(part is not None for part in parts)


def improvement(instrument: Instrument, score: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Share of the way from baseline to the instrument's minimum, (Y0 - Y) / (Y0 - minimum); (n,) float.

    Missing where the baseline leaves no room, and for instruments whose higher
    scores are better: a share of the way down says nothing there.
    """
    score, baseline = np.asarray(score, float), np.asarray(baseline, float)
    if instrument.higher_is != "worse":
        return np.full(score.shape, np.nan)
    span = baseline - instrument.minimum
    room = (span > 0) & (baseline > 0)
    return np.divide(baseline - score, span, out=np.full(score.shape, np.nan), where=room)


def ineligible_reason(
    definition: Outcome, instrument: Instrument, baseline: np.ndarray, reason: np.ndarray
) -> np.ndarray:
    """Why each patient cannot be judged by the definition; "" if they can.

    Parameters
    ----------
    baseline : (n,) float
        Missing where there is none.
    reason : (n,) str
        "valid", or why the baseline is not, as in `baseline`.

    Returns
    -------
    (n,) object array of str
    """
    baseline = np.asarray(baseline, float)
    valid = reason == VALID
    why = np.where(valid, "", reason).astype(object)
    if not needs_baseline(definition):
        why[~np.isfinite(baseline)] = ""
    if definition.kind == "remission" or not needs_baseline(definition):
        already = (
            "already in remission at baseline"
            if definition.kind == "remission"
            else "met at baseline already"
        )
        why[(why == "") & met(definition, instrument, baseline, baseline)] = already
    if definition.min_baseline is not None:
        asked = f"baseline below {definition.min_baseline:g}, the least that the definition asks for"
        why[valid & (baseline < definition.min_baseline)] = asked
    return why


def _usable(instrument: Instrument, kinds: tuple[str, ...]) -> list[str]:
    """Names of the instrument's definitions that one score and its baseline decide."""
    return [
        known.name
        for known in outcomes_for(instrument.name)
        if known.kind in kinds and known.consecutive == 1 and not known.item and not known.needs_more
    ]


def _offer(instrument: Instrument, kinds: tuple[str, ...]) -> str:
    words = [f'"{kind}"' for kind in kinds if kind in _BY_ONE_SCORE]
    named = ", ".join(_usable(instrument, kinds)) or "none is known"
    return f"Choose {' or '.join(words)}, or a definition made for {instrument.name}: {named}"


def _unknown(name: object, instrument: Instrument, kinds: tuple[str, ...]) -> str:
    """What to ask for instead of a definition that is not known; kinds come before names."""
    choices = {word: word for word in (*kinds, *_usable(instrument, kinds), *OUTCOMES)}
    near = closest(str(name).strip().lower().replace(" ", "_"), choices)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f'no outcome is called "{name}"; {hint}{_offer(instrument, kinds)}'


def _check_instrument(definition: Outcome, instrument: Instrument) -> None:
    """Refuse a threshold in points on an instrument for which it was not made."""
    if instrument.name in definition.instruments:
        return
    in_points = (definition.max_score, definition.min_score, definition.min_points, definition.min_baseline)
    if all(value is None for value in in_points):
        return
    fitting = ", ".join(known.name for known in outcomes_for(instrument.name) if known.kind in _BY_ONE_SCORE)
    raise DataError(
        f'definition "{definition.name}" is made for {", ".join(definition.instruments)}, '
        f"not for {instrument.name}; choose one of: {fitting or 'none is known for it'}"
    )


def _check_direction(definition: Outcome, instrument: Instrument) -> None:
    """Refuse a rule that has no meaning for an instrument whose lower scores are not better."""
    if instrument.higher_is == "worse":
        return
    falls = (definition.min_fraction, definition.max_fraction, definition.max_score)
    if instrument.higher_is == "better" and all(value is None for value in falls):
        return
    direction = (
        "higher scores are better" if instrument.higher_is == "better" else "neither direction is better"
    )
    raise DataError(
        f'definition "{definition.name}" counts a fall of the score, but on {instrument.name} {direction}; '
        f"use a definition in points gained that is made for {instrument.name}"
    )
