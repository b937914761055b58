"""Outcomes of ketamine clinics, each number with its n, interval and definition.

Research use only: nothing here is advice for one patient.

The public names below are found when they are first used, so that importing
the package costs no more than importing pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that defines it. The layer test reads this table as imports.
_WHERE = {
    "DataError": "ketaoutcomes.errors",
    "INSTRUMENTS": "ketaoutcomes.catalog.instruments",
    "benchmarks": "ketaoutcomes.catalog.benchmarks",
    "Cohort": "ketaoutcomes.cohort.cohort",
    "check": "ketaoutcomes.cohort.check",
    "deidentify": "ketaoutcomes.cohort.deidentify",
    "load_cohort": "ketaoutcomes.cohort.read",
    "simulate_cohort": "ketaoutcomes.cohort.simulate",
    "read_fhir": "ketaoutcomes.readers.fhir",
    "read_redcap": "ketaoutcomes.readers.redcap",
    "read_sdtm": "ketaoutcomes.readers.sdtm",
    "read_spreadsheet": "ketaoutcomes.readers.spreadsheet",
    "change_from_baseline": "ketaoutcomes.derive.change",
    "episodes": "ketaoutcomes.derive.episodes",
    "response_events": "ketaoutcomes.derive.events",
    "scores": "ketaoutcomes.derive.scores",
    "session_table": "ketaoutcomes.derive.sessions",
    "control_chart": "ketaoutcomes.analysis.control_chart",
    "funnel": "ketaoutcomes.analysis.funnel",
    "reliable_change": "ketaoutcomes.analysis.reliable_change",
    "sequential_chart": "ketaoutcomes.analysis.sequential_chart",
    "data_quality": "ketaoutcomes.analysis.quality",
    "response_rates": "ketaoutcomes.analysis.response",
    "side_effect_rates": "ketaoutcomes.analysis.side_effect_rates",
    "side_effect_factors": "ketaoutcomes.analysis.side_effect_factors",
    "side_effect_timing": "ketaoutcomes.analysis.side_effect_timing",
    "vital_signs": "ketaoutcomes.analysis.vital_signs",
    "dissociation": "ketaoutcomes.analysis.dissociation",
    "time_to_response": "ketaoutcomes.analysis.timing",
    "time_to_remission": "ketaoutcomes.analysis.timing",
    "durability": "ketaoutcomes.analysis.durability",
    "wearing_off": "ketaoutcomes.analysis.wearing_off",
    "maintenance_intervals": "ketaoutcomes.analysis.maintenance",
    "published_comparison": "ketaoutcomes.analysis.published",
    "interval_survival": "ketaoutcomes.analysis.any_frame",
    "interval_logrank": "ketaoutcomes.analysis.any_frame",
    "cumulative_incidence": "ketaoutcomes.analysis.incidence",
    "lmm": "ketaoutcomes.analysis.mixed",
    "marginal_means": "ketaoutcomes.analysis.margins",
    "contrasts": "ketaoutcomes.analysis.margins",
    "compare": "ketaoutcomes.analysis.compare",
    "trajectory": "ketaoutcomes.analysis.trajectory",
    "cohort_report": "ketaoutcomes.report.cohort",
    "monthly_report": "ketaoutcomes.report.monthly",
}

# What stood here once, and is rarely needed: where it is.
_MOVED = {
    "slopes": "ketaoutcomes.analysis.margins",
    "side_effect_course": "ketaoutcomes.analysis.side_effect_course",
    "safety_events": "ketaoutcomes.analysis.safety_events",
    "exposure": "ketaoutcomes.analysis.exposure",
    "recurrence": "ketaoutcomes.analysis.recurrence",
    "KetaError": "ketaoutcomes.errors",
    "assessment_pattern": "ketaoutcomes.analysis.assessment_pattern",
    "interval_aft": "ketaoutcomes.analysis.aft",
}

__all__ = [*sorted(_WHERE), "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        raise AttributeError(f"{name} is found by `from {_MOVED[name]} import {name}`")
    if name not in _WHERE:
        raise AttributeError(f"module 'ketaoutcomes' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
