"""Independent streams of random numbers, one for each part of the model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

__all__ = ["STREAMS", "streams"]

# The place in this tuple is part of the seed: append, never reorder.
STREAMS = (
    "screening",
    "traits",
    "state",
    "demographics",
    "calendar",
    "route",
    "booking",
    "dropout",
    "visits",
    "lead",
    "recording",
    "instruments",
    "diary",
    "effects",
    "effect_details",
    "reporting",
    "vitals",
    "disposition",
    "items",
    "mess",
    "discharge",
    "screens",
)


def streams(seed: int) -> Mapping[str, np.random.Generator]:
    """One generator per part of the model.

    A part that draws more or fewer numbers leaves every other part as it was,
    so two simulations that differ in one option share everything else.

    Parameters
    ----------
    seed : int

    Returns
    -------
    mapping of str to numpy.random.Generator
        Keys are `STREAMS`.
    """
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    return MappingProxyType(
        {name: np.random.default_rng(child) for name, child in zip(STREAMS, children, strict=True)}
    )
