"""Ages, ZIP codes, birth dates, codes of their own and kept text: what becomes of each column."""

from __future__ import annotations

import pandas as pd
import pytest
from cohort.mapped import read_key_file

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.deidentify_recode import recode_ages, recode_zips
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import ConfigError

# Areas of 20,000 people or fewer: HHS Office for Civil Rights, Guidance regarding methods for
# de-identification (2012).
SMALL = (36, 59, 63, 102, 203, 556, 692, 790, 821, 823, 830, 831, 878, 879, 884, 890, 893)
NOTE = "She felt calm afterwards. Her husband drove."
OTHER = "He slept badly. Nothing else was said."
SECRETS = (
    "Call 212-555-0187 tomorrow. She asked twice.",
    "Her portal is https://portal.example.org/p/7 and she was tired.",
    "Seen on 2024-03-09. She slept well.",
    "She was told twice. Her number was 2125550187, she said.",
    "She felt calm. " * 70 + "SSN 078-05-1120",
    "He met A2 outside. He was calm, he said.",
)


def _people(clinic, tmp_path, columns: dict[str, list[str]], **options):
    """De-identify a clinic of as many patients as the columns have cells."""
    n = len(next(iter(columns.values())))
    ids = [f"A{number}" for number in range(1, n + 1)]
    quoted = [",".join(f'"{cell}"' for cell in row) for row in zip(*columns.values(), strict=True)]
    patients = ",".join(["patient_id", *columns]) + "\n"
    patients += "".join(f"{one},{row}\n" for one, row in zip(ids, quoted, strict=True))
    sessions = "patient_id,hour,route\n" + "".join(f"{one},0,IV\n" for one in ids)
    result = deidentify(
        clinic(patients=patients, sessions=sessions, scores=None), tmp_path / "out", **options
    )
    codes = read_key_file(result.key).patients
    frame = pd.read_csv(result.folder / "patients.csv", dtype=str, keep_default_na=False)
    frame = frame.set_index("patient_id").loc[[codes[one] for one in ids]].reset_index(drop=True)
    assert check(result.folder).ok
    return result, frame


def test_ages_above_89_become_90_and_others_stay(clinic, tmp_path):
    ages = ["89", "89.5", "90", "93", "125", "999", "-99", "44", "", "93 years"]
    later = ["90", "91.5", "89", "", *["50"] * 6]
    result, frame = _people(clinic, tmp_path, {"age": ages, "current_age": later})
    # 999 and -99 are nobody's age, and are set aside as such when the tables are read.
    assert frame["age"].tolist() == ["89", "90", "90", "90", "90", "", "", "44", "", "90"]
    assert frame["current_age"].tolist() == ["90", "90", "89", "", *["50"] * 6]
    recoded = result.columns.query("column == 'age' and action == 'recoded'")
    assert recoded["n_cells"].tolist() == [4]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("40-49", "40-49"),
        ("80-89", "80-89"),
        ("85-94", "85+"),
        ("80 to 90", "80+"),
        ("90-94", "90+"),
        ("95+", "90+"),
        ("90+", "90+"),
        (">89", "90+"),
        (">85", ">85"),
        ("<90", "<90"),
        ("over 92", "90+"),
        ("unknown", "unknown"),
    ],
)
def test_bands_of_ages_end_at_90(cell, expected):
    column, n = recode_ages(pd.Series([cell, "50-59"], dtype="str"), numeric=False)
    assert column.tolist() == [expected, "50-59"]
    assert n == (cell != expected)


def test_zip_codes_keep_three_digits_and_small_areas_none():
    cells = [f"{area:03d}01" for area in SMALL]
    cells += ["10027", "02139-4307", "606011234", "606", "059", "2139", "SW1A 1AA"]
    column, n_recoded, n_dropped = recode_zips(pd.Series(cells, dtype="str"))
    assert column.tolist()[:17] == ["000"] * 17
    assert column.tolist()[17:22] == ["100", "021", "606", "606", "000"]
    assert column.isna().tolist() == [False] * 22 + [True] * 2
    # "606" stands as it stood.
    assert (n_recoded, n_dropped) == (17 + 4, 2)


def test_a_zip_column_is_renamed_and_birth_dates_and_years_are_dropped(clinic, tmp_path):
    columns = {
        "Zip Code": ["10027", "02139", "05901"],
        "dob": ["1980-01-02", "", "1990-03-04"],
        "birth_year": ["1980", "1975", "1990"],
        "postcode": ["SW1A 1AA", "K1A 0B1", ""],
    }
    result, frame = _people(clinic, tmp_path, columns)
    assert frame.columns.tolist() == ["zip3"]
    assert frame["zip3"].tolist() == ["100", "021", "000"]
    told = result.columns.set_index("column")["reason"].to_dict()
    assert told["dob"] == told["birth_year"] == "identifier:C"
    assert told["postcode"] == "identifier:B"


