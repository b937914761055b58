"""The command line's arguments: which commands there are and what each takes."""

from __future__ import annotations

import argparse

from ketaoutcomes.cli.deidentify import run_deidentify
from ketaoutcomes.cli.folders import run_check, run_simulate
from ketaoutcomes.cli.imports import run_import
from ketaoutcomes.cli.notebook import run_notebook
from ketaoutcomes.cli.report import run_report
from ketaoutcomes.errors import EXIT_CODES

__all__ = ["make_parser"]

EPILOG = """\
example:
  ketaoutcomes import --suggest export.csv --out mapping.toml
  ketaoutcomes import export.csv --mapping mapping.toml --out clinic
  ketaoutcomes report clinic --out reports/clinic
  ketaoutcomes report --config clinic.toml --quiet
  ketaoutcomes notebook data_quality --data clinic

exit codes:
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run`."""
    parser = argparse.ArgumentParser(
        prog="ketaoutcomes",
        description="Outcomes of ketamine clinics: import and check the data, write the monthly report.",
        epilog=EPILOG + "".join(f"  {code:>3}  {words}\n" for code, words in EXIT_CODES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    made = [
        _check(commands),
        _import(commands),
        _report(commands),
        _deidentify(commands),
        _simulate(commands),
        _notebook(commands),
    ]
    for command in made:
        command.add_argument("--quiet", action="store_true", help="print only what went wrong")
        command.add_argument("--json", action="store_true", help="print the result as JSON")
        command.add_argument("--debug", action="store_true", help="show where an unexpected error arose")
    return parser


def _check(commands) -> argparse.ArgumentParser:
    check = commands.add_parser(
        "check", help="list every problem of a cohort's folder, or what in a file identifies people"
    )
    check.add_argument(
        "folder",
        metavar="FOLDER|FILE",
        help="folder with patients, sessions, scores, …; or one file, a notebook",
    )
    check.set_defaults(run=run_check)
    return check


def _import(commands) -> argparse.ArgumentParser:
    command = commands.add_parser(
        "import",
        help="make a cohort's folder of an export: REDCap, spreadsheet, FHIR, SDTM",
        description="Make a cohort's folder of an export. What the mapping does not name stays outside.",
    )
    command.add_argument("source", metavar="EXPORT", help="file or folder of the export")
    command.add_argument(
        "--suggest", action="store_true", help="write a first mapping from the headers, and import nothing"
    )
    command.add_argument(
        "--mapping", metavar="TOML", help="which columns are which (default: the suggested ones)"
    )
    command.add_argument("--dictionary", metavar="CSV", help="REDCap's data dictionary")
    command.add_argument(
        "--format",
        choices=("auto", "redcap", "spreadsheet", "fhir", "sdtm"),
        default="auto",
        help="default: told by the file",
    )
    command.add_argument(
        "--key",
        metavar="CSV",
        help="give patients random codes, kept in this file that its owner alone can read",
    )
    command.add_argument("--timezone", metavar="ZONE", help="zone of the clock times, e.g. America/New_York")
    command.add_argument(
        "--out", metavar="OUT", help="folder to write; with --suggest, the mapping (default: printed)"
    )
    command.set_defaults(run=run_import)
    return command


def _report(commands) -> argparse.ArgumentParser:
    report = commands.add_parser(
        "report",
        help="write the monthly report of a cohort's folder",
        description="Write the report of a cohort's folder. What is given here wins over the --config FILE.",
    )
    report.add_argument("data", nargs="?", metavar="FOLDER", help="folder with patients, sessions, scores, …")
    report.add_argument("--config", metavar="FILE", help="TOML file of a scheduled run")
    report.add_argument("--out", metavar="OUT", help="folder of the report (default: reports/<name>-<month>)")
    report.add_argument(
        "--month", metavar="YYYY-MM", help="month to report, or last: the last complete one (default)"
    )
    report.add_argument("--instrument", metavar="NAME", help="main instrument (default: the most used one)")
    report.add_argument(
        "--small-cells",
        choices=("show", "round", "suppress"),
        help="counts of 1 to 10: hidden by default, shown by default only for synthetic data",
    )
    report.add_argument("--level", type=float, metavar="P", help="confidence level (default: 0.95)")
    report.add_argument(
        "--formats",
        type=_words,
        metavar="A,B",
        help="which files to write, e.g. html,pdf,csv,json,xlsx",
    )
    report.add_argument("--kind", choices=("monthly", "cohort"), help="of a month (default), or of the whole")
    report.add_argument(
        "--previous", metavar="FOLDER", help="the last release, or auto: the newest of an earlier month"
    )
    report.add_argument(
        "--force",
        dest="replace",
        action="store_const",
        const=True,
        help="replace a different report that a --config FILE would leave",
    )
    report.set_defaults(run=run_report, usage_error=report.error)
    return report


def _deidentify(commands) -> argparse.ArgumentParser:
    command = commands.add_parser("deidentify", help="write a cohort's folder anew without identifiers")
    command.add_argument("folder", metavar="FOLDER", help="folder with patients, sessions, scores, …")
    command.add_argument("--out", metavar="OUT", required=True, help="folder to write")
    command.add_argument(
        "--level",
        choices=("safe-harbor", "limited-data-set"),
        default="safe-harbor",
        help="safe-harbor: no dates at all (default); limited-data-set: the calendar month stays",
    )
    command.add_argument(
        "--key",
        metavar="CSV",
        help="file of old and new codes, read by its owner alone (default: OUT-key.csv)",
    )
    command.add_argument(
        "--dates",
        choices=("hours", "shift"),
        default="hours",
        help="hours since the first session (default), or dates moved by whole weeks, patient by patient",
    )
    command.add_argument(
        "--keep-text",
        metavar="TABLE.COLUMN",
        action="append",
        default=[],
        help="a column of free text that somebody has read and may stay; may be repeated",
    )
    command.set_defaults(run=run_deidentify)
    return command


def _simulate(commands) -> argparse.ArgumentParser:
    simulate = commands.add_parser("simulate", help="write the folder of a clinic that does not exist")
    simulate.add_argument("out", metavar="OUT", help="folder to write")
    simulate.add_argument("--patients", type=_positive, default=240, metavar="N", help="default: 240")
    simulate.add_argument("--preset", default="community", metavar="NAME", help="default: community")
    simulate.add_argument("--seed", type=int, metavar="N", help="default: the preset's")
    simulate.add_argument(
        "--layout",
        choices=("tables", "redcap", "fhir"),
        default="tables",
        help="as a cohort's folder (default), or as an export to try `import` on",
    )
    simulate.set_defaults(run=run_simulate)
    return simulate


def _notebook(commands) -> argparse.ArgumentParser:
    command = commands.add_parser(
        "notebook",
        help="run a notebook on a cohort's folder and write it as a page",
        description="Run one of the notebooks on a cohort's folder and write what it shows as one page, for "
        "use inside the clinic: small counts are not hidden in it.",
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="of the notebook, e.g. data_quality")
    command.add_argument("--list", action="store_true", help="say which notebooks there are")
    command.add_argument("--data", metavar="FOLDER", help="folder with patients, sessions, scores, …")
    command.add_argument("--out", metavar="HTML", help="page to write (default: NAME.html)")
    command.set_defaults(run=run_notebook, usage_error=command.error)
    return command


class _Version(argparse.Action):
    """Print the version without loading what the commands need."""

    def __init__(self, option_strings, dest, help=None):
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        from ketaoutcomes.report.versions import package_version

        print(f"ketaoutcomes {package_version()}")
        parser.exit()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
