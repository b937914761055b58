"""Published rates of side effects beside the clinic's, each under the study's own kind of counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import selection_notes, told_synonyms
from ketaoutcomes.analysis.published_effect_rates import COUNTINGS, RULE, WINDOWS, EffectRates
from ketaoutcomes.analysis.published_limits import (
    METHODS,
    difference_of,
    overlap_of,
    published_limits,
    terms_unsure,
)
from ketaoutcomes.analysis.published_numbers import Number
from ketaoutcomes.analysis.published_prediction import FEWEST_SOURCES, PREDICTION, prediction_of
from ketaoutcomes.analysis.side_effect_question import WAYS, chosen_effects
from ketaoutcomes.catalog.benchmarks import Benchmark, benchmarks
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_flag, check_level
from ketaoutcomes.derive.side_effects import ANY, NOT_STATED, terms_of
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.published_side_effects import PublishedSideEffects

__all__ = ["published_side_effects"]

TOPIC, PLACEBO, MEASURED = "side_effects", "placebo", "measured"
SAME, DIFFERS = "same", "differs"
# What studies call the sum of all effects.
ALL_EFFECTS = (ANY, "any adverse drug event")
COMBINED = (
    "Combined terms",
    "patients with any of the terms that the study counts under one name, as far as they are recorded here",
    RULE,
)
TABLE_COLUMNS = (
    "name", "study", "arm", "effect", "combines", "quantity", "instrument", "definition", "window",
    "denominator", "unit",
    "time", "counting", "published", "published_to", "published_low", "published_high", "published_interval",
    "published_n", "published_n_events", "verified", "asked_there", "asked_here", "asked", "here", "estimate",
    "estimate_high", "conf_low", "conf_high", "n", "n_events", "n_unknown", "method", "difference",
    "difference_high", "difference_conf_low", "difference_conf_high", "difference_method", "overlap", "words",
    "differs_in", "source",
)  # fmt: skip


def published_side_effects(
    cohort: Cohort,
    *,
    effects: str | Sequence[str] | None = None,
    ascertainment: str | None = None,
    synonyms: Mapping | str | PathLike | bool | None = None,
    placebo: bool = False,
    level: float = 0.95,
) -> PublishedSideEffects:
    """Published rates of side effects beside the clinic's, for each of the clinic's ways of asking.

    The clinic's share is made as the study counted: patients with the effect at least once in the study's
    window, of patients with a record in it. How one asks decides the rate, so each row says whether it
    was asked in the same way. Neither number is the reference of the other. An effect that the clinic
    never recorded has no row: nobody may have asked for it.

    Where a study counts several terms together under one name, the clinic's number is of the patients with
    any of those that were recorded here. If the list of terms was not checked against the source, the
    difference has no interval, and the row says so.

    A patient for whom the window of days had not closed at the end of the data is not known.

    Parameters
    ----------
    cohort : Cohort
    effects : str or sequence of str, optional
        Which effects to give, by the name of the row, besides "any side effect"; all by default.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        One of the clinic's ways of asking only.
    synonyms : mapping, path or bool, optional
        The clinic's own words for effects, as for `side_effect_rates`.
    placebo : bool
        Whether placebo arms are listed as well.
    level : float
        Confidence level of the clinic's intervals, and of those made here for published counts.

    Returns
    -------
    PublishedSideEffects
        `.table`, a row per published number and way of asking here; `.prediction`, what a further study
        would find, where at least three counted alike. Without any record they have no row, and a note
        says so.

    Raises
    ------
    DataError
        If an argument is malformed, or an effect in `effects` was never recorded and is no name of a row.

    Source
    ------
    Each number's own, in its row. Checked: tests/analysis/test_published_side_effects.py.
    """
    check_cohort(cohort)
    check_level(level)
    check_flag("placebo", placebo, "whether placebo arms are listed as well")
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    terms = terms_of(cohort, synonyms)
    rates = EffectRates(cohort, terms, ascertainment=ascertainment, level=level)
    listed = [known for known in benchmarks("side_effect") if placebo or known.arm != PLACEBO]
    asked = [known for known in listed if known.ascertainment != MEASURED and known.window in WINDOWS]
    used = [known for known in asked if _recorded_terms(rates, known, terms)]
    absent = [known for known in asked if known not in used]
    if effects is not None:
        named = _named(rates, effects, terms, used)
        used = [known for known in used if _name(known, terms) in named]
    rows = [_row(rates, known, terms, way, level) for known in used for way in rates.ways]
    table = _ordered(rows, rates)
    arguments = {
        "effects": effects if effects is None or isinstance(effects, str) else tuple(effects),
        "ascertainment": ascertainment, "placebo": placebo, "synonyms": told_synonyms(synonyms),
        "level": level,
    }  # fmt: skip
    prediction = prediction_of(table, level=level)
    countings = [counting for counting in COUNTINGS.values() if counting.name in set(table["counting"])]
    return PublishedSideEffects(
        title="Published side effects, and this clinic's counted in the same way",
        table=table,
        notes=(*_notes(rates, listed, absent, table, prediction, terms, placebo), *selection_notes(cohort),
               UNCONTROLLED),
        definitions=(
            *((f"Counted: {counting.name}", counting.here(), RULE) for counting in countings),
            *([COMBINED] if (table["combines"] != "").any() else []),
            *METHODS,
            *([PREDICTION] if prediction["estimate"].notna().any() else []),
        ),
        provenance=provenance_of("published_side_effects", cohort.fingerprint, arguments),
        topic=TOPIC,
        level=level,
        curves={},
        sessions=pd.DataFrame(),
        prediction=prediction,
    )  # fmt: skip


def _name(known: Benchmark, terms: EffectTerms) -> str:
    """The effect by the name that the clinic's records have here."""
    return ANY if known.effect in ALL_EFFECTS else terms.name(known.effect)


