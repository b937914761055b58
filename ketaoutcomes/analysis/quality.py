"""What was read, what is missing, and who drops out where."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.notes import cited, phase_notes, same_time_note, selection_notes
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.quality import attrition, main_instrument, missing_cells, recording
from ketaoutcomes.derive.sessions import induction
from ketaoutcomes.derive.windows import find_window
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.quality import QualityResult

__all__ = ["data_quality"]


def data_quality(
    cohort: Cohort,
    instrument: str | None = None,
    *,
    at: str | float = "end_of_induction",
    baseline: str = "last_14_days",
) -> QualityResult:
    """Rows read, kept and set aside, missing cells, attrition, and what sessions have on record.

    Parameters
    ----------
    cohort : Cohort
    instrument : str, optional
        Whose scores the attrition follows; by default the instrument of the
        catalogue with scores of the most patients.
    at : str or float
        Name of the window at the end of the flow, or a number of days that a window is named for.
    baseline : str
        Name of the baseline rule.

    Returns
    -------
    QualityResult
        `.rows` (the same as `.table`), `.rules`, `.blanked`, `.missing`,
        `.flow`, `.losses`, `.recording`.

    Raises
    ------
    DataError
        If an instrument is asked for that has no score.
    """
    check_cohort(cohort)
    window = find_window(at)
    name = main_instrument(cohort) if instrument is None else find_instrument(instrument).name
    definitions, phases = [], []
    if name is None:
        flow = pd.DataFrame({"step": [], "n": [], "n_lost": [], "reason": []})
        losses = pd.DataFrame({"step": [], "reason": [], "n_patients": []})
    else:
        found = attrition(cohort, name, window=window.name, rule=baseline)
        flow, losses = found.steps, found.losses
        definitions = [cited(baseline_rule(baseline)), cited(window)]
        if window.anchor == "last_induction_session":
            ended = induction(cohort)
            definitions.append(cited(ended.rule))
            phases = phase_notes(ended)
    counts = cohort.counts.reset_index(drop=True)
    return QualityResult(
        title="Data quality",
        table=counts,
        notes=(*_notes(cohort, counts), *_why_no_flow(cohort, name), *phases),
        definitions=tuple(definitions),
        provenance=provenance_of(
            "data_quality", cohort.fingerprint, {"instrument": name, "at": window.name, "baseline": baseline}
        ),
        rules=cohort.quarantine.reset_index(drop=True),
        blanked=cohort.blanked.reset_index(drop=True),
        missing=missing_cells(cohort),
        flow=flow,
        losses=losses,
        recording=recording(cohort, name),
        instrument=name,
        sources=cohort.sources.reset_index(drop=True),
        unmapped=cohort.unmapped.reset_index(drop=True),
    )


def _why_no_flow(cohort: Cohort, name: str | None) -> tuple[str, ...]:
    """Says so where there are scores, but of no instrument whose range and direction are known."""
    if name is not None or not len(cohort.scores):
        return ()
    return ("No attrition: no scores of an instrument that is in the catalogue.",)


def _notes(cohort: Cohort, counts: pd.DataFrame) -> list[str]:
    read, kept, aside = (int(counts[column].sum()) for column in ("n_read", "n_kept", "n_quarantined"))
    notes = [f"{read:,} rows read = {kept:,} kept + {aside:,} set aside by a rule."]
    cells = int(cohort.blanked["n_cells"].sum()) if len(cohort.blanked) else 0
    if cells:
        notes.append(f"{cells:,} implausible cells were set to missing; their rows are kept.")
    if len(cohort.sources):
        parts = ("n_read", "n_kept", "n_quarantined", "n_unmapped")
        n_read, n_kept, n_aside, n_unmapped = (int(cohort.sources[part].sum()) for part in parts)
        notes.append(
            f"The tables were made from an export: {n_read:,} rows read = {n_kept:,} kept in part or whole + "
            f"{n_aside:,} set aside by a rule + {n_unmapped:,} not mapped."
        )
    absent = sorted(set(cohort.tables) - set(cohort.present))
    if absent:
        notes.append(f"Tables not supplied: {', '.join(absent)}. What they would hold is not known.")
    if cohort.selection:
        notes.append("Rows are counted as read, before the selection.")
    return [*notes, same_time_note(cohort), *selection_notes(cohort)]
