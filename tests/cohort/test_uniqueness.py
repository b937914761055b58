"""How many patients share what may be known of them, against counts by the standard library."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import pandas as pd
import pytest

from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.uniqueness import uniqueness
from ketaoutcomes.errors import ConfigError

COUNTS = ["n_patients", "n_combinations", "n_unique", "n_in_small_groups", "smallest_group"]


def _counted(combinations, min_group=5):
    sizes = Counter(combinations).values()
    small = sum(size for size in sizes if size < min_group)
    return [sum(sizes), len(sizes), sum(size == 1 for size in sizes), small, min(sizes)]


def _plain(value):
    return None if pd.isna(value) else value


@pytest.fixture(scope="module")
def cohort(sample):
    return load_cohort(sample)


@pytest.fixture(scope="module")
def days(cohort):
    """Each patient's session days, rounded half up, by the standard library."""
    out = defaultdict(list)
    for row in cohort.sessions.itertuples():
        out[str(row.patient_id)].append(math.floor(row.hour / 24 + 0.5))
    return [tuple(sorted(out[str(one)])) for one in cohort.patients["patient_id"]]


@pytest.mark.parametrize("min_group", [1, 5, 11])
def test_combinations_of_columns_are_counted_as_a_counter_does(cohort, min_group):
    table = uniqueness(cohort.tables, min_group=min_group).set_index("quasi_identifiers")
    flags = ["uncontrolled_hypertension", "substance_use_history", "cardiac_condition", "hypertension"]
    base = ["sex", "age", "diagnosis", "clinic_id"]
    sets = [["age"], ["sex", "age"], base[:3], base, *([*base, name] for name in flags), [*base, *flags]]
    for names in sets:
        rows = [tuple(map(_plain, row)) for row in cohort.patients[names].itertuples(index=False)]
        assert table.loc[", ".join(names), COUNTS].tolist() == _counted(rows, min_group)


def test_patterns_of_sessions_are_counted_as_a_counter_does(cohort, days):
    table = uniqueness(cohort.tables).set_index("quasi_identifiers")
    assert table.loc["days of all sessions", COUNTS].tolist() == _counted(days)
    for k in (2, 3, 5):
        expected = _counted(one[:k] for one in days)
        assert table.loc[f"days of the first {k} sessions", COUNTS].tolist() == expected
    assert table.loc["number of sessions", COUNTS].tolist() == _counted(map(len, days))


def test_days_in_steps_are_rounded_down_in_this_view_alone(cohort, days):
    before = cohort.sessions["hour"].copy()
    table = uniqueness(cohort.tables, day_step=7).set_index("quasi_identifiers")
    expected = _counted(tuple(day // 7 * 7 for day in one) for one in days)
    assert table.loc["days in steps of 7 of all sessions", COUNTS].tolist() == expected
    assert cohort.sessions["hour"].equals(before)


def test_the_month_of_the_first_session_is_counted_where_it_is_kept(cohort):
    months = {}
    for row in cohort.sessions.itertuples():
        months.setdefault(str(row.patient_id), row.month)
    every = [months.get(str(one)) for one in cohort.patients["patient_id"]]
    table = uniqueness(cohort.tables).set_index("quasi_identifiers")
    assert table.loc["month of the first session", COUNTS].tolist() == _counted(every)
    bare = {**cohort.tables, "sessions": cohort.sessions.drop(columns="month")}
    assert "month of the first session" not in uniqueness(bare)["quasi_identifiers"].tolist()


def test_patients_without_a_session_and_missing_values_are_levels_of_their_own(make):
    patients = pd.DataFrame(
        {
            "patient_id": list("ABCD"),
            "sex": ["F", "F", None, None],
            "zip3": ["100", "100", "021", "021"],
            "said": ["x", "y", "z", "w"],
        }
    )
    cohort = make([("A", 0), ("B", 0), ("A", 50), ("B", 47)], [("A", 1, 5)], patients=patients)
    table = uniqueness(cohort.tables, min_group=3, leave=["said"]).set_index("quasi_identifiers")
    # F twice and missing twice; both first sessions on day 0, the second on day 2; two without a session.
    assert table.index.tolist()[:3] == ["sex", "sex, zip3", "days of all sessions"]
    assert table.loc["sex", COUNTS].tolist() == [4, 2, 0, 4, 2]
    assert table.loc["sex, zip3", COUNTS].tolist() == [4, 2, 0, 4, 2]
    assert table.loc["days of all sessions", COUNTS].tolist() == [4, 2, 0, 4, 2]
    assert table.loc["number of sessions", COUNTS].tolist() == [4, 2, 0, 4, 2]


@pytest.mark.parametrize("options", [{"min_group": 0}, {"min_group": True}, {"day_step": 1.5}])
def test_groups_and_steps_are_whole_numbers(cohort, options):
    with pytest.raises(ConfigError, match="whole number of at least 1"):
        uniqueness(cohort.tables, **options)
