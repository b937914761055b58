"""`ketaoutcomes report`: the monthly report of a cohort's folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ketaoutcomes.cli.say import need_folder, print_json, progress

__all__ = ["run_report"]


def run_report(options: argparse.Namespace) -> int:
    say = progress(options)
    need_folder(options.folder)
    say("loading the library")
    from ketaoutcomes.cohort.read import load_cohort
    from ketaoutcomes.report.monthly import monthly_report

    say("reading the tables")
    cohort = load_cohort(options.folder)
    report = monthly_report(
        cohort,
        month=options.month,
        instrument=options.instrument,
        small_cells=options.small_cells,
        progress=say,
    )
    out = Path(options.out) if options.out else _default_out(options.folder, report.month)
    say("writing")
    report.save(out)
    say(None)
    page = out / "report.html"
    if options.json:
        content = {
            "report": str(page),
            "month": report.month,
            "tables": len(report.tables),
            "n_patients": int(cohort.n_patients),
            "n_rows_set_aside": int(cohort.counts["n_quarantined"].sum()),
            "fingerprint": report.manifest["cohort"]["fingerprint"],
            "small_cells": report.manifest["settings"]["small_cells"],
        }
        print_json(content)
    elif not options.quiet:
        print(
            f"{report.title}: {cohort.n_patients} patients, {len(report.sections)} sections, "
            f"{len(report.tables)} tables."
        )
        read, aside = (int(cohort.counts[column].sum()) for column in ("n_read", "n_quarantined"))
        if aside:
            print(f"{aside:,} of {read:,} rows set aside by a rule; see section 8.")
        print(f"Open {page}")
    return 0


def _default_out(folder: str, month: str | None) -> Path:
    name = Path(os.path.abspath(folder)).name
    return Path("reports") / (f"{name}-{month}" if month else name)
