"""Curves and tests of events known only to lie between two times, for any frame."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.frame_columns import check_word, landmark_times
from ketaoutcomes.analysis.interval_columns import IntervalRows, interval_rows
from ketaoutcomes.analysis.logrank_tables import (
    FEWEST_FOR_A_P_VALUE,
    free_frame,
    group_table,
    schedule_frame,
    test_frame,
    test_notes,
)
from ketaoutcomes.analysis.turnbull import Settings, curves
from ketaoutcomes.derive.arguments import check_count, check_level
from ketaoutcomes.engine.bootstrap import RESAMPLES
from ketaoutcomes.engine.logrank import METHODS
from ketaoutcomes.engine.logrank import interval_logrank as permutation_test
from ketaoutcomes.engine.logrank_scores import SCORES
from ketaoutcomes.engine.schedules import interval_schedules, schedule_free_test
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.logrank import LogRankResult
from ketaoutcomes.results.survival_curve import SurvivalResult
from ketaoutcomes.results.text import patients

__all__ = ["interval_logrank", "interval_survival"]

UNITS = ("days", "hours")
SMALLEST_GROUP = 2
FEWEST_FOR_A_BAND = 2
LEVEL = 0.95
N_MARKS = 5
TURNBULL = (
    "Turnbull estimate",
    "The nonparametric maximum likelihood curve of a time that is known only to lie in (left, right]; "
    "undetermined inside the innermost intervals",
    "Turnbull 1976, J. R. Stat. Soc. B 38, 290",
)
SCORE_WORDS = {
    "sun": ("Log-rank score", "Sun 1996, Stat. Med. 15, 1387"),
    "finkelstein": ("Score of grouped proportional hazards", "Finkelstein 1986, Biometrics 42, 845"),
    "wilcoxon": ("Wilcoxon score, of proportional odds", "Fay and Shaw 2010, J. Stat. Softw. 36(2)"),
}


def interval_survival(
    data: pd.DataFrame,
    *,
    left: str,
    right: str,
    by: str | None = None,
    level: float = 0.95,
    clusters: str | None = None,
    unit: str = "days",
    at: float | tuple[float, ...] | None = None,
    resample: str = "patients",
    n_replicates: int = 400,
    seed: int = 20260101,
) -> SurvivalResult:
    """Share without the event against time, when the event is known only to lie in (left, right].

    Parameters
    ----------
    data : DataFrame
        One row per patient, or several that `clusters` joins.
    left, right : str
        Columns with the last time without and the first time with the event, counted from 0. A missing or
        infinite `right` is right-censored; a missing `left` with a known `right` is 0; equal ends are
        an exact time. Each is counted in the notes; rows that tell nothing are left out.
    by : str, optional
        Column; one curve per level. Rows without a level are left out and counted.
    level : float
        Confidence level.
    clusters : str, optional
        Column that names the patient, where patients have several rows: the bootstrap then draws patients.
    unit : {"days", "hours"}
        Of the times in the data; nothing is converted.
    at : float or tuple of float, optional
        Times of the landmarks; by default about five round ones.
    resample : {"patients", "m-out-of-n"}
        How the bootstrap draws. "patients" is consistent for assessments on a fixed schedule,
        "m-out-of-n" when they are spread over continuous time, where the curve converges more slowly.
    n_replicates : int
        Bootstrap replicates; 0 for no band.
    seed : int
        Same seed, same band, whatever the order of rows and the names of patients.

    Returns
    -------
    SurvivalResult
        `.table` with `time`, `estimate` (lower bound of the share without the event), `estimate_high` (upper
        bound), `conf_low`, `conf_high`; `.landmarks`, `.medians`, `.masses`, `.fits`.

    Raises
    ------
    DataError
        If a column is absent or no number, an end is negative or out of order, or patients have several
        rows and `clusters` is not given.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290. Checked: tests/analysis/test_any_frame.py.
    """
    check_level(level)
    check_word("unit", unit, UNITS)
    check_word("resample", resample, RESAMPLES)
    check_count("n_replicates", n_replicates, meaning=", which is for no band")
    check_count("seed", seed)
    rows = interval_rows(data, left=left, right=right, by=by, clusters=clusters)
    shown, notes = _shown(rows)
    marks, mark_notes = _marks(at, rows, unit)
    # Draws of one patient are all alike: a band of them would have no width.
    alone = _n_patients(rows, shown) < FEWEST_FOR_A_BAND
    how = Settings(marks, _last_time(rows), level, 0 if alone else n_replicates, seed, resample)
    tables = _survival_tables(rows, shown, how)
    notes = [f"{_size(rows, shown)} analysed.", *rows.notes, *notes, *mark_notes]
    if alone and n_replicates:
        notes.append("No band: the rows are of one patient, which says nothing of how patients differ.")
    notes.append("Rows whose event was not seen are taken to reach it later as the others do.")
    arguments = {"left": left, "right": right, "by": by, "level": level, "clusters": clusters, "unit": unit}
    arguments |= {"at": tuple(marks.tolist()), "resample": resample, "n_replicates": n_replicates}
    return SurvivalResult(
        title=f"Share without the event, from intervals ({unit})",
        notes=(*notes, *_band_notes(tables["fits"], how), UNCONTROLLED),
        definitions=(TURNBULL,),
        provenance=provenance_of("interval_survival", "", arguments | {"seed": seed}),
        unit=unit,
        by=by,
        level=level,
        **tables,
    )


def interval_logrank(
    data: pd.DataFrame,
    *,
    left: str,
    right: str,
    by: str,
    score: str = "sun",
    strata: str | None = None,
    clusters: str | None = None,
    method: str = "auto",
    n_permutations: int = 9999,
    seed: int = 20260101,
    unit: str = "days",
) -> LogRankResult:
    """Whether groups differ in when the event comes, when it is known only to lie in (left, right].

    The generalised log-rank test, by permutation of the groups' labels. It assumes that the groups
    were assessed on the same schedule: that is checked, and where it does not hold a test that does
    not assume it is given as well.

    Parameters
    ----------
    data : DataFrame
    left, right : str
        Columns, as for `interval_survival`.
    by : str
        Column of the groups.
    score : {"sun", "finkelstein", "wilcoxon"}
        "sun" is the ordinary log-rank test where times are exact or right-censored; "finkelstein" is
        nearly the same; "wilcoxon" weighs early times more.
    strata : str, optional
        Column; groups are compared within its levels, and the differences added up.
    clusters : str, optional
        Column that names the patient, where patients have several rows; patients are relabeled whole.
    method : {"auto", "asymptotic", "exact", "monte-carlo"}
        "auto" looks at all relabelings where there are no more than 200,000, at random ones where there
        are more of up to 20 patients, and takes the normal limit otherwise. Under 20 patients
        a p-value is given only if another method than "auto" is named.
    n_permutations, seed : int
        Of "monte-carlo".
    unit : {"days", "hours"}
        Of the times, for the picture.

    Returns
    -------
    LogRankResult
        `.table` (per group), `.test`, `.schedules`, `.schedule_free`, `.curve`.

    Raises
    ------
    DataError
        If a column is absent or no number, an end is negative or out of order, a patient lies in two
        groups, or patients have several rows and `clusters` is not given.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Fay and Shaw (2010), J. Stat. Softw. 36(2). Checked: tests/engine/test_logrank.py.
    """
    check_word("score", score, SCORES)
    check_word("method", method, METHODS)
    check_word("unit", unit, UNITS)
    check_count("n_permutations", n_permutations, least=1)
    check_count("seed", seed)
    if by is None:
        raise DataError('by names the column of the groups that are compared, such as by="treatment"')
    rows = interval_rows(data, left=left, right=right, by=by, clusters=clusters, strata=strata)
    shown, notes = _shown(rows)
    arguments = {"left": left, "right": right, "by": by, "score": score, "strata": strata}
    arguments |= {"clusters": clusters, "method": method, "n_permutations": n_permutations, "seed": seed}
    where = provenance_of("interval_logrank", "", arguments)
    used = shown[rows.grouped.code]
    ends, group = (rows.left[used], rows.right[used]), rows.grouped.code[used]
    whose = None if rows.patient is None else rows.patient[used]
    how = {"score": score, "clusters": whose, "strata": None if strata is None else rows.stratum[used]}
    found = permutation_test(*ends, group, method=method, n_permutations=n_permutations, seed=seed, **how)
    free = schedule_free_test(*ends, group, **how)
    check = interval_schedules(*ends, group, clusters=whose, seed=seed)
    named = method != "auto" or found.n_units.sum() >= FEWEST_FOR_A_P_VALUE
    numbers = np.flatnonzero(shown)
    levels = [rows.grouped.levels[number] for number in numbers]
    n_events = np.bincount(group[np.isfinite(ends[1])], minlength=len(shown))[numbers]
    notes = [f"{_size(rows, shown)} compared.", *rows.notes, *notes]
    return LogRankResult(
        title=f"Log-rank test of intervals, by {by}",
        table=group_table(by, levels, found, n_events, clustered=whose is not None),
        notes=(
            *notes,
            *test_notes(found, free, check, levels, named, strata, int(n_events.sum())),
            UNCONTROLLED,
        ),
        definitions=_definitions(score),
        provenance=where,
        test=test_frame(found, score, named),
        schedule_free=free_frame(free, named and not found.no_information),
        schedules=schedule_frame(check, levels),
        curve=_plain_curve(rows, shown, unit, by, where),
        by=by,
    )


def _plain_curve(rows: IntervalRows, shown, unit: str, by: str, where) -> SurvivalResult:
    """The groups' curves without a band, beside their test."""
    marks, _ = _marks(None, rows, unit)
    how = Settings(marks, _last_time(rows), LEVEL, n_replicates=0, seed=0)
    return SurvivalResult(
        title=f"Share without the event ({unit})",
        notes=rows.notes,
        definitions=(TURNBULL,),
        provenance=where,
        unit=unit,
        by=by,
        level=LEVEL,
        **_survival_tables(rows, shown, how),
    )


