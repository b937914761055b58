"""Published results, each with the full definition under which it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ketaoutcomes.catalog.entries import Catalog, Sourced, make, read_toml, stop_if
from ketaoutcomes.catalog.instruments import INSTRUMENTS, find_instrument
from ketaoutcomes.errors import DataError, Problem

__all__ = ["BENCHMARKS", "Benchmark", "benchmarks", "benchmarks_from"]


@dataclass(frozen=True)
class Benchmark(Sourced):
    """One published number. Never comparable without its definition, window and denominator.

    Parameters
    ----------
    name : str
        Unique name.
    study, year : str, int
        `year` is None when the copy read does not show it.
    design, setting : str
        E.g. "retrospective cohort"; "178 community practices, US".
    quantity : str
        "response", "remission", "side_effect", "median_days_to_relapse", ...
    definition, window, denominator : str
        What was counted, when, and out of whom, in full words.
    estimate : float
        In `unit`. `estimate_high` is given where the source prints a range.
    unit : str
        "percent", "points", "days", "sd", "mmHg", "ratio", "sessions" or "minutes".
    n : int, optional
        The number that the estimate is out of; None when the source does not state it.
    n_study : int, optional
        People in the study.
    n_events : int, optional
        Exact count, where it is known.
    conf_low, conf_high : float, optional
        95 % confidence limits as published.
    sd : float, optional
        Standard deviation as published, for a mean.
    instrument : str, optional
        Canonical name; None where the measure is not in the catalogue.
    arm : str
        Which treatment, in a trial.
    effect : str, optional
        The side effect, for the quantity "side_effect".
    ascertainment : str, optional
        How side effects were asked about: "spontaneous", "checklist", "scale" or "measured".
    combines : tuple of str
        Effects counted together as `effect`, itself among them; empty where it is one term alone.
    combines_verified : bool
        Whether `combines` was checked against the source. `verified` is about the number.
    """

    name: str
    study: str
    design: str
    setting: str
    quantity: str
    definition: str
    window: str
    denominator: str
    estimate: float
    unit: str
    year: int | None = None
    n: int | None = None
    n_study: int | None = None
    n_events: int | None = None
    estimate_high: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    sd: float | None = None
    instrument: str | None = None
    arm: str = ""
    route: str = ""
    dose: str = ""
    effect: str | None = None
    ascertainment: str | None = None
    combines: tuple[str, ...] = ()
    combines_verified: bool = False
    note: str = ""


UNITS = ("percent", "points", "days", "sd", "mmHg", "ratio", "sessions", "minutes")
TERMS = "combined_terms"
ASCERTAINMENTS = ("spontaneous", "checklist", "scale", "measured", "not stated")


def benchmarks(
    quantity: str | None = None, instrument: str | None = None, *, verified_only: bool = False
) -> tuple[Benchmark, ...]:
    """Published results for a quantity and an instrument.

    Parameters
    ----------
    quantity : str, optional
        "response", "remission", "side_effect", ...
    instrument : str, optional
        A name or alias.
    verified_only : bool
        Leave out those that were not checked against their source.

    Raises
    ------
    DataError
        If there is no such quantity or instrument.
    """
    quantities = sorted({known.quantity for known in BENCHMARKS.values()})
    if quantity is not None and quantity not in quantities:
        raise DataError(f"no benchmark has the quantity '{quantity}'; known: {', '.join(quantities)}.")
    name = None if instrument is None else find_instrument(instrument).name
    return tuple(
        known
        for known in BENCHMARKS.values()
        if quantity in (None, known.quantity)
        and name in (None, known.instrument)
        and (known.verified or not verified_only)
    )


def benchmarks_from(content: Mapping[str, Any]) -> dict[str, Benchmark]:
    """Benchmarks by name from the parsed content of a catalogue file.

    A study's fields hold for all of its results unless a result says otherwise. Its `combined_terms`,
    lists of terms by effect, become `combines` of the results on that effect.

    Raises
    ------
    DataError
        Lists everything in the file that is inconsistent.
    """
    problems: list[Problem] = []
    found: dict[str, Benchmark] = {}
    for study in content["study"]:
        shared = {key: value for key, value in study.items() if key not in ("result", "label", TERMS)}
        combined = study.get(TERMS, {})
        if not set(combined) <= {row.get("effect") for row in study["result"]}:
            where = f"study '{study.get('label', '?')}'"
            problems.append(Problem(f"{where}: {TERMS} of an effect without a result", rule="catalogue"))
        for row in study["result"]:
            where = f"benchmark '{row.get('name', '?')}'"
            values = {"study": study.get("label", "")} | shared | row
            if row.get("effect") in combined:
                values["combines"] = combined[row["effect"]]
            record = make(Benchmark, values, where, problems)
            if record is None:
                continue
            if record.name in found:
                problems.append(Problem(f"{where}: the name is used twice", rule="catalogue"))
            found[record.name] = record
            problems += [Problem(f"{where}: {fault}", rule="catalogue") for fault in _faults(record)]
    stop_if(problems)
    return found


def _faults(record: Benchmark) -> list[str]:
    faults = []
    for field in ("study", "definition", "window", "denominator"):
        if not getattr(record, field).strip():
            faults.append(f"{field} is empty")
    if record.instrument is not None and record.instrument not in INSTRUMENTS:
        faults.append("the instrument is not in the catalogue")
    if record.unit not in UNITS:
        faults.append(f"unit must be one of {', '.join(UNITS)}")
    if record.ascertainment is not None and record.ascertainment not in ASCERTAINMENTS:
        faults.append(f"ascertainment must be one of {', '.join(ASCERTAINMENTS)}")
    if record.quantity == "side_effect" and not (record.effect and record.ascertainment):
        faults.append("a side effect needs its name and how it was asked about")
    if record.combines and not _is_combination(record):
        faults.append("combines needs two or more different names of effects, the effect's own among them")
    if record.combines_verified and not record.combines:
        faults.append("combines_verified needs the terms that are combined")
    if record.unit == "percent" and not 0 <= record.estimate <= 100:
        faults.append("a percentage is outside 0 to 100")
    if record.estimate_high is not None and record.estimate_high < record.estimate:
        faults.append("the range is upside down")
    if (record.conf_low is None) != (record.conf_high is None):
        faults.append("conf_low and conf_high go together")
    elif record.conf_low is not None and not record.conf_low <= record.estimate <= record.conf_high:
        faults.append("the estimate is outside its confidence limits")
    if record.n_events is not None and (record.n is None or record.n_events > record.n):
        faults.append("n_events needs an n that is not smaller")
    return faults


def _is_combination(record: Benchmark) -> bool:
    terms = record.combines
    is_text = isinstance(terms, tuple) and all(isinstance(term, str) and term.strip() for term in terms)
    return is_text and record.effect in terms and len(set(terms)) == len(terms) > 1


BENCHMARKS: Mapping[str, Benchmark] = Catalog(
    lambda: benchmarks_from(read_toml("benchmarks.toml")), "benchmarks"
)
