"""`ketaoutcomes report`: the report of a cohort's folder, by hand or by a scheduled run."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from ketaoutcomes.cli.say import need_folder, note, print_json, progress, records
from ketaoutcomes.errors import ConfigError

__all__ = ["run_report"]

EXIT_THRESHOLD = 3


def run_report(options: argparse.Namespace) -> int:
    """Write the report, say where it is and what is not as asked for."""
    say = progress(options)
    say("loading the library")
    config = _settled(options)
    if config.data is None:
        options.usage_error('name the FOLDER of the cohort, or a --config FILE that holds data = "…"')
    need_folder(str(config.data))
    out = _place(options, config)
    _refuse_place(out, config.data)
    from ketaoutcomes.cohort.folder_write import only_run

    with only_run(_shared_name(out), "report"):
        return _report(options, config, out, say)


def _report(options: argparse.Namespace, config, out: Path, say: Callable[[str | None], None]) -> int:
    """Make and write the report, while no other run does."""
    from ketaoutcomes.cohort.folder_write import content_digest
    from ketaoutcomes.cohort.read import load_cohort
    from ketaoutcomes.report.asked import check_asked
    from ketaoutcomes.report.thresholds import check_thresholds

    say("reading the tables")
    cohort = load_cohort(config.data)
    month = _month(cohort, config)
    out = _filled(out, month)
    _refuse_place(out, config.data)
    check_asked(cohort, level=config.level, settings=config.settings)
    report = _made(cohort, config, month, out, say)
    _refuse_different(report, out, config)
    say("writing")
    before = content_digest(out)
    try:
        report.save(out, **({} if config.formats is None else {"formats": config.formats}))
    except OSError as error:
        # A full disk names no file by itself.
        error.filename = error.filename or str(out)
        raise
    is_new = content_digest(out) != before
    say(None)
    breaches = check_thresholds(report.tables, config.settings.thresholds)
    code = EXIT_THRESHOLD if breaches else 0
    for breach in breaches:
        note(f"data-quality threshold: {breach.words}")
    if options.json:
        print_json(_content(report, out, is_new, breaches, code))
    elif not options.quiet:
        print("\n".join(_told(report, out, is_new)))
    return code


def _settled(options: argparse.Namespace):
    """What the file says, under what the command line says."""
    from ketaoutcomes.report.config import AUTO, LAST, ReportConfig, check_formats, read_config

    # By hand a report is made anew as often as one likes; in a scheduled run nobody looks.
    config = ReportConfig(replace=True) if options.config is None else read_config(options.config)
    known = {one.name for one in fields(ReportConfig)} - {"settings"}
    given = {name: value for name, value in vars(options).items() if name in known and value is not None}
    for name in ("data", "out", "previous"):
        if name in given and given[name] != "auto":
            given[name] = Path(given[name])
    if given.get("month") == LAST:
        given["month"] = None
    if "formats" in given:
        given["formats"] = check_formats(given["formats"])
    config = replace(config, **given)
    if config.releases is not None and config.previous != AUTO:
        raise ConfigError('releases: where previous = "auto" looks; set that too, or leave it out')
    return config


def _place(options: argparse.Namespace, config) -> Path:
    """Where the report goes; the month is filled in once it is known."""
    from ketaoutcomes.report.config import PLACE

    if config.out is not None:
        return config.out
    base = Path() if options.config is None else Path(options.config).parent
    name = Path(os.path.abspath(config.data)).name
    return base / "reports" / f"{name}-{PLACE if config.kind == 'monthly' else config.kind}"


def _shared_name(out: Path) -> Path:
    """A name that runs share which may write the same report, before its month is known."""
    from ketaoutcomes.report.config import PLACE

    whole = [out, *out.parents]
    return next((path for path in reversed(whole) if PLACE in path.name), out)


def _filled(out: Path, month: str | None) -> Path:
    """`out` with the month; where no months are kept its place is taken out of the name."""
    from ketaoutcomes.report.config import PLACE

    text = str(out)
    if month is None:
        for sign in "-_ .":
            text = text.replace(f"{sign}{PLACE}", "")
    return Path(text.replace(PLACE, month or "all"))


def _refuse_place(out: Path, data: Path) -> None:
    """Refuse a place for the report through which something else could be written."""
    if out.is_symlink():
        raise FileExistsError(errno.EEXIST, "is a link; name the folder itself", out.name)
    real, source = Path(os.path.realpath(out)), Path(os.path.realpath(data))
    if source == real or source in real.parents:
        message = "lies in the folder of the data, into which nothing is written; name another for the report"
        raise PermissionError(errno.EPERM, message, out.name)


def _month(cohort, config) -> str | None:
    """The month of the report; None where none is kept, or where all months are reported."""
    if config.kind != "monthly":
        return None
    from ketaoutcomes.report.calendar import calendar_of
    from ketaoutcomes.report.scope import WINDOW

    calendar = calendar_of(cohort, config.month, window=WINDOW)
    return None if calendar is None else calendar.month


def _made(cohort, config, month: str | None, out: Path, say: Callable):
    """The report of a month, or of all months."""
    common = {
        "instrument": config.instrument,
        "small_cells": config.small_cells,
        "level": config.level,
        "settings": config.settings,
        "progress": say,
    }
    if config.kind == "cohort":
        from ketaoutcomes.report.cohort import cohort_report

        by = config.settings.by
        if len(by) > 1:
            raise ConfigError('by: a report of kind "cohort" takes one column')
        return cohort_report(cohort, by=by[0] if by else None, **common)
    from ketaoutcomes.report.monthly import monthly_report

    previous = config.previous
    if previous == "auto":
        from ketaoutcomes.report.earlier import last_release

        name = cohort.settings.name or cohort.source
        if config.releases is not None:
            need_folder(str(config.releases))
        previous = last_release(config.releases or out.parent, month=month, name=name, out=out)
    return monthly_report(
        cohort, month=month, **({} if previous is None else {"previous": previous}), **common
    )


def _refuse_different(report, out: Path, config) -> None:
    """In a scheduled run, refuse to replace a report that says something else, unless that is asked for.

    A report that has been read, or given away, should not change in silence because a clinic has
    corrected its data, or because the software is a later version.
    """
    if config.replace:
        return
    from ketaoutcomes.report.earlier import differs, read_manifest

    earlier = read_manifest(out)
    if earlier is not None and differs(report, earlier):
        message = (
            "holds a report of other data, settings or versions; --force, or replace = true in the "
            'file, replaces it, and "{month}" in out gives every month a folder of its own'
        )
        raise FileExistsError(errno.EEXIST, message, out.name)


def _content(report, out: Path, is_new: bool, breaches, code: int) -> dict:
    """The run as one JSON object; it holds no count that the report hides."""
    from ketaoutcomes.report.earlier import read_manifest

    manifest = report.manifest
    signals = report.tables.get("signals")
    _, aside, is_whole = _rows(report)
    return {
        "n_patients": manifest["cohort"]["n_patients"],
        "n_rows_set_aside": aside if is_whole else None,
        "report": str(_page(out)),
        "month": report.month,
        "written": is_new,
        "tables": len(report.tables),
        "files": (read_manifest(out) or {}).get("files"),
        "fingerprint": manifest["cohort"]["fingerprint"],
        "small_cells": manifest["settings"]["small_cells"],
        "signals": [] if signals is None else records(signals),
        "breaches": [
            {"measure": one.measure, "words": one.words, "share": one.share, "n": one.n, "limit": one.limit}
            for one in breaches
        ],
        "exit_code": code,
    }


def _told(report, out: Path, is_new: bool) -> list[str]:
    """What a person reads."""
    from ketaoutcomes.report.numbering import COMPLETENESS

    n = report.manifest["cohort"]["n_patients"]
    # Where the number is small, or differs little from that of the last report, the report has none.
    who = "patients (their number is not shown)" if n is None else f"{n:,} patients"
    lines = [f"{report.title}: {who}, {len(report.sections)} sections, {len(report.tables)} tables."]
    read, aside, is_whole = _rows(report)
    if aside or not is_whole:
        where = "" if is_whole else ", of the tables whose counts are shown"
        lines.append(f"{aside:,} of {read:,} rows set aside by a rule{where}; see section {COMPLETENESS}.")
    if not is_new:
        lines.append("Unchanged: the same report stood there already.")
    return [*lines, f"Open {_page(out)}"]


def _rows(report) -> tuple[int, int, bool]:
    """Rows read and set aside as the report shows them, and whether no table's are hidden.

    The sum over all tables would give away, beside those that are shown, the one that is hidden.
    """
    table = report.tables.get("rows_by_table")
    if table is None:
        return 0, 0, False
    shown = table[table["n_read"].notna() & table["n_quarantined"].notna()]
    return int(shown["n_read"].sum()), int(shown["n_quarantined"].sum()), len(shown) == len(table)


def _page(out: Path) -> Path:
    """The file to open, of the formats that were written."""
    names = ("report.html", "report.pdf", "tables.xlsx", "report.json", "tables")
    return next((out / name for name in names if (out / name).exists()), out)
