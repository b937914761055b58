"""Section 11: whether clinics differ by more than chance; they are not ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.cases import cases_of
from ketaoutcomes.analysis.funnel import funnel, letters
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.draw.funnel import funnel as draw_funnel
from ketaoutcomes.draw.labels import DASH, clean, count, missing, number, number_range, percent
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.nobody import is_empty, unscored
from ketaoutcomes.report.numbering import CLINICS
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.sections.strata_groups import FOLLOWED
from ketaoutcomes.report.wording import defined, outcome_words
from ketaoutcomes.report.words import ci, joined, plural, rate_words
from ketaoutcomes.results.funnel import FunnelResult

__all__ = ["clinics"]

CLINIC = "clinic_id"
NOT_STATED = "not recorded"
BASELINE = "last_14_days"
PLACE = "Section 11"
UNIT_LINES = {
    "response": "Response, % of patients scored",
    "follow_up": "Scored in the window, % of patients",
}
SIZE_LINES = {"response": "Patients scored", "follow_up": "Patients with a valid baseline, window closed"}
NAMES = {"response": "Response", "follow_up": "Follow-up"}
LIMITS = ["limit_low_95", "limit_high_95", "limit_low_99_8", "limit_high_99_8"]
ADJUSTED_WORDS = (
    "observed over expected, expected from each patient's baseline score (indirect standardisation). Other "
    "differences between patients are not adjusted for."
)
ADJUSTED = ["adjusted_ratio", "adjusted_limit_low_95", "adjusted_limit_high_95", "adjusted_position"]


@dataclass(frozen=True)
class _Measure:
    """One measure by clinic as it may be printed, and its funnel where there is one."""

    name: str
    given: Released
    target: float
    n: int
    result: FunnelResult | None


def clinics(scope: Scope) -> Part:
    """Funnels of response and of follow-up by clinic, and a table with the letters."""
    why = _why_none(scope)
    if why:
        return Part(_section(scope, notes=(why,)), {})
    totals = scope.gate.denominators(
        "response_rates", _totals(scope), place=PLACE, beside=list(scope.sizes)
    ).frame.set_index("denominator")
    cases = {what: _cases(scope, what) for what in ("response", "follow_up")}
    names = sorted({*cases["follow_up"][CLINIC], *cases["response"][CLINIC]} - {NOT_STATED})
    if len(names) < 2:
        return Part(_section(scope, notes=(_too_few(scope, totals, names),)), {})
    measures, notes = _measures(scope, cases, totals, dict(zip(names, letters(len(names)), strict=True)))
    drawn_ones = [one for one in measures if one.result is not None]
    figures = tuple(_figure(scope, one, "ab"[place]) for place, one in enumerate(drawn_ones))
    found, hidden = gathered([one.given for one in measures])
    tables = (_table(scope, measures),) if measures else ()
    section = _section(scope, figures=figures, tables=tables, notes=tuple(notes), drawn_ones=drawn_ones)
    return Part(section, found, hidden, tuple(one.result for one in drawn_ones))


def _section(scope: Scope, *, figures=(), tables=(), notes=(), drawn_ones=()) -> Section:
    terms = [("Limits:", _limit_words(drawn_ones))]
    if scope.instrument is not None and defined(scope.instrument, "response") is not None:
        rule = outcome_words(defined(scope.instrument, "response"), scope.instrument)
        terms.append(("Response:", f"{rule}, of those scored in the window after induction."))
    if any(one.name == "follow_up" for one in drawn_ones):
        terms.append(("Followed:", FOLLOWED))
    if any(column.label == "Adjusted ratio" for table in tables for column in table.columns):
        terms.append(("Adjusted:", ADJUSTED_WORDS))
    if drawn_ones:
        terms.append(("", "Read both together: where follow-up is thin, response is less certain."))
        terms.append(("Dispersion:", _dispersion_words(drawn_ones)))
    return Section(
        number=CLINICS,
        question="Do clinics differ?",
        reading=(
            "Clinics are not ranked. A dot inside the limits differs from the whole no more than chance "
            "allows for its size.",
        ),
        terms=tuple(terms),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _limit_words(drawn_ones: Sequence[_Measure]) -> str:
    """How the limits are made; wider ones say so."""
    words = "exact binomial, around the value of all clinics together"
    wide = [NAMES[one.name].lower() for one in drawn_ones if one.result.dispersion.at[0, "applied"] != "none"]
    return f"{words}; of {joined(wide)} widened by the dispersion between clinics." if wide else f"{words}."


def _dispersion_words(drawn_ones: Sequence[_Measure]) -> str:
    """How much more the clinics drawn differ than chance allows, or why it is not known."""
    known = [one for one in drawn_ones if not missing(one.result.dispersion.at[0, "phi"])]
    if not known:
        return "with fewer than 10 clinics it cannot be estimated; limits allow for chance only."
    said = [f"{NAMES[one.name].lower()} {number(one.result.dispersion.at[0, 'phi'], 2)}" for one in known]
    chance = max(one.result.dispersion.at[0, "threshold"] for one in known)
    return f"phi of {joined(said)}; up to {number(chance, 2)} is no more than chance."


def _why_none(scope: Scope) -> str:
    """Why there is no comparison of clinics; "" where there is one."""
    frames = (scope.recent.patients, scope.recent.sessions)
    known = [frame[CLINIC] for frame in frames if CLINIC in frame.columns]
    if not known or not any(column.notna().any() for column in known):
        return "Not recorded: which clinic a patient was treated in."
    if max(column.nunique() for column in known) < 2:
        return (
            "All patients with a clinic recorded were treated in one clinic, so there is nothing to compare."
        )
    if scope.instrument is None:
        return f"Not recorded: {scope.why_no_instrument}."
    if defined(scope.instrument, "response") is None:
        name = scope.instrument.name
        return f"Response has no default definition for {name}, so clinics are not compared by it."
    return ""


def _too_few(scope: Scope, totals: pd.DataFrame, names: list[str]) -> str:
    if is_empty(totals.at["scored", "n"]):
        return f"Not known: {unscored(scope.recent, scope.instrument.name)}."
    if not names:
        return "Not recorded: which clinic the patients whose window has closed were treated in."
    return "One clinic only has patients with a valid baseline whose window has closed."


def _totals(scope: Scope) -> pd.DataFrame:
    """The same sizes as in section 3, which decides what of them may be printed."""
    return response_rates(
        scope.recent,
        scope.instrument.name,
        at=WINDOW,
        outcome=defined(scope.instrument, "response").name,
        baseline=BASELINE,
        level=scope.level,
    ).table


def _cases(scope: Scope, what: str) -> pd.DataFrame:
    """One row per patient with the clinic's name as it is printed."""
    cases = cases_of(
        scope.recent,
        what,
        instrument=scope.instrument.name,
        at=WINDOW,
        outcome=defined(scope.instrument, "response").name,
        baseline=BASELINE,
    )
    known = cases[CLINIC].notna()
    names = cases[CLINIC].astype("str").map(clean)
    return cases[["event", "baseline"]].assign(**{CLINIC: names.where(known, NOT_STATED)})


