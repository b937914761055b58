"""Time of the interval-censored estimate against the peers that are installed.

    python benchmarks/interval.py --rounds 5 --out reports/bench/interval

Ours and the peers take turns within one run, so a slow moment of the machine hits
all of them. `gap` bounds what a solution's log-likelihood is below the maximum; it is
computed here, from each solver's masses, by the same code. `ratio` is time over ours.
lifelines and R's survfit are run at 500 patients only, for the record. Ends with the growth of our time with
the number of patients, and the bootstrap band: 240 patients, 400 replicates. Writes `interval.md`.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from ketaoutcomes.engine.bootstrap import npmle_bootstrap
from ketaoutcomes.engine.interval import npmle
from ketaoutcomes.engine.mixture import Ranges, gradient
from ketaoutcomes.engine.support import collapse, innermost_intervals

HORIZON_HOURS = 2016.0
VISIT_DAYS = np.array([1, 3, 7, 14, 21, 28, 42, 56, 70, 84])
# Peers that take seconds or minutes at 500 patients are run no further.
LARGEST_OF_SLOW = 500
SLOW = ("lifelines", "R survfit")
SURVFIT = """
suppressPackageStartupMessages(library(survival))
d <- read.csv(commandArgs(TRUE)[1]); d$right[is.infinite(d$right)] <- NA
spent <- system.time(f <- survfit(Surv(left, right, type = "interval2") ~ 1, d))[["elapsed"]]
cat(spent, "\\n")
write.csv(data.frame(time = f$time, surv = f$surv), commandArgs(TRUE)[2], row.names = FALSE)
"""


def cohort(n, grid, seed=1):
    """Intervals (left, right] in hours: common days, whole hours, or any moment."""
    stream = np.random.default_rng([seed, n])
    event = stream.weibull(1.2, n) * 1200
    if grid == "days":
        visits = np.tile(VISIT_DAYS * 24.0, (n, 1))
        attended = stream.random(visits.shape) < 0.75
    else:
        gaps = stream.exponential(170, (n, 12))
        visits = np.cumsum(np.round(gaps) + 1 if grid == "hours" else gaps, axis=1)
        attended = visits <= HORIZON_HOURS
    left = np.max(np.where(attended & (visits < event[:, None]), visits, 0.0), axis=1)
    right = np.min(np.where(attended & (visits >= event[:, None]), visits, np.inf), axis=1)
    return left, right


def ours(left, right):
    fit = npmle(left, right)
    return lambda times: np.concatenate(([0.0], np.cumsum(fit.mass)))[
        np.searchsorted(fit.right, times, side="right")
    ]


def surpyval(left, right):
    model = importlib.import_module("surpyval").Turnbull.fit(
        xl=_opened(left), xr=right, turnbull_estimator="Kaplan-Meier"
    )
    return lambda times: np.nan_to_num(model.ff(times))


def lifelines(left, right):
    fitter = importlib.import_module("lifelines").KaplanMeierFitter()
    fitter.fit_interval_censoring(_opened(left), right)
    # At a right end the lower of its two columns is the one from which the interval's mass is gone.
    curve = fitter.survival_function_
    return lambda times: 1 - curve.iloc[np.searchsorted(curve.index, times, side="right") - 1, 1].to_numpy()


def survfit(left, right):
    """R's survfit in a process of its own; returns its own count of seconds with the curve."""
    with tempfile.TemporaryDirectory() as scratch:
        data, out = Path(scratch, "in.csv"), Path(scratch, "out.csv")
        np.savetxt(
            data, np.column_stack([_opened(left), right]), delimiter=",", header="left,right", comments=""
        )
        script = Path(scratch, "fit.R")
        script.write_text(SURVFIT)
        command = ["Rscript", str(script), str(data), str(out)]
        spent = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0])
        times, survival = np.loadtxt(out, delimiter=",", skiprows=1).T

    def curve(at):
        return 1 - np.append(1.0, survival)[np.searchsorted(times, at, side="right")]

    return spent, curve


def _opened(left):
    """Peers take [left, right]; a little later is the same as (left, right] on whole hours."""
    return np.where(left > 0, np.nextafter(left, np.inf), 0.0)


