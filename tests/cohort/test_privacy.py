"""Identifiers of every Safe Harbor class are refused by name and by value, and clean data are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cohort.planted_identifiers import HARMLESS_NAMES, HEADERS, VALUES

from ketaoutcomes.cohort.privacy import scan_columns, scan_name, scan_values
from ketaoutcomes.cohort.schema import TABLES


def _column(value: str, n: int = 30) -> pd.DataFrame:
    """A harmless covariate with one planted cell in row 9 of the file."""
    cells = ["yes", "no"] * (n // 2)
    cells[7] = value
    return pd.DataFrame(
        {"patient_id": [f"P{i:04d}" for i in range(n)], "covariate": pd.array(cells, dtype="str")}
    )


def _rules(problems) -> list[str]:
    return [problem.rule for problem in problems]


@pytest.mark.parametrize(
    ("letter", "name"), [(letter, name) for letter, names in HEADERS.items() for name in names]
)
def test_a_column_named_for_an_identifier_is_refused(letter, name):
    problems = scan_columns("patients", ["patient_id", "sex", name])
    assert _rules(problems) == [f"identifier:{letter}"]
    assert problems[0].column == name


@pytest.mark.parametrize(
    ("letter", "value"), [(letter, value) for letter, values in VALUES.items() for value in values]
)
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


@pytest.mark.parametrize(
    "name", ["jane.doe@example.org", "2024-03-09", "John Doe", "078-05-1120", "212-555-0187"]
)
def test_a_header_that_is_itself_a_cell_is_told_by_position_only(name):
    problems = scan_columns("patients", ["patient_id", name])
    assert len(problems) == 1
    assert problems[0].column is None
    assert "column number 2" in str(problems[0])
    assert name not in str(problems[0])


@pytest.mark.parametrize("value", VALUES["C"])
def test_dates_in_cells_are_allowed_in_a_limited_data_set(value):
    assert scan_values("patients", _column(value), level="limited-data-set") == []


@pytest.mark.parametrize("letter", sorted(set(VALUES) - {"C"}))
def test_a_limited_data_set_allows_nothing_but_dates(letter):
    for value in VALUES[letter]:
        assert _rules(scan_values("patients", _column(value), level="limited-data-set")) == [
            f"identifier:{letter}"
        ]


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
        ["P0001", "P0002", "P0003"],
        ["007", "7", "08"],
        ["1", "2", "3"],
        ["clinic-3-001", "clinic-3-002"],
        ["001-002-0003", "001-002-0004"],
        ["550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440001"],
        ["KET-2024-0001", "KET-2024-0002"],
        ["000000001", "000000002"],
        ["P0000001", "P9999999"],
        ["AB120385", "AB120386", "AB999999"],
        ["p-1", "P-1", "otter-brave-7"],
    ],
)
def test_ordinary_patient_codes_are_let_through(ids):
    frame = pd.DataFrame({"patient_id": pd.array(ids, dtype="str")})
    assert scan_values("patients", frame) == []


@pytest.mark.parametrize(
    ("age", "refused"),
    [
        ("89", 0),
        ("90", 0),
        ("90+", 0),
        (">90", 0),
        ("90.0", 0),
        ("91", 1),
        ("93", 1),
        ("90.5", 1),
        ("104 years", 1),
        ("91-95", 1),
    ],
)
def test_ages_over_ninety_are_refused_and_ninety_means_ninety_or_over(age, refused):
    frame = pd.DataFrame({"patient_id": ["P1", "P2"], "age": pd.array(["44", age], dtype="str")})
    problems = scan_values("patients", frame)
    assert _rules(problems) == ["identifier:C"] * refused
    assert all(
        problem.first_row == 3 and age not in problem.message.replace("90 for 90", "").replace("over 90", "")
        for problem in problems
    )


def test_ages_as_numbers_and_in_covariate_columns_are_checked_too():
    frame = pd.DataFrame(
        {"age": [50.0, 93.0, np.nan], "partner_age": [95, 20, 30], "age_months": [400, 500, 600]}
    )
    assert [(problem.column, problem.n_rows) for problem in scan_values("patients", frame)] == [
        ("age", 1),
        ("partner_age", 1),
    ]


def test_a_year_of_birth_is_refused_only_when_it_shows_an_age_over_89():
    frame = pd.DataFrame({"birth_year": pd.array(["1980", "1901"], dtype="str")})
    assert scan_columns("patients", ["birth_year"]) == []
    assert [problem.n_rows for problem in scan_values("patients", frame)] == [1]


def test_three_digit_zip_codes_are_allowed_where_many_people_live():
    # HHS guidance of 2012 lists 036 among the 17 areas of 20,000 people or fewer.
    good = pd.DataFrame({"zip3": pd.array(["021", "606", "000"], dtype="str")})
    bad = pd.DataFrame({"zip3": pd.array(["036", "606", "02139"], dtype="str")})
    assert scan_values("patients", good) == []
    assert [(problem.rule, problem.n_rows) for problem in scan_values("patients", bad)] == [
        ("identifier:B", 2)
    ]


@pytest.mark.parametrize(
    ("letter", "column", "cells"),
    [
        ("B", "area", ["02139", "10027", "60614", "94110"] * 5),
        ("C", "enrolled", ["45213", "45214", "45290", "45291"] * 5),
        ("C", "when_seen", ["20240309", "20240310", "20231231", "20240101"] * 5),
        ("C", "epoch", [str(1_700_000_000 + 60 * n) for n in range(20)]),
        ("R", "code", [f"KX{n:03d}Q{n % 7}" for n in range(20)]),
        ("R", "usubjid", [f"01-701-{1000 + 13 * n}" for n in range(20)]),
        ("R", "code", [str(7_100_000 + 13 * n) for n in range(20)]),
        ("A", "who", ["Susan", "Robert", "Linda", "Karen"] * 5),
        (
            "free_text",
            "reaction",
            [f"slept badly about {word} nights" for word in "abcdefghijklmnopqrstuvwxyz"],
        ),
    ],
)
def test_a_whole_column_of_one_kind_is_recognised(letter, column, cells):
    frame = pd.DataFrame({column: pd.array(cells, dtype="str")})
    problems = scan_values("patients", frame)
    assert _rules(problems) == [f"identifier:{letter}"]
    assert problems[0].n_rows == len(cells)


def test_a_code_of_ones_own_per_patient_is_recognised_over_several_sessions():
    patients = [f"P{n:04d}" for n in range(20)]
    frame = pd.DataFrame(
        {"patient_id": patients * 3, "link": [f"Z{n * 7919 % 10007}X" for n in range(20)] * 3}
    )
    assert _rules(scan_values("sessions", frame)) == ["identifier:R"]


def test_columns_of_dates_by_type_are_refused_under_safe_harbor_only():
    frame = pd.DataFrame({"seen": pd.to_datetime(["2024-03-09", None, "2024-03-10"])})
    assert [(problem.rule, problem.n_rows) for problem in scan_values("sessions", frame)] == [
        ("identifier:C", 2)
    ]
    assert scan_values("sessions", frame, level="limited-data-set") == []


def test_every_data_type_can_be_scanned():
    frame = pd.DataFrame(
        {
            "flag": [True, False, True],
            "count": [1, 2, 3],
            "share": [0.1, np.nan, 0.3],
            "word": pd.Categorical(["a", None, "b"]),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "mixed": pd.Series(["x", 2, None], dtype=object),
            "empty": [None, None, None],
        }
    )
    assert scan_values("patients", frame) == []
    planted = frame.assign(
        word=pd.Categorical(["a", None, "j@example.org"]),
        mixed=pd.Series(["x", 2125550187, None], dtype=object),
    )
    assert [
        (problem.column, problem.rule, problem.first_row) for problem in scan_values("patients", planted)
    ] == [
        ("word", "identifier:F", 4),
        ("mixed", "identifier:D", 3),
    ]
    assert scan_values("patients", frame.iloc[:0]) == []


@pytest.mark.parametrize(
    ("letter", "value"),
    [
        ("D", "２１２-５５５-０１８７"),
        ("D", "212\u2011555\u20110187"),
        ("F", "jane\u200b@example.org"),
        ("G", "078\u201305\u20131120"),
        ("D", "(212)\u00a0555\u00a00187"),
    ],
)
def test_unusual_signs_do_not_hide_an_identifier(letter, value):
    assert _rules(scan_values("patients", _column(value))) == [f"identifier:{letter}"]


def test_empty_cells_are_neither_identifiers_nor_counted():
    frame = pd.DataFrame(
        {
            "zip3": pd.array(["", "021", "NA", None] * 5, dtype="str"),
            "code": pd.array(["", "a1", "", ""] * 5, dtype="str"),
        }
    )
    assert scan_values("patients", frame) == []
    dated = pd.DataFrame({"enrolled": pd.array(["", "45213", "", "45214"] * 5, dtype="str")})
    assert [(problem.n_rows, problem.first_row) for problem in scan_values("patients", dated)] == [(10, 3)]


@pytest.mark.parametrize(
    ("letter", "value"), [(letter, value) for letter, values in VALUES.items() for value in values]
)
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


@pytest.mark.parametrize(
    "name", ["John Doe.csv", "jane.doe@example.org", "078-05-1120.csv", "scores 2024-03-09.csv"]
)
def test_a_file_name_that_holds_an_identifier_is_refused_without_repeating_it(name):
    problems = scan_name("file", name)
    assert len(problems) == 1
    assert name.split(".")[0] not in str(problems[0])


@pytest.mark.parametrize(
    "name",
    [
        "patients.csv",
        "scores.parquet",
        "cohort.toml",
        "side_effects.csv",
        "sample",
        "README.md",
        "scores_old.csv",
    ],
)
def test_ordinary_file_names_are_let_through(name):
    assert scan_name("file", name) == []


def _clean_clinic(n: int = 400, seed: int = 4) -> dict[str, pd.DataFrame]:
    """Every kind of harmless content that a clinic's tables hold."""
    draw = np.random.default_rng(seed)
    ids = [f"P{k:04d}" for k in range(n)]

    def pick(options, size=n):
        return draw.choice(np.array(options, dtype=object), size)

    diagnoses = [
        "MDD",
        "F33.2",
        "F43.10",
        "296.33",
        "PTSD",
        "Bipolar II disorder",
        "MDD, GAD",
        "OCD",
        "Major depressive disorder, recurrent severe without psychotic features",
        "Generalized anxiety disorder",
        "Post-traumatic stress disorder, chronic",
    ]
    patients = pd.DataFrame(
        {
            "patient_id": ids,
            "sex": pick(["female", "male", "other"]),
            "age": draw.integers(18, 91, n),
            "age_band": pick(["18-29", "30-39", "40-49", "90+"]),
            "diagnosis": pick(diagnoses),
            "clinic_id": pick(["clinic-1", "clinic-2", "3"]),
            "prior_trials": draw.integers(0, 12, n),
            "bmi": draw.normal(27, 5, n).round(1),
            "income": draw.integers(12_000, 250_000, n),
            "platelets": draw.integers(150_000, 400_000, n),
            "state": pick(["NY", "CA", "Washington"]),
            "race": pick(["White", "Black or African American", "Native Hawaiian or other Pacific Islander"]),
            "employment": pick(["full-time", "part-time", "retired", "not working (looking for work)"]),
            "medication": pick(["SSRI", "SNRI + lithium", "none", "venlafaxine 75 mg"]),
            "illness_years": draw.exponential(8, n),
            "screen_score": draw.normal(0, 1, n),
            "year": pick(["2022", "2023", "2024"]),
            "blood_pressure": pick(["120/80", "135/85"]),
        }
    )
    sessions = pd.DataFrame(
        {
            "patient_id": ids * 3,
            "hour": np.repeat([0.0, 72.5, 168.25], n),
            "session": np.repeat([1, 2, 3], n),
            "route": pick(["IV", "IM", "IN (nasal)"], 3 * n),
            "dose_mg_per_kg": draw.normal(0.6, 0.1, 3 * n),
            "weight_kg": draw.normal(80, 10, 3 * n).round(2),
            "duration_minutes": pick([40, 45, 60], 3 * n),
            "phase": pick(["induction", "maintenance"], 3 * n),
            "setting": pick(["quiet room, eye mask and music", "group"], 3 * n),
            "start_clock": pick(["09:30", "13:40:05"], 3 * n),
            "pump": pick(["model A", "model B"], 3 * n),
            "lot": pick(["A1", "B22"], 3 * n),
        }
    )
    scores = pd.DataFrame(
        {
            "patient_id": ids,
            "instrument": pick(["PHQ-9", "GAD-7", "Q-LES-Q-SF", "QIDS-SR16", "MADRS-24h"]),
            "day": draw.normal(0, 20, n),
            "score": draw.integers(0, 28, n),
            "i1": draw.integers(0, 4, n),
            "timing": pick(["pre", "post"]),
            "mode": pick(["self", "clinician-rated"]),
        }
    )
    effects = pd.DataFrame(
        {
            "patient_id": ids,
            "session": 1,
            "effect": pick(
                [
                    "none",
                    "nausea",
                    "dry mouth",
                    "increased blood pressure",
                    "feeling of unreality",
                    "Charles Bonnet syndrome",
                ]
            ),
            "severity": pick(["mild", "moderate"]),
            "action": pick(["none", "ondansetron 4 mg IV", "dose lowered for the next session"]),
            "ascertainment": "checklist",
        }
    )
    disposition = pd.DataFrame(
        {
            "patient_id": ids,
            "day": 40,
            "status": pick(["completed", "lost to follow-up"]),
            "reason": pick(["moved away", "no response", "cost of treatment, insurance ended"]),
        }
    )
    return {
        "patients": patients,
        "sessions": sessions,
        "scores": scores,
        "side_effects": effects,
        "disposition": disposition,
    }


def test_a_clean_clinic_raises_no_alarm():
    for table, frame in _clean_clinic().items():
        assert scan_columns(table, frame.columns) == []
        assert scan_values(table, frame) == []
        assert scan_values(table, frame.astype("str")) == []


def test_long_prose_in_a_column_of_the_data_dictionary_is_free_text():
    frame = _clean_clinic(40)["disposition"]
    frame.loc[5, "reason"] = "moved to Ohio with two children and could not be reached again"
    assert [
        (problem.rule, problem.column, problem.n_rows) for problem in scan_values("disposition", frame)
    ] == [("identifier:free_text", "reason", 1)]
