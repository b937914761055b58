"""The items of STROBE and RECORD, filled from what the cohort and the report can say of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.report.words import plural

__all__ = ["AUTHORS", "Item", "Known", "checklist_items", "filled_checklist"]

FILE = Path(__file__).resolve().parent / "checklist.toml"
AUTHORS = "to be written by the authors"


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Parameters
    ----------
    number : str
    list : {"STROBE", "RECORD"}
    label : str
        What it asks for, in our words.
    known : str
        Name of the rule that says what is known; "" where only the authors can.
    """

    number: str
    list: str
    label: str
    known: str


@dataclass(frozen=True)
class Known:
    """What the rules may look at.

    Parameters
    ----------
    cohort : Cohort
    window : str
        The outcome's window in words.
    starters : str
        Number of patients who started, in words, as far as it may be said.
    sections : mapping of str to str
        Code of a result ("R1") to where it stands ("section 2").
    definitions : int
        How many definitions the report lists.
    """

    cohort: Cohort
    window: str
    starters: str
    sections: Mapping[str, str]
    definitions: int

    def at(self, *codes: str) -> str:
        """``"sections 2 and 4"`` of these results."""
        found = list(dict.fromkeys(self.sections[code] for code in codes if code in self.sections))
        if not found:
            return ""
        if len(found) == 1:
            return f"Section {found[0]}."
        return f"Sections {', '.join(found[:-1])} and {found[-1]}."


@cache
def checklist_items() -> tuple[Item, ...]:
    """The 22 items of STROBE and the 13 that RECORD adds, in the order of a paper."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Item(**entry) for entry in content["item"])


def filled_checklist(known: Known) -> pd.DataFrame:
    """The checklist: `number`, `list`, `label`, `filled` (what is known, or who is to write it).

    Nothing is taken as done because the report has a table of it: what only the authors know stays theirs,
    also where a part of the item is filled.
    """
    rows = []
    for item in checklist_items():
        said = _RULES[item.known](known).strip() if item.known else ""
        words = f"{said} The rest {AUTHORS}." if said else f"{AUTHORS[:1].upper()}{AUTHORS[1:]}."
        rows.append((item.number, item.list, item.label, words))
    return pd.DataFrame(rows, columns=["number", "list", "label", "filled"])


def _data_type(known: Known) -> str:
    kind = known.cohort.settings.deidentification.replace("-", " ")
    return f"Clinic records of treatment sessions and scores, without identifiers ({kind})."


def _years(known: Known) -> str:
    sessions = known.cohort.sessions
    if "month" not in sessions.columns or not sessions["month"].notna().any():
        return ""
    years = sorted({str(month)[:4] for month in sessions["month"].dropna()})
    span = years[0] if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return f"Sessions of {span}; the region is not in the data."


def _linkage(known: Known) -> str:
    return "This software linked no sources; whether any were linked before is not in the data."


def _design(known: Known) -> str:
    return "Cohort of all patients with a session, followed from the first; no comparison group."


def _setting(known: Known) -> str:
    cut = known.cohort.settings.data_cut
    dated = f" Data cut {cut}." if cut and known.cohort.settings.months_kept else ""
    return f"{known.at('R1')}{dated}"


def _participants(known: Known) -> str:
    chosen = known.cohort.selection
    narrowed = f" {plural(len(chosen), 'selection')} of patients, in Methods." if chosen else ""
    return f"{known.starters} with a session; follow-up to the data cut. {known.at('R1')}{narrowed}"


def _selection(known: Known) -> str:
    if known.cohort.selection:
        return "The selection made here is in Methods; how records were exported is not in the data."
    return "No patient of the files was left out by choice; how they were exported is not in the data."


def _definitions(known: Known) -> str:
    listed = f"{plural(known.definitions, 'definition')} with their sources. {known.at('definitions')}"
    return f"{listed} Window: {known.window}."


def _definition_files(known: Known) -> str:
    return "Definitions in tables/definitions.csv, settings in manifest.json."


def _measurement(known: Known) -> str:
    return f"Instruments with range and period asked about. {known.at('R2', 'R12')}"


def _bias(known: Known) -> str:
    where = known.at("R4", "R5", "R17")
    return f"Three denominators, those scored beside those not, regression to the mean. {where}"


def _size(known: Known) -> str:
    return f"All {known.starters} of the files; no size was planned by this software."


def _grouping(known: Known) -> str:
    return f"Severity by published bands. {known.at('R5')}"


def _methods(known: Known) -> str:
    return f"Methods; {known.at('R17')[:1].lower()}{known.at('R17')[1:]} Nothing missing is filled in."


def _cleaning(known: Known) -> str:
    return f"Rows set aside by named rules and counted. {known.at('R17')}"


def _rule(*codes: str) -> Callable[[Known], str]:
    return lambda known: known.at(*codes)


def _limits(known: Known) -> str:
    return f"General limits of such data. {known.at('limits')}"


def _routine(known: Known) -> str:
    return f"Treatment, doses and times of assessment followed how patients did. {known.at('limits')}"


def _published(known: Known) -> str:
    return f"Published results under their own definitions. {known.at('R18')}"


def _code(known: Known) -> str:
    return "Software, versions and SHA-256 of the input are in manifest.json."


_RULES: Mapping[str, Callable[[Known], str]] = {
    "data_type": _data_type,
    "years": _years,
    "linkage": _linkage,
    "design": _design,
    "setting": _setting,
    "participants": _participants,
    "selection": _selection,
    "definitions": _definitions,
    "definition_files": _definition_files,
    "measurement": _measurement,
    "bias": _bias,
    "size": _size,
    "grouping": _grouping,
    "methods": _methods,
    "cleaning": _cleaning,
    "flow": _rule("R1"),
    "selection_detail": _rule("R1", "R17"),
    "characteristics": _rule("R2", "R17"),
    "events": _rule("R4", "R13"),
    "results": _rule("R4", "R16"),
    "other": _rule("R5", "R7", "R12", "R16"),
    "limits": _limits,
    "routine": _routine,
    "published": _published,
    "code": _code,
}
