"""How the variance of a response divides: intraclass correlations and R2."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.engine import measures
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.mixed_fit import MixedFit

__all__ = ["explained", "intraclass"]


def intraclass(fit: MixedFit, at: Mapping[str, float] | None) -> pd.DataFrame:
    """See `LmmResult.icc`."""
    z = None
    if at is not None:
        new = _one_row(fit, at)
        z = [[block[0] for block in blocks] for blocks in fit.design.random_columns(new)]
    shares = measures.intraclass(fit.engine, fit.frame.groupings, z)
    rows = [(share.group, share.variance, share.share, share.icc) for share in shares]
    return pd.DataFrame(rows, columns=["group", "variance", "share", "icc"])


def _one_row(fit: MixedFit, at: Mapping[str, float]) -> pd.DataFrame:
    """The values of `at`, which must be numbers for the columns with random slopes."""
    if not isinstance(at, Mapping):
        raise DataError("at must say a value for each column with a random slope, e.g. at={'day': 14}")
    for name, value in at.items():
        if not np.isscalar(value):
            raise DataError(f"at must have one value for '{name}', not several")
    wanted = {
        variable
        for bases in fit.design.blocks
        for basis in bases
        for part in basis.parts
        for variable in fit.design.parts[part].variables
    }
    missing, unknown = sorted(wanted - set(at)), sorted(set(at) - wanted)
    if missing or unknown:
        names = ", ".join(sorted(wanted)) or "of which there are none"
        raise DataError(
            f"at must have the columns with random slopes, {names}"
            + (f"; it lacks {', '.join(missing)}" if missing else "")
            + (f"; not among them: {', '.join(unknown)}" if unknown else "")
        )
    return pd.DataFrame({name: [value] for name, value in at.items()})


def explained(fit: MixedFit) -> dict[str, float]:
    """See `LmmResult.r_squared`."""
    found = measures.r_squared(fit.engine, weighted=fit.frame.weights is not None)
    return {"marginal": found.marginal, "conditional": found.conditional}
