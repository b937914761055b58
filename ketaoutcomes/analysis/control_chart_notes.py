"""What a control chart says in words: its signals, notes and definitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.control_chart_rows import MONTH, Rows
from ketaoutcomes.draw.labels import number, percent
from ketaoutcomes.engine.control_limits import PRIME, excess_spread
from ketaoutcomes.engine.run_signals import FEWEST_POINTS, chance_of_signal
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.control_chart import FEWEST_DRAWN

__all__ = ["chart_notes", "definitions", "signals_table"]

ENOUGH_FOR_LIMITS = 20
NOTABLE_SPREAD = 1.25

KIND_WORDS = {
    "run": ("Run chart", "Points about the median of the baseline; no limits", "Anhøj 2015, PLoS ONE 10(3)"),
    "xmr": (
        "Individuals (XmR) chart",
        "Mean ± 3 sigma; sigma is the mean moving range over 1.128, ranges above 3.267 times their mean left "
        "out once",
        "Montgomery 2013, ch. 6; Nelson 1982, J. Qual. Technol. 14, 172",
    ),
    "p": (
        "p chart",
        "Shares: p̄ ± 3 √(p̄(1 − p̄)/n), n of each point",
        "Montgomery 2013, Introduction to Statistical Quality Control, ch. 7",
    ),
    "u": (
        "u chart",
        "Rates: ū ± 3 √(ū/n), n of each point",
        "Montgomery 2013, Introduction to Statistical Quality Control, ch. 7",
    ),
    "p_prime": (
        "p′ chart",
        "Limits of a p chart times σz, by how much the points vary more between neighbours than shares of "
        "independent rows would",
        "Laney 2002, Qual. Eng. 14, 531",
    ),
    "u_prime": (
        "u′ chart",
        "Limits of a u chart times σz, by how much the points vary more between neighbours than counts of "
        "independent events would",
        "Laney 2002, Qual. Eng. 14, 531",
    ),
    "g": (
        "g chart",
        "Opportunities between events: median; upper limit mean + 3 √(mean(mean + 1)), lower limit 0",
        "Montgomery 2013, ch. 7; as qicharts2",
    ),
    "t": (
        "t chart",
        "Times between events to the power 1/3.6, as an individuals chart, transformed back",
        "Nelson 1994, J. Qual. Technol. 26, 239",
    ),
    "c": ("c chart", "Counts: mean ± 3 √mean", "Montgomery 2013, ch. 7"),
}
OUTSIDE = ("Outside the limits", "A point beyond its three-sigma limits", "Montgomery 2013, ch. 5")
SHIFT = (
    "Shift",
    "A run on one side of the line longer than round(log2 n) + 3, for n points off the line; points on the "
    "line neither count nor end it",
    "Anhøj and Olesen 2014, PLoS ONE 9(11), e113825",
)
CROSSINGS = (
    "Few crossings",
    "Fewer crossings of the line than the lower 5% point of a binomial(n − 1, ½)",
    "Anhøj and Olesen 2014, PLoS ONE 9(11), e113825; Chen 2010",
)


def definitions(kind: str) -> tuple[tuple[str, str, str], ...]:
    """The kind of chart and the rules that are applied to it."""
    return (KIND_WORDS[kind], *((OUTSIDE,) if kind != "run" else ()), SHIFT, CROSSINGS)


def spoken(name: str) -> str:
    """``"2025-10"`` in words, ``"October 2025"``, ``"7"`` as ``"point 7"``; any other name as it stands."""
    if name.isdigit():
        return f"point {name}"
    if not MONTH.fullmatch(name):
        return name
    # pandas gives English names whatever the locale.
    return f"{pd.Timestamp(f'{name}-01').month_name()} {name[:4]}"


def signals_table(table: pd.DataFrame, found: Sequence, rows: Rows) -> pd.DataFrame:
    """One row per signal, in the order of the rules.

    Parameters
    ----------
    found : sequence of RunSignals
        Of each part.
    """
    signals = _outside(table, rows)
    last_tested = np.flatnonzero(rows.is_tested)[-1] if rows.is_tested.any() else -1
    for runs in found:
        for run in runs.long_runs:
            first, last = rows.names[run.first], rows.names[run.last]
            side = "above" if run.side > 0 else "below"
            when = f"since {spoken(first)}"
            if run.last != last_tested:
                when = f"from {spoken(first)} to {spoken(last)}"
            words = f"Shift: {run.n_points} {rows.noun} {side} the line {when}"
            signals.append(("shift", first, last, words))
    for part, runs in enumerate(found, start=1):
        if runs.few_crossings:
            at = np.flatnonzero((rows.part == part) & rows.is_tested)
            words = (
                f"Few crossings: {runs.crossings} of the line, at least {runs.fewest_crossings} expected of "
                f"{runs.n_useful} {rows.noun}"
            )
            signals.append(("few crossings", rows.names[at[0]], rows.names[at[-1]], words))
    return pd.DataFrame(signals, columns=["kind", "first", "last", "words"], dtype="str")


def _outside(table: pd.DataFrame, rows: Rows) -> list[tuple[str, str, str, str]]:
    """Points outside in a row, on one side, are one signal."""
    is_outside = table["outside"].to_numpy(bool)
    above = (table["estimate"] > table["limit_high"]).to_numpy(bool)
    tested = np.flatnonzero(rows.is_tested)
    state = np.where(is_outside[tested], np.where(above[tested], 1, -1), 0)
    groups = np.split(np.arange(tested.size), np.flatnonzero(np.diff(state) != 0) + 1) if tested.size else []
    groups = [group for group in groups if state[group[0]] != 0]
    signals = []
    for group in groups:
        first, last = rows.names[tested[group[0]]], rows.names[tested[group[-1]]]
        side = "above" if state[group[0]] > 0 else "below"
        limit = "limit" if group.size == 1 else "limits"
        which = spoken(first)
        if group.size > 1:
            which = f"{group.size} {rows.noun} from {spoken(first)} to {spoken(last)}"
        words = f"{which[:1].upper()}{which[1:]} {side} the {limit}"
        if group is groups[-1] and group[-1] + 1 < tested.size:
            words += "; inside since"
        signals.append(("outside the limits", first, last, words))
    return signals


def chart_notes(kind: str, rows: Rows, rules: pd.DataFrame, table: pd.DataFrame, n_charts: int) -> list[str]:
    """What was assumed, what is a gap, and how far the limits and the rules go."""
    notes = [*_gap_notes(rows), *_baseline_notes(kind, rows, table)]
    n_off = int(rows.is_provisional.sum())
    if n_off:
        notes.append(f"Provisional: {_some(n_off, rows)}, in no rule and not in the limits.")
    if len(rules) > 1:
        notes.append(
            f"{len(rules)} parts, each with its own line and limits, as declared; none is found by rule."
        )
    short = rules["longest_allowed"].isna() & (rules["n_useful"] > 0)
    if short.any():
        notes.append(
            f"Runs and crossings are not tested with fewer than {FEWEST_POINTS} {rows.noun} off the line."
        )
    notes += _chance_notes(kind, rows, rules, table, n_charts)
    notes += _spread_notes(kind, rows, table)
    if any(rows.change) or rows.n_other_changes:
        more = (
            f" {rows.n_other_changes} of them at no {rows.noun[:-1]} of the chart."
            if rows.n_other_changes
            else ""
        )
        notes.append(
            f"Changes are what the clinic wrote; the chart does not say what they brought about.{more}"
        )
    return [*notes, UNCONTROLLED]


def _some(n: int, rows: Rows) -> str:
    return f"{n} {rows.noun if n != 1 else rows.noun[:-1]}"


def _gap_notes(rows: Rows) -> list[str]:
    notes = [f"{_some(int(rows.is_shown.sum()), rows)} in time order."]
    n_hidden = int(rows.is_hidden.sum())
    n_gaps = int((~rows.is_shown & ~rows.is_hidden).sum())
    if n_gaps:
        notes.append(f"Gaps: {_some(n_gaps, rows)} without a value or with a size of 0; in no rule.")
    if n_hidden:
        notes.append(
            f"Not shown: {_some(n_hidden, rows)} with small counts; in no rule and not in the limits."
        )
    if rows.is_monthly:
        count = [12 * int(name[:4]) + int(name[5:7]) for name in rows.names]
        n_absent = count[-1] - count[0] + 1 - len(count)
        if n_absent:
            notes.append(f"Absent: {_some(n_absent, rows)} between the first and the last have no row.")
    return notes


def _baseline_notes(kind: str, rows: Rows, table: pd.DataFrame) -> list[str]:
    used = rows.is_baseline & rows.is_shown
    notes = []
    if rows.is_frozen:
        first = np.flatnonzero(rows.is_baseline & (rows.part == 1))
        inside = used & (rows.part == 1)
        if first.size:
            notes.append(
                f"Frozen: line and limits are computed from the {_some(int(inside.sum()), rows)} up to "
                f"{spoken(rows.names[first[-1]])}; later ones do not move them."
            )
    enough = FEWEST_POINTS if kind == "run" else ENOUGH_FOR_LIMITS
    what = "The line" if kind == "run" else "The limits"
    for part in np.unique(rows.part):
        inside = rows.part == part
        n_used = int((used & inside).sum())
        where = f" of part {part}" if rows.part[-1] > 1 else ""
        if n_used < FEWEST_DRAWN:
            notes.append(
                f"No limits and no rules{where}: they need {FEWEST_DRAWN} {rows.noun} in the baseline; there "
                f"{'is' if n_used == 1 else 'are'} {n_used}."
            )
            continue
        if n_used < enough:
            notes.append(
                f"{what}{where} {'is' if kind == 'run' else 'are'} preliminary: from {n_used} {rows.noun}, "
                f"fewer than {enough}."
            )
        if kind != "run" and not np.isfinite(table["limit_high"].to_numpy(float)[inside]).any():
            notes.append(f"No limits{where}: the baseline has no spread to compute them from.")
    return notes


def _chance_notes(
    kind: str, rows: Rows, rules: pd.DataFrame, table: pd.DataFrame, n_charts: int
) -> list[str]:
    """How often the rules give a signal where nothing changed."""
    longest = rules["n_useful"].max()
    has_limits = bool(table["limit_high"].notna().any())
    is_tested = has_limits or rules["longest_allowed"].notna().any()
    if not is_tested or not longest:
        return []
    is_own = kind in ("run", "g") and not rows.is_frozen
    chance = chance_of_signal(int(longest), has_limits=has_limits, own_median=is_own)
    names = "Three rules" if has_limits else "Two rules"
    text = (
        f"{names}: a chart of {int(longest)} independent {rows.noun} without any change gives a signal by "
        f"chance with probability {percent(chance)}"
    )
    if n_charts > 1:
        text += f"; at least one of {n_charts} such charts, {percent(1.0 - (1.0 - chance) ** n_charts)}"
    n_used = int((rows.is_baseline & rows.is_shown & (rows.part == 1)).sum())
    if has_limits and rows.is_frozen and n_used < ENOUGH_FOR_LIMITS:
        # Individuals charts of 24 points: 24% with a baseline of 12 points, 12% about known limits.
        text += (
            ". That is about known limits; with those of a baseline of 12 points it is about twice as much"
        )
    return [f"{text}."]


def _spread_notes(kind: str, rows: Rows, table: pd.DataFrame) -> list[str]:
    """Whether the points vary as the kind of chart takes them to."""
    if kind not in ("p", "u", *PRIME):
        return []
    inside = rows.is_baseline & (rows.part == 1)
    if int((inside & rows.is_shown).sum()) < FEWEST_DRAWN:
        return []
    sigma_z = excess_spread(kind, rows.value, rows.size, inside)
    if not np.isfinite(sigma_z):
        return []
    ratio = f"σz = {number(sigma_z, 2)}"
    if kind in PRIME:
        return [f"The limits are those of a {kind[0]} chart times {ratio}."]
    text = (
        f"A {kind} chart takes rows as independent. Where they are sessions of the same patients, "
        f'kind="{kind}_prime" allows for it'
    )
    if sigma_z > NOTABLE_SPREAD:
        return [f"{text}; here the baseline varies more than independent rows would ({ratio})."]
    return [f"{text} (here {ratio})."]
