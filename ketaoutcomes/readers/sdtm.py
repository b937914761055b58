"""CDISC SDTM: a trial's folder of domains (CSV or XPT) to a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.settings import Settings, make_settings
from ketaoutcomes.errors import ConfigError, Problem
from ketaoutcomes.readers.export import Export, to_cohort
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.sdtm_disposition import DM_TARGETS, DS_TARGETS, dispositions, patients
from ketaoutcomes.readers.sdtm_events import AE_TARGETS, place_events
from ketaoutcomes.readers.sdtm_exposure import EX_TARGETS, Exposures, exposures, tell_exposures
from ketaoutcomes.readers.sdtm_files import DOMAINS, Domain, Folder, read_folder
from ketaoutcomes.readers.sdtm_scores import read_scores, score_targets
from ketaoutcomes.readers.sdtm_treatments import tell_treatments, treatments
from ketaoutcomes.readers.sdtm_vitals import VS_TARGETS, place_readings, weights

__all__ = ["read_sdtm", "sdtm_export"]

TARGETS = {
    "DM": DM_TARGETS,
    "EX": EX_TARGETS,
    "QS": score_targets("QS"),
    "RS": score_targets("RS"),
    "VS": VS_TARGETS,
    "AE": AE_TARGETS,
    "DS": DS_TARGETS,
}


def read_sdtm(
    folder: str | Path,
    *,
    timezone: str | None = None,
    settings: Mapping[str, object] | Settings | None = None,
    events_recorded: bool = True,
) -> Cohort:
    """Return the cohort of a folder of SDTM domains.

    Parameters
    ----------
    folder, timezone, settings, events_recorded
        As for `sdtm_export`.

    Raises
    ------
    DataError, PrivacyError, ConfigError
        As `sdtm_export` and `load_cohort`.
    """
    return to_cohort(
        sdtm_export(folder, timezone=timezone, settings=settings, events_recorded=events_recorded)
    )


def sdtm_export(
    folder: str | Path,
    *,
    timezone: str | None = None,
    settings: Mapping[str, object] | Settings | None = None,
    events_recorded: bool = True,
) -> Export:
    """Return what a folder of SDTM domains holds of the cohort's tables.

    Exposures (EX) are sessions; DM gives the patients, QS and RS the scores, VS the
    vital signs, AE the side effects, DS the disposition. A domain may be split over
    files. Subjects without a session, such as screening failures, are set aside.

    If any EXTRT names ketamine, esketamine or arketamine, the sessions are the exposures
    to it and, of subjects who never had it, to a placebo or to a comparator by the same
    route; other treatments, such as an antidepressant taken beside it, are set aside by
    the rule ``other_treatment``. If none does, as in a study of another drug, every
    exposure is a session.

    Disposition events of screening and of a run-in are no outcome, and are not read.
    All other tables (SUPP--, LB, analysis data) are counted and not read.

    Parameters
    ----------
    folder : str or Path
        Files of CSV, or SAS transport (XPT) of version 5, or of version 8 with pyreadstat.
    timezone : str, optional
        IANA name of the zone of clock times; needed as soon as there is one without its offset.
    settings : mapping or Settings, optional
        What `cohort.toml` would say besides.
    events_recorded : bool
        Adverse events were asked for at every contact, as trials do: a session without one is then
        free of recorded events.

    Raises
    ------
    DataError
        If the folder or a file cannot be read, or a domain lacks a column that it needs.
    ConfigError
        If a setting is not known.
    """
    settings = _settings(timezone, settings)
    held = read_folder(folder, settings)
    intake = Intake(settings)
    _take(intake, held, events_recorded)
    return intake.finish()


def _take(intake: Intake, held: Folder, events_recorded: bool) -> None:
    """Add what the domains hold of the cohort's tables."""
    handles = {name: intake.open(name, len(one.frame), one.row_numbers) for name, one in held.domains.items()}
    for other in held.others:
        _open_other(intake, other)
    for note in held.notes:
        intake.note(note, rule="sdtm_files")
    usable = {name: _usable(intake, handles[name], domain) for name, domain in held.domains.items()}
    told = held.domains["EX"]
    kinds = treatments(told, usable["EX"])
    intake.set_aside(handles["EX"], kinds.other, "other_treatment")
    exposed = usable["EX"] = usable["EX"] & ~kinds.other
    known = held.domains["DM"].cells("USUBJID") if "DM" in held.domains else told.cells("USUBJID")[exposed]
    # A row that could not be put into columns may be the subject's first exposure: it counts, without a date.
    lost = (told.ragged != "") & told.cells("USUBJID").isin(set(known) - {""}).to_numpy(bool)
    found, sessions = exposures(told, exposed | lost, intake.settings)
    for name, domain in held.domains.items():
        untreated = usable[name] & ~found.treated(domain.cells("USUBJID"))
        intake.set_aside(handles[name], untreated, "never_treated")
        usable[name] &= ~untreated
    _add_patients(intake, held, handles, usable)
    for name in ("QS", "RS"):
        if name in held.domains:
            _add_scores(intake, handles[name], held.domains[name], usable[name])
    if "VS" in held.domains:
        sessions = _add_vitals(intake, handles["VS"], held.domains["VS"], usable["VS"], found, sessions)
    if "AE" in held.domains:
        sessions = _add_events(intake, handles["AE"], held, usable["AE"], found, sessions, events_recorded)
    if len(sessions):
        intake.add(handles["EX"], "sessions", sessions, found.position)
    tell_treatments(intake, kinds)
    tell_exposures(intake, told, found)
    _tell(intake, held, handles)


