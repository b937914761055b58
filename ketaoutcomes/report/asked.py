"""What a report is asked for, looked at before anything is computed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.clock import CLOCK_COLUMNS
from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.releases import Release
from ketaoutcomes.report.settings import ReportSettings

__all__ = ["check_asked"]


def check_asked(
    cohort: Cohort, *, level: float, settings: object, by: Sequence[str] = (), month=None, previous=None
) -> None:
    """Refuse what no report can be made of, in words instead of somewhere inside.

    Raises
    ------
    DataError
        If `cohort` is no cohort.
    ConfigError
        If another argument is not what it should be, or a column of `by` makes no groups.
    """
    if not isinstance(cohort, Cohort):
        raise DataError("a report is made of a cohort, which load_cohort and the readers give")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ConfigError("level must lie between 0 and 1, e.g. 0.95")
    if settings is not None and not isinstance(settings, ReportSettings):
        raise ConfigError("settings must be ReportSettings, e.g. of read_report_settings")
    if month is not None and not isinstance(month, str):
        raise ConfigError("the month must be written YYYY-MM, e.g. 2026-09")
    if previous is not None and not isinstance(previous, Release | str | os.PathLike):
        raise ConfigError("previous must be the folder of the last report, or what read_release gives")
    _check_groups(cohort, (*(settings.by if settings is not None else ()), *by))


def _check_groups(cohort: Cohort, names: Sequence[str]) -> None:
    """Refuse columns that are not there, which a report would pass over, and the patients themselves."""
    never = CLOCK_COLUMNS | {"patient_id"}
    known = sorted({*cohort.patients.columns, *cohort.sessions.columns} - never)
    wrong = [str(name) for name in names if name not in known]
    if not wrong:
        return
    near = difflib.get_close_matches(wrong[0], known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; choose of: {', '.join(known)}"
    said = ", ".join(f"'{name}'" for name in wrong)
    raise ConfigError(f"by: no column of patients or sessions that makes groups: {said}{hint}")