def test_ids_of_patients_and_clinics_in_other_columns_go_too(clinic, tmp_path):
    columns = {
        "clinic_id": ["north"] * 8 + ["south"] * 8,
        "site": ["North"] * 8 + ["South "] * 8,
        "partner": ["A2"] + [""] * 15,
        "diagnosis": ["MDD"] * 15 + ["brother of A3"],
        "group": ["north wing", "other"] * 8,
    }
    result, frame = _people(clinic, tmp_path, columns)
    assert set(frame.columns) == {"clinic_id", "diagnosis", "group"}
    assert frame["diagnosis"].tolist() == ["MDD"] * 15 + [""]
    reasons = result.columns.set_index("column")["reason"].to_dict()
    assert (reasons["partner"], reasons["site"]) == ("identifier:R", "clinic")
    assert frame["clinic_id"].nunique() == 2


def test_a_code_of_a_diagnosis_stays_and_a_number_of_one_patient_goes(clinic, tmp_path):
    # SNOMED CT 370143000 is major depressive disorder.
    columns = {"diagnosis": ["370143000"] * 4 + ["2125550187", "MDD"]}
    _, frame = _people(clinic, tmp_path, columns)
    assert frame["diagnosis"].tolist() == ["370143000"] * 4 + ["", "MDD"]


def test_kept_text_stays_without_its_identifiers_and_check_lets_it_through(clinic, tmp_path):
    notes = [NOTE, *SECRETS, OTHER, ""]
    result, frame = _people(clinic, tmp_path, {"Notes": notes}, keep_text=["patients.notes"])
    assert frame["notes"].tolist() == [NOTE, *[""] * len(SECRETS), OTHER, ""]
    assert load_cohort(result.folder).settings.reviewed_text == ("patients.notes",)
    assert "Rules cannot find names in prose" in result.summary()
    blanked = result.columns.query("column == 'notes' and action == 'blanked'")
    assert blanked["n_cells"].sum() == len(SECRETS)


@pytest.mark.parametrize("secret", SECRETS[:5])
def test_check_still_refuses_identifiers_in_reviewed_text(clinic, secret):
    patients = f'patient_id,notes\nA1,"{NOTE}"\nA2,"{secret}"\n'
    found = check(clinic('reviewed_text = ["patients.notes"]\n', patients=patients))
    told = found.problems.query("severity == 'privacy'")
    assert told[["table", "column", "first_row"]].values.tolist() == [["patients", "notes", 3]]
    assert told["rule"].item() != "identifier:free_text"
    assert check(clinic(patients=patients)).problems["rule"].str.startswith("identifier").any()


def test_reviewed_text_is_let_through_only_where_it_is_named(clinic):
    patients = f'patient_id,notes,comment\nA1,"{NOTE}","{NOTE}"\nA2,,\n'
    found = check(clinic('reviewed_text = ["patients.notes"]\n', patients=patients))
    assert found.problems.query("severity == 'privacy'")["column"].unique().tolist() == ["comment"]


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ("notes", "table.column"),
        ("patients.remarks", "not in the source"),
        ("patients.diagnosis", "column of the data dictionary"),
        ("patients.email", "class F"),
    ],
)
def test_text_that_cannot_be_kept_is_refused(clinic, tmp_path, keep, words):
    source = clinic(patients="patient_id,diagnosis,email\nA1,MDD,a@example.org\nA2,MDD,\n")
    with pytest.raises(ConfigError, match=words):
        deidentify(source, tmp_path / "out", keep_text=keep)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("entry", ["notes", "patients.", "nobody.notes", "patients.age", 3])
def test_reviewed_text_names_further_columns_of_a_table(clinic, entry):
    shown = entry if isinstance(entry, int) else f'"{entry}"'
    found = check(clinic(f"reviewed_text = [{shown}]\n"))
    assert found.exit_code == 2
    assert "'reviewed_text' must be a list of columns" in found.problems["message"].item()


def test_settings_keep_what_the_numbers_depend_on_and_no_name_that_identifies(clinic, tmp_path):
    toml = (
        'name = "Dr Feelgood"\nsame_time = "after"\nsynthetic = true\nencoding = "utf-8"\n'
        'known_at_start = ["smoker", "gone"]\n\n[side_effect_names]\n"dissociation" = ["spacey"]\n'
    )
    source = clinic(toml, patients="patient_id,smoker\nA1,yes\nA2,no\n")
    settings = load_cohort(deidentify(source, tmp_path / "out").folder).settings
    assert settings.name is None
    assert (settings.same_time, settings.synthetic) == ("after", True)
    assert settings.known_at_start == ("smoker",)
    assert settings.effect_words == {"dissociation": ["spacey"]}
