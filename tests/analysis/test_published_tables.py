"""The CDISC pilot's published tables of treatment-emergent events, row by row, from its data."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.side_effects import ANY

ARMS = ("Placebo", "Xanomeline Low Dose", "Xanomeline High Dose")
SIZES = (86, 84, 84)
TABLES = {"14-5.01.txt": False, "14-5.02.txt": True}


@dataclass(frozen=True)
class Row:
    """One printed row: patients, per cent and events of three arms, and p of two against placebo."""

    name: str
    is_term: bool
    patients: tuple[int, ...]
    shares: tuple[float, ...]
    events: tuple[int, ...]
    p_values: tuple[str, ...]


def printed(path) -> list[Row]:
    """The rows of a table as printed."""
    rows = []
    for line in path.read_text().splitlines():
        cells = line.split("|")
        if not cells[0].strip():
            continue
        counts = [re.match(r"\s*(\d+)(?:\s*\(\s*([\d.]+)%\))?\s*$", cells[k]) for k in (1, 3, 5)]
        events = [cells[k].strip("[] ") for k in (2, 4, 6)]
        rows.append(
            Row(
                name=cells[0].strip().lower(),
                is_term=cells[0].startswith(" "),
                patients=tuple(int(found[1]) for found in counts),
                shares=tuple(float(found[2] or 0) for found in counts),
                events=tuple(int(number or 0) for number in events),
                p_values=tuple(cell.strip(" *") for cell in cells[7:9]),
            )
        )
    return rows


def trial(folder, column: str):
    """The safety population as a cohort: a session per event, or one without any; ids made anew."""
    people = pd.read_csv(folder / "adam_adsl.csv")
    people = people[people["SAFFL"] == "Y"].reset_index(drop=True)
    events = pd.read_csv(folder / "adam_adae.csv").query("TRTEMFL == 'Y' and SAFFL == 'Y'")
    names = {old: f"P{number:03d}" for number, old in enumerate(people["USUBJID"])}
    events = events.assign(patient_id=events["USUBJID"].map(names)).reset_index(drop=True)
    events["session"] = events.groupby("patient_id").cumcount() + 1
    quiet = [name for name in names.values() if name not in set(events["patient_id"])]
    found = pd.DataFrame(
        {
            "patient_id": [*events["patient_id"], *quiet],
            "session": [*events["session"], *(1 for _ in quiet)],
            "effect": [*events[column], *("none" for _ in quiet)],
            "serious": [*events["AESER"], *("" for _ in quiet)],
            "ascertainment": "spontaneous",
        }
    )
    sessions = found[["patient_id", "session"]].assign(route="IV")
    sessions["hour"] = 24.0 * (sessions["session"] - 1)
    patients = pd.DataFrame({"patient_id": names.values(), "arm": people["TRT01A"]})
    return assemble({"patients": patients, "sessions": sessions, "side_effects": found})


def as_printed(p_value: float) -> str:
    return ">.99" if p_value > 0.99 else f"{p_value:.3f}"


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_the_published_table(shared, table):
    folder = shared / "data" / "cdisc_pilot"
    rows = printed(folder / "published_tables" / table)
    assert len(rows) > 3
    terms, systems = (_rates(trial(folder, column), TABLES[table]) for column in ("AEDECOD", "AEBODSYS"))
    for row in rows:
        name = ANY if row.name == "any body system" else row.name
        ever, counted, p_values = terms if row.is_term or name == ANY else systems
        assert tuple(ever[name]) == row.patients, row.name
        assert tuple(counted[name]) == row.events, row.name
        shares = 100 * np.array(row.patients) / SIZES
        np.testing.assert_allclose(row.shares, shares, atol=0.051)  # printed with one decimal
        for arm, number, words in zip(ARMS[1:], row.patients[1:], row.p_values, strict=True):
            # The table leaves the p value out where neither arm has the event.
            expected = "" if number == row.patients[0] == 0 else as_printed(p_values[name][arm])
            assert expected == words, (row.name, arm)


def _rates(cohort, serious: bool):
    """Patients and events by effect and arm, in order, and p against placebo."""
    per_patient = side_effect_rates(
        cohort, per="patient", by="arm", reference="Placebo", serious=serious, synonyms=False
    )
    assert per_patient.table.groupby("arm")["n"].first()[list(ARMS)].tolist() == list(SIZES)
    per_session = side_effect_rates(cohort, per="100_sessions", by="arm", serious=serious, synonyms=False)
    ever, counted = (
        result.table.pivot(index="effect", columns="arm", values="n_events")[list(ARMS)].T
        for result in (per_patient, per_session)
    )
    p_values = per_patient.comparisons.pivot(index="effect", columns="arm", values="p_value").T
    return ever, counted, p_values


def test_the_published_total_is_in_the_data(shared):
    # 65 of 86, 77 of 84, 76 of 84 patients, as the data's own description says.
    cohort = trial(shared / "data" / "cdisc_pilot", "AEDECOD")
    table = side_effect_rates(cohort, per="patient", by="arm", effects=[], synonyms=False).table
    found = table.set_index("arm").loc[list(ARMS)]
    assert found["n_events"].tolist() == [65, 77, 76]
    assert found["n"].tolist() == [86, 84, 84]
