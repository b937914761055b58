"""Intervals by profile and bootstrap as results: names, notes, pictures."""

from __future__ import annotations

import numpy as np
import pytest
from models.lmm_cases import fitted

from ketaoutcomes.errors import DataError
from ketaoutcomes.results import profile


def test_parameters_have_the_names_and_the_order_of_lme4():
    table = fitted("sleepstudy").profile().table
    assert table["term"].tolist() == [
        "sd_(Intercept)|Subject", "cor_Days.(Intercept)|Subject", "sd_Days|Subject", "sigma", "(Intercept)",
        "Days",
    ]  # fmt: skip
    assert table["kind"].tolist() == ["sd", "correlation", "sd", "sigma", "fixed", "fixed"]
    assert table["term_1"].tolist()[:3] == ["(Intercept)", "(Intercept)", "Days"]


def test_the_profile_of_a_restricted_fit_says_that_it_is_by_maximum_likelihood():
    assert any("maximum likelihood" in note for note in fitted("sleepstudy").profile().notes)
    notes = fitted("sleepstudy", reml=False).profile().notes
    assert not any("fitted again" in note for note in notes)


def test_a_profile_that_failed_is_named_in_the_notes(monkeypatch):
    fit = fitted("dyestuff")
    made = profile.profile(fit.engine)
    broken = [
        made[0].__class__(made[0].quantity, made[0].estimate, np.nan, np.nan, *[np.empty(0)] * 2, "why")
    ]
    monkeypatch.setattr(profile, "profile", lambda *_, **__: (*broken, *made[1:]))
    found = fit.profile()
    assert found.table["conf_low"].isna().tolist() == [True, False, False]
    assert "PROFILE: no limits for sd_(Intercept)|Batch, because why." in found.notes


def test_the_picture_of_a_profile_has_a_panel_for_each_parameter():
    ax = fitted("dyestuff").profile().plot()
    assert len(ax.child_axes) == 3


def words_of(ax, gid):
    return [artist.get_text() for artist in ax.get_children() if artist.get_gid() == gid]


@pytest.mark.parametrize("name", ["sleepstudy", "dyestuff2"])
def test_the_picture_of_a_profile_has_the_intervals_of_the_table(name):
    found = fitted(name).profile()
    table = found.readable()[0].set_index("term")["95% CI"]
    panels = found.plot().child_axes
    assert len(panels) >= 3
    for panel in panels:
        (term,), (interval,) = words_of(panel, "panel"), words_of(panel, "interval-text")
        if "…" not in term:
            assert interval == table[term]


def test_a_limit_at_the_edge_is_a_limit_in_table_and_picture_and_explained():
    found = fitted("dyestuff2").profile()
    assert found.table["conf_low"][0] == 0.0
    assert any("(0)" in note and "do not exclude" in note for note in found.notes)
    assert words_of(found.plot().child_axes[0], "interval-text")[0].startswith("0 to ")


def test_pictures_say_what_they_show_and_what_their_axes_count():
    profile_ax = fitted("dyestuff").profile().plot(title="Mine")
    assert words_of(profile_ax, "title") == ["Mine"]
    heading = " ".join(reversed(words_of(profile_ax, "unit")))
    assert heading.startswith("Profile-likelihood intervals of the model of Yield. Upwards: ζ")
    assert [words_of(panel, "what")[0] for panel in profile_ax.child_axes] == [
        "standard deviation", "residual SD", "coefficient",
    ]  # fmt: skip
    lines = words_of(fitted("sleepstudy").bootstrap(n_replicates=5).plot(), "unit")
    assert "Change in Reaction per unit of the term" in lines
    heading = " ".join(reversed([line for line in lines if not line.startswith("Change")]))
    assert heading == (
        "Coefficients of the model of Reaction; lines: percentiles of 5 parametric-bootstrap replicates"
    )


def test_the_bootstrap_reports_its_size_failures_and_boundary_fits():
    found = fitted("dyestuff2").bootstrap(n_replicates=40, seed=5)
    assert found.n_failed == 0
    assert 0 < found.n_singular < 40
    assert found.n_singular == int((found.replicates["sd_(Intercept)|Batch"] == 0.0).sum())
    assert "40 responses" in found.notes[0]
    assert f"{found.n_singular} of 40" in found.notes[1]
    assert found.provenance["arguments"]["seed"] == 5


def test_the_bootstrap_table_has_the_percentiles_of_the_replicates():
    found = fitted("dyestuff").bootstrap(n_replicates=40, seed=5, level=0.9)
    row = found.table.set_index("term").loc["(Intercept)"]
    values = found.replicates["(Intercept)"]
    assert row["conf_low"] == pytest.approx(values.quantile(0.05))
    assert row["basic_low"] == pytest.approx(2 * row["estimate"] - values.quantile(0.95))
    assert row["bias"] == pytest.approx(values.mean() - row["estimate"])
    assert row["std_error"] == pytest.approx(values.std())


def test_a_correlation_that_is_not_defined_in_some_replicates_is_said(monkeypatch):
    drawn = profile.bootstrap

    def gaps(*arguments, **options):
        made = drawn(*arguments, **options)
        made.values[:3, 1] = np.nan
        return made

    monkeypatch.setattr(profile, "bootstrap", gaps)
    found = fitted("sleepstudy").bootstrap(n_replicates=10)
    said = "cor_Days.(Intercept)|Subject is not defined in 3 fits, which its limits leave out."
    assert said in found.notes
    assert found.table["conf_low"].notna().all()


def test_a_bootstrap_of_nothing_is_refused():
    with pytest.raises(DataError, match="whole number of at least 2"):
        fitted("dyestuff").bootstrap(n_replicates=1)


@pytest.mark.parametrize(
    "arguments", [{"n_replicates": 10.5}, {"n_replicates": "10"}, {"seed": "a"}, {"seed": -1}]
)
def test_arguments_of_the_bootstrap_are_whole_numbers(arguments):
    with pytest.raises(DataError, match="must be a whole number"):
        fitted("dyestuff").bootstrap(**{"n_replicates": 5, **arguments})


def test_intervals_read_as_text():
    words = fitted("sleepstudy").profile().summary()
    assert "14.38 to 37.72" in words  # lme4 1.1-31: 14.3814 to 37.7160
    assert "−0.4815 to 0.6850" in words
    assert "standard deviation" in fitted("dyestuff").bootstrap(n_replicates=5).summary()
