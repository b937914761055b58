"""Published results beside the clinic's own, each under the study's definition; never a verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import cited, selection_notes
from ketaoutcomes.analysis.published_limits import (
    METHODS,
    Limits,
    difference_of,
    overlap_of,
    published_limits,
)
from ketaoutcomes.analysis.published_numbers import NOBODY, Clinic, Number
from ketaoutcomes.analysis.published_rows import ROWS, PublishedRow
from ketaoutcomes.analysis.published_side_effects import published_side_effects
from ketaoutcomes.catalog.benchmarks import BENCHMARKS, Benchmark
from ketaoutcomes.catalog.definitions import OUTCOMES
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_count, check_level
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, Result, provenance_of
from ketaoutcomes.results.published import PublishedResult

__all__ = ["published_comparison"]

NO_DIFFERENCE = "no difference can be claimed"
DIFFERS = "differs; populations, doses, raters and follow-up differ too"
NEVER_RECORDED = "raters and washout of other medication are not recorded here"
SIDE_EFFECTS = "side_effects"


def published_comparison(
    cohort: Cohort,
    topic: str = "response",
    *,
    effects: str | Sequence[str] | None = None,
    ascertainment: str | None = None,
    placebo: bool = False,
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
) -> PublishedResult:
    """Published numbers beside the clinic's, each made under the study's own definition.

    Neither is the better one. Whoever is treated, how they were chosen, doses, raters and follow-up
    differ, so a number is said to differ only where the two intervals do not overlap, and
    otherwise that no difference can be claimed. A study on an instrument that the clinic does not
    record has no number here.

    Parameters
    ----------
    cohort : Cohort
    topic : {"response", "durability", "side_effects"}
    effects : str or sequence of str, optional
        For side effects only: which to give, besides "any side effect"; all by default.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        For side effects only: one of the clinic's ways of asking.
    placebo : bool
        For side effects only: whether placebo arms are listed as well.
    level : float
        Confidence level of the clinic's intervals, and of those made here for published counts.
    n_replicates, seed : int
        Bootstrap replicates of patients, 0 for no limits of curves; same seed, same limits.

    Returns
    -------
    PublishedResult
        `.table`, a row per published number; `.curves`, the clinic's full results;
        `.sessions`, response after each session.

    Raises
    ------
    DataError
        If an argument is malformed or belongs to another topic, or the cohort has no score.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Each number's own, in its row. Checked: tests/analysis/test_published.py.
    """
    check_cohort(cohort)
    check_choice("topic", topic, (*ROWS, SIDE_EFFECTS))
    check_level(level)
    check_count("n_replicates", n_replicates, meaning=", which is for no limits of curves")
    check_count("seed", seed)
    if topic == SIDE_EFFECTS:
        return published_side_effects(
            cohort, effects=effects, ascertainment=ascertainment, placebo=placebo, level=level
        )
    if effects is not None or ascertainment is not None or placebo is not False:
        raise DataError(
            f'effects=, ascertainment= and placebo= belong to topic="{SIDE_EFFECTS}"; leave them out for '
            f'topic="{topic}"'
        )
    if not len(cohort.scores):
        raise DataError("scores: there is none, so no published result has a counterpart here")
    clinic = Clinic(cohort, level=level, n_replicates=n_replicates, seed=seed)
    rows = ROWS[topic]
    table = pd.DataFrame([_compared(clinic, row, level) for row in rows])
    table["overlap"] = table["overlap"].astype("boolean")
    used = [row for row in rows if BENCHMARKS[row.name].instrument in clinic.recorded]
    curves, sessions = _curves(clinic, topic)
    names = dict.fromkeys(name for row in used for name in row.outcomes)
    arguments = {"topic": topic, "level": level, "n_replicates": n_replicates, "seed": seed}
    return PublishedResult(
        title=f"Published results on {topic}, and this clinic's under the same definitions",
        table=table,
        notes=(*_notes(table), *selection_notes(cohort), UNCONTROLLED),
        definitions=(*(cited(OUTCOMES[name]) for name in names), *METHODS),
        provenance=provenance_of("published_comparison", cohort.fingerprint, arguments),
        topic=topic,
        level=level,
        curves=curves,
        sessions=sessions,
    )


def _compared(clinic: Clinic, row: PublishedRow, level: float) -> dict[str, object]:
    """One row of the table."""
    known = BENCHMARKS[row.name]
    recorded = known.instrument in clinic.recorded
    ours = row.make(clinic) if recorded else Number()
    scale = 100.0 if known.unit == "percent" else 1.0
    interval = published_limits(known, level)
    cells = {
        "name": row.name,
        "study": known.study,
        "quantity": row.label,
        "instrument": known.instrument,
        "definition": known.definition,
        "window": known.window,
        "denominator": known.denominator,
        "unit": "share" if known.unit == "percent" else known.unit,
        "time": row.time,
        "published": known.estimate / scale,
        "published_low": interval.low,
        "published_high": interval.high,
        "published_interval": interval.method,
        "published_n": pd.NA if known.n is None else known.n,
        "published_n_events": pd.NA if interval.n_events is None else interval.n_events,
        "verified": known.verified,
        "here": row.here if recorded else "",
        "estimate": ours.estimate,
        "estimate_high": ours.estimate_high,
        "conf_low": ours.conf_low,
        "conf_high": ours.conf_high,
        "n": ours.n,
        "n_events": ours.n_events,
        "n_unknown": ours.n_unknown,
        "method": ours.method,
    }
    cells |= difference_of(cells["published"], interval, known, ours, level)
    overlap = overlap_of(interval, ours)
    cells |= {"overlap": overlap, "words": _words(known, recorded, interval, ours, overlap)}
    return cells | {"differs_in": _differs(known, row, ours), "source": known.source}


def _words(known: Benchmark, recorded: bool, interval: Limits, ours: Number, overlap: bool | None) -> str:
    if not recorded:
        return f"not recorded here: {known.instrument}"
    if np.isnan(ours.estimate):
        return NOBODY if not ours.n else f"{NO_DIFFERENCE}: it cannot be told here"
    if overlap is None:
        whose = "published" if np.isnan(interval.low) else "clinic's"
        return f"{NO_DIFFERENCE}: the {whose} number has no interval"
    return f"{NO_DIFFERENCE}: the intervals overlap" if overlap else DIFFERS


def _differs(known: Benchmark, row: PublishedRow, ours: Number) -> str:
    """What the clinic's data cannot match."""
    dose = f"dose {known.dose}" if known.dose else ""
    there = "; ".join(part for part in (known.design, known.setting, known.route, dose) if part)
    parts = [f"there: {there}", row.differs, ours.remark, NEVER_RECORDED]
    return "; ".join(part for part in parts if part)


