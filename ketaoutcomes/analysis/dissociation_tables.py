"""Highest scores per session: by session number, by dose, of those who stayed, against the record."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.cluster_means import cluster_mean
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.dissociation import SESSION_GROUPS, SessionPeaks, Threshold, session_group
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.side_effects import recorded_side_effects
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.engine.rates import cluster_ratio_by

__all__ = [
    "ALL_SESSIONS",
    "BANDS",
    "DOSE_COLUMNS",
    "EFFECT",
    "LAST_PAIR",
    "LEAST_STAYERS",
    "QUARTILES",
    "TABLE_COLUMNS",
    "against_recorded",
    "by_dose",
    "dose_of",
    "empty",
    "mean_of",
    "of_session",
    "stayers",
    "typed",
]

ALL_SESSIONS = "all"
BANDS, QUARTILES = "bands", "quartiles"
# mg/kg. The usual intravenous dose, 0.5, is in the middle of a band; nasal and oral doses reach above 1.2.
DOSE_EDGES = (0.4, 0.6, 0.8, 1.2, 2.0)
EFFECT = "dissociation"
LAST_PAIR, LEAST_STAYERS = 12, 5
_COUNTS = ("n", "n_missing", "n_patients", "n_events")
_SUMMARY = (
    "n", "n_missing", "n_patients", "median", "p25", "p75", "estimate", "conf_low", "conf_high", "std_error",
    "df", "n_events", "share", "share_low", "share_high", "method", "assessments", "minute",
)  # fmt: skip
DOSE_COLUMNS = ("rule", "route", "dose", "dose_low", "dose_high")
_STAYERS = (
    "session", "n", "n_patients", "first", "later", "estimate", "conf_low", "conf_high", "std_error", "df",
    "n_others", "first_of_others", "method",
)  # fmt: skip
TABLE_COLUMNS = frozenset(("session_group", *_SUMMARY, *_STAYERS))
_AGAINST = ("ascertainment", "both", "only_scale", "only_recorded", "neither", "n", "n_patients")
_WORDS = frozenset({"method", "session_group", "rule", "route", "dose", "ascertainment"})
_WHOLE = frozenset((*_COUNTS, "session", "n_others", *_AGAINST[1:]))


def mean_of(
    values: NDArray[np.float64], clusters: NDArray, instrument: Instrument, level: float
) -> dict[str, float]:
    """Mean score with cluster-robust limits inside the range of the scale.

    Limits are missing with fewer than two patients, and where no two values differ.
    """
    found = cluster_mean(values, clusters, level=level)
    del found["method"]
    for name in ("conf_low", "conf_high"):
        found[name] = float(np.clip(found[name], instrument.minimum, instrument.maximum))
    return found


def of_session(
    cohort: Cohort, found: SessionPeaks, threshold: Threshold, grouped: Groups, level: float
) -> pd.DataFrame:
    """Peaks by session number, and of all sessions, for each level of `by`."""
    place = session_group(cohort.sessions["session"].to_numpy())
    parts = []
    for number, (_, inside) in enumerate(grouped):
        for group, name in enumerate((*SESSION_GROUPS, ALL_SESSIONS)):
            chosen = inside if name == ALL_SESSIONS else inside & (place == group)
            row = _summary(cohort, found, threshold, chosen, level)
            parts.append(_level(grouped, number) | {"session_group": name} | row)
    return typed(parts, (*_by(grouped), "session_group", *_SUMMARY))


def by_dose(cohort: Cohort, found: SessionPeaks, threshold: Threshold, level: float) -> pd.DataFrame:
    """Peaks by dose per body weight within each route: in bands, and in quarters of the scored sessions."""
    dose, route = dose_of(cohort), cohort.sessions["route"].astype("object").to_numpy()
    scored = np.isfinite(found.peak) & np.isfinite(dose)
    parts = []
    for name in sorted({str(word) for word in route[scored]}):
        own = np.array([str(word) == name for word in route]) & np.isfinite(dose)
        quarters = np.unique(np.quantile(dose[own & scored], (0.25, 0.5, 0.75)))
        for rule, edges in ((BANDS, np.array(DOSE_EDGES)), (QUARTILES, quarters)):
            # A quartile belongs to the quarter below it; a band begins at its edge.
            side = "right" if rule == BANDS else "left"
            place = np.searchsorted(edges, dose, side=side)
            for band, (low, high) in enumerate(pairwise((0.0, *edges, np.inf))):
                chosen = own & (place == band)
                if not (chosen & scored).any():
                    continue
                head = {"rule": rule, "route": name, "dose": _band_words(rule, low, high)}
                head |= {"dose_low": low, "dose_high": high}
                parts.append(head | _summary(cohort, found, threshold, chosen, level))
    table = typed(parts, (*DOSE_COLUMNS, *_SUMMARY))
    return table.sort_values("rule", kind="stable", ignore_index=True)


def stayers(cohort: Cohort, found: SessionPeaks, grouped: Groups, level: float) -> pd.DataFrame:
    """Change of the peak from session 1 to session 2, 3, … within the patients who have both."""
    owner, number = patient_codes(cohort.sessions), cohort.sessions["session"].to_numpy()
    peaks = np.full((len(cohort.patients), LAST_PAIR + 1), np.nan)
    early = number <= LAST_PAIR
    peaks[owner[early], number[early]] = found.peak[early]
    group = np.full(len(cohort.patients), -1, dtype=np.int64)
    group[owner[number == 1]] = grouped.code[number == 1]
    parts = []
    for place in range(len(grouped.levels)):
        own = peaks[group == place]
        for session in range(2, LAST_PAIR + 1):
            first, later = own[:, 1], own[:, session]
            both = np.isfinite(first) & np.isfinite(later)
            if both.sum() < LEAST_STAYERS:
                continue
            others = np.isfinite(first) & ~both
            mean = mean_interval(later[both] - first[both], level=level)
            row = {
                "session": session,
                "n": int(both.sum()),
                "n_patients": int(both.sum()),
                "first": first[both].mean(),
                "later": later[both].mean(),
                "estimate": mean.mean[0],
                "n_others": int(others.sum()),
                "first_of_others": first[others].mean() if others.any() else np.nan,
                "method": "paired t",
            }
            varies = mean.std_error[0] > 0
            for name in ("conf_low", "conf_high", "std_error", "df"):
                row[name] = getattr(mean, name)[0] if varies else np.nan
            parts.append(_level(grouped, place) | row)
    return typed(parts, (*_by(grouped), *_STAYERS))


def against_recorded(
    cohort: Cohort, found: SessionPeaks, threshold: Threshold, terms: EffectTerms
) -> pd.DataFrame:
    """Sessions beyond the threshold against those with dissociation on record, by way of asking."""
    record = recorded_side_effects(cohort, terms)
    named = np.zeros(record.session_row.size, dtype=bool)
    if EFFECT in record.effects:
        named[record.record[record.effect == record.effects.index(EFFECT)]] = True
    peak = found.peak[record.session_row]
    scored, beyond = np.isfinite(peak), threshold.exceeded(peak)
    owner = patient_codes(cohort.sessions)[record.session_row]
    parts = []
    for way, word in enumerate(record.ways):
        inside = scored & (record.way == way)
        if not inside.any():
            continue
        parts.append(
            {
                "ascertainment": word,
                "both": int((inside & beyond & named).sum()),
                "only_scale": int((inside & beyond & ~named).sum()),
                "only_recorded": int((inside & ~beyond & named).sum()),
                "neither": int((inside & ~beyond & ~named).sum()),
                "n": int(inside.sum()),
                "n_patients": int(np.unique(owner[inside]).size),
            }
        )
    return typed(parts, _AGAINST)


def dose_of(cohort: Cohort) -> NDArray[np.float64]:
    """Dose of each session in mg/kg; missing where it is not recorded."""
    if "dose_mg_per_kg" not in cohort.sessions.columns:
        return np.full(len(cohort.sessions), np.nan)
    # 42 mg for 70 kg is 0.6 mg/kg, not a hair less.
    return np.round(cohort.sessions["dose_mg_per_kg"].to_numpy(float), 9)


def empty(grouped: Groups | None, kind: str) -> pd.DataFrame:
    """A table without rows: of "session", "dose", "stayers" or "recorded"."""
    columns = {
        "session": (*_by(grouped), "session_group", *_SUMMARY),
        "dose": (*DOSE_COLUMNS, *_SUMMARY),
        "stayers": (*_by(grouped), *_STAYERS),
        "recorded": _AGAINST,
    }
    return typed([], columns[kind])


def typed(rows: list[dict], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows as a table: counts whole, words as text, the rest numbers; the column of `by` as it is."""
    if rows:
        return pd.DataFrame(rows)[list(columns)]
    kinds = {name: "int64" if name in _WHOLE else "float64" for name in columns}
    kinds |= {name: "str" for name in columns if name in _WORDS}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _summary(
    cohort: Cohort, found: SessionPeaks, threshold: Threshold, chosen: NDArray[np.bool_], level: float
) -> dict[str, object]:
    """Peaks of the chosen sessions: quartiles, mean, share beyond the threshold, assessments."""
    rows = np.flatnonzero(chosen & np.isfinite(found.peak))
    peak, owner = found.peak[rows], patient_codes(cohort.sessions)[rows]
    people, person = np.unique(owner, return_inverse=True)
    beyond = threshold.exceeded(peak)
    events, trials = (np.bincount(person, weight, people.size)[:, None] for weight in (beyond, None))
    share = cluster_ratio_by(events, trials, level=level)
    after = found.after
    minute = after["minute"].to_numpy()[np.isin(after["row"].to_numpy(), rows)]
    minute = minute[np.isfinite(minute)]
    low, middle, high = np.quantile(peak, (0.25, 0.5, 0.75)) if rows.size else (np.nan,) * 3
    return {
        "n": rows.size,
        "n_missing": int(chosen.sum()) - rows.size,
        "n_patients": people.size,
        "median": middle,
        "p25": low,
        "p75": high,
        **mean_of(peak, owner, found.instrument, level),
        "n_events": int(beyond.sum()),
        "share": share.estimate[0] if rows.size else np.nan,
        "share_low": share.conf_low[0],
        "share_high": share.conf_high[0],
        "method": str(share.method[0]),
        "assessments": float(np.median(found.n_after[rows])) if rows.size else np.nan,
        "minute": float(np.median(minute)) if minute.size else np.nan,
    }


def _band_words(rule: str, low: float, high: float) -> str:
    """``"0.4 to <0.6"``; of a quarter, which ends at its quartile, ``">0.51 to 0.54"``."""
    if rule == BANDS:
        if low == 0.0:
            return f"<{high:g}"
        return f"{low:g} or more" if np.isinf(high) else f"{low:g} to <{high:g}"
    if low == 0.0:
        return "any" if np.isinf(high) else f"up to {high:.3g}"
    return f"above {low:.3g}" if np.isinf(high) else f">{low:.3g} to {high:.3g}"


def _level(grouped: Groups, number: int) -> dict[str, Hashable]:
    return {} if grouped.by is None else {grouped.by: grouped.levels[number]}


def _by(grouped: Groups | None) -> tuple[str, ...]:
    return () if grouped is None or grouped.by is None else (grouped.by,)
