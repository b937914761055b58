"""Shares gone by some minutes rest on those who were followed so long: without them nothing is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.side_effect_timing import side_effect_timing
from ketaoutcomes.cohort.read import assemble

NAMES = ["patient_id", "session", "effect", "onset_minutes", "duration_minutes", "resolved", "ascertainment"]


def cohort_of(rows, *, monitored=120, vitals=None):
    """A cohort from rows as in NAMES, a session per patient."""
    frame = pd.DataFrame(rows, columns=NAMES)
    patients = pd.DataFrame({"patient_id": sorted(set(frame["patient_id"]))})
    sessions = patients.assign(hour=0.0, route="IV")
    if monitored is not None:
        sessions["monitored_minutes"] = monitored
    frames = {"patients": patients, "sessions": sessions, "side_effects": frame}
    return assemble(frames | ({} if vitals is None else {"vitals": vitals}))


def nausea(lengths, *, effect="nausea", first=0):
    """An effect from minute 10 per patient; None was still there after 100 minutes, "?" is not known."""
    rows = []
    for number, length in enumerate(lengths, start=first):
        told = {None: (100, "no"), "?": (np.nan, None)}.get(length, (length, "yes"))
        rows.append((f"P{number:02d}", 1, effect, 10, *told, "checklist"))
    return rows


def row_of(result, quantity, time=None, effect="nausea"):
    table = result.table
    chosen = (table["effect"] == effect) & (table["quantity"] == quantity)
    if time is not None:
        chosen &= table["time"] == time
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


def few_followed(*, late=130, n_late=1):
    """Forty effects: nine gone early, thirty still there at discharge, the last told from home."""
    lengths = [20 + number for number in range(10 - n_late)] + [None] * 30 + [late] * n_late
    return cohort_of(nausea(lengths))


def test_no_share_is_given_where_fewer_than_five_were_followed_and_its_bounds_hold_the_censored():
    result = side_effect_timing(few_followed(), checks=None, horizons=(60, 100, 120, 240))
    # The thirty were last seen 100 minutes after the onset; only the one told later was followed further.
    rows = [row_of(result, "gone_by", minutes) for minutes in (60, 100, 120, 240)]
    assert [row["n_followed"] for row in rows] == [31, 31, 1, 0]
    assert [row["estimate"] for row in rows[:2]] == pytest.approx([9 / 40, 9 / 40])
    assert np.isnan(
        [[row[name] for name in ("estimate", "low", "high", "conf_low", "conf_high")] for row in rows[2:]]
    ).all()
    assert [row["bound_low"] for row in rows] == pytest.approx([9 / 40, 9 / 40, 9 / 40, 10 / 40])
    assert [row["bound_high"] for row in rows] == pytest.approx([9 / 40, 9 / 40, 39 / 40, 1])
    # Kaplan-Meier's median is 130, from one effect.
    median = row_of(result, "median_resolution")
    assert np.isnan([median["estimate"], median["conf_low"], median["conf_high"]]).all()
    assert (median["low"], median["high"], median["n_followed"]) == (100, np.inf, 1)
    assert any("Fewer than 5 were followed" in note for note in result.notes)
    assert any("who were called or wrote" in note for note in result.notes)
    said = result.readable()[0].set_index("side effect").loc["nausea"]
    assert said["by 2 h"] == "not known, 22–98%"
    assert said["end"] == "not known, after 100"
    assert "inf" not in " ".join(result.readable()[0].astype(str).to_numpy().ravel())


def test_a_median_beyond_the_last_minute_with_five_followed_lies_after_that_minute():
    # Seventeen were last seen 5 minutes after the onset, one was gone at 60, two were last seen at 100.
    rows = [(f"P{k:02d}", 1, "nausea", 10, 5, "no", "checklist") for k in range(17)]
    rows += nausea((60, None, None), first=17)
    median = row_of(side_effect_timing(cohort_of(rows), checks=None), "median_resolution")
    assert np.isnan([median["estimate"], median["conf_low"], median["conf_high"]]).all()
    assert (median["low"], median["high"]) == (5, np.inf)


@pytest.mark.parametrize(("minutes", "low", "high"), [(39, 0, 0), (44, 0, 1), (55, 0, 1), (60, 1, 1)])
def test_bounds_of_shares_hold_every_length_that_onset_and_end_allow(minutes, low, high):
    # Onset in (10, 20], end in (60, 70]: from 40 to 60 minutes.
    rows = [(f"P{k:02d}", 1, "nausea", 20, 50, "yes", "checklist") for k in range(6)]
    result = side_effect_timing(cohort_of(rows), checks=(10, 20, 60, 70), horizons=minutes, n_replicates=0)
    row = row_of(result, "gone_by", minutes)
    assert (row["bound_low"], row["bound_high"]) == (low, high)


def test_bounds_of_shares_hold_every_true_share():
    stream = np.random.default_rng(20)
    checks = np.array([15, 30, 60, 90, 120])
    onset, lasting = stream.uniform(0, 80, 400), stream.exponential(35, 400)
    # As nurses note them: at the first check at or after; told from home after the last.
    place = np.minimum(np.searchsorted(checks, onset + lasting), checks.size - 1)
    end = np.where(onset + lasting > 120, onset + lasting, checks[place])
    noted = checks[np.searchsorted(checks, onset)]
    seen = end > noted
    rows = [
        (f"P{k:03d}", 1, "nausea", noted[k], end[k] - noted[k], "yes", "checklist")
        for k in np.flatnonzero(seen)
    ]
    marks = (5, 10, 20, 30, 45, 60, 75, 90)
    result = side_effect_timing(cohort_of(rows), checks=checks.tolist(), horizons=marks, n_replicates=0)
    for minutes in marks:
        row = row_of(result, "gone_by", minutes)
        true = (lasting[seen] <= minutes).mean()
        assert row["bound_low"] <= true <= row["bound_high"], minutes


def test_five_who_were_followed_are_enough():
    result = side_effect_timing(few_followed(n_late=5), checks=None, horizons=(120, 130, 240))
    # Five gone early, thirty censored at 100, five gone at 130.
    found = [row_of(result, "gone_by", minutes)["estimate"] for minutes in (120, 130, 240)]
    assert found[:2] == pytest.approx([5 / 40, 1])
    assert np.isnan(found[2])
    assert row_of(result, "median_resolution")["estimate"] == 130


def test_shares_are_given_to_the_end_where_all_were_followed():
    result = side_effect_timing(cohort_of(nausea((20, 30, 40, 50, 60, 300))), checks=None)
    assert row_of(result, "gone_by", 1440)[["estimate", "n_followed"]].tolist() == [1.0, 0]


def test_the_curve_stops_where_fewer_than_five_were_followed():
    result = side_effect_timing(few_followed(), checks=None, n_replicates=0)
    curve = result.curves[result.curves["effect"] == "nausea"]
    last = curve.iloc[-1]
    assert (last["time"], last["n_followed"]) == (100, 1)
    assert np.isnan([last["estimate"], last["estimate_high"]]).all()
    assert curve["estimate"].iloc[:-1].max() == pytest.approx(9 / 40)
    whole = side_effect_timing(cohort_of(nausea((20, 30, 40, 50, 60, 300))), checks=None, n_replicates=0)
    assert whole.curves["estimate"].notna().all()


def test_a_limit_to_which_too_few_were_followed_is_not_reached():
    # Eleven of twenty gone at 20; a replicate with fewer than half of these reaches one half at 130 only.
    lengths = [20] * 11 + [None] * 8 + [130]
    row = row_of(side_effect_timing(cohort_of(nausea(lengths)), checks=None), "median_resolution")
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (20, 20, np.inf)
    assert "20–not reached" in side_effect_timing(cohort_of(nausea(lengths)), checks=None).summary()


def test_notes_count_what_was_asked_for():
    rows = nausea((20, 30, None, "?")) + nausea((50, 60, 200), effect="vomiting", first=4)
    vitals = pd.DataFrame(
        [
            {"patient_id": f"P{k:02d}", "session": 1, "minute": minute, "sbp": 120}
            for k in range(7)
            for minute in (10, 40, 70, 110)
        ]
    )
    one = side_effect_timing(cohort_of(rows, vitals=vitals), "nausea", n_replicates=0)
    notes = " ".join(one.notes)
    # Onsets of four at minute 10, ends at 30 and 40; the third was last seen at 110.
    assert "4 effects of 4 patients: 2 with a length, 1 still there" in notes
    assert "7 onsets and ends lie between checks: 6 of them" in notes
    assert "Discharge of the 4 sessions with an effect" in notes
    assert "exact end" not in notes
    both = " ".join(side_effect_timing(cohort_of(rows, vitals=vitals), n_replicates=0).notes)
    assert "Discharge of the 7 sessions" in both
    assert "1 effect has an exact end and an onset between checks" in both


def test_the_last_reading_is_no_discharge_and_the_notes_say_how_many_that_concerns():
    vitals = pd.DataFrame(
        [
            {"patient_id": f"P{k:02d}", "session": 1, "minute": minute, "sbp": 120}
            for k in range(6)
            for minute in (10, 40, 70)
        ]
    )
    cohort = cohort_of(nausea((20, 30, 40, 50, 65, 80)), vitals=vitals, monitored=None)
    result = side_effect_timing(cohort, n_replicates=0)
    row = row_of(result, "gone_by_discharge")
    assert row[["estimate", "n", "n_events", "n_unknown"]].tolist() == [1.0, 6, 4, 2]
    assert row["bound_low"] == pytest.approx(4 / 6)
    assert any("2 effects ended after the last reading" in note for note in result.notes)
