"""`ketaoutcomes check` and `ketaoutcomes simulate`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ketaoutcomes.cli.say import need_path, print_json, progress, records

__all__ = ["run_check", "run_simulate"]


def run_check(options: argparse.Namespace) -> int:
    """Say what is wrong with a folder, or what in a file identifies people."""
    need_path(options.folder)
    if not Path(options.folder).is_dir():
        return _check_file(options)
    from ketaoutcomes.cohort.check import check

    result = check(options.folder)
    if options.json:
        print_json(
            {"ok": bool(result.ok), "problems": records(result.problems), "counts": records(result.counts)}
        )
    elif not (options.quiet and result.ok):
        print(result.summary())
        if result.ok:
            print(f"Next: ketaoutcomes report {options.folder}")
        else:
            print("Correct the rows named above and check again; docs/data.md describes every column.")
    return result.exit_code


def _check_file(options: argparse.Namespace) -> int:
    """Say what in a notebook or in the file of an export identifies people."""
    from ketaoutcomes.readers.scan import scan_file

    result = scan_file(options.folder)
    if options.json:
        print_json(
            {"ok": bool(result.ok), "problems": records(result.problems), "counts": records(result.counts)}
        )
    elif not (options.quiet and result.ok):
        print(result.summary())
    return result.exit_code


def run_simulate(options: argparse.Namespace) -> int:
    """Write a clinic that does not exist, as a folder or as an export."""
    if options.layout != "tables":
        return _simulate_export(options)
    say = progress(options)
    say("loading the library")
    from ketaoutcomes.cohort.simulate import simulate_cohort

    say("simulating")
    seed = {} if options.seed is None else {"seed": options.seed}
    simulation = simulate_cohort(options.preset, options.patients, **seed)
    say("writing")
    simulation.save(options.out)
    say(None)
    cohort = simulation.cohort
    if options.json:
        sizes = {name: len(table) for name, table in sorted(cohort.tables.items())}
        print_json({"folder": options.out, "rows": sizes, "fingerprint": cohort.fingerprint})
    elif not options.quiet:
        print(
            f"Simulated {cohort.n_patients} patients and {len(cohort.sessions)} sessions; no patient is "
            "described."
        )
        print(f"See {options.out}; next: ketaoutcomes report {options.out}")
    return 0


def _simulate_export(options: argparse.Namespace) -> int:
    """Write a clinic as an export, with dates as exports have them."""
    say = progress(options)
    say("loading the library")
    from ketaoutcomes.cohort.simulate import simulate_cohort

    if options.layout == "redcap":
        from ketaoutcomes.readers.layout_redcap import write_redcap as write
    else:
        from ketaoutcomes.readers.layout_fhir import write_fhir as write

    say("simulating")
    seed = {} if options.seed is None else {"seed": options.seed}
    simulation = simulate_cohort(
        options.preset, options.patients, deidentification="limited-data-set", messy=True, **seed
    )
    out = Path(options.out)
    if options.layout == "fhir":
        out.mkdir(parents=True, exist_ok=True)
        out = out / "bundle.json"
    say("writing")
    with tempfile.TemporaryDirectory() as folder:
        simulation.save(Path(folder) / "clinic")
        write(Path(folder) / "clinic", out)
    say(None)
    zone = simulation.settings["timezone"]
    following = f"import {out} --timezone {zone} --out clinic"
    if options.layout == "redcap":
        files = f"{out / 'export.csv'} --dictionary {out / 'dictionary.csv'}"
        following = f"import --suggest {files} --timezone {zone} --out mapping.toml"
    if options.json:
        print_json({"folder": options.out, "layout": options.layout, "timezone": zone})
    elif not options.quiet:
        print(f"Simulated {options.patients} patients; no patient is described. Clock times are of {zone}.")
        print(f"Next: ketaoutcomes {following}")
    return 0
