"""What starting costs: importing the package against importing pandas, and the whole report.

    python benchmarks/start.py [--rounds 7] [--folder data/sample]

Each round times every command once, as a whole process, in turn; the table
gives the least and the middle of the rounds, and the ratio of the least.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "sample")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        python = [sys.executable]
        report = [
            *python,
            "-m",
            "ketaoutcomes",
            "report",
            str(chosen.folder),
            "--out",
            f"{scratch}/report",
            "--quiet",
        ]
        commands = {
            "import pandas": [*python, "-c", "import pandas"],
            "import ketaoutcomes": [*python, "-c", "import ketaoutcomes"],
            "import ketaoutcomes, load_cohort": [*python, "-c", "from ketaoutcomes import load_cohort"],
            f"report of {chosen.folder.name}": report,
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(chosen.rounds):
            for name, command in commands.items():
                times[name].append(seconds(command))
    base = min(times["import pandas"])
    print(f"{'command':36}{'least s':>9}{'middle s':>10}{'ratio to import pandas':>24}")
    for name, values in times.items():
        print(f"{name:36}{min(values):9.2f}{statistics.median(values):10.2f}{min(values) / base:24.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