def _shown(rows: IntervalRows) -> tuple[np.ndarray, list[str]]:
    """Groups that are large enough, and a note on those that are not."""
    sizes = rows.sizes
    by = rows.grouped.by
    if by is None:
        return sizes > 0, []
    shown = sizes >= SMALLEST_GROUP
    if not shown.any():
        raise DataError(f"by='{by}' leaves no group of at least {SMALLEST_GROUP} patients")
    small = ~shown & (sizes > 0)
    n, who = int(small.sum()), patients(int(sizes[small].sum()))
    if not n:
        return shown, []
    noun = "1 group" if n == 1 else f"{n} groups"
    return shown, [f"{noun} of '{by}' with fewer than {SMALLEST_GROUP} patients left out ({who})."]


def _n_patients(rows: IntervalRows, shown: np.ndarray) -> int:
    used = shown[rows.grouped.code]
    return int(used.sum()) if rows.patient is None else np.unique(rows.patient[used]).size


def _size(rows: IntervalRows, shown: np.ndarray) -> str:
    of = patients(_n_patients(rows, shown))
    return of if rows.patient is None else f"{int(shown[rows.grouped.code].sum()):,} rows of {of}"


def _last_time(rows: IntervalRows) -> float:
    """The last time at which anything is known."""
    return max(rows.left.max(), rows.right[np.isfinite(rows.right)].max(initial=0.0))


