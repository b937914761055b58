"""A notebook run on a clinic's folder, and what it shows as one page that needs no network.

The notebooks ship with the package. They read the folder that the environment variable
`KETAOUTCOMES_DATA` names. One runs in a process of its own, which is spoken to through sockets in a
folder that its owner alone can read (elsewhere than on Unix: through this machine's loopback), keeps
no history, and ends with the run.

What a notebook shows has not passed the disclosure gate: it is for use inside the clinic.
"""

from __future__ import annotations

import json
import os
import re
import site
import sys
import tempfile
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import ketaoutcomes
from ketaoutcomes.errors import ConfigError, DataError, KetaError, Problem, printable

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["VARIABLE", "find_notebook", "notebooks", "run_notebook"]

VARIABLE = "KETAOUTCOMES_DATA"
INSTALL = "pip install 'ketaoutcomes[notebooks]'"
CELL_SECONDS = 900
NUMBER = re.compile(r"^[0-9]+_")
SAMPLE = re.compile(r"The data are simulated \(`data/sample`\)[^.]*\.\s*")


def notebooks() -> dict[str, Path]:
    """The notebooks that ship with the package, by name, in their order."""
    package = Path(ketaoutcomes.__file__).resolve().parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        found = {NUMBER.sub("", path.stem): path for path in sorted(folder.glob("[0-9]*.ipynb"))}
        if found:
            return found
    return {}


def title_of(path: Path) -> str:
    """The heading that a notebook begins with."""
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    return "".join(first).partition("\n")[0].lstrip("# ").strip()


def find_notebook(name: str) -> Path:
    """Return the file of a notebook: "03_durability", "durability" or "3".

    Raises
    ------
    ConfigError
        If there is none of that name; it says which there are.
    """
    known = notebooks()
    wanted = Path(name).name.removesuffix(".ipynb")
    for short, path in known.items():
        if wanted in (short, path.stem) or (wanted.isdigit() and int(wanted) == int(path.stem.split("_")[0])):
            return path
    near = get_close_matches(NUMBER.sub("", wanted), list(known), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    listed = f"there are: {', '.join(known)}" if known else "none came with this installation"
    raise ConfigError(Problem(f"no notebook '{wanted}'; {hint}{listed}", rule="config"))


def run_notebook(
    path: Path, folder: str | os.PathLike, *, progress: Callable[[str], None] | None = None
) -> str:
    """Run a notebook on a cohort's folder and return the page.

    Parameters
    ----------
    path : Path
        Of `find_notebook`.
    folder : path
        The cohort's; that it can be loaded and identifies nobody is for the caller to see first.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    str
        HTML that names no address outside of it and no folder of this machine.

    Raises
    ------
    ConfigError
        If the extra `notebooks` is not installed.
    DataError
        If a cell ends in an error; it is named by its number and the error's type.
    """
    say = progress or (lambda step: None)
    try:
        import nbformat

        from ketaoutcomes.report.notebook_kernel import executed
        from ketaoutcomes.report.notebook_page import page_of
    except ImportError:
        message = f"running notebooks needs packages that are not installed: {INSTALL}"
        raise ConfigError(Problem(message, rule="config")) from None
    source = Path(os.path.abspath(folder))
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="keta-") as name:
        here = Path(name)
        # A notebook may write beside itself; that is taken away with the folder.
        (here / "notebooks").mkdir()
        executed(
            notebook,
            here,
            environment=_environment(source, here),
            seconds=CELL_SECONDS,
            say=say,
            failed=_failed,
        )
        say("page")
        _cleared(notebook, {str(source): source.name, str(here): "…", os.path.realpath(here): "…"})
    return page_of(notebook, name=path.stem, title=title_of(path), folder=source.name)


def _environment(source: Path, here: Path) -> dict[str, str]:
    """What the notebook's process is told: the data, and nothing of the user's own settings of Jupyter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    # Figures are to come into the page, whatever this process draws on.
    kept.pop("MPLBACKEND", None)
    package = str(Path(ketaoutcomes.__file__).resolve().parent.parent)
    places = {os.path.realpath(folder) for folder in (*site.getsitepackages(), site.getusersitepackages())}
    if package not in places:
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [package, kept.get("PYTHONPATH")]))
    return kept | {
        VARIABLE: str(source),
        "IPYTHONDIR": str(here / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(here),
        "JUPYTER_CONFIG_DIR": str(here / "config"),
        "PYTHONWARNINGS": "ignore",
        "PYTHONSAFEPATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failed(number: int, total: int, kind: str, message: str) -> KetaError:
    """The error of a cell: our own say what is the matter and hold no cell of the data; others may."""
    where = f"the notebook's cell {number} of {total} ended in {printable(kind)}"
    ours = {one.__name__ for one in KetaError.__subclasses__()} | {"ConfigError"}
    told = f": {message}" if kind in ours else ", whose text is not shown, since it may quote the data"
    return DataError(Problem(f"{where}{told}", rule="notebook"))


def _cleared(notebook: NotebookNode, names: dict[str, str]) -> None:
    """Take folders of this machine, and what was written to standard error, out of what a notebook shows."""
    names = names | {str(Path.home()): "~", sys.prefix: "…"}
    longest = sorted((name for name in names if len(name) > 1), key=len, reverse=True)

    def clear(value):
        if isinstance(value, str):
            for name in longest:
                value = value.replace(name, names[name])
            return value
        return [clear(one) for one in value] if isinstance(value, list) else value

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = SAMPLE.sub("", cell.source)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = clear(output["text"])
            for kind, value in output.get("data", {}).items():
                if kind.startswith("text/"):
                    output["data"][kind] = clear(value)
        if "outputs" in cell:
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
