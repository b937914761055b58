"""One run: every peer on the same clinics, in turns."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

from mixed_peers.clinics import FIXED, clinics
from mixed_peers.peers import PEERS, Worker

WARM_UP_PATIENTS = 60
QUICK = 1.0  # seconds of a fit


@dataclass
class Cell:
    """What one peer did with one model at one size."""

    model: str
    patients: int
    rows: int
    peer: str
    status: str = "measured"
    seconds: list[float] = field(default_factory=list)
    over: float | None = None  # the limit, where one fit takes longer
    bytes: float | None = None
    estimates: dict[str, float] = field(default_factory=dict)
    df: dict[str, float] | None = None
    deviance: float | None = None

    @property
    def median(self):
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def best(self):
        return min(self.seconds, default=None)

    @property
    def matrix_bytes(self):
        """The model matrix: rows x coefficients x 8 bytes."""
        return self.rows * len(FIXED) * 8

    def turns(self, rounds, limit):
        """How many fits are wanted: slow peers one, quick ones more, as their times scatter more."""
        if not self.seconds:
            return 1
        first = self.seconds[0]
        return 1 if first > limit / 10 else rounds if first > QUICK else 3 * rounds


def run(options, commands, folder, report):
    """All cells, in the order models, sizes, peers; `report(cell)` is called as each is complete."""
    cells = []
    for model in options.models:
        out = {}  # peer -> why it takes no part from here on
        for n_patients in sorted(options.sizes):
            done = _one_size(model, n_patients, out, options, commands, Path(folder))
            for cell in done:
                report(cell)
            cells += done
    return cells


def _one_size(model, n_patients, out, options, commands, folder):
    warm, data = folder / "warm.csv", folder / "clinics.csv"
    draw = {"seed": options.seed, "missing": options.missing}
    clinics(WARM_UP_PATIENTS, model, **draw).to_csv(warm, index=False)
    frame = clinics(n_patients, model, **draw)
    frame.to_csv(data, index=False)
    cells, workers = {}, {}
    try:
        for peer in PEERS:
            if peer.name not in options.peers:
                continue
            cell = cells[peer.name] = Cell(model, n_patients, len(frame), peer.name)
            cell.status = _reason(peer, model, n_patients, out, commands) or "measured"
            if cell.status == "measured":
                worker = workers[peer.name] = Worker(commands[peer.name], model, options.threads)
                for request in (f"load {warm}", "fit", f"load {data}"):
                    worker.ask(request)
        # All are ready before the first is measured, so that nobody's start disturbs another's fit.
        for name in list(workers):
            for _ in range(3):
                _take(workers, cells[name], workers[name].answer(), out, "no answer while starting")
                if name not in workers:
                    break
        _rounds(workers, cells, out, options)
    finally:
        for worker in workers.values():
            worker.end()
    return list(cells.values())


def _reason(peer, model, n_patients, out, commands):
    if peer.name not in commands:
        return "not installed"
    if model in peer.cannot:
        return f"cannot: {peer.cannot[model]}"
    if peer.most_patients and n_patients > peer.most_patients:
        return f"not run: {peer.why_most}"
    return out.get(peer.name)


def _rounds(workers, cells, out, options):
    """Let the workers fit in turns until each has had its fits."""
    for turn in range(3 * options.rounds):
        for name in list(workers):
            cell = cells[name]
            if turn >= cell.turns(options.rounds, options.limit):
                continue
            workers[name].ask("fit")
            answer = workers[name].answer(options.limit)
            if not _take(workers, cell, answer, out, f"more than {options.limit:g} s"):
                cell.over = options.limit if answer is None and not cell.seconds else None
                continue
            cell.seconds.append(answer["seconds"])
            if cell.deviance is None:
                # Later fits find memory that the first has left, so only the first one's counts.
                cell.bytes, cell.df = answer["bytes"], answer["df"]
                cell.estimates, cell.deviance = answer["estimates"], answer["deviance"]


def _take(workers, cell, answer, out, late):
    """Whether the answer is good; otherwise the peer is out, at larger sizes too."""
    if answer is not None and "error" not in answer:
        return True
    workers.pop(cell.peer).end()
    what = late if answer is None else "it failed"
    out[cell.peer] = f"not run: {what} at {cell.patients:,} patients"
    if not cell.seconds:  # otherwise a late round was slow, and what was measured stands
        cell.status = late if answer is None else f"failed: {answer['error']}"
    return False
