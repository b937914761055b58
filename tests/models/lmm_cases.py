"""The mixed models of tests/reference/lmm_*.json and our fits of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.mixed import lmm

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


def answers(name: str):
    """What tests/reference/`name`.R printed."""
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


FITS = answers("lmm_fits")["models"]


def columns(rows: list[dict], *names: str) -> np.ndarray:
    """(k, names) float from R's rows; a missing value is left out by R and NaN here."""
    return np.array(
        [[np.nan if row.get(name) is None else row[name] for name in names] for row in rows], float
    )


@cache
def frame(model: str) -> pd.DataFrame:
    """The model's data, groups and factors as text."""
    case = FITS[model]
    data = pd.read_csv(REFERENCE / case["data"], dtype=dict.fromkeys(case["factors"], str))
    return data[data["Unbalanced"] == 1].reset_index(drop=True) if case["unbalanced"] else data


@cache
def fitted(model: str, reml: bool = True, df: str = "satterthwaite"):
    """Our fit. Results are frozen, so that tests may share it."""
    case = FITS[model]
    return lmm(case["formula"], frame(model), reml=reml, df=df, weights=case["weights"])


def assert_within(found, expected, bound) -> None:
    """Every |found - expected| is at most its bound; the message names the worst."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    ratio = np.abs(found - expected) / bound
    assert (ratio <= 1).all(), f"worst: {np.nanmax(ratio)} times the bound\n{found}\n{expected}"


def group_key(name: str) -> frozenset[str]:
    """R calls the casks of a batch cask:batch, we batch:cask."""
    return frozenset(name.split(":"))


def effects_by_label(model: str, grouping: str, effects: pd.DataFrame) -> dict[frozenset, pd.Series]:
    """Rows of one of our frames by what R calls the group."""
    factors = grouping.split(":")
    return {frozenset((f, str(row[f])) for f in factors): row for _, row in effects.iterrows()}


def label_key(grouping: str, label: str) -> frozenset:
    return frozenset(zip(grouping.split(":"), label.split(":"), strict=True))


def ours(found: dict[str, pd.DataFrame], grouping: str) -> pd.DataFrame:
    """Our frame of R's grouping factor."""
    (frame_,) = [value for name, value in found.items() if group_key(name) == group_key(grouping)]
    return frame_
