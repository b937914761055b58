"""Fine and Gray's model the long way: a row per piece of time, as R's `finegray` makes, and dense sums."""

from __future__ import annotations

import numpy as np


def pieces(time, event, cause):
    """Rows (patient, start, stop, weight, is event) between the times at which the weight changes."""
    order_events = event > 0
    changes, weights = [], []
    level = 1.0
    for when in np.unique(time[~order_events]):
        at_risk = (time > when).sum() + ((time == when) & ~order_events).sum()
        level *= 1.0 - ((time == when) & ~order_events).sum() / at_risk
        changes.append(when)
        weights.append(level)
    ends = np.append(changes, time.max())
    values = np.append(1.0, weights)
    wanted = np.unique(np.searchsorted(ends, np.unique(time[event == cause]), side="left"))
    rows = []
    for patient, (stop, code) in enumerate(zip(time, event, strict=True)):
        if code in (0, cause):
            rows.append((patient, 0.0, stop, 1.0, code == cause))
            continue
        own = np.searchsorted(ends, stop, side="left")
        rows.append((patient, 0.0, ends[own], 1.0, False))
        for number in wanted[wanted > own]:
            rows.append((patient, ends[number - 1], ends[number], values[number] / values[own], False))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def efron(x, start, stop, weight, is_event, beta):
    """Log-likelihood, score residual of each row, and information of a weighted Cox model, at `beta`."""
    risk = weight * np.exp(x @ beta)
    residual = np.zeros_like(x)
    information = np.zeros((x.shape[1], x.shape[1]))
    loglik = 0.0
    for when in np.unique(stop[is_event]):
        here = (start < when) & (stop >= when)
        tied = is_event & (stop == when)
        n = tied.sum()
        loglik += (x[tied] @ beta).sum()
        for number in range(n):
            share = np.where(tied, 1 - number / n, 1.0)[here] * risk[here]
            total = share.sum()
            mean = share @ x[here] / total
            loglik -= np.log(total)
            centred = x[here] - mean
            information += (share[:, None] * centred).T @ centred / total
            residual[here] -= share[:, None] * centred / total
            residual[tied] += (x[tied] - mean) / n
    return loglik, residual, information
