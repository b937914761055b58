"""Time of the interval-censored estimate against the peers that are installed.

    python benchmarks/interval.py --sizes 500 2000 --rounds 3

Ours and the peers take turns within one run, so a slow moment of the machine hits
all of them. `gap` bounds what a solution's log-likelihood is below the maximum; it is
computed here, from each solver's masses, by the same code. `ratio` is time over ours.
The last lines time the bootstrap band: 240 patients, 400 replicates.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings

import numpy as np

from ketaoutcomes.engine.bootstrap import npmle_bootstrap
from ketaoutcomes.engine.interval import npmle
from ketaoutcomes.engine.mixture import Ranges, gradient
from ketaoutcomes.engine.support import collapse, innermost_intervals

HORIZON_HOURS = 2016.0
VISIT_DAYS = np.array([1, 3, 7, 14, 21, 28, 42, 56, 70, 84])


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
    begin = time.perf_counter()
    curve = solver(left, right)
    return time.perf_counter() - begin, curve


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 10_000], help="numbers of patients")
    parser.add_argument("--grids", nargs="+", default=["days", "hours", "unrounded"], help="assessment times")
    parser.add_argument("--rounds", type=int, default=3, help="how often each solver takes its turn")
    parser.add_argument(
        "--limit", type=float, default=0.25, help="seconds after which a peer sits out larger sizes"
    )
    return parser.parse_args()


def main():
    options = arguments()
    warnings.simplefilter("ignore")
    solvers = {"ketaoutcomes": ours}
    for name, solver in (("surpyval", surpyval), ("lifelines", lifelines)):
        if importlib.util.find_spec(name):
            solver(*cohort(20, "days"))  # so that no import is timed
            solvers[name] = solver
        else:
            print(f"{name} is not installed; left out")
    head = f"{'grid':<10}{'patients':>9}{'intervals':>10}  {'solver':<13}"
    print(head + f"{'median s':>9}{'best s':>9}{'ratio':>8}{'gap':>10}")
    slow = set()
    for grid in options.grids:
        slow.clear()
        for n in sorted(options.sizes):
            compare(grid, n, solvers, slow, options)
    for grid in options.grids:
        left, right = cohort(240, grid)
        m = len(innermost_intervals(left, right).left)
        spent = [timed(band, left, right)[0] for _ in range(options.rounds)]
        middle, best = np.median(spent), min(spent)
        print(
            f"band, {grid:<10} 240 patients, {m:>3} intervals, 400 replicates: "
            f"{middle:.3f} s, best {best:.3f} s"
        )


def compare(grid, n, solvers, slow, options):
    """Prints one row per solver for one cohort."""
    left, right = cohort(n, grid)
    spent, gaps, m = {}, {}, 0
    for _ in range(options.rounds):
        for name, solver in solvers.items():
            if name in slow:
                continue
            seconds, curve = timed(solver, left, right)
            spent.setdefault(name, []).append(seconds)
            gaps[name], m = gap_of(curve, left, right)
            if seconds > options.limit:
                slow.add(name)
    base = np.median(spent["ketaoutcomes"])
    head = f"{grid:<10}{n:>9}{m:>10}  "
    for name in solvers:
        if name not in spent:
            print(f"{head}{name:<13}  above the limit at a smaller size")
            continue
        middle, best = np.median(spent[name]), min(spent[name])
        print(f"{head}{name:<13}{middle:>9.4f}{best:>9.4f}{middle / base:>8.1f}{gaps[name]:>10.1e}")


if __name__ == "__main__":
    main()
