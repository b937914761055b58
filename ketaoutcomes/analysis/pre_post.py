"""Mean change from the baseline to a planned window, with effect sizes that name their divisor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import same_time_note, selection_notes
from ketaoutcomes.analysis.window_change import WindowChange, window_change
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level
from ketaoutcomes.derive.baseline import VALID
from ketaoutcomes.derive.windows import find_window
from ketaoutcomes.engine.effect_size import paired_change
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.pre_post import PrePostResult
from ketaoutcomes.results.text import patients

__all__ = ["BAND", "pre_post"]

BAND = "baseline_severity"
_SIZES = ("effect_size", "formula", "estimate", "corrected", "conf_low", "conf_high", "n", "method")


def pre_post(
    cohort: Cohort,
    instrument: str,
    *,
    at: str | float = "end_of_induction",
    by_severity: bool = False,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> PrePostResult:
    """Scores before and after of the patients who have both, and the change between them.

    The score after is the one nearest to the window's target, never the lowest. Nothing is filled in for
    patients without it: they are counted. Patients whose window had not closed at the data cut are left out.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
    at : str or float
        Name of a window, or a number of days that a window is named for.
    by_severity : bool
        A row per severity band of the baseline, in the catalogue's bands, without effect sizes: within a
        band the SD is cut short. Part of the difference between bands is regression to the mean.
    baseline : str
        Name of the baseline rule.
    level : float

    Returns
    -------
    PrePostResult
        `.table`: the band or none, `n` (patients with both scores), `n_missing` (due and with a valid
        baseline, without a score in the window), `n_not_due`, `mean_before`, `sd_before`, `mean_after`,
        `sd_after`, `correlation`, `estimate` (after minus before), `sd`, `std_error`, `conf_low`,
        `conf_high`.

    Raises
    ------
    DataError
        If the instrument has no score, or a name is not known.

    Source
    ------
    See `engine.effect_size`. Checked: tests/analysis/test_pre_post.py.
    """
    check_cohort(cohort)
    check_level(level)
    known, window, rule = find_instrument(instrument), find_window(at), baseline_rule(baseline)
    found = window_change(cohort, known, window, rule)
    groups = [("all", np.ones(found.codes.size, dtype=bool))]
    if by_severity:
        names = _bands(found)
        groups = [(band.name, names == band.name) for band in known.bands]
        groups = [(name, inside) for name, inside in groups if inside.any()]
    table, sizes = _tables(found, groups, level)
    sizes = sizes.drop(columns=BAND)
    if by_severity:
        # A band cuts the SD before short, so a change in units of it would say nothing.
        sizes = sizes.iloc[:0]
    else:
        table = table.drop(columns=BAND)
    definitions = list(found.definitions())
    if by_severity and known.band_sets:
        chosen = known.band_sets[0]
        words = "; ".join(f"{band.name} {band.low:g}–{band.high:g}" for band in chosen.bands)
        definitions.append((f"Severity bands, {chosen.name}", words, chosen.citation))
    return PrePostResult(
        title=f"{known.name} before and after, {window.label}",
        table=table,
        notes=(
            f"{patients(int(found.scored.sum()))} with both scores, of {patients(int(found.due.sum()))} who "
            "started and whose window had closed. Nothing is filled in.",
            same_time_note(cohort),
            *selection_notes(cohort),
            UNCONTROLLED,
        ),
        definitions=tuple(definitions),
        provenance=provenance_of(
            "pre_post",
            cohort.fingerprint,
            {
                "instrument": known.name,
                "at": window.name,
                "by_severity": by_severity,
                "baseline": rule.name,
                "level": level,
            },
        ),
        level=level,
        by=BAND if by_severity else None,
        effect_sizes=sizes,
    )


def _bands(found: WindowChange) -> np.ndarray:
    """Severity band of each valid baseline; None where there is none."""
    valid = np.where(found.reason == VALID, found.baseline, np.nan)
    bands = [found.instrument.band(score) for score in valid]
    return np.array([None if band is None else band.name for band in bands], dtype=object)


def _tables(
    found: WindowChange, groups: Sequence[tuple[str, np.ndarray]], level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row per group, and one per effect size of a group."""
    rows, sizes = [], []
    valid = found.reason == VALID
    for name, inside in groups:
        pairs = found.scored & inside
        paired = paired_change(found.baseline[pairs], found.score[pairs], level=level)
        n_missing = int((found.eligible & inside).sum()) - paired.n
        n_not_due = int((valid & ~found.due & inside).sum())
        rows.append(
            {BAND: name, "n": paired.n, "n_missing": n_missing, "n_not_due": n_not_due}
            | {"mean_before": paired.mean_before, "sd_before": paired.sd_before}
            | {"mean_after": paired.mean_after, "sd_after": paired.sd_after}
            | {"correlation": paired.correlation, "estimate": paired.change, "sd": paired.sd_change}
            | {"std_error": paired.std_error, "conf_low": paired.conf_low, "conf_high": paired.conf_high}
        )  # fmt: skip
        for one in paired.effect_sizes:
            sizes.append(
                (
                    name, one.name, one.formula, one.estimate, one.corrected, one.conf_low, one.conf_high,
                    paired.n, one.method,
                )
            )  # fmt: skip
    names = [BAND, "n", "n_missing", "n_not_due", "mean_before", "sd_before", "mean_after", "sd_after"]
    names += ["correlation", "estimate", "sd", "std_error", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=names), pd.DataFrame(sizes, columns=[BAND, *_SIZES])
