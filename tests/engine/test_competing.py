"""Cumulative incidence of competing events against R's survival, closed forms and itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketaoutcomes.engine.competing import aalen_johansen, incidence_at, one_minus_km
from ketaoutcomes.engine.survival import kaplan_meier
from ketaoutcomes.errors import DataError

FOLDER = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((FOLDER / "competing.json").read_text())
# Monoclonal gammopathy, survival::mgus2: 1 progression to a plasma cell malignancy, 2 death before it.
with (FOLDER / "competing_mgus2.csv").open() as lines:
    ROWS = list(csv.DictReader(lines))
TIME = np.array([float(row["etime"]) for row in ROWS])
EVENT = np.array([int(row["event"]) for row in ROWS])
ENTRY = np.array([float(row["entry"]) for row in ROWS])
CLUSTER = np.array([int(row["cluster"]) for row in ROWS])
WEIGHT = np.array([float(row["weight"]) for row in ROWS])

COLUMNS = ("time", "n_at_risk", "incidence", "event_free", "std_error", "conf_low", "conf_high")


def check(curve, expected, columns=COLUMNS, step=1):
    for column in columns:
        wanted = np.array(expected[column], float)
        found = getattr(curve, column)[..., ::step]
        # Where the incidence is 0 R has no limits; ours are tested below.
        found = np.where(np.isnan(wanted), np.nan, found)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10, err_msg=column)


def test_curves_of_mgus2_equal_those_of_r():
    # tests/reference/competing.R: survfit of survival 3.5-3, log-log limits.
    check(aalen_johansen(TIME, EVENT), R["mgus2"])


@pytest.mark.parametrize(
    ("month", "progressed", "died", "event_free"),
    [(60, 0.034104, 0.32037, 0.64553), (120, 0.063722, 0.53182, None), (240, 0.099814, 0.72403, None)],
)
def test_curves_of_mgus2_have_the_published_values(month, progressed, died, event_free):
    # R survival, summary(survfit) of the vignette "compete", to the digits it prints.
    read = incidence_at(aalen_johansen(TIME, EVENT), [month])
    assert read["incidence"][0, 0] == pytest.approx(progressed, abs=5e-7)
    assert read["incidence"][1, 0] == pytest.approx(died, abs=5e-6)
    if event_free is not None:
        assert read["event_free"][0] == pytest.approx(event_free, abs=5e-6)


def test_late_entries_equal_those_of_r():
    check(aalen_johansen(TIME, EVENT, entry=ENTRY), R["mgus2_entry"], step=5)


def test_weights_equal_those_of_r():
    # R counts rows at risk without their weights; the curves have them.
    columns = tuple(name for name in COLUMNS if name != "n_at_risk")
    check(aalen_johansen(TIME, EVENT, weights=WEIGHT), R["mgus2_weights"], columns, step=5)


@pytest.mark.parametrize(("name", "entry"), [("mgus2_clusters", None), ("mgus2_entry_clusters", ENTRY)])
def test_clusters_equal_the_summed_influences_of_r(name, entry):
    curve = aalen_johansen(TIME, EVENT, entry=entry, clusters=CLUSTER)
    check(curve, R[name], ("time", "std_error"), step=5)


@pytest.mark.parametrize("late", [False, True])
def test_a_case_with_many_ties_equals_that_of_r(late):
    case = R["small"]
    curve = aalen_johansen(case["time"], case["event"], entry=case["entry"] if late else None)
    check(curve, case["late" if late else "plain"])


def test_rows_that_are_clusters_of_one_change_nothing():
    one, other = aalen_johansen(TIME, EVENT), aalen_johansen(TIME, EVENT, clusters=np.arange(len(TIME)))
    # Two ways of summing the same squares.
    np.testing.assert_allclose(other.std_error, one.std_error, atol=1e-14)


def test_the_influence_of_clusters_is_the_derivative_by_their_weight():
    codes = CLUSTER[:200] % 7
    args = TIME[:200], EVENT[:200]
    squares = 0.0
    for number in range(7):
        up, down = np.ones(200), np.ones(200)
        up[codes == number] += 1e-5
        down[codes == number] -= 1e-5
        moved = [aalen_johansen(*args, entry=ENTRY[:200], weights=w).incidence for w in (up, down)]
        squares = squares + ((moved[0] - moved[1]) / 2e-5) ** 2
    curve = aalen_johansen(*args, entry=ENTRY[:200], clusters=codes)
    # A central difference with this step is good to about 1e-10.
    np.testing.assert_allclose(curve.std_error, np.sqrt(squares), atol=1e-8)


def test_one_cause_is_one_minus_kaplan_meier():
    curve, km = aalen_johansen(TIME, EVENT > 0), kaplan_meier(TIME, EVENT > 0)
    np.testing.assert_allclose(curve.incidence[0], 1 - km.survival, atol=1e-14)
    finite = np.isfinite(km.std_error)
    # Greenwood's variance is the jackknife's where nobody enters late.
    np.testing.assert_allclose(curve.std_error[0][finite], km.std_error[finite], atol=1e-14)


def test_without_censoring_incidences_are_shares():
    curve = aalen_johansen([3, 1, 2, 2, 5], [1, 2, 1, 2, 1])
    assert curve.incidence[0] == pytest.approx([0, 0.2, 0.4, 0.6], abs=1e-15)
    assert curve.incidence[1] == pytest.approx([0.2, 0.4, 0.4, 0.4], abs=1e-15)
    # Binomial: sqrt(p (1 - p) / n).
    assert curve.std_error[1, 1] == pytest.approx(np.sqrt(0.4 * 0.6 / 5), abs=1e-15)


def test_a_cause_that_never_occurs_has_an_exact_upper_limit():
    curve = aalen_johansen(np.arange(1.0, 11), np.ones(10, int), n_causes=2)
    assert not curve.incidence[1].any()
    assert not curve.conf_low[1].any()
    # 0 of 10, nobody censored: 1 - 0.025^(1/10), Clopper and Pearson (1934).
    np.testing.assert_allclose(curve.conf_high[1], 1 - 0.025 ** (1 / 10), atol=1e-12)


def test_the_exact_limit_counts_patients_whose_state_is_known():
    curve = aalen_johansen([1, 2, 3, 4], [0, 0, 2, 0], n_causes=2)
    # Known at 1, 2, 3, 4: all four, three, two, two (one has had the other event).
    wanted = [1 - 0.025 ** (1 / n) for n in (4, 3, 2, 2)]
    assert curve.conf_high[0] == pytest.approx(wanted, abs=1e-12)


def test_limits_of_clusters_without_events_count_clusters():
    curve = aalen_johansen(np.ones(12), np.zeros(12, int), clusters=np.repeat([0, 1, 2], 4))
    assert curve.conf_high[0, 0] == pytest.approx(1 - 0.025 ** (1 / 3), abs=1e-12)


def test_everyone_with_the_event_has_a_share_of_one_and_an_exact_lower_limit():
    curve = aalen_johansen([1, 2, 3], [1, 1, 1])
    assert curve.incidence[0, -1] == 1
    assert curve.conf_high[0, -1] == 1
    assert curve.conf_low[0, -1] == pytest.approx(0.025 ** (1 / 3), abs=1e-12)


def test_one_minus_kaplan_meier_overstates_a_competing_cause():
    # R: 1 - survfit(Surv(etime, event == 1) ~ 1), survival 3.5-3, is above the incidence throughout.
    naive = one_minus_km(TIME, EVENT, 1)
    place = np.searchsorted(naive.time, 240, side="right") - 1
    assert naive.incidence[place] == pytest.approx(0.099814, abs=5e-7)
    assert naive.estimate[place] == pytest.approx(R["naive_pcm_240"], abs=1e-12)
    assert (naive.gap >= -1e-15).all()


def test_reading_between_and_beyond_times():
    curve = aalen_johansen([1, 2, 4], [1, 2, 0])
    read = incidence_at(curve, [0, 0.5, 1, 3, 4, 5])
    assert read["incidence"][0, :5] == pytest.approx([0, 0, 1 / 3, 1 / 3, 1 / 3], abs=1e-15)
    assert np.isnan(read["incidence"][:, 5]).all()
    assert np.isnan(read["event_free"][5])
    assert read["n_events"][1].tolist() == [0, 0, 0, 1, 1, 1]
    done = incidence_at(aalen_johansen([1, 2], [1, 2]), [9])
    assert done["incidence"][:, 0].tolist() == [0.5, 0.5]


CASES = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_shares_add_up_to_one_and_no_order_or_unit_matters(rows, random):
    time, event, late = (np.array(column, float) for column in zip(*rows, strict=True))
    entry = np.minimum(late, time - 1)
    curve = aalen_johansen(time, event.astype(int), entry=entry, n_causes=3)
    np.testing.assert_allclose(curve.incidence.sum(axis=0) + curve.event_free, 1.0, atol=1e-12)
    assert (np.diff(curve.incidence, axis=1) >= 0).all()
    order = list(range(len(time)))
    random.shuffle(order)
    again = aalen_johansen(time[order] * 24, event[order].astype(int), entry=entry[order] * 24, n_causes=3)
    for column in ("incidence", "std_error", "conf_low", "conf_high"):
        # Sums in another order differ in the last digits, and a root of a rounded 0 by half of them.
        np.testing.assert_allclose(getattr(again, column), getattr(curve, column), atol=1e-7)
    codes = np.array([0, 3, 1, 2])[event.astype(int)]
    swapped = aalen_johansen(time, codes, entry=entry, n_causes=3)
    np.testing.assert_allclose(swapped.incidence[[2, 0, 1]], curve.incidence, atol=1e-15)


def test_half_of_each_row_twice_is_the_same_curve():
    one = aalen_johansen(TIME, EVENT)
    two = aalen_johansen(np.tile(TIME, 2), np.tile(EVENT, 2), weights=np.full(2 * len(TIME), 0.5))
    np.testing.assert_allclose(two.incidence, one.incidence, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": []}, "same length"),
        ({"time": [1, np.nan, 2]}, "missing or infinite"),
        ({"time": [1, -1, 2]}, "negative"),
        ({"event": [1, 0.5, 0]}, "no code"),
        ({"event": [1, 2, 0], "n_causes": 1}, "no code"),
        ({"entry": [0, 2, 0]}, "not before the time"),
        ({"entry": [0, 0]}, "one value per row"),
        ({"weights": [1, 0, 1]}, "zero, negative or missing"),
        ({"clusters": [1]}, "one value per row"),
        ({"level": 95}, "between 0 and 1"),
    ],
)
def test_input_that_cannot_be_used_is_refused(options, message):
    given_input = {"time": [1, 2, 3], "event": [1, 2, 0]} | options
    with pytest.raises(DataError, match=message):
        aalen_johansen(given_input.pop("time"), given_input.pop("event"), **given_input)


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="no rows"):
        aalen_johansen([], [])


@pytest.mark.parametrize(
    ("time", "event", "entry", "emptied"),
    [
        ([2, 10, 11], [1, 2, 0], [0, 5, 5], 2.0),  # the only one at risk has the event
        ([2, 10, 11], [0, 2, 0], [0, 5, 5], 2.0),  # or is censored
        ([2, 10, 11], [1, 2, 0], [0, 2, 5], 2.0),  # an entry at that time counts as after it, and S is 0
        ([2, 10, 11], [0, 2, 0], [0, 2, 5], np.nan),  # but without an event another is at risk just after
        ([2, 10, 11], [1, 2, 0], [0, 1, 5], np.nan),
        ([2, 10, 11], [1, 2, 1], [0, 0, 0], np.nan),
    ],
)
def test_a_risk_set_that_empties_before_later_entries_is_flagged(time, event, entry, emptied):
    curve = aalen_johansen(time, event, entry=entry)
    np.testing.assert_equal(curve.emptied_at, emptied)
    after = incidence_at(curve, [10])["incidence"]
    assert np.isnan(after).all() == np.isfinite(emptied)


def test_before_the_first_time_the_limit_is_the_exact_binomial_one():
    curve = aalen_johansen([3, 4, 5, 9], [1, 0, 2, 1], entry=[0, 0, 1, 6])
    # Three rows have entered before the first time. 1 - 0.025^(1/3), Clopper and Pearson.
    high = incidence_at(curve, [0, 2])["conf_high"]
    assert high == pytest.approx(np.full((2, 2), 1 - 0.025 ** (1 / 3)), abs=1e-12)
