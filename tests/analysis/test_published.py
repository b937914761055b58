"""Published numbers beside the clinic's: theirs as in the catalogue, ours as direct calls and hand counts."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

import ketaoutcomes
from ketaoutcomes.analysis.any_frame import interval_survival
from ketaoutcomes.analysis.durability import durability
from ketaoutcomes.analysis.published import (
    DIFFERS,
    NO_DIFFERENCE,
    _words,
    published_comparison,
)
from ketaoutcomes.analysis.published_limits import Limits, implied_count, overlap_of
from ketaoutcomes.analysis.published_numbers import NOBODY, Number
from ketaoutcomes.analysis.published_rows import ROWS
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.catalog.benchmarks import BENCHMARKS
from ketaoutcomes.catalog.definitions import OUTCOMES
from ketaoutcomes.errors import DataError

DAY = 24.0
INDUCTION = (0, 3, 7, 10)
STATE = 31
HOW = {"n_replicates": 40, "seed": 7}
JUDGING = re.compile(r"\b(better|worse|superior|inferior|outperform\w*|beats?|fails?)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def clinic(sample):
    return ketaoutcomes.load_cohort(sample)


@pytest.fixture(scope="module")
def found(clinic):
    return {topic: published_comparison(clinic, topic, **HOW) for topic in ROWS}


@pytest.fixture
def weekly(make):
    """Remitters R1, R2 (one relapses) and responders P1 to P3 (two relapse), scored weekly, MADRS."""
    later = {
        "R1": (10, {7: 8, 14: 25, 21: 24, 28: 5}),
        "R2": (12, {7: 8, 14: 25, 21: 5, 28: 5}),
        "P1": (18, {7: 22, 14: 22}),
        "P2": (20, {7: 8, 14: 8, 21: 30, 28: 30}),
        "P3": (13, {7: 8, 14: 8}),
    }
    sessions = [(name, day * DAY) for name in later for day in (*INDUCTION, STATE + 10)]
    scores = []
    for name, (state, rows) in later.items():
        scores += [(name, -1, 40), (name, STATE * DAY, state)]
        scores += [(name, (STATE + day) * DAY, score) for day, score in rows.items()]
    return make(sessions, scores, instrument="MADRS")


def row(result, name):
    return result.table.set_index("name").loc[name]


# ---------------------------------------------------------------- theirs


@pytest.mark.parametrize("topic", list(ROWS))
def test_every_published_number_is_that_of_the_catalogue(found, topic):
    table = found[topic].table
    assert table["name"].tolist() == [one.name for one in ROWS[topic]]
    for cells in table.itertuples():
        known = BENCHMARKS[cells.name]
        scale = 100 if known.unit == "percent" else 1
        assert cells.published == known.estimate / scale
        assert (cells.study, cells.definition, cells.window) == (known.study, known.definition, known.window)
        assert (cells.denominator, cells.source) == (known.denominator, known.source)
        assert cells.verified == known.verified
        assert pd.isna(cells.published_n) if known.n is None else cells.published_n == known.n
        assert cells.unit == ("share" if scale == 100 else known.unit)


@pytest.mark.parametrize("topic", list(ROWS))
def test_every_definition_used_is_in_the_catalogue(topic):
    assert all(name in OUTCOMES for one in ROWS[topic] for name in one.outcomes)


@pytest.mark.parametrize(
    ("name", "n_events", "n"),
    [
        ("murrough_2013_response", 17, 24),
        ("zheng_2019_response_first", 10, 77),
        ("zheng_2019_response_last", 52, 77),
        ("mcinnes_2022_response", 288, 537),
        ("sustain1_remitters_esketamine", 24, 90),
        ("sustain1_responders_placebo", 34, 59),
    ],
)
def test_an_interval_of_ours_is_wilsons_of_the_published_count(found, name, n_events, n):
    topic = next(topic for topic in ROWS if name in [one.name for one in ROWS[topic]])
    cells = row(found[topic], name)
    expected = proportion_confint(n_events, n, method="wilson")
    # Two closed forms; what is left is rounding.
    assert np.allclose((cells["published_low"], cells["published_high"]), expected, rtol=0, atol=1e-12)
    assert cells["published_interval"].startswith(f"ours: Wilson, from {n_events} of {n}")
    assert ("follows" in cells["published_interval"]) == (BENCHMARKS[name].n_events is None)


def test_no_interval_is_made_up_where_the_count_is_not_known(found):
    for topic in ROWS:
        none = found[topic].table["published_interval"] == "none"
        assert found[topic].table.loc[none, ["published_low", "published_high"]].isna().all(axis=None)
        assert found[topic].table.loc[none, "difference_conf_low"].isna().all()
    # 59 % of an unknown number; half of 424 patients by an estimate that is no plain share.
    assert row(found["response"], "phillips_2019_response")["published_interval"] == "none"
    assert implied_count(BENCHMARKS["oliver_2022_response_6_weeks"]) is None


# ---------------------------------------------------------------- ours


def test_response_after_a_session_is_counted_by_hand(make):
    sessions = [(name, 48 * k) for name in "ABC" for k in range(6)] + [("D", 0)]
    scores = [(name, -1, 40) for name in "ABCD"]
    scores += [("A", 24, 20), ("B", 24, 30), ("C", 24, 30), ("D", 24, 10)]
    scores += [("A", 264, 30), ("B", 264, 20), ("B", 288, 40)]
    cohort = make(sessions, scores, instrument="MADRS")
    result = published_comparison(cohort, "response", **HOW)
    first, sixth = row(result, "zheng_2019_response_first"), row(result, "murrough_2013_response")
    # After session 1: A and D of four. After session 6: B, at its first score; C was not scored, D stopped.
    assert (first["n_events"], first["n"], first["n_unknown"]) == (2, 4, 0)
    assert (sixth["n_events"], sixth["n"], sixth["n_unknown"]) == (1, 2, 2)
    assert np.allclose(
        (sixth["conf_low"], sixth["conf_high"]), proportion_confint(1, 2, method="wilson"), atol=1e-12
    )
    expected = confint_proportions_2indep(1, 2, 17, 24, method="newcomb", compare="diff")
    got = (sixth["difference_conf_low"], sixth["difference_conf_high"])
    assert np.allclose(got, expected, rtol=0, atol=1e-12)
    assert sixth["difference"] == pytest.approx(1 / 2 - 0.708, abs=1e-12)
    assert "1 who could be judged had not had session 6" in sixth["differs_in"]
    assert "1 had session 6 and no score within 7 days" in sixth["differs_in"]


def test_shares_in_a_window_are_those_of_response_rates(clinic, found):
    for name, window in (("mcinnes_2022_response", "end_of_induction"), ("pfeiffer_2024_response", "week_6")):
        direct = response_rates(clinic, "PHQ-9", at=window).table.set_index("denominator").loc["scored"]
        cells = row(found["response"], name)
        for column in ("estimate", "conf_low", "conf_high", "n", "n_events"):
            assert cells[column] == direct[column]


def test_numbers_of_curves_of_response_are_those_of_a_direct_call(clinic, found):
    direct = time_to_response(clinic, "PHQ-9", at=42, **HOW).landmarks.iloc[0]
    cells = row(found["response"], "oliver_2022_response_6_weeks")
    for column in ("estimate", "estimate_high", "conf_low", "conf_high", "n", "n_unknown"):
        assert cells[column] == direct[column]
    assert cells["n_events"] == direct["n_responded"]
    median = time_to_response(clinic, "MADRS", unit="sessions", **HOW).medians.iloc[0]
    cells = row(found["response"], "phillips_2019_infusions")
    # Half responded after `low` and by `high` sessions, so at the next whole number at the earliest.
    first = median["low"] if median["low"] == median["high"] else median["low"] + 1
    assert (cells["estimate"], cells["estimate_high"]) == (first, median["high"])
    assert (cells["conf_low"], cells["conf_high"]) == (median["conf_low"], median["conf_high"])


def test_numbers_of_durability_are_those_of_a_direct_call(clinic, found):
    direct = durability(
        clinic, "PHQ-9", estimand="cause-specific", sessions="last_induction", clock="response",
        onset_hours=31 * DAY, at=(28, 56), **HOW,
    )  # fmt: skip
    own, marks = direct.cause_specific.set_index("time"), direct.landmarks.set_index("time")
    for name, day in (("mcinnes_2022_held_4_weeks", 28.0), ("mcinnes_2022_held_8_weeks", 56.0)):
        cells = row(found["durability"], name)
        for column in ("estimate", "estimate_high", "conf_low", "conf_high"):
            assert cells[column] == own.loc[day, column]
        assert (cells["n"], cells["n_events"]) == (marks.loc[day, "n"], marks.loc[day, "n_lost"])
        known = marks.loc[day, "n_lost"] + marks.loc[day, "n_still"]
        assert cells["n_unknown"] == marks.loc[day, "n"] - known
        assert cells["time"] == day


def test_the_median_until_relapse_is_that_of_a_direct_call(clinic, found):
    direct = durability(
        clinic, "MADRS", estimand="cause-specific", sessions="last_induction", clock="session",
        loss="relapse_murrough", horizon=83, at=(83,), **HOW,
    )  # fmt: skip
    median = direct.medians.iloc[0]
    cells = row(found["durability"], "murrough_2013_relapse_days")
    assert (cells["estimate"], cells["estimate_high"]) == (median["low"], median["high"])
    assert (cells["conf_low"], cells["conf_high"]) == (median["conf_low"], median["conf_high"])
    assert (cells["n"], cells["n_events"]) == (median["n_patients"], median["n_events"])


def test_relapse_while_treatment_goes_on_is_counted_by_hand(weekly):
    result = published_comparison(weekly, "durability", **HOW)
    for arm in ("esketamine", "placebo"):
        remitters = row(result, f"sustain1_remitters_{arm}")
        responders = row(result, f"sustain1_responders_{arm}")
        # R1 and not R2; P1 at once and P2, and not P3.
        assert (remitters["n_events"], remitters["n"], remitters["n_unknown"]) == (1, 2, 0)
        assert (responders["n_events"], responders["n"], responders["n_unknown"]) == (2, 3, 0)
        assert remitters["estimate"] == 0.5
        assert ("treatment was withdrawn" in remitters["differs_in"]) == (arm == "placebo")
        assert "optimisation phase" in remitters["differs_in"]
        assert "admissions" in remitters["differs_in"]
        # R1 relapsed on day 14, R2 was seen well last on day 28: the median is day 21.
        assert "follow-up of remitters here: median 21 days" in remitters["differs_in"]
    expected = confint_proportions_2indep(2, 3, 16, 62, method="newcomb", compare="diff")
    cells = row(result, "sustain1_responders_esketamine")
    assert np.allclose(
        (cells["difference_conf_low"], cells["difference_conf_high"]), expected, rtol=0, atol=1e-12
    )


def test_the_curve_of_relapse_is_the_interval_censored_one(weekly):
    curve = published_comparison(weekly, "durability", **HOW).curves["Daly 2019 (SUSTAIN-1), responders"]
    # By hand, in days since the state was seen: P1 (0, 7], P2 (14, 21], P3 beyond 14.
    rows = pd.DataFrame({"left": [0.0, 14, 14], "right": [7.0, 21, np.inf]})
    direct = interval_survival(rows, left="left", right="right", at=(21,), **HOW)
    pd.testing.assert_frame_equal(curve.masses, direct.masses)
    assert curve.landmarks["estimate"].tolist() == direct.landmarks["estimate"].tolist()


def test_whoever_is_never_scored_as_the_rule_asks_is_not_counted_as_well(found):
    # The sample clinic scores the MADRS every four weeks in maintenance: no pair 5 to 15 days apart.
    cells = row(found["durability"], "sustain1_remitters_esketamine")
    assert cells["n"] == 0
    assert cells["n_unknown"] > 0
    assert cells["words"] == NOBODY
    assert np.isnan(cells["estimate"])
    assert "remitters here were never scored twice 5 to 15 days apart" in cells["differs_in"]


# ---------------------------------------------------------------- what is said


def test_an_instrument_that_is_not_recorded_has_words_and_no_number(make):
    cohort = make([("A", 0)], [("A", -1, 20), ("A", 24, 9), ("A", 200, 15)], instrument="PHQ-9")
    for topic in ROWS:
        table = published_comparison(cohort, topic, **HOW).table
        absent = table["instrument"] != "PHQ-9"
        assert absent.any()
        named = [f"not recorded here: {name}" for name in table.loc[absent, "instrument"]]
        assert table.loc[absent, "words"].tolist() == named
        columns = ["estimate", "estimate_high", "conf_low", "conf_high", "difference"]
        assert table.loc[absent, columns].isna().all(axis=None)
        assert (table.loc[absent, "n"] == 0).all()
        assert table.loc[absent, "published"].notna().all()


def test_where_nobody_responds_there_is_no_number_and_no_exception(make):
    scores = [(name, day * DAY, 35) for name in "AB" for day in (-1, 1, 20, 40)]
    cohort = make([(name, day * DAY) for name in "AB" for day in INDUCTION], scores, instrument="MADRS")
    table = published_comparison(cohort, "durability", **HOW).table
    assert (table.loc[table["instrument"] == "MADRS", "words"] == NOBODY).all()


numbers = st.floats(0, 1)


@given(st.tuples(numbers, numbers).map(sorted), st.tuples(numbers, numbers).map(sorted))
def test_a_difference_is_named_only_where_the_intervals_are_apart(theirs, here):
    known = BENCHMARKS["murrough_2013_response"]
    interval = Limits(*theirs, "as published (95 %)")
    ours = Number(here[0], here[0], *here, n=10)
    overlap = overlap_of(interval, ours)
    assert overlap == (max(theirs[0], here[0]) <= min(theirs[1], here[1]))
    words = _words(known, True, interval, ours, overlap)
    assert (words == DIFFERS) == (not overlap)
    assert words.startswith(NO_DIFFERENCE) == overlap


@pytest.mark.parametrize("missing", ["theirs", "ours"])
def test_without_an_interval_no_difference_is_claimed(missing):
    known = BENCHMARKS["murrough_2013_response"]
    interval = Limits() if missing == "theirs" else Limits(0.5, 0.6)
    limits = (np.nan, np.nan) if missing == "ours" else (0.9, 1.0)
    ours = Number(0.95, 0.95, *limits, n=10)
    overlap = overlap_of(interval, ours)
    assert overlap is None
    assert _words(known, True, interval, ours, overlap).startswith(f"{NO_DIFFERENCE}: the ")


def test_a_real_distance_differs_and_says_what_else_differs(make):
    names = [f"P{number:02d}" for number in range(40)]
    scores = [(name, -1, 40) for name in names] + [(name, 24, 5) for name in names]
    cohort = make([(name, 0) for name in names], scores, instrument="MADRS")
    cells = row(published_comparison(cohort, "response", **HOW), "zheng_2019_response_first")
    # 40 of 40 against 10 of 77.
    assert not cells["overlap"]
    assert cells["words"] == "differs; populations, doses, raters and follow-up differ too"


@pytest.mark.parametrize("topic", list(ROWS))
def test_nothing_is_called_better_or_worse(found, weekly, topic):
    for result in (found[topic], published_comparison(weekly, topic, **HOW)):
        said = [result.title, *result.notes, *result.sentences()]
        for column in ("words", "differs_in", "here", "quantity", "published_interval"):
            said += result.table[column].tolist()
        assert [words for words in said if JUDGING.search(words)] == []


@pytest.mark.parametrize("topic", list(ROWS))
def test_each_number_with_a_counterpart_says_what_cannot_be_matched(found, topic):
    table = found[topic].table
    for cells in table[table["here"] != ""].itertuples():
        assert "raters and washout" in cells.differs_in
        assert BENCHMARKS[cells.name].design in cells.differs_in


def test_numbers_that_were_not_checked_are_named(found):
    notes = " ".join(found["durability"].notes)
    assert "Not checked against the source: days until a quarter relapsed" in notes


# ---------------------------------------------------------------- arguments


def test_the_same_seed_gives_the_same_table(clinic, found):
    again = published_comparison(clinic, "durability", **HOW)
    pd.testing.assert_frame_equal(again.table, found["durability"].table)


def test_without_replicates_curves_have_no_limits_and_nothing_is_claimed(clinic):
    table = published_comparison(clinic, "durability", n_replicates=0).table
    curved = table[table["quantity"].str.contains("Still|Days")]
    assert curved[["conf_low", "conf_high"]].isna().all(axis=None)
    assert curved["words"].str.startswith(NO_DIFFERENCE).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"topic": "remission"}, "topic"),
        ({"level": 95}, "level"),
        ({"n_replicates": -1}, "n_replicates"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_malformed_arguments_are_refused(clinic, wrong, said):
    with pytest.raises(DataError, match=said):
        published_comparison(clinic, **wrong)
