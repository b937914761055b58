"""Natural cubic splines: the same space as scipy's, straight beyond the knots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from ketaoutcomes.engine.natural_spline import natural_spline
from ketaoutcomes.errors import DataError

KNOTS = np.array([0.3, 0.5, 0.6, 1.1])


def test_every_natural_interpolation_is_a_combination_of_the_columns():
    # scipy's spline through any values at the knots, with second derivatives 0 at both ends.
    heights = np.array([0.2, 1.4, -0.7, 0.9])
    grid = np.linspace(0.3, 1.1, 60)
    expected = CubicSpline(KNOTS, heights, bc_type="natural")(grid)
    columns = np.column_stack([np.ones(60), natural_spline(grid, KNOTS)])
    at_knots = np.column_stack([np.ones(4), natural_spline(KNOTS, KNOTS)])
    assert columns @ np.linalg.solve(at_knots, heights) == pytest.approx(expected, abs=1e-9)


def test_columns_are_straight_beyond_the_outer_knots():
    for ends in ([-1.0, -0.4, 0.2], [1.2, 2.0, 2.8]):
        bend = np.diff(natural_spline(ends, KNOTS), n=2, axis=0)
        assert bend == pytest.approx(np.zeros_like(bend), abs=1e-9)


def test_two_knots_are_a_straight_line():
    assert natural_spline([1.0, 2.0], [0.0, 1.0]).tolist() == [[1.0], [2.0]]


def test_knots_must_rise():
    with pytest.raises(DataError, match="rise"):
        natural_spline([1.0], [0.0, 0.0, 1.0])
