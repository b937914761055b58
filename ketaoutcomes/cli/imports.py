"""`ketaoutcomes import`: a first mapping from an export's headers, and an export to a cohort's folder."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path

from ketaoutcomes.cli.say import need_path, print_json, progress, records
from ketaoutcomes.errors import ConfigError, DataError, PrivacyError, Problem

__all__ = ["run_import"]

MOST_COLUMNS = 12


def run_import(options: argparse.Namespace) -> int:
    """Write a mapping, or a folder, and say what became of every row and column."""
    for path in (options.source, options.mapping, options.dictionary):
        if path is not None:
            need_path(path)
    if options.suggest:
        return _suggest(options)
    say = progress(options)
    say("loading the library")
    from ketaoutcomes.cohort.deidentify_key import kept_key
    from ketaoutcomes.readers.coding import code_patients
    from ketaoutcomes.readers.export import account
    from ketaoutcomes.readers.write import write_export

    say("reading the export")
    export, key = _export(options), None
    if options.key:
        export, key = code_patients(export, Path(options.key))
    say("checking")
    accounts = account(export)
    say(None)
    problems = accounts.build.problems
    private = [one for one in problems if (one.rule or "").startswith("identifier")]
    out = Path(options.out) if options.out else Path(f"{Path(options.source).stem}-cohort")
    writable, before = not problems, _earlier(out)
    if writable:
        say("writing")
        with nullcontext() if key is None else kept_key(Path(options.key), key):
            write_export(export, accounts, out)
        say(None)
    code = 0 if not problems else PrivacyError.exit_code if private else DataError.exit_code
    if options.json:
        content = {
            "folder": str(out) if writable else None,
            "sources": records(accounts.sources),
            "rules": records(accounts.rules),
            "columns": records(accounts.columns),
            "tables": {name: len(frame) for name, frame in export.tables.items()},
            "problems": [str(one) for one in problems],
            "notes": [str(one) for one in export.notes],
        }
        print_json(content)
    elif not options.quiet or problems:
        print("\n".join(_told(options, accounts, export, out, before)))
    return code


def _suggest(options: argparse.Namespace) -> int:
    say = progress(options)
    say("reading the headers")
    from ketaoutcomes.readers.suggest_file import suggest_file

    out = Path(options.out) if options.out else None
    if out is not None and (out.exists() or out.is_symlink()):
        # Somebody may have corrected it by hand.
        raise ConfigError(Problem(f"{out.name} is there already; name another file, or remove it"))
    found = suggest_file(options.source, dictionary=options.dictionary, timezone=options.timezone)
    say(None)
    if options.json:
        content = {
            "mapping": found.mapping,
            "placed": records(found.placed),
            "not_placed": records(found.not_placed),
        }
        print_json(content)
    elif out is None:
        print(found.toml, end="")
    if out is not None:
        out.write_text(found.toml, encoding="utf-8", newline="\n")
    if not options.quiet and not options.json:
        told = sys.stdout if out is not None else sys.stderr
        print(found.summary(), file=told)
        if out is not None:
            words = f"--dictionary {options.dictionary} " if options.dictionary else ""
            print(
                f"Read and correct {out}. Next: ketaoutcomes import {options.source} {words}--mapping {out} "
                "--out clinic",
                file=told,
            )
    return 0


def _export(options: argparse.Namespace):
    """Read the export by the reader of its format."""
    kind = options.format
    if kind == "auto":
        from ketaoutcomes.readers.kinds import kind_of

        kind = kind_of(options.source)
    zone = {"timezone": options.timezone} if options.timezone else {}
    coded = options.key is not None
    unused = [
        f"--{name} is not for {kind}"
        for name, kinds in (("mapping", ("redcap", "spreadsheet")), ("dictionary", ("redcap",)))
        if getattr(options, name) is not None and kind not in kinds
    ]
    if unused:
        raise ConfigError([Problem(one, rule="config") for one in unused])
    if kind == "fhir":
        from ketaoutcomes.readers.fhir import fhir_export

        return fhir_export(options.source, **zone)
    if kind == "sdtm":
        from ketaoutcomes.readers.sdtm import sdtm_export

        return sdtm_export(options.source, **zone)
    if kind == "redcap":
        from ketaoutcomes.readers.redcap import redcap_export

        return redcap_export(options.source, options.dictionary, options.mapping, coded=coded, **zone)
    from ketaoutcomes.readers.spreadsheet import spreadsheet_export

    return spreadsheet_export(options.source, options.mapping, coded=coded, **zone)


def _earlier(out: Path) -> dict[str, object] | None:
    """Return what an earlier import left in the folder: how many rows, and its settings."""
    from ketaoutcomes.cohort.import_record import read_record
    from ketaoutcomes.cohort.settings import read_settings

    sources, _ = read_record(out)
    if not len(sources):
        return None
    return {"n_read": int(sources["n_read"].sum()), "settings": read_settings(out)}


def _told(options, accounts, export, out: Path, before: dict | None) -> list[str]:
    """What a person reads: rows by source, why some are not used, columns left out, what is next."""
    lines = []
    problems = accounts.build.problems
    # Nothing is kept yet where the whole is refused.
    kept = "kept" if not problems else "placed"
    for row in accounts.sources.itertuples():
        lines.append(
            f"{row.source}: {row.n_read:,} rows read = {row.n_kept:,} {kept} + {row.n_quarantined:,} set "
            f"aside + {row.n_unmapped:,} not mapped"
        )
        rules = accounts.rules[accounts.rules["source"] == row.source]
        lines += [f"  {rule.n_rows:,} set aside: {rule.reason}" for rule in rules.itertuples()]
        left = accounts.unmapped[accounts.unmapped["source"] == row.source]["column"].tolist()
        if left:
            lines.append(f"  columns left out: {_some(left)}")
    lines += [f"Note: {note}" for note in export.notes]
    if problems:
        return [
            *lines,
            "Nothing was written:",
            *(f"  - {problem}" for problem in problems),
            "Correct the mapping or the export, and import again.",
        ]
    sizes = ", ".join(f"{len(frame):,} {name.replace('_', ' ')}" for name, frame in export.tables.items())
    lines += [f"Wrote {out}: rows of {sizes}.", *_by_the_rules(accounts, out)]
    if before is not None:
        lines.append(f"It replaces an earlier import there, of {before['n_read']:,} rows.")
        lost = _lost_settings(before["settings"], export.settings)
        if lost:
            lines.append(
                f"Its cohort.toml said otherwise of {', '.join(lost)}; what is to stay belongs under "
                "[cohort] in the mapping."
            )
    return [*lines, f"Next: ketaoutcomes check {out}; ketaoutcomes report {out}"]


def _by_the_rules(accounts, out: Path) -> list[str]:
    """What the cohort's rules do with the rows made, of which `check` has the whole list."""
    aside = accounts.build.quarantine.groupby("table", sort=False)["n_rows"].sum()
    n_cells = int(accounts.build.blanked["n_cells"].sum())
    told = [f"{n:,} of {table}" for table, n in aside.items()]
    parts = [f"rows set aside: {', '.join(told)}"] if told else []
    parts += [f"cells set to missing: {n_cells:,}"] if n_cells else []
    lines = [f"By the cohort's rules, {'; '.join(parts)}. See ketaoutcomes check {out}."] if parts else []
    notes = [note for note in accounts.build.notes if note.rule == "unknown_column" and note.column]
    if notes:
        names = _some([f"{note.table}.{note.column}" for note in notes])
        lines.append(f"Kept as covariates, since docs/data.md does not know them: {names}.")
    return lines


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_COLUMNS} more" if len(names) > MOST_COLUMNS else ""
    return f"{', '.join(names[:MOST_COLUMNS])}{more}"


def _lost_settings(before, after) -> list[str]:
    """Names of the settings that an earlier `cohort.toml` had and the new one has not."""
    return [
        one.name
        for one in fields(before)
        if getattr(before, one.name) not in (getattr(after, one.name), one.default)
    ]
