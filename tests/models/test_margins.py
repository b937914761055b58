"""Against emmeans on lm(), whose t tests are exact: tests/reference/margins.R."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from models.ols_fit import OlsFit
from scipy.special import stdtr

from ketaoutcomes.analysis.margins import contrasts, marginal_means, slopes
from ketaoutcomes.analysis.mixed import lmm

NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


@pytest.fixture(scope="module")
def reference(root):
    return json.loads((root / "tests" / "reference" / "margins.json").read_text())


@pytest.fixture(scope="module")
def fits(reference):
    frames = {name: pd.DataFrame(rows) for name, rows in reference["data"].items()}
    for name in ("breaks", "gap"):
        frames[name]["tension"] = pd.Categorical(frames[name]["tension"], ["L", "M", "H"])
    return {
        "crossed": OlsFit("breaks ~ wool * tension", frames["breaks"]),
        "additive": OlsFit("breaks ~ wool + tension", frames["breaks"]),
        "holed": OlsFit("breaks ~ wool * tension", frames["gap"]),
        "curved": OlsFit("len ~ supp * poly(dose, 2)", frames["teeth"]),
        "straight": OlsFit("len ~ supp + dose", frames["teeth"]),
    }


def agree(table, rows, columns=NUMBERS, *, rel=1e-7):
    """Two tables row by row; 1e-7 is beyond what lm's QR and normal equations may differ by here."""
    assert len(table) == len(rows)
    for column in columns:
        expected = np.array([np.nan if row.get(column) is None else row[column] for row in rows], float)
        found = table[column].to_numpy(float)
        np.testing.assert_allclose(found, expected, rtol=rel, atol=1e-11, err_msg=column)


# ---- means


def test_means_of_a_crossed_model_are_those_of_emmeans(fits, reference):
    means = marginal_means(fits["crossed"], "tension").table
    assert means["tension"].tolist() == ["L", "M", "H"]
    agree(means, reference["crossed"]["tension"])


def test_proportional_weights_are_the_rows_of_what_is_averaged_over(fits, reference):
    for name, expected in (("crossed", "proportional"), ("additive", "tension")):
        means = marginal_means(fits[name], "tension", weights="proportional").table
        agree(means, reference[name][expected])


def test_means_within_groups_and_of_two_factors_are_the_same_cells(fits, reference):
    within = marginal_means(fits["crossed"], "tension", by="wool").table
    assert within[["wool", "tension"]].to_numpy().tolist()[:4] == [
        ["A", "L"], ["A", "M"], ["A", "H"], ["B", "L"],
    ]  # fmt: skip
    agree(within, reference["crossed"]["within"])
    cells = marginal_means(fits["crossed"], ["wool", "tension"]).table
    agree(cells, reference["crossed"]["cells"])


def test_n_counts_the_rows_with_these_levels(fits, reference):
    rows = pd.DataFrame(reference["data"]["breaks"])
    within = marginal_means(fits["crossed"], "tension", by="wool").table
    expected = [int(((rows.wool == w) & (rows.tension == t)).sum()) for w in "AB" for t in "LMH"]
    assert within["n"].tolist() == expected
    assert marginal_means(fits["crossed"], "wool").table["n"].tolist() == [
        int((rows.wool == w).sum()) for w in "AB"
    ]
    assert marginal_means(fits["curved"], "dose", at={"dose": [1]}).table["n"].isna().all()


def test_the_level_is_that_of_the_limits(fits, reference):
    agree(marginal_means(fits["crossed"], "wool", level=0.9).table, reference["crossed"]["level_90"])


def test_levels_can_be_kept(fits, reference):
    kept = marginal_means(fits["crossed"], "tension", at={"wool": "B"})
    agree(kept.table, reference["crossed"]["kept"])
    assert "At wool = B; random effects at 0." in kept.notes


def test_a_cell_without_rows_is_missing_and_said_to_be(fits, reference):
    within = marginal_means(fits["holed"], "tension", by="wool")
    agree(within.table, reference["holed"]["cells"])
    assert within.table["estimate"].isna().tolist() == [False] * 5 + [True]
    assert within.table["n"].tolist()[-1] == 0
    assert any(note.startswith("1 mean is missing") for note in within.notes)
    agree(marginal_means(fits["holed"], "wool").table, reference["holed"]["wool"])


