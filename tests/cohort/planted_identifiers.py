"""Planted identifiers of all 18 classes, by column name and by cell, and harmless names. All are invented."""

# fmt: off
# Column names that give a class away.
HEADERS = {
    "A": [
        "name", "first_name", "LastName", "pt_first_name", "patient_surname", "full name", "Maiden-Name",
        "fname", "initials", "next_of_kin", "emergency_contact_name", "therapist_name", "guide_name",
        "employer", "Vorname", "Nachname", "prénom", "nom", "apellidos", "cognome", "achternaam",
        "patientfirstname", "spouse_name", "姓名",
    ],
    "B": [
        "zip", "zip_code", "Zip5", "postal_code", "city", "county", "street_address", "home_addr",
        "pt_address", "latitude", "lng", "gps", "Adresse", "PLZ", "Wohnort", "code_postal", "ville",
        "dirección", "ciudad", "indirizzo", "place_of_birth", "hospital_name",
    ],
    "C": [
        "dob", "DOB", "date_of_birth", "birth_date", "pt_birthdate", "visit_date", "date", "datetime",
        "timestamp", "death_date", "admitted_on", "created_at", "session_dt", "svstdtc", "Geburtsdatum",
        "Datum", "fecha_nacimiento", "date_naissance", "data_nascimento", "birth_month", "startdate",
    ],
    "D": [
        "phone", "phone_number", "home_phone", "cell_phone", "Mobile", "tel", "contact_no", "telefono",
        "Téléphone", "Telefonnummer", "pager", "workphone",
    ],
    "E": [
        "fax", "fax_number", "FaxNo", "telefax",
    ],
    "F": [
        "email", "e-mail", "EMail_Address", "pt_email", "courriel", "correo_electronico", "work_email",
    ],
    "G": [
        "ssn", "SSN", "social_security_number", "soc_sec", "ssn_last4", "national_id", "nino",
        "codice_fiscale", "personnummer", "cpf",
    ],
    "H": [
        "mrn", "MRN", "medical_record_number", "chart_no", "hospital_number", "emr_id", "pt_mrn",
        "nhs_number", "patientnumber", "historia_clinica",
    ],
    "I": [
        "policy_number", "insurance_id", "member_id", "subscriber_id", "medicare_number", "health_plan_id",
        "beneficiary_no", "mbi",
    ],
    "J": [
        "account_number", "acct_no", "bank_account", "iban", "credit_card", "billing_id", "Kontonummer",
    ],
    "K": [
        "license_number", "licence", "drivers_license", "passport_no", "dea_number", "npi",
        "certificate_no", "Führerschein",
    ],
    "L": [
        "vin", "license_plate", "plate_number", "vehicle_id", "car_registration", "Kennzeichen",
        "matricula",
    ],
    "M": [
        "device_serial", "serial_number", "imei", "udi", "pump_serial", "mac_address", "device_id",
        "Seriennummer",
    ],
    "N": [
        "url", "website", "web_address", "portal_link", "linkedin",
    ],
    "O": [
        "ip", "ip_address", "survey_ip", "IPv4",
    ],
    "P": [
        "fingerprint", "voice_print", "biometric_id", "retina_scan", "face_template", "Fingerabdruck",
    ],
    "Q": [
        "photo", "photo_file", "face_photo", "patient_image", "selfie", "foto",
    ],
    "R": [
        "uuid", "record_hash", "study_id", "encounter_id", "username", "barcode", "record_id",
        "survey_token",
    ],
    "free_text": [
        "notes", "comment", "clinical_notes", "narrative", "free_text", "journal_entry", "Bemerkungen",
    ],
}

