"""Section 11: clinics beside limits, never in an order of results, and nothing hidden follows from it."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.derive.baseline import baseline
from ketaoutcomes.derive.windows import windowed
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.scope import make_scope
from ketaoutcomes.report.sections.clinics import clinics
from ketaoutcomes.report.settings import ReportSettings

BANNED = re.compile(
    r"\b(rank(?!ed)|best|worst|better|worse|top|trend|significant|safe|failed|success\w*|improv\w*|effective)\b",
    re.IGNORECASE,
)


def scope_of(cohort, small_cells="show"):
    return make_scope(
        cohort, month=None, instrument=None, gate=Gate(small_cells), level=0.95, settings=ReportSettings()
    )


@pytest.fixture(scope="module")
def shown_part(sample_cohort):
    return clinics(scope_of(sample_cohort))


@pytest.fixture(scope="module")
def hidden_part(sample_cohort):
    return clinics(scope_of(sample_cohort, "suppress"))


@pytest.fixture(scope="module")
def true_rates(sample_cohort):
    recent = scope_of(sample_cohort).recent
    return response_rates(recent, "PHQ-9", by="clinic_id").table.set_index(["denominator", "clinic_id"])


@pytest.fixture(scope="module")
def large():
    """A cohort of four clinics large enough for every count to be shown."""
    simulation = simulate_cohort(n_patients=900, deidentification="limited-data-set")
    return dict(simulation.tables), {**simulation.settings, "synthetic": False}


def text_of(part):
    """Every word of the section, its figures and their alternatives included."""
    section = part.section
    words = [
        section.question,
        *section.reading,
        *section.notes,
        *(word for term in section.terms for word in term),
    ]
    for figure in section.figures:
        words += [figure.title, figure.population, *figure.notes, re.sub(r"<[^>]+>", " ", str(figure.svg))]
    for table in section.tables:
        words += [table.caption, *table.notes, *(cell for row in table.rows for cell in row)]
    return " ".join(words)


def test_both_funnels_have_the_counts_of_section_3(shown_part, true_rates):
    response, follow_up = (shown_part.tables[f"clinics_{name}"] for name in ("response", "follow_up"))
    scored, eligible = true_rates.loc["scored"], true_rates.loc["baseline_eligible"]
    assert response["clinic_id"].tolist() == sorted(scored.index)
    assert response["n"].tolist() == scored["n"].tolist()
    assert response["n_events"].tolist() == scored["n_events"].tolist()
    assert follow_up["n"].tolist() == eligible["n"].tolist()
    assert follow_up["n_events"].tolist() == scored["n"].tolist()
    assert [figure.label for figure in shown_part.section.figures] == ["Fig. 11a", "Fig. 11b"]


def test_the_followed_are_defined_and_incomplete_inductions_count_as_not_followed(shown_part, sample_cohort):
    assert "with an induction that was not complete, not followed" in text_of(shown_part)
    recent = scope_of(sample_cohort).recent
    seen, start = windowed(recent, "PHQ-9", "end_of_induction"), baseline(recent, "PHQ-9")
    counted = (start["reason"] == "valid") & (seen["status"] != "window not closed at the data cut")
    printed = shown_part.tables["clinics_follow_up"]
    assert printed["n"].sum() == counted.sum()
    incomplete = counted & (seen["status"] == "induction not complete")
    assert incomplete.sum() > 0
    assert (printed["n"] - printed["n_events"]).sum() >= incomplete.sum()


def test_letters_are_those_of_the_alphabet_of_names(shown_part):
    table = shown_part.section.tables[0]
    assert [row[0] for row in table.rows] == [f"{letter}: clinic-{n}" for n, letter in enumerate("ABCD", 1)]
    assert "alphabetical order and are not ranked" in table.notes[0]


def test_the_mock_ups_words_are_there_and_no_verdict(shown_part, hidden_part):
    for part in (shown_part, hidden_part):
        assert part.section.question == "Do clinics differ?"
        assert part.section.reading == (
            "Clinics are not ranked. A dot inside the limits differs from the whole no more than chance "
            "allows for its size.",
        )
        assert not BANNED.search(text_of(part))
    assert "with fewer than 10 clinics it cannot be estimated" in text_of(shown_part)


def test_small_counts_are_in_no_table_figure_or_sentence(hidden_part):
    for frame in hidden_part.tables.values():
        hidden = (frame["suppressed"] != "").to_numpy()
        numbers = [name for name in frame.columns if name.startswith(("limit_", "adjusted_ratio", "conf_"))]
        assert frame.loc[hidden, [*numbers, "n_events", "estimate"]].isna().all(axis=None)
        shown = frame[~hidden]
        for counts in (shown["n_events"], shown["n"] - shown["n_events"], shown["n"]):
            assert not counts.between(1, 10).any()
    response = hidden_part.tables["clinics_response"]
    gone = response.loc[response["suppressed"] != "", "letter"].tolist()
    # 9 of clinic-2's 25 responded; another clinic goes with it, since the total is printed in section 3.
    assert "B" in gone
    assert len(gone) >= 2
    figure = hidden_part.section.figures[0]
    for letter in gone:
        assert f"Clinic {letter}:" not in str(figure.svg)
        assert f">{letter}</text>" not in str(figure.svg)
    assert "Not drawn" in figure.notes[0]


def possible(frame, column, total):
    """Values of each hidden count that add up to the total with what is shown, by trying them all."""
    hidden = frame.index[frame[column].isna()]
    rest = int(total - frame[column].sum())
    sizes = [int(n) if pd.notna(n) else rest for n in frame.loc[hidden, "n"]]
    fits = [
        values
        for values in itertools.product(*(range(min(size, rest) + 1) for size in sizes))
        if sum(values) == rest
    ]
    return [set(values) for values in zip(*fits, strict=True)]


def test_no_hidden_count_follows_from_the_total(hidden_part, true_rates):
    frame = hidden_part.tables["clinics_response"]
    total = true_rates.loc["scored"]["n_events"].sum()
    values = possible(frame, "n_events", total)
    assert values
    assert all(len(one) > 1 for one in values)


def test_those_not_scored_do_not_follow_either(hidden_part, true_rates):
    response = hidden_part.tables["clinics_response"].set_index("clinic_id")["n"]
    follow_up = hidden_part.tables["clinics_follow_up"].set_index("clinic_id")
    both = response.notna() & follow_up["n"].notna()
    assert not (follow_up["n"] - response)[both].between(1, 10).any()
    # Of the clinics hidden, the sum follows from section 3: it must leave more than one way.
    gone = follow_up.index[follow_up["n"].isna()]
    eligible, scored = (true_rates.loc[name]["n"] for name in ("baseline_eligible", "scored"))
    missing = int((eligible - scored)[gone].sum())
    assert len(gone) > 1
    assert missing > len(gone)


def test_large_clinics_are_all_shown(large):
    cohort = assemble(*large)
    part = clinics(scope_of(cohort, "suppress"))
    frame = part.tables["clinics_response"]
    assert (frame["suppressed"] == "").all()
    assert frame["n_events"].min() > 10
    assert frame["adjusted_ratio"].between(0.5, 2).all()


def test_a_clinic_far_from_the_whole_is_named_and_ringed_but_not_judged(large):
    tables, settings = large
    patients, scores = tables["patients"], tables["scores"]
    of_one = patients.loc[patients["clinic_id"] == "clinic-3", "patient_id"]
    late = ~scores["patient_id"].isin(of_one) | (np.arange(len(scores)) % 10 == 0)
    before = scores.groupby("patient_id").cumcount() < 1
    cohort = assemble({**tables, "scores": scores[late | before]}, settings)
    part = clinics(scope_of(cohort))
    figure = part.section.figures[1]
    assert figure.title == "Follow-up: clinic C (below) lies outside the 99.8% limits"
    assert part.tables["clinics_follow_up"].set_index("letter").at["C", "position"] == "outside 99.8%"
    assert not BANNED.search(text_of(part))


def test_one_clinic_and_no_clinic_are_one_sentence(sample_cohort):
    one = sample_cohort.select(clinic_id="clinic-1")
    assert clinics(scope_of(one)).section.notes == (
        "All patients with a clinic recorded were treated in one clinic, so there is nothing to compare.",
    )
    patients = sample_cohort.patients.drop(columns="clinic_id")
    none = replace(sample_cohort, tables={**sample_cohort.tables, "patients": patients})
    part = clinics(scope_of(none))
    assert part.section.notes == ("Not recorded: which clinic a patient was treated in.",)
    assert part.tables == {}


def test_patients_without_a_clinic_stay_in_the_total_and_out_of_the_figure(sample_cohort, true_rates):
    patients = sample_cohort.patients.copy()
    patients["clinic_id"] = patients["clinic_id"].where(patients["clinic_id"] != "clinic-4")
    changed = replace(sample_cohort, tables={**sample_cohort.tables, "patients": patients})
    part = clinics(scope_of(changed))
    frame = part.tables["clinics_response"]
    assert frame["clinic_id"].tolist() == ["clinic-1", "clinic-2", "clinic-3", "not recorded"]
    assert frame["n"].sum() == true_rates.loc["scored"]["n"].sum()
    assert frame["letter"].tolist() == ["A", "B", "C", "–"]
    assert "D:" not in text_of(part)


def test_of_many_clinics_the_dispersion_is_told(large):
    tables, settings = large
    patients = tables["patients"].copy()
    patients["clinic_id"] = [f"c{number % 12:02d}" for number in range(len(patients))]
    part = clinics(scope_of(assemble({**tables, "patients": patients}, settings)))
    words = text_of(part)
    # Patients were dealt out in turn, so that chance alone divides them.
    # 1 + 2 sqrt(2 / 12) = 1.82.
    assert re.search(r"phi of response [\d.]+ and follow-up [\d.]+; up to 1.82 is no more than chance", words)
    assert "cannot be estimated" not in words
    assert len(part.tables["clinics_response"]) == 12


def test_a_clinic_of_session_1_serves_as_well(sample_cohort, shown_part):
    patients, sessions = sample_cohort.patients, sample_cohort.sessions
    where = patients["clinic_id"].to_numpy()[sessions["patient_id"].cat.codes.to_numpy()]
    tables = {
        **sample_cohort.tables,
        "patients": patients.drop(columns="clinic_id"),
        "sessions": sessions.assign(clinic_id=where),
    }
    part = clinics(scope_of(replace(sample_cohort, tables=tables)))
    columns = ["clinic_id", "n_events", "n"]
    pd.testing.assert_frame_equal(
        part.tables["clinics_response"][columns], shown_part.tables["clinics_response"][columns]
    )
