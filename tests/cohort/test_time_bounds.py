"""Hours that are known to lie between two others: read, held to rules, and the same when read again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.deidentify_tables import tables_to_write
from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.cohort.schema import data_dictionary
from ketaoutcomes.errors import DataError

ONE = "patient_id\nA1\n"
CLOCK = ["hour", "hour_low", "hour_high"]
LIMITED = {"deidentification": "limited-data-set"}


def _scores(*rows: str) -> str:
    return "\n".join(["patient_id,instrument,hour,hour_low,hour_high,score,timing", *rows]) + "\n"


def test_a_bounded_time_is_an_interval_and_blank_bounds_leave_it_exact(clinic):
    scores = _scores("A1,PHQ-9,30,24,48,9,", "A1,PHQ-9,100,,,8,", "A1,PHQ-9,-2.5,-12,12,7,post")
    cohort = load_cohort(clinic(scores=scores))
    assert cohort.scores[CLOCK].values.tolist() == [
        # After the session at hour 0 counts what is taken on its day: it cannot have been before.
        [0.0, 0.0, 12.0],
        [30.0, 24.0, 48.0],
        [100.0, 100.0, 100.0],
    ]
    assert cohort.quarantine.empty


def test_a_first_session_with_bounds_is_hour_0_without_a_known_clock_time(clinic):
    sessions = "patient_id,hour,hour_low,hour_high,route\nA1,0,-12,12,IV\nA1,49,36,60,IV\nA1,99,,,IV\n"
    cohort = load_cohort(clinic(patients=ONE, sessions=sessions, scores=None))
    assert cohort.sessions["clock_known"].tolist() == [False, False, True]
    assert cohort.sessions[CLOCK].values.tolist() == [[0, 0, 0], [49, 36, 60], [99, 99, 99]]


@pytest.mark.parametrize(
    "cells",
    ["30,31,48", "30,10,29", "30,,48", "30,24,", "30,0,48.001", "30,24,tomorrow", "30,inf,48"],
)
def test_bounds_that_are_none_set_their_row_aside(clinic, cells):
    scores = _scores(f"A1,PHQ-9,{cells},9,", "A1,PHQ-9,60,50,70,8,", "A1,PHQ-9,90,70,118,7,")
    cohort = load_cohort(clinic(scores=scores))
    assert cohort.quarantine[["table", "rule", "n_rows", "first_row"]].values.tolist() == [
        ["scores", "time_bounds", 1, 2]
    ]
    # 48 hours are as wide as bounds may be.
    assert cohort.scores[CLOCK].values.tolist() == [[60, 50, 70], [90, 70, 118]]


@pytest.mark.parametrize(
    "header", ["patient_id,hour,hour_low,route", "patient_id,hour,hour_high,route"], ids=["low", "high"]
)
def test_one_bound_alone_is_refused(clinic, header):
    with pytest.raises(DataError, match="hour_low and hour_high stand beside 'hour'"):
        load_cohort(clinic(patients=ONE, sessions=f"{header}\nA1,0,1,IV\n", scores=None))


def test_bounds_beside_a_day_are_refused(clinic):
    sessions = "patient_id,day,hour_low,hour_high,route\nA1,0,0,24,IV\n"
    found = check(clinic(patients=ONE, sessions=sessions, scores=None))
    assert not found.ok
    assert "time_bounds" in found.problems["rule"].tolist()


def test_a_status_without_a_time_has_no_bounds_either(clinic):
    disposition = "patient_id,hour,hour_low,hour_high,status\nA1,,,,ongoing\nA2,,24,48,stopped\n"
    cohort = load_cohort(clinic(disposition=disposition))
    assert cohort.disposition["status"].tolist() == ["ongoing"]
    assert cohort.quarantine["rule"].tolist() == ["time_bounds"]


def test_a_name_in_a_bound_is_refused_as_in_any_other_column(clinic):
    found = check(clinic(scores=_scores("A1,PHQ-9,30,24,jane.doe@example.org,9,")))
    assert "identifier:F" in found.problems["rule"].tolist()


def _written_again(cohort):
    """The cohort's tables as hours with bounds, and the cohort that they give."""
    frames = tables_to_write({name: cohort.tables[name] for name in cohort.present}, months=True)
    return assemble(frames, LIMITED)


def _assert_same_clock(first, second):
    for name in ("sessions", "scores", "disposition"):
        names = [*CLOCK, *(["clock_known"] if name == "sessions" else [])]
        pd.testing.assert_frame_equal(first.tables[name][names], second.tables[name][names], check_exact=True)
        assert len(first.tables[name]) == len(second.tables[name])


def test_the_samples_times_are_the_same_when_written_as_hours_and_read_again(sample):
    first = load_cohort(sample)
    second = _written_again(first)
    _assert_same_clock(first, second)
    assert second.quarantine.empty
    assert second.blanked.empty


@pytest.mark.parametrize("same_time", ["before", "after"])
def test_days_bounded_by_a_session_of_the_day_stay_so(sample, same_time):
    settings = LIMITED | {"timezone": "America/New_York", "same_time": same_time}
    frames = {path.stem: pd.read_csv(path, dtype=str, keep_default_na=False) for path in sample.glob("*.csv")}
    for table, column in (("sessions", "start"), ("scores", "taken")):
        cells = frames[table][column]
        # Every other time is known to the day only.
        cut = np.arange(len(cells)) % (2 if table == "scores" else 3) == 0
        frames[table][column] = cells.where(~(cut & (cells.str.len() == 16)), cells.str[:10])
    first = assemble(frames, settings)
    wide = (first.scores["hour_high"] - first.scores["hour_low"]).to_numpy()
    # Some days are whole, of 23 to 25 hours, and some end or begin with a session.
    assert ((wide > 0) & (wide < 23)).sum() > 100
    assert (wide >= 23).sum() > 100
    assert not first.sessions["clock_known"].all()
    second = assemble(
        tables_to_write({name: first.tables[name] for name in first.present}, months=True),
        LIMITED | {"same_time": same_time},
    )
    _assert_same_clock(first, second)
    assert second.quarantine.empty


def test_the_bounds_are_in_the_data_dictionary():
    text = data_dictionary()
    assert text.count("| `hour_low` | number | hours |") == text.count("| `hour_high` |") == 3
