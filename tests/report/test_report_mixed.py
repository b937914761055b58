"""Section 5: what the page says of the mixed model, and what it keeps to itself."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.course_lines import course_lines
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.scope import make_scope
from ketaoutcomes.report.sections.mixed_words import change_words
from ketaoutcomes.report.settings import ReportSettings

SUPPRESS, SHOW = Gate("suppress"), Gate("show")


def section_of(report):
    return next(section for section in report.sections if section.question == "What do the mixed models say?")


def words_of(section):
    texts = [text for column in section.texts for text in column]
    return " ".join(line for text in texts for line in (*text.paragraphs, *text.points))


@pytest.fixture(scope="module")
def result(sample_cohort):
    scope = make_scope(
        sample_cohort, month=None, instrument=None, gate=SHOW, level=0.95, settings=ReportSettings()
    )
    return course_lines(scope.recent, "PHQ-9")


def test_the_page_prints_the_models_numbers(shown, result):
    section, early, later = section_of(shown), result.row("early"), result.row("later")
    words = words_of(section)
    assert f"fell by {abs(early['estimate']):.1f} points (95% CI" in words
    assert f"rose by {later['estimate']:.2f} points per week" in words
    variances = result.fit.variance_components
    sd = variances[variances["term_2"].isna()].set_index("term_1").loc["early", "sd_or_corr"]
    assert f"{sd:.1f} points in the change to day" in words
    shares = result.fit.icc(at={"early": 1.0, "later": (28 - result.turn) / 7}).set_index("group")
    assert f"correlate by {shares.loc['patient_id', 'icc']:.2f} (ICC)" in words
    r_squared = result.fit.r_squared()
    assert f"{100 * r_squared['marginal']:.0f}% of the variance" in words
    assert f"own deviations {100 * r_squared['conditional']:.0f}%" in words


def test_fixed_effects_stand_with_interval_df_and_p_and_variances_with_sd(shown, result):
    effects, variances = section_of(shown).tables
    assert [column.label for column in effects.columns] == ["Fixed effect", "Points", "95% CI", "df", "p"]
    assert len(effects.rows) == len(result.table)
    assert effects.rows[1][3] == f"{result.table['df'].iloc[1]:.0f}"
    assert effects.rows[1][4] == "<0.001"
    assert [column.label for column in variances.columns] == ["Random effect", "SD"]
    sds = result.fit.variance_components.query("term_2.isna()")["sd_or_corr"]
    np.testing.assert_allclose([float(row[1]) for row in variances.rows], sds, atol=0.005)
    assert variances.notes[0].count(" and ") == 3  # correlations of three effects


def test_it_speaks_of_association_and_of_no_single_patient(shown):
    words = words_of(section_of(shown))
    assert "Associated with the route, not caused by it." in words
    assert "a single patient’s course is not told by it" in words
    assert "not what it caused" in words


def test_pictures_with_a_point_per_patient_are_drawn_only_where_small_counts_are_shown(shown, suppressed):
    assert [figure.label for figure in section_of(shown).figures] == ["Fig. 5a", "Fig. 5b", "Fig. 5c"]
    assert [figure.label for figure in section_of(suppressed).figures] == ["Fig. 5a", "Fig. 5b"]
    assert "figure-5c" not in suppressed.html
    assert "pictures of residuals and influence" in set(suppressed.tables["not_shown"]["what"])


def test_few_far_residuals_are_printed_as_one_to_ten(shown, suppressed):
    far = shown.tables["model_phq9_fit"].iloc[-1]
    assert 1 <= far["n_events"] <= 10
    assert f"({far['n_events']} of" in words_of(section_of(shown))
    assert "1–10 of" in words_of(section_of(suppressed))
    assert suppressed.tables["model_phq9_fit"]["n_events"].isna().all()


@pytest.mark.parametrize("deidentification", ["safe-harbor", "limited-data-set"])
@pytest.mark.parametrize("n_patients", [8, 30])
def test_small_clinics_get_a_sentence_or_a_model(report_of, n_patients, deidentification):
    simulation = simulate_cohort(n_patients=n_patients, deidentification=deidentification)
    report = report_of(dict(simulation.tables), {**simulation.settings, "synthetic": False})
    section = section_of(report)
    if n_patients < 10:
        assert section.figures == section.tables == ()
        assert section.notes[0].startswith("PHQ-9: no model. It takes 10 patients or more")
        assert not [name for name in report.tables if name.startswith("model_")]
        return
    assert len(section.figures) == 2
    assert "Kenward–Roger" in report.html
    assert not re.search(r"\b(nan|inf|None|NaT)\b", words_of(section))


def test_a_fit_at_the_boundary_is_said_in_words(report_of):
    # All patients have the same five scores in an order of their own, so their means do not differ at all.
    generator = np.random.default_rng(4)
    names = [f"P{number:03d}" for number in range(40)]
    days = np.array([0, 7, 14, 28, 42])
    points = np.array([generator.permutation([9, 11, 13, 15, 17]) for _ in names])
    scores = pd.DataFrame(
        {
            "patient_id": np.repeat(names, days.size),
            "instrument": "PHQ-9",
            "hour": np.tile(days * 24.0, len(names)),
            "score": points.ravel(),
            "timing": np.tile(np.where(days == 0, "pre", "remote"), len(names)),
        }
    )
    sessions = pd.DataFrame({"patient_id": names, "hour": 0.0, "route": "IV"})
    tables = {"patients": pd.DataFrame({"patient_id": names}), "sessions": sessions, "scores": scores}
    report = report_of(tables, {"synthetic": True})
    notes = " ".join(note for table in section_of(report).tables for note in table.notes)
    assert "Boundary fit: a variance is estimated as 0" in notes


def effects(*rows):
    frame = pd.DataFrame(rows, columns=["term", "n", "estimate"])
    return frame.assign(
        std_error=0.512345678, statistic=2.0, df=171.3, p_value=0.0456789, conf_low=-1.0, conf_high=1.0
    )


def test_a_term_of_a_group_of_one_to_ten_is_hidden_and_with_it_all_sizes():
    table = effects(("a", None, 1.0), ("b", 60, 2.0), ("c", 30, 3.0), ("d", 5, 4.0))
    given = SUPPRESS.model("t", table, place="here", n_patients=95)
    frame = given.frame
    # 95 − 60 − 30 would be 5.
    assert frame["n"].isna().all()
    assert frame["suppressed"].tolist() == ["", "", "", "total 1-10"]
    assert frame.loc[3, ["estimate", "std_error", "df", "p_value", "conf_low"]].isna().all()
    assert frame.loc[:2, "estimate"].tolist() == [1.0, 2.0, 3.0]
    assert given.hidden[0].what == "coefficient: 1 row"


def test_degrees_of_freedom_go_where_the_models_size_is_hidden():
    # 172 of 181 starters are in the model; df of 171.3 would say so.
    frame = SUPPRESS.model("t", effects(("a", None, 1.0)), place="here", n_patients=172, beside=(181,)).frame
    assert frame[["df", "std_error", "statistic"]].isna().all(axis=None)
    assert frame["p_value"].item() == 0.046
    assert frame["estimate"].item() == 1.0
    frame = SUPPRESS.model("t", effects(("a", None, 1.0)), place="here", n_patients=165, beside=(181,)).frame
    assert frame["df"].item() == 171.3


def test_degrees_of_freedom_do_not_say_how_many_have_a_baseline():
    # All 181 are in the model; a mean with 171.3 degrees of freedom is one of 172 baselines.
    frame = SUPPRESS.model("t", effects(("a", None, 1.0)), place="here", n_patients=181, beside=(181,)).frame
    assert frame[["df", "std_error", "statistic"]].isna().all(axis=None)
    assert frame["estimate"].notna().all()


def test_nothing_is_shown_of_a_model_of_ten_patients():
    frame = SUPPRESS.model("t", effects(("a", None, 1.0)), place="here", n_patients=10).frame
    assert frame["estimate"].isna().all()
    assert SHOW.model("t", effects(("a", 3, 1.0)), place="here", n_patients=10).frame["n"].item() == 3


def test_a_models_curve_ends_with_the_last_day_that_is_shown():
    means = pd.DataFrame({"day": [0.0, 7.0, 14.0], "n": [40, 30, 8], "estimate": [20.0, 12.0, 11.0]})
    shown_means = SUPPRESS.means("m", means, place="here", by_model=True).frame
    curve = pd.DataFrame({"day": [0.0, 3.0, 7.0, 10.0, 14.0], "estimate": 15.0, "conf_high": 16.0})
    frame = SUPPRESS.curve("c", curve, place="here", means=shown_means).frame
    assert frame["estimate"].isna().tolist() == [False, False, False, True, True]
    assert frame["conf_high"].isna().tolist() == [False, False, False, True, True]


def test_a_models_interval_stays_beside_a_hidden_size_and_the_sd_goes():
    means = pd.DataFrame(
        {"n": [172], "estimate": 9.0, "conf_low": 8.0, "conf_high": 10.0, "sd": 5.0, "observed": 9.1}
    )
    frame = SUPPRESS.means("m", means, place="here", beside=(181,), by_model=True).frame
    assert frame[["n", "sd"]].isna().all(axis=None)
    assert frame[["estimate", "conf_low", "conf_high", "observed"]].notna().all(axis=None)
    assert SUPPRESS.means("m", means, place="here", beside=(181,)).frame["conf_low"].isna().all()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((-9.19, -10.1, -8.27), "fell by 9.2 points (95% CI 8.3 to 10.1)"),
        ((2.04, 1.0, 3.0), "rose by 2.0 points (95% CI 1.0 to 3.0)"),
        ((-0.04, -0.2, 0.12), "changed by −0.04 points (95% CI −0.20 to 0.12, so from a fall to a rise)"),
    ],
)
def test_a_change_is_read_with_its_direction_or_as_a_range(row, words):
    cells = dict(zip(("estimate", "conf_low", "conf_high"), row, strict=True))
    assert change_words(cells, 0.95) == words
