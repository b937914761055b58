"""Whatever small clinic it is: what is written is read as what the clinic's own cohort holds."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cohort.mapped import assert_same_tables, read_key_file
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import DataError

DATED = 'deidentification = "limited-data-set"\ntimezone = "America/New_York"\n'
ON_THE_WALL = DATED.replace("America/New_York", "UTC")
START = datetime(2026, 2, 20, 9, 0)
# Of clocks in New York in 2026.
CHANGES = (date(2026, 3, 8), date(2026, 11, 1))
# A failing clinic is small as it is; making it smaller takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
maybe = st.sampled_from
minutes = st.integers(0, 60 * 24 * 280)


def _moment(draw, at: int) -> str:
    moment = START + timedelta(minutes=at)
    if moment.date() in CHANGES and 1 <= moment.hour < 3:
        # Such times are set aside where clocks change, and the tables are read as if they did not.
        moment += timedelta(hours=2)
    return moment.strftime(draw(maybe(["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M"])))


@st.composite
def clinics(draw) -> dict[str, list[dict[str, str]]]:
    """Tables of a few patients, with orphans, copies, gaps and cells that are none."""
    ids = draw(
        st.lists(st.from_regex(r"[A-Z][0-9]{2,4}", fullmatch=True), min_size=1, max_size=4, unique=True)
    )
    tables = {
        name: [] for name in ("patients", "sessions", "scores", "side_effects", "vitals", "disposition")
    }
    for one in ids:
        row = {"patient_id": one, "sex": draw(maybe(["F", "M", ""])), "age": str(draw(st.integers(18, 101)))}
        row |= {
            "diagnosis": draw(maybe(["MDD", "PTSD", "seen by Dr Feelgood"])),
            "clinic_id": draw(maybe("xyz")),
        }
        tables["patients"].append(row | {"smoker": draw(maybe(["yes", "no", ""]))})
        for at in sorted(draw(st.lists(minutes, min_size=1, max_size=4, unique=True))):
            dose = draw(maybe(["0.5", "0.75", "50", "x", ""]))
            row = {"patient_id": one, "start": _moment(draw, at), "route": draw(maybe(["IV", "im", "nasal"]))}
            tables["sessions"].append(row | {"dose_mg_per_kg": dose, "weight_kg": draw(maybe(["", "70.5"]))})
    whose = maybe([*ids, "ZZ99"])
    for _ in range(draw(st.integers(1, 6))):
        row = {"patient_id": draw(whose), "instrument": draw(maybe(["PHQ-9", "phq9", "GAD-7", "Mood"]))}
        row |= {"taken": _moment(draw, draw(minutes)), "score": draw(maybe(["0", "9", "21", "400", ""]))}
        tables["scores"].append(row | {"timing": draw(maybe(["", "pre", "post", "remote"]))})
    for name, of in (("side_effects", 4), ("vitals", 4)):
        for _ in range(draw(st.integers(1, of))):
            row = {"patient_id": draw(whose), "session": str(draw(st.integers(1, 4)))}
            if name == "side_effects":
                effect = draw(maybe(["nausea", "Nausea", "none", "called jane.doe@example.org"]))
                row |= {"effect": effect, "severity": draw(maybe(["", "mild"]))}
            else:
                row |= {"minute": str(draw(st.integers(-9, 90))), "sbp": draw(maybe(["", "121", "133.5"]))}
            tables[name].append(row)
    for one in ids:
        row = {"patient_id": one, "when": draw(maybe(["", _moment(draw, draw(minutes))]))}
        tables["disposition"].append(row | {"status": draw(maybe(["completed", "ongoing", ""]))})
    present = draw(st.sets(maybe(["scores", "side_effects", "vitals", "disposition"]), max_size=1))
    return {
        name: rows for name, rows in tables.items() if name in present or name in ("patients", "sessions")
    }


def _write(folder: Path, tables, settings: str = DATED) -> Path:
    folder.mkdir()
    (folder / "cohort.toml").write_text(settings)
    for name, rows in tables.items():
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (folder / f"{name}.csv").write_text(text.getvalue())
    return folder


def _without_identifiers(tables):
    """The same tables as somebody would clear them by hand."""
    harmless = {"seen by Dr Feelgood": "", "called jane.doe@example.org": ""}
    cleared = {
        name: [{column: harmless.get(cell, cell) for column, cell in row.items()} for row in rows]
        for name, rows in tables.items()
    }
    for row in cleared["patients"]:
        row["age"] = str(min(int(row["age"]), 90))
    return cleared


def _loaded(folder: Path):
    """The cohort and no rule, or no cohort and the rules for which it is refused."""
    try:
        return load_cohort(folder), []
    except DataError as error:
        return None, [problem.rule for problem in error.problems]


@settings(max_examples=100, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(tables=clinics(), level=maybe(["safe-harbor", "limited-data-set"]))
def test_what_is_written_is_read_as_the_same_tables(tables, level):
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        source = _write(here / "source", tables)
        expected, problems = _loaded(_write(here / "cleared", _without_identifiers(tables), ON_THE_WALL))
        if expected is None:
            with pytest.raises(DataError) as found:
                deidentify(source, here / "out", level=level)
            assert [one.rule for one in found.value.problems] == problems
            assert not list(here.glob("*out*"))
            return
        result = deidentify(source, here / "out", level=level)
        leave = ["hours_to_data_cut", *(["month"] if level == "safe-harbor" else [])]
        after = load_cohort(result.folder)
        assert_same_tables(expected, after, read_key_file(result.key), leave=leave)
        assert result.counts.equals(expected.counts)
        assert after.quarantine.empty
        assert after.blanked.empty
        blob = b"".join(path.read_bytes() for path in result.folder.iterdir())
        assert b"Feelgood" not in blob
        assert b"example.org" not in blob
