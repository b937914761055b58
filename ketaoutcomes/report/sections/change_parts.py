"""Parts of section 3: how many changed, by which rule, and what regression to the mean alone would give."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ketaoutcomes.analysis.regression_to_mean import expected_regression
from ketaoutcomes.analysis.reliable_change import responder_table
from ketaoutcomes.catalog.instruments import Cutoff, Instrument
from ketaoutcomes.derive.baseline import VALID, baseline
from ketaoutcomes.draw.labels import count, missing, number, number_range, percent
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.parts import Column, Table
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.part import too_small
from ketaoutcomes.report.sections.safety import Extra
from ketaoutcomes.report.words import ci, rate_words
from ketaoutcomes.results.reliable_change import ResponderTable

__all__ = ["BASELINE", "change_parts", "regression_sentence"]

BASELINE = "last_14_days"
RELIABILITY = (0.5, 0.9)
NEARLY_ALL = 0.9
LEAST_SHOWN = 0.05
PARTS = ("response", "partial_response", "less_than_partial", "deterioration")
COLUMNS = [
    "rule", "kind", "label", "role", "unit", "value", "n_events", "n", "estimate", "conf_low", "conf_high",
    "source", "verified",
]  # fmt: skip
MEANS = ["estimate", "std_error", "conf_low", "conf_high", "sd", "n"]
# Of a fluctuation about a patient's own mean (1 - its autocorrelation) comes back: between none and all.
LAST = (
    "Patients tend to come when they feel at their worst: of each point by which the mean baseline lies "
    "{side} the patients’ own usual mean, up to the whole point comes back by itself. How many points it "
    "lies {side} is not known."
)


def change_parts(scope: Scope, *, known: Sequence[float] = (), fixed: Sequence[str] = ()) -> Extra:
    """The table of rules with the mean change beside it, and a sentence on regression to the mean.

    Parameters
    ----------
    scope : Scope
        With an instrument.
    known : sequence of float
        Numbers of those scored who are in remission or the like, as far as the section prints them.
    fixed : sequence of str
        Rules of the table whose number the section prints too.
    """
    instrument = scope.instrument
    try:
        result = responder_table(
            scope.recent, instrument.name, at=WINDOW, baseline=BASELINE, level=scope.level
        )
    except DataError:
        return Extra()
    table = _scored(result)
    if not table["n"].max() > 0:
        return Extra()
    given = scope.gate.change_rules(
        "change_by_rule", table, place="Section 3, change by rule", known=known, fixed=fixed,
        beside=scope.sizes, overlap=result.overlap,
    )  # fmt: skip
    mean = scope.gate.means(
        "change_after_induction", result.change[MEANS], place="Section 3, mean change", beside=scope.sizes
    )
    regression = _regression(scope)
    released = [given, mean, *([] if regression is None else [regression])]
    notes = [_sentence(scope, regression, mean.frame)]
    if not (given.frame["suppressed"] == "").any():
        notes.insert(0, f"Changes by rule cannot be shown{too_small(scope)}.")
        return Extra(notes=notes, released=released, results=[result])
    return Extra(
        tables=[_table(scope, given.frame, mean.frame)], notes=notes, released=released, results=[result]
    )


def regression_sentence(scope: Scope) -> str | None:
    """What regression to the mean alone would give, in words; None without an instrument or a score."""
    if scope.instrument is None:
        return None
    try:
        return _sentence(scope, _regression(scope), None)
    except DataError:
        return None


def _scored(result: ResponderTable) -> pd.DataFrame:
    """The rows of those scored; `role` says which of them add up."""
    table = result.table[result.table["denominator"] == "scored"].reset_index(drop=True)
    whole = set(PARTS) <= set(table["kind"])
    role = table["kind"].isin(PARTS) if whole else pd.Series(False, index=table.index)
    return table.assign(role=table["direction"].mask(role, "part"))[COLUMNS]


def _table(scope: Scope, frame: pd.DataFrame, mean: pd.DataFrame) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        label = row["label"] if row["verified"] else f"{row['label']} (unverified)"
        rows.append((label, estimate, of_total, interval))
    columns = (Column("Rule", True), Column("Of those scored"), Column("n/N"), Column(ci(scope.level)))
    notes = (
        f"{_mean_words(scope, mean)} A rule that divides patients in two says less than the mean and the "
        "whole distribution of change.",
        "Published rules stand side by side under the name of their source; none is preferred. Reliable: "
        "larger than error of measurement would seldom give. Unverified: the value was not checked against "
        "its source.",
    )
    return Table("How many changed, by which rule", columns, tuple(rows), notes, is_wide=True)


def _mean_words(scope: Scope, mean: pd.DataFrame) -> str:
    """``"Mean change of the same patients: −9.8 points (95% CI −10.8 to −8.9, n 162)."``."""
    row = mean.iloc[0]
    if missing(row["estimate"]):
        return f"The mean change cannot be shown{too_small(scope)}."
    details = []
    if not missing(row["conf_low"]):
        details.append(f"{ci(scope.level)} {number_range(row['conf_low'], row['conf_high'])}")
    if not missing(row["n"]):
        details.append(f"n {count(row['n'])}")
    told = f" ({', '.join(details)})" if details else ""
    return f"Mean change of the same patients: {number(row['estimate'])} points{told}."


def _entry_cut(scope: Scope, instrument: Instrument) -> Cutoff | None:
    """The published cut-off nearest to the scores that nearly all patients met at baseline."""
    found = baseline(scope.recent, instrument.name, rule=BASELINE)
    start = found.loc[found["reason"] == VALID, "baseline"].to_numpy(float)
    if not start.size:
        return None
    wanted = "at_most" if instrument.higher_is == "better" else "at_least"
    met = [
        entry
        for entry in instrument.cutoffs
        if entry.comparison == wanted
        and ((start <= entry.value) if wanted == "at_most" else (start >= entry.value)).mean() >= NEARLY_ALL
    ]
    return max(met, key=lambda entry: entry.value if wanted == "at_least" else -entry.value, default=None)


def _regression(scope: Scope) -> Released | None:
    """Points expected for each reliability, through the gate; None where the baselines do not tell them."""
    instrument = scope.instrument
    cut = _entry_cut(scope, instrument)
    if cut is None:
        return None
    try:
        result = expected_regression(
            scope.recent, instrument.name, cut=cut.value, reliability=RELIABILITY, at=WINDOW,
            baseline=BASELINE, level=scope.level,
        )  # fmt: skip
    except DataError:
        return None
    if result.table["estimate"].isna().any():
        return None
    table = result.table[["reliability", "estimate", "conf_low", "conf_high"]].assign(
        cut=cut.value, n=int(result.population["n"].iloc[0])
    )
    return scope.gate.means(
        "regression_to_the_mean", table, place="Section 3, regression to the mean", beside=scope.sizes
    )


def _sentence(scope: Scope, regression: Released | None, mean: pd.DataFrame | None) -> str:
    """One statement with its range, assumption and source."""
    instrument = scope.instrument
    side = "below" if instrument.higher_is == "better" else "above"
    last = LAST.format(side=side)
    frame = None if regression is None else regression.frame
    if frame is None or frame["estimate"].isna().any():
        return f"Regression to the mean is in every change. {last}"
    way, far = ("raise", "at most") if instrument.higher_is == "better" else ("lower", "at least")
    least, most = float(frame["estimate"].min()), float(frame["estimate"].max())
    size = "less than 0.1" if most < LEAST_SHOWN else number_range(least, most)
    n = frame["n"].iloc[0]
    base = "baselines" if missing(n) else f"{count(n)} baselines"
    return (
        f"Regression to the mean: taking on people with a {instrument.name} of {far} "
        f"{frame['cut'].iloc[0]:g}, as nearly all here had, would by itself {way} the mean of a later score "
        f"by {size} points{_share(most, mean)} (reliability {max(RELIABILITY):g} to {min(RELIABILITY):g}; "
        f"normal population, estimated from the {base}). {last}"
    )


def _share(most: float, mean: pd.DataFrame | None) -> str:
    """``", at most 4.1% of the mean change"``; nothing where that is not shown or near 0."""
    if mean is None or missing(mean["estimate"].iloc[0]) or most < LEAST_SHOWN:
        return ""
    observed = abs(float(mean["estimate"].iloc[0]))
    return f", at most {percent(most / observed)} of the mean change" if observed > 1.0 else ""