def _recorded_terms(rates: EffectRates, known: Benchmark, terms: EffectTerms) -> tuple[str, ...]:
    """The terms that the number counts, as far as they were ever recorded here, each once."""
    names = [terms.name(word) for word in known.combines] or [_name(known, terms)]
    return tuple(name for name in dict.fromkeys(names) if rates.records(name))


def _named(rates: EffectRates, effects, terms: EffectTerms, used: list[Benchmark]) -> set[str]:
    """The effects asked for; the name of a row will do where only other terms of it were recorded."""
    given = [effects] if isinstance(effects, str) else list(effects)
    known = {_name(one, terms) for one in used}
    others = [name for name in given if not isinstance(name, str) or terms.name(name) not in known]
    chosen_effects(rates.found, others, terms)
    return {ANY, *(terms.name(name) for name in given)}


def _row(
    rates: EffectRates, known: Benchmark, terms: EffectTerms, way: str, level: float
) -> dict[str, object]:
    """One published number and the clinic's of one way of asking."""
    counting = COUNTINGS[WINDOWS[known.window]]
    effect, counted = _name(known, terms), _recorded_terms(rates, known, terms)
    ours = rates.number(counted, way, counting)
    limits = published_limits(known, level)
    published = known.estimate / 100.0
    asked, words = _asked(known.ascertainment or NOT_STATED, way)
    what = "the effect"
    if known.combines:
        what = counted[0] if len(counted) == 1 else f"any of {', '.join(counted)}"
        words = f"{words}; {_combined_words(known, counted)}"
    cells = {
        "name": known.name,
        "study": known.study,
        "arm": known.arm,
        "effect": effect,
        "combines": "; ".join(known.combines),
        "quantity": f"{effect[:1].upper()}{effect[1:]}, {counting.name}"
        f"{', combined terms' if known.combines else ''}",
        "instrument": known.instrument,
        "definition": known.definition,
        "window": known.window,
        "denominator": known.denominator,
        "unit": "share",
        "time": np.nan,
        "counting": counting.name,
        "published": published,
        "published_to": published if known.estimate_high is None else known.estimate_high / 100.0,
        "published_low": limits.low,
        "published_high": limits.high,
        "published_interval": limits.method,
        "published_n": pd.NA if known.n is None else known.n,
        "published_n_events": pd.NA if limits.n_events is None else limits.n_events,
        "verified": known.verified,
        "asked_there": known.ascertainment,
        "asked_here": way,
        "asked": asked,
        "here": counting.here(what),
        "estimate": ours.estimate,
        "estimate_high": ours.estimate_high,
        "conf_low": ours.conf_low,
        "conf_high": ours.conf_high,
        "n": ours.n,
        "n_events": ours.n_events,
        "n_unknown": ours.n_unknown,
        "method": ours.method,
        "words": words,
        "differs_in": _differs(known, counted, ours),
        "source": known.source,
    }
    # A range that the source prints is no one number to take from.
    if cells["published_to"] == published:
        cells |= difference_of(published, limits, known, ours, level)
    return cells | {"overlap": None if terms_unsure(known) else overlap_of(limits, ours)}


def _combined_words(known: Benchmark, counted: tuple[str, ...]) -> str:
    """How many terms are one number there, and what follows for the difference."""
    of = f"one name for {len(known.combines)} terms there, {len(counted)} of them recorded here"
    if terms_unsure(known):
        return f"{of}; which terms they are was not checked, so the difference has no interval"
    return of


def _differs(known: Benchmark, counted: tuple[str, ...], ours: Number) -> str:
    """What the clinic's data cannot match."""
    dose = f"dose {known.dose}" if known.dose else ""
    there = "; ".join(part for part in (known.design, known.setting, known.route, dose) if part)
    combined = ""
    if known.combines:
        unsure = " (unverified list)" if terms_unsure(known) else ""
        combined = (
            f"{known.effect} there combines {', '.join(known.combines)}{unsure}, of which are recorded here "
            f"{', '.join(counted)}"
        )
    parts = (f"there: {there}", combined, WINDOW_REMARKS.get(known.window, ""), ours.remark)
    return "; ".join(part for part in parts if part)


