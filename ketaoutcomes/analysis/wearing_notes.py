"""What wearing off assumes, what was left out, and why its late part needs care, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import (
    cited,
    dropped_notes,
    group_notes,
    same_time_note,
    selection_notes,
)
from ketaoutcomes.analysis.wearing_model import ALL_GROUPS, LEAST_PATIENTS, WearingModel
from ketaoutcomes.analysis.wearing_quantities import CODES
from ketaoutcomes.catalog.definitions import BaselineRule
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.clock import HOURS_PER_DAY, whole_days
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.wearing import WearingRows
from ketaoutcomes.draw.labels import count, number, percent
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.mixed_words import p_text
from ketaoutcomes.results.text import patients

__all__ = ["definitions", "wearing_notes"]

FIELLER = "Fieller 1954, J. R. Stat. Soc. B 16, 175; Zerbe 1978, Am. Stat. 32, 103"
GAP_DAYS = (7.0, 14.0, 28.0)


def definitions(
    baseline: BaselineRule, model: WearingModel, split: int | None, peak_day: float
) -> tuple[tuple[str, str, str], ...]:
    """Definitions of the groups and of the quantities."""
    groups = (
        "End of induction: the last session of the first induction; maintenance: the sessions in maintenance"
    )
    if split is not None:
        groups += f", up to the patient's session number {split} and after it"
    return (
        cited(baseline),
        ("Group of sessions", groups, "Rule of this library"),
        (
            "Benefit retained",
            f"Mean benefit at a day after the session over that at day {peak_day:g}; limits by Fieller",
            FIELLER,
        ),
        (
            "Half-life of benefit",
            f"Day after the session at which the mean benefit is half of that at day {peak_day:g}; limits "
            "are the days at which it does not differ from half",
            FIELLER,
        ),
        *model.fit.definitions,
    )  # fmt: skip


def wearing_notes(
    cohort: Cohort,
    rows: WearingRows,
    model: WearingModel,
    gaps: pd.DataFrame,
    table: pd.DataFrame,
    tests: pd.DataFrame,
    grouped: Groups,
    arguments: Mapping[str, Any],
    *,
    n_missing: int,
    small: tuple[int, int],
) -> list[str]:
    """All notes of a result, the warnings before the bookkeeping."""
    fit = model.fit
    first = f"{count(fit.n_obs)} assessments of {patients(fit.n_groups['patient_id'])} after "
    first += f"{count(model.frame.drop_duplicates(['patient_id', 'session']).shape[0])} sessions."
    return [
        first,
        *_visit_notes(model, gaps),
        *_meaning_notes(rows, arguments),
        *_model_notes(model, tests, arguments),
        *_code_notes(table, model, float(arguments["peak_day"])),
        *_left_out(rows, model, small),
        *dropped_notes(rows.dropped, rows.n_starters),
        same_time_note(cohort),
        *([f"{count(rows.n_day_only)} assessments are known only to the day."] if rows.n_day_only else []),
        *group_notes(grouped, n_missing, 0, 0),
        *selection_notes(cohort),
        UNCONTROLLED,
    ]


def _visit_notes(model: WearingModel, gaps: pd.DataFrame) -> list[str]:
    """Who is seen late after a session, with shares."""
    following = whole_days(gaps["next_day"].to_numpy() * HOURS_PER_DAY)
    days = whole_days(model.frame["day"].to_numpy() * HOURS_PER_DAY)
    shut = [f"{percent(np.mean(following <= day))} by day {day:g}" for day in GAP_DAYS]
    edges = (0.0, *GAP_DAYS, np.inf)
    names = [f"up to day {GAP_DAYS[0]:g}"]
    names += [f"day {low + 1:g} to {high:g}" for low, high in pairwise(GAP_DAYS)]
    names += [f"after day {GAP_DAYS[-1]:g}"]
    shares = [
        f"{name} {percent(np.mean((days > low) & (days <= high)))}"
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    ]
    return [
        "Informative visits: patients who get worse sooner have their next session sooner, and some are "
        "assessed because they feel worse. Late assessments come from those whose benefit lasts, so observed "
        "means flatten out. The model's curve corrects for this only as far as the time of the next session "
        "and of assessments depends on recorded scores; where it depends on what was felt but not recorded, "
        "benefit wears off faster than shown.",
        f"The next session had taken place in {', '.join(shut)} after {count(len(gaps))} sessions. "
        f"Assessments by time since the session: {', '.join(shares)}.",
    ]


def _meaning_notes(rows: WearingRows, arguments: Mapping[str, Any]) -> list[str]:
    """What the quantities are, and what they are not."""
    notes = []
    if arguments["responders_only"]:
        notes.append(
            "Only sessions after or before which a response was seen: chosen by a low score, such patients "
            "worsen by regression to the mean as well, which is not told apart from wearing off."
        )
    else:
        notes.append("All treated patients, whether they respond or not.")
    notes += [
        "Each curve is the mean of all patients in the model, had they all gone on to such a session and "
        "nobody had the next one by that day. Observed means are of those assessed; patients who go on to "
        "maintenance differ from the others from the start.",
        "Means of benefit in points. The share of patients still responding is another quantity, since a "
        "mean may fall by a little in all or by much in some.",
        "Part of the distance from baseline is regression to the mean, which does not wear off: the share "
        "retained is of the whole distance.",
        "Later sessions are those of patients who went on with treatment: a difference between groups of "
        "sessions may be one between patients as well as tolerance or consolidation.",
    ]
    recall = rows.instrument.recall_days
    if recall > 1.0:
        notes.append(
            f"{rows.instrument.name} asks about the past {recall:g} days: in the first {recall:g} days a "
            "score still looks back to before the session, so that a loss is seen late."
        )
    if arguments["sessions"] == "all":
        notes.append(
            "Within induction the next session follows within days: benefit builds up while time since the "
            "last session passes, and that group's curve shows both."
        )
    return notes


def _model_notes(model: WearingModel, tests: pd.DataFrame, arguments: Mapping[str, Any]) -> list[str]:
    """The model in words, and what its tests say."""
    fit = model.fit
    kind = (
        "a straight line in log2(1 + day)"
        if model.shape == "log"
        else "a natural cubic spline of log2(1 + day) with knots at its terciles"
    )
    each = ""
    if len(model.groups) > 1:
        each = ", one for each group of sessions"
    if len(model.levels) > 1:
        each += f"{' and' if each else ', one'} for each level of '{arguments['by']}'"
    method = "Kenward–Roger" if fit.df_method == "kenward-roger" else "Satterthwaite"
    covariate = (
        "; baseline as a covariate, means at the patients' mean" if arguments["adjust_baseline"] else ""
    )
    notes = [
        f"Linear mixed model by REML: {kind}{each}; random: {model.random}{covariate}. Degrees of freedom by "
        f"{method}; for a ratio those of numerator − ratio × denominator.",
    ]
    if model.simpler:
        notes.append(
            f"Simpler random part than level and slope of patients and level of sessions: {model.simpler}."
        )
    for row in tests.to_dict("records"):
        size = number(row["statistic"], 2)
        test = f"F({row['num_df']:g}, {number(row['den_df'], 0)}) = {size}"
        if np.isnan(row["den_df"]):
            test = f"likelihood ratio {size}, df {row['num_df']:g}"
        p_value = "" if np.isnan(row["p_value"]) else f", p = {p_text(row['p_value'])}".replace("= <", "< ")
        notes.append(f"Test that {row['hypothesis']}: {test}{p_value}.")
    if (tests.loc[tests["hypothesis"].str.startswith("the course"), "p_value"] < 0.05).any():
        notes.append('The course is not straight in log2(1 + day); shape="spline" follows it.')
    return notes


def _code_notes(table: pd.DataFrame, model: WearingModel, peak_day: float) -> list[str]:
    """What each code of the table means, and which day of the peak would do."""
    found = [code for code in CODES if (table["code"] == code).any()]
    notes = [f"{code}: {CODES[code]}." for code in found]
    curves = model.curves(peak_day)
    single = [curve for curve in curves if curve.group != ALL_GROUPS] or curves
    if "NO_PEAK" in found:
        day = max(float(np.ceil(max(curve.low, 1.0))) for curve in single)
        if np.isfinite(day):
            notes.append(
                f"All groups have assessments enough from day {day:g} on: peak_day={day:g} would do."
            )
    notes.append(
        f"Nothing is given before the day by which {LEAST_PATIENTS} patients of a group were assessed (less "
        "one day), nor after the 90th percentile of its assessments."
    )
    shares = curves[0].weights
    if len(shares) > 1:
        words = ", ".join(f"{name} {percent(weight)}" for name, weight in shares)
        notes.append(f"Average of groups: weighted by sessions ({words}).")
    return notes


def _left_out(rows: WearingRows, model: WearingModel, small: Sequence[int]) -> list[str]:
    """Assessments that were not used, by reason."""
    notes = []
    if len(rows.left_out):
        reasons = "; ".join(f"{row.reason} {count(row.n)}" for row in rows.left_out.itertuples())
        total = count(rows.left_out["n"].sum())
        notes.append(f"{total} assessments after session 1 left out: {reasons}.")
    in_groups = rows.frame["group"].astype("str").str.partition(" ")[0]
    kept = {name.partition(" ")[0] for name in model.groups}
    n_small = int((~in_groups.isin(kept)).sum())
    if n_small:
        notes.append(
            f"{count(n_small)} assessments left out: fewer than {LEAST_PATIENTS} patients in their group of "
            "sessions."
        )
    if small[0]:
        levels = "1 level" if small[0] == 1 else f"{small[0]} levels"
        notes.append(
            f"{levels} of the groups asked for with fewer than {LEAST_PATIENTS} patients left out "
            f"({patients(small[1])})."
        )
    return notes
