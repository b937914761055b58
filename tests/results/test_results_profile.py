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


def test_intervals_read_as_text():
    words = fitted("sleepstudy").profile().summary()
    assert "14.38 to 37.72" in words  # lme4 1.1-31: 14.3814 to 37.7160
    assert "−0.4815 to 0.6850" in words
    assert "standard deviation" in fitted("dyestuff").bootstrap(n_replicates=5).summary()
