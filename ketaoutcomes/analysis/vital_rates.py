"""How often readings met a rule, per session and per patient, and for how many minutes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.cluster_means import cluster_mean
from ketaoutcomes.analysis.vital_rows import Ask, VitalRows
from ketaoutcomes.analysis.vital_tables import framed
from ketaoutcomes.catalog.vital_rules import VitalRule
from ketaoutcomes.derive.vital_excursions import excursions, is_recorded
from ketaoutcomes.derive.vitals import peaks
from ketaoutcomes.engine.rates import clopper_pearson, cluster_ratio_by, rule_of_three_upper

__all__ = ["excursion_tables"]

EXCURSIONS = (
    {"rule": "str", "label": "str", "text": "str", "n_events": "int64", "n": "int64", "n_unknown": "int64"}
    | dict.fromkeys(("estimate", "estimate_high", "std_error", "df", "conf_low", "conf_high"), "float64")
    | {"method": "str", "n_patients": "int64", "n_patients_with": "int64"}
    | dict.fromkeys(("patient_share", "patient_share_high", "patient_low", "patient_high"), "float64")
    | {"upper_sessions": "float64", "upper_patients": "float64"}
    | {"readings": "float64", "n_already": "Int64", "change": "float64"}
    | {"n_without": "int64"}
)
TIMES = (
    {"rule": "str", "label": "str", "n": "int64", "n_patients": "int64"}
    | dict.fromkeys(("estimate", "std_error", "df", "conf_low", "conf_high"), "float64")
    | {"method": "str", "minutes_observed": "float64", "share_of_time": "float64"}
)


def excursion_tables(rows: VitalRows, ask: Ask) -> tuple[pd.DataFrame, pd.DataFrame, list[VitalRule]]:
    """Excursions and minutes beyond the threshold, by rule and level; the rules whose signs were not read."""
    found, times, unread = [], [], []
    for rule in ask.rules:
        if not is_recorded(rule, rows.looked):
            unread.append(rule)
            continue
        every = excursions(rows.looked, rule, rows.base, ask.window, confirmed=ask.confirmed)
        change = _changes(rows, rule, ask)
        for number, level_of in enumerate(rows.grouped.levels):
            frame = rows.in_level(every, number)
            what = {"rule": rule.name, "label": rule.label, "text": rule.text}
            what |= {} if ask.by is None else {ask.by: level_of}
            found.append(what | _rate(frame, rows, rule, number, change, ask.level))
            times.append(what | _time(frame, rows, ask.level))
    return framed(found, EXCURSIONS, ask.by), framed(times, TIMES, ask.by), unread


def _rate(
    frame: pd.DataFrame, rows: VitalRows, rule: VitalRule, number: int, change: np.ndarray, level: float
) -> dict:
    """One rule in one level: per session with its interval, per patient with the exact one."""
    session, event, unknown = (frame[name].to_numpy() for name in ("session", "event", "unknown"))
    people, person = np.unique(rows.owner[session], return_inverse=True)
    events, open_, trials = (
        np.bincount(person[flag], minlength=people.size) for flag in (event, unknown, np.ones_like(event))
    )
    none = session.size > 0 and not event.any() and not unknown.any()
    return {
        "n_events": int(event.sum()), "n": session.size, "n_unknown": int(unknown.sum()),
        **_of_sessions(events, open_, trials, level),
        **_of_patients(events > 0, open_ > 0, level),
        "upper_sessions": float(rule_of_three_upper(session.size, level=level)) if none else np.nan,
        "upper_patients": float(rule_of_three_upper(people.size, level=level)) if none else np.nan,
        "readings": frame["n_readings"].median(),
        # A rule on changes cannot be met by the baseline.
        "n_already": pd.NA if rule.is_change else int((event & frame["already"].to_numpy()).sum()),
        "change": pd.Series(change[session[event]]).mean(),
        "n_without": int((rows.grouped.code == number).sum()) - session.size,
    }  # fmt: skip


def _of_sessions(events: np.ndarray, unknown: np.ndarray, trials: np.ndarray, level: float) -> dict:
    """Share of sessions if none, and if all, of the unknown met the rule; the interval spans both."""
    low, high = (
        cluster_ratio_by(counts[:, None], trials[:, None], level=level)
        for counts in (events, events + unknown)
    )
    names = ("estimate", "std_error", "df", "conf_low")
    cells = {name: getattr(low, name)[0] for name in names}
    method, other = str(low.method[0]), str(high.method[0])
    return cells | {
        "estimate_high": high.estimate[0],
        # With no event the exact limit may lie above that of one event, which rests on how patients differ.
        "conf_high": np.fmax(low.conf_high[0], high.conf_high[0]),
        "method": method if other == method else f"{method}; upper bound: {other}",
    }


def _of_patients(met: np.ndarray, unknown: np.ndarray, level: float) -> dict:
    """Share of patients with a session that met the rule, likewise, with exact limits."""
    n, n_with = met.size, int(met.sum())
    n_most = int((met | unknown).sum())
    return {
        "n_patients": n, "n_patients_with": n_with,
        "patient_share": n_with / n if n else np.nan, "patient_share_high": n_most / n if n else np.nan,
        "patient_low": float(clopper_pearson(n_with, n, level=level)[0]),
        "patient_high": float(clopper_pearson(n_most, n, level=level)[1]),
    }  # fmt: skip


def _changes(rows: VitalRows, rule: VitalRule, ask: Ask) -> np.ndarray:
    """Change to the extreme on the rule's side, of its first sign, of each session; (n_sessions,)."""
    change, first = np.full(rows.found.n_sessions, np.nan), rule.any[0]
    if first.sign not in rows.looked.values:
        return change
    end = ask.window[1] if rule.within is None else min(ask.window[1], rule.within)
    extreme = peaks(
        rows.looked, first.sign, rows.base[first.sign], (ask.window[0], end),
        lowest=first.comparison in ("below", "at_most"),
    )  # fmt: skip
    change[extreme["session"].to_numpy()] = extreme["change"].to_numpy()
    return change


def _time(frame: pd.DataFrame, rows: VitalRows, level: float) -> dict:
    """Minutes beyond the threshold per session, of the sessions with time observed."""
    frame = frame[frame["minutes_observed"].notna()]
    owner = rows.owner[frame["session"].to_numpy()]
    total = frame["minutes_observed"].sum()
    mean = cluster_mean(frame["minutes_above"], owner, level=level)
    return {
        "n": len(frame), "n_patients": np.unique(owner).size,
        **mean, "conf_low": np.maximum(mean["conf_low"], 0.0),
        "minutes_observed": frame["minutes_observed"].mean(),
        "share_of_time": frame["minutes_above"].sum() / total if total > 0 else np.nan,
    }  # fmt: skip
