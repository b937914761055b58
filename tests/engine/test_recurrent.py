"""Mean cumulative count against R, by hand, and its robust variance."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.engine.recurrent import mean_count
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def bladder(root):
    return pd.read_csv(root / "tests/reference/bladder2.csv")


def test_the_mean_count_agrees_with_r(root, bladder):
    # survfit with id: cumulative hazard and its infinitesimal jackknife, which is Lawless and Nadeau's.
    expected = json.loads((root / "tests/reference/recurrent.json").read_text())["mean_count"]
    found = mean_count(bladder["stop"], bladder["event"], bladder["id"], start=bladder["start"])
    assert found.time[1:] == pytest.approx(expected["time"])
    assert found.estimate[1:] == pytest.approx(expected["estimate"], rel=1e-12)
    assert found.std_error[1:] == pytest.approx(expected["std_error"], rel=1e-10)
    assert found.n_at_risk[1:] == pytest.approx(expected["n_at_risk"])


def test_the_mean_count_by_hand():
    # Patient 1: events at 1 and 3, followed to 4. Patient 2: event at 2, followed to 2.5.
    # Steps 1/2, 1/2, 1/1; at 2 patient 1 has (1 - 1/2)/2 + (0 - 1/2)/2 = 0 and patient 2 also 0;
    # at 3 patient 1 alone is at risk and its residual 1 - 1 is 0; at 1 the two are +1/4 and -1/4.
    found = mean_count(
        [1.0, 3.0, 4.0, 2.0, 2.5], [1, 1, 0, 1, 0], [1, 1, 1, 2, 2], start=[0.0, 1.0, 3.0, 0.0, 2.0]
    )
    assert found.time.tolist() == [0, 1, 2, 3]
    assert found.estimate == pytest.approx([0, 0.5, 1.0, 2.0])
    assert found.std_error == pytest.approx([0, np.sqrt(2) / 4, 0, 0], abs=1e-12)
    assert found.n_events.tolist() == [0, 1, 2, 3]
    assert found.n_at_risk.tolist() == [2, 2, 2, 1]


def test_with_complete_follow_up_it_is_the_mean_of_the_counts():
    # All are followed to 10: the estimate is the mean number, its variance that of the mean (with n).
    stream = np.random.default_rng(11)
    counts = stream.poisson(2.0 * stream.gamma(2.0, 0.5, 60))
    patient = np.repeat(np.arange(60), counts + 1)
    stop = np.concatenate([np.append(np.sort(stream.uniform(0, 10, k)), 10.0) for k in counts])
    event = stop < 10.0
    start = np.where(np.append(True, patient[1:] != patient[:-1]), 0.0, np.append(0.0, stop[:-1]))
    found = mean_count(stop, event, patient, start=start, times=[10.0])
    assert found.estimate[0] == pytest.approx(counts.mean())
    assert found.std_error[0] == pytest.approx(counts.std() / np.sqrt(60))


def test_cutting_rows_changes_nothing(bladder):
    whole = mean_count(bladder["stop"], bladder["event"], bladder["id"], start=bladder["start"])
    first = bladder.assign(stop=(bladder["start"] + bladder["stop"]) / 2, event=0)
    cut = pd.concat([first, bladder.assign(start=first["stop"])])
    found = mean_count(cut["stop"], cut["event"], cut["id"], start=cut["start"], times=whole.time)
    assert found.estimate == pytest.approx(whole.estimate)
    assert found.std_error == pytest.approx(whole.std_error)


def test_without_an_event_the_mean_is_zero_without_limits():
    found = mean_count([3.0, 4.0], [0, 0], [1, 2], times=[0.0, 2.0])
    assert found.estimate.tolist() == [0, 0]
    assert np.isnan(found.conf_high).all()


def test_a_single_patient_has_no_limits():
    found = mean_count([1.0, 2.0], [1, 1], [1, 1], start=[0.0, 1.0])
    assert np.isnan(found.std_error).all()


def test_a_row_without_time_at_risk_is_refused():
    with pytest.raises(DataError, match="start is not before stop"):
        mean_count([1.0, 2.0], [1, 1], [1, 1], start=[0.0, 2.0])
