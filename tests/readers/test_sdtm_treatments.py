# ruff: noqa: E501
"""Which exposures are sessions, and which disposition events say how treatment ended; counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from bad_input.folders import Change, cell, column, row
from readers.sdtm_cases import CANARY, Case, event, fine, session_of, sessions_of
from readers.sdtm_outcome import accounted, discreet, expected, outcome_of

# In the good trial QX7701 and QX7702 have two exposures to ketamine by vein, and QX7703 one in row 6.
ONE_ARM_LESS = {"DM__never_treated": 2, "DS__never_treated": 2}


def exposure(subject: str, treatment: str, route: str, start: str = "2024-03-04", end: str = "") -> Change:
    """One more exposure, of 60 mg."""
    return row("ex", f"KT1,EX,{subject},9,{treatment},60,mg,{route},{start},{end}")


def third(treatment: str, route: str = "INTRAVENOUS") -> tuple[Change, Change]:
    """What QX7703 had, in the place of ketamine."""
    return cell("ex", 6, "EXTRT", treatment), cell("ex", 6, "EXROUTE", route)


def treated_with(treatment: str):
    """QX7703 has one session, of that treatment."""
    return lambda c: sessions_of(c, "QX7703")["treatment"].tolist() == [treatment]


def numbers(*wanted: int):
    """How many sessions each of the three subjects has."""
    return lambda c: [len(sessions_of(c, f"QX770{n}")) for n in (1, 2, 3)] == list(wanted)


def hours(c) -> list[float]:
    return sessions_of(c, "QX7701")["hour"].tolist()


# fmt: off
TREATMENTS = (
    fine("a medicine by mouth beside ketamine", exposure("QX7701", "DULOXETINE", "ORAL", "2024-03-04", "2024-03-30"), EX__other_treatment=1, then=numbers(2, 2, 1), notes="sdtm_treatments"),
    fine("a medicine before the first ketamine moves no clock", exposure("QX7701", "DULOXETINE", "ORAL", "2024-01-04"), EX__other_treatment=1, then=lambda c: hours(c) == [0, 72]),
    fine("an effect on a day of another medicine stays with ketamine", exposure("QX7701", "DULOXETINE", "ORAL", "2024-03-05"), event("2024-03-06"), EX__other_treatment=1, then=lambda c: session_of(c, "headache") == [1]),
    fine("a medicine by vein beside ketamine", exposure("QX7701", "ONDANSETRON", "INTRAVENOUS"), EX__other_treatment=1, then=numbers(2, 2, 1)),
    fine("a medicine whose name is a canary", exposure("QX7701", CANARY, "ORAL"), EX__other_treatment=1),
    fine("a comparator by the same route", *third("MIDAZOLAM"), then=treated_with("MIDAZOLAM")),
    fine("a comparator by the same route in other words", *third("MIDAZOLAM", "Intravenous Drip"), then=treated_with("MIDAZOLAM")),
    fine("a comparator by another route", *third("DULOXETINE", "ORAL"), EX__other_treatment=1, then=numbers(2, 2, 0), **ONE_ARM_LESS),
    fine("a comparator by a route that is not told", *third("MIDAZOLAM", ""), EX__other_treatment=1, **ONE_ARM_LESS),
    fine("a placebo by the same route", *third("PLACEBO"), then=treated_with("PLACEBO")),
    fine("a placebo by another route", *third("PLACEBO", "ORAL"), then=treated_with("PLACEBO")),
    fine("saline by another route", *third("0.9% SODIUM CHLORIDE", "INTRAMUSCULAR"), then=treated_with("0.9% SODIUM CHLORIDE")),
    fine("a placebo by a route that is not told", *third("PLACEBO", ""), EX__missing_required=1, DS__origin_unknown=1, then=numbers(2, 2, 0)),
    fine("two placebos of a double-dummy design", *third("PLACEBO"), exposure("QX7703", "PLACEBO", "ORAL"), EX__other_treatment=1, then=numbers(2, 2, 1)),
    fine("a placebo of who had ketamine too", exposure("QX7701", "PLACEBO", "INTRAVENOUS", "2024-03-20T09:00"), EX__other_treatment=1, then=numbers(2, 2, 1)),
    fine("a placebo of ketamine is none", *third("PLACEBO MATCHING KETAMINE"), exposure("QX7703", "DULOXETINE", "ORAL"), EX__other_treatment=1, then=treated_with("PLACEBO MATCHING KETAMINE")),
    fine("ketamine under other names", column("ex", "EXTRT", ["ESKETAMINE 56 MG", "(RS)-Ketamine HCl", "KETAMINE_IV", "Spravato", "ARKETAMINE IN SODIUM CHLORIDE 0.9%"]),
         exposure("QX7703", "NORKETAMINE", "INTRAVENOUS"), EX__other_treatment=1, then=numbers(2, 2, 1)),
    fine("ketamine and placebo tablets in one record", column("ex", "EXTRT", ["ESKETAMINE + PLACEBO TABLETS"] * 4 + ["PLACEBO SPRAY + DULOXETINE"]), exposure("QX7701", "DULOXETINE", "ORAL"), EX__other_treatment=1, then=numbers(2, 2, 1)),
    fine("a study that is still blinded", column("ex", "EXTRT", ["KETAMINE/PLACEBO"] * 5), exposure("QX7701", "DULOXETINE", "ORAL"), EX__other_treatment=1, then=numbers(2, 2, 1)),
    fine("a study of another drug", column("ex", "EXTRT", ["XANOMELINE"] * 4 + ["PLACEBO"]), exposure("QX7701", "DULOXETINE", "ORAL", "2024-03-20"), then=numbers(3, 2, 1), notes="sdtm_treatments"),
    fine("another medicine that was not taken", exposure("QX7701", "DULOXETINE", "ORAL"), column("ex", "EXOCCUR", ["", "", "", "", "", "N"]), EX__not_done=1),
)
# fmt: on


def disposition(c) -> list[tuple]:
    """Patient, status and reason of each row."""
    table = c.disposition[["patient_id", "status", "reason"]].astype("object")
    return [tuple(None if pd.isna(one) else one for one in cells) for cells in table.values.tolist()]


def screened(name: str, where: str, word: str, decoded: str = "COMPLETED", later: str = "INDUCTION") -> Case:
    """QX7701 has an event of screening alone, and QX7702 one before the adverse event that ended treatment."""
    changes = [
        cell("ds", 2, "DSDECOD", decoded),
        row("ds", f"KT1,DS,QX7702,{decoded},DISPOSITION EVENT,2024-03-01"),
    ]
    if where:
        changes.append(column("ds", where, [word, later, later, word, "", word]))
    # Beside the informed consent, the two events of screening.
    wanted = [("QX7702", "stopped", "adverse event"), ("QX7703", "lost to follow-up", None)]
    return fine(
        name, *changes, unmapped={"DS": 3}, notes="sdtm_disposition", then=lambda c: disposition(c) == wanted
    )


ENDINGS = (
    screened("the epoch of screening", "EPOCH", "SCREENING"),
    screened("the epoch of screening beside a treatment", "EPOCH", "SCREENING", later="TREATMENT"),
    screened("the epoch of a run-in", "EPOCH", "RUN-IN"),
    screened("an epoch in small letters", "EPOCH", "Placebo Lead-in"),
    screened("a subcategory of screening", "DSSCAT", "END OF SCREENING", later="END OF INDUCTION"),
    screened("screening in the event itself", "", "", "SCREENING COMPLETED"),
    fine(
        "no event of screening",
        column("ds", "EPOCH", ["INDUCTION", "INDUCTION", "INDUCTION", "SCREENING", ""]),
        then=lambda c: len(c.disposition) == 3,
    ),
)


@pytest.fixture(scope="module", params=(*TREATMENTS, *ENDINGS), ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory):
    """Each case, written and read once."""
    return outcome_of(request.param, tmp_path_factory.mktemp("case"))


def test_a_folder_gives_the_outcome_that_it_should(outcome):
    expected(outcome)


def test_every_row_of_every_file_is_accounted_for(outcome):
    accounted(outcome)


def test_nothing_is_printed_and_no_message_repeats_a_cell(outcome):
    discreet(outcome)


def notes_of(tmp_path, *changes: Change) -> list[tuple[int, str]]:
    """Number of rows and words of what is told of treatments."""
    made = outcome_of(Case("told", changes), tmp_path).accounts
    return [(note.n_rows, note.message) for note in made.build.notes if note.rule == "sdtm_treatments"]


def test_the_number_of_exposures_of_each_kind_is_told(tmp_path):
    beside = [exposure("QX7701", "DULOXETINE", "ORAL"), exposure("QX7702", "ONDANSETRON", "INTRAVENOUS")]
    ((n_rows, words),) = notes_of(tmp_path, *third("MIDAZOLAM"), *beside)
    assert n_rows == 5
    assert "4 of ketamine" in words
    assert "1 of a placebo or comparator" in words
    assert "2 of other treatments" in words


def test_a_study_that_does_not_name_ketamine_is_told(tmp_path):
    ((n_rows, words),) = notes_of(tmp_path, column("ex", "EXTRT", ["XANOMELINE"] * 5))
    assert (n_rows, "no EXTRT names ketamine" in words) == (5, True)
