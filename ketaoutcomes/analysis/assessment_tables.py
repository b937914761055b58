"""How often, how far apart, of which kind and after which scores patients are assessed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.engine.recurrent import event_rate

__all__ = ["by_last_score", "gap_table", "kind_table", "rate_table"]

_HOURS_PER_WEEK = 7 * HOURS_PER_DAY
_QUANTILES = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}
_BANDS = 5


def rate_table(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Assessments per patient-week."""
    return pd.DataFrame([_rate(rows, level)])


def gap_table(assessments: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of the days from one assessment to the next."""
    days = assessments["gap_days"].to_numpy(float)
    cells = {name: [float(np.quantile(days, share))] for name, share in _QUANTILES.items()}
    return pd.DataFrame({**cells, "mean": [days.mean()], "n": [len(days)]})


def kind_table(assessments: pd.DataFrame) -> pd.DataFrame:
    """How many assessments were taken at a session, between sessions, or it is not said."""
    counts = assessments["kind"].value_counts()
    names = sorted(counts.index, key=lambda name: (name == "not said", name))
    n = [int(counts[name]) for name in names]
    return pd.DataFrame(
        {"kind": pd.array(names, dtype="str"), "n": n, "estimate": np.array(n) / len(assessments)}
    )


def by_last_score(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Assessments per patient-week while the last score was in each of five bands.

    The bands hold about as much time each; scores that are equal stay together.
    """
    score = rows["last_score"].to_numpy(float)
    hours = (rows["stop"] - rows["start"]).to_numpy(float)
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(hours[order]) / hours.sum()
    inner = [
        score[order][min(np.searchsorted(reached, part / _BANDS), len(score) - 1)]
        for part in range(1, _BANDS)
    ]
    # A band is (edge before, edge], so that all of an equal score falls on one side.
    edges = np.unique([*inner, score.max()])
    band = np.searchsorted(edges, score, side="left")
    parts = []
    for number in np.unique(band):
        own = rows[band == number]
        middle = np.average(score[band == number], weights=hours[band == number])
        ends = {"score_low": score[band == number].min(), "score_high": score[band == number].max()}
        parts.append({**ends, "mean_score": float(middle), **_rate(own, level)})
    return pd.DataFrame(parts)


def _rate(rows: pd.DataFrame, level: float) -> dict:
    """Assessments per patient-week with limits robust by patient."""
    names, code = np.unique(rows["code"], return_inverse=True)
    weeks = np.bincount(code, (rows["stop"] - rows["start"]).to_numpy(float)) / _HOURS_PER_WEEK
    events = np.bincount(code, rows["assessed"].to_numpy(float))
    estimate, low, high = event_rate(events, weeks, level=level)
    return {
        "estimate": estimate,
        "conf_low": low,
        "conf_high": high,
        "n_events": int(events.sum()),
        "n_patients": len(names),
        "patient_weeks": float(weeks.sum()),
    }
