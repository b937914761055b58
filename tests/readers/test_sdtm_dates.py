"""Dates of SDTM: every form of ISO 8601 with missing parts, as the days that it leaves possible."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.readers.sdtm_dates import UNREADABLE, minutes_of, read_date_text, read_moments

NEW_YORK = Settings(deidentification="limited-data-set", timezone="America/New_York")


def read(*cells, settings=NEW_YORK):
    """The cells as moments."""
    return read_moments(pd.Series(list(cells), dtype="str"), settings)


def day(text: str) -> int:
    """Days since 1970 by the standard library."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("cell", "text", "first", "last"),
    [
        ("2014-07-02", "2014-07-02", "2014-07-02", "2014-07-02"),
        ("2014-07-02T11:45", "2014-07-02T11:45", "2014-07-02", "2014-07-02"),
        ("2014-07-02T9:45:10.5", "2014-07-02T09:45:10.5", "2014-07-02", "2014-07-02"),
        ("2014-07-02T11:45:-", "2014-07-02T11:45", "2014-07-02", "2014-07-02"),
        ("2014-07-02T11", "2014-07-02", "2014-07-02", "2014-07-02"),
        ("2014-07-02T-:45", "2014-07-02", "2014-07-02", "2014-07-02"),
        ("2014-07-02T11:45/2014-07-02T12:15", "2014-07-02", "2014-07-02", "2014-07-02"),
        ("2014-07", "2014-07", "2014-07-01", "2014-07-31"),
        ("2014-07-UN", "2014-07", "2014-07-01", "2014-07-31"),
        ("2012-02", "2012-02", "2012-02-01", "2012-02-29"),
        ("2013-02", "2013-02", "2013-02-01", "2013-02-28"),
        ("2014-12", "2014-12", "2014-12-01", "2014-12-31"),
        ("2014", "2014", "2014-01-01", "2014-12-31"),
        ("2014-UNK-UNK", "2014", "2014-01-01", "2014-12-31"),
        ("2013---15", "2013", "2013-01-15", "2013-12-15"),
        ("2014-07-30/2014-08-02", "2014-07", "2014-07-30", "2014-08-02"),
        ("2014-07/2014-08", "2014-07", "2014-07-01", "2014-08-31"),
    ],
)
def test_a_date_says_between_which_days_it_lies(cell, text, first, last):
    found = read(cell)
    assert found.text.tolist() == [text]
    assert (found.first_day[0], found.last_day[0]) == (day(first), day(last))
    assert found.whole[0] == (first == last)
    assert found.partial[0] == (first != last)
    assert read_date_text(pd.Series([cell], dtype="str")).tolist() == [text]


@pytest.mark.parametrize("cell", ["--12-15", "-----T07:15"])
def test_a_date_without_its_year_may_be_any_day(cell):
    found = read(cell)
    assert np.isneginf(found.first_day[0])
    assert np.isposinf(found.last_day[0])
    assert found.partial[0]


@pytest.mark.parametrize(
    "cell",
    [
        "hello",
        "20140702",
        "02JUL2014",
        "2014-13",
        "2014-02-30",
        "2014-07-02Tnoon",
        "2014-08-02/2014-07-02",
        "a/b",
        "1/2/3",
        "41000",
    ],
)
def test_what_is_no_date_is_unreadable_and_not_guessed(cell):
    found = read(cell, "2014-07-02")
    assert found.unreadable.tolist() == [True, False]
    assert found.text.tolist() == [UNREADABLE, "2014-07-02"]
    assert np.isnan(found.first_day[0])


def test_an_empty_cell_is_missing():
    found = read("", "2014-07-02")
    assert found.missing.tolist() == [True, False]
    assert not found.partial.any()


def test_clock_times_are_instants_in_the_zone_of_the_settings():
    # New York is 4 hours behind in July, 5 in January; an offset that is written counts by itself.
    found = read(
        "2014-07-02T11:45", "2014-01-02T11:45", "2014-07-02T11:45+02:00", "2014-07-02", "2014-03-09T02:30"
    )
    instants = [datetime(2014, 7, 2, 15, 45), datetime(2014, 1, 2, 16, 45), datetime(2014, 7, 2, 9, 45)]
    hours = [one.replace(tzinfo=UTC).timestamp() / 3600 for one in instants]
    assert found.hour[:3].tolist() == pytest.approx(hours, abs=1e-9)
    # A day has no clock time, and on the night on which clocks go forward 02:30 never was.
    assert found.clocked.tolist() == [True, True, True, False, False]
    assert found.whole.all()


def test_no_cells_give_no_moments():
    found = read_moments(pd.Series([], dtype="str"), NEW_YORK)
    assert found.hour.size == found.first_day.size == len(found.text) == 0


def test_durations_are_minutes():
    cells = ["PT40M", "-PT15M", "PT1H30M", "P1D", "P2W", "PT30S", "PT1.5H", "pt5m", "", "P", "PT", "40", "-"]
    minutes = minutes_of(pd.Series(cells, dtype="str"))
    assert minutes[:8].tolist() == [40, -15, 90, 1440, 20160, 0.5, 90, 5]
    assert np.isnan(minutes[8:]).all()