def test_covariates_that_are_functions_of_one_number_are_held_together(fits, reference):
    agree(marginal_means(fits["curved"], "supp").table, reference["curved"]["supp"])


def test_a_number_takes_the_values_of_at(fits, reference):
    means = marginal_means(fits["curved"], ["supp", "dose"], at={"dose": [0.5, 1, 2]}).table
    assert means["dose"].tolist() == [0.5, 1.0, 2.0] * 2
    agree(means, reference["curved"]["at_doses"])


def test_several_values_of_a_number_that_is_not_asked_for_are_averaged(fits, reference):
    means = marginal_means(fits["curved"], "supp", at={"dose": [0.5, 2]})
    agree(means.table, reference["curved"]["averaged"])
    assert "Averaged over dose at 0.5, 2 with equal weights; random effects at 0." in means.notes


def test_a_value_beyond_the_data_is_called_extrapolated(fits):
    means = marginal_means(fits["curved"], "supp", at={"dose": 5})
    assert "Extrapolated: dose is held beyond the data." in means.notes


def test_the_least_and_greatest_values_of_the_data_are_not_told():
    random = np.random.default_rng(3)
    age = np.r_[18.25, random.uniform(30, 50, 58), 80.75]
    fit = OlsFit("y ~ age", pd.DataFrame({"age": age, "y": random.normal(size=60)}))
    for found in (marginal_means(fit, "age", at={"age": [5, 95]}), slopes(fit, "age", at={"age": 95})):
        assert "Extrapolated: age is held beyond the data." in found.notes
        assert "18.25" not in found.summary()
        assert "80.75" not in found.summary()


# ---- contrasts


@pytest.mark.parametrize("adjust", ["none", "holm", "bonferroni", "sidak", "tukey"])
def test_all_pairs_are_those_of_emmeans(fits, reference, adjust):
    table = contrasts(fits["crossed"], "tension", adjust=adjust).table
    expected = reference["crossed"]["families"]["pairs"][adjust]
    assert table["contrast"].tolist() == [row["contrast"] for row in expected]
    # ptukey and qtukey are good to about 1e-6, and to 1e-11 where p is small.
    agree(table, expected, rel=3e-6 if adjust == "tukey" else 1e-7)


@pytest.mark.parametrize("adjust", ["none", "holm", "sidak"])
def test_contrasts_with_a_reference_are_those_of_emmeans(fits, reference, adjust):
    table = contrasts(fits["crossed"], "tension", reference="M", adjust=adjust).table
    expected = reference["crossed"]["families"]["against"][adjust]
    assert table["contrast"].tolist() == ["L - M", "H - M"]
    agree(table, expected)


@pytest.mark.parametrize("adjust", ["none", "holm", "bonferroni", "sidak", "tukey"])
def test_families_are_within_groups(fits, reference, adjust):
    table = contrasts(fits["crossed"], "tension", by="wool", adjust=adjust).table
    expected = reference["crossed"]["families_within"]["pairs"][adjust]
    agree(table, expected, rel=3e-6 if adjust == "tukey" else 1e-7)


def test_multivariate_t_agrees_with_mvtnorm(fits, reference):
    families = reference["crossed"]["families"]
    # The reference was worked out to 1e-6.
    pairs = contrasts(fits["crossed"], "tension", adjust="mvt").table["p_value"]
    np.testing.assert_allclose(pairs, families["pairs_mvt"], atol=3e-6)
    for adjust in ("mvt", "dunnett"):
        table = contrasts(fits["crossed"], "tension", reference="M", adjust=adjust).table
        np.testing.assert_allclose(table["p_value"], families["against_mvt"], atol=3e-6)
        # emmeans' own limits are good to 1e-3 of the probability.
        for column in ("conf_low", "conf_high"):
            expected = [row[column] for row in reference["crossed"]["dunnett"]]
            np.testing.assert_allclose(table[column], expected, atol=0.05)


