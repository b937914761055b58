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
    {"rule": "str", "label": "str", "text": "str", "n_events": "int64", "n": "int64"}
    | dict.fromkeys(("estimate", "std_error", "df", "conf_low", "conf_high"), "float64")
    | {"method": "str", "n_patients": "int64", "n_patients_with": "int64"}
    | dict.fromkeys(("patient_share", "patient_low", "patient_high"), "float64")
    | {"upper_sessions": "float64", "upper_patients": "float64"}
    | {"readings": "float64", "n_already": "Int64", "change": "float64"}
    | {"n_without": "int64", "n_partly": "int64", "n_met_unknown": "int64"}
    | dict.fromkeys(("bound_low", "bound_high"), "float64")
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
    partly, frame = frame[~frame["known"]], frame[frame["known"]]
    session, event = frame["session"].to_numpy(), frame["event"].to_numpy()
    people, person = np.unique(rows.owner[session], return_inverse=True)
    events = np.bincount(person, weights=event, minlength=people.size)
    trials = np.bincount(person, minlength=people.size)
    rate = cluster_ratio_by(events[:, None], trials[:, None], level=level)
    n_with, n = int((events > 0).sum()), people.size
    low, high = clopper_pearson(n_with, n, level=level)
    none = session.size > 0 and not event.any()
    return {
        "n_events": int(event.sum()), "n": session.size,
        **{name: getattr(rate, name)[0] for name in ("estimate", "std_error", "df", "conf_low", "conf_high")},
        "method": str(rate.method[0]), "n_patients": n, "n_patients_with": n_with,
        "patient_share": n_with / n if n else np.nan, "patient_low": float(low), "patient_high": float(high),
        "upper_sessions": float(rule_of_three_upper(session.size, level=level)) if none else np.nan,
        "upper_patients": float(rule_of_three_upper(n, level=level)) if none else np.nan,
        "readings": frame["n_readings"].median(),
        # A rule on changes cannot be met by the baseline.
        "n_already": pd.NA if rule.is_change else int((event & frame["already"].to_numpy()).sum()),
        "change": pd.Series(change[session[event]]).mean(),
        "n_without": int((rows.grouped.code == number).sum()) - session.size,
        **_bounds(int(event.sum()), session.size, partly["event"].to_numpy()),
    }  # fmt: skip


def _bounds(n_events: int, n: int, met: np.ndarray) -> dict:
    """The share if none, or all, of the partly read sessions that were not seen to meet the rule met it."""
    n_all = n + met.size
    return {
        "n_partly": met.size,
        "n_met_unknown": int(met.sum()),
        "bound_low": (n_events + met.sum()) / n_all if n_all else np.nan,
        "bound_high": (n_events + met.size) / n_all if n_all else np.nan,
    }


def _changes(rows: VitalRows, rule: VitalRule, ask: Ask) -> np.ndarray:
    """Change to the extreme on the rule's side, of its first sign, of each session; (n_sessions,)."""
    first = rule.any[0]
    end = ask.window[1] if rule.within is None else min(ask.window[1], rule.within)
    extreme = peaks(
        rows.looked, first.sign, rows.base[first.sign], (ask.window[0], end),
        lowest=first.comparison in ("below", "at_most"),
    )  # fmt: skip
    change = np.full(rows.found.n_sessions, np.nan)
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
