"""One way to read a folder, measured in a process of its own; prints one line of JSON.

    python benchmarks/million_parts/measure.py {load,check,arrow,import} FOLDER

Seconds are those of the call alone, without the imports: of the clock on the wall, and of the processor,
which other programs that run meanwhile change less. Memory is the peak of the whole process (`ru_maxrss`;
on Linux also `VmHWM`). CPU seconds and peaks per stage come from functions of the package that
are wrapped here: time spent in a wrapped function within another counts for the inner one only, and the
resident memory is looked at every few milliseconds and counts for the stage that runs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
import threading
import time
from functools import wraps
from pathlib import Path

# The checkout that holds this script is what is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

STATM, STATUS = Path("/proc/self/statm"), Path("/proc/self/status")
EVERY = 0.005
REST = "rest"
# Stage of each function, where it is called from.
STAGES = {
    "read": ["read.read_table"],
    "columns": ["build.prepare"],
    "identifier scan": ["columns.scan_columns", "columns.scan_values", "build.scanned"],
    "ids": ["build.place_patients", "build.link_patients"],
    "clock": [
        "columns.read_dates",
        "columns.read_days",
        "columns.read_hours",
        "build.place_sessions",
        "scores.place_times",
        "scores.before_or_after",
        "events.place_times",
        "build.hours_to_data_cut",
    ],
    "rules": [
        "build.place_scores",
        "build.place_side_effects",
        "build.place_vitals",
        "build.place_disposition",
        "build.recorded",
    ],
    "frames": ["build._frame"],
    "fingerprint": ["build.fingerprint"],
}


class Stages:
    """CPU seconds and peak resident bytes of each stage, while the stages' functions run."""

    def __init__(self):
        self.seconds = dict.fromkeys((*STAGES, REST), 0.0)
        self.peak = dict.fromkeys((*STAGES, REST), 0)
        self.running, self.since, self.done = [REST], time.process_time(), threading.Event()

    def wrap(self) -> None:
        """Put every function of `STAGES` under watch."""
        for stage, names in STAGES.items():
            for name in names:
                module, _, attribute = name.rpartition(".")
                module = importlib.import_module(f"ketaoutcomes.cohort.{module}")
                setattr(module, attribute, self._watched(getattr(module, attribute), stage))

    def _watched(self, function, stage):
        @wraps(function)
        def watched(*arguments, **named):
            self._turn()
            self.running.append(stage)
            try:
                return function(*arguments, **named)
            finally:
                self._turn()
                self.running.pop()

        return watched

    def _turn(self) -> None:
        """Give the time since the last change of stage to the stage that ran."""
        now = time.process_time()
        self.seconds[self.running[-1]] += now - self.since
        self.since = now
        self._look()

    def _look(self) -> None:
        stage = self.running[-1]
        self.peak[stage] = max(self.peak[stage], resident())

    def __enter__(self):
        self.wrap()
        self.since = time.process_time()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        return self

    def _sample(self) -> None:
        while not self.done.wait(EVERY):
            self._look()

    def __exit__(self, *error):
        self._turn()
        self.done.set()
        self.thread.join()


class Stopwatch:
    """Seconds that pass, and seconds of the processor that this process uses."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error):
        self.told = {"seconds": time.perf_counter() - self.wall, "cpu": time.process_time() - self.cpu}


def resident() -> int:
    """Return the bytes that the process holds now; 0 where the system does not tell."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peaks() -> dict[str, int]:
    """Return the most bytes that the process has held, by each count there is."""
    unit = 1 if sys.platform == "darwin" else 1024
    found = {"ru_maxrss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        found["VmHWM"] = int(line.split()[1]) * 1024
    return found


def load(folder: Path) -> dict:
    """Load a cohort; the time ends when all is there, the fingerprint included."""
    from ketaoutcomes import load_cohort

    with Stages() as stages, Stopwatch() as watch:
        cohort = load_cohort(folder)
    rows = {name: len(frame) for name, frame in cohort.tables.items()}
    return _with_stages(watch, rows, stages, fingerprint=cohort.fingerprint)


def check(folder: Path) -> dict:
    """Check a folder."""
    from ketaoutcomes import check as check_folder

    with Stages() as stages, Stopwatch() as watch:
        result = check_folder(folder)
    rows = dict(zip(result.counts["table"], result.counts["n_kept"].tolist(), strict=True))
    return _with_stages(watch, rows, stages, fingerprint=result.fingerprint, ok=bool(result.ok))


def arrow(folder: Path) -> dict:
    """Read the same files as frames, and do nothing else: what any tool has to do first."""
    import pandas  # noqa: F401 - imported before the clock starts, as for the others
    import pyarrow.parquet as pq

    with Stopwatch() as watch:
        frames = {path.stem: pq.read_table(path).to_pandas() for path in sorted(folder.glob("*.parquet"))}
    return {**watch.told, "rows": {name: len(frame) for name, frame in frames.items()}, **peaks()}


def _with_stages(watch: Stopwatch, rows: dict, stages: Stages, **more) -> dict:
    return {
        **watch.told,
        "rows": rows,
        **peaks(),
        "stages": {
            name: {"seconds": spent, "peak": stages.peak[name]} for name, spent in stages.seconds.items()
        },
        **more,
    }


WAYS = {"load": load, "check": check, "arrow": arrow}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    print(json.dumps(WAYS[chosen.way](chosen.folder)))


if __name__ == "__main__":
    main()