def test_contrasts_that_cannot_be_told_leave_the_family(fits, reference):
    found = contrasts(fits["holed"], "tension", by="wool", adjust="holm")
    expected = reference["holed"]["pairs"]
    agree(found.table.iloc[:3], expected[:3])
    # emmeans counts contrasts without a value as tests; here the one that is left stands alone.
    left = found.table.iloc[3]
    assert left["estimate"] == pytest.approx(expected[3]["estimate"])
    assert left["p_value"] == pytest.approx(2 * stdtr(35, -expected[3]["statistic"]))
    assert found.table["p_value"].isna().tolist() == [False] * 4 + [True] * 2
    assert any("for the 1 to 3 contrasts of each family by Holm's method" in note for note in found.notes)


def test_values_of_a_number_are_compared(fits, reference):
    table = contrasts(fits["curved"], "dose", by="supp", at={"dose": [0.5, 1, 2]}, adjust="tukey").table
    assert table["contrast"].tolist()[:3] == ["0.5 - 1", "0.5 - 2", "1 - 2"]
    agree(table, reference["curved"]["doses"], rel=3e-6)


def test_levels_of_two_factors_are_compared_by_both_names(fits):
    table = contrasts(fits["crossed"], ["wool", "tension"], reference=("A", "L")).table
    assert table["contrast"].tolist()[:2] == ["A M - A L", "A H - A L"]
    assert len(table) == 5


def test_a_level_with_a_dash_of_its_own_stands_in_brackets():
    data = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "dose": ["0 - 5", "0 - 5", "6 - 9", "6 - 9"]})
    assert contrasts(OlsFit("y ~ dose", data), "dose").table["contrast"].tolist() == ["(0 - 5) - (6 - 9)"]


def test_an_interchanged_pair_changes_its_sign_only(fits):
    pairs = contrasts(fits["crossed"], "tension").table.iloc[0]
    against = contrasts(fits["crossed"], "tension", reference="L").table.iloc[0]
    assert (pairs["contrast"], against["contrast"]) == ("L - M", "M - L")
    assert against["estimate"] == pytest.approx(-pairs["estimate"])
    assert (against["conf_low"], against["p_value"]) == pytest.approx((-pairs["conf_high"], pairs["p_value"]))


# ---- slopes


def test_a_slope_of_a_curve_is_that_of_emtrends(fits, reference):
    # emtrends' quotient is one-sided over a thousandth of the range: not exact for a square.
    found = slopes(fits["curved"], "dose", by="supp").table
    agree(found, reference["curved"]["slope"], ("estimate", "std_error"), rel=5e-3)
    at = slopes(fits["curved"], "dose", by="supp", at={"dose": 0.8}).table
    agree(at, reference["curved"]["slope_at"], ("estimate", "std_error"), rel=1e-4)
    assert at["dose"].tolist() == [0.8, 0.8]


def test_the_slope_of_a_line_is_its_coefficient(fits, reference):
    found = slopes(fits["straight"], "dose").table
    agree(found, reference["straight"]["slope"])
    coefficient = fits["straight"].beta[fits["straight"].design.columns.index("dose")]
    assert found["estimate"].iloc[0] == pytest.approx(coefficient, rel=1e-10)


def test_the_slope_of_a_square_is_exact_also_at_the_ends_of_the_data():
    x = np.linspace(0, 4, 30)
    noise = np.random.default_rng(1).normal(size=30)
    fit = OlsFit("y ~ x + I(x ** 2)", pd.DataFrame({"x": x, "y": 1 + 2 * x + 3 * x**2 + noise}))
    found = slopes(fit, "x", at={"x": [0, 1.3, 4]}).table
    exact = fit.beta[1] + 2 * fit.beta[2] * np.array([0, 1.3, 4])
    assert found["estimate"].to_numpy() == pytest.approx(exact, rel=1e-9)


def test_a_spline_has_slopes_at_the_ends_of_the_data():
    x = np.linspace(0, 4, 40)
    fit = OlsFit("y ~ bs(x, df=4)", pd.DataFrame({"x": x, "y": np.sin(x) + np.tile([0.01, -0.01], 20)}))
    found = slopes(fit, "x", at={"x": [0, 4]}).table["estimate"].to_numpy()
    near = fit.design.matrix(pd.DataFrame({"x": [0, 1e-5, 4 - 1e-5, 4]})) @ fit.beta
    # A one-sided quotient over 1e-5 is off by half its step times the second derivative.
    assert found == pytest.approx([(near[1] - near[0]) / 1e-5, (near[3] - near[2]) / 1e-5], abs=1e-4)


