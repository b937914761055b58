"""Small hand-written clinics."""

from __future__ import annotations

import pytest

# Two patients with two sessions each: the least that has a clock.
PATIENTS = "patient_id,sex,diagnosis\nA1,F,MDD\nA2,M,PTSD\n"
SESSIONS = "patient_id,hour,route,dose_mg_per_kg\nA1,0,IV,0.5\nA1,48,IV,0.5\nA2,0,IM,0.75\nA2,72,IM,0.75\n"
SCORES = "patient_id,instrument,hour,score\nA1,PHQ-9,-24,20\nA1,PHQ-9,96,8\nA2,PHQ-9,-1,15\n"


@pytest.fixture
def clinic(tmp_path):
    """A function that writes a folder: table name -> CSV text (None leaves it out), and cohort.toml."""

    def write(settings: str = "", **tables):
        folder = tmp_path / "clinic"
        folder.mkdir(exist_ok=True)
        content = {"patients": PATIENTS, "sessions": SESSIONS, "scores": SCORES, **tables}
        for name, text in content.items():
            if text is not None:
                data = text if isinstance(text, bytes) else text.encode("utf-8")
                (folder / f"{name}.csv").write_bytes(data)
        if settings:
            (folder / "cohort.toml").write_text(settings, encoding="utf-8")
        return folder

    return write
