"""Which SDTM exposures (EX) are sessions: those of ketamine, and what stands in its place.

EX records every treatment of the protocol, so that in a trial of ketamine it may also
hold an oral antidepressant that is taken beside it, or rescue medicines. If any EXTRT of
the folder names ketamine, esketamine or arketamine, the sessions are

* the records whose EXTRT names one of these, and no placebo of it;
* of subjects without any such record, the records of a placebo, and those of another
  treatment (a comparator such as midazolam) by a route (EXROUTE) of the ketamine
  records; a comparator whose route is not told is none. A placebo by another route, such
  as tablets of a double-dummy design, counts only if the subject has none by the route
  of ketamine.

All others are set aside by the rule ``other_treatment``. So in a crossover, a subject's
placebo periods are none of the sessions. Where EXTRT names ketamine only together with a
placebo ("ESKETAMINE/PLACEBO", as in a study that is still blinded), that is the
treatment. If no EXTRT names ketamine at all, as in a study of another drug, every record
is a session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.sdtm_files import Domain, by_level

__all__ = ["ROUTES", "Treatments", "tell_treatments", "treatments"]

ROUTES = {
    "intravenous": "IV", "intravenous drip": "IV", "intravenous bolus": "IV", "intramuscular": "IM",
    "subcutaneous": "SC", "nasal": "IN", "intranasal": "IN", "sublingual": "SL", "oral": "oral",
}  # fmt: skip
# Norketamine, which is measured and not given, is none of these.
KETAMINE = re.compile(r"(?i)(?<![^\W\d_])(?:es|ar)?ketamine?(?![^\W\d_])|spravato|ketalar|ketanest")
PLACEBO = re.compile(r"(?i)placebo|sham|dummy|vehicle")
# What ketamine is diluted in is a placebo only where it is alone.
SOLVENT = re.compile(r"(?i)saline|sodium chloride|nacl")
# "ESKETAMINE + PLACEBO TABLETS" is two treatments in one record, "PLACEBO OF ESKETAMINE" one.
BESIDE = re.compile(r"(?i)[+;&]|\band\b|\bplus\b")
NEITHER, TREATED, NO_DRUG, BLINDED = "", "ketamine", "placebo", "ketamine or placebo"


@dataclass(frozen=True)
class Treatments:
    """Which rows of EX are of what; (n,) bool arrays, False for rows that tell no exposure.

    Parameters
    ----------
    named : bool
        Any of them names ketamine.
    ketamine, instead, other : bool arrays
        Of ketamine; of a placebo or comparator in its place; of another treatment.
    """

    named: bool
    ketamine: np.ndarray
    instead: np.ndarray
    other: np.ndarray


def treatments(domain: Domain, usable: np.ndarray) -> Treatments:
    """Return which exposures are of ketamine, in its place, and of other treatments.

    Parameters
    ----------
    usable : (n,) bool array
        Rows of the domain that tell an exposure.
    """
    kind = by_level(domain.cells("EXTRT"), _kind)
    ketamine = usable & (kind == TREATED).to_numpy(bool)
    if not ketamine.any():
        ketamine = usable & (kind == BLINDED).to_numpy(bool)
    none = np.zeros(usable.size, dtype=bool)
    if not ketamine.any():
        return Treatments(False, none, usable.copy(), none)
    subject = domain.cells("USUBJID")
    without = usable & ~subject.isin(set(subject[ketamine])).to_numpy(bool)
    route = by_level(domain.cells("EXROUTE"), lambda cell: ROUTES.get(cell.lower(), cell.lower()))
    same = route.isin(set(route[ketamine]) - {""}).to_numpy(bool)
    placebo = kind.isin([NO_DRUG, BLINDED]).to_numpy(bool)
    has_same = pd.Series(without & placebo & same).groupby(subject).transform("any").to_numpy(bool)
    instead = without & (same | (placebo & ~has_same))
    return Treatments(True, ketamine, instead, usable & ~ketamine & ~instead)


def _kind(treatment: str) -> str:
    """Return whether a treatment is ketamine, a placebo, one that names ketamine, or neither."""
    named = [part for part in BESIDE.split(treatment) if KETAMINE.search(part)]
    if any(not PLACEBO.search(part) for part in named):
        return TREATED
    if named:
        return BLINDED
    return NO_DRUG if PLACEBO.search(treatment) or SOLVENT.search(treatment) else NEITHER


def tell_treatments(intake: Intake, found: Treatments) -> None:
    """Tell how many exposures are sessions, and how many are not."""
    n_ketamine, n_instead, n_other = (
        int(rows.sum()) for rows in (found.ketamine, found.instead, found.other)
    )
    if not found.named:
        message = "records of exposure are sessions: no EXTRT names ketamine, so that every treatment counts"
    else:
        message = (
            f"records of exposure are sessions: {n_ketamine:,} of ketamine or esketamine, {n_instead:,} of a "
            f"placebo or comparator in its place; {n_other:,} of other treatments are none"
        )
    intake.note(message, table="sessions", n_rows=n_ketamine + n_instead, rule="sdtm_treatments")
