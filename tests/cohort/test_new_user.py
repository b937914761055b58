"""What somebody meets who brings an export for the first time: headers, dates, blank rows, spellings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import DataError

LIMITED = 'deidentification = "limited-data-set"\n'
EASTERN = LIMITED + 'timezone = "America/New_York"\n'


def told(folder, *, rule: str | None = None) -> pd.DataFrame:
    """Problems that check finds, of one rule."""
    problems = check(folder).problems
    return problems if rule is None else problems[problems["rule"] == rule]


def dated(clinic, *cells: str, settings: str = LIMITED):
    """A folder whose sessions start at the times given, one patient each."""
    ids = [f"A{number}" for number in range(1, len(cells) + 1)]
    rows = "".join(f"{one},{cell},IV\n" for one, cell in zip(ids, cells, strict=True))
    return clinic(
        settings,
        patients="patient_id\n" + "".join(f"{one}\n" for one in ids),
        sessions=f"patient_id,start,route\n{rows}",
        scores=None,
    )


@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        ("01/25/2026", "02/03/2026", 'set date_format = "%m/%d/%Y"'),
        ("25/01/2026", "02/03/2026", 'set date_format = "%d/%m/%Y"'),
        ("25.01.2026", "02.03.2026", 'set date_format = "%d.%m.%Y"'),
        ("1/25/26", "2/3/26", 'set date_format = "%m/%d/%y"'),
        ("01/02/2026", "02/03/2026", '"%m/%d/%Y" if the month comes first, "%d/%m/%Y" if the day does'),
        ("01/25/2026", "25/01/2026", "no one format fits"),
        ("01/25/2026 2:30 PM", "02/03/2026 9:00 AM", '"%m/%d/%Y %I:%M %p"'),
        ("2026/01/25", "2026/02/03", 'set date_format = "%Y/%m/%d"'),
    ],
)
def test_the_hint_for_a_date_format_follows_the_dates(clinic, first, second, hint):
    message = told(dated(clinic, first, second), rule="ambiguous_date")["message"].item()
    assert hint in message


def test_the_format_that_is_hinted_at_reads_the_dates(clinic):
    settings = EASTERN + 'date_format = "%m/%d/%Y"\n'
    cohort = load_cohort(
        clinic(
            settings,
            patients="patient_id\nA1\n",
            sessions="patient_id,start,route\nA1,01/25/2026 9:00 AM,IV\nA1,01/25/2026 2:30 PM,IV\n",
            scores=None,
        )
    )
    assert cohort.sessions["hour"].tolist() == [0.0, 5.5]


@pytest.mark.parametrize("cell", ["01/25/2026 14:30", "01/25/2026 2:30 PM", "2026-01-25 2:30 PM", "46047.5"])
def test_a_missing_time_zone_is_told_together_with_the_format(clinic, cell):
    rules = set(told(dated(clinic, cell))["rule"])
    assert "no_timezone" in rules
    assert rules & {"ambiguous_date", "am_pm", "excel_date"}


def test_clock_times_with_am_or_pm_are_told_to_need_a_format(clinic):
    assert "%I:%M %p" in told(dated(clinic, "2026-01-25 2:30 PM"), rule="am_pm")["message"].item()
    folder = dated(clinic, "01/25/2026 2:30 PM", settings=EASTERN + 'date_format = "%m/%d/%Y %H:%M"\n')
    assert len(told(folder, rule="am_pm")) == 1


@pytest.mark.parametrize("cell", ["2026-01-25", "2026-01-25 00:00", "01/25/2026"])
def test_days_alone_need_no_time_zone(clinic, cell):
    assert "no_timezone" not in set(told(dated(clinic, cell))["rule"])


def test_days_without_a_time_zone_are_24_hours_apart(clinic):
    # Clocks changed in the United States on 8 March 2026; without a zone that is not known.
    folder = clinic(
        LIMITED,
        patients="patient_id\nA1\n",
        sessions="patient_id,start,route\nA1,2026-03-07,IV\nA1,2026-03-09,IV\n",
        scores="patient_id,instrument,taken,score\nA1,PHQ-9,2026-03-08,9\n",
    )
    cohort = load_cohort(folder)
    assert cohort.sessions["hour"].tolist() == [0.0, 48.0]
    assert cohort.scores[["hour_low", "hour_high"]].to_numpy().tolist() == [[12.0, 36.0]]


def test_days_beside_offsets_need_a_time_zone(clinic):
    folder = dated(clinic, "2026-01-25 09:00-05:00", "2026-01-26")
    assert told(folder)["rule"].tolist() == ["days_and_offsets"]


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("Patient", "patient_id"),
        ("PatientID", "patient_id"),
        ("patient_idd", "patient_id"),
        ("pid", "patient_id"),
    ],
)
def test_a_header_close_to_a_needed_column_is_hinted_at(clinic, header, meant):
    folder = clinic(patients=f"sex,{header}\nF,A1\nM,A2\n")
    message = told(folder, rule="missing_column")["message"].item()
    assert f"column number 2 looks like it: did you mean '{meant}'?" in message


def test_dates_instruments_and_totals_under_other_names_are_hinted_at(clinic):
    folder = clinic(
        LIMITED,
        sessions="patient_id,Date,route\nA1,2026-01-25,IV\nA2,2026-01-25,IV\n",
        scores="patient_id,hour,Instrument name,Total\nA1,0,PHQ-9,4\n",
    )
    messages = " ".join(told(folder)["message"])
    for name in ("start", "instrument", "score"):
        assert f"did you mean '{name}'?" in messages


@pytest.mark.parametrize(
    ("header", "meant"),
    [("Dose", "dose_mg_per_kg"), ("Dose (mg/kg)", "dose_mg_per_kg"), ("Weight", "weight_kg")],
)
def test_a_covariate_close_to_an_optional_column_is_hinted_at(clinic, header, meant):
    folder = clinic(sessions=f"patient_id,hour,route,{header}\nA1,0,IV,0.5\nA2,0,IV,0.6\n")
    assert f"did you mean '{meant}'" in told(folder, rule="unknown_column")["message"].item()


@pytest.mark.parametrize("header", ["PHQ9", "phq9_total", "phq9_1", "GAD-7 week 4", "PHQ-9"])
def test_one_column_per_instrument_is_answered_with_the_long_format(clinic, header):
    folder = clinic(scores=f"patient_id,hour,{header}\nA1,0,4\n")
    problems = told(folder, rule="missing_column")
    assert len(problems) == 1
    assert "one row per assessment" in problems["message"].item()


def test_a_column_is_told_once_whatever_its_capitals(clinic):
    folder = clinic(patients="patient_id,Zip\nA1,02139\nA2,02140\n")
    assert told(folder)["column"].tolist() == ["zip"]


def test_a_column_of_dates_that_identifies_is_not_asked_for_as_a_time_too(clinic):
    folder = clinic(sessions="patient_id,Visit date,route\nA1,2026-01-25,IV\nA2,2026-01-25,IV\n")
    assert told(folder)["rule"].tolist() == ["identifier:C"]
    folder = clinic(LIMITED, patients="patient_id,dob\nA1,1980-01-02\nA2,1970-01-02\n")
    assert told(folder)["rule"].tolist() == ["identifier:C"]


@pytest.mark.parametrize("age", ["93", "90.5", "125"])
def test_an_age_above_90_is_told_once_and_not_set_to_missing(clinic, age):
    folder = clinic(patients=f"patient_id,age\nA1,{age}\nA2,50\n")
    assert told(folder)[["rule", "severity"]].to_numpy().tolist() == [["identifier:C", "privacy"]]


@pytest.mark.parametrize("rows", [";;;;\n;;\n", " ; ; \n\n", '"";"";""\n;;;\n'])
def test_rows_of_separators_alone_are_blank_lines(clinic, rows):
    folder = clinic(sessions=f"patient_id;hour;route\nA1;0;IV\n{rows}A2;0;IM\n{rows}", scores=None)
    cohort = load_cohort(folder)
    assert cohort.counts.set_index("table").loc["sessions"].tolist() == [2, 2, 0]
    assert told(folder, rule="blank_lines")["message"].item().endswith(": 4")


def test_a_file_in_place_of_the_folder_is_named_by_its_last_part(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("patient_id\nA1\n")
    with pytest.raises(DataError, match=r"'x\.csv' is a file; give the folder") as refused:
        load_cohort(file)
    assert str(tmp_path) not in str(refused.value)


def test_a_file_that_is_named_after_a_person_is_not_named(tmp_path):
    file = tmp_path / "John Smith.csv"
    file.write_text("patient_id\nA1\n")
    with pytest.raises(DataError) as refused:
        load_cohort(str(file))
    assert "Smith" not in str(refused.value)


@pytest.mark.parametrize("folder", [None, {}, 3, 4.5, ["data"], b"data", Path])
def test_what_is_no_path_is_told_as_such(folder):
    for read in (load_cohort, check):
        with pytest.raises(DataError, match="folder must be a path"):
            read(folder)


def test_a_dated_course_whose_numbers_begin_above_1_has_no_known_start(clinic):
    sessions = (
        "patient_id,start,session,route\nA1,2026-01-25,5,IV\nA1,2026-01-28,6,IV\n"
        "A2,2026-01-25,1,IV\nA2,2026-01-29,2,IV\n"
    )
    scores = "patient_id,instrument,taken,score\nA1,PHQ-9,2026-01-26,9\nA2,PHQ-9,2026-01-26,9\n"
    folder = clinic(EASTERN, sessions=sessions, scores=scores)
    cohort = load_cohort(folder)
    aside = {(row.table, row.rule): row.n_rows for row in cohort.quarantine.itertuples()}
    assert aside == {("sessions", "origin_unknown"): 2, ("scores", "origin_unknown"): 1}
    assert "add the earlier sessions" in cohort.quarantine["reason"].iloc[0]
    assert (
        load_cohort(clinic(EASTERN, sessions=_without_numbers(sessions), scores=scores))
        .counts["n_quarantined"]
        .sum()
        == 0
    )


def _without_numbers(sessions: str) -> str:
    """The table without its column of session numbers."""
    rows = [line.split(",") for line in sessions.splitlines()]
    return "".join(",".join([*cells[:2], *cells[3:]]) + "\n" for cells in rows)


def test_spellings_of_a_route_are_one_route_and_told(clinic):
    words = ["IV", "iv ", "i.v.", "I V", "intravenous", "Nasal", "intranasal", "S.L.", "p.o.", "sub-lingual"]
    rows = "".join(f"A1,{24 * number},{word}\n" for number, word in enumerate(words))
    folder = clinic(patients="patient_id\nA1\n", sessions=f"patient_id,hour,route\n{rows}", scores=None)
    assert load_cohort(folder).sessions["route"].tolist() == [*["IV"] * 5, "IN", "IN", "SL", "oral", "SL"]
    assert told(folder, rule="spellings_merged")["message"].item().endswith("read as one: IV, IN, SL")


def test_a_product_in_place_of_a_route_stays_and_is_told(clinic):
    folder = clinic(sessions="patient_id,hour,route\nA1,0,Spravato\nA2,0,IV\n")
    assert load_cohort(folder).sessions["route"].tolist() == ["Spravato", "IV"]
    assert told(folder, rule="product_route")["n_rows"].item() == 1


def test_words_that_differ_in_punctuation_alone_are_told_and_kept_apart(clinic):
    folder = clinic(patients="patient_id,diagnosis,arm\nA1,MDD,low dose\nA2,M.D.D.,low-dose\n")
    assert load_cohort(folder).patients["diagnosis"].tolist() == ["MDD", "M.D.D."]
    assert told(folder, rule="spellings")["column"].tolist() == ["diagnosis", "arm"]


def test_different_words_are_not_told_as_spellings(clinic):
    folder = clinic(patients="patient_id,diagnosis,band\nA1,MDD,1-2\nA2,PTSD,12\n")
    assert not set(told(folder)["rule"]) & {"spellings", "spellings_merged"}
