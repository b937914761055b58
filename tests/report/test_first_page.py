"""The first page says of whom it speaks: what is not known, not stated, or not over yet.

Forty patients, made by hand: four sessions from 3 to 13 August 2026, an assessment on 3 September
(day 21). Fifteen have a baseline. The data end on 8 October, so the windows of August have closed
(13 August + 31.5 days) and October is not over.
"""

import re

import pytest
from report.forty import SETTINGS, printed, scores, sessions, side_effects, tables, text, vitals


@pytest.fixture(scope="module")
def forty(report_of):
    return report_of(tables(), SETTINGS, month="2026-08", small_cells="show")


@pytest.fixture(scope="module")
def october(clinic, report_of):
    raw, settings = clinic
    return report_of(raw, settings, month="2026-10", small_cells="show")


def test_patients_without_a_baseline_are_not_known(forty):
    # 40 inductions ended in August; 25 have no score before session 1, all 40 were scored on day 21.
    cells = printed(forty, "Response")
    assert "15/15" in cells
    assert "25 of 40 no valid baseline" in cells
    # 15 responders (18 to 6 points) of 40: 37.5%.
    assert "if none of them responded: 38%" in cells


def test_patients_without_a_baseline_and_those_without_a_score_are_told_apart(report_of):
    raw = {**tables(), "scores": scores(n_followed=12)}
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    # 15 with a baseline, 12 of them scored: 25 + 3 = 28 of 40 not known.
    cells = printed(report, "Response")
    assert "12/12" in cells
    assert "28 of 40" in cells
    assert "25 no valid baseline, 3 not scored" in cells
    row = report.tables["response"].set_index("month").loc["2026-08"]
    assert (row["n_missing"], row["n_no_baseline"], row["n_not_scored"]) == (28, 25, 3)


def test_the_follow_up_says_of_whom_it_is_the_share(forty):
    cells = printed(forty, "Follow-up scored")
    assert "of those with a valid baseline" in cells
    assert "15/15" in cells
    assert "25 of 40 no valid baseline" in cells


def test_the_mean_change_counts_the_same_patients_as_not_known(forty):
    assert "25 of 40 no valid baseline" in printed(forty, "Mean change")


def test_a_blank_serious_column_is_not_recorded(report_of):
    raw = tables(side_effects=side_effects(None))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    assert "Serious side effect: not recorded." in text(report)
    assert "serious" not in report.tables


def test_serious_is_counted_of_all_recorded_sessions_where_it_is_stated_at_all(report_of):
    # Thirty sessions have an effect: stated of 20, and one of these is serious. The other ten may be.
    raw = tables(side_effects=side_effects(["yes"] + ["no"] * 19 + [None] * 10))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    row = report.tables["serious"].set_index("month").loc["2026-08"]
    assert (row["n_events"], row["n"], row["n_sessions"]) == (1, 30, 160)
    assert "130 of 160 no record" in printed(report, "Serious side effect")


def test_a_session_that_was_asked_and_had_no_effect_had_no_serious_one(report_of):
    effects = side_effects(["no"] * 30)
    effects.loc[20:, ["effect", "serious"]] = ["none", None]
    report = report_of(tables(side_effects=effects), SETTINGS, month="2026-08", small_cells="show")
    assert report.tables["serious"].set_index("month").loc["2026-08", "n"] == 30


def test_a_blank_early_stop_is_not_a_no(report_of):
    stops = ["yes"] + ["no"] * 9 + [None] * 150
    for column, n_known in ((stops, 10), ([None] * 160, 0)):
        raw = {**tables(), "sessions": sessions(stopped_early=column)}
        report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
        if n_known:
            assert "1/10" in printed(report, "Stopped early")
            assert "150 of 160 not stated" in printed(report, "Stopped early")
        else:
            assert "Stopped early: not recorded." in text(report)


