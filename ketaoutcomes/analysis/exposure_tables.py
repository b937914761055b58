"""Tables of exposure: its distribution over patients, bands of sessions, rates, and screens by band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instrument_entries import Cutoff
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.exposure import HOURS_PER_YEAR, Exposure
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.scores import placed_scores, superseded
from ketaoutcomes.engine.cluster_counts import cluster_rate_by
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.engine.rates import clopper_pearson

__all__ = [
    "BANDS",
    "BEFORE",
    "FEWEST",
    "SCREENS",
    "Screen",
    "band_names",
    "band_table",
    "distribution",
    "rate_table",
    "screen_table",
]

# First session of each band; the last one is open.
BANDS = (1, 7, 13, 25)
BEFORE = "before session 1"
# Two or three scores that happen to agree, or not, say nothing of their spread.
FEWEST = 5
_QUANTILES = {"q1": 0.25, "median": 0.5, "q3": 0.75, "p90": 0.9}
_SCREEN_COLUMNS = (
    "screen", "instrument", "band", "n", "n_patients", "estimate", "conf_low", "conf_high", "sd", "cutoff",
    "n_events", "share", "share_low", "share_high",
)  # fmt: skip


@dataclass(frozen=True)
class Screen:
    """An instrument that looks for what long treatment may bring.

    Attributes
    ----------
    name : str
        What it looks for.
    instrument : str
        Name in the catalogue.
    cutoff : str
        Name of the catalogue's cutoff.
    positive_is_met : bool
        Whether a score that meets the cutoff is a positive screen; else one that misses it is.
    """

    name: str
    instrument: str
    cutoff: str
    positive_is_met: bool

    @property
    def limit(self) -> Cutoff:
        """The catalogue's cutoff."""
        return next(one for one in INSTRUMENTS[self.instrument].cutoffs if one.name == self.cutoff)

    @property
    def rule(self) -> str:
        """A positive screen in words, e.g. "19 or more", "below 26"."""
        value = f"{self.limit.value:g}"
        return f"{value} or more" if self.positive_is_met else f"below {value}"

    def is_positive(self, score: np.ndarray) -> np.ndarray:
        """Whether each score is a positive screen; both cutoffs are of the kind "at least"."""
        return (score >= self.limit.value) == self.positive_is_met


SCREENS = (
    Screen("bladder symptoms", "BPIC-SS", "humphrey_19", True),
    Screen("cognition", "MoCA", "normal_26", False),
)


def band_names() -> tuple[str, ...]:
    """``("1–6", "7–12", "13–24", "25+")``."""
    ends = [f"{low}–{high - 1}" for low, high in pairwise(BANDS)]
    return (*ends, f"{BANDS[-1]}+")


def distribution(found: Exposure, grouped: Groups) -> pd.DataFrame:
    """Quantiles of each quantity over treated patients of whom it is known; a row per quantity and group."""
    years = (found.hours_on_treatment / HOURS_PER_YEAR, found.hours_followed / HOURS_PER_YEAR)
    quantities = (
        ("sessions", "sessions", found.sessions.astype(float)),
        ("cumulative dose", "mg", found.mg),
        ("cumulative dose by weight", "mg/kg", found.mg_per_kg),
        ("time on treatment", "years", years[0]),
        ("time followed", "years", years[1]),
    )
    rows = []
    for name, unit, values in quantities:
        for cells, inside in _levels(found, grouped):
            known = values[inside & np.isfinite(values)]
            n_patients = int(inside.sum())
            row = {"quantity": name, "unit": unit} | cells
            row |= {"n": known.size, "n_unknown": n_patients - known.size, "n_patients": n_patients}
            row |= {"total": known.sum() if known.size else np.nan}
            row |= {"mean": known.mean() if known.size else np.nan}
            row |= {
                key: float(np.quantile(known, share)) if known.size else np.nan
                for key, share in _QUANTILES.items()
            }
            rows.append(row)
    group = [] if grouped.by is None else [grouped.by]
    names = ["quantity", "unit", *group, "n", "n_unknown", "n_patients", "total", "mean", *_QUANTILES]
    return pd.DataFrame(rows, columns=names)


def band_table(found: Exposure, grouped: Groups, level: float) -> pd.DataFrame:
    """Patients by how many sessions they had in all, with exact limits of their share."""
    rows = []
    for cells, inside in _levels(found, grouped):
        code = np.searchsorted(BANDS, found.sessions[inside], side="right") - 1
        counts = np.bincount(code, minlength=len(BANDS))
        sessions = np.bincount(code, found.sessions[inside], minlength=len(BANDS))
        n = int(inside.sum())
        low, high = clopper_pearson(counts, n, level=level)
        for place, band in enumerate(band_names()):
            share = counts[place] / n if n else np.nan
            rows.append(
                {"band": band} | cells
                | {"n_events": int(counts[place]), "n": n, "n_sessions": int(sessions[place])}
                | {"estimate": share, "conf_low": float(low[place]), "conf_high": float(high[place])}
            )  # fmt: skip
    group = [] if grouped.by is None else [grouped.by]
    names = ["band", *group, "n_events", "n", "n_sessions", "estimate", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=names)


