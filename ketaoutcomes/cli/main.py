"""The command line: import, check and de-identify a clinic's data, write the monthly report, simulate.

Results go to standard output. Progress goes to standard error, and only on a terminal, so that a
scheduled run leaves a short log. Exit codes: 0 done; 1 unexpected; 2 usage; 5 files cannot be read
or written; 10 data; 11 privacy; 12 formula; 20 no convergence; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ketaoutcomes.cli.parser import make_parser
from ketaoutcomes.cli.say import clear_line
from ketaoutcomes.errors import KetaError

__all__ = ["main"]

EXIT_INTERNAL, EXIT_FILES, EXIT_INTERRUPTED = 1, 5, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = make_parser()
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


def _refused(problem: object, code: int) -> int:
    clear_line()
    print(f"ketaoutcomes: {problem}", file=sys.stderr)
    return code


def _about_file(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}"


def _unexpected(error: Exception, options: argparse.Namespace) -> int:
    """Name the error's type and place; its text may hold a cell's value, so it is not printed."""
    clear_line()
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
