"""A simulation never writes over, or beside, files that are not its own."""

from __future__ import annotations

import pytest

from ketaoutcomes.cohort.simulate import simulate_cohort, write_sample
from ketaoutcomes.errors import DataError

REFUSED = "holds files that simulate did not write; name a new or empty folder"


@pytest.fixture(scope="module")
def simulation():
    return simulate_cohort(n_patients=5)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["patients.csv", "Patients.CSV", "SESSIONS.csv", "cohort.toml", "notes.txt"])
def test_a_folder_with_a_clinics_file_is_left_as_it_is(tmp_path, simulation, name):
    (tmp_path / name).write_text("patient_id\nA\n")
    before = contents(tmp_path)
    for write in (simulation.save, write_sample):
        with pytest.raises(DataError, match=REFUSED):
            write(tmp_path)
    assert contents(tmp_path) == before


def test_a_clinics_folder_that_calls_itself_not_synthetic_is_left_as_it_is(tmp_path, simulation):
    folder = simulation.save(tmp_path / "clinic")
    settings = folder / "cohort.toml"
    settings.write_text(settings.read_text().replace("synthetic = true", "synthetic = false"))
    before = contents(folder)
    with pytest.raises(DataError, match=REFUSED):
        simulation.save(folder)
    assert contents(folder) == before


def test_settings_of_another_hand_are_not_taken_for_those_of_a_simulation(tmp_path, simulation):
    folder = simulation.save(tmp_path / "clinic")
    (folder / "cohort.toml").write_text("synthetic = true\n")
    with pytest.raises(DataError, match=REFUSED):
        simulation.save(folder)
    (folder / "cohort.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=REFUSED):
        simulation.save(folder)


def test_a_file_more_or_fewer_than_the_simulators_is_refused(tmp_path, simulation):
    folder = simulation.save(tmp_path / "more")
    (folder / "notes.txt").write_text("ours")
    with pytest.raises(DataError, match=REFUSED):
        simulation.save(folder)
    folder = simulation.save(tmp_path / "fewer")
    (folder / "vitals.csv").unlink()
    with pytest.raises(DataError, match=REFUSED):
        simulation.save(folder)


def test_a_link_to_a_file_elsewhere_is_not_written_through(tmp_path, simulation):
    folder = simulation.save(tmp_path / "linked")
    target = tmp_path / "real.csv"
    target.write_text("patient_id\nA\n")
    (folder / "patients.csv").unlink()
    (folder / "patients.csv").symlink_to(target)
    with pytest.raises(DataError, match=REFUSED):
        simulation.save(folder)
    assert target.read_text() == "patient_id\nA\n"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, simulation):
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError, match="name a new or empty folder"):
        simulation.save(tmp_path / "out")


def test_new_empty_and_own_folders_are_written(tmp_path, simulation):
    folder = simulation.save(tmp_path / "deep" / "new")
    first = contents(folder)
    assert contents(simulation.save(folder)) == first
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").write_bytes(b"")
    assert first.items() <= contents(simulation.save(tmp_path / "empty")).items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": "abc"}, "seed must be a whole number of at least 0"),
        ({"n_patients": 0}, "n_patients must be a whole number of at least 1"),
        ({"n_patients": "abc"}, "n_patients must be a whole number of at least 1"),
        ({"n_patients": 2.5}, "n_patients must be a whole number of at least 1"),
        ({"n_clinics": 0}, "n_clinics must be a whole number of at least 1"),
        ({"months": "18"}, "months must be a whole number of at least 1"),
        ({"responder_share": "half"}, "responder_share must lie between 0 and 1"),
        ({"indications": {"MDD": "most"}}, "indications must be shares by diagnosis"),
        ({"indications": ["MDD"]}, "indications must be shares by diagnosis"),
        ({"instruments": "PHQ"}, "instruments is not one of"),
        ({"booking": ["random"]}, "booking is not one of"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, message):
    with pytest.raises(DataError, match=message):
        simulate_cohort(**options)
