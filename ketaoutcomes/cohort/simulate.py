"""A simulated clinic whose truth is known.

The model is mechanistic: severity falls after each session and rises again,
patients come back because they relapse, and what is written down has gaps. The
parts are in `ketaoutcomes.cohort.simulation`.
"""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.csv_write import csv_text
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.cohort.simulation.calendar import draw_calendar
from ketaoutcomes.cohort.simulation.latent import draw_latent
from ketaoutcomes.cohort.simulation.ledger import BOOKINGS, DROPOUTS, Options
from ketaoutcomes.cohort.simulation.messy import make_messy
from ketaoutcomes.cohort.simulation.observed import INSTRUMENTS, draw_scores
from ketaoutcomes.cohort.simulation.parameters import Parameters, preset_parameters
from ketaoutcomes.cohort.simulation.population import PopulationTruth, population_truth
from ketaoutcomes.cohort.simulation.schedule import run_course
from ketaoutcomes.cohort.simulation.screens import SCREENS, draw_screens
from ketaoutcomes.cohort.simulation.streams import streams
from ketaoutcomes.cohort.simulation.tables import TIMEZONE, Writer, add_screens, draw_people, make_tables
from ketaoutcomes.cohort.simulation.truth import CohortTruth
from ketaoutcomes.errors import DataError

__all__ = ["PopulationTruth", "Simulation", "population_truth", "simulate_cohort", "write_sample"]

