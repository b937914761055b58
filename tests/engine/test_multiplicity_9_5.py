"""Adjusted p-values of one family against R's p.adjust."""

import numpy as np
import pytest

from ketaoutcomes.engine.multiplicity import P_VALUE_METHODS, adjust_p_values

P = (0.01, 0.02, 0.03, 0.005, 0.04, 0.20)
# R 4.2.2: p.adjust(p, "holm"), "hochberg", "BH", "BY".
ADJUSTED = {
    "holm": (0.05, 0.08, 0.09, 0.03, 0.09, 0.20),
    "hochberg": (0.05, 0.08, 0.08, 0.03, 0.08, 0.20),
    "bh": (0.030, 0.040, 0.045, 0.030, 0.048, 0.200),
    "by": (0.0735, 0.0980, 0.11025, 0.0735, 0.1176, 0.49),
}


@pytest.mark.parametrize("method", ADJUSTED)
def test_each_method_gives_the_values_of_r(method):
    assert method in P_VALUE_METHODS
    assert adjust_p_values(P, method) == pytest.approx(ADJUSTED[method], rel=1e-9)


def test_a_family_is_adjusted_for_its_own_size_only():
    # Two families declared apart: the second has three tests and is not adjusted for the first's six.
    alone = adjust_p_values([0.01, 0.02, 0.03], "holm")
    assert alone == pytest.approx([0.03, 0.04, 0.04])
    pooled = adjust_p_values([*P, 0.01, 0.02, 0.03], "holm")[6:]
    assert (pooled > alone).all()


@pytest.mark.parametrize("method", ADJUSTED)
def test_no_adjusted_value_is_below_its_own_or_above_one_and_order_is_kept(method):
    p = np.random.default_rng(1).uniform(0, 1, 200)
    found = adjust_p_values(p, method)
    assert (found >= p).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p)]) >= -1e-15).all()
