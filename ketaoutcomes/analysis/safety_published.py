"""Stops for a side effect beside the published share of patients who stopped for one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.benchmarks import Benchmark, benchmarks
from ketaoutcomes.derive.safety_events import STOPPED
from ketaoutcomes.engine.expected_counts import binomial_test, observed_over_expected
from ketaoutcomes.engine.newcombe import newcombe

__all__ = ["QUANTITY", "against_published", "known_stops"]

QUANTITY = "stopped_for_side_effects"
# A P-value out of fewer patients is not given.
_FEWEST = 20


def known_stops() -> tuple[Benchmark, ...]:
    """The published shares whose count is known."""
    return tuple(known for known in benchmarks(QUANTITY) if known.n_events is not None)


def against_published(table: pd.DataFrame, by: str | None, level: float) -> pd.DataFrame:
    """Patients recorded as stopped for a side effect beside each published share; a row per group.

    Parameters
    ----------
    table : DataFrame
        That of `safety_events`.
    by : str or None
    level : float
        Confidence level.
    """
    ours = table[(table["event"] == STOPPED) & (table["n"].fillna(0) > 0)]
    n_events, n = (ours[name].to_numpy(dtype=float) for name in ("n_events", "n"))
    group = [] if by is None else [by]
    parts = []
    for known in known_stops():
        share = known.n_events / known.n
        test = binomial_test(n_events, n, share)
        ratio = observed_over_expected(n_events, n * share, level=level)
        difference, low, high = newcombe(n_events, n, known.n_events, known.n, level=level)
        few = n < _FEWEST
        part = ours[[*group, "n_events", "n", "estimate"]].astype({"n_events": "int64", "n": "int64"})
        parts.append(
            part.assign(
                expected=n * share,
                ratio=ratio.ratio,
                conf_low=ratio.byar_low,
                conf_high=ratio.byar_high,
                p_value=np.where(few, np.nan, test.p_value),
                mid_p=np.where(few, np.nan, test.mid_p),
                difference=difference,
                difference_conf_low=low,
                difference_conf_high=high,
                published_events=known.n_events,
                published_n=known.n,
                published_share=share,
                name=known.name,
            )
        )
    return pd.concat(parts, ignore_index=True)
