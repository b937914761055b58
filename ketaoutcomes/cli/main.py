"""The command line: import, check and de-identify a clinic's data, write the monthly report, simulate.

Results go to standard output. Progress goes to standard error, and only on a terminal, so that a
scheduled run leaves a short log. The exit codes and what they say are `ketaoutcomes.errors.EXIT_CODES`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from ketaoutcomes.cli.parser import make_parser
from ketaoutcomes.cli.say import PlainOutput, clear_line
from ketaoutcomes.errors import DataError, KetaError, printable

__all__ = ["main"]

EXIT_INTERNAL, EXIT_FILES, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 5, 130, 143
NEW_LINE = "\n"
NO_MEMORY = "there is not enough memory for files of this size; split them, or use a larger machine"


class _Terminated(KeyboardInterrupt):
    """The system asks the program to end; what was begun is taken away on the way out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_usage(sys.stderr)
        return 2
    try:
        with _ended_in_order(), _libraries_silent(), redirect_stdout(PlainOutput(sys.stdout)):
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
        return _refused(_about_file(error), getattr(error, "exit_code", EXIT_FILES))
    except MemoryError:
        return _refused(NO_MEMORY, DataError.exit_code)
    except _Terminated:
        return _refused("terminated; an earlier report is still whole", EXIT_TERMINATED)
    except KeyboardInterrupt:
        return _refused("interrupted; an earlier report is still whole", EXIT_INTERRUPTED)
    except Exception as error:
        return _unexpected(error, options)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, so that no half-written folder is left behind."""
    # Only the main thread may say what a signal does, and what a caller said of it stands.
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _libraries_silent() -> Iterator[None]:
    """Keep out of a log that is mailed what a library says of its caches, where a user has no home."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _terminate(number, frame) -> None:
    # Asked once is enough; a second time must not break off the taking away.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _refused(problem: object, code: int) -> int:
    clear_line()
    print(f"ketaoutcomes: {printable(str(problem), keep=NEW_LINE)}", file=sys.stderr)
    return code


def _about_file(error: OSError) -> str:
    where = f"{printable(str(error.filename))}: " if error.filename else ""
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
