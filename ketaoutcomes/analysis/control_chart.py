"""Control charts of anything counted or measured over time: run, XmR, p, u, p′, u′, g, t, c."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.control_chart_notes import chart_notes, definitions, signals_table
from ketaoutcomes.analysis.control_chart_rows import Rows, read_rows, several
from ketaoutcomes.analysis.frame_columns import check_word
from ketaoutcomes.derive.arguments import check_count, is_number
from ketaoutcomes.engine.control_limits import KINDS, control_limits
from ketaoutcomes.engine.run_signals import RunSignals, outside, run_signals
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.control_chart import FEWEST_DRAWN, ControlChartResult

__all__ = ["control_chart"]

NAMES = {
    "run": "run chart", "xmr": "individuals chart", "p": "p chart", "u": "u chart", "p_prime": "p′ chart",
    "u_prime": "u′ chart", "g": "g chart", "t": "t chart", "c": "c chart",
}  # fmt: skip
SHARES = ("p", "p_prime")
RATES = ("u", "u_prime")


def control_chart(
    data: pd.DataFrame,
    *,
    value: str,
    size: str | None = None,
    by_time: str | None = None,
    kind: str = "run",
    freeze: int | str | None = None,
    parts: Sequence[int | str] = (),
    changes: Mapping[str, str] | None = None,
    provisional: Sequence[str] = (),
    expected: str | None = None,
    per: float = 1.0,
    n_charts: int = 1,
    title: str | None = None,
    unit: str | None = None,
) -> ControlChartResult:
    """Points over time about a line, with limits, and whether rules say that they are not random.

    Three rules: a point outside the three-sigma limits (no rule of run charts), a run on one side of the line
    that is too long, too few crossings of it. There is no rule for points that rise or fall in a row.

    Parameters
    ----------
    data : DataFrame
        One row per point, in time order: a month, a quarter, an event. Nothing is sorted or added up.
        Rows with a reason in a column `suppressed` are gaps.
    value : str
        Column: events (p, u, p_prime, u_prime, c), measures (run, xmr), opportunities between events (g),
        times between events (t). Missing is a gap.
    size : str, optional
        Column of denominators of p, u, p_prime and u_prime; 0 or missing is a gap. With other kinds it stands
        in the table only.
    by_time : str, optional
        Column that names the points, such as months "2025-10"; numbers from 1 if left out.
    kind : {"run", "xmr", "p", "u", "p_prime", "u_prime", "g", "t", "c"}
        p for shares of independent patients; p_prime where sessions of the same patients are counted.
    freeze : int or str, optional
        How many of the first points, or the last point by name, the line and the limits are computed from.
    parts : sequence of int or str
        After how many points, or at which named ones, a new line and new limits begin. A decision: no part is
        ever begun by rule. With `freeze`, the baseline is of the first part.
    changes : mapping of str to str, optional
        Point -> what changed then, in a few words; drawn, in no rule.
    provisional : sequence of str
        Points that are not complete: hollow, in no rule and not in the limits.
    expected : str, optional
        Column of expected events, as the size of a u or u_prime chart: observed over expected.
    per : float
        Rates of u and u_prime charts are given for so many units of size, e.g. 100 sessions.
    n_charts : int
        How many charts are watched together, for the chance of a false signal in the notes.
    title, unit : str, optional
        Above the result, and above the picture's axis. A `unit` that begins with "%" has a run or xmr chart
        of shares printed as per cents.

    Returns
    -------
    ControlChartResult
        `.table`, `.rules`, `.signals`, `.signal`. With fewer than 8 baseline points a part has no limits and
        no rules; with fewer than 20 (10 in a run chart) a note calls them preliminary.

    Raises
    ------
    DataError
        If a column is absent or no number, a count is negative, broken or above its size, times repeat or run
        backwards, or an argument names no point.

    Source
    ------
    Anhøj and Olesen (2014), PLoS ONE 9(11), e113825; Montgomery (2013), Introduction to Statistical Quality
    Control, 7th ed.; Laney (2002), Qual. Eng. 14, 531; as qicharts2. Checked:
    tests/analysis/test_control_chart.py, tests/engine/test_control_limits.py.
    """
    check_word("kind", kind, KINDS)
    check_count("n_charts", n_charts, least=1)
    for name, words in (("title", title), ("unit", unit)):
        if words is not None and not isinstance(words, str):
            raise DataError(f"{name} is a text, or left out")
    _check_rate(kind, size, expected, per)
    rows = read_rows(
        data, value=value, size=size if expected is None else expected, by_time=by_time, kind=kind,
        freeze=freeze, parts=parts, changes=changes, provisional=provisional,
    )  # fmt: skip
    table, found = _chart(kind, rows, per)
    rules = _rules(table, found)
    arguments = {
        "value": value, "size": size, "by_time": by_time, "kind": kind, "freeze": _plain(freeze),
        "parts": tuple(_plain(part) for part in several(parts)),
        "changes": {str(name): str(words) for name, words in (changes or {}).items()},
        "provisional": tuple(np.array(rows.names)[rows.is_provisional].tolist()), "expected": expected,
        "per": float(per), "n_charts": n_charts,
    }  # fmt: skip
    unit = _unit(kind, value, size, expected, per) if unit is None else unit
    return ControlChartResult(
        title=f"{value}: {NAMES[kind]}" if title is None else title,
        table=table,
        notes=tuple(chart_notes(kind, rows, rules, table, n_charts)),
        definitions=definitions(kind),
        provenance=provenance_of("control_chart", "", arguments),
        rules=rules,
        signals=signals_table(table, found, rows),
        kind=kind,
        unit=unit,
        as_percent=kind in SHARES or (kind in ("run", "xmr") and unit.startswith("%")),
    )


def _check_rate(kind: str, size: str | None, expected: str | None, per: Any) -> None:
    """Refuse what goes with rates only."""
    if not is_number(per) or not 0 < per < np.inf:
        raise DataError("per is how many units of size a rate is given for, a number above 0, e.g. 100")
    if per != 1 and kind not in RATES:
        raise DataError('per goes with kind="u" or kind="u_prime"; other kinds are no rates')
    if expected is not None and (kind not in RATES or size is not None):
        raise DataError('expected stands for the size of kind="u" or kind="u_prime"; leave size out')


def _chart(kind: str, rows: Rows, per: float) -> tuple[pd.DataFrame, list[RunSignals]]:
    """Every point with line, limits and marks; and what the run rules say of each part."""
    n = len(rows.names)
    centre, low, high = (np.full(n, np.nan) for _ in range(3))
    in_shift, found = np.zeros(n, dtype=bool), []
    for part in range(1, int(rows.part[-1]) + 1):
        at = np.flatnonzero(rows.part == part)
        base = rows.is_baseline[at]
        limits = control_limits(kind, rows.value[at], rows.size[at], base)
        centre[at] = limits.centre
        is_known = int((base & rows.is_shown[at]).sum()) >= FEWEST_DRAWN
        if is_known:
            low[at], high[at] = limits.low, limits.high
        tested = np.where(rows.is_tested[at], rows.estimate[at], np.nan)
        runs = run_signals(tested, limits.centre)
        if not is_known:
            runs = replace(
                runs,
                longest_allowed=None,
                fewest_crossings=None,
                shift=False,
                few_crossings=False,
                long_runs=(),
            )
        long_runs = tuple(
            replace(run, first=int(at[run.first]), last=int(at[run.last])) for run in runs.long_runs
        )
        for run in long_runs:
            in_shift[run.first : run.last + 1] |= rows.is_tested[run.first : run.last + 1]
        found.append(replace(runs, long_runs=long_runs))
    table = pd.DataFrame(
        {
            "time": pd.Series(rows.names, dtype="str"),
            "value": rows.value,
            "size": rows.size,
            "estimate": rows.estimate * per,
            "centre": centre * per,
            "limit_low": low * per,
            "limit_high": high * per,
            "part": rows.part,
            "is_baseline": rows.is_baseline & rows.is_shown,
            "is_provisional": rows.is_provisional,
            "outside": outside(rows.estimate, low, high) & rows.is_tested,
            "in_shift": in_shift,
            "change": pd.Series(rows.change, dtype="str"),
        }
    )
    if rows.is_hidden.any():
        table["suppressed"] = pd.Series(np.where(rows.is_hidden, "count 1-10", ""), dtype="str")
    return table, found


def _rules(table: pd.DataFrame, found: Sequence[RunSignals]) -> pd.DataFrame:
    """What each rule looked at in each part."""
    allowed = [np.nan if runs.longest_allowed is None else runs.longest_allowed for runs in found]
    fewest = [np.nan if runs.fewest_crossings is None else runs.fewest_crossings for runs in found]
    n_outside = table.groupby("part")["outside"].sum()
    return pd.DataFrame(
        {
            "part": np.arange(1, len(found) + 1),
            "n_useful": [runs.n_useful for runs in found],
            "longest_run": [runs.longest_run for runs in found],
            "longest_allowed": np.array(allowed, dtype=float),
            "crossings": [runs.crossings for runs in found],
            "fewest_crossings": np.array(fewest, dtype=float),
            "shift": [runs.shift for runs in found],
            "few_crossings": [runs.few_crossings for runs in found],
            "n_outside": n_outside.to_numpy(dtype=int),
        }
    )


def _unit(kind: str, value: str, size: str | None, expected: str | None, per: float) -> str:
    """What the axis counts, from the columns' names."""
    if expected is not None:
        return f"{value}, observed / expected" if per == 1 else f"{value}, per {per:g} expected"
    if kind in SHARES:
        return f"{value}, % of {size}"
    if kind in RATES:
        return f"{value} per {size}" if per == 1 else f"{value} per {per:g} {size}"
    return value


def _plain(label: Any) -> Any:
    """A label as the provenance keeps it."""
    return label if label is None or isinstance(label, int) else str(label)
