from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.profile import profile
from ketaoutcomes.draw.svg import to_svg


def quadratic(names, centre=10.0, error=2.0):
    """Straight zeta, of a deviance that is quadratic: (value - centre) / error."""
    value = np.linspace(centre - 3 * error, centre + 3 * error, 25)
    return pd.concat(
        [pd.DataFrame({"term": name, "value": value, "zeta": (value - centre) / error}) for name in names],
        ignore_index=True,
    )


def drawn(table, **options):
    _, ax = theme.new_figure()
    return profile(table, ax, **options)


def test_the_interval_of_a_straight_profile_is_the_normal_one(artists):
    read = artists(drawn(quadratic(["day"])).child_axes[0])
    assert read.texts("panel") == ["day"]
    # 10 -+ 1.959964 * 2; the line between the points is exact because zeta is straight.
    assert [line.get_xdata()[0] for line in read.named("end")] == pytest.approx([6.080072, 13.919928])
    assert read.texts("interval-text") == ["6.1 to 13.9"]


def test_a_limit_that_is_not_reached_is_said(artists):
    table = quadratic(["sd of day"])
    read = artists(drawn(table[table["zeta"] > -1.5]).child_axes[0])
    # The axis is 9 long, hence two decimals of 13.919928.
    assert read.texts("interval-text") == ["no lower limit, 13.92"]
    assert len(read.named("end")) == 1


@pytest.mark.parametrize("n_terms", [0, 1, 2, 3, 7])
def test_any_number_of_parameters_has_a_panel_each(n_terms, collisions):
    ax = drawn(
        quadratic([f"parameter {n}" for n in range(n_terms)]) if n_terms else quadratic(["a"]).iloc[:0]
    )
    assert len(ax.child_axes) == n_terms
    assert collisions(ax) == ([], [])


def test_rows_without_zeta_are_left_out(artists):
    table = quadratic(["day"])
    table.loc[3, "zeta"] = np.nan
    assert artists(drawn(table).child_axes[0]).points("zeta").shape == (24, 2)


def test_the_same_table_gives_the_same_bytes():
    first, second = (
        to_svg(drawn(quadratic("ab")).figure, prefix="a", title="t", description="d") for _ in range(2)
    )
    assert first == second