def _measures(
    scope: Scope, cases: dict[str, pd.DataFrame], totals: pd.DataFrame, letter: dict[str, str]
) -> tuple[list[_Measure], list[str]]:
    """Both measures through the gate, and why one is not given."""
    sizes = totals["n"]
    scored, eligible = sizes["scored"], sizes["baseline_eligible"]
    if is_empty(scored):
        return [], [f"Response is not given: {unscored(scope.recent, scope.instrument.name)}."]
    if missing(scored) or totals.at["scored", "suppressed"]:
        return [], [f"Clinics cannot be shown{too_small(scope)}."]
    measures, notes = [], []
    rows = {what: _by_clinic(scope, frame, letter) for what, frame in cases.items()}
    response = scope.gate.parts("clinics_response", rows["response"], place=f"{PLACE}, response")
    measures.append(
        _measure(scope, "response", response, float(totals.at["scored", "estimate"]), scored, cases)
    )
    if not missing(eligible) and scope.gate.may_stand_beside(scored, eligible):
        printed = response.frame.set_index(CLINIC)["n"]
        true = rows["response"].set_index(CLINIC)["n"]
        at = rows["follow_up"][CLINIC]
        # A clinic none of whose patients was scored has no row in the other table: nothing is hidden there.
        without = at.map(printed).isna() & at.map(true).notna()
        given = scope.gate.parts(
            "clinics_follow_up", rows["follow_up"], place=f"{PLACE}, follow-up",
            beside=[at.map(true).fillna(0).to_numpy(float)], without=without.to_numpy(bool),
        )  # fmt: skip
        measures.append(_measure(scope, "follow_up", given, float(scored / eligible), eligible, cases))
    else:
        notes.append(f"Follow-up by clinic cannot be shown{too_small(scope)}.")
    for one in measures:
        if one.result is None:
            notes.append(f"{NAMES[one.name]}: fewer than two clinics can be shown, so there is no figure.")
    return measures, notes


