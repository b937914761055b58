"""Which software made a report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

__all__ = ["package_version", "versions"]

LIBRARIES = ("jinja2", "matplotlib", "numpy", "pandas", "scipy")


def package_version() -> str:
    """The version of ketaoutcomes; read from its source where it runs without being installed."""
    try:
        return version("ketaoutcomes")
    except PackageNotFoundError:
        source = Path(find_spec("ketaoutcomes").origin).read_text(encoding="utf-8")
        line = next(line for line in source.splitlines() if line.startswith("__version__"))
        return line.split('"')[1]


def versions() -> dict[str, str]:
    """Name and version of ketaoutcomes, Python and the libraries that decide the numbers."""
    found = {name: version(name) for name in LIBRARIES}
    return {"ketaoutcomes": package_version(), "python": platform.python_version(), **found}
