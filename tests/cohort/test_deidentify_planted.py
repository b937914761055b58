"""Planted identifiers of every class, in every table, by header and by cell: none is in any byte written."""

from __future__ import annotations

import json
import random

import pandas as pd
import pytest
from cohort.planted_identifiers import HARMLESS_NAMES, HEADERS, VALUES

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.schema import TABLES

N_PATIENTS = 40
# Columns of the dictionary in which a cell is planted.
WORDS = {
    "patients": ["sex", "diagnosis", "age_band", "age", "prior_trials", "cardiac_condition"],
    "sessions": ["route", "setting", "rescue_medication", "psychotherapy", "phase", "dose_mg", "escort"],
    "scores": ["mode", "timing", "instrument", "score", "i1"],
    "side_effects": ["effect", "severity", "action", "ascertainment", "duration_minutes"],
    "vitals": ["sbp", "spo2", "heart_rate"],
    "disposition": ["status", "reason"],
}


def _planted(sample, folder):
    """A copy of the sample's first patients, and how many columns and cells were planted in each table."""
    folder.mkdir()
    (folder / "cohort.toml").write_bytes((sample / "cohort.toml").read_bytes())
    draw = random.Random(7)
    headers = [name for names in HEADERS.values() for name in names]
    values = [value for values in VALUES.values() for value in values]
    n_planted = {}
    for place, table in enumerate(TABLES):
        frame = pd.read_csv(sample / f"{table}.csv", dtype=str, keep_default_na=False)
        frame = frame[frame["patient_id"] <= f"P{N_PATIENTS:04d}"].reset_index(drop=True).copy()
        there = {name.lower() for name in frame.columns}
        new = {}
        for name in headers[place::6]:
            if name.lower() not in there:
                new[name] = [f"planted{draw.randrange(10**6)}x" for _ in range(len(frame))]
        for number, value in enumerate(values[place::6]):
            cells = [draw.choice(["yes", "no"]) for _ in range(len(frame))]
            cells[draw.randrange(len(frame))] = value
            new[f"covariate_{number}"] = cells
        for name in WORDS[table]:
            cells = frame[name].tolist() if name in frame else [""] * len(frame)
            for value in draw.sample(values, min(12, len(frame) // 3)):
                cells[draw.randrange(len(frame))] = value
            new[name] = cells
        frame = pd.concat([frame.drop(columns=WORDS[table], errors="ignore"), pd.DataFrame(new)], axis=1)
        frame.to_csv(folder / f"{table}.csv", index=False)
        n_planted[table] = len(new) + 11 * len(WORDS[table])
    return n_planted


@pytest.fixture(scope="module")
def done(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    n_planted = _planted(sample, folder / "source")
    return n_planted, deidentify(folder / "source", folder / "out")


def test_at_least_60_are_planted_in_every_table(done):
    assert set(done[0]) == set(TABLES)
    assert min(done[0].values()) >= 60


def test_no_planted_cell_is_in_any_byte_of_the_output_and_it_passes_the_check(done):
    result = done[1]
    blob = b"".join(path.read_bytes() for path in result.folder.iterdir())
    planted = [value for values in VALUES.values() for value in values]
    left = [value for value in planted if value.encode() in blob or json.dumps(value)[1:-1].encode() in blob]
    assert left == []
    assert b"planted" not in blob
    assert b"P00" not in blob
    found = check(result.folder)
    assert found.ok
    assert (found.counts["n_quarantined"] == 0).all()
    assert set(found.problems["severity"]) <= {"note"}


def test_no_planted_header_is_a_column_of_the_output_or_named_in_it(done):
    result = done[1]
    written = {name for path in result.folder.glob("*.csv") for name in pd.read_csv(path, nrows=0).columns}
    headers = {name for names in HEADERS.values() for name in names}
    assert not {name.lower() for name in headers} & {name.lower() for name in written}
    audit = json.loads((result.folder / "deidentification.json").read_text(encoding="utf-8"))
    assert not headers & {entry["column"] for entry in audit["columns"]}


def test_every_class_is_told_with_its_counts_and_without_a_value(done):
    result = done[1]
    told = set(result.columns.loc[result.columns["action"] == "dropped", "reason"])
    assert {f"identifier:{letter}" for letter in "ABCDEFGHIJKLMNOPQR"} | {"identifier:free_text"} <= told
    text = result.summary() + result.columns.to_csv()
    assert not [value for values in VALUES.values() for value in values if value in text]
    counts = result.counts
    assert (counts["n_read"] == counts["n_kept"] + counts["n_quarantined"]).all()
    # A route, an instrument or a side effect that was blanked takes its row with it.
    aside = result.quarantine[result.quarantine["rule"] == "missing_required"]
    assert {"sessions", "scores", "side_effects"} <= set(aside["table"])


def test_harmless_covariates_stay(clinic, tmp_path):
    names = [name for name in HARMLESS_NAMES if name not in ("weight_kg", "i1", "i20", "zip3")]
    header = ",".join(["patient_id", *names])
    rows = "\n".join(f"A{n}{',yes' if n == 1 else ',no'}" + ",yes" * (len(names) - 1) for n in (1, 2))
    result = deidentify(clinic(patients=f"{header}\n{rows}\n"), tmp_path / "out")
    assert (result.columns.query("table == 'patients' and column != 'patient_id'")["action"] == "kept").all()
    assert len(load_cohort(result.folder).patients.columns) == len(names) + 1
