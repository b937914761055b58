"""Which medicine an administration is of: by its codes first, and by its words only where no code says.

A code of a system of medicines (RxNorm, ATC, NDC, SNOMED CT) says what was given. Where
it is listed in `fhir_codes.toml` it is ketamine or esketamine; where it is not, and its
own display does not begin with their name, it is another medicine, whatever else is
written beside it ("ondansetron, pre-ketamine"). Where all codes are a clinic's own, the
words decide, if they begin with the name: a mention is not enough.
"""

from __future__ import annotations

import re

from ketaoutcomes.readers.fhir_codes import fhir_codes
from ketaoutcomes.readers.fhir_resource import codings, concept_texts

__all__ = ["drug_in", "medicine_of", "united"]

# "ketamin" is German; "(S)-ketamine" and "s-ketamine" are esketamine.
KETAMINE = re.compile(
    r"(?i)(?:(?P<s>(?:\(s\)|s)[- ]?|es)|(?:\(r\)|r)[- ]|ar|racemic )?ketamine?(?![^\W\d_])"
    r"|(?P<brand>spravato|ketanest)(?![^\W\d_])|ketalar(?![^\W\d_])"
)
MENTIONED = re.compile(r"(?i)ketamin|spravato|ketanest|ketalar")


def medicine_of(concept: object) -> dict[str, list]:
    """Return codes and words of a concept.

    Returns
    -------
    dict
        ``codes`` (system, code, display of that coding or None) and ``texts``.
    """
    return {"codes": codings(concept), "texts": concept_texts(concept)}


def united(medicine: dict[str, list], other: dict[str, list]) -> dict[str, list]:
    """Return the codes and words of both."""
    return {name: [*medicine[name], *other[name]] for name in ("codes", "texts")}


def drug_in(medicine: dict[str, list]) -> tuple[str | None, bool]:
    """Return what was given, and whether it is another medicine although ketamine is mentioned.

    Parameters
    ----------
    medicine : dict
        As `medicine_of` returns it.

    Returns
    -------
    str or None
        "ketamine", "esketamine", or None for another medicine.
    bool
    """
    codes = fhir_codes()
    known, named = set(), []
    ruled = False
    for system, code, display in medicine["codes"]:
        official = codes.medicine_systems.get(system.rstrip("/"))
        if official is None or not code:
            continue
        ruled = True
        known.add(codes.medicines.get((official, code)))
        named += [display] if display else []
    known -= {None}
    if known:
        return "esketamine" if "esketamine" in known else "ketamine", False
    for text in named if ruled else medicine["texts"]:
        match = KETAMINE.match(text.strip())
        if match:
            return "esketamine" if match["s"] or match["brand"] else "ketamine", False
    return None, any(MENTIONED.search(text) for text in medicine["texts"])
