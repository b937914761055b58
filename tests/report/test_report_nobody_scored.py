"""A share of nobody is no share: where no one was scored the report says so, without a per cent.

Forty patients, made by hand (report/forty.py): inductions end on 13 August 2026, fifteen have a baseline.
"""

import re

import numpy as np
import pandas as pd
import pytest
from report.forty import IDS, SETTINGS, N, printed, scores, sessions, side_effects, tables, text, vitals

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.report.files import csv_text

SMALL_CELLS = pytest.mark.parametrize("small_cells", ["show", "suppress"])
ESTIMATES = ("estimate", "estimate_high", "conf_low", "conf_high", "share", "share_low", "share_high")
NOBODY = "No patient was scored after induction"


def two_years(**more):
    """Twenty of the forty had their sessions three months earlier, in May 2026."""
    frame = sessions()
    early = frame["patient_id"].isin(IDS[:20])
    frame["start"] = frame["start"].where(~early, frame["start"].str.replace("2026-08", "2026-05"))
    return {**tables(), "sessions": frame, **more}


def baselines(month_of):
    """A score two days before the first session, and none later."""
    rows = [(patient, f"2026-{month_of(patient)}-01 09:00", 18) for patient in IDS]
    return pd.DataFrame(rows, columns=["patient_id", "taken", "score"]).assign(instrument="PHQ-9")


def lead(report):
    """The sentence at the head of the page and the paragraph beside it."""
    found = re.search(r'<div class="lead"><h2>(.*?)</h2><p>(.*?)</p>', report.html, re.DOTALL)
    return found.group(1), found.group(2)


def box(report, question):
    """The text of one of the four boxes of the first page."""
    found = re.search(rf"<div><h3>{re.escape(question)}</h3>(.*?)</div>", report.html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found.group(1))).strip()


def shares_of_nobody(report):
    """Tables with an estimate in a row whose denominator is 0."""
    found = []
    for name, table in report.tables.items():
        for size in {"n", "n_rows"} & set(table):
            rows = table[(table[size] == 0).fillna(False).to_numpy(bool)]
            kept = [column for column in ESTIMATES if column in rows]
            if rows[kept].notna().any(axis=None):
                found.append((name, size))
    return found


@pytest.fixture(scope="module", params=["show", "suppress"])
def unscored(request, report_of):
    """Fifteen have a baseline; nobody has a score after the induction."""
    raw = tables(scores=scores(n_followed=0))
    return report_of(raw, SETTINGS, month="2026-08", small_cells=request.param)


def test_the_headline_says_that_nobody_was_scored_and_gives_no_per_cent(unscored):
    head, paragraph = lead(unscored)
    assert head.startswith(NOBODY)
    assert "%" not in head
    assert "No patient was scored after an induction that ended in August 2026" in paragraph
    assert "responded (" not in paragraph


def test_the_box_of_completeness_says_it_too(unscored):
    words = box(unscored, "How complete are the data?")
    assert words.startswith("no patient was scored after induction")
    assert "%" not in words
    assert "Section 14" in words


def test_no_page_shows_a_number_of_nobody(unscored):
    words = text(unscored)
    assert not re.search(r"\b0/0\b|\bof 0\b", words)
    assert "Response: no patient was scored after induction, so no share is given." in words
    assert "Remission: no patient was scored after induction, so no share is given." in words
    assert NOBODY in words.split("How complete are the data?")[-1]
    assert "0% of those who started" not in words


def test_the_first_page_says_why_response_is_not_in_its_table(unscored):
    words = text(unscored)
    assert "Response, remission and mean change: no patient was scored after induction" in words
    assert "0/15" in printed(unscored, "Follow-up scored")


def test_a_share_of_nobody_is_missing_in_every_file(unscored):
    assert not shares_of_nobody(unscored)
    lines = csv_text(unscored.tables["response"]).splitlines()
    cells = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert (cells["n"], cells["estimate"], cells["conf_low"], cells["conf_high"]) == ("0", "", "", "")


@SMALL_CELLS
def test_twelve_months_in_which_nobody_was_scored_have_no_share(report_of, small_cells):
    # 20 inductions ended in May and 20 in August, all with a baseline, nobody scored after it.
    raw = two_years(scores=baselines(lambda patient: "05" if patient in IDS[:20] else "08"))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells=small_cells)
    for name in ("response", "remission"):
        total = report.tables[name].set_index("month").loc["previous 12 months"]
        assert (total["n"], total["n_events"]) == (0, 0)
        assert pd.isna(total["estimate"])
    # Of those with a baseline nobody is a share of twenty.
    follow_up = report.tables["follow_up"].set_index("month").loc["previous 12 months"]
    assert (follow_up["n"], follow_up["estimate"]) == (20, 0.0)
    head, paragraph = lead(report)
    assert head.startswith(NOBODY)
    assert "%" not in head + paragraph.replace("95% CI", "")
    assert "in August 2026 or in the 12 months before" in paragraph
    assert not re.search(r"\b0/0\b|\bof 0\b", text(report))
    assert not shares_of_nobody(report)


def test_a_month_in_which_nobody_was_scored_is_told_beside_the_year_before(report_of):
    # The 20 of May were scored on day 21 after 13 May; the 20 of August were not.
    later = pd.DataFrame({"patient_id": IDS[:20], "taken": "2026-06-03 09:00", "score": 6})
    before = baselines(lambda patient: "05" if patient in IDS[:20] else "08")
    raw = two_years(scores=pd.concat([before, later.assign(instrument="PHQ-9")]))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    head, paragraph = lead(report)
    assert "100% of patients scored after induction had responded in the 12 months before August 2026" in head
    assert "No patient was scored after an induction that ended in August 2026." in paragraph
    assert "20 of 20 had responded (100%)" in paragraph