# Cells that do; numbers with a check digit are published test numbers.
VALUES = {
    "A": [
        "Mr. Osgood", "Dr Feelgood", "John Doe", "doe, jane", "MARIA GARCIA", "Hans Müller", "Prof. Plum",
        "Smith, J.", "J. Smith",
    ],
    "B": [
        "12 Main Street", "1600 Pennsylvania Ave", "44 W. 23rd St", "Hauptstraße 5", "10 rue de Rivoli",
        "Calle Mayor", "P.O. Box 77", "02139-4307", "Springfield, IL 62704", "SW1A 1AA", "K1A 0B1",
        "40.7128, -74.0060",
    ],
    "C": [
        "2024-03-09", "2024/3/9", "2024-03-09T08:15:00Z", "2024-03-09 08:15:22.123+01:00", "09/03/2024",
        "3/9/24", "09.03.2024", "9-3-2024", "9 Mar 2024", "09-MAR-2024", "March 9, 2024", "Mar 2024",
        "9. März 2024", "9 de marzo de 2024", "9 mars 2024", "Mar-24", "12-Mar", "March 9th", "2024-03",
        "03/2024", "2024-W10", "2024 Q1", "20240309T0815", "9 maggio 2024", "2024年3月9日",
    ],
    "D": [
        "(212) 555-0187", "212-555-0187", "212.555.0187", "+1 212 555 0187", "1-212-555-0187",
        "+44 20 7946 0958", "+49 (0)30 901820", "0044 20 7946 0958", "020 7946 0958", "01 99 00 12 34",
        "030/23125000", "555-0187", "tel: 5550187", "2125550187",
    ],
    "E": [
        "fax 212 555 0188", "Fax: +49 30 901821",
    ],
    "F": [
        "jane.doe@example.org", "JD+1@mail.example.co.uk", "jane (at) example.org", "write to j@x.io",
    ],
    "G": [
        "078-05-1120", "219 09 9999", "SSN 078051120", "078051120",
    ],
    "H": [
        "MRN 00123456", "mrn:AB-123456", "chart #884213", "NHS no 9434765919",
    ],
    "I": [
        "1EG4-TE5-MK73", "Policy # 8812345", "Medicaid ID 1234567A",
    ],
    "J": [
        "4111 1111 1111 1111", "3782-822463-10005", "4111111111111111", "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432", "acct 00123456",
    ],
    "K": [
        "AB1234563", "license: D1234567", "passport no. X1234567", "NPI 1234567893",
    ],
    "L": [
        "1M8GDM9AXKP042788", "plate: ABC-1234", "VIN WVWZZZ1JZXW000001",
    ],
    "M": [
        "00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e", "S/N 4471182", "serial no. AX-99812",
        "(01)00643169007222",
    ],
    "N": [
        "https://portal.example.org/p/7", "www.example.org", "example.com/u/jane", "http://10.0.0.1/",
    ],
    "O": [
        "192.168.10.7", "10.0.0.1", "2001:db8::8a2e:370:7334", "fe80::1",
    ],
    "P": [
        "voice_7.wav", "left_thumb.wsq", "fingerprint no 99812",
    ],
    "Q": [
        "IMG_2041.JPG", "front.heic", "smith.png", "data:image/png;base64,AAAA",
    ],
    "R": [
        "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "555123098765",
        "@jane_doe",
    ],
    "free_text": [
        "She felt calm afterwards. Her husband drove.",
        "patient was told that the dose is higher next time",
        "Told me about the accident and cried for most of the hour", "x" * 201, "line one\nline two",
    ],
}

# Cells whose form is told only where they fill a cell by themselves: names in prose are not claimed, and
# between words these are ranges, limits or names of sites.
NOT_IN_PROSE = frozenset(
    value for value in VALUES["A"] if value not in ("Mr. Osgood", "Dr Feelgood", "Prof. Plum")
) | {"40.7128, -74.0060", "555-0187"}

# Names of covariates that a clinic may well have.
HARMLESS_NAMES = [
    "bmi", "weight_kg", "height_cm", "education", "employment_status", "marital_status", "income_band",
    "insurance_type", "race", "ethnicity", "smoker", "state", "country", "region", "birth_weight",
    "birth_sex", "country_of_birth", "drug_name", "medication_name", "instrument_name", "study_arm",
    "phone_visit", "email_consent", "device_type", "license_type", "body_image_score", "serial_sevens",
    "social_support", "social_anxiety", "vehicle_accident", "platelets", "cell_count", "inner_city",
    "long_term_user", "visit_number", "session_order_number", "n_prior_trials", "prior_ect",
    "age_of_onset", "age_at_onset", "duration_illness_years", "family_history", "psychotherapy_type",
    "music", "room", "baseline_severity", "year", "up_to_date", "epoch", "group_number", "treatment_group",
    "microphone", "imagery", "agent", "photophobia", "site", "arm", "month_of_treatment", "therapist_code",
    "nombre_de_sessions", "update_flag", "candidate", "mandated", "sedated", "address_stable",
    "headphones", "text_messages", "zip3", "clinic", "ward_type", "lithium_level", "tms_course", "item_1",
    "i1", "i20", "phq9_total", "side", "started_at_dose", "mother_depression",
]
