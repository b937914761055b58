"""Time and memory of linear mixed models against every peer that is installed.

    python benchmarks/mixed.py [--full] [--peer-python /path/to/python] [--out FOLDER]

All peers fit the same simulated clinics (12 assessments per patient) in turns within one
run, each in a process of its own, one thread each. Timed is the way from the frame in memory
to the full coefficient table, after imports and a warm-up on 60 patients. Memory is the peak
above what the process held with the data loaded, during its first fit (Linux). R peers take
part where `Rscript` has lme4, lmerTest or pbkrtest. Writes mixed.csv, mixed.md and mixed.png.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

# The checkout beside this script is what is measured, installed or not.
ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from mixed_peers.clinics import MODELS  # noqa: E402
from mixed_peers.measure import run  # noqa: E402
from mixed_peers.peers import PEERS, installed  # noqa: E402
from mixed_peers.picture import draw  # noqa: E402
from mixed_peers.tables import page, rows, short  # noqa: E402

SIZES, FULL_SIZES = [200, 2_000, 20_000], [200, 2_000, 20_000, 100_000]
LIMIT, FULL_LIMIT = 20.0, 600.0


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument("--full", action="store_true", help="100,000 patients too, and a limit of 600 s")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of patients")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--peers", nargs="+", choices=names, default=names, metavar="PEER", help=str(names))
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="fits of each peer; thrice as many below 1 s, one above a tenth of the limit",
    )
    parser.add_argument("--limit", type=float, help="seconds of a fit after which a peer is out")
    parser.add_argument("--threads", type=int, default=1, help="threads each peer may use")
    parser.add_argument("--missing", type=float, default=0.0, help="share of assessments left out at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--peer-python", action="append", default=[], help="Python with further peers; repeatable"
    )
    parser.add_argument("--rscript", default="Rscript")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench" / "mixed")
    options = parser.parse_args()
    options.sizes = options.sizes or (FULL_SIZES if options.full else SIZES)
    options.limit = options.limit or (FULL_LIMIT if options.full else LIMIT)
    return options


def main():
    options = arguments()
    commands, versions, below = installed([sys.executable, *options.peer_python], options.rscript)
    for name in options.peers:
        print(f"{name} {versions[name]}" if name in versions else f"{name} is not installed; left out")
    print(f"{'model':<11}{'patients':>9}  {'peer':<17}{'median s':>9}{'best s':>9}{'MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        cells = run(options, commands, folder, report)
    frame = rows(cells)
    options.out.mkdir(parents=True, exist_ok=True)
    frame.to_csv(options.out / "mixed.csv", index=False)
    (options.out / "mixed.md").write_text(page(frame, machine(options, versions, below)), encoding="utf-8")
    draw(frame, options.out / "mixed.png")
    print()
    for _, row in frame[frame["ratio"].notna() & (frame["peer"] != frame["base"])].iterrows():
        head = f"{row['model']:<11}{row['patients']:>9,}  {row['peer']:<17}"
        print(f"{head}{short(row['ratio']):>8} x {row['base']}")
    print(f"\nWritten: {options.out}/mixed.csv, mixed.md, mixed.png")


def report(cell):
    """Print one peer's figures at one size as soon as they are there."""
    head = f"{cell.model:<11}{cell.patients:>9,}  {cell.peer:<17}"
    if not cell.seconds:
        print(f"{head}  {cell.status}", flush=True)
        return
    memory = "" if cell.bytes is None else f"{cell.bytes / 1e6:.1f}"
    print(f"{head}{cell.median:>9.4f}{cell.best:>9.4f}{memory:>9}", flush=True)


def machine(options, versions, below):
    """What a reader must know to judge the figures, as Markdown."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    peers = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [
        f"CPU: {cpu}; {options.threads} thread(s) per peer; seed {options.seed}; "
        f"share of assessments missing {options.missing:g}; limit of one fit {options.limit:g} s; "
        f"{options.rounds} rounds.",
        "",
        f"Peers: {peers}. Below them: {'; '.join(below)}.",
        "",
        "Best and median are of the seconds from the frame in memory to the coefficient table; ratio is of "
        "the medians. Memory is the peak above the data in the first fit. Deviance gap: REML deviance above "
        "the least of all peers. Estimates off: largest difference of a fixed effect from the peer with "
        "the least deviance, as a share of the true value. Df off: largest relative difference from "
        "lmerTest, which is only as near to the optimum as its own deviance gap says.",
    ]


if __name__ == "__main__":
    main()
