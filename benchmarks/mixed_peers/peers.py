"""The peers: where they are installed, what they can express, and the processes that fit them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_SECONDS = 600.0  # for starting, reading the data and the warm-up, none of which is measured


@dataclass(frozen=True)
class Peer:
    """One way of fitting, and why it cannot fit some models."""

    name: str
    package: str  # as `pip` or R calls it
    module: str | None  # Python module; None is R
    says: str  # what its table holds
    cannot: dict[str, str] = field(default_factory=dict)  # model -> reason
    most_patients: int | None = None
    why_most: str = ""


PEERS = (
    Peer("ketaoutcomes", "ketaoutcomes", "ketaoutcomes.analysis.mixed", "Satterthwaite df"),
    Peer("ketaoutcomes KR", "ketaoutcomes", "ketaoutcomes.analysis.mixed", "Kenward-Roger"),
    Peer(
        "mixedlm-rs",
        "mixedlm-rs",
        "mixedlm_rs",
        "no df",
        {"clinic": "it takes one grouping factor only"},
    ),
    Peer("lme-python", "lme-python", "lme_python", "Satterthwaite df"),
    Peer("interlace-lme", "interlace-lme", "interlace", "Satterthwaite df"),
    Peer("statsmodels", "statsmodels", "statsmodels", "no df"),
    Peer("lme4", "lme4", None, "no df"),
    Peer("lmerTest", "lmerTest", None, "Satterthwaite df"),
    Peer(
        "pbkrtest KR",
        "pbkrtest",
        None,
        "Kenward-Roger",
        most_patients=200,
        why_most="it makes matrices of rows x rows",
    ),
)

PROBE = """
import importlib.util, importlib.metadata, json, platform, sys
found = {}
for name, package, module in json.loads(sys.argv[1]):
    try:
        if importlib.util.find_spec(module) is None: continue
    except ImportError:
        continue
    try:
        found[name] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        found[name] = "checkout"
numerics = [f"{p} {importlib.metadata.version(p)}" for p in ("numpy", "scipy", "pandas")] if found else []
print(json.dumps([found, [f"Python {platform.python_version()}", *numerics]]))
"""
R_PROBE = """
for (p in commandArgs(trailingOnly = TRUE)) if (requireNamespace(p, quietly = TRUE))
  cat(p, as.character(packageVersion(p)), "\\n")
cat("R", as.character(getRversion()), "\\n")
cat("BLAS", extSoftVersion()[["BLAS"]], "\\n")
"""


def installed(pythons, rscript):
    """Which peers are there.

    Returns
    -------
    commands : dict
        Peer name -> how its process is started, without the model.
    versions : dict
        Peer name -> version.
    settings : list of str
        Versions of what stands below the peers.
    """
    commands, versions, settings = {}, {}, []
    wanted = json.dumps([(peer.name, peer.package, peer.module) for peer in PEERS if peer.module])
    surroundings = os.environ | {"PYTHONPATH": _with_checkout()}
    for python in pythons:
        answer = _answer([python, "-W", "ignore", "-c", PROBE, wanted], surroundings)
        found, below = json.loads(answer) if answer else ({}, [])
        new = {name: version for name, version in found.items() if name not in commands}
        if new:
            settings.append(f"{', '.join(new)}: {', '.join(below)}")
        for name, version in new.items():
            commands[name] = [python, str(HERE / "fit.py"), name]
            versions[name] = version
    packages = [peer.package for peer in PEERS if not peer.module]
    lines = [line.split() for line in _answer([rscript, "-e", R_PROBE, *packages]).splitlines()]
    found = {line[0]: line[1] for line in lines if len(line) == 2}
    for peer in PEERS:
        if not peer.module and found.keys() >= {peer.package, "lme4"}:
            commands[peer.name] = [rscript, str(HERE / "fit.R"), peer.name]
            versions[peer.name] = found[peer.package]
    if "R" in found:
        settings.append(f"R {found['R']}, BLAS {found.get('BLAS', 'unknown')}")
    return commands, versions, settings


def _with_checkout():
    """PYTHONPATH with this checkout last, so that a checkout that is not installed is found."""
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(HERE.parent.parent)]))


def _answer(command, surroundings=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=surroundings)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def single_threaded(threads):
    """Environment in which every library that the peers use takes this many threads."""
    names = ["OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMEXPR", "RAYON", "R_DATATABLE"]
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    limits |= {"VECLIB_MAXIMUM_THREADS": str(threads), "POLARS_MAX_THREADS": str(threads)}
    return os.environ | limits | {"PYTHONPATH": _with_checkout()}


class Worker:
    """A peer's process; it ends with the `with` block."""

    def __init__(self, command, model, threads):
        self._process = subprocess.Popen(
            [*command, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=single_threaded(threads),
        )
        self._answers = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put({"error": f"the process ended with {self._process.wait()}"})

    def ask(self, request):
        """Send one line; the answer is fetched by `answer`."""
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except OSError:
            return  # the process has ended, which `answer` reports

    def answer(self, limit=START_SECONDS):
        """The next answer, or None if there is none within `limit` seconds; it is then ended."""
        try:
            return self._answers.get(timeout=limit)
        except queue.Empty:
            self.end()
            return None

    def end(self):
        self._process.kill()
        self._process.wait()
