"""Loading and checking many patients: time, peak memory and time per stage.

    python benchmarks/million.py --patients 1000000 [--forms hours dates] [--rounds 1] [--folder F] [--keep]

Makes the patients by the project's own simulator, as one Parquet file per table, for the size asked for and
a tenth of it. Then, each in a process of its own and in turns, the folder is loaded, checked, and read
plainly (`pyarrow.parquet.read_table` to pandas of the same files): what any tool has to do first, and what
the ratios are to. Memory is the peak of the whole process. Writes million.md.

The limit is 8 GB each for loading and checking a million patients. Data take about 0.5 GB of disk per
million patients and form; they are removed afterwards unless --keep is given, and a folder that was kept
is used again.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = HERE / "million_parts"
WAYS = {"arrow": "plain read", "load": "load_cohort", "check": "check"}
FORMS = {"hours": "safe harbor, hours", "dates": "limited data set, dates"}
# One rated by a clinician and one answered item by item; all seven instruments give 69 scores per patient.
INSTRUMENTS = ["MADRS", "PHQ-9"]
LIMIT = 8e9
# The plain read is left out if ten times what it took for a tenth is more than this share of free memory.
SHARE = 0.7


@dataclass
class Cell:
    """One way to read one folder, over the rounds."""

    form: str
    patients: int
    way: str
    runs: list[dict] = field(default_factory=list)

    @property
    def seconds(self):
        return [run["seconds"] for run in self.runs]

    @property
    def cpu(self):
        """The least seconds of the processor; least disturbed by what else runs."""
        return min(run["cpu"] for run in self.runs)

    @property
    def bytes(self):
        """The largest peak of the rounds, by whichever count says more."""
        return max(max(run["ru_maxrss"], run.get("VmHWM", 0)) for run in self.runs)

    @property
    def rows(self):
        return self.runs[0]["rows"]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="how often each way takes its turn")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=["hours"])
    parser.add_argument("--instruments", nargs="+", default=INSTRUMENTS)
    parser.add_argument("--piece", type=int, default=20_000, help="patients simulated at a time")
    parser.add_argument("--folder", type=Path, help="where the data are made; a temporary one when absent")
    parser.add_argument("--keep", action="store_true", help="leave the data in the folder")
    parser.add_argument("--out", type=Path, default=Path("reports/bench/million"), help="folder to write to")
    options = parser.parse_args()
    if options.patients < 20:
        parser.error("--patients: at least 20, since a tenth of them is measured too")
    return options


def main():
    options = arguments()
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    if options.keep:
        folder = options.folder or Path(tempfile.mkdtemp(prefix="million-"))
        cells = run(options, folder)
        print(f"The data are left in {folder}")
    else:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="million-") as scratch:
            cells = run(options, Path(scratch))
    lines = page(cells, options)
    print("\n" + "\n".join(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "million.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(options, folder):
    """All cells: forms, then the tenth and the whole, then the ways in turns."""
    cells = []
    for form in options.forms:
        for patients in (options.patients // 10, options.patients):
            place = made(folder / f"{form}-{patients}", form, patients, options)
            here = [Cell(form, patients, way) for way in WAYS]
            here = [cell for cell in here if cell.way != "arrow" or fits(cells, cell)]
            for _ in range(options.rounds):
                for cell in here:
                    cell.runs.append(measured(cell.way, place))
                    took = cell.runs[-1]
                    print(
                        f"{form} {patients:,} patients: {WAYS[cell.way]} {took['seconds']:.2f} s, "
                        f"{cell.bytes / 1e9:.2f} GB",
                        flush=True,
                    )
            cells += here
    return cells


def made(place, form, patients, options):
    """Make the data unless they are there from before; return their folder."""
    wish = {"patients": patients, "form": form, "instruments": options.instruments, "piece": options.piece}
    note = place / ".made.json"
    if note.exists() and json.loads(note.read_text(encoding="utf-8")) == wish:
        return place
    command = [sys.executable, str(PARTS / "data.py"), str(place), "--patients", str(patients)]
    command += ["--form", form, "--piece", str(options.piece), "--instruments", *options.instruments]
    subprocess.run(command, check=True)
    note.write_text(json.dumps(wish), encoding="utf-8")
    return place


def fits(cells, cell):
    """Whether the plain read of the whole has room, judged by the tenth."""
    before = [one for one in cells if (one.form, one.way) == (cell.form, "arrow")]
    memory = Path("/proc/meminfo")
    if not before or not memory.exists():
        return True
    free = next(line for line in memory.read_text().splitlines() if line.startswith("MemAvailable"))
    if 10 * before[0].bytes < SHARE * int(free.split()[1]) * 1024:
        return True
    print(f"{cell.form} {cell.patients:,} patients: plain read left out, it would not fit into memory")
    return False


def measured(way, place):
    """One turn, in a process of its own."""
    command = [sys.executable, str(PARTS / "measure.py"), way, str(place)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def page(cells, options):
    """What was measured, as Markdown."""
    return [
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; "
        f"instruments {', '.join(options.instruments)}; {options.rounds} round(s). Ratios are to the plain "
        "read of the same files in the same run.",
        "",
        *sizes(cells),
        "",
        *rows_per_table(cells),
        "",
        *stages(cells),
        "",
        *growth(cells),
        *limit(cells),
    ]


def sizes(cells):
    lines = ["| form | patients | rows | way | least s | middle s | CPU s | peak GB | ratio CPU | ratio GB |"]
    lines.append("|---|--:|--:|---|--:|--:|--:|--:|--:|--:|")
    for cell in cells:
        base = next((one for one in cells if one.way == "arrow" and same(one, cell)), None)
        least, middle = min(cell.seconds), statistics.median(cell.seconds)
        told = [FORMS[cell.form], f"{cell.patients:,}", f"{sum(cell.rows.values()):,}", WAYS[cell.way]]
        told += [f"{least:.2f}", f"{middle:.2f}", f"{cell.cpu:.2f}", f"{cell.bytes / 1e9:.2f}"]
        ratios = ["", ""] if base is None else [cell.cpu / base.cpu, cell.bytes / base.bytes]
        told += [f"{ratio:.2f}" if ratio else "" for ratio in ratios]
        lines.append(f"| {' | '.join(told)} |")
    return lines


def same(one, other):
    return (one.form, one.patients) == (other.form, other.patients)


def rows_per_table(cells):
    loaded = [cell for cell in cells if cell.way == "load"]
    names = list(loaded[0].rows)
    lines = ["| rows | patients | " + " | ".join(names[1:]) + " |", "|---" + "|--:" * len(names) + "|"]
    for cell in loaded:
        counts = " | ".join(f"{cell.rows[name]:,}" for name in names)
        lines.append(f"| {FORMS[cell.form]} | {counts} |")
    return lines


def stages(cells):
    """CPU seconds of each stage at the larger size, and the peak of the process while it ran."""
    large = _large(cells)
    lines = ["| stage | " + " | ".join(f"{WAYS[one.way]}, {one.form}: CPU s | GB" for one in large) + " |"]
    lines.append("|---" + "|--:|--:" * len(large) + "|")
    for name in large[0].runs[0]["stages"]:
        found = [[run["stages"][name] for run in one.runs] for one in large]
        told = [
            f"{min(one['seconds'] for one in runs):.2f} | {max(one['peak'] for one in runs) / 1e9:.2f}"
            for runs in found
        ]
        lines.append(f"| {name} | {' | '.join(told)} |")
    return lines


def _large(cells, but="arrow"):
    most = max(cell.patients for cell in cells)
    return [cell for cell in cells if cell.patients == most and cell.way != but]


def growth(cells):
    """The power of the number of patients with which time and memory grow, from the tenth to the whole."""
    lines = []
    for large in _large(cells, but=None):
        smaller = [one for one in cells if one.patients < large.patients]
        small = next((one for one in smaller if (one.form, one.way) == (large.form, large.way)), None)
        if small is not None:
            steps = math.log(large.patients / small.patients)
            time = math.log(large.cpu / small.cpu) / steps
            memory = math.log(large.bytes / small.bytes) / steps
            lines.append(
                f"* growth, {large.form}, {WAYS[large.way]}: CPU time as n^{time:.2f}, peak memory as "
                f"n^{memory:.2f} from {small.patients:,} to {large.patients:,} patients"
            )
    return lines


def limit(cells):
    """Whether each way stayed below the limit; it is one for a million patients."""
    return [
        f"* limit, {cell.form}, {WAYS[cell.way]}: {cell.bytes / 1e9:.2f} GB for {cell.patients:,} patients, "
        f"{'within' if cell.bytes <= LIMIT else 'ABOVE'} {LIMIT / 1e9:.0f} GB"
        for cell in _large(cells)
    ]


if __name__ == "__main__":
    main()
