"""What a further study would find, where enough published ones asked and counted alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.engine.random_effects_meta import random_effects_logit

__all__ = ["FEWEST_SOURCES", "PREDICTION", "prediction_of"]

FEWEST_SOURCES = 3
METHOD = "random effects (REML), Hartung-Knapp, at least Wald"
PREDICTION = (
    "Prediction interval",
    f"Random effects on the logit of at least {FEWEST_SOURCES} published counts of the same effect, asked "
    "and counted alike; the share that a further study of this kind would find. The clinic is not among them",
    "Higgins, Thompson and Spiegelhalter 2009, J. R. Stat. Soc. A 172, 137; Hartung and Knapp 2001, Stat. "
    "Med. 20, 3875",
)
KEYS = ["effect", "combines", "asked_there", "counting", "arm"]
COLUMNS = {
    "effect": "str",
    "combines": "str",
    "asked_there": "str",
    "counting": "str",
    "arm": "str",
    "n_sources": "int64",
    "studies": "str",
    "n_events": "int64",
    "n": "int64",
    "estimate": "float64",
    "conf_low": "float64",
    "conf_high": "float64",
    "predicted_low": "float64",
    "predicted_high": "float64",
    "method": "str",
    "words": "str",
}


def prediction_of(table: pd.DataFrame, *, level: float) -> pd.DataFrame:
    """Pooled share and prediction interval per effect, terms, way of asking there, window and arm.

    Parameters
    ----------
    table : DataFrame
        Of published numbers: name, study, effect, combines, asked_there, counting, arm, published_n,
        published_n_events. A study counts once; one without a count does not.
    level : float

    Returns
    -------
    DataFrame
        With fewer than three sources a row has no estimate, and `words` says so.
    """
    known = table.drop_duplicates("name").dropna(subset=["published_n", "published_n_events"])
    known = known[known["asked_there"] != "not stated"]
    known = known.drop_duplicates([*KEYS, "study"])
    rows = []
    for cells, sources in known.groupby(KEYS, sort=False):
        row = dict(zip(KEYS, cells, strict=True)) | {
            "n_sources": len(sources),
            "studies": "; ".join(sources["study"]),
            "n_events": int(sources["published_n_events"].sum()),
            "n": int(sources["published_n"].sum()),
        }
        rows.append(row | _pooled(sources, level))
    types = {name: kind for name, kind in COLUMNS.items() if kind != "str"}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)


def _pooled(sources: pd.DataFrame, level: float) -> dict[str, object]:
    """Pooled share and prediction interval, or why there is none."""
    names = ("estimate", "conf_low", "conf_high", "predicted_low", "predicted_high")
    empty = dict.fromkeys(names, np.nan) | {"method": ""}
    if len(sources) < FEWEST_SOURCES:
        there_are = "1 source" if len(sources) == 1 else f"{len(sources)} sources"
        return empty | {"words": f"{there_are}; none is pooled with fewer than {FEWEST_SOURCES}"}
    counts = (sources[name].to_numpy(dtype=float) for name in ("published_n_events", "published_n"))
    # Sources that agree by chance shall not make the limits shorter than their sizes allow.
    made = random_effects_logit(*counts, level=level, at_least_wald=True)
    values = (made.estimate, made.conf_low, made.conf_high, made.predict_low, made.predict_high)
    words = f"{len(sources)} sources"
    return dict(zip(names, values, strict=True)) | {"method": METHOD, "words": words}