def _curves(clinic: Clinic, topic: str) -> tuple[dict[str, Result], pd.DataFrame]:
    """The clinic's full results by the study that they were made for, and response after each session."""
    found: dict[str, Result | None] = {}
    sessions = pd.DataFrame()
    if topic == "response" and "MADRS" in clinic.recorded:
        sessions = clinic.sessions("MADRS")
        found["sessions to response"] = clinic.madrs_by_session
    if topic == "durability" and "PHQ-9" in clinic.recorded:
        found["McInnes 2022"] = clinic.phq9_held
    if topic == "durability" and "MADRS" in clinic.recorded:
        found["Murrough 2013 (repeated infusions)"] = clinic.madrs_held
        found["Daly 2019 (SUSTAIN-1), remitters"] = clinic.relapse_curve(clinic.remitters, "remitters")
        found["Daly 2019 (SUSTAIN-1), responders"] = clinic.relapse_curve(clinic.responders, "responders")
    return {name: result for name, result in found.items() if result is not None}, sessions


def _notes(table: pd.DataFrame) -> list[str]:
    notes = [
        "Each of the clinic's numbers is made under the study's definition as far as it is recorded; what "
        "cannot be matched is in the column differs_in.",
        f'Overlapping intervals: "{NO_DIFFERENCE}", also where the interval of the difference leaves 0 out: '
        "the two groups were not drawn from one population.",
    ]
    ours = table.loc[table["published_interval"].str.startswith("ours"), "study"].unique()
    if len(ours):
        notes.append(f"The source prints no interval; made here from its count: {', '.join(ours)}.")
    shaky = table.loc[~table["verified"].astype(bool), "quantity"].unique()
    if len(shaky):
        notes.append(f"Not checked against the source: {', '.join(shaky).lower()}.")
    absent = table.loc[table["words"].str.startswith("not recorded"), "instrument"].unique()
    if len(absent):
        notes.append(f"Not recorded here, so without a number: {', '.join(absent)}.")
    return notes
