"""The cohort report: every part of a paper, numbers against the sample's own files, small counts, words."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.cohort import cohort_report
from ketaoutcomes.report.gate_paper import PaperGate
from ketaoutcomes.report.manuscript import manuscript_docx, manuscript_html, manuscript_tables
from ketaoutcomes.report.paper.by_session import by_session
from ketaoutcomes.report.paper.flow import flow
from ketaoutcomes.report.paper.outcomes import outcomes
from ketaoutcomes.report.paper.predictors import predictors
from ketaoutcomes.report.paper.scope import paper_scope
from ketaoutcomes.report.paper.table_one import table_one
from ketaoutcomes.report.settings import ReportSettings

FORBIDDEN = (
    "effective", "effectiveness", "works", "success", "successful", "improved", "improvement", "significant",
    "significantly", "trend", "safe", "best", "top", "failed", "failure", "non-compliant", "efficacy",
    "proven", "predicts", "led to",
)  # fmt: skip
CODES = [
    *(f"R{number}" for number in range(1, 9)),
    "R9, R10",
    "R11",
    "R12",
    "R13",
    "R14, R15",
    "R16",
    "R17",
    "R18",
]


def text_of(html):
    body = html.split("</style>", 1)[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@pytest.fixture(scope="module")
def paper(sample_cohort):
    return cohort_report(sample_cohort)


@pytest.fixture(scope="module")
def hidden(sample_cohort):
    return cohort_report(sample_cohort, small_cells="suppress", by="sex")


@pytest.fixture(scope="module")
def scope_of():
    """A function from a cohort to a scope that shows every count."""

    def make(cohort):
        return paper_scope(
            cohort, instrument="PHQ-9", at="end_of_induction", by=None, gate=PaperGate("show"), level=0.95,
            settings=ReportSettings(),
        )  # fmt: skip

    return make


def test_parts_come_in_the_order_of_a_paper(paper):
    questions = [section.question for section in paper.sections]
    assert questions[0] == "Methods"
    assert [re.match(r"R\d+(, R\d+)?", one)[0] for one in questions[1:17]] == CODES
    assert questions[17:] == ["Limits", "R19 Checklist", "Definitions"]
    assert [section.number for section in paper.sections] == list(range(1, 21))


def test_every_table_has_a_caption_and_its_cells(paper):
    tables = [table for section in paper.sections for table in section.tables]
    captions = [table.caption for table in tables]
    assert len(captions) == len(set(captions))
    codes = {code for one in captions for code in re.findall(r"^Table (R\d+)", one)}
    # R16 refuses on the sample (see below) and R10 stands with R9.
    assert codes == {f"R{number}" for number in range(1, 20)} - {"R10", "R16"}
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_characteristics_are_those_of_the_file(paper, sample):
    # Counted here from the file itself; one patient's row is set aside (an age that cannot be).
    raw = pd.read_csv(sample / "patients.csv").drop_duplicates("patient_id")
    found = paper.tables["characteristics"].set_index(["characteristic", "level"])["n"]
    for word in ("female", "male"):
        assert found["Sex", word] == (raw["sex"] == word).sum()
    assert found["Main diagnosis", "PTSD"] == (raw["diagnosis"] == "PTSD").sum()
    assert found["Cardiac condition", "yes"] == (raw["cardiac_condition"] == "yes").sum()
    assert found["Cardiac condition", "not recorded"] == raw["cardiac_condition"].isna().sum()
    numbers = paper.tables["characteristics_numbers"].set_index("characteristic")
    trials = raw["prior_trials"].dropna()
    row = numbers.loc["Earlier antidepressant trials, number"]
    assert (row["n"], row["n_missing"]) == (len(trials), len(raw) - len(trials))
    assert row["mean"] == pytest.approx(trials.mean())
    assert row["sd"] == pytest.approx(trials.std())


def test_each_characteristic_adds_up_to_all_who_started(paper):
    sums = paper.tables["characteristics"].groupby("characteristic")["n"].sum()
    assert set(sums) == {240}


def test_denominators_and_change_are_of_the_flow(paper):
    flow = paper.tables["flow"].set_index("step")["n"]
    scored = flow["scored in the window"]
    assert paper.tables["pre_post"]["n"].iloc[0] == scored
    assert (paper.tables["effect_sizes"]["n"] == scored).all()
    rates = paper.tables["response_rates"].set_index("denominator")["n"]
    assert rates["scored"] == scored
    assert rates["baseline_eligible"] == flow["window closed at the data cut"]
    bands = paper.tables["pre_post_by_severity"]
    assert bands["n"].sum() == scored
    assert (
        paper.tables["response_by_severity"]["n_events"].sum()
        == (paper.tables["response_rates"]["n_events"].iloc[0])
    )


def test_interval_and_effect_size_follow_from_the_printed_moments(paper):
    row = paper.tables["pre_post"].iloc[0]
    # The variance of a difference: s1^2 + s2^2 - 2 r s1 s2.
    variance = row["sd_before"] ** 2 + row["sd_after"] ** 2
    variance -= 2 * row["correlation"] * row["sd_before"] * row["sd_after"]
    assert row["sd"] == pytest.approx(np.sqrt(variance))
    sizes = paper.tables["effect_sizes"].set_index("effect_size")["estimate"]
    assert sizes["d_z"] == pytest.approx(row["estimate"] / row["sd"])
    assert sizes["d_baseline"] == pytest.approx(row["estimate"] / row["sd_before"])


def test_response_by_session_keeps_one_denominator_of_all(paper):
    table = paper.tables["response_by_session_of_all"]
    assert table["n"].nunique() == 1
    of_scored = paper.tables["response_by_session"]
    assert (of_scored["n"] <= of_scored["n_reached"]).all()
    assert (of_scored["estimate"] > table["estimate"]).all()
    assert "Immortal time" in paper.html


def test_predictors_are_refused_where_events_are_few_and_terms_are_not_dropped(paper):
    section = next(one for one in paper.sections if one.question.startswith("R16"))
    assert section.tables == ()
    assert re.search(r"has 9 coefficients and needs 90 patients with the rarer outcome", section.notes[0])


@pytest.fixture(scope="module")
def large():
    """A cohort with enough responses for a model, and the two words of sex only."""
    made = simulate_cohort(n_patients=520, seed=3)
    return assemble(dict(made.tables), made.settings)


def test_one_exploratory_model_with_adjusted_p_where_events_suffice(scope_of, large):
    part = predictors(scope_of(large), 15)
    table = part.tables["predictors"]
    assert {"Baseline, per 5 points", "Sex: male"} <= set(table["term"])
    assert table["p_adjusted"].to_numpy() == pytest.approx(false_discovery_control(table["p_value"]))
    # Wald limits on the log scale, 1.959964 standard errors to either side.
    log_odds = np.log(table["estimate"])
    expected = (log_odds + 1.959964 * table["std_error"]).to_numpy()
    assert np.log(table["conf_high"]).to_numpy() == pytest.approx(expected, abs=1e-5)
    assert "exploratory" in part.section.question.lower()
    assert "exploratory" in part.section.tables[0].caption


@pytest.mark.parametrize("name", ["paper", "hidden"])
def test_no_word_claims_a_cause_or_gives_a_verdict(name, request):
    text = text_of(request.getfixturevalue(name).html).lower().replace("safe harbor", "")
    found = [word for word in FORBIDDEN if re.search(rf"\b{re.escape(word)}\b", text)]
    assert found == []
    assert "uncontrolled" in text
    assert "associated with" in text
    assert "no comparison group" in text


# Their counts are of rows of files or of sessions without a record, which describe the files.
OF_FILES = {
    "missing_cells", "rows_by_table", "rows_set_aside", "cells_set_to_missing", "recording",
    "published_response", "published_side_effects",
}  # fmt: skip


def test_no_small_count_stands_in_any_table(hidden):
    counted = 0
    for name, table in hidden.tables.items():
        if name in OF_FILES:
            continue
        for column in [one for one in table.columns if one == "n" or one.startswith("n_")]:
            values = table[column].astype("Float64").dropna().to_numpy(float)
            counted += values.size
            assert not ((values >= 1) & (values <= 10)).any(), (name, column)
    assert counted > 200


def test_a_hidden_level_does_not_follow_from_the_total(hidden):
    table = hidden.tables["characteristics"]
    gone = table["n"].isna().groupby(table["characteristic"]).sum()
    assert (gone > 0).any()
    assert not (gone == 1).any()


def test_sizes_that_lie_within_each_other_never_differ_by_a_few(hidden):
    sizes = {240.0}
    for name in ("flow", "pre_post", "response_rates", "remission_rates", "response_by_session_of_all"):
        sizes |= set(hidden.tables[name]["n"].dropna().astype(float))
    sizes |= set(hidden.tables["response_by_session"]["n_reached"].dropna().astype(float))
    apart = np.abs(np.subtract.outer(sorted(sizes), sorted(sizes)))
    assert not ((apart >= 1) & (apart <= 10)).any()


def test_shares_of_those_scored_and_not_give_no_small_count(hidden):
    table = hidden.tables["scored_and_not"]
    assert table[["n_first", "n_second"]].isna().all(axis=None)
    by_name = table[table["kind"] == "share"].groupby("characteristic")["suppressed"]
    # Levels add up to 1: all of a characteristic are shown, or none.
    assert by_name.nunique().max() == 1
    shown = table[(table["kind"] == "share") & (table["suppressed"] == "")]
    assert (shown["second"].between(0.15, 0.85)).all()


def test_names_of_the_data_stay_text():
    made = simulate_cohort(n_patients=40, seed=5)
    tables = dict(made.tables)
    trap = "<script>alert(1)</script>"
    tables["patients"] = tables["patients"].assign(diagnosis=trap, **{"cohort group": [trap, "b"] * 20})
    report = cohort_report(assemble(tables, {**made.settings, "name": trap}))
    assert trap not in report.html
    assert "&lt;script&gt;" in report.html
    printed = manuscript_tables(report.sections)
    assert trap not in manuscript_html(printed, title=report.title)
    assert manuscript_docx(printed, title=report.title)[:2] == b"PK"


def test_a_cohort_without_scores_is_reported_with_reasons(make):
    cohort = make([(f"P{number}", 0.0) for number in range(12)], [("P0", 0.0, 3)], instrument="Own scale")
    report = cohort_report(cohort, small_cells="show")
    assert "Not recorded" in report.html
    assert report.tables["characteristics"]["n"].sum() == 12
    assert "pre_post" not in report.tables


def test_the_same_cohort_gives_the_same_words_and_drawings(scope_of, sample_cohort):
    for make in (flow, table_one, outcomes, by_session):
        first, second = (make(scope_of(sample_cohort), 3).section for _ in range(2))
        assert first == second


def test_groups_asked_for_are_set_out(hidden):
    assert hidden.tables["response_by_group"]["sex"].tolist() == ["female", "male"]


@pytest.mark.parametrize(
    ("options", "error"),
    [({"level": 95}, ConfigError), ({"at": "never"}, DataError), ({"by": "nothing"}, DataError),
     ({"instrument": "nothing"}, DataError), ({"small_cells": "some"}, ConfigError)],
)  # fmt: skip
def test_what_is_not_known_is_refused(sample_cohort, options, error):
    with pytest.raises(error):
        cohort_report(sample_cohort, **options)
