"""Curves and tests of intervals in any frame: one patient, nothing to compare, arguments that are columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.any_frame import interval_logrank, interval_survival
from ketaoutcomes.errors import DataError

INF = np.inf
ENDS = {"left": "seen_without", "right": "seen_with"}


def clinic(n):
    """Two arms of n patients, assessed weekly for 84 days; exponential with mean 40 days."""
    event = np.random.default_rng(41).exponential(40, 2 * n)[:, None]
    visits = np.arange(7.0, 85, 7)
    left = np.max(np.where(visits < event, visits, 0.0), axis=1)
    right = np.min(np.where(visits >= event, visits, INF), axis=1)
    return pd.DataFrame({"seen_without": left, "seen_with": right, "arm": np.repeat(["A", "B"], n)})


def refuse(data, message, **options):
    for function in (interval_survival, interval_logrank):
        with pytest.raises(DataError, match=message):
            function(data, **({**ENDS, "by": "arm"} | options))


def test_rows_of_one_patient_have_no_band():
    data = pd.DataFrame({"seen_without": [0, 0, 1, 3], "seen_with": [1, 2, INF, INF], "who": ["a"] * 4})
    found = interval_survival(data, **ENDS, clusters="who")
    for table in (found.table, found.landmarks, found.medians):
        assert table[["conf_low", "conf_high"]].isna().all(axis=None)
    assert any(note.startswith("No band: the rows are of one patient") for note in found.notes)


def test_rows_that_repeat_a_patient_need_clusters():
    data = clinic(10).assign(patient_id=[0, 0, *range(1, 19)])
    refuse(data, r"1 row repeats a patient_id.*clusters='patient_id'")
    assert interval_survival(data, **ENDS, clusters="patient_id").medians["n_patients"][0] == 19
    # A row that is left out repeats nobody.
    data.loc[0, ["seen_without", "seen_with"]] = [0, INF]
    assert interval_survival(data, **ENDS, n_replicates=0).medians["n_patients"][0] == 19
    refuse(data, "is an identifier and makes no groups", by="patient_id")


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"seen_with": INF, "seen_without": 7.0}, {}, "No test: every row is censored"),
        ({"site": range(20)}, {"strata": "site"}, "No test: within no level of 'site'"),
        ({"seen_with": 9.0, "seen_without": 1.0}, {}, "No test: the intervals of all rows overlap"),
    ],
)
def test_where_nothing_can_be_compared_there_is_no_p_value(change, options, words):
    found = interval_logrank(clinic(10).assign(**change), **ENDS, by="arm", method="exact", **options)
    assert found.test[["statistic", "p_value"]].isna().all(axis=None)
    assert np.isnan(found.schedule_free["p_value"][0])
    assert any(note.startswith(words) for note in found.notes)
    assert "1.000" not in found.summary()


def test_a_column_in_place_of_its_name_is_refused_and_not_printed():
    data = clinic(10).assign(who="id8717")
    names = [
        "left",
        "right",
        "by",
        "strata",
        "clusters",
        "unit",
        "score",
        "method",
        "resample",
        "at",
        "level",
    ]
    for given in (data["who"], data["who"].to_numpy(), ["id8717"], data, "id8717" * 10):
        for name in names:
            for function in (interval_survival, interval_logrank):
                if name not in function.__kwdefaults__ and name not in (*ENDS, "by"):
                    continue
                with pytest.raises(DataError) as caught:
                    function(data, **({**ENDS, "by": "arm"} | {name: given}))
                assert "8717" not in str(caught.value)


@pytest.mark.parametrize("at", ["7", ("7",), True, (1, None), {7, 14}])
def test_times_are_numbers_since_time_0(at):
    with pytest.raises(DataError, match="at takes days since time 0"):
        interval_survival(clinic(10), **ENDS, at=at)


def test_times_that_give_nothing_say_where_follow_up_ends():
    with pytest.raises(DataError, match="at names no time; follow-up ends at 84 days"):
        interval_survival(clinic(10), **ENDS, at=[])
    found = interval_survival(clinic(10), **ENDS, at=500, n_replicates=0)
    assert found.landmarks["time"].tolist() == [84]
    assert (
        "Nothing is given at 500 days: follow-up ends at 84 days, where the curve is given instead."
        in found.notes
    )
