"""A notebook's cells run one after the other in a process of their own, which ends with the run."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

__all__ = ["address_of", "executed"]

# A socket's name may have 103 bytes (macOS; Linux 107), "/socket-5" among them.
LONGEST_FOLDER = 90


def executed(
    notebook: NotebookNode,
    here: Path,
    *,
    environment: Mapping[str, str],
    seconds: int,
    say: Callable[[str], None],
    failed: Callable[[int, int, str, str], Exception],
) -> None:
    """Run the cells of `notebook`, which then holds what they show.

    Parameters
    ----------
    notebook : NotebookNode
    here : Path
        A folder of one's own for sockets; the cells run in its folder ``notebooks``.
    environment : mapping
        The whole environment of the process.
    seconds : int
        The most that one cell may take.
    say : callable
        Called with the name of each step.
    failed : callable
        Makes the error from a code cell's number, how many there are, the type and the text of its error.
    """
    client = NotebookClient(
        notebook,
        km=_manager(here),
        timeout=seconds,
        resources={"metadata": {"path": str(here / "notebooks")}},
        shutdown_kernel="immediate",
        log=_silent(),
    )
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    number = 0
    # Cell by cell, because `execute` takes the signals that end a program for itself.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with client.setup_kernel(cleanup_kc=True, env=dict(environment), **quiet):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            number += 1
            say(f"cell {number} of {total}")
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise failed(number, total, error.ename, error.evalue) from None
            except CellTimeoutError:
                raise failed(number, total, f"no end within {seconds} seconds", "") from None
            except DeadKernelError:
                raise failed(number, total, "the end of its process (was there memory?)", "") from None


def address_of(here: Path) -> tuple[str, str]:
    """How the process is spoken to, and where: sockets in `here`, or this machine's loopback."""
    if os.name == "posix" and len(os.fsencode(here)) < LONGEST_FOLDER:
        return "ipc", str(here / "socket")
    return "tcp", "127.0.0.1"


def _manager(here: Path) -> AsyncKernelManager:
    """The process is this Python, whatever kernels a user has registered; its sockets are in `here`."""
    specs = KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True)
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=specs,
        connection_file=str(here / "kernel.json"),
        log=_silent(),
    )
    manager.transport, manager.ip = address_of(here)
    return manager


def _silent() -> logging.Logger:
    """A log that goes nowhere: what libraries say of a kernel may quote a cell."""
    log = logging.getLogger("ketaoutcomes.notebook")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log