SEED = 20260101
_LEVELS = ("safe-harbor", "limited-data-set")
_SAMPLE_NAME = "Example clinics (synthetic)"
# With the preset's .65 the sample would respond more often than McInnes 2022 (.536 at the end of induction).
_SAMPLE_RESPONDERS = 0.58
_HEAD = "# Written by `ketaoutcomes simulate`. Every patient is invented.\n"
_SETTINGS_FILE = "cohort.toml"
# What a system leaves in an empty folder by itself.
_NOT_COUNTED = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Simulation:
    """A simulated cohort, the files it would come from and what is true of it.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        The raw tables, as they would be written to files.
    settings : mapping of str to str or bool
        Keys of `cohort.toml`.
    truth : CohortTruth
        `.parameters`, `.patients` and `.sessions`: what is true of these patients.
    """

    tables: Mapping[str, pd.DataFrame]
    settings: Mapping[str, str | bool]
    truth: CohortTruth

    @cached_property
    def cohort(self) -> Cohort:
        """The cohort, read and checked by the same door as a clinic's files."""
        return assemble(dict(self.tables), dict(self.settings), source="simulation")

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(frame):,}" for name, frame in self.tables.items())
        return f"Simulation(seed={self.truth.seed}; rows: {rows})"

    def save(self, folder: str | Path) -> Path:
        """Write one CSV file per table and `cohort.toml`; returns the folder.

        The folder must be new, empty, or written by this function before: the files declare their
        patients invented, so no other file may be overwritten or stand beside them.

        Raises
        ------
        DataError
            If the folder holds anything else, or is a file. Nothing is written then.
        """
        folder = Path(folder)
        _check_folder(folder, {f"{name}.csv" for name in self.tables} | {_SETTINGS_FILE})
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.tables.items():
            text = csv_text(frame, digits=None)
            (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
        lines = [
            f"{key} = {str(value).lower() if isinstance(value, bool) else _quoted(value)}"
            for key, value in self.settings.items()
        ]
        (folder / _SETTINGS_FILE).write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")
        return folder


def _check_folder(folder: Path, own: set[str]) -> None:
    """Refuse a folder with files other than those that a simulation of the same tables wrote."""
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            raise DataError("simulate: the output is a file or a broken link; name a new or empty folder")
        return
    entries = [entry for entry in folder.iterdir() if entry.name not in _NOT_COUNTED]
    if not entries:
        return
    # Names are compared as written: "Patients.csv" is no file of ours, though some disks take it for one.
    is_own = {entry.name for entry in entries} == own and all(
        entry.is_file() and not entry.is_symlink() for entry in entries
    )
    if not is_own or not _says_synthetic(folder / _SETTINGS_FILE):
        raise DataError(
            "simulate: the folder holds files that simulate did not write; name a new or empty folder"
        )


def _says_synthetic(path: Path) -> bool:
    """Whether the settings are those that a simulation writes."""
    try:
        text = path.read_text(encoding="utf-8")
        return text.startswith(_HEAD) and tomllib.loads(text).get("synthetic") is True
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def simulate_cohort(
    preset: str = "community",
    n_patients: int = 240,
    *,
    seed: int = SEED,
    n_clinics: int = 4,
    months: int = 18,
    last_month: str = "2026-09",
    booking: str = "informative",
    dropout: str = "mar",
    score_triggered: bool = True,
    indications: Mapping[str, float] | None = None,
    instruments: tuple[str, ...] = INSTRUMENTS,
    responder_share: float | None = None,
    messy: bool = False,
    deidentification: str = "safe-harbor",
    name: str = "Simulated clinics",
    parameters: Parameters | None = None,
) -> Simulation:
    """Simulate clinics whose truth is known.

    Parts of the model draw from streams of their own, so two simulations that
    differ in one option have the same patients with the same severity.

    Parameters
    ----------
    preset : {"community", "trial"}
        "community" keeps response for months and has maintenance sessions;
        "trial" loses it within weeks and has six sessions.
    n_patients : int
    seed : int
    n_clinics : int
    months : int
        Length of the period in which patients start.
    last_month : str
        Last month of that period, "YYYY-MM". The export is made on the 8th of the next.
    booking : {"informative", "random", "fixed"}
        Maintenance sessions are booked sooner after worse scores; or at a hazard that
        does not depend on scores; or at gaps that grow from 14 to 28 days.
    dropout : {"mar", "mcar", "mnar", "none"}
        Patients stop depending on their last score, on nothing, or on their present
        unseen severity; or nobody stops before the end of follow-up.
    score_triggered : bool
        Extra assessments happen more often after worse scores.
    indications : mapping of str to float, optional
        Share of each diagnosis; those of the preset when absent.
    instruments : tuple of str
        Among "MADRS", "PHQ-9", "Mood-NRS", "GAD-7", "PCL-5", "NRS-pain", "CADSS", and the screens
        of the first clinic's maintenance patients, "BPIC-SS" and "MoCA".
    responder_share : float, optional
        Share of patients who can respond; that of the preset when absent.
    messy : bool
        Put in a clinic's gaps and slips, and one bad row of each kind.
    deidentification : {"safe-harbor", "limited-data-set"}
        Hours since the first session, or dates.
    name : str
        Name of the cohort.
    parameters : Parameters, optional
        Used instead of the preset's.

    Returns
    -------
    Simulation

    Raises
    ------
    DataError
        If an option is not known or a number cannot be used.
    """
    instruments = (instruments,) if isinstance(instruments, str) else tuple(instruments)
    counts = {"n_patients": n_patients, "n_clinics": n_clinics, "months": months}
    words = {"booking": booking, "dropout": dropout, "deidentification": deidentification}
    _check(counts, seed, words, instruments, indications, responder_share)
    parameters = parameters or preset_parameters(preset)
    if indications is not None:
        parameters = dataclasses.replace(parameters, indications=MappingProxyType(dict(indications)))
    if responder_share is not None:
        parameters = dataclasses.replace(parameters, responder_share=responder_share)
    options = Options(booking=booking, dropout=dropout, score_triggered=score_triggered)
    dated = deidentification == "limited-data-set"

    random = streams(seed)
    latent = draw_latent(n_patients, parameters, random, n_clinics=n_clinics)
    calendar = draw_calendar(n_patients, random, months=months, last_month=last_month)
    course = run_course(latent, calendar, options, random)
    people = draw_people(latent, random)
    scores = draw_scores(
        latent, calendar, course, random, diagnosis=people.diagnosis, instruments=instruments
    )
    width = max(4, len(str(n_patients)))
    ids = pd.array([f"P{number:0{width}d}" for number in range(1, n_patients + 1)], dtype="str")
    writer = Writer(ids, calendar, dated)
    tables = make_tables(latent, people, course, scores, writer, random)
    if messy:
        tables = make_messy(tables, random["mess"], last_day=calendar.data_cut if dated else None)
    if set(SCREENS) & set(instruments):
        screens = draw_screens(latent, course, instruments, random["screens"])
        tables["scores"] = add_screens(tables["scores"], screens, writer)
    settings: dict[str, str | bool] = {"name": name, "deidentification": deidentification, "synthetic": True}
    if dated:
        settings |= {"timezone": TIMEZONE, "data_cut": str(calendar.data_cut)}
    truth = CohortTruth(parameters, options, seed, latent, course, ids)
    return Simulation(MappingProxyType(tables), MappingProxyType(settings), truth)


def _check(counts, seed, words, instruments, indications, responder_share) -> None:
    """Refuse what cannot be simulated, all problems at once."""
    problems = []
    known = {"booking": BOOKINGS, "dropout": DROPOUTS, "deidentification": _LEVELS}
    asked = [(what, value, known[what]) for what, value in words.items()]
    asked += [("instruments", instrument, INSTRUMENTS + SCREENS) for instrument in instruments]
    for what, value, choices in asked:
        if value not in choices:
            problems.append(f"{what} is not one of {', '.join(choices)}")
    for what, value in counts.items():
        if not _is_whole(value) or value < 1:
            problems.append(f"{what} must be a whole number of at least 1")
    if not _is_whole(seed) or seed < 0:
        problems.append("seed must be a whole number of at least 0")
    if indications is not None and not _are_shares(indications):
        problems.append(
            'indications must be shares by diagnosis, such as {"MDD": 0.7, "PTSD": 0.3}, that are not '
            "negative and not all zero"
        )
    if responder_share is not None and not (_is_number(responder_share) and 0 < responder_share < 1):
        problems.append("responder_share must lie between 0 and 1")
    if problems:
        raise DataError("simulate: " + "; ".join(problems))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _are_shares(shares: object) -> bool:
    if not isinstance(shares, Mapping) or not all(_is_number(share) for share in shares.values()):
        return False
    return bool(shares) and min(shares.values()) >= 0 and sum(shares.values()) > 0


def write_sample(folder: str | Path) -> Path:
    """Write the example clinics: 240 patients, 4 clinics, 18 months, all tables.

    A limited data set with gaps and one bad row of each kind. The bytes are the
    same on every run.
    """
    simulation = simulate_cohort(
        responder_share=_SAMPLE_RESPONDERS,
        instruments=INSTRUMENTS + SCREENS,
        messy=True,
        deidentification="limited-data-set",
        name=_SAMPLE_NAME,
    )
    return simulation.save(folder)


if __name__ == "__main__":
    print(write_sample(sys.argv[1] if len(sys.argv) > 1 else "data/sample"))
