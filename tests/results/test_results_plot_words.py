"""A picture drawn alone says what it shows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.cohort.simulate import simulate_cohort


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort("community", 60, deidentification="limited-data-set").cohort


def heading(ax):
    """The lines above the picture in reading order; below the axis stands only the unit."""
    lines = [a.get_text() for a in ax.get_children() if a.get_gid() == "unit"]
    words = [a.get_text() for a in ax.get_children() if a.get_gid() == "title"]
    plt.close(ax.figure)
    below = {"% of the patients counted", "% of sessions", "% of patients"}
    return " ".join(words), " ".join(line for line in reversed(lines) if line not in below)


def test_the_curve_names_outcome_rule_and_groups(cohort):
    found = time_to_response(cohort, "PHQ-9", n_replicates=0, by="sex")
    assert heading(found.plot(title="Mine")) == (
        "Mine", "Responded, % of patients (PHQ-9 at least 50% below baseline), by sex",
    )  # fmt: skip


def test_a_curve_of_remission_speaks_of_remission_everywhere(cohort):
    found = time_to_response(cohort, "PHQ-9", definition="remission", n_replicates=0)
    assert found.title == "Time to first remission, PHQ-9 below 5 (days since session 1)"
    text = found.summary()
    assert "remitted by then" in text
    assert "espond" not in text.replace("respondent", "")
    ax = found.plot()
    labels = [a.get_text() for a in ax.get_children() if a.get_gid() == "numbers-label"]
    assert labels[0] == "Remitted by then"
    assert heading(ax) == ("", "Remitted, % of patients (PHQ-9 below 5)")


def test_rates_name_outcome_window_and_rule(cohort):
    found = response_rates(cohort, "MADRS", outcome="remission", at="day_28")
    assert heading(found.plot())[1] == "Remission at day 28, % of patients counted (MADRS of 10 or less)"
    found = response_rates(cohort, "PHQ-9")
    assert heading(found.plot())[1] == (
        "Response at end of induction, % of patients counted (PHQ-9 at least 50% below baseline)"
    )


def test_course_side_effects_and_flow_name_what_they_show(cohort):
    assert heading(trajectory(cohort, "PHQ-9").plot(title="Mine")) == (
        "Mine", "Mean PHQ-9 score, 0–27 (higher is worse)",
    )  # fmt: skip
    assert heading(side_effect_rates(cohort).plot())[1] == "Side effects, % of sessions with a record"
    per_patient = side_effect_rates(cohort, per="patient", by="sex").plot()
    assert heading(per_patient)[1] == "Side effects, % of patients with a recorded session, by sex"
    assert heading(data_quality(cohort, "PHQ-9").plot(title="Mine")) == (
        "Mine", "Patients and their PHQ-9 scores",
    )  # fmt: skip
