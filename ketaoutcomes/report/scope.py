"""What one report is about: the cohort, the period, the instruments, the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.draw.labels import count, missing
from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.calendar import Calendar, calendar_of
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.settings import ReportSettings
from ketaoutcomes.report.small_rounded import nearest
from ketaoutcomes.report.words import plural

__all__ = ["PERIOD", "WINDOW", "Scope", "make_scope", "with_column", "without_period"]

WINDOW = "end_of_induction"
PERIOD = "report_period"
# Symptom instruments that ask about now or the past day; with no others can a change be seen within hours.
MOMENTARY = ("Mood-NRS", "MADRS-24h", "NRS-pain", "VAS-pain")
NEARLY_ALL = 0.9
INSIDE = "inside"


@dataclass(frozen=True)
class Scope:
    """What a report is about.

    Attributes
    ----------
    cohort : Cohort
        All patients; with months, `sessions` has a column `report_period`, "inside" for sessions of
        the twelve months and missing for others.
    recent : Cohort
        The patients whose first session lies in the twelve months; all of them without months, and
        where nobody started in them.
    calendar : Calendar or None
        None when no months are kept.
    instrument : Instrument or None
        The main one; None when there are no scores.
    momentary : Instrument or None
        One with a recall of hours, on which onset in hours can be seen.
    gate : Gate
    level : float
    settings : ReportSettings
        What the report was told: the charts' baseline, changes, groups, thresholds.
    has_recent : bool
        Whether `recent` is narrowed to the twelve months.
    """

    cohort: Cohort
    recent: Cohort
    calendar: Calendar | None
    instrument: Instrument | None
    momentary: Instrument | None
    gate: Gate
    level: float
    settings: ReportSettings
    has_recent: bool

    @property
    def period(self) -> str:
        """The period of the sections, in words."""
        if not self.has_recent:
            return "all patients"
        return f"12 months to {self.calendar.month_words}"

    @property
    def during(self) -> str:
        """The period to follow a population's name; "" where it is all patients."""
        return f", {self.period}" if self.has_recent else ""

    @property
    def n_starters(self) -> int:
        """How many patients the sections describe: those of `recent` with a session."""
        return int(self.recent.sessions["patient_id"].nunique())

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of patients that every report prints; other sizes must not differ from them by a few."""
        whole = self.gate.printable("patients", self.cohort.n_patients)
        started = self.gate.printable("starters", self.n_starters)
        if started is not None and not self.gate.may_stand_beside(self.n_starters, self.cohort.n_patients):
            started = None
        return tuple(size for size in (whole, started) if size is not None)

    def starters_counted(self, noun: str = "starter") -> str:
        """``"181 starters"``, or ``"starters"`` where the gate does not let their number stand."""
        shown = self.gate.printable("starters", self.n_starters)
        if shown is None or not self.gate.may_stand_beside(self.n_starters, self.cohort.n_patients):
            return f"{noun}s"
        return plural(shown, noun)

    def of_starters(self, n) -> str:
        """``"172 of 181 starters"``, as far as the gate lets the numbers stand; `n` may be missing."""
        if missing(n) or not self.gate.may_stand_beside(n, self.n_starters):
            return "starters"
        some = nearest(int(n)) if self.gate.rounds else n
        all_of_them = self.starters_counted()
        if all_of_them != "starters":
            return f"{count(some)} of {all_of_them}"
        # All of them by another name would tell what is withheld.
        is_told = n == self.n_starters or self.gate.printable("starters", int(n)) is None
        return "starters" if is_told else plural(some, "starter")

    @property
    def is_uncatalogued(self) -> bool:
        """Whether there are scores, and all of them of instruments that the catalogue does not know."""
        names = self.cohort.instruments
        return bool(names) and not any(name in INSTRUMENTS for name in names)

    @property
    def why_no_instrument(self) -> str:
        """Why outcomes have no instrument, to follow "not recorded:"."""
        if self.is_uncatalogued:
            return "no scores of an instrument that is in the catalogue"
        return "no symptom instrument has scores"

    @property
    def starters(self) -> str:
        """Whom the sections describe, in words."""
        if not self.has_recent:
            return "all patients with a session"
        return f"patients whose first session was in the {self.period}"


def make_scope(
    cohort: Cohort,
    *,
    month: str | None,
    instrument: str | None,
    gate: Gate,
    level: float,
    settings: ReportSettings,
) -> Scope:
    """The scope of a report on `cohort`.

    Raises
    ------
    DataError
        If `instrument` is not known or has no score.
    ConfigError
        If `month` is not a month of the data.
    """
    calendar = calendar_of(cohort, month, window=WINDOW)
    _check_baseline(settings, calendar)
    whole, recent = cohort, None
    if calendar is not None:
        whole = with_column(cohort, "sessions", PERIOD, _sessions_inside(cohort, calendar))
        recent = _started_inside(cohort, calendar)
    sizes = _patients_scored(cohort)
    name = _main(sizes) if instrument is None else _asked_for(cohort, instrument, sizes)
    momentary = next((known for known in MOMENTARY if sizes.get(known)), None)
    return Scope(
        cohort=whole,
        recent=cohort if recent is None else recent,
        calendar=calendar,
        instrument=None if name is None else INSTRUMENTS[name],
        momentary=None if momentary is None else INSTRUMENTS[momentary],
        gate=gate,
        level=level,
        settings=settings,
        has_recent=recent is not None,
    )


def _check_baseline(settings: ReportSettings, calendar: Calendar | None) -> None:
    """Refuse a baseline of the charts that is not made of months of the data."""
    if settings.baseline is None:
        return
    if calendar is None:
        raise ConfigError("this cohort keeps no months, so control charts have no baseline; leave it out")
    first, last = settings.baseline
    if not calendar.known[0] <= first <= last <= calendar.known[-1]:
        raise ConfigError(
            f"the baseline of the control charts, {first} to {last}, must lie within the months of the data, "
            f"{calendar.known[0]} to {calendar.known[-1]}"
        )


def with_column(cohort: Cohort, table: str, column: str, values) -> Cohort:
    """`cohort` with one more column in one table, for an analysis to be split by; it has the same "
    "fingerprint."""
    return replace(cohort, tables={**cohort.tables, table: cohort.tables[table].assign(**{column: values})})


