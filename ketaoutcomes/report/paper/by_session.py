"""R7: who is responding after session 1, 2, ..., of those scored and of all who can be judged."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.derive.after_session import response_after_sessions
from ketaoutcomes.draw.session_rates import session_rates
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.paper.cells import size
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.paper.treatment import exposure_by_session
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.sections.part import drawn, gathered, too_small
from ketaoutcomes.report.wording import defined, outcome_words
from ketaoutcomes.report.words import ci, rate_words

__all__ = ["by_session"]

PLACE = "R7"
MOST, WITHIN_DAYS = 8, 7
SCORED, EVERYBODY = "scored after it", "all with a valid baseline"


def by_session(scope: PaperScope, number: int) -> PaperPart:
    """Response after each session number, over two denominators."""
    table = _rates(scope)
    if table is None:
        why = (
            scope.why_no_instrument if scope.instrument is None else "no score after a session can be judged"
        )
        return PaperPart(_section(scope, number, notes=(f"Not recorded: {why}.",)), {})
    # Who reached a session stands in R3 too, with the dose; two such numbers must not lie close together.
    reached = exposure_by_session(scope).frame["n"].dropna().astype(float)
    rows = {name: table[table["denominator"] == name].reset_index(drop=True) for name in (SCORED, EVERYBODY)}
    # Who is scored after one session is no part of those scored after another.
    scored = scope.gate.apart(
        "response_by_session", rows[SCORED], place=PLACE, sizes=("n_reached",),
        beside=(*scope.sizes, *reached),
    )  # fmt: skip
    shown = scored.frame.set_index("session")["n_reached"]
    everybody = scope.gate.apart(
        "response_by_session_of_all",
        rows[EVERYBODY].assign(n_reached=rows[EVERYBODY]["session"].map(shown).astype("Int64")),
        place=PLACE,
        sizes=("n", "n_reached"),
        beside=scope.sizes,
    )
    given = [scored, everybody]
    frame = pd.concat([item.frame for item in given], ignore_index=True)
    figures, notes = (), ()
    if (frame["suppressed"] == "").any():
        figures = (_figure(scope, frame),)
    else:
        notes = (f"Response by session number cannot be shown{too_small(scope)}.",)
    printed, hidden = gathered(given)
    section = _section(scope, number, figures=figures, tables=(_table(scope, frame),), notes=notes)
    return PaperPart(section, printed, hidden)


def _rates(scope: PaperScope) -> pd.DataFrame | None:
    """Rows by session number and denominator."""
    if scope.instrument is None or defined(scope.instrument, "response") is None:
        return None
    try:
        found = response_after_sessions(
            scope.cohort, scope.instrument.name, most=MOST, within_days=WITHIN_DAYS, baseline=BASELINE
        )
    except DataError:
        return None
    found = found[found["n_reached"] > 0]
    common = found[["session", "n_events", "n_reached"]]
    frames = [
        common.assign(denominator=SCORED, n=found["n"]),
        common.assign(denominator=EVERYBODY, n=found["n_eligible"]),
    ]
    table = pd.concat(frames, ignore_index=True)
    table = table[table["n"] > 0].reset_index(drop=True)
    low, high = wilson(table["n_events"].to_numpy(), table["n"].to_numpy(), level=scope.level)
    return table.assign(estimate=table["n_events"] / table["n"], conf_low=low, conf_high=high)


def _section(scope: PaperScope, number: int, *, figures=(), tables=(), notes=()) -> Section:
    terms = [
        ("Counted at:", f"the first score after the session and before the next, within {WITHIN_DAYS} days."),
        ("", "It is the state at that time: who responded after session 2 and not after session 6 does not "
         "count at 6."),
    ]  # fmt: skip
    definition = None if scope.instrument is None else defined(scope.instrument, "response")
    if definition is not None:
        terms.insert(0, ("Response:", f"{outcome_words(definition, scope.instrument)}."))
    return Section(
        number=number,
        question="R7 Response by session number",
        reading=(
            "Immortal time: only who came to session 6 can be scored after it, so the share of those scored "
            "rises also where nobody’s state changes, since others left. The share of all does not; it takes "
            "whoever was not scored as not responding.",
        ),
        terms=tuple(terms),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _figure(scope: PaperScope, frame: pd.DataFrame) -> Figure:
    shown = frame.assign(
        session_group=frame["session"].astype(str), panel="Responding after the session"
    ).drop(columns=["n_reached"])
    title = f"{scope.instrument.name}: response after each session, over two denominators"
    told = []
    for row in frame.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        told.append(
            f"Session {row['session']}, of {row['denominator']}: {estimate} ({of_total}, {ci(scope.level)} "
            f"{interval})."
        )
    svg = drawn(
        session_rates, shown, prefix="figure-r7", title=title, description=" ".join(told), panel="panel",
        series="denominator", level=scope.level,
    )  # fmt: skip
    note = "Later sessions are those of patients who went on. Wilson intervals."
    return Figure("Fig. R7", title, "Patients with a valid baseline", svg, (note,))


def _table(scope: PaperScope, frame: pd.DataFrame) -> Table:
    rows = []
    for session, own in frame.groupby("session", sort=True):
        cells = {row["denominator"]: row for row in own.to_dict("records")}
        printed = [str(session), size(next(iter(cells.values()))["n_reached"])]
        for denominator in (SCORED, EVERYBODY):
            row = cells.get(denominator)
            printed += ["–"] * 3 if row is None else list(rate_words(row))
        rows.append(tuple(printed))
    columns = [Column("Session", True), Column("Had it, n")]
    for words in ("Of those scored", "Of all"):
        columns += [Column(words), Column("n/N"), Column(ci(scope.level))]
    note = (
        "Of all: patients with a valid baseline, whether they came so far or not; not scored counts as not "
        "responding, a lower bound. Missing: had it less scored."
    )
    caption = f"Table R7. Response after each session, {scope.instrument.name}"
    return Table(caption, tuple(columns), tuple(rows), (note,), is_wide=True)