@SMALL_CELLS
def test_scored_patients_without_a_baseline_are_not_said_to_be_unscored(report_of, small_cells):
    # Twelve of the forty have a baseline; the other 28 were scored on day 21.
    taken = scores(n_with_baseline=12)
    taken = taken[~((taken["score"] == 6) & taken["patient_id"].isin(IDS[:12]))]
    report = report_of(tables(scores=taken), SETTINGS, month="2026-08", small_cells=small_cells)
    head, _ = lead(report)
    assert head.startswith("No patient with a valid baseline was scored after induction")
    assert "no patient with a valid baseline was scored" in box(report, "How complete are the data?")
    assert NOBODY not in text(report)


@SMALL_CELLS
def test_without_any_baseline_the_box_says_that_nobody_has_one(report_of, small_cells):
    raw = tables(scores=scores(n_with_baseline=0))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells=small_cells)
    assert box(report, "How complete are the data?").startswith("no patient has a valid baseline")
    assert NOBODY not in text(report)
    assert "PHQ-9 scores completed an induction" not in text(report)
    assert "No patient who completed an induction in these months has a valid baseline" in text(report)
    assert not re.search(r"\b0/0\b|\bof 0\b", text(report))
    assert not shares_of_nobody(report)


@SMALL_CELLS
def test_where_nobody_completed_an_induction_the_headline_says_that_nobody_was_scored(
    undated, report_of, small_cells
):
    raw, settings = undated
    first = raw["sessions"].groupby("patient_id").head(1)
    kept = {name: raw[name] for name in ("patients", "scores")}
    report = report_of({**kept, "sessions": first}, settings, small_cells=small_cells)
    assert lead(report)[0].startswith(NOBODY)
    assert box(report, "How complete are the data?").startswith("no patient completed an induction")
    assert not shares_of_nobody(report)


def test_a_score_column_that_is_never_filled_has_no_share_of_missing_cells():
    taken = scores().assign(i1=pd.Series(dtype="float64"))
    result = data_quality(assemble(tables(scores=taken), SETTINGS))
    rows = result.missing.set_index(["table", "column"])
    if ("scores", "i1") in rows.index:
        assert rows.loc[("scores", "i1"), "n_rows"] == 0
        assert np.isnan(rows.loc[("scores", "i1"), "share"])
    assert not ((result.missing["n_rows"] == 0) & result.missing["share"].notna()).any()


@SMALL_CELLS
def test_a_vital_sign_that_was_never_read_is_no_share(report_of, small_cells):
    readings = vitals(*((number, 1, 30, 130, 80) for number in range(N))).assign(spo2=np.nan)
    report = report_of(tables(vitals=readings), SETTINGS, month="2026-08", small_cells=small_cells)
    assert not re.search(r"\b0/0\b|\bof 0\b", text(report))
    assert "of starters, 12 months to August 2026" in text(report)
    assert "Without a reading to go by, so not given: " in text(report)
    assert not shares_of_nobody(report)


def effects_of(names, ascertainment):
    """The first effect in thirty sessions, the others in twenty each."""
    rows = [(patient, name) for place, name in enumerate(names) for patient in IDS[: 20 if place else 30]]
    frame = pd.DataFrame(rows, columns=["patient_id", "effect"]).assign(session=1)
    return frame if ascertainment is None else frame.assign(ascertainment=ascertainment)


def test_a_way_of_asking_that_is_not_stated_reads_as_a_sentence(report_of):
    raw = tables(side_effects=effects_of(["nausea"], None))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    words = text(report)
    assert "by not stated" not in words
    asked = box(report, "Which side effects?")
    assert "100% of sessions, asked in a way that is not stated" in asked
    assert "Any, asked in a way that is not stated: 100% (30/30;" in asked
    assert "100% of sessions asked in a way that is not stated had a side effect" in lead(report)[0]
    assert "Asked in a way that is not stated, 100% of sessions had an effect" in words
    assert "per session, asked in a way that is not stated" in printed(report, "Any side effect")


def test_a_scale_is_named_in_the_headline(report_of):
    raw = tables(side_effects=effects_of(["nausea"], "scale"))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    assert "100% of sessions asked by a scale had a side effect" in lead(report)[0]
    assert "of sessions, by a scale" in box(report, "Which side effects?")


@pytest.mark.parametrize(("n", "words"), [(12, "1 rarer effect is in"), (13, "2 rarer effects are in")])
def test_rarer_effects_are_counted_in_grammar(report_of, n, words):
    # A figure holds twelve rows, the first of them any effect.
    names = [
        "nausea",
        "headache",
        "dizziness",
        "anxiety",
        "vomiting",
        "fatigue",
        "dissociation",
        "somnolence",
    ]
    names += ["blurred vision", "confusion", "insomnia", "tremor", "rash"]
    raw = tables(side_effects=effects_of(names[:n], "checklist"))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    assert f"{words} the table file." in text(report)


@pytest.mark.parametrize(
    ("n", "words"), [(11, "so is 1 further column with"), (12, "so are 2 further columns with")]
)
def test_further_columns_are_counted_in_grammar(report_of, n, words):
    # A figure holds twelve columns; of these tables, duration and dose per kg of sessions are blank too.
    groups = {f"group_{k:02d}": ["a", "b"] * 15 + [None] * 10 for k in range(n)}
    people = pd.DataFrame({"patient_id": IDS, **groups})
    raw = tables(patients=people, side_effects=side_effects(["no"] * 30))
    report = report_of(raw, SETTINGS, month="2026-08", small_cells="show")
    assert words in text(report)
