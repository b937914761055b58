"""How a report was made: what goes into its manifest and its foot. No clock, path or user name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.methods import definitions_used
from ketaoutcomes.report.versions import versions
from ketaoutcomes.results.base import Result

__all__ = ["record_of"]


def record_of(scope: Scope, results: Sequence[Result]) -> dict[str, Any]:
    """Versions, the cohort's fingerprint and settings, the report's settings, definitions, analyses."""
    calendar = scope.calendar
    settings = {
        "month": calendar and calendar.month,
        "outcome_month": calendar and calendar.outcome_month,
        "instrument": scope.instrument and scope.instrument.name,
        "momentary_instrument": scope.momentary and scope.momentary.name,
        "small_cells": scope.gate.small_cells,
        "level": scope.level,
        "baseline": _plain(scope.settings.baseline),
        "changes": _plain(dict(scope.settings.changes)),
        "by": _plain(scope.settings.by),
        "thresholds": _plain(asdict(scope.settings.thresholds)),
    }
    release = scope.gate.previous
    cohort = {
        "name": scope.cohort.settings.name or scope.cohort.source,
        "fingerprint": scope.cohort.fingerprint,
        "settings": _plain(asdict(scope.cohort.settings)),
        "selection": len(scope.cohort.selection),
        "n_patients": scope.gate.printable("patients", scope.cohort.n_patients),
    }
    seeds = {
        result.provenance["arguments"]["seed"]
        for result in results
        if "seed" in result.provenance["arguments"]
    }
    return {
        "versions": versions(),
        "cohort": cohort,
        "settings": settings,
        "compared_with": release and {"month": release.month, "fingerprint": release.fingerprint},
        "seed": sorted(seeds),
        "definitions": definitions_used(results).to_dict("records"),
        "analyses": [
            {
                "function": result.provenance["function"],
                "arguments": _plain(dict(result.provenance["arguments"])),
            }
            for result in results
        ],
    }


def _plain(value: Any) -> Any:
    """`value` with nothing but what JSON knows, in a fixed order."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
