"""What the round trip through a REDCap export needs: the mapping, and the same export with labels."""

from __future__ import annotations

import csv
from pathlib import Path

# The forms of the sample clinic's instruments, and the instruments; one row of the sample names none.
INSTRUMENTS = {
    "bpicss": "BPIC-SS",
    "cadss": "CADSS",
    "gad7": "GAD-7",
    "madrs": "MADRS",
    "moca": "MoCA",
    "moodnrs": "Mood-NRS",
    "nrspain": "NRS-pain",
    "pcl5": "PCL-5",
    "phq9": "PHQ-9",
    "assessment": None,
}
ITEMS = {"phq9": 9, "assessment": 9}
PATIENT = [
    "sex",
    "age",
    "diagnosis",
    "clinic_id",
    "prior_trials",
    "hypertension",
    "uncontrolled_hypertension",
    "substance_use_history",
    "cardiac_condition",
]
SESSION = [
    "route",
    "dose_mg_per_kg",
    "dose_mg",
    "weight_kg",
    "duration_minutes",
    "monitored_minutes",
    "phase",
    "stopped_early",
    "rescue_medication",
    "psychotherapy",
    "setting",
    "escort",
    "side_effects_recorded",
]
EFFECT = [
    "session",
    "effect",
    "severity",
    "onset_minutes",
    "duration_minutes",
    "resolved",
    "serious",
    "action",
    "ascertainment",
]
READING = ["session", "minute", "sbp", "dbp", "heart_rate", "spo2", "respiratory_rate"]


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by the standard library."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choices(dictionary: Path) -> dict[str, dict[str, str]]:
    """The label of each code, by field, as the dictionary says."""
    out = {}
    for row in rows(dictionary):
        if row["Field Type"] == "radio":
            pairs = [
                one.split(", ", 1) for one in row["Choices, Calculations, OR Slider Labels"].split(" | ")
            ]
            out[row["Variable / Field Name"]] = dict(pairs)
        elif row["Field Type"] == "yesno":
            out[row["Variable / Field Name"]] = {"1": "yes", "0": "no"}
    return out


def mapping(dictionary: Path) -> dict:
    """The mapping that undoes the layout of the sample clinic."""
    words = choices(dictionary)

    def block(table: str, columns: dict[str, str], form: str | None = None, **more) -> dict:
        values = {target: words[field] for target, field in columns.items() if field in words}
        when = {"redcap_repeat_instrument": form or ""}
        return {"table": table, "columns": columns, "values": values, "when": when, **more}

    blocks = [
        block("patients", {name: name for name in PATIENT}),
        block(
            "sessions",
            {"start": "session_date", "session": "session_number"}
            | {name: f"session_{name}" for name in SESSION},
            "session",
        ),
        block("side_effects", {name: f"se_{name}" for name in EFFECT}, "side_effect", needs=EFFECT),
        block("vitals", {name: f"vitals_{name}" for name in READING}, "vitals", needs=READING),
        block(
            "disposition",
            {"when": "disposition_date", "status": "disposition_status", "reason": "disposition_reason"},
        ),
    ]
    for form, instrument in INSTRUMENTS.items():
        columns = {"taken": f"{form}_date", "score": f"{form}_total"}
        columns |= {"timing": f"{form}_timing", "mode": f"{form}_mode"}
        columns |= {f"i{n}": f"{form}_{n}" for n in range(1, ITEMS.get(form, 0) + 1)}
        constants = {"instrument": instrument} if instrument else {}
        blocks.append(block("scores", columns, form, constants=constants, needs=list(columns)))
    return {
        "cohort": {"deidentification": "limited-data-set", "timezone": "America/New_York"},
        "patient": {"id": "record_id", "only_listed": True},
        "rows": blocks,
    }


def write_labelled(export: Path, dictionary: Path, out: Path) -> Path:
    """Write the same export as REDCap does with labels for headers and cells."""
    words = choices(dictionary)
    labels = {row["Variable / Field Name"]: row["Field Label"] for row in rows(dictionary)}
    kinds = {row["Variable / Field Name"]: row["Field Type"] for row in rows(dictionary)}
    special = {
        "redcap_repeat_instrument": "Repeat Instrument",
        "redcap_repeat_instance": "Repeat Instance",
    }
    with export.open(encoding="utf-8", newline="") as file, out.open("w", encoding="utf-8", newline="") as to:
        lines = csv.reader(file)
        header = next(lines)
        writer = csv.writer(to)
        writer.writerow([special.get(name) or labels.get(name, "Complete?") for name in header])
        for line in lines:
            cells = []
            for name, cell in zip(header, line, strict=True):
                if kinds.get(name) == "yesno":
                    cell = {"1": "Yes", "0": "No"}.get(cell, cell)
                elif name in words:
                    cell = words[name].get(cell, cell)
                elif name.endswith("_complete"):
                    cell = {"2": "Complete"}.get(cell, cell)
                elif name == "redcap_repeat_instrument":
                    cell = cell.replace("_", " ").title()
                cells.append(cell)
            writer.writerow(cells)
    return out
