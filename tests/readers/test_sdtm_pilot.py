"""The CDISC pilot trial: every row of its files accounted for, and all that is kept counted in plain code."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

import pandas as pd
import pyreadstat
import pytest

from ketaoutcomes.readers.export import account
from ketaoutcomes.readers.sdtm import read_sdtm, sdtm_export

FILES = {
    "DM": "sdtm_dm.csv",
    "EX": "sdtm_ex.csv",
    "QS": "sdtm_qs_adas_cibic_nptot.csv",
    "VS": "sdtm_vs.csv",
    "AE": "sdtm_ae.csv",
    "DS": "sdtm_ds.csv",
}
TREATED, NPI, ADAS, CIBIC = 254, "NEUROPSYCHIATRIC", "ALZHEIMER", "CLINICIAN"
SEVERITY = {"MILD": 0, "MODERATE": 1, "SEVERE": 2}


@pytest.fixture(scope="module")
def pilot(shared):
    """The folder of the pilot."""
    return shared / "data" / "cdisc_pilot"


@pytest.fixture(scope="module")
def accounts(pilot):
    """What became of every row."""
    return account(sdtm_export(pilot))


@pytest.fixture(scope="module")
def cohort(accounts):
    """The cohort."""
    return accounts.cohort


@pytest.fixture(scope="module")
def rows(pilot):
    """Every domain as a list of dicts, read by the standard library."""
    out = {}
    for domain, name in FILES.items():
        with (pilot / name).open(encoding="utf-8", newline="") as file:
            out[domain] = list(csv.DictReader(file))
    return out


@pytest.fixture(scope="module")
def exposed(rows):
    """Start and end of every subject's exposures, in order of time, as dates of text."""
    out = defaultdict(list)
    for row in rows["EX"]:
        out[row["USUBJID"]].append((row["EXSTDTC"], row["EXENDTC"] or row["EXSTDTC"]))
    return {subject: sorted(spans) for subject, spans in out.items()}


def aside(accounts, domain):
    """Rows set aside of one domain, by rule."""
    found = accounts.rules[accounts.rules["source"] == domain]
    return dict(zip(found["rule"], found["n_rows"], strict=True))


def last_begun(starts, moment):
    """Number of exposures that had begun on a day; both dates of text."""
    return sum(start <= moment for start in starts)


def test_the_rows_read_are_those_of_the_files(accounts, rows):
    read = dict(zip(accounts.sources["source"], accounts.sources["n_read"], strict=True))
    # DM 306, EX 591, QS 15,163, VS 24,619, AE 1,191, DS 596
    assert {domain: read[domain] for domain in FILES} == {domain: len(rows[domain]) for domain in FILES}


def test_every_row_is_kept_or_set_aside_or_unmapped(accounts):
    told = accounts.sources
    assert (told["n_read"] == told["n_kept"] + told["n_quarantined"] + told["n_unmapped"]).all()
    assert set(told.loc[told["n_unmapped"] == told["n_read"], "source"]) == {
        "adam_adae.csv",
        "adam_adsl.csv",
        "adam_adtte.csv",
    }
    ruled = accounts.rules.groupby("source")["n_rows"].sum()
    assert ruled.to_dict() == told.set_index("source")["n_quarantined"].loc[ruled.index].to_dict()


def test_the_patients_are_the_treated_subjects(accounts, cohort, rows, exposed):
    treated = [row for row in rows["DM"] if row["USUBJID"] in exposed]
    assert cohort.n_patients == len(treated) == TREATED
    assert aside(accounts, "DM") == {"never_treated": len(rows["DM"]) - TREATED}
    patients = cohort.patients
    assert patients["arm"].value_counts().to_dict() == Counter(row["ARM"] for row in treated)
    assert patients["sex"].value_counts().to_dict() == {
        {"F": "female", "M": "male"}[sex]: n for sex, n in Counter(row["SEX"] for row in treated).items()
    }
    assert patients["age"].sum() == sum(int(row["AGE"]) for row in treated)
    assert patients["clinic_id"].nunique() == len({row["SITEID"] for row in treated})