def _marks(at, rows: IntervalRows, unit: str) -> tuple[np.ndarray, list[str]]:
    """Times of the landmarks up to the last time known, and a note on those that lie beyond it."""
    end = _last_time(rows)
    if at is None:
        size = 10.0 ** np.floor(np.log10(end / N_MARKS)) if end > 0 else 1.0
        step = size * min((1, 2, 5, 10), key=lambda factor: abs(end / N_MARKS - factor * size))
        marks = np.arange(1, int(end / step + 1e-9) + 1) * step
        return marks if marks.size else np.array([end]), []
    times = landmark_times(at, end=end, unit=unit)
    beyond = times[times > end]
    if not beyond.size:
        return times, []
    words = ", ".join(f"{time:g}" for time in beyond)
    note = f"Nothing is given at {words} {unit}: follow-up ends at {end:g} {unit}"
    if beyond.size == times.size:
        return np.array([end]), [f"{note}, where the curve is given instead."]
    return times[times <= end], [f"{note}."]


def _survival_tables(rows: IntervalRows, shown, how: Settings) -> dict[str, pd.DataFrame]:
    """Tables of a `SurvivalResult`."""
    tables = curves(rows.left, rows.right, rows.grouped.code, rows.grouped, shown, how, patient=rows.patient)
    names = {"n_responded": "n_events", "n_sessions": "n_rows"}
    turned = {
        "estimate": "estimate_high", "estimate_high": "estimate",
        "conf_low": "conf_high", "conf_high": "conf_low",
    }  # fmt: skip
    for name in ("table", "landmarks"):
        happened = tables[name]
        without = {column: 1.0 - happened[other] for column, other in turned.items()}
        tables[name] = happened.assign(**without).rename(columns=names)
    medians = tables["medians"].drop(columns=["naive", "late_low", "late_high"], errors="ignore")
    return {
        "table": tables["table"],
        "landmarks": tables["landmarks"],
        "medians": medians.rename(columns=names),
        "masses": tables["masses"],
        "fits": tables["fits"].rename(columns=names),
    }


def _band_notes(fits: pd.DataFrame, how: Settings) -> list[str]:
    notes = []
    if how.n_replicates and how.resample == "patients":
        notes.append(
            f"Band: percentiles of {how.n_replicates} bootstrap samples of patients, pointwise. Where "
            "assessments are spread over continuous time it is a guide only; "
            'resample="m-out-of-n" gives one with a warrant.'
        )
    elif how.n_replicates:
        notes.append(
            f"Band: {how.n_replicates} bootstrap samples of n^(2/3) of n patients (m out of n), pointwise, "
            "for assessments spread over continuous time. It need not fall with time; on a fixed schedule it "
            "is too wide."
        )
    n_failed = int(fits["n_failed"].sum())
    if n_failed:
        notes.append(f"{n_failed} bootstrap fits failed and are not in the band.")
    notes.append(f"The log-likelihood is at most {fits['gap'].max():.0e} below its maximum.")
    if not fits["unique"].all():
        notes.append("Other curves have the same likelihood: the masses are not unique.")
    return notes


def _definitions(score: str) -> tuple[tuple[str, str, str], ...]:
    name, source = SCORE_WORDS[score]
    test = "Each row's score under the curve of all groups together, summed per group and compared with what "
    return (
        (name, test + "relabeling the patients would give", source),
        TURNBULL,
    )
