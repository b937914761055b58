"""Section 10: outcomes by groups; the groups of a column add up, small ones are merged or hidden."""

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.scope import make_scope
from ketaoutcomes.report.sections.strata import strata
from ketaoutcomes.report.sections.strata_groups import groupings_of
from ketaoutcomes.report.settings import ReportSettings


def part_of(cohort, how="show", by=()):
    scope = make_scope(
        cohort, month=None, instrument=None, gate=Gate(how), level=0.95, settings=ReportSettings(by=by)
    )
    return strata(scope), scope


@pytest.fixture(scope="module")
def shown_part(sample_cohort):
    return part_of(sample_cohort, by=("clinic_id", "prior_trials"))


@pytest.fixture(scope="module")
def suppressed_part(sample_cohort):
    return part_of(sample_cohort, "suppress")


@pytest.mark.parametrize("by", ["sex", "route"])
def test_response_by_group_is_that_of_the_analysis(shown_part, by):
    part, scope = shown_part
    expected = response_rates(scope.recent, "PHQ-9", by=by).table
    expected = expected[expected["denominator"] == "scored"].set_index(by)
    found = part.tables[f"response_by_{by}"].set_index("group")
    for level in expected.index:
        for column in ("n_events", "n", "estimate", "conf_low", "conf_high"):
            assert float(found.loc[level, column]) == pytest.approx(float(expected.loc[level, column]))


def test_side_effects_by_group_are_those_of_the_analysis(shown_part):
    part, scope = shown_part
    expected = side_effect_rates(scope.recent, by="sex", ascertainment="checklist").table
    expected = expected[expected["effect"] == "any side effect"].set_index("sex")
    found = part.tables["side_effects_by_sex"].set_index("group")
    for level in expected.index:
        for column in ("n_events", "n", "estimate", "conf_low", "conf_high"):
            assert float(found.loc[level, column]) == pytest.approx(float(expected.loc[level, column]))


def test_the_groups_of_every_column_add_up_to_the_same_patients(shown_part):
    part, scope = shown_part
    whole = response_rates(scope.recent, "PHQ-9").table.set_index("denominator")
    for name, table in part.tables.items():
        if name.startswith("response_by_"):
            assert table["n"].sum() == whole.loc["scored", "n"], name
            assert table["n_events"].sum() == whole.loc["scored", "n_events"], name
        elif name.startswith("follow_up_by_"):
            assert table["n"].sum() == whole.loc["baseline_eligible", "n"], name
            assert table["n_events"].sum() == whole.loc["scored", "n"], name


def test_columns_that_were_asked_for_are_added(shown_part):
    part, _ = shown_part
    # Clinics have a section of their own, and two tables of them could be solved together.
    assert "response_by_clinic_id" not in part.tables
    # Nine numbers of prior trials are cut into three bands, and the missing ones stand apart.
    assert part.tables["response_by_prior_trials"]["group"].tolist()[-1] == "not recorded"
    assert len(part.tables["response_by_prior_trials"]) == 4


def test_a_column_with_many_levels_keeps_the_largest_and_merges_the_rest(make):
    # 12 sites with 12, 11, ... 1 patients: the seven largest stay, five with 5 + 4 + 3 + 2 + 1 are other.
    site = np.repeat([f"site {letter}" for letter in "ABCDEFGHIJKL"], np.arange(12, 0, -1))
    names = [f"P{number:03d}" for number in range(site.size)]
    patients = pd.DataFrame({"patient_id": names, "site": site})
    cohort = make([(name, 0.0) for name in names], [(name, -24.0, 15) for name in names], patients=patients)
    (found,) = [one for one in groupings_of(cohort, ("site",), largest_hidden=0) if one.name == "site"]
    assert found.levels == (*(f"site {letter}" for letter in "ABCDEFG"), "other (5 groups)")
    assert np.bincount(found.of_patients).tolist() == [12, 11, 10, 9, 8, 7, 6, 15]
    (found,) = [one for one in groupings_of(cohort, ("site",), largest_hidden=10) if one.name == "site"]
    assert found.levels == ("site A", "site B", "other (10 groups)")


def test_a_session_has_its_own_route_and_a_patient_that_of_session_1(make):
    sessions = [("A", {"hour": 0.0, "route": "IV"}), ("A", {"hour": 96.0, "route": "IM"}),
                ("B", {"hour": 0.0, "route": "IM"})]  # fmt: skip
    cohort = make(sessions, [("A", -24.0, 15), ("B", -24.0, 15)])
    (found,) = groupings_of(cohort, (), largest_hidden=0)
    assert [found.levels[code] for code in found.of_patients] == ["IV", "IM"]
    assert [found.levels[code] for code in found.of_sessions] == ["IV", "IM", "IM"]


def test_no_count_of_a_few_is_in_a_suppressed_table_and_no_rest(suppressed_part):
    part, _scope = suppressed_part
    for name, table in part.tables.items():
        assert not table["n"].dropna().between(1, 10).any(), name
        assert not table["n_events"].dropna().between(1, 10).any(), name
        assert not (table["n"] - table["n_events"]).dropna().between(1, 10).any(), name


def test_no_hidden_group_follows_from_the_total(suppressed_part, shown_part):
    part, scope = suppressed_part
    whole = response_rates(scope.recent, "PHQ-9").table.set_index("denominator").loc["scored", "n"]
    for name, table in part.tables.items():
        if name.startswith("response_by_"):
            hidden = table["n"].isna()
            # One hidden group alone would be the total less the others.
            assert hidden.sum() != 1, name
            if hidden.any():
                assert whole - table["n"].sum() > 10, name


def test_sizes_of_response_and_follow_up_never_differ_by_a_few(suppressed_part):
    part, _ = suppressed_part
    for name, table in part.tables.items():
        if name.startswith("response_by_"):
            other = part.tables.get(name.replace("response", "follow_up"))
            both = table.merge(other, on="group")
            assert not (both["n_y"] - both["n_x"]).dropna().between(1, 10).any(), name


def test_the_warning_about_many_groups_is_printed(shown_part):
    part, _ = shown_part
    said = " ".join(part.section.reading)
    assert "associated with the group, not its effect" in said
    assert "of intervals at 95%, 5% are expected not to hold" in said
    printed = str(part.section).lower()
    assert "p-value" not in printed
    assert "significant" not in printed


def test_a_cohort_without_groups_gets_one_sentence(make):
    part, _ = part_of(make([("A", 0.0)], [("A", -24.0, 20)], patients=pd.DataFrame({"patient_id": ["A"]})))
    assert len(part.section.notes) <= 1
