"""Numbers of section 9: baseline, change and response by indication, instrument by instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import OUTCOMES
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.catalog.packs import PACKS, Measure, Pack, pack_of
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.scores import starters
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.report.sections.group_counts import ScoredPatients, rates_of, scored_patients

__all__ = [
    "NOT_STATED",
    "OTHER",
    "Indications",
    "indications_of",
    "measured",
    "primaries_of",
    "scored_with",
]

OTHER, NOT_STATED = "Other diagnosis", "Diagnosis not recorded"
# An instrument is the primary one where it is scored in nearly as many patients as the most used one.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Indications:
    """Which indication each patient has.

    Attributes
    ----------
    labels : tuple of str
        Labels of the packs that have patients, then of the two groups without a pack.
    packs : tuple of Pack or None
        One per label.
    code : (n_patients,) int array
        Place in `labels`, in the order of `cohort.patients`; -1 for patients without a session.
    """

    labels: tuple[str, ...]
    packs: tuple[Pack | None, ...]
    code: np.ndarray

    @property
    def n_started(self) -> np.ndarray:
        """Patients with a session in each; (k,) int."""
        return np.bincount(self.code[self.code >= 0], minlength=len(self.labels))


def indications_of(cohort: Cohort) -> Indications | None:
    """The indication of each treated patient, from `diagnosis`; None where no patient has one."""
    if "diagnosis" not in cohort.patients.columns or not cohort.patients["diagnosis"].notna().any():
        return None
    diagnosis = cohort.patients["diagnosis"].astype(object)
    known = {word: pack_of(word) for word in diagnosis.dropna().unique()}
    labels = np.full(len(diagnosis), NOT_STATED, dtype=object)
    for word, pack in known.items():
        labels[(diagnosis == word).to_numpy(bool)] = OTHER if pack is None else pack.label
    treated = starters(cohort)
    by_label = {pack.label: pack for pack in PACKS.values()}
    found = [label for label in (*by_label, OTHER, NOT_STATED) if (labels[treated] == label).any()]
    place = {label: number for number, label in enumerate(found)}
    code = np.array([place.get(label, -1) for label in labels])
    return Indications(
        tuple(found), tuple(by_label.get(label) for label in found), np.where(treated, code, -1)
    )


def primaries_of(cohort: Cohort, groups: Indications) -> tuple[Measure | None, ...]:
    """Each indication's primary instrument; None where none of its instruments has scores."""
    return tuple(
        None if pack is None else _primary_of(cohort, pack, groups.code == number)
        for number, pack in enumerate(groups.packs)
    )


def _primary_of(cohort: Cohort, pack: Pack, inside: np.ndarray) -> Measure | None:
    """The pack's first instrument that these patients are scored with nearly as often as with any other."""
    names = [measure.instrument for measure in pack.primary]
    table = cohort.scores
    rows = table[table["instrument"].isin(names)] if len(table) else table
    if not len(rows):
        return None
    rows = rows[inside[patient_codes(rows)]]
    sizes = rows.groupby("instrument", observed=True)["patient_id"].nunique()
    most = max((int(sizes.get(name, 0)) for name in names), default=0)
    least = max(1.0, NEARLY_ALL * most)
    return next((one for one in pack.primary if sizes.get(one.instrument, 0) >= least), None)


def scored_with(cohort: Cohort, names: Sequence[str], *, at: str) -> dict[str, ScoredPatients]:
    """Who was scored with each instrument, by its name."""
    return {name: scored_patients(cohort, INSTRUMENTS[name], at=at) for name in dict.fromkeys(names)}


def measured(
    people: ScoredPatients, groups: Indications, rules: Sequence[str], *, level: float
) -> pd.DataFrame:
    """Baseline, change and response of one instrument in each indication.

    Parameters
    ----------
    rules : sequence of str
        Name of the rule of response for each of `groups.labels`; "" for none.

    Returns
    -------
    DataFrame
        `indication`, `instrument`, `rule`, `n` (with a valid baseline, scored in the closed window),
        `n_missing` (not scored in it), `n_events` (responded; `n` without a rule), `estimate`,
        `conf_low`, `conf_high` (of response), `baseline_mean`, `change`, `change_low`, `change_high`
        (points, of those scored).
    """
    n_groups = len(groups.labels)
    code, scored = groups.code[people.code], people.scored
    n = np.bincount(code[scored], minlength=n_groups)
    meets = np.zeros(code.size, bool)
    for rule in set(rules) - {""}:
        meets |= np.array([one == rule for one in rules])[code] & people.meets(OUTCOMES[rule])
    has_rule = np.array([bool(rule) for rule in rules])
    events = np.where(has_rule, np.bincount(code[scored & meets], minlength=n_groups), n)
    rates = rates_of(events, n, level=level)
    for column in ("estimate", "conf_low", "conf_high"):
        rates[column] = rates[column].where(has_rule)
    points = people.after - people.before
    change = mean_interval(points[scored], codes=code[scored], n_groups=n_groups, level=level)
    before = mean_interval(people.before[scored], codes=code[scored], n_groups=n_groups, level=level)
    return pd.DataFrame(
        {
            "indication": groups.labels,
            "instrument": people.instrument.name,
            "rule": list(rules),
            "n_missing": np.bincount(code[people.eligible], minlength=n_groups) - n,
            **{name: rates[name] for name in rates},
            "baseline_mean": before.mean,
            "change": change.mean,
            "change_low": change.conf_low,
            "change_high": change.conf_high,
        }
    )