WINDOW_REMARKS = {
    "not stated here": "over which time they counted is not in the record",
    "during the infusion": "how many infusions each patient had there is not in the record",
    "treatment phase, per patient": "their treatment phase is taken as 4 weeks",
}


def _asked(there: str, here: str) -> tuple[str, str]:
    """Whether both asked in the same way, and the same in words."""
    if there == NOT_STATED and here == NOT_STATED:
        return NOT_STATED, "how it was asked is stated neither there nor here"
    if there == NOT_STATED:
        return NOT_STATED, f"how it was asked there is not stated; {here} here"
    if here == NOT_STATED:
        return NOT_STATED, f"{there} there; how it was asked here is not stated"
    if there == here:
        return SAME, f"asked in the same way: {here}"
    return DIFFERS, f"asked differently: {there} there, {here} here"


def _ordered(rows: list[dict], rates: EffectRates) -> pd.DataFrame:
    """Any effect first, then by how many patients have it here; within it by window, study and way."""
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS))
    table["difference_method"] = table["difference_method"].fillna("")
    for name in ("published_n", "published_n_events"):
        table[name] = table[name].astype("Int64")
    table["overlap"] = table["overlap"].astype("boolean")
    if table.empty:
        return table
    effects = {name: place for place, name in enumerate(rates.by_size)}
    # Names of which only other terms were recorded come last.
    places = table["effect"].map(effects).fillna(len(effects))
    windows = {name: place for place, name in enumerate(COUNTINGS)}
    ways = {name: place for place, name in enumerate(rates.ways)}
    keys = (
        np.arange(len(table)),
        table["asked_here"].map(ways),
        table["counting"].map(windows),
        pd.factorize(table["effect"])[0],
        places,
    )
    order = np.lexsort([np.asarray(keys[0]), *(np.asarray(key) for key in keys[1:])])
    return table.iloc[order].reset_index(drop=True)


def _notes(rates, listed, absent, table, prediction, terms, placebo) -> list[str]:
    if not rates.found.session_row.size:
        return ["Side effects are not recorded, so no rate can be given; it is not zero."]
    notes = [
        "Each of the clinic's shares is made as the study counted, and how it was asked stands in each row. "
        "Patients, doses, the number of sessions and follow-up differ too; what cannot be matched is in the "
        "column differs_in.",
        "Only sessions with a record count; a patient without a record in the window is in n_unknown, not "
        "counted as none. So is a patient whose first week or first 4 weeks had not passed at the end of the "
        "data, whether or not the effect had been recorded by then.",
    ]
    if len(rates.ways) > 1:
        notes.append("The clinic's ways of asking are given apart and never pooled.")
    ours = table.loc[table["published_interval"].str.startswith("ours"), "study"].unique()
    if len(ours):
        notes.append(f"The source prints no interval; made here from its count: {', '.join(ours)}.")
    shaky = table.loc[~table["verified"].astype(bool), ["study", "effect"]].drop_duplicates()
    if len(shaky):
        words = ", ".join(f"{row.effect} ({row.study})" for row in shaky.itertuples())
        notes.append(f"Not checked against the source: {words}.")
    shown = set(table["name"])
    unsure = [known for known in listed if terms_unsure(known) and known.name in shown]
    if unsure:
        studies = ", ".join(dict.fromkeys(known.study for known in unsure))
        names = ", ".join(dict.fromkeys(_name(known, terms) for known in unsure))
        notes.append(
            f"Counted there as several terms under one name ({studies}): {names}. Here they are the patients "
            "with any of those terms that were recorded. Which terms the study combined is from general "
            "knowledge and was not checked (unverified), so these differences have no interval."
        )
    measured = dict.fromkeys(known.study for known in listed if known.ascertainment == MEASURED)
    if measured:
        notes.append(
            "Published rates of raised blood pressure that was measured are left out; vital_signs gives the "
            f"clinic's: {', '.join(measured)}."
        )
    if absent:
        names = dict.fromkeys(_absent_words(known, terms, table) for known in absent)
        notes.append(f"Published, but never recorded here, so without a number: {', '.join(names)}.")
    if not placebo:
        notes.append("Placebo arms are left out; placebo=True lists them.")
    if len(prediction) and prediction["estimate"].isna().all():
        notes.append(
            f"No effect has {FEWEST_SOURCES} or more sources that asked and counted alike, so there is no "
            "prediction interval, and nothing is pooled."
        )
    return notes


def _absent_words(known: Benchmark, terms: EffectTerms, table: pd.DataFrame) -> str:
    """The effect; with its study where the same effect of another study has a number."""
    name = _name(known, terms)
    return f"{name} ({known.study})" if name in set(table["effect"]) else name