def without_period(cohort: Cohort) -> Cohort:
    """`cohort` without the column that marks the period, for counting what the clinic recorded."""
    sessions = cohort.sessions.drop(columns=PERIOD, errors="ignore")
    return replace(cohort, tables={**cohort.tables, "sessions": sessions})


def _sessions_inside(cohort: Cohort, calendar: Calendar) -> pd.Series:
    inside = cohort.sessions["month"].isin(calendar.year)
    return pd.Series(np.where(inside, INSIDE, None), index=inside.index, dtype="str")


def _started_inside(cohort: Cohort, calendar: Calendar) -> Cohort | None:
    """The patients whose first session lies in the twelve months, if there are any."""
    sessions = cohort.sessions
    codes = patient_codes(sessions)
    first = first_of_segment(codes)
    inside = np.zeros(len(cohort.patients), dtype=bool)
    inside[codes[first]] = sessions["month"].isin(calendar.year).to_numpy()[first]
    if not inside.any():
        return None
    marked = with_column(cohort, "patients", PERIOD, np.where(inside, INSIDE, "outside"))
    chosen = marked.select(**{PERIOD: INSIDE})
    return replace(chosen, tables={**chosen.tables, "patients": chosen.patients.drop(columns=PERIOD)})


def _main(sizes: Mapping[str, int]) -> str | None:
    """The instrument that outcomes are reported on, from the patients that each has scores of.

    Nearly all patients often have several; then the catalogue's order decides, depression first,
    rather than one patient more or less.
    """
    usable = {name: n for name, n in sizes.items() if _counts_days(INSTRUMENTS[name])}
    most = max(usable.values(), default=0)
    return next((name for name in INSTRUMENTS if usable.get(name, 0) >= max(1.0, NEARLY_ALL * most)), None)


def _asked_for(cohort: Cohort, instrument: str, sizes: Mapping[str, int]) -> str:
    """The catalogue's name of the instrument that was asked for; it must have scores."""
    try:
        name = find_instrument(instrument).name
    except DataError as error:
        # The instruments of this cohort say more than the catalogue's whole list, with which it ends.
        said = str(error).partition(" Known: ")[0].rstrip(";")
        which = _which_have_scores(cohort, sizes)
        if said.endswith("?"):
            raise DataError(f"{said} {which[:1].upper()}{which[1:]}") from None
        raise DataError(f"{said}; {which}") from None
    if not sizes.get(name):
        raise DataError(f"this cohort has no scores of {name}; {_which_have_scores(cohort, sizes)}")
    return name


def _which_have_scores(cohort: Cohort, sizes: Mapping[str, int]) -> str:
    """How many instruments have scores and which of them the catalogue knows; no other is named."""
    n, known = len(cohort.instruments), [name for name in INSTRUMENTS if sizes.get(name)]
    if not n:
        return "no instrument has scores in this cohort"
    of = f"{plural(n, 'instrument')} with scores in this cohort"
    if not known:
        return f"of the {of} none is in the catalogue"
    are = "is" if len(known) == 1 else "are"
    if len(known) == n:
        return f"the {of} {are} in the catalogue: {', '.join(known)}"
    return f"of the {of} {len(known)} {are} in the catalogue: {', '.join(known)}"


def _counts_days(instrument: Instrument) -> bool:
    return instrument.higher_is == "worse" and instrument.recall_days > 1.0


def _patients_scored(cohort: Cohort) -> dict[str, int]:
    """Patients with a score, by instrument; those that the catalogue does not know are left out."""
    if not len(cohort.scores):
        return {}
    sizes = cohort.scores.groupby("instrument", observed=True)["patient_id"].nunique()
    return {str(name): int(size) for name, size in sizes.items() if str(name) in INSTRUMENTS}
