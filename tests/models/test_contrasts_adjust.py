"""Contrasts adjusted by Hochberg, Benjamini and Hochberg, and Benjamini and Yekutieli."""

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes import contrasts, lmm
from ketaoutcomes.engine.multiplicity import adjust_p_values


@pytest.mark.parametrize("method", ["hochberg", "bh", "by"])
def test_p_values_are_adjusted_in_steps_and_limits_are_bonferronis(method):
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "y": rng.normal(size=80) + np.tile([0, 0.3, 0.6, 1], 20),
            "arm": np.tile(list("abcd"), 20),
            "patient": np.repeat(np.arange(20), 4).astype(str),
        }
    )
    fit = lmm("y ~ arm + (1 | patient)", data)
    raw, found = contrasts(fit, "arm").table, contrasts(fit, "arm", adjust=method)
    # adjust_p_values itself is held against R's p.adjust.
    np.testing.assert_allclose(found.table["p_value"], adjust_p_values(raw["p_value"], method))
    bonferroni = contrasts(fit, "arm", adjust="bonferroni").table
    np.testing.assert_allclose(found.table["conf_low"], bonferroni["conf_low"])
    assert any("those shown are Bonferroni's" in note for note in found.notes)
