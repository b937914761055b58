"""Identifiers of every Safe Harbor class are refused by name and by value, and clean data are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.privacy import scan_columns, scan_name, scan_values
from ketaoutcomes.cohort.schema import TABLES

# All values are invented; numbers that have a check digit are published test numbers.
HEADERS = {
    "A": [
        "name", "first_name", "LastName", "pt_first_name", "patient_surname", "full name", "Maiden-Name", "fname", "initials",
        "next_of_kin", "emergency_contact_name", "therapist_name", "guide_name", "employer", "Vorname", "Nachname", "prénom",
        "nom", "apellidos", "cognome", "achternaam", "patientfirstname", "spouse_name", "姓名",
    ],
    "B": [
        "zip", "zip_code", "Zip5", "postal_code", "city", "county", "street_address", "home_addr", "pt_address", "latitude", "lng",
        "gps", "Adresse", "PLZ", "Wohnort", "code_postal", "ville", "dirección", "ciudad", "indirizzo", "place_of_birth", "hospital_name",
    ],
    "C": [
        "dob", "DOB", "date_of_birth", "birth_date", "pt_birthdate", "visit_date", "date", "datetime", "timestamp", "death_date", "admitted_on",
        "created_at", "session_dt", "svstdtc", "Geburtsdatum", "Datum", "fecha_nacimiento", "date_naissance", "data_nascimento", "birth_month", "startdate",
    ],
    "D": ["phone", "phone_number", "home_phone", "cell_phone", "Mobile", "tel", "contact_no", "telefono", "Téléphone", "Telefonnummer", "pager", "workphone"],
    "E": ["fax", "fax_number", "FaxNo", "telefax"],
    "F": ["email", "e-mail", "EMail_Address", "pt_email", "courriel", "correo_electronico", "work_email"],
    "G": ["ssn", "SSN", "social_security_number", "soc_sec", "ssn_last4", "national_id", "nino", "codice_fiscale", "personnummer", "cpf"],
    "H": ["mrn", "MRN", "medical_record_number", "chart_no", "hospital_number", "emr_id", "pt_mrn", "nhs_number", "patientnumber", "historia_clinica"],
    "I": ["policy_number", "insurance_id", "member_id", "subscriber_id", "medicare_number", "health_plan_id", "beneficiary_no", "mbi"],
    "J": ["account_number", "acct_no", "bank_account", "iban", "credit_card", "billing_id", "Kontonummer"],
    "K": ["license_number", "licence", "drivers_license", "passport_no", "dea_number", "npi", "certificate_no", "Führerschein"],
    "L": ["vin", "license_plate", "plate_number", "vehicle_id", "car_registration", "Kennzeichen", "matricula"],
    "M": ["device_serial", "serial_number", "imei", "udi", "pump_serial", "mac_address", "device_id", "Seriennummer"],
    "N": ["url", "website", "web_address", "portal_link", "linkedin"],
    "O": ["ip", "ip_address", "survey_ip", "IPv4"],
    "P": ["fingerprint", "voice_print", "biometric_id", "retina_scan", "face_template", "Fingerabdruck"],
    "Q": ["photo", "photo_file", "face_photo", "patient_image", "selfie", "foto"],
    "R": ["uuid", "record_hash", "study_id", "encounter_id", "username", "barcode", "record_id", "survey_token"],
    "free_text": ["notes", "comment", "clinical_notes", "narrative", "free_text", "journal_entry", "Bemerkungen"],
}

VALUES = {
    "A": ["Mr. Osgood", "Dr Feelgood", "John Doe", "doe, jane", "MARIA GARCIA", "Hans Müller", "Prof. Plum", "Smith, J.", "J. Smith"],
    "B": [
        "12 Main Street", "1600 Pennsylvania Ave", "44 W. 23rd St", "Hauptstraße 5", "10 rue de Rivoli", "Calle Mayor", "P.O. Box 77",
        "02139-4307", "Springfield, IL 62704", "SW1A 1AA", "K1A 0B1", "40.7128, -74.0060",
    ],
    "C": [
        "2024-03-09", "2024/3/9", "2024-03-09T08:15:00Z", "2024-03-09 08:15:22.123+01:00", "09/03/2024", "3/9/24", "09.03.2024", "9-3-2024",
        "9 Mar 2024", "09-MAR-2024", "March 9, 2024", "Mar 2024", "9. März 2024", "9 de marzo de 2024", "9 mars 2024", "Mar-24", "12-Mar",
        "March 9th", "2024-03", "03/2024", "2024-W10", "2024 Q1", "20240309T0815", "9 maggio 2024", "2024年3月9日",
    ],
    "D": [
        "(212) 555-0187", "212-555-0187", "212.555.0187", "+1 212 555 0187", "1-212-555-0187", "+44 20 7946 0958", "+49 (0)30 901820", "0044 20 7946 0958",
        "020 7946 0958", "01 99 00 12 34", "030/23125000", "555-0187", "tel: 5550187", "2125550187",
    ],
    "E": ["fax 212 555 0188", "Fax: +49 30 901821"],
    "F": ["jane.doe@example.org", "JD+1@mail.example.co.uk", "jane (at) example.org", "write to j@x.io"],
    "G": ["078-05-1120", "219 09 9999", "SSN 078051120", "078051120"],
    "H": ["MRN 00123456", "mrn:AB-123456", "chart #884213", "NHS no 9434765919"],
    "I": ["1EG4-TE5-MK73", "Policy # 8812345", "Medicaid ID 1234567A"],
    "J": ["4111 1111 1111 1111", "3782-822463-10005", "4111111111111111", "DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "acct 00123456"],
    "K": ["AB1234563", "license: D1234567", "passport no. X1234567", "NPI 1234567893"],
    "L": ["1M8GDM9AXKP042788", "plate: ABC-1234", "VIN WVWZZZ1JZXW000001"],
    "M": ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e", "S/N 4471182", "serial no. AX-99812", "(01)00643169007222"],
    "N": ["https://portal.example.org/p/7", "www.example.org", "example.com/u/jane", "http://10.0.0.1/"],
    "O": ["192.168.10.7", "10.0.0.1", "2001:db8::8a2e:370:7334", "fe80::1"],
    "P": ["voice_7.wav", "left_thumb.wsq", "fingerprint no 99812"],
    "Q": ["IMG_2041.JPG", "front.heic", "smith.png", "data:image/png;base64,AAAA"],
    "R": ["550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "555123098765", "@jane_doe"],
    "free_text": [
        "She felt calm afterwards. Her husband drove.", "patient was told that the dose is higher next time",
        "Told me about the accident and cried for most of the hour", "x" * 201, "line one\nline two",
    ],
}


def _column(value: str, n: int = 30) -> pd.DataFrame:
    """A harmless covariate with one planted cell in row 9 of the file."""
    cells = ["yes", "no"] * (n // 2)
    cells[7] = value
    return pd.DataFrame({"patient_id": [f"P{i:04d}" for i in range(n)], "covariate": pd.array(cells, dtype="str")})


def _rules(problems) -> list[str]:
    return [problem.rule for problem in problems]


@pytest.mark.parametrize(("letter", "name"), [(letter, name) for letter, names in HEADERS.items() for name in names])
def test_a_column_named_for_an_identifier_is_refused(letter, name):
    problems = scan_columns("patients", ["patient_id", "sex", name])
    assert _rules(problems) == [f"identifier:{letter}"]
    assert problems[0].column == name


@pytest.mark.parametrize(("letter", "value"), [(letter, value) for letter, values in VALUES.items() for value in values])
def test_a_cell_that_looks_like_an_identifier_is_refused(letter, value):
    problems = scan_values("patients", _column(value))
    assert _rules(problems) == [f"identifier:{letter}"]
    assert (problems[0].column, problems[0].n_rows, problems[0].first_row) == ("covariate", 1, 9)
    assert value not in str(problems[0])


def test_all_eighteen_classes_are_tried_with_at_least_120_planted_identifiers():
    assert set("ABCDEFGHIJKLMNOPQR") < set(HEADERS)
    assert set(HEADERS) == set(VALUES)
    assert sum(len(values) for values in VALUES.values()) >= 100
    assert sum(len(names) for names in HEADERS.values()) >= 120


HARMLESS_NAMES = [
    "bmi", "weight_kg", "height_cm", "education", "employment_status", "marital_status", "income_band", "insurance_type", "race", "ethnicity",
    "smoker", "state", "country", "region", "birth_weight", "birth_sex", "country_of_birth", "drug_name", "medication_name", "instrument_name",
    "study_arm", "phone_visit", "email_consent", "device_type", "license_type", "body_image_score", "serial_sevens", "social_support", "social_anxiety",
    "vehicle_accident", "platelets", "cell_count", "inner_city", "long_term_user", "visit_number", "session_order_number", "n_prior_trials", "prior_ect",
    "age_of_onset", "age_at_onset", "duration_illness_years", "family_history", "psychotherapy_type", "music", "room", "baseline_severity", "year",
    "up_to_date", "epoch", "group_number", "treatment_group", "microphone", "imagery", "agent", "photophobia", "site", "arm", "month_of_treatment",
    "therapist_code", "nombre_de_sessions", "update_flag", "candidate", "mandated", "sedated", "address_stable", "headphones", "text_messages", "zip3",
    "clinic", "ward_type", "lithium_level", "tms_course", "item_1", "i1", "i20", "phq9_total", "side", "started_at_dose", "mother_depression",
]


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_a_harmless_column_name_is_let_through(name):
    assert scan_columns("patients", [name]) == []


def test_no_column_of_the_data_dictionary_is_refused_save_dates_under_safe_harbor():
    for table, spec in TABLES.items():
        found = scan_columns(table, spec.names)
        assert [problem.column for problem in found] == ([spec.date] if spec.date else [])
        assert scan_columns(table, spec.names, level="limited-data-set") == []


def test_a_date_column_is_allowed_in_a_limited_data_set_and_a_date_of_birth_is_not():
    assert scan_columns("patients", ["referral_date"], level="limited-data-set") == []
    assert _rules(scan_columns("patients", ["dob"], level="limited-data-set")) == ["identifier:C"]
    assert _rules(scan_columns("patients", ["email"], level="limited-data-set")) == ["identifier:F"]


@pytest.mark.parametrize("name", ["jane.doe@example.org", "2024-03-09", "John Doe", "078-05-1120", "212-555-0187"])
def test_a_header_that_is_itself_a_cell_is_told_by_position_only(name):
    problems = scan_columns("patients", ["patient_id", name])
    assert len(problems) == 1
    assert problems[0].column is None
    assert "column number 2" in str(problems[0])
    assert name not in str(problems[0])


@pytest.mark.parametrize("value", [value for value in VALUES["C"]])
def test_dates_in_cells_are_allowed_in_a_limited_data_set(value):
    assert scan_values("patients", _column(value), level="limited-data-set") == []


@pytest.mark.parametrize("letter", sorted(set(VALUES) - {"C"}))
def test_a_limited_data_set_allows_nothing_but_dates(letter):
    for value in VALUES[letter]:
        assert _rules(scan_values("patients", _column(value), level="limited-data-set")) == [f"identifier:{letter}"]


@pytest.mark.parametrize(
    ("letter", "ids"),
    [
        ("G", ["078-05-1120", "P0002", "P0003"]),
        ("G", ["219099999", "100000001", "P0003"]),
        ("F", ["jane@example.org", "P0002", "P0003"]),
        ("D", ["2125550187", "2125550188", "4155550101"]),
        ("D", ["+1 212 555 0187", "P2", "P3"]),
        ("H", ["MRN0012345", "MRN0012346", "MRN0012347"]),
        ("C", ["JS19800412", "AB19751130", "P0003"]),
        ("C", ["js-120480", "ab-301175", "kl-010199"]),
        ("C", ["19800412", "19751130", "19990101"]),
        ("C", ["1980-04-12", "P0002", "P0003"]),
        ("A", ["john.smith", "P0002", "P0003"]),
        ("A", ["Doe, Jane", "P0002", "P0003"]),
        ("O", ["10.0.0.1", "P0002", "P0003"]),
        ("N", ["https://x.example/p/1", "P0002", "P0003"]),
    ],
)
def test_a_patient_id_made_from_the_person_is_refused(letter, ids):
    frame = pd.DataFrame({"patient_id": pd.array(ids, dtype="str")})
    assert f"identifier:{letter}" in _rules(scan_values("patients", frame))


@pytest.mark.parametrize(
    "ids",
    [
        ["P0001", "P0002", "P0003"], ["007", "7", "08"], ["1", "2", "3"], ["clinic-3-001", "clinic-3-002"], ["001-002-0003", "001-002-0004"],
        ["550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440001"], ["KET-2024-0001", "KET-2024-0002"],
        ["000000001", "000000002"], ["P0000001", "P9999999"], ["AB120385", "AB120386", "AB999999"], ["p-1", "P-1", "otter-brave"],
    ],
)
def test_ordinary_patient_codes_are_let_through(ids):
    frame = pd.DataFrame({"patient_id": pd.array(ids, dtype="str")})
    assert scan_values("patients", frame) == []


@pytest.mark.parametrize(("age", "refused"), [("89", 0), ("90", 0), ("90+", 0), (">90", 0), ("90.0", 0), ("91", 1), ("93", 1), ("90.5", 1), ("104 years", 1), ("91-95", 1)])
def test_ages_over_ninety_are_refused_and_ninety_means_ninety_or_over(age, refused):
    frame = pd.DataFrame({"patient_id": ["P1", "P2"], "age": pd.array(["44", age], dtype="str")})
    problems = scan_values("patients", frame)
    assert _rules(problems) == ["identifier:C"] * refused
    assert all(problem.first_row == 3 and age not in problem.message.replace("90 for 90", "").replace("over 90", "") for problem in problems)


def test_ages_as_numbers_and_in_covariate_columns_are_checked_too():
    frame = pd.DataFrame({"age": [50.0, 93.0, np.nan], "partner_age": [95, 20, 30], "age_months": [400, 500, 600]})
    assert [(problem.column, problem.n_rows) for problem in scan_values("patients", frame)] == [("age", 1), ("partner_age", 1)]


def test_a_year_of_birth_is_refused_only_when_it_shows_an_age_over_89():
    frame = pd.DataFrame({"birth_year": pd.array(["1980", "1901"], dtype="str")})
    assert scan_columns("patients", ["birth_year"]) == []
    assert [problem.n_rows for problem in scan_values("patients", frame)] == [1]


def test_three_digit_zip_codes_are_allowed_where_many_people_live():
    # HHS guidance of 2012 lists 036 among the 17 areas of 20,000 people or fewer.
    good = pd.DataFrame({"zip3": pd.array(["021", "606", "000"], dtype="str")})
    bad = pd.DataFrame({"zip3": pd.array(["036", "606", "02139"], dtype="str")})
    assert scan_values("patients", good) == []
    assert [(problem.rule, problem.n_rows) for problem in scan_values("patients", bad)] == [("identifier:B", 2)]


@pytest.mark.parametrize(
    ("letter", "column", "cells"),
    [
        ("B", "area", ["02139", "10027", "60614", "94110"] * 5),
        ("C", "enrolled", ["45213", "45214", "45290", "45291"] * 5),
        ("C", "when_seen", ["20240309", "20240310", "20231231", "20240101"] * 5),
        ("C", "epoch", [str(1_700_000_000 + 60 * n) for n in range(20)]),
        ("R", "code", [f"KX{n:03d}Q{n % 7}" for n in range(20)]),
        ("R", "code", [str(7_100_000 + 13 * n) for n in range(20)]),
        ("A", "who", ["Susan", "Robert", "Linda", "Karen"] * 5),
        ("free_text", "reaction", [f"slept badly about {word} nights" for word in "abcdefghijklmnopqrstuvwxyz"]),
    ],
)
def test_a_whole_column_of_one_kind_is_recognised(letter, column, cells):
    frame = pd.DataFrame({column: pd.array(cells, dtype="str")})
    problems = scan_values("patients", frame)
    assert _rules(problems) == [f"identifier:{letter}"]
    assert problems[0].n_rows == len(cells)


def test_a_code_of_ones_own_per_patient_is_recognised_over_several_sessions():
    patients = [f"P{n:04d}" for n in range(20)]
    frame = pd.DataFrame({"patient_id": patients * 3, "link": [f"Z{n * 7919 % 10007}X" for n in range(20)] * 3})
    assert _rules(scan_values("sessions", frame)) == ["identifier:R"]


def test_columns_of_dates_by_type_are_refused_under_safe_harbor_only():
    frame = pd.DataFrame({"seen": pd.to_datetime(["2024-03-09", None, "2024-03-10"])})
    assert [(problem.rule, problem.n_rows) for problem in scan_values("sessions", frame)] == [("identifier:C", 2)]
    assert scan_values("sessions", frame, level="limited-data-set") == []


def test_every_data_type_can_be_scanned():
    frame = pd.DataFrame(
        {
            "flag": [True, False, True], "count": [1, 2, 3], "share": [0.1, np.nan, 0.3], "word": pd.Categorical(["a", None, "b"]),
            "nullable": pd.array([1, None, 3], dtype="Int64"), "mixed": pd.Series(["x", 2, None], dtype=object), "empty": [None, None, None],
        }
    )
    assert scan_values("patients", frame) == []
    planted = frame.assign(word=pd.Categorical(["a", None, "j@example.org"]), mixed=pd.Series(["x", 2125550187, None], dtype=object))
    assert [(problem.column, problem.rule, problem.first_row) for problem in scan_values("patients", planted)] == [
        ("word", "identifier:F", 4), ("mixed", "identifier:D", 3),
    ]
    assert scan_values("patients", frame.iloc[:0]) == []


@pytest.mark.parametrize(
    ("letter", "value"),
    [("D", "２１２-５５５-０１８７"), ("D", "212\u2011555\u20110187"), ("F", "jane\u200b@example.org"), ("G", "078\u201305\u20131120"), ("D", "(212)\u00a0555\u00a00187")],
)
def test_unusual_signs_do_not_hide_an_identifier(letter, value):
    assert _rules(scan_values("patients", _column(value))) == [f"identifier:{letter}"]


def test_empty_cells_are_neither_identifiers_nor_counted():
    frame = pd.DataFrame({"zip3": pd.array(["", "021", "NA", None] * 5, dtype="str"), "code": pd.array(["", "a1", "", ""] * 5, dtype="str")})
    assert scan_values("patients", frame) == []
    dated = pd.DataFrame({"enrolled": pd.array(["", "45213", "", "45214"] * 5, dtype="str")})
    assert [(problem.n_rows, problem.first_row) for problem in scan_values("patients", dated)] == [(10, 3)]


@pytest.mark.parametrize(("letter", "value"), [(letter, value) for letter, values in VALUES.items() for value in values])
def test_a_cell_is_recognised_among_many_different_ones(letter, value):
    # Columns of many different cells go through another engine for regular expressions.
    words = [f"{a}{b}{c}" for a in "bcdfghklmnprst" for b in "aeiou" for c in "bcdfghklmnprst"]
    frame = pd.DataFrame({"covariate": pd.array([*words, value], dtype="str")})
    problems = scan_values("patients", frame)
    assert _rules(problems) == [f"identifier:{letter}"]
    assert problems[0].first_row == len(words) + 2


def test_long_numbers_keep_all_their_digits():
    # A published test card number; as a float it would be written 4.11111111111111e+15.
    frame = pd.DataFrame({"whole": [4111111111111111, 5], "real": [4111111111111111.0, 0.5]})
    assert _rules(scan_values("patients", frame)) == ["identifier:J", "identifier:J"]


def test_rows_are_numbered_as_in_the_file_when_their_numbers_are_given():
    problems = scan_values("patients", _column("j@example.org"), row_numbers=np.arange(100, 130))
    assert problems[0].first_row == 107


@pytest.mark.parametrize("name", ["John Doe.csv", "jane.doe@example.org", "078-05-1120.csv", "scores 2024-03-09.csv"])
def test_a_file_name_that_holds_an_identifier_is_refused_without_repeating_it(name):
    problems = scan_name("file", name)
    assert len(problems) == 1
    assert name.split(".")[0] not in str(problems[0])


@pytest.mark.parametrize("name", ["patients.csv", "scores.parquet", "cohort.toml", "side_effects.csv", "sample", "README.md", "scores_old.csv"])
def test_ordinary_file_names_are_let_through(name):
    assert scan_name("file", name) == []


def _clean_clinic(n: int = 400, seed: int = 4) -> dict[str, pd.DataFrame]:
    """Every kind of harmless content that a clinic's tables hold."""
    draw = np.random.default_rng(seed)
    ids = [f"P{k:04d}" for k in range(n)]

    def pick(options, size=n):
        return draw.choice(np.array(options, dtype=object), size)

    diagnoses = [
        "MDD", "F33.2", "F43.10", "296.33", "PTSD", "Bipolar II disorder", "MDD, GAD", "OCD",
        "Major depressive disorder, recurrent severe without psychotic features", "Generalized anxiety disorder", "Post-traumatic stress disorder, chronic",
    ]
    patients = pd.DataFrame(
        {
            "patient_id": ids, "sex": pick(["female", "male", "other"]), "age": draw.integers(18, 91, n), "age_band": pick(["18-29", "30-39", "40-49", "90+"]),
            "diagnosis": pick(diagnoses), "clinic_id": pick(["clinic-1", "clinic-2", "3"]), "prior_trials": draw.integers(0, 12, n),
            "bmi": draw.normal(27, 5, n).round(1), "income": draw.integers(12_000, 250_000, n), "platelets": draw.integers(150_000, 400_000, n),
            "state": pick(["NY", "CA", "Washington"]), "race": pick(["White", "Black or African American", "Native Hawaiian or other Pacific Islander"]),
            "employment": pick(["full-time", "part-time", "retired", "not working (looking for work)"]), "medication": pick(["SSRI", "SNRI + lithium", "none", "venlafaxine 75 mg"]),
            "illness_years": draw.exponential(8, n), "screen_score": draw.normal(0, 1, n), "year": pick(["2022", "2023", "2024"]), "blood_pressure": pick(["120/80", "135/85"]),
        }
    )
    sessions = pd.DataFrame(
        {
            "patient_id": ids * 3, "hour": np.repeat([0.0, 72.5, 168.25], n), "session": np.repeat([1, 2, 3], n), "route": pick(["IV", "IM", "IN (nasal)"], 3 * n),
            "dose_mg_per_kg": draw.normal(0.6, 0.1, 3 * n), "weight_kg": draw.normal(80, 10, 3 * n).round(2), "duration_minutes": pick([40, 45, 60], 3 * n),
            "phase": pick(["induction", "maintenance"], 3 * n), "setting": pick(["quiet room, eye mask and music", "group"], 3 * n), "start_clock": pick(["09:30", "13:40:05"], 3 * n),
            "pump": pick(["model A", "model B"], 3 * n), "lot": pick(["A1", "B22"], 3 * n),
        }
    )
    scores = pd.DataFrame(
        {
            "patient_id": ids, "instrument": pick(["PHQ-9", "GAD-7", "Q-LES-Q-SF", "QIDS-SR16", "MADRS-24h"]), "day": draw.normal(0, 20, n), "score": draw.integers(0, 28, n),
            "i1": draw.integers(0, 4, n), "timing": pick(["pre", "post"]), "mode": pick(["self", "clinician-rated"]),
        }
    )
    effects = pd.DataFrame(
        {
            "patient_id": ids, "session": 1, "effect": pick(["none", "nausea", "dry mouth", "increased blood pressure", "feeling of unreality", "Charles Bonnet syndrome"]),
            "severity": pick(["mild", "moderate"]), "action": pick(["none", "ondansetron 4 mg IV", "dose lowered for the next session"]), "ascertainment": "checklist",
        }
    )
    disposition = pd.DataFrame({"patient_id": ids, "day": 40, "status": pick(["completed", "lost to follow-up"]), "reason": pick(["moved away", "no response", "cost of treatment, insurance ended"])})
    return {"patients": patients, "sessions": sessions, "scores": scores, "side_effects": effects, "disposition": disposition}


def test_a_clean_clinic_raises_no_alarm():
    for table, frame in _clean_clinic().items():
        assert scan_columns(table, frame.columns) == []
        assert scan_values(table, frame) == []
        assert scan_values(table, frame.astype("str")) == []


def test_long_prose_in_a_column_of_the_data_dictionary_is_free_text():
    frame = _clean_clinic(40)["disposition"]
    frame.loc[5, "reason"] = "moved to Ohio with two children and could not be reached again"
    assert [(problem.rule, problem.column, problem.n_rows) for problem in scan_values("disposition", frame)] == [("identifier:free_text", "reason", 1)]
