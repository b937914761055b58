"""What was measured, as rows, as a table to read, and against the goals."""

from __future__ import annotations

import math

import pandas as pd
from mixed_peers.clinics import FIXED, MODELS
from mixed_peers.fit import same_name
from mixed_peers.peers import PEERS

AT_OPTIMUM = 0.1  # REML deviance above the least; more than this is another answer
OURS, OURS_KR = "ketaoutcomes", "ketaoutcomes KR"
PYTHON_PEERS = [peer.name for peer in PEERS if peer.module and not peer.name.startswith(OURS)]
SAYS = {peer.name: peer.says for peer in PEERS}
TRUTH = {same_name(name): value for name, value in FIXED.items()}


def rows(cells):
    """One row per model, size and peer.

    Times are seconds; `ratio` is the median over that of `base`, which is ours if it was
    measured and else the first peer that was; `ratio_best` is the same of the least times,
    `ratio_above` what a peer exceeds that did not finish. `deviance_gap` is the REML deviance
    above the least of all peers; `estimates_off` the largest difference of a fixed effect from
    that of the peer with the least deviance, over the true value; `df_off` the largest relative
    difference from lmerTest.
    """
    measured = [cell.peer for cell in cells if cell.seconds]
    base = OURS if OURS in measured else next(iter(measured), OURS)
    frame = pd.DataFrame([_row(cell, _peers_of(cell, cells), base) for cell in cells])
    numbers = ["ratio", "ratio_best", "ratio_above", "memory_mb", "memory_matrices"]
    return frame.astype(dict.fromkeys(numbers, float))


def _peers_of(cell, cells):
    """The measured cells of the same model and size, by name."""
    same = [c for c in cells if (c.model, c.patients) == (cell.model, cell.patients) and c.seconds]
    return {c.peer: c for c in same}


def _row(cell, measured, base):
    own = measured.get(base)
    row = {
        "model": cell.model,
        "patients": cell.patients,
        "rows": cell.rows,
        "columns": len(FIXED),
        "peer": cell.peer,
        "says": SAYS[cell.peer],
        "status": cell.status,
        "fits": len(cell.seconds),
        "best_s": cell.best,
        "median_s": cell.median,
        "base": base,
        "ratio": cell.median / own.median if cell.seconds and own else None,
        "ratio_best": cell.best / own.best if cell.seconds and own else None,
        "ratio_above": cell.over / own.median if cell.over and own else None,
        "memory_mb": cell.bytes / 1e6 if cell.bytes is not None else None,
        "memory_matrices": cell.bytes / cell.matrix_bytes if cell.bytes is not None else None,
        "deviance": cell.deviance,
    }
    optimum = min(measured.values(), key=lambda c: c.deviance, default=None)
    row["deviance_gap"] = cell.deviance - optimum.deviance if cell.seconds else None
    row["estimates_off"] = _off(cell.estimates, optimum.estimates, TRUTH) if cell.seconds else None
    peer = measured.get("lmerTest")
    # Satterthwaite's and Kenward and Roger's degrees of freedom differ by right.
    same_method = cell.df and peer and SAYS[cell.peer] == SAYS["lmerTest"]
    row["df_off"] = _off(cell.df, peer.df, peer.df) if same_method else None
    return row


def _off(values, reference, scale):
    """The largest difference, as a share of `scale`; not a number where the names differ."""
    if values.keys() != reference.keys():
        return math.nan
    return max(abs(values[name] - reference[name]) / abs(scale[name]) for name in reference)


