# ruff: noqa: E501
# fmt: off
"""The corpus of SDTM folders: each a small change of a good trial, with what a researcher should be told.

A case says either the error and its rules, or exactly which rows are set aside
beside those of the good trial, and how many are not mapped.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import pyreadstat
from bad_input.folders import (
    Change,
    Folder,
    act,
    cell,
    column,
    file,
    header,
    recoded,
    row,
    style,
    without,
    without_column,
    without_rows,
)

CANARY = "zqxcanary"  # stands in every wrong cell that can hold text


@dataclass(frozen=True)
class Case:
    """One folder.

    Parameters
    ----------
    name : str
    changes : tuple of Change
    raises : str, optional
        Class of the error.
    rules : tuple of str
        Rules that the error names.
    aside : mapping of (domain, rule) to int
        Rows set aside beside those of the good trial; 0 for one of those that is not.
    unmapped : mapping of str to int
        Rows not mapped, where they are not those of the good trial.
    notes : tuple of str
        Rules of what must be told.
    then : callable, optional
        Told the cohort, says whether it holds what it should.
    """

    name: str
    changes: tuple[Change, ...]
    raises: str | None = None
    rules: tuple[str, ...] = ()
    aside: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unmapped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    then: Callable | None = None


def fine(name: str, *changes: Change, then=None, notes: str = "", unmapped=None, **aside: int) -> Case:
    """A folder that gives a cohort; keywords are DOMAIN__rule=n."""
    rows = {tuple(key.split("__")): n for key, n in aside.items()}
    return Case(name, changes, aside=rows, unmapped=unmapped or {}, notes=tuple(notes.split()), then=then)


def refused(name: str, *changes: Change, rules: str, raises: str = "DataError") -> Case:
    """A folder that gives none."""
    return Case(name, changes, raises=raises, rules=tuple(rules.split()))


def start(line: int, value: str) -> Change:
    """The start of an exposure."""
    return cell("ex", line, "EXSTDTC", value)


def event(value: str, subject: str = "QX7701", end: str = "") -> Change:
    """One more adverse event, that starts then."""
    return row("ae", f"KT1,AE,{subject},odd,HEADACHE,MODERATE,N,,,{value},{end}")


def total(subject: str, when: str, score: str, *, stat: str = "", point: str = "") -> Change:
    """One more PHQ-9 total."""
    return row("qs", f"KT1,QS,{subject},PHQ0111,PHQ01-Total Score,PHQ-9,{score},{score},{score},{stat},{point},{when}")


def reading(line: str) -> Change:
    """One more row of vital signs."""
    return row("vs", line)


def sessions_of(cohort, subject: str) -> pd.DataFrame:
    """The sessions of one subject."""
    return cohort.sessions[cohort.sessions["patient_id"] == subject]


def session_of(cohort, effect: str) -> list[int]:
    """The sessions in which an effect stands."""
    found = cohort.side_effects
    return found.loc[found["effect"] == effect, "session"].tolist()


def ages(cohort) -> dict:
    return dict(zip(cohort.patients["patient_id"], cohort.patients["age"], strict=True))


def phq(cohort) -> pd.DataFrame:
    return cohort.scores[cohort.scores["instrument"] == "PHQ-9"].reset_index(drop=True)


def split_qs(folder: Folder) -> None:
    first, *rows = folder.tables.pop("qs")
    folder.tables["qs_phq"] = [first, *rows[:-1]]
    folder.tables["qs_madrs"] = [list(first), rows[-1]]


def as_xpt(version: int, keep: slice = slice(None)) -> Change:
    """The vital signs as a transport file, or a part of its bytes."""
    def change(folder: Folder) -> None:
        first, *rows = folder.tables.pop("vs")
        folder.afterwards.append(lambda path: _write_xpt(path, pd.DataFrame(rows, columns=first), version, keep))
    return change


def _write_xpt(path, frame: pd.DataFrame, version: int, keep: slice) -> None:
    frame["VSSTRESN"] = frame["VSSTRESN"].astype(float)
    pyreadstat.write_xport(frame, str(path / "vs.xpt"), file_format_version=version)
    (path / "vs.xpt").write_bytes((path / "vs.xpt").read_bytes()[keep])


def two_members(path) -> None:
    data = (path / "vs.xpt").read_bytes()
    (path / "vs.xpt").write_bytes(data + data[240:])


def renamed(old: str, new: str) -> Change:
    def change(folder: Folder) -> None:
        folder.tables[new] = folder.tables.pop(old)
    return change


def days_only(folder: Folder) -> None:
    for table, names in (("ex", ("EXSTDTC", "EXENDTC")), ("qs", ("QSDTC",)), ("vs", ("VSDTC",)), ("ae", ("AESTDTC", "AEENDTC"))):
        for name in names:
            place = folder.tables[table][0].index(name)
            for cells in folder.tables[table][1:]:
                cells[place] = cells[place][:10]


def lower(folder: Folder) -> None:
    for table in folder.tables.values():
        table[0] = [name.lower() for name in table[0]]


# An exposure of QX7702 without a known day leaves open which session was the first: nothing of the subject is kept.
ALL_OF_7702 = {"QS__origin_unknown": 1, "VS__session_uncertain": 2, "AE__session_uncertain": 1, "DS__origin_unknown": 1}

TREATMENT_CASES = (
    # The good trial in other clothes
    fine("the good trial", then=lambda c: (
        c.counts["n_kept"].tolist() == [3, 5, 3, 2, 3, 3]
        and c.vitals["minute"].tolist() == [0, 40, 40] and c.sessions["duration_minutes"].tolist() == [40, 40, 45, 45, 40]
        and c.side_effects[["onset_minutes", "duration_minutes"]].iloc[0].tolist() == [20, 60]
        and c.side_effects["resolved"].tolist() == [True, False] and session_of(c, "dizziness") == [2]
        and c.side_effects["action"].tolist() == ["dose not changed", "drug interrupted"]
        and phq(c)["score"].tolist() == [18, 9] and phq(c)["i9"].iloc[0] == 2
        and c.disposition["status"].tolist() == ["completed", "stopped", "lost to follow-up"]
        and c.disposition["reason"].iloc[1] == "adverse event" and c.sessions["side_effects_recorded"].all())),
    fine("column names in lower case", lower),
    fine("semicolons and line ends of Windows", style(";", "\r\n")),
    fine("a mark of byte order", recoded("dm", lambda text: b"\xef\xbb\xbf" + text.encode())),
    fine("a domain in two files", split_qs, notes="sdtm_files", then=lambda c: len(c.scores) == 3),
    fine("a domain told by its column and not by the file's name", renamed("ae", "export7")),
    fine("a domain told by the file's name", renamed("vs", "SDTM_VS-part1")),
    fine("transport file of version 5", as_xpt(5), then=lambda c: c.vitals["sbp"].sum() == 260),
    fine("transport file of version 8", as_xpt(8), then=lambda c: c.vitals["sbp"].sum() == 260),
    fine("a domain without rows", without_rows("ae"), notes="sdtm_events", then=lambda c: c.sessions["side_effects_recorded"].all()),
    fine("no adverse events in the folder", without("ae"), then=lambda c: not c.sessions["side_effects_recorded"].any()),
    fine("a supplement, laboratory and analysis data", file("suppae.csv", b"STUDYID,RDOMAIN,USUBJID,QNAM\nKT1,AE,QX7701,X\n"),
         file("lb.csv", b"STUDYID,DOMAIN,USUBJID\nKT1,LB,QX7701\nKT1,LB,QX7702\n"), file("adae.csv", b"DOMAIN,USUBJID,TRTEMFL\nAE,QX7701,Y\n"),
         notes="sdtm_files", unmapped={"suppae.csv": 1, "LB": 2, "adae.csv": 1}),
    fine("other files", file("define.xml", b"<x/>"), file("notes.txt", CANARY.encode()), notes="sdtm_files"),
    fine("two studies", column("dm", "STUDYID", ["KT1", "KT2"]), notes="sdtm_studies"),
    fine("days without clock times need no zone", days_only, then=lambda c: (
        c.vitals["minute"].isna().all() and c.sessions["duration_minutes"].isna().all() and session_of(c, "nausea") == [1]
        and c.side_effects["onset_minutes"].isna().all() and len(c.vitals) == 3)),
    fine("clock times with their offset", start(2, "2024-03-04T14:00Z"), then=lambda c: c.vitals["minute"].tolist() == [0, 40, 40]),
    # Demographics
    fine("no demographics", without("dm"), DM__never_treated=0, then=lambda c: c.n_patients == 3),
    fine("a subject twice, alike", row("dm", "KT1,DM,QX7701,701,34,YEARS,F,WHITE,NOT HISPANIC OR LATINO,Ketamine")),
    fine("a subject twice, with two ages", row("dm", "KT1,DM,QX7701,701,35,YEARS,F,WHITE,NOT HISPANIC OR LATINO,Ketamine"),
         notes="patients_disagree", then=lambda c: pd.isna(ages(c)["QX7701"])),
    fine("an age in months", cell("dm", 2, "AGE", "480"), cell("dm", 2, "AGEU", "MONTHS"), then=lambda c: ages(c)["QX7701"] == 40),
    fine("an age in a unit that is not known", cell("dm", 2, "AGEU", CANARY), notes="sdtm_age", then=lambda c: pd.isna(ages(c)["QX7701"])),
    fine("sex not known", cell("dm", 2, "SEX", "U"), then=lambda c: c.patients["sex"].isna().tolist() == [True, False, False]),
    refused("an age above 90", cell("dm", 2, "AGE", "95"), rules="identifier:C", raises="PrivacyError"),
    refused("an address as the subject's code", cell("dm", 2, "USUBJID", f"{CANARY}@x.org"), cell("ex", 2, "USUBJID", f"{CANARY}@x.org"), rules="identifier:F", raises="PrivacyError"),
    fine("a row without a subject", cell("qs", 14, "USUBJID", ""), QS__no_patient=1),
    # Exposure
    refused("no exposure", without("ex"), rules="missing_table"),
    refused("exposures without rows", without_rows("ex"), rules="missing_table"),
    refused("exposures without their start", without_column("ex", "EXSTDTC"), rules="missing_column"),
    fine("an exposure without a start", start(5, ""), EX__missing_required=1, EX__origin_unknown=1, **ALL_OF_7702),
    fine("a start that is no date", start(5, CANARY), EX__not_a_time=1, EX__origin_unknown=1, **ALL_OF_7702),
    fine("a start in the month of another", start(5, "2024-03"), EX__partial_date=1, EX__origin_unknown=1, **ALL_OF_7702),
    fine("a start in a later month", start(5, "2024-04"), EX__partial_date=1, then=lambda c: session_of(c, "dizziness") == [1]),
    fine("a start in an earlier year", start(5, "2023"), EX__partial_date=1, EX__origin_unknown=1,
         QS__origin_unknown=1, VS__orphan_session=2, AE__orphan_session=1, DS__origin_unknown=1),
    fine("a start without its hour", start(5, "2024-03-12T-:15"), then=lambda c: sessions_of(c, "QX7702")["clock_known"].tolist() == [True, False]),
    fine("an exposure that was not given", column("ex", "EXOCCUR", ["Y", "Y", "Y", "N", ""]), EX__not_done=1, then=lambda c: session_of(c, "dizziness") == [1]),
    fine("doses in micrograms", column("ex", "EXDOSU", ["ug/kg"]), column("ex", "EXDOSE", ["500"]), then=lambda c: (c.sessions["dose_mg_per_kg"] == 0.5).all()),
    fine("doses in mg and grams", column("ex", "EXDOSU", ["mg", "g"]), column("ex", "EXDOSE", ["56", "0.084"]),
         then=lambda c: sorted(c.sessions["dose_mg"]) == [56, 56, 56, 84, 84]),
    fine("a dose in a unit that is not known", cell("ex", 2, "EXDOSU", CANARY), notes="sdtm_exposure", then=lambda c: c.sessions["dose_mg_per_kg"].isna().sum() == 1),
    fine("a placebo", cell("ex", 6, "EXDOSE", "0"), cell("ex", 6, "EXTRT", "PLACEBO"), notes="sdtm_exposure",
         then=lambda c: sessions_of(c, "QX7703")["dose_mg_per_kg"].isna().all() and (sessions_of(c, "QX7703")["treatment"] == "PLACEBO").all()),
    fine("routes in words", column("ex", "EXROUTE", ["NASAL", "INTRAMUSCULAR", "SUBLINGUAL", "ORAL", "TRANSDERMAL"]),
         then=lambda c: sorted(c.sessions["route"]) == ["IM", "IN", "SL", "TRANSDERMAL", "oral"]),
    fine("a record of repeated dosing", cell("ex", 3, "EXENDTC", "2024-03-20"), reading("QX7701,PULSE,,66,BEATS/MIN,2024-03-15T09:00,,,,"), notes="sdtm_exposure",
         then=lambda c: c.vitals["session"].tolist() == [1, 1, 2, 1] and c.vitals["minute"].isna().sum() == 1 and c.vitals["days_since_session"].max() == 8),
    fine("two exposures at one time, each a session", row("ex", "KT1,EX,QX7703,2,KETAMINE,28,mg,NASAL,2024-03-06T09:00,"),
         then=lambda c: sessions_of(c, "QX7703")["session"].tolist() == [1, 2]),
    fine("a record of exposure twice", row("ex", "KT1,EX,QX7703,1,KETAMINE,0.5,mg/kg,INTRAVENOUS,2024-03-06T09:00,2024-03-06T09:40"), EX__duplicate_copy=1),
    # Files
    fine("an event with too few cells", row("ae", "KT1,AE,QX7701,odd"), AE__too_few_cells=1, then=lambda c: sessions_of(c, "QX7701")["side_effects_recorded"].isna().sum() == 1),
    fine("an exposure with too many cells", row("ex", "KT1,EX,QX7703,2,KETAMINE,0.5,mg/kg,INTRAVENOUS,2024-03-09T09:00,,,"), EX__too_many_cells=1, EX__origin_unknown=1, DS__origin_unknown=1),
    refused("an empty file", file("qs.csv", b""), rules="empty_file"),
    refused("bytes that are no text", recoded("ae", lambda text: text.encode("utf-16")), rules="not_text"),
    refused("a column twice", header("ae", "AETERM", "aedecod"), rules="duplicate_header"),
    refused("no test codes", without_column("vs", "VSTESTCD"), rules="missing_column"),
    refused("two domains in one file", cell("ae", 3, "DOMAIN", "CM"), rules="several_domains"),
    refused("a transport file cut within a record", as_xpt(5, slice(0, -30)), rules="bad_xpt"),
    refused("a transport file cut at a record's end, within a row", as_xpt(5, slice(0, -160)), rules="bad_xpt"),
    refused("a transport file cut within its header", as_xpt(5, slice(0, 800)), rules="bad_xpt"),
    refused("a transport file of version 8 cut within its header", as_xpt(8, slice(0, 800)), rules="bad_xpt"),
    refused("a transport file of two data sets", as_xpt(5), act(two_members), rules="bad_xpt"),
    refused("text named as a transport file", file("vs.xpt", CANARY.encode() * 80), rules="bad_xpt"),
    refused("an empty transport file", file("cm.xpt", b""), rules="empty_file"),
    refused("a link", act(lambda path: os.symlink(path / "ae.csv", path / "cm.csv")), rules="not_regular_file"),
    refused("a pickle", file("dm.pkl", pickle.dumps({"a": CANARY})), rules="unsafe_file"),
    refused("several faults are told at once", file("qs.csv", b""), file("dm.pkl", b"x"), without_column("vs", "VSDTC"), rules="empty_file unsafe_file missing_column"),
)

RECORD_CASES = (
    # Questionnaires
    fine("an assessment not done", total("QX7703", "2024-03-06", "", stat="NOT DONE"), QS__not_done=1),
    fine("a total without a result", total("QX7703", "2024-03-06", ""), QS__no_result=1),
    fine("a number that stands in the words alone", cell("qs", 13, "QSSTRESN", ""), then=lambda c: phq(c)["score"].tolist() == [18, 9]),
    fine("an item in words", cell("qs", 2, "QSSTRESN", ""), cell("qs", 2, "QSSTRESC", CANARY), QS__not_a_number=1, then=lambda c: phq(c)["score"].tolist() == [18, 9]),
    fine("a total that is not its items' sum", cell("qs", 12, "QSSTRESN", "17"), QS__items_total=10),
    fine("the same total twice at one time, with two values", total("QX7701", "2024-03-14", "11"), QS__duplicate_conflict=2),
    fine("no category: the code tells PHQ-9", column("qs", "QSCAT", [""] * 12 + ["MADRS"]), then=lambda c: len(phq(c)) == 2),
    fine("time points before and after the dose", total("QX7703", "2024-03-06", "14", point="PREDOSE"), total("QX7703", "2024-03-06", "8", point="2 H POST-DOSE"),
         then=lambda c: phq(c)["timing"].dropna().tolist() == ["pre", "post"]),
    fine("an instrument that is not in the catalogue", row("qs", "KT1,QS,QX7701,NIGHT01,Waking,NIGHT SCALE,3,3,3,,,2024-03-14"),
         row("qs", "KT1,QS,QX7701,NIGHT02,Dreams,NIGHT SCALE,1,1,1,,,2024-03-14"), row("qs", "KT1,QS,QX7701,NIGHTTOT,Night Total,NIGHT SCALE,4,4,4,,,2024-03-14"),
         notes="unknown_instrument", then=lambda c: c.scores.loc[c.scores["instrument"] == "NIGHT SCALE", ["score", "i1", "i2"]].values.tolist() == [[4, 3, 1]]),
    fine("items of an unknown instrument without a total", row("qs", "KT1,QS,QX7701,NIGHT01,Waking,NIGHT SCALE,3,3,3,,,2024-03-14"),
         row("qs", "KT1,QS,QX7701,NIGHT02,Dreams,NIGHT SCALE,1,1,1,,,2024-03-14"), notes="sdtm_roles", unmapped={"QS": 3}),
    fine("an item rated in one of two ways", row("qs", "KT1,QS,QX7701,NIGHT01A,Waking,NIGHT SCALE,,,,,,2024-03-14"), row("qs", "KT1,QS,QX7701,NIGHT01B,Waking,NIGHT SCALE,2,2,2,,,2024-03-14"),
         row("qs", "KT1,QS,QX7701,NIGHTTOT,Night Total,NIGHT SCALE,2,2,2,,,2024-03-14"), QS__no_result=1,
         then=lambda c: c.scores.loc[c.scores["instrument"] == "NIGHT SCALE", ["score", "i1"]].values.tolist() == [[2, 2]]),
    fine("an item rated in both ways: the first counts", row("qs", "KT1,QS,QX7701,NIGHT01A,Waking,NIGHT SCALE,1,1,1,,,2024-03-14"), row("qs", "KT1,QS,QX7701,NIGHT01B,Waking,NIGHT SCALE,2,2,2,,,2024-03-14"),
         row("qs", "KT1,QS,QX7701,NIGHTTOT,Night Total,NIGHT SCALE,2,2,2,,,2024-03-14"), unmapped={"QS": 2},
         then=lambda c: c.scores.loc[c.scores["instrument"] == "NIGHT SCALE", ["score", "i1"]].values.tolist() == [[2, 1]]),
    fine("partial dates of an assessment", total("QX7703", "2024-03", "14"), total("QX7703", "", "14"), total("QX7703", CANARY, "14"),
         QS__partial_date=1, QS__missing_required=1, QS__not_a_time=1),
    fine("clinicians' ratings", file("rs.csv", b"DOMAIN,USUBJID,RSTESTCD,RSTEST,RSCAT,RSSTRESC,RSSTRESN,RSDTC\nRS,QX7703,MADTOT,MADRS-Total Score,MADRS,28,28,2024-03-06\nRS,QX7703,OVRLRESP,Overall Response,RECIST,PR,,2024-03-06\n"),
         unmapped={"RS": 1}, notes="sdtm_roles", then=lambda c: (c.scores["instrument"] == "MADRS").sum() == 2),
    # Vital signs
    fine("a unit that is not read", cell("vs", 2, "VSSTRESU", "kPa"), cell("vs", 2, "VSSTRESN", "16"), VS__vital_unit=1, then=lambda c: c.vitals["sbp"].isna().tolist() == [True, False, True]),
    fine("readings before and after treatment", reading("QX7701,PULSE,,66,BEATS/MIN,2024-03-01,,,,"), reading("QX7701,PULSE,,66,BEATS/MIN,2024-03-05,,,,"), reading("QX7701,PULSE,,66,BEATS/MIN,2024-04-05,,,,"),
         VS__before_first_session=1, VS__no_session_then=2),
    fine("a reading on the day of an exposure within a longer one", cell("ex", 2, "EXENDTC", "2024-03-20"), reading("QX7701,PULSE,,66,BEATS/MIN,2024-03-07T10:00,,,,"),
         then=lambda c: c.vitals.loc[c.vitals["heart_rate"] == 66, ["session", "minute"]].values.tolist() == [[2, 60]]),
    fine("readings of two exposures of one day", row("ex", "KT1,EX,QX7703,2,KETAMINE,0.5,mg/kg,INTRAVENOUS,2024-03-06T15:00,"), reading("QX7703,PULSE,,61,BEATS/MIN,2024-03-06T14:50,,,-PT10M,DOSE"),
         reading("QX7703,PULSE,,62,BEATS/MIN,2024-03-06T14:40,,,,"), reading("QX7703,PULSE,,63,BEATS/MIN,2024-03-06T08:50,,,,"), reading("QX7703,PULSE,,64,BEATS/MIN,2024-03-06,,,,"), VS__session_uncertain=1,
         then=lambda c: sorted(c.vitals.loc[c.vitals["patient_id"] == "QX7703", ["heart_rate", "session", "minute"]].values.tolist()) == [[61, 2, -10], [62, 1, 340], [63, 1, -10]]),
    fine("planned times from the dose", reading("QX7703,PULSE,,60,BEATS/MIN,2024-03-06,,,-PT15M,DOSE"), reading("QX7703,PULSE,,90,BEATS/MIN,2024-03-06,,,PT1H30M,START OF INFUSION"),
         then=lambda c: c.vitals["minute"].tolist() == [0, 40, 40, -15, 90]),
    fine("planned times from something else", reading("QX7703,PULSE,,60,BEATS/MIN,2024-03-06,,,PT5M,PATIENT SUPINE"), reading("QX7703,PULSE,,90,BEATS/MIN,2024-03-06,,,PT1H,END OF INFUSION"),
         notes="sdtm_vitals", then=lambda c: c.vitals["minute"].isna().sum() == 2),
    fine("partial dates of a reading", reading("QX7701,PULSE,,66,BEATS/MIN,2024-03,,,,"), reading("QX7701,PULSE,,66,BEATS/MIN,,,,,"), reading(f"QX7701,PULSE,,66,BEATS/MIN,{CANARY},,,,"),
         VS__partial_date=1, VS__no_start_date=1, VS__not_a_time=1),
    fine("a reading without a result", reading("QX7701,PULSE,,,,2024-03-04,,,,"), VS__no_result=1),
    fine("the same test twice at one time", reading("QX7702,OXYSAT,SUPINE,91,%,2024-03-05T10:40,,2,,"), then=lambda c: sorted(c.vitals["spo2"].dropna()) == [91, 98]),
    fine("another test", reading("QX7701,HEIGHT,,170,cm,2024-03-04,,,,"), unmapped={"VS": 1}),
    fine("weights on the day of a session, in kg and pounds", reading("QX7701,WEIGHT,,80,kg,2024-03-04,,,,"), reading("QX7702,WEIGHT,,200,LB,2024-03-05,,,,"), reading("QX7703,WEIGHT,,70,kg,2024-03-01,,,,"),
         unmapped={"VS": 3}, notes="sdtm_vitals", then=lambda c: c.sessions["weight_kg"].dropna().tolist() == [80, 90.7185]),
    # Adverse events
    fine("an event on a session's own day, without its clock time", event("2024-03-07"), then=lambda c: session_of(c, "headache") == [2]),
    fine("an event before the first dose of its day", event("2024-03-04T08:00"), AE__before_first_session=1),
    fine("an event with a month that leaves the session open", event("2024-03"), AE__session_uncertain=1,
         then=lambda c: sessions_of(c, "QX7701")["side_effects_recorded"].isna().tolist() == [False, True] and c.sessions["side_effects_recorded"].isna().sum() == 1),
    fine("a year after treatment", event("2025"), then=lambda c: session_of(c, "headache") == [2]),
    fine("a year before treatment", event("2023"), AE__before_first_session=1),
    fine("a day without its month", event("2024---15"), AE__session_uncertain=1),
    fine("a date without its year", event("--03-15"), AE__session_uncertain=1),
    fine("a span of days within one session", event("2024-03-08/2024-03-20"), then=lambda c: session_of(c, "headache") == [2]),
    fine("a span of days over a session", event("2024-03-05/2024-03-07"), AE__session_uncertain=1),
    fine("an event without a start", event(""), AE__no_start_date=1, then=lambda c: sessions_of(c, "QX7701")["side_effects_recorded"].isna().sum() == 1),
    fine("a start of an event that is no date", event(CANARY), AE__not_a_time=1),
    fine("an event on a day with two sessions", row("ex", "KT1,EX,QX7703,2,KETAMINE,0.5,mg/kg,INTRAVENOUS,2024-03-06T15:00,"), event("2024-03-06", "QX7703"), event("2024-03-06T16:00", "QX7703"), event("2024-03-09", "QX7703"),
         AE__session_uncertain=1, AE__merged_effect=1, notes="sdtm_exposure", then=lambda c: session_of(c, "headache") == [2]),
    fine("an event that lasted more than a day", event("2024-03-07T10:00", end="2024-03-09T10:00"), then=lambda c: c.side_effects["onset_minutes"].tolist()[:2] == [20, 60] and c.side_effects["duration_minutes"].isna().sum() == 2),
    fine("a formula in the reported term", cell("ae", 2, "AEDECOD", ""), cell("ae", 2, "AETERM", f"=cmd|'{CANARY}'!A1")),
    fine("ten megabytes in a column that another stands for", cell("ae", 2, "AETERM", CANARY * 1_100_000)),
    refused("ten megabytes in the reported term", cell("ae", 2, "AEDECOD", ""), cell("ae", 2, "AETERM", CANARY * 1_100_000), rules="identifier:free_text", raises="PrivacyError"),
    # Disposition
    fine("an end of treatment and an end of study", column("ds", "EPOCH", ["TREATMENT", "TREATMENT", "TREATMENT", "SCREENING", ""]),
         row("ds", "KT1,DS,QX7701,LOST TO FOLLOW-UP,DISPOSITION EVENT,2024-06-01,POST-TREATMENT FOLLOW-UP"), unmapped={"DS": 2}, then=lambda c: c.disposition["status"].iloc[0] == "completed"),
)
