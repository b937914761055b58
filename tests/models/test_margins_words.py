"""What is refused, and how the results of margins read and look."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.margins import contrasts, marginal_means, slopes
from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.draw import theme
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"patient_id": np.repeat(range(60), 4), "day": np.tile([0.0, 7.0, 14.0, 28.0], 60)})
    data["route"] = rng.choice(["IM", "IV", "oral"], 60)[data.patient_id]
    data["band"] = np.where(rng.random(60) < 0.5, "low", "high")[data.patient_id]
    data["minutes"] = rng.normal(size=240)
    data["score"] = 30 - 0.3 * data.day + rng.normal(size=60)[data.patient_id] * 3 + rng.normal(size=240)
    data["year"] = rng.choice([1, 2], 240)
    return lmm("score ~ route * day + band + (1 + minutes || patient_id)", data)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: marginal_means(f, "rout"), "'rout' is no variable of the model; did you mean 'route'?"),
        (lambda f: marginal_means(f, "year"), "variables of the fixed part: route, day, band"),
        (lambda f: marginal_means(f, "patient_id"), "'patient_id' stands only in the random part"),
        (lambda f: marginal_means(f, "minutes"), "'minutes' stands only in the random part"),
        (lambda f: marginal_means(f, "day"), r"'day' is a number: say at which values, e.g. at="),
        (lambda f: contrasts(f, "day"), r"'day' is a number: say at which values, e.g. at="),
        (lambda f: contrasts(f, "route", by="day"), "'day' is a number: say at which values"),
        (lambda f: marginal_means(f, ()), "name the factor"),
        (lambda f: marginal_means(f, 3), "variables are given by name"),
        (lambda f: marginal_means(f, "route", by="route"), "'route' is given twice"),
        (lambda f: marginal_means(f, "route", at={"dya": 1}), "'dya' is no variable of the model"),
        (lambda f: marginal_means(f, "route", at={"day": "soon"}), "'day' is a number; at gives something"),
        (lambda f: marginal_means(f, "route", at={"day": [np.nan]}), "missing or infinite"),
        (lambda f: marginal_means(f, "route", at={"day": []}), "at gives no value for 'day'"),
        (lambda f: marginal_means(f, "route", at={"band": "middle"}), "does not have: high, low"),
        (lambda f: marginal_means(f, "route", weights="cells"), 'choose "equal" or "proportional"'),
        (lambda f: marginal_means(f, "route", level=95), "level is a share between 0 and 1"),
        (lambda f: contrasts(f, "route", reference="sc"), "no level of route; its levels: IM, IV, oral"),
        (lambda f: contrasts(f, "route", adjust="tuckey"), 'did you mean "tukey"?'),
        (lambda f: contrasts(f, "route", adjust="tukey", reference="IV"), "tukey.* is for all pairs"),
        (lambda f: contrasts(f, "route", adjust="dunnett"), "compares with a reference: say which level"),
        (lambda f: contrasts(f, "day", at={"day": 3}), "one level in the grid"),
        (lambda f: contrasts(f, "route", level=0), "level is a share between 0 and 1"),
        (lambda f: slopes(f, "route"), "'route' is a factor, which has no slope"),
        (lambda f: slopes(f, "age"), "'age' is no variable"),
        (lambda f: slopes(f, ["day"]), "slopes takes the name of one number"),
        (lambda f: slopes(f, "day", at={"day": "soon"}), "'day' is a number; at gives something"),
        (lambda f: slopes(f, "day", at={"day": []}), "at gives no value for 'day'"),
        (lambda f: slopes(f, "day", at=[1]), "at takes the values of each variable by its name"),
        (lambda f: marginal_means(f, "day", at={"day": [[1, 2]]}), "one value or a list of values"),
        (lambda f: marginal_means(f, "day", at=[0, 30]), r"by its name, e\.g\. at=.*was given a list"),
        (lambda f: marginal_means(f, "day", at="day=30"), r"by its name, e\.g\. at=.*was given a str"),
        (lambda f: contrasts(f, "route", at={7: 1}), "at takes the values of each variable by its name"),
        (
            lambda f: marginal_means(f.table, "route"),
            "takes a model fitted by lmm, and was given a DataFrame",
        ),
        (lambda f: slopes("score ~ day", "day"), "slopes takes a model fitted by lmm, and was given a str"),
        (
            lambda f: contrasts(marginal_means(f, "route"), "route"),
            "a MarginsResult: give it the model that these means are of",
        ),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(fit, call, words):
    with pytest.raises(DataError, match=words):
        call(fit)


def test_a_summary_names_the_adjustment_and_what_was_held(fit):
    text = contrasts(fit, "route", reference="IV", adjust="dunnett").summary()
    assert "Contrasts of score, between levels of route, against IV" in text
    assert "IM - IV" in text
    assert "p (dunnett)" in text
    assert "adjusted for the 2 contrasts by Dunnett's method" in text.replace("\n  ", " ")
    assert "Averaged over band with equal weights; at day = 12.25; random effects at 0." in text


def test_holm_says_whose_limits_it_shows(fit):
    notes = " ".join(contrasts(fit, "route", adjust="holm").notes)
    assert "Holm's method, which has no simultaneous limits: those shown are Bonferroni's." in notes


def test_definitions_and_the_notes_that_bear_on_the_numbers_come_along(fit):
    means = marginal_means(fit, "route")
    kept = {note for note in fit.notes if not note.startswith(("Valid where", "Reference levels"))}
    assert len(kept) == len(fit.notes) - 2
    assert {note for note in means.notes if note in fit.notes} == kept
    assert any(note.startswith("Linear mixed model score ~") for note in kept)
    assert "All 240 rows used; none has a missing value." in kept
    assert set(fit.definitions) <= set(means.definitions)
    assert means.provenance["function"] == "marginal_means"
    assert means.provenance["model"]["function"] == "lmm"


def test_the_table_is_tidy_and_has_brooms_names(fit):
    table = marginal_means(fit, "route", by="band").table
    assert list(table.columns) == [
        "band", "route", "n", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    assert list(contrasts(fit, "route", by="band").table.columns) == [
        "band", "contrast", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    assert list(slopes(fit, "day").table.columns)[:2] == ["term", "estimate"]


def test_html_escapes_levels():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"g": np.repeat(range(12), 3), "x": np.tile(["<b>", "a", "c"], 12)})
    data["y"] = rng.normal(size=12)[data.g] + rng.normal(size=36)
    page = marginal_means(lmm("y ~ x + (1 | g)", data), "x")._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_few_groups_and_boundary_fits_are_said_with_every_contrast():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"clinic": np.repeat(list("abcd"), 10), "arm": np.tile(["IM", "IV"], 20)})
    # Alternating means within clinics of the same mean leave no variance between them.
    data["y"] = np.tile(rng.normal(size=10), 4) + np.where(data["arm"] == "IV", 0.5, 0.0)
    data["y"] += 0.01 * rng.normal(size=40)
    notes = contrasts(lmm("y ~ arm + (1 | clinic)", data), "arm").notes
    assert any(note.startswith("clinic has 4 groups only") for note in notes)
    assert any(note.startswith("Boundary fit") for note in notes)


def drawn(result, **options):
    return result.plot(theme.new_figure()[1], **options)


def gids(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def test_the_picture_of_means_has_the_tables_numbers(fit):
    result = marginal_means(fit, "route")
    ax = drawn(result, title="Means")
    assert gids(ax, "estimate")[0].get_xdata().tolist() == result.table["estimate"].tolist()
    assert [text.get_text() for text in gids(ax, "row")] == ["IM", "IV", "oral"]
    assert [text.get_text() for text in gids(ax, "title")] == ["Means"]
    assert gids(ax, "zero") == []


def test_the_picture_of_contrasts_has_a_line_at_nought_and_minus_signs(fit):
    ax = drawn(contrasts(fit, "route", adjust="tukey"))
    assert gids(ax, "zero")[0].get_xdata() == [0.0, 0.0]
    assert [text.get_text() for text in gids(ax, "row")] == ["IM − IV", "IM − oral", "IV − oral"]
    assert len(gids(ax, "test")) == 3


def test_four_values_of_a_number_are_a_line_and_three_are_rows(fit):
    line = drawn(marginal_means(fit, "day", at={"day": [0, 7, 14, 28]}, by="route"))
    assert len(gids(line, "band")) == 3
    rows = drawn(marginal_means(fit, "day", at={"day": [0, 7, 14]}, by="route"))
    assert gids(rows, "band") == []
    assert [text.get_text() for text in gids(rows, "row")] == ["day 0", "day 7", "day 14"]
