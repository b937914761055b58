"""Results beside published ones: readable, pickled, without patients, drawn on the right curve."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import ketaoutcomes
from ketaoutcomes.analysis.published import published_comparison
from ketaoutcomes.errors import DataError

MURROUGH = "Murrough 2013 (repeated infusions)"


@pytest.fixture(scope="module")
def results(sample):
    clinic = ketaoutcomes.load_cohort(sample)
    return {
        topic: published_comparison(clinic, topic, n_replicates=40) for topic in ("response", "durability")
    }


@pytest.fixture(autouse=True)
def close():
    yield
    pyplot.close("all")


def named(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


@pytest.mark.parametrize("topic", ["response", "durability"])
def test_the_readable_table_has_a_row_per_published_number(results, topic):
    table, words = results[topic].readable()
    assert len(table) == len(results[topic].table)
    assert words == ("study", "what", "says")
    assert list(table.columns) == [
        "study", "what", "published", "CI there", "here", "CI here", "n/N", "not known", "difference", "says",
    ]  # fmt: skip
    assert table.map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_shares_are_percentages_and_times_are_not(results):
    response, _ = results["response"].readable()
    murrough = response[response["study"] == MURROUGH].iloc[0]
    # 17 of 24 with Wilson limits 50.8 and 85.1 %.
    assert (murrough["published"], murrough["CI there"]) == ("71%", "51–85")
    cells = results["response"].table.set_index("name").loc["murrough_2013_response"]
    assert murrough["n/N"] == f"{cells['n_events']}/{cells['n']}"
    durability, _ = results["durability"].readable()
    assert durability.loc[durability["what"] == "Days until half relapsed", "published"].tolist() == ["18"]


def test_a_difference_has_its_unit_and_an_interval_only_between_proportions(results):
    for result in results.values():
        shown = result.readable()[0]["difference"]
        plain = result.table["difference_conf_low"].notna()
        assert shown[plain].str.contains(r"\(.+\) points").all()
        assert not shown[~plain].str.contains(r"\(").any()


def test_a_time_that_is_not_reached_is_said_so(results):
    table = results["durability"].table.copy()
    values = ["estimate", "estimate_high", "difference", "difference_high"]
    table.loc[table["name"] == "murrough_2013_relapse_days", values] = np.inf
    table.loc[table["name"] == "murrough_2013_relapse_days", ["conf_low", "conf_high"]] = [20.0, np.inf]
    changed = type(results["durability"])(**(vars(results["durability"]) | {"table": table}))
    shown = changed.readable()[0].set_index("what").loc["Days until half relapsed"]
    assert (shown["here"], shown["CI here"], shown["difference"]) == (
        "not reached",
        "20–not reached",
        "–",
    )


@pytest.mark.parametrize("topic", ["response", "durability"])
def test_the_result_survives_a_pickle_and_holds_no_patient(results, topic):
    result = results[topic]
    assert pickle.loads(pickle.dumps(result)).summary() == result.summary()
    frames = [value for value in vars(result).values() if isinstance(value, pd.DataFrame)]
    for curve in result.curves.values():
        frames += [value for value in vars(curve).values() if isinstance(value, pd.DataFrame)]
    assert all("patient_id" not in frame.columns for frame in frames)


def test_both_definitions_stand_in_the_summary(results):
    summary = " ".join(results["durability"].summary().split())
    cells = results["durability"].table.set_index("name").loc["mcinnes_2022_held_4_weeks"]
    assert cells["definition"] in summary
    assert cells["here"] in summary
    assert cells["differs_in"] in summary


def test_the_clinics_curve_has_the_published_shares_at_their_days(results):
    ax = results["durability"].plot(kind="curve")
    points = np.vstack([line.get_xydata() for line in named(ax, "published")])
    assert points.tolist() == [[28.0, 0.8], [56.0, 0.6]]


def test_a_median_stands_at_one_half_and_an_unchecked_quartile_is_not_drawn(results):
    ax = results["durability"].plot(study=MURROUGH)
    points = np.vstack([line.get_xydata() for line in named(ax, "published")])
    assert points.tolist() == [[18.0, 0.5]]


def test_response_is_drawn_by_session_with_published_shares_at_theirs(results):
    ax = results["response"].plot()
    points = np.vstack([line.get_xydata() for line in named(ax, "published")])
    assert points.tolist() == [[1.0, 0.13], [6.0, 0.675], [6.0, 0.708], [6.0, 0.59]]


def test_without_the_instrument_of_a_curve_the_list_is_drawn(make):
    cohort = make([("A", 0)], [("A", -1, 20), ("A", 24, 9), ("A", 200, 15)], instrument="GAD-7")
    for topic in ("response", "durability"):
        result = published_comparison(cohort, topic, n_replicates=0)
        ax = result.plot()
        assert len(named(ax, "footer")) >= len(result.table)
        with pytest.raises(DataError, match='kind="list"'):
            result.plot(kind="curve")


def test_what_cannot_be_drawn_is_refused(results):
    with pytest.raises(DataError, match='"curve" or "list"'):
        results["response"].plot(kind="forest")
    with pytest.raises(DataError, match="McInnes 2022"):
        results["durability"].plot(study="Zheng")
