"""What became of the item about suicidal thoughts: a screen, not an outcome of suicide."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import cited, selection_notes
from ketaoutcomes.catalog.definitions import OUTCOMES, Outcome, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level
from ketaoutcomes.derive.safety_item import item_before_and_after, safety_item_number
from ketaoutcomes.derive.windows import NOT_DUE, SCORED, find_window
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.safety_item import SafetyItemResult
from ketaoutcomes.results.text import patients

__all__ = ["NAMED", "outcome_of_item", "safety_item_outcomes"]

NAMED = ("si_resolved", "si_reduced", "si_worse")
RECORDED, NOT_RECORDED, NOT_SCORED = "recorded", "item not recorded", "not scored"


def safety_item_outcomes(
    cohort: Cohort,
    instrument: str,
    *,
    at: str | float = "end_of_induction",
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> SafetyItemResult:
    """The flagged item before session 1 and in a window, and the shares in whom it fell or rose.

    Counted are patients with a valid baseline whose window has closed. The item is read at the
    assessments from which response is told. Where it was left blank it is not known, also where the total
    was made up from the other items: it never counts as 0.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS` with one flagged item, e.g. "PHQ-9".
    at : str or float
        Name of a window, or a number of days that a window is named for.
    baseline : str
        Name of the baseline rule.
    level : float
        Confidence level of the Wilson intervals.

    Returns
    -------
    SafetyItemResult
        `.table`: `outcome` ("si_resolved", "si_reduced", "si_worse"), `label`, `n_events`, `n` (patients
        with the item at both times; of the first two, those with 1 or more before), `estimate`,
        `conf_low`, `conf_high`. `.transitions`: patients by code before and after.

    Raises
    ------
    DataError
        If the instrument has no single flagged item, or its items are not recorded.

    Source
    ------
    McInnes 2022, J. Affect. Disord.; Wilson (1927), J. Am. Stat. Assoc. 22, 209.
    """
    check_cohort(cohort)
    check_level(level)
    known, window, rule = find_instrument(instrument), find_window(at), baseline_rule(baseline)
    item = safety_item_number(known)
    if item is None:
        raise DataError(f"{known.name} has no single item that the catalogue flags; PHQ-9 has item 9")
    people = item_before_and_after(cohort, known.name, item, window=window.name, rule=rule.name)
    due = people[(people["status"] != NOT_DUE).to_numpy(bool)]
    counted = due[due["has_baseline"]]
    before, after = counted["before"].to_numpy(float), counted["after"].to_numpy(float)
    definitions = [OUTCOMES[name] for name in NAMED]
    table = pd.DataFrame([_row(one, known, item, before, after, level) for one in definitions])
    n_open = len(people) - len(due)
    arguments = {"instrument": known.name, "at": window.name, "baseline": rule.name, "level": level}
    return SafetyItemResult(
        title=f"Item {item} of the {known.name}, {window.label}",
        table=table,
        notes=(*_notes(due, counted, n_open), *selection_notes(cohort), UNCONTROLLED),
        definitions=(*(_cited(one, known, item) for one in definitions), cited(window), cited(rule)),
        provenance=provenance_of("safety_item_outcomes", cohort.fingerprint, arguments),
        transitions=_transitions(counted),
        instrument=known.name,
        item=item,
        level=level,
        n_not_due=n_open,
    )


def outcome_of_item(definition: Outcome, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, ...]:
    """Who can be judged by a definition about an item, and who meets it; two (n,) bool arrays."""
    with np.errstate(invalid="ignore"):
        judged = np.isfinite(before) & np.isfinite(after)
        if definition.min_baseline is not None:
            judged = judged & (before >= definition.min_baseline)
        points = after - before if definition.kind == "safety_worse" else before - after
        meets = judged.copy()
        if definition.min_points is not None:
            meets &= points >= definition.min_points
        if definition.max_score is not None:
            meets &= after <= definition.max_score
    return judged, meets


def _row(
    definition: Outcome, known: Instrument, item: int, before: np.ndarray, after: np.ndarray, level: float
) -> dict:
    judged, meets = outcome_of_item(definition, before, after)
    x, n = int(meets.sum()), int(judged.sum())
    low, high = wilson(x, n, level=level) if n else (np.nan, np.nan)
    label = definition.label.replace("PHQ-9 item 9", f"{known.name} item {item}")
    share = x / n if n else np.nan
    return {
        "outcome": definition.name, "label": label, "n_events": x, "n": n, "estimate": share,
        "conf_low": float(low), "conf_high": float(high),
    }  # fmt: skip


def _cited(definition: Outcome, known: Instrument, item: int) -> tuple[str, str, str]:
    name, text, source = cited(definition)
    if known.name not in definition.instruments:
        text = text.replace("item 9", f"item {item} of the {known.name}").replace("Item 9", f"Item {item}")
        name, source = f"{name} ({known.name})", f"{source}; carried over from the PHQ-9"
    return name, text, source


def _transitions(counted: pd.DataFrame) -> pd.DataFrame:
    """Patients by code before, code after and whether there was an assessment after."""
    scored = (counted["status"] == SCORED).to_numpy(bool)
    after = counted["after"].to_numpy(float)
    status = np.where(np.isfinite(after), RECORDED, np.where(scored, NOT_RECORDED, NOT_SCORED))
    table = pd.DataFrame({"before": counted["before"].to_numpy(float), "after": after, "status": status})
    return table.groupby(["before", "after", "status"], dropna=False).size().rename("n").reset_index()


def _notes(due: pd.DataFrame, counted: pd.DataFrame, n_open: int) -> list[str]:
    """Who is not known, and why."""
    notes = ["The item is a screen, not an outcome of suicide."]
    if n_open:
        notes.append(f"{patients(n_open)} not yet due: the window had not closed at the data cut.")
    without = len(due) - len(counted)
    if without:
        notes.append(f"{without} of {patients(len(due))} who started have no valid baseline.")
    scored = counted["status"] == SCORED
    blank = int(counted["before"].isna().sum()), int((scored & counted["after"].isna()).sum())
    if any(blank):
        notes.append(
            f"Scored, but the item not recorded: {blank[0]} at baseline, {blank[1]} in the window; not "
            "known, and not counted as 0."
        )
    unscored = int((~scored).sum())
    if unscored:
        notes.append(
            f"{unscored} of {patients(len(counted))} with a valid baseline not scored in the window."
        )
    return notes