def _by_clinic(scope: Scope, cases: pd.DataFrame, letter: dict[str, str]) -> pd.DataFrame:
    """Events and sizes by clinic, in alphabetical order, those without one last."""
    sums = cases.groupby(CLINIC)["event"].agg(["sum", "size"])
    sums = sums.loc[[name for name in (*letter, NOT_STATED) if name in sums.index]]
    x, n = sums["sum"].to_numpy(), sums["size"].to_numpy()
    low, high = wilson(x, n, level=scope.level)
    return pd.DataFrame(
        {
            CLINIC: sums.index.to_numpy(), "letter": [letter.get(name, DASH) for name in sums.index],
            "n_events": x, "n": n, "estimate": x / n, "conf_low": low, "conf_high": high,
        }
    )  # fmt: skip


def _measure(scope: Scope, name: str, given: Released, target: float, n: int, cases) -> _Measure:
    """A released table with its limits, which are those of the numbers released and of no others."""
    frame = given.frame
    shown = frame[(frame["suppressed"] == "") & (frame["letter"] != DASH) & (frame["n"] > 0).fillna(False)]
    # Rounded counts may have more events than patients.
    shown = shown.assign(n_events=np.minimum(shown["n_events"].astype(float), shown["n"].astype(float)))
    result = None
    if len(shown) >= 2 and 0.0 < target < 1.0:
        result = funnel(
            shown, group=CLINIC, events="n_events", size="n", target=target,
            title=f"{NAMES[name]} by clinic",
        )  # fmt: skip
        limits = result.table.set_index(CLINIC)[[*LIMITS, "position"]]
        frame = frame.join(limits, on=CLINIC)
        frame["position"] = frame["position"].fillna("")
    if name == "response" and not getattr(scope.gate, "rounds", False):
        adjusted = _adjusted(cases["response"])
        if adjusted is not None:
            frame = frame.join(adjusted, on=CLINIC)
            hidden = (frame["suppressed"] != "").to_numpy()
            frame.loc[hidden, ADJUSTED[:-1]] = np.nan
            frame["adjusted_position"] = frame["adjusted_position"].mask(hidden, "").fillna("")
    order = [column for column in frame.columns if column != "suppressed"]
    return _Measure(
        name, Released(given.name, frame[[*order, "suppressed"]], given.hidden), target, int(n), result
    )


def _adjusted(cases: pd.DataFrame) -> pd.DataFrame | None:
    """Observed over expected response by clinic given the baseline score, to two decimals."""
    try:
        result = funnel(
            cases[cases[CLINIC] != NOT_STATED], group=CLINIC, events="event", adjust="~ baseline",
            overdispersion="none",
        )  # fmt: skip
    except (ConvergenceError, DataError, FormulaError):
        return None
    table = result.table.set_index(CLINIC)
    return pd.DataFrame(
        {
            "adjusted_ratio": table["estimate"].round(2),
            "adjusted_limit_low_95": table["limit_low_95"].round(2),
            "adjusted_limit_high_95": table["limit_high_95"].round(2),
            "adjusted_position": table["position"],
        }
    )


