"""What a cohort report is about: all patients, one window, and the sizes printed so far."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from ketaoutcomes.catalog.definitions import Window
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.windows import find_window
from ketaoutcomes.report.gate_paper import PaperGate
from ketaoutcomes.report.scope import Scope, make_scope
from ketaoutcomes.report.sections.part import Part
from ketaoutcomes.report.settings import ReportSettings

__all__ = ["BASELINE", "PaperPart", "PaperScope", "paper_scope"]

BASELINE = "last_14_days"


@dataclass(frozen=True)
class PaperScope(Scope):
    """A scope without months: every section is about all patients of the cohort.

    Attributes
    ----------
    window : Window
        Where the outcome is read.
    by : str or None
        Column by which outcomes are also set out.
    printed : tuple of float
        Numbers of patients that earlier tables print; later ones must not differ from them by a few.
    """

    window: Window
    by: str | None = None
    printed: tuple[float, ...] = ()

    @property
    def sizes(self) -> tuple[float, ...]:
        """Numbers of patients that the report prints, those of earlier tables included."""
        return (*super().sizes, *self.printed)


@dataclass(frozen=True)
class PaperPart(Part):
    """A section, with the sizes of groups of patients that it prints."""

    sizes: tuple[float, ...] = field(default_factory=tuple)


def paper_scope(
    cohort: Cohort,
    *,
    instrument: str | None,
    at: str | float,
    by: str | None,
    gate: PaperGate,
    level: float,
    settings: ReportSettings,
) -> PaperScope:
    """The scope of a cohort report.

    Raises
    ------
    DataError
        If the instrument or the window is not known.
    """
    made = make_scope(cohort, month=None, instrument=instrument, gate=gate, level=level, settings=settings)
    values = {one.name: getattr(made, one.name) for one in fields(made)}
    values |= {"cohort": cohort, "recent": cohort, "calendar": None, "has_recent": False}
    return PaperScope(**values, window=find_window(at), by=by)
