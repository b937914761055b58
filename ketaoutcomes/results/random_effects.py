"""Predicted random effects as frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.results.mixed_fit import MixedFit

__all__ = ["label_columns", "random_effects"]


def random_effects(fit: MixedFit, *, variances: bool) -> dict[str, pd.DataFrame]:
    """One frame per grouping factor, a row per group; see `LmmResult.random_effects`."""
    out = {}
    for number, grouping in enumerate(fit.frame.groupings):
        frame = label_columns(grouping.name, fit.frame.labels[number])
        for at, piece in enumerate(fit.engine.sums.pieces):
            if piece.grouping != number:
                continue
            values = fit.effects.of_block(at)
            spread = fit.effects.variance_of_block(at) if variances else None
            for j, name in enumerate(grouping.blocks[piece.block].names):
                frame[name] = values[:, j]
                if spread is not None:
                    frame[f"std_error {name}"] = np.sqrt(np.maximum(spread[:, j, j], 0.0))
        out[grouping.name] = frame
    return out


def label_columns(name: str, labels: np.ndarray) -> pd.DataFrame:
    """The labels of the groups, a column for each factor that makes them."""
    if len(labels) and isinstance(labels[0], tuple):
        columns = list(zip(*labels, strict=True))
        names = name.split(":")
        if len(names) != len(columns):
            names = [f"{name}.{number}" for number in range(1, len(columns) + 1)]
        return pd.DataFrame({key: list(values) for key, values in zip(names, columns, strict=True)})
    return pd.DataFrame({name: labels})