# ---- a mixed model


@pytest.fixture(scope="module")
def oats(root):
    return pd.read_csv(root / "tests" / "reference" / "lmm_oats.csv")


def test_oats_has_the_means_and_tests_that_emmeans_gives(oats):
    # emmeans 1.8.4 with pbkrtest 0.5.2, Kenward-Roger.
    fit = lmm("yield ~ Variety + nitro + (1 | Block/Variety)", oats, df="kenward-roger")
    means = marginal_means(fit, "nitro").table
    assert means["estimate"].tolist() == pytest.approx([79.38889, 98.88889, 114.22222, 123.38889], abs=5e-6)
    assert means["std_error"].tolist() == pytest.approx([7.132411] * 4, abs=1e-5)
    assert means["df"].tolist() == pytest.approx([6.64] * 4, abs=5e-3)
    assert means["n"].tolist() == [18] * 4
    pairs = contrasts(fit, "nitro", adjust="tukey").table.set_index("contrast")
    last = pairs.loc[pairs.index[-1]]
    assert (last["std_error"], last["df"]) == pytest.approx((4.249952, 51), abs=1e-5)
    assert last["p_value"] == pytest.approx(0.1493, abs=5e-5)
    varieties = marginal_means(fit, "Variety").table
    assert varieties["std_error"].tolist() == pytest.approx([7.79754] * 3, abs=1e-5)
    assert varieties["df"].tolist() == pytest.approx([8.87] * 3, abs=5e-3)
    holm = contrasts(fit, "Variety", adjust="holm").table["p_value"]
    # p.adjust of emmeans' p-values: tests/reference/lmm_margins.json.
    assert holm.tolist() == pytest.approx([0.708710931, 0.708710931, 0.349235121], rel=1e-7)


def test_balanced_pairs_have_the_same_p_by_tukey_and_by_multivariate_t(oats):
    fit = lmm("yield ~ Variety + nitro + (1 | Block/Variety)", oats)
    tukey = contrasts(fit, "nitro", adjust="tukey").table
    mvt = contrasts(fit, "nitro", adjust="mvt").table
    np.testing.assert_allclose(mvt["p_value"], tukey["p_value"], atol=2e-6)
    np.testing.assert_allclose(mvt["conf_low"], tukey["conf_low"], atol=2e-4)


def test_weighted_rows_are_counted_as_rows(oats):
    weights = np.where(np.arange(len(oats)) % 3, 1.0, 2.5)
    fit = lmm("yield ~ Variety + nitro + (1 | Block/Variety)", oats.iloc[:-7], weights=weights[:-7])
    expected = oats.iloc[:-7].groupby("Variety").size()
    means = marginal_means(fit, "Variety").table
    assert dict(zip(means["Variety"], means["n"], strict=True)) == expected.to_dict()


def test_true_and_false_are_levels():
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"g": np.repeat(range(20), 4), "flag": rng.random(80) < 0.5})
    data["y"] = rng.normal(size=20)[data.g] + data.flag + rng.normal(size=80)
    found = contrasts(lmm("y ~ flag + (1 | g)", data), "flag", reference=False)
    assert found.table["contrast"].tolist() == ["True - False"]
    fit = lmm("y ~ flag + (1 | g)", data)
    assert found.table["estimate"].iloc[0] == pytest.approx(fit.params["flagTRUE"])


def test_rows_are_counted_also_where_the_engine_made_columns_orthogonal():
    random = np.random.default_rng(6)
    data = pd.DataFrame({"patient_id": np.repeat(np.arange(24), 5), "day": np.tile(np.arange(5.0), 24) + 1e6})
    data["arm"] = np.array(["IV", "IM", "nasal"])[data["patient_id"] % 3]
    data["score"] = random.normal(size=120) + random.normal(size=24)[data["patient_id"]]
    fit = lmm("score ~ day * arm + (1 | patient_id)", data)
    # A day counted from far away makes the interaction nearly a multiple of the arm.
    assert fit.engine.sums.scale.mix is not None
    assert marginal_means(fit, "arm").table["n"].tolist() == [40, 40, 40]
