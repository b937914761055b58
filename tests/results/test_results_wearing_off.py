"""How a result of wearing off reads and draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.results.wearing_off import WearingOff

COLUMNS = [
    "group", "quantity", "from_day", "day", "estimate", "conf_low", "conf_high", "unit", "code",
    "n", "n_patients",
]  # fmt: skip
NAN, INF = np.nan, np.inf


def result(rows, **changes):
    table = pd.DataFrame(rows, columns=COLUMNS).assign(std_error=NAN, df=NAN)
    days = np.array([1.0, 7.0, 14.0])
    curve = pd.DataFrame(
        {"group": "all", "day": days, "estimate": 9 - days / 7, "conf_low": 8 - days / 7,
         "conf_high": 10 - days / 7, "n": 300, "n_patients": 40}
    )  # fmt: skip
    observed = pd.DataFrame(
        {"group": ["all", "all"], "from_day": [1.0, 57.0], "to_day": [3.0, INF], "day": [2.0, NAN],
         "estimate": [8.8, NAN], "sd": [3.0, NAN], "n": [1200, 3], "n_patients": [40, 2], "n_sessions": [90,
         4]}
    )  # fmt: skip
    fields = {
        "title": "Wearing off", "table": table, "notes": ("A note.",), "definitions": (), "provenance": {},
        "instrument": "PHQ-9", "better": "below", "by": None, "level": 0.95, "peak_day": 1.0, "curve": curve,
        "observed": observed, "tests": pd.DataFrame(), "model": None,
    }  # fmt: skip
    return WearingOff(**fields | changes)


@pytest.fixture
def found():
    return result(
        [
            ("all", "benefit", NAN, 14.0, 7.94, 7.1, 8.8, "points", "", 1200, 40),
            ("all", "loss_per_week", 7.0, 14.0, 0.704, 0.511, -0.1, "points per week", "", 1200, 40),
            ("all", "retained", 1.0, 14.0, 0.881, 0.79, 0.95, "share", "", 1200, 40),
            ("all", "retained", 1.0, 28.0, 0.7, -INF, INF, "share", "FIELLER_UNBOUNDED", 1200, 40),
            ("all", "half_life", 1.0, 41.1, INF, 33.04, INF, "days", "NOT_REACHED", 1200, 40),
            ("all", "half_life", 1.0, 41.1, INF, INF, INF, "days", "NOT_REACHED", 1200, 40),
            ("all", "half_life", 1.0, 41.1, 25.0, 20.0, INF, "days", "", 1200, 40),
            ("all", "retained", 1.0, 35.0, NAN, NAN, NAN, "share", "OUT_OF_REACH", 1200, 40),
        ]
    )


def test_quantities_read_with_their_unit_interval_and_n(found):
    table, words = found.readable()
    assert table["quantity"].tolist() == [
        "benefit at day 14", "loss, day 7 to 14", "retained at day 14 (of day 1)", "retained at day 28 (of "
        "day 1)",
        "half-life (of day 1)", "half-life (of day 1)", "half-life (of day 1)",
    ]  # fmt: skip
    assert table["estimate"].tolist() == ["7.9", "0.70", "88%", "70%", "after 41", "after 41", "25.0"]
    assert table["95% CI"].tolist() == [
        "7.1–8.8", "0.51 to −0.10", "79–95", "not limited", "from 33.0", "after 41", "from 20.0",
    ]  # fmt: skip
    assert table["n"].tolist() == ["1,200"] * 7
    assert set(words) == {"sessions", "quantity", "unit"}


def test_what_is_not_given_has_no_row_in_words_but_stays_in_the_table(found):
    assert len(found.readable()[0]) == len(found.table) - 1
    assert "OUT_OF_REACH" in set(found.table["code"])


def test_sentences_say_when_was_assessed_and_give_no_mean_of_few(found):
    text = "\n".join(found.sentences())
    assert "all, day 1 to 3: 1,200 assessments, 40 patients, mean 8.8 points; 90 sessions not yet" in text
    assert "all, from day 57: 3 assessments, 2 patients; 4 sessions not yet" in text


def test_with_by_its_levels_stand_first():
    rows = [("all", "benefit", NAN, 7.0, 8.0, 7.0, 9.0, "points", "", 20, 10)] * 2
    plain = result(rows)
    table = plain.table.assign(sex=["F", "M"])
    curve, observed = plain.curve.assign(sex="F"), plain.observed.assign(sex="F")
    found = result(rows, table=table, curve=curve, observed=observed, by="sex")
    readable, words = found.readable()
    assert list(readable.columns[:2]) == ["sex", "quantity"]
    assert words[0] == "sex"
    assert "F, day 1 to 3" in "\n".join(found.sentences())


def test_summary_and_html_hold_the_same_numbers(found):
    for text in (found.summary(), found._repr_html_()):
        assert "not limited" in text
        assert "after 41" in text
        assert "A note." in text


def test_the_average_is_not_drawn_over_the_curves_that_it_is_the_average_of(found):
    curve = pd.concat([found.curve.assign(group=name) for name in ("all", "end of induction", "maintenance")])
    names = curve["group"].unique()
    rows = [(name, "retained", 1.0, 14.0, 0.9, 0.8, 0.95, "share", "", 9, 9) for name in names]
    observed = found.observed.assign(group="maintenance")
    ax = result(rows, curve=curve, observed=observed).plot()
    upper, lower = ax.child_axes
    models = [line for line in upper.lines if line.get_gid() == "model"]
    named = [artist.get_text() for artist in lower.get_children() if artist.get_gid() == "group"]
    assert len(models) == 2
    assert named == ["end of induction", "maintenance"]