def test_the_sessions_are_the_exposures(cohort, rows, exposed):
    per_patient = cohort.sessions.groupby("patient_id", observed=True).size().to_dict()
    assert per_patient == {subject: len(spans) for subject, spans in exposed.items()}
    doses = Counter(float(row["EXDOSE"]) for row in rows["EX"] if row["EXDOSE"] != "0")
    assert cohort.sessions["dose_mg"].value_counts().to_dict() == doses
    assert set(cohort.sessions["route"]) == {"TRANSDERMAL"}
    assert cohort.sessions["duration_minutes"].isna().all()


def test_the_scores_add_up_to_those_of_the_file(accounts, cohort, rows):
    blank = [row for row in rows["QS"] if row["QSSTRESN"] == ""]
    told = aside(accounts, "QS")
    assert told.pop("no_result") == len(blank)
    totals = {"NPTOT": NPI, "ACTOT": ADAS, "CIBIC": CIBIC}
    kept, copies, conflicts = defaultdict(list), 0, 0
    for code, start in totals.items():
        at_one_time = defaultdict(list)
        for row in rows["QS"]:
            if row["QSTESTCD"] == code and row["QSSTRESN"]:
                at_one_time[row["USUBJID"], row["QSDTC"]].append(float(row["QSSTRESN"]))
        for scores in at_one_time.values():
            # Two visits on one day: of equal scores one is kept, of others none.
            kept[start] += scores[:1] if len(set(scores)) == 1 else []
            copies += len(scores) - 1 if len(set(scores)) == 1 else 0
            conflicts += len(scores) if len(set(scores)) > 1 else 0
    assert told == {"duplicate_copy": copies, "duplicate_conflict": conflicts}
    of = cohort.scores["instrument"].astype("str")
    for start, scores in kept.items():
        found = cohort.scores.loc[of.str.startswith(start), "score"].dropna()
        assert len(found) == len(scores)
        assert found.sum() == pytest.approx(sum(scores), rel=1e-12)


def test_the_items_stand_beside_their_total(cohort, rows):
    items = [row for row in rows["QS"] if row["QSTESTCD"].startswith("ACITM") and row["QSSTRESN"]]
    of = cohort.scores["instrument"].astype("str")
    scores = cohort.scores[of.str.startswith(ADAS)]
    for number in range(1, 15):
        expected = sum(float(row["QSSTRESN"]) for row in items if row["QSTESTCD"] == f"ACITM{number:02d}")
        assert scores[f"i{number}"].sum() == pytest.approx(expected, rel=1e-12)


def test_adverse_events_go_to_the_session_that_had_last_begun(accounts, cohort, rows, exposed):
    why, placed = Counter(), []
    for row in rows["AE"]:
        starts = [start for start, _ in exposed.get(row["USUBJID"], [])]
        when = row["AESTDTC"]
        if not starts:
            why["never_treated"] += 1
            continue
        # A year or a month leaves all days open from its first to its last.
        first, last = {4: ("-01-01", "-12-31"), 7: ("-01", "-31"), 10: ("", "")}[len(when)]
        first, last = when + first, when + last
        surely, perhaps = last_begun(starts, first), last_begun(starts, last)
        if surely != perhaps:
            why["session_uncertain"] += 1
        elif surely == 0:
            why["before_first_session"] += 1
        else:
            term = row["AEDECOD"].lower()
            known = (row["AESEV"], row["AESER"], row["AEACN"], row["AEOUT"])
            placed.append(((row["USUBJID"], surely, term), known))
    # One row is kept of each effect in each session; rows that are the same throughout are copies.
    effects = {key for key, _ in placed}
    different = len(set(placed))
    why["duplicate_copy"] = len(placed) - different
    why["merged_effect"] = different - len(effects)
    assert aside(accounts, "AE") == {rule: n for rule, n in why.items() if n}
    found = cohort.side_effects
    assert set(zip(found["patient_id"], found["session"], found["effect"], strict=True)) == effects
    worst = defaultdict(int)
    for key, (severity, *_) in placed:
        worst[key] = max(worst[key], SEVERITY[severity])
    assert found["severity"].value_counts().to_dict() == Counter(
        severity.lower() for key in worst for severity, n in SEVERITY.items() if n == worst[key]
    )


