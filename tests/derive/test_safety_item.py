"""The flagged item before and after, from scores written out by hand."""

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.safety_item import item_before_and_after, safety_item_number
from ketaoutcomes.errors import DataError

WINDOW = "day_28"


def answers(patient, day, item_9, rest=2):
    """A PHQ-9 whose first eight items are all `rest`; the total is made from the items."""
    row = {"patient_id": patient, "instrument": "PHQ-9", "hour": 24.0 * day, "score": np.nan, "timing": None}
    return row | {f"i{item}": float(rest) for item in range(1, 9)} | {"i9": item_9}


@pytest.fixture
def cohort_of():
    def make(rows, **settings):
        patients = sorted({row["patient_id"] for row in rows})
        sessions = [{"patient_id": p, "hour": 24.0 * day, "route": "IV"} for p in patients for day in (0, 60)]
        frames = {
            "patients": pd.DataFrame({"patient_id": patients}),
            "sessions": pd.DataFrame(sessions),
            "scores": pd.DataFrame(rows),
        }
        return assemble(frames, settings)

    return make


def test_the_item_is_read_at_the_baseline_and_at_the_score_nearest_to_the_target(cohort_of):
    # Day 27 is nearer to day 28 than day 25 is; of the two before session 1 the later is the baseline.
    rows = [answers("A", -9, 3), answers("A", -2, 2), answers("A", 25, 1), answers("A", 27, 0)]
    found = item_before_and_after(cohort_of(rows), "PHQ-9", 9, window=WINDOW)
    assert found[["before", "after"]].to_numpy().tolist() == [[2.0, 0.0]]
    assert found["status"].tolist() == ["scored"]


def test_a_blank_item_is_not_known_although_the_total_is_made_up_from_the_others(cohort_of):
    rows = [answers("A", -2, np.nan), answers("A", 28, 0), answers("B", -2, 1), answers("B", 28, np.nan)]
    cohort = cohort_of(rows)
    # Eight items of 2 prorate to 18: the total is there, the item is not.
    assert cohort.scores["score"].tolist()[0] == 18.0
    found = item_before_and_after(cohort, "PHQ-9", 9, window=WINDOW).set_index("patient_id")
    assert np.isnan(found.loc["A", "before"])
    assert found.loc["A", "after"] == 0.0
    assert found.loc["B", "before"] == 1.0
    assert np.isnan(found.loc["B", "after"])
    assert found["has_baseline"].all()
    assert (found["status"] == "scored").all()


def test_no_other_assessment_is_looked_up_for_a_blank_item(cohort_of):
    rows = [answers("A", -5, 3), answers("A", -2, np.nan), answers("A", 26, 0), answers("A", 28, np.nan)]
    found = item_before_and_after(cohort_of([*rows, answers("B", -2, 0)]), "PHQ-9", 9, window=WINDOW)
    assert found[["before", "after"]].iloc[0].isna().all()


def test_an_item_of_0_at_baseline_is_known(cohort_of):
    found = item_before_and_after(
        cohort_of([answers("A", -2, 0), answers("A", 28, 1)]), "PHQ-9", 9, window=WINDOW
    )
    assert found[["before", "after"]].to_numpy().tolist() == [[0.0, 1.0]]


def test_someone_not_scored_in_the_window_has_no_item_after(cohort_of):
    rows = [answers("A", -2, 2), answers("A", 55, 0)]
    found = item_before_and_after(cohort_of(rows), "PHQ-9", 9, window=WINDOW)
    assert np.isnan(found["after"].iloc[0])
    assert found["status"].iloc[0] == "no score in the window"


def test_totals_without_items_are_refused_in_words(make):
    cohort = make([("A", 0.0), ("A", 1440.0)], [("A", -24.0, 12), ("A", 672.0, 3)])
    with pytest.raises(DataError, match="item 9 of PHQ-9 is not recorded"):
        item_before_and_after(cohort, "PHQ-9", 9, window=WINDOW)


def test_only_an_instrument_with_one_flagged_item_has_a_number():
    assert safety_item_number(INSTRUMENTS["PHQ-9"]) == 9
    assert safety_item_number(INSTRUMENTS["QIDS-SR16"]) == 12
    assert safety_item_number(INSTRUMENTS["C-SSRS"]) is None
    assert safety_item_number(INSTRUMENTS["GAD-7"]) is None
