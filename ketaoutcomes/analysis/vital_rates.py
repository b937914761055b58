"""How often readings met a rule, per session and per patient, and for how many minutes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.cluster_means import cluster_mean
from ketaoutcomes.analysis.vital_rows import Ask, VitalRows
from ketaoutcomes.analysis.vital_tables import framed
from ketaoutcomes.catalog.vital_rules import VitalRule
from ketaoutcomes.derive.vital_excursions import excursions, is_recorded
from ketaoutcomes.engine.rates import clopper_pearson, cluster_ratio_by, rule_of_three_upper

__all__ = ["excursion_tables"]

EXCURSIONS = (
    {"rule": "str", "label": "str", "text": "str", "n_events": "int64", "n": "int64"}
    | dict.fromkeys(("estimate", "std_error", "df", "conf_low", "conf_high"), "float64")
    | {"method": "str", "n_patients": "int64", "n_patients_with": "int64"}
    | dict.fromkeys(("patient_share", "patient_low", "patient_high"), "float64")
    | {"upper_sessions": "float64", "upper_patients": "float64"}
    | dict.fromkeys(("readings", "n_already", "change"), "float64")
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
        for number, level_of in enumerate(rows.grouped.levels):
            frame = rows.in_level(every, number)
            what = {"rule": rule.name, "label": rule.label, "text": rule.text}
            what |= {} if ask.by is None else {ask.by: level_of}
            found.append(what | _rate(frame, rows, rule, number, ask.level))
            times.append(what | _time(frame, rows, ask.level))
    return framed(found, EXCURSIONS, ask.by), framed(times, TIMES, ask.by), unread


def _rate(frame: pd.DataFrame, rows: VitalRows, rule: VitalRule, number: int, level: float) -> dict:
    """One rule in one level: per session with its interval, per patient with the exact one."""
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
        "n_already": np.nan if rule.is_change else int((event & frame["already"].to_numpy()).sum()),
        "change": _mean_change(session[event], rows, rule),
        "n_without": int((rows.grouped.code == number).sum()) - session.size,
    }  # fmt: skip


def _mean_change(session: np.ndarray, rows: VitalRows, rule: VitalRule) -> float:
    """Mean change to the peak of the rule's first sign in the sessions with an excursion."""
    sign = next((name for name in rule.signs if name in rows.peak), None)
    if sign is None:
        return np.nan
    peak = rows.peak[sign]
    return float(peak.loc[peak["session"].isin(session), "change"].mean())


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
