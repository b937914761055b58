"""Linear mixed models the long way: n x n matrices and textbook formulas, as the truth for small data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from ketaoutcomes.engine.groups import Block, Grouping

Array = NDArray[np.float64]
ONE = Block(("(Intercept)",), (None,))

MODELS = (
    "intercept", "slope", "weighted slope", "independent", "nested", "nested slopes", "three levels",
    "crossed", "two crossed with slopes",
)  # fmt: skip


@dataclass(frozen=True)
class Data:
    """A made-up data set and its groups."""

    x: Array
    y: Array
    groupings: tuple[Grouping, ...]
    weights: Array | None

    def fitted_by(self, fit, **arguments):
        """Call a fitting function with copies, because it may overwrite."""
        return fit(
            self.x.copy(order="F"),
            self.y.copy(),
            self.groupings,
            weights=self.weights,
            intercept=0,
            **arguments,
        )


def made_up(model: str, seed: int = 1, n_patients: int = 30) -> Data:
    """Unbalanced rows in no order, with effects of every kind."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(2, 9, n_patients))
    patient = random.permutation(patient)
    n = len(patient)
    clinic = random.permutation(np.arange(n_patients) % 6)[patient]
    region, rater = clinic // 2, random.integers(0, 4, n)
    time = random.normal(10, 3, n)
    x = np.asfortranarray(np.column_stack([np.ones(n), time, random.normal(size=n)]))
    effects = random.normal(size=(3, n_patients))
    y = effects[0, patient] + 0.3 * effects[1, patient] * time + random.normal(size=6)[clinic]
    y += random.normal(size=4)[rater] * 0.7 + random.normal(size=n)
    slope = Block(("(Intercept)", "time"), (None, time))
    only = Block(("time",), (time,))
    by_patient = {name: Grouping("patient", patient, n_patients, blocks) for name, blocks in
                  {"one": (ONE,), "slope": (slope,), "both": (ONE, only)}.items()}  # fmt: skip
    by_clinic = {name: Grouping("clinic", clinic, 6, (block,)) for name, block in
                 {"one": ONE, "slope": slope}.items()}  # fmt: skip
    by_rater = {name: Grouping("rater", rater, 4, (block,)) for name, block in
                {"one": ONE, "slope": slope}.items()}  # fmt: skip
    groupings = {
        "intercept": (by_patient["one"],),
        "slope": (by_patient["slope"],),
        "weighted slope": (by_patient["slope"],),
        "independent": (by_patient["both"],),
        "nested": (by_clinic["one"], by_patient["one"]),
        "nested slopes": (by_patient["slope"], by_clinic["slope"]),
        "three levels": (by_patient["slope"], by_clinic["one"], Grouping("region", region, 3, (ONE,))),
        "crossed": (by_patient["slope"], by_rater["one"]),
        "two crossed with slopes": (by_patient["one"], by_clinic["one"], by_rater["slope"]),
    }[model]
    weights = random.uniform(0.5, 2.0, n) if model == "weighted slope" else None
    return Data(x, y, groupings, weights)


def columns(data: Data) -> list[list[Array]]:
    """(n, q) columns of each block of each grouping."""
    n = len(data.y)
    return [
        [np.column_stack([np.ones(n) if c is None else c for c in block.columns]) for block in g.blocks]
        for g in data.groupings
    ]


class Dense:
    """V and what follows from it, for given covariances (relative to the residual variance)."""

    def __init__(self, data: Data, pieces, covariances: list[Array], *, reml: bool = True):
        self.data, self.reml = data, reml
        n, p = data.x.shape
        z, g = [], []
        self.order = []
        of = columns(data)
        for piece, covariance in zip(pieces, covariances, strict=True):
            grouping = data.groupings[piece.grouping]
            own = of[piece.grouping][piece.block]
            z += [own * (grouping.codes == k)[:, None] for k in range(grouping.n_groups)]
            g += [covariance] * grouping.n_groups
            self.order.append((grouping.n_groups, own.shape[1]))
        self.z, self.g = np.hstack(z), block_diag(*g)
        residual = np.ones(n) if data.weights is None else 1.0 / data.weights
        self.v = np.diag(residual) + self.z @ self.g @ self.z.T
        self.inverse = np.linalg.inv(self.v)
        self.a = data.x.T @ self.inverse @ data.x
        self.beta = np.linalg.solve(self.a, data.x.T @ self.inverse @ data.y)
        rest = data.y - data.x @ self.beta
        self.df = n - p if reml else n
        self.variance = rest @ self.inverse @ rest / self.df

    def deviance(self) -> float:
        """Minus twice the (restricted) log-likelihood at the best coefficients and residual variance."""
        value = self.df * (1 + np.log(2 * np.pi * self.variance)) + np.linalg.slogdet(self.v)[1]
        return value + (np.linalg.slogdet(self.a)[1] if self.reml else 0.0)

    def effects(self) -> tuple[list[Array], list[Array]]:
        """BLUPs and their conditional variances, block by block."""
        rest = self.data.y - self.data.x @ self.beta
        values = self.g @ self.z.T @ self.inverse @ rest
        spread = self.variance * (self.g - self.g @ self.z.T @ self.inverse @ self.z @ self.g)
        blups, variances, at = [], [], 0
        for k, q in self.order:
            blups.append(values[at : at + k * q].reshape(k, q))
            variances.append(np.array([spread[i : i + q, i : i + q] for i in range(at, at + k * q, q)]))
            at += k * q
        return blups, variances