def _settings(timezone: str | None, settings: Mapping[str, object] | Settings | None) -> Settings:
    given = settings or {}
    if isinstance(given, Settings):
        given = {field.name: getattr(given, field.name) for field in fields(Settings)}
    given = {"deidentification": "limited-data-set"} | dict(given)
    if timezone is not None:
        given["timezone"] = timezone
    made = make_settings(given)
    if made.date_format is not None:
        message = "SDTM has dates in ISO 8601; leave 'date_format' out"
        raise ConfigError(Problem(message, rule="config"))
    return made


def _usable(intake: Intake, handle: int, domain: Domain) -> np.ndarray:
    """Set aside the rows of a domain that cannot be anything, and mark the others; bool."""
    for rule in ("too_few_cells", "too_many_cells"):
        intake.set_aside(handle, domain.ragged == rule, rule)
    nobody = (domain.cells("USUBJID") == "").to_numpy(bool)
    intake.set_aside(handle, nobody, "no_patient")
    status = domain.cells(f"{domain.name}STAT").str.upper()
    not_done = (status == "NOT DONE") | (domain.cells(f"{domain.name}OCCUR").str.upper() == "N")
    intake.set_aside(handle, not_done.to_numpy(bool), "not_done")
    return (domain.ragged == "") & ~nobody & ~not_done.to_numpy(bool)


def _open_other(intake: Intake, other: Domain) -> None:
    handle = intake.open(other.name, len(other.frame), other.row_numbers)
    for name in other.frame.columns:
        intake.column(handle, name, int((other.frame[name] != "").sum()), None)
    message = f"a table of {len(other.frame):,} rows is none of {', '.join(DOMAINS)}, and was not read"
    intake.note(message, rule="sdtm_files")


def _add_patients(intake: Intake, held: Folder, handles, usable) -> None:
    if "DM" in held.domains:
        rows = np.flatnonzero(usable["DM"])
        frame, n_unknown = patients(held.domains["DM"], rows)
        intake.add(handles["DM"], "patients", frame, rows)
        if n_unknown:
            message = "ages are in a unit that is not known, and were not read"
            intake.note(message, table="patients", column="age", n_rows=n_unknown, rule="sdtm_age")
    if "DS" in held.domains:
        frame, rows, n_before = dispositions(held.domains["DS"], usable["DS"])
        intake.add(handles["DS"], "disposition", frame, rows)
        if n_before:
            message = (
                "disposition events are of screening or a run-in, so that they say nothing of how treatment "
                "ended, and are not mapped"
            )
            intake.note(message, table="disposition", n_rows=n_before, rule="sdtm_disposition")


