"""How the variance of a response divides: intraclass correlations and R2."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ketaoutcomes.engine import measures
from ketaoutcomes.results.mixed_fit import MixedFit

__all__ = ["explained", "intraclass"]


def intraclass(fit: MixedFit, at: Mapping[str, float] | None) -> pd.DataFrame:
    """See `LmmResult.icc`."""
    z = None
    if at is not None:
        new = pd.DataFrame({name: [value] for name, value in at.items()})
        z = [[block[0] for block in blocks] for blocks in fit.design.random_columns(new)]
    shares = measures.intraclass(fit.engine, fit.frame.groupings, z)
    rows = [(share.group, share.variance, share.share, share.icc) for share in shares]
    return pd.DataFrame(rows, columns=["group", "variance", "share", "icc"])


def explained(fit: MixedFit) -> dict[str, float]:
    """See `LmmResult.r_squared`."""
    found = measures.r_squared(fit.engine, weighted=fit.frame.weights is not None)
    return {"marginal": found.marginal, "conditional": found.conditional}
