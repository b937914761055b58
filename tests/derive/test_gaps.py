"""Gaps between sessions, worked by hand: the last one is open."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.derive.gaps import gap_set
from ketaoutcomes.derive.sessions import session_table
from ketaoutcomes.errors import DataError

DAY = 24.0


def at_days(patient, days, n_induction):
    """Sessions of one patient on these days, the first `n_induction` of them the induction."""
    phase = ["induction"] * n_induction + ["maintenance"] * (len(days) - n_induction)
    return [(patient, {"hour": DAY * day, "phase": word}) for day, word in zip(days, phase, strict=True)]


SCORES = [("A", 0, 20), ("A", 40 * DAY, 8)]


def test_gaps_count_from_the_last_session_of_the_induction(make):
    found = gap_set(make(at_days("A", [0, 3, 7, 14, 35], 3), SCORES))
    # 7 to 14 and 14 to 35; after day 35 nothing but the score of day 40 is recorded.
    assert found.frame["session"].tolist() == [3, 4, 5]
    assert found.frame["number"].tolist() == [1, 2, 3]
    assert found.frame["days"].tolist() == [7, 21, 5]
    assert found.frame["closed"].tolist() == [True, True, False]
    assert found.frame["reason"].tolist() == ["next session", "next session", "no longer assessed"]
    assert found.frame["row"].tolist() == [2, 3, 4]


def test_gaps_may_count_from_any_session(make):
    cohort = make(at_days("A", [0, 3, 7, 14, 35], 3), SCORES)
    assert gap_set(cohort, from_session=1).frame["days"].tolist() == [3, 4, 7, 21, 5]
    assert gap_set(cohort, from_session=4).frame["days"].tolist() == [21, 5]


def test_days_are_counted_to_the_nearest(make):
    sessions = [("A", 0), ("A", 6.6 * DAY), ("A", 13.9 * DAY)]
    found = gap_set(make(sessions, SCORES), from_session=1).frame
    assert found["days"].tolist() == [7, 7, 26]
    np.testing.assert_allclose(found["exact_days"], [6.6, 7.3, 26.1])


@pytest.mark.parametrize(
    ("status", "days", "reason"),
    [
        ("stopped", 10, "stopped"),
        ("completed", 10, "completed"),
        # That they come no more is known: a loss of contact closes the records as a stop does.
        ("lost to follow-up", 10, "stopped"),
    ],
)
def test_an_open_gap_ends_where_the_patient_left(make, status, days, reason):
    disposition = pd.DataFrame([{"patient_id": "A", "hour": 24 * DAY, "status": status}])
    cohort = make([("A", 0), ("A", 14 * DAY)], [("A", 0, 20)], disposition=disposition)
    last = gap_set(cohort, from_session=1).frame.iloc[-1]
    assert (last["days"], last["closed"], last["reason"]) == (days, False, reason)


def test_an_open_gap_of_whoever_is_still_there_ends_at_the_data_cut(make):
    sessions = [("A", {"start": "2025-03-01 10:00"}), ("A", {"start": "2025-03-08 10:00"})]
    settings = {"deidentification": "limited-data-set", "data_cut": "2025-03-20", "timezone": "UTC"}
    cohort = make(sessions, [("A", "2025-03-01 09:00", 20)], time="taken", settings=settings)
    # From 8 March 10:00 to the end of 20 March: 12 days and 14 hours, to the nearest day 13.
    assert gap_set(cohort, from_session=1).frame["days"].tolist() == [7, 13]


def test_a_last_session_on_the_last_day_of_the_records_leaves_no_open_gap(make):
    found = gap_set(make([("A", 0), ("A", 7 * DAY)], [("A", 0, 20)]), from_session=1)
    assert found.frame["days"].tolist() == [7]
    assert found.frame["closed"].tolist() == [True]


def test_patients_without_a_session_to_count_from_are_counted(make):
    sessions = [*at_days("A", [0, 7, 14], 1), *at_days("B", [0], 1)]
    found = gap_set(make(sessions, [*SCORES, ("B", 0, 20)]), from_session=2)
    assert (found.n_patients, found.n_without) == (2, 1)


def test_ends_known_only_to_the_day_are_counted(make):
    found = gap_set(make([("A", 0), ("A", 7), ("A", 14)], [("A", 0, 20)], time="day"), from_session=1)
    assert found.n_day_only == 2


def test_no_closed_gap_is_an_error_that_says_so(make):
    with pytest.raises(DataError, match="no patient has a session after its induction"):
        gap_set(make(at_days("A", [0, 3], 2), SCORES))
    with pytest.raises(DataError, match="no patient has a session after session 5"):
        gap_set(make(at_days("A", [0, 3], 2), SCORES), from_session=5)


@pytest.mark.parametrize("value", [0, 1.5, "2", True])
def test_a_session_number_is_a_whole_number(make, value):
    with pytest.raises(DataError, match="from_session must be a whole number"):
        gap_set(make([("A", 0), ("A", 168)], SCORES), from_session=value)


def test_gaps_of_the_sample_clinic_are_differences_in_pandas(sample):
    cohort = load_cohort(sample)
    table = session_table(cohort)
    table = table.assign(name=table["patient_id"].astype(str))
    last = table[table["last_induction"]].set_index("name")["session"]
    gap = -table.groupby("name")["hour"].diff(-1) / DAY
    kept = (table["session"] >= table["name"].map(last)) & gap.notna()
    found = gap_set(cohort).frame
    closed = found[found["closed"]]
    np.testing.assert_allclose(closed["exact_days"], gap[kept], rtol=1e-12)
    # One open gap per patient, but for those whose last session is their last record.
    assert (~found["closed"]).sum() <= cohort.n_patients
    assert found.groupby("patient_id", observed=True)["closed"].apply(lambda rows: (~rows).sum()).max() == 1


def test_two_sessions_within_a_day_are_a_gap_of_one_day(make):
    found = gap_set(make([("A", 0), ("A", 1.0), ("A", 8 * DAY)], SCORES), from_session=1).frame
    assert found.loc[found["closed"], "days"].tolist() == [1, 8]
    np.testing.assert_allclose(found["exact_days"].iloc[0], 1 / 24)
