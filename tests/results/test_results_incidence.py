"""Results on cumulative incidence: readable, pickled, drawn from their own tables."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.incidence import cumulative_incidence, subdistribution_hazards
from ketaoutcomes.draw import theme
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.incidence import p_words


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    words = np.array(["censored", "response", "stopped"])
    return pd.DataFrame(
        {
            "day": rng.integers(1, 60, 80).astype(float),
            "end": words[rng.integers(0, 3, 80)],
            "route": np.where(rng.random(80) < 0.5, "IV", "IM"),
            "age": rng.normal(45, 10, 80),
        }
    )


@pytest.fixture(scope="module")
def results(data):
    return {
        None: cumulative_incidence(data, time="day", event="end", at=(14, 28, 56)),
        "route": cumulative_incidence(data, time="day", event="end", by="route", at=(14, 28, 56)),
    }


@pytest.mark.parametrize("by", [None, "route"])
def test_the_readable_table_has_a_row_per_landmark_event_and_group(results, by):
    table, words = results[by].readable()
    assert len(table) == 6 * (1 if by is None else 2)
    assert words == (("event",) if by is None else ("route", "event"))
    assert list(table.columns[len(words) :]) == [
        "time", "by then", "95% CI", "events", "at risk", "no event yet",
    ]  # fmt: skip


def test_the_result_survives_a_pickle_and_has_no_row_per_patient(results, data):
    result = results["route"]
    again = pickle.loads(pickle.dumps(result))
    assert again.summary() == result.summary()
    frames = [value for value in vars(result).values() if isinstance(value, pd.DataFrame)]
    assert all("age" not in frame.columns and "day" not in frame.columns for frame in frames)


@pytest.mark.parametrize("by", [None, "route"])
@pytest.mark.parametrize("kind", [None, "stacked", "lines"])
def test_the_numbers_below_the_picture_are_those_of_the_landmarks(results, by, kind):
    result = results[by]
    _, ax = theme.new_figure()
    drawn = result.plot(ax, kind=kind)
    panels = [drawn, *drawn.child_axes]
    texts = [child.get_text() for panel in panels for child in panel.texts if child.get_gid() == "numbers"]
    groups = [None] if by is None else list(dict.fromkeys(result.landmarks["route"]))
    wanted = []
    for group in groups:
        rows = result.landmarks if group is None else result.landmarks[result.landmarks["route"] == group]
        wanted += rows[rows["event"] == "response"]["n_at_risk"].tolist()
        for name in result.events:
            wanted += rows[rows["event"] == name]["n_events"].tolist()
    assert texts == [str(value) for value in wanted]


def test_a_kind_of_picture_that_is_not_known_is_refused(results):
    with pytest.raises(DataError, match='choose "stacked" or "lines"'):
        results[None].plot(kind="bars")


def test_html_escapes_what_the_data_say(data):
    hostile = data.assign(end=data["end"].replace({"response": "<img src=x>"}))
    result = cumulative_incidence(hostile, time="day", event="end", at=28)
    assert "<img" not in result._repr_html_()


def test_the_model_is_readable_and_its_covariance_is_that_of_its_errors(data):
    result = subdistribution_hazards("~ age + route", data, time="day", event="end", cause="response")
    table, words = result.readable()
    assert words == ("term",)
    assert table["term"].tolist() == ["age", "routeIV"]
    spread = np.sqrt(np.diag(result.cov[["age", "routeIV"]]))
    np.testing.assert_allclose(spread, result.table["std_error"], rtol=1e-12)
    assert result.cov["term"].tolist() == ["age", "routeIV"]


@pytest.mark.parametrize(
    ("p_value", "words"),
    [(0.2744, "p = 0.27"), (0.0653, "p = 0.065"), (0.0001, "p < 0.001"), (np.nan, "p –")],
)
def test_p_values_in_words(p_value, words):
    assert p_words(p_value) == words