def gap_of(curve, left, right):
    """Certificate of a solver's curve, from its values at the innermost right ends."""
    support = innermost_intervals(left, right)
    level = np.append(curve(support.right[:-1]), 1.0)
    mass = np.maximum(np.diff(level, prepend=0.0), 0.0)
    # Summing equal rows first keeps the certificate's own rounding below 1e-9.
    ranges = Ranges(
        *collapse(support.first, support.stop, np.ones(len(left)), n_second=len(mass) + 1), len(mass)
    )
    g, d = gradient(mass / mass.sum(), ranges)
    return (ranges.total * (g.max() - 1) if d.min() > 0 else np.inf), len(mass)


def band(left, right):
    return npmle_bootstrap(left, right, np.arange(0.0, HORIZON_HOURS + 1, 24.0))


def timed(solver, left, right):
    """Seconds and curve; a solver in another process counts its own seconds."""
    if solver is survfit:
        return survfit(left, right)
    begin = time.perf_counter()
    curve = solver(left, right)
    return time.perf_counter() - begin, curve


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [500, 2_000, 10_000, 100_000]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="numbers of patients")
    parser.add_argument("--grids", nargs="+", default=["days", "hours", "unrounded"], help="assessment times")
    parser.add_argument("--rounds", type=int, default=3, help="how often each solver takes its turn")
    parser.add_argument("--out", type=Path, default=Path("reports/bench/interval"), help="folder to write to")
    return parser.parse_args()


def installed():
    """The solvers that are there, each run once so that no import is timed."""
    solvers = {"ketaoutcomes": ours}
    for name, solver in (("surpyval", surpyval), ("lifelines", lifelines)):
        if importlib.util.find_spec(name):
            solver(*cohort(20, "days"))
            solvers[name] = solver
        else:
            print(f"{name} is not installed; left out")
    if shutil.which("Rscript"):
        solvers["R survfit"] = survfit
    else:
        print("Rscript is not there; R survfit left out")
    return solvers


def main():
    options = arguments()
    warnings.simplefilter("ignore")
    solvers = installed()
    lines = ["| grid | patients | intervals | solver | median s | best s | ratio | gap |"]
    lines.append("|---|--:|--:|---|--:|--:|--:|--:|")
    print("\n".join(lines))
    base = {}
    for grid in options.grids:
        for n in sorted(options.sizes):
            chosen = {name: f for name, f in solvers.items() if name not in SLOW or n <= LARGEST_OF_SLOW}
            rows, base[grid, n] = compare(grid, n, chosen, options.rounds)
            lines += rows
    lines += ["", *growth(base, options)]
    for grid in options.grids:
        left, right = cohort(240, grid)
        m = len(innermost_intervals(left, right).left)
        spent = [timed(band, left, right)[0] for _ in range(options.rounds)]
        lines.append(
            f"* band, {grid}: 240 patients, {m} intervals, 400 replicates: {np.median(spent):.3f} s, "
            f"best {min(spent):.3f} s"
        )
    print("\n".join(lines[-2 * len(options.grids) - 1 :]))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "interval.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def compare(grid, n, solvers, rounds):
    """One line per solver for one cohort, and our best time."""
    left, right = cohort(n, grid)
    spent, gaps, m = {}, {}, 0
    for _ in range(rounds):
        for name, solver in solvers.items():
            seconds, curve = timed(solver, left, right)
            spent.setdefault(name, []).append(seconds)
            gaps[name], m = gap_of(curve, left, right)
    base = np.median(spent["ketaoutcomes"])
    lines = []
    for name, seconds in spent.items():
        middle, best = np.median(seconds), min(seconds)
        lines.append(
            f"| {grid} | {n:,} | {m:,} | {name} | {middle:.4f} | {best:.4f} | {middle / base:.1f} | "
            f"{gaps[name]:.1e} |"
        )
        print(lines[-1])
    return lines, min(spent["ketaoutcomes"])


def growth(base, options):
    """How our best time grows with the number of patients: the slope of its logarithm."""
    sizes = [n for n in sorted(options.sizes) if n > LARGEST_OF_SLOW]
    if len(sizes) < 2:
        return []
    lines = []
    for grid in options.grids:
        power = np.polyfit(np.log(sizes), np.log([base[grid, n] for n in sizes]), 1)[0]
        lines.append(
            f"* growth, {grid}: time grows as n^{power:.2f} from {sizes[0]:,} to {sizes[-1]:,} patients"
        )
    return lines


if __name__ == "__main__":
    main()