def _add_scores(intake: Intake, handle: int, domain: Domain, usable: np.ndarray) -> None:
    found = read_scores(domain, usable)
    for rule, rows in found.aside.items():
        intake.set_aside(handle, rows, rule)
    intake.add(handle, "scores", found.frame, parts=found.parts)
    for why, n in found.unread.items():
        intake.note(f"rows of a test were not read: {why}", table=domain.name, n_rows=n, rule="sdtm_roles")
    if found.n_derived:
        message = "results were derived by the sponsor, and are read as the others"
        intake.note(message, table=domain.name, n_rows=found.n_derived, rule="sdtm_derived")


def _add_vitals(
    intake: Intake, handle: int, domain: Domain, usable: np.ndarray, found: Exposures, sessions: pd.DataFrame
) -> pd.DataFrame:
    """Add the readings, and return the sessions with the weights of their days."""
    value = domain.cells("VSSTRESN").where(domain.cells("VSSTRESN") != "", domain.cells("VSSTRESC"))
    empty = usable & (value == "").to_numpy(bool)
    intake.set_aside(handle, empty, "no_result")
    made = place_readings(domain, usable & ~empty, found, intake.settings)
    for rule, rows in made.aside.items():
        intake.set_aside(handle, rows, rule)
    intake.add(handle, "vitals", made.frame, parts=made.parts)
    if made.n_without_reference:
        message = "planned times are not said to count from a dose, so they give no minute"
        intake.note(
            message, table="vitals", column="minute", n_rows=made.n_without_reference, rule="sdtm_vitals"
        )
    weight, n_weights = weights(domain, found, intake.settings)
    if not n_weights:
        return sessions
    n_used = int((~np.isnan(weight)).sum())
    message = (
        f"rows hold a weight and are counted as unmapped; {n_used:,} sessions have the weight of their day"
    )
    intake.note(message, table="sessions", column="weight_kg", n_rows=n_weights, rule="sdtm_vitals")
    cells = [None if np.isnan(value) else f"{value:.10g}" for value in weight.tolist()]
    return sessions.assign(weight_kg=pd.Series(cells, dtype="str")) if n_used else sessions


def _add_events(
    intake: Intake, handle: int, held: Folder, usable, found: Exposures, sessions, events_recorded: bool
) -> pd.DataFrame:
    """Add the side effects, and return the sessions with whether side effects were recorded."""
    made = place_events(held.domains["AE"], usable, found, intake.settings)
    for rule, rows in made.aside.items():
        intake.set_aside(handle, rows, rule)
    intake.add(handle, "side_effects", made.frame, made.rows)
    if not events_recorded:
        return sessions
    intake.note(
        "adverse events are taken to have been asked for at every contact, so that a session without one is "
        "free of recorded events; events_recorded=False leaves that open",
        table="side_effects",
        rule="sdtm_events",
    )
    if made.unsure.any():
        intake.note(
            "sessions may be that of an event that could not be placed; whether they are free is not known",
            table="sessions",
            n_rows=int(made.unsure.sum()),
            rule="sdtm_events",
        )
    recorded = np.where(made.unsure, None, "yes")
    return sessions.assign(side_effects_recorded=pd.Series(recorded, dtype="str"))


def _tell(intake: Intake, held: Folder, handles: dict[str, int]) -> None:
    """Tell where every column went, and how many studies there are."""
    studies: set[str] = set()
    for name, domain in held.domains.items():
        studies |= set(domain.cells("STUDYID")) - {""}
        for column in domain.frame.columns:
            target = TARGETS[name].get(column)
            intake.column(handles[name], column, int((domain.frame[column] != "").sum()), target)
    if len(studies) > 1:
        message = f"{len(studies)} studies are in the folder (STUDYID), and are one cohort"
        intake.note(message, rule="sdtm_studies")
