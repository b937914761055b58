"""Ordinary least squares with the face of a fitted model: its t tests are exact, and R's lm has the truth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ketaoutcomes.formula.frame import model_frame


class OlsFit:
    """`y ~ fixed part` by least squares; the design is the package's, whose random term is ignored."""

    def __init__(self, formula: str, data: pd.DataFrame):
        frame = model_frame(f"{formula} + (1 | row)", data.assign(row=np.arange(len(data))))
        self.frame = SimpleNamespace(weights=None)
        self.design = frame.design
        x, y = np.array(frame.x), frame.y
        self.kept = np.zeros(x.shape[1], bool)
        for column in range(x.shape[1]):
            tried = [*np.flatnonzero(self.kept), column]
            self.kept[column] = np.linalg.matrix_rank(x[:, tried], tol=1e-8) == len(tried)
        self.full_x = x
        self.rows_x = x[:, self.kept]
        unscaled = SimpleNamespace(centre=0.0, scale=1.0, mix=None)
        self.engine = SimpleNamespace(sums=SimpleNamespace(scale=unscaled))
        inverse = np.linalg.inv(self.rows_x.T @ self.rows_x)
        self.beta = inverse @ self.rows_x.T @ y
        self.df = len(y) - int(self.kept.sum())
        residual = y - self.rows_x @ self.beta
        self.covariance = inverse * (residual @ residual / self.df)
        self.notes, self.definitions, self.provenance = (), (), {}

    def cov_params(self) -> pd.DataFrame:
        return pd.DataFrame(self.covariance)

    def estimable(self, rows):
        projection = np.linalg.pinv(self.full_x) @ self.full_x
        return np.abs(rows - rows @ projection).max(axis=1) < 1e-8

    def estimate(self, rows, *, level=0.95) -> pd.DataFrame:
        estimate = rows @ self.beta
        error = np.sqrt(np.einsum("ki,ij,kj->k", rows, self.covariance, rows))
        half = stdtrit(self.df, 0.5 + level / 2) * error
        t = estimate / error
        return pd.DataFrame(
            {
                "estimate": estimate, "std_error": error, "statistic": t, "df": float(self.df),
                "p_value": 2 * stdtr(self.df, -np.abs(t)), "conf_low": estimate - half,
                "conf_high": estimate + half,
            }
        )  # fmt: skip