def test_a_session_without_an_event_is_free_of_recorded_events(pilot, cohort):
    assert cohort.sessions["side_effects_recorded"].all()
    open_ended = read_sdtm(pilot, events_recorded=False).sessions["side_effects_recorded"]
    with_effect = cohort.side_effects.drop_duplicates(["patient_id", "session"])
    assert open_ended.sum() == len(with_effect) < len(open_ended)


def test_vital_signs_go_to_the_exposure_within_which_they_were_taken(accounts, cohort, rows, exposed):
    why, placed = Counter(), Counter()
    for row in rows["VS"]:
        day, spans = row["VSDTC"], exposed[row["USUBJID"]]
        within = [number for number, (start, end) in enumerate(spans, 1) if start <= day <= end]
        if row["VSSTRESN"] == "":
            why["no_result"] += 1
        elif within:
            placed[row["USUBJID"], within[-1], row["VSTESTCD"]] += 1
        else:
            why["before_first_session" if day < spans[0][0] else "no_session_then"] += 1
    assert aside(accounts, "VS") == why
    names = {"SYSBP": "sbp", "DIABP": "dbp", "PULSE": "heart_rate"}
    found = cohort.vitals.groupby(["patient_id", "session"], observed=True)[list(names.values())].count()
    found.index = found.index.set_levels(found.index.levels[0].astype("str"), level=0)
    expected = {(subject, session, names[test]): n for (subject, session, test), n in placed.items()}
    counted = {(*key, name): int(n) for name in found.columns for key, n in found[name].items() if n}
    assert counted == expected
    assert cohort.vitals["minute"].isna().all()


def test_how_treatment_ended_is_told_by_the_disposition_events(accounts, cohort, rows, exposed):
    events = [row for row in rows["DS"] if row["DSCAT"] == "DISPOSITION EVENT"]
    ended = Counter(row["DSDECOD"] for row in events if row["USUBJID"] in exposed)
    table = cohort.disposition
    lost = ended.pop("LOST TO FOLLOW-UP")
    completed = ended.pop("COMPLETED")
    assert table["status"].value_counts().to_dict() == {
        "completed": completed,
        "lost to follow-up": lost,
        "stopped": sum(ended.values()),
    }
    assert table["reason"].value_counts().to_dict() == {word.lower(): n for word, n in ended.items()}
    unmapped = dict(zip(accounts.sources["source"], accounts.sources["n_unmapped"], strict=True))
    assert unmapped["DS"] == len(rows["DS"]) - len(events)


@pytest.mark.parametrize("version", [5, 8])
def test_the_same_domains_as_transport_files_give_the_same_cohort(pilot, cohort, tmp_path, version):
    for name in FILES.values():
        frame = pd.read_csv(pilot / name, dtype={"USUBJID": "str"}, keep_default_na=False, na_values=[""])
        words = frame.select_dtypes(["object", "str"]).columns
        frame[words] = frame[words].fillna("")
        frame = frame.loc[:, frame.notna().any()]
        path = tmp_path / name.replace("csv", "xpt")
        pyreadstat.write_xport(frame, str(path), file_format_version=version)
    other = read_sdtm(tmp_path)
    for name, table in cohort.tables.items():
        pd.testing.assert_frame_equal(other.tables[name], table, check_exact=False, rtol=1e-12, obj=name)
    assert other.sources["n_kept"].tolist() == cohort.sources["n_kept"].tolist()[: len(FILES)]


def test_no_note_holds_a_subject_of_the_pilot(cohort, accounts, exposed):
    told = "\n".join(
        [*cohort.notes, accounts.sources.to_csv(), accounts.rules.to_csv(), accounts.columns.to_csv()]
    )
    assert not [subject for subject in exposed if subject in told]
