"""The command line: check a folder, write the monthly report, simulate a clinic.

Results go to standard output. Progress goes to standard error, and only on a terminal, so that a
scheduled run leaves a short log. Exit codes: 0 done; 1 unexpected; 2 usage; 5 files cannot be read
or written; 10 data; 11 privacy; 12 formula; 20 no convergence; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from ketaoutcomes.errors import KetaError

__all__ = ["main"]

EXIT_INTERNAL, EXIT_FILES, EXIT_INTERRUPTED = 1, 5, 130
EPILOG = """\
example:
  ketaoutcomes simulate clinic --patients 240
  ketaoutcomes check clinic
  ketaoutcomes report clinic --out reports/clinic

exit codes: 0 done, 1 unexpected, 2 usage, 5 files, 10 data, 11 privacy, 12 formula,
20 no convergence, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_usage(sys.stderr)
        return 2
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except KetaError as error:
        return _refused(error, error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); closing it again must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FILES
    except OSError as error:
        return _refused(_about_file(error), EXIT_FILES)
    except KeyboardInterrupt:
        return _refused("interrupted; an earlier report is still whole", EXIT_INTERRUPTED)
    except Exception as error:
        return _unexpected(error, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ketaoutcomes",
        description="Outcomes of ketamine clinics: check the data, write the monthly report.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    check = commands.add_parser("check", help="list every problem of a cohort's folder")
    check.add_argument("folder", metavar="FOLDER", help="folder with patients, sessions, scores, …")
    check.set_defaults(run=_check)

    report = commands.add_parser("report", help="write the monthly report of a cohort's folder")
    report.add_argument("folder", metavar="FOLDER", help="folder with patients, sessions, scores, …")
    report.add_argument("--out", metavar="OUT", help="folder of the report (default: reports/<name>-<month>)")
    report.add_argument("--month", metavar="YYYY-MM", help="month to report (default: the last complete one)")
    report.add_argument("--instrument", metavar="NAME", help="main instrument (default: the most used one)")
    report.add_argument(
        "--small-cells",
        choices=("show", "suppress"),
        help="counts of 1 to 10: hidden by default, shown by default only for synthetic data",
    )
    report.set_defaults(run=_report)

    simulate = commands.add_parser("simulate", help="write the folder of a clinic that does not exist")
    simulate.add_argument("out", metavar="OUT", help="folder to write")
    simulate.add_argument("--patients", type=_positive, default=240, metavar="N", help="default: 240")
    simulate.add_argument("--preset", default="community", metavar="NAME", help="default: community")
    simulate.add_argument("--seed", type=int, metavar="N", help="default: the preset's")
    simulate.set_defaults(run=_simulate)

    for command in (check, report, simulate):
        command.add_argument("--quiet", action="store_true", help="print only what went wrong")
        command.add_argument("--json", action="store_true", help="print the result as JSON")
        command.add_argument("--debug", action="store_true", help="show where an unexpected error arose")
    return parser


class _Version(argparse.Action):
    """Print the version without loading what the commands need."""

    def __init__(self, option_strings, dest, help=None):
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        from ketaoutcomes.report.versions import package_version

        print(f"ketaoutcomes {package_version()}")
        parser.exit()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _check(options: argparse.Namespace) -> int:
    from ketaoutcomes.cohort.check import check

    _exists(options.folder)
    result = check(options.folder)
    if options.json:
        _print_json(
            {"ok": bool(result.ok), "problems": _records(result.problems), "counts": _records(result.counts)}
        )
    elif not (options.quiet and result.ok):
        print(result.summary())
        if result.ok:
            print(f"Next: ketaoutcomes report {options.folder}")
        else:
            print("Correct the rows named above and check again; docs/data.md describes every column.")
    return result.exit_code


def _report(options: argparse.Namespace) -> int:
    say = _progress(options)
    _exists(options.folder)
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
        _print_json(content)
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


def _simulate(options: argparse.Namespace) -> int:
    say = _progress(options)
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
        _print_json({"folder": options.out, "rows": sizes, "fingerprint": cohort.fingerprint})
    elif not options.quiet:
        print(
            f"Simulated {cohort.n_patients} patients and {len(cohort.sessions)} sessions; no patient is "
            "described."
        )
        print(f"See {options.out}; next: ketaoutcomes report {options.out}")
    return 0


def _exists(folder: str) -> None:
    """Name a missing folder as the user typed it, before anything slow is loaded."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(2, "is not a folder", folder)


def _progress(options: argparse.Namespace) -> Callable[[str | None], None]:
    """A function that shows one step at a time on a terminal; None clears the line."""
    if options.quiet or not sys.stderr.isatty():
        return lambda step: None

    def say(step: str | None) -> None:
        sys.stderr.write(f"\r\033[K{step} …" if step else "\r\033[K")
        sys.stderr.flush()

    return say


def _records(frame) -> list[dict]:
    return json.loads(frame.to_json(orient="records"))


def _print_json(content: dict) -> None:
    print(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))


def _refused(problem: object, code: int) -> int:
    _clear_line()
    print(f"ketaoutcomes: {problem}", file=sys.stderr)
    return code


def _about_file(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}"


def _unexpected(error: Exception, options: argparse.Namespace) -> int:
    """Name the error's type and place; its text may hold a cell's value, so it is not printed."""
    _clear_line()
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "ketaoutcomes" in Path(frame.filename).parts]
    last = (ours or frames)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
    print(
        f"ketaoutcomes: unexpected {type(error).__name__} ({place}). No result was written. "
        "Run it again with --debug and report what it shows.",
        file=sys.stderr,
    )
    if options.debug:
        # Places only: the message and the source lines of other libraries may quote data.
        for frame in frames:
            print(f"  {frame.filename}, line {frame.lineno}, in {frame.name}", file=sys.stderr)
    return EXIT_INTERNAL


def _clear_line() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