def page(frame, settings):
    """The whole result as Markdown: the machine, the goals, one table per model and size."""
    lines = ["# Linear mixed models: time and memory against peers", "", *settings, ""]
    lines += ["## Goals", "", *goals(frame), ""]
    for (model, n_patients), part in frame.groupby(["model", "patients"], sort=False):
        first = part.iloc[0]
        lines += [
            f"## {MODELS[model]}, {n_patients:,} patients",
            "",
            f"{first['rows']:,} rows, {first['columns']} fixed effects; model matrix "
            f"{first['rows'] * first['columns'] * 8 / 1e6:.1f} MB. Ratios are to {first['base']}.",
            "",
            "| peer | its table | fits | best s | median s | ratio | memory MB | x matrix "
            "| deviance gap | estimates off | df off |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        lines += [_line(row) for _, row in part.iterrows()]
        lines.append("")
    return "\n".join(lines)


def _line(row):
    start = f"| {row['peer']} | {row['says']} "
    if not row["fits"]:
        above = "" if pd.isna(row["ratio_above"]) else f"> {short(row['ratio_above'])}"
        return f"{start}| 0 | {row['status']} | | {above or '–'} | | | | | |"
    numbers = [
        str(row["fits"]),
        f"{row['best_s']:.3g}",
        f"{row['median_s']:.3g}",
        "–" if pd.isna(row["ratio"]) else short(row["ratio"]),
        _or_dash(row["memory_mb"], ".1f"),
        _or_dash(row["memory_matrices"], ".1f"),
        _or_dash(row["deviance_gap"], ".0e") + (" (not at the optimum)" * (row["deviance_gap"] > AT_OPTIMUM)),
        _or_dash(row["estimates_off"], ".0e"),
        _or_dash(row["df_off"], ".0e"),
    ]
    return f"{start}| {' | '.join(numbers)} |"


def short(ratio):
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _or_dash(value, form):
    return "–" if value is None or math.isnan(value) else format(value, form)


def goals(frame):
    """The goals as a table, each with what this run gave."""
    at = {(row["model"], row["patients"], row["peer"]): row for _, row in frame.iterrows()}
    lines = ["| goal | model | patients | wanted | measured | met |", "|---|---|--:|--:|--:|---|"]
    for n_patients, least in ((200, 10), (2_000, 40), (20_000, 80), (100_000, 80)):
        lines.append(_speed("lmerTest over ours", "slope", n_patients, at, ["lmerTest"], least))
    lines.append(_speed("statsmodels over ours", "slope", 20_000, at, ["statsmodels"], 400))
    for model in MODELS:
        for n_patients in (20_000, 100_000):
            what = "fastest other Python peer over ours"
            lines.append(_speed(what, model, n_patients, at, PYTHON_PEERS, 2))
    kr = at.get(("slope", 20_000, OURS_KR))
    value = kr["ratio"] if kr is not None and kr["base"] == OURS else None
    lines.append(_entry("Kenward-Roger over the fit", "slope", 20_000, value, 3, below=True))
    for model in MODELS:
        for n_patients in (20_000, 100_000):
            mine = at.get((model, n_patients, OURS))
            value = None if mine is None else mine["memory_matrices"]
            lines.append(_entry("memory over the model matrix", model, n_patients, value, 2, below=True))
    return lines


def _speed(what, model, n_patients, at, peers, least):
    """The least ratio of these peers; one that took too long stands with the bound it exceeds."""
    found = [at[model, n_patients, peer] for peer in peers if (model, n_patients, peer) in at]
    found = [row for row in found if row["base"] == OURS]
    ratios = [row["ratio"] for row in found if not pd.isna(row["ratio"])]
    if ratios:
        return _entry(what, model, n_patients, min(ratios), least)
    bounds = [row["ratio_above"] for row in found if not pd.isna(row["ratio_above"])]
    return _entry(what, model, n_patients, min(bounds, default=None), least, bound=True)


def _entry(what, model, n_patients, value, goal, *, below=False, bound=False):
    wanted = f"{'at most' if below else 'at least'} {goal}"
    start = f"| {what} | {MODELS[model]} | {n_patients:,} | {wanted} "
    if value is None or pd.isna(value):
        return f"{start}| not measured | |"
    met = value <= goal if below else value >= goal
    verdict = "yes" if met else "unknown" if bound else "**no**"
    return f"{start}| {'above ' if bound else ''}{short(value)} | {verdict} |"