def rate_table(found: Exposure, grouped: Groups, level: float) -> pd.DataFrame:
    """Sessions per patient-year on treatment and per patient-year followed, with cluster-robust limits."""
    rows = []
    for name, hours in (
        ("per patient-year on treatment", found.hours_on_treatment),
        ("per patient-year followed", found.hours_followed),
    ):
        for cells, inside in _levels(found, grouped):
            years = hours[inside] / HOURS_PER_YEAR
            seen = years > 0
            # Who was not followed beyond the hour of the only session adds no time, and no rate.
            sessions = found.sessions[inside][seen][:, None]
            rate = cluster_rate_by(sessions, years[seen][:, None], level=level)
            row = {"quantity": f"sessions {name}"} | cells
            row |= {"n_events": int(sessions.sum()), "patient_years": float(years.sum())}
            row |= {"n_patients": int(seen.sum()), "n_without_time": int((~seen).sum())}
            limits = (rate.estimate, rate.conf_low, rate.conf_high)
            row |= {
                key: float(value[0])
                for key, value in zip(("estimate", "conf_low", "conf_high"), limits, strict=True)
            }
            rows.append(row | {"method": str(rate.method[0])})
    group = [] if grouped.by is None else [grouped.by]
    names = ["quantity", *group, "n_events", "patient_years", "n_patients", "n_without_time"]
    return pd.DataFrame(rows, columns=[*names, "estimate", "conf_low", "conf_high", "method"])


def screen_table(cohort: Cohort, found: Exposure, grouped: Groups, level: float) -> pd.DataFrame:
    """Scores of the screens by how many sessions the patient had had by then; no row without a screen.

    Each patient counts once in a band, by the last score in it.
    """
    names = (BEFORE, *band_names())
    parts = []
    for screen in SCREENS:
        rows = cohort.scores[cohort.scores["instrument"] == screen.instrument]
        if not len(rows):
            continue
        placed = placed_scores(cohort, rows.drop(columns="instrument"))
        placed = placed[~superseded(placed) & placed["score"].notna().to_numpy()]
        owner = patient_codes(placed)
        score = placed["score"].to_numpy(dtype=float)
        band = np.searchsorted(BANDS, placed["session"].to_numpy(), side="right")
        for cells, inside in _levels(found, grouped):
            mine = np.flatnonzero(inside[owner])
            key = owner[mine] * len(names) + band[mine]
            # Scores rise in time within a patient: the last row of each patient and band is kept.
            last = mine[len(mine) - 1 - np.unique(key[::-1], return_index=True)[1]]
            n_scores = np.bincount(band[mine], minlength=len(names))
            for place, name in enumerate(names):
                row = {"screen": screen.name, "instrument": screen.instrument, "band": name} | cells
                row |= {"cutoff": screen.rule, "n": int(n_scores[place])}
                parts.append(row | _screened(screen, score[last[band[last] == place]], level))
    group = [] if grouped.by is None else [grouped.by]
    columns = [*_SCREEN_COLUMNS[:3], *group, *_SCREEN_COLUMNS[3:]]
    return pd.DataFrame(parts, columns=columns)


def _screened(screen: Screen, score: np.ndarray, level: float) -> dict:
    """Mean and positive screens of one score per patient."""
    mean = mean_interval(score, codes=np.zeros(score.size, dtype=np.int64), n_groups=1, level=level)
    positive = int(screen.is_positive(score).sum())
    low, high = clopper_pearson(positive, score.size, level=level)
    limits = (mean.conf_low[0], mean.conf_high[0]) if score.size >= FEWEST else (np.nan, np.nan)
    return {
        "n_patients": score.size, "estimate": float(mean.mean[0]), "sd": float(mean.sd[0]),
        "conf_low": float(limits[0]), "conf_high": float(limits[1]), "n_events": positive,
        "share": positive / score.size if score.size else np.nan, "share_low": float(low),
        "share_high": float(high),
    }  # fmt: skip


def _levels(found: Exposure, grouped: Groups) -> Iterator[tuple[dict, np.ndarray]]:
    """The `by` cell of each group, and its treated patients; (n,) bool."""
    for value, inside in grouped:
        yield ({} if grouped.by is None else {grouped.by: value}), inside & (found.sessions > 0)