def _figure(scope: Scope, one: _Measure, letter: str) -> Figure:
    result = one.result
    named = dict(zip(one.given.frame[CLINIC], one.given.frame["letter"], strict=True))
    table = result.drawable()
    table = table.assign(letter=[named[name] for name in table[CLINIC]])
    title = f"{NAMES[one.name]}: {_finding(table, one)}"
    told = [f"Funnel plot around {percent(one.target)}."]
    told += [
        f"Clinic {row['letter']}: {percent(row['estimate'])} of {count(row['n'])}, {row['position']}."
        for row in table.to_dict("records")
    ]
    svg = drawn(
        draw_funnel, table, prefix=f"figure-11{letter}", title=title, description=" ".join(told),
        curves=result.drawable_curves(), target=one.target, unit_line=UNIT_LINES[one.name],
        size_line=SIZE_LINES[one.name],
    )  # fmt: skip
    whom = {"response": "scored", "follow_up": "with a valid baseline whose window has closed"}[one.name]
    notes = ["Dashed: 95% limits, solid: 99.8%. Only a dot outside the latter, ringed, is a signal."]
    frame = one.given.frame
    left = frame[(frame["suppressed"] != "") & (frame["letter"] != DASH)]["letter"].tolist()
    if left:
        notes.append(f"Not drawn, since counts are {scope.gate.few.words} or would show one: {joined(left)}.")
    population = f"{plural(one.n, 'patient')} {whom}{scope.during}"
    return Figure(f"Fig. 11{letter}", title, population, svg, (" ".join(notes),))


def _finding(table: pd.DataFrame, one: _Measure) -> str:
    """What the figure shows, in a few words, without an order."""
    n_all = int((one.given.frame["letter"] != DASH).sum())
    who = f"all {count(n_all)} clinics" if len(table) == n_all else f"the {count(len(table))} clinics shown"
    far = table[table["position"] == "outside 99.8%"]
    if len(far):
        words = []
        for row in far.to_dict("records"):
            side = "below" if row["estimate"] < one.target else "above"
            words.append(f"{row['letter']} ({side})")
        noun, lie = ("clinic", "lies") if len(far) == 1 else ("clinics", "lie")
        return f"{noun} {joined(words)} {lie} outside the 99.8% limits"
    if (table["position"] == "inside").all():
        return f"{who} lie inside the 95% limits"
    return f"{who} lie inside the 99.8% limits"


def _table(scope: Scope, measures: list[_Measure]) -> Table:
    """Clinics in alphabetical order with their letters."""
    frames = {one.name: one.given.frame.set_index(CLINIC) for one in measures}
    has_adjusted = "adjusted_ratio" in frames["response"]
    columns = [Column("Clinic", True), Column("Responded"), Column("n/N"), Column(ci(scope.level))]
    columns += [Column("Limits", True)]
    columns += [Column("Adjusted ratio"), Column("95% limits")] if has_adjusted else []
    if "follow_up" in frames:
        columns += [Column("Followed"), Column("n/N"), Column(ci(scope.level)), Column("Limits", True)]
    names = list(dict.fromkeys(name for frame in frames.values() for name in frame.index))
    names = sorted(names, key=lambda name: (name == NOT_STATED, name))
    rows = []
    for name in names:
        response = frames["response"].loc[name] if name in frames["response"].index else None
        cells = [_row_name(frames, name), *_cells(response)]
        if has_adjusted:
            cells += _adjusted_cells(response)
        if "follow_up" in frames:
            cells += _cells(frames["follow_up"].loc[name] if name in frames["follow_up"].index else None)
        rows.append(tuple(cells))
    notes = ["Clinics are in alphabetical order and are not ranked. They differ in more than what is shown."]
    if has_adjusted:
        notes.append(
            "Adjusted: 1 is what patients with the same baseline scores had over all clinics; each ratio is "
            "read beside its own limits, not beside another clinic's."
        )
    return Table("Response and follow-up by clinic", tuple(columns), tuple(rows), tuple(notes), is_wide=True)


def _row_name(frames: dict[str, pd.DataFrame], name: str) -> str:
    found = [frame.at[name, "letter"] for frame in frames.values() if name in frame.index]
    return "Clinic not recorded" if name == NOT_STATED else f"{found[0]}: {name}"


def _cells(row) -> list[str]:
    """Share, n/N, interval and position of one clinic; dashes where it has no patient there."""
    if row is None:
        return [DASH, "none", DASH, DASH]
    return [*rate_words(row), str(row.get("position", "")) or DASH]


def _adjusted_cells(row) -> list[str]:
    if row is None or missing(row["adjusted_ratio"]):
        return [DASH, DASH]
    limits = number_range(row["adjusted_limit_low_95"], row["adjusted_limit_high_95"], 2)
    return [number(row["adjusted_ratio"], 2), limits]
