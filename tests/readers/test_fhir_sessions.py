"""Sessions, vital signs, side effects and disposition from FHIR; expected values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from readers.fhir_parts import (
    SNOMED,
    accounts_of,
    administration,
    amount,
    column,
    concept,
    event,
    good,
    observation,
    of,
    patient,
    pressure,
    rows,
    rules,
    told,
)

RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
BY_VEIN = {"route": concept("47625008", SNOMED)}
# The first session of the patient "kx-71" starts at 14:00 UTC.
DAY = "2026-02-02"
ROUTES = [
    (concept("47625008", SNOMED), "IV"),
    (concept("78421000", SNOMED), "IM"),
    (concept("34206005", SNOMED), "SC"),
    (concept("46713006", SNOMED), "IN"),
    (concept("37839007", SNOMED), "SL"),
    (concept("26643006", SNOMED), "oral"),
    ({"text": "Intramuscular route"}, "IM"),
    ({"text": "Nasal"}, "IN"),
    ({"text": "by mouth"}, "oral"),
    (concept("6064005", SNOMED, "Topical route"), "Topical"),
]
RATE = {"numerator": amount(0.5, "mg/kg"), "denominator": amount(40, "min")}
# What an administration of 45 minutes says, and the dose in mg/kg and in mg.
DOSES = [
    ({"dose": amount(0.75, "mg/kg")}, 0.75, np.nan),
    ({"dose": amount(56, "mg")}, np.nan, 56.0),
    ({"dose": amount(40_000, "ug")}, np.nan, 40.0),
    ({"dose": amount(500, "ug/kg")}, 0.5, np.nan),
    ({"dose": {"value": 57, "unit": "mg"}}, np.nan, 57.0),
    ({"rateRatio": RATE}, 0.5625, np.nan),  # 0.5 / 40 * 45
    ({"rateQuantity": amount(0.6, "mg/kg/h")}, 0.45, np.nan),  # 0.6 * 45 / 60
    ({"rateQuantity": amount(1, "mg/min")}, np.nan, 45.0),
    ({"dose": amount(2, "mL")}, np.nan, np.nan),
    ({"dose": amount(0.5, "mg/kg") | {"comparator": "<"}}, np.nan, np.nan),
    ({"rateQuantity": amount(5, "mL/h")}, np.nan, np.nan),
]
MEDICINES = [
    (concept("6130", RXNORM), "ketamine"),
    (concept("2201623", RXNORM), "esketamine"),
    (concept("2201625", RXNORM), "esketamine"),
    (concept("N01AX03", ATC), "ketamine"),
    (concept("N01AX14", ATC), "esketamine"),
    (concept("N06AX27", ATC), "esketamine"),
    ({"text": "Ketamine 50 mg/mL injection"}, "ketamine"),
    ({"coding": [{"display": "SPRAVATO 56 mg"}]}, "esketamine"),
]
VITALS = [
    ("8867-4", "/min", "heart_rate", 77),
    ("8867-4", "{beats}/min", "heart_rate", 78),
    ("9279-1", "/min", "respiratory_rate", 14),
    ("59408-5", "%", "spo2", 97),
    ("2708-6", "%", "spo2", 98),
    ("8480-6", "mm[Hg]", "sbp", 121),
    ("8462-4", "mmHg", "dbp", 79),
]


@pytest.fixture
def read(tmp_path):
    """A function that reads the good export with some resources added or replaced, by id."""

    def read(*added: dict, without: tuple[str, ...] = (), timezone="America/New_York", **elements):
        found = good() | {one["id"]: one for one in added}
        kept = [one for key, one in found.items() if key not in without]
        return accounts_of(tmp_path, kept, timezone, **elements)

    return read


def one_a_day(elements: list[dict]) -> list[dict]:
    """A patient with an administration of 45 minutes on each day from 1 May 2026, and what it says."""
    given = [
        administration(
            f"x{day}", "kx-74", f"2026-05-{day:02}T10:00:00Z", f"2026-05-{day:02}T10:45:00Z", **one
        )
        for day, one in enumerate(elements, 1)
    ]
    return [patient("kx-74"), *given]


def test_a_route_is_read_from_its_snomed_code_or_its_text(tmp_path):
    accounts = accounts_of(tmp_path, one_a_day([{"dosage": {"route": route}} for route, _ in ROUTES]))
    assert accounts.cohort.sessions["route"].tolist() == [route for _, route in ROUTES]


def test_a_dose_is_read_in_mg_or_mg_per_kg(tmp_path):
    accounts = accounts_of(tmp_path, one_a_day([{"dosage": BY_VEIN | dose} for dose, _, _ in DOSES]))
    found = accounts.cohort.sessions[["dose_mg_per_kg", "dose_mg"]]
    np.testing.assert_allclose(found, [(per_kg, dose) for _, per_kg, dose in DOSES], rtol=1e-9)
    assert told(accounts, "the session counts all the same") == [3]


def test_ketamine_is_known_by_code_or_name(tmp_path):
    given = one_a_day([{"medicationCodeableConcept": medicine} for medicine, _ in MEDICINES])
    sessions = accounts_of(tmp_path, given).cohort.sessions
    assert sessions["drug"].tolist() == [drug for _, drug in MEDICINES]


def test_the_drug_is_told_only_where_not_all_is_ketamine(read):
    assert "drug" not in read().cohort.sessions.columns


def test_a_vital_sign_has_its_session_and_minute(read):
    given = [
        observation(f"x{place}", "kx-71", code, f"{DAY}T14:3{place}:00Z", amount(value, unit))
        for place, (code, unit, _, value) in enumerate(VITALS)
    ]
    found = rows(read(*given, without=("bp-1",)), "vitals", "kx-71")
    assert found["session"].tolist() == [1] * 7
    assert found["minute"].tolist() == [30.0, 31.0, 32.0, 33.0, 34.0, 35.0, 36.0]
    assert [found[measure].iloc[place] for place, (_, _, measure, _) in enumerate(VITALS)] == [
        value for _, _, _, value in VITALS
    ]


def test_sessions_have_start_route_dose_and_duration(read):
    first = rows(read(), "sessions", "kx-71")
    assert first["hour"].tolist() == [0.0, 72.0]  # 2 and 5 February, 14:00
    assert first["route"].tolist() == ["IV", "IV"]
    assert first["dose_mg_per_kg"].tolist() == [0.5, 0.5]
    assert first["duration_minutes"].tolist() == [40.0, 40.0]
    assert first["session"].tolist() == [1, 2]
    assert first["month"].tolist() == ["2026-02", "2026-02"]


def test_a_medicine_may_stand_in_a_resource_of_its_own(read):
    beside = {"resourceType": "Medication", "id": "m", "code": {"text": "ketamine"}}
    inside = {"resourceType": "Medication", "id": "n", "code": concept("6130", RXNORM)}
    given = [
        administration("x", "kx-71", "2026-02-08T14:00:00Z", medicationCodeableConcept=None)
        | {"medicationReference": {"reference": "Medication/m"}},
        administration("y", "kx-71", "2026-02-09T14:00:00Z", medicationCodeableConcept=None)
        | {"medicationReference": {"reference": "#n"}, "contained": [inside]},
        administration("z", "kx-71", "2026-02-11T14:00:00Z", medicationCodeableConcept=None)
        | {"medicationReference": {"reference": "Medication/elsewhere"}},
    ]
    accounts = read(beside, *given)
    assert len(rows(accounts, "sessions", "kx-71")) == 4
    assert told(accounts, "name no medicine") == [1]


def test_an_administration_that_was_stopped_is_a_session_that_ended_early(read):
    accounts = read(administration("ma-2", "kx-71", "2026-02-05T14:00:00Z", status="stopped"))
    stopped = rows(accounts, "sessions", "kx-71")["stopped_early"]
    assert stopped.isna().tolist() == [True, False]
    assert bool(stopped[1])


def test_several_administrations_of_one_day_are_told(read):
    accounts = read(administration("x", "kx-71", "2026-02-02T14:05:00Z"))
    assert told(accounts, "stand on one day") == [1]
    assert len(rows(accounts, "sessions", "kx-71")) == 3


def test_a_blood_pressure_is_read_from_its_components(read):
    found = rows(read(), "vitals", "kx-71")
    assert found[["session", "minute", "sbp", "dbp"]].to_numpy().tolist() == [[1, 20.0, 130.0, 80.0]]


def test_readings_of_one_time_are_one_row_unless_one_was_measured_twice(read):
    at = f"{DAY}T14:20:00Z"
    pulse = observation("x", "kx-71", "8867-4", at, amount(70, "/min"))
    found = rows(read(pulse), "vitals", "kx-71")
    assert found[["minute", "sbp", "heart_rate"]].to_numpy().tolist() == [[20.0, 130.0, 70.0]]
    twice = read(pulse, pressure("y", "kx-71", at, 150, 90))
    assert len(rows(twice, "vitals", "kx-71")) == 3
    assert twice.sources.set_index("source").loc["Observation", "n_kept"] == 5


def test_a_unit_that_is_not_known_is_refused_for_that_reading_alone(read):
    mixed = pressure("x", "kx-71", f"{DAY}T14:30:00Z", 120, 75)
    mixed["component"][1]["valueQuantity"] = amount(10, "kPa")
    found = rows(read(mixed), "vitals", "kx-71")
    assert found["sbp"].tolist() == [130.0, 120.0]
    assert np.isnan(found["dbp"].iloc[1])


def test_a_weight_goes_to_the_session_of_its_day(read):
    dosed = administration("ma-1", "kx-71", f"{DAY}T14:00:00Z", dosage=BY_VEIN | {"dose": amount(34, "mg")})
    accounts = read(
        dosed,
        observation("w1", "kx-71", "29463-7", f"{DAY}T13:00:00Z", amount(150, "[lb_av]")),
        observation("w2", "kx-71", "29463-7", "2026-02-05", amount(68, "kg")),
        observation("w3", "kx-71", "29463-7", "2026-04-05", amount(70, "kg")),
        observation("w4", "kx-72", "29463-7", "2026-03-02", amount(80, "kg")),
        observation("w5", "kx-72", "29463-7", "2026-03-02", amount(90, "kg")),
        observation("w6", "kx-99", "29463-7", "2026-03-02", amount(90, "kg")),
    )
    first = rows(accounts, "sessions", "kx-71")
    # A pound is 0.45359237 kg: 150 are 68.0388555 kg, so that 34 mg are 0.49971 mg/kg.
    np.testing.assert_allclose(first["weight_kg"], [68.0389, 68.0])
    np.testing.assert_allclose(first["dose_mg_per_kg"], [34 / 68.0389, 0.5])
    assert rows(accounts, "sessions", "kx-72")["weight_kg"].isna().all()
    found = rules(accounts)
    assert found["Observation", "no_session_then"] == 1
    assert found["Observation", "weights_differ"] == 2
    assert found["Observation", "orphan_patient"] == 1
    assert len(accounts.cohort.patients) == 2


def test_one_weight_that_is_written_in_two_ways_is_one(read):
    # Two pounds are 0.90718474 kg, so that 200 are 90.7185 kg with six digits.
    given = {"kx-71": [(80, "kg"), (80.0, "kg")], "kx-72": [(200, "[lb_av]"), (90.7185, "kg")]}
    days = {"kx-71": DAY, "kx-72": "2026-03-02"}
    accounts = read(
        *(
            observation(f"{name}-{place}", name, "29463-7", days[name], amount(*weight))
            for name, weights in given.items()
            for place, weight in enumerate(weights)
        )
    )
    assert rules(accounts) == {}
    assert rows(accounts, "sessions", "kx-71")["weight_kg"].dropna().tolist() == [80.0]
    assert rows(accounts, "sessions", "kx-72")["weight_kg"].dropna().tolist() == [90.7185]


def test_a_side_effect_has_its_session_and_onset(read):
    found = rows(read(), "side_effects", "kx-71")
    assert found[["session", "effect", "onset_minutes"]].to_numpy().tolist() == [[1, "nausea", 15.0]]


def test_grades_outcomes_and_seriousness_are_read_from_their_codes(read):
    hl7 = "http://terminology.hl7.org/CodeSystem/adverse-event-"
    given = event(
        "ae-1",
        "kx-71",
        "Nausea as told",
        event={"coding": [{"system": "http://x", "code": "1", "display": "nausea"}], "text": "as told"},
        date=f"{DAY}T14:15:00Z",
        severity=concept("moderate", f"{hl7}severity"),
        seriousness=concept("Non-serious", f"{hl7}seriousness"),
        outcome=concept("resolvedWithSequelae", f"{hl7}outcome"),
    )
    found = rows(read(given), "side_effects", "kx-71").iloc[0]
    assert (found["effect"], found["severity"]) == ("nausea", "moderate")
    assert (found["serious"], found["resolved"]) == (False, True)


def test_an_event_belongs_to_the_administration_that_is_suspected_or_to_the_session_that_is_named(read):
    suspect = {"suspectEntity": [{"instance": {"reference": "MedicationAdministration/ma-2"}}]}
    accounts = read(
        event("x", "kx-71", "headache", **suspect),
        event("y", "kx-71", "dizziness", extension=[column("session", "2"), column("onset_minutes", "7")]),
        event("z", "kx-71", "fatigue", detected="2026-02-05T15:00:00Z"),
    )
    found = rows(accounts, "side_effects", "kx-71").set_index("effect")
    assert found["session"].to_dict() == {"nausea": 1, "headache": 2, "dizziness": 2, "fatigue": 2}
    assert found.loc["dizziness", "onset_minutes"] == 7.0
    assert np.isnan(found.loc["headache", "onset_minutes"])
    assert told(accounts, "when it was detected") == [1]


def test_a_disposition_stands_where_an_extension_says_so(read):
    ended = {"resourceType": "EpisodeOfCare", "status": "finished", "period": {"end": "2026-04-01"}}
    accounts = read(
        ended
        | {
            "id": "x",
            "patient": {"reference": "Patient/kx-71"},
            "extension": [column("status", "completed")],
        },
        ended | {"id": "y", "patient": {"reference": "Patient/kx-72"}},
        {"resourceType": "Encounter", "id": "z", "status": "entered-in-error", **of("kx-72")}
        | {"extension": [column("status", "stopped")]},
    )
    assert rows(accounts, "disposition", "kx-71")["status"].tolist() == ["completed"]
    assert len(accounts.cohort.disposition) == 1
    unmapped = accounts.sources.set_index("source")["n_unmapped"]
    assert unmapped["EpisodeOfCare"] == 1
    assert rules(accounts) == {("Encounter", "resource_status"): 1}
