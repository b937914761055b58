"""Prediction intervals over published rates that asked and counted alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.published_prediction import prediction_of
from ketaoutcomes.engine.random_effects_meta import random_effects_logit


def sources(*rows):
    """Made-up published rows: (study, way, n_events, n)."""
    return pd.DataFrame(
        [
            {"name": f"row {place}", "study": study, "effect": "nausea", "combines": "", "asked_there": way,
             "arm": "", "counting": "first 4 weeks", "published_n_events": events, "published_n": n}
            for place, (study, way, events, n) in enumerate(rows)
        ]
    ).astype({"published_n_events": "Int64", "published_n": "Int64"})  # fmt: skip


def test_three_sources_that_asked_and_counted_alike_give_a_prediction_interval():
    table = sources(
        ("One", "checklist", 20, 100), ("Two", "checklist", 45, 150), ("Three", "checklist", 9, 80),
        ("Four", "spontaneous", 3, 90), ("Five", "checklist", pd.NA, pd.NA),
    )  # fmt: skip
    made = prediction_of(table, level=0.95)
    assert made["n_sources"].tolist() == [3, 1]
    direct = random_effects_logit([20, 45, 9], [100, 150, 80], level=0.95, at_least_wald=True)
    row = made.iloc[0]
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (
        direct.estimate,
        direct.conf_low,
        direct.conf_high,
    )
    assert (row["predicted_low"], row["predicted_high"]) == (direct.predict_low, direct.predict_high)
    assert row["predicted_low"] < row["conf_low"] < row["conf_high"] < row["predicted_high"]
    assert np.isnan(made.iloc[1]["estimate"])
    assert "fewer than 3" in made.iloc[1]["words"]


def test_a_study_counts_once_and_unstated_ways_are_not_pooled():
    twice = sources(("One", "scale", 20, 100), ("One", "scale", 21, 100), ("Two", "scale", 5, 50))
    assert prediction_of(twice, level=0.95)["n_sources"].tolist() == [2]
    unstated = sources(*((name, "not stated", 10, 50) for name in ("One", "Two", "Three")))
    assert prediction_of(unstated, level=0.95).empty


def test_combined_terms_are_not_pooled_with_one_term():
    table = sources(*((name, "checklist", 10, 50) for name in ("One", "Two", "Three")))
    table.loc[0, "combines"] = "nausea; vomiting"
    made = prediction_of(table, level=0.95)
    assert made["n_sources"].tolist() == [1, 2]
    assert made["estimate"].isna().all()
