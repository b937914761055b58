"""Outcome packs: which instruments and rules an indication is looked at by, each with its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ketaoutcomes.catalog.definitions import OUTCOMES
from ketaoutcomes.catalog.entries import (
    Catalog,
    Sourced,
    make,
    read_toml,
    stop_if,
    without_punctuation,
)
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.errors import Problem

__all__ = ["PACKS", "Measure", "Pack", "pack_of"]

# A letter, two digits and perhaps a letter or digit more, with what follows the point.
_CODE = re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")


@dataclass(frozen=True)
class Measure:
    """An instrument of a pack with its rules, by their names in `OUTCOMES`; "" where none is published.

    Parameters
    ----------
    instrument, response, remission : str
    further : tuple of str
        Further rules of response that are published beside the first.
    """

    instrument: str
    response: str = ""
    remission: str = ""
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pack(Sourced):
    """What is looked at in patients of an indication.

    Parameters
    ----------
    name, label : str
    diagnoses : tuple of str
        Spellings of the diagnosis; compared without case, blanks and punctuation.
    codes : tuple of str
        First letters of its ICD-10 codes.
    primary : tuple of Measure
        In order: the first one that a clinic uses is its primary instrument.
    companions : tuple of str
        Instruments that are reported beside it.
    caveat : str
        What to mind with these instruments.
    """

    name: str
    label: str
    diagnoses: tuple[str, ...]
    primary: tuple[Measure, ...]
    codes: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    caveat: str = ""


def pack_of(diagnosis: object) -> Pack | None:
    """The pack of a diagnosis as a clinic writes it, or of its ICD-10 code; None where it is in none.

    A diagnosis is looked up as a whole: one that only contains a known word is in no pack.
    """
    if not isinstance(diagnosis, str):
        return None
    text = diagnosis.strip()
    if _CODE.fullmatch(text.upper()):
        plain = text.upper().replace(".", "")
        for pack in PACKS.values():
            if any(plain.startswith(code.replace(".", "")) for code in pack.codes):
                return pack
    wanted = without_punctuation(text)
    return next(
        (
            pack
            for pack in PACKS.values()
            if wanted and wanted in (without_punctuation(known) for known in pack.diagnoses)
        ),
        None,
    )


def packs_from(content: Mapping[str, Any]) -> dict[str, Pack]:
    """Packs by name from the parsed content of a catalogue file.

    Raises
    ------
    DataError
        Lists everything in the file that is inconsistent.
    """
    problems: list[Problem] = []
    found: dict[str, Pack] = {}
    for name, table in content["pack"].items():
        measures = [
            make(Measure, measure, f"pack '{name}'", problems) for measure in table.get("primary", ())
        ]
        pack = make(Pack, {"name": name, **table, "primary": measures}, f"pack '{name}'", problems)
        if pack is not None and None not in measures:
            found[name] = pack
    problems += [Problem(fault, rule="catalogue") for fault in _faults(found)]
    stop_if(problems)
    return found


def _faults(packs: Mapping[str, Pack]) -> list[str]:
    faults = []
    spelled: dict[str, str] = {}
    for name, pack in packs.items():
        if not pack.primary:
            faults.append(f"pack '{name}': no primary instrument")
        for word in (*pack.diagnoses, *pack.codes):
            other = spelled.setdefault(without_punctuation(word), name)
            if other != name:
                faults.append(f"packs '{name}' and '{other}' have the same diagnosis '{word}'")
        named = [measure.instrument for measure in pack.primary]
        for instrument in (*named, *pack.companions):
            if instrument not in INSTRUMENTS:
                faults.append(f"pack '{name}': '{instrument}' is not an instrument")
        for measure in pack.primary:
            kinds = [(measure.remission, "remission")]
            kinds += [(rule, "response") for rule in (measure.response, *measure.further)]
            faults += [fault for rule, kind in kinds for fault in _rule_faults(pack, measure, rule, kind)]
    return faults


def _rule_faults(pack: Pack, measure: Measure, rule: str, kind: str) -> list[str]:
    """A rule must be known, of its kind, and meant for the instrument."""
    if not rule:
        return []
    where = f"pack '{pack.name}', {measure.instrument}"
    if rule not in OUTCOMES:
        return [f"{where}: no outcome is called '{rule}'"]
    known = OUTCOMES[rule]
    if known.kind != kind:
        return [f"{where}: '{rule}' is no {kind}"]
    return [] if measure.instrument in known.instruments else [f"{where}: '{rule}' is not meant for it"]


PACKS: Mapping[str, Pack] = Catalog(lambda: packs_from(read_toml("packs.toml")), "outcome packs")
