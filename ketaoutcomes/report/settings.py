"""What a monthly report may be told, beside the cohort itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["ReportSettings", "Thresholds"]

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Thresholds:
    """Limits of data quality; a report beyond one of them is written with a banner, and the run says so.

    Each is a per cent, 0 to 100; None asks for nothing.

    Parameters
    ----------
    rows_set_aside : float, optional
        At most this share of the rows read may be set aside by a rule.
    follow_up_scored : float, optional
        At least this share of those with a valid baseline must be scored after induction, in the 12
        months of the report.
    side_effects_recorded : float, optional
        At least this share of the period's sessions must have a record of side effects.
    vitals_recorded : float, optional
        At least this share of the period's sessions must have a reading of vital signs.
    """

    rows_set_aside: float | None = None
    follow_up_scored: float | None = None
    side_effects_recorded: float | None = None
    vitals_recorded: float | None = None


@dataclass(frozen=True)
class ReportSettings:
    """What a monthly report is told; every field has a default that serves a first report.

    Parameters
    ----------
    baseline : (str, str), optional
        First and last month, "YYYY-MM", on which the limits of control charts are frozen. By default
        the limits are computed from the 12 months before the month in the row and say so.
    changes : mapping of str to str
        Month to a few words: what the clinic changed then; written on the control charts.
    by : tuple of str
        Columns by which outcomes are set out in groups, beside sex, age, indication, route and baseline.
        Clinics have a section of their own.
    thresholds : Thresholds
    """

    baseline: tuple[str, str] | None = None
    changes: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    by: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