def test_a_blood_pressure_before_the_session_is_none_of_it(report_of):
    raw = tables(
        vitals=vitals(
            (0, 1, -20, 180, 90),  # only before the session: not recorded
            (1, 1, -20, 180, 90),
            (1, 1, 30, 130, 80),
            (2, 1, 0, 130, 100),  # reached at the start
            (3, 1, 30, 165, 80),  # reached
            (4, 1, 30, None, None),  # a reading without a blood pressure: not recorded
        )
    )
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    row = report.tables["blood_pressure"].set_index("month").loc["2026-08"]
    assert (row["n_events"], row["n"], row["n_sessions"]) == (2, 3, 160)
    assert "from the start of the session on" in printed(report, "BP ≥165/100")
    assert "157 of 160 no readings" in printed(report, "BP ≥165/100")


def test_readings_before_the_session_alone_are_no_record_of_blood_pressure(report_of):
    raw = tables(vitals=vitals((0, 1, -20, 180, 90)))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    assert "BP ≥165/100: not recorded." in text(report)


def test_a_month_that_is_not_over_is_said_to_be_so(october):
    words = text(october)
    assert "October 2026 so far (data to 8 October)" in words
    assert "In October 2026 so far (data to 8 October)," in words
    assert not re.search(r"October 2026(?! so far)", words.split("How fast?")[0].split("Data cut")[0])
    assert "so far" in october.title


def test_a_month_that_is_not_over_is_drawn_hollow(october):
    for name in ("any_side_effect_checklist", "blood_pressure"):
        table = october.tables[name].set_index("month")
        assert table["provisional"]["2026-10"]
        assert not table["provisional"]["2026-09"]


def test_a_complete_month_is_not_provisional(shown):
    table = shown.tables["any_side_effect_checklist"]
    assert not table["provisional"].any()
    assert "so far" not in text(shown)


def test_without_a_data_cut_the_page_says_which_month_counts_as_incomplete(clinic, report_of):
    raw, settings = clinic
    without = {key: value for key, value in settings.items() if key != "data_cut"}
    report = report_of(raw, without, small_cells="show")
    assert "not stated; October 2026 counts as incomplete" in text(report)
    last = report_of(raw, without, month="2026-10", small_cells="show")
    assert "October 2026 so far (no data cut stated)" in text(last)


def test_an_open_window_is_in_no_complete_month(clinic, report_of):
    from ketaoutcomes.cohort.read import assemble
    from ketaoutcomes.derive.sessions import session_table
    from ketaoutcomes.derive.windows import NOT_DUE, windowed

    raw, settings = clinic
    cohort = assemble(raw, settings)
    ends = session_table(cohort)
    ends = ends[ends["last_induction"] & ends["induction_complete"]]
    status = windowed(cohort, "PHQ-9", "end_of_induction").set_index("patient_id")["status"]
    still_open = ends[ends["patient_id"].map(status).eq(NOT_DUE).to_numpy()]
    report = report_of(raw, settings, small_cells="show")
    assert len(still_open)
    assert (still_open["month"] > report.manifest["settings"]["outcome_month"]).all()
    table = report.tables["response"].set_index("month")
    for month, row in table.drop("previous 12 months", errors="ignore").iterrows():
        ended = int((ends["month"] == month).sum())
        n_open = int((still_open["month"] == month).sum())
        assert row["n"] + row["n_missing"] == ended - n_open
        assert row["provisional"] or not n_open


def test_sections_say_how_their_patients_follow_from_those_who_started(shown):
    # Section 7 counts who started in the twelve months; sections 1 and 3 name the same number.
    started = shown.tables["attrition"].set_index("step").loc["started", "n"]
    n = shown.tables["onset_days_medians"]["n_patients"].item()
    assert f"{n} of {started} starters with a valid baseline and a later score" in text(shown)
    due = shown.tables["response_rates"].set_index("denominator").loc["starters", "n"]
    assert f"{due} of {started} starters whose window has closed" in text(shown)
